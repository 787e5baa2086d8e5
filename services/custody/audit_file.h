/*
 * Files about the trail, told by how they begin.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_FILE_H
#define STRONGROOM_CUSTODY_AUDIT_FILE_H

#include <stddef.h>

#include "base/status.h"

/*
 * Whether a file that begins so may be a whole export; whether it may be a checkpoint that was kept. STATUS_INVALID
 * says of `in` what it is instead, as far as that is known (docs/formats.md sections 3 and 4).
 */
MUST_CHECK enum status audit_file_is_export(const char *start, size_t len, struct fault *fault);
MUST_CHECK enum status audit_file_is_checkpoint(const char *start, size_t len, struct fault *fault);

#endif
