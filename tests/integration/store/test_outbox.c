/*
 * The outbox on a real database: who holds a claim, and what ends it.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "books.h"
#include "store/outbox.h"

static struct books books;
static struct store *store;

static void setup(void)
{
    books_open(&books);
    store = books_store(&books, "strongroom_app", 4);
}

static void teardown(void)
{
    store_close(store);
    books_close(&books);
}

TestSuite(outbox, .init = setup, .fini = teardown);

Test(outbox, work_is_claimed_by_one_worker_until_its_lease_ends)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store_outbox_item items[4];
    size_t count = 0;
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_put(tx, "sign", &row.id, 7, NULL), STATUS_OK);
    books_commit(tx);
    struct store_tx *one = books_begin(store);
    struct store_tx *two = books_begin(store);
    cr_assert_eq(store_outbox_claim(one, items, &count, 4, 60000, NULL), STATUS_OK);
    cr_expect_eq(count, 1);
    cr_assert_eq(store_outbox_claim(two, items + 1, &count, 3, 60000, NULL), STATUS_OK);
    cr_expect_eq(count, 0);
    books_commit(one);
    books_commit(two);
    tx = books_begin(store);
    cr_assert_eq(store_outbox_claim(tx, items + 1, &count, 3, 60000, NULL), STATUS_OK);
    cr_expect_eq(count, 0);
    cr_expect_eq(store_outbox_postpone(tx, &items[0], -1, &(struct store_outbox_reason){"token", 0}, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_claim(tx, items + 1, &count, 3, 60000, NULL), STATUS_OK);
    cr_expect_eq(count, 1);
    cr_expect_eq(items[1].attempts, 2);
    cr_expect_eq(store_outbox_postpone(tx, &items[0], -1, &(struct store_outbox_reason){"token", 0}, NULL),
                 STATUS_CONFLICT, "claimed again meanwhile");
    cr_expect_eq(store_outbox_done(tx, items[0].id, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_done(tx, items[0].id, NULL), STATUS_CONFLICT);
    books_commit(tx);
}

static uint64_t released(void)
{
    uint64_t count = 0;
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_outbox_release(&count, tx, NULL), STATUS_OK);
    books_commit(tx);
    return count;
}

static void work_for(struct store_withdrawal *row)
{
    books_insert(store, row);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_put(tx, "sign", &row->id, 7, NULL), STATUS_OK);
    books_commit(tx);
}

/* A worker in a process of its own: claims what is due for ten minutes, and holds it. */
static struct store *claim_elsewhere(struct store_outbox_item *out)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store *elsewhere = books_store(&books, "strongroom_app", 1);
    struct store_tx *tx = NULL;
    size_t count = 0;
    work_for(&row);
    cr_assert_eq(store_begin(&tx, elsewhere, STORE_READ_WRITE, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_claim(tx, out, &count, 1, 600000, NULL), STATUS_OK);
    cr_assert_eq(count, 1);
    cr_expect_eq(out->entry, 7);
    books_commit(tx);
    return elsewhere;
}

static size_t claimed_here(struct store_outbox_item *out)
{
    size_t count = 0;
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_outbox_claim(tx, out, &count, 1, 600000, NULL), STATUS_OK);
    books_commit(tx);
    return count;
}

#define SESSIONS_ELSEWHERE                                                                                             \
    "SELECT count(*) FROM pg_stat_activity AS a JOIN custody.outbox AS o ON a.pid = o.claimed_by"                      \
    " WHERE o.done_at IS NULL"

Test(outbox, a_claim_ends_with_the_connection_that_made_it)
{
    struct store_outbox_item theirs;
    struct store_outbox_item ours;
    struct store *elsewhere = claim_elsewhere(&theirs);
    cr_expect_eq(released(), 0, "the session lives");
    cr_expect_eq(claimed_here(&ours), 0);
    books_sql(&books, "SELECT pg_terminate_backend(claimed_by, 10000) FROM custody.outbox WHERE done_at IS NULL");
    cr_assert_eq(books_number(&books, SESSIONS_ELSEWHERE), 0);
    cr_expect_eq(released(), 1, "its connection is lost");
    cr_expect_eq(claimed_here(&ours), 1);
    cr_expect_eq(ours.id, theirs.id);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_postpone(tx, &theirs, -1, &(struct store_outbox_reason){"token", 0}, NULL),
                 STATUS_CONFLICT, "it is not theirs any more");
    books_commit(tx);
    cr_expect_eq(released(), 0, "this is our own claim");
    store_close(elsewhere);
}

