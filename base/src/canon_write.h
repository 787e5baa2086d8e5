/*
 * The writer of canonical documents; inside the room only.
 */
#ifndef STRONGROOM_BASE_CANON_WRITE_H
#define STRONGROOM_BASE_CANON_WRITE_H

#include "base/canon.h"

/* Appends the canonical form of a value that was checked. */
void canon_write(struct buffer *buffer, json_t *value);

/* Append a string of printable ASCII, or an integer. */
void canon_write_text(struct buffer *buffer, const char *text, size_t len);
void canon_write_integer(struct buffer *buffer, int64_t number);

/* Appends a key, its colon and, unless it is the first, the comma before it. */
void canon_write_key(struct buffer *buffer, const char *key, bool first);

/* Whether a key may stand in a document. */
bool canon_key_fits(const char *key);

/*
 * Checks a value that was built in memory and stands at `depth`, the outermost object being at 1. STATUS_NOT_CANONICAL.
 */
MUST_CHECK enum status canon_check(json_t *value, const char *where, int depth, struct fault *fault);

#endif
