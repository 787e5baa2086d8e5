/*
 * What a withdrawal is, in the eyes of this tool: everything comes from the bytes of the intent, the transaction that
 * it makes, and documents that lead to the trust file.
 */
#include "decoded.h"

#include "answer.h"
#include "policy/evaluate.h"

void decoded_wipe(struct decoded *decoded)
{
    trust_wipe(&decoded->trust);
    bytes_free(&decoded->document);
}

static enum status read_intent(struct decoded *out, const json_t *withdrawal, const struct uuid *id,
                               struct fault *fault)
{
    const char *text = json_string_value(json_object_get(withdrawal, "intent"));
    text = text == NULL ? "" : text;
    enum status status = bytes_copy(&out->document, text, strlen(text));
    if (status == STATUS_OK) {
        status = intent_decode(&out->intent, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK && id != NULL && !uuid_equal(&out->intent.withdrawal, id)) {
        status = fault_set(fault, STATUS_MISMATCH, "withdrawal", "the intent is for another withdrawal");
    }
    return status;
}

static enum status check_against_trust(struct decoded *out, struct fault *fault)
{
    const struct intent *intent = &out->intent;
    const struct policy *policy = chain_find(&out->trust.policies, &intent->policy);
    char id[DIGEST_HEX_LEN + 1];
    size_t asset = 0;
    if (!digest_equal(&intent->chain, &out->trust.chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "the intent is for another ledger");
    }
    if (policy == NULL || intent->policy_version != policy->version ||
        !name_equal(&intent->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "the intent is for another policy");
    }
    out->policy = policy;
    out->wallet = policy_find_wallet(policy, &intent->wallet);
    if (out->wallet == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "wallet", "no such wallet in the policy");
    }
    const struct wallet *now = policy_find_wallet(out->trust.policy, &intent->wallet);
    if (now == NULL || !digest_equal(&now->key_id, &out->wallet->key_id)) {
        return fault_set(fault, STATUS_CONFLICT, "wallet",
                         "has another key by the policy in force, or is none any more");
    }
    digest_format(id, &intent->asset);
    enum status status = trust_asset(&asset, &out->trust, id, fault);
    out->asset = &out->trust.assets[asset];
    return status;
}

/* Whether any approvals at all could be enough under a version. */
static enum status check_allowed(const struct decoded *decoded, const struct policy *policy, struct fault *fault)
{
    const struct intent *intent = &decoded->intent;
    const struct evaluation_request request = {.type = intent->type,
                                               .chain = &intent->chain,
                                               .wallet = &intent->wallet,
                                               .asset = &intent->asset,
                                               .amount = intent->amount,
                                               .destination_listed = true, /* or not: that is for the service to say */
                                               .requester = &intent->requester,
                                               .at_utc_us = clock_utc_us(clock_system())};
    struct evaluation evaluation = {0};
    enum status status = policy_evaluate(&evaluation, policy, &request, fault);
    if (status == STATUS_OK && evaluation.reason == STATUS_DENIED) {
        status = fault_set(fault, STATUS_DENIED, "type", "is issue, and no rule of policy version %lld allows this one",
                           (long long)policy->version);
    }
    evaluation_free(&evaluation);
    return status;
}

/* An issue is a class of its own: what the rules of transfers would let pass is not shown for approval. */
static enum status check_issue(const struct decoded *out, struct fault *fault)
{
    if (out->intent.type != TRANSACTION_ISSUE) {
        return STATUS_OK;
    }
    if (!account_id_equal(&out->asset->issuer, &out->wallet->account)) {
        return fault_set(fault, STATUS_MISMATCH, "wallet", "is not the issuer of the asset that it is to issue");
    }
    enum status status = check_allowed(out, out->policy, fault);
    return status == STATUS_OK ? check_allowed(out, out->trust.policy, fault) : status;
}

