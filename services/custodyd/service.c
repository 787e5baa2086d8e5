/*
 * Making and taking apart a running service: what it is made of, in the order in which the parts depend on each other.
 */
#include "service.h"

#include <errno.h>
#include <sys/stat.h>

#include "audit/log_keys.h"
#include "base/file.h"
#include "base/log.h"
#include "gate.h"
#include "key_board.h"
#include "log_fork.h"
#include "logins.h"
#include "rarely.h"
#include "record.h"
#include "refusals.h"
#include "routes.h"
#include "sequencer.h"
#include "signers.h"
#include "token_code.h"
#include "trail_owed.h"
#include "watch.h"
#include "witnesses.h"
#include "workers.h"

#define FILE_MAX (2 * CANON_POLICY_MAX)
#define STATEMENT_TIMEOUT_MS 10000
#define ACQUIRE_TIMEOUT_MS 5000
#define SIGNER_CONNECTIONS 4
#define URGENT_SESSIONS 2
#define URGENT_SIGNER_CONNECTIONS 2
#define ADDRESSES_REMEMBERED 4096
#define TOKENS_REMEMBERED 1024
#define LIMIT_TOLD_US (3600 * INT64_C(1000000))
#define UNDONE_TOLD_US (3600 * INT64_C(1000000))
#define TOKEN_TOLD_US (60 * INT64_C(1000000))

/* A fault within a file or folder, as one of the option that names it. */
static enum status name_path(struct fault *fault, const struct fault *inner, const char *option, const char *path)
{
    if (strcmp(inner->where, option) == 0) {
        return fault_set(fault, inner->status, option, "%s", inner->detail);
    }
    bool further = inner->where[0] != '\0' && strcmp(inner->where, path) != 0;
    return fault_set(fault, inner->status, option, "%s: %s%s%s", path, further ? inner->where : "", further ? ": " : "",
                     inner->detail);
}

const struct policy *service_policy(const struct service *service)
{
    return &policies_in_force(service->policies)->policy;
}

const struct policy *service_policy_named(const struct service *service, const struct digest *digest)
{
    const struct policy_version *version = policies_find(service->policies, digest);
    return version == NULL ? NULL : &version->policy;
}

static enum status load_policy(struct service *service, struct fault *fault)
{
    return policies_new(&service->policies, service->options.policy, fault);
}

static enum status load_genesis(struct service *service, struct fault *fault)
{
    enum status status = file_read_document(&service->genesis, service->options.genesis, FILE_MAX, "genesis", fault);
    if (status != STATUS_OK) {
        return status;
    }
    ledger_genesis_chain(&service->chain, service->genesis.data, service->genesis.len);
    if (!digest_equal(&service->chain, &service_policy(service)->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "genesis", "the policy is for another ledger");
    }
    return STATUS_OK;
}

