/*
 * The report of a compromise or of its drill, and its verification under a policy. It orders nothing: the orders are
 * commands of their own.
 */
#include "policy/compromise.h"

#include "document.h"
#include "duty.h"

static const struct word what_words[] = {
    {"key", COMPROMISE_KEY},       {"token", COMPROMISE_TOKEN}, {"custodian", COMPROMISE_CUSTODIAN},
    {"signer", COMPROMISE_SIGNER}, {"site", COMPROMISE_SITE},   {NULL, 0}};

const char *compromise_what_text(enum compromise_what what)
{
    return word_text(what_words, (int)what);
}

enum status compromise_what_parse(enum compromise_what *out, const char *text)
{
    int value = word_value(what_words, text);
    if (value == 0) {
        return STATUS_INVALID;
    }
    *out = (enum compromise_what)value;
    return STATUS_OK;
}

struct compromise_wire {
    struct compromise compromise;
    json_t *steps;
    char what[16];
};

#define COUNT_FIELD(member) CANON_FIELD_RANGE(struct compromise, member, CANON_INTEGER, 0, CANON_INTEGER_MAX)

static const struct canon_field fields[] = {
    CANON_FIELD(struct compromise, by, CANON_NAME),
    CANON_FIELD(struct compromise, chain, CANON_HASH),
    CANON_FIELD(struct compromise, drill, CANON_BOOLEAN),
    CANON_FIELD(struct compromise, environment, CANON_NAME),
    COUNT_FIELD(failed),
    CANON_FIELD(struct compromise, finished_at, CANON_TIME),
    COUNT_FIELD(hindrances),
    COUNT_FIELD(keys),
    CANON_FIELD_RANGE(struct compromise, lost, CANON_TEXT, 1, 0),
    CANON_FIELD(struct compromise, plan, CANON_HASH),
    CANON_FIELD(struct compromise, policy, CANON_HASH),
    CANON_FIELD(struct compromise, started_at, CANON_TIME),
    CANON_FIELD_RANGE(struct compromise_wire, steps, CANON_ARRAY, 1, COMPROMISE_STEPS_MAX),
    COUNT_FIELD(suspended),
    COUNT_FIELD(sweeps),
    CANON_FIELD(struct compromise_wire, what, CANON_TEXT),
};

static const struct canon_field step_fields[] = {
    CANON_FIELD(struct compromise_step, at, CANON_TIME),
    CANON_FIELD(struct compromise_step, step, CANON_NAME),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]), STEP_FIELD_COUNT = 2 };

_Static_assert(offsetof(struct compromise_wire, compromise) == 0, "the rows of struct compromise hold in the wire");

static enum status check(const struct compromise *compromise, struct fault *fault)
{
    int64_t last = compromise->started_at;
    for (size_t i = 0; i < compromise->step_count; i++) {
        if (compromise->steps[i].at < last) {
            return fault_set(fault, STATUS_INVALID, "steps", "times do not decrease: %s",
                             compromise->steps[i].step.text);
        }
        last = compromise->steps[i].at;
    }
    if (compromise->finished_at < last) {
        return fault_set(fault, STATUS_INVALID, "finished_at", "not before the last step");
    }
    if (compromise->suspended + compromise->failed > compromise->keys) {
        return fault_set(fault, STATUS_INVALID, "suspended", "not more than there are keys");
    }
    return compromise->drill && compromise->suspended > 0
               ? fault_set(fault, STATUS_INVALID, "suspended", "a drill suspends nothing")
               : STATUS_OK;
}

static enum status read_steps(struct compromise *out, const json_t *list, struct fault *fault)
{
    out->step_count = json_array_size(list);
    for (size_t i = 0; i < out->step_count; i++) {
        char place[PLACE_SIZE];
        document_place_index(place, "steps", i);
        enum status status = canon_decode(&out->steps[i], sizeof(out->steps[i]), json_array_get(list, i), step_fields,
                                          STEP_FIELD_COUNT, place, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status compromise_decode(struct compromise *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct compromise_wire wire = {.what = ""};
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK && compromise_what_parse(&wire.compromise.what, wire.what) != STATUS_OK) {
        status = fault_set(fault, STATUS_INVALID, "what", "key, token, custodian, signer or site");
    }
    if (status == STATUS_OK) {
        status = read_steps(&wire.compromise, wire.steps, fault);
    }
    if (status == STATUS_OK) {
        status = check(&wire.compromise, fault);
    }
    if (status == STATUS_OK) {
        *out = wire.compromise;
    }
    json_decref(object);
    return status;
}

static enum status write_steps(json_t **out, const struct compromise *compromise, struct fault *fault)
{
    json_t *list = json_array();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < compromise->step_count && status == STATUS_OK; i++) {
        json_t *object = NULL;
        status = canon_encode(&object, &compromise->steps[i], step_fields, STEP_FIELD_COUNT, fault);
        if (status == STATUS_OK && json_array_append_new(list, object) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "steps", "building the list");
        }
    }
    *out = list; /* also when it failed: the caller drops it */
    return status;
}

enum status compromise_encode(struct bytes *out, const struct compromise *compromise, struct fault *fault)
{
    struct compromise_wire wire = {.compromise = *compromise};
    word_write(wire.what, sizeof(wire.what), what_words, (int)compromise->what);
    enum status status = compromise->step_count <= COMPROMISE_STEPS_MAX ? check(compromise, fault) : STATUS_TOO_LARGE;
    if (status == STATUS_OK) {
        status = write_steps(&wire.steps, compromise, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.steps);
    return status;
}

void compromise_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, COMPROMISE_KIND, document, len);
}

static enum status check_signer(const struct compromise *compromise, const struct signed_document *document,
                                const struct policy *policy, struct fault *fault)
{
    const struct duty_demand demand = {.where = "by",
                                       .duties = DUTY_ADMINISTRATOR | DUTY_APPROVER | DUTY_CUSTODIAN | DUTY_OPERATOR,
                                       .at_utc_us = compromise->finished_at};
    const struct person *person = NULL;
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one");
    }
    enum status status = duty_find(&person, policy, &compromise->by, &demand, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct public_key *key = policy_person_key(person, &document->signatures[0].key_id);
    return key == NULL ? fault_set(fault, STATUS_UNKNOWN_KEY, "signatures[0]", "no key of %s", compromise->by.text)
                       : signed_document_verify(document, COMPROMISE_KIND, 0, key, fault);
}

enum status compromise_verify(struct compromise *out, const struct signed_document *document,
                              const struct policy *policy, struct fault *fault)
{
    struct compromise compromise;
    enum status status = compromise_decode(&compromise, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&compromise.chain, &policy->chain) || !digest_equal(&compromise.policy, &policy->digest) ||
        !name_equal(&compromise.environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "chain, environment and policy are not those in force");
    }
    status = check_signer(&compromise, document, policy, fault);
    if (status == STATUS_OK) {
        *out = compromise;
    }
    return status;
}
