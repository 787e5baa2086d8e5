/* The list of actions: each text finds its action, nothing else does. */
#include <criterion/criterion.h>

#include "audit/action.h"

Test(action, every_text_finds_its_action)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
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
