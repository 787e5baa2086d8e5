/* Checkpoints, keys and signed notes: the known answers, each rule of the parsers, and every changed byte. */
#include <criterion/criterion.h>

#include "audit/checkpoint.h"
#include "samples.h"

#define ROOT8 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
#define ROOT8_BASE64 "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
#define DASH "\xe2\x80\x94 "
#define UNKNOWN_LINE DASH "witness.example AAAAAAA=\n"

static enum status open_note(const char *note)
{
    struct audit_key key;
    struct audit_checkpoint checkpoint;
    cr_assert_eq(audit_key_parse(&key, SAMPLE_VKEY, NULL), STATUS_OK);
    return audit_checkpoint_open(&checkpoint, note, strlen(note), &key, NULL);
}

static enum status parse_body(const char *body)
{
    struct audit_checkpoint checkpoint;
    return audit_checkpoint_parse(&checkpoint, body, strlen(body), NULL);
}

Test(checkpoint, known_answer_of_eight_leaves)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = 8, .root = sample_digest(ROOT8)};
    struct bytes note;
    sample_note(&note, &checkpoint, 0);
    cr_assert_str_eq((char *)note.data,
                     SAMPLE_ORIGIN "\n8\n" ROOT8_BASE64 "\n\n" DASH SAMPLE_ORIGIN
                                   " htupOE9kov/r3FHYeIrThe9UCFc9Gyo6+V+B0Ywmb9jPnD7UhG7GNaiAjILMhm7eu3PwQ8Bd9d1BVsuS"
                                   "Mm+Nv8Krkg4=\n");
    cr_assert_eq(open_note((char *)note.data), STATUS_OK);
    bytes_free(&note);
}

Test(checkpoint, known_answer_of_two_leaves)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = 2};
    const struct digest leaves[2] = {sample_digest(SAMPLE_LH0), sample_digest(SAMPLE_LH1)};
    struct bytes note;
    audit_tree_root(&checkpoint.root, leaves, 2);
    sample_note(&note, &checkpoint, 0);
    cr_assert_str_eq((char *)note.data, SAMPLE_NOTE);
    bytes_free(&note);
}

Test(checkpoint, open_gives_what_was_signed)
{
    struct audit_key key;
    struct audit_checkpoint checkpoint;
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    cr_assert_eq(audit_checkpoint_open(&checkpoint, SAMPLE_NOTE, strlen(SAMPLE_NOTE), &key, NULL), STATUS_OK);
    cr_assert_str_eq(checkpoint.origin, SAMPLE_ORIGIN);
    cr_assert_eq(checkpoint.size, 2);
    struct digest root = sample_digest("627428d4d095f1c8f9149f4de7e807e8838d32e4636c39e40182d3832ea3eb56");
    cr_assert(digest_equal(&checkpoint.root, &root));
}

