/*
 * Checking an export, line by line in bounded memory: of the whole trail, or a filtered one, of which it cannot prove
 * that nothing was left out. It may come through a pipe: nothing is read twice.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "counters.h"
#include "export.h"
#include "extract.h"
#include "merkle.h"
#include "receipt.h"
#include "rotations.h"
#include "verify.h"

#define PROGRESS 1000000
#define PARTITION 1048576    /* of the database: entries leave by whole ones */
#define SILENCE_US 300000000 /* a heartbeat is due each minute */

struct check {
    struct export_file *file;
    const struct trust *trust;
    struct report report;
    struct merkle tree;
    struct merkle left; /* the tree of the entries that have left the database */
    struct counters *counters;
    struct digest last; /* lh of the entry before */
    int64_t expected;   /* number of the next entry */
    bool holes;         /* rows are missing, and with them ordinals */
    uint64_t first;     /* the entries below it have left the database */
    int64_t left_by;    /* and this entry says so; 0: none does */
    int64_t last_ts;
    uint64_t signings; /* entries withdrawal.signing so far, and before, of the logs that this one follows */
    bool signed_once;
    struct rotations rotations;
    int64_t size;         /* of the head line */
    enum verdict stopped; /* it is a file of another kind or log, which is not read on */
    bool headed;
    bool ended;  /* the checkpoint line was read */
    bool judged; /* and by a key of the trust file */
    struct checkpoint checkpoint;
    struct bytes note; /* owned; `checkpoint` points into it */
    bool filtered;
    struct extract extract; /* if it is */
    struct receipt *held;   /* what somebody kept */
    int held_count;
    uint64_t agreed;              /* so many entries are those that one of them was signed for */
    const struct receipt *parted; /* one that is no beginning of this trail */
    struct export_entry entry;    /* the one at hand */
};

