/*
 * A PKCS#11 module that is the real one (STRONGROOM_LIE_MODULE) but for one lie (STRONGROOM_LIE): a token that hangs on
 * a wire, is broken, or is in somebody's hands.
 *
 * flip: one bit of every signature; short, empty, long: another length; gone: the session is lost while signing; high:
 * s in the upper half; final: one PIN attempt left; locked: none.
 */
#include <dlfcn.h>
#include <openssl/bn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

/* Order of P-256 (SP 800-186). */
static const char order_p256[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

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

static CK_RV lying_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                        CK_ULONG *signature_len)
{
    if (lie_is("gone")) {
        return CKR_DEVICE_REMOVED;
    }
    CK_RV rv = real->C_Sign(session, data, len, signature, signature_len);
    if (rv != CKR_OK) {
        return rv;
    }
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
    return CKR_OK;
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
    }
    *out = &lying;
    return CKR_OK;
}
