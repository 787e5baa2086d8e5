/*
 * Making, opening and using signing keys.
 *
 * Every signature is verified with the public key before it leaves, whatever the token is believed to be.
 */
#include "hsm/key.h"

#include <errno.h>
#include <sys/random.h>

#include "cryptoki.h"
#include "hsm/softhsm.h"
#include "object.h"

#define RAW_SIGNATURE_MAX 512
#define NEW_ID_LEN 16
#define CHALLENGE_LEN 32

/* Never the beginning of a document's message, so a challenge signature stands for nothing. */
static const char challenge_prefix[] = "strongroom/token-challenge/v1\n";

static enum status raw_sign(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], CK_SESSION_HANDLE session,
                            const void *input, size_t len, struct fault *fault)
{
    CK_FUNCTION_LIST *functions = key->token->module.functions;
    CK_MECHANISM mechanism = {algorithm_info(key->public.algorithm)->pkcs11_mechanism, NULL, 0};
    CK_RV rv = functions->C_SignInit(session, &mechanism, key->private_object);
    if (rv != CKR_OK) {
        return hsm_token_fault(key->token, rv, "C_SignInit", key->label, fault);
    }
    uint8_t raw[RAW_SIGNATURE_MAX] = {0};
    CK_ULONG raw_len = sizeof raw;
    rv = functions->C_Sign(session, (CK_BYTE *)(uintptr_t)input, len, raw, &raw_len);
    if (rv != CKR_OK) {
        return hsm_token_fault(key->token, rv, "C_Sign", key->label, fault);
    }
    if (raw_len != SIGNATURE_LEN) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, key->label, "the token gave %lu bytes, must be %d", raw_len,
                         SIGNATURE_LEN);
    }
    memcpy(out64, raw, SIGNATURE_LEN);
    return STATUS_OK;
}

/* CKM_ECDSA takes the digest, CKM_EDDSA the message. */
static enum status message_sign(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], CK_SESSION_HANDLE session,
                                const void *message, size_t len, struct fault *fault)
{
    switch (key->public.algorithm) {
    case ALGORITHM_ED25519:
        return raw_sign(key, out64, session, message, len, fault);
    case ALGORITHM_P256:
    case ALGORITHM_SECP256K1:
        break;
    }
    struct digest digest;
    digest_sha256(&digest, message, len);
    return raw_sign(key, out64, session, digest.bytes32, sizeof digest.bytes32, fault);
}

/* The half that needs no session: nothing else may hold one up. */
static enum status signature_release(const struct hsm_key *key, struct signature *out, uint8_t raw64[SIGNATURE_LEN],
                                     const void *message, size_t len, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = signature_normalize(raw64, key->public.algorithm);
    if (status == STATUS_OK) {
        status = signature_verify(&key->public, raw64, message, len, &inner);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status == STATUS_NO_MEMORY ? status : STATUS_SIGNATURE_INVALID, key->label,
                         "the token's signature does not verify with the public key: %s", inner.detail);
    }
    out->algorithm = key->public.algorithm;
    out->key_id = key->key_id;
    memcpy(out->bytes64, raw64, SIGNATURE_LEN);
    return STATUS_OK;
}

enum status hsm_key_sign(const struct hsm_key *key, struct signature *out, const void *message, size_t len,
                         struct fault *fault)
{
    struct hsm_token *token = key->token;
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t raw64[SIGNATURE_LEN];
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    /* Again: it may have been lost while this thread waited. */
    status = hsm_token_ready(token, fault);
    if (status == STATUS_OK) {
        status = message_sign(key, raw64, session, message, len, fault);
    }
    hsm_sessions_give(&token->sessions, session);
    if (status != STATUS_OK) {
        return status;
    }
    return signature_release(key, out, raw64, message, len, fault);
}

static enum status random_fill(void *out, size_t len, const char *where, struct fault *fault)
{
    if (getrandom(out, len, 0) != (ssize_t)len) {
        return fault_set(fault, STATUS_IO, where, "could not read random bytes: %s", strerror(errno));
    }
    return STATUS_OK;
}

