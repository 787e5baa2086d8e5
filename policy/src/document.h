/*
 * What the codecs of this room share: one table per document, words for enums, addresses inside documents.
 */
#ifndef STRONGROOM_POLICY_SRC_DOCUMENT_H
#define STRONGROOM_POLICY_SRC_DOCUMENT_H

#include "base/canon.h"
#include "policy/account.h"

#define PLACE_SIZE 64

/* A kind of document without nested values: its fields and the size of the struct they are read into. */
struct document_table {
    const struct canon_field *fields;
    size_t count;
    size_t size;
};

#define DOCUMENT_TABLE(rows, type)                                                                                     \
    {                                                                                                                  \
        rows, sizeof(rows) / sizeof((rows)[0]), sizeof(type)                                                           \
    }

/* A word in documents and its number in our enums. A list ends with a NULL text. */
struct word {
    const char *text;
    int value;
};

/* Parses canonical bytes and reads the fields. For documents that hold no arrays or objects. */
MUST_CHECK enum status document_decode(void *out, const struct document_table *table, const void *document, size_t len,
                                       struct fault *fault);

/* "path.name", or "name" when the path is empty; cut when too long. */
void document_place(char out64[PLACE_SIZE], const char *path, const char *name);

/* "path[index]". */
void document_place_index(char out64[PLACE_SIZE], const char *path, size_t index);

/*
 * Records a fault of `status` with the particulars of `inner`, its place prefixed by `part`; returns `status`. The
 * status is given apart, because a callee that forgot to fill `inner` must not turn a refusal into STATUS_OK.
 */
enum status document_fault(struct fault *fault, const char *part, enum status status, const struct fault *inner);

/* Copies the text of an enum value into a field; a value outside the list leaves it empty (and so refused). */
void word_write(char *out, size_t size, const struct word *words, int value);

/* The text of a value, NULL when it is not in the list. */
const char *word_text(const struct word *words, int value);

/* The value of a text; 0 when it is not in the list. */
int word_value(const struct word *words, const char *text);

#endif
