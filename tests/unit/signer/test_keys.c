/*
 * The states of a key through the real operations: signed orders, a guard on disk, a clock that the test moves.
 */
#include <criterion/criterion.h>

#include "desk.h"
#include "policy/attestation.h"

TestSuite(keys, .init = desk_start_active, .fini = desk_finish);
TestSuite(fresh, .init = desk_start, .fini = desk_finish);

static void expect(enum status got, enum status expected, const char *where, const char *what)
{
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
}

static void expect_state(const char *state, const char *cause)
{
    const struct wire_key key = desk_key();
    cr_expect_str_eq(key.state, state, "%s (%s)", key.state, key.cause);
    cr_expect_str_eq(key.cause, cause, "%s (%s)", key.state, key.cause);
}

/* The 49 pairs */

#define STATES 7

static void admit(int64_t cryptoperiod_us)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    struct key_document key = papers_key(&desk.world, &hand);
    key.valid_until = desk.world.now_utc_us + cryptoperiod_us;
    key.retain_until = key.valid_until;
    struct papers papers;
    papers_make(&papers, &desk.world, &hand, &key);
    (void)desk_admit(&papers);
    papers_wipe(&papers);
}

/* The orders that lead to a state, one after the other from `generated`. */
static void bring_to(enum key_state state)
{
    if (state == KEY_STATE_GENERATED) {
        return;
    }
    if (state == KEY_STATE_DESTROYED) {
        cr_assert(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_GENERATED) == STATUS_OK);
        return;
    }
    admit(10 * DESK_DAY_US);
    static const enum command_action last[] = {
        [KEY_STATE_ACTIVE] = COMMAND_KEY_ACTIVATE,
        [KEY_STATE_SUSPENDED] = COMMAND_KEY_SUSPEND,
        [KEY_STATE_RETAINED] = COMMAND_KEY_RETIRE,
        [KEY_STATE_COMPROMISED] = COMMAND_KEY_COMPROMISE,
    };
    if (state != KEY_STATE_INACTIVE) {
        cr_assert(desk_order(last[state], KEY_STATE_INACTIVE) == STATUS_OK, "%s", desk_detail);
    }
}

/* An order that could be written: `from` is the key's state when the action can begin there, another one otherwise. */
static void try_order(enum command_action action, enum key_state state)
{
    enum key_action move;
    enum key_state next;
    MUST(command_key_action(&move, action));
    enum key_state from = state;
    for (int i = KEY_STATE_GENERATED; key_state_next(&next, from, move, NULL) != STATUS_OK; i++) {
        from = (enum key_state)i;
    }
    (void)desk_order(action, from);
}

/* The second order comes after the wait and after retain_until. */
static void destroy(enum key_state from)
{
    try_order(COMMAND_KEY_DESTROY, from);
    if (from == KEY_STATE_RETAINED || from == KEY_STATE_COMPROMISED) {
        desk.now_utc_us += 11 * DESK_DAY_US;
        try_order(COMMAND_KEY_DESTROY, from);
    }
}

static enum key_state state_now(void)
{
    enum key_state state;
    MUST(key_state_parse(&state, desk_key().state));
    return state;
}

/* As docs/formats.md says: generated, inactive, active, suspended, retained, compromised, destroyed. */
static const char *const possible[STATES] = {
    ".X...XX",
    ".."
    "XXXX.",
    ".X."
    "XXX.",
    ".X..XX.",
    ".....XX",
    "......X",
    ".......",
};

Test(pairs, of_49_17_are_possible)
{
    size_t count = 0;
    bool reached[STATES + 1][STATES + 1] = {{false}};
    for (enum key_state from = KEY_STATE_GENERATED; from <= KEY_STATE_DESTROYED; from++) {
        for (enum command_action action = COMMAND_KEY_ADMIT; action <= COMMAND_KEY_DESTROY; action++) {
            desk_start();
            bring_to(from);
            cr_assert(state_now() == from);
            if (action == COMMAND_KEY_ADMIT) {
                admit(10 * DESK_DAY_US);
            } else if (action == COMMAND_KEY_DESTROY) {
                destroy(from);
            } else {
                try_order(action, from);
            }
            MUST(desk_restart(NULL)); /* what is on the disk */
            reached[from][state_now()] = true;
            desk_finish();
        }
    }
    for (int from = 1; from <= STATES; from++) {
        for (int to = 1; to <= STATES; to++) {
            /* The wait of a destruction takes an inactive key past its cryptoperiod, which retires it: also possible.
             */
            bool may = possible[from - 1][to - 1] == 'X';
            cr_expect(from == to || reached[from][to] == may, "%s to %s", key_state_text((enum key_state)from),
                      key_state_text((enum key_state)to));
            count += from != to && reached[from][to];
        }
    }
    cr_expect(count == 17, "%zu", count);
}

