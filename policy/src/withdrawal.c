/*
 * Steps 1 to 7 of the signer's check (docs/signer-protocol.md), in that order. Each step stands in one function and may
 * rely on those before it. The trail (step 8) is in signing_entry.c, the guard (step 9) in the signer.
 */
#include "policy/withdrawal.h"

#include "document.h"
#include "policy/approvals.h"

struct check {
    struct withdrawal *out;
    const struct withdrawal_documents *documents;
    const struct withdrawal_context *context;
    const struct policy *proposed; /* the version of the intent */
    struct name approvers[WITHDRAWAL_APPROVALS_MAX];
    struct policy_approvals approvals;
};

static const struct policy *version_find(const struct withdrawal_context *context, const struct digest *digest)
{
    if (context->chain != NULL) {
        return policy_chain_find(context->chain, digest);
    }
    return digest_equal(&context->policy->digest, digest) ? context->policy : NULL;
}

static enum status check_intent(struct check *check, struct fault *fault)
{
    struct intent *intent = &check->out->intent;
    const struct policy *policy = check->context->policy;
    struct fault inner = {0};
    enum status status = intent_decode(intent, check->documents->intent, check->documents->intent_len, &inner);
    if (status != STATUS_OK) {
        return document_fault(fault, "intent", status, &inner);
    }
    if (!digest_equal(&intent->chain, &policy->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "intent.chain", "not that of the policy in force");
    }
    if (!name_equal(&intent->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "intent.environment", "not that of the policy in force");
    }
    check->proposed = version_find(check->context, &intent->policy);
    if (check->proposed == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "intent.policy", "not a policy that is or was in force");
    }
    if (intent->policy_version != check->proposed->version) {
        return fault_set(fault, STATUS_MISMATCH, "intent.policy_version", "not that of the policy it names");
    }
    intent_digest(&check->out->intent_digest, check->documents->intent, check->documents->intent_len);
    intent_short_code(check->out->short_code, &check->out->intent_digest);
    check->out->policy = check->proposed->digest;
    check->out->in_force = policy->digest;
    check->out->chain = check->context->chain;
    return STATUS_OK;
}

static const struct withdrawal_key *find_key(const struct withdrawal_context *context, const struct public_key *key)
{
    for (size_t i = 0; i < context->key_count; i++) {
        if (public_key_equal(&context->keys[i].document->key, key)) {
            return &context->keys[i];
        }
    }
    return NULL;
}

static enum status check_document(const struct key_document *key, const struct policy *policy,
                                  const struct wallet *wallet, struct fault *fault)
{
    if (key->purpose != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_MISMATCH, "wallet.purpose", "the key of wallet %s is not for transfers",
                         wallet->id.text);
    }
    if (!digest_equal(&key->chain, &policy->chain) || !name_equal(&key->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "wallet.chain", "the key of wallet %s is for another ledger",
                         wallet->id.text);
    }
    if (key->tier != wallet->tier) {
        return fault_set(fault, STATUS_MISMATCH, "wallet.tier", "the key of wallet %s is of another tier than it",
                         wallet->id.text);
    }
    return STATUS_OK;
}

static enum status key_inactive(struct fault *fault, const struct withdrawal_key *key)
{
    return fault_set(fault, STATUS_KEY_INACTIVE, "wallet.state", "the key is %s", key_state_text(key->state));
}

/* What a key that is no longer for use may still do: one intent, named by the governance quorum. */
static enum status check_sweep(const struct check *check, const struct withdrawal_key *key, struct fault *fault)
{
    const struct withdrawal_context *context = check->context;
    const struct intent *intent = &check->out->intent;
    struct command sweep;
    struct fault inner = {0};
    if (check->documents->sweep == NULL) {
        return key_inactive(fault, key);
    }
    enum status status = command_verify(&sweep, check->documents->sweep, context->policy, context->at_utc_us, &inner);
    if (status != STATUS_OK) {
        return document_fault(fault, "sweep", status, &inner);
    }
    if (policy_governance_without(context->policy, check->documents->sweep, context->at_utc_us, context->suspended,
                                  context->suspended_count) < context->policy->governance.m) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "sweep.signatures", "not enough who are not suspended");
    }
    if (sweep.action != COMMAND_KEY_SWEEP || sweep.role != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_MISMATCH, "sweep.action", "key.sweep for the role transfer");
    }
    if (!digest_equal(&sweep.key, &key->document->key_id)) {
        return fault_set(fault, STATUS_MISMATCH, "sweep.key", "given for another key");
    }
    if (intent->type != TRANSACTION_TRANSFER) {
        return fault_set(fault, STATUS_DENIED, "intent.type", "a key that is out of service issues nothing");
    }
    if (!digest_equal(&sweep.intent, &check->out->intent_digest)) {
        return fault_set(fault, STATUS_MISMATCH, "sweep.intent", "given for another intent");
    }
    if (sweep.from != key->state) {
        return fault_set(fault, STATUS_CONFLICT, "sweep.from", "given for a key that is %s, but it is %s",
                         key_state_text(sweep.from), key_state_text(key->state));
    }
    if (key->state == KEY_STATE_COMPROMISED && !key_document_emergency(key->document, &intent->destination)) {
        return fault_set(fault, STATUS_DENIED, "sweep.intent", "not to an emergency address of the compromised key");
    }
    return STATUS_OK;
}

