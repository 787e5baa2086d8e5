/*
 * The trust file, and what it asks of checkpoints.
 */
#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "documents.h"

static enum status witnesses_read(struct trust *out, const json_t *object, struct fault *fault)
{
    struct verify_witnesses file;
    json_t *value = NULL;
    size_t i = 0;
    enum status status = document_decode(&file, DOCUMENT_WITNESSES, object, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->witness_count = json_array_size(file.keys);
    if (out->witness_count > WITNESSES_MAX || file.quorum < 1 || file.quorum > (int64_t)out->witness_count) {
        return fault_set(fault, STATUS_INVALID, "witnesses", "must be 1 to 16, with a quorum of 1 to so many");
    }
    out->quorum = (size_t)file.quorum;
    json_array_foreach(file.keys, i, value)
    {
        const char *vkey = json_string_value(value);
        struct note_key *key = &out->witnesses[i];
        if (vkey == NULL || !note_key_read(key, vkey, NOTE_KEY_WITNESS)) {
            return fault_set(fault, STATUS_INVALID, "witnesses.keys", "must be vkeys of witnesses (type 04)");
        }
        bool fresh = !digest_equal(&key->key.id, &out->log.key.id) &&
                     (i == 0 || strcmp(json_string_value(json_array_get(file.keys, i - 1)), vkey) < 0);
        for (size_t k = 0; k < i; k++) {
            fresh = fresh && !digest_equal(&key->key.id, &out->witnesses[k].key.id);
        }
        if (!fresh) {
            return fault_set(fault, STATUS_INVALID, "witnesses.keys", "must be sorted, and no key twice or the log's");
        }
    }
    return STATUS_OK;
}

static enum status decode(struct trust *out, const json_t *object, struct fault *fault)
{
    struct verify_trust file;
    enum status status = document_decode(&file, DOCUMENT_TRUST, object, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct trust){.chain = file.chain, .first_policy = file.policy};
    if (!note_key_read(&out->log, file.log, NOTE_KEY_LOG)) {
        return fault_set(fault, STATUS_INVALID, "log", "must be a vkey");
    }
    return file.witnesses == NULL ? STATUS_OK : witnesses_read(out, file.witnesses, fault);
}

enum status trust_read(struct trust *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = file_read_document(&text, path, CANON_DOCUMENT_MAX, "trust", fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = decode(out, object, fault);
    }
    json_decref(object);
    bytes_free(&text);
    return status;
}

bool trust_witnessed(const struct trust *trust, struct report *report, const char *part,
                     const struct checkpoint *checkpoint)
{
    size_t found = 0;
    for (size_t i = 0; i < trust->witness_count; i++) {
        uint64_t time_s = 0;
        enum signed_by by = checkpoint_signed_by(&time_s, checkpoint, &trust->witnesses[i]);
        if (by == SIGNED_BADLY) {
            report_tampered(report, "%s: has a bad cosignature of %s", part, trust->witnesses[i].name);
            return false;
        }
        found += by == SIGNED && time_s >= (uint64_t)(trust->fresh_since_utc_us / 1000000) ? 1 : 0;
    }
    if (found < trust->quorum) {
        report_incomplete(report, "%s: is cosigned by %zu witnesses of the trust file, which asks for %zu of %zu%s",
                          part, found, trust->quorum, trust->witness_count,
                          trust->fresh_since_utc_us > 0 ? ", not longer ago than --max-age" : "");
    } else if (trust->quorum > 0) {
        report_checked("%s: cosigned by %zu of the %zu witnesses of the trust file, which asks for %zu", part, found,
                       trust->witness_count, trust->quorum);
    }
    return found >= trust->quorum;
}
