/*
 * A PKCS#11 module that is the real one (STRONGROOM_LIE_MODULE) but for one lie (STRONGROOM_LIE): a token that hangs on
 * a wire, is broken, or is in somebody's hands.
 *
 * About signatures: flip (one bit), short, empty, long (another length), high (s in the upper half), gone (the token is
 * removed while signing), crowd (waits until CROWD signatures are under way, and refuses one more).
 * About the PIN: final (one attempt left), locked.
 * About objects: foreign (no key was made here), silent (CKA_MODIFIABLE is not answered), bare (EC_POINT without its
 * OCTET STRING), oid (the curve of Ed25519 by its number).
 */
#include <dlfcn.h>
#include <openssl/bn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Order of P-256 (SP 800-186). */
static const char order_p256[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

#define CROWD 4

/* 1.3.101.112 (RFC 8410). */
static const CK_BYTE oid_ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static pthread_barrier_t crowd;
static atomic_int under_way;
static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST lying;

static int lie_is(const char *name)
{
    const char *lie = getenv("STRONGROOM_LIE");
    return lie != NULL && strcmp(lie, name) == 0;
}

static void make_high(CK_BYTE *sig64)
{
    BIGNUM *order = NULL;
    BIGNUM *half = BN_new();
    BIGNUM *s = BN_bin2bn(sig64 + 32, 32, NULL);
    BN_hex2bn(&order, order_p256);
    BN_rshift1(half, order);
    if (BN_cmp(s, half) < 0) {
        BN_sub(s, order, s);
    }
    BN_bn2binpad(s, sig64 + 32, 32);
    BN_free(s);
    BN_free(half);
    BN_free(order);
}

/* All of them leave together, so CROWD sessions are really in use at once. */
static CK_RV sign_in_crowd(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                           CK_ULONG *signature_len)
{
    if (atomic_fetch_add(&under_way, 1) >= CROWD) {
        return CKR_OPERATION_ACTIVE;
    }
    pthread_barrier_wait(&crowd);
    CK_RV rv = real->C_Sign(session, data, len, signature, signature_len);
    atomic_fetch_sub(&under_way, 1);
    return rv;
}

static void signature_spoil(CK_BYTE *signature, CK_ULONG *signature_len)
{
    if (lie_is("flip")) {
        signature[40] ^= 1;
    } else if (lie_is("short")) {
        *signature_len = 63;
    } else if (lie_is("empty")) {
        *signature_len = 0;
    } else if (lie_is("long")) {
        *signature_len = 10000;
    } else if (lie_is("high")) {
        make_high(signature);
    }
}

static CK_RV lying_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                        CK_ULONG *signature_len)
{
    if (lie_is("gone")) {
        return CKR_DEVICE_REMOVED;
    }
    if (lie_is("crowd")) {
        return sign_in_crowd(session, data, len, signature, signature_len);
    }
    CK_RV rv = real->C_Sign(session, data, len, signature, signature_len);
    if (rv == CKR_OK) {
        signature_spoil(signature, signature_len);
    }
    return rv;
}

/* `attribute` holds what the real token answered. */
static CK_RV attribute_twist(CK_ATTRIBUTE *attribute)
{
    CK_BYTE *value = attribute->pValue;
    if (lie_is("foreign") && attribute->type == CKA_LOCAL) {
        value[0] = CK_FALSE;
    } else if (lie_is("silent") && attribute->type == CKA_MODIFIABLE) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    } else if (lie_is("bare") && attribute->type == CKA_EC_POINT) {
        attribute->ulValueLen -= 2;
        memmove(value, value + 2, attribute->ulValueLen);
    } else if (lie_is("oid") && attribute->type == CKA_EC_PARAMS) {
        attribute->ulValueLen = sizeof oid_ed25519;
        memcpy(value, oid_ed25519, sizeof oid_ed25519);
    }
    return CKR_OK;
}

/* The room reads attributes one by one. */
static CK_RV lying_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute,
                             CK_ULONG count)
{
    CK_RV rv = real->C_GetAttributeValue(session, object, attribute, count);
    return rv == CKR_OK ? attribute_twist(attribute) : rv;
}

static CK_RV lying_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    if (lie_is("final")) {
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    } else if (lie_is("locked")) {
        info->flags |= CKF_USER_PIN_LOCKED;
    }
    return rv;
}

/* What every module exports. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    if (real == NULL) {
        void *library = dlopen(getenv("STRONGROOM_LIE_MODULE"), RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get = NULL;
        if (library != NULL) {
            *(void **)&get = dlsym(library, "C_GetFunctionList");
        }
        if (get == NULL || get(&real) != CKR_OK) {
            return CKR_GENERAL_ERROR;
        }
        lying = *real;
        lying.C_Sign = lying_sign;
        lying.C_GetTokenInfo = lying_token_info;
        lying.C_GetAttributeValue = lying_attribute;
        pthread_barrier_init(&crowd, NULL, CROWD);
    }
    *out = &lying;
    return CKR_OK;
}
