/*
 * Checking an evidence bundle: trust file -> genesis and policies -> intent, destination, approvals -> trail ->
 * transaction -> block.
 *
 * The parts are read first; then each check stands on what was proven before it. A check that fails is printed; those
 * that need its result are still made where they can be, so that the report names everything that is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"
#include "event.h"
#include "merkle.h"
#include "verify.h"

#define BUNDLE_MAX (4 * 1024 * 1024)
#define APPROVALS_MAX 64
#define POLICIES_MAX 64
#define ENTRIES_MAX 1024
#define PATH_MAX_LEN 63
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bundle {
    json_t *approvals;
    json_t *block;
    struct bytes checkpoint;
    struct signed_text destination;
    json_t *destination_object;
    json_t *entries;
    char format[32];
    struct bytes genesis;
    struct bytes intent;
    json_t *policies;
    json_t *transaction;
    struct uuid withdrawal;
};

static const struct canon_field bundle_fields[] = {
    CANON_FIELD(struct bundle, approvals, CANON_ARRAY),
    CANON_FIELD(struct bundle, block, CANON_OBJECT),
    CANON_FIELD_SIZED(struct bundle, checkpoint, CANON_BYTES, 262144),
    {"destination", CANON_OBJECT, false, offsetof(struct bundle, destination_object), sizeof(json_t *), 0, 0},
    CANON_FIELD(struct bundle, entries, CANON_ARRAY),
    CANON_FIELD(struct bundle, format, CANON_TEXT),
    CANON_FIELD_SIZED(struct bundle, genesis, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD_SIZED(struct bundle, intent, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD(struct bundle, policies, CANON_ARRAY),
    CANON_FIELD(struct bundle, transaction, CANON_OBJECT),
    CANON_FIELD(struct bundle, withdrawal, CANON_UUID),
};

/* Everything that has been read and proven so far. */
struct proof {
    const struct trust *trust;
    struct report report;
    struct bundle bundle;
    struct verify_policy policy; /* in force */
    struct verify_intent intent;
    struct digest intent_digest;
    struct digest destination_digest;
    struct key wallet_key;
    struct digest approval_digests[APPROVALS_MAX]; /* ascending */
    struct name approvers[APPROVALS_MAX];
    size_t approval_count;
    int64_t signed_at; /* time of the entry withdrawal.signing */
    struct checkpoint checkpoint;
};

static bool fail(struct proof *proof, const char *part, const char *what)
{
    report_tampered(&proof->report, "%s: %s", part, what);
    return false;
}

static bool fail_fault(struct proof *proof, const char *part, const struct fault *fault)
{
    report_tampered(&proof->report, "%s: %s %s", part, fault->where,
                    fault->detail[0] == '\0' ? status_info(fault->status)->text : fault->detail);
    return false;
}

/* Policies: the first is the trust file's, each later one is governed by the one before. */
static bool check_policies(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    if (json_array_size(proof->bundle.policies) == 0 || json_array_size(proof->bundle.policies) > POLICIES_MAX) {
        return fail(proof, "policies", "there must be 1 to 64");
    }
    json_array_foreach(proof->bundle.policies, i, value)
    {
        struct signed_text *text = malloc(sizeof(*text));
        struct verify_policy next = {0};
        struct fault fault = {0};
        bool good = text != NULL && signed_text_read(text, value, &fault) == STATUS_OK &&
                    verify_policy_read(&next, text->text, &fault) == STATUS_OK;
        if (!good) {
            free(text);
            return fail_fault(proof, "policies", &fault);
        }
        if (i == 0) {
            good = digest_equal(&next.digest, &proof->trust->first_policy) && next.version == 1 &&
                   digest_is_zero(&next.prev) && verify_policy_founded(&next, text);
        } else {
            good = digest_equal(&next.prev, &proof->policy.digest) && next.version == proof->policy.version + 1 &&
                   next.issued_at > proof->policy.issued_at &&
                   verify_policy_governed(&proof->policy, text, "policy", next.issued_at);
        }
        free(text);
        verify_policy_free(&proof->policy);
        proof->policy = next;
        if (!good) {
            return fail(proof, "policies",
                        i == 0 ? "the first is not the one of the trust file, signed by all administrators"
                               : "a later version is not signed by the quorum of the one before");
        }
    }
    return digest_equal(&proof->policy.chain, &proof->trust->chain) ||
           fail(proof, "policies", "are for another ledger");
}

