/*
 * Sealed boxes (base/seal.h) on libsodium. Private keys and plain bytes are read and written in the secure heap only;
 * libsodium wipes what it keeps on the stack, and ends the process when the kernel gives it no randomness.
 */
#include "base/seal.h"

/* Not sodium.h as a whole: a struct of its random source has a member of a name that base/banned.h forbids. */
#include <sodium/core.h>
#include <sodium/crypto_box.h>
#include <sodium/crypto_scalarmult.h>

_Static_assert(SEAL_KEY_LEN == crypto_box_SECRETKEYBYTES, "X25519 keys");
_Static_assert(SEAL_OVERHEAD == crypto_box_SEALBYTES, "a fresh public key and an authenticator");

static enum status ready(struct fault *fault)
{
    return sodium_init() < 0 ? fault_set(fault, STATUS_INTERNAL, "libsodium", "could not be set up") : STATUS_OK;
}

static enum status make(struct secret *out, size_t len, struct fault *fault)
{
    enum status status = secret_new(out, len);
    return status == STATUS_OK ? status : fault_set(fault, status, "secret", "the secure heap gave no %zu bytes", len);
}

enum status seal_pair_generate(struct seal_key *out_public, struct secret *out_private, struct fault *fault)
{
    enum status status = ready(fault);
    struct secret private_key = {0};
    if (status == STATUS_OK) {
        status = make(&private_key, SEAL_KEY_LEN, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(crypto_box_keypair(out_public->bytes32, private_key.data) == 0);
    *out_private = private_key; /* transferred */
    return STATUS_OK;
}

enum status seal_public_key(struct seal_key *out, const struct secret *private_key, struct fault *fault)
{
    enum status status = ready(fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (private_key->len != SEAL_KEY_LEN) {
        return fault_set(fault, STATUS_INVALID, "private key", "%d bytes", SEAL_KEY_LEN);
    }
    INVARIANT(crypto_scalarmult_base(out->bytes32, private_key->data) == 0);
    return STATUS_OK;
}

enum status seal_close(struct bytes *out, const struct secret *plain, const struct seal_key *to, struct fault *fault)
{
    uint8_t box[SEAL_BOX_MAX];
    enum status status = ready(fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (plain->len == 0 || plain->len > SEAL_BOX_MAX - SEAL_OVERHEAD) {
        return fault_set(fault, STATUS_INVALID, "content", "1 to %d bytes", SEAL_BOX_MAX - SEAL_OVERHEAD);
    }
    if (crypto_box_seal(box, plain->data, plain->len, to->bytes32) != 0) {
        return fault_set(fault, STATUS_INVALID, "to", "the key is of small order");
    }
    status = bytes_copy(out, box, plain->len + SEAL_OVERHEAD);
    return status == STATUS_OK ? status : fault_set(fault, status, "box", "copying it");
}

enum status seal_open(struct secret *out, const void *box, size_t len, const struct secret *private_key,
                      struct fault *fault)
{
    struct seal_key public_key;
    enum status status = seal_public_key(&public_key, private_key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (len <= SEAL_OVERHEAD || len > SEAL_BOX_MAX) {
        return fault_set(fault, STATUS_MISMATCH, "box", "not as long as a box");
    }
    struct secret plain = {0};
    status = make(&plain, len - SEAL_OVERHEAD, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (crypto_box_seal_open(plain.data, box, len, public_key.bytes32, private_key->data) != 0) {
        secret_free(&plain);
        return fault_set(fault, STATUS_MISMATCH, "box", "it was sealed for another key, or changed");
    }
    *out = plain; /* transferred */
    return STATUS_OK;
}
