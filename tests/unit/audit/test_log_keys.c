/*
 * The keys of a log by its terms: which lines make a note good or worthless at which size, and which lists are none.
 */
#include <criterion/criterion.h>

#include "audit/log_keys.h"
#include "samples.h"

#define FROM 10

static void vkey_of(char out[AUDIT_VKEY_SIZE], const char *name, uint8_t number)
{
    struct audit_key key;
    sample_key(&key, name, AUDIT_KEY_ED25519, number);
    audit_key_format(out, &key);
}

static enum status add(struct audit_log_terms *terms, const char *name, uint8_t number, uint64_t from)
{
    char vkey[AUDIT_VKEY_SIZE];
    vkey_of(vkey, name, number);
    return audit_log_terms_add(terms, vkey, from, NULL);
}

/* Key 0, then key 1 from FROM entries on, then key 2 from 2 * FROM on. */
static void three(struct audit_log_terms *out)
{
    *out = (struct audit_log_terms){0};
    for (uint8_t i = 0; i < 3; i++) {
        cr_assert_eq(add(out, SAMPLE_ORIGIN, i, (uint64_t)i * FROM), STATUS_OK);
    }
}

/* A note of this size with a line of each key of `by`; a capital X spoils the line before it. */
static enum status judge(uint64_t size, const char *by)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = size};
    struct audit_checkpoint opened = {.size = 0};
    struct audit_log_terms terms;
    struct bytes body = {0};
    struct buffer buffer;
    struct bytes note = {0};
    three(&terms);
    cr_assert_eq(audit_checkpoint_build(&body, &checkpoint, NULL), STATUS_OK);
    buffer_init(&buffer);
    buffer_append(&buffer, body.data, body.len);
    buffer_append_text(&buffer, "\n");
    for (const char *at = by; *at != '\0'; at += at[1] == 'X' ? 2 : 1) {
        struct audit_key key;
        struct bytes line = {0};
        uint8_t signature[SIGNATURE_LEN];
        uint8_t number = (uint8_t)(*at - '0');
        sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, number);
        sample_sign(signature, number, body.data, body.len);
        signature[0] ^= at[1] == 'X' ? 1 : 0;
        cr_assert_eq(audit_note_line(&line, &key, signature, NULL), STATUS_OK);
        buffer_append(&buffer, line.data, line.len);
        bytes_free(&line);
    }
    cr_assert_eq(buffer_finish(&note, &buffer), STATUS_OK);
    enum status status = audit_log_terms_open(&opened, &terms, note.data, note.len, NULL);
    cr_expect_eq(opened.size, status == STATUS_OK ? size : 0);
    bytes_free(&note);
    bytes_free(&body);
    return status;
}

Test(log_keys, each_counts_from_its_size_on_until_the_next_one_does)
{
    static const struct {
        uint64_t size;
        const char *by;
        enum status status;
    } rows[] = {
        {1, "0", STATUS_OK},
        {FROM - 1, "01", STATUS_OK},
        {FROM, "1", STATUS_OK},
        {2 * FROM - 1, "12", STATUS_OK},
        {2 * FROM, "2", STATUS_OK},
        {1, "03", STATUS_OK}, /* somebody else's line */
        {FROM - 1, "1", STATUS_UNKNOWN_KEY},
        {FROM, "0", STATUS_UNKNOWN_KEY},
        {FROM, "10", STATUS_UNKNOWN_KEY},
        {2 * FROM, "12", STATUS_UNKNOWN_KEY},
        {1, "3", STATUS_UNKNOWN_KEY},
        {FROM - 1, "01X", STATUS_SIGNATURE_INVALID},
        {FROM, "1X", STATUS_SIGNATURE_INVALID},
        {FROM, "0X1", STATUS_SIGNATURE_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(judge(rows[i].size, rows[i].by), rows[i].status, "%zu by %s", (size_t)rows[i].size, rows[i].by);
    }
}

Test(log_keys, a_list_is_of_one_origin_in_the_order_of_sizes)
{
    struct audit_log_terms terms = {0};
    char witness[AUDIT_VKEY_SIZE];
    struct audit_key key;
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_COSIGNATURE, 4);
    audit_key_format(witness, &key);
    cr_expect_eq(add(&terms, SAMPLE_ORIGIN, 0, 1), STATUS_INVALID);
    three(&terms);
    cr_expect_eq(add(&terms, SAMPLE_ORIGIN, 3, 2 * FROM), STATUS_INVALID);
    cr_expect_eq(add(&terms, SAMPLE_ORIGIN, 0, 3 * FROM), STATUS_MISMATCH);
    cr_expect_eq(add(&terms, "another.example/log", 3, 3 * FROM), STATUS_MISMATCH);
    cr_expect_eq(audit_log_terms_add(&terms, witness, 3 * FROM, NULL), STATUS_ALGORITHM_REFUSED);
    cr_expect_eq(terms.count, 3);
    cr_expect_eq(add(&terms, SAMPLE_ORIGIN, 3, 3 * FROM), STATUS_OK);
    terms.count = AUDIT_LOG_TERMS_MAX;
    cr_expect_eq(add(&terms, SAMPLE_ORIGIN, 4, (uint64_t)1 << 40), STATUS_TOO_LARGE);
}

Test(log_keys, each_origin_is_followed_by_another_one)
{
    static const struct {
        const char *origin;
        const char *next;
        uint64_t epoch;
    } rows[] = {
        {"custody.example/audit/v1", "custody.example/audit/v1/e2", 1},
        {"custody.example/audit/v1/e2", "custody.example/audit/v1/e3", 2},
        {"custody.example/audit/v1/e99", "custody.example/audit/v1/e100", 99},
        {"log/e1", "log/e1/e2", 1},
        {"log/e02", "log/e02/e2", 1},
        {"log/e", "log/e/e2", 1},
        {"log/e2x", "log/e2x/e2", 1},
        {"e2", "e2/e2", 1},
        {"/e2", "/e2/e2", 1},
    };
    char next[AUDIT_ORIGIN_SIZE];
    char longest[AUDIT_ORIGIN_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(audit_origin_next(next, rows[i].origin, NULL), STATUS_OK);
        cr_expect_str_eq(next, rows[i].next);
        cr_expect_eq(audit_origin_epoch(rows[i].origin), rows[i].epoch, "%s", rows[i].origin);
    }
    cr_expect(audit_origin_is_later("X/v1/e3", "X/v1/e2"));
    cr_expect(audit_origin_is_later("X/v1/e10", "X/v1"));
    cr_expect_not(audit_origin_is_later("X/v1/e2", "X/v1/e2"));
    cr_expect_not(audit_origin_is_later("X/v1/e2", "X/v1/e3"));
    cr_expect_not(audit_origin_is_later("X/v2/e2", "X/v1"), "another log");
    cr_expect_not(audit_origin_is_later("X/v1/e2", "X/v1/e2/more"));
    cr_expect_not(audit_origin_is_later("X/v1/x/e2", "X/v1"));
    memset(longest, 'x', AUDIT_ORIGIN_MAX);
    longest[AUDIT_ORIGIN_MAX] = '\0';
    cr_expect_eq(audit_origin_next(next, longest, NULL), STATUS_TOO_LARGE);
}
