/*
 * The producer's side of the trail. It never decides what is true: entries get their place from the sequencer, and
 * proofs are made in trail_proof.c.
 */
#include "trail.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>

#include "store/pending.h"
#include "store/trail_read.h"
#include "trail_state.h"

#define TRAIL_ACTOR "custodyd"

/* An event in an open transaction. */
struct enqueued {
    struct trail *trail;
    uint64_t number;
    uint64_t since; /* the trail had as many entries when the number was taken */
    bool put;       /* the row is written; otherwise nothing of it commits */
    struct store_backend backend;
    size_t carried_count;
    uint64_t carried[VOID_MAX];
};

/* A row that no key of the log signed says nothing: whoever leads says so, and every trail has 0 entries at least. */
static enum status read_signed_size(struct trail *trail, const struct store_tx *tx, struct fault *fault)
{
    struct fault why = {0};
    struct bytes note = {0};
    struct store_checkpoint row = {0};
    struct audit_checkpoint checkpoint;
    enum status status = store_checkpoint_newest(&row, tx, &why);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = trail_note_read(&checkpoint, &note, trail, &row.note, &why);
    bytes_free(&row.note);
    bytes_free(&note);
    trail->since = status == STATUS_OK ? checkpoint.size : 0;
    return status == STATUS_NO_MEMORY ? fault_set(fault, status, why.where, "%s", why.detail) : STATUS_OK;
}

static enum status trail_read_size(struct trail *trail, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, trail->reader, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct store_head head = {0};
    status = store_head_get(&head, tx, fault);
    trail->first = head.size;
    bytes_free(&head.frontier);
    if (status == STATUS_OK) {
        status = read_signed_size(trail, tx, fault);
    }
    store_rollback(tx);
    return status;
}

static enum status trail_prepare(struct trail *trail, struct fault *fault)
{
    trail->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (trail->wake_fd < 0) {
        return fault_set(fault, STATUS_IO, "eventfd", "%s", strerror(errno));
    }
    enum status status = uuid_generate(&trail->boot, trail->clock);
    if (status == STATUS_OK) {
        status = trail_view_new(&trail->view, trail->reader, fault);
    }
    if (status == STATUS_OK) {
        status = trail_view_new(&trail->shown, trail->reader, fault);
    }
    return status == STATUS_OK ? trail_read_size(trail, fault) : status;
}

/* A code for one log says nothing to another: what waited for a log that was ended becomes no entry of the next. */
static enum status derive_pending_key(struct trail *trail, const struct secret *pending_key)
{
    const char *origin = trail_origin(trail);
    struct digest derived;
    INVARIANT(pending_key->len == TRAIL_PENDING_KEY_LEN);
    _Static_assert(sizeof(derived) == TRAIL_PENDING_KEY_LEN, "it is a code, too");
    enum status status = secret_new(&trail->pending_key, TRAIL_PENDING_KEY_LEN);
    if (status == STATUS_OK) {
        digest_hmac_sha256(&derived, pending_key->data, pending_key->len, origin, strlen(origin));
        memcpy(trail->pending_key.data, derived.bytes32, sizeof(derived));
        secret_wipe(&derived, sizeof(derived));
    }
    return status;
}

enum status trail_open(struct trail **out, const struct trail_config *config, struct fault *fault)
{
    struct trail *trail = calloc(1, sizeof *trail);
    if (trail == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
    }
    trail->wake_fd = -1;
    trail->clock = config->clock;
    trail->reader = config->reader;
    INVARIANT(config->key_count >= 1 && config->key_count <= TRAIL_KEYS_MAX);
    memcpy(trail->keys, config->keys, config->key_count * sizeof(*config->keys));
    trail->key_count = config->key_count;
    numbers_init(&trail->numbers);
    trail->posts.last = &trail->posts.first;
    pthread_mutex_init(&trail->mutex, NULL);
    enum status status = derive_pending_key(trail, config->pending_key);
    status = status == STATUS_OK ? trail_prepare(trail, fault) : status;
    if (status != STATUS_OK) {
        trail_close(trail);
        return status;
    }
    *out = trail;
    return STATUS_OK;
}

