/*
 * Bundles of entries (C2SP tlog-tiles): for each entry its length, u16 big-endian, and then its bytes.
 */
#ifndef STRONGROOM_MIRROR_BUNDLE_H
#define STRONGROOM_MIRROR_BUNDLE_H

#include "audit/tile.h"
#include "base/bytes.h"

#define MIRROR_BUNDLE_MAX (AUDIT_TILE_WIDTH * (2 + 65535))

/* One entry of a bundle: L_n (docs/formats.md section 3). Borrowed from the bundle. */
struct mirror_entry {
    const uint8_t *raw;
    size_t len;
};

/*
 * Takes the first `width` entries (at most 256) out of a bundle; the hash of each must be the one of `hashes`. Out:
 * `out`, and how many bytes they took, lengths included. STATUS_CORRUPT: they are not those entries.
 */
MUST_CHECK enum status mirror_bundle_split(struct mirror_entry out[AUDIT_TILE_WIDTH], size_t *out_len,
                                           const struct bytes *bundle, const struct digest *hashes, unsigned width,
                                           struct fault *fault);

#endif
