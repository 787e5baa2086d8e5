/*
 * Proposing, listing and reading withdrawals. Decisions about them are in decide.c.
 *
 * Proposing is one database transaction: the row, the reservation, the lane, both documents and the entry in the trail.
 */
#include "withdrawals.h"

#include "asked.h"
#include "base/canon.h"
#include "destinations.h"
#include "generator.h"
#include "key_gate.h"
#include "policy/account.h"
#include "record.h"
#include "store/lane.h"
#include "suspense.h"

struct proposal {
    struct name wallet;
    struct digest asset;
    struct amount amount;
    char destination[STORE_ADDRESS_SIZE];
    struct digest returns;
    bool sweep;
    char type[16]; /* "issue", or empty for a transfer */
};

static const struct canon_field proposal_fields[] = {
    CANON_FIELD(struct proposal, wallet, CANON_NAME),
    CANON_FIELD(struct proposal, asset, CANON_HASH),
    CANON_FIELD(struct proposal, amount, CANON_AMOUNT),
    CANON_FIELD(struct proposal, destination, CANON_TEXT),
    CANON_FIELD_OPTIONAL(struct proposal, returns, CANON_HASH),
    CANON_FIELD_OPTIONAL(struct proposal, sweep, CANON_BOOLEAN),
    {"type", CANON_TEXT, true, offsetof(struct proposal, type), 16, 1, CANON_INTEGER_MAX},
};

#define PROPOSAL_FIELDS (sizeof(proposal_fields) / sizeof(proposal_fields[0]))

/* What proposing carries through its database transaction. */
struct creation {
    struct service *service;
    const struct http_request *request;
    const struct policy *policy; /* under which it is proposed */
    const struct wallet *wallet; /* of that policy */
    struct digest returns;       /* the transaction of a receipt in suspense, zeros for none */
    bool sweep;                  /* of a key that is out of service */
    enum transaction_type type;
    struct store_withdrawal row;
    struct trail_ticket ticket;
    bool existed;
    json_t *view;
    json_t *explanation; /* of the policy that denied it; NULL otherwise */
};

static bool holds_asset(const struct wallet *wallet, const struct digest *asset)
{
    for (size_t i = 0; i < wallet->asset_count; i++) {
        if (digest_equal(&wallet->assets[i], asset)) {
            return true;
        }
    }
    return false;
}

/* An issue makes more of an asset, so the wallet is the account that issues it. */
static enum status check_issue(const struct service *service, const struct wallet *wallet,
                               const struct proposal *proposal, struct fault *fault)
{
    const struct asset *asset = ledger_genesis_asset(ledger_node_genesis(service->node), &proposal->asset);
    enum transaction_type type = TRANSACTION_TRANSFER;
    enum status status = intent_type_read(&type, proposal->type, fault);
    if (status != STATUS_OK || type == TRANSACTION_TRANSFER) {
        return status;
    }
    if (!digest_is_zero(&proposal->returns) || proposal->sweep) {
        return fault_set(fault, STATUS_INVALID, "type", "an issue sends nothing back and sweeps nothing");
    }
    if (asset == NULL || !account_id_equal(&asset->issuer, &wallet->account)) {
        return fault_set(fault, STATUS_DENIED, "wallet", "is not the issuer of this asset");
    }
    return STATUS_OK;
}

