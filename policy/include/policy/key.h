/*
 * The key document: what a key is for, who keeps it, and for how long. The signer goes by it and by no table column.
 * Signed by the governance quorum of the policy that it names. See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_KEY_H
#define STRONGROOM_POLICY_KEY_H

#include "policy/command.h"
#include "policy/policy.h"
#include "policy/token.h"

#define KEY_KIND "key"
#define KEY_CUSTODIANS_MIN 2
#define KEY_CUSTODIANS_MAX 16
#define KEY_EMERGENCY_MAX 16
#define KEY_BOX_SECONDS_MIN 60
#define KEY_BOX_SECONDS_MAX 34560000 /* 400 days */
#define KEY_IDLE_SECONDS_MAX KEY_BOX_SECONDS_MAX
#define KEY_TOKEN_UNAPPROVED "SoftHSM" /* how a manufacturer begins whose tokens have no approved mode */
#define KEY_DRILL_DAYS_MAX 366
#define KEY_CRYPTOPERIOD_MAX_US (1096LL * 24 * 3600 * 1000000)

/* Numbers may be stored; never renumber. */
enum key_activation {
    KEY_UNATTENDED = 1, /* the PIN comes from a credential */
    KEY_ATTENDED = 2,   /* the PIN comes from k of n shares */
};

/* Numbers may be stored; never renumber. */
enum key_backup {
    KEY_BACKUP_WRAPPED = 1,
    KEY_BACKUP_CLONE = 2,
    KEY_BACKUP_NONE = 3, /* audit and validator only: such a key is replaced, not restored */
};

/* Numbers may be stored; never renumber. */
enum key_owner {
    KEY_OWNER_CUSTOMER = 1,
    KEY_OWNER_OWN = 2,
};

struct key_document {
    enum key_activation activation;
    bool approved; /* the mechanism is in the module's approved mode */
    enum key_backup backup;
    struct digest backup_document; /* wrapped only, zero otherwise */
    int64_t box_seconds;           /* the largest box an activation may give */
    uint64_t box_signatures;
    struct digest ceremony; /* of the transcript */
    struct digest chain;
    struct name creator;
    struct name custodians[KEY_CUSTODIANS_MAX]; /* ascending */
    size_t custodian_count;
    int64_t drill_days;                             /* how old the newest restore proof may be */
    struct account_id emergency[KEY_EMERGENCY_MAX]; /* ascending; where a compromised key may still send */
    size_t emergency_count;
    struct name environment;
    int64_t idle_seconds;  /* 0 for never */
    int64_t issued_at;     /* microseconds UTC */
    struct public_key key; /* fields alg and key */
    struct digest key_id;  /* of `key`; filled by the decoder, not read by the encoder */
    struct name location;
    enum key_owner owner;
    struct digest policy;
    enum signer_role purpose;
    struct digest replaces; /* key id of the key that this one follows, zero for none */
    int64_t retain_until;   /* microseconds UTC; no destruction before */
    enum wallet_tier tier;  /* TIER_SYSTEM for purposes other than transfer, and only for them */
    struct token_identity token;
    int64_t valid_from;  /* the cryptoperiod, microseconds UTC */
    int64_t valid_until; /* exclusive */
};

/* The words of documents. Static; NULL for a number that is none. */
const char *key_activation_text(enum key_activation activation);
const char *key_backup_text(enum key_backup backup);
const char *key_owner_text(enum key_owner owner);

/* Reads the document strictly, the floors of one document alone included; no signature is looked at. */
MUST_CHECK enum status key_document_decode(struct key_document *out, const void *document, size_t len,
                                           struct fault *fault);

/* The canonical bytes; refuses what key_document_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status key_document_encode(struct bytes *out, const struct key_document *key, struct fault *fault);

/* The digest of the document bytes, which commands and attestations name. */
void key_document_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes and verifies a key document under the policy that it names: chain, environment and policy are those of
 * `policy` (STATUS_MISMATCH); every custodian is a person of it with the duty custodian (STATUS_MISMATCH); signed by
 * the governance quorum, people valid at `at_utc_us` (policy_verify_governance). Whoever admits a key gives the clock;
 * whoever reads one that a guard has admitted gives its issued_at.
 */
MUST_CHECK enum status key_document_verify(struct key_document *out, const struct signed_document *document,
                                           const struct policy *policy, int64_t at_utc_us, struct fault *fault);

/*
 * What a key must fulfil to become one of ours, and no longer afterwards: its algorithm is in use and not deprecated
 * (STATUS_ALGORITHM_REFUSED), its cryptoperiod is not over (STATUS_EXPIRED), the document is not from the future by
 * more than 60 s (STATUS_NOT_READY), every custodian is valid at `at_utc_us` (STATUS_EXPIRED).
 */
MUST_CHECK enum status key_document_check_new(const struct key_document *key, const struct policy *policy,
                                              int64_t at_utc_us, struct fault *fault);

/* True within the cryptoperiod. */
bool key_document_valid(const struct key_document *key, int64_t at_utc_us);

/* True when the address is one of `emergency`. */
bool key_document_emergency(const struct key_document *key, const struct account_id *account);

/*
 * True when whoever came by one of two different keys may have the other, too: both sign for wallets, and they were
 * born in one device (serial number), or two people keep both (fewer cannot put a key together: every share set takes
 * two).
 */
bool key_document_siblings(const struct key_document *one, const struct key_document *other);

/*
 * Checks the box of a key.activate command against the document: until is after `at_utc_us`, at most box_seconds
 * later, and not after valid_until; signatures at most box_signatures. STATUS_LIMIT_EXCEEDED, STATUS_EXPIRED.
 */
MUST_CHECK enum status key_document_check_box(const struct key_document *key, const struct command *command,
                                              int64_t at_utc_us, struct fault *fault);

#endif
