/*
 * The evaluation of one request under a large policy: 100 people, 200 rules, decoded from its document.
 *
 * Commands: evaluate PLACE COUNT, where PLACE is 0 for a policy of which 10 rules match and 1 for one of which all 200
 * do; floor PLACE COUNT: for every rule whether it lists asset and wallet and nothing else, which is the least that an
 * evaluation must find out. Each answers {"p50_ns","p99_ns"} of COUNT calls, timed one by one; the clock's own time is
 * in both.
 */
#include <inttypes.h>
#include <time.h>

#include "base/canon.h"
#include "bench.h"
#include "policy/evaluate.h"
#include "test/test_key.h"

#define PEOPLE 100
#define ADMINISTRATORS 6
#define GROUPS 12
#define MEMBERS 24
#define WALLETS 20
#define ASSETS 10
#define RULES 200
#define APPROVALS 6
#define CALLS_MAX 1000000

struct setting {
    struct policy policy;
    struct evaluation_approval approvals[APPROVALS];
    struct evaluation_request request;
};

static struct setting settings[2];
static int64_t times_ns[CALLS_MAX];

static const char *numbered(const char *letter, size_t number)
{
    static char text[8][32];
    static size_t next;
    char *out = text[next++ % 8];
    (void)snprintf(out, 32, "%s-%03zu", letter, number);
    return out;
}

static const char *asset_text(size_t number)
{
    static char text[2][65];
    static size_t next;
    char *out = text[next++ % 2];
    (void)snprintf(out, 65, "%064zx", number + 1);
    return out;
}

static json_t *people_json(void)
{
    json_t *people = json_array();
    for (size_t i = 0; i < PEOPLE; i++) {
        const char *duty = i < ADMINISTRATORS ? "administrator" : i < PEOPLE - 1 ? "approver" : "requester";
        (void)json_array_append_new(people, json_pack("{s:[s],s:s,s:[],s:s}", "duties", duty, "id", numbered("p", i),
                                                      "keys", "valid_until", "2027-01-01T00:00:00.000000Z"));
    }
    return people;
}

/* Groups overlap: each begins eight people after the one before. The administrators are the last. */
static json_t *groups_json(void)
{
    json_t *groups = json_array();
    for (size_t i = 0; i <= GROUPS; i++) {
        json_t *members = json_array();
        size_t first = i == GROUPS ? 0 : ADMINISTRATORS + i * 5;
        for (size_t k = 0; k < (i == GROUPS ? ADMINISTRATORS : MEMBERS); k++) {
            (void)json_array_append_new(members, json_string(numbered("p", first + k)));
        }
        (void)json_array_append_new(groups, json_pack("{s:s,s:o}", "id", numbered("g", i), "members", members));
    }
    return groups;
}

static json_t *assets_json(void)
{
    json_t *assets = json_array();
    for (size_t i = 0; i < ASSETS; i++) {
        (void)json_array_append_new(assets, json_string(asset_text(i)));
    }
    return assets;
}

static json_t *wallets_json(void)
{
    json_t *wallets = json_array();
    for (size_t i = 0; i < WALLETS; i++) {
        json_t *wallet = NULL;
        struct fault fault = {0};
        struct test_key *key = test_key_new(ALGORITHM_P256);
        BENCH_MUST(account_key_encode(&wallet, test_key_public(key), &fault));
        test_key_free(key);
        json_t *rest = json_pack("{s:o,s:s,s:s}", "assets", assets_json(), "id", numbered("w", i), "tier", "hot");
        BENCH_NEED(json_object_update(wallet, rest) == 0);
        json_decref(rest);
        (void)json_array_append_new(wallets, wallet);
    }
    return wallets;
}

static json_t *rules_json(bool all_match)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < RULES; i++) {
        json_t *when = all_match ? json_pack("{s:o}", "assets", assets_json())
                                 : json_pack("{s:[s],s:[s]}", "assets", asset_text(i % ASSETS), "wallets",
                                             numbered("w", i % WALLETS));
        json_t *steps = json_pack("[[{s:s,s:i},{s:s,s:i}]]", "group", numbered("g", i % (GROUPS - 1)), "m", 2, "group",
                                  numbered("g", i % (GROUPS - 1) + 1), "m", 2);
        json_t *demand = json_pack("{s:s,s:o}", "max_amount", "1000000", "steps", steps);
        (void)json_array_append_new(rules, json_pack("{s:o,s:s,s:s,s:o}", "demand", demand, "effect", "allow", "id",
                                                     numbered("r", i), "when", when));
    }
    return rules;
}

