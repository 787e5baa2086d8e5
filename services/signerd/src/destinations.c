/*
 * The allow-list that a signer of role transfer holds: how an entry comes onto it, cools off, and goes.
 *
 * An entry is judged once, when it arrives, by the version in force then: what a quorum may list that is none any more
 * is not a matter of dates in documents. Its cooling-off counts by how long signers ran with this guard. Whoever sees
 * a wrong one revokes it alone.
 */
#include "base/crashpoint.h"
#include "base/log.h"
#include "keys.h"
#include "people.h"

#define SECOND_US 1000000

struct adoption {
    const struct signer *signer;
    struct destination destination;
    struct digest digest;
    int64_t at_utc_us;
    bool known; /* it is held already */
    struct guard_destination entry;
};

static bool serves(const struct signer *signer, const struct guard_destination *entry, int64_t at_utc_us)
{
    return keys_running(signer) >= entry->due_running_us && at_utc_us < entry->valid_until;
}

static enum status revoked_check(struct guard_txn *txn, const struct digest *digest, struct fault *fault)
{
    bool revoked = false;
    enum status status = guard_txn_revoked(txn, &revoked, digest, fault);
    return status == STATUS_OK && revoked
               ? fault_set(fault, STATUS_DENIED, "destination", "the entry was revoked, which is for ever")
               : status;
}

static enum status known_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct adoption *adoption = context;
    enum status status = revoked_check(txn, &adoption->digest, fault);
    if (status == STATUS_OK) {
        status = guard_txn_destination_get(txn, &adoption->entry, &adoption->destination.account, fault);
    }
    adoption->known = status == STATUS_OK && digest_equal(&adoption->entry.digest, &adoption->digest);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status alike(struct fault *fault, const char *whose, const struct account_id *account)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(address, account);
    return fault_set(fault, STATUS_LOOK_ALIKE, "destination.account", "it looks like %s %s, and is another", whose,
                     address);
}

static enum status wallets_check(const struct policy *policy, const struct account_id *account, struct fault *fault)
{
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (account_id_alike(&policy->wallets[i].account, account)) {
            return alike(fault, "the address of a wallet,", &policy->wallets[i].account);
        }
    }
    return STATUS_OK;
}

/* One that was revoked is nothing to be taken for. */
static enum status alike_check(struct guard_txn *txn, const struct account_id *account, struct fault *fault)
{
    struct account_id other;
    struct guard_destination entry;
    bool revoked = false;
    enum status status = guard_txn_destination_alike(txn, &other, account, fault);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && account_id_equal(&other, account))) {
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = guard_txn_destination_get(txn, &entry, &other, fault);
    }
    if (status == STATUS_OK) {
        status = guard_txn_revoked(txn, &revoked, &entry.digest, fault);
    }
    return status == STATUS_OK && !revoked ? alike(fault, "an entry of the list,", &other) : status;
}

/* A newer entry instead of an older one cools off anew, unless it changes nothing but its own time. */
static enum status succession(struct guard_txn *txn, struct adoption *adoption, struct fault *fault)
{
    struct guard_destination before;
    struct guard_destination *entry = &adoption->entry;
    bool revoked = false;
    enum status status = guard_txn_destination_get(txn, &before, &adoption->destination.account, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK && before.issued_at >= entry->issued_at) {
        status = fault_set(fault, STATUS_CONFLICT, "document.issued_at", "a newer entry for this address is held");
    }
    if (status == STATUS_OK) {
        status = guard_txn_revoked(txn, &revoked, &before.digest, fault);
    }
    if (status == STATUS_OK && !revoked && name_equal(&before.group, &entry->group) &&
        serves(adoption->signer, &before, adoption->at_utc_us)) {
        entry->due_running_us = before.due_running_us;
        entry->serving_at = adoption->at_utc_us;
    }
    return status;
}

static enum status adopt_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct adoption *adoption = context;
    const struct account_id *account = &adoption->destination.account;
    enum status status = known_apply(txn, adoption, fault);
    if (status != STATUS_OK || adoption->known) {
        return status;
    }
    const struct policy *policy = versions_in_force(adoption->signer);
    int64_t cooling_us = policy->cooling_s * SECOND_US;
    keys_running_raise(adoption->signer, txn);
    adoption->entry = (struct guard_destination){.digest = adoption->digest,
                                                 .group = adoption->destination.group,
                                                 .issued_at = adoption->destination.issued_at,
                                                 .valid_until = adoption->destination.valid_until,
                                                 .serving_at = adoption->at_utc_us + cooling_us,
                                                 .due_running_us = txn->state.running_us + (uint64_t)cooling_us};
    status = succession(txn, adoption, fault);
    status = status == STATUS_OK ? alike_check(txn, account, fault) : status;
    if (status == STATUS_OK) {
        keys_time_raise(txn, adoption->at_utc_us);
        status = guard_txn_destination_write(txn, account, &adoption->entry, fault);
    }
    return status;
}

static void adopt_answer(struct wire_destination_adopt_reply *out, const struct adoption *adoption)
{
    uint64_t running_us = keys_running(adoption->signer);
    const struct guard_destination *entry = &adoption->entry;
    bool cooling = running_us < entry->due_running_us;
    const char *word = cooling ? "cooling" : "serving";
    out->serving_at = cooling ? adoption->at_utc_us + (int64_t)(entry->due_running_us - running_us) : entry->serving_at;
    if (adoption->at_utc_us >= entry->valid_until) {
        word = "expired";
    }
    (void)snprintf(out->state, sizeof(out->state), "%s", word);
}

