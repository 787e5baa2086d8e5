/*
 * A Merkle tree in memory that grows fast: every complete subtree is kept, so that proofs at any size are a few reads.
 */
#ifndef STRONGROOM_BENCH_TREE_H
#define STRONGROOM_BENCH_TREE_H

#include "audit/tree.h"

#define BENCH_TREE_LEVELS 32

struct bench_tree {
    struct digest *levels[BENCH_TREE_LEVELS];
    size_t rooms[BENCH_TREE_LEVELS];
    uint64_t size;
};

/* Appends one leaf hash. */
void bench_tree_append(struct bench_tree *tree, const struct digest *leaf_hash);

/* Where proofs read; borrows the tree. */
struct audit_hash_reader bench_tree_reader(struct bench_tree *tree);

/* The root of the tree as it was with its first `size` entries. */
void bench_tree_root(struct digest *out, struct bench_tree *tree, uint64_t size);

/* Frees. */
void bench_tree_wipe(struct bench_tree *tree);

#endif
