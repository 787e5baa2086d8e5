/*
 * The keys of a signer: what each may do now, how it changes, and the signature at the end.
 *
 * The guard holds the state, the key document the rules. Time is the signer's clock and never before the highest time
 * that the guard has seen.
 */
#ifndef STRONGROOM_SIGNER_KEYS_H
#define STRONGROOM_SIGNER_KEYS_H

#include "policy/withdrawal.h"
#include "role.h"

#define KEY_FOUNDING 0 /* its place in every guard */

/* Reads the documents of the guard's keys and lets attended keys fall, whose activation ended with the last process. */
MUST_CHECK enum status keys_start(struct signer *signer, struct fault *fault);

/* Frees the documents. */
void keys_finish(struct signer *signer);

/*
 * At the start: from which time on the clock is judged. `accept_utc_us` as in signer_config; what it accepts is
 * remembered. STATUS_NOT_READY when it is of another day than the clock.
 */
MUST_CHECK enum status keys_time_start(struct signer *signer, int64_t accept_utc_us, struct fault *fault);

/*
 * Now, for every decision about a key: the clock, never before the highest time seen. STATUS_NOT_READY, logged once,
 * while the clock is further ahead of what is known than a stop of the signer explains.
 */
MUST_CHECK enum status keys_time(struct signer *signer, int64_t *out_utc_us, struct fault *fault);

/*
 * How long signers have run with this guard, by the steady clock, microseconds: what must have waited counts by it. A
 * clock that is set, now or at a start, moves it by nothing; a stop does not count, nor the last second before it.
 */
uint64_t keys_running(const struct signer *signer);

/* In a change: this much of it was. */
void keys_running_raise(const struct signer *signer, struct guard_txn *txn);

/*
 * Remembers it when a second has passed since it was remembered last, while something waits; when a minute has passed,
 * while there are promises in the history.
 */
MUST_CHECK enum status keys_running_keep(struct signer *signer, struct fault *fault);

/* The same for what must not wait for a clock (stopping, what ends by itself): for one far ahead, what is known. */
int64_t keys_now(const struct signer *signer);

/* The document of the key at this place; NULL for one that was not admitted. Borrowed. */
const struct key_document *keys_document(const struct signer *signer, size_t index);

/*
 * The backup of the key at this place and its digest, as they were shown when it was admitted. STATUS_NOT_FOUND: none.
 * Out: backup_free.
 */
MUST_CHECK enum status keys_backup(const struct signer *signer, struct backup *out, struct digest *out_digest,
                                   size_t index, struct fault *fault);

/* Takes over the document of a key that the guard has just admitted. */
void keys_document_set(struct signer *signer, size_t index, const struct key_document *document);

/*
 * Lets keys fall whose box, cryptoperiod or idle time is over or whose token was lost: one write for each. Before
 * anything looks at a state. A halted guard stays as it is.
 */
MUST_CHECK enum status keys_settle(struct signer *signer, struct fault *fault);

/* One transition: STATUS_CONFLICT as key_state_next. Changes `inout` only on success. */
MUST_CHECK enum status key_move(struct guard_key *inout, enum key_action action, enum key_cause cause,
                                int64_t at_utc_us, struct fault *fault);

/* In a change: this time was seen. */
void keys_time_raise(struct guard_txn *txn, int64_t at_utc_us);

/* Writes a key in a change, and the time. */
MUST_CHECK enum status key_write(struct guard_txn *txn, size_t index, const struct guard_key *key, int64_t at_utc_us,
                                 struct fault *fault);

/*
 * In a change: whether the key at this place may sign for its purpose at this time. STATUS_KEY_INACTIVE, naming why.
 * Out: the key, to be handed to key_use_write when everything else is decided.
 */
MUST_CHECK enum status key_use_check(const struct signer *signer, struct guard_txn *txn, struct guard_key *out,
                                     size_t index, int64_t at_utc_us, struct fault *fault);

/* In a change: counts one signature down. */
MUST_CHECK enum status key_use_write(struct guard_txn *txn, size_t index, struct guard_key *key, int64_t at_utc_us,
                                     struct fault *fault);

