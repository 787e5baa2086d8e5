/*
 * After any sequence of orders, alarms, signatures, restarts and steps of the clock, the key is in the state that the
 * model says, and it signed exactly when the model was active. The model knows the text of docs/formats.md and nothing
 * of the code.
 */
#include <criterion/criterion.h>

#include "desk.h"
#include "random.h"

#define RUNS 12
#define STEPS 60
#define BOX 3
#define BOX_DAYS 2

enum { G = 1, I, A, S, R, C, D };

struct model {
    int state;
    unsigned box;
    int64_t until;
    int64_t valid_until;
    int64_t retain_until; /* 0 before a document says so */
    int64_t destroy_at;
    uint64_t seq;
};

static struct model model;

/* What an order makes of a state, 0 where it is refused. Rows: states. */
static const int moves[8][8] = {
    /* activate, deactivate, suspend, resume, retire, compromise, destroy */
    [G] = {0, 0, 0, 0, 0, C, D}, [I] = {A, 0, S, 0, R, C, 0}, [A] = {0, I, S, 0, R, C, 0}, [S] = {0, 0, 0, I, R, C, 0},
    [R] = {0, 0, 0, 0, 0, C, D}, [C] = {0, 0, 0, 0, 0, 0, D}, [D] = {0, 0, 0, 0, 0, 0, 0},
};

static const enum command_action actions[] = {
    COMMAND_KEY_ACTIVATE, COMMAND_KEY_DEACTIVATE, COMMAND_KEY_SUSPEND, COMMAND_KEY_RESUME,
    COMMAND_KEY_RETIRE,   COMMAND_KEY_COMPROMISE, COMMAND_KEY_DESTROY,
};

static void model_settle(void)
{
    bool in_service = model.state == I || model.state == A;
    if (in_service && desk.now_utc_us >= model.valid_until) {
        model.state = R;
    } else if (model.state == A && (model.box == 0 || desk.now_utc_us >= model.until)) {
        model.state = I;
    }
}

static bool model_order(size_t action)
{
    int next = moves[model.state][action];
    if (next == D && model.state != G) {
        if (model.destroy_at == 0) {
            model.destroy_at = desk.now_utc_us + 7 * DESK_DAY_US;
            return true;
        }
        if (desk.now_utc_us < model.destroy_at || desk.now_utc_us < model.retain_until) {
            return false;
        }
    }
    if (next == A && desk.now_utc_us + BOX_DAYS * DESK_DAY_US > model.valid_until) {
        return false; /* the box would outlast the cryptoperiod */
    }
    if (next == 0) {
        return false;
    }
    model.state = next;
    model.destroy_at = 0;
    if (next == A) {
        model.box = BOX;
        model.until = desk.now_utc_us + BOX_DAYS * DESK_DAY_US;
    }
    return true;
}

/* An order that could be written: from the state that the key is in, or from any that the action knows. */
static bool do_order(size_t action)
{
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    const struct digest id = desk_key_id();
    int from = model.state;
    for (int i = 1; moves[from][action] == 0; i++) {
        from = i;
    }
    struct command command = order_key(&now, actions[action], &id, (enum key_state)from, desk_key().on);
    if (actions[action] == COMMAND_KEY_ACTIVATE) {
        command.signatures = BOX;
        command.until = desk.now_utc_us + BOX_DAYS * DESK_DAY_US;
    }
    bool alone = actions[action] == COMMAND_KEY_SUSPEND || actions[action] == COMMAND_KEY_DEACTIVATE;
    struct signed_document order;
    order_key_sign(&order, &desk.world, &command, ADA, alone ? WHO_COUNT : ALAN);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status == STATUS_OK;
}

static bool do_admit(void)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct key_document key = papers_key(&now, &hand);
    key.valid_from = desk.world.now_utc_us;
    key.valid_until = model.valid_until;
    key.retain_until = key.valid_until;
    struct papers papers;
    papers_make(&papers, &now, &hand, &key);
    enum status status = desk_admit(&papers);
    papers_wipe(&papers);
    return status == STATUS_OK;
}

static void step_sign(void)
{
    bool may = model.state == A;
    bool signed_one = desk_sign(1, model.seq) == STATUS_OK;
    cr_assert(signed_one == may, "signed in state %d: %s", model.state, desk_detail);
    model.seq += may;
    model.box -= may;
}

static void step_time(void)
{
    static const int64_t steps[] = {DESK_SECOND_US, WORLD_HOUR_US, DESK_DAY_US, 3 * DESK_DAY_US};
    desk.now_utc_us += steps[random_below(4)];
}

static void step(void)
{
    size_t what = (size_t)random_below(16);
    model_settle();
    if (what < 7) {
        bool told = do_order(what);
        bool expected = model_order(what);
        cr_assert(told == expected, "order %zu: %s", what, desk_detail);
    } else if (what < 10) {
        step_sign();
    } else if (what == 10) {
        bool expected = model.state == G && desk.now_utc_us < model.valid_until;
        cr_assert(do_admit() == expected, "admit: %s", desk_detail);
        model.state = expected ? I : model.state;
        model.retain_until = expected ? model.valid_until : model.retain_until;
    } else if (what == 11) {
        bool expected = model.state == I || model.state == A;
        cr_assert((desk_alarm() == STATUS_OK) == expected, "alarm: %s", desk_detail);
        model.state = expected ? S : model.state;
    } else if (what == 12) {
        desk.accept_utc_us = desk.now_utc_us; /* it may have been idle for more days than a clock is believed */
        MUST(desk_restart(NULL));
    } else {
        step_time();
    }
}

static void check(size_t number)
{
    enum key_state state;
    model_settle();
    const struct wire_key key = desk_key();
    MUST(key_state_parse(&state, key.state));
    cr_assert((int)state == model.state, "step %zu: %s, the model %d", number, key.state, model.state);
    cr_assert(key.box_signatures == (model.state == A ? model.box : 0), "step %zu", number);
    cr_assert(key.destroy_at == model.destroy_at, "step %zu", number);
}

Test(keys_property, the_state_is_that_of_the_model, .timeout = 120)
{
    random_open();
    for (int run = 0; run < RUNS; run++) {
        desk_start();
        model = (struct model){.state = G, .valid_until = desk.now_utc_us + 20 * DESK_DAY_US};
        for (size_t i = 0; i < STEPS; i++) {
            step();
            check(i);
        }
        desk_finish();
    }
}
