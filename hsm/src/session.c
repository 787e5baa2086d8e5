/*
 * The fixed set of sessions of a token.
 *
 * Tokens have bugs where sessions are opened and closed while others sign, so none is at run time: a lost session is
 * not replaced, it ends the use of the token.
 */
#include "session.h"

#include "cryptoki.h"

enum status hsm_sessions_open(struct hsm_sessions *sessions, CK_FUNCTION_LIST *functions, CK_SLOT_ID slot,
                              CK_FLAGS flags, size_t count, struct fault *fault)
{
    *sessions = (struct hsm_sessions){.lock = PTHREAD_MUTEX_INITIALIZER, .returned = PTHREAD_COND_INITIALIZER};
    for (size_t i = 0; i < count; i++) {
        CK_RV rv = functions->C_OpenSession(slot, flags, NULL, NULL, &sessions->idle[i]);
        if (rv != CKR_OK) {
            return hsm_cryptoki_fault(rv, "C_OpenSession", "session", fault);
        }
        sessions->count++;
        sessions->idle_count++;
    }
    return STATUS_OK;
}

void hsm_sessions_close(struct hsm_sessions *sessions, CK_FUNCTION_LIST *functions)
{
    INVARIANT(sessions->idle_count == sessions->count);
    for (size_t i = 0; i < sessions->count; i++) {
        /* At the end there is nobody left to tell: the module is finalised next. */
        (void)functions->C_CloseSession(sessions->idle[i]);
    }
    sessions->count = 0;
    sessions->idle_count = 0;
}

CK_SESSION_HANDLE hsm_sessions_take(struct hsm_sessions *sessions)
{
    pthread_mutex_lock(&sessions->lock);
    while (sessions->idle_count == 0) {
        pthread_cond_wait(&sessions->returned, &sessions->lock);
    }
    CK_SESSION_HANDLE session = sessions->idle[--sessions->idle_count];
    pthread_mutex_unlock(&sessions->lock);
    return session;
}

void hsm_sessions_give(struct hsm_sessions *sessions, CK_SESSION_HANDLE session)
{
    pthread_mutex_lock(&sessions->lock);
    INVARIANT(sessions->idle_count < sessions->count);
    sessions->idle[sessions->idle_count++] = session;
    pthread_cond_signal(&sessions->returned);
    pthread_mutex_unlock(&sessions->lock);
}
