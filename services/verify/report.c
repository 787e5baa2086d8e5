/*
 * Findings and verdict.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

void report_print(unsigned *inout_count, const char *word, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (inout_count != NULL && (*inout_count)++ >= FINDINGS_PRINTED) {
        return;
    }
    for (char *at = line; *at != '\0'; at++) { /* what is shown comes from files nobody vouches for */
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
    (void)printf("%s: %s\n", word, line);
}

bool report_fault(struct report *report, const char *part, const struct fault *fault)
{
    report_tampered(report, "%s: %s%s%s", part, fault->where, fault->where[0] == '\0' ? "" : ": ",
                    fault->detail[0] == '\0' ? status_info(fault->status)->text : fault->detail);
    return false;
}

bool prove(struct report *report, bool good, const char *part, const char *what)
{
    if (!good) {
        report_tampered(report, "%s: %s", part, what);
    }
    return good;
}

bool report_clean(const struct report *report)
{
    return report->tampered == 0 && report->incomplete == 0;
}

enum verdict report_verdict(const struct report *report)
{
    if (report->tampered > FINDINGS_PRINTED) {
        report_print(NULL, "tampered", "%u findings, the first %d are above", report->tampered, FINDINGS_PRINTED);
    }
    if (report->tampered > 0) {
        return VERDICT_TAMPERED;
    }
    return report->incomplete > 0 ? VERDICT_INCOMPLETE : VERDICT_PROVEN;
}
