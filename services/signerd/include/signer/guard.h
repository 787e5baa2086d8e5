/*
 * The guard: what a signer has promised, remembered on disk before it signs.
 *
 * One LMDB environment per signer, owned by one process. LMDB keeps no page checksums, so every record carries the
 * SHA-256 of its key and value, and opening walks through all of them. Nothing has a default: a guard that is missing,
 * short, garbled or of another signer is not opened, and none is ever made except by guard_create.
 */
#ifndef STRONGROOM_SIGNER_GUARD_H
#define STRONGROOM_SIGNER_GUARD_H

#include "base/amount.h"
#include "base/id.h"
#include "policy/account.h"
#include "policy/command.h"
#include "policy/key_state.h"

#define GUARD_HALT_SIZE 64
#define GUARD_KEY_MAX 41
#define GUARD_VALUE_MAX 240
#define GUARD_KEYS_MAX 512                             /* keys of one guard, destroyed ones included */
#define GUARD_PLACE "guard.place"                      /* where of the fault of a guard that is elsewhere */
#define GUARD_VETOES_MAX 64                            /* of one version of the policy */
#define GUARD_FREEZES_MAX 64                           /* targets that are frozen or were, of one guard */
#define GUARD_PEOPLE_MAX 512                           /* people who are suspended or were, of one guard */
#define GUARD_HISTORY_US (31ULL * 24 * 3600 * 1000000) /* of running time: how long a promise is in the history */

/* The one record of what the guard is and has seen, rewritten when it changes. The first part is fixed by the
 * initialisation. */
struct guard_state {
    enum signer_role role;
    struct digest key; /* id of the founding key */
    struct digest chain;
    struct name environment;
    struct digest policy_first; /* digest of the first policy */
    struct digest validators;   /* of the validator set; zero for the other roles */
    struct digest id;           /* random; guard_create and an accepted move make it */
    struct digest place;        /* where the guard is, likewise */

    char log[COMMAND_LOG_SIZE]; /* vkey of the trail; empty for validator and privacy. Rotation and fork change it */
    char log_next[COMMAND_LOG_SIZE]; /* the newest rotation's, empty for none: alone from log_from entries on */
    uint64_t log_from;
    bool halted; /* latched: nothing is signed any more */
    char halted_by[GUARD_HALT_SIZE];
    struct digest policy; /* in force */
    int64_t policy_version;
    int64_t made_utc_us;    /* when it was made; 0 for one from before this was kept */
    int64_t highest_utc_us; /* transfer: highest time seen */
    uint64_t running_us;    /* how long signers ran with this guard, as written last; no clock that is set moves it */
    uint64_t size;          /* audit: signed last; transfer: largest seen */
    struct digest root;
    struct digest note;   /* audit: SHA-256 of the note signed last, zero for none */
    uint64_t height;      /* validator: signed last, 0 for none */
    struct digest header; /* validator: its digest, the chain for none */
    struct digest shares; /* attended: of the newest share set seen, zero for none */
    int64_t shares_version;
    uint64_t promises;     /* transfer: transactions promised so far */
    uint64_t before;       /* transfer: of them, those of guards before this one, as people said when it was made */
    uint64_t forgotten;    /* transfer: of them, the first so many are in the history no more */
    uint64_t denied;       /* transfer: intents that a person spoke against */
    uint64_t ended;        /* transfer: withdrawals that ended before they were promised, as the service said */
    uint64_t due_us;       /* transfer: running time at which the last withdrawal that was announced is due */
    uint64_t destinations; /* transfer: accounts of the allow-list */
    uint64_t revoked;      /* transfer: entries that were revoked, also such as never came */
    uint64_t superseded;   /* transfer: entries whose place a newer one of their account took, and not revoked */
    uint64_t cooled_us;    /* transfer: how long signers will have run when the last entry serves */
    uint64_t people;       /* who are suspended or were */
    uint64_t suspensions;  /* changes of them so far */
    uint64_t subjects;     /* privacy: whose personal data was ever sealed */
    uint64_t erased;       /* privacy: of them, whose key was destroyed */
    uint64_t reveals;      /* privacy: so far */
};

