/*
 * From the JSON of a rule to struct rule: conditions, demands, names resolved. What a rule must not fall below is in
 * policy_floor.c.
 */
#include "policy/transaction.h"
#include "policy_list.h"

struct rule_wire {
    struct name id;
    char effect[16];
    json_t *when;
    json_t *demand;
};

struct when_wire {
    json_t *amount;
    json_t *assets;
    json_t *destinations;
    json_t *hours;
    json_t *ledgers;
    json_t *requesters;
    json_t *tiers;
    json_t *types;
    json_t *wallets;
};

struct amount_wire {
    struct amount above;
    struct amount up_to;
};

struct hours_wire {
    json_t *days;
    char from[6];
    char until[6];
};

struct demand_wire {
    struct amount max_amount;
    int64_t delay_s;
    json_t *limits;
    json_t *steps;
};

struct limit_wire {
    int64_t count;
    char per[16];
    struct amount sum;
    int64_t window_s;
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A deny rule has the first three. */
static const struct canon_field rule_fields[] = {
    CANON_FIELD(struct rule_wire, effect, CANON_TEXT),
    CANON_FIELD(struct rule_wire, id, CANON_NAME),
    CANON_FIELD(struct rule_wire, when, CANON_OBJECT),
    CANON_FIELD(struct rule_wire, demand, CANON_OBJECT),
};

enum { DENY_RULE_FIELD_COUNT = 3 };

static const struct canon_field when_fields[] = {
    CANON_FIELD_OPTIONAL(struct when_wire, amount, CANON_OBJECT),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, assets, CANON_ARRAY, 1, POLICY_ASSETS_MAX),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, destinations, CANON_ARRAY, 1, POLICY_DESTINATIONS_MAX),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, hours, CANON_ARRAY, 1, POLICY_HOURS_MAX),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, ledgers, CANON_ARRAY, 1, POLICY_LEDGERS_MAX),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, requesters, CANON_ARRAY, 1, POLICY_GROUPS_MAX),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, tiers, CANON_ARRAY, 1, 3),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, types, CANON_ARRAY, 1, 2),
    CANON_FIELD_OPTIONAL_RANGE(struct when_wire, wallets, CANON_ARRAY, 1, POLICY_WALLETS_MAX),
};

static const struct canon_field amount_fields[] = {
    CANON_FIELD_OPTIONAL(struct amount_wire, above, CANON_AMOUNT),
    CANON_FIELD_OPTIONAL(struct amount_wire, up_to, CANON_AMOUNT),
};

static const struct canon_field hours_fields[] = {
    CANON_FIELD_RANGE(struct hours_wire, days, CANON_ARRAY, 1, 7),
    CANON_FIELD(struct hours_wire, from, CANON_TEXT),
    CANON_FIELD(struct hours_wire, until, CANON_TEXT),
};

static const struct canon_field demand_fields[] = {
    CANON_FIELD_OPTIONAL_RANGE(struct demand_wire, delay_s, CANON_INTEGER, 1, POLICY_DELAY_MAX_S),
    CANON_FIELD_OPTIONAL_RANGE(struct demand_wire, limits, CANON_ARRAY, 1, POLICY_LIMITS_MAX),
    CANON_FIELD(struct demand_wire, max_amount, CANON_AMOUNT),
    CANON_FIELD_RANGE(struct demand_wire, steps, CANON_ARRAY, 1, POLICY_STEPS_MAX),
};

static const struct canon_field limit_fields[] = {
    CANON_FIELD_OPTIONAL_RANGE(struct limit_wire, count, CANON_INTEGER, 1, POLICY_COUNT_MAX),
    CANON_FIELD(struct limit_wire, per, CANON_TEXT),
    CANON_FIELD_OPTIONAL(struct limit_wire, sum, CANON_AMOUNT),
    CANON_FIELD_RANGE(struct limit_wire, window_s, CANON_INTEGER, POLICY_WINDOW_MIN_S, POLICY_WINDOW_MAX_S),
};

static const struct word day_words[] = {{"mon", 1 << 0}, {"tue", 1 << 1}, {"wed", 1 << 2}, {"thu", 1 << 3},
                                        {"fri", 1 << 4}, {"sat", 1 << 5}, {"sun", 1 << 6}, {NULL, 0}};
static const struct word tier_words[] = {
    {"cold", 1 << TIER_COLD}, {"hot", 1 << TIER_HOT}, {"warm", 1 << TIER_WARM}, {NULL, 0}};