static enum status open_store(struct store **out, const struct service *service, const char *role, int64_t connections,
                              struct fault *fault)
{
    char conninfo[1200];
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=%s", service->options.database, role);
    const struct store_config config = {
        .conninfo = conninfo,
        .role = role,
        .connections = (unsigned)connections,
        .acquire_timeout_ms = ACQUIRE_TIMEOUT_MS,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
    return store_open(out, &config, fault);
}

static enum status open_stores(struct service *service, struct fault *fault)
{
    int64_t connections = service->options.database_connections;
    enum status status = open_store(&service->store, service, "strongroom_app", connections, fault);
    if (status == STATUS_OK) {
        status = open_store(&service->urgent_store, service, "strongroom_app", URGENT_SESSIONS, fault);
    }
    if (status == STATUS_OK) {
        status = open_store(&service->reader, service, "strongroom_auditor", connections, fault);
    }
    return status == STATUS_OK ? policies_read(service->policies, service->store, fault) : status;
}

static enum status open_signers(struct service *service, struct fault *fault)
{
    const char *const paths[] = {
        [WIRE_ROLE_TRANSFER] = service->options.transfer_socket,
        [WIRE_ROLE_AUDIT] = service->options.audit_socket,
        [WIRE_ROLE_VALIDATOR] = service->options.validator_socket,
        [WIRE_ROLE_PRIVACY] = service->options.privacy_socket,
    };
    enum status status = key_board_new(&service->board, fault);
    service->role_count = service->options.privacy_socket[0] == '\0' ? WIRE_ROLE_PRIVACY : WIRE_ROLE_PRIVACY + 1;
    for (int role = WIRE_ROLE_TRANSFER; status == STATUS_OK && role < service->role_count; role++) {
        struct wire_pool_config config = {
            .path = paths[role], .role = (enum wire_role)role, .connections = SIGNER_CONNECTIONS};
        status = wire_pool_new(&service->signers[role], &config, fault);
        config.connections = URGENT_SIGNER_CONNECTIONS;
        status = status == STATUS_OK ? wire_pool_new(&service->urgent_signers[role], &config, fault) : status;
    }
    return status;
}

static enum status open_gate(struct service *service, struct fault *fault)
{
    const struct custodyd_options *options = &service->options;
    const struct gate_config config = {
        .clock = service->clock,
        .token_rate = options->token_rate,
        .told_rate = options->read_rate,
        .address_rate = options->address_rate,
        .served = (unsigned)options->token_served,
        .inside = (unsigned)options->token_requests,
        .addresses = ADDRESSES_REMEMBERED,
        .tokens = TOKENS_REMEMBERED,
    };
    enum status status = gate_new(&service->gate, &config, fault);
    if (status == STATUS_OK) {
        status = refusals_new(&service->refusals, service->clock, (uint64_t)options->refusals, fault);
    }
    if (status == STATUS_OK) {
        status = trail_owed_new(&service->reads_owed, fault);
    }
    if (status == STATUS_OK) {
        status = rarely_new(&service->limits_told, service->clock, LIMIT_TOLD_US, fault);
    }
    if (status == STATUS_OK) {
        status = rarely_new(&service->undone_told, service->clock, UNDONE_TOLD_US, fault);
    }
    if (status == STATUS_OK) {
        status = rarely_new(&service->tokens_told, service->clock, TOKEN_TOLD_US, fault);
    }
    return status == STATUS_OK ? logins_new(&service->logins, service->clock, fault) : status;
}

_Static_assert(OPTION_LIST_MAX <= TRAIL_KEYS_MAX, "every key that can be named fits");
enum status service_log_keys(struct audit_key out[TRAIL_KEYS_MAX], const struct custodyd_options *options,
                             struct fault *fault)
{
    enum status status = options->log_keys.count > 0 ? STATUS_OK : fault_set(fault, STATUS_USAGE, "log-key", "name it");
    for (size_t i = 0; status == STATUS_OK && i < options->log_keys.count; i++) {
        struct fault inner = {0};
        status = audit_key_parse(&out[i], options->log_keys.texts[i], &inner);
        if (status != STATUS_OK) {
            return fault_set(fault, status, "log-key", "%s", inner.detail);
        }
        if (strcmp(out[i].name, options->origin) != 0) {
            status = fault_set(fault, STATUS_MISMATCH, "log-key", "is not the key of the origin %s", options->origin);
        }
    }
    return status;
}

enum status service_pending_key(struct secret *out, const struct custodyd_options *options, struct fault *fault)
{
    const char *path = options->pending_key;
    struct secret line = {0};
    struct digest key = {0};
    struct fault inner = {0};
    enum status status = secret_read_file(&line, path, &inner);
    if (status != STATUS_OK) {
        inner.status = status == STATUS_IO ? STATUS_INVALID : status; /* starting again will not help */
        return name_path(fault, &inner, "pending-key", path);
    }
    status = digest_parse(&key, (const char *)line.data);
    secret_free(&line);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "pending-key", "%s must be one line of 64 hexadecimal digits", path);
    }
    status = secret_new(out, TRAIL_PENDING_KEY_LEN);
    if (status == STATUS_OK) {
        memcpy(out->data, key.bytes32, TRAIL_PENDING_KEY_LEN);
    }
    secret_wipe(&key, sizeof(key));
    return status;
}

