/*
 * What custody says of itself: the commands, one command, a failure.
 */
#ifndef STRONGROOM_CUSTODY_HELP_H
#define STRONGROOM_CUSTODY_HELP_H

#include "table.h"

#define CALLED_SIZE 64

/* The command as one calls it: "custody key list". Out: `out`. */
const char *help_called(char out[CALLED_SIZE], const struct command_row *row);

/* Whether a command begins with the word, as all do with "". */
bool help_begins(const char *word);

/* Lists the commands that begin with the word. */
void help_print_commands(FILE *stream, const char *word);

/*
 * On standard error that these words are no command: then the commands that begin with the first of them; when none
 * does, on the same line, the first words of all. `second` may be "".
 */
void help_print_none(const char *word, const char *second);

/* What a command does, its form, its options and an example. */
void help_print_command(FILE *stream, const struct command_row *row);

/* One line on standard error: what it is about ("", or words that end in ": "), the rule, the field or part, what was
 * found. */
void help_print_failure(const char *about, enum status status, struct fault *fault);

/* On standard error that the trail has halted: why, in words of the service, and where people find what to do. */
void help_print_halted(const char *why);

/*
 * Tells a failure on standard error, after what was printed: the field or part, the rule, and what to do. Wrong
 * arguments are told in one line. Out: the exit status, 1 refused or failed, 2 wrong arguments.
 */
int help_explain(const char *called, enum status status, struct fault *fault);

#endif
