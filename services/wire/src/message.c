/*
 * Packets to structs and back. What a message may carry stands in form.c, how its parts travel in the two codecs; who
 * may say it when is not decided here.
 */
#include "wire/message.h"

#include "form.h"

static const char *const role_names[] = {
    [WIRE_ROLE_TRANSFER] = "transfer",
    [WIRE_ROLE_AUDIT] = "audit",
    [WIRE_ROLE_VALIDATOR] = "validator",
    [WIRE_ROLE_PRIVACY] = "privacy",
};

const char *wire_role_name(enum wire_role role)
{
    return role_names[role];
}

enum status wire_role_parse(enum wire_role *out, const char *name)
{
    for (size_t i = 0; i < FORM_COUNT(role_names); i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *out = (enum wire_role)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

enum wire_role wire_role_named(const char *name)
{
    enum wire_role out = WIRE_ROLE_TRANSFER;
    INVARIANT(wire_role_parse(&out, name) == STATUS_OK);
    return out;
}

/* NULL for WIRE_OP_NONE. */
static const struct codec *codec_of(enum wire_op op)
{
    const struct codec *codec = codec_sign(op);
    codec = codec != NULL ? codec : codec_transfer(op);
    codec = codec != NULL ? codec : codec_subject(op);
    return codec != NULL ? codec : codec_key(op);
}

const char *wire_op_name(enum wire_op op)
{
    const struct codec *codec = codec_of(op);
    return codec != NULL ? codec->op : "";
}

static enum wire_op op_find(const char *name)
{
    for (int op = WIRE_OP_HELLO; codec_of((enum wire_op)op) != NULL; op++) {
        if (name != NULL && strcmp(name, codec_of((enum wire_op)op)->op) == 0) {
            return (enum wire_op)op;
        }
    }
    return WIRE_OP_NONE;
}

/* Requests */

static size_t most_of(enum wire_op op)
{
    return op == WIRE_OP_POLICY_ADOPT ? WIRE_POLICY_MAX : WIRE_MESSAGE_MAX;
}

/* Members are sorted, so what a canonical request is stands at its end. */
bool wire_packet_fits(const void *packet, size_t len)
{
    static const char end[] = "\"op\":\"policy.adopt\"}";
    const size_t end_len = sizeof(end) - 1;
    return len <= WIRE_MESSAGE_MAX ||
           (len <= WIRE_POLICY_MAX && memcmp((const uint8_t *)packet + len - end_len, end, end_len) == 0);
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
    const struct codec *codec = codec_of(found);
    if (status == STATUS_OK && codec->request_read != NULL) {
        status = codec->request_read(out, &form, fault);
    }
    form_free(&form); /* after a failure of canon_decode it is empty */
    return status;
}

enum status wire_request_decode(struct wire_request *out, const void *packet, size_t len, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    json_t *object = NULL;
    size_t most = wire_packet_fits(packet, len) ? WIRE_POLICY_MAX : WIRE_MESSAGE_MAX;
    enum status status = canon_parse(&object, packet, len, most, fault);
    if (status == STATUS_OK) {
        status = request_read(out, object, fault);
        json_decref(object);
    }
    return status;
}

void wire_request_free(struct wire_request *request)
{
    const struct codec *codec = codec_of(request->op);
    if (codec != NULL && codec->request_free != NULL) {
        codec->request_free(request);
    }
    memset(request, 0, sizeof(*request));
}

enum status wire_request_encode(struct bytes *out, const struct wire_request *request, struct fault *fault)
{
    INVARIANT(request->op != WIRE_OP_NONE);
    const struct codec *codec = codec_of(request->op);
    struct form form = {.id = request->id};
    form_text(form.op, sizeof(form.op), codec->op);
    enum status status = codec->request_write != NULL ? codec->request_write(&form, request, fault) : STATUS_OK;
    if (status == STATUS_OK) {
        struct form_table table = form_request(request->op);
        status = canon_encode_bytes(out, &form, table.fields, table.count, most_of(request->op), fault);
    }
    form_json_free(&form);
    return status;
}

/* Replies */

static const char *const promised_words[] = {
    [WIRE_PROMISED_UNKNOWN] = "",
    [WIRE_PROMISED_NEVER] = "never",
    [WIRE_PROMISED_THIS] = "this",
    [WIRE_PROMISED_OTHER] = "other",
};

static enum status promised_read(enum wire_promised *out, enum wire_op op, const char *word, struct fault *fault)
{
    for (size_t i = 0; i < FORM_COUNT(promised_words); i++) {
        if (strcmp(word, promised_words[i]) == 0 &&
            (word[0] == '\0' || (op == WIRE_OP_TRANSFER_SIGN || op == WIRE_OP_TRANSFER_ANNOUNCE))) {
            *out = (enum wire_promised)i;
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_INVALID, "promised", "says nothing here");
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
    return promised_read(&out->promised, out->op, form.promised, fault);
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
    status = codec_of(out->op)->reply_read(out, &form, fault);
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

static enum status refusal_encode(struct bytes *out, const struct wire_reply *reply, struct fault *fault)
{
    struct form form = {.id = reply->id};
    form_text(form.status, sizeof(form.status), status_info(reply->fault.status)->code);
    form_text(form.where, sizeof(form.where), reply->fault.where);
    form_text(form.detail, sizeof(form.detail), reply->fault.detail);
    form_text(form.promised, sizeof(form.promised), promised_words[reply->promised]);
    struct form_table table = form_refusal();
    return canon_encode_bytes(out, &form, table.fields, table.count, WIRE_MESSAGE_MAX, fault);
}

enum status wire_reply_encode(struct bytes *out, const struct wire_reply *reply, struct fault *fault)
{
    if (reply->fault.status != STATUS_OK) {
        return refusal_encode(out, reply, fault);
    }
    struct form form = {.id = reply->id, .ok = true};
    enum status status = codec_of(reply->op)->reply_write(&form, reply, fault);
    if (status == STATUS_OK) {
        enum wire_role role = reply->op == WIRE_OP_STATUS ? reply->status.role : WIRE_ROLE_TRANSFER;
        struct form_table table = form_reply(reply->op, role);
        status = canon_encode_bytes(out, &form, table.fields, table.count, WIRE_MESSAGE_MAX, fault);
    }
    form_json_free(&form);
    form_free(&form);
    return status;
}

void wire_reply_free(struct wire_reply *reply)
{
    const struct codec *codec = codec_of(reply->op);
    if (reply->fault.status == STATUS_OK && codec != NULL && codec->reply_free != NULL) {
        codec->reply_free(reply);
    }
    memset(reply, 0, sizeof(*reply));
}
