/*
 * Who together can move funds under a policy: the report of the policy room in words, as a command and before a policy
 * is signed. Nothing is worked out here.
 */
#include "policy/analyse.h"
#include "answer.h"
#include "chain.h"
#include "commands.h"
#include "describe.h"
#include "policy_change.h"

#define SETS_PRINTED 4
#define NAMES_PRINTED 8

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

static long long number_of(const json_t *object, const char *member)
{
    return (long long)json_integer_value(json_object_get(object, member));
}

/* Sets */

static void print_names(FILE *stream, const json_t *names, const char *last)
{
    const size_t count = json_array_size(names);
    for (size_t i = 0; i < count && i < NAMES_PRINTED; i++) {
        (void)fprintf(stream, "%s%s",
                      i == 0           ? ""
                      : i + 1 == count ? last
                                       : ", ",
                      json_string_value(json_array_get(names, i)));
    }
    if (count > NAMES_PRINTED) {
        (void)fprintf(stream, " and %zu more", count - NAMES_PRINTED);
    }
}

/* "2 of {a, b, c}", "a and b" when it is all of them; programs are marked. */
static void print_part(FILE *stream, size_t count, const json_t *members, bool programs)
{
    const bool all = count == json_array_size(members);
    if (programs) {
        (void)fprintf(stream, "program ");
    }
    if (!all) {
        (void)fprintf(stream, "%zu of {", count);
    }
    print_names(stream, members, all ? " and " : ", ");
    if (!all) {
        (void)fputc('}', stream);
    }
}

static void print_set(FILE *stream, const char *name, const json_t *set, const json_t *classes)
{
    (void)fprintf(stream, "  %-12s ", name);
    for (size_t i = 0; i < json_array_size(set); i++) {
        const json_t *part = json_array_get(set, i);
        const json_t *class_ = json_array_get(classes, (size_t)number_of(part, "of"));
        (void)fprintf(stream, "%s", i == 0 ? "" : " + ");
        print_part(stream, (size_t)number_of(part, "count"), json_object_get(class_, "members"),
                   json_is_true(json_object_get(class_, "programs")));
    }
    (void)fputc('\n', stream);
}

static void print_sets(FILE *stream, const char *name, const json_t *one, const char *member)
{
    const json_t *sets = json_object_get(one, member);
    const json_t *smallest = json_object_get(sets, "smallest");
    for (size_t i = 0; i < json_array_size(smallest) && i < SETS_PRINTED; i++) {
        print_set(stream, i == 0 ? name : "or", json_array_get(smallest, i), json_object_get(one, "classes"));
    }
    if (number_of(sets, "count") > SETS_PRINTED) {
        describe_row(stream, "", "or one of %lld more sets", number_of(sets, "count") - SETS_PRINTED);
    }
}

static void print_list(FILE *stream, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        (void)fprintf(stream, "%s%s", i == 0 ? "" : ", ", json_string_value(json_array_get(names, i)));
    }
}

static void print_case(FILE *stream, const json_t *one)
{
    if (json_array_size(json_object_get(json_object_get(one, "moves"), "smallest")) == 0) {
        describe_row(stream, "can", "NOBODY");
        return;
    }
    print_sets(stream, "can", one, "moves");
    describe_row(stream, "fewest", "%lld people, of whom %lld must sign", number_of(one, "people"),
                 number_of(one, "signing"));
    describe_row(stream, "after", "%lld seconds", number_of(one, "delay_s"));
    print_sets(stream, "not without", one, "stops");
    describe_row(stream, "until", "%s", text_of(one, "until"));
}

/* Parts of the report */

static void print_governance(FILE *stream, const json_t *report)
{
    const json_t *governance = json_object_get(report, "governance");
    (void)fprintf(stream, "a change of the policy, an entry of the allow-list, an order about keys, a thaw\n");
    print_case(stream, governance);
    describe_row(stream, "", "for a change; %lld seconds for an entry of the allow-list, none for an order",
                 number_of(governance, "cooling_s"));
    describe_row(stream, "against it", "%lld people who speak against a change end it",
                 number_of(governance, "vetoes"));
    (void)fprintf(stream, "stop alone (freeze, suspend, veto, revoke): ");
    print_names(stream, json_object_get(report, "guards"), ", ");
    (void)fputc('\n', stream);
}

