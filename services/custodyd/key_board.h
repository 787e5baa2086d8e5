/*
 * The board: what each signer said last about itself, its tokens and its keys. Readers look here and never wait for a
 * signer. Nothing on it has authority: a signer decides for itself what a key may do. Thread-safe.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_BOARD_H
#define STRONGROOM_CUSTODYD_KEY_BOARD_H

#include "policy/freeze.h"
#include "policy/key_state.h"
#include "wire/client.h"

#define KEY_BOARD_ROLES 4

/* A key, and whose it is. */
struct key_board_entry {
    enum wire_role role;
    struct wire_key key;
    enum key_state state; /* of key.state */
};

/* A signer as it was seen last. */
struct key_board_signer {
    bool heard;                 /* it has said which keys it has, perhaps a while ago */
    enum status status;         /* of the last look; STATUS_NOT_READY before the first */
    bool founded;               /* `founding` is set */
    struct public_key founding; /* what it says at hello */
    bool ready;                 /* at the last look */
    struct digest instance;     /* another one with each start; zero unless `status` is STATUS_OK */
    struct digest program;      /* with what it runs, as it says itself */
    struct digest configuration;
    char reason[128]; /* why not ready, "" otherwise */
    size_t token_count;
    struct wire_token tokens[WIRE_TOKENS_MAX];
};

/* What a signer said last about versions of the policy. */
struct key_board_policy {
    bool heard; /* otherwise it has not answered since the start, and the rest is zero */
    struct digest policy;
    int64_t in_force_at; /* microseconds UTC, 0 of the first version */
    bool has_next;       /* another one came in and waits, or was dropped */
    struct wire_policy_next next;
};

struct key_board;

/* An empty board. Out: key_board_free. */
MUST_CHECK enum status key_board_new(struct key_board **out, struct fault *fault);

/* NULL is fine. */
void key_board_free(struct key_board *board);

/*
 * Asks the signer behind `pool` and puts what it says on the board; those who call at the same time share one question,
 * asked after all of them called. When it does not answer, its keys stay as they were and the status says so.
 */
MUST_CHECK enum status key_board_look(struct key_board *board, struct wire_pool *pool, enum wire_role role,
                                      int64_t timeout_ms, struct fault *fault);

/* How a signer was seen last. */
void key_board_signer(struct key_board_signer *out, struct key_board *board, enum wire_role role);

/* What the signer of a role said last about the policy. */
void key_board_policy(struct key_board_policy *out, struct key_board *board, enum wire_role role);

/* The keys of all signers, by role. Out: owned by the caller, free(). */
MUST_CHECK enum status key_board_all(struct key_board_entry **out, size_t *out_count, struct key_board *board,
                                     struct fault *fault);

/* The key of an id; STATUS_NOT_FOUND. */
MUST_CHECK enum status key_board_find(struct key_board_entry *out, struct key_board *board, const struct digest *key);

/* What is frozen or was, as the signer of role transfer said last. Returns how many. */
size_t key_board_freezes(struct wire_freeze out[WIRE_FREEZES_MAX], struct key_board *board);

/* The people of the policy in force who are suspended, as the signer of a role said last. Returns how many. */
size_t key_board_suspended(struct wire_suspended out[WIRE_SUSPENDED_MAX], struct key_board *board, enum wire_role role);

/* Who does not count in withdrawals: the same by name, for the role transfer. Returns how many. */
size_t key_board_suspended_names(struct name out[WIRE_SUSPENDED_MAX], struct key_board *board);

/* Whether everything, this wallet or this asset is frozen, and by what. */
bool key_board_frozen(struct wire_freeze *out, struct key_board *board, const struct name *wallet,
                      const struct digest *asset);

#endif
