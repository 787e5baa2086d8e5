/*
 * Wrapping and unwrapping private keys under a key-encryption key that lives as a session object.
 *
 * Only the security officer can mark a key trusted, and only as it is created; only the user sees private keys. So the
 * two log in one after the other, and the session object is what connects them.
 */
#include "hsm/backup.h"

#include "cryptoki.h"
#include "key.h"
#include "object.h"

#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210bUL /* PKCS #11 v3.0; the header is older */
#endif

static const struct {
    enum hsm_wrap wrap;
    CK_MECHANISM_TYPE type;
    const char *text;
} wraps[] = {
    /* Where a token has both, the one whose standard leaves no doubt what it is. */
    {HSM_WRAP_AES_KWP, CKM_AES_KEY_WRAP_KWP, "aes-key-wrap-kwp"},
    {HSM_WRAP_AES_PAD, CKM_AES_KEY_WRAP_PAD, "aes-key-wrap-pad"},
};

#define WRAP_COUNT (sizeof wraps / sizeof wraps[0])

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static const char *wrap_text(enum hsm_wrap wrap)
{
    for (size_t i = 0; i < WRAP_COUNT; i++) {
        if (wraps[i].wrap == wrap) {
            return wraps[i].text;
        }
    }
    INVARIANT(!"a wrapping mechanism");
}

static bool mechanism_serves(const struct hsm_token *token, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_INFO info;
    return token->module.functions->C_GetMechanismInfo(token->slot, type, &info) == CKR_OK &&
           (info.flags & (CKF_WRAP | CKF_UNWRAP)) == (CKF_WRAP | CKF_UNWRAP);
}

bool hsm_token_wraps(const struct hsm_token *token)
{
    for (size_t i = 0; i < WRAP_COUNT; i++) {
        if (mechanism_serves(token, wraps[i].type)) {
            return true;
        }
    }
    return false;
}

enum status hsm_kek_check(const struct hsm_token *token, const struct hsm_kek *kek, struct fault *fault)
{
    if (kek->key32->data == NULL || kek->key32->len != HSM_KEK_LEN) {
        return fault_set(fault, STATUS_INVALID, "kek", "a key-encryption key has %d bytes", HSM_KEK_LEN);
    }
    if (!hsm_token_wraps(token)) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, token->identity.label, "the token wraps no keys with AES");
    }
    return STATUS_OK;
}

/* Says of the KEK what the token lets it say; a token that does not keep TRUSTED would wrap nothing of ours. */
static CK_RV kek_create(struct hsm_token *token, CK_SESSION_HANDLE session, const struct secret *key32)
{
    static char label[] = "kek";
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE key_type = CKK_AES;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &key_type, sizeof key_type},
        {CKA_VALUE, key32->data, key32->len},
        {CKA_LABEL, label, sizeof label - 1},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_PRIVATE, &no, sizeof no}, /* the security officer sees no private objects */
        {CKA_TRUSTED, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
        {CKA_WRAP, &yes, sizeof yes},
        {CKA_UNWRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &no, sizeof no},
        {CKA_DECRYPT, &no, sizeof no},
        {CKA_SIGN, &no, sizeof no},
        {CKA_VERIFY, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},
    };
    return token->module.functions->C_CreateObject(session, template, sizeof template / sizeof template[0],
                                                   &token -> kek);
}

enum status hsm_kek_bring(struct hsm_token *token, const struct hsm_kek *kek, struct fault *fault)
{
    enum status status = hsm_token_login(token, CKU_SO, kek->so_pin, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    CK_RV rv = kek_create(token, session, kek->key32);
    token->has_kek = rv == CKR_OK;
    CK_RV logout_rv = token->module.functions->C_Logout(session);
    hsm_sessions_give(&token->sessions, session);
    token->logged_in = false;
    if (rv != CKR_OK) {
        struct fault inner = {0};
        (void)hsm_cryptoki_fault(rv, "C_CreateObject", token->identity.label, &inner);
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, inner.where, "the token takes no trusted AES key: %s",
                         inner.detail);
    }
    return logout_rv == CKR_OK ? STATUS_OK
                               : hsm_token_fault(token, logout_rv, "C_Logout", token->identity.label, fault);
}