static bool check_intent(struct proof *proof)
{
    struct verify_intent *intent = &proof->intent;
    struct fault fault = {0};
    const char *text = (const char *)proof->bundle.intent.data;
    if (verify_intent_read(intent, text, &fault) != STATUS_OK) {
        return fail_fault(proof, "intent", &fault);
    }
    document_digest(&proof->intent_digest, "intent", text);
    if (!digest_equal(&intent->chain, &proof->trust->chain) || !digest_equal(&intent->policy, &proof->policy.digest) ||
        intent->policy_version != proof->policy.version ||
        !name_equal(&intent->environment, &proof->policy.environment)) {
        return fail(proof, "intent", "names another ledger or policy");
    }
    if (!uuid_equal(&intent->withdrawal, &proof->bundle.withdrawal)) {
        return fail(proof, "intent", "is for another withdrawal than the bundle says");
    }
    return verify_policy_wallet(&proof->wallet_key, &proof->policy, intent->wallet.text) != NULL ||
           fail(proof, "intent", "names a wallet that the policy does not hold");
}

/* The transaction is the one the intent describes, signed once, by the wallet's key. */
static bool check_transaction(struct proof *proof)
{
    struct signed_text *text = malloc(sizeof(*text));
    struct bytes rebuilt = {0};
    char from[ADDRESS_LEN + 1];
    struct fault fault = {0};
    struct digest id;
    bool good = text != NULL && signed_text_read(text, proof->bundle.transaction, &fault) == STATUS_OK &&
                verify_address(from, &proof->wallet_key) == STATUS_OK &&
                verify_transaction(&rebuilt, &proof->intent, from, &fault) == STATUS_OK;
    if (!good) {
        free(text);
        return fail_fault(proof, "transaction", &fault);
    }
    if (strcmp(text->text, (const char *)rebuilt.data) != 0) {
        good = fail(proof, "transaction", "is not the one that the intent describes");
    }
    document_digest(&id, "transaction", text->text);
    if (good && !digest_equal(&id, &proof->intent.transaction)) {
        good = fail(proof, "transaction", "has another digest than the intent names");
    }
    if (good && (text->count != 1 || !signed_text_by(text, 0, "transaction", &proof->wallet_key))) {
        good = fail(proof, "transaction", "is not signed by the key of the wallet");
    }
    bytes_free(&rebuilt);
    free(text);
    return good;
}

static bool check_destination(struct proof *proof)
{
    struct verify_destination destination;
    struct fault fault = {0};
    struct signed_text *text = &proof->bundle.destination;
    if (signed_text_read(text, proof->bundle.destination_object, &fault) != STATUS_OK ||
        verify_destination_read(&destination, text->text, &fault) != STATUS_OK) {
        return fail_fault(proof, "destination", &fault);
    }
    document_digest(&proof->destination_digest, "destination", text->text);
    if (strcmp(destination.account, proof->intent.destination) != 0 ||
        !digest_equal(&destination.chain, &proof->trust->chain) ||
        !digest_equal(&destination.policy, &proof->policy.digest) ||
        !name_equal(&destination.environment, &proof->policy.environment)) {
        return fail(proof, "destination", "is for another account, ledger or policy");
    }
    if (proof->signed_at >= destination.valid_until) {
        return fail(proof, "destination", "had expired when the signer was asked");
    }
    return verify_policy_governed(&proof->policy, text, "destination", proof->signed_at) ||
           fail(proof, "destination", "is not signed by the governance quorum");
}

