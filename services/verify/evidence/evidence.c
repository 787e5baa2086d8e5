/*
 * Checking an evidence bundle: trust file -> genesis and policies -> intent, destination, approvals -> trail ->
 * transaction -> block.
 *
 * The parts are read first; then each check stands on what was proven before it. A check that fails is printed; those
 * that need its result are still made where they can be, so that the report names everything that is wrong.
 */
#include "evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "verify.h"

#define BUNDLE_MAX (4 * 1024 * 1024)

bool proof_fail(struct proof *proof, const char *part, const char *what)
{
    report_tampered(&proof->report, "%s: %s", part, what);
    return false;
}

/* Out: borrowed from the proof. */
static enum status read_document(struct proof *proof, const json_t **out_object, void *form, enum document document,
                                 const char *text, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, text, strlen(text), CANON_DOCUMENT_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)json_array_append_new(proof->kept, object);
    *out_object = object;
    return document_decode(form, document, object, fault);
}

enum status proof_read_signed(struct proof *proof, struct signed_text *out, void *form, enum document document,
                              const json_t *object, struct fault *fault)
{
    const json_t *parsed = NULL;
    enum status status = signed_text_read(out, object, fault);
    return status == STATUS_OK ? read_document(proof, &parsed, form, document, out->text, fault) : status;
}

const struct verify_policy *proof_version(const struct proof *proof, const struct digest *chain,
                                          const struct digest *policy, const struct name *environment)
{
    const struct verify_policy *version = verify_policy_find(proof->versions, proof->version_count, policy);
    return version != NULL && digest_equal(chain, &proof->trust->chain) &&
                   name_equal(environment, &version->environment)
               ? version
               : NULL;
}

/* ---- Policies, intent, destination ---- */

static bool check_policies(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    if (json_array_size(proof->bundle.policies) == 0 || json_array_size(proof->bundle.policies) > POLICIES_MAX) {
        return proof_fail(proof, "policies", "there must be 1 to 64");
    }
    json_array_foreach(proof->bundle.policies, i, value)
    {
        struct verify_policy *version = &proof->versions[i];
        if (i > 0) {
            *version = proof->versions[i - 1];
            (void)json_incref(version->document);
        }
        proof->version_count = i + 1;
        const char *why = verify_policy_follow(version, value, &proof->trust->first_policy);
        if (why != NULL) {
            return proof_fail(proof, "policies", why);
        }
    }
    proof->in_force = &proof->versions[i - 1];
    return digest_equal(&proof->in_force->chain, &proof->trust->chain) ||
           proof_fail(proof, "policies", "are for another ledger");
}

static bool read_intent(struct proof *proof)
{
    const char *text = (const char *)proof->bundle.intent.data;
    struct fault fault = {0};
    document_digest(&proof->intent_digest, "intent", text);
    return read_document(proof, &proof->intent_object, &proof->intent, DOCUMENT_INTENT, text, &fault) == STATUS_OK ||
           report_fault(&proof->report, "intent", &fault);
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
        return proof_fail(proof, "intent", "names a wallet that the policy does not hold, or not for this asset");
    }
    return agree(wallet, proof->wallet, "alg key") ||
           proof_fail(proof, "intent", "names a wallet that had another key by then");
}

static bool check_intent(struct proof *proof)
{
    const struct verify_intent *intent = &proof->intent;
    proof->proposed = proof_version(proof, &intent->chain, &intent->policy, &intent->environment);
    if (proof->proposed == NULL || intent->policy_version != proof->proposed->version) {
        return proof_fail(proof, "intent", "names another ledger or policy");
    }
    if (intent->type[0] != '\0' && !digest_is_zero(&intent->returns)) {
        return proof_fail(proof, "intent", "issues and returns");
    }
    if (!uuid_equal(&intent->withdrawal, &proof->bundle.withdrawal)) {
        return proof_fail(proof, "intent", "is for another withdrawal than the bundle says");
    }
    return check_wallet(proof);
}

static bool check_destination(struct proof *proof)
{
    struct verify_destination destination;
    struct fault fault = {0};
    struct signed_text text;
    if (proof_read_signed(proof, &text, &destination, DOCUMENT_DESTINATION, proof->bundle.destination, &fault) !=
        STATUS_OK) {
        return report_fault(&proof->report, "destination", &fault);
    }
    proof->destination_group = destination.group;
    proof->destination_until = destination.valid_until;
    const struct verify_policy *version =
        proof_version(proof, &destination.chain, &destination.policy, &destination.environment);
    if (strcmp(destination.account, proof->intent.destination) != 0 || version == NULL) {
        return proof_fail(proof, "destination", "is for another account, ledger or policy");
    }
    return verify_policy_governed(version, &text, "destination", destination.issued_at) ||
           proof_fail(proof, "destination", "is not signed by the governance quorum");
}

