/*
 * The documents that signed entries of the trail name. Whoever writes to the database puts as many rows of documents
 * there as he likes; what was entered is found by its entry, whatever stands beside it.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_NAMED_H
#define STRONGROOM_CUSTODYD_TRAIL_NAMED_H

#include "audit/event.h"
#include "trail_signed.h"

#define TRAIL_NAMED_PAGE 16

/* Entries of `action` with this outcome, and the reference by which they name a document. */
struct trail_naming {
    enum audit_action action;
    enum audit_outcome outcome;
    const char *ref;
};

/* What one of them names. */
struct trail_named {
    uint64_t seq;
    struct digest digest;
    struct digest policy; /* the version in force when it was entered */
};

/* Begins as zeros. */
struct trail_named_page {
    struct trail_named rows[TRAIL_NAMED_PAGE]; /* the newest entry first */
    size_t count;
    struct trail_search search; /* over: there are no others */
};

/*
 * The next page, perhaps an empty one. Rows that are not what was signed are left out, and told, up to so many
 * (trail_signed_next); so are entries that name no document. No transaction of the trail's reader is open.
 * STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status trail_named_page(struct trail_named_page *inout, struct trail *trail,
                                        const struct trail_naming *naming, struct fault *fault);

#endif
