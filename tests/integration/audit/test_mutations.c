/*
 * Every other value of every byte: of a signed note, a cosignature and a receipt. None may be accepted, or the formats
 * had two spellings of one statement. Here and not among the quick tests because each accepted spelling costs a
 * signature verification.
 */
#include <criterion/criterion.h>

#include "audit/proof.h"
#include "samples.h"

#define DASH "\xe2\x80\x94 "

Test(mutations, of_a_note)
{
    char note[] = SAMPLE_NOTE;
    struct audit_key key;
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    for (size_t i = 0; i < strlen(SAMPLE_NOTE); i++) {
        for (unsigned other = 0; other < 256; other++) {
            if ((uint8_t)SAMPLE_NOTE[i] == other) {
                continue;
            }
            note[i] = (char)other;
            struct audit_checkpoint checkpoint;
            cr_assert_neq(audit_checkpoint_open(&checkpoint, note, sizeof(note) - 1, &key, NULL), STATUS_OK,
                          "byte %zu: %u", i, other);
        }
        note[i] = SAMPLE_NOTE[i];
    }
}

static enum status verify(const char *text, size_t len, const struct audit_key *key, const struct bytes *raw)
{
    struct audit_tlog_proof proof;
    struct audit_proven proven;
    enum status status = audit_tlog_proof_parse(&proof, text, len, NULL);
    if (status == STATUS_OK) {
        status = audit_tlog_proof_verify(&proven, &proof, key, raw->data, raw->len, NULL);
        audit_tlog_proof_wipe(&proof);
    }
    return status;
}

Test(mutations, of_a_receipt)
{
    char text[] = SAMPLE_RECEIPT;
    struct bytes raw;
    struct audit_key key;
    sample_leaf(&raw, 1);
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    cr_assert_eq(verify(text, sizeof(text) - 1, &key, &raw), STATUS_OK);
    for (size_t i = 0; i < strlen(SAMPLE_RECEIPT); i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            text[i] ^= (char)flip;
            cr_assert_neq(verify(text, sizeof(text) - 1, &key, &raw), STATUS_OK, "byte %zu flip %u", i, flip);
            text[i] ^= (char)flip;
        }
        cr_assert_neq(verify(text, i, &key, &raw), STATUS_OK, "%zu bytes", i);
    }
    bytes_free(&raw);
}

Test(mutations, of_a_cosignature)
{
    struct bytes bytes;
    struct audit_key witness;
    sample_cosigned_note(&bytes, &witness, 1700000000);
    size_t start = strlen(SAMPLE_NOTE DASH "witness.example/w1 ");
    for (size_t i = start; i < bytes.len - 1; i++) {
        for (unsigned flip = 1; flip < 128; flip++) {
            struct audit_note note;
            bytes.data[i] ^= (uint8_t)flip;
            if (audit_note_parse(&note, bytes.data, bytes.len, NULL) == STATUS_OK) {
                cr_assert_neq(audit_note_verify(NULL, &note, &witness, NULL), STATUS_OK, "byte %zu", i);
            }
            bytes.data[i] ^= (uint8_t)flip;
        }
    }
    bytes_free(&bytes);
}