/* ---- Approvals ---- */

/* The place of an approver in a version that gives them the key that signed; -1 for none. */
static int approver_in(struct key *out_key, const struct verify_policy *version, const struct verify_approval *approval)
{
    int person = verify_policy_holder(out_key, version, &approval->key);
    return person >= 0 && verify_policy_person(version, person, approval->approver.text, INT64_MIN) ? person : -1;
}

static bool stood_before(const struct proof *proof, const struct name *approver)
{
    size_t i = 0;
    while (i < proof->approval_count && !name_equal(approver, &proof->approvals[i].approver)) {
        i++;
    }
    return i < proof->approval_count;
}

/* What speaks against an approval, NULL when nothing does. */
static const char *approval_objection(const struct proof *proof, const struct verify_approval *approval,
                                      const struct signed_text *text)
{
    struct key key;
    int person = approver_in(&key, proof->proposed, approval);
    if (person < 0 || text->count != 1 || !signed_text_by(text, 0, "approval", &key)) {
        return "is not signed by a key that the policy gives to the approver";
    }
    if (!digest_equal(&approval->intent, &proof->intent_digest) ||
        !uuid_equal(&approval->withdrawal, &proof->intent.withdrawal) ||
        proof_version(proof, &approval->chain, &approval->policy, &approval->environment) != proof->proposed) {
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
    if (stood_before(proof, &approval->approver)) {
        return "one person stands twice";
    }
    return approval->expires_at > proof->intent.expires_at ? "expires after the intent" : NULL;
}

/* Who is not in force any more, or not with this key, does not count. Until when they count the rules look at. */
static void count_approver(struct proof *proof, const struct verify_approval *approval, const char *text)
{
    struct key key;
    char time[TIME_TEXT_SIZE];
    int person = approver_in(&key, proof->in_force, approval);
    bool asks = strcmp(approval->decision, "request") == 0;
    time_format(time, approval->signed_at);
    (void)json_array_append_new(proof->lines,
                                json_sprintf("%s by %s, signed at %s%s", asks ? "asked for" : "approved",
                                             approval->approver.text, time, person < 0 ? "; no longer in force" : ""));
    if (person >= 0 && asks) {
        proof->requester_signed = verify_policy_duty(proof->in_force, person, "requester");
    } else if (person >= 0) {
        struct rules_vote *vote = &proof->votes[proof->vote_count++];
        *vote = (struct rules_vote){.person = approval->approver, .seen = approval->seen};
        document_digest(&vote->digest, "approval", text);
    }
}

static bool check_approval(struct proof *proof, const json_t *object)
{
    struct signed_text text;
    struct fault fault = {0};
    struct verify_approval *approval = &proof->approvals[proof->approval_count];
    if (proof_read_signed(proof, &text, approval, DOCUMENT_APPROVAL, object, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "approvals", &fault);
    }
    const char *objection = approval_objection(proof, approval, &text);
    if (objection != NULL) {
        report_tampered(&proof->report, "approval by %s: %s", approval->approver.text, objection);
    }
    count_approver(proof, approval, text.text);
    proof->approval_count++;
    return objection == NULL;
}

static bool check_approvals(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    bool good = true;
    if (json_array_size(proof->bundle.approvals) > APPROVALS_MAX) {
        return proof_fail(proof, "approvals", "are too many");
    }
    json_array_foreach(proof->bundle.approvals, i, value)
    {
        good = check_approval(proof, value) && good;
    }
    return good;
}

/* ---- Judgement ---- */

/* `lines`: see rules_request. */
static const char *judge_rules(struct rules_finding *out, const struct proof *proof, const struct verify_policy *policy,
                               int64_t at_utc_us, json_t *lines)
{
    const struct rules_request request = {.intent = &proof->intent,
                                          .group = proof->destination_group.text,
                                          .requester_signed = proof->requester_signed,
                                          .votes = proof->votes,
                                          .vote_count = proof->vote_count,
                                          .at_utc_us = at_utc_us,
                                          .announced_utc_us = proof->announced_utc_us,
                                          .compromised = proof->compromised,
                                          .lines = lines};
    return rules_judge(out, policy, &request);
}

/*
 * The time at which everything is judged: the first entry at which the rules hold. Several entries may name the same
 * documents; each would be evidence alone, so one more of them neither makes good evidence bad nor bad evidence good.
 */
static void choose_moment(struct proof *proof)
{
    struct rules_finding finding;
    size_t i = 0;
    while (i < proof->signing_count &&
           (judge_rules(&finding, proof, proof->proposed, proof->signings[i], NULL) != NULL ||
            judge_rules(&finding, proof, proof->in_force, proof->signings[i], NULL) != NULL)) {
        i++;
    }
    proof->at_utc_us = proof->signings[i < proof->signing_count ? i : 0];
}

/* Nothing had expired at that time. */
static bool check_moment(struct proof *proof)
{
    bool good = true;
    choose_moment(proof);
    if (proof->at_utc_us >= proof->destination_until) {
        good = proof_fail(proof, "destination", "had expired when the signer was asked");
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
    long long version = policy->version;
    const char *why = judge_rules(&finding, proof, policy, proof->at_utc_us, proof->lines);
    if (why != NULL) {
        report_tampered(&proof->report, "policy: version %lld%s%s: %s", version,
                        finding.rule[0] == '\0' ? "" : ", rule ", finding.rule, why);
        return false;
    }
    if (finding.limits > 0) {
        (void)printf("not looked at: limits of version %lld (%u): what was signed before, the signer alone counts\n",
                     version, finding.limits);
    }
    if (finding.delay_s > 0) {
        (void)printf("not looked at: the clock of the delay of version %lld (%lld s): the trail shows it by that of "
                     "the service, the signer alone counts its own\n",
                     version, (long long)finding.delay_s);
    }
    return true;
}

/* By the version under which it was proposed, and by the one in force. */
static bool check_rules(struct proof *proof)
{
    return check_rules_of(proof, proof->proposed) &&
           (proof->proposed == proof->in_force || check_rules_of(proof, proof->in_force));
}

/* Without it the rest is judged all the same, at the time of the first: so that the report names all that is wrong. */
static bool check_signings(struct proof *proof)
{
    return proof->asked_for ||
           proof_fail(proof, "entry withdrawal.signing", "names other documents than those of the bundle");
}

/* The trail comes before the documents: it says when they had to be valid. */
static bool check_all(struct proof *proof)
{
    if (!check_policies(proof) || !read_intent(proof) || !check_story(proof) || !check_intent(proof)) {
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
                 (unsigned long long)proof->height, (unsigned long long)proof->entry_count,
                 (unsigned long long)proof->checkpoint.size);
}

/* Only of what was proven. */
static void print_explained(const struct proof *proof)
{
    char time[TIME_TEXT_SIZE];
    json_t *line = NULL;
    size_t i = 0;
    json_array_foreach(proof->lines, i, line)
    {
        (void)printf("  %s\n", json_string_value(line));
    }
    time_format(time, proof->at_utc_us);
    (void)printf("  all of it judged at %s, when the signer was asked\n", time);
    time_format(time, proof->confirmed_utc_us);
    (void)printf("  executed in block %llu at %s\n", (unsigned long long)proof->height, time);
}

static enum verdict judge(struct proof *proof, const struct bytes *text, bool explain)
{
    json_t *object = NULL;
    struct fault fault = {0};
    bool proven = false;
    size_t len = text->len - (text->len > 0 && text->data[text->len - 1] == '\n' ? 1 : 0);
    if (canon_parse(&object, text->data, len, BUNDLE_MAX, &fault) != STATUS_OK ||
        document_decode(&proof->bundle, DOCUMENT_BUNDLE, object, &fault) != STATUS_OK) {
        (void)report_fault(&proof->report, "bundle", &fault);
    } else if (strcmp(proof->bundle.format, "strongroom-evidence/v1") != 0) {
        (void)proof_fail(proof, "bundle", "is of a format that this program does not know");
    } else {
        proven = check_all(proof);
    }
    if (proven && report_clean(&proof->report)) {
        print_proven(proof);
        if (explain) {
            print_explained(proof);
        }
    } else if (report_clean(&proof->report)) {
        report_incomplete(&proof->report, "could not be checked to the end");
    }
    json_decref(object);
    return report_verdict(&proof->report);
}

static void proof_free(struct proof *proof)
{
    bytes_free(&proof->bundle.checkpoint);
    bytes_free(&proof->bundle.genesis);
    bytes_free(&proof->bundle.intent);
    for (size_t i = 0; i < proof->version_count; i++) {
        verify_policy_free(&proof->versions[i]);
    }
    json_decref(proof->kept);
    json_decref(proof->lines);
    json_decref(proof->refs);
    free(proof);
}

enum verdict verify_evidence(const struct trust *trust, const char *path, bool explain)
{
    struct bytes text = {0};
    struct fault fault = {0};
    struct proof *proof = calloc(1, sizeof(*proof));
    enum verdict verdict = VERDICT_INCOMPLETE;
    if (proof == NULL) {
        return verdict;
    }
    proof->trust = trust;
    proof->kept = json_array();
    proof->lines = json_array();
    if (file_read(&text, path, BUNDLE_MAX, "bundle", &fault) == STATUS_OK) {
        verdict = judge(proof, &text, explain);
    } else {
        (void)fprintf(stderr, "custody-verify: cannot read %s: %s\n", path, fault.detail);
    }
    bytes_free(&text);
    proof_free(proof);
    return verdict;
}
