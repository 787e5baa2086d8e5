/*
 * The protocol without its server: a request comes in, a reply goes out. Check, remember, then cosign.
 */
#include "witness/witness.h"

#include <inttypes.h>
#include <unistd.h>

#include "audit/log_keys.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "state.h"

#define SIZE_TYPE "text/x.tlog.size"
#define TEXT_TYPE "text/plain; charset=utf-8"

struct witness {
    struct witness_config config;
    int lock_fd;
    struct witness_state state;
    uint64_t last_s; /* time of the newest cosignature: none is older */
};

/* A request on its way. */
struct offer {
    struct audit_add_checkpoint request;
    struct audit_note note;
    struct audit_checkpoint checkpoint;
    struct witness_log *log;
};

enum status witness_initialise(const char *state, const struct audit_key *key, const struct audit_key *logs,
                               size_t count, struct fault *fault)
{
    struct witness_state fresh = {.count = count};
    if (key->type != AUDIT_KEY_COSIGNATURE || count < 1 || count > WITNESS_LOGS_MAX) {
        return fault_set(fault, STATUS_INVALID, "log", "1 to %d logs", WITNESS_LOGS_MAX);
    }
    audit_key_format(fresh.name, key);
    for (size_t i = 0; i < count; i++) {
        fresh.logs[i].keys[0] = logs[i];
        fresh.logs[i].key_count = 1;
        digest_sha256(&fresh.logs[i].last.root, NULL, 0);
        if (logs[i].type != AUDIT_KEY_ED25519) {
            return fault_set(fault, STATUS_INVALID, "log", "must be the verifier key of a log (type 1)");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(logs[i].name, logs[j].name) == 0) {
                return fault_set(fault, STATUS_INVALID, "log", "%s is named twice", logs[i].name);
            }
        }
    }
    return witness_state_create(state, &fresh, fault);
}

enum status witness_open(struct witness **out, const struct witness_config *config, struct fault *fault)
{
    char name[AUDIT_VKEY_SIZE];
    struct witness *witness = calloc(1, sizeof(*witness));
    if (witness == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "witness", "%s", "");
    }
    witness->config = *config;
    witness->lock_fd = -1;
    audit_key_format(name, config->key);
    enum status status = witness_state_lock(&witness->lock_fd, config->state, fault);
    if (status == STATUS_OK) {
        status = witness_state_read(&witness->state, config->state, false, fault);
    }
    if (status == STATUS_OK && strcmp(name, witness->state.name) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "state", "is that of %s", witness->state.name);
    }
    if (status == STATUS_OK && witness->state.halted) {
        status = fault_set(fault, STATUS_HALTED, "state", "this witness has cosigned more than it remembers");
    }
    if (status != STATUS_OK) {
        witness_close(witness);
        return status;
    }
    *out = witness;
    return STATUS_OK;
}

/* The one that was to follow and has signed since is the log's now; one that has not gives up its place. */
static enum status rotate_log(struct witness_state *state, const struct audit_key *next, struct fault *fault)
{
    for (size_t i = 0; i < state->count; i++) {
        struct witness_log *log = &state->logs[i];
        if (strcmp(log->keys[0].name, next->name) != 0) {
            continue;
        }
        if (public_key_equal(&log->keys[0].public_key, &next->public_key)) {
            return fault_set(fault, STATUS_EXISTS, "log", "is the key that the witness knows");
        }
        struct audit_checkpoint last;
        if (log->key_count == 2 &&
            audit_checkpoint_open(&last, log->note.data, log->note.len, &log->keys[1], NULL) == STATUS_OK) {
            log->keys[0] = log->keys[1];
        }
        log->keys[1] = *next;
        log->key_count = 2;
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_NOT_FOUND, "log", "this witness has no log of the name %s", next->name);
}

enum status witness_rotate(const char *state, const struct audit_key *next, struct fault *fault)
{
    int lock_fd = -1;
    struct witness_state read = {.count = 0};
    enum status status = next->type == AUDIT_KEY_ED25519
                             ? witness_state_lock(&lock_fd, state, fault)
                             : fault_set(fault, STATUS_INVALID, "log", "must be the verifier key of a log (type 1)");
    status = status == STATUS_OK ? witness_state_read(&read, state, false, fault) : status;
    status = status == STATUS_OK ? rotate_log(&read, next, fault) : status;
    status = status == STATUS_OK ? witness_state_write(state, &read, fault) : status;
    witness_state_wipe(&read);
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    return status;
}

