/*
 * The documents of an evidence bundle, read from docs/formats.md.
 */
#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void document_digest(struct digest *out, const char *kind, const char *text)
{
    digest_document(out, kind, text, strlen(text));
}

/* A parsed document whose fields go into a struct without borrowed members. */
static enum status read_flat(void *out, size_t size, const char *text, const struct canon_field *fields, size_t count,
                             struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, text, strlen(text), CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, size, object, fields, count, "", fault);
    }
    json_decref(object);
    return status;
}

struct signature_row {
    char alg[16];
    struct digest key;
    uint8_t sig[64];
};

static const struct canon_field signature_fields[] = {
    CANON_FIELD(struct signature_row, alg, CANON_TEXT),
    CANON_FIELD(struct signature_row, key, CANON_HASH),
    CANON_FIELD(struct signature_row, sig, CANON_SIGNATURE),
};

enum status signatures_read(struct signed_text *out, const json_t *array, struct fault *fault)
{
    json_t *value = NULL;
    size_t i = 0;
    out->count = 0;
    if (!json_is_array(array) || json_array_size(array) > SIGNED_MAX) {
        return fault_set(fault, STATUS_INVALID, "signatures", "must be a list of at most %d", SIGNED_MAX);
    }
    json_array_foreach(array, i, value)
    {
        struct signature_row row;
        enum status status =
            canon_decode(&row, sizeof(row), value, signature_fields, COUNT(signature_fields), "signatures.", fault);
        if (status != STATUS_OK) {
            return status;
        }
        memcpy(out->signatures[i].alg, row.alg, sizeof(row.alg));
        memcpy(out->signatures[i].bytes64, row.sig, sizeof(row.sig));
        out->signatures[i].key = row.key;
    }
    out->count = json_array_size(array);
    return STATUS_OK;
}

enum status signed_text_read(struct signed_text *out, const json_t *object, struct fault *fault)
{
    out->text = json_string_value(json_object_get(object, "document"));
    if (out->text == NULL || json_object_size(object) != 2) {
        return fault_set(fault, STATUS_INVALID, "document", "must be a signed document");
    }
    return signatures_read(out, json_object_get(object, "signatures"), fault);
}

bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key)
{
    struct bytes message = {0};
    if (!digest_equal(&signed_text->signatures[index].key, &key->id) ||
        strcmp(signed_text->signatures[index].alg, key->alg) != 0 ||
        document_message(&message, kind, signed_text->text, strlen(signed_text->text)) != STATUS_OK) {
        return false;
    }
    bool good = key_verifies(key, signed_text->signatures[index].bytes64, message.data, message.len);
    bytes_free(&message);
    return good;
}

#define FIELD(member, kind) CANON_FIELD(struct verify_policy, member, kind)

struct policy_rest {
    json_t *governance;
    json_t *people;
    struct verify_policy policy;
};

#define REST(member, kind)                                                                                             \
    {                                                                                                                  \
#member, kind, false, offsetof(struct policy_rest, policy.member),                                             \
            sizeof(((struct policy_rest *)0)->policy.member), 0, CANON_INTEGER_MAX                                     \
    }

static const struct canon_field policy_fields[] = {
    REST(chain, CANON_HASH),      REST(environment, CANON_NAME),
    REST(groups, CANON_ARRAY),    CANON_FIELD(struct policy_rest, governance, CANON_OBJECT),
    REST(issued_at, CANON_TIME),  CANON_FIELD(struct policy_rest, people, CANON_ARRAY),
    REST(prev, CANON_HASH),       REST(rules, CANON_ARRAY),
    REST(version, CANON_INTEGER), REST(wallets, CANON_ARRAY),
};

struct person_row {
    json_t *duties;
    struct name id;
    json_t *keys;
    int64_t valid_until;
};

static const struct canon_field person_fields[] = {
    CANON_FIELD(struct person_row, duties, CANON_ARRAY),
    CANON_FIELD(struct person_row, id, CANON_NAME),
    CANON_FIELD(struct person_row, keys, CANON_ARRAY),
    CANON_FIELD(struct person_row, valid_until, CANON_TIME),
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static bool contains(const json_t *array, const char *text)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(array, i, value)
    {
        const char *candidate = json_string_value(value);
        if (candidate != NULL && strcmp(candidate, text) == 0) {
            return true;
        }
    }
    return false;
}

