/*
 * Whose cosignatures count and how many it takes. The same document is read by the service, which asks for
 * cosignatures, and by the signer, which wants to see them.
 */
#include "audit/witness.h"

#include "base/canon.h"
#include "lines.h"

#define DOCUMENT_MAX 16384
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct document {
    int64_t quorum;
    json_t *witnesses;
};

static const struct canon_field document_fields[] = {
    CANON_FIELD_RANGE(struct document, quorum, CANON_INTEGER, 1, AUDIT_WITNESSES_MAX),
    CANON_FIELD_RANGE(struct document, witnesses, CANON_ARRAY, 1, AUDIT_WITNESSES_MAX),
};

struct row {
    char key[AUDIT_VKEY_SIZE];
    char url[AUDIT_WITNESS_URL_SIZE];
};

static const struct canon_field row_fields[] = {
    CANON_FIELD_RANGE(struct row, key, CANON_TEXT, 1, 0),
    CANON_FIELD_RANGE(struct row, url, CANON_TEXT, 1, 0),
};

static bool url_fits(const char *url)
{
    const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 : strncmp(url, "https://", 8) == 0 ? url + 8 : "";
    size_t len = strlen(rest);
    return len > 0 && text_is_graphic(rest, len) && strpbrk(rest, "?#@") == NULL && rest[len - 1] != '/';
}

static enum status read_row(struct audit_witness *out, const json_t *object, struct fault *fault)
{
    struct row row;
    enum status status = canon_decode(&row, sizeof(row), object, row_fields, COUNT(row_fields), "witnesses.", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!url_fits(row.url)) {
        return fault_set(fault, STATUS_INVALID, "witnesses.url",
                         "must be http:// or https:// and a host, without user, query and slash at the end");
    }
    struct fault inner = {0};
    status = audit_key_parse(&out->key, row.key, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "witnesses.key", "%s", inner.detail);
    }
    if (out->key.type != AUDIT_KEY_COSIGNATURE) {
        return fault_set(fault, STATUS_INVALID, "witnesses.key", "must be the verifier key of a witness (type 4)");
    }
    (void)snprintf(out->url, sizeof(out->url), "%s", row.url);
    return STATUS_OK;
}

static bool same_key(const struct audit_key *a, const struct audit_key *b)
{
    struct digest one;
    struct digest other;
    public_key_id(&one, &a->public_key);
    public_key_id(&other, &b->public_key);
    return digest_equal(&one, &other);
}

/* Against those before it. */
static enum status check_distinct(const struct audit_witness *rows, size_t index, struct fault *fault)
{
    char before[AUDIT_VKEY_SIZE];
    char own[AUDIT_VKEY_SIZE];
    audit_key_format(own, &rows[index].key);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(rows[i].key.name, rows[index].key.name) == 0 || same_key(&rows[i].key, &rows[index].key)) {
            return fault_set(fault, STATUS_INVALID, "witnesses.key", "two witnesses have one name or one public key");
        }
    }
    if (index > 0) {
        audit_key_format(before, &rows[index - 1].key);
    }
    return index == 0 || strcmp(before, own) < 0
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "witnesses", "must be sorted by key");
}

enum status audit_witnesses_parse(struct audit_witnesses *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct document read;
    struct audit_witnesses parsed = {0};
    enum status status = canon_parse(&object, document, len, DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&read, sizeof(read), object, document_fields, COUNT(document_fields), "", fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(read.witnesses); i++) {
        status = read_row(&parsed.rows[i], json_array_get(read.witnesses, i), fault);
        status = status == STATUS_OK ? check_distinct(parsed.rows, i, fault) : status;
        parsed.count++;
    }
    json_decref(object);
    if (status != STATUS_OK) {
        return status;
    }
    parsed.quorum = (size_t)read.quorum;
    if (parsed.quorum > parsed.count) {
        return fault_set(fault, STATUS_INVALID, "quorum", "is above the number of witnesses");
    }
    *out = parsed;
    return STATUS_OK;
}

/* Puts a time among the others, the newest first. */
static void insert_time(uint64_t *times, size_t count, uint64_t time_s)
{
    size_t at = count;
    for (; at > 0 && times[at - 1] < time_s; at--) {
        times[at] = times[at - 1];
    }
    times[at] = time_s;
}

enum status audit_witnesses_count(size_t *out_count, uint64_t *out_time_s, const struct audit_note *note,
                                  const struct audit_witnesses *witnesses, struct fault *fault)
{
    uint64_t times[AUDIT_WITNESSES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < witnesses->count; i++) {
        uint64_t time_s = 0;
        struct fault inner = {0};
        enum status status = audit_note_verify(&time_s, note, &witnesses->rows[i].key, &inner);
        if (status == STATUS_UNKNOWN_KEY) {
            continue;
        }
        if (status != STATUS_OK) {
            return fault_set(fault, status, inner.where, "%s: %s", witnesses->rows[i].key.name, inner.detail);
        }
        insert_time(times, count, time_s);
        count++;
    }
    *out_count = count;
    if (out_time_s != NULL) {
        *out_time_s = count >= witnesses->quorum ? times[witnesses->quorum - 1] : 0;
    }
    return STATUS_OK;
}

enum status audit_witnesses_check(const struct audit_witnesses *witnesses, const void *note, size_t len,
                                  struct fault *fault)
{
    struct audit_note parsed;
    size_t count = 0;
    enum status status = audit_note_parse(&parsed, note, len, fault);
    if (status == STATUS_OK) {
        status = audit_witnesses_count(&count, NULL, &parsed, witnesses, fault);
    }
    if (status == STATUS_OK && count < witnesses->quorum) {
        status = fault_set(fault, STATUS_QUORUM_MISSING, "note", "%zu witnesses have cosigned it, it takes %zu", count,
                           witnesses->quorum);
    }
    return status;
}
