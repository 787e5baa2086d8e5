/*
 * Secrets: where they lie, what is read, whose files are believed, and what the hardened process gives away.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/secret.h"

static void open_heap(void)
{
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
}

/* A descriptor that holds these bytes. */
static int pipe_with(const void *data, size_t len)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], data, len), (ssize_t)len);
    (void)close(ends[1]);
    return ends[0];
}

static enum status read_from(struct secret *out, const void *data, size_t len)
{
    int fd = pipe_with(data, len);
    enum status status = secret_read(out, fd, NULL);
    cr_assert_neq(fcntl(fd, F_GETFD), -1, "the descriptor stays open");
    (void)close(fd);
    return status;
}

Test(secret, without_a_heap_there_is_none, .signal = SIGABRT)
{
    struct secret secret = {0};
    (void)!secret_new(&secret, 1);
}

Test(secret, lies_in_the_secure_heap, .init = open_heap)
{
    struct secret secret = {0};
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK, "a second call is fine");
    cr_assert_eq(secret_new(&secret, 32), STATUS_OK);
    cr_assert_eq(CRYPTO_secure_allocated(secret.data), 1);
    for (size_t i = 0; i <= 32; i++) {
        cr_assert_eq(secret.data[i], 0);
    }
    secret_free(&secret);
    cr_assert_null(secret.data);
    secret_free(&secret);
    cr_assert_eq(CRYPTO_secure_used(), 0);
}

/* Without the right to lock memory there is no heap, however often one asks. */
Test(secret, memory_that_could_be_swapped_out_is_refused)
{
    const struct rlimit none = {0, 0};
    const uid_t nobody = 65534;
    const uid_t self = geteuid();
    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    cr_assert(self != 0 || seteuid(nobody) == 0);
    enum status first = secret_heap_open(NULL);
    enum status second = secret_heap_open(NULL);
    cr_assert_eq(seteuid(self), 0);
    cr_assert_eq(first, STATUS_IO);
    cr_assert_eq(second, STATUS_IO);
    cr_assert_eq(CRYPTO_secure_malloc_initialized(), 0);
}

Test(secret, has_a_length, .init = open_heap)
{
    struct secret secret = {0};
    cr_assert_eq(secret_new(&secret, 0), STATUS_INVALID);
    cr_assert_eq(secret_new(&secret, SECRET_MAX + 1), STATUS_INVALID);
    cr_assert_eq(secret_new(&secret, SECRET_MAX), STATUS_OK);
    secret_free(&secret);
}

Test(secret, one_line_is_read, .init = open_heap)
{
    struct secret secret = {0};
    cr_assert_eq(read_from(&secret, "1234\n", 5), STATUS_OK);
    cr_assert_eq(secret.len, 4);
    cr_assert_str_eq((char *)secret.data, "1234");
    cr_assert_eq(CRYPTO_secure_allocated(secret.data), 1);
    secret_free(&secret);
    cr_assert_eq(read_from(&secret, "pass phrase", 11), STATUS_OK);
    cr_assert_str_eq((char *)secret.data, "pass phrase");
    secret_free(&secret);
    cr_assert_eq(CRYPTO_secure_used(), 0, "nothing of the reading stays behind");
}

Test(secret, anything_but_one_line_is_refused, .init = open_heap)
{
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {{"", 0}, {"\n", 1}, {"a\nb", 3}, {"a\n\n", 3}, {"\na", 2}, {"a\0b", 3}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct secret secret = {0};
        cr_assert_eq(read_from(&secret, bad[i].data, bad[i].len), STATUS_INVALID, "row %zu", i);
        cr_assert_null(secret.data);
    }
    cr_assert_eq(CRYPTO_secure_used(), 0);
}

