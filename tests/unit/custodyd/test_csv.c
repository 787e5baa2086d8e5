/*
 * Records as spreadsheets and RFC 4180 read them.
 */
#include "csv.h"

#include <criterion/criterion.h>

static const char *const names[] = {"a", "b", "c"};

/* The record of {"b": text}. */
static void expect(const char *text, const char *record)
{
    struct buffer buffer;
    struct bytes bytes = {0};
    json_t *row = json_pack("{s:s}", "b", text);
    buffer_init(&buffer);
    csv_append(&buffer, names, 3, row);
    json_decref(row);
    cr_assert(buffer_finish(&bytes, &buffer) == STATUS_OK);
    cr_expect_str_eq((const char *)bytes.data, record);
    bytes_free(&bytes);
}

Test(csv, fields_are_quoted_where_they_must_be)
{
    expect("plain", ",plain,\r\n");
    expect("one,two", ",\"one,two\",\r\n");
    expect("say \"so\"", ",\"say \"\"so\"\"\",\r\n");
    expect("two\nlines", ",\"two\nlines\",\r\n");
    expect("", ",,\r\n");
}

Test(csv, nothing_begins_like_a_formula)
{
    expect("=1+1", ",'=1+1,\r\n");
    expect("+1", ",'+1,\r\n");
    expect("-1", ",'-1,\r\n");
    expect("@SUM(A1)", ",'@SUM(A1),\r\n");
    expect("\t=1", ",'\t=1,\r\n");
    expect("\r=1", ",\"'\r=1\",\r\n");
    expect("=HYPERLINK(\"x\",\"y\")", ",\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\",\r\n");
    expect(" =1", ",' =1,\r\n");
    expect("\x0b=1", ",'\x0b=1,\r\n");
    expect("\xef\xbc\x9d"
           "1",
           ",'\xef\xbc\x9d"
           "1,\r\n");
    expect("a=1", ",a=1,\r\n");
}

Test(csv, numbers_stand_as_they_are_and_without_a_row_stand_the_names)
{
    struct buffer buffer;
    struct bytes bytes = {0};
    json_t *row = json_pack("{s:I, s:i}", "a", (json_int_t)9223372036854775807, "c", -5);
    buffer_init(&buffer);
    csv_append(&buffer, names, 3, NULL);
    csv_append(&buffer, names, 3, row);
    json_decref(row);
    cr_assert(buffer_finish(&bytes, &buffer) == STATUS_OK);
    cr_expect_str_eq((const char *)bytes.data, "a,b,c\r\n9223372036854775807,,-5\r\n");
    bytes_free(&bytes);
}
