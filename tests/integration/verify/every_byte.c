/*
 * Changes each byte of a file and lets the checks of custody-verify judge every version, in one process.
 *
 * usage: verify_every_byte trail|evidence TRUST FILE
 *        verify_every_byte transcript|key|backup|share_set|restore|policy|attestation TRUST FILE FOLDER
 *
 * In the second form the other files of the ceremony lie in the folder under these names.
 *
 * Exit 0 when the file itself is proven, every change is found (never proven, never a crash), and every shorter
 * beginning is refused; otherwise 1 with the positions on standard error.
 *
 * Most of what is judged again is what did not change. So keys that were read and signatures that were judged are kept
 * (the linker puts the two functions here in front of those of custody-verify): the same bytes have the same answer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto.h"
#include "verify.h"

#define CUT_STEP 11
#define MEMORY_SIZE 4096 /* answers; a power of two */

static const uint8_t flips[] = {0x01, 0x20, 0x80};

static struct trust trust;
static const char *kind;
static const char *folder;
static int target;
static char target_path[64];

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that the linker wants */
bool __real_key_read(struct key *out, const char *alg, const char *base64);
bool __real_key_verifies(const struct key *key, const uint8_t signature64[64], const void *message, size_t len);
bool __wrap_key_read(struct key *out, const char *alg, const char *base64);
bool __wrap_key_verifies(const struct key *key, const uint8_t signature64[64], const void *message, size_t len);

bool __wrap_key_read(struct key *out, const char *alg, const char *base64)
{
    static struct {
        char base64[256];
        struct key key;
    } memory[MEMORY_SIZE];
    struct digest digest;
    if (alg == NULL || base64 == NULL || strlen(base64) >= sizeof(memory[0].base64)) {
        return __real_key_read(out, alg, base64);
    }
    digest_sha256(&digest, base64, strlen(base64));
    size_t at = (digest.bytes32[0] * 256U + digest.bytes32[1]) % MEMORY_SIZE;
    if (strcmp(memory[at].base64, base64) == 0 && strcmp(memory[at].key.alg, alg) == 0) {
        *out = memory[at].key;
        return true;
    }
    if (!__real_key_read(out, alg, base64)) {
        return false;
    }
    memory[at].key = *out;
    (void)snprintf(memory[at].base64, sizeof(memory[at].base64), "%s", base64);
    return true;
}

bool __wrap_key_verifies(const struct key *key, const uint8_t signature64[64], const void *message, size_t len)
{
    static struct {
        struct digest asked;
        bool known;
        bool answer;
    } memory[MEMORY_SIZE];
    struct {
        struct digest key;
        struct digest message;
        uint8_t signature64[64];
    } question = {.key = key->id};
    struct digest asked;
    digest_sha256(&question.message, message, len);
    memcpy(question.signature64, signature64, 64);
    digest_sha256(&asked, &question, sizeof(question));
    size_t at = (asked.bytes32[0] * 256U + asked.bytes32[1]) % MEMORY_SIZE;
    if (!memory[at].known || !digest_equal(&memory[at].asked, &asked)) {
        memory[at].answer = __real_key_verifies(key, signature64, message, len);
        memory[at].asked = asked;
        memory[at].known = true;
    }
    return memory[at].answer;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* The path of a file of the ceremony: the changed one, or that of the folder. */
static void part(char out[512], const char *name)
{
    bool changed = strcmp(name, kind) == 0;
    (void)snprintf(out, 512, "%s%s%s", changed ? target_path : folder, changed ? "" : "/", changed ? "" : name);
}

static enum verdict judge(void)
{
    char *const bundle[] = {target_path};
    struct verify_request request = {.rest = bundle, .rest_count = folder == NULL ? 1 : 0};
    if (folder == NULL) {
        return strcmp(kind, "trail") == 0 ? verify_trail(&trust, &request) : verify_evidence(&trust, &request);
    }
    part(request.transcript, "transcript");
    part(request.key_document, "key");
    part(request.backup, "backup");
    part(request.share_set, "share_set");
    part(request.restore, "restore");
    part(request.policy, "policy");
    part(request.attestation, "attestation");
    request.max_age_days = 36500;
    return strcmp(kind, "attestation") == 0 ? verify_address(&trust, &request) : verify_ceremony(&trust, &request);
}

static int judge_change(const char *what, size_t at)
{
    enum verdict verdict = judge();
    if (verdict == VERDICT_TAMPERED || verdict == VERDICT_INCOMPLETE) {
        return 0;
    }
    (void)fprintf(stderr, "%s %zu: verdict %d\n", what, at, (int)verdict);
    return 1;
}

/* The three flips take turns. Out: how many changes were not found. */
static int change_each(const struct bytes *text)
{
    int missed = 0;
    for (size_t at = 0; at < text->len; at++) {
        uint8_t other = text->data[at] ^ flips[at % sizeof(flips)];
        INVARIANT(pwrite(target, &other, 1, (off_t)at) == 1);
        missed += judge_change("change of byte", at);
        INVARIANT(pwrite(target, &text->data[at], 1, (off_t)at) == 1);
    }
    return missed;
}

/* The last newline may go: it says nothing. */
static int cut_often(const struct bytes *text)
{
    int missed = 0;
    for (size_t len = text->len - 2; len > CUT_STEP; len -= CUT_STEP) {
        INVARIANT(ftruncate(target, (off_t)len) == 0);
        missed += judge_change("cut to length", len);
    }
    return missed;
}

int main(int argc, char **argv)
{
    struct bytes text = {0};
    INVARIANT(argc == 4 || argc == 5);
    kind = argv[1];
    folder = argc == 5 ? argv[4] : NULL;
    INVARIANT(trust_read(&trust, argv[2], NULL) == STATUS_OK);
    INVARIANT(file_read(&text, argv[3], 4194304, "bundle", NULL) == STATUS_OK);
    target = memfd_create("target", 0);
    INVARIANT(target >= 0 && write(target, text.data, text.len) == (ssize_t)text.len);
    (void)snprintf(target_path, sizeof(target_path), "/proc/self/fd/%d", target);
    INVARIANT(freopen("/dev/null", "w", stdout) != NULL);
    int missed = judge() == VERDICT_PROVEN ? 0 : 1;
    if (missed > 0) {
        (void)fprintf(stderr, "the file itself is not proven\n");
    }
    missed += change_each(&text);
    missed += cut_often(&text);
    (void)fprintf(stderr, "%zu bytes, %d changes not found\n", text.len, missed);
    bytes_free(&text);
    (void)close(target);
    return missed == 0 ? 0 : 1;
}
