/*
 * Findings and verdict.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static void print(const char *word, const char *format, va_list arguments)
{
    char line[1024];
    (void)vsnprintf(line, sizeof(line), format, arguments);
    for (char *at = line; *at != '\0'; at++) { /* what is shown comes from files nobody vouches for */
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
    (void)printf("%s: %s\n", word, line);
}

void report_checked(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("checked", format, arguments);
    va_end(arguments);
}

void report_tampered(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (report->tampered++ < FINDINGS_PRINTED) {
        print("tampered", format, arguments);
    }
    va_end(arguments);
}

void report_incomplete(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (report->incomplete++ < FINDINGS_PRINTED) {
        print("incomplete", format, arguments);
    }
    va_end(arguments);
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
    if (report->tampered > 0) {
        return VERDICT_TAMPERED;
    }
    return report->incomplete > 0 ? VERDICT_INCOMPLETE : VERDICT_PROVEN;
}
