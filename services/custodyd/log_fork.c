/*
 * Beginning a log after another one that ended in an incident. Two steps, each of which may be taken again: ordinals
 * begin anew while the trail is empty, then the order is kept.
 */
#include "log_fork.h"

#include <stdio.h>

#include "base/canon.h"
#include "base/file.h"
#include "base/signed.h"
#include "key_papers.h"
#include "log_orders_kept.h"
#include "policies.h"
#include "policy/command.h"
#include "service.h"
#include "store/document.h"
#include "store/outbox.h"
#include "store/trail_write.h"

#define STATEMENT_TIMEOUT_MS 60000

struct order {
    struct signed_document document;
    struct command command;
};

static enum status decode_order(struct order *out, const void *text, size_t len, struct fault *fault)
{
    enum status status = signed_document_parse(&out->document, text, len, "order", fault);
    if (status == STATUS_OK) {
        status = command_decode(&out->command, out->document.document.data, out->document.document.len, fault);
    }
    return status == STATUS_OK && out->command.action != COMMAND_LOG_FORK
               ? fault_set(fault, STATUS_INVALID, "order", "must be an order log.fork, it is %s",
                           command_action_text(out->command.action))
               : status;
}

static enum status read_order(struct order *out, const struct custodyd_options *options, struct fault *fault)
{
    struct bytes text = {0};
    enum status status = file_read_document(&text, options->order, SIGNED_TEXT_MAX, "order", fault);
    status = status == STATUS_OK ? decode_order(out, text.data, text.len, fault) : status;
    bytes_free(&text);
    if (status == STATUS_OK && strcmp(out->command.log, options->log_keys.texts[0]) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "log-key", "the order is about %s", out->command.log);
    }
    return status;
}

/* What an object had in the log before does not count on in this one. */
static enum status begin_ordinals(struct store_writer *writer, struct fault *fault)
{
    struct store_tx *tx = NULL;
    bool empty = false;
    enum status status = store_writer_lock_alone(writer, fault);
    status = status == STATUS_OK ? store_writer_begin(&tx, writer, STORE_READ_WRITE, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    status = store_trail_is_empty(&empty, tx, fault);
    if (status == STATUS_OK && !empty) {
        status = fault_set(fault, STATUS_EXISTS, "audit", "there is a trail, or events wait for one: nothing was done");
    }
    status = status == STATUS_OK ? store_ordinals_derive(tx, fault) : status;
    if (status == STATUS_OK) {
        return store_commit(tx, fault);
    }
    store_rollback(tx);
    return status;
}

static enum status keep_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct order *order = context;
    const struct key_paper paper = {KEY_PAPER_LOG, &order->document};
    struct digest digest;
    digest_document(&digest, COMMAND_KIND, order->document.document.data, order->document.document.len);
    enum status status = store_outbox_end_put(tx, fault);
    return status == STATUS_OK ? key_paper_keep(&digest, tx, &digest, &paper, fault) : status;
}

/* As whoever begins the log by it will: under the version that it names, at the time that it was issued. */
static enum status verify_order(const struct order *order, struct store *store, const struct custodyd_options *options,
                                struct fault *fault)
{
    struct policies *policies = NULL;
    struct command command;
    enum status status = policies_new(&policies, options->policy, fault);
    status = status == STATUS_OK ? policies_read(policies, store, fault) : status;
    if (status == STATUS_OK) {
        const struct policy_version *named = policies_find(policies, &order->command.policy);
        status =
            named == NULL
                ? fault_set(fault, STATUS_MISMATCH, "order", "names a version of the policy that is not known here")
                : command_verify(&command, &order->document, &named->policy, order->command.issued_at, fault);
    }
    policies_free(policies);
    return status;
}

static enum status open_store(struct store **out, const struct custodyd_options *options, struct fault *fault)
{
    char conninfo[1200];
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_app", options->database);
    const struct store_config config = {.conninfo = conninfo,
                                        .role = "strongroom_app",
                                        .connections = 1,
                                        .acquire_timeout_ms = 5000,
                                        .statement_timeout_ms = STATEMENT_TIMEOUT_MS};
    return store_open(out, &config, fault);
}

enum status log_fork_keep(const struct custodyd_options *options, struct fault *fault)
{
    char conninfo[1200];
    struct audit_key keys[TRAIL_KEYS_MAX];
    struct order order = {0};
    struct store *store = NULL;
    struct store_writer *writer = NULL;
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_sequencer", options->database);
    enum status status = service_log_keys(keys, options, fault);
    status = status == STATUS_OK ? read_order(&order, options, fault) : status;
    status = status == STATUS_OK ? open_store(&store, options, fault) : status;
    status = status == STATUS_OK ? verify_order(&order, store, options, fault) : status;
    status = status == STATUS_OK ? store_writer_open(&writer, conninfo, STATEMENT_TIMEOUT_MS, fault) : status;
    status = status == STATUS_OK ? begin_ordinals(writer, fault) : status;
    store_writer_close(writer);
    status = status == STATUS_OK ? store_transact(store, keep_in, &order, fault) : status;
    store_close(store);
    signed_document_free(&order.document);
    return status;
}

/* Finding it. */

struct finding {
    const char *origin;
    struct sequencer_follows *out;
    int64_t issued_at; /* 0: none was found */
};

/* Of two that begin it the last one: people corrected themselves before the signers took the first. */
static enum status find(void *context, const struct log_order *order, struct fault *fault)
{
    struct finding *finding = context;
    const struct command *command = &order->command;
    struct audit_key log;
    enum status status = audit_key_parse(&log, command->log, fault);
    if (status == STATUS_OK && command->action == COMMAND_LOG_FORK && strcmp(log.name, finding->origin) == 0 &&
        command->issued_at > finding->issued_at) {
        finding->issued_at = command->issued_at;
        *finding->out =
            (struct sequencer_follows){.size = command->size, .root = command->root, .order = order->digest};
    }
    return status;
}

enum status log_fork_read(struct sequencer_follows *out, const struct service *service, struct fault *fault)
{
    struct finding finding = {.origin = service->options.origin, .out = out};
    const struct log_orders_visitor visitor = {.take = find, .context = &finding};
    enum status status = log_orders_visit(&visitor, service, fault);
    return status == STATUS_OK && finding.issued_at == 0
               ? fault_set(fault, STATUS_NOT_FOUND, "origin",
                           "no order of this database begins it; custodyd fork keeps the order")
               : status;
}
