/*
 * The operations about one withdrawal: between structs and the flat form.
 */
#include "form.h"

/* transfer.sign, whose request transfer.announce has too */

static void transfer_request_free(struct wire_request *request)
{
    struct wire_transfer_request *transfer = &request->transfer;
    for (size_t i = 0; i < transfer->approval_count; i++) {
        signed_document_free(&transfer->approvals[i]);
    }
    free(transfer->approvals);
    signed_document_free(&transfer->destination);
    signed_document_free(&transfer->sweep);
    bytes_free(&transfer->intent);
    bytes_free(&transfer->leaf);
    bytes_free(&transfer->proof);
}

static enum status approvals_read(struct wire_transfer_request *out, const json_t *list, struct fault *fault)
{
    size_t count = json_array_size(list);
    out->approvals = calloc(count + 1, sizeof(*out->approvals));
    if (out->approvals == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "approvals", "%zu approvals", count);
    }
    for (size_t i = 0; i < count; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "approvals[%zu]", i);
        enum status status =
            signed_document_decode(&out->approvals[i], json_array_get(list, i), CANON_DOCUMENT_MAX, path, fault);
        if (status != STATUS_OK) {
            return status;
        }
        out->approval_count = i + 1;
    }
    return STATUS_OK;
}

static enum status approvals_write(json_t **out, const struct wire_transfer_request *request, struct fault *fault)
{
    json_t *list = json_array();
    for (size_t i = 0; i < request->approval_count; i++) {
        json_t *item = NULL;
        enum status status = signed_document_encode(&item, &request->approvals[i], fault);
        if (status != STATUS_OK) {
            json_decref(list);
            return status;
        }
        (void)json_array_append_new(list, item); /* a failure shows as a short list, checked below */
    }
    if (json_array_size(list) != request->approval_count || list == NULL) {
        json_decref(list);
        return fault_set(fault, STATUS_NO_MEMORY, "approvals", "building the list");
    }
    *out = list; /* transferred */
    return STATUS_OK;
}

static enum status transfer_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    struct wire_transfer_request *transfer = &out->transfer;
    enum status status = approvals_read(transfer, form->approvals, fault);
    if (status == STATUS_OK) {
        status = form_signed_read(&transfer->destination, form->destination, "destination", fault);
    }
    if (status == STATUS_OK) {
        status = form_signed_read(&transfer->sweep, form->sweep, "sweep", fault);
    }
    if (status != STATUS_OK) {
        transfer_request_free(out);
        return status;
    }
    transfer->intent = form_take(&form->intent);
    transfer->leaf = form_take(&form->leaf);
    transfer->proof = form_take(&form->proof_text);
    transfer->ends = form->ends;
    return STATUS_OK;
}

static enum status transfer_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    form->intent = request->transfer.intent;
    form->leaf = request->transfer.leaf;
    form->proof_text = request->transfer.proof;
    form->ends = request->transfer.ends;
    if (approvals_write(&form->approvals, &request->transfer, fault) != STATUS_OK) {
        return fault_set(fault, STATUS_INTERNAL, "approvals", "cannot be encoded");
    }
    enum status status = signed_document_encode(&form->destination, &request->transfer.destination, fault);
    return status == STATUS_OK ? form_signed_write(&form->sweep, &request->transfer.sweep, fault) : status;
}

static enum status transfer_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    enum status status = form_signature_decode(&out->transfer.signature, form->signature, fault);
    if (status == STATUS_OK) {
        memcpy(out->transfer.short_code, form->short_code, sizeof(out->transfer.short_code));
        out->transfer.transaction = form_take(&form->transaction);
        out->transfer.promises = form->promises;
    }
    return status;
}

static enum status transfer_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    memcpy(form->short_code, reply->transfer.short_code, sizeof(form->short_code));
    form->promises = reply->transfer.promises;
    if (form_signature_encode(&form->signature, &reply->transfer.signature, fault) != STATUS_OK) {
        return fault_set(fault, STATUS_INTERNAL, "signature", "cannot be encoded");
    }
    return bytes_copy(&form->transaction, reply->transfer.transaction.data, reply->transfer.transaction.len);
}

static void transfer_reply_free(struct wire_reply *reply)
{
    bytes_free(&reply->transfer.transaction);
}

/* transfer.announce */

static enum status announce_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    out->announce = (struct wire_announce_reply){.sign_at = form->sign_at, .due = strcmp(form->state, "due") == 0};
    return out->announce.due || strcmp(form->state, "waiting") == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "state", "there is no such state");
}

