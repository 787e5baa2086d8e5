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
#define MINUTE_US INT64_C(60000000)

const struct verify_policy *proof_version(const struct proof *proof, const struct digest *chain,
                                          const struct digest *policy, const struct name *environment)
{
    for (const struct verify_policy *version = proof->versions; version < proof->versions + proof->version_count;
         version++) {
        if (digest_equal(&version->digest, policy) && digest_equal(chain, &proof->trust->chain)) {
            return name_equal(environment, &version->environment) ? version : NULL;
        }
    }
    return NULL;
}

/* ---- Policies, intent, destination ---- */

static bool check_policies(struct proof *proof)
{
    size_t count = json_array_size(proof->bundle.policies);
    const char *why = count == 0 || count > POLICIES_MAX ? "there must be 1 to 64" : NULL;
    for (size_t i = 0; why == NULL && i < count; i++) {
        why = verify_policy_follow(&proof->versions[i], proof->in_force, proof->kept,
                                   json_array_get(proof->bundle.policies, i), &proof->trust->first_policy);
        proof->in_force = &proof->versions[i];
        proof->version_count = i + 1;
    }
    return prove(&proof->report, why == NULL, "policies", why) &&
           prove(&proof->report, digest_equal(&proof->in_force->chain, &proof->trust->chain), "policies",
                 "are for another ledger");
}

static bool read_intent(struct proof *proof)
{
    struct fault fault = {0};
    return document_read(&proof->intent_text, &proof->intent, proof->kept, DOCUMENT_INTENT,
                         (const char *)proof->bundle.intent.data, &fault) == STATUS_OK ||
           report_fault(&proof->report, "intent", &fault);
}

/* The wallet has one key, in the version proposed and in the one in force. */
static bool check_wallet(struct proof *proof)
{
    const char *name = proof->intent.wallet.text;
    const char *asset = text_of(proof->intent_text.object, "asset");
    struct key now;
    proof->wallet = verify_policy_wallet(&proof->wallet_key, proof->proposed, name);
    const json_t *wallet = verify_policy_wallet(&now, proof->in_force, name);
    return prove(&proof->report,
                 lists(json_object_get(proof->wallet, "assets"), asset) &&
                     lists(json_object_get(wallet, "assets"), asset),
                 "intent", "names a wallet that the policy does not hold, or not for this asset") &&
           prove(&proof->report, digest_equal(&now.id, &proof->wallet_key.id), "intent",
                 "names a wallet that had another key by then");
}

static bool check_intent(struct proof *proof)
{
    const struct verify_intent *intent = &proof->intent;
    struct report *report = &proof->report;
    proof->proposed = proof_version(proof, &intent->chain, &intent->policy, &intent->environment);
    return prove(report, proof->proposed != NULL && intent->policy_version == proof->proposed->version, "intent",
                 "names another ledger or policy") &&
           prove(report, intent->type[0] == '\0' || digest_is_zero(&intent->returns), "intent", "issues and returns") &&
           prove(report, uuid_equal(&intent->withdrawal, &proof->bundle.withdrawal), "intent",
                 "is for another withdrawal than the bundle says") &&
           check_wallet(proof);
}

static bool check_destination(struct proof *proof)
{
    struct verify_destination entry;
    struct fault fault = {0};
    struct signed_text text;
    struct report *report = &proof->report;
    if (signed_text_read(&text, &entry, proof->kept, DOCUMENT_DESTINATION, proof->bundle.destination, &fault) !=
        STATUS_OK) {
        return report_fault(report, "destination", &fault);
    }
    proof->destination_group = entry.group;
    proof->destination_until = entry.valid_until;
    proof->until = entry.valid_until;
    const struct verify_policy *version = proof_version(proof, &entry.chain, &entry.policy, &entry.environment);
    return prove(report, strcmp(entry.account, proof->intent.destination) == 0 && version != NULL, "destination",
                 "is for another account, ledger or policy") &&
           prove(report, verify_policy_governed(version, &text, "destination", entry.issued_at), "destination",
                 "is not signed by the governance quorum");
}

