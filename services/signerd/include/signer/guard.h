/*
 * The guard: what a signer has promised, remembered on disk before it signs.
 *
 * One LMDB environment per signer, owned by one process. LMDB keeps no page checksums, so every record carries the
 * SHA-256 of its key and value, and opening walks through all of them. Nothing has a default: a guard that is missing,
 * short, garbled or of another signer is not opened, and none is ever made except by guard_create.
 */
#ifndef STRONGROOM_SIGNER_GUARD_H
#define STRONGROOM_SIGNER_GUARD_H

#include "base/id.h"
#include "policy/command.h"

#define GUARD_HALT_SIZE 64
#define GUARD_KEY_MAX 17
#define GUARD_VALUE_MAX 64

/* The one record that every change rewrites. The first part is fixed by the initialisation. */
struct guard_state {
    enum signer_role role;
    struct digest key; /* id of the token key */
    struct digest chain;
    struct name environment;
    struct digest policy_first; /* digest of the first policy */
    char log[COMMAND_LOG_SIZE]; /* vkey of the trail; empty for validator */
    struct digest validators;   /* of the validator set; zero for the other roles */

    bool halted; /* latched: nothing is signed any more */
    char halted_by[GUARD_HALT_SIZE];
    struct digest policy; /* transfer: highest version seen */
    int64_t policy_version;
    int64_t highest_utc_us; /* transfer: highest time seen */
    uint64_t size;          /* audit: signed last; transfer: largest seen */
    struct digest root;
    struct digest note;   /* audit: SHA-256 of the note signed last, zero for none */
    uint64_t height;      /* validator: signed last, 0 for none */
    struct digest header; /* validator: its digest, the chain for none */
};

struct guard;

/* A change in progress: the state as it stands, to be altered, and further records. */
struct guard_txn {
    struct guard_state state;
    struct guard_batch *batch;
};

/* Key and value of a further record: at most GUARD_KEY_MAX and GUARD_VALUE_MAX bytes. The first byte of a key says
 * what it is; 'g' is the state's. */
struct guard_record {
    uint8_t key[GUARD_KEY_MAX];
    size_t key_len;
    uint8_t value[GUARD_VALUE_MAX];
    size_t value_len;
};

/*
 * Decides about one change and makes it. It decides first and writes afterwards. An answer other than STATUS_OK undoes
 * nothing but what it did to txn->state (a halt is kept), so it must not have called guard_txn_put.
 */
typedef enum status guard_apply(struct guard_txn *txn, void *context, struct fault *fault);

/*
 * Makes the guard in the folder `path`, which must not exist yet (STATUS_EXISTS) while its parent must. Synced.
 * STATUS_IO.
 */
MUST_CHECK enum status guard_create(const char *path, const struct guard_state *state, struct fault *fault);

/*
 * Opens the guard after walking through every record of it in a child process (garbled pages may crash LMDB, and then
 * crash the child). Before any thread is started. Out: free with guard_close. STATUS_NOT_FOUND (none there),
 * STATUS_INVALID (others may write into the folder), STATUS_CONFLICT (another process has it), STATUS_CORRUPT,
 * STATUS_VERSION, STATUS_IO.
 */
MUST_CHECK enum status guard_open(struct guard **out, const char *path, struct fault *fault);

/* Closes. NULL is fine. No other call may be running. */
void guard_close(struct guard *guard);

/* The state as it is on disk. Any thread. */
void guard_read(struct guard *guard, struct guard_state *out);

/*
 * Runs `apply`, and returns when its outcome is synced to the disk and read back. Changes of threads that wait at the
 * same time share one synced write; they are applied one after the other. Returns what `apply` said, or STATUS_IO,
 * STATUS_CORRUPT: then nothing of it counts and nothing may be signed. STATUS_HALTED without asking `apply` when the
 * guard is halted. Any thread.
 */
MUST_CHECK enum status guard_commit(struct guard *guard, guard_apply *apply, void *context, struct fault *fault);

/* In a change: reads the value of the record with the key in `record`. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO. */
MUST_CHECK enum status guard_txn_get(struct guard_txn *txn, struct guard_record *record, struct fault *fault);

/* In a change: adds a record. A failure, also because it is there already, makes the whole batch fail. STATUS_IO. */
MUST_CHECK enum status guard_txn_put(struct guard_txn *txn, const struct guard_record *record, struct fault *fault);

/* In a change: writes a record, over an older one if there is one. Same errors. */
MUST_CHECK enum status guard_txn_replace(struct guard_txn *txn, const struct guard_record *record, struct fault *fault);

/* In a change: latches the halt, which stays whatever `apply` answers. Returns `status` with the fault set. */
enum status guard_txn_halt(struct guard_txn *txn, enum status status, const char *where, const char *why,
                           struct fault *fault);

#endif
