/*
 * The tables of the protocol: which members each message carries, and nothing else.
 *
 * docs/signer-protocol.md is the text to these tables; a member that is in neither is refused.
 */
#include "form.h"

/* A row whose name in the message is not that of the member. */
#define FORM_FIELD(member, text, kind, most, upto)                                                                     \
    {                                                                                                                  \
        text, kind, false, offsetof(struct form, member), most, 0, upto                                                \
    }
#define FORM_ID CANON_FIELD_RANGE(struct form, id, CANON_INTEGER, 1, CANON_INTEGER_MAX)
#define FORM_OP CANON_FIELD_RANGE(struct form, op, CANON_TEXT, 1, 0)
#define FORM_OK CANON_FIELD(struct form, ok, CANON_BOOLEAN)
#define FORM_ROLE CANON_FIELD_RANGE(struct form, role, CANON_TEXT, 1, 0)
#define FORM_READY CANON_FIELD(struct form, ready, CANON_BOOLEAN)
/* Left out when there is nothing to say, never empty: one spelling of each message. */
#define FORM_REASON                                                                                                    \
    {                                                                                                                  \
        "reason", CANON_TEXT, true, offsetof(struct form, reason), sizeof(((struct form *)0)->reason), 1, 0            \
    }

#define FORM_TOKENS CANON_FIELD_RANGE(struct form, tokens, CANON_ARRAY, 1, WIRE_TOKENS_MAX)
/* Of every role, in the reply to status. */
#define FORM_POLICY                                                                                                    \
    CANON_FIELD_OPTIONAL(struct form, next, CANON_OBJECT), CANON_FIELD(struct form, policy, CANON_HASH),               \
        FORM_FIELD(in_force_at, "policy_in_force_at", CANON_TIME, sizeof(int64_t), 0),                                 \
        CANON_FIELD(struct form, policy_version, CANON_INTEGER)
#define FORM_STARTED                                                                                                   \
    CANON_FIELD(struct form, configuration, CANON_HASH), CANON_FIELD(struct form, instance, CANON_HASH),               \
        CANON_FIELD(struct form, program, CANON_HASH)
#define FORM_KEY_ID FORM_FIELD(key_id, "key", CANON_HASH, sizeof(struct digest), 0)
#define FORM_HAVE CANON_FIELD_RANGE(struct form, have, CANON_INTEGER, 0, 255)
#define FORM_THRESHOLD CANON_FIELD_RANGE(struct form, threshold, CANON_INTEGER, 1, 255)

static const struct canon_field hello_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_RANGE(struct form, protocol, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

static const struct canon_field status_request[] = {
    FORM_ID,
    FORM_OP,
};

static const struct canon_field transfer_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_RANGE(struct form, approvals, CANON_ARRAY, 0, WIRE_APPROVALS_MAX),
    CANON_FIELD(struct form, destination, CANON_OBJECT),
    CANON_FIELD_OPTIONAL(struct form, ends, CANON_COUNTER),
    CANON_FIELD_SIZED(struct form, intent, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD_SIZED(struct form, leaf, CANON_BYTES, WIRE_MESSAGE_MAX),
    FORM_FIELD(proof_text, "proof", CANON_BYTES, WIRE_MESSAGE_MAX, 0),
    CANON_FIELD_OPTIONAL(struct form, sweep, CANON_OBJECT),
};

static const struct canon_field checkpoint_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_SIZED(struct form, note, CANON_BYTES, WIRE_NOTE_MAX),
    CANON_FIELD(struct form, old, CANON_COUNTER),
    FORM_FIELD(proof_list, "proof", CANON_ARRAY, sizeof(json_t *), WIRE_PROOF_MAX),
};

static const struct canon_field header_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_SIZED(struct form, header, CANON_STRING, CANON_DOCUMENT_MAX),
};

static const struct canon_field key_list_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, after, CANON_HASH),
};

static const struct canon_field key_admit_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_OPTIONAL(struct form, backup, CANON_OBJECT),
    CANON_FIELD_SIZED(struct form, ceremony, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD(struct form, command, CANON_OBJECT),
    CANON_FIELD(struct form, document, CANON_OBJECT),
    CANON_FIELD_OPTIONAL(struct form, restore, CANON_OBJECT),
};