enum status service_trail_open(struct trail **out, const struct custodyd_options *options, const struct clock *clock,
                               struct store *reader, const struct audit_key *log_keys, struct fault *fault)
{
    struct secret pending_key = {0};
    enum status status = service_pending_key(&pending_key, options, fault);
    if (status == STATUS_OK) {
        const struct trail_config config = {.clock = clock,
                                            .reader = reader,
                                            .keys = log_keys,
                                            .key_count = options->log_keys.count,
                                            .pending_key = &pending_key};
        status = trail_open(out, &config, fault);
    }
    secret_free(&pending_key);
    return status;
}

static enum status open_trail(struct service *service, struct fault *fault)
{
    enum status status = service_log_keys(service->log_keys, &service->options, fault);
    if (status == STATUS_OK) {
        status = service_trail_open(&service->trail, &service->options, service->clock, service->reader,
                                    service->log_keys, fault);
    }
    status = status == STATUS_OK ? token_key_read(&service->token_key, &service->options, fault) : status;
    return status == STATUS_OK && audit_origin_epoch(service->options.origin) > 1
               ? log_fork_read(&service->follows, service, fault)
               : status;
}

static enum status start_sequencer(struct service *service, struct fault *fault)
{
    char conninfo[1200];
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_sequencer", service->options.database);
    const struct sequencer_config config = {
        .clock = service->clock,
        .conninfo = conninfo,
        .trail = service->trail,
        .signer = signers_checkpoint(service),
        .anchors = signers_anchors(service),
        .follows = audit_origin_epoch(service->options.origin) > 1 ? &service->follows : NULL,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
    return sequencer_start(&service->sequencer, &config, fault);
}

static enum status open_node(struct service *service, struct fault *fault)
{
    char ordering[OPTION_PATH_SIZE + 16];
    char node[OPTION_PATH_SIZE + 16];
    (void)snprintf(ordering, sizeof(ordering), "%s/ordering", service->options.data);
    (void)snprintf(node, sizeof(node), "%s/node", service->options.data);
    if (mkdir(service->options.data, 0700) != 0 && errno != EEXIST) {
        return fault_set(fault, STATUS_IO, "data", "could not make %s: %s", service->options.data, strerror(errno));
    }
    struct fault inner = {0};
    inner.status = ledger_ordering_local_open(&service->ordering, ordering, &service->chain, &inner);
    if (inner.status != STATUS_OK) {
        return name_path(fault, &inner, "data", ordering);
    }
    inner.status = ledger_node_open(&service->node, node, &service->genesis, &service->ordering,
                                    signers_node_host(service), &inner);
    if (inner.status != STATUS_OK) {
        return name_path(fault, &inner, "data", node);
    }
    return signers_check_height(service, fault);
}

static enum status open_witnesses(struct service *service, struct fault *fault)
{
    const char *word = service->options.witness_tier;
    for (enum wallet_tier tier = TIER_HOT; tier <= TIER_COLD; tier++) {
        if (strcmp(word, policy_tier_text(tier)) == 0) {
            service->witness_tier = tier;
        }
    }
    if (word[0] != '\0' && service->witness_tier == 0) {
        return fault_set(fault, STATUS_INVALID, "witness-tier", "must be hot, warm or cold");
    }
    if (service->options.witnesses[0] == '\0') {
        return word[0] == '\0' ? STATUS_OK
                               : fault_set(fault, STATUS_INVALID, "witness-tier", "there are no witnesses to wait for");
    }
    return witnesses_open(&service->witnesses, service, fault);
}

static enum status start_witnesses(struct service *service, struct fault *fault)
{
    return witnesses_start(service->witnesses, fault);
}

static enum status start_node(struct service *service, struct fault *fault)
{
    return ledger_node_start(service->node, fault);
}

struct starting {
    const struct service *service;
    struct trail_start start;
};

static enum status log_start_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct trail_ticket ticket;
    const struct starting *starting = context;
    return trail_enqueue_state(&ticket, starting->service->trail, tx, AUDIT_SERVICE_START, &starting->start, fault);
}

