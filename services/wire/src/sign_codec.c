/*
 * hello, status and the signatures of checkpoints and headers: between structs and the flat form.
 */
#include "form.h"

/* hello */

static enum status hello_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->hello.protocol = form->protocol;
    return STATUS_OK;
}

static enum status hello_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->protocol = request->hello.protocol;
    return STATUS_OK;
}

static enum status hello_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    out->hello.protocol = form->protocol;
    if (wire_role_parse(&out->hello.role, form->role) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "role", "there is no such role");
    }
    return public_key_parse(&out->hello.key, form->alg, form->key.data, form->key.len, fault);
}

static enum status hello_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    const struct wire_hello_reply *hello = &reply->hello;
    form->protocol = hello->protocol;
    form->alg = hello->key.algorithm;
    form_text(form->role, sizeof(form->role), wire_role_name(hello->role));
    return bytes_copy(&form->key, hello->key.spki, hello->key.spki_len);
}

/* status */

static const char *const token_words[] = {
    [WIRE_TOKEN_SERVING] = "serving",
    [WIRE_TOKEN_STANDBY] = "standby",
    [WIRE_TOKEN_DOWN] = "down",
    [WIRE_TOKEN_LOCKED] = "locked",
};

struct token_row {
    struct wire_token token;
    char state[WIRE_WORD_SIZE];
};

static const struct canon_field token_fields[] = {
    CANON_FIELD(struct wire_token, down_at, CANON_TIME),          CANON_FIELD(struct wire_token, label, CANON_TEXT),
    CANON_FIELD(struct wire_token, reason, CANON_TEXT),           CANON_FIELD(struct wire_token, serial, CANON_TEXT),
    CANON_FIELD_RANGE(struct token_row, state, CANON_TEXT, 1, 0),
};
_Static_assert(offsetof(struct token_row, token) == 0, "rows of a token serve for what travels");

static enum status token_read(struct wire_token *out, const json_t *object, struct fault *fault)
{
    struct token_row row;
    enum status status =
        canon_decode(&row, sizeof(row), object, token_fields, FORM_COUNT(token_fields), "tokens", fault);
    for (size_t i = 0; status == STATUS_OK && i < FORM_COUNT(token_words); i++) {
        if (strcmp(row.state, token_words[i]) == 0) {
            *out = row.token;
            out->state = (enum wire_token_state)i;
            return STATUS_OK;
        }
    }
    return status == STATUS_OK ? fault_set(fault, STATUS_INVALID, "tokens.state", "there is no such state") : status;
}

struct freeze_row {
    struct wire_freeze freeze;
    char state[WIRE_WORD_SIZE];
};

static const struct canon_field freeze_fields[] = {
    CANON_FIELD_RANGE(struct wire_freeze, cause, CANON_TEXT, 1, 0),
    CANON_FIELD(struct wire_freeze, on, CANON_COUNTER),
    CANON_FIELD(struct wire_freeze, reason, CANON_NAME),
    CANON_FIELD_RANGE(struct wire_freeze, scope, CANON_TEXT, 1, 0),
    CANON_FIELD(struct wire_freeze, since, CANON_TIME),
    CANON_FIELD_RANGE(struct freeze_row, state, CANON_TEXT, 1, 0),
    {"subject", CANON_TEXT, true, offsetof(struct wire_freeze, subject), WIRE_TEXT_SIZE, 1, 0},
};
_Static_assert(offsetof(struct freeze_row, freeze) == 0, "rows of a freeze serve for what travels");

static enum status freezes_read(struct wire_status_reply *out, const struct form *form, struct fault *fault)
{
    size_t count = json_array_size(form->freezes); /* none but of role transfer */
    INVARIANT(count <= WIRE_FREEZES_MAX);          /* the table bounds it */
    for (size_t i = 0; i < count; i++) {
        struct freeze_row row;
        enum status status = canon_decode(&row, sizeof(row), json_array_get(form->freezes, i), freeze_fields,
                                          FORM_COUNT(freeze_fields), "freezes", fault);
        if (status != STATUS_OK) {
            return status;
        }
        row.freeze.frozen = strcmp(row.state, "frozen") == 0;
        if (!row.freeze.frozen && strcmp(row.state, "thawed") != 0) {
            return fault_set(fault, STATUS_INVALID, "freezes.state", "there is no such state");
        }
        out->freezes[i] = row.freeze;
    }
    out->freeze_count = count;
    return STATUS_OK;
}

static enum status freezes_write(struct form *form, const struct wire_status_reply *answer, struct fault *fault)
{
    const struct form_table table = FORM_TABLE(freeze_fields);
    struct freeze_row rows[WIRE_FREEZES_MAX];
    INVARIANT(answer->freeze_count <= WIRE_FREEZES_MAX);
    for (size_t i = 0; i < answer->freeze_count; i++) {
        rows[i].freeze = answer->freezes[i];
        form_text(rows[i].state, sizeof(rows[i].state), answer->freezes[i].frozen ? "frozen" : "thawed");
    }
    return form_rows_write(&form->freezes, rows, answer->freeze_count, sizeof(rows[0]), table, fault);
}

