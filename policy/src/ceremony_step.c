/*
 * How a transcript grows: which step comes next, what its actor signs, and what is checked of a step against those
 * before it.
 */
#include "ceremony_internal.h"
#include "policy_internal.h"

/* Start and look-ups */

static int compare_actors(const void *a, const void *b)
{
    const struct ceremony_actor *left = a;
    const struct ceremony_actor *right = b;
    return policy_name_compare(&left->id, &right->id);
}

enum status ceremony_start(struct ceremony *out, const struct uuid *id, const struct name *environment,
                           enum signer_role purpose, const struct ceremony_actor actors[CEREMONY_ACTORS],
                           struct fault *fault)
{
    struct ceremony ceremony = {
        .id = *id, .environment = *environment, .purpose = purpose, .script = ceremony_script_find("key", 1)};
    memcpy(ceremony.actors, actors, sizeof(ceremony.actors));
    qsort(ceremony.actors, CEREMONY_ACTORS, sizeof(ceremony.actors[0]), compare_actors);
    if (signer_role_text(purpose) == NULL) {
        return fault_set(fault, STATUS_INVALID, "purpose", "transfer, audit or validator");
    }
    enum status status = ceremony_check_actors(&ceremony, fault);
    if (status == STATUS_OK) {
        *out = ceremony;
    }
    return status;
}

const struct ceremony_script_step *ceremony_next(const struct ceremony *ceremony)
{
    return ceremony->step_count < ceremony->script->step_count ? &ceremony->script->steps[ceremony->step_count] : NULL;
}

const struct ceremony_actor *ceremony_actor(const struct ceremony *ceremony, enum ceremony_role role)
{
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        if (ceremony->actors[i].role == role) {
            return &ceremony->actors[i];
        }
    }
    INVARIANT(false); /* each role is there exactly once */
}

const char *ceremony_step_fact(const struct ceremony_step *step, const char *name)
{
    for (size_t i = 0; i < step->row->fact_count; i++) {
        if (strcmp(step->row->facts[i], name) == 0) {
            return (const char *)step->values[i].data;
        }
    }
    return NULL;
}

const char *ceremony_fact(const struct ceremony *ceremony, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < ceremony->step_count && value == NULL; i++) {
        value = ceremony_step_fact(&ceremony->steps[i], name);
    }
    return value;
}

/* A step against those before it */

static enum status previous_digest(struct digest *out, const struct ceremony *ceremony, size_t at, struct fault *fault)
{
    if (at == 0) {
        return ceremony_head_digest(out, ceremony, fault);
    }
    struct bytes body = {0};
    enum status status = ceremony_step_encode(&body, ceremony, &ceremony->steps[at - 1], fault);
    if (status == STATUS_OK) {
        digest_document(out, CEREMONY_STEP_KIND, body.data, body.len);
    }
    bytes_free(&body);
    return status;
}

static enum status check_order(const struct ceremony *ceremony, const struct ceremony_step *step, size_t at,
                               const char *path, struct fault *fault)
{
    struct digest prev;
    enum status status = previous_digest(&prev, ceremony, at, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&prev, &step->prev)) {
        return fault_set(fault, STATUS_MISMATCH, path, "it does not follow what stands before it");
    }
    if (at > 0 && step->at < ceremony->steps[at - 1].at) {
        return fault_set(fault, STATUS_MISMATCH, path, "its time is before that of the step before");
    }
    const struct ceremony_actor *actor = ceremony_actor(ceremony, step->row->role);
    if (!name_equal(&step->actor, &actor->id)) {
        return fault_set(fault, STATUS_MISMATCH, path, "%s is for %s, not %s", step->row->step, actor->id.text,
                         step->actor.text);
    }
    return STATUS_OK;
}

static enum status check_facts(const struct ceremony *ceremony, const struct ceremony_step *step, size_t at,
                               const char *path, struct fault *fault)
{
    for (size_t i = 0; i < step->row->fact_count; i++) {
        const char *name = step->row->facts[i];
        for (size_t j = 0; j < at; j++) {
            const char *earlier = ceremony_step_fact(&ceremony->steps[j], name);
            if (earlier != NULL && strcmp(earlier, (const char *)step->values[i].data) != 0) {
                return fault_set(fault, STATUS_MISMATCH, path, "%s is not what %s said", name,
                                 ceremony->steps[j].row->step);
            }
        }
    }
    return STATUS_OK;
}

/* Everything but the signature, of the step that stands or shall stand at `at`. */
static enum status check_step(const struct ceremony *ceremony, const struct ceremony_step *step, size_t at,
                              struct fault *fault)
{
    char path[PLACE_SIZE];
    document_place_index(path, "steps", at);
    enum status status = check_order(ceremony, step, at, path, fault);
    if (status == STATUS_OK) {
        status = check_facts(ceremony, step, at, path, fault);
    }
    return status == STATUS_OK ? ceremony_check_statement(step, path, fault) : status;
}

