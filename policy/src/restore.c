/*
 * The restore proof: that a key lives on another token, by whose hands it came there, and with whose shares.
 */
#include "document.h"
#include "duty.h"
#include "policy/backup.h"
#include "policy_internal.h"

struct restore_wire {
    struct restore restore;
    char kind[16];
    json_t *occasion;
    json_t *shares;
    json_t *token;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct restore, authoriser, CANON_NAME),
    CANON_FIELD(struct restore, backup, CANON_HASH),
    CANON_FIELD(struct restore, chain, CANON_HASH),
    CANON_FIELD(struct restore, challenge, CANON_HASH),
    CANON_FIELD(struct restore, environment, CANON_NAME),
    CANON_FIELD(struct restore, executor, CANON_NAME),
    CANON_FIELD(struct restore, key, CANON_HASH),
    CANON_FIELD(struct restore_wire, kind, CANON_TEXT),
    CANON_FIELD(struct restore, made_at, CANON_TIME),
    CANON_FIELD(struct restore_wire, occasion, CANON_OBJECT),
    CANON_FIELD(struct restore, policy, CANON_HASH),
    CANON_FIELD(struct restore, requester, CANON_NAME),
    CANON_FIELD_RANGE(struct restore_wire, shares, CANON_ARRAY, 0, BACKUP_SHARES_MAX),
    CANON_FIELD(struct restore_wire, token, CANON_OBJECT),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

_Static_assert(offsetof(struct restore_wire, restore) == 0, "the rows of struct restore hold in the wire");

static const struct word kind_words[] = {{"restore", RESTORE_RESTORE}, {"drill", RESTORE_DRILL}, {NULL, 0}};

const char *restore_kind_text(enum restore_kind kind)
{
    return word_text(kind_words, (int)kind);
}

static enum status check_people(const struct restore *restore, struct fault *fault)
{
    if (name_equal(&restore->requester, &restore->authoriser)) {
        return fault_set(fault, STATUS_INVALID, "authoriser", "%s has requested it", restore->authoriser.text);
    }
    if (name_equal(&restore->requester, &restore->executor)) {
        return fault_set(fault, STATUS_INVALID, "executor", "%s has requested it", restore->executor.text);
    }
    if (name_equal(&restore->authoriser, &restore->executor)) {
        return fault_set(fault, STATUS_INVALID, "executor", "%s has authorised it", restore->executor.text);
    }
    return STATUS_OK;
}

static enum status check(const struct restore *restore, struct fault *fault)
{
    if (restore_kind_text(restore->kind) == NULL) {
        return fault_set(fault, STATUS_INVALID, "kind", "restore or drill");
    }
    const bool clone = digest_is_zero(&restore->backup);
    if (restore->share_count > BACKUP_SHARES_MAX || (clone ? restore->share_count != 0 : restore->share_count < 2)) {
        return fault_set(fault, STATUS_INVALID, "shares", "2 to %d names, none for a clone", BACKUP_SHARES_MAX);
    }
    for (size_t i = 1; i < restore->share_count; i++) {
        if (policy_name_compare(&restore->shares[i - 1], &restore->shares[i]) >= 0) {
            return fault_set(fault, STATUS_INVALID, "shares", "sorted without duplicates: %s stands too late",
                             restore->shares[i].text);
        }
    }
    return check_people(restore, fault);
}

static enum status read_shares(struct restore *out, const json_t *list, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || name_parse(&out->shares[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "shares", "names: 1 to 63 of [a-z0-9-]");
        }
        out->share_count = i + 1;
    }
    return STATUS_OK;
}

static enum status read_occasion(struct occasion_paper *out, const json_t *object, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "occasion", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = occasion_paper_read(out, &document, &inner);
    signed_document_free(&document);
    return status == STATUS_OK ? status : document_fault(fault, "occasion", status, &inner);
}

static enum status read_wire(struct restore *out, const struct restore_wire *wire, struct fault *fault)
{
    *out = wire->restore;
    out->kind = (enum restore_kind)word_value(kind_words, wire->kind);
    enum status status = read_occasion(&out->occasion, wire->occasion, fault);
    if (status == STATUS_OK) {
        status = read_shares(out, wire->shares, fault);
    }
    if (status == STATUS_OK) {
        status = token_identity_decode(&out->token, wire->token, "token", fault);
    }
    return status == STATUS_OK ? check(out, fault) : status;
}

