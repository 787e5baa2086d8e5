/*
 * Signed notes: taking them apart, putting them together, and what one key says about one.
 *
 * The body is opaque here; checkpoint.c reads it. Names of unknown keys follow C2SP (UTF-8), ours are ASCII.
 */
#include <inttypes.h>

#include "audit/checkpoint.h"
#include "lines.h"

#define LINE_PREFIX "\xe2\x80\x94 " /* U+2014 and a space */
#define TIME_LEN 8
#define SIGNED_MIN (AUDIT_KEY_ID_LEN + 1)
#define COSIGNATURE_LEN (TIME_LEN + SIGNATURE_LEN)

static enum status refuse(struct fault *fault, const char *rule)
{
    return fault_set(fault, STATUS_INVALID, "note", "%s", rule);
}

static enum status check_characters(const uint8_t *note, size_t len, struct fault *fault)
{
    for (size_t i = 0; i < len;) {
        uint32_t character = note[i];
        size_t taken = character < 0x80 ? 1 : utf8_next(&character, note + i, len - i);
        if (taken == 0) {
            return refuse(fault, "UTF-8");
        }
        if ((character < 0x20 && character != '\n') || character == 0x7f) {
            return refuse(fault, "no control bytes but LF");
        }
        i += taken;
    }
    return STATUS_OK;
}

/* A key name as C2SP allows it: not empty, no white space, no "+". The characters are known to be UTF-8. */
static bool name_fits(const char *name, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t character = 0;
        size_t taken = utf8_next(&character, (const uint8_t *)name + i, len - i);
        if (taken == 0 || character == '+' || utf8_is_space(character)) {
            return false;
        }
        i += taken;
    }
    return len > 0;
}

static enum status read_line(struct audit_note_line *out, struct line line, struct fault *fault)
{
    if (!line_drop(&line, LINE_PREFIX)) {
        return refuse(fault, "a signature line begins with an em dash and a space");
    }
    const char *space = line.len == 0 ? NULL : memchr(line.text, ' ', line.len);
    if (space == NULL) {
        return refuse(fault, "a signature line has a name and a signature");
    }
    struct audit_note_line parsed = {.name = line.text, .name_len = (size_t)(space - line.text), .base64 = space + 1};
    parsed.base64_len = line.len - parsed.name_len - 1;
    if (!name_fits(parsed.name, parsed.name_len)) {
        return refuse(fault, "a key name is not empty and has no space and no +");
    }
    struct bytes decoded = {0};
    enum status status = base64_decode(&decoded, parsed.base64, parsed.base64_len);
    if (status != STATUS_OK && status != STATUS_INVALID) {
        return fault_set(fault, status, "note", "reading a signature line");
    }
    if (status != STATUS_OK || decoded.len < SIGNED_MIN) {
        bytes_free(&decoded);
        return refuse(fault, "a signature is strict base64 of 5 or more bytes");
    }
    memcpy(parsed.id4, decoded.data, AUDIT_KEY_ID_LEN);
    bytes_free(&decoded);
    *out = parsed;
    return STATUS_OK;
}

/* Splits at the last blank line: `out->body` and, in `lines`, the signature lines. */
static enum status split_note(struct audit_note *out, struct lines *lines, const uint8_t *note, size_t len,
                              struct fault *fault)
{
    for (size_t i = len; i >= 2; i--) {
        if (note[i - 1] == '\n' && note[i - 2] == '\n') {
            out->body = note;
            out->body_len = i - 1;
            *lines = (struct lines){.at = (const char *)note + i, .left = len - i};
            return STATUS_OK;
        }
    }
    return refuse(fault, "a blank line stands before the signatures");
}