static enum status read_person(struct verify_person *out, const json_t *object, struct fault *fault)
{
    struct person_row row;
    json_t *key = NULL;
    size_t i = 0;
    enum status status = canon_decode(&row, sizeof(row), object, person_fields, COUNT(person_fields), "people.", fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct verify_person){
        .id = row.id, .administrator = contains(row.duties, "administrator"), .valid_until = row.valid_until};
    if (json_array_size(row.keys) > COUNT(out->keys)) {
        return fault_set(fault, STATUS_INVALID, "people.keys", "%s: too many", row.id.text);
    }
    json_array_foreach(row.keys, i, key)
    {
        if (!key_read(&out->keys[i], text_of(key, "alg"), text_of(key, "key"))) {
            return fault_set(fault, STATUS_INVALID, "people.keys", "%s: not a key", row.id.text);
        }
        out->key_count = i + 1;
    }
    return STATUS_OK;
}

static enum status read_people(struct verify_policy *out, const json_t *array, struct fault *fault)
{
    json_t *value = NULL;
    size_t i = 0;
    enum status status = STATUS_OK;
    if (json_array_size(array) > LIST_MAX) {
        return fault_set(fault, STATUS_INVALID, "people", "at most %d", LIST_MAX);
    }
    out->people = calloc(LIST_MAX, sizeof(*out->people));
    if (out->people == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "people", "%s", "");
    }
    json_array_foreach(array, i, value)
    {
        status = status == STATUS_OK ? read_person(&out->people[i], value, fault) : status;
        out->person_count = i + 1;
    }
    return status;
}

enum status verify_policy_read(struct verify_policy *out, const char *text, struct fault *fault)
{
    struct policy_rest rest;
    json_t *object = NULL;
    *out = (struct verify_policy){0};
    enum status status = canon_parse(&object, text, strlen(text), CANON_POLICY_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = canon_decode(&rest, sizeof(rest), object, policy_fields, COUNT(policy_fields), "", fault);
    *out = rest.policy;
    out->document = object;
    if (status == STATUS_OK) {
        document_digest(&out->digest, "policy", text);
        (void)snprintf(out->governance_group, NAME_SIZE, "%s", text_of(rest.governance, "group"));
        out->governance_m = json_integer_value(json_object_get(rest.governance, "m"));
        status = out->governance_m >= 2 ? read_people(out, rest.people, fault)
                                        : fault_set(fault, STATUS_INVALID, "governance", "m must be 2 at least");
    }
    if (status != STATUS_OK) {
        verify_policy_free(out);
    }
    return status;
}

void verify_policy_free(struct verify_policy *policy)
{
    free(policy->people);
    json_decref(policy->document);
    *policy = (struct verify_policy){0};
}

const struct verify_person *verify_policy_holder(const struct key **out_key, const struct verify_policy *policy,
                                                 const struct digest *key_id)
{
    for (size_t p = 0; p < policy->person_count; p++) {
        for (size_t k = 0; k < policy->people[p].key_count; k++) {
            if (digest_equal(&policy->people[p].keys[k].id, key_id)) {
                *out_key = &policy->people[p].keys[k];
                return &policy->people[p];
            }
        }
    }
    return NULL;
}

bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(policy->groups, i, value)
    {
        if (strcmp(text_of(value, "id"), group) == 0 && contains(json_object_get(value, "members"), person)) {
            return true;
        }
    }
    return false;
}

/* Marks who signed; false when a signature is not a good one of somebody in the policy. Out: the number of people. */
static bool signers_of(bool signers[LIST_MAX], size_t *out_count, const struct verify_policy *policy,
                       const struct signed_text *document, const char *kind)
{
    *out_count = 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct key *key = NULL;
        const struct verify_person *person = verify_policy_holder(&key, policy, &document->signatures[i].key);
        if (person == NULL || !signed_text_by(document, i, kind, key)) {
            return false;
        }
        bool *mark = &signers[person - policy->people];
        *out_count += *mark ? 0 : 1;
        *mark = true;
    }
    return true;
}

bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us)
{
    bool signers[LIST_MAX] = {false};
    size_t count = 0;
    if (!signers_of(signers, &count, policy, document, kind)) {
        return false;
    }
    int64_t valid = 0;
    for (size_t p = 0; p < policy->person_count; p++) {
        const struct verify_person *person = &policy->people[p];
        if (signers[p] && !verify_policy_member(policy, policy->governance_group, person->id.text)) {
            return false;
        }
        valid += signers[p] && at_utc_us < person->valid_until ? 1 : 0;
    }
    return valid >= policy->governance_m;
}

bool verify_policy_founded(const struct verify_policy *policy, const struct signed_text *document)
{
    bool signers[LIST_MAX] = {false};
    size_t count = 0;
    if (!signers_of(signers, &count, policy, document, "policy")) {
        return false;
    }
    for (size_t p = 0; p < policy->person_count; p++) {
        if (signers[p] != policy->people[p].administrator) {
            return false;
        }
    }
    return count >= 2;
}

const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(policy->wallets, i, value)
    {
        if (strcmp(text_of(value, "id"), name) == 0) {
            return key_read(out, text_of(value, "alg"), text_of(value, "key")) ? value : NULL;
        }
    }
    return NULL;
}

#undef FIELD
#define FIELD(member, kind) CANON_FIELD(struct verify_intent, member, kind)

static const struct canon_field intent_fields[] = {
    FIELD(amount, CANON_AMOUNT),
    FIELD(asset, CANON_HASH),
    FIELD(chain, CANON_HASH),
    FIELD(destination, CANON_TEXT),
    FIELD(environment, CANON_NAME),
    FIELD(expires_at, CANON_TIME),
    FIELD(fee_cap, CANON_AMOUNT),
    FIELD(lane, CANON_COUNTER),
    FIELD(memo, CANON_HASH),
    FIELD(policy, CANON_HASH),
    FIELD(policy_version, CANON_INTEGER),
    FIELD(requested_at, CANON_TIME),
    FIELD(requester, CANON_NAME),
    FIELD(seq, CANON_COUNTER),
    FIELD(transaction, CANON_HASH),
    FIELD(valid_from, CANON_COUNTER),
    FIELD(valid_until, CANON_COUNTER),
    FIELD(wallet, CANON_NAME),
    FIELD(withdrawal, CANON_UUID),
};

enum status verify_intent_read(struct verify_intent *out, const char *text, struct fault *fault)
{
    return read_flat(out, sizeof(*out), text, intent_fields, COUNT(intent_fields), fault);
}

#undef FIELD
#define FIELD(member, kind) CANON_FIELD(struct verify_approval, member, kind)

static const struct canon_field approval_fields[] = {
    FIELD(approver, CANON_NAME),    FIELD(chain, CANON_HASH),      FIELD(decision, CANON_TEXT),
    FIELD(environment, CANON_NAME), FIELD(expires_at, CANON_TIME), FIELD(intent, CANON_HASH),
    FIELD(key, CANON_HASH),         FIELD(policy, CANON_HASH),     FIELD(signed_at, CANON_TIME),
    FIELD(withdrawal, CANON_UUID),
};

enum status verify_approval_read(struct verify_approval *out, const char *text, struct fault *fault)
{
    return read_flat(out, sizeof(*out), text, approval_fields, COUNT(approval_fields), fault);
}

#undef FIELD
#define FIELD(member, kind) CANON_FIELD(struct verify_destination, member, kind)

static const struct canon_field destination_fields[] = {
    FIELD(account, CANON_TEXT),   FIELD(chain, CANON_HASH),  FIELD(environment, CANON_NAME), FIELD(id, CANON_NAME),
    FIELD(issued_at, CANON_TIME), FIELD(policy, CANON_HASH), FIELD(valid_until, CANON_TIME),
};

enum status verify_destination_read(struct verify_destination *out, const char *text, struct fault *fault)
{
    return read_flat(out, sizeof(*out), text, destination_fields, COUNT(destination_fields), fault);
}