static enum status challenge_make(uint8_t *out, size_t size, const char *where, struct fault *fault)
{
    INVARIANT(size == strlen(challenge_prefix) + CHALLENGE_LEN);
    memcpy(out, challenge_prefix, strlen(challenge_prefix));
    return random_fill(out + strlen(challenge_prefix), CHALLENGE_LEN, where, fault);
}

/* Shows that the private object belongs to the public one. */
static enum status key_prove(const struct hsm_key *key, struct fault *fault)
{
    uint8_t challenge[sizeof challenge_prefix - 1 + CHALLENGE_LEN];
    enum status status = challenge_make(challenge, sizeof challenge, key->label, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct signature signature;
    return hsm_key_sign(key, &signature, challenge, sizeof challenge, fault);
}

/* The same in a session that is not of the fixed set. */
static enum status key_prove_in(const struct hsm_key *key, CK_SESSION_HANDLE session, struct fault *fault)
{
    uint8_t challenge[sizeof challenge_prefix - 1 + CHALLENGE_LEN];
    uint8_t raw64[SIGNATURE_LEN];
    enum status status = challenge_make(challenge, sizeof challenge, key->label, fault);
    if (status == STATUS_OK) {
        status = message_sign(key, raw64, session, challenge, sizeof challenge, fault);
    }
    struct signature signature;
    if (status == STATUS_OK) {
        status = signature_release(key, &signature, raw64, challenge, sizeof challenge, fault);
    }
    return status;
}

static bool by_label(const struct hsm_key *key, const void *label)
{
    return strcmp(key->label, label) == 0;
}

static bool by_id(const struct hsm_key *key, const void *key_id)
{
    return digest_equal(&key->key_id, key_id);
}

static struct hsm_key *key_find(struct hsm_token *token, bool (*match)(const struct hsm_key *, const void *),
                                const void *wanted)
{
    struct hsm_key *found = NULL;
    pthread_mutex_lock(&token->keys_lock);
    for (size_t i = 0; i < token->key_count && found == NULL; i++) {
        found = match(token->keys[i], wanted) ? token->keys[i] : NULL;
    }
    pthread_mutex_unlock(&token->keys_lock);
    return found;
}

enum status hsm_key_open_label(struct hsm_token *token, const struct hsm_key **out, const char *label,
                               const struct public_key *expected, struct fault *fault)
{
    const struct hsm_key *key = key_find(token, by_label, label);
    if (key == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, label, "token '%s' has no key with this label",
                         token->identity.label);
    }
    if (expected != NULL && !public_key_equal(&key->public, expected)) {
        return fault_set(fault, STATUS_MISMATCH, label, "the key on token '%s' is not the expected public key",
                         token->identity.label);
    }
    enum status status = key_prove(key, fault);
    if (status == STATUS_OK) {
        *out = key;
    }
    return status;
}

enum status hsm_key_open_id(struct hsm_token *token, const struct hsm_key **out, const struct digest *key_id,
                            struct fault *fault)
{
    const struct hsm_key *key = key_find(token, by_id, key_id);
    if (key == NULL) {
        char text[DIGEST_HEX_LEN + 1];
        digest_format(text, key_id);
        return fault_set(fault, STATUS_NOT_FOUND, "key", "token '%s' has no key with id %s", token->identity.label,
                         text);
    }
    enum status status = key_prove(key, fault);
    if (status == STATUS_OK) {
        *out = key;
    }
    return status;
}

size_t hsm_key_count(struct hsm_token *token)
{
    pthread_mutex_lock(&token->keys_lock);
    size_t count = token->key_count;
    pthread_mutex_unlock(&token->keys_lock);
    return count;
}

const struct hsm_key *hsm_key_at(struct hsm_token *token, size_t index)
{
    pthread_mutex_lock(&token->keys_lock);
    INVARIANT(index < token->key_count);
    const struct hsm_key *key = token->keys[index];
    pthread_mutex_unlock(&token->keys_lock);
    return key;
}

