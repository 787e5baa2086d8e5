/*
 * The transaction generator. It proposes; the signer rebuilds the transaction from the intent and believes nothing of
 * this.
 */
#include "generator.h"

/*
 * The ledger counts in blocks and the withdrawal lives by the clock. The window of the options is for one that lives as
 * long as the options say; a delay makes it live longer, and so its window, in proportion.
 */
static uint64_t window_of(const struct service *service, const struct store_withdrawal *row)
{
    uint64_t window = (uint64_t)service->options.transaction_window;
    uint64_t usual_s = (uint64_t)service->options.withdrawal_ttl_s;
    uint64_t life_s = (uint64_t)(row->expires_at_utc_us - row->requested_at_utc_us) / 1000000;
    return life_s <= usual_s ? window : (window * life_s + usual_s - 1) / usual_s; /* below 10^9 * 10^7 */
}

static enum status fill_intent(struct intent *intent, struct service *service, const struct generator_order *order,
                               struct fault *fault)
{
    const struct store_withdrawal *row = order->row;
    struct ledger_node_status node;
    ledger_node_status(service->node, &node);
    *intent = (struct intent){
        .amount = row->amount,
        .asset = row->asset,
        .chain = service->chain,
        .environment = order->policy->environment,
        .expires_at = row->expires_at_utc_us,
        .lane = row->lane,
        .policy = order->policy->digest,
        .policy_version = order->policy->version,
        .requested_at = row->requested_at_utc_us,
        .requester = row->requester,
        .returns = order->returns,
        .seq = row->seq,
        .type = order->type,
        .valid_from = node.confirmed_height + 1,
        .valid_until = node.confirmed_height + window_of(service, row),
        .wallet = row->wallet,
        .withdrawal = row->id,
    };
    return address_parse(&intent->destination, row->destination, "destination", fault);
}

enum status generator_build(struct bytes *out_intent, struct bytes *out_transaction, struct service *service,
                            const struct generator_order *order, struct fault *fault)
{
    struct intent intent;
    struct transaction transaction;
    struct bytes document = {0};
    enum status status = fill_intent(&intent, service, order, fault);
    if (status == STATUS_OK) {
        status = transaction_from_intent(&transaction, &intent, &order->wallet->account, fault);
    }
    if (status == STATUS_OK) {
        status = transaction_encode(&document, &transaction, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    transaction_id(&intent.transaction, document.data, document.len);
    status = intent_encode(out_intent, &intent, fault);
    if (status != STATUS_OK) {
        bytes_free(&document);
        return status;
    }
    *out_transaction = document;
    return STATUS_OK;
}
