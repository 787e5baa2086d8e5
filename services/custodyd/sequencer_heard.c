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

void heard_free(struct heard *heard)
{
    free(heard->rows);
    *heard = (struct heard){0};
}

void heard_begin(struct heard *inout, uint64_t size, const struct digest *last_lh, const atomic_bool *stopping)
{
    heard_free(inout);
    *inout = (struct heard){.stopping = stopping, .size = size, .from = size, .previous = *last_lh};
}

void heard_extend(struct heard *inout, uint64_t size, const struct digest *last_lh)
{
    if (inout->count > HEARD_RANGES_MAX) {
        heard_begin(inout, size, last_lh, inout->stopping);
    }
    inout->size = size;
}

static bool is_of(const struct heard_numbers *row, const struct uuid *producer)
{
    return uuid_equal(&row->producer, producer);
}

/* The first row of this producer that ends at `number` or later, or where it would stand. */
static size_t place_of(const struct heard *heard, const struct uuid *producer, uint64_t number)
{
    size_t low = 0;
    size_t high = heard->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct heard_numbers *row = &heard->rows[middle];
        int order = memcmp(row->producer.bytes16, producer->bytes16, sizeof(producer->bytes16));
        if (order < 0 || (order == 0 && row->to < number)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum status make_room(struct heard *heard, struct fault *fault)
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
    return STATUS_OK;
}

/* Rows that it meets become one with it: a boot that goes on has few. */
static enum status note(struct heard *heard, const struct uuid *producer, uint64_t from, uint64_t to,
                        struct fault *fault)
{
    enum status status = make_room(heard, fault);
    if (status != STATUS_OK || from >= to) {
        return status;
    }
    struct heard_numbers range = {.producer = *producer, .from = from, .to = to};
    size_t first = place_of(heard, producer, from);
    size_t end = first;
    for (; end < heard->count && is_of(&heard->rows[end], producer) && heard->rows[end].from <= to; end++) {
        const struct heard_numbers *row = &heard->rows[end];
        range.from = row->from < range.from ? row->from : range.from;
        range.to = row->to > range.to ? row->to : range.to;
    }
    struct heard_numbers *rows = heard->rows;
    memmove(rows + first + 1, rows + end, (heard->count - end) * sizeof(*rows));
    rows[first] = range;
    heard->count = heard->count - (end - first) + 1;
    return STATUS_OK;
}

enum status heard_number(struct heard *inout, const struct uuid *producer, uint64_t number, struct fault *fault)
{
    return note(inout, producer, number, number + 1, fault);
}

enum status heard_event(struct heard *inout, const struct audit_event *event, struct fault *fault)
{
    size_t i = 0;
    json_t *item = NULL;
    const char *settled = audit_event_fact(event, "settled");
    enum status status = heard_number(inout, &event->producer, event->producer_counter, fault);
    if (status == STATUS_OK && settled != NULL) {
        status = note(inout, &event->producer, 0, strtoull(settled, NULL, 10), fault);
    }
    json_array_foreach(event->voided, i, item)
    {
        uint64_t number = strtoull(json_string_value(item), NULL, 10);
        status = status == STATUS_OK ? heard_number(inout, &event->producer, number, fault) : status;
    }
    return status;
}

bool heard_settles(const struct heard *heard, const struct uuid *producer, uint64_t number)
{
    size_t i = place_of(heard, producer, number + 1);
    return i < heard->count && is_of(&heard->rows[i], producer) && heard->rows[i].from <= number;
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

static enum status walk_page(struct walk *walk, const struct store_tx *tx, struct fault *fault)
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
static enum status walk_to_end(bool *out_there, struct walk *walk, const struct store_tx *tx, struct fault *fault)
{
    struct store_head head = {0};
    enum status status = store_head_get(&head, tx, fault);
    bytes_free(&head.frontier);
    *out_there = status == STATUS_OK && walk->from >= head.first;
    while (status == STATUS_OK && *out_there && walk->next < walk->heard->from) {
        status = atomic_load(walk->heard->stopping)
                     ? fault_set(fault, STATUS_UNAVAILABLE, "sequencer", "the service stops")
                     : walk_page(walk, tx, fault);
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
