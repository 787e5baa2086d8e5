/* signerd's side of its keeper, against a keeper whose answers are not whole. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sys/socket.h>
#include <unistd.h>

#include "token_keeper.h"
#include "token_link.h"

static struct token_keeper keeper;
static int far_end;

static void make(void)
{
    int pair[2];
    cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    keeper = (struct token_keeper){.fd = pair[0]};
    far_end = pair[1];
    cr_assert(pthread_mutex_init(&keeper.mutex, NULL) == 0);
}

static int descriptors_open(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* The keeper's next answer: three descriptors, whatever it says, of this length. */
static void answer(int32_t error, uint32_t claimed, size_t len)
{
    struct keeper_answer said = {.error = error, .count = claimed};
    struct iovec part = {.iov_base = &said, .iov_len = len};
    const int ends[3] = {far_end, far_end, far_end};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(ends))];
    } control = {.bytes = {0}};
    const struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(ends));
    memcpy(CMSG_DATA(header), ends, sizeof(ends));
    cr_assert(sendmsg(far_end, &message, MSG_NOSIGNAL) == (ssize_t)len);
}

static void expect_not_started(enum status expected)
{
    struct token_ends ends;
    struct fault fault = {0};
    int before = descriptors_open();
    enum status status = token_keeper_start(&keeper, &ends, 0, &fault);
    cr_expect(status == expected, "%s: %s", status_info(status)->code, fault.detail);
    cr_expect(descriptors_open() == before, "%d descriptors are left", descriptors_open() - before);
}

Test(token_keeper, descriptors_of_an_answer_that_is_not_whole_are_closed)
{
    make();
    const size_t whole = sizeof(struct keeper_answer);
    answer(0, 5, whole); /* two were cut off: there was no room */
    expect_not_started(STATUS_IO);
    answer(0, 2, whole);
    expect_not_started(STATUS_IO);
    answer(1, 3, whole);
    expect_not_started(STATUS_IO);
    answer(0, 3, whole - 1);
    expect_not_started(STATUS_UNAVAILABLE);
    answer(0, 3, whole);
    int before = descriptors_open();
    token_keeper_collect(&keeper, 0);
    cr_expect(descriptors_open() == before);
}

Test(token_keeper, descriptors_of_a_whole_answer_are_the_callers)
{
    make();
    answer(0, 3, sizeof(struct keeper_answer));
    struct token_ends ends;
    struct fault fault = {0};
    int before = descriptors_open();
    cr_assert(token_keeper_start(&keeper, &ends, 0, &fault) == STATUS_OK, "%s", fault.detail);
    cr_expect(ends.session_count == 1 && descriptors_open() == before + 3);
    token_ends_close(&ends);
    cr_expect(descriptors_open() == before);
}
