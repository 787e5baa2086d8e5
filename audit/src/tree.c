/*
 * The tree: growing it and making proofs.
 *
 * Everything is expressed in complete subtrees (level, index). A range that starts at a multiple of its enclosing power
 * of two and ends at the edge of the tree falls into complete subtrees of shrinking size, one per set bit of its
 * length, and its hash is the fold of theirs from the right. Roots, frontiers and the ragged siblings in proofs are all
 * such ranges.
 */
#include "audit/tree.h"

#define NODE_PREFIX 0x01
#define CONSISTENCY_SIZE_MAX ((uint64_t)1 << 62)

void audit_node_hash(struct digest *out, const struct digest *left, const struct digest *right)
{
    uint8_t node[1 + 32 + 32] = {NODE_PREFIX};
    memcpy(node + 1, left->bytes32, 32);
    memcpy(node + 33, right->bytes32, 32);
    digest_sha256(out, node, sizeof(node));
}

static size_t peak_count(uint64_t size)
{
    return (size_t)__builtin_popcountll(size);
}

enum status audit_frontier_append(struct audit_frontier *frontier, const struct digest *leaf_hash)
{
    if (frontier->size >= AUDIT_TREE_SIZE_MAX) {
        return STATUS_OVERFLOW;
    }
    struct digest hash = *leaf_hash;
    size_t count = peak_count(frontier->size);
    for (uint64_t rest = frontier->size; (rest & 1) != 0; rest >>= 1) {
        count--;
        audit_node_hash(&hash, &frontier->peaks[count], &hash);
    }
    frontier->peaks[count] = hash;
    frontier->size++;
    return STATUS_OK;
}

void audit_frontier_root(struct digest *out, const struct audit_frontier *frontier)
{
    size_t count = peak_count(frontier->size);
    if (count == 0) {
        digest_sha256(out, NULL, 0);
        return;
    }
    struct digest root = frontier->peaks[count - 1];
    for (size_t i = count - 1; i > 0; i--) {
        audit_node_hash(&root, &frontier->peaks[i - 1], &root);
    }
    *out = root;
}

void audit_frontier_encode(uint8_t out[AUDIT_FRONTIER_BYTES_MAX], size_t *out_len,
                           const struct audit_frontier *frontier)
{
    size_t count = peak_count(frontier->size);
    INVARIANT(count <= AUDIT_PEAKS_MAX);
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(frontier->size >> (56 - 8 * i));
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(out + 8 + 32 * i, frontier->peaks[i].bytes32, 32);
    }
    *out_len = 8 + 32 * count;
}

enum status audit_frontier_decode(struct audit_frontier *out, const void *bytes, size_t len, struct fault *fault)
{
    const uint8_t *at = bytes;
    uint64_t size = 0;
    for (size_t i = 0; i < 8 && len >= 8; i++) {
        size = size << 8 | at[i];
    }
    if (len < 8 || size > AUDIT_TREE_SIZE_MAX || len != 8 + 32 * peak_count(size)) {
        return fault_set(fault, STATUS_CORRUPT, "frontier", "%zu bytes do not fit the size", len);
    }
    struct audit_frontier frontier = {.size = size};
    for (size_t i = 0; i < peak_count(size); i++) {
        memcpy(frontier.peaks[i].bytes32, at + 8 + 32 * i, 32);
    }
    *out = frontier;
    return STATUS_OK;
}

void audit_tree_root(struct digest *out, const struct digest *leaf_hashes, size_t count)
{
    struct audit_frontier frontier = {0};
    for (size_t i = 0; i < count; i++) {
        INVARIANT(audit_frontier_append(&frontier, &leaf_hashes[i]) == STATUS_OK);
    }
    audit_frontier_root(out, &frontier);
}

/*
 * Reads the complete subtrees of [low, high), the largest first, as the peaks of a frontier of that length. `low` is a
 * multiple of the smallest power of two that is not below the length.
 */
