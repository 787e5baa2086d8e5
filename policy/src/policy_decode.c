/*
 * From the bytes of a policy document to struct policy: shapes, order, names resolved. Rules are in policy_rule.c,
 * the floors in policy_floor.c, signatures in policy_signature.c.
 *
 * Elements are counted in the policy as soon as they exist, so that policy_free releases a half-built one.
 */
#include "policy/policy.h"

#include "matching.h"
#include "policy_list.h"

struct policy_wire {
    struct policy policy;
    json_t *people;
    json_t *groups;
    json_t *wallets;
    json_t *rules;
    json_t *governance;
    json_t *destinations;
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

struct governance_wire {
    struct name group;
    int64_t m;
    int64_t delay_s;
};

struct destinations_wire {
    int64_t cooling_s;
    json_t *groups;
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct canon_field policy_fields[] = {
    CANON_FIELD(struct policy, chain, CANON_HASH),
    CANON_FIELD(struct policy_wire, destinations, CANON_OBJECT),
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
    CANON_FIELD_RANGE(struct person_wire, duties, CANON_ARRAY, 0, 7),
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

static const struct canon_field governance_fields[] = {
    CANON_FIELD_RANGE(struct governance_wire, delay_s, CANON_INTEGER, 1, POLICY_DELAY_MAX_S),
    CANON_FIELD(struct governance_wire, group, CANON_NAME),
    CANON_FIELD_RANGE(struct governance_wire, m, CANON_INTEGER, 1, POLICY_PEOPLE_MAX),
};

static const struct canon_field destinations_fields[] = {
    CANON_FIELD_RANGE(struct destinations_wire, cooling_s, CANON_INTEGER, 0, POLICY_COOLING_MAX_S),
    CANON_FIELD_RANGE(struct destinations_wire, groups, CANON_ARRAY, 1, POLICY_DESTINATIONS_MAX),
};

_Static_assert(offsetof(struct policy_wire, policy) == 0, "the rows of struct policy hold in the wire");

/* People */

static enum status decode_duties(unsigned *out, const json_t *list, const char *path, struct fault *fault)
{
    char place[PLACE_SIZE];
    document_place(place, path, "duties");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = policy_list_text(list, i, place, fault);
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
    status = policy_list_names(&group->members, &group->member_count, &people, wire.members, place, fault);
    for (size_t i = 0; i < group->member_count; i++) {
        people_set_add(&group->set, group->members[i]);
    }
    return status;
}

/* Wallets */

/* The key of a wallet stands beside its other fields, not in an object of its own. */
static enum status decode_wallet_key(struct wallet *wallet, const struct wallet_wire *wire, const char *path,
                                     struct fault *fault)
{
    json_t *object = json_pack("{s:s,s:s}", "alg", wire->alg, "key", wire->key);
    if (object == NULL) {
        return policy_no_memory(fault, path);
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
        return policy_refuse(fault, path, "tier", "hot, warm or cold");
    }
    status = decode_wallet_key(wallet, &wire, path, fault);
    if (status == STATUS_OK) {
        char place[PLACE_SIZE];
        document_place(place, path, "assets");
        status = policy_list_digests(&wallet->assets, &wallet->asset_count, wire.assets, place, fault);
    }
    return status;
}

/* Destinations and governance */

static enum status decode_governance(struct policy *policy, const json_t *object, struct fault *fault)
{
    const struct scope groups = {policy->groups, policy->group_count, sizeof(struct group), "group"};
    struct governance_wire wire;
    enum status status =
        canon_decode(&wire, sizeof(wire), object, governance_fields, COUNT(governance_fields), "governance", fault);
    if (status != STATUS_OK) {
        return status;
    }
    policy->delay_s = wire.delay_s;
    policy->governance.m = (unsigned)wire.m;
    return policy_resolve(&policy->governance.group, &groups, wire.group.text, "governance.group", fault);
}

static enum status decode_destinations(struct policy *policy, const json_t *object, struct fault *fault)
{
    static const char place[] = "destinations.groups";
    struct destinations_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, destinations_fields, COUNT(destinations_fields),
                                      "destinations", fault);
    if (status != STATUS_OK) {
        return status;
    }
    policy->cooling_s = wire.cooling_s;
    policy->destination_groups = policy_array_new(json_array_size(wire.groups), sizeof(*policy->destination_groups));
    if (policy->destination_groups == NULL) {
        return policy_no_memory(fault, place);
    }
    for (size_t i = 0; i < json_array_size(wire.groups); i++) {
        const char *text = policy_list_text(wire.groups, i, place, fault);
        if (text == NULL) {
            return STATUS_INVALID;
        }
        if (name_parse(&policy->destination_groups[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, place, "names: 1 to 63 of [a-z0-9-], first a letter or digit");
        }
        policy->destination_group_count = i + 1;
    }
    return STATUS_OK;
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
    {"rules", offsetof(struct policy_wire, rules), offsetof(struct policy, rules), sizeof(struct rule),
     policy_rule_decode},
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
    uint8_t *elements = policy_array_new(json_array_size(array), list->element_size);
    if (elements == NULL) {
        return policy_no_memory(fault, list->name);
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
    if (status == STATUS_OK) {
        status = decode_destinations(&policy, wire.destinations, fault);
    }
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

enum status policy_prev_decode(struct digest *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct policy_wire wire;
    enum status status = canon_parse(&object, document, len, CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, policy_fields, COUNT(policy_fields), "", fault);
    }
    if (status == STATUS_OK) {
        *out = wire.policy.prev;
    }
    json_decref(object);
    return status;
}