static bool check_approval(struct proof *proof, const json_t *object)
{
    struct signed_text *text = malloc(sizeof(*text));
    struct verify_approval approval = {0};
    struct fault fault = {0};
    const struct key *key = NULL;
    const char *why = NULL;
    if (text == NULL || signed_text_read(text, object, &fault) != STATUS_OK ||
        verify_approval_read(&approval, text->text, &fault) != STATUS_OK) {
        free(text);
        return fail_fault(proof, "approvals", &fault);
    }
    const struct verify_person *person = verify_policy_holder(&key, &proof->policy, &approval.key);
    if (person == NULL || !name_equal(&person->id, &approval.approver) || text->count != 1 ||
        !signed_text_by(text, 0, "approval", key)) {
        why = "is not signed by a key that the policy gives to the approver";
    } else if (!digest_equal(&approval.intent, &proof->intent_digest) ||
               !uuid_equal(&approval.withdrawal, &proof->intent.withdrawal) ||
               !digest_equal(&approval.chain, &proof->trust->chain) ||
               !digest_equal(&approval.policy, &proof->policy.digest) ||
               !name_equal(&approval.environment, &proof->policy.environment)) {
        why = "is for another intent, withdrawal, ledger or policy";
    } else if (strcmp(approval.decision, "approve") != 0) {
        why = "is not an approval";
    } else if (name_equal(&approval.approver, &proof->intent.requester)) {
        why = "is by the requester";
    } else if (proof->signed_at >= approval.expires_at || proof->signed_at >= person->valid_until ||
               approval.expires_at > proof->intent.expires_at) {
        why = "had expired when the signer was asked";
    }
    if (why != NULL) {
        report_tampered(&proof->report, "approval by %s: %s", approval.approver.text, why);
    }
    document_digest(&proof->approval_digests[proof->approval_count], "approval", text->text);
    proof->approvers[proof->approval_count++] = approval.approver;
    free(text);
    return why == NULL;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static bool check_approvals(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    bool good = true;
    if (json_array_size(proof->bundle.approvals) > APPROVALS_MAX) {
        return fail(proof, "approvals", "are too many");
    }
    json_array_foreach(proof->bundle.approvals, i, value)
    {
        good = check_approval(proof, value) && good;
    }
    for (size_t a = 0; good && a < proof->approval_count; a++) {
        for (size_t b = a + 1; good && b < proof->approval_count; b++) {
            good = !name_equal(&proof->approvers[a], &proof->approvers[b]) ||
                   fail(proof, "approvals", "one person stands twice");
        }
    }
    if (proof->approval_count > 0) {
        qsort(proof->approval_digests, proof->approval_count, sizeof(struct digest), compare_digests);
    }
    return good;
}

static bool lists(const json_t *array, const char *text)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(array, i, value)
    {
        const char *candidate = json_string_value(value);
        if (candidate != NULL && strcmp(candidate, text) == 0) {
            return true;
        }
    }
    return false;
}

/* m of a group, and how much one rule asks for in all. */
static bool quorum_met(const struct proof *proof, const json_t *quorum, json_int_t *out_sum)
{
    json_t *value = NULL;
    size_t i = 0;
    *out_sum = 0;
    json_array_foreach(quorum, i, value)
    {
        const char *group = json_string_value(json_object_get(value, "group"));
        json_int_t m = json_integer_value(json_object_get(value, "m"));
        json_int_t have = 0;
        for (size_t a = 0; group != NULL && a < proof->approval_count; a++) {
            have += verify_policy_member(&proof->policy, group, proof->approvers[a].text) ? 1 : 0;
        }
        if (m < 1 || have < m) {
            return false;
        }
        *out_sum += m;
    }
    return true;
}

static bool rule_met(struct proof *proof, const json_t *rule, bool *out_allows)
{
    struct amount max;
    json_int_t sum = 0;
    const char *effect = json_string_value(json_object_get(rule, "effect"));
    const char *max_text = json_string_value(json_object_get(rule, "max_amount"));
    const char *destinations = json_string_value(json_object_get(rule, "destinations"));
    if (effect == NULL || strcmp(effect, "allow") != 0) {
        return fail(proof, "policy", "a deny rule matches");
    }
    if (max_text == NULL || amount_parse(&max, max_text) != STATUS_OK ||
        amount_compare(proof->intent.amount, max) > 0) {
        return fail(proof, "policy", "the amount is above the maximum of a rule");
    }
    if (destinations == NULL || strcmp(destinations, "listed") != 0) {
        return fail(proof, "policy", "a rule asks for what this program does not know");
    }
    if (!quorum_met(proof, json_object_get(rule, "quorum"), &sum) || sum < 2) {
        return fail(proof, "policy", "the quorum of a rule is not met");
    }
    *out_allows = true;
    return true;
}

