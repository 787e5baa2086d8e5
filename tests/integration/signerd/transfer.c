/*
 * What the tests of role transfer share, see transfer.h.
 */
#include "transfer.h"

#include <criterion/criterion.h>
#include <signal.h>

struct place place;
struct world world;
struct wire_pool *pool;

void transfer_start_with(const char *const further[])
{
    world_init(&world, ROLE_TRANSFER, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, further, NULL), "%s", place.log);
    pool = place_pool(&place, 2);
}

void transfer_start(enum algorithm algorithm)
{
    place_make(&place, ROLE_TRANSFER, algorithm);
    transfer_start_with(NULL);
}

void transfer_finish(void)
{
    wire_pool_free(pool);
    if (place.pid > 0) {
        cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    }
    place_remove(&place);
    world_wipe(&world);
}

/* What the last refusal said of the past. */
static enum wire_promised promised;

static enum status sign(struct wire_transfer_reply *out, struct order *order, struct fault *fault)
{
    const struct wire_transfer_request request = order_request(order);
    struct wire_destination_adopt_reply listed;
    *fault = (struct fault){0};
    (void)!wire_destination_adopt(pool, &listed, &request.destination, PLACE_TIMEOUT_MS, NULL); /* judged when used */
    return wire_transfer_sign(pool, out, &promised, &request, PLACE_TIMEOUT_MS, fault);
}

void order_expect_signed(struct digest *out, struct order *order)
{
    struct wire_transfer_reply reply;
    struct fault fault;
    enum status status = sign(&reply, order, &fault);
    cr_assert(status == STATUS_OK, "%s: %s: %s", status_info(status)->code, fault.where, fault.detail);
    transaction_id(out, reply.transaction.data, reply.transaction.len);
    cr_expect(digest_equal(out, &order->intent.transaction));
    struct bytes message = {0};
    MUST(document_message(&message, TRANSACTION_KIND, reply.transaction.data, reply.transaction.len));
    cr_expect(signature_verify(&place.key, reply.signature.bytes64, message.data, message.len, NULL) == STATUS_OK);
    char code[SHORT_CODE_SIZE];
    intent_short_code(code, &order->digest);
    cr_expect_str_eq(reply.short_code, code);
    bytes_free(&message);
    bytes_free(&reply.transaction);
}

void order_expect_refused(struct order *order, enum status expected, const char *where, const char *what)
{
    struct wire_transfer_reply reply;
    struct fault fault;
    enum status status = sign(&reply, order, &fault);
    cr_expect(status == expected, "%s: %s at %s: %s", what, status_info(status)->code, fault.where, fault.detail);
    cr_expect(strncmp(fault.where, where, strlen(where)) == 0, "%s: where '%s'", what, fault.where);
    if (status == STATUS_OK) {
        bytes_free(&reply.transaction);
    }
}

void order_expect_promised(enum wire_promised expected)
{
    cr_expect(promised == expected, "promised %d", promised);
}

void order_reapprove(struct order *order)
{
    order_approve(order, &world, 0, "bert", BERT);
    order_approve(order, &world, 1, "bob", BOB);
    order_prove_again(order, &world);
}

void order_rewrite(struct order *order, bool rebuild)
{
    order_intent_changed(order, &world, rebuild);
    order_reapprove(order);
}
