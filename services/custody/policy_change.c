/*
 * How two versions of the policy differ, member by member. It walks the two documents, so nothing that differs is left
 * out; the table says of some members which direction is the weaker one, and what is not in the table is CHANGED. It
 * looks at one member at a time: who together can move funds is the analysis (analyse.c).
 */
#include "policy_change.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define PATH_SIZE 320
#define SHOWN_MAX 160 /* of a value, in characters: keys are longer */

enum mark {
    MARK_CHANGED = 0,
    MARK_WEAKER = 1,
    MARK_STRONGER = 2,
};

enum shape {
    SHAPE_ORDER,  /* integers, amounts, times */
    SHAPE_SET,    /* a list, where it is only of account what is in it */
    SHAPE_ROW,    /* an element with a name: is there or not */
    SHAPE_OBJECT, /* that need not be there: as one without members */
    SHAPE_STEPS,
    SHAPE_MEMBERS,
    SHAPE_EFFECT,
    SHAPE_IGNORED,
};

/* What is not given. */
enum absent {
    ABSENT_IS_LEAST,
    ABSENT_IS_MOST,
};

struct known {
    const char *path; /* `*` stands for a name */
    enum shape shape;
    enum absent absent;
    enum mark more; /* the value rises; something is added */
    enum mark less;
    bool condition; /* of a rule: in one that denies, wider is stronger and narrower weaker */
    bool narrows;   /* a value that rises makes the condition narrower: more and less are of the width */
};

static const struct known known[] = {
    {"version", SHAPE_IGNORED, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, false, false},
    {"prev", SHAPE_IGNORED, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, false, false},
    {"issued_at", SHAPE_IGNORED, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, false, false},
    {"people.*", SHAPE_ROW, ABSENT_IS_LEAST, MARK_WEAKER, MARK_CHANGED, false, false},
    {"people.*.duties", SHAPE_SET, ABSENT_IS_LEAST, MARK_WEAKER, MARK_CHANGED, false, false},
    {"people.*.keys", SHAPE_SET, ABSENT_IS_LEAST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"people.*.valid_until", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"groups.*.members", SHAPE_MEMBERS, ABSENT_IS_LEAST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"wallets.*.assets", SHAPE_SET, ABSENT_IS_LEAST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"destinations.cooling_s", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"destinations.groups", SHAPE_SET, ABSENT_IS_LEAST, MARK_WEAKER, MARK_CHANGED, false, false},
    {"governance.delay_s", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"governance.m", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"rules.*", SHAPE_ROW, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, true, false},
    {"rules.*.effect", SHAPE_EFFECT, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, false, false},
    {"rules.*.demand.delay_s", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"rules.*.demand.max_amount", SHAPE_ORDER, ABSENT_IS_MOST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"rules.*.demand.limits.*", SHAPE_ROW, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"rules.*.demand.limits.*.count", SHAPE_ORDER, ABSENT_IS_MOST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"rules.*.demand.limits.*.sum", SHAPE_ORDER, ABSENT_IS_MOST, MARK_WEAKER, MARK_STRONGER, false, false},
    {"rules.*.demand.steps", SHAPE_STEPS, ABSENT_IS_LEAST, MARK_STRONGER, MARK_WEAKER, false, false},
    {"rules.*.when.amount", SHAPE_OBJECT, ABSENT_IS_LEAST, MARK_CHANGED, MARK_CHANGED, false, false},
    {"rules.*.when.amount.above", SHAPE_ORDER, ABSENT_IS_LEAST, MARK_WEAKER, MARK_CHANGED, true, true},
    {"rules.*.when.amount.up_to", SHAPE_ORDER, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.assets", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.destinations", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.hours", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.ledgers", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.requesters", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.tiers", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
    {"rules.*.when.wallets", SHAPE_SET, ABSENT_IS_MOST, MARK_WEAKER, MARK_CHANGED, true, false},
};

/* Everything that does not change on the way down. */
struct walk {
    FILE *stream;
    const json_t *documents[2]; /* whole: before, now */
    bool denies;                /* in a rule that denies in both */
    size_t told;                /* differences */
};

static void compare(struct walk *walk, const char *path, const json_t *before, const json_t *now);

/* Lines */

static void print_value(FILE *stream, const json_t *value)
{
    char *text =
        value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    if (text == NULL) {
        (void)fprintf(stream, "none");
    } else if (strlen(text) <= SHOWN_MAX) {
        (void)fprintf(stream, "%s", text);
    } else {
        (void)fprintf(stream, "%.*s ... %s", SHOWN_MAX * 3 / 4, text, text + strlen(text) - SHOWN_MAX / 4);
    }
    free(text);
}

static void print_line(struct walk *walk, enum mark mark, const char *path, const json_t *before, const json_t *now)
{
    static const char *const words[] = {"CHANGED", "WEAKER", "STRONGER"};
    (void)fprintf(walk->stream, "%s %s: ", words[mark], path);
    print_value(walk->stream, before);
    (void)fprintf(walk->stream, " -> ");
    print_value(walk->stream, now);
    (void)fputc('\n', walk->stream);
    walk->told++;
}

/* The table */

static bool path_is(const char *pattern, const char *path)
{
    while (*pattern != '\0' && *path != '\0') {
        if (*pattern == '*') {
            path += strcspn(path, ".");
            pattern++;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

static const struct known *find_known(const char *path)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (path_is(known[i].path, path)) {
            return &known[i];
        }
    }
    return NULL;
}

static enum mark mark_of(const struct walk *walk, const struct known *entry, bool more)
{
    const bool wider = entry->narrows ? !more : more;
    if (entry->condition && walk->denies) {
        return wider ? MARK_STRONGER : MARK_WEAKER;
    }
    return wider ? entry->more : entry->less;
}

/* Values */

/* Amounts and times as text: without leading zeros, or of one length. */
static int order_text(const char *one, const char *two)
{
    const size_t lens[] = {strlen(one), strlen(two)};
    return lens[0] != lens[1] ? (lens[0] > lens[1] ? 1 : -1) : strcmp(one, two);
}

static void compare_order(struct walk *walk, const struct known *entry, const char *path, const json_t *before,
                          const json_t *now)
{
    enum mark mark = MARK_CHANGED;
    if (before == NULL || now == NULL) {
        mark = mark_of(walk, entry, (now == NULL) == (entry->absent == ABSENT_IS_MOST));
    } else if (json_is_integer(before) && json_is_integer(now)) {
        mark = mark_of(walk, entry, json_integer_value(now) > json_integer_value(before));
    } else if (json_is_string(before) && json_is_string(now)) {
        mark = mark_of(walk, entry, order_text(json_string_value(now), json_string_value(before)) > 0);
    }
    print_line(walk, mark, path, before, now);
}

static bool list_has(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value) == 1) {
            return true;
        }
    }
    return false;
}

