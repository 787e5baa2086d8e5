/*
 * The guard: what is committed is there after opening again, what fails leaves nothing, a halt stays.
 */
#include "signer/guard.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "test/test_place.h"
#include "world.h"

static struct test_folder folder;
static char path[TEST_PATH_SIZE + 16];
static struct guard_state first;
static struct public_key founding;
static struct guard *guard;

static void start(void)
{
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/guard", folder.path);
    first = (struct guard_state){
        .role = ROLE_TRANSFER, .environment = name_of("test"), .policy_version = 1, .log = "origin+00000000+AA=="};
    struct test_key *key = test_key_new(ALGORITHM_P256);
    founding = *test_key_public(key);
    test_key_free(key);
    public_key_id(&first.key, &founding);
    MUST(guard_create(path, &first, &founding, NULL));
    MUST(guard_open(&guard, path, NULL));
}

static void finish(void)
{
    guard_close(guard);
    test_folder_remove(&folder);
}

static void reopen(void)
{
    guard_close(guard);
    guard = NULL;
    struct fault fault = {0};
    enum status status = guard_open(&guard, path, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
}

TestSuite(guard, .init = start, .fini = finish);

static enum status set_size(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    txn->state.size = *(const uint64_t *)context;
    return STATUS_OK;
}

static enum status set_size_and_fail(struct guard_txn *txn, void *context, struct fault *fault)
{
    txn->state.size = *(const uint64_t *)context;
    return fault_set(fault, STATUS_DENIED, "here", "no");
}

static enum status set_size_and_halt(struct guard_txn *txn, void *context, struct fault *fault)
{
    txn->state.size = *(const uint64_t *)context;
    return guard_txn_halt(txn, STATUS_FORK, "there", "two of them", fault);
}

static uint64_t size_now(void)
{
    struct guard_state state;
    guard_read(guard, &state);
    return state.size;
}

Test(guard, starts_as_it_was_made)
{
    struct guard_state state;
    guard_read(guard, &state);
    cr_expect(state.role == ROLE_TRANSFER && state.policy_version == 1 && !state.halted && state.size == 0);
    cr_expect_str_eq(state.log, first.log);
    cr_expect_str_eq(state.environment.text, "test");
}

Test(guard, a_change_is_there_after_opening_again)
{
    uint64_t size = 42;
    MUST(guard_commit(guard, set_size, &size, NULL));
    cr_expect(size_now() == 42);
    reopen();
    cr_expect(size_now() == 42);
}

Test(guard, a_refused_change_leaves_nothing)
{
    uint64_t size = 42;
    struct fault fault = {0};
    cr_expect(guard_commit(guard, set_size_and_fail, &size, &fault) == STATUS_DENIED);
    cr_expect_str_eq(fault.where, "here");
    cr_expect(size_now() == 0);
    reopen();
    cr_expect(size_now() == 0);
}

Test(guard, a_halt_stays_and_nothing_else_of_the_change)
{
    uint64_t size = 42;
    cr_expect(guard_commit(guard, set_size_and_halt, &size, NULL) == STATUS_FORK);
    for (int i = 0; i < 2; i++) {
        struct guard_state state;
        guard_read(guard, &state);
        cr_expect(state.halted && state.size == 0);
        cr_expect_str_eq(state.halted_by, "fork: there");
        cr_expect(guard_commit(guard, set_size, &size, NULL) == STATUS_HALTED);
        reopen();
    }
}

/* Records */

static enum status put_twice(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct guard_record *record = context;
    enum status status = guard_txn_put(txn, record, fault);
    return status == STATUS_OK ? guard_txn_put(txn, record, fault) : status;
}

static enum status put_once(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_put(txn, context, fault);
}

static enum status get_back(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_get(txn, context, fault);
}

static struct guard_record checkpoint_record(uint8_t last)
{
    struct guard_record record = {.key = {'c', 0, 0, 0, 0, 0, 0, 0, last}, .key_len = 9, .value_len = 32};
    memset(record.value, last, 32);
    return record;
}

Test(guard, records_are_kept)
{
    struct guard_record record = checkpoint_record(3);
    MUST(guard_commit(guard, put_once, &record, NULL));
    reopen();
    struct guard_record back = {.key_len = 9};
    memcpy(back.key, record.key, sizeof(back.key));
    MUST(guard_commit(guard, get_back, &back, NULL));
    cr_expect(back.value_len == 32 && memcmp(back.value, record.value, 32) == 0);
    back.key[8] = 4;
    cr_expect(guard_commit(guard, get_back, &back, NULL) == STATUS_NOT_FOUND);
}

Test(guard, a_write_that_fails_takes_everything_with_it)
{
    struct guard_record record = checkpoint_record(3);
    cr_expect(guard_commit(guard, put_twice, &record, NULL) == STATUS_IO);
    cr_expect(guard_commit(guard, get_back, &record, NULL) == STATUS_NOT_FOUND);
    reopen();
    cr_expect(guard_commit(guard, get_back, &record, NULL) == STATUS_NOT_FOUND);
}

/* Records until the file may not grow any more; how many there are then. */
static uint8_t fill(enum status *out_status)
{
    uint8_t count = 0;
    *out_status = STATUS_OK;
    while (*out_status == STATUS_OK && count < 255) {
        struct guard_record record = checkpoint_record(count);
        *out_status = guard_commit(guard, put_once, &record, NULL);
        count += *out_status == STATUS_OK;
    }
    return count;
}

Test(guard, a_full_disk_loses_nothing_and_promises_nothing)
{
    struct stat file;
    char data[TEST_PATH_SIZE + 32];
    (void)snprintf(data, sizeof(data), "%s/data.mdb", path);
    cr_assert(stat(data, &file) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const struct rlimit full = {(rlim_t)file.st_size + 4096, limit.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &full) == 0);
    enum status status;
    uint8_t count = fill(&status);
    cr_expect(status == STATUS_IO && count < 255, "%s after %d", status_info(status)->code, count);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);

    reopen();
    for (uint8_t i = 0; i <= count; i++) {
        struct guard_record record = checkpoint_record(i);
        enum status there = guard_commit(guard, get_back, &record, NULL);
        cr_expect(there == (i < count ? STATUS_OK : STATUS_NOT_FOUND), "record %d: %s", i, status_info(there)->code);
    }
    struct guard_record next = checkpoint_record(count);
    cr_expect(guard_commit(guard, put_once, &next, NULL) == STATUS_OK);
}

