/*
 * The commands of custody. Each gets the options and the words after its name, and prints its result.
 */
#ifndef STRONGROOM_CUSTODY_COMMANDS_H
#define STRONGROOM_CUSTODY_COMMANDS_H

#include <jansson.h>

#include "keyfile.h"
#include "options.h"

struct command_input {
    const struct custody_options *options;
    char **words; /* after the command's own, NULL-terminated */
    int count;
};

typedef enum status command_run(const struct command_input *input, struct fault *fault);

/* keys.c */
command_run command_key_generate;
command_run command_key_show;
command_run command_key_address;

/* documents.c */
command_run command_sign;
command_run command_digest;
command_run command_destination_add;

/* propose.c */
command_run command_propose;
command_run command_cancel;
command_run command_wait;
command_run command_list;
command_run command_wallets;
command_run command_explain;

/* approve.c */
command_run command_show;
command_run command_approve;
command_run command_reject;

/* export.c */
command_run command_evidence;
command_run command_audit_export;

/* issue.c */
command_run command_issue;

/*
 * A text that the service supplied, fit for a terminal: "" when the member has none, '?' for every byte that is not
 * printable ASCII. Out: `out`.
 */
#define SERVICE_TEXT_SIZE 256
const char *command_service_text(char out[SERVICE_TEXT_SIZE], const json_t *object, const char *member);

/* Opens the key file of --key with the passphrase of --passphrase-file or the terminal. Out: keyfile_free. */
MUST_CHECK enum status command_open_key(struct keyfile **out, const struct custody_options *options,
                                        struct fault *fault);

/* Makes the key file --out with --algorithm; the passphrase as above. Out: the public key. */
MUST_CHECK enum status command_new_key(struct public_key *out, const struct custody_options *options,
                                       struct fault *fault);

/* The stream of --out, or standard output. STATUS_EXISTS rather than replacing a file. */
MUST_CHECK enum status command_output(FILE **out, const struct custody_options *options, struct fault *fault);

/* Ends writing: flushes and closes what command_output opened. */
MUST_CHECK enum status command_output_end(FILE *stream, struct fault *fault);

/* Reads a whole file of at most `max` bytes without its final newline. Out: owned by the caller. */
MUST_CHECK enum status command_read_file(struct bytes *out, const char *path, size_t max, struct fault *fault);

#endif
