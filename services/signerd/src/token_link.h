/*
 * What signerd, its keeper and the token's processes say to each other: fixed structs over SOCK_SEQPACKET, between
 * processes of one program on one machine. Lengths are checked to the byte; a packet of another length ends the link.
 *
 *   keeper     orders to start and to collect the process of a token
 *   control    one per token's process: what it found, whether it still lives, shares of a PIN
 *   session    one per session of the token: a request to use a key, its answer, one at a time
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_LINK_H
#define STRONGROOM_SIGNERD_TOKEN_LINK_H

#include "base/algorithm.h"
#include "base/id.h"
#include "hsm/data.h"
#include "hsm/vault.h"

/* Descriptors of a token's process. */
#define TOKEN_LINK_CONTROL_FD 3
#define TOKEN_LINK_PIN_FD 4
#define TOKEN_LINK_SESSION_FD 5 /* and the following */

#define TOKEN_LINK_MESSAGE_MAX (72 * 1024) /* a document of the largest request, and its kind */
#define TOKEN_LINK_SEALED_MAX 256
#define TOKEN_LINK_ANCHOR "strongroom-anchor" /* CKA_LABEL of the data objects */

/* Sessions */

enum token_use {
    TOKEN_USE_SIGN = 1, /* a message of any length; answered with a signature */
    TOKEN_USE_WRAP,     /* struct token_wrap; answered with 60 bytes, filled up with zeros */
    TOKEN_USE_UNWRAP,   /* struct token_unwrap; answered with 32 bytes, filled up with zeros */
};

struct token_request {
    uint32_t use;
    uint32_t key; /* number of the key in what the process told last */
    uint32_t len; /* of the message, which follows */
};

struct token_wrap {
    uint8_t context16[HSM_VAULT_CONTEXT_LEN];
    uint8_t plain32[HSM_VAULT_KEY_LEN];
};

struct token_unwrap {
    uint8_t context16[HSM_VAULT_CONTEXT_LEN];
    uint8_t wrapped60[HSM_VAULT_WRAPPED_LEN];
};

/* Of every use. */
struct token_result {
    int32_t status; /* STATUS_OK */
    uint8_t bytes64[SIGNATURE_LEN];
};
_Static_assert(SIGNATURE_LEN >= HSM_VAULT_WRAPPED_LEN, "a result holds what was wrapped");

struct token_refusal {
    int32_t status;
    char where[sizeof(((struct fault *)0)->where)];
    char detail[sizeof(((struct fault *)0)->detail)];
};

/* Control */

enum token_word {
    TOKEN_WORD_PROBE = 1, /* to the process: does the token live */
    TOKEN_WORD_BEGIN,     /* to the process: an activation, its receiving key */
    TOKEN_WORD_SHARE,     /* to the process: one share of the PIN */
    TOKEN_WORD_READ,      /* to the process: what of the anchor the token holds; answered with TOKEN_WORD_HELD */
    TOKEN_WORD_REPLACE,   /* to the process: hold this anchor from now on, instead of some that were read last */
    TOKEN_WORD_DONE,      /* answer to these */
    TOKEN_WORD_HELD,      /* answer: one data object of the token, or that there are no more */
    TOKEN_WORD_LOCKED,    /* it waits for shares */
    TOKEN_WORD_KEY,       /* one key of the token */
    TOKEN_WORD_OPEN,      /* all keys were told, the token serves */
    TOKEN_WORD_FAILED,    /* it did not open; the process ends */
};

struct token_note_key {
    uint32_t number;
    uint32_t algorithm;
    uint32_t born;
    uint32_t vault; /* it has a wrapping key */
    uint32_t spki_len;
    uint8_t spki[PUBLIC_KEY_MAX];
};

struct token_note_identity {
    char label[HSM_TOKEN_LABEL_SIZE];
    char serial[HSM_TOKEN_SERIAL_SIZE];
    uint32_t key_count;
};

struct token_note_share {
    struct name custodian;
    uint32_t index;
    uint32_t threshold;
    uint8_t commitment32[32];
    uint32_t sealed_len;
    uint8_t sealed[TOKEN_LINK_SEALED_MAX];
};

struct token_note_activation {
    uint8_t to32[32];
    uint32_t have;
    uint32_t open; /* the notes of the open token follow */
};

/* An anchor of the trail (signer/anchor.h) as a data object. */
struct token_note_anchor {
    uint32_t number;   /* read, held: of the object */
    uint32_t count;    /* held: how many there are; all are read anew with number 0 */
    uint32_t replaced; /* replace: bit i for the object with number i */
    uint32_t len;
    uint8_t value[HSM_DATA_VALUE_MAX];
};

struct token_note {
    uint32_t word;
    struct token_refusal refusal; /* status STATUS_OK unless it is one */
    union {
        struct token_note_key key;
        struct token_note_identity identity;
        struct token_note_share share;
        struct token_note_activation activation;
        struct token_note_anchor anchor;
    };
};

/* Sends a note; false when the other end is gone. */
bool token_note_send(int fd, const struct token_note *note);

/*
 * Receives a note within `within_ms` (-1: for ever). STATUS_TIMED_OUT; STATUS_UNAVAILABLE when the other end is gone or
 * sent something else than a note.
 */
MUST_CHECK enum status token_note_receive(struct token_note *out, int fd, int within_ms);

/* A fault as it travels, and back: fault_set. */
void token_refusal_fill(struct token_refusal *out, enum status status, const struct fault *fault);
enum status token_refusal_fault(const struct token_refusal *refusal, struct fault *fault);

/* Keeper */

enum keeper_word {
    KEEPER_START = 1, /* answered with the descriptors: pidfd, control, sessions */
    KEEPER_COLLECT,   /* the process is given a moment to end, then killed, and reaped */
};

struct keeper_order {
    uint32_t word;
    uint32_t token;
};

struct keeper_answer {
    int32_t error; /* errno, 0 when done */
    uint32_t count;
};

#endif
