/*
 * Reading a whole small file: documents, certificates, exports that fit into memory. Secrets have secret_read_file.
 */
#ifndef STRONGROOM_BASE_FILE_H
#define STRONGROOM_BASE_FILE_H

#include "base/bytes.h"

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

#endif
