/*
 * Rounds: the newest checkpoint is offered to every witness that is free; when the quorum has cosigned it, it is the
 * one that outsiders are shown, and the next round begins. Checkpoints in between are never offered, so a slow witness
 * makes rounds rare and no queue. A round that is not met ends when everybody has failed or the time is over. While
 * nothing new is signed, the same checkpoint is cosigned again: it shows that the witnesses are there.
 */
#include "witnesses.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/file.h"
#include "base/log.h"
#include "cosigner.h"
#include "store/cosignature.h"

#define POLICY_MAX 16384
#define POLL_MS 10
#define PAUSE_US 20000 /* between the begins of two rounds */
#define REQUEST_MAX_MS 5000
#define REFRESH_PARTS 4       /* of the greatest age */
#define STARVED_PARTS 3       /* the same: where others overtake, from then on they get nothing to do it with */
#define COSIGNED_WAIT_MS 1000 /* of a step: then another withdrawal has the worker */

/* A checkpoint on its way to the quorum. */
struct round {
    struct trail_checkpoint target; /* note owned, as the log signed it; size 0: there was none yet */
    int64_t begun_us;               /* monotonic */
    struct bytes lines[AUDIT_WITNESSES_MAX];
    size_t count; /* of witnesses that have cosigned it */
};

struct witnesses {
    struct service *service;
    struct audit_witnesses policy;
    int64_t max_age_us;
    CURLM *multi;
    struct cosigner cosigners[AUDIT_WITNESSES_MAX]; /* of the thread */
    struct round round;                             /* of the thread */
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    int64_t started_at_us; /* monotonic */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct trail_checkpoint newest; /* cosigned by the quorum, with all lines; no note: none yet */
    int64_t newest_at_us;           /* monotonic: when its round began */
    int64_t overtaken_us;           /* monotonic: somebody else had a witness cosign what was not shown yet; 0: never */
    bool told_gone;                 /* in the log */
    struct witness_state states[AUDIT_WITNESSES_MAX];
};

static void round_wipe(struct round *round)
{
    bytes_free(&round->target.note);
    for (size_t i = 0; i < AUDIT_WITNESSES_MAX; i++) {
        bytes_free(&round->lines[i]);
    }
    *round = (struct round){0};
}

/* Opening. */

enum status witnesses_open(struct witnesses **out, struct service *service, struct fault *fault)
{
    pthread_condattr_t attributes;
    struct bytes text = {0};
    struct fault inner = {0};
    struct witnesses *witnesses = calloc(1, sizeof(*witnesses));
    if (witnesses == NULL || pthread_condattr_init(&attributes) != 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(witnesses);
        return fault_set(fault, STATUS_NO_MEMORY, "witnesses", "%s", "");
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&witnesses->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&witnesses->mutex, NULL);
    witnesses->service = service;
    witnesses->max_age_us = service->options.witness_max_age_ms * 1000;
    enum status status = file_read_document(&text, service->options.witnesses, POLICY_MAX, "witnesses", fault);
    if (status == STATUS_OK) {
        status = audit_witnesses_parse(&witnesses->policy, text.data, text.len, &inner);
        bytes_free(&text);
    }
    if (status == STATUS_OK) {
        witnesses->multi = curl_multi_init();
        status = witnesses->multi == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status != STATUS_OK) {
        witnesses_stop(witnesses);
        return fault_set(fault, status, "witnesses", "%s: %s", inner.where, inner.detail);
    }
    *out = witnesses;
    return STATUS_OK;
}

/* The checkpoint of the row as the log and this witness signed it, without what others may have added to it. */
static enum status open_cosigned(struct trail_checkpoint *out, const struct store_cosignature *row,
                                 const struct trail *trail, const struct audit_key *witness)
{
    struct audit_note parsed;
    struct audit_checkpoint checkpoint;
    struct bytes own = {0};
    struct bytes note = {0};
    enum status status = trail_note_read(&checkpoint, &own, trail, &row->note, NULL);
    status = status == STATUS_OK ? cosigner_join(&note, &own, &row->line) : status;
    status = status == STATUS_OK ? audit_note_parse(&parsed, note.data, note.len, NULL) : status;
    status = status == STATUS_OK ? audit_note_verify(NULL, &parsed, witness, NULL) : status;
    bytes_free(&own);
    if (status != STATUS_OK) {
        bytes_free(&note);
        return status;
    }
    *out = (struct trail_checkpoint){.checkpoint = checkpoint, .note = note}; /* transferred */
    return STATUS_OK;
}

