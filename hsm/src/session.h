/*
 * The fixed set of sessions: opened together at the start, lent to one thread each, closed together at the end.
 * Internal to the room.
 */
#ifndef STRONGROOM_HSM_SESSION_H
#define STRONGROOM_HSM_SESSION_H

#include <p11-kit/pkcs11.h>
#include <pthread.h>

#include "hsm/token.h"

struct hsm_sessions {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    CK_SESSION_HANDLE idle[HSM_SESSIONS_MAX];
    size_t idle_count;
    size_t count;
};

/* Opens `count` sessions with the given flags. Close with hsm_sessions_close, after a failure too. */
MUST_CHECK enum status hsm_sessions_open(struct hsm_sessions *sessions, CK_FUNCTION_LIST *functions, CK_SLOT_ID slot,
                                         CK_FLAGS flags, size_t count, struct fault *fault);

/* Closes them; none may be lent. */
void hsm_sessions_close(struct hsm_sessions *sessions, CK_FUNCTION_LIST *functions);

/* Lends a session; waits while all are lent. */
CK_SESSION_HANDLE hsm_sessions_take(struct hsm_sessions *sessions);

/* Takes a lent session back. */
void hsm_sessions_give(struct hsm_sessions *sessions, CK_SESSION_HANDLE session);

#endif
