/*
 * Actions and outcomes: what may happen and be logged. The list itself is in audit/action_table.h.
 */
#ifndef STRONGROOM_AUDIT_ACTION_H
#define STRONGROOM_AUDIT_ACTION_H

#include <stddef.h>

#include "audit/action_table.h"
#include "base/status.h"

/* The numbers are never stored; 0 is no action, so that a forgotten field is refused. */
enum audit_action {
    AUDIT_ACTION_NONE = 0,
#define AUDIT_ACTION_ENUM(name, ...) AUDIT_##name,
    AUDIT_ACTION_TABLE(AUDIT_ACTION_ENUM)
#undef AUDIT_ACTION_ENUM
};

/* X(name, text). "intent" announces an effect that is about to happen. */
#define AUDIT_OUTCOME_TABLE(X)                                                                                         \
    X(OK, "ok")                                                                                                        \
    X(DENY, "deny")                                                                                                    \
    X(ERROR, "error")                                                                                                  \
    X(INTENT, "intent")

/* The numbers are never stored; 0 is no outcome. */
enum audit_outcome {
    AUDIT_OUTCOME_NONE = 0,
#define AUDIT_OUTCOME_ENUM(name, text) AUDIT_OUTCOME_##name,
    AUDIT_OUTCOME_TABLE(AUDIT_OUTCOME_ENUM)
#undef AUDIT_OUTCOME_ENUM
};

/* What the list says of an action. Lists are words separated by one space, "" for none. All static. */
struct audit_action_info {
    const char *text;
    const char *log_class;
    const char *object_type; /* "": none */
    const char *outcomes;
    const char *refs;
    const char *facts;
    const char *meaning;
};

/* The row of an action; NULL for AUDIT_ACTION_NONE and numbers outside the table. Static. */
const struct audit_action_info *audit_action_info(enum audit_action action);

/* One word of a list, without what it ends with. */
struct audit_action_word {
    const char *text; /* borrowed from the list, not terminated */
    size_t len;
    bool begins;   /* it ended with *: every name that begins so */
    bool required; /* it ended with neither * nor ? */
};

/* Takes the next word off a list; false at its end. */
bool audit_action_word_next(struct audit_action_word *out, const char **inout_words);

/* True when the list of words has this one, or one that ends with * and begins it. */
bool audit_action_lists(const char *words, const char *word);

/* The text of an action; NULL for AUDIT_ACTION_NONE and numbers outside the table. Static. */
const char *audit_action_text(enum audit_action action);

/* The action of a text; AUDIT_ACTION_NONE when there is none. */
enum audit_action audit_action_find(const char *text);

/* The text of an outcome; NULL for AUDIT_OUTCOME_NONE and numbers outside the table. Static. */
const char *audit_outcome_text(enum audit_outcome outcome);

/* The outcome of a text; AUDIT_OUTCOME_NONE when there is none. */
enum audit_outcome audit_outcome_find(const char *text);

#endif