static bool check_rules(struct proof *proof)
{
    char asset[65];
    json_t *rule = NULL;
    size_t i = 0;
    bool allows = false;
    digest_format(asset, &proof->intent.asset);
    json_array_foreach(proof->policy.rules, i, rule)
    {
        if (lists(json_object_get(rule, "wallets"), proof->intent.wallet.text) &&
            lists(json_object_get(rule, "assets"), asset) && !rule_met(proof, rule, &allows)) {
            return false;
        }
    }
    return allows || fail(proof, "policy", "no rule allows it");
}

/* The hashes of a proof. Out: how many, -1 when it is none. */
static int read_path(struct digest path[PATH_MAX_LEN], const json_t *array)
{
    json_t *value = NULL;
    size_t i = 0;
    if (!json_is_array(array) || json_array_size(array) > PATH_MAX_LEN) {
        return -1;
    }
    json_array_foreach(array, i, value)
    {
        const char *text = json_string_value(value);
        if (text == NULL || digest_parse(&path[i], text) != STATUS_OK) {
            return -1;
        }
    }
    return (int)json_array_size(array);
}

static bool path_leads(const struct digest *leaf, uint64_t index, uint64_t size, const json_t *array,
                       const struct digest *root)
{
    struct digest path[PATH_MAX_LEN];
    struct digest reached;
    int count = read_path(path, array);
    return count >= 0 && merkle_climb(&reached, leaf, index, size, path, (size_t)count) && digest_equal(&reached, root);
}

struct entry_row {
    uint64_t index;
    struct bytes leaf;
    json_t *proof;
};

static const struct canon_field entry_fields[] = {
    CANON_FIELD(struct entry_row, index, CANON_COUNTER),
    CANON_FIELD_SIZED(struct entry_row, leaf, CANON_BYTES, 65535),
    CANON_FIELD(struct entry_row, proof, CANON_ARRAY),
};

static bool ref_is(const json_t *refs, const char *name, const struct digest *digest)
{
    struct digest named;
    const char *text = json_string_value(json_object_get(refs, name));
    return text != NULL && digest_parse(&named, text) == STATUS_OK && digest_equal(&named, digest);
}

/* The entry before the signature names exactly the documents of the bundle. Called after the documents were read. */
static bool check_signing_refs(struct proof *proof, const json_t *refs)
{
    const json_t *approvals = json_object_get(refs, "approvals");
    bool good =
        json_object_size(refs) == 5 && ref_is(refs, "intent", &proof->intent_digest) &&
        ref_is(refs, "transaction", &proof->intent.transaction) && ref_is(refs, "policy", &proof->policy.digest) &&
        ref_is(refs, "destination", &proof->destination_digest) && json_array_size(approvals) == proof->approval_count;
    for (size_t i = 0; good && i < proof->approval_count; i++) {
        struct digest named;
        const char *text = json_string_value(json_array_get(approvals, i));
        good = text != NULL && digest_parse(&named, text) == STATUS_OK &&
               digest_equal(&named, &proof->approval_digests[i]);
    }
    return good || fail(proof, "entry withdrawal.signing", "names other documents than those of the bundle");
}

/* The entries of the withdrawal in their order. */
struct history {
    struct event events[ENTRIES_MAX];
    size_t count;
    size_t signing; /* position, ENTRIES_MAX when there is none */
};

