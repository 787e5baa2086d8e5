/*
 * The file of a witness: one canonical document behind its own SHA-256, replaced as a whole and synced. What it says of
 * a log is proven by the note in it, which the log has signed; whatever does not fit together is corrupt, and nothing
 * is ever taken to be zero.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_keys.h"
#include "base/canon.h"
#include "base/file.h"

#define FORM 1
#define FILE_NAME "state"
#define PATH_SIZE 1024
#define NOTE_MAX AUDIT_ADD_CHECKPOINT_MAX
#define STATE_MAX (WITNESS_LOGS_MAX * 2 * NOTE_MAX)
#define MACHINE_ID_PATH "/etc/machine-id"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct document {
    int64_t form;
    bool halted;
    json_t *logs;
    char name[AUDIT_VKEY_SIZE];
    struct digest place;
};

static const struct canon_field document_fields[] = {
    CANON_FIELD_RANGE(struct document, form, CANON_INTEGER, FORM, FORM),
    CANON_FIELD(struct document, halted, CANON_BOOLEAN),
    CANON_FIELD_RANGE(struct document, logs, CANON_ARRAY, 1, WITNESS_LOGS_MAX),
    CANON_FIELD_RANGE(struct document, name, CANON_TEXT, 1, 0),
    CANON_FIELD(struct document, place, CANON_HASH),
};

struct row {
    char key[AUDIT_VKEY_SIZE];
    char next[AUDIT_VKEY_SIZE];
    struct bytes note;
    struct digest root;
    uint64_t size;
};

static const struct canon_field row_fields[] = {
    CANON_FIELD_RANGE(struct row, key, CANON_TEXT, 1, 0),
    CANON_FIELD_OPTIONAL(struct row, next, CANON_TEXT),
    CANON_FIELD_SIZED(struct row, note, CANON_BYTES, NOTE_MAX),
    CANON_FIELD(struct row, root, CANON_HASH),
    CANON_FIELD(struct row, size, CANON_COUNTER),
};

static enum status failed(struct fault *fault, const char *path, const char *what)
{
    return fault_set(fault, STATUS_IO, "state", "could not %s %s: %s", what, path, strerror(errno));
}

void witness_state_wipe(struct witness_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        bytes_free(&state->logs[i].note);
    }
    *state = (struct witness_state){0};
}

/* Where it is: the machine and the folder. Restored from a copy it is another folder. */

static void machine_read(char *out, size_t size)
{
    int fd = open(MACHINE_ID_PATH, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, size - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static enum status place_find(struct digest *out, const char *folder, const char *machine, struct fault *fault)
{
    struct stat info;
    char text[160];
    if (stat(folder, &info) != 0) {
        return failed(fault, folder, "look at");
    }
    int len = snprintf(text, sizeof(text), "strongroom witness place\n%s\n%" PRIu64, machine, (uint64_t)info.st_ino);
    digest_sha256(out, text, (size_t)len);
    return STATUS_OK;
}

/* A machine that had no id when the state was made may have one by now. */
static enum status place_check(const struct digest *place, const char *folder, struct fault *fault)
{
    char machine[64];
    struct digest here;
    struct digest of_no_machine;
    machine_read(machine, sizeof(machine));
    enum status status = place_find(&here, folder, machine, fault);
    if (status == STATUS_OK) {
        status = place_find(&of_no_machine, folder, "", fault);
    }
    if (status == STATUS_OK && !digest_equal(place, &here) && !digest_equal(place, &of_no_machine)) {
        status = fault_set(fault, STATUS_CONFLICT, "state",
                           "%s is a copy, or was moved: what was cosigned since is not in it; make a new witness with "
                           "another key",
                           folder);
    }
    return status;
}

enum status witness_state_lock(int *out_fd, const char *folder, struct fault *fault)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? fault_set(fault, STATUS_NOT_FOUND, "state",
                                           "there is none in %s; custody witness init makes one", folder)
                               : failed(fault, folder, "open");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return fault_set(fault, STATUS_CONFLICT, "state", "another process has %s", folder);
    }
    *out_fd = fd;
    return STATUS_OK;
}

/* Reading. */

/* A log of size 0 has signed nothing; of any other size its note says so. */
static enum status check_log(const struct witness_log *log, struct fault *fault)
{
    struct audit_checkpoint checkpoint = {0};
    struct digest empty;
    digest_sha256(&empty, NULL, 0);
    if (log->last.size == 0) {
        return log->note.len == 0 && digest_equal(&log->last.root, &empty)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_CORRUPT, "logs.root", "is not that of an empty log");
    }
    enum status status =
        audit_checkpoint_open_any(&checkpoint, log->note.data, log->note.len, log->keys, log->key_count, fault);
    if (status == STATUS_OK &&
        (checkpoint.size != log->last.size || !digest_equal(&checkpoint.root, &log->last.root))) {
        status = fault_set(fault, STATUS_CORRUPT, "logs.note", "is of another checkpoint");
    }
    return status;
}

static enum status read_row(struct witness_log *out, const json_t *object, struct fault *fault)
{
    struct row row;
    enum status status = canon_decode(&row, sizeof(row), object, row_fields, COUNT(row_fields), "logs.", fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct witness_log){.last = {.size = row.size, .root = row.root}, .note = row.note}; /* transferred */
    status = audit_key_parse(&out->keys[0], row.key, fault);
    out->key_count = 1;
    if (status == STATUS_OK && row.next[0] != '\0') {
        status = audit_key_parse(&out->keys[1], row.next, fault);
        out->key_count = 2;
    }
    return status == STATUS_OK ? check_log(out, fault) : status;
}