static const struct canon_field key_command_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, command, CANON_OBJECT),
};

static const struct canon_field key_attest_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, challenge, CANON_HASH),
    FORM_KEY_ID,
};

static const struct canon_field key_prove_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, restore, CANON_OBJECT),
};

static const struct canon_field key_alarm_request[] = {
    FORM_ID,
    FORM_OP,
    FORM_KEY_ID,
    FORM_FIELD(alarm, "reason", CANON_NAME, sizeof(struct name), 0),
};

/* Left out for everything. */
#define FORM_SUBJECT                                                                                                   \
    {                                                                                                                  \
        "subject", CANON_TEXT, true, offsetof(struct form, subject), sizeof(((struct form *)0)->subject), 1, 0         \
    }

static const struct canon_field freeze_alarm_request[] = {
    FORM_ID,
    FORM_OP,
    FORM_FIELD(alarm, "reason", CANON_NAME, sizeof(struct name), 0),
    CANON_FIELD_RANGE(struct form, scope, CANON_TEXT, 1, 0),
    FORM_SUBJECT,
};

static const struct canon_field activation_open_request[] = {
    FORM_ID,
    FORM_OP,
};

static const struct canon_field activation_give_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, gift, CANON_OBJECT),
    CANON_FIELD(struct form, occasion, CANON_OBJECT),
};

static const struct canon_field policy_adopt_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, document, CANON_OBJECT),
};

static const struct canon_field usage_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_SIZED(struct form, intent, CANON_STRING, CANON_DOCUMENT_MAX),
};

static const struct canon_field recall_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD_OPTIONAL(struct form, ends, CANON_COUNTER),
    CANON_FIELD(struct form, promises, CANON_COUNTER),
    CANON_FIELD(struct form, withdrawal, CANON_UUID),
};

static const struct canon_field subject_seal_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, erase_after, CANON_TIME),
    CANON_FIELD(struct form, event, CANON_UUID),
    FORM_FIELD(subject_id, "subject", CANON_UUID, sizeof(struct uuid), 0),
    CANON_FIELD_RANGE(struct form, values, CANON_ARRAY, 0, WIRE_SUBJECT_VALUES_MAX),
};

static const struct canon_field subject_open_request[] = {
    FORM_ID,
    FORM_OP,
    CANON_FIELD(struct form, command, CANON_OBJECT),
    CANON_FIELD_RANGE(struct form, rows, CANON_ARRAY, 1, WIRE_SUBJECT_ROWS_MAX),
};

static const struct canon_field hello_reply[] = {
    FORM_ID,
    FORM_OK,
    FORM_ROLE,
    CANON_FIELD(struct form, alg, CANON_ALGORITHM),
    CANON_FIELD_SIZED(struct form, key, CANON_BYTES, PUBLIC_KEY_MAX),
    CANON_FIELD_RANGE(struct form, protocol, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

static const struct canon_field transfer_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, promises, CANON_COUNTER),
    CANON_FIELD_RANGE(struct form, short_code, CANON_TEXT, 1, 0),
    CANON_FIELD(struct form, signature, CANON_OBJECT),
    CANON_FIELD_SIZED(struct form, transaction, CANON_STRING, CANON_DOCUMENT_MAX),
};

static const struct canon_field announce_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, sign_at, CANON_TIME),
    CANON_FIELD_RANGE(struct form, state, CANON_TEXT, 1, 0),
};

static const struct canon_field usage_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD_RANGE(struct form, limits, CANON_ARRAY, 0, WIRE_USAGES_MAX),
};

static const struct canon_field recall_reply[] = {
    FORM_ID,
    FORM_OK,
    {"transaction", CANON_HASH, true, offsetof(struct form, transaction_id), sizeof(struct digest), 0, 0},
};

static const struct canon_field end_reply[] = {
    FORM_ID, FORM_OK,
    CANON_FIELD_OPTIONAL(struct form, ends, CANON_COUNTER), /* a signer from before it leaves it out */
};

static const struct canon_field checkpoint_reply[] = {
    FORM_ID,
    FORM_OK,
    FORM_FIELD(signature64, "signature", CANON_SIGNATURE, SIGNATURE_LEN, 0),
    {"successor", CANON_SIGNATURE, true, offsetof(struct form, successor64), SIGNATURE_LEN, 0, 0},
};