/* ---- Approvals ---- */

/* The approver in a version that gives them the key that signed; NULL for none. */
static const json_t *approver_in(struct key *out_key, const struct verify_policy *version,
                                 const struct verify_approval *approval)
{
    const json_t *person = verify_policy_holder(out_key, version, &approval->key);
    return verify_person_is(person, approval->approver.text, INT64_MIN) ? person : NULL;
}

static bool stood_before(const struct proof *proof, const struct name *approver)
{
    bool stood = false;
    for (size_t i = 0; i < proof->approval_count; i++) {
        stood = stood || name_equal(approver, &proof->approvals[i].approver);
    }
    return stood;
}

/* `part` is what the approval is called. */
static bool approval_stands(struct proof *proof, const struct verify_approval *approval, const struct signed_text *text,
                            const char *part)
{
    struct key key;
    struct report *report = &proof->report;
    const json_t *person = approver_in(&key, proof->proposed, approval);
    bool asks = strcmp(approval->decision, "request") == 0;
    return prove(report, person != NULL && text->count == 1 && signed_text_by(text, 0, "approval", &key), part,
                 "is not signed by a key that the policy gives to the approver") &&
           prove(report,
                 digest_equal(&approval->intent, &proof->intent_text.digest) &&
                     uuid_equal(&approval->withdrawal, &proof->intent.withdrawal) &&
                     proof_version(proof, &approval->chain, &approval->policy, &approval->environment) ==
                         proof->proposed,
                 part, "is for another intent, withdrawal, ledger or policy") &&
           prove(report, asks || strcmp(approval->decision, "approve") == 0, part, "is not an approval") &&
           prove(report, name_equal(&approval->approver, &proof->intent.requester) == asks, part,
                 asks ? "is a request by another than the requester" : "is by the requester") &&
           prove(report, !asks || (json_array_size(approval->seen) == 0 && verify_person_duty(person, "requester")),
                 part, "is a request of another form or by somebody who may not") &&
           prove(report, !stood_before(proof, &approval->approver), part, "one person stands twice") &&
           prove(report, approval->expires_at <= proof->intent.expires_at, part, "expires after the intent");
}

/* Who is not in force any more, or not with this key, does not count. Until when they count the rules look at. */
static void count_approver(struct proof *proof, const struct verify_approval *approval, const struct digest *digest)
{
    struct key key;
    char time[TIME_TEXT_SIZE];
    const json_t *person = approver_in(&key, proof->in_force, approval);
    bool asks = strcmp(approval->decision, "request") == 0;
    time_format(time, approval->signed_at);
    (void)json_array_append_new(proof->lines, json_sprintf("%s by %s, signed at %s%s", asks ? "asked for" : "approved",
                                                           approval->approver.text, time,
                                                           person == NULL ? "; no longer in force" : ""));
    if (person != NULL && asks) {
        proof->judged.requester_signed = verify_person_duty(person, "requester");
    } else if (person != NULL) {
        proof->votes[proof->judged.vote_count++] =
            (struct rules_vote){.person = approval->approver, .digest = *digest, .seen = approval->seen};
    }
}

static bool check_approval(struct proof *proof, const json_t *object)
{
    struct signed_text text;
    struct fault fault = {0};
    struct verify_approval *approval = &proof->approvals[proof->approval_count];
    char part[80];
    if (signed_text_read(&text, approval, proof->kept, DOCUMENT_APPROVAL, object, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "approvals", &fault);
    }
    (void)snprintf(part, sizeof(part), "approval by %s", approval->approver.text);
    bool stands = approval_stands(proof, approval, &text, part);
    count_approver(proof, approval, &text.digest);
    proof->approval_count++;
    proof->until = approval->expires_at < proof->until ? approval->expires_at : proof->until;
    return stands;
}

