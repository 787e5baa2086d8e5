/*
 * Trails made with the audit room.
 */
#include "trail_maker.h"

#include <inttypes.h>
#include <string.h>

#include "audit/event.h"
#include "audit/leaf.h"
#include "audit/tree.h"
#include "base/clock.h"

#define BEGINNING_US 1767323045000000 /* 2026-01-02T03:04:05Z */

#define SOME_HASH "925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4"

static const struct uuid producers[MAKER_PRODUCERS] = {
    {{0x01, 0x9b, 0x00, 0, 0, 1, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}},
    {{0x01, 0x9b, 0x00, 0, 0, 1, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 2}},
};

static const struct uuid sequencer = {{0x01, 0x9b, 0x00, 0, 0, 1, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9}};

/* The number of the next event; some numbers are void, some come one event late. Some are heartbeats. */
static void take_number(struct trail_source *source, size_t producer, struct audit_event *event)
{
    uint64_t *next = &source->next_number[producer];
    uint64_t *late = &source->late[producer];
    event->producer = producers[producer];
    if (*late > 0) {
        event->producer_counter = *late;
        *late = 0;
        return;
    }
    if (sample_random_below(&source->chance, 8) == 0) {
        *late = ++*next;
    } else if (sample_random_below(&source->chance, 8) == 0) {
        INVARIANT(audit_event_void_add(event, ++*next, NULL) == STATUS_OK);
    }
    event->producer_counter = ++*next;
    if (sample_random_below(&source->chance, 4) == 0 && !source->mute) {
        char settled[24];
        (void)snprintf(settled, sizeof(settled), "%" PRIu64, *late > 0 ? *late : event->producer_counter);
        INVARIANT(audit_event_fact_add(event, "settled", settled, NULL) == STATUS_OK);
        event->action = AUDIT_SERVICE_HEARTBEAT;
        event->outcome = AUDIT_OUTCOME_OK;
    }
}

/* Three of four other events are about one of the objects that live at the time; an object has nine entries. */
static void take_object(struct trail_source *source, struct audit_event *event)
{
    size_t object = sample_random_below(&source->chance, MAKER_OBJECTS);
    if (sample_random_below(&source->chance, 4) == 0) {
        return;
    }
    if (source->ordinals[object] == 9) {
        source->ordinals[object] = 0;
        source->generations[object]++;
    }
    (void)snprintf(event->object_type, sizeof(event->object_type), "withdrawal");
    (void)snprintf(event->object_id, sizeof(event->object_id), "w-%zu-%" PRIu64, object, source->generations[object]);
    event->object_ordinal = ++source->ordinals[object];
}

/* Facts that have columns: one of eight events tells some. */
static const char *const facts[][2] = {
    {"amount", "1250"}, {"asset", SOME_HASH}, {"destination", "sr1payee"}, {"version", "7"}, {"wallet", "hot"},
};

static void tell_facts(struct trail_source *source, struct audit_event *event)
{
    for (size_t i = 0; source->count % 8 == 0 && i < sizeof(facts) / sizeof(facts[0]); i++) {
        INVARIANT(audit_event_fact_add(event, facts[i][0], facts[i][1], NULL) == STATUS_OK);
    }
}

static void refer(const struct trail_source *source, struct audit_event *event)
{
    struct digest digests[AUDIT_LIST_MAX];
    INVARIANT(source->refs <= AUDIT_LIST_MAX);
    for (size_t i = 0; i < source->refs; i++) {
        digests[i] = source->last;
        digests[i].bytes32[0] = (uint8_t)(i + 1); /* they ascend */
    }
    INVARIANT(source->refs == 0 || audit_event_refs_add(event, "approval", digests, source->refs, NULL) == STATUS_OK);
}

/* The entry by which older ones leave the database. */
static void tell_leaving(const struct trail_source *source, struct audit_event *event)
{
    event->action = AUDIT_RETENTION_PRUNE;
    event->outcome = AUDIT_OUTCOME_INTENT;
    event->object_ordinal = 1;
    (void)snprintf(event->object_type, sizeof(event->object_type), "archive");
    (void)snprintf(event->object_id, sizeof(event->object_id), "%" PRIu64, source->leaving);
    INVARIANT(audit_event_fact_add(event, "first", "0", NULL) == STATUS_OK &&
              audit_event_fact_add(event, "size", event->object_id, NULL) == STATUS_OK &&
              audit_event_ref_add(event, "checkpoint", &source->leaving_root, NULL) == STATUS_OK &&
              audit_event_ref_add(event, "root", &source->leaving_root, NULL) == STATUS_OK);
}

