/*
 * The bytes of canonical documents: what is taken, what is refused, and that the refusal names the rule.
 */
#include <criterion/criterion.h>

#include "base/canon.h"

#define EIGHT_LEVELS "{\"a\":[[[[[[[]]]]]]]}"
#define NINE_LEVELS "{\"a\":[[[[[[[[]]]]]]]]}"

struct refusal {
    const char *text;
    const char *rule; /* part of the detail */
};

/* Refused in every form. */
static const struct refusal never[] = {
    {"", "not JSON"},
    {"{", "ends early"},
    {"{\"a\":1", "ends early"},
    {"{\"a\":1}x", "trailing"},
    {"{}{}", "trailing"},
    {"{\"a\":1,\"a\":1}", "duplicate"},
    {"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "duplicate"},
    {"{\"a\":1,\"\\u0061\":1}", "duplicate"},
    {"{\"a\":1.5}", "floating"},
    {"{\"a\":1.0}", "floating"},
    {"{\"a\":1e3}", "floating"},
    {"{\"a\":[0,{\"b\":1E-2}]}", "floating"},
    {"{\"a\":1e999}", "2^53-1"},
    {"{\"a\":null}", "null"},
    {"{\"a\":[null]}", "null"},
    {"{\"a\":9007199254740992}", "2^53-1"},
    {"{\"a\":-9007199254740992}", "2^53-1"},
    {"{\"a\":9223372036854775808}", "2^53-1"},
    {"{\"a\":99999999999999999999999999}", "2^53-1"},
    {"{\"a\":01}", "not JSON"},
    {"{\"a\":+1}", "not JSON"},
    {"{\"a\":0x10}", ""},
    {"{\"a\":NaN}", "not JSON"},
    {"{\"a\":Infinity}", "not JSON"},
    {"{\"a\":'b'}", "not JSON"},
    {"{a:1}", "not JSON"},
    {"{\"a\":1,}", "not JSON"},
    {"{\"a\":[1,]}", "not JSON"},
    {"{\"a\":1}//", "trailing"},
    {"{/**/}", "not JSON"},
    {"{\"a\":\"\xc3\xa9\"}", "ASCII"},
    {"{\"a\":\"\xff\"}", "ASCII"},
    {"\xef\xbb\xbf{}", "ASCII"},
    {"{\"a\":\"\\u00e9\"}", "ASCII"},
    {"{\"a\":\"\\ud83d\\ude00\"}", "ASCII"},
    {"{\"a\":\"\\ud83d\"}", ""},
    {"{\"a\":\"\\u0000\"}", "ASCII"},
    {"{\"a\":\"\\n\"}", "ASCII"},
    {"{\"a\":\"\\u007f\"}", "ASCII"},
    {"{\"a\":\"\x7f\"}", "ASCII"},
    {"{\"a\":\"\n\"}", "control"},
    {"{\"a\":\"\t\"}", "control"},
    {"{\"a\":\"\x01\"}", "control"},
    {"{\"A\":1}", "keys"},
    {"{\"a-b\":1}", "keys"},
    {"{\"\":1}", "keys"},
    {"{\"a b\":1}", "keys"},
    {"{\"a\":{\"B\":1}}", "keys"},
    {"{\"a\\u0000\":1}", "keys"},
    {"[]", "outermost"},
    {"[{}]", "outermost"},
    {"\"a\"", "outermost"},
    {"1", "outermost"},
    {"true", "outermost"},
    {"null", "outermost"},
    {NINE_LEVELS, "8 levels"},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", "8 levels"},
};

/* Taken from outside, but not the canonical spelling. */
static const struct refusal only_relaxed[] = {
    {" {}", "shortest"},
    {"{} ", "shortest"},
    {"{\"a\": 1}", "shortest"},
    {"{\"b\":1,\"a\":1}", "sorted"},
    {"{\"a\":{\"b\":1,\"a\":1}}", "sorted"},
    {"{\"a\":-0}", "shortest"},
    {"{\"a\":\"\\u0041\"}", "shortest"},
    {"{\"a\":\"\\/\"}", "shortest"},
    {"{\"\\u0061\":1}", "shortest"},
    {"{}\n", "control"},
    {"{\r\n\t\"a\":1}", "control"},
};

static const char *const canonical[] = {
    "{}",
    "{\"a\":1}",
    "{\"a\":0,\"a0\":-1,\"a_\":9007199254740991,\"b\":-9007199254740991}",
    "{\"a\":true,\"b\":false,\"c\":[],\"d\":{},\"e\":\"\"}",
    "{\"0\":1,\"10\":2,\"2\":3,\"_\":4,\"a\":5}",
    "{\"a\":\"a \\\"quoted\\\" \\\\ / path <>&'~\"}",
    "{\"a\":\"{[{[{[{[{[{[\"}",
    "{\"a\":\"\\\\\",\"b\":\"\\\"\"}",
    "{\"a\":[1,\"1\",[true],{\"b\":[]}]}",
    EIGHT_LEVELS,
};

static void assert_refused(bool relaxed, const struct refusal *row)
{
    json_t *value = NULL;
    struct fault fault = {0};
    size_t len = strlen(row->text);
    enum status status = relaxed ? canon_parse_relaxed(&value, row->text, len, CANON_DOCUMENT_MAX, &fault)
                                 : canon_parse(&value, row->text, len, CANON_DOCUMENT_MAX, &fault);
    cr_assert_eq(status, STATUS_NOT_CANONICAL, "%s", row->text);
    cr_assert_eq(fault.status, STATUS_NOT_CANONICAL);
    cr_assert_not_null(strstr(fault.detail, row->rule), "%s: %s", row->text, fault.detail);
    cr_assert_null(value);
}

Test(canon_parse, documents_outside_the_rules_are_refused_by_name)
{
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        assert_refused(false, &never[i]);
        assert_refused(true, &never[i]);
    }
}

