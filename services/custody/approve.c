/*
 * Commands of approvers: show, approve, reject.
 *
 * The intent is decoded here, the transaction rebuilt here, wallet address and asset taken from documents that lead to
 * the trust file. Text that the service supplies is never shown as fact. The approver confirms by the short code.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "policy/approval.h"
#include "policy/transaction.h"
#include "trust.h"

/* A withdrawal as this tool understands it. */
struct decoded {
    struct trust trust;
    struct bytes document; /* of the intent */
    struct intent intent;
    struct digest digest;
    struct digest transaction_id;
    char short_code[SHORT_CODE_SIZE];
    const struct policy *policy; /* the version that the intent names */
    const struct wallet *wallet; /* of that version */
    const struct asset *asset;
    char state[SERVICE_TEXT_SIZE]; /* this and the next: what the service says */
    char waiting[SERVICE_WAITING_SIZE];
};

static void decoded_wipe(struct decoded *decoded)
{
    trust_wipe(&decoded->trust);
    bytes_free(&decoded->document);
}

static enum status fetch_intent(struct decoded *out, const struct command_input *input, struct fault *fault)
{
    char path[128];
    struct uuid uuid;
    json_t *answer = NULL;
    if (uuid_parse(&uuid, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "ID", "must be the id of a withdrawal");
    }
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s", input->words[0]);
    const struct client_call call = {.method = "GET", .path = path};
    enum status status = client_json(&answer, input->options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const json_t *row = json_object_get(answer, "withdrawal");
    const char *text = json_string_value(json_object_get(row, "intent"));
    text = text == NULL ? "" : text;
    (void)command_service_text(out->state, row, "state");
    (void)command_service_waiting(out->waiting, row);
    status = bytes_copy(&out->document, text, strlen(text));
    json_decref(answer);
    if (status == STATUS_OK) {
        status = intent_decode(&out->intent, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK && !uuid_equal(&out->intent.withdrawal, &uuid)) {
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

static enum status rebuild(struct decoded *out, struct fault *fault)
{
    struct transaction transaction;
    struct bytes document = {0};
    enum status status = transaction_from_intent(&transaction, &out->intent, &out->wallet->account, fault);
    if (status == STATUS_OK) {
        status = transaction_encode(&document, &transaction, fault);
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

static enum status decode(struct decoded *out, const struct command_input *input, struct fault *fault)
{
    *out = (struct decoded){0};
    enum status status = trust_open(&out->trust, input->options, fault);
    if (status == STATUS_OK) {
        status = fetch_intent(out, input, fault);
    }
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
    (void)snprintf(line, sizeof(line), "one transfer: so much less in wallet %s, so much more at that address",
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

static void print_decoded(const struct decoded *decoded)
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

static enum status show_withdrawal(const struct command_input *input, struct fault *fault)
{
    struct decoded decoded;
    enum status status = decode(&decoded, input, fault);
    if (status == STATUS_OK) {
        print_decoded(&decoded);
        (void)printf("the service says that it is %s%s%s\n", decoded.state,
                     decoded.waiting[0] == '\0' ? "" : " and waits, ", decoded.waiting);
    }
    decoded_wipe(&decoded);
    return status;
}

enum status command_show(const struct command_input *input, struct fault *fault)
{
    if (document_kind_find(input->words[0]) != NULL) {
        return command_show_document(input, fault);
    }
    return input->options->in[0] == '\0'
               ? show_withdrawal(input, fault)
               : fault_set(fault, STATUS_USAGE, "KIND", "there is no kind of document %s", input->words[0]);
}

/* The person says that this is what is meant, by the short code. */
static enum status confirm(const struct decoded *decoded, const struct custody_options *options, const char *verb,
                           struct fault *fault)
{
    char line[32] = "";
    if (options->code[0] != '\0') {
        (void)snprintf(line, sizeof(line), "%s", options->code);
    } else {
        (void)printf("to %s, type the short code as you know it: ", verb);
        (void)fflush(stdout);
        if (fgets(line, sizeof(line), stdin) == NULL) {
            return fault_set(fault, STATUS_USAGE, "code", "nothing was typed");
        }
        line[strcspn(line, "\n")] = '\0';
    }
    return strcmp(line, decoded->short_code) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "code", "is not the short code of this intent: nothing was signed");
}

static enum status make_decision(struct signed_document *out, const struct decoded *decoded,
                                 const struct keyfile *keyfile, enum approval_decision decision, struct fault *fault)
{
    struct signature signature;
    struct approval approval = {
        .chain = decoded->intent.chain,
        .decision = decision,
        .environment = decoded->intent.environment,
        .expires_at = decoded->intent.expires_at,
        .intent = decoded->digest,
        .policy = decoded->intent.policy,
        .signed_at = clock_utc_us(clock_system()),
        .withdrawal = decoded->intent.withdrawal,
    };
    public_key_id(&approval.key, keyfile_public_key(keyfile));
    const struct person *person = policy_find_key(NULL, decoded->policy, &approval.key);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "belongs to nobody in the policy");
    }
    const struct person *now = policy_find_person(decoded->trust.policy, &person->id);
    if (now == NULL || policy_person_key(now, &approval.key) == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "is not yours any more by the policy in force");
    }
    if (approval.signed_at >= approval.expires_at) {
        return fault_set(fault, STATUS_EXPIRED, "intent", "has expired: nothing was signed");
    }
    approval.approver = person->id;
    enum status status = approval_encode(&out->document, &approval, fault);
    if (status == STATUS_OK) {
        status = keyfile_sign(&signature, keyfile, APPROVAL_KIND, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(out, &signature);
    }
    return status;
}

static enum status hand_in(const struct command_input *input, const struct signed_document *document,
                           const char *resource, struct fault *fault)
{
    char path[128];
    json_t *body = NULL;
    json_t *answer = NULL;
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s/%s", input->words[0], resource);
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = body};
        status = client_json(&answer, input->options, &call, fault);
    }
    if (status == STATUS_OK) {
        char state[SERVICE_TEXT_SIZE];
        (void)printf("handed in; the service says that the withdrawal is %s\n",
                     command_service_text(state, json_object_get(answer, "withdrawal"), "state"));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

static enum status decide(const struct command_input *input, enum approval_decision decision, const char *resource,
                          struct fault *fault)
{
    struct decoded decoded;
    struct keyfile *keyfile = NULL;
    struct signed_document document = {0};
    if (input->options->key[0] == '\0') { /* known before anybody types a code */
        return fault_set(fault, STATUS_USAGE, "key", "name the key file");
    }
    enum status status = decode(&decoded, input, fault);
    if (status == STATUS_OK) {
        print_decoded(&decoded);
        status = confirm(&decoded, input->options, resource, fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = make_decision(&document, &decoded, keyfile, decision, fault);
    }
    if (status == STATUS_OK) {
        status = hand_in(input, &document, resource, fault);
    }
    keyfile_free(keyfile);
    signed_document_free(&document);
    decoded_wipe(&decoded);
    return status;
}

enum status command_approve(const struct command_input *input, struct fault *fault)
{
    return decide(input, APPROVAL_APPROVE, "approve", fault);
}

enum status command_reject(const struct command_input *input, struct fault *fault)
{
    return decide(input, APPROVAL_REJECT, "reject", fault);
}
