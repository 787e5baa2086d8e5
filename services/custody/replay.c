/*
 * A draft of the policy over the withdrawals that really were confirmed: what it would have said of each, beside what
 * the version of that time says. The service supplies documents and nothing else: intents are decoded and their
 * transactions rebuilt, approvals and the allow-list verified here, times are those that people signed. Limits are
 * counted over what is replayed, in its order.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "policy/approvals.h"
#include "policy/transaction.h"
#include "trust.h"

#define REPLAY_MAX 100000
#define SECOND_US 1000000LL

/* A confirmed withdrawal. */
struct past {
    struct intent intent;
    struct digest digest;
    const struct policy *policy; /* of its time; borrowed from the trust */
    json_t *approvals;           /* as the service shows them; one reference */
    int64_t at_utc_us;           /* when the last of those who count signed */
};

struct replay {
    struct trust trust;
    struct policy draft;
    json_t *destinations; /* signed documents, as shown */
    struct past *past;    /* oldest first; owned */
    size_t count;
    size_t seen;       /* whatever the service named, so that it cannot go on for ever */
    size_t unreadable; /* confirmed, says the service, but its documents do not show it */
    int64_t from_utc_us;
    int64_t until_utc_us;
};

/* What a version says of one of them. */
struct verdict {
    enum decision decision;
    enum status reason;
    const char *text;
    bool fewer; /* one approver less would do */
    int64_t delay_s;
    const struct obligation *full; /* a limit that had no room; borrowed from `obligations` */
    struct obligations obligations;
};

static void replay_wipe(struct replay *replay)
{
    for (size_t i = 0; i < replay->count; i++) {
        json_decref(replay->past[i].approvals);
    }
    free(replay->past);
    json_decref(replay->destinations);
    policy_free(&replay->draft);
    trust_wipe(&replay->trust);
}

/* Gathering. */

static bool is_whole(const struct past *past, const struct replay *replay)
{
    struct transaction transaction;
    struct bytes document = {0};
    struct digest id;
    const struct wallet *wallet = past->policy == NULL ? NULL : policy_find_wallet(past->policy, &past->intent.wallet);
    if (wallet == NULL || !digest_equal(&past->intent.chain, &replay->trust.chain) ||
        transaction_from_intent(&transaction, &past->intent, &wallet->account, NULL) != STATUS_OK ||
        transaction_encode(&document, &transaction, NULL) != STATUS_OK) {
        return false;
    }
    transaction_id(&id, document.data, document.len);
    bytes_free(&document);
    return digest_equal(&id, &past->intent.transaction);
}

/* Verified at the moment of its own signature: it was good then, whatever has expired since. */
static bool read_approval(struct approval *out, struct digest *out_digest, const struct past *past,
                          const json_t *object)
{
    struct signed_document document = {0};
    struct approval_context context = {.intent = &past->intent, .intent_digest = &past->digest, .policy = past->policy};
    bool good = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "", NULL) == STATUS_OK &&
                approval_decode(out, document.document.data, document.document.len, NULL) == STATUS_OK;
    if (good) {
        context.at_utc_us = out->signed_at;
        good = approval_verify(out, &document, &context, NULL) == STATUS_OK;
        approval_digest(out_digest, document.document.data, document.document.len);
    }
    signed_document_free(&document);
    return good;
}

static enum status gather_approvals(struct policy_approvals *out, const struct past *past, const struct policy *policy,
                                    struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(past->approvals); i++) {
        struct approval approval;
        struct digest digest;
        if (read_approval(&approval, &digest, past, json_array_get(past->approvals, i))) {
            status = policy_approvals_add(out, policy, &approval, &digest);
        }
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "approvals", "could not be counted");
}

static int64_t last_signature(const struct past *past)
{
    int64_t at = past->intent.requested_at;
    for (size_t i = 0; i < json_array_size(past->approvals); i++) {
        struct approval approval;
        struct digest digest;
        if (read_approval(&approval, &digest, past, json_array_get(past->approvals, i)) && approval.signed_at > at) {
            at = approval.signed_at;
        }
    }
    return at;
}

