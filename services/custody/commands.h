/*
 * The commands of custody. Each gets the options and the words after its name, and prints its result.
 */
#ifndef STRONGROOM_CUSTODY_COMMANDS_H
#define STRONGROOM_CUSTODY_COMMANDS_H

#include <jansson.h>

#include "base/signed.h"
#include "keyfile.h"
#include "options.h"

struct policy;

struct command_input {
    const struct custody_options *options;
    char **words; /* after the command's own, `count` of them */
    int count;
};

typedef enum status command_run(const struct command_input *input, struct fault *fault);

/* keys.c */
command_run command_key_generate;
command_run command_key_show;
command_run command_key_address;

/* log_keys.c */
command_run command_log_rotate;
command_run command_log_fork;
command_run command_log_trust;

/* witness_command.c */
command_run command_witness_rotate;
command_run command_witness_init;
command_run command_witness_run;
command_run command_witness_show;

/* documents.c */
command_run command_sign;
command_run command_digest;
command_run command_destination_add;
command_run command_destination_list;
command_run command_destination_revoke;
command_run command_person_list;
command_run command_person_suspend;
command_run command_person_resume;
command_run command_subject_record;
command_run command_subject_show;
command_run command_subject_reveal;
command_run command_subject_export;
command_run command_subject_erase;
command_run command_subject_check;
command_run command_show_document;

/* key_command.c */
command_run command_key_command;

/* key_send.c */
command_run command_key_admit;
command_run command_key_send;
command_run command_key_list;
command_run command_key_attest;
command_run command_key_prove;

/* freeze.c */
command_run command_freeze;
command_run command_freeze_list;
command_run command_thaw;

/* policy.c */
command_run command_policy_list;
command_run command_policy_show;
command_run command_policy_diff;
command_run command_policy_analyse; /* analyse.c */
command_run command_policy_send;
command_run command_policy_veto;

/* alarms.c */
command_run command_alarms;

/* media.c */
command_run command_media_list;
command_run command_media_add;
command_run command_media_tell;
command_run command_media_confirm;
command_run command_media_refuse;

/* watch.c */
command_run command_watch;

/* ceremony.c */
command_run command_ceremony_start;
command_run command_ceremony_next;
command_run command_ceremony_step;
command_run command_ceremony_show;

/* compromise.c */
command_run command_compromise;
command_run command_compromise_report;

/* ceremony_refusal.c */
command_run command_ceremony_report;

/* seal_key.c */
command_run command_seal_key_generate;
command_run command_seal_key_sign;

/* share.c */
command_run command_share_show;
command_run command_share_give;

/* occasion.c */
command_run command_occasion;
command_run command_activate;

/* address.c */
command_run command_address;
command_run command_address_verify;

/* propose.c */
command_run command_propose;
command_run command_cancel;
command_run command_differences;
command_run command_settle;
command_run command_wait;

/* overview.c */
command_run command_list;
command_run command_wallets;
command_run command_explain;

/* approve.c */
command_run command_show;
command_run command_approve;
command_run command_reject;

/* screen.c */
command_run command_screen;

/* veto.c */
command_run command_veto;

/* replay.c */
command_run command_policy_replay;

/* export.c */
command_run command_evidence;
command_run command_audit_checkpoint;
command_run command_ledger_export;

/* audit_copy.c */
command_run command_audit_copy;

/* review.c */
command_run command_audit_review;
command_run command_audit_report;
command_run command_audit_reviews;

/* audit_search.c */
command_run command_audit_search;
command_run command_audit_count;

/* audit_show.c */
command_run command_audit_show;

/* audit_export.c */
command_run command_audit_export;
command_run command_audit_proof;
command_run command_audit_consistency;

/* issue.c */
command_run command_issue;

/*
 * A text that the service supplied, fit for a terminal: "" when the member has none, '?' for every byte that is not
 * printable ASCII. Out: `out`.
 */
#define SERVICE_TEXT_SIZE 256
const char *command_service_text(char out[SERVICE_TEXT_SIZE], const json_t *object, const char *member);

/*
 * Holds what the share names (index, custodian, key, threshold, commitment) against --backup or --share-set and prints
 * what was checked, or that nothing was. STATUS_MISMATCH with the name of the field; statuses of backup_verify.
 */
struct share_document;
MUST_CHECK enum status share_place_check(const struct share_document *share, const struct custody_options *options,
                                         struct fault *fault);

/* A key in words, as the service says; its algorithm is flagged as describe_algorithm does (key_list.c). */
void key_list_describe(FILE *stream, const json_t *row);

