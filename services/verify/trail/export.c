/*
 * Exports of the trail. Lines stand in one buffer; only what is left of the last one is moved when more is read.
 */
#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/clock.h"

#define ROOM ((size_t)1048576)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct scan_field head_fields[] = {EXPORT_HEAD(SCAN_FIELD, SCAN_FIELD_OPTIONAL, export_head)};
static const struct scan_field row_fields[] = {EXPORT_ROW(SCAN_FIELD, SCAN_FIELD_OPTIONAL, export_row)};

/* Reads what there is behind the rest of a line. */
static void fill(struct export_file *file)
{
    memmove(file->buffer, file->buffer + file->from, file->until - file->from);
    file->until -= file->from;
    file->from = 0;
    ssize_t len = read(file->fd, file->buffer + file->until, ROOM - file->until);
    file->until += len > 0 ? (size_t)len : 0;
    file->ended = len <= 0;
    file->failed = len < 0 ? errno : 0;
}

void export_open(struct export_file *out, const char *path)
{
    *out = (struct export_file){.path = path,
                                .fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC),
                                .buffer = malloc(ROOM)};
    out->failed = errno; /* of either, unless it is read */
    if (out->fd >= 0 && out->buffer != NULL) {
        fill(out);
    }
}

bool export_begins(struct export_file *file)
{
    struct export_head head;
    struct span line;
    bool begins = !file->failed && export_line(&line, file) && export_head_read(&head, line, NULL) == STATUS_OK;
    file->from = 0; /* of the first line nothing has left the buffer */
    file->lines = 0;
    file->cut = false;
    return begins;
}

void export_whole(struct span *out, struct export_file *file)
{
    while (!file->failed && !file->ended) {
        fill(file); /* a full buffer is an end */
    }
    *out = (struct span){file->buffer, file->until};
}

void export_close(struct export_file *file)
{
    if (file->fd > STDIN_FILENO) {
        (void)close(file->fd);
    }
    free(file->buffer);
}

bool export_line(struct span *out, struct export_file *file)
{
    size_t looked = 0; /* at so much of the line there is no newline */
    const char *newline = NULL;
    for (;; fill(file)) {
        *out = (struct span){file->buffer + file->from, file->until - file->from};
        newline = memchr(out->at + looked, '\n', out->len - looked);
        looked = out->len;
        if (newline != NULL || looked > EXPORT_LINE_MAX || file->ended) {
            break;
        }
    }
    out->len = newline == NULL ? out->len : (size_t)(newline - out->at);
    file->from += out->len + (newline == NULL ? 0 : 1);
    bool last = newline == NULL && out->len > 0 && out->len <= EXPORT_LINE_MAX; /* only that may do without */
    if (last && (file->lines == 0 || out->at[out->len - 1] != '}')) {
        file->cut = true;
        return false;
    }
    if (out->len > EXPORT_LINE_MAX) {
        out->len = EXPORT_LINE_MAX + 1;
        file->from = file->until;
        file->ended = true;
    }
    bool some = out->len > 0 || newline != NULL;
    file->lines += some ? 1 : 0;
    return some;
}

enum status export_head_read(struct export_head *out, struct span line, struct fault *fault)
{
    enum status status = scan_object(out, head_fields, COUNT(head_fields), line, fault);
    INVARIANT(status != STATUS_OK || span_decimal(&out->entries, out->size));
    out->begins = 0;
    INVARIANT(status != STATUS_OK || out->first.at == NULL || span_decimal(&out->begins, out->first));
    return status;
}

enum status export_row_read(struct export_row *out, struct span line, struct fault *fault)
{
    enum status status = scan_object(out, row_fields, COUNT(row_fields), line, fault);
    INVARIANT(status != STATUS_OK || span_decimal(&out->number, out->seq));
    return status;
}

/* The conditions of a query, and how a column may stand to the value that is asked for: all of them, in any order. */
enum { BELOW = 1, SAME = 2, ABOVE = 4 };

