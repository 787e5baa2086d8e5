/*
 * Findings and verdict.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

bool report_other(const char *path, const void *start, size_t len, const char *command)
{
    static const struct {
        const char *mark, *is, *command; /* the one that takes it */
    } kinds[] = {
        {"\x1f\x8b", "is compressed: gunzip", ""},
        {"seq,", "is a table, each row to be proven: custody-verify receipt --entry", ""},
        {"\r\n", "has CRLF line ends, which came on the way: fetch it again, or dos2unix", ""},
        {"{\"approvals\":", "is evidence: custody-verify evidence", "evidence"},
        {"c2sp.org/tlog-proof@", "is a receipt: custody-verify receipt", "receipt"},
        {"\"format\":\"strongroom-trail/v1\"", "is a whole export: custody-verify trail", "trail"},
        {"\"format\":\"strongroom-trail-extract/v1\"", "is a filtered export: custody-verify extract", "extract"},
        {"\n\n\xe2\x80\x94 ", "is a checkpoint: custody-verify consistency", "receipt"}};
    const char *text = start;
    const char *newline = len == 0 ? NULL : memchr(text, '\n', len);
    size_t first = newline == NULL ? len : (size_t)(newline - text) + 1;
    for (size_t i = 0; len > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        /* What was put into a later line of an export is no mark: only a note, which no object is, has one there. */
        bool note = kinds[i].mark[0] == '\n' && *text != '{';
        const char *at = memmem(text, note ? len : first, kinds[i].mark, strlen(kinds[i].mark));
        if (at != NULL && (at == text || note || *at == '"' || at + 1 == newline)) { /* CRLF ends it */
            if (strcmp(kinds[i].command, command) == 0) {
                return false;
            }
            (void)fprintf(stderr, "custody-verify: %s %s\n", path, kinds[i].is);
            return true;
        }
    }
    return false;
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
    return report->tampered > 0 ? VERDICT_TAMPERED : report->incomplete > 0 ? VERDICT_INCOMPLETE : VERDICT_PROVEN;
}