static void setting_make(struct setting *out, bool all_match)
{
    static struct name wallet;
    static struct name requester;
    struct fault fault = {0};
    struct bytes document = {0};
    json_t *policy = json_pack("{s:s,s:{s:i,s:[s]},s:s,s:{s:i,s:s,s:i},s:o,s:s,s:o,s:s,s:o,s:i,s:o}", "chain",
                               asset_text(0), "destinations", "cooling_s", 0, "groups", "clients", "environment",
                               "test", "governance", "delay_s", 1, "group", numbered("g", GROUPS), "m", 4, "groups",
                               groups_json(), "issued_at", "2026-01-01T00:00:00.000000Z", "people", people_json(),
                               "prev", "0000000000000000000000000000000000000000000000000000000000000000", "rules",
                               rules_json(all_match), "version", 1, "wallets", wallets_json());
    BENCH_NEED(policy != NULL);
    BENCH_MUST(canon_emit(&document, policy, CANON_POLICY_MAX, &fault));
    BENCH_MUST(policy_decode(&out->policy, document.data, document.len, &fault));
    bytes_free(&document);
    json_decref(policy);
    BENCH_MUST(name_parse(&wallet, numbered("w", 0)));
    BENCH_MUST(name_parse(&requester, numbered("p", PEOPLE - 1)));
    for (size_t i = 0; i < APPROVALS; i++) {
        out->approvals[i].digest.bytes32[0] = (uint8_t)(i + 1);
        BENCH_MUST(name_parse(&out->approvals[i].person, numbered("p", ADMINISTRATORS + i * 3)));
    }
    out->request = (struct evaluation_request){.type = TRANSACTION_TRANSFER,
                                               .chain = &out->policy.chain,
                                               .wallet = &wallet,
                                               .asset = &out->policy.wallets[0].assets[0],
                                               .amount = amount_from_u64(1000),
                                               .destination_listed = true,
                                               .requester = &requester,
                                               .approvals = out->approvals,
                                               .approval_count = APPROVALS,
                                               .at_utc_us = out->policy.issued_at};
}

static int64_t now_ns(void)
{
    struct timespec now;
    BENCH_NEED(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void evaluate(const struct setting *setting)
{
    struct fault fault = {0};
    struct evaluation evaluation;
    BENCH_MUST(policy_evaluate(&evaluation, &setting->policy, &setting->request, &fault));
    BENCH_NEED(evaluation.rule_count == (setting == settings ? RULES / WALLETS : RULES));
    evaluation_free(&evaluation);
}

static int compare_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static void look_alone(const struct setting *setting)
{
    size_t found = 0;
    for (size_t i = 0; i < setting->policy.rule_count; i++) {
        const struct when *when = &setting->policy.rules[i].when;
        bool asset = bsearch(setting->request.asset, when->assets, when->asset_count, sizeof(struct digest),
                             compare_digest) != NULL;
        found += asset && (when->wallet_count == 0 || when->wallets[0] == 0);
    }
    BENCH_NEED(found == (setting == settings ? RULES / WALLETS : RULES));
}

static int compare_time(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void answer(const struct bench_command *command, void (*work)(const struct setting *setting))
{
    size_t count = (size_t)command->numbers[1];
    BENCH_NEED(command->numbers[0] >= 0 && command->numbers[0] < 2 && count >= 100 && count <= CALLS_MAX);
    for (size_t i = 0; i < count; i++) {
        int64_t from = now_ns();
        work(&settings[command->numbers[0]]);
        times_ns[i] = now_ns() - from;
    }
    qsort(times_ns, count, sizeof(times_ns[0]), compare_time);
    (void)printf("{\"p50_ns\":%" PRId64 ",\"p99_ns\":%" PRId64 "}\n", times_ns[count / 2], times_ns[count * 99 / 100]);
    (void)fflush(stdout);
}

int main(void)
{
    struct bench_command command;
    setting_make(&settings[0], false);
    setting_make(&settings[1], true);
    bench_ready("");
    while (bench_read(&command)) {
        answer(&command, strcmp(command.word, "floor") == 0 ? look_alone : evaluate);
    }
    policy_free(&settings[0].policy);
    policy_free(&settings[1].policy);
    return 0;
}
