/*
 * The occasion on which shares are given: two people answer for the receiving key. Where they read it is theirs to say;
 * that both signed this one, for this action, key, set and time, is judged here.
 */
#include "policy/occasion.h"

#include "document.h"
#include "duty.h"
#include "policy/backup.h"
#include "share_table.h"

struct occasion_wire {
    struct occasion occasion;
    char action[16];
    struct bytes to;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct occasion_wire, action, CANON_TEXT),
    CANON_FIELD(struct occasion, authoriser, CANON_NAME),
    CANON_FIELD(struct occasion, chain, CANON_HASH),
    CANON_FIELD(struct occasion, environment, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct occasion, executor, CANON_NAME),
    CANON_FIELD(struct occasion, expires_at, CANON_TIME),
    CANON_FIELD(struct occasion, issued_at, CANON_TIME),
    CANON_FIELD(struct occasion, key, CANON_HASH),
    CANON_FIELD(struct occasion, policy, CANON_HASH),
    CANON_FIELD(struct occasion, requester, CANON_NAME),
    {"serial", CANON_TEXT, true, offsetof(struct occasion, serial), TOKEN_TEXT_SIZE, 1, 0},
    CANON_FIELD(struct occasion, set, CANON_HASH),
    SEAL_KEY_FIELD(struct occasion_wire, to),
};

_Static_assert(offsetof(struct occasion_wire, occasion) == 0, "the rows of struct occasion hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct occasion_wire);

static const struct word action_words[] = {
    {"activate", OCCASION_ACTIVATE}, {"restore", OCCASION_RESTORE}, {"drill", OCCASION_DRILL}, {NULL, 0}};

const char *occasion_action_text(enum occasion_action action)
{
    return word_text(action_words, (int)action);
}

enum status occasion_action_parse(enum occasion_action *out, const char *text)
{
    int value = word_value(action_words, text);
    if (value == 0) {
        return STATUS_INVALID;
    }
    *out = (enum occasion_action)value;
    return STATUS_OK;
}

static enum status check_people(const struct occasion *occasion, struct fault *fault)
{
    if (name_equal(&occasion->requester, &occasion->authoriser)) {
        return fault_set(fault, STATUS_INVALID, "authoriser", "%s has requested it", occasion->authoriser.text);
    }
    if (name_equal(&occasion->requester, &occasion->executor)) {
        return fault_set(fault, STATUS_INVALID, "executor", "%s has requested it", occasion->executor.text);
    }
    if (name_equal(&occasion->authoriser, &occasion->executor)) {
        return fault_set(fault, STATUS_INVALID, "executor", "%s has authorised it", occasion->executor.text);
    }
    return STATUS_OK;
}

static enum status check(const struct occasion *occasion, struct fault *fault)
{
    const bool activate = occasion->action == OCCASION_ACTIVATE;
    const int64_t span_us = occasion->expires_at - occasion->issued_at;
    const struct {
        bool holds;
        const char *field;
        const char *rule;
    } rows[] = {
        {occasion_action_text(occasion->action) != NULL, "action", "activate, restore or drill"},
        {activate == (occasion->executor.text[0] == '\0'), "executor", "for restore and drill, and only for them"},
        {!activate || occasion->serial[0] == '\0', "serial", "for restore and drill, and only for them"},
        {!activate || !digest_is_zero(&occasion->set), "set", "the digest of the share set"},
        {span_us > 0 && span_us <= OCCASION_MAX_US, "expires_at", "after issued_at, by at most a day"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].holds) {
            return fault_set(fault, STATUS_INVALID, rows[i].field, "%s", rows[i].rule);
        }
    }
    return check_people(occasion, fault);
}

enum status occasion_decode(struct occasion *out, const void *document, size_t len, struct fault *fault)
{
    struct occasion_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.occasion.action = (enum occasion_action)word_value(action_words, wire.action);
    share_read_seal_key(&wire.occasion.to, &wire.to);
    bytes_free(&wire.to);
    status = check(&wire.occasion, fault);
    if (status == STATUS_OK) {
        *out = wire.occasion;
    }
    return status;
}

enum status occasion_encode(struct bytes *out, const struct occasion *occasion, struct fault *fault)
{
    struct occasion_wire wire = {.occasion = *occasion};
    enum status status = check(occasion, fault);
    if (status != STATUS_OK) {
        return status;
    }
    word_write(wire.action, sizeof(wire.action), action_words, (int)occasion->action);
    wire.to = (struct bytes){wire.occasion.to.bytes32, SEAL_KEY_LEN}; /* borrowed */
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

enum status occasion_paper_read(struct occasion_paper *out, const struct signed_document *document, struct fault *fault)
{
    struct occasion_paper paper;
    if (document->signature_count != OCCASION_SIGNERS) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "two, of the requester and of the authoriser");
    }
    enum status status = occasion_decode(&paper.occasion, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        memcpy(paper.signatures, document->signatures, sizeof(paper.signatures));
        *out = paper;
    }
    return status;
}

enum status occasion_paper_write(struct signed_document *out, const struct occasion_paper *paper, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = occasion_encode(&document.document, &paper->occasion, fault);
    for (size_t i = 0; i < OCCASION_SIGNERS && status == STATUS_OK; i++) {
        status = signed_document_add(&document, &paper->signatures[i]);
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return fault_set(fault, status, "occasion", "writing");
    }
    *out = document; /* transferred */
    return STATUS_OK;
}

void occasion_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, OCCASION_KIND, document, len);
}

