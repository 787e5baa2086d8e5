/*
 * The rows of a filtered export: each brings the proof that it stands under the checkpoint, which stands last. So the
 * proofs of all must lead to one root, and that one is held against the checkpoint at the end.
 */
#ifndef STRONGROOM_VERIFY_EXTRACT_H
#define STRONGROOM_VERIFY_EXTRACT_H

#include "export.h"

/* Zero value: nothing read. */
struct extract {
    struct bytes query; /* owned: what was asked for */
    uint64_t rows;
    uint64_t last;      /* number of the row before */
    int direction;      /* of the numbers, 0 until two rows were read */
    bool rooted;        /* the proof of a row leads to a root: */
    uint64_t rooted_by; /* the first one that does */
    struct digest root;
    uint64_t ordinal, lowest; /* for the object, of the row before and of all */
};

/* Names what is wrong with the place of a row, its ordinal, its proof to a tree of `size` entries, its answer. */
void extract_row(struct extract *inout, struct report *report, const struct export_row *row, const struct digest *leaf,
                 uint64_t size);

/*
 * And whether it is another root than that of the checkpoint, to which the proofs lead; of all entries of one object,
 * whether the first ones are left out. Those below entry `first` are in an archive.
 */
void extract_conclude(const struct extract *extract, struct report *report, const struct digest *root, uint64_t first);

#endif
