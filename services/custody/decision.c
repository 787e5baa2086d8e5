/*
 * Decisions about a withdrawal. What others decided counts as far as it is verified here; an approval names just those
 * in `seen`, so that the order of steps stands in what people signed and in no clock.
 */
#include "decision.h"

#include "client.h"
#include "policy/chain.h"
#include "policy/evaluate.h"

static bool read_one(struct approval *out, struct digest *out_digest, const struct decoded *decoded,
                     const json_t *object)
{
    struct signed_document document = {0};
    const struct approval_context context = {.intent = &decoded->intent,
                                             .intent_digest = &decoded->digest,
                                             .policy = decoded->policy,
                                             .at_utc_us = clock_utc_us(clock_system())};
    bool good = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "approvals.", NULL) == STATUS_OK &&
                approval_verify(out, &document, &context, NULL) == STATUS_OK &&
                policy_approval_counts(decoded->trust.policy, out);
    if (good) {
        approval_digest(out_digest, document.document.data, document.document.len);
    }
    signed_document_free(&document);
    return good;
}

static bool is_there(const struct decision_seen *seen, const struct name *person)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (name_equal(&seen->approvers[i], person)) {
            return true;
        }
    }
    return false;
}

/* In the order of their digests, as the document wants them. */
static void insert(struct decision_seen *seen, const struct name *person, const struct digest *digest)
{
    size_t place = seen->count++;
    while (place > 0 && memcmp(&seen->digests[place - 1], digest, sizeof(*digest)) > 0) {
        seen->digests[place] = seen->digests[place - 1];
        seen->approvers[place] = seen->approvers[place - 1];
        place--;
    }
    seen->digests[place] = *digest;
    seen->approvers[place] = *person;
}

enum status decision_read_seen(struct decision_seen *out, const struct decoded *decoded, const json_t *withdrawal,
                               struct fault *fault)
{
    const json_t *rows = json_object_get(withdrawal, "approvals");
    struct decision_seen seen = {.count = 0};
    if (json_array_size(rows) > APPROVAL_SEEN_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "approvals", "at most %d", APPROVAL_SEEN_MAX);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < json_array_size(rows) && status == STATUS_OK; i++) {
        struct approval approval;
        struct digest digest;
        bool good = read_one(&approval, &digest, decoded, json_array_get(rows, i));
        if (good && approval.decision == APPROVAL_REJECT) {
            seen.rejecter = approval.approver;
        } else if (!good || is_there(&seen, &approval.approver)) {
            seen.others++;
        } else if (approval.decision == APPROVAL_REQUEST) {
            seen.requester = approval.approver;
        } else {
            insert(&seen, &approval.approver, &digest);
            status = policy_approvals_add(&seen.counted, decoded->trust.policy, &approval, &digest);
        }
    }
    if (status != STATUS_OK) {
        decision_seen_wipe(&seen);
        return fault_set(fault, status, "approvals", "%s", "");
    }
    *out = seen; /* transferred */
    return STATUS_OK;
}

void decision_seen_wipe(struct decision_seen *seen)
{
    policy_approvals_wipe(&seen->counted);
    *seen = (struct decision_seen){.count = 0};
}

void decision_print_seen(const struct decision_seen *seen)
{
    (void)printf("  %-12s %s%s\n", "requested", seen->requester.text[0] == '\0' ? "not signed" : "and signed by ",
                 seen->requester.text);
    for (size_t i = 0; i < seen->count; i++) {
        (void)printf("  %-12s %s\n", i == 0 ? "approved by" : "", seen->approvers[i].text);
    }
    if (seen->count == 0) {
        (void)printf("  %-12s %s\n", "approved by", "nobody yet");
    }
    if (seen->rejecter.text[0] != '\0') {
        (void)printf("  %-12s %s\n", "rejected by", seen->rejecter.text);
    }
    if (seen->others > 0) {
        (void)printf("  %-12s %zu more that the service shows do not verify, and count for nothing\n", "",
                     seen->others);
    }
}

enum status decision_person(const struct person **out, const struct decoded *decoded, const struct keyfile *keyfile,
                            struct fault *fault)
{
    struct digest key;
    public_key_id(&key, keyfile_public_key(keyfile));
    const struct person *person = policy_find_key(NULL, decoded->policy, &key);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "belongs to nobody in the policy");
    }
    const struct person *now = policy_find_person(decoded->trust.policy, &person->id);
    if (now == NULL || policy_person_key(now, &key) == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "is not yours any more by the policy in force");
    }
    *out = person;
    return STATUS_OK;
}

