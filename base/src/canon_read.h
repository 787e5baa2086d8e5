/*
 * The strict reader of canonical documents; inside the room only.
 */
#ifndef STRONGROOM_BASE_CANON_READ_H
#define STRONGROOM_BASE_CANON_READ_H

#include "base/canon.h"

/*
 * The value of bytes in canonical form, NULL when they are not in it or memory is short; why not is for canon_parse to
 * find out. The caller owns the value.
 */
json_t *canon_read(const uint8_t *bytes, size_t len);

#endif
