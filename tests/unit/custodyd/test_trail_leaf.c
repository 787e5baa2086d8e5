/*
 * The columns of an entry against its bytes. Who edits a row as a superuser of the database has one column say
 * something else; that row is no longer believed.
 */
#include "trail_leaf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "audit/leaf.h"

/* A row as the sequencer writes it: an alarm acknowledged by approver-1. */
static struct store_leaf row_make(void)
{
    struct audit_event event = {
        .action = AUDIT_ALARM_ACKNOWLEDGE, .outcome = AUDIT_OUTCOME_OK, .object_ordinal = 1, .producer_counter = 1};
    const struct audit_stamp stamp = {.at_utc_us = 1790000000000000, .epoch = 1};
    struct audit_event stamped;
    struct bytes pending = {0};
    struct bytes document = {0};
    struct store_leaf row = {0};
    cr_assert(eq(int, name_parse(&event.actor, "approver-1"), STATUS_OK));
    (void)snprintf(event.object_type, sizeof(event.object_type), "alarm");
    (void)snprintf(event.object_id, sizeof(event.object_id), "925cb52dfba05fd4");
    cr_assert(eq(int, uuid_parse(&event.correlation, "01a1fdfe-208c-791a-b232-5420c74b88a1"), STATUS_OK));
    event.producer = event.correlation;
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
    bytes_free(&document);
    bytes_free(&pending);
    return row;
}

Test(trail_leaf, a_row_as_it_was_written_is_true)
{
    struct store_leaf row = row_make();
    cr_assert(trail_leaf_is_true(&row));
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
    (void)snprintf(row->outcome, sizeof(row->outcome), "deny");
}

static void edit_corr(struct store_leaf *row)
{
    row->has_corr = false;
}

Test(trail_leaf, a_row_with_one_edited_column_is_not)
{
    static void (*const edits[])(struct store_leaf *) = {edit_number, edit_hash,    edit_bytes, edit_time,
                                                         edit_actor,  edit_act,     edit_otype, edit_oid,
                                                         edit_ord,    edit_outcome, edit_corr};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct store_leaf row = row_make();
        edits[i](&row);
        cr_expect(not(trail_leaf_is_true(&row)), "edit %zu", i);
        store_leaf_wipe(&row);
    }
}