enum status restore_decode(struct restore *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct restore_wire wire;
    struct restore restore;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = read_wire(&restore, &wire, fault);
    }
    if (status == STATUS_OK) {
        *out = restore;
    }
    json_decref(object);
    return status;
}

static enum status write_shares(json_t **out, const struct restore *restore, struct fault *fault)
{
    json_t *list = json_array();
    bool built = list != NULL;
    for (size_t i = 0; i < restore->share_count && built; i++) {
        built = json_array_append_new(list, json_string(restore->shares[i].text)) == 0;
    }
    if (!built) {
        json_decref(list);
        return fault_set(fault, STATUS_NO_MEMORY, "shares", "building the list");
    }
    *out = list; /* transferred */
    return STATUS_OK;
}

static enum status write_occasion(json_t **out, const struct occasion_paper *paper, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = occasion_paper_write(&document, paper, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(out, &document, fault);
    }
    signed_document_free(&document);
    return status;
}

enum status restore_encode(struct bytes *out, const struct restore *restore, struct fault *fault)
{
    struct restore_wire wire = {.restore = *restore};
    enum status status = check(restore, fault);
    if (status == STATUS_OK) {
        word_write(wire.kind, sizeof(wire.kind), kind_words, (int)restore->kind);
        status = write_shares(&wire.shares, restore, fault);
    }
    if (status == STATUS_OK) {
        status = write_occasion(&wire.occasion, &restore->occasion, fault);
    }
    if (status == STATUS_OK) {
        status = token_identity_encode(&wire.token, &restore->token, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.occasion);
    json_decref(wire.shares);
    json_decref(wire.token);
    return status;
}

static enum status check_subject(const struct restore *restore, const struct restore_context *context,
                                 struct fault *fault)
{
    const struct policy *policy = context->policy;
    const struct digest none = {0};
    const struct digest *backup = context->backup == NULL ? &none : context->backup_digest;
    struct digest key_id;
    public_key_id(&key_id, context->key);
    const struct {
        bool holds;
        const char *field;
        const char *rule;
    } rows[] = {
        {digest_equal(&restore->chain, &policy->chain), "chain", "not that of the policy"},
        {name_equal(&restore->environment, &policy->environment), "environment", "not that of the policy"},
        {digest_equal(&restore->policy, &policy->digest), "policy", "made under another policy"},
        {digest_equal(&restore->key, &key_id), "key", "the proof is about another key"},
        {digest_equal(&restore->backup, backup), "backup", "made from another backup"},
        {!token_identity_same_device(&restore->token, context->token), "token", "the token on which the key was born"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].holds) {
            return fault_set(fault, STATUS_MISMATCH, rows[i].field, "%s", rows[i].rule);
        }
    }
    return STATUS_OK;
}

static enum status check_shares(const struct restore *restore, const struct backup *backup, struct fault *fault)
{
    if (restore->share_count < backup->shares.threshold) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "shares", "%zu of %u shares", restore->share_count,
                         backup->shares.threshold);
    }
    for (size_t i = 0; i < restore->share_count; i++) {
        if (share_table_find(&backup->shares, &restore->shares[i]) == NULL) {
            return fault_set(fault, STATUS_MISMATCH, "shares", "%s has no share", restore->shares[i].text);
        }
    }
    return STATUS_OK;
}

enum { SIGNER_KEY, SIGNER_REQUESTER, SIGNER_AUTHORISER, SIGNER_EXECUTOR, SIGNER_COUNT };

static const struct {
    const char *role;
    unsigned duties;
} signers[SIGNER_COUNT] = {
    [SIGNER_KEY] = {"key", 0},
    [SIGNER_REQUESTER] = {"requester", DUTY_OPERATOR | DUTY_ADMINISTRATOR},
    [SIGNER_AUTHORISER] = {"authoriser", DUTY_ADMINISTRATOR},
    [SIGNER_EXECUTOR] = {"executor", DUTY_CUSTODIAN},
};

