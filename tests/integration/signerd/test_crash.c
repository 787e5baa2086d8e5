/*
 * Killed at every step and asked again: one transaction, one checkpoint per size, one header per height (steps C5, C9
 * and C10 of the crash matrix), one reveal per order, no key of a subject that is erased.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/file.h"
#include "place.h"
#include "policy/subject.h"

#define POINTS_MAX 16

static struct place place;
static struct world world;
static struct wire_pool *pool;

static void make(enum signer_role role, enum algorithm algorithm)
{
    place_make(&place, role, algorithm);
    world_init(&world, role, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log); /* its key becomes active, without crashing */
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    pool = place_pool(&place, 1);
}

static void finish(void)
{
    wire_pool_free(pool);
    place_remove(&place);
    world_wipe(&world);
}

/* Starts it so that it dies at the n-th crash point that it reaches. */
static void start_to_crash(int n)
{
    char point[16];
    (void)snprintf(point, sizeof(point), "*:%d", n);
    cr_assert(place_start(&place, NULL, point), "%s", place.log);
}

/* True when it was killed at a crash point, false when it answered and was stopped. */
static bool end(enum status answered)
{
    if (answered == STATUS_OK) {
        cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
        return false;
    }
    cr_assert(answered == STATUS_UNAVAILABLE, "%s", status_info(answered)->code);
    cr_assert(place_await_end(&place) == 128 + SIGKILL, "%s", place.log);
    return true;
}

static enum status sign_transfer(struct digest *out, struct order *order)
{
    struct wire_transfer_reply reply;
    const struct wire_transfer_request request = order_request(order);
    enum status status = place_transfer_sign(pool, &reply, &request);
    if (status == STATUS_OK) {
        transaction_id(out, reply.transaction.data, reply.transaction.len);
        bytes_free(&reply.transaction);
    }
    return status;
}

Test(crash, a_transfer_is_one_transaction_wherever_the_signer_dies)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    int crashes = 0;
    for (uint64_t seq = 0; seq < POINTS_MAX; seq++) {
        struct order order;
        struct order rival;
        struct digest id;
        order_init(&order, &world, 1, seq);
        order_init(&rival, &world, 1, seq);
        start_to_crash((int)seq + 1);
        bool crashed = end(sign_transfer(&id, &order));
        crashes += crashed;

        cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
        cr_expect(sign_transfer(&id, &order) == STATUS_OK);
        cr_expect(digest_equal(&id, &order.intent.transaction));
        cr_expect(sign_transfer(&id, &rival) == STATUS_REPLAY, "seq %d", (int)seq);
        cr_assert(place_stop(&place, SIGTERM) == 0);
        order_wipe(&order);
        order_wipe(&rival);
        if (!crashed) {
            break;
        }
    }
    cr_expect(crashes >= 4, "checked, remembered, signed, released; not %d", crashes);
    finish();
}

/* Once the promise is on the disk, it holds although no signature ever left. */
Test(crash, a_promise_holds_although_no_signature_left)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct order order;
    struct order rival;
    struct digest id;
    order_init(&order, &world, 1, 0);
    order_init(&rival, &world, 1, 0);
    cr_assert(place_start(&place, NULL, "signer.remembered:1"), "%s", place.log);
    cr_expect(end(sign_transfer(&id, &order)));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(sign_transfer(&id, &rival) == STATUS_REPLAY);
    cr_expect(sign_transfer(&id, &order) == STATUS_OK);
    order_wipe(&order);
    order_wipe(&rival);
    finish();
}

/* Before it is on the disk, nothing is promised. */
Test(crash, nothing_is_promised_before_it_is_on_the_disk)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct order order;
    struct order rival;
    struct digest id;
    order_init(&order, &world, 1, 0);
    order_init(&rival, &world, 1, 0);
    cr_assert(place_start(&place, NULL, "signer.checked:1"), "%s", place.log);
    cr_expect(end(sign_transfer(&id, &order)));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(sign_transfer(&id, &rival) == STATUS_OK);
    cr_expect(sign_transfer(&id, &order) == STATUS_REPLAY);
    order_wipe(&order);
    order_wipe(&rival);
    finish();
}

