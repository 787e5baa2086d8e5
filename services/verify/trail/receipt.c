/*
 * Receipts and kept checkpoints, and the commands that judge them.
 */
#include "receipt.h"

#include <stdio.h>
#include <string.h>

#include "base/canon.h"
#include "base/file.h"
#include "verify.h"

#define PROOF_HEADER "c2sp.org/tlog-proof@v1"
#define LEAF_FILE_MAX 65536

/* Between the header and the blank line: extra data, which says nothing here, the number of the entry, the hashes. */
static bool proof_read(struct receipt *out, struct span *inout_rest)
{
    struct span line;
    struct merkle_proof *proof = &out->proof;
    bool some = span_line(&line, inout_rest);
    if (some && line.len >= 6 && memcmp(line.at, "extra ", 6) == 0) {
        some = span_line(&line, inout_rest);
    }
    if (!some || line.len < 6 || memcmp(line.at, "index ", 6) != 0 ||
        !span_decimal(&out->index, (struct span){line.at + 6, line.len - 6})) {
        return false;
    }
    while (span_line(&line, inout_rest) && line.len > 0) {
        if (proof->count == MERKLE_HEIGHT || !span_base64(proof->hashes[proof->count++].bytes32, 32, line)) {
            return false;
        }
    }
    return line.len == 0;
}

/* A checkpoint alone, or behind the entry and the hashes. It is judged by the log that it is of. */
static enum verdict text_read(struct receipt *out, const struct trust *trust, const char **why)
{
    const struct span whole = {(const char *)out->text.data, out->text.len};
    struct span line, note = whole;
    struct digest zero = {{0}};
    out->proves = span_line(&line, &note) && span_is(line, PROOF_HEADER);
    *why = "is not of the form of a receipt";
    if (out->proves && !proof_read(out, &note)) {
        return VERDICT_TAMPERED;
    }
    note = out->proves ? note : whole;
    struct span rest = note;
    line = (struct span){note.at, 0};
    (void)span_line(&line, &rest);
    out->trust = trust_log(trust, line);
    enum verdict verdict = checkpoint_read(&out->checkpoint, &out->trust->log, note.at, note.len, why);
    if (verdict == VERDICT_PROVEN && out->proves &&
        !merkle_climb(&zero, &zero, out->index, out->checkpoint.size, &out->proof)) {
        *why = "has not the hashes that a receipt of its entry has";
        verdict = VERDICT_TAMPERED;
    }
    return verdict;
}

/* It ends in a line, or before the blank line behind the note; a receipt has another one before the note. */
static bool is_cut(const struct receipt *receipt)
{
    const uint8_t *data = receipt->text.data;
    size_t len = receipt->text.len;
    int blank = receipt->proves ? -1 : 0;
    for (size_t i = 2; i < len; i++) {
        blank += data[i - 2] == '\n' && data[i - 1] == '\n' ? 1 : 0;
    }
    return blank < 1 || data[len - 1] != '\n';
}

static enum verdict receipt_read(struct receipt *out, const struct trust *trust, const char *path)
{
    struct fault fault = {0};
    const char *why = fault.detail;
    *out = (struct receipt){.path = path, .trust = trust};
    bool read = file_read(&out->text, path, RECEIPT_FILE_MAX, "kept", &fault) == STATUS_OK;
    if (read && report_other(path, out->text.data, out->text.len, "receipt")) {
        return VERDICT_USAGE;
    }
    enum verdict verdict = read ? text_read(out, trust, &why) : VERDICT_INCOMPLETE;
    if (verdict == VERDICT_TAMPERED && is_cut(out)) {
        why = "is cut, or no receipt: fetch it again";
        verdict = VERDICT_INCOMPLETE;
    }
    if (verdict != VERDICT_PROVEN) {
        (void)fprintf(stderr, "custody-verify: %s%s%s\n", read ? path : "", read ? " " : "", why);
    }
    return verdict;
}

enum verdict receipts_read(struct receipt *out, const struct trust *trust, char *const *paths, int count)
{
    enum verdict verdict = VERDICT_PROVEN;
    for (int i = 0; verdict == VERDICT_PROVEN && i < count; i++) {
        verdict = receipt_read(&out[i], trust, paths[i]);
    }
    return verdict;
}

