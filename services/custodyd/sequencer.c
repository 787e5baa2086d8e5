/*
 * The thread of the sequencer: connect, wait for the lock, lead or follow, and what to do after each kind of failure.
 * Everything that halts is decided here; nothing here knows what a leaf looks like.
 */
#include "sequencer.h"

#include "base/log.h"
#include "sequencer_core.h"

#define IDLE_MS 50
#define FOLLOW_MS 250
#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS 2000

static const char *const state_names[] = {
    [SEQUENCER_CONNECTING] = "connecting",
    [SEQUENCER_FOLLOWING] = "following",
    [SEQUENCER_LEADING] = "leading",
    [SEQUENCER_HALTED] = "halted",
};

void sequencer_publish(struct sequencer *sequencer, enum sequencer_state state, const struct fault *why)
{
    static const struct fault none;
    const struct fault *reason = why == NULL ? &none : why;
    pthread_mutex_lock(&sequencer->mutex);
    bool changed = sequencer->state != state || sequencer->why.status != reason->status;
    sequencer->state = state;
    sequencer->why = *reason;
    pthread_mutex_unlock(&sequencer->mutex);
    if (changed) {
        log_event(state == SEQUENCER_HALTED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "sequencer.state", "state",
                  state_names[state], "status", status_info(reason->status)->code, "where", reason->where, "detail",
                  reason->detail, NULL);
    }
}

enum sequencer_state sequencer_state(struct sequencer *sequencer, struct fault *out_why)
{
    pthread_mutex_lock(&sequencer->mutex);
    enum sequencer_state state = sequencer->state;
    if (out_why != NULL) {
        *out_why = sequencer->why;
    }
    pthread_mutex_unlock(&sequencer->mutex);
    return state;
}

bool sequencer_must_halt(enum status status)
{
    static const enum status halting[] = {STATUS_ROLLBACK, STATUS_FORK,          STATUS_CORRUPT,
                                          STATUS_HALTED,   STATUS_PROOF_INVALID, STATUS_SIGNATURE_INVALID,
                                          STATUS_MISMATCH, STATUS_VERSION,       STATUS_UNKNOWN_KEY};
    for (size_t i = 0; i < sizeof halting / sizeof halting[0]; i++) {
        if (status == halting[i]) {
            return true;
        }
    }
    return false;
}

static bool stopping(const struct sequencer *sequencer)
{
    return atomic_load(&sequencer->stopping);
}

/* What the signer answered. One that is away is asked again after a pause that grows: it is not stormed. */
static enum status signed_look(struct sequencer *sequencer, bool wait, struct fault *fault)
{
    bool answered = false;
    struct fault why = {0};
    enum status status = sequencer_signed(&answered, sequencer, wait, &why);
    if (!answered) {
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        sequencer->sign_pause_ms = 0;
        sequencer_publish(sequencer, SEQUENCER_LEADING, NULL);
        return STATUS_OK;
    }
    if (status == STATUS_ROLLBACK) {
        /* Perhaps another leads meanwhile and had more signed: whoever leads next compares the signer with the head. */
        return fault_set(fault, STATUS_CONFLICT, why.where, "%s", why.detail);
    }
    if (sequencer_must_halt(status)) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    int64_t pause_ms = sequencer->sign_pause_ms == 0 ? PAUSE_FIRST_MS : sequencer->sign_pause_ms * 2;
    sequencer->sign_pause_ms = pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms;
    sequencer->sign_not_before = clock_monotonic_us(sequencer->config.clock) + sequencer->sign_pause_ms * 1000;
    sequencer_publish(sequencer, SEQUENCER_CONNECTING, &why);
    return STATUS_OK;
}

static enum status sign_if_due(struct sequencer *sequencer, struct fault *fault)
{
    enum status status = signed_look(sequencer, false, fault);
    bool due = clock_monotonic_us(sequencer->config.clock) >= sequencer->sign_not_before;
    if (status == STATUS_OK && due && sequencer->covered < sequencer->end.size) {
        sequencer_sign(sequencer);
    }
    return status;
}

/* Leads until something fails or the service stops. */
static enum status lead_on(struct sequencer *sequencer, struct fault *fault)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !stopping(sequencer)) {
        size_t count = 0;
        trail_calm(sequencer->config.trail);
        status = sequencer_batch(&count, sequencer, fault);
        if (status == STATUS_OK) {
            status = sign_if_due(sequencer, fault);
        }
        if (status == STATUS_OK && count == 0) {
            status = store_writer_sleep(sequencer->writer, trail_wake_fd(sequencer->config.trail), IDLE_MS, fault);
        }
    }
    return status;
}

/* Nothing is being asked of the signer when this returns. Its refusal counts for more than a lost session. */
static enum status lead_end(struct sequencer *sequencer, enum status status, struct fault *fault)
{
    struct fault why = {0};
    enum status last = signed_look(sequencer, true, &why);
    if (status == STATUS_OK && last == STATUS_OK) {
        last = sign_if_due(sequencer, &why); /* what the last batch brought */
        last = last == STATUS_OK ? signed_look(sequencer, true, &why) : last;
    }
    if (last != STATUS_OK && !sequencer_must_halt(status)) {
        fault_clear(fault);
        return fault_set(fault, last, why.where, "%s", why.detail);
    }
    return status;
}

