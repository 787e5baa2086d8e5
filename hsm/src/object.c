/*
 * Key objects: which attributes a key must have to serve, whether it was born on the token, and how its public half is
 * read.
 *
 * Attributes are read one by one: the spec lets a module answer only some of a batch, and tokens differ in what they
 * leave out. Nothing here changes an object.
 */
#include "object.h"

#include "cryptoki.h"
#include "hsm/vault.h"

#define VALUE_MAX 512

/* What must hold of a private key. `may_be_absent`: a token that does not know the attribute cannot grant what it says.
 */
struct flag_rule {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    bool wanted;
    bool may_be_absent;
};

static const struct flag_rule flag_rules[] = {
    {CKA_TOKEN, "CKA_TOKEN", true, false},
    {CKA_PRIVATE, "CKA_PRIVATE", true, false},
    {CKA_SENSITIVE, "CKA_SENSITIVE", true, false},
    {CKA_MODIFIABLE, "CKA_MODIFIABLE", false, false},
    {CKA_SIGN, "CKA_SIGN", true, false},
    {CKA_DECRYPT, "CKA_DECRYPT", false, false},
    {CKA_UNWRAP, "CKA_UNWRAP", false, false},
    {CKA_DERIVE, "CKA_DERIVE", false, false},
    {CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", false, false},
    {CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE", false, true},
};

static const struct flag_rule vault_rules[] = {
    {CKA_TOKEN, "CKA_TOKEN of its wrapping key", true, false},
    {CKA_PRIVATE, "CKA_PRIVATE of its wrapping key", true, false},
    {CKA_SENSITIVE, "CKA_SENSITIVE of its wrapping key", true, false},
    {CKA_ENCRYPT, "CKA_ENCRYPT of its wrapping key", true, false},
    {CKA_DECRYPT, "CKA_DECRYPT of its wrapping key", true, false},
    {CKA_LOCAL, "CKA_LOCAL of its wrapping key", true, false},
    {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE of its wrapping key", true, false},
    {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE of its wrapping key", true, false},
    {CKA_EXTRACTABLE, "CKA_EXTRACTABLE of its wrapping key", false, false},
    {CKA_MODIFIABLE, "CKA_MODIFIABLE of its wrapping key", false, false},
    {CKA_WRAP, "CKA_WRAP of its wrapping key", false, false},
    {CKA_UNWRAP, "CKA_UNWRAP of its wrapping key", false, false},
    {CKA_SIGN, "CKA_SIGN of its wrapping key", false, false},
    {CKA_DERIVE, "CKA_DERIVE of its wrapping key", false, false},
};

static const uint8_t oid_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_secp256k1[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
static const uint8_t oid_ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t name_ed25519[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};

#define DER(array)                                                                                                     \
    {                                                                                                                  \
        array, sizeof(array)                                                                                           \
    }

static const struct hsm_key_kind kinds[] = {
    {ALGORITHM_P256, CKK_EC, CKM_EC_KEY_PAIR_GEN, {DER(oid_p256)}},
    {ALGORITHM_SECP256K1, CKK_EC, CKM_EC_KEY_PAIR_GEN, {DER(oid_secp256k1)}},
    {ALGORITHM_ED25519, CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, {DER(name_ed25519), DER(oid_ed25519)}},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* An object in the session that reads it, and what people call it. */
struct object {
    struct hsm_token *token;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
    char name[HSM_KEY_LABEL_SIZE];
};

struct value {
    uint8_t bytes[VALUE_MAX];
    size_t len;
    bool absent;
};

const struct hsm_key_kind *hsm_key_kind_of(enum algorithm algorithm)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].algorithm == algorithm) {
            return &kinds[i];
        }
    }
    return NULL;
}

static enum status value_read(const struct object *object, struct value *out, CK_ATTRIBUTE_TYPE type, const char *name,
                              struct fault *fault)
{
    CK_ATTRIBUTE attribute = {type, out->bytes, sizeof out->bytes};
    CK_RV rv = object->token->module.functions->C_GetAttributeValue(object->session, object->handle, &attribute, 1);
    out->absent = rv == CKR_ATTRIBUTE_TYPE_INVALID;
    if (out->absent) {
        out->len = 0;
        return STATUS_OK;
    }
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && attribute.ulValueLen > sizeof out->bytes)) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "%s is too long", name);
    }
    if (rv != CKR_OK) {
        return hsm_token_fault(object->token, rv, "C_GetAttributeValue", object->name, fault);
    }
    out->len = attribute.ulValueLen;
    return STATUS_OK;
}

