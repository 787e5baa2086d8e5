/*
 * Packets to structs and back. What a message may carry stands in form.c; who may say it when is not decided here.
 */
#include "wire/message.h"

#include "form.h"

static const char *const role_names[] = {
    [WIRE_ROLE_TRANSFER] = "transfer",
    [WIRE_ROLE_AUDIT] = "audit",
    [WIRE_ROLE_VALIDATOR] = "validator",
};

static const char *const op_names[] = {
    [WIRE_OP_NONE] = "",
    [WIRE_OP_HELLO] = "hello",
    [WIRE_OP_STATUS] = "status",
    [WIRE_OP_TRANSFER_SIGN] = "transfer.sign",
    [WIRE_OP_CHECKPOINT_SIGN] = "checkpoint.sign",
    [WIRE_OP_HEADER_SIGN] = "header.sign",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *wire_role_name(enum wire_role role)
{
    return role_names[role];
}

enum status wire_role_parse(enum wire_role *out, const char *name)
{
    for (size_t i = 0; i < COUNT(role_names); i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *out = (enum wire_role)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

const char *wire_op_name(enum wire_op op)
{
    return op_names[op];
}

static enum wire_op op_find(const char *name)
{
    for (size_t i = WIRE_OP_HELLO; i < COUNT(op_names); i++) {
        if (name != NULL && strcmp(name, op_names[i]) == 0) {
            return (enum wire_op)i;
        }
    }
    return WIRE_OP_NONE;
}

/* Hands bytes over and leaves nothing behind. */
static struct bytes take(struct bytes *from)
{
    struct bytes taken = *from;
    *from = (struct bytes){0};
    return taken;
}

static void form_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

/* Lists of requests */

static void transfer_free(struct wire_transfer_request *request)
{
    for (size_t i = 0; i < request->approval_count; i++) {
        signed_document_free(&request->approvals[i]);
    }
    free(request->approvals);
    signed_document_free(&request->destination);
    bytes_free(&request->intent);
    bytes_free(&request->leaf);
    bytes_free(&request->proof);
    memset(request, 0, sizeof(*request));
}

static enum status approvals_decode(struct wire_transfer_request *out, const json_t *list, struct fault *fault)
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

static enum status approvals_encode(json_t **out, const struct wire_transfer_request *request, struct fault *fault)
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

static enum status proof_decode(struct wire_checkpoint_request *out, const json_t *list, struct fault *fault)
{
    INVARIANT(json_array_size(list) <= WIRE_PROOF_MAX); /* the table bounds it */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || digest_parse(&out->proof[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "proof", "hash %zu is not 64 lower-case hexadecimal digits", i);
        }
    }
    out->proof_count = json_array_size(list);
    return STATUS_OK;
}

static enum status proof_encode(json_t **out, const struct wire_checkpoint_request *request, struct fault *fault)
{
    if (request->proof_count > WIRE_PROOF_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "proof", "at most %d hashes", WIRE_PROOF_MAX);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < request->proof_count; i++) {
        char text[DIGEST_HEX_LEN + 1];
        digest_format(text, &request->proof[i]);
        (void)json_array_append_new(list, json_string(text)); /* a failure shows as a short list, checked below */
    }
    if (json_array_size(list) != request->proof_count || list == NULL) {
        json_decref(list);
        return fault_set(fault, STATUS_NO_MEMORY, "proof", "building the list");
    }
    *out = list; /* transferred */
    return STATUS_OK;
}

/* Requests */

static enum status transfer_from_form(struct wire_transfer_request *out, struct form *form, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    enum status status = approvals_decode(out, form->approvals, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(&out->destination, form->destination, CANON_DOCUMENT_MAX, "destination", fault);
    }
    if (status != STATUS_OK) {
        transfer_free(out);
        return status;
    }
    out->intent = take(&form->intent);
    out->leaf = take(&form->leaf);
    out->proof = take(&form->proof_text);
    return STATUS_OK;
}

static enum status checkpoint_from_form(struct wire_checkpoint_request *out, struct form *form, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    enum status status = proof_decode(out, form->proof_list, fault);
    if (status == STATUS_OK) {
        out->note = take(&form->note);
        out->old = form->old;
    }
    return status;
}

static enum status request_from_form(struct wire_request *out, struct form *form, struct fault *fault)
{
    switch (out->op) {
    case WIRE_OP_HELLO:
        out->hello.protocol = form->protocol;
        return STATUS_OK;
    case WIRE_OP_TRANSFER_SIGN:
        return transfer_from_form(&out->transfer, form, fault);
    case WIRE_OP_CHECKPOINT_SIGN:
        return checkpoint_from_form(&out->checkpoint, form, fault);
    case WIRE_OP_HEADER_SIGN:
        out->header.header = take(&form->header);
        return STATUS_OK;
    case WIRE_OP_STATUS:
    case WIRE_OP_NONE:
        break;
    }
    return STATUS_OK;
}

static int64_t id_peek(const json_t *object)
{
    const json_t *id = json_object_get(object, "id");
    json_int_t value = json_is_integer(id) ? json_integer_value(id) : 0;
    return value > 0 ? value : 0;
}

static enum status request_read(struct wire_request *out, const json_t *object, struct fault *fault)
{
    out->id = id_peek(object);
    const json_t *op = json_object_get(object, "op");
    if (op == NULL) {
        return fault_set(fault, STATUS_MISSING_FIELD, "op", "the field is required");
    }
    enum wire_op found = op_find(json_string_value(op));
    if (found == WIRE_OP_NONE) {
        return fault_set(fault, STATUS_INVALID, "op", "there is no such operation");
    }
    out->op = found;
    struct form_table table = form_request(found);
    struct form form;
    enum status status = canon_decode(&form, sizeof(form), object, table.fields, table.count, "", fault);
    if (status == STATUS_OK) {
        status = request_from_form(out, &form, fault);
        form_free(&form);
    }
    return status;
}

enum status wire_request_decode(struct wire_request *out, const void *packet, size_t len, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    json_t *object = NULL;
    enum status status = canon_parse(&object, packet, len, WIRE_MESSAGE_MAX, fault);
    if (status == STATUS_OK) {
        status = request_read(out, object, fault);
        json_decref(object);
    }
    return status;
}

void wire_request_free(struct wire_request *request)
{
    switch (request->op) {
    case WIRE_OP_TRANSFER_SIGN:
        transfer_free(&request->transfer);
        break;
    case WIRE_OP_CHECKPOINT_SIGN:
        bytes_free(&request->checkpoint.note);
        break;
    case WIRE_OP_HEADER_SIGN:
        bytes_free(&request->header.header);
        break;
    case WIRE_OP_HELLO:
    case WIRE_OP_STATUS:
    case WIRE_OP_NONE:
        break;
    }
    memset(request, 0, sizeof(*request));
}

/* Borrows the bytes of the request; the lists are made. */
static enum status form_from_request(struct form *form, const struct wire_request *request, struct fault *fault)
{
    form->id = request->id;
    form_text(form->op, sizeof(form->op), op_names[request->op]);
    switch (request->op) {
    case WIRE_OP_HELLO:
        form->protocol = request->hello.protocol;
        return STATUS_OK;
    case WIRE_OP_TRANSFER_SIGN:
        form->intent = request->transfer.intent;
        form->leaf = request->transfer.leaf;
        form->proof_text = request->transfer.proof;
        if (approvals_encode(&form->approvals, &request->transfer, fault) != STATUS_OK) {
            return fault_set(fault, STATUS_INTERNAL, "approvals", "cannot be encoded");
        }
        return signed_document_encode(&form->destination, &request->transfer.destination, fault);
    case WIRE_OP_CHECKPOINT_SIGN:
        form->note = request->checkpoint.note;
        form->old = request->checkpoint.old;
        return proof_encode(&form->proof_list, &request->checkpoint, fault);
    case WIRE_OP_HEADER_SIGN:
        form->header = request->header.header;
        return STATUS_OK;
    case WIRE_OP_STATUS:
    case WIRE_OP_NONE:
        break;
    }
    return STATUS_OK;
}

enum status wire_request_encode(struct bytes *out, const struct wire_request *request, struct fault *fault)
{
    INVARIANT(request->op != WIRE_OP_NONE);
    struct form form = {0};
    enum status status = form_from_request(&form, request, fault);
    if (status == STATUS_OK) {
        struct form_table table = form_request(request->op);
        status = canon_encode_bytes(out, &form, table.fields, table.count, WIRE_MESSAGE_MAX, fault);
    }
    json_decref(form.approvals);
    json_decref(form.destination);
    json_decref(form.proof_list);
    return status;
}

/* Replies */

static enum status hello_from_form(struct wire_hello_reply *out, const struct form *form, struct fault *fault)
{
    out->protocol = form->protocol;
    if (wire_role_parse(&out->role, form->role) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "role", "there is no such role");
    }
    return public_key_parse(&out->key, form->alg, form->key.data, form->key.len, fault);
}

