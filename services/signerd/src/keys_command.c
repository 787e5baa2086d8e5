/*
 * Commands and the alarm: an order of people about a key becomes one transition, and its nonce serves once.
 *
 * Who had to sign what is the policy room's (command_verify); here stands what the order is held against: this signer's
 * role, the guard's keys, the state that the signers of the order saw.
 */
#include "base/crashpoint.h"
#include "base/log.h"
#include "guard_record.h"
#include "log_keys.h"
#include "people.h"

enum status nonce_check(struct guard_txn *txn, bool *out_used, const struct uuid *nonce, const struct digest *command,
                        struct fault *fault)
{
    struct guard_record record;
    guard_record_nonce(&record, nonce);
    enum status status = guard_txn_get(txn, &record, fault);
    *out_used = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK && memcmp(record.value, command->bytes32, sizeof(command->bytes32)) != 0) {
        return fault_set(fault, STATUS_REPLAY, "command.nonce", "another command had this nonce");
    }
    return status;
}

enum status nonce_unused(struct guard_txn *txn, const struct uuid *nonce, const struct digest *command,
                         struct fault *fault)
{
    bool used = false;
    enum status status = nonce_check(txn, &used, nonce, command, fault);
    return status == STATUS_OK && used ? fault_set(fault, STATUS_REPLAY, "command.nonce", "this order was used already")
                                       : status;
}

enum status nonce_write(struct guard_txn *txn, const struct uuid *nonce, const struct digest *command,
                        struct fault *fault)
{
    struct guard_record record;
    guard_record_nonce(&record, nonce);
    memcpy(record.value, command->bytes32, sizeof(command->bytes32));
    record.value_len = sizeof(command->bytes32);
    return guard_txn_put(txn, &record, fault);
}

/* An order on its way into the guard. */
struct order {
    const struct signer *signer;
    struct command command;
    struct digest digest;
    int64_t at_utc_us;
    int64_t verified_utc_us; /* the time at which its signatures counted: the same, but where the clock alone says it */
    bool stops;              /* suspend, deactivate, compromise, freeze, an alarm */
    struct guard_key before;
    struct guard_key after;
};

/* The moves of which a document has a say. */
static enum status move_activate(struct order *order, const struct key_document *document, struct fault *fault)
{
    if (document == NULL && !digest_is_zero(&order->after.document)) {
        return fault_set(fault, STATUS_NOT_READY, "command.key", "its document is being taken over: ask again");
    }
    if (document == NULL) { /* generated: the table refuses it and names the state */
        return key_move(&order->after, KEY_ACTION_ACTIVATE, KEY_CAUSE_COMMAND, order->at_utc_us, fault);
    }
    enum status status = key_document_check_box(document, &order->command, order->at_utc_us, fault);
    if (status == STATUS_OK) {
        status = key_move(&order->after, KEY_ACTION_ACTIVATE, KEY_CAUSE_COMMAND, order->at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        order->after.box_signatures = order->command.signatures;
        order->after.box_until_utc_us = order->command.until;
    }
    return status;
}

static enum status move_destroy(struct order *order, const struct key_document *document, struct fault *fault)
{
    struct guard_key *key = &order->after;
    int64_t retain_until = document == NULL ? 0 : document->retain_until;
    enum key_state state = key->state;
    int64_t destroy_at = key->destroy_utc_us;
    enum status status = key_destruction_next(&state, &destroy_at, retain_until, order->at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (state != key->state) {
        return key_move(key, KEY_ACTION_DESTROY, KEY_CAUSE_COMMAND, order->at_utc_us, fault);
    }
    key->destroy_utc_us = destroy_at;
    return STATUS_OK;
}

static enum status order_move(struct order *order, size_t index, struct fault *fault)
{
    const struct key_document *document = keys_document(order->signer, index);
    enum key_action action;
    INVARIANT(command_key_action(&action, order->command.action) == STATUS_OK); /* order_check has seen to it */
    if (action == KEY_ACTION_ACTIVATE) {
        return move_activate(order, document, fault);
    }
    if (action == KEY_ACTION_DESTROY) {
        return move_destroy(order, document, fault);
    }
    return key_move(&order->after, action, KEY_CAUSE_COMMAND, order->at_utc_us, fault);
}

/* Stopping moves no time: it is for whoever carries messages, and the clock may be wrong. */
static enum status order_write(struct guard_txn *txn, const struct order *order, size_t index, struct fault *fault)
{
    return order->stops ? guard_txn_key_write(txn, index, &order->after, NULL, fault)
                        : key_write(txn, index, &order->after, order->at_utc_us, fault);
}

static enum status order_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct order *order = context;
    const struct command *command = &order->command;
    size_t index = 0;
    enum status status = nonce_unused(txn, &command->nonce, &order->digest, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (guard_txn_key_find(txn, &index, &order->before, &command->key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "command.key", "it is no key of this guard");
    }
    if (command->from != 0 && command->from != order->before.state) {
        return fault_set(fault, STATUS_CONFLICT, "command.from", "given for a key that is %s, but it is %s",
                         key_state_text(command->from), key_state_text(order->before.state));
    }
    if (command->from != 0 && command->on != order->before.on) {
        return fault_set(
            fault, STATUS_CONFLICT, "command.on",
            "given for a key after %llu transitions, but it has had %llu since: look again, and sign again",
            (unsigned long long)command->on, (unsigned long long)order->before.on);
    }
    order->after = order->before;
    status = order_move(order, index, fault);
    if (status == STATUS_OK) {
        status = order_write(txn, order, index, fault);
    }
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, &order->digest, fault) : status;
}

/* An attended key without its PIN would be active and could not sign. */
static enum status order_check_token(struct signer *signer, const struct command *command, struct fault *fault)
{
    size_t index = 0;
    struct guard_key key;
    if (command->action != COMMAND_KEY_ACTIVATE ||
        guard_key_find(signer->guard, &index, &key, &command->key) != STATUS_OK) {
        return STATUS_OK;
    }
    const struct key_document *document = keys_document(signer, index);
    if (document == NULL || document->activation != KEY_ATTENDED) {
        return STATUS_OK;
    }
    enum status status = activation_check_key(signer, document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct signer_token_status tokens[SIGNER_TOKENS_MAX];
    size_t count = signer->tokens->states(signer->tokens->context, tokens);
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].state == SIGNER_TOKEN_SERVING || tokens[i].state == SIGNER_TOKEN_STANDBY) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_TOKEN, "command.key",
                     "no token is open: its custodians give their shares first (custody activate)");
}

