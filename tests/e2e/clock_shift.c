/*
 * Preloaded by tests: custodyd, and nothing else, lives so many seconds later (STRONGROOM_TEST_SHIFT_S), from the
 * moment on when a file is there (STRONGROOM_TEST_SHIFT_FILE), or always.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool begun(void)
{
    const char *file = getenv("STRONGROOM_TEST_SHIFT_FILE");
    int before = errno;
    bool there = file == NULL || access(file, F_OK) == 0;
    errno = before;
    return there;
}

int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    const char *shift = getenv("STRONGROOM_TEST_SHIFT_S");
    long done = syscall(SYS_clock_gettime, __clock_id, __tp);
    if (done == 0 && __clock_id == CLOCK_REALTIME && shift != NULL &&
        strcmp(program_invocation_short_name, "custodyd") == 0 && begun()) {
        __tp->tv_sec += strtol(shift, NULL, 10);
    }
    return (int)done;
}
