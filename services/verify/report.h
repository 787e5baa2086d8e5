/*
 * What a check found, and the exit status that follows: 0 proven, 1 tampered, 2 incomplete or stale, 3 usage. Doubt is
 * never 0.
 */
#ifndef STRONGROOM_VERIFY_REPORT_H
#define STRONGROOM_VERIFY_REPORT_H

#include <stdbool.h>

#include "base/status.h"

#define FINDINGS_PRINTED 20

enum verdict {
    VERDICT_PROVEN = 0,
    VERDICT_TAMPERED = 1,
    VERDICT_INCOMPLETE = 2,
    VERDICT_USAGE = 3,
};

struct report {
    unsigned tampered;
    unsigned incomplete;
};

/* Prints what was checked and found good; a finding. */
#define report_checked(...) report_print(NULL, "checked", __VA_ARGS__)
#define report_tampered(report, ...) report_print(&(report)->tampered, "tampered", __VA_ARGS__)
#define report_incomplete(report, ...) report_print(&(report)->incomplete, "incomplete", __VA_ARGS__)
#define report_as(report, verdict, ...)                                                                                \
    ((verdict) == VERDICT_TAMPERED ? report_tampered(report, __VA_ARGS__) : report_incomplete(report, __VA_ARGS__))

/* Prints a line on standard output; with a number to count them by, the first FINDINGS_PRINTED. */
void report_print(unsigned *inout_count, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Whether a file is by its beginning one that another command takes, or that a transfer changed as a whole. Then
 * standard error says what to do, and the verdict is VERDICT_USAGE: nothing was looked at.
 */
bool report_other(const char *path, const void *start, size_t len, const char *command);

/* What could not be read of a part, as tampered. Answers false. */
bool report_fault(struct report *report, const char *part, const struct fault *fault);

/* Answers `good`; when it is not, `what` is wrong with a part: it is tampered. */
bool prove(struct report *report, bool good, const char *part, const char *what);

/* True while nothing was found. */
bool report_clean(const struct report *report);

/* The verdict so far: tampered outweighs incomplete. */
enum verdict report_verdict(const struct report *report);

#endif
