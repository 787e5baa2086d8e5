/*
 * The scanner takes exactly what is canonical: the reader of the base room is the second opinion, on a table of
 * spellings and on random documents with random changes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/canon.h"
#include "samples.h"
#include "scan.h"

#define ROUNDS 200000

struct one {
    struct span x;
};

static const struct scan_field any_object[] = {SCAN_FIELD(one, x, OBJECT, 0)};

/* Both readers on {"x":<text>}. Out: whether they take it. */
static bool both(const char *text, size_t len)
{
    char document[4096];
    struct one one;
    json_t *object = NULL;
    INVARIANT(len + 6 < sizeof(document));
    memcpy(document, "{\"x\":", 5);
    memcpy(document + 5, text, len);
    document[5 + len] = '}';
    bool theirs = canon_parse(&object, document, len + 6, CANON_DOCUMENT_MAX, NULL) == STATUS_OK;
    theirs = theirs && json_is_object(json_object_get(object, "x")) && json_object_size(object) == 1;
    bool ours = scan_object(&one, any_object, 1, (struct span){document, len + 6}, NULL) == STATUS_OK;
    cr_assert_eq(ours, theirs, "%.*s: the scanner says %d, the base room %d", (int)len, text, ours, theirs);
    cr_assert(!ours || (one.x.at == document + 5 && one.x.len == len));
    json_decref(object);
    return ours;
}

static const char *const canonical[] = {
    "{}",
    "{\"a\":[]}",
    "{\"a\":{},\"a_\":[[],{}],\"aa\":true,\"b\":false}",
    "{\"0\":0,\"1\":-1,\"_\":9007199254740991,\"n\":-9007199254740991}",
    "{\"s\":\"\",\"t\":\"\\\"\\\\ ~\"}",
    "{\"l\":[1,\"a\",true,{\"k\":\"v\"},[\"v\"]]}",
    "{\"a\":[[[[[[]]]]]]}", /* eight levels with the two around it */
    "{\"s\":\"0123456789012345678901234567890\\\\123456789012345678901234567890123456789\\\"\"}",
};

static const char *const others[] = {
    "",
    "{",
    "}",
    "[]",
    "1",
    "\"a\"",
    "true",
    "{}{}",
    "{} ",
    " {}",
    "{\"a\":}",
    "{\"a\"}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1 }",
    "{\"a\": 1}",
    "{\"b\":1,\"a\":1}",
    "{\"a\":1,\"a\":1}",
    "{\"aa\":1,\"a\":1}",
    "{\"A\":1}",
    "{\"\":1}",
    "{\"a-b\":1}",
    "{\"a\\\"\":1}",
    "{\"a\":01}",
    "{\"a\":-0}",
    "{\"a\":+1}",
    "{\"a\":-}",
    "{\"a\":1.0}",
    "{\"a\":1e3}",
    "{\"a\":9007199254740992}",
    "{\"a\":-9007199254740992}",
    "{\"a\":99999999999999999999999}",
    "{\"a\":null}",
    "{\"a\":tru}",
    "{\"a\":truee}",
    "{\"a\":\"\\n\"}",
    "{\"a\":\"\\/\"}",
    "{\"a\":\"\\u0041\"}",
    "{\"a\":\"\\\"}",
    "{\"a\":\"",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\x7f\"}",
    "{\"a\":\"\xc3\xa9\"}",
    "{\"a\":[1,]}",
    "{\"a\":[,1]}",
    "{\"a\":[1 ,2]}",
    "{\"a\":[1}}",
    "{\"a\":[[[[[[[]]]]]]]}", /* nine */
};

Test(verify_scan, spellings)
{
    for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        cr_assert(both(canonical[i], strlen(canonical[i])), "%s", canonical[i]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_assert_not(both(others[i], strlen(others[i])), "%s", others[i]);
    }
}

/* One to three bytes changed, left out or put in; half of the new ones have a meaning. */
static size_t change(char *text, size_t len, struct sample_random *chance)
{
    static const char meant[] = "{}[]\",:\\-0123456789atruefs_ ";
    for (uint64_t left = 1 + sample_random_below(chance, 3); left > 0 && len > 1; left--) {
        size_t at = sample_random_below(chance, len);
        char byte = sample_random_below(chance, 2) == 0 ? (char)sample_random_next(chance)
                                                        : meant[sample_random_below(chance, sizeof(meant) - 1)];
        switch (sample_random_below(chance, 3)) {
        case 0:
            text[at] = byte;
            break;
        case 1:
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
            break;
        default:
            memmove(text + at + 1, text + at, len - at);
            text[at] = byte;
            len++;
        }
    }
    return len;
}

