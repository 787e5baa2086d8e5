/*
 * Checking an evidence bundle: trust file -> genesis and policies -> intent, destination, approvals -> trail ->
 * transaction -> block.
 *
 * The parts are read first; then each check stands on what was proven before it. A check that fails is printed; those
 * that need its result are still made where they can be, so that the report names everything that is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "block.h"
#include "documents.h"
#include "policy_rules.h"
#include "story.h"
#include "sweep.h"
#include "transaction.h"
#include "verify.h"

#define BUNDLE_MAX (4 * 1024 * 1024)
#define APPROVALS_MAX RULES_VOTES_MAX
#define POLICIES_MAX 64

/* Everything that has been read and proven so far. */
struct proof {
    const struct trust *trust;
    struct report report;
    struct verify_bundle bundle;
    struct verify_policy versions[POLICIES_MAX]; /* of the policy, first to in force at the signature */
    size_t version_count;
    const struct verify_policy *proposed; /* the version that the intent names */
    const struct verify_policy *in_force; /* the last one */
    struct verify_intent intent;
    struct digest intent_digest;
    struct name destination_group;
    const json_t *wallet; /* borrowed from the version proposed */
    struct key wallet_key;
    struct verify_approval approvals[APPROVALS_MAX];
    json_t *papers[APPROVALS_MAX]; /* the approval documents; owned */
    size_t approval_count;
    int64_t destination_until;
    struct rules_vote votes[APPROVALS_MAX]; /* of approvers who are in force, too, with the key that signed */
    size_t vote_count;
    bool requester_signed; /* with a key that is in force, too */
    json_t *refs;          /* what withdrawal.signing must name: the documents of the bundle; owned */
    struct story story;
    bool compromised;  /* the quorum swept the key as one that others have */
    int64_t at_utc_us; /* the time of withdrawal.signing at which the documents are judged */
    uint64_t height;
    int64_t confirmed_utc_us; /* of the block */
};

static bool fail(struct proof *proof, const char *part, const char *what)
{
    report_tampered(&proof->report, "%s: %s", part, what);
    return false;
}

static bool read_policies(struct proof *proof, struct verify_policy *newest)
{
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(proof->bundle.policies, i, value)
    {
        const char *why = verify_policy_follow(newest, value, &proof->trust->first_policy);
        if (why != NULL) {
            return fail(proof, "policies", why);
        }
        proof->versions[proof->version_count] = *newest;
        proof->versions[proof->version_count++].document = json_incref(newest->document);
    }
    return true;
}

static bool check_policies(struct proof *proof)
{
    struct verify_policy newest = {0};
    if (json_array_size(proof->bundle.policies) == 0 || json_array_size(proof->bundle.policies) > POLICIES_MAX) {
        return fail(proof, "policies", "there must be 1 to 64");
    }
    bool good = read_policies(proof, &newest);
    verify_policy_free(&newest);
    if (!good) {
        return false;
    }
    proof->in_force = &proof->versions[proof->version_count - 1];
    return digest_equal(&proof->in_force->chain, &proof->trust->chain) ||
           fail(proof, "policies", "are for another ledger");
}

/* Whether a document names the ledger and one version of the policy. */
static bool is_here(const struct proof *proof, const struct digest *chain, const struct digest *policy,
                    const struct name *environment)
{
    const struct verify_policy *version = verify_policy_find(proof->versions, proof->version_count, policy);
    return version != NULL && digest_equal(chain, &proof->trust->chain) &&
           name_equal(environment, &version->environment);
}

/* The wallet has one key, in the version proposed and in the one in force. */
static bool check_wallet(struct proof *proof)
{
    const char *name = proof->intent.wallet.text;
    struct key now;
    char asset[DIGEST_HEX_LEN + 1];
    digest_format(asset, &proof->intent.asset);
    proof->wallet = verify_policy_wallet(&proof->wallet_key, proof->proposed, name);
    const json_t *wallet = verify_policy_wallet(&now, proof->in_force, name);
    if (!lists(json_object_get(proof->wallet, "assets"), asset) || !lists(json_object_get(wallet, "assets"), asset)) {
        return fail(proof, "intent", "names a wallet that the policy does not hold, or not for this asset");
    }
    return (json_equal(json_object_get(wallet, "key"), json_object_get(proof->wallet, "key")) == 1 &&
            json_equal(json_object_get(wallet, "alg"), json_object_get(proof->wallet, "alg")) == 1) ||
           fail(proof, "intent", "names a wallet that had another key by then");
}

