/*
 * The Merkle tree over the leaf hashes (RFC 6962 2.1, RFC 9162 2.1): node = SHA-256(0x01 || left || right), the empty
 * root is SHA-256(""). Growing it, its root, and making proofs from stored hashes. Verifying them is in proof.h.
 *
 * Sizes and indices are below 2^63. A (level, index) names the complete subtree over the leaves
 * [index * 2^level, (index + 1) * 2^level); level 0 are the leaf hashes themselves.
 */
#ifndef STRONGROOM_AUDIT_TREE_H
#define STRONGROOM_AUDIT_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "audit/leaf.h"
#include "base/bytes.h"
#include "base/digest.h"

#define AUDIT_PEAKS_MAX 63
#define AUDIT_PROOF_MAX 63
#define AUDIT_FRONTIER_BYTES_MAX (8 + AUDIT_PEAKS_MAX * 32)

/* The compact range [0, size): one hash per set bit of size, the largest subtree first. The zero value is the empty
 * tree. */
struct audit_frontier {
    uint64_t size;
    struct digest peaks[AUDIT_PEAKS_MAX];
};

/* An inclusion or consistency proof: hashes in the order of RFC 9162 (for inclusion the leaf's sibling comes first). */
struct audit_proof {
    size_t count;
    struct digest hashes[AUDIT_PROOF_MAX];
};

/*
 * Where the hashes of complete subtrees come from. `read` answers only (level, index) that lie wholly inside the tree
 * that is asked about; it fails with its own status, which the caller of the proof function gets.
 */
struct audit_hash_reader {
    enum status (*read)(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault);
    void *context;
};

/* node = SHA-256(0x01 || left || right). `out` may be one of the inputs. */
void audit_node_hash(struct digest *out, const struct digest *left, const struct digest *right);

/* Appends one leaf hash. STATUS_OVERFLOW at 2^63-1 entries (nothing changed). */
MUST_CHECK enum status audit_frontier_append(struct audit_frontier *frontier, const struct digest *leaf_hash);

/* The root of the tree so far. */
void audit_frontier_root(struct digest *out, const struct audit_frontier *frontier);

/* The bytes for the head row: u64 big-endian size, then the peaks. Out: *out_len = 8 + 32 * peaks. */
void audit_frontier_encode(uint8_t out[AUDIT_FRONTIER_BYTES_MAX], size_t *out_len,
                           const struct audit_frontier *frontier);

/* Reads these bytes back; STATUS_CORRUPT when the length is not the one the size demands. The caller compares the root.
 */
MUST_CHECK enum status audit_frontier_decode(struct audit_frontier *out, const void *bytes, size_t len,
                                             struct fault *fault);

/* The root over an array of leaf hashes; `count` may be 0. */
void audit_tree_root(struct digest *out, const struct digest *leaf_hashes, size_t count);

/* The root of the tree of `size` entries from stored hashes. STATUS_INVALID above 2^63-1, else what the reader said. */
MUST_CHECK enum status audit_tree_root_read(struct digest *out, const struct audit_hash_reader *reader, uint64_t size,
                                            struct fault *fault);

/* The frontier of the tree of `size` entries from stored hashes. Same errors. */
MUST_CHECK enum status audit_frontier_read(struct audit_frontier *out, const struct audit_hash_reader *reader,
                                           uint64_t size, struct fault *fault);

/*
 * The proof that entry `index` is in the tree of `size` entries (RFC 9162 2.1.3.1). STATUS_INVALID unless
 * index < size <= 2^63-1; otherwise what the reader said.
 */
MUST_CHECK enum status audit_inclusion_prove(struct audit_proof *out, const struct audit_hash_reader *reader,
                                             uint64_t index, uint64_t size, struct fault *fault);

/*
 * The proof that the tree of `size` extends the tree of `old_size` (RFC 9162 2.1.4.1). Empty when they are equal or
 * old_size is 0. STATUS_INVALID unless old_size <= size <= 2^62 (above that it might not fit); otherwise what the
 * reader said.
 */
MUST_CHECK enum status audit_consistency_prove(struct audit_proof *out, const struct audit_hash_reader *reader,
                                               uint64_t old_size, uint64_t size, struct fault *fault);

#endif
