/*
 * Orders about people as the service keeps them, to be carried to a signer that was away when they came.
 */
#ifndef STRONGROOM_CUSTODYD_PEOPLE_H
#define STRONGROOM_CUSTODYD_PEOPLE_H

#include "policy/command.h"
#include "service.h"

#define PERSON_ORDER_KIND "person" /* of documents in the database: the signed command */

/* The name under which an order that expires then is kept, and those that expire later come after it. */
void person_order_name(struct name *out, int64_t expires_at_utc_us, const struct digest *digest);

/*
 * Keeps an order for the watcher, once. `document` is the one of `command`. It is read until it expires, and stays in
 * the database for good: the service may add documents and delete none.
 */
MUST_CHECK enum status person_order_keep(struct store_tx *tx, const struct signed_document *document,
                                         const struct command *command, struct fault *fault);

#endif
