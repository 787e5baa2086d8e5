/*
 * The documents of shares: one share sealed for its custodian (share), and who has the shares of a PIN (share_set).
 */
#include "policy/backup.h"
#include "share_table.h"

static const struct word of_words[] = {{"kek", SHARE_OF_KEK}, {"pin", SHARE_OF_PIN}, {NULL, 0}};

const char *share_of_text(enum share_of of)
{
    return word_text(of_words, (int)of);
}

/* share */

struct share_wire {
    struct share_document share;
    int64_t index;
    char of[8];
    int64_t threshold;
    struct bytes to;
};

static const struct canon_field share_fields[] = {
    CANON_FIELD(struct share_document, commitment, CANON_HASH),
    CANON_FIELD(struct share_document, custodian, CANON_NAME),
    SHARE_INDEX_FIELD(struct share_wire, index),
    CANON_FIELD(struct share_document, key, CANON_HASH),
    CANON_FIELD(struct share_wire, of, CANON_TEXT),
    SHARE_SEALED_FIELD(struct share_document, sealed),
    CANON_FIELD(struct share_document, set, CANON_HASH),
    SHARE_THRESHOLD_FIELD(struct share_wire, threshold),
    SEAL_KEY_FIELD(struct share_wire, to),
};

_Static_assert(offsetof(struct share_wire, share) == 0, "the rows of struct share_document hold in the wire");

static const struct document_table share_table = DOCUMENT_TABLE(share_fields, struct share_wire);

enum status share_document_decode(struct share_document *out, const void *document, size_t len, struct fault *fault)
{
    struct share_wire wire;
    enum status status = document_decode(&wire, &share_table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.share.index = (unsigned)wire.index;
    wire.share.of = (enum share_of)word_value(of_words, wire.of);
    wire.share.threshold = (unsigned)wire.threshold;
    share_read_seal_key(&wire.share.to, &wire.to);
    bytes_free(&wire.to);
    if (share_of_text(wire.share.of) == NULL) {
        bytes_free(&wire.share.sealed);
        return fault_set(fault, STATUS_INVALID, "of", "kek or pin");
    }
    *out = wire.share; /* transferred */
    return STATUS_OK;
}

enum status share_document_encode(struct bytes *out, const struct share_document *share, struct fault *fault)
{
    struct share_wire wire = {.share = *share, .index = share->index, .threshold = share->threshold}; /* borrowed */
    if (share_of_text(share->of) == NULL) {
        return fault_set(fault, STATUS_INVALID, "of", "kek or pin");
    }
    word_write(wire.of, sizeof(wire.of), of_words, (int)share->of);
    wire.to = (struct bytes){wire.share.to.bytes32, SEAL_KEY_LEN}; /* borrowed */
    return canon_encode_bytes(out, &wire, share_table.fields, share_table.count, CANON_DOCUMENT_MAX, fault);
}

void share_document_free(struct share_document *share)
{
    bytes_free(&share->sealed);
    *share = (struct share_document){0};
}

/* share_set */

struct share_set_wire {
    struct share_set set;
    char of[8];
    json_t *shares;
    int64_t threshold;
};

static const struct canon_field set_fields[] = {
    CANON_FIELD(struct share_set, key, CANON_HASH),
    CANON_FIELD(struct share_set, made_at, CANON_TIME),
    CANON_FIELD(struct share_set_wire, of, CANON_TEXT),
    CANON_FIELD(struct share_set, prev, CANON_HASH),
    CANON_FIELD_RANGE(struct share_set_wire, shares, CANON_ARRAY, 2, BACKUP_SHARES_MAX),
    SHARE_THRESHOLD_FIELD(struct share_set_wire, threshold),
    CANON_FIELD_RANGE(struct share_set, version, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

enum { SET_FIELD_COUNT = sizeof(set_fields) / sizeof(set_fields[0]) };

_Static_assert(offsetof(struct share_set_wire, set) == 0, "the rows of struct share_set hold in the wire");

static enum status check_version(const struct share_set *set, struct fault *fault)
{
    return (set->version == 1) == digest_is_zero(&set->prev)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "prev", "zeros for the first version, and only for it");
}

enum status share_set_decode(struct share_set *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct share_set_wire wire;
    struct share_set set;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, set_fields, SET_FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK && word_value(of_words, wire.of) != SHARE_OF_PIN) {
        status = fault_set(fault, STATUS_INVALID, "of", "pin");
    }
    if (status == STATUS_OK) {
        set = wire.set;
        status = check_version(&set, fault);
    }
    if (status == STATUS_OK) {
        status = share_table_read(&set.shares, wire.shares, wire.threshold, fault);
    }
    if (status == STATUS_OK) {
        *out = set;
    }
    json_decref(object);
    return status;
}

enum status share_set_encode(struct bytes *out, const struct share_set *set, struct fault *fault)
{
    struct share_set_wire wire = {.set = *set, .of = "pin", .threshold = set->shares.threshold};
    enum status status = check_version(set, fault);
    if (status == STATUS_OK) {
        status = share_table_check(&set->shares, fault);
    }
    if (status == STATUS_OK) {
        status = share_table_write(&wire.shares, &set->shares, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, set_fields, SET_FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.shares);
    return status;
}

void share_set_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, SHARE_SET_KIND, document, len);
}

enum status share_set_check_apart(const struct share_set *set, const struct backup *backup, struct fault *fault)
{
    for (size_t i = 0; i < set->shares.count; i++) {
        const struct share_holder *row = &set->shares.holders[i];
        if (name_equal(&row->custodian, &backup->holder) ||
            share_table_find(&backup->shares, &row->custodian) != NULL) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, "shares", "%s has part in the PIN and in a backup",
                             row->custodian.text);
        }
        bool beside = name_equal(&row->site, &backup->site);
        for (size_t k = 0; k < backup->shares.count; k++) {
            const struct share_holder *other = &backup->shares.holders[k];
            beside = beside || name_equal(&row->site, &other->site);
            if (seal_key_equal(&row->seal.key.seal, &other->seal.key.seal)) {
                return fault_set(fault, STATUS_DUPLICATE_PERSON, "shares", "%s and %s of a backup have one sealing key",
                                 row->custodian.text, other->custodian.text);
            }
        }
        if (beside) {
            return fault_set(fault, STATUS_INVALID, "shares", "at %s are parts of the PIN and of a backup",
                             row->site.text);
        }
    }
    return STATUS_OK;
}

enum status share_set_verify(struct share_set *out, const struct signed_document *document, const struct policy *policy,
                             int64_t at_utc_us, struct fault *fault)
{
    struct share_set set;
    enum status status = share_set_decode(&set, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = share_table_check_people(&set.shares, policy, at_utc_us, set.made_at, fault);
    }
    if (status == STATUS_OK) {
        status = policy_verify_governance(policy, document, SHARE_SET_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = set;
    }
    return status;
}
