/*
 * A witness without its server: what it cosigns, what it refuses, and what of it survives. The log here is a test's: it
 * has the key, so it can sign any number of histories.
 */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "oracle.h"
#include "samples.h"
#include "witness/witness.h"

#define WITNESS_NUMBER 2
#define LOG_NUMBER 0
#define OTHER_NUMBER 5

static int64_t now_us = 1800000000000000;

static int64_t test_clock(void *context)
{
    (void)context;
    return now_us;
}

static const struct clock still = {.utc_us = test_clock, .monotonic_us = test_clock};
static char folder[64];
static char state[128];
static struct audit_key own;
static struct audit_key log_key;
static struct oracle *oracle;
static int cosigned; /* how often the key was used */

static enum status cosign(void *context, uint8_t out64[SIGNATURE_LEN], uint64_t time_s, const void *body, size_t len,
                          struct fault *fault)
{
    (void)context;
    struct bytes message = {0};
    enum status status = audit_cosignature_message(&message, time_s, body, len, fault);
    cosigned++;
    if (status == STATUS_OK) {
        sample_sign(out64, WITNESS_NUMBER, message.data, message.len);
        bytes_free(&message);
    }
    return status;
}

static enum status open_witness(struct witness **out)
{
    const struct witness_config config = {.clock = &still, .state = state, .key = &own, .cosign = cosign};
    return witness_open(out, &config, NULL);
}

static struct witness *opened(void)
{
    struct witness *witness = NULL;
    cr_assert_eq(open_witness(&witness), STATUS_OK);
    return witness;
}

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/srwit.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(state, sizeof(state), "%s/state", folder);
    sample_key(&own, "witness.example/w1", AUDIT_KEY_COSIGNATURE, WITNESS_NUMBER);
    sample_key(&log_key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, LOG_NUMBER);
    cr_assert_eq(witness_initialise(state, &own, &log_key, 1, NULL), STATUS_OK);
    oracle = oracle_new();
}

static void teardown(void)
{
    char command[128];
    free(oracle);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

TestSuite(protocol, .init = setup, .fini = teardown);

/* A request for `size`; `branch` other than 0 is another history, in which every root differs. */
static struct bytes request_of(size_t old, size_t size, uint8_t branch, uint8_t number)
{
    struct audit_add_checkpoint request = {.old = old};
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = size, .root = oracle_root(oracle, 0, size)};
    struct bytes note = {0};
    struct bytes out = {0};
    checkpoint.root.bytes32[0] ^= branch;
    if (old > 0 && old < size) {
        request.proof = oracle_consistency(oracle, old, size);
    }
    sample_note(&note, &checkpoint, number);
    request.note = note.data;
    request.note_len = note.len;
    cr_assert_eq(audit_add_checkpoint_encode(&out, &request), STATUS_OK);
    bytes_free(&note);
    return out;
}

static struct witness_reply send_bytes(struct witness *witness, const void *body, size_t len)
{
    struct witness_reply reply = {0};
    witness_add_checkpoint(witness, &reply, body, len);
    return reply;
}

static struct witness_reply offer(struct witness *witness, size_t old, size_t size, uint8_t branch)
{
    struct bytes body = request_of(old, size, branch, LOG_NUMBER);
    struct witness_reply reply = send_bytes(witness, body.data, body.len);
    bytes_free(&body);
    return reply;
}

static unsigned http_of(struct witness_reply reply)
{
    bytes_free(&reply.body);
    return reply.http;
}

/* The note of this size with the lines of a reply behind it. */
static struct bytes joined(size_t size, const struct bytes *lines)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = size, .root = oracle_root(oracle, 0, size)};
    struct bytes note = {0};
    struct bytes out = {0};
    struct buffer buffer;
    sample_note(&note, &checkpoint, LOG_NUMBER);
    buffer_init(&buffer);
    buffer_append(&buffer, note.data, note.len);
    buffer_append(&buffer, lines->data, lines->len);
    cr_assert_eq(buffer_finish(&out, &buffer), STATUS_OK);
    bytes_free(&note);
    return out;
}

