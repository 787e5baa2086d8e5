/*
 * The operations about keys, activation and the policy: between structs and the flat form.
 */
#include "form.h"

/* key.list */

static const struct canon_field key_fields[] = {
    CANON_FIELD(struct wire_key, alg, CANON_ALGORITHM),
    CANON_FIELD(struct wire_key, box_signatures, CANON_COUNTER),
    CANON_FIELD(struct wire_key, box_until, CANON_TIME),
    CANON_FIELD_RANGE(struct wire_key, cause, CANON_TEXT, 1, 0),
    CANON_FIELD(struct wire_key, destroy_at, CANON_TIME),
    CANON_FIELD(struct wire_key, document, CANON_HASH),
    CANON_FIELD(struct wire_key, key, CANON_HASH),
    CANON_FIELD(struct wire_key, on, CANON_COUNTER),
    CANON_FIELD(struct wire_key, restored_at, CANON_TIME),
    CANON_FIELD(struct wire_key, since, CANON_TIME),
    CANON_FIELD_RANGE(struct wire_key, state, CANON_TEXT, 1, 0),
};

static enum status list_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->key_list.after = form->after;
    return STATUS_OK;
}

static enum status list_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->after = request->key_list.after;
    return STATUS_OK;
}

static enum status list_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    size_t count = json_array_size(form->keys);
    INVARIANT(count <= WIRE_KEYS_MAX); /* the table bounds it */
    for (size_t i = 0; i < count; i++) {
        enum status status =
            canon_decode(&out->key_list.keys[i], sizeof(struct wire_key), json_array_get(form->keys, i), key_fields,
                         FORM_COUNT(key_fields), "keys", fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    out->key_list.count = count;
    out->key_list.more = form->more;
    return STATUS_OK;
}

static enum status list_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    const struct form_table table = FORM_TABLE(key_fields);
    form->more = reply->key_list.more;
    return form_rows_write(&form->keys, reply->key_list.keys, reply->key_list.count, sizeof(struct wire_key), table,
                           fault);
}

/* key.admit */

static void admit_request_free(struct wire_request *request)
{
    struct wire_key_admit_request *admit = &request->key_admit;
    signed_document_free(&admit->command);
    signed_document_free(&admit->document);
    signed_document_free(&admit->backup);
    signed_document_free(&admit->restore);
    bytes_free(&admit->ceremony);
}

static enum status admit_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    struct wire_key_admit_request *admit = &out->key_admit;
    const struct {
        struct signed_document *out;
        const json_t *object;
        const char *path;
    } parts[] = {
        {&admit->command, form->command, "command"},
        {&admit->document, form->document, "document"},
        {&admit->backup, form->backup, "backup"},
        {&admit->restore, form->restore, "restore"},
    };
    for (size_t i = 0; i < FORM_COUNT(parts); i++) {
        enum status status = form_signed_read(parts[i].out, parts[i].object, parts[i].path, fault);
        if (status != STATUS_OK) {
            admit_request_free(out);
            return status;
        }
    }
    admit->ceremony = form_take(&form->ceremony);
    return STATUS_OK;
}

static enum status admit_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    const struct wire_key_admit_request *admit = &request->key_admit;
    form->ceremony = admit->ceremony;
    enum status status = signed_document_encode(&form->command, &admit->command, fault);
    status = status == STATUS_OK ? signed_document_encode(&form->document, &admit->document, fault) : status;
    status = status == STATUS_OK ? form_signed_write(&form->backup, &admit->backup, fault) : status;
    return status == STATUS_OK ? form_signed_write(&form->restore, &admit->restore, fault) : status;
}

/* key.command and key.prove: one signed document */

static enum status command_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    return form_signed_read(&out->key_order.order, form->command, "command", fault);
}

static enum status command_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    return signed_document_encode(&form->command, &request->key_order.order, fault);
}

static enum status prove_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    return form_signed_read(&out->key_order.order, form->restore, "restore", fault);
}

static enum status prove_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    return signed_document_encode(&form->restore, &request->key_order.order, fault);
}

