/*
 * Checking an export of the trail, line by line in bounded memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "counters.h"
#include "documents.h"
#include "event.h"
#include "merkle.h"
#include "verify.h"

#define LINE_MAX_LEN 262144
#define HELD_MAX 1024
#define HELD_FILE_MAX 524288
#define PROOF_HEADER "c2sp.org/tlog-proof@v1\n"

/* A checkpoint that somebody kept. */
struct held {
    const char *path;
    struct checkpoint checkpoint;
};

struct check {
    const struct trust *trust;
    struct report report;
    struct merkle tree;
    struct counters *counters;
    struct digest last; /* lh of the entry before */
    int64_t expected;   /* number of the next entry */
    int64_t last_ts;
    uint64_t signings; /* entries withdrawal.signing so far */
    int64_t size;      /* of the head line */
    bool headed;
    bool ended; /* the checkpoint line was read */
    struct checkpoint checkpoint;
    struct held held[HELD_MAX];
    int held_count;
    char line[LINE_MAX_LEN + 1];
};

/* A finding about an entry. */
static void tampered(struct check *check, int64_t seq, const char *what)
{
    report_tampered(&check->report, "entry %lld: %s", (long long)seq, what);
}

static void check_columns(struct check *check, const struct export_row *row, const struct event *event)
{
    const struct {
        const char *name;
        bool same;
    } columns[] = {
        {"act", strcmp(row->act, event->act) == 0},
        {"actor", strcmp(row->actor, event->actor.text) == 0},
        {"corr", uuid_equal(&row->corr, &event->corr)},
        {"oid", strcmp(row->oid, event->oid) == 0},
        {"ord", (uint64_t)row->ord == event->on},
        {"otype", strcmp(row->otype, event->otype) == 0},
        {"outcome", strcmp(row->outcome, event->outcome) == 0},
        {"ts", row->ts == event->ts},
    };
    for (size_t i = 0; i < COUNT(columns); i++) {
        if (!columns[i].same) {
            report_tampered(&check->report, "entry %lld: the column %s was changed: it differs from the signed bytes",
                            (long long)row->seq, columns[i].name);
        }
    }
}

static void note_producer(struct check *check, const struct event *event, uint64_t number, int64_t seq)
{
    bool fresh = false;
    if (counters_producer(check->counters, &fresh, &event->pr, number) != STATUS_OK) {
        report_incomplete(&check->report, "entry %lld: too many numbers of one producer are out of order",
                          (long long)seq);
    } else if (!fresh) {
        report_tampered(&check->report, "entry %lld: producer number %llu stands twice", (long long)seq,
                        (unsigned long long)number);
    }
}

/* Every number of this producer below its fact `settled` is in the trail before this entry, or void. */
static void check_settled(struct check *check, const struct event *event, int64_t seq)
{
    uint64_t settled = 0;
    const json_t *fact = json_object_get(event->facts, "settled");
    if (fact == NULL) {
        return;
    }
    if (!decimal_read(&settled, json_string_value(fact), json_string_length(fact))) {
        tampered(check, seq, "settled is not a number");
        return;
    }
    uint64_t next = counters_producer_next(check->counters, &event->pr);
    while (next < settled && check->report.tampered < FINDINGS_PRINTED) {
        report_tampered(&check->report,
                        "entry %lld: its producer's number %llu is missing: an entry was deleted before it",
                        (long long)seq, (unsigned long long)next);
        note_producer(check, event, next, seq); /* told once */
        next = counters_producer_next(check->counters, &event->pr);
    }
}

static void check_numbers(struct check *check, const struct event *event, int64_t seq)
{
    json_t *value = NULL;
    size_t i = 0;
    uint64_t expected = 0;
    note_producer(check, event, event->pn, seq);
    json_array_foreach(event->voided, i, value)
    {
        uint64_t number = 0;
        if (decimal_read(&number, json_string_value(value), json_string_length(value))) {
            note_producer(check, event, number, seq);
        } else {
            tampered(check, seq, "void is not a list of numbers");
        }
    }
    check_settled(check, event, seq);
    if (event->on == 0) {
        return;
    }
    if (counters_object(check->counters, &expected, event->otype, event->oid, event->on) != STATUS_OK) {
        report_incomplete(&check->report, "entry %lld: no memory for its object", (long long)seq);
    } else if (expected != event->on) {
        report_tampered(&check->report, "entry %lld: ordinal %llu of %s %s, but %llu is due", (long long)seq,
                        (unsigned long long)event->on, event->otype, event->oid, (unsigned long long)expected);
    }
}

/*
 * Each promise of the transfer signer has an entry of its own before it, so no entry knows of more promises than there
 * are such entries: otherwise the signer was told to be older than it is, or entries are missing.
 */
