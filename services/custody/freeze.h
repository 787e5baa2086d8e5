/*
 * Handing in a signed order freeze or thaw.
 */
#ifndef STRONGROOM_CUSTODY_FREEZE_H
#define STRONGROOM_CUSTODY_FREEZE_H

#include "commands.h"
#include "policy/command.h"

/* To the signer of role transfer at --socket, or to the service; prints what came of it. */
MUST_CHECK enum status freeze_send(const struct signed_document *document, const struct custody_options *options,
                                   struct fault *fault);

#endif