/* transfer: an entry of the allow-list as it is held, by its account. */
struct guard_destination {
    struct digest digest; /* of the document */
    struct name group;
    int64_t issued_at;
    int64_t valid_until;
    int64_t serving_at;      /* an estimate, as it came */
    uint64_t due_running_us; /* how long signers will have run with this guard when it serves */
};

/* transfer: a transaction that was promised, as the history has it. */
struct guard_promise {
    uint64_t running_us; /* how long signers had run with this guard */
    size_t key;          /* its place in the guard */
    struct uuid withdrawal;
    struct amount amount;
    struct digest asset;
    struct account_id destination;
    struct name requester;
    struct name wallet;
};

/* What the guard knows of a key. Its place in the guard (from 0, the founding key) never changes. */
struct guard_key {
    struct digest key; /* id of public_key */
    struct public_key public_key;
    enum key_state state;
    enum key_cause cause;    /* of the last transition */
    uint64_t on;             /* transitions so far */
    int64_t since_utc_us;    /* of the last one */
    uint64_t box_signatures; /* left in the box; zero unless active */
    int64_t box_until_utc_us;
    int64_t used_utc_us;     /* last signature asked of the token for its purpose */
    int64_t restored_utc_us; /* of the newest restore proof, 0 for none */
    int64_t destroy_utc_us;  /* when the second key.destroy may come, 0 for none */
    struct digest document;  /* of the key document, zero for none */
};

/* A target that is frozen, or was. */
struct guard_freeze {
    struct freeze_target target;
    bool frozen;
    enum key_cause cause; /* of the last change: KEY_CAUSE_ALARM or KEY_CAUSE_COMMAND */
    struct name by;       /* whose signature is the first one of the order; empty for an alarm */
    struct name reason;
    uint64_t on; /* the number of the freeze, from 1; no two freezes of a guard have the same */
    int64_t since_utc_us;
};

/* A person who is suspended, or was. */
struct guard_person {
    struct name person;
    struct name by; /* who suspended the person last; the person, when that was never here */
    struct name reason;
    bool suspended;
    uint64_t on;          /* the number of the suspension of this person, from 1 */
    int64_t since_utc_us; /* when the order that suspended or resumed was issued; of several that suspend, the latest */
};

/* A version of the policy as it came: in force, before that one, or the one that waits or was dropped. */
struct guard_policy {
    int64_t version;
    int64_t received_utc_us; /* by the signer's time */
    int64_t in_force_utc_us; /* since when; of one that waits an estimate, as it came */
    uint64_t due_running_us; /* how long signers will have run with the guard when it takes force */
    int64_t signers;         /* people of the governance before it who signed, valid when they were shown; at least m */
    bool dropped;
    size_t veto_count;
    struct name vetoes[GUARD_VETOES_MAX]; /* who spoke against it, in the order they came */
    struct bytes document;                /* canonical bytes of the signed document; owned */
};

