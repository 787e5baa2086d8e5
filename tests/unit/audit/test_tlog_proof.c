/* Receipts: the known answer, each rule of the parser, and every changed byte. */
#include <criterion/criterion.h>

#include "audit/proof.h"
#include "samples.h"

#define MAGIC "c2sp.org/tlog-proof@v1\n"
#define HASH "7/GQjMCxJFL6W3LH3jvw82tz5I0h1czLhG7tzPswVbg=\n"

static enum status parse(const char *text, size_t len)
{
    struct audit_tlog_proof proof;
    enum status status = audit_tlog_proof_parse(&proof, text, len, NULL);
    if (status == STATUS_OK) {
        audit_tlog_proof_wipe(&proof);
    }
    return status;
}

/* Parses a receipt and verifies it for a leaf under the key of the samples. */
static enum status verify(struct audit_proven *out, const void *text, size_t len, const struct bytes *raw)
{
    struct audit_tlog_proof proof;
    static struct audit_key key;
    if (key.name[0] == '\0') {
        sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    }
    enum status status = audit_tlog_proof_parse(&proof, text, len, NULL);
    if (status == STATUS_OK) {
        status = audit_tlog_proof_verify(out, &proof, &key, raw->data, raw->len, NULL);
        audit_tlog_proof_wipe(&proof);
    }
    return status;
}

Test(tlog_proof, known_answer)
{
    struct audit_tlog_proof proof = {.index = 1, .proof = {.count = 1}};
    struct bytes text;
    proof.proof.hashes[0] = sample_digest(SAMPLE_LH0);
    proof.note = (const uint8_t *)SAMPLE_NOTE;
    proof.note_len = strlen(SAMPLE_NOTE);
    cr_assert_eq(audit_tlog_proof_encode(&text, &proof, NULL), STATUS_OK);
    cr_assert_str_eq((char *)text.data, SAMPLE_RECEIPT);
    bytes_free(&text);
}

Test(tlog_proof, verifies_its_leaf_and_no_other)
{
    struct bytes leaf[2];
    struct audit_proven proven;
    sample_leaf(&leaf[0], 0);
    sample_leaf(&leaf[1], 1);
    cr_assert_eq(verify(&proven, SAMPLE_RECEIPT, strlen(SAMPLE_RECEIPT), &leaf[1]), STATUS_OK);
    cr_assert_eq(proven.checkpoint.size, 2);
    cr_assert_eq(proven.leaf.index, 1);
    cr_assert_arr_eq(proven.leaf.event, SAMPLE_E1, proven.leaf.event_len);
    cr_assert_eq(verify(&proven, SAMPLE_RECEIPT, strlen(SAMPLE_RECEIPT), &leaf[0]), STATUS_MISMATCH);
    leaf[1].data[leaf[1].len - 4] ^= 1; /* a digit of the time */
    cr_assert_eq(verify(&proven, SAMPLE_RECEIPT, strlen(SAMPLE_RECEIPT), &leaf[1]), STATUS_PROOF_INVALID);
    bytes_free(&leaf[0]);
    bytes_free(&leaf[1]);
}

Test(tlog_proof, a_leaf_of_another_log_is_refused)
{
    struct audit_leaf other = {.origin = "other.example/v1", .event = (const uint8_t *)SAMPLE_E0};
    other.event_len = strlen(SAMPLE_E0);
    struct bytes raw;
    struct digest hash;
    cr_assert_eq(audit_leaf_build(&raw, &other, NULL), STATUS_OK);
    audit_leaf_hash(&hash, raw.data, raw.len);
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = 1};
    audit_tree_root(&checkpoint.root, &hash, 1);
    struct bytes note;
    struct bytes text;
    sample_note(&note, &checkpoint, 0);
    struct audit_tlog_proof proof = {.note = note.data, .note_len = note.len};
    cr_assert_eq(audit_tlog_proof_encode(&text, &proof, NULL), STATUS_OK);
    struct audit_proven proven;
    cr_assert_eq(verify(&proven, text.data, text.len, &raw), STATUS_MISMATCH);
    bytes_free(&raw);
    bytes_free(&note);
    bytes_free(&text);
}

