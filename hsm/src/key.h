/*
 * What making, restoring and using keys share. Internal to the room.
 */
#ifndef STRONGROOM_HSM_SRC_KEY_H
#define STRONGROOM_HSM_SRC_KEY_H

#include "hsm/key.h"
#include "token.h"

#define HSM_NEW_ID_LEN 16

/* Label and CKA_ID of a key about to come onto the token. */
struct hsm_new_key {
    char label[HSM_KEY_LABEL_SIZE];
    uint8_t id[HSM_NEW_ID_LEN];
    enum hsm_key_profile profile;
};

/*
 * Checks the label (1..63 printable characters, not in use: STATUS_INVALID, STATUS_EXISTS) and that the token is open
 * for ceremonies (STATUS_INVALID), and draws a CKA_ID.
 */
MUST_CHECK enum status hsm_new_key_init(struct hsm_new_key *new, struct hsm_token *token, const char *label,
                                        enum hsm_key_profile profile, struct fault *fault);

/* Attributes of a key's private object, written out one by one (generate.c). */
#define HSM_PRIVATE_TEMPLATE_MAX 16

/* Fills `template` for a private key; returns how many. Borrows from `new`, which must live as long. */
size_t hsm_private_template(CK_ATTRIBUTE template[HSM_PRIVATE_TEMPLATE_MAX], struct hsm_new_key *new);

/*
 * Brings what was made to the disk, finds it in a session that did not see it being made, checks every attribute,
 * signs, verifies and adds it to the token's keys. Out: borrowed from the token.
 */
MUST_CHECK enum status hsm_new_key_adopt(struct hsm_token *token, const struct hsm_key **out,
                                         const struct hsm_new_key *new, struct fault *fault);

/*
 * Nothing of a key that may not serve stays: whatever has its CKA_ID goes, also what the token made while it answered
 * that it did not. What cannot be destroyed keeps the token closed, by its audit, or is a fit key that no paper names.
 */
void hsm_new_key_undo(struct hsm_token *token, struct hsm_new_key *new);

/* Random bytes of the kernel. STATUS_IO. */
MUST_CHECK enum status hsm_key_random(void *out, size_t len, const char *where, struct fault *fault);

/* Signs and verifies a random challenge in a session that is not of the fixed set. */
MUST_CHECK enum status hsm_key_prove_in(const struct hsm_key *key, CK_SESSION_HANDLE session, struct fault *fault);

/* True when a key of the token has this label. */
bool hsm_key_label_taken(struct hsm_token *token, const char *label);

#endif
