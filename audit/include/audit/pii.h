/*
 * Commitments to personal data: what stands in E instead of the value, and can be opened or forgotten later.
 *
 *   com = HMAC-SHA-256(salt32, "custody-pii/v1\n" field "\n" event_id "\n" value)
 *
 * A fresh random salt per field and event: an unsalted digest of a name could be guessed.
 */
#ifndef STRONGROOM_AUDIT_PII_H
#define STRONGROOM_AUDIT_PII_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define AUDIT_PII_SALT_LEN 32
#define AUDIT_PII_VALUE_MAX 4096

/*
 * The commitment to `value` (bytes, UTF-8 as a rule, 0..4096). `field` and `event_id` are 1 to 80 characters of
 * printable ASCII. STATUS_INVALID, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_pii_commit(struct digest *out, const uint8_t salt32[AUDIT_PII_SALT_LEN], const char *field,
                                        const char *event_id, const void *value, size_t value_len);

#endif
