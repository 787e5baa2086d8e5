/*
 * The wrapping key: an AES-256 key of the token that wraps the keys of others, each for a context.
 *
 * C_Encrypt with AES-GCM and not C_WrapKey: what is wrapped is no object of the token, and the context is authenticated
 * with it.
 */
#include "hsm/vault.h"

#include "cryptoki.h"
#include "key.h"
#include "object.h"

#define NONCE_LEN 12
#define TAG_LEN 16

_Static_assert(HSM_VAULT_WRAPPED_LEN == NONCE_LEN + HSM_VAULT_KEY_LEN + TAG_LEN, "nonce, key, tag");

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

bool hsm_vault_has(const struct hsm_key *key)
{
    return key->has_vault;
}

/* Cryptoki's parameters are not const, though it only reads these. */
static CK_GCM_PARAMS gcm_params(uint8_t nonce[NONCE_LEN], const uint8_t context16[HSM_VAULT_CONTEXT_LEN])
{
    return (CK_GCM_PARAMS){
        .iv_ptr = nonce,
        .iv_len = NONCE_LEN,
        .iv_bits = NONCE_LEN * 8,
        .aad_ptr = (uint8_t *)(uintptr_t)context16,
        .aad_len = HSM_VAULT_CONTEXT_LEN,
        .tag_bits = TAG_LEN * 8,
    };
}

static enum status vault_ready(const struct hsm_key *key, struct fault *fault)
{
    enum status status = hsm_token_ready(key->token, fault);
    return status == STATUS_OK && !key->has_vault
               ? fault_set(fault, STATUS_NOT_FOUND, key->label, "it has no wrapping key on token '%s'",
                           key->token->identity.label)
               : status;
}

static enum status wrap_in(const struct hsm_key *key, CK_SESSION_HANDLE session, uint8_t out60[HSM_VAULT_WRAPPED_LEN],
                           const uint8_t plain32[HSM_VAULT_KEY_LEN], const uint8_t context16[HSM_VAULT_CONTEXT_LEN],
                           struct fault *fault)
{
    CK_FUNCTION_LIST *functions = key->token->module.functions;
    CK_GCM_PARAMS params = gcm_params(out60, context16);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
    CK_ULONG len = HSM_VAULT_WRAPPED_LEN - NONCE_LEN;
    CK_RV rv = functions->C_EncryptInit(session, &mechanism, key->vault);
    if (rv != CKR_OK) {
        return hsm_token_fault(key->token, rv, "C_EncryptInit", key->label, fault);
    }
    rv = functions->C_Encrypt(session, (uint8_t *)(uintptr_t)plain32, HSM_VAULT_KEY_LEN, out60 + NONCE_LEN, &len);
    if (rv != CKR_OK || len != HSM_VAULT_WRAPPED_LEN - NONCE_LEN) {
        return hsm_token_fault(key->token, rv, "C_Encrypt", key->label, fault);
    }
    return STATUS_OK;
}

enum status hsm_vault_wrap(const struct hsm_key *key, uint8_t out60[HSM_VAULT_WRAPPED_LEN],
                           const uint8_t plain32[HSM_VAULT_KEY_LEN], const uint8_t context16[HSM_VAULT_CONTEXT_LEN],
                           struct fault *fault)
{
    enum status status = vault_ready(key, fault);
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    status = status == STATUS_OK ? hsm_key_random(wrapped, NONCE_LEN, key->label, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&key->token->sessions);
    status = wrap_in(key, session, wrapped, plain32, context16, fault);
    hsm_sessions_give(&key->token->sessions, session);
    if (status == STATUS_OK) {
        memcpy(out60, wrapped, sizeof wrapped);
    }
    secret_wipe(wrapped, sizeof wrapped);
    return status;
}

/* SoftHSM answers GENERAL_ERROR or ENCRYPTED_DATA_INVALID when the tag is wrong. */
static enum status decrypt_fault(const struct hsm_key *key, CK_RV rv, struct fault *fault)
{
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE || rv == CKR_GENERAL_ERROR) {
        return fault_set(fault, STATUS_MISMATCH, key->label, "it was altered, or wrapped by another key or otherwise");
    }
    return hsm_token_fault(key->token, rv, "C_Decrypt", key->label, fault);
}

static enum status unwrap_in(const struct hsm_key *key, CK_SESSION_HANDLE session, uint8_t out32[HSM_VAULT_KEY_LEN],
                             uint8_t wrapped60[HSM_VAULT_WRAPPED_LEN], const uint8_t context16[HSM_VAULT_CONTEXT_LEN],
                             struct fault *fault)
{
    CK_FUNCTION_LIST *functions = key->token->module.functions;
    CK_GCM_PARAMS params = gcm_params(wrapped60, context16);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
    /* Room for the tag, too: some modules want it. */
    uint8_t plain[HSM_VAULT_KEY_LEN + TAG_LEN];
    CK_ULONG len = sizeof plain;
    CK_RV rv = functions->C_DecryptInit(session, &mechanism, key->vault);
    if (rv != CKR_OK) {
        return hsm_token_fault(key->token, rv, "C_DecryptInit", key->label, fault);
    }
    rv = functions->C_Decrypt(session, wrapped60 + NONCE_LEN, HSM_VAULT_WRAPPED_LEN - NONCE_LEN, plain, &len);
    enum status status = rv == CKR_OK ? STATUS_OK : decrypt_fault(key, rv, fault);
    if (status == STATUS_OK && len != HSM_VAULT_KEY_LEN) {
        status = fault_set(fault, STATUS_TOKEN, key->label, "the token decrypted %lu bytes", len);
    }
    if (status == STATUS_OK) {
        memcpy(out32, plain, HSM_VAULT_KEY_LEN);
    }
    secret_wipe(plain, sizeof plain);
    return status;
}

