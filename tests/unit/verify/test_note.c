/*
 * The verifier's own notes, leaves and keys on the sample vectors of the format, which Go's sumdb accepted.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "note.h"
#include "samples.h"
#include "test/test_key.h"

static struct note_key sample_log(void)
{
    struct note_key log;
    cr_assert(note_key_read(&log, SAMPLE_VKEY, NOTE_KEY_LOG));
    cr_assert_str_eq(log.name, SAMPLE_ORIGIN);
    return log;
}

Test(verify_note, the_sample)
{
    struct note_key log = sample_log();
    struct checkpoint checkpoint;
    struct bytes raw;
    struct leaf leaf;
    const char *why = "";
    char hex[DIGEST_HEX_LEN + 1];
    cr_assert_eq(checkpoint_read(&checkpoint, &log, SAMPLE_NOTE, strlen(SAMPLE_NOTE), &why), VERDICT_PROVEN, "%s", why);
    cr_assert_eq(checkpoint.size, 2);
    sample_leaf(&raw, 1);
    cr_assert(leaf_read(&leaf, SAMPLE_ORIGIN, raw.data, raw.len, &why), "%s", why);
    cr_assert_eq(leaf.number, 1);
    digest_format(hex, &leaf.hash);
    cr_assert_str_eq(hex, SAMPLE_LH1);
    digest_format(hex, &leaf.prev);
    cr_assert_str_eq(hex, SAMPLE_LH0);
    cr_assert(span_is(leaf.event, SAMPLE_E1));
    cr_assert_not(leaf_read(&leaf, "other.example", raw.data, raw.len, &why));
    bytes_free(&raw);
}

Test(verify_note, each_byte_of_the_sample_counts)
{
    struct note_key log = sample_log();
    char note[] = SAMPLE_NOTE;
    for (size_t i = 0; i + 1 < sizeof(note); i++) {
        struct checkpoint checkpoint;
        const char *why = "";
        note[i] ^= 1;
        cr_assert_neq(checkpoint_read(&checkpoint, &log, note, sizeof(note) - 1, &why), VERDICT_PROVEN, "byte %zu", i);
        note[i] ^= 1;
        cr_assert_neq(checkpoint_read(&checkpoint, &log, note, i, &why), VERDICT_PROVEN, "the first %zu bytes", i);
    }
}

static bool decimal(uint64_t *out, const char *text)
{
    return span_decimal(out, (struct span){text, strlen(text)});
}

Test(verify_note, decimals)
{
    uint64_t value = 7;
    cr_assert(decimal(&value, "0") && value == 0);
    cr_assert(decimal(&value, "9223372036854775807") && value == INT64_MAX);
    static const char *const bad[] = {
        "", "00", "01", "-1", "+1", " 1", "1 ", "1e3", "0x1", "9223372036854775808", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(decimal(&value, bad[i]), "'%s'", bad[i]);
    }
}

/* The three algorithms, against signatures of the tests' own keys. */
Test(verify_note, signatures)
{
    static const struct {
        enum algorithm algorithm;
        const char *name;
    } rows[] = {{ALGORITHM_P256, "p256"}, {ALGORITHM_SECP256K1, "secp256k1"}, {ALGORITHM_ED25519, "ed25519"}};
    for (size_t i = 0; i < 3; i++) {
        struct test_key *made = test_key_new(rows[i].algorithm);
        const struct public_key *public_key = test_key_public(made);
        struct key key;
        uint8_t signature[SIGNATURE_LEN];
        cr_assert(key_make(&key, rows[i].name, public_key->spki, public_key->spki_len));
        cr_assert_not(key_make(&key, rows[(i + 1) % 3].name, public_key->spki, public_key->spki_len));
        cr_assert_not(key_make(&key, "rsa", public_key->spki, public_key->spki_len));
        cr_assert_not(key_make(&key, rows[i].name, public_key->spki, public_key->spki_len - 1));
        test_key_sign_message(signature, made, "message", 7);
        cr_assert(key_verifies(&key, signature, "message", 7), "%s", rows[i].name);
        cr_assert_not(key_verifies(&key, signature, "messagf", 7));
        for (size_t byte = 0; byte < SIGNATURE_LEN; byte++) {
            signature[byte] ^= 1;
            cr_assert_not(key_verifies(&key, signature, "message", 7), "%s byte %zu", rows[i].name, byte);
            signature[byte] ^= 1;
        }
        if (rows[i].algorithm != ALGORITHM_ED25519) {
            test_key_make_high_s(signature, rows[i].algorithm);
            cr_assert_not(key_verifies(&key, signature, "message", 7), "s in the upper half");
        }
        memset(signature, 0, sizeof(signature));
        cr_assert_not(key_verifies(&key, signature, "message", 7), "zeros");
        test_key_free(made);
    }
}

