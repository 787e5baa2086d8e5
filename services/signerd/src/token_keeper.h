/*
 * The keeper: the one process that may still start others after signerd gave that up. It starts the processes of the
 * tokens, hands signerd its ends of the sockets, kills and reaps. It knows no PIN, has no socket but signerd's and
 * starts nothing but this same program. It dies with signerd, and the tokens' processes with it.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_KEEPER_H
#define STRONGROOM_SIGNERD_TOKEN_KEEPER_H

#include <pthread.h>
#include <sys/types.h>

#include "hsm/token.h"
#include "options.h"
#include "signer/tokens.h"

/* How one token's process is started; all strings are borrowed and must live until token_keeper_open has returned. */
struct token_launch {
    const char *token; /* label or URI */
    const char *serial;
    const char *module;
    const char *lock_folder;
    const char *pin_credential; /* "" for none */
    int pin_fd;                 /* -1 for none */
    bool attended;              /* from shares: neither of these */
    bool sandbox;
    unsigned sessions;
    int64_t timeout_ms; /* how long signerd waits for an answer on a session */
};

struct token_keeper {
    int fd;
    pid_t pid;
    pthread_mutex_t mutex; /* one order at a time */
};

/* signerd's ends of one token's process. Descriptors are -1 when closed. */
struct token_ends {
    int process; /* pidfd */
    int control;
    int sessions[HSM_SESSIONS_MAX];
    size_t session_count;
};

/*
 * Forks the keeper. Before threads, before the guard is open, and before any secret. Out: token_keeper_close.
 * STATUS_IO.
 */
MUST_CHECK enum status token_keeper_open(struct token_keeper *out, const struct token_launch *launches, size_t count,
                                         struct fault *fault);

/* Lets the keeper end, and with it every token's process; reaps it. One that was never opened (pid 0) is fine. */
void token_keeper_close(struct token_keeper *keeper);

/*
 * Starts the process of a token, of which none may be running. Out: owned by the caller, token_ends_close. STATUS_IO
 * (could not start), STATUS_UNAVAILABLE (the keeper is gone).
 */
MUST_CHECK enum status token_keeper_start(struct token_keeper *keeper, struct token_ends *out, unsigned token,
                                          struct fault *fault);

/* Waits a moment for the end of the process of a token, then kills it, and reaps it. */
void token_keeper_collect(struct token_keeper *keeper, unsigned token);

/* Closes what is open. */
void token_ends_close(struct token_ends *ends);

#endif