Test(checkpoint, body_rules)
{
    cr_assert_eq(parse_body("a\n0\n" ROOT8_BASE64 "\n"), STATUS_OK);
    cr_assert_eq(parse_body("a\n9223372036854775807\n" ROOT8_BASE64 "\n"), STATUS_OK);
    static const char *const refused[] = {
        "",
        "a\n",
        "a\n0\n",
        "a\n0\n" ROOT8_BASE64,                                   /* no last LF */
        "a\n0\n" ROOT8_BASE64 "\n\n",                            /* an empty extension line */
        "a\n0\n" ROOT8_BASE64 "\nextension\n",                   /* an extension line */
        "\n0\n" ROOT8_BASE64 "\n",                               /* no origin */
        "a b\n0\n" ROOT8_BASE64 "\n",                            /* space */
        "a+b\n0\n" ROOT8_BASE64 "\n",                            /* + */
        "\xc3\xa9\n0\n" ROOT8_BASE64 "\n",                       /* not ASCII */
        "a\r\n0\n" ROOT8_BASE64 "\n",                            /* CR */
        "a\n0\t\n" ROOT8_BASE64 "\n",                            /* TAB */
        "a\n00\n" ROOT8_BASE64 "\n",                             /* leading zero */
        "a\n01\n" ROOT8_BASE64 "\n",                             /* leading zero */
        "a\n-1\n" ROOT8_BASE64 "\n",                             /* sign */
        "a\n+1\n" ROOT8_BASE64 "\n",                             /* sign */
        "a\n 1\n" ROOT8_BASE64 "\n",                             /* space */
        "a\n\n" ROOT8_BASE64 "\n",                               /* no size */
        "a\n1e3\n" ROOT8_BASE64 "\n",                            /* not decimal */
        "a\n9223372036854775808\n" ROOT8_BASE64 "\n",            /* 2^63 */
        "a\n18446744073709551616\n" ROOT8_BASE64 "\n",           /* 2^64 */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n",   /* 43 characters */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg==\n", /* 45 characters */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n",  /* spare bits set */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQygA\n",  /* 33 bytes */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=\n",  /* the other alphabet */
        "a\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQy =\n",  /* space */
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_assert_eq(parse_body(refused[i]), STATUS_INVALID, "case %zu: %s", i, refused[i]);
    }
    static const char nul[] = "a\0b\n0\n" ROOT8_BASE64 "\n";
    struct audit_checkpoint checkpoint;
    cr_assert_eq(audit_checkpoint_parse(&checkpoint, nul, sizeof(nul) - 1, NULL), STATUS_INVALID);
}

Test(checkpoint, builder_rules)
{
    struct audit_checkpoint checkpoint = {.origin = "a", .size = (uint64_t)INT64_MAX + 1};
    struct bytes body;
    cr_assert_eq(audit_checkpoint_build(&body, &checkpoint, NULL), STATUS_INVALID);
    checkpoint.size = INT64_MAX;
    memset(checkpoint.origin, 'o', AUDIT_ORIGIN_MAX);
    cr_assert_eq(audit_checkpoint_build(&body, &checkpoint, NULL), STATUS_OK);
    cr_assert_eq(body.len, AUDIT_CHECKPOINT_BODY_MAX);
    bytes_free(&body);
    checkpoint.origin[3] = ' ';
    cr_assert_eq(audit_checkpoint_build(&body, &checkpoint, NULL), STATUS_INVALID);
}

Test(key, known_answer)
{
    struct audit_key key;
    char text[AUDIT_VKEY_SIZE];
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    audit_key_format(text, &key);
    cr_assert_str_eq(text, SAMPLE_VKEY);
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_COSIGNATURE, 0);
    audit_key_format(text, &key);
    cr_assert_str_neq(text, SAMPLE_VKEY);
    struct audit_key again;
    cr_assert_eq(audit_key_parse(&again, text, NULL), STATUS_OK);
    cr_assert_eq(again.type, AUDIT_KEY_COSIGNATURE);
}

Test(key, every_changed_character_is_refused)
{
    char text[] = SAMPLE_VKEY;
    struct audit_key key;
    for (size_t i = 0; i < strlen(SAMPLE_VKEY); i++) {
        for (unsigned other = 0; other < 256; other++) {
            text[i] = (char)other;
            if (text[i] != SAMPLE_VKEY[i]) {
                cr_assert_neq(audit_key_parse(&key, text, NULL), STATUS_OK, "character %zu: %u", i, other);
            }
        }
        text[i] = SAMPLE_VKEY[i];
    }
    for (size_t len = 0; len < strlen(SAMPLE_VKEY); len++) {
        text[len] = '\0';
        cr_assert_neq(audit_key_parse(&key, text, NULL), STATUS_OK, "%zu characters", len);
        text[len] = SAMPLE_VKEY[len];
    }
    cr_assert_eq(audit_key_parse(&key, SAMPLE_VKEY "A", NULL), STATUS_INVALID);
    cr_assert_eq(audit_key_parse(&key, SAMPLE_VKEY "\n", NULL), STATUS_INVALID);
}

