/*
 * Making a key pair in the token, and taking what is new on it into use.
 */
#include "cryptoki.h"
#include "hsm/softhsm.h"
#include "key.h"
#include "object.h"

/* Cryptoki's templates are not const, though it only reads these. */
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* Every attribute is written out: what a token grants by default differs from token to token. */
size_t hsm_private_template(CK_ATTRIBUTE template[HSM_PRIVATE_TEMPLATE_MAX], struct hsm_new_key *new)
{
    bool wrappable = new->profile == HSM_KEY_WRAPPABLE;
    const CK_ATTRIBUTE rows[] = {
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, wrappable ? &yes : &no, sizeof yes},
        {CKA_SIGN, &yes, sizeof yes},      {CKA_SIGN_RECOVER, &no, sizeof no},
        {CKA_DECRYPT, &no, sizeof no},     {CKA_UNWRAP, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},      {CKA_LABEL, new->label, strlen(new->label)},
        {CKA_ID, new->id, sizeof new->id},
    };
    size_t count = sizeof rows / sizeof rows[0];
    memcpy(template, rows, sizeof rows);
    if (wrappable) { /* not every token knows it */
        template[count++] = (CK_ATTRIBUTE){CKA_WRAP_WITH_TRUSTED, &yes, sizeof yes};
    }
    /* The last: SoftHSM goes by the order, and lets nothing be set of an object it unwraps from here on. */
    template[count++] = (CK_ATTRIBUTE){CKA_MODIFIABLE, &no, sizeof no};
    return count;
}

/*
 * Of the public object no usage is set: we use none of it, and the TPM module takes CKA_VERIFY for the right to decrypt
 * and CKA_ENCRYPT for the right to sign, of the private key.
 */
static CK_RV pair_generate(struct hsm_token *token, CK_SESSION_HANDLE session, const struct hsm_key_kind *kind,
                           size_t spelling, struct hsm_new_key *new)
{
    uint8_t params[32];
    size_t params_len = kind->ec_params[spelling].len;
    INVARIANT(params_len <= sizeof params);
    memcpy(params, kind->ec_params[spelling].der, params_len);
    CK_ATTRIBUTE public[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
        {CKA_EC_PARAMS, params, params_len},
        {CKA_LABEL, new->label, strlen(new->label)},
        {CKA_ID, new->id, sizeof new->id},
    };
    CK_ATTRIBUTE private[HSM_PRIVATE_TEMPLATE_MAX];
    size_t private_count = hsm_private_template(private, new);
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_OBJECT_HANDLE public_object;
    CK_OBJECT_HANDLE private_object;
    return token->module.functions->C_GenerateKeyPair(session, &mechanism, public, sizeof public / sizeof public[0],
                                                      private, private_count, &public_object, &private_object);
}

static bool is_curve_refusal(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID ||
           rv == CKR_ATTRIBUTE_VALUE_INVALID;
}

static enum status pair_generate_any(struct hsm_token *token, CK_SESSION_HANDLE session,
                                     const struct hsm_key_kind *kind, struct hsm_new_key *new, struct fault *fault)
{
    CK_RV rv = pair_generate(token, session, kind, 0, new);
    if (is_curve_refusal(rv) && kind->ec_params[1].len > 0) {
        rv = pair_generate(token, session, kind, 1, new);
    }
    if (is_curve_refusal(rv)) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, new->label, "token '%s' cannot make %s keys",
                         token->identity.label, algorithm_info(kind->algorithm)->name);
    }
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_GenerateKeyPair", new->label, fault);
    }
    return STATUS_OK;
}

/* In a session that did not see the key being made. */
static enum status key_reload(struct hsm_token *token, struct hsm_key **out, const char *label, struct fault *fault)
{
    CK_FUNCTION_LIST *functions = token->module.functions;
    CK_SESSION_HANDLE session;
    CK_RV rv = functions->C_OpenSession(token->slot, hsm_token_session_flags(token), NULL, NULL, &session);
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_OpenSession", label, fault);
    }
    struct hsm_key *key = NULL;
    enum status status = hsm_object_load(token, &key, session, label, fault);
    if (status == STATUS_OK) {
        status = hsm_key_prove_in(key, session, fault);
    }
    rv = functions->C_CloseSession(session);
    if (status == STATUS_OK && rv != CKR_OK) {
        status = hsm_token_fault(token, rv, "C_CloseSession", label, fault);
    }
    if (status != STATUS_OK) {
        free(key);
        return status;
    }
    *out = key;
    return STATUS_OK;
}

