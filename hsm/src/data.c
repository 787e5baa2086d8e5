/*
 * Data objects. The one place where a token that is open for signing has a read-write session, and only as long as a
 * text is replaced.
 */
#include "hsm/data.h"

#include "cryptoki.h"
#include "object.h"

/* What cannot be read is the ruin of a write that was cut off, unless the token itself is lost. */
static enum status value_read(struct hsm_token *token, struct hsm_data *out, CK_SESSION_HANDLE session,
                              CK_OBJECT_HANDLE handle, const char *label, struct fault *fault)
{
    CK_ATTRIBUTE attribute = {CKA_VALUE, out->value, sizeof out->value};
    CK_RV rv = token->module.functions->C_GetAttributeValue(session, handle, &attribute, 1);
    if (rv != CKR_OK && hsm_cryptoki_is_loss(rv)) {
        return hsm_token_fault(token, rv, "C_GetAttributeValue", label, fault);
    }
    out->object = handle;
    out->len = rv == CKR_OK && attribute.ulValueLen <= sizeof out->value ? attribute.ulValueLen : 0;
    return STATUS_OK;
}

static enum status data_find(struct hsm_token *token, struct hsm_data out[HSM_DATA_MAX], size_t *out_count,
                             CK_SESSION_HANDLE session, const char *label, struct fault *fault)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    char name[HSM_TOKEN_LABEL_SIZE];
    snprintf(name, sizeof name, "%s", label);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, name, strlen(name)}};
    struct hsm_handles found = {.count = 0};
    enum status status = hsm_objects_find(token, &found, session, template, 2, fault);
    if (status == STATUS_OK && found.count > HSM_DATA_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, label, "more than %d data objects have this label", HSM_DATA_MAX);
    }
    for (CK_ULONG i = 0; status == STATUS_OK && i < found.count; i++) {
        status = value_read(token, &out[i], session, found.at[i], label, fault);
    }
    if (status == STATUS_OK) {
        *out_count = found.count;
    }
    return status;
}

enum status hsm_data_read(struct hsm_token *token, struct hsm_data out[HSM_DATA_MAX], size_t *out_count,
                          const char *label, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    status = data_find(token, out, out_count, session, label, fault);
    hsm_sessions_give(&token->sessions, session);
    return status;
}

static enum status data_create(struct hsm_token *token, CK_SESSION_HANDLE writing, const char *label,
                               const struct hsm_data *text, struct fault *fault)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    char name[HSM_TOKEN_LABEL_SIZE];
    uint8_t bytes[HSM_DATA_VALUE_MAX];
    snprintf(name, sizeof name, "%s", label);
    memcpy(bytes, text->value, text->len);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_TOKEN, &yes, sizeof yes},
                               {CKA_PRIVATE, &yes, sizeof yes},
                               {CKA_LABEL, name, strlen(name)},
                               {CKA_VALUE, bytes, text->len}};
    CK_OBJECT_HANDLE created;
    CK_RV rv =
        token->module.functions->C_CreateObject(writing, template, sizeof template / sizeof template[0], &created);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_CreateObject", label, fault);
}

/* In a session that did not write it. */
static enum status presence_show(struct hsm_token *token, const char *label, const struct hsm_data *text,
                                 struct fault *fault)
{
    struct hsm_data held[HSM_DATA_MAX];
    size_t count = 0;
    enum status status = hsm_data_read(token, held, &count, label, fault);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (held[i].len == text->len && memcmp(held[i].value, text->value, text->len) == 0) {
            return STATUS_OK;
        }
    }
    return status == STATUS_OK ? fault_set(fault, STATUS_TOKEN, label, "what was written is not there") : status;
}

static enum status data_destroy(struct hsm_token *token, CK_SESSION_HANDLE writing, const char *label,
                                CK_OBJECT_HANDLE handle, struct fault *fault)
{
    CK_RV rv = token->module.functions->C_DestroyObject(writing, handle);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_DestroyObject", label, fault);
}

/* The read-write session, for as long as the caller needs it. */
static enum status writing_open(struct hsm_token *token, CK_SESSION_HANDLE *out, const char *label, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_RV rv =
        token->module.functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, out);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_OpenSession", label, fault);
}

static enum status writing_close(struct hsm_token *token, CK_SESSION_HANDLE writing, const char *label,
                                 struct fault *fault)
{
    CK_RV rv = token->module.functions->C_CloseSession(writing);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_CloseSession", label, fault);
}

enum status hsm_data_replace(struct hsm_token *token, const char *label, const struct hsm_data *text,
                             const unsigned long *old, size_t old_count, struct fault *fault)
{
    INVARIANT(text->len > 0 && text->len <= HSM_DATA_VALUE_MAX && strlen(label) < HSM_TOKEN_LABEL_SIZE);
    CK_SESSION_HANDLE writing;
    enum status status = writing_open(token, &writing, label, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = data_create(token, writing, label, text, fault);
    status = status == STATUS_OK ? presence_show(token, label, text, fault) : status;
    for (size_t i = 0; status == STATUS_OK && i < old_count; i++) {
        status = data_destroy(token, writing, label, old[i], fault);
    }
    enum status closed = writing_close(token, writing, label, status == STATUS_OK ? fault : NULL);
    return status == STATUS_OK ? closed : status;
}