/* clang-format off */
#define CONDITION(name, column, how) {name, offsetof(struct export_row, column), how}
#define EQUAL(column) CONDITION(#column, column, SAME)
static const struct {
    const char *name;
    size_t column;
    unsigned how;
} conditions[] = {
    EQUAL(act), EQUAL(actor), EQUAL(asset), EQUAL(corr), EQUAL(destination), EQUAL(key), EQUAL(oid), EQUAL(otype),
    EQUAL(outcome), EQUAL(version), EQUAL(wallet), CONDITION("amount_min", amount, SAME | ABOVE),
    CONDITION("amount_max", amount, BELOW | SAME), CONDITION("from", ts, SAME | ABOVE), CONDITION("to", ts, BELOW),
    CONDITION("order", seq, BELOW | SAME | ABOVE)};
/* clang-format on */

/* Times and amounts have one spelling, as the service takes them; others could not be compared by it. */
static bool is_spelt(size_t i, struct span value)
{
    char text[AMOUNT_TEXT_SIZE];
    struct amount amount;
    int64_t at_utc_us = 0;
    bool is_time = conditions[i].column == offsetof(struct export_row, ts);
    return (!is_time && conditions[i].column != offsetof(struct export_row, amount)) ||
           (span_copy(text, sizeof(text), value) &&
            (is_time ? time_parse(&at_utc_us, text) : amount_parse(&amount, text)) == STATUS_OK);
}

static bool meets(size_t i, const struct export_row *row, struct span value)
{
    const struct span *column = (const struct span *)(const void *)((const char *)row + conditions[i].column);
    if (column->at == NULL) {
        return false;
    }
    int longer = (column->len > value.len) - (column->len < value.len); /* numbers, or texts of one length */
    int order = longer != 0 ? longer : span_compare(*column, value);
    return (conditions[i].how & (order < 0 ? BELOW : order > 0 ? ABOVE : SAME)) != 0;
}

void export_query_check(struct report *report, const struct export_row *row, const struct bytes *query)
{
    struct span rest = {(const char *)query->data, query->len};
    struct span name;
    struct span value;
    while (scan_step(&name, &value, &rest)) {
        size_t i = 0;
        while (i < COUNT(conditions) && !span_is(name, conditions[i].name)) {
            i++;
        }
        if (row == NULL && (i == COUNT(conditions) || !is_spelt(i, value))) {
            report_incomplete(report, "line 1: nobody here knows the condition %.*s of its query", (int)name.len,
                              name.at);
        } else if (row != NULL && i < COUNT(conditions) && !meets(i, row, value)) {
            report_tampered(report, "entry %llu: does not answer the query: %.*s", (unsigned long long)row->number,
                            (int)name.len, name.at);
        }
    }
}

bool export_proof_read(struct merkle_proof *out, const struct export_row *row)
{
    struct span rest = row->proof;
    struct span value;
    out->count = 0;
    while (scan_step(NULL, &value, &rest)) {
        if (out->count == MERKLE_HEIGHT || !span_digest(&out->hashes[out->count++], value)) {
            return false;
        }
    }
    return true;
}

bool export_is_tail(struct span line)
{
    static const char start[] = "{\"checkpoint\":";
    return line.len >= sizeof(start) - 1 && memcmp(line.at, start, sizeof(start) - 1) == 0;
}

enum status export_tail_read(struct bytes *out, struct span line, struct fault *fault)
{
    static const struct scan_field field = {"checkpoint", SCAN_TEXT, false, EXPORT_LINE_MAX, 0};
    struct span note;
    enum status status = scan_object(&note, &field, 1, line, fault);
    return status == STATUS_OK ? base64_decode(out, note.at, note.len) : status;
}

/* Facts with a column, and of which characters they are; one of another form has none. */
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

enum { FACT_AMOUNT, FACT_ASSET, FACT_DESTINATION, FACT_KEY, FACT_VERSION, FACT_WALLET, FACTS };

static const struct {
    const char *name;
    const char *characters;
    size_t min, max;
} facts[FACTS] = {
    {"amount", DIGITS, 1, 39},        {"asset", DIGITS "abcdef", 64, 64}, {"destination", DIGITS LETTERS, 1, 127},
    {"key", DIGITS "abcdef", 64, 64}, {"version", DIGITS, 1, 15},         {"wallet", DIGITS LETTERS "-", 1, 63}};

