/*
 * `signerd initialise`: making the guard of a signer.
 *
 * A guard is the signer's memory, so making one is making it forget. It takes an order of the administrators that names
 * this key, this role and this policy, and is refused while a guard is there.
 */
#include <errno.h>
#include <sys/stat.h>

#include "audit/checkpoint.h"
#include "audit/tree.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "ledger/genesis.h"
#include "signer/guard.h"
#include "signer/policies.h"
#include "token.h"

/* An order is for now: one found in a drawer must not make a signer forget. */
#define COMMAND_AGE_MAX_US (24LL * 3600 * 1000000)
#define COMMAND_AHEAD_MAX_US (60LL * 1000000)

struct ceremony {
    enum signer_role role;
    struct policy policy; /* the newest */
    struct guard_policy *versions;
    size_t version_count;
    struct digest first;
    int64_t delay_s; /* of the version before, while they are read */
    struct command command;
    struct public_key key;
    struct digest validators;
};

static enum status paper_keep(struct bytes *out, const struct signed_document *document, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = signed_document_encode(&object, document, fault);
    if (status == STATUS_OK) {
        status = canon_emit(out, object, 2 * CANON_POLICY_MAX, fault);
        json_decref(object);
    }
    return status;
}

/*
 * When an older version came into force only the guard knows that is gone; it was not before its issue and the delay of
 * the one before. The newest one is in force now, since its quorum has signed the command.
 */
static int64_t in_force_from(const struct ceremony *ceremony, const struct policy *policy)
{
    int64_t now = clock_utc_us(clock_system());
    int64_t from = policy->issued_at + ceremony->delay_s * 1000000LL;
    int64_t before = ceremony->version_count == 0 ? 0 : ceremony->versions[ceremony->version_count - 1].in_force_utc_us;
    from = from > before ? from : before;
    return ceremony->version_count == 0 ? 0 : from < now ? from : now;
}

static enum status version_keep(void *context, const struct policy *policy, const struct signed_document *document,
                                struct fault *fault)
{
    struct ceremony *ceremony = context;
    struct guard_policy *versions =
        reallocarray(ceremony->versions, ceremony->version_count + 1, sizeof(*ceremony->versions));
    if (versions == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "", "keeping a version");
    }
    ceremony->versions = versions;
    struct guard_policy kept = {.version = policy->version,
                                .received_utc_us = policy->issued_at,
                                .in_force_utc_us = in_force_from(ceremony, policy),
                                .signers = (int64_t)document->signature_count};
    enum status status = paper_keep(&kept.document, document, fault);
    if (status == STATUS_OK) {
        versions[ceremony->version_count++] = kept; /* transferred */
        ceremony->delay_s = policy->delay_s;
        ceremony->first = policy->version == 1 ? policy->digest : ceremony->first;
    }
    return status;
}

static void versions_wipe(struct ceremony *ceremony)
{
    for (size_t i = 0; i < ceremony->version_count; i++) {
        guard_policy_free(&ceremony->versions[i]);
    }
    free(ceremony->versions);
    policy_free(&ceremony->policy);
}

static enum status age_check(int64_t issued_at, int64_t now_utc_us, struct fault *fault)
{
    if (issued_at > now_utc_us + COMMAND_AHEAD_MAX_US || issued_at < now_utc_us - COMMAND_AGE_MAX_US) {
        return fault_set(fault, STATUS_EXPIRED, "command.issued_at", "a command serves for 24 hours");
    }
    return STATUS_OK;
}

static enum status command_read(struct ceremony *ceremony, const char *path, struct fault *fault)
{
    int64_t now_utc_us = clock_utc_us(clock_system());
    struct signed_document document = {0};
    enum status status = signer_signed_read(&document, path, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = command_verify(&ceremony->command, &document, &ceremony->policy, now_utc_us, fault);
        signed_document_free(&document);
    }
    if (status == STATUS_OK) {
        status = age_check(ceremony->command.issued_at, now_utc_us, fault);
    }
    if (status == STATUS_OK && ceremony->command.action != COMMAND_GUARD_INITIALISE) {
        return fault_set(fault, STATUS_MISMATCH, "command.action", "guard.initialise");
    }
    if (status == STATUS_OK && ceremony->command.role != ceremony->role) {
        return fault_set(fault, STATUS_MISMATCH, "command.role", "it is for role %s",
                         signer_role_text(ceremony->command.role));
    }
    return status;
}

static enum status key_check(struct ceremony *ceremony, const struct options *options, struct fault *fault)
{
    struct hsm_token *token = NULL;
    const struct hsm_key *key = NULL;
    enum status status = token_open(&token, options, HSM_TOKEN_SIGN, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(token, &key, options->key, NULL, fault);
    }
    if (status == STATUS_OK) {
        ceremony->key = *hsm_key_public(key);
    }
    hsm_token_close(token);
    struct digest id;
    public_key_id(&id, &ceremony->key);
    if (status == STATUS_OK && !digest_equal(&id, &ceremony->command.key)) {
        status = fault_set(fault, STATUS_MISMATCH, "command.key", "the key of the token is another");
    }
    return status;
}

