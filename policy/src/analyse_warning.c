/*
 * What follows from an analysis about losing people, and what its readers are warned of.
 */
#include "analyse_internal.h"

#include <string.h>

#define SOON_US (90LL * 24 * 3600 * 1000000) /* people who expire within it are worth a warning */

static bool append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

static size_t case_count(const struct analysis *analysis)
{
    return analysis->case_count + 1;
}

/* Governance comes after the cases. */
static const struct analysis_case *case_at(const struct analysis *analysis, size_t at)
{
    return at == analysis->case_count ? &analysis->governance : &analysis->cases[at];
}

static json_t *case_name(const struct analysis *analysis, size_t at)
{
    return at == analysis->case_count ? json_string("governance") : json_integer((json_int_t)at);
}

static unsigned set_size(const struct analysis_case *one, const uint16_t *set)
{
    return analysis_set_count(one, set, false) + analysis_set_count(one, set, true);
}

/* Loss: the sets of one or two without whom something cannot be done. */

static json_t *lost_of(const struct analysis *analysis, const struct analysis_case *one, const uint16_t *set)
{
    json_t *lost = json_array();
    for (size_t i = 0; i < one->class_count; i++) {
        if (set[i] > 0 && !append(lost, json_pack("{s:i,s:o}", "count", (int)set[i], "members",
                                                  analysis_names(analysis->policy, &one->classes[i].people)))) {
            json_decref(lost);
            return NULL;
        }
    }
    return lost;
}

/* Adds to the entry of the same people, which `known` finds by their text. */
static bool note_loss(json_t *losses, json_t *known, json_t *lost, json_t *what)
{
    char *text = json_dumps(lost, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        json_decref(lost);
        json_decref(what);
        return false;
    }
    json_t *stops = json_object_get(known, text);
    bool noted = stops != NULL;
    if (noted) {
        json_decref(lost);
    } else {
        stops = json_array();
        noted = append(losses, json_pack("{s:o,s:O}", "lost", lost, "stops", stops)) &&
                json_object_set_new(known, text, stops) == 0;
    }
    free(text);
    if (!noted) {
        json_decref(what);
        return false;
    }
    return append(stops, what);
}

static bool note_losses(const struct analysis *analysis, size_t at, unsigned size, json_t *losses, json_t *known)
{
    const struct analysis_case *one = case_at(analysis, at);
    for (size_t i = 0; i < one->stops.count; i++) {
        const uint16_t *set = one->stops.counts + i * one->stops.width;
        if (set_size(one, set) == size &&
            !note_loss(losses, known, lost_of(analysis, one, set), case_name(analysis, at))) {
            return false;
        }
    }
    return true;
}

json_t *analysis_losses(const struct analysis *analysis)
{
    json_t *losses = json_array();
    json_t *known = json_object();
    bool noted = losses != NULL && known != NULL;
    for (unsigned size = 1; size <= 2; size++) {
        for (size_t i = 0; i < case_count(analysis) && noted; i++) {
            noted = note_losses(analysis, i, size, losses, known);
        }
    }
    json_decref(known);
    if (!noted) {
        json_decref(losses);
        return NULL;
    }
    return losses;
}

/* Warnings */

static bool nobody_can(const struct analysis *analysis, const struct analysis_case *one)
{
    (void)analysis;
    return one->moves.count == 0;
}

static unsigned smallest_stop(const struct analysis_case *one)
{
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < one->stops.count; i++) {
        const unsigned size = set_size(one, one->stops.counts + i * one->stops.width);
        least = size < least ? size : least;
    }
    return least;
}

static bool loses_by_one(const struct analysis *analysis, const struct analysis_case *one)
{
    (void)analysis;
    return smallest_stop(one) == 1;
}

static bool loses_by_two(const struct analysis *analysis, const struct analysis_case *one)
{
    (void)analysis;
    return smallest_stop(one) == 2;
}

