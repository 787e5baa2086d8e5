/*
 * The tokens of a signer as signerd holds them: one or two, each a process of its own behind sockets. Which one serves,
 * deadlines, and that a token which fails is ended, reported once, and started again.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_SET_H
#define STRONGROOM_SIGNERD_TOKEN_SET_H

#include "signer/guard.h"
#include "signer/tokens.h"
#include "token_keeper.h"

struct token_set;

/* Borrowed until token_set_free. */
struct token_set_config {
    struct token_keeper *keeper;
    const struct hsm_token_selector *named; /* label and serial as far as the options say, until the token does */
    size_t count;                           /* 1 or 2, as many as the keeper has launches; the primary first */
    int64_t timeout_ms;                     /* of a call; a start may take ten times as long */
    struct guard *anchors;                  /* role audit: each token anchors this guard's trail; NULL for none */
    int64_t anchor_every_s;
};

/*
 * Starts the tokens' processes and waits until each is open, waits for shares, or has failed. Out: token_set_free.
 * Refused, with that token's own fault, when one failed for a reason that does not pass by itself (its PIN, its keys),
 * or when none is there; STATUS_CONFLICT when both are the same token. One that is merely not reachable is down.
 */
MUST_CHECK enum status token_set_new(struct token_set **out, const struct token_set_config *config,
                                     struct fault *fault);

/* Ends the processes. NULL is fine. No call may be running. */
void token_set_free(struct token_set *set);

/* The calls for the signer library. They live as long as the set. */
const struct signer_tokens *token_set_calls(const struct token_set *set);

/* True once the keeper has ended: no token's process can be started any more, and signerd has been told to end. */
bool token_set_keeper_lost(struct token_set *set);

#endif
