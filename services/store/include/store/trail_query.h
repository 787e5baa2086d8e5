/*
 * Questions of officers to the trail: entries by any combination of conditions, a page at a time, and how many there
 * are. The work for one answer has an upper bound whatever is asked, so a page may be short, or empty, and not the
 * last.
 */
#ifndef STRONGROOM_STORE_TRAIL_QUERY_H
#define STRONGROOM_STORE_TRAIL_QUERY_H

#include "store/trail_read.h"

#define STORE_CURSOR_SIZE 49

/* All members are optional: NULL or zero means no condition. The texts are those of the columns. Borrowed. */
struct store_trail_query {
    const char *actor;
    const char *act;
    const char *outcome;
    const char *otype;
    const char *oid;
    const char *key;
    const char *wallet;
    const char *asset;
    const char *destination;
    const struct uuid *corr;
    uint64_t version;
    const struct amount *amount_min; /* inclusive, both */
    const struct amount *amount_max;
    int64_t from_utc_us; /* inclusive */
    int64_t to_utc_us;   /* exclusive */
    uint64_t from_seq;   /* inclusive */
    uint64_t before_seq; /* exclusive; required with a time: no row from there on is looked at */
    bool newest_first;
    const char *cursor; /* `next` of the answer before, NULL for the first */
    unsigned limit;     /* 1..STORE_LEAVES_MAX */
};

struct store_trail_page {
    struct store_leaf *rows;
    size_t count;
    char next[STORE_CURSOR_SIZE]; /* "": there is nothing more */
    uint64_t from_seq;            /* where from_utc_us was found to begin; 0 without it */
    uint64_t to_seq;              /* the same of to_utc_us; before_seq without it */
};

/*
 * The next rows that meet every condition, in order of seq. `tx` is a STORE_SNAPSHOT. Rows that come to the trail
 * meanwhile move no page: with newest_first they stand before the first. STATUS_INVALID for a cursor that another
 * question got, or nobody. It proves that what it shows is in the trail, not that it shows all. A time is looked for by
 * halves: what column ts says of the rows beside from_seq and to_seq is what the bounds rest on. Out:
 * store_trail_page_free.
 */
MUST_CHECK enum status store_trail_page(struct store_trail_page *out, const struct store_tx *tx,
                                        const struct store_trail_query *query, struct fault *fault);

/*
 * How many of the rows that are looked at next meet every condition; the rest is counted from `next`. No rows in `out`,
 * count is the number.
 */
MUST_CHECK enum status store_trail_count(struct store_trail_page *out, const struct store_tx *tx,
                                         const struct store_trail_query *query, struct fault *fault);

/* Frees and empties. */
void store_trail_page_free(struct store_trail_page *page);

#endif
