/*
 * Evaluation and its explanation on the policy of the fixture:
 *   daily   allow A, B in cold-1, hot-1 up to 1000: one of risk (carol, dave), one of treasury (bert, bob, toby)
 *   frozen  deny B in cold-1
 *   large   allow A in cold-1 up to 500: two of treasury
 */
#include "policy/evaluate.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(evaluate, .init = setup, .fini = teardown);

/* A question and the answer to it. `approvers` are separated by blanks. */
struct question {
    const char *wallet;
    const char *asset;
    const char *amount;
    const char *requester;
    const char *approvers;
    bool unlisted;
    bool returns;
    enum decision decision;
    enum status reason;
};

static size_t split(struct evaluation_approval *out, const char *names)
{
    size_t count = 0;
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        char name[NAME_SIZE] = {0};
        memcpy(name, names, len);
        out[count] = (struct evaluation_approval){.person = name_of(name), .digest = {{(uint8_t)(count + 1)}}};
        count++;
        names += len + (names[len] == ' ');
    }
    return count;
}

static json_t *ask(struct evaluation *out, const struct question *question)
{
    const struct name wallet = name_of(question->wallet);
    const struct name requester = name_of(question->requester);
    const struct digest asset = digest_of(question->asset);
    struct evaluation_approval approvals[16];
    const struct evaluation_request request = {.type = TRANSACTION_TRANSFER,
                                               .chain = &world.policy.chain,
                                               .wallet = &wallet,
                                               .asset = &asset,
                                               .amount = amount_of(question->amount),
                                               .destination_listed = !question->unlisted,
                                               .returns = question->returns,
                                               .requester = &requester,
                                               .approvals = approvals,
                                               .approval_count = split(approvals, question->approvers),
                                               .at_utc_us = world.now};
    json_t *explanation = NULL;
    cr_assert(policy_evaluate(out, &world.policy, &request, NULL) == STATUS_OK);
    cr_assert(policy_explain(&explanation, &world.policy, &request, out, NULL) == STATUS_OK);
    return explanation;
}

static void expect_answers(const struct question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct evaluation evaluation;
        json_t *explanation = ask(&evaluation, &questions[i]);
        cr_expect(evaluation.decision == questions[i].decision && evaluation.reason == questions[i].reason,
                  "question %zu: %s, %s", i, decision_text(evaluation.decision), status_info(evaluation.reason)->code);
        evaluation_free(&evaluation);
        json_decref(explanation);
    }
}

static void expect_explanation(const struct question *question, const char *expected)
{
    struct evaluation evaluation;
    json_t *explanation = ask(&evaluation, question);
    char digest[65];
    digest_format(digest, &world.policy.digest);
    cr_expect_str_eq(json_string_value(json_object_get(explanation, "policy")), digest);
    cr_expect(json_object_del(explanation, "policy") == 0);
    struct bytes bytes = json_bytes(explanation);
    cr_expect_str_eq((const char *)bytes.data, expected);
    bytes_free(&bytes);
    evaluation_free(&evaluation);
    json_decref(explanation);
}

Test(evaluate, worked_examples)
{
    static const struct question questions[] = {
        {"hot-1", ASSET_A, "250", "rita", "bert carol", false, false, DECISION_ALLOWED, STATUS_OK},
        {"hot-1", ASSET_A, "250", "rita", "", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "250", "rita", "bert", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "250", "rita", "bert bob", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "1000", "rita", "bert carol", false, false, DECISION_ALLOWED, STATUS_OK},
        {"hot-1", ASSET_A, "1001", "rita", "bert carol", false, false, DECISION_DENIED, STATUS_LIMIT_EXCEEDED},
        {"hot-1", ASSET_A, "250", "rita", "bert carol", true, false, DECISION_DENIED, STATUS_DESTINATION_UNLISTED},
        {"hot-1", ASSET_A, "1001", "rita", "", true, false, DECISION_DENIED, STATUS_LIMIT_EXCEEDED},
        {"hot-1", ASSET_B, "1", "rita", "bert carol", false, false, DECISION_DENIED, STATUS_DENIED},
        {"hot-1", CHAIN, "1", "rita", "bert carol", false, false, DECISION_DENIED, STATUS_DENIED},
        {"hot-9", ASSET_A, "1", "rita", "bert carol", false, false, DECISION_DENIED, STATUS_DENIED},
    };
    expect_answers(questions, sizeof(questions) / sizeof(questions[0]));
}

