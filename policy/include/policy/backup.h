/*
 * The documents of backup and restore: backup, share, share_set, gift, restore. See docs/formats.md.
 *
 * A backup is a key wrapped under a key-encryption key (KEK); the KEK is shared among custodians, k of n. The document
 * names the wrapped key by its digest: the bytes are a file that their holder alone has. A share document is one share,
 * sealed for its custodian; a share_set says who has the shares of a PIN; a gift is a share handed to a signer; a
 * restore proof shows that the key came back to life on another token. Secrets are never in these structs: what is
 * sealed is opened elsewhere (base/seal.h, base/share.h).
 */
#ifndef STRONGROOM_POLICY_BACKUP_H
#define STRONGROOM_POLICY_BACKUP_H

#include "base/seal.h"
#include "policy/key.h"
#include "policy/occasion.h"
#include "policy/policy.h"
#include "policy/sealing_key.h"
#include "policy/token.h"

#define BACKUP_KIND "backup"
#define SHARE_SET_KIND "share_set"
#define GIFT_KIND "gift"
#define RESTORE_KIND "restore"

#define BACKUP_SHARES_MAX 16
#define BACKUP_LABEL_SIZE 65    /* 1 to 64 printable characters and a NUL */
#define BACKUP_WRAPPED_MAX 1024 /* bytes of a wrapped key */
#define SHARE_SEALED_MAX SEAL_BOX_MAX

/* Numbers may be stored; never renumber. */
enum backup_mechanism {
    BACKUP_AES_KEY_WRAP_PAD = 1, /* CKM_AES_KEY_WRAP_PAD */
    BACKUP_AES_KEY_WRAP_KWP = 2, /* CKM_AES_KEY_WRAP_KWP */
};

enum share_of {
    SHARE_OF_KEK = 1,
    SHARE_OF_PIN = 2,
};

enum restore_kind {
    RESTORE_RESTORE = 1,
    RESTORE_DRILL = 2,
};

/* Who has which share, sealed for which key, and where. */
struct share_holder {
    struct digest commitment;
    struct name custodian;
    unsigned index;            /* 1..16 */
    struct sealing_paper seal; /* of this custodian */
    struct name site;
};

/*
 * k of n. A decoded one keeps the floors: 2 <= threshold <= count <= 16; custodians, indexes (each at most count),
 * sealing keys and sites all different; sorted by custodian.
 */
struct share_table {
    struct share_holder holders[BACKUP_SHARES_MAX];
    size_t count;
    unsigned threshold;
};

struct backup {
    struct digest check; /* share_kek_check */
    struct name holder;  /* keeps the wrapped key; none of the custodians */
    struct public_key key;
    char label[BACKUP_LABEL_SIZE]; /* of the key on the token */
    int64_t made_at;               /* microseconds UTC */
    enum backup_mechanism mechanism;
    struct share_table shares;
    struct name site; /* where the wrapped key lies; none of the custodians' sites */
    struct token_identity token;
    struct digest wrapped_sha256; /* of the wrapped key, which is in no document */
    int64_t wrapped_size;         /* bytes, 1..BACKUP_WRAPPED_MAX */
};

/* One share, sealed for its custodian. Not signed: whoever opens it holds it against the commitment. */
struct share_document {
    struct digest commitment;
    struct name custodian;
    unsigned index;
    struct digest key; /* key id; of a PIN: of the founding key */
    enum share_of of;
    struct bytes sealed; /* owned; 1..SHARE_SEALED_MAX */
    struct digest set;   /* digest of the backup document, or of the share set */
    unsigned threshold;
    struct seal_key to; /* the custodian's */
};

/* Who has the shares of a PIN. Signed by the governance quorum. */
struct share_set {
    struct digest key;  /* key id */
    int64_t made_at;    /* microseconds UTC */
    struct digest prev; /* of the set before; zero for the first, and only for it */
    struct share_table shares;
    int64_t version; /* from 1 */
};

/* A share handed to a signer, sealed for the key that its occasion (policy/occasion.h) names. Signed by the custodian.
 */
struct gift {
    struct digest commitment;
    struct name custodian;
    int64_t given_at; /* microseconds UTC */
    unsigned index;
    struct digest occasion; /* digest */
    struct bytes sealed;    /* owned; 1..SHARE_SEALED_MAX */
};

/* The restore proof. Signed by the restored key, requester, authoriser and executor. */
struct restore {
    struct name authoriser;
    struct digest backup; /* digest of the backup document; zeros for a clone */
    struct digest chain;
    struct digest challenge; /* random */
    struct name environment;
    struct name executor;
    struct digest key; /* key id */
    enum restore_kind kind;
    int64_t made_at;                /* microseconds UTC */
    struct occasion_paper occasion; /* what requester and authoriser signed before it was done */
    struct digest policy;
    struct name requester;
    struct name shares[BACKUP_SHARES_MAX]; /* custodians whose shares were used, ascending; none for a clone */
    size_t share_count;
    struct token_identity token; /* where the key was restored */
};

/* The words in documents. Static; NULL for a number outside the enum. */
const char *backup_mechanism_text(enum backup_mechanism mechanism);
const char *share_of_text(enum share_of of);
const char *restore_kind_text(enum restore_kind kind);

/* The row of a custodian in the table; NULL when there is none. Borrowed. */
const struct share_holder *share_table_find(const struct share_table *table, const struct name *custodian);

/*
 * Every custodian of the table is a person of the policy with the duty `custodian` (STATUS_FORBIDDEN), valid at
 * `at_utc_us` (STATUS_EXPIRED), and signed the sealing key of the row, which was valid at `made_at` of the table
 * (sealing_paper_verify); the fault names the custodian.
 */
