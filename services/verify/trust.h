/*
 * The trust file: what a verifier got by another way than from the service.
 */
#ifndef STRONGROOM_VERIFY_TRUST_H
#define STRONGROOM_VERIFY_TRUST_H

#include "note.h"
#include "report.h"

#define WITNESSES_MAX 16
#define ROTATIONS_MAX 16

struct trust {
    struct digest chain;        /* of the ledger */
    struct digest first_policy; /* digest of the first policy */
    struct note_key log;        /* the first; the rotations follow it */
    struct note_key rotations[ROTATIONS_MAX];
    struct note_key witnesses[WITNESSES_MAX]; /* of different names and keys */
    size_t witness_count;
    size_t quorum;         /* how many of them must have cosigned; 0 when the file names none */
    int64_t fresh_since_s; /* not of the file: what is of another time than from then until then proves nothing new */
    int64_t fresh_until_s;
};

/* Reads the trust file (docs/formats.md section 4). STATUS_INVALID when it is none. Out: not to be copied. */
MUST_CHECK enum status trust_read(struct trust *out, const char *path, struct fault *fault);

/*
 * True when enough different witnesses of the trust file cosigned the checkpoint that the log has signed, or it names
 * none. Otherwise a finding, which begins with `part`: incomplete when they are too few, tampered when the signature of
 * one is bad.
 */
bool trust_witnessed(const struct trust *trust, struct report *report, const char *part,
                     const struct checkpoint *checkpoint);

#endif
