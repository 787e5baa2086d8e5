/*
 * Attended activation: distinct custodians, a threshold, and everything that ends it.
 */
#include <criterion/criterion.h>

#include "base/share.h"
#include "desk.h"
#include "policy/occasion.h"

static struct hand hand;

static void share_set_write(const struct share_set *set)
{
    struct signed_document document = {.signatures = NULL};
    MUST(share_set_encode(&document.document, set, NULL));
    test_key_sign_document(&document, SHARE_SET_KIND, desk.world.keys[ADA]);
    test_key_sign_document(&document, SHARE_SET_KIND, desk.world.keys[ALAN]);
    world_write_signed(desk.share_set_path, &document);
    signed_document_free(&document);
}

/* Made once in a test: no two signatures are the same. */
static struct share_set share_set_of(void)
{
    static struct share_set set;
    if (set.version != 0) {
        return set;
    }
    set = (struct share_set){
        .key = desk_key_id(), .made_at = desk.now_utc_us, .shares = {.count = 2, .threshold = 2}, .version = 1};
    set.shares.holders[0] = (struct share_holder){.custodian = name_of("cato"),
                                                  .index = 1,
                                                  .seal = papers_seal(&desk.world, "cato", CATO, set.made_at),
                                                  .site = name_of("site-1")};
    set.shares.holders[1] = (struct share_holder){.custodian = name_of("cleo"),
                                                  .index = 2,
                                                  .seal = papers_seal(&desk.world, "cleo", CLEO, set.made_at),
                                                  .site = name_of("site-2")};
    digest_sha256(&set.shares.holders[0].commitment, "1", 1);
    digest_sha256(&set.shares.holders[1].commitment, "2", 1);
    return set;
}

/* An admitted key whose PIN is shared; it may idle for an hour. */
static void start(void)
{
    desk_start();
    memset(desk.to.bytes32, 7, sizeof(desk.to.bytes32));
    hand = hand_soft(desk.keys[0]);
    (void)snprintf(desk.share_set_path, sizeof(desk.share_set_path), "%s/shares", desk.folder.path);
    const struct share_set set = share_set_of();
    share_set_write(&set);
    struct key_document key = papers_key(&desk.world, &hand);
    key.activation = KEY_ATTENDED;
    key.idle_seconds = 3600;
    struct papers papers;
    papers_make(&papers, &desk.world, &hand, &key);
    MUST(desk_restart(NULL));
    desk.open = true;
    cr_assert(desk_admit(&papers) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.open = false;
    papers_wipe(&papers);
}

TestSuite(activation, .init = start, .fini = desk_finish);
static void start_bare(void)
{
    desk_start();
    memset(desk.to.bytes32, 7, sizeof(desk.to.bytes32));
    hand = hand_soft(desk.keys[0]);
}

TestSuite(bare, .init = start_bare, .fini = desk_finish);
TestSuite(unattended, .init = desk_start_active, .fini = desk_finish);

/* An attended key where the PIN is not in shares would work without people. */
Test(bare, an_attended_key_is_not_for_a_signer_that_has_its_pin)
{
    struct key_document key = papers_key(&desk.world, &hand);
    struct papers papers;
    key.activation = KEY_ATTENDED;
    papers_make(&papers, &desk.world, &hand, &key);
    cr_expect(desk_admit(&papers) == STATUS_MISMATCH && strstr(desk_detail, "pin-shares") != NULL, "%s", desk_detail);
    cr_expect_str_eq(desk_where, "document.activation");
    papers_wipe(&papers);
}

Test(activation, is_not_undone_by_a_start_without_shares)
{
    desk.open = true;
    cr_assert(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_OK, "%s", desk_detail);
    desk.share_set_path[0] = '\0';
    MUST(desk_restart(NULL));
    cr_expect_str_eq(desk_key().state, "inactive");
    cr_expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_MISMATCH, "%s", desk_detail);
    cr_expect_str_eq(desk_where, "document.activation");
    cr_expect_str_eq(desk_key().state, "inactive");
}

/* As otto asks for it and ada allows it. */
static struct occasion occasion_of(void)
{
    struct occasion occasion = {.action = OCCASION_ACTIVATE,
                                .authoriser = name_of("ada"),
                                .chain = desk.world.chain,
                                .environment = name_of("test"),
                                .expires_at = desk.now_utc_us + 600 * DESK_SECOND_US,
                                .issued_at = desk.now_utc_us,
                                .key = desk_key_id(),
                                .policy = desk.world.policy.digest,
                                .requester = name_of("otto"),
                                .to = desk.to};
    const struct share_set set = share_set_of();
    struct bytes document = {0};
    MUST(share_set_encode(&document, &set, NULL));
    share_set_digest(&occasion.set, document.data, document.len);
    bytes_free(&document);
    return occasion;
}

