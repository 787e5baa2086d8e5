/*
 * A copy of the trail at rest: opened by the trust file, and written out as an export. No service is asked.
 */
#ifndef STRONGROOM_CUSTODY_AUDIT_COPY_H
#define STRONGROOM_CUSTODY_AUDIT_COPY_H

#include "mirror/folder.h"
#include "options.h"

/*
 * Opens the folder --dir to be read: a copy of the newest log by the trust file, or of one before, which the quorum
 * ended. Out: mirror_close; `out_end`: up to which size and root that log is good, size 0 when it goes on. Errors of
 * mirror_open, trust_log_read.
 */
MUST_CHECK enum status audit_copy_open(struct mirror **out, struct audit_checkpoint *out_end,
                                       const struct custody_options *options, struct fault *fault);

/*
 * Holds the copy against the end of its log (audit_copy_open; size 0: it has none). STATUS_FORK: the copy has another
 * root there; STATUS_LOG_ENDED: the same, and more entries behind; as mirror_look_for.
 */
MUST_CHECK enum status audit_copy_check_end(struct mirror *mirror, const struct audit_checkpoint *end,
                                            struct fault *fault);

/*
 * Writes the copy into --out or standard output as the service exports its trail (docs/formats.md, trail export), every
 * entry held against the root of the copy's checkpoint. STATUS_CORRUPT names the file that is not what was signed;
 * STATUS_NOT_FOUND one that is missing, or that there is no checkpoint; STATUS_USAGE, STATUS_IO; as audit_copy_open and
 * audit_copy_check_end. Then there is no file of --out. STATUS_VERSION: the file is whole, and has entries that were
 * signed and cannot be read here; each was named on standard error.
 */
MUST_CHECK enum status audit_copy_export(const struct custody_options *options, struct fault *fault);

#endif
