/*
 * A row for each token in use. A new one takes a free row or the one whose token was not used for longest.
 */
#include "logins.h"

#include <pthread.h>
#include <stdlib.h>

struct row {
    struct digest token;
    int64_t used_us; /* monotonic */
};

struct logins {
    const struct clock *clock;
    pthread_mutex_t mutex; /* guards what follows */
    size_t count;
    struct row rows[LOGINS_REMEMBERED];
};

enum status logins_new(struct logins **out, const struct clock *clock, struct fault *fault)
{
    struct logins *logins = calloc(1, sizeof(*logins));
    if (logins == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "logins", "%s", "");
    }
    logins->clock = clock;
    (void)pthread_mutex_init(&logins->mutex, NULL);
    *out = logins;
    return STATUS_OK;
}

void logins_free(struct logins *logins)
{
    if (logins != NULL) {
        (void)pthread_mutex_destroy(&logins->mutex);
        free(logins);
    }
}

/* With the mutex: the row of the token, NULL when there is none. */
static struct row *find(struct logins *logins, const struct digest *token)
{
    for (size_t i = 0; i < logins->count; i++) {
        if (digest_equal(&logins->rows[i].token, token)) {
            return &logins->rows[i];
        }
    }
    return NULL;
}

/* With the mutex. */
static struct row *take(struct logins *logins)
{
    if (logins->count < LOGINS_REMEMBERED) {
        return &logins->rows[logins->count++];
    }
    struct row *oldest = &logins->rows[0];
    for (size_t i = 1; i < logins->count; i++) {
        oldest = logins->rows[i].used_us < oldest->used_us ? &logins->rows[i] : oldest;
    }
    return oldest;
}

bool logins_begin(struct logins *logins, const struct digest *token)
{
    int64_t now = clock_monotonic_us(logins->clock);
    (void)pthread_mutex_lock(&logins->mutex);
    struct row *row = find(logins, token);
    bool begins = row == NULL || now - row->used_us >= LOGINS_PAUSE_US;
    row = row == NULL ? take(logins) : row;
    *row = (struct row){.token = *token, .used_us = now};
    (void)pthread_mutex_unlock(&logins->mutex);
    return begins;
}

void logins_forget(struct logins *logins, const struct digest *token)
{
    (void)pthread_mutex_lock(&logins->mutex);
    struct row *row = find(logins, token);
    if (row != NULL) {
        *row = logins->rows[--logins->count];
    }
    (void)pthread_mutex_unlock(&logins->mutex);
}
