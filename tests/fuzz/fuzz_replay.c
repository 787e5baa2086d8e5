/*
 * custody-verify ceremony and address under a fuzzer. An input is one line for each file: transcript, key document,
 * backup, restore proof, policy, attestation; those of the corpus were made by people whose keys nobody has any more.
 * For any bytes: nothing is read out of bounds, nothing leaks, and no ceremony is proven that has not the length
 * of corpus/replay/whole.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "verify.h"

#define PARTS 6
#define WHOLE_LEN 17438

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line as a file in memory that can be opened by its path. */
static int part(char path[512], const uint8_t **at, const uint8_t *end)
{
    const uint8_t *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    const uint8_t *stop = newline == NULL ? end : newline;
    int fd = memfd_create("fuzz", 0);
    INVARIANT(fd >= 0 && write(fd, *at, (size_t)(stop - *at)) == stop - *at);
    (void)snprintf(path, 512, "/proc/self/fd/%d", fd);
    *at = newline == NULL ? end : newline + 1;
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool silent;
    struct verify_request request = {0};
    char *const paths[PARTS] = {request.transcript, request.key_document, request.backup,
                                request.restore,    request.policy,       request.attestation};
    int files[PARTS];
    const uint8_t *at = data;
    if (!silent) {
        INVARIANT(freopen("/dev/null", "w", stdout) != NULL);
        silent = true;
    }
    for (size_t i = 0; i < PARTS; i++) {
        files[i] = part(paths[i], &at, data + size);
    }
    enum verdict ceremony = verify_ceremony(NULL, &request);
    enum verdict address = verify_address(NULL, &request);
    for (size_t i = 0; i < PARTS; i++) {
        (void)close(files[i]);
    }
    INVARIANT(ceremony != VERDICT_USAGE && address != VERDICT_USAGE);
    INVARIANT(ceremony != VERDICT_PROVEN || size == WHOLE_LEN);
    return 0;
}
