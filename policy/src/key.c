/*
 * The key document: its codec and the floors of one document alone. Its verification under a policy is in
 * key_verify.c; the state of a key is none of its fields.
 */
#include "policy/key.h"

#include "document.h"
#include "policy_internal.h"

struct key_wire {
    struct key_document document;
    char activation[16];
    enum algorithm alg;
    char backup[16];
    json_t *custodians;
    json_t *emergency;
    struct bytes key;
    char owner[16];
    char purpose[16];
    char tier[16];
    json_t *token;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct key_wire, activation, CANON_TEXT),
    CANON_FIELD(struct key_wire, alg, CANON_ALGORITHM),
    CANON_FIELD(struct key_document, approved, CANON_BOOLEAN),
    CANON_FIELD(struct key_wire, backup, CANON_TEXT),
    CANON_FIELD_OPTIONAL(struct key_document, backup_document, CANON_HASH),
    CANON_FIELD_RANGE(struct key_document, box_seconds, CANON_INTEGER, KEY_BOX_SECONDS_MIN, KEY_BOX_SECONDS_MAX),
    CANON_FIELD(struct key_document, box_signatures, CANON_COUNTER),
    CANON_FIELD(struct key_document, ceremony, CANON_HASH),
    CANON_FIELD(struct key_document, chain, CANON_HASH),
    CANON_FIELD(struct key_document, creator, CANON_NAME),
    CANON_FIELD_RANGE(struct key_wire, custodians, CANON_ARRAY, KEY_CUSTODIANS_MIN, KEY_CUSTODIANS_MAX),
    CANON_FIELD_RANGE(struct key_document, drill_days, CANON_INTEGER, 1, KEY_DRILL_DAYS_MAX),
    CANON_FIELD_RANGE(struct key_wire, emergency, CANON_ARRAY, 0, KEY_EMERGENCY_MAX),
    CANON_FIELD(struct key_document, environment, CANON_NAME),
    CANON_FIELD_RANGE(struct key_document, idle_seconds, CANON_INTEGER, 0, KEY_IDLE_SECONDS_MAX),
    CANON_FIELD(struct key_document, issued_at, CANON_TIME),
    CANON_FIELD_SIZED(struct key_wire, key, CANON_BYTES, PUBLIC_KEY_MAX),
    CANON_FIELD(struct key_document, location, CANON_NAME),
    CANON_FIELD(struct key_wire, owner, CANON_TEXT),
    CANON_FIELD(struct key_document, policy, CANON_HASH),
    CANON_FIELD(struct key_wire, purpose, CANON_TEXT),
    CANON_FIELD_OPTIONAL(struct key_document, replaces, CANON_HASH),
    CANON_FIELD(struct key_document, retain_until, CANON_TIME),
    CANON_FIELD(struct key_wire, tier, CANON_TEXT),
    CANON_FIELD(struct key_wire, token, CANON_OBJECT),
    CANON_FIELD(struct key_document, valid_from, CANON_TIME),
    CANON_FIELD(struct key_document, valid_until, CANON_TIME),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

_Static_assert(offsetof(struct key_wire, document) == 0, "the rows of struct key_document hold in the wire");

static const struct word activation_words[] = {{"unattended", KEY_UNATTENDED}, {"attended", KEY_ATTENDED}, {NULL, 0}};
static const struct word backup_words[] = {
    {"wrapped", KEY_BACKUP_WRAPPED}, {"clone", KEY_BACKUP_CLONE}, {"none", KEY_BACKUP_NONE}, {NULL, 0}};
static const struct word owner_words[] = {{"customer", KEY_OWNER_CUSTOMER}, {"own", KEY_OWNER_OWN}, {NULL, 0}};

const char *key_activation_text(enum key_activation activation)
{
    return word_text(activation_words, (int)activation);
}

const char *key_backup_text(enum key_backup backup)
{
    return word_text(backup_words, (int)backup);
}

const char *key_owner_text(enum key_owner owner)
{
    return word_text(owner_words, (int)owner);
}

/* Floors */

