/*
 * The token through its function list, for tests that put onto it what must be refused.
 */
#include "raw_token.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "raw_token: %s:%d: %s\n", __FILE__, __LINE__, #condition);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define ATTRIBUTES_MAX 24
#define SLOTS_MAX 16

static const uint8_t oid_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

/* The base point of P-256 in an OCTET STRING: the public key of the private key 1. */
static const uint8_t point_of_one[] = {
    0x04, 0x41, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
    0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
    0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* A template under construction; it points at what it is given. */
struct template
{
    CK_ATTRIBUTE attributes[ATTRIBUTES_MAX];
    CK_ULONG count;
};

/* Cryptoki's templates are not const, though it only reads these. */
static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    NEED(template->count < ATTRIBUTES_MAX);
    template->attributes[template->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

static void add_flag(struct template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
    add(template, type, value ? &yes : &no, sizeof yes);
}

static void set_flag(struct template *template, const struct raw_flag *flag)
{
    for (CK_ULONG i = 0; i < template->count; i++) {
        if (template->attributes[i].type == flag->type) {
            template->attributes[i].pValue = flag->value ? &yes : &no;
            return;
        }
    }
    add_flag(template, flag->type, flag->value);
}

static void library_open(struct raw_token *raw, const struct test_token *token)
{
    raw->library = dlopen(token->module, RTLD_NOW | RTLD_LOCAL);
    NEED(raw->library != NULL);
    CK_C_GetFunctionList get;
    *(void **)&get = dlsym(raw->library, "C_GetFunctionList");
    NEED(get != NULL && get(&raw->functions) == CKR_OK);
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    NEED(raw->functions->C_Initialize(&arguments) == CKR_OK);
}

static void slot_find(struct raw_token *raw, CK_TOKEN_INFO *info, const char *label)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    char padded[sizeof info->label + 1];
    snprintf(padded, sizeof padded, "%-32s", label);
    NEED(raw->functions->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        NEED(raw->functions->C_GetTokenInfo(slots[i], info) == CKR_OK);
        if (memcmp(info->label, padded, sizeof info->label) == 0) {
            raw->slot = slots[i];
            return;
        }
    }
    NEED(!"token found");
}

void raw_token_open(struct raw_token *out, const struct test_token *token)
{
    CK_TOKEN_INFO info;
    uint8_t pin[sizeof token->pin];
    memcpy(pin, token->pin, sizeof pin);
    library_open(out, token);
    slot_find(out, &info, token->label);
    NEED(out->functions->C_OpenSession(out->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &out->session) ==
         CKR_OK);
    NEED(out->functions->C_Login(out->session, CKU_USER, pin, strlen(token->pin)) == CKR_OK);
}

void raw_token_close(struct raw_token *raw)
{
    NEED(raw->functions->C_Finalize(NULL) == CKR_OK);
    dlclose(raw->library);
}

CK_FLAGS raw_token_flags(const struct test_token *token)
{
    struct raw_token raw;
    CK_TOKEN_INFO info;
    library_open(&raw, token);
    slot_find(&raw, &info, token->label);
    raw_token_close(&raw);
    return info.flags;
}

void raw_token_serial(char out17[17], const struct test_token *token)
{
    struct raw_token raw;
    CK_TOKEN_INFO info;
    library_open(&raw, token);
    slot_find(&raw, &info, token->label);
    raw_token_close(&raw);
    snprintf(out17, 17, "%.16s", (const char *)info.serialNumber);
}

static void add_names(struct template *template, const char *label, const char *id)
{
    add(template, CKA_LABEL, label, strlen(label));
    add(template, CKA_ID, id, strlen(id));
}

static void fit_private(struct template *template, const char *label, const char *id)
{
    add_names(template, label, id);
    add_flag(template, CKA_TOKEN, true);
    add_flag(template, CKA_PRIVATE, true);
    add_flag(template, CKA_SENSITIVE, true);
    add_flag(template, CKA_EXTRACTABLE, false);
    add_flag(template, CKA_MODIFIABLE, false);
    add_flag(template, CKA_SIGN, true);
    add_flag(template, CKA_SIGN_RECOVER, false);
    add_flag(template, CKA_DECRYPT, false);
    add_flag(template, CKA_UNWRAP, false);
    add_flag(template, CKA_DERIVE, false);
}

static void fit_public(struct template *template, const char *label, const char *id)
{
    add_names(template, label, id);
    add_flag(template, CKA_TOKEN, true);
    add_flag(template, CKA_PRIVATE, false);
    add_flag(template, CKA_MODIFIABLE, false);
}

static void pair_generate(struct raw_token *raw, CK_MECHANISM_TYPE type, struct template *public,
                          struct template *private)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_OBJECT_HANDLE handles[2];
    CK_RV rv = raw->functions->C_GenerateKeyPair(raw->session, &mechanism, public->attributes, public->count,
                                                 private->attributes, private->count, &handles[0], &handles[1]);
    NEED(rv == CKR_OK);
}

