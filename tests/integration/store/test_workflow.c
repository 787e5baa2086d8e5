/*
 * The workflow's rows against a real database: what two sessions at once, a repeated request, a stale version or a
 * forbidden move can and cannot do.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "books.h"
#include "store/approval.h"
#include "store/document.h"
#include "store/lane.h"
#include "store/mark.h"
#include "store/medium.h"
#include "store/suspense.h"
#include "store/token.h"

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

TestSuite(workflow, .init = setup, .fini = teardown);

Test(workflow, what_is_written_is_read)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store_withdrawal read;
    cr_assert_eq(amount_parse(&row.amount, "340282366920938463463374607431768211455"), STATUS_OK);
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_withdrawal_get(&read, tx, &row.id, NULL), STATUS_OK);
    store_rollback(tx);
    cr_expect(uuid_equal(&read.id, &row.id));
    cr_expect_eq(amount_compare(read.amount, row.amount), 0);
    cr_expect_str_eq(read.destination, row.destination);
    cr_expect_str_eq(read.requester.text, "rita");
    cr_expect(digest_equal(&read.asset, &row.asset));
    cr_expect_eq(read.requested_at_utc_us, row.requested_at_utc_us);
    cr_expect_eq(read.expires_at_utc_us, row.expires_at_utc_us);
    cr_expect_eq(read.state, WITHDRAWAL_REQUESTED);
    cr_expect_eq(read.ver, 1);
    cr_expect(!read.placed);
    store_withdrawal_wipe(&read);
}

Test(workflow, the_same_key_and_body_give_the_first_row)
{
    struct store_withdrawal first = books_withdrawal("k-1");
    struct store_withdrawal again = books_withdrawal("k-1");
    struct store_withdrawal other = books_withdrawal("k-1");
    other.request.bytes32[0] ^= 1;
    books_insert(store, &first);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_withdrawal_insert(tx, &again, NULL), STATUS_EXISTS);
    cr_expect(uuid_equal(&again.id, &first.id));
    cr_expect_eq(store_withdrawal_insert(tx, &other, NULL), STATUS_IDEMPOTENCY_MISMATCH);
    books_commit(tx);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM custody.withdrawal"), 1);
    store_withdrawal_wipe(&again);
}

#define RACERS 8

struct racer {
    pthread_t thread;
    struct store_withdrawal row;
    enum withdrawal_state to;
    enum status status;
};

static enum status race_work(struct store_tx *tx, void *context, struct fault *fault)
{
    struct racer *racer = context;
    return store_withdrawal_move(tx, &racer->row, racer->to, NULL, fault);
}

static void *race_run(void *context)
{
    struct racer *racer = context;
    struct fault fault = {0};
    racer->status = store_transact(store, race_work, racer, &fault);
    return NULL;
}

Test(workflow, approve_cancel_and_expire_at_once_have_one_winner)
{
    static const enum withdrawal_state ends[] = {WITHDRAWAL_RESERVED, WITHDRAWAL_CANCELLED, WITHDRAWAL_EXPIRED,
                                                 WITHDRAWAL_REJECTED};
    for (int round = 0; round < 10; round++) {
        char key[16];
        struct racer racers[RACERS];
        snprintf(key, sizeof key, "k-%d", round);
        struct store_withdrawal row = books_withdrawal(key);
        books_insert(store, &row);
        int won = 0;
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.row = row, .to = ends[i % 4]};
            cr_assert_eq(pthread_create(&racers[i].thread, NULL, race_run, &racers[i]), 0);
        }
        for (int i = 0; i < RACERS; i++) {
            cr_assert_eq(pthread_join(racers[i].thread, NULL), 0);
            won += racers[i].status == STATUS_OK;
            cr_expect(racers[i].status == STATUS_OK || racers[i].status == STATUS_CONFLICT, "%d", racers[i].status);
        }
        cr_expect_eq(won, 1);
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM custody.withdrawal WHERE ver = 2"), 10);
}

static void *idempotent_run(void *context)
{
    struct racer *racer = context;
    struct store_tx *tx = books_begin(store);
    racer->status = store_withdrawal_insert(tx, &racer->row, NULL);
    books_commit(tx);
    return NULL;
}

Test(workflow, one_request_sent_many_times_at_once_is_one_row)
{
    struct racer racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.row = books_withdrawal("k-1")};
        cr_assert_eq(pthread_create(&racers[i].thread, NULL, idempotent_run, &racers[i]), 0);
    }
    int inserted = 0;
    for (int i = 0; i < RACERS; i++) {
        cr_assert_eq(pthread_join(racers[i].thread, NULL), 0);
        inserted += racers[i].status == STATUS_OK;
        cr_expect(uuid_equal(&racers[i].row.id, &racers[0].row.id));
    }
    cr_expect_eq(inserted, 1);
}

/* The table in C and the table in the schema are one. */
Test(workflow, the_schema_allows_the_same_moves)
{
    long allowed = 0;
    for (int from = WITHDRAWAL_REQUESTED; from <= WITHDRAWAL_QUARANTINED; from++) {
        for (int to = WITHDRAWAL_REQUESTED; to <= WITHDRAWAL_QUARANTINED; to++) {
            char sql[256];
            snprintf(sql, sizeof sql, "SELECT count(*) FROM custody.move WHERE from_state = '%s' AND to_state = '%s'",
                     withdrawal_state_text((enum withdrawal_state)from),
                     withdrawal_state_text((enum withdrawal_state)to));
            bool here = withdrawal_move_allowed((enum withdrawal_state)from, (enum withdrawal_state)to);
            cr_expect_eq(books_number(&books, sql), here ? 1 : 0, "%s", sql);
            allowed += here;
        }
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM custody.move"), allowed);
}

Test(workflow, the_schema_refuses_moves_and_changes_that_sql_tries)
{
    static const char *const forbidden[] = {
        "UPDATE custody.withdrawal SET state = 'approved', ver = ver + 1",
        "UPDATE custody.withdrawal SET state = 'reserved'",
        "UPDATE custody.withdrawal SET state = 'reserved', ver = ver + 2",
        "UPDATE custody.withdrawal SET updated_at = now()",
        "DELETE FROM custody.withdrawal",
        "TRUNCATE custody.withdrawal CASCADE",
    };
    char sqlstate[6];
    struct store_withdrawal row = books_withdrawal("k-1");
    books_insert(store, &row);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        cr_expect_str_eq(books_sqlstate(sqlstate, &books, "postgres", forbidden[i]), "23001", "%s", forbidden[i]);
    }
    cr_expect_str_eq(
        books_sqlstate(sqlstate, &books, "postgres",
                       "INSERT INTO custody.withdrawal SELECT gen_random_uuid(), tenant, 'k-2', request,"
                       " wallet, asset, 0, destination, requester, state, ver, intent, transaction,"
                       " signature, lane, seq, requested_at, updated_at, expires_at FROM custody.withdrawal"),
        "23514");
}

