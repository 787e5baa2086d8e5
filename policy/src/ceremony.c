/*
 * The transcript as a document: its codec and the rules that need no signature. How it grows is in ceremony_step.c,
 * what is verified of it in ceremony_verify.c.
 */
#include "policy/ceremony.h"

#include "ceremony_internal.h"
#include "policy_internal.h"
#include "share_table.h"

struct ceremony_wire {
    json_t *actors;
    struct name environment;
    struct uuid id;
    char purpose[16];
    json_t *script;
    json_t *steps;
};

struct script_wire {
    struct digest digest;
    struct name name;
    int64_t version;
};

struct actor_wire {
    enum algorithm alg;
    struct name id;
    struct bytes key;
    char role[24];
    struct bytes seal;
};

struct step_wire {
    struct name actor;
    int64_t at;
    struct uuid ceremony;
    json_t *facts;
    struct digest prev;
    uint8_t sig[SIGNATURE_LEN];
    struct name step;
};

/* The last row is left out of the head. */
static const struct canon_field ceremony_fields[] = {
    CANON_FIELD_RANGE(struct ceremony_wire, actors, CANON_ARRAY, CEREMONY_ACTORS, CEREMONY_ACTORS),
    CANON_FIELD(struct ceremony_wire, environment, CANON_NAME),
    CANON_FIELD(struct ceremony_wire, id, CANON_UUID),
    CANON_FIELD(struct ceremony_wire, purpose, CANON_TEXT),
    CANON_FIELD(struct ceremony_wire, script, CANON_OBJECT),
    CANON_FIELD_RANGE(struct ceremony_wire, steps, CANON_ARRAY, 0, CEREMONY_STEPS_MAX),
};

static const struct canon_field script_fields[] = {
    CANON_FIELD(struct script_wire, digest, CANON_HASH),
    CANON_FIELD(struct script_wire, name, CANON_NAME),
    CANON_FIELD(struct script_wire, version, CANON_INTEGER),
};

static const struct canon_field actor_fields[] = {
    CANON_FIELD(struct actor_wire, alg, CANON_ALGORITHM),
    CANON_FIELD(struct actor_wire, id, CANON_NAME),
    CANON_FIELD_SIZED(struct actor_wire, key, CANON_BYTES, PUBLIC_KEY_MAX),
    CANON_FIELD(struct actor_wire, role, CANON_TEXT),
    {"seal", CANON_BYTES, true, offsetof(struct actor_wire, seal), SEAL_KEY_LEN, SEAL_KEY_LEN, 0},
};

/* What is signed has the id of the ceremony, what stands in the transcript has the signature instead. */
static const struct canon_field signed_fields[] = {
    CANON_FIELD(struct step_wire, actor, CANON_NAME),    CANON_FIELD(struct step_wire, at, CANON_TIME),
    CANON_FIELD(struct step_wire, ceremony, CANON_UUID), CANON_FIELD(struct step_wire, facts, CANON_OBJECT),
    CANON_FIELD(struct step_wire, prev, CANON_HASH),     CANON_FIELD(struct step_wire, step, CANON_NAME),
};

static const struct canon_field step_fields[] = {
    CANON_FIELD(struct step_wire, actor, CANON_NAME),    CANON_FIELD(struct step_wire, at, CANON_TIME),
    CANON_FIELD(struct step_wire, facts, CANON_OBJECT),  CANON_FIELD(struct step_wire, prev, CANON_HASH),
    CANON_FIELD(struct step_wire, sig, CANON_SIGNATURE), CANON_FIELD(struct step_wire, step, CANON_NAME),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_NO_MEMORY, "ceremony", "building the document");
}

/* Actors */

/* What `actor` must not share with one before it; NULL when nothing. */
static const char *shared_with(const struct ceremony_actor *actor, const struct ceremony_actor *earlier)
{
    if (name_equal(&actor->id, &earlier->id)) {
        return "one person has two roles";
    }
    if (actor->role == earlier->role) {
        return "the role is taken";
    }
    if (public_key_equal(&actor->key, &earlier->key)) {
        return "one key is of two people";
    }
    if (actor->has_seal && earlier->has_seal && seal_key_equal(&actor->seal, &earlier->seal)) {
        return "one seal is of two people";
    }
    return NULL;
}

