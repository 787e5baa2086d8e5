/*
 * The rule by which a log's own signer and its witnesses sign checkpoints: only what extends the last one (C2SP
 * tlog-witness). Who asks has parsed the checkpoint, and remembers what is answered SAME or PROVEN before it signs.
 */
#ifndef STRONGROOM_AUDIT_EXTEND_H
#define STRONGROOM_AUDIT_EXTEND_H

#include "audit/proof.h"

/* What was signed last; size 0 and the empty root before the first. */
struct audit_remembered {
    uint64_t size;
    struct digest root;
};

enum audit_extension {
    AUDIT_EXTENSION_SAME,      /* the size and the root that are remembered: signed again, whatever `old` and proof */
    AUDIT_EXTENSION_PROVEN,    /* larger, and the proof holds */
    AUDIT_EXTENSION_BEHIND,    /* smaller */
    AUDIT_EXTENSION_FORK,      /* the size that is remembered with another root: two histories */
    AUDIT_EXTENSION_ELSEWHERE, /* larger, and the proof begins at another size than the one remembered */
    AUDIT_EXTENSION_UNPROVEN,  /* larger, and the proof from the size remembered does not hold */
};

/*
 * Judges the checkpoint `next` against what is remembered. `proof` is the consistency proof from size `old` to that of
 * the checkpoint (audit_consistency_verify).
 */
enum audit_extension audit_extend(const struct audit_remembered *last, uint64_t old, const struct audit_proof *proof,
                                  const struct audit_checkpoint *next);

#endif
