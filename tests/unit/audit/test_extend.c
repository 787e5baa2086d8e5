/* The rule of who signs checkpoints: every pair of sizes, with true and false proofs and roots. */
#include <criterion/criterion.h>

#include "audit/extend.h"
#include "oracle.h"

#define SIZES 40

static struct audit_remembered remembered(struct oracle *oracle, size_t size)
{
    return (struct audit_remembered){.size = size, .root = oracle_root(oracle, 0, size)};
}

static struct audit_checkpoint offered(struct oracle *oracle, size_t size)
{
    return (struct audit_checkpoint){.origin = "log", .size = size, .root = oracle_root(oracle, 0, size)};
}

static struct audit_proof proven(struct oracle *oracle, size_t old, size_t size)
{
    return old == 0 || old == size ? (struct audit_proof){0} : oracle_consistency(oracle, old, size);
}

Test(extend, what_extends_is_taken_and_what_is_smaller_is_behind)
{
    struct oracle *oracle = oracle_new();
    for (size_t last = 0; last <= SIZES; last++) {
        for (size_t size = 0; size <= SIZES; size++) {
            struct audit_remembered known = remembered(oracle, last);
            struct audit_checkpoint next = offered(oracle, size);
            struct audit_proof proof = last <= size ? proven(oracle, last, size) : (struct audit_proof){0};
            enum audit_extension expected = size < last    ? AUDIT_EXTENSION_BEHIND
                                            : size == last ? AUDIT_EXTENSION_SAME
                                                           : AUDIT_EXTENSION_PROVEN;
            cr_assert_eq(audit_extend(&known, last, &proof, &next), expected, "%zu after %zu", size, last);
        }
    }
    free(oracle);
}

Test(extend, another_root_of_the_same_size_is_a_fork_whatever_comes_with_it)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 0; size <= SIZES; size++) {
        struct audit_remembered known = remembered(oracle, size);
        struct audit_checkpoint next = offered(oracle, size);
        struct audit_proof proof = {.count = 1};
        next.root.bytes32[size % 32] ^= 1;
        cr_assert_eq(audit_extend(&known, size, &(struct audit_proof){0}, &next), AUDIT_EXTENSION_FORK);
        cr_assert_eq(audit_extend(&known, size / 2, &proof, &next), AUDIT_EXTENSION_FORK);
    }
    free(oracle);
}

Test(extend, a_larger_size_with_a_changed_history_is_unproven)
{
    struct oracle *oracle = oracle_new();
    for (size_t last = 1; last < SIZES; last++) {
        for (size_t size = last + 1; size <= SIZES; size++) {
            struct audit_remembered known = remembered(oracle, last);
            struct audit_checkpoint next = offered(oracle, size);
            struct audit_proof proof = proven(oracle, last, size);
            next.root.bytes32[0] ^= 1;
            cr_assert_eq(audit_extend(&known, last, &proof, &next), AUDIT_EXTENSION_UNPROVEN);
            next.root.bytes32[0] ^= 1;
            known.root.bytes32[0] ^= 1;
            cr_assert_eq(audit_extend(&known, last, &proof, &next), AUDIT_EXTENSION_UNPROVEN);
            known.root.bytes32[0] ^= 1;
            proof.count--;
            cr_assert_eq(audit_extend(&known, last, &proof, &next), AUDIT_EXTENSION_UNPROVEN, "one hash less");
        }
    }
    free(oracle);
}

Test(extend, a_proof_from_another_size_serves_nothing_even_a_true_one)
{
    struct oracle *oracle = oracle_new();
    for (size_t last = 1; last < SIZES; last++) {
        for (size_t old = 0; old < SIZES; old++) {
            struct audit_remembered known = remembered(oracle, last);
            struct audit_checkpoint next = offered(oracle, SIZES);
            struct audit_proof proof = proven(oracle, old, SIZES);
            cr_assert_eq(audit_extend(&known, old, &proof, &next),
                         old == last ? AUDIT_EXTENSION_PROVEN : AUDIT_EXTENSION_ELSEWHERE);
        }
    }
    free(oracle);
}
