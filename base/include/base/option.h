/*
 * Options: one table per program with type, unit, range, default and text; the manual page is printed from it.
 *
 * Sources, the later wins: the default, the file named by --config (lines "name = value", '#' starts a comment), the
 * command line ("--name value" or "--name=value"). An unknown name, a value out of range or a repeated name (of
 * anything but a list) is an error that says so. Commands of one program may share a table and a file: what is another
 * command's may stand in the file, and is neither asked for, nor taken on the command line, nor in the manual.
 */
#ifndef STRONGROOM_BASE_OPTION_H
#define STRONGROOM_BASE_OPTION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/status.h"

enum option_type {
    OPTION_TEXT,    /* char[size] */
    OPTION_PATH,    /* char[size]; relative ones are relative to the working directory */
    OPTION_INTEGER, /* int64_t, min..max, in `unit` */
    OPTION_FLAG,    /* bool: "yes" or "no"; on the command line --name alone means yes */
    OPTION_LIST, /* struct option_list: paths, one each time it is given; a later source replaces all of an earlier */
};

#define OPTION_LIST_MAX 8
#define OPTION_LIST_TEXT_SIZE 512

struct option_list {
    size_t count;
    char texts[OPTION_LIST_MAX][OPTION_LIST_TEXT_SIZE];
};

struct option_row {
    const char *name;
    enum option_type type;
    const char *unit; /* "ms", "bytes", "" */
    int64_t min;
    int64_t max;
    const char *initial; /* default as text; NULL: required; "": optional and empty */
    const char *text;    /* one sentence for the manual */
    size_t offset;
    size_t size;
    unsigned commands; /* whose option it is, a bit for each command; 0: of all */
};

/* What is printed around the table. */
struct option_program {
    const char *name;
    const char *purpose;
    const char *arguments; /* form of the arguments after the options, "" when there are none */
    unsigned command;      /* the bit of this command in the table; 0 when the whole table is its own */
};

/*
 * Fills the struct at `out`. Out: *out_rest is the index in argv of the first argument that is not an option.
 * --help prints the manual to standard output and ends the process as option_answered says; --version likewise.
 * STATUS_USAGE with the name of the option in `where` otherwise.
 */
MUST_CHECK enum status option_load(void *out, size_t out_size, int *out_rest, const struct option_program *program,
                                   const struct option_row *rows, size_t count, int argc, char **argv,
                                   struct fault *fault);

/*
 * SHA-256 of the options in effect: of each row in its order a line "name=value", of a list one for each element. For
 * the trail, which tells with what a program runs. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status option_digest(struct digest *out, const void *options, const struct option_row *rows,
                                     size_t count, struct fault *fault);

/* Prints what the manual says of one option. */
void option_print_row(FILE *stream, const struct option_row *row);

/*
 * Prints one line about wrong arguments: the option or word that `fault` names, its rule, and where the help is. `rows`
 * tell which names are options; `program` is as one calls it, "signerd run".
 */
void option_print_usage(FILE *stream, const char *program, const struct option_row *rows, size_t count,
                        const struct fault *fault);

/* Prints program and version to standard output. */
void option_print_version(const char *program);

/* No other answer of our programs, so that an auditor's is never taken for a verdict (EX_IOERR of sysexits). */
#define OPTION_UNWRITTEN 74

/*
 * Whether all that was printed to standard output is written: 0, or OPTION_UNWRITTEN after a line on standard error.
 */
MUST_CHECK int option_answered(const char *program);

/* Prints the manual of the program: the rows that are its own. */
void option_print_manual(FILE *stream, const struct option_program *program, const struct option_row *rows,
                         size_t count);

#endif
