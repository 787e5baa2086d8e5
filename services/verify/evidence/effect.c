/*
 * What came of it: the transaction as a function of the intent, the certified block that holds it, and the order of the
 * quorum that let a key out of service sign it.
 *
 * That such a key was retained or compromised is what the quorum signed; when it became so is in the trail of the key,
 * which no bundle holds.
 */
#include <string.h>

#include "evidence.h"
#include "merkle.h"

#define DAY_US INT64_C(86400000000)
#define AHEAD_MAX_US INT64_C(60000000) /* how far the clocks of two machines may be apart */

/* ---- Transaction ---- */

/* A leg of the intent's amount. */
static json_t *leg_of(const json_t *intent, const char *account, const char *side)
{
    return json_pack("{s:s, s:O, s:O, s:s}", "account", account, "amount", json_object_get(intent, "amount"), "asset",
                     json_object_get(intent, "asset"), "side", side);
}

/* The transaction that the intent describes: fields copied, two legs of one amount, paid from the wallet. */
static enum status rebuild(struct bytes *out, const struct proof *proof, struct fault *fault)
{
    static const char *const copied[] = {"chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until"};
    const struct verify_intent *intent = &proof->intent;
    const json_t *object = proof->intent_object;
    char from[ADDRESS_SIZE];
    enum status status = document_address(from, proof->wallet, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (json_object_get(object, "type") != NULL && strcmp(intent->type, "issue") != 0) {
        return fault_set(fault, STATUS_INVALID, "type", "of the intent is none that there is");
    }
    json_t *transaction = json_pack("{s:s, s:[o,o], s:s}", "from", from, "legs", leg_of(object, from, "debit"),
                                    leg_of(object, intent->destination, "credit"), "type",
                                    intent->type[0] == '\0' ? "transfer" : intent->type);
    for (size_t i = 0; i < COUNT(copied); i++) {
        (void)json_object_set(transaction, copied[i], json_object_get(object, copied[i]));
    }
    return document_emit(out, transaction, fault);
}

bool check_transaction(struct proof *proof)
{
    struct signed_text text;
    struct bytes rebuilt = {0};
    struct fault fault = {0};
    struct digest id;
    if (signed_text_read(&text, proof->bundle.transaction, &fault) != STATUS_OK ||
        rebuild(&rebuilt, proof, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "transaction", &fault);
    }
    bool same = strcmp(text.text, (const char *)rebuilt.data) == 0;
    bytes_free(&rebuilt);
    document_digest(&id, "transaction", text.text);
    if (!same || !digest_equal(&id, &proof->intent.transaction)) {
        return proof_fail(proof, "transaction", "is not the one that the intent describes and names");
    }
    return (text.count == 1 && signed_text_by(&text, 0, "transaction", &proof->wallet_key)) ||
           proof_fail(proof, "transaction", "is not signed by the key of the wallet");
}

/* ---- Block: genesis -> validators -> certificate -> header -> transaction and receipt ---- */

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
    bool good =
        document_emit(&document, json_pack("{s:O, s:O}", "quorum", quorum, "validators", list), NULL) == STATUS_OK;
    if (good) {
        document_digest(&out->digest, "validators", (const char *)document.data);
    }
    bytes_free(&document);
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

static const char *block_objection(const struct proof *proof, const struct verify_block *block,
                                   const struct verify_header *header)
{
    const struct verify_intent *intent = &proof->intent;
    const char *text = (const char *)block->receipt.data;
    struct verify_receipt receipt;
    struct digest digest;
    if (!digest_equal(&header->chain, &proof->trust->chain) || header->rules != 1 ||
        header->height < intent->valid_from || header->height > intent->valid_until) {
        return "the header is of another ledger, or outside the heights of the intent";
    }
    if (!holds(block, header, &intent->transaction, block->tx_proof, &header->tx_root)) {
        return "does not hold the transaction";
    }
    document_digest(&digest, "receipt", text);
    if (!holds(block, header, &digest, block->receipt_proof, &header->receipts_root)) {
        return "does not hold the receipt";
    }
    bool executed = document_read(&receipt, DOCUMENT_RECEIPT, text, NULL) == STATUS_OK &&
                    strcmp(receipt.code, "ok") == 0 && receipt.height == header->height &&
                    receipt.index == block->index && digest_equal(&receipt.transaction, &intent->transaction);
    return executed ? NULL : "the receipt does not say that this transaction was executed here";
}

bool check_block(struct proof *proof)
{
    struct verify_block block;
    struct validators validators;
    struct verify_header header;
    const char *why = "is not of the form of a block";
    if (document_decode(&block, DOCUMENT_BLOCK, proof->bundle.block, NULL) != STATUS_OK) {
        return proof_fail(proof, "block", why);
    }
    if (!read_genesis(&validators, (const char *)proof->bundle.genesis.data, &proof->trust->chain)) {
        why = "the genesis is not the one of the trust file, or has no valid set of validators";
    } else if (document_read(&header, DOCUMENT_HEADER, (const char *)block.header.data, NULL) == STATUS_OK) {
        bool certified = digest_equal(&header.validators, &validators.digest) && is_certified(&block, &validators);
        why = certified ? block_objection(proof, &block, &header) : "is not confirmed by the validators";
        proof->height = header.height;
        proof->confirmed_utc_us = header.time;
    }
    bytes_free(&block.header);
    bytes_free(&block.receipt);
    return why == NULL || proof_fail(proof, "block", why);
}

/* ---- Sweep ---- */

static const char *order_objection(const struct proof *proof, const struct verify_command *order,
                                   const struct signed_text *text)
{
    int64_t asked = proof->signings[0];
    if (strcmp(order->action, "key.sweep") != 0 || strcmp(order->role, "transfer") != 0) {
        return "is another order than key.sweep";
    }
    if (proof_version(proof, &order->chain, &order->policy, &order->environment) != proof->in_force) {
        return "is for another ledger, or not under the version in force";
    }
    if (!verify_policy_governed(proof->in_force, text, "command",
                                order->issued_at > asked ? order->issued_at : asked)) {
        return "is not signed by the governance quorum";
    }
    if (!digest_equal(&order->intent, &proof->intent_digest)) {
        return "is for another intent";
    }
    if (!digest_equal(&order->key, &proof->wallet_key.id)) {
        return "is for another key";
    }
    bool whole = order->issued_at < order->expires_at && order->expires_at - order->issued_at <= DAY_US;
    bool then = asked < order->expires_at && order->issued_at <= proof->confirmed_utc_us + AHEAD_MAX_US;
    return whole && then ? NULL : "is not of the time between withdrawal.signing and the block";
}

/* The key document is of the key of the wallet, for transfers, signed by the quorum of the version that it names. */
static const char *key_objection(const struct proof *proof, const struct verify_key *document,
                                 const struct signed_text *text)
{
    const struct verify_policy *policy =
        proof_version(proof, &document->chain, &document->policy, &document->environment);
    struct key key;
    if (!key_read(&key, document->alg, document->key) || !digest_equal(&key.id, &proof->wallet_key.id) ||
        strcmp(document->purpose, "transfer") != 0) {
        return "holds the document of another key than that of the wallet";
    }
    return policy != NULL && verify_policy_governed(policy, text, "key", document->issued_at)
               ? NULL
               : "holds a key document that is not signed by the governance quorum";
}

/* What a key in the state that the order names may still do. */
static const char *state_objection(const struct proof *proof, const char *state, const struct verify_key *key)
{
    if (!is_word(state, " compromised retained ")) {
        return "is for a key in a state that is not swept";
    }
    if (proof->intent.type[0] != '\0') {
        return "is for an issue";
    }
    return strcmp(state, "retained") == 0 || lists(key->emergency, proof->intent.destination)
               ? NULL
               : "is not to an emergency address of the compromised key";
}

bool check_sweep(struct proof *proof)
{
    struct verify_sweep parts;
    struct verify_command order;
    struct verify_key key;
    struct signed_text order_text;
    struct signed_text key_text;
    const char *why = "is not of the form";
    if (proof->bundle.sweep == NULL) {
        return true;
    }
    if (document_decode(&parts, DOCUMENT_SWEEP, proof->bundle.sweep, NULL) == STATUS_OK &&
        proof_read_signed(proof, &order_text, &order, DOCUMENT_COMMAND, parts.order, NULL) == STATUS_OK &&
        proof_read_signed(proof, &key_text, &key, DOCUMENT_KEY, parts.key, NULL) == STATUS_OK) {
        why = order_objection(proof, &order, &order_text);
        why = why == NULL ? key_objection(proof, &key, &key_text) : why;
        why = why == NULL ? state_objection(proof, order.from, &key) : why;
        proof->compromised = why == NULL && strcmp(order.from, "compromised") == 0;
    }
    return why == NULL || proof_fail(proof, "sweep", why);
}
