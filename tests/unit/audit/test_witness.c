/* Whose cosignatures count, and the request for one. */
#include <criterion/criterion.h>

#include "audit/witness.h"
#include "samples.h"

#define URL "\"http://127.0.0.1:1\""

/* {"quorum":quorum,"witnesses":[...]} of the keys of these numbers, each named w<number>. */
static struct bytes document(int quorum, const uint8_t *numbers, size_t count)
{
    struct bytes out = {0};
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, "{\"quorum\":%d,\"witnesses\":[", quorum);
    for (size_t i = 0; i < count; i++) {
        struct audit_key key;
        char name[16];
        char vkey[AUDIT_VKEY_SIZE];
        (void)snprintf(name, sizeof(name), "w%u", numbers[i]);
        sample_key(&key, name, AUDIT_KEY_COSIGNATURE, numbers[i]);
        audit_key_format(vkey, &key);
        buffer_append_format(&buffer, "%s{\"key\":\"%s\",\"url\":" URL "}", i == 0 ? "" : ",", vkey);
    }
    buffer_append_text(&buffer, "]}");
    cr_assert_eq(buffer_finish(&out, &buffer), STATUS_OK);
    return out;
}

static enum status parse(struct audit_witnesses *out, struct bytes text)
{
    enum status status = audit_witnesses_parse(out, text.data, text.len, NULL);
    bytes_free(&text);
    return status;
}

static void add_cosignature(struct buffer *note, const char *name, uint8_t number, uint64_t time_s, uint8_t flaw)
{
    struct audit_key key;
    struct bytes message = {0};
    struct bytes line = {0};
    uint8_t signature[SIGNATURE_LEN];
    sample_key(&key, name, AUDIT_KEY_COSIGNATURE, number);
    cr_assert_eq(audit_cosignature_message(&message, time_s, SAMPLE_BODY, strlen(SAMPLE_BODY), NULL), STATUS_OK);
    sample_sign(signature, number, message.data, message.len);
    signature[0] ^= flaw;
    cr_assert_eq(audit_cosignature_line(&line, &key, time_s, signature, NULL), STATUS_OK);
    buffer_append(note, line.data, line.len);
    bytes_free(&message);
    bytes_free(&line);
}

static enum status check(struct buffer *note, const struct audit_witnesses *witnesses)
{
    struct bytes text = {0};
    cr_assert_eq(buffer_finish(&text, note), STATUS_OK);
    enum status status = audit_witnesses_check(witnesses, text.data, text.len, NULL);
    bytes_free(&text);
    return status;
}

static void start_note(struct buffer *note)
{
    buffer_init(note);
    buffer_append_text(note, SAMPLE_NOTE);
}

Test(witness, so_many_different_witnesses_must_have_cosigned)
{
    static const uint8_t three[] = {2, 3, 4};
    struct audit_witnesses witnesses;
    struct buffer note;
    cr_assert_eq(parse(&witnesses, document(2, three, 3)), STATUS_OK);
    cr_assert_eq(witnesses.quorum, 2);
    cr_assert_eq(witnesses.count, 3);
    start_note(&note);
    cr_assert_eq(check(&note, &witnesses), STATUS_QUORUM_MISSING);
    start_note(&note);
    add_cosignature(&note, "w3", 3, 100, 0);
    cr_assert_eq(check(&note, &witnesses), STATUS_QUORUM_MISSING);
    start_note(&note);
    add_cosignature(&note, "w3", 3, 100, 0);
    add_cosignature(&note, "w3", 3, 101, 0);
    cr_assert_eq(check(&note, &witnesses), STATUS_QUORUM_MISSING, "one witness twice is one");
    start_note(&note);
    add_cosignature(&note, "w3", 3, 100, 0);
    add_cosignature(&note, "w9", 9, 100, 0);
    cr_assert_eq(check(&note, &witnesses), STATUS_QUORUM_MISSING, "a stranger is none");
    start_note(&note);
    add_cosignature(&note, "w3", 3, 100, 0);
    add_cosignature(&note, "w2", 2, 100, 0);
    cr_assert_eq(check(&note, &witnesses), STATUS_OK);
}

