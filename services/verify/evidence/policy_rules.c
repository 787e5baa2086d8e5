/*
 * The rules: conditions, then what the matching ones demand.
 *
 * A condition is not known here, does not hold, cannot be told, or holds; a rule matches unless one does not hold.
 * People are put into the places of a rule by matching: m places for each entry of each step, and one more for a
 * return.
 */
#include "policy_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define STEPS_MAX 4
#define ENTRIES_MAX 16
#define HOURS_MAX 16
#define PLACES_MAX 64
#define SECOND_US INT64_C(1000000)

/* Conditions that are a list of texts: its member, and the words that may stand in it (NULL: any). */
enum { ASSETS, DESTINATIONS, LEDGERS, REQUESTERS, TIERS, TYPES, WALLETS, LISTS };
static const struct {
    const char *member, *words;
} conditions[LISTS] = {[ASSETS] = {"assets", NULL},
                       [DESTINATIONS] = {"destinations", NULL},
                       [LEDGERS] = {"ledgers", NULL},
                       [REQUESTERS] = {"requesters", NULL},
                       [TIERS] = {"tiers", " cold hot warm "},
                       [TYPES] = {"types", " issue transfer "},
                       [WALLETS] = {"wallets", NULL}};

struct seats {
    struct {
        const char *group;
        size_t step;
    } places[PLACES_MAX];
    size_t count;                     /* above PLACES_MAX when there are more places than approvals can be */
    size_t until_step[STEPS_MAX + 1]; /* how many places the first n steps have */
    size_t steps;
    size_t rank[RULES_VOTES_MAX]; /* a vote may fill the places of the first rank + 1 steps: the rest it has not seen */
};

/* A rule taken apart. What it holds is borrowed from the policy. */
struct rule {
    struct verify_rule row;
    struct verify_when when;
    struct verify_demand demand;
    struct seats seats;
    bool allows;
};

struct matter {
    const struct verify_policy *policy;
    const struct rules_request *request;
    const char *is[LISTS]; /* what the lists are asked for; NULL when it is not known */
    char asset[DIGEST_HEX_LEN + 1];
    char chain[DIGEST_HEX_LEN + 1];
};

/* ---- Conditions ---- */

/* In this order: the least of all conditions is the rule's. */
enum holds { UNKNOWN, HOLDS_NOT, HOLDS_PERHAPS, HOLDS };

static enum holds least(enum holds a, enum holds b)
{
    return a < b ? a : b;
}

/* Absent, or one text at least and nothing else; with `words`, only these. */
static bool texts_known(const json_t *array, const char *words)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(array, i, value)
    {
        if (!json_is_string(value) || (words != NULL && !is_word(json_string_value(value), words))) {
            return false;
        }
    }
    return array == NULL || json_array_size(array) > 0;
}

/* "HH:MM", up to 24:00, in minutes; -1 when it is none. */
static int minutes_of(const char *text)
{
    static const char form[] = "00:00";
    for (size_t i = 0; i < sizeof(form); i++) {
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i]) {
            return -1;
        }
    }
    int hour = 10 * (text[0] - '0') + text[1] - '0';
    int minute = 10 * (text[3] - '0') + text[4] - '0';
    return minute > 59 || 60 * hour + minute > 1440 ? -1 : 60 * hour + minute;
}

static enum holds amount_holds(const struct verify_when *when, struct amount amount)
{
    struct verify_band band;
    if (when->amount == NULL) {
        return HOLDS;
    }
    if (document_decode(&band, DOCUMENT_BAND, when->amount, NULL) != STATUS_OK || json_object_size(when->amount) == 0 ||
        when->assets == NULL) {
        return UNKNOWN;
    }
    bool above = json_object_get(when->amount, "above") == NULL || amount_compare(amount, band.above) > 0;
    bool up_to = json_object_get(when->amount, "up_to") == NULL || amount_compare(amount, band.up_to) <= 0;
    return above && up_to ? HOLDS : HOLDS_NOT;
}

