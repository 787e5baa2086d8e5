/*
 * Wallets with their balances: what the ledger says they hold, less what open withdrawals have reserved; and with their
 * addresses, as far as people may be told to send something there (key_address.h).
 */
#include "key_address.h"
#include "key_gate.h"
#include "resources.h"
#include "service.h"
#include "store/withdrawal.h"
#include "suspense.h"

struct showing {
    struct service *service;
    const struct policy *policy;
    const struct wallet *only; /* NULL: all */
    json_t *out;
    struct key_address address; /* of the wallet that was looked at last */
};

static enum status balance_view(json_t **out, struct service *service, const struct store_tx *tx,
                                const struct wallet *wallet, const struct digest *id, struct fault *fault)
{
    struct ledger_balance balance = {0};
    struct wire_freeze freeze;
    struct amount reserved;
    struct amount available = amount_from_u64(0);
    char account[ADDRESS_TEXT_SIZE];
    address_format(account, &wallet->account);
    enum status status = ledger_node_balance(service->node, &balance, &wallet->account, id, fault);
    if (status == STATUS_OK) {
        status = store_reservation_sum(&reserved, tx, account, id, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct amount posted = balance.negative ? amount_from_u64(0) : balance.amount;
    struct amount ours = posted;
    struct amount held;
    status = suspense_take_off(&held, &ours, tx, wallet, id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool may_pay = key_gate_check(service, wallet, id, NULL) == STATUS_OK; /* otherwise nothing is available */
    if (may_pay && amount_compare(ours, reserved) > 0 && amount_subtract(&available, ours, reserved) != STATUS_OK) {
        return fault_set(fault, STATUS_INTERNAL, "balance", "%s", "");
    }
    const struct asset *asset = ledger_genesis_asset(ledger_node_genesis(service->node), id);
    char texts[4][AMOUNT_TEXT_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, id);
    amount_format(texts[0], posted);
    amount_format(texts[1], reserved);
    amount_format(texts[2], available);
    amount_format(texts[3], held);
    *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "asset", hex, "posted", texts[0], "reserved", texts[1],
                     "available", texts[2], "suspense", texts[3], "code", asset == NULL ? "" : asset->code, "decimals",
                     asset == NULL ? 0 : (int)asset->decimals);
    bool frozen = key_board_frozen(&freeze, service->board, &wallet->id, id);
    if (*out == NULL || json_object_set_new(*out, "frozen", json_boolean(frozen)) != 0) {
        json_decref(*out);
        return fault_set(fault, STATUS_NO_MEMORY, "wallet", "%s", "");
    }
    return STATUS_OK;
}

static enum status balances_view(json_t **out, struct service *service, const struct store_tx *tx,
                                 const struct wallet *wallet, struct fault *fault)
{
    json_t *balances = json_array();
    enum status status = balances == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < wallet->asset_count; i++) {
        json_t *balance = NULL;
        status = balance_view(&balance, service, tx, wallet, &wallet->assets[i], fault);
        if (status == STATUS_OK && json_array_append_new(balances, balance) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    if (status != STATUS_OK) {
        json_decref(balances);
        return fault_set(fault, status, "wallet", "%s", "");
    }
    *out = balances;
    return STATUS_OK;
}

/* The address of the attestation, or why there is none. Never the one that only the policy's key would give. */
static bool put_address(json_t *view, const struct key_address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    if (address->reason != KEY_ADDRESS_SHOWN) {
        return json_object_set_new(view, "address_reason", json_string(key_address_reason_text(address->reason))) == 0;
    }
    address_format(text, &address->account);
    return json_object_set_new(view, "address", json_string(text)) == 0;
}

static bool put_key(json_t *view, struct service *service, const struct wallet *wallet)
{
    struct key_board_entry entry;
    char hex[DIGEST_HEX_LEN + 1];
    json_t *key = NULL;
    digest_format(hex, &wallet->key_id);
    bool good = account_key_encode(&key, &wallet->key, NULL) == STATUS_OK &&
                json_object_update(view, key) == 0 && /* alg and key */
                json_object_set_new(view, "key_id", json_string(hex)) == 0;
    if (good && key_board_find(&entry, service->board, &wallet->key_id) == STATUS_OK) {
        good = json_object_set_new(view, "key_state", json_string(entry.key.state)) == 0;
    }
    json_decref(key);
    return good;
}

static enum status wallet_view(json_t **out, struct showing *showing, const struct store_tx *tx,
                               const struct wallet *wallet, struct fault *fault)
{
    struct service *service = showing->service;
    struct key_address *address = &showing->address;
    json_t *balances = NULL;
    json_t *suspense = NULL;
    enum status status = key_address_judge(address, service, tx, &wallet->key_id, fault);
    if (status == STATUS_OK && address->reason == KEY_ADDRESS_SHOWN &&
        !account_id_equal(&address->account, &wallet->account)) {
        return fault_set(fault, STATUS_INTERNAL, "address", "%s", "");
    }
    if (status == STATUS_OK) {
        status = balances_view(&balances, service, tx, wallet, fault);
    }
    if (status == STATUS_OK) {
        status = suspense_view(&suspense, tx, wallet, fault);
    }
    if (status != STATUS_OK) {
        json_decref(balances);
        return status;
    }
    json_t *view = json_pack("{s:s, s:s, s:o, s:o}", "name", wallet->id.text, "tier", policy_tier_text(wallet->tier),
                             "balances", balances, "suspense", suspense);
    if (view == NULL || !put_address(view, address) || !put_key(view, service, wallet)) {
        json_decref(view);
        return fault_set(fault, STATUS_NO_MEMORY, "wallet", "%s", "");
    }
    *out = view;
    return STATUS_OK;
}

static enum status show_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct showing *showing = context;
    const struct policy *policy = showing->policy;
    json_decref(showing->out);
    showing->out = json_array();
    enum status status = showing->out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < policy->wallet_count; i++) {
        if (showing->only != NULL && showing->only != &policy->wallets[i]) {
            continue;
        }
        json_t *view = NULL;
        status = wallet_view(&view, showing, tx, &policy->wallets[i], fault);
        if (status == STATUS_OK && json_array_append_new(showing->out, view) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    return status;
}

enum status wallet_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    struct showing showing = {.service = service, .policy = service_policy(service)};
    enum status status = store_read(service->store, show_in, &showing, fault);
    if (status != STATUS_OK) {
        json_decref(showing.out);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "wallets", showing.out), fault);
}

enum status wallet_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct showing showing = {.service = service, .policy = service_policy(service)};
    struct name name;
    if (name_parse(&name, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "name", "must be a name");
    }
    showing.only = policy_find_wallet(showing.policy, &name);
    if (showing.only == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "name", "no such wallet in the policy");
    }
    enum status status = store_read(service->store, show_in, &showing, fault);
    if (status == STATUS_OK && showing.address.reason == KEY_ADDRESS_FORGED) {
        status = key_address_refuse(service, &showing.only->key_id, &showing.address, "address", fault);
    }
    json_t *view = status == STATUS_OK ? json_incref(json_array_get(showing.out, 0)) : NULL;
    json_decref(showing.out);
    return status == STATUS_OK ? http_reply_json(reply, 200, view, fault) : status;
}