static enum status find_people(const struct person *out[SIGNER_COUNT], const struct restore *restore,
                               const struct policy *policy, struct fault *fault)
{
    const struct name *names[SIGNER_COUNT] = {NULL, &restore->requester, &restore->authoriser, &restore->executor};
    for (size_t i = SIGNER_REQUESTER; i < SIGNER_COUNT; i++) {
        const struct duty_demand demand = {
            .where = signers[i].role, .duties = signers[i].duties, .at_utc_us = restore->made_at};
        enum status status = duty_find(&out[i], policy, names[i], &demand, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* Whose key this is, of the four; SIGNER_COUNT for nobody's. */
static size_t find_signer(const struct public_key **out_key, const struct digest *key_id,
                          const struct person *const people[SIGNER_COUNT], const struct restore_context *context)
{
    struct digest restored;
    public_key_id(&restored, context->key);
    if (digest_equal(key_id, &restored)) {
        *out_key = context->key;
        return SIGNER_KEY;
    }
    for (size_t i = SIGNER_REQUESTER; i < SIGNER_COUNT; i++) {
        *out_key = policy_person_key(people[i], key_id);
        if (*out_key != NULL) {
            return i;
        }
    }
    return SIGNER_COUNT;
}

static enum status check_signatures(const struct restore *restore, const struct signed_document *document,
                                    const struct restore_context *context, struct fault *fault)
{
    const struct person *people[SIGNER_COUNT] = {NULL};
    bool seen[SIGNER_COUNT] = {false};
    enum status status = find_people(people, restore, context->policy, fault);
    for (size_t i = 0; i < document->signature_count && status == STATUS_OK; i++) {
        char place[PLACE_SIZE];
        document_place_index(place, "signatures", i);
        const struct public_key *key = NULL;
        size_t signer = find_signer(&key, &document->signatures[i].key_id, people, context);
        if (signer == SIGNER_COUNT) {
            return fault_set(fault, STATUS_UNKNOWN_KEY, place, "of none of the four who sign");
        }
        if (seen[signer]) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, place, "the %s has signed already", signers[signer].role);
        }
        seen[signer] = true;
        status = signed_document_verify(document, RESTORE_KIND, i, key, fault);
    }
    for (size_t i = 0; i < SIGNER_COUNT && status == STATUS_OK; i++) {
        if (!seen[i]) {
            status = fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "the %s has not signed", signers[i].role);
        }
    }
    return status;
}

/* What they allowed is what was done, by whom, with which key and where. */
static enum status check_same(const struct restore *restore, struct fault *fault)
{
    const struct occasion *occasion = &restore->occasion.occasion;
    const bool drill = restore->kind == RESTORE_DRILL;
    const struct {
        bool holds;
        const char *field;
    } rows[] = {
        {occasion->action == (drill ? OCCASION_DRILL : OCCASION_RESTORE), "occasion.action"},
        {name_equal(&occasion->requester, &restore->requester), "occasion.requester"},
        {name_equal(&occasion->authoriser, &restore->authoriser), "occasion.authoriser"},
        {name_equal(&occasion->executor, &restore->executor), "occasion.executor"},
        {digest_equal(&occasion->key, &restore->key), "occasion.key"},
        {digest_equal(&occasion->set, &restore->backup), "occasion.set"},
        {strcmp(occasion->serial, restore->token.serial) == 0, "occasion.serial"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].holds) {
            return fault_set(fault, STATUS_MISMATCH, rows[i].field, "the occasion was for another restore");
        }
    }
    return STATUS_OK;
}

static enum status check_occasion(const struct restore *restore, const struct policy *policy, struct fault *fault)
{
    struct signed_document document = {0};
    struct occasion occasion;
    struct fault inner = {0};
    enum status status = check_same(restore, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = occasion_paper_write(&document, &restore->occasion, &inner);
    if (status == STATUS_OK) {
        status = occasion_verify(&occasion, &document, policy, restore->made_at, &inner);
    }
    for (size_t i = 0; i < restore->share_count && status == STATUS_OK; i++) {
        status = occasion_check_giver(&occasion, &restore->shares[i], policy, restore->made_at, &inner);
    }
    signed_document_free(&document);
    return status == STATUS_OK ? status : document_fault(fault, "occasion", status, &inner);
}

enum status restore_verify(struct restore *out, const struct signed_document *document,
                           const struct restore_context *context, struct fault *fault)
{
    struct restore restore;
    enum status status = restore_decode(&restore, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_subject(&restore, context, fault);
    }
    if (status == STATUS_OK && context->backup != NULL) {
        status = check_shares(&restore, context->backup, fault);
    }
    if (status == STATUS_OK) {
        status = check_signatures(&restore, document, context, fault);
    }
    if (status == STATUS_OK) {
        status = check_occasion(&restore, context->policy, fault);
    }
    if (status == STATUS_OK) {
        *out = restore;
    }
    return status;
}
