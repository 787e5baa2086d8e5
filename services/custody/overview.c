/*
 * Commands of readers: list, wallets, explain. What the service says, in words and tables; --json prints it as it came.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "describe.h"

/* `altered` counts rows that are not what their intents say. */
static enum status list_page(char next[SERVICE_TEXT_SIZE], size_t *altered, const struct trust *trust,
                             const struct custody_options *options, struct fault *fault)
{
    char path[TEXT_SIZE];
    char cursor[SERVICE_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    (void)snprintf(path, sizeof(path), "/v1/withdrawals%s%s", next[0] == '\0' ? "" : "?cursor=", next);
    enum status status = answer_get(&answer, options, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (options->json) { /* one document for each page */
        status = answer_print_json(answer, JSON_INDENT(2), fault);
    }
    json_array_foreach(options->json ? NULL : json_object_get(answer, "withdrawals"), i, row)
    {
        *altered += answer_withdrawal(trust, row) ? 0 : 1;
    }
    (void)snprintf(next, SERVICE_TEXT_SIZE, "%s", command_service_text(cursor, answer, "next"));
    json_decref(answer);
    return status;
}

enum status command_list(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct trust trust = {0};
    char next[SERVICE_TEXT_SIZE] = "";
    size_t altered = 0;
    enum status status = options->json ? STATUS_OK : answer_trust(&trust, options, fault);
    do {
        status = status == STATUS_OK ? list_page(next, &altered, &trust, options, fault) : status;
    } while (status == STATUS_OK && next[0] != '\0');
    if (status == STATUS_OK && altered > 0) {
        status = fault_set(fault, STATUS_CORRUPT, "withdrawals", "%zu rows are not what their intents say", altered);
    }
    return options->json ? status : answer_end(&trust, status);
}

/* What the ledger holds for the wallet, less what is reserved or not yet accepted. */
static void print_balance(const struct trust *trust, const json_t *balance)
{
    static const char *const members[][2] = {
        {"available", "available"}, {"reserved", "reserved"}, {"in suspense", "suspense"}, {"on the ledger", "posted"}};
    char asset[SERVICE_TEXT_SIZE];
    char amount[ANSWER_AMOUNT_SIZE];
    (void)command_service_text(asset, balance, "asset");
    describe_row(stdout, "asset", "%s%s", asset, json_is_true(json_object_get(balance, "frozen")) ? ", FROZEN" : "");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        describe_row(stdout, members[i][0], "%s", answer_amount_of(amount, trust, balance, members[i][1], asset));
    }
}

/* A receipt that nobody may spend yet. */
static void print_receipt(const struct trust *trust, const json_t *receipt)
{
    char asset[SERVICE_TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    char amount[ANSWER_AMOUNT_SIZE];
    (void)command_service_text(asset, receipt, "asset");
    describe_row(stdout, "receipt", "in suspense, %s", answer_amount_of(amount, trust, receipt, "amount", asset));
    describe_row(stdout, "", "  transaction %s", command_service_text(text, receipt, "transaction"));
    describe_row(stdout, "", "  from %s", command_service_text(text, receipt, "sender"));
    describe_row(stdout, "", "  the key was %s", command_service_text(text, receipt, "key_state"));
    if (command_service_text(text, receipt, "returned_by")[0] != '\0') {
        describe_row(stdout, "", "  withdrawal %s returns it", text);
    } else {
        describe_row(stdout, "", "  custody propose --returns TRANSACTION sends it back");
    }
}

/*
 * Where the wallet receives: by the policy, if the service says that people may be told so. Another address than the
 * policy's is a lie of the service.
 */
static enum status print_address(const struct trust *trust, const json_t *wallet, const char *name, struct fault *fault)
{
    char said[SERVICE_TEXT_SIZE];
    char reason[ANSWER_AMOUNT_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    struct name id;
    if (command_service_text(said, wallet, "address")[0] == '\0') {
        describe_row(stdout, "no address", "%s", answer_address_reason(reason, wallet));
        return STATUS_OK;
    }
    if (trust->asset_count == 0) { /* no trust file: nothing to hold it against */
        describe_row(stdout, "address", "custody address --wallet %s, with a trust file", name);
        return STATUS_OK;
    }
    const struct wallet *known = name_parse(&id, name) == STATUS_OK ? policy_find_wallet(trust->policy, &id) : NULL;
    if (known == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "wallet", "the policy has no wallet that the service calls %s", name);
    }
    address_format(address, &known->account);
    if (strcmp(said, address) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "address",
                         "the service shows another address of wallet %s than the policy: do not use it", name);
    }
    describe_row(stdout, "address", "%s", address);
    return STATUS_OK;
}

static enum status print_wallet(const struct trust *trust, const json_t *wallet, struct fault *fault)
{
    char name[SERVICE_TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    char state[SERVICE_TEXT_SIZE];
    json_t *row = NULL;
    size_t i = 0;
    (void)command_service_text(name, wallet, "name");
    (void)printf("wallet %s, tier %s\n", name, command_service_text(text, wallet, "tier"));
    (void)command_service_text(text, wallet, "key_id");
    (void)command_service_text(state, wallet, "key_state");
    describe_row(stdout, "key", "%s%s%s", text, state[0] == '\0' ? "" : ", ", state);
    enum status status = print_address(trust, wallet, name, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_array_foreach(json_object_get(wallet, "balances"), i, row)
    {
        print_balance(trust, row);
    }
    json_array_foreach(json_object_get(wallet, "suspense"), i, row)
    {
        print_receipt(trust, row);
    }
    return STATUS_OK;
}

static enum status print_wallets(const json_t *answer, const struct custody_options *options, struct fault *fault)
{
    struct trust trust;
    json_t *row = NULL;
    size_t i = 0;
    enum status status = answer_trust(&trust, options, fault);
    json_array_foreach(json_object_get(answer, "wallets"), i, row)
    {
        status = status == STATUS_OK ? print_wallet(&trust, row, fault) : status;
    }
    return answer_end(&trust, status);
}

enum status command_wallets(const struct command_input *input, struct fault *fault)
{
    json_t *answer = NULL;
    enum status status = answer_get(&answer, input->options, "/v1/wallets", fault);
    if (status == STATUS_OK) {
        status = input->options->json ? answer_print_json(answer, JSON_INDENT(2), fault)
                                      : print_wallets(answer, input->options, fault);
    }
    json_decref(answer);
    return status;
}

/* How a withdrawal stands with the policy: rule by rule, demand by demand, person by person. */

struct explained {
    const struct trust *trust;
    char asset[SERVICE_TEXT_SIZE]; /* of the withdrawal */
};

static long long integer_of(const json_t *object, const char *member)
{
    return (long long)json_integer_value(json_object_get(object, member));
}

static void print_max_amount(const struct explained *explained, const json_t *demand)
{
    char amount[ANSWER_AMOUNT_SIZE];
    char limit[ANSWER_AMOUNT_SIZE];
    (void)printf("%s, and the rule lets %s through at most\n",
                 answer_amount_of(amount, explained->trust, demand, "amount", explained->asset),
                 answer_amount_of(limit, explained->trust, demand, "limit", explained->asset));
}

static void print_destination(const struct explained *explained, const json_t *demand)
{
    (void)explained;
    (void)printf("the address %s\n", json_is_true(json_object_get(demand, "met"))
                                         ? "is on the allow-list"
                                         : "is not on the allow-list (custody destination add)");
}

static void print_count(const json_t *demand)
{
    (void)printf("%lld of %lld have approved", integer_of(demand, "have"), integer_of(demand, "need"));
    if (!json_is_true(json_object_get(demand, "met"))) {
        (void)printf(", %lld more may", integer_of(demand, "open"));
    }
    (void)printf("\n");
}

static void print_quorum(const struct explained *explained, const json_t *demand)
{
    char text[SERVICE_TEXT_SIZE];
    char standing[SERVICE_TEXT_SIZE];
    json_t *person = NULL;
    size_t i = 0;
    (void)explained;
    if (json_object_get(demand, "step") != NULL) {
        (void)printf("step %lld, ", integer_of(demand, "step"));
    }
    (void)printf("group %s: ", command_service_text(text, demand, "group"));
    print_count(demand);
    json_array_foreach(json_object_get(demand, "people"), i, person)
    {
        static const char *const words[][2] = {{"counted", "has approved"},
                                               {"may_approve", "may approve"},
                                               {"requester", "asked for it and never counts"},
                                               {"expired", "is valid no longer and does not count"},
                                               {"suspended", "is suspended and does not count"},
                                               {"too_early", "has approved too early: does not count for this step"}};
        (void)command_service_text(standing, person, "standing");
        const char *word = standing;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            word = strcmp(standing, words[k][0]) == 0 ? words[k][1] : word;
        }
        (void)printf("             %-20s %s\n", command_service_text(text, person, "id"), word);
    }
}

static void print_return(const struct explained *explained, const json_t *demand)
{
    (void)explained;
    (void)printf("it is a return, which takes one approver more: ");
    print_count(demand);
}

static void print_known(const struct explained *explained, const json_t *demand)
{
    char text[SERVICE_TEXT_SIZE];
    (void)explained;
    (void)printf("the condition %s cannot be judged yet\n", command_service_text(text, demand, "condition"));
}

static void print_demand(const struct explained *explained, const json_t *demand)
{
    static const struct {
        const char *kind;
        void (*print)(const struct explained *explained, const json_t *demand);
    } kinds[] = {{"max_amount", print_max_amount},
                 {"destination", print_destination},
                 {"quorum", print_quorum},
                 {"known", print_known},
                 {"return", print_return}};
    char kind[SERVICE_TEXT_SIZE];
    (void)command_service_text(kind, demand, "kind");
    (void)printf("  %-9s  ", json_is_true(json_object_get(demand, "met")) ? "met" : "NOT MET");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kind, kinds[i].kind) == 0) {
            kinds[i].print(explained, demand);
            return;
        }
    }
    (void)printf("a demand that this program does not know: %s\n", kind);
}

