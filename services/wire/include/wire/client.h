/*
 * The client's side: a pool of connections to one signerd, safe for use by many threads, and typed calls.
 *
 * A call takes a free connection (or opens one, or waits for one), sends one request, and waits for its reply until its
 * deadline. After a deadline, a lost connection or a reply that is not this request's, the connection is closed, so a
 * late reply can never be taken for another request's. Lost connections are opened anew by the next call.
 *
 * Every signing call may be repeated with the same arguments after STATUS_UNAVAILABLE, STATUS_TIMED_OUT or STATUS_BUSY:
 * the signer signs the same transaction, checkpoint or header again, never a second one.
 */
#ifndef STRONGROOM_WIRE_CLIENT_H
#define STRONGROOM_WIRE_CLIENT_H

#include "wire/message.h"

#define WIRE_POOL_MAX 64

struct wire_pool;

struct wire_pool_config {
    const char *path;             /* of the signer's socket, copied */
    enum wire_role role;          /* what the signer must be: STATUS_MISMATCH otherwise */
    const struct public_key *key; /* whose key it must hold, copied; NULL: that of the first connection, kept then */
    size_t connections;           /* 1..WIRE_POOL_MAX: as many requests run at the same time, further ones wait */
};

/*
 * Makes a pool; does not connect yet. Out: free with wire_pool_free. STATUS_INVALID for a path that is too long for a
 * Unix socket or a number of connections out of range.
 */
MUST_CHECK enum status wire_pool_new(struct wire_pool **out, const struct wire_pool_config *config,
                                     struct fault *fault);

/* Closes all connections. NULL is fine. No call may be running. */
void wire_pool_free(struct wire_pool *pool);

/*
 * What the signer said at `hello`: role and public key. Connects when no connection is open. Errors as below.
 */
MUST_CHECK enum status wire_hello(struct wire_pool *pool, struct wire_hello_reply *out, int64_t timeout_ms,
                                  struct fault *fault);

/*
 * The state of the signer. Every typed call below answers in the same way: STATUS_OK; STATUS_UNAVAILABLE (not there, or
 * the connection was lost); STATUS_TIMED_OUT (after `timeout_ms`, waiting for a connection included); STATUS_VERSION
 * or STATUS_MISMATCH (another protocol, role or key); STATUS_INVALID (no reply of the protocol); or the status of the
 * signer's refusal, with its `where` and `detail` in the fault.
 */
MUST_CHECK enum status wire_status(struct wire_pool *pool, struct wire_status_reply *out, int64_t timeout_ms,
                                   struct fault *fault);

/*
 * Asks role transfer for a signature. Out: free out->transaction with bytes_free; what a refusal says of the past
 * (always written; NULL: not wanted). `request` is borrowed.
 */
MUST_CHECK enum status wire_transfer_sign(struct wire_pool *pool, struct wire_transfer_reply *out,
                                          enum wire_promised *out_promised, const struct wire_transfer_request *request,
                                          int64_t timeout_ms, struct fault *fault);

/*
 * Asks role transfer to note that a withdrawal is to be signed, where its rules demand a delay. `request` is as for
 * wire_transfer_sign, but that leaf and proof are of its entry `withdrawal.announced`; borrowed. The same again has the
 * same answer, and once it is due says so. With no delay to wait for it is due at once, and nothing is noted.
 * STATUS_DENIED after a veto.
 */
MUST_CHECK enum status wire_transfer_announce(struct wire_pool *pool, struct wire_announce_reply *out,
                                              enum wire_promised *out_promised,
                                              const struct wire_transfer_request *request, int64_t timeout_ms,
                                              struct fault *fault);

/*
 * What role transfer has used of the limits that apply to an intent (document bytes, borrowed), under the version of
 * the policy that it names and the one in force.
 */
MUST_CHECK enum status wire_transfer_usage(struct wire_pool *pool, struct wire_usage_reply *out,
                                           const struct bytes *intent, int64_t timeout_ms, struct fault *fault);

/*
 * What role transfer has promised for a withdrawal. STATUS_ROLLBACK: the trail knows of more promises than its guard
 * (`promises`), or the service of later ends (`ends`): it says nothing of the past then.
 */
MUST_CHECK enum status wire_transfer_recall(struct wire_pool *pool, struct wire_recall_reply *out,
                                            const struct wire_recall_request *request, int64_t timeout_ms,
                                            struct fault *fault);

/*
 * Tells role transfer that a withdrawal ended: from then on nothing is promised for it. Again is no error. Out: the
 * number that goes up with each end, to be shown with what is asked for later; 0 from a signer that does not tell it.
 * STATUS_CONFLICT (`withdrawal`): it was promised before. STATUS_BUSY: too many ended at once. STATUS_ROLLBACK as
 * above.
 */
MUST_CHECK enum status wire_transfer_end(struct wire_pool *pool, uint64_t *out_ends,
                                         const struct wire_recall_request *request, int64_t timeout_ms,
                                         struct fault *fault);

/* Asks role audit for the signature of a checkpoint note. `request` is borrowed. */
MUST_CHECK enum status wire_checkpoint_sign(struct wire_pool *pool, struct wire_checkpoint_reply *out,
                                            const struct wire_checkpoint_request *request, int64_t timeout_ms,
                                            struct fault *fault);

