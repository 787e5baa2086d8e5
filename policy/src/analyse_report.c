/*
 * The report of an analysis as JSON (docs/policy.md). It puts into words and order what was found, and adds what
 * follows from it by itself: the paths of each wallet, whom losing would stop what, and warnings.
 */
#include "analyse_internal.h"
#include "document.h"

static const struct word act_words[] = {{"governance", ANALYSIS_GOVERNANCE},
                                        {"transfer", ANALYSIS_TRANSFER},
                                        {"return", ANALYSIS_RETURN},
                                        {"issue", ANALYSIS_ISSUE},
                                        {NULL, 0}};

const char *analysis_act_text(enum analysis_act act)
{
    return word_text(act_words, (int)act);
}

/* Appends and answers whether both were there; jansson passes a missing value on. */
static bool append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

static json_t *text_time(int64_t at)
{
    char text[TIME_TEXT_SIZE];
    if (at == INT64_MAX) {
        return json_null();
    }
    time_format(text, at);
    return json_string(text);
}

static json_t *number_of(unsigned people)
{
    return people == ANALYSIS_NOBODY ? json_null() : json_integer(people);
}

json_t *analysis_names(const struct policy *policy, const struct people_set *people)
{
    json_t *names = json_array();
    for (size_t i = 0; i < policy->person_count; i++) {
        if (bit_in(people->words, i) && !append(names, json_string(policy->people[i].id.text))) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

static json_t *rules_of(const struct policy *policy, const struct rule_set *rules)
{
    json_t *names = json_array();
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (bit_in(rules->words, i) && !append(names, json_string(policy->rules[i].id.text))) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

/* Cases */

static json_t *classes_of(const struct policy *policy, const struct analysis_case *one)
{
    json_t *classes = json_array();
    for (size_t i = 0; i < one->class_count; i++) {
        json_t *members = analysis_names(policy, &one->classes[i].people);
        if (!append(classes, json_pack("{s:o,s:b}", "members", members, "programs", (int)one->classes[i].automated))) {
            json_decref(classes);
            return NULL;
        }
    }
    return classes;
}

static json_t *set_of(const struct analysis_case *one, const uint16_t *set)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < one->class_count; i++) {
        if (set[i] > 0 && !append(parts, json_pack("{s:i,s:i}", "of", (int)i, "count", (int)set[i]))) {
            json_decref(parts);
            return NULL;
        }
    }
    return parts;
}

/* How many there are, and the smallest of them. */
static json_t *sets_of(const struct analysis_case *one, const struct analysis_sets *sets)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sets->count && i < ANALYSIS_SHOWN_MAX; i++) {
        if (!append(array, set_of(one, sets->counts + i * sets->width))) {
            json_decref(array);
            return NULL;
        }
    }
    return json_pack("{s:I,s:o}", "count", (json_int_t)sets->count, "smallest", array);
}

static json_t *case_of(const struct policy *policy, const struct analysis_case *one)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:b}", "act", analysis_act_text(one->act), "rules",
                     rules_of(policy, &one->rules), "classes", classes_of(policy, one), "moves",
                     sets_of(one, &one->moves), "stops", sets_of(one, &one->stops), "people", number_of(one->people),
                     "signing", number_of(one->signing), "delay_s", (json_int_t)one->delay_s, "until",
                     text_time(one->until), "limited", (int)one->bounded);
}

static json_t *cases_of(const struct analysis *analysis)
{
    json_t *cases = json_array();
    for (size_t i = 0; i < analysis->case_count; i++) {
        if (!append(cases, case_of(analysis->policy, &analysis->cases[i]))) {
            json_decref(cases);
            return NULL;
        }
    }
    return cases;
}

/* Wallets */