Test(key, other_types_are_refused)
{
    struct audit_key key;
    const uint8_t point[32] = {1};
    cr_assert_eq(audit_key_make(&key, "a", (enum audit_key_type)2, point, NULL), STATUS_ALGORITHM_REFUSED);
    cr_assert_eq(audit_key_make(&key, "a", AUDIT_KEY_ED25519, point, NULL), STATUS_INVALID, "the identity");
    cr_assert_eq(audit_key_make(&key, "a b", AUDIT_KEY_ED25519, point, NULL), STATUS_INVALID);
}

Test(note, every_dropped_or_doubled_byte_is_refused)
{
    const size_t len = strlen(SAMPLE_NOTE);
    struct audit_key key;
    struct audit_checkpoint checkpoint;
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    for (size_t i = 0; i < len; i++) {
        char note[sizeof(SAMPLE_NOTE) + 1] = SAMPLE_NOTE;
        memmove(note + i, note + i + 1, len - i);
        cr_assert_neq(audit_checkpoint_open(&checkpoint, note, len - 1, &key, NULL), STATUS_OK, "without %zu", i);
        memcpy(note, SAMPLE_NOTE, len);
        memmove(note + i + 1, &SAMPLE_NOTE[i], len - i);
        cr_assert_neq(audit_checkpoint_open(&checkpoint, note, len + 1, &key, NULL), STATUS_OK, "twice %zu", i);
        cr_assert_neq(audit_checkpoint_open(&checkpoint, SAMPLE_NOTE, i, &key, NULL), STATUS_OK, "%zu bytes", i);
    }
}

Test(note, grammar)
{
    cr_assert_eq(open_note(SAMPLE_NOTE), STATUS_OK);
    cr_assert_eq(open_note(SAMPLE_NOTE UNKNOWN_LINE), STATUS_OK, "an unknown key after ours");
    cr_assert_eq(open_note(SAMPLE_BODY "\n" UNKNOWN_LINE SAMPLE_LINE), STATUS_OK, "an unknown key before ours");
    cr_assert_eq(open_note(SAMPLE_NOTE SAMPLE_LINE), STATUS_OK, "the same line twice");
    cr_assert_eq(open_note(SAMPLE_NOTE DASH "zeug\xc3\xa9.example AAAAAAA=\n"), STATUS_OK, "a name in UTF-8");
    cr_assert_eq(open_note(SAMPLE_BODY "\n" UNKNOWN_LINE), STATUS_UNKNOWN_KEY);
    cr_assert_eq(open_note(SAMPLE_BODY "\n\n" SAMPLE_LINE), STATUS_SIGNATURE_INVALID, "two blank lines");
    cr_assert_eq(open_note(SAMPLE_NOTE "\n" SAMPLE_LINE), STATUS_SIGNATURE_INVALID, "a blank line between signatures");
    static const char *const refused[] = {
        SAMPLE_BODY,
        SAMPLE_BODY "\n",                  /* no signature */
        SAMPLE_BODY SAMPLE_LINE,           /* no blank line */
        SAMPLE_NOTE "\n",                  /* a blank line at the end */
        SAMPLE_NOTE "x\n",                 /* no em dash */
        SAMPLE_NOTE "- a AAAAAAA=\n",      /* a hyphen */
        SAMPLE_NOTE DASH "a\n",            /* no signature */
        SAMPLE_NOTE DASH "a \n",           /* an empty signature */
        SAMPLE_NOTE DASH " AAAAAAA=\n",    /* no name */
        SAMPLE_NOTE DASH "a  AAAAAAA=\n",  /* two spaces */
        SAMPLE_NOTE DASH "a AAAAAAA= \n",  /* a space at the end */
        SAMPLE_NOTE DASH "a+b AAAAAAA=\n", /* + in a name */
        SAMPLE_NOTE DASH "a\xc2\xa0"
                         "b AAAAAAA=\n", /* a no-break space in a name */
        SAMPLE_NOTE DASH "a\xe3\x80\x80"
                         "b AAAAAAA=\n",    /* an ideographic space in a name */
        SAMPLE_NOTE DASH "a AAAAAA==\n",    /* 4 bytes: no signature after the key id */
        SAMPLE_NOTE DASH "a AAAAAAB=\n",    /* spare bits set */
        SAMPLE_NOTE DASH "a AAAAAAA\n",     /* no padding */
        SAMPLE_NOTE DASH "a AAAAAA_=\n",    /* the other alphabet */
        SAMPLE_NOTE DASH "a\tb AAAAAAA=\n", /* TAB */
        SAMPLE_NOTE DASH "a\rb AAAAAAA=\n", /* CR */
        SAMPLE_NOTE DASH "a\x7f"
                         "b AAAAAAA=\n", /* DEL */
        SAMPLE_NOTE DASH "a\xc0\xaf"
                         "b AAAAAAA=\n", /* UTF-8, not the shortest form */
        SAMPLE_NOTE DASH "a\xed\xa0\x80"
                         "b AAAAAAA=\n", /* a surrogate */
        SAMPLE_NOTE DASH "a\xf4\x90\x80\x80"
                         "b AAAAAAA=\n", /* above U+10FFFF */
        SAMPLE_NOTE DASH "a\xff"
                         "b AAAAAAA=\n", /* not UTF-8 */
        SAMPLE_NOTE DASH "a AAAAAAA=",   /* no last LF */
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_assert_eq(open_note(refused[i]), STATUS_INVALID, "case %zu: %s", i, refused[i]);
    }
}

