/*
 * The sealing key of a custodian: what shares are sealed for, signed by that person. See docs/formats.md.
 *
 * Whoever types the command that makes shares names the keys they are sealed for. Without a paper of the custodian he
 * could name his own. The paper stands in every table of shares, so what was sealed for whom is judged again by
 * everyone who reads the table: the signer that admits a key or takes a share set, and the verifier.
 */
#ifndef STRONGROOM_POLICY_SEALING_KEY_H
#define STRONGROOM_POLICY_SEALING_KEY_H

#include "base/seal.h"
#include "base/signed.h"
#include "policy/policy.h"

#define SEALING_KEY_KIND "sealing_key"
#define SEALING_KEY_EARLY_MAX_US 60000000LL /* clocks of several machines */

struct sealing_key {
    struct name environment;
    int64_t issued_at; /* microseconds UTC */
    struct name person;
    struct seal_key seal;
    int64_t valid_until; /* microseconds UTC; after issued_at */
};

/* A signed one as it stands in a table of shares. It owns nothing. */
struct sealing_paper {
    struct sealing_key key;
    struct signature signature;
};

/* Reads strictly; no signature is looked at. It owns nothing. */
MUST_CHECK enum status sealing_key_decode(struct sealing_key *out, const void *document, size_t len,
                                          struct fault *fault);

/* The canonical bytes; refuses what sealing_key_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status sealing_key_encode(struct bytes *out, const struct sealing_key *key, struct fault *fault);

/* Reads a signed one of exactly one signature (STATUS_SIGNATURE_INVALID), which is not looked at. */
MUST_CHECK enum status sealing_paper_read(struct sealing_paper *out, const struct signed_document *document,
                                          struct fault *fault);

/* The signed document that was read, to the byte. Out: signed_document_free. */
MUST_CHECK enum status sealing_paper_write(struct signed_document *out, const struct sealing_paper *paper,
                                           struct fault *fault);

/* It has begun (STATUS_NOT_READY) and is not over (STATUS_EXPIRED). */
MUST_CHECK enum status sealing_paper_check_time(const struct sealing_paper *paper, int64_t at_utc_us,
                                                struct fault *fault);

/*
 * It is of the policy's environment (STATUS_MISMATCH), is valid then (sealing_paper_check_time) and signed by a key
 * that the policy gives to the person it names (STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID).
 */
MUST_CHECK enum status sealing_paper_verify(const struct sealing_paper *paper, const struct policy *policy,
                                            int64_t at_utc_us, struct fault *fault);

#endif