/* What the signer has counted of a limit; only a dry run has it. */
static void print_usage(const struct explained *explained, const json_t *limit)
{
    char sum[ANSWER_AMOUNT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    const json_t *used = json_object_get(limit, "used");
    const json_t *left = json_object_get(limit, "left");
    if (used == NULL) {
        return;
    }
    (void)printf("  %-9s  used %lld times, %s", "", integer_of(used, "count"),
                 answer_amount_of(sum, explained->trust, used, "sum", explained->asset));
    if (json_object_get(left, "count") != NULL) {
        (void)printf("; %lld times left", integer_of(left, "count"));
    }
    if (json_object_get(left, "sum") != NULL) {
        (void)printf("; %s left", answer_amount_of(sum, explained->trust, left, "sum", explained->asset));
    }
    (void)printf("; this one fits %s", command_service_text(text, limit, "fits"));
    if (json_object_get(limit, "fits_at") != NULL) {
        (void)printf(", from %s", command_service_text(text, limit, "fits_at"));
    }
    (void)printf("\n");
}

/* What the rule asks over time, which the signer alone judges. */
static void print_over_time(const struct explained *explained, const json_t *rule)
{
    char sum[ANSWER_AMOUNT_SIZE];
    char per[SERVICE_TEXT_SIZE];
    json_t *limit = NULL;
    size_t i = 0;
    if (json_object_get(rule, "delay_s") != NULL) {
        (void)printf("  %-9s  signed %lld seconds after it was announced to the signer\n", "delay",
                     integer_of(rule, "delay_s"));
    }
    json_array_foreach(json_object_get(rule, "limits"), i, limit)
    {
        (void)command_service_text(per, limit, "per");
        if (json_object_get(limit, "count") != NULL) {
            (void)printf("  %-9s  %lld per %s in any %lld seconds\n", "limit", integer_of(limit, "count"), per,
                         integer_of(limit, "window_s"));
        }
        if (json_object_get(limit, "sum") != NULL) {
            (void)printf("  %-9s  %s per %s in any %lld seconds\n", "limit",
                         answer_amount_of(sum, explained->trust, limit, "sum", explained->asset), per,
                         integer_of(limit, "window_s"));
        }
        print_usage(explained, limit);
    }
}

static void print_rules(const struct explained *explained, const json_t *rules)
{
    char id[SERVICE_TEXT_SIZE];
    char effect[SERVICE_TEXT_SIZE];
    json_t *rule = NULL;
    json_t *demand = NULL;
    size_t i = 0;
    size_t k = 0;
    json_array_foreach(rules, i, rule)
    {
        bool allows = strcmp(command_service_text(effect, rule, "effect"), "allow") == 0;
        (void)printf("rule %s: %s\n", command_service_text(id, rule, "id"),
                     allows ? "allows it when all of this is met" : "denies it, whatever other rules say");
        json_array_foreach(json_object_get(rule, "demands"), k, demand)
        {
            print_demand(explained, demand);
        }
        print_over_time(explained, rule);
    }
    if (json_array_size(rules) == 0) {
        (void)printf("no rule of the policy is about it\n");
    }
}

static bool lists(const json_t *list, const char *word)
{
    json_t *element = NULL;
    size_t i = 0;
    json_array_foreach(list, i, element)
    {
        if (json_is_string(element) && strcmp(json_string_value(element), word) == 0) {
            return true;
        }
    }
    return false;
}

/* The rules that do not match, and by which of their conditions. */
static void print_others(const json_t *others)
{
    char id[SERVICE_TEXT_SIZE];
    json_t *rule = NULL;
    size_t i = 0;
    json_array_foreach(others, i, rule)
    {
        (void)printf("rule %s is not about it, for its", command_service_text(id, rule, "id"));
        for (int k = 0; k < CONDITION_COUNT; k++) {
            const char *word = policy_condition_text((enum condition)k);
            if (lists(json_object_get(rule, "conditions"), word)) {
                (void)printf(" %s", word);
            }
        }
        (void)printf("\n");
    }
}

static void print_not_counted(const json_t *list)
{
    static const char *const words[][2] = {{"not_in_policy", "is not in the policy"},
                                           {"requester", "asked for it"},
                                           {"in_no_group_of_a_matching_rule", "is in no group that a rule above asks"},
                                           {"expired", "is valid no longer"},
                                           {"suspended", "is suspended"}};
    char id[SERVICE_TEXT_SIZE];
    char why[SERVICE_TEXT_SIZE];
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(list, i, row)
    {
        (void)command_service_text(why, row, "why");
        const char *word = why;
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            word = strcmp(why, words[k][0]) == 0 ? words[k][1] : word;
        }
        (void)printf("the approval of %s does not count: %s %s\n", command_service_text(id, row, "id"), id, word);
    }
}

