/*
 * The occasion: what shares are given for, and to which receiving key. Signed by who asks and by who allows it, after
 * they read that key off the console of the machine where it was made. See docs/formats.md. No custodian seals a share
 * and no signer takes one without it: a receiving key that only somebody on the way told is nobody's.
 */
#ifndef STRONGROOM_POLICY_OCCASION_H
#define STRONGROOM_POLICY_OCCASION_H

#include "base/seal.h"
#include "base/signed.h"
#include "policy/policy.h"
#include "policy/token.h"

struct share_document; /* policy/backup.h */

#define OCCASION_KIND "occasion"
#define OCCASION_MAX_US (24LL * 3600 * 1000000)
#define OCCASION_EARLY_MAX_US 60000000LL /* clocks of several machines */
#define OCCASION_SIGNERS 2

/* Numbers may be stored; never renumber. */
enum occasion_action {
    OCCASION_ACTIVATE = 1,
    OCCASION_RESTORE = 2,
    OCCASION_DRILL = 3,
};

struct occasion {
    enum occasion_action action;
    struct name authoriser;
    struct digest chain;
    struct name environment;
    struct name executor; /* "" to activate */
    int64_t expires_at;   /* microseconds UTC; after issued_at, at most OCCASION_MAX_US */
    int64_t issued_at;    /* microseconds UTC */
    struct digest key;    /* key id; to activate: of the founding key */
    struct digest policy;
    struct name requester;
    char serial[TOKEN_TEXT_SIZE]; /* of the token where the key is restored; "" to activate */
    struct digest set;            /* of the backup or the share set; zeros for a clone */
    struct seal_key to;           /* the receiver's */
};

/* A signed occasion as it stands inside a restore proof. */
struct occasion_paper {
    struct occasion occasion;
    struct signature signatures[OCCASION_SIGNERS];
};

/* The word in documents. Static; NULL for a number outside the enum. */
const char *occasion_action_text(enum occasion_action action);

/* The number of a word; STATUS_INVALID when it is none. */
MUST_CHECK enum status occasion_action_parse(enum occasion_action *out, const char *text);

/*
 * Reads strictly: the people are all different, executor and serial are there for restore and drill and only for them,
 * the times are in order and at most a day apart. No signature is looked at. It owns nothing.
 */
MUST_CHECK enum status occasion_decode(struct occasion *out, const void *document, size_t len, struct fault *fault);

/* Reads a signed occasion of exactly two signatures, which are not looked at. It owns nothing. */
MUST_CHECK enum status occasion_paper_read(struct occasion_paper *out, const struct signed_document *document,
                                           struct fault *fault);

/* The signed document that was read, to the byte. Out: signed_document_free. */
MUST_CHECK enum status occasion_paper_write(struct signed_document *out, const struct occasion_paper *paper,
                                            struct fault *fault);

/* The canonical bytes; refuses what occasion_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status occasion_encode(struct bytes *out, const struct occasion *occasion, struct fault *fault);

/* The digest of the document bytes: what gifts and restore proofs name. */
void occasion_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes and verifies: chain, environment and policy are those of `policy` (STATUS_MISMATCH); the time has come and is
 * not over (STATUS_NOT_READY, STATUS_EXPIRED); requester (duty operator or administrator), authoriser (administrator)
 * and executor (custodian) have their duties and are valid (STATUS_FORBIDDEN, STATUS_EXPIRED); it bears exactly two
 * signatures, of the requester and of the authoriser (STATUS_UNKNOWN_KEY, STATUS_DUPLICATE_PERSON,
 * STATUS_SIGNATURE_INVALID, STATUS_QUORUM_MISSING).
 */
MUST_CHECK enum status occasion_verify(struct occasion *out, const struct signed_document *document,
                                       const struct policy *policy, int64_t at_utc_us, struct fault *fault);

/* What a receiver of shares is. Borrowed. */
struct occasion_receiver {
    enum occasion_action action;
    const struct digest *key;
    const struct digest *set;
    const char *serial; /* "" to activate */
    const struct seal_key *to;
};

/* For the receiver: a verified occasion is about it in every respect. STATUS_MISMATCH names the field. */
MUST_CHECK enum status occasion_check_receiver(const struct occasion *occasion,
                                               const struct occasion_receiver *receiver, struct fault *fault);

/*
 * For a custodian: the share serves the action, key and set of a verified occasion (STATUS_MISMATCH), and its custodian
 * may give it on this occasion (occasion_check_giver).
 */
MUST_CHECK enum status occasion_check_share(const struct occasion *occasion, const struct share_document *share,
                                            const struct policy *policy, int64_t at_utc_us, struct fault *fault);

/*
 * A custodian who gives a share has the duty (STATUS_FORBIDDEN), is valid (STATUS_EXPIRED), and neither asked for it
 * nor allowed it (STATUS_DUPLICATE_PERSON).
 */
MUST_CHECK enum status occasion_check_giver(const struct occasion *occasion, const struct name *custodian,
                                            const struct policy *policy, int64_t at_utc_us, struct fault *fault);

#endif
