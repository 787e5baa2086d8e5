/*
 * `signerd destroy`: removes the objects of a key from a token, by order of the governance quorum.
 *
 * The states of a key are the guard's: it keeps the waiting period and the retention, so nothing is removed without it
 * and while a signer has it. Every copy is a token of its own, so this is run once for each, beside the one guard, and
 * the backups are destroyed by those who hold them.
 */
#include "base/clock.h"
#include "base/log.h"
#include "papers.h"
#include "policy/command.h"
#include "signer/guard.h"
#include "signer/policies.h"
#include "token.h"

/* Whether the guard holds the key for destroyed. Out: its state. */
static enum status guard_ask(struct guard_state *out_state, const struct digest *key, const char *path,
                             struct fault *fault)
{
    struct guard *guard = NULL;
    struct fault inner = {0};
    enum status status = guard_open(&guard, path, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, status, inner.where, "%s%s", inner.detail,
                         status == STATUS_CONFLICT && strcmp(inner.where, GUARD_PLACE) != 0 ? "; stop the signer first"
                                                                                            : "");
    }
    struct guard_state state;
    struct guard_key found;
    size_t index = 0;
    guard_read(guard, &state);
    status = guard_key_find(guard, &index, &found, key);
    guard_close(guard);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "guard", "it knows no such key");
    }
    if (found.state != KEY_STATE_DESTROYED) {
        return fault_set(fault, STATUS_CONFLICT, "guard", "the key is %s there; the signer must have taken key.destroy",
                         key_state_text(found.state));
    }
    *out_state = state;
    return STATUS_OK;
}

/* Reads the order; whether it is one is seen when the policy is known. */
static enum status command_read(struct signed_document *out, struct command *command, const char *path,
                                struct fault *fault)
{
    enum status status = signer_signed_read(out, path, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = command_decode(command, out->document.data, out->document.len, fault);
    }
    if (status == STATUS_OK && command->action != COMMAND_KEY_DESTROY) {
        status = fault_set(fault, STATUS_MISMATCH, "command.action", "key.destroy");
    }
    return status;
}

/* The files may have a version that still waits at the signer: only the one in force decides. */
static enum status command_check(const struct signed_document *document, const struct guard_state *state,
                                 const struct options *options, struct fault *fault)
{
    struct policy policy = {0};
    struct command command;
    enum status status = signer_policies_open(&policy, options->policy, &state->policy_first, fault);
    if (status == STATUS_OK && !digest_equal(&policy.digest, &state->policy)) {
        status = fault_set(fault, STATUS_MISMATCH, "policy", "version %lld, but the guard goes by version %lld",
                           (long long)policy.version, (long long)state->policy_version);
    }
    if (status == STATUS_OK) {
        status = command_verify(&command, document, &policy, clock_utc_us(clock_system()), fault);
    }
    policy_free(&policy);
    return status;
}

static enum status order_verify(struct command *out, const struct options *options, struct fault *fault)
{
    struct signed_document document = {0};
    struct guard_state state;
    enum status status = command_read(&document, out, options->command, fault);
    if (status == STATUS_OK) {
        status = guard_ask(&state, &out->key, options->guard, fault);
    }
    if (status == STATUS_OK) {
        status = command_check(&document, &state, options, fault);
    }
    signed_document_free(&document);
    return status;
}

static enum status key_remove(struct hsm_token *token, const struct digest *key_id, const char *label,
                              struct fault *fault)
{
    const struct hsm_key *key = NULL;
    struct digest id;
    enum status status = hsm_key_open_label(token, &key, label, NULL, fault);
    if (status != STATUS_OK) {
        return status;
    }
    public_key_id(&id, hsm_key_public(key));
    if (!digest_equal(&id, key_id)) {
        return fault_set(fault, STATUS_MISMATCH, "command.key", "the key '%s' of the token is another", label);
    }
    return hsm_key_destroy(token, key, fault);
}

static enum status destroy(const struct options *options, struct fault *fault)
{
    struct command command;
    enum status status = order_verify(&command, options, fault);
    struct hsm_token *token = NULL;
    if (status == STATUS_OK) {
        status = token_open_restored(&token, options, HSM_TOKEN_GENERATE, fault);
    }
    if (status == STATUS_OK) {
        status = key_remove(token, &command.key, options->key, fault);
    }
    if (status == STATUS_OK) {
        const struct hsm_token_facts *facts = hsm_token_facts(token);
        char id[DIGEST_HEX_LEN + 1];
        digest_format(id, &command.key);
        log_event(LOG_LEVEL_INFO, "key.destroyed", "key", id, "label", options->key, "token", facts->label, "serial",
                  facts->serial, "reason", command.reason.text, NULL);
    }
    hsm_token_close(token);
    return status;
}

int destroy_main(const struct options *options)
{
    struct fault fault = {0};
    return destroy(options, &fault) == STATUS_OK ? 0 : start_refused(&fault);
}
