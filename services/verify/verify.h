/*
 * The checks of custody-verify. Each prints what it found and answers the verdict.
 */
#ifndef STRONGROOM_VERIFY_VERIFY_H
#define STRONGROOM_VERIFY_VERIFY_H

#include "report.h"
#include "trust.h"

/* What commands are asked: paths of files, "" for none. */
struct verify_request {
    char entry[512];                                                 /* receipt: the bytes of an entry */
    char transcript[512], backup[512], restore[512], share_set[512]; /* ceremony */
    char key_document[512], policy[512];                             /* the first policy */
    char attestation[512];                                           /* address */
    int64_t max_age_days;                                            /* address: of the attestation */
    bool explain;                                                    /* evidence */
    char *const *rest;                                               /* what stands behind the options, in order */
    int rest_count;
};

/*
 * An export of the whole trail: every entry parses, links to the one before, stands where its number says, its columns
 * say what it says; ordinals and producer numbers have no gaps; the tree has the root of the signed checkpoint at its
 * end, and at every checkpoint or receipt that somebody kept (the words behind the first) the root that was signed
 * then.
 */
enum verdict verify_trail(const struct trust *trust, const struct verify_request *request);

/*
 * An evidence bundle: from the trust file to the block, with nothing believed in between. `explain`: of what was
 * proven, tells who approved what under which rule, and the entries.
 */
enum verdict verify_evidence(const struct trust *trust, const struct verify_request *request);

/* A receipt: that the log signed for its entry; which one that is, by its bytes or by an export (the second word). */
enum verdict verify_receipt(const struct trust *trust, const struct verify_request *request);

/* Two checkpoints or receipts and a consistency proof, or an export: the first is the beginning of the second. */
enum verdict verify_consistency(const struct trust *trust, const struct verify_request *request);

/* A filtered export: each row is in the trail that the checkpoint at its end signs. */
enum verdict verify_extract(const struct trust *trust, const struct verify_request *request);

/*
 * A transcript of a ceremony, replayed: script, order, links, signatures and duties, facts, the proof of the new key,
 * and the documents bound to it. `trust` may be NULL: then the digest of the first policy is printed for people to
 * compare.
 */
enum verdict verify_ceremony(const struct trust *trust, const struct verify_request *request);

/*
 * An address to pay to: derived from the key of a key document, attested by that key at most `max_age_days` ago as
 * active or inactive; the key is for transfers and a wallet of the last policy.
 */
enum verdict verify_address(const struct trust *trust, const struct verify_request *request);

#endif
