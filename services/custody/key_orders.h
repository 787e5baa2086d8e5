/*
 * Handing in an order of any action.
 */
#ifndef STRONGROOM_CUSTODY_KEY_ORDERS_H
#define STRONGROOM_CUSTODY_KEY_ORDERS_H

#include "base/signed.h"
#include "options.h"

/* To the signer at --socket, or to the service; prints what came of it. */
MUST_CHECK enum status key_order_send(const struct signed_document *document, const struct custody_options *options,
                                      struct fault *fault);

/*
 * An order that one person's signature may be enough for: without --key it is written as it is, to be signed; with it,
 * it is signed and sent. Errors of those two.
 */
MUST_CHECK enum status key_order_finish(struct signed_document *inout, const struct custody_options *options,
                                        struct fault *fault);

#endif