/* A key under which anybody can sign; the service refuses the same ones. */
Test(verify_note, keys_of_small_order)
{
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t der[44] = {0};
    struct key key;
    struct public_key theirs;
    memcpy(der, prefix, sizeof(prefix));
    for (unsigned y = 0; y < 64; y++) { /* some are on the curve, two are of small order, with either sign */
        for (unsigned sign = 0; sign < 2; sign++) {
            der[12] = (uint8_t)y;
            der[43] = (uint8_t)(sign << 7);
            bool ours = key_make(&key, "ed25519", der, sizeof(der));
            bool good = public_key_parse(&theirs, ALGORITHM_ED25519, der, sizeof(der), NULL) == STATUS_OK;
            cr_assert(ours || !good, "y %u", y);
            cr_assert_eq(ours, y > 1, "y %u", y);
        }
    }
    static const char *const others[] = {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                                         "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                                         "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_assert_eq(hex_decode(der + 12, 32, others[i]), STATUS_OK);
        cr_assert_not(key_make(&key, "ed25519", der, sizeof(der)), "%s", others[i]);
        cr_assert_neq(public_key_parse(&theirs, ALGORITHM_ED25519, der, sizeof(der), NULL), STATUS_OK);
    }
}

/* The log's key, and from `from` entries on another one. */
static struct note_key second_key(uint64_t from)
{
    struct note_key key;
    struct audit_key sample;
    char vkey[AUDIT_VKEY_SIZE];
    sample_key(&sample, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 1);
    audit_key_format(vkey, &sample);
    cr_assert(note_key_read(&key, vkey, NOTE_KEY_LOG));
    key.from = from;
    return key;
}

/* A note of 5 entries with the lines of these keys (by number; -1 for none). `bad`: the last line is over another one.
 */
static const char *verdict(const struct note_key *log, int first, int second, bool bad)
{
    struct checkpoint read;
    struct bytes notes[2] = {{0}};
    struct buffer buffer;
    struct bytes note = {0};
    const char *why = "good";
    const int numbers[] = {first, second};
    buffer_init(&buffer);
    for (int i = 0; i < 2 && numbers[i] >= 0; i++) {
        const struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = bad && i == 1 ? 6 : 5};
        sample_note(&notes[i], &checkpoint, (uint8_t)numbers[i]);
        const char *blank = strstr((const char *)notes[i].data, "\n\n");
        size_t skip = i == 0 ? 0 : (size_t)(blank + 2 - (const char *)notes[i].data);
        buffer_append(&buffer, notes[i].data + skip, notes[i].len - skip);
        bytes_free(&notes[i]);
    }
    cr_assert_eq(buffer_finish(&note, &buffer), STATUS_OK);
    enum verdict verdict = checkpoint_read(&read, log, note.data, note.len, &why);
    cr_assert_eq(verdict == VERDICT_INCOMPLETE, verdict != VERDICT_PROVEN && strstr(why, "later trust file") != NULL);
    bytes_free(&note);
    return verdict == VERDICT_PROVEN ? "good" : why;
}

Test(verify_note, a_key_counts_in_its_time)
{
    static const char *const over = "is signed by a log key whose time was over";
    static const char *const missing = "is not signed by the log key";
    static const char *const other =
        "is not signed by the log key, but by one that a later trust file may name (custody log trust)";
    struct note_key later = second_key(6);
    struct note_key now = second_key(5);
    struct note_key before = sample_log();
    struct note_key after = sample_log();
    before.next = &later;
    after.next = &now;
    cr_expect_str_eq(verdict(&before, 0, -1, false), "good");
    cr_expect_str_eq(verdict(&before, 0, 1, false), "good");
    cr_expect_str_eq(verdict(&before, 1, -1, false), missing, "its time has not come");
    cr_expect_str_eq(verdict(&before, 0, 1, true), "has a bad signature line");
    cr_expect_str_eq(verdict(&before, 0, 2, true), "good", "a line of somebody else");
    cr_expect_str_eq(verdict(&after, 1, -1, false), "good");
    cr_expect_str_eq(verdict(&after, 0, -1, false), over);
    cr_expect_str_eq(verdict(&after, 1, 0, false), over);
    cr_expect_str_eq(verdict(&after, 1, 0, true), "has a bad signature line");
    cr_expect_str_eq(verdict(&after, 2, -1, false), other);
    cr_expect_str_eq(verdict(&after, 0, 2, false), over, "that is certain");
}
