/*
 * What a person (or a program with a key) says of a withdrawal: made, signed, handed in. See policy/approval.h.
 */
#ifndef STRONGROOM_CUSTODY_DECISION_H
#define STRONGROOM_CUSTODY_DECISION_H

#include "decoded.h"
#include "keyfile.h"
#include "policy/approvals.h"

/* The approvals of an intent that this tool verified itself. */
struct decision_seen {
    struct name approvers[APPROVAL_SEEN_MAX];
    struct digest digests[APPROVAL_SEEN_MAX]; /* of the same */
    size_t count;
    struct name requester;           /* who signed the request; empty when nobody did */
    struct name rejecter;            /* who rejected it; empty when nobody did */
    size_t others;                   /* that do not verify, or are there twice; they count for nothing */
    struct policy_approvals counted; /* what of them the rules look at; owned */
};

/*
 * Verifies what the service shows in `approvals` of a withdrawal, under the version of the policy that the intent
 * names; who is not in force any more with that key is none of them. STATUS_TOO_LARGE above APPROVAL_SEEN_MAX.
 */
MUST_CHECK enum status decision_read_seen(struct decision_seen *out, const struct decoded *decoded,
                                          const json_t *withdrawal, struct fault *fault);

/* Frees and empties. */
void decision_seen_wipe(struct decision_seen *seen);

/* Who they are, in words, on standard output. */
void decision_print_seen(const struct decision_seen *seen);

/*
 * Whether an approval by the person would come before its step, with what was seen: why, in words, or nothing. `group`
 * is the one of the destination, NULL when it is not known here; suspensions are not. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status decision_read_early(char out240[EVALUATION_TEXT_SIZE], const struct decoded *decoded,
                                           const struct decision_seen *seen, const struct name *person,
                                           const struct name *group, struct fault *fault);

/* The person of the key, in the version of the intent and in the one in force. STATUS_UNKNOWN_KEY. Out: borrowed. */
MUST_CHECK enum status decision_person(const struct person **out, const struct decoded *decoded,
                                       const struct keyfile *keyfile, struct fault *fault);

/*
 * Makes and signs the document. An approval names what was seen (`seen` may be NULL for others). STATUS_UNKNOWN_KEY
 * when the key is nobody's, STATUS_EXPIRED when the intent is. Out: signed_document_free.
 */
MUST_CHECK enum status decision_make(struct signed_document *out, const struct decoded *decoded,
                                     const struct decision_seen *seen, const struct keyfile *keyfile,
                                     enum approval_decision decision, struct fault *fault);

/* Hands it in. Out: what the service says of the withdrawal, one reference. */
MUST_CHECK enum status decision_hand_in(json_t **out, const struct custody_options *options,
                                        const struct decoded *decoded, const struct signed_document *document,
                                        enum approval_decision decision, struct fault *fault);

#endif
