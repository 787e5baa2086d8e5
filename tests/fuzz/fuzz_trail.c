/*
 * custody-verify trail under a fuzzer, and the parsers it stands on: leaves, events, signed notes, verifier keys, trust
 * files. For
 * any bytes: nothing is read out of bounds, nothing leaks, and the parsers agree with those of the audit room.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/log_keys.h"
#include "base/canon.h"
#include "event.h"
#include "samples.h"
#include "verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_leaf(const uint8_t *data, size_t size)
{
    struct leaf leaf;
    struct audit_leaf theirs;
    const char *why = "";
    bool good = audit_leaf_parse(&theirs, data, size, NULL) == STATUS_OK;
    if (leaf_read(&leaf, good ? theirs.origin : SAMPLE_ORIGIN, data, size, &why)) {
        INVARIANT(leaf.event.at >= (const char *)data && leaf.event.at + leaf.event.len < (const char *)data + size);
        INVARIANT(!good || (leaf.number == theirs.index && digest_equal(&leaf.prev, &theirs.previous)));
    } else {
        INVARIANT(!good);
    }
}

/* What the audit room takes for an event is one here too; it knows its actions and forms more closely. */
static void check_event(const uint8_t *data, size_t size)
{
    struct event event;
    struct audit_event theirs;
    bool ours = event_read(&event, (struct span){(const char *)data, size}, NULL) == STATUS_OK;
    if (audit_event_decode(&theirs, data, size, NULL) == STATUS_OK) {
        INVARIANT(ours && event.at_utc_us == theirs.at_utc_us && event.number == theirs.producer_counter);
        audit_event_wipe(&theirs);
    }
}

/* One member that is an object: the scanner takes what the reader of the base room takes. */
static void check_scan(const uint8_t *data, size_t size)
{
    static const struct scan_field field = {"x", SCAN_OBJECT, false, 0, 0};
    struct span member;
    json_t *object = NULL;
    struct buffer text;
    buffer_init(&text);
    buffer_append_text(&text, "{\"x\":");
    buffer_append(&text, data, size);
    buffer_append_text(&text, "}");
    const struct span span = {(const char *)text.content.data, text.content.len};
    bool theirs = canon_parse(&object, span.at, span.len, SIZE_MAX, NULL) == STATUS_OK &&
                  json_object_size(object) == 1 && json_is_object(json_object_get(object, "x"));
    INVARIANT((scan_object(&member, &field, 1, span, NULL) == STATUS_OK) == theirs);
    json_decref(object);
    buffer_free(&text);
}

/* Of a log whose key is followed by another one. */
static void check_note(const struct note_key *log, const struct audit_log_terms *terms, const uint8_t *data,
                       size_t size)
{
    struct checkpoint checkpoint;
    struct audit_checkpoint theirs;
    const char *why = "";
    if (audit_log_terms_open(&theirs, terms, data, size, NULL) == STATUS_OK) {
        INVARIANT(checkpoint_read(&checkpoint, log, data, size, &why) == VERDICT_PROVEN);
        INVARIANT(checkpoint.size == theirs.size && digest_equal(&checkpoint.root, &theirs.root));
    } else {
        (void)checkpoint_read(&checkpoint, log, data, size, &why);
    }
}

static void check_vkey(const uint8_t *data, size_t size)
{
    struct bytes text;
    struct note_key log;
    struct audit_key key;
    INVARIANT(bytes_copy(&text, data, size) == STATUS_OK);
    bool ours = note_key_read(&log, (const char *)text.data, NOTE_KEY_LOG);
    bool theirs = audit_key_parse(&key, (const char *)text.data, NULL) == STATUS_OK && key.type == AUDIT_KEY_ED25519;
    INVARIANT(ours == theirs);
    bytes_free(&text);
}

/* The keys of a trust file are of one log, each later than the one before, and witnesses enough. */
static void check_trust(const char *path)
{
    struct trust trust;
    if (trust_read(&trust, path, NULL) != STATUS_OK) {
        return;
    }
    for (const struct trust *log = &trust; log != NULL; log = log->next) {
        for (const struct note_key *key = &log->log; key->next != NULL; key = key->next) {
            INVARIANT(key->next->from > key->from && strcmp(key->next->name, key->name) == 0);
            INVARIANT(!digest_equal(&key->next->key.id, &key->key.id));
        }
        INVARIANT(log->ended.size == (log->next == NULL ? 0 : log->next->follows.size));
        INVARIANT((log->follows.size > 0) == (log != &trust));
    }
    INVARIANT(trust.quorum <= trust.witness_count && (trust.quorum > 0) == (trust.witness_count > 0));
}

/* The log that follows, as the seeds have it. */
static void follow(struct trust *first, struct trust *next)
{
    char vkey[AUDIT_VKEY_SIZE];
    struct audit_key key;
    sample_key(&key, SAMPLE_ORIGIN "/e2", AUDIT_KEY_ED25519, 1);
    audit_key_format(vkey, &key);
    INVARIANT(note_key_read(&next->log, vkey, NOTE_KEY_LOG));
    next->fresh_until_s = INT64_MAX;
    next->follows.size = 900;
    memset(next->follows.root.bytes32, 0x5f, sizeof(next->follows.root.bytes32));
    memset(next->follows.order.bytes32, 0x0d, sizeof(next->follows.order.bytes32));
    first->ended = next->follows;
    first->next = next;
}

/* The keys of the samples 0 and 1, the second from five entries on, for both sides. */
static void begin(struct note_key *out, struct note_key *out_next, struct audit_log_terms *out_terms)
{
    struct audit_key next;
    char vkey[AUDIT_VKEY_SIZE];
    sample_key(&next, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 1);
    audit_key_format(vkey, &next);
    INVARIANT(note_key_read(out, SAMPLE_VKEY, NOTE_KEY_LOG) && note_key_read(out_next, vkey, NOTE_KEY_LOG));
    out_next->from = 5;
    out->next = out_next;
    INVARIANT(audit_log_terms_add(out_terms, SAMPLE_VKEY, 0, NULL) == STATUS_OK);
    INVARIANT(audit_log_terms_add(out_terms, vkey, 5, NULL) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trust trust = {.fresh_until_s = INT64_MAX};
    static struct trust next;
    static struct audit_log_terms terms;
    char path[64];
    if (trust.log.name[0] == '\0') {
        begin(&trust.log, &trust.rotations[trust.rotation_count++], &terms);
        follow(&trust, &next);
        INVARIANT(freopen("/dev/null", "w", stdout) != NULL);
    }
    check_leaf(data, size);
    check_event(data, size);
    check_scan(data, size);
    check_note(&trust.log, &terms, data, size);
    check_vkey(data, size);
    int fd = memfd_create("fuzz", 0);
    INVARIANT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    check_trust(path);
    struct verify_request request = {.rest = (char *const[]){path, path}, .rest_count = 1};
    enum verdict verdict = verify_trail(&trust, &request);
    request.rest_count = 2; /* the same bytes as a checkpoint or receipt */
    enum verdict kept = verify_trail(&trust, &request);
    INVARIANT(kept != VERDICT_PROVEN || verdict == VERDICT_PROVEN);
    (void)close(fd);
    return 0;
}