static enum status check_words(const struct key_document *key, struct fault *fault)
{
    const struct {
        const char *field;
        const char *text; /* NULL: none of the words */
        const char *words;
    } rows[] = {
        {"activation", key_activation_text(key->activation), "unattended or attended"},
        {"backup", key_backup_text(key->backup), "wrapped, clone or none"},
        {"owner", key_owner_text(key->owner), "customer or own"},
        {"purpose", signer_role_text(key->purpose), "transfer, audit or validator"},
        {"tier", word_text(policy_tier_words, (int)key->tier), "hot, warm, cold or system"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].text == NULL) {
            return fault_set(fault, STATUS_INVALID, rows[i].field, "%s", rows[i].words);
        }
    }
    return STATUS_OK;
}

static enum status check_floors(const struct key_document *key, struct fault *fault)
{
    const bool wrapped = key->backup == KEY_BACKUP_WRAPPED;
    const bool transfer = key->purpose == ROLE_TRANSFER;
    const struct {
        bool holds;
        const char *field;
        const char *rule;
    } rows[] = {
        {!key->approved || strncmp(key->token.manufacturer, KEY_TOKEN_UNAPPROVED, strlen(KEY_TOKEN_UNAPPROVED)) != 0,
         "approved", "SoftHSM has no approved mode"},
        {!transfer || key->backup != KEY_BACKUP_NONE, "backup", "a key for transfers has a backup"},
        {wrapped || digest_is_zero(&key->backup_document), "backup_document", "with the backup wrapped only"},
        {!wrapped || !digest_is_zero(&key->backup_document), "backup_document", "required with the backup wrapped"},
        {key->box_signatures >= 1, "box_signatures", "from 1"},
        {key->backup != KEY_BACKUP_NONE || key->drill_days == KEY_DRILL_DAYS_MAX, "drill_days",
         "366 where there is no backup"},
        {key->idle_seconds == 0 || key->activation == KEY_ATTENDED, "idle_seconds",
         "0 for a key that is activated unattended"},
        {!digest_equal(&key->replaces, &key->key_id), "replaces", "another key than this one"},
        {transfer == (key->tier != TIER_SYSTEM), "tier", "hot, warm or cold for transfers, system for all else"},
        {key->valid_until > key->valid_from, "valid_until", "after valid_from"},
        {key->valid_until - key->valid_from <= KEY_CRYPTOPERIOD_MAX_US, "valid_until",
         "a cryptoperiod is at most 1096 days"},
        {key->retain_until >= key->valid_until, "retain_until", "from valid_until on"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].holds) {
            return fault_set(fault, STATUS_INVALID, rows[i].field, "%s", rows[i].rule);
        }
    }
    return STATUS_OK;
}

static enum status check_lists(const struct key_document *key, struct fault *fault)
{
    if (key->custodian_count < KEY_CUSTODIANS_MIN || key->custodian_count > KEY_CUSTODIANS_MAX) {
        return fault_set(fault, STATUS_INVALID, "custodians", "%d to %d", KEY_CUSTODIANS_MIN, KEY_CUSTODIANS_MAX);
    }
    for (size_t i = 1; i < key->custodian_count; i++) {
        if (policy_name_compare(&key->custodians[i - 1], &key->custodians[i]) >= 0) {
            return fault_set(fault, STATUS_INVALID, "custodians", "sorted without duplicates: %s stands too late",
                             key->custodians[i].text);
        }
    }
    if (key->emergency_count > KEY_EMERGENCY_MAX) {
        return fault_set(fault, STATUS_INVALID, "emergency", "at most %d", KEY_EMERGENCY_MAX);
    }
    for (size_t i = 1; i < key->emergency_count; i++) {
        if (memcmp(&key->emergency[i - 1], &key->emergency[i], sizeof(key->emergency[i])) >= 0) {
            return fault_set(fault, STATUS_INVALID, "emergency", "sorted without duplicates");
        }
    }
    return STATUS_OK;
}

static enum status check(const struct key_document *key, struct fault *fault)
{
    enum status status = check_words(key, fault);
    if (status == STATUS_OK) {
        status = check_floors(key, fault);
    }
    return status == STATUS_OK ? check_lists(key, fault) : status;
}

/* Reading */

/* A digest of zeros is no value: what is not there is left out, or there would be two forms. */
static enum status check_optional(const struct key_wire *wire, const json_t *object, struct fault *fault)
{
    if (digest_is_zero(&wire->document.backup_document) && json_object_get(object, "backup_document") != NULL) {
        return fault_set(fault, STATUS_INVALID, "backup_document", "zeros: left out when there is none");
    }
    if (digest_is_zero(&wire->document.replaces) && json_object_get(object, "replaces") != NULL) {
        return fault_set(fault, STATUS_INVALID, "replaces", "zeros: left out when there is none");
    }
    return STATUS_OK;
}

