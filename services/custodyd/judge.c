/*
 * What the policy says of a stored withdrawal with the documents that it has. It decides nothing for the signer, which
 * sees the same documents and judges again.
 */
#include "destinations.h"
#include "key_board.h"
#include "policy/approvals.h"
#include "policy/withdrawal.h"
#include "withdrawals.h"

#define APPROVALS_MIN 2 /* no rule of a policy has fewer */

/* Nothing of theirs counts, and what they ask for would keep others from what it holds. */
static enum status check_requester(struct service *service, const struct store_withdrawal *row, struct fault *fault)
{
    struct name suspended[WIRE_SUSPENDED_MAX];
    size_t count = key_board_suspended_names(suspended, service->board);
    for (size_t i = 0; i < count; i++) {
        if (name_equal(&suspended[i], &row->requester)) {
            return fault_set(fault, STATUS_FORBIDDEN, "requester", "is suspended until the quorum resumes them");
        }
    }
    return STATUS_OK;
}

enum status withdrawal_check_ask(struct service *service, const struct policy *policy,
                                 const struct store_withdrawal *row, enum transaction_type type, struct fault *fault)
{
    const struct evaluation_request request = {.type = type,
                                               .chain = &service->chain,
                                               .wallet = &row->wallet,
                                               .asset = &row->asset,
                                               .amount = row->amount,
                                               .requester = &row->requester,
                                               .at_utc_us = row->requested_at_utc_us};
    enum status status = check_requester(service, row, fault);
    if (status != STATUS_OK || type == TRANSACTION_ISSUE) { /* of an issue all is looked at when it is made */
        return status;
    }
    return policy_check_possible(policy, &request, fault);
}

/* The people whose approval of this withdrawal verifies at this moment, and whether its destination is listed. */
struct basis {
    const struct policy *in_force;
    struct policy_approvals approvals;
    bool destination_listed;
    struct name destination_group;
};

static enum status collect_approvers(struct basis *basis, const struct approval_context *context,
                                     const struct store_tx *tx, const struct uuid *id, struct fault *fault)
{
    struct store_approval_list list = {0};
    enum status status = store_approval_list(&list, tx, id, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        struct signed_document document = {0};
        struct approval approval;
        struct digest digest;
        status = approval_document(&document, &list.rows[i]);
        if (status == STATUS_OK && approval_verify(&approval, &document, context, NULL) == STATUS_OK) {
            approval_digest(&digest, document.document.data, document.document.len);
            status = policy_approvals_add(&basis->approvals, basis->in_force, &approval, &digest);
        }
        signed_document_free(&document);
    }
    store_approval_list_free(&list);
    return status;
}

static enum status look_up_destination(struct basis *basis, const struct service *service, const struct store_tx *tx,
                                       const struct account_id *account, struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    enum status status = destination_find(&entry, service, tx, account, fault);
    if (status == STATUS_DESTINATION_UNLISTED) {
        fault_clear(fault);
        return STATUS_OK; /* the evaluation says so */
    }
    if (status == STATUS_OK) {
        basis->destination_listed = clock_utc_us(service->clock) < entry.destination.valid_until;
        basis->destination_group = basis->destination_listed ? entry.destination.group : basis->destination_group;
        destination_entry_wipe(&entry);
    }
    return status;
}

/* Only people with a voice in this withdrawal may decide about it. Under either version: who counts in one of them may
 * at least say no. */
static enum status ask_voice(bool *inout, const struct policy *policy, const struct evaluation_request *request,
                             const struct name *person, struct fault *fault)
{
    struct evaluation evaluation = {0};
    if (*inout || person == NULL) {
        return STATUS_OK;
    }
    enum status status = policy_evaluate(&evaluation, policy, request, fault);
    if (status == STATUS_OK) {
        *inout = evaluation_has_voice(&evaluation, policy, person);
        evaluation_free(&evaluation);
    }
    return status;
}

static enum status ask_voices(struct withdrawal_judgement *inout, const struct policy *proposed,
                              const struct policy *in_force, const struct evaluation_request *request,
                              const struct name *person, struct fault *fault)
{
    struct evaluation_request unsuspended = *request;
    unsuspended.suspended_count = 0;
    enum status status = ask_voice(&inout->voice, proposed, request, person, fault);
    if (status == STATUS_OK) {
        status = ask_voice(&inout->voice, in_force, request, person, fault);
    }
    inout->may_stop = inout->voice;
    if (status == STATUS_OK && request->suspended_count > 0) {
        status = ask_voice(&inout->may_stop, proposed, &unsuspended, person, fault);
    }
    if (status == STATUS_OK && request->suspended_count > 0) {
        status = ask_voice(&inout->may_stop, in_force, &unsuspended, person, fault);
    }
    return status;
}

/* Whether the approval asked about came before its step, under both versions. */
static enum status ask_early(struct withdrawal_judgement *inout, const struct policy *const policies[2],
                             const struct evaluation_request *request, const struct digest *approval,
                             struct fault *fault)
{
    enum approval_effect effect = APPROVAL_NO_PLACE;
    struct approval_early early;
    size_t index = 0;
    while (approval != NULL && index < request->approval_count &&
           !digest_equal(&request->approvals[index].digest, approval)) {
        index++;
    }
    if (approval == NULL || index == request->approval_count) {
        return STATUS_OK;
    }
    enum status status = policy_approval_effect_both(&effect, &early, policies, request, index, fault);
    if (status == STATUS_OK && effect == APPROVAL_EARLY) {
        inout->early = true;
        approval_early_describe(inout->early_text, &early);
    }
    return status;
}

