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

static void list_signers(char out[AUDIT_FACT_MAX], const struct policy *policy, const struct signed_document *document)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < document->signature_count; i++) {
        const struct person *person = policy_find_key(NULL, policy, &document->signatures[i].key_id);
        if (person != NULL && len + 1 + strlen(person->id.text) < AUDIT_FACT_MAX) {
            len += (size_t)snprintf(out + len, AUDIT_FACT_MAX - len, "%s%s", len == 0 ? "" : ",", person->id.text);
        }
    }
}

enum status order_facts_add(struct audit_event *event, const struct service *service,
                            const struct signed_document *document, struct fault *fault)
{
    struct command command;
    char by[AUDIT_FACT_MAX] = "";
    if (document->document.len == 0) {
        return STATUS_OK;
    }
    enum status status = command_decode(&command, document->document.data, document->document.len, fault);
    if (status == STATUS_OK && event->outcome == AUDIT_OUTCOME_OK) {
        list_signers(by, service_policy(service), document);
    }
    if (status == STATUS_OK && by[0] != '\0') {
        status = audit_event_fact_add(event, "by", by, fault);
    }
    return status == STATUS_OK ? audit_event_fact_add(event, "reason", command.reason.text, fault) : status;
}
