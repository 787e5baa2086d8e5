/*
 * The trust file: what a verifier got by another way than from the service, and reading files.
 */
#ifndef STRONGROOM_VERIFY_TRUST_H
#define STRONGROOM_VERIFY_TRUST_H

#include "note.h"

struct trust {
    struct digest chain;        /* of the ledger */
    struct digest first_policy; /* digest of the first policy */
    struct log_key log;
};

/* Reads the trust file (docs/formats.md section 4). STATUS_INVALID when it is none. */
MUST_CHECK enum status trust_read(struct trust *out, const char *path, struct fault *fault);

#endif