void trail_close(struct trail *trail)
{
    if (trail == NULL) {
        return;
    }
    if (trail->wake_fd >= 0) {
        close(trail->wake_fd);
    }
    posts_free(trail->posts.first);
    trail_view_free(trail->view);
    trail_view_free(trail->shown);
    bytes_free(&trail->newest.note);
    secret_free(&trail->pending_key);
    pthread_mutex_destroy(&trail->mutex);
    free(trail);
}

struct uuid trail_boot(const struct trail *trail)
{
    return trail->boot;
}

struct trail_view *trail_tree(struct trail *trail)
{
    return trail->view;
}

uint64_t trail_first(const struct trail *trail)
{
    return trail->first;
}

int trail_wake_fd(const struct trail *trail)
{
    return trail->wake_fd;
}

bool trail_calm(struct trail *trail)
{
    uint64_t count = 0;
    return read(trail->wake_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

void trail_wake(struct trail *trail)
{
    const uint64_t one = 1;
    /* Full means that it is readable already. */
    INVARIANT(write(trail->wake_fd, &one, sizeof one) == (ssize_t)sizeof one || errno == EAGAIN);
}

/* The transaction of an event has ended. */
static void enqueued_end(void *context, enum store_end end)
{
    struct enqueued *enqueued = context;
    struct trail *trail = enqueued->trail;
    enum number_state state = !enqueued->put || end == STORE_ROLLED_BACK ? NUMBER_LOST
                              : end == STORE_COMMITTED                   ? NUMBER_COMMITTED
                                                                         : NUMBER_UNKNOWN;
    pthread_mutex_lock(&trail->mutex);
    const struct number *number = numbers_find(&trail->numbers, enqueued->number);
    bool belied = state == NUMBER_LOST && number != NULL && number->state == NUMBER_SEQUENCED;
    uint64_t seq = belied ? number->seq : 0;
    numbers_end(&trail->numbers, enqueued->number, state, &enqueued->backend);
    if (enqueued->carried_count > 0) { /* nobody waits for a commit, but for being void or covered */
        trail_release(trail);
    }
    pthread_mutex_unlock(&trail->mutex);
    if (belied) { /* another process led, which cannot know */
        trail_falsified(seq);
    }
    if (end != STORE_ROLLED_BACK) {
        trail_wake(trail);
    }
    free(enqueued);
}

/* The lock is held. */
static uint64_t signed_size(const struct trail *trail)
{
    return trail->newest.note.data == NULL ? trail->since : trail->newest.checkpoint.size;
}

uint64_t trail_signed_size(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    uint64_t size = signed_size(trail);
    pthread_mutex_unlock(&trail->mutex);
    return size;
}

/*
 * Takes a number, for a state event or another, and whatever is to be declared void; from here on the end of `tx`
 * settles them.
 */
static enum status enqueued_new(struct enqueued **out, struct trail *trail, struct store_tx *tx, bool state,
                                struct fault *fault)
{
    struct enqueued *enqueued = calloc(1, sizeof *enqueued);
    if (enqueued == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
    }
    enqueued->trail = trail;
    enqueued->backend = store_tx_backend(tx);
    pthread_mutex_lock(&trail->mutex);
    enum status status = numbers_take(&enqueued->number, &trail->numbers, state, fault);
    if (status == STATUS_OK) {
        enqueued->since = signed_size(trail);
        enqueued->carried_count = numbers_carry(enqueued->carried, VOID_MAX, &trail->numbers, enqueued->number);
    }
    pthread_mutex_unlock(&trail->mutex);
    if (status != STATUS_OK) {
        free(enqueued);
        return status;
    }
    status = store_tx_on_end(tx, enqueued_end, enqueued);
    if (status != STATUS_OK) {
        enqueued_end(enqueued, STORE_ROLLED_BACK);
        return fault_set(fault, status, "trail", "too many events in one transaction");
    }
    *out = enqueued;
    return STATUS_OK;
}

static enum status event_complete(struct audit_event *event, const struct enqueued *enqueued, struct store_tx *tx,
                                  struct fault *fault)
{
    static const struct uuid none;
    enum status status = STATUS_OK;
    event->producer = enqueued->trail->boot;
    event->producer_counter = enqueued->number;
    json_decref(event->voided);
    event->voided = NULL;
    for (size_t i = 0; status == STATUS_OK && i < enqueued->carried_count; i++) {
        status = audit_event_void_add(event, enqueued->carried[i], fault);
    }
    if (status == STATUS_OK && uuid_equal(&event->correlation, &none)) {
        status = uuid_generate(&event->correlation, enqueued->trail->clock);
    }
    if (status == STATUS_OK && event->object_type[0] != 0) {
        status = store_ordinal_next(tx, &event->object_ordinal, event->object_type, event->object_id, fault);
    }
    return status;
}

/* Before the row is written: the sequencer may see it as soon as its transaction commits. */
static void enqueued_bind(const struct enqueued *enqueued, const struct digest *document)
{
    struct trail *trail = enqueued->trail;
    pthread_mutex_lock(&trail->mutex);
    numbers_bind(&trail->numbers, enqueued->number, document);
    pthread_mutex_unlock(&trail->mutex);
}

static enum status enqueued_put(struct enqueued *enqueued, struct store_tx *tx, struct audit_event *event,
                                struct fault *fault)
{
    struct bytes document = {0};
    enum status status = event_complete(event, enqueued, tx, fault);
    if (status == STATUS_OK) {
        status = audit_event_encode(&document, event, fault);
    }
    if (status == STATUS_OK) {
        struct digest mac;
        struct digest digest;
        digest_sha256(&digest, document.data, document.len);
        enqueued_bind(enqueued, &digest);
        trail_pending_mac(&mac, enqueued->trail, enqueued->since, &digest);
        const struct store_put put = {.event = document, .since = enqueued->since, .mac = mac};
        status = store_pending_put(tx, &put, fault);
    }
    bytes_free(&document);
    enqueued->put = status == STATUS_OK;
    return status;
}

enum status trail_enqueue(struct trail_ticket *out, struct trail *trail, struct store_tx *tx, struct audit_event *event,
                          struct fault *fault)
{
    struct enqueued *enqueued = NULL;
    enum status status = enqueued_new(&enqueued, trail, tx, false, fault);
    if (status == STATUS_OK) {
        status = enqueued_put(enqueued, tx, event, fault);
    }
    if (status == STATUS_OK) {
        out->number = enqueued->number;
    }
    return status;
}

/*
 * Looks after numbers whose COMMIT got no reply. Once the session that was committing is gone, the row is there for
 * everybody or will never be; the event `by`, enqueued now, therefore comes after it in the trail.
 */
static enum status probe_unknown(struct trail *trail, const struct store_tx *tx, uint64_t by, struct fault *fault)
{
    uint64_t number = 0;
    struct store_backend backend = {0};
    for (;;) {
        pthread_mutex_lock(&trail->mutex);
        number = numbers_unknown_after(&trail->numbers, number);
        if (number != 0) {
            backend = numbers_find(&trail->numbers, number)->backend;
        }
        pthread_mutex_unlock(&trail->mutex);
        if (number == 0) {
            return STATUS_OK;
        }
        bool gone = false;
        enum status status = store_backend_gone(&gone, tx, &backend, fault);
        if (status != STATUS_OK) {
            return status;
        }
        pthread_mutex_lock(&trail->mutex);
        if (gone) {
            numbers_prove(&trail->numbers, number, by);
        }
        pthread_mutex_unlock(&trail->mutex);
    }
}

static enum status start_facts_add(struct audit_event *event, const struct trail_start *start, struct fault *fault)
{
    char schema[24];
    snprintf(schema, sizeof schema, "%d", start->schema);
    enum status status = audit_event_ref_add(event, "program", &start->program, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(event, "configuration", &start->configuration, fault);
    }
    return status == STATUS_OK ? audit_event_fact_add(event, "schema", schema, fault) : status;
}

enum status trail_enqueue_state(struct trail_ticket *out, struct trail *trail, struct store_tx *tx,
                                enum audit_action action, const struct trail_start *start, struct fault *fault)
{
    struct enqueued *enqueued = NULL;
    enum status status = enqueued_new(&enqueued, trail, tx, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = probe_unknown(trail, tx, enqueued->number, fault);
    if (status != STATUS_OK) {
        return status;
    }
    pthread_mutex_lock(&trail->mutex);
    uint64_t settled = numbers_settled(&trail->numbers, enqueued->number);
    pthread_mutex_unlock(&trail->mutex);
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, settled);
    struct audit_event event = {.action = action, .outcome = AUDIT_OUTCOME_OK};
    INVARIANT(name_parse(&event.actor, TRAIL_ACTOR) == STATUS_OK);
    status = audit_event_fact_add(&event, "settled", text, fault);
    status = status == STATUS_OK && start != NULL ? start_facts_add(&event, start, fault) : status;
    if (status == STATUS_OK) {
        status = enqueued_put(enqueued, tx, &event, fault);
    }
    audit_event_wipe(&event);
    if (status == STATUS_OK) {
        out->number = enqueued->number;
    }
    return status;
}

void trail_covered(struct trail *trail, const struct audit_checkpoint *checkpoint, struct bytes *note)
{
    trail_view_grow(trail->view, checkpoint->size);
    pthread_mutex_lock(&trail->mutex);
    if (trail->newest.note.data == NULL || checkpoint->size >= trail->newest.checkpoint.size) {
        bytes_free(&trail->newest.note);
        trail->newest = (struct trail_checkpoint){.checkpoint = *checkpoint, .note = *note};
        *note = (struct bytes){0}; /* transferred */
        trail->late = false;
        trail_release(trail);
    }
    pthread_mutex_unlock(&trail->mutex);
    bytes_free(note);
}

void trail_halted(struct trail *trail, const struct fault *why)
{
    pthread_mutex_lock(&trail->mutex);
    trail->halted = true;
    trail->halt = (struct trail_trouble){.why = *why, .at_utc_us = clock_utc_us(trail->clock)};
    trail_release(trail);
    pthread_mutex_unlock(&trail->mutex);
}

/* Whether the wish can be met now, never will be, or must wait (STATUS_NOT_READY). The lock is held. */
static enum status wish_check(struct wish *wish, const struct trail *trail, struct fault *fault)
{
    if (wish->ticket != NULL) {
        const struct number *number = numbers_find(&trail->numbers, wish->ticket->number);
        if (number == NULL) {
            return fault_set(fault, STATUS_NOT_FOUND, "trail", "the event is not remembered");
        }
        if (number->posted && number_is_gone(number)) {
            return fault_set(fault, STATUS_UNAVAILABLE, "trail", "the event was not written");
        }
        if (number->state == NUMBER_VOID) {
            return fault_set(fault, STATUS_CONFLICT, "trail", "the event's transaction did not commit");
        }
        if (number->state != NUMBER_SEQUENCED) {
            return STATUS_NOT_READY;
        }
        wish->seq = number->seq;
    }
    bool covered = trail->newest.note.data != NULL && wish->seq < trail->newest.checkpoint.size;
    return covered ? STATUS_OK : STATUS_NOT_READY;
}

/* Whether the event should have become an entry: it is certain to be on its way. The lock is held. */
static bool wish_is_due(const struct wish *wish, const struct trail *trail)
{
    const struct number *number = wish->ticket == NULL ? NULL : numbers_find(&trail->numbers, wish->ticket->number);
    return number != NULL && (number->state == NUMBER_COMMITTED || number->state == NUMBER_SEQUENCED ||
                              (number->state == NUMBER_OPEN && number->posted));
}

bool trail_is_late(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    bool late = trail->late;
    pthread_mutex_unlock(&trail->mutex);
    return late;
}

static struct timespec deadline_after(int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

static enum status checkpoint_copy(struct trail_checkpoint *out, const struct trail *trail)
{
    out->checkpoint = trail->newest.checkpoint;
    return bytes_copy(&out->note, trail->newest.note.data, trail->newest.note.len);
}

void trail_release(struct trail *trail)
{
    for (struct waiter *waiter = trail->waiters; waiter != NULL; waiter = waiter->next) {
        if (trail->halted || wish_check(waiter->wish, trail, NULL) != STATUS_NOT_READY) {
            pthread_cond_signal(&waiter->ready);
        }
    }
}

static void waiter_join(struct waiter *waiter, struct trail *trail)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->ready, &attributes);
    pthread_condattr_destroy(&attributes);
    waiter->next = trail->waiters;
    waiter->at = &trail->waiters;
    if (waiter->next != NULL) {
        waiter->next->at = &waiter->next;
    }
    trail->waiters = waiter;
}

static void waiter_leave(struct waiter *waiter)
{
    *waiter->at = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->at = waiter->at;
    }
    pthread_cond_destroy(&waiter->ready);
}

