/*
 * The node's life: opening (which is replaying), closing, and where it stands.
 */
#include "node_internal.h"

void node_lock(struct ledger_node *node)
{
    INVARIANT(pthread_mutex_lock(&node->lock) == 0);
}

void node_unlock(struct ledger_node *node)
{
    INVARIANT(pthread_mutex_unlock(&node->lock) == 0);
}

static void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    INVARIANT(pthread_condattr_init(&attributes) == 0);
    INVARIANT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    INVARIANT(pthread_cond_init(condition, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

static enum status load_genesis(struct ledger_node *node, const struct bytes *genesis, struct fault *fault)
{
    enum status status = ledger_genesis_decode(&node->genesis, genesis->data, genesis->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (node->genesis.validators.count != 1) {
        return fault_set(fault, STATUS_VERSION, "validators", "this program runs one validator, the genesis has %zu",
                         node->genesis.validators.count);
    }
    node->rules.genesis = &node->genesis;
    ledger_genesis_chain(&node->rules.chain, genesis->data, genesis->len);
    return ledger_validators_digest(&node->rules.validators, &node->genesis.validators, fault);
}

enum status ledger_node_open(struct ledger_node **out, const char *path, const struct bytes *genesis,
                             struct ledger_ordering *ordering, const struct ledger_node_host *host, struct fault *fault)
{
    struct ledger_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "node", "opening");
    }
    node->ordering = ordering;
    node->host = *host;
    INVARIANT(pthread_mutex_init(&node->lock, NULL) == 0);
    condition_init(&node->settled);
    condition_init(&node->work);
    enum status status = load_genesis(node, genesis, fault);
    if (status == STATUS_OK) {
        status = ledger_store_open(&node->store, path, genesis, fault);
    }
    if (status == STATUS_OK) {
        status = node_replay(node, fault);
    }
    if (status != STATUS_OK) {
        ledger_node_close(node);
        return status;
    }
    *out = node; /* transferred */
    return STATUS_OK;
}

void ledger_node_close(struct ledger_node *node)
{
    if (node == NULL) {
        return;
    }
    ledger_node_stop(node);
    mempool_wipe(&node->pool);
    ledger_store_close(&node->store);
    (void)pthread_cond_destroy(&node->work);
    (void)pthread_cond_destroy(&node->settled);
    (void)pthread_mutex_destroy(&node->lock);
    free(node);
}

void ledger_node_status(struct ledger_node *node, struct ledger_node_status *out)
{
    node_lock(node);
    *out = (struct ledger_node_status){
        .chain = node->rules.chain,
        .height = node->height,
        .confirmed_height = node->confirmed_height,
        .mempool = node->pool.count,
        .halted = node->halted,
    };
    memcpy(out->reason, node->reason, sizeof(out->reason));
    node_unlock(node);
}

const struct ledger_genesis *ledger_node_genesis(const struct ledger_node *node)
{
    return &node->genesis;
}