/* The rules that need no database. Out: *out_wallet is borrowed from the policy. */
static enum status check_proposal(const struct wallet **out_wallet, const struct service *service,
                                  const struct policy *policy, const struct proposal *proposal, struct fault *fault)
{
    struct account_id destination;
    enum status status = address_parse(&destination, proposal->destination, "destination", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (amount_is_zero(proposal->amount)) {
        return fault_set(fault, STATUS_INVALID, "amount", "must be above zero");
    }
    const struct wallet *wallet = policy_find_wallet(policy, &proposal->wallet);
    if (wallet == NULL) {
        return fault_set(fault, STATUS_INVALID, "wallet", "no such wallet in the policy");
    }
    if (!holds_asset(wallet, &proposal->asset)) {
        return fault_set(fault, STATUS_INVALID, "asset", "the wallet does not hold this asset");
    }
    if (account_id_equal(&destination, &wallet->account)) {
        return fault_set(fault, STATUS_INVALID, "destination", "is the wallet itself");
    }
    *out_wallet = wallet;
    return check_issue(service, wallet, proposal, fault);
}

static bool is_idempotency_key(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= 64 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* The key is bound to who asked for what: the digest of the canonical body and the person. */
static enum status bind_key(struct store_withdrawal *row, const struct http_request *request,
                            const struct proposal *proposal, struct fault *fault)
{
    const char *key = http_header(request, "Idempotency-Key");
    if (key == NULL || !is_idempotency_key(key)) {
        return fault_set(fault, key == NULL ? STATUS_MISSING_FIELD : STATUS_INVALID, "Idempotency-Key",
                         "must be 1 to 64 characters of A-Z a-z 0-9 - _");
    }
    (void)snprintf(row->idempotency_key, sizeof(row->idempotency_key), "%s", key);
    struct bytes body = {0};
    enum status status =
        canon_encode_bytes(&body, proposal, proposal_fields, PROPOSAL_FIELDS, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        const char *person = request->caller.person.text;
        digest_sha256_two(&row->request, person, strlen(person) + 1, body.data, body.len);
        bytes_free(&body);
    }
    return status;
}

/* The time that must pass before it is signed is no time for people to approve it. */
static enum status add_delay(struct store_withdrawal *row, const struct creation *creation,
                             const struct proposal *proposal, struct fault *fault)
{
    struct obligations obligations = {0};
    const struct evaluation_request request = {.type = creation->type,
                                               .chain = &creation->service->chain,
                                               .wallet = &proposal->wallet,
                                               .asset = &proposal->asset,
                                               .amount = proposal->amount,
                                               .destination_listed = true,
                                               .returns = !digest_is_zero(&proposal->returns),
                                               .requester = &creation->request->caller.person,
                                               .at_utc_us = row->requested_at_utc_us};
    enum status status = policy_obligations(&obligations, creation->policy, &request, fault);
    if (status == STATUS_OK) {
        row->expires_at_utc_us += obligations.delay_s * 1000000;
        obligations_free(&obligations);
    }
    return status;
}

static enum status fill_row(struct creation *creation, const struct proposal *proposal, struct fault *fault)
{
    const struct service *service = creation->service;
    struct store_withdrawal *row = &creation->row;
    *row = (struct store_withdrawal){
        .wallet = proposal->wallet,
        .asset = proposal->asset,
        .amount = proposal->amount,
        .requester = creation->request->caller.person,
        .requested_at_utc_us = clock_utc_us(service->clock),
    };
    creation->returns = proposal->returns;
    creation->sweep = proposal->sweep;
    creation->type = proposal->type[0] == '\0' ? TRANSACTION_TRANSFER : TRANSACTION_ISSUE;
    row->expires_at_utc_us = row->requested_at_utc_us + service->options.withdrawal_ttl_s * 1000000;
    enum status status = add_delay(row, creation, proposal, fault);
    memcpy(row->destination, proposal->destination, sizeof(row->destination));
    address_format(row->account, &creation->wallet->account);
    if (status == STATUS_OK) {
        status = name_parse(&row->tenant, SERVICE_TENANT);
    }
    if (status == STATUS_OK) {
        status = uuid_generate(&row->id, service->clock);
    }
    if (status == STATUS_OK) {
        status = bind_key(row, creation->request, proposal, fault);
    }
    return status;
}

/* The receipt that is returned is no longer in suspense, but reserved; the rest of it is not to be spent. */
static enum status leave_suspense(struct amount *inout_balance, const struct creation *creation, struct store_tx *tx,
                                  struct fault *fault)
{
    const struct store_withdrawal *row = &creation->row;
    struct amount held;
    enum status status = STATUS_OK;
    if (!digest_is_zero(&creation->returns)) {
        struct store_suspense receipt = {.transaction = creation->returns,
                                         .key = creation->wallet->key_id,
                                         .asset = row->asset,
                                         .amount = row->amount,
                                         .returned_by = row->id};
        memcpy(receipt.sender, row->destination, sizeof(receipt.sender));
        struct fault why = {0};
        status = store_suspense_return(tx, &receipt, &why);
        if (status != STATUS_OK) {
            return status == STATUS_CONFLICT ? fault_set(fault, status, "returns",
                                                         "no such receipt is in suspense, of this wallet, asset, "
                                                         "amount and sender")
                                             : fault_set(fault, status, why.where, "%s", why.detail);
        }
    }
    return suspense_take_off(&held, inout_balance, tx, creation->wallet, &row->asset, fault);
}

static enum status reserve(struct creation *creation, struct store_tx *tx, struct fault *fault)
{
    struct service *service = creation->service;
    struct store_withdrawal *row = &creation->row;
    struct ledger_balance balance = {0};
    bool issues = creation->type == TRANSACTION_ISSUE;
    enum status status = creation->sweep ? key_gate_check_sweep(service, creation->wallet, fault)
                                         : key_gate_check(service, creation->wallet, &row->asset, fault);
    if (status == STATUS_OK) {
        status = ledger_node_balance(service->node, &balance, &creation->wallet->account, &row->asset, fault);
    }
    if (status == STATUS_OK && balance.negative) {
        balance.amount = amount_from_u64(0); /* an issuance account holds nothing to pay out */
    }
    if (status == STATUS_OK && !issues) {
        status = leave_suspense(&balance.amount, creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = issues ? store_reservation_add_issue(tx, row, fault)
                        : store_reservation_add(tx, row, balance.amount, fault);
    }
    if (status == STATUS_OK) {
        status = store_lane_take(tx, row, (unsigned)service->options.lanes, fault);
    }
    return status;
}

/* Gives the row its documents and moves it on to `reserved`. */
static enum status place(struct creation *creation, struct store_tx *tx, struct fault *fault)
{
    struct store_withdrawal *row = &creation->row;
    struct bytes intent = {0};
    struct bytes transaction = {0};
    const struct generator_order order = {.row = row,
                                          .policy = creation->policy,
                                          .wallet = creation->wallet,
                                          .type = creation->type,
                                          .returns = creation->returns};
    enum status status = generator_build(&intent, &transaction, creation->service, &order, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct store_withdrawal_change change = {
        .intent = &intent, .transaction = &transaction, .lane = &row->lane, .seq = &row->seq};
    status = store_withdrawal_move(tx, row, WITHDRAWAL_RESERVED, &change, fault);
    row->placed = true;
    row->intent = intent;           /* transferred */
    row->transaction = transaction; /* transferred */
    return status;
}

/* What the policy asks of it, before anybody has approved. */
static enum status tell_evaluation(struct audit_event *event, struct creation *creation, const struct store_tx *tx,
                                   struct fault *fault)
{
    struct withdrawal_judgement judgement = {0};
    enum status status = withdrawal_judge(&judgement, creation->service, tx, &creation->row, NULL, fault);
    if (status == STATUS_OK) {
        status = record_evaluation(event, judgement.explanation, fault);
        json_decref(judgement.explanation);
    }
    return status;
}

static enum status log_request(struct creation *creation, struct store_tx *tx, struct fault *fault)
{
    const struct store_withdrawal *row = &creation->row;
    struct audit_event event;
    struct digest digest;
    record_by_caller(&event, creation->service, creation->request, AUDIT_WITHDRAWAL_REQUEST, AUDIT_OUTCOME_OK);
    record_about(&event, &row->id);
    intent_digest(&digest, row->intent.data, row->intent.len);
    enum status status = audit_event_ref_add(&event, "intent", &digest, fault);
    if (status == STATUS_OK) {
        status = asked_ref_add(&event, row, fault);
    }
    if (status == STATUS_OK && !digest_is_zero(&creation->returns)) {
        status = audit_event_ref_add(&event, "returns", &creation->returns, fault);
    }
    if (status == STATUS_OK) {
        status =
            audit_event_fact_add(&event, "type", creation->type == TRANSACTION_ISSUE ? "issue" : "transfer", fault);
    }
    if (status == STATUS_OK) {
        status = tell_evaluation(&event, creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = record_terms(&event, creation->service, row, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&creation->ticket, creation->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* What no rule can allow is not even asked: issues have rules of their own, and those of transfers do not do. */
static enum status check_class(struct creation *creation, const struct store_tx *tx, struct fault *fault)
{
    struct withdrawal_judgement judgement = {0};
    if (creation->type == TRANSACTION_TRANSFER) {
        return STATUS_OK;
    }
    enum status status = withdrawal_judge(&judgement, creation->service, tx, &creation->row, NULL, fault);
    if (status == STATUS_OK && judgement.decision == DECISION_DENIED) {
        status = fault_set(fault, judgement.reason, "type", "no rule of the policy allows this issue");
        json_decref(creation->explanation);
        creation->explanation = json_incref(judgement.explanation);
    }
    json_decref(judgement.explanation);
    return status;
}

/* What is on the list was looked at when it came there. */
static enum status check_alike(const struct creation *creation, const struct store_tx *tx, struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    struct account_id account;
    struct fault why = {0};
    enum status status = address_parse(&account, creation->row.destination, "destination", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = destination_find(&entry, creation->service, tx, &account, &why);
    destination_entry_wipe(&entry);
    if (status != STATUS_DESTINATION_UNLISTED) {
        return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
    }
    return destination_check_alike(creation->service, tx, &account, "destination", fault);
}

/* The transaction of a proposal. May run again after a serialization failure, so it starts from the row as filled. */
static enum status create_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct creation *creation = context;
    bytes_free(&creation->row.intent);
    bytes_free(&creation->row.transaction);
    enum status status = store_withdrawal_insert(tx, &creation->row, fault);
    creation->existed = status == STATUS_EXISTS;
    if (creation->existed) {
        fault_clear(fault);
        return withdrawal_view(&creation->view, creation->service, tx, &creation->row, fault);
    }
    if (status == STATUS_OK) {
        status = asked_check_new(creation->service, &creation->row, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_check_ask(creation->service, creation->policy, &creation->row, creation->type, fault);
    }
    if (status == STATUS_OK) {
        status = check_alike(creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = reserve(creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = place(creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = check_class(creation, tx, fault);
    }
    if (status == STATUS_OK) {
        status = log_request(creation, tx, fault);
    }
    if (status == STATUS_OK) {
        json_decref(creation->view);
        status = withdrawal_view(&creation->view, creation->service, tx, &creation->row, fault);
    }
    return status;
}

/* Who asks a second time is promised the same, so it takes the same proof. */
static enum status reply_created(struct creation *creation, const struct store_withdrawal *asked,
                                 struct http_reply *reply, struct fault *fault)
{
    struct service *service = creation->service;
    json_t *object = json_pack("{s:O}", "withdrawal", creation->view);
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    enum status status = creation->existed ? record_receipt_again(service, creation->request, &creation->row,
                                                                  AUDIT_WITHDRAWAL_REQUEST, object, fault)
                                           : record_receipt(service, &creation->ticket, object, fault);
    if (status == STATUS_OK && creation->existed) {
        status = asked_check_again(service, &creation->row.id, asked, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, creation->existed ? 200 : 201, object, fault);
}

enum status withdrawal_create(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    struct creation creation = {.service = service, .request = request, .policy = service_policy(service)};
    struct store_withdrawal asked = {.ver = 0};
    struct proposal proposal;
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&proposal, sizeof(proposal), body, proposal_fields, PROPOSAL_FIELDS, "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = check_proposal(&creation.wallet, service, creation.policy, &proposal, fault);
    }
    if (status == STATUS_OK) {
        status = fill_row(&creation, &proposal, fault);
        asked = creation.row; /* owns nothing yet */
    }
    if (status == STATUS_OK) {
        status = policies_current(service->policies, fault);
    }
    if (status == STATUS_OK) {
        key_gate_look(service, creation.wallet, &creation.row.asset);
        status = store_transact(service->store, create_in, &creation, fault);
    }
    if (status == STATUS_OK) {
        status = reply_created(&creation, &asked, reply, fault);
    }
    json_decref(reply->explanation);
    reply->explanation = creation.explanation; /* transferred; shown when this failed */
    json_decref(creation.view);
    store_withdrawal_wipe(&creation.row);
    return status;
}

/* Reading. */

struct reading {
    const struct service *service;
    struct uuid id;
    struct store_withdrawal_filter filter;
    json_t *out;
};

static enum status read_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    struct store_withdrawal row;
    enum status status = store_withdrawal_get(&row, tx, &reading->id, fault);
    if (status == STATUS_OK) {
        status = withdrawal_view(&reading->out, reading->service, tx, &row, fault);
        store_withdrawal_wipe(&row);
    }
    return status;
}

enum status withdrawal_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct reading reading = {.service = service};
    if (uuid_parse(&reading.id, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
    }
    enum status status = store_read(service->store, read_in, &reading, fault);
    if (status == STATUS_OK) {
        status = http_reply_json(reply, 200, json_pack("{s:O}", "withdrawal", reading.out), fault);
    }
    json_decref(reading.out);
    return status;
}

static enum status append_views(json_t *array, const struct service *service, const struct store_tx *tx,
                                const struct store_withdrawal_list *list, struct fault *fault)
{
    for (size_t i = 0; i < list->count; i++) {
        json_t *view = NULL;
        enum status status = withdrawal_view(&view, service, tx, &list->rows[i], fault);
        if (status == STATUS_OK && json_array_append_new(array, view) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    struct store_withdrawal_list list = {0};
    json_t *array = json_array();
    json_decref(reading->out);
    reading->out = json_pack("{s:o}", "withdrawals", array);
    if (reading->out == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    enum status status = store_withdrawal_list(&list, tx, &reading->filter, fault);
    if (status == STATUS_OK) {
        status = append_views(array, reading->service, tx, &list, fault);
    }
    if (status == STATUS_OK && list.count == reading->filter.limit) {
        char id[UUID_TEXT_SIZE];
        uuid_format(id, &list.rows[list.count - 1].id);
        (void)json_object_set_new(reading->out, "next", json_string(id));
    }
    store_withdrawal_list_free(&list);
    return status;
}

static enum status list_filter(struct store_withdrawal_filter *filter, enum withdrawal_state *state,
                               struct name *wallet, struct uuid *before, const struct http_request *request,
                               struct fault *fault)
{
    const char *text = http_query(request, "state");
    if (text != NULL && withdrawal_state_parse(state, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "state", "not a state of a withdrawal");
    }
    filter->state = text == NULL ? NULL : state;
    text = http_query(request, "wallet");
    if (text != NULL && name_parse(wallet, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "wallet", "must be a name");
    }
    filter->wallet = text == NULL ? NULL : wallet;
    text = http_query(request, "cursor");
    if (text != NULL && uuid_parse(before, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "cursor", "must be the `next` of a page");
    }
    filter->before = text == NULL ? NULL : before;
    int64_t limit = 100;
    enum status status = http_query_integer(&limit, request, "limit", 1, STORE_WITHDRAWALS_MAX, fault);
    filter->limit = (unsigned)limit;
    return status;
}

enum status withdrawal_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    enum withdrawal_state state = WITHDRAWAL_REQUESTED;
    struct name wallet;
    struct uuid before;
    struct reading reading = {.service = service};
    enum status status = list_filter(&reading.filter, &state, &wallet, &before, request, fault);
    if (status == STATUS_OK) {
        status = store_read(service->store, list_in, &reading, fault);
    }
    if (status != STATUS_OK) {
        json_decref(reading.out);
        return status;
    }
    return http_reply_json(reply, 200, reading.out, fault);
}
