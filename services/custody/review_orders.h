/*
 * Orders key.activate that the trail does not have: those of the keys that were at work before there was a trail. An
 * auditor has them as files from the people who signed them.
 */
#ifndef STRONGROOM_CUSTODY_REVIEW_ORDERS_H
#define STRONGROOM_CUSTODY_REVIEW_ORDERS_H

#include "audit/event.h"
#include "options.h"
#include "policy/command.h"

#define REVIEW_ORDERS_MAX 16

struct review_orders {
    struct command rows[REVIEW_ORDERS_MAX]; /* verified */
    size_t count;
};

/*
 * Reads the files `paths`, `count` of them, and verifies each: an order key.activate, signed by the governance quorum
 * of the version that it names, which leads to the first policy of the trust file (trust_open). STATUS_USAGE above
 * REVIEW_ORDERS_MAX; otherwise the status of command_verify, naming the file: none of them is passed over.
 */
MUST_CHECK enum status review_orders_read(struct review_orders *out, char **paths, size_t count,
                                          const struct custody_options *options, struct fault *fault);

/*
 * Whether one of them ordered what an entry key.state says: this key, in this role, from the state before this one (by
 * the number of the key's transitions, so an order serves for one activation), issued by then.
 */
bool review_orders_match(const struct review_orders *orders, const struct audit_event *activated);

#endif
