/*
 * Checkpoints and leaves, from docs/formats.md section 3 and the C2SP pages signed-note and tlog-checkpoint.
 */
#include "note.h"

#include <stdio.h>
#include <string.h>

#include "merkle.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */
#define LINES_MAX 64
#define NOTE_MAX 262144
#define NOTE_BODY_MAX 512

/* DER of an Ed25519 key before its 32 bytes (RFC 8410). */
static bool ed25519_key(struct key *out, const uint8_t public32[32])
{
    static const uint8_t prefix[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t der[44];
    memcpy(der, prefix, sizeof(prefix));
    memcpy(der + sizeof(prefix), public32, 32);
    return key_make(out, "ed25519", der, sizeof(der));
}

static bool is_origin(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '+') {
            return false;
        }
    }
    return len >= 1 && len <= ORIGIN_MAX;
}

bool note_key_read(struct note_key *out, const char *vkey, enum note_key_type type)
{
    const char *first = strchr(vkey, '+');
    const char *second = first == NULL ? NULL : strchr(first + 1, '+');
    struct note_key key = {.type = type};
    uint8_t typed[33];
    struct digest digest;
    if (second == NULL || second - first != 9 || !is_origin(vkey, (size_t)(first - vkey)) ||
        base64_decode_exact(typed, sizeof(typed), second + 1) != STATUS_OK || typed[0] != type) {
        return false;
    }
    char id_hex[9] = {0};
    memcpy(id_hex, first + 1, 8);
    memcpy(key.name, vkey, (size_t)(first - vkey));
    uint8_t named[ORIGIN_MAX + 1 + sizeof(typed)];
    size_t name_len = strlen(key.name);
    memcpy(named, key.name, name_len);
    named[name_len] = '\n';
    memcpy(named + name_len + 1, typed, sizeof(typed));
    digest_sha256(&digest, named, name_len + 1 + sizeof(typed));
    if (hex_decode(key.id4, 4, id_hex) != STATUS_OK || memcmp(key.id4, digest.bytes32, 4) != 0 ||
        !ed25519_key(&key.key, typed + 1)) {
        return false;
    }
    *out = key;
    return true;
}

static bool body_read(struct checkpoint *out, struct span *out_origin)
{
    struct span rest = out->body;
    struct span line;
    return span_line(out_origin, &rest) && is_origin(out_origin->at, out_origin->len) && span_line(&line, &rest) &&
           span_decimal(&out->size, line) && span_line(&line, &rest) && span_base64(out->root.bytes32, 32, line) &&
           rest.len == 0;
}

