/*
 * Taking bundles of entries apart.
 */
#include "mirror/bundle.h"

#include "audit/leaf.h"

#define LENGTH_SIZE 2

enum status mirror_bundle_split(struct mirror_entry out[AUDIT_TILE_WIDTH], size_t *out_len, const struct bytes *bundle,
                                const struct digest *hashes, unsigned width, struct fault *fault)
{
    size_t at = 0;
    INVARIANT(width <= AUDIT_TILE_WIDTH);
    for (unsigned i = 0; i < width; i++) {
        struct digest hash;
        size_t left = bundle->len - at;
        size_t len = left < LENGTH_SIZE ? 0 : (size_t)bundle->data[at] << 8 | bundle->data[at + 1];
        if (left < LENGTH_SIZE || left - LENGTH_SIZE < len) {
            return fault_set(fault, STATUS_CORRUPT, "bundle", "ends within its entry %u", i);
        }
        out[i] = (struct mirror_entry){.raw = bundle->data + at + LENGTH_SIZE, .len = len};
        audit_leaf_hash(&hash, out[i].raw, len);
        if (!digest_equal(&hash, &hashes[i])) {
            return fault_set(fault, STATUS_CORRUPT, "bundle", "its entry %u is not the one that was signed", i);
        }
        at += LENGTH_SIZE + len;
    }
    *out_len = at;
    return STATUS_OK;
}