static void print_paths(FILE *stream, const json_t *wallet)
{
    const json_t *paths = json_object_get(wallet, "paths");
    (void)fprintf(stream, "wallet %s: the weakest path is %s\n", text_of(wallet, "wallet"), text_of(wallet, "weakest"));
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        describe_row(stream, text_of(path, "path"), "%lld people, %lld of them sign, after %lld seconds, to %s",
                     number_of(path, "people"), number_of(path, "signing"), number_of(path, "delay_s"),
                     strcmp(text_of(path, "to"), "any") == 0 ? "any address" : "what is listed");
    }
}

static void print_place(FILE *stream, const json_t *place)
{
    const json_t *bands = json_object_get(place, "bands");
    (void)fprintf(stream, "%s from %s, asset %.16s\n", text_of(place, "act"), text_of(place, "wallet"),
                  text_of(place, "asset"));
    for (size_t i = 0; i < json_array_size(bands); i++) {
        const json_t *band = json_array_get(bands, i);
        (void)fprintf(stream, "  above %s up to %s to ", text_of(band, "above"), text_of(band, "up_to"));
        print_list(stream, json_object_get(band, "destinations"));
        (void)fprintf(stream, ": case %lld\n", number_of(band, "case"));
    }
}

static void print_cases(FILE *stream, const json_t *report)
{
    const json_t *cases = json_object_get(report, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        (void)fprintf(stream, "case %zu: %s by ", i, text_of(one, "act"));
        print_list(stream, json_object_get(one, "rules"));
        (void)fputc('\n', stream);
        print_case(stream, one);
    }
}

/* "governance, case 3 (transfer by large)" */
static void print_what(FILE *stream, const json_t *report, const json_t *what)
{
    const json_t *cases = json_object_get(report, "cases");
    for (size_t i = 0; i < json_array_size(what); i++) {
        const json_t *name = json_array_get(what, i);
        (void)fprintf(stream, i == 0 ? " " : ", ");
        if (json_is_string(name)) {
            (void)fprintf(stream, "%s", json_string_value(name));
            continue;
        }
        const json_t *one = json_array_get(cases, (size_t)json_integer_value(name));
        (void)fprintf(stream, "case %lld (%s by ", (long long)json_integer_value(name), text_of(one, "act"));
        print_list(stream, json_object_get(one, "rules"));
        (void)fputc(')', stream);
    }
    (void)fputc('\n', stream);
}

static void print_losses(FILE *stream, const json_t *report)
{
    const json_t *losses = json_object_get(report, "loss");
    for (size_t i = 0; i < json_array_size(losses); i++) {
        const json_t *loss = json_array_get(losses, i);
        const json_t *lost = json_object_get(loss, "lost");
        (void)fprintf(stream, "without ");
        for (size_t k = 0; k < json_array_size(lost); k++) {
            const json_t *part = json_array_get(lost, k);
            (void)fprintf(stream, "%s", k == 0 ? "" : " and ");
            print_part(stream, (size_t)number_of(part, "count"), json_object_get(part, "members"), false);
        }
        (void)fprintf(stream, " there is no");
        print_what(stream, report, json_object_get(loss, "stops"));
    }
}

static const struct {
    const char *code;
    const char *text;
} warning_texts[] = {
    {"nobody", "nobody can:"},
    {"no_spare", "the loss of one person or program ends:"},
    {"one_spare", "one spare: the loss of two ends:"},
    {"ends_soon", "people expire, and within 90 days there is no more:"},
    {"programs", "a program counts: whoever steals its key has its vote:"},
    {"in_pieces", "can be moved in smaller pieces by fewer people, and no limit over time is in the way:"},
    {"expired", "do not count any more:"},
};

static void print_warning(FILE *stream, const json_t *report, const json_t *warning)
{
    const char *code = text_of(warning, "code");
    for (size_t i = 0; i < sizeof(warning_texts) / sizeof(warning_texts[0]); i++) {
        if (strcmp(warning_texts[i].code, code) == 0) {
            (void)fprintf(stream, "WARNING %s", warning_texts[i].text);
        }
    }
    if (json_object_get(warning, "cases") != NULL) {
        print_what(stream, report, json_object_get(warning, "cases"));
    } else if (json_object_get(warning, "people") != NULL) {
        (void)fputc(' ', stream);
        print_list(stream, json_object_get(warning, "people"));
        (void)fputc('\n', stream);
    } else {
        (void)fprintf(stream, " case %lld as case %lld (wallet %s)\n", number_of(warning, "case"),
                      number_of(warning, "as"), text_of(warning, "wallet"));
    }
}

