/*
 * From packet to reply: decoding, permission, dispatch by table.
 *
 * What a connection may do stands in its session and was decided by who connected; which operations exist for a role
 * stands in the table. Whatever is not in the table for this role and this permission ends the connection.
 */
#include "signer/signer.h"

#include "base/log.h"
#include "log_keys.h"
#include "people.h"

/* Making */

bool token_keys_are(const struct signer_token_key *copies, size_t count, const struct public_key *key)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = good && public_key_equal(&copies[i].public_key, key);
    }
    return good;
}

/* What the tokens say of the founding key must be what the guard knows; attended ones may not be able to say it yet. */
static enum status identity_check(const struct signer *signer, struct fault *fault)
{
    const struct guard_state *identity = &signer->identity;
    if (identity->role != signer->role) {
        return fault_set(fault, STATUS_MISMATCH, "guard", "it is a guard of role %s", signer_role_text(identity->role));
    }
    size_t count = 0;
    struct signer_token_key copies[SIGNER_TOKENS_MAX];
    struct fault inner = {0};
    enum status status = signer->tokens->find(signer->tokens->context, copies, &count, &identity->key, &inner);
    if (status == STATUS_TOKEN && signer->attended) {
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !token_keys_are(copies, count, &signer->founding))) {
        return fault_set(fault, STATUS_MISMATCH, "guard", "it is a guard of another key");
    }
    return status == STATUS_OK ? status : fault_set(fault, status, inner.where, "%s", inner.detail);
}

static enum status role_start(const struct signer *signer, struct fault *fault)
{
    switch (signer->role) {
    case ROLE_TRANSFER:
    case ROLE_AUDIT:
        return log_keys_start(signer, fault);
    case ROLE_VALIDATOR:
    case ROLE_PRIVACY:
        return STATUS_OK;
    }
    return STATUS_INTERNAL;
}

static enum status signer_start(struct signer *signer, const struct signer_config *config, struct fault *fault)
{
    struct guard_key founding;
    guard_read(signer->guard, &signer->identity);
    guard_key_read(signer->guard, &founding, KEY_FOUNDING);
    signer->founding = founding.public_key;
    enum status status = versions_start(signer, config->policy_path, fault);
    status = status == STATUS_OK ? activation_start(signer, config->share_set_path, fault) : status;
    status = status == STATUS_OK ? identity_check(signer, fault) : status;
    status = status == STATUS_OK ? role_start(signer, fault) : status;
    status = status == STATUS_OK ? keys_time_start(signer, config->accept_utc_us, fault) : status;
    if (status == STATUS_OK) {
        versions_estimate(signer);
        status = keys_start(signer, fault);
    }
    return status;
}

enum status signer_new(struct signer **out, const struct signer_config *config, struct fault *fault)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "signer", "starting");
    }
    signer->role = config->role;
    signer->guard = config->guard;
    signer->tokens = config->tokens;
    signer->clock = config->clock;
    signer->program = config->program;
    signer->configuration = config->configuration;
    signer->witnesses = config->witnesses;
    signer->witness_tier = config->witness_tier;
    struct uuid fresh;
    enum status status = uuid_generate(&fresh, signer->clock);
    status = status == STATUS_OK ? signature_memory_new(&signer->memory) : status;
    if (status == STATUS_OK) {
        digest_sha256(&signer->instance, fresh.bytes16, sizeof(fresh.bytes16));
        status = signer_start(signer, config, fault);
    } else {
        status = fault_set(fault, status, "signer", "a memory of signatures");
    }
    if (status != STATUS_OK) {
        signer_free(signer);
        return status;
    }
    *out = signer; /* transferred */
    return STATUS_OK;
}

void signer_free(struct signer *signer)
{
    if (signer != NULL) {
        keys_finish(signer);
        versions_finish(signer);
        signature_memory_free(signer->memory);
        free(signer);
    }
}

/* hello and status */

static enum status hello_answer(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                struct fault *fault)
{
    if (request->hello.protocol != WIRE_PROTOCOL) {
        return fault_set(fault, STATUS_VERSION, "protocol", "this signer speaks %d", WIRE_PROTOCOL);
    }
    reply->hello.protocol = WIRE_PROTOCOL;
    reply->hello.role = wire_role_named(signer_role_text(signer->role));
    reply->hello.key = signer->founding;
    return STATUS_OK;
}

static enum wire_token_state wire_token_of(enum signer_token_state state)
{
    switch (state) {
    case SIGNER_TOKEN_SERVING:
        return WIRE_TOKEN_SERVING;
    case SIGNER_TOKEN_STANDBY:
        return WIRE_TOKEN_STANDBY;
    case SIGNER_TOKEN_DOWN:
        return WIRE_TOKEN_DOWN;
    case SIGNER_TOKEN_LOCKED:
        return WIRE_TOKEN_LOCKED;
    }
    INVARIANT(!"a token is in one of four states");
    return WIRE_TOKEN_DOWN;
}