static const struct word type_words[] = {
    {"issue", 1 << TRANSACTION_ISSUE}, {"transfer", 1 << TRANSACTION_TRANSFER}, {NULL, 0}};

/* A sorted list of words, each a bit. */
static enum status decode_words(unsigned *out, const struct word *words, const json_t *list, const char *path,
                                struct fault *fault)
{
    unsigned bits = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = policy_list_text(list, i, path, fault);
        int bit = text == NULL ? 0 : word_value(words, text);
        if (text == NULL) {
            return STATUS_INVALID;
        }
        if (bit == 0) {
            return fault_set(fault, STATUS_INVALID, path, "%s is none of the words that may stand here", text);
        }
        bits |= (unsigned)bit;
    }
    *out = bits;
    return STATUS_OK;
}

/* Conditions */

static enum status read_amount(struct when *when, const json_t *object, const char *path, struct fault *fault)
{
    struct amount_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, amount_fields, COUNT(amount_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    when->above_given = json_object_get(object, "above") != NULL;
    when->up_to_given = json_object_get(object, "up_to") != NULL;
    when->above = wire.above;
    when->up_to = wire.up_to;
    if (!when->above_given && !when->up_to_given) {
        return fault_set(fault, STATUS_INVALID, path, "above, up_to or both");
    }
    if (when->above_given && when->up_to_given && amount_compare(wire.above, wire.up_to) >= 0) {
        return fault_set(fault, STATUS_INVALID, path, "above is below up_to");
    }
    return STATUS_OK;
}

/* "HH:MM" in minutes of the day, "24:00" at most; false when it is none. */
static bool read_minutes(unsigned *out, const char *text)
{
    static const char shape[] = "00:00";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == '0' ? !digit : text[i] != shape[i]) {
            return false;
        }
    }
    unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    unsigned minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
    *out = hour * 60 + minute;
    return text[5] == '\0' && minute < 60 && *out <= 24 * 60;
}

static enum status decode_hours_one(struct hours *out, const json_t *object, const char *path, struct fault *fault)
{
    struct hours_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, hours_fields, COUNT(hours_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!read_minutes(&out->from, wire.from)) {
        return policy_refuse(fault, path, "from", "HH:MM, UTC");
    }
    if (!read_minutes(&out->until, wire.until)) {
        return policy_refuse(fault, path, "until", "HH:MM, UTC, 24:00 at most");
    }
    if (out->from >= out->until) {
        return policy_refuse(fault, path, "from", "before until: a night is two rows");
    }
    char place[PLACE_SIZE];
    document_place(place, path, "days");
    return decode_words(&out->days, day_words, wire.days, place, fault);
}

static bool hours_ascend(const struct hours *before, const struct hours *after)
{
    return before->from != after->from ? before->from < after->from : before->until < after->until;
}

