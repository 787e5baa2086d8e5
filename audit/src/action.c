/*
 * What the list says of an action, and the texts of actions and outcomes and back. The tables are in the headers; here
 * is only the search.
 */
#include "audit/action.h"

#include <stddef.h>

#define CLASS_TEXT(name, text) static const char class_##name[] = text;
AUDIT_LOG_CLASS_TABLE(CLASS_TEXT)
#undef CLASS_TEXT

static const struct audit_action_info actions[] = {[AUDIT_ACTION_NONE] = {0},
#define ACTION_ROW(name, text, log_class, ...) [AUDIT_##name] = {text, class_##log_class, __VA_ARGS__},
                                                   AUDIT_ACTION_TABLE(ACTION_ROW)
#undef ACTION_ROW
};

static const char *const outcome_texts[] = {[AUDIT_OUTCOME_NONE] = NULL,
#define OUTCOME_TEXT(name, text) [AUDIT_OUTCOME_##name] = text,
                                            AUDIT_OUTCOME_TABLE(OUTCOME_TEXT)
#undef OUTCOME_TEXT
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))
#define OUTCOME_COUNT (sizeof(outcome_texts) / sizeof(outcome_texts[0]))

const struct audit_action_info *audit_action_info(enum audit_action action)
{
    return action != AUDIT_ACTION_NONE && (unsigned)action < ACTION_COUNT ? &actions[action] : NULL;
}

bool audit_action_lists(const char *words, const char *word)
{
    size_t len = strlen(word);
    while (*words != '\0') {
        size_t listed = strcspn(words, " ");
        bool begins = words[listed - 1] == '*';
        size_t compared = begins ? listed - 1 : listed;
        if ((begins ? len >= compared : len == compared) && memcmp(words, word, compared) == 0) {
            return true;
        }
        words += listed;
        words += *words == ' ' ? 1 : 0;
    }
    return false;
}

const char *audit_action_text(enum audit_action action)
{
    const struct audit_action_info *info = audit_action_info(action);
    return info == NULL ? NULL : info->text;
}

enum audit_action audit_action_find(const char *text)
{
    for (unsigned i = 1; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].text, text) == 0) {
            return (enum audit_action)i;
        }
    }
    return AUDIT_ACTION_NONE;
}

const char *audit_outcome_text(enum audit_outcome outcome)
{
    return (unsigned)outcome < OUTCOME_COUNT ? outcome_texts[outcome] : NULL;
}

enum audit_outcome audit_outcome_find(const char *text)
{
    for (unsigned i = 1; i < OUTCOME_COUNT; i++) {
        if (strcmp(outcome_texts[i], text) == 0) {
            return (enum audit_outcome)i;
        }
    }
    return AUDIT_OUTCOME_NONE;
}