/*
 * Asks the tokens for a signature of what has been checked and remembered. One that does not verify suspends the key;
 * of an ECDSA one, r is remembered before it is released, and one seen before over another message suspends the key.
 */
MUST_CHECK enum status keys_sign(struct signer *signer, struct signature *out, size_t index, const void *message,
                                 size_t len, struct fault *fault);

/* The same for a document of `kind`. */
MUST_CHECK enum status keys_sign_document(struct signer *signer, struct signature *out, size_t index, const char *kind,
                                          const struct bytes *document, struct fault *fault);

/*
 * Which open tokens lack the key at this place: bit i for the one that `states` of the tokens tells at place i. Each is
 * logged once, until the key is there again or the token is lost.
 */
unsigned key_lack_look(struct signer *signer, size_t index);

/* The same of all keys, said as the reason of each open token that lacks one. In/out: as many as `states` tells. */
void keys_lack_tell(struct signer *signer, struct wire_token *tokens, size_t token_count);

/* In a change: STATUS_REPLAY when the nonce served for another command. *out_used: for this very one. */
MUST_CHECK enum status nonce_check(struct guard_txn *txn, bool *out_used, const struct uuid *nonce,
                                   const struct digest *command, struct fault *fault);

/* In a change: STATUS_REPLAY when the nonce served before, for this command or another. */
MUST_CHECK enum status nonce_unused(struct guard_txn *txn, const struct uuid *nonce, const struct digest *command,
                                    struct fault *fault);

/* In a change: the nonce has served. */
MUST_CHECK enum status nonce_write(struct guard_txn *txn, const struct uuid *nonce, const struct digest *command,
                                   struct fault *fault);

/*
 * A verified command, and who may have to pay for it (budget.h). Borrowed.
 */
struct given_order {
    const struct command *command;
    const struct digest *digest;
    const struct name *by; /* whose signature is the first one */
};

/* In a change that will write something: one person's order is paid for. STATUS_BUSY. */
MUST_CHECK enum status given_order_pay(struct signer *signer, const struct given_order *given, struct fault *fault);

/* Carries out freeze or thaw for a signer of role transfer. */
MUST_CHECK enum status freeze_command(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                                      struct fault *fault);

/* Carries out withdrawal.veto. STATUS_CONFLICT when the withdrawal was promised already. */
MUST_CHECK enum status withdrawal_veto(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                                       struct fault *fault);

/* In a change: STATUS_KEY_INACTIVE, naming the freeze, when asset, wallet or everything is frozen. */
MUST_CHECK enum status freeze_check(const struct guard_txn *txn, const struct intent *intent, struct fault *fault);

/* What status tells of freezes. Returns how many. */
size_t freeze_list(struct signer *signer, struct wire_freeze out[WIRE_FREEZES_MAX]);

/*
 * Carries out pii.erase for a signer of role privacy. STATUS_DENIED before the subject may be erased, STATUS_CONFLICT
 * when it was, STATUS_NOT_FOUND. The same order again is answered the same.
 */
MUST_CHECK enum status subject_erase(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                                     struct fault *fault);

/* Carries out destination.revoke for a signer of role transfer. */
MUST_CHECK enum status destination_revoke(struct signer *signer, struct wire_reply *reply,
                                          const struct given_order *given, struct fault *fault);

/*
 * In a change: whether the entry with which the withdrawal was judged is the one held for its destination
 * (STATUS_DESTINATION_UNLISTED, STATUS_MISMATCH), neither revoked (STATUS_DENIED) nor expired (STATUS_EXPIRED), and has
 * cooled off (STATUS_NOT_READY); `where` is `destination`.
 */
MUST_CHECK enum status destination_check(struct guard_txn *txn, const struct signer *signer,
                                         const struct withdrawal *withdrawal, int64_t at_utc_us, struct fault *fault);

/* What the key is now, as key.admit and its kin answer. */
void key_answer(struct wire_key_state_reply *out, const struct guard_key *key);

/* The line about a transition. */
void key_log(const struct guard_key *before, const struct guard_key *after);

#endif