Test(evaluate, every_matching_rule_binds)
{
    static const struct question questions[] = {
        {"cold-1", ASSET_A, "250", "rita", "bert carol", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"cold-1", ASSET_A, "250", "rita", "bert bob", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"cold-1", ASSET_A, "250", "rita", "bert bob carol", false, false, DECISION_ALLOWED, STATUS_OK},
        {"cold-1", ASSET_A, "501", "rita", "bert bob carol", false, false, DECISION_DENIED, STATUS_LIMIT_EXCEEDED},
        {"cold-1", ASSET_B, "1", "rita", "bert bob carol", false, false, DECISION_DENIED, STATUS_DENIED},
    };
    expect_answers(questions, sizeof(questions) / sizeof(questions[0]));
}

Test(evaluate, who_counts)
{
    static const struct question questions[] = {
        /* the requester never counts */
        {"hot-1", ASSET_A, "1", "dave", "bert dave", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "1", "dave", "bert dave carol", false, false, DECISION_ALLOWED, STATUS_OK},
        {"hot-1", ASSET_A, "1", "bert", "bert carol", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        /* a person counts once */
        {"cold-1", ASSET_A, "1", "rita", "bert bert carol", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        /* administrators, strangers and others outside the groups count for nothing */
        {"hot-1", ASSET_A, "1", "rita", "ada alan amy bert zoe olga rita", false, false, DECISION_WAITING,
         STATUS_QUORUM_MISSING},
        /* nobody is left when the only other member of a group has requested */
        {"cold-1", ASSET_A, "1", "bert", "bob carol", false, false, DECISION_DENIED, STATUS_QUORUM_MISSING},
    };
    world.policy.people[12].valid_until = world.now; /* toby */
    expect_answers(questions, sizeof(questions) / sizeof(questions[0]));
}

Test(evaluate, expired_people_do_not_count)
{
    static const struct question before[] = {
        {"hot-1", ASSET_A, "1", "rita", "bert carol", false, false, DECISION_ALLOWED, STATUS_OK}};
    static const struct question after[] = {
        {"hot-1", ASSET_A, "1", "rita", "bert carol", false, false, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"cold-1", ASSET_A, "1", "rita", "bert bob carol", false, false, DECISION_DENIED, STATUS_QUORUM_MISSING}};
    world.policy.people[4].valid_until = world.now + 1; /* bert */
    world.policy.people[12].valid_until = world.now;    /* toby */
    expect_answers(before, 1);
    world.policy.people[4].valid_until = world.now;
    expect_answers(after, 2);
}

/* A return needs one person more than the quorums of each rule together, of their groups. */
Test(evaluate, a_return_needs_one_more)
{
    static const struct question questions[] = {
        {"hot-1", ASSET_A, "1", "rita", "bert carol", false, true, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "1", "rita", "bert carol ada olga", false, true, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "1", "rita", "bert bob toby", false, true, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"hot-1", ASSET_A, "1", "rita", "bert bob carol", false, true, DECISION_ALLOWED, STATUS_OK},
        {"hot-1", ASSET_A, "1", "rita", "bert carol dave", false, true, DECISION_ALLOWED, STATUS_OK},
        /* every matching rule: two of treasury are three */
        {"cold-1", ASSET_A, "1", "rita", "bert bob carol", false, true, DECISION_WAITING, STATUS_QUORUM_MISSING},
        {"cold-1", ASSET_A, "1", "rita", "bert bob toby carol", false, true, DECISION_ALLOWED, STATUS_OK},
        {"cold-1", ASSET_A, "1", "bert", "bob toby carol", false, true, DECISION_DENIED, STATUS_QUORUM_MISSING},
        {"cold-1", ASSET_A, "1", "bert", "bob toby carol", false, false, DECISION_ALLOWED, STATUS_OK},
    };
    expect_answers(questions, sizeof(questions) / sizeof(questions[0]));
}

Test(evaluate, explains_that_a_return_needs_one_more)
{
    static const struct question question = {.wallet = "hot-1",
                                             .asset = ASSET_A,
                                             .amount = "250",
                                             .requester = "rita",
                                             .approvers = "bert carol",
                                             .returns = true};
    struct evaluation evaluation;
    json_t *explanation = ask(&evaluation, &question);
    const json_t *rule = json_array_get(json_object_get(explanation, "rules"), 0);
    struct bytes bytes = json_bytes(json_array_get(json_object_get(rule, "demands"), 4));
    cr_expect_str_eq((const char *)bytes.data, "{\"have\":2,\"kind\":\"return\",\"met\":false,\"need\":3,\"open\":3}");
    bytes_free(&bytes);
    evaluation_free(&evaluation);
    json_decref(explanation);
}

Test(evaluate, explains_what_is_open_and_who_may_approve)
{
    static const struct question question = {.wallet = "hot-1",
                                             .asset = ASSET_A,
                                             .amount = "250",
                                             .requester = "dave",
                                             .approvers = "bert dave ada zoe bert"};
    expect_explanation(
        &question,
        "{\"decision\":\"waiting\",\"not_counted\":[{\"id\":\"dave\",\"why\":\"requester\"},"
        "{\"id\":\"ada\",\"why\":\"in_no_group_of_a_matching_rule\"},{\"id\":\"zoe\",\"why\":\"not_in_policy\"}],"
        "\"others\":[{\"conditions\":[\"assets\",\"wallets\"],\"effect\":\"deny\",\"id\":\"frozen\"},"
        "{\"conditions\":[\"wallets\"],\"effect\":\"allow\",\"id\":\"large\"}],"
        "\"reason\":\"quorum_missing\",\"rule\":\"daily\",\"rules\":[{\"demands\":["
        "{\"amount\":\"250\",\"kind\":\"max_amount\",\"limit\":\"1000\",\"met\":true},"
        "{\"kind\":\"destination\",\"met\":true},"
        "{\"group\":\"risk\",\"have\":0,\"kind\":\"quorum\",\"met\":false,\"need\":1,\"open\":1,\"people\":["
        "{\"id\":\"carol\",\"standing\":\"may_approve\"},{\"id\":\"dave\",\"standing\":\"requester\"}]},"
        "{\"group\":\"treasury\",\"have\":1,\"kind\":\"quorum\",\"met\":true,\"need\":1,\"open\":2,\"people\":["
        "{\"id\":\"bert\",\"standing\":\"counted\"},{\"id\":\"bob\",\"standing\":\"may_approve\"},"
        "{\"id\":\"toby\",\"standing\":\"may_approve\"}]}],"
        "\"effect\":\"allow\",\"holds\":[\"assets\",\"wallets\"],\"id\":\"daily\"}],\"text\":\"approvals are "
        "missing\",\"version\":1}");
}

Test(evaluate, explains_a_denial)
{
    static const struct question frozen = {
        .wallet = "cold-1", .asset = ASSET_B, .amount = "1", .requester = "rita", .approvers = ""};
    static const struct question unknown = {
        .wallet = "hot-9", .asset = ASSET_B, .amount = "1", .requester = "rita", .approvers = "bert"};
    struct evaluation evaluation;
    json_t *explanation = ask(&evaluation, &frozen);
    const json_t *rules = json_object_get(explanation, "rules");
    cr_expect(json_array_size(rules) == 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(rules, 1), "id")), "frozen");
    cr_expect_str_eq(json_string_value(json_object_get(explanation, "text")), "a deny rule matches");
    evaluation_free(&evaluation);
    json_decref(explanation);
    expect_explanation(&unknown,
                       "{\"decision\":\"denied\",\"not_counted\":[{\"id\":\"bert\","
                       "\"why\":\"in_no_group_of_a_matching_rule\"}],\"others\":[],\"reason\":\"denied\",\"rules\":[],"
                       "\"text\":\"the wallet is not in the policy\",\"version\":1}");
}