/* Names of copies of the row in each state, far below all others, and past their time. */
static void crowd_expired(const struct store_withdrawal *row, int each)
{
    char id[UUID_TEXT_SIZE];
    char sql[1024];
    uuid_format(id, &row->id);
    for (int state = WITHDRAWAL_REQUESTED; state <= WITHDRAWAL_QUARANTINED; state++) {
        snprintf(sql, sizeof(sql),
                 "SET session_replication_role = replica; CREATE TEMPORARY TABLE copy AS SELECT w.*, n FROM"
                 " custody.withdrawal AS w, generate_series(%d, %d) AS n WHERE w.id = '%s';"
                 " UPDATE copy SET id = lpad(n::text, 32, '0')::uuid, idempotency_key = 'n-' || n, state = '%s',"
                 " expires_at = '1950-01-01', intent = 'x', transaction = 'x', signature = 'x', lane = 0, seq = n,"
                 " height = 1, index = 0; ALTER TABLE copy DROP n; INSERT INTO custody.withdrawal SELECT * FROM copy",
                 state * each + 1, (state + 1) * each, id, withdrawal_state_text((enum withdrawal_state)state));
        books_sql(&books, sql);
    }
}

Test(workflow, those_that_may_expire_are_found_past_any_number_of_others)
{
    const int each = 60;
    long may = 0;
    struct uuid after = {0};
    struct store_withdrawal_names page = {.count = STORE_NAMES_MAX};
    struct store_withdrawal row = books_withdrawal("k-1");
    books_insert(store, &row);
    crowd_expired(&row, each);
    struct store_tx *tx = books_begin(store);
    while (page.count == STORE_NAMES_MAX) {
        cr_assert_eq(store_withdrawal_expired(&page, tx, row.expires_at_utc_us + 1, &after, NULL), STATUS_OK);
        may += (long)page.count;
        for (size_t i = 0; i < page.count; i++) {
            cr_expect(memcmp(&page.ids[i], &after, sizeof(after)) > 0);
            after = page.ids[i];
        }
    }
    cr_expect(uuid_equal(&after, &row.id), "the newest is found last");
    cr_assert_eq(store_withdrawal_expired(&page, tx, row.expires_at_utc_us, &(struct uuid){0}, NULL), STATUS_OK);
    cr_expect_eq(page.count, STORE_NAMES_MAX);
    store_rollback(tx);
    for (int state = WITHDRAWAL_REQUESTED; state <= WITHDRAWAL_QUARANTINED; state++) {
        may -= withdrawal_move_allowed((enum withdrawal_state)state, WITHDRAWAL_EXPIRED) ? each : 0;
    }
    cr_expect_eq(may, 1, "as many as the table of moves says, and the row");
}

