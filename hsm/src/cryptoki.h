/*
 * Answers of Cryptoki (CK_RV) as statuses and faults. Internal to the room.
 */
#ifndef STRONGROOM_HSM_CRYPTOKI_H
#define STRONGROOM_HSM_CRYPTOKI_H

#include <p11-kit/pkcs11.h>

#include "base/status.h"

/* True when `rv` means that the token, the session or the login is gone, or that the session can no longer be trusted.
 */
bool hsm_cryptoki_is_loss(CK_RV rv);

/* Records `rv` of the Cryptoki function `call` about the object `where` as STATUS_TOKEN and returns that. */
enum status hsm_cryptoki_fault(CK_RV rv, const char *call, const char *where, struct fault *fault);

/* CK_BBOOL of a C boolean. */
CK_BBOOL hsm_cryptoki_bool(bool value);

#endif
