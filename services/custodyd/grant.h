/*
 * Granting and revoking bearer tokens, from the host's command line. A token is shown once and stored as its SHA-256.
 */
#ifndef STRONGROOM_CUSTODYD_GRANT_H
#define STRONGROOM_CUSTODYD_GRANT_H

#include "base/id.h"
#include "options.h"
#include "store/store.h"

/*
 * Makes a token for options->person with options->roles, valid options->days, and prints it on standard output. The
 * grant is an entry of the trail, which the running service sequences. STATUS_INVALID naming the option.
 */
MUST_CHECK enum status grant_token(const struct custodyd_options *options, struct fault *fault);

/*
 * Revokes the token whose SHA-256 is options->token, from the next request on, and says whose it was. An entry of the
 * trail, likewise. STATUS_INVALID naming the option; STATUS_UNAUTHENTICATED when no living token is it.
 */
MUST_CHECK enum status revoke_token(const struct custodyd_options *options, struct fault *fault);

/*
 * Whether some version of the policy names this person; `path` is that of the file, the others are in the database.
 * STATUS_INVALID naming the option `person` when none does.
 */
MUST_CHECK enum status grant_check_person(const struct name *id, struct store *store, const char *path,
                                          struct fault *fault);

#endif