void witness_close(struct witness *witness)
{
    if (witness != NULL) {
        witness_state_wipe(&witness->state);
        if (witness->lock_fd >= 0) {
            (void)close(witness->lock_fd);
        }
        free(witness);
    }
}

/* Replies. */

static void reply_text(struct witness_reply *out, unsigned http, const char *text)
{
    *out = (struct witness_reply){.http = http, .content_type = TEXT_TYPE};
    if (bytes_copy(&out->body, text, strlen(text)) != STATUS_OK) {
        out->http = 503;
    }
}

static void reply_fault(struct witness_reply *out, unsigned http, const struct fault *fault)
{
    char text[sizeof(fault->where) + sizeof(fault->detail) + 8];
    (void)snprintf(text, sizeof(text), "%s: %s\n", fault->where, fault->detail);
    reply_text(out, http, text);
}

static void reply_size(struct witness_reply *out, uint64_t size)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64 "\n", size);
    reply_text(out, 409, text);
    out->content_type = SIZE_TYPE;
}

/* Cosigning. */

static struct witness_log *find_log(struct witness *witness, const char *origin)
{
    for (size_t i = 0; i < witness->state.count; i++) {
        if (strcmp(witness->state.logs[i].keys[0].name, origin) == 0) {
            return &witness->state.logs[i];
        }
    }
    return NULL;
}

static enum status cosign(struct witness *witness, struct bytes *out_line, const void *body, size_t len,
                          struct fault *fault)
{
    uint8_t signature64[SIGNATURE_LEN];
    uint64_t now_s = (uint64_t)(clock_utc_us(witness->config.clock) / 1000000);
    uint64_t time_s = now_s > witness->last_s ? now_s : witness->last_s;
    enum status status = witness->config.cosign(witness->config.context, signature64, time_s, body, len, fault);
    if (status == STATUS_OK) {
        status = audit_cosignature_line(out_line, witness->config.key, time_s, signature64, fault);
    }
    if (status == STATUS_OK) {
        witness->last_s = time_s;
    }
    return status;
}

/* On disk before anybody hears of it. When it cannot be written, what is in memory stays as it was. */
static enum status remember(struct witness *witness, const struct offer *offer, struct fault *fault)
{
    struct witness_log before = *offer->log;
    struct bytes note = {0};
    enum status status = audit_note_strip(&note, &offer->note, offer->log->keys, offer->log->key_count,
                                          fault); /* others' are not ours to keep */
    if (status != STATUS_OK) {
        return status;
    }
    offer->log->last = (struct audit_remembered){.size = offer->checkpoint.size, .root = offer->checkpoint.root};
    offer->log->note = note;
    status = witness_state_write(witness->config.state, &witness->state, fault);
    if (status != STATUS_OK) {
        *offer->log = before;
        bytes_free(&note);
        return status;
    }
    bytes_free(&before.note);
    CRASHPOINT("witness.remembered");
    return STATUS_OK;
}

/* Judging. */

/* A log that has signed two histories, or one that it cannot connect: kept, and told each time. */
static void contradict(struct witness *witness, const struct offer *offer, const char *kind)
{
    bool fresh = false;
    char size[24];
    char root[DIGEST_HEX_LEN + 1];
    struct fault fault = {0};
    const struct witness_contradiction contradiction = {.kind = kind,
                                                        .at_utc_us = clock_utc_us(witness->config.clock),
                                                        .log = offer->log,
                                                        .offered = &offer->request,
                                                        .note = &offer->note};
    (void)snprintf(size, sizeof(size), "%" PRIu64, offer->checkpoint.size);
    digest_format(root, &offer->checkpoint.root);
    log_event(LOG_LEVEL_ERROR, "log.contradiction", "kind", kind, "log", offer->log->keys[0].name, "size", size, "root",
              root, NULL);
    if (witness_contradiction_keep(&fresh, witness->config.state, &contradiction, &fault) != STATUS_OK) {
        log_fault("log.contradiction", &fault);
    } else if (fresh) {
        log_event(LOG_LEVEL_ERROR, "log.contradiction.kept", "kind", kind, "state", witness->config.state, NULL);
    }
}

