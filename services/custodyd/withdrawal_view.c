/*
 * What is shown of a withdrawal: the row, its documents as the bytes they are, and the decisions about it.
 */
#include "policy/transaction.h"
#include "record.h"
#include "store/outbox.h"
#include "store/pending.h"
#include "withdrawals.h"
#include "witnesses.h"

enum status approval_document(struct signed_document *out, const struct store_approval *row)
{
    struct signed_document document = {0};
    enum status status = bytes_copy(&document.document, row->document.data, row->document.len);
    if (status == STATUS_OK) {
        status = signed_document_add(&document, &row->signature);
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return status;
    }
    *out = document;
    return STATUS_OK;
}

static enum status append_approval(json_t *array, const struct store_approval *row, struct fault *fault)
{
    struct signed_document document = {0};
    json_t *object = NULL;
    enum status status = approval_document(&document, row);
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, &document, fault);
    }
    if (status == STATUS_OK && json_array_append_new(array, object) != 0) {
        status = STATUS_NO_MEMORY;
    }
    signed_document_free(&document);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "approvals", "%s", "");
}

static enum status approvals_view(json_t **out, const struct store_tx *tx, const struct uuid *id, struct fault *fault)
{
    struct store_approval_list list = {0};
    json_t *array = json_array();
    enum status status = array == NULL ? fault_set(fault, STATUS_NO_MEMORY, "approvals", "%s", "") : STATUS_OK;
    if (status == STATUS_OK) {
        status = store_approval_list(&list, tx, id, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        status = append_approval(array, &list.rows[i], fault);
    }
    store_approval_list_free(&list);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

/* The texts of a row, made here so that json_pack stays one call. */
struct texts {
    char id[UUID_TEXT_SIZE];
    char asset[DIGEST_HEX_LEN + 1];
    char amount[AMOUNT_TEXT_SIZE];
    char requested_at[TIME_TEXT_SIZE];
    char expires_at[TIME_TEXT_SIZE];
    char intent_digest[DIGEST_HEX_LEN + 1];
    char transaction_id[DIGEST_HEX_LEN + 1];
    char short_code[SHORT_CODE_SIZE];
};

static void fill_texts(struct texts *texts, const struct store_withdrawal *row)
{
    struct digest digest;
    uuid_format(texts->id, &row->id);
    digest_format(texts->asset, &row->asset);
    amount_format(texts->amount, row->amount);
    time_format(texts->requested_at, row->requested_at_utc_us);
    time_format(texts->expires_at, row->expires_at_utc_us);
    intent_digest(&digest, row->intent.data, row->intent.len);
    digest_format(texts->intent_digest, &digest);
    intent_short_code(texts->short_code, &digest);
    transaction_id(&digest, row->transaction.data, row->transaction.len);
    digest_format(texts->transaction_id, &digest);
}

static const char *text_of(const struct bytes *bytes)
{
    return bytes->data == NULL ? "" : (const char *)bytes->data;
}

/* Which witnesses did not cosign when they were asked last, of one that may wait for them. False: memory ran out. */
static bool put_witnesses(json_t *waiting, const struct service *service, const struct store_outbox_wait *wait)
{
    struct witness_state states[AUDIT_WITNESSES_MAX];
    size_t count = witnesses_states(states, service);
    json_t *array = NULL;
    bool good = true;
    if (strcmp(wait->kind, "sign") != 0 || strcmp(wait->waits_for, status_info(STATUS_NOT_READY)->code) != 0) {
        return true;
    }
    for (size_t i = 0; good && i < count; i++) {
        if (states[i].last != STATUS_OK) {
            array = array == NULL ? json_array() : array;
            good = json_array_append_new(array, json_pack("{s:s, s:s}", "name", states[i].name, "reason",
                                                          status_info(states[i].last)->code)) == 0;
        }
    }
    return (array == NULL || json_object_set_new(waiting, "witnesses", array) == 0) && good;
}

/* What an open withdrawal waits for: the step, the status code that put it off last, and since when it is this one. */
static enum status put_waiting(json_t *view, const struct service *service, const struct store_tx *tx,
                               const struct store_withdrawal *row, struct fault *fault)
{
    struct store_outbox_wait wait;
    struct fault why = {0};
    char since[TIME_TEXT_SIZE];
    char until[TIME_TEXT_SIZE];
    if (withdrawal_state_is_end(row->state)) {
        return STATUS_OK;
    }
    enum status status = store_outbox_wait_get(&wait, tx, &row->id, &why);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
    }
    time_format(since, wait.since_utc_us);
    time_format(until, wait.until_utc_us);
    json_t *waiting = json_pack("{s:s, s:s, s:s}", "step", wait.kind, "for", wait.waits_for, "since", since);
    bool known = wait.until_utc_us != 0;
    bool announced = known && strcmp(wait.kind, "announce") == 0 && row->state == WITHDRAWAL_APPROVED;
    return json_object_set_new(view, "waiting", waiting) == 0 && put_witnesses(waiting, service, &wait) &&
                   (!known || json_object_set_new(waiting, "until", json_string(until)) == 0) &&
                   (!announced || json_object_set_new(view, "sign_at", json_string(until)) == 0)
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "withdrawal", "%s", "");
}

