/*
 * Work to be done outside the database after a commit, at least once: put in the transaction that decided it, claimed
 * for a time by one worker, done in the transaction that records its result. A claim keeps two workers from doing the
 * same work in vain. It is no safety: what the work comes to must be decided by compare-and-set.
 */
#ifndef STRONGROOM_STORE_OUTBOX_H
#define STRONGROOM_STORE_OUTBOX_H

#include <stddef.h>

#include "base/id.h"
#include "store/store.h"
#include "store/withdrawal.h"

#define STORE_OUTBOX_KIND_SIZE 16
#define STORE_OUTBOX_CODE_SIZE 64 /* a status code */

/*
 * Kinds: "record" (the entry before the signature), "announce" (to the signer, where a delay must pass first), "sign",
 * "submit", "confirm"; "end" (its log ended, store_outbox_end_put). One of each per withdrawal.
 */
struct store_outbox_item {
    int64_t id;
    char kind[STORE_OUTBOX_KIND_SIZE];
    struct uuid withdrawal;
    uint64_t entry;   /* ordinal of the entry that the signer is to be shown, 0 for none */
    int64_t attempts; /* which claim of it this is, from 1 */
    int64_t created_at_utc_us;
    char waits_for[STORE_OUTBOX_CODE_SIZE]; /* why it was postponed last, "" when it was not */
};

/* The item of a withdrawal that was postponed. */
struct store_outbox_wait {
    char kind[STORE_OUTBOX_KIND_SIZE];
    char waits_for[STORE_OUTBOX_CODE_SIZE];
    int64_t since_utc_us; /* for this reason, without another one in between */
    int64_t until_utc_us; /* as far as it is known; 0: not */
};

/* Why an item is put off. */
struct store_outbox_reason {
    const char *waits_for; /* a status code */
    int64_t until_utc_us;  /* 0: not known */
};

/* Puts an item with the ordinal of its entry (0: it needs none); STATUS_EXISTS when the withdrawal has one of this
 * kind. */
MUST_CHECK enum status store_outbox_put(struct store_tx *tx, const char *kind, const struct uuid *withdrawal,
                                        uint64_t entry, struct fault *fault);

/*
 * Claims up to `capacity` due items for `lease_ms`, oldest first, skipping those another worker is claiming. An item
 * that is not done when its lease ends is due again; sooner when the session of `tx` ends, by store_outbox_release.
 * Out: items and count; commit before working on them.
 */
MUST_CHECK enum status store_outbox_claim(struct store_tx *tx, struct store_outbox_item *out, size_t *out_count,
                                          size_t capacity, int64_t lease_ms, struct fault *fault);

/*
 * Makes the items due whose claims were made by sessions that the server does not have any more: their process was
 * killed, their connection was lost, the server is another one. Out: how many.
 */
MUST_CHECK enum status store_outbox_release(uint64_t *out, struct store_tx *tx, struct fault *fault);

/*
 * Puts the item that leads on from a withdrawal that was recorded, signed or submitted and has none that is not done:
 * somebody took it away. Out: how many.
 */
MUST_CHECK enum status store_outbox_remake(uint64_t *out, struct store_tx *tx, struct fault *fault);

/* Puts an item "end" for every withdrawal that has not ended, and for those in quarantine; again for who had one. */
MUST_CHECK enum status store_outbox_end_put(struct store_tx *tx, struct fault *fault);

/* The withdrawal of the oldest item "end" that is not done; STATUS_NOT_FOUND when there is none. */
MUST_CHECK enum status store_outbox_end_next(struct store_outbox_item *out, const struct store_tx *tx,
                                             struct fault *fault);

/* Marks all items of a withdrawal done, but for "end": nothing leads on from where it is. */
MUST_CHECK enum status store_outbox_drop(struct store_tx *tx, const struct uuid *withdrawal, struct fault *fault);

/* Marks an item done; STATUS_CONFLICT when it is already. */
MUST_CHECK enum status store_outbox_done(struct store_tx *tx, int64_t id, struct fault *fault);

/*
 * Gives a claim back: the item is due again after `delay_ms`. `waits_for` is the code of the status that it waits for.
 * STATUS_CONFLICT when it is done or was claimed again meanwhile.
 */
MUST_CHECK enum status store_outbox_postpone(struct store_tx *tx, const struct store_outbox_item *item,
                                             int64_t delay_ms, const struct store_outbox_reason *reason,
                                             struct fault *fault);

/* What a withdrawal waits for; STATUS_NOT_FOUND when none of its items was postponed and is not done. */
MUST_CHECK enum status store_outbox_wait_get(struct store_outbox_wait *out, const struct store_tx *tx,
                                             const struct uuid *withdrawal, struct fault *fault);

#endif
