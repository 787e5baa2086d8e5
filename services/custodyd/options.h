/*
 * The options of custodyd: one table for all its commands, which read the same file; the manual of each is printed from
 * it.
 */
#ifndef STRONGROOM_CUSTODYD_OPTIONS_H
#define STRONGROOM_CUSTODYD_OPTIONS_H

#include "base/option.h"

#define OPTION_PATH_SIZE 512

/* Bits of the table (base/option.h). */
enum custodyd_command {
    CUSTODYD_RUN = 1,
    CUSTODYD_TOKEN = 2,
    CUSTODYD_REBUILD = 4,
    CUSTODYD_PRUNE = 8,
    CUSTODYD_FORK = 16,
    CUSTODYD_REVOKE = 32,
};

struct custodyd_options {
    char listen[128];
    char tls_certificate[OPTION_PATH_SIZE];
    char tls_key[OPTION_PATH_SIZE];
    char urgent_listen[128];
    char urgent_port_file[OPTION_PATH_SIZE];
    char copy[OPTION_PATH_SIZE];
    char order[OPTION_PATH_SIZE];
    int64_t connections;
    int64_t idle_s;
    int64_t request_s;
    int64_t token_rate;
    int64_t read_rate;
    int64_t token_served;
    int64_t token_requests;
    int64_t address_rate;
    int64_t refusals;
    char database[1024];
    int64_t database_connections;
    char data[OPTION_PATH_SIZE];
    char genesis[OPTION_PATH_SIZE];
    char policy[OPTION_PATH_SIZE];
    char origin[256];
    struct option_list log_keys;
    char pending_key[OPTION_PATH_SIZE];
    char transfer_socket[OPTION_PATH_SIZE];
    char audit_socket[OPTION_PATH_SIZE];
    char validator_socket[OPTION_PATH_SIZE];
    char privacy_socket[OPTION_PATH_SIZE];
    int64_t signer_timeout_ms;
    int64_t trail_timeout_ms;
    int64_t withdrawal_ttl_s;
    int64_t transaction_window;
    int64_t lanes;
    int64_t workers;
    int64_t watch_ms;
    char witnesses[OPTION_PATH_SIZE];
    int64_t witness_max_age_ms;
    int64_t copy_max_age_s; /* 0: no limit */
    int64_t review_days;    /* 0: no limit */
    char witness_tier[16];
    int64_t anchor_interval_s;
    int64_t anchor_entries;
    int64_t attestation_max_age_s;
    char port_file[OPTION_PATH_SIZE];
    char archive[OPTION_PATH_SIZE];
    int64_t before;
    int64_t retention_days;
    char person[64];
    char roles[128];
    char token[65];
    int64_t days;
    bool verbose;
};

/* Reads the command line after the subcommand, for the one that `program` is. */
MUST_CHECK enum status custodyd_options_load(struct custodyd_options *out, const struct option_program *program,
                                             int argc, char **argv, struct fault *fault);

/* SHA-256 of the options in effect (base/option.h). STATUS_NO_MEMORY. */
MUST_CHECK enum status custodyd_options_digest(struct digest *out, const struct custodyd_options *options,
                                               struct fault *fault);

/* Prints one line about wrong arguments of `called`, "custodyd run" (base/option.h). */
void custodyd_options_print_usage(FILE *stream, const char *called, const struct fault *fault);

#endif
