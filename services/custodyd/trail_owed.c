/*
 * A list of events. Each stands in it until its entry is covered: one that was handed over may be lost with the queue
 * of a sequencer that stops leading.
 */
#include "trail_owed.h"

#include <pthread.h>

struct owed_read {
    struct audit_event event;
    struct trail_ticket ticket;
    bool posted;
};

struct trail_owed {
    pthread_mutex_t telling; /* whoever has it may change what stands in the list, and takes from it */
    pthread_mutex_t mutex;   /* guards what follows: anybody adds */
    size_t count;
    struct owed_read reads[TRAIL_OWED_MAX]; /* the oldest first */
};

enum status trail_owed_new(struct trail_owed **out, struct fault *fault)
{
    struct trail_owed *owed = calloc(1, sizeof(*owed));
    if (owed == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reads", "%s", "");
    }
    pthread_mutex_init(&owed->telling, NULL);
    pthread_mutex_init(&owed->mutex, NULL);
    *out = owed;
    return STATUS_OK;
}

void trail_owed_free(struct trail_owed *owed)
{
    if (owed != NULL) {
        for (size_t i = 0; i < owed->count; i++) {
            audit_event_wipe(&owed->reads[i].event);
        }
        pthread_mutex_destroy(&owed->telling);
        pthread_mutex_destroy(&owed->mutex);
        free(owed);
    }
}

enum status trail_owed_add(struct trail_owed *owed, struct audit_event *event, const struct trail_ticket *ticket,
                           struct fault *fault)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&owed->mutex);
    if (owed->count == TRAIL_OWED_MAX) {
        status = fault_set(fault, STATUS_NOT_READY, "trail", "the entries of %d reads wait for it", TRAIL_OWED_MAX);
    } else {
        struct owed_read *read = &owed->reads[owed->count++];
        *read = (struct owed_read){.event = *event, .posted = ticket != NULL};
        if (ticket != NULL) {
            read->ticket = *ticket;
        }
        *event = (struct audit_event){0}; /* transferred */
    }
    pthread_mutex_unlock(&owed->mutex);
    return status;
}

/* STATUS_OK: nothing is owed for it any more. STATUS_NOT_READY: the trail has it. Else the trail took it not. */
static enum status told(struct owed_read *inout_read, struct trail *trail, struct store *store)
{
    struct owed_read *read = inout_read;
    enum status status = read->posted ? trail_wait_covered(trail, &read->ticket, 0, NULL) : STATUS_UNAVAILABLE;
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) { /* so long ago that it was forgotten: it is settled */
        return STATUS_OK;
    }
    if (status == STATUS_NOT_READY) {
        return status;
    }
    status = trail_post(&read->ticket, trail, store, &read->event, NULL);
    read->posted = status == STATUS_OK || status == STATUS_OUTCOME_UNKNOWN; /* the ticket will tell */
    return status == STATUS_OK ? STATUS_NOT_READY : status;
}

void trail_owed_tell(struct trail_owed *owed, struct trail *trail, struct store *store)
{
    bool done[TRAIL_OWED_MAX] = {false};
    enum status status = STATUS_OK;
    if (pthread_mutex_trylock(&owed->telling) != 0) {
        return; /* another thread is at it */
    }
    pthread_mutex_lock(&owed->mutex);
    size_t count = owed->count;
    pthread_mutex_unlock(&owed->mutex);
    for (size_t i = 0; i < count && (status == STATUS_OK || status == STATUS_NOT_READY); i++) {
        status = told(&owed->reads[i], trail, store); /* those that are added meanwhile stand behind them */
        done[i] = status == STATUS_OK;
    }
    size_t kept = 0;
    pthread_mutex_lock(&owed->mutex);
    for (size_t i = 0; i < owed->count; i++) {
        if (i < count && done[i]) {
            audit_event_wipe(&owed->reads[i].event);
        } else {
            owed->reads[kept++] = owed->reads[i];
        }
    }
    owed->count = kept;
    pthread_mutex_unlock(&owed->mutex);
    pthread_mutex_unlock(&owed->telling);
}