Test(secret, the_longest_is_read_and_one_more_is_not, .init = open_heap)
{
    char line[SECRET_MAX + 3];
    memset(line, 'x', sizeof(line));
    struct secret secret = {0};
    line[SECRET_MAX] = '\n';
    cr_assert_eq(read_from(&secret, line, SECRET_MAX + 1), STATUS_OK);
    cr_assert_eq(secret.len, SECRET_MAX);
    secret_free(&secret);
    line[SECRET_MAX] = 'x';
    cr_assert_eq(read_from(&secret, line, SECRET_MAX + 1), STATUS_INVALID);
    cr_assert_eq(read_from(&secret, line, SECRET_MAX + 2), STATUS_INVALID);
    line[SECRET_MAX + 1] = '\n';
    cr_assert_eq(read_from(&secret, line, SECRET_MAX + 3), STATUS_INVALID);
}

Test(secret, an_unreadable_descriptor_is_said, .init = open_heap)
{
    struct secret secret = {0};
    struct fault fault = {0};
    cr_assert_eq(secret_read(&secret, -1, &fault), STATUS_IO);
    cr_assert_null(secret.data);
}

struct place {
    char folder[32];
    char file[64];
};

static struct place make_file(mode_t mode)
{
    struct place place = {.folder = "/tmp/test-secret-XXXXXX"};
    cr_assert_not_null(mkdtemp(place.folder));
    (void)snprintf(place.file, sizeof(place.file), "%s/pin", place.folder);
    int fd = open(place.file, O_CREAT | O_EXCL | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "1234\n", 5), 5);
    cr_assert_eq(fchmod(fd, mode), 0);
    (void)close(fd);
    return place;
}

static void remove_file(const struct place *place)
{
    (void)unlink(place->file);
    (void)rmdir(place->folder);
}

Test(secret, a_private_file_is_believed, .init = open_heap)
{
    static const mode_t modes[] = {0600, 0400};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct place place = make_file(modes[i]);
        struct secret secret = {0};
        cr_assert_eq(secret_read_file(&secret, place.file, NULL), STATUS_OK);
        cr_assert_str_eq((char *)secret.data, "1234");
        secret_free(&secret);
        remove_file(&place);
    }
}

Test(secret, a_file_that_others_reach_is_not, .init = open_heap)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0644, 0666};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct place place = make_file(modes[i]);
        struct secret secret = {0};
        struct fault fault = {0};
        cr_assert_eq(secret_read_file(&secret, place.file, &fault), STATUS_INVALID, "%o", modes[i]);
        cr_assert_null(strstr(fault.detail, "1234"));
        cr_assert_null(secret.data);
        remove_file(&place);
    }
}

Test(secret, only_regular_files_are, .init = open_heap)
{
    struct secret secret = {0};
    cr_assert_eq(secret_read_file(&secret, "/nonexistent/pin", NULL), STATUS_IO);
    cr_assert_eq(secret_read_file(&secret, "/tmp", NULL), STATUS_INVALID);
    struct place place = make_file(0600);
    (void)unlink(place.file);
    cr_assert_eq(mkfifo(place.file, 0600), 0);
    cr_assert_eq(secret_read_file(&secret, place.file, NULL), STATUS_INVALID, "and it does not hang");
    cr_assert_null(secret.data);
    remove_file(&place);
}

Test(secret, wiping_leaves_zeros)
{
    uint8_t derived[16];
    memset(derived, 0xaa, sizeof(derived));
    secret_wipe(derived, sizeof(derived));
    for (size_t i = 0; i < sizeof(derived); i++) {
        cr_assert_eq(derived[i], 0);
    }
}

Test(secret, a_hardened_process_leaves_no_core)
{
    cr_assert_eq(secret_harden_process(NULL), STATUS_OK);
    cr_assert_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    struct rlimit limit = {1, 1};
    cr_assert_eq(getrlimit(RLIMIT_CORE, &limit), 0);
    cr_assert_eq(limit.rlim_cur, 0);
    cr_assert_eq(limit.rlim_max, 0);
}