static void print_warnings(FILE *stream, const json_t *report)
{
    const json_t *warnings = json_object_get(report, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        print_warning(stream, report, json_array_get(warnings, i));
    }
}

static void print_summary(FILE *stream, const json_t *report)
{
    const json_t *wallets = json_object_get(report, "paths");
    const json_t *verdict = json_object_get(report, "verdict");
    (void)fprintf(stream, "analysis at %s: %s %s\n", text_of(report, "at"), text_of(verdict, "verdict"),
                  text_of(verdict, "why"));
    print_governance(stream, report);
    for (size_t i = 0; i < json_array_size(wallets); i++) {
        print_paths(stream, json_array_get(wallets, i));
    }
    print_warnings(stream, report);
}

static void print_report(FILE *stream, const json_t *report)
{
    const json_t *places = json_object_get(report, "wallets");
    print_summary(stream, report);
    for (size_t i = 0; i < json_array_size(places); i++) {
        print_place(stream, json_array_get(places, i));
    }
    print_cases(stream, report);
    print_losses(stream, report);
}

/* Commands */

/* The report of a policy and the verdict on it; the report is there when the policy is refused by it, too. */
static enum status analyse(json_t **out, const struct policy *policy, int64_t at, struct fault *fault)
{
    struct analysis analysis;
    enum status status = policy_analyse(&analysis, policy, at, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = analysis_report(out, &analysis, fault);
    if (status == STATUS_OK) {
        status = analysis_verdict(&analysis, fault);
    }
    analysis_free(&analysis);
    return status;
}

static enum status analysis_time(int64_t *out, const struct policy *policy, const struct custody_options *options,
                                 struct fault *fault)
{
    *out = policy->issued_at;
    return options->at[0] == '\0' || time_parse(out, options->at) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "at", "must be a time such as 2026-01-02T03:04:05.000000Z");
}

enum status command_policy_analyse(const struct command_input *input, struct fault *fault)
{
    struct policy policy = {0};
    json_t *report = NULL;
    int64_t at;
    enum status status = command_read_draft(NULL, &policy, input->options, fault);
    if (status == STATUS_OK) {
        status = analysis_time(&at, &policy, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = analyse(&report, &policy, at, fault);
    }
    if (report != NULL && input->options->json) {
        enum status printed = answer_print_json(report, JSON_COMPACT, fault);
        status = status == STATUS_OK ? printed : status;
    } else if (report != NULL) {
        (void)printf("policy version %lld of %s\n", (long long)policy.version, policy.environment.text);
        print_report(stdout, report);
    }
    json_decref(report);
    policy_free(&policy);
    return status;
}

/* What became of a wallet's paths since the version before: printed when people or time differ. */
static void print_path_change(FILE *stream, const char *wallet, const json_t *before, const json_t *now)
{
    const long long people[] = {number_of(before, "people"), number_of(now, "people")};
    const long long delays[] = {number_of(before, "delay_s"), number_of(now, "delay_s")};
    if (people[0] != people[1] || delays[0] != delays[1]) {
        (void)fprintf(stream, "CHANGED wallet %s, %s: %lld people after %lld seconds, before: %lld after %lld%s\n",
                      wallet, text_of(now, "path"), people[1], delays[1], people[0], delays[0],
                      people[1] < people[0] || delays[1] < delays[0] ? " (WEAKER)" : "");
    }
}

static const json_t *find_row(const json_t *rows, const char *member, const char *value)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (strcmp(text_of(json_array_get(rows, i), member), value) == 0) {
            return json_array_get(rows, i);
        }
    }
    return NULL;
}

