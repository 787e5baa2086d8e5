/*
 * A loaded PKCS#11 module and its tokens. Internal to the room.
 */
#ifndef STRONGROOM_HSM_MODULE_H
#define STRONGROOM_HSM_MODULE_H

#include <libp11.h>
#include <p11-kit/pkcs11.h>

#include "hsm/token.h"

struct hsm_module {
    PKCS11_CTX *context;
    void *library;
    CK_FUNCTION_LIST *functions;
};

/* SHA-256 of the module's file; its path must be absolute (STATUS_INVALID). STATUS_TOKEN. */
MUST_CHECK enum status hsm_module_hash(struct digest *out, const char *path, struct fault *fault);

/* Loads and initialises the module. Out: close with hsm_module_close. STATUS_TOKEN, STATUS_NO_MEMORY. */
MUST_CHECK enum status hsm_module_open(struct hsm_module *out, const char *path, struct fault *fault);

/* Finalises and unloads; one that was never opened (all zeros) is fine. */
void hsm_module_close(struct hsm_module *module);

/* True when the module says it is SoftHSM. */
bool hsm_module_is_softhsm(const struct hsm_module *module);

/*
 * The slot of the one initialised token that agrees with every given field of the selector, and what that token says of
 * itself. No session may be open: libp11 closes all sessions of the slots it forgets. STATUS_NOT_FOUND,
 * STATUS_CONFLICT.
 */
MUST_CHECK enum status hsm_module_find_slot(const struct hsm_module *module, CK_SLOT_ID *out_slot,
                                            struct hsm_token_selector *out_identity,
                                            const struct hsm_token_selector *selector, struct fault *fault);

#endif
