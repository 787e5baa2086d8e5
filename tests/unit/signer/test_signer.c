/*
 * The signer with a clock and a key of the test's own: what time does to it, and that a key that fails leaves a promise
 * and no signature.
 */
#include "signer/signer.h"

#include <criterion/criterion.h>

#include "test/test_place.h"
#include "world.h"

#define START_UTC_US 1767323045000000LL /* 2026-01-02T03:04:05Z */

static struct test_folder folder;
static char guard_path[TEST_PATH_SIZE + 16];
static char policy_path[TEST_PATH_SIZE + 16];
static struct world world;
static struct guard *guard;
static struct signer *signer;
static struct signer_key key;
static int64_t now_utc_us;
static bool key_works;

static int64_t read_clock(void *context)
{
    return *(const int64_t *)context;
}

static const struct clock test_clock = {.utc_us = read_clock, .monotonic_us = read_clock, .context = &now_utc_us};

static enum status soft_sign(const void *context, struct signature *out, const void *message, size_t len,
                             struct fault *fault)
{
    if (!key_works) {
        return fault_set(fault, STATUS_TOKEN, "token", "gone");
    }
    test_key_sign_message(out->bytes64, context, message, len);
    out->algorithm = key.public_key.algorithm;
    public_key_id(&out->key_id, &key.public_key);
    return STATUS_OK;
}

static bool soft_lost(const void *context)
{
    (void)context;
    return !key_works;
}

static enum status signer_start(struct fault *fault)
{
    const struct signer_config config = {
        .role = ROLE_TRANSFER, .guard = guard, .key = &key, .clock = &test_clock, .policy_path = policy_path};
    return signer_new(&signer, &config, fault);
}

static void start(void)
{
    test_folder_make(&folder);
    (void)snprintf(guard_path, sizeof(guard_path), "%s/guard", folder.path);
    (void)snprintf(policy_path, sizeof(policy_path), "%s/policy.json", folder.path);
    now_utc_us = START_UTC_US;
    key_works = true;
    world_init(&world, ROLE_TRANSFER, NULL, now_utc_us);
    world_write_signed(policy_path, &world.policy_signed);
    struct guard_state state;
    world_guard_state(&state, &world);
    MUST(guard_create(guard_path, &state, &world.signer_key, NULL));
    MUST(guard_open(&guard, guard_path, NULL));
    key = (struct signer_key){
        .public_key = world.signer_key, .sign = soft_sign, .lost = soft_lost, .context = world.keys[SOFT]};
    MUST(signer_start(NULL));
}

static void finish(void)
{
    signer_free(signer);
    guard_close(guard);
    world_wipe(&world);
    test_folder_remove(&folder);
}

TestSuite(signer, .init = start, .fini = finish);

/* Asks as a greeted client; the status and `where` of the answer. */
static enum status sign(struct order *order, char where[64])
{
    struct signer_session session = {.permit = SIGNER_PERMIT_SIGN, .greeted = true};
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .id = 1, .transfer = order_request(order)};
    struct bytes packet = {0};
    struct bytes answer = {0};
    struct wire_reply reply;
    MUST(wire_request_encode(&packet, &request, NULL));
    cr_expect(signer_handle(signer, &answer, &session, packet.data, packet.len));
    MUST(wire_reply_decode(&reply, WIRE_OP_TRANSFER_SIGN, answer.data, answer.len, NULL));
    enum status status = reply.fault.status;
    memcpy(where, reply.fault.where, sizeof(reply.fault.where));
    bytes_free(&packet);
    bytes_free(&answer);
    wire_reply_free(&reply);
    return status;
}

static void expect_sign(uint64_t lane, enum status expected, const char *where)
{
    char at[64];
    struct order order;
    order_init(&order, &world, lane, 0);
    enum status status = sign(&order, at);
    cr_expect(status == expected, "%s at %s", status_info(status)->code, at);
    cr_expect_str_eq(at, where);
    order_wipe(&order);
}

Test(signer, a_clock_that_is_set_back_is_noticed)
{
    expect_sign(1, STATUS_OK, "");
    now_utc_us = START_UTC_US - 59 * 1000000LL;
    expect_sign(2, STATUS_OK, "");
    now_utc_us = START_UTC_US - 61 * 1000000LL;
    expect_sign(3, STATUS_ROLLBACK, "clock");
    now_utc_us = START_UTC_US;
    expect_sign(3, STATUS_OK, "");
}

