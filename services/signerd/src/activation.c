/*
 * Attended activation: who may give a share is decided here; the shares and the PIN are in the token's process alone.
 */
#include "base/digest.h"
#include "keys.h"
#include "people.h"
#include "policy/occasion.h"
#include "signer/policies.h"

/* The share set */

struct share_set_seen {
    struct digest digest;
    int64_t version;
};

static enum status share_set_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    const struct share_set_seen *seen = context;
    txn->state.shares = seen->digest;
    txn->state.shares_version = seen->version;
    return STATUS_OK;
}

/* An older set would bring back the shares of whoever has left. */
static enum status share_set_remember(struct signer *signer, struct share_set_seen *found, struct fault *fault)
{
    const struct guard_state *seen = &signer->identity;
    if (found->version < seen->shares_version) {
        return fault_set(fault, STATUS_ROLLBACK, "share_set.version", "%lld, but the guard has seen %lld",
                         (long long)found->version, (long long)seen->shares_version);
    }
    if (found->version == seen->shares_version) {
        bool same = digest_equal(&found->digest, &seen->shares);
        return same ? STATUS_OK
                    : fault_set(fault, STATUS_FORK, "share_set.version", "another version %lld was seen before",
                                (long long)found->version);
    }
    if (seen->shares_version != 0 &&
        (found->version != seen->shares_version + 1 || !digest_equal(&signer->share_set.prev, &seen->shares))) {
        return fault_set(fault, STATUS_MISMATCH, "share_set.prev", "is not the successor of version %lld, seen last",
                         (long long)seen->shares_version);
    }
    return seen->halted ? STATUS_OK : guard_commit(signer->guard, share_set_apply, found, fault);
}

static enum status share_set_check_backups(const struct signer *signer, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct backup backup = {0};
        struct digest digest;
        struct fault inner = {0};
        status = keys_backup(signer, &backup, &digest, i, &inner);
        if (status == STATUS_OK) {
            status = share_set_check_apart(&signer->share_set, &backup, &inner);
        }
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
        if (status != STATUS_OK) {
            status = role_part_fault(fault, "share_set", status, &inner);
        }
    }
    return status;
}

/* A new set is the business of the policy in force; one that was taken was good under one of the versions. */
static enum status share_set_judge(struct signer *signer, const struct signed_document *document,
                                   const struct digest *digest, struct fault *fault)
{
    const struct policy_chain chain = versions_chain(signer);
    const struct policy *in_force = policy_chain_in_force(&chain);
    size_t oldest = digest_equal(digest, &signer->identity.shares) ? 0 : chain.count - 1;
    for (size_t i = chain.count - 1; i > oldest; i--) {
        const struct policy *policy = chain.versions[i].policy;
        if (share_set_verify(&signer->share_set, document, policy, policy->issued_at, NULL) == STATUS_OK) {
            return STATUS_OK;
        }
    }
    const struct policy *last = oldest == 0 ? chain.versions[0].policy : in_force;
    return share_set_verify(&signer->share_set, document, last, last->issued_at, fault);
}

/* The people of the set are judged as of the policy; who gives a share is judged when it is given. */
static enum status share_set_read(struct signer *signer, struct share_set_seen *out, const char *path,
                                  struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = signer_signed_read(&document, path, CANON_DOCUMENT_MAX, &inner);
    if (status == STATUS_OK) {
        share_set_digest(&out->digest, document.document.data, document.document.len);
        status = share_set_judge(signer, &document, &out->digest, &inner);
        out->version = signer->share_set.version;
        signer->share_set_digest = out->digest;
        signed_document_free(&document);
    }
    if (status != STATUS_OK) {
        return role_part_fault(fault, "share_set", status, &inner);
    }
    return digest_equal(&signer->share_set.key, &signer->identity.key)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "share_set.key", "the PIN of another guard's key");
}

enum status activation_start(struct signer *signer, const char *path, struct fault *fault)
{
    struct share_set_seen found = {.version = 0};
    signer->attended = path != NULL;
    if (path == NULL) {
        return STATUS_OK;
    }
    enum status status = share_set_read(signer, &found, path, fault);
    status = status == STATUS_OK ? share_set_check_backups(signer, fault) : status;
    return status == STATUS_OK ? share_set_remember(signer, &found, fault) : status;
}

enum status activation_check_key(const struct signer *signer, const struct key_document *document, struct fault *fault)
{
    if (document->activation != KEY_ATTENDED || signer->attended) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_MISMATCH, "document.activation",
                     "the key is attended, but this signer has its PIN without people: start it with pin-shares, "
                     "without pin-fd and pin-credential");
}

/* Giving shares */

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

/* What two people signed, about this activation: its receiving key, the guard's key and share set, now. */
static enum status occasion_take(struct signer *signer, struct occasion *out, const struct signed_document *paper,
                                 int64_t now, struct fault *fault)
{
    struct signer_activation open;
    struct seal_key to;
    struct fault inner = {0};
    enum status status = signer->tokens->activation_open(signer->tokens->context, &open, fault);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(to.bytes32, open.to32, sizeof(to.bytes32));
    const struct occasion_receiver receiver = {OCCASION_ACTIVATE, &signer->identity.key, &signer->share_set_digest, "",
                                               &to};
    status = occasion_verify(out, paper, versions_in_force(signer), now, &inner);
    status = status == STATUS_OK ? people_check_none(signer, paper, &inner) : status;
    if (status == STATUS_OK) {
        status = occasion_check_receiver(out, &receiver, &inner);
    }
    return status == STATUS_OK ? status : role_part_fault(fault, "occasion", status, &inner);
}

static enum status gift_take(struct signer *signer, struct signer_activation *out,
                             const struct wire_activation_give_request *given, struct fault *fault)
{
    struct occasion occasion;
    struct digest digest;
    int64_t now = 0;
    enum status status = keys_time(signer, &now, fault);
    if (status == STATUS_OK) {
        status = occasion_take(signer, &occasion, &given->occasion, now, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    occasion_digest(&digest, given->occasion.document.data, given->occasion.document.len);
    const struct gift_context context = {.occasion = &occasion,
                                         .occasion_digest = &digest,
                                         .shares = &signer->share_set.shares,
                                         .policy = versions_in_force(signer),
                                         .at_utc_us = now};
    struct gift gift = {0};
    struct fault inner = {0};
    status = gift_verify(&gift, &given->gift, &context, &inner);
    status = status == STATUS_OK ? people_check_none(signer, &given->gift, &inner) : status;
    if (status != STATUS_OK) {
        gift_free(&gift);
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
        status = gift_take(signer, &activation, &request->activation_give, fault);
    }
    if (status == STATUS_OK) {
        reply->activation.have = activation.have;
        reply->activation.threshold = signer->share_set.shares.threshold;
        reply->activation.open = activation.open;
    }
    return status;
}