enum status decision_read_early(char out240[EVALUATION_TEXT_SIZE], const struct decoded *decoded,
                                const struct decision_seen *seen, const struct name *person, const struct name *group,
                                struct fault *fault)
{
    const struct policy *const policies[2] = {decoded->trust.policy, decoded->policy};
    const struct intent *intent = &decoded->intent;
    const size_t count = seen->counted.count;
    struct evaluation_approval rows[EVALUATION_APPROVALS_MAX];
    enum approval_effect effect = APPROVAL_NO_PLACE;
    struct approval_early early;
    out240[0] = '\0';
    if (count == EVALUATION_APPROVALS_MAX) {
        return STATUS_OK; /* one more is too many anyway */
    }
    memcpy(rows, seen->counted.rows, count * sizeof(rows[0]));
    rows[count] = (struct evaluation_approval){
        .person = *person, .digest = decoded->digest, .seen = seen->digests, .seen_count = seen->count};
    const struct evaluation_request request = {.type = intent->type,
                                               .chain = &intent->chain,
                                               .wallet = &intent->wallet,
                                               .asset = &intent->asset,
                                               .amount = intent->amount,
                                               .destination_listed = true, /* or not: the signer knows */
                                               .destination_group = group,
                                               .returns = !digest_is_zero(&intent->returns),
                                               .requester = &intent->requester,
                                               .requester_signed = seen->requester.text[0] != '\0',
                                               .approvals = rows,
                                               .approval_count = count + 1,
                                               .at_utc_us = clock_utc_us(clock_system())};
    enum status status = policy_approval_effect_both(&effect, &early, policies, &request, count, fault);
    if (status == STATUS_OK && effect == APPROVAL_EARLY) {
        approval_early_describe(out240, &early);
    }
    return status;
}

/* What is signed too early would be refused, or never count. */
static enum status check_step(const struct decoded *decoded, const struct decision_seen *seen,
                              const struct person *person, struct fault *fault)
{
    char early[EVALUATION_TEXT_SIZE];
    enum status status = decision_read_early(early, decoded, seen, &person->id, NULL, fault);
    if (status != STATUS_OK || early[0] == '\0') {
        return status;
    }
    return fault_set(fault, STATUS_CONFLICT, "seen", "nothing was signed: %s", early);
}

enum status decision_make(struct signed_document *out, const struct decoded *decoded, const struct decision_seen *seen,
                          const struct keyfile *keyfile, enum approval_decision decision, struct fault *fault)
{
    const struct person *person = NULL;
    struct signature signature;
    struct approval approval = {
        .chain = decoded->intent.chain,
        .decision = decision,
        .environment = decoded->intent.environment,
        .expires_at = decoded->intent.expires_at,
        .intent = decoded->digest,
        .policy = decoded->intent.policy,
        .signed_at = clock_utc_us(clock_system()),
        .withdrawal = decoded->intent.withdrawal,
    };
    enum status status = decision_person(&person, decoded, keyfile, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (approval.signed_at >= approval.expires_at) {
        return fault_set(fault, STATUS_EXPIRED, "intent", "has expired: nothing was signed");
    }
    status = decision == APPROVAL_APPROVE ? check_step(decoded, seen, person, fault) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    approval.approver = person->id;
    public_key_id(&approval.key, keyfile_public_key(keyfile));
    if (decision == APPROVAL_APPROVE) {
        memcpy(approval.seen, seen->digests, sizeof(approval.seen));
        approval.seen_count = seen->count;
    }
    status = approval_encode(&out->document, &approval, fault);
    if (status == STATUS_OK) {
        status = keyfile_sign(&signature, keyfile, APPROVAL_KIND, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(out, &signature);
    }
    return status;
}

enum status decision_hand_in(json_t **out, const struct custody_options *options, const struct decoded *decoded,
                             const struct signed_document *document, enum approval_decision decision,
                             struct fault *fault)
{
    char path[128];
    char id[UUID_TEXT_SIZE];
    json_t *body = NULL;
    json_t *answer = NULL;
    uuid_format(id, &decoded->intent.withdrawal);
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s/%s", id, approval_decision_text(decision));
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = body};
        status = client_json(&answer, options, &call, fault);
    }
    if (status == STATUS_OK) {
        *out = json_incref(json_object_get(answer, "withdrawal"));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}