static enum status add_past(struct replay *replay, const json_t *row, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(row, "intent"));
    if (replay->seen++ == REPLAY_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "withdrawals", "the service names more than %d", REPLAY_MAX);
    }
    struct past past = {.digest = {{0}}};
    if (text == NULL || intent_decode(&past.intent, text, strlen(text), NULL) != STATUS_OK) {
        replay->unreadable++;
        return STATUS_OK;
    }
    past.policy = chain_find(&replay->trust.policies, &past.intent.policy);
    past.approvals = json_object_get(row, "approvals");
    intent_digest(&past.digest, text, strlen(text));
    if (!is_whole(&past, replay)) {
        replay->unreadable++;
        return STATUS_OK;
    }
    past.at_utc_us = last_signature(&past);
    if (past.at_utc_us < replay->from_utc_us || past.at_utc_us >= replay->until_utc_us) {
        return STATUS_OK;
    }
    struct past *more = realloc(replay->past, (replay->count + 1) * sizeof(*more));
    if (more == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "withdrawals", "%s", "");
    }
    replay->past = more;
    (void)json_incref(past.approvals);
    replay->past[replay->count++] = past;
    return STATUS_OK;
}

static enum status gather_page(char *next, size_t size, struct replay *replay, const struct custody_options *options,
                               struct fault *fault)
{
    char path[TEXT_SIZE];
    char cursor[SERVICE_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    (void)snprintf(path, sizeof(path), "/v1/withdrawals?state=confirmed%s%s", next[0] == '\0' ? "" : "&cursor=", next);
    enum status status = answer_get(&answer, options, path, fault);
    json_array_foreach(json_object_get(answer, "withdrawals"), i, row)
    {
        status = status == STATUS_OK ? add_past(replay, row, fault) : status;
    }
    (void)snprintf(next, size, "%s", command_service_text(cursor, answer, "next"));
    json_decref(answer);
    return status;
}

static int compare_past(const void *a, const void *b)
{
    const struct past *one = a;
    const struct past *other = b;
    return (one->at_utc_us > other->at_utc_us) - (one->at_utc_us < other->at_utc_us);
}

static enum status read_time(int64_t *out, const char *text, const char *option, int64_t otherwise, struct fault *fault)
{
    *out = otherwise;
    return text[0] == '\0' || time_parse(out, text) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, option, "must be a time such as 2026-01-31T00:00:00.000000Z");
}

