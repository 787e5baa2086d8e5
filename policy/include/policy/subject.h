/*
 * Personal data by the words of documents: which fields a subject may have (docs/privacy.md).
 */
#ifndef STRONGROOM_POLICY_SUBJECT_H
#define STRONGROOM_POLICY_SUBJECT_H

#include "base/status.h"

#define SUBJECT_FIELD_SIZE 16  /* the longest word and a NUL */
#define SUBJECT_FIELDS_SIZE 96 /* every word, separated by commas, and a NUL */

/* Bits. The words stand in documents and in the trail for ever: add rows, never change one. */
enum subject_field {
    SUBJECT_ADDRESS = 1,
    SUBJECT_BIRTH = 2,
    SUBJECT_DOCUMENT = 4,
    SUBJECT_EMAIL = 8,
    SUBJECT_MEMO = 16,
    SUBJECT_NAME = 32,
    SUBJECT_NOTE = 64,
    SUBJECT_PHONE = 128,
};

/* The field of a word. STATUS_INVALID when there is none. */
MUST_CHECK enum status subject_field_parse(enum subject_field *out, const char *word);

/* The word of a field. Static; NULL for a number that is none. */
const char *subject_field_text(enum subject_field field);

/*
 * Fields by their words, separated by commas, each once and in the order of the alphabet: one spelling of each set.
 * STATUS_INVALID for another spelling and for none.
 */
MUST_CHECK enum status subject_fields_parse(unsigned *out, const char *text);

/* The words of a set. */
void subject_fields_format(char out[SUBJECT_FIELDS_SIZE], unsigned fields);

#endif
