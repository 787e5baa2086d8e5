/*
 * The leaf: one entry of the trail as it is hashed and stored, verbatim and for ever.
 *
 *   L_n = "custody-audit/v1\n" origin "\n" dec(n) "\n" hex(lh_{n-1}) "\n" E "\n"      lh_{-1} is 64 zeros
 *   lh_n = SHA-256(0x00 || L_n)
 *
 * The leaf does not interpret E beyond "one line of printable ASCII": what it says is the matter of event.h. Hash what
 * you store, store what you hash; nobody builds a stored leaf a second time in order to verify it.
 */
#ifndef STRONGROOM_AUDIT_LEAF_H
#define STRONGROOM_AUDIT_LEAF_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

#define AUDIT_ORIGIN_MAX 255
#define AUDIT_ORIGIN_SIZE 256
#define AUDIT_EVENT_MAX 57344
#define AUDIT_LEAF_MAX 65535
#define AUDIT_TREE_SIZE_MAX INT64_MAX /* as uint64_t: 2^63-1 */

/* `event` is borrowed: from the caller when building, from the raw bytes when parsed. */
struct audit_leaf {
    char origin[AUDIT_ORIGIN_SIZE];
    uint64_t index;
    struct digest previous; /* leaf hash of entry index-1; all zeros for, and only for, index 0 */
    const uint8_t *event;
    size_t event_len;
};

/*
 * The name of a log: 1 to 255 characters of printable ASCII without space and "+" (C2SP signed-note key names, narrowed
 * to ASCII). STATUS_INVALID otherwise.
 */
MUST_CHECK enum status audit_origin_check(const char *origin, struct fault *fault);

/*
 * Builds L_n. Out: owned by the caller. STATUS_INVALID for a bad origin, an index above 2^63-2, a `previous` that is
 * zero with an index above 0 or the reverse, or an event that is not 2 or more characters of printable ASCII;
 * STATUS_TOO_LARGE for an event above AUDIT_EVENT_MAX.
 */
MUST_CHECK enum status audit_leaf_build(struct bytes *out, const struct audit_leaf *leaf, struct fault *fault);

/*
 * Reads L_n back and refuses whatever audit_leaf_build would not print. out->event points into `raw` and lives as long.
 * The caller compares origin, index and previous with what it expects. STATUS_INVALID, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_leaf_parse(struct audit_leaf *out, const void *raw, size_t len, struct fault *fault);

/* lh_n of raw leaf bytes (RFC 6962 2.1). */
void audit_leaf_hash(struct digest *out, const void *raw, size_t len);

#endif
