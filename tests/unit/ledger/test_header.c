/*
 * Header documents: one form, and nothing else is read.
 */
#include <criterion/criterion.h>

#include "ledger/header.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEADER_WITH(count, height, rules, more)                                                                        \
    "{\"audit\":\"" ZEROS "\",\"batch\":\"" ZEROS "\",\"chain\":\"" ZEROS "\",\"count\":" count ",\"height\":" height  \
    ",\"history_root\":\"" ZEROS "\",\"last_certificate\":\"" ZEROS "\",\"prev\":\"" ZEROS                             \
    "\",\"receipts_root\":\"" ZEROS "\",\"rules\":" rules                                                              \
    ",\"time\":\"2026-01-02T03:04:05.000001Z\",\"tx_root\":\"" ZEROS "\",\"validators\":\"" ZEROS "\"" more "}"

static enum status decode(struct ledger_header *out, const char *text, struct fault *fault)
{
    return ledger_header_decode(out, text, strlen(text), fault);
}

Test(ledger_header, bytes_are_those_of_the_formats)
{
    static const char text[] = HEADER_WITH("2", "\"7\"", "1", "");
    struct ledger_header header;
    struct bytes bytes = {0};
    cr_assert_eq(decode(&header, text, NULL), STATUS_OK);
    cr_expect_eq(header.height, 7);
    cr_expect_eq(header.count, 2);
    cr_expect_eq(header.time_utc_us, 1767323045000001);
    cr_assert_eq(ledger_header_encode(&bytes, &header, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)bytes.data, text);
    bytes_free(&bytes);
}

Test(ledger_header, digest_is_that_of_the_message)
{
    static const char text[] = HEADER_WITH("2", "\"7\"", "1", "");
    static const char message[] = "strongroom/header/v1\n" HEADER_WITH("2", "\"7\"", "1", "");
    struct digest digest;
    struct digest expected;
    ledger_header_digest(&digest, text, strlen(text));
    digest_sha256(&expected, message, strlen(message));
    cr_expect(digest_equal(&digest, &expected));
}

Test(ledger_header, other_forms_are_refused)
{
    static const struct {
        const char *text;
        enum status status;
        const char *where;
    } rows[] = {
        {HEADER_WITH("2", "\"7\"", "2", ""), STATUS_VERSION, "rules"},
        {HEADER_WITH("2", "\"0\"", "1", ""), STATUS_INVALID, "height"},
        {HEADER_WITH("2", "7", "1", ""), STATUS_INVALID, "height"},
        {HEADER_WITH("-1", "\"7\"", "1", ""), STATUS_INVALID, "count"},
        {HEADER_WITH("2", "\"7\"", "1", ",\"zone\":1"), STATUS_UNKNOWN_FIELD, "zone"},
        {HEADER_WITH("2", "\"7\"", "1", "") "\n", STATUS_NOT_CANONICAL, ""},
        {"{}", STATUS_MISSING_FIELD, "audit"},
        {"", STATUS_NOT_CANONICAL, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ledger_header header;
        struct fault fault = {0};
        cr_expect_eq(decode(&header, rows[i].text, &fault), rows[i].status, "row %zu: %s %s", i, fault.where,
                     fault.detail);
        cr_expect(rows[i].where[0] == '\0' || strcmp(fault.where, rows[i].where) == 0, "row %zu: %s", i, fault.where);
    }
}

Test(ledger_header, what_would_not_be_read_is_not_written)
{
    struct ledger_header header = {.height = 0, .rules = 1};
    struct bytes bytes = {0};
    cr_expect_eq(ledger_header_encode(&bytes, &header, NULL), STATUS_INVALID);
    header = (struct ledger_header){.height = 1, .rules = 2};
    cr_expect_eq(ledger_header_encode(&bytes, &header, NULL), STATUS_VERSION);
    header = (struct ledger_header){.height = 1, .rules = 1, .count = -1};
    cr_expect_neq(ledger_header_encode(&bytes, &header, NULL), STATUS_OK);
    cr_expect_null(bytes.data);
}