static const struct canon_field suspended_fields[] = {
    CANON_FIELD(struct wire_suspended, on, CANON_COUNTER),
    CANON_FIELD(struct wire_suspended, person, CANON_NAME),
};

static enum status suspended_read(struct wire_status_reply *out, const struct form *form, struct fault *fault)
{
    size_t count = json_array_size(form->suspended);
    INVARIANT(count <= WIRE_SUSPENDED_MAX); /* the table bounds it */
    for (size_t i = 0; i < count; i++) {
        enum status status =
            canon_decode(&out->suspended[i], sizeof(out->suspended[i]), json_array_get(form->suspended, i),
                         suspended_fields, FORM_COUNT(suspended_fields), "suspended", fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    out->suspended_count = count;
    return STATUS_OK;
}

static enum status suspended_write(struct form *form, const struct wire_status_reply *answer, struct fault *fault)
{
    const struct form_table table = FORM_TABLE(suspended_fields);
    INVARIANT(answer->suspended_count <= WIRE_SUSPENDED_MAX);
    return form_rows_write(&form->suspended, answer->suspended, answer->suspended_count, sizeof(answer->suspended[0]),
                           table, fault);
}

struct next_row {
    struct wire_policy_next next;
    char state[WIRE_WORD_SIZE];
    json_t *vetoes;
};

static const struct canon_field next_fields[] = {
    CANON_FIELD(struct wire_policy_next, in_force_at, CANON_TIME),
    CANON_FIELD(struct wire_policy_next, need, CANON_INTEGER),
    CANON_FIELD(struct wire_policy_next, policy, CANON_HASH),
    CANON_FIELD(struct wire_policy_next, policy_version, CANON_INTEGER),
    CANON_FIELD(struct wire_policy_next, received_at, CANON_TIME),
    CANON_FIELD(struct wire_policy_next, signers, CANON_INTEGER),
    CANON_FIELD_RANGE(struct next_row, state, CANON_TEXT, 1, 0),
    CANON_FIELD_RANGE(struct next_row, vetoes, CANON_ARRAY, 0, WIRE_VETOES_MAX),
};
_Static_assert(offsetof(struct next_row, next) == 0, "rows of a version serve for what travels");

static enum status next_read(struct wire_status_reply *out, const struct form *form, struct fault *fault)
{
    struct next_row row;
    if (form->next == NULL) {
        return STATUS_OK;
    }
    enum status status =
        canon_decode(&row, sizeof(row), form->next, next_fields, FORM_COUNT(next_fields), "next", fault);
    if (status != STATUS_OK) {
        return status;
    }
    row.next.dropped = strcmp(row.state, "dropped") == 0;
    if (!row.next.dropped && strcmp(row.state, "waiting") != 0) {
        return fault_set(fault, STATUS_INVALID, "next.state", "there is no such state");
    }
    row.next.veto_count = json_array_size(row.vetoes);
    for (size_t i = 0; i < row.next.veto_count; i++) {
        const char *text = json_string_value(json_array_get(row.vetoes, i));
        if (text == NULL || name_parse(&row.next.vetoes[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "next.vetoes", "names of people");
        }
    }
    out->next = row.next;
    out->has_next = true;
    return STATUS_OK;
}

static enum status next_write(struct form *form, const struct wire_status_reply *answer, struct fault *fault)
{
    struct next_row row = {.next = answer->next, .vetoes = json_array()};
    INVARIANT(row.next.veto_count <= WIRE_VETOES_MAX);
    form_text(row.state, sizeof(row.state), row.next.dropped ? "dropped" : "waiting");
    for (size_t i = 0; i < row.next.veto_count; i++) {
        (void)json_array_append_new(row.vetoes, json_string(row.next.vetoes[i].text)); /* counted below */
    }
    enum status status = row.vetoes != NULL && json_array_size(row.vetoes) == row.next.veto_count
                             ? canon_encode(&form->next, &row, next_fields, FORM_COUNT(next_fields), fault)
                             : fault_set(fault, STATUS_NO_MEMORY, "next", "building a list");
    json_decref(row.vetoes);
    return status;
}

static enum status status_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    struct wire_status_reply *answer = &out->status;
    answer->ready = form->ready;
    form_text(answer->reason, sizeof(answer->reason), form->reason);
    answer->size = form->size;
    answer->promises = form->promises;
    answer->instance = form->instance;
    answer->program = form->program;
    answer->configuration = form->configuration;
    answer->root = form->root;
    answer->height = form->height;
    answer->header = form->header_digest;
    answer->subjects = form->subjects;
    answer->erased = form->erased;
    answer->reveals = form->reveals;
    answer->policy = form->policy;
    answer->policy_version = form->policy_version;
    answer->policy_in_force_at = form->in_force_at;
    answer->token_count = json_array_size(form->tokens);
    INVARIANT(answer->token_count <= WIRE_TOKENS_MAX); /* the table bounds it */
    for (size_t i = 0; i < answer->token_count; i++) {
        enum status status = token_read(&answer->tokens[i], json_array_get(form->tokens, i), fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = next_read(answer, form, fault);
    status = status == STATUS_OK ? suspended_read(answer, form, fault) : status;
    return status == STATUS_OK ? freezes_read(answer, form, fault) : status;
}

static enum status status_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    const struct wire_status_reply *answer = &reply->status;
    form->ready = answer->ready;
    form_text(form->reason, sizeof(form->reason), answer->reason);
    form_text(form->role, sizeof(form->role), wire_role_name(answer->role));
    form->size = answer->size;
    form->promises = answer->promises;
    form->instance = answer->instance;
    form->program = answer->program;
    form->configuration = answer->configuration;
    form->root = answer->root;
    form->height = answer->height;
    form->header_digest = answer->header;
    form->subjects = answer->subjects;
    form->erased = answer->erased;
    form->reveals = answer->reveals;
    form->policy = answer->policy;
    form->policy_version = answer->policy_version;
    form->in_force_at = answer->policy_in_force_at;
    struct token_row rows[WIRE_TOKENS_MAX] = {{.state = ""}};
    INVARIANT(answer->token_count <= WIRE_TOKENS_MAX);
    for (size_t i = 0; i < answer->token_count; i++) {
        rows[i].token = answer->tokens[i];
        form_text(rows[i].state, sizeof(rows[i].state), token_words[answer->tokens[i].state]);
    }
    const struct form_table table = FORM_TABLE(token_fields);
    enum status status = form_rows_write(&form->tokens, rows, answer->token_count, sizeof(rows[0]), table, fault);
    if (status == STATUS_OK && answer->has_next) {
        status = next_write(form, answer, fault);
    }
    status = status == STATUS_OK ? suspended_write(form, answer, fault) : status;
    return status == STATUS_OK && answer->role == WIRE_ROLE_TRANSFER ? freezes_write(form, answer, fault) : status;
}

/* checkpoint.sign */

static enum status proof_read(struct wire_checkpoint_request *out, const json_t *list, struct fault *fault)
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

static enum status proof_write(json_t **out, const struct wire_checkpoint_request *request, struct fault *fault)
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

static enum status checkpoint_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    enum status status = proof_read(&out->checkpoint, form->proof_list, fault);
    if (status == STATUS_OK) {
        out->checkpoint.note = form_take(&form->note);
        out->checkpoint.old = form->old;
    }
    return status;
}

static enum status checkpoint_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    form->note = request->checkpoint.note;
    form->old = request->checkpoint.old;
    return proof_write(&form->proof_list, &request->checkpoint, fault);
}

static void checkpoint_request_free(struct wire_request *request)
{
    bytes_free(&request->checkpoint.note);
}

static enum status checkpoint_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    (void)fault;
    static const uint8_t none64[SIGNATURE_LEN];
    memcpy(out->checkpoint.signatures[0], form->signature64, SIGNATURE_LEN);
    memcpy(out->checkpoint.signatures[1], form->successor64, SIGNATURE_LEN);
    out->checkpoint.count = memcmp(form->successor64, none64, SIGNATURE_LEN) == 0 ? 1 : 2;
    return STATUS_OK;
}

