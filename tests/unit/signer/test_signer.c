/*
 * The signer with a clock and a key of the test's own: what time does to it, and that a key that fails leaves a promise
 * and no signature.
 */
#include <criterion/criterion.h>

#include "desk.h"

TestSuite(signer, .init = desk_start_active, .fini = desk_finish);

/* The status and `where` of the answer. */
static enum status sign(struct order *order, char where[64])
{
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(order)};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    memcpy(where, reply.fault.where, sizeof(reply.fault.where));
    wire_reply_free(&reply);
    return status;
}

static void expect_sign(uint64_t lane, enum status expected, const char *where)
{
    char at[64];
    struct order order;
    order_init(&order, &desk.world, lane, 0);
    enum status status = sign(&order, at);
    cr_expect(status == expected, "%s at %s", status_info(status)->code, at);
    cr_expect_str_eq(at, where);
    order_wipe(&order);
}

Test(signer, a_clock_that_is_set_back_is_noticed)
{
    expect_sign(1, STATUS_OK, "");
    desk.now_utc_us = DESK_START_UTC_US - 59 * 1000000LL;
    expect_sign(2, STATUS_OK, "");
    desk.now_utc_us = DESK_START_UTC_US - 61 * 1000000LL;
    expect_sign(3, STATUS_ROLLBACK, "clock");
    desk.now_utc_us = DESK_START_UTC_US;
    expect_sign(3, STATUS_OK, "");
}

Test(signer, and_after_a_restart_too)
{
    expect_sign(1, STATUS_OK, "");
    MUST(desk_restart(NULL));
    desk.now_utc_us = DESK_START_UTC_US - 61 * 1000000LL;
    expect_sign(2, STATUS_ROLLBACK, "clock");
}

Test(signer, an_intent_expires)
{
    struct order order;
    char where[64];
    struct order late;
    order_init(&order, &desk.world, 1, 0);
    order_init(&late, &desk.world, 2, 0);
    desk.now_utc_us = order.intent.expires_at - 1;
    cr_expect(sign(&order, where) == STATUS_OK);
    desk.now_utc_us = late.intent.expires_at;
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
    order_init(&order, &desk.world, 1, 0);
    order_init(&rival, &desk.world, 1, 0);
    desk.token = TOKEN_GONE;
    cr_expect(sign(&order, where) == STATUS_TOKEN);
    desk.token = TOKEN_WORKS;
    cr_expect(sign(&rival, where) == STATUS_REPLAY);
    cr_expect(sign(&order, where) == STATUS_OK);
    order_wipe(&order);
    order_wipe(&rival);
}

static bool ready_now(void)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    cr_expect(desk_ask(&reply, &request) == STATUS_OK);
    cr_expect(reply.status.ready == (reply.status.reason[0] == '\0'));
    cr_expect(reply.status.token_count == 1);
    cr_expect_str_eq(reply.status.tokens[0].label, "soft");
    return reply.status.ready;
}

Test(signer, says_that_its_token_is_lost)
{
    cr_expect(ready_now());
    desk.token = TOKEN_GONE;
    cr_expect(!ready_now());
}

/* A request that is one. */
static struct wire_request request_of(enum wire_op op, struct order *order)
{
    struct wire_request request = {.op = op};
    if (op == WIRE_OP_TRANSFER_SIGN || op == WIRE_OP_TRANSFER_ANNOUNCE) {
        request.transfer = order_request(order);
    } else if (op == WIRE_OP_TRANSFER_RECALL || op == WIRE_OP_TRANSFER_END) {
        request.recall.withdrawal = order->intent.withdrawal;
    } else if (op == WIRE_OP_TRANSFER_USAGE) {
        request.usage.intent = order_request(order).intent;
    } else if (op == WIRE_OP_KEY_ALARM) {
        request.key_alarm.reason = name_of("smoke");
    } else if (op == WIRE_OP_FREEZE_ALARM) {
        request.freeze_alarm = (struct wire_freeze_alarm_request){.scope = "everything", .reason = name_of("smoke")};
    } else if (op == WIRE_OP_KEY_ADMIT) {
        request.key_admit = (struct wire_key_admit_request){
            .command = order->destination, .document = order->destination, .ceremony = order->document};
    } else if (op == WIRE_OP_KEY_COMMAND || op == WIRE_OP_KEY_PROVE) {
        request.key_order.order = order->destination;
    } else if (op == WIRE_OP_ACTIVATION_GIVE) {
        request.activation_give =
            (struct wire_activation_give_request){.gift = order->destination, .occasion = order->destination};
    } else if (op == WIRE_OP_POLICY_ADOPT) {
        request.policy_adopt.document = order->destination;
    }
    return request;
}

/* What each kind of user may do. */
Test(signer, permission_is_of_the_connection)
{
    static const struct {
        enum wire_op op;
        unsigned permit; /* that is needed */
    } rows[] = {
        {WIRE_OP_STATUS, SIGNER_PERMIT_STATUS},        {WIRE_OP_KEY_LIST, SIGNER_PERMIT_STATUS},
        {WIRE_OP_KEY_ATTEST, SIGNER_PERMIT_KEYS},      {WIRE_OP_KEY_ALARM, SIGNER_PERMIT_KEYS},
        {WIRE_OP_ACTIVATION_OPEN, SIGNER_PERMIT_KEYS}, {WIRE_OP_TRANSFER_SIGN, SIGNER_PERMIT_SIGN},
        {WIRE_OP_KEY_COMMAND, SIGNER_PERMIT_KEYS},     {WIRE_OP_KEY_ADMIT, SIGNER_PERMIT_KEYS},
        {WIRE_OP_KEY_PROVE, SIGNER_PERMIT_KEYS},       {WIRE_OP_ACTIVATION_GIVE, SIGNER_PERMIT_KEYS},
        {WIRE_OP_FREEZE_ALARM, SIGNER_PERMIT_KEYS},    {WIRE_OP_POLICY_ADOPT, SIGNER_PERMIT_KEYS},
        {WIRE_OP_TRANSFER_RECALL, SIGNER_PERMIT_KEYS}, {WIRE_OP_TRANSFER_END, SIGNER_PERMIT_SIGN},
        {WIRE_OP_TRANSFER_USAGE, SIGNER_PERMIT_KEYS},  {WIRE_OP_TRANSFER_ANNOUNCE, SIGNER_PERMIT_SIGN},
    };
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned permit = 0; permit < 8; permit++) {
            struct wire_request request = request_of(rows[i].op, &order);
            struct wire_reply reply;
            bool goes_on = false;
            bool may = (permit & rows[i].permit) != 0;
            enum status status = desk_ask_as(&reply, &request, permit, &goes_on);
            cr_expect((status != STATUS_NOT_PERMITTED) == may, "%s with %u", wire_op_name(rows[i].op), permit);
            cr_expect(goes_on == may, "the connection must end");
            wire_reply_free(&reply);
        }
    }
    order_wipe(&order);
}
