/*
 * Orders of people to a signer, as the service reads them. Whether one stands is for the signer to say.
 */
#ifndef STRONGROOM_CUSTODYD_ORDERS_H
#define STRONGROOM_CUSTODYD_ORDERS_H

#include "audit/event.h"
#include "policy/command.h"
#include "service.h"

/*
 * Reads an order that was handed in. One that stops something (command_stops) is decoded and nothing more: it may name
 * an older version, its time is judged by the signer's clock, and the version that its author is in may not be known
 * here; so the signer alone judges it, and what it refuses is refused. Every other order is verified at this moment
 * under the version in force, as the signer will. Statuses of command_decode and policy_chain_command_verify.
 */
MUST_CHECK enum status order_read(struct command *out, const struct service *service,
                                  const struct signed_document *document, struct fault *fault);

/*
 * Adds to the entry of an order the fact `reason` that it gives, and, once a signer has taken it (outcome ok), `by`:
 * the people whom the version in force knows by the keys that signed it, as many as fit. Nothing without an order.
 */
MUST_CHECK enum status order_facts_add(struct audit_event *event, const struct service *service,
                                       const struct signed_document *document, struct fault *fault);

#endif
