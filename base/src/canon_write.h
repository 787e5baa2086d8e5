/*
 * The writer of canonical documents; inside the room only.
 */
#ifndef STRONGROOM_BASE_CANON_WRITE_H
#define STRONGROOM_BASE_CANON_WRITE_H

#include "base/canon.h"

/*
 * Appends the canonical form of a value that canon_emit has checked, when the keys of its objects were set in ascending
 * order, as those of field tables are. False when one was not: then what was appended is of no use.
 */
bool canon_write(struct buffer *buffer, json_t *value);

#endif
