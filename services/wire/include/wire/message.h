/*
 * The messages between a client and signerd, protocol version 1 (docs/signer-protocol.md, normative).
 *
 * One SOCK_SEQPACKET packet is one message is one canonical document of at most WIRE_MESSAGE_MAX bytes, a request
 * policy.adopt of at most WIRE_POLICY_MAX. Requests carry `op` and `id`; a reply echoes the id. There is no operation
 * that signs given bytes.
 */
#ifndef STRONGROOM_WIRE_MESSAGE_H
#define STRONGROOM_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/algorithm.h"
#include "base/amount.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/signed.h"
#include "base/status.h"

#define WIRE_PROTOCOL 1
#define WIRE_MESSAGE_MAX 65536
#define WIRE_POLICY_MAX 409600 /* of policy.adopt alone; what fits into a socket's buffer as systems set it */
#define WIRE_APPROVALS_MAX 32  /* signed approvals in one request */
#define WIRE_PROOF_MAX 63      /* hashes in a consistency proof */
#define WIRE_SHORT_CODE_SIZE 10
#define WIRE_NOTE_MAX 4096 /* bytes of a checkpoint note before base64 */
#define WIRE_TOKENS_MAX 2  /* tokens of a signer */
#define WIRE_KEYS_MAX 32   /* keys in one reply to key.list */
#define WIRE_TEXT_SIZE 65  /* label or serial of a token */
#define WIRE_WORD_SIZE 24  /* a state or a cause */
#define WIRE_FREEZES_MAX 64
#define WIRE_SUSPENDED_MAX 256    /* people of the policy in force who are suspended */
#define WIRE_USAGES_MAX 64        /* limits in one reply to transfer.usage */
#define WIRE_VETOES_MAX 64        /* people who spoke against one version of the policy */
#define WIRE_SUBJECT_VALUES_MAX 8 /* values in one subject.seal */
#define WIRE_SUBJECT_ROWS_MAX 24  /* rows in one subject.open */
#define WIRE_SUBJECT_VALUE_MAX 960
#define WIRE_SUBJECT_SEALED_MAX (WIRE_SUBJECT_VALUE_MAX + 60) /* nonce, salt and tag on top */
#define WIRE_SUBJECT_BOX_MAX (WIRE_SUBJECT_VALUE_MAX + 80)    /* salt and what a sealed box adds on top */

/* What a signer is for. Fixed when it starts. */
enum wire_role {
    WIRE_ROLE_TRANSFER,
    WIRE_ROLE_AUDIT,
    WIRE_ROLE_VALIDATOR,
    WIRE_ROLE_PRIVACY,
};

/* The operations. WIRE_OP_NONE stands for a request whose operation could not be read. */
enum wire_op {
    WIRE_OP_NONE,
    WIRE_OP_HELLO,
    WIRE_OP_STATUS,
    WIRE_OP_TRANSFER_SIGN,
    WIRE_OP_CHECKPOINT_SIGN,
    WIRE_OP_HEADER_SIGN,
    WIRE_OP_KEY_LIST,
    WIRE_OP_KEY_ADMIT,
    WIRE_OP_KEY_COMMAND,
    WIRE_OP_KEY_ATTEST,
    WIRE_OP_KEY_PROVE,
    WIRE_OP_KEY_ALARM,
    WIRE_OP_FREEZE_ALARM,
    WIRE_OP_ACTIVATION_OPEN,
    WIRE_OP_ACTIVATION_GIVE,
    WIRE_OP_POLICY_ADOPT,
    WIRE_OP_DESTINATION_ADOPT,
    WIRE_OP_TRANSFER_ANNOUNCE,
    WIRE_OP_TRANSFER_USAGE,
    WIRE_OP_TRANSFER_RECALL,
    WIRE_OP_TRANSFER_END,
    WIRE_OP_SUBJECT_SEAL,
    WIRE_OP_SUBJECT_OPEN,
};

/* `hello`: first on every connection. */
struct wire_hello_request {
    int64_t protocol;
};

struct wire_hello_reply {
    int64_t protocol;
    enum wire_role role;
    struct public_key key;
};

