/*
 * Entries read backwards from the end of the trail as far as an event needs it, and the numbers they speak of.
 */
#include "sequencer_heard.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE 256

/* A way along the chain, from the entry it began with. */
struct walk {
    struct heard *heard;
    uint64_t from;
    uint64_t next;
    struct digest before; /* the hash that its first entry names */
    struct digest last;   /* of the entry before `next` */
};

void heard_begin(struct heard *out, uint64_t size, const struct digest *last_lh)
{
    *out = (struct heard){.size = size, .from = size, .previous = *last_lh};
}

void heard_free(struct heard *heard)
{
    free(heard->rows);
    *heard = (struct heard){0};
}

static enum status note(struct heard *heard, const struct uuid *producer, uint64_t from, uint64_t to,
                        struct fault *fault)
{
    if (heard->count == heard->room) {
        size_t room = heard->room == 0 ? PAGE : heard->room * 2;
        struct heard_numbers *rows = realloc(heard->rows, room * sizeof(*rows));
        if (rows == NULL) {
            return fault_set(fault, STATUS_NO_MEMORY, "sequencer", "%s", "");
        }
        heard->rows = rows;
        heard->room = room;
    }
    heard->rows[heard->count++] = (struct heard_numbers){.producer = *producer, .from = from, .to = to};
    return STATUS_OK;
}

enum status heard_event(struct heard *inout, const struct audit_event *event, struct fault *fault)
{
    size_t i = 0;
    json_t *item = NULL;
    const char *settled = audit_event_fact(event, "settled");
    enum status status = note(inout, &event->producer, event->producer_counter, event->producer_counter + 1, fault);
    if (status == STATUS_OK && settled != NULL) {
        status = note(inout, &event->producer, 0, strtoull(settled, NULL, 10), fault);
    }
    json_array_foreach(event->voided, i, item)
    {
        uint64_t number = strtoull(json_string_value(item), NULL, 10);
        status = status == STATUS_OK ? note(inout, &event->producer, number, number + 1, fault) : status;
    }
    return status;
}

bool heard_settles(const struct heard *heard, const struct uuid *producer, uint64_t number)
{
    for (size_t i = 0; i < heard->count; i++) {
        const struct heard_numbers *row = &heard->rows[i];
        if (number >= row->from && number < row->to && uuid_equal(&row->producer, producer)) {
            return true;
        }
    }
    return false;
}

static enum status not_the_trail(uint64_t seq, struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, "audit.leaf",
                     "entry %" PRIu64 ", or the one before it, is missing or was changed", seq);
}

static enum status walk_row(struct walk *walk, const struct store_leaf *row, struct fault *fault)
{
    struct audit_leaf leaf;
    struct audit_event event;
    bool linked = row->seq == walk->next && audit_leaf_parse(&leaf, row->raw.data, row->raw.len, NULL) == STATUS_OK &&
                  leaf.index == row->seq && (row->seq == walk->from || digest_equal(&leaf.previous, &walk->last));
    if (!linked) {
        return not_the_trail(walk->next, fault);
    }
    enum status status = audit_event_decode(&event, leaf.event, leaf.event_len, fault);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    }
    if (row->seq == walk->from) {
        walk->before = leaf.previous;
    }
    audit_leaf_hash(&walk->last, row->raw.data, row->raw.len);
    walk->next++;
    status = heard_event(walk->heard, &event, fault);
    audit_event_wipe(&event);
    return status;
}

static enum status walk_page(struct walk *walk, struct store_tx *tx, struct fault *fault)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {.from_seq = walk->next, .to_seq = walk->heard->from, .limit = PAGE};
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    if (status == STATUS_OK && list.count == 0) {
        status = not_the_trail(walk->next, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        status = walk_row(walk, &list.rows[i], fault);
    }
    store_leaf_list_free(&list);
    return status;
}

/* In one snapshot. Out: whether the entries are there, since none of them has left for an archive. */
static enum status walk_to_end(bool *out_there, struct walk *walk, struct store_tx *tx, struct fault *fault)
{
    struct store_head head = {0};
    enum status status = store_head_get(&head, tx, fault);
    bytes_free(&head.frontier);
    *out_there = status == STATUS_OK && walk->from >= head.first;
    while (status == STATUS_OK && *out_there && walk->next < walk->heard->from) {
        status = walk_page(walk, tx, fault);
    }
    bool whole = walk->next < walk->heard->from || digest_equal(&walk->last, &walk->heard->previous);
    return status == STATUS_OK && *out_there && !whole ? not_the_trail(walk->next, fault) : status;
}

enum status heard_read(bool *out_known, struct heard *inout, struct store_writer *writer, int64_t since,
                       struct fault *fault)
{
    struct store_tx *tx = NULL;
    *out_known = since >= 0 && (uint64_t)since <= inout->size && inout->size - (uint64_t)since <= HEARD_MAX;
    if (!*out_known || (uint64_t)since >= inout->from) {
        return STATUS_OK;
    }
    struct walk walk = {.heard = inout, .from = (uint64_t)since, .next = (uint64_t)since};
    enum status status = store_writer_begin(&tx, writer, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = walk_to_end(out_known, &walk, tx, fault);
        store_rollback(tx);
    }
    if (status == STATUS_OK && *out_known) {
        inout->from = walk.from;
        inout->previous = walk.before;
    }
    return status;
}