MUST_CHECK enum status share_table_check_people(const struct share_table *table, const struct policy *policy,
                                                int64_t at_utc_us, int64_t made_at, struct fault *fault);

/* backup: reads strictly, floors included; no signature is looked at. It owns nothing. */
MUST_CHECK enum status backup_decode(struct backup *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what backup_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status backup_encode(struct bytes *out, const struct backup *backup, struct fault *fault);

/* The digest of the document bytes: what key documents and restore proofs name. */
void backup_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes, and verifies that the document bears exactly one signature, by the key that it wraps (STATUS_UNKNOWN_KEY,
 * STATUS_SIGNATURE_INVALID): the wrapped key and the shares are bound to that key.
 */
MUST_CHECK enum status backup_verify(struct backup *out, const struct signed_document *document, struct fault *fault);

/*
 * A verified backup is the one of a key document: its key and token of birth are the document's, and its custodians are
 * among the document's (STATUS_MISMATCH). That the document names its digest is the caller's to compare.
 */
MUST_CHECK enum status backup_check_key(const struct backup *backup, const struct key_document *key,
                                        struct fault *fault);

/* What the holder brings is the wrapped key of a verified backup, to the byte. STATUS_MISMATCH names the field. */
MUST_CHECK enum status backup_check_wrapped(const struct backup *backup, const struct bytes *wrapped,
                                            struct fault *fault);

/* share: as above. Out: owned by the caller, share_document_free. */
MUST_CHECK enum status share_document_decode(struct share_document *out, const void *document, size_t len,
                                             struct fault *fault);
MUST_CHECK enum status share_document_encode(struct bytes *out, const struct share_document *share,
                                             struct fault *fault);
void share_document_free(struct share_document *share);

/* share_set: as above. It owns nothing. */
MUST_CHECK enum status share_set_decode(struct share_set *out, const void *document, size_t len, struct fault *fault);
MUST_CHECK enum status share_set_encode(struct bytes *out, const struct share_set *set, struct fault *fault);

/* The digest of the document bytes: `prev` of the next one. */
void share_set_digest(struct digest *out, const void *document, size_t len);

/*
 * No person, no sealing key and no site has part both in the PIN and in the backup of a key that it opens, be it a
 * share of the KEK or the wrapped key itself: STATUS_DUPLICATE_PERSON, for a site STATUS_INVALID; the fault names them.
 */
MUST_CHECK enum status share_set_check_apart(const struct share_set *set, const struct backup *backup,
                                             struct fault *fault);

/*
 * Decodes, and verifies the signatures of the governance quorum (policy_verify_governance) and the custodians
 * (share_table_check_people), people valid at `at_utc_us`.
 */
MUST_CHECK enum status share_set_verify(struct share_set *out, const struct signed_document *document,
                                        const struct policy *policy, int64_t at_utc_us, struct fault *fault);

/* gift: as above. Out: owned by the caller, gift_free. */
MUST_CHECK enum status gift_decode(struct gift *out, const void *document, size_t len, struct fault *fault);
MUST_CHECK enum status gift_encode(struct bytes *out, const struct gift *gift, struct fault *fault);
void gift_free(struct gift *gift);

/* What a gift is held against. Borrowed. */
struct gift_context {
    const struct occasion *occasion; /* verified, and the receiver's own (policy/occasion.h) */
    const struct digest *occasion_digest;
    const struct share_table *shares; /* of the share set or the backup */
    const struct policy *policy;      /* in force */
    int64_t at_utc_us;                /* the clock */
};

/*
 * Decodes and verifies a gift: it is for this occasion (STATUS_MISMATCH), which is not over (STATUS_EXPIRED);
 * custodian, index and commitment are those of a row of the table (STATUS_MISMATCH, naming the custodian); the
 * custodian may give it (occasion_check_giver); it bears exactly one signature, by a key that the policy gives to that
 * custodian (STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID). The share inside is seen only when it is opened:
 * share_check. Out: owned by the caller, gift_free.
 */
MUST_CHECK enum status gift_verify(struct gift *out, const struct signed_document *document,
                                   const struct gift_context *context, struct fault *fault);

/* restore: as above; requester, authoriser and executor are three people. It owns nothing. */
MUST_CHECK enum status restore_decode(struct restore *out, const void *document, size_t len, struct fault *fault);
MUST_CHECK enum status restore_encode(struct bytes *out, const struct restore *restore, struct fault *fault);

/* What a restore proof is held against. Borrowed. */
struct restore_context {
    const struct policy *policy;
    const struct public_key *key;
    const struct token_identity *token; /* of the key document: where the key was born */
    const struct backup *backup;        /* verified; NULL: the key is cloned by the token's own means */
    const struct digest *backup_digest; /* with backup */
};

/*
 * Decodes and verifies a restore proof: chain, environment, policy, key and backup are those of the context, the token
 * is another device than the one of birth, the shares are at least the backup's threshold of its custodians
 * (STATUS_MISMATCH, STATUS_QUORUM_MISSING); it bears exactly four signatures: of the key, of the requester (duty
 * operator or administrator), the authoriser (administrator) and the executor (custodian), valid at `made_at`
 * (STATUS_FORBIDDEN, STATUS_EXPIRED, STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID, STATUS_QUORUM_MISSING). The occasion
 * in it was signed by requester and authoriser (occasion_verify, at `made_at`), is about this restore in every respect
 * (STATUS_MISMATCH) and let everybody of `shares` give one (occasion_check_giver); the fault's place begins with
 * "occasion". How old it may be is for the caller to say.
 */
MUST_CHECK enum status restore_verify(struct restore *out, const struct signed_document *document,
                                      const struct restore_context *context, struct fault *fault);

#endif
