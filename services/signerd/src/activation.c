/*
 * Attended activation: who may give a share is decided here; the shares and the PIN are in the token's process alone.
 */
#include "keys.h"

static enum status attended_check(const struct signer *signer, struct fault *fault)
{
    return signer->attended ? STATUS_OK
                            : fault_set(fault, STATUS_CONFLICT, "activation", "the PIN of this signer is not shared");
}

enum status activation_open(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    (void)request;
    struct signer_activation activation = {.have = 0};
    enum status status = attended_check(signer, fault);
    if (status == STATUS_OK) {
        status = signer->tokens->activation_open(signer->tokens->context, &activation, fault);
    }
    if (status == STATUS_OK) {
        memcpy(reply->activation.to32, activation.to32, sizeof(activation.to32));
        reply->activation.have = activation.have;
        reply->activation.threshold = signer->share_set.shares.threshold;
    }
    return status;
}

static enum status gift_take(struct signer *signer, struct signer_activation *out, const struct signed_document *paper,
                             struct fault *fault)
{
    struct seal_key to;
    struct signer_activation open;
    enum status status = signer->tokens->activation_open(signer->tokens->context, &open, fault);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(to.bytes32, open.to32, sizeof(to.bytes32));
    const struct gift_context context = {.action = GIFT_ACTIVATE,
                                         .key = &signer->identity.key,
                                         .to = &to,
                                         .shares = &signer->share_set.shares,
                                         .policy = &signer->policy,
                                         .at_utc_us = keys_now(signer)};
    struct gift gift = {0};
    struct fault inner = {0};
    status = gift_verify(&gift, paper, &context, &inner);
    if (status != STATUS_OK) {
        return role_part_fault(fault, "gift", status, &inner);
    }
    const struct signer_pin_share share = {.custodian = gift.custodian,
                                           .index = gift.index,
                                           .threshold = signer->share_set.shares.threshold,
                                           .commitment = gift.commitment,
                                           .sealed = gift.sealed.data,
                                           .sealed_len = gift.sealed.len};
    status = signer->tokens->activation_give(signer->tokens->context, out, &share, fault);
    gift_free(&gift);
    return status;
}

enum status activation_give(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    struct signer_activation activation = {.have = 0};
    enum status status = attended_check(signer, fault);
    if (status == STATUS_OK) {
        status = gift_take(signer, &activation, &request->activation_give.gift, fault);
    }
    if (status == STATUS_OK) {
        reply->activation.have = activation.have;
        reply->activation.threshold = signer->share_set.shares.threshold;
        reply->activation.open = activation.open;
    }
    return status;
}
