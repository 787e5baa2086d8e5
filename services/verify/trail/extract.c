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
}

void extract_conclude(const struct extract *extract, struct report *report, const struct digest *root)
{
    if (extract->rooted && !digest_equal(&extract->root, root)) {
        report_tampered(report, "entry %llu: is not in the trail that the checkpoint signs",
                        (unsigned long long)extract->rooted_by);
    }
}