/* 1970-01-01 was a Thursday. */
static enum holds hours_hold(const json_t *array, int64_t at_utc_us)
{
    static const char *const days[] = {"thu", "fri", "sat", "sun", "mon", "tue", "wed"};
    const char *day = days[at_utc_us / DAY_US % 7];
    int minute = (int)(at_utc_us % DAY_US / (60 * SECOND_US));
    bool known = array == NULL || (json_array_size(array) > 0 && json_array_size(array) <= HOURS_MAX);
    enum holds holds = array == NULL ? HOLDS : HOLDS_NOT;
    for (size_t i = 0; known && i < json_array_size(array); i++) {
        struct verify_hours hours;
        known = document_decode(&hours, DOCUMENT_HOURS, json_array_get(array, i), NULL) == STATUS_OK &&
                minutes_of(hours.from) >= 0 && minutes_of(hours.until) > minutes_of(hours.from) &&
                texts_known(hours.days, " fri mon sat sun thu tue wed ");
        if (known && lists(hours.days, day) && minutes_of(hours.from) <= minute && minute < minutes_of(hours.until)) {
            holds = HOLDS;
        }
    }
    return known ? holds : UNKNOWN;
}

/* By the policy, whose signatures alone say who asks. */
static bool person_counts(const struct matter *it, const char *name)
{
    return verify_person_is(object_named(it->policy->people, name), name, it->request->at_utc_us);
}

static enum holds requester_holds(const json_t *groups, const struct matter *it)
{
    json_t *value = NULL;
    size_t i = 0;
    if (!it->request->requester_signed || !person_counts(it, it->is[REQUESTERS])) {
        return HOLDS_PERHAPS;
    }
    json_array_foreach(groups, i, value)
    {
        if (verify_policy_member(it->policy, json_string_value(value), it->is[REQUESTERS])) {
            return HOLDS;
        }
    }
    return HOLDS_NOT;
}

/* A rule without types is about transfers. */
static enum holds list_holds(const struct rule *rule, size_t list, const struct matter *it)
{
    const json_t *array = json_object_get(rule->row.when, conditions[list].member);
    if (!texts_known(array, conditions[list].words)) {
        return UNKNOWN;
    }
    if (array == NULL) {
        return list == TYPES && it->request->intent->type[0] != '\0' ? HOLDS_NOT : HOLDS;
    }
    if (list == REQUESTERS) {
        return requester_holds(array, it);
    }
    return it->is[list] == NULL ? HOLDS_PERHAPS : lists(array, it->is[list]) ? HOLDS : HOLDS_NOT;
}

static enum holds rule_holds(const struct rule *rule, const struct matter *it)
{
    enum holds holds = least(amount_holds(&rule->when, it->request->intent->amount),
                             hours_hold(rule->when.hours, it->request->at_utc_us));
    for (size_t i = 0; i < LISTS; i++) {
        holds = least(holds, list_holds(rule, i, it));
    }
    return holds;
}

/* ---- What this program knows ---- */

/* The places of one step more. */
static bool step_read(struct seats *out, const json_t *step)
{
    json_t *entry = NULL;
    size_t e = 0;
    json_array_foreach(step, e, entry)
    {
        struct verify_places places;
        if (document_decode(&places, DOCUMENT_PLACES, entry, NULL) != STATUS_OK || places.m < 1) {
            return false;
        }
        for (int64_t i = 0; i < places.m && out->count <= PLACES_MAX; i++, out->count++) {
            if (out->count < PLACES_MAX) {
                out->places[out->count].group = text_of(entry, "group");
                out->places[out->count].step = out->steps;
            }
        }
    }
    out->until_step[++out->steps] = out->count;
    return e > 0;
}

static bool seats_read(struct seats *out, const json_t *steps)
{
    size_t count = json_array_size(steps);
    size_t entries = 0;
    bool good = count > 0 && count <= STEPS_MAX;
    for (size_t i = 0; good && i < count; i++) {
        entries += json_array_size(json_array_get(steps, i));
        good = step_read(out, json_array_get(steps, i));
    }
    return good && entries <= ENTRIES_MAX;
}

static bool demand_read(struct rule *out)
{
    const json_t *demand = out->row.demand;
    if (document_decode(&out->demand, DOCUMENT_DEMAND, demand, NULL) != STATUS_OK ||
        !seats_read(&out->seats, out->demand.steps)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(out->demand.limits); i++) {
        struct verify_limit limit;
        if (document_decode(&limit, DOCUMENT_LIMIT, json_array_get(out->demand.limits, i), NULL) != STATUS_OK) {
            return false;
        }
    }
    return (out->demand.limits == NULL || json_array_size(out->demand.limits) > 0) &&
           (json_object_get(demand, "delay_s") == NULL || out->demand.delay_s > 0);
}

