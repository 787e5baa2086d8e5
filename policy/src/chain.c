/*
 * Versions of a policy in time. The arrays are short and looked at from the end, where almost everything is about.
 */
#include "policy/chain.h"

const struct policy *policy_chain_in_force(const struct policy_chain *chain)
{
    return chain->count == 0 ? NULL : chain->versions[chain->count - 1].policy;
}

/* The place of a version; the count when it is none. */
static size_t place_of(const struct policy_chain *chain, const struct digest *digest)
{
    for (size_t i = chain->count; i > 0; i--) {
        if (digest_equal(&chain->versions[i - 1].policy->digest, digest)) {
            return i - 1;
        }
    }
    return chain->count;
}

const struct policy *policy_chain_find(const struct policy_chain *chain, const struct digest *digest)
{
    size_t place = place_of(chain, digest);
    return place == chain->count ? NULL : chain->versions[place].policy;
}

const struct policy *policy_chain_at(const struct policy_chain *chain, int64_t at_utc_us)
{
    for (size_t i = chain->count; i > 1; i--) {
        if (at_utc_us >= chain->versions[i - 1].in_force_at) {
            return chain->versions[i - 1].policy;
        }
    }
    return chain->count == 0 ? NULL : chain->versions[0].policy;
}

bool policy_chain_was_in_force(const struct policy_chain *chain, const struct digest *digest, int64_t at_utc_us)
{
    size_t place = place_of(chain, digest);
    if (place == chain->count) {
        return false;
    }
    bool begun = place == 0 || at_utc_us >= chain->versions[place].in_force_at - POLICY_CHAIN_CLOCK_US;
    bool over = place + 1 < chain->count && at_utc_us >= chain->versions[place + 1].in_force_at + POLICY_CHAIN_CLOCK_US;
    return begun && !over;
}

enum status policy_chain_destination_verify(struct destination *out, const struct signed_document *document,
                                            const struct policy_chain *chain, int64_t at_utc_us, struct fault *fault)
{
    struct destination destination;
    enum status status = destination_decode(&destination, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct policy *named = policy_chain_find(chain, &destination.policy);
    if (named == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "listed under a version that is not in the chain");
    }
    if (!policy_chain_was_in_force(chain, &destination.policy, destination.issued_at)) {
        return fault_set(fault, STATUS_MISMATCH, "issued_at", "version %lld, which it names, was not in force then",
                         (long long)named->version);
    }
    status = destination_read(&destination, document, named, at_utc_us, fault);
    if (status == STATUS_OK) {
        status = policy_verify_governance(named, document, DESTINATION_KIND, destination.issued_at, fault);
    }
    if (status == STATUS_OK) {
        *out = destination;
    }
    return status;
}

static bool has_group(const struct policy *policy, const struct name *group)
{
    for (size_t i = 0; i < policy->destination_group_count; i++) {
        if (name_equal(&policy->destination_groups[i], group)) {
            return true;
        }
    }
    return false;
}

enum status policy_chain_destination_admit(struct destination *out, const struct signed_document *document,
                                           const struct policy_chain *chain, int64_t at_utc_us, struct fault *fault)
{
    struct destination destination;
    const struct policy *in_force = policy_chain_in_force(chain);
    enum status status = policy_chain_destination_verify(&destination, document, chain, at_utc_us, fault);
    if (status == STATUS_OK && destination.issued_at - at_utc_us > POLICY_CHAIN_CLOCK_US) {
        status = fault_set(fault, STATUS_NOT_READY, "issued_at", "more than 60 s ahead of the clock");
    }
    if (status == STATUS_OK && !has_group(in_force, &destination.group)) {
        status = fault_set(fault, STATUS_DENIED, "group", "the policy in force has no group of destinations %s",
                           destination.group.text);
    }
    if (status == STATUS_OK) {
        status = policy_verify_governance(in_force, document, DESTINATION_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = destination;
    }
    return status;
}

/*
 * What stops something, but for two: a veto of a version is against what waits behind the version in force and means
 * nothing behind another one, and a quorum has the time to sign a compromise under the version that gives it its power.
 */
static bool may_name_older(enum command_action action)
{
    return command_stops(action) && action != COMMAND_POLICY_VETO && action != COMMAND_KEY_COMPROMISE;
}

enum status policy_chain_command_verify(struct command *out, const struct signed_document *document,
                                        const struct policy_chain *chain, int64_t at_utc_us, struct fault *fault)
{
    struct command command;
    struct policy in_force = *policy_chain_in_force(chain); /* its arrays stay the chain's */
    if (command_decode(&command, document->document.data, document->document.len, NULL) == STATUS_OK &&
        may_name_older(command.action) && policy_chain_find(chain, &command.policy) != NULL) {
        in_force.digest = command.policy;
    }
    return command_verify(out, document, &in_force, at_utc_us, fault);
}

bool policy_approval_counts(const struct policy *in_force, const struct approval *approval)
{
    const struct person *person = policy_find_person(in_force, &approval->approver);
    return person != NULL && policy_person_key(person, &approval->key) != NULL;
}

/* A version without the wallet denies; here are two that both have it. */
static enum status check_wallet(const struct policy *proposed, const struct policy *in_force, const struct name *name,
                                struct fault *fault)
{
    const struct wallet *before = policy_find_wallet(proposed, name);
    const struct wallet *now = policy_find_wallet(in_force, name);
    return before == NULL || now == NULL || public_key_equal(&before->key, &now->key)
               ? STATUS_OK
               : fault_set(fault, STATUS_CONFLICT, "wallet", "wallet %s has another key in version %lld than in %lld",
                           name->text, (long long)in_force->version, (long long)proposed->version);
}

enum status policy_evaluate_both(struct evaluation *out, const struct policy **out_policy,
                                 const struct policy *proposed, const struct policy *in_force,
                                 const struct evaluation_request *request, struct fault *fault)
{
    struct evaluation before;
    struct evaluation now;
    enum status status = check_wallet(proposed, in_force, request->wallet, fault);
    if (status == STATUS_OK) {
        status = policy_evaluate(&now, in_force, request, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out_policy = in_force;
    if (!digest_equal(&proposed->digest, &in_force->digest)) {
        status = policy_evaluate(&before, proposed, request, fault);
        if (status != STATUS_OK) {
            evaluation_free(&now);
            return status;
        }
        if (before.decision < now.decision) {
            const struct evaluation weaker = now;
            now = before;
            before = weaker;
            *out_policy = proposed;
        }
        evaluation_free(&before);
    }
    *out = now; /* transferred */
    return STATUS_OK;
}

enum status policy_approval_effect_both(enum approval_effect *out, struct approval_early *early,
                                        const struct policy *const policies[2],
                                        const struct evaluation_request *request, size_t index, struct fault *fault)
{
    enum approval_effect effects[2];
    struct approval_early found[2];
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
        status = policy_approval_effect(&effects[i], &found[i], policies[i], request, index, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = effects[0] == APPROVAL_FILLS || effects[1] == APPROVAL_FILLS   ? APPROVAL_FILLS
           : effects[0] == APPROVAL_EARLY || effects[1] == APPROVAL_EARLY ? APPROVAL_EARLY
                                                                          : APPROVAL_NO_PLACE;
    if (*out == APPROVAL_EARLY) {
        *early = effects[0] == APPROVAL_EARLY ? found[0] : found[1];
    }
    return STATUS_OK;
}
