/*
 * RFC 4180: fields with a comma, a quote or an end of line stand in quotes, quotes are doubled, records end with CR LF.
 * What begins with a letter or digit of ASCII is no formula in any program, whatever blanks and wide signs it skips.
 */
#include "csv.h"

#include <string.h>

static void append_text(struct buffer *buffer, const char *text)
{
    bool plain = strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", text[0]) != NULL; /* or "" */
    const char *inert = plain ? "" : "'";
    if (strpbrk(text, ",\"\r\n") == NULL) {
        buffer_append_text(buffer, inert);
        buffer_append_text(buffer, text);
        return;
    }
    buffer_append_text(buffer, "\"");
    buffer_append_text(buffer, inert);
    for (const char *at = text; *at != '\0'; at++) {
        buffer_append(buffer, at, 1);
        if (*at == '"') {
            buffer_append_text(buffer, "\"");
        }
    }
    buffer_append_text(buffer, "\"");
}

void csv_append(struct buffer *buffer, const char *const *names, size_t count, const json_t *row)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(row, names[i]);
        buffer_append_text(buffer, i == 0 ? "" : ",");
        if (json_is_integer(value)) {
            buffer_append_format(buffer, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (row == NULL || json_is_string(value)) {
            append_text(buffer, row == NULL ? names[i] : json_string_value(value));
        }
    }
    buffer_append_text(buffer, "\r\n");
}
