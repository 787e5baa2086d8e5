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

/* ---- Transaction ---- */

/* A leg of the intent's amount. */
static json_t *leg_of(const json_t *intent, const char *account, const char *side)
{
    return json_pack("{s:s, s:O, s:O, s:s}", "account", account, "amount", json_object_get(intent, "amount"), "asset",
                     json_object_get(intent, "asset"), "side", side);
}

/* The transaction that the intent describes: fields copied, two legs of one amount, paid from the wallet. */
static enum status rebuild(json_t **out, const struct proof *proof, struct fault *fault)
{
    static const char *const copied[] = {"chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until"};
    const struct verify_intent *intent = &proof->intent;
    const json_t *object = proof->intent_text.object;
    char from[ADDRESS_SIZE];
    if (!document_address(from, proof->wallet)) {
        return fault_set(fault, STATUS_INVALID, "from", "the wallet has no address");
    }
    if (json_object_get(object, "type") != NULL && strcmp(intent->type, "issue") != 0) {
        return fault_set(fault, STATUS_INVALID, "type", "of the intent is none that there is");
    }
    *out = json_pack("{s:s, s:[o,o], s:s}", "from", from, "legs", leg_of(object, from, "debit"),
                     leg_of(object, intent->destination, "credit"), "type",
                     intent->type[0] == '\0' ? "transfer" : intent->type);
    for (size_t i = 0; i < COUNT(copied); i++) {
        (void)json_object_set(*out, copied[i], json_object_get(object, copied[i]));
    }
    return json_array_append_new(proof->kept, *out) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

bool check_transaction(struct proof *proof)
{
    struct signed_text text;
    struct verify_transaction transaction;
    json_t *rebuilt = NULL;
    struct fault fault = {0};
    if (signed_text_read(&text, &transaction, proof->kept, DOCUMENT_TRANSACTION, proof->bundle.transaction, &fault) !=
            STATUS_OK ||
        rebuild(&rebuilt, proof, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "transaction", &fault);
    }
    bool same = json_equal(text.object, rebuilt) == 1 && digest_equal(&text.digest, &proof->intent.transaction);
    return prove(&proof->report, same, "transaction", "is not the one that the intent describes and names") &&
           prove(&proof->report, text.count == 1 && signed_text_by(&text, 0, "transaction", &proof->wallet_key),
                 "transaction", "is not signed by the key of the wallet");
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
    bool good = set != NULL && document_digest_json(&out->digest, "validators", set, NULL, NULL);
    json_decref(set);
    return good;
}

/* The genesis is the one whose digest is the chain. */
static bool read_genesis(struct validators *out, const struct proof *proof)
{
    const char *text = (const char *)proof->bundle.genesis.data;
    struct digest digest;
    json_t *genesis = NULL;
    document_digest(&digest, "genesis", text);
    bool good = digest_equal(&digest, &proof->trust->chain) &&
                canon_parse(&genesis, text, strlen(text), CANON_DOCUMENT_MAX, NULL) == STATUS_OK &&
                read_validators(out, genesis);
    json_decref(genesis);
    return good;
}

/* Every signature is a validator's, in their order, none twice, and there are enough. */
static bool is_certified(const struct signed_text *header, const struct validators *validators)
{
    size_t at = 0;
    bool good = header->count >= validators->quorum;
    for (size_t i = 0; good && i < header->count; i++) {
        while (at < validators->count && !digest_equal(&validators->keys[at].id, &header->signatures[i].key)) {
            at++;
        }
        good = at < validators->count && signed_text_by(header, i, "header", &validators->keys[at]);
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

static bool check_contents(struct proof *proof, const struct verify_block *block, const struct verify_header *header)
{
    const struct verify_intent *intent = &proof->intent;
    struct report *report = &proof->report;
    struct signed_text text;
    struct verify_receipt receipt;
    bool ours = digest_equal(&header->chain, &proof->trust->chain) && header->rules == 1 &&
                header->height >= intent->valid_from && header->height <= intent->valid_until;
    bool read = document_read(&text, &receipt, proof->kept, DOCUMENT_RECEIPT, (const char *)block->receipt.data,
                              NULL) == STATUS_OK;
    return prove(report, ours, "block", "the header is of another ledger, or outside the heights of the intent") &&
           prove(report, holds(block, header, &intent->transaction, block->tx_proof, &header->tx_root), "block",
                 "does not hold the transaction") &&
           prove(report, holds(block, header, &text.digest, block->receipt_proof, &header->receipts_root), "block",
                 "does not hold the receipt") &&
           prove(report,
                 read && strcmp(receipt.code, "ok") == 0 && receipt.height == header->height &&
                     receipt.index == block->index && digest_equal(&receipt.transaction, &intent->transaction),
                 "block", "the receipt does not say that this transaction was executed here");
}

bool check_block(struct proof *proof)
{
    struct verify_block block;
    struct validators validators;
    struct verify_header header;
    struct signed_text text;
    struct report *report = &proof->report;
    static const char form[] = "is not of the form of a block";
    if (!prove(report, document_decode(&block, DOCUMENT_BLOCK, proof->bundle.block, NULL) == STATUS_OK, "block",
               form)) {
        return false;
    }
    bool good =
        prove(report, read_genesis(&validators, proof), "block",
              "the genesis is not the one of the trust file, or has no valid set of validators") &&
        prove(report,
              document_read(&text, &header, proof->kept, DOCUMENT_HEADER, (const char *)block.header.data, NULL) ==
                  STATUS_OK,
              "block", form) &&
        prove(report,
              digest_equal(&header.validators, &validators.digest) &&
                  signatures_read(&text, block.certificate, NULL) == STATUS_OK && is_certified(&text, &validators),
              "block", "is not confirmed by the validators") &&
        check_contents(proof, &block, &header);
    if (good) {
        proof->height = header.height;
        proof->confirmed_utc_us = header.time;
    }
    bytes_free(&block.header);
    bytes_free(&block.receipt);
    return good;
}

/* ---- Sweep ---- */

static bool is_governed(const struct proof *proof, const struct verify_command *order, const struct signed_text *text,
                        int64_t asked)
{
    return verify_policy_governed(proof->in_force, text, "command",
                                  order->issued_at > asked ? order->issued_at : asked);
}

static bool check_order(struct proof *proof, const struct verify_command *order, const struct signed_text *text)
{
    int64_t asked = proof->signings[0] - AHEAD_MAX_US; /* by a clock behind that of the service */
    struct report *report = &proof->report;
    bool whole = order->issued_at < order->expires_at && order->expires_at - order->issued_at <= DAY_US;
    return prove(report, strcmp(order->action, "key.sweep") == 0 && strcmp(order->role, "transfer") == 0, "sweep",
                 "is another order than key.sweep") &&
           prove(report, proof_version(proof, &order->chain, &order->policy, &order->environment) == proof->in_force,
                 "sweep", "is for another ledger, or not under the version in force") &&
           prove(report, is_governed(proof, order, text, asked), "sweep", "is not signed by the governance quorum") &&
           prove(report, digest_equal(&order->intent, &proof->intent_text.digest), "sweep", "is for another intent") &&
           prove(report, digest_equal(&order->key, &proof->wallet_key.id), "sweep", "is for another key") &&
           prove(report,
                 whole && asked < order->expires_at && order->issued_at <= proof->confirmed_utc_us + AHEAD_MAX_US,
                 "sweep", "is not of the time between withdrawal.signing and the block");
}

/* The key document is of the key of the wallet, for transfers, signed by the quorum of the version that it names. */
static bool check_key(struct proof *proof, const struct verify_key *document, const struct signed_text *text)
{
    const struct verify_policy *policy =
        proof_version(proof, &document->chain, &document->policy, &document->environment);
    struct key key;
    return prove(&proof->report,
                 key_read(&key, document->alg, document->key) && digest_equal(&key.id, &proof->wallet_key.id) &&
                     strcmp(document->purpose, "transfer") == 0,
                 "sweep", "holds the document of another key than that of the wallet") &&
           prove(&proof->report, policy != NULL && verify_policy_governed(policy, text, "key", document->issued_at),
                 "sweep", "holds a key document that is not signed by the governance quorum");
}

/* What a key in the state that the order names may still do. */
static bool check_state(struct proof *proof, const char *state, const struct verify_key *key)
{
    return prove(&proof->report, is_word(state, " compromised retained "), "sweep",
                 "is for a key in a state that is not swept") &&
           prove(&proof->report, proof->intent.type[0] == '\0', "sweep", "is for an issue") &&
           prove(&proof->report, strcmp(state, "retained") == 0 || lists(key->emergency, proof->intent.destination),
                 "sweep", "is not to an emergency address of the compromised key");
}

bool check_sweep(struct proof *proof)
{
    struct verify_sweep parts;
    struct verify_command order;
    struct verify_key key;
    struct signed_text order_text;
    struct signed_text key_text;
    if (proof->bundle.sweep == NULL) {
        return true;
    }
    if (document_decode(&parts, DOCUMENT_SWEEP, proof->bundle.sweep, NULL) != STATUS_OK ||
        signed_text_read(&order_text, &order, proof->kept, DOCUMENT_COMMAND, parts.order, NULL) != STATUS_OK ||
        signed_text_read(&key_text, &key, proof->kept, DOCUMENT_KEY, parts.key, NULL) != STATUS_OK) {
        return prove(&proof->report, false, "sweep", "is not of the form");
    }
    bool good = check_order(proof, &order, &order_text) && check_key(proof, &key, &key_text) &&
                check_state(proof, order.from, &key);
    if (good &&
        (proof->signings[0] >= order.expires_at || !is_governed(proof, &order, &order_text, proof->signings[0]))) {
        report_incomplete(&proof->report, "sweep: the order, or who signed it, had expired" BY_ITS_CLOCK);
    }
    proof->judged.compromised = good && strcmp(order.from, "compromised") == 0;
    return good;
}