void hsm_kek_drop(struct hsm_token *token)
{
    if (!token->has_kek) {
        return;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    /* It ends with the sessions in any case. */
    (void)token->module.functions->C_DestroyObject(session, token->kek);
    hsm_sessions_give(&token->sessions, session);
    token->has_kek = false;
}

enum status hsm_backup_open(struct hsm_token **out, const struct hsm_token_config *config, const struct secret *pin,
                            const struct hsm_kek *kek, struct fault *fault)
{
    if (config->use != HSM_TOKEN_GENERATE) {
        return fault_set(fault, STATUS_INVALID, "token", "a backup needs the token open for ceremonies");
    }
    return hsm_token_open_with(out, config, pin, kek, fault);
}

static enum status kek_ready(const struct hsm_token *token, const char *where, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status == STATUS_OK && !token->has_kek) {
        return fault_set(fault, STATUS_INVALID, where, "the token was opened without a key-encryption key");
    }
    return status;
}

/* WRAP_COUNT when there is none, whatever the token said before. */
static size_t wrap_best(const struct hsm_token *token)
{
    size_t best = 0;
    while (best < WRAP_COUNT && !mechanism_serves(token, wraps[best].type)) {
        best++;
    }
    return best;
}

/* A restore on its way. */
struct restore {
    struct hsm_token *token;
    struct hsm_new_key new;
    const struct hsm_wrapped *wrapped;
    CK_MECHANISM_TYPE type;
    bool on_trial; /* into a session object: to see whether a backup is one */
    CK_OBJECT_HANDLE private_object;
};

static bool is_altered_answer(CK_RV rv)
{
    return rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_ENCRYPTED_DATA_INVALID ||
           rv == CKR_ENCRYPTED_DATA_LEN_RANGE;
}

/* SoftHSM answers GENERAL_ERROR when the check value inside is wrong; other causes are not told apart. */
static enum status unwrap_fault(struct restore *restore, CK_RV rv, struct fault *fault)
{
    if (is_altered_answer(rv) || rv == CKR_GENERAL_ERROR) {
        return fault_set(fault, STATUS_MISMATCH, restore->new.label,
                         "the wrapped key was altered, or the key-encryption key is another (0x%lx)", rv);
    }
    if (rv == CKR_MECHANISM_INVALID || rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, restore->new.label, "token '%s' cannot unwrap it (0x%lx)",
                         restore->token->identity.label, rv);
    }
    return hsm_token_fault(restore->token, rv, "C_UnwrapKey", restore->new.label, fault);
}

static void attribute_set(CK_ATTRIBUTE *template, size_t count, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
    for (size_t i = 0; i < count; i++) {
        if (template[i].type == type) {
            template[i].pValue = value;
        }
    }
}

static enum status private_unwrap(struct restore *restore, CK_SESSION_HANDLE session, struct fault *fault)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE key_type = hsm_key_kind_of(restore->wrapped->public.algorithm)->key_type;
    CK_ATTRIBUTE template[2 + HSM_PRIVATE_TEMPLATE_MAX] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &key_type, sizeof key_type},
    };
    size_t count = 2 + hsm_private_template(template + 2, &restore->new);
    if (restore->on_trial) {
        attribute_set(template, count, CKA_TOKEN, &no);
    }
    CK_MECHANISM mechanism = {restore->type, NULL, 0};
    uint8_t bytes[HSM_WRAPPED_MAX];
    memcpy(bytes, restore->wrapped->bytes, restore->wrapped->len);
    CK_RV rv =
        restore->token->module.functions->C_UnwrapKey(session, &mechanism, restore->token->kek, bytes,
                                                      restore->wrapped->len, template, count, &restore->private_object);
    return rv == CKR_OK ? STATUS_OK : unwrap_fault(restore, rv, fault);
}