Test(keys, a_destruction_waits)
{
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE), STATUS_OK, "", "retire");
    expect(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_RETAINED), STATUS_OK, "", "first");
    cr_expect(desk_key().destroy_at == desk.now_utc_us + KEY_DESTRUCTION_WAIT_US);
    desk.now_utc_us += KEY_DESTRUCTION_WAIT_US - 1;
    expect(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_RETAINED), STATUS_CONFLICT, "destroy_at", "too soon");
    desk.now_utc_us += 1;
    expect(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_RETAINED), STATUS_CONFLICT, "destroy_at", "before retain_until");
    desk.now_utc_us += 1001 * DESK_DAY_US;
    expect(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_RETAINED), STATUS_OK, "", "second");
    expect_state("destroyed", "command");
}

Test(keys, a_wait_ends_with_another_transition)
{
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE), STATUS_OK, "", "retire");
    expect(desk_order(COMMAND_KEY_DESTROY, KEY_STATE_RETAINED), STATUS_OK, "", "first");
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED), STATUS_OK, "", "compromise");
    cr_expect(desk_key().destroy_at == 0);
}

/* Orders that must not count */

static struct command order_of(enum command_action action, enum key_state from)
{
    const struct digest id = desk_key_id();
    return order_key(&desk.world, action, &id, from, desk_key().on);
}

static void expect_order(const struct command *command, enum who first, enum who second, enum status status,
                         const char *where, const char *what)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, first, second);
    const uint64_t on = desk_key().on;
    expect(desk_command(&order), status, where, what);
    cr_expect(desk_key().on == on + (status == STATUS_OK), "%s", what);
    signed_document_free(&order);
}

Test(keys, an_order_serves_once)
{
    const struct command suspend = order_of(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE);
    expect_order(&suspend, BERT, WHO_COUNT, STATUS_OK, "", "first");
    expect(desk_order(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED), STATUS_OK, "", "resume");
    expect_order(&suspend, BERT, WHO_COUNT, STATUS_REPLAY, "command.nonce", "again");
    MUST(desk_restart(NULL));
    expect_order(&suspend, BERT, WHO_COUNT, STATUS_REPLAY, "command.nonce", "again after a restart");
    struct command other = order_of(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE);
    other.nonce = suspend.nonce;
    other.reason = name_of("other");
    expect_order(&other, BERT, WHO_COUNT, STATUS_REPLAY, "command.nonce", "the same nonce in another order");
}

Test(keys, a_refused_order_does_not_use_up_its_nonce)
{
    struct command activate = order_of(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE);
    activate.on++; /* they know what comes before it */
    expect_order(&activate, ADA, ALAN, STATUS_CONFLICT, "command.from", "the key is active already");
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    expect_order(&activate, ADA, ALAN, STATUS_OK, "", "now");
}

/* Somebody carried them to nobody, and others were signed in their place. */
Test(keys, an_order_that_was_withheld_does_not_serve_at_the_next_occasion)
{
    expect(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE), STATUS_OK, "", "suspend");
    const struct command resume = order_of(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED);
    struct command activate = order_of(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE);
    activate.on++;
    expect(desk_order(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED), STATUS_OK, "", "resume");
    expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE), STATUS_OK, "", "activate");
    expect(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE), STATUS_OK, "", "suspend again");
    expect_order(&resume, ADA, ALAN, STATUS_CONFLICT, "command.on", "the withheld resume");
    expect(desk_order(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED), STATUS_OK, "", "resume again");
    expect_order(&activate, ADA, ALAN, STATUS_CONFLICT, "command.on", "the withheld activation");
}