static enum status flag_check(const struct object *object, const struct flag_rule *rule, struct fault *fault)
{
    struct value value;
    enum status status = value_read(object, &value, rule->type, rule->name, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (value.absent && rule->may_be_absent) {
        return STATUS_OK;
    }
    if (value.absent || value.len != sizeof(CK_BBOOL)) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "%s is not answered", rule->name);
    }
    if (value.bytes[0] != hsm_cryptoki_bool(rule->wanted)) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "%s must be %s", rule->name,
                         rule->wanted ? "true" : "false");
    }
    return STATUS_OK;
}

/* A token that does not know the attribute says nothing for the key, so absent is false. */
static enum status flag_read(const struct object *object, bool *out, CK_ATTRIBUTE_TYPE type, const char *name,
                             struct fault *fault)
{
    struct value value;
    enum status status = value_read(object, &value, type, name, fault);
    if (status == STATUS_OK) {
        *out = !value.absent && value.len == sizeof(CK_BBOOL) && value.bytes[0] == CK_TRUE;
    }
    return status;
}

/* A value may leave only under a key that the security officer brought. */
static enum status profile_read(const struct object *object, struct hsm_key *key, struct fault *fault)
{
    const struct flag_rule fixed = {CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, false};
    bool extractable = false;
    bool with_trusted = false;
    enum status status = flag_read(object, &extractable, CKA_EXTRACTABLE, "CKA_EXTRACTABLE", fault);
    if (status == STATUS_OK) {
        status = flag_read(object, &with_trusted, CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED", fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (extractable && !with_trusted) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name,
                         "CKA_EXTRACTABLE must be false, unless CKA_WRAP_WITH_TRUSTED is true");
    }
    key->profile = extractable ? HSM_KEY_WRAPPABLE : HSM_KEY_FIXED;
    return extractable ? STATUS_OK : flag_check(object, &fixed, fault);
}

/* What a key was before is remembered by the token in three attributes that nobody can set. */
static enum status origin_read(const struct object *object, struct hsm_key *key, struct fault *fault)
{
    const struct flag_rule past[] = {
        {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true, false},
        {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", key->profile == HSM_KEY_FIXED, false},
    };
    enum status status = flag_read(object, &key->born, CKA_LOCAL, "CKA_LOCAL", fault);
    if (status == STATUS_OK && !key->born && !object->token->restored) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name,
                         "CKA_LOCAL must be true: it was not made on this token");
    }
    for (size_t i = 0; i < sizeof past / sizeof past[0] && status == STATUS_OK && key->born; i++) {
        status = flag_check(object, &past[i], fault);
    }
    return status;
}

