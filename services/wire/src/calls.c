/*
 * The typed calls of the client: each puts its request together and takes its reply apart.
 */
#include "call.h"
#include "wire/client.h"

enum status wire_status(struct wire_pool *pool, struct wire_status_reply *out, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &request, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.status;
    }
    return status;
}

enum status wire_transfer_sign(struct wire_pool *pool, struct wire_transfer_reply *out,
                               enum wire_promised *out_promised, const struct wire_transfer_request *request,
                               int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (out_promised != NULL) {
        *out_promised = reply.promised;
    }
    if (status == STATUS_OK) {
        *out = reply.transfer; /* transferred */
    }
    return status;
}

enum status wire_transfer_announce(struct wire_pool *pool, struct wire_announce_reply *out,
                                   enum wire_promised *out_promised, const struct wire_transfer_request *request,
                                   int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_TRANSFER_ANNOUNCE, .transfer = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (out_promised != NULL) {
        *out_promised = reply.promised;
    }
    if (status == STATUS_OK) {
        *out = reply.announce;
    }
    return status;
}

enum status wire_transfer_usage(struct wire_pool *pool, struct wire_usage_reply *out, const struct bytes *intent,
                                int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_TRANSFER_USAGE, .usage = {.intent = *intent}};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.usage;
    }
    return status;
}

enum status wire_transfer_recall(struct wire_pool *pool, struct wire_recall_reply *out,
                                 const struct wire_recall_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_TRANSFER_RECALL, .recall = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.recall;
    }
    return status;
}

enum status wire_transfer_end(struct wire_pool *pool, uint64_t *out_ends, const struct wire_recall_request *request,
                              int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_TRANSFER_END, .recall = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out_ends = reply.recall.ends;
    }
    return status;
}

enum status wire_checkpoint_sign(struct wire_pool *pool, struct wire_checkpoint_reply *out,
                                 const struct wire_checkpoint_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_CHECKPOINT_SIGN, .checkpoint = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.checkpoint;
    }
    return status;
}

enum status wire_header_sign(struct wire_pool *pool, struct wire_header_reply *out,
                             const struct wire_header_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_HEADER_SIGN, .header = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.header;
    }
    return status;
}

enum status wire_key_list(struct wire_pool *pool, struct wire_key_list_reply *out, const struct digest *after,
                          int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_LIST, .key_list = {.after = *after}};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.key_list;
    }
    return status;
}

/* The operations that answer what the key is now. */
static enum status key_call(struct wire_pool *pool, struct wire_key_state_reply *out, struct wire_request *full,
                            int64_t timeout_ms, struct fault *fault)
{
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.key_state;
    }
    return status;
}

enum status wire_key_admit(struct wire_pool *pool, struct wire_key_state_reply *out,
                           const struct wire_key_admit_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_ADMIT, .key_admit = *request};
    return key_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_key_command(struct wire_pool *pool, struct wire_key_state_reply *out,
                             const struct signed_document *command, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_COMMAND, .key_order = {.order = *command}};
    return key_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_key_prove(struct wire_pool *pool, struct wire_key_state_reply *out,
                           const struct signed_document *restore, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_PROVE, .key_order = {.order = *restore}};
    return key_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_key_alarm(struct wire_pool *pool, struct wire_key_state_reply *out,
                           const struct wire_key_alarm_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_ALARM, .key_alarm = *request};
    return key_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_freeze_alarm(struct wire_pool *pool, struct wire_key_state_reply *out,
                              const struct wire_freeze_alarm_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_FREEZE_ALARM, .freeze_alarm = *request};
    return key_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_key_attest(struct wire_pool *pool, struct wire_key_attest_reply *out,
                            const struct wire_key_attest_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_KEY_ATTEST, .key_attest = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.key_attest; /* transferred */
    }
    return status;
}

static enum status activation_call(struct wire_pool *pool, struct wire_activation_reply *out, struct wire_request *full,
                                   int64_t timeout_ms, struct fault *fault)
{
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.activation;
    }
    return status;
}

enum status wire_activation_open(struct wire_pool *pool, struct wire_activation_reply *out, int64_t timeout_ms,
                                 struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_ACTIVATION_OPEN};
    return activation_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_activation_give(struct wire_pool *pool, struct wire_activation_reply *out,
                                 const struct signed_document *gift, const struct signed_document *occasion,
                                 int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_ACTIVATION_GIVE,
                                .activation_give = {.gift = *gift, .occasion = *occasion}};
    return activation_call(pool, out, &full, timeout_ms, fault);
}

enum status wire_policy_adopt(struct wire_pool *pool, struct wire_policy_adopt_reply *out,
                              const struct signed_document *document, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_POLICY_ADOPT, .policy_adopt = {.document = *document}};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.policy_adopt;
    }
    return status;
}

enum status wire_destination_adopt(struct wire_pool *pool, struct wire_destination_adopt_reply *out,
                                   const struct signed_document *document, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_DESTINATION_ADOPT, .destination_adopt = {.document = *document}};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.destination_adopt;
    }
    return status;
}

enum status wire_subject_seal(struct wire_pool *pool, struct wire_subject_seal_reply *out,
                              const struct wire_subject_seal_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_SUBJECT_SEAL, .subject_seal = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.subject_seal; /* transferred */
    }
    return status;
}

enum status wire_subject_open(struct wire_pool *pool, struct wire_subject_open_reply *out,
                              const struct wire_subject_open_request *request, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request full = {.op = WIRE_OP_SUBJECT_OPEN, .subject_open = *request};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &full, timeout_ms, fault);
    if (status == STATUS_OK) {
        *out = reply.subject_open; /* transferred */
    }
    return status;
}