/* Whether the note bears our own cosignature of what we do not remember: then the state was set back. */
static bool is_set_back(const struct witness *witness, const struct offer *offer)
{
    const struct audit_remembered *last = &offer->log->last;
    bool same = offer->checkpoint.size == last->size && digest_equal(&offer->checkpoint.root, &last->root);
    return (offer->checkpoint.size > last->size || (offer->checkpoint.size == last->size && !same)) &&
           audit_note_verify(NULL, &offer->note, witness->config.key, NULL) == STATUS_OK;
}

static void halt(struct witness *witness, struct witness_reply *out, const struct offer *offer)
{
    char size[24];
    struct fault fault = {0};
    (void)snprintf(size, sizeof(size), "%" PRIu64, offer->checkpoint.size);
    log_event(LOG_LEVEL_ERROR, "witness.rollback", "log", offer->log->keys[0].name, "cosigned", size, NULL);
    witness->state.halted = true;
    if (witness_state_write(witness->config.state, &witness->state, &fault) != STATUS_OK) {
        log_fault("witness.rollback", &fault);
    }
    reply_text(out, 503, "this witness has cosigned more than it remembers; it cosigns nothing any more\n");
}

static void extend(struct witness *witness, struct witness_reply *out, const struct offer *offer, bool known)
{
    struct fault fault = {0};
    struct bytes line = {0};
    enum status status = known ? STATUS_OK : remember(witness, offer, &fault);
    if (status == STATUS_OK) {
        status = cosign(witness, &line, offer->note.body, offer->note.body_len, &fault);
    }
    if (status != STATUS_OK) {
        log_fault("checkpoint.cosign", &fault);
        reply_text(out, 503, "could not remember it, or could not sign\n");
        return;
    }
    *out = (struct witness_reply){.http = 200, .content_type = TEXT_TYPE, .body = line}; /* transferred */
}

static void judge(struct witness *witness, struct witness_reply *out, const struct offer *offer)
{
    const struct audit_remembered *last = &offer->log->last;
    enum audit_extension verdict = audit_extend(last, offer->request.old, &offer->request.proof, &offer->checkpoint);
    if (verdict == AUDIT_EXTENSION_FORK) {
        contradict(witness, offer, "fork");
    }
    if (offer->request.old > offer->checkpoint.size) {
        reply_text(out, 400, "old: is above the size of the checkpoint\n");
        return;
    }
    if (offer->request.old != last->size) {
        reply_size(out, last->size);
        return;
    }
    switch (verdict) {
    case AUDIT_EXTENSION_SAME:
        if (offer->request.proof.count > 0) {
            reply_text(out, 422, "proof: for the same size there is nothing to prove\n");
            return;
        }
        extend(witness, out, offer, true);
        return;
    case AUDIT_EXTENSION_PROVEN:
        extend(witness, out, offer, false);
        return;
    case AUDIT_EXTENSION_UNPROVEN:
        contradict(witness, offer, "unproven");
        reply_text(out, 422, "proof: the checkpoint does not extend the one cosigned last\n");
        return;
    case AUDIT_EXTENSION_BEHIND:
    case AUDIT_EXTENSION_FORK:
    case AUDIT_EXTENSION_ELSEWHERE:
        reply_size(out, last->size);
        return;
    }
}

/* Out: the status of HTTP that refuses it, 0 for none. */
static unsigned read_offer(struct witness *witness, struct offer *out, const void *body, size_t len,
                           struct fault *fault)
{
    enum status status = audit_add_checkpoint_parse(&out->request, body, len, fault);
    if (status == STATUS_OK) {
        status = audit_note_parse(&out->note, out->request.note, out->request.note_len, fault);
    }
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(&out->checkpoint, out->note.body, out->note.body_len, fault);
    }
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? 503 : 400;
    }
    out->log = find_log(witness, out->checkpoint.origin);
    if (out->log == NULL) {
        (void)fault_set(fault, STATUS_NOT_FOUND, "origin", "is none of the logs of this witness");
        return 404;
    }
    struct audit_checkpoint signed_by_log;
    const struct audit_add_checkpoint *request = &out->request;
    return audit_checkpoint_open_any(&signed_by_log, request->note, request->note_len, out->log->keys,
                                     out->log->key_count, fault) == STATUS_OK
               ? 0
               : 403;
}

