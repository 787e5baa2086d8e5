/*
 * JSON values that more than one resource shows. NULL when memory ran out.
 */
#ifndef STRONGROOM_CUSTODYD_VALUES_H
#define STRONGROOM_CUSTODYD_VALUES_H

#include <jansson.h>

#include "audit/tree.h"
#include "base/bytes.h"
#include "store/trail_read.h"

/* The base64 of bytes, as a string. */
json_t *value_base64(const struct bytes *bytes);

/* The hashes of a proof, as an array of hexadecimal strings. */
json_t *value_hashes(const struct audit_proof *proof);

/* A row of the trail as it stands in the database, absent columns left out. */
json_t *value_leaf(const struct store_leaf *leaf);

/* Appends the canonical line of a value, which is taken over (NULL: memory ran out). STATUS_NO_MEMORY. */
MUST_CHECK enum status value_append_line(struct buffer *buffer, json_t *value, struct fault *fault);

#endif
