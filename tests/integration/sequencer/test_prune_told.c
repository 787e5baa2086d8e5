/*
 * What the trail says before entries leave: the very entry that asks for it, whatever else stands there, and again what
 * must be remembered of those that leave.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "prune_place.h"
#include "store/pending.h"
#include "trail_core.h"
#include "trail_kept.h"
#include "trail_signed.h"

#define USES 35 /* of a copied key: more than are told again at once */
#define FORGED_ALARM                                                                                                   \
    "{\"act\":\"key.alarm\",\"actor\":\"custodyd\",\"corr\":\"00000000-0000-7000-8000-000000000000\",\"oid\":\"use-"   \
    "x\","                                                                                                             \
    "\"on\":\"1\",\"otype\":\"transaction\",\"outcome\":\"ok\",\"pn\":\"1\","                                          \
    "\"pr\":\"00000000-0000-7000-8000-000000000001\"}"
#define FORGED_REVOCATION                                                                                              \
    "{\"act\":\"destination.revoke\",\"actor\":\"olga\",\"corr\":\"00000000-0000-7000-8000-000000000000\",\"oid\":"    \
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee\",\"on\":\"9\",\"otype\":\"destination\","     \
    "\"outcome\":\"ok\",\"pn\":\"2\",\"pr\":\"00000000-0000-7000-8000-000000000001\"}"
#define ALARMS "SELECT count(*) FROM audit.leaf WHERE act = 'key.alarm' AND seq >= 512"

static struct prune_place place;

/* The use of a copied key was dealt with. */
static void alarm_of(const char *transaction)
{
    struct trail_ticket ticket;
    struct audit_event event = {.action = AUDIT_KEY_ALARM, .outcome = AUDIT_OUTCOME_OK, .object_type = "transaction"};
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", transaction);
    prune_place_tell_use(&ticket, &place, &event, transaction);
}

#define ENTRY                                                                                                          \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" /* of the allow-list, without its last digit */

/* What the trail hears of entry `last`; of one that was taken off with the order. */
static void listing(enum audit_action action, enum audit_outcome outcome, char last, const char *reason)
{
    struct trail_ticket ticket;
    struct fault fault = {0};
    struct digest digest;
    struct audit_event event = {.action = action, .outcome = outcome, .object_type = "destination"};
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s%c", ENTRY, last);
    digest_sha256(&digest, event.object_id, strlen(event.object_id));
    cr_assert_eq(name_parse(&event.actor, "olga"), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "destination", &digest, &fault), STATUS_OK);
    event.policy = digest;
    if (action == AUDIT_DESTINATION_REVOKE) {
        cr_assert_eq(audit_event_ref_add(&event, "command", &digest, &fault), STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "reason", reason, &fault), STATUS_OK);
    } else if (outcome == AUDIT_OUTCOME_OK) {
        cr_assert_eq(audit_event_fact_add(&event, "serving_at", "2026-01-02T03:04:05.000000Z", &fault), STATUS_OK);
    }
    struct store_tx *tx = books_begin(place.stage.app);
    cr_assert_eq(trail_enqueue(&ticket, place.stage.trail, tx, &event, &fault), STATUS_OK, "%s", fault.detail);
    books_commit(tx);
    audit_event_wipe(&event);
}

/* As who has the service's key and a role of the database writes an event. */
static void forge(const char *event)
{
    struct digest digest;
    struct fault fault = {0};
    struct bytes document = {0};
    cr_assert_eq(bytes_copy(&document, event, strlen(event)), STATUS_OK);
    digest_sha256(&digest, document.data, document.len);
    struct store_put put = {.event = document};
    trail_pending_mac(&put.mac, place.stage.trail, put.since, &digest);
    struct store_tx *tx = books_begin(place.stage.app);
    cr_assert_eq(store_pending_put(tx, &put, &fault), STATUS_OK, "%s", fault.detail);
    bytes_free(&document);
    books_commit(tx);
}

static void setup(void)
{
    prune_place_make(&place);
    stage_open(&place.stage, &place.books, &place.keeper);
    for (int i = 0; i < USES; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "use-%d", i);
        alarm_of(name);
    }
    forge(FORGED_ALARM);
    listing(AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_INTENT, 'a', NULL);
    listing(AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_OK, 'a', NULL);
    listing(AUDIT_DESTINATION_HELD, AUDIT_OUTCOME_OK, 'b', NULL);
    listing(AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_DENY, 'c', NULL);
    listing(AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK, 'd', "first");
    listing(AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK, 'd', "last");
    listing(AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK, 'e', "mine");
    forge(FORGED_REVOCATION);
    prune_place_fill(&place);
    stage_copy(&place.stage, place.archive);
}

static void teardown(void)
{
    prune_place_close(&place);
}

TestSuite(told, .init = setup, .fini = teardown, .timeout = 600);

