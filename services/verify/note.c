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

bool note_line(const char **line, size_t *line_len, const char **at, const char *end)
{
    const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    if (newline == NULL) {
        return false;
    }
    *line = *at;
    *line_len = (size_t)(newline - *at);
    *at = newline + 1;
    return true;
}

static bool equals(const char *text, size_t len, const char *expected)
{
    return strlen(expected) == len && memcmp(text, expected, len) == 0;
}

static bool body_read(struct checkpoint *out, const struct note_key *log, const char *body, const char *end)
{
    const char *at = body;
    const char *line = NULL;
    size_t len = 0;
    char root[45] = {0};
    if (!note_line(&line, &len, &at, end) || !equals(line, len, log->name) || !note_line(&line, &len, &at, end) ||
        !decimal_read(&out->size, line, len) || !note_line(&line, &len, &at, end) || len != 44 || at != end) {
        return false;
    }
    memcpy(root, line, 44);
    return base64_decode_exact(out->root.bytes32, 32, root) == STATUS_OK;
}

/* Whether the bytes behind the key id are a signature over the body; a witness signs the time before it, too. */
static bool is_signature(uint64_t *out_time_s, const struct note_key *key, const uint8_t *bytes, size_t len,
                         const char *body, size_t body_len)
{
    char message[NOTE_BODY_MAX + 64];
    if (key->type == NOTE_KEY_LOG) {
        return len == 64 && key_verifies(&key->key, bytes, body, body_len);
    }
    uint64_t time_s = 0;
    for (size_t i = 0; len == 72 && i < 8; i++) {
        time_s = time_s << 8 | bytes[i];
    }
    int head = snprintf(message, 64, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    memcpy(message + head, body, body_len);
    *out_time_s = time_s;
    return len == 72 && time_s <= INT64_MAX && key_verifies(&key->key, bytes + 8, message, (size_t)head + body_len);
}

/* One signature line: 1 the key's and good, 0 somebody else's, -1 bad. */
static int line_check(uint64_t *out_time_s, const struct note_key *key, const char *line, size_t len, const char *body,
                      size_t body_len)
{
    struct bytes blob = {0};
    size_t dash = strlen(DASH);
    const char *space = len > dash ? memchr(line + dash, ' ', len - dash) : NULL;
    if (memcmp(line, DASH, len < dash ? len : dash) != 0 || space == NULL || space == line + dash ||
        base64_decode(&blob, space + 1, len - (size_t)(space + 1 - line)) != STATUS_OK) {
        return -1;
    }
    int result = blob.len >= 5 ? 0 : -1;
    if (result == 0 && equals(line + dash, (size_t)(space - line) - dash, key->name) &&
        memcmp(blob.data, key->id4, 4) == 0) {
        result = is_signature(out_time_s, key, blob.data + 4, blob.len - 4, body, body_len) ? 1 : -1;
    }
    bytes_free(&blob);
    return result;
}

enum signed_by checkpoint_signed_by(uint64_t *out_time_s, const struct checkpoint *checkpoint,
                                    const struct note_key *key)
{
    uint64_t time_s = 0;
    const char *line = NULL;
    size_t len = 0;
    unsigned good = 0;
    unsigned lines = 0;
    const char *at = checkpoint->body + checkpoint->body_len + 1;
    *out_time_s = 0;
    while (note_line(&line, &len, &at, checkpoint->end)) {
        int result = line_check(&time_s, key, line, len, checkpoint->body, checkpoint->body_len);
        if (result < 0 || ++lines > LINES_MAX) {
            return SIGNED_BADLY;
        }
        good += (unsigned)result;
        *out_time_s = result > 0 && time_s > *out_time_s ? time_s : *out_time_s;
    }
    return at == checkpoint->end && good > 0 ? SIGNED : SIGNED_NOT;
}

bool checkpoint_read(struct checkpoint *out, const struct note_key *log, const void *note, size_t len, const char **why)
{
    struct checkpoint checkpoint = {.body = note, .end = (const char *)note + len};
    bool control = false;
    for (const char *at = note; at + 1 < checkpoint.end; at++) { /* the last blank line parts text and signatures */
        if (at[0] == '\n' && at[1] == '\n') {
            checkpoint.body_len = (size_t)(at + 1 - checkpoint.body);
        }
        control = control || ((uint8_t)*at < ' ' && *at != '\n') || *at == 0x7f;
    }
    if (len > NOTE_MAX || control || checkpoint.body_len == 0 || checkpoint.body_len > NOTE_BODY_MAX ||
        !body_read(&checkpoint, log, checkpoint.body, checkpoint.body + checkpoint.body_len)) {
        *why = "is not a checkpoint of this log";
        return false;
    }
    uint64_t time_s = 0;
    enum signed_by by = checkpoint_signed_by(&time_s, &checkpoint, log);
    if (by != SIGNED) {
        *why = by == SIGNED_BADLY ? "has a bad signature line" : "is not signed by the log key";
        return false;
    }
    *out = checkpoint;
    return true;
}

bool leaf_read(struct leaf *out, const char *origin, const void *raw, size_t len, const char **why)
{
    const char *at = raw;
    const char *end = at + len;
    const char *line = NULL;
    size_t line_len = 0;
    char prev[65] = {0};
    *why = "is not of the form of an entry";
    if (len > 65535 || !note_line(&line, &line_len, &at, end) || !equals(line, line_len, "custody-audit/v1") ||
        !note_line(&line, &line_len, &at, end) || !equals(line, line_len, origin) ||
        !note_line(&line, &line_len, &at, end) || !decimal_read(&out->number, line, line_len) ||
        !note_line(&line, &line_len, &at, end) || line_len != 64) {
        return false;
    }
    memcpy(prev, line, 64);
    if (digest_parse(&out->prev, prev) != STATUS_OK || !note_line(&line, &line_len, &at, end) || at != end) {
        return false;
    }
    out->event = (struct span){line, line_len};
    merkle_leaf(&out->hash, raw, len);
    return true;
}
