/*
 * The genesis document: the first record of a ledger. Its digest is the chain id that every other document names. See
 * docs/formats.md.
 */
#ifndef STRONGROOM_LEDGER_GENESIS_H
#define STRONGROOM_LEDGER_GENESIS_H

#include "base/id.h"
#include "ledger/header.h"
#include "policy/asset.h"

#define LEDGER_GENESIS_KIND "genesis"
#define LEDGER_ASSETS_MAX 64

struct ledger_genesis {
    struct name environment;
    int64_t created_at_utc_us;
    struct ledger_validators validators;
    size_t asset_count;
    struct asset assets[LEDGER_ASSETS_MAX];     /* no asset twice */
    struct digest asset_ids[LEDGER_ASSETS_MAX]; /* filled by decode; not read by encode */
};

/*
 * Reads a genesis document strictly. The statuses of canon_decode; STATUS_VERSION for rules this program does not know;
 * STATUS_INVALID for a validator set or assets that break their rule.
 */
MUST_CHECK enum status ledger_genesis_decode(struct ledger_genesis *out, const void *document, size_t len,
                                             struct fault *fault);

/* The canonical bytes; refuses what decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status ledger_genesis_encode(struct bytes *out, const struct ledger_genesis *genesis,
                                             struct fault *fault);

/* The chain id: the digest of the genesis document. */
void ledger_genesis_chain(struct digest *out, const void *document, size_t len);

/* The asset of an id in a decoded genesis (borrowed), NULL when there is none. */
const struct asset *ledger_genesis_asset(const struct ledger_genesis *genesis, const struct digest *asset_id);

#endif
