/* Verification: every true proof is accepted, every changed one refused. */
#include <criterion/criterion.h>

#include "audit/proof.h"
#include "oracle.h"
#include "samples.h"

static enum status inclusion(struct oracle *oracle, const struct audit_proof *proof, size_t leaf, uint64_t index,
                             size_t size)
{
    struct digest root = oracle_root(oracle, 0, size);
    return audit_inclusion_verify(proof, index, size, &oracle->leaves[leaf], &root, NULL);
}

static enum status consistency(struct oracle *oracle, const struct audit_proof *proof, size_t old, size_t size)
{
    struct digest old_root = oracle_root(oracle, 0, old);
    struct digest root = oracle_root(oracle, 0, size);
    return audit_consistency_verify(proof, old, &old_root, size, &root, NULL);
}

Test(proof, inclusion_of_every_entry_in_every_size_and_no_changed_one)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 1; size <= ORACLE_LEAVES; size++) {
        for (size_t index = 0; index < size; index++) {
            struct audit_proof proof = oracle_path(oracle, index, size);
            cr_assert_eq(inclusion(oracle, &proof, index, index, size), STATUS_OK, "%zu of %zu", index, size);
            for (size_t i = 0; i < proof.count; i++) {
                proof.hashes[i].bytes32[(index + i) % 32] ^= 0x10;
                cr_assert_eq(inclusion(oracle, &proof, index, index, size), STATUS_PROOF_INVALID);
                proof.hashes[i].bytes32[(index + i) % 32] ^= 0x10;
            }
            proof.count++;
            cr_assert_eq(inclusion(oracle, &proof, index, index, size), STATUS_PROOF_INVALID, "one hash more");
            proof.count--;
            if (proof.count > 0) {
                proof.count--;
                cr_assert_eq(inclusion(oracle, &proof, index, index, size), STATUS_PROOF_INVALID, "one hash less");
            }
        }
    }
    free(oracle);
}

Test(proof, inclusion_holds_for_one_index_leaf_and_size_only)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 1; size <= 40; size++) {
        for (size_t index = 0; index < size; index++) {
            struct audit_proof proof = oracle_path(oracle, index, size);
            for (size_t other = 0; other < 44; other++) {
                if (other != index) {
                    cr_assert_eq(inclusion(oracle, &proof, index, other, size), STATUS_PROOF_INVALID);
                    cr_assert_eq(inclusion(oracle, &proof, other, index, size), STATUS_PROOF_INVALID);
                }
                if (other != size) {
                    cr_assert_eq(inclusion(oracle, &proof, index, index, other), STATUS_PROOF_INVALID);
                }
            }
        }
    }
    struct audit_proof empty = {0};
    cr_assert_eq(inclusion(oracle, &empty, 0, 0, 0), STATUS_PROOF_INVALID, "nothing is in the empty tree");
    struct audit_proof huge = {.count = AUDIT_PROOF_MAX + 1};
    cr_assert_eq(inclusion(oracle, &huge, 0, 0, 1), STATUS_PROOF_INVALID);
    free(oracle);
}

Test(proof, consistency_of_every_pair_and_no_changed_one)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 1; size <= ORACLE_LEAVES; size++) {
        for (size_t old = 1; old < size; old++) {
            struct audit_proof proof = oracle_consistency(oracle, old, size);
            cr_assert_eq(consistency(oracle, &proof, old, size), STATUS_OK, "%zu to %zu", old, size);
            for (size_t i = 0; i < proof.count; i++) {
                proof.hashes[i].bytes32[(old + i) % 32] ^= 0x01;
                cr_assert_eq(consistency(oracle, &proof, old, size), STATUS_PROOF_INVALID);
                proof.hashes[i].bytes32[(old + i) % 32] ^= 0x01;
            }
            proof.count++;
            cr_assert_eq(consistency(oracle, &proof, old, size), STATUS_PROOF_INVALID, "one hash more");
            proof.count -= 2;
            cr_assert_eq(consistency(oracle, &proof, old, size), STATUS_PROOF_INVALID, "one hash less");
        }
    }
    free(oracle);
}

Test(proof, consistency_holds_for_one_pair_of_sizes_and_roots_only)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 2; size <= 40; size++) {
        for (size_t old = 1; old < size; old++) {
            struct audit_proof proof = oracle_consistency(oracle, old, size);
            struct digest old_root = oracle_root(oracle, 0, old);
            struct digest root = oracle_root(oracle, 0, size);
            for (size_t other = 1; other <= 44; other++) {
                struct digest other_root = oracle_root(oracle, 0, other);
                if (other != old) {
                    cr_assert_eq(audit_consistency_verify(&proof, old, &other_root, size, &root, NULL),
                                 STATUS_PROOF_INVALID);
                    cr_assert_eq(consistency(oracle, &proof, other, size), STATUS_PROOF_INVALID);
                }
                if (other != size) {
                    cr_assert_eq(audit_consistency_verify(&proof, old, &old_root, size, &other_root, NULL),
                                 STATUS_PROOF_INVALID);
                    cr_assert_eq(consistency(oracle, &proof, old, other), STATUS_PROOF_INVALID);
                }
            }
        }
    }
    free(oracle);
}

/*
 * The root of a tree given out as that of a smaller or larger one. The hashes alone cannot tell sizes whose proofs have
 * one shape (the checkpoint's signature binds the size), but another length of the proof must show.
 */
