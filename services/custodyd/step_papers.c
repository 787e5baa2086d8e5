/*
 * What a step of a withdrawal needs to ask the signer. Columns that do not say what the intent says were edited; who
 * signed what is judged afterwards.
 */
#include "step_papers.h"

#include <inttypes.h>

#include "destinations.h"
#include "key_papers.h"
#include "policy/account.h"
#include "store/ending.h"
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

const struct policy *step_policy(const struct service *service, const struct store_withdrawal *row)
{
    struct intent intent;
    return intent_decode(&intent, row->intent.data, row->intent.len, NULL) == STATUS_OK
               ? service_policy_named(service, &intent.policy)
               : NULL;
}

const struct wallet *step_wallet(const struct service *service, const struct store_withdrawal *row)
{
    const struct policy *policy = step_policy(service, row);
    return policy == NULL ? NULL : policy_find_wallet(policy, &row->wallet);
}

/* An order that the quorum gave for this intent. */
struct sweeping {
    const struct service *service;
    struct digest intent;
};

static bool is_sweep(void *context, int64_t *out_issued_at_utc_us, const struct signed_document *order)
{
    const struct sweeping *sweeping = context;
    struct command command;
    bool good = key_paper_is_sweep(&command, sweeping->service, order, &sweeping->intent);
    *out_issued_at_utc_us = good ? command.issued_at : 0;
    return good;
}