Test(witness, one_bad_cosignature_of_a_known_witness_spoils_the_note)
{
    static const uint8_t three[] = {2, 3, 4};
    struct audit_witnesses witnesses;
    struct buffer note;
    cr_assert_eq(parse(&witnesses, document(1, three, 3)), STATUS_OK);
    start_note(&note);
    add_cosignature(&note, "w3", 3, 100, 0);
    add_cosignature(&note, "w2", 2, 100, 1);
    cr_assert_eq(check(&note, &witnesses), STATUS_SIGNATURE_INVALID);
}

Test(witness, the_time_of_a_quorum_is_that_of_its_oldest)
{
    static const uint8_t three[] = {2, 3, 4};
    struct audit_witnesses witnesses;
    struct audit_note parsed;
    struct buffer note;
    struct bytes text = {0};
    size_t count = 0;
    uint64_t time_s = 0;
    cr_assert_eq(parse(&witnesses, document(2, three, 3)), STATUS_OK);
    start_note(&note);
    add_cosignature(&note, "w2", 2, 100, 0);
    add_cosignature(&note, "w3", 3, 300, 0);
    add_cosignature(&note, "w4", 4, 200, 0);
    cr_assert_eq(buffer_finish(&text, &note), STATUS_OK);
    cr_assert_eq(audit_note_parse(&parsed, text.data, text.len, NULL), STATUS_OK);
    cr_assert_eq(audit_witnesses_count(&count, &time_s, &parsed, &witnesses, NULL), STATUS_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(time_s, 200);
    bytes_free(&text);
}

Test(witness, policies_that_could_count_one_twice_are_refused)
{
    static const uint8_t unsorted[] = {3, 2};
    static const uint8_t twice[] = {2, 2};
    struct audit_witnesses witnesses;
    cr_assert_eq(parse(&witnesses, document(1, unsorted, 2)), STATUS_INVALID);
    cr_assert_eq(parse(&witnesses, document(1, twice, 2)), STATUS_INVALID);
    struct audit_key one;
    struct audit_key other; /* the same public key under another name */
    char vkeys[2][AUDIT_VKEY_SIZE];
    char text[1024];
    sample_key(&one, "a", AUDIT_KEY_COSIGNATURE, 2);
    sample_key(&other, "b", AUDIT_KEY_COSIGNATURE, 2);
    audit_key_format(vkeys[0], &one);
    audit_key_format(vkeys[1], &other);
    (void)snprintf(text, sizeof(text),
                   "{\"quorum\":2,\"witnesses\":[{\"key\":\"%s\",\"url\":" URL "},{\"key\":\"%s\",\"url\":" URL "}]}",
                   vkeys[0], vkeys[1]);
    cr_assert_eq(audit_witnesses_parse(&witnesses, text, strlen(text), NULL), STATUS_INVALID);
}

Test(witness, policies_of_another_form_are_refused)
{
    struct audit_witnesses witnesses;
    static const uint8_t two[] = {2, 3};
    char vkey[AUDIT_VKEY_SIZE];
    struct audit_key key;
    char text[1024];
    static const char *const urls[] = {"ftp://w",      "http://",    "http://w/",   "w",
                                       "http://w?a=b", "http://a@w", "https://w#x", "http://w w"};
    cr_assert_eq(parse(&witnesses, document(0, two, 2)), STATUS_INVALID);
    cr_assert_eq(parse(&witnesses, document(3, two, 2)), STATUS_INVALID);
    cr_assert_eq(parse(&witnesses, document(1, two, 0)), STATUS_INVALID);
    sample_key(&key, "w", AUDIT_KEY_ED25519, 2); /* a log's */
    audit_key_format(vkey, &key);
    (void)snprintf(text, sizeof(text), "{\"quorum\":1,\"witnesses\":[{\"key\":\"%s\",\"url\":" URL "}]}", vkey);
    cr_assert_eq(audit_witnesses_parse(&witnesses, text, strlen(text), NULL), STATUS_INVALID);
    sample_key(&key, "w", AUDIT_KEY_COSIGNATURE, 2);
    audit_key_format(vkey, &key);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        (void)snprintf(text, sizeof(text), "{\"quorum\":1,\"witnesses\":[{\"key\":\"%s\",\"url\":\"%s\"}]}", vkey,
                       urls[i]);
        cr_assert_eq(audit_witnesses_parse(&witnesses, text, strlen(text), NULL), STATUS_INVALID, "%s", urls[i]);
    }
}