static enum status check_state(const struct check *check, const struct withdrawal_key *key, struct fault *fault)
{
    switch (key->state) {
    case KEY_STATE_ACTIVE:
        return key_document_valid(key->document, check->context->at_utc_us)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_KEY_INACTIVE, "wallet.state", "the key is outside its cryptoperiod");
    case KEY_STATE_RETAINED:
    case KEY_STATE_COMPROMISED:
        return check_sweep(check, key, fault);
    case KEY_STATE_GENERATED:
    case KEY_STATE_INACTIVE:
    case KEY_STATE_SUSPENDED:
    case KEY_STATE_DESTROYED:
        break;
    }
    return key_inactive(fault, key);
}

static enum status check_wallet(struct check *check, struct fault *fault)
{
    const struct name *name = &check->out->intent.wallet;
    const struct withdrawal_context *context = check->context;
    const struct wallet *before = policy_find_wallet(check->proposed, name);
    const struct wallet *wallet = policy_find_wallet(context->policy, name);
    if (wallet == NULL || before == NULL) {
        return fault_set(fault, STATUS_DENIED, "wallet", "the policy has no wallet %s", name->text);
    }
    if (!public_key_equal(&before->key, &wallet->key)) {
        return fault_set(fault, STATUS_CONFLICT, "wallet", "wallet %s has had another key since version %lld",
                         name->text, (long long)check->proposed->version);
    }
    check->out->wallet = wallet;
    if (context->keys_elsewhere) {
        return STATUS_OK;
    }
    const struct withdrawal_key *key = find_key(context, &wallet->key);
    if (key == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "wallet", "the key of wallet %s is none of this signer", name->text);
    }
    check->out->key = key->document;
    check->out->key_state = key->state;
    enum status status = check_document(key->document, context->policy, wallet, fault);
    return status == STATUS_OK ? check_state(check, key, fault) : status;
}

static enum status check_clock(struct check *check, struct fault *fault)
{
    const struct withdrawal_context *context = check->context;
    if (context->at_utc_us >= check->out->intent.expires_at) {
        return fault_set(fault, STATUS_EXPIRED, "intent.expires_at", "the intent has expired");
    }
    if (context->highest_utc_us - context->at_utc_us > WITHDRAWAL_CLOCK_BACK_MAX_US) {
        return fault_set(fault, STATUS_ROLLBACK, "clock", "the clock stands more than 60 s behind a time seen before");
    }
    return STATUS_OK;
}

static enum status check_transaction(struct check *check, struct fault *fault)
{
    struct withdrawal *out = check->out;
    struct fault inner = {0};
    enum status status = transaction_from_intent(&out->transaction, &out->intent, &out->wallet->account, &inner);
    if (status == STATUS_OK) {
        status = transaction_encode(&out->transaction_document, &out->transaction, &inner);
    }
    if (status != STATUS_OK) {
        return document_fault(fault, "transaction", status, &inner);
    }
    transaction_id(&out->transaction_id, out->transaction_document.data, out->transaction_document.len);
    if (!digest_equal(&out->transaction_id, &out->intent.transaction)) {
        return fault_set(fault, STATUS_MISMATCH, "transaction", "the intent names another transaction than it makes");
    }
    return STATUS_OK;
}

static enum status check_destination(struct check *check, struct fault *fault)
{
    const struct signed_document *document = check->documents->destination;
    struct withdrawal *out = check->out;
    struct fault inner = {0};
    const struct withdrawal_context *context = check->context;
    enum status status =
        context->destinations_held
            ? destination_read(&out->destination, document, context->policy, context->at_utc_us, &inner)
        : context->chain == NULL
            ? destination_verify(&out->destination, document, context->policy, context->at_utc_us, &inner)
            : policy_chain_destination_verify(&out->destination, document, context->chain, context->at_utc_us, &inner);
    if (status != STATUS_OK) {
        return document_fault(fault, "destination", status, &inner);
    }
    if (!account_id_equal(&out->destination.account, &out->intent.destination)) {
        return fault_set(fault, STATUS_MISMATCH, "destination.account", "not the destination of the intent");
    }
    destination_digest(&out->destination_digest, document->document.data, document->document.len);
    return STATUS_OK;
}

