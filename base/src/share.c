/*
 * Secret sharing (base/share.h). Shares, secrets and coefficients are only in the secure heap, and what is done with
 * them neither branches on their bits nor indexes memory by them. Indexes are public. Who may have a share, and where
 * shares are kept, is not known here.
 */
#include "base/share.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define FIELD_POLYNOMIAL 0x11dU

_Static_assert((SHARE_COUNT_MAX - 1) * SHARE_SECRET_MAX <= SECRET_MAX, "all coefficients fit into one secret");

/* All ones for 1, all zeros for 0. */
static unsigned mask(unsigned bit)
{
    return 0U - bit;
}

static uint8_t multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    unsigned factor = a;
    for (unsigned bit = 0; bit < 8; bit++) {
        product ^= factor & mask(((unsigned)b >> bit) & 1U);
        factor = (factor << 1) ^ (FIELD_POLYNOMIAL & mask(factor >> 7));
    }
    return (uint8_t)product;
}

/* 1/a as a^254 = a^2 * a^4 * ... * a^128, because a^255 is 1. */
static uint8_t invert(uint8_t a)
{
    uint8_t inverse = 1;
    for (unsigned round = 0; round < 7; round++) {
        a = multiply(a, a);
        inverse = multiply(inverse, a);
    }
    return inverse;
}

static enum status fill_random(struct secret *secret, struct fault *fault)
{
    size_t have = 0;
    while (have < secret->len) {
        ssize_t got = getrandom(secret->data + have, secret->len - have, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return fault_set(fault, STATUS_IO, "randomness", "the kernel gave none: error %d", errno);
        }
        have += (size_t)got;
    }
    return STATUS_OK;
}

/* A new secret; the heap's refusal in words. */
static enum status make(struct secret *out, size_t len, struct fault *fault)
{
    enum status status = secret_new(out, len);
    return status == STATUS_OK ? status : fault_set(fault, status, "secret", "the secure heap gave no %zu bytes", len);
}

static enum status make_random(struct secret *out, size_t len, struct fault *fault)
{
    struct secret secret = {0};
    enum status status = make(&secret, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = fill_random(&secret, fault);
    if (status != STATUS_OK) {
        secret_free(&secret);
        return status;
    }
    *out = secret; /* transferred */
    return STATUS_OK;
}

static void forget(struct share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        share_free(&shares[i]);
    }
}

/* The value at `index` of the polynomials whose constant terms are the secret, by Horner's rule. */
static void evaluate(struct secret *out, unsigned index, const struct secret *secret, const struct secret *coefficients)
{
    const uint8_t at = (uint8_t)index;
    memset(out->data, 0, out->len);
    for (const uint8_t *row = coefficients->data; row < coefficients->data + coefficients->len; row += secret->len) {
        for (size_t i = 0; i < secret->len; i++) {
            out->data[i] = multiply(out->data[i] ^ row[i], at);
        }
    }
    for (size_t i = 0; i < secret->len; i++) {
        out->data[i] ^= secret->data[i];
    }
}

static enum status check_numbers(size_t len, unsigned threshold, unsigned count, struct fault *fault)
{
    if (len == 0 || len > SHARE_SECRET_MAX) {
        return fault_set(fault, STATUS_INVALID, "secret", "1 to %d bytes can be shared", SHARE_SECRET_MAX);
    }
    if (threshold < SHARE_THRESHOLD_MIN || threshold > count || count > SHARE_COUNT_MAX) {
        return fault_set(fault, STATUS_INVALID, "threshold", "2 <= k <= n <= %d, not %u of %u", SHARE_COUNT_MAX,
                         threshold, count);
    }
    return STATUS_OK;
}

enum status share_split(struct share *out_shares, const struct secret *secret, unsigned threshold, unsigned count,
                        struct fault *fault)
{
    enum status status = check_numbers(secret->len, threshold, count, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct share shares[SHARE_COUNT_MAX] = {0};
    struct secret coefficients = {0};
    status = make_random(&coefficients, (threshold - 1) * secret->len, fault);
    for (unsigned i = 0; i < count && status == STATUS_OK; i++) {
        shares[i].index = i + 1;
        status = make(&shares[i].value, secret->len, fault);
        if (status == STATUS_OK) {
            evaluate(&shares[i].value, shares[i].index, secret, &coefficients);
        }
    }
    secret_free(&coefficients);
    if (status != STATUS_OK) {
        forget(shares, count);
        return status;
    }
    memcpy(out_shares, shares, count * sizeof(*shares)); /* transferred */
    return STATUS_OK;
}

/* The weight of share `at` in the value at 0: the product of x_j / (x_j - x_at) over the others (minus is xor). */
static uint8_t weight(const struct share *shares, size_t count, size_t at)
{
    uint8_t above = 1;
    uint8_t below = 1;
    for (size_t j = 0; j < count; j++) {
        if (j != at) {
            above = multiply(above, (uint8_t)shares[j].index);
            below = multiply(below, (uint8_t)(shares[j].index ^ shares[at].index));
        }
    }
    return multiply(above, invert(below));
}

static bool index_repeats(const struct share *shares, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (shares[i].index == shares[at].index) {
            return true;
        }
    }
    return false;
}

