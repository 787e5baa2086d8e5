/*
 * The columns of an entry against its bytes. Who edits a row as a superuser of the database has one column say
 * something else; that row is no longer believed.
 */
#include "trail_leaf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "audit/leaf.h"

#define HASH "925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4"
#define OTHER_HASH "0000000000000000000000000000000000000000000000000000000000000000"

static const char *const facts[][2] = {{"amount", "340282366920938463463374607431768211455"},
                                       {"asset", HASH},
                                       {"destination", "sr1x"},
                                       {"version", "12"},
                                       {"wallet", "hot"}};

/* A row as the sequencer writes it: an approval by approver-1 that was refused. */
static struct store_leaf row_make(void)
{
    struct audit_event event = {
        .action = AUDIT_WITHDRAWAL_APPROVE, .outcome = AUDIT_OUTCOME_DENY, .object_ordinal = 1, .producer_counter = 1};
    const struct audit_stamp stamp = {.at_utc_us = 1790000000000000, .epoch = 1};
    struct audit_event stamped;
    struct digest approval;
    struct bytes pending = {0};
    struct bytes document = {0};
    struct store_leaf row = {0};
    cr_assert(eq(int, name_parse(&event.actor, "approver-1"), STATUS_OK));
    (void)snprintf(event.object_type, sizeof(event.object_type), "withdrawal");
    (void)snprintf(event.object_id, sizeof(event.object_id), "925cb52dfba05fd4");
    cr_assert(eq(int, uuid_parse(&event.correlation, "01a1fdfe-208c-791a-b232-5420c74b88a1"), STATUS_OK));
    event.producer = event.correlation;
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        cr_assert(eq(int, audit_event_fact_add(&event, facts[i][0], facts[i][1], NULL), STATUS_OK));
    }
    cr_assert(eq(int, digest_parse(&approval, HASH), STATUS_OK));
    cr_assert(eq(int, audit_event_ref_add(&event, "approval", &approval, NULL), STATUS_OK));
    struct audit_stamp whole = stamp;
    whole.boot = event.correlation;
    cr_assert(eq(int, audit_event_encode(&pending, &event, NULL), STATUS_OK));
    cr_assert(eq(int, audit_event_stamp(&document, &stamped, pending.data, pending.len, &whole, NULL), STATUS_OK));
    const struct audit_leaf leaf = {
        .origin = "strongroom.test/audit/v1", .event = document.data, .event_len = document.len};
    cr_assert(eq(int, audit_leaf_build(&row.raw, &leaf, NULL), STATUS_OK));
    audit_leaf_hash(&row.lh, row.raw.data, row.raw.len);
    trail_leaf_project(&row, &stamped);
    audit_event_wipe(&stamped);
    audit_event_wipe(&event);
    bytes_free(&document);
    bytes_free(&pending);
    return row;
}

Test(trail_leaf, a_row_as_it_was_written_is_true)
{
    struct store_leaf row = row_make();
    struct digest entry = row.lh;
    cr_assert(trail_leaf_is(&row, &entry));
    store_leaf_wipe(&row);
}

Test(trail_leaf, an_entry_is_read_from_its_bytes_whatever_its_columns_say)
{
    struct store_leaf row = row_make();
    struct audit_event event;
    (void)snprintf(row.actor, sizeof(row.actor), "approver-2");
    cr_assert(eq(int, trail_leaf_event(&event, &row, NULL), STATUS_OK));
    cr_assert_str_eq(event.actor.text, "approver-1");
    audit_event_wipe(&event);
    store_leaf_wipe(&row);
}

Test(trail_leaf, bytes_that_are_no_entry_are_no_event_and_name_nothing)
{
    struct store_leaf row = row_make();
    struct audit_event event = {0};
    struct digest named;
    cr_assert(trail_leaf_ref(&named, &row, "approval"));
    row.raw.len -= 2;
    cr_assert(ne(int, trail_leaf_event(&event, &row, NULL), STATUS_OK));
    cr_assert_not(trail_leaf_ref(&named, &row, "approval"));
    store_leaf_wipe(&row);
}

Test(trail_leaf, what_an_entry_names_is_found_by_its_reference)
{
    struct store_leaf row = row_make();
    struct digest named;
    char hex[DIGEST_HEX_LEN + 1];
    cr_assert(trail_leaf_ref(&named, &row, "approval"));
    digest_format(hex, &named);
    cr_assert_str_eq(hex, HASH);
    cr_assert_not(trail_leaf_ref(&named, &row, "evaluated"));
    store_leaf_wipe(&row);
}

static void edit_number(struct store_leaf *row)
{
    row->seq++;
}

static void edit_hash(struct store_leaf *row)
{
    row->lh.bytes32[0] ^= 1;
}

static void edit_bytes(struct store_leaf *row)
{
    row->raw.data[row->raw.len - 1] ^= 1;
}