/* Whether the bytes behind the key id are a signature over the body; a witness signs the time before it, too. */
static bool is_signature(uint64_t *out_time_s, const struct note_key *key, const uint8_t *bytes, size_t len,
                         struct span body)
{
    char message[NOTE_BODY_MAX + 64];
    if (key->type == NOTE_KEY_LOG) {
        return len == 64 && key_verifies(&key->key, bytes, body.at, body.len);
    }
    uint64_t time_s = 0;
    for (size_t i = 0; len == 72 && i < 8; i++) {
        time_s = time_s << 8 | bytes[i];
    }
    int head = snprintf(message, 64, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    memcpy(message + head, body.at, body.len);
    *out_time_s = time_s;
    return len == 72 && time_s <= INT64_MAX && key_verifies(&key->key, bytes + 8, message, (size_t)head + body.len);
}

/* One signature line. Somebody else's is not looked at beyond its form. */
static enum signed_by line_check(uint64_t *out_time_s, const struct note_key *key, struct span line, struct span body)
{
    struct bytes blob = {0};
    size_t dash = strlen(DASH);
    const char *space = line.len > dash ? memchr(line.at + dash, ' ', line.len - dash) : NULL;
    if (space == NULL || memcmp(line.at, DASH, dash) != 0 || space == line.at + dash ||
        base64_decode(&blob, space + 1, (size_t)(line.at + line.len - space - 1)) != STATUS_OK) {
        return SIGNED_BADLY;
    }
    const struct span name = {line.at + dash, (size_t)(space - line.at) - dash};
    enum signed_by result = blob.len >= 5 ? SIGNED_NOT : SIGNED_BADLY;
    if (result == SIGNED_NOT && span_is(name, key->name) && memcmp(blob.data, key->id4, 4) == 0) {
        result = is_signature(out_time_s, key, blob.data + 4, blob.len - 4, body) ? SIGNED : SIGNED_BADLY;
    }
    bytes_free(&blob);
    return result;
}

enum signed_by checkpoint_signed_by(uint64_t *out_time_s, const struct checkpoint *checkpoint,
                                    const struct note_key *key)
{
    uint64_t time_s = 0;
    struct span rest = checkpoint->signatures;
    struct span line;
    enum signed_by result = SIGNED_NOT;
    unsigned lines = 0;
    *out_time_s = 0;
    while (span_line(&line, &rest)) {
        enum signed_by by = line_check(&time_s, key, line, checkpoint->body);
        if (by == SIGNED_BADLY || ++lines > LINES_MAX) {
            return SIGNED_BADLY;
        }
        if (by == SIGNED) {
            result = SIGNED;
            *out_time_s = time_s > *out_time_s ? time_s : *out_time_s;
        }
    }
    return rest.len == 0 ? result : SIGNED_NOT;
}

static const char later_key[] =
    "is not signed by the log key, but by one that a later trust file may name (custody log trust)";

/* What is wrong with the lines of the log's keys, NULL when nothing is. */
static const char *log_keys_judge(const struct checkpoint *checkpoint, const struct note_key *log)
{
    char line[ORIGIN_MAX + 16];
    int len = snprintf(line, sizeof(line), DASH "%s ", log->name);
    const struct span lines = checkpoint->signatures;
    bool other =
        lines.len > 0 && lines.at[lines.len - 1] == '\n' && memmem(lines.at, lines.len, line, (size_t)len) != NULL;
    const char *why = NULL;
    for (const struct note_key *key = log; key != NULL; key = key->next) {
        uint64_t time_s = 0;
        enum signed_by by = checkpoint_signed_by(&time_s, checkpoint, key);
        bool over = key->next != NULL && checkpoint->size >= key->next->from;
        bool counts = checkpoint->size >= key->from && !over; /* before that it may sign, and need not */
        if (by == SIGNED_BADLY) {
            return "has a bad signature line";
        }
        if (by == SIGNED && over) {
            return "is signed by a log key whose time was over";
        }
        other = other && by == SIGNED_NOT;
        why = by == SIGNED_NOT && counts ? "is not signed by the log key" : why;
    }
    return why != NULL && other ? later_key : why;
}

enum verdict checkpoint_read(struct checkpoint *out, const struct note_key *log, const void *note, size_t len,
                             const char **why)
{
    struct span origin;
    struct checkpoint checkpoint = {.body = {.at = note}};
    const char *end = (const char *)note + len;
    bool control = false;
    for (const char *at = note; at + 1 < end; at++) { /* the last blank line parts text and signatures */
        if (at[0] == '\n' && at[1] == '\n') {
            checkpoint.body.len = (size_t)(at + 1 - checkpoint.body.at);
            checkpoint.signatures = (struct span){at + 2, (size_t)(end - at - 2)};
        }
        control = control || ((uint8_t)*at < ' ' && *at != '\n') || *at == 0x7f;
    }
    if (len > NOTE_MAX || control || checkpoint.body.len > NOTE_BODY_MAX || !body_read(&checkpoint, &origin)) {
        *why = "is not a checkpoint";
        return VERDICT_TAMPERED;
    }
    if (!span_is(origin, log->name)) {
        *why = "is of another log, which a later trust file may name (custody log trust)";
        return VERDICT_INCOMPLETE;
    }
    *why = log_keys_judge(&checkpoint, log);
    if (*why != NULL) {
        return *why == later_key ? VERDICT_INCOMPLETE : VERDICT_TAMPERED;
    }
    *out = checkpoint;
    return VERDICT_PROVEN;
}

bool leaf_read(struct leaf *out, const char *origin, const void *raw, size_t len, const char **why)
{
    struct span rest = {raw, len};
    struct span line;
    *why = "is not of the form of an entry";
    merkle_leaf(&out->hash, raw, len);
    return len <= 65535 && span_line(&line, &rest) && span_is(line, "custody-audit/v1") && span_line(&line, &rest) &&
           span_is(line, origin) && span_line(&line, &rest) && span_decimal(&out->number, line) &&
           span_line(&line, &rest) && span_digest(&out->prev, line) && span_line(&out->event, &rest) && rest.len == 0;
}