static void print_missing(struct walk *walk, enum mark mark, const char *path, const json_t *const lists[2], bool added)
{
    const json_t *from = lists[added ? 1 : 0];
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *value = json_array_get(from, i);
        if (!list_has(lists[added ? 0 : 1], value)) {
            print_line(walk, mark, path, added ? NULL : value, added ? value : NULL);
        }
    }
}

static void compare_set(struct walk *walk, const struct known *entry, const char *path, const json_t *before,
                        const json_t *now)
{
    const json_t *const lists[] = {before, now};
    if (before == NULL || now == NULL) {
        print_line(walk, mark_of(walk, entry, (now == NULL) == (entry->absent == ABSENT_IS_MOST)), path, before, now);
        return;
    }
    print_missing(walk, mark_of(walk, entry, true), path, lists, true);
    print_missing(walk, mark_of(walk, entry, false), path, lists, false);
}

/* Members of a group: of account is what the group is for. */

enum use {
    USE_APPROVES = 1,
    USE_ASKS = 2,
    USE_GOVERNS = 4,
    USE_ASKS_IN_VAIN = 8, /* requesters of a rule that denies */
};

static bool steps_name(const json_t *steps, const char *group)
{
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        for (size_t k = 0; k < json_array_size(step); k++) {
            const char *name = json_string_value(json_object_get(json_array_get(step, k), "group"));
            if (name != NULL && strcmp(name, group) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool denies(const json_t *rule)
{
    const char *effect = json_string_value(json_object_get(rule, "effect"));
    return effect != NULL && strcmp(effect, "deny") == 0;
}

static unsigned rule_use(const json_t *rule, const char *group)
{
    const json_t *requesters = json_object_get(json_object_get(rule, "when"), "requesters");
    unsigned use = steps_name(json_object_get(json_object_get(rule, "demand"), "steps"), group) ? USE_APPROVES : 0;
    for (size_t i = 0; i < json_array_size(requesters); i++) {
        if (strcmp(json_string_value(json_array_get(requesters, i)), group) == 0) {
            use |= denies(rule) ? USE_ASKS_IN_VAIN : USE_ASKS;
        }
    }
    return use;
}

static unsigned group_use(const json_t *document, const char *group)
{
    const json_t *rules = json_object_get(document, "rules");
    const char *governs = json_string_value(json_object_get(json_object_get(document, "governance"), "group"));
    unsigned use = governs != NULL && strcmp(governs, group) == 0 ? USE_GOVERNS : 0;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        use |= rule_use(json_array_get(rules, i), group);
    }
    return use;
}

static void compare_members(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    const json_t *const lists[] = {before, now};
    char group[PATH_SIZE];
    const char *name = path + strcspn(path, ".") + 1;
    (void)snprintf(group, sizeof(group), "%.*s", (int)strcspn(name, "."), name);
    const unsigned use = group_use(walk->documents[0], group) | group_use(walk->documents[1], group);
    const bool only_denied = use == 0 || use == USE_ASKS_IN_VAIN;
    print_missing(walk, only_denied ? MARK_CHANGED : MARK_WEAKER, path, lists, true);
    print_missing(walk, use == USE_APPROVES ? MARK_STRONGER : MARK_CHANGED, path, lists, false);
}

/* Steps: whether anything in one is less than in the other. */

static long long entry_m(const json_t *step, const char *group)
{
    for (size_t i = 0; i < json_array_size(step); i++) {
        const json_t *entry = json_array_get(step, i);
        if (strcmp(json_string_value(json_object_get(entry, "group")), group) == 0) {
            return (long long)json_integer_value(json_object_get(entry, "m"));
        }
    }
    return 0;
}

/* Each entry of `step` is in `other` with as many people or more. */
static bool step_within(const json_t *step, const json_t *other)
{
    for (size_t i = 0; i < json_array_size(step); i++) {
        const json_t *entry = json_array_get(step, i);
        const long long m = (long long)json_integer_value(json_object_get(entry, "m"));
        if (entry_m(other, json_string_value(json_object_get(entry, "group"))) < m) {
            return false;
        }
    }
    return true;
}

/* Each step of `steps` is in `others`, in its order. */
static bool steps_within(const json_t *steps, const json_t *others)
{
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(others) && at < json_array_size(steps); i++) {
        at += step_within(json_array_get(steps, at), json_array_get(others, i)) ? 1 : 0;
    }
    return at == json_array_size(steps);
}

static long long places(const json_t *steps)
{
    long long sum = 0;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        for (size_t k = 0; k < json_array_size(step); k++) {
            sum += (long long)json_integer_value(json_object_get(json_array_get(step, k), "m"));
        }
    }
    return sum;
}