static bool check_entry(struct proof *proof, struct history *history, const json_t *object, uint64_t *inout_last)
{
    struct entry_row row;
    struct leaf leaf;
    struct fault fault = {0};
    const char *why = "";
    char where[64];
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    if (canon_decode(&row, sizeof(row), object, entry_fields, COUNT(entry_fields), "entries.", &fault) != STATUS_OK) {
        return fail_fault(proof, "entries", &fault);
    }
    (void)snprintf(where, sizeof(where), "entry %llu", (unsigned long long)row.index);
    bool good =
        leaf_read(&leaf, proof->trust->log.origin, row.leaf.data, row.leaf.len, &why) || fail(proof, where, why);
    if (good && (leaf.number != row.index || (history->count > 0 && row.index <= *inout_last))) {
        good = fail(proof, where, "stands at another place");
    }
    if (good && !path_leads(&leaf.hash, row.index, proof->checkpoint.size, row.proof, &proof->checkpoint.root)) {
        good = fail(proof, where, "is not in the trail that the checkpoint signs");
    }
    struct event *event = &history->events[history->count];
    if (good && event_read(event, leaf.event, leaf.event_len, &fault) != STATUS_OK) {
        good = fail_fault(proof, where, &fault);
    }
    bytes_free(&row.leaf);
    if (!good) {
        return false;
    }
    history->count++;
    *inout_last = row.index;
    if (strcmp(event->otype, "withdrawal") != 0 || strcmp(event->oid, id) != 0 || event->on != history->count) {
        return fail(proof, where, "is not the next entry of this withdrawal");
    }
    return true;
}

static bool check_story(struct proof *proof, struct history *history)
{
    history->signing = ENTRIES_MAX;
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        if (strcmp(event->act, "withdrawal.signing") == 0 && strcmp(event->outcome, "intent") == 0) {
            history->signing = i;
        }
    }
    if (history->signing == ENTRIES_MAX) {
        return fail(proof, "entries", "there is no withdrawal.signing");
    }
    proof->signed_at = history->events[history->signing].ts;
    const struct event *first = &history->events[0];
    const struct event *last = &history->events[history->count - 1];
    if (strcmp(first->act, "withdrawal.request") != 0 || strcmp(last->act, "withdrawal.confirmed") != 0 ||
        strcmp(last->outcome, "ok") != 0) {
        return fail(proof, "entries", "do not lead from withdrawal.request to withdrawal.confirmed");
    }
    return true;
}

static bool check_entries(struct proof *proof, struct history *history)
{
    json_t *value = NULL;
    size_t i = 0;
    uint64_t last = 0;
    const char *why = "";
    if (!checkpoint_read(&proof->checkpoint, &proof->trust->log, proof->bundle.checkpoint.data,
                         proof->bundle.checkpoint.len, &why)) {
        return fail(proof, "checkpoint", why);
    }
    if (json_array_size(proof->bundle.entries) == 0 || json_array_size(proof->bundle.entries) > ENTRIES_MAX) {
        return fail(proof, "entries", "there must be 1 to 1024");
    }
    json_array_foreach(proof->bundle.entries, i, value)
    {
        if (!check_entry(proof, history, value, &last)) {
            return false;
        }
    }
    return check_story(proof, history);
}

/* The validators of the genesis and how many of them confirm a block. */
struct validators {
    struct key keys[16];
    size_t count;
    int64_t quorum;
    struct digest digest;
};

