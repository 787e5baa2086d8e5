/*
 * Whether a row of custody.token is one that the service granted. Whoever writes to the database can put rows there;
 * he has not the key of their codes, so nobody speaks in a person's name whom `custodyd token` did not give a token.
 */
#ifndef STRONGROOM_CUSTODYD_TOKEN_CODE_H
#define STRONGROOM_CUSTODYD_TOKEN_CODE_H

#include "base/secret.h"
#include "options.h"
#include "store/token.h"

/*
 * The key of the codes: HMAC-SHA-256 of "bearer token" under `pending-key`. Errors as service_trail_open. Out: owned by
 * the caller, secret_free.
 */
MUST_CHECK enum status token_key_read(struct secret *out, const struct custodyd_options *options, struct fault *fault);

/* The code: HMAC-SHA-256 over digest, end (8 bytes, the high one first), person, a newline and roles as they stand. */
void token_code(struct digest *out, const struct secret *key, const struct store_token *token);

/* Whether a row that was read has it. */
bool token_is_granted(const struct secret *key, const struct store_token *token);

#endif
