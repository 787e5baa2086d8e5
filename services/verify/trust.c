/*
 * The trust file, and what it asks of checkpoints.
 */
#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define TRUST_MAX 16384
#define VKEY_MAX (ORIGIN_MAX + 64)

/* clang-format off */
#define TRUST(F, O, S)                                                                                                 \
    F(S, chain, HASH, 0) O(S, forks, STRINGS, 0) F(S, log, TEXT, VKEY_MAX) F(S, policy, HASH, 0) O(S, rotations, STRINGS, 0)       \
    O(S, witnesses, OBJECT, 0)
#define WITNESSES(F, O, S) F(S, keys, STRINGS, 0) F(S, quorum, INTEGER, 0)
/* clang-format on */

struct trust_file {
    TRUST(SCAN_MEMBER, SCAN_MEMBER, )
};
struct witnesses {
    WITNESSES(SCAN_MEMBER, SCAN_MEMBER, )
};

static const struct scan_field trust_fields[] = {TRUST(SCAN_FIELD, SCAN_FIELD_OPTIONAL, trust_file)};
static const struct scan_field witness_fields[] = {WITNESSES(SCAN_FIELD, SCAN_FIELD_OPTIONAL, witnesses)};

static bool vkey_read(struct note_key *out, struct span span, enum note_key_type type)
{
    char vkey[VKEY_MAX + 1];
    return span_copy(vkey, sizeof(vkey), span) && note_key_read(out, vkey, type);
}

static bool is_log_key(const struct trust *trust, const struct digest *id)
{
    bool found = false;
    for (const struct note_key *key = &trust->log; key != NULL; key = key->next) {
        found = found || digest_equal(&key->key.id, id);
    }
    return found;
}

static enum status witnesses_read(struct trust *out, struct span object, struct fault *fault)
{
    struct witnesses file;
    struct span value;
    struct span last = {0};
    uint64_t quorum = 0;
    if (scan_object(&file, witness_fields, 2, object, NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "witnesses", "must be keys, a list of strings, and quorum, a number");
    }
    while (scan_step(NULL, &value, &file.keys)) {
        struct note_key *key = &out->witnesses[out->witness_count];
        if (out->witness_count == WITNESSES_MAX || !vkey_read(key, value, NOTE_KEY_WITNESS)) {
            return fault_set(fault, STATUS_INVALID, "witnesses.keys", "must be up to 16 vkeys of witnesses (type 04)");
        }
        bool fresh = !is_log_key(out, &key->key.id) && (last.at == NULL || span_compare(last, value) < 0);
        for (size_t k = 0; k < out->witness_count; k++) {
            fresh = fresh && !digest_equal(&key->key.id, &out->witnesses[k].key.id);
        }
        if (!fresh) {
            return fault_set(fault, STATUS_INVALID, "witnesses.keys", "must be sorted, and no key twice or the log's");
        }
        last = value;
        out->witness_count++;
    }
    if (!span_decimal(&quorum, file.quorum) || quorum < 1 || quorum > out->witness_count) {
        return fault_set(fault, STATUS_INVALID, "witnesses", "must be 1 to 16, with a quorum of 1 to so many");
    }
    out->quorum = (size_t)quorum;
    return STATUS_OK;
}

/* The rest of a row, behind the next space. */
static struct span word_read(struct span *inout)
{
    const char *space = memchr(inout->at, ' ', inout->len);
    size_t len = space == NULL ? inout->len : (size_t)(space - inout->at);
    const struct span word = {inout->at, len};
    size_t taken = len + (space == NULL ? 0 : 1);
    *inout = (struct span){inout->at + taken, inout->len - taken};
    return word;
}

static struct trust *log_named(struct trust *first, const char *name)
{
    struct trust *log = first;
    while (log != NULL && strcmp(log->log.name, name) != 0) {
        log = log->next;
    }
    return log;
}

/* Adds a key behind the last one of its log. */
static bool rotation_add(struct trust *first, const struct note_key *key)
{
    struct trust *log = log_named(first, key->name);
    if (log == NULL || log->rotation_count == ROTATIONS_MAX || is_log_key(log, &key->key.id)) {
        return false;
    }
    struct note_key *before = log->rotation_count == 0 ? &log->log : &log->rotations[log->rotation_count - 1];
    if (key->from <= before->from) {
        return false;
    }
    log->rotations[log->rotation_count] = *key;
    before->next = &log->rotations[log->rotation_count++];
    return true;
}

/* "SIZE VKEY" each: of a log of the file, from later on than the one before, and no key twice. */
static enum status rotations_read(struct trust *out, struct span rows, struct fault *fault)
{
    struct span row;
    while (scan_step(NULL, &row, &rows)) {
        struct note_key key;
        uint64_t from = 0;
        const struct span size = word_read(&row);
        bool good = span_decimal(&from, size) && vkey_read(&key, row, NOTE_KEY_LOG);
        key.from = from;
        if (!good || !rotation_add(out, &key)) {
            return fault_set(fault, STATUS_INVALID, "rotations",
                             "must be up to 16 times a size and another vkey of the log, in the order of sizes");
        }
    }
    return STATUS_OK;
}