static void edit_time(struct store_leaf *row)
{
    row->ts_utc_us++;
}

static void edit_actor(struct store_leaf *row)
{
    (void)snprintf(row->actor, sizeof(row->actor), "approver-2");
}

static void edit_act(struct store_leaf *row)
{
    (void)snprintf(row->act, sizeof(row->act), "key.alarm");
}

static void edit_otype(struct store_leaf *row)
{
    (void)snprintf(row->otype, sizeof(row->otype), "transaction");
}

static void edit_oid(struct store_leaf *row)
{
    (void)snprintf(row->oid, sizeof(row->oid), "other");
}

static void edit_ord(struct store_leaf *row)
{
    row->ord++;
}

static void edit_outcome(struct store_leaf *row)
{
    (void)snprintf(row->outcome, sizeof(row->outcome), "ok");
}

static void edit_corr(struct store_leaf *row)
{
    row->has_corr = false;
}

static void edit_corr_value(struct store_leaf *row)
{
    row->corr.bytes16[15] ^= 1;
}

static void edit_amount(struct store_leaf *row)
{
    (void)snprintf(row->amount, sizeof(row->amount), "1");
}

static void edit_asset(struct store_leaf *row)
{
    row->asset[0] = '0';
}

static void edit_destination(struct store_leaf *row)
{
    row->destination[0] = '\0';
}

static void edit_key(struct store_leaf *row)
{
    (void)snprintf(row->key, sizeof(row->key), "%s", HASH);
}

static void edit_version(struct store_leaf *row)
{
    row->version--;
}

static void edit_wallet(struct store_leaf *row)
{
    (void)snprintf(row->wallet, sizeof(row->wallet), "cold");
}

/* The columns of an event about an object of this type, with one fact. */
static struct store_leaf project(const char *otype, const char *name, const char *value)
{
    struct audit_event event = {.action = AUDIT_KEY_STATE, .outcome = AUDIT_OUTCOME_OK};
    struct store_leaf row = {0};
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", otype);
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", HASH);
    cr_assert(eq(int, audit_event_fact_add(&event, name, value, NULL), STATUS_OK));
    trail_leaf_project(&row, &event);
    audit_event_wipe(&event);
    return row;
}

Test(trail_leaf, a_key_is_found_by_what_it_is_and_by_what_is_said_of_it)
{
    cr_expect_str_eq(project("key", "key", OTHER_HASH).key, HASH);
    cr_expect_str_eq(project("key", "state", "active").key, HASH);
    cr_expect_str_eq(project("withdrawal", "key", OTHER_HASH).key, OTHER_HASH);
    cr_expect_str_eq(project("withdrawal", "state", "active").key, "");
}

/* Whoever writes to the database has events put into the trail; none of them stops it. */
Test(trail_leaf, a_fact_of_another_form_has_no_column)
{
    char long_text[200];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    cr_expect_str_eq(project("x", "amount", "12.5").amount, "");
    cr_expect_str_eq(project("x", "amount", "-1").amount, "");
    cr_expect_str_eq(project("x", "amount", "01").amount, "");
    cr_expect_str_eq(project("x", "amount", "3402823669209384634633746074317682114550").amount, "");
    cr_expect_str_eq(project("x", "asset", "demo").asset, "");
    cr_expect_str_eq(project("x", "destination", long_text).destination, "");
    cr_expect_str_eq(project("x", "destination", "sr1-x").destination, "");
    cr_expect_str_eq(project("x", "key", "demo").key, "");
    cr_expect_str_eq(project("x", "wallet", "Hot").wallet, "");
    cr_expect(eq(u64, project("x", "version", "07").version, 0));
    cr_expect(eq(u64, project("x", "version", "1e3").version, 0));
    cr_expect(eq(u64, project("x", "version", "999999999999999").version, 999999999999999));
    cr_expect(eq(u64, project("x", "version", "1000000000000000").version, 0));
}

Test(trail_leaf, a_row_with_one_edited_column_is_not)
{
    static void (*const edits[])(struct store_leaf *) = {
        edit_number, edit_hash,  edit_bytes,       edit_time,    edit_actor,   edit_act,
        edit_otype,  edit_oid,   edit_ord,         edit_outcome, edit_corr,    edit_corr_value,
        edit_amount, edit_asset, edit_destination, edit_key,     edit_version, edit_wallet};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct store_leaf row = row_make();
        struct digest entry = row.lh;
        edits[i](&row);
        cr_expect(not(trail_leaf_is(&row, &entry)), "edit %zu", i);
        store_leaf_wipe(&row);
    }
}

Test(trail_leaf, a_row_that_agrees_with_itself_is_no_other_entry)
{
    struct store_leaf row = row_make();
    struct digest entry = row.lh;
    entry.bytes32[0] ^= 1;
    cr_assert(not(trail_leaf_is(&row, &entry)));
    store_leaf_wipe(&row);
}