static enum status gather(struct replay *replay, const struct custody_options *options, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    json_t *answer = NULL;
    enum status status = read_time(&replay->from_utc_us, options->from, "from", INT64_MIN, fault);
    if (status == STATUS_OK) {
        status = read_time(&replay->until_utc_us, options->until, "until", INT64_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = answer_get(&answer, options, "/v1/destinations", fault);
    }
    replay->destinations = json_incref(json_object_get(answer, "destinations"));
    json_decref(answer);
    do {
        status = status == STATUS_OK ? gather_page(next, sizeof(next), replay, options, fault) : status;
    } while (status == STATUS_OK && next[0] != '\0');
    if (replay->count > 1) {
        qsort(replay->past, replay->count, sizeof(*replay->past), compare_past);
    }
    return status;
}

/* Judging. */

static bool allowed_without(const struct policy *policy, struct evaluation_request request, size_t left_out)
{
    struct evaluation_approval rest[EVALUATION_APPROVALS_MAX];
    struct evaluation evaluation = {0};
    size_t count = 0;
    for (size_t i = 0; i < request.approval_count; i++) {
        if (i != left_out) {
            rest[count++] = request.approvals[i];
        }
    }
    request.approvals = rest;
    request.approval_count = count;
    bool allowed =
        policy_evaluate(&evaluation, policy, &request, NULL) == STATUS_OK && evaluation.decision == DECISION_ALLOWED;
    evaluation_free(&evaluation);
    return allowed;
}

static bool same_subject(enum limit_per per, const struct intent *a, const struct intent *b)
{
    switch (per) {
    case LIMIT_PER_ASSET:
        return true;
    case LIMIT_PER_DESTINATION:
        return account_id_equal(&a->destination, &b->destination);
    case LIMIT_PER_REQUESTER:
        return name_equal(&a->requester, &b->requester);
    case LIMIT_PER_WALLET:
        return name_equal(&a->wallet, &b->wallet);
    }
    return false;
}

/* Whether the limit had room for number `index`, after all that is replayed before it. */
static bool has_room(const struct replay *replay, size_t index, const struct limit *limit)
{
    const struct past *now = &replay->past[index];
    struct amount sum = now->intent.amount;
    int64_t count = 1;
    bool counted = true;
    for (size_t i = index; i > 0; i--) {
        const struct past *past = &replay->past[i - 1];
        if (now->at_utc_us - past->at_utc_us >= limit->window_s * SECOND_US) {
            break;
        }
        if (digest_equal(&past->intent.asset, &now->intent.asset) &&
            same_subject(limit->per, &past->intent, &now->intent)) {
            count++;
            counted = counted && amount_add(&sum, sum, past->intent.amount) == STATUS_OK;
        }
    }
    return (limit->count == 0 || count <= limit->count) &&
           (amount_is_zero(limit->sum) || (counted && amount_compare(sum, limit->sum) <= 0));
}

static enum status judge_request(struct verdict *out, const struct policy *policy,
                                 const struct evaluation_request *request, struct fault *fault)
{
    struct evaluation evaluation = {0};
    enum status status = policy_evaluate(&evaluation, policy, request, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->decision = evaluation.decision;
    out->reason = evaluation.reason;
    out->text = evaluation.text;
    evaluation_free(&evaluation);
    for (size_t i = 0; out->decision == DECISION_ALLOWED && i < request->approval_count; i++) {
        out->fewer = out->fewer || allowed_without(policy, *request, i);
    }
    status = policy_obligations(&out->obligations, policy, request, fault);
    out->delay_s = out->obligations.delay_s;
    return status;
}

static enum status judge(struct verdict *out, const struct replay *replay, size_t index, const struct policy *policy,
                         struct fault *fault)
{
    const struct past *past = &replay->past[index];
    struct policy_approvals approvals = {.count = 0};
    struct name group;
    enum status status = gather_approvals(&approvals, past, policy, fault);
    bool listed = trust_destination_group(&group, &replay->trust, replay->destinations, &past->intent.destination);
    const struct evaluation_request request = {.type = past->intent.type,
                                               .chain = &past->intent.chain,
                                               .wallet = &past->intent.wallet,
                                               .asset = &past->intent.asset,
                                               .amount = past->intent.amount,
                                               .destination_listed = true, /* it was, or it were not confirmed */
                                               .destination_group = listed ? &group : NULL,
                                               .returns = !digest_is_zero(&past->intent.returns),
                                               .requester = &past->intent.requester,
                                               .requester_signed = approvals.requester_signed,
                                               .approvals = approvals.rows,
                                               .approval_count = approvals.count,
                                               .at_utc_us = past->at_utc_us};
    if (status == STATUS_OK) {
        status = judge_request(out, policy, &request, fault);
    }
    for (size_t i = 0; status == STATUS_OK && out->full == NULL && i < out->obligations.limit_count; i++) {
        out->full = has_room(replay, index, out->obligations.limits[i].limit) ? NULL : &out->obligations.limits[i];
    }
    policy_approvals_wipe(&approvals);
    return status;
}

/* What the version of its time does not allow, with what can be verified, was not shown to have happened. */
static enum status drop_unproven(struct replay *replay, struct fault *fault)
{
    size_t kept = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < replay->count; i++) {
        struct verdict then = {0};
        status = status == STATUS_OK ? judge(&then, replay, i, replay->past[i].policy, fault) : status;
        obligations_free(&then.obligations);
        if (then.decision == DECISION_ALLOWED || then.reason == STATUS_OUTSIDE_HOURS) { /* it waited for the hour */
            replay->past[kept++] = replay->past[i];
        } else {
            json_decref(replay->past[i].approvals);
            replay->unreadable++;
        }
    }
    replay->count = kept;
    return status;
}

/* Differences. */

enum difference {
    DIFFERENCE_REFUSED = 0,
    DIFFERENCE_MORE = 1,
    DIFFERENCE_OTHER_HOURS = 2,
    DIFFERENCE_LIMITED = 3,
    DIFFERENCE_LATER = 4,
    DIFFERENCE_SOONER = 5,
    DIFFERENCE_FEWER = 6,
};
#define DIFFERENCES 7

static const char *const words[DIFFERENCES][2] = {
    {"refused", "would have been refused"},
    {"more_people", "would have needed more or other people"},
    {"other_hours", "would have had to wait for another hour"},
    {"limited", "would have had to wait for a limit"},
    {"later", "would have been signed after a longer delay"},
    {"sooner", "would have been signed after a shorter delay"},
    {"fewer_people", "would have passed with one approver less"},
};

static unsigned differences_of(const struct verdict *then, const struct verdict *now)
{
    bool worse = now->decision != DECISION_ALLOWED && (now->decision != then->decision || now->reason != then->reason);
    unsigned set = 0;
    set |= (unsigned)(worse && now->decision == DECISION_DENIED) << DIFFERENCE_REFUSED;
    set |= (unsigned)(worse && now->decision == DECISION_WAITING && now->reason != STATUS_OUTSIDE_HOURS)
           << DIFFERENCE_MORE;
    set |= (unsigned)(worse && now->reason == STATUS_OUTSIDE_HOURS) << DIFFERENCE_OTHER_HOURS;
    set |= (unsigned)(now->full != NULL && then->full == NULL) << DIFFERENCE_LIMITED;
    set |= (unsigned)(now->delay_s > then->delay_s) << DIFFERENCE_LATER;
    set |= (unsigned)(now->delay_s < then->delay_s) << DIFFERENCE_SOONER;
    set |= (unsigned)(now->fewer && !then->fewer) << DIFFERENCE_FEWER;
    return set;
}

static json_t *verdict_json(const struct verdict *verdict)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I}", "decision", decision_text(verdict->decision), "reason",
                  status_info(verdict->reason)->code, "text", verdict->text, "delay_s", (json_int_t)verdict->delay_s);
    const struct obligation *full = verdict->full;
    if (full == NULL) {
        return object;
    }
    json_t *limit = json_sprintf("%s.limits[%zu]", full->policy->rules[full->rule].id.text, full->index);
    if (json_object_set_new(object, "limit", limit) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *words_json(unsigned set)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        if ((set & 1U << i) != 0 && json_array_append_new(names, json_string(words[i][0])) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

/* NULL without memory: json_pack refuses a part that is NULL. */
static json_t *difference_json(const struct past *past, const struct verdict *then, const struct verdict *now,
                               unsigned set)
{
    char id[UUID_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    char asset[DIGEST_HEX_LEN + 1];
    uuid_format(id, &past->intent.withdrawal);
    time_format(at, past->at_utc_us);
    amount_format(amount, past->intent.amount);
    digest_format(asset, &past->intent.asset);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", id, "at", at, "wallet", past->intent.wallet.text,
                     "asset", asset, "amount", amount, "differences", words_json(set), "then", verdict_json(then),
                     "draft", verdict_json(now));
}

static enum status replay_one(json_t *rows, size_t totals[DIFFERENCES], const struct replay *replay, size_t index,
                              struct fault *fault)
{
    const struct past *past = &replay->past[index];
    struct verdict then = {0};
    struct verdict now = {0};
    enum status status = judge(&then, replay, index, past->policy, fault);
    if (status == STATUS_OK) {
        status = judge(&now, replay, index, &replay->draft, fault);
    }
    unsigned set = status == STATUS_OK ? differences_of(&then, &now) : 0;
    for (unsigned i = 0; i < DIFFERENCES; i++) {
        totals[i] += (set & 1U << i) != 0;
    }
    if (set != 0 && json_array_append_new(rows, difference_json(past, &then, &now, set)) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "replay", "%s", "");
    }
    obligations_free(&then.obligations);
    obligations_free(&now.obligations);
    return status;
}

/* Telling. */

static bool has_word(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0) {
            return true;
        }
    }
    return false;
}