static enum status announce(struct wire_announce_reply *out, struct order *order)
{
    order_announce(order, &world);
    const struct wire_transfer_request request = order_request(order);
    return wire_transfer_announce(pool, out, NULL, &request, PLACE_TIMEOUT_MS, NULL);
}

/* Between an announcement and its reply: it waits since then, or it was never announced. */
Test(crash, an_announcement_waits_from_when_it_was_remembered)
{
    world_demand = "{\"delay_s\":600}";
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct order order;
    struct digest id;
    struct wire_announce_reply reply;
    struct wire_announce_reply again;
    order_init(&order, &world, 1, 0);
    cr_assert(place_start(&place, NULL, "announce.checked:1"), "%s", place.log);
    cr_expect(end(announce(&reply, &order)));
    cr_assert(place_start(&place, NULL, "announce.remembered:1"), "%s", place.log);
    order_prove_again(&order, &world);
    cr_expect(sign_transfer(&id, &order) == STATUS_NOT_READY);
    cr_expect(end(announce(&reply, &order)));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    MUST(announce(&reply, &order));
    MUST(announce(&again, &order));
    cr_expect(!reply.due && !again.due && again.sign_at <= reply.sign_at + 1000000, "it was announced once");
    order_prove_again(&order, &world);
    cr_expect(sign_transfer(&id, &order) == STATUS_NOT_READY);
    cr_assert(place_stop(&place, SIGTERM) == 0);
    order_wipe(&order);
    finish();
}

static enum status list(const struct order *order)
{
    struct wire_destination_adopt_reply reply;
    return wire_destination_adopt(pool, &reply, &order->destination, PLACE_TIMEOUT_MS, NULL);
}

/* Without handing over the entry of the allow-list before. */
static enum status sign_to_what_is_held(struct order *order)
{
    struct wire_transfer_reply reply;
    const struct wire_transfer_request request = order_request(order);
    enum status status = wire_transfer_sign(pool, &reply, NULL, &request, PLACE_TIMEOUT_MS, NULL);
    if (status == STATUS_OK) {
        bytes_free(&reply.transaction);
    }
    return status;
}

/* Between the arrival of an entry and the reply: it is held, or it is not on the list. */
Test(crash, an_entry_is_held_once_it_is_on_the_disk)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct order order;
    order_init(&order, &world, 1, 0);
    cr_assert(place_start(&place, NULL, "destination.checked:1"), "%s", place.log);
    cr_expect(end(list(&order)));
    cr_assert(place_start(&place, NULL, "destination.remembered:1"), "%s", place.log);
    cr_expect(sign_to_what_is_held(&order) == STATUS_DESTINATION_UNLISTED);
    cr_expect(end(list(&order)));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(sign_to_what_is_held(&order) == STATUS_OK);
    MUST(list(&order));
    cr_assert(place_stop(&place, SIGTERM) == 0);
    order_wipe(&order);
    finish();
}

static enum status adopt(struct wire_policy_adopt_reply *out, const struct signed_document *policy)
{
    return wire_policy_adopt(pool, out, policy, PLACE_TIMEOUT_MS, NULL);
}

static struct wire_status_reply status_now(void)
{
    struct wire_status_reply status = {.policy_version = 0};
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    return status;
}

/* Between the arrival of a version and the reply: it is there, with its time, or it is not. */
Test(crash, a_version_waits_from_when_it_was_remembered)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct signed_document second;
    struct wire_policy_adopt_reply reply;
    world_policy_next(&second, &world);
    cr_assert(place_start(&place, NULL, "policy.checked:1"), "%s", place.log);
    cr_expect(end(adopt(&reply, &second)));
    cr_assert(place_start(&place, NULL, "policy.remembered:1"), "%s", place.log);
    cr_expect(!status_now().has_next, "nothing is remembered before it is on the disk");
    cr_expect(end(adopt(&reply, &second)));
    int64_t after = clock_utc_us(clock_system());
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    MUST(adopt(&reply, &second));
    cr_expect(status_now().next.received_at <= after, "since the first time");
    cr_assert(place_stop(&place, SIGTERM) == 0);
    signed_document_free(&second);
    finish();
}