/* What leaves must be the key: it is unwrapped at once, into a session object, and signs. */
static enum status wrapped_try(const struct hsm_key *key, CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type,
                               const struct hsm_wrapped *wrapped, struct fault *fault)
{
    struct restore trial = {
        .token = key->token, .wrapped = wrapped, .type = type, .on_trial = true, .new = {.profile = HSM_KEY_FIXED}};
    struct hsm_key copy = *key;
    struct fault inner = {0};
    memcpy(trial.new.label, key->label, sizeof trial.new.label);
    enum status status = hsm_key_random(trial.new.id, sizeof trial.new.id, key->label, &inner);
    if (status == STATUS_OK) {
        status = private_unwrap(&trial, session, &inner);
    }
    if (status == STATUS_OK) {
        copy.private_object = trial.private_object;
        status = hsm_key_prove_in(&copy, session, &inner);
        /* It ends with the session in any case. */
        (void)key->token->module.functions->C_DestroyObject(session, trial.private_object);
    }
    if (status == STATUS_SIGNATURE_INVALID || status == STATUS_MISMATCH) {
        return fault_set(fault, STATUS_MISMATCH, key->label, "what the token wrapped is not the key: %s", inner.detail);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, inner.where, "%s", inner.detail);
}

static enum status key_wrap(const struct hsm_key *key, struct hsm_wrapped *out, CK_SESSION_HANDLE session,
                            struct fault *fault)
{
    struct hsm_token *token = key->token;
    size_t best = wrap_best(token);
    if (best == WRAP_COUNT) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, key->label, "token '%s' wraps no keys with AES",
                         token->identity.label);
    }
    CK_MECHANISM mechanism = {wraps[best].type, NULL, 0};
    struct hsm_wrapped wrapped = {.public = key->public, .wrap = wraps[best].wrap};
    CK_ULONG len = sizeof wrapped.bytes;
    CK_RV rv =
        token->module.functions->C_WrapKey(session, &mechanism, token->kek, key->private_object, wrapped.bytes, &len);
    if (rv == CKR_KEY_NOT_WRAPPABLE || rv == CKR_KEY_UNEXTRACTABLE) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, key->label, "token '%s' cannot wrap this %s key",
                         token->identity.label, algorithm_info(key->public.algorithm)->name);
    }
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_WrapKey", key->label, fault);
    }
    if (len < 1 || len > sizeof wrapped.bytes) {
        return fault_set(fault, STATUS_TOKEN, key->label, "the token gave a wrapped key of %lu bytes", len);
    }
    wrapped.len = len;
    memcpy(wrapped.label, key->label, sizeof wrapped.label);
    enum status status = wrapped_try(key, session, wraps[best].type, &wrapped, fault);
    if (status == STATUS_OK) {
        *out = wrapped;
    }
    return status;
}

enum status hsm_key_wrap(const struct hsm_key *key, struct hsm_wrapped *out, struct fault *fault)
{
    enum status status = kek_ready(key->token, key->label, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (key->profile != HSM_KEY_WRAPPABLE) {
        return fault_set(fault, STATUS_KEY_UNFIT, key->label, "the key was made not to leave its token");
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&key->token->sessions);
    status = key_wrap(key, out, session, fault);
    hsm_sessions_give(&key->token->sessions, session);
    return status;
}

static enum status public_create(struct restore *restore, CK_SESSION_HANDLE session, struct fault *fault)
{
    const struct hsm_key_kind *kind = hsm_key_kind_of(restore->wrapped->public.algorithm);
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE key_type = kind->key_type;
    uint8_t params[32];
    memcpy(params, kind->ec_params[0].der, kind->ec_params[0].len);
    /* DER OCTET STRING, as the standard has it: tag, length, content. */
    uint8_t point[2 + POINT_MAX] = {0x04};
    size_t point_len = 0;
    const uint8_t *bare = public_key_point(&restore->wrapped->public, &point_len);
    point[1] = (uint8_t)point_len;
    memcpy(point + 2, bare, point_len);
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &key_type, sizeof key_type},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
        {CKA_LABEL, restore->new.label, strlen(restore->new.label)},
        {CKA_ID, restore->new.id, sizeof restore->new.id},
        {CKA_EC_PARAMS, params, kind->ec_params[0].len},
        {CKA_EC_POINT, point, point_len + 2},
    };
    CK_OBJECT_HANDLE made;
    CK_RV rv = restore->token->module.functions->C_CreateObject(session, template, sizeof template / sizeof template[0],
                                                                &made);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(restore->token, rv, "C_CreateObject", restore->new.label, fault);
}

