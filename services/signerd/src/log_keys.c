/*
 * Rotation of the log's key. The guard holds two at most: the one that counts up to a size that the quorum named, and
 * its successor. While both are in force both sign, so whoever knows one of them sees the log go on.
 */
#include "log_keys.h"

#include "base/crashpoint.h"
#include "base/log.h"
#include "guard_record.h"

static enum status keys_of(struct audit_log_keys *out, const struct guard_state *state, struct fault *fault)
{
    return audit_log_keys_parse(out, state->log, state->log_next, state->log_from, fault);
}

enum status log_keys_signing(struct log_keys_signing *out, const struct guard_state *state, uint64_t size,
                             struct fault *fault)
{
    struct audit_log_keys keys;
    enum status status = keys_of(&keys, state, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct audit_key *counts = audit_log_keys_at(&keys, size);
    out->count = keys.rotates && counts == &keys.key ? 2 : 1;
    public_key_id(&out->ids[0], &counts->public_key);
    public_key_id(&out->ids[1], out->count == 2 ? &keys.next.public_key : &counts->public_key);
    return STATUS_OK;
}

enum status log_keys_start(const struct signer *signer, struct fault *fault)
{
    struct guard_state state;
    struct log_keys_signing signing;
    guard_read(signer->guard, &state);
    enum status status = log_keys_signing(&signing, &state, state.size, fault);
    for (size_t i = 0; status == STATUS_OK && signer->role == ROLE_AUDIT && i < signing.count; i++) {
        size_t index = 0;
        struct guard_key key;
        if (guard_key_find(signer->guard, &index, &key, &signing.ids[i]) != STATUS_OK) {
            status = fault_set(fault, STATUS_MISMATCH, "guard.log", "the log's key is not a key of the guard");
        }
    }
    return status;
}

bool log_keys_ready(struct signer *signer, unsigned able, char *reason, size_t reason_size)
{
    struct guard_state state;
    struct log_keys_signing signing;
    struct fault why = {0};
    guard_read(signer->guard, &state);
    if (log_keys_signing(&signing, &state, state.size + 1, &why) != STATUS_OK) {
        (void)snprintf(reason, reason_size, "%.119s", why.detail);
        return false;
    }
    for (size_t i = 0; i < signing.count; i++) {
        size_t index = 0;
        struct guard_key key;
        INVARIANT(guard_key_find(signer->guard, &index, &key, &signing.ids[i]) == STATUS_OK);
        if (key.state != KEY_STATE_ACTIVE) {
            (void)snprintf(reason, reason_size, "the key is %s (%s)", key_state_text(key.state),
                           key_cause_text(key.cause));
            return false;
        }
        if ((able & ~key_lack_look(signer, index)) == 0) {
            (void)snprintf(reason, reason_size, "no token that is open has an active key");
            return false;
        }
    }
    return true;
}

/* Admitted it signs nothing of the log: that takes the order. */
enum status log_keys_check_successor(const struct signer *signer, const struct key_document *document,
                                     struct fault *fault)
{
    size_t index = 0;
    struct guard_key key;
    if (guard_key_find(signer->guard, &index, &key, &document->replaces) != STATUS_OK) {
        return fault_set(fault, STATUS_MISMATCH, "document.replaces", "a further key of this role replaces one of it");
    }
    if (document->key.algorithm != ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "document.alg", "a log key is ed25519");
    }
    return STATUS_OK;
}

enum status log_keys_verify(const struct signer *signer, struct audit_proven *out, const struct audit_tlog_proof *proof,
                            const struct bytes *leaf, struct fault *fault)
{
    struct guard_state state;
    struct audit_log_keys keys;
    struct fault why = {0};
    const struct audit_key *counts = NULL;
    guard_read(signer->guard, &state);
    enum status status = keys_of(&keys, &state, &why);
    if (status == STATUS_OK) {
        status = audit_log_keys_judge(&counts, &keys, state.size, proof->note, proof->note_len, &why);
    }
    if (status == STATUS_OK) {
        status = audit_tlog_proof_verify(out, proof, counts, leaf->data, leaf->len, &why);
    }
    if (status == STATUS_OK) {
        return status;
    }
    bool passing = status == STATUS_UNKNOWN_KEY && keys.rotates;
    return fault_set(fault, passing ? STATUS_NOT_READY : status, why.where, "%s", why.detail);
}

