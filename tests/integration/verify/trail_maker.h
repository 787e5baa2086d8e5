/*
 * Trails made with the audit room for the tests of custody-verify: objects with ordinals, two producers whose numbers
 * come late or are void, settled facts. Rows are JSON objects as in an export, so that a test can tamper with each of
 * them.
 *
 * Everything aborts when it fails, so a test need not check it.
 */
#ifndef STRONGROOM_TESTS_VERIFY_TRAIL_MAKER_H
#define STRONGROOM_TESTS_VERIFY_TRAIL_MAKER_H

#include <jansson.h>
#include <stdio.h>

#include "audit/event.h"
#include "samples.h"

#define MAKER_PRODUCERS 2
#define MAKER_OBJECTS 64
#define MAKER_LATER 300
#define MAKER_KEYS 16

/* An entry log.key, the first that can be one from entry `at` on: sample key `key` signs from `from` entries on. */
struct made_order {
    uint64_t at; /* 0: the end of a list */
    uint64_t from;
    uint8_t key;
};

/* Where a trail comes from, entry by entry. Start from zero with `chance` set. */
struct trail_source {
    struct sample_random chance;
    size_t refs;      /* digests that each event refers to: leaves of the length that is wanted */
    uint64_t pace_us; /* so long at most from one event to the next; 0: a millisecond */
    bool mute;        /* no heartbeats for now */
    uint64_t count;
    struct digest last;
    struct audit_frontier frontier;
    int64_t at_utc_us;
    uint64_t next_number[MAKER_PRODUCERS]; /* the last one taken */
    uint64_t late[MAKER_PRODUCERS];        /* taken, not yet in the trail; 0: none */
    uint64_t ordinals[MAKER_OBJECTS];      /* the last one */
    uint64_t generations[MAKER_OBJECTS];   /* objects that ended before, in the same place */
    uint64_t leaving;                      /* an entry says that those below leave the database; 0: none does */
    struct digest leaving_root;
    const struct made_order *orders; /* those to come; NULL: none */
    uint64_t orders_told[MAKER_KEYS];
};

/* Gives a row the columns of the facts that its event tells. */
void trail_row_facts(json_t *row, const struct audit_event *event);

/* Makes the next entry. Out: a row of an export, one reference. */
json_t *trail_source_next(struct trail_source *source);

/* The signed note over what the source made. Out: owned by the caller. */
void trail_source_note(struct bytes *out, const struct trail_source *source);

/* Entries leave the database up to a multiple of this. */
#define MAKER_PARTITION ((size_t)1048576)

/* A whole trail in memory, or what is left of it: its rows begin with entry `begins`. */
struct made_trail {
    json_t *rows;
    size_t begins;        /* 0 or MAKER_PARTITION, of which nobody made the entries: */
    struct digest before; /* this stands for their tree and for the last one */
    json_int_t size;      /* in the head line */
    struct bytes note;
};

/*
 * Makes a signed trail of `count` entries from `begins` on, of which one from left + MAKER_LATER on says that those
 * below `left` leave the database. Free with trail_free.
 */
void trail_make_left(struct made_trail *out, size_t count, uint64_t seed, size_t left, size_t begins);

/* Makes a trail of `count` entries with orders about keys; sample key `key` signs it. Free with trail_free. */
void trail_make_ordered(struct made_trail *out, size_t count, const struct made_order *orders, uint8_t key);

/* Makes a signed trail of `count` entries. Free with trail_free. */
void trail_make(struct made_trail *out, size_t count, uint64_t seed);
void trail_free(struct made_trail *trail);

/* The raw bytes of a row, and giving it others: raw and lh change, the columns do not. */
void trail_raw(struct bytes *out, const struct made_trail *trail, size_t row);
void trail_set_raw(struct made_trail *trail, size_t row, const void *raw, size_t len);

/*
 * What one with the database can do to hide: number, link and hash all rows from `row` on anew, events as they are,
 * `size` as many as there are. The note stays.
 */
void trail_relink(struct made_trail *trail, size_t row);

/* What only the log's key can do (number 0: the log's, others: strangers'): a note over the rows as they are. */
void trail_sign(struct made_trail *trail, uint8_t key);

/* Writes an export. */
void trail_write(const struct made_trail *trail, const char *path);

/* Writes an export that begins with entry `first`; those before it have left the database. */
void trail_write_late(const struct made_trail *trail, const char *path, size_t first);

/* Writes the line of the head, a row, the tail. */
void trail_write_head(FILE *file, json_int_t size);
void trail_write_row(FILE *file, const json_t *row);
void trail_write_tail(FILE *file, const struct bytes *note);

#endif