/* A finding about an entry. */
#define tampered(check, seq, format, ...)                                                                              \
    report_tampered(&(check)->report, "entry %lld: " format, (long long)(seq), ##__VA_ARGS__)
#define incomplete(check, seq, format, ...)                                                                            \
    report_incomplete(&(check)->report, "entry %lld: " format, (long long)(seq), ##__VA_ARGS__)

static void note_producer(struct check *check, const struct event *event, uint64_t number, int64_t seq)
{
    bool fresh = false;
    if (counters_producer(check->counters, &fresh, event, number) != STATUS_OK) {
        incomplete(check, seq, "too many numbers of one producer are out of order");
    } else if (!fresh) {
        tampered(check, seq, "producer number %llu stands twice", (unsigned long long)number);
    }
}

/* Nothing was deleted before a heartbeat that came late; where none comes, nobody can tell. */
static void check_silence(struct check *check, const struct event *event, int64_t seq, bool heartbeat)
{
    long long silence_us = counters_silence(check->counters, event, heartbeat);
    if (silence_us > SILENCE_US && heartbeat) {
        report_checked("entry %lld: the first heartbeat in %lld s", (long long)seq, silence_us / 1000000);
    } else if (silence_us > SILENCE_US) {
        incomplete(check, seq, "its producer goes on for %lld s without a heartbeat", silence_us / 1000000);
    }
}

/* Every number of this producer below its fact `settled` is in the trail before this entry, or void. */
static void check_settled(struct check *check, const struct event *event, int64_t seq)
{
    uint64_t settled = 0;
    struct span fact = scan_member(event->facts, "settled");
    check_silence(check, event, seq, fact.at != NULL);
    if (fact.at == NULL) {
        return;
    }
    if (!span_decimal(&settled, fact)) {
        tampered(check, seq, "settled is not a number");
        return;
    }
    uint64_t first = 0;
    unsigned long long missing = counters_settle(check->counters, &first, event, settled);
    if (missing > 0) {
        tampered(check, seq, "its producer's number %llu is missing: an entry was deleted before it (%llu in all)",
                 (unsigned long long)first, missing);
    }
}

static void check_numbers(struct check *check, const struct event *event, int64_t seq)
{
    struct span rest = event->voided;
    struct span value;
    uint64_t expected = 0;
    const char *before = NULL;
    note_producer(check, event, event->number, seq);
    while (scan_step(NULL, &value, &rest)) {
        uint64_t number = 0;
        if (span_decimal(&number, value)) {
            note_producer(check, event, number, seq);
        } else {
            tampered(check, seq, "void is not a list of numbers");
        }
    }
    check_settled(check, event, seq);
    if (event->ordinal == 0) {
        return;
    }
    if (counters_object(check->counters, &expected, &before, event) != STATUS_OK) {
        incomplete(check, seq, "no memory for its object");
    } else if (expected != event->ordinal && !check->holes) {
        tampered(check, seq, "ordinal %llu of %.*s %.*s, but %llu is due", (unsigned long long)event->ordinal,
                 (int)event->otype.len, event->otype.at, (int)event->oid.len, event->oid.at,
                 (unsigned long long)expected);
    }
    if (before != NULL) {
        tampered(check, seq, "%.*s of the withdrawal %.*s, which %s before it", (int)event->act.len, event->act.at,
                 (int)event->oid.len, event->oid.at, before);
    }
}

/*
 * Each promise of the transfer signer has an entry of its own before it, and an anchored checkpoint all its entries:
 * who knows of more than stand there was told to be older than it is, or entries are missing.
 */
static void check_known(struct check *check, const struct event *event, int64_t seq)
{
    uint64_t known = 0;
    bool signing = span_is(event->act, "withdrawal.signing");
    if (!signing && !span_is(event->act, "trail.anchor")) {
        return;
    }
    struct span fact = scan_member(event->facts, signing ? "promises" : "size");
    bool read = span_decimal(&known, fact);
    if (read && signing && check->trust->follows.size > 0 && !check->signed_once) {
        check->signings = known; /* nothing here shows that it were not more, nor less */
        report_checked("entry %lld: the signer had made %llu promises before this log began, it says", (long long)seq,
                       (unsigned long long)known);
    }
    check->signed_once = check->signed_once || signing;
    uint64_t before = signing ? check->signings++ : (uint64_t)seq;
    if (!read) {
        tampered(check, seq, "it does not say %s", signing ? "how many promises were seen" : "its size");
    } else if (known > before && (!signing || check->first == 0)) {
        tampered(check, seq, "it knows of %llu %s, but %llu %s stand before it", (unsigned long long)known,
                 signing ? "promises" : "entries", (unsigned long long)before,
                 signing ? "entries withdrawal.signing" : "entries");
    }
}

/* An entry tells which entries leave the database; of those that have left, the root is the one that it names. */
static void check_left(struct check *check, const struct event *event, int64_t seq)
{
    uint64_t size = 0;
    struct digest root;
    struct digest named;
    struct span fact = scan_member(event->facts, "size");
    if (span_is(event->act, "retention.prune") && span_is(event->outcome, "intent") &&
        span_is(event->otype, "archive") && span_equal(event->oid, fact) && span_decimal(&size, fact) &&
        size == check->first && size % PARTITION == 0 && span_digest(&named, scan_member(event->refs, "root"))) {
        merkle_root(&root, &check->left);
        check->left_by = digest_equal(&root, &named) ? seq : check->left_by;
    }
}

static void check_event(struct check *check, const struct event *event, int64_t seq)
{
    if (seq == 0 && !trust_begins(check->trust, event)) {
        tampered(check, seq, "does not name the order of the trust file by which this log follows another");
    }
    check_numbers(check, event, seq);
    rotations_entry(&check->rotations, &check->report, check->trust, event, seq);
    check_left(check, event, seq);
    check_known(check, event, seq);
    if (event->at_utc_us < check->last_ts) {
        tampered(check, seq, "its time is before that of the entry before it");
    }
    check->last_ts = event->at_utc_us;
}

/* What somebody kept of the entry just read, or of the trail up to it. */
static void check_held(struct check *check, const struct digest *hash)
{
    uint64_t size = check->tree.size;
    struct digest root;
    for (int i = 0; i < check->held_count; i++) {
        struct receipt *held = &check->held[i];
        bool its = held->proves && held->index + 1 == size;
        if (its && !receipt_shows(held, hash)) {
            held->missed = true;
            tampered(check, held->index, "is not the one that %s was given for", held->path);
        } else if (its && check->entry.is_event) {
            receipt_tell(held->path, held->index, &check->entry.event);
        }
        if (held->checkpoint.size != size) {
            continue;
        }
        merkle_root(&root, &check->tree);
        if (digest_equal(&root, &held->checkpoint.root)) {
            check->agreed = size;
            (void)prove(&check->report, !held->missed, held->path, "was altered: the entries are as they were signed");
        } else {
            check->parted = held;
            report_tampered(&check->report,
                            "the first %llu entries are not those that the checkpoint %s was signed for: one from "
                            "entry %llu on differs",
                            (unsigned long long)size, held->path, (unsigned long long)check->agreed);
        }
    }
}

/* The trail is shown from an entry on. */
static void begin_late(struct check *check, const struct export_head *head)
{
    struct merkle *tree = &check->tree;
    struct span rest = head->tree;
    struct span value;
    bool good = head->begins > 0 && head->begins <= head->entries;
    for (int level = MERKLE_HEIGHT; good && level >= 0; level--) {
        bool set = (head->begins >> level & 1) == 1;
        good = !set || (scan_step(NULL, &value, &rest) && span_digest(&tree->pending[level], value));
    }
    if (!good || scan_step(NULL, &value, &rest)) {
        report_tampered(&check->report, "line 1: first and tree are not those of a beginning of the trail");
        return;
    }
    tree->size = head->begins;
    check->left = *tree;
    check->expected = (int64_t)head->begins;
    counters_begin_late(check->counters);
}

/* What somebody kept of another log, or of entries that are not here or not yet, is not passed over. */
static void check_kept(struct check *check)
{
    for (int i = 0; i < check->held_count; i++) {
        struct receipt *held = &check->held[i];
        bool before = held->checkpoint.size <= check->first || (held->proves && held->index < check->first);
        if (held->trust != check->trust) {
            report_incomplete(&check->report, "%s: is of the log %s", held->path, held->trust->log.name);
            held->checkpoint.size = 0; /* nothing more is said of it */
            held->proves = false;
        } else if (check->first > 0 && before) {
            report_incomplete(&check->report, "%s: is of entries below %llu, which are not here", held->path,
                              (unsigned long long)check->first);
        } else if (held->checkpoint.size > (uint64_t)check->size) {
            report_incomplete(&check->report,
                              "the trail ends at %lld, but %s was signed for %llu: the tail was cut, or the export is "
                              "older: export again",
                              (long long)check->size, held->path, (unsigned long long)held->checkpoint.size);
            if (held->proves && held->index >= (uint64_t)check->size) {
                incomplete(check, held->index, "is not here, and %s was given for it", held->path);
            }
        }
    }
}

/* Names the entries from the one that is due up to `end`. */
static void report_missing(struct check *check, int64_t end)
{
    if (check->expected < end) {
        tampered(check, check->expected, "is missing, it was deleted (%lld in a row)",
                 (long long)(end - check->expected));
        check->expected = end;
        check->holes = true;
    }
}

static void check_row(struct check *check, const struct export_row *row)
{
    const struct leaf *leaf = &check->entry.leaf;
    int64_t seq = (int64_t)row->number;
    if (seq >= check->size) {
        tampered(check, seq, "was inserted, the signed trail ends at %lld", (long long)check->size - 1);
        return;
    }
    if (seq < check->expected) {
        tampered(check, seq, "stands twice or out of order");
    }
    bool due = seq == check->expected;
    report_missing(check, seq);
    check->expected = seq + 1;
    export_entry_read(&check->entry, &check->report, check->trust->log.name, row);
    bool linked = seq > (int64_t)check->first || seq == 0; /* what the first one links to is not here */
    if (due && linked && check->entry.is_leaf && leaf->number == row->number &&
        !digest_equal(&leaf->prev, &check->last)) {
        tampered(check, seq, "does not link to entry %lld, one of the two was changed", (long long)seq - 1);
    }
    if (check->entry.is_event) {
        check_event(check, &check->entry.event, seq);
    }
    check->last = leaf->hash;
    merkle_append(&check->tree, &leaf->hash);
    check_held(check, &leaf->hash);
}

static void read_head(struct check *check, struct span line)
{
    struct export_head head;
    const char *format = check->filtered ? "strongroom-trail-extract/v1" : "strongroom-trail/v1";
    check->headed = true;
    if (export_head_read(&head, line, NULL) != STATUS_OK || !span_is(head.format, format) ||
        (head.query.at != NULL) != check->filtered) {
        report_tampered(&check->report, "line 1: is not the head of a%s export", check->filtered ? " filtered" : "n");
        return;
    }
    check->trust = trust_log(check->trust, head.origin);
    if (!span_is(head.origin, check->trust->log.name)) {
        check->stopped = VERDICT_INCOMPLETE;
        report_incomplete(&check->report, "line 1: the export is of the log %.*s, which the trust file does not name",
                          (int)head.origin.len, head.origin.at);
    }
    check->size = (int64_t)head.entries;
    check->rotations.size = head.entries;
    check->first = head.begins;
    if (!check->filtered && (head.first.at != NULL || head.tree.at != NULL)) {
        begin_late(check, &head);
    } else if (head.begins % PARTITION != 0 || head.begins > head.entries) {
        report_tampered(&check->report, "line 1: first is no number of entries that can have left");
    }
    check_kept(check);
    if (check->filtered && bytes_copy(&check->extract.query, head.query.at, head.query.len) != STATUS_OK) {
        report_incomplete(&check->report, "line 1: no memory for its query");
    }
    export_query_check(&check->report, NULL, &check->extract.query);
}

static void read_tail(struct check *check, struct span line)
{
    const char *why = "is not one";
    check->ended = true;
    enum verdict verdict =
        export_tail_read(&check->note, line, NULL) != STATUS_OK
            ? VERDICT_TAMPERED
            : checkpoint_read(&check->checkpoint, &check->trust->log, check->note.data, check->note.len, &why);
    check->judged = verdict == VERDICT_PROVEN;
    if (!check->judged) {
        report_as(&check->report, verdict, "the checkpoint: %s", why);
    } else if (check->checkpoint.size != (uint64_t)check->size) {
        report_tampered(&check->report, "line 1: says %lld entries, the checkpoint %llu", (long long)check->size,
                        (unsigned long long)check->checkpoint.size);
    } else {
        trust_witnessed(check->trust, &check->report, "the checkpoint", &check->checkpoint);
    }
}

static void read_row(struct check *check, struct span line, uint64_t number)
{
    struct export_row row;
    struct fault fault = {0};
    enum status status = export_row_read(&row, line, &fault);
    if (status == STATUS_OK && row.proof.at != NULL && !check->filtered) {
        status = fault_set(&fault, STATUS_UNKNOWN_FIELD, "proof", "stands in filtered exports");
    }
    if (status != STATUS_OK) {
        char where[64];
        int len = snprintf(where, sizeof(where), "line %llu", (unsigned long long)number);
        if (!check->filtered) {
            (void)snprintf(where + len, sizeof(where) - (size_t)len, " (entry %lld)", (long long)check->expected);
        }
        (void)report_fault(&check->report, where, &fault);
    } else if (check->filtered) {
        export_entry_read(&check->entry, &check->report, check->trust->log.name, &row);
        extract_row(&check->extract, &check->report, &row, &check->entry.leaf.hash, (uint64_t)check->size);
    } else {
        check_row(check, &row);
    }
}

static void read_line(struct check *check, struct span line, uint64_t number)
{
    if (check->ended && check->filtered) {
        report_incomplete(&check->report, "%s: is not one filtered export to its end", check->file->path);
    } else if (check->ended) {
        report_tampered(&check->report, "line %llu: stands behind the checkpoint", (unsigned long long)number);
    } else if (!check->headed) {
        read_head(check, line);
    } else if (export_is_tail(line)) {
        read_tail(check, line);
    } else {
        read_row(check, line, number);
    }
}

/* Silence is no proof: there may be a newer trail that is not shown. */
static void check_age(struct check *check)
{
    int64_t last_s = check->last_ts / 1000000;
    if (last_s < check->trust->fresh_since_s || last_s > check->trust->fresh_until_s) {
        char last[TIME_TEXT_SIZE];
        time_format(last, check->last_ts);
        report_incomplete(&check->report, "the last entry is of %s, %s than --max-age: there may be newer ones", last,
                          last_s < check->trust->fresh_since_s ? "longer ago" : "further ahead");
    }
}

static void conclude(struct check *check)
{
    struct digest root;
    report_missing(check, check->size);
    if (check->first > 0 && check->left_by == 0) {
        report_tampered(&check->report,
                        "entries 0 to %llu: are missing, and no entry retention.prune says that they left",
                        (unsigned long long)check->first - 1);
    }
    check_age(check);
    rotations_conclude(&check->rotations, &check->report, check->trust, check->first > 0, !check->judged);
    if (check->size == 0) {
        report_incomplete(&check->report, "the trail is empty");
    }
    if (!check->judged) {
        return;
    }
    merkle_root(&root, &check->tree);
    if (!digest_equal(&root, &check->checkpoint.root)) {
        report_tampered(&check->report,
                        "the entries do not have the root that the checkpoint signs: one from entry %llu on differs",
                        (unsigned long long)check->agreed);
    } else if (check->parted != NULL) { /* both the trail to its end and what is no beginning of it are signed */
        report_tampered(&check->report,
                        "two histories: the log key signed %llu entries that are all here, and %s, which is no "
                        "beginning of them",
                        (unsigned long long)check->checkpoint.size, check->parted->path);
    }
}

static void read_export(struct check *check)
{
    struct export_file *file = check->file;
    struct span line;
    if (!file->failed && report_other(file->path, file->buffer, file->until, check->filtered ? "extract" : "trail")) {
        check->stopped = VERDICT_USAGE;
    }
    while (!file->failed && check->stopped == VERDICT_PROVEN && export_line(&line, file)) {
        read_line(check, line, file->lines);
        if (file->lines > 1 && (file->lines - 1) % PROGRESS == 0) { /* the first is the head */
            (void)fprintf(stderr, "custody-verify: %llu of %lld entries\n", (unsigned long long)file->lines - 1,
                          (long long)check->size);
        }
    }
    if (file->failed) {
        report_incomplete(&check->report, "%s: could not be read: %s", file->path, strerror(file->failed));
    } else if (check->stopped == VERDICT_PROVEN && (file->cut || !check->ended)) {
        report_incomplete(&check->report, "the export ends before its checkpoint, or is cut in a line: export again");
    }
    if (check->judged) {
        extract_conclude(&check->extract, &check->report, &check->checkpoint.root, check->first);
    }
    if (check->ended && !check->filtered) {
        conclude(check);
    }
}

static void print_proven(const struct check *check)
{
    unsigned long long size = check->checkpoint.size;
    unsigned long long first = check->first;
    const char *origin = check->trust->log.name;
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &check->checkpoint.root);
    if (check->filtered) {
        (void)printf("proven: %llu entries are among the %llu of %s, and answer %.*s; not that none is left out",
                     (unsigned long long)check->extract.rows, size, origin, (int)check->extract.query.len,
                     (const char *)check->extract.query.data);
    } else if (first > 0) {
        (void)printf("proven: entries %llu to %llu of %s, root %s", first, size - 1, origin, hex);
    } else {
        (void)printf("proven: %llu entries of %s, root %s", size, origin, hex);
    }
    unsigned long long follows = check->trust->follows.size;
    if (first == 0 && follows > 0 && !check->filtered) { /* as the first entry says */
        (void)printf(", which follows %llu entries of the log before", follows);
    }
    if (check->held_count > 0) { /* nobody who holds none asked */
        (void)printf(", %d held checkpoint%s extended", check->held_count, check->held_count == 1 ? "" : "s");
    }
    if (first > 0) {
        (void)printf("; not looked at: entries 0 to %llu, which are in an archive as ", first - 1);
        (void)(check->filtered ? printf("the service says")
                               : printf("entry %lld says, and numbers that began there", (long long)check->left_by));
    }
    (void)printf("\n");
}

static void check_free(struct check *check)
{
    counters_free(check->counters);
    bytes_free(&check->note);
    bytes_free(&check->extract.query);
    free(check);
}

enum verdict trail_judge(const struct trust *trust, struct export_file *file, bool filtered, struct receipt *held,
                         int held_count)
{
    struct check *check = calloc(1, sizeof(*check));
    enum verdict verdict = VERDICT_INCOMPLETE;
    if (check == NULL) {
        return verdict;
    }
    check->trust = trust;
    check->file = file;
    check->filtered = filtered;
    check->held = held;
    check->held_count = held_count;
    for (int i = 0; i < held_count; i++) { /* good ones agree with one another, whatever the export says */
        for (int k = 0; k < i; k++) {
            (void)receipt_forks(&check->report, &held[k], &held[i]);
        }
    }
    if (counters_new(&check->counters) == STATUS_OK) {
        read_export(check);
        verdict = report_verdict(&check->report);
        verdict = verdict == VERDICT_PROVEN ? check->stopped : verdict;
    }
    if (verdict == VERDICT_PROVEN) {
        print_proven(check);
    }
    check_free(check);
    return verdict;
}

static enum verdict judge_path(const struct trust *trust, const char *path, bool filtered, struct receipt *held,
                               int held_count)
{
    struct export_file file;
    export_open(&file, path);
    enum verdict verdict = trail_judge(trust, &file, filtered, held, held_count);
    export_close(&file);
    return verdict;
}

enum verdict verify_trail(const struct trust *trust, const struct verify_request *request)
{
    int count = request->rest_count - 1;
    struct receipt *kept = calloc((size_t)request->rest_count, sizeof(*kept));
    enum verdict verdict = kept == NULL ? VERDICT_INCOMPLETE : receipts_read(kept, trust, request->rest + 1, count);
    if (verdict == VERDICT_PROVEN) {
        verdict = judge_path(trust, request->rest[0], false, kept, count);
    }
    receipts_free(kept, count);
    free(kept);
    return verdict;
}

enum verdict verify_extract(const struct trust *trust, const struct verify_request *request)
{
    return judge_path(trust, request->rest[0], true, NULL, 0);
}
