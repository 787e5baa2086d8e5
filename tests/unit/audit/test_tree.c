/* Growing the tree and making proofs, against the published roots and the recursive definition. */
#include <criterion/criterion.h>

#include "audit/tree.h"
#include "oracle.h"
#include "samples.h"

static void expect_digest(const struct digest *digest, const char *hex)
{
    char text[65];
    digest_format(text, digest);
    cr_assert_str_eq(text, hex);
}

Test(tree, roots_of_the_certificate_transparency_test_tree)
{
    static const struct {
        const char *leaf;
        size_t len;
        const char *root;
    } rows[] = {
        {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct audit_frontier frontier = {0};
    struct digest hashes[8];
    struct digest root;
    audit_frontier_root(&root, &frontier);
    expect_digest(&root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        audit_leaf_hash(&hashes[i], rows[i].leaf, rows[i].len);
        cr_assert_eq(audit_frontier_append(&frontier, &hashes[i]), STATUS_OK);
        audit_frontier_root(&root, &frontier);
        expect_digest(&root, rows[i].root);
        audit_tree_root(&root, hashes, i + 1);
        expect_digest(&root, rows[i].root);
    }
}

Test(tree, root_of_the_two_leaf_sample)
{
    const struct digest leaves[2] = {sample_digest(SAMPLE_LH0), sample_digest(SAMPLE_LH1)};
    struct digest root;
    audit_tree_root(&root, leaves, 2);
    expect_digest(&root, "627428d4d095f1c8f9149f4de7e807e8838d32e4636c39e40182d3832ea3eb56");
}

Test(tree, every_size_has_the_root_and_frontier_of_the_definition)
{
    struct oracle *oracle = oracle_new();
    struct audit_hash_reader reader = oracle_reader(oracle);
    struct audit_frontier frontier = {0};
    for (size_t size = 0; size <= ORACLE_LEAVES; size++) {
        struct digest expected = oracle_root(oracle, 0, size);
        struct digest root;
        audit_frontier_root(&root, &frontier);
        cr_assert(digest_equal(&root, &expected), "size %zu", size);
        cr_assert_eq(audit_tree_root_read(&root, &reader, size, NULL), STATUS_OK);
        cr_assert(digest_equal(&root, &expected), "size %zu, read", size);

        uint8_t bytes[AUDIT_FRONTIER_BYTES_MAX];
        size_t len = 0;
        struct audit_frontier again;
        audit_frontier_encode(bytes, &len, &frontier);
        cr_assert_eq(audit_frontier_decode(&again, bytes, len, NULL), STATUS_OK);
        audit_frontier_root(&root, &again);
        cr_assert(again.size == size && digest_equal(&root, &expected), "size %zu, decoded", size);
        cr_assert_eq(audit_frontier_decode(&again, bytes, len - 1, NULL), STATUS_CORRUPT);
        if (size < ORACLE_LEAVES) {
            cr_assert_eq(audit_frontier_append(&frontier, &oracle->leaves[size]), STATUS_OK);
        }
    }
    free(oracle);
}

Test(tree, frontier_bytes)
{
    struct audit_frontier frontier = {.size = 0x0102030405060700};
    uint8_t bytes[AUDIT_FRONTIER_BYTES_MAX + 32] = {0x80};
    size_t len = 0;
    audit_frontier_encode(bytes, &len, &frontier);
    static const uint8_t size_bytes[] = {1, 2, 3, 4, 5, 6, 7, 0};
    cr_assert_arr_eq(bytes, size_bytes, 8);
    cr_assert_eq(len, 8 + 32 * (1 + 1 + 2 + 1 + 2 + 2 + 3));
    memset(bytes, 0xff, sizeof(bytes));
    cr_assert_eq(audit_frontier_decode(&frontier, bytes, 8 + 32 * 64, NULL), STATUS_CORRUPT, "size 2^64-1");
    cr_assert_eq(audit_frontier_decode(&frontier, bytes, 7, NULL), STATUS_CORRUPT);
    cr_assert_eq(audit_frontier_decode(&frontier, bytes, 0, NULL), STATUS_CORRUPT);
    memset(bytes, 0, 9);
    cr_assert_eq(audit_frontier_decode(&frontier, bytes, 8, NULL), STATUS_OK);
    cr_assert_eq(audit_frontier_decode(&frontier, bytes, 9, NULL), STATUS_CORRUPT);
}

Test(tree, the_last_possible_entry)
{
    struct audit_frontier frontier = {.size = AUDIT_TREE_SIZE_MAX - 1}; /* 62 peaks; the entry makes the 63rd */
    struct digest leaf = sample_digest(SAMPLE_LH0);
    cr_assert_eq(audit_frontier_append(&frontier, &leaf), STATUS_OK);
    cr_assert(digest_equal(&frontier.peaks[62], &leaf));
    cr_assert_eq(audit_frontier_append(&frontier, &leaf), STATUS_OVERFLOW);
    cr_assert_eq(frontier.size, AUDIT_TREE_SIZE_MAX);
}

Test(tree, inclusion_proofs_are_those_of_the_definition)
{
    struct oracle *oracle = oracle_new();
    struct audit_hash_reader reader = oracle_reader(oracle);
    for (size_t size = 1; size <= ORACLE_LEAVES; size++) {
        for (size_t index = 0; index < size; index++) {
            struct audit_proof expected = oracle_path(oracle, index, size);
            struct audit_proof proof;
            cr_assert_eq(audit_inclusion_prove(&proof, &reader, index, size, NULL), STATUS_OK);
            cr_assert(oracle_proof_equal(&proof, &expected), "index %zu of %zu", index, size);
        }
    }
    free(oracle);
}

Test(tree, consistency_proofs_are_those_of_the_definition)
{
    struct oracle *oracle = oracle_new();
    struct audit_hash_reader reader = oracle_reader(oracle);
    for (size_t size = 1; size <= ORACLE_LEAVES; size++) {
        for (size_t old = 1; old < size; old++) {
            struct audit_proof expected = oracle_consistency(oracle, old, size);
            struct audit_proof proof;
            cr_assert_eq(audit_consistency_prove(&proof, &reader, old, size, NULL), STATUS_OK);
            cr_assert(oracle_proof_equal(&proof, &expected), "%zu to %zu", old, size);
        }
    }
    free(oracle);
}

Test(tree, provers_refuse_what_does_not_exist)
{
    struct oracle *oracle = oracle_new();
    struct audit_hash_reader reader = oracle_reader(oracle);
    struct audit_proof proof = {.count = 7};
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, 0, 0, NULL), STATUS_INVALID);
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, 5, 5, NULL), STATUS_INVALID);
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, 0, UINT64_MAX, NULL), STATUS_INVALID);
    cr_assert_eq(audit_consistency_prove(&proof, &reader, 6, 5, NULL), STATUS_INVALID);
    cr_assert_eq(audit_consistency_prove(&proof, &reader, 6, UINT64_MAX, NULL), STATUS_INVALID);
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, 0, ORACLE_LEAVES + 1, NULL), STATUS_NOT_FOUND);
    cr_assert_eq(proof.count, 7, "outputs are written only on success");
    cr_assert_eq(audit_consistency_prove(&proof, &reader, 0, 5, NULL), STATUS_OK);
    cr_assert_eq(proof.count, 0);
    cr_assert_eq(audit_consistency_prove(&proof, &reader, 5, 5, NULL), STATUS_OK);
    cr_assert_eq(proof.count, 0);
    free(oracle);
}

