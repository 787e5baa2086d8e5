/*
 * The connection to a signer. Which key it holds is not asked here: what is sent is signed by people for one key, and a
 * signer that does not have that key refuses it.
 */
#include "signer_call.h"

enum status signer_call_role(enum signer_role *out, const struct custody_options *options, struct fault *fault)
{
    return signer_role_parse(out, options->role) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "role", "must be transfer, audit or validator");
}

enum status signer_call_open(struct wire_pool **out, const struct custody_options *options, enum signer_role role,
                             struct fault *fault)
{
    const struct wire_pool_config config = {
        .path = options->socket, .role = wire_role_named(signer_role_text(role)), .key = NULL, .connections = 1};
    return options->socket[0] == '\0' ? fault_set(fault, STATUS_USAGE, "socket", "name the signer's socket")
                                      : wire_pool_new(out, &config, fault);
}

int64_t signer_call_timeout_ms(const struct custody_options *options)
{
    return options->timeout_s * 1000;
}
