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
    bool missed; /* it does not lead from its entry */
};

/*
 * Reads files up to the first that is not proven. Proven when the log key signed it, incomplete when it cannot be read,
 * is cut, or a later trust file may know the key, usage when it is of another kind, otherwise tampered; then standard
 * error says why. Out: receipts_free, in any case.
 */
enum verdict receipts_read(struct receipt *out, const struct trust *trust, char *const *paths, int count);
void receipts_free(struct receipt *receipts, int count);

/* True when the receipt proves that its entry has this leaf hash. */
bool receipt_shows(const struct receipt *receipt, const struct digest *leaf);

/* Prints which entry a file is, or is the receipt of, and what that says. */
void receipt_tell(const char *path, uint64_t number, const struct event *event);

/* True when two checkpoints are of one size and have different roots: the log has two histories. Then a finding. */
bool receipt_forks(struct report *report, const struct receipt *one, const struct receipt *other);

/* What verify_trail judges, or verify_extract when it is `filtered`, of a file of which no line was given out. */
enum verdict trail_judge(const struct trust *trust, struct export_file *file, bool filtered, struct receipt *held,
                         int held_count);

#endif
