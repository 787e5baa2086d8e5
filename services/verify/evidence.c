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
#include "event.h"
#include "merkle.h"
#include "policy_rules.h"
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
    struct digest destination_digest;
    struct name destination_group;
    const json_t *wallet; /* borrowed from the version proposed */
    struct key wallet_key;
    struct digest approval_digests[APPROVALS_MAX]; /* ascending */
    struct name approvers[APPROVALS_MAX];
    json_t *papers[APPROVALS_MAX]; /* the approval documents; owned */
    size_t approval_count;
    struct rules_vote votes[APPROVALS_MAX]; /* of approvers who are in force, too, with the key that signed */
    size_t vote_count;
    bool requester_signed; /* with a key that is in force, too */
    uint64_t entry_count;
    uint64_t last_index;      /* of the entry before */
    int64_t announced_utc_us; /* INT64_MAX until the first entry withdrawal.announced */
    struct digest announced;  /* the intent that it names */
    struct event signing;
    bool confirmed; /* the last entry said so */
    struct checkpoint checkpoint;
    uint64_t height;
};

static bool fail(struct proof *proof, const char *part, const char *what)
{
    report_tampered(&proof->report, "%s: %s", part, what);
    return false;
}

static bool fail_fault(struct proof *proof, const char *part, const struct fault *fault)
{
    report_tampered(&proof->report, "%s: %s%s%s", part, fault->where, fault->where[0] == '\0' ? "" : ": ",
                    fault->detail[0] == '\0' ? status_info(fault->status)->text : fault->detail);
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

/* The chain ends with the version that was in force when the signer was asked. */
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
    if (!digest_equal(&proof->signing.policy, &proof->in_force->digest)) {
        return fail(proof, "policies", "do not end with the version that withdrawal.signing names");
    }
    return digest_equal(&proof->in_force->chain, &proof->trust->chain) ||
           fail(proof, "policies", "are for another ledger");
}

static const struct verify_policy *find_version(const struct proof *proof, const struct digest *digest)
{
    for (size_t i = 0; i < proof->version_count; i++) {
        if (digest_equal(&proof->versions[i].digest, digest)) {
            return &proof->versions[i];
        }
    }
    return NULL;
}

/* Whether a document names the ledger and one version of the policy. */
static bool is_here(const struct proof *proof, const struct digest *chain, const struct digest *policy,
                    const struct name *environment)
{
    const struct verify_policy *version = find_version(proof, policy);
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
        return fail_fault(proof, "intent", &fault);
    }
    document_digest(&proof->intent_digest, "intent", text);
    proof->proposed = find_version(proof, &intent->policy);
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
        verify_transaction(&rebuilt, (const char *)proof->bundle.intent.data, proof->wallet, &fault) != STATUS_OK) {
        return fail_fault(proof, "transaction", &fault);
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
        return fail_fault(proof, "destination", &fault);
    }
    document_digest(&proof->destination_digest, "destination", text.text);
    proof->destination_group = destination.group;
    if (strcmp(destination.account, proof->intent.destination) != 0 ||
        !is_here(proof, &destination.chain, &destination.policy, &destination.environment)) {
        return fail(proof, "destination", "is for another account, ledger or policy");
    }
    if (proof->signing.ts >= destination.valid_until) {
        return fail(proof, "destination", "had expired when the signer was asked");
    }
    return verify_policy_governed(find_version(proof, &destination.policy), &text, "destination",
                                  destination.issued_at) ||
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
    if (proof->signing.ts >= approval->expires_at || approval->expires_at > proof->intent.expires_at) {
        return "had expired when the signer was asked";
    }
    return NULL;
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
    struct verify_approval approval;
    struct fault fault = {0};
    json_t **paper = &proof->papers[proof->approval_count];
    struct digest *digest = &proof->approval_digests[proof->approval_count];
    json_decref(*paper); /* of one before it that could not be read */
    *paper = NULL;
    if (signed_text_read(&text, object, &fault) != STATUS_OK ||
        canon_parse(paper, text.text, strlen(text.text), CANON_DOCUMENT_MAX, &fault) != STATUS_OK ||
        document_decode(&approval, DOCUMENT_APPROVAL, *paper, &fault) != STATUS_OK) {
        return fail_fault(proof, "approvals", &fault);
    }
    const char *objection = approval_objection(proof, &approval, &text);
    if (objection != NULL) {
        report_tampered(&proof->report, "approval by %s: %s", approval.approver.text, objection);
    }
    document_digest(digest, "approval", text.text);
    count_approver(proof, &approval, digest);
    proof->approvers[proof->approval_count++] = approval.approver;
    return objection == NULL;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
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
            good = !name_equal(&proof->approvers[a], &proof->approvers[b]) ||
                   fail(proof, "approvals", "one person stands twice");
        }
    }
    qsort(proof->approval_digests, proof->approval_count, sizeof(struct digest), compare_digests);
    return good;
}