static const struct canon_field header_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, signature, CANON_OBJECT),
};

static const struct canon_field key_list_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD_RANGE(struct form, keys, CANON_ARRAY, 0, WIRE_KEYS_MAX),
    CANON_FIELD(struct form, more, CANON_BOOLEAN),
};

static const struct canon_field key_state_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, on, CANON_COUNTER),
    CANON_FIELD_RANGE(struct form, state, CANON_TEXT, 1, 0),
};

static const struct canon_field key_attest_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, attestation, CANON_OBJECT),
};

static const struct canon_field activation_open_reply[] = {
    FORM_ID, FORM_OK, FORM_HAVE, FORM_THRESHOLD, CANON_FIELD_SIZED(struct form, to, CANON_BYTES, 32),
};

static const struct canon_field activation_give_reply[] = {
    FORM_ID, FORM_OK, FORM_HAVE, FORM_THRESHOLD, CANON_FIELD(struct form, open, CANON_BOOLEAN),
};

static const struct canon_field policy_adopt_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, in_force_at, CANON_TIME),
    CANON_FIELD(struct form, policy, CANON_HASH),
    CANON_FIELD(struct form, policy_version, CANON_INTEGER),
};

static const struct canon_field destination_adopt_reply[] = {
    FORM_ID,
    FORM_OK,
    FORM_FIELD(in_force_at, "serving_at", CANON_TIME, sizeof(int64_t), 0),
    CANON_FIELD_RANGE(struct form, state, CANON_TEXT, 1, 0),
};

static const struct canon_field subject_seal_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, erase_after, CANON_TIME),
    CANON_FIELD_RANGE(struct form, rows, CANON_ARRAY, 0, WIRE_SUBJECT_VALUES_MAX),
};

static const struct canon_field subject_open_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD_RANGE(struct form, boxes, CANON_ARRAY, 1, WIRE_SUBJECT_ROWS_MAX),
    CANON_FIELD(struct form, left, CANON_COUNTER),
    CANON_FIELD(struct form, on, CANON_COUNTER),
};

static const struct canon_field refusal[] = {
    CANON_FIELD(struct form, id, CANON_INTEGER), /* 0 where the request's could not be read */
    FORM_OK,
    CANON_FIELD_RANGE(struct form, status, CANON_TEXT, 1, 0),
    CANON_FIELD(struct form, where, CANON_TEXT),
    CANON_FIELD(struct form, detail, CANON_TEXT),
    /* of a transfer, and left out when the guard was not asked */
    {"promised", CANON_TEXT, true, offsetof(struct form, promised), WIRE_WORD_SIZE, 1, 0},
};

#define FORM_SUSPENDED CANON_FIELD_RANGE(struct form, suspended, CANON_ARRAY, 0, WIRE_SUSPENDED_MAX)

static const struct canon_field status_transfer[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    FORM_TOKENS,
    CANON_FIELD_RANGE(struct form, freezes, CANON_ARRAY, 0, WIRE_FREEZES_MAX),
    FORM_SUSPENDED,
    FORM_POLICY,
    FORM_STARTED,
    CANON_FIELD(struct form, promises, CANON_COUNTER),
    CANON_FIELD(struct form, size, CANON_COUNTER),
};

static const struct canon_field status_audit[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    FORM_TOKENS,
    FORM_SUSPENDED,
    FORM_POLICY,
    FORM_STARTED,
    CANON_FIELD(struct form, root, CANON_HASH),
    CANON_FIELD(struct form, size, CANON_COUNTER),
};

static const struct canon_field status_validator[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    FORM_TOKENS,
    FORM_SUSPENDED,
    FORM_POLICY,
    FORM_STARTED,
    FORM_FIELD(header_digest, "header", CANON_HASH, sizeof(struct digest), 0),
    CANON_FIELD(struct form, height, CANON_COUNTER),
};

static const struct canon_field status_privacy[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    FORM_TOKENS,
    FORM_SUSPENDED,
    FORM_POLICY,
    FORM_STARTED,
    CANON_FIELD(struct form, erased, CANON_COUNTER),
    CANON_FIELD(struct form, reveals, CANON_COUNTER),
    CANON_FIELD(struct form, subjects, CANON_COUNTER),
};