#define HASH "YnQo1NCV8cj5FJ9N5+gH6IONMuRjbDnkAYLTgy6j61Y="

Test(witness, a_request_is_read_as_it_was_printed)
{
    static const char text[] = "old 2\n" HASH "\n" HASH "\n\n" SAMPLE_NOTE;
    struct audit_add_checkpoint request;
    struct bytes again = {0};
    cr_assert_eq(audit_add_checkpoint_parse(&request, text, strlen(text), NULL), STATUS_OK);
    cr_assert_eq(request.old, 2);
    cr_assert_eq(request.proof.count, 2);
    cr_assert_eq(request.note_len, strlen(SAMPLE_NOTE));
    cr_assert_eq(audit_add_checkpoint_encode(&again, &request), STATUS_OK);
    cr_assert_str_eq((const char *)again.data, text);
    bytes_free(&again);
}

Test(witness, requests_of_another_form_are_refused)
{
    static const char *const texts[] = {
        "",
        "\n",
        "old\n\n",
        "old 1",
        "old 1\n",
        "old 01\n\n",
        "old -1\n\n",
        "old +1\n\n",
        "old 1 \n\n",
        "Old 1\n\n",
        " old 1\n\n",
        "old  1\n\n",
        "old 1\r\n\r\n",
        "old 9223372036854775808\n\n",
        "old 1\n" HASH,
        "old 1\n" HASH "\n",
        "old 1\n" HASH HASH "\n\n",
        "old 1\n" HASH " \n\n",
        "old 1\nYnQo1NCV8cj5FJ9N5+gH6IONMuRjbDnkAYLTgy6j61Z=\n\n",
        "old 0\n" HASH "\n\n",
    };
    struct audit_add_checkpoint request;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_assert_eq(audit_add_checkpoint_parse(&request, texts[i], strlen(texts[i]), NULL), STATUS_INVALID, "%s",
                     texts[i]);
    }
}

Test(witness, a_request_has_at_most_63_hashes_and_its_size_is_bounded)
{
    struct audit_add_checkpoint request;
    struct bytes text = {0};
    for (size_t count = 63; count <= 64; count++) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_text(&buffer, "old 1\n");
        for (size_t i = 0; i < count; i++) {
            buffer_append_text(&buffer, HASH "\n");
        }
        buffer_append_text(&buffer, "\n");
        cr_assert_eq(buffer_finish(&text, &buffer), STATUS_OK);
        cr_assert_eq(audit_add_checkpoint_parse(&request, text.data, text.len, NULL),
                     count == 63 ? STATUS_OK : STATUS_INVALID);
        bytes_free(&text);
    }
    char *large = calloc(1, AUDIT_ADD_CHECKPOINT_MAX + 1);
    memcpy(large, "old 1\n\n", 7);
    cr_assert_eq(audit_add_checkpoint_parse(&request, large, AUDIT_ADD_CHECKPOINT_MAX, NULL), STATUS_OK);
    cr_assert_eq(audit_add_checkpoint_parse(&request, large, AUDIT_ADD_CHECKPOINT_MAX + 1, NULL), STATUS_TOO_LARGE);
    free(large);
}
