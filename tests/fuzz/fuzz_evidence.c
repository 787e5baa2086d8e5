/*
 * custody-verify evidence under a fuzzer, and the documents it reads. The trust file is the one of
 * corpus/evidence/bundle, whose keys nobody has any more. For any bytes: nothing is read out of bounds, nothing leaks,
 * and no other file is proven: what is accepted has the length of one of the two bundles that were made.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "documents.h"
#include "verify.h"

#define TRUST                                                                                                          \
    "{\"chain\":\"982c21a7c2668661bd0e8705730dca91d3bd72ef3d84e27bd66dfae52b9e2018\","                                 \
    "\"log\":\"strongroom.example/audit/v1+6f5e3865+AWFsuqZvHr/MvGFHNgXQ39MT/90gEF3GnhTloi8sR2Wv\","                   \
    "\"policy\":\"bf1810e00d6ea12349b1040cc6b80c5201846a6646f38766af1deab2ab0e63f3\"}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct trust trust;

/* A file in memory that can be opened by its path. */
static int in_memory(char path[64], const void *data, size_t size)
{
    int fd = memfd_create("fuzz", 0);
    INVARIANT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void begin(void)
{
    char path[64];
    int fd = in_memory(path, TRUST, strlen(TRUST));
    INVARIANT(trust_read(&trust, path, NULL) == STATUS_OK);
    INVARIANT(freopen("/dev/null", "w", stdout) != NULL);
    (void)close(fd);
}

static void check_documents(const char *text)
{
    static const enum document flat[] = {DOCUMENT_APPROVAL, DOCUMENT_COMMAND, DOCUMENT_DESTINATION,
                                         DOCUMENT_HEADER,   DOCUMENT_INTENT,  DOCUMENT_RECEIPT};
    union {
        struct verify_approval approval;
        struct verify_command command;
        struct verify_destination destination;
        struct verify_header header;
        struct verify_intent intent;
        struct verify_receipt receipt;
    } out;
    struct verify_policy policy;
    struct signed_text signed_text;
    json_t *kept = json_array();
    json_t *object = NULL;
    size_t i = 0;
    while (i < COUNT(flat) && document_read(&signed_text, &out, kept, flat[i], text, NULL) != STATUS_OK) {
        i++;
    }
    if (i == COUNT(flat) && canon_parse(&object, text, strlen(text), CANON_POLICY_MAX, NULL) == STATUS_OK) {
        if (signed_text_read(&signed_text, &policy, kept, DOCUMENT_POLICY, object, NULL) == STATUS_OK) {
            INVARIANT(signed_text.count <= SIGNED_MAX);
        }
        INVARIANT(verify_policy_follow(&policy, NULL, kept, object, &trust.first_policy) != NULL);
        json_decref(object);
    }
    json_decref(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t lengths[] = {22319, 26466};
    char path[64];
    struct bytes text;
    if (trust.log.name[0] == '\0') {
        begin();
    }
    INVARIANT(bytes_copy(&text, data, size) == STATUS_OK);
    check_documents((const char *)text.data);
    bytes_free(&text);
    char *const rest[] = {path};
    const struct verify_request request = {.rest = rest, .rest_count = 1, .explain = true};
    int fd = in_memory(path, data, size);
    enum verdict verdict = verify_evidence(&trust, &request);
    (void)close(fd);
    bool known = false;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        known = known || size == lengths[i] || size + 1 == lengths[i];
    }
    INVARIANT(verdict != VERDICT_USAGE && (verdict != VERDICT_PROVEN || known));
    return 0;
}