/* That the use of a copied key was dealt with is told again, once; what this service did not say of one is not. */
Test(told, what_must_be_remembered_stays)
{
    struct fault fault = {0};
    alarm_of("use-1");
    stage_covered(&place.stage, stage_post(&place.stage));
    cr_assert_eq(books_number(&place.books, ALARMS), 1);
    books_sql(&place.books,
              "CREATE TABLE public.said AS SELECT oid, corr, actor FROM audit.leaf WHERE act = 'key.alarm'");
    prune_place_expect_left(&place);
    cr_expect_eq(books_number(&place.books, ALARMS " AND ord = 2"), USES);
    cr_expect_eq(books_number(&place.books, ALARMS), USES);
    cr_expect_eq(books_number(&place.books,
                              ALARMS " AND (oid, corr, actor) IN (SELECT oid, corr, actor FROM public.said)"
                                     " AND position('\"height\":\"9\",\"key\":\"K\"'::bytea IN raw) > 0"),
                 USES);
    cr_expect_eq(books_number(&place.books, "SELECT max(seq) FROM audit.leaf WHERE act = 'key.alarm'") <
                     books_number(&place.books, "SELECT max(seq) FROM audit.leaf WHERE act = 'retention.prune'"),
                 true);
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_EXISTS, "%s", fault.detail);
    stage_close(&place.stage);
}

/* Of the allow-list, in the order of numbers: what was said of which entry, by whom, and the reason. */
static void expect_listings(const char *wanted)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof(sql),
        "SELECT count(*) FROM (SELECT string_agg(act || ' ' || outcome || ' ' || right(oid, 1) || ' ' || actor"
        " || ' ' || (convert_from(raw, 'UTF8') LIKE '%%\"policy\":%%')"
        " || coalesce(substring(convert_from(raw, 'UTF8') FROM '\"reason\":(\"[a-z]*\")'), ''), ',' ORDER BY seq)"
        " AS said FROM audit.leaf WHERE act LIKE 'destination.%%' AND seq >= 512) AS rows WHERE said = '%s'",
        wanted);
    cr_expect_eq(books_number(&place.books, sql), 1, "%s", wanted);
}

#define REMEMBERED                                                                                                     \
    "destination.add intent a olga true,destination.add ok a olga true,destination.held ok b olga true,"               \
    "destination.revoke ok d olga true\"last\",destination.revoke ok e olga true\"mine\""

/* The last of each that this service said, once; rows that only look like it, and a denial, are neither. */
Test(told, what_was_said_of_the_allow_list_stays)
{
    struct fault fault = {0};
    books_sql(&place.books, AS_SUPERUSER
              "UPDATE audit.leaf SET act = 'destination.revoke', outcome = 'ok', otype = 'destination', ord = 1,"
              " oid = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcded' WHERE seq IN (600, 700)");
    prune_place_expect_left(&place);
    books_sql(&place.books, AS_SUPERUSER "UPDATE audit.leaf SET act = 'trail.refuse' WHERE seq IN (600, 700)");
    expect_listings(REMEMBERED);
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_EXISTS, "%s", fault.detail);
    stage_close(&place.stage);
}

/* Whoever edits the columns of an entry has it neither forgotten nor taken for another. */
Test(told, an_entry_whose_columns_were_edited_does_not_leave)
{
    struct fault fault = {0};
    books_sql(&place.books,
              AS_SUPERUSER "UPDATE audit.leaf SET act = 'trail.refuse' WHERE act = 'destination.revoke' AND seq < 512");
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_CORRUPT, "%s", fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    stage_close(&place.stage);
}

/* What a writer to the database has sequenced: a root that no archive has, under somebody's name. */
static void plant(const char *person)
{
    struct trail_ticket ticket;
    struct fault fault = {0};
    struct digest digest;
    struct audit_event event = {
        .action = AUDIT_RETENTION_PRUNE, .outcome = AUDIT_OUTCOME_INTENT, .object_type = "archive", .object_id = "512"};
    digest_sha256(&digest, "another", 7);
    cr_assert_eq(name_parse(&event.actor, person), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(&event, "first", "0", &fault), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(&event, "size", "512", &fault), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "root", &digest, &fault), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "checkpoint", &digest, &fault), STATUS_OK);
    struct store_tx *tx = books_begin(place.stage.app);
    cr_assert_eq(trail_enqueue(&ticket, place.stage.trail, tx, &event, &fault), STATUS_OK, "%s", fault.detail);
    books_commit(tx);
    audit_event_wipe(&event);
    stage_covered(&place.stage, ticket);
}

