/*
 * The types of fields, one by one; inside the room only.
 */
#ifndef STRONGROOM_BASE_CANON_TYPE_H
#define STRONGROOM_BASE_CANON_TYPE_H

#include "base/canon.h"

/* Where a field stands, for its fault. */
struct canon_place {
    const struct canon_field *field;
    const char *path;
    struct fault *fault;
};

enum canon_value_kind {
    CANON_VALUE_TEXT,
    CANON_VALUE_INTEGER,
    CANON_VALUE_BOOLEAN,
    CANON_VALUE_TREE,
};

#define CANON_VALUE_ROOM 72 /* the longest text of a type of fixed size, a digest's */

/* A value to be written; by its kind one of text, integer, boolean and tree. It must not be moved or copied. */
struct canon_value {
    enum canon_value_kind kind;
    const char *text; /* borrowed from the struct, or in room or owned */
    size_t len;
    int64_t integer;
    bool boolean;
    json_t *tree; /* borrowed from the struct */
    struct bytes owned;
    char room[CANON_VALUE_ROOM];
};

/* Refuses a field by its path and name. Returns `status`. */
enum status canon_type_refuse(const struct canon_place *place, enum status status, const char *rule);

/* Whether a member has the zero value of its type, of the types for which that means absent. */
bool canon_type_empty(const void *member, enum canon_type type);

/* Reads a value into a member, as canon_decode does. */
MUST_CHECK enum status canon_type_read(void *member, json_t *value, const struct canon_place *place);

/*
 * What is to be written of a member. Out: `owned` is the caller's to free, after a failure too. The statuses of
 * canon_encode.
 */
MUST_CHECK enum status canon_type_write(struct canon_value *out, const void *member, const struct canon_place *place);

#endif