static void compare_steps(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    enum mark mark = MARK_CHANGED;
    if (steps_within(before, now)) {
        mark = MARK_STRONGER;
    } else if (steps_within(now, before) || places(now) < places(before) ||
               json_array_size(now) < json_array_size(before)) {
        mark = MARK_WEAKER;
    }
    print_line(walk, mark, path, before, now);
}

static void compare_effect(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    const char *effect = json_string_value(now);
    const bool denies = effect != NULL && strcmp(effect, "deny") == 0;
    print_line(walk, denies ? MARK_STRONGER : MARK_WEAKER, path, before, now);
}

/* Rows and objects */

/* The name of a row; a limit's is its subject and window. False for what is no such row. */
static bool row_name(char out[PATH_SIZE], const json_t *row)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    const char *per = json_string_value(json_object_get(row, "per"));
    const json_t *window = json_object_get(row, "window_s");
    if (id == NULL && (per == NULL || window == NULL)) {
        return false;
    }
    if (id != NULL) {
        (void)snprintf(out, PATH_SIZE, "%s", id);
    } else {
        (void)snprintf(out, PATH_SIZE, "%s-%lld", per, (long long)json_integer_value(window));
    }
    return true;
}

static bool are_rows(const json_t *list)
{
    char name[PATH_SIZE];
    bool rows = list == NULL || json_is_array(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        rows = rows && row_name(name, json_array_get(list, i));
    }
    return rows;
}

