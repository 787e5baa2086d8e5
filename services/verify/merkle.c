/*
 * The Merkle tree of RFC 9162, from the RFC. Shares nothing with the service's own.
 */
#include "merkle.h"

void merkle_leaf(struct digest *out, const void *data, size_t len)
{
    static const uint8_t prefix = 0x00;
    digest_sha256_two(out, &prefix, 1, data, len);
}

static void join(struct digest *out, const struct digest *left, const struct digest *right)
{
    uint8_t node[65] = {0x01};
    for (size_t i = 0; i < 32; i++) {
        node[1 + i] = left->bytes32[i];
        node[33 + i] = right->bytes32[i];
    }
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

/* RFC 9162 section 2.1.3.2, with fn = index and sn = size - 1. */
bool merkle_leads(const struct digest *leaf, uint64_t index, uint64_t size, const json_t *path,
                  const struct digest *root)
{
    struct digest r = *leaf;
    json_t *value = NULL;
    size_t i = 0;
    uint64_t fn = index;
    uint64_t sn = size - 1;
    if (index >= size || !json_is_array(path)) {
        return false;
    }
    json_array_foreach(path, i, value)
    {
        struct digest p;
        const char *text = json_string_value(value);
        if (sn == 0 || text == NULL || digest_parse(&p, text) != STATUS_OK) {
            return false;
        }
        if ((fn & 1) == 1 || fn == sn) {
            join(&r, &p, &r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(&r, &r, &p);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && digest_equal(&r, root);
}
