/*
 * What the codecs of this room share. No document of its own is here, and no rule about money.
 */
#include "document.h"

enum status document_decode(void *out, const struct document_table *table, const void *document, size_t len,
                            struct fault *fault)
{
    json_t *parsed = NULL;
    enum status status = canon_parse(&parsed, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, table->size, parsed, table->fields, table->count, "", fault);
    }
    json_decref(parsed);
    return status;
}

void document_place(char out64[PLACE_SIZE], const char *path, const char *name)
{
    (void)snprintf(out64, PLACE_SIZE, "%s%s%s", path, path[0] == '\0' || name[0] == '\0' ? "" : ".", name);
}

void document_place_index(char out64[PLACE_SIZE], const char *path, size_t index)
{
    (void)snprintf(out64, PLACE_SIZE, "%s[%zu]", path, index);
}

enum status document_fault(struct fault *fault, const char *part, enum status status, const struct fault *inner)
{
    char where[PLACE_SIZE];
    document_place(where, part, inner->where);
    return fault_set(fault, status, where, "%s", inner->detail);
}

void word_write(char *out, size_t size, const struct word *words, int value)
{
    const char *text = word_text(words, value);
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

const char *word_text(const struct word *words, int value)
{
    for (; words->text != NULL; words++) {
        if (words->value == value) {
            return words->text;
        }
    }
    return NULL;
}

int word_value(const struct word *words, const char *text)
{
    for (; words->text != NULL; words++) {
        if (strcmp(words->text, text) == 0) {
            return words->value;
        }
    }
    return 0;
}
