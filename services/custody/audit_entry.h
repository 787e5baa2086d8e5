/*
 * An entry of the trail as it stands in an answer of the service, for people: what its bytes say, and what speaks
 * against the row that they stand in.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_ENTRY_H
#define STRONGROOM_CUSTODY_AUDIT_ENTRY_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "audit/event.h"
#include "audit/leaf.h"

struct trust;

/* What the bytes of a row say. */
struct audit_entry {
    struct bytes raw;       /* owned; empty: there are none */
    bool readable;          /* they are those of an entry: what follows */
    struct audit_leaf leaf; /* borrows from `raw` */
    struct audit_event event;
};

/* Out: audit_entry_wipe. */
void audit_entry_read(struct audit_entry *out, const json_t *row);

void audit_entry_wipe(struct audit_entry *entry);

/*
 * Prints the entry that was read from `row` in a line, and below it, marked, in what the columns of the row differ from
 * it and what the service says against them. `stream` NULL: nothing is printed. `trust` (NULL: none) has the codes of
 * assets. True when nothing speaks against it.
 */
bool audit_entry_print(FILE *stream, const struct trust *trust, const struct audit_entry *entry, const json_t *row);

/*
 * In what the columns of the row that the entry was read from differ from what its bytes say, in words: "the column
 * actor, which has mallory"; "" when they do not. What there is no room for is left out.
 */
#define AUDIT_ALTERED_SIZE 160
void audit_entry_altered(char out[AUDIT_ALTERED_SIZE], const struct audit_entry *entry, const json_t *row);

#endif
