/*
 * Token buckets in two tables, of tokens and of addresses, under one mutex. A digest has its row among a few; where
 * none is free, the one that nobody is inside of and that was seen longest ago is taken for another.
 */
#include "gate.h"

#include <pthread.h>
#include <stdlib.h>

#define WAIT_MAX_US 1000000
#define WAIT_US 20000
#define UNIT 1000000 /* of a bucket's level: a request a second fills one in a microsecond */
#define URGENT_RATE 4
#define URGENT_BURST 32
#define TOLD_BURST_S 60
#define PROBES 32

struct bucket {
    int64_t level; /* UNIT: one request */
    int64_t at_us; /* monotonic */
};

struct gate_guest {
    struct digest who;
    bool used;
    int64_t seen_us;
    struct bucket ordinary;
    struct bucket told;
    struct bucket urgent;
    unsigned served;
    unsigned inside;
};

struct table {
    struct gate_guest *rows;
    size_t count;
};

struct gate {
    struct gate_config config;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t worked;
    struct table tokens;
    struct table addresses;
    uint64_t refused;
};

static void bucket_fill(struct bucket *bucket, int64_t now_us, int64_t rate, int64_t burst)
{
    int64_t most = burst * UNIT;
    int64_t passed_us = now_us - bucket->at_us;
    bool full = passed_us >= most / rate;
    bucket->level = full || bucket->level + passed_us * rate > most ? most : bucket->level + passed_us * rate;
    bucket->at_us = now_us;
}

static bool bucket_take(struct bucket *bucket, int64_t now_us, int64_t rate, int64_t burst)
{
    bucket_fill(bucket, now_us, rate, burst);
    if (bucket->level < UNIT) {
        return false;
    }
    bucket->level -= UNIT;
    return true;
}

/* The row of this digest, or NULL with a row that may be taken for it, or none. With the mutex. */
static struct gate_guest *table_find(struct table *table, struct gate_guest **out_free, const struct digest *who)
{
    size_t start = 0;
    struct gate_guest *oldest = NULL;
    memcpy(&start, who->bytes32, sizeof(start));
    for (size_t i = 0; i < PROBES && i < table->count; i++) {
        struct gate_guest *row = &table->rows[(start + i) % table->count];
        if (row->used && digest_equal(&row->who, who)) {
            return row;
        }
        bool better = oldest == NULL || (oldest->used && (!row->used || row->seen_us < oldest->seen_us));
        if ((!row->used || row->inside == 0) && better) {
            oldest = row;
        }
    }
    *out_free = oldest;
    return NULL;
}

/* With the mutex. */
static void row_take(struct gate_guest *row, const struct digest *who, int64_t now_us)
{
    *row = (struct gate_guest){.used = true, .who = *who, .seen_us = now_us};
}

enum status gate_new(struct gate **out, const struct gate_config *config, struct fault *fault)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    pthread_condattr_t attributes;
    if (gate == NULL || pthread_condattr_init(&attributes) != 0) {
        free(gate);
        return fault_set(fault, STATUS_NO_MEMORY, "gate", "%s", "");
    }
    gate->config = *config;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&gate->worked, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&gate->mutex, NULL);
    gate->tokens = (struct table){calloc(config->tokens, sizeof(struct gate_guest)), config->tokens};
    gate->addresses = (struct table){calloc(config->addresses, sizeof(struct gate_guest)), config->addresses};
    if (gate->tokens.rows == NULL || gate->addresses.rows == NULL) {
        gate_free(gate);
        return fault_set(fault, STATUS_NO_MEMORY, "gate", "%s", "");
    }
    *out = gate;
    return STATUS_OK;
}

void gate_free(struct gate *gate)
{
    if (gate == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&gate->worked);
    (void)pthread_mutex_destroy(&gate->mutex);
    free(gate->tokens.rows);
    free(gate->addresses.rows);
    free(gate);
}

void gate_know(struct gate *gate, const struct digest *token)
{
    struct gate_guest *vacant = NULL;
    (void)pthread_mutex_lock(&gate->mutex);
    if (table_find(&gate->tokens, &vacant, token) == NULL && vacant != NULL) {
        row_take(vacant, token, clock_monotonic_us(gate->config.clock));
    }
    (void)pthread_mutex_unlock(&gate->mutex);
}