static enum status read_document(struct witness_state *out, struct digest *out_place, const struct bytes *text,
                                 struct fault *fault)
{
    json_t *object = NULL;
    struct document document = {0};
    enum status status = canon_parse(&object, text->data, text->len, STATE_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&document, sizeof(document), object, document_fields, COUNT(document_fields), "", fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(document.logs); i++) {
        status = read_row(&out->logs[i], json_array_get(document.logs, i), fault);
        out->count++;
    }
    json_decref(object);
    out->halted = document.halted;
    memcpy(out->name, document.name, sizeof(out->name));
    *out_place = document.place;
    return status;
}

/* What stands behind the sum, when the sum is right. */
static enum status check_sum(struct bytes *inout, struct fault *fault)
{
    struct digest sum;
    char hex[DIGEST_HEX_LEN + 1];
    size_t head = DIGEST_HEX_LEN + 1;
    if (inout->len <= head || inout->data[DIGEST_HEX_LEN] != '\n') {
        return fault_set(fault, STATUS_CORRUPT, "sum", "is not there");
    }
    digest_sha256(&sum, inout->data + head, inout->len - head);
    digest_format(hex, &sum);
    if (memcmp(hex, inout->data, DIGEST_HEX_LEN) != 0) {
        return fault_set(fault, STATUS_CORRUPT, "sum", "is of other bytes");
    }
    memmove(inout->data, inout->data + head, inout->len - head);
    inout->len -= head;
    return STATUS_OK;
}

static enum status read_file(struct bytes *out, const char *path, struct fault *fault)
{
    if (access(path, F_OK) != 0) {
        return errno == ENOENT ? fault_set(fault, STATUS_NOT_FOUND, "state",
                                           "%s is not there; custody witness init makes a new witness", path)
                               : failed(fault, path, "look at");
    }
    return file_read_document(out, path, STATE_MAX + DIGEST_HEX_LEN + 1, "state", fault);
}

enum status witness_state_read(struct witness_state *out, const char *folder, bool anywhere, struct fault *fault)
{
    char path[PATH_SIZE];
    struct bytes text = {0};
    struct fault why = {0};
    struct digest place;
    struct witness_state state = {0};
    (void)snprintf(path, sizeof(path), "%s/" FILE_NAME, folder);
    enum status status = read_file(&text, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_sum(&text, &why);
    if (status == STATUS_OK) {
        status = read_document(&state, &place, &text, &why);
    }
    bytes_free(&text);
    if (status != STATUS_OK) {
        status = status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
        status = fault_set(fault, status, "state", "%s: %s: %s", path, why.where, why.detail);
    } else if (!anywhere) {
        status = place_check(&place, folder, fault);
    }
    if (status != STATUS_OK) {
        witness_state_wipe(&state);
        return status;
    }
    *out = state; /* transferred */
    return STATUS_OK;
}

/* Writing. */

static enum status add_row(json_t *rows, const struct witness_log *log, struct fault *fault)
{
    struct row row = {.note = log->note, .root = log->last.root, .size = log->last.size};
    json_t *object = NULL;
    audit_key_format(row.key, &log->keys[0]);
    if (log->key_count == 2) {
        audit_key_format(row.next, &log->keys[1]);
    }
    enum status status = canon_encode(&object, &row, row_fields, COUNT(row_fields), fault);
    if (status == STATUS_OK && json_array_append_new(rows, object) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
    }
    return status;
}

static enum status encode(struct bytes *out, const struct witness_state *state, const struct digest *place,
                          struct fault *fault)
{
    struct document document = {.form = FORM, .halted = state->halted, .logs = json_array(), .place = *place};
    memcpy(document.name, state->name, sizeof(document.name));
    enum status status = document.logs == NULL ? fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "") : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < state->count; i++) {
        status = add_row(document.logs, &state->logs[i], fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &document, document_fields, COUNT(document_fields), STATE_MAX, fault);
    }
    json_decref(document.logs);
    return status;
}

enum status witness_state_write(const char *folder, const struct witness_state *state, struct fault *fault)
{
    char machine[64];
    char path[PATH_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    struct digest place;
    struct digest sum;
    struct bytes document = {0};
    struct bytes file = {0};
    struct buffer buffer;
    machine_read(machine, sizeof(machine));
    enum status status = place_find(&place, folder, machine, fault);
    if (status == STATUS_OK) {
        status = encode(&document, state, &place, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    digest_sha256(&sum, document.data, document.len);
    digest_format(hex, &sum);
    buffer_init(&buffer);
    buffer_append_text(&buffer, hex);
    buffer_append_text(&buffer, "\n");
    buffer_append(&buffer, document.data, document.len);
    buffer_append_text(&buffer, "\n");
    bytes_free(&document);
    status = buffer_finish(&file, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "state", "%s", "");
    }
    (void)snprintf(path, sizeof(path), "%s/" FILE_NAME, folder);
    status = file_replace(path, &file, "state", fault);
    bytes_free(&file);
    return status;
}

enum status witness_state_create(const char *folder, const struct witness_state *state, struct fault *fault)
{
    if (mkdir(folder, 0700) != 0) {
        return errno == EEXIST ? fault_set(fault, STATUS_EXISTS, "state",
                                           "%s is there; a new witness gets a folder of its own", folder)
                               : failed(fault, folder, "make");
    }
    return witness_state_write(folder, state, fault);
}
