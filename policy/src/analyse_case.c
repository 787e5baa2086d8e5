/*
 * One case of an analysis: who is alike in it, when which of its rules hold, and what follows from the covers
 * (analyse_alternative.c) about sets of people.
 */
#include "analyse_case.h"

#include <stdlib.h>
#include <string.h>

#define MINUTES_OF_DAY 1440
#define MINUTES_OF_WEEK (7 * MINUTES_OF_DAY)

const char *analysis_first_rule(const struct policy *policy, const struct rule_set *rules)
{
    size_t at = 0;
    while (at < policy->rule_count && !bit_in(rules->words, at)) {
        at++;
    }
    return at == policy->rule_count ? "no rule" : policy->rules[at].id.text;
}

enum status workshop_too_large(const struct workshop *shop, struct fault *fault, const char *what)
{
    return fault_set(fault, STATUS_TOO_LARGE, "analysis", "of what rule %s is about: %s",
                     analysis_first_rule(shop->analyst->policy, &shop->key->rules), what);
}

/* Classes */

struct likeness {
    uint64_t groups;
    bool requester;
    bool automated;
};

/* What about the person matters here. False: the person does not. */
static bool liken_person(struct likeness *out, const struct workshop *shop, size_t person, uint64_t asked,
                         uint64_t requesting)
{
    const struct person *who = &shop->analyst->policy->people[person];
    const uint64_t groups = shop->analyst->groups_of[person];
    out->requester = (who->duties & DUTY_REQUESTER) != 0;
    out->automated = (who->duties & DUTY_AUTOMATED) != 0;
    out->groups = groups & (out->requester ? asked | requesting : asked);
    return policy_person_valid(who, shop->analyst->at) && (out->requester || out->groups != 0);
}

static size_t find_class(const struct workshop *shop, const struct likeness *likeness)
{
    size_t at = 0;
    while (at < shop->crowd.class_count &&
           (shop->groups_of[at] != likeness->groups || (shop->requesters >> at & 1) != (uint64_t)likeness->requester ||
            (shop->crowd.automated >> at & 1) != (uint64_t)likeness->automated)) {
        at++;
    }
    return at;
}

static enum status add_person(struct workshop *shop, size_t person, const struct likeness *likeness,
                              struct fault *fault)
{
    const size_t at = find_class(shop, likeness);
    if (at == ANALYSIS_CLASSES_MAX) {
        return workshop_too_large(shop, fault, "more than 64 classes of people decide it");
    }
    if (at == shop->crowd.class_count) {
        shop->groups_of[at] = likeness->groups;
        shop->requesters |= (uint64_t)likeness->requester << at;
        shop->crowd.automated |= (uint64_t)likeness->automated << at;
        shop->out->classes[at].automated = likeness->automated;
        shop->crowd.class_count++;
    }
    shop->crowd.size[at]++;
    shop->out->classes[at].size++;
    bit_add(shop->out->classes[at].people.words, person);
    return STATUS_OK;
}

static enum status make_classes(struct workshop *shop, struct fault *fault)
{
    const struct policy *policy = shop->analyst->policy;
    uint64_t asked = 0;
    uint64_t requesting = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (bit_in(shop->key->rules.words, i)) {
            asked |= rule_asked_groups(&policy->rules[i]);
            requesting |= rule_requester_groups(&policy->rules[i]);
        }
    }
    shop->out->classes = calloc(ANALYSIS_CLASSES_MAX, sizeof(*shop->out->classes));
    if (shop->out->classes == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < policy->person_count && status == STATUS_OK; i++) {
        struct likeness likeness;
        if (liken_person(&likeness, shop, i, asked, requesting)) {
            status = add_person(shop, i, &likeness, fault);
        }
    }
    shop->out->class_count = shop->crowd.class_count;
    return status;
}

/* Moments of the week that differ in which rules hold */

static bool hours_hold(const struct when *when, unsigned minute)
{
    const unsigned day = minute / MINUTES_OF_DAY;
    const unsigned of_day = minute % MINUTES_OF_DAY;
    for (size_t i = 0; i < when->hours_count; i++) {
        const struct hours *hours = &when->hours[i];
        if ((hours->days >> day & 1) != 0 && hours->from <= of_day && of_day < hours->until) {
            return true;
        }
    }
    return when->hours_count == 0;
}