/* What it cosigned before this process began, so that one that was set back is found. */
static enum status recollect(struct cosigner *cosigner, struct service *service, struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct store_cosignature row = {0};
    struct fault why = {0};
    enum status status = store_begin(&tx, service->reader, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_cosignature_newest(&row, tx, cosigner->witness->key.name, &why);
    store_rollback(tx);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = open_cosigned(&cosigner->largest, &row, service->trail, &cosigner->witness->key);
    bytes_free(&row.note);
    bytes_free(&row.line);
    if (status == STATUS_NO_MEMORY) {
        return fault_set(fault, status, "witnesses", "%s", "");
    }
    cosigner->size = cosigner->largest.checkpoint.size; /* an edited row says nothing: 0 */
    return STATUS_OK;
}

static enum status open_cosigners(struct witnesses *witnesses, struct fault *fault)
{
    int64_t timeout_ms = witnesses->max_age_us / 2000;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < witnesses->policy.count; i++) {
        struct cosigner *cosigner = &witnesses->cosigners[i];
        cosigner->witness = &witnesses->policy.rows[i];
        cosigner->clock = witnesses->service->clock;
        cosigner->multi = witnesses->multi;
        cosigner->timeout_ms = timeout_ms < REQUEST_MAX_MS ? timeout_ms : REQUEST_MAX_MS;
        (void)snprintf(witnesses->states[i].name, sizeof(witnesses->states[i].name), "%s", cosigner->witness->key.name);
        witnesses->states[i].up = true; /* until it has failed */
        status = cosigner_init(cosigner, fault);
        if (status == STATUS_OK) {
            status = recollect(cosigner, witnesses->service, fault);
        }
    }
    return status;
}

/* The rounds. */

static struct trail_checkpoint joined_note(const struct witnesses *witnesses, enum status *out_status)
{
    const struct round *round = &witnesses->round;
    struct trail_checkpoint out = {.checkpoint = round->target.checkpoint};
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, round->target.note.data, round->target.note.len);
    for (size_t i = 0; i < witnesses->policy.count; i++) {
        buffer_append(&buffer, round->lines[i].data, round->lines[i].len);
    }
    *out_status = buffer_finish(&out.note, &buffer);
    return out;
}

/* The quorum has it: from now on outsiders are shown this one. */
static void publish(struct witnesses *witnesses)
{
    enum status status = STATUS_OK;
    struct trail_checkpoint note = joined_note(witnesses, &status);
    if (status != STATUS_OK) {
        return;
    }
    (void)pthread_mutex_lock(&witnesses->mutex);
    bytes_free(&witnesses->newest.note);
    witnesses->newest = note; /* transferred */
    witnesses->newest_at_us = witnesses->round.begun_us;
    bool back = witnesses->told_gone;
    witnesses->told_gone = false;
    (void)pthread_cond_broadcast(&witnesses->changed);
    (void)pthread_mutex_unlock(&witnesses->mutex);
    if (back) {
        log_event(LOG_LEVEL_INFO, "witnesses.back", NULL);
    }
}

struct keeping {
    uint64_t size;
    const char *witness;
    const struct bytes *line;
};

static enum status keep_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct keeping *keeping = context;
    return store_cosignature_put(tx, keeping->size, keeping->witness, keeping->line, fault);
}

/* A line that cannot be kept counts all the same: who reads the note sees it. */
static void keep(struct witnesses *witnesses, const struct cosigner *cosigner, const struct bytes *line)
{
    struct fault fault = {0};
    struct keeping keeping = {
        .size = cosigner->asked.checkpoint.size, .witness = cosigner->witness->key.name, .line = line};
    if (store_transact(witnesses->service->store, keep_in, &keeping, &fault) != STATUS_OK) {
        log_fault("cosignature.keep", &fault);
    }
}

