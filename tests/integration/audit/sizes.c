/*
 * Random proofs of trees of every size up to 2^40, each true or altered, made here for Go to judge (gosizes) or made by
 * Go and judged here. Both sides build the same tree for themselves and compare verdicts, and for true proofs every
 * hash.
 *
 *   audit_sizes make <cases> | gosizes judge        gosizes make <cases> | audit_sizes judge
 *
 * The tree: entry i is "entry <i mod 2^20>", but for 256 of them all over it, which are "special <i>". So all subtrees
 * of one level above 20 are the same unless a special one is in them, and sizes of 2^40 cost nothing.
 *
 * A case: kind ('i' inclusion, 'c' consistency), ok (0, 1), what was altered, count of hashes; u64 index or old size,
 * u64 size (big-endian); leaf hash or old root; root; the hashes. The seed is printed and taken from STRONGROOM_SEED.
 */
#include <inttypes.h>
#include <stdio.h>

#include "audit/proof.h"
#include "samples.h"

#define BLOCK_LEVEL 20
#define TOP_LEVEL 40
#define BLOCK (UINT64_C(1) << BLOCK_LEVEL)
#define SPECIALS 256
#define HEAD_SIZE 84

enum alteration { NOTHING, BIT, DROPPED, ADDED, NUMBER, SIZE, ALTERATIONS };

struct special {
    uint64_t index;
    struct digest hash;
};

struct tree {
    struct digest block[BLOCK_LEVEL + 1][BLOCK]; /* the nodes over the entries of one block */
    struct digest above[TOP_LEVEL + 1];
    struct special specials[TOP_LEVEL + 1][SPECIALS];
    size_t counts[TOP_LEVEL + 1];
};

struct proof_case {
    uint8_t kind, ok, altered;
    uint64_t first, size;
    struct digest hash, root;
    struct audit_proof proof;
};

