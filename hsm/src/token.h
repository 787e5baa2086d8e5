/*
 * What a token is inside the room.
 */
#ifndef STRONGROOM_HSM_SRC_TOKEN_H
#define STRONGROOM_HSM_SRC_TOKEN_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "hsm/key.h"
#include "hsm/token.h"
#include "module.h"
#include "session.h"

#define HSM_OBJECT_ID_MAX 64

struct hsm_key {
    struct hsm_token *token; /* borrowed */
    CK_OBJECT_HANDLE private_object;
    char label[HSM_KEY_LABEL_SIZE];
    uint8_t id[HSM_OBJECT_ID_MAX]; /* CKA_ID */
    size_t id_len;
    struct public_key public;
    struct digest key_id;
};

struct hsm_token {
    struct hsm_module module;
    struct hsm_token_selector identity;
    CK_SLOT_ID slot;
    enum hsm_token_use use;
    bool logged_in;
    bool is_softhsm;
    char softhsm_dir[PATH_MAX];
    pid_t owner;
    atomic_bool lost;
    struct hsm_sessions sessions;
    pthread_mutex_t keys_lock; /* the two members below; keys are only ever added */
    struct hsm_key *keys[HSM_KEYS_MAX];
    size_t key_count;
};

/* STATUS_TOKEN when the token is lost or was opened by another process. */
MUST_CHECK enum status hsm_token_ready(const struct hsm_token *token, struct fault *fault);

/* hsm_cryptoki_fault, and the token is lost when `rv` says so. */
enum status hsm_token_fault(struct hsm_token *token, CK_RV rv, const char *call, const char *where,
                            struct fault *fault);

/* CKF_* flags of this token's sessions. */
CK_FLAGS hsm_token_session_flags(const struct hsm_token *token);

#endif