/* The entry of an order by which another key follows. */
static void tell_order(struct trail_source *source, struct audit_event *event)
{
    const struct made_order *order = source->orders++;
    char from[24];
    struct audit_key key;
    struct digest id;
    static const struct digest command = {{7}};
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, order->key);
    public_key_id(&id, &key.public_key);
    event->action = AUDIT_LOG_KEY;
    event->outcome = AUDIT_OUTCOME_OK;
    event->object_ordinal = ++source->orders_told[order->key];
    (void)snprintf(event->object_type, sizeof(event->object_type), "key");
    digest_format(event->object_id, &id);
    (void)snprintf(from, sizeof(from), "%" PRIu64, order->from);
    INVARIANT(audit_event_fact_add(event, "size", from, NULL) == STATUS_OK &&
              audit_event_fact_add(event, "audit", "ok", NULL) == STATUS_OK &&
              audit_event_fact_add(event, "transfer", "ok", NULL) == STATUS_OK &&
              audit_event_fact_add(event, "reason", "yearly", NULL) == STATUS_OK &&
              audit_event_ref_add(event, "command", &command, NULL) == STATUS_OK);
}

static bool is_ordered(const struct trail_source *source)
{
    return source->orders != NULL && source->orders->at > 0 && source->count >= source->orders->at;
}

static void fill(struct trail_source *source, struct audit_event *event)
{
    event->action = AUDIT_WITHDRAWAL_APPROVE;
    event->outcome = AUDIT_OUTCOME_DENY;
    INVARIANT(name_parse(&event->actor, "approver-1") == STATUS_OK);
    event->correlation = producers[0];
    event->correlation.bytes16[15] = (uint8_t)sample_random_next(&source->chance);
    take_number(source, sample_random_below(&source->chance, MAKER_PRODUCERS), event);
    if (source->leaving > 0 && source->count == source->leaving) {
        audit_frontier_root(&source->leaving_root, &source->frontier);
    }
    if (event->action != AUDIT_SERVICE_HEARTBEAT && source->leaving > 0 &&
        source->count >= source->leaving + MAKER_LATER) {
        tell_leaving(source, event);
        source->leaving = 0;
    } else if (event->action != AUDIT_SERVICE_HEARTBEAT && is_ordered(source)) {
        tell_order(source, event);
    } else if (event->action != AUDIT_SERVICE_HEARTBEAT) {
        take_object(source, event);
        refer(source, event);
        tell_facts(source, event);
    }
}

static json_t *text_base64(const void *data, size_t len)
{
    struct buffer buffer;
    struct bytes text;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    INVARIANT(buffer_finish(&text, &buffer) == STATUS_OK);
    json_t *value = json_string((const char *)text.data);
    bytes_free(&text);
    return value;
}

static json_t *text_hash(const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    return json_string(hex);
}

void trail_row_facts(json_t *row, const struct audit_event *event)
{
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        const char *fact = audit_event_fact(event, facts[i][0]);
        bool number = strcmp(facts[i][0], "version") == 0;
        INVARIANT(fact == NULL ||
                  json_object_set_new(row, facts[i][0],
                                      number ? json_integer(strtoll(fact, NULL, 10)) : json_string(fact)) == 0);
    }
}

/* The row of an export: the columns say what the event says. */
static json_t *row_of(const struct audit_event *event, uint64_t index, const struct bytes *raw,
                      const struct digest *hash)
{
    char time[TIME_TEXT_SIZE];
    char correlation[UUID_TEXT_SIZE];
    time_format(time, event->at_utc_us);
    uuid_format(correlation, &event->correlation);
    json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:I, s:s}", "act", audit_action_text(event->action),
                            "actor", event->actor.text, "corr", correlation, "lh", text_hash(hash), "outcome",
                            audit_outcome_text(event->outcome), "raw", text_base64(raw->data, raw->len), "seq",
                            (json_int_t)index, "ts", time);
    INVARIANT(row != NULL);
    if (event->object_ordinal > 0) {
        INVARIANT(json_object_set_new(row, "oid", json_string(event->object_id)) == 0);
        INVARIANT(json_object_set_new(row, "otype", json_string(event->object_type)) == 0);
        INVARIANT(json_object_set_new(row, "ord", json_integer((json_int_t)event->object_ordinal)) == 0);
    }
    if (strcmp(event->object_type, "key") == 0) {
        INVARIANT(json_object_set_new(row, "key", json_string(event->object_id)) == 0);
    }
    trail_row_facts(row, event);
    return row;
}