/* Only what is public of the shares: how many, which, how long. */
static enum status check_shares(const struct share *shares, size_t count, unsigned threshold, struct fault *fault)
{
    if (count > SHARE_COUNT_MAX || threshold < SHARE_THRESHOLD_MIN || threshold > SHARE_COUNT_MAX) {
        return fault_set(fault, STATUS_INVALID, "shares", "%u of %zu shares: 2 to %d serve", threshold, count,
                         SHARE_COUNT_MAX);
    }
    if (count < threshold) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "shares", "%zu of %u shares", count, threshold);
    }
    const size_t len = shares[0].value.len;
    for (size_t i = 0; i < count; i++) {
        const unsigned index = shares[i].index;
        if (index == 0 || index > SHARE_COUNT_MAX || index_repeats(shares, i)) {
            return fault_set(fault, STATUS_INVALID, "shares", "index %u is out of range or given twice", index);
        }
        if (len == 0 || len > SHARE_SECRET_MAX || shares[i].value.len != len) {
            return fault_set(fault, STATUS_INVALID, "shares", "share %u is not as long as the first", index);
        }
    }
    return STATUS_OK;
}

enum status share_join(struct secret *out, const struct share *shares, size_t count, unsigned threshold,
                       const struct digest *commitments, struct fault *fault)
{
    enum status status = check_shares(shares, count, threshold, fault);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = share_check(&shares[i], &commitments[i], fault);
    }
    struct secret secret = {0};
    if (status == STATUS_OK) {
        status = make(&secret, shares[0].value.len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < threshold; i++) {
        const uint8_t factor = weight(shares, threshold, i);
        for (size_t j = 0; j < secret.len; j++) {
            secret.data[j] ^= multiply(shares[i].value.data[j], factor);
        }
    }
    *out = secret; /* transferred */
    return STATUS_OK;
}

void share_free(struct share *share)
{
    secret_free(&share->value);
    share->index = 0;
}

void share_commitment(struct digest *out, const struct secret *value)
{
    digest_sha256(out, value->data, value->len);
}

enum status share_check(const struct share *share, const struct digest *commitment, struct fault *fault)
{
    struct digest digest;
    share_commitment(&digest, &share->value);
    if (!digest_equal(&digest, commitment)) {
        return fault_set(fault, STATUS_MISMATCH, "shares", "share %u is not its commitment", share->index);
    }
    return STATUS_OK;
}

void share_kek_check(struct digest *out, const struct secret *kek)
{
    INVARIANT(kek->len == SHARE_KEK_LEN);
    digest_document(out, "kek", kek->data, kek->len);
}

enum status share_pin_pack(struct secret *out, const struct secret *pin, struct fault *fault)
{
    if (pin->len == 0 || pin->len > SHARE_PIN_MAX) {
        return fault_set(fault, STATUS_INVALID, "pin",
                         "1 to %d bytes can be shared: a longer one leaves too few random bytes", SHARE_PIN_MAX);
    }
    struct secret block = {0};
    enum status status = make_random(&block, SHARE_PIN_BLOCK_LEN, fault);
    if (status != STATUS_OK) {
        return status;
    }
    block.data[0] = (uint8_t)pin->len;
    memcpy(block.data + 1, pin->data, pin->len);
    *out = block; /* transferred */
    return STATUS_OK;
}

enum status share_pin_unpack(struct secret *out, const struct secret *block, struct fault *fault)
{
    if (block->len != SHARE_PIN_BLOCK_LEN || block->data[0] == 0 || block->data[0] >= SHARE_PIN_BLOCK_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "pin", "the shares give no block that holds a PIN");
    }
    struct secret pin = {0};
    enum status status = make(&pin, block->data[0], fault);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(pin.data, block->data + 1, pin.len);
    *out = pin; /* transferred */
    return STATUS_OK;
}