static bool check_intent(struct proof *proof)
{
    struct verify_intent *intent = &proof->intent;
    struct fault fault = {0};
    const char *text = (const char *)proof->bundle.intent.data;
    if (document_read(intent, DOCUMENT_INTENT, text, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "intent", &fault);
    }
    document_digest(&proof->intent_digest, "intent", text);
    proof->proposed = verify_policy_find(proof->versions, proof->version_count, &intent->policy);
    if (!is_here(proof, &intent->chain, &intent->policy, &intent->environment) ||
        intent->policy_version != proof->proposed->version) {
        return fail(proof, "intent", "names another ledger or policy");
    }
    if (intent->type[0] != '\0' && !digest_is_zero(&intent->returns)) {
        return fail(proof, "intent", "issues and returns");
    }
    if (!uuid_equal(&intent->withdrawal, &proof->bundle.withdrawal)) {
        return fail(proof, "intent", "is for another withdrawal than the bundle says");
    }
    return check_wallet(proof);
}

/* The transaction is the one the intent describes, signed once, by the wallet's key. */
static bool check_transaction(struct proof *proof)
{
    struct signed_text text;
    struct bytes rebuilt = {0};
    struct fault fault = {0};
    struct digest id;
    if (signed_text_read(&text, proof->bundle.transaction, &fault) != STATUS_OK ||
        transaction_rebuild(&rebuilt, (const char *)proof->bundle.intent.data, proof->wallet, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "transaction", &fault);
    }
    bool same = strcmp(text.text, (const char *)rebuilt.data) == 0;
    bytes_free(&rebuilt);
    document_digest(&id, "transaction", text.text);
    if (!same || !digest_equal(&id, &proof->intent.transaction)) {
        return fail(proof, "transaction", "is not the one that the intent describes and names");
    }
    return (text.count == 1 && signed_text_by(&text, 0, "transaction", &proof->wallet_key)) ||
           fail(proof, "transaction", "is not signed by the key of the wallet");
}

static bool check_destination(struct proof *proof)
{
    struct verify_destination destination;
    struct fault fault = {0};
    struct signed_text text;
    if (signed_text_read(&text, proof->bundle.destination, &fault) != STATUS_OK ||
        document_read(&destination, DOCUMENT_DESTINATION, text.text, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "destination", &fault);
    }
    proof->destination_group = destination.group;
    proof->destination_until = destination.valid_until;
    if (strcmp(destination.account, proof->intent.destination) != 0 ||
        !is_here(proof, &destination.chain, &destination.policy, &destination.environment)) {
        return fail(proof, "destination", "is for another account, ledger or policy");
    }
    return verify_policy_governed(verify_policy_find(proof->versions, proof->version_count, &destination.policy), &text,
                                  "destination", destination.issued_at) ||
           fail(proof, "destination", "is not signed by the governance quorum");
}

/* What speaks against an approval, NULL when nothing does. */
static const char *approval_objection(const struct proof *proof, const struct verify_approval *approval,
                                      const struct signed_text *text)
{
    struct key key;
    int person = verify_policy_holder(&key, proof->proposed, &approval->key);
    if (person < 0 || !verify_policy_person(proof->proposed, person, approval->approver.text, INT64_MIN) ||
        text->count != 1 || !signed_text_by(text, 0, "approval", &key)) {
        return "is not signed by a key that the policy gives to the approver";
    }
    if (!digest_equal(&approval->intent, &proof->intent_digest) ||
        !uuid_equal(&approval->withdrawal, &proof->intent.withdrawal) ||
        !digest_equal(&approval->policy, &proof->proposed->digest) ||
        !is_here(proof, &approval->chain, &approval->policy, &approval->environment)) {
        return "is for another intent, withdrawal, ledger or policy";
    }
    bool asks = strcmp(approval->decision, "request") == 0;
    if (!asks && strcmp(approval->decision, "approve") != 0) {
        return "is not an approval";
    }
    if (name_equal(&approval->approver, &proof->intent.requester) != asks) {
        return asks ? "is a request by another than the requester" : "is by the requester";
    }
    if (asks && (json_array_size(approval->seen) > 0 || !verify_policy_duty(proof->proposed, person, "requester"))) {
        return "is a request of another form or by somebody who may not";
    }
    return approval->expires_at > proof->intent.expires_at ? "expires after the intent" : NULL;
}

