/*
 * The states of a key as one table. Who may ask for an action, and what must be shown with it, is not here.
 */
#include "policy/key_state.h"

#include "base/clock.h"
#include "document.h"

static const struct word state_words[] = {
    {"generated", KEY_STATE_GENERATED}, {"inactive", KEY_STATE_INACTIVE},
    {"active", KEY_STATE_ACTIVE},       {"suspended", KEY_STATE_SUSPENDED},
    {"retained", KEY_STATE_RETAINED},   {"compromised", KEY_STATE_COMPROMISED},
    {"destroyed", KEY_STATE_DESTROYED}, {NULL, 0},
};

static const struct word action_words[] = {
    {"admit", KEY_ACTION_ADMIT},           {"activate", KEY_ACTION_ACTIVATE}, {"deactivate", KEY_ACTION_DEACTIVATE},
    {"suspend", KEY_ACTION_SUSPEND},       {"resume", KEY_ACTION_RESUME},     {"retire", KEY_ACTION_RETIRE},
    {"compromise", KEY_ACTION_COMPROMISE}, {"destroy", KEY_ACTION_DESTROY},   {NULL, 0},
};

static const struct word cause_words[] = {
    {"founding", KEY_CAUSE_FOUNDING},
    {"command", KEY_CAUSE_COMMAND},
    {"box", KEY_CAUSE_BOX},
    {"idle", KEY_CAUSE_IDLE},
    {"restart", KEY_CAUSE_RESTART},
    {"token", KEY_CAUSE_TOKEN},
    {"alarm", KEY_CAUSE_ALARM},
    {"repeated-r", KEY_CAUSE_REPEATED_R},
    {"bad-signature", KEY_CAUSE_BAD_SIGNATURE},
    {"cryptoperiod", KEY_CAUSE_CRYPTOPERIOD},
    {NULL, 0},
};

static const struct {
    enum key_state state;
    enum key_action action;
    enum key_state next;
} moves[] = {
    {KEY_STATE_GENERATED, KEY_ACTION_ADMIT, KEY_STATE_INACTIVE},
    {KEY_STATE_GENERATED, KEY_ACTION_COMPROMISE, KEY_STATE_COMPROMISED},
    {KEY_STATE_GENERATED, KEY_ACTION_DESTROY, KEY_STATE_DESTROYED},
    {KEY_STATE_INACTIVE, KEY_ACTION_ACTIVATE, KEY_STATE_ACTIVE},
    {KEY_STATE_INACTIVE, KEY_ACTION_SUSPEND, KEY_STATE_SUSPENDED},
    {KEY_STATE_INACTIVE, KEY_ACTION_RETIRE, KEY_STATE_RETAINED},
    {KEY_STATE_INACTIVE, KEY_ACTION_COMPROMISE, KEY_STATE_COMPROMISED},
    {KEY_STATE_ACTIVE, KEY_ACTION_DEACTIVATE, KEY_STATE_INACTIVE},
    {KEY_STATE_ACTIVE, KEY_ACTION_SUSPEND, KEY_STATE_SUSPENDED},
    {KEY_STATE_ACTIVE, KEY_ACTION_RETIRE, KEY_STATE_RETAINED},
    {KEY_STATE_ACTIVE, KEY_ACTION_COMPROMISE, KEY_STATE_COMPROMISED},
    {KEY_STATE_SUSPENDED, KEY_ACTION_RESUME, KEY_STATE_INACTIVE},
    {KEY_STATE_SUSPENDED, KEY_ACTION_RETIRE, KEY_STATE_RETAINED},
    {KEY_STATE_SUSPENDED, KEY_ACTION_COMPROMISE, KEY_STATE_COMPROMISED},
    {KEY_STATE_RETAINED, KEY_ACTION_COMPROMISE, KEY_STATE_COMPROMISED},
    {KEY_STATE_RETAINED, KEY_ACTION_DESTROY, KEY_STATE_DESTROYED},
    {KEY_STATE_COMPROMISED, KEY_ACTION_DESTROY, KEY_STATE_DESTROYED},
};

const char *key_state_text(enum key_state state)
{
    return word_text(state_words, (int)state);
}

const char *key_action_text(enum key_action action)
{
    return word_text(action_words, (int)action);
}

const char *key_cause_text(enum key_cause cause)
{
    return word_text(cause_words, (int)cause);
}

enum status key_state_parse(enum key_state *out, const char *text)
{
    int state = word_value(state_words, text);
    if (state == 0) {
        return STATUS_INVALID;
    }
    *out = (enum key_state)state;
    return STATUS_OK;
}

enum status key_cause_parse(enum key_cause *out, const char *text)
{
    int cause = word_value(cause_words, text);
    if (cause == 0) {
        return STATUS_INVALID;
    }
    *out = (enum key_cause)cause;
    return STATUS_OK;
}

enum status key_state_next(enum key_state *out, enum key_state state, enum key_action action, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].state == state && moves[i].action == action) {
            *out = moves[i].next;
            return STATUS_OK;
        }
    }
    const char *is = key_state_text(state);
    const char *asked = key_action_text(action);
    return fault_set(fault, STATUS_CONFLICT, "state", "the key is %s, cannot %s it", is == NULL ? "in no state" : is,
                     asked == NULL ? "do that to" : asked);
}

bool key_state_attests(enum key_state state)
{
    switch (state) {
    case KEY_STATE_INACTIVE:
    case KEY_STATE_ACTIVE:
    case KEY_STATE_SUSPENDED:
    case KEY_STATE_RETAINED:
        return true;
    case KEY_STATE_GENERATED:
    case KEY_STATE_COMPROMISED:
    case KEY_STATE_DESTROYED:
        break;
    }
    return false;
}

enum status key_destruction_next(enum key_state *inout_state, int64_t *inout_destroy_at, int64_t retain_until,
                                 int64_t at_utc_us, struct fault *fault)
{
    enum key_state next;
    enum status status = key_state_next(&next, *inout_state, KEY_ACTION_DESTROY, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (*inout_state != KEY_STATE_GENERATED && *inout_destroy_at == 0) {
        *inout_destroy_at = at_utc_us + KEY_DESTRUCTION_WAIT_US;
        return STATUS_OK;
    }
    int64_t earliest = *inout_destroy_at > retain_until ? *inout_destroy_at : retain_until;
    if (*inout_state != KEY_STATE_GENERATED && at_utc_us < earliest) {
        char text[TIME_TEXT_SIZE];
        time_format(text, earliest);
        return fault_set(fault, STATUS_CONFLICT, "destroy_at", "not before %s", text);
    }
    *inout_state = next;
    *inout_destroy_at = 0;
    return STATUS_OK;
}