Test(proof, a_proof_of_another_length_is_refused_under_the_same_root)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 1; size <= 20; size++) {
        struct digest root = oracle_root(oracle, 0, size);
        for (size_t index = 0; index < size; index++) {
            struct audit_proof proof = oracle_path(oracle, index, size);
            for (size_t other = 1; other <= 24; other++) {
                for (size_t at = 0; at < other; at++) {
                    struct audit_proof shape = oracle_path(oracle, at, other);
                    enum status status = audit_inclusion_verify(&proof, at, other, &oracle->leaves[index], &root, NULL);
                    cr_assert(shape.count == proof.count || status == STATUS_PROOF_INVALID,
                              "%zu of %zu shown as %zu of %zu", index, size, at, other);
                }
            }
        }
    }
    free(oracle);
}

static void expect_other_lengths_refused(struct oracle *oracle, size_t old, size_t size)
{
    struct audit_proof proof = oracle_consistency(oracle, old, size);
    struct digest old_root = oracle_root(oracle, 0, old);
    struct digest root = oracle_root(oracle, 0, size);
    for (size_t other = 2; other <= 24; other++) {
        for (size_t before = 1; before < other; before++) {
            struct audit_proof shape = oracle_consistency(oracle, before, other);
            enum status status = audit_consistency_verify(&proof, before, &old_root, other, &root, NULL);
            cr_assert(shape.count == proof.count || status == STATUS_PROOF_INVALID, "%zu to %zu shown as %zu to %zu",
                      old, size, before, other);
        }
    }
}

Test(proof, a_consistency_proof_of_another_length_is_refused_under_the_same_roots)
{
    struct oracle *oracle = oracle_new();
    for (size_t size = 2; size <= 20; size++) {
        for (size_t old = 1; old < size; old++) {
            expect_other_lengths_refused(oracle, old, size);
        }
    }
    free(oracle);
}

Test(proof, consistency_without_hashes)
{
    struct oracle *oracle = oracle_new();
    struct audit_proof empty = {0};
    struct audit_proof one = {.count = 1};
    struct digest wrong = sample_digest(SAMPLE_LH0);
    struct digest root5 = oracle_root(oracle, 0, 5);
    cr_assert_eq(consistency(oracle, &empty, 5, 5), STATUS_OK);
    cr_assert_eq(consistency(oracle, &one, 5, 5), STATUS_PROOF_INVALID);
    cr_assert_eq(consistency(oracle, &empty, 0, 5), STATUS_OK);
    cr_assert_eq(consistency(oracle, &empty, 0, 0), STATUS_OK);
    cr_assert_eq(consistency(oracle, &one, 0, 5), STATUS_PROOF_INVALID);
    cr_assert_eq(consistency(oracle, &empty, 4, 5), STATUS_PROOF_INVALID);
    cr_assert_eq(consistency(oracle, &empty, 5, 4), STATUS_PROOF_INVALID, "shrinking");
    cr_assert_eq(audit_consistency_verify(&empty, 5, &wrong, 5, &root5, NULL), STATUS_PROOF_INVALID, "fork");
    cr_assert_eq(audit_consistency_verify(&empty, 0, &wrong, 5, &root5, NULL), STATUS_PROOF_INVALID);
    free(oracle);
}

Test(proof, lines)
{
    struct oracle *oracle = oracle_new();
    struct audit_proof proof = oracle_path(oracle, 3, 77);
    struct audit_proof again;
    struct bytes text;
    cr_assert_eq(audit_proof_encode(&text, &proof), STATUS_OK);
    cr_assert_eq(text.len, 45 * proof.count);
    cr_assert_eq(audit_proof_parse(&again, text.data, text.len, NULL), STATUS_OK);
    cr_assert(oracle_proof_equal(&proof, &again));
    cr_assert_eq(audit_proof_parse(&again, text.data, text.len - 1, NULL), STATUS_INVALID, "no last LF");
    cr_assert_eq(audit_proof_parse(&again, text.data, 0, NULL), STATUS_OK);
    cr_assert_eq(again.count, 0);
    for (size_t i = 0; i < text.len; i++) {
        text.data[i] ^= 0x20;
        if (audit_proof_parse(&again, text.data, text.len, NULL) == STATUS_OK) {
            cr_assert(!oracle_proof_equal(&proof, &again), "byte %zu", i);
        }
        text.data[i] ^= 0x20;
    }
    bytes_free(&text);
    free(oracle);
}

Test(proof, at_most_63_lines)
{
    struct audit_proof proof = {.count = AUDIT_PROOF_MAX};
    struct audit_proof again;
    struct bytes text;
    struct buffer buffer;
    cr_assert_eq(audit_proof_encode(&text, &proof), STATUS_OK);
    cr_assert_eq(audit_proof_parse(&again, text.data, text.len, NULL), STATUS_OK);
    buffer_init(&buffer);
    buffer_append(&buffer, text.data, text.len);
    buffer_append(&buffer, text.data, 45);
    bytes_free(&text);
    cr_assert_eq(buffer_finish(&text, &buffer), STATUS_OK);
    cr_assert_eq(audit_proof_parse(&again, text.data, text.len, NULL), STATUS_INVALID);
    bytes_free(&text);
}
