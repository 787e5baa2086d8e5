/*
 * Reads JSON from standard input, relaxed, and prints its canonical bytes; exit 1 when it is refused. With --strict it
 * takes canonical bytes only. For comparison with other tools.
 */
#include <stdio.h>
#include <string.h>

#include "base/canon.h"

int main(int argc, char **argv)
{
    static char input[CANON_POLICY_MAX + 1];
    size_t len = fread(input, 1, sizeof(input), stdin);
    bool strict = argc > 1 && strcmp(argv[1], "--strict") == 0;
    json_t *value = NULL;
    struct fault fault = {0};
    enum status status = strict ? canon_parse(&value, input, len, CANON_POLICY_MAX, &fault)
                                : canon_parse_relaxed(&value, input, len, CANON_POLICY_MAX, &fault);
    struct bytes out = {0};
    if (status == STATUS_OK) {
        status = canon_emit(&out, value, CANON_POLICY_MAX, &fault);
    }
    if (status == STATUS_OK && fwrite(out.data, 1, out.len, stdout) != out.len) {
        status = STATUS_IO;
    }
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s %s\n", status_info(status)->code, fault.where, fault.detail);
    }
    bytes_free(&out);
    json_decref(value);
    return status == STATUS_OK && fflush(stdout) == 0 ? 0 : 1;
}