void raw_key_generate(struct raw_token *raw, const char *label, const char *id, const struct raw_flag *flags,
                      size_t count)
{
    struct template public = {0};
    struct template private = {0};
    fit_public(&public, label, id);
    add(&public, CKA_EC_PARAMS, oid_p256, sizeof oid_p256);
    fit_private(&private, label, id);
    for (size_t i = 0; i < count; i++) {
        set_flag(&private, &flags[i]);
    }
    pair_generate(raw, CKM_EC_KEY_PAIR_GEN, &public, &private);
}

void raw_key_generate_rsa(struct raw_token *raw, const char *label)
{
    static const uint8_t exponent[] = {1, 0, 1};
    CK_ULONG bits = 2048;
    struct template public = {0};
    struct template private = {0};
    fit_public(&public, label, label);
    add(&public, CKA_MODULUS_BITS, &bits, sizeof bits);
    add(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    fit_private(&private, label, label);
    pair_generate(raw, CKM_RSA_PKCS_KEY_PAIR_GEN, &public, &private);
}

static void object_create(struct raw_token *raw, struct template *template)
{
    CK_OBJECT_HANDLE handle;
    NEED(raw->functions->C_CreateObject(raw->session, template->attributes, template->count, &handle) == CKR_OK);
}

void raw_public_import(struct raw_token *raw, const char *label, const char *id)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE key_type = CKK_EC;
    struct template template = {0};
    fit_public(&template, label, id);
    add(&template, CKA_CLASS, &class, sizeof class);
    add(&template, CKA_KEY_TYPE, &key_type, sizeof key_type);
    add(&template, CKA_EC_PARAMS, oid_p256, sizeof oid_p256);
    add(&template, CKA_EC_POINT, point_of_one, sizeof point_of_one);
    object_create(raw, &template);
}

void raw_key_import(struct raw_token *raw, const char *label, const struct raw_flag *flags, size_t count)
{
    static const uint8_t one[32] = {[31] = 1};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE key_type = CKK_EC;
    struct template template = {0};
    fit_private(&template, label, label);
    for (size_t i = 0; i < count; i++) {
        set_flag(&template, &flags[i]);
    }
    add(&template, CKA_CLASS, &class, sizeof class);
    add(&template, CKA_KEY_TYPE, &key_type, sizeof key_type);
    add(&template, CKA_EC_PARAMS, oid_p256, sizeof oid_p256);
    add(&template, CKA_VALUE, one, sizeof one);
    object_create(raw, &template);
    raw_public_import(raw, label, label);
}

static CK_OBJECT_HANDLE object_find(struct raw_token *raw, CK_OBJECT_CLASS class, const char *label)
{
    struct template template = {0};
    add(&template, CKA_CLASS, &class, sizeof class);
    add(&template, CKA_LABEL, label, strlen(label));
    CK_OBJECT_HANDLE handle;
    CK_ULONG count = 0;
    NEED(raw->functions->C_FindObjectsInit(raw->session, template.attributes, template.count) == CKR_OK);
    NEED(raw->functions->C_FindObjects(raw->session, &handle, 1, &count) == CKR_OK && count == 1);
    NEED(raw->functions->C_FindObjectsFinal(raw->session) == CKR_OK);
    return handle;
}

