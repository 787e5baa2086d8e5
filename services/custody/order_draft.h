/*
 * What every order has, so that nobody writes JSON: the action, and what it is about, is the caller's.
 */
#ifndef STRONGROOM_CUSTODY_ORDER_DRAFT_H
#define STRONGROOM_CUSTODY_ORDER_DRAFT_H

#include "options.h"
#include "policy/command.h"

/*
 * Fills in chain, environment and version of `policy`, the times (from now, for as long as --expires-in says), a new
 * nonce and --reason (STATUS_USAGE when it is not a word). What else stands in `order` stays.
 */
MUST_CHECK enum status order_draft(struct command *order, const struct policy *policy,
                                   const struct custody_options *options, struct fault *fault);

/* The bytes of an order, shown on stderr before anybody signs. Statuses of command_encode. Out: owned by the caller. */
MUST_CHECK enum status order_draft_write(struct bytes *out, const struct command *order, struct fault *fault);

#endif
