/*
 * The states of a key: all 49 ordered pairs against the sentence in docs/formats.md, and random lives of a key. The
 * document is read, so neither it nor the table can change alone.
 */
#include "fixture.h"
#include "random.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { STATES = KEY_STATE_DESTROYED, ACTIONS = KEY_ACTION_DESTROY };

/* [from - 1][to - 1] */
struct pairs {
    bool possible[STATES][STATES];
    int count;
};

static void setup(void)
{
    random_open();
}

TestSuite(key_state_property, .init = setup);

static size_t read_document(char *out, size_t size)
{
    FILE *file = fopen(STRONGROOM_SOURCE_DIR "/docs/formats.md", "r");
    cr_assert_not_null(file);
    size_t len = fread(out, 1, size - 1, file);
    cr_assert(feof(file) != 0, "the document is longer than expected");
    (void)fclose(file);
    out[len] = '\0';
    return len;
}

static enum key_state state_of(const char *word, size_t len)
{
    char text[32] = {0};
    enum key_state state;
    cr_assert_lt(len, sizeof(text));
    memcpy(text, word, len);
    cr_assert(key_state_parse(&state, text) == STATUS_OK, "no state: %s", text);
    return state;
}

/* "inactive → active, suspended" */
static void read_clause(struct pairs *out, const char *clause, const char *end)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t len = strspn(clause, letters);
    enum key_state from = state_of(clause, len);
    for (const char *at = clause + len; at < end; at += len) {
        at += strcspn(at, letters);
        len = strspn(at, letters);
        if (at < end && len > 0) {
            bool *possible = &out->possible[from - 1][state_of(at, len) - 1];
            cr_assert_not(*possible, "a pair twice");
            *possible = true;
            out->count++;
        }
    }
}

static void read_pairs(struct pairs *out)
{
    static char document[1 << 18];
    static const char begin[] = "Of the 49 ordered pairs these 17 are possible: ";
    cr_assert_gt(read_document(document, sizeof(document)), 0);
    const char *at = strstr(document, begin);
    cr_assert_not_null(at);
    at += strlen(begin);
    const char *stop = strchr(at, '.');
    while (at < stop) {
        const char *end = at + strcspn(at, ";.");
        read_clause(out, at, end);
        at = end + 1;
        at += strspn(at, " \n");
    }
}

/* How many actions lead from one to the other. */
static int ways(enum key_state from, enum key_state to)
{
    int count = 0;
    for (int action = KEY_ACTION_ADMIT; action <= ACTIONS; action++) {
        enum key_state next = KEY_STATE_GENERATED;
        if (key_state_next(&next, from, (enum key_action)action, NULL) == STATUS_OK && next == to) {
            count++;
        }
    }
    return count;
}

Test(key_state_property, all_pairs_are_those_of_the_document)
{
    struct pairs pairs = {0};
    read_pairs(&pairs);
    cr_expect_eq(pairs.count, 17);
    for (int from = KEY_STATE_GENERATED; from <= STATES; from++) {
        for (int to = KEY_STATE_GENERATED; to <= STATES; to++) {
            int expected = pairs.possible[from - 1][to - 1] ? 1 : 0; /* and one action only: no two names of one move */
            cr_expect_eq(ways((enum key_state)from, (enum key_state)to), expected, "%s to %s",
                         key_state_text((enum key_state)from), key_state_text((enum key_state)to));
        }
    }
}

Test(key_state_property, what_is_refused_names_both_and_changes_nothing)
{
    int refused = 0;
    for (int state = KEY_STATE_GENERATED; state <= STATES; state++) {
        for (int action = KEY_ACTION_ADMIT; action <= ACTIONS; action++) {
            enum key_state next = (enum key_state)99;
            struct fault fault = {0};
            if (key_state_next(&next, (enum key_state)state, (enum key_action)action, &fault) == STATUS_OK) {
                continue;
            }
            refused++;
            cr_expect(fault.status == STATUS_CONFLICT && strcmp(fault.where, "state") == 0);
            cr_expect(strstr(fault.detail, key_state_text((enum key_state)state)) != NULL, "%s", fault.detail);
            cr_expect(strstr(fault.detail, key_action_text((enum key_action)action)) != NULL, "%s", fault.detail);
            cr_expect_eq((int)next, 99);
        }
    }
    cr_expect_eq(refused, STATES * ACTIONS - 17);
}

/* However it is treated: no state but active follows on another by activation, and the end is the end. */
Test(key_state_property, of_a_random_life)
{
    for (int life = 0; life < 2000; life++) {
        enum key_state state = KEY_STATE_GENERATED;
        bool compromised = false;
        for (int step = 0; step < 40; step++) {
            enum key_action action = (enum key_action)(1 + random_below(ACTIONS));
            enum key_state before = state;
            if (key_state_next(&state, before, action, NULL) != STATUS_OK) {
                cr_assert_eq(state, before);
                continue;
            }
            compromised = compromised || state == KEY_STATE_COMPROMISED;
            cr_assert_neq(before, KEY_STATE_DESTROYED);
            cr_assert_neq(state, KEY_STATE_GENERATED);
            cr_assert(state != KEY_STATE_ACTIVE || before == KEY_STATE_INACTIVE);
            cr_assert(before != KEY_STATE_RETAINED || state == KEY_STATE_COMPROMISED || state == KEY_STATE_DESTROYED);
            cr_assert(!compromised || state == KEY_STATE_COMPROMISED || state == KEY_STATE_DESTROYED);
        }
    }
}
