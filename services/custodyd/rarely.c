/*
 * A row for each name that was told of. One whose time is over stays until its place is needed: of it something may be
 * counted.
 */
#include "rarely.h"

#include <pthread.h>
#include <stdlib.h>

#include "policy/policy.h"

struct row {
    struct name about;
    int64_t told_us; /* monotonic */
    uint64_t left_out;
};

struct rarely {
    const struct clock *clock;
    int64_t pause_us;
    pthread_mutex_t mutex; /* guards what follows */
    size_t count;
    struct row rows[POLICY_PEOPLE_MAX];
};

enum status rarely_new(struct rarely **out, const struct clock *clock, int64_t pause_us, struct fault *fault)
{
    struct rarely *rarely = calloc(1, sizeof(*rarely));
    if (rarely == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "rarely", "%s", "");
    }
    rarely->clock = clock;
    rarely->pause_us = pause_us;
    (void)pthread_mutex_init(&rarely->mutex, NULL);
    *out = rarely;
    return STATUS_OK;
}

void rarely_free(struct rarely *rarely)
{
    if (rarely != NULL) {
        (void)pthread_mutex_destroy(&rarely->mutex);
        free(rarely);
    }
}

/* With the mutex: the row of the name, NULL when there is none. */
static struct row *find(struct rarely *rarely, const char *about)
{
    for (size_t i = 0; i < rarely->count; i++) {
        if (strcmp(rarely->rows[i].about.text, about) == 0) {
            return &rarely->rows[i];
        }
    }
    return NULL;
}

/* With the mutex. */
static struct row *take_place(struct rarely *rarely)
{
    if (rarely->count < POLICY_PEOPLE_MAX) {
        return &rarely->rows[rarely->count++];
    }
    struct row *oldest = &rarely->rows[0];
    for (size_t i = 1; i < rarely->count; i++) {
        oldest = rarely->rows[i].told_us < oldest->told_us ? &rarely->rows[i] : oldest;
    }
    return oldest;
}

bool rarely_tell(struct rarely *rarely, uint64_t *out_left_out, const char *about)
{
    int64_t now = clock_monotonic_us(rarely->clock);
    (void)pthread_mutex_lock(&rarely->mutex);
    struct row *row = find(rarely, about);
    bool tells = row == NULL || now - row->told_us >= rarely->pause_us;
    if (!tells) {
        row->left_out++;
    } else {
        *out_left_out = row == NULL ? 0 : row->left_out;
        row = row == NULL ? take_place(rarely) : row;
        *row = (struct row){.told_us = now};
        (void)snprintf(row->about.text, sizeof(row->about.text), "%s", about);
    }
    (void)pthread_mutex_unlock(&rarely->mutex);
    return tells;
}

void rarely_forget(struct rarely *rarely, const char *about)
{
    (void)pthread_mutex_lock(&rarely->mutex);
    struct row *row = find(rarely, about);
    if (row != NULL) {
        *row = rarely->rows[--rarely->count];
    }
    (void)pthread_mutex_unlock(&rarely->mutex);
}

bool rarely_take(struct rarely *rarely, struct name *out_about, uint64_t *out_left_out, bool all)
{
    int64_t now = clock_monotonic_us(rarely->clock);
    bool found = false;
    (void)pthread_mutex_lock(&rarely->mutex);
    for (size_t i = 0; i < rarely->count && !found; i++) {
        struct row *row = &rarely->rows[i];
        found = row->left_out > 0 && (all || now - row->told_us >= rarely->pause_us);
        if (found) {
            *out_about = row->about;
            *out_left_out = row->left_out;
            row->left_out = 0;
            row->told_us = now;
        }
    }
    (void)pthread_mutex_unlock(&rarely->mutex);
    return found;
}