static void assert_cosigned(struct witness *witness, size_t old, size_t size)
{
    struct audit_note note;
    uint64_t time_s = 0;
    struct witness_reply reply = offer(witness, old, size, 0);
    cr_assert_eq(reply.http, 200, "%zu to %zu: %s", old, size, (const char *)reply.body.data);
    struct bytes text = joined(size, &reply.body);
    cr_assert_eq(audit_note_parse(&note, text.data, text.len, NULL), STATUS_OK);
    cr_assert_eq(audit_note_verify(&time_s, &note, &own, NULL), STATUS_OK);
    cr_assert_eq(time_s, (uint64_t)(now_us / 1000000));
    bytes_free(&text);
    bytes_free(&reply.body);
}

static void assert_size(struct witness_reply reply, size_t size)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu\n", size);
    cr_assert_eq(reply.http, 409);
    cr_assert_str_eq(reply.content_type, "text/x.tlog.size");
    cr_assert_str_eq((const char *)reply.body.data, text);
    bytes_free(&reply.body);
}

static size_t kept(const char *kind)
{
    json_t *view = NULL;
    size_t found = 0;
    cr_assert_eq(witness_describe(&view, state, NULL), STATUS_OK);
    json_t *array = json_object_get(view, "contradictions");
    for (size_t i = 0; i < json_array_size(array); i++) {
        found += strcmp(json_string_value(json_object_get(json_array_get(array, i), "kind")), kind) == 0;
    }
    json_decref(view);
    return found;
}

Test(protocol, what_extends_is_cosigned_and_the_same_again_too)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 3);
    assert_cosigned(witness, 3, 3);
    now_us += 7000000;
    assert_cosigned(witness, 3, 3);
    assert_cosigned(witness, 3, 20);
    assert_cosigned(witness, 20, 100);
    witness_close(witness);
}

Test(protocol, it_remembers_over_a_restart)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 3);
    witness_close(witness);
    witness = opened();
    assert_size(offer(witness, 0, 3, 1), 3);
    assert_cosigned(witness, 3, 20);
    witness_close(witness);
}

Test(protocol, a_clock_that_goes_back_makes_no_older_cosignature)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 3);
    int64_t before_us = now_us;
    now_us -= 60000000;
    struct witness_reply reply = offer(witness, 3, 4, 0);
    struct bytes text = joined(4, &reply.body);
    struct audit_note note;
    uint64_t time_s = 0;
    cr_assert_eq(audit_note_parse(&note, text.data, text.len, NULL), STATUS_OK);
    cr_assert_eq(audit_note_verify(&time_s, &note, &own, NULL), STATUS_OK);
    cr_assert_eq(time_s, (uint64_t)(before_us / 1000000));
    bytes_free(&text);
    bytes_free(&reply.body);
    witness_close(witness);
}

Test(protocol, a_fork_is_refused_and_both_notes_are_kept)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    int before = cosigned;
    assert_size(offer(witness, 20, 20, 1), 20);
    cr_assert_eq(kept("fork"), 1);
    assert_size(offer(witness, 20, 20, 1), 20);
    cr_assert_eq(kept("fork"), 1, "the same is kept once");
    assert_size(offer(witness, 7, 20, 2), 20);
    cr_assert_eq(kept("fork"), 2, "wherever the request begins");
    cr_assert_eq(cosigned, before, "the key was not used");
    assert_cosigned(witness, 20, 21);
    witness_close(witness);

    json_t *view = NULL;
    cr_assert_eq(witness_describe(&view, state, NULL), STATUS_OK);
    const json_t *fork = json_array_get(json_object_get(view, "contradictions"), 0);
    static const char *const notes[] = {"remembered", "offered"};
    struct audit_checkpoint checkpoints[2];
    for (size_t i = 0; i < 2; i++) {
        struct bytes note = {0};
        const char *text = json_string_value(json_object_get(fork, notes[i]));
        cr_assert_eq(base64_decode(&note, text, strlen(text)), STATUS_OK);
        cr_assert_eq(audit_checkpoint_open(&checkpoints[i], note.data, note.len, &log_key, NULL), STATUS_OK);
        bytes_free(&note);
    }
    cr_assert_eq(checkpoints[0].size, checkpoints[1].size);
    cr_assert(!digest_equal(&checkpoints[0].root, &checkpoints[1].root), "two histories, both signed by the log");
    json_decref(view);
}

