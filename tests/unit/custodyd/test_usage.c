/*
 * What the signer's numbers say of one more withdrawal: room, what is left, and when everything fits; and what becomes
 * of its other answers, said by the real server side of the protocol.
 */
#include "usage.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/socket.h>

#include "test/test_key.h"
#include "test/test_place.h"
#include "wire/server.h"

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define LONG_MS 60000

static struct rule rules[] = {{.id = {"small"}}, {.id = {"large"}}};
static const struct policy policy = {.version = 7, .rules = rules, .rule_count = 2};

static struct wire_usage usage_of(const char *rule, int64_t index, uint64_t count, uint64_t sum)
{
    struct wire_usage usage = {
        .policy_version = 7, .index = index, .count = count, .sum = amount_from_u64(sum), .free_at = 1000 + index};
    (void)snprintf(usage.rule.text, sizeof(usage.rule.text), "%s", rule);
    return usage;
}

static struct wire_usage used(struct wire_usage usage, uint64_t count, uint64_t sum)
{
    usage.used_count = count;
    usage.used_sum = amount_from_u64(sum);
    return usage;
}

Test(usage, has_room_up_to_the_limit_and_not_beyond)
{
    const struct wire_usage both = used(usage_of("small", 0, 3, 100), 2, 60);
    cr_assert(usage_has_room(&both, amount_from_u64(40)));
    cr_assert_not(usage_has_room(&both, amount_from_u64(41)));
    cr_assert(usage_left_count(&both) == 1);
    cr_assert(amount_compare(usage_left_sum(&both), amount_from_u64(40)) == 0);
    const struct wire_usage counted = used(usage_of("small", 0, 3, 100), 3, 60);
    cr_assert_not(usage_has_room(&counted, amount_from_u64(1)));
    cr_assert(usage_left_count(&counted) == 0);
    const struct wire_usage any_sum = used(usage_of("small", 0, 3, 0), 2, 1000000);
    cr_assert(usage_has_room(&any_sum, amount_from_u64(1000000)));
    const struct wire_usage any_count = used(usage_of("small", 0, 0, 100), 9, 99);
    cr_assert(usage_has_room(&any_count, amount_from_u64(1)));
}

/* More than the limit is used after a version with a smaller one: nothing is left, and nothing turns around. */
Test(usage, over_the_limit_leaves_nothing)
{
    const struct wire_usage over = used(usage_of("small", 0, 3, 100), 5, 160);
    cr_assert(usage_left_count(&over) == 0);
    cr_assert(amount_is_zero(usage_left_sum(&over)));
    cr_assert_not(usage_has_room(&over, amount_from_u64(0)));
    struct wire_usage greatest = used(usage_of("small", 0, 0, 100), 0, 0);
    greatest.used_sum.raw = ~(amount_raw)0;
    cr_assert_not(usage_has_room(&greatest, amount_from_u64(1)), "a sum that cannot be counted is over every limit");
}

static const struct limit any_limit;
static struct obligation asked[] = {
    {&policy, 0, 0, &any_limit}, {&policy, 0, 1, &any_limit}, {&policy, 1, 0, &any_limit}};
static const struct obligations obligations = {.limits = asked, .limit_count = 3};

Test(usage, the_latest_of_the_full_limits_is_waited_for)
{
    struct wire_usage_reply said = {.count = 3};
    struct fault fault = {0};
    int64_t until = -1;
    said.limits[0] = used(usage_of("small", 0, 3, 0), 1, 0);
    said.limits[1] = used(usage_of("small", 1, 3, 0), 1, 0);
    said.limits[2] = used(usage_of("large", 0, 3, 0), 1, 0);
    cr_assert(usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault) == STATUS_OK);
    cr_assert(until == -1, "written only with a refusal");
    said.limits[0].used_count = 3;
    said.limits[1].used_count = 3;
    said.limits[2].free_at = 9000; /* has room, and is no reason to wait */
    cr_assert(usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault) == STATUS_LIMIT_EXCEEDED);
    cr_assert(until == 1001);
    cr_assert(strcmp(fault.where, "policy.limits") == 0);
    said.limits[0].free_at = 0;
    cr_assert(usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault) == STATUS_LIMIT_EXCEEDED);
    cr_assert(until == 0, "one that never fits outlasts every other");
}