static int by_index(const void *a, const void *b)
{
    const struct special *left = a;
    const struct special *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

static void entry_hash(struct digest *out, const char *word, uint64_t index)
{
    char text[48];
    int len = snprintf(text, sizeof(text), "%s %" PRIu64, word, index);
    audit_leaf_hash(out, text, (size_t)len);
}

/* The hash of the complete subtree (level, index). */
static struct digest tree_node(const struct tree *tree, unsigned level, uint64_t index)
{
    const struct special key = {.index = index};
    const struct special *found = bsearch(&key, tree->specials[level], tree->counts[level], sizeof(key), by_index);
    if (found != NULL) {
        return found->hash;
    }
    return level <= BLOCK_LEVEL ? tree->block[level][index % (BLOCK >> level)] : tree->above[level];
}

static void build_specials(struct tree *tree)
{
    for (uint64_t i = 0; i < SPECIALS; i++) {
        struct special *special = &tree->specials[0][i];
        special->index = ((i + 1) * 0x9e3779b97f4a7c15U) >> (64 - TOP_LEVEL);
        entry_hash(&special->hash, "special", special->index);
    }
    qsort(tree->specials[0], SPECIALS, sizeof(tree->specials[0][0]), by_index);
    tree->counts[0] = SPECIALS;
    for (unsigned level = 1; level <= TOP_LEVEL; level++) {
        size_t count = 0;
        for (size_t i = 0; i < tree->counts[level - 1]; i++) {
            uint64_t index = tree->specials[level - 1][i].index / 2;
            if (count > 0 && tree->specials[level][count - 1].index == index) {
                continue;
            }
            struct digest left = tree_node(tree, level - 1, 2 * index);
            struct digest right = tree_node(tree, level - 1, 2 * index + 1);
            tree->specials[level][count].index = index;
            audit_node_hash(&tree->specials[level][count++].hash, &left, &right);
        }
        tree->counts[level] = count;
    }
}

static void build(struct tree *tree)
{
    for (uint64_t i = 0; i < BLOCK; i++) {
        entry_hash(&tree->block[0][i], "entry", i);
    }
    for (unsigned level = 1; level <= BLOCK_LEVEL; level++) {
        for (uint64_t i = 0; i < BLOCK >> level; i++) {
            audit_node_hash(&tree->block[level][i], &tree->block[level - 1][2 * i], &tree->block[level - 1][2 * i + 1]);
        }
    }
    tree->above[BLOCK_LEVEL] = tree->block[BLOCK_LEVEL][0];
    for (unsigned level = BLOCK_LEVEL + 1; level <= TOP_LEVEL; level++) {
        audit_node_hash(&tree->above[level], &tree->above[level - 1], &tree->above[level - 1]);
    }
    build_specials(tree);
}

static enum status read_node(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    (void)fault;
    *out = tree_node(context, level, index);
    return STATUS_OK;
}

/* What is true of (kind, first, size): hash, root and proof. */
static void prove(struct proof_case *one, struct tree *tree)
{
    const struct audit_hash_reader reader = {.read = read_node, .context = tree};
    INVARIANT(audit_tree_root_read(&one->root, &reader, one->size, NULL) == STATUS_OK);
    if (one->kind == 'i') {
        one->hash = tree_node(tree, 0, one->first);
        INVARIANT(audit_inclusion_prove(&one->proof, &reader, one->first, one->size, NULL) == STATUS_OK);
    } else {
        INVARIANT(audit_tree_root_read(&one->hash, &reader, one->first, NULL) == STATUS_OK);
        INVARIANT(audit_consistency_prove(&one->proof, &reader, one->first, one->size, NULL) == STATUS_OK);
    }
}

static bool accepts(const struct proof_case *one)
{
    if (one->kind == 'i') {
        return audit_inclusion_verify(&one->proof, one->first, one->size, &one->hash, &one->root, NULL) == STATUS_OK;
    }
    return one->first > 0 &&
           audit_consistency_verify(&one->proof, one->first, &one->hash, one->size, &one->root, NULL) == STATUS_OK;
}

/* Below `end`: any number of digits is as likely as any other, and ends, powers of two and special entries are. */
static uint64_t choose(struct sample_random *chance, const struct tree *tree, uint64_t end)
{
    uint64_t number = sample_random_next(chance) >> (24 + sample_random_below(chance, TOP_LEVEL));
    switch (sample_random_below(chance, 8)) {
    case 0:
        number = end - 1 - sample_random_below(chance, 3);
        break;
    case 1:
        number = (UINT64_C(1) << sample_random_below(chance, TOP_LEVEL)) + sample_random_below(chance, 3) - 1;
        break;
    case 2:
        number = tree->specials[0][sample_random_below(chance, SPECIALS)].index;
        break;
    default:
        break;
    }
    return number % end;
}

static void flip(struct digest *digest, struct sample_random *chance)
{
    digest->bytes32[sample_random_below(chance, 32)] ^= (uint8_t)(1U << sample_random_below(chance, 8));
}

static void alter_bit(struct proof_case *one, struct sample_random *chance)
{
    size_t which = sample_random_below(chance, one->proof.count + 2);
    flip(which == 0 ? &one->hash : which == 1 ? &one->root : &one->proof.hashes[which - 2], chance);
}

static void alter_count(struct proof_case *one, struct sample_random *chance)
{
    struct audit_proof *proof = &one->proof;
    size_t at = sample_random_below(chance, proof->count + (one->altered == ADDED ? 1 : 0));
    size_t after = proof->count - at;
    if (one->altered == ADDED) {
        memmove(&proof->hashes[at + 1], &proof->hashes[at], after * sizeof(proof->hashes[0]));
        proof->hashes[at] = sample_random_below(chance, 2) == 0 ? one->root : one->hash;
        proof->count++;
    } else {
        memmove(&proof->hashes[at], &proof->hashes[at + 1], (after - 1) * sizeof(proof->hashes[0]));
        proof->count--;
    }
}

static uint64_t other(uint64_t number, struct sample_random *chance)
{
    switch (sample_random_below(chance, 3)) {
    case 0:
        return number + 1;
    case 1:
        return number > 0 ? number - 1 : 1;
    default:
        return number ^ UINT64_C(1) << sample_random_below(chance, TOP_LEVEL + 1);
    }
}

static void alter(struct proof_case *one, struct sample_random *chance)
{
    switch (one->altered) {
    case NOTHING:
        break;
    case BIT:
        alter_bit(one, chance);
        break;
    case NUMBER:
        one->first = other(one->first, chance);
        break;
    case SIZE:
        one->size = other(one->size, chance);
        break;
    default:
        alter_count(one, chance);
    }
}

static void put64(uint8_t out[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static uint64_t get64(const uint8_t in[8])
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

static void print_case(const struct proof_case *one)
{
    uint8_t head[HEAD_SIZE] = {one->kind, one->ok, one->altered, (uint8_t)one->proof.count};
    put64(head + 4, one->first);
    put64(head + 12, one->size);
    memcpy(head + 20, one->hash.bytes32, 32);
    memcpy(head + 52, one->root.bytes32, 32);
    INVARIANT(fwrite(head, sizeof(head), 1, stdout) == 1);
    INVARIANT(fwrite(one->proof.hashes, sizeof(struct digest), one->proof.count, stdout) == one->proof.count);
}

/* False at the end of the input. */
static bool read_case(struct proof_case *out)
{
    uint8_t head[HEAD_SIZE];
    size_t len = fread(head, 1, sizeof(head), stdin);
    if (len == 0) {
        return false;
    }
    INVARIANT(len == sizeof(head) && head[3] <= AUDIT_PROOF_MAX && head[2] < ALTERATIONS);
    *out = (struct proof_case){.kind = head[0], .ok = head[1], .altered = head[2], .proof = {.count = head[3]}};
    out->first = get64(head + 4);
    out->size = get64(head + 12);
    memcpy(out->hash.bytes32, head + 20, 32);
    memcpy(out->root.bytes32, head + 52, 32);
    INVARIANT(fread(out->proof.hashes, sizeof(struct digest), out->proof.count, stdin) == out->proof.count);
    return true;
}

/* A true proof, and the same altered in one way that there is. */
static void make(struct tree *tree, struct sample_random *chance, uint8_t kind)
{
    struct proof_case one = {.kind = kind, .ok = 1};
    one.size = 1 + choose(chance, tree, UINT64_C(1) << TOP_LEVEL);
    one.first = kind == 'i' ? choose(chance, tree, one.size) : 1 + choose(chance, tree, one.size);
    prove(&one, tree);
    one.ok = accepts(&one);
    print_case(&one);
    do {
        one.altered = (uint8_t)(1 + sample_random_below(chance, ALTERATIONS - 1));
    } while (one.altered == DROPPED && one.proof.count == 0);
    alter(&one, chance);
    one.ok = accepts(&one);
    print_case(&one);
}

static void complain(const struct proof_case *one, const char *what)
{
    (void)fprintf(stderr, "%s: kind %c, %" PRIu64 " in %" PRIu64 ", altered %u, Go says %u\n", what, one->kind,
                  one->first, one->size, one->altered, one->ok);
    exit(1);
}

static bool same_as_own(const struct proof_case *one, struct tree *tree)
{
    struct proof_case own = *one;
    prove(&own, tree);
    size_t len = one->proof.count * sizeof(struct digest);
    return own.proof.count == one->proof.count && memcmp(own.proof.hashes, one->proof.hashes, len) == 0 &&
           digest_equal(&own.root, &one->root) && digest_equal(&own.hash, &one->hash);
}

static bool judge_case(const struct proof_case *one, struct tree *tree)
{
    bool ok = accepts(one);
    if (ok != (one->ok == 1)) {
        complain(one, "verdicts differ");
    }
    if (ok != (one->altered == NOTHING) && one->altered <= ADDED) {
        complain(one, "both are wrong");
    }
    if (one->altered == NOTHING && !same_as_own(one, tree)) {
        complain(one, "our own proof is another");
    }
    return ok;
}

static void judge(struct tree *tree)
{
    size_t verdicts[2][ALTERATIONS][2] = {0};
    struct proof_case one;
    while (read_case(&one)) {
        verdicts[one.kind == 'c'][one.altered][judge_case(&one, tree)]++;
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned altered = 0; altered < ALTERATIONS; altered++) {
            static const char *const words[] = {"true", "a bit", "one fewer", "one more", "number", "size"};
            (void)printf("%-12s %-9s accepted %6zu refused %6zu\n", kind == 0 ? "inclusion" : "consistency",
                         words[altered], verdicts[kind][altered][1], verdicts[kind][altered][0]);
        }
    }
}

int main(int argc, char **argv)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    INVARIANT(tree != NULL && argc >= 2);
    build(tree);
    if (strcmp(argv[1], "judge") == 0) {
        judge(tree);
    } else {
        struct sample_random chance;
        unsigned long cases = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
        sample_random_start(&chance);
        for (unsigned long i = 0; i < cases; i++) {
            make(tree, &chance, i % 2 == 0 ? 'i' : 'c');
        }
    }
    free(tree);
    return fflush(stdout) == 0 ? 0 : 1;
}
