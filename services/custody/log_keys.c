/*
 * Rotating the key of the audit trail: the order, for the quorum to sign, and the trust file of whoever verifies the
 * trail, which gets the new key from orders that lead to the first policy and from nothing else.
 */
#include "audit/log_keys.h"
#include "client.h"
#include "commands.h"
#include "order_draft.h"
#include "papers.h"
#include "policy/command.h"
#include "trust.h"

#define ORDERS_MAX 256

/* The verifier key of the new key, under the origin of the log that is trusted. */
static enum status name_key(struct command *command, const struct key_document *key, const struct trust_file *file,
                            struct fault *fault)
{
    struct audit_key log;
    struct audit_key next;
    char text[AUDIT_VKEY_SIZE];
    if (key->purpose != ROLE_AUDIT || key->key.algorithm != ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_INVALID, "document", "must be of an ed25519 key for audit");
    }
    enum status status = audit_key_parse(&log, file->log, fault);
    if (status == STATUS_OK) {
        /* The last 32 bytes of the DER form of an Ed25519 key (RFC 8410) are the key. */
        status = audit_key_make(&next, log.name, AUDIT_KEY_ED25519, key->key.spki + key->key.spki_len - 32, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    audit_key_format(text, &next);
    if (strlen(text) >= sizeof(command->log)) {
        return fault_set(fault, STATUS_TOO_LARGE, "log", "a verifier key of at most %zu characters",
                         sizeof(command->log) - 1);
    }
    memcpy(command->log, text, sizeof(command->log));
    return STATUS_OK;
}

static enum status make_order(struct command *out, const struct custody_options *options, const struct chain *chain,
                              const struct key_papers *papers, struct fault *fault)
{
    struct trust_file file;
    out->key = papers->key.key_id;
    out->retires = papers->key.replaces;
    out->size = (uint64_t)options->size;
    enum status status = trust_file_read(&file, options, fault);
    status = status == STATUS_OK ? name_key(out, &papers->key, &file, fault) : status;
    return status == STATUS_OK ? order_draft(out, chain_newest(chain), options, fault) : status;
}

enum status command_log_rotate(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct command command = {.action = COMMAND_LOG_ROTATE};
    struct key_papers papers = {0};
    struct chain chain = {0};
    struct bytes document = {0};
    if (options->size == 0) {
        return fault_set(fault, STATUS_USAGE, "size", "name from how many entries on the new key signs alone");
    }
    enum status status = chain_open(&chain, options, true, fault);
    status = status == STATUS_OK ? papers_read(&papers, options, fault) : status;
    status = status == STATUS_OK ? papers_verify(&papers, &chain, fault) : status;
    status = status == STATUS_OK ? make_order(&command, options, &chain, &papers, fault) : status;
    status = status == STATUS_OK ? order_draft_write(&document, &command, fault) : status;
    status = status == STATUS_OK ? command_write_document(&document, options, fault) : status;
    bytes_free(&document);
    papers_wipe(&papers);
    chain_wipe(&chain);
    return status;
}

/* The trust file. */

struct rotations {
    struct command orders[ORDERS_MAX]; /* verified, in the order in which they were issued */
    size_t count;
};

static enum status take_order(struct rotations *inout, const struct trust *trust, const json_t *row,
                              struct fault *fault)
{
    struct signed_document document = {0};
    struct command command;
    enum status status = inout->count < ORDERS_MAX
                             ? signed_document_decode(&document, row, CANON_DOCUMENT_MAX, "orders.", fault)
                             : fault_set(fault, STATUS_TOO_LARGE, "orders", "at most %d", ORDERS_MAX);
    if (status == STATUS_OK) {
        status = command_decode(&command, document.document.data, document.document.len, fault);
    }
    const struct policy *named = status == STATUS_OK ? chain_find(&trust->policies, &command.policy) : NULL;
    if (status == STATUS_OK && (named == NULL || command.action != COMMAND_LOG_ROTATE)) {
        status =
            fault_set(fault, STATUS_MISMATCH, "orders", "one is no order log.rotate under a version of the policy");
    }
    if (status == STATUS_OK) {
        status = command_verify(&command, &document, named, command.issued_at, fault);
    }
    signed_document_free(&document);
    if (status != STATUS_OK) {
        return status;
    }
    size_t at = inout->count++;
    for (; at > 0 && inout->orders[at - 1].issued_at > command.issued_at; at--) {
        inout->orders[at] = inout->orders[at - 1];
    }
    inout->orders[at] = command;
    return STATUS_OK;
}

static enum status fetch_orders(struct rotations *out, const struct custody_options *options, const struct trust *trust,
                                struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/audit/log-keys"};
    json_t *answer = NULL;
    enum status status = client_json(&answer, options, &call, fault);
    const json_t *rows = json_object_get(answer, "orders");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(rows); i++) {
        status = take_order(out, trust, json_array_get(rows, i), fault);
    }
    json_decref(answer);
    return status;
}