const struct public_key *hsm_key_public(const struct hsm_key *key)
{
    return &key->public;
}

const char *hsm_key_label(const struct hsm_key *key)
{
    return key->label;
}

/* Label and CKA_ID of a key about to be made. */
struct new_key {
    char label[HSM_KEY_LABEL_SIZE];
    uint8_t id[NEW_ID_LEN];
};

/*
 * Every attribute of the private key is written out: what a token grants by default differs from token to token. Of the
 * public object no usage is: we use none of it, and the TPM module takes CKA_VERIFY for the right to decrypt and
 * CKA_ENCRYPT for the right to sign, of the private key.
 */
static CK_RV pair_generate(struct hsm_token *token, CK_SESSION_HANDLE session, const struct hsm_key_kind *kind,
                           size_t spelling, struct new_key *new)
{
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
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
    CK_ATTRIBUTE private[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},
        {CKA_SIGN_RECOVER, &no, sizeof no},
        {CKA_DECRYPT, &no, sizeof no},
        {CKA_UNWRAP, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},
        {CKA_LABEL, new->label, strlen(new->label)},
        {CKA_ID, new->id, sizeof new->id},
    };
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_OBJECT_HANDLE public_object;
    CK_OBJECT_HANDLE private_object;
    return token->module.functions->C_GenerateKeyPair(session, &mechanism, public, sizeof public / sizeof public[0],
                                                      private, sizeof private / sizeof private[0], &public_object,
                                                      &private_object);
}

static bool is_curve_refusal(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID ||
           rv == CKR_ATTRIBUTE_VALUE_INVALID;
}

static enum status pair_generate_any(struct hsm_token *token, CK_SESSION_HANDLE session,
                                     const struct hsm_key_kind *kind, struct new_key *new, struct fault *fault)
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
        status = key_prove_in(key, session, fault);
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

static enum status new_key_init(struct new_key *new, const struct hsm_token *token, const char *label,
                                struct fault *fault)
{
    size_t len = strlen(label);
    if (len < 1 || len >= sizeof new->label) {
        return fault_set(fault, STATUS_INVALID, "label", "must be 1..%d characters", HSM_KEY_LABEL_SIZE - 1);
    }
    for (size_t i = 0; i < len; i++) {
        if (label[i] < 0x20 || label[i] > 0x7e) {
            return fault_set(fault, STATUS_INVALID, "label", "must be printable ASCII");
        }
    }
    if (token->use != HSM_TOKEN_GENERATE) {
        return fault_set(fault, STATUS_INVALID, label, "the token is open for signing only");
    }
    snprintf(new->label, sizeof new->label, "%s", label);
    return random_fill(new->id, sizeof new->id, label, fault);
}

static enum status key_make(struct hsm_token *token, struct hsm_key **out, const struct hsm_key_kind *kind,
                            struct new_key *new, struct fault *fault)
{
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    enum status status = pair_generate_any(token, session, kind, new, fault);
    hsm_sessions_give(&token->sessions, session);
    if (status == STATUS_OK && token->is_softhsm) {
        status = hsm_softhsm_sync(token->softhsm_dir, fault);
    }
    if (status == STATUS_OK) {
        status = key_reload(token, out, new->label, fault);
    }
    return status;
}

enum status hsm_key_generate(struct hsm_token *token, const struct hsm_key **out, enum algorithm algorithm,
                             const char *label, struct fault *fault)
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
    struct new_key new;
    status = new_key_init(&new, token, label, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (key_find(token, by_label, label) != NULL) {
        return fault_set(fault, STATUS_EXISTS, label, "token '%s' has a key with this label", token->identity.label);
    }
    struct hsm_key *key = NULL;
    status = key_make(token, &key, kind, &new, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = hsm_object_adopt(token, key, fault);
    if (status != STATUS_OK) {
        free(key);
        return status;
    }
    *out = key;
    return STATUS_OK;
}
