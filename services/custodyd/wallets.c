/*
 * Wallets with their balances: what the ledger says they hold, less what open withdrawals have reserved.
 */
#include "resources.h"
#include "service.h"
#include "store/withdrawal.h"

struct showing {
    struct service *service;
    const struct wallet *only; /* NULL: all */
    json_t *out;
};

static enum status balance_view(json_t **out, struct service *service, struct store_tx *tx, const struct wallet *wallet,
                                const struct digest *id, struct fault *fault)
{
    struct ledger_balance balance = {0};
    struct amount reserved;
    struct amount available = amount_from_u64(0);
    enum status status = ledger_node_balance(service->node, &balance, &wallet->account, id, fault);
    if (status == STATUS_OK) {
        status = store_reservation_sum(&reserved, tx, &wallet->id, id, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct amount posted = balance.negative ? amount_from_u64(0) : balance.amount;
    if (amount_compare(posted, reserved) > 0 && amount_subtract(&available, posted, reserved) != STATUS_OK) {
        return fault_set(fault, STATUS_INTERNAL, "balance", "%s", "");
    }
    const struct asset *asset = ledger_genesis_asset(ledger_node_genesis(service->node), id);
    char texts[3][AMOUNT_TEXT_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, id);
    amount_format(texts[0], posted);
    amount_format(texts[1], reserved);
    amount_format(texts[2], available);
    *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "asset", hex, "posted", texts[0], "reserved", texts[1],
                     "available", texts[2], "code", asset == NULL ? "" : asset->code, "decimals",
                     asset == NULL ? 0 : (int)asset->decimals);
    return *out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "wallet", "%s", "") : STATUS_OK;
}

static enum status wallet_view(json_t **out, struct service *service, struct store_tx *tx, const struct wallet *wallet,
                               struct fault *fault)
{
    char address[ADDRESS_TEXT_SIZE];
    json_t *key = NULL;
    json_t *balances = json_array();
    enum status status = balances == NULL ? STATUS_NO_MEMORY : account_key_encode(&key, &wallet->key, fault);
    for (size_t i = 0; status == STATUS_OK && i < wallet->asset_count; i++) {
        json_t *balance = NULL;
        status = balance_view(&balance, service, tx, wallet, &wallet->assets[i], fault);
        if (status == STATUS_OK && json_array_append_new(balances, balance) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    if (status != STATUS_OK) {
        json_decref(key);
        json_decref(balances);
        return fault_set(fault, status, "wallet", "%s", "");
    }
    address_format(address, &wallet->account);
    *out = json_pack("{s:s, s:s, s:s, s:o}", "name", wallet->id.text, "tier", policy_tier_text(wallet->tier), "address",
                     address, "balances", balances);
    if (*out != NULL && json_object_update(*out, key) != 0) { /* alg and key */
        json_decref(*out);
        *out = NULL;
    }
    json_decref(key);
    return *out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "wallet", "%s", "") : STATUS_OK;
}

static enum status show_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct showing *showing = context;
    const struct policy *policy = &showing->service->policy;
    json_decref(showing->out);
    showing->out = json_array();
    enum status status = showing->out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < policy->wallet_count; i++) {
        if (showing->only != NULL && showing->only != &policy->wallets[i]) {
            continue;
        }
        json_t *view = NULL;
        status = wallet_view(&view, showing->service, tx, &policy->wallets[i], fault);
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
    struct showing showing = {.service = service};
    enum status status = store_transact(service->store, show_in, &showing, fault);
    if (status != STATUS_OK) {
        json_decref(showing.out);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "wallets", showing.out), fault);
}

enum status wallet_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct showing showing = {.service = service};
    struct name name;
    if (name_parse(&name, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "name", "must be a name");
    }
    showing.only = policy_find_wallet(&service->policy, &name);
    if (showing.only == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "name", "no such wallet in the policy");
    }
    enum status status = store_transact(service->store, show_in, &showing, fault);
    json_t *view = status == STATUS_OK ? json_incref(json_array_get(showing.out, 0)) : NULL;
    json_decref(showing.out);
    return status == STATUS_OK ? http_reply_json(reply, 200, view, fault) : status;
}