/* Waits for the wish; out: the checkpoint that covers it (bytes_free(&out->note)). */
static enum status wish_wait(struct trail_checkpoint *out, struct wish *wish, struct trail *trail, int64_t timeout_ms,
                             struct fault *fault)
{
    struct timespec until = deadline_after(timeout_ms);
    struct waiter waiter = {.wish = wish};
    pthread_mutex_lock(&trail->mutex);
    waiter_join(&waiter, trail);
    enum status status = wish_check(wish, trail, fault);
    while (status == STATUS_NOT_READY && !trail->halted &&
           pthread_cond_timedwait(&waiter.ready, &trail->mutex, &until) == 0) {
        status = wish_check(wish, trail, fault);
    }
    if (status == STATUS_NOT_READY) {
        /* A release that came together with the end of the time counts. */
        status = wish_check(wish, trail, fault);
    }
    if (status == STATUS_OK) {
        status = checkpoint_copy(out, trail);
    }
    bool halted = trail->halted;
    trail->late = trail->late || (status == STATUS_NOT_READY && timeout_ms > 0 && wish_is_due(wish, trail));
    waiter_leave(&waiter);
    pthread_mutex_unlock(&trail->mutex);
    if (status == STATUS_NOT_READY) {
        return fault_set(fault, status, "trail", "%s",
                         halted ? "the trail has halted" : "no signed checkpoint covers the event yet");
    }
    return status;
}

