/*
 * Rotating the key of the audit trail, and ending a trail: the orders, for the quorum to sign, and the trust file of
 * whoever verifies the trail, which gets the new key from orders that lead to the first policy and from nothing else.
 */
#include "audit/log_keys.h"
#include "base/file.h"
#include "client.h"
#include "commands.h"
#include "order_draft.h"
#include "papers.h"
#include "policy/command.h"
#include "trust.h"

#define ORDERS_MAX 256

/* What an order is made of. */
struct matter {
    const struct custody_options *options;
    struct audit_log_terms log;          /* the newest by the trust file */
    const struct key_document *document; /* of the key that is named; NULL for none */
};

typedef enum status make_order(struct command *inout, const struct matter *matter, struct fault *fault);

/* The verifier key of the key, under the origin. */
static enum status name_key(struct command *inout, const char *origin, const struct public_key *key,
                            struct fault *fault)
{
    struct audit_key next;
    char text[AUDIT_VKEY_SIZE];
    /* The last 32 bytes of the DER form of an Ed25519 key (RFC 8410) are the key. */
    enum status status = audit_key_make(&next, origin, AUDIT_KEY_ED25519, key->spki + key->spki_len - 32, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_key_format(text, &next);
    if (strlen(text) >= sizeof(inout->log)) {
        return fault_set(fault, STATUS_TOO_LARGE, "log", "a verifier key of at most %zu characters",
                         sizeof(inout->log) - 1);
    }
    memcpy(inout->log, text, sizeof(inout->log));
    public_key_id(&inout->key, &next.public_key);
    return STATUS_OK;
}

static enum status make_rotation(struct command *inout, const struct matter *matter, struct fault *fault)
{
    inout->retires = matter->document->replaces;
    inout->size = (uint64_t)matter->options->size;
    return name_key(inout, matter->log.rows[0].key.name, &matter->document->key, fault);
}

/* The last checkpoint that is good: signed by the log of the trust file. */
static enum status read_good(struct audit_checkpoint *out, const struct matter *matter, struct fault *fault)
{
    struct bytes note = {0};
    if (matter->options->in[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "in", "name the file of the last checkpoint that is good");
    }
    enum status status = file_read(&note, matter->options->in, AUDIT_NOTE_MAX, "in", fault);
    status = status == STATUS_OK ? audit_log_terms_open(out, &matter->log, note.data, note.len, fault) : status;
    bytes_free(&note);
    return status;
}

/* The key that counts there goes on under the next origin, or the one of the document does. */
static enum status make_fork(struct command *inout, const struct matter *matter, struct fault *fault)
{
    struct audit_checkpoint good;
    char origin[AUDIT_ORIGIN_SIZE];
    const struct audit_log_terms *log = &matter->log;
    enum status status = read_good(&good, matter, fault);
    status = status == STATUS_OK ? audit_origin_next(origin, log->rows[0].key.name, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const struct public_key *key = &log->rows[0].key.public_key;
    for (size_t i = 1; i < log->count; i++) {
        key = good.size >= log->rows[i].from ? &log->rows[i].key.public_key : key;
    }
    inout->size = good.size;
    inout->root = good.root;
    return name_key(inout, origin, matter->document == NULL ? key : &matter->document->key, fault);
}

static enum status read_papers(struct key_papers *out, const struct custody_options *options, const struct chain *chain,
                               struct fault *fault)
{
    enum status status = papers_read(out, options, fault);
    status = status == STATUS_OK ? papers_verify(out, chain, fault) : status;
    return status == STATUS_OK && (out->key.purpose != ROLE_AUDIT || out->key.key.algorithm != ALGORITHM_ED25519)
               ? fault_set(fault, STATUS_INVALID, "document", "must be of an ed25519 key for audit")
               : status;
}

/* The order, to be signed. `keyed`: the document names the key. */
static enum status write_order(struct command *command, const struct custody_options *options, bool keyed,
                               make_order *make, struct fault *fault)
{
    struct matter matter = {.options = options};
    struct audit_witnesses witnesses;
    struct key_papers papers = {0};
    struct chain chain = {0};
    struct bytes document = {0};
    enum status status = chain_open(&chain, options, true, fault);
    status = status == STATUS_OK && keyed ? read_papers(&papers, options, &chain, fault) : status;
    status = status == STATUS_OK ? trust_log_read(&matter.log, &witnesses, options, fault) : status;
    if (status == STATUS_OK) {
        matter.document = keyed ? &papers.key : NULL;
        status = make(command, &matter, fault);
    }
    status = status == STATUS_OK ? order_draft(command, chain_newest(&chain), options, fault) : status;
    status = status == STATUS_OK ? order_draft_write(&document, command, fault) : status;
    status = status == STATUS_OK ? command_write_document(&document, options, fault) : status;
    bytes_free(&document);
    papers_wipe(&papers);
    chain_wipe(&chain);
    return status;
}

enum status command_log_rotate(const struct command_input *input, struct fault *fault)
{
    struct command command = {.action = COMMAND_LOG_ROTATE};
    if (input->options->size == 0) {
        return fault_set(fault, STATUS_USAGE, "size", "name from how many entries on the new key signs alone");
    }
    return write_order(&command, input->options, true, make_rotation, fault);
}

enum status command_log_fork(const struct command_input *input, struct fault *fault)
{
    struct command command = {.action = COMMAND_LOG_FORK};
    return write_order(&command, input->options, input->options->document[0] != '\0', make_fork, fault);
}

/* The trust file. */

struct rotations {
    struct command orders[ORDERS_MAX]; /* verified, in the order in which they were issued */
    struct digest digests[ORDERS_MAX];
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
    if (status == STATUS_OK &&
        (named == NULL || (command.action != COMMAND_LOG_ROTATE && command.action != COMMAND_LOG_FORK))) {
        status =
            fault_set(fault, STATUS_MISMATCH, "orders", "one is no order about the log under a version of the policy");
    }
    if (status == STATUS_OK) {
        status = command_verify(&command, &document, named, command.issued_at, fault);
    }
    struct digest digest;
    digest_document(&digest, COMMAND_KIND, document.document.data, document.document.len);
    signed_document_free(&document);
    if (status != STATUS_OK) {
        return status;
    }
    size_t at = inout->count++;
    for (; at > 0 && inout->orders[at - 1].issued_at > command.issued_at; at--) {
        inout->orders[at] = inout->orders[at - 1];
        inout->digests[at] = inout->digests[at - 1];
    }
    inout->orders[at] = command;
    inout->digests[at] = digest;
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

/* The keys of the log that is looked at, and what the trust file says so far. */
struct listing {
    struct audit_key keys[ORDERS_MAX + 1];
    uint64_t from[ORDERS_MAX + 1];
    size_t count;
    const json_t *held; /* rotations of the trust file; NULL for none */
    json_t *rotations;
    json_t *forks;
};

/* The order joins the keys so far: at their end, or in the place of the last one when it retires the same key. */
static enum status join(struct listing *inout, const struct command *order, struct fault *fault)
{
    struct audit_log_keys pair;
    char last[AUDIT_VKEY_SIZE];
    struct digest id;
    size_t before = inout->count - 1;
    public_key_id(&id, &inout->keys[before].public_key);
    if (!digest_equal(&id, &order->retires) && before > 0) {
        before--;
        public_key_id(&id, &inout->keys[before].public_key);
    }
    if (!digest_equal(&id, &order->retires) || order->size <= inout->from[before]) {
        return fault_set(fault, STATUS_MISMATCH, "orders", "one follows no key of the trust file");
    }
    audit_key_format(last, &inout->keys[before]);
    enum status status = audit_log_keys_parse(&pair, last, order->log, order->size, fault);
    if (status == STATUS_OK) {
        inout->keys[before + 1] = pair.next;
        inout->from[before + 1] = order->size;
        inout->count = before + 2;
    }
    return status;
}

/* Whether a later order ends the same log: people corrected themselves, and the service goes by the last one too. */
static bool is_replaced(const struct rotations *rotations, size_t at)
{
    const struct command *order = &rotations->orders[at];
    size_t len = strcspn(order->log, "+"); /* the origin of a verifier key */
    bool replaced = false;
    for (size_t i = at + 1; i < rotations->count; i++) {
        const struct command *later = &rotations->orders[i];
        replaced = replaced || (later->action == COMMAND_LOG_FORK && strcspn(later->log, "+") == len &&
                                strncmp(later->log, order->log, len) == 0);
    }
    return replaced;
}

/* The rotations of the log that is looked at. */
static enum status list_rotations(struct listing *inout, struct fault *fault)
{
    bool whole = true;
    for (size_t i = 1; i < inout->count; i++) {
        char text[AUDIT_VKEY_SIZE];
        audit_key_format(text, &inout->keys[i]);
        json_t *row = json_sprintf("%llu %s", (unsigned long long)inout->from[i], text);
        whole = json_array_append_new(inout->rotations, row) == 0 && whole;
    }
    return whole ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
}

/*
 * The log that is looked at ends, and the trust file has rotations of it behind those that the service shows: a backup
 * from before them has none. They stay; nobody gets that log back by them, since its end has a root.
 */
static enum status keep_rotations(struct listing *inout, struct fault *fault)
{
    bool whole = true;
    for (size_t i = 0; i < json_array_size(inout->held); i++) {
        json_t *row = json_array_get(inout->held, i);
        const char *text = json_string_value(row);
        if (trust_rotation_is_of(text, inout->keys[0].name) &&
            strtoull(text, NULL, 10) > inout->from[inout->count - 1]) {
            (void)fprintf(stderr, "the service has no order for the rotation %s: kept as the trust file has it\n",
                          text);
            whole = json_array_append(inout->rotations, row) == 0 && whole;
        }
    }
    return whole ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
}

/* The log ends, and the next one is looked at. */
static enum status list_fork(struct listing *inout, const struct command *order, const struct digest *digest,
                             struct fault *fault)
{
    char origin[AUDIT_ORIGIN_SIZE];
    char root[DIGEST_HEX_LEN + 1];
    char id[DIGEST_HEX_LEN + 1];
    struct audit_key next;
    enum status status = audit_origin_next(origin, inout->keys[0].name, fault);
    status = status == STATUS_OK ? audit_key_parse(&next, order->log, fault) : status;
    if (status == STATUS_OK && strcmp(next.name, origin) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "orders", "one is about %s, which follows no log of the trust file",
                           next.name);
    }
    status = status == STATUS_OK ? list_rotations(inout, fault) : status;
    status = status == STATUS_OK ? keep_rotations(inout, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    digest_format(root, &order->root);
    digest_format(id, digest);
    json_t *row = json_sprintf("%llu %s %s %s", (unsigned long long)order->size, root, id, order->log);
    inout->keys[0] = next;
    inout->from[0] = 0;
    inout->count = 1;
    return json_array_append_new(inout->forks, row) == 0 ? STATUS_OK
                                                         : fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
}

static enum status list_orders(struct listing *out, const char *first, const struct rotations *rotations,
                               struct fault *fault)
{
    enum status status = audit_key_parse(&out->keys[0], first, fault);
    out->count = 1;
    for (size_t i = 0; status == STATUS_OK && i < rotations->count; i++) {
        const struct command *order = &rotations->orders[i];
        if (order->action != COMMAND_LOG_FORK) {
            status = join(out, order, fault);
        } else if (!is_replaced(rotations, i)) {
            status = list_fork(out, order, &rotations->digests[i], fault);
        }
    }
    return status == STATUS_OK ? list_rotations(out, fault) : status;
}

/* What the file has came from an order too: a service that hides it would take the key, or the ended log, back. */
static enum status check_kept(const json_t *held, const json_t *shown, const char *what, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(held); i++) {
        const json_t *one = json_array_get(held, i);
        bool found = false;
        for (size_t k = 0; k < json_array_size(shown); k++) {
            found = found || json_equal(one, json_array_get(shown, k)) == 1;
        }
        if (!found) {
            return fault_set(fault, STATUS_MISMATCH, "orders", "the service shows none of the %s %s of the trust file",
                             what, json_is_string(one) ? json_string_value(one) : "");
        }
    }
    return STATUS_OK;
}

static enum status add_orders(json_t *file, const struct rotations *rotations, struct fault *fault)
{
    struct listing *listing = calloc(1, sizeof(*listing)); /* keys are long */
    if (listing == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
    }
    listing->held = json_object_get(file, "rotations");
    listing->rotations = json_array();
    listing->forks = json_array();
    enum status status = list_orders(listing, json_string_value(json_object_get(file, "log")), rotations, fault);
    if (status == STATUS_OK) {
        status = check_kept(json_object_get(file, "rotations"), listing->rotations, "rotation", fault);
    }
    if (status == STATUS_OK) {
        status = check_kept(json_object_get(file, "forks"), listing->forks, "fork", fault);
    }
    bool set = status == STATUS_OK;
    set = set &&
          (json_array_size(listing->rotations) == 0 || json_object_set(file, "rotations", listing->rotations) == 0);
    set = set && (json_array_size(listing->forks) == 0 || json_object_set(file, "forks", listing->forks) == 0);
    if (status == STATUS_OK && !set) {
        status = fault_set(fault, STATUS_NO_MEMORY, "trust", "%s", "");
    }
    json_decref(listing->rotations);
    json_decref(listing->forks);
    free(listing);
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
    status = status == STATUS_OK ? add_orders(file, rotations, fault) : status;
    status = status == STATUS_OK ? write_trust(file, options, fault) : status;
    json_decref(file);
    bytes_free(&text);
    free(rotations);
    return status;
}
