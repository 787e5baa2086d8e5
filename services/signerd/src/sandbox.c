/*
 * The sandbox: allow-lists of system calls, one for signerd (LMDB, OpenSSL, its sockets) and one for a token's process
 * (the module's needs on top, which are files).
 *
 * No new program, no new process or thread, no tracing, no new socket, no executable memory. The token's process keeps
 * its files because SoftHSM reads its objects again for every signature; file permissions and the service manager bound
 * those. signerd itself opens nothing any more.
 */
#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct list {
    const int *calls;
    size_t count;
};

static const int for_all[] = {
    /* descriptors */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    /* sockets that were made before */
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(shutdown),
    /* memory; mmap and mprotect are below */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    /* threads that run already */
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time, randomness, signals, who we are */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage),
};

static const int for_signer[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(getsockopt),
    /* the guard, which is open */
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fsync),
    SCMP_SYS(msync),
    SCMP_SYS(ftruncate),
    /* its own socket's file, at the end */
    SCMP_SYS(unlink),
    /* the tokens' processes: killed when late; the keeper, which is waited for */
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(wait4),
};

static const int for_token[] = {
    SCMP_SYS(openat),     SCMP_SYS(open),  SCMP_SYS(fstat),      SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64), SCMP_SYS(flock), SCMP_SYS(pwrite64),   SCMP_SYS(lseek),     SCMP_SYS(fdatasync),
    SCMP_SYS(fsync),      SCMP_SYS(msync), SCMP_SYS(ftruncate),  SCMP_SYS(unlink),    SCMP_SYS(getcwd),
    SCMP_SYS(readlink),   SCMP_SYS(umask), SCMP_SYS(getsockopt),
};

/* Asked for by libraries that do well without; told no, since a failure must still be reported. */
static const int refused_to_signer[] = {SCMP_SYS(openat), SCMP_SYS(open)};

static const struct list lists[][2] = {
    [SANDBOX_SIGNER] = {{for_all, COUNT(for_all)}, {for_signer, COUNT(for_signer)}},
    [SANDBOX_TOKEN] = {{for_all, COUNT(for_all)}, {for_token, COUNT(for_token)}},
};

/* Memory calls whose third argument is the protection. */
/* Of abort and raise, and of crash points. The module in a token's process must not reach signerd, of the same user. */
static const int allowed_to_itself[] = {
    SCMP_SYS(tgkill),
#ifdef STRONGROOM_CRASHPOINTS
    SCMP_SYS(kill),
#endif
};

static const int allowed_without_exec[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

static int calls_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = seccomp_rule_add(filter, action, calls[i], 0);
    }
    return rc;
}

static int rules_add(scmp_filter_ctx filter, enum sandbox_kind kind)
{
    int rc = 0;
    for (size_t i = 0; i < COUNT(lists[kind]) && rc == 0; i++) {
        rc = calls_add(filter, SCMP_ACT_ALLOW, lists[kind][i].calls, lists[kind][i].count);
    }
    if (rc == 0 && kind == SANDBOX_SIGNER) {
        rc = calls_add(filter, SCMP_ACT_ERRNO(EACCES), refused_to_signer, COUNT(refused_to_signer));
    }
    for (size_t i = 0; i < COUNT(allowed_without_exec) && rc == 0; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_without_exec[i], 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    for (size_t i = 0; i < COUNT(allowed_to_itself) && rc == 0; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_to_itself[i], 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    }
    /* A module may want to write to syslog when it fails; it is told no, since its failure must still be reported. */
    if (rc == 0) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    }
    return rc;
}

enum status sandbox_enter(enum sandbox_kind kind, struct fault *fault)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "sandbox", "a filter");
    }
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    rc = rc == 0 ? rules_add(filter, kind) : rc;
    rc = rc == 0 ? seccomp_load(filter) : rc;
    seccomp_release(filter);
    return rc == 0 ? STATUS_OK : fault_set(fault, STATUS_IO, "sandbox", "could not filter system calls: error %d", -rc);
}

enum status sandbox_privileges_drop(struct fault *fault)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) {
            return fault_set(fault, STATUS_IO, "process", "could not drop capability %lu: errno %d", capability, errno);
        }
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};
    if (syscall(SYS_capset, &header, none) != 0) {
        return fault_set(fault, STATUS_IO, "process", "could not drop capabilities: errno %d", errno);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fault_set(fault, STATUS_IO, "process", "could not forbid new privileges: errno %d", errno);
    }
    return STATUS_OK;
}
