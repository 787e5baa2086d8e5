/*
 * The conformance suite of ordering engines: every promise of ledger/ordering.h, against every adapter in the table.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "ledger/batch.h"
#include "ledger/ordering.h"
#include "test/test_place.h"

struct adapter {
    char name[16];
    enum status (*open)(struct ledger_ordering *out, const char *path, const struct digest *chain, struct fault *fault);
};

static const struct adapter adapters[] = {
    {"local", ledger_ordering_local_open},
};

#define ADAPTER_COUNT (sizeof(adapters) / sizeof(adapters[0]))

/* A fresh engine of one adapter. */
struct engine {
    const struct adapter *adapter;
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 16];
    struct digest chain;
    struct ledger_ordering ordering;
};

static enum status engine_open(struct engine *engine, struct fault *fault)
{
    return engine->adapter->open(&engine->ordering, engine->path, &engine->chain, fault);
}

static void engine_make(struct engine *out, const struct adapter *adapter)
{
    *out = (struct engine){.adapter = adapter, .chain = {{1}}};
    test_folder_make(&out->folder);
    (void)snprintf(out->path, sizeof(out->path), "%s/ordering", out->folder.path);
    cr_assert_eq(engine_open(out, NULL), STATUS_OK);
}

static void engine_remove(struct engine *engine)
{
    ledger_ordering_close(&engine->ordering);
    test_folder_remove(&engine->folder);
}

static enum status submit(struct engine *engine, uint64_t height, const char *text)
{
    struct ledger_proposal proposal = {.time_utc_us = (int64_t)height, .audit = {{9}}};
    cr_assert_eq(bytes_copy(&proposal.batch, text, strlen(text)), STATUS_OK);
    enum status status = engine->ordering.calls->submit(engine->ordering.self, height, &proposal, NULL);
    ledger_proposal_free(&proposal);
    return status;
}

static enum status read_now(struct engine *engine, uint64_t height, const char *expected)
{
    struct ledger_proposal proposal = {0};
    enum status status = engine->ordering.calls->read(engine->ordering.self, &proposal, height, 0, NULL);
    if (status == STATUS_OK) {
        cr_expect_str_eq((const char *)proposal.batch.data, expected);
        cr_expect_eq(proposal.time_utc_us, (int64_t)height);
        cr_expect_eq(proposal.audit.bytes32[0], 9);
        ledger_proposal_free(&proposal);
    }
    return status;
}

static void expect_bounds(struct engine *engine, uint64_t first, uint64_t last)
{
    struct ledger_ordering_status bounds;
    cr_assert_eq(engine->ordering.calls->status(engine->ordering.self, &bounds, NULL), STATUS_OK);
    cr_expect_eq(bounds.first, first);
    cr_expect_eq(bounds.last, last);
}

static void each_adapter(void (*test)(struct engine *))
{
    for (size_t i = 0; i < ADAPTER_COUNT; i++) {
        struct engine engine;
        engine_make(&engine, &adapters[i]);
        test(&engine);
        engine_remove(&engine);
    }
}

static void one_proposal_per_height(struct engine *engine)
{
    expect_bounds(engine, 1, 0);
    cr_expect_eq(read_now(engine, 1, ""), STATUS_NOT_FOUND);
    cr_expect_eq(submit(engine, 1, "first"), STATUS_OK);
    cr_expect_eq(submit(engine, 1, "other"), STATUS_CONFLICT);
    cr_expect_eq(submit(engine, 1, "first"), STATUS_OK, "the same again is the same");
    cr_expect_eq(submit(engine, 3, "gap"), STATUS_INVALID);
    cr_expect_eq(submit(engine, 0, "zero"), STATUS_CONFLICT);
    cr_expect_eq(submit(engine, 2, "second"), STATUS_OK);
    cr_expect_eq(read_now(engine, 1, "first"), STATUS_OK);
    cr_expect_eq(read_now(engine, 2, "second"), STATUS_OK);
    expect_bounds(engine, 1, 2);
}

Test(ordering, one_proposal_per_height)
{
    each_adapter(one_proposal_per_height);
}

static void survives_reopening(struct engine *engine)
{
    cr_expect_eq(submit(engine, 1, "first"), STATUS_OK);
    ledger_ordering_close(&engine->ordering);
    cr_assert_eq(engine_open(engine, NULL), STATUS_OK);
    cr_expect_eq(read_now(engine, 1, "first"), STATUS_OK);
    cr_expect_eq(submit(engine, 1, "other"), STATUS_CONFLICT);
    ledger_ordering_close(&engine->ordering);
    engine->chain.bytes32[0] = 2;
    cr_expect_eq(engine_open(engine, NULL), STATUS_MISMATCH);
}

Test(ordering, survives_reopening)
{
    each_adapter(survives_reopening);
}

