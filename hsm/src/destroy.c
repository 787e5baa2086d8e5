/*
 * Destroying a key: both of its objects, and then the look whether they are gone.
 */
#include "cryptoki.h"
#include "key.h"
#include "object.h"

static enum status object_destroy(struct hsm_token *token, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
                                  const char *label, struct fault *fault)
{
    CK_RV rv = token->module.functions->C_DestroyObject(session, handle);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_DestroyObject", label, fault);
}

static enum status absence_check(struct hsm_token *token, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
                                 const char *label, struct fault *fault)
{
    struct hsm_handles found = {.count = 0};
    enum status status = hsm_objects_find(token, &found, session, template, 1, fault);
    if (status == STATUS_OK && found.count > 0) {
        return fault_set(fault, STATUS_TOKEN, label, "%lu objects of the destroyed key are still on the token",
                         found.count);
    }
    return status;
}

static enum status key_absent(struct hsm_token *token, struct hsm_key *key, CK_SESSION_HANDLE session,
                              struct fault *fault)
{
    CK_ATTRIBUTE by_id = {CKA_ID, key->id, key->id_len};
    CK_ATTRIBUTE by_label = {CKA_LABEL, key->label, strlen(key->label)};
    enum status status = absence_check(token, session, &by_id, key->label, fault);
    return status == STATUS_OK ? absence_check(token, session, &by_label, key->label, fault) : status;
}

/* In a session that did not see them being destroyed. */
static enum status absence_show(struct hsm_token *token, struct hsm_key *key, struct fault *fault)
{
    CK_FUNCTION_LIST *functions = token->module.functions;
    CK_SESSION_HANDLE session;
    CK_RV rv = functions->C_OpenSession(token->slot, hsm_token_session_flags(token), NULL, NULL, &session);
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_OpenSession", key->label, fault);
    }
    enum status status = key_absent(token, key, session, fault);
    rv = functions->C_CloseSession(session);
    return status == STATUS_OK && rv != CKR_OK ? hsm_token_fault(token, rv, "C_CloseSession", key->label, fault)
                                               : status;
}

/* Takes it out of the table; NULL when it is not in it. */
static struct hsm_key *key_take(struct hsm_token *token, const struct hsm_key *key)
{
    struct hsm_key *taken = NULL;
    pthread_mutex_lock(&token->keys_lock);
    for (size_t i = 0; i < token->key_count && taken == NULL; i++) {
        if (token->keys[i] == key) {
            taken = token->keys[i];
            token->keys[i] = token->keys[--token->key_count];
        }
    }
    pthread_mutex_unlock(&token->keys_lock);
    return taken;
}

enum status hsm_key_destroy(struct hsm_token *token, const struct hsm_key *key, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (token->use != HSM_TOKEN_GENERATE) {
        return fault_set(fault, STATUS_INVALID, key->label, "the token is open for signing only");
    }
    struct hsm_key *taken = key_take(token, key);
    INVARIANT(taken != NULL);
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    /* The private one first: half a key that is left over keeps the token closed, and can sign nothing. */
    status = object_destroy(token, session, taken->private_object, taken->label, fault);
    if (status == STATUS_OK) {
        status = object_destroy(token, session, taken->public_object, taken->label, fault);
    }
    if (status == STATUS_OK && taken->has_vault) {
        status = object_destroy(token, session, taken->vault, taken->label, fault);
    }
    hsm_sessions_give(&token->sessions, session);
    if (status == STATUS_OK) {
        status = hsm_token_sync(token, fault);
    }
    if (status == STATUS_OK) {
        status = absence_show(token, taken, fault);
    }
    free(taken);
    return status;
}