static enum status flags_check(const struct object *object, struct fault *fault)
{
    for (size_t i = 0; i < sizeof flag_rules / sizeof flag_rules[0]; i++) {
        enum status status = flag_check(object, &flag_rules[i], fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status vault_kind_check(const struct object *object, struct fault *fault)
{
    struct value type;
    struct value len;
    CK_KEY_TYPE key_type = 0;
    CK_ULONG bytes = 0;
    enum status status = value_read(object, &type, CKA_KEY_TYPE, "CKA_KEY_TYPE", fault);
    status = status == STATUS_OK ? value_read(object, &len, CKA_VALUE_LEN, "CKA_VALUE_LEN", fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    if (type.len == sizeof key_type && len.len == sizeof bytes) {
        memcpy(&key_type, type.bytes, sizeof key_type);
        memcpy(&bytes, len.bytes, sizeof bytes);
    }
    return key_type == CKK_AES && bytes == HSM_VAULT_KEY_LEN
               ? STATUS_OK
               : fault_set(fault, STATUS_KEY_UNFIT, object->name, "its wrapping key must be AES of %d bytes",
                           HSM_VAULT_KEY_LEN);
}

enum status hsm_object_check_vault(struct hsm_token *token, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
                                   const char *name, struct fault *fault)
{
    struct object object = {.token = token, .session = session, .handle = handle};
    snprintf(object.name, sizeof object.name, "%s", name);
    enum status status = vault_kind_check(&object, fault);
    for (size_t i = 0; i < sizeof vault_rules / sizeof vault_rules[0] && status == STATUS_OK; i++) {
        status = flag_check(&object, &vault_rules[i], fault);
    }
    return status;
}

static bool is_label(const struct value *value)
{
    if (value->len < 1 || value->len >= HSM_KEY_LABEL_SIZE) {
        return false;
    }
    for (size_t i = 0; i < value->len; i++) {
        if (value->bytes[i] < 0x20 || value->bytes[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* The label first: every later fault names the object by it. */
static enum status label_read(struct object *object, struct hsm_key *key, struct fault *fault)
{
    snprintf(object->name, sizeof object->name, "private key object %lu", object->handle);
    struct value value;
    enum status status = value_read(object, &value, CKA_LABEL, "CKA_LABEL", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_label(&value)) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "CKA_LABEL must be 1..%d printable ASCII characters",
                         HSM_KEY_LABEL_SIZE - 1);
    }
    memcpy(key->label, value.bytes, value.len);
    key->label[value.len] = '\0';
    snprintf(object->name, sizeof object->name, "%s", key->label);
    return STATUS_OK;
}

static enum status id_read(const struct object *object, struct hsm_key *key, struct fault *fault)
{
    struct value value;
    enum status status = value_read(object, &value, CKA_ID, "CKA_ID", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (value.len < 1 || value.len > sizeof key->id) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "CKA_ID must be 1..%d bytes", HSM_OBJECT_ID_MAX);
    }
    memcpy(key->id, value.bytes, value.len);
    key->id_len = value.len;
    return STATUS_OK;
}

static enum status found_collect(struct hsm_token *token, struct hsm_handles *out, CK_SESSION_HANDLE session,
                                 struct fault *fault)
{
    const CK_ULONG max = HSM_OBJECTS_MAX + 1;
    CK_ULONG count = 1;
    out->count = 0;
    while (count > 0 && out->count < max) {
        CK_RV rv = token->module.functions->C_FindObjects(session, out->at + out->count, max - out->count, &count);
        if (rv != CKR_OK || count > max - out->count) {
            return hsm_token_fault(token, rv, "C_FindObjects", token->identity.label, fault);
        }
        out->count += count;
    }
    return STATUS_OK;
}

enum status hsm_objects_find(struct hsm_token *token, struct hsm_handles *out, CK_SESSION_HANDLE session,
                             CK_ATTRIBUTE *template, CK_ULONG template_count, struct fault *fault)
{
    CK_FUNCTION_LIST *functions = token->module.functions;
    CK_RV rv = functions->C_FindObjectsInit(session, template, template_count);
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_FindObjectsInit", token->identity.label, fault);
    }
    enum status status = found_collect(token, out, session, fault);
    rv = functions->C_FindObjectsFinal(session);
    if (status == STATUS_OK && rv != CKR_OK) {
        status = hsm_token_fault(token, rv, "C_FindObjectsFinal", token->identity.label, fault);
    }
    return status;
}

static bool value_equal(const struct value *value, const void *bytes, size_t len)
{
    return value->len == len && memcmp(value->bytes, bytes, len) == 0;
}

static bool kind_has_curve(const struct hsm_key_kind *kind, const struct value *params)
{
    for (size_t i = 0; i < sizeof kind->ec_params / sizeof kind->ec_params[0]; i++) {
        if (kind->ec_params[i].len > 0 && value_equal(params, kind->ec_params[i].der, kind->ec_params[i].len)) {
            return true;
        }
    }
    return false;
}

static const struct hsm_key_kind *kind_find(CK_KEY_TYPE key_type, const struct value *params)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].key_type == key_type && kind_has_curve(&kinds[i], params)) {
            return &kinds[i];
        }
    }
    return NULL;
}