Test(workflow, reservations_never_exceed_the_balance)
{
    struct store_withdrawal first = books_withdrawal("k-1");
    struct store_withdrawal second = books_withdrawal("k-2");
    books_insert(store, &first);
    books_insert(store, &second);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_reservation_add(tx, &first, amount_from_u64(2499), NULL), STATUS_OK);
    books_commit(tx);
    tx = books_begin(store);
    cr_expect_eq(store_reservation_add(tx, &second, amount_from_u64(2499), NULL), STATUS_INSUFFICIENT_FUNDS);
    store_rollback(tx);
    tx = books_begin(store);
    cr_expect_eq(store_reservation_add(tx, &second, amount_from_u64(2500), NULL), STATUS_OK);
    cr_expect_eq(store_posting_add(tx, &first.id, 7, 0, NULL), STATUS_OK);
    cr_expect_eq(store_posting_add(tx, &first.id, 8, 0, NULL), STATUS_EXISTS);
    struct amount reserved;
    cr_expect_eq(store_reservation_sum(&reserved, tx, first.account, &first.asset, NULL), STATUS_OK);
    cr_expect_eq(amount_compare(reserved, second.amount), 0);
    books_commit(tx);
}

struct reserver {
    struct store_withdrawal row;
    enum status status;
    atomic_bool done;
};

static void *reserve_run(void *context)
{
    struct reserver *reserver = context;
    struct store_tx *tx = books_begin(store);
    reserver->status = store_reservation_add(tx, &reserver->row, amount_from_u64(2000), NULL);
    store_rollback(tx);
    atomic_store(&reserver->done, true);
    return NULL;
}

/* The second must wait for the first, whose row it cannot see yet. */
Test(workflow, reservations_at_once_do_not_miss_each_other)
{
    pthread_t thread;
    struct reserver second = {.row = books_withdrawal("k-2")};
    struct store_withdrawal first = books_withdrawal("k-1");
    books_insert(store, &first);
    books_insert(store, &second.row);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_reservation_add(tx, &first, amount_from_u64(2000), NULL), STATUS_OK);
    cr_assert_eq(pthread_create(&thread, NULL, reserve_run, &second), 0);
    while (!atomic_load(&second.done) &&
           books_number(&books, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0) {
        books_pause();
    }
    books_commit(tx);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(second.status, STATUS_INSUFFICIENT_FUNDS);
}

struct taker {
    pthread_t thread;
    struct store_withdrawal row;
    enum status status;
};

static enum status take_work(struct store_tx *tx, void *context, struct fault *fault)
{
    struct taker *taker = context;
    return store_lane_take(tx, &taker->row, RACERS, fault);
}

static void *take_run(void *context)
{
    struct taker *taker = context;
    taker->status = store_transact(store, take_work, taker, NULL);
    return NULL;
}