static bool order_stops(const struct signed_document *document)
{
    struct command command;
    return command_decode(&command, document->document.data, document->document.len, NULL) == STATUS_OK &&
           command_stops(command.action);
}

/*
 * Stopping must work with a clock that is wrong, and after one that was: it is in time by the clock alone, or by what
 * is known without the clock. Everything else is in time by both.
 */
static enum status order_verify(struct signer *signer, struct order *order, const struct signed_document *document,
                                struct fault *fault)
{
    const struct policy_chain chain = versions_chain(signer);
    if (!order_stops(document)) {
        enum status status = keys_time(signer, &order->at_utc_us, fault);
        order->verified_utc_us = order->at_utc_us;
        return status == STATUS_OK
                   ? policy_chain_command_verify(&order->command, document, &chain, order->at_utc_us, fault)
                   : status;
    }
    order->stops = true;
    order->at_utc_us = keys_now(signer);
    order->verified_utc_us = clock_utc_us(signer->clock);
    if (policy_chain_command_verify(&order->command, document, &chain, order->verified_utc_us, NULL) == STATUS_OK) {
        return STATUS_OK;
    }
    order->verified_utc_us = order->at_utc_us;
    return policy_chain_command_verify(&order->command, document, &chain, order->at_utc_us, fault);
}

/* A quorum is one without those who are suspended, but for a resumption. What one person may stop they may too. */
static enum status order_check_people(struct signer *signer, const struct order *order,
                                      const struct signed_document *document, struct fault *fault)
{
    bool quorum = !order->stops || order->command.action == COMMAND_KEY_COMPROMISE;
    return quorum && order->command.action != COMMAND_PERSON_RESUME
               ? people_check_quorum(signer, document, order->verified_utc_us, fault)
               : STATUS_OK;
}

static enum status order_check(struct signer *signer, struct order *order, const struct signed_document *document,
                               struct fault *fault)
{
    struct fault inner = {0};
    enum status status = order_verify(signer, order, document, &inner);
    status = status == STATUS_OK ? order_check_people(signer, order, document, &inner) : status;
    if (status != STATUS_OK) {
        return role_part_fault(fault, "command", status, &inner);
    }
    digest_document(&order->digest, COMMAND_KIND, document->document.data, document->document.len);
    if (order->command.action == COMMAND_POLICY_VETO || order->command.action == COMMAND_PERSON_SUSPEND ||
        order->command.action == COMMAND_PERSON_RESUME || order->command.action == COMMAND_LOG_ROTATE ||
        order->command.action == COMMAND_LOG_FORK) {
        return STATUS_OK;
    }
    if (order->command.role != signer->role) {
        return fault_set(fault, STATUS_MISMATCH, "command.role", "it is for role %s",
                         signer_role_text(order->command.role));
    }
    if (order->command.action == COMMAND_FREEZE || order->command.action == COMMAND_THAW ||
        order->command.action == COMMAND_WITHDRAWAL_VETO || order->command.action == COMMAND_DESTINATION_REVOKE ||
        order->command.action == COMMAND_PII_ERASE) {
        return STATUS_OK;
    }
    enum key_action action;
    if (command_key_action(&action, order->command.action) != STATUS_OK || action == KEY_ACTION_ADMIT) {
        return fault_set(fault, STATUS_INVALID, "command.action", "%s has a request of its own",
                         command_action_text(order->command.action));
    }
    return order_check_token(signer, &order->command, fault);
}

