/*
 * Opening and using signing keys; making them is in generate.c.
 *
 * Every signature is verified with the public key before it leaves, whatever the token is believed to be.
 */
#include "key.h"

#include <errno.h>
#include <sys/random.h>

#include "cryptoki.h"

#define RAW_SIGNATURE_MAX 512
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

static enum status session_sign(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], const void *message,
                                size_t len, struct fault *fault)
{
    struct hsm_token *token = key->token;
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    /* Again: it may have been lost while this thread waited. */
    status = hsm_token_ready(token, fault);
    if (status == STATUS_OK) {
        status = message_sign(key, out64, session, message, len, fault);
    }
    hsm_sessions_give(&token->sessions, session);
    return status;
}

enum status hsm_key_sign(const struct hsm_key *key, struct signature *out, const void *message, size_t len,
                         struct fault *fault)
{
    uint8_t raw64[SIGNATURE_LEN];
    enum status status = session_sign(key, raw64, message, len, fault);
    return status == STATUS_OK ? signature_release(key, out, raw64, message, len, fault) : status;
}

/* A wrong length is the token's failure; what is a wrong signature is not said here. */
enum status hsm_key_sign_raw(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len,
                             struct fault *fault)
{
    uint8_t raw64[SIGNATURE_LEN];
    struct fault inner = {0};
    enum status status = session_sign(key, raw64, message, len, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, status == STATUS_SIGNATURE_INVALID ? STATUS_TOKEN : status, inner.where, "%s",
                         inner.detail);
    }
    memcpy(out64, raw64, SIGNATURE_LEN);
    return STATUS_OK;
}

enum status hsm_key_random(void *out, size_t len, const char *where, struct fault *fault)
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
    return hsm_key_random(out + strlen(challenge_prefix), CHALLENGE_LEN, where, fault);
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

enum status hsm_key_prove_in(const struct hsm_key *key, CK_SESSION_HANDLE session, struct fault *fault)
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

bool hsm_key_label_taken(struct hsm_token *token, const char *label)
{
    return key_find(token, by_label, label) != NULL;
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

bool hsm_key_is_born(const struct hsm_key *key)
{
    return key->born;
}

enum hsm_key_profile hsm_key_profile(const struct hsm_key *key)
{
    return key->profile;
}
