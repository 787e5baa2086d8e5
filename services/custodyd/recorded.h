/*
 * What was recorded to be signed of a withdrawal, and what its row has become. The entry `withdrawal.signing` counts,
 * and the intent that it names, never the row.
 */
#ifndef STRONGROOM_CUSTODYD_RECORDED_H
#define STRONGROOM_CUSTODYD_RECORDED_H

#include "http.h"
#include "service.h"
#include "store/trail_read.h"
#include "store/withdrawal.h"

struct recorded {
    struct service *service;
    struct uuid id;
    struct store_withdrawal row;
    struct store_leaf leaf; /* the entry `withdrawal.signing`; no bytes: none is shown */
    bool whole;             /* all entries are there, so that the signer may be asked to sign */
    bool ended;             /* that one stood in a log that ended, and `leaf` is what log_fork_end wrote instead */
    bool asked;             /* the entry of the request is shown, which names `asked_id` */
    struct digest intent_id;
    struct digest transaction_id;
    struct digest asked_id;
};

/* Reads row and entries of the withdrawal that the request names; `service` is set. Out: recorded_wipe, in every case.
 */
MUST_CHECK enum status recorded_read(struct recorded *inout, const struct http_request *request, struct fault *fault);

void recorded_wipe(struct recorded *recorded);

/* Whether it is the intent that `leaf` names. */
bool recorded_is_intent(const struct recorded *recorded, const struct bytes *document);

#endif
