/*
 * A policy in words: everything that it decides, because who signs one hands over the whole house. Commands are in
 * describe_command.c, all other documents in describe.c.
 */
#include "describe.h"

#include "policy/policy.h"

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
}

static void describe_person(FILE *stream, const struct person *person)
{
    static const enum duty duties[] = {DUTY_ADMINISTRATOR, DUTY_APPROVER,  DUTY_AUDITOR,
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

static void describe_rule(FILE *stream, const struct policy *policy, const struct rule *rule)
{
    char amount[AMOUNT_TEXT_SIZE];
    (void)fprintf(stream, "rule %s: %s\n", rule->id.text,
                  rule->effect == EFFECT_ALLOW ? "allows what meets all of this, to addresses of the allow-list alone"
                                               : "DENIES, whatever other rules say");
    for (size_t i = 0; i < rule->wallet_count; i++) {
        describe_row(stream, "from wallet", "%s", policy->wallets[rule->wallets[i]].id.text);
    }
    for (size_t i = 0; i < rule->asset_count; i++) {
        describe_digest(stream, "asset", &rule->assets[i]);
    }
    if (rule->effect != EFFECT_ALLOW) {
        return;
    }
    amount_format(amount, rule->max_amount);
    describe_row(stream, "at most", "%s base units", amount);
    for (size_t i = 0; i < rule->quorum_count; i++) {
        describe_row(stream, "approved by", "%u of %s", rule->quorum[i].m,
                     policy->groups[rule->quorum[i].group].id.text);
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
