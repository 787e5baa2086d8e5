/*
 * The Merkle tree of RFC 9162, from the RFC. Shares nothing with the service's own.
 */
#include "merkle.h"

#include <string.h>

void merkle_leaf(struct digest *out, const void *data, size_t len)
{
    static const uint8_t prefix = 0x00;
    digest_sha256_two(out, &prefix, 1, data, len);
}

static void join(struct digest *out, const struct digest *left, const struct digest *right)
{
    uint8_t node[65] = {0x01};
    memcpy(node + 1, left->bytes32, 32);
    memcpy(node + 33, right->bytes32, 32);
    digest_sha256(out, node, sizeof(node));
}

void merkle_append(struct merkle *merkle, const struct digest *leaf)
{
    struct digest carry = *leaf;
    unsigned level = 0;
    INVARIANT(merkle->size < ((uint64_t)1 << MERKLE_HEIGHT) - 1);
    for (; (merkle->size >> level & 1) == 1; level++) {
        join(&carry, &merkle->pending[level], &carry);
    }
    merkle->pending[level] = carry;
    merkle->size++;
}

void merkle_root(struct digest *out, const struct merkle *merkle)
{
    bool started = false;
    digest_sha256(out, "", 0);
    for (unsigned level = 0; level <= MERKLE_HEIGHT && merkle->size >> level != 0; level++) {
        if ((merkle->size >> level & 1) == 0) {
            continue;
        }
        if (started) {
            join(out, &merkle->pending[level], out);
        } else {
            *out = merkle->pending[level];
        }
        started = true;
    }
}

/*
 * The steps that 2.1.3.2 and 2.1.4.2 share. Of a proof from its hash `from` on, `sr` becomes the root that it leads to,
 * `fr` that of the leaves up to number `fn` alone. False when the proof is not of the length that such a tree has.
 */
static bool climb(struct digest *fr, struct digest *sr, uint64_t fn, uint64_t sn, const struct merkle_proof *proof,
                  size_t from)
{
    for (size_t i = from; i < proof->count; i++) {
        const struct digest *c = &proof->hashes[i];
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) == 1 || fn == sn) {
            join(fr, c, fr);
            join(sr, c, sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(sr, sr, c);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

bool merkle_climb(struct digest *out_root, const struct digest *leaf, uint64_t index, uint64_t size,
                  const struct merkle_proof *proof)
{
    struct digest before = *leaf;
    struct digest root = *leaf;
    bool good = index < size && climb(&before, &root, index, size - 1, proof, 0);
    *out_root = root;
    return good;
}

bool merkle_extends(const struct merkle_head *old, const struct merkle_head *new, const struct merkle_proof *proof)
{
    if (old->size == new->size) {
        return proof->count == 0 && digest_equal(&old->root, &new->root);
    }
    if (old->size == 0 || old->size > new->size || proof->count == 0) {
        return false;
    }
    uint64_t fn = old->size - 1;
    uint64_t sn = new->size - 1;
    for (; (fn & 1) == 1; fn >>= 1) {
        sn >>= 1;
    }
    bool whole = fn == 0; /* the old tree is full: its root goes without saying */
    struct digest fr = whole ? old->root : proof->hashes[0];
    struct digest sr = fr;
    return climb(&fr, &sr, fn, sn, proof, whole ? 0 : 1) && digest_equal(&fr, &old->root) &&
           digest_equal(&sr, &new->root);
}

bool merkle_proof_read(struct merkle_proof *out, const json_t *array)
{
    json_t *value = NULL;
    size_t i = 0;
    if (!json_is_array(array) || json_array_size(array) > MERKLE_HEIGHT) {
        return false;
    }
    out->count = json_array_size(array);
    json_array_foreach(array, i, value)
    {
        const char *text = json_string_value(value);
        if (text == NULL || digest_parse(&out->hashes[i], text) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

bool merkle_leads(const struct digest *leaf, uint64_t index, uint64_t size, const json_t *path,
                  const struct digest *root)
{
    struct merkle_proof proof = {.count = 0};
    struct digest found;
    return merkle_proof_read(&proof, path) && merkle_climb(&found, leaf, index, size, &proof) &&
           digest_equal(&found, root);
}
