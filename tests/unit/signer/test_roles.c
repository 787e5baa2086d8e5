/*
 * The other roles obey the state of their key as role transfer does: a validator's headers and the audit key's
 * checkpoints.
 */
#include <criterion/criterion.h>

#include "desk.h"

static struct hand hand;
static struct key_document key;

static void start(enum signer_role role)
{
    desk_start_as(role);
    hand = hand_soft(desk.keys[0]);
    key = papers_key(&desk.world, &hand);
}

static void start_validator(void)
{
    start(ROLE_VALIDATOR);
}

static void start_audit(void)
{
    start(ROLE_AUDIT);
}

TestSuite(validator, .init = start_validator, .fini = desk_finish);
TestSuite(audit, .init = start_audit, .fini = desk_finish);

static enum status admit(const struct hand *whose, const struct key_document *document)
{
    struct papers papers;
    papers_make(&papers, &desk.world, whose, document);
    enum status status = desk_admit(&papers);
    papers_wipe(&papers);
    return status;
}

static void activate(uint64_t signatures)
{
    struct command command = order_key(&desk.world, COMMAND_KEY_ACTIVATE, &key.key_id, KEY_STATE_INACTIVE, 1);
    struct signed_document order;
    command.signatures = signatures;
    order_key_sign(&order, &desk.world, &command, ADA, ALAN);
    cr_assert(desk_command(&order) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    signed_document_free(&order);
}

static enum status sign_header(void)
{
    struct bytes header = {0};
    world_header(&header, &desk.world, 1, &desk.world.chain, "salt");
    struct wire_request request = {.op = WIRE_OP_HEADER_SIGN, .header = {.header = header}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    bytes_free(&header);
    return status;
}

static enum status sign_checkpoint(void)
{
    struct wire_request request = {.op = WIRE_OP_CHECKPOINT_SIGN};
    struct wire_reply reply;
    world_checkpoint(&request.checkpoint, &desk.world, desk.world.entry_count - 1, desk.world.entry_count);
    enum status status = desk_ask(&reply, &request);
    bytes_free(&request.checkpoint.note);
    return status;
}

Test(validator, signs_while_its_key_is_active)
{
    cr_expect(sign_header() == STATUS_KEY_INACTIVE, "generated");
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(sign_header() == STATUS_KEY_INACTIVE, "inactive");
    activate(2);
    cr_expect(sign_header() == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(sign_header() == STATUS_OK, "the same again counts as well");
    cr_expect(sign_header() == STATUS_KEY_INACTIVE, "the box is empty");
    cr_expect_str_eq(desk_key().cause, "box");
}

Test(validator, is_not_ready_while_no_token_has_its_key)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    activate(100);
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && reply.status.ready);
    cr_expect_str_eq(reply.status.tokens[0].reason, "");
    const struct test_key *lost = desk.keys[0];
    desk.keys[0] = NULL; /* the token was emptied, and opens all the same */
    cr_expect(sign_header() == STATUS_TOKEN, "a client may ask again: %s", desk_detail);
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && !reply.status.ready);
    cr_expect_str_eq(reply.status.reason, "no token that is open has an active key");
    char said[128];
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &key.key_id);
    (void)snprintf(said, sizeof(said), "it lacks the key %s", id);
    cr_expect_str_eq(reply.status.tokens[0].reason, said);
    desk.keys[0] = lost;
    cr_expect(sign_header() == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && reply.status.ready);
    cr_expect_str_eq(reply.status.tokens[0].reason, "");
}

Test(validator, waits_for_the_cryptoperiod)
{
    key.valid_from = desk.now_utc_us + 60 * DESK_SECOND_US;
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    activate(100);
    cr_expect(sign_header() == STATUS_KEY_INACTIVE && strstr(desk_detail, "has not begun") != NULL, "%s", desk_detail);
    desk.now_utc_us = key.valid_from;
    cr_expect(sign_header() == STATUS_OK, "%s: %s", desk_where, desk_detail);
}

Test(validator, has_its_founding_key_alone)
{
    desk.keys[1] = desk.world.keys[CAROL];
    const struct hand other = hand_soft(desk.keys[1]);
    const struct key_document second = papers_key(&desk.world, &other);
    cr_expect(admit(&other, &second) == STATUS_MISMATCH);
    cr_expect_str_eq(desk_where, "document.key");
}

static enum status halt_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)context;
    return guard_txn_halt(txn, STATUS_FORK, "test", "two histories", fault);
}

/* Ed25519: no r is remembered that would find the halt at the end. */
static void expect_no_word_when_halted(void)
{
    struct wire_request request = {.op = WIRE_OP_KEY_ATTEST, .key_attest = {.key = desk_key_id()}};
    struct wire_reply reply;
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    activate(100);
    cr_expect(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    cr_assert(guard_commit(desk.guard, halt_apply, NULL, NULL) == STATUS_FORK);
    cr_expect(desk_ask(&reply, &request) == STATUS_HALTED, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
}

Test(audit, attests_nothing_when_halted)
{
    expect_no_word_when_halted();
}

Test(validator, attests_nothing_when_halted)
{
    expect_no_word_when_halted();
}

/* A halted guard takes no change, not even that of a key whose time is over: people must see what is there all the
 * same. */
Test(validator, is_shown_when_halted)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    activate(100);
    cr_assert(guard_commit(desk.guard, halt_apply, NULL, NULL) == STATUS_FORK);
    desk.now_utc_us = key.valid_until;
    cr_expect_str_eq(desk_key().state, "active");
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && !reply.status.ready, "%s: %s", desk_where, desk_detail);
    cr_expect_not_null(strstr(reply.status.reason, "halted, fork: test"), "%s", reply.status.reason);
    cr_expect(sign_header() == STATUS_HALTED, "%s: %s", desk_where, desk_detail);
    MUST(desk_restart(NULL));
    cr_expect_str_eq(desk_key().state, "active");
}

Test(audit, signs_while_its_key_is_active)
{
    world_entry_append(&desk.world, "custodyd");
    cr_expect(sign_checkpoint() == STATUS_KEY_INACTIVE, "generated");
    cr_expect(admit(&hand, &key) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    activate(100);
    cr_expect(sign_checkpoint() == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_alarm() == STATUS_OK);
    world_entry_append(&desk.world, "custodyd");
    cr_expect(sign_checkpoint() == STATUS_KEY_INACTIVE, "suspended");
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && !reply.status.ready);
    cr_expect_str_eq(reply.status.reason, "the key is suspended (alarm)");
    cr_expect(reply.status.size == 1, "what was refused left no trace");
}
