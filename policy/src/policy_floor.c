/*
 * The floors: what no policy may go below, whoever signed it. In code, so that no configuration reaches them.
 */
#include "matching.h"
#include "policy/evaluate.h"
#include "policy_internal.h"

static const struct person *member(const struct policy *policy, const struct group *group, size_t index)
{
    return &policy->people[group->members[index]];
}

/* Duties */

static enum status check_duties(const struct person *person, const char *path, struct fault *fault)
{
    static const unsigned alone[] = {DUTY_ADMINISTRATOR, DUTY_AUDITOR, DUTY_AUTOMATED};
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

static enum status check_members(const struct policy *policy, const struct quorum *quorum, unsigned duties,
                                 const char *path, struct fault *fault)
{
    const struct group *group = &policy->groups[quorum->group];
    for (size_t i = 0; i < group->member_count; i++) {
        const struct person *person = member(policy, group, i);
        if ((person->duties & duties) == 0) {
            return fault_set(fault, STATUS_INVALID, path, "%s of group %s lacks the duty %s", person->id.text,
                             group->id.text,
                             policy_duty_text((duties & DUTY_APPROVER) != 0 ? DUTY_APPROVER : DUTY_ADMINISTRATOR));
        }
    }
    return STATUS_OK;
}

/* Rules: who can fill their places */

static bool may_request(const struct policy *policy, const struct rule *rule, size_t person)
{
    bool may = rule->when.requester_count == 0;
    for (size_t i = 0; i < rule->when.requester_count; i++) {
        may = may || people_set_has(&policy->groups[rule->when.requesters[i]].set, person);
    }
    return may && (policy->people[person].duties & DUTY_REQUESTER) != 0;
}

static unsigned places_of(const struct rule *rule)
{
    unsigned sum = 0;
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        sum += rule->demand.entries[i].quorum.m;
    }
    return sum;
}

/* The places of a rule, and `more` of any of its groups, as `who` can fill them. Answers the number of slots. */
static size_t fill(struct matching_slot *slots, const struct policy *policy, const struct rule *rule,
                   const struct people_set *who, unsigned more)
{
    struct people_set all = {{0}};
    size_t count = rule->demand.entry_count;
    for (size_t i = 0; i < count; i++) {
        const struct quorum *quorum = &rule->demand.entries[i].quorum;
        slots[i].may = people_set_and(&policy->groups[quorum->group].set, who);
        slots[i].need = quorum->m;
        all = people_set_or(&all, &slots[i].may);
    }
    slots[count].may = all;
    slots[count].need = more;
    matching_fill(slots, count + 1);
    return count + 1;
}

/* Everybody but `person`; POLICY_PEOPLE_MAX: but nobody. */
static struct people_set all_but(const struct policy *policy, size_t person)
{
    struct people_set all = {{0}};
    for (size_t i = 0; i < policy->person_count; i++) {
        if (i != person) {
            people_set_add(&all, i);
        }
    }
    return all;
}

static bool fillable(const struct policy *policy, const struct rule *rule, size_t requester, unsigned more)
{
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    const struct people_set who = all_but(policy, requester);
    size_t count = fill(slots, policy, rule, &who, more);
    return matching_full(slots, count);
}

/* How many people it takes at least: programs fill as many places as they can. */
static unsigned people_needed(const struct policy *policy, const struct rule *rule)
{
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    struct people_set programs = {{0}};
    unsigned need = places_of(rule);
    for (size_t i = 0; i < policy->person_count; i++) {
        if ((policy->people[i].duties & DUTY_AUTOMATED) != 0) {
            people_set_add(&programs, i);
        }
    }
    size_t count = fill(slots, policy, rule, &programs, 0);
    for (size_t i = 0; i < count; i++) {
        need -= slots[i].filled;
    }
    return need;
}

/* Whoever asks, the others can fill the places. */
static enum status check_reachable(const struct policy *policy, const struct rule *rule, const char *path,
                                   struct fault *fault)
{
    if (!fillable(policy, rule, POLICY_PEOPLE_MAX, 0)) {
        return fault_set(fault, STATUS_INVALID, path, "rule %s has %u places, which its groups cannot fill",
                         rule->id.text, places_of(rule));
    }
    for (size_t i = 0; i < policy->person_count; i++) {
        if (may_request(policy, rule, i) && !fillable(policy, rule, i, 0)) {
            return fault_set(fault, STATUS_INVALID, path,
                             "rule %s has %u places, which its groups cannot fill when %s requests", rule->id.text,
                             places_of(rule), policy->people[i].id.text);
        }
    }
    return STATUS_OK;
}

/* A return could be met when somebody asks, or what arrived at a stopped key would lie there for ever. */
static enum status check_return(const struct policy *policy, const struct rule *rule, const char *path,
                                struct fault *fault)
{
    bool requested = false;
    for (size_t i = 0; i < policy->person_count; i++) {
        bool requests = may_request(policy, rule, i);
        if (requests && fillable(policy, rule, i, POLICY_RETURN_MORE)) {
            return STATUS_OK;
        }
        requested = requested || requests;
    }
    if (!requested && fillable(policy, rule, POLICY_PEOPLE_MAX, POLICY_RETURN_MORE)) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, path,
                     "a return needs %u approvers, more than rule %s has other than a requester",
                     places_of(rule) + POLICY_RETURN_MORE, rule->id.text);
}

