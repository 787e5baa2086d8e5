/*
 * The versions of the policy in the guard: their records. What they say is judged by versions.c, which keeps them in
 * memory.
 */
#include "base/canon.h"
#include "guard_private.h"

struct kept_policy {
    struct guard_policy policy;
    json_t *paper;
    json_t *vetoes;
};

static const struct canon_field policy_fields[] = {
    CANON_FIELD(struct guard_policy, dropped, CANON_BOOLEAN),
    {"due", CANON_COUNTER, false, offsetof(struct guard_policy, due_running_us), sizeof(uint64_t), 0, 0},
    {"in_force_at", CANON_TIME, false, offsetof(struct guard_policy, in_force_utc_us), sizeof(int64_t), 0, 0},
    {"received_at", CANON_TIME, false, offsetof(struct guard_policy, received_utc_us), sizeof(int64_t), 0, 0},
    {"signed", CANON_OBJECT, false, offsetof(struct kept_policy, paper), sizeof(json_t *), 0, 0},
    CANON_FIELD(struct guard_policy, signers, CANON_INTEGER),
    CANON_FIELD_RANGE(struct kept_policy, vetoes, CANON_ARRAY, 0, GUARD_VETOES_MAX),
};
_Static_assert(offsetof(struct kept_policy, policy) == 0, "rows of a version serve for what is kept");

#define POLICY_FIELDS (sizeof(policy_fields) / sizeof(policy_fields[0]))

void guard_policy_free(struct guard_policy *policy)
{
    bytes_free(&policy->document);
    *policy = (struct guard_policy){.version = 0};
}

enum status guard_policy_encode(struct bytes *out, const struct guard_policy *policy)
{
    struct kept_policy kept = {.policy = *policy, .vetoes = json_array()};
    enum status status = kept.vetoes == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; i < policy->veto_count && status == STATUS_OK; i++) {
        if (json_array_append_new(kept.vetoes, json_string(policy->vetoes[i].text)) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    if (status == STATUS_OK) {
        status = canon_parse(&kept.paper, policy->document.data, policy->document.len, GUARD_POLICY_MAX, NULL);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &kept, policy_fields, POLICY_FIELDS, GUARD_POLICY_MAX, NULL);
    }
    json_decref(kept.paper);
    json_decref(kept.vetoes);
    return status;
}

static enum status vetoes_read(struct guard_policy *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || name_parse(&out->vetoes[i], text) != STATUS_OK) {
            return STATUS_CORRUPT;
        }
        out->veto_count = i + 1;
    }
    return STATUS_OK;
}

enum status guard_policy_decode(struct guard_policy *out, const void *value, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct kept_policy kept;
    enum status status = canon_parse(&object, value, len, GUARD_POLICY_MAX, NULL);
    if (status == STATUS_OK) {
        status = canon_decode(&kept, sizeof(kept), object, policy_fields, POLICY_FIELDS, "", NULL);
    }
    if (status == STATUS_OK) {
        status = vetoes_read(&kept.policy, kept.vetoes);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&kept.policy.document, kept.paper, GUARD_POLICY_MAX, NULL);
    }
    json_decref(object);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the record of a version of the policy is none");
    }
    *out = kept.policy; /* transferred */
    return STATUS_OK;
}

enum status guard_policy_paper(struct signed_document *out, const struct guard_policy *policy, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, policy->document.data, policy->document.len, GUARD_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, CANON_POLICY_MAX, "", fault);
        json_decref(object);
    }
    return status;
}

enum status guard_policy_read(struct guard *guard, struct guard_policy *out, int64_t version, struct fault *fault)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    struct guard_record record;
    const uint8_t *value = NULL;
    size_t len = 0;
    guard_record_paper(&record, 'p', (uint64_t)version);
    enum status status = guard_value_read(guard, txn, &value, &len, &record, fault);
    if (status == STATUS_OK) {
        status = value == NULL ? STATUS_NOT_FOUND : guard_policy_decode(out, value, len, fault);
    }
    mdb_txn_abort(txn);
    if (status == STATUS_OK) {
        out->version = version;
    }
    return status;
}

enum status guard_store_policy(struct guard_batch *batch, const struct guard_policy *policy)
{
    struct bytes value = {0};
    struct guard_record record;
    guard_record_paper(&record, 'p', (uint64_t)policy->version);
    const MDB_val key = {record.key_len, record.key};
    enum status status = guard_policy_encode(&value, policy);
    if (status == STATUS_OK) {
        status = guard_store(batch, &key, value.data, value.len, 0);
    }
    bytes_free(&value);
    batch->broken = batch->broken || status != STATUS_OK;
    return status;
}

enum status guard_txn_policy_write(struct guard_txn *txn, const struct guard_policy *policy, struct fault *fault)
{
    enum status status = guard_store_policy(txn->batch, policy);
    return status == STATUS_OK ? status : fault_set(fault, status, "guard", "could not remember the policy");
}