static enum status check_actor(const struct ceremony *ceremony, size_t at, struct fault *fault)
{
    const struct ceremony_actor *actor = &ceremony->actors[at];
    char place[PLACE_SIZE];
    document_place_index(place, "actors", at);
    if (ceremony_role_text(actor->role) == NULL) {
        return fault_set(fault, STATUS_INVALID, place, "administrator, custodian-1, custodian-2 or witness");
    }
    if (actor->has_seal && actor->role != CEREMONY_CUSTODIAN_1 && actor->role != CEREMONY_CUSTODIAN_2) {
        return fault_set(fault, STATUS_INVALID, place, "only custodians have a seal, not %s", actor->id.text);
    }
    for (size_t i = 0; i < at; i++) {
        const char *shared = shared_with(actor, &ceremony->actors[i]);
        if (shared != NULL) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, place, "%s and %s: %s", actor->id.text,
                             ceremony->actors[i].id.text, shared);
        }
    }
    if (at > 0 && policy_name_compare(&ceremony->actors[at - 1].id, &actor->id) > 0) {
        return fault_set(fault, STATUS_INVALID, place, "sorted: %s stands too late", actor->id.text);
    }
    return STATUS_OK;
}

enum status ceremony_check_actors(const struct ceremony *ceremony, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < CEREMONY_ACTORS && status == STATUS_OK; i++) {
        status = check_actor(ceremony, i, fault);
    }
    return status;
}

static enum status decode_actor(struct ceremony_actor *out, const json_t *object, const char *path, struct fault *fault)
{
    struct actor_wire wire;
    char place[PLACE_SIZE];
    document_place(place, path, "key");
    enum status status = canon_decode(&wire, sizeof(wire), object, actor_fields, COUNT(actor_fields), path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct ceremony_actor){.id = wire.id, .has_seal = wire.seal.data != NULL};
    if (out->has_seal) {
        share_read_seal_key(&out->seal, &wire.seal);
    }
    if (ceremony_role_parse(&out->role, wire.role) != STATUS_OK) {
        document_place(place, path, "role");
        status = fault_set(fault, STATUS_INVALID, place, "administrator, custodian-1, custodian-2 or witness");
    } else {
        struct fault inner = {0};
        status = public_key_parse(&out->key, wire.alg, wire.key.data, wire.key.len, &inner);
        status = status == STATUS_OK ? status : fault_set(fault, status, place, "%s", inner.detail);
    }
    bytes_free(&wire.key);
    bytes_free(&wire.seal);
    return status;
}

static enum status encode_actor(json_t **out, const struct ceremony_actor *actor, struct fault *fault)
{
    struct ceremony_actor copy = *actor;
    struct actor_wire wire = {.alg = copy.key.algorithm,
                              .id = copy.id,
                              .key = {copy.key.spki, copy.key.spki_len},
                              .seal = {copy.has_seal ? copy.seal.bytes32 : NULL, SEAL_KEY_LEN}};
    const char *role = ceremony_role_text(copy.role);
    (void)snprintf(wire.role, sizeof(wire.role), "%s", role == NULL ? "" : role);
    return canon_encode(out, &wire, actor_fields, COUNT(actor_fields), fault);
}

/* Steps */

void ceremony_step_wipe(struct ceremony_step *step)
{
    for (size_t i = 0; i < CEREMONY_FACTS_MAX; i++) {
        bytes_free(&step->values[i]);
    }
    *step = (struct ceremony_step){0};
}

/* The facts of the row and no others, as strings. */
static enum status decode_facts(struct ceremony_step *out, const json_t *object, const char *path, struct fault *fault)
{
    char facts[PLACE_SIZE];
    document_place(facts, path, "facts");
    for (size_t i = 0; i < out->row->fact_count; i++) {
        const json_t *value = json_object_get(object, out->row->facts[i]);
        char place[PLACE_SIZE];
        document_place(place, facts, out->row->facts[i]);
        if (value == NULL) {
            return fault_set(fault, STATUS_MISSING_FIELD, place, "the step states this fact");
        }
        if (!json_is_string(value) || json_string_length(value) > CEREMONY_FACT_MAX) {
            return fault_set(fault, STATUS_INVALID, place, "a string of 0 to %d characters", CEREMONY_FACT_MAX);
        }
        enum status status = bytes_copy(&out->values[i], json_string_value(value), json_string_length(value));
        if (status != STATUS_OK) {
            return fault_set(fault, status, place, "copying it");
        }
    }
    if (json_object_size(object) != out->row->fact_count) {
        return fault_set(fault, STATUS_UNKNOWN_FIELD, facts, "only the facts of the script");
    }
    return STATUS_OK;
}

