/*
 * Which token, written as a PKCS #11 URI (RFC 7512):
 *
 *     pkcs11:token=vault;serial=0123456789abcdef?module-path=/usr/lib/softhsm/libsofthsm2.so
 *
 * Path attributes `token`, `serial`, `manufacturer`, `model`; query attribute `module-path`. A URI that holds anything
 * else is refused, not read in part: what it said would not have been heeded. PINs are never in a URI, which ends up in
 * process lists, logs and tickets: `pin-value` and `pin-source` are refused by name.
 */
#ifndef STRONGROOM_HSM_URI_H
#define STRONGROOM_HSM_URI_H

#include "hsm/token.h"

struct hsm_uri {
    struct hsm_token_selector selector;
    char module_path[HSM_MODULE_PATH_SIZE]; /* empty when the URI does not say */
};

/*
 * Reads a URI. It must name `token` or `serial`; `module-path` must be absolute. STATUS_INVALID with the attribute in
 * `where`; no value is in the fault.
 */
MUST_CHECK enum status hsm_uri_parse(struct hsm_uri *out, const char *text, struct fault *fault);

#endif
