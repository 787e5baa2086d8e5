/*
 * Exports of the trail (docs/formats.md section 4), line by line from a file of any length or from standard input, and
 * what the columns of a row say against what its bytes say.
 */
#ifndef STRONGROOM_VERIFY_EXPORT_H
#define STRONGROOM_VERIFY_EXPORT_H

#include "event.h"
#include "merkle.h"
#include "note.h"
#include "report.h"

#define EXPORT_LINE_MAX 262144

struct export_file {
    const char *path; /* borrowed */
    int fd;
    char *buffer;
    size_t from, until; /* what is read and not yet given out */
    uint64_t lines;     /* given out */
    bool ended;         /* nothing more can be read */
    int failed;         /* errno of another reason than the end; or it was never opened */
    bool cut;           /* in the middle of a line, which is not given out */
};

/* Opens a file, "-" is standard input; it may be a pipe, so nothing is read twice. Close it in any case. */
void export_open(struct export_file *out, const char *path);

/* True when it begins with a head, which is still to be read. */
bool export_begins(struct export_file *file);

/* All of a file of which no line was given out, or its beginning where it is longer than 1 MiB; until it is closed. */
void export_whole(struct span *out, struct export_file *file);

void export_close(struct export_file *file);

/*
 * The next line without its newline, borrowed until the next call; false at the end. One that is longer than
 * EXPORT_LINE_MAX is cut there, and is the last.
 */
bool export_line(struct span *out, struct export_file *file);

/* clang-format off */
#define EXPORT_HEAD(F, O, S)                                                                                           \
    O(S, first, INTEGER, 0) F(S, format, TEXT, 64) F(S, origin, TEXT, 255) O(S, query, FACTS, 0)                       \
    F(S, size, INTEGER, 0) O(S, tree, STRINGS, 0)
#define EXPORT_ROW(F, O, S)                                                                                            \
    O(S, act, TEXT, 255) O(S, actor, TEXT, 255) O(S, amount, TEXT, 255) O(S, asset, TEXT, 255) O(S, corr, TEXT, 255)   \
    O(S, destination, TEXT, 255) O(S, doubt, TEXT, 255) O(S, key, TEXT, 255) F(S, lh, TEXT, 64) O(S, oid, TEXT, 255)   \
    O(S, ord, INTEGER, 0) O(S, otype, TEXT, 255) O(S, outcome, TEXT, 255) O(S, proof, STRINGS, 0)                      \
    F(S, raw, TEXT, EXPORT_LINE_MAX) F(S, seq, INTEGER, 0) O(S, ts, TEXT, 255) O(S, version, INTEGER, 0)               \
    O(S, wallet, TEXT, 255)
/* clang-format on */

/* The first line; `query`: what a filtered export was asked for. `first`: older entries have left the database; `tree`:
 * the roots of the complete subtrees that they are in, the largest first. */
struct export_head {
    EXPORT_HEAD(SCAN_MEMBER, SCAN_MEMBER, )
    uint64_t entries; /* of `size` */
    uint64_t begins;  /* of `first` */
};
MUST_CHECK enum status export_head_read(struct export_head *out, struct span line, struct fault *fault);

/* A row of the database. The columns are as they are spelt; `proof`, and `doubt`, unused, of a filtered export. */
struct export_row {
    EXPORT_ROW(SCAN_MEMBER, SCAN_MEMBER, )
    uint64_t number; /* of `seq` */
};
MUST_CHECK enum status export_row_read(struct export_row *out, struct span line, struct fault *fault);

/* Names each condition of a query that a row does not meet, by its columns; without a row, each that is none. */
void export_query_check(struct report *report, const struct export_row *row, const struct bytes *query);

/* The hashes of `proof`, up to a root. False when they are none. */
bool export_proof_read(struct merkle_proof *out, const struct export_row *row);

/* True for the last line; its checkpoint. Out: bytes_free. */
bool export_is_tail(struct span line);
MUST_CHECK enum status export_tail_read(struct bytes *out, struct span line, struct fault *fault);

/* What the bytes of a row say. */
struct export_entry {
    bool is_leaf; /* they have the form of an entry */
    struct leaf leaf;
    bool is_event; /* and the event has its form */
    struct event event;
    uint8_t raw[EXPORT_LINE_MAX];
};

/*
 * Reads the bytes of a row and names everything in which they are out of form, or the row differs from them. Out: the
 * hash of the leaf in any case.
 */
void export_entry_read(struct export_entry *out, struct report *report, const char *origin,
                       const struct export_row *row);

#endif
