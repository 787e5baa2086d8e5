/*
 * Health: whether effects are possible now, part by part, the tokens of each signer, and how many things that are
 * watched are not as they should be.
 */
#include "resources.h"
#include "sequencer.h"
#include "service.h"
#include "watch.h"
#include "witnesses.h"

typedef enum status part_check(struct service *service, struct fault *fault);

static enum status check_database(struct service *service, struct fault *fault)
{
    return store_check(service->store, fault);
}

static enum status check_trail(struct service *service, struct fault *fault)
{
    enum sequencer_state state = sequencer_state(service->sequencer, fault);
    if ((state == SEQUENCER_LEADING || state == SEQUENCER_FOLLOWING) && !trail_is_late(service->trail)) {
        fault_clear(fault);
        return STATUS_OK;
    }
    return fault_set(fault, state == SEQUENCER_HALTED ? STATUS_HALTED : STATUS_NOT_READY, "trail", "%s", "");
}

static enum status check_witnesses(struct service *service, struct fault *fault)
{
    return witnesses_check(service, fault);
}

static enum status check_ledger(struct service *service, struct fault *fault)
{
    struct ledger_node_status node;
    ledger_node_status(service->node, &node);
    return node.halted ? fault_set(fault, STATUS_HALTED, "ledger", "%s", node.reason) : STATUS_OK;
}

static enum status check_signer(struct service *service, enum wire_role role, struct wire_status_reply *out,
                                struct fault *fault)
{
    enum status status = wire_status(service->signers[role], out, service->options.signer_timeout_ms, fault);
    if (status == STATUS_OK && !out->ready) {
        status = fault_set(fault, STATUS_NOT_READY, wire_role_name(role), "%s", out->reason);
    }
    return status;
}

static const struct {
    const char *name;
    part_check *check;
} parts[] = {
    {"database", check_database},
    {"trail", check_trail},
    {"ledger", check_ledger},
    {"witnesses", check_witnesses},
};

static const struct {
    const char *name;
    enum wire_role role;
} signers[] = {
    {"signer_transfer", WIRE_ROLE_TRANSFER},
    {"signer_audit", WIRE_ROLE_AUDIT},
    {"signer_validator", WIRE_ROLE_VALIDATOR},
};

static json_t *part_view(enum status status, bool *inout_ready)
{
    json_t *view = json_pack("{s:b}", "ready", status == STATUS_OK);
    if (status != STATUS_OK) {
        *inout_ready = false;
        (void)json_object_set_new(view, "reason", json_string(status_info(status)->code));
    }
    return view;
}

/* What kind of contradiction; where, GET /v1/alarms says. */
static void add_cause(json_t *view, struct service *service)
{
    struct trail_trouble halt = {.at_utc_us = 0};
    if (trail_halt_read(&halt, service->trail)) {
        (void)json_object_set_new(view, "cause", json_string(status_info(halt.why.status)->code));
    }
}

static json_t *tokens_view(const struct wire_status_reply *state)
{
    static const char *const words[] = {[WIRE_TOKEN_SERVING] = "serving",
                                        [WIRE_TOKEN_STANDBY] = "standby",
                                        [WIRE_TOKEN_DOWN] = "down",
                                        [WIRE_TOKEN_LOCKED] = "locked"};
    json_t *array = json_array();
    for (size_t i = 0; i < state->token_count; i++) {
        const struct wire_token *token = &state->tokens[i];
        (void)json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "label", token->label, "serial", token->serial,
                                                     "state", words[token->state]));
    }
    return array;
}

/* How many, and their codes; about which objects is nobody's business who shows no token. */
static enum status add_alarms(json_t *body, struct service *service, struct fault *fault)
{
    struct alarm_list list = {0};
    int64_t at_utc_us = 0;
    char at[TIME_TEXT_SIZE];
    json_t *codes = json_object(); /* a set */
    json_t *array = json_array();
    const char *code = NULL;
    json_t *value = NULL;
    enum status status = watch_alarms(&list, &at_utc_us, service->watch, fault);
    for (size_t i = 0; i < list.count; i++) {
        (void)json_object_set_new(codes, audit_action_text(list.rows[i].code), json_true());
    }
    json_object_foreach(codes, code, value)
    {
        (void)json_array_append_new(array, json_string(code));
    }
    time_format(at, at_utc_us);
    (void)json_object_set_new(body, "alarms", json_integer((json_int_t)list.count));
    (void)json_object_set_new(body, "alarm_codes", array);
    (void)json_object_set_new(body, "looked_at", json_string(at));
    json_decref(codes);
    alarm_list_free(&list);
    return status;
}

enum status health_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    bool ready = true;
    json_t *views = json_object();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct fault why = {0};
        (void)json_object_set_new(views, parts[i].name, part_view(parts[i].check(service, &why), &ready));
    }
    add_cause(json_object_get(views, "trail"), service);
    for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
        struct fault why = {0};
        struct wire_status_reply state = {0};
        json_t *view = part_view(check_signer(service, signers[i].role, &state, &why), &ready);
        (void)json_object_set_new(view, "tokens", tokens_view(&state));
        (void)json_object_set_new(views, signers[i].name, view);
    }
    if (service->role_count > WIRE_ROLE_PRIVACY) { /* nothing else waits for it */
        struct fault why = {0};
        struct wire_status_reply state = {0};
        bool unused = false;
        json_t *view = part_view(check_signer(service, WIRE_ROLE_PRIVACY, &state, &why), &unused);
        (void)json_object_set_new(view, "tokens", tokens_view(&state));
        (void)json_object_set_new(views, "signer_privacy", view);
    }
    json_t *body = json_pack("{s:s, s:o}", "status", ready ? "ready" : "reads_only", "parts", views);
    enum status status = body == NULL ? STATUS_NO_MEMORY : add_alarms(body, service, fault);
    if (status != STATUS_OK) {
        json_decref(body);
        return status;
    }
    return http_reply_json(reply, ready ? 200 : 503, body, fault);
}
