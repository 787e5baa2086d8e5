/*
 * The token of this process: PIN, login, key.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_H
#define STRONGROOM_SIGNERD_TOKEN_H

#include "hsm/key.h"
#include "options.h"

/*
 * Reads the PIN, opens the token with it and wipes it, whatever the answer. Out: hsm_token_close. The statuses of
 * hsm_token_open; STATUS_USAGE without exactly one source of the PIN; STATUS_IO, STATUS_INVALID for the PIN's file.
 */
MUST_CHECK enum status token_open(struct hsm_token **out, const struct options *options, enum hsm_token_use use,
                                  struct fault *fault);

#endif