static void print_differences(const json_t *list, const char *limit)
{
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (has_word(list, words[i][0])) {
            bool limited = i == DIFFERENCE_LIMITED && limit != NULL;
            describe_row(stdout, "", "%s%s%s", words[i][1], limited ? ": " : "", limited ? limit : "");
        }
    }
}

static void print_rows(const struct replay *replay, const json_t *rows)
{
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        char amount[ANSWER_AMOUNT_SIZE];
        const char *asset = json_string_value(json_object_get(row, "asset"));
        const json_t *draft = json_object_get(row, "draft");
        (void)printf("%s  %s  %s from %s\n", json_string_value(json_object_get(row, "id")),
                     json_string_value(json_object_get(row, "at")),
                     answer_amount_of(amount, &replay->trust, row, "amount", asset),
                     json_string_value(json_object_get(row, "wallet")));
        print_differences(json_object_get(row, "differences"), json_string_value(json_object_get(draft, "limit")));
        describe_row(stdout, "draft", "%s, %s", json_string_value(json_object_get(draft, "decision")),
                     json_string_value(json_object_get(draft, "text")));
    }
}

static json_t *summary_json(const struct replay *replay, const size_t totals[DIFFERENCES])
{
    json_t *summary =
        json_pack("{s:I, s:I}", "replayed", (json_int_t)replay->count, "unreadable", (json_int_t)replay->unreadable);
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (json_object_set_new(summary, words[i][0], json_integer((json_int_t)totals[i])) != 0) {
            json_decref(summary);
            return NULL;
        }
    }
    return summary;
}