static enum status objects_make(struct restore *restore, struct fault *fault)
{
    CK_SESSION_HANDLE session = hsm_sessions_take(&restore->token->sessions);
    enum status status = private_unwrap(restore, session, fault);
    if (status == STATUS_OK) {
        status = public_create(restore, session, fault);
    }
    hsm_sessions_give(&restore->token->sessions, session);
    return status;
}

/* A signature that does not verify here means that the wrapped key is not that of the public one. */
static enum status restored_adopt(struct restore *restore, const struct hsm_key **out, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = hsm_new_key_adopt(restore->token, out, &restore->new, &inner);
    if (status == STATUS_SIGNATURE_INVALID) {
        return fault_set(fault, STATUS_MISMATCH, restore->new.label,
                         "the wrapped key is not that of the public key: %s", inner.detail);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, inner.where, "%s", inner.detail);
}

static enum status wrapped_check(const struct hsm_token *token, const struct hsm_wrapped *wrapped,
                                 CK_MECHANISM_TYPE *out_type, struct fault *fault)
{
    if (wrapped->len < 1 || wrapped->len > sizeof wrapped->bytes) {
        return fault_set(fault, STATUS_INVALID, wrapped->label, "a wrapped key has 1..%d bytes", HSM_WRAPPED_MAX);
    }
    if (hsm_key_kind_of(wrapped->public.algorithm) == NULL) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, wrapped->label, "not an algorithm of tokens");
    }
    for (size_t i = 0; i < WRAP_COUNT; i++) {
        if (wraps[i].wrap == wrapped->wrap && mechanism_serves(token, wraps[i].type)) {
            *out_type = wraps[i].type;
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_ALGORITHM_REFUSED, wrapped->label, "token '%s' does not have the mechanism %s",
                     token->identity.label, wrap_text(wrapped->wrap));
}

static enum status absence_check(struct hsm_token *token, const struct hsm_wrapped *wrapped, struct fault *fault)
{
    for (size_t i = 0; i < hsm_key_count(token); i++) {
        const struct hsm_key *key = hsm_key_at(token, i);
        if (public_key_equal(&key->public, &wrapped->public)) {
            return fault_set(fault, STATUS_EXISTS, key->label, "token '%s' has this key already",
                             token->identity.label);
        }
    }
    return STATUS_OK;
}

enum status hsm_key_unwrap(struct hsm_token *token, const struct hsm_key **out, const struct hsm_wrapped *wrapped,
                           enum hsm_key_profile profile, struct fault *fault)
{
    struct restore restore = {.token = token, .wrapped = wrapped};
    enum status status = kek_ready(token, wrapped->label, fault);
    if (status == STATUS_OK && !token->restored) {
        return fault_set(fault, STATUS_INVALID, wrapped->label, "the token was not opened for restored keys");
    }
    if (status == STATUS_OK) {
        status = wrapped_check(token, wrapped, &restore.type, fault);
    }
    if (status == STATUS_OK) {
        status = absence_check(token, wrapped, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_new_key_init(&restore.new, token, wrapped->label, profile, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = objects_make(&restore, fault);
    if (status == STATUS_OK) {
        status = restored_adopt(&restore, out, fault);
    }
    if (status != STATUS_OK) {
        hsm_new_key_undo(token, &restore.new);
    }
    return status;
}
