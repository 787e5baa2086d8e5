/*
 * What the list says of an action, and the texts of actions and outcomes and back. The tables are in the headers; here
 * is only the search.
 */
#include "audit/action.h"

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

bool audit_action_word_next(struct audit_action_word *out, const char **inout_words)
{
    const char *words = *inout_words;
    size_t listed = strcspn(words, " ");
    if (listed == 0) {
        return false;
    }
    char end = words[listed - 1];
    bool required = end != '*' && end != '?';
    *out = (struct audit_action_word){
        .text = words, .len = required ? listed : listed - 1, .begins = end == '*', .required = required};
    *inout_words = words + listed + (words[listed] == ' ' ? 1 : 0);
    return true;
}

bool audit_action_lists(const char *words, const char *word)
{
    size_t len = strlen(word);
    struct audit_action_word listed;
    while (audit_action_word_next(&listed, &words)) {
        if ((listed.begins ? len >= listed.len : len == listed.len) && memcmp(listed.text, word, listed.len) == 0) {
            return true;
        }
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