enum status audit_note_parse(struct audit_note *out, const void *note, size_t len, struct fault *fault)
{
    if (len > AUDIT_NOTE_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "note", "%zu bytes, at most %d", len, AUDIT_NOTE_MAX);
    }
    struct audit_note parsed = {0};
    struct lines lines;
    struct line line;
    enum status status = check_characters(note, len, fault);
    if (status == STATUS_OK) {
        status = split_note(&parsed, &lines, note, len, fault);
    }
    while (status == STATUS_OK && lines_next(&line, &lines)) {
        if (parsed.line_count == AUDIT_NOTE_LINES_MAX) {
            return refuse(fault, "at most 64 signature lines");
        }
        status = read_line(&parsed.lines[parsed.line_count], line, fault);
        parsed.line_count++;
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (lines.left != 0 || parsed.line_count == 0) {
        return refuse(fault, "1 to 64 signature lines, each ended by LF");
    }
    *out = parsed;
    return STATUS_OK;
}

enum status audit_cosignature_message(struct bytes *out, uint64_t time_s, const void *body, size_t len,
                                      struct fault *fault)
{
    if (time_s > INT64_MAX) {
        return refuse(fault, "a time is below 2^63 seconds");
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    buffer_append(&buffer, body, len);
    enum status status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "note", "building a cosignature message");
}

static enum status verify_cosignature(uint64_t *out_time_s, const struct audit_note *note, const struct audit_key *key,
                                      const uint8_t *timed, struct fault *fault)
{
    uint64_t time_s = 0;
    for (int i = 0; i < TIME_LEN; i++) {
        time_s = time_s << 8 | timed[i];
    }
    struct bytes message = {0};
    if (time_s > INT64_MAX) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "note", "the time of a cosignature is out of range");
    }
    enum status status = audit_cosignature_message(&message, time_s, note->body, note->body_len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = signature_verify(&key->public_key, timed + TIME_LEN, message.data, message.len, fault);
    bytes_free(&message);
    if (status == STATUS_OK) {
        *out_time_s = time_s;
    }
    return status;
}

/* Verifies one line that names `key`. */
static enum status verify_line(uint64_t *out_time_s, const struct audit_note *note, const struct audit_note_line *line,
                               const struct audit_key *key, struct fault *fault)
{
    struct bytes decoded = {0};
    enum status status = base64_decode(&decoded, line->base64, line->base64_len);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "note", "reading a signature line");
    }
    const uint8_t *signature = decoded.data + AUDIT_KEY_ID_LEN;
    size_t len = decoded.len - AUDIT_KEY_ID_LEN;
    size_t expected = key->type == AUDIT_KEY_COSIGNATURE ? COSIGNATURE_LEN : SIGNATURE_LEN;
    *out_time_s = 0;
    if (len != expected) {
        status = fault_set(fault, STATUS_SIGNATURE_INVALID, "note", "%zu bytes of signature, not %zu", len, expected);
    } else if (key->type == AUDIT_KEY_COSIGNATURE) {
        status = verify_cosignature(out_time_s, note, key, signature, fault);
    } else {
        status = signature_verify(&key->public_key, signature, note->body, note->body_len, fault);
    }
    bytes_free(&decoded);
    return status;
}

static bool line_is_of(const struct audit_note_line *line, const struct audit_key *key)
{
    return line->name_len == strlen(key->name) && memcmp(line->name, key->name, line->name_len) == 0 &&
           memcmp(line->id4, key->id4, AUDIT_KEY_ID_LEN) == 0;
}

enum status audit_note_verify(uint64_t *out_time_s, const struct audit_note *note, const struct audit_key *key,
                              struct fault *fault)
{
    uint64_t latest_s = 0;
    bool seen = false;
    for (size_t i = 0; i < note->line_count; i++) {
        if (!line_is_of(&note->lines[i], key)) {
            continue;
        }
        uint64_t time_s = 0;
        enum status status = verify_line(&time_s, note, &note->lines[i], key, fault);
        if (status != STATUS_OK) {
            return status;
        }
        seen = true;
        latest_s = time_s > latest_s ? time_s : latest_s;
    }
    if (!seen) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "note", "no signature by %s", key->name);
    }
    if (out_time_s != NULL) {
        *out_time_s = latest_s;
    }
    return STATUS_OK;
}

static void append_as_it_stands(struct buffer *buffer, const struct audit_note_line *line)
{
    buffer_append_text(buffer, LINE_PREFIX);
    buffer_append(buffer, line->name, line->name_len);
    buffer_append_text(buffer, " ");
    buffer_append(buffer, line->base64, line->base64_len);
    buffer_append_text(buffer, "\n");
}

