/*
 * Preloaded by tests: custodyd, and nothing else, lives so many seconds later (STRONGROOM_TEST_SHIFT_S).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    const char *shift = getenv("STRONGROOM_TEST_SHIFT_S");
    long done = syscall(SYS_clock_gettime, __clock_id, __tp);
    if (done == 0 && __clock_id == CLOCK_REALTIME && shift != NULL &&
        strcmp(program_invocation_short_name, "custodyd") == 0) {
        __tp->tv_sec += strtol(shift, NULL, 10);
    }
    return (int)done;
}