static const struct canon_field signature_fields[] = {
    {"alg", CANON_ALGORITHM, false, offsetof(struct signature, algorithm), sizeof(enum algorithm), 0, 0},
    {"key", CANON_HASH, false, offsetof(struct signature, key_id), sizeof(struct digest), 0, 0},
    {"sig", CANON_SIGNATURE, false, offsetof(struct signature, bytes64), SIGNATURE_LEN, 0, 0},
};

static const struct form_table requests[] = {
    [WIRE_OP_NONE] = {NULL, 0},
    [WIRE_OP_HELLO] = FORM_TABLE(hello_request),
    [WIRE_OP_STATUS] = FORM_TABLE(status_request),
    [WIRE_OP_TRANSFER_SIGN] = FORM_TABLE(transfer_request),
    [WIRE_OP_CHECKPOINT_SIGN] = FORM_TABLE(checkpoint_request),
    [WIRE_OP_HEADER_SIGN] = FORM_TABLE(header_request),
    [WIRE_OP_KEY_LIST] = FORM_TABLE(key_list_request),
    [WIRE_OP_KEY_ADMIT] = FORM_TABLE(key_admit_request),
    [WIRE_OP_KEY_COMMAND] = FORM_TABLE(key_command_request),
    [WIRE_OP_KEY_ATTEST] = FORM_TABLE(key_attest_request),
    [WIRE_OP_KEY_PROVE] = FORM_TABLE(key_prove_request),
    [WIRE_OP_KEY_ALARM] = FORM_TABLE(key_alarm_request),
    [WIRE_OP_FREEZE_ALARM] = FORM_TABLE(freeze_alarm_request),
    [WIRE_OP_ACTIVATION_OPEN] = FORM_TABLE(activation_open_request),
    [WIRE_OP_ACTIVATION_GIVE] = FORM_TABLE(activation_give_request),
    [WIRE_OP_POLICY_ADOPT] = FORM_TABLE(policy_adopt_request),
    [WIRE_OP_TRANSFER_ANNOUNCE] = FORM_TABLE(transfer_request),
    [WIRE_OP_TRANSFER_USAGE] = FORM_TABLE(usage_request),
    [WIRE_OP_TRANSFER_RECALL] = FORM_TABLE(recall_request),
    [WIRE_OP_TRANSFER_END] = FORM_TABLE(recall_request),
    [WIRE_OP_DESTINATION_ADOPT] = FORM_TABLE(policy_adopt_request), /* the same members */
    [WIRE_OP_SUBJECT_SEAL] = FORM_TABLE(subject_seal_request),
    [WIRE_OP_SUBJECT_OPEN] = FORM_TABLE(subject_open_request),
};

static const struct form_table replies[] = {
    [WIRE_OP_NONE] = {NULL, 0},
    [WIRE_OP_HELLO] = FORM_TABLE(hello_reply),
    [WIRE_OP_STATUS] = {NULL, 0}, /* by role */
    [WIRE_OP_TRANSFER_SIGN] = FORM_TABLE(transfer_reply),
    [WIRE_OP_CHECKPOINT_SIGN] = FORM_TABLE(checkpoint_reply),
    [WIRE_OP_HEADER_SIGN] = FORM_TABLE(header_reply),
    [WIRE_OP_KEY_LIST] = FORM_TABLE(key_list_reply),
    [WIRE_OP_KEY_ADMIT] = FORM_TABLE(key_state_reply),
    [WIRE_OP_KEY_COMMAND] = FORM_TABLE(key_state_reply),
    [WIRE_OP_KEY_ATTEST] = FORM_TABLE(key_attest_reply),
    [WIRE_OP_KEY_PROVE] = FORM_TABLE(key_state_reply),
    [WIRE_OP_KEY_ALARM] = FORM_TABLE(key_state_reply),
    [WIRE_OP_FREEZE_ALARM] = FORM_TABLE(key_state_reply),
    [WIRE_OP_ACTIVATION_OPEN] = FORM_TABLE(activation_open_reply),
    [WIRE_OP_ACTIVATION_GIVE] = FORM_TABLE(activation_give_reply),
    [WIRE_OP_POLICY_ADOPT] = FORM_TABLE(policy_adopt_reply),
    [WIRE_OP_TRANSFER_ANNOUNCE] = FORM_TABLE(announce_reply),
    [WIRE_OP_TRANSFER_USAGE] = FORM_TABLE(usage_reply),
    [WIRE_OP_TRANSFER_RECALL] = FORM_TABLE(recall_reply),
    [WIRE_OP_TRANSFER_END] = FORM_TABLE(end_reply),
    [WIRE_OP_DESTINATION_ADOPT] = FORM_TABLE(destination_adopt_reply),
    [WIRE_OP_SUBJECT_SEAL] = FORM_TABLE(subject_seal_reply),
    [WIRE_OP_SUBJECT_OPEN] = FORM_TABLE(subject_open_reply),
};

