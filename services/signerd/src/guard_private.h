/*
 * The guard from the inside: what its writer, its keys and its records share.
 */
#ifndef STRONGROOM_SIGNER_GUARD_PRIVATE_H
#define STRONGROOM_SIGNER_GUARD_PRIVATE_H

#include <pthread.h>

#include "guard_record.h"

#define BATCH_MAX 64
#define BATCH_PUTS_MAX (BATCH_MAX * 14 + 1)

struct waiter;

struct guard {
    MDB_env *env;
    MDB_dbi dbi;
    int folder_fd;   /* locked for the life of the guard */
    int subjects_fd; /* privacy: the wrapped keys of subjects; -1 for none */
    pthread_mutex_t mutex;
    bool leading;             /* with mutex: a thread is writing a batch */
    struct waiter *first;     /* with mutex */
    struct waiter **last;     /* with mutex */
    struct guard_state state; /* with mutex: as on disk */
    /* With mutex, as on disk; only the leader changes them, so it may read them without. */
    size_t key_count;
    struct guard_key keys[GUARD_KEYS_MAX];
    struct guard_papers papers[GUARD_KEYS_MAX]; /* written once each */
    size_t freeze_count;
    struct guard_freeze freezes[GUARD_FREEZES_MAX];
    size_t person_count;
    struct guard_person people[GUARD_PEOPLE_MAX];
    struct history *history; /* the leader's, with what its batch adds */
};

/* What was written, to be read back. */
struct put {
    uint8_t key[GUARD_KEY_MAX];
    size_t key_len;
    bool removed;
    struct digest sealed;
};

/* A key as a batch leaves it. */
struct key_change {
    size_t index;
    struct guard_key key;
    struct guard_papers papers; /* owned */
};

/* A freeze as a batch leaves it. */
struct freeze_change {
    size_t index;
    struct guard_freeze freeze;
};

/* A person as a batch leaves them. */
struct person_change {
    size_t index;
    struct guard_person person;
};

struct guard_batch {
    struct guard *guard;
    MDB_txn *txn;
    bool broken;  /* a write failed: nothing of the batch counts */
    bool changed; /* there is something to sync */
    size_t put_count;
    struct put puts[BATCH_PUTS_MAX];
    size_t key_count; /* keys of the guard, the new ones of this batch included */
    size_t change_count;
    struct key_change changes[BATCH_MAX];
    size_t freeze_count;
    size_t freeze_change_count;
    struct freeze_change freeze_changes[BATCH_MAX];
    size_t person_count;
    size_t person_change_count;
    struct person_change person_changes[BATCH_MAX];
    size_t promised;  /* added to the guard's history already; taken back when the batch fails */
    size_t forgotten; /* forgotten there when it does not */
};

/* Seals and writes one record. `flags` are LMDB's. */
MUST_CHECK enum status guard_store(struct guard_batch *batch, const MDB_val *key, const void *value, size_t len,
                                   unsigned flags);

/* Writes the record of a key. */
MUST_CHECK enum status guard_store_key(struct guard_batch *batch, size_t index, const struct guard_key *key);

/* Writes the record of a version of the policy. */
MUST_CHECK enum status guard_store_policy(struct guard_batch *batch, const struct guard_policy *policy);

/* A record's value, borrowed from the transaction; NULL when there is none. */
MUST_CHECK enum status guard_value_read(struct guard *guard, MDB_txn *txn, const uint8_t **out, size_t *out_len,
                                        struct guard_record *record, struct fault *fault);

/* Reads all keys, their papers and the freezes from the environment. */
MUST_CHECK enum status guard_keys_load(struct guard *guard, struct fault *fault);

/* Makes what the batch wrote the guard's, with the mutex; or drops it. */
void guard_keys_adopt(struct guard *guard, struct guard_batch *batch);
void guard_keys_drop(struct guard_batch *batch);

/* Reads the freezes; part of guard_keys_load. */
MUST_CHECK enum status guard_freezes_load(struct guard *guard, MDB_txn *txn, struct fault *fault);

/* Makes what the batch wrote of freezes the guard's, with the mutex; part of guard_keys_adopt. */
void guard_freezes_adopt(struct guard *guard, const struct guard_batch *batch);

/* The same of people who are suspended. */
MUST_CHECK enum status guard_people_load(struct guard *guard, MDB_txn *txn, struct fault *fault);
void guard_people_adopt(struct guard *guard, const struct guard_batch *batch);

/* Opens the file of the wrapped keys and holds it against the records. Role privacy; for others nothing is done. */
MUST_CHECK enum status guard_subjects_open(struct guard *guard, struct fault *fault);

/* Makes the file in the folder of a new guard. Role privacy; for others nothing is done. */
MUST_CHECK enum status guard_subjects_make(const char *folder, const struct guard_state *state, struct fault *fault);

/* Reads the history from the environment. STATUS_CORRUPT, STATUS_NO_MEMORY, STATUS_IO. */
MUST_CHECK enum status guard_history_load(struct guard *guard, struct fault *fault);

/* Makes the history that of the disk again, when the batch was written (`good`) or not. */
void guard_history_adopt(struct guard *guard, const struct guard_batch *batch, bool good);

/* The digest of where the folder's data file is. STATUS_IO. */
MUST_CHECK enum status guard_place_find(struct digest *out, const char *path, struct fault *fault);

/* A random id. STATUS_IO. */
MUST_CHECK enum status guard_id_make(struct digest *out, struct fault *fault);

/* Whether the guard is where it was made, or accepted to be here: as guard_open_moved. Before any thread. */
MUST_CHECK enum status guard_place_check(struct guard *guard, const char *path, const char *accept,
                                         struct fault *fault);

/* Frees the papers. */
void guard_keys_free(struct guard *guard);

#endif
