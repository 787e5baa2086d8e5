/*
 * The flat form of every message of the protocol: one struct, and for each message a table of the members it carries.
 */
#ifndef STRONGROOM_WIRE_FORM_H
#define STRONGROOM_WIRE_FORM_H

#include "base/canon.h"
#include "wire/message.h"

#define WIRE_WORD_SIZE 24

/* JSON members are borrowed from the parsed message when reading and owned by the writer when writing. */
struct form {
    int64_t id;
    char op[WIRE_WORD_SIZE];
    char role[WIRE_WORD_SIZE];
    bool ok;
    int64_t protocol;
    enum algorithm alg;
    struct bytes key;
    json_t *approvals;
    json_t *destination;
    struct bytes intent;
    struct bytes leaf;
    struct bytes proof_text;
    struct bytes note;
    uint64_t old;
    json_t *proof_list;
    struct bytes header;
    json_t *signature;
    uint8_t signature64[SIGNATURE_LEN];
    char short_code[WIRE_SHORT_CODE_SIZE];
    struct bytes transaction;
    char status[WIRE_WORD_SIZE];
    char where[64];
    char detail[256];
    bool ready;
    char reason[128];
    uint64_t size;
    struct digest root;
    uint64_t height;
    struct digest header_digest;
    struct digest policy;
    int64_t policy_version;
};

struct form_table {
    const struct canon_field *fields;
    size_t count;
};

/* The members of a request, of its successful reply (for status: of a role), and of a refusal. */
struct form_table form_request(enum wire_op op);
struct form_table form_reply(enum wire_op op, enum wire_role role);
struct form_table form_refusal(void);

/* Frees the bytes and leaves the JSON members alone. */
void form_free(struct form *form);

/* {"alg","key","sig"} of a signature and back. Out of the encoder: one reference. */
MUST_CHECK enum status form_signature_encode(json_t **out, const struct signature *signature, struct fault *fault);
MUST_CHECK enum status form_signature_decode(struct signature *out, const json_t *object, struct fault *fault);

#endif
