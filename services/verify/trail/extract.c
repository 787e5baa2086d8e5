/*
 * A filtered export: rows of the trail that answer a query, each with the proof that it stands under the checkpoint of
 * the last line. That none was left out it cannot prove.
 *
 * The checkpoint stands last, so the file is read twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "merkle.h"
#include "verify.h"

struct extract {
    const struct trust *trust;
    struct report report;
    struct export_head head;
    struct bytes head_line; /* owned; `head` points into it */
    struct checkpoint checkpoint;
    struct bytes note; /* owned; `checkpoint` points into it */
    uint64_t rows;
    uint64_t last; /* number of the row before */
    int direction; /* of the numbers, 0 until two rows were read */
    struct export_entry entry;
};

static bool read_head(struct extract *extract, struct span line)
{
    if (bytes_copy(&extract->head_line, line.at, line.len) != STATUS_OK) {
        return false;
    }
    const struct span kept = {(const char *)extract->head_line.data, line.len};
    if (export_head_read(&extract->head, kept, NULL) != STATUS_OK ||
        !span_is(extract->head.format, "strongroom-trail-extract/v1") || extract->head.query.at == NULL) {
        report_tampered(&extract->report, "line 1: is not the head of a filtered export");
        return false;
    }
    if (!span_is(extract->head.origin, extract->trust->log.name)) {
        report_tampered(&extract->report, "line 1: the export is of the log %.*s", (int)extract->head.origin.len,
                        extract->head.origin.at);
    }
    return true;
}

static bool read_tail(struct extract *extract, struct span line)
{
    const char *why = "is not a checkpoint";
    if (!export_is_tail(line)) {
        report_incomplete(&extract->report, "the export ends before its checkpoint");
        return false;
    }
    if (export_tail_read(&extract->note, line, NULL) != STATUS_OK ||
        !checkpoint_read(&extract->checkpoint, &extract->trust->log, extract->note.data, extract->note.len, &why)) {
        report_tampered(&extract->report, "the checkpoint: %s", why);
        return false;
    }
    (void)trust_witnessed(extract->trust, &extract->report, "the checkpoint", &extract->checkpoint);
    if (extract->checkpoint.size != extract->head.size) {
        report_tampered(&extract->report, "line 1: says %llu entries, the checkpoint %llu",
                        (unsigned long long)extract->head.size, (unsigned long long)extract->checkpoint.size);
    }
    return true;
}

/* Rows go up or down, and none comes twice. */
static void check_order(struct extract *extract, uint64_t seq)
{
    if (extract->rows++ > 0) {
        int direction = (seq > extract->last) - (seq < extract->last);
        if (direction == 0 || direction == -extract->direction) {
            report_tampered(&extract->report, "entry %llu: stands twice or out of order", (unsigned long long)seq);
        }
        extract->direction = extract->direction == 0 ? direction : extract->direction;
    }
    extract->last = seq;
}

static bool proof_read(struct merkle_proof *out, struct span list)
{
    struct span value;
    char hex[DIGEST_HEX_LEN + 1];
    out->count = 0;
    while (scan_step(NULL, &value, &list)) {
        if (out->count == MERKLE_HEIGHT || !span_copy(hex, sizeof(hex), value) ||
            digest_parse(&out->hashes[out->count++], hex) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

static void check_row(struct extract *extract, struct span line, uint64_t number)
{
    struct export_row row;
    struct fault fault = {0};
    struct merkle_proof proof = {.count = 0};
    struct digest root;
    if (export_row_read(&row, line, &fault) != STATUS_OK) {
        report_tampered(&extract->report, "line %llu: %s %s", (unsigned long long)number, fault.where, fault.detail);
        return;
    }
    check_order(extract, row.seq);
    export_entry_read(&extract->entry, &extract->report, extract->trust->log.name, &row);
    if (!proof_read(&proof, row.proof) ||
        !merkle_climb(&root, &extract->entry.leaf.hash, row.seq, extract->checkpoint.size, &proof) ||
        !digest_equal(&root, &extract->checkpoint.root)) {
        report_tampered(&extract->report, "entry %llu: is not in the trail that the checkpoint signs",
                        (unsigned long long)row.seq);
    }
}

/* The first and the last line. */
static bool read_ends(struct extract *extract, struct export_file *file)
{
    struct span line;
    bool good = export_line(&line, file) && read_head(extract, line);
    bool tail = false;
    while (good && !tail && export_line(&line, file)) {
        tail = export_is_tail(line);
    }
    return good && read_tail(extract, line) ? !export_line(&line, file) : false;
}

static bool read_rows(struct extract *extract, struct export_file *file)
{
    struct span line;
    while (export_line(&line, file) && !export_is_tail(line)) {
        if (file->lines > 1) {
            check_row(extract, line, file->lines);
        }
    }
    return !file->failed;
}

/* Opens the file and goes through it once. */
static bool pass(struct extract *extract, const char *path, bool (*read)(struct extract *, struct export_file *))
{
    struct export_file file;
    bool good = export_open(&file, path);
    if (!good) {
        report_incomplete(&extract->report, "%s: could not be read", path);
    }
    good = good && read(extract, &file);
    if (file.failed || (!good && report_clean(&extract->report))) {
        report_incomplete(&extract->report, "%s: is not one filtered export to its end", path);
    }
    export_close(&file);
    return good;
}

enum verdict verify_extract(const struct trust *trust, const struct verify_request *request)
{
    const char *path = request->rest[0];
    struct extract *extract = calloc(1, sizeof(*extract));
    enum verdict verdict = VERDICT_INCOMPLETE;
    if (extract == NULL || strcmp(path, "-") == 0) {
        (void)fprintf(stderr, "custody-verify: an extract is read twice, from a file\n");
        free(extract);
        return verdict;
    }
    extract->trust = trust;
    if (pass(extract, path, read_ends) && pass(extract, path, read_rows)) {
        verdict = report_verdict(&extract->report);
    } else {
        verdict = report_clean(&extract->report) ? verdict : report_verdict(&extract->report);
    }
    if (verdict == VERDICT_PROVEN) {
        (void)printf("proven: %llu entries are among the %llu of %s, in answer to %.*s; not that none is left out\n",
                     (unsigned long long)extract->rows, (unsigned long long)extract->checkpoint.size, trust->log.name,
                     (int)extract->head.query.len, extract->head.query.at);
    }
    bytes_free(&extract->head_line);
    bytes_free(&extract->note);
    free(extract);
    return verdict;
}
