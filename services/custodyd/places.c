/*
 * One list of all places under one mutex, looked through for each newcomer that finds none free. How many await a
 * request is counted by a part of the digest of whose they are.
 */
#include "places.h"

#include <pthread.h>
#include <stdlib.h>

#define CROWDS 1024
#define LOOK_MS 250

enum phase { AWAITED, SERVED, CUT };

struct place {
    struct places *places;
    struct place *next;
    struct digest address;
    struct digest whose; /* the address, once a token is known the token */
    int fd;
    enum phase phase;
    int64_t since_us; /* monotonic: awaited since */
};

struct places {
    struct places_config config;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    size_t taken; /* not counting those that are cut and have not left yet */
    struct place *first;
    unsigned crowds[CROWDS]; /* of those that are awaited, how many are whose */
};

static unsigned *crowd_of(struct place *place)
{
    const uint8_t *bytes = place->whose.bytes32;
    return &place->places->crowds[(bytes[0] | (unsigned)bytes[1] << 8) % CROWDS];
}

/* All with the mutex. */

static void enter_phase(struct place *place, enum phase phase)
{
    *crowd_of(place) -= place->phase == AWAITED;
    *crowd_of(place) += phase == AWAITED;
    place->places->taken -= place->phase != CUT && phase == CUT;
    place->phase = phase;
}

static void cut(struct place *place)
{
    enter_phase(place, CUT);
    place->places->config.cut(place->fd);
}

static struct place *find_oldest(struct places *places)
{
    struct place *found = NULL;
    unsigned most = 0;
    for (struct place *place = places->first; place != NULL; place = place->next) {
        unsigned crowd = *crowd_of(place);
        if (place->phase == AWAITED &&
            (found == NULL || crowd > most || (crowd == most && place->since_us < found->since_us))) {
            found = place;
            most = crowd;
        }
    }
    return found;
}

/* The oldest of this crowd that has not said a word; `oldest` when all have. */
static struct place *find_silent(struct places *places, struct place *oldest)
{
    struct place *found = NULL;
    for (struct place *place = places->first; place != NULL; place = place->next) {
        bool better = found == NULL || place->since_us < found->since_us;
        if (place->phase == AWAITED && crowd_of(place) == crowd_of(oldest) && better &&
            !places->config.has_spoken(place->fd)) {
            found = place;
        }
    }
    return found == NULL ? oldest : found;
}

static bool make_room(struct places *places)
{
    struct place *place = find_oldest(places);
    if (place == NULL) {
        return false;
    }
    cut(find_silent(places, place));
    return true;
}

static void cut_overdue(struct places *places)
{
    int64_t oldest_us = clock_monotonic_us(places->config.clock) - places->config.request_ms * 1000;
    for (struct place *place = places->first; place != NULL; place = place->next) {
        if (place->phase == AWAITED && place->since_us < oldest_us) {
            cut(place);
        }
    }
}

static void *look(void *context)
{
    struct places *places = context;
    (void)pthread_mutex_lock(&places->mutex);
    while (!places->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&places->changed, &places->mutex, &until);
        cut_overdue(places);
    }
    (void)pthread_mutex_unlock(&places->mutex);
    return NULL;
}

enum status places_new(struct places **out, const struct places_config *config, struct fault *fault)
{
    struct places *places = calloc(1, sizeof(*places));
    pthread_condattr_t attributes;
    if (places == NULL || pthread_condattr_init(&attributes) != 0) {
        free(places);
        return fault_set(fault, STATUS_NO_MEMORY, "places", "%s", "");
    }
    places->config = *config;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&places->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&places->mutex, NULL);
    places->running = pthread_create(&places->thread, NULL, look, places) == 0;
    if (!places->running) {
        places_free(places);
        return fault_set(fault, STATUS_UNAVAILABLE, "places", "could not start a thread");
    }
    *out = places;
    return STATUS_OK;
}

void places_free(struct places *places)
{
    if (places == NULL) {
        return;
    }
    INVARIANT(places->first == NULL);
    if (places->running) {
        (void)pthread_mutex_lock(&places->mutex);
        places->stopping = true;
        (void)pthread_cond_broadcast(&places->changed);
        (void)pthread_mutex_unlock(&places->mutex);
        (void)pthread_join(places->thread, NULL);
    }
    (void)pthread_cond_destroy(&places->changed);
    (void)pthread_mutex_destroy(&places->mutex);
    free(places);
}

struct place *place_enter(struct places *places, int fd, const struct digest *address)
{
    struct place *place = calloc(1, sizeof(*place));
    if (place == NULL) {
        return NULL;
    }
    *place = (struct place){.places = places, .fd = fd, .address = *address, .whose = *address};
    place->since_us = clock_monotonic_us(places->config.clock);
    (void)pthread_mutex_lock(&places->mutex);
    bool room = places->taken < places->config.count || make_room(places);
    if (room) {
        place->next = places->first;
        places->first = place;
        places->taken++;
        (*crowd_of(place))++;
    }
    (void)pthread_mutex_unlock(&places->mutex);
    if (!room) {
        free(place);
        return NULL;
    }
    return place;
}

void place_leave(struct place *place)
{
    if (place == NULL) {
        return;
    }
    struct places *places = place->places;
    (void)pthread_mutex_lock(&places->mutex);
    enter_phase(place, CUT);
    struct place **at = &places->first;
    while (*at != place) {
        at = &(*at)->next;
    }
    *at = place->next;
    (void)pthread_mutex_unlock(&places->mutex);
    free(place);
}

/* What was cut stays so: false. */
static bool go_on(struct place *place, enum phase phase, const struct digest *whose)
{
    if (place == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&place->places->mutex);
    bool stays = place->phase != CUT;
    if (stays) {
        enter_phase(place, SERVED); /* in nobody's crowd */
        place->whose = whose == NULL ? place->whose : *whose;
        enter_phase(place, phase);
        place->since_us = clock_monotonic_us(place->places->config.clock);
    }
    (void)pthread_mutex_unlock(&place->places->mutex);
    return stays;
}

void place_begun(struct place *place)
{
    (void)go_on(place, AWAITED, NULL);
}

bool place_arrived(struct place *place)
{
    return go_on(place, SERVED, NULL);
}

void place_known(struct place *place, const struct digest *token)
{
    (void)go_on(place, SERVED, token);
}

void place_answered(struct place *place)
{
    (void)go_on(place, AWAITED, NULL);
}

const struct digest *place_address(const struct place *place)
{
    return &place->address;
}
