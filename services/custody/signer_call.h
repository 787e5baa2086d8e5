/*
 * Speaking to a signer's socket (docs/decisions/0007): one connection, for the key operations and the activation.
 */
#ifndef STRONGROOM_CUSTODY_SIGNER_CALL_H
#define STRONGROOM_CUSTODY_SIGNER_CALL_H

#include "options.h"
#include "policy/command.h"
#include "wire/client.h"

/* Prepares the connection to --socket, where a signer of `role` must answer. Out: wire_pool_free. */
MUST_CHECK enum status signer_call_open(struct wire_pool **out, const struct custody_options *options,
                                        enum signer_role role, struct fault *fault);

/* The role of --role; STATUS_USAGE when it is none. */
MUST_CHECK enum status signer_call_role(enum signer_role *out, const struct custody_options *options,
                                        struct fault *fault);

/* How long a call may take: --timeout, in milliseconds. */
int64_t signer_call_timeout_ms(const struct custody_options *options);

#endif
