/*
 * Shares that custodians hand to this process, until there are enough.
 */
#ifndef STRONGROOM_SIGNERD_GIFTS_H
#define STRONGROOM_SIGNERD_GIFTS_H

#include <stdio.h>

#include "base/share.h"
#include "policy/backup.h"

/* Whose shares are wanted. Borrowed, valid until gifts_end. */
struct gifts_order {
    enum occasion_action action;
    const struct digest *key; /* key id */
    const struct digest *set; /* of the backup; zeros for a clone, which needs no shares */
    const char *serial;       /* of the token */
    const struct share_table *shares;
    const struct digest *check; /* of the secret (share_kek_check) */
    const struct policy *policy;
};

struct gifts {
    struct gifts_order order;
    struct seal_key to;
    struct secret private_key;
    struct occasion_paper occasion; /* verified: gifts_read_occasion */
    struct digest occasion_digest;
    struct share shares[BACKUP_SHARES_MAX];
    struct digest commitments[BACKUP_SHARES_MAX];
    struct name givers[BACKUP_SHARES_MAX];
    size_t count;
};

/*
 * Makes the key that shares are to be sealed for, and prints `{"key","serial","set","threshold","to"}`: this is
 * the console from which two people read it. End with gifts_end whatever the answer. STATUS_NO_MEMORY, STATUS_IO.
 */
MUST_CHECK enum status gifts_begin(struct gifts *out, const struct gifts_order *order, struct fault *fault);

/*
 * Reads signed documents, one in each line, until there is the occasion: verified under the policy, and about this
 * receiver in every respect. A line that is refused is logged with its reason. STATUS_QUORUM_MISSING when the stream
 * ends before.
 */
MUST_CHECK enum status gifts_read_occasion(struct gifts *gifts, FILE *stream, struct fault *fault);

/*
 * After gifts_read_occasion. Reads gifts (signed documents, one in each line) until there are enough. A line that is
 * refused is logged with its reason, a corrupted share with its custodian, and the next one is awaited.
 * STATUS_QUORUM_MISSING when the stream ends before.
 */
MUST_CHECK enum status gifts_read(struct gifts *gifts, FILE *stream, struct fault *fault);

/* Puts the secret together and holds it against its check. Out: owned by the caller. STATUS_MISMATCH. */
MUST_CHECK enum status gifts_join(struct secret *out, const struct gifts *gifts, struct fault *fault);

/* Who gave, ascending; returns how many. */
size_t gifts_givers(struct name out[BACKUP_SHARES_MAX], const struct gifts *gifts);

/* Wipes and frees shares and key. */
void gifts_end(struct gifts *gifts);

#endif