enum status hsm_vault_unwrap(const struct hsm_key *key, uint8_t out32[HSM_VAULT_KEY_LEN],
                             const uint8_t wrapped60[HSM_VAULT_WRAPPED_LEN],
                             const uint8_t context16[HSM_VAULT_CONTEXT_LEN], struct fault *fault)
{
    enum status status = vault_ready(key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    memcpy(wrapped, wrapped60, sizeof wrapped);
    CK_SESSION_HANDLE session = hsm_sessions_take(&key->token->sessions);
    status = unwrap_in(key, session, out32, wrapped, context16, fault);
    hsm_sessions_give(&key->token->sessions, session);
    secret_wipe(wrapped, sizeof wrapped);
    return status;
}

/* Making */

static bool token_serves(const struct hsm_token *token)
{
    CK_MECHANISM_INFO info;
    const CK_FLAGS both = CKF_ENCRYPT | CKF_DECRYPT;
    return token->module.functions->C_GetMechanismInfo(token->slot, CKM_AES_GCM, &info) == CKR_OK &&
           (info.flags & both) == both;
}

static CK_RV vault_create(struct hsm_token *token, CK_SESSION_HANDLE session, struct hsm_key *key,
                          CK_OBJECT_HANDLE *out)
{
    CK_ULONG len = HSM_VAULT_KEY_LEN;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},   {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_WRAP, &no, sizeof no},        {CKA_UNWRAP, &no, sizeof no},
        {CKA_SIGN, &no, sizeof no},        {CKA_VERIFY, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},      {CKA_VALUE_LEN, &len, sizeof len},
        {CKA_ID, key->id, key->id_len},    {CKA_LABEL, key->label, strlen(key->label)},
        {CKA_MODIFIABLE, &no, sizeof no},
    };
    return token->module.functions->C_GenerateKey(session, &mechanism, template, sizeof template / sizeof template[0],
                                                  out);
}

/* What was wrapped must come back, and for no other context. */
static enum status vault_prove(const struct hsm_key *key, struct fault *fault)
{
    uint8_t plain[HSM_VAULT_KEY_LEN];
    uint8_t back[HSM_VAULT_KEY_LEN] = {0};
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    const uint8_t context[HSM_VAULT_CONTEXT_LEN] = {1};
    const uint8_t other[HSM_VAULT_CONTEXT_LEN] = {2};
    enum status status = hsm_key_random(plain, sizeof plain, key->label, fault);
    status = status == STATUS_OK ? hsm_vault_wrap(key, wrapped, plain, context, fault) : status;
    status = status == STATUS_OK ? hsm_vault_unwrap(key, back, wrapped, context, fault) : status;
    if (status == STATUS_OK &&
        (memcmp(plain, back, sizeof plain) != 0 || hsm_vault_unwrap(key, back, wrapped, other, NULL) == STATUS_OK)) {
        status = fault_set(fault, STATUS_KEY_UNFIT, key->label, "its wrapping key does not wrap for a context");
    }
    return status;
}

enum status hsm_vault_generate(struct hsm_token *token, const struct hsm_key *key, struct fault *fault)
{
    struct hsm_key *own = (struct hsm_key *)(uintptr_t)key; /* of this token's table; nobody else is using it */
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (token->use != HSM_TOKEN_GENERATE) {
        return fault_set(fault, STATUS_INVALID, key->label, "the token is open for signing only");
    }
    if (key->has_vault) {
        return fault_set(fault, STATUS_EXISTS, key->label, "it has a wrapping key");
    }
    if (!token_serves(token)) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, key->label, "token '%s' has no AES-GCM",
                         token->identity.label);
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    CK_RV rv = vault_create(token, session, own, &own->vault);
    own->has_vault = rv == CKR_OK;
    status = rv == CKR_OK ? hsm_object_check_vault(token, session, own->vault, key->label, fault)
                          : hsm_token_fault(token, rv, "C_GenerateKey", key->label, fault);
    hsm_sessions_give(&token->sessions, session);
    status = status == STATUS_OK ? hsm_token_sync(token, fault) : status;
    status = status == STATUS_OK ? vault_prove(key, fault) : status;
    if (status != STATUS_OK && own->has_vault) {
        session = hsm_sessions_take(&token->sessions);
        (void)token->module.functions->C_DestroyObject(session, own->vault); /* one that stays is nobody's, and fit */
        hsm_sessions_give(&token->sessions, session);
        own->has_vault = false;
    }
    return status;
}
