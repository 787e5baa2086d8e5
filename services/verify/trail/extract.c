/*
 * Rows of a filtered export. Of what came before one root is kept, however many rows there are.
 */
#include "extract.h"

/* They go up or down, and none comes twice. */
static void check_order(struct extract *extract, struct report *report, uint64_t number)
{
    if (extract->rows++ > 0) {
        int direction = (number > extract->last) - (number < extract->last);
        if (direction == 0 || direction == -extract->direction) {
            report_tampered(report, "entry %llu: stands twice or out of order", (unsigned long long)number);
        }
        extract->direction = extract->direction == 0 ? direction : extract->direction;
    }
    extract->last = number;
}

/* Nothing else is asked for than one object, whose entries have ordinals from 1 without a gap. */
static bool asks_for_object(const struct extract *extract)
{
    struct span rest = {(const char *)extract->query.data, extract->query.len};
    struct span name;
    struct span value;
    bool object = scan_member(rest, "oid").at != NULL && scan_member(rest, "otype").at != NULL;
    while (scan_step(&name, &value, &rest)) {
        object = object && (span_is(name, "oid") || span_is(name, "otype") || span_is(name, "order"));
    }
    return object;
}

void extract_row(struct extract *inout, struct report *report, const struct export_row *row, const struct digest *leaf,
                 uint64_t size)
{
    struct merkle_proof proof;
    struct digest root;
    check_order(inout, report, row->number);
    if (!export_proof_read(&proof, row) || !merkle_climb(&root, leaf, row->number, size, &proof)) {
        report_tampered(report, "entry %llu: is not in the trail that the checkpoint signs",
                        (unsigned long long)row->number);
    } else if (!inout->rooted) {
        inout->rooted = true;
        inout->rooted_by = row->number;
        inout->root = root;
    } else if (!digest_equal(&root, &inout->root)) {
        report_tampered(report, "entry %llu: is not in the trail that entry %llu is in",
                        (unsigned long long)row->number, (unsigned long long)inout->rooted_by);
    }
    export_query_check(report, row, &inout->query);
    uint64_t ordinal = 0;
    (void)span_decimal(&ordinal, row->ord); /* of an entry about no object there is none */
    if (inout->rows > 1 && ordinal != inout->ordinal + (uint64_t)inout->direction && asks_for_object(inout)) {
        report_tampered(report, "entry %llu: is number %llu of the object and not the next one",
                        (unsigned long long)row->number, (unsigned long long)ordinal);
    }
    inout->ordinal = ordinal;
    inout->lowest = inout->rows == 1 || ordinal < inout->lowest ? ordinal : inout->lowest;
}

void extract_conclude(const struct extract *extract, struct report *report, const struct digest *root, uint64_t first)
{
    if (first == 0 && extract->rows > 0 && extract->lowest > 1 && asks_for_object(extract)) {
        report_tampered(report, "of the object the first entries are left out");
    }
    if (extract->rooted && !digest_equal(&extract->root, root)) {
        report_tampered(report, "entry %llu: is not in the trail that the checkpoint signs",
                        (unsigned long long)extract->rooted_by);
    }
}
