/*
 * Programs are started with posix_spawn from a path that the operator gave; what the service said reaches them on
 * standard input only.
 */
#include "watch_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define OWN_PREFIX "STRONGROOM_"

static enum status check_program(struct stat *out, const char *program, struct fault *fault)
{
    if (program[0] != '/') {
        return fault_set(fault, STATUS_USAGE, "call", "%s is not an absolute path", program);
    }
    for (const char *at = program; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return fault_set(fault, STATUS_USAGE, "call", "a path of printable ASCII without blanks");
        }
    }
    if (stat(program, out) != 0 || !S_ISREG(out->st_mode) || access(program, X_OK) != 0) {
        return fault_set(fault, STATUS_USAGE, "call", "%s is not an executable file", program);
    }
    return STATUS_OK;
}

enum status watch_call_check(const struct option_list *programs, struct fault *fault)
{
    struct stat seen[OPTION_LIST_MAX];
    for (size_t i = 0; i < programs->count; i++) {
        enum status status = check_program(&seen[i], programs->texts[i], fault);
        for (size_t k = 0; status == STATUS_OK && k < i; k++) {
            if (seen[k].st_dev == seen[i].st_dev && seen[k].st_ino == seen[i].st_ino) {
                status = fault_set(fault, STATUS_USAGE, "call", "%s and %s are the same program", programs->texts[k],
                                   programs->texts[i]);
            }
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return programs->count >= 2 ? STATUS_OK
                                : fault_set(fault, STATUS_USAGE, "call", "give two different programs, --call twice");
}

/* Our environment without what is ours. Out: the array is owned, the texts are not; NULL without memory. */
static char **environment_for_calls(void)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **out = calloc(count + 1, sizeof(char *));
    size_t kept = 0;
    for (size_t i = 0; out != NULL && i < count; i++) {
        if (strncmp(environ[i], OWN_PREFIX, strlen(OWN_PREFIX)) != 0) {
            out[kept++] = environ[i];
        }
    }
    return out;
}

/* A file without a name that holds the document, at its beginning; -1. */
static int open_document(const struct bytes *document)
{
    int fd = memfd_create("document", MFD_CLOEXEC);
    if (fd >= 0 &&
        (write(fd, document->data, document->len) != (ssize_t)document->len || lseek(fd, 0, SEEK_SET) != 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int spawn(pid_t *out, const char *program, int document_fd, int output_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    char *arguments[] = {(char *)(uintptr_t)program, NULL};
    char **environment = environment_for_calls();
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, document_fd, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, output_fd, STDOUT_FILENO);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    /* The descriptors of ours are closed by exec; what this tool inherited itself is not. */
    int error = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (error == 0) {
        error = environment == NULL ? ENOMEM : posix_spawn(out, program, &files, &attributes, arguments, environment);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    free(environment);
    return error;
}

/*
 * Nobody reads the pipe before the program ends: it holds more than an answer, and what prints without end waits there
 * for its time to be over.
 */
static int start(struct watch_call *call, int document_fd)
{
    int ends[2] = {-1, STDERR_FILENO};
    if (call->asked && pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    int error = spawn(&call->pid, call->program, document_fd, ends[1]);
    if (call->asked) {
        (void)close(ends[1]);
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        call->answer_fd = ends[0];
    }
    return error;
}

static void close_all(struct watch_call *call)
{
    if (call->pid_fd >= 0) {
        (void)close(call->pid_fd);
    }
    if (call->answer_fd >= 0) {
        (void)close(call->answer_fd);
    }
    call->pid_fd = -1;
    call->answer_fd = -1;
}

static void begin(struct watch_call *call, const struct bytes *document)
{
    int fd = open_document(document);
    int error = fd < 0 ? errno : start(call, fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    call->pid_fd = error == 0 ? pidfd_open(call->pid, 0) : -1;
    if (error != 0) {
        close_all(call);
        call->pid = 0;
        (void)snprintf(call->why, sizeof(call->why), "could not start: %s", strerror(error));
    }
}

void watch_call_begin(struct watch_call *calls, size_t count, const struct bytes *document)
{
    INVARIANT(count <= OPTION_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        calls[i] = (struct watch_call){.program = calls[i].program, .asked = calls[i].asked, .answer_fd = -1};
        begin(&calls[i], document);
    }
}

/* What it printed, as a text; nothing when that is more than a text holds or no text. */
static void take_answer(struct watch_call *call)
{
    char printed[WATCH_CALL_ANSWER_SIZE];
    ssize_t len = call->done && call->asked ? read(call->answer_fd, printed, sizeof(printed)) : -1;
    if (len > 0 && (size_t)len < sizeof(printed) && memchr(printed, '\0', (size_t)len) == NULL) {
        memcpy(call->answer, printed, (size_t)len);
    }
}

static void end(struct watch_call *call, bool in_time)
{
    int state = 0;
    if (!in_time) {
        (void)kill(-call->pid, SIGKILL);
        (void)kill(call->pid, SIGKILL); /* also when it has left its process group */
    }
    while (waitpid(call->pid, &state, 0) < 0 && errno == EINTR) {
    }
    call->pid = 0;
    call->done = in_time && WIFEXITED(state) && WEXITSTATUS(state) == 0;
    take_answer(call);
    close_all(call);
    if (!in_time) {
        (void)snprintf(call->why, sizeof(call->why), "took too long and was killed");
    } else if (WIFSIGNALED(state)) {
        (void)snprintf(call->why, sizeof(call->why), "ended by signal %d", WTERMSIG(state));
    } else {
        (void)snprintf(call->why, sizeof(call->why), "exit status %d", WEXITSTATUS(state));
    }
}

/* Waits until one ends or the time is over. */
static void wait_for_any(struct pollfd *waits, const struct watch_call *calls, size_t count, int64_t until_us)
{
    int64_t left_us = until_us - clock_monotonic_us(clock_system());
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){.fd = calls[i].pid > 0 ? calls[i].pid_fd : -1, .events = POLLIN};
    }
    (void)poll(waits, count, left_us > 0 ? (int)(left_us / 1000 + 1) : 0);
}

size_t watch_call_next(struct watch_call *calls, size_t count, int64_t until_us)
{
    struct pollfd waits[OPTION_LIST_MAX];
    size_t left = 0;
    INVARIANT(count <= OPTION_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        left += calls[i].ended ? 0 : 1;
    }
    while (left > 0) {
        wait_for_any(waits, calls, count, until_us);
        bool over = clock_monotonic_us(clock_system()) >= until_us;
        for (size_t i = 0; i < count; i++) {
            bool ended = waits[i].revents != 0;
            if (calls[i].pid > 0 && (ended || over)) {
                end(&calls[i], ended);
            }
            if (calls[i].pid == 0 && !calls[i].ended) {
                calls[i].ended = true;
                return i;
            }
        }
    }
    return count;
}
