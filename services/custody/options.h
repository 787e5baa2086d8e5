/*
 * The options of custody: one table for all commands.
 */
#ifndef STRONGROOM_CUSTODY_OPTIONS_H
#define STRONGROOM_CUSTODY_OPTIONS_H

#include "base/option.h"

#define TEXT_SIZE 512

struct custody_options {
    char url[TEXT_SIZE];
    char token[TEXT_SIZE];
    char ca[TEXT_SIZE];
    char trust[TEXT_SIZE];
    char receipts[TEXT_SIZE];
    char key[TEXT_SIZE];
    char passphrase_file[TEXT_SIZE];
    char algorithm[32];
    char wallet[64];
    char asset[TEXT_SIZE];
    char amount[64];
    char to[TEXT_SIZE];
    char returns[TEXT_SIZE];
    char type[TEXT_SIZE];
    bool sweep;
    bool dry_run;
    char id[TEXT_SIZE];
    char code[16];
    char in[TEXT_SIZE];
    char out[TEXT_SIZE];
    int64_t timeout_s;
    bool json;

    /* of keys, ceremonies and shares */
    char policy[TEXT_SIZE];
    char socket[TEXT_SIZE];
    char role[32];
    char key_id[80];
    char document[TEXT_SIZE];
    char command[TEXT_SIZE];
    char ceremony[TEXT_SIZE];
    char backup[TEXT_SIZE];
    char restore[TEXT_SIZE];
    char attestation[TEXT_SIZE];
    char from[32];
    char until[48];
    int64_t signatures; /* 0: what the key document allows */
    char reason[64];
    char intent[80];
    int64_t on; /* number of a freeze, 0 for none */
    int64_t expires_in_s;
    int64_t max_age_days;
    char purpose[32];
    char environment[64];
    char case_id[64];
    char fields[96];
    char facts[TEXT_SIZE];
    char pins[TEXT_SIZE];
    char module[TEXT_SIZE];
    char program[TEXT_SIZE];
    char share[TEXT_SIZE];
    char share_set[TEXT_SIZE];
    char person[64];
    char seal_key[TEXT_SIZE];
    char seal_passphrase_file[TEXT_SIZE];
    char occasion[TEXT_SIZE];
    char requester[64];
    char authoriser[64];
    char executor[64];
    char serial[80];
    char set[80];
    char papers[TEXT_SIZE]; /* compromise */
    bool drill;
    char acknowledge[80]; /* alarms */
    char at[TEXT_SIZE];

    /* of the watch */
    struct option_list calls;
    char dir[TEXT_SIZE]; /* audit copy, export */
    bool check;
    char state[TEXT_SIZE];
    int64_t every_s;
    int64_t silence_s;
    int64_t still_s;
    int64_t answer_within_s;
    int64_t call_timeout_s;

    /* of the media ledger */
    char second[64];
    char place[64];
    char custodian[64];
    char due[48];
    char tool[64];
    char method[64];

    /* of a witness */
    struct option_list logs;
    int64_t size; /* entries */
    char name[TEXT_SIZE];
    char listen[80];
    char port_file[TEXT_SIZE];
};

/*
 * Reads the options; what the environment gives (STRONGROOM_URL, STRONGROOM_TOKEN, STRONGROOM_CA, STRONGROOM_TRUST)
 * stands in for an option that is not there. Out: *out_rest is the index of the first word that is not an option.
 */
MUST_CHECK enum status custody_options_load(struct custody_options *out, int *out_rest, int argc, char **argv,
                                            struct fault *fault);

/*
 * Refuses an option of the command line that is not among `allowed` (names by spaces): nobody is to believe that it had
 * an effect. The connection's (url, token-file, ca, trust, timeout) may always stand there. STATUS_USAGE with the name.
 */
MUST_CHECK enum status custody_options_check(const char *allowed, int argc, char **argv, struct fault *fault);

/*
 * Prints the manual of the options that `allowed` names. Required are those that `form`, the command's synopsis, has
 * outside of [ ] and { }.
 */
void custody_options_print(FILE *stream, const char *allowed, const char *form);

/* Prints one line about wrong arguments of `called`, "custody propose" (base/option.h). */
void custody_options_print_usage(FILE *stream, const char *called, const struct fault *fault);

#endif