static enum status judge_under_both(struct withdrawal_judgement *out, const struct policy *proposed,
                                    const struct policy *in_force, const struct evaluation_request *request,
                                    const struct withdrawal_word *word, struct fault *fault)
{
    const struct policy *const policies[2] = {in_force, proposed};
    const struct name *person = word == NULL ? NULL : word->person;
    struct withdrawal_judgement judgement = {0};
    struct evaluation evaluation = {0};
    const struct policy *deciding = NULL;
    enum status status = policy_evaluate_both(&evaluation, &deciding, proposed, in_force, request, fault);
    if (status == STATUS_OK) {
        judgement.decision = evaluation.decision;
        judgement.reason = evaluation.reason;
        status = policy_explain(&judgement.explanation, deciding, request, &evaluation, fault);
        evaluation_free(&evaluation);
    }
    if (status == STATUS_OK) {
        status = ask_voices(&judgement, proposed, in_force, request, person, fault);
    }
    if (status == STATUS_OK) {
        status = ask_early(&judgement, policies, request, word == NULL ? NULL : word->approval, fault);
    }
    if (status != STATUS_OK) {
        json_decref(judgement.explanation);
        return status;
    }
    *out = judgement;
    return STATUS_OK;
}

enum status withdrawal_judge(struct withdrawal_judgement *out, struct service *service, const struct store_tx *tx,
                             const struct store_withdrawal *row, const struct withdrawal_word *word,
                             struct fault *fault)
{
    struct intent intent;
    struct digest digest;
    struct basis basis = {.in_force = service_policy(service)};
    struct name suspended[WIRE_SUSPENDED_MAX];
    intent_digest(&digest, row->intent.data, row->intent.len);
    enum status status = intent_decode(&intent, row->intent.data, row->intent.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct approval_context context = {.intent = &intent,
                                             .intent_digest = &digest,
                                             .policy = service_policy_named(service, &intent.policy),
                                             .at_utc_us = clock_utc_us(service->clock)};
    if (context.policy == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "intent.policy", "names a version of the policy that is not known");
    }
    basis.in_force = withdrawal_state_is_end(row->state) ? context.policy : basis.in_force;
    status = collect_approvers(&basis, &context, tx, &row->id, fault);
    if (status == STATUS_OK) {
        status = look_up_destination(&basis, service, tx, &intent.destination, fault);
    }
    /* What is over is told as it was judged. */
    size_t suspended_count =
        withdrawal_state_is_end(row->state) ? 0 : key_board_suspended_names(suspended, service->board);
    const struct evaluation_request request = {
        .type = intent.type,
        .chain = &intent.chain,
        .wallet = &intent.wallet,
        .asset = &intent.asset,
        .amount = intent.amount,
        .destination_listed = basis.destination_listed,
        .destination_group = basis.destination_listed ? &basis.destination_group : NULL,
        .returns = !digest_is_zero(&intent.returns),
        .requester = &intent.requester,
        .requester_signed = basis.approvals.requester_signed,
        .approvals = basis.approvals.rows,
        .approval_count = basis.approvals.count,
        .suspended = suspended,
        .suspended_count = suspended_count,
        .at_utc_us = context.at_utc_us,
    };
    if (status == STATUS_OK) {
        status = judge_under_both(out, context.policy, basis.in_force, &request, word, fault);
    }
    policy_approvals_wipe(&basis.approvals);
    return status;
}

/* Whether the row is an approval of this intent by its approver, when it was given. Out, in every case: of whom. */
static bool is_approval(struct name *out_approver, const struct store_approval *row, const struct service *service,
                        const struct intent *intent, const struct digest *intent_digest)
{
    struct signed_document document = {0};
    struct approval approval = {.approver = {""}};
    struct approval_context context = {
        .intent = intent, .intent_digest = intent_digest, .policy = service_policy_named(service, &intent->policy)};
    bool good = context.policy != NULL && approval_document(&document, row) == STATUS_OK &&
                approval_decode(&approval, document.document.data, document.document.len, NULL) == STATUS_OK;
    if (good) {
        context.at_utc_us = approval.signed_at;
        good = approval_verify(&approval, &document, &context, NULL) == STATUS_OK &&
               approval.decision == APPROVAL_APPROVE; /* whatever the row says that it is */
    }
    *out_approver = approval.approver;
    signed_document_free(&document);
    return good;
}

/* Whether the first `count` are others. */
static bool is_new(const struct name *people, size_t count, const struct name *person)
{
    for (size_t i = 0; i < count; i++) {
        if (name_equal(&people[i], person)) {
            return false;
        }
    }
    return true;
}

enum status withdrawal_was_approved(bool *out, const struct service *service, const struct store_tx *tx,
                                    const struct uuid *withdrawal, const struct bytes *document, struct fault *fault)
{
    struct store_approval_list list = {0};
    struct intent intent;
    struct digest digest;
    struct name approvers[APPROVALS_MIN];
    size_t count = 0;
    *out = false;
    if (intent_decode(&intent, document->data, document->len, NULL) != STATUS_OK) {
        return STATUS_OK;
    }
    intent_digest(&digest, document->data, document->len);
    enum status status = store_approval_list(&list, tx, withdrawal, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count && count < APPROVALS_MIN; i++) {
        struct name approver;
        if (is_approval(&approver, &list.rows[i], service, &intent, &digest) && is_new(approvers, count, &approver)) {
            approvers[count++] = approver; /* whoever the rows say that they are of */
        }
    }
    store_approval_list_free(&list);
    *out = count == APPROVALS_MIN;
    return status;
}