/* A cosignature of another checkpoint than the one of the round is kept and does not count. */
static void take_line(struct witnesses *witnesses, size_t index, struct bytes *line)
{
    struct round *round = &witnesses->round;
    const struct cosigner *cosigner = &witnesses->cosigners[index];
    const struct audit_checkpoint *asked = &cosigner->asked.checkpoint;
    if (asked->size != round->target.checkpoint.size || !digest_equal(&asked->root, &round->target.checkpoint.root)) {
        keep(witnesses, cosigner, line);
        bytes_free(line);
        return;
    }
    round->count += round->lines[index].len == 0;
    bytes_free(&round->lines[index]);
    round->lines[index] = *line; /* transferred */
    if (round->count >= witnesses->policy.quorum) {
        publish(witnesses);
    }
    keep(witnesses, cosigner, &round->lines[index]);
}

static void show_state(struct witnesses *witnesses, size_t index)
{
    const struct cosigner *cosigner = &witnesses->cosigners[index];
    struct witness_state *state = &witnesses->states[index];
    int64_t silent_us = clock_monotonic_us(cosigner->clock) - cosigner->cosigned_at_us;
    enum status why = cosigner->why.status;
    bool up = why == STATUS_OK || (cosigner->cosigned_at_us > 0 && silent_us < witnesses->max_age_us / 2);
    (void)pthread_mutex_lock(&witnesses->mutex);
    bool changed = state->up != up || (!up && state->why != why);
    state->up = up;
    state->why = up ? STATUS_OK : why;
    state->last = why;
    (void)pthread_mutex_unlock(&witnesses->mutex);
    if (changed) {
        log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, up ? "witness.up" : "witness.down", "name", state->name,
                  "code", status_info(why)->code, "detail", cosigner->why.detail, NULL);
    }
}

static uint64_t signed_size(const struct witnesses *witnesses)
{
    struct trail_checkpoint newest = {0};
    enum status status = trail_checkpoint_newest(&newest, witnesses->service->trail, NULL);
    bytes_free(&newest.note);
    return status == STATUS_OK ? newest.checkpoint.size : 0;
}

static void note_overtaking(struct witnesses *witnesses, const struct cosigner *cosigner)
{
    if (cosigner->overtaken) {
        (void)pthread_mutex_lock(&witnesses->mutex);
        witnesses->overtaken_us = clock_monotonic_us(cosigner->clock);
        (void)pthread_mutex_unlock(&witnesses->mutex);
    }
}

static void collect(struct witnesses *witnesses)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(witnesses->multi, &left); message != NULL;
         message = curl_multi_info_read(witnesses->multi, &left)) {
        void *which = NULL;
        struct bytes line = {0};
        CURLcode code = message->data.result; /* the message is gone with its handle */
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&which);
        struct cosigner *cosigner = which;
        size_t index = (size_t)(cosigner - witnesses->cosigners);
        if (cosigner_finish(&line, cosigner, code, signed_size(witnesses)) == STATUS_OK) {
            take_line(witnesses, index, &line);
        }
        note_overtaking(witnesses, cosigner);
        show_state(witnesses, index);
    }
}

/* Whether nobody is left of whom the round could wait. */
static bool round_over(const struct witnesses *witnesses, int64_t now_us)
{
    const struct round *round = &witnesses->round;
    bool waits = false;
    for (size_t i = 0; i < witnesses->policy.count; i++) {
        const struct cosigner *cosigner = &witnesses->cosigners[i];
        waits = waits || (round->lines[i].len == 0 && (cosigner->busy || cosigner->ask_after_us <= now_us));
    }
    return round->count >= witnesses->policy.quorum || !waits ||
           now_us - round->begun_us > (int64_t)REQUEST_MAX_MS * 1000;
}

/* Takes the newest checkpoint, when the last one is done and there is another one or it is time to look again. */
static void begin_round(struct witnesses *witnesses, int64_t now_us)
{
    struct round *round = &witnesses->round;
    struct trail_checkpoint newest = {0};
    struct fault fault = {0};
    if (now_us - round->begun_us < PAUSE_US || !round_over(witnesses, now_us) ||
        trail_checkpoint_newest(&newest, witnesses->service->trail, &fault) != STATUS_OK) {
        return;
    }
    bool met = round->count >= witnesses->policy.quorum;
    bool due = met && now_us - round->begun_us >= witnesses->max_age_us / REFRESH_PARTS;
    if (newest.checkpoint.size == round->target.checkpoint.size && !due) {
        bytes_free(&newest.note);
        return;
    }
    round_wipe(round);
    round->target = newest; /* transferred */
    round->begun_us = now_us;
}

