/*
 * The documents of an evidence bundle, read from docs/formats.md.
 *
 * What the quorum of the version before signed is not judged again for its floors: it is trusted as far as the quorum
 * is. What the trust file does not name and nobody signed is not trusted at all.
 */
#include "documents.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROW(member, kind) CANON_FIELD(struct ROW_OF, member, kind)

#define ROW_OF verify_approval
static const struct canon_field approval_fields[] = {
    ROW(approver, CANON_NAME),   ROW(chain, CANON_HASH),     ROW(decision, CANON_TEXT), ROW(environment, CANON_NAME),
    ROW(expires_at, CANON_TIME), ROW(intent, CANON_HASH),    ROW(key, CANON_HASH),      ROW(policy, CANON_HASH),
    ROW(signed_at, CANON_TIME),  ROW(withdrawal, CANON_UUID)};
#undef ROW_OF
#define ROW_OF verify_destination
static const struct canon_field destination_fields[] = {
    ROW(account, CANON_TEXT),   ROW(chain, CANON_HASH),  ROW(environment, CANON_NAME), ROW(id, CANON_NAME),
    ROW(issued_at, CANON_TIME), ROW(policy, CANON_HASH), ROW(valid_until, CANON_TIME)};
#undef ROW_OF
#define ROW_OF verify_header
static const struct canon_field header_fields[] = {ROW(audit, CANON_HASH),
                                                   ROW(batch, CANON_HASH),
                                                   ROW(chain, CANON_HASH),
                                                   ROW(count, CANON_INTEGER),
                                                   ROW(height, CANON_COUNTER),
                                                   ROW(history_root, CANON_HASH),
                                                   ROW(last_certificate, CANON_HASH),
                                                   ROW(prev, CANON_HASH),
                                                   ROW(receipts_root, CANON_HASH),
                                                   ROW(rules, CANON_INTEGER),
                                                   ROW(time, CANON_TIME),
                                                   ROW(tx_root, CANON_HASH),
                                                   ROW(validators, CANON_HASH)};
#undef ROW_OF
#define ROW_OF verify_intent
static const struct canon_field intent_fields[] = {ROW(amount, CANON_AMOUNT),
                                                   ROW(asset, CANON_HASH),
                                                   ROW(chain, CANON_HASH),
                                                   ROW(destination, CANON_TEXT),
                                                   ROW(environment, CANON_NAME),
                                                   ROW(expires_at, CANON_TIME),
                                                   ROW(fee_cap, CANON_AMOUNT),
                                                   ROW(lane, CANON_COUNTER),
                                                   ROW(memo, CANON_HASH),
                                                   ROW(policy, CANON_HASH),
                                                   ROW(policy_version, CANON_INTEGER),
                                                   ROW(requested_at, CANON_TIME),
                                                   ROW(requester, CANON_NAME),
                                                   ROW(seq, CANON_COUNTER),
                                                   ROW(transaction, CANON_HASH),
                                                   ROW(valid_from, CANON_COUNTER),
                                                   ROW(valid_until, CANON_COUNTER),
                                                   ROW(wallet, CANON_NAME),
                                                   ROW(withdrawal, CANON_UUID)};
#undef ROW_OF
#define ROW_OF verify_receipt
static const struct canon_field receipt_fields[] = {ROW(code, CANON_TEXT), ROW(height, CANON_COUNTER),
                                                    ROW(index, CANON_INTEGER), ROW(transaction, CANON_HASH)};
#undef ROW_OF
#define ROW_OF verify_policy
static const struct canon_field policy_fields[] = {
    ROW(chain, CANON_HASH),      ROW(environment, CANON_NAME), ROW(governance, CANON_OBJECT), ROW(groups, CANON_ARRAY),
    ROW(issued_at, CANON_TIME),  ROW(people, CANON_ARRAY),     ROW(prev, CANON_HASH),         ROW(rules, CANON_ARRAY),
    ROW(version, CANON_INTEGER), ROW(wallets, CANON_ARRAY)};
#undef ROW_OF
#define ROW_OF signature_row
static const struct canon_field signature_fields[] = {ROW(alg, CANON_TEXT), ROW(key, CANON_HASH),
                                                      ROW(sig, CANON_SIGNATURE)};

