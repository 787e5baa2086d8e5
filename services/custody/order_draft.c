/*
 * Drafts of orders. What is in them beyond this is filled in by the command that makes one; nothing here signs.
 */
#include "order_draft.h"

#include "describe.h"

#define SECOND_US 1000000LL

enum status order_draft(struct command *order, const struct policy *policy, const struct custody_options *options,
                        struct fault *fault)
{
    if (name_parse(&order->reason, options->reason) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "reason", "must be one word of [a-z0-9-]");
    }
    order->chain = policy->chain;
    order->environment = policy->environment;
    order->policy = policy->digest;
    order->issued_at = clock_utc_us(clock_system());
    order->expires_at = order->issued_at + options->expires_in_s * SECOND_US;
    return uuid_generate(&order->nonce, clock_system());
}

enum status order_draft_write(struct bytes *out, const struct command *order, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = command_encode(&document, order, fault);
    if (status == STATUS_OK) {
        status = describe_command(stderr, &document, fault);
    }
    if (status != STATUS_OK) {
        bytes_free(&document);
        return status;
    }
    *out = document; /* transferred */
    return STATUS_OK;
}