/* Opens the key file of --key with the passphrase of --passphrase-file or the terminal. Out: keyfile_free. */
MUST_CHECK enum status command_open_key(struct keyfile **out, const struct custody_options *options,
                                        struct fault *fault);

/* Makes a sealing key in --out; the passphrase as command_open_seal_key. Out: the public key. */
MUST_CHECK enum status command_new_seal_key(struct seal_key *out, const struct custody_options *options,
                                            struct fault *fault);

/*
 * Opens the sealing key of --seal-key with the passphrase of --seal-passphrase-file, --passphrase-file or the terminal.
 * Out: secret_free.
 */
MUST_CHECK enum status command_open_seal_key(struct secret *out, const struct custody_options *options,
                                             struct fault *fault);

/* Makes the key file --out with --algorithm; the passphrase as above. Out: the public key. */
MUST_CHECK enum status command_new_key(struct public_key *out, const struct custody_options *options,
                                       struct fault *fault);

/* The stream of --out, or standard output. STATUS_EXISTS rather than replacing a file. */
MUST_CHECK enum status command_output(FILE **out, const struct custody_options *options, struct fault *fault);

/*
 * GET of a path into --out or standard output, which is no terminal: nobody has looked at these bytes, but `look`
 * (client.h; NULL: nobody) sees them pass. A file that would be cut short is removed.
 */
struct client_look;
MUST_CHECK enum status command_fetch(const struct custody_options *options, const char *path,
                                     const struct client_look *look, struct fault *fault);

/*
 * Ends writing to what command_output opened: after any other `status` than STATUS_OK, which it answers, and when not
 * everything could be written (STATUS_IO), the file of --out is removed. So it is by who ends the program before.
 */
MUST_CHECK enum status command_output_whole(FILE *stream, const struct custody_options *options, enum status status,
                                            struct fault *fault);

/* Reads a whole file of at most `max` bytes without its final newline. Out: owned by the caller. */
MUST_CHECK enum status command_read_file(struct bytes *out, const char *path, size_t max, struct fault *fault);

/* A fault of a document that names no field names the file instead, printable. */
void command_name_file(struct fault *fault, const char *path);

/*
 * Reads a signed document, whose document has at most `max` bytes. `where` names the option that names the file; an
 * empty path is STATUS_USAGE. Out: free with signed_document_free.
 */
MUST_CHECK enum status command_read_signed(struct signed_document *out, const char *path, size_t max, const char *where,
                                           struct fault *fault);

/*
 * The draft of --in, a policy that is signed or not yet; it must be one by itself, floors included. Out: `decoded` is
 * freed with policy_free; its JSON as one reference, unless `out` is NULL.
 */
MUST_CHECK enum status command_read_draft(json_t **out, struct policy *decoded, const struct custody_options *options,
                                          struct fault *fault);

/*
 * Prints who together could move funds under a policy that is about to be signed, and with --policy what became weaker
 * since the version before. Refuses what the analysis refuses: STATUS_INVALID when one person could, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status command_analyse_before_signing(FILE *stream, const struct bytes *document,
                                                      const struct custody_options *options, struct fault *fault);

/* A version of the policy. Borrowed. */
struct policy_version {
    const struct policy *policy;
    const json_t *document; /* of the same */
};

/*
 * Prints what became of the paths of each wallet from one version to the next, each at its own issued_at, and what
 * differs, member by member (policy_change.h). STATUS_MISMATCH when `now` is not the number after `before`, or not
 * issued later; refuses what the analysis of the later one refuses, as above.
 */
MUST_CHECK enum status command_analyse_change(FILE *stream, const struct policy_version *before,
                                              const struct policy_version *now, struct fault *fault);

/* Prints the warnings of the analysis of a policy at its issued_at; nothing when it has no report. */
void command_analyse_warnings(FILE *stream, const struct policy *policy);

/* Hands the signed document of --in in at a path of the service, and prints the digest that was entered. */
MUST_CHECK enum status command_hand_in(const struct custody_options *options, const char *path, struct fault *fault);

/* Writes the JSON of a signed document, or a document's bytes, and a newline to --out or standard output. */
MUST_CHECK enum status command_write_signed(const struct signed_document *document,
                                            const struct custody_options *options, struct fault *fault);
MUST_CHECK enum status command_write_document(const struct bytes *document, const struct custody_options *options,
                                              struct fault *fault);

/*
 * Signs a document of `kind` with the key of --key and appends the signature; STATUS_EXISTS when this key has signed.
 */
MUST_CHECK enum status command_add_signature(struct signed_document *document, const char *kind,
                                             const struct custody_options *options, struct fault *fault);

#endif
