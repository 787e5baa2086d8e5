/*
 * The embedded ledger at the REST interface: genesis, status, blocks, transactions, accounts.
 */
#include "key_spending.h"
#include "policy/account.h"
#include "policy/transaction.h"
#include "record.h"
#include "resources.h"
#include "service.h"
#include "watch.h"

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
}

static json_t *asset_view(const struct ledger_genesis *genesis, size_t index)
{
    char id[DIGEST_HEX_LEN + 1];
    char issuer[ADDRESS_TEXT_SIZE];
    const struct asset *asset = &genesis->assets[index];
    digest_format(id, &genesis->asset_ids[index]);
    address_format(issuer, &asset->issuer);
    return json_pack("{s:s, s:s, s:i, s:s}", "id", id, "code", asset->code, "decimals", (int)asset->decimals, "issuer",
                     issuer);
}

enum status ledger_genesis_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                                struct fault *fault)
{
    (void)request;
    const struct ledger_genesis *genesis = ledger_node_genesis(service->node);
    char chain[DIGEST_HEX_LEN + 1];
    json_t *assets = json_array();
    digest_format(chain, &service->chain);
    for (size_t i = 0; i < genesis->asset_count; i++) {
        if (json_array_append_new(assets, asset_view(genesis, i)) != 0) {
            json_decref(assets);
            return no_memory(fault);
        }
    }
    return http_reply_json(
        reply, 200,
        json_pack("{s:s, s:s, s:o}", "chain", chain, "genesis", (const char *)service->genesis.data, "assets", assets),
        fault);
}

enum status ledger_status_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    (void)request;
    struct ledger_node_status node;
    char chain[DIGEST_HEX_LEN + 1];
    ledger_node_status(service->node, &node);
    digest_format(chain, &node.chain);
    json_t *view = json_pack("{s:s, s:I, s:I}", "chain", chain, "height", (json_int_t)node.height, "confirmed_height",
                             (json_int_t)node.confirmed_height);
    if (view != NULL && node.halted) {
        (void)json_object_set_new(view, "halted", json_string(node.reason));
    }
    return http_reply_json(reply, 200, view, fault);
}

static enum status transactions_view(json_t **out, const struct ledger_block *block, struct fault *fault)
{
    struct ledger_batch batch = {0};
    json_t *array = json_array();
    enum status status = ledger_batch_decode(&batch, block->batch.data, block->batch.len, fault);
    for (size_t i = 0; status == STATUS_OK && i < batch.count; i++) {
        json_t *object = NULL;
        status = signed_document_encode(&object, &batch.rows[i].transaction, fault);
        if (status == STATUS_OK && json_array_append_new(array, object) != 0) {
            status = no_memory(fault);
        }
    }
    ledger_batch_free(&batch);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

static enum status certificate_view(json_t **out, const struct ledger_block *block, struct fault *fault)
{
    json_t *object = NULL;
    enum status status =
        canon_parse(&object, block->certificate.data, block->certificate.len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        *out = json_incref(json_object_get(object, "signatures"));
        json_decref(object);
    }
    return status;
}

static enum status block_view(json_t **out, const struct ledger_block *block, struct fault *fault)
{
    json_t *transactions = NULL;
    json_t *certificate = NULL;
    json_t *receipts = json_array();
    enum status status = transactions_view(&transactions, block, fault);
    if (status == STATUS_OK) {
        status = certificate_view(&certificate, block, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < block->count; i++) {
        if (json_array_append_new(receipts, json_string((const char *)block->receipts[i].data)) != 0) {
            status = no_memory(fault);
        }
    }
    if (status != STATUS_OK) {
        json_decref(transactions);
        json_decref(certificate);
        json_decref(receipts);
        return status;
    }
    *out = json_pack("{s:I, s:s, s:o, s:o, s:o, s:b}", "height", (json_int_t)block->height, "header",
                     (const char *)block->header.data, "certificate", certificate, "transactions", transactions,
                     "receipts", receipts, "confirmed", 1);
    return *out == NULL ? no_memory(fault) : STATUS_OK;
}

enum status ledger_block_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    struct ledger_block block = {0};
    json_t *view = NULL;
    const char *text = request->parameters[0];
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 18 || text[len] != '\0' || text[0] == '0') {
        return fault_set(fault, STATUS_INVALID, "height", "must be an integer from 1");
    }
    enum status status = ledger_node_block(service->node, &block, (uint64_t)strtoull(text, NULL, 10), fault);
    if (status == STATUS_OK) {
        status = block_view(&view, &block, fault);
    }
    ledger_block_free(&block);
    return status == STATUS_OK ? http_reply_json(reply, 200, view, fault) : status;
}

