/*
 * Who signed: the first version of a policy by all administrators, everything after by the governance quorum. People
 * are counted, not keys, and one signature that should not be there refuses the whole document.
 */
#include "policy/policy.h"

#include "policy_internal.h"

/* Marks in `out` the people behind the signatures; all must be of `allowed`. */
static enum status collect_signers(bool out[POLICY_PEOPLE_MAX], const struct policy *policy,
                                   const struct signed_document *document, const char *kind,
                                   const bool allowed[POLICY_PEOPLE_MAX], struct fault *fault)
{
    for (size_t i = 0; i < document->signature_count; i++) {
        char place[PLACE_SIZE];
        document_place_index(place, "signatures", i);
        const struct public_key *key = NULL;
        const struct person *person = policy_find_key(&key, policy, &document->signatures[i].key_id);
        if (person == NULL) {
            return fault_set(fault, STATUS_UNKNOWN_KEY, place, "the key belongs to nobody in the policy");
        }
        size_t index = policy_person_index(policy, person);
        if (!allowed[index]) {
            return fault_set(fault, STATUS_UNKNOWN_KEY, place, "%s has no part in governance", person->id.text);
        }
        enum status status = signature_memory_verify(policy->memory, document, kind, i, key, fault);
        if (status != STATUS_OK) {
            return status;
        }
        out[index] = true;
    }
    return STATUS_OK;
}

static enum status verify_all_administrators(const struct policy *policy, const struct signed_document *document,
                                             struct fault *fault)
{
    bool administrator[POLICY_PEOPLE_MAX] = {false};
    bool seen[POLICY_PEOPLE_MAX] = {false};
    for (size_t i = 0; i < policy->person_count; i++) {
        administrator[i] = (policy->people[i].duties & DUTY_ADMINISTRATOR) != 0;
    }
    enum status status = collect_signers(seen, policy, document, POLICY_KIND, administrator, fault);
    for (size_t i = 0; i < policy->person_count && status == STATUS_OK; i++) {
        if (administrator[i] && !seen[i]) {
            status = fault_set(fault, STATUS_QUORUM_MISSING, "signatures",
                               "all administrators sign the first version, %s did not", policy->people[i].id.text);
        }
    }
    return status;
}

enum status policy_count_governance(const struct policy *policy, unsigned *out, const struct signed_document *document,
                                    const char *kind, int64_t at_utc_us, struct fault *fault)
{
    const struct group *group = &policy->groups[policy->governance.group];
    bool allowed[POLICY_PEOPLE_MAX] = {false};
    bool seen[POLICY_PEOPLE_MAX] = {false};
    for (size_t i = 0; i < group->member_count; i++) {
        allowed[group->members[i]] = true;
    }
    enum status status = collect_signers(seen, policy, document, kind, allowed, fault);
    if (status != STATUS_OK) {
        return status;
    }
    unsigned have = 0;
    for (size_t i = 0; i < policy->person_count; i++) {
        have += seen[i] && policy_person_valid(&policy->people[i], at_utc_us);
    }
    *out = have;
    return STATUS_OK;
}

static enum status check_quorum(const struct policy *policy, unsigned have, struct fault *fault)
{
    return have >= policy->governance.m
               ? STATUS_OK
               : fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "%u of %u people of group %s", have,
                           policy->governance.m, policy->groups[policy->governance.group].id.text);
}

enum status policy_verify_governance(const struct policy *policy, const struct signed_document *document,
                                     const char *kind, int64_t at_utc_us, struct fault *fault)
{
    unsigned have = 0;
    enum status status = policy_count_governance(policy, &have, document, kind, at_utc_us, fault);
    return status == STATUS_OK ? check_quorum(policy, have, fault) : status;
}

static bool named(const struct name *names, size_t count, const struct name *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name_equal(&names[i], name)) {
            return true;
        }
    }
    return false;
}

unsigned policy_governance_without(const struct policy *policy, const struct signed_document *document,
                                   int64_t at_utc_us, const struct name *without, size_t count)
{
    const struct group *group = &policy->groups[policy->governance.group];
    bool counts[POLICY_PEOPLE_MAX] = {false};
    unsigned have = 0;
    for (size_t i = 0; i < document->signature_count; i++) {
        const struct person *person = policy_find_key(NULL, policy, &document->signatures[i].key_id);
        if (person != NULL && policy_person_valid(person, at_utc_us) && !named(without, count, &person->id)) {
            counts[policy_person_index(policy, person)] = true;
        }
    }
    for (size_t i = 0; i < group->member_count; i++) {
        have += counts[group->members[i]];
    }
    return have;
}

enum status policy_open_first(struct policy *out, const struct signed_document *document, struct fault *fault)
{
    struct policy policy;
    enum status status = policy_decode(&policy, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (policy.version != 1) {
        status = fault_set(fault, STATUS_MISMATCH, "version", "the first version is 1");
    } else {
        status = verify_all_administrators(&policy, document, fault);
    }
    if (status != STATUS_OK) {
        policy_free(&policy);
        return status;
    }
    *out = policy; /* transferred */
    return STATUS_OK;
}

static enum status check_succession(const struct policy *next, const struct policy *prev, struct fault *fault)
{
    if (!digest_equal(&next->chain, &prev->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the version before");
    }
    if (!name_equal(&next->environment, &prev->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the version before");
    }
    if (next->version != prev->version + 1) {
        return fault_set(fault, STATUS_MISMATCH, "version", "%lld follows %lld", (long long)prev->version + 1,
                         (long long)prev->version);
    }
    if (!digest_equal(&next->prev, &prev->digest)) {
        return fault_set(fault, STATUS_MISMATCH, "prev", "not the digest of the version before");
    }
    if (next->issued_at <= prev->issued_at) {
        return fault_set(fault, STATUS_MISMATCH, "issued_at", "not after the version before");
    }
    return STATUS_OK;
}

/*
 * Signatures before all else: nobody but those who govern makes us read a document and work out its floors. The time of
 * the signatures stands in the document, so at first nobody has expired; who counted then is looked at once it is read.
 */
enum status policy_open_next(struct policy *out, const struct signed_document *document, const struct policy *prev,
                             struct fault *fault)
{
    struct policy policy;
    enum status status = policy_verify_governance(prev, document, POLICY_KIND, INT64_MIN, fault);
    if (status == STATUS_OK) {
        status = policy_decode(&policy, document->document.data, document->document.len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = check_succession(&policy, prev, fault);
    if (status == STATUS_OK) {
        status = check_quorum(prev, policy_governance_without(prev, document, policy.issued_at, NULL, 0), fault);
    }
    if (status != STATUS_OK) {
        policy_free(&policy);
        return status;
    }
    *out = policy; /* transferred */
    return STATUS_OK;
}
