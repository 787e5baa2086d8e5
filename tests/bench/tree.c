/*
 * A Merkle tree in memory, see tree.h.
 */
#include "tree.h"

#include "bench.h"

static void level_append(struct bench_tree *tree, unsigned level, uint64_t index, const struct digest *hash)
{
    BENCH_NEED(level < BENCH_TREE_LEVELS);
    if (index == tree->rooms[level]) {
        tree->rooms[level] = tree->rooms[level] == 0 ? 64 : tree->rooms[level] * 2;
        tree->levels[level] = realloc(tree->levels[level], tree->rooms[level] * sizeof(*hash));
        BENCH_NEED(tree->levels[level] != NULL);
    }
    tree->levels[level][index] = *hash;
}

void bench_tree_append(struct bench_tree *tree, const struct digest *leaf_hash)
{
    struct digest hash = *leaf_hash;
    uint64_t index = tree->size++;
    unsigned level = 0;
    level_append(tree, level, index, &hash);
    for (; (index & 1) != 0; index >>= 1) {
        audit_node_hash(&hash, &tree->levels[level][index - 1], &hash);
        level++;
        level_append(tree, level, index >> 1, &hash);
    }
}

static enum status tree_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    (void)fault;
    const struct bench_tree *tree = context;
    BENCH_NEED(level < BENCH_TREE_LEVELS && ((index + 1) << level) <= tree->size);
    *out = tree->levels[level][index];
    return STATUS_OK;
}

struct audit_hash_reader bench_tree_reader(struct bench_tree *tree)
{
    return (struct audit_hash_reader){.read = tree_read, .context = tree};
}

void bench_tree_root(struct digest *out, struct bench_tree *tree, uint64_t size)
{
    struct fault fault = {0};
    const struct audit_hash_reader reader = bench_tree_reader(tree);
    BENCH_MUST(audit_tree_root_read(out, &reader, size, &fault));
}

void bench_tree_wipe(struct bench_tree *tree)
{
    for (size_t i = 0; i < BENCH_TREE_LEVELS; i++) {
        free(tree->levels[i]);
    }
    *tree = (struct bench_tree){.size = 0};
}
