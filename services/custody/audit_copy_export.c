/*
 * The trail out of a copy, as the service exports it: where there is no service any more, or none that is believed.
 * What stands beside the bytes of an entry is made from them. An entry that this program cannot read was signed all the
 * same: it is written as what it says where others have their columns, and told.
 */
#include "audit_copy.h"

#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "audit/column.h"
#include "audit/leaf.h"
#include "audit/tile_tree.h"
#include "base/canon.h"
#include "base/clock.h"
#include "commands.h"

#define COLUMN_MAX 255
#define UNREAD_TOLD 20

struct writing {
    FILE *stream;
    uint64_t unread; /* entries that this program cannot read */
    struct mirror *mirror;
    struct audit_tile_source tiles;
    struct audit_tile_tree tree;
};

/* Consumes `value`. */
static enum status write_line(FILE *stream, json_t *value, struct fault *fault)
{
    if (value == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    bool good = json_dumpf(value, stream, JSON_COMPACT | JSON_SORT_KEYS) == 0 && fputc('\n', stream) != EOF;
    json_decref(value);
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "out", "could not write");
}

static json_t *base64_of(const uint8_t *data, size_t len)
{
    struct buffer buffer;
    struct bytes text = {0};
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    json_t *value = buffer_finish(&text, &buffer) == STATUS_OK ? json_stringn((const char *)text.data, text.len) : NULL;
    bytes_free(&text);
    return value;
}

static bool set_text(json_t *row, const char *name, const char *text)
{
    return text[0] == '\0' || json_object_set_new(row, name, json_string(text)) == 0;
}

static bool set_number(json_t *row, const char *name, uint64_t number)
{
    return number == 0 || json_object_set_new(row, name, json_integer((json_int_t)number)) == 0;
}

/* Those of the facts, of which `event` needs no more than its object. */
static bool set_facts(json_t *row, const struct audit_event *event)
{
    static const char *const facts[] = {"amount", "asset", "destination", "key", "wallet"};
    bool good = set_number(row, "version", strtoull(audit_column(event, "version"), NULL, 10));
    for (size_t i = 0; good && i < sizeof(facts) / sizeof(facts[0]); i++) {
        good = set_text(row, facts[i], audit_column(event, facts[i]));
    }
    return good;
}

static bool set_columns(json_t *row, const struct audit_event *event)
{
    char ts[TIME_TEXT_SIZE];
    char corr[UUID_TEXT_SIZE];
    time_format(ts, event->at_utc_us);
    uuid_format(corr, &event->correlation);
    return set_text(row, "act", audit_action_text(event->action)) && set_text(row, "actor", event->actor.text) &&
           set_text(row, "corr", corr) && set_text(row, "otype", event->object_type) &&
           set_text(row, "oid", event->object_id) && set_number(row, "ord", event->object_ordinal) &&
           set_text(row, "outcome", audit_outcome_text(event->outcome)) && set_text(row, "ts", ts) &&
           set_facts(row, event);
}

/* The text of a member; "" when it is none, or none that a column has. */
static const char *said(const json_t *document, const char *name)
{
    const char *text = json_string_value(json_object_get(document, name));
    return text == NULL || strlen(text) > COLUMN_MAX ? "" : text;
}

/* An action of a later version, say: whoever knows it finds the columns that it has. */
static bool set_said(json_t *row, const json_t *document)
{
    static const char *const texts[] = {"act", "actor", "corr", "oid", "otype", "outcome", "ts"};
    struct audit_event event = {.facts = json_object_get(document, "facts")}; /* borrowed */
    unsigned long long ordinal = strtoull(said(document, "on"), NULL, 10);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", said(document, "otype"));
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", said(document, "oid"));
    bool good = set_number(row, "ord", ordinal > INT64_MAX ? 0 : ordinal) && set_facts(row, &event);
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++) {
        good = set_text(row, texts[i], said(document, texts[i]));
    }
    return good;
}

/* What is certain of an entry, whatever it says. NULL: no memory. */
static json_t *row_of(const struct mirror_entry *entry, uint64_t seq)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct digest lh;
    audit_leaf_hash(&lh, entry->raw, entry->len);
    digest_format(hex, &lh);
    return json_pack("{s:I, s:s, s:o}", "seq", (json_int_t)seq, "lh", hex, "raw", base64_of(entry->raw, entry->len));
}

static void tell_unread(struct writing *writing, uint64_t seq, const struct fault *why)
{
    if (writing->unread++ < UNREAD_TOLD) {
        (void)fprintf(stderr, "entry %" PRIu64 " cannot be read: %s%s%s\n", seq, why->where,
                      why->where[0] == '\0' ? "" : " ", why->detail);
    }
}

