/*
 * What the states of a key are called, which of them attest, and the long way to a key's destruction. All pairs of
 * states are in tests/property/policy.
 */
#include "policy/key_state.h"

#include <criterion/criterion.h>
#include <string.h>

#define NOW_US 1770000000000000LL

Test(key_state, states_have_the_words_and_numbers_that_are_stored)
{
    static const char *const words[] = {"generated", "inactive",    "active",   "suspended",
                                        "retained",  "compromised", "destroyed"};
    for (int i = 0; i < 7; i++) {
        enum key_state state;
        cr_assert_str_eq(key_state_text((enum key_state)(i + 1)), words[i]);
        cr_assert(key_state_parse(&state, words[i]) == STATUS_OK && (int)state == i + 1);
    }
    enum key_state state = KEY_STATE_ACTIVE;
    cr_expect_null(key_state_text((enum key_state)0));
    cr_expect_null(key_state_text((enum key_state)8));
    cr_expect(key_state_parse(&state, "") == STATUS_INVALID);
    cr_expect(key_state_parse(&state, "Active") == STATUS_INVALID);
    cr_expect_eq(state, KEY_STATE_ACTIVE);
}

Test(key_state, causes_have_the_words_and_numbers_that_are_stored)
{
    static const char *const words[] = {"founding", "command", "box",        "idle",          "restart",
                                        "token",    "alarm",   "repeated-r", "bad-signature", "cryptoperiod"};
    for (int i = 0; i < 10; i++) {
        enum key_cause cause;
        cr_assert_str_eq(key_cause_text((enum key_cause)(i + 1)), words[i]);
        cr_assert(key_cause_parse(&cause, words[i]) == STATUS_OK && (int)cause == i + 1);
    }
    enum key_cause cause;
    cr_expect_null(key_cause_text((enum key_cause)11));
    cr_expect(key_cause_parse(&cause, "bribe") == STATUS_INVALID);
}

Test(key_state, attestations_come_from_four_states)
{
    static const bool attests[] = {false, true, true, true, true, false, false};
    for (int i = 0; i < 7; i++) {
        cr_expect_eq(key_state_attests((enum key_state)(i + 1)), attests[i], "state %d", i + 1);
    }
}

Test(key_state, a_number_that_is_no_state_goes_nowhere)
{
    enum key_state next;
    struct fault fault = {0};
    cr_expect(key_state_next(&next, (enum key_state)0, KEY_ACTION_ADMIT, &fault) == STATUS_CONFLICT);
    cr_expect_str_eq(fault.where, "state");
    cr_expect(key_state_next(&next, KEY_STATE_ACTIVE, (enum key_action)9, NULL) == STATUS_CONFLICT);
}

static enum status destroy(enum key_state *state, int64_t *at, int64_t retain_until, int64_t now, const char *where)
{
    struct fault fault = {0};
    enum status status = key_destruction_next(state, at, retain_until, now, &fault);
    cr_expect_str_eq(fault.where, where);
    return status;
}

Test(key_state, a_key_is_destroyed_by_the_second_command_after_seven_days)
{
    static const enum key_state states[] = {KEY_STATE_RETAINED, KEY_STATE_COMPROMISED};
    for (size_t i = 0; i < 2; i++) {
        enum key_state state = states[i];
        int64_t at = 0;
        cr_expect(destroy(&state, &at, 0, NOW_US, "") == STATUS_OK);
        cr_expect(state == states[i] && at == NOW_US + 7LL * 86400 * 1000000);
        int64_t wait = at;
        cr_expect(destroy(&state, &at, 0, wait - 1, "destroy_at") == STATUS_CONFLICT);
        cr_expect(state == states[i] && at == wait, "nothing changed");
        cr_expect(destroy(&state, &at, 0, wait, "") == STATUS_OK);
        cr_expect(state == KEY_STATE_DESTROYED && at == 0);
        cr_expect(destroy(&state, &at, 0, wait, "state") == STATUS_CONFLICT);
    }
}

Test(key_state, no_destruction_while_the_key_is_to_be_retained)
{
    enum key_state state = KEY_STATE_RETAINED;
    const int64_t retain_until = NOW_US + 30LL * 86400 * 1000000;
    int64_t at = 0;
    cr_expect(destroy(&state, &at, retain_until, NOW_US, "") == STATUS_OK);
    cr_expect(destroy(&state, &at, retain_until, retain_until - 1, "destroy_at") == STATUS_CONFLICT);
    cr_expect(destroy(&state, &at, retain_until, retain_until, "") == STATUS_OK);
    cr_expect_eq(state, KEY_STATE_DESTROYED);
}

Test(key_state, a_generated_key_is_destroyed_at_once_and_no_working_one_ever)
{
    static const enum key_state working[] = {KEY_STATE_INACTIVE, KEY_STATE_ACTIVE, KEY_STATE_SUSPENDED};
    enum key_state state = KEY_STATE_GENERATED;
    int64_t at = 0;
    cr_expect(destroy(&state, &at, 0, NOW_US, "") == STATUS_OK);
    cr_expect(state == KEY_STATE_DESTROYED && at == 0);
    for (size_t i = 0; i < 3; i++) {
        state = working[i];
        cr_expect(destroy(&state, &at, 0, NOW_US, "state") == STATUS_CONFLICT);
        cr_expect(state == working[i] && at == 0);
    }
}
