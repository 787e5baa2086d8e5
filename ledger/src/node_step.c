/*
 * The steps that make blocks. Each leaves the disk in a state from which the next start goes on:
 *
 *   propose: the proposal is ordered              a crash before: submitted again; after: executed
 *   execute: block and state, one transaction     a crash before: executed again to the same bytes; after: certified
 *   certify: the validator remembers and signs,   a crash before: signs the same header again; after: confirmed
 *            the certificate is stored
 *
 * No thread here, see producer.c.
 */
#include "base/crashpoint.h"
#include "base/log.h"
#include "node_internal.h"

#define IDLE_US 1000000
#define BACKOFF_FIRST_US 10000
#define BACKOFF_LAST_US 2000000
#define ORDERED_KEPT 1024 /* confirmed heights that stay readable in the ordering engine */

static void format_height(char out24[24], uint64_t height)
{
    (void)snprintf(out24, 24, "%llu", (unsigned long long)height);
}

/* The blocks go on. */
static void note_progress(struct ledger_node *node)
{
    node->backoff_us = 0;
    node_lock(node);
    node->stalled_since_us = 0;
    node->reason[0] = '\0';
    node_unlock(node);
}

static void set_reason(struct ledger_node *node, enum status status, const struct fault *fault)
{
    (void)snprintf(node->reason, sizeof(node->reason), "%s: %s: %s", status_info(status)->code, fault->where,
                   fault->detail);
}

static void note_retry(struct ledger_node *node, enum status status, const struct fault *fault, int64_t now_us)
{
    if (node->backoff_us == 0) {
        log_fault("ledger.stalled", fault); /* once per stall */
        node->backoff_us = BACKOFF_FIRST_US;
    } else if (node->backoff_us < BACKOFF_LAST_US) {
        node->backoff_us *= 2;
    }
    node->retry_at_us = now_us + node->backoff_us;
    node_lock(node);
    if (node->stalled_since_us == 0) {
        node->stalled_since_us = now_us;
    }
    set_reason(node, status, fault);
    node_unlock(node);
}

static void halt(struct ledger_node *node, enum status status, const struct fault *fault)
{
    node_lock(node);
    node->halted = true;
    set_reason(node, status, fault);
    INVARIANT(pthread_cond_broadcast(&node->settled) == 0);
    node_unlock(node);
    log_event(LOG_LEVEL_ERROR, "ledger.halted", "code", status_info(status)->code, "where", fault->where, "detail",
              fault->detail, NULL);
}

/* Best effort: what is not trimmed now is trimmed later. */
static void trim_ordered(struct ledger_node *node)
{
    struct fault fault = {0};
    uint64_t height = node->tip.height;
    if (height % ORDERED_KEPT == 0 && height > ORDERED_KEPT &&
        node->ordering->calls->trim(node->ordering->self, height - ORDERED_KEPT, &fault) != STATUS_OK) {
        log_fault("ledger.trim", &fault);
    }
}

static void note_confirmed(struct ledger_node *node, const struct bytes *certificate)
{
    char height[24];
    format_height(height, node->tip.height);
    ledger_certificate_digest(&node->tip.certificate, certificate->data, certificate->len);
    node_lock(node);
    node->confirmed_height = node->tip.height;
    INVARIANT(pthread_cond_broadcast(&node->settled) == 0);
    node_unlock(node);
    log_event(LOG_LEVEL_DEBUG, "ledger.confirmed", "height", height, NULL);
    trim_ordered(node);
}

static enum status ledger_store_certificate(struct ledger_node *node, const struct bytes *certificate,
                                            struct fault *fault)
{
    struct view view;
    enum status status = view_begin(&view, &node->store, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_record_put(&view, STORE_CERTIFICATES, node->tip.height, certificate, fault);
    if (status == STATUS_OK) {
        status = view_before_clear(&view, fault);
    }
    if (status != STATUS_OK) {
        view_abort(&view);
        return status;
    }
    CRASHPOINT("ledger.before_certificate");
    return view_commit(&view, fault);
}

/* Out: owned by the caller. */
static enum status read_header(struct bytes *out, const struct ledger_node *node, struct fault *fault)
{
    struct view view;
    MDB_val stored;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_record(&stored, &view, STORE_HEADERS, node->tip.height, fault);
    if (status == STATUS_OK) {
        status = bytes_copy(out, stored.mv_data, stored.mv_size);
    }
    view_abort(&view);
    return status == STATUS_OK ? status : fault_set(fault, status, "header", "reading it for the validator");
}

static enum status sign_header(struct bytes *certificate, struct ledger_node *node, const struct bytes *header,
                               struct fault *fault)
{
    struct ledger_certificate signatures = {.count = 1};
    const struct ledger_validators *validators = &node->genesis.validators;
    enum status status = node->host.sign_header(node->host.context, &signatures.signatures[0], &validators->keys[0],
                                                header->data, header->len, fault);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "validator", "could not sign");
    }
    CRASHPOINT("ledger.signed");
    status = ledger_certificate_verify(&signatures, validators, header->data, header->len, fault);
    return status == STATUS_OK ? ledger_certificate_encode(certificate, &signatures, fault) : status;
}