/* A note with `count` lines of unknown keys after our own. */
static void note_with_lines(struct bytes *out, size_t count)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_text(&buffer, SAMPLE_NOTE);
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&buffer, DASH "witness-%zu AAAAAAA=\n", i);
    }
    cr_assert_eq(buffer_finish(out, &buffer), STATUS_OK);
}

Test(note, at_most_64_lines)
{
    struct bytes note;
    note_with_lines(&note, 63);
    cr_assert_eq(open_note((char *)note.data), STATUS_OK);
    bytes_free(&note);
    note_with_lines(&note, 64);
    cr_assert_eq(open_note((char *)note.data), STATUS_INVALID);
    bytes_free(&note);
}

Test(note, at_most_256_kib)
{
    const size_t head = strlen(SAMPLE_NOTE DASH "a ");
    char *note = malloc(AUDIT_NOTE_MAX + 5);
    cr_assert_not_null(note);
    size_t base64_len = (AUDIT_NOTE_MAX - head - 1) / 4 * 4;
    memcpy(note, SAMPLE_NOTE DASH "a ", head);
    memset(note + head, 'A', base64_len + 4);
    note[head + base64_len] = '\n';
    note[head + base64_len + 1] = '\0';
    cr_assert_eq(open_note(note), STATUS_OK, "a large signature of an unknown key");
    note[head + base64_len] = 'A';
    note[head + base64_len + 4] = '\n';
    struct audit_note parsed;
    cr_assert_eq(audit_note_parse(&parsed, note, head + base64_len + 5, NULL), STATUS_TOO_LARGE);
    free(note);
}

Test(note, a_bad_signature_of_a_known_key_rejects_the_note)
{
    struct audit_key key;
    struct audit_checkpoint other = {.origin = SAMPLE_ORIGIN, .size = 3};
    struct bytes wrong;
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    sample_note(&wrong, &other, 0);
    const char *line = strstr((char *)wrong.data, DASH);
    char note[1024];
    (void)snprintf(note, sizeof(note), "%s%s", SAMPLE_NOTE, line);
    cr_assert_eq(open_note(note), STATUS_SIGNATURE_INVALID, "the bad line after the good one");
    (void)snprintf(note, sizeof(note), "%s\n%s%s", SAMPLE_BODY, line, SAMPLE_LINE);
    cr_assert_eq(open_note(note), STATUS_SIGNATURE_INVALID, "the bad line before the good one");
    cr_assert_eq(open_note(SAMPLE_NOTE DASH SAMPLE_ORIGIN " htupOAA=\n"), STATUS_SIGNATURE_INVALID, "one byte");
    bytes_free(&wrong);
}

