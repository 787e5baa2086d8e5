/*
 * Whole small files, read and replaced: documents, certificates, exports that fit into memory. Secrets have
 * secret_read_file.
 */
#ifndef STRONGROOM_BASE_FILE_H
#define STRONGROOM_BASE_FILE_H

#include "base/bytes.h"
#include "base/digest.h"

/*
 * Reads the file at `path`, at most `max` bytes. `where` names the option or part in the fault. Out: owned by the
 * caller. STATUS_INVALID when it is not there or may not be read (starting again will not help), STATUS_TOO_LARGE,
 * STATUS_IO.
 */
MUST_CHECK enum status file_read(struct bytes *out, const char *path, size_t max, const char *where,
                                 struct fault *fault);

/* The same for a file of one document: one final newline is dropped. */
MUST_CHECK enum status file_read_document(struct bytes *out, const char *path, size_t max, const char *where,
                                          struct fault *fault);

/*
 * SHA-256 of this program's own file, as it runs: what an audit is told of it. STATUS_INVALID, STATUS_TOO_LARGE (256
 * MiB), STATUS_IO, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status file_program_digest(struct digest *out, struct fault *fault);

/*
 * Makes the file at `path` hold exactly `content`, readable by its owner alone: written beside it as `path`.new,
 * synced, renamed over it, the folder synced. Whoever reads `path`, after a crash at any instant too, finds the whole
 * old file or the whole new one. One writer at a time: the caller holds a lock. `where` as above. STATUS_IO: on a fault
 * before the renaming the old file stands; when only the folder could not be synced, either one may stand after a
 * crash. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status file_replace(const char *path, const struct bytes *content, const char *where,
                                    struct fault *fault);

/*
 * Makes a file at `path` with exactly `content`, readable by all: written and synced under a name of its own beside it,
 * and then given this one. After a crash at any instant it is there whole or not at all. STATUS_EXISTS when there is a
 * file of this name, which stays as it is; STATUS_IO, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status file_create(const char *path, const struct bytes *content, const char *where,
                                   struct fault *fault);

#endif
