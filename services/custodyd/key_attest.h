/*
 * Attestations: having a key show that its token holds it, and keeping what it said.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_ATTEST_H
#define STRONGROOM_CUSTODYD_KEY_ATTEST_H

#include "audit/event.h"
#include "service.h"

/*
 * Has a key attest with the challenge, verifies what comes back and keeps it, with an entry in the trail by
 * `event` (its action and object are set here; the rest is the caller's). Out: `out` (unless NULL)
 * signed_document_free; the ticket of the entry.
 */
MUST_CHECK enum status key_attest(struct signed_document *out, struct trail_ticket *out_ticket, struct service *service,
                                  const struct wire_key_attest_request *asked, struct audit_event *event,
                                  struct fault *fault);

/* The same by the service itself, with a challenge of its own. */
MUST_CHECK enum status key_attest_renew(struct service *service, const struct digest *key, struct fault *fault);

#endif