static void order_request_free(struct wire_request *request)
{
    signed_document_free(&request->key_order.order);
}

/* key.attest */

static enum status attest_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->key_attest = (struct wire_key_attest_request){.key = form->key_id, .challenge = form->challenge};
    return STATUS_OK;
}

static enum status attest_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->key_id = request->key_attest.key;
    form->challenge = request->key_attest.challenge;
    return STATUS_OK;
}

static enum status attest_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    return form_signed_read(&out->key_attest.attestation, form->attestation, "attestation", fault);
}

static enum status attest_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    return signed_document_encode(&form->attestation, &reply->key_attest.attestation, fault);
}

static void attest_reply_free(struct wire_reply *reply)
{
    signed_document_free(&reply->key_attest.attestation);
}

/* key.alarm and freeze.alarm, and the reply that says what a key is now */

static enum status alarm_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->key_alarm = (struct wire_key_alarm_request){.key = form->key_id, .reason = form->alarm};
    return STATUS_OK;
}

static enum status alarm_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->key_id = request->key_alarm.key;
    form->alarm = request->key_alarm.reason;
    return STATUS_OK;
}

static enum status freeze_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->freeze_alarm.reason = form->alarm;
    form_text(out->freeze_alarm.scope, sizeof(out->freeze_alarm.scope), form->scope);
    form_text(out->freeze_alarm.subject, sizeof(out->freeze_alarm.subject), form->subject);
    return STATUS_OK;
}

static enum status freeze_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->alarm = request->freeze_alarm.reason;
    form_text(form->scope, sizeof(form->scope), request->freeze_alarm.scope);
    form_text(form->subject, sizeof(form->subject), request->freeze_alarm.subject);
    return STATUS_OK;
}

static enum status state_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->key_state.on = form->on;
    form_text(out->key_state.state, sizeof(out->key_state.state), form->state);
    return STATUS_OK;
}

static enum status state_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->on = reply->key_state.on;
    form_text(form->state, sizeof(form->state), reply->key_state.state);
    return STATUS_OK;
}

/* activation.open and activation.give */

static enum status give_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    struct wire_activation_give_request *give = &out->activation_give;
    enum status status = form_signed_read(&give->gift, form->gift, "gift", fault);
    if (status == STATUS_OK) {
        status = form_signed_read(&give->occasion, form->occasion, "occasion", fault);
        if (status != STATUS_OK) {
            signed_document_free(&give->gift);
        }
    }
    return status;
}

static enum status give_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    enum status status = signed_document_encode(&form->gift, &request->activation_give.gift, fault);
    return status == STATUS_OK ? signed_document_encode(&form->occasion, &request->activation_give.occasion, fault)
                               : status;
}

static void give_request_free(struct wire_request *request)
{
    signed_document_free(&request->activation_give.gift);
    signed_document_free(&request->activation_give.occasion);
}

static enum status open_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    struct wire_activation_reply *reply = &out->activation;
    if (form->to.len != sizeof(reply->to32)) {
        return fault_set(fault, STATUS_INVALID, "to", "base64 of %zu bytes", sizeof(reply->to32));
    }
    memcpy(reply->to32, form->to.data, sizeof(reply->to32));
    reply->have = form->have;
    reply->threshold = form->threshold;
    return STATUS_OK;
}

static enum status open_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->have = reply->activation.have;
    form->threshold = reply->activation.threshold;
    return bytes_copy(&form->to, reply->activation.to32, sizeof(reply->activation.to32));
}

static enum status give_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->activation.have = form->have;
    out->activation.threshold = form->threshold;
    out->activation.open = form->open;
    return STATUS_OK;
}

static enum status give_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->have = reply->activation.have;
    form->threshold = reply->activation.threshold;
    form->open = reply->activation.open;
    return STATUS_OK;
}

/* policy.adopt */

static enum status adopt_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    return signed_document_decode(&out->policy_adopt.document, form->document, CANON_POLICY_MAX, "document", fault);
}

