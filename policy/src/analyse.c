/*
 * The analysis of a whole policy: for each wallet, asset and kind of request the amounts and destinations between which
 * the matching rules change, each such band with its case. Nothing here says who can do something (analyse_case.c); it
 * says what the rules are about.
 */
#include "analyse_internal.h"
#include "policy/transaction.h"

#include <stdlib.h>
#include <string.h>

#define GUARD_DUTIES ((unsigned)(DUTY_ADMINISTRATOR | DUTY_APPROVER | DUTY_CUSTODIAN | DUTY_OPERATOR)) /* command.h */

/* One wallet, asset and act, while its bands are made. */
struct survey {
    struct analyst *analyst;
    struct analysis *out;
    struct analysis_place place;
    size_t band_room;
    const struct rule **rules; /* that may be about it, in the order of the document */
    size_t rule_count;
    struct amount *cuts; /* ascending, no zero, no duplicates; the last one is the greatest amount */
    size_t cut_count;
    size_t looked_at; /* bands of the whole analysis */
};

static unsigned act_type(enum analysis_act act)
{
    return 1U << (act == ANALYSIS_ISSUE ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER);
}

static bool holds_digest(const struct digest *list, size_t count, const struct digest *digest)
{
    for (size_t i = 0; i < count; i++) {
        if (digest_equal(&list[i], digest)) {
            return true;
        }
    }
    return count == 0;
}

static bool holds_position(const size_t *list, size_t count, size_t position)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == position) {
            return true;
        }
    }
    return count == 0;
}

/* All conditions that wallet, asset and act decide. */
static bool is_about(const struct when *when, const struct policy *policy, const struct analysis_place *place)
{
    return (when->types & act_type(place->act)) != 0 &&
           holds_position(when->wallets, when->wallet_count, place->wallet) &&
           (when->tiers == 0 || (when->tiers >> policy->wallets[place->wallet].tier & 1) != 0) &&
           holds_digest(when->assets, when->asset_count, &place->asset) &&
           holds_digest(when->ledgers, when->ledger_count, &policy->chain);
}

static bool amount_in(const struct when *when, struct amount amount)
{
    return (!when->above_given || amount_compare(amount, when->above) > 0) &&
           (!when->up_to_given || amount_compare(amount, when->up_to) <= 0);
}

/* Amounts */

static int compare_amounts(const void *a, const void *b)
{
    return amount_compare(*(const struct amount *)a, *(const struct amount *)b);
}

static struct amount greatest_amount(void)
{
    return (struct amount){.raw = ~(amount_raw)0}; /* Raw: the only place that needs the end of the range. */
}

/* Where what the rules say changes: a band reaches from one cut, not included, to the next. */
static void make_cuts(struct survey *survey)
{
    struct amount *cuts = survey->cuts;
    size_t count = 0;
    size_t kept = 0;
    cuts[count++] = greatest_amount();
    for (size_t i = 0; i < survey->rule_count; i++) {
        const struct rule *rule = survey->rules[i];
        cuts[count] = rule->when.above;
        count += rule->when.above_given;
        cuts[count] = rule->when.up_to;
        count += rule->when.up_to_given;
        cuts[count] = rule->demand.max_amount;
        count += rule->effect == EFFECT_ALLOW;
    }
    qsort(cuts, count, sizeof(*cuts), compare_amounts);
    for (size_t i = 0; i < count; i++) {
        if (!amount_is_zero(cuts[i]) && (kept == 0 || amount_compare(cuts[kept - 1], cuts[i]) != 0)) {
            cuts[kept++] = cuts[i];
        }
    }
    survey->cut_count = kept;
}

/* Cases */

/* The rules about this amount to this group of destinations. False: denied whoever asks, whatever the hour. */
static bool make_key(struct case_key *out, const struct survey *survey, struct amount amount, size_t destination)
{
    bool allowed = false;
    *out = (struct case_key){.act = survey->place.act};
    for (size_t i = 0; i < survey->rule_count; i++) {
        const struct rule *rule = survey->rules[i];
        if (!amount_in(&rule->when, amount) ||
            !holds_position(rule->when.destinations, rule->when.destination_count, destination)) {
            continue;
        }
        const bool exceeded = rule->effect == EFFECT_ALLOW && amount_compare(amount, rule->demand.max_amount) > 0;
        if (analysis_rule_always(rule) && (exceeded || rule->effect == EFFECT_DENY)) {
            return false;
        }
        const size_t at = (size_t)(rule - survey->analyst->policy->rules);
        bit_add(out->rules.words, at);
        if (exceeded) {
            bit_add(out->exceeded.words, at);
        }
        allowed = allowed || (rule->effect == EFFECT_ALLOW && !exceeded);
    }
    return allowed;
}

