/*
 * The audit of a token at its opening: every object that the login shows is a key of ours, half of one, or no key.
 *
 * What a private key must be is in object.c. Certificates and data hold no key of ours and are left alone.
 */
#include "object.h"

struct audit {
    struct hsm_token *token;
    CK_SESSION_HANDLE session;
};

static enum status private_audit(const struct audit *audit, CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct hsm_key *key = NULL;
    enum status status = hsm_object_key(audit->token, &key, audit->session, handle, fault);
    if (status == STATUS_OK) {
        status = hsm_object_adopt(audit->token, key, fault);
        if (status != STATUS_OK) {
            free(key);
        }
    }
    return status;
}

static enum status object_audit(const struct audit *audit, CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct hsm_object_about about;
    enum status status = hsm_object_about(audit->token, &about, audit->session, handle, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (about.class == CKO_PRIVATE_KEY) {
        return private_audit(audit, handle, fault);
    }
    if (about.class == CKO_PUBLIC_KEY || about.class == CKO_SECRET_KEY || about.class == CKO_CERTIFICATE ||
        about.class == CKO_DATA || (audit->token->has_kek && handle == audit->token->kek)) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_KEY_UNFIT, about.name, "an object of class 0x%lx is none of ours", about.class);
}

/* The signing key that an object belongs to by its CKA_ID, NULL for none. */
static struct hsm_key *owner_find(const struct hsm_token *token, const struct hsm_object_about *about)
{
    for (size_t i = 0; i < token->key_count; i++) {
        struct hsm_key *key = token->keys[i];
        if (key->id_len == about->id_len && memcmp(key->id, about->id, key->id_len) == 0) {
            return key;
        }
    }
    return NULL;
}

/* A secret key is the wrapping key of a signing key, the only one, and fit. */
static enum status secret_audit(const struct audit *audit, CK_OBJECT_HANDLE handle,
                                const struct hsm_object_about *about, struct fault *fault)
{
    struct hsm_key *owner = owner_find(audit->token, about);
    if (owner == NULL) {
        return fault_set(fault, STATUS_KEY_UNFIT, about->name,
                         "a secret key is on the token and none of ours; a key-encryption key must not stay there");
    }
    if (owner->has_vault) {
        return fault_set(fault, STATUS_KEY_UNFIT, owner->label, "it has two wrapping keys");
    }
    enum status status = hsm_object_check_vault(audit->token, audit->session, handle, owner->label, fault);
    if (status == STATUS_OK) {
        owner->vault = handle;
        owner->has_vault = true;
    }
    return status;
}

static enum status owned_audit(const struct audit *audit, CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct hsm_object_about about;
    enum status status = hsm_object_about(audit->token, &about, audit->session, handle, fault);
    if (status == STATUS_OK && about.class == CKO_SECRET_KEY &&
        !(audit->token->has_kek && handle == audit->token->kek)) {
        return secret_audit(audit, handle, &about, fault);
    }
    if (status == STATUS_OK && about.class == CKO_PUBLIC_KEY && owner_find(audit->token, &about) == NULL) {
        return fault_set(fault, STATUS_KEY_UNFIT, about.name, "a public key object whose CKA_ID no private key has");
    }
    return status;
}

static enum status objects_audit(const struct audit *audit, const struct hsm_handles *found, struct fault *fault)
{
    if (found->count > HSM_OBJECTS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, audit->token->identity.label, "more than %d objects",
                         HSM_OBJECTS_MAX);
    }
    enum status status = STATUS_OK;
    for (CK_ULONG i = 0; i < found->count && status == STATUS_OK; i++) {
        status = object_audit(audit, found->at[i], fault);
    }
    /* Last: by now every private key is known. */
    for (CK_ULONG i = 0; i < found->count && status == STATUS_OK; i++) {
        status = owned_audit(audit, found->at[i], fault);
    }
    return status;
}

enum status hsm_objects_audit(struct hsm_token *token, struct fault *fault)
{
    struct audit audit = {.token = token, .session = hsm_sessions_take(&token->sessions)};
    struct hsm_handles found = {.count = 0};
    enum status status = hsm_objects_find(token, &found, audit.session, NULL, 0, fault);
    if (status == STATUS_OK) {
        status = objects_audit(&audit, &found, fault);
    }
    hsm_sessions_give(&token->sessions, audit.session);
    return status;
}