Test(signer, and_after_a_restart_too)
{
    expect_sign(1, STATUS_OK, "");
    signer_free(signer);
    guard_close(guard);
    MUST(guard_open(&guard, guard_path, NULL));
    MUST(signer_start(NULL));
    now_utc_us = START_UTC_US - 61 * 1000000LL;
    expect_sign(2, STATUS_ROLLBACK, "clock");
}

Test(signer, an_intent_expires)
{
    struct order order;
    char where[64];
    struct order late;
    order_init(&order, &world, 1, 0);
    order_init(&late, &world, 2, 0);
    now_utc_us = order.intent.expires_at - 1;
    cr_expect(sign(&order, where) == STATUS_OK);
    now_utc_us = late.intent.expires_at;
    cr_expect(sign(&late, where) == STATUS_EXPIRED);
    cr_expect_str_eq(where, "intent.expires_at");
    cr_expect(sign(&order, where) == STATUS_OK, "what was promised in time can be had again");
    order_wipe(&order);
    order_wipe(&late);
}

Test(signer, a_key_that_fails_leaves_the_promise)
{
    struct order order;
    struct order rival;
    char where[64];
    order_init(&order, &world, 1, 0);
    order_init(&rival, &world, 1, 0);
    key_works = false;
    cr_expect(sign(&order, where) == STATUS_TOKEN);
    key_works = true;
    cr_expect(sign(&rival, where) == STATUS_REPLAY);
    cr_expect(sign(&order, where) == STATUS_OK);
    order_wipe(&order);
    order_wipe(&rival);
}

static bool ready_now(void)
{
    static const char ask[] = "{\"id\":1,\"op\":\"status\"}";
    struct signer_session session = {.permit = SIGNER_PERMIT_STATUS, .greeted = true};
    struct bytes answer = {0};
    struct wire_reply reply;
    cr_expect(signer_handle(signer, &answer, &session, ask, sizeof(ask) - 1));
    MUST(wire_reply_decode(&reply, WIRE_OP_STATUS, answer.data, answer.len, NULL));
    cr_expect(reply.status.ready == (reply.status.reason[0] == '\0'));
    bytes_free(&answer);
    return reply.status.ready;
}

Test(signer, says_that_its_token_is_lost)
{
    cr_expect(ready_now());
    key_works = false;
    cr_expect(!ready_now());
}

Test(signer, permission_is_of_the_connection)
{
    struct signer_session session = {.permit = SIGNER_PERMIT_STATUS, .greeted = true};
    struct order order;
    order_init(&order, &world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .id = 1, .transfer = order_request(&order)};
    struct bytes packet = {0};
    struct bytes answer = {0};
    struct wire_reply reply;
    MUST(wire_request_encode(&packet, &request, NULL));
    cr_expect(!signer_handle(signer, &answer, &session, packet.data, packet.len), "the connection must end");
    MUST(wire_reply_decode(&reply, WIRE_OP_TRANSFER_SIGN, answer.data, answer.len, NULL));
    cr_expect(reply.fault.status == STATUS_NOT_PERMITTED);
    bytes_free(&packet);
    bytes_free(&answer);
    order_wipe(&order);
}

Test(signer, other_policies_of_the_version_seen_are_a_fork)
{
    struct signed_document second;
    world_policy_next(&second, &world);
    signer_free(signer);
    signer = NULL;
    const char *const prepare[] = {"sh", "-c", "mkdir \"$0.d\" && mv \"$0\" \"$0.d/1.json\"", policy_path, NULL};
    cr_assert(test_run(prepare) == 0);
    char folder_path[TEST_PATH_SIZE + 32];
    char second_path[TEST_PATH_SIZE + 64];
    (void)snprintf(folder_path, sizeof(folder_path), "%s.d", policy_path);
    (void)snprintf(second_path, sizeof(second_path), "%s/2.json", folder_path);
    world_write_signed(second_path, &second);
    memcpy(policy_path, folder_path, sizeof(policy_path));
    MUST(signer_start(NULL));
    signer_free(signer);
    signer = NULL;

    /* Another second version, just as well signed. */
    signed_document_free(&second);
    world.now_utc_us++;
    world_policy_next(&second, &world);
    world_write_signed(second_path, &second);
    struct fault fault = {0};
    cr_expect(signer_start(&fault) == STATUS_FORK, "%s", fault.detail);
    signed_document_free(&second);
}