static bool check_approvals(struct proof *proof)
{
    size_t count = json_array_size(proof->bundle.approvals);
    bool good = prove(&proof->report, count <= APPROVALS_MAX, "approvals", "are too many");
    for (size_t i = 0; i < count && count <= APPROVALS_MAX; i++) {
        good = check_approval(proof, json_array_get(proof->bundle.approvals, i)) && good;
    }
    return good;
}

/* ---- Judgement ---- */

/* Takes a time for the one at which everything is judged; whether nothing had expired, and the rules hold. */
static bool holds_at(struct proof *proof, int64_t at_utc_us, int64_t asked_utc_us)
{
    struct rules_finding finding;
    int64_t announced = proof->announced_utc_us;
    proof->judged.at_utc_us = at_utc_us;
    proof->judged.waited_us = announced > asked_utc_us ? -1 : asked_utc_us - announced;
    return at_utc_us < proof->until && rules_judge(&finding, proof->proposed, &proof->judged) == NULL &&
           rules_judge(&finding, proof->in_force, &proof->judged) == NULL;
}

/*
 * The time at which everything is judged: the first entry at which it holds. Several entries may name the same
 * documents; each would be evidence alone, so one more of them neither makes good evidence bad nor bad evidence good.
 *
 * An entry that the signer was shown outside the hours serves when they come, until it has signed: by then there is
 * withdrawal.signed, or the block. It goes by its own clock. Hours are of whole minutes and come again each week.
 */
static void choose_moment(struct proof *proof)
{
    const int64_t *asked = proof->signings;
    size_t count = proof->signing_count;
    for (size_t i = 0; i < count; i++) {
        if (holds_at(proof, asked[i], asked[i])) {
            return;
        }
    }
    int64_t at = asked[0] > AHEAD_MAX_US ? asked[0] - AHEAD_MAX_US : 0;
    int64_t until = proof->confirmed_utc_us + AHEAD_MAX_US;
    until = until < at + 7 * DAY_US ? until : at + 7 * DAY_US;
    for (size_t i = 0; count > 0 && at <= until; at += MINUTE_US - at % MINUTE_US) {
        while (i + 1 < count && asked[i + 1] <= at) {
            i++;
        }
        bool between = at >= asked[0] && at <= proof->signed_utc_us && at <= proof->confirmed_utc_us;
        bool perhaps = (between || !proof->in_doubt) && holds_at(proof, at, asked[count - 1] + AHEAD_MAX_US);
        if (perhaps && between && holds_at(proof, at, asked[i])) {
            proof->waited_for_hours = true;
            return;
        }
        proof->in_doubt = proof->in_doubt || perhaps;
    }
    (void)holds_at(proof, asked[0], asked[0]);
}

/* As prove(), of what depends on the time. */
static bool prove_timely(struct proof *proof, bool good, const char *part, const char *what)
{
    if (good || !proof->in_doubt) {
        return prove(&proof->report, good, part, what);
    }
    report_incomplete(&proof->report, "%s: %s" BY_ITS_CLOCK, part, what);
    return false;
}

/* It was recorded before it was signed, and nothing had expired at that time. */
static bool check_moment(struct proof *proof)
{
    static const char expired[] = "had expired when the signer was asked";
    while (proof->signing_count > 0 &&
           proof->signings[proof->signing_count - 1] > proof->confirmed_utc_us + AHEAD_MAX_US) {
        proof->signing_count--;
    }
    if (proof->signing_count == 0 && proof->asked_for) {
        report_incomplete(&proof->report, "block: its time is before withdrawal.signing, or a clock was set");
        return false;
    }
    proof->judged.intent = &proof->intent;
    proof->judged.group = proof->destination_group.text;
    proof->judged.votes = proof->votes;
    choose_moment(proof);
    proof->judged.lines = proof->lines;
    if (proof->waited_for_hours) {
        char time[TIME_TEXT_SIZE];
        time_format(time, proof->judged.at_utc_us);
        (void)printf("not looked at: the clock of the hours: withdrawal.signing was made outside of them, they came at "
                     "%s, before the signature was there; the signer alone goes by its own\n",
                     time);
    }
    bool good = prove_timely(proof, proof->judged.at_utc_us < proof->destination_until, "destination", expired);
    for (size_t i = 0; i < proof->approval_count; i++) {
        char part[80];
        (void)snprintf(part, sizeof(part), "approval by %s", proof->approvals[i].approver.text);
        good = prove_timely(proof, proof->judged.at_utc_us < proof->approvals[i].expires_at, part, expired) && good;
    }
    return good;
}

