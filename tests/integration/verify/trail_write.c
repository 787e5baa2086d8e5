/*
 * Writes an export of any length to standard output, row by row.
 *
 * usage: verify_trail_write COUNT SEED [DIGESTS THAT EACH EVENT REFERS TO]
 */
#include <stdlib.h>

#include "trail_maker.h"

int main(int argc, char **argv)
{
    INVARIANT(argc == 3 || argc == 4);
    struct trail_source source = {.chance = {.state = strtoull(argv[2], NULL, 10)},
                                  .refs = argc == 4 ? strtoull(argv[3], NULL, 10) : 0};
    struct bytes note;
    uint64_t count = strtoull(argv[1], NULL, 10);
    trail_write_head(stdout, (json_int_t)count);
    while (source.count < count) {
        json_t *row = trail_source_next(&source);
        trail_write_row(stdout, row);
        json_decref(row);
    }
    trail_source_note(&note, &source);
    trail_write_tail(stdout, &note);
    bytes_free(&note);
    return fflush(stdout) == 0 ? 0 : 1;
}