static enum status add_moment(struct workshop *shop, unsigned minute, struct fault *fault)
{
    const struct policy *policy = shop->analyst->policy;
    struct rule_set held = {{0}};
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (bit_in(shop->key->rules.words, i) && hours_hold(&policy->rules[i].when, minute)) {
            bit_add(held.words, i);
        }
    }
    for (size_t i = 0; i < shop->moment_count; i++) {
        if (memcmp(&shop->moments[i], &held, sizeof(held)) == 0) {
            return STATUS_OK;
        }
    }
    if (shop->moment_count == MOMENTS_MAX) {
        return workshop_too_large(shop, fault, "more than 64 moments of the week differ");
    }
    shop->moments[shop->moment_count++] = held;
    return STATUS_OK;
}

static void mark_changes(uint8_t *changes, const struct when *when)
{
    for (size_t i = 0; i < when->hours_count; i++) {
        for (unsigned day = 0; day < 7; day++) {
            if ((when->hours[i].days >> day & 1) != 0) {
                changes[day * MINUTES_OF_DAY + when->hours[i].from] = 1;
                changes[(day * MINUTES_OF_DAY + when->hours[i].until) % MINUTES_OF_WEEK] = 1;
            }
        }
    }
}

static enum status make_moments(struct workshop *shop, struct fault *fault)
{
    const struct policy *policy = shop->analyst->policy;
    uint8_t changes[MINUTES_OF_WEEK] = {1};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (bit_in(shop->key->rules.words, i)) {
            mark_changes(changes, &policy->rules[i].when);
        }
    }
    for (unsigned minute = 0; minute < MINUTES_OF_WEEK && status == STATUS_OK; minute++) {
        status = changes[minute] != 0 ? add_moment(shop, minute, fault) : STATUS_OK;
    }
    return status;
}

/* Results */

unsigned analysis_set_count(const struct analysis_case *one, const uint16_t *set, bool automated)
{
    unsigned sum = 0;
    for (size_t i = 0; i < one->class_count; i++) {
        sum += one->classes[i].automated == automated ? set[i] : 0;
    }
    return sum;
}

