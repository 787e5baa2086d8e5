/*
 * A policy in words: everything that it decides, because who signs one hands over the whole house. Commands are in
 * describe_command.c, all other documents in describe.c.
 */
#include "describe.h"

#include "policy/policy.h"
#include "policy/transaction.h"

static void describe_head(FILE *stream, const struct policy *policy)
{
    (void)fprintf(stream, "policy version %lld: %zu people, %zu wallets, %zu rules\n", (long long)policy->version,
                  policy->person_count, policy->wallet_count, policy->rule_count);
    describe_digest(stream, "digest", &policy->digest);
    if (policy->version > 1) {
        describe_digest(stream, "follows", &policy->prev);
    }
    describe_time(stream, "issued", policy->issued_at);
    describe_row(stream, "ledger", "%s", policy->environment.text);
    describe_digest(stream, "chain", &policy->chain);
    describe_row(stream, "governance", "%u of %s", policy->governance.m,
                 policy->groups[policy->governance.group].id.text);
    describe_row(stream, "", "the next version is in force %lld seconds after it came to a signer",
                 (long long)policy->delay_s);
    describe_row(stream, "allow-list", "a new entry serves %lld seconds after it came to the signer",
                 (long long)policy->cooling_s);
    for (size_t i = 0; i < policy->destination_group_count; i++) {
        describe_row(stream, "", "group %s", policy->destination_groups[i].text);
    }
}

static void describe_person(FILE *stream, const struct person *person)
{
    static const enum duty duties[] = {DUTY_ADMINISTRATOR, DUTY_APPROVER,  DUTY_AUDITOR,  DUTY_AUTOMATED,
                                       DUTY_OPERATOR,      DUTY_REQUESTER, DUTY_CUSTODIAN};
    char text[TIME_TEXT_SIZE];
    char id[DIGEST_HEX_LEN + 1];
    (void)fprintf(stream, "person %s:", person->id.text);
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        if ((person->duties & (unsigned)duties[i]) != 0) {
            (void)fprintf(stream, " %s", policy_duty_text(duties[i]));
        }
    }
    time_format(text, person->valid_until);
    (void)fprintf(stream, ", until %s\n", text);
    for (size_t i = 0; i < person->key_count; i++) {
        digest_format(id, &person->keys[i].id);
        describe_row(stream, "key", "%s, %s", id, algorithm_info(person->keys[i].key.algorithm)->name);
    }
}

static void describe_group(FILE *stream, const struct policy *policy, const struct group *group)
{
    (void)fprintf(stream, "group %s:", group->id.text);
    for (size_t i = 0; i < group->member_count; i++) {
        (void)fprintf(stream, " %s", policy->people[group->members[i]].id.text);
    }
    (void)fputc('\n', stream);
}

static void describe_wallet(FILE *stream, const struct wallet *wallet)
{
    char address[ADDRESS_TEXT_SIZE];
    (void)fprintf(stream, "wallet %s: tier %s\n", wallet->id.text, policy_tier_text(wallet->tier));
    describe_digest(stream, "key", &wallet->key_id);
    describe_algorithm(stream, wallet->key.algorithm);
    address_format(address, &wallet->account);
    describe_row(stream, "address", "%s", address);
    for (size_t i = 0; i < wallet->asset_count; i++) {
        describe_digest(stream, "asset", &wallet->assets[i]);
    }
}

static void describe_amounts(FILE *stream, const struct when *when)
{
    char amount[AMOUNT_TEXT_SIZE];
    if (when->above_given) {
        amount_format(amount, when->above);
        describe_row(stream, "amount", "above %s base units", amount);
    }
    if (when->up_to_given) {
        amount_format(amount, when->up_to);
        describe_row(stream, "amount", "up to %s base units", amount);
    }
}

static void describe_hours(FILE *stream, const struct hours *hours)
{
    static const char *const words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char days[40] = "";
    size_t used = 0;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((hours->days & 1U << i) != 0) {
            used += (size_t)snprintf(days + used, sizeof(days) - used, " %s", words[i]);
        }
    }
    describe_row(stream, "hours", "%02u:%02u to %02u:%02u UTC on%s", hours->from / 60, hours->from % 60,
                 hours->until / 60, hours->until % 60, days);
}

