/*
 * A reference tree for the tests: the recursive definitions of RFC 9162 2.1 (MTH, PATH, SUBPROOF), nothing shared with
 * the room. Leaf hashes are made from their index.
 */
#ifndef STRONGROOM_TESTS_AUDIT_ORACLE_H
#define STRONGROOM_TESTS_AUDIT_ORACLE_H

#include "audit/tree.h"

#define ORACLE_LEAVES 130

/* A tree of ORACLE_LEAVES leaves; every MTH is computed once. */
struct oracle {
    struct digest leaves[ORACLE_LEAVES];
    struct digest memo[ORACLE_LEAVES + 1][ORACLE_LEAVES + 1];
    bool known[ORACLE_LEAVES + 1][ORACLE_LEAVES + 1];
};

/* A heap copy, free() it. */
struct oracle *oracle_new(void);

/* MTH of the leaves [low, high). */
struct digest oracle_root(struct oracle *oracle, size_t low, size_t high);

/* PATH(index, D[size]). */
struct audit_proof oracle_path(struct oracle *oracle, size_t index, size_t size);

/* PROOF(old_size, D[size]) for 0 < old_size < size. */
struct audit_proof oracle_consistency(struct oracle *oracle, size_t old_size, size_t size);

/* Equality of count and hashes. */
bool oracle_proof_equal(const struct audit_proof *a, const struct audit_proof *b);

/* The hash reader over the oracle, for trees of `oracle` up to ORACLE_LEAVES. */
struct audit_hash_reader oracle_reader(struct oracle *oracle);

#endif
