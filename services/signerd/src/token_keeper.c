/*
 * The keeper of the tokens' processes, and signerd's side of it. Single-threaded; its only input are two numbers.
 */
#include "token_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "sandbox.h"
#include "token_link.h"

#define GRACE_MS 1000 /* a process that was told to end logs out and closes its sessions */
#define ASIDE_FD 128  /* above every descriptor that a token's process is given */
#define ENDS_MAX (2 + HSM_SESSIONS_MAX)
#define NUMBER_SIZE 16

struct child {
    const struct token_launch *launch;
    pid_t pid; /* 0: none */
    int process;
};

/* One process's descriptors: the ends that it gets, and those that signerd gets. */
struct pairs {
    int own[ENDS_MAX - 1]; /* control, sessions */
    int theirs[ENDS_MAX - 1];
    size_t count;
};

/* Starting */

static void pairs_close(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        (void)close(pairs->own[i]);
        (void)close(pairs->theirs[i]);
    }
    pairs->count = 0;
}

/* The deadline of an answer is the socket's own: one system call less for each signature. */
static int deadline_set(int fd, int64_t timeout_ms)
{
    const struct timeval within = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within)) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &within, sizeof(within)) == 0
               ? 0
               : errno;
}

static int pairs_open(struct pairs *out, const struct token_launch *launch)
{
    *out = (struct pairs){.count = 0};
    for (size_t i = 0; i < launch->sessions + 1; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
            return errno;
        }
        out->own[i] = pair[0];
        out->theirs[i] = pair[1];
        out->count++;
        int error = i == 0 ? 0 : deadline_set(pair[0], launch->timeout_ms);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* A copy above every target. A process without one of its descriptors is none. */
static int aside_fd(int fd)
{
    int aside = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FD);
    if (aside < 0) {
        _exit(EXIT_REFUSED);
    }
    return aside;
}

/* Puts `fd` where the token's process looks for it. */
static void place_fd(int fd, int at)
{
    if (dup2(fd, at) != at) {
        _exit(EXIT_REFUSED);
    }
}

static void descriptors_place(const struct pairs *pairs, int pin_fd)
{
    int aside[ENDS_MAX] = {-1};
    for (size_t i = 0; i < pairs->count; i++) {
        aside[i] = aside_fd(pairs->theirs[i]);
    }
    int pin_aside = pin_fd < 0 ? -1 : aside_fd(pin_fd);
    (void)close(TOKEN_LINK_PIN_FD);
    if (pin_aside >= 0) {
        place_fd(pin_aside, TOKEN_LINK_PIN_FD);
    }
    place_fd(aside[0], TOKEN_LINK_CONTROL_FD);
    for (size_t i = 1; i < pairs->count; i++) {
        place_fd(aside[i], TOKEN_LINK_SESSION_FD + (int)i - 1);
    }
    if (close_range(TOKEN_LINK_SESSION_FD + (unsigned)pairs->count - 1, ~0U, 0) != 0) {
        _exit(EXIT_REFUSED);
    }
}

static _Noreturn void child_become(const struct token_launch *launch, const struct pairs *pairs, pid_t keeper)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != keeper) {
        _exit(EXIT_REFUSED);
    }
    descriptors_place(pairs, launch->pin_fd);
    char sessions[NUMBER_SIZE];
    char pin_fd[NUMBER_SIZE];
    (void)snprintf(sessions, sizeof(sessions), "%u", launch->sessions);
    (void)snprintf(pin_fd, sizeof(pin_fd), "%d", launch->pin_fd < 0 ? -1 : TOKEN_LINK_PIN_FD);
    const char *const words[] = {"signerd",
                                 "token",
                                 "--token",
                                 launch->token,
                                 "--serial",
                                 launch->serial,
                                 "--module",
                                 launch->module,
                                 "--lock-folder",
                                 launch->lock_folder,
                                 "--sessions",
                                 sessions,
                                 "--pin-fd",
                                 pin_fd,
                                 "--pin-credential",
                                 launch->pin_credential,
                                 launch->attended ? "--attended=yes" : "--attended=no",
                                 launch->sandbox ? "--sandbox=yes" : "--sandbox=no",
                                 NULL};
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)words);
    _exit(EXIT_REFUSED);
}

static int child_start(struct child *child, const struct pairs *pairs)
{
    pid_t keeper = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return errno;
    }
    if (pid == 0) {
        child_become(child->launch, pairs, keeper);
    }
    child->pid = pid;
    child->process = pidfd_open(pid, 0);
    return child->process < 0 ? errno : 0;
}

/* Ending */

static void child_collect(struct child *child, int grace_ms)
{
    if (child->pid == 0) {
        return;
    }
    struct pollfd ended = {.fd = child->process, .events = POLLIN};
    if (child->process < 0 || poll(&ended, 1, grace_ms) <= 0) {
        (void)kill(child->pid, SIGKILL);
    }
    /* A process that even the kernel cannot end (it waits for a device) must not hold up the other token. */
    bool gone = child->process < 0 || poll(&ended, 1, GRACE_MS) > 0;
    if (gone && waitpid(child->pid, NULL, 0) == child->pid) {
        child->pid = 0;
    }
    if (child->pid == 0 && child->process >= 0) {
        (void)close(child->process);
        child->process = -1;
    }
}

/* Serving */

static void answer_send(int fd, const struct keeper_answer *answer, const int *ends)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)answer, .iov_len = sizeof(*answer)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ENDS_MAX * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (answer->count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(answer->count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(answer->count * sizeof(int));
        memcpy(CMSG_DATA(header), ends, answer->count * sizeof(int));
    }
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL); /* signerd gone: the next receive says so */
}

