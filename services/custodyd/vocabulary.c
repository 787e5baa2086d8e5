/*
 * Closed vocabularies, from the one table of actions, and the words of them that are nearest to a mistyped one.
 */
#include "vocabulary.h"

#include <string.h>

#include "audit/action.h"

#define WORD_MAX 64
#define NEAREST 3

struct nearest {
    const char *words[NEAREST]; /* the nearest one first; NULL: there are no more */
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

/* A word that is far from the value is worse than none. */
static bool is_near(const char *word, const char *value, size_t far)
{
    return 3 * far <= strlen(value) || (strlen(value) > 2 && strstr(word, value) != NULL);
}

static void offer(struct nearest *nearest, const char *word, const char *value)
{
    size_t far = distance(value, word);
    size_t at = NEAREST;
    while (at > 0 && (nearest->words[at - 1] == NULL || far < nearest->distances[at - 1])) {
        at--;
    }
    if (at == NEAREST || !is_near(word, value, far) || has(nearest, word)) {
        return;
    }
    memmove(&nearest->words[at + 1], &nearest->words[at], (NEAREST - 1 - at) * sizeof(nearest->words[0]));
    memmove(&nearest->distances[at + 1], &nearest->distances[at], (NEAREST - 1 - at) * sizeof(nearest->distances[0]));
    nearest->words[at] = word;
    nearest->distances[at] = far;
}

static enum status refuse(const char *field, const char *what, const struct nearest *nearest, struct fault *fault)
{
    char words[NEAREST * (WORD_MAX + 2) + 8] = "";
    size_t len = 0;
    for (size_t i = 0; i < NEAREST && nearest->words[i] != NULL; i++) {
        len +=
            (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", i == 0 ? "; near is " : ", ", nearest->words[i]);
    }
    return fault_set(fault, STATUS_INVALID, field, "must be %s (docs/audit-events.md)%s", what, words);
}

enum status vocabulary_action(const char *value, struct fault *fault)
{
    struct nearest nearest = {.words = {NULL}};
    if (audit_action_find(value) != AUDIT_ACTION_NONE) {
        return STATUS_OK;
    }
    for (int action = AUDIT_ACTION_NONE + 1; audit_action_info(action) != NULL; action++) {
        offer(&nearest, audit_action_info(action)->text, value);
    }
    return refuse("act", "an action of the trail", &nearest, fault);
}

enum status vocabulary_object_type(const char *value, struct fault *fault)
{
    struct nearest nearest = {.words = {NULL}};
    for (int action = AUDIT_ACTION_NONE + 1; audit_action_info(action) != NULL; action++) {
        const char *type = audit_action_info(action)->object_type;
        if (type[0] != '\0' && strcmp(type, value) == 0) {
            return STATUS_OK;
        }
        offer(&nearest, type, value);
    }
    return refuse("otype", "what an action of the trail is about", &nearest, fault);
}