/* Asks role validator for the signature of a block header. `request` is borrowed. */
MUST_CHECK enum status wire_header_sign(struct wire_pool *pool, struct wire_header_reply *out,
                                        const struct wire_header_request *request, int64_t timeout_ms,
                                        struct fault *fault);

/* The keys of the guard with an id above `after`, at most WIRE_KEYS_MAX. */
MUST_CHECK enum status wire_key_list(struct wire_pool *pool, struct wire_key_list_reply *out,
                                     const struct digest *after, int64_t timeout_ms, struct fault *fault);

/* Shows the papers of a new key. `request` is borrowed. */
MUST_CHECK enum status wire_key_admit(struct wire_pool *pool, struct wire_key_state_reply *out,
                                      const struct wire_key_admit_request *request, int64_t timeout_ms,
                                      struct fault *fault);

/*
 * Hands over a signed command. Its nonce serves once: after a lost reply the second try may be STATUS_REPLAY, and
 * wire_key_list tells whether the first one was carried out. `command` is borrowed.
 */
MUST_CHECK enum status wire_key_command(struct wire_pool *pool, struct wire_key_state_reply *out,
                                        const struct signed_document *command, int64_t timeout_ms, struct fault *fault);

/* A fresh attestation of the key. Out: free out->attestation with signed_document_free. */
MUST_CHECK enum status wire_key_attest(struct wire_pool *pool, struct wire_key_attest_reply *out,
                                       const struct wire_key_attest_request *request, int64_t timeout_ms,
                                       struct fault *fault);

/* Hands over the restore proof of a drill. `restore` is borrowed. */
MUST_CHECK enum status wire_key_prove(struct wire_pool *pool, struct wire_key_state_reply *out,
                                      const struct signed_document *restore, int64_t timeout_ms, struct fault *fault);

/* Stops a key. `request` is borrowed. */
MUST_CHECK enum status wire_key_alarm(struct wire_pool *pool, struct wire_key_state_reply *out,
                                      const struct wire_key_alarm_request *request, int64_t timeout_ms,
                                      struct fault *fault);

/* Freezes an asset, a wallet or everything. `request` is borrowed. */
MUST_CHECK enum status wire_freeze_alarm(struct wire_pool *pool, struct wire_key_state_reply *out,
                                         const struct wire_freeze_alarm_request *request, int64_t timeout_ms,
                                         struct fault *fault);

/* Attended activation: the key to seal the shares for, and how many have come. */
MUST_CHECK enum status wire_activation_open(struct wire_pool *pool, struct wire_activation_reply *out,
                                            int64_t timeout_ms, struct fault *fault);

/* Attended activation: hands over a share, and the occasion on which it is given. Both are borrowed. */
MUST_CHECK enum status wire_activation_give(struct wire_pool *pool, struct wire_activation_reply *out,
                                            const struct signed_document *gift, const struct signed_document *occasion,
                                            int64_t timeout_ms, struct fault *fault);

/*
 * Hands over a later version of the policy. The same document again has the same answer, also when it is in force by
 * now; with more signatures while it waits, those are taken. STATUS_CONFLICT while another one waits, STATUS_DENIED for
 * one that was dropped, STATUS_MISMATCH when it does not follow what the signer holds, STATUS_QUORUM_MISSING.
 * `document` is borrowed.
 */
MUST_CHECK enum status wire_policy_adopt(struct wire_pool *pool, struct wire_policy_adopt_reply *out,
                                         const struct signed_document *document, int64_t timeout_ms,
                                         struct fault *fault);

/*
 * Hands over an entry of the allow-list. The same document again has the same answer, so it also tells how an entry
 * stands. STATUS_DENIED for one that was revoked, STATUS_LOOK_ALIKE, STATUS_CONFLICT when a newer one of its account is
 * held, STATUS_QUORUM_MISSING. `document` is borrowed.
 */
MUST_CHECK enum status wire_destination_adopt(struct wire_pool *pool, struct wire_destination_adopt_reply *out,
                                              const struct signed_document *document, int64_t timeout_ms,
                                              struct fault *fault);

/*
 * Has values of personal data sealed for a subject, whose key is made with the first ones. `request` is borrowed. Out:
 * the sealed bytes of the rows are the caller's (bytes_free). STATUS_CONFLICT for a subject that was erased.
 */
MUST_CHECK enum status wire_subject_seal(struct wire_pool *pool, struct wire_subject_seal_reply *out,
                                         const struct wire_subject_seal_request *request, int64_t timeout_ms,
                                         struct fault *fault);

/*
 * Has rows of a subject opened by a command pii.reveal, for the key that it names. `request` is borrowed. Out: the
 * boxes are the caller's (bytes_free). STATUS_LIMIT_EXCEEDED when this person had as many as an hour allows,
 * STATUS_NOT_FOUND (no such subject, or erased), STATUS_MISMATCH (a row is not of this subject), and those of a
 * command.
 */
MUST_CHECK enum status wire_subject_open(struct wire_pool *pool, struct wire_subject_open_reply *out,
                                         const struct wire_subject_open_request *request, int64_t timeout_ms,
                                         struct fault *fault);

#endif
