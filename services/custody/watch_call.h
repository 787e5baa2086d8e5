/*
 * Running the programs that call people: a document on their standard input, no shell, no arguments, a time limit.
 */
#ifndef STRONGROOM_CUSTODY_WATCH_CALL_H
#define STRONGROOM_CUSTODY_WATCH_CALL_H

#include "base/bytes.h"
#include "options.h"

struct watch_call {
    const char *program; /* borrowed */
    bool done;           /* it ended with 0 in time */
    char why[64];        /* otherwise: what became of it */
};

/*
 * Refuses (STATUS_USAGE) fewer than two programs, one that is not an absolute path of an executable file, and the same
 * file twice, under whatever name: one program is one way to reach people.
 */
MUST_CHECK enum status watch_call_check(const struct option_list *programs, struct fault *fault);

/*
 * Runs the programs at the same time, each with the document as standard input, standard output on standard error, our
 * environment without STRONGROOM_*. One that has not ended after the time limit is killed with all it started in its
 * process group.
 */
void watch_call_run(struct watch_call *calls, size_t count, const struct bytes *document, int64_t timeout_ms);

#endif
