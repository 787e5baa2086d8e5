/*
 * The status table and faults.
 *
 * Everything here is a look-up or a bounded copy: no allocation, no output, so that it works when nothing else does.
 * The only output is the last line of a process that broke its own promise.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct status_info infos[] = {
#define STATUS_INFO(name, number, code, http, retry, text) [-(number)] = {code, http, retry, text},
    STATUS_TABLE(STATUS_INFO)
#undef STATUS_INFO
};

#define INFO_COUNT ((int)(sizeof(infos) / sizeof(infos[0])))

const struct status_info *status_info(enum status status)
{
    int row = -(int)status;
    if (row < 0 || row >= INFO_COUNT || infos[row].code == NULL) {
        row = -STATUS_INTERNAL;
    }
    return &infos[row];
}

enum status status_from_code(const char *code)
{
    for (int row = 0; row < INFO_COUNT; row++) {
        if (infos[row].code != NULL && strcmp(infos[row].code, code) == 0) {
            return (enum status)(-row);
        }
    }
    return STATUS_INTERNAL;
}

static void text_make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

#undef fault_set /* defined for the analyzer */

enum status fault_set(struct fault *fault, enum status status, const char *where, const char *format, ...)
{
    if (fault == NULL || fault->status != STATUS_OK) {
        return status;
    }
    fault->status = status;
    (void)snprintf(fault->where, sizeof(fault->where), "%s", where == NULL ? "" : where);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), format, arguments);
    va_end(arguments);
    text_make_printable(fault->where);
    text_make_printable(fault->detail);
    return status;
}

void fault_clear(struct fault *fault)
{
    if (fault != NULL) {
        *fault = (struct fault){.status = STATUS_OK};
    }
}

_Noreturn void invariant_broken(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "broken invariant: %s (%s:%d)\n", condition, file, line);
    abort();
}