void overview_explanation(const struct trust *trust, const char *asset, const json_t *explanation)
{
    struct explained explained = {.trust = trust};
    char text[SERVICE_TEXT_SIZE];
    char decision[SERVICE_TEXT_SIZE];
    (void)snprintf(explained.asset, sizeof(explained.asset), "%s", asset);
    (void)printf("by version     %lld of the policy, %s\n",
                 (long long)json_integer_value(json_object_get(explanation, "version")),
                 command_service_text(text, explanation, "policy"));
    (void)printf("decision       %s, %s\n", command_service_text(decision, explanation, "decision"),
                 command_service_text(text, explanation, "text"));
    if (json_object_get(explanation, "until") != NULL) {
        (void)printf("until          %s\n", command_service_text(text, explanation, "until"));
    }
    print_rules(&explained, json_object_get(explanation, "rules"));
    if (json_object_get(explanation, "usage_unknown") != NULL) {
        (void)printf("how much of the limits is used could not be asked: %s\n",
                     command_service_text(text, explanation, "usage_unknown"));
    }
    print_others(json_object_get(explanation, "others"));
    print_not_counted(json_object_get(explanation, "not_counted"));
}

/* What the policy would say now of one that has ended is not why it ended. */
static enum status print_explanation(const struct trust *trust, const json_t *withdrawal, const json_t *explanation,
                                     struct fault *fault)
{
    char asset[SERVICE_TEXT_SIZE];
    char end[ANSWER_STANDING_SIZE];
    bool same = answer_withdrawal(trust, withdrawal);
    if (answer_end_words(end, withdrawal)[0] != '\0') {
        (void)printf("it has ended: %s\n", end);
    } else {
        overview_explanation(trust, command_service_text(asset, withdrawal, "asset"), explanation);
    }
    return same ? STATUS_OK
                : fault_set(fault, STATUS_CORRUPT, "withdrawal", "its row is not what its intent says: one was edited");
}