/* The order joins the keys so far: at their end, or in the place of the last one when it retires the same key. */
static enum status join(struct audit_key *keys, uint64_t *from, size_t *count, const struct command *order,
                        struct fault *fault)
{
    struct audit_log_keys pair;
    char last[AUDIT_VKEY_SIZE];
    struct digest id;
    size_t before = *count - 1;
    public_key_id(&id, &keys[before].public_key);
    if (!digest_equal(&id, &order->retires) && before > 0) {
        before--;
        public_key_id(&id, &keys[before].public_key);
    }
    if (!digest_equal(&id, &order->retires) || order->size <= from[before]) {
        return fault_set(fault, STATUS_MISMATCH, "orders", "one follows no key of the trust file");
    }
    audit_key_format(last, &keys[before]);
    enum status status = audit_log_keys_parse(&pair, last, order->log, order->size, fault);
    if (status == STATUS_OK) {
        keys[before + 1] = pair.next;
        from[before + 1] = order->size;
        *count = before + 2;
    }
    return status;
}

static enum status add_rotations(json_t *file, const struct rotations *rotations, struct fault *fault)
{
    struct audit_key keys[ORDERS_MAX + 1];
    uint64_t from[ORDERS_MAX + 1] = {0};
    size_t count = 1;
    json_t *array = json_array();
    enum status status = audit_key_parse(&keys[0], json_string_value(json_object_get(file, "log")), fault);
    for (size_t i = 0; status == STATUS_OK && i < rotations->count; i++) {
        status = join(keys, from, &count, &rotations->orders[i], fault);
    }
    for (size_t i = 1; status == STATUS_OK && i < count; i++) {
        char text[AUDIT_VKEY_SIZE];
        audit_key_format(text, &keys[i]);
        (void)json_array_append_new(array, json_sprintf("%llu %s", (unsigned long long)from[i], text));
    }
    bool whole = json_array_size(array) == count - 1;
    if (status == STATUS_OK && count > 1 && (!whole || json_object_set(file, "rotations", array) != 0)) {
        status = fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
    }
    json_decref(array);
    return status;
}

/* What the file has came from an order too: a service that hides it would take the key back. */
static enum status find_order(const char *rotation, const struct rotations *rotations, struct fault *fault)
{
    char text[AUDIT_VKEY_SIZE + 24];
    for (size_t i = 0; rotation != NULL && i < rotations->count; i++) {
        const struct command *order = &rotations->orders[i];
        (void)snprintf(text, sizeof(text), "%llu %s", (unsigned long long)order->size, order->log);
        if (strcmp(text, rotation) == 0) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_MISMATCH, "orders", "the service shows none of the rotation %s of the trust file",
                     rotation == NULL ? "" : rotation);
}

static enum status keep_rotations(const json_t *file, const struct rotations *rotations, struct fault *fault)
{
    const json_t *held = json_object_get(file, "rotations");
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(held); i++) {
        status = find_order(json_string_value(json_array_get(held, i)), rotations, fault);
    }
    return status;
}

static enum status write_trust(json_t *file, const struct custody_options *options, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = canon_emit(&document, file, CANON_DOCUMENT_MAX, fault);
    status = status == STATUS_OK ? command_write_document(&document, options, fault) : status;
    bytes_free(&document);
    return status;
}

enum status command_log_trust(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct trust trust;
    struct bytes text = {0};
    json_t *file = NULL;
    struct rotations *rotations = calloc(1, sizeof(*rotations)); /* orders are long */
    if (rotations == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
    }
    enum status status = trust_open(&trust, options, fault);
    if (status == STATUS_OK) {
        status = fetch_orders(rotations, options, &trust, fault);
        trust_wipe(&trust);
    }
    status = status == STATUS_OK ? command_read_file(&text, options->trust, CANON_DOCUMENT_MAX, fault) : status;
    status = status == STATUS_OK ? canon_parse(&file, text.data, text.len, CANON_DOCUMENT_MAX, fault) : status;
    status = status == STATUS_OK ? keep_rotations(file, rotations, fault) : status;
    status = status == STATUS_OK ? add_rotations(file, rotations, fault) : status;
    status = status == STATUS_OK ? write_trust(file, options, fault) : status;
    json_decref(file);
    bytes_free(&text);
    free(rotations);
    return status;
}