enum status trail_wait(struct trail_receipt *out, struct trail *trail, const struct trail_ticket *ticket,
                       int64_t timeout_ms, struct fault *fault)
{
    struct wish wish = {.ticket = ticket};
    struct trail_checkpoint newest = {0};
    struct trail_receipt receipt = {0};
    enum status status = wish_wait(&newest, &wish, trail, timeout_ms, fault);
    if (status == STATUS_OK) {
        status = trail_prove_under(&receipt.proof, trail, wish.seq, &newest, fault);
    }
    bytes_free(&newest.note);
    if (status == STATUS_OK) {
        receipt.seq = wish.seq;
        receipt.size = newest.checkpoint.size;
        *out = receipt;
    }
    return status;
}

enum status trail_wait_covered(struct trail *trail, const struct trail_ticket *ticket, int64_t timeout_ms,
                               struct fault *fault)
{
    struct wish wish = {.ticket = ticket};
    struct trail_checkpoint newest = {0};
    enum status status = wish_wait(&newest, &wish, trail, timeout_ms, fault);
    bytes_free(&newest.note);
    return status;
}

bool trail_is_halted(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    bool halted = trail->halted;
    pthread_mutex_unlock(&trail->mutex);
    return halted;
}

bool trail_halt_read(struct trail_trouble *out, struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    bool halted = trail->halted;
    *out = trail->halt;
    pthread_mutex_unlock(&trail->mutex);
    return halted;
}

enum status trail_prove(struct bytes *out, struct trail *trail, uint64_t seq, int64_t timeout_ms, struct fault *fault)
{
    struct wish wish = {.seq = seq};
    struct trail_checkpoint newest = {0};
    enum status status = wish_wait(&newest, &wish, trail, timeout_ms, fault);
    if (status == STATUS_OK) {
        status = trail_prove_under(out, trail, seq, &newest, fault);
    }
    bytes_free(&newest.note);
    return status;
}

enum status trail_checkpoint_newest(struct trail_checkpoint *out, struct trail *trail, struct fault *fault)
{
    pthread_mutex_lock(&trail->mutex);
    enum status status = trail->newest.note.data == NULL ? STATUS_NOT_READY : checkpoint_copy(out, trail);
    pthread_mutex_unlock(&trail->mutex);
    return status == STATUS_NOT_READY ? fault_set(fault, status, "checkpoint", "none is known yet") : status;
}
