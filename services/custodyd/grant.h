/*
 * Granting bearer tokens, from the host's command line. A token is shown once and stored as its SHA-256.
 */
#ifndef STRONGROOM_CUSTODYD_GRANT_H
#define STRONGROOM_CUSTODYD_GRANT_H

#include "options.h"

/*
 * Makes a token for options->person with options->roles, valid options->days, and prints it on standard output. The
 * grant is an entry of the trail, which the running service sequences. STATUS_INVALID naming the option.
 */
MUST_CHECK enum status grant_token(const struct custodyd_options *options, struct fault *fault);

#endif