/* Whether the rule holds; UNKNOWN when it says anything that is not in docs/formats.md. */
static enum holds rule_read(struct rule *out, const json_t *object, const struct matter *it)
{
    *out = (struct rule){0};
    if (document_decode(&out->row, DOCUMENT_RULE, object, NULL) != STATUS_OK ||
        document_decode(&out->when, DOCUMENT_WHEN, out->row.when, NULL) != STATUS_OK ||
        json_array_size(out->when.types) > 1) {
        return UNKNOWN;
    }
    out->allows = strcmp(out->row.effect, "allow") == 0;
    bool known = out->allows ? out->when.assets != NULL && out->row.demand != NULL && demand_read(out)
                             : strcmp(out->row.effect, "deny") == 0 && out->row.demand == NULL;
    return known ? rule_holds(out, it) : UNKNOWN;
}

/* ---- Who fills which place ---- */

/* The largest matching of places and people. `fits` and the counts are given. */
struct matching {
    bool fits[PLACES_MAX][PEOPLE_MAX];
    size_t places;
    size_t people;
    bool asked[PEOPLE_MAX];  /* in this search */
    size_t held[PEOPLE_MAX]; /* the place that a person fills, from 1 */
};

/* Whether a place can be filled, be it that others move on to another one. Each person is asked once, so the depth is
 * bounded by their number. */
static bool fill(struct matching *matching, size_t place) // NOLINT(misc-no-recursion)
{
    for (size_t p = 0; p < matching->people; p++) {
        if (!matching->fits[place][p] || matching->asked[p]) {
            continue;
        }
        matching->asked[p] = true;
        if (matching->held[p] == 0 || fill(matching, matching->held[p] - 1)) {
            matching->held[p] = place + 1;
            return true;
        }
    }
    return false;
}

static size_t matching_size(struct matching *matching)
{
    size_t filled = 0;
    for (size_t i = 0; i < matching->places; i++) {
        memset(matching->asked, 0, sizeof(matching->asked));
        filled += fill(matching, i) ? 1 : 0;
    }
    return filled;
}

/*
 * Whether the people of `seen` (NULL: all) fill the places of the first `steps` steps; with `one_more`, also a place
 * for anybody in a group of the rule.
 */
static bool filled(struct matching *out, const struct matter *it, const struct seats *seats, const json_t *seen,
                   size_t steps, bool one_more)
{
    size_t own = seats->until_step[steps];
    *out = (struct matching){.places = own + (one_more ? 1 : 0), .people = it->request->vote_count};
    for (size_t v = 0; v < out->people && out->places <= PLACES_MAX; v++) {
        const struct rules_vote *vote = &it->request->votes[v];
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &vote->digest);
        bool counts = person_counts(it, vote->person.text) && (seen == NULL || lists(seen, hex));
        for (size_t p = 0; counts && p < own; p++) {
            bool member = verify_policy_member(it->policy, seats->places[p].group, vote->person.text);
            out->fits[p][v] = member && seats->places[p].step <= seats->rank[v];
            if (one_more) {
                out->fits[own][v] = out->fits[own][v] || member;
            }
        }
    }
    return out->places <= PLACES_MAX && matching_size(out) == out->places;
}

/* From the bottom: an approval rises when what it has seen fills one step more, until none rises any more. */
static void rank_all(const struct matter *it, struct seats *seats)
{
    struct matching matching;
    bool risen = true;
    while (risen) {
        risen = false;
        for (size_t v = 0; v < it->request->vote_count; v++) {
            const json_t *seen = it->request->votes[v].seen;
            if (seen != NULL && seats->rank[v] + 1 < seats->steps &&
                filled(&matching, it, seats, seen, seats->rank[v] + 1, false)) {
                seats->rank[v]++;
                risen = true;
            }
        }
    }
}

/* The floor that no policy may go below: however many programs vote, two places are left for humans. */
static bool needs_two_humans(const struct matter *it, const struct seats *seats)
{
    struct matching matching = {.places = seats->count};
    json_t *person = NULL;
    size_t i = 0;
    json_array_foreach(it->policy->people, i, person)
    {
        const char *id = text_of(person, "id");
        if (id == NULL || matching.people == PEOPLE_MAX || !verify_person_duty(person, "automated")) {
            continue;
        }
        for (size_t p = 0; p < seats->count; p++) {
            matching.fits[p][matching.people] = verify_policy_member(it->policy, seats->places[p].group, id);
        }
        matching.people++;
    }
    return matching_size(&matching) + 2 <= seats->count;
}