static const struct form_table statuses[] = {
    [WIRE_ROLE_TRANSFER] = FORM_TABLE(status_transfer),
    [WIRE_ROLE_AUDIT] = FORM_TABLE(status_audit),
    [WIRE_ROLE_VALIDATOR] = FORM_TABLE(status_validator),
    [WIRE_ROLE_PRIVACY] = FORM_TABLE(status_privacy),
};

struct form_table form_request(enum wire_op op)
{
    return requests[op];
}

struct form_table form_reply(enum wire_op op, enum wire_role role)
{
    return op == WIRE_OP_STATUS ? statuses[role] : replies[op];
}

struct form_table form_refusal(void)
{
    return (struct form_table)FORM_TABLE(refusal);
}

void form_free(struct form *form)
{
    bytes_free(&form->key);
    bytes_free(&form->intent);
    bytes_free(&form->leaf);
    bytes_free(&form->proof_text);
    bytes_free(&form->note);
    bytes_free(&form->header);
    bytes_free(&form->transaction);
    bytes_free(&form->ceremony);
    bytes_free(&form->to);
}

void form_json_free(struct form *form)
{
    json_t **const owned[] = {
        &form->approvals, &form->destination, &form->proof_list, &form->signature, &form->tokens,      &form->sweep,
        &form->keys,      &form->backup,      &form->command,    &form->document,  &form->attestation, &form->restore,
        &form->gift,      &form->freezes,     &form->occasion,   &form->next,      &form->limits,      &form->suspended,
        &form->values,    &form->rows,        &form->boxes,
    };
    for (size_t i = 0; i < FORM_COUNT(owned); i++) {
        json_decref(*owned[i]);
        *owned[i] = NULL;
    }
}

struct bytes form_take(struct bytes *from)
{
    struct bytes taken = *from;
    *from = (struct bytes){0};
    return taken;
}

void form_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

enum status form_signed_read(struct signed_document *out, const json_t *object, const char *path, struct fault *fault)
{
    *out = (struct signed_document){0};
    return object == NULL ? STATUS_OK : signed_document_decode(out, object, CANON_DOCUMENT_MAX, path, fault);
}

enum status form_signed_write(json_t **out, const struct signed_document *document, struct fault *fault)
{
    return document->document.data == NULL ? STATUS_OK : signed_document_encode(out, document, fault);
}

enum status form_rows_write(json_t **out, const void *rows, size_t count, size_t size, struct form_table table,
                            struct fault *fault)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = NULL;
        enum status status = canon_encode(&row, (const uint8_t *)rows + i * size, table.fields, table.count, fault);
        if (status != STATUS_OK) {
            json_decref(list);
            return status;
        }
        (void)json_array_append_new(list, row); /* a failure shows as a short list, checked below */
    }
    if (list == NULL || json_array_size(list) != count) {
        json_decref(list);
        return fault_set(fault, STATUS_NO_MEMORY, "message", "building a list");
    }
    *out = list; /* transferred */
    return STATUS_OK;
}

enum status form_signature_encode(json_t **out, const struct signature *signature, struct fault *fault)
{
    return canon_encode(out, signature, signature_fields, FORM_COUNT(signature_fields), fault);
}

enum status form_signature_decode(struct signature *out, const json_t *object, struct fault *fault)
{
    return canon_decode(out, sizeof(*out), object, signature_fields, FORM_COUNT(signature_fields), "signature", fault);
}