static const json_t *find_row(const json_t *rows, const char *name)
{
    char other[PATH_SIZE];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (row_name(other, json_array_get(rows, i)) && strcmp(other, name) == 0) {
            return json_array_get(rows, i);
        }
    }
    return NULL;
}

static void join(char out[PATH_SIZE], const char *path, const char *name)
{
    const int len = snprintf(out, PATH_SIZE, "%s%s%s", path, path[0] == '\0' ? "" : ".", name);
    INVARIANT(len > 0 && len < PATH_SIZE);
}

static void compare_row(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    const bool outside = walk->denies;
    walk->denies = outside || ((before == NULL || denies(before)) && (now == NULL || denies(now)));
    compare(walk, path, before, now);
    walk->denies = outside;
}

static void compare_rows(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    char name[PATH_SIZE];
    char below[PATH_SIZE];
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *row = json_array_get(before, i);
        (void)row_name(name, row);
        join(below, path, name);
        compare_row(walk, below, row, find_row(now, name));
    }
    for (size_t i = 0; i < json_array_size(now); i++) {
        const json_t *row = json_array_get(now, i);
        (void)row_name(name, row);
        join(below, path, name);
        if (find_row(before, name) == NULL) {
            compare_row(walk, below, NULL, row);
        }
    }
}

static void compare_objects(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    char below[PATH_SIZE];
    const json_t *const objects[] = {before, now};
    for (size_t i = 0; i < 2; i++) {
        json_t *object = (json_t *)(uintptr_t)objects[i]; /* the library's iterator takes no const */
        for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
            const char *name = json_object_iter_key(at);
            join(below, path, name);
            if (i == 0 || json_object_get(before, name) == NULL) {
                compare(walk, below, json_object_get(before, name), json_object_get(now, name));
            }
        }
    }
}

/* What the table does not know by itself: into it, or one line. */
static void compare_unknown(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    if (are_rows(before) && are_rows(now)) {
        compare_rows(walk, path, before, now);
    } else if (json_is_object(before) && json_is_object(now)) {
        compare_objects(walk, path, before, now);
    } else {
        print_line(walk, MARK_CHANGED, path, before, now);
    }
}

static void compare_known(struct walk *walk, const struct known *entry, const char *path, const json_t *const both[2])
{
    switch (entry->shape) {
    case SHAPE_ORDER:
        compare_order(walk, entry, path, both[0], both[1]);
        break;
    case SHAPE_SET:
        compare_set(walk, entry, path, both[0], both[1]);
        break;
    case SHAPE_ROW:
        if (both[0] != NULL && both[1] != NULL) {
            compare_unknown(walk, path, both[0], both[1]);
        } else {
            print_line(walk, mark_of(walk, entry, both[0] == NULL), path, both[0], both[1]);
        }
        break;
    case SHAPE_OBJECT:
        compare_objects(walk, path, both[0], both[1]);
        break;
    case SHAPE_STEPS:
        compare_steps(walk, path, both[0], both[1]);
        break;
    case SHAPE_MEMBERS:
        compare_members(walk, path, both[0], both[1]);
        break;
    case SHAPE_EFFECT:
        compare_effect(walk, path, both[0], both[1]);
        break;
    case SHAPE_IGNORED:
        walk->told++;
        break;
    }
}

static void compare(struct walk *walk, const char *path, const json_t *before, const json_t *now)
{
    const struct known *entry = find_known(path);
    const json_t *const both[] = {before, now};
    const size_t told = walk->told;
    if (before == now || (before != NULL && now != NULL && json_equal(before, now) == 1)) {
        return;
    }
    if (entry != NULL) {
        compare_known(walk, entry, path, both);
    } else {
        compare_unknown(walk, path, before, now);
    }
    if (walk->told == told) { /* whatever it is, nothing that differs is silent */
        print_line(walk, MARK_CHANGED, path, before, now);
    }
}

void policy_change_print(FILE *stream, const json_t *before, const json_t *now)
{
    struct walk walk = {.stream = stream, .documents = {before, now}};
    compare(&walk, "", before, now);
}
