/*
 * The answers of a PKCS#11 module that we tell apart, by name and by whether anything can work afterwards.
 *
 * Not a complete list: an answer that is not here is printed as a number and counts as passing.
 */
#include "cryptoki.h"

#include <stddef.h>

struct answer {
    CK_RV rv;
    const char *name;
    bool loss;
};

#define ANSWER(rv, loss)                                                                                               \
    {                                                                                                                  \
        rv, #rv, loss                                                                                                  \
    }

/* OPERATION_ACTIVE and BUFFER_TOO_SMALL leave a half-done operation in the session: nobody may sign on it again. */
static const struct answer answers[] = {
    ANSWER(CKR_SESSION_HANDLE_INVALID, true),
    ANSWER(CKR_SESSION_CLOSED, true),
    ANSWER(CKR_DEVICE_REMOVED, true),
    ANSWER(CKR_TOKEN_NOT_PRESENT, true),
    ANSWER(CKR_TOKEN_NOT_RECOGNIZED, true),
    ANSWER(CKR_SLOT_ID_INVALID, true),
    ANSWER(CKR_CRYPTOKI_NOT_INITIALIZED, true),
    ANSWER(CKR_USER_NOT_LOGGED_IN, true),
    ANSWER(CKR_KEY_HANDLE_INVALID, true),
    ANSWER(CKR_OBJECT_HANDLE_INVALID, true),
    ANSWER(CKR_OPERATION_ACTIVE, true),
    ANSWER(CKR_BUFFER_TOO_SMALL, true),
    ANSWER(CKR_HOST_MEMORY, false),
    ANSWER(CKR_GENERAL_ERROR, false),
    ANSWER(CKR_FUNCTION_FAILED, false),
    ANSWER(CKR_ARGUMENTS_BAD, false),
    ANSWER(CKR_DEVICE_ERROR, false),
    ANSWER(CKR_DEVICE_MEMORY, false),
    ANSWER(CKR_FUNCTION_NOT_SUPPORTED, false),
    ANSWER(CKR_MECHANISM_INVALID, false),
    ANSWER(CKR_MECHANISM_PARAM_INVALID, false),
    ANSWER(CKR_CURVE_NOT_SUPPORTED, false),
    ANSWER(CKR_DOMAIN_PARAMS_INVALID, false),
    ANSWER(CKR_ATTRIBUTE_TYPE_INVALID, false),
    ANSWER(CKR_ATTRIBUTE_VALUE_INVALID, false),
    ANSWER(CKR_ATTRIBUTE_READ_ONLY, false),
    ANSWER(CKR_TEMPLATE_INCOMPLETE, false),
    ANSWER(CKR_TEMPLATE_INCONSISTENT, false),
    ANSWER(CKR_KEY_FUNCTION_NOT_PERMITTED, false),
    ANSWER(CKR_KEY_TYPE_INCONSISTENT, false),
    ANSWER(CKR_OPERATION_NOT_INITIALIZED, false),
    ANSWER(CKR_SESSION_COUNT, false),
    ANSWER(CKR_SESSION_READ_ONLY, false),
    ANSWER(CKR_TOKEN_WRITE_PROTECTED, false),
    ANSWER(CKR_PIN_INCORRECT, false),
    ANSWER(CKR_PIN_INVALID, false),
    ANSWER(CKR_PIN_LEN_RANGE, false),
    ANSWER(CKR_PIN_EXPIRED, false),
    ANSWER(CKR_PIN_LOCKED, false),
    ANSWER(CKR_USER_PIN_NOT_INITIALIZED, false),
    ANSWER(CKR_USER_ALREADY_LOGGED_IN, false),
};

static const struct answer *answer_find(CK_RV rv)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (answers[i].rv == rv) {
            return &answers[i];
        }
    }
    return NULL;
}

bool hsm_cryptoki_is_loss(CK_RV rv)
{
    const struct answer *answer = answer_find(rv);
    return answer != NULL && answer->loss;
}

enum status hsm_cryptoki_fault(CK_RV rv, const char *call, const char *where, struct fault *fault)
{
    const struct answer *answer = answer_find(rv);
    if (answer != NULL) {
        return fault_set(fault, STATUS_TOKEN, where, "%s answered %s", call, answer->name);
    }
    return fault_set(fault, STATUS_TOKEN, where, "%s answered 0x%lx", call, rv);
}

CK_BBOOL hsm_cryptoki_bool(bool value)
{
    return value ? CK_TRUE : CK_FALSE;
}
