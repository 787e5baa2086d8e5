/*
 * The token of this process: PIN, login, key.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_H
#define STRONGROOM_SIGNERD_TOKEN_H

#include "hsm/key.h"
#include "hsm/uri.h"
#include "options.h"

/*
 * The token and the module that the options name: --token is a PKCS #11 URI, or a label, to which --serial may be added
 * and --module belongs. STATUS_USAGE, and the statuses of hsm_uri_parse.
 */
MUST_CHECK enum status token_choose(struct hsm_uri *out, const struct options *options, struct fault *fault);

/*
 * Reads the PIN from --pin-fd or --pin-credential; a descriptor of a file from its beginning, so that it serves again
 * when the process is started again. STATUS_USAGE without exactly one of them; STATUS_IO, STATUS_INVALID.
 * Out: owned by the caller.
 */
MUST_CHECK enum status token_pin_read(struct secret *out, const struct options *options, struct fault *fault);

/* Reads the PIN of the security officer from --so-pin-fd. STATUS_IO, STATUS_INVALID. Out: owned by the caller. */
MUST_CHECK enum status token_so_pin_read(struct secret *out, const struct options *options, struct fault *fault);

/*
 * Reads the PIN, opens the token with it and wipes it, whatever the answer. Out: hsm_token_close. The statuses of
 * hsm_token_open; STATUS_USAGE without exactly one source of the PIN; STATUS_IO, STATUS_INVALID for the PIN's file.
 */
MUST_CHECK enum status token_open(struct hsm_token **out, const struct options *options, enum hsm_token_use use,
                                  struct fault *fault);

/* The same of a token that may hold keys which were restored onto it. */
MUST_CHECK enum status token_open_restored(struct hsm_token **out, const struct options *options,
                                           enum hsm_token_use use, struct fault *fault);

#endif