/* Returns which tokens can sign, as bits by their place. */
static unsigned tokens_answer(struct signer *signer, struct wire_status_reply *answer)
{
    struct signer_token_status tokens[SIGNER_TOKENS_MAX];
    unsigned able = 0;
    answer->token_count = signer->tokens->states(signer->tokens->context, tokens);
    for (size_t i = 0; i < answer->token_count; i++) {
        struct wire_token *out = &answer->tokens[i];
        out->state = wire_token_of(tokens[i].state);
        memcpy(out->label, tokens[i].label, sizeof(out->label));
        memcpy(out->serial, tokens[i].serial, sizeof(out->serial));
        memcpy(out->reason, tokens[i].reason, sizeof(out->reason));
        out->down_at = tokens[i].down_utc_us;
        able |= out->state == WIRE_TOKEN_SERVING || out->state == WIRE_TOKEN_STANDBY ? 1U << i : 0;
    }
    keys_lack_tell(signer, answer->tokens, answer->token_count);
    return able;
}

/*
 * A signer whose key does not sign is not ready: of role transfer, when not one of its keys does. A key signs when it
 * is active and on one of the tokens `able`.
 */
static bool keys_ready(struct signer *signer, unsigned able, char *reason, size_t size)
{
    struct guard_key key;
    bool active = false;
    if (signer->role == ROLE_AUDIT) {
        return log_keys_ready(signer, able, reason, size);
    }
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        guard_key_read(signer->guard, &key, i);
        bool signs = key.state == KEY_STATE_ACTIVE;
        active = active || signs;
        if (signs && (able & ~key_lack_look(signer, i)) != 0) {
            return true;
        }
    }
    if (active) {
        (void)snprintf(reason, size, "no token that is open has an active key");
        return false;
    }
    guard_key_read(signer->guard, &key, KEY_FOUNDING);
    (void)snprintf(reason, size, "the key is %s (%s)", key_state_text(key.state), key_cause_text(key.cause));
    return false;
}

static enum status status_answer(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                 struct fault *fault)
{
    (void)request;
    enum status status = keys_settle(signer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t now = 0;
    struct fault clock = {0};
    struct guard_state state;
    guard_read(signer->guard, &state);
    struct wire_status_reply *answer = &reply->status;
    answer->role = wire_role_named(signer_role_text(signer->role));
    unsigned able = tokens_answer(signer, answer);
    if (state.halted) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "halted, %s", state.halted_by);
    } else if (atomic_load(&signer->older)) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "the trail knows of more promises than the guard");
    } else if (able == 0) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "no token can sign");
    } else if (keys_time(signer, &now, &clock) != STATUS_OK) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "clock: %.119s", clock.detail);
    } else {
        answer->ready = keys_ready(signer, able, answer->reason, sizeof(answer->reason));
    }
    answer->promises = state.promises;
    answer->instance = signer->instance;
    answer->program = signer->program;
    answer->configuration = signer->configuration;
    answer->size = state.size;
    answer->root = state.root;
    answer->height = state.height;
    answer->subjects = state.subjects;
    answer->erased = state.erased;
    answer->reveals = state.reveals;
    answer->header = state.height == 0 ? (struct digest){{0}} : state.header;
    versions_tell(signer, answer);
    answer->suspended_count = people_list(signer, answer->suspended);
    answer->freeze_count = freeze_list(signer, answer->freezes);
    return STATUS_OK;
}

/* Dispatch */

#define EVERY_ROLE 0
#define PERMIT_NONE 0

