/*
 * Genesis -> validators -> certificate -> header -> transaction and receipt.
 */
#include "block.h"

#include <string.h>

#include "documents.h"
#include "merkle.h"

struct validators {
    struct key keys[16];
    size_t count;
    size_t quorum; /* above half of `count`, so never 0 */
    struct digest digest;
};

static bool read_validators(struct validators *out, const json_t *genesis)
{
    json_t *list = json_object_get(genesis, "validators");
    json_t *quorum = json_object_get(genesis, "quorum");
    json_t *value = NULL;
    size_t i = 0;
    struct bytes document = {0};
    out->count = json_array_size(list);
    out->quorum = (size_t)json_integer_value(quorum);
    if (out->count > COUNT(out->keys) || 2 * out->quorum <= out->count || out->quorum > out->count) {
        return false;
    }
    json_array_foreach(list, i, value)
    {
        if (!key_read(&out->keys[i], text_of(value, "alg"), text_of(value, "key"))) {
            return false;
        }
    }
    json_t *set = json_pack("{s:O, s:O}", "quorum", quorum, "validators", list);
    bool good = set != NULL && canon_emit(&document, set, CANON_DOCUMENT_MAX, NULL) == STATUS_OK;
    if (good) {
        document_digest(&out->digest, "validators", (const char *)document.data);
    }
    bytes_free(&document);
    json_decref(set);
    return good;
}

/* The genesis is the one whose digest is the chain. */
static bool read_genesis(struct validators *out, const char *text, const struct digest *chain)
{
    struct digest digest;
    json_t *genesis = NULL;
    document_digest(&digest, "genesis", text);
    bool good = digest_equal(&digest, chain) &&
                canon_parse(&genesis, text, strlen(text), CANON_DOCUMENT_MAX, NULL) == STATUS_OK &&
                read_validators(out, genesis);
    json_decref(genesis);
    return good;
}

/* Every signature is a validator's, in their order, none twice, and there are enough. */
static bool is_certified(const struct verify_block *block, const struct validators *validators)
{
    struct signed_text header = {.text = (const char *)block->header.data};
    size_t at = 0;
    bool good = signatures_read(&header, block->certificate, NULL) == STATUS_OK && header.count >= validators->quorum;
    for (size_t i = 0; good && i < header.count; i++) {
        while (at < validators->count && !digest_equal(&validators->keys[at].id, &header.signatures[i].key)) {
            at++;
        }
        good = at < validators->count && signed_text_by(&header, i, "header", &validators->keys[at]);
        at++;
    }
    return good;
}

/* The 32 bytes of `digest` are leaf `index` of the tree of the block's transactions or receipts. */
static bool holds(const struct verify_block *block, const struct verify_header *header, const struct digest *digest,
                  const json_t *path, const struct digest *root)
{
    struct digest leaf;
    merkle_leaf(&leaf, digest->bytes32, sizeof(digest->bytes32));
    return merkle_leads(&leaf, (uint64_t)block->index, (uint64_t)header->count, path, root);
}

static const char *objection(const struct verify_block *block, const struct verify_header *header,
                             const struct block_claim *claim)
{
    struct verify_receipt receipt;
    struct digest digest;
    const char *text = (const char *)block->receipt.data;
    if (!digest_equal(&header->chain, claim->chain) || header->rules != 1 || header->height < claim->valid_from ||
        header->height > claim->valid_until) {
        return "the header is of another ledger, or outside the heights of the intent";
    }
    if (!holds(block, header, claim->transaction, block->tx_proof, &header->tx_root)) {
        return "does not hold the transaction";
    }
    document_digest(&digest, "receipt", text);
    if (!holds(block, header, &digest, block->receipt_proof, &header->receipts_root)) {
        return "does not hold the receipt";
    }
    if (document_read(&receipt, DOCUMENT_RECEIPT, text, NULL) != STATUS_OK || strcmp(receipt.code, "ok") != 0 ||
        receipt.height != header->height || receipt.index != block->index ||
        !digest_equal(&receipt.transaction, claim->transaction)) {
        return "the receipt does not say that this transaction was executed here";
    }
    return NULL;
}

bool block_confirms(uint64_t *out_height, int64_t *out_utc_us, const json_t *block, const char *genesis,
                    const struct block_claim *claim, const char **why)
{
    struct verify_block row;
    struct validators validators;
    struct verify_header header;
    *why = "is not of the form of a block";
    if (document_decode(&row, DOCUMENT_BLOCK, block, NULL) != STATUS_OK) {
        return false;
    }
    if (!read_genesis(&validators, genesis, claim->chain)) {
        *why = "the genesis is not the one of the trust file, or has no valid set of validators";
    } else if (document_read(&header, DOCUMENT_HEADER, (const char *)row.header.data, NULL) == STATUS_OK) {
        bool certified = digest_equal(&header.validators, &validators.digest) && is_certified(&row, &validators);
        *why = certified ? objection(&row, &header, claim) : "is not confirmed by the validators";
    }
    bytes_free(&row.header);
    bytes_free(&row.receipt);
    if (*why == NULL) {
        *out_height = header.height;
        *out_utc_us = header.time;
    }
    return *why == NULL;
}