struct log_order;

/* What is its own of an order of either kind. */
struct kind {
    enum status (*check)(const struct log_order *order, struct guard_txn *txn, struct fault *fault);
    void (*carry_out)(struct guard_state *state, const struct command *command);
    bool (*stands)(const struct guard_state *state, const struct command *command); /* what it said is so */
    enum status (*commit)(struct guard *guard, guard_apply *apply, void *context, struct fault *fault);
    const char *event;
    const char *size_is;
    const char *answer;
};

/* An order on its way. */
struct log_order {
    struct signer *signer;
    const struct given_order *given;
    const struct kind *kind;
    int64_t at_utc_us;
    bool changed;
};

/* What it must say of the log as this signer has it. */
static enum status check_log(const struct command *command, const struct audit_log_keys *keys,
                             const struct guard_state *state, struct fault *fault)
{
    struct digest id;
    struct audit_key next;
    enum status status = audit_key_parse(&next, command->log, fault);
    if (status == STATUS_OK && strcmp(next.name, keys->key.name) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "command.log", "this signer is the log's %s", keys->key.name);
    }
    public_key_id(&id, &audit_log_keys_at(keys, state->size)->public_key);
    if (status == STATUS_OK && !digest_equal(&id, &command->retires)) {
        return fault_set(fault, STATUS_CONFLICT, "command.retires", "the log's key is another");
    }
    if (status == STATUS_OK && command->size <= state->size) {
        return fault_set(fault, STATUS_CONFLICT, "command.size", "%llu entries are signed already",
                         (unsigned long long)state->size);
    }
    return status;
}

/* Role audit: the new key is here, and signs. */
static enum status check_key(const struct log_order *order, struct guard_txn *txn, struct fault *fault)
{
    size_t index = 0;
    struct guard_key key;
    if (order->signer->role != ROLE_AUDIT) {
        return STATUS_OK;
    }
    if (guard_txn_key_find(txn, &index, &key, &order->given->command->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "command.key", "it is no key of this guard");
    }
    return key_use_check(order->signer, txn, &key, index, order->at_utc_us, fault);
}

/* An order while both keys are in force takes the place of the one before: one of the two may be lost. */
static void rotate(struct guard_state *state, const struct command *command)
{
    if (state->log_next[0] != '\0' && state->size >= state->log_from) {
        memcpy(state->log, state->log_next, sizeof(state->log));
    }
    memcpy(state->log_next, command->log, sizeof(state->log_next));
    state->log_from = command->size;
}

static bool rotates_so(const struct guard_state *state, const struct command *command)
{
    return strcmp(state->log_next, command->log) == 0 && state->log_from == command->size;
}

static enum status check_rotation(const struct log_order *order, struct guard_txn *txn, struct fault *fault)
{
    struct audit_log_keys keys;
    enum status status = keys_of(&keys, &txn->state, fault);
    return status == STATUS_OK ? check_log(order->given->command, &keys, &txn->state, fault) : status;
}

/* Ending a log. */

/* A halt that the log's own contradictions caused: an order that ends the log ends it. No other one. */
static enum status check_halt(const struct guard_state *state, struct fault *fault)
{
    static const enum status causes[] = {STATUS_FORK, STATUS_PROOF_INVALID};
    bool ours = !state->halted;
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const char *code = status_info(causes[i])->code;
        size_t len = strlen(code);
        ours = ours || (strncmp(state->halted_by, code, len) == 0 && state->halted_by[len] == ':');
    }
    return ours ? STATUS_OK : fault_set(fault, STATUS_HALTED, "guard", "%s", state->halted_by);
}

static enum status check_successor(const struct command *command, const struct guard_state *state, struct fault *fault)
{
    struct audit_log_keys keys;
    struct audit_key next;
    char origin[AUDIT_ORIGIN_SIZE];
    enum status status = keys_of(&keys, state, fault);
    status = status == STATUS_OK ? audit_key_parse(&next, command->log, fault) : status;
    status = status == STATUS_OK ? audit_origin_next(origin, keys.key.name, fault) : status;
    return status == STATUS_OK && strcmp(next.name, origin) != 0
               ? fault_set(fault, STATUS_MISMATCH, "command.log", "this signer's log is %s; %s follows it",
                           keys.key.name, origin)
               : status;
}