static const struct {
    enum wire_op op;
    int role; /* of enum signer_role, or EVERY_ROLE */
    unsigned permit;
    role_handler *handle;
} operations[] = {
    {WIRE_OP_HELLO, EVERY_ROLE, PERMIT_NONE, hello_answer},
    {WIRE_OP_STATUS, EVERY_ROLE, SIGNER_PERMIT_STATUS, status_answer},
    {WIRE_OP_TRANSFER_SIGN, ROLE_TRANSFER, SIGNER_PERMIT_SIGN, transfer_sign},
    {WIRE_OP_CHECKPOINT_SIGN, ROLE_AUDIT, SIGNER_PERMIT_SIGN, checkpoint_sign},
    {WIRE_OP_HEADER_SIGN, ROLE_VALIDATOR, SIGNER_PERMIT_SIGN, header_sign},
    {WIRE_OP_KEY_LIST, EVERY_ROLE, SIGNER_PERMIT_STATUS, key_list},
    {WIRE_OP_KEY_ADMIT, EVERY_ROLE, SIGNER_PERMIT_KEYS, key_admit},
    {WIRE_OP_KEY_COMMAND, EVERY_ROLE, SIGNER_PERMIT_KEYS, key_command},
    {WIRE_OP_KEY_ATTEST, EVERY_ROLE, SIGNER_PERMIT_KEYS, key_attest},
    {WIRE_OP_KEY_PROVE, EVERY_ROLE, SIGNER_PERMIT_KEYS, key_prove},
    {WIRE_OP_KEY_ALARM, EVERY_ROLE, SIGNER_PERMIT_KEYS, key_alarm},
    {WIRE_OP_FREEZE_ALARM, ROLE_TRANSFER, SIGNER_PERMIT_KEYS, freeze_alarm},
    {WIRE_OP_ACTIVATION_OPEN, EVERY_ROLE, SIGNER_PERMIT_KEYS, activation_open},
    {WIRE_OP_ACTIVATION_GIVE, EVERY_ROLE, SIGNER_PERMIT_KEYS, activation_give},
    {WIRE_OP_POLICY_ADOPT, EVERY_ROLE, SIGNER_PERMIT_KEYS, policy_adopt},
    {WIRE_OP_TRANSFER_ANNOUNCE, ROLE_TRANSFER, SIGNER_PERMIT_SIGN, transfer_announce},
    {WIRE_OP_TRANSFER_USAGE, ROLE_TRANSFER, SIGNER_PERMIT_KEYS, transfer_usage},
    {WIRE_OP_TRANSFER_RECALL, ROLE_TRANSFER, SIGNER_PERMIT_KEYS, transfer_recall},
    {WIRE_OP_TRANSFER_END, ROLE_TRANSFER, SIGNER_PERMIT_SIGN, transfer_end},
    {WIRE_OP_DESTINATION_ADOPT, ROLE_TRANSFER, SIGNER_PERMIT_KEYS, destination_adopt},
    {WIRE_OP_SUBJECT_SEAL, ROLE_PRIVACY, SIGNER_PERMIT_SIGN, subject_seal},
    {WIRE_OP_SUBJECT_OPEN, ROLE_PRIVACY, SIGNER_PERMIT_SIGN, subject_open},
};

static role_handler *handler_find(const struct signer *signer, const struct signer_session *session, enum wire_op op)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        bool of_role = operations[i].role == EVERY_ROLE || operations[i].role == (int)signer->role;
        bool permitted = (session->permit & operations[i].permit) == operations[i].permit;
        if (operations[i].op == op && of_role && permitted) {
            return operations[i].handle;
        }
    }
    return NULL;
}

/* True when the connection may go on. */
static bool answer(struct signer *signer, struct wire_reply *reply, struct signer_session *session,
                   const struct wire_request *request)
{
    struct fault *fault = &reply->fault;
    if (!session->greeted && request->op != WIRE_OP_HELLO) {
        (void)fault_set(fault, STATUS_NOT_PERMITTED, "op", "hello comes first");
        return false;
    }
    role_handler *handle = handler_find(signer, session, request->op);
    if (handle == NULL) {
        (void)fault_set(fault, STATUS_NOT_PERMITTED, "op", "%s is not for this connection", wire_op_name(request->op));
        return false;
    }
    enum status status = versions_settle(signer, fault);
    status = status == STATUS_OK ? keys_running_keep(signer, fault) : status;
    status = status == STATUS_OK ? handle(signer, reply, request, fault) : status;
    if (status != STATUS_OK) {
        (void)fault_set(fault, status, "", "%s", status_info(status)->text);
    }
    if (request->op == WIRE_OP_HELLO) {
        session->greeted = status == STATUS_OK;
        return session->greeted;
    }
    return true;
}

static void refusal_log(struct signer *signer, const struct wire_reply *reply)
{
    log_event(LOG_LEVEL_WARNING, "request.refused", "op", wire_op_name(reply->op), "status",
              status_info(reply->fault.status)->code, "where", reply->fault.where, "detail", reply->fault.detail, NULL);
    struct guard_state state;
    guard_read(signer->guard, &state);
    if (state.halted && !atomic_exchange(&signer->halt_logged, true)) {
        log_event(LOG_LEVEL_ERROR, "guard.halted", "by", state.halted_by, NULL);
    }
}

bool signer_handle(struct signer *signer, struct bytes *out, struct signer_session *session, const void *packet,
                   size_t len)
{
    struct wire_request request;
    struct wire_reply reply = {0};
    enum status status = wire_request_decode(&request, packet, len, &reply.fault);
    reply.id = request.id;
    reply.op = request.op;
    bool go_on = status == STATUS_OK && answer(signer, &reply, session, &request);
    if (status == STATUS_OK) {
        wire_request_free(&request);
    }
    if (reply.fault.status != STATUS_OK) {
        refusal_log(signer, &reply);
    }
    *out = (struct bytes){0};
    struct fault unsent = {0};
    if (wire_reply_encode(out, &reply, &unsent) != STATUS_OK) {
        log_fault("reply.unsent", &unsent);
        go_on = false;
    }
    wire_reply_free(&reply);
    return go_on;
}

enum status role_part_fault(struct fault *fault, const char *part, enum status status, const struct fault *inner)
{
    char where[sizeof(inner->where)];
    size_t used = (size_t)snprintf(where, sizeof(where), "%s%s", part, inner->where[0] == '\0' ? "" : ".");
    (void)snprintf(where + used, sizeof(where) - used, "%s", inner->where);
    return fault_set(fault, status, where, "%s", inner->detail);
}
