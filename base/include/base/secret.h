/*
 * Secrets: PINs, passphrases and private keys live in OpenSSL's secure heap (locked, guarded, zeroed on free) and
 * nowhere else.
 */
#ifndef STRONGROOM_BASE_SECRET_H
#define STRONGROOM_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define SECRET_MAX 4096

/* `data` lies in the secure heap and is followed by one NUL byte. Owner frees with secret_free. */
struct secret {
    uint8_t *data;
    size_t len;
};

/* Makes the secure heap, once per process and before the first secret. STATUS_IO when memory cannot be locked. */
MUST_CHECK enum status secret_heap_open(struct fault *fault);

/* A zeroed secret of `len` bytes (1..SECRET_MAX). */
MUST_CHECK enum status secret_new(struct secret *out, size_t len);

/*
 * Reads a secret from a descriptor to its end: one line at most, a final newline is dropped; empty, longer than
 * SECRET_MAX or with an inner newline is STATUS_INVALID. The descriptor stays open.
 */
MUST_CHECK enum status secret_read(struct secret *out, int fd, struct fault *fault);

/*
 * The same from a file, which must be a regular file of this user that nobody else may read or write (mode 0600 or
 * stricter): STATUS_INVALID otherwise.
 */
MUST_CHECK enum status secret_read_file(struct secret *out, const char *path, struct fault *fault);

/* Wipes, frees and empties; an empty one is fine. */
void secret_free(struct secret *secret);

/* Wipes memory outside the secure heap that held something derived. */
void secret_wipe(void *data, size_t len);

/* Frees what malloc gave, wiped: for a library that calls back to free. NULL is fine. */
void secret_wiped_free(void *data);

/*
 * From now on what jansson frees is wiped: for a program through which personal data passes. Once, before there are
 * threads.
 */
void secret_json_open(void);

/* No core dumps, not traceable, no ptrace by the same user. For every program that holds a secret. */
MUST_CHECK enum status secret_harden_process(struct fault *fault);

#endif