Test(evaluate, an_expired_approver_is_explained)
{
    static const struct question question = {
        .wallet = "hot-1", .asset = ASSET_A, .amount = "1", .requester = "rita", .approvers = "bert carol"};
    struct evaluation evaluation;
    world.policy.people[4].valid_until = world.now;
    json_t *explanation = ask(&evaluation, &question);
    const json_t *left = json_array_get(json_object_get(explanation, "not_counted"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(left, "id")), "bert");
    cr_expect_str_eq(json_string_value(json_object_get(left, "why")), "expired");
    evaluation_free(&evaluation);
    json_decref(explanation);
}

/* What a rule asks over time stands in its explanation; the signer judges it. */
Test(evaluate, explains_limits_and_delays)
{
    static const struct question question = {
        .wallet = "hot-1", .asset = ASSET_A, .amount = "1", .requester = "rita", .approvers = ""};
    struct limit limits[] = {{LIMIT_PER_ASSET, 60, 3, {0}}, {LIMIT_PER_WALLET, 61, 0, amount_of("7")}};
    struct evaluation evaluation;
    struct demand *demand = &world.policy.rules[0].demand;
    demand->delay_s = 5;
    demand->limits = limits;
    demand->limit_count = 2;
    json_t *explanation = ask(&evaluation, &question);
    json_t *rule = json_array_get(json_object_get(explanation, "rules"), 0);
    cr_expect(json_integer_value(json_object_get(rule, "delay_s")) == 5);
    struct bytes bytes = json_bytes(json_object_get(rule, "limits"));
    cr_expect_str_eq((const char *)bytes.data, "[{\"count\":3,\"per\":\"asset\",\"window_s\":60},"
                                               "{\"per\":\"wallet\",\"sum\":\"7\",\"window_s\":61}]");
    bytes_free(&bytes);
    evaluation_free(&evaluation);
    json_decref(explanation);
    demand->limits = NULL;
    demand->limit_count = 0;
}