static json_t *status_view(const struct ledger_transaction_status *state)
{
    static const char *const words[] = {
        [LEDGER_PENDING] = "pending", [LEDGER_CONFIRMED] = "confirmed", [LEDGER_REJECTED] = "rejected"};
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &state->id);
    json_t *view = json_pack("{s:s, s:s}", "id", id, "status", words[state->state]);
    if (view != NULL && state->state != LEDGER_PENDING) {
        (void)json_object_set_new(view, "code", json_string(status_info(state->code)->code));
        (void)json_object_set_new(view, "height", json_integer((json_int_t)state->height));
        (void)json_object_set_new(view, "index", json_integer(state->index));
    }
    return view;
}

enum status ledger_transaction_read(struct service *service, const struct http_request *request,
                                    struct http_reply *reply, struct fault *fault)
{
    struct digest id;
    struct ledger_transaction_status state;
    if (digest_parse(&id, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "hash", "must be 64 hexadecimal digits");
    }
    enum status status = ledger_node_transaction(service->node, &state, &id, fault);
    return status == STATUS_OK ? http_reply_json(reply, 200, status_view(&state), fault) : status;
}

struct submission {
    struct service *service;
    const struct http_request *request;
    json_t *key; /* borrowed from the body */
    json_t *transaction;
    struct public_key public_key;
    struct signed_document document;
    struct transaction decoded;
    struct ledger_transaction_status state;
    enum audit_outcome outcome; /* of the entry to be written */
    struct trail_ticket ticket;
};

static const struct canon_field submission_fields[] = {
    CANON_FIELD(struct submission, key, CANON_OBJECT),
    CANON_FIELD(struct submission, transaction, CANON_OBJECT),
};

