/*
 * The trust file: what a verifier got by another way than from the service.
 */
#ifndef STRONGROOM_VERIFY_TRUST_H
#define STRONGROOM_VERIFY_TRUST_H

#include "event.h"
#include "note.h"
#include "report.h"

#define WITNESSES_MAX 16
#define ROTATIONS_MAX 16
#define FORKS_MAX 15

/* The end of a log, by an order of the quorum, at a number of entries that are good. */
struct log_end {
    uint64_t size; /* 0: there is none */
    struct digest root;
    struct digest order;
};

struct trust {
    struct digest chain;        /* of the ledger */
    struct digest first_policy; /* digest of the first policy */
    struct note_key log;        /* the first key; the rotations follow it */
    struct note_key rotations[ROTATIONS_MAX];
    size_t rotation_count;
    struct log_end follows;                   /* what the log begins after */
    struct log_end ended;                     /* where it ends itself */
    struct trust *next;                       /* the same, of the log that follows; NULL for none */
    struct note_key witnesses[WITNESSES_MAX]; /* of different names and keys */
    size_t witness_count;
    size_t quorum;         /* how many of them must have cosigned; 0 when the file names none */
    int64_t fresh_since_s; /* not of the file: what is of another time than from then until then proves nothing new */
    int64_t fresh_until_s;
};

/* Reads the trust file (docs/formats.md section 4), once per process. STATUS_INVALID when it is none. Out: of the first
 * log, not to be copied. */
MUST_CHECK enum status trust_read(struct trust *out, const char *path, struct fault *fault);

/* What is trusted of the log with this origin; of the first one when there is none. */
const struct trust *trust_log(const struct trust *first, struct span origin);

/* False when the log follows another, and its first entry does not name the order by which that one ended. */
bool trust_begins(const struct trust *trust, const struct event *first);

/*
 * A finding, which begins with `part`, when the quorum ended the log before this checkpoint: incomplete, with all that
 * is under it, since it does not show the root of the order; or at it, with another root: tampered. The second one also
 * when too few different witnesses of the trust file cosigned it, incomplete, or the signature of one is bad, tampered.
 */
void trust_ended(const struct trust *trust, struct report *report, const char *part,
                 const struct checkpoint *checkpoint);
void trust_witnessed(const struct trust *trust, struct report *report, const char *part,
                     const struct checkpoint *checkpoint);

#endif
