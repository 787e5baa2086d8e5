/*
 * Signing for the tests, with OpenSSL directly so that it shares no code with what is tested, and the sample vectors.
 */
#include "samples.h"

#include <inttypes.h>
#include <openssl/evp.h>

#include "base/clock.h"

static EVP_PKEY *sample_private_key(uint8_t number)
{
    uint8_t seed[32];
    for (unsigned i = 0; i < sizeof(seed); i++) {
        seed[i] = (uint8_t)(i + 32U * number);
    }
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    INVARIANT(key != NULL);
    return key;
}

void sample_key(struct audit_key *out, const char *name, enum audit_key_type type, uint8_t number)
{
    EVP_PKEY *key = sample_private_key(number);
    uint8_t public32[32];
    size_t len = sizeof(public32);
    INVARIANT(EVP_PKEY_get_raw_public_key(key, public32, &len) == 1);
    EVP_PKEY_free(key);
    INVARIANT(audit_key_make(out, name, type, public32, NULL) == STATUS_OK);
}

void sample_sign(uint8_t out64[SIGNATURE_LEN], uint8_t number, const void *message, size_t len)
{
    EVP_PKEY *key = sample_private_key(number);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t out_len = SIGNATURE_LEN;
    INVARIANT(context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    INVARIANT(EVP_DigestSign(context, out64, &out_len, message, len) == 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

void sample_note(struct bytes *out, const struct audit_checkpoint *checkpoint, uint8_t number)
{
    struct audit_key key;
    struct bytes body = {0};
    uint8_t signature[SIGNATURE_LEN];
    sample_key(&key, checkpoint->origin, AUDIT_KEY_ED25519, number);
    INVARIANT(audit_checkpoint_build(&body, checkpoint, NULL) == STATUS_OK);
    sample_sign(signature, number, body.data, body.len);
    INVARIANT(audit_note_assemble(out, body.data, body.len, &key, signature, NULL) == STATUS_OK);
    bytes_free(&body);
}

void sample_cosigned_note(struct bytes *out, struct audit_key *out_witness, uint64_t time_s)
{
    struct bytes message;
    struct bytes line;
    uint8_t signature[SIGNATURE_LEN];
    struct buffer buffer;
    sample_key(out_witness, "witness.example/w1", AUDIT_KEY_COSIGNATURE, 2);
    INVARIANT(audit_cosignature_message(&message, time_s, SAMPLE_BODY, strlen(SAMPLE_BODY), NULL) == STATUS_OK);
    sample_sign(signature, 2, message.data, message.len);
    INVARIANT(audit_cosignature_line(&line, out_witness, time_s, signature, NULL) == STATUS_OK);
    buffer_init(&buffer);
    buffer_append_text(&buffer, SAMPLE_NOTE);
    buffer_append(&buffer, line.data, line.len);
    INVARIANT(buffer_finish(out, &buffer) == STATUS_OK);
    bytes_free(&line);
    bytes_free(&message);
}

struct digest sample_digest(const char *hex)
{
    struct digest digest;
    INVARIANT(digest_parse(&digest, hex) == STATUS_OK);
    return digest;
}

void sample_leaf(struct bytes *out, unsigned index)
{
    const char *event = index == 0 ? SAMPLE_E0 : SAMPLE_E1;
    struct audit_leaf leaf = {.origin = SAMPLE_ORIGIN, .index = index, .event = (const uint8_t *)event};
    leaf.event_len = strlen(event);
    if (index > 0) {
        leaf.previous = sample_digest(SAMPLE_LH0);
    }
    INVARIANT(audit_leaf_build(out, &leaf, NULL) == STATUS_OK);
}

void sample_random_start(struct sample_random *chance)
{
    const char *given = getenv("STRONGROOM_SEED");
    chance->state = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)clock_utc_us(clock_system());
    (void)fprintf(stderr, "STRONGROOM_SEED=%" PRIu64 "\n", chance->state);
}

/* SplitMix64: enough to choose test cases, and the same everywhere. */
uint64_t sample_random_next(struct sample_random *chance)
{
    chance->state += 0x9e3779b97f4a7c15U;
    uint64_t z = chance->state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

uint64_t sample_random_below(struct sample_random *chance, uint64_t end)
{
    return sample_random_next(chance) % end;
}
