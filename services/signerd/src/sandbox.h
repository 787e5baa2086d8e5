/*
 * What the process may still do once it serves.
 */
#ifndef STRONGROOM_SIGNERD_SANDBOX_H
#define STRONGROOM_SIGNERD_SANDBOX_H

#include "base/status.h"

/* Gives up every capability, for good, and the way to new ones. Before threads are started. STATUS_IO. */
MUST_CHECK enum status sandbox_privileges_drop(struct fault *fault);

/*
 * Lets all threads of the process make only the system calls that serving needs; any other ends the process. After
 * everything is open and every thread is running. STATUS_IO.
 */
MUST_CHECK enum status sandbox_enter(struct fault *fault);

#endif
