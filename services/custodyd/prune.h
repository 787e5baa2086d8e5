/*
 * The command by which old entries leave the database for their archive, from the host's command line.
 */
#ifndef STRONGROOM_CUSTODYD_PRUNE_H
#define STRONGROOM_CUSTODYD_PRUNE_H

#include "options.h"

/*
 * trail_prune (trail_prune.h) with options->archive, before, person and retention-days, beside the service that runs;
 * prints what left. STATUS_USAGE or STATUS_INVALID naming the option, else as there.
 */
MUST_CHECK enum status prune_entries(const struct custodyd_options *options, struct fault *fault);

#endif