/* How a token stands. */
enum wire_token_state {
    WIRE_TOKEN_SERVING,
    WIRE_TOKEN_STANDBY,
    WIRE_TOKEN_DOWN,
    WIRE_TOKEN_LOCKED, /* attended, and its PIN not yet given */
};

struct wire_token {
    char label[WIRE_TEXT_SIZE];
    char serial[WIRE_TEXT_SIZE];
    enum wire_token_state state;
    char reason[128]; /* why down; open: which key it lacks; "" otherwise */
    int64_t down_at;  /* when it was told down last, microseconds UTC; 0 for never since the signer started */
};

/* A target that is frozen or was: an asset, a wallet or everything (docs/formats.md, freeze). */
struct wire_freeze {
    char scope[WIRE_WORD_SIZE];   /* "asset", "wallet", "everything" */
    char subject[WIRE_TEXT_SIZE]; /* id of the asset, name of the wallet, "" */
    bool frozen;                  /* false: thawed */
    char cause[WIRE_WORD_SIZE];   /* of the last change: "alarm" or "command" */
    struct name reason;
    uint64_t on;   /* the number of the freeze */
    int64_t since; /* microseconds UTC */
};

/* A person of the policy in force who is suspended. */
struct wire_suspended {
    struct name person;
    uint64_t on; /* the number of the suspension of this person */
};

/* The version of the policy that came last and is not in force: it waits, or was dropped. Times in microseconds UTC. */
struct wire_policy_next {
    struct digest policy;
    int64_t policy_version;
    bool dropped;        /* it never comes into force; the digest is never adopted again */
    int64_t received_at; /* by the signer's time */
    int64_t in_force_at; /* not before; dropped: when it would have been */
    int64_t signers;     /* people of the governance group who signed it */
    int64_t need;        /* as many it takes: m and one for each veto */
    size_t veto_count;
    struct name vetoes[WIRE_VETOES_MAX]; /* who spoke against it, in the order they came */
};

/* `status`. Members of other roles than `role` are zero. */
struct wire_status_reply {
    bool ready;
    char reason[128]; /* why not ready, "" otherwise */
    enum wire_role role;
    struct digest instance;      /* another one with each start */
    struct digest program;       /* SHA-256 of its file */
    struct digest configuration; /* of its options in effect (base/option.h: option_digest) */
    uint64_t size;               /* audit: size signed last; transfer: largest checkpoint seen */
    uint64_t promises;           /* transfer: that the guard has made */
    struct digest root;          /* audit */
    uint64_t height;             /* validator: height signed last, 0 for none */
    struct digest header;        /* validator: digest signed last, zero for none */
    uint64_t subjects;           /* privacy: whose personal data was ever sealed */
    uint64_t erased;             /* privacy: of them, whose key is destroyed */
    uint64_t reveals;            /* privacy: so far */
    struct digest policy;        /* in force */
    int64_t policy_version;
    int64_t policy_in_force_at; /* since when, microseconds UTC; 0 of the first */
    bool has_next;
    struct wire_policy_next next;
    size_t token_count; /* 1 or 2, the primary first */
    struct wire_token tokens[WIRE_TOKENS_MAX];
    size_t freeze_count; /* transfer */
    struct wire_freeze freezes[WIRE_FREEZES_MAX];
    size_t suspended_count;
    struct wire_suspended suspended[WIRE_SUSPENDED_MAX];
};

/* `transfer.sign`. Owned members are freed by wire_request_free; a client may also fill it with borrowed ones. */
struct wire_transfer_request {
    struct signed_document *approvals;
    size_t approval_count;
    struct signed_document destination;
    struct bytes intent;          /* document bytes */
    struct bytes leaf;            /* L_n of the entry withdrawal.signing */
    struct bytes proof;           /* text of the tlog-proof of that leaf */
    struct signed_document sweep; /* command key.sweep, for a retained or compromised key; empty for none */
    uint64_t ends;                /* of withdrawals, that the service was told of; 0: none */
};

/*
 * What the guard has for the withdrawal of a transfer that was refused. Unknown: the signer could not look (no intent
 * that can be read, no guard that answers), or it was not a signer's refusal.
 */