/* What the order calls good must be so by all that this signer has seen. */
static enum status check_good(const struct log_order *order, struct guard_txn *txn, struct fault *fault)
{
    const struct command *command = order->given->command;
    struct audit_key log;
    struct guard_record seen;
    enum status status = audit_key_parse(&log, txn->state.log, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (order->signer->role == ROLE_AUDIT && command->size > txn->state.size) {
        return fault_set(fault, STATUS_CONFLICT, "command.size", "it has signed %llu entries",
                         (unsigned long long)txn->state.size);
    }
    bool other = command->size == txn->state.size && !digest_equal(&command->root, &txn->state.root);
    guard_record_checkpoint(&seen, audit_origin_epoch(log.name), command->size);
    status = guard_txn_get(txn, &seen, fault);
    if (status == STATUS_OK) {
        other = other || memcmp(seen.value, command->root.bytes32, sizeof(command->root.bytes32)) != 0;
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return status;
    }
    return other ? fault_set(fault, STATUS_MISMATCH, "command.root", "the log had another root with so many entries")
                 : STATUS_OK;
}

static void begin_log(struct guard_state *state, const struct command *command)
{
    memcpy(state->log, command->log, sizeof(state->log));
    memset(state->log_next, 0, sizeof(state->log_next));
    state->log_from = 0;
    state->size = 0;
    audit_tree_root(&state->root, NULL, 0);
    state->note = (struct digest){{0}};
    state->halted = false;
    memset(state->halted_by, 0, sizeof(state->halted_by));
}

static bool began_so(const struct guard_state *state, const struct command *command)
{
    return strcmp(state->log, command->log) == 0;
}

static enum status check_fork(const struct log_order *order, struct guard_txn *txn, struct fault *fault)
{
    enum status status = check_halt(&txn->state, fault);
    status = status == STATUS_OK ? check_successor(order->given->command, &txn->state, fault) : status;
    return status == STATUS_OK ? check_good(order, txn, fault) : status;
}

/* Either order. */

static const struct kind rotation = {check_rotation, rotate, rotates_so, guard_commit,
                                     "log.rotated",  "from", "rotated"};
static const struct kind fork_of_log = {check_fork,   begin_log, began_so, guard_commit_halted,
                                        "log.forked", "after",   "forked"};

static enum status order_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct log_order *order = context;
    const struct command *command = order->given->command;
    bool used = false;
    order->changed = false;
    enum status status = nonce_check(txn, &used, &command->nonce, order->given->digest, fault);
    if (status == STATUS_OK && used) { /* handed in again, since another signer did not have it */
        return order->kind->stands(&txn->state, command)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_REPLAY, "command.nonce", "this order was used already");
    }
    status = status == STATUS_OK ? order->kind->check(order, txn, fault) : status;
    status = status == STATUS_OK ? check_key(order, txn, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    order->kind->carry_out(&txn->state, command);
    keys_time_raise(txn, order->at_utc_us);
    order->changed = true;
    return nonce_write(txn, &command->nonce, order->given->digest, fault);
}

enum status log_keys_order(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                           struct fault *fault)
{
    const struct kind *kind = given->command->action == COMMAND_LOG_FORK ? &fork_of_log : &rotation;
    struct log_order order = {.signer = signer, .given = given, .kind = kind};
    if (signer->role != ROLE_AUDIT && signer->role != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_MISMATCH, "command.action", "it is for the roles audit and transfer");
    }
    enum status status = keys_time(signer, &order.at_utc_us, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("order.checked");
        status = kind->commit(signer->guard, order_apply, &order, fault);
        CRASHPOINT("order.remembered");
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (order.changed) {
        char size[24];
        (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)given->command->size);
        log_event(LOG_LEVEL_WARNING, kind->event, "log", given->command->log, kind->size_is, size, NULL);
    }
    reply->key_state.on = given->command->size;
    (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "%s", kind->answer);
    return STATUS_OK;
}