Test(keys, an_order_has_its_time)
{
    struct command command = order_of(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE);
    desk.now_utc_us = command.expires_at;
    expect_order(&command, BERT, WHO_COUNT, STATUS_EXPIRED, "command.expires_at", "late");
    command = order_of(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE);
    command.issued_at = desk.now_utc_us + 61 * DESK_SECOND_US;
    command.expires_at = command.issued_at + DESK_SECOND_US;
    expect_order(&command, BERT, WHO_COUNT, STATUS_NOT_READY, "command.issued_at", "early");
}

Test(keys, an_order_is_signed_by_whom_its_action_asks_for)
{
    const struct command retire = order_of(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE);
    const struct command suspend = order_of(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE);
    expect_order(&retire, ADA, WHO_COUNT, STATUS_QUORUM_MISSING, "command.signatures", "one administrator");
    expect_order(&retire, WHO_COUNT, WHO_COUNT, STATUS_QUORUM_MISSING, "command.signatures", "nobody");
    expect_order(&retire, ADA, BERT, STATUS_UNKNOWN_KEY, "command.signatures[1]", "an approver");
    expect_order(&retire, ADA, STRANGER, STATUS_UNKNOWN_KEY, "command.signatures[1]", "a stranger");
    expect_order(&suspend, STRANGER, WHO_COUNT, STATUS_UNKNOWN_KEY, "command.signatures[0]", "a stranger");
    expect_order(&suspend, WANDA, WHO_COUNT, STATUS_FORBIDDEN, "command.signatures[0]", "an auditor");
    expect_order(&suspend, CATO, WHO_COUNT, STATUS_OK, "", "a custodian");
}

Test(keys, an_order_is_for_one_key_of_one_signer_of_one_ledger)
{
    const struct command right = order_of(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE);
    struct command command = right;
    command.role = ROLE_AUDIT;
    expect_order(&command, ADA, ALAN, STATUS_MISMATCH, "command.role", "another role");
    command = right;
    command.chain.bytes32[0] ^= 1;
    expect_order(&command, ADA, ALAN, STATUS_MISMATCH, "command.chain", "another ledger");
    command = right;
    command.environment = name_of("production");
    expect_order(&command, ADA, ALAN, STATUS_MISMATCH, "command.environment", "another environment");
    command = right;
    command.policy.bytes32[0] ^= 1;
    expect_order(&command, ADA, ALAN, STATUS_MISMATCH, "command.policy", "another policy");
    command = right;
    command.key.bytes32[0] ^= 1;
    expect_order(&command, ADA, ALAN, STATUS_NOT_FOUND, "command.key", "another key");
    command = right;
    command.from = KEY_STATE_SUSPENDED;
    expect_order(&command, ADA, ALAN, STATUS_CONFLICT, "command.from", "another state");
    command = right;
    command.action = COMMAND_KEY_SWEEP;
    command.from = KEY_STATE_RETAINED;
    expect_order(&command, ADA, ALAN, STATUS_INVALID, "command.action", "a sweep moves no key");
    command = right;
    command.action = COMMAND_KEY_ADMIT;
    command.from = KEY_STATE_GENERATED;
    digest_sha256(&command.document, "x", 1);
    expect_order(&command, ADA, ALAN, STATUS_INVALID, "command.action", "an admission without papers");
}

Test(keys, an_edited_order_is_none)
{
    const struct command retire = order_of(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE);
    struct signed_document order;
    order_key_sign(&order, &desk.world, &retire, ADA, ALAN);
    char *reason = strstr((char *)order.document.data, "\"reason\":\"test\"");
    cr_assert(reason != NULL);
    reason[10] = 'b';
    expect(desk_command(&order), STATUS_SIGNATURE_INVALID, "command.signatures[0]", "edited");
    expect_state("active", "command");
    signed_document_free(&order);
}

/* Boxes */

