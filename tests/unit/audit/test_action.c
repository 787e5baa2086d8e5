/* The list of actions: each text finds its action, nothing else does. */
#include <criterion/criterion.h>

#include "audit/action.h"

Test(action, every_text_finds_its_action)
{
    static const char *const texts[] = {
#define TEXT(name, text, ...) text,
        AUDIT_ACTION_TABLE(TEXT)
#undef TEXT
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum audit_action action = audit_action_find(texts[i]);
        cr_assert_eq((size_t)action, i + 1, "%s stands twice or is not found", texts[i]);
        cr_assert_str_eq(audit_action_text(action), texts[i]);
    }
    cr_assert_null(audit_action_text((enum audit_action)(sizeof(texts) / sizeof(texts[0]) + 1)));
}

Test(action, other_texts_find_none)
{
    cr_assert_eq(audit_action_find(""), AUDIT_ACTION_NONE);
    cr_assert_eq(audit_action_find("withdrawal"), AUDIT_ACTION_NONE);
    cr_assert_eq(audit_action_find("Withdrawal.request"), AUDIT_ACTION_NONE);
    cr_assert_null(audit_action_text(AUDIT_ACTION_NONE));
    cr_assert_null(audit_action_info(AUDIT_ACTION_NONE));
}

Test(action, outcomes)
{
    cr_assert_eq(audit_outcome_find("ok"), AUDIT_OUTCOME_OK);
    cr_assert_eq(audit_outcome_find("deny"), AUDIT_OUTCOME_DENY);
    cr_assert_eq(audit_outcome_find("error"), AUDIT_OUTCOME_ERROR);
    cr_assert_eq(audit_outcome_find("intent"), AUDIT_OUTCOME_INTENT);
    cr_assert_eq(audit_outcome_find("OK"), AUDIT_OUTCOME_NONE);
    cr_assert_str_eq(audit_outcome_text(AUDIT_OUTCOME_INTENT), "intent");
    cr_assert_null(audit_outcome_text(AUDIT_OUTCOME_NONE));
}

static const char *const fields[] = {
#define FIELD(name, meaning) name,
    AUDIT_FIELD_TABLE(FIELD)
#undef FIELD
};

/* Every word of a list has a meaning, and no list has one twice. */
static void expect_told(const char *action, const char *words)
{
    const char *rest = words;
    struct audit_action_word next;
    while (audit_action_word_next(&next, &rest)) {
        char word[64] = "";
        bool told = false;
        cr_assert(next.len >= 1 && next.len + 1 < sizeof(word), "%s: too long", action);
        memcpy(word, next.text, next.len);
        word[next.len] = next.begins ? '*' : '\0';
        cr_assert_not(audit_action_lists(rest, word), "%s lists %s twice", action, word);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            told = told || strcmp(fields[i], word) == 0;
        }
        cr_assert(told, "%s: nothing tells what %s means", action, word);
    }
    cr_assert(*rest == '\0' && (rest == words || rest[-1] != ' '), "%s: two spaces, or one at the end", action);
}

Test(action, every_field_has_a_meaning)
{
    const struct audit_action_info *info = NULL;
    for (int i = 1; (info = audit_action_info((enum audit_action)i)) != NULL; i++) {
        expect_told(info->text, info->refs);
        expect_told(info->text, info->facts);
        cr_assert_neq(info->meaning[0], '\0');
        cr_assert_null(strchr(info->object_type, ' '), "an entry of %s has one type of object", info->text);
    }
}

Test(action, every_meaning_has_a_field)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        bool used = false;
        const struct audit_action_info *info = NULL;
        for (int at = 1; (info = audit_action_info((enum audit_action)at)) != NULL; at++) {
            used = used || audit_action_lists(info->refs, fields[i]) || audit_action_lists(info->facts, fields[i]);
        }
        cr_assert(used, "no action carries %s", fields[i]);
    }
}

Test(action, each_log_class_has_actions){
#define CLASS(name, text)                                                                                              \
    {                                                                                                                  \
        bool found = false;                                                                                            \
        const struct audit_action_info *info = NULL;                                                                   \
        for (int i = 1; (info = audit_action_info((enum audit_action)i)) != NULL; i++) {                               \
            found = found || strcmp(info->log_class, text) == 0;                                                       \
        }                                                                                                              \
        cr_assert(found, "no action is of the class %s", text);                                                        \
    }
    AUDIT_LOG_CLASS_TABLE(CLASS)
#undef CLASS
}

Test(action, lists_of_words)
{
    cr_assert(audit_action_lists("amount asset", "amount"));
    cr_assert(audit_action_lists("amount asset", "asset"));
    cr_assert_not(audit_action_lists("amount asset", "ass"));
    cr_assert_not(audit_action_lists("amount asset", "assets"));
    cr_assert_not(audit_action_lists("amount asset", ""));
    cr_assert_not(audit_action_lists("", "amount"));
    cr_assert(audit_action_lists("by? order", "by"));
    cr_assert_not(audit_action_lists("by? order", "by?"));
    cr_assert(audit_action_lists("decision rule_*", "rule_16"));
    cr_assert_not(audit_action_lists("decision rule_*", "rule"));
    cr_assert_not(audit_action_lists("decision rule_*", "decision_1"));
}
