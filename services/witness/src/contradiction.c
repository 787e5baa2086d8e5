/*
 * What shows that a log has two histories: its signed note that was remembered and the one that was offered. A file for
 * each, never changed; anybody with the log's key can check it.
 */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/canon.h"
#include "base/file.h"
#include "state.h"

#define PATH_SIZE 1024
#define SUFFIX ".json"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct document {
    int64_t at;
    char kind[16];
    char log[AUDIT_VKEY_SIZE];
    struct bytes offered;    /* the signed note */
    struct bytes proof;      /* lines of base64, as offered */
    struct bytes remembered; /* the signed note */
};

static const struct canon_field document_fields[] = {
    CANON_FIELD(struct document, at, CANON_TIME),
    CANON_FIELD_RANGE(struct document, kind, CANON_TEXT, 1, 0),
    CANON_FIELD_RANGE(struct document, log, CANON_TEXT, 1, 0),
    CANON_FIELD_SIZED(struct document, offered, CANON_BYTES, AUDIT_ADD_CHECKPOINT_MAX),
    CANON_FIELD_SIZED(struct document, proof, CANON_BYTES, AUDIT_ADD_CHECKPOINT_MAX),
    CANON_FIELD_SIZED(struct document, remembered, CANON_BYTES, AUDIT_ADD_CHECKPOINT_MAX),
};

static bool is_kept_name(const char *name, const char *kind)
{
    size_t len = strlen(name);
    size_t suffix = strlen(SUFFIX);
    return strncmp(name, kind, strlen(kind)) == 0 && name[strlen(kind)] == '-' && len > suffix &&
           strcmp(name + len - suffix, SUFFIX) == 0;
}

static enum status count_kind(size_t *out, const char *folder, const char *kind, struct fault *fault)
{
    DIR *stream = opendir(folder);
    if (stream == NULL) {
        return fault_set(fault, STATUS_IO, "state", "could not read %s: %s", folder, strerror(errno));
    }
    *out = 0;
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        *out += is_kept_name(entry->d_name, kind);
    }
    (void)closedir(stream);
    return STATUS_OK;
}

static enum status encode(struct bytes *out, const struct witness_contradiction *contradiction, struct fault *fault)
{
    struct bytes proof = {0};
    struct bytes offered = {0};
    struct document document = {.at = contradiction->at_utc_us, .remembered = contradiction->log->note};
    enum status status = audit_proof_encode(&proof, &contradiction->offered->proof);
    if (status == STATUS_OK) {
        status = audit_note_strip(&offered, contradiction->note, contradiction->log->keys,
                                  contradiction->log->key_count, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(document.kind, sizeof(document.kind), "%s", contradiction->kind);
        audit_key_format(document.log, &contradiction->log->keys[contradiction->log->key_count - 1]);
        document.offered = offered;
        document.proof = proof;
        status = canon_encode_bytes(out, &document, document_fields, COUNT(document_fields), CANON_POLICY_MAX, fault);
    }
    bytes_free(&offered);
    bytes_free(&proof);
    return status;
}

enum status witness_contradiction_keep(bool *out_new, const char *folder,
                                       const struct witness_contradiction *contradiction, struct fault *fault)
{
    char path[PATH_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;
    struct bytes text = {0};
    size_t count = 0;
    *out_new = false;
    digest_sha256(&digest, contradiction->note->body, contradiction->note->body_len);
    digest_format(hex, &digest);
    (void)snprintf(path, sizeof(path), "%s/%s-%.16s" SUFFIX, folder, contradiction->kind, hex);
    enum status status = count_kind(&count, folder, contradiction->kind, fault);
    if (status != STATUS_OK || access(path, F_OK) == 0 || count >= WITNESS_CONTRADICTIONS_MAX) {
        return status;
    }
    status = encode(&text, contradiction, fault);
    if (status == STATUS_OK) {
        status = file_create(path, &text, "state", fault);
        bytes_free(&text);
    }
    *out_new = status == STATUS_OK;
    return status;
}

/* One that cannot be read is named: it hides no other. */
static enum status read_one(json_t *array, const char *folder, const char *name, struct fault *fault)
{
    char path[PATH_SIZE];
    struct bytes text = {0};
    json_t *object = NULL;
    struct fault why = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    enum status status = file_read(&text, path, CANON_POLICY_MAX, "state", &why);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, CANON_POLICY_MAX, &why);
        bytes_free(&text);
    }
    if (status != STATUS_OK) {
        object = json_pack("{s:s, s:s}", "file", path, "reason", why.detail);
    }
    return json_array_append_new(array, object) == 0 ? STATUS_OK
                                                     : fault_set(fault, STATUS_NO_MEMORY, "state", "%s", "");
}

enum status witness_contradictions_read(json_t **out, const char *folder, struct fault *fault)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    json_t *array = json_array();
    enum status status = STATUS_OK;
    if (count < 0 || array == NULL) {
        status = fault_set(fault, STATUS_IO, "state", "could not read %s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (status == STATUS_OK && (is_kept_name(name, "fork") || is_kept_name(name, "unproven"))) {
            status = read_one(array, folder, name, fault);
        }
        free(names[i]);
    }
    free((void *)names);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}