static enum status read_hours(struct when *when, const json_t *list, const char *path, struct fault *fault)
{
    when->hours = policy_array_new(json_array_size(list), sizeof(*when->hours));
    if (when->hours == NULL) {
        return policy_no_memory(fault, path);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        char place[PLACE_SIZE];
        document_place_index(place, path, i);
        enum status status = decode_hours_one(&when->hours[i], json_array_get(list, i), place, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (i > 0 && !hours_ascend(&when->hours[i - 1], &when->hours[i])) {
            return fault_set(fault, STATUS_INVALID, path, "sorted by from, then until, without duplicates");
        }
        when->hours_count = i + 1;
    }
    return STATUS_OK;
}

static enum status decode_destinations(struct when *when, const struct policy *policy, const json_t *list,
                                       const char *path, struct fault *fault)
{
    const struct scope scope = {policy->destination_groups, policy->destination_group_count, sizeof(struct name),
                                "group of destinations"};
    return policy_list_names(&when->destinations, &when->destination_count, &scope, list, path, fault);
}

static enum status decode_requesters(struct when *when, const struct policy *policy, const json_t *list,
                                     const char *path, struct fault *fault)
{
    const struct scope scope = {policy->groups, policy->group_count, sizeof(struct group), "group"};
    return policy_list_names(&when->requesters, &when->requester_count, &scope, list, path, fault);
}

static enum status decode_wallets(struct when *when, const struct policy *policy, const json_t *list, const char *path,
                                  struct fault *fault)
{
    const struct scope scope = {policy->wallets, policy->wallet_count, sizeof(struct wallet), "wallet"};
    return policy_list_names(&when->wallets, &when->wallet_count, &scope, list, path, fault);
}

static enum status decode_amount(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                 struct fault *fault)
{
    (void)policy;
    return read_amount(when, value, path, fault);
}

static enum status decode_assets(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                 struct fault *fault)
{
    (void)policy;
    return policy_list_digests(&when->assets, &when->asset_count, value, path, fault);
}

static enum status decode_hours(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                struct fault *fault)
{
    (void)policy;
    return read_hours(when, value, path, fault);
}

static enum status decode_ledgers(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                  struct fault *fault)
{
    (void)policy;
    return policy_list_digests(&when->ledgers, &when->ledger_count, value, path, fault);
}

static enum status decode_tiers(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                struct fault *fault)
{
    (void)policy;
    return decode_words(&when->tiers, tier_words, value, path, fault);
}

static enum status decode_types(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                                struct fault *fault)
{
    (void)policy;
    enum status status = decode_words(&when->types, type_words, value, path, fault);
    if (status == STATUS_OK && when->types != 1U << TRANSACTION_TRANSFER && json_array_size(value) > 1) {
        return fault_set(fault, STATUS_INVALID, path, "a rule for anything but transfers is for that alone");
    }
    return status;
}

static const struct {
    enum condition condition;
    size_t wire_offset; /* of the json_t * in struct when_wire */
    enum status (*decode)(struct when *when, const struct policy *policy, const json_t *value, const char *path,
                          struct fault *fault);
} conditions[] = {
    {CONDITION_AMOUNT, offsetof(struct when_wire, amount), decode_amount},
    {CONDITION_ASSETS, offsetof(struct when_wire, assets), decode_assets},
    {CONDITION_DESTINATIONS, offsetof(struct when_wire, destinations), decode_destinations},
    {CONDITION_HOURS, offsetof(struct when_wire, hours), decode_hours},
    {CONDITION_LEDGERS, offsetof(struct when_wire, ledgers), decode_ledgers},
    {CONDITION_REQUESTERS, offsetof(struct when_wire, requesters), decode_requesters},
    {CONDITION_TIERS, offsetof(struct when_wire, tiers), decode_tiers},
    {CONDITION_TYPES, offsetof(struct when_wire, types), decode_types},
    {CONDITION_WALLETS, offsetof(struct when_wire, wallets), decode_wallets},
};

static enum status decode_when(struct rule *rule, const struct policy *policy, const json_t *object, const char *path,
                               struct fault *fault)
{
    struct when_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, when_fields, COUNT(when_fields), path, fault);
    rule->when.types = 1U << TRANSACTION_TRANSFER;
    for (size_t i = 0; i < COUNT(conditions) && status == STATUS_OK; i++) {
        const json_t *value = *(json_t *const *)(const void *)((const uint8_t *)&wire + conditions[i].wire_offset);
        char place[PLACE_SIZE];
        document_place(place, path, policy_condition_text(conditions[i].condition));
        if (value != NULL) {
            status = conditions[i].decode(&rule->when, policy, value, place, fault);
        }
    }
    if (status != STATUS_OK || rule->when.asset_count > 0) {
        return status;
    }
    if (rule->effect == EFFECT_ALLOW) {
        return policy_refuse(fault, path, "assets", "an allow rule says for which assets");
    }
    if (rule->when.above_given || rule->when.up_to_given) {
        return policy_refuse(fault, path, "amount", "base units of an asset: with assets only");
    }
    return status;
}

/* Demands */

static enum status decode_limit(struct limit *out, const json_t *object, const char *path, struct fault *fault)
{
    struct limit_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, limit_fields, COUNT(limit_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct limit){.per = (enum limit_per)word_value(policy_limit_words, wire.per),
                          .window_s = wire.window_s,
                          .count = wire.count,
                          .sum = wire.sum};
    if (out->per == 0) {
        return policy_refuse(fault, path, "per", "asset, destination, requester or wallet");
    }
    if (json_object_get(object, "sum") != NULL && amount_is_zero(wire.sum)) {
        return policy_refuse(fault, path, "sum", "above zero: what lets nothing through is a deny rule");
    }
    return wire.count == 0 && amount_is_zero(wire.sum) ? fault_set(fault, STATUS_INVALID, path, "count, sum or both")
                                                       : STATUS_OK;
}

