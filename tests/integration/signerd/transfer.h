/*
 * One signer of role transfer, and what is expected of it.
 */
#ifndef STRONGROOM_TEST_SIGNER_TRANSFER_H
#define STRONGROOM_TEST_SIGNER_TRANSFER_H

#include "place.h"

extern struct place place;
extern struct world world;
extern struct wire_pool *pool;

/* Makes token, world and guard, starts signerd and a pool; the second one with a place that was made and arguments. */
void transfer_start(enum algorithm algorithm);
void transfer_start_with(const char *const further[]);

/* Stops it, which must succeed, and removes everything. */
void transfer_finish(void);

/* The order is signed, as exactly its transaction and with the key of the token. Out: the transaction id. */
void order_expect_signed(struct digest *out, struct order *order);

/* The order is refused with this status; `where` begins so. `what` is for the message of a failure. */
void order_expect_refused(struct order *order, enum status expected, const char *where, const char *what);

/* What the last refusal said of the past. */
void order_expect_promised(enum wire_promised expected);

/* Bert and bob approve the order as it is now, and the trail says so. */
void order_reapprove(struct order *order);

/* After a change of the intent: everybody approves it and the trail agrees, so that only the intent itself is wrong. */
void order_rewrite(struct order *order, bool rebuild);

#endif
