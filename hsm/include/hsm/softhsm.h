/*
 * What SoftHSM needs from outside because its files are not crash-safe: it truncates an object file and then writes it,
 * without fsync and without rename, so a full disk or a kill can leave an empty private key or an empty token.
 *
 * SoftHSM is for evaluation and tests. hsm_token_open and hsm_key_generate call these by themselves.
 */
#ifndef STRONGROOM_HSM_SOFTHSM_H
#define STRONGROOM_HSM_SOFTHSM_H

#include <stddef.h>

#include "base/status.h"

/*
 * The token folder: `directories.tokendir` of the file that SOFTHSM2_CONF names, else of the user's
 * ~/.config/softhsm2/softhsm2.conf, else of /etc/softhsm/softhsm2.conf. STATUS_IO when the file cannot be read,
 * STATUS_INVALID when it has no such line or the folder does not fit into `size` bytes.
 */
MUST_CHECK enum status hsm_softhsm_token_dir(char *out, size_t size, struct fault *fault);

/*
 * Looks at every `*.object` file of every token in the folder: STATUS_CORRUPT naming the first one that is empty, not a
 * regular file or not readable. Changes nothing.
 */
MUST_CHECK enum status hsm_softhsm_check(const char *token_dir, struct fault *fault);

/* Brings everything written under the folder to the disk (syncfs). STATUS_IO. */
MUST_CHECK enum status hsm_softhsm_sync(const char *token_dir, struct fault *fault);

#endif