static enum status log_check(const struct ceremony *ceremony, struct fault *fault)
{
    struct audit_key log;
    enum status status = audit_key_parse(&log, ceremony->command.log, fault);
    if (status == STATUS_OK && log.type != AUDIT_KEY_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "command.log", "a log key is ed25519");
    }
    bool own = ceremony->role == ROLE_AUDIT;
    if (status == STATUS_OK && own && !public_key_equal(&log.public_key, &ceremony->key)) {
        return fault_set(fault, STATUS_MISMATCH, "command.log", "the log's key is not the key of the token");
    }
    return status;
}

static enum status genesis_examine(struct ceremony *ceremony, const struct bytes *document, struct fault *fault)
{
    struct digest chain;
    ledger_genesis_chain(&chain, document->data, document->len);
    if (!digest_equal(&chain, &ceremony->command.chain)) {
        return fault_set(fault, STATUS_MISMATCH, "genesis", "it is of another chain than the command");
    }
    struct ledger_genesis genesis;
    enum status status = ledger_genesis_decode(&genesis, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool member = false;
    for (size_t i = 0; i < genesis.validators.count; i++) {
        member = member || public_key_equal(&genesis.validators.keys[i], &ceremony->key);
    }
    if (!member) {
        return fault_set(fault, STATUS_MISMATCH, "genesis", "the key of the token is no validator");
    }
    return ledger_validators_digest(&ceremony->validators, &genesis.validators, fault);
}

/* The document alone, with one final newline allowed. */
static enum status genesis_check(struct ceremony *ceremony, const char *path, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = file_read_document(&document, path, CANON_POLICY_MAX, "genesis", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = genesis_examine(ceremony, &document, fault);
    bytes_free(&document);
    return status;
}

static enum status role_check(struct ceremony *ceremony, const struct options *options, struct fault *fault)
{
    switch (ceremony->role) {
    case ROLE_TRANSFER:
    case ROLE_AUDIT:
        return log_check(ceremony, fault);
    case ROLE_VALIDATOR:
        return genesis_check(ceremony, options->genesis, fault);
    case ROLE_PRIVACY:
        return STATUS_OK;
    }
    return STATUS_INTERNAL;
}

/* The state of a signer that has signed nothing. */
static void state_first(struct guard_state *out, const struct ceremony *ceremony, uint64_t before)
{
    memset(out, 0, sizeof(*out));
    out->role = ceremony->role;
    out->key = ceremony->command.key;
    out->chain = ceremony->command.chain;
    out->environment = ceremony->command.environment;
    out->policy_first = ceremony->first;
    memcpy(out->log, ceremony->command.log, sizeof(out->log));
    out->validators = ceremony->validators;
    out->policy = ceremony->policy.digest;
    out->policy_version = ceremony->policy.version;
    out->made_utc_us = clock_utc_us(clock_system());
    out->highest_utc_us = out->made_utc_us;
    out->before = before;
    out->promises = before;
    out->forgotten = before;
    if (ceremony->role == ROLE_AUDIT) {
        audit_tree_root(&out->root, NULL, 0);
    }
    if (ceremony->role == ROLE_VALIDATOR) {
        out->header = ceremony->command.chain;
    }
}

static enum status initialise(struct ceremony *ceremony, const struct options *options, struct fault *fault)
{
    struct stat there;
    if (lstat(options->guard, &there) == 0 || errno != ENOENT) {
        return fault_set(fault, STATUS_EXISTS, "guard", "%s is there already", options->guard);
    }
    enum status status = options_role(&ceremony->role, options, fault);
    if (status == STATUS_OK && ceremony->role != ROLE_TRANSFER && options->promises != 0) {
        return fault_set(fault, STATUS_INVALID, "promises", "for role transfer only");
    }
    status = status == STATUS_OK
                 ? signer_policies_walk(&ceremony->policy, options->policy, version_keep, ceremony, fault)
                 : status;
    status = status == STATUS_OK ? command_read(ceremony, options->command, fault) : status;
    status = status == STATUS_OK ? key_check(ceremony, options, fault) : status;
    status = status == STATUS_OK ? role_check(ceremony, options, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    struct guard_state state;
    state_first(&state, ceremony, (uint64_t)options->promises);
    return guard_create(options->guard, &state, &ceremony->key, ceremony->versions, fault);
}

int initialise_main(const struct options *options)
{
    struct fault fault = {0};
    struct ceremony ceremony = {0};
    enum status status = initialise(&ceremony, options, &fault);
    versions_wipe(&ceremony);
    if (status != STATUS_OK) {
        return start_refused(&fault);
    }
    log_event(LOG_LEVEL_INFO, "guard.initialised", "role", options->role, "guard", options->guard, NULL);
    return 0;
}