/* The conditions that take words of their own. */
static void describe_kinds(FILE *stream, const struct when *when)
{
    static const enum wallet_tier tiers[] = {TIER_COLD, TIER_HOT, TIER_WARM};
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if ((when->tiers & 1U << tiers[i]) != 0) {
            describe_row(stream, "from tier", "%s", policy_tier_text(tiers[i]));
        }
    }
    if ((when->types & 1U << TRANSACTION_ISSUE) != 0) {
        describe_row(stream, "type", "issue: new units of the asset come into being");
    }
    for (size_t i = 0; i < when->hours_count; i++) {
        describe_hours(stream, &when->hours[i]);
    }
}

static void describe_when(FILE *stream, const struct policy *policy, const struct when *when)
{
    for (size_t i = 0; i < when->wallet_count; i++) {
        describe_row(stream, "from wallet", "%s", policy->wallets[when->wallets[i]].id.text);
    }
    for (size_t i = 0; i < when->asset_count; i++) {
        describe_digest(stream, "asset", &when->assets[i]);
    }
    for (size_t i = 0; i < when->destination_count; i++) {
        describe_row(stream, "to group", "%s", policy->destination_groups[when->destinations[i]].text);
    }
    for (size_t i = 0; i < when->requester_count; i++) {
        describe_row(stream, "asked by", "%s", policy->groups[when->requesters[i]].id.text);
    }
    for (size_t i = 0; i < when->ledger_count; i++) {
        describe_digest(stream, "on ledger", &when->ledgers[i]);
    }
    describe_amounts(stream, when);
    describe_kinds(stream, when);
}

static void describe_limit(FILE *stream, const struct limit *limit)
{
    char sum[AMOUNT_TEXT_SIZE];
    if (limit->count > 0) {
        describe_row(stream, "limit", "%lld signatures per %s in any %lld seconds", (long long)limit->count,
                     policy_limit_text(limit->per), (long long)limit->window_s);
    }
    if (!amount_is_zero(limit->sum)) {
        amount_format(sum, limit->sum);
        describe_row(stream, "limit", "%s base units per %s in any %lld seconds", sum, policy_limit_text(limit->per),
                     (long long)limit->window_s);
    }
}

static void describe_demand(FILE *stream, const struct policy *policy, const struct demand *demand)
{
    char amount[AMOUNT_TEXT_SIZE];
    amount_format(amount, demand->max_amount);
    describe_row(stream, "at most", "%s base units", amount);
    for (size_t i = 0; i < demand->entry_count; i++) {
        const struct step_entry *entry = &demand->entries[i];
        const char *group = policy->groups[entry->quorum.group].id.text;
        if (demand->step_count > 1) {
            describe_row(stream, "approved by", "step %u: %u of %s", entry->step + 1, entry->quorum.m, group);
        } else {
            describe_row(stream, "approved by", "%u of %s", entry->quorum.m, group);
        }
    }
    for (size_t i = 0; i < demand->limit_count; i++) {
        describe_limit(stream, &demand->limits[i]);
    }
    if (demand->delay_s > 0) {
        describe_row(stream, "delay", "%lld seconds, in which one person may veto it", (long long)demand->delay_s);
    }
}

static void describe_rule(FILE *stream, const struct policy *policy, const struct rule *rule)
{
    (void)fprintf(stream, "rule %s: %s\n", rule->id.text,
                  rule->effect == EFFECT_ALLOW ? "allows what meets all of this, to addresses of the allow-list alone"
                                               : "DENIES, whatever other rules say");
    describe_when(stream, policy, &rule->when);
    if (rule->effect == EFFECT_ALLOW) {
        describe_demand(stream, policy, &rule->demand);
    }
}

enum status describe_policy(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct policy policy;
    enum status status = policy_decode(&policy, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    describe_head(stream, &policy);
    describe_row(stream, "to be signed", "%s",
                 policy.version == 1 ? "by all administrators" : "by the governance quorum of the version before");
    for (size_t i = 0; i < policy.person_count; i++) {
        describe_person(stream, &policy.people[i]);
    }
    for (size_t i = 0; i < policy.group_count; i++) {
        describe_group(stream, &policy, &policy.groups[i]);
    }
    for (size_t i = 0; i < policy.wallet_count; i++) {
        describe_wallet(stream, &policy.wallets[i]);
    }
    for (size_t i = 0; i < policy.rule_count; i++) {
        describe_rule(stream, &policy, &policy.rules[i]);
    }
    policy_free(&policy);
    return STATUS_OK;
}