static const struct {
    const struct canon_field *fields;
    size_t count;
    size_t size;
} forms[] = {
    [DOCUMENT_APPROVAL] = {approval_fields, COUNT(approval_fields), sizeof(struct verify_approval)},
    [DOCUMENT_DESTINATION] = {destination_fields, COUNT(destination_fields), sizeof(struct verify_destination)},
    [DOCUMENT_HEADER] = {header_fields, COUNT(header_fields), sizeof(struct verify_header)},
    [DOCUMENT_INTENT] = {intent_fields, COUNT(intent_fields), sizeof(struct verify_intent)},
    [DOCUMENT_RECEIPT] = {receipt_fields, COUNT(receipt_fields), sizeof(struct verify_receipt)},
};

enum status document_read(void *out, enum document document, const char *text, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, text, strlen(text), CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status =
            canon_decode(out, forms[document].size, object, forms[document].fields, forms[document].count, "", fault);
    }
    json_decref(object);
    return status;
}

void document_digest(struct digest *out, const char *kind, const char *text)
{
    digest_document(out, kind, text, strlen(text));
}

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
        enum status status = canon_decode(&out->signatures[i], sizeof(out->signatures[i]), value, signature_fields,
                                          COUNT(signature_fields), "signatures.", fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    out->count = json_array_size(array);
    return STATUS_OK;
}

enum status signed_text_read(struct signed_text *out, const json_t *object, struct fault *fault)
{
    out->text = text_of(object, "document");
    if (out->text == NULL || json_object_size(object) != 2) {
        return fault_set(fault, STATUS_INVALID, "document", "must be a signed document");
    }
    return signatures_read(out, json_object_get(object, "signatures"), fault);
}

bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key)
{
    const struct signature_row *signature = &signed_text->signatures[index];
    struct bytes message = {0};
    if (!digest_equal(&signature->key, &key->id) || strcmp(signature->alg, key->alg) != 0 ||
        document_message(&message, kind, signed_text->text, strlen(signed_text->text)) != STATUS_OK) {
        return false;
    }
    bool good = key_verifies(key, signature->sig, message.data, message.len);
    bytes_free(&message);
    return good;
}

const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static bool is_text(const char *text, const char *expected)
{
    return text != NULL && strcmp(text, expected) == 0;
}

bool lists(const json_t *array, const char *text)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(array, i, value)
    {
        if (is_text(json_string_value(value), text)) {
            return true;
        }
    }
    return false;
}

/* The object of an array whose `id` is the name; NULL. */
static const json_t *named(const json_t *array, const char *name)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(array, i, value)
    {
        if (is_text(text_of(value, "id"), name)) {
            return value;
        }
    }
    return NULL;
}

enum status verify_policy_read(struct verify_policy *out, const char *text, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, text, strlen(text), CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), object, policy_fields, COUNT(policy_fields), "", fault);
    }
    if (status == STATUS_OK && json_array_size(out->people) > PEOPLE_MAX) {
        status = fault_set(fault, STATUS_INVALID, "people", "at most %d", PEOPLE_MAX);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        *out = (struct verify_policy){0};
        return status;
    }
    document_digest(&out->digest, "policy", text);
    out->document = object;
    return STATUS_OK;
}

void verify_policy_free(struct verify_policy *policy)
{
    json_decref(policy->document);
    *policy = (struct verify_policy){0};
}

int verify_policy_holder(struct key *out_key, const struct verify_policy *policy, const struct digest *key_id)
{
    json_t *person = NULL;
    json_t *key = NULL;
    size_t p = 0;
    size_t k = 0;
    json_array_foreach(policy->people, p, person)
    {
        json_array_foreach(json_object_get(person, "keys"), k, key)
        {
            if (key_read(out_key, text_of(key, "alg"), text_of(key, "key")) && digest_equal(&out_key->id, key_id)) {
                return (int)p;
            }
        }
    }
    return -1;
}

bool verify_policy_person(const struct verify_policy *policy, int place, const char *id, int64_t at_utc_us)
{
    const json_t *person = json_array_get(policy->people, (size_t)place);
    const char *valid_until = text_of(person, "valid_until");
    int64_t until = 0;
    return is_text(text_of(person, "id"), id) && valid_until != NULL && time_parse(&until, valid_until) == STATUS_OK &&
           at_utc_us < until;
}

bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person)
{
    return lists(json_object_get(named(policy->groups, group), "members"), person);
}

