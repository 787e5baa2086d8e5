/*
 * The table of shares as an array inside documents, and the fields that share documents and gifts have in common.
 */
#ifndef STRONGROOM_POLICY_SRC_SHARE_TABLE_H
#define STRONGROOM_POLICY_SRC_SHARE_TABLE_H

#include "document.h"
#include "policy/backup.h"

/* Rows of field tables. `sealed` and `to` are struct bytes. */
#define SHARE_INDEX_FIELD(type, member) CANON_FIELD_RANGE(type, member, CANON_INTEGER, 1, BACKUP_SHARES_MAX)
#define SHARE_THRESHOLD_FIELD(type, member) CANON_FIELD_RANGE(type, member, CANON_INTEGER, 2, BACKUP_SHARES_MAX)
#define SHARE_SEALED_FIELD(type, member)                                                                               \
    {                                                                                                                  \
#member, CANON_BYTES, false, offsetof(type, member), SHARE_SEALED_MAX, SEAL_OVERHEAD + 1, 0                    \
    }
#define SEAL_KEY_FIELD(type, member)                                                                                   \
    {                                                                                                                  \
#member, CANON_BYTES, false, offsetof(type, member), SEAL_KEY_LEN, SEAL_KEY_LEN, 0                             \
    }

/* The floors of the table alone (see struct share_table). */
MUST_CHECK enum status share_table_check(const struct share_table *table, struct fault *fault);

/* Reads the array `shares` and the number `threshold`; floors included. */
MUST_CHECK enum status share_table_read(struct share_table *out, const json_t *list, int64_t threshold,
                                        struct fault *fault);

/* The array. Out: one reference. */
MUST_CHECK enum status share_table_write(json_t **out, const struct share_table *table, struct fault *fault);

/* 32 bytes that a SEAL_KEY_FIELD has read. */
void share_read_seal_key(struct seal_key *out, const struct bytes *bytes);

#endif