static enum status checkpoint_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    (void)fault;
    memcpy(form->signature64, reply->checkpoint.signatures[0], SIGNATURE_LEN);
    if (reply->checkpoint.count == 2) {
        memcpy(form->successor64, reply->checkpoint.signatures[1], SIGNATURE_LEN);
    }
    return STATUS_OK;
}

/* header.sign */

static enum status header_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    (void)fault;
    out->header.header = form_take(&form->header);
    return STATUS_OK;
}

static enum status header_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    (void)fault;
    form->header = request->header.header;
    return STATUS_OK;
}

static void header_request_free(struct wire_request *request)
{
    bytes_free(&request->header.header);
}

static enum status header_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    return form_signature_decode(&out->header.signature, form->signature, fault);
}

static enum status header_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    return form_signature_encode(&form->signature, &reply->header.signature, fault);
}

static const struct codec codecs[] = {
    [WIRE_OP_HELLO] = {"hello", hello_request_read, hello_request_write, NULL, hello_reply_read, hello_reply_write,
                       NULL},
    [WIRE_OP_STATUS] = {"status", NULL, NULL, NULL, status_reply_read, status_reply_write, NULL},
    [WIRE_OP_CHECKPOINT_SIGN] = {"checkpoint.sign", checkpoint_request_read, checkpoint_request_write,
                                 checkpoint_request_free, checkpoint_reply_read, checkpoint_reply_write, NULL},
    [WIRE_OP_HEADER_SIGN] = {"header.sign", header_request_read, header_request_write, header_request_free,
                             header_reply_read, header_reply_write, NULL},
};

const struct codec *codec_sign(enum wire_op op)
{
    bool there = op > WIRE_OP_NONE && op < FORM_COUNT(codecs) && codecs[op].op != NULL;
    return there ? &codecs[op] : NULL;
}