void receipts_free(struct receipt *receipts, int count)
{
    for (int i = 0; receipts != NULL && i < count; i++) {
        bytes_free(&receipts[i].text);
    }
}

bool receipt_shows(const struct receipt *receipt, const struct digest *leaf)
{
    struct digest root;
    return merkle_climb(&root, leaf, receipt->index, receipt->checkpoint.size, &receipt->proof) &&
           digest_equal(&root, &receipt->checkpoint.root);
}

bool receipt_forks(struct report *report, const struct receipt *one, const struct receipt *other)
{
    bool fork = one->trust == other->trust && one->checkpoint.size == other->checkpoint.size &&
                !digest_equal(&one->checkpoint.root, &other->checkpoint.root);
    if (fork) {
        report_tampered(report, "two histories: %s and %s are both signed for %llu entries, with different roots",
                        one->path, other->path, (unsigned long long)one->checkpoint.size);
    }
    return fork;
}

void receipt_tell(const char *path, uint64_t number, const struct event *event)
{
    const char *gap = event->oid.len == 0 ? "" : " ";
    report_checked("%s: is entry %llu: %.*s %.*s %.*s %.*s%s%.*s%s%.*s", path, (unsigned long long)number,
                   (int)event->ts.len, event->ts.at, (int)event->actor.len, event->actor.at, (int)event->act.len,
                   event->act.at, (int)event->outcome.len, event->outcome.at, gap, (int)event->otype.len,
                   event->otype.at, gap, (int)event->oid.len, event->oid.at);
}

/* The bytes of an entry, as /v1/audit shows them in `raw`. */
static void check_entry(struct report *report, const struct receipt *receipt, const char *path)
{
    struct bytes raw = {0};
    struct leaf leaf;
    struct event event;
    struct fault fault = {0};
    const char *why = "";
    if (file_read(&raw, path, LEAF_FILE_MAX, "entry", &fault) != STATUS_OK) {
        report_incomplete(report, "%s", fault.detail);
    } else if (!leaf_read(&leaf, receipt->trust->log.name, raw.data, raw.len, &why)) {
        report_tampered(report, "%s: %s", path, why);
    } else if (leaf.number != receipt->index || !receipt_shows(receipt, &leaf.hash)) {
        report_tampered(report, "entry %llu: is not the entry %llu that %s proves", (unsigned long long)leaf.number,
                        (unsigned long long)receipt->index, receipt->path);
    } else if (event_read(&event, leaf.event, NULL) != STATUS_OK) {
        report_tampered(report, "%s: its event is not of the form of one", path);
    } else {
        receipt_tell(path, leaf.number, &event);
    }
    bytes_free(&raw);
}

/* The receipt alone, whatever an export says of it. */
static enum verdict judge_receipt(const struct verify_request *request, const struct receipt *receipt)
{
    struct report report = {0};
    struct trust asked = *receipt->trust;
    asked.quorum = request->rest_count > 1 ? 0 : asked.quorum; /* an export has cosignatures of its own */
    if (!receipt->proves) {
        (void)fprintf(stderr, "custody-verify: %s is a checkpoint, not a receipt\n", receipt->path);
        return VERDICT_USAGE;
    }
    trust_witnessed(&asked, &report, receipt->path, &receipt->checkpoint);
    bool entry = request->entry[0] != '\0';
    if (entry) {
        check_entry(&report, receipt, request->entry);
    } else if (request->rest_count < 2) { /* anybody can write hashes that lead nowhere */
        report_incomplete(&report, "%s: %s signed %llu entries; that it is of entry %llu, --entry or an export shows",
                          receipt->path, receipt->trust->log.name, (unsigned long long)receipt->checkpoint.size,
                          (unsigned long long)receipt->index);
    }
    if (entry && report_clean(&report)) { /* else the export tells it */
        (void)printf("proven: %s was signed by %s for entry %llu of %llu\n", receipt->path, receipt->trust->log.name,
                     (unsigned long long)receipt->index, (unsigned long long)receipt->checkpoint.size);
    }
    return report_verdict(&report);
}