static bool check_rules_of(struct proof *proof, const struct verify_policy *policy)
{
    const struct rules_request request = {.intent = &proof->intent,
                                          .group = proof->destination_group.text,
                                          .requester_signed = proof->requester_signed,
                                          .votes = proof->votes,
                                          .vote_count = proof->vote_count,
                                          .at_utc_us = proof->signing.ts,
                                          .announced_utc_us = proof->announced_utc_us};
    struct rules_finding finding;
    const char *why = rules_judge(&finding, policy, &request);
    if (why != NULL) {
        report_tampered(&proof->report, "policy: version %lld%s%s: %s", (long long)policy->version,
                        finding.rule[0] == '\0' ? "" : ", rule ", finding.rule, why);
    } else if (finding.limits > 0) {
        (void)printf("not looked at: limits of version %lld (%u): what was signed before, the signer alone counts\n",
                     (long long)policy->version, finding.limits);
    }
    return why == NULL;
}

/* By the version under which it was proposed, and by the one in force. */
static bool check_rules(struct proof *proof)
{
    if (proof->announced_utc_us != INT64_MAX && !digest_equal(&proof->announced, &proof->intent_digest)) {
        return fail(proof, "entry withdrawal.announced", "names another intent");
    }
    return check_rules_of(proof, proof->proposed) &&
           (proof->proposed == proof->in_force || check_rules_of(proof, proof->in_force));
}

static json_t *hex_of(const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    return json_string(hex);
}

/* The entry before the signature names exactly the documents of the bundle. */
static bool check_signing_refs(struct proof *proof)
{
    json_t *approvals = json_array();
    for (size_t i = 0; i < proof->approval_count; i++) {
        (void)json_array_append_new(approvals, hex_of(&proof->approval_digests[i]));
    }
    json_t *expected = json_pack("{s:o, s:o, s:o, s:o, s:o}", "approvals", approvals, "destination",
                                 hex_of(&proof->destination_digest), "intent", hex_of(&proof->intent_digest), "policy",
                                 hex_of(&proof->proposed->digest), "transaction", hex_of(&proof->intent.transaction));
    bool same = json_equal(expected, proof->signing.refs) == 1;
    json_decref(expected);
    return same || fail(proof, "entry withdrawal.signing", "names other documents than those of the bundle");
}

/* The signer counts a delay from the first one. */
static bool note_announced(struct proof *proof, const struct event *event)
{
    struct digest intent;
    const char *text = text_of(event->refs, "intent");
    if (strcmp(event->outcome, "intent") != 0 || text == NULL || digest_parse(&intent, text) != STATUS_OK) {
        return false;
    }
    if (proof->announced_utc_us == INT64_MAX) {
        proof->announced_utc_us = event->ts;
        proof->announced = intent;
    }
    return digest_equal(&proof->announced, &intent);
}

/* What the entry tells. The event of withdrawal.signing is kept. */
static bool check_story(struct proof *proof, struct event *event, const char *where)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    if (strcmp(event->otype, "withdrawal") != 0 || strcmp(event->oid, id) != 0 || event->on != proof->entry_count) {
        return fail(proof, where, "is not the next entry of this withdrawal");
    }
    if ((event->on == 1) != (strcmp(event->act, "withdrawal.request") == 0)) {
        return fail(proof, where, "withdrawal.request is the first, and only the first");
    }
    proof->confirmed = strcmp(event->act, "withdrawal.confirmed") == 0 && strcmp(event->outcome, "ok") == 0;
    if (strcmp(event->act, "withdrawal.announced") == 0 && !note_announced(proof, event)) {
        return fail(proof, where, "withdrawal.announced must name one intent, with outcome intent");
    }
    if (strcmp(event->act, "withdrawal.signing") == 0) {
        if (proof->signing.document != NULL || strcmp(event->outcome, "intent") != 0) {
            return fail(proof, where, "there must be one withdrawal.signing, with outcome intent");
        }
        proof->signing = *event;
        *event = (struct event){0}; /* transferred */
    }
    return true;
}