/* A reader whose hash depends on the place alone: enough to look at the greatest trees. */
static enum status read_place(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    const uint64_t size = *(const uint64_t *)context;
    if (level > 62 || index >= size >> level) {
        return fault_set(fault, STATUS_NOT_FOUND, "", "outside the tree");
    }
    const uint64_t place[2] = {level, index};
    digest_sha256(out, place, sizeof(place));
    return STATUS_OK;
}

Test(tree, the_greatest_trees_fit)
{
    uint64_t size = AUDIT_TREE_SIZE_MAX;
    struct audit_hash_reader reader = {.read = read_place, .context = &size};
    struct audit_proof proof;
    struct digest root;
    cr_assert_eq(audit_tree_root_read(&root, &reader, size, NULL), STATUS_OK);
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, 0, size, NULL), STATUS_OK);
    cr_assert_eq(proof.count, 63);
    cr_assert_eq(audit_inclusion_prove(&proof, &reader, size - 1, size, NULL), STATUS_OK);
    size = (uint64_t)1 << 62;
    cr_assert_eq(audit_consistency_prove(&proof, &reader, size - 1, size, NULL), STATUS_OK);
    cr_assert_eq(proof.count, 63);
    cr_assert_eq(audit_consistency_prove(&proof, &reader, size - 1, size + 1, NULL), STATUS_INVALID);
}
