/*
 * The verifier's own tree: the test tree of RFC 6962 implementations with eight leaves, and paths at every place.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "merkle.h"

#define LEAVES 33

static void leaf_of(struct digest *out, size_t i)
{
    uint8_t data = (uint8_t)i;
    merkle_leaf(out, &data, 1);
}

static struct digest root_of(size_t first, size_t count)
{
    struct merkle tree = {0};
    struct digest root;
    for (size_t i = 0; i < count; i++) {
        struct digest leaf;
        leaf_of(&leaf, first + i);
        merkle_append(&tree, &leaf);
    }
    merkle_root(&root, &tree);
    return root;
}

Test(verify_merkle, known_answers)
{
    static const struct {
        const char *data;
        size_t len;
    } leaves[] = {{"", 0},
                  {"\x00", 1},
                  {"\x10", 1},
                  {"\x20\x21", 2},
                  {"\x30\x31", 2},
                  {"\x40\x41\x42\x43", 4},
                  {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
                  {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16}};
    struct merkle tree = {0};
    struct digest root;
    char hex[DIGEST_HEX_LEN + 1];
    merkle_root(&root, &tree);
    digest_format(hex, &root);
    cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        struct digest leaf;
        merkle_leaf(&leaf, leaves[i].data, leaves[i].len);
        merkle_append(&tree, &leaf);
    }
    merkle_root(&root, &tree);
    digest_format(hex, &root);
    cr_assert_str_eq(hex, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

/* RFC 9162 2.1.3.1: the path of `index` among `count` leaves from `first` on, leaf's sibling first. */
static void append_path(json_t *path, size_t index, size_t first, size_t count)
{
    size_t k = 1;
    if (count == 1) {
        return;
    }
    while (2 * k < count) {
        k *= 2;
    }
    bool left = index < k;
    append_path(path, left ? index : index - k, left ? first : first + k, left ? k : count - k);
    struct digest sibling = left ? root_of(first + k, count - k) : root_of(first, k);
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &sibling);
    cr_assert_eq(json_array_append_new(path, json_string(hex)), 0);
}

Test(verify_merkle, every_path_leads_to_its_place_and_no_other)
{
    for (size_t size = 1; size <= LEAVES; size++) {
        struct digest root = root_of(0, size);
        for (size_t index = 0; index < size; index++) {
            struct digest leaf;
            json_t *path = json_array();
            leaf_of(&leaf, index);
            append_path(path, index, 0, size);
            for (size_t place = 0; place <= size; place++) {
                cr_assert_eq(merkle_leads(&leaf, place, size, path, &root), place == index, "%zu of %zu at %zu", index,
                             size, place);
            }
            leaf.bytes32[31] ^= 1;
            cr_assert_not(merkle_leads(&leaf, index, size, path, &root));
            leaf.bytes32[31] ^= 1;
            cr_assert_eq(json_array_append_new(path, json_string("00")), 0);
            cr_assert_not(merkle_leads(&leaf, index, size, path, &root), "a hash that is none");
            json_decref(path);
        }
    }
}

Test(verify_merkle, what_is_no_path)
{
    struct digest root = root_of(0, 1);
    json_t *object = json_object();
    json_t *empty = json_array();
    cr_assert(merkle_leads(&root, 0, 1, empty, &root));
    cr_assert_not(merkle_leads(&root, 0, 1, object, &root));
    cr_assert_not(merkle_leads(&root, 0, 1, NULL, &root));
    cr_assert_not(merkle_leads(&root, 0, 0, empty, &root));
    cr_assert_not(merkle_leads(&root, UINT64_MAX, UINT64_MAX, empty, &root));
    json_decref(object);
    json_decref(empty);
}
