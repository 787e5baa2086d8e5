/*
 * The allow-list through the real operations: who puts an address on it, when it serves, what it must not look like,
 * and who takes it off.
 */
#include <criterion/criterion.h>

#include "base/canon.h"
#include "desk.h"

#define SECOND DESK_SECOND_US

static void setup(void)
{
    desk_start_active();
    desk.lists_nothing = true;
}

TestSuite(destinations, .init = setup, .fini = desk_finish);

static struct wire_destination_adopt_reply told;

static void expect(enum status got, enum status expected, const char *where, const char *what)
{
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
}

static struct destination entry(void)
{
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    return order_destination(&now);
}

static struct digest digest_of(const struct destination *destination)
{
    struct bytes document = {0};
    struct digest out;
    MUST(destination_encode(&document, destination, NULL));
    destination_digest(&out, document.data, document.len);
    bytes_free(&document);
    return out;
}

/* Handed over, signed by ADA and this one. */
static enum status list_by(const struct destination *destination, enum who second)
{
    struct order order = {.approval_count = 0};
    order_destination_sign(&order, &desk.world, destination, second);
    enum status status = desk_list(&told, &order.destination);
    signed_document_free(&order.destination);
    return status;
}

static enum status list(const struct destination *destination)
{
    return list_by(destination, ALAN);
}

/* A transfer that shows this entry. */
static enum status sign(uint64_t lane, const struct destination *destination)
{
    struct order order;
    struct wire_reply reply;
    struct world *world = &desk.world;
    world->now_utc_us = desk.now_utc_us;
    order_init(&order, world, lane, 0);
    order.intent.destination = destination->account;
    order_intent_changed(&order, world, true);
    order_approve(&order, world, 0, "bert", BERT);
    order_approve(&order, world, 1, "bob", BOB);
    order_destination_sign(&order, world, destination, ALAN);
    order_prove_again(&order, world);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    enum status status = desk_ask(&reply, &request);
    desk.world.promises = status == STATUS_OK ? reply.transfer.promises : desk.world.promises;
    wire_reply_free(&reply);
    order_wipe(&order);
    return status;
}

static enum status take_off(const struct digest *subject, enum who who)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, COMMAND_DESTINATION_REVOKE, &none, (enum key_state)0, 0);
    command.subject = *subject;
    struct signed_document order;
    order_key_sign(&order, &desk.world, &command, who, WHO_COUNT);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

/* Another account with the same first and last four characters. */
static struct account_id alike(const struct account_id *account)
{
    struct account_id other = *account;
    for (uint32_t i = 1; !account_id_alike(account, &other); i++) {
        cr_assert(i != 0);
        memcpy(other.digest.bytes32 + 8, &i, sizeof(i));
    }
    return other;
}

