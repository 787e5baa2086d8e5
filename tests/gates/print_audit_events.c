/* Prints docs/audit-events.md from the one list of actions (audit/action_table.h). */
#include <stdio.h>

#include "audit/action.h"

static void print_words(const char *words)
{
    if (words[0] == '\0') {
        (void)fputs(" |", stdout);
        return;
    }
    while (words[0] != '\0') {
        size_t len = strcspn(words, " ");
        (void)printf(" `%.*s`", (int)len, words);
        words += len + (words[len] == ' ' ? 1 : 0);
    }
    (void)fputs(" |", stdout);
}

static void print_actions(const char *log_class)
{
    (void)printf("\n### %s\n\n| entry | object | outcomes | references | facts | when |\n|---|---|---|---|---|---|\n",
                 log_class);
    const struct audit_action_info *info = NULL;
    for (int i = 1; (info = audit_action_info((enum audit_action)i)) != NULL; i++) {
        if (strcmp(info->log_class, log_class) == 0) {
            (void)printf("| `%s` |", info->text);
            print_words(info->object_type);
            print_words(info->outcomes);
            print_words(info->refs);
            print_words(info->facts);
            (void)printf(" %s |\n", info->meaning);
        }
    }
}

int main(void)
{
    (void)puts(
        "# Entries of the audit trail\n\n"
        "Printed from the list in the code (`audit/include/audit/action_table.h`) by `print_audit_events`; the gate\n"
        "`gate_audit_events` holds the two together. The service cannot write an entry that carries anything else: "
        "the\n"
        "encoder refuses an object, outcome, reference or fact that is not declared for the action.\n\n"
        "Every entry has besides an actor, a correlation id, the producer and its number, the policy in force, what\n"
        "authenticated the caller (SHA-256 of the bearer token), and a reason when a request was refused or failed\n"
        "(docs/formats.md section 3). The object and every reference and fact are there, or the encoder refuses the\n"
        "entry; but those that end with `?`, which may have nothing to tell, and `*`, which stands for any end of the\n"
        "name. The one exception is a request that was refused or failed (`deny` or `error` of what can also be `ok` "
        "and\n"
        "`deny`): it may be about nothing yet. References are digests, or lists of digests; facts are machine values,\n"
        "never sentences.\n\n"
        "The headings are the log classes of ISO 23576 (D7.3.8.3) and one of our own for policy and grants.\n\n"
        "## Actions");
#define PRINT_CLASS(name, text) print_actions(text);
    AUDIT_LOG_CLASS_TABLE(PRINT_CLASS)
#undef PRINT_CLASS
    (void)puts("\n## References and facts\n\n| name | meaning |\n|---|---|");
#define PRINT_FIELD(name, meaning) (void)puts("| `" name "` | " meaning " |");
    AUDIT_FIELD_TABLE(PRINT_FIELD)
#undef PRINT_FIELD
    return fflush(stdout) == 0 ? 0 : 1;
}
