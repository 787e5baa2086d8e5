/*
 * The signers as the other parts see them: the sequencer's signer of checkpoints and the node's signer of headers, both
 * through the signer protocol.
 */
#ifndef STRONGROOM_CUSTODYD_SIGNERS_H
#define STRONGROOM_CUSTODYD_SIGNERS_H

#include "sequencer.h"
#include "service.h"

/* The signer of checkpoints for the sequencer: role audit. */
struct checkpoint_signer signers_checkpoint(struct service *service);

/* The newest checkpoint of the trail that the ledger has, by any of its keys. STATUS_NOT_FOUND. */
MUST_CHECK enum status signers_anchored(struct service *service, struct ledger_anchored *out, struct fault *fault);

/* The same for the sequencer. */
struct checkpoint_anchors signers_anchors(struct service *service);

/* What the node needs of its host: the signer of role validator and the head of the trail. Lives in the service. */
const struct ledger_node_host *signers_node_host(struct service *service);

/*
 * The node must not be behind what the validator has signed: STATUS_ROLLBACK, its folder is not the one it was. A
 * validator that does not answer is no fault. Call it after the node has been opened and before it is started.
 */
MUST_CHECK enum status signers_check_height(struct service *service, struct fault *fault);

#endif
