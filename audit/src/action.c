/*
 * The texts of actions and outcomes, and back. The tables are in the header; here is only the search.
 */
#include "audit/action.h"

#include <stddef.h>

static const char *const action_texts[] = {[AUDIT_ACTION_NONE] = NULL,
#define ACTION_TEXT(name, text) [AUDIT_##name] = text,
                                           AUDIT_ACTION_TABLE(ACTION_TEXT)
#undef ACTION_TEXT
};

static const char *const outcome_texts[] = {[AUDIT_OUTCOME_NONE] = NULL,
#define OUTCOME_TEXT(name, text) [AUDIT_OUTCOME_##name] = text,
                                            AUDIT_OUTCOME_TABLE(OUTCOME_TEXT)
#undef OUTCOME_TEXT
};

#define ACTION_COUNT (sizeof(action_texts) / sizeof(action_texts[0]))
#define OUTCOME_COUNT (sizeof(outcome_texts) / sizeof(outcome_texts[0]))

/* The index of a text, 0 when it is not there. Index 0 holds no text. */
static unsigned text_find(const char *const *texts, size_t count, const char *text)
{
    for (unsigned i = 1; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return i;
        }
    }
    return 0;
}

const char *audit_action_text(enum audit_action action)
{
    return (unsigned)action < ACTION_COUNT ? action_texts[action] : NULL;
}

enum audit_action audit_action_find(const char *text)
{
    return (enum audit_action)text_find(action_texts, ACTION_COUNT, text);
}

const char *audit_outcome_text(enum audit_outcome outcome)
{
    return (unsigned)outcome < OUTCOME_COUNT ? outcome_texts[outcome] : NULL;
}

enum audit_outcome audit_outcome_find(const char *text)
{
    return (enum audit_outcome)text_find(outcome_texts, OUTCOME_COUNT, text);
}