static enum status rebuild(struct decoded *out, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = check_issue(out, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = transaction_from_intent(&out->transaction, &out->intent, &out->wallet->account, fault);
    if (status == STATUS_OK) {
        status = transaction_encode(&document, &out->transaction, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    transaction_id(&out->transaction_id, document.data, document.len);
    bytes_free(&document);
    if (!digest_equal(&out->transaction_id, &out->intent.transaction)) {
        return fault_set(fault, STATUS_MISMATCH, "transaction",
                         "the intent names another transaction than it describes");
    }
    return STATUS_OK;
}

enum status decoded_read(struct decoded *out, const json_t *withdrawal, const struct uuid *id, struct fault *fault)
{
    enum status status = read_intent(out, withdrawal, id, fault);
    if (status == STATUS_OK) {
        status = check_against_trust(out, fault);
    }
    if (status == STATUS_OK) {
        status = rebuild(out, fault);
    }
    if (status == STATUS_OK) {
        intent_digest(&out->digest, out->document.data, out->document.len);
        intent_short_code(out->short_code, &out->digest);
    }
    return status;
}

static void print_row(const char *name, const char *value)
{
    (void)printf("  %-12s %s\n", name, value);
}

/* What comes of it, and that nothing else does: the transaction was rebuilt from these fields alone. */
static void print_effect(const struct decoded *decoded)
{
    const struct intent *intent = &decoded->intent;
    char text[ANSWER_AMOUNT_SIZE];
    char line[ANSWER_AMOUNT_SIZE + 128];
    char hex[DIGEST_HEX_LEN + 1];
    (void)answer_amount(text, &decoded->trust, &intent->asset, intent->fee_cap);
    (void)snprintf(line, sizeof(line), "%s: this ledger has no fees", text);
    print_row("fee at most", line);
    (void)snprintf(line, sizeof(line),
                   intent->type == TRANSACTION_ISSUE
                       ? "an ISSUE: MAKES that many new units of the asset, which wallet %s owes from then on"
                       : "one transfer: so much less in wallet %s, so much more at that address",
                   intent->wallet.text);
    print_row("effect", line);
    if (!digest_is_zero(&intent->memo)) {
        digest_format(hex, &intent->memo);
        print_row("memo", hex);
        print_row("", "a commitment: who has its text can show that it is this one");
    }
    if (!digest_is_zero(&intent->returns)) {
        digest_format(hex, &intent->returns);
        print_row("a RETURN of", hex);
        print_row("", "one approver more than the rule asks for");
    }
}

static void print_version(const char *name, const struct policy *policy, const char *more)
{
    char line[DIGEST_HEX_LEN + 64];
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &policy->digest);
    (void)snprintf(line, sizeof(line), "version %lld, %s%s", (long long)policy->version, hex, more);
    print_row(name, line);
}

/* The version that was in force when this was asked for, the one by now, and the one that waits. */
static void print_versions(const struct decoded *decoded)
{
    const struct trust *trust = &decoded->trust;
    char more[TIME_TEXT_SIZE + 16];
    print_version("policy", decoded->policy, "");
    if (decoded->policy != trust->policy) {
        print_version("in force", trust->policy, "");
        print_row("", "the policy has changed: both versions must allow it");
    }
    if (trust->waits) {
        (void)snprintf(more, sizeof(more), ", until %s", trust->waiting_until);
        print_version("waiting", &trust->waiting, more);
    }
}

void decoded_print(const struct decoded *decoded)
{
    const struct intent *intent = &decoded->intent;
    char amount[ANSWER_AMOUNT_SIZE];
    char line[160];
    char address[ADDRESS_TEXT_SIZE];
    char time[TIME_TEXT_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    uuid_format(line, &intent->withdrawal);
    (void)printf("withdrawal %s\n", line);
    print_row("pays", answer_amount(amount, &decoded->trust, &intent->asset, intent->amount));
    address_format(address, &intent->destination);
    print_row("to", address);
    address_format(address, &decoded->wallet->account);
    (void)snprintf(line, sizeof(line), "wallet %s, %s", intent->wallet.text, address);
    print_row("from", line);
    print_effect(decoded);
    print_row("asked by", intent->requester.text);
    time_format(time, intent->expires_at);
    print_row("expires", time);
    print_versions(decoded);
    digest_format(hex, &intent->chain);
    (void)snprintf(line, sizeof(line), "%s, %s", intent->environment.text, hex);
    print_row("ledger", line);
    (void)snprintf(line, sizeof(line), "lane %llu, seq %llu, heights %llu to %llu", (unsigned long long)intent->lane,
                   (unsigned long long)intent->seq, (unsigned long long)intent->valid_from,
                   (unsigned long long)intent->valid_until);
    print_row("sequence", line);
    digest_format(hex, &decoded->transaction_id);
    print_row("transaction", hex);
    digest_format(hex, &decoded->digest);
    print_row("intent", hex);
    print_row("short code", decoded->short_code);
}