/* Sound records that do not agree with each other. */
Test(guard, a_sequence_without_its_withdrawal_is_found)
{
    struct guard_record lane = {
        .key = {'l', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, .key_len = 17, .value_len = 8};
    lane.value[7] = 1; /* the next is 1, so sequence 0 was used */
    MUST(guard_commit(guard, put_once, &lane, NULL));
    guard_close(guard);
    guard = NULL;
    struct fault fault = {0};
    cr_expect(guard_open(&guard, path, &fault) == STATUS_CORRUPT);
    cr_expect(strstr(fault.detail, "missing") != NULL, "%s", fault.detail);
}

Test(guard, a_record_of_no_kind_is_found)
{
    struct guard_record record = {.key = {'z'}, .key_len = 1, .value_len = 1};
    MUST(guard_commit(guard, put_once, &record, NULL));
    guard_close(guard);
    guard = NULL;
    cr_expect(guard_open(&guard, path, NULL) == STATUS_CORRUPT);
}

/* Threads share writes; each change is still applied alone. */

static enum status add_one(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)context;
    (void)fault;
    txn->state.size++;
    return STATUS_OK;
}

static void *add_many(void *argument)
{
    for (int i = 0; i < 25; i++) {
        MUST(guard_commit(guard, add_one, NULL, NULL));
    }
    return argument;
}

Test(guard, changes_of_many_threads_are_all_applied)
{
    pthread_t threads[16];
    for (size_t i = 0; i < 16; i++) {
        cr_assert(pthread_create(&threads[i], NULL, add_many, NULL) == 0);
    }
    for (size_t i = 0; i < 16; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
    cr_expect(size_now() == 400);
    reopen();
    cr_expect(size_now() == 400);
}

Test(guard, is_not_made_over_another)
{
    cr_expect(guard_create(path, &first, &founding, NULL) == STATUS_EXISTS);
    reopen();
}