/* What was shown when a key was admitted, as canonical bytes of signed documents. */
struct guard_papers {
    struct bytes document; /* the key document */
    struct bytes backup;   /* the backup document, empty for none */
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
 * Makes the guard in the folder `path`, which must not exist yet (STATUS_EXISTS) while its parent must. `founding` is
 * the key that state->key names (STATUS_MISMATCH); it becomes key 0, generated. `policies` are the versions from 1 to
 * state->policy_version. The id and the place of the state are made here, not read. Synced. STATUS_IO.
 */
MUST_CHECK enum status guard_create(const char *path, const struct guard_state *state,
                                    const struct public_key *founding, const struct guard_policy *policies,
                                    struct fault *fault);

/* Frees what a version owns and empties it. */
void guard_policy_free(struct guard_policy *policy);

/* The signed document of a version, as long as one may be. Out: signed_document_free. The statuses of canon_parse and
 * signed_document_decode. */
MUST_CHECK enum status guard_policy_paper(struct signed_document *out, const struct guard_policy *policy,
                                          struct fault *fault);

/*
 * The version of the policy with this number, as it is on disk. Before any thread. Out: guard_policy_free.
 * STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO.
 */
MUST_CHECK enum status guard_policy_read(struct guard *guard, struct guard_policy *out, int64_t version,
                                         struct fault *fault);

/*
 * Opens the guard after walking through every record of it in a child process (garbled pages may crash LMDB, and then
 * crash the child). Before any thread is started. Out: free with guard_close. STATUS_NOT_FOUND (none there),
 * STATUS_INVALID (others may write into the folder), STATUS_CONFLICT (another process has it; at GUARD_PLACE: it is not
 * where it was made), STATUS_CORRUPT, STATUS_VERSION (made by another version of this program), STATUS_IO.
 */
MUST_CHECK enum status guard_open(struct guard **out, const char *path, struct fault *fault);

/*
 * The same for a guard that people moved: one that is elsewhere and whose id is `accept` (hex; "" for none) belongs
 * here from now on and gets a new id, so that a word of people serves once. Logged. Also STATUS_HALTED.
 */
MUST_CHECK enum status guard_open_moved(struct guard **out, const char *path, const char *accept, struct fault *fault);

/* Closes. NULL is fine. No other call may be running. */
void guard_close(struct guard *guard);

/* The state as it is on disk. Any thread. */
void guard_read(struct guard *guard, struct guard_state *out);

/* How many keys there are, at least one. Any thread. */
size_t guard_key_count(struct guard *guard);

/* The key at a place below the count, as it is on disk. Any thread. */
void guard_key_read(struct guard *guard, struct guard_key *out, size_t index);

/* The key of an id and its place. STATUS_NOT_FOUND. Any thread. */
MUST_CHECK enum status guard_key_find(struct guard *guard, size_t *out_index, struct guard_key *out,
                                      const struct digest *key_id);

/* The papers of a key; empty when none were shown. Borrowed: never changed once they are there, freed by guard_close.
 */
const struct guard_papers *guard_key_papers(struct guard *guard, size_t index);

/*
 * Runs `apply`, and returns when its outcome is synced to the disk and read back. Changes of threads that wait at the
 * same time share one synced write; they are applied one after the other. Returns what `apply` said, or STATUS_IO,
 * STATUS_CORRUPT: then nothing of it counts and nothing may be signed. STATUS_HALTED without asking `apply` when the
 * guard is halted. Any thread.
 */
MUST_CHECK enum status guard_commit(struct guard *guard, guard_apply *apply, void *context, struct fault *fault);

/* The same, and `apply` is asked when the guard is halted, too: it may end that (txn->state). */
MUST_CHECK enum status guard_commit_halted(struct guard *guard, guard_apply *apply, void *context, struct fault *fault);

/* In a change: reads the value of the record with the key in `record`. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO. */
MUST_CHECK enum status guard_txn_get(struct guard_txn *txn, struct guard_record *record, struct fault *fault);

/* In a change: adds a record. A failure, also because it is there already, makes the whole batch fail. STATUS_IO. */
MUST_CHECK enum status guard_txn_put(struct guard_txn *txn, const struct guard_record *record, struct fault *fault);

/* In a change: writes a record, over an older one if there is one. Same errors. */
MUST_CHECK enum status guard_txn_replace(struct guard_txn *txn, const struct guard_record *record, struct fault *fault);

/* In a change: takes a record away, which must be there. Same errors. */
MUST_CHECK enum status guard_txn_remove(struct guard_txn *txn, const struct guard_record *record, struct fault *fault);

/*
 * In a change: counts a promise (txn->state.promises becomes its number) and adds it to the history; what is too old
 * for the history is dropped from it, a little more than what comes in. `promise` is not older than the one before it
 * (invariant). STATUS_IO, STATUS_NO_MEMORY: the whole batch fails.
 */
MUST_CHECK enum status guard_txn_promise_write(struct guard_txn *txn, const struct guard_promise *promise,
                                               struct fault *fault);

struct history;

/* In a change: the history as it stands (history.h). Borrowed until the change is over. */
const struct history *guard_txn_history(const struct guard_txn *txn);

/* In a change: the key of an id as it stands, and its place. STATUS_NOT_FOUND. */
MUST_CHECK enum status guard_txn_key_find(struct guard_txn *txn, size_t *out_index, struct guard_key *out,
                                          const struct digest *key_id);

/* In a change: the key at a place below the count. */
void guard_txn_key_read(struct guard_txn *txn, struct guard_key *out, size_t index);

/*
 * In a change: writes a key, at most one in each change. `index` is its place, or the count of keys for a new one
 * (STATUS_TOO_LARGE beyond GUARD_KEYS_MAX); `papers` are those of an admission, copied, otherwise NULL. STATUS_IO.
 */
MUST_CHECK enum status guard_txn_key_write(struct guard_txn *txn, size_t index, const struct guard_key *key,
                                           const struct guard_papers *papers, struct fault *fault);

/* In a change: how many keys there are, those added by it or before it included. */
size_t guard_txn_key_count(const struct guard_txn *txn);

/* All freezes, those that were thawed included, as they are on disk. Returns how many. Any thread. */
size_t guard_freezes(struct guard *guard, struct guard_freeze out[GUARD_FREEZES_MAX]);

/* In a change: the freeze of a target, frozen or thawed; false when there is none. */
bool guard_txn_freeze_find(const struct guard_txn *txn, struct guard_freeze *out, const struct freeze_target *target);

/* In a change: the greatest number that a freeze has had, 0 for none. */
uint64_t guard_txn_freeze_last(const struct guard_txn *txn);

/*
 * In a change: writes a freeze, over the one of the same target if there is one; at most one in each change.
 * STATUS_TOO_LARGE when GUARD_FREEZES_MAX - 1 other targets are frozen; for everything there is always room. STATUS_IO.
 */
MUST_CHECK enum status guard_txn_freeze_write(struct guard_txn *txn, const struct guard_freeze *freeze,
                                              struct fault *fault);

/* Somebody who is suspended, by which number. */
struct guard_suspended {
    struct name person;
    uint64_t on;
};

/*
 * The people who are suspended now; returns how many. Out: *out_changes, unless NULL, is state.suspensions as of the
 * same moment. Any thread.
 */
size_t guard_people(struct guard *guard, struct guard_suspended out[GUARD_PEOPLE_MAX], uint64_t *out_changes);

/* In a change: the person of this name, suspended or not any more; false when there is none. */
bool guard_txn_person_find(const struct guard_txn *txn, struct guard_person *out, const struct name *person);

/*
 * In a change: writes a person, over the record of the same name if there is one; at most one in each change.
 * STATUS_TOO_LARGE when GUARD_PEOPLE_MAX others are suspended. STATUS_IO.
 */
MUST_CHECK enum status guard_txn_person_write(struct guard_txn *txn, const struct guard_person *person,
                                              struct fault *fault);

/* In a change: writes a version of the policy, over the one of the same number if there is one. STATUS_IO. */
MUST_CHECK enum status guard_txn_policy_write(struct guard_txn *txn, const struct guard_policy *policy,
                                              struct fault *fault);

/* In a change: the entry held for an account. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO. */
MUST_CHECK enum status guard_txn_destination_get(struct guard_txn *txn, struct guard_destination *out,
                                                 const struct account_id *account, struct fault *fault);

/*
 * In a change: the account on the list that has the ends of this one (address_ends), itself included. Same errors.
 * There is one at most: the one written last.
 */
MUST_CHECK enum status guard_txn_destination_alike(struct guard_txn *txn, struct account_id *out,
                                                   const struct account_id *account, struct fault *fault);

/* In a change: the entry of an account, instead of an older one if there is one. STATUS_IO. */
MUST_CHECK enum status guard_txn_destination_write(struct guard_txn *txn, const struct account_id *account,
                                                   const struct guard_destination *destination, struct fault *fault);

/* In a change: whether the entry with this digest was revoked. STATUS_CORRUPT, STATUS_IO. */
MUST_CHECK enum status guard_txn_revoked(struct guard_txn *txn, bool *out, const struct digest *destination,
                                         struct fault *fault);

/*
 * In a change: revokes it for ever, whether it is held or not; it must not be yet. Of one whose place a newer one of
 * its account took, also the one that is held now: who revokes an entry means the address. Out: that one, zeros for
 * none. STATUS_CORRUPT, STATUS_IO.
 */
MUST_CHECK enum status guard_txn_revoke(struct guard_txn *txn, struct digest *out_held,
                                        const struct digest *destination, int64_t at_utc_us, struct fault *fault);

/* In a change: latches the halt, which stays whatever `apply` answers. Returns `status` with the fault set. */
enum status guard_txn_halt(struct guard_txn *txn, enum status status, const char *where, const char *why,
                           struct fault *fault);

#endif
