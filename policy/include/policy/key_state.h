/*
 * The states of a key and what moves it from one to the next: one table, 17 of the 49 ordered pairs. See
 * docs/formats.md, "key states".
 *
 * The state itself is held by the signer's guard. A key changes by an action; who or what asked for it is the cause.
 */
#ifndef STRONGROOM_POLICY_KEY_STATE_H
#define STRONGROOM_POLICY_KEY_STATE_H

#include "base/status.h"

#include <stdint.h>

#define KEY_DESTRUCTION_WAIT_US (7LL * 24 * 3600 * 1000000)

/* Numbers are stored; never renumber. */
enum key_state {
    KEY_STATE_GENERATED = 1,
    KEY_STATE_INACTIVE = 2,
    KEY_STATE_ACTIVE = 3,
    KEY_STATE_SUSPENDED = 4,
    KEY_STATE_RETAINED = 5,
    KEY_STATE_COMPROMISED = 6,
    KEY_STATE_DESTROYED = 7,
};

/* Each is a command of the same name; deactivate, suspend and retire happen by other causes, too. */
enum key_action {
    KEY_ACTION_ADMIT = 1,
    KEY_ACTION_ACTIVATE = 2,
    KEY_ACTION_DEACTIVATE = 3,
    KEY_ACTION_SUSPEND = 4,
    KEY_ACTION_RESUME = 5,
    KEY_ACTION_RETIRE = 6,
    KEY_ACTION_COMPROMISE = 7,
    KEY_ACTION_DESTROY = 8,
};

/* Why a key came into its state. Numbers are stored; never renumber. */
enum key_cause {
    KEY_CAUSE_FOUNDING = 1, /* generated: named by the founding command, or a document was shown */
    KEY_CAUSE_COMMAND = 2,
    KEY_CAUSE_BOX = 3,           /* deactivated: the box is used up or over */
    KEY_CAUSE_IDLE = 4,          /* deactivated */
    KEY_CAUSE_RESTART = 5,       /* deactivated */
    KEY_CAUSE_TOKEN = 6,         /* deactivated: no token is left open */
    KEY_CAUSE_ALARM = 7,         /* suspended */
    KEY_CAUSE_REPEATED_R = 8,    /* suspended */
    KEY_CAUSE_BAD_SIGNATURE = 9, /* suspended */
    KEY_CAUSE_CRYPTOPERIOD = 10, /* retired: it is over */
};

/* The words of documents and messages ("generated", "key.admit" without "key.": "admit", "repeated-r"). Static; NULL
 * for a number that is none. */
const char *key_state_text(enum key_state state);
const char *key_action_text(enum key_action action);
const char *key_cause_text(enum key_cause cause);

/* The number of a word; STATUS_INVALID when there is none. */
MUST_CHECK enum status key_state_parse(enum key_state *out, const char *text);
MUST_CHECK enum status key_cause_parse(enum key_cause *out, const char *text);

/*
 * The state after an action. STATUS_CONFLICT when the action is not possible in this state; the fault's `where` is
 * "state", its detail names both. An action never leaves the state as it is.
 */
MUST_CHECK enum status key_state_next(enum key_state *out, enum key_state state, enum key_action action,
                                      struct fault *fault);

/* True for the states in which a key signs attestations: inactive, active, suspended, retained. */
bool key_state_attests(enum key_state state);

/*
 * The command key.destroy, given once or a second time. `destroy_at` is when a wait that was started ends, 0 for none
 * (whatever else changes the state, clears it). A generated key is destroyed at once. Otherwise the first command
 * starts the wait: the state stays, `destroy_at` becomes at_utc_us + KEY_DESTRUCTION_WAIT_US. The second destroys the
 * key and clears `destroy_at`; before the end of the wait or before `retain_until` it is STATUS_CONFLICT, and nothing
 * changes. STATUS_CONFLICT also in a state that has no way to destroyed.
 */
MUST_CHECK enum status key_destruction_next(enum key_state *inout_state, int64_t *inout_destroy_at,
                                            int64_t retain_until, int64_t at_utc_us, struct fault *fault);

#endif