/* With the mutex. What is not known may always try to stop something: a look at one row of tokens is all it costs. */
static bool address_enter(struct gate *gate, const struct digest *address, bool urgent)
{
    struct gate_guest *vacant = NULL;
    int64_t now_us = clock_monotonic_us(gate->config.clock);
    struct gate_guest *row = table_find(&gate->addresses, &vacant, address);
    if (row == NULL) {
        row = vacant;
        INVARIANT(row != NULL); /* nobody is ever inside of an address */
        row_take(row, address, now_us);
    }
    row->seen_us = now_us;
    return bucket_take(&row->ordinary, now_us, gate->config.address_rate, 2 * gate->config.address_rate) || urgent;
}

static bool may_begin(struct gate *gate, struct gate_guest *row)
{
    return row->served < gate->config.served && bucket_take(&row->ordinary, clock_monotonic_us(gate->config.clock),
                                                            gate->config.token_rate, 2 * gate->config.token_rate);
}

/* With the mutex: waits until somebody is done, or for a while: it may be somebody else who is woken. */
static void wait_a_while(struct gate *gate)
{
    int64_t until_us = clock_monotonic_us(clock_system()) + WAIT_US;
    const struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    (void)pthread_cond_timedwait(&gate->worked, &gate->mutex, &until);
}

/* With the mutex. Nobody waits for it: a wait would be as long as the whole answer takes. */
static bool may_be_told(struct gate *gate, struct gate_guest *row)
{
    int64_t rate = gate->config.told_rate;
    return bucket_take(&row->told, clock_monotonic_us(gate->config.clock), rate, TOLD_BURST_S * rate);
}

/* With the mutex, which is released while waiting; the row stays its own as long as somebody is inside. */
static bool token_enter(struct gate *gate, struct gate_guest *row)
{
    int64_t end_us = clock_monotonic_us(clock_system()) + WAIT_MAX_US;
    if (row->inside >= gate->config.inside) {
        return false;
    }
    row->inside++;
    bool begun = may_begin(gate, row);
    while (!begun && clock_monotonic_us(clock_system()) < end_us) {
        wait_a_while(gate);
        begun = may_begin(gate, row);
    }
    row->served += begun;
    row->inside -= !begun;
    return begun;
}

enum status gate_enter(struct gate *gate, struct gate_guest **out, const struct digest *token,
                       const struct digest *address, enum gate_kind kind, struct fault *fault)
{
    struct gate_guest *vacant = NULL;
    bool let_in = false;
    *out = NULL;
    (void)pthread_mutex_lock(&gate->mutex);
    struct gate_guest *row = token == NULL ? NULL : table_find(&gate->tokens, &vacant, token);
    if (row == NULL) {
        let_in = address_enter(gate, address, kind == GATE_URGENT);
    } else {
        int64_t now_us = clock_monotonic_us(gate->config.clock);
        row->seen_us = now_us;
        let_in = kind == GATE_URGENT ? bucket_take(&row->urgent, now_us, URGENT_RATE, URGENT_BURST)
                                     : (kind != GATE_TOLD || may_be_told(gate, row)) && token_enter(gate, row);
        *out = let_in && kind != GATE_URGENT ? row : NULL;
    }
    gate->refused += !let_in;
    (void)pthread_mutex_unlock(&gate->mutex);
    return let_in ? STATUS_OK : fault_set(fault, STATUS_BUSY, "rate", "too many requests; wait a second");
}

void gate_worked(struct gate *gate, struct gate_guest *guest)
{
    if (guest == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&gate->mutex);
    guest->served--;
    (void)pthread_cond_signal(&gate->worked);
    (void)pthread_mutex_unlock(&gate->mutex);
}

void gate_leave(struct gate *gate, struct gate_guest *guest)
{
    if (guest == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&gate->mutex);
    guest->inside--;
    (void)pthread_mutex_unlock(&gate->mutex);
}

uint64_t gate_take_refused(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    uint64_t refused = gate->refused;
    gate->refused = 0;
    (void)pthread_mutex_unlock(&gate->mutex);
    return refused;
}
