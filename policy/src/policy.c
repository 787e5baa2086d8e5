/*
 * A decoded policy in memory: look-ups, words, release. Arrays are sorted by id, as the document is.
 */
#include "policy/policy.h"

#include "matching.h"
#include "policy_internal.h"

const struct word policy_duty_words[] = {
    {"administrator", DUTY_ADMINISTRATOR},
    {"approver", DUTY_APPROVER},
    {"auditor", DUTY_AUDITOR},
    {"automated", DUTY_AUTOMATED},
    {"custodian", DUTY_CUSTODIAN},
    {"operator", DUTY_OPERATOR},
    {"requester", DUTY_REQUESTER},
    {NULL, 0},
};
const struct word policy_tier_words[] = {
    {"hot", TIER_HOT}, {"warm", TIER_WARM}, {"cold", TIER_COLD}, {"system", TIER_SYSTEM}, {NULL, 0}};
const struct word policy_effect_words[] = {{"allow", EFFECT_ALLOW}, {"deny", EFFECT_DENY}, {NULL, 0}};
const struct word policy_limit_words[] = {{"asset", LIMIT_PER_ASSET},
                                          {"destination", LIMIT_PER_DESTINATION},
                                          {"requester", LIMIT_PER_REQUESTER},
                                          {"wallet", LIMIT_PER_WALLET},
                                          {NULL, 0}};

const char *policy_duty_text(enum duty duty)
{
    return word_text(policy_duty_words, (int)duty);
}

const char *policy_tier_text(enum wallet_tier tier)
{
    return word_text(policy_tier_words, (int)tier);
}

const char *policy_effect_text(enum rule_effect effect)
{
    return word_text(policy_effect_words, (int)effect);
}

const char *policy_limit_text(enum limit_per per)
{
    return word_text(policy_limit_words, (int)per);
}

const char *policy_condition_text(enum condition condition)
{
    static const char *const words[CONDITION_COUNT] = {"amount",     "assets", "destinations", "hours",  "ledgers",
                                                       "requesters", "tiers",  "types",        "wallets"};
    return words[condition];
}

int policy_name_compare(const struct name *a, const struct name *b)
{
    return strcmp(a->text, b->text);
}

size_t policy_person_index(const struct policy *policy, const struct person *person)
{
    return (size_t)(person - policy->people);
}

/* Every element begins with its name, so one search serves all arrays. */
_Static_assert(offsetof(struct person, id) == 0 && offsetof(struct group, id) == 0, "the id comes first");
_Static_assert(offsetof(struct wallet, id) == 0 && offsetof(struct rule, id) == 0, "the id comes first");

static int compare_id(const void *key, const void *element)
{
    return policy_name_compare(key, element);
}

static const void *find(const void *array, size_t count, size_t size, const struct name *id)
{
    return count == 0 ? NULL : bsearch(id, array, count, size, compare_id);
}

const struct person *policy_find_person(const struct policy *policy, const struct name *id)
{
    return find(policy->people, policy->person_count, sizeof(struct person), id);
}

const struct wallet *policy_find_wallet(const struct policy *policy, const struct name *id)
{
    return find(policy->wallets, policy->wallet_count, sizeof(struct wallet), id);
}

const struct wallet *policy_find_wallet_by_account(const struct policy *policy, const struct account_id *account)
{
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (account_id_equal(&policy->wallets[i].account, account)) {
            return &policy->wallets[i];
        }
    }
    return NULL;
}

const struct public_key *policy_person_key(const struct person *person, const struct digest *key_id)
{
    for (size_t i = 0; i < person->key_count; i++) {
        if (digest_equal(&person->keys[i].id, key_id)) {
            return &person->keys[i].key;
        }
    }
    return NULL;
}

const struct person *policy_find_key(const struct public_key **out_key, const struct policy *policy,
                                     const struct digest *key_id)
{
    for (size_t i = 0; i < policy->person_count; i++) {
        const struct public_key *key = policy_person_key(&policy->people[i], key_id);
        if (key != NULL) {
            if (out_key != NULL) {
                *out_key = key;
            }
            return &policy->people[i];
        }
    }
    return NULL;
}

bool policy_group_has(const struct policy *policy, size_t group, const struct person *person)
{
    return people_set_has(&policy->groups[group].set, policy_person_index(policy, person));
}

bool policy_person_valid(const struct person *person, int64_t at_utc_us)
{
    return at_utc_us < person->valid_until;
}

static void rule_wipe(struct rule *rule)
{
    free(rule->when.assets);
    free(rule->when.destinations);
    free(rule->when.hours);
    free(rule->when.ledgers);
    free(rule->when.requesters);
    free(rule->when.wallets);
    free(rule->demand.limits);
}

void policy_free(struct policy *policy)
{
    for (size_t i = 0; i < policy->group_count; i++) {
        free(policy->groups[i].members);
    }
    for (size_t i = 0; i < policy->wallet_count; i++) {
        free(policy->wallets[i].assets);
    }
    for (size_t i = 0; i < policy->rule_count; i++) {
        rule_wipe(&policy->rules[i]);
    }
    free(policy->people);
    free(policy->groups);
    free(policy->wallets);
    free(policy->rules);
    free(policy->destination_groups);
    *policy = (struct policy){0};
}