Test(workflow, every_withdrawal_holds_a_lane_alone)
{
    struct taker takers[RACERS];
    unsigned seen = 0;
    for (int i = 0; i < RACERS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k-%d", i);
        takers[i].row = books_withdrawal(key);
        books_insert(store, &takers[i].row);
    }
    for (int i = 0; i < RACERS; i++) {
        cr_assert_eq(pthread_create(&takers[i].thread, NULL, take_run, &takers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        cr_assert_eq(pthread_join(takers[i].thread, NULL), 0);
        cr_assert_eq(takers[i].status, STATUS_OK);
        cr_expect_eq(takers[i].row.seq, 0);
        cr_assert_lt(takers[i].row.lane, RACERS);
        cr_expect_eq(seen >> takers[i].row.lane & 1u, 0);
        seen |= 1u << takers[i].row.lane;
    }
}

Test(workflow, a_lane_is_freed_with_the_same_or_the_next_number)
{
    struct store_withdrawal rows[3] = {books_withdrawal("k-1"), books_withdrawal("k-2"), books_withdrawal("k-3")};
    for (int i = 0; i < 3; i++) {
        books_insert(store, &rows[i]);
    }
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_lane_take(tx, &rows[0], 1, NULL), STATUS_OK);
    cr_assert_eq(store_lane_take(tx, &rows[0], 1, NULL), STATUS_OK);
    cr_expect_eq(store_lane_take(tx, &rows[1], 1, NULL), STATUS_BUSY);
    cr_expect_eq(store_lane_free(tx, &rows[0].id, false, NULL), STATUS_OK);
    cr_assert_eq(store_lane_take(tx, &rows[1], 1, NULL), STATUS_OK);
    cr_expect_eq(rows[1].seq, 0);
    cr_expect_eq(store_lane_free(tx, &rows[1].id, true, NULL), STATUS_OK);
    cr_expect_eq(store_lane_free(tx, &rows[1].id, true, NULL), STATUS_NOT_FOUND);
    cr_assert_eq(store_lane_take(tx, &rows[2], 1, NULL), STATUS_OK);
    cr_expect_eq(rows[2].lane, 0);
    cr_expect_eq(rows[2].seq, 1);
    books_commit(tx);
}

/* A wallet got another key by a later version of the policy: its new account has nothing to do with the old one. */
Test(workflow, accounts_of_one_wallet_share_neither_lanes_nor_funds)
{
    struct store_withdrawal rows[2] = {books_withdrawal("k-1"), books_withdrawal("k-2")};
    memset(rows[1].account, 'c', sizeof rows[1].account - 1);
    memcpy(rows[1].account, "sr1", 3);
    struct store_tx *tx = NULL;
    for (int i = 0; i < 2; i++) {
        books_insert(store, &rows[i]);
    }
    tx = books_begin(store);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(store_lane_take(tx, &rows[i], 1, NULL), STATUS_OK);
        cr_expect_eq(rows[i].lane, 0);
        cr_expect_eq(rows[i].seq, 0);
        cr_expect_eq(store_reservation_add(tx, &rows[i], rows[i].amount, NULL), STATUS_OK);
    }
    books_commit(tx);
}

static struct store_approval approval_of(const struct store_withdrawal *row, const char *person)
{
    struct store_approval approval = {.withdrawal = row->id, .decision = STORE_DECISION_APPROVE};
    cr_assert_eq(name_parse(&approval.person, person), STATUS_OK);
    cr_assert_eq(bytes_copy(&approval.document, person, strlen(person)), STATUS_OK);
    digest_sha256(&approval.digest, person, strlen(person));
    approval.signature.algorithm = ALGORITHM_ED25519;
    memset(approval.signature.bytes64, 0x5a, SIGNATURE_LEN);
    approval.signature.bytes64[63] = 1;
    return approval;
}

Test(workflow, a_person_decides_once)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store_approval_list list;
    books_insert(store, &row);
    struct store_approval anna = approval_of(&row, "anna");
    struct store_approval berta = approval_of(&row, "berta");
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_approval_insert(tx, &anna, NULL), STATUS_OK);
    cr_expect_eq(store_approval_insert(tx, &berta, NULL), STATUS_OK);
    books_commit(tx);
    tx = books_begin(store);
    anna.decision = STORE_DECISION_REJECT;
    anna.digest.bytes32[0] ^= 1;
    cr_expect_eq(store_approval_insert(tx, &anna, NULL), STATUS_DUPLICATE_PERSON);
    store_rollback(tx);
    tx = books_begin(store);
    cr_assert_eq(store_approval_list(&list, tx, &row.id, NULL), STATUS_OK);
    store_rollback(tx);
    cr_assert_eq(list.count, 2);
    cr_expect_lt(memcmp(&list.rows[0].digest, &list.rows[1].digest, 32), 0);
    cr_expect_eq(memcmp(list.rows[0].signature.bytes64, berta.signature.bytes64, SIGNATURE_LEN), 0);
    cr_expect(list.rows[0].decision == STORE_DECISION_APPROVE && list.rows[1].decision == STORE_DECISION_APPROVE);
    store_approval_list_free(&list);
    bytes_free(&anna.document);
    bytes_free(&berta.document);
}

