/*
 * Exports of the trail (docs/formats.md section 4), line by line from a file of any length or from standard input, and
 * what the columns of a row say against what its bytes say.
 */
#ifndef STRONGROOM_VERIFY_EXPORT_H
#define STRONGROOM_VERIFY_EXPORT_H

#include "event.h"
#include "note.h"
#include "report.h"

#define EXPORT_LINE_MAX 262144

struct export_file {
    int fd;
    char *buffer;
    size_t from, until; /* what is read and not yet given out */
    uint64_t lines;     /* given out */
    bool ended;         /* nothing more can be read */
    bool failed;        /* for another reason than the end */
};

/* Opens a file, "-" is standard input. False when it cannot. Close it in either case. */
bool export_open(struct export_file *out, const char *path);
void export_close(struct export_file *file);

/*
 * The next line without its newline, borrowed until the next call; false at the end. One that is longer than
 * EXPORT_LINE_MAX is cut there, and is the last.
 */
bool export_line(struct span *out, struct export_file *file);

/* The first line. */
struct export_head {
    struct span format;
    struct span origin;
    struct span query; /* of a filtered export: what was asked for */
    struct span size_text;
    uint64_t size;
};
MUST_CHECK enum status export_head_read(struct export_head *out, struct span line, struct fault *fault);

/* A row of the database. The columns are as they are spelt. */
struct export_row {
    struct span act;
    struct span actor;
    struct span amount;
    struct span asset;
    struct span corr;
    struct span destination;
    struct span key;
    struct span lh;
    struct span oid;
    struct span ord;
    struct span otype;
    struct span outcome;
    struct span proof; /* of a filtered export */
    struct span raw;
    struct span seq_text;
    struct span ts;
    struct span version;
    struct span wallet;
    uint64_t seq;
};
MUST_CHECK enum status export_row_read(struct export_row *out, struct span line, struct fault *fault);

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
