/*
 * The register of signature algorithms, public keys and signature verification.
 *
 * A public key travels as DER SubjectPublicKeyInfo (RFC 5280, RFC 5480, RFC 8410) in exactly one form per algorithm:
 * named curve, uncompressed point. Base64 of it between the PEM lines is what `openssl` reads. A key id is the SHA-256
 * of these bytes. Every signature is 64 bytes: r||s for ECDSA over SHA-256 of the message, s in the lower half of the
 * group order (one signature, one encoding), or the Ed25519 signature of the message (RFC 8032, canonical S, no
 * small-order keys).
 */
#ifndef STRONGROOM_BASE_ALGORITHM_H
#define STRONGROOM_BASE_ALGORITHM_H

#include "base/bytes.h"
#include "base/digest.h"

#define SIGNATURE_LEN 64
#define PUBLIC_KEY_MAX 96
#define POINT_MAX 65

/* Numbers may be stored; never renumber. */
enum algorithm {
    ALGORITHM_P256 = 1,
    ALGORITHM_ED25519 = 2,
    ALGORITHM_SECP256K1 = 3,
};

enum algorithm_standing {
    ALGORITHM_IN_USE,
    ALGORITHM_DEPRECATED, /* no new keys; what exists goes on and is flagged */
    ALGORITHM_RETIRED,    /* refused everywhere */
};

/* A row of the register. Pointers are static. */
struct algorithm_info {
    enum algorithm algorithm;
    const char *name;               /* as in documents: "p256" */
    const char *curve;              /* as in standards: "P-256" */
    const char *hash;               /* "SHA-256", or "none" where the scheme hashes itself */
    unsigned long pkcs11_mechanism; /* CKM_* number for signing (PKCS #11 v3.0) */
    enum algorithm_standing standing;
    const uint8_t *spki_prefix; /* DER before the point */
    size_t spki_prefix_len;
    size_t point_len; /* 65: 0x04 || X || Y; 32: Ed25519 */
};

struct public_key {
    enum algorithm algorithm;
    uint8_t spki[PUBLIC_KEY_MAX];
    size_t spki_len;
};

struct signature {
    enum algorithm algorithm;
    struct digest key_id;
    uint8_t bytes64[SIGNATURE_LEN];
};

/* The row of an algorithm, NULL for a number that is not in the register. */
const struct algorithm_info *algorithm_info(enum algorithm algorithm);

/* The row of a name, NULL when there is none or it is retired. */
const struct algorithm_info *algorithm_find(const char *name);

/* The word of a standing: "in-use", "deprecated", "retired". Static. */
const char *algorithm_standing_text(enum algorithm_standing standing);

/*
 * STATUS_OK when a new key of this algorithm may be made or admitted: in use, neither deprecated nor retired nor
 * unknown. STATUS_ALGORITHM_REFUSED otherwise, `where` being "algorithm".
 */
MUST_CHECK enum status algorithm_check_new(enum algorithm algorithm, struct fault *fault);

/*
 * Reads a public key from its DER bytes. The bytes must be exactly the prefix of the algorithm and a point on its curve
 * (not the identity, for Ed25519 not of small order). STATUS_INVALID or STATUS_ALGORITHM_REFUSED otherwise.
 */
MUST_CHECK enum status public_key_parse(struct public_key *out, enum algorithm algorithm, const uint8_t *spki,
                                        size_t len, struct fault *fault);

/* The same from a bare point (0x04||X||Y or the 32 bytes of Ed25519), which is what PKCS #11 tokens give. */
MUST_CHECK enum status public_key_from_point(struct public_key *out, enum algorithm algorithm, const uint8_t *point,
                                             size_t len, struct fault *fault);

/* The bare point inside the key (borrowed, valid as long as `key`). */
const uint8_t *public_key_point(const struct public_key *key, size_t *out_len);

/* The key id: SHA-256 of the DER bytes. */
void public_key_id(struct digest *out, const struct public_key *key);

/* Equality of algorithm and bytes. */
bool public_key_equal(const struct public_key *a, const struct public_key *b);

/*
 * Verifies `sig64` over `message` (not over a digest). STATUS_SIGNATURE_INVALID when it does not verify, including
 * ECDSA with s in the upper half and r or s out of range.
 */
MUST_CHECK enum status signature_verify(const struct public_key *key, const uint8_t sig64[SIGNATURE_LEN],
                                        const void *message, size_t len, struct fault *fault);

/* Brings s of an ECDSA signature into the lower half, in place; an Ed25519 signature is left as it is. */
MUST_CHECK enum status signature_normalize(uint8_t sig64[SIGNATURE_LEN], enum algorithm algorithm);

#endif
