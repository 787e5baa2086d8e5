/*
 * The options of signerd, one struct for its three subcommands.
 */
#ifndef STRONGROOM_SIGNERD_OPTIONS_H
#define STRONGROOM_SIGNERD_OPTIONS_H

#include "base/option.h"
#include "hsm/token.h"
#include "policy/command.h"

#define OPTION_PATH_SIZE 1024
#define OPTION_USERS_SIZE 1024
#define OPTION_URI_SIZE 2048

struct options {
    char role[16];
    char module[OPTION_PATH_SIZE];
    char token[OPTION_URI_SIZE];
    char serial[HSM_TOKEN_SERIAL_SIZE];
    char key[64];
    char guard[OPTION_PATH_SIZE];
    char policy[OPTION_PATH_SIZE];
    int64_t pin_fd;
    char pin_credential[256];

    char socket[OPTION_PATH_SIZE]; /* run */
    char clients[OPTION_USERS_SIZE];
    char observers[OPTION_USERS_SIZE];
    int64_t sessions;
    bool sandbox;
    char standby[OPTION_URI_SIZE]; /* empty for none */
    int64_t standby_pin_fd;
    char standby_pin_credential[256];
    char pin_shares[OPTION_PATH_SIZE]; /* file of the share set: attended */
    int64_t token_timeout_ms;

    bool attended; /* token */

    char command[OPTION_PATH_SIZE]; /* initialise */
    char genesis[OPTION_PATH_SIZE];

    char algorithm[16]; /* generate */
};

/* What a subcommand does with its options; the exit status of the process. */
typedef int subcommand(const struct options *options);

subcommand run_main;
subcommand token_main; /* started by signerd run, not by people */
subcommand initialise_main;
subcommand generate_main;

/* Refused to start, for good: a supervisor must not try again (sysexits.h EX_CONFIG). */
#define EXIT_REFUSED 78

/* Reads the options of the subcommand argv[0] ("run" ...). STATUS_USAGE. */
MUST_CHECK enum status options_load(struct options *out, subcommand **out_main, int argc, char **argv,
                                    struct fault *fault);

/* The role that the option names. STATUS_USAGE. */
MUST_CHECK enum status options_role(enum signer_role *out, const struct options *options, struct fault *fault);

/* Logs why there was no start. Returns EXIT_REFUSED. */
int start_refused(const struct fault *fault);

#endif
