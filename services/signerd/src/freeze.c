/*
 * Freezes: what stops an asset, a wallet or everything, and what a quorum starts again.
 *
 * Stopping needs one signature, or none from whoever carries messages; thawing names the freeze that its signers saw,
 * so an order that was kept back does not end a later one. Orders arrive as key.command does.
 */
#include "base/crashpoint.h"
#include "base/log.h"
#include "keys.h"

static void freeze_log(const struct guard_freeze *freeze)
{
    char on[24];
    (void)snprintf(on, sizeof(on), "%llu", (unsigned long long)freeze->on);
    log_event(LOG_LEVEL_WARNING, freeze->frozen ? "freeze" : "thaw", "scope", freeze_scope_text(freeze->target.scope),
              "subject", freeze->target.subject, "on", on, "cause", key_cause_text(freeze->cause), "reason",
              freeze->reason.text, NULL);
}

static void freeze_answer(struct wire_key_state_reply *out, const struct guard_freeze *freeze)
{
    out->on = freeze->on;
    (void)snprintf(out->state, sizeof(out->state), "%s", freeze->frozen ? "frozen" : "thawed");
}

/* A freeze or a thaw on its way into the guard. */
struct stop {
    struct signer *signer;
    const struct given_order *given; /* NULL for an alarm */
    const struct policy *policy;
    struct freeze_target target;
    enum key_cause cause;
    struct name reason;
    int64_t at_utc_us;
    bool changed;
    struct guard_freeze after;
};

static enum status stop_write(struct guard_txn *txn, struct stop *stop, struct fault *fault)
{
    struct guard_freeze *after = &stop->after;
    struct guard_state *state = &txn->state;
    after->reason = stop->reason;
    after->cause = stop->cause;
    after->by = stop->given == NULL ? (struct name){{0}} : *stop->given->by;
    after->since_utc_us = stop->at_utc_us;
    if (!after->frozen && stop->at_utc_us > state->highest_utc_us) { /* stopping moves no time */
        state->highest_utc_us = stop->at_utc_us;
    }
    stop->changed = true;
    return guard_txn_freeze_write(txn, after, fault);
}

/*
 * What is frozen stays as it is for an alarm, and for the one who froze it; another person's is a freeze of its own,
 * which a thaw of the one before does not end. Both leave a record.
 */
static enum status freeze_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct stop *stop = context;
    enum status status = freeze_target_check(&stop->target, stop->policy, fault);
    stop->changed = false;
    bool already = guard_txn_freeze_find(txn, &stop->after, &stop->target) && stop->after.frozen;
    if (status == STATUS_OK && already && stop->given != NULL) {
        status = given_order_pay(stop->signer, stop->given, fault);
    }
    bool same = stop->given == NULL || name_equal(&stop->after.by, stop->given->by);
    if (status != STATUS_OK || (already && same)) {
        return status;
    }
    stop->after = (struct guard_freeze){.target = stop->target, .frozen = true, .on = guard_txn_freeze_last(txn) + 1};
    return stop_write(txn, stop, fault);
}

static enum status thaw_apply(struct guard_txn *txn, struct stop *stop, struct fault *fault)
{
    uint64_t on = stop->given->command->on;
    if (!guard_txn_freeze_find(txn, &stop->after, &stop->target) || !stop->after.frozen) {
        return fault_set(fault, STATUS_CONFLICT, "command.on", "it is not frozen");
    }
    if (stop->after.on != on) {
        return fault_set(fault, STATUS_CONFLICT, "command.on", "given for freeze %llu, but this is freeze %llu",
                         (unsigned long long)on, (unsigned long long)stop->after.on);
    }
    stop->after.frozen = false;
    return stop_write(txn, stop, fault);
}

static void stop_finish(const struct stop *stop, struct wire_reply *reply)
{
    if (stop->changed) {
        freeze_log(&stop->after);
    }
    freeze_answer(&reply->key_state, &stop->after);
}

/* By order */

static enum status order_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct stop *stop = context;
    const struct command *command = stop->given->command;
    enum status status = nonce_unused(txn, &command->nonce, stop->given->digest, fault);
    if (status == STATUS_OK) {
        status = command->action == COMMAND_FREEZE ? freeze_apply(txn, stop, fault) : thaw_apply(txn, stop, fault);
    }
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, stop->given->digest, fault) : status;
}

enum status freeze_command(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                           struct fault *fault)
{
    const struct command *command = given->command;
    struct stop stop = {.signer = signer,
                        .given = given,
                        .policy = versions_in_force(signer),
                        .target = command->target,
                        .cause = KEY_CAUSE_COMMAND,
                        .reason = command->reason,
                        .at_utc_us = keys_now(signer)};
    CRASHPOINT("order.checked");
    enum status status = guard_commit(signer->guard, order_apply, &stop, fault);
    CRASHPOINT("order.remembered");
    if (status == STATUS_OK) {
        stop_finish(&stop, reply);
    }
    return status;
}

/* By alarm */

enum status freeze_alarm(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                         struct fault *fault)
{
    const struct wire_freeze_alarm_request *asked = &request->freeze_alarm;
    struct stop stop = {.policy = versions_in_force(signer),
                        .cause = KEY_CAUSE_ALARM,
                        .reason = asked->reason,
                        .at_utc_us = keys_now(signer)};
    enum status status = freeze_target_parse(&stop.target, asked->scope, asked->subject, fault);
    if (status == STATUS_OK) {
        status = guard_commit(signer->guard, freeze_apply, &stop, fault);
    }
    if (status == STATUS_OK) {
        stop_finish(&stop, reply);
    }
    return status;
}

/* What it stops */

enum status freeze_check(const struct guard_txn *txn, const struct intent *intent, struct fault *fault)
{
    struct freeze_target targets[3] = {{.scope = FREEZE_EVERYTHING}};
    struct guard_freeze freeze;
    freeze_target_wallet(&targets[1], &intent->wallet);
    freeze_target_asset(&targets[2], &intent->asset);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (guard_txn_freeze_find(txn, &freeze, &targets[i]) && freeze.frozen) {
            return fault_set(fault, STATUS_KEY_INACTIVE, "freeze", "%s%s%s is frozen (%s, freeze %llu): %s",
                             freeze_scope_text(freeze.target.scope), freeze.target.subject[0] == '\0' ? "" : " ",
                             freeze.target.subject, key_cause_text(freeze.cause), (unsigned long long)freeze.on,
                             freeze.reason.text);
        }
    }
    return STATUS_OK;
}

size_t freeze_list(struct signer *signer, struct wire_freeze out[WIRE_FREEZES_MAX])
{
    struct guard_freeze freezes[GUARD_FREEZES_MAX];
    _Static_assert(GUARD_FREEZES_MAX == WIRE_FREEZES_MAX, "status tells all of them");
    size_t count = guard_freezes(signer->guard, freezes);
    for (size_t i = 0; i < count; i++) {
        const struct guard_freeze *freeze = &freezes[i];
        out[i] = (struct wire_freeze){
            .frozen = freeze->frozen, .on = freeze->on, .since = freeze->since_utc_us, .reason = freeze->reason};
        (void)snprintf(out[i].cause, sizeof(out[i].cause), "%s", key_cause_text(freeze->cause));
        (void)snprintf(out[i].scope, sizeof(out[i].scope), "%s", freeze_scope_text(freeze->target.scope));
        (void)snprintf(out[i].subject, sizeof(out[i].subject), "%s", freeze->target.subject);
    }
    return count;
}
