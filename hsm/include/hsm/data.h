/*
 * Short texts that a token keeps beside its keys: private data objects (PKCS #11 v2.40, CKO_DATA), by a label that
 * several of them may have. They are replaced, never altered: the new one is read again before an old one goes.
 */
#ifndef STRONGROOM_HSM_DATA_H
#define STRONGROOM_HSM_DATA_H

#include "hsm/token.h"

#define HSM_DATA_MAX 16 /* of one label */
#define HSM_DATA_VALUE_MAX 512

struct hsm_data {
    unsigned long object; /* its handle, until the token is closed */
    size_t len;           /* 0: its value cannot be read, as after a kill while it was written */
    uint8_t value[HSM_DATA_VALUE_MAX];
};

/*
 * Out: the objects of this label, in the token's order, and how many; none is fine. STATUS_TOO_LARGE (more than
 * HSM_DATA_MAX), STATUS_TOKEN.
 */
MUST_CHECK enum status hsm_data_read(struct hsm_token *token, struct hsm_data out[HSM_DATA_MAX], size_t *out_count,
                                     const char *label, struct fault *fault);

/*
 * Writes a new object of this label with the 1..HSM_DATA_VALUE_MAX bytes of `text` (whose handle is not read), reads it
 * again in a session of the fixed set, and then destroys the objects `old`. It has a read-write session of its own for
 * the length of the call, also where the token is open for signing alone. After a failure the old ones are there, and
 * perhaps the new one. SoftHSM's files are not synced. STATUS_TOKEN (also: the token keeps no such objects).
 */
MUST_CHECK enum status hsm_data_replace(struct hsm_token *token, const char *label, const struct hsm_data *text,
                                        const unsigned long *old, size_t old_count, struct fault *fault);

#endif
