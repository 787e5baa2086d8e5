/*
 * Collecting the facts of a step. What this tool can compute itself, nobody may type: the hashes of the first step, and
 * what a backup document says of itself.
 */
#include "ceremony_facts.h"

#include "base/file.h"
#include "policy/backup.h"

#define PINNED_FILE_MAX (512UL * 1024 * 1024)
#define PINS_MAX 65536

static bool is_fact(const struct ceremony_script_step *step, const char *name)
{
    for (size_t i = 0; i < step->fact_count; i++) {
        if (strcmp(step->facts[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status state_fact(json_t *values, const char *name, const char *value, struct fault *fault)
{
    if (json_object_get(values, name) != NULL) {
        return fault_set(fault, STATUS_USAGE, name, "is stated twice");
    }
    return json_object_set_new(values, name, json_string(value)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, name, "must be printable ASCII");
}

static enum status facts_from_words(json_t *values, const struct ceremony_script_step *step,
                                    const struct command_input *input, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (int i = 1; status == STATUS_OK && i < input->count; i++) {
        char name[32];
        const char *word = input->words[i];
        const char *equals = strchr(word, '=');
        size_t len = equals == NULL ? 0 : (size_t)(equals - word);
        if (len == 0 || len >= sizeof(name)) {
            return fault_set(fault, STATUS_USAGE, word, "must be name=value");
        }
        memcpy(name, word, len);
        name[len] = '\0';
        status = is_fact(step, name) ? state_fact(values, name, equals + 1, fault)
                                     : fault_set(fault, STATUS_USAGE, name, "is no fact of the step %s", step->step);
    }
    return status;
}

/* The members of the file that are facts of this step. */
static enum status facts_from_file(json_t *values, const struct ceremony_script_step *step, const char *path,
                                   struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = file_read_document(&text, path, CANON_DOCUMENT_MAX, "facts", fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < step->fact_count; i++) {
        const json_t *value = json_object_get(object, step->facts[i]);
        if (value != NULL) {
            status = json_is_string(value) ? state_fact(values, step->facts[i], json_string_value(value), fault)
                                           : fault_set(fault, STATUS_INVALID, step->facts[i], "must be a string");
        }
    }
    json_decref(object);
    bytes_free(&text);
    return status;
}

/* The line of sha256sum ("<hash>  <name>" or "<hash> *<name>") for exactly this name. */
static enum status find_pin(struct digest *out, const char *pins, const char *name, struct fault *fault)
{
    size_t name_len = strlen(name);
    for (const char *line = pins; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (len == DIGEST_HEX_LEN + 2 + name_len && memcmp(line + DIGEST_HEX_LEN + 2, name, name_len) == 0) {
            char hex[DIGEST_HEX_LEN + 1] = "";
            memcpy(hex, line, DIGEST_HEX_LEN);
            return digest_parse(out, hex) == STATUS_OK
                       ? STATUS_OK
                       : fault_set(fault, STATUS_INVALID, "pins", "the line of %s has no SHA-256", name);
        }
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    return fault_set(fault, STATUS_NOT_FOUND, "pins", "the list has no line for %s", name);
}

static enum status hash_pinned(struct digest *out_seen, struct digest *out_pinned, const char *fact, const char *path,
                               const char *pins, struct fault *fault)
{
    struct bytes content = {0};
    if (path[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, fact, "name the file");
    }
    enum status status = find_pin(out_pinned, pins, path, fault);
    if (status == STATUS_OK) {
        status = file_read(&content, path, PINNED_FILE_MAX, fact, fault);
    }
    if (status == STATUS_OK) {
        digest_sha256(out_seen, content.data, content.len);
    }
    bytes_free(&content);
    return status;
}

enum status ceremony_facts_hashes(struct ceremony_hashes *out, const struct custody_options *options,
                                  struct fault *fault)
{
    struct bytes pins = {0};
    struct ceremony_hashes hashes;
    if (options->pins[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "pins", "name the list of pinned hashes");
    }
    enum status status = file_read(&pins, options->pins, PINS_MAX, "pins", fault);
    if (status == STATUS_OK) {
        status = hash_pinned(&hashes.module, &hashes.module_pinned, "module", options->module, (const char *)pins.data,
                             fault);
    }
    if (status == STATUS_OK) {
        status = hash_pinned(&hashes.program, &hashes.program_pinned, "program", options->program,
                             (const char *)pins.data, fault);
    }
    bytes_free(&pins);
    if (status == STATUS_OK) {
        *out = hashes;
    }
    return status;
}

static enum status state_hash(json_t *values, const char *fact, const struct digest *seen, const struct digest *pinned,
                              const char *path, struct fault *fault)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, seen);
    return digest_equal(seen, pinned)
               ? state_fact(values, fact, hex, fault)
               : fault_set(fault, STATUS_MISMATCH, fact, "%s is not the pinned file: its SHA-256 is %s", path, hex);
}

static enum status facts_from_pins(json_t *values, const struct custody_options *options, struct fault *fault)
{
    struct ceremony_hashes hashes;
    enum status status = ceremony_facts_hashes(&hashes, options, fault);
    if (status == STATUS_OK) {
        status = state_hash(values, "module", &hashes.module, &hashes.module_pinned, options->module, fault);
    }
    return status == STATUS_OK
               ? state_hash(values, "program", &hashes.program, &hashes.program_pinned, options->program, fault)
               : status;
}

static enum status state_backup(json_t *values, const struct backup *backup, const struct digest *digest,
                                struct fault *fault)
{
    char hex[DIGEST_HEX_LEN + 1];
    char number[16];
    digest_format(hex, digest);
    enum status status = state_fact(values, "backup", hex, fault);
    if (status == STATUS_OK) {
        digest_format(hex, &backup->check);
        status = state_fact(values, "check", hex, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(number, sizeof(number), "%u", backup->shares.threshold);
        status = state_fact(values, "threshold", number, fault);
    }
    return status;
}

/* What a backup document says of itself, when it is signed by the key of this ceremony. */
static enum status facts_from_backup(json_t *values, const struct ceremony *ceremony, const char *path,
                                     struct fault *fault)
{
    struct signed_document document = {0};
    struct backup backup = {0};
    struct digest id;
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    const char *made = ceremony_fact(ceremony, "key_id");
    enum status status = command_read_signed(&document, path, CANON_DOCUMENT_MAX, "backup", fault);
    if (status == STATUS_OK) {
        status = backup_verify(&backup, &document, fault);
    }
    if (status == STATUS_OK) {
        public_key_id(&id, &backup.key);
        digest_format(hex, &id);
        if (made == NULL || strcmp(made, hex) != 0) {
            status = fault_set(fault, STATUS_MISMATCH, "backup", "is of another key than this ceremony made");
        }
    }
    if (status == STATUS_OK) {
        backup_digest(&digest, document.document.data, document.document.len);
        status = state_backup(values, &backup, &digest, fault);
    }
    signed_document_free(&document);
    return status;
}

/* Without a backup document: "none" and "clone" have neither check nor threshold. */
static enum status complete_backup(json_t *values, struct fault *fault)
{
    const char *backup = json_string_value(json_object_get(values, "backup"));
    if (backup == NULL || (strcmp(backup, "none") != 0 && strcmp(backup, "clone") != 0)) {
        return fault_set(fault, STATUS_USAGE, "backup",
                         "hand over --backup FILE, or state backup=none or backup=clone");
    }
    bool good = json_object_set_new(values, "check", json_string("")) == 0 &&
                json_object_set_new(values, "threshold", json_string("")) == 0;
    return good ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status facts_by_step(json_t *values, const struct ceremony *ceremony,
                                 const struct ceremony_script_step *step, const struct custody_options *options,
                                 struct fault *fault)
{
    if (strcmp(step->step, "open") == 0) {
        return facts_from_pins(values, options, fault);
    }
    if (strcmp(step->step, "backup") == 0) {
        return options->backup[0] == '\0' ? complete_backup(values, fault)
                                          : facts_from_backup(values, ceremony, options->backup, fault);
    }
    if (options->facts[0] != '\0' && strcmp(step->step, "generate") != 0) {
        return fault_set(fault, STATUS_USAGE, "facts", "what the step %s states, a person reads and types", step->step);
    }
    return options->facts[0] == '\0' ? STATUS_OK : facts_from_file(values, step, options->facts, fault);
}

/* In the order of the script; what is missing, ceremony_step_body names. */
static void list_facts(struct ceremony_facts *out, const struct ceremony_script_step *step)
{
    for (size_t i = 0; i < step->fact_count; i++) {
        const char *value = json_string_value(json_object_get(out->values, step->facts[i]));
        if (value != NULL) {
            out->facts[out->count++] = (struct ceremony_fact){.name = step->facts[i], .value = value};
        }
    }
}

enum status ceremony_facts_collect(struct ceremony_facts *out, const struct ceremony *ceremony,
                                   const struct ceremony_script_step *step, const struct command_input *input,
                                   struct fault *fault)
{
    struct ceremony_facts facts = {.values = json_object()};
    enum status status = facts.values == NULL ? STATUS_NO_MEMORY : facts_from_words(facts.values, step, input, fault);
    if (status == STATUS_OK) {
        status = facts_by_step(facts.values, ceremony, step, input->options, fault);
    }
    if (status != STATUS_OK) {
        ceremony_facts_free(&facts);
        return status;
    }
    list_facts(&facts, step);
    *out = facts; /* transferred */
    return STATUS_OK;
}

void ceremony_facts_free(struct ceremony_facts *facts)
{
    json_decref(facts->values);
    *facts = (struct ceremony_facts){0};
}
