/*
 * The oracle: reads the trail back, believing nothing but the raw bytes and the log key.
 */
#include <criterion/criterion.h>

#include "stage.h"
#include "store/trail_read.h"

#define PRODUCERS 64
#define NUMBERS 200000
#define OBJECTS 512

struct producer {
    struct uuid boot;
    uint64_t highest;
    uint64_t settled;
    uint8_t *seen; /* 1: an entry, 2: void */
};

struct object {
    char id[AUDIT_OBJECT_ID_SIZE];
    uint64_t last;
};

struct reading {
    const struct audit_key *key;
    struct story story;
    struct digest last_lh;
    int64_t last_utc_us;
    struct digest *hashes;
    size_t capacity;
    struct producer producers[PRODUCERS];
    struct object objects[OBJECTS];
};

static struct producer *producer_of(struct reading *reading, const struct uuid *boot)
{
    static const struct uuid none;
    for (size_t i = 0; i < PRODUCERS; i++) {
        struct producer *producer = &reading->producers[i];
        if (uuid_equal(&producer->boot, &none)) {
            producer->boot = *boot;
            producer->seen = calloc(NUMBERS, 1);
            cr_assert_not_null(producer->seen);
        }
        if (uuid_equal(&producer->boot, boot)) {
            return producer;
        }
    }
    cr_assert_fail("too many producers");
    return NULL;
}

static void read_numbers(struct reading *reading, const struct audit_event *event)
{
    struct producer *producer = producer_of(reading, &event->producer);
    uint64_t number = event->producer_counter;
    cr_assert_lt(number, NUMBERS);
    cr_assert_eq(producer->seen[number], 0, "number %lu stands twice", (unsigned long)number);
    producer->seen[number] = 1;
    producer->highest = number > producer->highest ? number : producer->highest;
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(event->voided, i, item)
    {
        uint64_t gone =
            json_is_string(item) ? strtoull(json_string_value(item), NULL, 10) : (uint64_t)json_integer_value(item);
        cr_assert_lt(gone, number);
        cr_assert_eq(producer->seen[gone], 0, "number %lu stands twice", (unsigned long)gone);
        producer->seen[gone] = 2;
    }
    const char *settled = audit_event_fact(event, "settled");
    if (settled != NULL) {
        producer->settled = strtoull(settled, NULL, 10);
        cr_assert_leq(producer->settled, number);
    }
}

static void read_object(struct reading *reading, const struct audit_event *event)
{
    if (event->object_type[0] == 0) {
        return;
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        struct object *object = &reading->objects[i];
        if (object->id[0] == 0) {
            snprintf(object->id, sizeof object->id, "%s", event->object_id);
        }
        if (strcmp(object->id, event->object_id) == 0) {
            reading->story.ordinal_gaps += event->object_ordinal != object->last + 1;
            object->last = event->object_ordinal;
            return;
        }
    }
    cr_assert_fail("too many objects");
}

static void read_projection(const struct store_leaf *row, const struct audit_event *event)
{
    cr_assert_eq(row->ts_utc_us, event->at_utc_us);
    cr_assert_str_eq(row->actor, event->actor.text);
    cr_assert_str_eq(row->act, audit_action_text(event->action));
    cr_assert_str_eq(row->otype, event->object_type);
    cr_assert_str_eq(row->oid, event->object_id);
    cr_assert_eq(row->ord, event->object_ordinal);
    cr_assert_str_eq(row->outcome, audit_outcome_text(event->outcome));
    cr_assert(uuid_equal(&row->corr, &event->correlation));
    const char *amount = audit_event_fact(event, "amount");
    const char *version = audit_event_fact(event, "version");
    const char *wallet = audit_event_fact(event, "wallet");
    cr_assert_str_eq(row->amount, amount == NULL ? "" : amount);
    cr_assert_eq(row->version, version == NULL ? 0 : strtoull(version, NULL, 10));
    cr_assert_str_eq(row->wallet, wallet == NULL ? "" : wallet);
    cr_assert_str_eq(row->key, strcmp(event->object_type, "key") == 0 ? event->object_id : "");
}