/* "SIZE ROOT ORDER VKEY" each: of the log before and the one that follows it. */
static enum status forks_read(struct trust *out, struct span rows, struct fault *fault)
{
    static struct trust logs[FORKS_MAX];
    struct trust *before = out;
    struct span row;
    size_t count = 0;
    while (scan_step(NULL, &row, &rows)) {
        struct trust log = {.chain = out->chain, .first_policy = out->first_policy, .fresh_until_s = INT64_MAX};
        struct log_end *end = &log.follows;
        bool good = count < FORKS_MAX && span_decimal(&end->size, word_read(&row)) && end->size > 0 &&
                    span_digest(&end->root, word_read(&row)) && span_digest(&end->order, word_read(&row)) &&
                    vkey_read(&log.log, row, NOTE_KEY_LOG) && log_named(out, log.log.name) == NULL;
        if (!good) {
            return fault_set(fault, STATUS_INVALID, "forks",
                             "must be up to 15 times a size, a root, an order and the vkey of another log");
        }
        before->ended = log.follows;
        logs[count] = log;
        before->next = &logs[count];
        before = &logs[count++];
    }
    return STATUS_OK;
}

static enum status decode(struct trust *out, struct span text, struct fault *fault)
{
    struct trust_file file;
    enum status status = scan_object(&file, trust_fields, 6, text, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct trust){.fresh_until_s = INT64_MAX};
    bool read = span_digest(&out->chain, file.chain) && span_digest(&out->first_policy, file.policy);
    INVARIANT(read); /* they were looked at as fields */
    if (!vkey_read(&out->log, file.log, NOTE_KEY_LOG)) {
        return fault_set(fault, STATUS_INVALID, "log", "must be a vkey");
    }
    status = file.forks.at == NULL ? STATUS_OK : forks_read(out, file.forks, fault);
    status = status == STATUS_OK && file.rotations.at != NULL ? rotations_read(out, file.rotations, fault) : status;
    status = status == STATUS_OK && file.witnesses.at != NULL ? witnesses_read(out, file.witnesses, fault) : status;
    for (struct trust *log = out->next; log != NULL; log = log->next) {
        memcpy(log->witnesses, out->witnesses, sizeof(log->witnesses));
        log->witness_count = out->witness_count;
        log->quorum = out->quorum;
    }
    return status;
}

const struct trust *trust_log(const struct trust *first, struct span origin)
{
    const struct trust *log = first;
    while (log != NULL && !span_is(origin, log->log.name)) {
        log = log->next;
    }
    return log == NULL ? first : log;
}

enum status trust_read(struct trust *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    struct fault why = {0};
    enum status status = file_read_document(&text, path, TRUST_MAX, "trust", fault);
    if (status == STATUS_OK && decode(out, (struct span){(const char *)text.data, text.len}, &why) != STATUS_OK) {
        status =
            fault_set(fault, why.status, "trust", "%s: %s%s%s", path, why.where, why.where[0] ? ": " : "", why.detail);
    }
    bytes_free(&text);
    return status;
}

bool trust_begins(const struct trust *trust, const struct event *first)
{
    const struct log_end *end = &trust->follows;
    struct digest order;
    struct digest root;
    uint64_t size = 0;
    return end->size == 0 ||
           (span_is(first->act, "log.fork") && span_digest(&order, scan_member(first->refs, "command")) &&
            span_digest(&root, scan_member(first->refs, "root")) &&
            span_decimal(&size, scan_member(first->facts, "size")) && digest_equal(&order, &end->order) &&
            digest_equal(&root, &end->root) && size == end->size);
}

void trust_ended(const struct trust *trust, struct report *report, const char *part,
                 const struct checkpoint *checkpoint)
{
    const struct log_end *end = &trust->ended;
    if (end->size > 0 && checkpoint->size > end->size) {
        report_incomplete(report, "%s: is of %llu entries, the quorum ended this log at %llu entries", part,
                          (unsigned long long)checkpoint->size, (unsigned long long)end->size);
    } else if (checkpoint->size == end->size && end->size > 0 && !digest_equal(&checkpoint->root, &end->root)) {
        report_tampered(report, "%s: the quorum ended this log at %llu entries with another root", part,
                        (unsigned long long)end->size);
    }
}

void trust_witnessed(const struct trust *trust, struct report *report, const char *part,
                     const struct checkpoint *checkpoint)
{
    size_t found = 0;
    trust_ended(trust, report, part, checkpoint);
    for (size_t i = 0; i < trust->witness_count; i++) {
        uint64_t time_s = 0;
        enum signed_by by = checkpoint_signed_by(&time_s, checkpoint, &trust->witnesses[i]);
        if (by == SIGNED_BADLY) {
            report_tampered(report, "%s: has a bad cosignature of %s", part, trust->witnesses[i].name);
            return;
        }
        bool fresh = (int64_t)time_s >= trust->fresh_since_s && (int64_t)time_s <= trust->fresh_until_s;
        found += by == SIGNED && fresh ? 1 : 0;
    }
    if (found < trust->quorum) {
        report_incomplete(report, "%s: is cosigned by %zu witnesses of the trust file, which asks for %zu of %zu%s",
                          part, found, trust->quorum, trust->witness_count,
                          trust->fresh_until_s < INT64_MAX ? ", not longer ago than --max-age" : "; fetch it again");
    } else if (trust->quorum > 0) {
        report_checked("%s: cosigned by %zu of the %zu witnesses of the trust file, which asks for %zu", part, found,
                       trust->witness_count, trust->quorum);
    }
}
