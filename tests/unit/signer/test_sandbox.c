/*
 * What the sandbox forbids ends the process; what serving needs does not. Each case runs in a child of its own.
 */
#include "sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const enum sandbox_kind kinds[] = {SANDBOX_SIGNER, SANDBOX_TOKEN};

/* The wait status of a child that enters the sandbox and then acts. */
static int after(enum sandbox_kind kind, void (*act)(void))
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        struct fault fault = {0};
        if (sandbox_privileges_drop(&fault) != STATUS_OK || sandbox_enter(kind, &fault) != STATUS_OK) {
            _exit(100);
        }
        act();
        _exit(0);
    }
    int ended = 0;
    cr_assert(waitpid(child, &ended, 0) == child);
    return ended;
}

static void run_program(void)
{
    char *const argv[] = {NULL};
    (void)execve("/bin/true", argv, argv);
}

static void trace(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void open_network(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void open_netlink(void)
{
    (void)socket(AF_NETLINK, SOCK_RAW, 0);
}

static void start_process(void)
{
    (void)syscall(SYS_fork);
}

static void executable_memory(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void connect_out(void)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    (void)connect(0, &address, sizeof(address));
}

static void mount_something(void)
{
    (void)syscall(SYS_mount, "x", "y", "z", 0, NULL);
}

static void other_process(void)
{
    (void)syscall(SYS_pidfd_open, getppid(), 0);
}

static void other_memory(void)
{
    (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static void signal_another(void)
{
    (void)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void kill_another(void)
{
    (void)kill(getppid(), 0);
}

static void kill_everybody(void)
{
    (void)kill(-1, 0);
}

Test(sandbox, what_it_forbids_ends_the_process)
{
    void (*const acts[])(void) = {run_program,       trace,           open_network, open_netlink,    start_process,
                                  executable_memory, make_executable, connect_out,  mount_something, other_memory,
                                  other_process,     signal_another,  kill_another, kill_everybody};
    const size_t count = sizeof(acts) / sizeof(acts[0]);
    for (size_t i = 0; i < 2 * count; i++) {
        int ended = after(kinds[i / count], acts[i % count]);
        cr_expect(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSYS, "kind %zu, act %zu: status %x", i / count, i % count,
                  ended);
    }
}

static bool memory_serves(void)
{
    char *memory = malloc(1 << 22);
    bool there = memory != NULL;
    free(memory);
    return there;
}

static void serve_token(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool served = fd >= 0 && write(fd, "x", 1) == 1 && memory_serves();
    (void)close(fd);
    /* A module that wants syslog is told no and lives. */
    served = served && socket(AF_UNIX, SOCK_DGRAM, 0) < 0 && errno == EACCES;
    _exit(served ? 0 : 1);
}

Test(sandbox, a_token_has_its_files)
{
    int ended = after(SANDBOX_TOKEN, serve_token);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}

/* Libraries look for their files now and then; that must not end the signer. */
static void serve_signer(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    _exit(fd < 0 && errno == EACCES && memory_serves() ? 0 : 1);
}

Test(sandbox, the_signer_opens_no_file)
{
    int ended = after(SANDBOX_SIGNER, serve_signer);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}

/* As raise and abort do. */
static void signal_itself(void)
{
    (void)syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
}

Test(sandbox, a_process_may_end_itself)
{
    for (size_t i = 0; i < 2; i++) {
        int ended = after(kinds[i], signal_itself);
        cr_expect(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL, "kind %zu: status %x", i, ended);
    }
}

static void unlink_file(void)
{
    (void)unlink("/nowhere");
}

static void look_into_folder(void)
{
    char entries[64];
    (void)syscall(SYS_getdents64, 0, entries, sizeof(entries));
}

static void kill_by_number(void)
{
    (void)syscall(SYS_rt_sigqueueinfo, getpid(), 0, NULL);
}

/* What one of the two may, the other may not. */
Test(sandbox, each_has_its_own_calls)
{
    int ended = after(SANDBOX_SIGNER, unlink_file); /* its socket, at the end */
    cr_expect(WIFEXITED(ended), "status %x", ended);
    ended = after(SANDBOX_SIGNER, look_into_folder);
    cr_expect(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSYS, "status %x", ended);
    ended = after(SANDBOX_TOKEN, look_into_folder);
    cr_expect(WIFEXITED(ended), "status %x", ended);
    ended = after(SANDBOX_TOKEN, kill_by_number);
    cr_expect(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSYS, "status %x", ended);
}