static enum status read_row(void *context, const struct store_leaf *row, struct fault *fault)
{
    struct reading *reading = context;
    struct audit_leaf leaf;
    struct audit_event event;
    struct digest hash;
    uint64_t n = reading->story.size++;
    cr_assert_eq(row->seq, n, "entry %lu is missing", (unsigned long)n);
    cr_assert_eq(audit_leaf_parse(&leaf, row->raw.data, row->raw.len, fault), STATUS_OK);
    cr_assert_eq(leaf.index, n);
    cr_assert_str_eq(leaf.origin, reading->key->name);
    cr_assert(digest_equal(&leaf.previous, &reading->last_lh));
    audit_leaf_hash(&hash, row->raw.data, row->raw.len);
    cr_assert(digest_equal(&hash, &row->lh));
    reading->last_lh = hash;
    if (n == reading->capacity) {
        reading->capacity = reading->capacity * 2 + 1024;
        reading->hashes = realloc(reading->hashes, reading->capacity * sizeof *reading->hashes);
        cr_assert_not_null(reading->hashes);
    }
    reading->hashes[n] = hash;
    cr_assert_eq(audit_event_decode(&event, leaf.event, leaf.event_len, fault), STATUS_OK, "%s", fault->detail);
    cr_assert_geq(event.at_utc_us, reading->last_utc_us);
    reading->last_utc_us = event.at_utc_us;
    read_projection(row, &event);
    read_numbers(reading, &event);
    read_object(reading, &event);
    audit_event_wipe(&event);
    return STATUS_OK;
}

static void count_numbers(struct reading *reading)
{
    for (size_t i = 0; i < PRODUCERS && reading->producers[i].seen != NULL; i++) {
        const struct producer *producer = &reading->producers[i];
        for (uint64_t n = 1; n < producer->highest; n++) {
            reading->story.unsettled += producer->seen[n] == 0 && n < producer->settled;
            reading->story.open += producer->seen[n] == 0 && n >= producer->settled;
        }
    }
}

static void read_tree(struct reading *reading, struct store_tx *tx, const struct audit_key *key)
{
    struct store_head head;
    struct store_checkpoint row;
    struct audit_checkpoint checkpoint;
    struct digest root;
    struct fault fault = {0};
    cr_assert_eq(store_head_get(&head, tx, &fault), STATUS_OK);
    cr_assert_eq(head.size, reading->story.size);
    audit_tree_root(&root, reading->hashes, reading->story.size);
    cr_assert(digest_equal(&root, &head.root));
    cr_assert(digest_equal(&reading->last_lh, &head.last_lh));
    bytes_free(&head.frontier);
    for (uint64_t tile = 0; tile < reading->story.size / 256; tile++) {
        struct digest hashes[STORE_TILE_WIDTH];
        cr_assert_eq(store_tile_get(hashes, tx, 0, tile, &fault), STATUS_OK, "%s", fault.detail);
        cr_assert_eq(memcmp(hashes, reading->hashes + tile * 256, sizeof hashes), 0);
    }
    if (store_checkpoint_newest(&row, tx, NULL) != STATUS_OK) {
        return;
    }
    cr_assert_eq(audit_checkpoint_open(&checkpoint, row.note.data, row.note.len, key, &fault), STATUS_OK);
    cr_assert_leq(checkpoint.size, reading->story.size);
    audit_tree_root(&root, reading->hashes, checkpoint.size);
    cr_assert(digest_equal(&root, &checkpoint.root));
    reading->story.covered = checkpoint.size;
    bytes_free(&row.note);
}

struct story stage_read(const struct books *books, const struct audit_key *key)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    struct reading *reading = calloc(1, sizeof *reading);
    cr_assert_not_null(reading);
    reading->key = key;
    struct store *store = books_store(books, "strongroom_auditor", 1);
    cr_assert_eq(store_begin(&tx, store, STORE_SNAPSHOT, &fault), STATUS_OK);
    cr_assert_eq(store_leaf_each(tx, 0, read_row, reading, &fault), STATUS_OK, "%s", fault.detail);
    read_tree(reading, tx, key);
    store_rollback(tx);
    store_close(store);
    count_numbers(reading);
    struct story story = reading->story;
    for (size_t i = 0; i < PRODUCERS; i++) {
        free(reading->producers[i].seen);
    }
    free(reading->hashes);
    free(reading);
    return story;
}