/* Who is not in force any more, or not with this key, does not count. Until when they count the rules look at. */
static void count_approver(struct proof *proof, const struct verify_approval *approval, const struct digest *digest)
{
    struct key key;
    int person = verify_policy_holder(&key, proof->in_force, &approval->key);
    if (person < 0 || !verify_policy_person(proof->in_force, person, approval->approver.text, INT64_MIN)) {
        return;
    }
    if (strcmp(approval->decision, "request") == 0) {
        proof->requester_signed = verify_policy_duty(proof->in_force, person, "requester");
        return;
    }
    proof->votes[proof->vote_count++] =
        (struct rules_vote){.person = approval->approver, .digest = *digest, .seen = approval->seen};
}

static bool check_approval(struct proof *proof, const json_t *object)
{
    struct signed_text text;
    struct fault fault = {0};
    struct digest digest;
    struct verify_approval *approval = &proof->approvals[proof->approval_count];
    json_t **paper = &proof->papers[proof->approval_count];
    json_decref(*paper); /* of one before it that could not be read */
    *paper = NULL;
    if (signed_text_read(&text, object, &fault) != STATUS_OK ||
        canon_parse(paper, text.text, strlen(text.text), CANON_DOCUMENT_MAX, &fault) != STATUS_OK ||
        document_decode(approval, DOCUMENT_APPROVAL, *paper, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "approvals", &fault);
    }
    const char *objection = approval_objection(proof, approval, &text);
    if (objection != NULL) {
        report_tampered(&proof->report, "approval by %s: %s", approval->approver.text, objection);
    }
    document_digest(&digest, "approval", text.text);
    count_approver(proof, approval, &digest);
    proof->approval_count++;
    return objection == NULL;
}

static bool check_approvals(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    bool good = true;
    if (json_array_size(proof->bundle.approvals) > APPROVALS_MAX) {
        return fail(proof, "approvals", "are too many");
    }
    json_array_foreach(proof->bundle.approvals, i, value)
    {
        good = check_approval(proof, value) && good;
    }
    for (size_t a = 0; good && a < proof->approval_count; a++) {
        for (size_t b = a + 1; good && b < proof->approval_count; b++) {
            good = !name_equal(&proof->approvals[a].approver, &proof->approvals[b].approver) ||
                   fail(proof, "approvals", "one person stands twice");
        }
    }
    return good;
}

static const char *judge_rules(struct rules_finding *out, const struct proof *proof, const struct verify_policy *policy,
                               int64_t at_utc_us)
{
    const struct rules_request request = {.intent = &proof->intent,
                                          .group = proof->destination_group.text,
                                          .requester_signed = proof->requester_signed,
                                          .votes = proof->votes,
                                          .vote_count = proof->vote_count,
                                          .at_utc_us = at_utc_us,
                                          .announced_utc_us = proof->story.announced_utc_us,
                                          .compromised = proof->compromised};
    return rules_judge(out, policy, &request);
}

static bool check_block(struct proof *proof)
{
    const struct block_claim claim = {.chain = &proof->trust->chain,
                                      .transaction = &proof->intent.transaction,
                                      .valid_from = proof->intent.valid_from,
                                      .valid_until = proof->intent.valid_until};
    const char *why = "";
    return block_confirms(&proof->height, &proof->confirmed_utc_us, proof->bundle.block,
                          (const char *)proof->bundle.genesis.data, &claim, &why) ||
           fail(proof, "block", why);
}

static bool check_sweep(struct proof *proof)
{
    const struct sweep_claim claim = {.versions = proof->versions,
                                      .version_count = proof->version_count,
                                      .intent = &proof->intent,
                                      .intent_digest = &proof->intent_digest,
                                      .wallet_key = &proof->wallet_key,
                                      .asked_utc_us = proof->story.signings[0],
                                      .confirmed_utc_us = proof->confirmed_utc_us};
    const char *why =
        proof->bundle.sweep == NULL ? NULL : sweep_judge(&proof->compromised, proof->bundle.sweep, &claim);
    return why == NULL || fail(proof, "sweep", why);
}

