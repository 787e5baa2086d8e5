/*
 * Role validator against a real signerd: one header per height, in order, across restarts.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "place.h"

static struct place place;
static struct world world;
static struct wire_pool *pool;

static void start(enum algorithm algorithm)
{
    place_make(&place, ROLE_VALIDATOR, algorithm);
    world_init(&world, ROLE_VALIDATOR, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    pool = place_pool(&place, 1);
}

static void finish(void)
{
    wire_pool_free(pool);
    cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    place_remove(&place);
    world_wipe(&world);
}

static enum status sign(struct wire_header_reply *out, const struct bytes *header, struct fault *fault)
{
    const struct wire_header_request request = {.header = *header};
    *fault = (struct fault){0};
    return wire_header_sign(pool, out, &request, PLACE_TIMEOUT_MS, fault);
}

/* Signs and verifies. Out: the digest, for the next header. */
static void expect_signed(struct digest *out, const struct bytes *header)
{
    struct wire_header_reply reply;
    struct fault fault;
    enum status status = sign(&reply, header, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
    struct bytes message = {0};
    MUST(document_message(&message, LEDGER_HEADER_KIND, header->data, header->len));
    cr_expect(signature_verify(&place.key, reply.signature.bytes64, message.data, message.len, NULL) == STATUS_OK);
    bytes_free(&message);
    ledger_header_digest(out, header->data, header->len);
}

static void expect_refused(const struct bytes *header, enum status expected, const char *where)
{
    struct wire_header_reply reply;
    struct fault fault;
    enum status status = sign(&reply, header, &fault);
    cr_expect(status == expected, "%s: %s", status_info(status)->code, fault.detail);
    cr_expect_str_eq(fault.where, where);
}

static void restart(void)
{
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
}

static void chain_of_headers(enum algorithm algorithm)
{
    start(algorithm);
    struct bytes first = {0};
    struct bytes second = {0};
    struct digest digest;
    struct digest again;
    world_header(&first, &world, 1, &world.chain, "one");
    expect_signed(&digest, &first);
    expect_signed(&again, &first);
    world_header(&second, &world, 2, &digest, "two");
    restart();
    expect_signed(&again, &first);
    expect_signed(&digest, &second);
    expect_refused(&first, STATUS_CONFLICT, "header.height");
    struct wire_status_reply status;
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    cr_expect(status.ready && status.height == 2 && digest_equal(&status.header, &digest));
    bytes_free(&first);
    bytes_free(&second);
    finish();
}

Test(validator, signs_a_chain_of_headers_with_p256)
{
    chain_of_headers(ALGORITHM_P256);
}

Test(validator, signs_a_chain_of_headers_with_ed25519)
{
    chain_of_headers(ALGORITHM_ED25519);
}

Test(validator, two_headers_of_one_height_halt_it_for_good)
{
    start(ALGORITHM_P256);
    struct bytes first = {0};
    struct bytes other = {0};
    struct digest digest;
    world_header(&first, &world, 1, &world.chain, "one");
    world_header(&other, &world, 1, &world.chain, "another");
    expect_signed(&digest, &first);
    expect_refused(&other, STATUS_FORK, "header.height");
    expect_refused(&first, STATUS_HALTED, "guard");
    restart();
    expect_refused(&first, STATUS_HALTED, "guard");
    expect_refused(&other, STATUS_HALTED, "guard");
    bytes_free(&first);
    bytes_free(&other);
    finish();
}

Test(validator, refuses_headers_that_do_not_follow)
{
    start(ALGORITHM_P256);
    struct bytes header = {0};
    struct digest digest;

    world_header(&header, &world, 2, &world.chain, "a gap");
    expect_refused(&header, STATUS_CONFLICT, "header.height");
    bytes_free(&header);

    world_header(&header, &world, 1, &world.asset, "another past");
    expect_refused(&header, STATUS_MISMATCH, "header.prev");
    bytes_free(&header);

    world_header(&header, &world, 1, &world.chain, "one");
    expect_signed(&digest, &header);
    bytes_free(&header);

    const struct digest chain = world.chain;
    world.chain.bytes32[0] ^= 1;
    world_header(&header, &world, 2, &digest, "another ledger");
    world.chain = chain;
    expect_refused(&header, STATUS_MISMATCH, "header.chain");
    bytes_free(&header);

    const struct digest validators = world.validators;
    world.validators.bytes32[0] ^= 1;
    world_header(&header, &world, 2, &digest, "other validators");
    world.validators = validators;
    expect_refused(&header, STATUS_MISMATCH, "header.validators");
    bytes_free(&header);

    world.now_utc_us += WORLD_HOUR_US;
    world_header(&header, &world, 2, &digest, "from the future");
    world.now_utc_us -= WORLD_HOUR_US;
    expect_refused(&header, STATUS_NOT_READY, "header.time");
    bytes_free(&header);

    world_header(&header, &world, 2, &digest, "two");
    expect_signed(&digest, &header);
    bytes_free(&header);
    finish();
}
