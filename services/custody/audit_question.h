/*
 * Questions to the trail as words NAME=VALUE, which the service judges.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_QUESTION_H
#define STRONGROOM_CUSTODY_AUDIT_QUESTION_H

#include <jansson.h>

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

/* The value of a word; NULL when there is none. */
const char *audit_question_word(const struct command_input *input, const char *name);

/*
 * A question that was refused for a word of it is wrong use of the command: makes STATUS_USAGE of that, naming the
 * word, and leaves every other status as it is. Answers the status.
 */
MUST_CHECK enum status audit_question_judged(enum status status, const struct command_input *input,
                                             struct fault *fault);

/*
 * What an answer says of the whole trail: rows that are known not to be what was signed, or to be gone, as texts with
 * ", " between them; "": none is known. From its member `corrupt`; others are more than there is room for, which is
 * said.
 */
#define AUDIT_CORRUPT_SIZE 96
void audit_corrupt_read(char out[AUDIT_CORRUPT_SIZE], const json_t *answer);

/* The same from the header of an export. */
void audit_corrupt_read_text(char out[AUDIT_CORRUPT_SIZE], const char *rows);

/*
 * How an answer ends. STATUS_HALTED when the trail has (client_halted). STATUS_PROOF_INVALID when something speaks
 * against rows of it (`doubted`, in words; "": nothing does), or `corrupt` names rows, one of which may be what was not
 * found.
 */
MUST_CHECK enum status audit_question_end(const char *doubted, const char corrupt[AUDIT_CORRUPT_SIZE],
                                          struct fault *fault);

/*
 * Finds the id of an asset that was named by its code, in the genesis that the trust file names. An id stays as it is.
 * STATUS_USAGE naming the word; statuses of trust_open.
 */
MUST_CHECK enum status audit_question_asset(struct audit_instead *out, const struct command_input *input,
                                            struct fault *fault);

/*
 * Nothing was found: repeats on standard error the words that name somebody or something, since one that nobody has
 * finds nothing, as well. The service is not asked which: each question is an entry.
 */
void audit_question_tell_names(const struct command_input *input);

/* The words as the query of a resource; none twice. STATUS_USAGE. */
MUST_CHECK enum status audit_question_write(struct audit_question *out, const char *resource,
                                            const struct command_input *input, const struct audit_instead *instead,
                                            struct fault *fault);

#endif