/* Looks until it dies at the point, which it reaches when the delay is over, and then what came of it. */
static void die_when_due(const char *point, bool entered, const struct signed_document *second)
{
    const struct timespec step = {.tv_nsec = 20000000};
    struct wire_policy_adopt_reply reply;
    struct wire_status_reply status;
    cr_assert(place_start(&place, NULL, point), "%s", place.log);
    MUST(adopt(&reply, second));
    while (wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL) == STATUS_OK) {
        cr_assert(status.policy_version == 1, "no answer before it is on the disk");
        (void)nanosleep(&step, NULL);
    }
    cr_assert(place_await_end(&place) == 128 + SIGKILL, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    status = status_now();
    cr_expect(!entered || status.policy_version == 2, "at %s", point);
    while (status.policy_version != 2) { /* the last second before the crash is waited for again */
        cr_assert(status.has_next, "at %s", point);
        (void)nanosleep(&step, NULL);
        status = status_now();
    }
    cr_assert(place_stop(&place, SIGTERM) == 0);
}

Test(crash, a_version_that_is_due_is_in_force_after_any_crash)
{
    static const char *const points[] = {"policy.due:1", "policy.entered:1"};
    for (size_t i = 0; i < 2; i++) {
        make(ROLE_TRANSFER, ALGORITHM_P256);
        struct signed_document second;
        world_policy_next(&second, &world);
        die_when_due(points[i], i == 1, &second);
        signed_document_free(&second);
        finish();
    }
}

/* An order is carried out with its nonce or not at all. */
static void order_crash(const char *point, const char *state, enum status again)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    const struct digest first = {{0}};
    struct wire_key_list_reply list;
    struct wire_key_state_reply reply;
    struct signed_document order;
    const struct command command =
        order_key(&world, COMMAND_KEY_SUSPEND, &place.papers.key.key_id, KEY_STATE_ACTIVE, 0);
    order_key_sign(&order, &world, &command, BERT, WHO_COUNT);
    cr_assert(place_start(&place, NULL, point), "%s", place.log);
    cr_expect(end(wire_key_command(pool, &reply, &order, PLACE_TIMEOUT_MS, NULL)));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(wire_key_list(pool, &list, &first, PLACE_TIMEOUT_MS, NULL) == STATUS_OK);
    cr_expect_str_eq(list.keys[0].state, state);
    cr_expect(wire_key_command(pool, &reply, &order, PLACE_TIMEOUT_MS, NULL) == again);
    signed_document_free(&order);
    finish();
}

Test(crash, an_order_that_was_not_remembered_can_come_again)
{
    order_crash("order.checked:1", "active", STATUS_OK);
}

Test(crash, an_order_that_was_remembered_is_carried_out_and_used_up)
{
    order_crash("order.remembered:1", "suspended", STATUS_REPLAY);
}

static void expect_suspended(const char *person)
{
    struct wire_status_reply status = status_now();
    cr_assert(status.suspended_count == (person == NULL ? 0 : 1), "%zu", status.suspended_count);
    cr_expect(person == NULL || strcmp(status.suspended[0].person.text, person) == 0);
    cr_expect(person == NULL || status.suspended[0].on == 1, "it is one suspension");
}

static enum status hand_in(const struct signed_document *order)
{
    struct wire_key_state_reply reply;
    return wire_key_command(pool, &reply, order, PLACE_TIMEOUT_MS, NULL);
}

static void person_order(struct signed_document *out, enum command_action action, enum who first, enum who second)
{
    const struct digest none = {{0}};
    struct command command = order_key(&world, action, &none, (enum key_state)0, 0);
    MUST(name_parse(&command.person, "bob"));
    command.on = action == COMMAND_PERSON_RESUME ? 1 : 0;
    order_key_sign(out, &world, &command, first, second);
}

/* Between an order about a person and the reply: it holds, with its number, or it never came; the same order may come
 * again in either case, and is one. */