Test(workflow, a_receipt_in_suspense_is_returned_once)
{
    struct store_withdrawal row = books_withdrawal("k-1");
    struct store_suspense receipt = {
        .asset = row.asset, .amount = row.amount, .state = "suspended", .height = 7, .returned_by = row.id};
    struct store_suspense other = receipt;
    struct store_suspense_list list = {0};
    struct amount held;
    memcpy(receipt.sender, row.destination, sizeof(receipt.sender));
    digest_sha256(&receipt.transaction, "transaction", 11);
    digest_sha256(&receipt.key, "key", 3);
    other = receipt;
    digest_sha256(&other.key, "another", 7);
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_suspense_add(tx, &receipt, NULL), STATUS_OK);
    cr_assert_eq(store_suspense_add(tx, &receipt, NULL), STATUS_OK, "seen again");
    cr_assert_eq(store_suspense_add(tx, &other, NULL), STATUS_OK);
    cr_assert_eq(store_suspense_sum(&held, tx, &receipt.key, &row.asset, NULL), STATUS_OK);
    cr_expect_eq(amount_compare(held, row.amount), 0);
    struct store_suspense wrong = receipt;
    wrong.amount = amount_from_u64(1);
    cr_expect_eq(store_suspense_return(tx, &wrong, NULL), STATUS_CONFLICT);
    cr_assert_eq(store_reservation_add(tx, &row, row.amount, NULL), STATUS_OK);
    cr_assert_eq(store_suspense_return(tx, &receipt, NULL), STATUS_OK);
    cr_expect_eq(store_suspense_return(tx, &receipt, NULL), STATUS_CONFLICT);
    cr_assert_eq(store_suspense_sum(&held, tx, &receipt.key, &row.asset, NULL), STATUS_OK);
    cr_expect(amount_is_zero(held));
    cr_assert_eq(store_suspense_list(&list, tx, &receipt.key, NULL), STATUS_OK);
    cr_assert_eq(list.count, 1);
    cr_expect(list.rows[0].returning && uuid_equal(&list.rows[0].returned_by, &row.id));
    cr_expect_str_eq(list.rows[0].sender, row.destination);
    store_suspense_list_free(&list);
    cr_assert_eq(store_reservation_drop(tx, &row.id, NULL), STATUS_OK);
    cr_assert_eq(store_suspense_sum(&held, tx, &receipt.key, &row.asset, NULL), STATUS_OK);
    cr_expect_eq(amount_compare(held, row.amount), 0, "the withdrawal ended: it is in suspense again");
    books_commit(tx);
}

Test(workflow, tokens_end)
{
    struct store_token token = {.roles = "approver requester", .expires_at_utc_us = 2000000000LL * 1000000};
    struct store_token read;
    cr_assert_eq(name_parse(&token.person, "anna"), STATUS_OK);
    digest_sha256(&token.digest, "secret", 6);
    digest_sha256(&token.mac, "code", 4);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_token_insert(tx, &token, NULL), STATUS_OK);
    cr_assert_eq(store_token_find(&read, tx, &token.digest, token.expires_at_utc_us - 1, NULL), STATUS_OK);
    cr_expect(digest_equal(&read.mac, &token.mac));
    cr_expect(store_token_has_role(&read, "approver"));
    cr_expect(store_token_has_role(&read, "requester"));
    cr_expect(!store_token_has_role(&read, "request"));
    cr_expect(!store_token_has_role(&read, "auditor"));
    cr_expect(!store_token_has_role(&read, ""));
    cr_expect_eq(store_token_find(&read, tx, &token.digest, token.expires_at_utc_us, NULL), STATUS_UNAUTHENTICATED);
    cr_expect_eq(store_token_revoke(tx, &token.digest, NULL), STATUS_OK);
    cr_expect_eq(store_token_find(&read, tx, &token.digest, 1, NULL), STATUS_UNAUTHENTICATED);
    books_commit(tx);
}

/* A row as whoever may insert rows puts it there, when it likes. */
static void put_document(const char *id, const char *of, const char *bytes, const char *created_at)
{
    char statement[512];
    snprintf(statement, sizeof statement,
             "INSERT INTO custody.document (kind, id, digest, bytes, created_at) VALUES"
             " ('destination', '%s', sha256('%s'), '%s', '%s')",
             id, of, bytes, created_at);
    books_sql(&books, statement);
}

