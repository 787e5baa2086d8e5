/*
 * Questions to the trail as words NAME=VALUE, which the service judges.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_QUESTION_H
#define STRONGROOM_CUSTODY_AUDIT_QUESTION_H

#include "base/digest.h"
#include "commands.h"

#define AUDIT_QUESTION_SIZE 4096

struct audit_question {
    char path[AUDIT_QUESTION_SIZE];
    size_t len;
};

/* What stands in the query instead of words of the same name; NULL and 0: the words as they are. */
struct audit_instead {
    const char *cursor;
    unsigned limit;
    char asset[DIGEST_HEX_LEN + 1]; /* "": as it is */
};

/* The value of a word, the last one when there are more; NULL when there is none. */
const char *audit_question_word(const struct command_input *input, const char *name);

/*
 * Finds the id of an asset that was named by its code, in the genesis that the trust file names. An id stays as it is.
 * STATUS_INVALID.
 */
MUST_CHECK enum status audit_question_asset(struct audit_instead *out, const struct command_input *input,
                                            struct fault *fault);

/* The words as the query of a resource. STATUS_USAGE. */
MUST_CHECK enum status audit_question_write(struct audit_question *out, const char *resource,
                                            const struct command_input *input, const struct audit_instead *instead,
                                            struct fault *fault);

#endif