static enum status key_type_read(const struct object *object, CK_KEY_TYPE *out, struct fault *fault)
{
    struct value value;
    enum status status = value_read(object, &value, CKA_KEY_TYPE, "CKA_KEY_TYPE", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (value.len != sizeof *out) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "CKA_KEY_TYPE is not answered");
    }
    memcpy(out, value.bytes, sizeof *out);
    return STATUS_OK;
}

static enum status kind_read(const struct object *object, const struct hsm_key_kind **out, struct fault *fault)
{
    CK_KEY_TYPE key_type;
    enum status status = key_type_read(object, &key_type, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct value params;
    status = value_read(object, &params, CKA_EC_PARAMS, "CKA_EC_PARAMS", fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = kind_find(key_type, &params);
    if (*out == NULL) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name,
                         "CKA_KEY_TYPE 0x%lx with its CKA_EC_PARAMS is no algorithm of the register", key_type);
    }
    return STATUS_OK;
}

/* EC_POINT comes bare, or as the content of a DER OCTET STRING, which for our lengths has a two-byte header. */
static enum status point_read(const struct object *object, struct public_key *out, enum algorithm algorithm,
                              struct fault *fault)
{
    const uint8_t der_octet_string = 0x04;
    const size_t header_len = 2;
    struct value value;
    enum status status = value_read(object, &value, CKA_EC_POINT, "CKA_EC_POINT", fault);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *point = value.bytes;
    size_t point_len = algorithm_info(algorithm)->point_len;
    if (value.len == point_len + header_len && point[0] == der_octet_string && point[1] == point_len) {
        point += header_len;
        value.len = point_len;
    }
    struct fault inner = {0};
    if (public_key_from_point(out, algorithm, point, value.len, &inner) != STATUS_OK) {
        return fault_set(fault, STATUS_KEY_UNFIT, object->name, "CKA_EC_POINT is not a point of %s",
                         algorithm_info(algorithm)->curve);
    }
    return STATUS_OK;
}

static enum status public_find(const struct object *private, CK_OBJECT_HANDLE *out, struct hsm_key *key,
                               struct fault *fault)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, key->id, key->id_len}};
    struct hsm_handles found = {.count = 0};
    enum status status = hsm_objects_find(private->token, &found, private->session, template, 2, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (found.count != 1) {
        return fault_set(fault, STATUS_KEY_UNFIT, private->name, "%lu public key objects have its CKA_ID, must be 1",
                         found.count);
    }
    key->public_object = found.at[0];
    *out = found.at[0];
    return STATUS_OK;
}