static enum status tell(const struct replay *replay, json_t *rows, const size_t totals[DIFFERENCES],
                        const struct custody_options *options, struct fault *fault)
{
    if (options->json) {
        json_t *all = json_pack("{s:o, s:O}", "summary", summary_json(replay, totals), "withdrawals", rows);
        enum status status = all == NULL ? fault_set(fault, STATUS_NO_MEMORY, "replay", "%s", "")
                                         : answer_print_json(all, JSON_INDENT(2), fault);
        json_decref(all);
        return status;
    }
    print_rows(replay, rows);
    (void)printf("%zu replayed, %zu differ\n", replay->count, json_array_size(rows));
    for (size_t i = 0; i < DIFFERENCES; i++) {
        if (totals[i] > 0) {
            describe_row(stdout, "", "%zu %s", totals[i], words[i][1]);
        }
    }
    if (replay->unreadable > 0) {
        describe_row(stdout, "",
                     "%zu more that the service calls confirmed are not shown by their documents: NOT replayed",
                     replay->unreadable);
    }
    return STATUS_OK;
}

enum status command_policy_replay(const struct command_input *input, struct fault *fault)
{
    struct replay replay = {.count = 0};
    size_t totals[DIFFERENCES] = {0};
    json_t *rows = json_array();
    enum status status = trust_open(&replay.trust, input->options, fault);
    if (status == STATUS_OK) {
        status = command_read_draft(NULL, &replay.draft, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = gather(&replay, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = drop_unproven(&replay, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < replay.count; i++) {
        status = replay_one(rows, totals, &replay, i, fault);
    }
    if (status == STATUS_OK) {
        status = tell(&replay, rows, totals, input->options, fault);
    }
    json_decref(rows);
    replay_wipe(&replay);
    return status;
}