static bool read_genesis(struct proof *proof, struct validators *out)
{
    const char *text = (const char *)proof->bundle.genesis.data;
    struct digest chain;
    struct bytes document = {0};
    json_t *genesis = NULL;
    json_t *value = NULL;
    size_t i = 0;
    document_digest(&chain, "genesis", text);
    if (!digest_equal(&chain, &proof->trust->chain)) {
        return fail(proof, "genesis", "is not the one of the trust file");
    }
    if (canon_parse(&genesis, text, strlen(text), CANON_DOCUMENT_MAX, NULL) != STATUS_OK) {
        return fail(proof, "genesis", "is not a canonical document");
    }
    json_t *list = json_object_get(genesis, "validators");
    bool good = json_array_size(list) >= 1 && json_array_size(list) <= COUNT(out->keys);
    json_array_foreach(list, i, value)
    {
        const char *alg = json_string_value(json_object_get(value, "alg"));
        const char *key = json_string_value(json_object_get(value, "key"));
        good = good && alg != NULL && key != NULL && key_read(&out->keys[i], alg, key);
        out->count = good ? i + 1 : out->count;
    }
    out->quorum = json_integer_value(json_object_get(genesis, "quorum"));
    json_t *set = json_pack("{s:I, s:O}", "quorum", (json_int_t)out->quorum, "validators", list);
    good = good && set != NULL && 2 * out->quorum > (int64_t)out->count && out->quorum <= (int64_t)out->count &&
           canon_emit(&document, set, CANON_DOCUMENT_MAX, NULL) == STATUS_OK;
    if (good) {
        document_digest(&out->digest, "validators", (const char *)document.data);
    }
    bytes_free(&document);
    json_decref(set);
    json_decref(genesis);
    return good || fail(proof, "genesis", "has no valid set of validators");
}

struct block_row {
    json_t *certificate;
    struct bytes header;
    int64_t index;
    struct bytes receipt;
    json_t *receipt_proof;
    json_t *tx_proof;
};

