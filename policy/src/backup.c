/*
 * The backup document: the digest of a wrapped key, who keeps the bytes, and who has the shares of the key that wraps
 * it. Wrapping is for the hsm room, sharing for base.
 */
#include "policy/backup.h"

#include "share_table.h"

struct backup_wire {
    struct backup backup;
    enum algorithm alg;
    struct bytes key;
    char mechanism[24];
    json_t *shares;
    int64_t threshold;
    json_t *token;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct backup_wire, alg, CANON_ALGORITHM),
    CANON_FIELD(struct backup, check, CANON_HASH),
    CANON_FIELD(struct backup, holder, CANON_NAME),
    CANON_FIELD_SIZED(struct backup_wire, key, CANON_BYTES, PUBLIC_KEY_MAX),
    {"label", CANON_TEXT, false, offsetof(struct backup, label), BACKUP_LABEL_SIZE, 1, 0},
    CANON_FIELD(struct backup, made_at, CANON_TIME),
    CANON_FIELD(struct backup_wire, mechanism, CANON_TEXT),
    CANON_FIELD_RANGE(struct backup_wire, shares, CANON_ARRAY, 2, BACKUP_SHARES_MAX),
    CANON_FIELD(struct backup, site, CANON_NAME),
    SHARE_THRESHOLD_FIELD(struct backup_wire, threshold),
    CANON_FIELD(struct backup_wire, token, CANON_OBJECT),
    CANON_FIELD(struct backup, wrapped_sha256, CANON_HASH),
    CANON_FIELD_RANGE(struct backup, wrapped_size, CANON_INTEGER, 1, BACKUP_WRAPPED_MAX),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

_Static_assert(offsetof(struct backup_wire, backup) == 0, "the rows of struct backup hold in the wire");

static const struct word mechanism_words[] = {
    {"aes-key-wrap-pad", BACKUP_AES_KEY_WRAP_PAD}, {"aes-key-wrap-kwp", BACKUP_AES_KEY_WRAP_KWP}, {NULL, 0}};

const char *backup_mechanism_text(enum backup_mechanism mechanism)
{
    return word_text(mechanism_words, (int)mechanism);
}

/* Whoever has the wrapped key has no share, and it lies where no share lies. */
static enum status check_holder(const struct backup *backup, struct fault *fault)
{
    for (size_t i = 0; i < backup->shares.count; i++) {
        const struct share_holder *row = &backup->shares.holders[i];
        if (name_equal(&row->custodian, &backup->holder)) {
            return fault_set(fault, STATUS_INVALID, "holder", "%s has a share", backup->holder.text);
        }
        if (name_equal(&row->site, &backup->site)) {
            return fault_set(fault, STATUS_INVALID, "site", "the share of %s lies there", row->custodian.text);
        }
    }
    return STATUS_OK;
}

static enum status check(const struct backup *backup, struct fault *fault)
{
    if (backup_mechanism_text(backup->mechanism) == NULL) {
        return fault_set(fault, STATUS_INVALID, "mechanism", "aes-key-wrap-pad or aes-key-wrap-kwp");
    }
    enum status status = share_table_check(&backup->shares, fault);
    return status == STATUS_OK ? check_holder(backup, fault) : status;
}

static enum status read_key(struct public_key *out, const struct backup_wire *wire, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = public_key_parse(out, wire->alg, wire->key.data, wire->key.len, &inner);
    return status == STATUS_OK ? status : fault_set(fault, status, "key", "%s", inner.detail);
}

static enum status read_wire(struct backup *out, const struct backup_wire *wire, struct fault *fault)
{
    *out = wire->backup;
    out->mechanism = (enum backup_mechanism)word_value(mechanism_words, wire->mechanism);
    enum status status = read_key(&out->key, wire, fault);
    if (status == STATUS_OK) {
        status = share_table_read(&out->shares, wire->shares, wire->threshold, fault);
    }
    if (status == STATUS_OK) {
        status = token_identity_decode(&out->token, wire->token, "token", fault);
    }
    return status == STATUS_OK ? check(out, fault) : status;
}

enum status backup_decode(struct backup *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct backup_wire wire = {0};
    struct backup backup;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK && json_object_get(object, "wrapped") != NULL) {
        status = fault_set(fault, STATUS_UNKNOWN_FIELD, "wrapped",
                           "the wrapped key is for its holder alone, in a file of its own: back the key up anew");
    }
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = read_wire(&backup, &wire, fault);
    }
    if (status == STATUS_OK) {
        *out = backup;
    }
    bytes_free(&wire.key);
    json_decref(object);
    return status;
}

static enum status write_wire(struct backup_wire *wire, const struct backup *backup, struct fault *fault)
{
    wire->backup = *backup;
    wire->alg = backup->key.algorithm;
    wire->key = (struct bytes){wire->backup.key.spki, wire->backup.key.spki_len}; /* borrowed */
    word_write(wire->mechanism, sizeof(wire->mechanism), mechanism_words, (int)backup->mechanism);
    wire->threshold = backup->shares.threshold;
    enum status status = share_table_write(&wire->shares, &backup->shares, fault);
    return status == STATUS_OK ? token_identity_encode(&wire->token, &backup->token, fault) : status;
}

enum status backup_encode(struct bytes *out, const struct backup *backup, struct fault *fault)
{
    struct backup_wire wire = {0};
    enum status status = check(backup, fault);
    if (status == STATUS_OK) {
        status = write_wire(&wire, backup, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.shares);
    json_decref(wire.token);
    return status;
}

void backup_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, BACKUP_KIND, document, len);
}

enum status backup_verify(struct backup *out, const struct signed_document *document, struct fault *fault)
{
    struct backup backup;
    enum status status = backup_decode(&backup, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (document->signature_count != 1) {
        status = fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one, by the key in the backup");
    } else {
        status = signed_document_verify(document, BACKUP_KIND, 0, &backup.key, fault);
    }
    if (status == STATUS_OK) {
        *out = backup;
    }
    return status;
}

static bool keeps_key(const struct key_document *key, const struct name *custodian)
{
    for (size_t i = 0; i < key->custodian_count; i++) {
        if (name_equal(&key->custodians[i], custodian)) {
            return true;
        }
    }
    return false;
}

enum status backup_check_key(const struct backup *backup, const struct key_document *key, struct fault *fault)
{
    if (!public_key_equal(&backup->key, &key->key)) {
        return fault_set(fault, STATUS_MISMATCH, "backup", "of another key");
    }
    if (!token_identity_equal(&backup->token, &key->token)) {
        return fault_set(fault, STATUS_MISMATCH, "backup", "made on another token");
    }
    for (size_t i = 0; i < backup->shares.count; i++) {
        if (!keeps_key(key, &backup->shares.holders[i].custodian)) {
            return fault_set(fault, STATUS_MISMATCH, "backup", "%s has a share and is no custodian of the key",
                             backup->shares.holders[i].custodian.text);
        }
    }
    return STATUS_OK;
}

enum status backup_check_wrapped(const struct backup *backup, const struct bytes *wrapped, struct fault *fault)
{
    struct digest digest;
    if (wrapped->len != (size_t)backup->wrapped_size) {
        return fault_set(fault, STATUS_MISMATCH, "wrapped_size", "the wrapped key has %zu bytes, the backup's %lld",
                         wrapped->len, (long long)backup->wrapped_size);
    }
    digest_sha256(&digest, wrapped->data, wrapped->len);
    return digest_equal(&digest, &backup->wrapped_sha256)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "wrapped_sha256", "the wrapped key is not that of the backup");
}