/* After a restart of the server the same process ids come again. */
Test(outbox, another_session_of_the_same_process_id_holds_no_claim)
{
    struct store_outbox_item theirs;
    struct store *elsewhere = claim_elsewhere(&theirs);
    books_sql(&books, "UPDATE custody.outbox SET claimed_since = claimed_since - interval '1 microsecond'");
    cr_expect_eq(released(), 1);
    store_close(elsewhere);
}

/* The start of a session cannot be read: not a reason to take its work away. */
Test(outbox, a_claim_without_a_start_lasts_as_long_as_its_process_id)
{
    struct store_outbox_item item;
    struct store *elsewhere = claim_elsewhere(&item);
    books_sql(&books, "UPDATE custody.outbox SET claimed_since = NULL");
    cr_expect_eq(released(), 0);
    books_sql(&books, "SELECT pg_terminate_backend(claimed_by, 10000) FROM custody.outbox WHERE done_at IS NULL");
    cr_expect_eq(released(), 1);
    store_close(elsewhere);
}

Test(outbox, what_is_done_or_put_off_is_nobodys_claim)
{
    struct store_outbox_item item;
    struct store *elsewhere = claim_elsewhere(&item);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_postpone(tx, &item, 600000, &(struct store_outbox_reason){"token", 0}, NULL), STATUS_OK);
    books_commit(tx);
    store_close(elsewhere);
    cr_expect_eq(released(), 0);
    cr_expect_eq(claimed_here(&item), 0, "it waits as long as it was told to");
}