static void check_promises(struct check *check, const struct event *event, int64_t seq)
{
    uint64_t promises = 0;
    const json_t *fact = json_object_get(event->facts, "promises");
    if (strcmp(event->act, "withdrawal.signing") != 0) {
        return;
    }
    if (fact == NULL || !decimal_read(&promises, json_string_value(fact), json_string_length(fact))) {
        tampered(check, seq, "it does not say how many promises were seen");
    } else if (promises > check->signings) {
        report_tampered(&check->report,
                        "entry %lld: it knows of %llu promises, but %llu entries withdrawal.signing stand before it",
                        (long long)seq, (unsigned long long)promises, (unsigned long long)check->signings);
    }
    check->signings++;
}

static void check_event(struct check *check, const struct export_row *row, const struct leaf *leaf)
{
    struct event event;
    struct fault fault = {0};
    if (event_read(&event, leaf->event, leaf->event_len, &fault) != STATUS_OK) {
        report_tampered(&check->report, "entry %lld: its event does not follow the form: %s %s", (long long)row->seq,
                        fault.where, fault.detail);
        return;
    }
    check_columns(check, row, &event);
    check_numbers(check, &event, row->seq);
    check_promises(check, &event, row->seq);
    if (event.ts < check->last_ts) {
        tampered(check, row->seq, "its time is before that of the entry before it");
    }
    check->last_ts = event.ts;
    event_free(&event);
}

/* A held checkpoint of the size just reached must have the root of the tree as it is now. */
static void check_held(struct check *check)
{
    for (int i = 0; i < check->held_count; i++) {
        struct digest root;
        if (check->held[i].checkpoint.size != check->tree.size) {
            continue;
        }
        merkle_root(&root, &check->tree);
        if (!digest_equal(&root, &check->held[i].checkpoint.root)) {
            report_tampered(&check->report,
                            "the first %llu entries are not those that the checkpoint %s was signed for",
                            (unsigned long long)check->tree.size, check->held[i].path);
        }
    }
}

/* Names the entries from the one that is due up to `end`. */
static void report_missing(struct check *check, int64_t end)
{
    for (; check->expected < end && check->report.tampered < FINDINGS_PRINTED; check->expected++) {
        tampered(check, check->expected, "is missing, it was deleted");
    }
}

static void check_row(struct check *check, const struct export_row *row)
{
    struct leaf leaf;
    const char *why = "";
    if (row->seq >= check->size) {
        report_tampered(&check->report, "entry %lld: was inserted, the signed trail ends at %lld", (long long)row->seq,
                        (long long)check->size - 1);
        return;
    }
    if (row->seq < check->expected) {
        tampered(check, row->seq, "stands twice or out of order");
    }
    bool due = row->seq == check->expected;
    report_missing(check, row->seq);
    check->expected = row->seq + 1;
    if (!leaf_read(&leaf, check->trust->log.name, row->raw.data, row->raw.len, &why)) {
        tampered(check, row->seq, why);
        merkle_leaf(&leaf.hash, row->raw.data, row->raw.len);
    } else {
        if (leaf.number != (uint64_t)row->seq) {
            report_tampered(&check->report, "entry %lld: its bytes are those of entry %llu", (long long)row->seq,
                            (unsigned long long)leaf.number);
        } else if (due && !digest_equal(&leaf.prev, &check->last)) {
            report_tampered(&check->report, "entry %lld: does not link to entry %lld, one of the two was changed",
                            (long long)row->seq, (long long)row->seq - 1);
        }
        check_event(check, row, &leaf);
    }
    if (!digest_equal(&leaf.hash, &row->lh)) {
        tampered(check, row->seq, "the column lh is not the hash of its bytes");
    }
    check->last = leaf.hash;
    merkle_append(&check->tree, &leaf.hash);
    check_held(check);
}

static void read_head(struct check *check, const json_t *object)
{
    struct export_head head;
    check->headed = true;
    if (document_decode(&head, DOCUMENT_EXPORT_HEAD, object, NULL) != STATUS_OK ||
        strcmp(head.format, "strongroom-trail/v1") != 0) {
        report_tampered(&check->report, "line 1: is not the head of an export");
        return;
    }
    if (strcmp(head.origin, check->trust->log.name) != 0) {
        report_tampered(&check->report, "line 1: the export is of the log %s", head.origin);
    }
    check->size = head.size;
}

static void read_tail(struct check *check, const json_t *object)
{
    struct export_tail tail;
    const char *why = "";
    check->ended = true;
    if (document_decode(&tail, DOCUMENT_EXPORT_TAIL, object, NULL) != STATUS_OK) {
        report_tampered(&check->report, "the last line: is not a checkpoint");
        return;
    }
    if (!checkpoint_read(&check->checkpoint, &check->trust->log, tail.checkpoint.data, tail.checkpoint.len, &why)) {
        report_tampered(&check->report, "the checkpoint: %s", why);
    } else if (trust_witnessed(check->trust, &check->report, "the checkpoint", &check->checkpoint) &&
               check->checkpoint.size != (uint64_t)check->size) {
        report_tampered(&check->report, "line 1: says %lld entries, the checkpoint %llu", (long long)check->size,
                        (unsigned long long)check->checkpoint.size);
    }
    bytes_free(&tail.checkpoint);
}

