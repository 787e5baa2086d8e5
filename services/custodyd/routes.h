/*
 * The table of all routes of the REST interface (docs/openapi.yaml), and what dispatch asks of the service.
 */
#ifndef STRONGROOM_CUSTODYD_ROUTES_H
#define STRONGROOM_CUSTODYD_ROUTES_H

#include "http.h"

/* All routes. Static. */
const struct http_route *routes_all(size_t *out_count);

/*
 * Finds who presents the token whose SHA-256 is `request->caller.auth`: fills person and roles. STATUS_UNAUTHENTICATED
 * when the token is unknown, expired or revoked.
 */
MUST_CHECK enum status service_authenticate(struct service *service, struct http_request *request, struct fault *fault);

/* The names of these bits of enum role: "operator or custodian" with " or " between them. Out: `out`. */
#define ROLE_NAMES_SIZE 80
const char *service_role_names(char out[ROLE_NAMES_SIZE], unsigned roles, const char *between);

/* A valid token is used: when that is a login (logins.h), an entry says so. Nobody waits for it. */
void service_log_login(struct service *service, const struct http_request *request);

/*
 * What looks like a token and is none (any more) was presented. Beyond `refusals` in a minute, of everybody together,
 * they are only counted.
 */
void service_log_login_refusal(struct service *service, const struct http_request *request, enum status reason);

/* An effect failed in the service, for `reason`. Told as refusals are; nobody waits for it. */
void service_log_error(struct service *service, const struct http_request *request, enum audit_action action,
                       enum status reason);

/*
 * Tells that the request read so many entries, and waits a moment until that is covered. Reads go on when the trail
 * does not: then the log tells it, and the entry follows (trail_owed.h); while the trail has halted only the log does.
 * STATUS_BUSY when so many are owed that this one is not answered.
 */
MUST_CHECK enum status service_log_read(struct service *service, const struct http_request *request,
                                        enum audit_action action, uint64_t results, struct fault *fault);

/*
 * Writes the refusal of an effect, for `reason`, with what the policy said of it (NULL: nothing), to the trail and
 * waits until it is covered. A failure to do so replaces the refusal: no proof, no answer but 503. Beyond `refusals` of
 * one person in a minute they are only counted (refusals.h).
 */
MUST_CHECK enum status service_log_refusal(struct service *service, const struct http_request *request,
                                           enum audit_action action, enum status reason, const json_t *explanation,
                                           struct fault *fault);

/*
 * What was only counted comes into the trail as one entry for each person, when its minute is over or `all`; and how
 * many requests the gate did not let in, into the log.
 */
void service_tell_refusals(struct service *service, bool all);

#endif