enum status given_order_pay(struct signer *signer, const struct given_order *given, struct fault *fault)
{
    return budget_pay(&signer->orders, given->by, clock_monotonic_us(signer->clock), fault);
}

static enum status key_order(struct wire_reply *reply, struct order *order, struct fault *fault)
{
    CRASHPOINT("order.checked");
    enum status status = guard_commit(order->signer->guard, order_apply, order, fault);
    CRASHPOINT("order.remembered");
    if (status == STATUS_OK) {
        key_log(&order->before, &order->after);
        key_answer(&reply->key_state, &order->after);
    }
    return status;
}

enum status key_command(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                        struct fault *fault)
{
    const struct signed_document *document = &request->key_order.order;
    enum status status = keys_settle(signer, fault);
    struct order order = {.signer = signer};
    if (status == STATUS_OK) {
        status = order_check(signer, &order, document, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct person *by = policy_find_key(NULL, versions_in_force(signer), &document->signatures[0].key_id);
    if (by == NULL) {
        return fault_set(fault, STATUS_BUSY, "command", "another version came into force meanwhile: ask again");
    }
    const struct given_order given = {&order.command, &order.digest, &by->id};
    const struct policy_veto_order veto = {&order.command, &order.digest, &document->signatures[0].key_id,
                                           order.at_utc_us};
    switch (order.command.action) {
    case COMMAND_FREEZE:
    case COMMAND_THAW:
        return freeze_command(signer, reply, &given, fault);
    case COMMAND_PII_ERASE:
        return subject_erase(signer, reply, &given, fault);
    case COMMAND_LOG_ROTATE:
    case COMMAND_LOG_FORK:
        return log_keys_order(signer, reply, &given, fault);
    case COMMAND_DESTINATION_REVOKE:
        return destination_revoke(signer, reply, &given, fault);
    case COMMAND_PERSON_SUSPEND:
    case COMMAND_PERSON_RESUME:
        return person_command(signer, reply, &given, fault);
    case COMMAND_POLICY_VETO:
        return policy_veto(signer, reply, &veto, fault);
    case COMMAND_WITHDRAWAL_VETO:
        return withdrawal_veto(signer, reply, &given, fault);
    case COMMAND_GUARD_INITIALISE:
    case COMMAND_KEY_ADMIT:
    case COMMAND_KEY_ACTIVATE:
    case COMMAND_KEY_DEACTIVATE:
    case COMMAND_KEY_SUSPEND:
    case COMMAND_KEY_RESUME:
    case COMMAND_KEY_RETIRE:
    case COMMAND_KEY_COMPROMISE:
    case COMMAND_KEY_DESTROY:
    case COMMAND_KEY_SWEEP:
    case COMMAND_PII_REVEAL:
        break; /* about a key; order_check refused those that are no orders */
    }
    return key_order(reply, &order, fault);
}

/* Alarm */

static enum status alarm_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct order *order = context;
    size_t index = 0;
    if (guard_txn_key_find(txn, &index, &order->before, &order->command.key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key", "it is no key of this guard");
    }
    order->after = order->before;
    enum status status = key_move(&order->after, KEY_ACTION_SUSPEND, KEY_CAUSE_ALARM, order->at_utc_us, fault);
    return status == STATUS_OK ? order_write(txn, order, index, fault) : status;
}

enum status key_alarm(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                      struct fault *fault)
{
    struct order order = {
        .signer = signer, .at_utc_us = keys_now(signer), .stops = true, .command = {.key = request->key_alarm.key}};
    enum status status = guard_commit(signer->guard, alarm_apply, &order, fault);
    if (status == STATUS_OK) {
        log_event(LOG_LEVEL_WARNING, "key.alarm", "reason", request->key_alarm.reason.text, NULL);
        key_log(&order.before, &order.after);
        key_answer(&reply->key_state, &order.after);
    }
    return status;
}