enum verdict verify_receipt(const struct trust *trust, const struct verify_request *request)
{
    struct receipt receipt = {0};
    enum verdict verdict = receipts_read(&receipt, trust, request->rest, 1);
    if (verdict == VERDICT_PROVEN) {
        verdict = judge_receipt(request, &receipt);
    }
    if (verdict == VERDICT_PROVEN && request->rest_count > 1) {
        struct export_file file;
        export_open(&file, request->rest[1]);
        verdict = trail_judge(trust, &file, false, &receipt, 1);
        export_close(&file);
    }
    receipts_free(&receipt, 1);
    return verdict;
}

/* The answer of /v1/audit/proof/consistency. */
static bool consistency_read(struct merkle_proof *out, uint64_t sizes[2], struct export_file *file)
{
    struct span text;
    json_t *object = NULL;
    export_whole(&text, file);
    bool good = !file->failed && canon_parse_relaxed(&object, text.at, text.len, RECEIPT_FILE_MAX, NULL) == STATUS_OK &&
                merkle_proof_read(out, json_object_get(object, "proof"));
    sizes[0] = (uint64_t)json_integer_value(json_object_get(object, "from"));
    sizes[1] = (uint64_t)json_integer_value(json_object_get(object, "to"));
    json_decref(object);
    return good;
}

static void check_consistency(struct report *report, const struct receipt *old, const struct receipt *new,
                              struct export_file *file)
{
    const char *path = file->path;
    const struct merkle_head heads[2] = {{old->checkpoint.size, old->checkpoint.root},
                                         {new->checkpoint.size, new->checkpoint.root}};
    struct merkle_proof proof = {.count = 0};
    uint64_t sizes[2] = {0};
    if (receipt_forks(report, old, new)) {
        return;
    }
    if (old->trust != new->trust) {
        report_incomplete(report, "%s is of the log %s, %s of %s: no proof leads from one log to another", old->path,
                          old->trust->log.name, new->path, new->trust->log.name);
    } else if (!consistency_read(&proof, sizes, file)) {
        report_incomplete(report, "%s: %s", path, file->failed ? strerror(file->failed) : "is not a consistency proof");
    } else if (sizes[0] != heads[0].size || sizes[1] != heads[1].size) {
        report_incomplete(report, "%s: is from %llu to %llu entries, the checkpoints are of %llu and %llu", path,
                          (unsigned long long)sizes[0], (unsigned long long)sizes[1], (unsigned long long)heads[0].size,
                          (unsigned long long)heads[1].size);
    } else if (!merkle_extends(&heads[0], &heads[1], &proof)) {
        report_tampered(report, "%s: does not lead from %s to %s: it is false, or there are two histories", path,
                        old->path, new->path);
    }
}

static enum verdict judge_consistency(struct export_file *file, const struct receipt heads[2])
{
    struct report report = {0};
    const struct receipt *old = &heads[0], *new = &heads[1];
    trust_ended(old->trust, &report, old->path, &old->checkpoint);
    trust_witnessed(new->trust, &report, new->path, &new->checkpoint);
    check_consistency(&report, old, new, file);
    if (report_clean(&report)) {
        (void)printf("proven: the first %llu entries of the %llu of %s are those of %s\n",
                     (unsigned long long)old->checkpoint.size, (unsigned long long)new->checkpoint.size, new->path,
                     old->path);
    }
    return report_verdict(&report);
}

/* An export of the trail begins with its head; a proof is one object. */
enum verdict verify_consistency(const struct trust *trust, const struct verify_request *request)
{
    struct export_file file;
    struct receipt heads[2] = {{0}};
    enum verdict verdict = receipts_read(heads, trust, request->rest, 2);
    if (verdict == VERDICT_PROVEN) {
        export_open(&file, request->rest[2]);
        verdict = export_begins(&file) ? trail_judge(trust, &file, false, heads, 2) : judge_consistency(&file, heads);
        export_close(&file);
    }
    receipts_free(heads, 2);
    return verdict;
}