/* Another leads: its checkpoints release our waiters, and it is told when we have committed something. */
static enum status follow_on(struct sequencer *sequencer, struct fault *fault)
{
    sequencer_publish(sequencer, SEQUENCER_FOLLOWING, NULL);
    enum status status = STATUS_OK;
    if (trail_calm(sequencer->config.trail)) {
        status = store_writer_notify_pending(sequencer->writer, fault);
    }
    if (status == STATUS_OK) {
        status = sequencer_follow(sequencer, fault);
    }
    if (status == STATUS_OK && !stopping(sequencer)) {
        status = store_writer_sleep(sequencer->writer, trail_wake_fd(sequencer->config.trail), FOLLOW_MS, fault);
    }
    return status;
}

/* One session with the database, from its opening to its failure. */
static enum status session_on(struct sequencer *sequencer, struct fault *fault)
{
    enum status status =
        store_writer_open(&sequencer->writer, sequencer->conninfo, sequencer->config.statement_timeout_ms, fault);
    while (status == STATUS_OK && !stopping(sequencer)) {
        bool held = false;
        status = store_writer_lock(&held, sequencer->writer, fault);
        if (status == STATUS_OK && !held) {
            status = follow_on(sequencer, fault);
            continue;
        }
        if (status == STATUS_OK) {
            status = sequencer_lead(sequencer, fault);
        }
        if (status == STATUS_OK) {
            sequencer_publish(sequencer, SEQUENCER_LEADING, NULL);
            trail_posts_open(sequencer->config.trail, true);
            status = lead_end(sequencer, lead_on(sequencer, fault), fault);
            trail_posts_open(sequencer->config.trail, false);
        }
    }
    store_writer_close(sequencer->writer);
    sequencer->writer = NULL;
    return status;
}

static void pause_ms(const struct sequencer *sequencer, int64_t ms)
{
    const struct clock *clock = clock_system();
    int64_t until_us = clock_monotonic_us(clock) + ms * 1000;
    while (!stopping(sequencer) && clock_monotonic_us(clock) < until_us) {
        const struct timespec step = {.tv_nsec = 10 * 1000000};
        nanosleep(&step, NULL);
    }
}

static void *sequencer_run(void *context)
{
    struct sequencer *sequencer = context;
    int64_t pause = PAUSE_FIRST_MS;
    while (!stopping(sequencer)) {
        struct fault fault = {0};
        int64_t began_us = clock_monotonic_us(clock_system());
        enum status status = session_on(sequencer, &fault);
        if (stopping(sequencer)) {
            break;
        }
        if (sequencer_must_halt(status)) {
            sequencer_publish(sequencer, SEQUENCER_HALTED, &fault);
            trail_halted(sequencer->config.trail, &fault);
            return NULL;
        }
        sequencer_publish(sequencer, SEQUENCER_CONNECTING, &fault);
        bool lasted = clock_monotonic_us(clock_system()) - began_us > PAUSE_MAX_MS * 1000LL;
        pause = lasted ? PAUSE_FIRST_MS : pause * 2;
        pause = pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
        pause_ms(sequencer, pause);
    }
    return NULL;
}

static void sequencer_free(struct sequencer *sequencer)
{
    signing_stop(sequencer);
    heard_free(&sequencer->heard);
    pthread_mutex_destroy(&sequencer->mutex);
    free(sequencer->conninfo);
    free(sequencer);
}

enum status sequencer_start(struct sequencer **out, const struct sequencer_config *config, struct fault *fault)
{
    struct sequencer *sequencer = calloc(1, sizeof *sequencer);
    if (sequencer == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "sequencer", "%s", "");
    }
    pthread_mutex_init(&sequencer->mutex, NULL);
    sequencer->config = *config;
    sequencer->conninfo = strdup(config->conninfo);
    sequencer->told = trail_first(config->trail);
    sequencer->state = SEQUENCER_CONNECTING;
    enum status status =
        sequencer->conninfo == NULL ? STATUS_NO_MEMORY : uuid_generate(&sequencer->boot, config->clock);
    if (status == STATUS_OK) {
        status = signing_start(sequencer, fault);
    }
    if (status == STATUS_OK && pthread_create(&sequencer->thread, NULL, sequencer_run, sequencer) != 0) {
        status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        sequencer_free(sequencer);
        return fault_set(fault, status, "sequencer", "could not start the thread");
    }
    *out = sequencer;
    return STATUS_OK;
}

void sequencer_stop(struct sequencer *sequencer)
{
    if (sequencer == NULL) {
        return;
    }
    atomic_store(&sequencer->stopping, true);
    trail_wake(sequencer->config.trail);
    pthread_join(sequencer->thread, NULL);
    sequencer_free(sequencer);
}
