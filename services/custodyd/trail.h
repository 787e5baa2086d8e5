/*
 * The audit trail as the service uses it: putting events into it, waiting until a signed checkpoint covers them, and
 * proving what is in it. Who sequences and signs is sequencer.h; a process that does not lead uses this all the same.
 *
 * Numbers: each boot of a producer has an id (`pr`) and counts its events (`pn` from 1). A number whose transaction did
 * not commit goes to the `void` list of a later event. README-trail.md has the rule by which a verifier finds
 * deletions.
 *
 * Between its transaction and its batch an event lies in the database. A code under a key that the database does not
 * have shows whose it is: what a superuser writes there does not become an entry.
 *
 * Thread-safe. "No proof, no effect": neither a reply of success nor an effect leaves before trail_wait or trail_prove
 * has answered STATUS_OK for the event it rests on.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_H
#define STRONGROOM_CUSTODYD_TRAIL_H

#include "audit/checkpoint.h"
#include "audit/event.h"
#include "audit/proof.h"
#include "audit/tile.h"
#include "base/secret.h"
#include "store/store.h"

#define TRAIL_KEYS_MAX 8
#define TRAIL_PENDING_KEY_LEN 32

struct trail;

struct trail_config {
    const struct clock *clock;
    struct store *reader;         /* role strongroom_auditor, at least 1 session; outlives the trail */
    const struct audit_key *keys; /* of the log, 1 to TRAIL_KEYS_MAX: what one of them signs is its; copied */
    size_t key_count;
    const struct secret
        *pending_key; /* TRAIL_PENDING_KEY_LEN bytes, the same for all who write into a database; copied */
};

/* With what a service started. */
struct trail_start {
    struct digest program;       /* SHA-256 of its file */
    struct digest configuration; /* of the options in effect */
    int schema;                  /* version of the schema that the database has */
};

/* An event that was put into a transaction. Plain data; valid as long as the trail is open. */
struct trail_ticket {
    uint64_t number; /* pn */
};

/* What a caller gets for a covered event. `proof` is a c2sp.org/tlog-proof text, owned: bytes_free. */
struct trail_receipt {
    uint64_t seq;
    uint64_t size; /* of the checkpoint in the proof */
    struct bytes proof;
};

/* Why the trail has halted, and since when. */
struct trail_trouble {
    struct fault why;
    int64_t at_utc_us;
};

/* A verified checkpoint and its signed note (owned: bytes_free). */
struct trail_checkpoint {
    struct audit_checkpoint checkpoint;
    struct bytes note;
};

/* Opens the producer's side with a fresh boot id. Out: owned by the caller, trail_close. */
MUST_CHECK enum status trail_open(struct trail **out, const struct trail_config *config, struct fault *fault);

/* Closes; the sequencer is stopped and no transaction with events is open. NULL is fine. */
void trail_close(struct trail *trail);

/*
 * The checkpoint that keys of the log have signed, as audit_checkpoint_open_any says, and the note with their lines
 * alone. Out: *out_note owned by the caller. Also STATUS_NO_MEMORY.
 */
MUST_CHECK enum status trail_note_read(struct audit_checkpoint *out, struct bytes *out_note, const struct trail *trail,
                                       const struct bytes *note, struct fault *fault);

/* The boot id of this producer (`pr`). */
struct uuid trail_boot(const struct trail *trail);

/*
 * Puts an event into the transaction `tx` (of role strongroom_app). Fills producer, producer_counter, voided and, when
 * the event has an object, its ordinal; the rest is the caller's. A zero correlation is replaced by a fresh one. When
 * the transaction does not commit, the number is declared void by a later event.
 */
MUST_CHECK enum status trail_enqueue(struct trail_ticket *out, struct trail *trail, struct store_tx *tx,
                                     struct audit_event *event, struct fault *fault);

/*
 * Puts an event that has no transaction of its own (a read, a refusal, a login). Where the sequencer of this process
 * leads and the event has no object, it goes to it in memory, and many such events share one commit; otherwise `app`
 * (role strongroom_app) makes a transaction for it. Fills what trail_enqueue fills. Nothing is certain before
 * trail_wait has said so; it answers STATUS_UNAVAILABLE when the event was not written. STATUS_BUSY: too many wait.
 * STATUS_OUTCOME_UNKNOWN: it may have been written, and the ticket is good for asking.
 */
