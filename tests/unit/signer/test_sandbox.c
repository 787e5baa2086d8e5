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

/* The wait status of a child that enters the sandbox and then acts. */
static int after(void (*act)(void))
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        struct fault fault = {0};
        if (sandbox_privileges_drop(&fault) != STATUS_OK || sandbox_enter(&fault) != STATUS_OK) {
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

static void other_memory(void)
{
    (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

Test(sandbox, what_it_forbids_ends_the_process)
{
    void (*const acts[])(void) = {run_program,       trace,           open_network, open_netlink,    start_process,
                                  executable_memory, make_executable, connect_out,  mount_something, other_memory};
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        int ended = after(acts[i]);
        cr_expect(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSYS, "act %zu: status %x", i, ended);
    }
}

static void serve(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char *memory = malloc(1 << 22);
    bool served = fd >= 0 && write(fd, "x", 1) == 1 && memory != NULL;
    free(memory);
    (void)close(fd);
    /* A module that wants syslog is told no and lives. */
    served = served && socket(AF_UNIX, SOCK_DGRAM, 0) < 0 && errno == EACCES;
    _exit(served ? 0 : 1);
}

Test(sandbox, serving_goes_on)
{
    int ended = after(serve);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}