static enum status read_submission(struct submission *submission, const json_t *body, struct fault *fault)
{
    struct service *service = submission->service;
    const struct http_request *request = submission->request;
    enum status status = canon_decode(submission, sizeof(*submission), body, submission_fields,
                                      sizeof(submission_fields) / sizeof(submission_fields[0]), "", fault);
    submission->service = service;
    submission->request = request;
    if (status == STATUS_OK) {
        status = account_key_decode(&submission->public_key, submission->key, "key.", fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_decode(&submission->document, submission->transaction, CANON_DOCUMENT_MAX,
                                        "transaction.", fault);
    }
    if (status == STATUS_OK) {
        status = transaction_decode(&submission->decoded, submission->document.document.data,
                                    submission->document.document.len, fault);
    }
    return status;
}

/* Of any version: an old key is no less ours. */
static const struct wallet *find_wallet(const struct service *service, const struct account_id *account)
{
    const struct wallet *wallet = NULL;
    for (const struct policy_version *at = policies_newest(service->policies); at != NULL && wallet == NULL;
         at = at->older) {
        wallet = policy_find_wallet_by_account(&at->policy, account);
    }
    return wallet;
}

/*
 * Wallets of the policy are spent by withdrawals only: their transactions come from the signer, not through this door.
 * One with a good signature that no withdrawal asked for is the sign of a copied key.
 */
static enum status refuse_wallets(const struct submission *submission, struct fault *fault)
{
    struct service *service = submission->service;
    const struct transaction *decoded = &submission->decoded;
    const struct wallet *wallet = find_wallet(service, &decoded->from);
    struct digest id;
    bool ours = true;
    if (wallet == NULL) {
        return STATUS_OK;
    }
    transaction_id(&id, submission->document.document.data, submission->document.document.len);
    if (digest_equal(&decoded->chain, &service->chain) && submission->document.signature_count == 1 &&
        signed_document_verify(&submission->document, TRANSACTION_KIND, 0, &wallet->key, NULL) == STATUS_OK) {
        const struct store_withdrawal_place place = {
            .lane = decoded->lane, .seq = decoded->seq, .transaction = submission->document.document};
        enum status status = key_spending_judge(&ours, service, &place, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!ours) {
        struct key_spending_use use;
        key_spending_use_of(&use, decoded, &id, &wallet->key_id);
        enum status status = watch_report(service->watch, &use, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return fault_set(fault, STATUS_FORBIDDEN, "transaction.from", "a wallet of the policy is spent by withdrawals");
}

static enum status log_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct submission *submission = context;
    struct audit_event event;
    bool issue = submission->decoded.type == TRANSACTION_ISSUE;
    record_by_caller(&event, submission->service, submission->request, issue ? AUDIT_LEDGER_ISSUE : AUDIT_LEDGER_SUBMIT,
                     submission->outcome);
    if (submission->outcome == AUDIT_OUTCOME_ERROR) {
        record_reason(&event, submission->state.code);
    }
    enum status status = audit_event_ref_add(&event, "transaction", &submission->state.id, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&submission->ticket, submission->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* Before the ledger hears of it, under a checkpoint: a crash or a late block must leave no effect without an entry. */
static enum status announce(struct submission *submission, struct fault *fault)
{
    struct service *service = submission->service;
    transaction_id(&submission->state.id, submission->document.document.data, submission->document.document.len);
    submission->outcome = AUDIT_OUTCOME_INTENT;
    enum status status = store_transact(service->store, log_in, submission, fault);
    return status == STATUS_OK ? record_covered(service, &submission->ticket, fault) : status;
}

static enum status submit(struct submission *submission, struct fault *fault)
{
    struct service *service = submission->service;
    enum status status = announce(submission, fault);
    if (status == STATUS_OK) {
        status = ledger_node_submit(service->node, &submission->state, &submission->document, &submission->public_key,
                                    fault);
    }
    if (status == STATUS_OK) {
        struct digest id = submission->state.id;
        status = ledger_node_wait(service->node, &submission->state, &id, service->options.trail_timeout_ms, fault);
    }
    if (status == STATUS_OK) {
        submission->outcome = submission->state.state == LEDGER_CONFIRMED ? AUDIT_OUTCOME_OK : AUDIT_OUTCOME_ERROR;
        status = store_transact(service->store, log_in, submission, fault);
    }
    return status;
}

enum status ledger_transaction_submit(struct service *service, const struct http_request *request,
                                      struct http_reply *reply, struct fault *fault)
{
    struct submission submission = {.service = service, .request = request};
    json_t *body = NULL;
    json_t *view = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = read_submission(&submission, body, fault);
    }
    if (status == STATUS_OK) {
        status = refuse_wallets(&submission, fault);
    }
    if (status == STATUS_OK) {
        status = submit(&submission, fault);
    }
    if (status == STATUS_OK) {
        view = status_view(&submission.state);
        status = view == NULL ? no_memory(fault) : record_receipt(service, &submission.ticket, view, fault);
    }
    signed_document_free(&submission.document);
    json_decref(body);
    if (status != STATUS_OK) {
        json_decref(view);
        return status;
    }
    return http_reply_json(reply, 200, view, fault);
}

static enum status balances_view(json_t **out, struct service *service, const struct account_id *account,
                                 struct fault *fault)
{
    const struct ledger_genesis *genesis = ledger_node_genesis(service->node);
    json_t *array = json_array();
    enum status status = array == NULL ? no_memory(fault) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < genesis->asset_count; i++) {
        struct ledger_balance balance;
        char id[DIGEST_HEX_LEN + 1];
        char amount[AMOUNT_TEXT_SIZE];
        status = ledger_node_balance(service->node, &balance, account, &genesis->asset_ids[i], fault);
        if (status == STATUS_OK) {
            digest_format(id, &genesis->asset_ids[i]);
            amount_format(amount, balance.amount);
            bool issued = account_id_equal(&genesis->assets[i].issuer, account);
            json_t *view = json_pack("{s:s, s:s, s:b}", "asset", id, "posted", amount, "issued", issued);
            status = json_array_append_new(array, view) == 0 ? STATUS_OK : no_memory(fault);
        }
    }
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

enum status ledger_account_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                                struct fault *fault)
{
    struct account_id account;
    int64_t lane = 0;
    uint64_t seq = 0;
    json_t *balances = NULL;
    enum status status = address_parse(&account, request->parameters[0], "address", fault);
    if (status == STATUS_OK) {
        status = http_query_integer(&lane, request, "lane", 0, INT32_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = ledger_node_lane_next(service->node, &seq, &account, (uint64_t)lane, fault);
    }
    if (status == STATUS_OK) {
        status = balances_view(&balances, service, &account, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return http_reply_json(reply, 200,
                           json_pack("{s:s, s:o, s:I, s:I}", "address", request->parameters[0], "balances", balances,
                                     "lane", (json_int_t)lane, "next_seq", (json_int_t)seq),
                           fault);
}
