/*
 * The Merkle tree of RFC 9162, written from the RFC for this program: growing a tree to its root, and checking
 * proofs that a leaf is in it and that a tree is the beginning of another.
 */
#ifndef STRONGROOM_VERIFY_MERKLE_H
#define STRONGROOM_VERIFY_MERKLE_H

#include <jansson.h>

#include "base/digest.h"

#define MERKLE_HEIGHT 63

/* A tree under construction: one pending root for each bit that is set in `size`. Zero value: empty. */
struct merkle {
    uint64_t size;
    struct digest pending[MERKLE_HEIGHT + 1];
};

/* SHA-256(0x00 || data). */
void merkle_leaf(struct digest *out, const void *data, size_t len);

/* Appends a leaf hash. */
void merkle_append(struct merkle *merkle, const struct digest *leaf);

/* The root of what was appended. */
void merkle_root(struct digest *out, const struct merkle *merkle);

/* Hashes that prove something about a tree, in the order of the RFC. */
struct merkle_proof {
    struct digest hashes[MERKLE_HEIGHT];
    size_t count;
};

/*
 * The root to which an inclusion proof leads from the leaf hash at `index` of a tree of `size` leaves; false when the
 * proof is not of the length that such a leaf has. Section 2.1.3.2.
 */
bool merkle_climb(struct digest *out_root, const struct digest *leaf, uint64_t index, uint64_t size,
                  const struct merkle_proof *proof);

/* A root of a tree of so many leaves. */
struct merkle_head {
    uint64_t size;
    struct digest root;
};

/* True when the proof shows that the leaves of `old` are the first of `new`. Section 2.1.4.2; `old` is not empty. */
bool merkle_extends(const struct merkle_head *old, const struct merkle_head *new, const struct merkle_proof *proof);

/* Reads an array of hexadecimal hashes. */
bool merkle_proof_read(struct merkle_proof *out, const json_t *array);

/* True when the leaf leads to the root by its proof, such an array. */
bool merkle_leads(const struct digest *leaf, uint64_t index, uint64_t size, const json_t *path,
                  const struct digest *root);

#endif