Test(crash, a_suspension_holds_once_it_is_on_the_disk)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    struct signed_document suspend;
    struct signed_document resume;
    struct order order;
    struct digest id;
    person_order(&suspend, COMMAND_PERSON_SUSPEND, ALAN, WHO_COUNT);
    person_order(&resume, COMMAND_PERSON_RESUME, ADA, ALAN);
    order_init(&order, &world, 1, 0);
    cr_assert(place_start(&place, NULL, "order.checked:1"), "%s", place.log);
    cr_expect(end(hand_in(&suspend)));
    cr_assert(place_start(&place, NULL, "order.remembered:1"), "%s", place.log);
    expect_suspended(NULL);
    cr_expect(end(hand_in(&suspend)));

    cr_assert(place_start(&place, NULL, "order.checked:2"), "%s", place.log);
    expect_suspended("bob");
    cr_expect(sign_transfer(&id, &order) == STATUS_QUORUM_MISSING);
    MUST(hand_in(&suspend));
    expect_suspended("bob");
    cr_expect(end(hand_in(&resume)));
    cr_assert(place_start(&place, NULL, "order.remembered:1"), "%s", place.log);
    expect_suspended("bob");
    cr_expect(end(hand_in(&resume)));

    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    expect_suspended(NULL);
    MUST(hand_in(&resume));
    MUST(hand_in(&suspend)); /* of whoever kept it: it was used */
    expect_suspended(NULL);
    cr_expect(sign_transfer(&id, &order) == STATUS_OK);
    cr_assert(place_stop(&place, SIGTERM) == 0);
    signed_document_free(&suspend);
    signed_document_free(&resume);
    order_wipe(&order);
    finish();
}

/* A subject of whom a name is sealed. */
static struct uuid subject;
static struct wire_subject_row row;

static void seal_name(void)
{
    uint8_t name[] = "Alice";
    struct wire_subject_seal_reply reply;
    struct wire_subject_seal_request request = {.count = 1, .values = {{.field = "name", .value = {name, 5}}}};
    MUST(uuid_generate(&request.subject, clock_system()));
    MUST(uuid_generate(&request.event, clock_system()));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    MUST(wire_subject_seal(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL));
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    subject = request.subject;
    row = reply.rows[0]; /* transferred */
}

static void pii_order(struct signed_document *out, enum command_action action, enum who first, enum who second)
{
    const struct digest none = {{0}};
    struct command command = order_key(&world, action, &none, (enum key_state)0, 0);
    command.data_subject = subject;
    command.fields = action == COMMAND_PII_REVEAL ? SUBJECT_NAME : 0;
    memset(command.to.bytes32, 0, sizeof(command.to.bytes32));
    command.to.bytes32[0] = 9; /* the base point: a key like any other */
    MUST(name_parse(&command.case_id, "case-7"));
    order_key_sign(out, &world, &command, first, second);
}

/* Out: the number that the reveal is told as. */
static enum status reveal(uint64_t *out, const struct signed_document *order)
{
    struct wire_subject_open_reply reply;
    struct wire_subject_open_request request = {.command = *order, .count = 1, .rows = {row}};
    enum status status = wire_subject_open(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL);
    if (status == STATUS_OK) {
        *out = reply.on;
        bytes_free(&reply.boxes[0].box);
    }
    return status;
}

Test(crash, a_reveal_is_counted_once_wherever_the_signer_dies)
{
    make(ROLE_PRIVACY, ALGORITHM_P256);
    seal_name();
    int crashes = 0;
    for (int n = 1; n < POINTS_MAX; n++) {
        struct signed_document order;
        uint64_t number = 0;
        pii_order(&order, COMMAND_PII_REVEAL, WANDA, WHO_COUNT);
        start_to_crash(n);
        bool crashed = end(reveal(&number, &order));
        crashes += crashed;
        cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
        MUST(reveal(&number, &order));
        cr_expect(number == (uint64_t)n, "%llu after a crash at point %d", (unsigned long long)number, n);
        cr_expect(status_now().reveals == (uint64_t)n);
        cr_assert(place_stop(&place, SIGTERM) == 0);
        signed_document_free(&order);
        if (!crashed) {
            break;
        }
    }
    cr_expect(crashes >= 2, "checked, remembered; not %d", crashes);
    bytes_free(&row.sealed);
    finish();
}

