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
    CANON_FIELD_SIZED(struct form, intent, CANON_STRING, CANON_DOCUMENT_MAX),
    CANON_FIELD_SIZED(struct form, leaf, CANON_BYTES, WIRE_MESSAGE_MAX),
    FORM_FIELD(proof_text, "proof", CANON_BYTES, WIRE_MESSAGE_MAX, 0),
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
    CANON_FIELD_RANGE(struct form, short_code, CANON_TEXT, 1, 0),
    CANON_FIELD(struct form, signature, CANON_OBJECT),
    CANON_FIELD_SIZED(struct form, transaction, CANON_STRING, CANON_DOCUMENT_MAX),
};

static const struct canon_field checkpoint_reply[] = {
    FORM_ID,
    FORM_OK,
    FORM_FIELD(signature64, "signature", CANON_SIGNATURE, SIGNATURE_LEN, 0),
};

static const struct canon_field header_reply[] = {
    FORM_ID,
    FORM_OK,
    CANON_FIELD(struct form, signature, CANON_OBJECT),
};

static const struct canon_field refusal[] = {
    CANON_FIELD(struct form, id, CANON_INTEGER), /* 0 where the request's could not be read */
    FORM_OK,
    CANON_FIELD_RANGE(struct form, status, CANON_TEXT, 1, 0),
    CANON_FIELD(struct form, where, CANON_TEXT),
    CANON_FIELD(struct form, detail, CANON_TEXT),
};

static const struct canon_field status_transfer[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    CANON_FIELD(struct form, policy, CANON_HASH),
    CANON_FIELD(struct form, policy_version, CANON_INTEGER),
    CANON_FIELD(struct form, size, CANON_COUNTER),
};

static const struct canon_field status_audit[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    CANON_FIELD(struct form, root, CANON_HASH),
    CANON_FIELD(struct form, size, CANON_COUNTER),
};

static const struct canon_field status_validator[] = {
    FORM_ID,
    FORM_OK,
    FORM_READY,
    FORM_REASON,
    FORM_ROLE,
    FORM_FIELD(header_digest, "header", CANON_HASH, sizeof(struct digest), 0),
    CANON_FIELD(struct form, height, CANON_COUNTER),
};

static const struct canon_field signature_fields[] = {
    {"alg", CANON_ALGORITHM, false, offsetof(struct signature, algorithm), sizeof(enum algorithm), 0, 0},
    {"key", CANON_HASH, false, offsetof(struct signature, key_id), sizeof(struct digest), 0, 0},
    {"sig", CANON_SIGNATURE, false, offsetof(struct signature, bytes64), SIGNATURE_LEN, 0, 0},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FORM_TABLE(table)                                                                                              \
    {                                                                                                                  \
        table, COUNT(table)                                                                                            \
    }

static const struct form_table requests[] = {
    [WIRE_OP_NONE] = {NULL, 0},
    [WIRE_OP_HELLO] = FORM_TABLE(hello_request),
    [WIRE_OP_STATUS] = FORM_TABLE(status_request),
    [WIRE_OP_TRANSFER_SIGN] = FORM_TABLE(transfer_request),
    [WIRE_OP_CHECKPOINT_SIGN] = FORM_TABLE(checkpoint_request),
    [WIRE_OP_HEADER_SIGN] = FORM_TABLE(header_request),
};

static const struct form_table replies[] = {
    [WIRE_OP_NONE] = {NULL, 0},
    [WIRE_OP_HELLO] = FORM_TABLE(hello_reply),
    [WIRE_OP_STATUS] = {NULL, 0}, /* by role */
    [WIRE_OP_TRANSFER_SIGN] = FORM_TABLE(transfer_reply),
    [WIRE_OP_CHECKPOINT_SIGN] = FORM_TABLE(checkpoint_reply),
    [WIRE_OP_HEADER_SIGN] = FORM_TABLE(header_reply),
};

static const struct form_table statuses[] = {
    [WIRE_ROLE_TRANSFER] = FORM_TABLE(status_transfer),
    [WIRE_ROLE_AUDIT] = FORM_TABLE(status_audit),
    [WIRE_ROLE_VALIDATOR] = FORM_TABLE(status_validator),
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
}

enum status form_signature_encode(json_t **out, const struct signature *signature, struct fault *fault)
{
    return canon_encode(out, signature, signature_fields, COUNT(signature_fields), fault);
}

enum status form_signature_decode(struct signature *out, const json_t *object, struct fault *fault)
{
    return canon_decode(out, sizeof(*out), object, signature_fields, COUNT(signature_fields), "signature", fault);
}
