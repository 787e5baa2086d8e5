/*
 * Secrets in OpenSSL's secure heap, and the process settings that keep them there.
 *
 * A secret is read straight from the descriptor into the heap, byte by byte of the final memory: no buffer in between
 * would be wiped. Nothing here prints, logs or compares a secret.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAP_SIZE (256 * 1024)
#define HEAP_MINIMUM 32

enum status secret_heap_open(struct fault *fault)
{
    if (CRYPTO_secure_malloc_initialized() == 1) {
        return STATUS_OK;
    }
    int made = CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_MINIMUM);
    if (made == 2) { /* the memory is there, but it could not be locked or guarded: not what was promised */
        (void)CRYPTO_secure_malloc_done();
    }
    if (made != 1) {
        return fault_set(fault, STATUS_IO, "secure heap", "could not lock %d bytes of memory", HEAP_SIZE);
    }
    return STATUS_OK;
}

enum status secret_new(struct secret *out, size_t len)
{
    INVARIANT(CRYPTO_secure_malloc_initialized() == 1);
    if (len == 0 || len > SECRET_MAX) {
        return STATUS_INVALID;
    }
    uint8_t *data = OPENSSL_secure_zalloc(len + 1);
    if (data == NULL) {
        return STATUS_NO_MEMORY;
    }
    *out = (struct secret){.data = data, .len = len};
    return STATUS_OK;
}

/* Reads until the end or until `room` is full; the number of bytes, or -1. */
static ssize_t read_whole(uint8_t *data, size_t room, int fd)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, data + len, room - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* The length of the one line in `len` bytes, 0 when there is no such line. */
static size_t line_length(const uint8_t *data, size_t len)
{
    if (len > 0 && data[len - 1] == '\n') {
        len--;
    }
    bool one_line = len <= SECRET_MAX && memchr(data, '\n', len) == NULL && memchr(data, '\0', len) == NULL;
    return one_line ? len : 0;
}

/* Copies the one line of what was read into a secret of its own length. */
static enum status take_line(struct secret *out, const uint8_t *data, ssize_t got, struct fault *fault)
{
    if (got < 0) {
        return fault_set(fault, STATUS_IO, "secret", "could not read: error %d", errno);
    }
    size_t len = line_length(data, (size_t)got);
    if (len == 0) {
        return fault_set(fault, STATUS_INVALID, "secret", "one line of 1 to %d bytes", SECRET_MAX);
    }
    struct secret secret = {0};
    enum status status = secret_new(&secret, len);
    if (status != STATUS_OK || secret.data == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "secret", "the secure heap is full");
    }
    memcpy(secret.data, data, len);
    *out = secret; /* transferred */
    return STATUS_OK;
}

enum status secret_read(struct secret *out, int fd, struct fault *fault)
{
    INVARIANT(CRYPTO_secure_malloc_initialized() == 1);
    const size_t room = SECRET_MAX + 2; /* a final newline, and one byte more to see that it is too long */
    uint8_t *data = OPENSSL_secure_zalloc(room);
    if (data == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "secret", "the secure heap is full");
    }
    enum status status = take_line(out, data, read_whole(data, room, fd), fault);
    OPENSSL_secure_clear_free(data, room);
    return status;
}

static enum status check_file(int fd, const char *path, struct fault *fault)
{
    struct stat file;
    if (fstat(fd, &file) != 0) {
        return fault_set(fault, STATUS_IO, path, "could not examine the file: error %d", errno);
    }
    if (!S_ISREG(file.st_mode) || file.st_uid != geteuid() || (file.st_mode & 077) != 0) {
        return fault_set(fault, STATUS_INVALID, path, "a regular file of this user with mode 0600 or stricter");
    }
    return STATUS_OK;
}

enum status secret_read_file(struct secret *out, const char *path, struct fault *fault)
{
    /* O_NONBLOCK: opening a FIFO in place of the file must not hang. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, STATUS_IO, path, "could not open the file: error %d", errno);
    }
    enum status status = check_file(fd, path, fault);
    if (status == STATUS_OK) {
        status = secret_read(out, fd, fault);
    }
    (void)close(fd);
    return status;
}

void secret_free(struct secret *secret)
{
    if (secret->data != NULL) {
        OPENSSL_secure_clear_free(secret->data, secret->len + 1);
    }
    *secret = (struct secret){0};
}

void secret_wipe(void *data, size_t len)
{
    OPENSSL_cleanse(data, len);
}

/* Its room may be larger than was asked for; all of it is ours. */
void secret_wiped_free(void *data)
{
    if (data != NULL) {
        OPENSSL_cleanse(data, malloc_usable_size(data));
    }
    free(data);
}

void secret_json_open(void)
{
    json_set_alloc_funcs(malloc, secret_wiped_free);
}

enum status secret_harden_process(struct fault *fault)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return fault_set(fault, STATUS_IO, "process", "could not forbid core dumps and tracing: error %d", errno);
    }
    return STATUS_OK;
}
