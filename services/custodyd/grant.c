/*
 * Granting and revoking bearer tokens. The token and its entry in the trail are one transaction.
 */
#include "grant.h"

#include <sys/random.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "service.h"
#include "store/token.h"
#include "token_code.h"
#include "trail.h"

#define TOKEN_BYTES 32
#define TOKEN_SIZE (3 + 43 + 1) /* "sr_", base64url without padding, NUL */

struct grant {
    struct trail *trail;
    struct store_token row;
};

static enum status parse_roles(char out[STORE_ROLES_SIZE], const char *text, struct fault *fault)
{
    static const char *const known[] = {"requester", "approver", "auditor", "operator", "custodian", "automated"};
    size_t used = 0;
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, ",");
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            found = found || (strlen(known[i]) == len && strncmp(known[i], at, len) == 0);
        }
        if (!found || used + len + 2 > STORE_ROLES_SIZE) {
            return fault_set(fault, STATUS_INVALID, "roles",
                             "must be of requester, approver, auditor, operator, custodian, automated");
        }
        memcpy(out + used, at, len);
        used += len;
        out[used++] = ' ';
        at += len + (at[len] == ',' ? 1 : 0);
    }
    if (used == 0) {
        return fault_set(fault, STATUS_INVALID, "roles", "at least one");
    }
    out[used - 1] = '\0';
    return STATUS_OK;
}

static enum status make_token(char out[TOKEN_SIZE], struct fault *fault)
{
    uint8_t drawn[TOKEN_BYTES];
    struct buffer text;
    struct bytes base64 = {0};
    if (getrandom(drawn, sizeof(drawn), 0) != (ssize_t)sizeof(drawn)) {
        return fault_set(fault, STATUS_INTERNAL, "token", "the kernel gave no random bytes");
    }
    buffer_init(&text);
    buffer_append_base64(&text, drawn, sizeof(drawn));
    enum status status = buffer_finish(&base64, &text);
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(out, TOKEN_SIZE, "sr_%.43s", (const char *)base64.data);
    for (char *at = out; *at != '\0'; at++) { /* RFC 4648 section 5 */
        *at = *at == '+' ? '-' : *at;
        *at = *at == '/' ? '_' : *at;
    }
    bytes_free(&base64);
    return STATUS_OK;
}

static enum status enqueue(struct store_tx *tx, const struct grant *grant, enum audit_action action,
                           struct fault *fault)
{
    struct trail_ticket ticket;
    struct audit_event event = {.action = action, .outcome = AUDIT_OUTCOME_OK, .actor = grant->row.person};
    enum status status = audit_event_ref_add(&event, "token", &grant->row.digest, fault);
    if (status == STATUS_OK) {
        char roles[STORE_ROLES_SIZE];
        (void)snprintf(roles, sizeof(roles), "%s", grant->row.roles);
        for (char *at = roles; *at != '\0'; at++) {
            *at = *at == ' ' ? ',' : *at;
        }
        status = audit_event_fact_add(&event, "roles", roles, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, grant->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status grant_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct grant *grant = context;
    enum status status = store_token_insert(tx, &grant->row, fault);
    return status == STATUS_OK ? enqueue(tx, grant, AUDIT_TOKEN_GRANT, fault) : status;
}

/* The row says whose it is and what it could do. */
static enum status revoke_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct grant *grant = context;
    const struct digest digest = grant->row.digest;
    enum status status = store_token_find(&grant->row, tx, &digest, clock_utc_us(clock_system()), fault);
    if (status == STATUS_OK) {
        status = store_token_revoke(tx, &digest, fault);
    }
    return status == STATUS_OK ? enqueue(tx, grant, AUDIT_TOKEN_REVOKE, fault) : status;
}

/*
 * A token for somebody whom no version knows would be void. Which version is in force the signer says; what a token may
 * is judged at each use.
 */
enum status grant_check_person(const struct name *id, struct store *store, const char *path, struct fault *fault)
{
    struct policies *policies = NULL;
    bool found = false;
    enum status status = policies_new(&policies, path, fault);
    if (status == STATUS_OK) {
        status = policies_read(policies, store, fault);
    }
    if (status == STATUS_OK) {
        for (const struct policy_version *at = policies_newest(policies); at != NULL; at = at->older) {
            found = found || policy_find_person(&at->policy, id) != NULL;
        }
    }
    policies_free(policies);
    return status == STATUS_OK && !found ? fault_set(fault, STATUS_INVALID, "person", "is not in the policy") : status;
}

/* Whose it is must be known, and that we granted it. */
static enum status grant_code(struct grant *grant, const struct custodyd_options *options, struct store *store,
                              struct fault *fault)
{
    struct secret key = {0};
    enum status status = grant_check_person(&grant->row.person, store, options->policy, fault);
    status = status == STATUS_OK ? token_key_read(&key, options, fault) : status;
    if (status == STATUS_OK) {
        token_code(&grant->row.mac, &key, &grant->row);
    }
    secret_free(&key);
    return status;
}

static enum status open_and_write(struct grant *grant, const struct custodyd_options *options, bool revoke,
                                  struct fault *fault)
{
    char conninfo[1200];
    struct store *store = NULL;
    struct store *reader = NULL;
    struct audit_key keys[TRAIL_KEYS_MAX];
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_app", options->database);
    struct store_config config = {.conninfo = conninfo,
                                  .role = "strongroom_app",
                                  .connections = 1,
                                  .acquire_timeout_ms = 5000,
                                  .statement_timeout_ms = 10000};
    enum status status = service_log_keys(keys, options, fault);
    if (status == STATUS_OK) {
        status = store_open(&store, &config, fault);
    }
    if (status == STATUS_OK && !revoke) {
        status = grant_code(grant, options, store, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_auditor", options->database);
        config.role = "strongroom_auditor";
        status = store_open(&reader, &config, fault);
    }
    if (status == STATUS_OK) {
        status = service_trail_open(&grant->trail, options, clock_system(), reader, keys, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(store, revoke ? revoke_in : grant_in, grant, fault);
    }
    trail_close(grant->trail);
    store_close(reader);
    store_close(store);
    return status;
}

enum status grant_token(const struct custodyd_options *options, struct fault *fault)
{
    struct grant grant = {0};
    char token[TOKEN_SIZE];
    if (name_parse(&grant.row.person, options->person) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "person", "must be a name of the policy");
    }
    enum status status = parse_roles(grant.row.roles, options->roles, fault);
    if (status == STATUS_OK) {
        status = make_token(token, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    digest_sha256(&grant.row.digest, token, strlen(token));
    grant.row.expires_at_utc_us = clock_utc_us(clock_system()) + options->days * 86400 * 1000000;
    status = open_and_write(&grant, options, false, fault);
    if (status == STATUS_OK) {
        (void)printf("%s\n", token);
    }
    secret_wipe(token, sizeof(token));
    return status;
}

enum status revoke_token(const struct custodyd_options *options, struct fault *fault)
{
    struct grant grant = {0};
    if (digest_parse(&grant.row.digest, options->token) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "token", "must be the SHA-256 of the token, 64 hexadecimal digits");
    }
    enum status status = open_and_write(&grant, options, true, fault);
    if (status == STATUS_OK) {
        (void)printf("a token of %s is revoked: %s\n", grant.row.person.text, grant.row.roles);
    }
    return status;
}
