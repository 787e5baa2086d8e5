/*
 * Running the programs that call people, and the one that screens: a document on their standard input, no shell, no
 * arguments, a time limit. What they print is for a log, but for the short answer of one that is asked for it.
 */
#ifndef STRONGROOM_CUSTODY_WATCH_CALL_H
#define STRONGROOM_CUSTODY_WATCH_CALL_H

#include <sys/types.h>

#include "base/bytes.h"
#include "options.h"

#define WATCH_CALL_ANSWER_SIZE 64

struct watch_call {
    const char *program; /* borrowed */
    bool asked;          /* what it prints is its answer, and does not go to standard error */
    pid_t pid;           /* while it runs, 0 otherwise */
    int pid_fd;
    int answer_fd;
    bool ended;                          /* and was answered by watch_call_next */
    bool done;                           /* it ended with 0 in time */
    char answer[WATCH_CALL_ANSWER_SIZE]; /* of one that was asked and is done: all that it printed, "" if too much */
    char why[64];                        /* what became of it, when it is not done */
};

/*
 * Refuses (STATUS_USAGE) fewer than two programs, one that is not an absolute path of an executable file, and the same
 * file twice, under whatever name: one program is one way to reach people.
 */
MUST_CHECK enum status watch_call_check(const struct option_list *programs, struct fault *fault);

/*
 * Starts the programs, in process groups of their own, each with the document as standard input, standard output on
 * standard error unless it is asked, our environment without STRONGROOM_*. Of each only `program` and `asked` are read.
 */
void watch_call_begin(struct watch_call *calls, size_t count, const struct bytes *document);

/*
 * Waits for the next one that ends, or could not be started; at `until_us` (monotonic) what still runs is killed with
 * all of its process group. Answers its index, each once, then `count`.
 */
size_t watch_call_next(struct watch_call *calls, size_t count, int64_t until_us);

#endif