static bool key_is_there(void)
{
    char path[sizeof(place.guard) + 16];
    struct bytes slots = {0};
    bool there = false;
    (void)snprintf(path, sizeof(path), "%s/subjects", place.guard);
    MUST(file_read(&slots, path, 4096, "subjects", NULL));
    cr_assert(slots.len > 0);
    for (size_t i = 0; i < slots.len; i++) {
        there = there || slots.data[i] != 0;
    }
    bytes_free(&slots);
    return there;
}

/* Between an order to erase and its reply: nothing was done, or the key is gone with the next start. */
Test(crash, a_subject_whose_erasure_is_on_the_disk_has_no_key_after_the_next_start)
{
    make(ROLE_PRIVACY, ALGORITHM_P256);
    seal_name();
    struct signed_document erasure;
    struct signed_document look;
    uint64_t number = 0;
    pii_order(&erasure, COMMAND_PII_ERASE, ADA, ALAN);
    pii_order(&look, COMMAND_PII_REVEAL, WANDA, WHO_COUNT);
    cr_assert(place_start(&place, NULL, "order.checked:1"), "%s", place.log);
    cr_expect(end(hand_in(&erasure)));
    cr_assert(place_start(&place, NULL, "order.remembered:2"), "%s", place.log);
    cr_expect(reveal(&number, &look) == STATUS_OK, "nothing was done");
    cr_expect(end(hand_in(&erasure)));
    cr_expect(key_is_there(), "it died before the slot was overwritten");
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect_not(key_is_there());
    cr_expect(reveal(&number, &look) == STATUS_CONFLICT);
    MUST(hand_in(&erasure));
    cr_assert(place_stop(&place, SIGTERM) == 0);
    signed_document_free(&erasure);
    signed_document_free(&look);
    bytes_free(&row.sealed);
    finish();
}

static enum status sign_checkpoint(uint64_t old, uint64_t size)
{
    struct wire_checkpoint_request request;
    struct wire_checkpoint_reply reply;
    world_checkpoint(&request, &world, old, size);
    enum status status = wire_checkpoint_sign(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL);
    bytes_free(&request.note);
    return status;
}

Test(crash, a_checkpoint_is_signed_again_wherever_the_signer_dies)
{
    make(ROLE_AUDIT, ALGORITHM_ED25519);
    uint64_t size = 0;
    int crashes = 0;
    for (int n = 1; n < POINTS_MAX; n++) {
        world_entry_append(&world, "custodyd");
        start_to_crash(n);
        bool crashed = end(sign_checkpoint(size, size + 1));
        crashes += crashed;
        size++;
        cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
        cr_expect(sign_checkpoint(size - 1, size) == STATUS_OK, "after a crash at point %d", n);
        cr_expect(sign_checkpoint(size - 1, size) == STATUS_OK);
        cr_assert(place_stop(&place, SIGTERM) == 0);
        if (!crashed) {
            break;
        }
    }
    cr_expect(crashes >= 4);
    finish();
}

Test(crash, a_height_has_one_header_wherever_the_signer_dies)
{
    make(ROLE_VALIDATOR, ALGORITHM_P256);
    struct digest prev = world.chain;
    int crashes = 0;
    for (uint64_t height = 1; height < POINTS_MAX; height++) {
        struct wire_header_request request = {.header = {0}};
        struct wire_header_reply reply;
        world_header(&request.header, &world, height, &prev, "block");
        start_to_crash((int)height);
        bool crashed = end(wire_header_sign(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL));
        crashes += crashed;
        cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
        cr_expect(wire_header_sign(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL) == STATUS_OK);
        ledger_header_digest(&prev, request.header.data, request.header.len);
        bytes_free(&request.header);
        cr_assert(place_stop(&place, SIGTERM) == 0);
        if (!crashed) {
            break;
        }
    }
    cr_expect(crashes >= 4);
    finish();
}