/*
 * The time at which everything is judged: the first entry at which the rules hold. Several entries may name the same
 * documents; each would be evidence alone, so one more of them neither makes good evidence bad nor bad evidence good.
 */
static void choose_moment(struct proof *proof)
{
    struct rules_finding finding;
    size_t i = 0;
    while (i < proof->story.signing_count &&
           (judge_rules(&finding, proof, proof->proposed, proof->story.signings[i]) != NULL ||
            judge_rules(&finding, proof, proof->in_force, proof->story.signings[i]) != NULL)) {
        i++;
    }
    proof->at_utc_us = proof->story.signings[i < proof->story.signing_count ? i : 0];
}

/* Nothing had expired at that time. */
static bool check_moment(struct proof *proof)
{
    bool good = true;
    choose_moment(proof);
    if (proof->at_utc_us >= proof->destination_until) {
        good = fail(proof, "destination", "had expired when the signer was asked");
    }
    for (size_t i = 0; i < proof->approval_count; i++) {
        if (proof->at_utc_us >= proof->approvals[i].expires_at) {
            report_tampered(&proof->report, "approval by %s: had expired when the signer was asked",
                            proof->approvals[i].approver.text);
            good = false;
        }
    }
    return good;
}

static bool check_rules_of(struct proof *proof, const struct verify_policy *policy)
{
    struct rules_finding finding;
    const char *why = judge_rules(&finding, proof, policy, proof->at_utc_us);
    if (why != NULL) {
        report_tampered(&proof->report, "policy: version %lld%s%s: %s", (long long)policy->version,
                        finding.rule[0] == '\0' ? "" : ", rule ", finding.rule, why);
    } else if (finding.limits > 0) {
        (void)printf("not looked at: limits of version %lld (%u): what was signed before, the signer alone counts\n",
                     (long long)policy->version, finding.limits);
    }
    if (why == NULL && finding.delay_s > 0) {
        (void)printf(
            "not looked at: the clock of the delay of version %lld (%lld s): the trail shows it by that of the "
            "service, the signer alone counts its own\n",
            (long long)policy->version, (long long)finding.delay_s);
    }
    return why == NULL;
}

/* By the version under which it was proposed, and by the one in force. */
static bool check_rules(struct proof *proof)
{
    return check_rules_of(proof, proof->proposed) &&
           (proof->proposed == proof->in_force || check_rules_of(proof, proof->in_force));
}

static json_t *hex_of(const char *kind, const char *text)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    document_digest(&digest, kind, text == NULL ? "" : text);
    digest_format(hex, &digest);
    return json_string(hex);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* The approvals of the bundle, as an entry names them. */
static json_t *name_approvals(const json_t *approvals)
{
    json_t *hex[APPROVALS_MAX];
    size_t count = json_array_size(approvals) < APPROVALS_MAX ? json_array_size(approvals) : APPROVALS_MAX;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        hex[i] = hex_of("approval", text_of(json_array_get(approvals, i), "document"));
    }
    qsort(hex, count, sizeof(hex[0]), compare_texts);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, hex[i]);
    }
    return array;
}

/* What the entry before the signature must name, exactly: the documents as they stand in the bundle. */
static bool name_documents(struct proof *proof)
{
    const struct verify_bundle *bundle = &proof->bundle;
    const char *intent = (const char *)bundle->intent.data;
    struct verify_intent named;
    struct fault fault = {0};
    char policy[DIGEST_HEX_LEN + 1];
    if (document_read(&named, DOCUMENT_INTENT, intent, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "intent", &fault);
    }
    digest_format(policy, &named.policy);
    proof->refs =
        json_pack("{s:o, s:o, s:o, s:s, s:o}", "approvals", name_approvals(bundle->approvals), "destination",
                  hex_of("destination", text_of(bundle->destination, "document")), "intent", hex_of("intent", intent),
                  "policy", policy, "transaction", hex_of("transaction", text_of(bundle->transaction, "document")));
    return true;
}

/* Without it the rest is judged all the same, at the time of the first: so that the report names all that is wrong. */
static bool check_signings(struct proof *proof)
{
    return proof->story.asked_for ||
           fail(proof, "entry withdrawal.signing", "names other documents than those of the bundle");
}

