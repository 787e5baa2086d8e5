/*
 * The flat form of every message of the protocol: one struct, and for each message a table of the members it carries.
 */
#ifndef STRONGROOM_WIRE_FORM_H
#define STRONGROOM_WIRE_FORM_H

#include "base/canon.h"
#include "wire/message.h"

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
    uint8_t successor64[SIGNATURE_LEN];
    char short_code[WIRE_SHORT_CODE_SIZE];
    struct bytes transaction;
    struct digest transaction_id;
    struct uuid withdrawal;
    uint64_t promises;
    uint64_t ends;
    char status[WIRE_WORD_SIZE];
    char where[64];
    char detail[256];
    char promised[WIRE_WORD_SIZE];
    bool ready;
    char reason[128];
    uint64_t size;
    struct digest root;
    uint64_t height;
    struct digest header_digest;
    struct digest instance;
    struct digest program;
    struct digest configuration;
    struct digest policy;
    int64_t policy_version;
    int64_t in_force_at;
    int64_t sign_at;
    json_t *limits;
    json_t *next;
    json_t *tokens;
    json_t *sweep;
    struct digest after;
    json_t *keys;
    bool more;
    json_t *backup;
    struct bytes ceremony;
    json_t *command;
    json_t *document;
    json_t *restore;
    char state[WIRE_WORD_SIZE];
    uint64_t on;
    struct digest key_id;
    struct digest challenge;
    json_t *attestation;
    struct name alarm;
    char scope[WIRE_WORD_SIZE];
    char subject[WIRE_TEXT_SIZE];
    json_t *freezes;
    json_t *suspended;
    json_t *gift;
    json_t *occasion;
    struct bytes to;
    int64_t have;
    int64_t threshold;
    bool open;
    struct uuid subject_id;
    struct uuid event;
    int64_t erase_after;
    json_t *values;
    json_t *rows;
    json_t *boxes;
    uint64_t left;
    uint64_t subjects;
    uint64_t erased;
    uint64_t reveals;
};

struct form_table {
    const struct canon_field *fields;
    size_t count;
};

#define FORM_COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FORM_TABLE(table)                                                                                              \
    {                                                                                                                  \
        table, FORM_COUNT(table)                                                                                       \
    }

/* The members of a request, of its successful reply (for status: of a role), and of a refusal. */
struct form_table form_request(enum wire_op op);
struct form_table form_reply(enum wire_op op, enum wire_role role);
struct form_table form_refusal(void);

/* Frees the bytes and leaves the JSON members alone. */
void form_free(struct form *form);

/* Drops the JSON members, which a writer owns. */
void form_json_free(struct form *form);

/*
 * How the parts of one operation travel. Readers take the bytes they keep out of the form; on failure they leave
 * nothing behind in `out`. Writers lend the bytes of a request and copy those of a reply.
 */
struct codec {
    const char *op;
    enum status (*request_read)(struct wire_request *out, struct form *form, struct fault *fault);
    enum status (*request_write)(struct form *form, const struct wire_request *request, struct fault *fault);
    void (*request_free)(struct wire_request *request);
    enum status (*reply_read)(struct wire_reply *out, struct form *form, struct fault *fault);
    enum status (*reply_write)(struct form *form, const struct wire_reply *reply, struct fault *fault);
    void (*reply_free)(struct wire_reply *reply);
};

/*
 * Checkpoints, headers and what comes first (sign_codec.c); withdrawals (transfer_codec.c); keys and activation
 * (key_codec.c); personal data (subject_codec.c). NULL for an operation of another.
 */
const struct codec *codec_sign(enum wire_op op);
const struct codec *codec_transfer(enum wire_op op);
const struct codec *codec_key(enum wire_op op);
const struct codec *codec_subject(enum wire_op op);

/* Hands bytes over and leaves nothing behind. */
struct bytes form_take(struct bytes *from);

/* Copies text into a member, cut where it is too long. */
void form_text(char *out, size_t size, const char *text);

/* A signed document of a message and back. An absent one is empty, an empty one is left out. */
MUST_CHECK enum status form_signed_read(struct signed_document *out, const json_t *object, const char *path,
                                        struct fault *fault);
MUST_CHECK enum status form_signed_write(json_t **out, const struct signed_document *document, struct fault *fault);

/* Writes rows of `size` bytes as an array of objects. Out: one reference. */
MUST_CHECK enum status form_rows_write(json_t **out, const void *rows, size_t count, size_t size,
                                       struct form_table table, struct fault *fault);

/* {"alg","key","sig"} of a signature and back. Out of the encoder: one reference. */
MUST_CHECK enum status form_signature_encode(json_t **out, const struct signature *signature, struct fault *fault);
MUST_CHECK enum status form_signature_decode(struct signature *out, const json_t *object, struct fault *fault);

#endif
