/*
 * The servant's side of a benchmark: commands in, JSON out, threads that start together. It measures and does not
 * judge.
 */
#include "bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

struct runner {
    pthread_t thread;
    pthread_barrier_t *start;
    bench_work *work;
    void *context;
    unsigned number;
    int64_t for_ms;
    uint64_t done;
};

_Noreturn void bench_die(const char *file, int line, const char *what, enum status status, const struct fault *fault)
{
    (void)fprintf(stderr, "%s:%d: %s: %s %s %s\n", file, line, what, status_info(status)->code,
                  fault == NULL ? "" : fault->where, fault == NULL ? "" : fault->detail);
    exit(1);
}

int64_t bench_now_us(void)
{
    struct timespec now;
    BENCH_NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    BENCH_NEED(getrusage(RUSAGE_SELF, &usage) == 0);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static void *runner_run(void *argument)
{
    struct runner *runner = argument;
    (void)pthread_barrier_wait(runner->start);
    runner->done = runner->work(runner->context, runner->number, bench_now_us() + runner->for_ms * 1000);
    return NULL;
}

void bench_run(struct bench_slice *out, unsigned threads, bench_work *work, void *context, int64_t for_ms)
{
    struct runner runners[BENCH_THREADS_MAX];
    pthread_barrier_t start;
    BENCH_NEED(threads >= 1 && threads <= BENCH_THREADS_MAX);
    BENCH_NEED(pthread_barrier_init(&start, NULL, threads + 1) == 0);
    for (unsigned i = 0; i < threads; i++) {
        runners[i] = (struct runner){.start = &start, .work = work, .context = context, .number = i, .for_ms = for_ms};
        BENCH_NEED(pthread_create(&runners[i].thread, NULL, runner_run, &runners[i]) == 0);
    }
    (void)pthread_barrier_wait(&start);
    int64_t wall = bench_now_us();
    int64_t cpu = cpu_us();
    struct bench_slice sum = {0};
    for (unsigned i = 0; i < threads; i++) {
        BENCH_NEED(pthread_join(runners[i].thread, NULL) == 0);
        sum.count += runners[i].done;
    }
    sum.wall_us = bench_now_us() - wall;
    sum.cpu_us = cpu_us() - cpu;
    (void)pthread_barrier_destroy(&start);
    *out = sum;
}

void bench_ready(const char *members)
{
    (void)printf("{\"ready\":true%s}\n", members);
    (void)fflush(stdout);
}

bool bench_read(struct bench_command *out)
{
    char line[128];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }
    *out = (struct bench_command){.numbers = {0}};
    char *rest = line + strcspn(line, " \n");
    BENCH_NEED(rest > line && rest < line + sizeof(out->word));
    memcpy(out->word, line, (size_t)(rest - line));
    for (size_t i = 0; i < 4; i++) {
        out->numbers[i] = strtoll(rest, &rest, 10);
    }
    return true;
}

void bench_answer(const struct bench_slice *slice)
{
    (void)printf("{\"count\":%" PRIu64 ",\"wall_us\":%" PRId64 ",\"cpu_us\":%" PRId64 "}\n", slice->count,
                 slice->wall_us, slice->cpu_us);
    (void)fflush(stdout);
}