/* Left by a full disk or a hand: it is named, and what stands beside it is shown. */
Test(protocol, a_contradiction_that_cannot_be_read_hides_no_other)
{
    char path[600];
    json_t *view = NULL;
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    assert_size(offer(witness, 20, 20, 1), 20);
    witness_close(witness);
    (void)snprintf(path, sizeof(path), "%s/unproven-0123456789abcdef.json", state);
    FILE *half = fopen(path, "w");
    cr_assert(half != NULL && fclose(half) == 0);
    cr_assert_eq(witness_describe(&view, state, NULL), STATUS_OK);
    const json_t *rows = json_object_get(view, "contradictions");
    cr_expect_eq(json_array_size(rows), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "kind")), "fork");
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "file")), path);
    json_decref(view);
}

Test(protocol, another_history_that_is_longer_is_refused)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    int before = cosigned;
    cr_assert_eq(http_of(offer(witness, 20, 30, 1)), 422);
    cr_assert_eq(kept("unproven"), 1);
    cr_assert_eq(cosigned, before);
    assert_cosigned(witness, 20, 30);
    witness_close(witness);
}

/* The same fork again, with a line more each time. */
static struct witness_reply offer_decorated(struct witness *witness, unsigned number)
{
    struct bytes body = request_of(20, 20, 1, LOG_NUMBER);
    struct buffer buffer;
    struct bytes longer = {0};
    uint8_t value[4 + 64] = {(uint8_t)number};
    buffer_init(&buffer);
    buffer_append(&buffer, body.data, body.len);
    buffer_append_text(&buffer, "\xe2\x80\x94 somebody.example/x ");
    buffer_append_base64(&buffer, value, sizeof(value));
    buffer_append_text(&buffer, "\n");
    cr_assert_eq(buffer_finish(&longer, &buffer), STATUS_OK);
    struct witness_reply reply = send_bytes(witness, longer.data, longer.len);
    bytes_free(&body);
    bytes_free(&longer);
    return reply;
}

Test(protocol, lines_of_strangers_under_one_fork_do_not_hide_the_next)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    for (unsigned i = 0; i < 2 * WITNESS_CONTRADICTIONS_MAX; i++) {
        assert_size(offer_decorated(witness, i), 20);
    }
    cr_assert_eq(kept("fork"), 1);
    assert_size(offer(witness, 20, 20, 2), 20);
    cr_assert_eq(kept("fork"), 2);
    witness_close(witness);
}

Test(protocol, strangers_cannot_fill_the_disk)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    for (unsigned i = 1; i < 40; i++) {
        cr_assert_eq(http_of(offer(witness, 20, 30, (uint8_t)i)), 422);
        assert_size(offer(witness, 20, 20, (uint8_t)i), 20);
    }
    cr_assert_eq(kept("unproven"), WITNESS_CONTRADICTIONS_MAX);
    cr_assert_eq(kept("fork"), WITNESS_CONTRADICTIONS_MAX);
    witness_close(witness);
}

Test(protocol, a_request_from_another_size_is_told_the_right_one)
{
    struct witness *witness = opened();
    assert_size(offer(witness, 3, 20, 0), 0);
    assert_cosigned(witness, 0, 20);
    assert_size(offer(witness, 0, 30, 0), 20);
    assert_size(offer(witness, 19, 30, 0), 20);
    assert_size(offer(witness, 21, 30, 0), 20);
    assert_size(offer(witness, 3, 10, 0), 20);
    cr_assert_eq(http_of(offer(witness, 20, 19, 0)), 400);
    witness_close(witness);
}

Test(protocol, requests_that_are_none_are_refused_by_their_codes)
{
    struct witness *witness = opened();
    struct bytes stranger = request_of(0, 3, 0, OTHER_NUMBER);
    struct bytes good = request_of(0, 3, 0, LOG_NUMBER);
    cr_assert_eq(http_of(send_bytes(witness, "", 0)), 400);
    cr_assert_eq(http_of(send_bytes(witness, "old 0\n\nno note\n", 15)), 400);
    cr_assert_eq(http_of(send_bytes(witness, stranger.data, stranger.len)), 403, "not signed by the log's key");
    for (size_t len = 0; len < good.len; len++) {
        unsigned http = http_of(send_bytes(witness, good.data, len));
        cr_assert(http == 400, "%zu bytes: %u", len, http);
    }
    char *other = strstr((char *)good.data, SAMPLE_ORIGIN);
    other[0] = 'x';
    cr_assert_eq(http_of(send_bytes(witness, good.data, good.len)), 404);
    other[0] = SAMPLE_ORIGIN[0];
    for (size_t i = 0; i < good.len; i++) {
        good.data[i] ^= 1;
        unsigned http = http_of(send_bytes(witness, good.data, good.len));
        cr_assert(http == 400 || http == 403 || http == 404 || http == 409, "byte %zu changed: %u", i, http);
        good.data[i] ^= 1;
    }
    cr_assert_eq(cosigned, 0);
    cr_assert_eq(http_of(send_bytes(witness, good.data, good.len)), 200);
    bytes_free(&good);
    bytes_free(&stranger);
    witness_close(witness);
}

