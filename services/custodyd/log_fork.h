/*
 * The log that this one follows, after an incident (docs/incident.md): the order of the quorum that ended it, which the
 * first entry of this one names.
 */
#ifndef STRONGROOM_CUSTODYD_LOG_FORK_H
#define STRONGROOM_CUSTODYD_LOG_FORK_H

#include "options.h"
#include "sequencer.h"

/*
 * `custodyd fork`: keeps the order in the database, so that the trail can begin under the origin of the options, lets
 * the ordinals of objects begin anew, and marks what is open for log_fork_end. An order that the quorum of the version
 * that it names did not sign is refused, and nothing done; the signers judge it, too, and whoever reads the trail.
 * STATUS_MISMATCH: the order is about another log than the options, or names a version that is not known;
 * STATUS_EXISTS: there is a trail already, or events wait for one; STATUS_BUSY: a sequencer runs.
 */
MUST_CHECK enum status log_fork_keep(const struct custodyd_options *options, struct fault *fault);

struct service;

/*
 * The order by which the log of this origin began, the last one that the quorum gave. STATUS_NOT_FOUND: custodyd fork
 * was not run.
 */
MUST_CHECK enum status log_fork_read(struct sequencer_follows *out, const struct service *service, struct fault *fault);

/*
 * Ends withdrawals that were open when the log before this one ended, before anything is served: their entries stand
 * there, so the signer could not be shown them, nor an outsider. What was not recorded is rejected, unless the signer
 * promised it; the rest goes into quarantine by an entry that names intent and transaction as they are now, whatever
 * becomes of the row. Without the signer of role transfer that of what was not recorded is not known: its fault.
 */
MUST_CHECK enum status log_fork_end(struct service *service, struct fault *fault);

#endif