Test(tlog_proof, extra)
{
    struct audit_tlog_proof proof = {.note = (const uint8_t *)SAMPLE_NOTE, .note_len = strlen(SAMPLE_NOTE)};
    struct audit_tlog_proof again;
    struct bytes text;
    proof.index = INT64_MAX - 1;
    proof.extra = (struct bytes){.data = (uint8_t[]){'h', 'i'}, .len = 2};
    cr_assert_eq(audit_tlog_proof_encode(&text, &proof, NULL), STATUS_OK);
    cr_assert_str_eq((char *)text.data, MAGIC "extra aGk=\nindex 9223372036854775806\n\n" SAMPLE_NOTE);
    cr_assert_eq(audit_tlog_proof_parse(&again, text.data, text.len, NULL), STATUS_OK);
    cr_assert_eq(again.extra.len, 2);
    cr_assert_arr_eq(again.extra.data, "hi", 2);
    cr_assert_eq(again.note_len, strlen(SAMPLE_NOTE));
    audit_tlog_proof_wipe(&again);
    cr_assert_null(again.extra.data);
    audit_tlog_proof_wipe(&again);
    bytes_free(&text);
    static uint8_t large[AUDIT_TLOG_PROOF_EXTRA_MAX + 1];
    proof.extra = (struct bytes){.data = large, .len = sizeof(large)};
    cr_assert_eq(audit_tlog_proof_encode(&text, &proof, NULL), STATUS_TOO_LARGE);
}

Test(tlog_proof, grammar)
{
    static const char *const refused[] = {
        "",
        MAGIC,
        "c2sp.org/tlog-proof@v2\nindex 1\n" HASH "\n" SAMPLE_NOTE,
        MAGIC "\n" SAMPLE_NOTE,                                    /* no index */
        MAGIC "index 01\n" HASH "\n" SAMPLE_NOTE,                  /* leading zero */
        MAGIC "index  1\n" HASH "\n" SAMPLE_NOTE,                  /* two spaces */
        MAGIC "index 1 \n" HASH "\n" SAMPLE_NOTE,                  /* a space at the end */
        MAGIC "index 1\r\n" HASH "\n" SAMPLE_NOTE,                 /* CR */
        MAGIC "index\t1\n" HASH "\n" SAMPLE_NOTE,                  /* TAB */
        MAGIC "index -1\n" HASH "\n" SAMPLE_NOTE,                  /* sign */
        MAGIC "index 9223372036854775807\n" HASH "\n" SAMPLE_NOTE, /* 2^63-1 */
        MAGIC "index 1\nindex 1\n" HASH "\n" SAMPLE_NOTE,          /* twice */
        MAGIC "index 1\nextra aGk=\n" HASH "\n" SAMPLE_NOTE,       /* in the wrong order */
        MAGIC "extra aGk=\nextra aGk=\nindex 1\n" HASH "\n" SAMPLE_NOTE,
        MAGIC "extra \nindex 1\n" HASH "\n" SAMPLE_NOTE,     /* empty */
        MAGIC "extra aGl=\nindex 1\n" HASH "\n" SAMPLE_NOTE, /* spare bits set */
        MAGIC "extra aGk\nindex 1\n" HASH "\n" SAMPLE_NOTE,  /* no padding */
        MAGIC "index 1\n" HASH SAMPLE_NOTE,                  /* no blank line */
        MAGIC "index 1\n" HASH "\n\n" SAMPLE_NOTE,           /* two blank lines */
        MAGIC "index 1\n\n" HASH "\n" SAMPLE_NOTE,           /* a blank line before the hash */
        MAGIC "index 1\n7/GQjMCxJFL6W3LH3jvw82tz5I0h1czLhG7tzPswVbg\n\n" SAMPLE_NOTE,
        MAGIC "index 1\n7/GQjMCxJFL6W3LH3jvw82tz5I0h1czLhG7tzPswVbh=\n\n" SAMPLE_NOTE,
        MAGIC "index 1\n" HASH "\n",             /* no note */
        MAGIC "index 1\n" HASH "\n" SAMPLE_BODY, /* no signature */
        MAGIC "index 1\n" HASH "\n" SAMPLE_NOTE "\n",
    };
    cr_assert_eq(parse(SAMPLE_RECEIPT, strlen(SAMPLE_RECEIPT)), STATUS_OK);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_assert_eq(parse(refused[i], strlen(refused[i])), STATUS_INVALID, "case %zu: %s", i, refused[i]);
    }
}

Test(tlog_proof, at_most_63_hashes)
{
    for (size_t count = 63; count <= 64; count++) {
        struct buffer buffer;
        struct bytes text;
        buffer_init(&buffer);
        buffer_append_text(&buffer, MAGIC "index 0\n");
        for (size_t i = 0; i < count; i++) {
            buffer_append_text(&buffer, HASH);
        }
        buffer_append_text(&buffer, "\n" SAMPLE_NOTE);
        cr_assert_eq(buffer_finish(&text, &buffer), STATUS_OK);
        cr_assert_eq(parse((char *)text.data, text.len), count == 63 ? STATUS_OK : STATUS_INVALID);
        bytes_free(&text);
    }
}

Test(tlog_proof, encode_refuses_a_note_that_is_none)
{
    struct audit_tlog_proof proof = {.note = (const uint8_t *)SAMPLE_BODY, .note_len = strlen(SAMPLE_BODY)};
    struct bytes text;
    cr_assert_eq(audit_tlog_proof_encode(&text, &proof, NULL), STATUS_INVALID);
}