json_t *trail_source_next(struct trail_source *source)
{
    struct audit_event event = {0};
    struct audit_event stamped = {0};
    struct bytes pending;
    struct bytes document;
    struct bytes raw;
    source->at_utc_us += (int64_t)sample_random_below(&source->chance, source->pace_us == 0 ? 1000 : source->pace_us);
    const struct audit_stamp stamp = {.at_utc_us = BEGINNING_US + source->at_utc_us, .boot = sequencer, .epoch = 1};
    fill(source, &event);
    INVARIANT(audit_event_encode(&pending, &event, NULL) == STATUS_OK);
    INVARIANT(audit_event_stamp(&document, &stamped, pending.data, pending.len, &stamp, NULL) == STATUS_OK);
    struct audit_leaf leaf = {.origin = SAMPLE_ORIGIN,
                              .index = source->count,
                              .previous = source->last,
                              .event = document.data,
                              .event_len = document.len};
    INVARIANT(audit_leaf_build(&raw, &leaf, NULL) == STATUS_OK);
    audit_leaf_hash(&source->last, raw.data, raw.len);
    INVARIANT(audit_frontier_append(&source->frontier, &source->last) == STATUS_OK);
    json_t *row = row_of(&stamped, source->count, &raw, &source->last);
    source->count++;
    bytes_free(&raw);
    bytes_free(&document);
    bytes_free(&pending);
    audit_event_wipe(&event);
    audit_event_wipe(&stamped);
    return row;
}

static void note_of(struct bytes *out, const struct audit_frontier *frontier, uint8_t key)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = frontier->size};
    audit_frontier_root(&checkpoint.root, frontier);
    sample_note(out, &checkpoint, key);
}

void trail_source_note(struct bytes *out, const struct trail_source *source)
{
    note_of(out, &source->frontier, 0);
}

/* Of one partition there is one hash. */
static struct audit_frontier tree_before(const struct made_trail *trail)
{
    return (struct audit_frontier){.size = trail->begins, .peaks = {trail->before}};
}

void trail_make(struct made_trail *out, size_t count, uint64_t seed)
{
    trail_make_left(out, count, seed, 0, 0);
}

static void take(struct made_trail *out, size_t count, struct trail_source *source, uint8_t key)
{
    out->rows = json_array();
    out->size = (json_int_t)out->begins + (json_int_t)count;
    for (size_t i = 0; i < count; i++) {
        INVARIANT(json_array_append_new(out->rows, trail_source_next(source)) == 0);
    }
    note_of(&out->note, &source->frontier, key);
}

void trail_make_left(struct made_trail *out, size_t count, uint64_t seed, size_t left, size_t begins)
{
    *out = (struct made_trail){.begins = begins};
    memset(out->before.bytes32, begins == 0 ? 0 : 7, sizeof(out->before.bytes32));
    struct trail_source source = {
        .chance = {.state = seed}, .leaving = left, .count = begins, .last = out->before, .frontier = tree_before(out)};
    take(out, count, &source, 0);
}

void trail_make_ordered(struct made_trail *out, size_t count, const struct made_order *orders, uint8_t key)
{
    struct trail_source source = {.chance = {.state = 21}, .orders = orders};
    *out = (struct made_trail){0};
    take(out, count, &source, key);
}

void trail_free(struct made_trail *trail)
{
    json_decref(trail->rows);
    bytes_free(&trail->note);
}

void trail_raw(struct bytes *out, const struct made_trail *trail, size_t row)
{
    const json_t *raw = json_object_get(json_array_get(trail->rows, row), "raw");
    INVARIANT(base64_decode(out, json_string_value(raw), json_string_length(raw)) == STATUS_OK);
}

void trail_set_raw(struct made_trail *trail, size_t row, const void *raw, size_t len)
{
    json_t *object = json_array_get(trail->rows, row);
    struct digest hash;
    audit_leaf_hash(&hash, raw, len);
    INVARIANT(json_object_set_new(object, "raw", text_base64(raw, len)) == 0);
    INVARIANT(json_object_set_new(object, "lh", text_hash(&hash)) == 0);
}