static void start_serve(int fd, struct child *child)
{
    struct pairs pairs = {.count = 0};
    struct keeper_answer answer = {.error = child->pid == 0 ? 0 : EBUSY};
    int ends[ENDS_MAX] = {-1};
    answer.error = answer.error == 0 ? pairs_open(&pairs, child->launch) : answer.error;
    answer.error = answer.error == 0 ? child_start(child, &pairs) : answer.error;
    if (answer.error == 0) {
        answer.count = (uint32_t)pairs.count + 1;
        ends[0] = child->process;
        memcpy(ends + 1, pairs.own, pairs.count * sizeof(int));
    }
    answer_send(fd, &answer, ends);
    pairs_close(&pairs);
}

static _Noreturn void keeper_serve(int fd, const struct token_launch *launches, size_t count)
{
    struct child children[SIGNER_TOKENS_MAX];
    for (size_t i = 0; i < SIGNER_TOKENS_MAX; i++) {
        children[i] = (struct child){.launch = &launches[i < count ? i : 0], .process = -1};
    }
    struct keeper_order order;
    while (recv(fd, &order, sizeof(order), 0) == (ssize_t)sizeof(order) && order.token < count) {
        struct child *child = &children[order.token];
        if (order.word == KEEPER_START) {
            start_serve(fd, child);
        } else {
            child_collect(child, GRACE_MS);
            const struct keeper_answer done = {.error = child->pid == 0 ? 0 : EBUSY};
            answer_send(fd, &done, NULL);
        }
    }
    for (size_t i = 0; i < count; i++) {
        child_collect(&children[i], 0);
    }
    _exit(0);
}

/* signerd's side */

enum status token_keeper_open(struct token_keeper *out, const struct token_launch *launches, size_t count,
                              struct fault *fault)
{
    INVARIANT(count <= SIGNER_TOKENS_MAX);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return fault_set(fault, STATUS_IO, "keeper", "could not make sockets: errno %d", errno);
    }
    pid_t master = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != master ||
            sandbox_privileges_drop(fault) != STATUS_OK) {
            _exit(EXIT_REFUSED);
        }
        (void)prctl(PR_SET_NAME, "signerd-keeper", 0, 0, 0);
        keeper_serve(pair[1], launches, count);
    }
    int error = errno;
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return fault_set(fault, STATUS_IO, "keeper", "could not fork: errno %d", error);
    }
    *out = (struct token_keeper){.fd = pair[0], .pid = pid};
    INVARIANT(pthread_mutex_init(&out->mutex, NULL) == 0);
    return STATUS_OK;
}

void token_keeper_close(struct token_keeper *keeper)
{
    if (keeper->pid == 0) {
        return;
    }
    (void)close(keeper->fd);
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    INVARIANT(pthread_mutex_destroy(&keeper->mutex) == 0);
    keeper->pid = 0;
}

static void ends_close(const int *ends, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)close(ends[i]);
    }
}

/* Out: how many descriptors came, at most ENDS_MAX, whether the answer is one or not. */
static bool answer_receive(int fd, struct keeper_answer *out, int ends[ENDS_MAX], size_t *out_count)
{
    struct iovec part = {.iov_base = out, .iov_len = sizeof(*out)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ENDS_MAX * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    *out_count = 0;
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return false;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        *out_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ends, CMSG_DATA(header), *out_count * sizeof(int));
    }
    return got == (ssize_t)sizeof(*out) && (message.msg_flags & MSG_TRUNC) == 0;
}

static bool order_exchange(struct token_keeper *keeper, const struct keeper_order *order, struct keeper_answer *out,
                           int ends[ENDS_MAX], size_t *out_count)
{
    *out_count = 0;
    INVARIANT(pthread_mutex_lock(&keeper->mutex) == 0);
    bool done = send(keeper->fd, order, sizeof(*order), MSG_NOSIGNAL) == (ssize_t)sizeof(*order) &&
                answer_receive(keeper->fd, out, ends, out_count);
    INVARIANT(pthread_mutex_unlock(&keeper->mutex) == 0);
    return done;
}

enum status token_keeper_start(struct token_keeper *keeper, struct token_ends *out, unsigned token, struct fault *fault)
{
    const struct keeper_order order = {.word = KEEPER_START, .token = token};
    struct keeper_answer answer = {0};
    int ends[ENDS_MAX] = {-1};
    size_t count = 0;
    bool answered = order_exchange(keeper, &order, &answer, ends, &count);
    bool whole = answered && answer.error == 0 && count >= 2 && count == answer.count;
    if (!whole) { /* as when there was no room here for all of them */
        ends_close(ends, count);
    }
    if (!answered) {
        return fault_set(fault, STATUS_UNAVAILABLE, "keeper", "the keeper of the tokens' processes is gone");
    }
    if (!whole) {
        return fault_set(fault, STATUS_IO, "token", "could not start the token's process: errno %d", answer.error);
    }
    *out = (struct token_ends){.process = ends[0], .control = ends[1], .session_count = count - 2};
    memcpy(out->sessions, ends + 2, (count - 2) * sizeof(int));
    return STATUS_OK;
}

void token_keeper_collect(struct token_keeper *keeper, unsigned token)
{
    const struct keeper_order order = {.word = KEEPER_COLLECT, .token = token};
    struct keeper_answer answer;
    int ends[ENDS_MAX] = {-1};
    size_t count = 0;
    (void)order_exchange(keeper, &order, &answer, ends, &count); /* what is left is said at the next start */
    ends_close(ends, count);
}

void token_ends_close(struct token_ends *ends)
{
    if (ends->process >= 0) {
        (void)close(ends->process);
        (void)close(ends->control);
        for (size_t i = 0; i < ends->session_count; i++) {
            (void)close(ends->sessions[i]);
        }
    }
    *ends = (struct token_ends){.process = -1, .control = -1};
}
