/*
 * The tokens of a signer as its library sees them: one, or two that hold the same keys (primary and standby).
 *
 * Which of them serves, that a late one is killed and that the request goes to the other, is the business of the
 * program around the library (docs/signer-protocol.md, "The token's process"). The library asks by key id and is
 * answered with a signature that verified, or not at all. Calls may come from several threads.
 */
#ifndef STRONGROOM_SIGNER_TOKENS_H
#define STRONGROOM_SIGNER_TOKENS_H

#include "base/algorithm.h"
#include "base/id.h"

#define SIGNER_TOKENS_MAX 2
#define SIGNER_WRAPPING_LEN 32    /* a key that is wrapped */
#define SIGNER_WRAPPED_LEN 60     /* nonce, key, tag of AES-GCM */
#define SIGNER_TOKEN_TEXT_SIZE 65 /* label or serial: at most 64 printable characters, and a NUL */

/* Where a key came from, as far as the tokens tell. */
enum signer_key_origin {
    SIGNER_KEY_BORN = 1,     /* made on the primary (CKA_LOCAL) */
    SIGNER_KEY_RESTORED = 2, /* unwrapped from a backup: on the standby, or on a primary that was itself restored */
};

/* A copy of a key that a token holds: in each token at most one object has this id, and it is fit. */
struct signer_token_key {
    struct public_key public_key;
    enum signer_key_origin origin;
    char label[SIGNER_TOKEN_TEXT_SIZE];  /* of the token that holds it */
    char serial[SIGNER_TOKEN_TEXT_SIZE]; /* of the same token */
};

enum signer_token_state {
    SIGNER_TOKEN_SERVING = 1,
    SIGNER_TOKEN_STANDBY = 2,
    SIGNER_TOKEN_DOWN = 3,
    SIGNER_TOKEN_LOCKED = 4, /* attended, and its PIN not yet given */
};

/* For the reply to `status`. */
struct signer_token_status {
    char label[SIGNER_TOKEN_TEXT_SIZE];
    char serial[SIGNER_TOKEN_TEXT_SIZE];
    enum signer_token_state state;
    char reason[128];    /* why down, "" otherwise */
    int64_t down_utc_us; /* when it was told down last; 0 for never since the start */
};

/* A share of the PIN, sealed for the receiving key. Its giver, key and gift have been verified. Borrowed. */
struct signer_pin_share {
    struct name custodian;
    unsigned index;           /* 1..n, as in the share set */
    unsigned threshold;       /* k of the share set */
    struct digest commitment; /* SHA-256 of the share's bytes, of the share set */
    const uint8_t *sealed;
    size_t sealed_len;
};

/* What an attended activation has come to. */
struct signer_activation {
    uint8_t to32[32]; /* X25519 public key that the shares are sealed for; it lives in the token's process */
    unsigned have;    /* shares taken */
    bool open;        /* a token is logged in: no more shares are wanted */
};

/* The calls. Outputs are written on success only; none may block longer than a few token timeouts. */
struct signer_tokens {
    /*
     * A key by its id, as found when the tokens were opened last (also while one is down): each token's copy, the
     * primary's first. STATUS_NOT_FOUND when no token has it, STATUS_TOKEN while no token was open yet (attended,
     * before its PIN).
     */
    enum status (*find)(const void *context, struct signer_token_key out[SIGNER_TOKENS_MAX], size_t *out_count,
                        const struct digest *key_id, struct fault *fault);

    /*
     * Signs with the key of this id. The signature verified with the key's public key and has a low s. STATUS_NOT_FOUND
     * (no such key), STATUS_TOKEN (no token serves), STATUS_SIGNATURE_INVALID (a token whose key is the right one
     * answered with a signature that does not verify: it is down, and the library suspends the key).
     */
    enum status (*sign)(const void *context, struct signature *out, const struct digest *key_id, const void *message,
                        size_t len, struct fault *fault);

    /* The states, the primary first. Returns how many there are: 1 or 2. */
    size_t (*states)(const void *context, struct signer_token_status out[SIGNER_TOKENS_MAX]);

    /*
     * Which tokens are open and do not have the key of this id: bit i for the one that `states` tells at place i.
     * Cheap: it is asked before each signature.
     */
    unsigned (*lacks)(const void *context, const struct digest *key_id);

    /*
     * How often, since the start, the last token that was logged in was lost. Attended keys fall to inactive whenever
     * it has grown; with unattended tokens nobody reads it. Cheap: it is asked before each signature.
     */
    uint64_t (*losses)(const void *context);

    /*
     * Wraps 32 bytes under the wrapping key that belongs to the key of this id, for a context of 16 bytes; and back.
     * STATUS_NOT_FOUND (no token has one), STATUS_TOKEN (none serves, or it refused what was altered). The caller wipes
     * what is plain.
     */
    enum status (*wrap)(const void *context, uint8_t out60[SIGNER_WRAPPED_LEN], const struct digest *key_id,
                        const uint8_t plain32[SIGNER_WRAPPING_LEN], const uint8_t context16[16], struct fault *fault);
    enum status (*unwrap)(const void *context, uint8_t out32[SIGNER_WRAPPING_LEN], const struct digest *key_id,
                          const uint8_t wrapped60[SIGNER_WRAPPED_LEN], const uint8_t context16[16],
                          struct fault *fault);

    /*
     * Attended: the receiving key of the activation in progress, which is begun when there is none, and forgotten with
     * its shares when the PIN was put together, and after an hour. STATUS_CONFLICT (these tokens are unattended),
     * STATUS_TOKEN.
     */
    enum status (*activation_open)(const void *context, struct signer_activation *out, struct fault *fault);

    /*
     * Attended: takes a share; at the threshold the PIN is put together, given to the token once, and wiped. STATUS_OK
     * with the new count; STATUS_EXISTS (this index was given), STATUS_MISMATCH (not sealed for this key, or not its
     * commitment: the custodian is named), STATUS_PIN_REFUSED, STATUS_CONFLICT (no activation in progress, or
     * unattended), STATUS_TOKEN.
     */
    enum status (*activation_give)(const void *context, struct signer_activation *out,
                                   const struct signer_pin_share *share, struct fault *fault);

    const void *context; /* handed to each call */
};

#endif