/* Out: the columns are in `row`. False: no memory. */
static bool read_entry(json_t *row, struct writing *writing, const struct mirror_entry *entry, uint64_t seq)
{
    struct audit_leaf leaf = {.event_len = 0};
    struct audit_event event = {0};
    struct fault why = {0};
    json_t *document = NULL;
    bool good = true;
    enum status status = audit_leaf_parse(&leaf, entry->raw, entry->len, &why);
    bool is_leaf = status == STATUS_OK;
    if (is_leaf) {
        status = audit_event_decode(&event, leaf.event, leaf.event_len, &why);
    }
    if (status == STATUS_OK) {
        good = set_columns(row, &event);
    } else {
        tell_unread(writing, seq, &why);
    }
    if (status != STATUS_OK && is_leaf &&
        canon_parse(&document, leaf.event, leaf.event_len, AUDIT_EVENT_MAX, NULL) == STATUS_OK) {
        good = set_said(row, document);
    }
    json_decref(document);
    audit_event_wipe(&event);
    return good;
}

static enum status write_entry(struct writing *writing, const struct mirror_entry *entry, uint64_t seq,
                               struct fault *fault)
{
    json_t *row = row_of(entry, seq);
    if (row != NULL && !read_entry(row, writing, entry, seq)) {
        json_decref(row);
        row = NULL;
    }
    return write_line(writing->stream, row, fault);
}

static enum status write_bundle(struct writing *writing, uint64_t index, struct fault *fault)
{
    struct audit_tile tile = {.index = index};
    struct mirror_entry entries[AUDIT_TILE_WIDTH];
    struct bytes bundle = {0};
    const struct digest *hashes = NULL;
    enum status status = audit_tile_tree_tile(&hashes, &tile.width, &writing->tree, 0, index, fault);
    if (status == STATUS_OK) {
        status = mirror_bundle(entries, &bundle, writing->mirror, &tile, hashes, fault);
    }
    for (unsigned i = 0; status == STATUS_OK && i < tile.width; i++) {
        status = write_entry(writing, &entries[i], index * AUDIT_TILE_WIDTH + i, fault);
    }
    bytes_free(&bundle);
    return status;
}

static enum status write_all(struct writing *writing, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(writing->mirror);
    const struct bytes *note = mirror_note(writing->mirror);
    writing->tiles = mirror_tiles(writing->mirror);
    enum status status = audit_tile_tree_open(&writing->tree, &writing->tiles, held->size, &held->root, fault);
    if (status == STATUS_OK) {
        status = write_line(writing->stream,
                            json_pack("{s:s, s:s, s:I}", "format", "strongroom-trail/v1", "origin", held->origin,
                                      "size", (json_int_t)held->size),
                            fault);
    }
    for (uint64_t first = 0; status == STATUS_OK && first < held->size; first += AUDIT_TILE_WIDTH) {
        status = write_bundle(writing, first / AUDIT_TILE_WIDTH, fault);
    }
    return status == STATUS_OK
               ? write_line(writing->stream, json_pack("{s:o}", "checkpoint", base64_of(note->data, note->len)), fault)
               : status;
}

static enum status write_out(struct writing *writing, const struct custody_options *options, struct fault *fault)
{
    uint64_t size = mirror_checkpoint(writing->mirror)->size;
    if (size == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "checkpoint", "is not there, or of no entries");
    }
    enum status status = command_output(&writing->stream, options, fault);
    if (status == STATUS_OK) {
        status = command_output_whole(writing->stream, options, write_all(writing, fault), fault);
    }
    if (status == STATUS_OK) {
        (void)fprintf(stderr, "%" PRIu64 " entries\n", size);
    }
    return status != STATUS_OK || writing->unread == 0
               ? status
               : fault_set(fault, STATUS_VERSION, "entries",
                           "%" PRIu64 " of them were signed and cannot be read here; they are in the export with their "
                           "bytes",
                           writing->unread);
}

enum status audit_copy_export(const struct custody_options *options, struct fault *fault)
{
    struct audit_checkpoint end;
    struct writing *writing = calloc(1, sizeof(*writing));
    if (writing == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    enum status status = audit_copy_open(&writing->mirror, &end, options, fault);
    if (status == STATUS_OK) {
        status = audit_copy_check_end(writing->mirror, &end, fault);
    }
    if (status == STATUS_OK) {
        status = write_out(writing, options, fault);
    }
    mirror_close(writing->mirror);
    free(writing);
    return status;
}