static enum status load_sweep(struct step_papers *papers, const struct store_tx *tx, struct fault *fault)
{
    struct sweeping sweeping = {.service = papers->service};
    const struct key_paper_choice choice = {.fits = is_sweep, .context = &sweeping};
    struct fault why = {0};
    intent_digest(&sweeping.intent, papers->row.intent.data, papers->row.intent.len);
    enum status status = key_paper_find(&papers->sweep, tx, KEY_PAPER_COMMAND, &sweeping.intent, &choice, &why);
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status load_approvals(struct step_papers *papers, const struct store_tx *tx, struct fault *fault)
{
    struct store_approval_list list = {0};
    enum status status = store_approval_list(&list, tx, papers->id, fault);
    if (status == STATUS_OK && list.count > 0) {
        papers->approvals = calloc(list.count, sizeof(*papers->approvals));
        status = papers->approvals == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        if (list.rows[i].decision != STORE_DECISION_REJECT) {
            status = approval_document(&papers->approvals[papers->approval_count], &list.rows[i]);
            papers->approval_count += status == STATUS_OK ? 1 : 0;
        }
    }
    store_approval_list_free(&list);
    return status;
}

static void format_number(char out[STEP_TEXT_SIZE], bool set, uint64_t number)
{
    if (set) {
        (void)snprintf(out, STEP_TEXT_SIZE, "%" PRIu64, number);
    }
}

size_t step_papers_compare(struct step_difference out[STEP_COLUMNS], const struct store_withdrawal *row,
                           const struct intent *intent)
{
    struct step_difference columns[STEP_COLUMNS] = {
        {"id", "", ""},        {"wallet", "", ""},     {"asset", "", ""}, {"amount", "", ""}, {"destination", "", ""},
        {"requester", "", ""}, {"expires_at", "", ""}, {"lane", "", ""},  {"seq", "", ""},    {"transaction", "", ""}};
    struct digest transaction;
    size_t count = 0;
    size_t i = 0;
    transaction_id(&transaction, row->transaction.data, row->transaction.len);
    uuid_format(columns[i].row, &row->id);
    uuid_format(columns[i++].papers, &intent->withdrawal);
    (void)snprintf(columns[i].row, STEP_TEXT_SIZE, "%s", row->wallet.text);
    (void)snprintf(columns[i++].papers, STEP_TEXT_SIZE, "%s", intent->wallet.text);
    digest_format(columns[i].row, &row->asset);
    digest_format(columns[i++].papers, &intent->asset);
    amount_format(columns[i].row, row->amount);
    amount_format(columns[i++].papers, intent->amount);
    (void)snprintf(columns[i].row, STEP_TEXT_SIZE, "%s", row->destination);
    address_format(columns[i++].papers, &intent->destination);
    (void)snprintf(columns[i].row, STEP_TEXT_SIZE, "%s", row->requester.text);
    (void)snprintf(columns[i++].papers, STEP_TEXT_SIZE, "%s", intent->requester.text);
    time_format(columns[i].row, row->expires_at_utc_us);
    time_format(columns[i++].papers, intent->expires_at);
    format_number(columns[i].row, row->placed, row->lane);
    format_number(columns[i++].papers, true, intent->lane);
    format_number(columns[i].row, row->placed, row->seq);
    format_number(columns[i++].papers, true, intent->seq);
    digest_format(columns[i].row, &transaction);
    digest_format(columns[i++].papers, &intent->transaction);
    INVARIANT(i == STEP_COLUMNS);
    for (i = 0; i < STEP_COLUMNS; i++) {
        if (strcmp(columns[i].row, columns[i].papers) != 0) {
            out[count++] = columns[i];
        }
    }
    return count;
}

enum status step_papers_check_columns(const struct store_withdrawal *row, const struct intent *intent,
                                      struct fault *fault)
{
    struct step_difference differences[STEP_COLUMNS];
    char where[32];
    if (step_papers_compare(differences, row, intent) == 0) {
        return STATUS_OK;
    }
    (void)snprintf(where, sizeof(where), "withdrawal.%s", differences[0].field);
    return fault_set(fault, STATUS_MISMATCH, where, "the row does not say what the intent says");
}

static enum status find_listed(struct step_papers *papers, const struct store_tx *tx, const struct account_id *account,
                               struct fault *fault)
{
    struct destination_entry entry = {0};
    enum status status = destination_find(&entry, papers->service, tx, account, fault);
    if (status == STATUS_OK) {
        papers->destination = entry.document;
        entry.document = (struct signed_document){0}; /* transferred */
    }
    destination_entry_wipe(&entry);
    return status;
}

/*
 * The entry of the allow-list: the one that was recorded, whatever became of it since, or the one that is on the list.
 * The row's own intent must pay to the account that was recorded.
 */
static enum status load_destination(struct step_papers *papers, const struct store_tx *tx, const struct intent *intent,
                                    struct fault *fault)
{
    struct destination destination;
    if (papers->recorded == NULL) {
        return find_listed(papers, tx, &intent->destination, fault);
    }
    enum status status = destination_find_recorded(&papers->destination, tx, papers->recorded, fault);
    if (status == STATUS_OK) {
        status = destination_decode(&destination, papers->destination.document.data, papers->destination.document.len,
                                    fault);
    }
    if (status == STATUS_OK && papers->intent == NULL &&
        !account_id_equal(&destination.account, &intent->destination)) {
        status = fault_set(fault, STATUS_MISMATCH, "destination", "another account was recorded");
    }
    return status;
}

static enum status load_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct step_papers *papers = context;
    struct intent intent;
    step_papers_wipe(papers);
    enum status status = store_withdrawal_get(&papers->row, tx, papers->id, fault);
    if (status == STATUS_OK && papers->intent != NULL) {
        bytes_free(&papers->row.intent);
        status = bytes_copy(&papers->row.intent, papers->intent->data, papers->intent->len);
    }
    if (status == STATUS_OK) {
        status = intent_decode(&intent, papers->row.intent.data, papers->row.intent.len, fault);
    }
    if (status == STATUS_OK && papers->intent == NULL) {
        status = step_papers_check_columns(&papers->row, &intent, fault);
    }
    if (status == STATUS_OK) {
        status = load_destination(papers, tx, &intent, fault);
    }
    if (status == STATUS_OK) {
        status = load_approvals(papers, tx, fault);
    }
    status = status == STATUS_OK ? load_sweep(papers, tx, fault) : status;
    return status == STATUS_OK ? store_ending_newest(&papers->ends, tx, fault) : status;
}

enum status step_papers_load(struct step_papers *out, struct service *service, const struct uuid *id,
                             const struct bytes *intent, const struct store_leaf *recorded, struct fault *fault)
{
    *out = (struct step_papers){.service = service, .id = id, .intent = intent, .recorded = recorded};
    enum status status = store_read(service->store, load_in, out, fault);
    if (status != STATUS_OK) {
        step_papers_wipe(out);
    }
    return status;
}