static bool same_case(const struct analysis_case *one, const struct case_key *key)
{
    return one->act == key->act && memcmp(&one->rules, &key->rules, sizeof(key->rules)) == 0 &&
           memcmp(&one->exceeded, &key->exceeded, sizeof(key->exceeded)) == 0;
}

/* The position of the case, worked out when it is a new one. */
static enum status find_case(size_t *out, const struct survey *survey, const struct case_key *key, struct fault *fault)
{
    struct analysis *analysis = survey->out;
    size_t at = 0;
    while (at < analysis->case_count && !same_case(&analysis->cases[at], key)) {
        at++;
    }
    if (at == ANALYSIS_CASES_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "analysis", "more than %d combinations of rules", ANALYSIS_CASES_MAX);
    }
    if (at == analysis->case_count) {
        if ((at & (at - 1)) == 0) { /* 0 or a power of two: full */
            struct analysis_case *grown = realloc(analysis->cases, (at == 0 ? 1 : 2 * at) * sizeof(*grown));
            if (grown == NULL) {
                return fault_set(fault, STATUS_NO_MEMORY, "analysis", "cases");
            }
            analysis->cases = grown;
        }
        enum status status = analysis_case_build(&analysis->cases[at], survey->analyst, key, fault);
        if (status != STATUS_OK) {
            return status;
        }
        analysis->case_count++;
    }
    *out = at;
    return STATUS_OK;
}

/* Bands */

/* Makes the band below longer when it is the same, for the same destinations. */
static bool extend_band(struct analysis_place *place, const struct analysis_band *band)
{
    for (size_t i = 0; i < place->band_count; i++) {
        struct analysis_band *below = &place->bands[i];
        if (below->at == band->at && below->destinations == band->destinations &&
            amount_compare(below->up_to, band->above) == 0) {
            below->up_to = band->up_to;
            return true;
        }
    }
    return false;
}

static enum status add_band(struct survey *survey, const struct analysis_band *band, struct fault *fault)
{
    struct analysis_place *place = &survey->place;
    if (extend_band(place, band)) {
        return STATUS_OK;
    }
    if (place->band_count == survey->band_room) {
        survey->band_room = survey->band_room == 0 ? 8 : 2 * survey->band_room;
        struct analysis_band *grown = realloc(place->bands, survey->band_room * sizeof(*grown));
        if (grown == NULL) {
            return fault_set(fault, STATUS_NO_MEMORY, "analysis", "bands");
        }
        place->bands = grown;
    }
    place->bands[place->band_count++] = *band;
    return STATUS_OK;
}

/* One band for each case that the groups of destinations lead to. */
static enum status survey_band(struct survey *survey, struct amount above, struct amount up_to, struct fault *fault)
{
    struct analysis_band bands[POLICY_DESTINATIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < survey->analyst->policy->destination_group_count; i++) {
        struct case_key key;
        size_t at = 0;
        if (++survey->looked_at > ANALYSIS_BANDS_MAX) {
            return fault_set(fault, STATUS_TOO_LARGE, "analysis",
                             "more than %d bands of wallets, assets, amounts and destinations", ANALYSIS_BANDS_MAX);
        }
        if (!make_key(&key, survey, up_to, i)) {
            continue;
        }
        enum status status = find_case(&at, survey, &key, fault);
        if (status != STATUS_OK) {
            return status;
        }
        size_t k = 0;
        while (k < count && bands[k].at != at) {
            k++;
        }
        if (k == count) {
            bands[count++] = (struct analysis_band){.above = above, .up_to = up_to, .at = at};
        }
        bands[k].destinations |= (uint64_t)1 << i;
    }
    enum status status = STATUS_OK;
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        status = add_band(survey, &bands[k], fault);
    }
    return status;
}

static enum status add_place(struct survey *survey, struct fault *fault)
{
    struct analysis *analysis = survey->out;
    const size_t count = analysis->place_count;
    if (survey->place.band_count == 0) {
        return STATUS_OK;
    }
    if ((count & (count - 1)) == 0) {
        struct analysis_place *grown = realloc(analysis->places, (count == 0 ? 1 : 2 * count) * sizeof(*grown));
        if (grown == NULL) {
            return fault_set(fault, STATUS_NO_MEMORY, "analysis", "places");
        }
        analysis->places = grown;
    }
    analysis->places[analysis->place_count++] = survey->place; /* transferred */
    survey->place.bands = NULL;
    return STATUS_OK;
}

