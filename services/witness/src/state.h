/* The state of a witness on disk. Private to the room. */
#ifndef STRONGROOM_WITNESS_STATE_H
#define STRONGROOM_WITNESS_STATE_H

#include "audit/extend.h"
#include "witness/witness.h"

#define WITNESS_KEYS_MAX 2

/* What is remembered of a log. */
struct witness_log {
    struct audit_key keys[WITNESS_KEYS_MAX]; /* of one origin; the second follows the first, and either may sign */
    size_t key_count;
    struct audit_remembered last;
    struct bytes note; /* signed by the log; empty while the size is 0 */
};

struct witness_state {
    char name[AUDIT_VKEY_SIZE]; /* the verifier key of the witness */
    bool halted;
    size_t count;
    struct witness_log logs[WITNESS_LOGS_MAX];
};

/* Two notes of a log, or what it could not prove. Borrowed. */
struct witness_contradiction {
    const char *kind; /* "fork" or "unproven" */
    int64_t at_utc_us;
    const struct witness_log *log;
    const struct audit_add_checkpoint *offered;
    const struct audit_note *note; /* of what was offered */
};

/* Makes the folder and its first file. */
MUST_CHECK enum status witness_state_create(const char *folder, const struct witness_state *state, struct fault *fault);

/* Locks the folder for this process: *out_fd, to be closed. STATUS_NOT_FOUND, STATUS_CONFLICT. */
MUST_CHECK enum status witness_state_lock(int *out_fd, const char *folder, struct fault *fault);

/* Reads. Without `anywhere` one that was made elsewhere refuses. Out: witness_state_wipe. */
MUST_CHECK enum status witness_state_read(struct witness_state *out, const char *folder, bool anywhere,
                                          struct fault *fault);

/* Replaces the file as a whole, synced. */
MUST_CHECK enum status witness_state_write(const char *folder, const struct witness_state *state, struct fault *fault);

void witness_state_wipe(struct witness_state *state);

/*
 * Keeps it, synced, with nothing but what the log signed, under the digest of the body: one that comes again with other
 * lines or another proof is the same. Unless there are WITNESS_CONTRADICTIONS_MAX of its kind. *out_new: it was not
 * kept.
 */
MUST_CHECK enum status witness_contradiction_keep(bool *out_new, const char *folder,
                                                  const struct witness_contradiction *contradiction,
                                                  struct fault *fault);

/* Those that are kept, an array of objects. Out: one reference. */
MUST_CHECK enum status witness_contradictions_read(json_t **out, const char *folder, struct fault *fault);

#endif
