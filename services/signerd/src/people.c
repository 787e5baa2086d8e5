/*
 * Suspended people: the orders that suspend and resume, and where their signatures no longer count.
 *
 * Suspending needs one signature, so it must give nothing to whoever does it: a quorum that lacks the suspended is
 * never smaller for it, what stops (a veto, a freeze, a revocation) is taken from a suspended person all the same, and
 * people whom the quorum resumed are not suspended again by the one who had suspended them. Who is suspended suspends
 * nobody else, and counts for a resumption alone: otherwise one person could lock all others out for good.
 *
 * A resumption may be signed and kept back, so it ends what its signers could see: another person's suspension of
 * somebody who is suspended has a number of its own.
 */
#include "people.h"

#include "base/crashpoint.h"
#include "base/log.h"
#include "keys.h"

void people_read(struct people *out, const struct signer *signer)
{
    struct guard_suspended people[GUARD_PEOPLE_MAX];
    out->count = guard_people(signer->guard, people, &out->changes);
    for (size_t i = 0; i < out->count; i++) {
        out->names[i] = people[i].person;
    }
}

#define AHEAD_MAX (UINT64_C(1) << 20) /* of suspensions that a signer missed, before it takes a resumption */

struct person_order {
    const struct given_order *given;
    struct signer *signer;
    int64_t at_utc_us;
    bool in_policy;
    bool changed;
    struct guard_person after;
};

/*
 * Not by who is suspended, not again by who suspended a person whom the quorum resumed, and not by an order from before
 * that: a signer that was away gets them in any order, or from somebody who kept one.
 */
static enum status suspend_check(const struct guard_txn *txn, const struct person_order *order, bool resumed,
                                 struct fault *fault)
{
    struct guard_person by;
    const struct name *who = order->given->by;
    const struct command *command = order->given->command;
    const struct name *person = &command->person;
    if (resumed && command->issued_at < order->after.since_utc_us) {
        return fault_set(fault, STATUS_REPLAY, "command.issued_at", "the quorum has resumed %s since", person->text);
    }
    if (guard_txn_person_find(txn, &by, who) && by.suspended) {
        return fault_set(fault, STATUS_FORBIDDEN, "command.signatures", "%s is suspended", who->text);
    }
    bool again = resumed && name_equal(&order->after.by, who) && !name_equal(who, person);
    return again
               ? fault_set(fault, STATUS_FORBIDDEN, "command.person",
                           "the quorum has resumed %s after %s: somebody else may suspend now", person->text, who->text)
               : STATUS_OK;
}

/*
 * By another person than before it is a suspension of its own, which a resumption of the one before does not end; by
 * the same it stays as it is, so nobody alone runs ahead of the quorum. Both leave a record. Stopping moves no time.
 */
static enum status suspend_apply(struct guard_txn *txn, struct person_order *order, struct fault *fault)
{
    const struct command *command = order->given->command;
    struct guard_person *after = &order->after;
    bool known = guard_txn_person_find(txn, after, &command->person);
    bool already = known && after->suspended;
    enum status status = suspend_check(txn, order, known && !after->suspended, fault);
    status = status == STATUS_OK && already ? given_order_pay(order->signer, order->given, fault) : status;
    if (status != STATUS_OK || (already && name_equal(&after->by, order->given->by))) {
        return status;
    }
    int64_t since_utc_us = already ? after->since_utc_us : command->issued_at;
    *after =
        (struct guard_person){.person = command->person,
                              .by = *order->given->by,
                              .reason = command->reason,
                              .suspended = true,
                              .on = known ? after->on + 1 : 1,
                              .since_utc_us = command->issued_at > since_utc_us ? command->issued_at : since_utc_us};
    order->changed = true;
    return guard_txn_person_write(txn, after, fault);
}

/*
 * The quorum saw the number of one signer; another one that missed a suspension has a smaller one, which is over too,
 * or none, and then it must not come afterwards. A later suspension is not over: by its number, and by the time of the
 * orders when the number that the quorum was told was too large; unless that time has not come yet, because a clock was
 * wrong when it was written. The numbers of a guard never run out.
 */
static enum status resume_check(const struct person_order *order, bool known, struct fault *fault)
{
    const struct command *command = order->given->command;
    const struct guard_person *before = &order->after;
    if (!known && !order->in_policy) {
        return fault_set(fault, STATUS_NOT_FOUND, "command.person", "neither the policy nor the guard has this person");
    }
    if (!before->suspended && before->on >= command->on) {
        return fault_set(fault, STATUS_CONFLICT, "command.on", "%s is not suspended", command->person.text);
    }
    if (before->on > command->on || command->on - before->on > AHEAD_MAX) {
        return fault_set(fault, STATUS_CONFLICT, "command.on", "given for suspension %llu, but this is suspension %llu",
                         (unsigned long long)command->on, (unsigned long long)before->on);
    }
    if (before->suspended && command->issued_at < before->since_utc_us && before->since_utc_us <= order->at_utc_us) {
        return fault_set(fault, STATUS_CONFLICT, "command.issued_at", "%s was suspended again since",
                         command->person.text);
    }
    return STATUS_OK;
}

