/*
 * What the watcher tells the trail, and asks it: an entry that was lost on its way is told again, what may have left
 * for an archive is not, and a question that the trail could not answer is asked again, not taken for an answer.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "prune_place.h"
#include "trail_leaf.h"
#include "trail_signed.h"
#include "watch_core.h"

#define LATER_US 11000000 /* then what was on its way has come */
#define LOSE                                                                                                           \
    "CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"                               \
    " $$ BEGIN DELETE FROM audit.pending WHERE pid = NEW.pid; RETURN NEW; END $$;"                                     \
    "CREATE TRIGGER lose AFTER INSERT ON audit.pending FOR EACH ROW EXECUTE FUNCTION public.lose()"
#define LOSE_NOTHING "DROP TRIGGER lose ON audit.pending; DROP FUNCTION public.lose()"

static struct prune_place place;
static struct service parts;
static struct watch watch;
static int64_t passed_us;

/* Questions, and which of them is not answered next: it ends with memory that ran out. */
enum question { NONE, NEWEST, LIST, EVENT };
static _Thread_local enum question unanswered;

static bool fails(enum question question)
{
    bool failing = unanswered == question;
    unanswered = failing ? NONE : unanswered;
    return failing;
}

enum status __real_trail_signed_newest(struct store_leaf_list *out, struct trail *trail,
                                       const struct store_leaf_filter *filter, struct fault *fault);
enum status __wrap_trail_signed_newest(struct store_leaf_list *out, struct trail *trail,
                                       const struct store_leaf_filter *filter, struct fault *fault);
enum status __wrap_trail_signed_newest(struct store_leaf_list *out, struct trail *trail,
                                       const struct store_leaf_filter *filter, struct fault *fault)
{
    return fails(NEWEST) ? STATUS_NO_MEMORY : __real_trail_signed_newest(out, trail, filter, fault);
}

enum status __real_trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                                     const struct store_leaf_filter *filter, struct fault *fault);
enum status __wrap_trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                                     const struct store_leaf_filter *filter, struct fault *fault);
enum status __wrap_trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                                     const struct store_leaf_filter *filter, struct fault *fault)
{
    return fails(LIST) ? STATUS_NO_MEMORY : __real_trail_signed_list(out, out_left_out, trail, filter, fault);
}

enum status __real_trail_leaf_event(struct audit_event *out, const struct store_leaf *leaf, struct fault *fault);
enum status __wrap_trail_leaf_event(struct audit_event *out, const struct store_leaf *leaf, struct fault *fault);
enum status __wrap_trail_leaf_event(struct audit_event *out, const struct store_leaf *leaf, struct fault *fault)
{
    return fails(EVENT) ? STATUS_NO_MEMORY : __real_trail_leaf_event(out, leaf, fault);
}

/* What record.c and the parts that see signers and blocks are to the watcher; these stand on the whole service. */
void record_by_service(struct audit_event *event, const struct service *service, const struct uuid *correlation,
                       enum audit_action action, enum audit_outcome outcome)
{
    (void)service;
    *event = (struct audit_event){.action = action, .outcome = outcome, .correlation = *correlation};
    cr_assert_eq(name_parse(&event->actor, SERVICE_ACTOR), STATUS_OK);
}

void record_reason(struct audit_event *event, enum status reason)
{
    (void)snprintf(event->reason, sizeof(event->reason), "%s", status_info(reason)->code);
}

enum status key_board_find(struct key_board_entry *out, struct key_board *board, const struct digest *key)
{
    (void)out;
    (void)board;
    (void)key;
    return STATUS_NOT_FOUND;
}

bool key_spending_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_spending *spending,
                         size_t *inout_at)
{
    (void)out_key;
    (void)out_since_utc_us;
    (void)spending;
    (void)inout_at;
    return false;
}

/* A minute behind the trail, whose entries are all of later than what is told. */
static int64_t utc_us(void *context)
{
    (void)context;
    return clock_utc_us(clock_system()) - 60000000;
}

static int64_t monotonic_us(void *context)
{
    (void)context;
    return clock_monotonic_us(clock_system()) + passed_us;
}

static const struct clock clock_of_watch = {.utc_us = utc_us, .monotonic_us = monotonic_us};

/* As after a start of the service. */
static void start_watch(void)
{
    json_decref(watch.told);
    parts = (struct service){.clock = &clock_of_watch, .store = place.stage.app, .trail = place.stage.trail};
    watch = (struct watch){.service = &parts, .told = json_object()};
}

static void setup(void)
{
    prune_place_make(&place);
    stage_open(&place.stage, &place.books, &place.keeper);
    stage_covered(&place.stage, stage_post(&place.stage));
    start_watch();
}

static void teardown(void)
{
    alarm_list_free(&watch.seeing);
    free(watch.copied);
    json_decref(watch.told);
    stage_close(&place.stage);
    prune_place_close(&place);
}

TestSuite(telling, .init = setup, .fini = teardown, .timeout = 600);