static enum status check_signature(const struct ceremony *ceremony, const struct ceremony_step *step, size_t at,
                                   struct fault *fault)
{
    struct bytes body = {0};
    struct bytes message = {0};
    struct fault inner = {0};
    char path[PLACE_SIZE];
    document_place_index(path, "steps", at);
    enum status status = ceremony_step_encode(&body, ceremony, step, &inner);
    if (status == STATUS_OK) {
        status = document_message(&message, CEREMONY_STEP_KIND, body.data, body.len);
    }
    if (status == STATUS_OK) {
        const struct ceremony_actor *actor = ceremony_actor(ceremony, step->row->role);
        status = signature_verify(&actor->key, step->sig, message.data, message.len, &inner);
    }
    bytes_free(&message);
    bytes_free(&body);
    return status == STATUS_OK ? status : fault_set(fault, status, path, "%s", inner.detail);
}

enum status ceremony_check(const struct ceremony *ceremony, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ceremony->step_count && status == STATUS_OK; i++) {
        status = check_step(ceremony, &ceremony->steps[i], i, fault);
        if (status == STATUS_OK) {
            status = check_signature(ceremony, &ceremony->steps[i], i, fault);
        }
    }
    return status;
}

/* The next step */

static const struct ceremony_fact *find_fact(const struct ceremony_fact *facts, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(facts[i].name, name) == 0) {
            return &facts[i];
        }
    }
    return NULL;
}

static enum status take_facts(struct ceremony_step *step, const struct ceremony_fact *facts, size_t fact_count,
                              struct fault *fault)
{
    for (size_t i = 0; i < step->row->fact_count; i++) {
        const struct ceremony_fact *fact = find_fact(facts, fact_count, step->row->facts[i]);
        if (fact == NULL) {
            return fault_set(fault, STATUS_MISSING_FIELD, step->row->facts[i], "%s states this fact", step->row->step);
        }
        size_t len = strlen(fact->value);
        if (len > CEREMONY_FACT_MAX) {
            return fault_set(fault, STATUS_INVALID, fact->name, "0 to %d characters", CEREMONY_FACT_MAX);
        }
        enum status status = bytes_copy(&step->values[i], fact->value, len);
        if (status != STATUS_OK) {
            return fault_set(fault, status, fact->name, "copying it");
        }
    }
    if (fact_count != step->row->fact_count) {
        return fault_set(fault, STATUS_UNKNOWN_FIELD, "facts", "%s states %zu facts, not %zu", step->row->step,
                         step->row->fact_count, fact_count);
    }
    return STATUS_OK;
}

enum status ceremony_step_body(struct bytes *out, const struct ceremony *ceremony, const struct ceremony_fact *facts,
                               size_t fact_count, int64_t at_utc_us, struct fault *fault)
{
    struct ceremony_step step = {.at = at_utc_us, .row = ceremony_next(ceremony)};
    if (step.row == NULL) {
        return fault_set(fault, STATUS_CONFLICT, "steps", "all steps are done");
    }
    step.actor = ceremony_actor(ceremony, step.row->role)->id;
    enum status status = previous_digest(&step.prev, ceremony, ceremony->step_count, fault);
    if (status == STATUS_OK) {
        status = take_facts(&step, facts, fact_count, fault);
    }
    if (status == STATUS_OK) {
        status = check_step(ceremony, &step, ceremony->step_count, fault);
    }
    if (status == STATUS_OK) {
        status = ceremony_step_encode(out, ceremony, &step, fault);
    }
    ceremony_step_wipe(&step);
    return status;
}

/* The signature names the key of the step's actor. */
static enum status check_signer(const struct ceremony *ceremony, const struct ceremony_script_step *row,
                                const struct signature *signature, struct fault *fault)
{
    const struct ceremony_actor *actor = ceremony_actor(ceremony, row->role);
    struct digest key_id;
    public_key_id(&key_id, &actor->key);
    if (signature->algorithm != actor->key.algorithm || !digest_equal(&signature->key_id, &key_id)) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signature", "%s signs %s", actor->id.text, row->step);
    }
    return STATUS_OK;
}

enum status ceremony_append(struct ceremony *ceremony, const void *body, size_t len, const struct signature *signature,
                            struct fault *fault)
{
    const size_t at = ceremony->step_count;
    const struct ceremony_script_step *row = ceremony_next(ceremony);
    if (row == NULL) {
        return fault_set(fault, STATUS_CONFLICT, "steps", "all steps are done");
    }
    struct ceremony_step step = {0};
    enum status status = check_signer(ceremony, row, signature, fault);
    if (status == STATUS_OK) {
        status = ceremony_step_decode(&step, ceremony, row, body, len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(step.sig, signature->bytes64, SIGNATURE_LEN);
    status = check_step(ceremony, &step, at, fault);
    if (status == STATUS_OK) {
        status = check_signature(ceremony, &step, at, fault);
    }
    if (status != STATUS_OK) {
        ceremony_step_wipe(&step);
        return status;
    }
    ceremony->steps[at] = step; /* transferred */
    ceremony->step_count = at + 1;
    return STATUS_OK;
}
