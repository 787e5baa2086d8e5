/*
 * Rows of the trail that the service may decide by. Whoever writes to the database can edit a row, put one in beyond
 * the end, and take it away again before anybody looks; so nothing is decided by a row that is not shown to be the
 * entry that was signed.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_SIGNED_H
#define STRONGROOM_CUSTODYD_TRAIL_SIGNED_H

#include "store/trail_read.h"
#include "trail.h"

/* Stands for the number of a row where it is not known which one is not what was signed. */
#define TRAIL_TREE UINT64_MAX

/* Stands for the head row, which says that the trail has fewer entries than are signed. */
#define TRAIL_HEAD (UINT64_MAX - 1)

/* Stands for the tables, when something that may hide rows is in the place of one. */
#define TRAIL_TABLES (UINT64_MAX - 2)

/*
 * Whether the row is the entry that was signed: its number is under the newest checkpoint, its bytes have the hash that
 * leads to the signed root there, and its columns say what the bytes say. STATUS_NOT_READY when no checkpoint covers
 * its number (it is on its way, or nobody's); STATUS_CORRUPT when it is another, or when what is stored does not lead
 * to the root: then the log says so, and trail_doubted.
 */
MUST_CHECK enum status trail_signed_check(struct trail *trail, const struct store_leaf *leaf, struct fault *fault);

/*
 * The rows that meet the filter under the newest checkpoint, in a snapshot of their own, so no transaction of the
 * trail's reader is open. Those that are not what was signed are left out, and told as by trail_signed_check. Out:
 * store_leaf_list_free; *out_left_out, unless NULL: how many were. STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                                         const struct store_leaf_filter *filter, struct fault *fault);

/* A search from the newest entry backwards, page by page. */
struct trail_search {
    struct store_leaf_filter filter; /* newest_first; to_seq and limit: of the next page */
    size_t left_out;                 /* rows so far */
    bool over;                       /* no page is left */
};

/* So many rows that are not what was signed are passed over in one search. */
#define TRAIL_LEFT_OUT_MAX 256

/*
 * The next page, as trail_signed_list; it may have no row while others follow. The search goes on below the last row
 * that was looked at, also when that was left out, so edited rows end it no sooner: with more than TRAIL_LEFT_OUT_MAX
 * it is STATUS_CORRUPT, never as if there were no older ones. Not called when it is over.
 */
MUST_CHECK enum status trail_signed_next(struct store_leaf_list *out, struct trail *trail, struct trail_search *inout,
                                         struct fault *fault);

/* The newest rows that meet the filter, whatever stands above them: some, or none when there is none. The same. */
MUST_CHECK enum status trail_signed_newest(struct store_leaf_list *out, struct trail *trail,
                                           const struct store_leaf_filter *filter, struct fault *fault);

/*
 * Whether there is a signed entry of this time or later: what was put on its way before stands in the trail then, or is
 * lost.
 */
bool trail_signed_reached(struct trail *trail, int64_t at_utc_us);

/*
 * Row `seq` (or one of those three) is not what was signed, or is not there: the log says it, and trail_doubted. It
 * is news once of each row, and again when the row is another one than it was then, or was mended meanwhile; when 64
 * rows are known, of one more in an hour. `row`: as it stands there; NULL when it was not looked at.
 */
void trail_corrupt_note(struct trail *trail, uint64_t seq, const struct store_leaf *row);

/* The same. Answers STATUS_CORRUPT. */
MUST_CHECK enum status trail_corrupt_row(struct trail *trail, uint64_t seq, const struct store_leaf *row,
                                         struct fault *fault);

/* Row `seq` is what was signed: were it another one again, that would be news. */
void trail_mended_note(struct trail *trail, uint64_t seq);

/*
 * The hashes of tile `index` do not lead to the signed root. Told is each row of it that disagrees with itself or with
 * its neighbours, or is missing; when they all agree, each such row of the last tile, on which every proof rests; when
 * these agree, too, that the tree as it is stored is another one (TRAIL_TREE), unless one of the last tile is told
 * already and not mended, which may be why. No transaction of the trail's reader is open. Answers STATUS_CORRUPT.
 */
MUST_CHECK enum status trail_corrupt_tile(struct trail *trail, uint64_t index, struct fault *fault);

/*
 * Row `seq` is not there: in order only when it has left for an archive; else as trail_corrupt_row.
 */
MUST_CHECK enum status trail_missing_check(struct trail *trail, uint64_t seq, struct fault *fault);

/*
 * The entries below `first` have left for an archive only when a signed entry says so, with the root that they have
 * under the newest checkpoint: else as trail_corrupt_row, of the last of them, or as trail_corrupt_tile.
 * STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status trail_left_check(struct trail *trail, uint64_t first, struct fault *fault);

/* A row that was found not to be what was signed. */
struct trail_doubted {
    uint64_t seq; /* or TRAIL_TREE, TRAIL_HEAD, TRAIL_TABLES */
    int64_t at_utc_us;
    uint64_t news; /* counts what was found, from 1 */
};

/* Whether a row was found that is not what was signed, since the trail was opened. Out: the last news. */
bool trail_doubted(struct trail_doubted *out, struct trail *trail);

/* Whether there are news after the first `told` of them. Out: the next one. */
bool trail_doubted_after(struct trail_doubted *out, struct trail *trail, uint64_t told);

/* How many rows are told one by one; by then it is known what sort of thing goes on. */
#define TRAIL_DOUBTED_MAX 64

/* All of them, in the order in which they were found. Answers how many. */
size_t trail_doubted_list(uint64_t out[TRAIL_DOUBTED_MAX], struct trail *trail);

/* A number as it is told: decimal, "tree" for TRAIL_TREE, "head" for TRAIL_HEAD, or "tables". */
#define TRAIL_DOUBTED_SIZE 24
void trail_doubted_format(char out[TRAIL_DOUBTED_SIZE], uint64_t seq);

#endif
