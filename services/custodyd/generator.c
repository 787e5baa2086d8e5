/*
 * The transaction generator. It proposes; the signer rebuilds the transaction from the intent and believes nothing of
 * this.
 */
#include "generator.h"

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
        .valid_until = node.confirmed_height + (uint64_t)service->options.transaction_window,
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
