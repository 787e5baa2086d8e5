/*
 * The anchor document: fields, the note in it, and whose it is.
 */
#include "ledger/anchor.h"

#define TYPE "anchor"
#define POINT_LEN 32

struct anchor_document {
    struct digest chain;
    struct bytes note;
    char type[sizeof(TYPE)];
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct anchor_document, chain, CANON_HASH),
    CANON_FIELD_SIZED(struct anchor_document, note, CANON_BYTES, LEDGER_ANCHOR_NOTE_MAX),
    CANON_FIELD(struct anchor_document, type, CANON_TEXT),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

void ledger_anchor_wipe(struct ledger_anchor *anchor)
{
    bytes_free(&anchor->note);
    *anchor = (struct ledger_anchor){0};
}

/* Keys are sorted, and no member of another document comes after its type. */
bool ledger_anchor_is(const void *document, size_t len)
{
    static const char end[] = ",\"type\":\"" TYPE "\"}";
    return len >= strlen(end) && memcmp((const char *)document + len - strlen(end), end, strlen(end)) == 0;
}

static enum status read_note(struct audit_checkpoint *out, const struct bytes *note, struct fault *fault)
{
    struct audit_note parsed;
    struct fault inner = {0};
    enum status status = audit_note_parse(&parsed, note->data, note->len, &inner);
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(out, parsed.body, parsed.body_len, &inner);
    }
    return status == STATUS_OK ? status : fault_set(fault, STATUS_INVALID, "note", "%s", inner.detail);
}

enum status ledger_anchor_decode(struct ledger_anchor *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct anchor_document wire = {.type = ""};
    struct ledger_anchor anchor = {.note = {0}};
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    json_decref(object);
    if (status != STATUS_OK) {
        return status;
    }
    anchor.chain = wire.chain;
    anchor.note = wire.note; /* transferred */
    status = strcmp(wire.type, TYPE) == 0 ? read_note(&anchor.checkpoint, &anchor.note, fault)
                                          : fault_set(fault, STATUS_INVALID, "type", "must be " TYPE);
    if (status != STATUS_OK) {
        ledger_anchor_wipe(&anchor);
        return status;
    }
    *out = anchor; /* transferred */
    return STATUS_OK;
}

enum status ledger_anchor_encode(struct bytes *out, const struct digest *chain, const struct bytes *note,
                                 struct fault *fault)
{
    const struct anchor_document wire = {.chain = *chain, .note = *note, .type = TYPE};
    if (note->len > LEDGER_ANCHOR_NOTE_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "note", "at most %d bytes", LEDGER_ANCHOR_NOTE_MAX);
    }
    return canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
}

static enum status make_key(struct audit_key *out, const char *origin, const struct public_key *key,
                            struct fault *fault)
{
    size_t len = 0;
    const uint8_t *point = public_key_point(key, &len);
    if (key->algorithm != ALGORITHM_ED25519 || len != POINT_LEN ||
        audit_key_make(out, origin, AUDIT_KEY_ED25519, point, NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "account", "is not the key of a log");
    }
    return STATUS_OK;
}

enum status ledger_anchor_verify(const struct ledger_anchor *anchor, const struct public_key *key, struct fault *fault)
{
    struct audit_key log;
    struct audit_note parsed;
    enum status status = make_key(&log, anchor->checkpoint.origin, key, fault);
    if (status == STATUS_OK) {
        status = audit_note_parse(&parsed, anchor->note.data, anchor->note.len, fault);
    }
    return status == STATUS_OK ? audit_note_verify(NULL, &parsed, &log, fault) : status;
}

enum status ledger_anchor_log(struct digest *out, const char *origin, const struct public_key *key, struct fault *fault)
{
    struct audit_key log;
    char vkey[AUDIT_VKEY_SIZE];
    enum status status = make_key(&log, origin, key, fault);
    if (status == STATUS_OK) {
        audit_key_format(vkey, &log);
        digest_sha256(out, vkey, strlen(vkey));
    }
    return status;
}