static enum status announce_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->sign_at = reply->announce.sign_at;
    form_text(form->state, sizeof(form->state), reply->announce.due ? "due" : "waiting");
    return STATUS_OK;
}

/* transfer.usage */

static const struct canon_field usage_fields[] = {
    CANON_FIELD_OPTIONAL(struct wire_usage, count, CANON_COUNTER),
    CANON_FIELD_OPTIONAL(struct wire_usage, free_at, CANON_TIME),
    CANON_FIELD(struct wire_usage, index, CANON_INTEGER),
    CANON_FIELD_RANGE(struct wire_usage, per, CANON_TEXT, 1, 0),
    CANON_FIELD(struct wire_usage, policy_version, CANON_INTEGER),
    CANON_FIELD(struct wire_usage, rule, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct wire_usage, sum, CANON_AMOUNT),
    CANON_FIELD(struct wire_usage, used_count, CANON_COUNTER),
    CANON_FIELD(struct wire_usage, used_sum, CANON_AMOUNT),
    CANON_FIELD(struct wire_usage, window_s, CANON_INTEGER),
};

static enum status usage_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->usage.intent = form_take(&form->intent);
    return STATUS_OK;
}

static enum status usage_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->intent = request->usage.intent;
    return STATUS_OK;
}

static void usage_request_free(struct wire_request *request)
{
    bytes_free(&request->usage.intent);
}

static enum status usage_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    size_t count = json_array_size(form->limits);
    INVARIANT(count <= WIRE_USAGES_MAX); /* the table bounds it */
    for (size_t i = 0; i < count; i++) {
        enum status status =
            canon_decode(&out->usage.limits[i], sizeof(out->usage.limits[i]), json_array_get(form->limits, i),
                         usage_fields, FORM_COUNT(usage_fields), "limits", fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    out->usage.count = count;
    return STATUS_OK;
}

static enum status usage_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    const struct form_table table = FORM_TABLE(usage_fields);
    INVARIANT(reply->usage.count <= WIRE_USAGES_MAX);
    return form_rows_write(&form->limits, reply->usage.limits, reply->usage.count, sizeof(reply->usage.limits[0]),
                           table, fault);
}

/* transfer.recall, and transfer.end, which tells how many ended */

static enum status recall_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->recall =
        (struct wire_recall_request){.withdrawal = form->withdrawal, .promises = form->promises, .ends = form->ends};
    return STATUS_OK;
}

static enum status recall_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->withdrawal = request->recall.withdrawal;
    form->promises = request->recall.promises;
    form->ends = request->recall.ends;
    return STATUS_OK;
}

/* A transaction that there is has no digest of zeros: a member that is left out is none. */
static enum status recall_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->recall.transaction = form->transaction_id;
    out->recall.promised = !digest_is_zero(&form->transaction_id);
    out->recall.ends = form->ends;
    return STATUS_OK;
}

static enum status recall_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    INVARIANT(reply->recall.promised == !digest_is_zero(&reply->recall.transaction));
    form->transaction_id = reply->recall.transaction;
    form->ends = reply->recall.ends;
    return STATUS_OK;
}

static const struct {
    enum wire_op op;
    struct codec codec;
} codecs[] = {
    {WIRE_OP_TRANSFER_SIGN,
     {"transfer.sign", transfer_request_read, transfer_request_write, transfer_request_free, transfer_reply_read,
      transfer_reply_write, transfer_reply_free}},
    {WIRE_OP_TRANSFER_ANNOUNCE,
     {"transfer.announce", transfer_request_read, transfer_request_write, transfer_request_free, announce_reply_read,
      announce_reply_write, NULL}},
    {WIRE_OP_TRANSFER_USAGE,
     {"transfer.usage", usage_request_read, usage_request_write, usage_request_free, usage_reply_read,
      usage_reply_write, NULL}},
    {WIRE_OP_TRANSFER_RECALL,
     {"transfer.recall", recall_request_read, recall_request_write, NULL, recall_reply_read, recall_reply_write, NULL}},
    {WIRE_OP_TRANSFER_END,
     {"transfer.end", recall_request_read, recall_request_write, NULL, recall_reply_read, recall_reply_write, NULL}},
};

const struct codec *codec_transfer(enum wire_op op)
{
    for (size_t i = 0; i < FORM_COUNT(codecs); i++) {
        if (codecs[i].op == op) {
            return &codecs[i].codec;
        }
    }
    return NULL;
}