static enum status check_frame(const struct occasion *occasion, const struct policy *policy, int64_t at_utc_us,
                               struct fault *fault)
{
    const struct {
        bool holds;
        enum status status;
        const char *field;
        const char *rule;
    } rows[] = {
        {digest_equal(&occasion->chain, &policy->chain), STATUS_MISMATCH, "chain", "not that of the policy"},
        {name_equal(&occasion->environment, &policy->environment), STATUS_MISMATCH, "environment",
         "not that of the policy"},
        {digest_equal(&occasion->policy, &policy->digest), STATUS_MISMATCH, "policy", "made under another policy"},
        {occasion->issued_at - at_utc_us <= OCCASION_EARLY_MAX_US, STATUS_NOT_READY, "issued_at",
         "more than 60 s ahead of the clock"},
        {at_utc_us < occasion->expires_at, STATUS_EXPIRED, "expires_at", "the occasion is over"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].holds) {
            return fault_set(fault, rows[i].status, rows[i].field, "%s", rows[i].rule);
        }
    }
    return STATUS_OK;
}

enum { SIGNER_REQUESTER, SIGNER_AUTHORISER, SIGNER_COUNT };

static const char *const signer_roles[SIGNER_COUNT] = {"requester", "authoriser"};

static enum status find_people(const struct person *out[SIGNER_COUNT], const struct occasion *occasion,
                               const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    const struct person *executor = NULL;
    struct duty_demand demand = {"requester", DUTY_OPERATOR | DUTY_ADMINISTRATOR, at_utc_us};
    enum status status = duty_find(&out[SIGNER_REQUESTER], policy, &occasion->requester, &demand, fault);
    if (status == STATUS_OK) {
        demand = (struct duty_demand){"authoriser", DUTY_ADMINISTRATOR, at_utc_us};
        status = duty_find(&out[SIGNER_AUTHORISER], policy, &occasion->authoriser, &demand, fault);
    }
    if (status == STATUS_OK && occasion->action != OCCASION_ACTIVATE) {
        demand = (struct duty_demand){"executor", DUTY_CUSTODIAN, at_utc_us};
        status = duty_find(&executor, policy, &occasion->executor, &demand, fault);
    }
    return status;
}

static enum status check_signatures(const struct signed_document *document, const struct person *const *people,
                                    struct fault *fault)
{
    bool seen[SIGNER_COUNT] = {false};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < document->signature_count && status == STATUS_OK; i++) {
        char place[PLACE_SIZE];
        document_place_index(place, "signatures", i);
        const struct public_key *key = NULL;
        size_t signer = 0;
        while (signer < SIGNER_COUNT &&
               (key = policy_person_key(people[signer], &document->signatures[i].key_id)) == NULL) {
            signer++;
        }
        if (signer == SIGNER_COUNT) {
            return fault_set(fault, STATUS_UNKNOWN_KEY, place, "neither of the requester nor of the authoriser");
        }
        if (seen[signer]) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, place, "the %s has signed already", signer_roles[signer]);
        }
        seen[signer] = true;
        status = signed_document_verify(document, OCCASION_KIND, i, key, fault);
    }
    for (size_t i = 0; i < SIGNER_COUNT && status == STATUS_OK; i++) {
        if (!seen[i]) {
            status = fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "the %s has not signed", signer_roles[i]);
        }
    }
    return status;
}

enum status occasion_verify(struct occasion *out, const struct signed_document *document, const struct policy *policy,
                            int64_t at_utc_us, struct fault *fault)
{
    struct occasion occasion;
    const struct person *people[SIGNER_COUNT] = {NULL};
    enum status status = occasion_decode(&occasion, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_frame(&occasion, policy, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        status = find_people(people, &occasion, policy, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        status = check_signatures(document, people, fault);
    }
    if (status == STATUS_OK) {
        *out = occasion;
    }
    return status;
}

enum status occasion_check_receiver(const struct occasion *occasion, const struct occasion_receiver *receiver,
                                    struct fault *fault)
{
    const struct {
        bool same;
        const char *field;
        const char *rule;
    } rows[] = {
        {occasion->action == receiver->action, "action", "the occasion is for something else"},
        {digest_equal(&occasion->key, receiver->key), "key", "the occasion is for another key"},
        {digest_equal(&occasion->set, receiver->set), "set", "the occasion is for other shares"},
        {strcmp(occasion->serial, receiver->serial) == 0, "serial", "the occasion is for another token"},
        {seal_key_equal(&occasion->to, receiver->to), "to", "the occasion is for another receiver"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].same) {
            return fault_set(fault, STATUS_MISMATCH, rows[i].field, "%s", rows[i].rule);
        }
    }
    return STATUS_OK;
}

enum status occasion_check_giver(const struct occasion *occasion, const struct name *custodian,
                                 const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    const struct duty_demand demand = {"custodian", DUTY_CUSTODIAN, at_utc_us};
    const struct person *person = NULL;
    if (name_equal(custodian, &occasion->requester) || name_equal(custodian, &occasion->authoriser)) {
        return fault_set(fault, STATUS_DUPLICATE_PERSON, "custodian", "%s answers for the occasion and gives no share",
                         custodian->text);
    }
    return duty_find(&person, policy, custodian, &demand, fault);
}

enum status occasion_check_share(const struct occasion *occasion, const struct share_document *share,
                                 const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    if ((occasion->action == OCCASION_ACTIVATE) != (share->of == SHARE_OF_PIN)) {
        return fault_set(fault, STATUS_MISMATCH, "action",
                         "a share of a PIN serves to activate, one of a key-encryption key to restore");
    }
    if (!digest_equal(&occasion->key, &share->key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "the occasion is for another key than the share");
    }
    if (!digest_equal(&occasion->set, &share->set)) {
        return fault_set(fault, STATUS_MISMATCH, "set", "the occasion is for another %s than the share",
                         share->of == SHARE_OF_PIN ? "share set" : "backup");
    }
    return occasion_check_giver(occasion, &share->custodian, policy, at_utc_us, fault);
}
