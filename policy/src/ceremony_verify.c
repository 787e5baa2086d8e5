/*
 * What a transcript proves: that the new key itself vouches for how it was made, that the right people of the policy
 * acted, and that all of it is about the key of a key document.
 */
#include "ceremony_internal.h"
#include "duty.h"

/* What a new key signs */

static bool is_generated_fact(const struct ceremony_script_step *row, const char *name)
{
    for (size_t i = 0; i < row->fact_count; i++) {
        if (strcmp(row->facts[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The row of the step "generate". */
static const struct ceremony_script_step *generate_row(void)
{
    const struct ceremony_script *script = ceremony_script_find("key", 1);
    for (size_t i = 0; i < script->step_count; i++) {
        if (strcmp(script->steps[i].step, "generate") == 0) {
            return &script->steps[i];
        }
    }
    INVARIANT(false);
}

enum status ceremony_generated_encode(struct bytes *out, const struct ceremony_fact *facts, size_t fact_count,
                                      struct fault *fault)
{
    const struct ceremony_script_step *row = generate_row();
    json_t *object = json_object();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fact_count && status == STATUS_OK; i++) {
        if (!is_generated_fact(row, facts[i].name)) {
            status = fault_set(fault, STATUS_UNKNOWN_FIELD, facts[i].name, "generate does not state it");
        } else if (strcmp(facts[i].name, "proof") != 0 &&
                   json_object_set_new(object, facts[i].name, json_string(facts[i].value)) != 0) {
            status = fault_set(fault, STATUS_INVALID, facts[i].name, "printable ASCII only");
        }
    }
    if (status == STATUS_OK && json_object_size(object) != row->fact_count - 1) {
        status = fault_set(fault, STATUS_MISSING_FIELD, "facts", "all facts of generate but the proof");
    }
    if (status == STATUS_OK) {
        status = canon_emit(out, object, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(object);
    return status;
}

/* The key that the step states, its id and algorithm agreeing with it. */
static enum status read_key(struct public_key *out, const struct ceremony_step *step, const char *path,
                            struct fault *fault)
{
    const struct algorithm_info *info = algorithm_find(ceremony_step_fact(step, "alg"));
    const char *text = ceremony_step_fact(step, "key");
    struct bytes spki = {0};
    struct public_key key;
    if (info == NULL || base64_decode(&spki, text, strlen(text)) != STATUS_OK) {
        return fault_set(fault, STATUS_PROOF_INVALID, path, "alg and key are no public key");
    }
    enum status status = public_key_parse(&key, info->algorithm, spki.data, spki.len, NULL);
    bytes_free(&spki);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_PROOF_INVALID, path, "alg and key are no public key");
    }
    struct digest id;
    char id_text[DIGEST_HEX_LEN + 1];
    public_key_id(&id, &key);
    digest_format(id_text, &id);
    if (strcmp(id_text, ceremony_step_fact(step, "key_id")) != 0) {
        return fault_set(fault, STATUS_PROOF_INVALID, path, "key_id is not that of the key");
    }
    *out = key;
    return STATUS_OK;
}

static enum status encode_step_facts(struct bytes *out, const struct ceremony_step *step, struct fault *fault)
{
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    for (size_t i = 0; i < step->row->fact_count; i++) {
        facts[i] = (struct ceremony_fact){step->row->facts[i], (const char *)step->values[i].data};
    }
    return ceremony_generated_encode(out, facts, step->row->fact_count, fault);
}

static enum status check_proof(const struct ceremony_step *step, const struct public_key *key, const char *path,
                               struct fault *fault)
{
    uint8_t proof[SIGNATURE_LEN];
    if (base64_decode_exact(proof, sizeof(proof), ceremony_step_fact(step, "proof")) != STATUS_OK) {
        return fault_set(fault, STATUS_PROOF_INVALID, path, "proof is no signature");
    }
    struct bytes document = {0};
    struct bytes message = {0};
    enum status status = encode_step_facts(&document, step, fault);
    if (status == STATUS_OK) {
        status = document_message(&message, CEREMONY_GENERATED_KIND, document.data, document.len);
    }
    if (status == STATUS_OK && signature_verify(key, proof, message.data, message.len, NULL) != STATUS_OK) {
        status = fault_set(fault, STATUS_PROOF_INVALID, path, "proof is no signature of the new key over the facts");
    }
    bytes_free(&message);
    bytes_free(&document);
    return status;
}

static enum status check_generate(const struct ceremony_step *step, const char *path, struct fault *fault)
{
    const char *approved = ceremony_step_fact(step, "approved");
    if (strcmp(approved, "true") != 0 && strcmp(approved, "false") != 0) {
        return fault_set(fault, STATUS_INVALID, path, "approved is true or false");
    }
    struct public_key key;
    enum status status = read_key(&key, step, path, fault);
    return status == STATUS_OK ? check_proof(step, &key, path, fault) : status;
}

/* A wrapped backup has digest, check and threshold; `none` and `clone` have nothing more. */
static enum status check_backup(const struct ceremony_step *step, const char *path, struct fault *fault)
{
    const char *backup = ceremony_step_fact(step, "backup");
    const char *check = ceremony_step_fact(step, "check");
    const char *threshold = ceremony_step_fact(step, "threshold");
    if (strcmp(backup, "none") == 0 || strcmp(backup, "clone") == 0) {
        if (check[0] != '\0' || threshold[0] != '\0') {
            return fault_set(fault, STATUS_INVALID, path, "check and threshold are empty without a wrapped backup");
        }
        return STATUS_OK;
    }
    struct digest digest;
    if (digest_parse(&digest, backup) != STATUS_OK || digest_parse(&digest, check) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, path, "backup is a digest, none or clone; check is a digest");
    }
    for (unsigned k = 2; k <= BACKUP_SHARES_MAX; k++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%u", k);
        if (strcmp(text, threshold) == 0) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_INVALID, path, "threshold is a number from 2 to %d", BACKUP_SHARES_MAX);
}

enum status ceremony_check_statement(const struct ceremony_step *step, const char *path, struct fault *fault)
{
    if (strcmp(step->row->step, "generate") == 0) {
        return check_generate(step, path, fault);
    }
    if (strcmp(step->row->step, "backup") == 0) {
        return check_backup(step, path, fault);
    }
    return STATUS_OK;
}

/* People */

static unsigned role_duty(enum ceremony_role role)
{
    switch (role) {
    case CEREMONY_ADMINISTRATOR:
        return DUTY_ADMINISTRATOR;
    case CEREMONY_CUSTODIAN_1:
    case CEREMONY_CUSTODIAN_2:
        return DUTY_CUSTODIAN;
    case CEREMONY_WITNESS:
        return DUTY_AUDITOR;
    }
    INVARIANT(false);
}

static enum status check_person(const struct ceremony *ceremony, const struct ceremony_step *step,
                                const struct policy *policy, struct fault *fault)
{
    const struct duty_demand demand = {
        .where = step->row->step, .duties = role_duty(step->row->role), .at_utc_us = step->at};
    const struct ceremony_actor *actor = ceremony_actor(ceremony, step->row->role);
    const struct person *person = NULL;
    enum status status = duty_find(&person, policy, &actor->id, &demand, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct digest key_id;
    public_key_id(&key_id, &actor->key);
    if (policy_person_key(person, &key_id) == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, step->row->step, "the policy does not give this key to %s",
                         actor->id.text);
    }
    return STATUS_OK;
}

static enum status check_policy(const struct ceremony *ceremony, const struct policy *policy, struct fault *fault)
{
    if (ceremony->step_count != ceremony->script->step_count) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "steps", "%zu of %zu are done: %s comes next",
                         ceremony->step_count, ceremony->script->step_count, ceremony_next(ceremony)->step);
    }
    if (!name_equal(&ceremony->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the policy");
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ceremony->step_count && status == STATUS_OK; i++) {
        status = check_person(ceremony, &ceremony->steps[i], policy, fault);
    }
    return status;
}

enum status ceremony_verify(struct ceremony *out, const void *document, size_t len, const struct policy *policy,
                            struct fault *fault)
{
    struct ceremony ceremony;
    enum status status = ceremony_decode(&ceremony, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = ceremony_check(&ceremony, fault);
    if (status == STATUS_OK) {
        status = check_policy(&ceremony, policy, fault);
    }
    if (status != STATUS_OK) {
        ceremony_free(&ceremony);
        return status;
    }
    *out = ceremony; /* transferred */
    return STATUS_OK;
}

/* The key document */

static bool is_custodian(const struct key_document *key, const struct name *id)
{
    for (size_t i = 0; i < key->custodian_count; i++) {
        if (name_equal(&key->custodians[i], id)) {
            return true;
        }
    }
    return false;
}

static enum status check_keepers(const struct ceremony *ceremony, const struct key_document *key, struct fault *fault)
{
    static const enum ceremony_role custodians[] = {CEREMONY_CUSTODIAN_1, CEREMONY_CUSTODIAN_2};
    for (size_t i = 0; i < 2; i++) {
        const struct name *id = &ceremony_actor(ceremony, custodians[i])->id;
        if (!is_custodian(key, id)) {
            return fault_set(fault, STATUS_MISMATCH, "custodians", "%s was custodian in the ceremony", id->text);
        }
    }
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        if (name_equal(&ceremony->actors[i].id, &key->creator)) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_MISMATCH, "creator", "%s had no part in the ceremony", key->creator.text);
}

/* A fact and what the documents say. */
struct expected_fact {
    const char *name;
    const char *value;
};

static enum status check_expected(const struct ceremony *ceremony, const struct expected_fact *rows, size_t count,
                                  struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = ceremony_fact(ceremony, rows[i].name);
        if (value == NULL || strcmp(value, rows[i].value) != 0) {
            return fault_set(fault, STATUS_MISMATCH, rows[i].name, "the transcript says something else");
        }
    }
    return STATUS_OK;
}

static enum status check_facts(const struct ceremony *ceremony, const struct key_document *key, struct fault *fault)
{
    struct digest id;
    char id_text[DIGEST_HEX_LEN + 1];
    public_key_id(&id, &key->key);
    digest_format(id_text, &id);
    const struct expected_fact rows[] = {
        {"alg", algorithm_info(key->key.algorithm)->name},
        {"approved", key->approved ? "true" : "false"},
        {"firmware", key->token.firmware},
        {"key_id", id_text},
        {"label", key->token.label},
        {"manufacturer", key->token.manufacturer},
        {"model", key->token.model},
        {"serial", key->token.serial},
    };
    return check_expected(ceremony, rows, sizeof(rows) / sizeof(rows[0]), fault);
}

static enum status check_backup_facts(const struct ceremony *ceremony, const struct key_document *key,
                                      const struct backup *backup, struct fault *fault)
{
    char digest[DIGEST_HEX_LEN + 1] = "";
    char check[DIGEST_HEX_LEN + 1] = "";
    char threshold[8] = "";
    if (key->backup == KEY_BACKUP_WRAPPED) {
        INVARIANT(backup != NULL);
        digest_format(digest, &key->backup_document);
        digest_format(check, &backup->check);
        (void)snprintf(threshold, sizeof(threshold), "%u", backup->shares.threshold);
    }
    const struct expected_fact rows[] = {
        {"backup", digest[0] == '\0' ? key_backup_text(key->backup) : digest},
        {"check", check},
        {"threshold", threshold},
    };
    return check_expected(ceremony, rows, sizeof(rows) / sizeof(rows[0]), fault);
}

enum status ceremony_check_key(const struct ceremony *ceremony, const struct key_document *key,
                               const struct backup *backup, struct fault *fault)
{
    if (ceremony->purpose != key->purpose) {
        return fault_set(fault, STATUS_MISMATCH, "purpose", "the ceremony made a key for another purpose");
    }
    enum status status = check_facts(ceremony, key, fault);
    if (status == STATUS_OK) {
        status = check_backup_facts(ceremony, key, backup, fault);
    }
    return status == STATUS_OK ? check_keepers(ceremony, key, fault) : status;
}