/* Who fills which place. */
static void explain(const struct matter *it, const struct rule *rule, const struct matching *matching)
{
    const struct seats *seats = &rule->seats;
    json_t *lines = it->request->lines;
    (void)json_array_append_new(lines,
                                json_sprintf("rule %s of version %lld: %zu places, in %zu steps", rule->row.id.text,
                                             (long long)it->policy->version, seats->count, seats->steps));
    for (size_t v = 0; v < matching->people; v++) {
        const char *person = it->request->votes[v].person.text;
        size_t place = matching->held[v];
        if (place > seats->count) {
            (void)json_array_append_new(lines, json_sprintf("  %s is the one more that a return needs", person));
        } else if (place > 0) {
            (void)json_array_append_new(lines, json_sprintf("  %s for the group %s in step %zu", person,
                                                            seats->places[place - 1].group,
                                                            seats->places[place - 1].step + 1));
        }
    }
}

static const char *steps_objection(const struct matter *it, struct rule *rule)
{
    struct seats *seats = &rule->seats;
    struct matching matching;
    if (seats->count > PLACES_MAX) {
        return "the quorum of a rule is not met";
    }
    if (!needs_two_humans(it, seats)) {
        return "the quorum of a rule can be met without two humans";
    }
    rank_all(it, seats);
    if (!filled(&matching, it, seats, NULL, seats->steps, false)) {
        return "the quorum of a rule is not met";
    }
    if (!digest_is_zero(&it->request->intent->returns) && !filled(&matching, it, seats, NULL, seats->steps, true)) {
        return "a return needs one approver more than a rule asks for";
    }
    if (it->request->lines != NULL) {
        explain(it, rule, &matching);
    }
    return NULL;
}

/* ---- Judgement ---- */

/* What speaks against the request in a rule that matches. */
static const char *rule_objection(const struct matter *it, struct rule *rule)
{
    if (!rule->allows) {
        return "a deny rule matches";
    }
    if (amount_compare(it->request->intent->amount, rule->demand.max_amount) > 0) {
        return "the amount is above the maximum of a rule";
    }
    const char *why = steps_objection(it, rule);
    bool waited = it->request->compromised || it->request->waited_us / SECOND_US >= rule->demand.delay_s;
    return why != NULL || waited || rule->demand.delay_s == 0
               ? why
               : "the trail does not show the delay that a rule demands, from withdrawal.announced on";
}

static const char *judge_rule(struct rules_finding *out, const struct matter *it, const json_t *object,
                              bool *out_allows)
{
    struct rule rule;
    enum holds holds = rule_read(&rule, object, it);
    if (holds == UNKNOWN) {
        return "a rule says what this program does not know";
    }
    if (holds == HOLDS_NOT) {
        return NULL;
    }
    *out_allows = true;
    if (!it->request->compromised) {
        out->limits += (unsigned)json_array_size(rule.demand.limits);
        out->delay_s = rule.demand.delay_s > out->delay_s ? rule.demand.delay_s : out->delay_s;
    }
    return holds == HOLDS_PERHAPS ? "a condition of a rule cannot be told" : rule_objection(it, &rule);
}

const char *rules_judge(struct rules_finding *out, const struct verify_policy *policy,
                        const struct rules_request *request)
{
    const struct verify_intent *intent = request->intent;
    const json_t *wallet = object_named(policy->wallets, intent->wallet.text);
    struct matter it = {.policy = policy,
                        .request = request,
                        .is = {[DESTINATIONS] = request->group,
                               [REQUESTERS] = intent->requester.text,
                               [TIERS] = text_of(wallet, "tier"),
                               [TYPES] = intent->type[0] == '\0' ? "transfer" : intent->type,
                               [WALLETS] = intent->wallet.text}};
    json_t *value = NULL;
    size_t i = 0;
    bool allows = false;
    *out = (struct rules_finding){0};
    digest_format(it.asset, &intent->asset);
    digest_format(it.chain, &intent->chain);
    it.is[ASSETS] = it.asset;
    it.is[LEDGERS] = it.chain;
    if (!lists(json_object_get(wallet, "assets"), it.asset)) {
        return "the wallet does not hold this asset";
    }
    json_array_foreach(policy->rules, i, value)
    {
        const char *id = text_of(value, "id");
        const char *why = judge_rule(out, &it, value, &allows);
        if (why != NULL) {
            (void)snprintf(out->rule, sizeof(out->rule), "%s", id == NULL ? "" : id);
            return why;
        }
    }
    return allows ? NULL : "no rule allows it";
}