static enum status read_custodians(struct key_document *out, const json_t *list, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || name_parse(&out->custodians[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "custodians", "names: 1 to 63 of [a-z0-9-]");
        }
        out->custodian_count = i + 1;
    }
    return STATUS_OK;
}

static enum status read_emergency(struct key_document *out, const json_t *list, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        enum status status = address_parse(&out->emergency[i], text == NULL ? "" : text, "emergency", fault);
        if (status != STATUS_OK) {
            return status;
        }
        out->emergency_count = i + 1;
    }
    return STATUS_OK;
}

static enum status read_key(struct key_document *out, const struct key_wire *wire, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = public_key_parse(&out->key, wire->alg, wire->key.data, wire->key.len, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "key", "%s", inner.detail);
    }
    public_key_id(&out->key_id, &out->key);
    return STATUS_OK;
}

static enum status read_wire(struct key_document *out, const struct key_wire *wire, const json_t *object,
                             struct fault *fault)
{
    *out = wire->document;
    out->activation = (enum key_activation)word_value(activation_words, wire->activation);
    out->backup = (enum key_backup)word_value(backup_words, wire->backup);
    out->owner = (enum key_owner)word_value(owner_words, wire->owner);
    out->tier = (enum wallet_tier)word_value(policy_tier_words, wire->tier);
    if (signer_role_parse(&out->purpose, wire->purpose) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "purpose", "transfer, audit or validator");
    }
    enum status status = check_optional(wire, object, fault);
    if (status == STATUS_OK) {
        status = read_key(out, wire, fault);
    }
    if (status == STATUS_OK) {
        status = read_custodians(out, wire->custodians, fault);
    }
    if (status == STATUS_OK) {
        status = read_emergency(out, wire->emergency, fault);
    }
    if (status == STATUS_OK) {
        status = token_identity_decode(&out->token, wire->token, "token", fault);
    }
    return status == STATUS_OK ? check(out, fault) : status;
}

enum status key_document_decode(struct key_document *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct key_wire wire = {0};
    struct key_document key;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = read_wire(&key, &wire, object, fault);
    }
    if (status == STATUS_OK) {
        *out = key;
    }
    bytes_free(&wire.key);
    json_decref(object);
    return status;
}

/* Writing */

static enum status write_lists(struct key_wire *wire, const struct key_document *key, struct fault *fault)
{
    wire->custodians = json_array();
    wire->emergency = json_array();
    bool built = wire->custodians != NULL && wire->emergency != NULL;
    for (size_t i = 0; i < key->custodian_count && built; i++) {
        built = json_array_append_new(wire->custodians, json_string(key->custodians[i].text)) == 0;
    }
    for (size_t i = 0; i < key->emergency_count && built; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(address, &key->emergency[i]);
        built = json_array_append_new(wire->emergency, json_string(address)) == 0;
    }
    return built ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "key", "building the document");
}

static enum status write_wire(struct key_wire *wire, const struct key_document *key, struct fault *fault)
{
    wire->document = *key;
    wire->alg = key->key.algorithm;
    wire->key = (struct bytes){wire->document.key.spki, wire->document.key.spki_len}; /* borrowed */
    word_write(wire->activation, sizeof(wire->activation), activation_words, (int)key->activation);
    word_write(wire->backup, sizeof(wire->backup), backup_words, (int)key->backup);
    word_write(wire->owner, sizeof(wire->owner), owner_words, (int)key->owner);
    word_write(wire->tier, sizeof(wire->tier), policy_tier_words, (int)key->tier);
    (void)snprintf(wire->purpose, sizeof(wire->purpose), "%s", signer_role_text(key->purpose));
    enum status status = write_lists(wire, key, fault);
    return status == STATUS_OK ? token_identity_encode(&wire->token, &key->token, fault) : status;
}

enum status key_document_encode(struct bytes *out, const struct key_document *key, struct fault *fault)
{
    struct key_document checked = *key;
    public_key_id(&checked.key_id, &checked.key);
    struct key_wire wire = {0};
    enum status status = check(&checked, fault);
    if (status == STATUS_OK) {
        status = write_wire(&wire, &checked, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.custodians);
    json_decref(wire.emergency);
    json_decref(wire.token);
    return status;
}

void key_document_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, KEY_KIND, document, len);
}