static void status_from_form(struct wire_status_reply *out, const struct form *form)
{
    out->ready = form->ready;
    form_text(out->reason, sizeof(out->reason), form->reason);
    out->size = form->size;
    out->root = form->root;
    out->height = form->height;
    out->header = form->header_digest;
    out->policy = form->policy;
    out->policy_version = form->policy_version;
}

static enum status reply_from_form(struct wire_reply *out, struct form *form, struct fault *fault)
{
    enum status status = STATUS_OK;
    switch (out->op) {
    case WIRE_OP_HELLO:
        return hello_from_form(&out->hello, form, fault);
    case WIRE_OP_STATUS:
        status_from_form(&out->status, form);
        return STATUS_OK;
    case WIRE_OP_TRANSFER_SIGN:
        status = form_signature_decode(&out->transfer.signature, form->signature, fault);
        if (status == STATUS_OK) {
            memcpy(out->transfer.short_code, form->short_code, sizeof(out->transfer.short_code));
            out->transfer.transaction = take(&form->transaction);
        }
        return status;
    case WIRE_OP_CHECKPOINT_SIGN:
        memcpy(out->checkpoint.signature64, form->signature64, SIGNATURE_LEN);
        return STATUS_OK;
    case WIRE_OP_HEADER_SIGN:
        return form_signature_decode(&out->header.signature, form->signature, fault);
    case WIRE_OP_NONE:
        break;
    }
    return status;
}

