/*
 * Files about the trail, told by how they begin: what somebody hands in by mistake is named, and not read as if it were
 * a broken one of another kind.
 */
#include "audit_file.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *mark; /* in the first line */
    const char *is;
    bool export;
} kinds[] = {
    {"\"format\":\"strongroom-trail/v1\"", "a whole export of the trail", true},
    {"\"format\":\"strongroom-trail-extract/v1\"", "an export with conditions", false},
    {"c2sp.org/tlog-proof@", "the receipt of one entry (tlog-proof)", false},
    {"{\"approvals\":", "the evidence of one withdrawal", false},
    {"seq,", "a table (format=csv)", false},
    {"\x1f\x8b", "compressed (gunzip)", false},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The row of `kinds`, KINDS for none. */
static size_t kind_of(const char *start, size_t len)
{
    const char *newline = len == 0 ? NULL : memchr(start, '\n', len);
    size_t first = newline == NULL ? len : (size_t)(newline - start);
    size_t kind = 0;
    while (kind < KINDS) {
        const char *at = first == 0 ? NULL : memmem(start, first, kinds[kind].mark, strlen(kinds[kind].mark));
        if (at != NULL && (at == start || *at == '"')) {
            break;
        }
        kind++;
    }
    return kind;
}

enum status audit_file_is_export(const char *start, size_t len, struct fault *fault)
{
    size_t kind = kind_of(start, len);
    if (kind < KINDS && kinds[kind].export) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, "in", "is %s, and no whole export of the trail",
                     kind < KINDS ? kinds[kind].is : "another file");
}

enum status audit_file_is_checkpoint(const char *start, size_t len, struct fault *fault)
{
    size_t kind = kind_of(start, len);
    return kind == KINDS ? STATUS_OK
                         : fault_set(fault, STATUS_INVALID, "in", "is %s, and no checkpoint", kinds[kind].is);
}
