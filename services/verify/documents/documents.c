/*
 * Documents, read from docs/formats.md.
 *
 * What the quorum of the version before signed is not judged again for its floors: it is trusted as far as the quorum
 * is. What the trust file does not name and nobody signed is not trusted at all.
 */
#include "documents.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define FIELDS(FORM, name)                                                                                             \
    static const struct canon_field FORM[] = {FORM_##FORM(FORM_ROW, FORM_ROW_OPTIONAL, FORM_ROW_BYTES, verify_##name)};
#define ENTRY(FORM, name) {FORM, COUNT(FORM), sizeof(struct verify_##name), #name},

FORMS(FIELDS)
FIELDS(POLICY, policy)

static const struct {
    const struct canon_field *fields;
    size_t count, size;
    const char *kind;
} forms[] = {FORMS(ENTRY) ENTRY(POLICY, policy)};

const char *document_kind(enum document document)
{
    return forms[document].kind;
}

enum status document_decode(void *form, enum document document, const json_t *object, struct fault *fault)
{
    return canon_decode(form, forms[document].size, object, forms[document].fields, forms[document].count, "", fault);
}

enum status document_read(struct signed_text *out, void *form, json_t *kept, enum document document, const char *text,
                          struct fault *fault)
{
    size_t max = document == DOCUMENT_POLICY ? CANON_POLICY_MAX : CANON_DOCUMENT_MAX;
    json_t *object = NULL;
    out->text = text;
    document_digest(&out->digest, forms[document].kind, text);
    enum status status = canon_parse(&object, text, strlen(text), max, fault);
    if (status != STATUS_OK || json_array_append_new(kept, object) != 0) {
        return status == STATUS_OK ? STATUS_NO_MEMORY : status;
    }
    out->object = object;
    return document_decode(form, document, object, fault);
}

void document_digest(struct digest *out, const char *kind, const char *text)
{
    digest_document(out, kind, text, strlen(text));
}

bool document_digest_json(struct digest *out, const char *kind, const json_t *value, const struct key *key,
                          const uint8_t *signature64)
{
    struct bytes text = {0};
    struct bytes message = {0};
    bool good = canon_emit(&text, value, CANON_DOCUMENT_MAX, NULL) == STATUS_OK &&
                document_message(&message, kind, text.data, text.len) == STATUS_OK &&
                (key == NULL || key_verifies(key, signature64, message.data, message.len));
    if (good) {
        digest_sha256(out, message.data, message.len);
    }
    bytes_free(&text);
    bytes_free(&message);
    return good;
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
        enum status status = document_decode(&out->signatures[i], DOCUMENT_SIGNATURE, value, fault);
        if (status != STATUS_OK) {
            return status;
        }
        for (size_t k = 0; k < i; k++) {
            if (digest_equal(&out->signatures[k].key, &out->signatures[i].key)) {
                return fault_set(fault, STATUS_INVALID, "signatures", "two of one key");
            }
        }
    }
    out->count = json_array_size(array);
    return STATUS_OK;
}

enum status signed_text_read(struct signed_text *out, void *form, json_t *kept, enum document document,
                             const json_t *object, struct fault *fault)
{
    const char *text = text_of(object, "document");
    if (text == NULL || json_object_size(object) != 2) {
        return fault_set(fault, STATUS_INVALID, "document", "must be a signed document");
    }
    enum status status = signatures_read(out, json_object_get(object, "signatures"), fault);
    return status == STATUS_OK ? document_read(out, form, kept, document, text, fault) : status;
}

bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key)
{
    const struct verify_signature *signature = &signed_text->signatures[index];
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
    return text != NULL && expected != NULL && strcmp(text, expected) == 0;
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

bool is_word(const char *text, const char *words)
{
    char word[64];
    int len = snprintf(word, sizeof(word), " %s ", text);
    return len < (int)sizeof(word) && strchr(text, ' ') == NULL && strstr(words, word) != NULL;
}

const json_t *object_named(const json_t *array, const char *name)
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

const json_t *verify_policy_holder(struct key *out_key, const struct verify_policy *policy, const struct digest *key_id)
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
                return person;
            }
        }
    }
    return NULL;
}

bool verify_person_is(const json_t *person, const char *id, int64_t at_utc_us)
{
    const char *valid_until = text_of(person, "valid_until");
    int64_t until = 0;
    return is_text(text_of(person, "id"), id) && valid_until != NULL && time_parse(&until, valid_until) == STATUS_OK &&
           at_utc_us < until;
}