static enum status check_approval(struct check *check, size_t index, struct fault *fault)
{
    const struct signed_document *document = &check->documents->approvals[index];
    const struct approval_context context = {&check->out->intent, &check->out->intent_digest, check->proposed,
                                             check->context->at_utc_us};
    struct approval approval;
    enum status status = approval_verify(&approval, document, &context, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (approval.decision == APPROVAL_REJECT) {
        return fault_set(fault, STATUS_DENIED, "decision", "%s has rejected it", approval.approver.text);
    }
    for (size_t i = 0; i < index; i++) {
        if (name_equal(&check->approvers[i], &approval.approver)) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, "approver", "%s is there twice", approval.approver.text);
        }
    }
    struct digest *digest = &check->out->approval_digests[index];
    check->approvers[index] = approval.approver;
    approval_digest(digest, document->document.data, document->document.len);
    status = policy_approvals_add(&check->approvals, check->context->policy, &approval, digest);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "", "could not be counted");
}

static int compare_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static enum status check_approvals(struct check *check, struct fault *fault)
{
    size_t count = check->documents->approval_count;
    if (count > WITHDRAWAL_APPROVALS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "approvals", "at most %d", WITHDRAWAL_APPROVALS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        struct fault inner = {0};
        enum status status = check_approval(check, i, &inner);
        if (status != STATUS_OK) {
            char part[PLACE_SIZE];
            document_place_index(part, "approvals", i);
            return document_fault(fault, part, status, &inner);
        }
    }
    check->out->approval_count = count;
    qsort(check->out->approval_digests, count, sizeof(struct digest), compare_digest);
    return STATUS_OK;
}

static enum status check_policy(struct check *check, struct fault *fault)
{
    const struct intent *intent = &check->out->intent;
    const struct evaluation_request request = {
        .type = intent->type,
        .chain = &intent->chain,
        .wallet = &intent->wallet,
        .asset = &intent->asset,
        .amount = intent->amount,
        .destination_listed = true, /* step 5 */
        .destination_group = &check->out->destination.group,
        .returns = !digest_is_zero(&intent->returns),
        .requester = &intent->requester,
        .requester_signed = check->approvals.requester_signed,
        .approvals = check->approvals.rows,
        .approval_count = check->approvals.count,
        .suspended = check->context->suspended,
        .suspended_count = check->context->suspended_count,
        .at_utc_us = check->context->at_utc_us,
    };
    struct evaluation evaluation;
    const struct policy *decides = NULL;
    enum status status =
        policy_evaluate_both(&evaluation, &decides, check->proposed, check->context->policy, &request, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (evaluation.decision != DECISION_ALLOWED) {
        char text[EVALUATION_TEXT_SIZE];
        bool older = !digest_equal(&check->proposed->digest, &check->context->policy->digest);
        evaluation_describe(text, &evaluation, decides);
        status =
            older ? fault_set(fault, evaluation.reason, "policy", "version %lld: %s", (long long)decides->version, text)
                  : fault_set(fault, evaluation.reason, "policy", "%s", text);
    }
    evaluation_free(&evaluation);
    struct obligations *obligations = &check->out->obligations;
    return status == STATUS_OK
               ? policy_obligations_both(obligations, check->proposed, check->context->policy, &request, fault)
               : status;
}

static enum status (*const steps[])(struct check *check, struct fault *fault) = {
    check_intent,      /* 1 */
    check_wallet,      /* 2 */
    check_clock,       /* 3 */
    check_transaction, /* 4 */
    check_destination, /* 5 */
    check_approvals,   /* 6 */
    check_policy,      /* 7 */
};

enum status policy_check_withdrawal(struct withdrawal *out, const struct withdrawal_documents *documents,
                                    const struct withdrawal_context *context, struct fault *fault)
{
    struct withdrawal withdrawal = {0};
    struct check check = {.out = &withdrawal, .documents = documents, .context = context};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        status = steps[i](&check, fault);
    }
    policy_approvals_wipe(&check.approvals);
    if (status != STATUS_OK) {
        withdrawal_free(&withdrawal);
        return status;
    }
    *out = withdrawal; /* transferred */
    return STATUS_OK;
}

void withdrawal_free(struct withdrawal *withdrawal)
{
    bytes_free(&withdrawal->transaction_document);
    obligations_free(&withdrawal->obligations);
    *withdrawal = (struct withdrawal){0};
}