static enum status refusal_read(struct wire_reply *out, const json_t *object, struct fault *fault)
{
    struct form_table table = form_refusal();
    struct form form;
    enum status status = canon_decode(&form, sizeof(form), object, table.fields, table.count, "", fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->id = form.id;
    enum status said = status_from_code(form.status);
    if (form.ok || said == STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "status", "a refusal cannot say ok");
    }
    (void)fault_set(&out->fault, said, form.where, "%s", form.detail);
    return STATUS_OK;
}

/* The replies to `status` differ by role; every other operation has one form. */
static enum status reply_role(enum wire_role *out, enum wire_op op, const json_t *object, struct fault *fault)
{
    *out = WIRE_ROLE_TRANSFER;
    if (op != WIRE_OP_STATUS) {
        return STATUS_OK;
    }
    const char *name = json_string_value(json_object_get(object, "role"));
    if (name == NULL || wire_role_parse(out, name) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "role", "there is no such role");
    }
    return STATUS_OK;
}

static enum status success_read(struct wire_reply *out, const json_t *object, struct fault *fault)
{
    enum wire_role role;
    enum status status = reply_role(&role, out->op, object, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct form_table table = form_reply(out->op, role);
    struct form form;
    status = canon_decode(&form, sizeof(form), object, table.fields, table.count, "", fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->id = form.id;
    if (out->op == WIRE_OP_STATUS) {
        out->status.role = role;
    }
    status = reply_from_form(out, &form, fault);
    form_free(&form);
    return status;
}

enum status wire_reply_decode(struct wire_reply *out, enum wire_op op, const void *packet, size_t len,
                              struct fault *fault)
{
    INVARIANT(op != WIRE_OP_NONE);
    memset(out, 0, sizeof(*out));
    json_t *object = NULL;
    enum status status = canon_parse(&object, packet, len, WIRE_MESSAGE_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->op = op;
    bool refused = json_is_false(json_object_get(object, "ok"));
    status = refused ? refusal_read(out, object, fault) : success_read(out, object, fault);
    json_decref(object);
    if (status != STATUS_OK) {
        memset(out, 0, sizeof(*out));
    }
    return status;
}

static enum status form_from_hello(struct form *form, const struct wire_hello_reply *hello)
{
    form->protocol = hello->protocol;
    form->alg = hello->key.algorithm;
    form_text(form->role, sizeof(form->role), role_names[hello->role]);
    return bytes_copy(&form->key, hello->key.spki, hello->key.spki_len);
}

static void form_from_status(struct form *form, const struct wire_status_reply *status)
{
    form->ready = status->ready;
    form_text(form->reason, sizeof(form->reason), status->reason);
    form_text(form->role, sizeof(form->role), role_names[status->role]);
    form->size = status->size;
    form->root = status->root;
    form->height = status->height;
    form->header_digest = status->header;
    form->policy = status->policy;
    form->policy_version = status->policy_version;
}

static enum status form_from_reply(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    form->id = reply->id;
    form->ok = true;
    switch (reply->op) {
    case WIRE_OP_HELLO:
        return form_from_hello(form, &reply->hello);
    case WIRE_OP_STATUS:
        form_from_status(form, &reply->status);
        return STATUS_OK;
    case WIRE_OP_TRANSFER_SIGN:
        memcpy(form->short_code, reply->transfer.short_code, sizeof(form->short_code));
        if (form_signature_encode(&form->signature, &reply->transfer.signature, fault) != STATUS_OK) {
            return fault_set(fault, STATUS_INTERNAL, "signature", "cannot be encoded");
        }
        return bytes_copy(&form->transaction, reply->transfer.transaction.data, reply->transfer.transaction.len);
    case WIRE_OP_CHECKPOINT_SIGN:
        memcpy(form->signature64, reply->checkpoint.signature64, SIGNATURE_LEN);
        return STATUS_OK;
    case WIRE_OP_HEADER_SIGN:
        return form_signature_encode(&form->signature, &reply->header.signature, fault);
    case WIRE_OP_NONE:
        break;
    }
    return STATUS_OK;
}

static enum status refusal_encode(struct bytes *out, const struct wire_reply *reply, struct fault *fault)
{
    struct form form = {.id = reply->id};
    form_text(form.status, sizeof(form.status), status_info(reply->fault.status)->code);
    form_text(form.where, sizeof(form.where), reply->fault.where);
    form_text(form.detail, sizeof(form.detail), reply->fault.detail);
    struct form_table table = form_refusal();
    return canon_encode_bytes(out, &form, table.fields, table.count, WIRE_MESSAGE_MAX, fault);
}

enum status wire_reply_encode(struct bytes *out, const struct wire_reply *reply, struct fault *fault)
{
    if (reply->fault.status != STATUS_OK) {
        return refusal_encode(out, reply, fault);
    }
    struct form form = {0};
    enum status status = form_from_reply(&form, reply, fault);
    if (status == STATUS_OK) {
        enum wire_role role = reply->op == WIRE_OP_STATUS ? reply->status.role : WIRE_ROLE_TRANSFER;
        struct form_table table = form_reply(reply->op, role);
        status = canon_encode_bytes(out, &form, table.fields, table.count, WIRE_MESSAGE_MAX, fault);
    }
    json_decref(form.signature);
    form_free(&form);
    return status;
}

void wire_reply_free(struct wire_reply *reply)
{
    if (reply->op == WIRE_OP_TRANSFER_SIGN && reply->fault.status == STATUS_OK) {
        bytes_free(&reply->transfer.transaction);
    }
    memset(reply, 0, sizeof(*reply));
}
