/*
 * The thread that steps: a shell around ledger_node_step, with no decision of its own.
 */
#include "node_internal.h"

#define SECOND_US 1000000
#define MICROSECOND_NS 1000

static struct timespec deadline_after(int64_t wait_us)
{
    struct timespec at;
    INVARIANT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    int64_t ns = at.tv_nsec + (wait_us % SECOND_US) * MICROSECOND_NS;
    at.tv_sec += wait_us / SECOND_US + ns / (SECOND_US * (int64_t)MICROSECOND_NS);
    at.tv_nsec = ns % (SECOND_US * (int64_t)MICROSECOND_NS);
    return at;
}

/* Waits until there may be work. A submission that came during the step is not missed: the batch's age is looked at. */
static bool wait_for_work(struct ledger_node *node, int64_t wait_us, bool halted)
{
    node_lock(node);
    if (wait_us > 0 && node->pool.count > 0 && node->backoff_us == 0) {
        int64_t due = mempool_due_us(&node->pool, clock_monotonic_us(node->host.clock));
        wait_us = due < wait_us ? due : wait_us;
    }
    struct timespec deadline = deadline_after(wait_us);
    if (!node->stopping && halted) {
        (void)pthread_cond_wait(&node->work, &node->lock);
    } else if (!node->stopping && wait_us > 0) {
        (void)pthread_cond_timedwait(&node->work, &node->lock, &deadline);
    }
    bool stopping = node->stopping;
    node_unlock(node);
    return !stopping;
}

static void *produce(void *argument)
{
    struct ledger_node *node = argument;
    int64_t wait_us = 0;
    bool halted = false;
    do {
        halted = ledger_node_step(node, &wait_us) == STATUS_HALTED;
    } while (wait_for_work(node, wait_us, halted));
    return NULL;
}

enum status ledger_node_start(struct ledger_node *node, struct fault *fault)
{
    INVARIANT(!node->started);
    node->stopping = false;
    if (pthread_create(&node->producer, NULL, produce, node) != 0) {
        return fault_set(fault, STATUS_UNAVAILABLE, "producer", "could not start a thread");
    }
    node->started = true;
    return STATUS_OK;
}

void ledger_node_stop(struct ledger_node *node)
{
    if (!node->started) {
        return;
    }
    node_lock(node);
    node->stopping = true;
    INVARIANT(pthread_cond_broadcast(&node->work) == 0);
    node_unlock(node);
    INVARIANT(pthread_join(node->producer, NULL) == 0);
    node->started = false;
}