static void activate_with(uint64_t signatures, int64_t seconds, enum status status, const char *where)
{
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    const struct digest id = desk_key_id();
    struct command command = order_key(&now, COMMAND_KEY_ACTIVATE, &id, KEY_STATE_INACTIVE, desk_key().on);
    command.signatures = signatures;
    command.until = desk.now_utc_us + seconds * DESK_SECOND_US;
    expect_order(&command, ADA, ALAN, status, where, "activate");
}

Test(keys, a_box_has_so_many_signatures)
{
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    activate_with(2, 3600, STATUS_OK, "");
    expect(desk_sign(1, 0), STATUS_OK, "", "first");
    cr_expect(desk_key().box_signatures == 1);
    MUST(desk_restart(NULL));
    expect(desk_sign(1, 1), STATUS_OK, "", "second");
    expect(desk_sign(1, 2), STATUS_KEY_INACTIVE, "wallet.state", "third");
    expect_state("inactive", "box");
    activate_with(1, 3600, STATUS_OK, "");
    expect(desk_sign(1, 2), STATUS_OK, "", "in the next box");
}

Test(keys, a_signature_that_failed_counts_all_the_same)
{
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    activate_with(1, 3600, STATUS_OK, "");
    desk.token = TOKEN_GONE;
    expect(desk_sign(1, 0), STATUS_TOKEN, "token", "the token is gone");
    desk.token = TOKEN_WORKS;
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "wallet.state", "the box is empty");
}

Test(keys, a_box_has_its_end)
{
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    activate_with(100, 60, STATUS_OK, "");
    desk.now_utc_us += 60 * DESK_SECOND_US - 1;
    expect(desk_sign(1, 0), STATUS_OK, "", "the last moment");
    desk.now_utc_us += 1;
    expect(desk_sign(1, 1), STATUS_KEY_INACTIVE, "wallet.state", "over");
    expect_state("inactive", "box");
    desk.now_utc_us -= 30 * DESK_SECOND_US; /* the clock is set back */
    expect(desk_sign(1, 1), STATUS_KEY_INACTIVE, "wallet.state", "it does not come back");
}

/* Whatever the clock says afterwards, a key is judged by the latest time that was seen. */
Test(keys, time_does_not_go_back)
{
    desk.now_utc_us += 59 * DESK_SECOND_US;
    const int64_t highest = desk.now_utc_us;
    expect(desk_sign(1, 0), STATUS_OK, "", "now");
    desk.now_utc_us -= 50 * DESK_SECOND_US;
    expect(desk_alarm(), STATUS_OK, "", "alarm");
    cr_expect(desk_key().since == highest);
}

Test(keys, a_box_is_no_larger_than_the_document_says)
{
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    activate_with(1000000001, 60, STATUS_LIMIT_EXCEEDED, "signatures");
    activate_with(100, KEY_BOX_SECONDS_MAX + 1, STATUS_LIMIT_EXCEEDED, "until");
    activate_with(1000000000, KEY_BOX_SECONDS_MAX, STATUS_OK, "");
}

Test(keys, a_cryptoperiod_ends_in_retirement)
{
    desk.now_utc_us += 1001 * DESK_DAY_US;
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "wallet.state", "over");
    expect_state("retained", "cryptoperiod");
    desk.now_utc_us = DESK_START_UTC_US;
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "wallet.state", "and does not come back with the clock");
}

Test(keys, a_suspended_key_waits_for_people)
{
    expect(desk_alarm(), STATUS_OK, "", "alarm");
    expect_state("suspended", "alarm");
    desk.now_utc_us += 1001 * DESK_DAY_US;
    expect_state("suspended", "alarm");
    expect(desk_alarm(), STATUS_CONFLICT, "state", "a second alarm");
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "wallet.state", "suspended");
}

/* Signatures that must not leave */

/* What the last refusal said of the past. */
static enum wire_promised promised;

static enum status ask_transfer(struct order *order, const struct signed_document *sweep)
{
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(order)};
    struct wire_reply reply;
    if (sweep != NULL) {
        request.transfer.sweep = *sweep;
    }
    enum status status = desk_ask(&reply, &request);
    promised = reply.promised;
    wire_reply_free(&reply);
    return status;
}

