/*
 * What a step of a withdrawal needs to ask the signer. Columns that do not say what the intent says were edited; who
 * signed what is judged afterwards.
 */
#include "step_papers.h"

#include "key_papers.h"
#include "policy/account.h"
#include "withdrawals.h"

void step_papers_wipe(struct step_papers *papers)
{
    for (size_t i = 0; i < papers->approval_count; i++) {
        signed_document_free(&papers->approvals[i]);
    }
    free(papers->approvals);
    papers->approvals = NULL;
    papers->approval_count = 0;
    signed_document_free(&papers->destination);
    signed_document_free(&papers->sweep);
    store_withdrawal_wipe(&papers->row);
}

static enum status load_sweep(struct step_papers *papers, struct store_tx *tx, struct fault *fault)
{
    struct digest intent;
    struct fault why = {0};
    intent_digest(&intent, papers->row.intent.data, papers->row.intent.len);
    enum status status = key_paper_newest(&papers->sweep, tx, KEY_PAPER_COMMAND, &intent, &why);
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status load_approvals(struct step_papers *papers, struct store_tx *tx, struct fault *fault)
{
    struct store_approval_list list = {0};
    enum status status = store_approval_list(&list, tx, papers->id, fault);
    if (status == STATUS_OK && list.count > 0) {
        papers->approvals = calloc(list.count, sizeof(*papers->approvals));
        status = papers->approvals == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        if (list.rows[i].approves) {
            status = approval_document(&papers->approvals[papers->approval_count], &list.rows[i]);
            papers->approval_count += status == STATUS_OK ? 1 : 0;
        }
    }
    store_approval_list_free(&list);
    return status;
}

enum status step_papers_check_columns(const struct store_withdrawal *row, const struct intent *intent,
                                      struct fault *fault)
{
    char destination[ADDRESS_TEXT_SIZE];
    struct digest transaction;
    address_format(destination, &intent->destination);
    transaction_id(&transaction, row->transaction.data, row->transaction.len);
    const struct {
        const char *where;
        bool same;
    } columns[] = {
        {"withdrawal.id", uuid_equal(&row->id, &intent->withdrawal)},
        {"withdrawal.wallet", name_equal(&row->wallet, &intent->wallet)},
        {"withdrawal.asset", digest_equal(&row->asset, &intent->asset)},
        {"withdrawal.amount", amount_compare(row->amount, intent->amount) == 0},
        {"withdrawal.destination", strcmp(row->destination, destination) == 0},
        {"withdrawal.requester", name_equal(&row->requester, &intent->requester)},
        {"withdrawal.lane", row->placed && row->lane == intent->lane},
        {"withdrawal.seq", row->seq == intent->seq},
        {"withdrawal.transaction", digest_equal(&transaction, &intent->transaction)},
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (!columns[i].same) {
            return fault_set(fault, STATUS_MISMATCH, columns[i].where, "the row does not say what the intent says");
        }
    }
    return STATUS_OK;
}

static enum status load_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct step_papers *papers = context;
    struct intent intent;
    step_papers_wipe(papers);
    enum status status = store_withdrawal_get(&papers->row, tx, papers->id, fault);
    if (status == STATUS_OK) {
        status = intent_decode(&intent, papers->row.intent.data, papers->row.intent.len, fault);
    }
    if (status == STATUS_OK) {
        status = step_papers_check_columns(&papers->row, &intent, fault);
    }
    if (status == STATUS_OK) {
        status = destination_find(&papers->destination, tx, &intent.destination, fault);
    }
    if (status == STATUS_OK) {
        status = load_approvals(papers, tx, fault);
    }
    return status == STATUS_OK ? load_sweep(papers, tx, fault) : status;
}

enum status step_papers_load(struct step_papers *out, struct service *service, const struct uuid *id,
                             struct fault *fault)
{
    *out = (struct step_papers){.service = service, .id = id};
    enum status status = store_transact(service->store, load_in, out, fault);
    if (status != STATUS_OK) {
        step_papers_wipe(out);
    }
    return status;
}
