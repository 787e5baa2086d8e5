/*
 * What the benchmark programs share. Each is a servant: it sets its place up once, says `ready`, then reads commands
 * (a word and numbers) and answers every one with a line of JSON. The driver (tests/bench/run) decides what is measured
 * in which order, so that a figure and its floor take turns, and does all arithmetic.
 *
 * What cannot be done aborts: a benchmark that measured nothing must not print a figure.
 */
#ifndef STRONGROOM_BENCH_H
#define STRONGROOM_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define BENCH_THREADS_MAX 256

/* Ends the program unless the call answers STATUS_OK. The caller has a `struct fault fault`. */
#define BENCH_MUST(call)                                                                                               \
    do {                                                                                                               \
        fault_clear(&fault);                                                                                           \
        enum status must_status = (call);                                                                              \
        if (must_status != STATUS_OK) {                                                                                \
            bench_die(__FILE__, __LINE__, #call, must_status, &fault);                                                 \
        }                                                                                                              \
    } while (0)

#define BENCH_NEED(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            bench_die(__FILE__, __LINE__, #condition, STATUS_OK, NULL);                                                \
        }                                                                                                              \
    } while (0)

/* One line from the driver. */
struct bench_command {
    char word[32];
    int64_t numbers[4]; /* zero where none was given */
};

/* One measured stretch of work. */
struct bench_slice {
    uint64_t count;
    int64_t wall_us;
    int64_t cpu_us; /* of this process: user and system */
};

/* The work of one thread until the monotonic time `until_us` (or for as long as its context says); how many were done.
 */
typedef uint64_t bench_work(void *context, unsigned thread, int64_t until_us);

/* Prints what failed and exits 1. */
_Noreturn void bench_die(const char *file, int line, const char *what, enum status status, const struct fault *fault);

/* Monotonic time, microseconds. */
int64_t bench_now_us(void);

/* Runs `work` in as many threads, started together, for `for_ms`. Out: their sum. */
void bench_run(struct bench_slice *out, unsigned threads, bench_work *work, void *context, int64_t for_ms);

/* Says that the servant is ready; further members of the JSON line, with a leading comma, or "". */
void bench_ready(const char *members);

/* Reads the next command; false at the end of input. */
bool bench_read(struct bench_command *out);

/* Answers a command. */
void bench_answer(const struct bench_slice *slice);

#endif