/* Whether an entry tells the root by which a verifier computes those that have left. */
static long told_truly(void)
{
    char sql[512];
    char hex[DIGEST_HEX_LEN + 1];
    struct audit_frontier frontier;
    struct digest root;
    struct fault fault = {0};
    cr_assert_eq(trail_kept_tree(&frontier, place.stage.reader, &fault), STATUS_OK, "%s", fault.detail);
    audit_frontier_root(&root, &frontier);
    digest_format(hex, &root);
    (void)snprintf(sql, sizeof(sql),
                   TOLD " AND actor = 'olga' AND position('\"root\":\"%s\"'::bytea IN raw) > 0"
                        " AND position('\"first\":\"0\"'::bytea IN raw) > 0",
                   hex);
    return books_number(&place.books, sql);
}

/* One that is wrong is not taken for this prune's own: the right one is told beside it, and exports are proven by it.
 */
Test(told, a_planted_entry_is_not_taken_for_its_own)
{
    struct fault fault = {0};
    plant("olga");
    cr_assert_eq(prune_place_prune(&place, NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&place.books, TOLD), 2);
    cr_expect_eq(told_truly(), 1);
    stage_close(&place.stage);
}

static void by_otto(struct trail_prune_config *config)
{
    cr_assert_eq(name_parse(&config->person, "otto"), STATUS_OK);
    config->wait_ms = 1;
}

/* The entry is told and covered, and nothing has left. */
static void tell_only(prune_change_fn *change)
{
    struct fault fault = {0};
    stage_close(&place.stage);
    cr_assert_eq(prune_place_prune(&place, change, &fault), STATUS_NOT_READY, "%s", fault.detail);
    stage_open(&place.stage, &place.books, &place.keeper);
    stage_covered(&place.stage, stage_event(&place.stage, "one")); /* what waited stands before it */
    cr_assert_eq(books_number(&place.books, TOLD), 1);
    cr_assert_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
}

Test(told, what_another_asked_for_is_not_said_of_who_asks)
{
    struct fault fault = {0};
    tell_only(by_otto);
    cr_assert_eq(prune_place_prune(&place, NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&place.books, TOLD), 2);
    cr_expect_eq(told_truly(), 1);
    stage_close(&place.stage);
}

/* A row that is true for itself, made of an older one by who edits the heap, is not what was signed in its place. */
Test(told, a_row_that_was_made_to_say_so)
{
    struct fault fault = {0};
    tell_only(prune_place_shortly);
    books_sql(&place.books, AS_SUPERUSER
              "CREATE TEMPORARY TABLE said AS SELECT * FROM audit.leaf WHERE act = 'retention.prune';"
              "UPDATE audit.leaf SET act = 'trail.copied' WHERE act = 'retention.prune';"
              "UPDATE said SET raw = overlay(raw PLACING '600'::bytea"
              " FROM position(convert_to(E'\n' || seq || E'\n', 'UTF8') IN raw) + 1 FOR length(seq::text)), seq = 600;"
              "UPDATE said SET lh = sha256('\\x00'::bytea || raw);"
              "DELETE FROM audit.leaf WHERE seq = 600; INSERT INTO audit.leaf SELECT * FROM said");
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_CORRUPT, "%s", fault.detail);
    cr_expect_str_eq(fault.detail, "row 600 is not the entry that was signed");
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    stage_close(&place.stage);
}

/* Nobody has an archive with the root that it tells: whoever deleted them is not excused by it. */
Test(told, an_entry_with_another_root_does_not_say_that_they_have_left)
{
    struct trail_doubted doubted = {0};
    struct fault fault = {0};
    plant("olga");
    books_sql(&place.books, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq < 512; UPDATE audit.head SET first = 512");
    cr_expect_eq(trail_left_check(place.stage.trail, PRUNE_PLACE_LEAVE, &fault), STATUS_CORRUPT);
    cr_expect_str_eq(fault.detail, "row 511 is not the entry that was signed");
    cr_assert(trail_doubted(&doubted, place.stage.trail));
    cr_expect_eq(doubted.seq, 511);
    stage_close(&place.stage);
}

/* Neither older nor younger rows that were edited to look like that entry hide it: they are told, and nothing else. */
Test(told, that_entries_have_left_is_seen_beside_rows_that_look_like_it)
{
    struct trail_doubted doubted;
    struct fault fault = {0};
    prune_place_expect_left(&place);
    uint64_t younger = stage_covered(&place.stage, stage_post(&place.stage));
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   AS_SUPERUSER "UPDATE audit.leaf SET act = 'retention.prune', outcome = 'intent', otype = 'archive',"
                                " oid = '512', ord = 1 WHERE seq IN (600, %llu)",
                   (unsigned long long)younger);
    books_sql(&place.books, sql);
    cr_expect_eq(trail_left_check(place.stage.trail, PRUNE_PLACE_LEAVE, &fault), STATUS_OK, "%s", fault.detail);
    uint64_t told = 0;
    while (trail_doubted_after(&doubted, place.stage.trail, told)) {
        cr_expect(doubted.seq == 600 || doubted.seq == younger, "row %llu is told", (unsigned long long)doubted.seq);
        told = doubted.news;
    }
    cr_expect_eq(told, 2);
    stage_close(&place.stage);
}
