/*
 * Whose a transaction of one of our addresses is.
 */
#include "key_spending.h"
#include "step_signature.h"
#include "withdrawals.h"

struct matching {
    const struct service *service;
    const struct store_withdrawal_place *place;
    struct digest transaction;
    bool approved;
    struct uuid withdrawal; /* that was approved, by its intent */
};

/*
 * A row says that we asked for this transaction. Whoever edits rows can say so of any; what he cannot make are the
 * signatures of two approvers under the policy that this service serves. Rows that cannot be read show none.
 */
static enum status was_approved(struct matching *matching, const struct store_tx *tx,
                                const struct store_withdrawal *row, struct fault *fault)
{
    struct intent intent;
    struct fault why = {0};
    if (intent_decode(&intent, row->intent.data, row->intent.len, NULL) != STATUS_OK ||
        !digest_equal(&intent.transaction, &matching->transaction)) {
        return STATUS_OK;
    }
    matching->withdrawal = intent.withdrawal;
    enum status status =
        withdrawal_was_approved(&matching->approved, matching->service, tx, &row->id, &row->intent, &why);
    return status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_ALGORITHM_REFUSED
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status match_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct matching *matching = context;
    struct store_withdrawal_list list = {0};
    enum status status = store_withdrawal_list_placed(&list, tx, matching->place, fault);
    matching->approved = false;
    for (size_t i = 0; status == STATUS_OK && i < list.count && !matching->approved; i++) {
        status = was_approved(matching, tx, &list.rows[i], fault);
    }
    store_withdrawal_list_free(&list);
    return status;
}

enum status key_spending_judge(bool *out_ours, struct service *service, const struct store_withdrawal_place *place,
                               struct fault *fault)
{
    struct matching matching = {.service = service, .place = place};
    bool ours = false;
    if (!policies_complete(service->policies)) { /* it may have been approved under one that is not known here */
        return fault_set(fault, STATUS_NOT_READY, "policy", "the versions of the policy are not known here");
    }
    transaction_id(&matching.transaction, place->transaction.data, place->transaction.len);
    enum status status = store_read(service->store, match_in, &matching, fault);
    if (status == STATUS_OK && matching.approved) { /* it may have been taken back since, whatever its row says */
        status = step_was_promised(&ours, service, &matching.withdrawal, &matching.transaction, fault);
    }
    if (status == STATUS_OK) {
        *out_ours = ours;
    }
    return status;
}
