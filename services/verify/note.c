/*
 * Checkpoints and leaves, from docs/formats.md section 3 and the C2SP pages signed-note and tlog-checkpoint.
 */
#include "note.h"

#include <string.h>

#include "merkle.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space */
#define LINES_MAX 64

bool decimal_read(uint64_t *out, const char *text, size_t len)
{
    uint64_t value = 0;
    if (len == 0 || len > 19 || (len > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > INT64_MAX) {
        return false;
    }
    *out = value;
    return true;
}

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

bool log_key_read(struct log_key *out, const char *vkey)
{
    const char *first = strchr(vkey, '+');
    const char *second = first == NULL ? NULL : strchr(first + 1, '+');
    struct log_key log = {0};
    uint8_t typed[33];
    struct digest digest;
    if (second == NULL || second - first != 9 || !is_origin(vkey, (size_t)(first - vkey)) ||
        base64_decode_exact(typed, sizeof(typed), second + 1) != STATUS_OK || typed[0] != 0x01) {
        return false;
    }
    char id_hex[9] = {0};
    memcpy(id_hex, first + 1, 8);
    memcpy(log.origin, vkey, (size_t)(first - vkey));
    uint8_t named[ORIGIN_MAX + 1 + sizeof(typed)];
    size_t origin_len = strlen(log.origin);
    memcpy(named, log.origin, origin_len);
    named[origin_len] = '\n';
    memcpy(named + origin_len + 1, typed, sizeof(typed));
    digest_sha256(&digest, named, origin_len + 1 + sizeof(typed));
    if (hex_decode(log.id4, 4, id_hex) != STATUS_OK || memcmp(log.id4, digest.bytes32, 4) != 0 ||
        !ed25519_key(&log.key, typed + 1)) {
        return false;
    }
    *out = log;
    return true;
}

/* The next line of text, without its newline; false at the end or when the last line has no newline. */
static bool next_line(const char **line, size_t *line_len, const char **at, const char *end)
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

static bool body_read(struct checkpoint *out, const struct log_key *log, const char *body, const char *end)
{
    const char *at = body;
    const char *line = NULL;
    size_t len = 0;
    char root[45] = {0};
    if (!next_line(&line, &len, &at, end) || !equals(line, len, log->origin) || !next_line(&line, &len, &at, end) ||
        !decimal_read(&out->size, line, len) || !next_line(&line, &len, &at, end) || len != 44 || at != end) {
        return false;
    }
    memcpy(root, line, 44);
    return base64_decode_exact(out->root.bytes32, 32, root) == STATUS_OK;
}

/* One signature line: 1 the log's and good, 0 somebody else's, -1 bad. */
static int line_check(const struct log_key *log, const char *line, size_t len, const char *body, size_t body_len)
{
    size_t origin_len = strlen(log->origin);
    struct bytes blob = {0};
    size_t dash = strlen(DASH);
    const char *space = len > dash ? memchr(line + dash, ' ', len - dash) : NULL;
    if (memcmp(line, DASH, len < dash ? len : dash) != 0 || space == NULL || space == line + dash ||
        base64_decode(&blob, space + 1, len - (size_t)(space + 1 - line)) != STATUS_OK) {
        return -1;
    }
    int result = blob.len >= 5 ? 0 : -1;
    if ((size_t)(space - line - dash) == origin_len && memcmp(line + dash, log->origin, origin_len) == 0 &&
        blob.len >= 4 && memcmp(blob.data, log->id4, 4) == 0) {
        result = blob.len == 68 && key_verifies(&log->key, blob.data + 4, body, body_len) ? 1 : -1;
    }
    bytes_free(&blob);
    return result;
}

bool checkpoint_read(struct checkpoint *out, const struct log_key *log, const void *note, size_t len, const char **why)
{
    const char *text = note;
    const char *end = text + len;
    struct checkpoint checkpoint = {0};
    unsigned good = 0;
    unsigned lines = 0;
    const char *blank = NULL;
    bool control = false;
    for (const char *at = text; at + 1 < end; at++) { /* the last blank line parts text and signatures */
        blank = at[0] == '\n' && at[1] == '\n' ? at : blank;
        control = control || ((uint8_t)*at < ' ' && *at != '\n') || *at == 0x7f;
    }
    if (len > 262144 || control || blank == NULL || !body_read(&checkpoint, log, text, blank + 1)) {
        *why = "is not a checkpoint of this log";
        return false;
    }
    const char *at = blank + 2;
    const char *line = NULL;
    size_t line_len = 0;
    while (next_line(&line, &line_len, &at, end)) {
        int result = line_check(log, line, line_len, text, (size_t)(blank + 1 - text));
        if (result < 0 || ++lines > LINES_MAX) {
            *why = "has a bad signature line";
            return false;
        }
        good += (unsigned)result;
    }
    if (at != end || good == 0) {
        *why = "is not signed by the log key";
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
    if (len > 65535 || !next_line(&line, &line_len, &at, end) || !equals(line, line_len, "custody-audit/v1") ||
        !next_line(&line, &line_len, &at, end) || !equals(line, line_len, origin) ||
        !next_line(&line, &line_len, &at, end) || !decimal_read(&out->number, line, line_len) ||
        !next_line(&line, &line_len, &at, end) || line_len != 64) {
        return false;
    }
    memcpy(prev, line, 64);
    if (digest_parse(&out->prev, prev) != STATUS_OK || !next_line(&line, &line_len, &at, end) || at != end) {
        return false;
    }
    out->event = line;
    out->event_len = line_len;
    merkle_leaf(&out->hash, raw, len);
    return true;
}
