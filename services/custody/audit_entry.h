/*
 * An entry of the trail as it stands in an answer of the service, for people: what its bytes say, and what speaks
 * against the row that they stand in.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_ENTRY_H
#define STRONGROOM_CUSTODY_AUDIT_ENTRY_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

struct trust;

/*
 * Prints the entry from the bytes in `row`, and below it, marked, in what the columns of the row differ from them and
 * what the service says against them. `stream` NULL: nothing is printed. `trust` (NULL: none) has the codes of assets.
 * True when nothing speaks against it.
 */
bool audit_entry_print(FILE *stream, const struct trust *trust, const json_t *row);

#endif
