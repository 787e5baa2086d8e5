/*
 * Limits, judged by what the guard remembers of its own promises, whichever rule or version of the policy allowed them.
 *
 * The policy room says which limits apply (obligations); here they are held against the history, in the change that
 * makes the promise. transfer.usage tells the same without promising anything.
 */
#include "limits.h"

#include "guard_record.h"
#include "history.h"
#include "keys.h"

#define SECOND_US 1000000ULL

struct guard_promise limits_promise(const struct signer *signer, const struct guard_txn *txn,
                                    const struct intent *intent, size_t key)
{
    uint64_t running_us = keys_running(signer);
    return (struct guard_promise){.running_us = running_us > txn->state.running_us ? running_us : txn->state.running_us,
                                  .key = key,
                                  .withdrawal = intent->withdrawal,
                                  .amount = intent->amount,
                                  .asset = intent->asset,
                                  .destination = intent->destination,
                                  .requester = intent->requester,
                                  .wallet = intent->wallet};
}

static enum history_per per_of(enum limit_per per)
{
    switch (per) {
    case LIMIT_PER_ASSET:
        return HISTORY_ASSET;
    case LIMIT_PER_DESTINATION:
        return HISTORY_DESTINATION;
    case LIMIT_PER_REQUESTER:
        return HISTORY_REQUESTER;
    case LIMIT_PER_WALLET:
        return HISTORY_WALLET;
    }
    INVARIANT(!"a limit is per one of four");
    return HISTORY_ASSET;
}

static struct history_answer series_ask(const struct guard_txn *txn, const struct limit *limit,
                                        const struct guard_promise *made, enum history_per per)
{
    const struct history_question question = {.per = per,
                                              .promise = made,
                                              .now_us = made->running_us,
                                              .window_us = (uint64_t)limit->window_s * SECOND_US,
                                              .max_sum = limit->sum,
                                              .max_count = (uint64_t)limit->count};
    return history_ask(guard_txn_history(txn), &question);
}

/*
 * A limit per wallet holds for the name and for the key, each by itself: a later version of the policy that gives the
 * wallet another name, or the name another key, resets nothing. Told is what keeps it waiting longer.
 */
static struct history_answer limit_ask(const struct guard_txn *txn, const struct limit *limit,
                                       const struct guard_promise *made)
{
    struct history_answer answer = series_ask(txn, limit, made, per_of(limit->per));
    if (limit->per == LIMIT_PER_WALLET) {
        const struct history_answer key = series_ask(txn, limit, made, HISTORY_KEY);
        bool later = key.fits_at_us > answer.fits_at_us;
        bool more = key.fits_at_us == answer.fits_at_us &&
                    (key.count > answer.count || amount_compare(key.sum, answer.sum) > 0);
        answer = later || more ? key : answer;
    }
    return answer;
}

/* When a moment of running time comes, by the clock, if nothing stops the signer. */
static int64_t moment_of(const struct signer *signer, uint64_t at_us, uint64_t now_us)
{
    return keys_now(signer) + (int64_t)(at_us > now_us ? at_us - now_us : 0);
}

static const struct rule *rule_of(const struct obligation *obligation)
{
    return &obligation->policy->rules[obligation->rule];
}

static enum status limit_refuse(const struct signer *signer, const struct obligation *obligation,
                                const struct guard_promise *made, const struct history_answer *answer,
                                struct fault *fault)
{
    const struct limit *limit = obligation->limit;
    char where[64];
    char used[AMOUNT_TEXT_SIZE];
    char most[AMOUNT_TEXT_SIZE];
    char count[24];
    char at[TIME_TEXT_SIZE];
    (void)snprintf(where, sizeof(where), "policy.%.40s.limits[%zu]", rule_of(obligation)->id.text, obligation->index);
    amount_format(used, answer->sum);
    amount_format(most, limit->sum);
    (void)snprintf(count, sizeof(count), "%lld", (long long)limit->count);
    time_format(at, moment_of(signer, answer->fits_at_us, made->running_us));
    return fault_set(
        fault, STATUS_LIMIT_EXCEEDED, where, "used %s in %llu transfers of at most %s in %s per %s in %lld s; %s%s",
        used, (unsigned long long)answer->count, amount_is_zero(limit->sum) ? "any sum" : most,
        limit->count == 0 ? "any number" : count, policy_limit_text(limit->per), (long long)limit->window_s,
        answer->ever ? "it fits at " : "it never fits", answer->ever ? at : "");
}