static void print_changes(FILE *stream, const json_t *before, const json_t *now)
{
    const json_t *wallets = json_object_get(now, "paths");
    for (size_t i = 0; i < json_array_size(wallets); i++) {
        const json_t *wallet = json_array_get(wallets, i);
        const json_t *paths = json_object_get(wallet, "paths");
        const json_t *old = find_row(json_object_get(before, "paths"), "wallet", text_of(wallet, "wallet"));
        if (old == NULL) {
            (void)fprintf(stream, "CHANGED wallet %s is new\n", text_of(wallet, "wallet"));
        }
        for (size_t k = 0; k < json_array_size(paths) && old != NULL; k++) {
            const json_t *path = json_array_get(paths, k);
            const json_t *earlier = find_row(json_object_get(old, "paths"), "path", text_of(path, "path"));
            if (earlier == NULL) {
                (void)fprintf(stream, "CHANGED wallet %s, %s: %lld people, before: nobody (WEAKER)\n",
                              text_of(wallet, "wallet"), text_of(path, "path"), number_of(path, "people"));
            } else {
                print_path_change(stream, text_of(wallet, "wallet"), earlier, path);
            }
        }
    }
}

/* Nobody adopts it otherwise, so nobody should sign it. */
static enum status check_successor(const struct policy *before, const struct policy *now, struct fault *fault)
{
    char at[TIME_TEXT_SIZE];
    if (now->version != before->version + 1) {
        return fault_set(fault, STATUS_MISMATCH, "version", "must be version %lld", (long long)before->version + 1);
    }
    if (now->issued_at <= before->issued_at) {
        time_format(at, before->issued_at);
        return fault_set(fault, STATUS_MISMATCH, "issued_at", "must be after %s, when version %lld was issued", at,
                         (long long)before->version);
    }
    return STATUS_OK;
}

enum status command_analyse_change(FILE *stream, const struct policy_version *before, const struct policy_version *now,
                                   struct fault *fault)
{
    json_t *reports[2] = {NULL, NULL};
    struct fault refused = {0}; /* that the version before is bad is no reason to keep it */
    enum status status = check_successor(before->policy, now->policy, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)analyse(&reports[0], before->policy, before->policy->issued_at, &refused);
    status = analyse(&reports[1], now->policy, now->policy->issued_at, fault);
    policy_change_print(stream, before->document, now->document);
    if (reports[0] == NULL) {
        (void)fprintf(stream, "CHANGED who could move funds: not compared, the one before has no analysis: %s\n",
                      refused.detail);
    } else if (reports[1] != NULL) {
        print_changes(stream, reports[0], reports[1]);
    }
    json_decref(reports[0]);
    json_decref(reports[1]);
    return status;
}

void command_analyse_warnings(FILE *stream, const struct policy *policy)
{
    json_t *report = NULL;
    struct fault refused = {0}; /* what refuses it is told by who refuses */
    (void)analyse(&report, policy, policy->issued_at, &refused);
    print_warnings(stream, report);
    json_decref(report);
}

/* Against the version that it follows, when --policy has it. */
static enum status compare_with_before(FILE *stream, const struct policy_version *now,
                                       const struct custody_options *options, struct fault *fault)
{
    struct chain chain = {0};
    json_t *document = NULL;
    if (options->policy[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = chain_open(&chain, options, false, fault);
    const struct policy *before = status == STATUS_OK ? chain_find(&chain, &now->policy->prev) : NULL;
    if (status == STATUS_OK && before == NULL) {
        status = fault_set(fault, STATUS_MISMATCH, "prev", "is no version of --policy");
    }
    if (status == STATUS_OK) {
        status = chain_document(&chain, before, &document, fault);
    }
    if (status == STATUS_OK) {
        const struct policy_version earlier = {.policy = before, .document = document};
        status = command_analyse_change(stream, &earlier, now, fault);
    }
    json_decref(document);
    chain_wipe(&chain);
    return status;
}

enum status command_analyse_before_signing(FILE *stream, const struct bytes *document,
                                           const struct custody_options *options, struct fault *fault)
{
    struct policy policy = {0};
    json_t *report = NULL;
    json_t *parsed = NULL;
    enum status status = policy_decode(&policy, document->data, document->len, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&parsed, document->data, document->len, CANON_POLICY_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = analyse(&report, &policy, policy.issued_at, fault);
    }
    if (report != NULL) {
        print_summary(stream, report);
    }
    if (status == STATUS_OK) {
        const struct policy_version now = {.policy = &policy, .document = parsed};
        status = compare_with_before(stream, &now, options, fault);
    }
    json_decref(report);
    json_decref(parsed);
    policy_free(&policy);
    return status;
}
