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

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* The columns of facts. */
static bool set_facts(json_t *view, const struct store_leaf *leaf)
{
    const struct {
        const char *name;
        const char *text;
    } facts[] = {{"amount", leaf->amount},
                 {"asset", leaf->asset},
                 {"destination", leaf->destination},
                 {"key", leaf->key},
                 {"wallet", leaf->wallet}};
    bool good = leaf->version == 0 || set(view, "version", json_integer((json_int_t)leaf->version));
    for (size_t i = 0; good && i < sizeof(facts) / sizeof(facts[0]); i++) {
        good = facts[i].text[0] == '\0' || set(view, facts[i].name, json_string(facts[i].text));
    }
    return good;
}

json_t *value_leaf(const struct store_leaf *leaf)
{
    char ts[TIME_TEXT_SIZE];
    char corr[UUID_TEXT_SIZE];
    json_t *view = json_object();
    time_format(ts, leaf->ts_utc_us);
    bool good = set(view, "seq", json_integer((json_int_t)leaf->seq)) && set(view, "raw", value_base64(&leaf->raw)) &&
                set(view, "ts", json_string(ts)) && set(view, "actor", json_string(leaf->actor)) &&
                set(view, "act", json_string(leaf->act)) && set(view, "outcome", json_string(leaf->outcome));
    if (good && leaf->otype[0] != '\0') {
        good = set(view, "otype", json_string(leaf->otype));
    }
    if (good && leaf->oid[0] != '\0') {
        good = set(view, "oid", json_string(leaf->oid));
    }
    if (good && leaf->ord != 0) {
        good = set(view, "ord", json_integer((json_int_t)leaf->ord));
    }
    if (good && leaf->has_corr) {
        uuid_format(corr, &leaf->corr);
        good = set(view, "corr", json_string(corr));
    }
    if (!good || !set_facts(view, leaf)) {
        json_decref(view);
        return NULL;
    }
    return view;
}

enum status value_append_line(struct buffer *buffer, json_t *value, struct fault *fault)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(value);
    if (text == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    buffer_append_text(buffer, text);
    buffer_append_text(buffer, "\n");
    free(text);
    return STATUS_OK;
}
