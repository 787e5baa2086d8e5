/*
 * From the bytes of a policy document to struct policy: shapes, order, names resolved. The floors are in
 * policy_floor.c, signatures in policy_signature.c.
 *
 * Elements are counted in the policy as soon as they exist, so that policy_free releases a half-built one.
 */
#include "policy/policy.h"

#include "policy_internal.h"

struct policy_wire {
    struct policy policy;
    json_t *people;
    json_t *groups;
    json_t *wallets;
    json_t *rules;
    json_t *governance;
};

struct person_wire {
    struct name id;
    json_t *duties;
    json_t *keys;
    int64_t valid_until;
};

struct group_wire {
    struct name id;
    json_t *members;
};

struct wallet_wire {
    struct name id;
    char alg[16];
    char key[192];
    json_t *assets;
    char tier[16];
};

struct rule_wire {
    struct name id;
    json_t *assets;
    json_t *wallets;
    json_t *quorum;
    struct amount max_amount;
    char effect[16];
    char destinations[16];
};

struct quorum_wire {
    struct name group;
    int64_t m;
};

struct governance_wire {
    struct quorum_wire quorum;
    int64_t delay_s;
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct canon_field policy_fields[] = {
    CANON_FIELD(struct policy, chain, CANON_HASH),
    CANON_FIELD(struct policy, environment, CANON_NAME),
    CANON_FIELD(struct policy_wire, governance, CANON_OBJECT),
    CANON_FIELD_RANGE(struct policy_wire, groups, CANON_ARRAY, 1, POLICY_GROUPS_MAX),
    CANON_FIELD(struct policy, issued_at, CANON_TIME),
    CANON_FIELD_RANGE(struct policy_wire, people, CANON_ARRAY, 1, POLICY_PEOPLE_MAX),
    CANON_FIELD(struct policy, prev, CANON_HASH),
    CANON_FIELD_RANGE(struct policy_wire, rules, CANON_ARRAY, 0, POLICY_RULES_MAX),
    CANON_FIELD_RANGE(struct policy, version, CANON_INTEGER, 1, CANON_INTEGER_MAX),
    CANON_FIELD_RANGE(struct policy_wire, wallets, CANON_ARRAY, 0, POLICY_WALLETS_MAX),
};

static const struct canon_field person_fields[] = {
    CANON_FIELD_RANGE(struct person_wire, duties, CANON_ARRAY, 0, 6),
    CANON_FIELD(struct person_wire, id, CANON_NAME),
    CANON_FIELD_RANGE(struct person_wire, keys, CANON_ARRAY, 0, POLICY_KEYS_MAX),
    CANON_FIELD(struct person_wire, valid_until, CANON_TIME),
};

static const struct canon_field group_fields[] = {
    CANON_FIELD(struct group_wire, id, CANON_NAME),
    CANON_FIELD_RANGE(struct group_wire, members, CANON_ARRAY, 0, POLICY_PEOPLE_MAX),
};

static const struct canon_field wallet_fields[] = {
    CANON_FIELD(struct wallet_wire, alg, CANON_TEXT),
    CANON_FIELD_RANGE(struct wallet_wire, assets, CANON_ARRAY, 0, POLICY_ASSETS_MAX),
    CANON_FIELD(struct wallet_wire, id, CANON_NAME),
    CANON_FIELD(struct wallet_wire, key, CANON_TEXT),
    CANON_FIELD(struct wallet_wire, tier, CANON_TEXT),
};

/* A deny rule has the first four. */
static const struct canon_field rule_fields[] = {
    CANON_FIELD_RANGE(struct rule_wire, assets, CANON_ARRAY, 1, POLICY_ASSETS_MAX),
    CANON_FIELD(struct rule_wire, effect, CANON_TEXT),
    CANON_FIELD(struct rule_wire, id, CANON_NAME),
    CANON_FIELD_RANGE(struct rule_wire, wallets, CANON_ARRAY, 1, POLICY_WALLETS_MAX),
    CANON_FIELD(struct rule_wire, destinations, CANON_TEXT),
    CANON_FIELD(struct rule_wire, max_amount, CANON_AMOUNT),
    CANON_FIELD_RANGE(struct rule_wire, quorum, CANON_ARRAY, 1, POLICY_QUORUM_MAX),
};

enum { DENY_RULE_FIELD_COUNT = 4 };

static const struct canon_field quorum_fields[] = {
    CANON_FIELD(struct quorum_wire, group, CANON_NAME),
    CANON_FIELD_RANGE(struct quorum_wire, m, CANON_INTEGER, 1, POLICY_PEOPLE_MAX),
};

/* Those of a quorum and one more. */
static const struct canon_field governance_fields[] = {
    CANON_FIELD_RANGE(struct governance_wire, delay_s, CANON_INTEGER, 1, POLICY_DELAY_MAX_S),
    CANON_FIELD(struct quorum_wire, group, CANON_NAME),
    CANON_FIELD_RANGE(struct quorum_wire, m, CANON_INTEGER, 1, POLICY_PEOPLE_MAX),
};

_Static_assert(offsetof(struct policy_wire, policy) == 0, "the rows of struct policy hold in the wire");
_Static_assert(offsetof(struct governance_wire, quorum) == 0, "the rows of a quorum hold in the governance");

static enum status refuse(struct fault *fault, const char *path, const char *name, const char *rule)
{
    char place[PLACE_SIZE];
    document_place(place, path, name);
    return fault_set(fault, STATUS_INVALID, place, "%s", rule);
}

static enum status no_memory(struct fault *fault, const char *path)
{
    return fault_set(fault, STATUS_NO_MEMORY, path, "building the policy");
}

/* calloc of an array that may be empty. */
static void *array_new(size_t count, size_t size)
{
    return calloc(count == 0 ? 1 : count, size);
}

/* Sorted lists of plain strings */

/* The text of element `index`, which must come after the one before it; NULL and a fault otherwise. */
static const char *list_text(const json_t *list, size_t index, const char *path, struct fault *fault)
{
    const char *text = json_string_value(json_array_get(list, index));
    if (text == NULL) {
        (void)fault_set(fault, STATUS_INVALID, path, "a list of strings");
        return NULL;
    }
    if (index > 0 && strcmp(json_string_value(json_array_get(list, index - 1)), text) >= 0) {
        (void)fault_set(fault, STATUS_INVALID, path, "sorted without duplicates: %s stands too late", text);
        return NULL;
    }
    return text;
}

static enum status decode_assets(struct digest **out, size_t *out_count, const json_t *list, const char *path,
                                 struct fault *fault)
{
    struct digest *assets = array_new(json_array_size(list), sizeof(*assets));
    if (assets == NULL) {
        return no_memory(fault, path);
    }
    *out = assets; /* transferred to the element, freed with the policy */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = list_text(list, i, path, fault);
        if (text == NULL) {
            return STATUS_INVALID;
        }
        if (digest_parse(&assets[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, path, "asset ids: 64 lower-case hexadecimal digits");
        }
        *out_count = i + 1;
    }
    return STATUS_OK;
}

/* Where names are looked up. Every element begins with its name. */
struct scope {
    const void *elements;
    size_t count;
    size_t size;
    const char *what;
};

static int compare_id(const void *key, const void *element)
{
    return policy_name_compare(key, element);
}

static enum status resolve(size_t *out, const struct scope *scope, const char *text, const char *path,
                           struct fault *fault)
{
    struct name name;
    if (name_parse(&name, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, path, "a name: 1 to 63 of [a-z0-9-], first a letter or digit");
    }
    const uint8_t *found =
        scope->count == 0 ? NULL : bsearch(&name, scope->elements, scope->count, scope->size, compare_id);
    if (found == NULL) {
        return fault_set(fault, STATUS_INVALID, path, "there is no %s %s", scope->what, text);
    }
    *out = (size_t)(found - (const uint8_t *)scope->elements) / scope->size;
    return STATUS_OK;
}

/* Names to positions; sorted names of a sorted array give ascending positions. `out` has room for all. */
static enum status decode_names(size_t *out, const struct scope *scope, const json_t *list, const char *path,
                                struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = list_text(list, i, path, fault);
        enum status status = text == NULL ? STATUS_INVALID : resolve(&out[i], scope, text, path, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* People */

static enum status decode_duties(unsigned *out, const json_t *list, const char *path, struct fault *fault)
{
    char place[PLACE_SIZE];
    document_place(place, path, "duties");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = list_text(list, i, place, fault);
        if (text == NULL) {
            return STATUS_INVALID;
        }
        int duty = word_value(policy_duty_words, text);
        if (duty == 0) {
            return fault_set(fault, STATUS_INVALID, place, "there is no duty %s", text);
        }
        *out |= (unsigned)duty;
    }
    return STATUS_OK;
}

static enum status decode_person(struct policy *policy, const json_t *object, const char *path, struct fault *fault)
{
    struct person_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, person_fields, COUNT(person_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct person *person = &policy->people[policy->person_count++];
    person->id = wire.id;
    person->valid_until = wire.valid_until;
    status = decode_duties(&person->duties, wire.duties, path, fault);
    for (size_t i = 0; i < json_array_size(wire.keys) && status == STATUS_OK; i++) {
        char keys[PLACE_SIZE];
        char place[PLACE_SIZE];
        document_place(keys, path, "keys");
        document_place_index(place, keys, i);
        struct person_key *key = &person->keys[person->key_count++];
        status = account_key_decode(&key->key, json_array_get(wire.keys, i), place, fault);
        if (status == STATUS_OK) {
            public_key_id(&key->id, &key->key);
        }
    }
    return status;
}

/* Groups */

static enum status decode_group(struct policy *policy, const json_t *object, const char *path, struct fault *fault)
{
    struct group_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, group_fields, COUNT(group_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct scope people = {policy->people, policy->person_count, sizeof(struct person), "person"};
    char place[PLACE_SIZE];
    document_place(place, path, "members");
    struct group *group = &policy->groups[policy->group_count++];
    group->id = wire.id;
    group->member_count = json_array_size(wire.members);
    group->members = array_new(group->member_count, sizeof(*group->members));
    if (group->members == NULL) {
        return no_memory(fault, place);
    }
    return decode_names(group->members, &people, wire.members, place, fault);
}

/* Wallets */

/* The key of a wallet stands beside its other fields, not in an object of its own. */
static enum status decode_wallet_key(struct wallet *wallet, const struct wallet_wire *wire, const char *path,
                                     struct fault *fault)
{
    json_t *object = json_pack("{s:s,s:s}", "alg", wire->alg, "key", wire->key);
    if (object == NULL) {
        return no_memory(fault, path);
    }
    enum status status = account_key_decode(&wallet->key, object, path, fault);
    json_decref(object);
    if (status == STATUS_OK) {
        public_key_id(&wallet->key_id, &wallet->key);
        status = account_id_from_key(&wallet->account, &wallet->key, fault);
    }
    return status;
}

static enum status decode_wallet(struct policy *policy, const json_t *object, const char *path, struct fault *fault)
{
    struct wallet_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, wallet_fields, COUNT(wallet_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct wallet *wallet = &policy->wallets[policy->wallet_count++];
    wallet->id = wire.id;
    wallet->tier = (enum wallet_tier)word_value(policy_tier_words, wire.tier);
    if (wallet->tier == 0 || wallet->tier == TIER_SYSTEM) {
        return refuse(fault, path, "tier", "hot, warm or cold");
    }
    status = decode_wallet_key(wallet, &wire, path, fault);
    if (status == STATUS_OK) {
        char place[PLACE_SIZE];
        document_place(place, path, "assets");
        status = decode_assets(&wallet->assets, &wallet->asset_count, wire.assets, place, fault);
    }
    return status;
}

/* Rules and governance */

static enum status resolve_quorum(struct quorum *out, const struct policy *policy, const struct quorum_wire *wire,
                                  const char *path, struct fault *fault)
{
    const struct scope groups = {policy->groups, policy->group_count, sizeof(struct group), "group"};
    char place[PLACE_SIZE];
    document_place(place, path, "group");
    out->m = (unsigned)wire->m;
    return resolve(&out->group, &groups, wire->group.text, place, fault);
}

static enum status decode_quorum(struct quorum *out, const struct policy *policy, const json_t *object,
                                 const char *path, struct fault *fault)
{
    struct quorum_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, quorum_fields, COUNT(quorum_fields), path, fault);
    return status == STATUS_OK ? resolve_quorum(out, policy, &wire, path, fault) : status;
}

static enum status decode_governance(struct policy *policy, const json_t *object, struct fault *fault)
{
    struct governance_wire wire;
    enum status status =
        canon_decode(&wire, sizeof(wire), object, governance_fields, COUNT(governance_fields), "governance", fault);
    if (status == STATUS_OK) {
        policy->delay_s = wire.delay_s;
        status = resolve_quorum(&policy->governance, policy, &wire.quorum, "governance", fault);
    }
    return status;
}

static enum status decode_demands(struct rule *rule, const struct policy *policy, const struct rule_wire *wire,
                                  const char *path, struct fault *fault)
{
    if (strcmp(wire->destinations, "listed") != 0) {
        return refuse(fault, path, "destinations", "listed");
    }
    rule->max_amount = wire->max_amount;
    char list[PLACE_SIZE];
    document_place(list, path, "quorum");
    for (size_t i = 0; i < json_array_size(wire->quorum); i++) {
        char place[PLACE_SIZE];
        document_place_index(place, list, i);
        enum status status = decode_quorum(&rule->quorum[i], policy, json_array_get(wire->quorum, i), place, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (i > 0 && rule->quorum[i].group <= rule->quorum[i - 1].group) {
            return fault_set(fault, STATUS_INVALID, list, "sorted by group without duplicates");
        }
        rule->quorum_count = i + 1;
    }
    return STATUS_OK;
}

static enum status decode_rule_wallets(struct rule *rule, const struct policy *policy, const json_t *list,
                                       const char *path, struct fault *fault)
{
    const struct scope wallets = {policy->wallets, policy->wallet_count, sizeof(struct wallet), "wallet"};
    char place[PLACE_SIZE];
    document_place(place, path, "wallets");
    rule->wallet_count = json_array_size(list);
    rule->wallets = array_new(rule->wallet_count, sizeof(*rule->wallets));
    if (rule->wallets == NULL) {
        return no_memory(fault, place);
    }
    return decode_names(rule->wallets, &wallets, list, place, fault);
}

static enum status decode_rule(struct policy *policy, const json_t *object, const char *path, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(object, "effect"));
    int effect = text == NULL ? 0 : word_value(policy_effect_words, text);
    size_t count = effect == EFFECT_DENY ? DENY_RULE_FIELD_COUNT : COUNT(rule_fields);
    if (text != NULL && effect == 0) {
        return refuse(fault, path, "effect", "allow or deny");
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
    document_place(place, path, "assets");
    status = decode_assets(&rule->assets, &rule->asset_count, wire.assets, place, fault);
    if (status == STATUS_OK) {
        status = decode_rule_wallets(rule, policy, wire.wallets, path, fault);
    }
    if (status == STATUS_OK && rule->effect == EFFECT_ALLOW) {
        status = decode_demands(rule, policy, &wire, path, fault);
    }
    return status;
}

/* One of the four lists of elements with an id. */
struct list {
    const char *name;
    size_t wire_offset; /* of the json_t * in struct policy_wire */
    size_t array_offset;
    size_t element_size;
    enum status (*decode)(struct policy *policy, const json_t *object, const char *path, struct fault *fault);
};

/* In this order: later ones name elements of earlier ones. */
static const struct list lists[] = {
    {"people", offsetof(struct policy_wire, people), offsetof(struct policy, people), sizeof(struct person),
     decode_person},
    {"groups", offsetof(struct policy_wire, groups), offsetof(struct policy, groups), sizeof(struct group),
     decode_group},
    {"wallets", offsetof(struct policy_wire, wallets), offsetof(struct policy, wallets), sizeof(struct wallet),
     decode_wallet},
    {"rules", offsetof(struct policy_wire, rules), offsetof(struct policy, rules), sizeof(struct rule), decode_rule},
};

/* `elements`: the array of which number `index` was just decoded. */
static enum status check_order(const uint8_t *elements, size_t size, size_t index, const char *list,
                               struct fault *fault)
{
    if (index == 0) {
        return STATUS_OK;
    }
    const struct name *before = (const void *)(elements + (index - 1) * size);
    const struct name *id = (const void *)(elements + index * size);
    if (policy_name_compare(before, id) >= 0) {
        return fault_set(fault, STATUS_INVALID, list, "sorted by id without duplicates: %s stands too late", id->text);
    }
    return STATUS_OK;
}

static enum status decode_list(struct policy *policy, const struct policy_wire *wire, const struct list *list,
                               struct fault *fault)
{
    const json_t *array = *(json_t *const *)(const void *)((const uint8_t *)wire + list->wire_offset);
    uint8_t *elements = array_new(json_array_size(array), list->element_size);
    if (elements == NULL) {
        return no_memory(fault, list->name);
    }
    memcpy((uint8_t *)policy + list->array_offset, &elements, sizeof(elements)); /* transferred to the policy */
    for (size_t i = 0; i < json_array_size(array); i++) {
        char path[PLACE_SIZE];
        document_place_index(path, list->name, i);
        enum status status = list->decode(policy, json_array_get(array, i), path, fault);
        if (status == STATUS_OK) {
            status = check_order(elements, list->element_size, i, list->name, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status check_version(const struct policy *policy, struct fault *fault)
{
    if ((policy->version == 1) != digest_is_zero(&policy->prev)) {
        return fault_set(fault, STATUS_INVALID, "prev", "64 zeros for version 1 and only for it");
    }
    return STATUS_OK;
}

static enum status decode_object(struct policy *out, const json_t *object, struct fault *fault)
{
    struct policy_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, policy_fields, COUNT(policy_fields), "", fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct policy policy = wire.policy;
    status = check_version(&policy, fault);
    for (size_t i = 0; i < COUNT(lists) && status == STATUS_OK; i++) {
        status = decode_list(&policy, &wire, &lists[i], fault);
    }
    if (status == STATUS_OK) {
        status = decode_governance(&policy, wire.governance, fault);
    }
    if (status == STATUS_OK) {
        status = policy_check_floors(&policy, fault);
    }
    if (status != STATUS_OK) {
        policy_free(&policy);
        return status;
    }
    *out = policy; /* transferred */
    return STATUS_OK;
}

enum status policy_decode(struct policy *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = decode_object(out, object, fault);
    }
    if (status == STATUS_OK) {
        digest_document(&out->digest, POLICY_KIND, document, len);
    }
    json_decref(object);
    return status;
}