Test(outbox, nothing_leads_on_from_a_withdrawal_whose_work_was_dropped)
{
    struct store_outbox_item items[4];
    struct store_withdrawal other = books_withdrawal("k-2");
    struct store *elsewhere = claim_elsewhere(&items[0]);
    size_t count = 0;
    books_insert(store, &other);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_put(tx, "end", &items[0].withdrawal, 0, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_put(tx, "announce", &items[0].withdrawal, 0, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_put(tx, "sign", &other.id, 0, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_drop(tx, &items[0].withdrawal, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_done(tx, items[0].id, NULL), STATUS_CONFLICT, "the claim elsewhere is worth nothing");
    cr_assert_eq(store_outbox_claim(tx, items, &count, 4, 60000, NULL), STATUS_OK);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(items[0].kind, "end");
    cr_expect(uuid_equal(&items[1].withdrawal, &other.id));
    books_commit(tx);
    store_close(elsewhere);
}

Test(outbox, a_worker_that_hangs_loses_its_claim_with_the_lease)
{
    struct store_outbox_item theirs;
    struct store_outbox_item ours;
    struct store *elsewhere = claim_elsewhere(&theirs);
    books_sql(&books, "UPDATE custody.outbox SET due_at = clock_timestamp()"); /* ten minutes have passed */
    cr_expect_eq(claimed_here(&ours), 1);
    cr_expect_eq(ours.attempts, 2);
    store_close(elsewhere);
    cr_expect_eq(released(), 0, "the claim is ours now");
}

Test(outbox, a_wait_has_a_reason_and_a_beginning)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store_outbox_item item;
    struct store_outbox_wait first;
    struct store_outbox_wait later;
    size_t count = 0;
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_outbox_put(tx, "sign", &row.id, 7, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_claim(tx, &item, &count, 1, 60000, NULL), STATUS_OK);
    cr_expect_str_eq(item.waits_for, "");
    cr_expect_eq(store_outbox_wait_get(&first, tx, &row.id, NULL), STATUS_NOT_FOUND);
    cr_assert_eq(store_outbox_postpone(tx, &item, -1, &(struct store_outbox_reason){"key_inactive", 0}, NULL),
                 STATUS_OK);
    cr_assert_eq(store_outbox_wait_get(&first, tx, &row.id, NULL), STATUS_OK);
    cr_expect_str_eq(first.kind, "sign");
    cr_expect_str_eq(first.waits_for, "key_inactive");
    cr_assert_eq(store_outbox_postpone(tx, &item, -1, &(struct store_outbox_reason){"key_inactive", 0}, NULL),
                 STATUS_OK);
    cr_assert_eq(store_outbox_wait_get(&later, tx, &row.id, NULL), STATUS_OK);
    cr_expect_eq(later.since_utc_us, first.since_utc_us, "the same reason: the wait goes on");
    cr_assert_eq(store_outbox_postpone(tx, &item, -1, &(struct store_outbox_reason){"token", 0}, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_wait_get(&later, tx, &row.id, NULL), STATUS_OK);
    cr_expect_str_eq(later.waits_for, "token");
    cr_expect_gt(later.since_utc_us, first.since_utc_us);
    cr_assert_eq(store_outbox_claim(tx, &item, &count, 1, 60000, NULL), STATUS_OK);
    cr_expect_str_eq(item.waits_for, "token");
    cr_expect_eq(store_outbox_done(tx, item.id, NULL), STATUS_OK);
    cr_expect_eq(store_outbox_wait_get(&later, tx, &row.id, NULL), STATUS_NOT_FOUND);
    books_commit(tx);
}

#define JOBS 48
#define WORKERS 6

/* Two instances of the service on one database, each with its own sessions. */
struct floor {
    struct store *instances[2];
    int64_t first_id;
    atomic_int at_work[JOBS];
    atomic_int finished[JOBS];
    atomic_int left;
    atomic_int doubled;
};

struct labourer {
    pthread_t thread;
    struct floor *floor;
    struct store *instance;
};

static size_t claim_one(struct store *instance, struct store_outbox_item *out)
{
    size_t count = 0;
    uint64_t lost = 0;
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, instance, STORE_READ_WRITE, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_release(&lost, tx, NULL), STATUS_OK);
    cr_assert_eq(store_outbox_claim(tx, out, &count, 1, 600000, NULL), STATUS_OK);
    books_commit(tx);
    cr_expect_eq(lost, 0, "everybody lives");
    return count;
}

/* Every job is put off once, by whoever is first, and done by whoever is second. */
static void *labour(void *context)
{
    struct labourer *me = context;
    struct floor *floor = me->floor;
    while (atomic_load(&floor->left) > 0) {
        struct store_outbox_item item;
        struct store_tx *tx = NULL;
        if (claim_one(me->instance, &item) == 0) {
            continue;
        }
        int64_t job = item.id - floor->first_id;
        if (atomic_fetch_add(&floor->at_work[job], 1) != 0) {
            atomic_fetch_add(&floor->doubled, 1);
        }
        cr_assert_eq(store_begin(&tx, me->instance, STORE_READ_WRITE, NULL), STATUS_OK);
        if (item.attempts == 1) {
            cr_expect_eq(store_outbox_postpone(tx, &item, -1, &(struct store_outbox_reason){"token", 0}, NULL),
                         STATUS_OK);
        } else {
            cr_expect_eq(store_outbox_done(tx, item.id, NULL), STATUS_OK);
            atomic_fetch_add(&floor->finished[job], 1);
            atomic_fetch_sub(&floor->left, 1);
        }
        atomic_fetch_sub(&floor->at_work[job], 1); /* before anybody else may have it */
        books_commit(tx);
    }
    return NULL;
}

Test(outbox, two_instances_never_do_one_job_at_the_same_time)
{
    struct floor floor = {.instances = {store, books_store(&books, "strongroom_app", 4)}, .left = JOBS};
    struct labourer workers[WORKERS];
    char key[16];
    for (int i = 0; i < JOBS; i++) {
        (void)snprintf(key, sizeof(key), "k-%d", i);
        struct store_withdrawal row = books_withdrawal(key);
        work_for(&row);
    }
    floor.first_id = books_number(&books, "SELECT min(id) FROM custody.outbox");
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct labourer){.floor = &floor, .instance = floor.instances[i % 2]};
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, labour, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        cr_assert_eq(pthread_join(workers[i].thread, NULL), 0);
    }
    cr_expect_eq(atomic_load(&floor.doubled), 0);
    for (int i = 0; i < JOBS; i++) {
        cr_expect_eq(atomic_load(&floor.finished[i]), 1, "job %d was finished %d times", i, floor.finished[i]);
    }
    store_close(floor.instances[1]);
}