static void occasion_sign(struct signed_document *out, const struct occasion *occasion, enum who second)
{
    MUST(occasion_encode(&out->document, occasion, NULL));
    test_key_sign_document(out, OCCASION_KIND, desk.world.keys[OTTO]);
    if (second != OTTO) {
        test_key_sign_document(out, OCCASION_KIND, desk.world.keys[second]);
    }
}

static struct gift gift_of(const char *custodian, unsigned index)
{
    struct gift gift = {.custodian = name_of(custodian), .given_at = desk.now_utc_us, .index = index};
    digest_sha256(&gift.commitment, index == 1 ? "1" : "2", 1);
    return gift;
}

static enum status give_on(const struct signed_document *occasion, struct gift gift, enum who who,
                           struct wire_activation_reply *out)
{
    struct signed_document document = {.signatures = NULL};
    static const uint8_t sealed[SHARE_PIN_BLOCK_LEN + SEAL_OVERHEAD];
    MUST(bytes_copy(&gift.sealed, sealed, sizeof(sealed)));
    MUST(gift_encode(&document.document, &gift, NULL));
    test_key_sign_document(&document, GIFT_KIND, desk.world.keys[who]);
    struct wire_request request = {.op = WIRE_OP_ACTIVATION_GIVE,
                                   .activation_give = {.gift = document, .occasion = *occasion}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    *out = reply.activation;
    wire_reply_free(&reply);
    signed_document_free(&document);
    bytes_free(&gift.sealed);
    return status;
}

static void gift_bind(struct gift *gift, const struct signed_document *occasion)
{
    occasion_digest(&gift->occasion, occasion->document.data, occasion->document.len);
}

static enum status give(struct gift gift, enum who who, struct wire_activation_reply *out)
{
    struct signed_document document = {.signatures = NULL};
    const struct occasion occasion = occasion_of();
    occasion_sign(&document, &occasion, ADA);
    gift_bind(&gift, &document);
    enum status status = give_on(&document, gift, who, out);
    signed_document_free(&document);
    return status;
}

static void open_token(void)
{
    struct wire_activation_reply reply;
    desk.shares = 0;
    cr_assert(give(gift_of("cato", 1), CATO, &reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.have == 1 && reply.threshold == 2 && !reply.open);
    cr_assert(give(gift_of("cleo", 2), CLEO, &reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.have == 2 && reply.threshold == 2 && reply.open);
}

static void make_active(void)
{
    open_token();
    cr_assert(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_assert(desk_sign(1, 0) == STATUS_OK, "%s: %s", desk_where, desk_detail);
}

static void expect_inactive(const char *cause)
{
    const struct wire_key key = desk_key();
    cr_expect_str_eq(key.state, "inactive", "%s (%s)", key.state, key.cause);
    cr_expect_str_eq(key.cause, cause);
    cr_expect(desk_sign(1, 1) == STATUS_KEY_INACTIVE, "%s", desk_detail);
}

Test(activation, says_for_whom_shares_are_sealed)
{
    struct wire_request request = {.op = WIRE_OP_ACTIVATION_OPEN};
    struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(memcmp(reply.activation.to32, desk.to.bytes32, 32) == 0);
    cr_expect(reply.activation.have == 0 && reply.activation.threshold == 2);
}

Test(activation, needs_two_custodians)
{
    struct wire_activation_reply reply;
    cr_expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_TOKEN, "the PIN comes first");
    cr_expect(give(gift_of("cato", 1), CATO, &reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(gift_of("cato", 1), CATO, &reply) == STATUS_EXISTS, "the same person twice");
    cr_expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_TOKEN, "one share is not enough");
    make_active();
}

static enum status suspend(const char *person, enum who by)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    struct signed_document order;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, COMMAND_PERSON_SUSPEND, &none, (enum key_state)0, 0);
    MUST(name_parse(&command.person, person));
    order_key_sign(&order, &desk.world, &command, by, WHO_COUNT);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

Test(activation, who_is_suspended_gives_nothing)
{
    struct wire_activation_reply reply;
    cr_assert(suspend("cleo", ADA) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(gift_of("cato", 1), CATO, &reply) == STATUS_OK, "the others do: %s: %s", desk_where, desk_detail);
    cr_expect(give(gift_of("cleo", 2), CLEO, &reply) == STATUS_FORBIDDEN, "%s", desk_detail);
    cr_expect_str_eq(desk_where, "gift.signatures");
    cr_expect(give(gift_of("cato", 1), CLEO, &reply) == STATUS_UNKNOWN_KEY, "what does not verify says nothing more");
}

Test(activation, who_is_suspended_allows_nothing)
{
    struct wire_activation_reply reply;
    cr_assert(suspend("ada", ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(gift_of("cato", 1), CATO, &reply) == STATUS_FORBIDDEN, "%s", desk_detail);
    cr_expect_str_eq(desk_where, "occasion.signatures");
}

Test(activation, a_gift_is_of_its_custodian_for_this_key_and_occasion)
{
    struct wire_activation_reply reply;
    cr_expect(give(gift_of("cato", 1), CLEO, &reply) == STATUS_UNKNOWN_KEY, "%s", desk_detail);
    cr_expect(give(gift_of("cato", 1), STRANGER, &reply) == STATUS_UNKNOWN_KEY, "%s", desk_detail);
    cr_expect(give(gift_of("otto", 1), OTTO, &reply) == STATUS_MISMATCH, "%s", desk_detail);
    cr_expect(give(gift_of("cato", 2), CATO, &reply) == STATUS_MISMATCH, "another's share: %s", desk_detail);
    struct gift gift = gift_of("cato", 1);
    gift.commitment.bytes32[0] ^= 1;
    cr_expect(give(gift, CATO, &reply) == STATUS_MISMATCH, "another share: %s", desk_detail);
    cr_expect(desk.shares == 0, "nothing of it reached the token");
}

/* Gives cato's share on an occasion that was signed by otto and `second`. */
static void expect_occasion(const struct occasion *occasion, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {.signatures = NULL};
    struct wire_activation_reply reply;
    struct gift gift = gift_of("cato", 1);
    occasion_sign(&document, occasion, second);
    gift_bind(&gift, &document);
    enum status status = give_on(&document, gift, CATO, &reply);
    cr_expect(status == expected, "%s: %s: %s", status_info(status)->code, desk_where, desk_detail);
    cr_expect_str_eq(desk_where, where);
    cr_expect(desk.shares == 0, "nothing of it reached the token");
    signed_document_free(&document);
}

Test(activation, an_occasion_is_signed_by_two_and_about_this_activation)
{
    struct occasion occasion = occasion_of();
    expect_occasion(&occasion, OTTO, STATUS_QUORUM_MISSING, "occasion.signatures");
    expect_occasion(&occasion, STRANGER, STATUS_UNKNOWN_KEY, "occasion.signatures[1]");
    occasion.to.bytes32[0] ^= 1;
    expect_occasion(&occasion, ADA, STATUS_MISMATCH, "occasion.to");
    occasion = occasion_of();
    occasion.key.bytes32[0] ^= 1;
    expect_occasion(&occasion, ADA, STATUS_MISMATCH, "occasion.key");
    occasion = occasion_of();
    occasion.set.bytes32[0] ^= 1;
    expect_occasion(&occasion, ADA, STATUS_MISMATCH, "occasion.set");
    occasion = occasion_of();
    occasion.action = OCCASION_DRILL;
    occasion.executor = name_of("cleo");
    expect_occasion(&occasion, ADA, STATUS_MISMATCH, "occasion.action");
    occasion = occasion_of();
    occasion.issued_at -= 20 * DESK_SECOND_US;
    occasion.expires_at = desk.now_utc_us - 10 * DESK_SECOND_US;
    expect_occasion(&occasion, ADA, STATUS_EXPIRED, "occasion.expires_at");
}

Test(activation, a_gift_is_for_the_occasion_that_comes_with_it)
{
    struct signed_document document = {.signatures = NULL};
    struct wire_activation_reply reply;
    struct occasion occasion = occasion_of();
    occasion_sign(&document, &occasion, ADA);
    struct gift gift = gift_of("cato", 1);
    cr_expect(give_on(&document, gift, CATO, &reply) == STATUS_MISMATCH, "%s", desk_detail);
    cr_expect_str_eq(desk_where, "gift.occasion");
    gift_bind(&gift, &document);
    cr_expect(give_on(&document, gift, CATO, &reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    signed_document_free(&document);
}

Test(activation, ends_with_a_restart)
{
    make_active();
    desk.open = false;
    MUST(desk_restart(NULL));
    expect_inactive("restart");
}

Test(activation, ends_with_the_loss_of_the_token)
{
    make_active();
    desk.losses++;
    desk.open = false;
    expect_inactive("token");
    open_token();
    cr_expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_OK, "%s", desk_detail);
    cr_expect(desk_sign(1, 1) == STATUS_OK, "%s", desk_detail);
}

Test(activation, ends_when_idle)
{
    make_active();
    desk.now_utc_us += 3599 * DESK_SECOND_US;
    cr_expect(desk_sign(2, 0) == STATUS_OK);
    desk.now_utc_us += 3600 * DESK_SECOND_US;
    expect_inactive("idle");
}

Test(activation, a_share_set_is_signed_and_for_this_guard)
{
    struct share_set set = share_set_of();
    set.key.bytes32[0] ^= 1;
    share_set_write(&set);
    struct fault fault = {0};
    cr_expect(desk_restart(&fault) == STATUS_MISMATCH, "%s", fault.detail);
    cr_expect_str_eq(fault.where, "share_set.key");
}

static void expect_start(const struct share_set *set, enum status expected, const char *where)
{
    struct fault fault = {0};
    share_set_write(set);
    enum status status = desk_restart(&fault);
    cr_expect(status == expected, "version %d: %s, %s", (int)set->version, status_info(status)->code, fault.detail);
    cr_expect_str_eq(fault.where, where);
}

static struct share_set successor_of(const struct share_set *set)
{
    struct bytes document = {0};
    struct share_set next = *set;
    MUST(share_set_encode(&document, set, NULL));
    share_set_digest(&next.prev, document.data, document.len);
    bytes_free(&document);
    next.version++;
    return next;
}

Test(activation, an_older_share_set_does_not_come_back)
{
    const struct share_set first = share_set_of();
    struct share_set second = successor_of(&first);
    const struct share_set third = successor_of(&second);
    expect_start(&first, STATUS_OK, "");
    expect_start(&third, STATUS_MISMATCH, "share_set.prev");
    second.prev.bytes32[0] ^= 1;
    expect_start(&second, STATUS_MISMATCH, "share_set.prev");
    second = successor_of(&first);
    expect_start(&second, STATUS_OK, "");
    expect_start(&second, STATUS_OK, "");
    expect_start(&first, STATUS_ROLLBACK, "share_set.version");
    second.shares.holders[0].site = name_of("site-9");
    expect_start(&second, STATUS_FORK, "share_set.version");
    expect_start(&third, STATUS_OK, "");
}

/* Who made the shares did not put in a key of the own. */
Test(bare, a_share_set_is_sealed_for_keys_that_the_custodians_signed)
{
    (void)snprintf(desk.share_set_path, sizeof(desk.share_set_path), "%s/shares", desk.folder.path);
    struct share_set set = share_set_of();
    set.shares.holders[1].seal = papers_seal(&desk.world, "cleo", OTTO, set.made_at);
    expect_start(&set, STATUS_UNKNOWN_KEY, "share_set.shares[1].signatures");
    set.shares.holders[1].seal = papers_seal(&desk.world, "cleo", CLEO, set.made_at - 2 * WORLD_HOUR_US);
    expect_start(&set, STATUS_EXPIRED, "share_set.shares[1].valid_until");
    set = share_set_of();
    expect_start(&set, STATUS_OK, "");
}

/* The PIN is with those who have the shares of the backup (papers.c). */
static struct papers *wrapped_papers(void)
{
    static struct papers papers;
    struct key_document key = papers_key(&desk.world, &hand);
    key.backup = KEY_BACKUP_WRAPPED;
    papers_make(&papers, &desk.world, &hand, &key);
    return &papers;
}

Test(bare, no_key_is_admitted_whose_backup_is_with_those_who_have_the_pin)
{
    (void)snprintf(desk.share_set_path, sizeof(desk.share_set_path), "%s/shares", desk.folder.path);
    const struct share_set set = share_set_of();
    expect_start(&set, STATUS_OK, "");
    desk.open = true;
    struct papers *papers = wrapped_papers();
    cr_expect(desk_admit(papers) == STATUS_DUPLICATE_PERSON, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "backup.shares");
    papers_wipe(papers);
}

Test(bare, the_pin_is_not_shared_among_those_who_have_a_backup)
{
    struct papers *papers = wrapped_papers();
    cr_assert(desk_admit(papers) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    papers_wipe(papers);
    (void)snprintf(desk.share_set_path, sizeof(desk.share_set_path), "%s/shares", desk.folder.path);
    const struct share_set set = share_set_of();
    expect_start(&set, STATUS_DUPLICATE_PERSON, "share_set.shares");
}

Test(unattended, a_key_survives_loss_and_restart)
{
    desk.losses++;
    MUST(desk_restart(NULL));
    desk.losses++;
    cr_expect(desk_sign(1, 0) == STATUS_OK, "%s", desk_detail);
}
