/*
 * What the process may still do once it serves.
 */
#ifndef STRONGROOM_SIGNERD_SANDBOX_H
#define STRONGROOM_SIGNERD_SANDBOX_H

#include "base/status.h"

/* Defined in builds with a sanitizer, which must be let do more in order to report; such a build is for tests only. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED
#endif

/* Gives up every capability, for good, and the way to new ones. Before threads are started. STATUS_IO. */
MUST_CHECK enum status sandbox_privileges_drop(struct fault *fault);

/*
 * Lets all threads of the process make only the system calls that serving needs; any other ends the process. After
 * everything is open and every thread is running. STATUS_IO.
 */
MUST_CHECK enum status sandbox_enter(struct fault *fault);

#endif