static enum status adopt_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    return signed_document_encode(&form->document, &request->policy_adopt.document, fault);
}

static void adopt_request_free(struct wire_request *request)
{
    signed_document_free(&request->policy_adopt.document);
}

static enum status adopt_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->policy_adopt = (struct wire_policy_adopt_reply){
        .in_force_at = form->in_force_at, .policy = form->policy, .policy_version = form->policy_version};
    return STATUS_OK;
}

static enum status adopt_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->in_force_at = reply->policy_adopt.in_force_at;
    form->policy = reply->policy_adopt.policy;
    form->policy_version = reply->policy_adopt.policy_version;
    return STATUS_OK;
}

/* destination.adopt */

static enum status list_in_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    return signed_document_decode(&out->destination_adopt.document, form->document, CANON_DOCUMENT_MAX, "document",
                                  fault);
}

static enum status list_in_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    return signed_document_encode(&form->document, &request->destination_adopt.document, fault);
}

static void list_in_request_free(struct wire_request *request)
{
    signed_document_free(&request->destination_adopt.document);
}

static enum status list_in_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->destination_adopt.serving_at = form->in_force_at;
    form_text(out->destination_adopt.state, sizeof(out->destination_adopt.state), form->state);
    return STATUS_OK;
}

static enum status list_in_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    form->in_force_at = reply->destination_adopt.serving_at;
    form_text(form->state, sizeof(form->state), reply->destination_adopt.state);
    return STATUS_OK;
}

enum { FIRST = WIRE_OP_KEY_LIST };

static const struct codec codecs[] = {
    [WIRE_OP_KEY_LIST - FIRST] = {"key.list", list_request_read, list_request_write, NULL, list_reply_read,
                                  list_reply_write, NULL},
    [WIRE_OP_KEY_ADMIT - FIRST] = {"key.admit", admit_request_read, admit_request_write, admit_request_free,
                                   state_reply_read, state_reply_write, NULL},
    [WIRE_OP_KEY_COMMAND - FIRST] = {"key.command", command_request_read, command_request_write, order_request_free,
                                     state_reply_read, state_reply_write, NULL},
    [WIRE_OP_KEY_ATTEST - FIRST] = {"key.attest", attest_request_read, attest_request_write, NULL, attest_reply_read,
                                    attest_reply_write, attest_reply_free},
    [WIRE_OP_KEY_PROVE - FIRST] = {"key.prove", prove_request_read, prove_request_write, order_request_free,
                                   state_reply_read, state_reply_write, NULL},
    [WIRE_OP_KEY_ALARM - FIRST] = {"key.alarm", alarm_request_read, alarm_request_write, NULL, state_reply_read,
                                   state_reply_write, NULL},
    [WIRE_OP_FREEZE_ALARM - FIRST] = {"freeze.alarm", freeze_request_read, freeze_request_write, NULL, state_reply_read,
                                      state_reply_write, NULL},
    [WIRE_OP_ACTIVATION_OPEN -
        WIRE_OP_KEY_LIST] = {"activation.open", NULL, NULL, NULL, open_reply_read, open_reply_write, NULL},
    [WIRE_OP_ACTIVATION_GIVE - FIRST] = {"activation.give", give_request_read, give_request_write, give_request_free,
                                         give_reply_read, give_reply_write, NULL},
    [WIRE_OP_POLICY_ADOPT - FIRST] = {"policy.adopt", adopt_request_read, adopt_request_write, adopt_request_free,
                                      adopt_reply_read, adopt_reply_write, NULL},
    [WIRE_OP_DESTINATION_ADOPT - FIRST] = {"destination.adopt", list_in_request_read, list_in_request_write,
                                           list_in_request_free, list_in_reply_read, list_in_reply_write, NULL},
};

const struct codec *codec_key(enum wire_op op)
{
    return op >= WIRE_OP_KEY_LIST && op - WIRE_OP_KEY_LIST < FORM_COUNT(codecs) ? &codecs[op - WIRE_OP_KEY_LIST] : NULL;
}