/* The state file, whole. */
static struct bytes state_file(void)
{
    char path[160];
    struct bytes text = {0};
    (void)snprintf(path, sizeof(path), "%s/state", state);
    cr_assert_eq(file_read(&text, path, 1000000, "state", NULL), STATUS_OK);
    return text;
}

static void write_state(const void *data, size_t len)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/state", state);
    FILE *file = fopen(path, "w");
    cr_assert_eq(fwrite(data, 1, len, file), len);
    cr_assert_eq(fclose(file), 0);
}

Test(protocol, a_state_that_is_short_changed_or_missing_refuses)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    witness_close(witness);
    struct bytes text = state_file();
    for (size_t len = 0; len + 1 < text.len; len += 1 + len / 16) {
        write_state(text.data, len);
        cr_assert_eq(open_witness(&witness), STATUS_CORRUPT, "%zu bytes", len);
    }
    for (size_t i = 0; i < text.len - 1; i += 3) {
        text.data[i] ^= 1;
        write_state(text.data, text.len);
        cr_assert_eq(open_witness(&witness), STATUS_CORRUPT, "byte %zu", i);
        text.data[i] ^= 1;
    }
    write_state(text.data, text.len);
    witness_close(opened());
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/state", state);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(open_witness(&witness), STATUS_NOT_FOUND);
    bytes_free(&text);
}

Test(protocol, a_state_that_says_zero_with_a_right_sum_is_no_state)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    witness_close(witness);
    struct bytes text = state_file();
    char *size = strstr((char *)text.data, "\"size\":\"20\"");
    cr_assert_not_null(size);
    size[8] = '3';
    struct digest sum;
    char hex[DIGEST_HEX_LEN + 1];
    digest_sha256(&sum, text.data + 65, text.len - 66);
    digest_format(hex, &sum);
    memcpy(text.data, hex, 64);
    write_state(text.data, text.len);
    cr_assert_eq(open_witness(&witness), STATUS_CORRUPT, "the log has signed another size");
    bytes_free(&text);
}

Test(protocol, a_copy_of_the_state_refuses)
{
    char command[1024];
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    witness_close(witness);
    (void)snprintf(command, sizeof(command), "cp -a %s %s/copy && mv %s %s/first && mv %s/copy %s", state, folder,
                   state, folder, folder, state);
    cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c) */
    cr_assert_eq(open_witness(&witness), STATUS_CONFLICT);
}

Test(protocol, one_process_has_the_state)
{
    struct witness *witness = opened();
    struct witness *second = NULL;
    cr_assert_eq(open_witness(&second), STATUS_CONFLICT);
    witness_close(witness);
}

Test(protocol, a_state_is_never_made_again)
{
    cr_assert_eq(witness_initialise(state, &own, &log_key, 1, NULL), STATUS_EXISTS);
}

Test(protocol, set_back_in_its_place_it_halts_when_it_sees_its_own_cosignature)
{
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    struct bytes older = state_file();
    struct witness_reply reply = offer(witness, 20, 30, 0);
    struct bytes shown = joined(30, &reply.body);
    bytes_free(&reply.body);
    witness_close(witness);
    write_state(older.data, older.len);
    witness = opened();
    assert_size(offer(witness, 30, 40, 0), 20);
    struct audit_add_checkpoint request = {.old = 20, .note = shown.data, .note_len = shown.len};
    request.proof = oracle_consistency(oracle, 20, 30);
    struct bytes body = {0};
    int before = cosigned;
    cr_assert_eq(audit_add_checkpoint_encode(&body, &request), STATUS_OK);
    cr_assert_eq(http_of(send_bytes(witness, body.data, body.len)), 503);
    cr_assert_eq(http_of(offer(witness, 20, 30, 0)), 503, "nor anything else");
    cr_assert_eq(cosigned, before);
    witness_close(witness);
    cr_assert_eq(open_witness(&witness), STATUS_HALTED);
    bytes_free(&body);
    bytes_free(&shown);
    bytes_free(&older);
}