static enum status step_certify(struct ledger_node *node, struct fault *fault)
{
    struct bytes header = {0};
    struct bytes certificate = {0};
    enum status status = read_header(&header, node, fault);
    if (status == STATUS_OK) {
        status = sign_header(&certificate, node, &header, fault);
    }
    if (status == STATUS_OK) {
        status = ledger_store_certificate(node, &certificate, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("ledger.certified");
        note_confirmed(node, &certificate);
    }
    bytes_free(&header);
    bytes_free(&certificate);
    return status;
}

static void note_executed(struct ledger_node *node, const struct results *results)
{
    node_lock(node);
    node->height = node->tip.height;
    for (size_t i = 0; i < results->count; i++) {
        mempool_remove(&node->pool, &results->ids[i]);
    }
    node_unlock(node);
}

static enum status execute_in(struct block *block, struct view *view, const struct ledger_node *node,
                              const struct ledger_proposal *proposal, struct fault *fault)
{
    const struct stage stage = {.view = view, .rules = &node->rules};
    enum status status = block_execute(block, &stage, &node->tip, proposal, fault);
    return status == STATUS_OK ? block_store(view, block, proposal, fault) : status;
}

static enum status step_execute(struct ledger_node *node, const struct ledger_proposal *proposal, struct fault *fault)
{
    struct view view;
    struct block block = {0};
    struct tip tip = node->tip;
    enum status status = view_begin(&view, &node->store, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = execute_in(&block, &view, node, proposal, fault);
    if (status == STATUS_OK) {
        status = tip_advance(&tip, &block);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("ledger.before_execute");
        status = view_commit(&view, fault);
    }
    view_abort(&view);
    if (status == STATUS_OK) {
        CRASHPOINT("ledger.executed");
        node->tip = tip;
        note_executed(node, &block.results);
    }
    block_free(&block);
    return status;
}

/* Rows that share the entries' documents; nobody but the stepping thread removes entries. */
static enum status cut_batch(struct ledger_batch *out, struct ledger_node *node)
{
    node_lock(node);
    struct ledger_batch batch = {.count = mempool_cut(&node->pool)};
    batch.rows = calloc(batch.count + 1, sizeof(batch.rows[0]));
    for (size_t i = 0; batch.rows != NULL && i < batch.count; i++) {
        batch.rows[i] = node->pool.entries[i]->row; /* borrowed */
    }
    node_unlock(node);
    *out = batch;
    return batch.rows == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status step_propose(struct ledger_node *node, struct fault *fault)
{
    struct ledger_batch batch;
    struct ledger_proposal proposal = {.time_utc_us = clock_utc_us(node->host.clock)};
    if (cut_batch(&batch, node) != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, "batch", "cutting");
    }
    enum status status = ledger_batch_encode(&proposal.batch, &batch, fault);
    free(batch.rows);
    if (status != STATUS_OK) {
        return status;
    }
    if (node->host.audit_head != NULL) {
        node->host.audit_head(node->host.context, &proposal.audit);
    }
    CRASHPOINT("ledger.before_order");
    status = node->ordering->calls->submit(node->ordering->self, node->tip.height + 1, &proposal, fault);
    ledger_proposal_free(&proposal);
    if (status == STATUS_OK) {
        CRASHPOINT("ledger.ordered");
    } else if (status == STATUS_CONFLICT) {
        fault_clear(fault);
        status = STATUS_OK; /* the race is lost: the next step executes the winner, ours still wait */
    }
    return status;
}

static enum status propose_when_due(struct ledger_node *node, int64_t *wait_us, struct fault *fault)
{
    node_lock(node);
    int64_t due = mempool_due_us(&node->pool, clock_monotonic_us(node->host.clock));
    node_unlock(node);
    if (due != 0) {
        *wait_us = due < 0 ? IDLE_US : due;
        return STATUS_OK;
    }
    return step_propose(node, fault);
}

static enum status step_work(struct ledger_node *node, int64_t *wait_us, struct fault *fault)
{
    bool certified = node->tip.height == 0 || !digest_is_zero(&node->tip.certificate);
    if (!certified) {
        return step_certify(node, fault);
    }
    struct ledger_proposal proposal = {0};
    enum status status = node->ordering->calls->read(node->ordering->self, &proposal, node->tip.height + 1, 0, fault);
    if (status == STATUS_NOT_FOUND) {
        return propose_when_due(node, wait_us, fault);
    }
    if (status == STATUS_OK) {
        status = step_execute(node, &proposal, fault);
    }
    ledger_proposal_free(&proposal);
    return status;
}

enum status ledger_node_step(struct ledger_node *node, int64_t *wait_us)
{
    struct fault fault = {0};
    int64_t now_us = clock_monotonic_us(node->host.clock);
    node_lock(node);
    bool halted = node->halted;
    node_unlock(node);
    if (halted) {
        return STATUS_HALTED;
    }
    *wait_us = 0;
    if (node->backoff_us > 0 && now_us < node->retry_at_us) {
        *wait_us = node->retry_at_us - now_us;
        return STATUS_OK;
    }
    enum status status = step_work(node, wait_us, &fault);
    if (status == STATUS_OK) {
        note_progress(node);
        return STATUS_OK;
    }
    (void)fault_set(&fault, status, "node", "making a block");
    if (!status_info(status)->retryable) {
        halt(node, status, &fault);
        return STATUS_HALTED;
    }
    note_retry(node, status, &fault, now_us);
    *wait_us = node->backoff_us;
    return STATUS_OK;
}
