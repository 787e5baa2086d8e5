/*
 * The canonical parser under a fuzzer. For any bytes: nothing is read out of bounds, what the strict reader takes is
 * emitted again as the very same bytes, also by jansson, which has no part in either, and what the relaxed reader takes
 * has a canonical form that the strict one takes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_strict(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    struct fault fault = {0};
    enum status status = canon_parse(&value, data, size, CANON_POLICY_MAX, &fault);
    INVARIANT((status == STATUS_OK) == (value != NULL) && status == fault.status);
    if (status != STATUS_OK) {
        return;
    }
    struct bytes again = {0};
    INVARIANT(canon_emit(&again, value, CANON_POLICY_MAX, NULL) == STATUS_OK);
    INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
    bytes_free(&again);
    char *other = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    INVARIANT(other != NULL && strlen(other) == size && memcmp(other, data, size) == 0);
    free(other);
    json_decref(value);
}

static void check_relaxed(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    if (canon_parse_relaxed(&value, data, size, CANON_POLICY_MAX, NULL) != STATUS_OK) {
        INVARIANT(value == NULL);
        return;
    }
    struct bytes form = {0};
    INVARIANT(canon_emit(&form, value, 2 * CANON_POLICY_MAX, NULL) == STATUS_OK);
    json_t *back = NULL;
    INVARIANT(canon_parse(&back, form.data, form.len, 2 * CANON_POLICY_MAX, NULL) == STATUS_OK);
    INVARIANT(json_equal(value, back));
    bytes_free(&form);
    json_decref(back);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_strict(data, size);
    check_relaxed(data, size);
    return 0;
}