Test(workflow, documents_are_found_by_name_and_by_digest)
{
    struct store_document row = {0};
    struct store_document read;
    struct store_document_list list;
    put_document("bank", "v0", "v0", "-infinity");
    put_document("bank", "v1", "v1", "infinity"); /* none hides the other one */
    put_document("away", "v1", "v2", "infinity"); /* under a digest that is another one's */
    struct store_tx *tx = books_begin(store);
    for (int i = 0; i < 2; i++) {
        char text[3] = {'v', (char)('0' + i), '\0'};
        digest_sha256(&row.digest, text, 2);
        cr_assert_eq(store_document_get(&read, tx, "destination", "bank", &row.digest, NULL), STATUS_OK);
        cr_expect_eq(memcmp(read.bytes.data, text, 2), 0);
        store_document_wipe(&read);
    }
    struct store_document_place after = {{{0}}};
    char seen[4] = "";
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(store_document_list(&list, tx, "destination", &after, 1, NULL), STATUS_OK);
        cr_assert_eq(list.count, 1);
        seen[i] = (char)list.rows[0].bytes.data[1];
        after = store_document_place_of(&list.rows[0]);
        store_document_list_free(&list);
    }
    cr_expect_eq(seen[0], '2');
    cr_expect_eq(seen[1] ^ seen[2], '0' ^ '1');
    cr_assert_eq(store_document_list(&list, tx, "destination", &after, 1, NULL), STATUS_OK);
    cr_expect_eq(list.count, 0);
    store_document_list_free(&list);
    struct store_document_place of = {.digest = row.digest};
    cr_assert_eq(store_document_list_digest(&list, tx, "destination", &of, 1, NULL), STATUS_OK);
    cr_assert_eq(list.count, 1);
    cr_expect_str_eq(list.rows[0].id.text, "away");
    of = store_document_place_of(&list.rows[0]);
    store_document_list_free(&list);
    cr_assert_eq(store_document_list_digest(&list, tx, "destination", &of, 2, NULL), STATUS_OK);
    cr_assert_eq(list.count, 1);
    cr_expect_str_eq(list.rows[0].id.text, "bank");
    store_document_list_free(&list);
    cr_expect_eq(store_document_get(&read, tx, "destination", "none", &row.digest, NULL), STATUS_NOT_FOUND);
    books_commit(tx);
}

Test(workflow, a_document_may_be_kept_again)
{
    struct store_document row = {0};
    cr_assert_eq(name_parse(&row.kind, "key"), STATUS_OK);
    cr_assert_eq(name_parse(&row.id, "k-1"), STATUS_OK);
    cr_assert_eq(bytes_copy(&row.bytes, "{}", 2), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        struct store_tx *tx = books_begin(store);
        cr_assert_eq(store_document_keep(tx, &row, NULL), STATUS_OK);
        books_commit(tx);
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM custody.document"), 1);
    store_document_wipe(&row);
}

Test(workflow, a_document_is_not_taken_for_kept_when_its_row_holds_another)
{
    struct store_document row = {0};
    struct fault fault = {0};
    put_document("bank", "v0", "planted", "2000-01-01");
    cr_assert_eq(name_parse(&row.kind, "destination"), STATUS_OK);
    cr_assert_eq(name_parse(&row.id, "bank"), STATUS_OK);
    digest_sha256(&row.digest, "v0", 2);
    cr_assert_eq(bytes_copy(&row.bytes, "v0", 2), STATUS_OK);
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_document_keep(tx, &row, &fault), STATUS_CONFLICT);
    cr_expect_str_eq(fault.where, "document");
    cr_expect(strstr(fault.detail, "destination bank ") != NULL, "%s", fault.detail);
    cr_assert_eq(name_parse(&row.id, "away"), STATUS_OK);
    cr_expect_eq(store_document_keep(tx, &row, NULL), STATUS_OK); /* the transaction goes on */
    books_commit(tx);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM custody.document WHERE bytes = 'v0'"), 1);
    store_document_wipe(&row);
}

Test(workflow, a_change_is_seen_once)
{
    static const struct {
        const char *value;
        const char *previous;
        bool changed;
    } steps[] = {{"up", "", true}, {"up", "up", false}, {"down", "up", true}, {"down", "down", false}};
    char value[STORE_MARK_VALUE_SIZE];
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct store_mark mark = {0};
        struct store_tx *tx = books_begin(store);
        cr_assert_eq(store_mark_set(&mark, tx, "token/a", steps[i].value, NULL), STATUS_OK);
        books_commit(tx);
        cr_expect_str_eq(mark.previous, steps[i].previous);
        cr_expect_eq(mark.changed, steps[i].changed, "%s", steps[i].value);
    }
    struct store_tx *tx = books_begin(store);
    cr_expect_eq(store_mark_get(value, tx, "token/a", NULL), STATUS_OK);
    cr_expect_str_eq(value, "down");
    cr_expect_eq(store_mark_get(value, tx, "token/b", NULL), STATUS_NOT_FOUND);
    struct store_mark first = {0};
    struct store_mark again = {0};
    cr_assert_eq(store_mark_set(&first, tx, "token/b", "down", NULL), STATUS_OK);
    cr_assert_eq(store_mark_set(&again, tx, "token/b", "down", NULL), STATUS_OK);
    cr_expect_eq(first.changed_at_utc_us, again.changed_at_utc_us);
    store_rollback(tx);
}

