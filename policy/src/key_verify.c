/*
 * Key documents under a policy and at a time: who signed, who keeps the key, whether it may become or still be ours.
 */
#include "policy/key.h"

#define KEY_EARLY_MAX_US 60000000LL

static enum status check_policy(const struct key_document *key, const struct policy *policy, struct fault *fault)
{
    if (!digest_equal(&key->chain, &policy->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the policy");
    }
    if (!name_equal(&key->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the policy");
    }
    if (!digest_equal(&key->policy, &policy->digest)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "written under another policy");
    }
    for (size_t i = 0; i < key->custodian_count; i++) {
        const struct person *person = policy_find_person(policy, &key->custodians[i]);
        if (person == NULL || (person->duties & DUTY_CUSTODIAN) == 0) {
            return fault_set(fault, STATUS_MISMATCH, "custodians", "the policy has no custodian %s",
                             key->custodians[i].text);
        }
    }
    return STATUS_OK;
}

enum status key_document_verify(struct key_document *out, const struct signed_document *document,
                                const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    struct key_document key;
    enum status status = key_document_decode(&key, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_policy(&key, policy, fault);
    }
    if (status == STATUS_OK) {
        status = policy_verify_governance(policy, document, KEY_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = key;
    }
    return status;
}

enum status key_document_check_new(const struct key_document *key, const struct policy *policy, int64_t at_utc_us,
                                   struct fault *fault)
{
    enum status status = algorithm_check_new(key->key.algorithm, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (key->issued_at > at_utc_us + KEY_EARLY_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "issued_at", "more than 60 s ahead of the clock");
    }
    if (at_utc_us >= key->valid_until) {
        return fault_set(fault, STATUS_EXPIRED, "valid_until", "the cryptoperiod is over");
    }
    for (size_t i = 0; i < key->custodian_count; i++) {
        const struct person *person = policy_find_person(policy, &key->custodians[i]);
        if (person == NULL || !policy_person_valid(person, at_utc_us)) {
            return fault_set(fault, STATUS_EXPIRED, "custodians", "%s does not count any more",
                             key->custodians[i].text);
        }
    }
    return STATUS_OK;
}

bool key_document_valid(const struct key_document *key, int64_t at_utc_us)
{
    return at_utc_us >= key->valid_from && at_utc_us < key->valid_until;
}

bool key_document_siblings(const struct key_document *one, const struct key_document *other)
{
    size_t common = 0;
    if (one->purpose != ROLE_TRANSFER || other->purpose != ROLE_TRANSFER) {
        return false;
    }
    for (size_t i = 0; i < one->custodian_count; i++) {
        for (size_t k = 0; k < other->custodian_count; k++) {
            common += name_equal(&one->custodians[i], &other->custodians[k]) ? 1 : 0;
        }
    }
    return common >= KEY_CUSTODIANS_MIN ||
           (one->token.serial[0] != '\0' && strcmp(one->token.serial, other->token.serial) == 0);
}

bool key_document_emergency(const struct key_document *key, const struct account_id *account)
{
    for (size_t i = 0; i < key->emergency_count; i++) {
        if (account_id_equal(&key->emergency[i], account)) {
            return true;
        }
    }
    return false;
}

enum status key_document_check_box(const struct key_document *key, const struct command *command, int64_t at_utc_us,
                                   struct fault *fault)
{
    INVARIANT(command->action == COMMAND_KEY_ACTIVATE);
    if (command->until <= at_utc_us) {
        return fault_set(fault, STATUS_EXPIRED, "until", "the box is over");
    }
    if (command->until - at_utc_us > key->box_seconds * 1000000) {
        return fault_set(fault, STATUS_LIMIT_EXCEEDED, "until", "the key document allows a box of %lld s at most",
                         (long long)key->box_seconds);
    }
    if (command->until > key->valid_until) {
        return fault_set(fault, STATUS_LIMIT_EXCEEDED, "until",
                         "after the end of the cryptoperiod in the key document");
    }
    if (command->signatures > key->box_signatures) {
        return fault_set(fault, STATUS_LIMIT_EXCEEDED, "signatures", "the key document allows a box of %llu at most",
                         (unsigned long long)key->box_signatures);
    }
    return STATUS_OK;
}