static json_t *destinations_of(const struct policy *policy, uint64_t destinations)
{
    json_t *names = json_array();
    for (size_t i = 0; i < policy->destination_group_count; i++) {
        if ((destinations >> i & 1) != 0 && !append(names, json_string(policy->destination_groups[i].text))) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

static json_t *band_of(const struct policy *policy, const struct analysis_band *band)
{
    char above[AMOUNT_TEXT_SIZE];
    char up_to[AMOUNT_TEXT_SIZE];
    amount_format(above, band->above);
    amount_format(up_to, band->up_to);
    return json_pack("{s:s,s:s,s:o,s:I}", "above", above, "up_to", up_to, "destinations",
                     destinations_of(policy, band->destinations), "case", (json_int_t)band->at);
}

static json_t *place_of(const struct analysis *analysis, const struct analysis_place *place)
{
    char asset[DIGEST_HEX_LEN + 1];
    json_t *bands = json_array();
    digest_format(asset, &place->asset);
    for (size_t i = 0; i < place->band_count; i++) {
        if (!append(bands, band_of(analysis->policy, &place->bands[i]))) {
            json_decref(bands);
            return NULL;
        }
    }
    return json_pack("{s:s,s:s,s:s,s:o}", "wallet", analysis->policy->wallets[place->wallet].id.text, "asset", asset,
                     "act", analysis_act_text(place->act), "bands", bands);
}

static json_t *places_of(const struct analysis *analysis)
{
    json_t *places = json_array();
    for (size_t i = 0; i < analysis->place_count; i++) {
        if (!append(places, place_of(analysis, &analysis->places[i]))) {
            json_decref(places);
            return NULL;
        }
    }
    return places;
}

/* Paths */

/* A way by which funds of a wallet move, with the fewest people of it. */
struct path {
    const char *name;
    const char *to;    /* `listed`: what is on the allow-list; `any`: any address */
    bool needs_rule;   /* the people of the weakest rule */
    bool needs_quorum; /* the governance quorum */
    bool waits_cooling;
    bool waits_change;
};

static const struct path paths[] = {
    {.name = "rule", .to = "listed", .needs_rule = true},
    {.name = "destination", .to = "any", .needs_rule = true, .needs_quorum = true, .waits_cooling = true},
    {.name = "key", .to = "listed", .needs_rule = true, .needs_quorum = true},
    {.name = "thaw", .to = "listed", .needs_rule = true, .needs_quorum = true},
    {.name = "person", .to = "listed", .needs_rule = true, .needs_quorum = true},
    {.name = "policy", .to = "any", .needs_quorum = true, .waits_change = true},
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* Fewer people, then fewer signatures, then sooner. */
static bool weaker(const struct analysis_case *one, const struct analysis_case *than)
{
    if (than == NULL || one->people != than->people) {
        return than == NULL || one->people < than->people;
    }
    return one->signing != than->signing ? one->signing < than->signing : one->delay_s < than->delay_s;
}

/* The weakest case of a wallet in which somebody can do something; NULL when there is none. */
static const struct analysis_case *weakest_case(const struct analysis *analysis, size_t wallet)
{
    const struct analysis_case *found = NULL;
    for (size_t i = 0; i < analysis->place_count; i++) {
        const struct analysis_place *place = &analysis->places[i];
        for (size_t k = 0; k < place->band_count && place->wallet == wallet; k++) {
            const struct analysis_case *one = &analysis->cases[place->bands[k].at];
            if (one->people != ANALYSIS_NOBODY && weaker(one, found)) {
                found = one;
            }
        }
    }
    return found;
}

struct path_cost {
    unsigned people;
    unsigned signing;
    int64_t delay_s;
};

/* False: nobody can go this way. */
static bool path_cost(struct path_cost *out, const struct analysis *analysis, const struct path *path,
                      const struct analysis_case *rule)
{
    const struct analysis_case *governance = &analysis->governance;
    *out = (struct path_cost){0};
    if ((path->needs_rule && rule == NULL) || (path->needs_quorum && governance->people == ANALYSIS_NOBODY)) {
        return false;
    }
    if (path->needs_rule) {
        *out = (struct path_cost){rule->people, rule->signing, rule->delay_s};
    }
    if (path->needs_quorum) { /* administrators have no other duty, so nobody is counted twice */
        out->people += governance->people;
        out->signing += governance->people;
    }
    out->delay_s += path->waits_cooling ? analysis->policy->cooling_s : 0;
    out->delay_s += path->waits_change ? analysis->policy->delay_s : 0;
    return true;
}

static json_t *wallet_paths(const struct analysis *analysis, size_t wallet)
{
    const struct analysis_case *rule = weakest_case(analysis, wallet);
    const char *weakest = NULL;
    unsigned fewest = ANALYSIS_NOBODY;
    json_t *array = json_array();
    for (size_t i = 0; i < PATHS; i++) {
        struct path_cost cost;
        if (!path_cost(&cost, analysis, &paths[i], rule)) {
            continue;
        }
        if (cost.people < fewest) {
            fewest = cost.people;
            weakest = paths[i].name;
        }
        if (!append(array,
                    json_pack("{s:s,s:s,s:i,s:i,s:I}", "path", paths[i].name, "to", paths[i].to, "people",
                              (int)cost.people, "signing", (int)cost.signing, "delay_s", (json_int_t)cost.delay_s))) {
            json_decref(array);
            return NULL;
        }
    }
    return json_pack("{s:s,s:s?,s:o}", "wallet", analysis->policy->wallets[wallet].id.text, "weakest", weakest, "paths",
                     array);
}

static json_t *all_paths(const struct analysis *analysis)
{
    json_t *array = json_array();
    for (size_t i = 0; i < analysis->policy->wallet_count; i++) {
        if (!append(array, wallet_paths(analysis, i))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Governance */

/* So many who speak against a version ask for one administrator more than there are. */
static unsigned vetoes_needed(const struct analysis *analysis)
{
    const struct analysis_case *governance = &analysis->governance;
    const unsigned members = governance->class_count == 0 ? 0 : governance->classes[0].size;
    const unsigned m = analysis->policy->governance.m;
    return members < m ? 0 : members - m + 1;
}

static json_t *governance_of(const struct analysis *analysis)
{
    json_t *governance = case_of(analysis->policy, &analysis->governance);
    if (json_object_set_new(governance, "cooling_s", json_integer(analysis->policy->cooling_s)) != 0 ||
        json_object_set_new(governance, "vetoes", json_integer(vetoes_needed(analysis))) != 0) {
        json_decref(governance);
        return NULL;
    }
    return governance;
}

/* The whole */

static json_t *verdict_of(const struct analysis *analysis)
{
    struct fault why = {0};
    const bool refused = analysis_verdict(analysis, &why) != STATUS_OK;
    return json_pack("{s:s,s:s?}", "verdict", refused ? "refused" : "accepted", "why", refused ? why.detail : NULL);
}

enum status analysis_report(json_t **out, const struct analysis *analysis, struct fault *fault)
{
    char digest[DIGEST_HEX_LEN + 1];
    digest_format(digest, &analysis->policy->digest);
    json_t *report =
        json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "policy", digest, "version",
                  (json_int_t)analysis->policy->version, "at", text_time(analysis->at), "verdict", verdict_of(analysis),
                  "guards", analysis_names(analysis->policy, &analysis->guards), "governance", governance_of(analysis),
                  "cases", cases_of(analysis), "wallets", places_of(analysis), "paths", all_paths(analysis), "loss",
                  analysis_losses(analysis), "warnings", analysis_warnings(analysis));
    if (report == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "analysis", "could not build the report");
    }
    *out = report; /* transferred */
    return STATUS_OK;
}
