/*
 * The scripts of ceremonies. A change to one is a new version: transcripts name the digest.
 */
#include "ceremony_internal.h"

#define FACTS(...) {__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)

static const struct ceremony_script_step key_steps[] = {
    {"open", CEREMONY_ADMINISTRATOR, FACTS("module", "program")},
    {"attend", CEREMONY_WITNESS, FACTS("serial")},
    {"generate", CEREMONY_CUSTODIAN_1,
     FACTS("alg", "approved", "firmware", "key", "key_id", "label", "manufacturer", "mechanism", "model", "module",
           "program", "proof", "rng", "serial")},
    {"backup", CEREMONY_CUSTODIAN_2, FACTS("backup", "check", "threshold")},
    {"inspect", CEREMONY_WITNESS, FACTS("key_id", "serial")},
    {"close", CEREMONY_ADMINISTRATOR, FACTS("key_id")},
};

static const struct ceremony_script scripts[] = {
    {"key", 1, key_steps, sizeof(key_steps) / sizeof(key_steps[0])},
};

static const struct word role_words[] = {{"administrator", CEREMONY_ADMINISTRATOR},
                                         {"custodian-1", CEREMONY_CUSTODIAN_1},
                                         {"custodian-2", CEREMONY_CUSTODIAN_2},
                                         {"witness", CEREMONY_WITNESS},
                                         {NULL, 0}};

struct script_wire {
    struct name name;
    json_t *steps;
    int64_t version;
};

struct step_wire {
    json_t *facts;
    char role[24];
    struct name step;
};

static const struct canon_field script_fields[] = {
    CANON_FIELD(struct script_wire, name, CANON_NAME),
    CANON_FIELD_RANGE(struct script_wire, steps, CANON_ARRAY, 1, CEREMONY_STEPS_MAX),
    CANON_FIELD_RANGE(struct script_wire, version, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

static const struct canon_field step_fields[] = {
    CANON_FIELD_RANGE(struct step_wire, facts, CANON_ARRAY, 1, CEREMONY_FACTS_MAX),
    CANON_FIELD(struct step_wire, role, CANON_TEXT),
    CANON_FIELD(struct step_wire, step, CANON_NAME),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const char *ceremony_role_text(enum ceremony_role role)
{
    return word_text(role_words, (int)role);
}

enum status ceremony_role_parse(enum ceremony_role *out, const char *text)
{
    int role = word_value(role_words, text);
    if (role == 0) {
        return STATUS_INVALID;
    }
    *out = (enum ceremony_role)role;
    return STATUS_OK;
}

const struct ceremony_script *ceremony_script_find(const char *name, int64_t version)
{
    for (size_t i = 0; i < COUNT(scripts); i++) {
        if (scripts[i].version == version && strcmp(scripts[i].name, name) == 0) {
            return &scripts[i];
        }
    }
    return NULL;
}

static enum status encode_step(json_t **out, const struct ceremony_script_step *row, struct fault *fault)
{
    struct step_wire wire = {.facts = json_array()};
    word_write(wire.role, sizeof(wire.role), role_words, (int)row->role);
    INVARIANT(name_parse(&wire.step, row->step) == STATUS_OK);
    bool built = wire.facts != NULL;
    for (size_t i = 0; i < row->fact_count && built; i++) {
        built = json_array_append_new(wire.facts, json_string(row->facts[i])) == 0;
    }
    enum status status = built ? canon_encode(out, &wire, step_fields, COUNT(step_fields), fault)
                               : fault_set(fault, STATUS_NO_MEMORY, "script", "building the document");
    json_decref(wire.facts);
    return status;
}

enum status ceremony_script_encode(struct bytes *out, const struct ceremony_script *script, struct fault *fault)
{
    struct script_wire wire = {.steps = json_array(), .version = script->version};
    INVARIANT(name_parse(&wire.name, script->name) == STATUS_OK);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < script->step_count && status == STATUS_OK; i++) {
        json_t *step = NULL;
        status = encode_step(&step, &script->steps[i], fault);
        if (status == STATUS_OK && json_array_append_new(wire.steps, step) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "script", "building the document");
        }
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, script_fields, COUNT(script_fields), CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.steps);
    return status;
}

enum status ceremony_script_digest(struct digest *out, const struct ceremony_script *script, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = ceremony_script_encode(&document, script, fault);
    if (status == STATUS_OK) {
        digest_document(out, CEREMONY_SCRIPT_KIND, document.data, document.len);
    }
    bytes_free(&document);
    return status;
}
