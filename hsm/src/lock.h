/*
 * One process for each token of this host.
 */
#ifndef STRONGROOM_HSM_LOCK_H
#define STRONGROOM_HSM_LOCK_H

#include "hsm/token.h"

/*
 * Takes the lock of the token that `identity` names (hsm_token_config: lock_folder). Waits a moment for a process that
 * is ending. Out: a descriptor that holds the lock; the kernel frees it when the descriptor is closed, at the latest at
 * the end of the process. STATUS_CONFLICT (another process has the token open; where: its serial, detail: that
 * process), STATUS_IO (the folder or the file cannot be used).
 */
MUST_CHECK enum status hsm_lock_take(int *out_fd, const char *folder, const struct hsm_token_selector *identity,
                                     struct fault *fault);

#endif
