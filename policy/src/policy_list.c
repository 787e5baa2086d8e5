/*
 * Sorted lists in a policy document, and names in them that must be defined. Elements are counted as soon as they
 * exist, so that policy_free releases a half-built policy.
 */
#include "policy_list.h"

struct quorum_wire {
    struct name group;
    int64_t m;
};

static const struct canon_field quorum_fields[] = {
    CANON_FIELD(struct quorum_wire, group, CANON_NAME),
    CANON_FIELD_RANGE(struct quorum_wire, m, CANON_INTEGER, 1, POLICY_PEOPLE_MAX),
};

enum { QUORUM_FIELD_COUNT = sizeof(quorum_fields) / sizeof(quorum_fields[0]) };

enum status policy_refuse(struct fault *fault, const char *path, const char *name, const char *rule)
{
    char place[PLACE_SIZE];
    document_place(place, path, name);
    return fault_set(fault, STATUS_INVALID, place, "%s", rule);
}

enum status policy_no_memory(struct fault *fault, const char *path)
{
    return fault_set(fault, STATUS_NO_MEMORY, path, "building the policy");
}

void *policy_array_new(size_t count, size_t size)
{
    return calloc(count == 0 ? 1 : count, size);
}

const char *policy_list_text(const json_t *list, size_t index, const char *path, struct fault *fault)
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

enum status policy_list_digests(struct digest **out, size_t *out_count, const json_t *list, const char *path,
                                struct fault *fault)
{
    struct digest *digests = policy_array_new(json_array_size(list), sizeof(*digests));
    if (digests == NULL) {
        return policy_no_memory(fault, path);
    }
    *out = digests; /* transferred to the element, freed with the policy */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = policy_list_text(list, i, path, fault);
        if (text == NULL) {
            return STATUS_INVALID;
        }
        if (digest_parse(&digests[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, path, "64 lower-case hexadecimal digits each");
        }
        *out_count = i + 1;
    }
    return STATUS_OK;
}

static int compare_id(const void *key, const void *element)
{
    return policy_name_compare(key, element);
}

enum status policy_resolve(size_t *out, const struct scope *scope, const char *text, const char *path,
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

/* Sorted names of a sorted array give ascending positions. */
enum status policy_list_names(size_t **out, size_t *out_count, const struct scope *scope, const json_t *list,
                              const char *path, struct fault *fault)
{
    size_t *positions = policy_array_new(json_array_size(list), sizeof(*positions));
    if (positions == NULL) {
        return policy_no_memory(fault, path);
    }
    *out = positions; /* transferred, as above */
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = policy_list_text(list, i, path, fault);
        enum status status = text == NULL ? STATUS_INVALID : policy_resolve(&positions[i], scope, text, path, fault);
        if (status != STATUS_OK) {
            return status;
        }
        *out_count = i + 1;
    }
    return STATUS_OK;
}

enum status policy_quorum_decode(struct quorum *out, const struct policy *policy, const json_t *object,
                                 const char *path, struct fault *fault)
{
    const struct scope groups = {policy->groups, policy->group_count, sizeof(struct group), "group"};
    struct quorum_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, quorum_fields, QUORUM_FIELD_COUNT, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    char place[PLACE_SIZE];
    document_place(place, path, "group");
    out->m = (unsigned)wire.m;
    return policy_resolve(&out->group, &groups, wire.group.text, place, fault);
}
