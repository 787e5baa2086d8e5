/*
 * What an event may say. The same rules hold for what we write and for what we read.
 *
 * Their common aim: values of machines, never sentences of people, so that no personal data and nothing misleading gets
 * into a log that cannot be cleaned.
 */
#include "event_rules.h"

#include "lines.h"

#define NAME_MAX_LEN 32
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static enum status refuse(struct fault *fault, const char *where, const char *rule)
{
    return fault_set(fault, STATUS_INVALID, where, "%s", rule);
}

static bool text_of(const char *text, const char *characters)
{
    return text[strspn(text, characters)] == '\0';
}

bool event_name_fits(const char *name)
{
    size_t len = strnlen(name, NAME_MAX_LEN + 1);
    return len >= 1 && len <= NAME_MAX_LEN && text_of(name, NAME_CHARACTERS);
}

bool event_value_fits(const char *value)
{
    size_t len = strnlen(value, AUDIT_FACT_MAX + 1);
    return len <= AUDIT_FACT_MAX && text_is_graphic(value, len);
}

static bool is_hash(const json_t *value)
{
    struct digest digest;
    return json_is_string(value) && digest_parse(&digest, json_string_value(value)) == STATUS_OK;
}

static bool is_hash_list(const json_t *list)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        if (!is_hash(json_array_get(list, i))) {
            return false;
        }
    }
    return count >= 1 && count <= AUDIT_LIST_MAX;
}

static bool is_reference(const json_t *value)
{
    return json_is_array(value) ? is_hash_list(value) : is_hash(value);
}

static bool is_fact(const json_t *value)
{
    return json_is_string(value) && event_value_fits(json_string_value(value));
}

/* An object of 1 or more rows whose names and values fit; NULL is the absent one. */
static bool is_map(json_t *map, bool (*value_fits)(const json_t *value))
{
    if (map == NULL) {
        return true;
    }
    for (void *row = json_object_iter(map); row != NULL; row = json_object_iter_next(map, row)) {
        if (!event_name_fits(json_object_iter_key(row)) || !value_fits(json_object_iter_value(row))) {
            return false;
        }
    }
    return json_object_size(map) >= 1;
}

static bool read_counter(uint64_t *out, const json_t *value)
{
    const char *text = json_string_value(value);
    const struct line line = {.text = text, .len = text == NULL ? 0 : strlen(text)};
    return line_decimal(out, &line) == STATUS_OK;
}

/* Ascending counters from 1, all below `end`. */
static bool is_void_list(const json_t *list, uint64_t end)
{
    uint64_t previous = 0;
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        uint64_t counter = 0;
        if (!read_counter(&counter, json_array_get(list, i)) || counter <= previous || counter >= end) {
            return false;
        }
        previous = counter;
    }
    return count >= 1 && count <= AUDIT_LIST_MAX;
}

static enum status check_object(const struct audit_event *event, struct fault *fault)
{
    bool has_type = event->object_type[0] != '\0';
    bool has_id = event->object_id[0] != '\0';
    if (has_type != has_id || has_type != (event->object_ordinal > 0)) {
        return refuse(fault, "on", "oid, on and otype stand together or not at all");
    }
    if (!text_of(event->object_type, NAME_CHARACTERS ".-")) {
        return refuse(fault, "otype", "characters of [a-z0-9._-]");
    }
    if (has_id && !text_is_graphic(event->object_id, strlen(event->object_id))) {
        return refuse(fault, "oid", "printable ASCII without space");
    }
    return STATUS_OK;
}

enum status event_check(const struct audit_event *event, struct fault *fault)
{
    if (audit_action_text(event->action) == NULL) {
        return refuse(fault, "act", "an action of the list");
    }
    if (audit_outcome_text(event->outcome) == NULL) {
        return refuse(fault, "outcome", "ok, deny, error or intent");
    }
    if (event->producer_counter == 0) {
        return refuse(fault, "pn", "counts from 1");
    }
    if (!text_of(event->reason, NAME_CHARACTERS ".")) {
        return refuse(fault, "reason", "characters of [a-z0-9._]");
    }
    if (!is_map(event->refs, is_reference)) {
        return refuse(fault, "refs", "names of [a-z0-9_] with a digest or 1 to 256 digests each");
    }
    if (!is_map(event->facts, is_fact)) {
        return refuse(fault, "facts", "names of [a-z0-9_] with 1 to 256 printable ASCII characters, no space");
    }
    if (event->voided != NULL && !is_void_list(event->voided, event->producer_counter)) {
        return refuse(fault, "void", "1 to 256 counters, ascending, below pn");
    }
    if (event->pii != NULL && !is_hash_list(event->pii)) {
        return refuse(fault, "pii", "1 to 256 commitments");
    }
    return check_object(event, fault);
}

static enum status check_names(const char *where, json_t *map, const char *declared, const char *action,
                               struct fault *fault)
{
    for (void *row = json_object_iter(map); row != NULL; row = json_object_iter_next(map, row)) {
        const char *name = json_object_iter_key(row);
        if (!audit_action_lists(declared, name)) {
            char named[64];
            (void)snprintf(named, sizeof(named), "%s.%s", where, name);
            return fault_set(fault, STATUS_INVALID, named, "is not declared for %s", action);
        }
    }
    return STATUS_OK;
}

static enum status check_there(const char *where, const json_t *map, const char *declared, const char *action,
                               struct fault *fault)
{
    struct audit_action_word word;
    while (audit_action_word_next(&word, &declared)) {
        if (word.required && json_object_getn(map, word.text, word.len) == NULL) {
            char named[64];
            (void)snprintf(named, sizeof(named), "%s.%.*s", where, (int)word.len, word.text);
            return fault_set(fault, STATUS_MISSING_FIELD, named, "is required for %s", action);
        }
    }
    return STATUS_OK;
}

/* What a caller asked for and did not get: it can be ok, and it can be refused. */
static bool was_refused(const struct audit_action_info *info, enum audit_outcome outcome)
{
    return (outcome == AUDIT_OUTCOME_DENY || outcome == AUDIT_OUTCOME_ERROR) &&
           audit_action_lists(info->outcomes, "ok") && audit_action_lists(info->outcomes, "deny");
}

static enum status check_required(const struct audit_event *event, const struct audit_action_info *info,
                                  struct fault *fault)
{
    if (was_refused(info, event->outcome)) {
        return STATUS_OK;
    }
    if (event->object_type[0] == '\0' && info->object_type[0] != '\0') {
        return fault_set(fault, STATUS_MISSING_FIELD, "otype", "is required for %s", info->text);
    }
    enum status status = check_there("refs", event->refs, info->refs, info->text, fault);
    return status == STATUS_OK ? check_there("facts", event->facts, info->facts, info->text, fault) : status;
}

enum status event_check_declared(const struct audit_event *event, struct fault *fault)
{
    const struct audit_action_info *info = audit_action_info(event->action);
    INVARIANT(info != NULL);
    if (event->object_type[0] != '\0' && strcmp(event->object_type, info->object_type) != 0) {
        return fault_set(fault, STATUS_INVALID, "otype", "is not declared for %s", info->text);
    }
    if (!audit_action_lists(info->outcomes, audit_outcome_text(event->outcome))) {
        return fault_set(fault, STATUS_INVALID, "outcome", "is not declared for %s", info->text);
    }
    enum status status = check_names("refs", event->refs, info->refs, info->text, fault);
    status = status == STATUS_OK ? check_names("facts", event->facts, info->facts, info->text, fault) : status;
    return status == STATUS_OK ? check_required(event, info, fault) : status;
}