void witness_add_checkpoint(struct witness *witness, struct witness_reply *out, const void *body, size_t len)
{
    struct offer offer = {0};
    struct fault fault = {0};
    if (witness->state.halted) {
        reply_text(out, 503, "this witness has cosigned more than it remembers; it cosigns nothing any more\n");
        return;
    }
    unsigned refused = read_offer(witness, &offer, body, len, &fault);
    if (refused != 0) {
        reply_fault(out, refused, &fault);
        return;
    }
    if (is_set_back(witness, &offer)) {
        halt(witness, out, &offer);
        return;
    }
    judge(witness, out, &offer);
}

/* Monitors. */

static struct witness_log *find_hex(struct witness *witness, const char *origin_hex)
{
    for (size_t i = 0; i < witness->state.count; i++) {
        struct digest digest;
        char hex[DIGEST_HEX_LEN + 1];
        const char *name = witness->state.logs[i].keys[0].name;
        digest_sha256(&digest, name, strlen(name));
        digest_format(hex, &digest);
        if (strcmp(hex, origin_hex) == 0) {
            return &witness->state.logs[i];
        }
    }
    return NULL;
}

static enum status cosigned_note(struct witness *witness, struct bytes *out, const struct witness_log *log,
                                 struct fault *fault)
{
    struct audit_note note;
    struct bytes line = {0};
    struct buffer buffer;
    enum status status = audit_note_parse(&note, log->note.data, log->note.len, fault);
    if (status == STATUS_OK) {
        status = cosign(witness, &line, note.body, note.body_len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&buffer);
    buffer_append(&buffer, log->note.data, log->note.len);
    buffer_append(&buffer, line.data, line.len);
    bytes_free(&line);
    return buffer_finish(out, &buffer);
}

void witness_newest(struct witness *witness, struct witness_reply *out, const char *origin_hex)
{
    struct fault fault = {0};
    const struct witness_log *log = find_hex(witness, origin_hex);
    if (witness->state.halted) {
        reply_text(out, 503, "this witness cosigns nothing any more\n");
        return;
    }
    if (log == NULL || log->last.size == 0) {
        reply_text(out, 404, "nothing was cosigned of such a log\n");
        return;
    }
    *out = (struct witness_reply){.http = 200, .content_type = TEXT_TYPE};
    if (cosigned_note(witness, &out->body, log, &fault) != STATUS_OK) {
        log_fault("checkpoint.cosign", &fault);
        reply_text(out, 503, "could not sign\n");
    }
}

/* Describing. */

static json_t *log_view(const struct witness_log *log)
{
    char key[AUDIT_VKEY_SIZE];
    char root[DIGEST_HEX_LEN + 1];
    audit_key_format(key, &log->keys[log->key_count - 1]);
    digest_format(root, &log->last.root);
    return json_pack("{s:s, s:s, s:I}", "key", key, "root", root, "size", (json_int_t)log->last.size);
}

enum status witness_describe(json_t **out, const char *state, struct fault *fault)
{
    struct witness_state read;
    json_t *contradictions = NULL;
    enum status status = witness_state_read(&read, state, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = witness_contradictions_read(&contradictions, state, fault);
    json_t *logs = json_array();
    for (size_t i = 0; i < read.count; i++) {
        (void)json_array_append_new(logs, log_view(&read.logs[i]));
    }
    json_t *view = json_pack("{s:o?, s:b, s:o, s:s}", "contradictions", contradictions, "halted", read.halted, "logs",
                             logs, "name", read.name);
    witness_state_wipe(&read);
    if (status == STATUS_OK && view == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
    }
    if (status != STATUS_OK) {
        json_decref(view);
        return status;
    }
    *out = view;
    return STATUS_OK;
}