enum wire_promised {
    WIRE_PROMISED_UNKNOWN,
    WIRE_PROMISED_NEVER, /* nothing: it was never signed */
    WIRE_PROMISED_THIS,  /* this very transaction: it may have been signed */
    WIRE_PROMISED_OTHER, /* another transaction; this one was never signed and never will be */
};

struct wire_transfer_reply {
    char short_code[WIRE_SHORT_CODE_SIZE]; /* of the intent: "ABCD-EFGH" */
    struct signature signature;
    struct bytes transaction; /* document bytes that were signed, owned */
    uint64_t promises;        /* that the guard has made, with this one */
};

/* `transfer.announce`, whose request is a struct wire_transfer_request. */
struct wire_announce_reply {
    int64_t sign_at; /* by when it may be signed if nothing stops the signer, microseconds UTC */
    bool due;        /* it may be signed now */
};

/* `transfer.usage`. Owned as in wire_transfer_request. */
struct wire_usage_request {
    struct bytes intent; /* document bytes */
};

/* What of a limit that applies to the intent is used, without it. */
struct wire_usage {
    int64_t policy_version;
    struct name rule;
    int64_t index;            /* in the limits of the rule */
    char per[WIRE_WORD_SIZE]; /* "asset", "destination", "requester", "wallet" */
    int64_t window_s;
    uint64_t count;    /* at most so many, 0 for any number */
    struct amount sum; /* at most so much, 0 for any sum */
    uint64_t used_count;
    struct amount used_sum; /* the greatest amount when it is more than that */
    int64_t free_at;        /* when the intent fits, now or later, microseconds UTC; 0 for never */
};

struct wire_usage_reply {
    size_t count;
    struct wire_usage limits[WIRE_USAGES_MAX];
};

/* `transfer.recall` and `transfer.end`. */
struct wire_recall_request {
    struct uuid withdrawal;
    uint64_t promises; /* that the trail knows of */
    uint64_t ends;     /* as in wire_transfer_request */
};

/* Where `rollback` says of one withdrawal that a guard before this one may have promised it. */
#define WIRE_RECALL_FORGOTTEN "withdrawal"

/* What the guard has for a withdrawal, whatever papers there are. Of transfer.end: `ends` alone. */
struct wire_recall_reply {
    bool promised;             /* a transaction was promised for it, and may have been signed */
    struct digest transaction; /* which one */
    uint64_t ends;             /* a number that goes up with each end, also from one guard to the next */
};

/* `checkpoint.sign`. */
struct wire_checkpoint_request {
    struct bytes note; /* text of the unsigned note */
    uint64_t old;      /* size from which `proof` leads */
    size_t proof_count;
    struct digest proof[WIRE_PROOF_MAX]; /* consistency proof, RFC 9162 2.1.4 */
};

struct wire_checkpoint_reply {
    size_t count;                         /* 1, or 2 while the log's key is rotated */
    uint8_t signatures[2][SIGNATURE_LEN]; /* Ed25519 over the note: of the key that counts, and of its successor */
};

/* `header.sign`. */
struct wire_header_request {
    struct bytes header; /* document bytes */
};

struct wire_header_reply {
    struct signature signature;
};

/* `key.list`: the keys with an id above `after` (zeros: from the first). */
struct wire_key_list_request {
    struct digest after;
};

/* A key as the guard knows it. Times in microseconds UTC, 0 where not set. */
struct wire_key {
    struct digest key; /* its id */
    enum algorithm alg;
    char state[WIRE_WORD_SIZE]; /* "active", docs/formats.md, key states */
    char cause[WIRE_WORD_SIZE]; /* of the last transition: "command", "box" ... */
    uint64_t on;                /* transitions so far */
    int64_t since;              /* of the last one */
    uint64_t box_signatures;    /* left in the box */
    int64_t box_until;
    struct digest document; /* the key document, zeros for none */
    int64_t restored_at;    /* of the newest restore proof */
    int64_t destroy_at;     /* when the second key.destroy may come */
};

struct wire_key_list_reply {
    bool more;
    size_t count;
    struct wire_key keys[WIRE_KEYS_MAX];
};

/* `key.admit`. Owned members as in wire_transfer_request. */
struct wire_key_admit_request {
    struct signed_document command;
    struct signed_document document;
    struct bytes ceremony;          /* the transcript's bytes */
    struct signed_document backup;  /* empty for none */
    struct signed_document restore; /* empty for none */
};