static enum status check_rule(const struct policy *policy, const struct rule *rule, const char *path,
                              struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < rule->demand.entry_count && status == STATUS_OK; i++) {
        status = check_members(policy, &rule->demand.entries[i].quorum, DUTY_APPROVER | DUTY_AUTOMATED, path, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    unsigned need = people_needed(policy, rule);
    if (need < 2) {
        return fault_set(fault, STATUS_INVALID, path, "rule %s asks for fewer than 2 people", rule->id.text);
    }
    if (policy->governance.m < need) {
        return fault_set(fault, STATUS_INVALID, "governance.m", "%u is below the %u people of rule %s",
                         policy->governance.m, need, rule->id.text);
    }
    status = check_reachable(policy, rule, path, fault);
    return status == STATUS_OK ? check_return(policy, rule, path, fault) : status;
}

static bool transfers(const struct rule *rule)
{
    return rule->when.types == 1U << TRANSACTION_TRANSFER;
}

/* The transfer rule that needs the most people, the first of those; *out_need is how many. NULL: there is none. */
static const struct rule *greatest_transfer(const struct policy *policy, unsigned *out_need)
{
    const struct rule *greatest = NULL;
    *out_need = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct rule *rule = &policy->rules[i];
        unsigned need = rule->effect == EFFECT_ALLOW && transfers(rule) ? people_needed(policy, rule) : 0;
        if (need > *out_need) {
            greatest = rule;
            *out_need = need;
        }
    }
    return greatest;
}

/* What is not a transfer changes more than one balance, so it takes more people than any transfer, and time. */
static enum status check_classes(const struct policy *policy, struct fault *fault)
{
    int64_t least_s = policy_delay_least_s(&policy->environment) == 1 ? 1 : POLICY_CLASS_DELAY_MIN_S;
    unsigned most = 0;
    const struct rule *greatest = greatest_transfer(policy, &most);
    for (size_t i = 0; i < policy->rule_count; i++) {
        char path[PLACE_SIZE];
        const struct rule *rule = &policy->rules[i];
        if (rule->effect != EFFECT_ALLOW || transfers(rule)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "rules[%zu].demand.steps", i);
        if (greatest != NULL && people_needed(policy, rule) <= most) {
            return fault_set(fault, STATUS_INVALID, path,
                             "rule %s asks for no more people than %s, which is for transfers", rule->id.text,
                             greatest->id.text);
        }
        (void)snprintf(path, sizeof(path), "rules[%zu].demand.delay_s", i);
        if (rule->demand.delay_s < least_s) {
            return fault_set(fault, STATUS_INVALID, path, "rule %s is not for transfers: delay_s at least %lld",
                             rule->id.text, (long long)least_s);
        }
    }
    return STATUS_OK;
}

/* Governance and the allow-list */

static enum status check_governors(const struct policy *policy, struct fault *fault)
{
    const struct group *group = &policy->groups[policy->governance.group];
    enum status status = check_members(policy, &policy->governance, DUTY_ADMINISTRATOR, "governance.group", fault);
    if (status == STATUS_OK && policy->governance.m > group->member_count) {
        status = fault_set(fault, STATUS_INVALID, "governance.m", "m is %u but group %s has %zu members",
                           policy->governance.m, group->id.text, group->member_count);
    }
    return status;
}

static bool begins(const struct name *name, const char *with)
{
    return strncmp(name->text, with, strlen(with)) == 0;
}

/* The first version fixes the environment for all later ones, so nobody argues this floor away afterwards. */
int64_t policy_delay_least_s(const struct name *environment)
{
    bool shown = strcmp(environment->text, "demo") == 0 || begins(environment, "demo-") || begins(environment, "test");
    return shown ? 1 : POLICY_DELAY_MIN_S;
}

static enum status check_governance(const struct policy *policy, struct fault *fault)
{
    if (policy->governance.m < 2) {
        return fault_set(fault, STATUS_INVALID, "governance.m", "at least 2");
    }
    if (policy->delay_s < policy_delay_least_s(&policy->environment)) {
        return fault_set(fault, STATUS_INVALID, "governance.delay_s", "at least %d in environment %s",
                         POLICY_DELAY_MIN_S, policy->environment.text);
    }
    return check_governors(policy, fault);
}

static enum status check_cooling(const struct policy *policy, struct fault *fault)
{
    bool shown = policy_delay_least_s(&policy->environment) == 1;
    return shown || policy->cooling_s >= POLICY_COOLING_MIN_S
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "destinations.cooling_s", "at least %d in environment %s",
                           POLICY_COOLING_MIN_S, policy->environment.text);
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
    if (status == STATUS_OK) {
        status = check_cooling(policy, fault);
    }
    for (size_t i = 0; i < policy->rule_count && status == STATUS_OK; i++) {
        char path[PLACE_SIZE];
        const struct rule *rule = &policy->rules[i];
        (void)snprintf(path, sizeof(path), "rules[%zu].demand.steps", i);
        if (rule->effect == EFFECT_ALLOW) {
            status = check_rule(policy, rule, path, fault);
        }
    }
    return status == STATUS_OK ? check_classes(policy, fault) : status;
}
