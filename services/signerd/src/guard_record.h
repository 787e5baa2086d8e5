/*
 * The bytes of the guard: how a record is kept, and which records exist.
 */
#ifndef STRONGROOM_SIGNER_GUARD_RECORD_H
#define STRONGROOM_SIGNER_GUARD_RECORD_H

#include <lmdb.h>

#include "base/bytes.h"
#include "signer/guard_subject.h"

#define GUARD_STATE_KEY "g"
#define GUARD_SUBJECTS_FILE "subjects" /* in the folder: slots of 64 bytes with the wrapped keys of subjects */
#define GUARD_FORM                                                                                                     \
    7 /* 1 had one key and no states, 2 no place, 3 wrapped keys in its backups, 4 no policies, 5 no history, 6 none   \
         before it */
#define WITHDRAWAL_RECORD_LEN                                                                                          \
    72                            /* key, lane, seq, transaction id, time of the promise in microseconds UTC, version  \
                                   */
#define WITHDRAWAL_TRANSACTION 24 /* where these begin */
#define WITHDRAWAL_TIME 56
#define WITHDRAWAL_VERSION 64       /* of the policy that was in force */
#define GUARD_POLICY_MAX (1U << 20) /* bytes of the record of a version */
#define GUARD_MAP_SIZE                                                                                                 \
    (1ULL << 38) /* address space, not memory: the file grows by use; ThreadSanitizer has no room for more */

/* What is kept under a key: SHA-256 of (key length, key, value), then the value. Out: owned. */
MUST_CHECK enum status guard_seal(struct bytes *out, const MDB_val *key, const void *value, size_t len);

/* The value inside a sealed one, borrowed. STATUS_CORRUPT. */
MUST_CHECK enum status guard_unseal(const uint8_t **out, size_t *out_len, const MDB_val *key, const MDB_val *sealed,
                                    struct fault *fault);

/* The state's value and back. */
MUST_CHECK enum status guard_state_encode(struct bytes *out, const struct guard_state *state, struct fault *fault);
MUST_CHECK enum status guard_state_decode(struct guard_state *out, const void *value, size_t len, struct fault *fault);

/* The path of the data file in the folder. */
void guard_data_path(char *out, size_t size, const char *path);

/* Opens the environment of a folder that has a data file of whole pages. Out: mdb_env_close. */
MUST_CHECK enum status guard_env_open(MDB_env **out, const char *path, unsigned flags, struct fault *fault);

/* Walks through every record in a child process. */
MUST_CHECK enum status guard_check(const char *path, struct fault *fault);

/* The record of a key and back. */
MUST_CHECK enum status guard_key_encode(struct bytes *out, const struct guard_key *key, struct fault *fault);
MUST_CHECK enum status guard_key_decode(struct guard_key *out, const void *value, size_t len, struct fault *fault);

/* The record of a version of the policy and back, its number apart. Out of the decoder: guard_policy_free. */
MUST_CHECK enum status guard_policy_encode(struct bytes *out, const struct guard_policy *policy);
MUST_CHECK enum status guard_policy_decode(struct guard_policy *out, const void *value, size_t len,
                                           struct fault *fault);

/* The record of a promise in the history and back. STATUS_CORRUPT. */
void guard_promise_encode(struct guard_record *out, uint64_t number, const struct guard_promise *promise);
MUST_CHECK enum status guard_promise_decode(struct guard_promise *out, const void *value, size_t len);

/* The record of a freeze, read. */
MUST_CHECK enum status guard_freeze_decode(struct guard_freeze *out, const void *value, size_t len,
                                           struct fault *fault);

/* The record of a person who is suspended or was, read. */
MUST_CHECK enum status guard_person_decode(struct guard_person *out, const void *value, size_t len,
                                           struct fault *fault);

/* Further records, see guard_check.c for what must hold between them. `key` is the place of a key in the guard. */
void guard_record_lane(struct guard_record *out, uint64_t key, uint64_t lane);
void guard_record_sequence(struct guard_record *out, uint64_t key, uint64_t lane, uint64_t seq);
void guard_record_withdrawal(struct guard_record *out, const struct uuid *withdrawal);
void guard_record_checkpoint(struct guard_record *out, uint64_t epoch, uint64_t size);
void guard_record_nonce(struct guard_record *out, const struct uuid *nonce);
void guard_record_ended(struct guard_record *out, const struct uuid *withdrawal);
void guard_record_point(struct guard_record *out, uint64_t key, const struct digest *r);

/* The value of the record of an entry of the allow-list and back. STATUS_CORRUPT. */
void guard_destination_encode(struct guard_record *out, const struct guard_destination *destination);
MUST_CHECK enum status guard_destination_decode(struct guard_destination *out, const void *value, size_t len);

/* The account on the list with the ends of this one. */
void guard_record_ends(struct guard_record *out, const struct account_id *account);

/*
 * By a digest: 'x' a version of the policy that was dropped; an intent that was: 'a' announced, 'i' promised, 'v'
 * vetoed; 't' the entry of the allow-list of an account; 'o' an entry that was revoked or superseded.
 */
void guard_record_digest(struct guard_record *out, char letter, const struct digest *digest);

/*
 * 'p' the version of the policy with this number; 'k' the key itself, 'd' its key document, 'b' its backup document;
 * 'f' the freeze and 'u' the person at this place: values longer than a guard_record holds; 'h' the promise with this
 * number.
 */
void guard_record_paper(struct guard_record *out, char letter, uint64_t key);

/* 'e' a subject, and what it says. STATUS_CORRUPT. */
void guard_record_subject(struct guard_record *out, const struct uuid *id);
MUST_CHECK enum status guard_subject_decode(struct guard_subject *out, const void *value, size_t len);

/* Numbers in keys and values are big-endian, so that keys sort as numbers do. */
void guard_number_write(uint8_t out8[8], uint64_t number);
uint64_t guard_number_read(const uint8_t in8[8]);

#endif
