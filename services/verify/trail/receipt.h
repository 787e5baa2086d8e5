/*
 * What somebody kept of the log: a checkpoint, or a receipt (C2SP tlog-proof), which proves that an entry stands under
 * one.
 */
#ifndef STRONGROOM_VERIFY_RECEIPT_H
#define STRONGROOM_VERIFY_RECEIPT_H

#include "export.h"
#include "trust.h"

#define RECEIPT_FILE_MAX 524288

struct receipt {
    const char *path;
    struct bytes text; /* owned; the checkpoint points into it */
    struct checkpoint checkpoint;
    const struct trust *trust; /* in the log that it is of */
    bool proves;               /* a receipt, not a checkpoint alone: */
    uint64_t index;
    struct merkle_proof proof;
};

/*
 * Reads a file: proven when the log key signed it, incomplete when it cannot be read or a later trust file may know the
 * key, otherwise tampered; then standard error says why. Out: receipt_free, in any case.
 */
enum verdict receipt_read(struct receipt *out, const struct trust *trust, const char *path);
void receipt_free(struct receipt *receipt);

/* True when the receipt proves that its entry has this leaf hash. */
bool receipt_shows(const struct receipt *receipt, const struct digest *leaf);

/* True when two checkpoints are of one size and have different roots: the log has two histories. Then a finding. */
bool receipt_forks(struct report *report, const struct receipt *one, const struct receipt *other);

/* What verify_trail judges, or verify_extract when it is `filtered`, of a file of which no line was given out. */
enum verdict trail_judge(const struct trust *trust, struct export_file *file, bool filtered, char *const *held,
                         int held_count);

#endif