/* `key.command` and, with a restore proof instead of a command, `key.prove`. */
struct wire_key_order_request {
    struct signed_document order;
};

/* `key.attest`. */
struct wire_key_attest_request {
    struct digest key;
    struct digest challenge;
};

struct wire_key_attest_reply {
    struct signed_document attestation; /* owned */
};

/* `key.alarm`. */
struct wire_key_alarm_request {
    struct digest key;
    struct name reason;
};

/* `freeze.alarm`. */
struct wire_freeze_alarm_request {
    char scope[WIRE_WORD_SIZE];
    char subject[WIRE_TEXT_SIZE]; /* "" for everything */
    struct name reason;
};

/*
 * The reply to key.admit, key.command, key.prove and key.alarm: what the key is now; to freeze.alarm and to key.command
 * with a command freeze or thaw: "frozen" or "thawed"; person.suspend or person.resume: "suspended" or "resumed";
 * pii.erase: "erased"; with a command policy.veto: "waiting", or "dropped".
 */
struct wire_key_state_reply {
    char state[WIRE_WORD_SIZE];
    uint64_t on; /* transitions so far; number of the freeze; vetoes so far */
};

/* `activation.give`. */
struct wire_activation_give_request {
    struct signed_document gift;
    struct signed_document occasion;
};

/* The reply to both activation operations; `to32` is of the first only, `open` of the second only. */
struct wire_activation_reply {
    uint8_t to32[32]; /* X25519 public key to seal the shares for */
    int64_t have;
    int64_t threshold;
    bool open;
};

/* `policy.adopt`. */
struct wire_policy_adopt_request {
    struct signed_document document;
};

struct wire_policy_adopt_reply {
    int64_t in_force_at; /* microseconds UTC */
    struct digest policy;
    int64_t policy_version;
};

/* `destination.adopt`. */
struct wire_destination_adopt_request {
    struct signed_document document;
};

struct wire_destination_adopt_reply {
    int64_t serving_at;         /* microseconds UTC; while it cools off: if nothing stops the signer */
    char state[WIRE_WORD_SIZE]; /* cooling, serving or expired */
};

/* A value of personal data, in clear: wiped by wire_request_free. */
struct wire_subject_value {
    char field[WIRE_WORD_SIZE]; /* policy/subject.h */
    struct bytes value;
};

/* A value as it is kept: whose and which (with the subject of the request), and the bytes that only the signer opens.
 */
struct wire_subject_row {
    struct digest commitment;
    struct uuid event;
    char field[WIRE_WORD_SIZE];
    struct bytes sealed;
};

/* `subject.seal`. Owned members as in wire_transfer_request. */
struct wire_subject_seal_request {
    struct uuid subject;
    struct uuid event;   /* of the trail's commitments */
    int64_t erase_after; /* microseconds UTC; the signer keeps the latest one */
    size_t count;        /* 0 only moves erase_after */
    struct wire_subject_value values[WIRE_SUBJECT_VALUES_MAX];
};

struct wire_subject_seal_reply {
    int64_t erase_after; /* as the guard has it now */
    size_t count;        /* one for each value, in its order */
    struct wire_subject_row rows[WIRE_SUBJECT_VALUES_MAX];
};

/* `subject.open`, by a command pii.reveal. Owned members as in wire_transfer_request. */
struct wire_subject_open_request {
    struct signed_document command;
    size_t count;
    struct wire_subject_row rows[WIRE_SUBJECT_ROWS_MAX];
};

struct wire_subject_box {
    struct bytes box; /* sealed box for the key `to` of the command: salt of 32 bytes, value */
};

struct wire_subject_open_reply {
    uint64_t on;   /* reveals of this guard so far, this one included */
    uint64_t left; /* of this person in the hour */
    size_t count;  /* one for each row, in its order */
    struct wire_subject_box boxes[WIRE_SUBJECT_ROWS_MAX];
};

