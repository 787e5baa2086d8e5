/*
 * Orders about the log that the database keeps: those that end a log, and those that rotate its key.
 */
#ifndef STRONGROOM_CUSTODYD_LOG_ORDERS_KEPT_H
#define STRONGROOM_CUSTODYD_LOG_ORDERS_KEPT_H

#include "policy/command.h"
#include "service.h"

/* One of them, valid until the visitor returns. */
struct log_order {
    struct command command;    /* log.fork or log.rotate */
    struct digest digest;      /* of the order, as an entry names it */
    const struct bytes *bytes; /* the signed document */
};

struct log_orders_visitor {
    enum status (*take)(void *context, const struct log_order *order, struct fault *fault);
    void *context;
};

/*
 * Shows the visitor every order that the quorum of the version that it names signed, in no order, however many rows
 * that are none somebody has put beside them: those are left out, and the log says how many. Ends with the first status
 * of the visitor that is not OK.
 */
MUST_CHECK enum status log_orders_visit(const struct log_orders_visitor *visitor, const struct service *service,
                                        struct fault *fault);

#endif
