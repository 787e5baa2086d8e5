/*
 * The command of issuers: a transaction of type issue, signed with the issuer's own key, handed to the ledger.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "policy/transaction.h"
#include "trust.h"

#define ISSUE_WINDOW 100000 /* blocks */

static enum status fetch_integer(int64_t *out, const struct custody_options *options, const char *path,
                                 const char *member, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    json_t *answer = NULL;
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK) {
        const json_t *value = json_object_get(answer, member);
        *out = json_integer_value(value);
        status = json_is_integer(value) && *out >= 0 ? STATUS_OK : fault_set(fault, STATUS_INVALID, member, "%s", "");
    }
    json_decref(answer);
    return status;
}

static enum status place(struct transaction *transaction, const struct custody_options *options, struct fault *fault)
{
    char path[160];
    char address[ADDRESS_TEXT_SIZE];
    int64_t seq = 0;
    int64_t height = 0;
    address_format(address, &transaction->from);
    (void)snprintf(path, sizeof(path), "/v1/ledger/accounts/%s", address);
    enum status status = fetch_integer(&seq, options, path, "next_seq", fault);
    if (status == STATUS_OK) {
        status = fetch_integer(&height, options, "/v1/ledger/status", "confirmed_height", fault);
    }
    if (status == STATUS_OK) {
        transaction->seq = (uint64_t)seq;
        transaction->valid_from = (uint64_t)height + 1;
        transaction->valid_until = (uint64_t)height + ISSUE_WINDOW;
    }
    return status;
}

static enum status build(struct transaction *out, const struct custody_options *options, const struct trust *trust,
                         struct fault *fault)
{
    size_t asset = 0;
    struct amount amount;
    struct account_id to;
    enum status status = trust_asset(&asset, trust, options->asset, fault);
    if (status == STATUS_OK) {
        status = address_parse(&to, options->to, "to", fault);
    }
    if (status == STATUS_OK) {
        status = answer_amount_option(&amount, options, &trust->assets[asset], fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct transaction){
        .chain = trust->chain, .type = TRANSACTION_ISSUE, .from = trust->assets[asset].issuer, .leg_count = 2};
    out->legs[0] =
        (struct leg){.account = out->from, .amount = amount, .asset = trust->asset_ids[asset], .side = LEG_DEBIT};
    out->legs[1] = (struct leg){.account = to, .amount = amount, .asset = trust->asset_ids[asset], .side = LEG_CREDIT};
    return place(out, options, fault);
}

static enum status sign(struct signed_document *out, const struct transaction *transaction,
                        const struct keyfile *keyfile, struct fault *fault)
{
    struct signature signature;
    enum status status = transaction_encode(&out->document, transaction, fault);
    if (status == STATUS_OK) {
        status = keyfile_sign(&signature, keyfile, TRANSACTION_KIND, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(out, &signature);
    }
    return status;
}

static enum status submit(const struct custody_options *options, const struct signed_document *document,
                          const struct public_key *key, struct fault *fault)
{
    json_t *transaction = NULL;
    json_t *key_object = NULL;
    json_t *answer = NULL;
    json_t *body = NULL;
    enum status status = signed_document_encode(&transaction, document, fault);
    if (status == STATUS_OK) {
        status = account_key_encode(&key_object, key, fault);
    }
    if (status == STATUS_OK) {
        body = json_pack("{s:O, s:O}", "key", key_object, "transaction", transaction);
        const struct client_call call = {.method = "POST", .path = "/v1/ledger/transactions", .body = body};
        status = client_json(&answer, options, &call, fault);
    }
    const char *code = json_string_value(json_object_get(answer, "code"));
    if (status == STATUS_OK && (code == NULL || strcmp(code, "ok") != 0)) {
        status = fault_set(fault, STATUS_REJECTED, "transaction", "%s", code == NULL ? "" : code);
    }
    if (status == STATUS_OK) {
        (void)printf("issued at height %lld\n", (long long)json_integer_value(json_object_get(answer, "height")));
    }
    json_decref(transaction);
    json_decref(key_object);
    json_decref(body);
    json_decref(answer);
    return status;
}

enum status command_issue(const struct command_input *input, struct fault *fault)
{
    struct trust trust;
    struct transaction transaction;
    struct keyfile *keyfile = NULL;
    struct signed_document document = {0};
    enum status status = trust_open(&trust, input->options, fault);
    if (status == STATUS_OK) {
        status = build(&transaction, input->options, &trust, fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = sign(&document, &transaction, keyfile, fault);
    }
    if (status == STATUS_OK) {
        status = submit(input->options, &document, keyfile_public_key(keyfile), fault);
    }
    keyfile_free(keyfile);
    signed_document_free(&document);
    trust_wipe(&trust);
    return status;
}