/* One request: the member of the union that belongs to `op` is set (none for status and activation.open). */
struct wire_request {
    enum wire_op op;
    int64_t id; /* 1..2^53-1; 0 where it could not be read */
    union {
        struct wire_hello_request hello;
        struct wire_transfer_request transfer; /* transfer.sign and transfer.announce */
        struct wire_checkpoint_request checkpoint;
        struct wire_header_request header;
        struct wire_key_list_request key_list;
        struct wire_key_admit_request key_admit;
        struct wire_key_order_request key_order; /* key.command and key.prove */
        struct wire_key_attest_request key_attest;
        struct wire_key_alarm_request key_alarm;
        struct wire_freeze_alarm_request freeze_alarm;
        struct wire_activation_give_request activation_give;
        struct wire_policy_adopt_request policy_adopt;
        struct wire_usage_request usage;
        struct wire_recall_request recall; /* transfer.recall and transfer.end */
        struct wire_destination_adopt_request destination_adopt;
        struct wire_subject_seal_request subject_seal;
        struct wire_subject_open_request subject_open;
    };
};

/* One reply: with fault.status STATUS_OK the member that belongs to `op` is set, otherwise only the fault and,
 * for `transfer.sign` and `transfer.announce`, `promised`. */
struct wire_reply {
    enum wire_op op;
    int64_t id;
    struct fault fault;
    enum wire_promised promised;
    union {
        struct wire_hello_reply hello;
        struct wire_status_reply status;
        struct wire_transfer_reply transfer;
        struct wire_checkpoint_reply checkpoint;
        struct wire_header_reply header;
        struct wire_key_list_reply key_list;
        struct wire_key_attest_reply key_attest;
        struct wire_key_state_reply key_state; /* key.admit, key.command, key.prove, key.alarm, freeze.alarm */
        struct wire_activation_reply activation;
        struct wire_policy_adopt_reply policy_adopt;
        struct wire_announce_reply announce;
        struct wire_usage_reply usage;
        struct wire_recall_reply recall;
        struct wire_destination_adopt_reply destination_adopt;
        struct wire_subject_seal_reply subject_seal;
        struct wire_subject_open_reply subject_open;
    };
};

/* The name of a role in documents and options ("transfer"). Static. */
const char *wire_role_name(enum wire_role role);

/* The role of a name; STATUS_INVALID when there is none. */
MUST_CHECK enum status wire_role_parse(enum wire_role *out, const char *name);

/* The role of a name that is one (invariant), as signer_role_text gives it. */
enum wire_role wire_role_named(const char *name);

/* The name of an operation ("transfer.sign"); "" for WIRE_OP_NONE. Static. */
const char *wire_op_name(enum wire_op op);

/*
 * Whether a packet of this length may be read as a request: of at most WIRE_MESSAGE_MAX bytes, or of WIRE_POLICY_MAX
 * when it ends as a canonical policy.adopt does.
 */
bool wire_packet_fits(const void *packet, size_t len);

/*
 * Reads a request. Out: free with wire_request_free. On failure `out` owns nothing, but its `id` and `op` hold what
 * could be read, so that the refusal can be addressed. STATUS_TOO_LARGE, STATUS_NOT_CANONICAL, STATUS_UNKNOWN_FIELD,
 * STATUS_MISSING_FIELD, STATUS_INVALID (an unknown `op` among others), each with the field in `where`.
 */
MUST_CHECK enum status wire_request_decode(struct wire_request *out, const void *packet, size_t len,
                                           struct fault *fault);

/* The packet of a request. Out: owned by the caller. STATUS_TOO_LARGE when it exceeds the most of its
 * operation. */
MUST_CHECK enum status wire_request_encode(struct bytes *out, const struct wire_request *request, struct fault *fault);

/* Frees what the request owns. */
void wire_request_free(struct wire_request *request);

/*
 * Reads the reply to an operation. A refusal of the server is a success of this function with reply->fault set. Out:
 * free with wire_reply_free. STATUS_INVALID and the rest as above for a packet that is no reply to `op`.
 */
MUST_CHECK enum status wire_reply_decode(struct wire_reply *out, enum wire_op op, const void *packet, size_t len,
                                         struct fault *fault);

/* The packet of a reply. Out: owned by the caller. */
MUST_CHECK enum status wire_reply_encode(struct bytes *out, const struct wire_reply *reply, struct fault *fault);

/* Frees what the reply owns. */
void wire_reply_free(struct wire_reply *reply);

#endif