static const struct canon_field block_fields[] = {
    CANON_FIELD(struct block_row, certificate, CANON_ARRAY),
    CANON_FIELD_SIZED(struct block_row, header, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD(struct block_row, index, CANON_INTEGER),
    CANON_FIELD_SIZED(struct block_row, receipt, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD(struct block_row, receipt_proof, CANON_ARRAY),
    CANON_FIELD(struct block_row, tx_proof, CANON_ARRAY),
};

/* Every signature is a validator's, in their order, none twice, and there are enough. */
static bool check_certificate(struct proof *proof, const struct block_row *block, const struct validators *validators)
{
    struct signed_text *header = malloc(sizeof(*header));
    size_t at = 0;
    bool good = header != NULL && signatures_read(header, block->certificate, NULL) == STATUS_OK &&
                (int64_t)header->count >= validators->quorum;
    if (good) {
        header->text = (const char *)block->header.data;
    }
    for (size_t i = 0; good && i < header->count; i++) {
        while (at < validators->count && !digest_equal(&validators->keys[at].id, &header->signatures[i].key)) {
            at++;
        }
        good = at < validators->count && signed_text_by(header, i, "header", &validators->keys[at]);
        at++;
    }
    free(header);
    return good || fail(proof, "block", "is not confirmed by the validators");
}

static bool check_places(struct proof *proof, const struct block_row *block, const struct verify_header *header)
{
    struct verify_receipt receipt;
    struct fault fault = {0};
    struct digest digest;
    struct digest leaf;
    uint64_t index = (uint64_t)block->index;
    merkle_leaf(&leaf, proof->intent.transaction.bytes32, 32);
    if (!path_leads(&leaf, index, (uint64_t)header->count, block->tx_proof, &header->tx_root)) {
        return fail(proof, "block", "does not hold the transaction");
    }
    if (verify_receipt_read(&receipt, (const char *)block->receipt.data, &fault) != STATUS_OK) {
        return fail_fault(proof, "receipt", &fault);
    }
    document_digest(&digest, "receipt", (const char *)block->receipt.data);
    merkle_leaf(&leaf, digest.bytes32, 32);
    if (!path_leads(&leaf, index, (uint64_t)header->count, block->receipt_proof, &header->receipts_root)) {
        return fail(proof, "block", "does not hold the receipt");
    }
    return (strcmp(receipt.code, "ok") == 0 && receipt.height == header->height && receipt.index == block->index &&
            digest_equal(&receipt.transaction, &proof->intent.transaction)) ||
           fail(proof, "receipt", "does not say that this transaction was executed here");
}

static bool check_block(struct proof *proof, uint64_t *out_height)
{
    struct validators *validators = calloc(1, sizeof(*validators));
    struct block_row block = {0};
    struct verify_header header;
    struct fault fault = {0};
    bool good = validators != NULL && read_genesis(proof, validators);
    if (good && canon_decode(&block, sizeof(block), proof->bundle.block, block_fields, COUNT(block_fields), "block.",
                             &fault) != STATUS_OK) {
        good = fail_fault(proof, "block", &fault);
    }
    if (good && verify_header_read(&header, (const char *)block.header.data, &fault) != STATUS_OK) {
        good = fail_fault(proof, "header", &fault);
    }
    if (good &&
        (!digest_equal(&header.chain, &proof->trust->chain) || !digest_equal(&header.validators, &validators->digest) ||
         header.height < proof->intent.valid_from || header.height > proof->intent.valid_until)) {
        good = fail(proof, "header", "is of another ledger, or outside the heights of the intent");
    }
    good = good && check_certificate(proof, &block, validators) && check_places(proof, &block, &header);
    if (good) {
        *out_height = header.height;
    }
    bytes_free(&block.header);
    bytes_free(&block.receipt);
    free(validators);
    return good;
}

static void check_all(struct proof *proof, uint64_t *out_height)
{
    struct history *history = calloc(1, sizeof(*history));
    if (history == NULL) {
        report_incomplete(&proof->report, "out of memory");
        return;
    }
    /* The trail comes first: the time of the signing entry is the time at which documents had to be valid. */
    bool good = check_entries(proof, history) && check_policies(proof) && check_intent(proof);
    if (good) {
        good = check_destination(proof);
        good = check_approvals(proof) && good;
        good = check_transaction(proof) && good;
    }
    if (good && check_rules(proof) && check_signing_refs(proof, history->events[history->signing].refs)) {
        (void)check_block(proof, out_height);
    }
    for (size_t i = 0; i < history->count; i++) {
        event_free(&history->events[i]);
    }
    free(history);
}

static void print_proven(const struct proof *proof, uint64_t height)
{
    char id[UUID_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    amount_format(amount, proof->intent.amount);
    (void)printf("proven: withdrawal %s, %s base units from wallet %s to %s, asked by %s, approved by", id, amount,
                 proof->intent.wallet.text, proof->intent.destination, proof->intent.requester.text);
    for (size_t i = 0; i < proof->approval_count; i++) {
        (void)printf(" %s", proof->approvers[i].text);
    }
    (void)printf(", confirmed at height %llu, %zu entries under the checkpoint of size %llu\n",
                 (unsigned long long)height, json_array_size(proof->bundle.entries),
                 (unsigned long long)proof->checkpoint.size);
}

static enum verdict judge(struct proof *proof, const struct bytes *text)
{
    json_t *object = NULL;
    struct fault fault = {0};
    uint64_t height = 0;
    size_t len = text->len - (text->len > 0 && text->data[text->len - 1] == '\n' ? 1 : 0);
    if (canon_parse(&object, text->data, len, BUNDLE_MAX, &fault) != STATUS_OK ||
        canon_decode(&proof->bundle, sizeof(proof->bundle), object, bundle_fields, COUNT(bundle_fields), "", &fault) !=
            STATUS_OK) {
        (void)fail_fault(proof, "bundle", &fault);
    } else if (strcmp(proof->bundle.format, "strongroom-evidence/v1") != 0) {
        (void)fail(proof, "bundle", "is of a format that this program does not know");
    } else {
        check_all(proof, &height);
    }
    if (report_clean(&proof->report)) {
        print_proven(proof, height);
    }
    bytes_free(&proof->bundle.checkpoint);
    bytes_free(&proof->bundle.genesis);
    bytes_free(&proof->bundle.intent);
    verify_policy_free(&proof->policy);
    json_decref(object);
    return report_verdict(&proof->report);
}

enum verdict verify_evidence(const struct trust *trust, const char *path)
{
    struct bytes text = {0};
    struct fault fault = {0};
    struct proof *proof = calloc(1, sizeof(*proof));
    enum verdict verdict = VERDICT_INCOMPLETE;
    if (proof == NULL || file_read(&text, path, BUNDLE_MAX, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "custody-verify: cannot read %s: %s\n", path, fault.detail);
    } else {
        proof->trust = trust;
        verdict = judge(proof, &text);
    }
    bytes_free(&text);
    free(proof);
    return verdict;
}