#undef FIELD
#define FIELD(member, kind) CANON_FIELD(struct verify_header, member, kind)

static const struct canon_field header_fields[] = {
    FIELD(audit, CANON_HASH),
    FIELD(batch, CANON_HASH),
    FIELD(chain, CANON_HASH),
    FIELD(count, CANON_INTEGER),
    FIELD(height, CANON_COUNTER),
    FIELD(history_root, CANON_HASH),
    FIELD(last_certificate, CANON_HASH),
    FIELD(prev, CANON_HASH),
    FIELD(receipts_root, CANON_HASH),
    FIELD(rules, CANON_INTEGER),
    FIELD(time, CANON_TIME),
    FIELD(tx_root, CANON_HASH),
    FIELD(validators, CANON_HASH),
};

enum status verify_header_read(struct verify_header *out, const char *text, struct fault *fault)
{
    return read_flat(out, sizeof(*out), text, header_fields, COUNT(header_fields), fault);
}

#undef FIELD
#define FIELD(member, kind) CANON_FIELD(struct verify_receipt, member, kind)

static const struct canon_field receipt_fields[] = {
    FIELD(code, CANON_TEXT),
    FIELD(height, CANON_COUNTER),
    FIELD(index, CANON_INTEGER),
    FIELD(transaction, CANON_HASH),
};

enum status verify_receipt_read(struct verify_receipt *out, const char *text, struct fault *fault)
{
    return read_flat(out, sizeof(*out), text, receipt_fields, COUNT(receipt_fields), fault);
}

static enum status emit(struct bytes *out, json_t *object, struct fault *fault)
{
    enum status status = object == NULL ? STATUS_NO_MEMORY : canon_emit(out, object, CANON_DOCUMENT_MAX, fault);
    json_decref(object);
    return status;
}

enum status verify_address(char out[ADDRESS_LEN + 1], const struct key *key)
{
    struct buffer base64;
    struct bytes text = {0};
    struct bytes document = {0};
    struct digest id;
    struct digest sum;
    char hex[65];
    char named[22 + 64 + 1];
    buffer_init(&base64);
    buffer_append_base64(&base64, key->der, key->der_len);
    enum status status = buffer_finish(&text, &base64);
    if (status == STATUS_OK) {
        status = emit(&document, json_pack("{s:s, s:s}", "alg", key->alg, "key", (const char *)text.data), NULL);
    }
    bytes_free(&text);
    if (status != STATUS_OK) {
        return status;
    }
    document_digest(&id, "account", (const char *)document.data);
    bytes_free(&document);
    digest_format(hex, &id);
    int len = snprintf(named, sizeof(named), "strongroom/address/v1\n%s", hex);
    digest_sha256(&sum, named, (size_t)len);
    (void)snprintf(out, ADDRESS_LEN + 1, "sr1%s%02x%02x%02x%02x", hex, sum.bytes32[0], sum.bytes32[1], sum.bytes32[2],
                   sum.bytes32[3]);
    return STATUS_OK;
}

enum status verify_transaction(struct bytes *out, const struct verify_intent *intent, const char *from,
                               struct fault *fault)
{
    char amount[AMOUNT_TEXT_SIZE];
    char asset[65];
    char chain[65];
    char memo[65];
    char policy[65];
    char counters[4][24];
    const uint64_t values[4] = {intent->lane, intent->seq, intent->valid_from, intent->valid_until};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(counters[i], sizeof(counters[i]), "%llu", (unsigned long long)values[i]);
    }
    amount_format(amount, intent->amount);
    digest_format(asset, &intent->asset);
    digest_format(chain, &intent->chain);
    digest_format(memo, &intent->memo);
    digest_format(policy, &intent->policy);
    json_t *legs =
        json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]", "account", from, "amount", amount, "asset", asset,
                  "side", "debit", "account", intent->destination, "amount", amount, "asset", asset, "side", "credit");
    return emit(out,
                json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "chain", chain, "from", from, "lane",
                          counters[0], "legs", legs, "memo", memo, "policy", policy, "seq", counters[1], "type",
                          "transfer", "valid_from", counters[2], "valid_until", counters[3]),
                fault);
}
