/*
 * What the roles share: the signer they work on and how they answer.
 */
#ifndef STRONGROOM_SIGNER_ROLE_H
#define STRONGROOM_SIGNER_ROLE_H

#include <stdatomic.h>

#include "audit/checkpoint.h"
#include "signer/signer.h"

struct signer {
    enum signer_role role;
    struct guard *guard;
    const struct signer_key *key;
    const struct clock *clock;
    struct guard_state identity; /* as at start: only the part that never changes is read here */
    struct policy policy;        /* transfer: in force */
    struct audit_key log_key;    /* transfer, audit */
    atomic_bool halt_logged;
};

/* Answers a request: fills the member of `reply` that belongs to the operation. */
typedef enum status role_handler(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                 struct fault *fault);

role_handler transfer_sign;
role_handler checkpoint_sign;
role_handler header_sign;

/* Signs a document of `kind` with the token's key. What it says has been checked and remembered. */
MUST_CHECK enum status role_document_sign(const struct signer *signer, struct signature *out, const char *kind,
                                          const struct bytes *document, struct fault *fault);

#endif