/* A look that began before the last word came, whichever transaction is the later one. */
Test(workflow, what_lasts_is_not_taken_back)
{
    static const struct {
        const char *value;
        const char *kept;
        bool changed;
    } steps[] = {{"held/1", "held/1", true},   {"held/2", "held/2", true},    {"revoked", "revoked", true},
                 {"held/2", "revoked", false}, {"revoked", "revoked", false}, {"refused", "revoked", false}};
    char value[STORE_MARK_VALUE_SIZE];
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct store_mark mark = {0};
        struct store_tx *tx = books_begin(store);
        cr_assert_eq(store_mark_set_unless(&mark, tx, "destination/a", steps[i].value, "revoked", NULL), STATUS_OK);
        cr_expect_eq(store_mark_get(value, tx, "destination/a", NULL), STATUS_OK);
        books_commit(tx);
        cr_expect_str_eq(value, steps[i].kept, "%zu", i);
        cr_expect_eq(mark.changed, steps[i].changed, "%zu", i);
    }
    struct store_mark mark = {0};
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_mark_set(&mark, tx, "destination/a", "held/1", NULL), STATUS_OK);
    cr_expect(mark.changed, "others are set as they are said");
    store_rollback(tx);
}

struct marker {
    pthread_t thread;
    struct store_mark mark;
};

static void *mark_up(void *context)
{
    struct marker *marker = context;
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_mark_set(&marker->mark, tx, "token/a", "up", NULL), STATUS_OK);
    books_commit(tx);
    return NULL;
}

Test(workflow, of_many_who_see_a_change_one_tells_it)
{
    struct marker markers[4];
    unsigned told = 0;
    for (size_t i = 0; i < 4; i++) {
        markers[i] = (struct marker){0};
        cr_assert_eq(pthread_create(&markers[i].thread, NULL, mark_up, &markers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(markers[i].thread, NULL);
        told += markers[i].mark.changed;
    }
    cr_expect_eq(told, 1);
}

Test(workflow, a_medium_is_kept_until_it_is_destroyed_and_never_forgotten)
{
    struct store_medium row = {.kind = "token", .inspection_due_utc_us = 2000000000LL * 1000000};
    struct store_medium read;
    struct store_medium_list list = {0};
    char sqlstate[6];
    cr_assert_eq(name_parse(&row.serial, "abc-1"), STATUS_OK);
    cr_assert_eq(name_parse(&row.place, "safe-1"), STATUS_OK);
    cr_assert_eq(name_parse(&row.custodian, "anna"), STATUS_OK);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_medium_add(tx, &row, NULL), STATUS_OK);
    cr_assert_eq(store_medium_get_locked(&read, tx, &row.serial, NULL), STATUS_OK);
    cr_expect_str_eq(read.state, "kept");
    cr_expect_eq(read.inspection_due_utc_us, row.inspection_due_utc_us);
    cr_assert_eq(name_parse(&read.place, "safe-2"), STATUS_OK);
    cr_expect_eq(store_medium_change(tx, &read, NULL), STATUS_OK);
    cr_expect_eq(store_medium_change(tx, &read, NULL), STATUS_CONFLICT, "the version is the next one by now");
    (void)snprintf(read.state, sizeof(read.state), "destroyed");
    read.ver = 2;
    cr_expect_eq(store_medium_change(tx, &read, NULL), STATUS_OK);
    cr_assert_eq(store_medium_list(&list, tx, "", 10, NULL), STATUS_OK);
    cr_assert_eq(list.count, 1);
    cr_expect_str_eq(list.rows[0].place.text, "safe-2");
    cr_expect_str_eq(list.rows[0].state, "destroyed");
    store_medium_list_free(&list);
    books_commit(tx);
    cr_expect_str_eq(books_sqlstate(sqlstate, &books, "postgres", "UPDATE custody.medium SET ver = 4, state = 'kept'"),
                     "23001");
    cr_expect_str_eq(books_sqlstate(sqlstate, &books, "postgres", "DELETE FROM custody.medium"), "23001");
}

Test(workflow, requests_for_signatures_are_found_by_their_place)
{
    struct store_withdrawal_list list = {0};
    struct store_withdrawal row = books_withdrawal("k-1");
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_lane_take(tx, &row, 4, NULL), STATUS_OK);
    cr_assert_eq(bytes_copy(&row.intent, "{}", 2), STATUS_OK);
    const struct store_withdrawal_change change = {
        .intent = &row.intent, .transaction = &row.intent, .lane = &row.lane, .seq = &row.seq};
    struct store_withdrawal_place place = {.transaction = row.intent};
    static const enum withdrawal_state path[] = {WITHDRAWAL_RESERVED, WITHDRAWAL_APPROVING, WITHDRAWAL_APPROVED,
                                                 WITHDRAWAL_RECORDED};
    for (size_t i = 0; i < 4; i++) {
        place.lane = row.lane;
        place.seq = row.seq;
        cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
        cr_expect_eq(list.count, 0, "nobody was asked yet");
        store_withdrawal_list_free(&list);
        cr_assert_eq(store_withdrawal_move(tx, &row, path[i], i == 0 ? &change : NULL, NULL), STATUS_OK);
    }
    cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
    cr_expect_eq(list.count, 1);
    cr_expect(uuid_equal(&list.rows[0].id, &row.id));
    cr_expect_eq(list.rows[0].intent.len, row.intent.len);
    store_withdrawal_list_free(&list);
    place.seq++;
    cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
    cr_expect_eq(list.count, 0, "another sequence");
    place.seq--;
    place.transaction.len--;
    cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
    cr_expect_eq(list.count, 0, "another transaction");
    books_commit(tx);
    store_withdrawal_wipe(&row);
}

