/*
 * The Merkle tree of RFC 9162, written from the RFC for this program: growing a tree to its root, and checking that a
 * leaf is in it.
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

/*
 * True when the leaf hash at `index` of a tree of `size` leads to the root by its audit path, an array of hexadecimal
 * hashes from the leaf's sibling up.
 */
bool merkle_leads(const struct digest *leaf, uint64_t index, uint64_t size, const json_t *path,
                  const struct digest *root);

#endif
