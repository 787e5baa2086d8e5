/*
 * Reading the audit trail: rows by filters, raw rows for export, tiles and checkpoints for proofs. The store must be of
 * the role strongroom_auditor or strongroom_sequencer; the application's own role cannot read the trail.
 */
#ifndef STRONGROOM_STORE_TRAIL_READ_H
#define STRONGROOM_STORE_TRAIL_READ_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

#define STORE_TEXT_SIZE 128
#define STORE_LEAVES_MAX 1000
#define STORE_TILE_WIDTH 256
#define STORE_TRAIL_PARTITION ((uint64_t)1 << 20) /* so many entries in a partition, but where a test makes its own */

/*
 * A row as it stands in the database; what was really said is `raw` (L_n), the columns are a projection of it. What a
 * superuser put there that has no place here reads as what no entry says: the text "(does not fit)", the number 2^63-1,
 * the time 0, a hash of bytes 0xff, empty raw bytes.
 */
struct store_leaf {
    uint64_t seq;
    struct digest lh;
    struct bytes raw;
    int64_t ts_utc_us;
    char actor[STORE_TEXT_SIZE];
    char act[STORE_TEXT_SIZE];
    char otype[STORE_TEXT_SIZE]; /* "": absent */
    char oid[STORE_TEXT_SIZE];   /* "": absent */
    uint64_t ord;                /* 0: absent */
    char outcome[STORE_TEXT_SIZE];
    bool has_corr;
    struct uuid corr;
    char amount[AMOUNT_TEXT_SIZE];     /* base units, decimal; "": absent, as for those below */
    char asset[STORE_TEXT_SIZE];       /* id, hexadecimal */
    char destination[STORE_TEXT_SIZE]; /* address */
    char key[STORE_TEXT_SIZE];         /* id, hexadecimal */
    uint64_t version;                  /* of the policy; 0: absent */
    char wallet[STORE_TEXT_SIZE];
};

struct store_leaf_list {
    struct store_leaf *rows;
    size_t count;
};

/* All members are optional: NULL or zero means no condition. */
struct store_leaf_filter {
    const char *actor;
    const char *act;
    const char *otype; /* with oid */
    const char *oid;
    uint64_t ord; /* of the object's entries, 0: any */
    const char *outcome;
    uint64_t from_seq; /* inclusive */
    uint64_t to_seq;   /* exclusive, 0: open */
    bool newest_first;
    unsigned limit; /* 1..STORE_LEAVES_MAX */
};

/*
 * Rows that meet the filter in order of seq, for what the service itself looks up. A filtered query proves that what it
 * shows is in the trail, not that it shows all. Out: freed with store_leaf_list_free.
 */
MUST_CHECK enum status store_leaf_list(struct store_leaf_list *out, const struct store_tx *tx,
                                       const struct store_leaf_filter *filter, struct fault *fault);

#define STORE_REPEATS_MAX 16

/*
 * Rows from `from_seq` on below `to_seq` whose object has an entry before with the same number or a later one, by the
 * columns, the first of them. Out: their seqs, and how many.
 */
MUST_CHECK enum status store_leaf_repeats(uint64_t out[STORE_REPEATS_MAX], size_t *out_count, const struct store_tx *tx,
                                          uint64_t from_seq, uint64_t to_seq, struct fault *fault);

/* One row by its number; STATUS_NOT_FOUND. Out: wiped by the caller. */
MUST_CHECK enum status store_leaf_get(struct store_leaf *out, const struct store_tx *tx, uint64_t seq,
                                      struct fault *fault);

/* Free what a row or list owns and empty it. */
void store_leaf_wipe(struct store_leaf *leaf);
void store_leaf_list_free(struct store_leaf_list *list);

struct store_head {
    uint64_t epoch;
    uint64_t size;
    struct digest root;
    struct digest last_lh; /* zeros while size is 0 */
    struct bytes frontier; /* 32 bytes for each complete subtree, the largest first */
    uint64_t first;        /* the entries below it are in an archive (store/trail_prune.h) */
    struct digest mac;     /* code of whoever moved it, of no concern to the store; read by store_head_lead alone */
};

/* The head row; STATUS_CORRUPT when it is not there. Out: bytes_free(&out->frontier). */
MUST_CHECK enum status store_head_get(struct store_head *out, const struct store_tx *tx, struct fault *fault);

/* A checkpoint row: the signed note of a size. */
struct store_checkpoint {
    uint64_t size;
    struct bytes note;
    int64_t signed_at_utc_us;
};

/* The newest checkpoint; STATUS_NOT_FOUND before the first. Out: bytes_free(&out->note). */
MUST_CHECK enum status store_checkpoint_newest(struct store_checkpoint *out, const struct store_tx *tx,
                                               struct fault *fault);

/* A full tile of 256 hashes; STATUS_NOT_FOUND, STATUS_CORRUPT. */
MUST_CHECK enum status store_tile_get(struct digest out[STORE_TILE_WIDTH], const struct store_tx *tx, unsigned level,
                                      uint64_t index, struct fault *fault);

/*
 * The hashes lh of rows from..to-1, of which there are at most 65536. Out: 32 bytes each. STATUS_CORRUPT when a row is
 * missing.
 */
MUST_CHECK enum status store_leaf_hashes(struct bytes *out, const struct store_tx *tx, uint64_t from, uint64_t to,
                                         struct fault *fault);

/* Called for each row of an export; the row is borrowed for the call. A failure ends the export and is its result. */
typedef enum status store_leaf_fn(void *context, const struct store_leaf *leaf, struct fault *fault);

/*
 * Hands every row with seq >= `from` to `call`, in order of seq, in the snapshot of `tx` (begin it with STORE_SNAPSHOT
 * and read head and checkpoint in it as well). Rows beyond the head row are handed over too.
 */
MUST_CHECK enum status store_leaf_each(const struct store_tx *tx, uint64_t from, store_leaf_fn *call, void *context,
                                       struct fault *fault);

#endif
