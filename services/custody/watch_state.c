/*
 * The file of the watch: one canonical document, replaced as a whole. What is written there was done; what was done and
 * not written, because the process was killed in between, is done again.
 */
#include "watch_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/canon.h"
#include "base/clock.h"
#include "base/file.h"

#define STATE_MAX (32 * 1024 * 1024)
#define TOLD_MAX 640
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct document {
    json_t *entries;
};

static const struct canon_field document_fields[] = {CANON_FIELD(struct document, entries, CANON_ARRAY)};

struct row {
    json_t *alarm;
    int64_t seen_at;
    json_t *told;
};

static const struct canon_field row_fields[] = {
    CANON_FIELD(struct row, alarm, CANON_OBJECT),
    CANON_FIELD(struct row, seen_at, CANON_TIME),
    CANON_FIELD(struct row, told, CANON_ARRAY),
};

static enum status failed(struct fault *fault, const char *path, const char *what)
{
    return fault_set(fault, STATUS_IO, path, "%s: %s", what, strerror(errno));
}

/* Reading. */

static enum status grow(struct watch_entry **out, struct watch_state *state, struct fault *fault)
{
    struct watch_entry *grown = realloc(state->entries, (state->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
    }
    state->entries = grown;
    *out = &state->entries[state->count];
    return STATUS_OK;
}

static enum status read_row(struct watch_state *state, const json_t *object, struct fault *fault)
{
    struct row row;
    struct watch_entry *entry = NULL;
    struct watch_alarm alarm = {0};
    enum status status = canon_decode(&row, sizeof(row), object, row_fields, COUNT(row_fields), "entries.", fault);
    if (status == STATUS_OK) {
        status = watch_alarm_read_back(&alarm, row.alarm, fault);
    }
    if (status == STATUS_OK) {
        status = grow(&entry, state, fault);
    }
    if (status != STATUS_OK) {
        watch_alarm_wipe(&alarm);
        return status;
    }
    *entry = (struct watch_entry){
        .alarm = alarm, .seen_at_utc_us = row.seen_at, .told = json_incref(row.told), .present = true};
    state->count++;
    return STATUS_OK;
}

static enum status read_rows(struct watch_state *state, const struct bytes *bytes, struct fault *fault)
{
    json_t *object = NULL;
    struct document document = {0};
    enum status status = canon_parse(&object, bytes->data, bytes->len, STATE_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&document, sizeof(document), object, document_fields, COUNT(document_fields), "", fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(document.entries); i++) {
        status = read_row(state, json_array_get(document.entries, i), fault);
    }
    json_decref(object);
    return status;
}

static enum status read_file(struct watch_state *state, struct fault *fault)
{
    struct bytes bytes = {0};
    struct fault why = {0};
    if (access(state->path, F_OK) != 0 && errno == ENOENT) {
        return STATUS_OK;
    }
    enum status status = file_read(&bytes, state->path, STATE_MAX, "state", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_rows(state, &bytes, &why);
    bytes_free(&bytes);
    return status == STATUS_OK ? STATUS_OK
                               : fault_set(fault, STATUS_CORRUPT, state->path, "%s: %s", why.where, why.detail);
}

static enum status take_lock(struct watch_state *state, struct fault *fault)
{
    char path[sizeof(state->path) + 8];
    (void)snprintf(path, sizeof(path), "%s.lock", state->path);
    state->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (state->lock_fd < 0) {
        return failed(fault, path, "could not open");
    }
    return flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_CONFLICT, path, "another process has it");
}

enum status watch_state_open(struct watch_state *out, const char *path, struct fault *fault)
{
    struct watch_state state = {.lock_fd = -1};
    (void)snprintf(state.path, sizeof(state.path), "%s", path);
    enum status status = take_lock(&state, fault);
    if (status == STATUS_OK) {
        status = read_file(&state, fault);
    }
    if (status != STATUS_OK) {
        watch_state_close(&state);
        return status;
    }
    *out = state;
    return STATUS_OK;
}

/* Writing. */

static enum status add_row(json_t *rows, const struct watch_entry *entry, struct fault *fault)
{
    struct row row = {.seen_at = entry->seen_at_utc_us, .told = entry->told};
    json_t *object = NULL;
    enum status status = watch_alarm_write(&row.alarm, &entry->alarm, fault);
    if (status == STATUS_OK) {
        status = canon_encode(&object, &row, row_fields, COUNT(row_fields), fault);
    }
    json_decref(row.alarm);
    if (status == STATUS_OK && json_array_append_new(rows, object) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
    }
    return status;
}

enum status watch_state_save(struct watch_state *state, struct fault *fault)
{
    struct document document = {.entries = json_array()};
    struct bytes bytes = {0};
    enum status status = STATUS_OK;
    if (!state->changed) {
        json_decref(document.entries);
        return STATUS_OK;
    }
    for (size_t i = 0; status == STATUS_OK && i < state->count; i++) {
        status = add_row(document.entries, &state->entries[i], fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(&bytes, &document, document_fields, COUNT(document_fields), STATE_MAX, fault);
    }
    json_decref(document.entries);
    if (status == STATUS_OK) {
        status = file_replace(state->path, &bytes, "state", fault);
        bytes_free(&bytes);
    }
    state->changed = status != STATUS_OK;
    return status;
}

/* Entries. */

struct watch_entry *watch_state_find(struct watch_state *state, const struct digest *id)
{
    for (size_t i = 0; i < state->count; i++) {
        if (digest_equal(&state->entries[i].alarm.id, id)) {
            return &state->entries[i];
        }
    }
    return NULL;
}

struct watch_entry *watch_state_find_own(struct watch_state *state, const char *code, const char *object_id)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct watch_alarm *alarm = &state->entries[i].alarm;
        if (strcmp(alarm->code, code) == 0 && strcmp(alarm->object_id, object_id) == 0) {
            return &state->entries[i];
        }
    }
    return NULL;
}

