/*
 * Health: whether effects are possible now, part by part.
 */
#include "resources.h"
#include "sequencer.h"
#include "service.h"

typedef enum status part_check(struct service *service, struct fault *fault);

static enum status check_database(struct service *service, struct fault *fault)
{
    return store_check(service->store, fault);
}

static enum status check_trail(struct service *service, struct fault *fault)
{
    enum sequencer_state state = sequencer_state(service->sequencer, fault);
    if (state == SEQUENCER_LEADING || state == SEQUENCER_FOLLOWING) {
        fault_clear(fault);
        return STATUS_OK;
    }
    return fault_set(fault, state == SEQUENCER_HALTED ? STATUS_HALTED : STATUS_NOT_READY, "trail", "%s", "");
}

static enum status check_ledger(struct service *service, struct fault *fault)
{
    struct ledger_node_status node;
    ledger_node_status(service->node, &node);
    return node.halted ? fault_set(fault, STATUS_HALTED, "ledger", "%s", node.reason) : STATUS_OK;
}

static enum status check_signer(struct service *service, enum wire_role role, struct fault *fault)
{
    struct wire_status_reply state = {0};
    enum status status = wire_status(service->signers[role], &state, service->options.signer_timeout_ms, fault);
    if (status == STATUS_OK && !state.ready) {
        status = fault_set(fault, STATUS_NOT_READY, wire_role_name(role), "%s", state.reason);
    }
    return status;
}

static enum status check_transfer(struct service *service, struct fault *fault)
{
    return check_signer(service, WIRE_ROLE_TRANSFER, fault);
}

static enum status check_audit(struct service *service, struct fault *fault)
{
    return check_signer(service, WIRE_ROLE_AUDIT, fault);
}

static enum status check_validator(struct service *service, struct fault *fault)
{
    return check_signer(service, WIRE_ROLE_VALIDATOR, fault);
}

static const struct {
    const char *name;
    part_check *check;
} parts[] = {
    {"database", check_database},        {"trail", check_trail},        {"ledger", check_ledger},
    {"signer_transfer", check_transfer}, {"signer_audit", check_audit}, {"signer_validator", check_validator},
};

enum status health_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    bool ready = true;
    json_t *views = json_object();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct fault why = {0};
        enum status status = parts[i].check(service, &why);
        json_t *view = json_pack("{s:b}", "ready", status == STATUS_OK);
        if (status != STATUS_OK) {
            ready = false;
            (void)json_object_set_new(view, "reason", json_string(status_info(status)->code));
        }
        (void)json_object_set_new(views, parts[i].name, view);
    }
    return http_reply_json(reply, ready ? 200 : 503,
                           json_pack("{s:s, s:o}", "status", ready ? "ready" : "reads_only", "parts", views), fault);
}