static bool ends_soon(const struct analysis *analysis, const struct analysis_case *one)
{
    return one->moves.count > 0 && one->until - analysis->at < SOON_US;
}

static bool counts_programs(const struct analysis *analysis, const struct analysis_case *one)
{
    (void)analysis;
    for (size_t i = 0; i < one->moves.count; i++) {
        if (analysis_set_count(one, one->moves.counts + i * one->moves.width, true) > 0) {
            return true;
        }
    }
    return false;
}

static const struct {
    const char *code;
    bool (*applies)(const struct analysis *analysis, const struct analysis_case *one);
} case_warnings[] = {
    {"nobody", nobody_can},   {"no_spare", loses_by_one},    {"one_spare", loses_by_two},
    {"ends_soon", ends_soon}, {"programs", counts_programs},
};

static bool warn_cases(json_t *warnings, const struct analysis *analysis, size_t warning)
{
    json_t *cases = json_array();
    bool noted = true;
    for (size_t i = 0; i < case_count(analysis) && noted; i++) {
        noted =
            !case_warnings[warning].applies(analysis, case_at(analysis, i)) || append(cases, case_name(analysis, i));
    }
    if (!noted || json_array_size(cases) == 0) {
        json_decref(cases);
        return noted;
    }
    return append(warnings, json_pack("{s:s,s:o}", "code", case_warnings[warning].code, "cases", cases));
}

/* A band whose amount fewer people can move in several pieces, with no limit over time in their way. */
static const struct analysis_band *easier_below(const struct analysis *analysis, const struct analysis_place *place,
                                                const struct analysis_band *band)
{
    for (size_t i = 0; i < place->band_count; i++) {
        const struct analysis_band *below = &place->bands[i];
        const struct analysis_case *one = &analysis->cases[below->at];
        if (amount_compare(below->up_to, band->above) <= 0 && (below->destinations & band->destinations) != 0 &&
            !one->bounded && one->people < analysis->cases[band->at].people) {
            return below;
        }
    }
    return NULL;
}

static bool warn_pieces(json_t *warnings, const struct analysis *analysis)
{
    for (size_t i = 0; i < analysis->place_count; i++) {
        const struct analysis_place *place = &analysis->places[i];
        for (size_t k = 0; k < place->band_count && place->act == ANALYSIS_TRANSFER; k++) {
            const struct analysis_band *below = easier_below(analysis, place, &place->bands[k]);
            char asset[DIGEST_HEX_LEN + 1];
            digest_format(asset, &place->asset);
            if (below != NULL &&
                !append(warnings, json_pack("{s:s,s:s,s:s,s:I,s:I}", "code", "in_pieces", "wallet",
                                            analysis->policy->wallets[place->wallet].id.text, "asset", asset, "case",
                                            (json_int_t)place->bands[k].at, "as", (json_int_t)below->at))) {
                return false;
            }
        }
    }
    return true;
}

static bool warn_expired(json_t *warnings, const struct analysis *analysis)
{
    const struct policy *policy = analysis->policy;
    struct people_set expired = {{0}};
    bool any = false;
    for (size_t i = 0; i < policy->person_count; i++) {
        if (!policy_person_valid(&policy->people[i], analysis->at)) {
            bit_add(expired.words, i);
            any = true;
        }
    }
    return !any ||
           append(warnings, json_pack("{s:s,s:o}", "code", "expired", "people", analysis_names(policy, &expired)));
}

json_t *analysis_warnings(const struct analysis *analysis)
{
    json_t *warnings = json_array();
    bool noted = warnings != NULL;
    for (size_t i = 0; i < sizeof(case_warnings) / sizeof(case_warnings[0]) && noted; i++) {
        noted = warn_cases(warnings, analysis, i);
    }
    if (!noted || !warn_pieces(warnings, analysis) || !warn_expired(warnings, analysis)) {
        json_decref(warnings);
        return NULL;
    }
    return warnings;
}