static enum status label_check(const char *label, struct fault *fault)
{
    size_t len = strlen(label);
    if (len < 1 || len >= HSM_KEY_LABEL_SIZE) {
        return fault_set(fault, STATUS_INVALID, "label", "must be 1..%d characters", HSM_KEY_LABEL_SIZE - 1);
    }
    for (size_t i = 0; i < len; i++) {
        if (label[i] < 0x20 || label[i] > 0x7e) {
            return fault_set(fault, STATUS_INVALID, "label", "must be printable ASCII");
        }
    }
    return STATUS_OK;
}

enum status hsm_new_key_init(struct hsm_new_key *new, struct hsm_token *token, const char *label,
                             enum hsm_key_profile profile, struct fault *fault)
{
    enum status status = label_check(label, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (token->use != HSM_TOKEN_GENERATE) {
        return fault_set(fault, STATUS_INVALID, label, "the token is open for signing only");
    }
    if (hsm_key_label_taken(token, label)) {
        return fault_set(fault, STATUS_EXISTS, label, "token '%s' has a key with this label", token->identity.label);
    }
    snprintf(new->label, sizeof new->label, "%s", label);
    new->profile = profile;
    return hsm_key_random(new->id, sizeof new->id, label, fault);
}

enum status hsm_new_key_adopt(struct hsm_token *token, const struct hsm_key **out, const struct hsm_new_key *new,
                              struct fault *fault)
{
    struct hsm_key *key = NULL;
    enum status status = hsm_token_sync(token, fault);
    if (status == STATUS_OK) {
        status = key_reload(token, &key, new->label, fault);
    }
    if (status == STATUS_OK && hsm_key_profile(key) != new->profile) {
        status = fault_set(fault, STATUS_KEY_UNFIT, new->label, "CKA_EXTRACTABLE is not what was asked for");
    }
    if (status == STATUS_OK) {
        status = hsm_object_adopt(token, key, fault);
    }
    if (status != STATUS_OK) {
        free(key);
        return status;
    }
    *out = key;
    return STATUS_OK;
}

void hsm_new_key_undo(struct hsm_token *token, struct hsm_new_key *new)
{
    CK_ATTRIBUTE by_id = {CKA_ID, new->id, sizeof new->id};
    struct hsm_handles found = {.count = 0};
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    if (hsm_objects_find(token, &found, session, &by_id, 1, NULL) != STATUS_OK) {
        found.count = 0;
    }
    for (CK_ULONG i = 0; i < found.count; i++) {
        (void)token->module.functions->C_DestroyObject(session, found.at[i]);
    }
    hsm_sessions_give(&token->sessions, session);
}

/* A key that nobody can back up is found out before it is made, where the token tells. */
static enum status profile_check(const struct hsm_token *token, enum algorithm algorithm, enum hsm_key_profile profile,
                                 const char *label, struct fault *fault)
{
    if (profile == HSM_KEY_FIXED) {
        return STATUS_OK;
    }
    if (!hsm_token_wraps(token)) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, label, "token '%s' wraps no keys with AES",
                         token->identity.label);
    }
    if (token->is_softhsm && algorithm == ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, label, "SoftHSM cannot wrap ed25519 keys");
    }
    return STATUS_OK;
}

enum status hsm_key_generate(struct hsm_token *token, const struct hsm_key **out, enum algorithm algorithm,
                             enum hsm_key_profile profile, const char *label, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct hsm_key_kind *kind = hsm_key_kind_of(algorithm);
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (kind == NULL || info == NULL || info->standing != ALGORITHM_IN_USE) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, label, "not an algorithm in use");
    }
    struct hsm_new_key new;
    status = hsm_new_key_init(&new, token, label, profile, fault);
    if (status == STATUS_OK) {
        status = profile_check(token, algorithm, profile, label, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    status = pair_generate_any(token, session, kind, &new, fault);
    hsm_sessions_give(&token->sessions, session);
    if (status == STATUS_OK) {
        status = hsm_new_key_adopt(token, out, &new, fault);
    }
    if (status != STATUS_OK) {
        hsm_new_key_undo(token, &new);
    }
    return status;
}
