/*
 * Accounts, addresses and keys in documents. Whether an account holds anything is the ledger's to know.
 */
#include "policy/account.h"

#include "document.h"

#define ADDRESS_PREFIX "sr1"
#define ADDRESS_PREFIX_LEN 3
#define ADDRESS_CHECK_LEN 4
#define ADDRESS_DOMAIN "strongroom/address/v1\n"

struct key_wire {
    enum algorithm alg;
    struct bytes key;
};

static const struct canon_field key_fields[] = {
    CANON_FIELD(struct key_wire, alg, CANON_ALGORITHM),
    CANON_FIELD_SIZED(struct key_wire, key, CANON_BYTES, PUBLIC_KEY_MAX),
};

#define KEY_FIELD_COUNT (sizeof(key_fields) / sizeof(key_fields[0]))

enum status account_key_decode(struct public_key *out, const json_t *object, const char *path, struct fault *fault)
{
    struct key_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, key_fields, KEY_FIELD_COUNT, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct fault inner = {0};
    struct public_key key;
    status = public_key_parse(&key, wire.alg, wire.key.data, wire.key.len, &inner);
    bytes_free(&wire.key);
    if (status != STATUS_OK) {
        char where[PLACE_SIZE];
        document_place(where, path, "key");
        return fault_set(fault, status, where, "%s", inner.detail);
    }
    *out = key;
    return STATUS_OK;
}

enum status account_key_encode(json_t **out, const struct public_key *key, struct fault *fault)
{
    struct public_key copy = *key;
    const struct key_wire wire = {.alg = copy.algorithm, .key = {copy.spki, copy.spki_len}};
    return canon_encode(out, &wire, key_fields, KEY_FIELD_COUNT, fault);
}

enum status account_id_from_key(struct account_id *out, const struct public_key *key, struct fault *fault)
{
    struct public_key copy = *key;
    const struct key_wire wire = {.alg = copy.algorithm, .key = {copy.spki, copy.spki_len}};
    struct bytes document = {0};
    enum status status = canon_encode_bytes(&document, &wire, key_fields, KEY_FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        digest_document(&out->digest, ACCOUNT_KIND, document.data, document.len);
    }
    bytes_free(&document);
    return status;
}

/* The eight digits after the id. `hex64` is its text. */
static void checksum(char out9[2 * ADDRESS_CHECK_LEN + 1], const char *hex64)
{
    struct digest digest;
    digest_sha256_two(&digest, ADDRESS_DOMAIN, strlen(ADDRESS_DOMAIN), hex64, DIGEST_HEX_LEN);
    hex_encode(out9, digest.bytes32, ADDRESS_CHECK_LEN);
}

void address_format(char out76[ADDRESS_TEXT_SIZE], const struct account_id *account)
{
    char *hex64 = out76 + ADDRESS_PREFIX_LEN;
    memcpy(out76, ADDRESS_PREFIX, ADDRESS_PREFIX_LEN);
    digest_format(hex64, &account->digest);
    checksum(hex64 + DIGEST_HEX_LEN, hex64);
}

enum status address_parse(struct account_id *out, const char *text, const char *where, struct fault *fault)
{
    if (strnlen(text, ADDRESS_TEXT_SIZE) != ADDRESS_TEXT_SIZE - 1 ||
        strncmp(text, ADDRESS_PREFIX, ADDRESS_PREFIX_LEN) != 0) {
        return fault_set(fault, STATUS_INVALID, where, "an address: sr1 and 72 hexadecimal digits");
    }
    char hex64[DIGEST_HEX_LEN + 1] = {0};
    memcpy(hex64, text + ADDRESS_PREFIX_LEN, DIGEST_HEX_LEN);
    struct account_id account;
    if (digest_parse(&account.digest, hex64) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, where, "an address: sr1 and 72 hexadecimal digits");
    }
    char expected[2 * ADDRESS_CHECK_LEN + 1];
    checksum(expected, hex64);
    if (strcmp(text + ADDRESS_PREFIX_LEN + DIGEST_HEX_LEN, expected) != 0) {
        return fault_set(fault, STATUS_INVALID, where, "the checksum of the address is wrong");
    }
    *out = account;
    return STATUS_OK;
}

#define END_LEN ((ADDRESS_ENDS_SIZE - 1) / 2)

void address_ends(char out9[ADDRESS_ENDS_SIZE], const struct account_id *account)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(text, account);
    memcpy(out9, text + ADDRESS_PREFIX_LEN, END_LEN);
    memcpy(out9 + END_LEN, text + ADDRESS_TEXT_SIZE - 1 - END_LEN, END_LEN + 1);
}

bool account_id_alike(const struct account_id *a, const struct account_id *b)
{
    char ends_a[ADDRESS_ENDS_SIZE];
    char ends_b[ADDRESS_ENDS_SIZE];
    if (account_id_equal(a, b) || memcmp(a->digest.bytes32, b->digest.bytes32, END_LEN / 2) != 0) {
        return false;
    }
    address_ends(ends_a, a);
    address_ends(ends_b, b);
    return strcmp(ends_a, ends_b) == 0;
}

bool account_id_equal(const struct account_id *a, const struct account_id *b)
{
    return digest_equal(&a->digest, &b->digest);
}