/* The next version, which `edit` changes, comes into force. */
static void enter(void (*edit)(json_t *policy))
{
    struct signed_document next;
    struct bytes document = {0};
    world_policy_next(&next, &desk.world);
    json_t *policy = json_loadb((const char *)next.document.data, next.document.len, 0, NULL);
    edit(policy);
    MUST(canon_emit(&document, policy, CANON_POLICY_MAX, NULL));
    json_decref(policy);
    signed_document_free(&next);
    next = (struct signed_document){.document = document};
    test_key_sign_document(&next, POLICY_KIND, desk.world.keys[ADA]);
    test_key_sign_document(&next, POLICY_KIND, desk.world.keys[ALAN]);
    cr_assert(desk_adopt(NULL, &next) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += desk.world.policy.delay_s * SECOND;
    desk.world.now_utc_us = desk.now_utc_us;
    world_policy_advance(&desk.world, &next);
    signed_document_free(&next);
}

Test(destinations, what_is_not_held_is_not_on_the_list)
{
    const struct destination one = entry();
    expect(sign(1, &one), STATUS_DESTINATION_UNLISTED, "destination", "signed by the quorum, and not handed over");
    expect(list(&one), STATUS_OK, "", "handed over");
    cr_expect_str_eq(told.state, "serving");
    cr_expect(told.serving_at == desk.now_utc_us);
    expect(sign(1, &one), STATUS_OK, "", "held");
    desk.now_utc_us += SECOND;
    expect(list(&one), STATUS_OK, "", "again");
    cr_expect(told.serving_at == desk.now_utc_us - SECOND, "the same answer");
    cr_assert(desk_restart(NULL) == STATUS_OK);
    expect(sign(2, &one), STATUS_OK, "", "after a restart");
}

Test(destinations, needs_the_quorum_and_a_group)
{
    struct destination one = entry();
    expect(list_by(&one, STRANGER), STATUS_UNKNOWN_KEY, "document.signatures[1]", "with a stranger");
    expect(list_by(&one, BERT), STATUS_UNKNOWN_KEY, "document.signatures[1]", "with an approver");
    one.group = name_of("elsewhere");
    expect(list(&one), STATUS_DENIED, "document.group", "a group that the policy does not have");
    one = entry();
    one.issued_at = desk.now_utc_us + 61 * SECOND;
    expect(list(&one), STATUS_NOT_READY, "document.issued_at", "of the future");
    one = entry();
    one.valid_until = desk.now_utc_us;
    expect(list(&one), STATUS_EXPIRED, "document.valid_until", "over");
    one = entry();
    expect(sign(1, &one), STATUS_DESTINATION_UNLISTED, "destination", "nothing of it came onto the list");
}

static void without_ada(json_t *policy)
{
    json_t *admins = json_array_get(json_object_get(policy, "groups"), 0);
    json_array_remove(json_object_get(admins, "members"), 0);
}

/* The gap of before: ADA decides nothing any more, and dates an entry back to when she did. */
Test(destinations, an_old_quorum_cannot_date_back)
{
    struct destination before = entry();
    struct destination one = entry();
    one.account.digest.bytes32[3] ^= 1;
    expect(list(&before), STATUS_OK, "", "of her time");
    enter(without_ada);
    expect(list(&one), STATUS_UNKNOWN_KEY, "document.signatures[0]", "dated back");
    expect(sign(1, &one), STATUS_DESTINATION_UNLISTED, "destination", "and shown to the transfer");
    expect(list(&before), STATUS_OK, "", "what is held stays");
    expect(sign(1, &before), STATUS_OK, "", "and serves");
}

Test(destinations, look_alikes_are_refused)
{
    struct destination one = entry();
    struct destination other = entry();
    other.account = alike(&one.account);
    expect(list(&one), STATUS_OK, "", "the one");
    expect(list(&other), STATUS_LOOK_ALIKE, "destination.account", "and another with the same ends");
    char address[ADDRESS_TEXT_SIZE];
    address_format(address, &one.account);
    cr_expect(strstr(desk_detail, address) != NULL, "it says what it looks like: %s", desk_detail);
    cr_assert(desk_restart(NULL) == STATUS_OK);
    expect(list(&other), STATUS_LOOK_ALIKE, "destination.account", "after a restart");
    struct destination own = entry();
    own.account = alike(&desk.world.policy.wallets[0].account);
    expect(list(&own), STATUS_LOOK_ALIKE, "destination.account", "the ends of a wallet's own address");
    own.account = desk.world.policy.wallets[0].account;
    expect(list(&own), STATUS_OK, "", "the wallet itself");

    const struct digest digest = digest_of(&one);
    expect(take_off(&digest, BERT), STATUS_OK, "", "the first one is taken off");
    expect(list(&other), STATUS_OK, "", "and is nothing to be taken for any more");
    one.issued_at += SECOND;
    expect(list(&one), STATUS_LOOK_ALIKE, "destination.account", "it is the other way round now");
    cr_assert(desk_restart(NULL) == STATUS_OK, "and the guard agrees with itself");
}

Test(destinations, one_person_revokes_for_ever)
{
    const struct destination one = entry();
    struct destination newer = entry();
    const struct digest digest = digest_of(&one);
    struct order order;
    expect(list(&one), STATUS_OK, "", "listed");
    order_init(&order, &desk.world, 7, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct wire_reply reply;
    expect(desk_ask(&reply, &request), STATUS_OK, "", "promised");
    desk.world.promises = reply.transfer.promises;
    wire_reply_free(&reply);

    expect(take_off(&digest, WANDA), STATUS_FORBIDDEN, "command.signatures[0]", "an auditor");
    expect(take_off(&digest, OTTO), STATUS_OK, "", "an operator");
    expect(sign(1, &one), STATUS_DENIED, "destination", "revoked");
    expect(list(&one), STATUS_DENIED, "destination", "handed over again");
    cr_assert(desk_restart(NULL) == STATUS_OK);
    expect(sign(1, &one), STATUS_DENIED, "destination", "after a restart");
    expect(take_off(&digest, BERT), STATUS_OK, "", "once more changes nothing");
    expect(desk_ask(&reply, &request), STATUS_OK, "", "what was promised before can be had again");
    wire_reply_free(&reply);
    order_wipe(&order);

    newer.issued_at += SECOND;
    expect(list(&newer), STATUS_OK, "", "another document for the address");
    expect(sign(1, &newer), STATUS_OK, "", "serves");
    struct destination unseen = entry();
    unseen.account.digest.bytes32[3] ^= 1;
    const struct digest unseen_digest = digest_of(&unseen);
    expect(take_off(&unseen_digest, CAROL), STATUS_OK, "", "one that did not come yet");
    expect(list(&unseen), STATUS_DENIED, "destination", "never does");
}

Test(destinations, a_newer_entry_takes_the_place_of_an_older_one)
{
    const struct destination one = entry();
    struct destination two = entry();
    two.valid_until = desk.now_utc_us + 1800 * SECOND;
    expect(list(&one), STATUS_OK, "", "first");
    expect(list(&two), STATUS_CONFLICT, "document.issued_at", "of the same time");
    two.issued_at += SECOND;
    expect(list(&two), STATUS_OK, "", "newer");
    expect(sign(1, &one), STATUS_MISMATCH, "destination", "the older one is not the one held");
    expect(list(&one), STATUS_CONFLICT, "document.issued_at", "and does not come back");
    expect(sign(1, &two), STATUS_OK, "", "the newer one");
    desk.now_utc_us = two.valid_until;
    expect(list(&two), STATUS_OK, "", "known");
    cr_expect_str_eq(told.state, "expired");
    expect(sign(2, &two), STATUS_EXPIRED, "destination.valid_until", "expired");
}

/* The service shows who revokes an address the list: it may show an older entry of it. */
Test(destinations, who_revokes_an_older_entry_means_the_address)
{
    const struct destination one = entry();
    struct destination two = entry();
    struct destination three = entry();
    const struct digest digest = digest_of(&one);
    two.issued_at += SECOND;
    three.issued_at += 2 * SECOND;
    const struct digest second = digest_of(&two);
    expect(list(&one), STATUS_OK, "", "first");
    expect(list(&two), STATUS_OK, "", "newer");
    cr_assert(desk_restart(NULL) == STATUS_OK, "the guard agrees with itself");
    expect(sign(1, &two), STATUS_OK, "", "which serves");
    expect(take_off(&digest, BERT), STATUS_OK, "", "the older one is taken off");
    expect(sign(2, &two), STATUS_DENIED, "destination", "and the newer one with it");
    expect(list(&two), STATUS_DENIED, "destination", "for ever");
    expect(list(&one), STATUS_DENIED, "destination", "both of them");
    cr_assert(desk_restart(NULL) == STATUS_OK, "the guard agrees with itself");
    expect(list(&three), STATUS_OK, "", "another document for the address");
    expect(sign(3, &three), STATUS_OK, "", "serves");
    expect(take_off(&second, BERT), STATUS_OK, "", "what was revoked with the other one");
    expect(sign(4, &three), STATUS_OK, "", "is over already");
    cr_assert(desk_restart(NULL) == STATUS_OK, "the guard agrees with itself");
}

static void cool(json_t *policy)
{
    json_object_set_new(json_object_get(policy, "destinations"), "cooling_s", json_integer(100));
    json_object_set_new(json_object_get(policy, "destinations"), "groups", json_pack("[ss]", "clients", "partners"));
}

Test(destinations, cooling_off_counts_while_the_signer_runs)
{
    enter(cool);
    const struct destination one = entry();
    expect(list(&one), STATUS_OK, "", "new");
    cr_expect_str_eq(told.state, "cooling");
    cr_expect(told.serving_at == desk.now_utc_us + 100 * SECOND);
    expect(sign(1, &one), STATUS_NOT_READY, "destination", "at once");
    desk.jumped_us = 3600 * SECOND;
    expect(list(&one), STATUS_OK, "", "known");
    cr_expect_str_eq(told.state, "cooling", "setting the clock shortens nothing");
    desk.jumped_us = 0;
    desk.now_utc_us += 60 * SECOND;
    expect(list(&one), STATUS_OK, "", "known");
    desk_stop();
    desk.now_utc_us += 600 * SECOND;
    cr_assert(desk_restart(NULL) == STATUS_OK);
    desk.now_utc_us += 38 * SECOND;
    expect(sign(1, &one), STATUS_NOT_READY, "destination", "a stop does not count");
    desk.now_utc_us += 3 * SECOND;
    expect(list(&one), STATUS_OK, "", "cooled");
    cr_expect_str_eq(told.state, "serving");
    expect(sign(1, &one), STATUS_OK, "", "and serves");

    struct destination longer = one;
    longer.issued_at += SECOND;
    longer.valid_until += SECOND;
    expect(list(&longer), STATUS_OK, "", "the same group, for longer");
    cr_expect_str_eq(told.state, "serving");
    expect(sign(2, &longer), STATUS_OK, "", "does not cool off again");
    struct destination moved = longer;
    moved.issued_at += SECOND;
    moved.group = name_of("partners");
    expect(list(&moved), STATUS_OK, "", "another group");
    cr_expect_str_eq(told.state, "cooling");
    expect(sign(3, &moved), STATUS_NOT_READY, "destination", "cools off anew");
    moved.issued_at += SECOND;
    moved.valid_until += SECOND;
    desk.now_utc_us += 60 * SECOND;
    expect(list(&moved), STATUS_OK, "", "newer, while the older one still cools off");
    cr_expect(told.serving_at == desk.now_utc_us + 100 * SECOND, "counts from its own arrival");
}

/* A list that lost a part is no list: an entry, the ends by which it is found, or what was revoked. */

static enum status lose(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_remove(txn, context, fault);
}

static void expect_loss_found(char letter, const void *name, size_t len)
{
    struct guard_record record = {.key = {(uint8_t)letter}, .key_len = 1 + len};
    struct fault fault = {0};
    memcpy(record.key + 1, name, len);
    MUST(guard_commit(desk.guard, lose, &record, NULL));
    cr_expect(desk_restart(&fault) == STATUS_CORRUPT, "%c: %s", letter, fault.detail);
    cr_expect(strstr(fault.detail, "missing") != NULL, "%s", fault.detail);
}

Test(destinations, a_lost_entry_is_found)
{
    const struct destination one = entry();
    expect(list(&one), STATUS_OK, "", "listed");
    expect_loss_found('t', one.account.digest.bytes32, 32);
}

Test(destinations, lost_ends_are_found)
{
    char ends[ADDRESS_ENDS_SIZE];
    const struct destination one = entry();
    expect(list(&one), STATUS_OK, "", "listed");
    address_ends(ends, &one.account);
    expect_loss_found('y', ends, ADDRESS_ENDS_SIZE - 1);
}

Test(destinations, a_lost_revocation_is_found)
{
    const struct destination one = entry();
    const struct digest digest = digest_of(&one);
    expect(take_off(&digest, OTTO), STATUS_OK, "", "revoked");
    expect_loss_found('o', digest.bytes32, 32);
}

Test(destinations, a_lost_older_entry_is_found)
{
    const struct destination one = entry();
    struct destination two = entry();
    const struct digest digest = digest_of(&one);
    two.issued_at += SECOND;
    expect(list(&one), STATUS_OK, "", "listed");
    expect(list(&two), STATUS_OK, "", "and in its place a newer one");
    expect_loss_found('o', digest.bytes32, 32);
}
