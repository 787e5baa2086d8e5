/*
 * The floors: what no policy may go below, whoever signed it. In code, so that no configuration reaches them.
 */
#include "policy/evaluate.h"
#include "policy_internal.h"

static const struct person *member(const struct policy *policy, const struct group *group, size_t index)
{
    return &policy->people[group->members[index]];
}

/* Duties */

static enum status check_duties(const struct person *person, const char *path, struct fault *fault)
{
    static const unsigned alone[] = {DUTY_ADMINISTRATOR, DUTY_AUDITOR};
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        if ((person->duties & alone[i]) != 0 && person->duties != alone[i]) {
            return fault_set(fault, STATUS_INVALID, path, "%s has the duty %s together with another", person->id.text,
                             policy_duty_text((enum duty)alone[i]));
        }
    }
    return STATUS_OK;
}

static enum status check_people(const struct policy *policy, struct fault *fault)
{
    for (size_t i = 0; i < policy->person_count; i++) {
        char path[PLACE_SIZE];
        (void)snprintf(path, sizeof(path), "people[%zu].duties", i);
        enum status status = check_duties(&policy->people[i], path, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* Keys */

struct owned_key {
    const struct digest *id;
    const char *owner;
};

static int compare_keys(const void *a, const void *b)
{
    const struct owned_key *left = a;
    const struct owned_key *right = b;
    return memcmp(left->id->bytes32, right->id->bytes32, sizeof(left->id->bytes32));
}

static size_t collect_keys(struct owned_key *out, const struct policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->person_count; i++) {
        const struct person *person = &policy->people[i];
        for (size_t k = 0; k < person->key_count; k++) {
            out[count++] = (struct owned_key){&person->keys[k].id, person->id.text};
        }
    }
    for (size_t i = 0; i < policy->wallet_count; i++) {
        out[count++] = (struct owned_key){&policy->wallets[i].key_id, policy->wallets[i].id.text};
    }
    return count;
}

/* No key twice: not with two people, not with a wallet, not twice with one. */
static enum status check_keys(const struct policy *policy, struct fault *fault)
{
    size_t room = policy->person_count * POLICY_KEYS_MAX + policy->wallet_count;
    struct owned_key *keys = calloc(room == 0 ? 1 : room, sizeof(*keys));
    if (keys == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "people", "comparing keys");
    }
    size_t count = collect_keys(keys, policy);
    qsort(keys, count, sizeof(*keys), compare_keys);
    enum status status = STATUS_OK;
    for (size_t i = 1; i < count && status == STATUS_OK; i++) {
        if (digest_equal(keys[i - 1].id, keys[i].id)) {
            status = fault_set(fault, STATUS_INVALID, "people", "one key belongs to both %s and %s", keys[i - 1].owner,
                               keys[i].owner);
        }
    }
    free(keys);
    return status;
}

/* Quorums */

static enum status check_members(const struct policy *policy, const struct quorum *quorum, enum duty duty,
                                 const char *path, struct fault *fault)
{
    const struct group *group = &policy->groups[quorum->group];
    for (size_t i = 0; i < group->member_count; i++) {
        const struct person *person = member(policy, group, i);
        if ((person->duties & (unsigned)duty) == 0) {
            return fault_set(fault, STATUS_INVALID, path, "%s of group %s lacks the duty %s", person->id.text,
                             group->id.text, policy_duty_text(duty));
        }
    }
    return STATUS_OK;
}

/* Members who remain when one of those who may request has requested. */
static size_t members_available(const struct policy *policy, const struct group *group)
{
    for (size_t i = 0; i < group->member_count; i++) {
        if ((member(policy, group, i)->duties & DUTY_REQUESTER) != 0) {
            return group->member_count - 1;
        }
    }
    return group->member_count;
}

static enum status check_reachable(const struct policy *policy, const struct quorum *quorum, const char *path,
                                   struct fault *fault)
{
    const struct group *group = &policy->groups[quorum->group];
    size_t available = members_available(policy, group);
    if (quorum->m > available) {
        return fault_set(fault, STATUS_INVALID, path, "m is %u but group %s has %zu members other than a requester",
                         quorum->m, group->id.text, available);
    }
    return STATUS_OK;
}

static unsigned quorum_sum(const struct rule *rule)
{
    unsigned sum = 0;
    for (size_t i = 0; i < rule->quorum_count; i++) {
        sum += rule->quorum[i].m;
    }
    return sum;
}

/* Nobody sits in two groups of one rule, or one approval would count twice. */
static enum status check_disjoint(const struct policy *policy, const struct rule *rule, const char *path,
                                  struct fault *fault)
{
    bool seen[POLICY_PEOPLE_MAX] = {false};
    for (size_t i = 0; i < rule->quorum_count; i++) {
        const struct group *group = &policy->groups[rule->quorum[i].group];
        for (size_t k = 0; k < group->member_count; k++) {
            if (seen[group->members[k]]) {
                return fault_set(fault, STATUS_INVALID, path, "%s is in two groups of rule %s",
                                 member(policy, group, k)->id.text, rule->id.text);
            }
            seen[group->members[k]] = true;
        }
    }
    return STATUS_OK;
}

/* Members of the groups who remain for what a person who may request asks for; the best such person counts. */
static size_t approvers_available(const struct policy *policy, const struct rule *rule)
{
    bool in_group[POLICY_PEOPLE_MAX] = {false};
    size_t sum = 0;
    for (size_t i = 0; i < rule->quorum_count; i++) {
        const struct group *group = &policy->groups[rule->quorum[i].group];
        for (size_t k = 0; k < group->member_count; k++) {
            in_group[group->members[k]] = true;
            sum++;
        }
    }
    bool requested = false;
    for (size_t i = 0; i < policy->person_count; i++) {
        bool requests = (policy->people[i].duties & DUTY_REQUESTER) != 0;
        if (requests && !in_group[i]) {
            return sum;
        }
        requested = requested || requests;
    }
    return requested ? sum - 1 : sum;
}

/* A return could be met by somebody, or what arrived at a stopped key would lie there for ever. */
static enum status check_return(const struct policy *policy, const struct rule *rule, const char *path,
                                struct fault *fault)
{
    size_t available = approvers_available(policy, rule);
    unsigned need = quorum_sum(rule) + POLICY_RETURN_MORE;
    if (need > available) {
        return fault_set(fault, STATUS_INVALID, path,
                         "a return needs %u approvers but rule %s has %zu other than a requester", need, rule->id.text,
                         available);
    }
    return STATUS_OK;
}

static enum status check_rule(const struct policy *policy, const struct rule *rule, const char *path,
                              struct fault *fault)
{
    unsigned sum = quorum_sum(rule);
    if (sum < 2) {
        return fault_set(fault, STATUS_INVALID, path, "rule %s asks for fewer than 2 people", rule->id.text);
    }
    if (policy->governance.m < sum) {
        return fault_set(fault, STATUS_INVALID, "governance.m", "%u is below the %u people of rule %s",
                         policy->governance.m, sum, rule->id.text);
    }
    for (size_t i = 0; i < rule->quorum_count; i++) {
        enum status status = check_members(policy, &rule->quorum[i], DUTY_APPROVER, path, fault);
        if (status == STATUS_OK) {
            status = check_reachable(policy, &rule->quorum[i], path, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = check_disjoint(policy, rule, path, fault);
    return status == STATUS_OK ? check_return(policy, rule, path, fault) : status;
}

static bool begins(const struct name *name, const char *with)
{
    return strncmp(name->text, with, strlen(with)) == 0;
}

/* The first version fixes the environment for all later ones, so nobody argues this floor away afterwards. */
static int64_t delay_least_s(const struct name *environment)
{
    bool shown = strcmp(environment->text, "demo") == 0 || begins(environment, "demo-") || begins(environment, "test");
    return shown ? 1 : POLICY_DELAY_MIN_S;
}

static enum status check_governance(const struct policy *policy, struct fault *fault)
{
    if (policy->governance.m < 2) {
        return fault_set(fault, STATUS_INVALID, "governance.m", "at least 2");
    }
    if (policy->delay_s < delay_least_s(&policy->environment)) {
        return fault_set(fault, STATUS_INVALID, "governance.delay_s", "at least %d in environment %s",
                         POLICY_DELAY_MIN_S, policy->environment.text);
    }
    enum status status = check_members(policy, &policy->governance, DUTY_ADMINISTRATOR, "governance.group", fault);
    return status == STATUS_OK ? check_reachable(policy, &policy->governance, "governance.m", fault) : status;
}

enum status policy_check_floors(const struct policy *policy, struct fault *fault)
{
    enum status status = check_people(policy, fault);
    if (status == STATUS_OK) {
        status = check_keys(policy, fault);
    }
    if (status == STATUS_OK) {
        status = check_governance(policy, fault);
    }
    for (size_t i = 0; i < policy->rule_count && status == STATUS_OK; i++) {
        char path[PLACE_SIZE];
        (void)snprintf(path, sizeof(path), "rules[%zu].quorum", i);
        if (policy->rules[i].effect == EFFECT_ALLOW) {
            status = check_rule(policy, &policy->rules[i], path, fault);
        }
    }
    return status;
}
