/*
 * Verifier keys: the text form and the key id.
 *
 * A vkey is read by taking it apart, making the key anew and printing that: unequal is refused. So there is one
 * spelling and the key id inside the text is checked without a rule of its own.
 */
#include "audit/checkpoint.h"

#include <openssl/evp.h>

#include "lines.h"

#define PUBLIC_LEN 32
#define ID_HEX_LEN (2 * AUDIT_KEY_ID_LEN)

static void key_id(uint8_t out4[AUDIT_KEY_ID_LEN], const char *name, enum audit_key_type type,
                   const uint8_t public32[PUBLIC_LEN])
{
    uint8_t tail[2 + PUBLIC_LEN] = {0x0a, (uint8_t)type};
    memcpy(tail + 2, public32, PUBLIC_LEN);
    struct digest digest;
    digest_sha256_two(&digest, name, strlen(name), tail, sizeof(tail));
    memcpy(out4, digest.bytes32, AUDIT_KEY_ID_LEN);
}

enum status audit_key_make(struct audit_key *out, const char *name, enum audit_key_type type,
                           const uint8_t public32[PUBLIC_LEN], struct fault *fault)
{
    if (type != AUDIT_KEY_ED25519 && type != AUDIT_KEY_COSIGNATURE) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "vkey", "key type %u is not known here", (unsigned)type);
    }
    enum status status = audit_origin_check(name, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct audit_key key = {.type = type};
    memcpy(key.name, name, strlen(name));
    status = public_key_from_point(&key.public_key, ALGORITHM_ED25519, public32, PUBLIC_LEN, fault);
    if (status != STATUS_OK) {
        return status;
    }
    key_id(key.id4, name, type, public32);
    *out = key;
    return STATUS_OK;
}

void audit_key_format(char out[AUDIT_VKEY_SIZE], const struct audit_key *key)
{
    size_t point_len = 0;
    const uint8_t *point = public_key_point(&key->public_key, &point_len);
    INVARIANT(point_len == PUBLIC_LEN);
    uint8_t typed[1 + PUBLIC_LEN] = {(uint8_t)key->type};
    memcpy(typed + 1, point, PUBLIC_LEN);
    char id[ID_HEX_LEN + 1];
    hex_encode(id, key->id4, AUDIT_KEY_ID_LEN);
    char base64[HASH_BASE64_LEN + 1]; /* 33 bytes have the same length as 32 and padding */
    INVARIANT(EVP_EncodeBlock((uint8_t *)base64, typed, sizeof(typed)) == HASH_BASE64_LEN);
    int len = snprintf(out, AUDIT_VKEY_SIZE, "%s+%s+%s", key->name, id, base64);
    INVARIANT(len > 0 && len < AUDIT_VKEY_SIZE);
}

/* Splits the text and makes the key; whether the text was the right spelling is not known yet. */
static enum status key_read(struct audit_key *out, const char *vkey, struct fault *fault)
{
    size_t name_len = strcspn(vkey, "+");
    const char *id = vkey + name_len;
    if (name_len > AUDIT_ORIGIN_MAX || strnlen(id, ID_HEX_LEN + 2) < ID_HEX_LEN + 2) {
        return fault_set(fault, STATUS_INVALID, "vkey", "name+hex8+base64");
    }
    char name[AUDIT_ORIGIN_SIZE] = {0};
    memcpy(name, vkey, name_len);
    uint8_t typed[1 + PUBLIC_LEN];
    if (base64_decode_exact(typed, sizeof(typed), id + ID_HEX_LEN + 2) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "vkey", "type and key are 33 bytes of base64");
    }
    return audit_key_make(out, name, (enum audit_key_type)typed[0], typed + 1, fault);
}

enum status audit_key_parse(struct audit_key *out, const char *vkey, struct fault *fault)
{
    struct audit_key key;
    enum status status = key_read(&key, vkey, fault);
    if (status != STATUS_OK) {
        return status;
    }
    char again[AUDIT_VKEY_SIZE];
    audit_key_format(again, &key);
    if (strcmp(again, vkey) != 0) {
        return fault_set(fault, STATUS_INVALID, "vkey", "the key id is not that of the name and key");
    }
    *out = key;
    return STATUS_OK;
}