Test(canon_parse, other_spellings_are_refused_where_bytes_count)
{
    for (size_t i = 0; i < sizeof(only_relaxed) / sizeof(only_relaxed[0]); i++) {
        assert_refused(false, &only_relaxed[i]);
        json_t *value = NULL;
        cr_assert_eq(
            canon_parse_relaxed(&value, only_relaxed[i].text, strlen(only_relaxed[i].text), CANON_DOCUMENT_MAX, NULL),
            STATUS_OK, "%s", only_relaxed[i].text);
        json_decref(value);
    }
}

Test(canon_parse, canonical_documents_come_back_byte_for_byte)
{
    for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        json_t *value = NULL;
        struct fault fault = {0};
        size_t len = strlen(canonical[i]);
        cr_assert_eq(canon_parse(&value, canonical[i], len, CANON_DOCUMENT_MAX, &fault), STATUS_OK, "%s: %s",
                     canonical[i], fault.detail);
        struct bytes again = {0};
        cr_assert_eq(canon_emit(&again, value, CANON_DOCUMENT_MAX, NULL), STATUS_OK);
        cr_assert_eq(again.len, len);
        cr_assert_str_eq((char *)again.data, canonical[i]);
        bytes_free(&again);
        json_decref(value);
    }
}

Test(canon_parse, an_inner_nul_is_refused)
{
    json_t *value = NULL;
    cr_assert_eq(canon_parse(&value, "{\"a\":\"b\0c\"}", 11, CANON_DOCUMENT_MAX, NULL), STATUS_NOT_CANONICAL);
    cr_assert_eq(canon_parse(&value, "{}\0", 3, CANON_DOCUMENT_MAX, NULL), STATUS_NOT_CANONICAL);
    cr_assert_eq(canon_parse_relaxed(&value, "{}\0", 3, CANON_DOCUMENT_MAX, NULL), STATUS_NOT_CANONICAL);
    cr_assert_null(value);
}

Test(canon_parse, the_size_is_checked_before_anything_else)
{
    json_t *value = NULL;
    struct fault fault = {0};
    cr_assert_eq(canon_parse(&value, "{\"a\":1}", 7, 7, NULL), STATUS_OK);
    json_decref(value);
    value = NULL;
    cr_assert_eq(canon_parse(&value, "{\"a\":1}", 7, 6, &fault), STATUS_TOO_LARGE);
    cr_assert_str_eq(fault.detail, "7 bytes, at most 6");
    cr_assert_eq(canon_parse_relaxed(&value, "no JSON", 7, 6, NULL), STATUS_TOO_LARGE);
    cr_assert_null(value);
}

/* A million brackets must be refused by counting, not by recursion. */
Test(canon_parse, deep_nesting_does_not_reach_the_stack)
{
    const size_t len = 1000000;
    char *deep = malloc(len);
    cr_assert_not_null(deep);
    memset(deep, '[', len);
    json_t *value = NULL;
    struct fault fault = {0};
    cr_assert_eq(canon_parse(&value, deep, len, len, &fault), STATUS_NOT_CANONICAL);
    cr_assert_not_null(strstr(fault.detail, "8 levels"));
    free(deep);
}

static void assert_not_emitted(json_t *value, const char *rule)
{
    struct bytes out = {0};
    struct fault fault = {0};
    cr_assert_eq(canon_emit(&out, value, CANON_DOCUMENT_MAX, &fault), STATUS_NOT_CANONICAL);
    cr_assert_not_null(strstr(fault.detail, rule), "%s", fault.detail);
    cr_assert_null(out.data);
    json_decref(value);
}

Test(canon_emit, nothing_wrong_leaves)
{
    assert_not_emitted(json_array(), "outermost");
    assert_not_emitted(json_string("a"), "outermost");
    assert_not_emitted(json_pack("{s:f}", "a", 1.5), "floating");
    assert_not_emitted(json_pack("{s:n}", "a"), "null");
    assert_not_emitted(json_pack("{s:i}", "A", 1), "keys");
    assert_not_emitted(json_pack("{s:s}", "a", "\xc3\xa9"), "ASCII");
    assert_not_emitted(json_pack("{s:s}", "a", "line\n"), "ASCII");
    assert_not_emitted(json_pack("{s:I}", "a", (json_int_t)CANON_INTEGER_MAX + 1), "2^53-1");
    assert_not_emitted(json_pack("{s:[[[[[[[[]]]]]]]]}", "a"), "8 levels");
}

Test(canon_emit, sorts_and_counts)
{
    json_t *value = json_pack("{s:i,s:b,s:{s:s}}", "b", 1, "a", 1, "_", "z", "\"");
    struct bytes out = {0};
    cr_assert_eq(canon_emit(&out, value, 31, NULL), STATUS_OK);
    cr_assert_str_eq((char *)out.data, "{\"_\":{\"z\":\"\\\"\"},\"a\":true,\"b\":1}");
    cr_assert_eq(out.len, 31);
    bytes_free(&out);
    cr_assert_eq(canon_emit(&out, value, 30, NULL), STATUS_TOO_LARGE);
    cr_assert_null(out.data);
    json_decref(value);
}
