/*
 * What the trail has of a withdrawal that people look at, against its row.
 */
#include "recorded.h"

#include "history.h"
#include "step_papers.h"
#include "step_signature.h"
#include "trail_leaf.h"
#include "withdrawals.h"

void recorded_wipe(struct recorded *recorded)
{
    store_withdrawal_wipe(&recorded->row);
    store_leaf_wipe(&recorded->leaf);
}

static enum status read_row_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct recorded *recorded = context;
    store_withdrawal_wipe(&recorded->row);
    return store_withdrawal_get(&recorded->row, tx, &recorded->id, fault);
}

static enum status read_refs(struct recorded *recorded, struct fault *fault)
{
    struct audit_event event = {0};
    enum status status = trail_leaf_event(&event, &recorded->leaf, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref(&recorded->intent_id, &event, INTENT_KIND);
    }
    if (status == STATUS_OK) {
        status = audit_event_ref(&recorded->transaction_id, &event, TRANSACTION_KIND);
    }
    audit_event_wipe(&event);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, recorded->leaf.act, "does not name them");
}

static void take_signing(struct recorded *recorded, struct store_leaf_list *list)
{
    for (size_t i = list->count; i > 0 && recorded->leaf.raw.len == 0; i--) {
        if (strcmp(list->rows[i - 1].act, audit_action_text(AUDIT_WITHDRAWAL_SIGNING)) == 0) {
            recorded->leaf = list->rows[i - 1];
            list->rows[i - 1] = (struct store_leaf){0}; /* transferred */
        }
    }
}

/* What log_fork_end wrote, and nothing else that a history begins with. */
static bool tells_end(const struct store_leaf *entry)
{
    struct audit_event event = {0};
    bool tells = entry->ord == 1 && strcmp(entry->act, audit_action_text(AUDIT_WITHDRAWAL_QUARANTINED)) == 0 &&
                 trail_leaf_event(&event, entry, NULL) == STATUS_OK &&
                 strcmp(event.reason, status_info(STATUS_LOG_ENDED)->code) == 0;
    audit_event_wipe(&event);
    return tells;
}

/* The history of a withdrawal begins with its request, or where the log before this one ended. */
static void take_ended(struct recorded *recorded, struct store_leaf_list *list)
{
    recorded->ended = list->count > 0 && tells_end(&list->rows[0]);
    if (recorded->ended) {
        recorded->leaf = list->rows[0];
        list->rows[0] = (struct store_leaf){0}; /* transferred */
    }
}

/* The newest entry before a signature, if one is shown. */
static enum status find_signing(struct recorded *recorded, struct fault *fault)
{
    struct history history = {.whole = false};
    enum status status = history_read(&history, recorded->service, &recorded->id, fault);
    recorded->whole = history.whole;
    recorded->asked = status == STATUS_OK && history_asked(&recorded->asked_id, &history);
    if (status == STATUS_OK) {
        take_signing(recorded, &history.entries);
    }
    if (status == STATUS_OK && recorded->leaf.raw.len == 0) {
        take_ended(recorded, &history.entries);
    }
    history_wipe(&history);
    return status;
}

enum status recorded_read(struct recorded *inout, const struct http_request *request, struct fault *fault)
{
    if (uuid_parse(&inout->id, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
    }
    enum status status = store_read(inout->service->store, read_row_in, inout, fault);
    if (status == STATUS_OK) {
        status = find_signing(inout, fault);
    }
    return status == STATUS_OK && inout->leaf.raw.len > 0 ? read_refs(inout, fault) : status;
}

/* What differs */

bool recorded_is_intent(const struct recorded *recorded, const struct bytes *document)
{
    struct digest digest;
    intent_digest(&digest, document->data, document->len);
    return digest_equal(&digest, &recorded->intent_id);
}

static void append_difference(json_t *array, const char *field, const char *row, const char *recorded)
{
    (void)json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "field", field, "row", row, "recorded", recorded));
}

/* A column of digests: of the row's bytes, against what the entry names. */
static void compare_digest(json_t *array, const char *field, const struct digest *row, const struct digest *recorded)
{
    char is[DIGEST_HEX_LEN + 1];
    char was[DIGEST_HEX_LEN + 1];
    if (!digest_equal(row, recorded)) {
        digest_format(is, row);
        digest_format(was, recorded);
        append_difference(array, field, is, was);
    }
}

static void check_signature(json_t *array, const struct recorded *recorded)
{
    struct signed_document transaction = {0};
    struct fault why = {0};
    const struct wallet *wallet = step_wallet(recorded->service, &recorded->row);
    if (recorded->row.signature.data == NULL) {
        return; /* none yet */
    }
    enum status status = step_signed_transaction(&transaction, &recorded->row, &why);
    if (status == STATUS_OK && wallet != NULL) {
        status = signed_document_verify(&transaction, "transaction", 0, &wallet->key, &why);
    }
    signed_document_free(&transaction);
    if (status != STATUS_OK) {
        append_difference(array, "signature", status_info(status)->code, "ok");
    }
}

static json_t *differences_of(const struct recorded *recorded)
{
    json_t *array = json_array();
    struct step_difference columns[STEP_COLUMNS];
    struct intent intent;
    struct digest digest;
    const struct store_withdrawal *row = &recorded->row;
    if (recorded->leaf.raw.len > 0) {
        intent_digest(&digest, row->intent.data, row->intent.len);
        compare_digest(array, "intent_digest", &digest, &recorded->intent_id);
        transaction_id(&digest, row->transaction.data, row->transaction.len);
        compare_digest(array, "transaction_id", &digest, &recorded->transaction_id);
    }
    if (intent_decode(&intent, row->intent.data, row->intent.len, NULL) == STATUS_OK) {
        size_t count = step_papers_compare(columns, row, &intent);
        for (size_t i = 0; i < count; i++) {
            append_difference(array, columns[i].field, columns[i].row, columns[i].papers);
        }
    }
    check_signature(array, recorded);
    return array;
}

enum status withdrawal_differences(struct service *service, const struct http_request *request,
                                   struct http_reply *reply, struct fault *fault)
{
    struct recorded recorded = {.service = service};
    enum status status = recorded_read(&recorded, request, fault);
    if (status == STATUS_OK) {
        json_t *object = json_pack("{s:s, s:b, s:s, s:o}", "state", withdrawal_state_text(recorded.row.state),
                                   "recorded", recorded.leaf.raw.len > 0, "reason", recorded.row.reason, "differences",
                                   differences_of(&recorded));
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "differences", "%s", "")
                                : http_reply_json(reply, 200, object, fault);
    }
    recorded_wipe(&recorded);
    return status;
}