Test(protocol, what_cannot_be_remembered_is_not_cosigned)
{
    char path[160];
    struct witness *witness = opened();
    assert_cosigned(witness, 0, 20);
    int before = cosigned;
    (void)snprintf(path, sizeof(path), "%s/state.new", state);
    cr_assert_eq(mkdir(path, 0700), 0); /* the new file cannot be made */
    cr_assert_eq(http_of(offer(witness, 20, 30, 0)), 503);
    cr_assert_eq(cosigned, before);
    cr_assert_eq(rmdir(path), 0);
    assert_size(offer(witness, 30, 40, 0), 20);
    assert_cosigned(witness, 20, 30);
    witness_close(witness);
}

Test(protocol, monitors_get_the_newest_checkpoint_cosigned)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    struct witness_reply reply = {0};
    struct audit_note note;
    struct audit_checkpoint checkpoint;
    struct witness *witness = opened();
    digest_sha256(&digest, SAMPLE_ORIGIN, strlen(SAMPLE_ORIGIN));
    digest_format(hex, &digest);
    witness_newest(witness, &reply, hex);
    cr_assert_eq(http_of(reply), 404, "before the first");
    assert_cosigned(witness, 0, 20);
    witness_newest(witness, &reply, hex);
    cr_assert_eq(reply.http, 200);
    cr_assert_eq(audit_checkpoint_open(&checkpoint, reply.body.data, reply.body.len, &log_key, NULL), STATUS_OK);
    cr_assert_eq(checkpoint.size, 20);
    cr_assert_eq(audit_note_parse(&note, reply.body.data, reply.body.len, NULL), STATUS_OK);
    cr_assert_eq(audit_note_verify(NULL, &note, &own, NULL), STATUS_OK);
    bytes_free(&reply.body);
    hex[0] = hex[0] == '0' ? '1' : '0';
    witness_newest(witness, &reply, hex);
    cr_assert_eq(http_of(reply), 404);
    witness_close(witness);
}

/* What the key of another number says: the HTTP status. */
static unsigned offer_by(struct witness *witness, size_t old, size_t size, uint8_t branch, uint8_t number)
{
    struct bytes body = request_of(old, size, branch, number);
    struct witness_reply reply = send_bytes(witness, body.data, body.len);
    bytes_free(&body);
    return http_of(reply);
}

Test(protocol, a_log_goes_on_under_the_key_that_follows)
{
    struct audit_key next;
    struct audit_key third;
    struct audit_key elsewhere;
    sample_key(&next, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, OTHER_NUMBER);
    sample_key(&third, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, OTHER_NUMBER + 1);
    sample_key(&elsewhere, "log.example/other", AUDIT_KEY_ED25519, OTHER_NUMBER);
    struct witness *witness = opened();
    cr_assert_eq(http_of(offer(witness, 0, 3, 0)), 200);
    cr_expect_eq(offer_by(witness, 3, 4, 0, OTHER_NUMBER), 403, "nobody has named it");
    cr_expect_eq(witness_rotate(state, &next, NULL), STATUS_CONFLICT, "while it runs");
    witness_close(witness);
    cr_expect_eq(witness_rotate(state, &elsewhere, NULL), STATUS_NOT_FOUND);
    cr_expect_eq(witness_rotate(state, &log_key, NULL), STATUS_EXISTS);
    cr_expect_eq(witness_rotate(state, &own, NULL), STATUS_INVALID);
    cr_assert_eq(witness_rotate(state, &next, NULL), STATUS_OK);

    witness = opened();
    cr_expect_eq(http_of(offer(witness, 3, 4, 0)), 200, "the old key");
    cr_expect_eq(offer_by(witness, 4, 5, 0, OTHER_NUMBER), 200, "the new key alone");
    cr_expect_eq(offer_by(witness, 5, 5, 1, OTHER_NUMBER), 409, "and no other history by it");
    cr_expect_eq(offer_by(witness, 5, 6, 0, OTHER_NUMBER + 1), 403);
    witness_close(witness);
    cr_assert_eq(witness_rotate(state, &third, NULL), STATUS_OK);

    witness = opened();
    cr_expect_eq(http_of(offer(witness, 5, 6, 0)), 403, "the first key is over");
    cr_expect_eq(offer_by(witness, 5, 6, 0, OTHER_NUMBER), 200);
    cr_expect_eq(offer_by(witness, 6, 7, 0, OTHER_NUMBER + 1), 200);
    witness_close(witness);
}