MUST_CHECK enum status trail_post(struct trail_ticket *out, struct trail *trail, struct store *app,
                                  struct audit_event *event, struct fault *fault);

/*
 * Puts an event by the service itself with the fact `settled`: every number below it is in the trail before this event
 * or declared void. For AUDIT_SERVICE_START (with `start`), and, with NULL, AUDIT_SERVICE_HEARTBEAT (each minute) and
 * AUDIT_SERVICE_STOP.
 */
MUST_CHECK enum status trail_enqueue_state(struct trail_ticket *out, struct trail *trail, struct store_tx *tx,
                                           enum audit_action action, const struct trail_start *start,
                                           struct fault *fault);

/* Whether so many numbers are not settled that a heartbeat should not wait for its minute: at its end nothing goes on.
 */
bool trail_must_settle(struct trail *trail);

/*
 * Waits at most `timeout_ms` until a signed checkpoint covers the event, and proves it. STATUS_NOT_READY when the time
 * ran out (the event may still be covered later), at once when the sequencer has halted; STATUS_CONFLICT when its
 * transaction did not commit, STATUS_NOT_FOUND when it is so long ago that it was forgotten (use trail_prove).
 */
MUST_CHECK enum status trail_wait(struct trail_receipt *out, struct trail *trail, const struct trail_ticket *ticket,
                                  int64_t timeout_ms, struct fault *fault);

/* The same without the proof, for what is told and gives no receipt. */
MUST_CHECK enum status trail_wait_covered(struct trail *trail, const struct trail_ticket *ticket, int64_t timeout_ms,
                                          struct fault *fault);

/* True when the trail has halted: people must decide, and there are no entries until then. */
bool trail_is_halted(struct trail *trail);

/* The same, with the reason; all zeros when it has not. */
bool trail_halt_read(struct trail_trouble *out, struct trail *trail);

/*
 * Waits at most `timeout_ms` until a signed checkpoint covers entry `seq`, and proves it. Out: the text of a
 * tlog-proof, owned. STATUS_NOT_READY.
 */
MUST_CHECK enum status trail_prove(struct bytes *out, struct trail *trail, uint64_t seq, int64_t timeout_ms,
                                   struct fault *fault);

/* The same under this checkpoint of the trail, whose note may have further lines; nothing is waited for. */
MUST_CHECK enum status trail_prove_under(struct bytes *out, struct trail *trail, uint64_t seq,
                                         const struct trail_checkpoint *checkpoint, struct fault *fault);

/*
 * Whether somebody has waited in vain for an event that is on its way, and no checkpoint has come since: whoever
 * sequences and signs does not, although nobody says so.
 */
bool trail_is_late(struct trail *trail);

/* The newest checkpoint this process knows, verified with the keys of the log; STATUS_NOT_READY before the first. */
MUST_CHECK enum status trail_checkpoint_newest(struct trail_checkpoint *out, struct trail *trail, struct fault *fault);

/*
 * The hashes of the inclusion proof of entry `seq` under this checkpoint of the trail, seq < its size; the leaf's
 * sibling first. Made from what outsiders are shown, not from what receipts are made of, and shown to lead to the
 * signed root; STATUS_CORRUPT when it does not.
 */
MUST_CHECK enum status trail_prove_inclusion(struct audit_proof *out, struct trail *trail, uint64_t seq,
                                             const struct audit_checkpoint *checkpoint, struct fault *fault);

/*
 * The consistency proof between two sizes, 1 <= from <= to <= the newest checkpoint (STATUS_INVALID otherwise). Made
 * and shown as that of trail_prove_inclusion; STATUS_CORRUPT; STATUS_NOT_READY while no checkpoint is known.
 */
MUST_CHECK enum status trail_prove_consistency(struct audit_proof *out, struct trail *trail, uint64_t from, uint64_t to,
                                               struct fault *fault);

/*
 * A tile of the tree of the newest checkpoint, full or partial: fills hashes[0 .. tile->width), each shown to lead to
 * the signed root. STATUS_NOT_FOUND when the tree does not reach so far, STATUS_CORRUPT when they do not lead to it,
 * also when they are read once more.
 */
MUST_CHECK enum status trail_tile(struct digest hashes[AUDIT_TILE_WIDTH], struct trail *trail,
                                  const struct audit_tile *tile, struct fault *fault);

#endif
