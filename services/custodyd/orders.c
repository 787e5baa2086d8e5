/*
 * Orders as the service reads them. It must not be able to keep somebody from stopping something by being wrong about
 * a clock, a version or a person.
 */
#include "orders.h"

#include <stdlib.h>

#include "policy/chain.h"

enum status order_read(struct command *out, const struct service *service, const struct signed_document *document,
                       struct fault *fault)
{
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    struct command command;
    enum status status = command_decode(&command, document->document.data, document->document.len, fault);
    if (status == STATUS_OK && !command_stops(command.action)) {
        status = policies_chain(&versions, &chain, service->policies, NULL, fault);
        if (status == STATUS_OK) {
            status = policy_chain_command_verify(&command, document, &chain, clock_utc_us(service->clock), fault);
        }
        free(versions);
    }
    if (status == STATUS_OK) {
        *out = command;
    }
    return status;
}