static enum status explain_to_people(const char *path, const json_t *explanation, const struct custody_options *options,
                                     struct fault *fault)
{
    struct trust trust;
    json_t *answer = NULL;
    enum status status = answer_trust(&trust, options, fault);
    if (status == STATUS_OK) {
        status = answer_get(&answer, options, path, fault);
    }
    if (status == STATUS_OK) {
        status = print_explanation(&trust, json_object_get(answer, "withdrawal"), explanation, fault);
        answer_print_causes(options, json_object_get(answer, "withdrawal"));
    }
    json_decref(answer);
    return answer_end(&trust, status);
}

enum status command_explain(const struct command_input *input, struct fault *fault)
{
    char path[128];
    char explanation[128];
    json_t *answer = NULL;
    enum status status = answer_path(path, sizeof(path), input->words[0], "", fault);
    if (status == STATUS_OK) {
        status = answer_path(explanation, sizeof(explanation), input->words[0], "/explanation", fault);
    }
    if (status == STATUS_OK) {
        status = answer_get(&answer, input->options, explanation, fault);
    }
    if (status == STATUS_OK) {
        status = input->options->json ? answer_print_json(answer, JSON_INDENT(2), fault)
                                      : explain_to_people(path, answer, input->options, fault);
    }
    json_decref(answer);
    return status;
}
