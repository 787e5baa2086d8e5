/*
 * Verifying inclusion and consistency, as the algorithms of RFC 9162 2.1.3.2 and 2.1.4.2 stand there.
 *
 * `node` walks up from the entry (or from the last complete subtree of the old tree), `last` from the last entry; the
 * hash of the step is on the left when the node is a right child or the ragged edge of its level. The proof has the
 * right length exactly when `last` reaches 0 with the last hash.
 */
#include "audit/proof.h"

#include "lines.h"

/* The climb of both verifications. */
struct climb {
    uint64_t node;
    uint64_t last;
};

static enum status refuse(struct fault *fault, const char *rule)
{
    return fault_set(fault, STATUS_PROOF_INVALID, "proof", "%s", rule);
}

static bool climb_from_right(const struct climb *climb)
{
    return (climb->node & 1) != 0 || climb->node == climb->last;
}

/* One level up; over the levels on which the ragged edge has no sibling at once. */
static void climb_step(struct climb *climb)
{
    if (climb->node == climb->last) {
        while ((climb->node & 1) == 0 && climb->node != 0) {
            climb->node >>= 1;
            climb->last >>= 1;
        }
    }
    climb->node >>= 1;
    climb->last >>= 1;
}

enum status audit_inclusion_verify(const struct audit_proof *proof, uint64_t index, uint64_t size,
                                   const struct digest *leaf_hash, const struct digest *root, struct fault *fault)
{
    if (index >= size || proof->count > AUDIT_PROOF_MAX) {
        return refuse(fault, "the index is not below the size");
    }
    struct climb climb = {.node = index, .last = size - 1};
    struct digest hash = *leaf_hash;
    for (size_t i = 0; i < proof->count; i++) {
        if (climb.last == 0) {
            return refuse(fault, "too many hashes");
        }
        if (climb_from_right(&climb)) {
            audit_node_hash(&hash, &proof->hashes[i], &hash);
        } else {
            audit_node_hash(&hash, &hash, &proof->hashes[i]);
        }
        climb_step(&climb);
    }
    if (climb.last != 0) {
        return refuse(fault, "too few hashes");
    }
    return digest_equal(&hash, root) ? STATUS_OK : refuse(fault, "the proof leads to another root");
}

/* The climb of a consistency proof for 0 < old_size < size. `start` is the common subtree, hashes[next..] the rest. */
static enum status climb_both(const struct audit_proof *proof, size_t next, struct climb climb,
                              const struct digest roots[2], struct fault *fault)
{
    struct digest old_hash = next == 0 ? roots[0] : proof->hashes[0];
    struct digest hash = old_hash;
    for (size_t i = next; i < proof->count; i++) {
        if (climb.last == 0) {
            return refuse(fault, "too many hashes");
        }
        if (climb_from_right(&climb)) {
            audit_node_hash(&old_hash, &proof->hashes[i], &old_hash);
            audit_node_hash(&hash, &proof->hashes[i], &hash);
        } else {
            audit_node_hash(&hash, &hash, &proof->hashes[i]);
        }
        climb_step(&climb);
    }
    if (climb.last != 0) {
        return refuse(fault, "too few hashes");
    }
    if (!digest_equal(&old_hash, &roots[0])) {
        return refuse(fault, "the proof leads to another old root");
    }
    return digest_equal(&hash, &roots[1]) ? STATUS_OK : refuse(fault, "the proof leads to another root");
}

/* Sizes 0 and equal sizes, where nothing is to be hashed. */
static enum status verify_trivial(const struct audit_proof *proof, uint64_t old_size, const struct digest roots[2],
                                  uint64_t size, struct fault *fault)
{
    if (proof->count != 0) {
        return refuse(fault, "the proof must be empty");
    }
    struct digest empty;
    digest_sha256(&empty, NULL, 0);
    if (old_size == 0 && !digest_equal(&roots[0], &empty)) {
        return refuse(fault, "the empty tree has another root");
    }
    if (old_size == size && !digest_equal(&roots[0], &roots[1])) {
        return refuse(fault, "two roots for one size");
    }
    return STATUS_OK;
}

enum status audit_consistency_verify(const struct audit_proof *proof, uint64_t old_size, const struct digest *old_root,
                                     uint64_t size, const struct digest *root, struct fault *fault)
{
    if (old_size > size || proof->count > AUDIT_PROOF_MAX) {
        return refuse(fault, "the old size is above the new one");
    }
    const struct digest roots[2] = {*old_root, *root};
    if (old_size == 0 || old_size == size) {
        return verify_trivial(proof, old_size, roots, size, fault);
    }
    if (proof->count == 0) {
        return refuse(fault, "the proof is empty");
    }
    unsigned shift = (unsigned)__builtin_ctzll(old_size);
    struct climb climb = {.node = (old_size - 1) >> shift, .last = (size - 1) >> shift};
    /* For a power of two the common subtree is the old tree itself and its hash is left out of the proof. */
    return climb_both(proof, climb.node == 0 ? 0 : 1, climb, roots, fault);
}

enum status audit_proof_encode(struct bytes *out, const struct audit_proof *proof)
{
    INVARIANT(proof->count <= AUDIT_PROOF_MAX);
    struct buffer buffer;
    buffer_init(&buffer);
    for (size_t i = 0; i < proof->count; i++) {
        buffer_append_base64(&buffer, proof->hashes[i].bytes32, sizeof(proof->hashes[i].bytes32));
        buffer_append_text(&buffer, "\n");
    }
    return buffer_finish(out, &buffer);
}

enum status audit_proof_parse(struct audit_proof *out, const void *text, size_t len, struct fault *fault)
{
    struct audit_proof proof = {0};
    struct lines lines = {.at = text, .left = len};
    struct line line;
    while (lines_next(&line, &lines)) {
        if (proof.count == AUDIT_PROOF_MAX || line_hash(&proof.hashes[proof.count], &line) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "proof", "at most 63 lines, each a hash in strict base64");
        }
        proof.count++;
    }
    if (lines.left != 0) {
        return fault_set(fault, STATUS_INVALID, "proof", "each line is ended by LF");
    }
    *out = proof;
    return STATUS_OK;
}