Test(keys, a_repeated_r_is_not_released_and_suspends_the_key)
{
    expect(desk_sign(1, 0), STATUS_OK, "", "first");
    desk.token = TOKEN_REPEATS;
    expect(desk_sign(1, 1), STATUS_SIGNATURE_INVALID, "token", "the same r");
    expect_state("suspended", "repeated-r");
    MUST(desk_restart(NULL));
    expect_state("suspended", "repeated-r");
}

Test(keys, an_r_is_remembered_over_a_restart)
{
    expect(desk_sign(1, 0), STATUS_OK, "", "first");
    MUST(desk_restart(NULL));
    desk.token = TOKEN_REPEATS;
    expect(desk_sign(1, 1), STATUS_SIGNATURE_INVALID, "token", "the same r");
    expect_state("suspended", "repeated-r");
}

/* A token that chooses it by the message (RFC 6979) is asked again after a lost reply. */
Test(keys, an_r_may_come_again_with_its_message)
{
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    expect(ask_transfer(&order, NULL), STATUS_OK, "", "first");
    desk.token = TOKEN_REPEATS;
    expect(ask_transfer(&order, NULL), STATUS_OK, "", "the same again");
    expect_state("active", "command");
    order_wipe(&order);
}

Test(keys, a_signature_that_does_not_verify_suspends_the_key)
{
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    desk.token = TOKEN_LIES;
    expect(ask_transfer(&order, NULL), STATUS_SIGNATURE_INVALID, "token", "a lie");
    cr_expect(promised == WIRE_PROMISED_THIS);
    desk.token = TOKEN_WORKS;
    expect_state("suspended", "bad-signature");
    expect(desk_order(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED), STATUS_OK, "", "resume");
    expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE), STATUS_OK, "", "activate");
    expect(ask_transfer(&order, NULL), STATUS_OK, "", "the promise is kept");
    order_wipe(&order);
}

/* Promises and sweeps */

static void sweep_make(struct signed_document *out, const struct order *order, enum key_state from)
{
    struct command command = order_of(COMMAND_KEY_SWEEP, from);
    command.intent = order->digest;
    order_key_sign(out, &desk.world, &command, ADA, ALAN);
}

Test(keys, a_promise_of_an_inactive_key_waits)
{
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    expect(ask_transfer(&order, NULL), STATUS_OK, "", "active");
    expect(desk_order(COMMAND_KEY_DEACTIVATE, KEY_STATE_ACTIVE), STATUS_OK, "", "deactivate");
    expect(ask_transfer(&order, NULL), STATUS_KEY_INACTIVE, "wallet.state", "inactive");
    cr_expect(promised == WIRE_PROMISED_THIS);
    expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE), STATUS_OK, "", "activate");
    expect(ask_transfer(&order, NULL), STATUS_OK, "", "again");
    order_wipe(&order);
}

Test(keys, a_retained_key_is_swept_by_order)
{
    struct order order;
    struct order other;
    struct signed_document sweep;
    order_init(&order, &desk.world, 1, 0);
    order_init(&other, &desk.world, 2, 0);
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE), STATUS_OK, "", "retire");
    expect(ask_transfer(&order, NULL), STATUS_KEY_INACTIVE, "wallet.state", "without an order");
    cr_expect(promised == WIRE_PROMISED_NEVER);
    sweep_make(&sweep, &order, KEY_STATE_RETAINED);
    expect(ask_transfer(&other, &sweep), STATUS_MISMATCH, "sweep.intent", "another intent");
    expect(ask_transfer(&order, &sweep), STATUS_OK, "", "the intent that was named");
    expect(ask_transfer(&order, &sweep), STATUS_OK, "", "its promise, again");
    expect(ask_transfer(&other, &sweep), STATUS_MISMATCH, "sweep.intent", "another intent");
    struct command swept;
    MUST(command_decode(&swept, sweep.document.data, sweep.document.len, NULL));
    struct command again = order_of(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED);
    again.nonce = swept.nonce;
    expect_order(&again, ADA, ALAN, STATUS_REPLAY, "command.nonce", "the nonce of the sweep");
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED), STATUS_OK, "", "compromise");
    expect(ask_transfer(&order, &sweep), STATUS_CONFLICT, "sweep.from", "the state that the order saw is gone");
    cr_expect(promised == WIRE_PROMISED_THIS);
    signed_document_free(&sweep);
    sweep_make(&sweep, &order, KEY_STATE_COMPROMISED);
    expect(ask_transfer(&order, &sweep), STATUS_DENIED, "sweep.intent", "no emergency address");
    signed_document_free(&sweep);
    order_wipe(&order);
    order_wipe(&other);
}