static enum status resume_apply(struct guard_txn *txn, struct person_order *order, struct fault *fault)
{
    const struct command *command = order->given->command;
    struct guard_person *after = &order->after;
    bool known = guard_txn_person_find(txn, after, &command->person);
    if (!known) {
        *after = (struct guard_person){.person = command->person, .by = command->person}; /* by nobody else */
    }
    enum status status = resume_check(order, known, fault);
    if (status != STATUS_OK) {
        return status;
    }
    after->on = command->on;
    after->suspended = false;
    after->reason = command->reason;
    after->since_utc_us = command->issued_at;
    order->changed = true;
    keys_time_raise(txn, order->at_utc_us);
    return guard_txn_person_write(txn, after, fault);
}

static enum status order_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct person_order *order = context;
    const struct command *command = order->given->command;
    bool used = false;
    order->changed = false;
    enum status status = nonce_check(txn, &used, &command->nonce, order->given->digest, fault);
    if (status == STATUS_OK &&
        used) { /* carried again, since another signer did not have it: nothing comes of it here */
        return guard_txn_person_find(txn, &order->after, &command->person)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_REPLAY, "command.nonce", "this order was used already");
    }
    if (status == STATUS_OK) {
        status = command->action == COMMAND_PERSON_SUSPEND ? suspend_apply(txn, order, fault)
                                                           : resume_apply(txn, order, fault);
    }
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, order->given->digest, fault) : status;
}

enum status person_command(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                           struct fault *fault)
{
    const struct command *command = given->command;
    struct person_order order = {.given = given,
                                 .signer = signer,
                                 .at_utc_us = keys_now(signer),
                                 .in_policy = policy_find_person(versions_in_force(signer), &command->person) != NULL};
    if (command->action == COMMAND_PERSON_SUSPEND && !order.in_policy) {
        return fault_set(fault, STATUS_NOT_FOUND, "command.person", "the policy has no such person");
    }
    CRASHPOINT("order.checked");
    enum status status = guard_commit(signer->guard, order_apply, &order, fault);
    CRASHPOINT("order.remembered");
    if (status != STATUS_OK) {
        return status;
    }
    const char *word = order.after.suspended ? "suspended" : "resumed";
    if (order.changed) {
        log_event(LOG_LEVEL_WARNING, order.after.suspended ? "person.suspended" : "person.resumed", "person",
                  command->person.text, "by", given->by->text, "reason", command->reason.text, NULL);
    }
    reply->key_state.on = order.after.on;
    (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "%s", word);
    return STATUS_OK;
}

/* Where they do not count */

enum status people_count_quorum(const struct signer *signer, unsigned *out, const struct signed_document *document,
                                int64_t at_utc_us, struct fault *fault)
{
    struct people people;
    const struct policy *policy = versions_in_force(signer);
    people_read(&people, signer);
    unsigned have = policy_governance_without(policy, document, at_utc_us, people.names, people.count);
    if (have < policy->governance.m) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "%u of %u people who are not suspended", have,
                         policy->governance.m);
    }
    *out = have;
    return STATUS_OK;
}

enum status people_check_quorum(const struct signer *signer, const struct signed_document *document, int64_t at_utc_us,
                                struct fault *fault)
{
    unsigned have = 0;
    return people_count_quorum(signer, &have, document, at_utc_us, fault);
}

enum status people_check_none(const struct signer *signer, const struct signed_document *document, struct fault *fault)
{
    struct people people;
    const struct policy *policy = versions_in_force(signer);
    people_read(&people, signer);
    for (size_t i = 0; i < document->signature_count; i++) {
        const struct person *person = policy_find_key(NULL, policy, &document->signatures[i].key_id);
        for (size_t k = 0; person != NULL && k < people.count; k++) {
            if (name_equal(&person->id, &people.names[k])) {
                return fault_set(fault, STATUS_FORBIDDEN, "signatures", "%s is suspended", person->id.text);
            }
        }
    }
    return STATUS_OK;
}

size_t people_list(const struct signer *signer, struct wire_suspended out[WIRE_SUSPENDED_MAX])
{
    struct guard_suspended people[GUARD_PEOPLE_MAX];
    const struct policy *policy = versions_in_force(signer);
    size_t there = guard_people(signer->guard, people, NULL);
    size_t count = 0;
    _Static_assert(POLICY_PEOPLE_MAX <= WIRE_SUSPENDED_MAX, "status tells all of them");
    for (size_t i = 0; i < there; i++) {
        if (policy_find_person(policy, &people[i].person) != NULL) {
            out[count++] = (struct wire_suspended){.person = people[i].person, .on = people[i].on};
        }
    }
    return count;
}
