/*
 * What a token is inside the room.
 */
#ifndef STRONGROOM_HSM_SRC_TOKEN_H
#define STRONGROOM_HSM_SRC_TOKEN_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "hsm/backup.h"
#include "module.h"
#include "session.h"

#define HSM_OBJECT_ID_MAX 64

struct hsm_key {
    struct hsm_token *token; /* borrowed */
    CK_OBJECT_HANDLE private_object;
    CK_OBJECT_HANDLE public_object;
    char label[HSM_KEY_LABEL_SIZE];
    uint8_t id[HSM_OBJECT_ID_MAX]; /* CKA_ID */
    size_t id_len;
    struct public_key public;
    struct digest key_id;
    bool born;
    enum hsm_key_profile profile;
    bool has_vault;
    CK_OBJECT_HANDLE vault; /* its wrapping key */
};

struct hsm_token {
    struct hsm_module module;
    struct hsm_token_selector identity;
    struct hsm_token_facts facts;
    CK_SLOT_ID slot;
    enum hsm_token_use use;
    bool restored; /* keys that were not born here may be on it */
    int lock_fd;   /* -1: none */
    bool logged_in;
    bool has_kek;
    CK_OBJECT_HANDLE kek; /* session object, of a session of the fixed set */
    bool is_softhsm;
    char softhsm_dir[PATH_MAX];
    pid_t owner;
    atomic_bool lost;
    struct hsm_sessions sessions;
    pthread_mutex_t keys_lock; /* the two members below */
    struct hsm_key *keys[HSM_KEYS_MAX];
    size_t key_count;
};

/* STATUS_TOKEN when the token is lost or was opened by another process. */
MUST_CHECK enum status hsm_token_ready(const struct hsm_token *token, struct fault *fault);

/* hsm_cryptoki_fault, and the token is lost when `rv` says so. */
enum status hsm_token_fault(struct hsm_token *token, CK_RV rv, const char *call, const char *where,
                            struct fault *fault);

/* What was written to the token is brought to the disk, where the token is files. STATUS_IO. */
MUST_CHECK enum status hsm_token_sync(const struct hsm_token *token, struct fault *fault);

/* hsm_token_open, and hsm_backup_open when `kek` is not NULL. */
MUST_CHECK enum status hsm_token_open_with(struct hsm_token **out, const struct hsm_token_config *config,
                                           const struct secret *pin, const struct hsm_kek *kek, struct fault *fault);

/* One attempt to log in; none when the token says that it might be the last. STATUS_PIN_REFUSED, STATUS_TOKEN. */
MUST_CHECK enum status hsm_token_login(struct hsm_token *token, CK_USER_TYPE user, const struct secret *pin,
                                       struct fault *fault);

/* Whether the token can wrap and unwrap with AES at all, by any mechanism we know. */
bool hsm_token_wraps(const struct hsm_token *token);

/* What of a KEK can be checked before a PIN is used. STATUS_INVALID, STATUS_ALGORITHM_REFUSED. */
MUST_CHECK enum status hsm_kek_check(const struct hsm_token *token, const struct hsm_kek *kek, struct fault *fault);

/*
 * Logs in as security officer, makes the KEK a trusted session object, and logs out. The token destroys it when it is
 * closed. STATUS_PIN_REFUSED, STATUS_ALGORITHM_REFUSED, STATUS_TOKEN.
 */
MUST_CHECK enum status hsm_kek_bring(struct hsm_token *token, const struct hsm_kek *kek, struct fault *fault);

/* Destroys the KEK's object, if there is one. */
void hsm_kek_drop(struct hsm_token *token);

/* CKF_* flags of this token's sessions. */
CK_FLAGS hsm_token_session_flags(const struct hsm_token *token);

#endif