/* That a superuser puts beside it: however many there are, so many are read, and what is no request stays out. */
Test(workflow, requests_for_one_transaction_are_read_up_to_a_number)
{
    struct store_withdrawal_list list = {0};
    struct store_withdrawal row = books_withdrawal("k-1");
    char sqlstate[6];
    books_insert(store, &row);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_lane_take(tx, &row, 4, NULL), STATUS_OK);
    cr_assert_eq(bytes_copy(&row.intent, "{}", 2), STATUS_OK);
    const struct store_withdrawal_change change = {
        .intent = &row.intent, .transaction = &row.intent, .lane = &row.lane, .seq = &row.seq};
    const struct store_withdrawal_place place = {.lane = row.lane, .seq = row.seq, .transaction = row.intent};
    static const enum withdrawal_state path[] = {WITHDRAWAL_RESERVED, WITHDRAWAL_APPROVING, WITHDRAWAL_APPROVED,
                                                 WITHDRAWAL_RECORDED};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(store_withdrawal_move(tx, &row, path[i], i == 0 ? &change : NULL, NULL), STATUS_OK);
    }
    books_commit(tx);
    cr_expect_str_eq(books_sqlstate(sqlstate, &books, "postgres",
                                    "SET session_replication_role = replica;"
                                    "CREATE TABLE public.forged AS SELECT * FROM custody.withdrawal;"
                                    "UPDATE public.forged SET state = 'failed', id = gen_random_uuid(),"
                                    " intent = convert_to(repeat('x', 16385), 'UTF8'), idempotency_key = 'large';"
                                    "INSERT INTO custody.withdrawal SELECT * FROM public.forged"),
                     "");
    tx = books_begin(store);
    cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
    cr_expect_eq(list.count, 1);
    store_withdrawal_list_free(&list);
    books_commit(tx);
    cr_expect_str_eq(books_sqlstate(sqlstate, &books, "postgres",
                                    "SET session_replication_role = replica;"
                                    "UPDATE public.forged SET intent = convert_to('{}', 'UTF8');"
                                    "DO $$ BEGIN FOR i IN 1..20 LOOP UPDATE public.forged SET id = gen_random_uuid(),"
                                    " idempotency_key = 'many-' || i; INSERT INTO custody.withdrawal SELECT * FROM"
                                    " public.forged; END LOOP; END $$; DROP TABLE public.forged"),
                     "");
    tx = books_begin(store);
    cr_assert_eq(store_withdrawal_list_placed(&list, tx, &place, NULL), STATUS_OK);
    cr_expect_eq(list.count, STORE_PLACED_MAX);
    store_withdrawal_list_free(&list);
    books_commit(tx);
    store_withdrawal_wipe(&row);
}
