/*
 * The leaf's bytes: five lines, built and read back.
 *
 * What E says is not looked at here, so that a verifier can prove an entry of a future version which it cannot read.
 * But E is one line of printable ASCII, always: otherwise an event could carry what looks like the header of another
 * leaf.
 */
#include "audit/leaf.h"

#include <inttypes.h>

#include "lines.h"

#define LEAF_MAGIC "custody-audit/v1"
#define EVENT_MIN 2

enum status audit_origin_check(const char *origin, struct fault *fault)
{
    size_t len = strnlen(origin, AUDIT_ORIGIN_SIZE);
    if (len > AUDIT_ORIGIN_MAX || !text_is_graphic(origin, len) || memchr(origin, '+', len) != NULL) {
        return fault_set(fault, STATUS_INVALID, "origin", "1 to 255 printable ASCII characters without space and +");
    }
    return STATUS_OK;
}

static enum status check_event(const uint8_t *event, size_t len, struct fault *fault)
{
    if (len > AUDIT_EVENT_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "event", "%zu bytes, at most %d", len, AUDIT_EVENT_MAX);
    }
    if (len < EVENT_MIN || !text_is_printable((const char *)event, len)) {
        return fault_set(fault, STATUS_INVALID, "event", "one line of 2 or more printable ASCII characters");
    }
    return STATUS_OK;
}

/* The one rule set of both directions. */
static enum status check_leaf(const struct audit_leaf *leaf, struct fault *fault)
{
    enum status status = audit_origin_check(leaf->origin, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (leaf->index >= AUDIT_TREE_SIZE_MAX) {
        return fault_set(fault, STATUS_INVALID, "index", "at most 2^63-2");
    }
    if ((leaf->index == 0) != digest_is_zero(&leaf->previous)) {
        return fault_set(fault, STATUS_INVALID, "previous", "all zeros for entry 0 and for no other");
    }
    return check_event(leaf->event, leaf->event_len, fault);
}

enum status audit_leaf_build(struct bytes *out, const struct audit_leaf *leaf, struct fault *fault)
{
    enum status status = check_leaf(leaf, fault);
    if (status != STATUS_OK) {
        return status;
    }
    char previous[DIGEST_HEX_LEN + 1];
    digest_format(previous, &leaf->previous);
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, LEAF_MAGIC "\n%s\n%" PRIu64 "\n%s\n", leaf->origin, leaf->index, previous);
    buffer_append(&buffer, leaf->event, leaf->event_len);
    buffer_append_text(&buffer, "\n");
    INVARIANT(buffer.content.len <= AUDIT_LEAF_MAX);
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "leaf", "building");
}

static enum status read_origin(struct audit_leaf *leaf, const struct line *line)
{
    if (line->len > AUDIT_ORIGIN_MAX || memchr(line->text, '\0', line->len) != NULL) {
        return STATUS_INVALID;
    }
    memcpy(leaf->origin, line->text, line->len);
    return STATUS_OK;
}

static enum status read_previous(struct audit_leaf *leaf, const struct line *line)
{
    char text[DIGEST_HEX_LEN + 1] = {0};
    if (line->len != DIGEST_HEX_LEN) {
        return STATUS_INVALID;
    }
    memcpy(text, line->text, DIGEST_HEX_LEN);
    return digest_parse(&leaf->previous, text);
}

enum status audit_leaf_parse(struct audit_leaf *out, const void *raw, size_t len, struct fault *fault)
{
    if (len > AUDIT_LEAF_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "leaf", "%zu bytes, at most %d", len, AUDIT_LEAF_MAX);
    }
    struct lines lines = {.at = raw, .left = len};
    struct line line[5];
    for (size_t i = 0; i < 5; i++) {
        if (!lines_next(&line[i], &lines)) {
            return fault_set(fault, STATUS_INVALID, "leaf", "five lines, each ended by LF");
        }
    }
    if (lines.left != 0 || !line_is(&line[0], LEAF_MAGIC)) {
        return fault_set(fault, STATUS_INVALID, "leaf", "five lines, the first is %s", LEAF_MAGIC);
    }
    struct audit_leaf leaf = {.event = (const uint8_t *)line[4].text, .event_len = line[4].len};
    if (read_origin(&leaf, &line[1]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "origin", "1 to 255 printable ASCII characters without space and +");
    }
    if (line_decimal(&leaf.index, &line[2]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "index", "decimal without leading zero, at most 2^63-2");
    }
    if (read_previous(&leaf, &line[3]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "previous", "64 lower-case hexadecimal digits");
    }
    enum status status = check_leaf(&leaf, fault);
    if (status == STATUS_OK) {
        *out = leaf;
    }
    return status;
}

void audit_leaf_hash(struct digest *out, const void *raw, size_t len)
{
    static const uint8_t leaf_prefix = 0x00;
    digest_sha256_two(out, &leaf_prefix, 1, raw, len);
}
