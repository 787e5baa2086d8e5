/*
 * What the process may still do once it serves.
 */
#ifndef STRONGROOM_SIGNERD_SANDBOX_H
#define STRONGROOM_SIGNERD_SANDBOX_H

#include "base/status.h"

/* Builds with a sanitizer, which starts programs in order to report, have no filter: they are for tests only. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_USABLE false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_USABLE false
#endif
#endif
#ifndef SANDBOX_USABLE
#define SANDBOX_USABLE true
#endif

/* Gives up every capability, for good, and the way to new ones. Before threads are started. STATUS_IO. */
MUST_CHECK enum status sandbox_privileges_drop(struct fault *fault);

enum sandbox_kind {
    SANDBOX_SIGNER, /* signerd: what it has open, and nothing more */
    SANDBOX_TOKEN,  /* a token's process: files as well, because the module of a SoftHSM reads and writes them */
};

/*
 * Lets all threads of the process make only the system calls that serving needs; any other ends the process. After
 * everything is open and every thread is running. STATUS_IO.
 */
MUST_CHECK enum status sandbox_enter(enum sandbox_kind kind, struct fault *fault);

#endif
