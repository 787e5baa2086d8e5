/*
 * The fields of personal data and their words.
 */
#include "policy/subject.h"

#include <stdio.h>

#include "document.h"

/* In the order of the alphabet. */
static const struct word field_words[] = {
    {"address", SUBJECT_ADDRESS}, {"birth", SUBJECT_BIRTH}, {"document", SUBJECT_DOCUMENT},
    {"email", SUBJECT_EMAIL},     {"memo", SUBJECT_MEMO},   {"name", SUBJECT_NAME},
    {"note", SUBJECT_NOTE},       {"phone", SUBJECT_PHONE}, {NULL, 0}};

enum status subject_field_parse(enum subject_field *out, const char *word)
{
    int field = word_value(field_words, word);
    if (field == 0) {
        return STATUS_INVALID;
    }
    *out = (enum subject_field)field;
    return STATUS_OK;
}

const char *subject_field_text(enum subject_field field)
{
    return word_text(field_words, (int)field);
}

void subject_fields_format(char out[SUBJECT_FIELDS_SIZE], unsigned fields)
{
    size_t used = 0;
    out[0] = '\0';
    for (const struct word *word = field_words; word->text != NULL; word++) {
        if ((fields & (unsigned)word->value) != 0) {
            used += (size_t)snprintf(out + used, SUBJECT_FIELDS_SIZE - used, "%s%s", used == 0 ? "" : ",", word->text);
        }
    }
}

/* Read word by word, written again and compared: so there is one spelling. */
enum status subject_fields_parse(unsigned *out, const char *text)
{
    unsigned fields = 0;
    char again[SUBJECT_FIELDS_SIZE];
    const char *at = text;
    do {
        const char *comma = strchr(at, ',');
        char word[SUBJECT_FIELD_SIZE];
        size_t len = comma == NULL ? strlen(at) : (size_t)(comma - at);
        enum subject_field field;
        (void)snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : 0), at);
        if (subject_field_parse(&field, word) != STATUS_OK) {
            return STATUS_INVALID;
        }
        fields |= (unsigned)field;
        at = comma == NULL ? NULL : comma + 1;
    } while (at != NULL);
    subject_fields_format(again, fields);
    if (strcmp(again, text) != 0) {
        return STATUS_INVALID;
    }
    *out = fields;
    return STATUS_OK;
}