static bool check_leaf(struct proof *proof, const struct verify_entry *row, const char *where)
{
    struct leaf leaf;
    struct event event;
    struct fault fault = {0};
    const char *why = "";
    if (!leaf_read(&leaf, proof->trust->log.origin, row->leaf.data, row->leaf.len, &why)) {
        return fail(proof, where, why);
    }
    if (leaf.number != row->index || (proof->entry_count > 0 && row->index <= proof->last_index)) {
        return fail(proof, where, "stands at another place");
    }
    if (!merkle_leads(&leaf.hash, row->index, proof->checkpoint.size, row->proof, &proof->checkpoint.root)) {
        return fail(proof, where, "is not in the trail that the checkpoint signs");
    }
    if (event_read(&event, leaf.event, leaf.event_len, &fault) != STATUS_OK) {
        return fail_fault(proof, where, &fault);
    }
    proof->entry_count++;
    proof->last_index = row->index;
    bool good = check_story(proof, &event, where);
    event_free(&event);
    return good;
}

static bool check_entry(struct proof *proof, const json_t *object)
{
    struct verify_entry row;
    struct fault fault = {0};
    char where[64];
    if (document_decode(&row, DOCUMENT_ENTRY, object, &fault) != STATUS_OK) {
        return fail_fault(proof, "entries", &fault);
    }
    (void)snprintf(where, sizeof(where), "entry %llu", (unsigned long long)row.index);
    bool good = check_leaf(proof, &row, where);
    bytes_free(&row.leaf);
    return good;
}

static bool check_entries(struct proof *proof)
{
    json_t *value = NULL;
    size_t i = 0;
    const char *why = "";
    if (!checkpoint_read(&proof->checkpoint, &proof->trust->log, proof->bundle.checkpoint.data,
                         proof->bundle.checkpoint.len, &why)) {
        return fail(proof, "checkpoint", why);
    }
    json_array_foreach(proof->bundle.entries, i, value)
    {
        if (!check_entry(proof, value)) {
            return false;
        }
    }
    return (proof->signing.document != NULL && proof->confirmed) ||
           fail(proof, "entries", "do not lead over withdrawal.signing to withdrawal.confirmed");
}

static bool check_block(struct proof *proof)
{
    const struct block_claim claim = {.chain = &proof->trust->chain,
                                      .transaction = &proof->intent.transaction,
                                      .valid_from = proof->intent.valid_from,
                                      .valid_until = proof->intent.valid_until};
    const char *why = "";
    return block_confirms(&proof->height, proof->bundle.block, (const char *)proof->bundle.genesis.data, &claim,
                          &why) ||
           fail(proof, "block", why);
}

/* The trail comes first: the time of withdrawal.signing is the time at which documents had to be valid. */
static bool check_all(struct proof *proof)
{
    if (!check_entries(proof) || !check_policies(proof) || !check_intent(proof)) {
        return false;
    }
    bool good = check_destination(proof);
    good = check_approvals(proof) && good;
    good = check_transaction(proof) && good;
    return good && check_rules(proof) && check_signing_refs(proof) && check_block(proof);
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
        if (!name_equal(&proof->approvers[i], &proof->intent.requester)) {
            (void)printf(" %s", proof->approvers[i].text);
        }
    }
    (void)printf(", confirmed at height %llu, %llu entries under the checkpoint of size %llu\n",
                 (unsigned long long)proof->height, (unsigned long long)proof->entry_count,
                 (unsigned long long)proof->checkpoint.size);
}

static enum verdict judge(struct proof *proof, const struct bytes *text)
{
    json_t *object = NULL;
    struct fault fault = {0};
    bool proven = false;
    size_t len = text->len - (text->len > 0 && text->data[text->len - 1] == '\n' ? 1 : 0);
    if (canon_parse(&object, text->data, len, BUNDLE_MAX, &fault) != STATUS_OK ||
        document_decode(&proof->bundle, DOCUMENT_BUNDLE, object, &fault) != STATUS_OK) {
        (void)fail_fault(proof, "bundle", &fault);
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
    event_free(&proof->signing);
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
        proof->announced_utc_us = INT64_MAX;
        verdict = judge(proof, &text);
    }
    bytes_free(&text);
    free(proof);
    return verdict;
}
