/*
 * What the threads of a token set share: token_set.c keeps the tokens alive, token_use.c uses them.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_STATE_H
#define STRONGROOM_SIGNERD_TOKEN_STATE_H

#include <pthread.h>

#include "token_link.h"
#include "token_set.h"

enum token_condition {
    TOKEN_DOWN,
    TOKEN_STARTING,
    TOKEN_LOCKED,
    TOKEN_USABLE,
};

struct token_key {
    struct digest key_id;
    struct public_key public_key;
    bool born;
    bool vault; /* it has a wrapping key */
};

struct token {
    struct token_set *set;
    unsigned index;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t control_mutex; /* one exchange on the control socket at a time; taken before the set's */
    int64_t anchored_us;           /* with that one: monotonic, when the anchor was settled last */
    pthread_cond_t returned;       /* with the set's mutex: a session, or there will be none */

    /* With the set's mutex. */
    enum token_condition condition;
    bool settled;        /* the first start has come to its end */
    bool for_good;       /* it is not started again */
    bool down_told;      /* since it was usable last */
    int64_t down_utc_us; /* when it was told last, 0 for never */
    uint64_t opening;    /* counts the starts: what belongs to an earlier one touches nothing */
    int64_t usable_us;   /* monotonic, since when; 0: never */
    bool used;           /* it has signed since */
    struct fault reason;
    struct token_note_identity identity;
    struct token_key *keys; /* as told last */
    size_t key_count;
    struct token_ends ends;
    unsigned idle[HSM_SESSIONS_MAX]; /* numbers of the sessions that nobody has */
    size_t idle_count;
};

struct token_set {
    struct token_set_config config;
    struct signer_tokens calls;
    pthread_t master; /* is told to end when the keeper is gone */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* what a token is */
    bool stopping;
    bool keeper_lost;
    unsigned serving;
    uint64_t losses;
    struct token tokens[SIGNER_TOKENS_MAX];
};

void token_set_lock(struct token_set *set);
void token_set_unlock(struct token_set *set);

/* What it has told, or what the options say of it. With the set's mutex. */
const char *token_label(const struct token *token);
const char *token_serial(const struct token *token);

/* A token of this opening has failed: it is ended at once, and said so once. Without the set's mutex. */
void token_fail(struct token *token, uint64_t opening, const struct fault *fault);

/*
 * Receives what a process tells that is opening its token, and takes over its keys. With the control mutex.
 * STATUS_OK: it is usable, or (attended) locked. The statuses of hsm_token_open, STATUS_TIMED_OUT, STATUS_TOKEN.
 */
MUST_CHECK enum status token_opening_await(struct token *token, struct fault *fault);

/*
 * Holds what the token has as anchor against the guard and writes the newest, where this signer has one to write
 * (token_set_config.anchors). With the control mutex. The statuses of signer_anchor_settle, STATUS_TIMED_OUT,
 * STATUS_TOKEN and what the token's process says.
 */
MUST_CHECK enum status token_anchor_settle(struct token *token, int fd, struct fault *fault);

/* Whether a token that nobody uses still lives; its anchor, when that is due. Without the control mutex. */
bool token_look(struct token *token, int fd, struct fault *fault);

/* Fills the calls. */
void token_use_calls(struct signer_tokens *out, struct token_set *set);

#endif