static bool fits(size_t fact, struct span text)
{
    bool good = text.len >= facts[fact].min && text.len <= facts[fact].max;
    for (size_t i = 0; good && i < text.len; i++) {
        good = strchr(facts[fact].characters, text.at[i]) != NULL;
    }
    return good && (facts[fact].characters[10] != '\0' || text.at[0] != '0'); /* numbers begin with another digit */
}

/* Out: those that have a column, the others absent. The key that an entry is about is its object. */
static void find_facts(struct span out[FACTS], const struct event *event)
{
    struct span rest = event->facts;
    struct span name;
    struct span value;
    memset(out, 0, FACTS * sizeof(*out));
    while (scan_step(&name, &value, &rest)) {
        for (size_t i = 0; i < FACTS; i++) {
            if (span_is(name, facts[i].name) && fits(i, value)) {
                out[i] = value;
            }
        }
    }
    if (span_is(event->otype, "key")) {
        out[FACT_KEY] = event->oid;
    }
}

/* Names every column that differs from the event. Numbers are spelt alike there, but for the quotation marks. */
static void check_columns(struct report *report, const struct export_row *row, const struct event *event)
{
    struct span told[FACTS];
    find_facts(told, event);
    const struct {
        const char *name;
        struct span column;
        struct span value;
    } columns[] = {
        {"act", row->act, event->act},
        {"actor", row->actor, event->actor},
        {"amount", row->amount, told[FACT_AMOUNT]},
        {"asset", row->asset, told[FACT_ASSET]},
        {"corr", row->corr, event->corr},
        {"destination", row->destination, told[FACT_DESTINATION]},
        {"key", row->key, told[FACT_KEY]},
        {"oid", row->oid, event->oid},
        {"ord", row->ord, event->on},
        {"otype", row->otype, event->otype},
        {"outcome", row->outcome, event->outcome},
        {"ts", row->ts, event->ts},
        {"version", row->version, told[FACT_VERSION]},
        {"wallet", row->wallet, told[FACT_WALLET]},
    };
    for (size_t i = 0; i < COUNT(columns); i++) {
        if (!span_equal(columns[i].column, columns[i].value)) {
            report_tampered(report, "entry %llu: the column %s was changed: it differs from the signed bytes",
                            (unsigned long long)row->number, columns[i].name);
        }
    }
}

static void check_event(struct export_entry *out, struct report *report, const struct export_row *row)
{
    struct fault fault = {0};
    out->is_event = event_read(&out->event, out->leaf.event, &fault) == STATUS_OK;
    if (out->is_event) {
        check_columns(report, row, &out->event);
    } else {
        report_tampered(report, "entry %llu: its event does not follow the form: %s %s",
                        (unsigned long long)row->number, fault.where, fault.detail);
    }
}

void export_entry_read(struct export_entry *out, struct report *report, const char *origin,
                       const struct export_row *row)
{
    size_t len = 0;
    const char *why = "is not of the form of an entry";
    char hex[DIGEST_HEX_LEN + 1];
    out->is_event = false;
    out->is_leaf = base64_decode_into(out->raw, &len, row->raw.at, row->raw.len) == STATUS_OK &&
                   leaf_read(&out->leaf, origin, out->raw, len, &why);
    if (!out->is_leaf) {
        report_tampered(report, "entry %llu: %s", (unsigned long long)row->number, why);
        merkle_leaf(&out->leaf.hash, out->raw, len);
    } else if (out->leaf.number != row->number) {
        report_tampered(report, "entry %llu: its bytes are those of entry %llu", (unsigned long long)row->number,
                        (unsigned long long)out->leaf.number);
    }
    digest_format(hex, &out->leaf.hash);
    if (!span_is(row->lh, hex)) {
        report_tampered(report, "entry %llu: the column lh is not the hash of its bytes",
                        (unsigned long long)row->number);
    }
    if (out->is_leaf) {
        check_event(out, report, row);
    }
}