static enum status read_range(struct audit_frontier *out, const struct audit_hash_reader *reader, uint64_t low,
                              uint64_t high, struct fault *fault)
{
    struct audit_frontier range = {.size = high - low};
    size_t count = 0;
    for (unsigned level = 63; level-- > 0;) {
        if ((range.size >> level & 1) == 0) {
            continue;
        }
        enum status status = reader->read(reader->context, &range.peaks[count], level, low >> level, fault);
        if (status != STATUS_OK) {
            return status;
        }
        count++;
        low += (uint64_t)1 << level;
    }
    *out = range;
    return STATUS_OK;
}

enum status audit_frontier_read(struct audit_frontier *out, const struct audit_hash_reader *reader, uint64_t size,
                                struct fault *fault)
{
    if (size > AUDIT_TREE_SIZE_MAX) {
        return fault_set(fault, STATUS_INVALID, "size", "at most 2^63-1");
    }
    return read_range(out, reader, 0, size, fault);
}

enum status audit_tree_root_read(struct digest *out, const struct audit_hash_reader *reader, uint64_t size,
                                 struct fault *fault)
{
    struct audit_frontier frontier;
    enum status status = audit_frontier_read(&frontier, reader, size, fault);
    if (status == STATUS_OK) {
        audit_frontier_root(out, &frontier);
    }
    return status;
}

/* Appends to the proof the hash of the subtree (level, index), which the edge of the tree may cut off. */
static enum status proof_add(struct audit_proof *proof, const struct audit_hash_reader *reader, unsigned level,
                             uint64_t index, uint64_t size, struct fault *fault)
{
    uint64_t low = index << level;
    uint64_t whole = (index + 1) << level; /* at most 2^63 */
    struct audit_frontier range;
    enum status status = STATUS_OK;
    if (whole <= size) {
        struct digest hash;
        status = reader->read(reader->context, &hash, level, index, fault);
        range.size = 1;
        range.peaks[0] = hash;
    } else {
        status = read_range(&range, reader, low, size, fault);
    }
    if (status == STATUS_OK) {
        INVARIANT(proof->count < AUDIT_PROOF_MAX);
        audit_frontier_root(&proof->hashes[proof->count], &range);
        proof->count++;
    }
    return status;
}

/* Appends the siblings on the way from (level, index) up to the root. */
static enum status proof_climb(struct audit_proof *proof, const struct audit_hash_reader *reader, unsigned level,
                               uint64_t index, uint64_t size, struct fault *fault)
{
    for (uint64_t last = (size - 1) >> level; last > 0; last >>= 1) {
        uint64_t sibling = index ^ 1;
        if (sibling <= last) {
            enum status status = proof_add(proof, reader, level, sibling, size, fault);
            if (status != STATUS_OK) {
                return status;
            }
        }
        index >>= 1;
        level++;
    }
    return STATUS_OK;
}

enum status audit_inclusion_prove(struct audit_proof *out, const struct audit_hash_reader *reader, uint64_t index,
                                  uint64_t size, struct fault *fault)
{
    if (size > AUDIT_TREE_SIZE_MAX || index >= size) {
        return fault_set(fault, STATUS_INVALID, "index", "below the size, which is at most 2^63-1");
    }
    struct audit_proof proof = {0};
    enum status status = proof_climb(&proof, reader, 0, index, size, fault);
    if (status == STATUS_OK) {
        *out = proof;
    }
    return status;
}

enum status audit_consistency_prove(struct audit_proof *out, const struct audit_hash_reader *reader, uint64_t old_size,
                                    uint64_t size, struct fault *fault)
{
    if (size > CONSISTENCY_SIZE_MAX || old_size > size) {
        return fault_set(fault, STATUS_INVALID, "old_size", "at most the size, which is at most 2^62");
    }
    struct audit_proof proof = {0};
    enum status status = STATUS_OK;
    if (old_size > 0 && old_size < size) {
        /* The last complete subtree of the old tree: where both trees part. It is the old root itself when at index 0.
         */
        unsigned level = (unsigned)__builtin_ctzll(old_size);
        uint64_t index = (old_size - 1) >> level;
        if (index > 0) {
            status = proof_add(&proof, reader, level, index, size, fault);
        }
        if (status == STATUS_OK) {
            status = proof_climb(&proof, reader, level, index, size, fault);
        }
    }
    if (status == STATUS_OK) {
        *out = proof;
    }
    return status;
}