static bool limits_ascend(const struct limit *before, const struct limit *after)
{
    return before->per != after->per ? before->per < after->per : before->window_s < after->window_s;
}

static enum status decode_limits(struct demand *demand, const json_t *list, const char *path, struct fault *fault)
{
    demand->limits = policy_array_new(json_array_size(list), sizeof(*demand->limits));
    if (demand->limits == NULL) {
        return policy_no_memory(fault, path);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        char place[PLACE_SIZE];
        document_place_index(place, path, i);
        enum status status = decode_limit(&demand->limits[i], json_array_get(list, i), place, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (i > 0 && !limits_ascend(&demand->limits[i - 1], &demand->limits[i])) {
            return fault_set(fault, STATUS_INVALID, path, "sorted by per, then window_s, without duplicates");
        }
        demand->limit_count = i + 1;
    }
    return STATUS_OK;
}

static enum status decode_step(struct demand *demand, const struct policy *policy, const json_t *list, const char *path,
                               struct fault *fault)
{
    size_t first = demand->entry_count;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        return fault_set(fault, STATUS_INVALID, path, "an array of 1 to %d entries", POLICY_ENTRIES_MAX);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (demand->entry_count == POLICY_ENTRIES_MAX) {
            return fault_set(fault, STATUS_INVALID, path, "at most %d entries in all steps of a rule",
                             POLICY_ENTRIES_MAX);
        }
        char place[PLACE_SIZE];
        document_place_index(place, path, i);
        struct step_entry *entry = &demand->entries[demand->entry_count];
        entry->step = demand->step_count;
        enum status status = policy_quorum_decode(&entry->quorum, policy, json_array_get(list, i), place, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (demand->entry_count > first && entry->quorum.group <= entry[-1].quorum.group) {
            return fault_set(fault, STATUS_INVALID, path, "sorted by group without duplicates");
        }
        demand->entry_count++;
    }
    demand->step_count++;
    return STATUS_OK;
}

static enum status decode_demand(struct demand *demand, const struct policy *policy, const json_t *object,
                                 const char *path, struct fault *fault)
{
    struct demand_wire wire;
    char place[PLACE_SIZE];
    char step[PLACE_SIZE];
    enum status status = canon_decode(&wire, sizeof(wire), object, demand_fields, COUNT(demand_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    demand->max_amount = wire.max_amount;
    demand->delay_s = wire.delay_s;
    if (wire.limits != NULL) {
        document_place(place, path, "limits");
        status = decode_limits(demand, wire.limits, place, fault);
    }
    document_place(place, path, "steps");
    for (size_t i = 0; i < json_array_size(wire.steps) && status == STATUS_OK; i++) {
        document_place_index(step, place, i);
        status = decode_step(demand, policy, json_array_get(wire.steps, i), step, fault);
    }
    return status;
}

/* Who asks is what the service says, until a rule wants it signed. */
static enum status check_limits(const struct rule *rule, const char *path, struct fault *fault)
{
    for (size_t i = 0; i < rule->demand.limit_count; i++) {
        if (rule->demand.limits[i].per == LIMIT_PER_REQUESTER && rule->when.requester_count == 0) {
            return policy_refuse(fault, path, "demand.limits",
                                 "a limit per requester needs the condition requesters, which has them sign");
        }
    }
    return STATUS_OK;
}

enum status policy_rule_decode(struct policy *policy, const json_t *object, const char *path, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(object, "effect"));
    int effect = text == NULL ? 0 : word_value(policy_effect_words, text);
    size_t count = effect == EFFECT_DENY ? DENY_RULE_FIELD_COUNT : COUNT(rule_fields);
    if (text != NULL && effect == 0) {
        return policy_refuse(fault, path, "effect", "allow or deny");
    }
    struct rule_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, rule_fields, count, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct rule *rule = &policy->rules[policy->rule_count++];
    rule->id = wire.id;
    rule->effect = (enum rule_effect)effect;
    char place[PLACE_SIZE];
    document_place(place, path, "when");
    status = decode_when(rule, policy, wire.when, place, fault);
    if (status == STATUS_OK && rule->effect == EFFECT_ALLOW) {
        document_place(place, path, "demand");
        status = decode_demand(&rule->demand, policy, wire.demand, place, fault);
    }
    return status == STATUS_OK ? check_limits(rule, path, fault) : status;
}