enum status limits_check(const struct signer *signer, const struct guard_txn *txn, const struct withdrawal *withdrawal,
                         const struct guard_promise *made, struct fault *fault)
{
    /* What is saved from a key that others have must not wait for what they have used up. It counts, too. */
    if (withdrawal->key_state == KEY_STATE_COMPROMISED) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < withdrawal->obligations.limit_count; i++) {
        const struct obligation *obligation = &withdrawal->obligations.limits[i];
        const struct history_answer answer = limit_ask(txn, obligation->limit, made);
        if (!answer.fits) {
            return limit_refuse(signer, obligation, made, &answer, fault);
        }
    }
    return STATUS_OK;
}

/* transfer.usage */

struct usage {
    const struct signer *signer;
    const struct intent *intent;
    const struct obligations *obligations;
    struct wire_usage_reply *out;
};

/* The place of the key that the wallet has now; one where no key is when it has none. */
static size_t wallet_key(const struct usage *usage, struct guard_txn *txn)
{
    size_t index = GUARD_KEYS_MAX;
    struct guard_key key;
    const struct wallet *wallet = policy_find_wallet(versions_in_force(usage->signer), &usage->intent->wallet);
    if (wallet != NULL && guard_txn_key_find(txn, &index, &key, &wallet->key_id) != STATUS_OK) {
        index = GUARD_KEYS_MAX;
    }
    return index;
}

/* Whether this very transaction was promised: it meets no limit any more. */
static enum status was_promised(bool *out, struct guard_txn *txn, const struct intent *intent, struct fault *fault)
{
    struct guard_record record = {0};
    struct fault why = {0};
    guard_record_withdrawal(&record, &intent->withdrawal);
    enum status status = guard_txn_get(txn, &record, &why);
    *out = status == STATUS_OK &&
           memcmp(record.value + WITHDRAWAL_TRANSACTION, intent->transaction.bytes32, sizeof(struct digest)) == 0;
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status usage_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct usage *usage = context;
    bool promised = false;
    enum status status = was_promised(&promised, txn, usage->intent, fault);
    if (status != STATUS_OK || promised) {
        return status;
    }
    const struct guard_promise made = limits_promise(usage->signer, txn, usage->intent, wallet_key(usage, txn));
    for (size_t i = 0; i < usage->obligations->limit_count; i++) {
        const struct obligation *obligation = &usage->obligations->limits[i];
        const struct limit *limit = obligation->limit;
        const struct history_answer answer = limit_ask(txn, limit, &made);
        struct wire_usage *out = &usage->out->limits[i];
        *out = (struct wire_usage){.policy_version = obligation->policy->version,
                                   .rule = rule_of(obligation)->id,
                                   .index = (int64_t)obligation->index,
                                   .window_s = limit->window_s,
                                   .count = (uint64_t)limit->count,
                                   .sum = limit->sum,
                                   .used_count = answer.count,
                                   .used_sum = answer.sum};
        (void)snprintf(out->per, sizeof(out->per), "%s", policy_limit_text(limit->per));
        out->free_at = answer.ever ? moment_of(usage->signer, answer.fits_at_us, made.running_us) : 0;
    }
    usage->out->count = usage->obligations->limit_count;
    return STATUS_OK;
}

/* Of the intent alone: a rule with a condition that only other papers answer is told, too. */
static enum status obligations_find(const struct signer *signer, struct obligations *out, const struct intent *intent,
                                    struct fault *fault)
{
    const struct policy_chain chain = versions_chain(signer);
    const struct policy *proposed = policy_chain_find(&chain, &intent->policy);
    if (proposed == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "intent.policy", "not a policy that is or was in force");
    }
    const struct evaluation_request request = {.wallet = &intent->wallet,
                                               .type = intent->type,
                                               .chain = &intent->chain,
                                               .asset = &intent->asset,
                                               .amount = intent->amount,
                                               .returns = !digest_is_zero(&intent->returns),
                                               .requester = &intent->requester,
                                               .at_utc_us = keys_now(signer)};
    return policy_obligations_both(out, proposed, policy_chain_in_force(&chain), &request, fault);
}

enum status transfer_usage(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                           struct fault *fault)
{
    struct intent intent;
    struct fault inner = {0};
    struct obligations obligations = {.delay_s = 0};
    const struct bytes *document = &request->usage.intent;
    enum status status = intent_decode(&intent, document->data, document->len, &inner);
    if (status != STATUS_OK) {
        return role_part_fault(fault, "intent", status, &inner);
    }
    status = obligations_find(signer, &obligations, &intent, fault);
    if (status == STATUS_OK && obligations.limit_count > WIRE_USAGES_MAX) {
        status = fault_set(fault, STATUS_TOO_LARGE, "limits", "more than %d apply", WIRE_USAGES_MAX);
    }
    if (status == STATUS_OK) {
        struct usage usage = {signer, &intent, &obligations, &reply->usage};
        status = guard_commit(signer->guard, usage_apply, &usage, fault);
    }
    obligations_free(&obligations);
    return status;
}
