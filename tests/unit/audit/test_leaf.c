/* The leaf: the known answers, round trips, and every rule of the parser. */
#include <criterion/criterion.h>

#include "audit/leaf.h"
#include "samples.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEADER "custody-audit/v1\n" SAMPLE_ORIGIN "\n"

static enum status parse(const char *text)
{
    struct audit_leaf leaf;
    return audit_leaf_parse(&leaf, text, strlen(text), NULL);
}

Test(leaf, known_answers)
{
    static const struct {
        size_t len;
        const char *hash;
    } expected[] = {{166, SAMPLE_LH0}, {182, SAMPLE_LH1}};
    for (unsigned i = 0; i < 2; i++) {
        struct bytes raw;
        struct digest hash;
        char hex[65];
        sample_leaf(&raw, i);
        audit_leaf_hash(&hash, raw.data, raw.len);
        digest_format(hex, &hash);
        cr_assert_eq(raw.len, expected[i].len);
        cr_assert_str_eq(hex, expected[i].hash);
        bytes_free(&raw);
    }
}

Test(leaf, parse_gives_back_what_was_built)
{
    struct bytes raw;
    struct audit_leaf leaf;
    sample_leaf(&raw, 1);
    cr_assert_eq(audit_leaf_parse(&leaf, raw.data, raw.len, NULL), STATUS_OK);
    cr_assert_str_eq(leaf.origin, SAMPLE_ORIGIN);
    cr_assert_eq(leaf.index, 1);
    struct digest previous = sample_digest(SAMPLE_LH0);
    cr_assert(digest_equal(&leaf.previous, &previous));
    cr_assert_eq(leaf.event_len, strlen(SAMPLE_E1));
    cr_assert_arr_eq(leaf.event, SAMPLE_E1, leaf.event_len);
    bytes_free(&raw);
}

Test(leaf, parser_rules)
{
    cr_assert_eq(parse(HEADER "0\n" ZEROS "\n{}\n"), STATUS_OK);
    static const char *const refused[] = {
        "",
        "\n\n\n\n\n",
        HEADER "0\n" ZEROS "\n{}",                                 /* no last LF */
        HEADER "0\n" ZEROS "\n{}\n\n",                             /* a sixth line */
        HEADER "0\n" ZEROS "\n{}\r\n",                             /* CR */
        HEADER "0\n" ZEROS "\n{\t}\n",                             /* TAB */
        HEADER "0\n" ZEROS "\n{\x7f}\n",                           /* DEL */
        HEADER "0\n" ZEROS "\n{\xc3\xa9}\n",                       /* not ASCII */
        HEADER "0\n" ZEROS "\n{\n",                                /* too short */
        HEADER "00\n" ZEROS "\n{}\n",                              /* leading zero */
        HEADER "+0\n" ZEROS "\n{}\n",                              /* sign */
        HEADER "\n" ZEROS "\n{}\n",                                /* no index */
        HEADER "1\n" ZEROS "\n{}\n",                               /* zero link above index 0 */
        HEADER "0\n" SAMPLE_LH0 "\n{}\n",                          /* a link at index 0 */
        HEADER "9223372036854775807\n" SAMPLE_LH0 "\n{}\n",        /* index 2^63-1 */
        HEADER "18446744073709551617\n" SAMPLE_LH0 "\n{}\n",       /* 2^64+1 */
        HEADER "0\n0" ZEROS "\n{}\n",                              /* 65 digits */
        HEADER "0\n00\n{}\n",                                      /* 2 digits */
        "custody-audit/v2\n" SAMPLE_ORIGIN "\n0\n" ZEROS "\n{}\n", /* another version */
        "custody-audit/v1\n\n0\n" ZEROS "\n{}\n",                  /* no origin */
        "custody-audit/v1\na b\n0\n" ZEROS "\n{}\n",               /* space in the origin */
        "custody-audit/v1\na+b\n0\n" ZEROS "\n{}\n",               /* + in the origin */
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_assert_eq(parse(refused[i]), STATUS_INVALID, "case %zu: %s", i, refused[i]);
    }
    cr_assert_eq(parse(HEADER "9223372036854775806\n" SAMPLE_LH0 "\n{}\n"), STATUS_OK);
}

Test(leaf, capital_hexadecimal_is_refused)
{
    static const char capital[] =
        "custody-audit/v1\na\n1\nEff1908cc0b12452fa5b72c7de3bf0f36b73e48d21d5cccb846eedccfb3055b8\n{}\n";
    cr_assert_eq(parse(capital), STATUS_INVALID);
}

Test(leaf, nul_bytes_are_refused)
{
    static const char origin[] = "custody-audit/v1\na\0b\n0\n" ZEROS "\n{}\n";
    static const char event[] = "custody-audit/v1\na\n0\n" ZEROS "\n{\0}\n";
    struct audit_leaf leaf;
    cr_assert_eq(audit_leaf_parse(&leaf, origin, sizeof(origin) - 1, NULL), STATUS_INVALID);
    cr_assert_eq(audit_leaf_parse(&leaf, event, sizeof(event) - 1, NULL), STATUS_INVALID);
}

Test(leaf, limits)
{
    static uint8_t event[AUDIT_EVENT_MAX + 1];
    memset(event, 'x', sizeof(event));
    struct audit_leaf leaf = {.event = event, .event_len = AUDIT_EVENT_MAX};
    memset(leaf.origin, 'o', AUDIT_ORIGIN_MAX);
    struct bytes raw;
    struct audit_leaf parsed;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_OK);
    cr_assert_leq(raw.len, AUDIT_LEAF_MAX);
    cr_assert_eq(audit_leaf_parse(&parsed, raw.data, raw.len, NULL), STATUS_OK);
    bytes_free(&raw);
    leaf.event_len++;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_TOO_LARGE);
    leaf.event_len = 1;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_INVALID);
}

Test(leaf, the_builder_keeps_the_rules_of_the_parser)
{
    struct bytes raw;
    struct audit_leaf leaf = {.origin = "a", .event = (const uint8_t *)"{}", .event_len = 2};
    leaf.index = 1;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_INVALID, "no link");
    leaf.previous = sample_digest(SAMPLE_LH0);
    leaf.index = AUDIT_TREE_SIZE_MAX;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_INVALID, "index 2^63-1");
    leaf.index = 1;
    leaf.event = (const uint8_t *)"a\nb";
    leaf.event_len = 3;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_INVALID, "two lines");
    leaf.event_len = 1;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_INVALID, "one character");
}

Test(leaf, every_change_of_a_byte_is_refused_or_changes_the_hash)
{
    struct bytes raw;
    sample_leaf(&raw, 1);
    struct digest good = sample_digest(SAMPLE_LH1);
    for (size_t i = 0; i < raw.len; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            raw.data[i] ^= (uint8_t)flip;
            struct audit_leaf leaf;
            struct digest hash;
            audit_leaf_hash(&hash, raw.data, raw.len);
            cr_assert(!digest_equal(&hash, &good));
            if (audit_leaf_parse(&leaf, raw.data, raw.len, NULL) == STATUS_OK) {
                struct bytes again;
                cr_assert_eq(audit_leaf_build(&again, &leaf, NULL), STATUS_OK);
                cr_assert_eq(again.len, raw.len);
                cr_assert_arr_eq(again.data, raw.data, raw.len, "byte %zu", i);
                bytes_free(&again);
            }
            raw.data[i] ^= (uint8_t)flip;
        }
    }
    bytes_free(&raw);
}