static enum status log_start(struct service *service, struct fault *fault)
{
    struct starting starting = {.service = service, .start = {.schema = STORE_SCHEMA_VERSION}};
    enum status status = file_program_digest(&starting.start.program, fault);
    if (status == STATUS_OK) {
        status = custodyd_options_digest(&starting.start.configuration, &service->options, fault);
    }
    return status == STATUS_OK ? store_transact(service->store, log_start_in, &starting, fault) : status;
}

static enum status log_stop_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct trail_ticket ticket;
    const struct service *service = context;
    return trail_enqueue_state(&ticket, service->trail, tx, AUDIT_SERVICE_STOP, NULL, fault);
}

static enum status start_workers(struct service *service, struct fault *fault)
{
    enum status status = log_start(service, fault);
    if (status == STATUS_OK) {
        status = log_fork_end(service, fault);
    }
    return status == STATUS_OK ? workers_start(&service->workers, service, (unsigned)service->options.workers, fault)
                               : status;
}

static enum status start_watch(struct service *service, struct fault *fault)
{
    return watch_start(&service->watch, service, fault);
}

typedef enum status make_part(struct service *service, struct fault *fault);

/* What can be refused is refused while parts are opened; none of them writes into the database. */
static make_part *const parts_to_open[] = {load_policy,  load_genesis, open_gate,      open_stores,
                                           open_signers, open_trail,   open_witnesses, open_node};
static make_part *const parts_to_start[] = {start_sequencer, start_witnesses, start_node, start_workers, start_watch};

static enum status make_parts(struct service *service, make_part *const *parts, size_t count, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = parts[i](service, fault);
    }
    return status;
}

enum status service_open(struct service **out, const struct custodyd_options *options, struct fault *fault)
{
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "service", "%s", "");
    }
    service->clock = clock_system();
    service->options = *options;
    enum status status = make_parts(service, parts_to_open, sizeof(parts_to_open) / sizeof(parts_to_open[0]), fault);
    if (status != STATUS_OK) {
        service_close(service);
        return status;
    }
    *out = service;
    return STATUS_OK;
}

enum status service_start(struct service *service, struct fault *fault)
{
    return make_parts(service, parts_to_start, sizeof(parts_to_start) / sizeof(parts_to_start[0]), fault);
}

void service_close(struct service *service)
{
    if (service == NULL) {
        return;
    }
    struct fault fault = {0};
    watch_stop(service->watch);
    if (service->workers != NULL) {
        workers_stop(service->workers); /* first: what a step under way still enters comes before the stop */
        service_tell_refusals(service, true);
        trail_owed_tell(service->reads_owed, service->trail, service->store);
        if (store_transact(service->store, log_stop_in, service, &fault) != STATUS_OK) {
            log_fault("service.stop", &fault);
        }
    }
    witnesses_stop(service->witnesses);
    if (service->node != NULL) {
        ledger_node_stop(service->node); /* it asks the trail for its head, and the sequencer asks it for anchors */
    }
    sequencer_stop(service->sequencer);
    ledger_node_close(service->node);
    ledger_ordering_close(&service->ordering);
    trail_close(service->trail);
    secret_free(&service->token_key);
    for (int role = WIRE_ROLE_TRANSFER; role < service->role_count; role++) {
        wire_pool_free(service->signers[role]);
        wire_pool_free(service->urgent_signers[role]);
    }
    key_board_free(service->board);
    store_close(service->reader);
    store_close(service->store);
    store_close(service->urgent_store);
    gate_free(service->gate);
    refusals_free(service->refusals);
    trail_owed_free(service->reads_owed);
    logins_free(service->logins);
    rarely_free(service->limits_told);
    rarely_free(service->undone_told);
    rarely_free(service->tokens_told);
    policies_free(service->policies);
    bytes_free(&service->genesis);
    free(service);
}
