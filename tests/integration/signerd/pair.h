/*
 * A signer with two tokens that hold one key, primary and standby, each behind a copy of p11-chaos.so of its own, so
 * that a test can disturb and heal either of them while the signer runs.
 */
#ifndef STRONGROOM_TEST_SIGNER_PAIR_H
#define STRONGROOM_TEST_SIGNER_PAIR_H

#include "place.h"

enum { PRIMARY, STANDBY };

struct pair {
    struct place place;
    struct test_token standby;
    char modules[2][256]; /* the copies of p11-chaos.so */
    char logs[2][256];    /* where they write the calls they get */
    char standby_uri[512];
    int64_t token_timeout_ms;
};

/* Makes tokens and key (this algorithm, born on the primary, restored on the standby). */
void pair_make(struct pair *pair, enum signer_role role, enum algorithm algorithm);

/* Kills what runs and removes everything. */
void pair_remove(struct pair *pair);

/* Starts the signer, with the standby or without. True when it says that it is ready. */
bool pair_start(struct pair *pair, bool with_standby);

/*
 * What one token's module does from now on: lines of p11_chaos.c, "" to heal it. `count_afresh` empties the list of its
 * calls.
 */
void pair_disturb(const struct pair *pair, int token, const char *lines);

/* How often a function of one token's module was called since it was disturbed last. */
int pair_calls(const struct pair *pair, int token, const char *function);

/* Takes the key from one of the tokens, as a mistake or a bad restore would. */
void pair_empty(const struct pair *pair, int token);

/* The process of a token, 0 when there is none; the keeper. */
pid_t pair_process(const struct pair *pair, int token);
pid_t pair_keeper(const struct pair *pair);

/* Waits until a process is gone, or only waits to be reaped; false after a minute. */
bool pair_gone(pid_t pid);

/* How often these words stand together in one line of the signer's log. */
int pair_logged(struct pair *pair, const char *first, const char *second);

/* Waits until they stand so often; false after a minute. */
bool pair_await(struct pair *pair, const char *first, const char *second, int count);

#endif