/* The signer goes by another version: it said nothing of ours, and its own are not ours to judge. */
Test(usage, limits_of_other_versions_are_left_to_the_signer)
{
    struct wire_usage_reply said = {.count = 2};
    struct fault fault = {0};
    int64_t until = -1;
    said.limits[0] = used(usage_of("small", 0, 1, 0), 1, 0);
    said.limits[0].policy_version = 8;
    said.limits[1] = used(usage_of("small", 5, 1, 0), 1, 0);
    cr_assert(usage_find(&said, 7, "small", 0) == NULL);
    cr_assert(usage_find(&said, 7, "small", 5) == &said.limits[1]);
    cr_assert(usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault) == STATUS_OK);
}

/* A signer with one answer. */
struct server {
    int listen_fd;
    struct test_key *key;
    struct wire_reply reply; /* to transfer.usage */
    pthread_t thread;
};

static void answer(int fd, struct wire_reply *reply)
{
    static uint8_t packet[WIRE_POLICY_MAX];
    struct wire_request request;
    struct bytes bytes = {0};
    size_t len = 0;
    MUST(wire_receive(packet, &len, fd, NULL));
    MUST(wire_request_decode(&request, packet, len, NULL));
    reply->op = request.op;
    reply->id = request.id;
    MUST(wire_reply_encode(&bytes, reply, NULL));
    cr_assert(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len);
    bytes_free(&bytes);
    wire_request_free(&request);
}

static void *serve(void *context)
{
    struct server *server = context;
    struct wire_peer peer;
    enum status status = STATUS_NOT_FOUND;
    while (status == STATUS_NOT_FOUND) {
        status = wire_accept(&peer, server->listen_fd, NULL);
        (void)sched_yield();
    }
    MUST(status);
    struct wire_reply hello = {
        .hello = {.protocol = 1, .role = WIRE_ROLE_TRANSFER, .key = *test_key_public(server->key)}};
    answer(peer.fd, &hello);
    answer(peer.fd, &server->reply);
    (void)close(peer.fd);
    return NULL;
}

/* What comes of the answer for an amount of 5 under three limits. */
static enum status check(const struct wire_reply *reply, int64_t *out_until_utc_us, struct fault *fault)
{
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 16];
    struct server server = {.reply = *reply, .key = test_key_new(ALGORITHM_ED25519)};
    struct wire_pool *pool = NULL;
    uint8_t document[] = {'{', '}'};
    const struct bytes intent = {document, sizeof(document)};
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/socket", folder.path);
    MUST(wire_listen(&server.listen_fd, path, NULL));
    MUST(wire_pool_new(&pool, &(struct wire_pool_config){.path = path, .role = WIRE_ROLE_TRANSFER, .connections = 1},
                       NULL));
    cr_assert(pthread_create(&server.thread, NULL, serve, &server) == 0);
    const struct usage_question question = {.signer = pool,
                                            .timeout_ms = LONG_MS,
                                            .intent = &intent,
                                            .obligations = &obligations,
                                            .amount = amount_from_u64(5)};
    enum status status = usage_check(out_until_utc_us, &question, fault);
    cr_assert(pthread_join(server.thread, NULL) == 0);
    wire_pool_free(pool);
    (void)close(server.listen_fd);
    test_key_free(server.key);
    test_folder_remove(&folder);
    return status;
}

Test(usage, a_full_limit_is_waited_for_and_one_that_was_promised_is_not)
{
    struct wire_reply reply = {.usage = {.count = 1, .limits = {used(usage_of("large", 0, 2, 0), 2, 9)}}};
    struct fault fault = {0};
    int64_t until = -1;
    (void)snprintf(reply.usage.limits[0].per, sizeof(reply.usage.limits[0].per), "wallet");
    cr_assert(check(&reply, &until, &fault) == STATUS_LIMIT_EXCEEDED);
    cr_assert(until == 1000);
    reply.usage.count = 0; /* what was promised before */
    fault_clear(&fault);
    cr_assert(check(&reply, &until, &fault) == STATUS_OK);
}

Test(usage, more_limits_than_an_answer_holds_are_left_to_the_signer)
{
    struct wire_reply reply = {.usage = {.count = 0}};
    struct fault fault = {0};
    int64_t until = -1;
    (void)fault_set(&reply.fault, STATUS_TOO_LARGE, "limits", "more than 64 apply");
    cr_assert(check(&reply, &until, &fault) == STATUS_OK);
    cr_assert(fault.status == STATUS_OK, "nothing is left of the refusal");
    reply.fault = (struct fault){0};
    (void)fault_set(&reply.fault, STATUS_HALTED, "guard", "halted");
    cr_assert(check(&reply, &until, &fault) == STATUS_HALTED);
    cr_assert(strcmp(fault.where, "guard") == 0);
    cr_assert(until == -1);
}
