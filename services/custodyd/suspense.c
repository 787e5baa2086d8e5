/*
 * The suspense account of the keys of wallets.
 */
#include "suspense.h"

#include <inttypes.h>

#include "record.h"

struct receiving {
    struct service *service;
    const struct news *news;
    const struct store_suspense *receipt;
};

static enum status receive_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct receiving *receiving = context;
    enum status status = store_suspense_add(tx, receiving->receipt, fault);
    return status == STATUS_OK ? news_tell_in(NULL, receiving->service, tx, receiving->news, fault) : status;
}

static void fill_news(struct news *out, const struct store_suspense *row, const struct suspense_receipt *receipt)
{
    char address[ADDRESS_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    char text[DIGEST_HEX_LEN + 1];
    char asset[DIGEST_HEX_LEN + 1];
    *out = (struct news){
        .action = AUDIT_KEY_RECEIPT_ALARM, .object_type = RECORD_KEY, .reason = STATUS_KEY_INACTIVE, .value = "told"};
    address_format(address, &receipt->leg->account);
    amount_format(amount, row->amount);
    digest_format(text, &row->transaction);
    digest_format(asset, &row->asset);
    digest_format(out->object_id, &row->key);
    (void)snprintf(out->subject, sizeof(out->subject), "receipt/%s/%.16s/%s", text, out->object_id, asset);
    news_ref(out, "transaction", &row->transaction);
    news_ref(out, "asset", &row->asset);
    news_fact(out, "address", address);
    news_fact(out, "amount", amount);
    news_fact(out, "state", receipt->key->key.state);
}

enum status suspense_receive(struct service *service, const struct suspense_receipt *receipt, struct fault *fault)
{
    struct news news;
    struct store_suspense row = {.transaction = *receipt->transaction,
                                 .key = receipt->key->key.key,
                                 .asset = receipt->leg->asset,
                                 .amount = receipt->leg->amount,
                                 .height = receipt->height};
    struct receiving receiving = {.service = service, .news = &news, .receipt = &row};
    address_format(row.sender, receipt->sender);
    (void)snprintf(row.state, sizeof(row.state), "%s", key_state_text(receipt->key->state));
    fill_news(&news, &row, receipt);
    return store_transact(service->store, receive_in, &receiving, fault);
}

enum status suspense_take_off(struct amount *out_held, struct amount *inout_balance, const struct store_tx *tx,
                              const struct wallet *wallet, const struct digest *asset, struct fault *fault)
{
    struct amount held;
    struct amount rest = amount_from_u64(0);
    enum status status = store_suspense_sum(&held, tx, &wallet->key_id, asset, fault);
    if (status == STATUS_OK && amount_compare(*inout_balance, held) > 0) {
        status = amount_subtract(&rest, *inout_balance, held);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "suspense", "%s", "");
    }
    *out_held = held;
    *inout_balance = rest;
    return STATUS_OK;
}

static json_t *receipt_view(const struct store_suspense *row)
{
    char transaction[DIGEST_HEX_LEN + 1];
    char asset[DIGEST_HEX_LEN + 1];
    char amount[AMOUNT_TEXT_SIZE];
    char seen[TIME_TEXT_SIZE];
    char returned[UUID_TEXT_SIZE];
    digest_format(transaction, &row->transaction);
    digest_format(asset, &row->asset);
    amount_format(amount, row->amount);
    time_format(seen, row->seen_at_utc_us);
    json_t *view =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "transaction", transaction, "asset", asset, "amount", amount,
                  "sender", row->sender, "key_state", row->state, "height", (json_int_t)row->height, "seen_at", seen);
    if (view != NULL && row->returning) {
        uuid_format(returned, &row->returned_by);
        (void)json_object_set_new(view, "returned_by", json_string(returned));
    }
    return view;
}

enum status suspense_view(json_t **out, const struct store_tx *tx, const struct wallet *wallet, struct fault *fault)
{
    struct store_suspense_list list = {0};
    json_t *array = json_array();
    enum status status = store_suspense_list(&list, tx, &wallet->key_id, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        if (json_array_append_new(array, receipt_view(&list.rows[i])) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "suspense", "%s", "");
        }
    }
    store_suspense_list_free(&list);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

struct counting {
    struct store_suspense_key *keys;
    size_t count;
};

static enum status count_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct counting *counting = context;
    free(counting->keys);
    counting->keys = NULL;
    return store_suspense_keys(&counting->keys, &counting->count, tx, fault);
}

enum status suspense_alarms(struct alarm_list *list, struct service *service, struct fault *fault)
{
    struct counting counting = {0};
    enum status status = store_read(service->store, count_in, &counting, fault);
    for (size_t i = 0; status == STATUS_OK && i < counting.count; i++) {
        struct news news = {
            .action = AUDIT_KEY_RECEIPT_ALARM, .object_type = RECORD_KEY, .reason = STATUS_KEY_INACTIVE};
        char text[24];
        digest_format(news.object_id, &counting.keys[i].key);
        (void)snprintf(text, sizeof(text), "%" PRIu64, counting.keys[i].count);
        news_fact(&news, "receipts", text);
        status = alarm_list_add(list, &news, counting.keys[i].first_at_utc_us, fault);
    }
    free(counting.keys);
    return status;
}