void raw_object_destroy(struct raw_token *raw, CK_OBJECT_CLASS class, const char *label)
{
    NEED(raw->functions->C_DestroyObject(raw->session, object_find(raw, class, label)) == CKR_OK);
}

void raw_key_set(struct raw_token *raw, const char *label, const struct raw_flag *flag)
{
    struct template template = {0};
    add_flag(&template, flag->type, flag->value);
    NEED(raw->functions->C_SetAttributeValue(raw->session, object_find(raw, CKO_PRIVATE_KEY, label),
                                             template.attributes, template.count) == CKR_OK);
}

CK_RV raw_key_value_read(struct raw_token *raw, const char *label)
{
    uint8_t value[256];
    CK_ATTRIBUTE attribute = {CKA_VALUE, value, sizeof value};
    return raw->functions->C_GetAttributeValue(raw->session, object_find(raw, CKO_PRIVATE_KEY, label), &attribute, 1);
}

void raw_secret_generate(struct raw_token *raw, const char *label, const struct raw_flag *flags, size_t count)
{
    CK_ULONG len = 32;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE handle;
    struct template template = {0};
    add(&template, CKA_LABEL, label, strlen(label));
    add(&template, CKA_VALUE_LEN, &len, sizeof len);
    add_flag(&template, CKA_TOKEN, true);
    add_flag(&template, CKA_PRIVATE, true);
    for (size_t i = 0; i < count; i++) {
        set_flag(&template, &flags[i]);
    }
    NEED(raw->functions->C_GenerateKey(raw->session, &mechanism, template.attributes, template.count, &handle) ==
         CKR_OK);
}

void raw_wrapping_generate(struct raw_token *raw, const char *label, const char *owner, CK_ULONG len,
                           const struct raw_flag *flags, size_t count)
{
    static const struct raw_flag fit[] = {{CKA_SENSITIVE, true}, {CKA_EXTRACTABLE, false}, {CKA_ENCRYPT, true},
                                          {CKA_DECRYPT, true},   {CKA_WRAP, false},        {CKA_UNWRAP, false},
                                          {CKA_SIGN, false},     {CKA_DERIVE, false},      {CKA_MODIFIABLE, false}};
    uint8_t id[64];
    CK_ATTRIBUTE owned = {CKA_ID, id, sizeof id};
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE handle;
    struct template template = {0};
    NEED(raw->functions->C_GetAttributeValue(raw->session, object_find(raw, CKO_PRIVATE_KEY, owner), &owned, 1) ==
         CKR_OK);
    add(&template, CKA_LABEL, label, strlen(label));
    add(&template, CKA_ID, id, owned.ulValueLen);
    add(&template, CKA_VALUE_LEN, &len, sizeof len);
    add_flag(&template, CKA_TOKEN, true);
    add_flag(&template, CKA_PRIVATE, true);
    for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++) {
        set_flag(&template, &fit[i]);
    }
    for (size_t i = 0; i < count; i++) {
        set_flag(&template, &flags[i]);
    }
    NEED(raw->functions->C_GenerateKey(raw->session, &mechanism, template.attributes, template.count, &handle) ==
         CKR_OK);
}

CK_RV raw_key_wrap(struct raw_token *raw, const char *secret_label, const char *key_label)
{
    uint8_t wrapped[512];
    CK_ULONG len = sizeof wrapped;
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    return raw->functions->C_WrapKey(raw->session, &mechanism, object_find(raw, CKO_SECRET_KEY, secret_label),
                                     object_find(raw, CKO_PRIVATE_KEY, key_label), wrapped, &len);
}

CK_ULONG raw_object_count(struct raw_token *raw)
{
    CK_OBJECT_HANDLE handles[64];
    CK_ULONG count = 0;
    NEED(raw->functions->C_FindObjectsInit(raw->session, NULL, 0) == CKR_OK);
    NEED(raw->functions->C_FindObjects(raw->session, handles, 64, &count) == CKR_OK);
    NEED(raw->functions->C_FindObjectsFinal(raw->session) == CKR_OK);
    return count;
}