static enum status public_read(const struct object *private, struct hsm_key *key, struct fault *fault)
{
    const struct flag_rule kept = {CKA_MODIFIABLE, "CKA_MODIFIABLE of its public key object", false, false};
    struct object public = *private;
    enum status status = public_find(private, &public.handle, key, fault);
    if (status == STATUS_OK) {
        status = flag_check(&public, &kept, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    CK_KEY_TYPE private_type;
    status = key_type_read(private, &private_type, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct hsm_key_kind *kind;
    status = kind_read(&public, &kind, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (kind->key_type != private_type) {
        return fault_set(fault, STATUS_KEY_UNFIT, private->name, "CKA_KEY_TYPE of its two objects differ");
    }
    status = point_read(&public, &key->public, kind->algorithm, fault);
    if (status == STATUS_OK) {
        public_key_id(&key->key_id, &key->public);
    }
    return status;
}

static enum status key_fill(struct object *object, struct hsm_key *key, struct fault *fault)
{
    enum status status = label_read(object, key, fault);
    if (status == STATUS_OK) {
        status = profile_read(object, key, fault);
    }
    if (status == STATUS_OK) {
        status = origin_read(object, key, fault);
    }
    if (status == STATUS_OK) {
        status = flags_check(object, fault);
    }
    if (status == STATUS_OK) {
        status = id_read(object, key, fault);
    }
    if (status == STATUS_OK) {
        status = public_read(object, key, fault);
    }
    return status;
}

enum status hsm_object_key(struct hsm_token *token, struct hsm_key **out, CK_SESSION_HANDLE session,
                           CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct hsm_key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, token->identity.label, "no memory for a key");
    }
    key->token = token;
    key->private_object = handle;
    struct object object = {.token = token, .session = session, .handle = handle};
    enum status status = key_fill(&object, key, fault);
    if (status != STATUS_OK) {
        free(key);
        return status;
    }
    *out = key;
    return STATUS_OK;
}

/* What two keys share that must be one key's own, or NULL. */
static const char *shared_trait(const struct hsm_key *a, const struct hsm_key *b)
{
    if (strcmp(a->label, b->label) == 0) {
        return "CKA_LABEL";
    }
    if (a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0) {
        return "CKA_ID";
    }
    return public_key_equal(&a->public, &b->public) ? "CKA_EC_POINT" : NULL;
}

enum status hsm_object_adopt(struct hsm_token *token, struct hsm_key *key, struct fault *fault)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&token->keys_lock);
    for (size_t i = 0; i < token->key_count && status == STATUS_OK; i++) {
        const char *trait = shared_trait(token->keys[i], key);
        if (trait != NULL) {
            status = fault_set(fault, STATUS_KEY_UNFIT, key->label, "%s is that of another private key, '%s'", trait,
                               token->keys[i]->label);
        }
    }
    if (status == STATUS_OK && token->key_count == HSM_KEYS_MAX) {
        status = fault_set(fault, STATUS_TOO_LARGE, token->identity.label, "more than %d keys", HSM_KEYS_MAX);
    }
    if (status == STATUS_OK) {
        token->keys[token->key_count++] = key;
    }
    pthread_mutex_unlock(&token->keys_lock);
    return status;
}

enum status hsm_object_about(struct hsm_token *token, struct hsm_object_about *out, CK_SESSION_HANDLE session,
                             CK_OBJECT_HANDLE handle, struct fault *fault)
{
    struct object object = {.token = token, .session = session, .handle = handle};
    struct value value;
    snprintf(object.name, sizeof object.name, "object %lu", handle);
    enum status status = value_read(&object, &value, CKA_CLASS, "CKA_CLASS", fault);
    if (status == STATUS_OK && value.len != sizeof out->class) {
        return fault_set(fault, STATUS_KEY_UNFIT, object.name, "CKA_CLASS is not answered");
    }
    if (status == STATUS_OK) {
        memcpy(&out->class, value.bytes, sizeof out->class);
        status = value_read(&object, &value, CKA_LABEL, "CKA_LABEL", fault);
    }
    if (status == STATUS_OK) {
        snprintf(out->name, sizeof out->name, "%.*s", is_label(&value) ? (int)value.len : (int)strlen(object.name),
                 is_label(&value) ? (const char *)value.bytes : object.name);
        status = value_read(&object, &value, CKA_ID, "CKA_ID", fault);
    }
    if (status == STATUS_OK) {
        out->id_len = value.len <= sizeof out->id ? value.len : 0;
        memcpy(out->id, value.bytes, out->id_len);
    }
    return status;
}

enum status hsm_object_load(struct hsm_token *token, struct hsm_key **out, CK_SESSION_HANDLE session, const char *label,
                            struct fault *fault)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char copy[HSM_KEY_LABEL_SIZE];
    snprintf(copy, sizeof copy, "%s", label);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, copy, strlen(copy)}};
    struct hsm_handles found = {.count = 0};
    enum status status = hsm_objects_find(token, &found, session, template, 2, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (found.count == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, label, "no private key object has this label");
    }
    if (found.count > 1) {
        return fault_set(fault, STATUS_KEY_UNFIT, label, "CKA_LABEL is that of %lu private keys", found.count);
    }
    return hsm_object_key(token, out, session, found.at[0], fault);
}