static enum status survey_place(struct survey *survey, struct fault *fault)
{
    const struct policy *policy = survey->analyst->policy;
    struct amount above = amount_from_u64(0);
    enum status status = STATUS_OK;
    survey->rule_count = 0;
    survey->band_room = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (is_about(&policy->rules[i].when, policy, &survey->place)) {
            survey->rules[survey->rule_count++] = &policy->rules[i];
        }
    }
    make_cuts(survey);
    for (size_t i = 0; i < survey->cut_count && status == STATUS_OK; i++) {
        status = survey_band(survey, above, survey->cuts[i], fault);
        above = survey->cuts[i];
    }
    if (status == STATUS_OK) {
        status = add_place(survey, fault);
    }
    free(survey->place.bands);
    return status;
}

static enum status survey_wallet(struct survey *survey, size_t wallet, struct fault *fault)
{
    static const enum analysis_act acts[] = {ANALYSIS_TRANSFER, ANALYSIS_RETURN, ANALYSIS_ISSUE};
    const struct wallet *here = &survey->analyst->policy->wallets[wallet];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < here->asset_count; i++) {
        for (size_t k = 0; k < sizeof(acts) / sizeof(acts[0]) && status == STATUS_OK; k++) {
            survey->place = (struct analysis_place){.wallet = wallet, .asset = here->assets[i], .act = acts[k]};
            status = survey_place(survey, fault);
        }
    }
    return status;
}

static enum status survey_all(struct analysis *out, struct analyst *analyst, struct fault *fault)
{
    const size_t rules = analyst->policy->rule_count;
    struct survey survey = {.analyst = analyst, .out = out};
    enum status status = STATUS_OK;
    survey.rules = calloc(rules + 1, sizeof(struct rule *));
    survey.cuts = calloc(3 * rules + 2, sizeof(struct amount));
    if (survey.rules == NULL || survey.cuts == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "analysis", "rules");
    }
    for (size_t i = 0; i < analyst->policy->wallet_count && status == STATUS_OK; i++) {
        status = survey_wallet(&survey, i, fault);
    }
    free(survey.rules);
    free(survey.cuts);
    return status;
}

static void note_people(struct analysis *out, struct analyst *analyst)
{
    const struct policy *policy = analyst->policy;
    for (size_t i = 0; i < policy->group_count; i++) {
        for (size_t k = 0; k < policy->groups[i].member_count; k++) {
            analyst->groups_of[policy->groups[i].members[k]] |= (uint64_t)1 << i;
        }
    }
    for (size_t i = 0; i < policy->person_count; i++) {
        if ((policy->people[i].duties & GUARD_DUTIES) != 0 && policy_person_valid(&policy->people[i], analyst->at)) {
            bit_add(out->guards.words, i);
        }
    }
}

enum status policy_analyse(struct analysis *out, const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    struct analysis analysis = {.policy = policy, .at = at_utc_us};
    struct analyst analyst = {.policy = policy, .at = at_utc_us, .effort = {ANALYSIS_EFFORT}};
    note_people(&analysis, &analyst);
    enum status status = analysis_governance_build(&analysis.governance, &analyst, fault);
    if (status == STATUS_OK) {
        status = survey_all(&analysis, &analyst, fault);
    }
    if (status != STATUS_OK) {
        analysis_free(&analysis);
        return status;
    }
    *out = analysis; /* transferred */
    return STATUS_OK;
}

void analysis_free(struct analysis *analysis)
{
    analysis_case_free(&analysis->governance);
    for (size_t i = 0; i < analysis->case_count; i++) {
        analysis_case_free(&analysis->cases[i]);
    }
    for (size_t i = 0; i < analysis->place_count; i++) {
        free(analysis->places[i].bands);
    }
    free(analysis->cases);
    free(analysis->places);
    *analysis = (struct analysis){0};
}

/* The verdict */

static const char *first_person(const struct policy *policy, const struct people_set *people)
{
    size_t at = 0;
    while (at < policy->person_count && !bit_in(people->words, at)) {
        at++;
    }
    return at == policy->person_count ? "a program" : policy->people[at].id.text;
}

static enum status judge_case(const struct analysis *analysis, const struct analysis_case *one, struct fault *fault)
{
    const struct policy *policy = analysis->policy;
    if (one->people >= ANALYSIS_PEOPLE_MIN && one->signing >= ANALYSIS_PEOPLE_MIN) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, "analysis", "%s alone could move funds: %s by %s",
                     first_person(policy, &one->alone), analysis_act_text(one->act),
                     one->act == ANALYSIS_GOVERNANCE ? "another policy" : analysis_first_rule(policy, &one->rules));
}

enum status analysis_verdict(const struct analysis *analysis, struct fault *fault)
{
    enum status status = judge_case(analysis, &analysis->governance, fault);
    for (size_t i = 0; i < analysis->case_count && status == STATUS_OK; i++) {
        status = judge_case(analysis, &analysis->cases[i], fault);
    }
    return status;
}