/* The trail: what stands in it of this withdrawal, and when. */
static bool check_story(struct proof *proof)
{
    const struct story_claim claim = {
        .trust = proof->trust, .bundle = &proof->bundle, .refs = proof->refs, .policy = &proof->in_force->digest};
    if (!story_read(&proof->story, &proof->report, &claim)) {
        return false;
    }
    return proof->story.signing_count > 0 || !proof->story.asked_for ||
           fail(proof, "policies", "do not end with the version that withdrawal.signing names");
}

/* The trail comes before the documents: it says when they had to be valid. */
static bool check_all(struct proof *proof)
{
    if (!check_policies(proof) || !name_documents(proof) || !check_story(proof) || !check_intent(proof)) {
        return false;
    }
    bool good = check_destination(proof);
    good = check_approvals(proof) && good;
    good = check_transaction(proof) && good;
    good = check_block(proof) && check_sweep(proof) && good;
    good = good && check_moment(proof);
    return good && check_rules(proof) && check_signings(proof);
}

static void print_proven(const struct proof *proof)
{
    char id[UUID_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    amount_format(amount, proof->intent.amount);
    (void)printf("proven: withdrawal %s, %s base units %s wallet %s to %s, asked by %s, approved by", id, amount,
                 proof->intent.type[0] == '\0' ? "from" : "issued by", proof->intent.wallet.text,
                 proof->intent.destination, proof->intent.requester.text);
    for (size_t i = 0; i < proof->approval_count; i++) {
        if (!name_equal(&proof->approvals[i].approver, &proof->intent.requester)) {
            (void)printf(" %s", proof->approvals[i].approver.text);
        }
    }
    if (proof->bundle.sweep != NULL) {
        (void)printf(", swept by order of the governance quorum from a key that is %s",
                     proof->compromised ? "compromised: no delay and no limit was asked" : "retained");
    }
    (void)printf(", confirmed at height %llu, %llu entries under the checkpoint of size %llu\n",
                 (unsigned long long)proof->height, (unsigned long long)proof->story.entry_count,
                 (unsigned long long)proof->story.checkpoint.size);
}

static enum verdict judge(struct proof *proof, const struct bytes *text)
{
    json_t *object = NULL;
    struct fault fault = {0};
    bool proven = false;
    size_t len = text->len - (text->len > 0 && text->data[text->len - 1] == '\n' ? 1 : 0);
    if (canon_parse(&object, text->data, len, BUNDLE_MAX, &fault) != STATUS_OK ||
        document_decode(&proof->bundle, DOCUMENT_BUNDLE, object, &fault) != STATUS_OK) {
        (void)report_fault(&proof->report, "bundle", &fault);
    } else if (strcmp(proof->bundle.format, "strongroom-evidence/v1") != 0) {
        (void)fail(proof, "bundle", "is of a format that this program does not know");
    } else {
        proven = check_all(proof);
    }
    if (proven && report_clean(&proof->report)) {
        print_proven(proof);
    } else if (report_clean(&proof->report)) {
        report_incomplete(&proof->report, "could not be checked to the end");
    }
    json_decref(proof->refs);
    bytes_free(&proof->bundle.checkpoint);
    bytes_free(&proof->bundle.genesis);
    bytes_free(&proof->bundle.intent);
    for (size_t i = 0; i < APPROVALS_MAX; i++) {
        json_decref(proof->papers[i]);
    }
    for (size_t i = 0; i < proof->version_count; i++) {
        verify_policy_free(&proof->versions[i]);
    }
    json_decref(object);
    return report_verdict(&proof->report);
}

enum verdict verify_evidence(const struct trust *trust, const char *path)
{
    struct bytes text = {0};
    struct fault fault = {0};
    struct proof *proof = calloc(1, sizeof(*proof));
    enum verdict verdict = VERDICT_INCOMPLETE;
    if (proof == NULL || file_read(&text, path, BUNDLE_MAX, "bundle", &fault) != STATUS_OK) {
        (void)fprintf(stderr, "custody-verify: cannot read %s: %s\n", path, fault.detail);
    } else {
        proof->trust = trust;
        verdict = judge(proof, &text);
    }
    bytes_free(&text);
    free(proof);
    return verdict;
}
