/*
 * The parts of an event that are lists: references, facts, abandoned counters, commitments. Filling and reading them.
 */
#include <inttypes.h>

#include "event_rules.h"

static enum status no_memory(struct fault *fault, const char *where)
{
    return fault_set(fault, STATUS_NO_MEMORY, where, "adding to an event");
}

static json_t *hash_text(const struct digest *digest)
{
    char text[DIGEST_HEX_LEN + 1];
    digest_format(text, digest);
    return json_string(text);
}

/* Adds a row to the object at `map`, made when it is the first. Takes over `value`, which is NULL without memory. */
static enum status map_add(json_t **map, const char *where, const char *name, json_t *value, struct fault *fault)
{
    if (!event_name_fits(name) || json_object_get(*map, name) != NULL) {
        json_decref(value);
        return fault_set(fault, STATUS_INVALID, where, "a name of [a-z0-9_] that is not there yet");
    }
    if (*map == NULL) {
        *map = json_object();
    }
    return json_object_set_new(*map, name, value) == 0 ? STATUS_OK : no_memory(fault, where);
}

/* The same for a list. */
static enum status list_add(json_t **list, const char *where, json_t *value, struct fault *fault)
{
    if (json_array_size(*list) >= AUDIT_LIST_MAX) {
        json_decref(value);
        return fault_set(fault, STATUS_INVALID, where, "at most %d elements", AUDIT_LIST_MAX);
    }
    if (*list == NULL) {
        *list = json_array();
    }
    return json_array_append_new(*list, value) == 0 ? STATUS_OK : no_memory(fault, where);
}

enum status audit_event_ref_add(struct audit_event *event, const char *name, const struct digest *digest,
                                struct fault *fault)
{
    return map_add(&event->refs, "refs", name, hash_text(digest), fault);
}

enum status audit_event_refs_add(struct audit_event *event, const char *name, const struct digest *digests,
                                 size_t count, struct fault *fault)
{
    if (count == 0) {
        return fault_set(fault, STATUS_INVALID, "refs", "a list has elements");
    }
    json_t *list = NULL;
    for (size_t i = 0; i < count; i++) {
        enum status status = list_add(&list, "refs", hash_text(&digests[i]), fault);
        if (status != STATUS_OK) {
            json_decref(list);
            return status;
        }
    }
    return map_add(&event->refs, "refs", name, list, fault);
}

enum status audit_event_fact_add(struct audit_event *event, const char *name, const char *value, struct fault *fault)
{
    if (!event_value_fits(value)) {
        return fault_set(fault, STATUS_INVALID, "facts", "1 to 256 printable ASCII characters without space");
    }
    return map_add(&event->facts, "facts", name, json_string(value), fault);
}

enum status audit_event_void_add(struct audit_event *event, uint64_t producer_counter, struct fault *fault)
{
    if (producer_counter == 0 || producer_counter > INT64_MAX) {
        return fault_set(fault, STATUS_INVALID, "void", "counters from 1 to 2^63-1");
    }
    return list_add(&event->voided, "void", json_sprintf("%" PRIu64, producer_counter), fault);
}

enum status audit_event_pii_add(struct audit_event *event, const struct digest *commitment, struct fault *fault)
{
    return list_add(&event->pii, "pii", hash_text(commitment), fault);
}

static enum status read_hash(struct digest *out, const json_t *value)
{
    const char *text = json_string_value(value);
    return text == NULL ? STATUS_NOT_FOUND : digest_parse(out, text);
}

enum status audit_event_ref(struct digest *out, const struct audit_event *event, const char *name)
{
    return read_hash(out, json_object_get(event->refs, name));
}

enum status audit_event_refs(struct digest *out, size_t *in_out_count, const struct audit_event *event,
                             const char *name)
{
    const json_t *value = json_object_get(event->refs, name);
    if (value == NULL) {
        return STATUS_NOT_FOUND;
    }
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (count > *in_out_count) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        enum status status = read_hash(&out[i], json_is_array(value) ? json_array_get(value, i) : value);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *in_out_count = count;
    return STATUS_OK;
}

const char *audit_event_fact(const struct audit_event *event, const char *name)
{
    return json_string_value(json_object_get(event->facts, name));
}