static void read_line(struct check *check, const char *line, size_t len, uint64_t number)
{
    json_t *object = NULL;
    struct export_row row;
    struct fault fault = {0};
    if (check->ended) {
        report_tampered(&check->report, "line %llu: stands behind the checkpoint", (unsigned long long)number);
    } else if (canon_parse(&object, line, len, LINE_MAX_LEN, &fault) != STATUS_OK) {
        report_tampered(&check->report, "line %llu (entry %lld): is not a canonical document: %s",
                        (unsigned long long)number, (long long)check->expected, fault.detail);
    } else if (!check->headed) {
        read_head(check, object);
    } else if (json_object_get(object, "checkpoint") != NULL) {
        read_tail(check, object);
    } else if (document_decode(&row, DOCUMENT_EXPORT_ROW, object, &fault) != STATUS_OK) {
        report_tampered(&check->report, "line %llu (entry %lld): %s: %s", (unsigned long long)number,
                        (long long)check->expected, fault.where, fault.detail);
    } else {
        check_row(check, &row);
        bytes_free(&row.raw);
    }
    json_decref(object);
}

/* A checkpoint, or the receipt that holds one behind its blank line. */
static bool read_held(struct check *check, const char *path)
{
    struct bytes text = {0};
    struct fault fault = {0};
    const char *why = "";
    if (check->held_count == HELD_MAX || file_read(&text, path, HELD_FILE_MAX, "held", &fault) != STATUS_OK) {
        (void)fprintf(stderr, "custody-verify: cannot read %s\n", path);
        return false;
    }
    const char *note = (const char *)text.data;
    size_t len = text.len;
    if (len > strlen(PROOF_HEADER) && memcmp(note, PROOF_HEADER, strlen(PROOF_HEADER)) == 0) {
        const char *blank = strstr(note, "\n\n");
        note = blank == NULL ? note : blank + 2;
        len -= (size_t)(note - (const char *)text.data);
    }
    struct held *held = &check->held[check->held_count];
    held->path = path;
    bool good = checkpoint_read(&held->checkpoint, &check->trust->log, note, len, &why);
    if (good) {
        check->held_count++;
    } else {
        (void)fprintf(stderr, "custody-verify: %s %s\n", path, why);
    }
    bytes_free(&text);
    return good;
}

static void conclude(struct check *check)
{
    struct digest root;
    if (!check->headed || !check->ended) {
        report_incomplete(&check->report, "the export ends before its checkpoint");
        return;
    }
    report_missing(check, check->size);
    merkle_root(&root, &check->tree);
    if (!digest_equal(&root, &check->checkpoint.root)) {
        report_tampered(&check->report, "the entries do not have the root that the checkpoint signs");
    }
    for (int i = 0; i < check->held_count; i++) {
        if (check->held[i].checkpoint.size > check->checkpoint.size) {
            report_tampered(&check->report, "the trail ends at %llu, but %s was signed for %llu: the tail was cut",
                            (unsigned long long)check->checkpoint.size, check->held[i].path,
                            (unsigned long long)check->held[i].checkpoint.size);
        }
    }
    if (check->size == 0) {
        report_incomplete(&check->report, "the trail is empty");
    }
}

/* Fills check->line up to a newline, which is not kept, or until it is full. Out: false at the end of the file. */
static bool next_line(struct check *check, size_t *out_len, FILE *file)
{
    size_t len = 0;
    int byte = getc_unlocked(file);
    bool some = byte != EOF;
    while (byte != EOF && byte != '\n') {
        check->line[len++] = (char)byte;
        byte = len <= LINE_MAX_LEN ? getc_unlocked(file) : EOF;
    }
    *out_len = len;
    return some;
}

static bool read_export(struct check *check, const char *path)
{
    size_t len = 0;
    uint64_t number = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && len <= LINE_MAX_LEN && next_line(check, &len, file)) {
        read_line(check, check->line, len, ++number); /* one that is too long is refused, and is the last */
    }
    bool good = file != NULL && ferror(file) == 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!good) {
        (void)fprintf(stderr, "custody-verify: could not read %s\n", path);
    }
    return good;
}

enum verdict verify_trail(const struct trust *trust, const char *path, char *const *held, int held_count)
{
    struct check *check = calloc(1, sizeof(*check));
    enum verdict verdict = VERDICT_INCOMPLETE;
    bool good = check != NULL && counters_new(&check->counters) == STATUS_OK;
    if (good) {
        check->trust = trust;
    }
    for (int i = 0; good && i < held_count; i++) {
        good = read_held(check, held[i]);
    }
    if (good && read_export(check, path)) {
        conclude(check);
        verdict = report_verdict(&check->report);
    }
    if (good && verdict == VERDICT_PROVEN) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &check->checkpoint.root);
        (void)printf("proven: %llu entries of %s, root %s", (unsigned long long)check->checkpoint.size, trust->log.name,
                     hex);
        if (check->held_count > 0) { /* nobody who holds none asked */
            (void)printf(", %d held checkpoints extended", check->held_count);
        }
        (void)printf("\n");
    }
    if (check != NULL) {
        counters_free(check->counters);
    }
    free(check);
    return verdict;
}