static void trimming(struct engine *engine)
{
    cr_expect_eq(submit(engine, 1, "first"), STATUS_OK);
    cr_expect_eq(submit(engine, 2, "second"), STATUS_OK);
    const struct ledger_ordering_calls *calls = engine->ordering.calls;
    cr_expect_eq(calls->trim(engine->ordering.self, 4, NULL), STATUS_INVALID);
    cr_expect_eq(calls->trim(engine->ordering.self, 2, NULL), STATUS_OK);
    cr_expect_eq(read_now(engine, 1, ""), STATUS_EXPIRED);
    cr_expect_eq(read_now(engine, 2, "second"), STATUS_OK);
    cr_expect_eq(submit(engine, 1, "first"), STATUS_CONFLICT);
    cr_expect_eq(calls->trim(engine->ordering.self, 1, NULL), STATUS_OK, "nothing comes back");
    expect_bounds(engine, 2, 2);
    cr_expect_eq(calls->trim(engine->ordering.self, 3, NULL), STATUS_OK);
    expect_bounds(engine, 3, 2);
    ledger_ordering_close(&engine->ordering);
    cr_assert_eq(engine_open(engine, NULL), STATUS_OK);
    expect_bounds(engine, 3, 2);
    cr_expect_eq(submit(engine, 3, "third"), STATUS_OK);
}

Test(ordering, trimming)
{
    each_adapter(trimming);
}

static void too_large(struct engine *engine)
{
    char *text = malloc(LEDGER_BATCH_MAX + 2);
    memset(text, 'x', LEDGER_BATCH_MAX + 1);
    text[LEDGER_BATCH_MAX + 1] = '\0';
    cr_expect_eq(submit(engine, 1, text), STATUS_TOO_LARGE);
    text[LEDGER_BATCH_MAX] = '\0';
    cr_expect_eq(submit(engine, 1, text), STATUS_OK);
    free(text);
}

Test(ordering, too_large)
{
    each_adapter(too_large);
}

static void *submit_later(void *argument)
{
    cr_expect_eq(submit(argument, 1, "awaited"), STATUS_OK);
    return NULL;
}

/* The reader subscribes before or after the submission; either way it gets it. */
static void readers_are_woken(struct engine *engine)
{
    pthread_t thread;
    struct ledger_proposal proposal = {0};
    cr_assert_eq(pthread_create(&thread, NULL, submit_later, engine), 0);
    cr_expect_eq(engine->ordering.calls->read(engine->ordering.self, &proposal, 1, 600000, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)proposal.batch.data, "awaited");
    ledger_proposal_free(&proposal);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(engine->ordering.calls->read(engine->ordering.self, &proposal, 2, 1, NULL), STATUS_NOT_FOUND);
}

Test(ordering, readers_are_woken)
{
    each_adapter(readers_are_woken);
}

enum { RACERS = 4, ROUNDS = 25 };

struct racer {
    struct engine *engine;
    char name[16];
    int wins;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    for (uint64_t height = 1; height <= ROUNDS;) {
        enum status status = submit(racer->engine, height, racer->name);
        cr_assert(status == STATUS_OK || status == STATUS_CONFLICT);
        racer->wins += status == STATUS_OK;
        height++;
    }
    return NULL;
}

static void one_winner_per_height(struct engine *engine)
{
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    int wins = 0;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.engine = engine};
        (void)snprintf(racers[i].name, sizeof(racers[i].name), "r%d", i);
        cr_assert_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        wins += racers[i].wins;
    }
    cr_expect_eq(wins, ROUNDS);
    expect_bounds(engine, 1, ROUNDS);
}

Test(ordering, one_winner_per_height)
{
    each_adapter(one_winner_per_height);
}

/* What a killed process was told is ordered, is. It tells us through a pipe. */
static void survives_a_kill(struct engine *engine)
{
    int pipe_fds[2];
    uint64_t told = 0;
    ledger_ordering_close(&engine->ordering);
    cr_assert_eq(pipe(pipe_fds), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)engine_open(engine, NULL);
        for (uint64_t height = 1;; height++) {
            if (submit(engine, height, "kept") != STATUS_OK || write(pipe_fds[1], &height, sizeof(height)) < 0) {
                _exit(1);
            }
        }
    }
    while (told < 20) {
        cr_assert_eq(read(pipe_fds[0], &told, sizeof(told)), (ssize_t)sizeof(told));
    }
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(close(pipe_fds[1]), 0);
    while (read(pipe_fds[0], &told, sizeof(told)) == (ssize_t)sizeof(told)) {
    }
    cr_assert_eq(close(pipe_fds[0]), 0);
    cr_assert_eq(engine_open(engine, NULL), STATUS_OK);
    for (uint64_t height = 1; height <= told; height++) {
        cr_expect_eq(read_now(engine, height, "kept"), STATUS_OK);
    }
}

Test(ordering, survives_a_kill)
{
    each_adapter(survives_a_kill);
}

static void one_process_at_a_time(struct engine *engine)
{
    struct ledger_ordering second;
    cr_expect_eq(engine->adapter->open(&second, engine->path, &engine->chain, NULL), STATUS_BUSY);
}

/* Not a promise of every engine: of the local one. */
Test(ordering, local_is_for_one_process)
{
    struct engine engine;
    engine_make(&engine, &adapters[0]);
    one_process_at_a_time(&engine);
    engine_remove(&engine);
}
