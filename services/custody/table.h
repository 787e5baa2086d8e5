/*
 * The table of commands of custody.
 */
#ifndef STRONGROOM_CUSTODY_TABLE_H
#define STRONGROOM_CUSTODY_TABLE_H

#include "commands.h"

/* A command. The strings are static. */
struct command_row {
    const char *words[2]; /* one or two */
    command_run *run;
    int arguments; /* words that must follow */
    int more;      /* and so many that may */
    const char *form;
    const char *text;
    const char *options; /* names of the options that it takes, by spaces */
    const char *example;
};

extern const struct command_row command_rows[];
extern const size_t command_row_count;

#endif