/* Attestations */

static enum status attest(struct signed_document *out, const struct digest *challenge)
{
    struct wire_request request = {.op = WIRE_OP_KEY_ATTEST,
                                   .key_attest = {.key = desk_key_id(), .challenge = *challenge}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    *out = (struct signed_document){.signatures = NULL};
    if (status == STATUS_OK) {
        *out = reply.key_attest.attestation; /* transferred */
    }
    return status;
}

Test(keys, an_attestation_proves_the_address)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    const struct key_document key = papers_key(&desk.world, &hand);
    struct digest challenge;
    digest_sha256(&challenge, "c", 1);
    struct signed_document document;
    struct attestation attestation;
    expect(attest(&document, &challenge), STATUS_OK, "", "active");
    const struct digest digest = desk_key().document;
    struct fault fault = {0};
    cr_expect(attestation_verify(&attestation, &document, &key, &digest, &fault) == STATUS_OK, "%s: %s", fault.where,
              fault.detail);
    cr_expect(digest_equal(&attestation.challenge, &challenge) && attestation.state == KEY_STATE_ACTIVE);
    cr_expect(attestation.issued_at == desk.now_utc_us);
    signed_document_free(&document);
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_ACTIVE), STATUS_OK, "", "compromise");
    expect(attest(&document, &challenge), STATUS_KEY_INACTIVE, "key", "compromised");
}

static void expect_attested(enum status expected, int count)
{
    const struct digest challenge = {{0}};
    for (int i = 0; i < count; i++) {
        struct signed_document document;
        expect(attest(&document, &challenge), expected, expected == STATUS_OK ? "" : "key", "attesting again");
        signed_document_free(&document);
    }
}

Test(keys, attestations_are_rationed)
{
    expect_attested(STATUS_OK, 32);
    expect_attested(STATUS_BUSY, 5);
    cr_expect(status_info(STATUS_BUSY)->retryable);
    desk.now_utc_us += 2500000;
    expect_attested(STATUS_OK, 2);
    expect_attested(STATUS_BUSY, 1);
    desk.now_utc_us += 3600 * 1000000LL;
    expect_attested(STATUS_OK, 32);
    expect_attested(STATUS_BUSY, 1);
}

Test(fresh, a_generated_key_attests_nothing)
{
    struct digest challenge = {{0}};
    struct signed_document document;
    expect(attest(&document, &challenge), STATUS_KEY_INACTIVE, "key", "generated");
    expect(desk_sign(1, 0), STATUS_MISMATCH, "wallet", "generated");
}

static enum status admit_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct papers *papers = context;
    json_t *object = NULL;
    struct guard_key key;
    struct guard_papers kept = {.document = {0}};
    guard_txn_key_read(txn, &key, 0);
    key.state = KEY_STATE_INACTIVE;
    key_document_digest(&key.document, papers->document.document.data, papers->document.document.len);
    MUST(signed_document_encode(&object, &papers->document, NULL));
    MUST(canon_emit(&kept.document, object, SIGNED_TEXT_MAX, NULL));
    enum status status = guard_txn_key_write(txn, 0, &key, &kept, fault);
    json_decref(object);
    bytes_free(&kept.document);
    return status;
}

/* The moment between the guard's word on an admission and the signer's knowing the document. */
Test(fresh, a_box_is_not_given_before_the_document_is_known)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    const struct key_document key = papers_key(&desk.world, &hand);
    struct papers papers;
    papers_make(&papers, &desk.world, &hand, &key);
    MUST(guard_commit(desk.guard, admit_apply, &papers, NULL));
    expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE), STATUS_NOT_READY, "command.key", "at once");
    expect_state("inactive", "founding");
    MUST(desk_restart(NULL));
    expect(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE), STATUS_OK, "", "known");
    papers_wipe(&papers);
}