static void ask(struct witnesses *witnesses, int64_t now_us)
{
    const struct round *round = &witnesses->round;
    for (size_t i = 0; round->target.note.len > 0 && i < witnesses->policy.count; i++) {
        struct cosigner *cosigner = &witnesses->cosigners[i];
        if (!cosigner->busy && round->lines[i].len == 0 && now_us >= cosigner->ask_after_us) {
            cosigner_ask(cosigner, witnesses->service->trail, &round->target);
            show_state(witnesses, i);
        }
    }
}

/* What the log is told once. */
static void tell_gone(struct witnesses *witnesses, int64_t now_us)
{
    (void)pthread_mutex_lock(&witnesses->mutex);
    bool gone = witnesses->newest_at_us > 0 && now_us - witnesses->newest_at_us > witnesses->max_age_us;
    bool tell = gone && !witnesses->told_gone;
    witnesses->told_gone = witnesses->told_gone || gone;
    (void)pthread_mutex_unlock(&witnesses->mutex);
    if (tell) {
        log_event(LOG_LEVEL_ERROR, "witnesses.gone", "effects", "stopped", NULL);
    }
}

static void *run(void *context)
{
    struct witnesses *witnesses = context;
    while (!atomic_load(&witnesses->stopping)) {
        int running = 0;
        int64_t now_us = clock_monotonic_us(witnesses->service->clock);
        begin_round(witnesses, now_us);
        ask(witnesses, now_us);
        (void)curl_multi_perform(witnesses->multi, &running);
        collect(witnesses);
        tell_gone(witnesses, now_us);
        (void)curl_multi_poll(witnesses->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

enum status witnesses_start(struct witnesses *witnesses, struct fault *fault)
{
    if (witnesses == NULL) {
        return STATUS_OK;
    }
    enum status status = open_cosigners(witnesses, fault);
    witnesses->started_at_us = clock_monotonic_us(witnesses->service->clock);
    if (status == STATUS_OK) {
        witnesses->running = pthread_create(&witnesses->thread, NULL, run, witnesses) == 0;
        status = witnesses->running ? STATUS_OK
                                    : fault_set(fault, STATUS_UNAVAILABLE, "witnesses", "could not start a thread");
    }
    return status;
}

void witnesses_stop(struct witnesses *witnesses)
{
    if (witnesses == NULL) {
        return;
    }
    atomic_store(&witnesses->stopping, true);
    if (witnesses->running) {
        (void)curl_multi_wakeup(witnesses->multi);
        (void)pthread_join(witnesses->thread, NULL);
    }
    for (size_t i = 0; i < AUDIT_WITNESSES_MAX; i++) {
        cosigner_wipe(&witnesses->cosigners[i]);
    }
    (void)curl_multi_cleanup(witnesses->multi);
    round_wipe(&witnesses->round);
    bytes_free(&witnesses->newest.note);
    (void)pthread_cond_destroy(&witnesses->changed);
    (void)pthread_mutex_destroy(&witnesses->mutex);
    free(witnesses);
}

/* For everybody. */

enum status witnesses_check(const struct service *service, struct fault *fault)
{
    struct witnesses *witnesses = service->witnesses;
    if (witnesses == NULL) {
        return STATUS_OK;
    }
    (void)pthread_mutex_lock(&witnesses->mutex);
    int64_t at_us = witnesses->newest_at_us;
    (void)pthread_mutex_unlock(&witnesses->mutex);
    int64_t age_us = clock_monotonic_us(service->clock) - at_us;
    return at_us > 0 && age_us <= witnesses->max_age_us
               ? STATUS_OK
               : fault_set(fault, STATUS_NOT_READY, "witnesses",
                           "no checkpoint was cosigned lately by %zu witnesses: effects wait for them",
                           witnesses->policy.quorum);
}

bool witnesses_are_gone(const struct service *service)
{
    struct witnesses *witnesses = service->witnesses;
    if (witnesses == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&witnesses->mutex);
    int64_t at_us =
        witnesses->newest_at_us > witnesses->started_at_us ? witnesses->newest_at_us : witnesses->started_at_us;
    (void)pthread_mutex_unlock(&witnesses->mutex);
    return clock_monotonic_us(service->clock) - at_us > witnesses->max_age_us;
}

/* With the mutex. */
static enum status copy_newest(struct trail_checkpoint *out, const struct witnesses *witnesses)
{
    out->checkpoint = witnesses->newest.checkpoint;
    return bytes_copy(&out->note, witnesses->newest.note.data, witnesses->newest.note.len);
}

/* Waits until more than `seq` entries are cosigned, or the time is over. */
static enum status wait_for(struct trail_checkpoint *out, struct witnesses *witnesses, uint64_t seq, int64_t timeout_ms,
                            struct fault *fault)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    enum status status = STATUS_NOT_READY;
    (void)pthread_mutex_lock(&witnesses->mutex);
    while ((witnesses->newest.note.len == 0 || witnesses->newest.checkpoint.size <= seq) &&
           pthread_cond_timedwait(&witnesses->changed, &witnesses->mutex, &until) == 0) {
    }
    if (witnesses->newest.note.len > 0 && witnesses->newest.checkpoint.size > seq) {
        status = copy_newest(out, witnesses);
    }
    (void)pthread_mutex_unlock(&witnesses->mutex);
    return status == STATUS_OK ? status
                               : fault_set(fault, status, "witnesses", "no checkpoint that covers it is cosigned yet");
}

enum status witnesses_newest(struct trail_checkpoint *out, const struct service *service, struct fault *fault)
{
    return service->witnesses == NULL ? trail_checkpoint_newest(out, service->trail, fault)
                                      : wait_for(out, service->witnesses, 0, 0, fault);
}

bool witnesses_are_overtaken(const struct service *service)
{
    struct witnesses *witnesses = service->witnesses;
    if (witnesses == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&witnesses->mutex);
    int64_t overtaken_us = witnesses->overtaken_us;
    int64_t newest_at_us = witnesses->newest_at_us;
    (void)pthread_mutex_unlock(&witnesses->mutex);
    int64_t now_us = clock_monotonic_us(service->clock);
    return overtaken_us > 0 && now_us - overtaken_us < witnesses->max_age_us &&
           now_us - newest_at_us > witnesses->max_age_us / STARVED_PARTS;
}

enum status witnesses_prove_shown(struct bytes *out, const struct service *service, uint64_t seq, int64_t timeout_ms,
                                  struct fault *fault)
{
    struct trail_checkpoint shown = {0};
    struct fault why = {0};
    bool waits = witnesses_are_overtaken(service);
    if (service->witnesses == NULL ||
        wait_for(&shown, service->witnesses, seq, waits ? timeout_ms : 0, &why) == STATUS_NOT_READY) {
        return waits ? fault_set(fault, STATUS_NOT_READY, why.where, "%s", why.detail)
                     : trail_prove(out, service->trail, seq, timeout_ms, fault);
    }
    enum status status = why.status == STATUS_OK ? trail_prove_under(out, service->trail, seq, &shown, fault)
                                                 : fault_set(fault, why.status, why.where, "%s", why.detail);
    bytes_free(&shown.note);
    return status;
}

static bool waits_for_witnesses(const struct service *service, enum wallet_tier tier)
{
    return service->witnesses != NULL && service->witness_tier != 0 && tier >= service->witness_tier;
}

enum status witnesses_prove(struct bytes *out, const struct service *service, uint64_t seq, enum wallet_tier tier,
                            struct fault *fault)
{
    struct trail_checkpoint checkpoint = {0};
    int64_t timeout_ms = service->options.trail_timeout_ms;
    if (!waits_for_witnesses(service, tier)) {
        return trail_prove(out, service->trail, seq, timeout_ms, fault);
    }
    timeout_ms = timeout_ms < COSIGNED_WAIT_MS ? timeout_ms : COSIGNED_WAIT_MS;
    enum status status = wait_for(&checkpoint, service->witnesses, seq, timeout_ms, fault);
    if (status == STATUS_OK) {
        status = trail_prove_under(out, service->trail, seq, &checkpoint, fault);
    }
    bytes_free(&checkpoint.note);
    return status;
}

size_t witnesses_states(struct witness_state out[AUDIT_WITNESSES_MAX], const struct service *service)
{
    struct witnesses *witnesses = service->witnesses;
    if (witnesses == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&witnesses->mutex);
    memcpy(out, witnesses->states, sizeof(witnesses->states));
    (void)pthread_mutex_unlock(&witnesses->mutex);
    return witnesses->policy.count;
}