/* A step from its wire, either form. `path` is "" for the signed one. */
static enum status read_step(struct ceremony_step *out, const struct step_wire *wire,
                             const struct ceremony_script_step *row, const char *path, struct fault *fault)
{
    struct ceremony_step step = {.actor = wire->actor, .at = wire->at, .prev = wire->prev, .row = row};
    memcpy(step.sig, wire->sig, SIGNATURE_LEN);
    if (strcmp(wire->step.text, row->step) != 0) {
        char place[PLACE_SIZE];
        document_place(place, path, "step");
        return fault_set(fault, STATUS_MISMATCH, place, "%s comes here, not %s", row->step, wire->step.text);
    }
    enum status status = decode_facts(&step, wire->facts, path, fault);
    if (status != STATUS_OK) {
        ceremony_step_wipe(&step);
        return status;
    }
    *out = step; /* transferred */
    return STATUS_OK;
}

enum status ceremony_step_decode(struct ceremony_step *out, const struct ceremony *ceremony,
                                 const struct ceremony_script_step *row, const void *document, size_t len,
                                 struct fault *fault)
{
    json_t *object = NULL;
    struct step_wire wire;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, signed_fields, COUNT(signed_fields), "", fault);
    }
    if (status == STATUS_OK && !uuid_equal(&wire.ceremony, &ceremony->id)) {
        status = fault_set(fault, STATUS_MISMATCH, "ceremony", "a step of another ceremony");
    }
    if (status == STATUS_OK) {
        status = read_step(out, &wire, row, "", fault);
    }
    json_decref(object);
    return status;
}

static enum status write_facts(json_t **out, const struct ceremony_step *step, struct fault *fault)
{
    json_t *facts = json_object();
    bool built = facts != NULL;
    for (size_t i = 0; i < step->row->fact_count && built; i++) {
        const struct bytes *value = &step->values[i];
        json_t *text = json_stringn_nocheck(value->data == NULL ? "" : (const char *)value->data, value->len);
        built = json_object_set_new_nocheck(facts, step->row->facts[i], text) == 0;
    }
    if (!built) {
        json_decref(facts);
        return no_memory(fault);
    }
    *out = facts; /* transferred */
    return STATUS_OK;
}

static enum status write_step(struct step_wire *out, const struct ceremony_step *step, struct fault *fault)
{
    struct step_wire wire = {.actor = step->actor, .at = step->at, .prev = step->prev};
    INVARIANT(name_parse(&wire.step, step->row->step) == STATUS_OK);
    memcpy(wire.sig, step->sig, SIGNATURE_LEN);
    enum status status = write_facts(&wire.facts, step, fault);
    if (status == STATUS_OK) {
        *out = wire;
    }
    return status;
}