/* Marks who signed; false when a signature is not a good one of somebody in the policy. */
static bool signers_of(bool signers[PEOPLE_MAX], const struct verify_policy *policy, const struct signed_text *document,
                       const char *kind)
{
    for (size_t i = 0; i < document->count; i++) {
        struct key key;
        int person = verify_policy_holder(&key, policy, &document->signatures[i].key);
        if (person < 0 || !signed_text_by(document, i, kind, &key)) {
            return false;
        }
        signers[person] = true;
    }
    return true;
}

bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us)
{
    bool signers[PEOPLE_MAX] = {false};
    const char *group = text_of(policy->governance, "group");
    json_int_t m = json_integer_value(json_object_get(policy->governance, "m"));
    json_int_t valid = 0;
    if (group == NULL || m < 2 || !signers_of(signers, policy, document, kind)) {
        return false;
    }
    for (size_t p = 0; p < json_array_size(policy->people); p++) {
        const char *id = text_of(json_array_get(policy->people, p), "id");
        if (signers[p] && (id == NULL || !verify_policy_member(policy, group, id))) {
            return false;
        }
        valid += signers[p] && verify_policy_person(policy, (int)p, id, at_utc_us) ? 1 : 0;
    }
    return valid >= m;
}

bool verify_policy_founded(const struct verify_policy *policy, const struct signed_text *document)
{
    bool signers[PEOPLE_MAX] = {false};
    size_t count = 0;
    bool good = signers_of(signers, policy, document, "policy");
    for (size_t p = 0; good && p < json_array_size(policy->people); p++) {
        good = signers[p] == lists(json_object_get(json_array_get(policy->people, p), "duties"), "administrator");
        count += signers[p] ? 1 : 0;
    }
    return good && count >= 2;
}

const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name)
{
    const json_t *wallet = named(policy->wallets, name);
    return key_read(out, text_of(wallet, "alg"), text_of(wallet, "key")) ? wallet : NULL;
}

/* Emits and releases what json_pack made. Out: owned. */
static enum status emit(struct bytes *out, json_t *object, struct fault *fault)
{
    enum status status = object == NULL ? fault_set(fault, STATUS_INVALID, "document", "lacks a field")
                                        : canon_emit(out, object, CANON_DOCUMENT_MAX, fault);
    json_decref(object);
    return status;
}

/* The address of the account of a wallet's key. */
static enum status address_of(char out[ADDRESS_SIZE], const json_t *wallet, struct fault *fault)
{
    struct bytes account = {0};
    struct digest id;
    struct digest sum;
    char hex[DIGEST_HEX_LEN + 1];
    enum status status = emit(
        &account, json_pack("{s:O, s:O}", "alg", json_object_get(wallet, "alg"), "key", json_object_get(wallet, "key")),
        fault);
    if (status == STATUS_OK) {
        document_digest(&id, "account", (const char *)account.data);
        digest_format(hex, &id);
        document_digest(&sum, "address", hex);
        (void)snprintf(out, ADDRESS_SIZE, "sr1%s%02x%02x%02x%02x", hex, sum.bytes32[0], sum.bytes32[1], sum.bytes32[2],
                       sum.bytes32[3]);
    }
    bytes_free(&account);
    return status;
}

/* A leg of the intent's amount. NULL when the intent lacks a field. */
static json_t *leg_of(const json_t *intent, const char *account, const char *side)
{
    return json_pack("{s:s, s:O, s:O, s:s}", "account", account, "amount", json_object_get(intent, "amount"), "asset",
                     json_object_get(intent, "asset"), "side", side);
}

enum status verify_transaction(struct bytes *out, const char *intent, const json_t *wallet, struct fault *fault)
{
    static const char *const copied[] = {"chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until"};
    char from[ADDRESS_SIZE];
    json_t *object = NULL;
    enum status status = address_of(from, wallet, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, intent, strlen(intent), CANON_DOCUMENT_MAX, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *to = text_of(object, "destination");
    json_t *transaction = json_pack("{s:s, s:[o,o], s:s}", "from", from, "legs", leg_of(object, from, "debit"),
                                    leg_of(object, to == NULL ? "" : to, "credit"), "type", "transfer");
    for (size_t i = 0; i < COUNT(copied); i++) {
        (void)json_object_set(transaction, copied[i], json_object_get(object, copied[i]));
    }
    json_decref(object);
    return emit(out, transaction, fault);
}
