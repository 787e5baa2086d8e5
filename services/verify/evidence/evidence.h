/*
 * What was read of an evidence bundle and proven so far. Written from docs/formats.md sections 2 to 4 for this program
 * alone.
 *
 * Each check looks at one part by what was proven before it, prints what is wrong, and answers whether nothing is.
 */
#ifndef STRONGROOM_VERIFY_EVIDENCE_H
#define STRONGROOM_VERIFY_EVIDENCE_H

#include "documents.h"
#include "policy_rules.h"
#include "trust.h"

#define APPROVALS_MAX RULES_VOTES_MAX
#define POLICIES_MAX 64
#define SIGNINGS_MAX 512
#define BY_ITS_CLOCK                                                                                                   \
    ", by the time of withdrawal.signing; the signer's clock, which alone counts, may have shown another: ask who "    \
    "runs it"

struct proof {
    const struct trust *trust;
    struct report report;
    struct verify_bundle bundle;
    json_t *kept;  /* owned: the documents, from which all borrow */
    json_t *lines; /* owned: what was seen, for people */

    struct verify_policy versions[POLICIES_MAX]; /* of the policy, first to in force at the signature */
    size_t version_count;
    const struct verify_policy *proposed; /* the version that the intent names */
    const struct verify_policy *in_force; /* the last one */

    struct verify_intent intent;
    struct signed_text intent_text;
    const json_t *wallet; /* of the version proposed */
    struct key wallet_key;
    struct name destination_group;
    int64_t destination_until;
    int64_t until; /* the first time at which anything of it has expired */

    struct verify_approval approvals[APPROVALS_MAX];
    size_t approval_count;
    struct rules_vote votes[APPROVALS_MAX]; /* of approvers who are in force, too, with the key that signed */
    struct rules_request judged;            /* at the time that is chosen */

    struct checkpoint checkpoint;
    char *refs; /* owned: what an entry names that is about the documents of the bundle */
    uint64_t entry_count;
    uint64_t last_index; /* and time: */
    int64_t last_utc_us;
    int64_t announced_utc_us; /* of the first withdrawal.announced for this intent; INT64_MAX for none */
    /*
     * When the signer was asked with these documents under this version, before the signature. Without any, the first
     * is the time of the first entry withdrawal.signing, whatever it names.
     */
    int64_t signings[SIGNINGS_MAX];
    size_t signing_count;
    size_t noted;          /* those after the signature, too */
    int64_t signed_utc_us; /* of the last withdrawal.signed; INT64_MAX for none, as when people settled it */
    bool asked;            /* an entry withdrawal.signing is there */
    bool asked_for;        /* one names these documents, of whatever version */
    bool ends;             /* the last entry is withdrawal.confirmed */
    unsigned said;         /* event_end */
    bool waited_for_hours; /* the time chosen is none of `signings`: when the hours came */
    bool in_doubt;         /* not good at any of `signings`, but at a time that the signer's clock may have shown */

    uint64_t height;
    int64_t confirmed_utc_us; /* by the block */
};

/* The version that a document names, when it is for this ledger and the environment of that version; else NULL. */
const struct verify_policy *proof_version(const struct proof *proof, const struct digest *chain,
                                          const struct digest *policy, const struct name *environment);

/* The trail: what stands in it of this withdrawal, and when the signer was asked. Needs policies and intent. */
bool check_story(struct proof *proof);

/* The transaction is the one that the intent describes, signed once, by the wallet's key. */
bool check_transaction(struct proof *proof);

/* A block that the validators of the genesis confirmed holds the transaction, as executed. */
bool check_block(struct proof *proof);

/*
 * When the bundle has an order for a key out of service: order and key document are signed by their quorums and are
 * about this intent and this key. Needs story and block.
 */
bool check_sweep(struct proof *proof);

#endif