Test(verify_scan, random_changes)
{
    struct sample_random chance;
    unsigned taken = 0;
    sample_random_start(&chance);
    for (int round = 0; round < ROUNDS; round++) {
        char text[256];
        const char *from = canonical[sample_random_below(&chance, sizeof(canonical) / sizeof(canonical[0]))];
        size_t len = strlen(from);
        memcpy(text, from, len);
        len = change(text, len, &chance);
        taken += both(text, len) ? 1 : 0;
    }
    cr_assert(taken > ROUNDS / 100 && taken < ROUNDS / 2, "%u", taken);
}

struct fields {
    struct span counter, hash, integer, list, name, text, uuid;
};

static const struct scan_field all_kinds[] = {
    SCAN_FIELD_OPTIONAL(fields, counter, COUNTER, 0) SCAN_FIELD_OPTIONAL(fields, hash, HASH, 0)
        SCAN_FIELD_OPTIONAL(fields, integer, INTEGER, 0) SCAN_FIELD_OPTIONAL(fields, list, STRINGS, 0)
            SCAN_FIELD_OPTIONAL(fields, name, NAME, 0) SCAN_FIELD(fields, text, TEXT, 3)
                SCAN_FIELD_OPTIONAL(fields, uuid, UUID, 0)};

static const struct {
    const char *document;
    const char *where; /* of the fault; NULL: it is good */
} fields_cases[] = {
    {"{\"text\":\"abc\"}", NULL},
    {"{\"text\":\"\\\\\\\\\\\"\"}", NULL}, /* three characters in six bytes */
    {"{\"text\":\"abcd\"}", "text"},
    {"{\"text\":\"\"}", "text"},
    {"{\"text\":1}", "text"},
    {"{\"counter\":\"0\",\"integer\":0,\"list\":[],\"name\":\"a-1\",\"text\":\"a\"}", NULL},
    {"{\"counter\":\"9223372036854775807\",\"text\":\"a\"}", NULL},
    {"{\"counter\":\"9223372036854775808\",\"text\":\"a\"}", "counter"},
    {"{\"counter\":\"01\",\"text\":\"a\"}", "counter"},
    {"{\"counter\":1,\"text\":\"a\"}", "counter"},
    {"{\"integer\":\"1\",\"text\":\"a\"}", "integer"},
    {"{\"integer\":-1,\"text\":\"a\"}", "integer"},
    {"{\"integer\":true,\"text\":\"a\"}", "integer"},
    {"{\"hash\":\"0\",\"text\":\"a\"}", "hash"},
    {"{\"list\":[\"a\",\"b\"],\"text\":\"a\"}", NULL},
    {"{\"list\":[\"a\",1],\"text\":\"a\"}", "list"},
    {"{\"list\":[[\"a\"]],\"text\":\"a\"}", "list"},
    {"{\"list\":{},\"text\":\"a\"}", "list"},
    {"{\"name\":\"A\",\"text\":\"a\"}", "name"},
    {"{\"text\":\"a\",\"uuid\":\"019b0000-0001-4000-8000-000000000001\"}", "uuid"},
    {"{\"text\":\"a\",\"uuid\":\"019b0000-0001-7000-8000-000000000001\"}", NULL},
    {"{\"text\":\"a\",\"v\":1}", "v"},
    {"{\"counter\":\"1\"}", "text"},
    {"{\"text\":\"a\"} ", ""},
    {"", ""},
};

Test(verify_scan, fields)
{
    for (size_t i = 0; i < sizeof(fields_cases) / sizeof(fields_cases[0]); i++) {
        struct fields fields;
        struct fault fault = {0};
        const struct span text = {fields_cases[i].document, strlen(fields_cases[i].document)};
        enum status status = scan_object(&fields, all_kinds, sizeof(all_kinds) / sizeof(all_kinds[0]), text, &fault);
        cr_assert_eq(status == STATUS_OK, fields_cases[i].where == NULL, "%s: %s", text.at, fault.detail);
        if (fields_cases[i].where != NULL) {
            cr_assert_str_eq(fault.where, fields_cases[i].where, "%s: %s", text.at, fault.detail);
        }
    }
}

Test(verify_scan, steps)
{
    struct span object = {"{\"a\":\"1\",\"b\":[\"x\",\"y\"],\"c\":7}", 29};
    struct span key;
    struct span value;
    cr_assert(span_is(scan_member(object, "b"), "[\"x\",\"y\"]"));
    cr_assert(span_is(scan_member(object, "c"), "7") && scan_member(object, "d").at == NULL);
    struct span rest = scan_member(object, "b");
    cr_assert(scan_step(NULL, &value, &rest) && span_is(value, "x"));
    cr_assert(scan_step(NULL, &value, &rest) && span_is(value, "y"));
    cr_assert_not(scan_step(NULL, &value, &rest));
    rest = (struct span){"{}", 2};
    cr_assert_not(scan_step(&key, &value, &rest));
    rest = (struct span){0};
    cr_assert_not(scan_step(NULL, &value, &rest));
    cr_assert(span_equal((struct span){0}, (struct span){0}) && !span_equal((struct span){0}, (struct span){"", 0}));
}