static void adopted_log(const struct adoption *adoption)
{
    char hex[DIGEST_HEX_LEN + 1];
    char address[ADDRESS_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
    digest_format(hex, &adoption->digest);
    address_format(address, &adoption->destination.account);
    time_format(at, adoption->entry.serving_at);
    log_event(LOG_LEVEL_WARNING, "destination.adopted", "destination", hex, "account", address, "group",
              adoption->destination.group.text, "serving_at", at, NULL);
}

/* What is not held yet. */
static enum status adopt_new(struct adoption *adoption, const struct signed_document *document, struct fault *fault)
{
    const struct policy_chain chain = versions_chain(adoption->signer);
    struct fault inner = {0};
    enum status status =
        policy_chain_destination_admit(&adoption->destination, document, &chain, adoption->at_utc_us, &inner);
    status =
        status == STATUS_OK ? people_check_quorum(adoption->signer, document, adoption->at_utc_us, &inner) : status;
    if (status != STATUS_OK) {
        return role_part_fault(fault, "document", status, &inner);
    }
    status = wallets_check(policy_chain_in_force(&chain), &adoption->destination.account, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("destination.checked");
        status = guard_commit(adoption->signer->guard, adopt_apply, adoption, fault);
        CRASHPOINT("destination.remembered");
    }
    if (status == STATUS_OK && !adoption->known) {
        adopted_log(adoption);
    }
    return status;
}

enum status destination_adopt(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                              struct fault *fault)
{
    const struct signed_document *document = &request->destination_adopt.document;
    struct adoption adoption = {.signer = signer};
    struct fault inner = {0};
    enum status status = keys_time(signer, &adoption.at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = destination_decode(&adoption.destination, document->document.data, document->document.len, &inner);
    if (status != STATUS_OK) {
        return role_part_fault(fault, "document", status, &inner);
    }
    destination_digest(&adoption.digest, document->document.data, document->document.len);
    status = guard_commit(signer->guard, known_apply, &adoption, fault);
    if (status == STATUS_OK && !adoption.known) {
        status = adopt_new(&adoption, document, fault);
    }
    if (status == STATUS_OK) {
        adopt_answer(&reply->destination_adopt, &adoption);
    }
    return status;
}

/* Revoking */

struct revocation {
    const struct given_order *given;
    struct signer *signer;
    int64_t at_utc_us;
    uint64_t count;
    struct digest held; /* the newer one of the same account, which went with it; zeros: none */
};

static enum status revoke_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct revocation *revocation = context;
    const struct command *command = revocation->given->command;
    bool revoked = false;
    enum status status = nonce_unused(txn, &command->nonce, revocation->given->digest, fault);
    status = status == STATUS_OK ? given_order_pay(revocation->signer, revocation->given, fault) : status;
    if (status == STATUS_OK) {
        status = guard_txn_revoked(txn, &revoked, &command->subject, fault);
    }
    if (status == STATUS_OK && !revoked) {
        status = guard_txn_revoke(txn, &revocation->held, &command->subject, revocation->at_utc_us, fault);
    }
    revocation->count = txn->state.revoked;
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, revocation->given->digest, fault) : status;
}

static void revoked_log(const struct digest *digest, const struct name *reason)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    log_event(LOG_LEVEL_WARNING, "destination.revoked", "destination", hex, "reason", reason->text, NULL);
}

enum status destination_revoke(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                               struct fault *fault)
{
    const struct command *command = given->command;
    struct revocation revocation = {.given = given, .signer = signer, .at_utc_us = keys_now(signer)};
    CRASHPOINT("order.checked");
    enum status status = guard_commit(signer->guard, revoke_apply, &revocation, fault);
    CRASHPOINT("order.remembered");
    if (status == STATUS_OK) {
        revoked_log(&command->subject, &command->reason);
        if (!digest_is_zero(&revocation.held)) {
            revoked_log(&revocation.held, &command->reason);
        }
        reply->key_state.on = revocation.count;
        (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "revoked");
    }
    return status;
}

/* What a promise goes by */

enum status destination_check(struct guard_txn *txn, const struct signer *signer, const struct withdrawal *withdrawal,
                              int64_t at_utc_us, struct fault *fault)
{
    struct guard_destination entry;
    const struct account_id *account = &withdrawal->intent.destination;
    enum status status = revoked_check(txn, &withdrawal->destination_digest, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = guard_txn_destination_get(txn, &entry, account, fault);
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_DESTINATION_UNLISTED, "destination", "this signer holds no entry for it");
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&entry.digest, &withdrawal->destination_digest)) {
        return fault_set(fault, STATUS_MISMATCH, "destination", "another entry for this address is held");
    }
    if (at_utc_us >= entry.valid_until) {
        return fault_set(fault, STATUS_EXPIRED, "destination", "the entry of the allow-list has expired");
    }
    uint64_t running_us = keys_running(signer);
    return running_us >= entry.due_running_us
               ? STATUS_OK
               : fault_set(fault, STATUS_NOT_READY, "destination", "the entry is new, and serves in %llu s",
                           (unsigned long long)((entry.due_running_us - running_us + SECOND_US - 1) / SECOND_US));
}
