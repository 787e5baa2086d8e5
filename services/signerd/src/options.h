/*
 * The options of signerd, one struct for all its subcommands.
 */
#ifndef STRONGROOM_SIGNERD_OPTIONS_H
#define STRONGROOM_SIGNERD_OPTIONS_H

#include "base/option.h"
#include "hsm/key.h"
#include "policy/command.h"

#define OPTION_PATH_SIZE 1024
#define OPTION_USERS_SIZE 1024
#define OPTION_URI_SIZE 2048
#define OPTION_CUSTODIANS_SIZE 16384
#define OPTION_PROMISES_MAX 1000000000000

struct options {
    char role[16];
    char module[OPTION_PATH_SIZE];
    char token[OPTION_URI_SIZE];
    char serial[HSM_TOKEN_SERIAL_SIZE];
    char lock_folder[OPTION_PATH_SIZE];
    char key[64];
    char guard[OPTION_PATH_SIZE];
    char policy[OPTION_PATH_SIZE];
    int64_t pin_fd;
    char pin_credential[256];

    char socket[OPTION_PATH_SIZE]; /* run */
    char clients[OPTION_USERS_SIZE];
    char observers[OPTION_USERS_SIZE];
    char key_users[OPTION_USERS_SIZE]; /* run: option custodians */
    int64_t sessions;
    bool sandbox;
    char standby[OPTION_URI_SIZE]; /* empty for none */
    int64_t standby_pin_fd;
    char standby_pin_credential[256];
    char pin_shares[OPTION_PATH_SIZE]; /* run, backup: file of the share set; attended */
    int64_t token_timeout_ms;
    int64_t token_anchor_s; /* run: 0 for no anchors in tokens */
    char witnesses[OPTION_PATH_SIZE];
    char witness_tier[16];
    char accept_clock[16]; /* run: a day, empty for none */
    char accept_guard[72]; /* run: the id of a guard, empty for none */

    bool attended; /* token */

    char command[OPTION_PATH_SIZE]; /* initialise */
    char genesis[OPTION_PATH_SIZE];
    int64_t promises; /* initialise */

    char algorithm[16]; /* generate */
    char profile[16];   /* generate: option backup */
    bool approved;
    bool wrapping;

    int64_t so_pin_fd;                       /* backup, restore */
    char custodians[OPTION_CUSTODIANS_SIZE]; /* backup, share-pin: name:site:file, by commas */
    int64_t threshold;
    char holder[64];
    char site[64];
    char output[OPTION_PATH_SIZE];
    char key_id[72];                 /* share-pin */
    char backups[OPTION_URI_SIZE];   /* share-pin: files, by commas */
    char previous[OPTION_PATH_SIZE]; /* share-pin: file of the share set before */

    char backup[OPTION_PATH_SIZE];  /* restore: file of the backup document */
    char wrapped[OPTION_PATH_SIZE]; /* restore: file of the wrapped key */
    bool wrappable;
    bool drill;
};

/* What a subcommand does with its options; the exit status of the process. */
typedef int subcommand(const struct options *options);

subcommand run_main;
subcommand token_main; /* started by signerd run, not by people */
subcommand initialise_main;
subcommand generate_main;
subcommand backup_main;
subcommand restore_main;
subcommand share_pin_main;
subcommand destroy_main;

/* Refused to start, for good: a supervisor must not try again (sysexits.h EX_CONFIG). */
#define EXIT_USAGE 64   /* sysexits EX_USAGE: wrong arguments, or a wrong configuration file */
#define EXIT_REFUSED 78 /* sysexits EX_CONFIG: starting again will not help */

/*
 * Reads the options of the subcommand argv[0] ("run" ...). --help instead of one prints what there is and ends the
 * process with 0. STATUS_USAGE.
 */
MUST_CHECK enum status options_load(struct options *out, subcommand **out_main, int argc, char **argv,
                                    struct fault *fault);

/* The role that the option names. STATUS_USAGE. */
MUST_CHECK enum status options_role(enum signer_role *out, const struct options *options, struct fault *fault);

/* SHA-256 of the options of `signerd run` in effect (base/option.h: option_digest). STATUS_NO_MEMORY. */
MUST_CHECK enum status options_digest(struct digest *out, const struct options *options, struct fault *fault);

/* What may be done with the private value of a key to be made, by the option backup. STATUS_USAGE. */
MUST_CHECK enum status options_profile(enum hsm_key_profile *out, const struct options *options, struct fault *fault);

/* Tells wrong arguments of the subcommand `word` in one line on standard error. Returns EXIT_USAGE. */
int usage_refused(const char *word, const struct fault *fault);

/* Logs why there was no start and returns EXIT_REFUSED; a fault of the options is told as by usage_refused. */
int start_refused(const struct fault *fault);

#endif