/* Of the smallest set, which is the first one. Notes who is in it when it is too small. */
static unsigned fewest_people(struct analysis_case *one, const struct analysis_sets *sets)
{
    const unsigned fewest = sets->count == 0 ? ANALYSIS_NOBODY : analysis_set_count(one, sets->counts, false);
    for (size_t i = 0; i < one->class_count && fewest < ANALYSIS_PEOPLE_MIN; i++) {
        for (size_t k = 0; k < sizeof(one->alone.words) / sizeof(one->alone.words[0]) && sets->counts[i] > 0; k++) {
            one->alone.words[k] |= one->classes[i].automated ? 0 : one->classes[i].people.words[k];
        }
    }
    return fewest;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static bool possible_at(const struct workshop *shop, int64_t at)
{
    const struct policy *policy = shop->analyst->policy;
    struct crowd crowd = {.class_count = shop->crowd.class_count};
    for (size_t c = 0; c < crowd.class_count; c++) {
        for (size_t i = 0; i < policy->person_count; i++) {
            crowd.size[c] +=
                bit_in(shop->out->classes[c].people.words, i) && policy_person_valid(&policy->people[i], at);
        }
    }
    for (size_t i = 0; i < shop->count; i++) {
        if (covers_possible(&shop->covers[i], &crowd)) {
            return true;
        }
    }
    return false;
}

/* People only ever expire, so the first moment at which it is not possible any more is the end. */
static int64_t possible_until(const struct workshop *shop)
{
    const struct policy *policy = shop->analyst->policy;
    int64_t times[POLICY_PEOPLE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < policy->person_count; i++) {
        if (policy_person_valid(&policy->people[i], shop->analyst->at)) {
            times[count++] = policy->people[i].valid_until;
        }
    }
    qsort(times, count, sizeof(times[0]), compare_times);
    for (size_t i = 0; i < count; i++) {
        if (!possible_at(shop, times[i])) {
            return times[i];
        }
    }
    return shop->count == 0 ? shop->analyst->at : INT64_MAX;
}

static void sum_up(struct workshop *shop)
{
    struct analysis_case *out = shop->out;
    out->people = fewest_people(out, &out->moves);
    out->until = possible_until(shop);
    out->bounded = shop->count > 0;
    out->delay_s = shop->count > 0 ? INT64_MAX : 0;
    for (size_t i = 0; i < shop->count; i++) {
        out->bounded = out->bounded && shop->kinds[i].bounded;
        out->delay_s = shop->kinds[i].delay_s < out->delay_s ? shop->kinds[i].delay_s : out->delay_s;
    }
}

static enum status solve(struct workshop *shop, struct fault *fault)
{
    struct effort *effort = &shop->analyst->effort;
    struct analysis_case *out = shop->out;
    enum status status = cover_moves(&out->moves, shop->covers, shop->count, &shop->crowd, effort);
    if (status == STATUS_OK) {
        status = cover_stops(&out->stops, shop->covers, shop->count, &shop->crowd, effort);
    }
    if (status == STATUS_OK) {
        sum_up(shop);
    }
    return status == STATUS_TOO_LARGE ? workshop_too_large(shop, fault, "too many sets of people can do it, or stop it")
                                      : status;
}

/* The same with a requester whom nobody needs to be: what it takes when the service is in other hands. */
static enum status solve_signing(struct workshop *shop, struct fault *fault)
{
    struct analysis_sets sets = {0};
    enum status status = workshop_alternatives(shop, true, fault);
    if (status == STATUS_OK) {
        status = cover_moves(&sets, shop->covers, shop->count, &shop->crowd, &shop->analyst->effort);
    }
    if (status == STATUS_OK) {
        const unsigned fewest = fewest_people(shop->out, &sets);
        shop->out->signing = fewest < shop->out->people ? fewest : shop->out->people;
    }
    sets_free(&sets);
    return status == STATUS_TOO_LARGE ? workshop_too_large(shop, fault, "too many sets of people can do it") : status;
}

static enum status build(struct workshop *shop, struct fault *fault)
{
    enum status status = make_classes(shop, fault);
    if (status == STATUS_OK) {
        status = make_moments(shop, fault);
    }
    if (status == STATUS_OK) {
        status = workshop_alternatives(shop, false, fault);
    }
    if (status == STATUS_OK) {
        status = solve(shop, fault);
    }
    return status == STATUS_OK ? solve_signing(shop, fault) : status;
}

enum status analysis_case_build(struct analysis_case *out, struct analyst *analyst, const struct case_key *key,
                                struct fault *fault)
{
    struct analysis_case one = {
        .act = key->act, .rules = key->rules, .exceeded = key->exceeded, .signing = ANALYSIS_NOBODY};
    struct workshop *shop = calloc(1, sizeof(*shop));
    enum status status = STATUS_NO_MEMORY;
    if (shop != NULL) {
        shop->analyst = analyst;
        shop->key = key;
        shop->out = &one;
        status = build(shop, fault);
    }
    free(shop);
    if (status != STATUS_OK) {
        analysis_case_free(&one);
        return fault_set(fault, status, "analysis", "could not work out a case");
    }
    *out = one; /* transferred */
    return STATUS_OK;
}

/* One class, one cover. */
static enum status build_governance(struct workshop *shop, struct fault *fault)
{
    const struct quorum *quorum = &shop->analyst->policy->governance;
    enum status status = STATUS_OK;
    shop->out->classes = calloc(1, sizeof(*shop->out->classes));
    if (shop->out->classes == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < shop->analyst->policy->person_count && status == STATUS_OK; i++) {
        const struct likeness member = {.groups = 1};
        if ((shop->analyst->groups_of[i] >> quorum->group & 1) != 0 &&
            policy_person_valid(&shop->analyst->policy->people[i], shop->analyst->at)) {
            status = add_person(shop, i, &member, fault);
        }
    }
    shop->out->class_count = shop->crowd.class_count;
    if (status == STATUS_OK && shop->crowd.size[0] >= quorum->m) {
        shop->kinds[0].delay_s = shop->analyst->policy->delay_s;
        shop->count = 1;
        status = covers_add(&shop->covers[0], 1, quorum->m);
    }
    return status == STATUS_OK ? solve(shop, fault) : status;
}

enum status analysis_governance_build(struct analysis_case *out, struct analyst *analyst, struct fault *fault)
{
    const struct case_key key = {.act = ANALYSIS_GOVERNANCE};
    struct analysis_case one = {.act = ANALYSIS_GOVERNANCE};
    struct workshop *shop = calloc(1, sizeof(*shop));
    enum status status = STATUS_NO_MEMORY;
    if (shop != NULL) {
        shop->analyst = analyst;
        shop->key = &key;
        shop->out = &one;
        status = build_governance(shop, fault);
        one.signing = one.people;
    }
    free(shop);
    if (status != STATUS_OK) {
        analysis_case_free(&one);
        return fault_set(fault, status, "analysis", "could not work out governance");
    }
    *out = one; /* transferred */
    return STATUS_OK;
}

void analysis_case_free(struct analysis_case *one)
{
    free(one->classes);
    sets_free(&one->moves);
    sets_free(&one->stops);
    *one = (struct analysis_case){0};
}
