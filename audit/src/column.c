/* The columns of facts. What does not have the form of one has no column: it is found by its bytes alone. */
#include "audit/column.h"

#include <string.h>

#include "base/status.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static const struct form {
    const char *name;
    const char *characters;
    size_t min;
    size_t max;
    bool number; /* which does not begin with 0 */
} forms[] = {
    {"amount", DIGITS, 1, 39, true},
    {"asset", DIGITS "abcdef", 64, 64, false},
    {"destination", DIGITS LETTERS, 1, 127, false},
    {"key", DIGITS "abcdef", 64, 64, false},
    {"version", DIGITS, 1, 15, true},
    {"wallet", DIGITS LETTERS "-", 1, 63, false},
};

static const struct form *form_of(const char *name)
{
    size_t i = 0;
    while (i < sizeof(forms) / sizeof(forms[0]) && strcmp(forms[i].name, name) != 0) {
        i++;
    }
    INVARIANT(i < sizeof(forms) / sizeof(forms[0]));
    return &forms[i];
}

const char *audit_column(const struct audit_event *event, const char *name)
{
    const struct form *form = form_of(name);
    if (strcmp(name, "key") == 0 && strcmp(event->object_type, "key") == 0) {
        return event->object_id;
    }
    const char *fact = audit_event_fact(event, name);
    const char *text = fact == NULL ? "" : fact;
    size_t len = strlen(text);
    bool good = len >= form->min && len <= form->max && strspn(text, form->characters) == len;
    return good && !(form->number && text[0] == '0') ? text : "";
}