enum status ceremony_step_encode(struct bytes *out, const struct ceremony *ceremony, const struct ceremony_step *step,
                                 struct fault *fault)
{
    struct step_wire wire = {0};
    enum status status = write_step(&wire, step, fault);
    if (status == STATUS_OK) {
        wire.ceremony = ceremony->id;
        status = canon_encode_bytes(out, &wire, signed_fields, COUNT(signed_fields), CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.facts);
    return status;
}

static enum status encode_step(json_t **out, const struct ceremony_step *step, struct fault *fault)
{
    struct step_wire wire = {0};
    enum status status = write_step(&wire, step, fault);
    if (status == STATUS_OK) {
        status = canon_encode(out, &wire, step_fields, COUNT(step_fields), fault);
    }
    json_decref(wire.facts);
    return status;
}

/* The transcript */

static enum status decode_script(struct ceremony *out, const json_t *object, struct fault *fault)
{
    struct script_wire wire;
    enum status status =
        canon_decode(&wire, sizeof(wire), object, script_fields, COUNT(script_fields), "script", fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->script = ceremony_script_find(wire.name.text, wire.version);
    if (out->script == NULL) {
        return fault_set(fault, STATUS_VERSION, "script", "this program has no script %s of version %lld",
                         wire.name.text, (long long)wire.version);
    }
    struct digest digest;
    status = ceremony_script_digest(&digest, out->script, fault);
    if (status == STATUS_OK && !digest_equal(&digest, &wire.digest)) {
        status = fault_set(fault, STATUS_MISMATCH, "script.digest", "not the script of this program");
    }
    return status;
}

static enum status decode_actors(struct ceremony *out, const json_t *list, struct fault *fault)
{
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        char place[PLACE_SIZE];
        document_place_index(place, "actors", i);
        enum status status = decode_actor(&out->actors[i], json_array_get(list, i), place, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return ceremony_check_actors(out, fault);
}

static enum status decode_steps(struct ceremony *out, const json_t *list, struct fault *fault)
{
    if (json_array_size(list) > out->script->step_count) {
        return fault_set(fault, STATUS_MISMATCH, "steps", "more than the script has");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct step_wire wire;
        char place[PLACE_SIZE];
        document_place_index(place, "steps", i);
        const struct ceremony_script_step *row = &out->script->steps[i];
        enum status status =
            canon_decode(&wire, sizeof(wire), json_array_get(list, i), step_fields, COUNT(step_fields), place, fault);
        if (status == STATUS_OK) {
            status = read_step(&out->steps[i], &wire, row, place, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
        out->step_count = i + 1;
    }
    return STATUS_OK;
}

static enum status read_wire(struct ceremony *out, const struct ceremony_wire *wire, struct fault *fault)
{
    out->id = wire->id;
    out->environment = wire->environment;
    if (signer_role_parse(&out->purpose, wire->purpose) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "purpose", "transfer, audit or validator");
    }
    enum status status = decode_script(out, wire->script, fault);
    if (status == STATUS_OK) {
        status = decode_actors(out, wire->actors, fault);
    }
    return status == STATUS_OK ? decode_steps(out, wire->steps, fault) : status;
}

enum status ceremony_decode(struct ceremony *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct ceremony_wire wire;
    struct ceremony ceremony = {0};
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, ceremony_fields, COUNT(ceremony_fields), "", fault);
    }
    if (status == STATUS_OK) {
        status = read_wire(&ceremony, &wire, fault);
    }
    json_decref(object);
    if (status != STATUS_OK) {
        ceremony_free(&ceremony);
        return status;
    }
    *out = ceremony; /* transferred */
    return STATUS_OK;
}

static enum status write_script(json_t **out, const struct ceremony_script *script, struct fault *fault)
{
    struct script_wire wire = {.version = script->version};
    INVARIANT(name_parse(&wire.name, script->name) == STATUS_OK);
    enum status status = ceremony_script_digest(&wire.digest, script, fault);
    return status == STATUS_OK ? canon_encode(out, &wire, script_fields, COUNT(script_fields), fault) : status;
}

static enum status write_lists(struct ceremony_wire *wire, const struct ceremony *ceremony, struct fault *fault)
{
    wire->actors = json_array();
    wire->steps = json_array();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < CEREMONY_ACTORS && status == STATUS_OK; i++) {
        json_t *actor = NULL;
        status = encode_actor(&actor, &ceremony->actors[i], fault);
        if (status == STATUS_OK && json_array_append_new(wire->actors, actor) != 0) {
            status = no_memory(fault);
        }
    }
    for (size_t i = 0; i < ceremony->step_count && status == STATUS_OK; i++) {
        json_t *step = NULL;
        status = encode_step(&step, &ceremony->steps[i], fault);
        if (status == STATUS_OK && json_array_append_new(wire->steps, step) != 0) {
            status = no_memory(fault);
        }
    }
    return status;
}

/* The first `field_count` fields of the document: all, or without `steps` the head. */
static enum status encode(struct bytes *out, const struct ceremony *ceremony, size_t field_count, struct fault *fault)
{
    struct ceremony_wire wire = {.environment = ceremony->environment, .id = ceremony->id};
    const char *purpose = signer_role_text(ceremony->purpose);
    (void)snprintf(wire.purpose, sizeof(wire.purpose), "%s", purpose == NULL ? "" : purpose);
    enum status status = ceremony_check_actors(ceremony, fault);
    if (status == STATUS_OK) {
        status = write_script(&wire.script, ceremony->script, fault);
    }
    if (status == STATUS_OK) {
        status = write_lists(&wire, ceremony, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, ceremony_fields, field_count, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.actors);
    json_decref(wire.script);
    json_decref(wire.steps);
    return status;
}

enum status ceremony_encode(struct bytes *out, const struct ceremony *ceremony, struct fault *fault)
{
    return encode(out, ceremony, COUNT(ceremony_fields), fault);
}

enum status ceremony_head_digest(struct digest *out, const struct ceremony *ceremony, struct fault *fault)
{
    struct bytes head = {0};
    enum status status = encode(&head, ceremony, COUNT(ceremony_fields) - 1, fault);
    if (status == STATUS_OK) {
        digest_document(out, CEREMONY_HEAD_KIND, head.data, head.len);
    }
    bytes_free(&head);
    return status;
}

void ceremony_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, CEREMONY_KIND, document, len);
}

void ceremony_free(struct ceremony *ceremony)
{
    for (size_t i = 0; i < ceremony->step_count; i++) {
        ceremony_step_wipe(&ceremony->steps[i]);
    }
    *ceremony = (struct ceremony){0};
}