enum status audit_note_lines(struct bytes *out, const struct audit_note *note, const struct audit_key *key)
{
    struct buffer buffer;
    buffer_init(&buffer);
    for (size_t i = 0; i < note->line_count; i++) {
        if (line_is_of(&note->lines[i], key)) {
            append_as_it_stands(&buffer, &note->lines[i]);
        }
    }
    return buffer_finish(out, &buffer);
}

enum status audit_note_strip(struct bytes *out, const struct audit_note *note, const struct audit_key *keys,
                             size_t count, struct fault *fault)
{
    struct buffer buffer;
    bool found = false;
    buffer_init(&buffer);
    buffer_append(&buffer, note->body, note->body_len);
    buffer_append_text(&buffer, "\n");
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < note->line_count && !line_is_of(&note->lines[at], &keys[i])) {
            at++;
        }
        if (at < note->line_count) {
            append_as_it_stands(&buffer, &note->lines[at]);
            found = true;
        }
    }
    struct bytes own = {0};
    enum status status = buffer_finish(&own, &buffer);
    if (status == STATUS_OK && !found) {
        bytes_free(&own);
        return fault_set(fault, STATUS_UNKNOWN_KEY, "note", "no signature by %s", keys[0].name);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "note", "%s", "");
    }
    *out = own; /* transferred */
    return STATUS_OK;
}

/* Appends one signature line: the name, the key id and `signature` after it. */
static void append_line(struct buffer *buffer, const struct audit_key *key, const uint8_t *signature, size_t len)
{
    uint8_t value[AUDIT_KEY_ID_LEN + COSIGNATURE_LEN];
    INVARIANT(len <= COSIGNATURE_LEN);
    memcpy(value, key->id4, AUDIT_KEY_ID_LEN);
    memcpy(value + AUDIT_KEY_ID_LEN, signature, len);
    buffer_append_text(buffer, LINE_PREFIX);
    buffer_append_text(buffer, key->name);
    buffer_append_text(buffer, " ");
    buffer_append_base64(buffer, value, AUDIT_KEY_ID_LEN + len);
    buffer_append_text(buffer, "\n");
}

enum status audit_note_assemble(struct bytes *out, const void *body, size_t len, const struct audit_key *key,
                                const uint8_t signature64[SIGNATURE_LEN], struct fault *fault)
{
    INVARIANT(key->type == AUDIT_KEY_ED25519);
    struct audit_checkpoint checkpoint;
    enum status status = audit_checkpoint_parse(&checkpoint, body, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(checkpoint.origin, key->name) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "origin", "the key is that of another log");
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, body, len);
    buffer_append_text(&buffer, "\n");
    append_line(&buffer, key, signature64, SIGNATURE_LEN);
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "note", "assembling");
}

enum status audit_note_line(struct bytes *out, const struct audit_key *key, const uint8_t signature64[SIGNATURE_LEN],
                            struct fault *fault)
{
    INVARIANT(key->type == AUDIT_KEY_ED25519);
    struct buffer buffer;
    buffer_init(&buffer);
    append_line(&buffer, key, signature64, SIGNATURE_LEN);
    enum status status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "note", "building a signature line");
}

enum status audit_cosignature_line(struct bytes *out, const struct audit_key *key, uint64_t time_s,
                                   const uint8_t signature64[SIGNATURE_LEN], struct fault *fault)
{
    INVARIANT(key->type == AUDIT_KEY_COSIGNATURE);
    if (time_s > INT64_MAX) {
        return refuse(fault, "a time is below 2^63 seconds");
    }
    uint8_t timed[COSIGNATURE_LEN];
    for (int i = 0; i < TIME_LEN; i++) {
        timed[i] = (uint8_t)(time_s >> (56 - 8 * i));
    }
    memcpy(timed + TIME_LEN, signature64, SIGNATURE_LEN);
    struct buffer buffer;
    buffer_init(&buffer);
    append_line(&buffer, key, timed, sizeof(timed));
    enum status status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "note", "building a cosignature line");
}
