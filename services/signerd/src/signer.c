/*
 * From packet to reply: decoding, permission, dispatch by table.
 *
 * What a connection may do stands in its session and was decided by who connected; which operations exist for a role
 * stands in the table. Whatever is not in the table for this role and this permission ends the connection.
 */
#include "signer/signer.h"

#include "base/crashpoint.h"
#include "base/log.h"
#include "role.h"
#include "signer/policies.h"

/* Making */

static enum status policy_start(struct signer *signer, const char *path, struct fault *fault);

static enum status identity_check(const struct signer *signer, struct fault *fault)
{
    const struct guard_state *identity = &signer->identity;
    struct digest key_id;
    public_key_id(&key_id, &signer->key->public_key);
    if (identity->role != signer->role) {
        return fault_set(fault, STATUS_MISMATCH, "guard", "it is a guard of role %s", signer_role_text(identity->role));
    }
    if (!digest_equal(&identity->key, &key_id)) {
        return fault_set(fault, STATUS_MISMATCH, "guard", "it is a guard of another key");
    }
    return STATUS_OK;
}

static enum status log_start(struct signer *signer, struct fault *fault)
{
    enum status status = audit_key_parse(&signer->log_key, signer->identity.log, fault);
    if (status == STATUS_OK && signer->log_key.type != AUDIT_KEY_ED25519) {
        status = fault_set(fault, STATUS_ALGORITHM_REFUSED, "guard.log", "a log key is ed25519");
    }
    return status;
}

static enum status role_start(struct signer *signer, const struct signer_config *config, struct fault *fault)
{
    enum status status = STATUS_OK;
    switch (signer->role) {
    case ROLE_TRANSFER:
        status = log_start(signer, fault);
        return status == STATUS_OK ? policy_start(signer, config->policy_path, fault) : status;
    case ROLE_AUDIT:
        status = log_start(signer, fault);
        if (status == STATUS_OK && !public_key_equal(&signer->log_key.public_key, &signer->key->public_key)) {
            status = fault_set(fault, STATUS_MISMATCH, "guard.log", "the log's key is not the key of the token");
        }
        return status;
    case ROLE_VALIDATOR:
        return STATUS_OK;
    }
    return STATUS_INTERNAL;
}

enum status signer_new(struct signer **out, const struct signer_config *config, struct fault *fault)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "signer", "starting");
    }
    signer->role = config->role;
    signer->guard = config->guard;
    signer->key = config->key;
    signer->clock = config->clock;
    guard_read(config->guard, &signer->identity);
    enum status status = identity_check(signer, fault);
    if (status == STATUS_OK) {
        status = role_start(signer, config, fault);
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
        policy_free(&signer->policy);
        free(signer);
    }
}

/* The policies */

static enum status policy_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    const struct policy *policy = context;
    txn->state.policy = policy->digest;
    txn->state.policy_version = policy->version;
    return STATUS_OK;
}

/* What the guard has seen stays in force: neither an older set of files nor another one of the same length. */
static enum status policy_start(struct signer *signer, const char *path, struct fault *fault)
{
    INVARIANT(path != NULL);
    const struct guard_state *seen = &signer->identity;
    enum status status = signer_policies_open(&signer->policy, path, &seen->policy_first, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct policy *policy = &signer->policy;
    if (!digest_equal(&policy->chain, &seen->chain) || !name_equal(&policy->environment, &seen->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "it rules another chain or environment");
    }
    if (policy->version < seen->policy_version) {
        return fault_set(fault, STATUS_ROLLBACK, "policy", "version %lld, but the guard has seen %lld",
                         (long long)policy->version, (long long)seen->policy_version);
    }
    if (policy->version == seen->policy_version) {
        bool same = digest_equal(&policy->digest, &seen->policy);
        return same ? STATUS_OK
                    : fault_set(fault, STATUS_FORK, "policy", "another version %lld was seen before",
                                (long long)policy->version);
    }
    return seen->halted ? STATUS_OK : guard_commit(signer->guard, policy_apply, &signer->policy, fault);
}

/* hello and status */

static enum wire_role wire_role_of(enum signer_role role)
{
    switch (role) {
    case ROLE_TRANSFER:
        return WIRE_ROLE_TRANSFER;
    case ROLE_AUDIT:
        return WIRE_ROLE_AUDIT;
    case ROLE_VALIDATOR:
        return WIRE_ROLE_VALIDATOR;
    }
    INVARIANT(!"a role is one of three");
    return WIRE_ROLE_TRANSFER;
}

static enum status hello_answer(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                struct fault *fault)
{
    if (request->hello.protocol != WIRE_PROTOCOL) {
        return fault_set(fault, STATUS_VERSION, "protocol", "this signer speaks %d", WIRE_PROTOCOL);
    }
    reply->hello.protocol = WIRE_PROTOCOL;
    reply->hello.role = wire_role_of(signer->role);
    reply->hello.key = signer->key->public_key;
    return STATUS_OK;
}

static enum status status_answer(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                 struct fault *fault)
{
    (void)request;
    (void)fault;
    struct guard_state state;
    guard_read(signer->guard, &state);
    struct wire_status_reply *answer = &reply->status;
    answer->role = wire_role_of(signer->role);
    bool lost = signer->key->lost != NULL && signer->key->lost(signer->key->context);
    answer->ready = !state.halted && !lost;
    if (state.halted) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "halted, %s", state.halted_by);
    } else if (lost) {
        (void)snprintf(answer->reason, sizeof(answer->reason), "the token was lost, restart the signer");
    }
    answer->size = state.size;
    answer->root = state.root;
    answer->height = state.height;
    answer->header = state.height == 0 ? (struct digest){{0}} : state.header;
    answer->policy = state.policy;
    answer->policy_version = state.policy_version;
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
    enum status status = handle(signer, reply, request, fault);
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

enum status role_document_sign(const struct signer *signer, struct signature *out, const char *kind,
                               const struct bytes *document, struct fault *fault)
{
    struct bytes message = {0};
    enum status status = document_message(&message, kind, document->data, document->len);
    if (status == STATUS_OK) {
        CRASHPOINT("signer.remembered");
        status = signer->key->sign(signer->key->context, out, message.data, message.len, fault);
        CRASHPOINT("signer.signed");
    }
    bytes_free(&message);
    return status;
}
