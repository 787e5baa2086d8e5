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
    if (about.class == CKO_PUBLIC_KEY || about.class == CKO_CERTIFICATE || about.class == CKO_DATA ||
        (audit->token->has_kek && handle == audit->token->kek)) {
        return STATUS_OK;
    }
    if (about.class == CKO_SECRET_KEY) {
        return fault_set(fault, STATUS_KEY_UNFIT, about.name,
                         "a secret key is on the token and none of ours; a key-encryption key must not stay there");
    }
    return fault_set(fault, STATUS_KEY_UNFIT, about.name, "an object of class 0x%lx is none of ours", about.class);
}

static bool is_half_of_a_key(const struct hsm_token *token, const struct hsm_object_about *about)
{
    for (size_t i = 0; i < token->key_count; i++) {
        const struct hsm_key *key = token->keys[i];
        if (key->id_len == about->id_len && memcmp(key->id, about->id, key->id_len) == 0) {
            return true;
        }
    }
    return false;
}

static enum status public_audit(const struct audit *audit, CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct hsm_object_about about;
    enum status status = hsm_object_about(audit->token, &about, audit->session, handle, fault);
    if (status == STATUS_OK && about.class == CKO_PUBLIC_KEY && !is_half_of_a_key(audit->token, &about)) {
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
        status = public_audit(audit, found->at[i], fault);
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