/* That a key is active, since then. */
static struct news state_of(const char *key, int64_t since_utc_us)
{
    struct digest id;
    struct news news = {.action = AUDIT_KEY_STATE,
                        .object_type = RECORD_KEY,
                        .unrepeated = true,
                        .since_utc_us = since_utc_us,
                        .value = "active/command/1"};
    digest_sha256(&id, key, strlen(key));
    digest_format(news.object_id, &id);
    (void)snprintf(news.subject, sizeof(news.subject), "key/%s/state", news.object_id);
    news_fact(&news, "role", "transfer");
    news_fact(&news, "state", "active");
    news_fact(&news, "transitions", "1");
    return news;
}

/* Entries about it after a look. */
static long look(const struct news *news)
{
    char sql[256];
    struct fault fault = {0};
    cr_assert_eq(watch_tell_past(&watch, news, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert_eq(unanswered, NONE, "question %d was not asked", (int)unanswered);
    stage_covered(&place.stage, stage_event(&place.stage, "one")); /* what waited stands before it */
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit.leaf WHERE act = 'key.state' AND oid = '%s'",
                   news->object_id);
    return books_number(&place.books, sql);
}

Test(telling, what_was_lost_on_its_way_is_told_again_once)
{
    static const enum question questions[] = {NONE, NEWEST, LIST};
    static const char *const keys[] = {"a", "b", "c"};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        const struct news news = state_of(keys[i], clock_utc_us(clock_system()));
        struct fault fault = {0};
        books_sql(&place.books, LOSE);
        cr_assert_eq(watch_tell_past(&watch, &news, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
        books_sql(&place.books, LOSE_NOTHING);
        cr_expect_eq(look(&news), 0, "it may be on its way");
        passed_us += LATER_US;
        if (questions[i] != NONE) {
            unanswered = questions[i];
            cr_expect_eq(look(&news), 0, "question %d was taken for answered", (int)questions[i]);
        }
        cr_expect_eq(look(&news), 1, "it is not told after question %d", (int)questions[i]);
        passed_us += LATER_US;
        cr_expect_eq(look(&news), 1);
    }
}

Test(telling, what_the_trail_tells_is_not_told_again)
{
    static const enum question questions[] = {NONE, NEWEST, LIST, EVENT};
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        const struct news news = state_of(keys[i], clock_utc_us(clock_system()));
        cr_expect_eq(look(&news), 1);
        passed_us += LATER_US;
        unanswered = questions[i];
        cr_expect_eq(look(&news), 1, "question %d was taken for answered", (int)questions[i]);
        passed_us += LATER_US;
        cr_expect_eq(look(&news), 1);
    }
}

Test(telling, what_may_stand_in_an_archive_is_not_told_again)
{
    static const enum question questions[] = {NONE, LIST};
    const struct news old[] = {state_of("a", clock_utc_us(clock_system())),
                               state_of("b", clock_utc_us(clock_system()))};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        cr_expect_eq(look(&old[i]), 1);
    }
    prune_place_fill(&place);
    stage_copy(&place.stage, place.archive);
    prune_place_expect_left(&place);
    start_watch();
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        cr_expect_eq(look(&old[i]), 0);
        passed_us += LATER_US;
        unanswered = questions[i];
        cr_expect_eq(look(&old[i]), 0, "question %d was taken for answered", (int)questions[i]);
        cr_expect_eq(look(&old[i]), 0);
    }
    const struct news young = state_of("c", clock_utc_us(clock_system()));
    cr_expect_eq(look(&young), 1);
}

/* A log that follows another begins after it, and nothing has left: a mark that was set before keeps nothing out. */
Test(telling, what_was_so_before_the_log_began_is_told_in_it)
{
    char sql[512];
    const struct news news = state_of("a", 1);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO custody.mark (subject, value) VALUES ('%s', '%s')", news.subject,
                   news.value);
    books_sql(&place.books, sql);
    cr_expect_eq(look(&news), 0, "it may be on its way");
    passed_us += LATER_US;
    cr_expect_eq(look(&news), 1);
    start_watch();
    cr_expect_eq(look(&news), 1);
    passed_us += LATER_US;
    cr_expect_eq(look(&news), 1);
}

/* A copy of the key was used. */
static void use_copy(const char *key)
{
    struct digest digest;
    struct trail_ticket ticket;
    struct audit_event event = {
        .action = AUDIT_KEY_COPIED_USE, .outcome = AUDIT_OUTCOME_ERROR, .object_type = RECORD_TRANSACTION};
    digest_sha256(&digest, key, strlen(key));
    digest_format(event.object_id, &digest);
    record_reason(&event, STATUS_MISMATCH);
    prune_place_tell_use(&ticket, &place, &event, key);
    stage_covered(&place.stage, ticket);
}

Test(telling, a_use_of_a_copied_key_is_not_lost_to_memory_that_ran_out)
{
    struct digest key;
    char hex[DIGEST_HEX_LEN + 1];
    struct fault fault = {0};
    use_copy("a");
    unanswered = EVENT;
    cr_expect_eq(watch_copied(&watch, &fault), STATUS_NO_MEMORY, "the look says that it saw everything");
    cr_assert_eq(unanswered, NONE);
    cr_expect_eq(watch.seeing.count, 0);
    cr_assert_eq(watch_copied(&watch, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert_eq(watch.seeing.count, 1);
    digest_sha256(&key, "a", 1);
    digest_format(hex, &key);
    cr_expect_str_eq(watch.seeing.rows[0].object_id, hex);
}
