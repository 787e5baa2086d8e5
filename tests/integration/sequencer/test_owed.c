/*
 * Reads that were answered while the trail took nothing, or lost what it took: each is an entry when it goes on, and
 * only once.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "stage.h"
#include "trail_owed.h"

#define DENIALS "SELECT count(*) FROM audit.leaf WHERE act = 'login.deny'"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;
static struct trail_owed *owed;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    cr_assert_eq(trail_owed_new(&owed, NULL), STATUS_OK);
}

static void teardown(void)
{
    trail_owed_free(owed);
    stage_close(&stage);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(owed, .init = setup, .fini = teardown, .timeout = 600);

static struct audit_event denial(void)
{
    struct audit_event event = {.action = AUDIT_LOGIN_DENY, .outcome = AUDIT_OUTCOME_DENY};
    cr_assert_eq(name_parse(&event.actor, "rita"), STATUS_OK);
    return event;
}

static void tell(void)
{
    trail_owed_tell(owed, stage.trail, stage.app);
}

/* Until there are so many entries, and then as often again: nothing is owed twice. */
static void expect_entries(long count)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < STAGE_WAIT_MS / 20 && books_number(&books, DENIALS) < count; i++) {
        tell();
        (void)nanosleep(&pause, NULL);
    }
    for (int i = 0; i < 3; i++) {
        stage_covered(&stage, stage_heartbeat(&stage));
        tell();
    }
    cr_expect_eq(books_number(&books, DENIALS), count);
}

Test(owed, what_the_trail_did_not_take_it_is_told_when_it_does)
{
    stage_stop(&stage);
    books_sql(&books, "REVOKE INSERT ON audit.pending FROM strongroom_app");
    for (int i = 0; i < 3; i++) {
        struct audit_event event = denial();
        cr_assert_eq(trail_owed_add(owed, &event, NULL, NULL), STATUS_OK);
        tell();
    }
    books_sql(&books, "GRANT INSERT ON audit.pending TO strongroom_app");
    stage_start(&stage);
    expect_entries(3);
}

/* The batch that it was in is not written: the table is another one for a while. */
Test(owed, what_the_trail_lost_it_is_told_again)
{
    struct trail_ticket ticket = {0};
    struct audit_event event = denial();
    stage_await(&stage, SEQUENCER_LEADING, NULL);
    books_sql(&books, "ALTER TABLE audit.leaf RENAME TO away");
    cr_assert_eq(trail_post(&ticket, stage.trail, stage.app, &event, NULL), STATUS_OK);
    cr_assert_eq(trail_owed_add(owed, &event, &ticket, NULL), STATUS_OK);
    cr_assert_eq(trail_wait_covered(stage.trail, &ticket, STAGE_WAIT_MS, NULL), STATUS_UNAVAILABLE);
    books_sql(&books, "ALTER TABLE audit.away RENAME TO leaf");
    expect_entries(1);
}

static void *tell_once(void *context)
{
    (void)context;
    tell();
    return NULL;
}

/* Its COMMIT took place, and nobody was told: whoever asks the ticket learns it. */
Test(owed, what_may_have_been_written_is_not_written_again)
{
    pthread_t teller;
    struct audit_event event = denial();
    stage_stop(&stage);
    cr_assert_eq(trail_owed_add(owed, &event, NULL, NULL), STATUS_OK);
    books_sql(&books, "ALTER ROLE postgres SET synchronous_commit = local");
    books_sync_commit(&books, true);
    cr_assert_eq(pthread_create(&teller, NULL, tell_once, NULL), 0);
    books_end_waiting(&books, "strongroom_app", BOOKS_CUT);
    cr_assert_eq(pthread_join(teller, NULL), 0);
    books_sync_commit(&books, false);
    tell();
    stage_start(&stage);
    expect_entries(1);
}

Test(owed, no_more_are_answered_than_can_be_told)
{
    struct audit_event event;
    for (int i = 0; i < TRAIL_OWED_MAX; i++) {
        event = denial();
        cr_assert_eq(trail_owed_add(owed, &event, NULL, NULL), STATUS_OK);
    }
    event = denial();
    cr_expect_eq(trail_owed_add(owed, &event, NULL, NULL), STATUS_NOT_READY);
    cr_expect_str_eq(event.actor.text, "rita", "it stays the caller's");
    audit_event_wipe(&event);
    expect_entries(TRAIL_OWED_MAX);
}