/* The leaf hash that the row shows. */
static struct digest hash_of(const struct made_trail *trail, size_t row)
{
    struct digest hash;
    const char *text = json_string_value(json_object_get(json_array_get(trail->rows, row), "lh"));
    INVARIANT(digest_parse(&hash, text) == STATUS_OK);
    return hash;
}

void trail_relink(struct made_trail *trail, size_t row)
{
    size_t count = json_array_size(trail->rows);
    trail->size = (json_int_t)trail->begins + (json_int_t)count;
    for (size_t i = row; i < count; i++) {
        struct bytes raw;
        struct bytes again;
        struct audit_leaf leaf;
        trail_raw(&raw, trail, i);
        INVARIANT(audit_leaf_parse(&leaf, raw.data, raw.len, NULL) == STATUS_OK);
        leaf.index = trail->begins + i;
        leaf.previous = i == 0 ? trail->before : hash_of(trail, i - 1);
        INVARIANT(audit_leaf_build(&again, &leaf, NULL) == STATUS_OK);
        trail_set_raw(trail, i, again.data, again.len);
        INVARIANT(json_object_set_new(json_array_get(trail->rows, i), "seq", json_integer((json_int_t)leaf.index)) ==
                  0);
        bytes_free(&again);
        bytes_free(&raw);
    }
}

void trail_sign(struct made_trail *trail, uint8_t key)
{
    struct audit_frontier frontier = tree_before(trail);
    for (size_t i = 0; i < json_array_size(trail->rows); i++) {
        struct digest hash = hash_of(trail, i);
        INVARIANT(audit_frontier_append(&frontier, &hash) == STATUS_OK);
    }
    trail->size = (json_int_t)frontier.size;
    bytes_free(&trail->note);
    note_of(&trail->note, &frontier, key);
}

static void write_object(FILE *file, const json_t *object)
{
    INVARIANT(json_dumpf(object, file, JSON_COMPACT | JSON_SORT_KEYS) == 0 && fputc('\n', file) == '\n');
}

void trail_write_head(FILE *file, json_int_t size)
{
    json_t *head = json_pack("{s:s, s:s, s:I}", "format", "strongroom-trail/v1", "origin", SAMPLE_ORIGIN, "size", size);
    write_object(file, head);
    json_decref(head);
}

void trail_write_row(FILE *file, const json_t *row)
{
    write_object(file, row);
}

void trail_write_tail(FILE *file, const struct bytes *note)
{
    json_t *tail = json_pack("{s:o}", "checkpoint", text_base64(note->data, note->len));
    write_object(file, tail);
    json_decref(tail);
}

/* Those in front of `first` are told by the roots of the complete subtrees that they are in. */
static void write_late_head(FILE *file, const struct made_trail *trail, size_t first)
{
    struct audit_frontier frontier = tree_before(trail);
    json_t *tree = json_array();
    for (size_t i = 0; trail->begins + i < first; i++) {
        struct digest hash = hash_of(trail, i);
        INVARIANT(audit_frontier_append(&frontier, &hash) == STATUS_OK);
    }
    for (int i = 0; i < __builtin_popcountll(first); i++) {
        INVARIANT(json_array_append_new(tree, text_hash(&frontier.peaks[i])) == 0);
    }
    json_t *head = json_pack("{s:I, s:s, s:s, s:I, s:o}", "first", (json_int_t)first, "format", "strongroom-trail/v1",
                             "origin", SAMPLE_ORIGIN, "size", trail->size, "tree", tree);
    write_object(file, head);
    json_decref(head);
}

void trail_write_late(const struct made_trail *trail, const char *path, size_t first)
{
    FILE *file = fopen(path, "we");
    INVARIANT(file != NULL);
    write_late_head(file, trail, first);
    for (size_t i = first - trail->begins; i < json_array_size(trail->rows); i++) {
        trail_write_row(file, json_array_get(trail->rows, i));
    }
    trail_write_tail(file, &trail->note);
    INVARIANT(fclose(file) == 0);
}

void trail_write(const struct made_trail *trail, const char *path)
{
    FILE *file = fopen(path, "we");
    json_t *row = NULL;
    size_t i = 0;
    INVARIANT(file != NULL);
    trail_write_head(file, trail->size);
    json_array_foreach(trail->rows, i, row)
    {
        trail_write_row(file, row);
    }
    trail_write_tail(file, &trail->note);
    INVARIANT(fclose(file) == 0);
}
