/*
 * Closed vocabularies, from the one table of actions, and the words of them that are nearest to a mistyped one.
 */
#include "vocabulary.h"

#include <string.h>

#include "audit/action.h"

#define WORD_MAX 64
#define NEAREST 3

struct nearest {
    const char *words[NEAREST]; /* the nearest one first; NULL: there is none */
    size_t distances[NEAREST];
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many characters of the first WORD_MAX are put in, left out or exchanged (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len = strnlen(b, WORD_MAX);
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < WORD_MAX && a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= len; j++) {
            size_t exchanged = diagonal + (a[i] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = least(exchanged, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[len];
}

static bool has(const struct nearest *nearest, const char *word)
{
    for (size_t i = 0; i < NEAREST && nearest->words[i] != NULL; i++) {
        if (strcmp(nearest->words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void offer(struct nearest *nearest, const char *word, const char *value)
{
    size_t far = distance(value, word);
    size_t at = NEAREST;
    while (at > 0 && (nearest->words[at - 1] == NULL || far < nearest->distances[at - 1])) {
        at--;
    }
    if (at == NEAREST || word[0] == '\0' || has(nearest, word)) {
        return;
    }
    memmove(&nearest->words[at + 1], &nearest->words[at], (NEAREST - 1 - at) * sizeof(nearest->words[0]));
    memmove(&nearest->distances[at + 1], &nearest->distances[at], (NEAREST - 1 - at) * sizeof(nearest->distances[0]));
    nearest->words[at] = word;
    nearest->distances[at] = far;
}

static enum status check(const char *field, const char *value, const char *what, const struct nearest *nearest,
                         struct fault *fault)
{
    _Static_assert(NEAREST == 3, "as many as are printed");
    return has(nearest, value) ? STATUS_OK
                               : fault_set(fault, STATUS_INVALID, field,
                                           "must be %s (docs/audit-events.md); the nearest are %s, %s, %s", what,
                                           nearest->words[0], nearest->words[1], nearest->words[2]);
}

enum status vocabulary_action(const char *value, struct fault *fault)
{
    struct nearest nearest = {.words = {NULL}};
    for (int action = AUDIT_ACTION_NONE + 1; audit_action_info(action) != NULL; action++) {
        offer(&nearest, audit_action_info(action)->text, value);
    }
    return check("act", value, "an action of the trail", &nearest, fault);
}

enum status vocabulary_object_type(const char *value, struct fault *fault)
{
    struct nearest nearest = {.words = {NULL}};
    for (int action = AUDIT_ACTION_NONE + 1; audit_action_info(action) != NULL; action++) {
        offer(&nearest, audit_action_info(action)->object_type, value);
    }
    return check("otype", value, "what an action of the trail is about", &nearest, fault);
}
