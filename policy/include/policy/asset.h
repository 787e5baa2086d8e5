/*
 * Assets: {"code","decimals","issuer"}. The digest of the document is the asset id. The issuer's account is the
 * issuance account, the only one whose balance of the asset may go below zero. See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_ASSET_H
#define STRONGROOM_POLICY_ASSET_H

#include "policy/account.h"

#define ASSET_KIND "asset"
#define ASSET_CODE_SIZE 13 /* 1..12 of A-Z 0-9 and a NUL */
#define ASSET_DECIMALS_MAX 38

struct asset {
    char code[ASSET_CODE_SIZE];
    unsigned decimals;
    struct account_id issuer;
};

/* Reads an asset object (it stands inside the genesis document). `path` prefixes field names in faults. */
MUST_CHECK enum status asset_decode(struct asset *out, const json_t *object, const char *path, struct fault *fault);

/* Builds the asset object; STATUS_INVALID when a member breaks its rule. Out: one reference. */
MUST_CHECK enum status asset_encode(json_t **out, const struct asset *asset, struct fault *fault);

/* The asset id: digest of the canonical bytes. */
MUST_CHECK enum status asset_id(struct digest *out, const struct asset *asset, struct fault *fault);

#endif
