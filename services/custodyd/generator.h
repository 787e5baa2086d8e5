/*
 * The transaction generator: from a proposal to the unsigned transaction and the intent that approvers sign for.
 */
#ifndef STRONGROOM_CUSTODYD_GENERATOR_H
#define STRONGROOM_CUSTODYD_GENERATOR_H

#include "policy/transaction.h"
#include "service.h"
#include "store/withdrawal.h"

struct generator_order {
    const struct store_withdrawal *row;
    const struct policy *policy; /* under which it is proposed */
    const struct wallet *wallet; /* of that policy */
    enum transaction_type type;
    struct digest returns; /* the transaction of the receipt that it sends back, zero for none */
};

/*
 * Builds both documents for a row that has its lane and sequence. The transaction is made from the intent by the same
 * function that the signer and the approver's tool use. Out: owned by the caller.
 */
MUST_CHECK enum status generator_build(struct bytes *out_intent, struct bytes *out_transaction, struct service *service,
                                       const struct generator_order *order, struct fault *fault);

#endif