enum status watch_state_put(struct watch_state *state, struct watch_alarm *alarm, int64_t now_utc_us,
                            struct fault *fault)
{
    struct watch_entry *entry = watch_state_find(state, &alarm->id);
    if (entry != NULL) {
        state->changed = state->changed || entry->alarm.answered != alarm->answered;
        watch_alarm_wipe(&entry->alarm);
        entry->alarm = *alarm; /* transferred */
        entry->present = true;
        return STATUS_OK;
    }
    json_t *told = json_array();
    enum status status = told == NULL ? fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "") : STATUS_OK;
    if (status == STATUS_OK) {
        status = grow(&entry, state, fault);
    }
    if (status != STATUS_OK) {
        json_decref(told);
        watch_alarm_wipe(alarm);
        return status;
    }
    *entry = (struct watch_entry){.alarm = *alarm, .seen_at_utc_us = now_utc_us, .told = told, .present = true};
    state->count++;
    state->changed = true;
    return STATUS_OK;
}

static void wipe_entry(struct watch_entry *entry)
{
    watch_alarm_wipe(&entry->alarm);
    json_decref(entry->told);
}

void watch_state_drop(struct watch_state *state, size_t index)
{
    wipe_entry(&state->entries[index]);
    state->entries[index] = state->entries[--state->count];
    state->changed = true;
}

static void told_text(char out[TOLD_MAX], const char *notice, const char *program)
{
    (void)snprintf(out, TOLD_MAX, "%s %s", notice, program);
}

bool watch_entry_told(const struct watch_entry *entry, const char *notice, const char *program)
{
    char text[TOLD_MAX];
    told_text(text, notice, program);
    for (size_t i = 0; i < json_array_size(entry->told); i++) {
        const char *one = json_string_value(json_array_get(entry->told, i));
        if (one != NULL && strcmp(one, text) == 0) {
            return true;
        }
    }
    return false;
}

enum status watch_state_tell(struct watch_state *state, struct watch_entry *entry, const char *notice,
                             const char *program, struct fault *fault)
{
    char text[TOLD_MAX];
    told_text(text, notice, program);
    state->changed = true;
    return json_array_append_new(entry->told, json_string(text)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
}

void watch_state_close(struct watch_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        wipe_entry(&state->entries[i]);
    }
    free(state->entries);
    if (state->lock_fd >= 0) {
        (void)close(state->lock_fd);
    }
    *state = (struct watch_state){.lock_fd = -1};
}
