/* Which key of a log counts at which size. */
#include "audit/log_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static enum status parse(struct audit_key *out, const char *vkey, struct fault *fault)
{
    enum status status = audit_key_parse(out, vkey, fault);
    if (status == STATUS_OK && out->type != AUDIT_KEY_ED25519) {
        status = fault_set(fault, STATUS_ALGORITHM_REFUSED, "log", "a log key is ed25519");
    }
    return status;
}

enum status audit_log_keys_parse(struct audit_log_keys *out, const char *key, const char *next, uint64_t from,
                                 struct fault *fault)
{
    struct audit_log_keys keys = {.rotates = next[0] != '\0', .from = from};
    enum status status = parse(&keys.key, key, fault);
    if (status == STATUS_OK && keys.rotates) {
        status = parse(&keys.next, next, fault);
    }
    if (status == STATUS_OK && keys.rotates && strcmp(keys.key.name, keys.next.name) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "log", "is a key of %s", keys.next.name);
    }
    if (status == STATUS_OK && keys.rotates && public_key_equal(&keys.key.public_key, &keys.next.public_key)) {
        status = fault_set(fault, STATUS_MISMATCH, "log", "is the key that it follows");
    }
    if (status == STATUS_OK) {
        *out = keys;
    }
    return status;
}

const struct audit_key *audit_log_keys_at(const struct audit_log_keys *keys, uint64_t size)
{
    return keys->rotates && size >= keys->from ? &keys->next : &keys->key;
}

/* What a key says whose signature is not the one that counts. `over`: it may not sign a note of this size any more. */
static enum status check_other(const struct audit_key *other, bool over, const struct audit_note *note,
                               struct fault *fault)
{
    struct fault why = {0};
    enum status status = audit_note_verify(NULL, note, other, &why);
    if (status == STATUS_OK && over) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "note", "it bears a signature by a key whose time is over");
    }
    return status == STATUS_OK || status == STATUS_UNKNOWN_KEY ? STATUS_OK
                                                               : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status audit_log_keys_judge(const struct audit_key **out, const struct audit_log_keys *keys, uint64_t seen,
                                 const void *note, size_t len, struct fault *fault)
{
    struct audit_note parsed;
    struct audit_checkpoint checkpoint;
    enum status status = audit_note_parse(&parsed, note, len, fault);
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(&checkpoint, parsed.body, parsed.body_len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct audit_key *key = audit_log_keys_at(keys, checkpoint.size > seen ? checkpoint.size : seen);
    if (keys->rotates) {
        const struct audit_key *other = key == &keys->key ? &keys->next : &keys->key;
        status = check_other(other, other == &keys->key && checkpoint.size >= keys->from, &parsed, fault);
    }
    if (status == STATUS_OK) {
        *out = key;
    }
    return status;
}

enum status audit_checkpoint_open_any(struct audit_checkpoint *out, const void *note, size_t len,
                                      const struct audit_key *keys, size_t count, struct fault *fault)
{
    struct audit_checkpoint opened;
    struct fault last = {0};
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct fault why = {0};
        enum status status = audit_checkpoint_open(&opened, note, len, &keys[i], &why);
        if (status != STATUS_OK && status != STATUS_UNKNOWN_KEY) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
        found = found || status == STATUS_OK;
        last = status == STATUS_OK ? last : why;
    }
    if (!found) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, last.where, "%s", last.detail);
    }
    *out = opened;
    return STATUS_OK;
}

/* Whether the key may follow those that are there. */
static enum status check_follows(const struct audit_log_terms *terms, const struct audit_key *key, uint64_t from,
                                 struct fault *fault)
{
    if (terms->count == AUDIT_LOG_TERMS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "log", "at most %d keys", AUDIT_LOG_TERMS_MAX);
    }
    if (terms->count == 0 ? from != 0 : from <= terms->rows[terms->count - 1].from) {
        return fault_set(fault, STATUS_INVALID, "log", "the first key counts from 0 entries, each other from later on");
    }
    for (size_t i = 0; i < terms->count; i++) {
        if (strcmp(terms->rows[i].key.name, key->name) != 0) {
            return fault_set(fault, STATUS_MISMATCH, "log", "is a key of %s", key->name);
        }
        if (public_key_equal(&terms->rows[i].key.public_key, &key->public_key)) {
            return fault_set(fault, STATUS_MISMATCH, "log", "is a key that was the log's before");
        }
    }
    return STATUS_OK;
}

enum status audit_log_terms_add(struct audit_log_terms *inout, const char *vkey, uint64_t from, struct fault *fault)
{
    struct audit_key key;
    enum status status = parse(&key, vkey, fault);
    if (status == STATUS_OK) {
        status = check_follows(inout, &key, from, fault);
    }
    if (status == STATUS_OK) {
        inout->rows[inout->count++] = (struct audit_log_term){.key = key, .from = from};
    }
    return status;
}

enum status audit_log_terms_open(struct audit_checkpoint *out, const struct audit_log_terms *terms, const void *note,
                                 size_t len, struct fault *fault)
{
    struct audit_note parsed;
    struct audit_checkpoint checkpoint;
    enum status status = audit_note_parse(&parsed, note, len, fault);
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(&checkpoint, parsed.body, parsed.body_len, fault);
    }
    size_t counts = 0;
    for (size_t i = 1; status == STATUS_OK && i < terms->count; i++) {
        counts = checkpoint.size >= terms->rows[i].from ? i : counts;
    }
    for (size_t i = 0; status == STATUS_OK && i < terms->count; i++) {
        status = i == counts ? STATUS_OK : check_other(&terms->rows[i].key, i < counts, &parsed, fault);
    }
    return status == STATUS_OK ? audit_checkpoint_open(out, note, len, &terms->rows[counts].key, fault) : status;
}

/* Where "/e<n>" begins, n from 2 and written as it is printed here; the end of the origin when it has none. */
static size_t epoch_at(const char *origin, uint64_t *out_epoch)
{
    char text[32];
    const char *slash = strrchr(origin, '/');
    *out_epoch = 1;
    if (slash == NULL || slash == origin || slash[1] != 'e') {
        return strlen(origin);
    }
    uint64_t epoch = strtoull(slash + 2, NULL, 10);
    (void)snprintf(text, sizeof(text), "/e%" PRIu64, epoch);
    if (epoch < 2 || epoch > INT64_MAX || strcmp(text, slash) != 0) {
        return strlen(origin);
    }
    *out_epoch = epoch;
    return (size_t)(slash - origin);
}

uint64_t audit_origin_epoch(const char *origin)
{
    uint64_t epoch = 1;
    (void)epoch_at(origin, &epoch);
    return epoch;
}

bool audit_origin_is_later(const char *origin, const char *than)
{
    uint64_t epoch = 1;
    uint64_t before = 1;
    size_t base = epoch_at(origin, &epoch);
    return base == epoch_at(than, &before) && strncmp(origin, than, base) == 0 && epoch > before;
}

enum status audit_origin_next(char out[AUDIT_ORIGIN_SIZE], const char *origin, struct fault *fault)
{
    uint64_t epoch = 1;
    size_t base = epoch_at(origin, &epoch);
    int len = snprintf(out, AUDIT_ORIGIN_SIZE, "%.*s/e%" PRIu64, (int)base, origin, epoch + 1);
    return len < AUDIT_ORIGIN_SIZE
               ? STATUS_OK
               : fault_set(fault, STATUS_TOO_LARGE, "origin", "at most %d characters", AUDIT_ORIGIN_MAX);
}
