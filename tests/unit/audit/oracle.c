/*
 * The definitions of RFC 9162 2.1 word by word: slow, recursive, and plain enough to be seen to be right.
 */
#include "oracle.h"

#include <openssl/evp.h>

static struct digest sha256(const uint8_t *data, size_t len)
{
    struct digest digest;
    INVARIANT(EVP_Digest(data, len, digest.bytes32, NULL, EVP_sha256(), NULL) == 1);
    return digest;
}

struct oracle *oracle_new(void)
{
    struct oracle *oracle = calloc(1, sizeof(*oracle));
    INVARIANT(oracle != NULL);
    for (size_t i = 0; i < ORACLE_LEAVES; i++) {
        const uint8_t entry[] = {0x00, 'n', (uint8_t)i, (uint8_t)(i >> 8)};
        oracle->leaves[i] = sha256(entry, sizeof(entry));
    }
    return oracle;
}

/* The largest power of two below n, for n > 1. */
static size_t split(size_t n)
{
    size_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    return k;
}

/* NOLINTNEXTLINE(misc-no-recursion): the definition is recursive */
struct digest oracle_root(struct oracle *oracle, size_t low, size_t high)
{
    if (low == high) {
        return sha256((const uint8_t *)"", 0);
    }
    if (high - low == 1) {
        return oracle->leaves[low];
    }
    if (!oracle->known[low][high]) {
        size_t k = split(high - low);
        uint8_t node[65] = {0x01};
        struct digest left = oracle_root(oracle, low, low + k);
        struct digest right = oracle_root(oracle, low + k, high);
        memcpy(node + 1, left.bytes32, 32);
        memcpy(node + 33, right.bytes32, 32);
        oracle->memo[low][high] = sha256(node, sizeof(node));
        oracle->known[low][high] = true;
    }
    return oracle->memo[low][high];
}

static void add(struct audit_proof *proof, struct digest hash)
{
    INVARIANT(proof->count < AUDIT_PROOF_MAX);
    proof->hashes[proof->count++] = hash;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void path(struct audit_proof *out, struct oracle *oracle, size_t index, size_t low, size_t high)
{
    if (high - low == 1) {
        return;
    }
    size_t middle = low + split(high - low);
    if (index < middle) {
        path(out, oracle, index, low, middle);
        add(out, oracle_root(oracle, middle, high));
    } else {
        path(out, oracle, index, middle, high);
        add(out, oracle_root(oracle, low, middle));
    }
}

struct audit_proof oracle_path(struct oracle *oracle, size_t index, size_t size)
{
    struct audit_proof proof = {0};
    path(&proof, oracle, index, 0, size);
    return proof;
}

/* SUBPROOF(m, D[low:high], whole); m counts from `low`. NOLINTNEXTLINE(misc-no-recursion) */
static void subproof(struct audit_proof *out, struct oracle *oracle, size_t m, const size_t range[2], bool whole)
{
    size_t low = range[0];
    size_t high = range[1];
    if (m == high - low) {
        if (!whole) {
            add(out, oracle_root(oracle, low, high));
        }
        return;
    }
    size_t k = split(high - low);
    const size_t left[2] = {low, low + k};
    const size_t right[2] = {low + k, high};
    if (m <= k) {
        subproof(out, oracle, m, left, whole);
        add(out, oracle_root(oracle, low + k, high));
    } else {
        subproof(out, oracle, m - k, right, false);
        add(out, oracle_root(oracle, low, low + k));
    }
}

struct audit_proof oracle_consistency(struct oracle *oracle, size_t old_size, size_t size)
{
    struct audit_proof proof = {0};
    const size_t range[2] = {0, size};
    subproof(&proof, oracle, old_size, range, true);
    return proof;
}

bool oracle_proof_equal(const struct audit_proof *a, const struct audit_proof *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = memcmp(a->hashes[i].bytes32, b->hashes[i].bytes32, 32) == 0;
    }
    return equal;
}

static enum status oracle_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    uint64_t low = index << level;
    uint64_t high = (index + 1) << level;
    if (level > 8 || high > ORACLE_LEAVES) {
        return fault_set(fault, STATUS_NOT_FOUND, "oracle", "outside the tree");
    }
    *out = oracle_root(context, low, high);
    return STATUS_OK;
}

struct audit_hash_reader oracle_reader(struct oracle *oracle)
{
    return (struct audit_hash_reader){.read = oracle_read, .context = oracle};
}
