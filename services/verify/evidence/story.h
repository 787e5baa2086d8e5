/*
 * What the trail tells of one withdrawal: its entries, each proven under the checkpoint, and when the signer was asked.
 * Written from docs/formats.md sections 3 and 4 for this program alone.
 */
#ifndef STRONGROOM_VERIFY_STORY_H
#define STRONGROOM_VERIFY_STORY_H

#include "documents.h"
#include "note.h"
#include "report.h"
#include "trust.h"

#define STORY_SIGNINGS_MAX 512

/* What the entries are held against. Borrowed. */
struct story_claim {
    const struct trust *trust;
    const struct verify_bundle *bundle;
    const json_t *refs;          /* what an entry names that is about the documents of the bundle */
    const struct digest *policy; /* the last version of the bundle */
};

struct story {
    struct checkpoint checkpoint;
    uint64_t entry_count;
    uint64_t last_index;
    int64_t announced_utc_us; /* of the first withdrawal.announced for this intent; INT64_MAX for none */
    /*
     * When the signer was asked with these documents under this version, before the signature. Without any, the first
     * is the time of the first entry withdrawal.signing, whatever it names.
     */
    int64_t signings[STORY_SIGNINGS_MAX];
    size_t signing_count;
    size_t noted;   /* those after the signature, too */
    bool is_signed; /* withdrawal.signed is there; it is not when people settled it */
    bool asked;     /* an entry withdrawal.signing is there */
    bool asked_for; /* one names these documents, of whatever version */
    bool confirmed; /* the last entry says so */
};

/* True when the entries are whole and lead over withdrawal.signing to withdrawal.confirmed; otherwise a finding. */
bool story_read(struct story *out, struct report *report, const struct story_claim *claim);

#endif
