/*
 * The folder of --receipts (or STRONGROOM_RECEIPTS), where the receipt of each effect is kept.
 */
#ifndef STRONGROOM_CUSTODY_RECEIPTS_H
#define STRONGROOM_CUSTODY_RECEIPTS_H

#include <jansson.h>

#include "options.h"

/* Before anything is sent: STATUS_USAGE when there is to be a folder and receipts cannot be written to it. */
MUST_CHECK enum status receipts_ready(const struct custody_options *options, struct fault *fault);

/*
 * Keeps the receipt of an answer, if it carries one and a folder is named, as <entry>-<size of the trail>.tlog-proof;
 * never replaces a file. STATUS_INVALID when it is none, STATUS_IO: what was asked for was done all the same.
 */
MUST_CHECK enum status receipts_keep(const struct custody_options *options, const json_t *answer, struct fault *fault);

#endif
