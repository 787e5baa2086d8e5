/*
 * What was promised lately, in memory: how much and how often within a window that slides, exactly.
 *
 * Every promise stands in five series, those of its asset beneath the asset itself, the destination, the requester, the
 * wallet by its name and the wallet by its key. A series keeps running sums, so a window is two searches, however long
 * it is. Times are those of keys_running and never go back. Not for several threads at once.
 */
#ifndef STRONGROOM_SIGNER_HISTORY_H
#define STRONGROOM_SIGNER_HISTORY_H

#include "signer/guard.h"

/* By what promises are summed up, always of one asset. */
enum history_per {
    HISTORY_ASSET,
    HISTORY_DESTINATION,
    HISTORY_REQUESTER,
    HISTORY_WALLET, /* by name */
    HISTORY_KEY,    /* by the place of its key in the guard */
    HISTORY_PER_COUNT,
};

struct history;

/* What a limit asks of the history. */
struct history_question {
    enum history_per per;
    const struct guard_promise *promise; /* that is to be made: its asset, amount and subject */
    uint64_t now_us;
    uint64_t window_us;    /* what was promised so long ago, or longer, does not count */
    struct amount max_sum; /* at most, with the amount of `promise`; zero: any sum */
    uint64_t max_count;    /* at most so many, with `promise`; 0: any number */
};

struct history_answer {
    bool fits;
    uint64_t count;      /* without `promise` */
    struct amount sum;   /* without `promise`; the greatest amount when it is more */
    bool ever;           /* it fits when enough time has passed */
    uint64_t fits_at_us; /* then; now when it fits */
};

/* An empty history. Out: history_free. */
MUST_CHECK enum status history_new(struct history **out);

/* Frees; NULL is fine. */
void history_free(struct history *history);

/* Adds a promise, which is not older than the one before it (invariant). On failure nothing has changed. */
MUST_CHECK enum status history_add(struct history *history, const struct guard_promise *promise);

/* How many it holds. */
size_t history_count(const struct history *history);

/* The time of one, counted from the oldest, which is 0; it must be there (invariant). */
uint64_t history_at_us(const struct history *history, size_t index);

/* Forgets the oldest `count`; takes back the newest `count`. There must be as many (invariant). */
void history_forget(struct history *history, size_t count);
void history_take_back(struct history *history, size_t count);

/* Answers a question. */
struct history_answer history_ask(const struct history *history, const struct history_question *question);

#endif