/* An issue says so. An open one that was proposed under another version than the one in force is judged under both. */
static enum status put_change(json_t *view, const struct service *service, const struct store_withdrawal *row,
                              struct fault *fault)
{
    struct intent intent;
    if (intent_decode(&intent, row->intent.data, row->intent.len, NULL) != STATUS_OK) {
        return STATUS_OK;
    }
    bool changed =
        !withdrawal_state_is_end(row->state) && !digest_equal(&intent.policy, &service_policy(service)->digest);
    bool good = !changed || json_object_set_new(view, "policy_changed", json_true()) == 0;
    good = good && (intent.type != TRANSACTION_ISSUE || json_object_set_new(view, "type", json_string("issue")) == 0);
    return good ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "withdrawal", "%s", "");
}

/* An open one of which this database never made an entry goes no further (history.h). */
static enum status put_unrecorded(json_t *view, const struct store_tx *tx, const struct store_withdrawal *row,
                                  struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uint64_t last = 0;
    if (withdrawal_state_is_end(row->state)) {
        return STATUS_OK;
    }
    uuid_format(id, &row->id);
    enum status status = store_ordinal_last(tx, &last, RECORD_WITHDRAWAL, id, fault);
    return status != STATUS_OK || last > 0 || json_object_set_new(view, "unrecorded", json_true()) == 0
               ? status
               : fault_set(fault, STATUS_NO_MEMORY, "withdrawal", "%s", "");
}

/* Why it ended, and where the ledger has it. */
static enum status put_end(json_t *view, const struct store_withdrawal *row, struct fault *fault)
{
    if (row->reason[0] != '\0' && json_object_set_new(view, "reason", json_string(row->reason)) != 0) {
        return fault_set(fault, STATUS_CORRUPT, "withdrawal", "the row cannot be shown");
    }
    return row->height == 0 || json_object_set_new(view, "height", json_integer((json_int_t)row->height)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "withdrawal", "%s", "");
}

/* Only what has ended badly can have been vetoed. */
static enum status put_veto(json_t *view, const struct service *service, const struct store_tx *tx,
                            const struct store_withdrawal *row, struct fault *fault)
{
    struct digest digest;
    json_t *veto = NULL;
    if (strcmp(row->reason, status_info(STATUS_DENIED)->code) != 0) {
        return STATUS_OK;
    }
    intent_digest(&digest, row->intent.data, row->intent.len);
    enum status status = veto_view(&veto, service, tx, &digest, fault);
    return status != STATUS_OK || veto == NULL || json_object_set_new(view, "veto", veto) == 0
               ? status
               : fault_set(fault, STATUS_NO_MEMORY, "withdrawal", "%s", "");
}

enum status withdrawal_view(json_t **out, const struct service *service, const struct store_tx *tx,
                            const struct store_withdrawal *row, struct fault *fault)
{
    struct texts texts;
    json_t *approvals = NULL;
    enum status status = approvals_view(&approvals, tx, &row->id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    fill_texts(&texts, row);
    json_t *view = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", texts.id, "state",
        withdrawal_state_text(row->state), "version", (json_int_t)row->ver, "wallet", row->wallet.text, "asset",
        texts.asset, "amount", texts.amount, "destination", row->destination, "requester", row->requester.text,
        "requested_at", texts.requested_at, "expires_at", texts.expires_at, "intent", text_of(&row->intent),
        "intent_digest", texts.intent_digest, "short_code", texts.short_code, "transaction", text_of(&row->transaction),
        "transaction_id", texts.transaction_id, "approvals", approvals);
    if (view == NULL) {
        return fault_set(fault, STATUS_CORRUPT, "withdrawal", "the row cannot be shown");
    }
    status = put_end(view, row, fault);
    if (status == STATUS_OK) {
        status = put_veto(view, service, tx, row, fault);
    }
    if (status == STATUS_OK) {
        status = put_change(view, service, row, fault);
    }
    if (status == STATUS_OK) {
        status = put_unrecorded(view, tx, row, fault);
    }
    if (status == STATUS_OK) {
        status = put_waiting(view, service, tx, row, fault);
    }
    if (status != STATUS_OK) {
        json_decref(view);
        return status;
    }
    *out = view;
    return STATUS_OK;
}
