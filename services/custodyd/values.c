/*
 * JSON values that more than one resource shows.
 */
#include "values.h"

json_t *value_base64(const struct bytes *bytes)
{
    struct buffer text;
    struct bytes encoded = {0};
    buffer_init(&text);
    buffer_append_base64(&text, bytes->data, bytes->len);
    if (buffer_finish(&encoded, &text) != STATUS_OK) {
        return NULL;
    }
    json_t *value = json_string((const char *)encoded.data);
    bytes_free(&encoded);
    return value;
}

json_t *value_hashes(const struct audit_proof *proof)
{
    json_t *array = json_array();
    for (size_t i = 0; i < proof->count; i++) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &proof->hashes[i]);
        if (json_array_append_new(array, json_string(hex)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