bool verify_person_duty(const json_t *person, const char *duty)
{
    return lists(json_object_get(person, "duties"), duty);
}

bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person)
{
    return lists(json_object_get(object_named(policy->groups, group), "members"), person);
}

/* Who signed, each once; false when a signature is not a good one of somebody in the policy. */
static bool signers_of(const json_t *signers[SIGNED_MAX], size_t *out_count, const struct verify_policy *policy,
                       const struct signed_text *document, const char *kind)
{
    *out_count = 0;
    for (size_t i = 0; i < document->count; i++) {
        struct key key;
        size_t k = 0;
        const json_t *person = verify_policy_holder(&key, policy, &document->signatures[i].key);
        if (person == NULL || !signed_text_by(document, i, kind, &key)) {
            return false;
        }
        while (k < *out_count && signers[k] != person) {
            k++;
        }
        signers[k] = person;
        *out_count = k == *out_count ? k + 1 : *out_count;
    }
    return true;
}

bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us)
{
    const json_t *signers[SIGNED_MAX];
    size_t count = 0;
    const char *group = text_of(policy->governance, "group");
    json_int_t m = json_integer_value(json_object_get(policy->governance, "m"));
    json_int_t valid = 0;
    bool good = group != NULL && m >= 2 && signers_of(signers, &count, policy, document, kind);
    for (size_t i = 0; good && i < count; i++) {
        const char *id = text_of(signers[i], "id");
        good = id != NULL && verify_policy_member(policy, group, id);
        valid += verify_person_is(signers[i], id, at_utc_us) ? 1 : 0;
    }
    return good && valid >= m;
}

/* All administrators signed, two at least, and nobody else. */
static bool is_founded(const struct verify_policy *policy, const struct signed_text *document)
{
    const json_t *signers[SIGNED_MAX];
    size_t count = 0;
    size_t administrators = 0;
    bool good = signers_of(signers, &count, policy, document, "policy");
    for (size_t p = 0; p < json_array_size(policy->people); p++) {
        administrators += verify_person_duty(json_array_get(policy->people, p), "administrator") ? 1 : 0;
    }
    for (size_t i = 0; good && i < count; i++) {
        good = verify_person_duty(signers[i], "administrator");
    }
    return good && count == administrators && count >= 2;
}

const char *verify_policy_follow(struct verify_policy *out, const struct verify_policy *before, json_t *kept,
                                 const json_t *object, const struct digest *first)
{
    struct signed_text text;
    if (signed_text_read(&text, out, kept, DOCUMENT_POLICY, object, NULL) != STATUS_OK ||
        json_array_size(out->people) > PEOPLE_MAX) {
        return "is not a signed policy";
    }
    out->digest = text.digest;
    out->object = text.object;
    if (before == NULL) {
        bool good = (first == NULL || digest_equal(&out->digest, first)) && out->version == 1 &&
                    digest_is_zero(&out->prev) && is_founded(out, &text);
        return good ? NULL : "the first is not the one of the trust file, signed by all administrators";
    }
    bool good = digest_equal(&out->prev, &before->digest) && out->version == before->version + 1 &&
                out->issued_at > before->issued_at && digest_equal(&out->chain, &before->chain) &&
                verify_policy_governed(before, &text, "policy", out->issued_at);
    return good ? NULL : "a later version is not signed by the quorum of the one before";
}

const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name)
{
    const json_t *wallet = object_named(policy->wallets, name);
    return key_read(out, text_of(wallet, "alg"), text_of(wallet, "key")) ? wallet : NULL;
}

bool document_address(char out[ADDRESS_SIZE], const json_t *holder)
{
    struct digest id;
    struct digest sum;
    char hex[DIGEST_HEX_LEN + 1];
    json_t *account =
        json_pack("{s:O, s:O}", "alg", json_object_get(holder, "alg"), "key", json_object_get(holder, "key"));
    bool good = account != NULL && document_digest_json(&id, "account", account, NULL, NULL);
    json_decref(account);
    if (good) {
        digest_format(hex, &id);
        document_digest(&sum, "address", hex);
        (void)snprintf(out, ADDRESS_SIZE, "sr1%s%02x%02x%02x%02x", hex, sum.bytes32[0], sum.bytes32[1], sum.bytes32[2],
                       sum.bytes32[3]);
    }
    return good;
}