Test(note, the_key_of_another_log)
{
    struct audit_key other;
    struct audit_key renamed;
    struct audit_checkpoint checkpoint;
    const size_t len = strlen(SAMPLE_NOTE);
    sample_key(&other, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 1);
    cr_assert_eq(audit_checkpoint_open(&checkpoint, SAMPLE_NOTE, len, &other, NULL), STATUS_UNKNOWN_KEY);
    sample_key(&renamed, "other.example/v1", AUDIT_KEY_ED25519, 0);
    cr_assert_eq(audit_checkpoint_open(&checkpoint, SAMPLE_NOTE, len, &renamed, NULL), STATUS_UNKNOWN_KEY);
    struct bytes note;
    uint8_t signature[SIGNATURE_LEN] = {0};
    cr_assert_eq(audit_note_assemble(&note, SAMPLE_BODY, strlen(SAMPLE_BODY), &renamed, signature, NULL),
                 STATUS_MISMATCH);
}

Test(note, a_checkpoint_signed_under_another_name_is_of_another_log)
{
    /* The key "a" signs a body whose origin is that of the sample: grammar and signature are fine, the log is not. */
    struct audit_key key;
    struct audit_checkpoint checkpoint;
    uint8_t value[4 + SIGNATURE_LEN];
    struct buffer buffer;
    struct bytes note;
    sample_key(&key, "a", AUDIT_KEY_ED25519, 0);
    memcpy(value, key.id4, 4);
    sample_sign(value + 4, 0, SAMPLE_BODY, strlen(SAMPLE_BODY));
    buffer_init(&buffer);
    buffer_append_text(&buffer, SAMPLE_BODY "\n" DASH "a ");
    buffer_append_base64(&buffer, value, sizeof(value));
    buffer_append_text(&buffer, "\n");
    cr_assert_eq(buffer_finish(&note, &buffer), STATUS_OK);
    cr_assert_eq(audit_checkpoint_open(&checkpoint, note.data, note.len, &key, NULL), STATUS_MISMATCH);
    bytes_free(&note);
}

Test(cosignature, message)
{
    struct bytes message;
    cr_assert_eq(audit_cosignature_message(&message, 1679315147, SAMPLE_BODY, strlen(SAMPLE_BODY), NULL), STATUS_OK);
    cr_assert_str_eq((char *)message.data, "cosignature/v1\ntime 1679315147\n" SAMPLE_BODY);
    bytes_free(&message);
    cr_assert_eq(audit_cosignature_message(&message, UINT64_MAX, "", 0, NULL), STATUS_INVALID);
}

Test(cosignature, is_verified_with_its_time)
{
    struct bytes bytes;
    struct audit_key witness;
    struct audit_note note;
    uint64_t time_s = 0;
    sample_cosigned_note(&bytes, &witness, 1700000000);
    cr_assert_eq(audit_note_parse(&note, bytes.data, bytes.len, NULL), STATUS_OK);
    cr_assert_eq(note.line_count, 2);
    cr_assert_eq(audit_note_verify(&time_s, &note, &witness, NULL), STATUS_OK);
    cr_assert_eq(time_s, 1700000000);
    cr_assert_eq(open_note((char *)bytes.data), STATUS_OK, "the log's own signature beside it");
    bytes_free(&bytes);
}

Test(cosignature, the_key_types_do_not_mix)
{
    struct bytes bytes;
    struct audit_key witness;
    struct audit_key plain;
    struct audit_note note;
    sample_cosigned_note(&bytes, &witness, 1700000000);
    sample_key(&plain, "witness.example/w1", AUDIT_KEY_ED25519, 2);
    cr_assert_eq(audit_note_parse(&note, bytes.data, bytes.len, NULL), STATUS_OK);
    cr_assert_eq(audit_note_verify(NULL, &note, &plain, NULL), STATUS_UNKNOWN_KEY);
    bytes_free(&bytes);
}