static bool check_rules(struct proof *proof, const struct verify_policy *policy)
{
    struct rules_finding finding;
    long long version = policy->version;
    const char *why = rules_judge(&finding, policy, &proof->judged);
    if (why != NULL) {
        char part[112];
        (void)snprintf(part, sizeof(part), "policy: version %lld%s%s", version,
                       finding.rule[0] == '\0' ? "" : ", rule ", finding.rule);
        return prove_timely(proof, false, part, why);
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
    return good && check_rules(proof, proof->proposed) && /* judged in any case: the report names all that is wrong */
           (proof->proposed == proof->in_force || check_rules(proof, proof->in_force)) &&
           prove(&proof->report, proof->asked_for, "entry withdrawal.signing",
                 "names other documents than those of the bundle");
}

static void print_proven(const struct proof *proof)
{
    char id[UUID_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    amount_format(amount, proof->intent.amount);
    (void)printf("proven: withdrawal %s, %s base units %s wallet %s to %s, asked by %s%s, approved by", id, amount,
                 proof->intent.type[0] == '\0' ? "from" : "issued by", proof->intent.wallet.text,
                 proof->intent.destination, proof->intent.requester.text,
                 proof->judged.requester_signed ? "" : " (who did not sign)");
    for (size_t i = 0; i < proof->approval_count; i++) {
        if (!name_equal(&proof->approvals[i].approver, &proof->intent.requester)) {
            (void)printf(" %s", proof->approvals[i].approver.text);
        }
    }
    if (proof->bundle.sweep != NULL) {
        (void)printf(", swept by order of the governance quorum from a key that is %s",
                     proof->judged.compromised ? "compromised: no delay and no limit was asked" : "retained");
    }
    (void)printf(
        ", confirmed at height %llu, %llu entries up to withdrawal.confirmed under the checkpoint of size %llu\n",
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
    time_format(time, proof->judged.at_utc_us);
    (void)printf("  all of it judged at %s, when %s\n", time,
                 proof->waited_for_hours ? "the hours had come" : "the signer was asked");
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
        json_t *whole = json_loadb((const char *)text->data, len, JSON_DISABLE_EOF_CHECK, NULL);
        bool cut = whole == NULL && len > 0 && text->data[len - 1] != '}'; /* nor is more behind a whole one */
        json_decref(whole);
        if (cut) {
            report_incomplete(&proof->report, "bundle: is cut: fetch it again");
        } else {
            (void)report_fault(&proof->report, "bundle", &fault);
        }
    } else {
        proven = prove(&proof->report, strcmp(proof->bundle.format, "strongroom-evidence/v1") == 0, "bundle",
                       "is of a format that this program does not know") &&
                 check_all(proof);
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
    json_decref(proof->kept);
    json_decref(proof->lines);
    free(proof->refs);
    free(proof);
}

enum verdict verify_evidence(const struct trust *trust, const struct verify_request *request)
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
    if (file_read(&text, request->rest[0], BUNDLE_MAX, "bundle", &fault) == STATUS_OK) {
        bool other = report_other(request->rest[0], text.data, text.len, "evidence");
        verdict = other ? VERDICT_USAGE : judge(proof, &text, request->explain);
    } else {
        const char *hint = fault.status == STATUS_TOO_LARGE ? "; an export is for custody-verify trail" : "";
        (void)fprintf(stderr, "custody-verify: cannot read %s: %s%s\n", request->rest[0], fault.detail, hint);
    }
    bytes_free(&text);
    proof_free(proof);
    return verdict;
}
