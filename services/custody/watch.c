/*
 * The watch: looks at the service from outside, and has people called. A program that was told something is not told it
 * again, one that failed is tried again at every look, and silence of the service is an alarm of the watch's own.
 */
#include <signal.h>

#include "base/canon.h"
#include "base/clock.h"
#include "base/log.h"
#include "client.h"
#include "commands.h"
#include "watch_call.h"
#include "watch_state.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEW "new"
#define UNANSWERED "unanswered"
#define STANDS_STILL "stands_still"
#define EVERY_S 10             /* without --every */
#define CALLS_AT_ONCE 16       /* entries about which people are called before the service is looked at again */
#define PROGRAM_OBJECT_SIZE 24 /* any size_t in decimal */

struct watching {
    const struct custody_options *options;
    const struct option_list *programs;
    struct watch_state state;
    int64_t progress_us;          /* monotonic: when the service was last seen to have looked at things again */
    int64_t looked_at;            /* what it said then */
    const char *why;              /* why not since: static */
    bool silent;                  /* as the log says */
    bool failed[OPTION_LIST_MAX]; /* in this round */
    size_t calls;                 /* in this round: entries about which somebody was called */
    size_t first;                 /* entry with which the next round begins */
    bool more;                    /* the round ended before all entries were looked at */
};

/* What /healthz says. */
struct health {
    json_t *alarm_codes;
    int64_t alarms;
    int64_t looked_at;
    json_t *parts;
    char status[16];
};

static const struct canon_field health_fields[] = {
    CANON_FIELD(struct health, alarm_codes, CANON_ARRAY), CANON_FIELD(struct health, alarms, CANON_INTEGER),
    CANON_FIELD(struct health, looked_at, CANON_TIME),    CANON_FIELD(struct health, parts, CANON_OBJECT),
    CANON_FIELD(struct health, status, CANON_TEXT),
};

/* What /v1/alarms says. */
struct answer {
    json_t *alarms;
    int64_t looked_at;
};

static const struct canon_field answer_fields[] = {
    CANON_FIELD_RANGE(struct answer, alarms, CANON_ARRAY, 0, WATCH_ALARMS_MAX),
    CANON_FIELD(struct answer, looked_at, CANON_TIME),
};

/* The service. */

/* A signer without an active key is an everyday thing; without one of these parts there are no alarms to be seen. */
static enum status look_at_health(const struct custody_options *options, struct fault *fault)
{
    static const char *const parts[] = {"database", "trail", "ledger"};
    const struct client_call call = {.method = "GET", .path = "/healthz", .unready_too = true};
    struct health health = {0};
    json_t *body = NULL;
    enum status status = client_json(&body, options, &call, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&health, sizeof(health), body, health_fields, COUNT(health_fields), "", fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < COUNT(parts); i++) {
        if (!json_is_true(json_object_get(json_object_get(health.parts, parts[i]), "ready"))) {
            status = fault_set(fault, STATUS_NOT_READY, parts[i], "%s", "");
        }
    }
    json_decref(body);
    return status;
}

/* All alarms or none: an answer with one that is none is no answer. */
static enum status read_alarms(struct watch_alarm **out, const json_t *array, struct fault *fault)
{
    size_t count = json_array_size(array);
    struct watch_alarm *alarms = calloc(count + 1, sizeof(*alarms));
    enum status status = alarms == NULL ? fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "") : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = watch_alarm_read(&alarms[i], json_array_get(array, i), fault);
    }
    if (status != STATUS_OK) {
        for (size_t i = 0; alarms != NULL && i < count; i++) {
            watch_alarm_wipe(&alarms[i]);
        }
        free(alarms);
        return status;
    }
    *out = alarms;
    return STATUS_OK;
}

static enum status take_alarms(struct watching *watching, const json_t *array, struct fault *fault)
{
    struct watch_alarm *alarms = NULL;
    int64_t now = clock_utc_us(clock_system());
    enum status status = read_alarms(&alarms, array, fault);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < watching->state.count; i++) {
        struct watch_entry *entry = &watching->state.entries[i];
        entry->present = watch_alarm_is_own(&entry->alarm) && entry->present;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum status put = watch_state_put(&watching->state, &alarms[i], now, fault); /* transferred */
        status = status == STATUS_OK ? put : status;
    }
    free(alarms);
    return status;
}

/* `well`: the service goes on. When its trail has halted, there are alarms to be told all the same. */
static enum status look_at_alarms(struct watching *watching, bool well, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/alarms"};
    struct answer answer = {0};
    json_t *body = NULL;
    enum status status = client_json(&body, watching->options, &call, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&answer, sizeof(answer), body, answer_fields, COUNT(answer_fields), "", fault);
    }
    if (status == STATUS_OK) {
        status = take_alarms(watching, answer.alarms, fault);
    }
    if (status == STATUS_OK && well && answer.looked_at != watching->looked_at) {
        watching->looked_at = answer.looked_at;
        watching->progress_us = clock_monotonic_us(clock_system());
    }
    json_decref(body);
    return status;
}

/* Own alarms. */

static enum status raise_own(struct watching *watching, const char *code, const char *object_id, const char *reason,
                             struct fault *fault)
{
    struct watch_alarm alarm;
    int64_t now = clock_utc_us(clock_system());
    struct watch_entry *known = watch_state_find_own(&watching->state, code, object_id);
    if (known != NULL) {
        known->present = true;
        return STATUS_OK;
    }
    enum status status = watch_alarm_own(&alarm, code, object_id, reason, now, fault);
    return status == STATUS_OK ? watch_state_put(&watching->state, &alarm, now, fault) : status;
}

static void end_own(struct watching *watching, const char *code, const char *object_id)
{
    struct watch_entry *known = watch_state_find_own(&watching->state, code, object_id);
    if (known != NULL) {
        known->present = false;
    }
}

static enum status judge_silence(struct watching *watching, bool progress, struct fault *fault)
{
    int64_t still_us = clock_monotonic_us(clock_system()) - watching->progress_us;
    if (progress) {
        if (watching->silent) {
            log_event(LOG_LEVEL_INFO, "service.back", NULL);
        }
        watching->silent = false;
        end_own(watching, WATCH_SILENT, "service");
        return STATUS_OK;
    }
    if (still_us < watching->options->silence_s * 1000000) {
        return STATUS_OK;
    }
    if (!watching->silent) {
        log_event(LOG_LEVEL_ERROR, "service.silent", "reason", watching->why, NULL);
    }
    watching->silent = true;
    return raise_own(watching, WATCH_SILENT, "service", watching->why, fault);
}

static enum status look(struct watching *watching, struct fault *fault)
{
    struct fault why = {0};
    int64_t before_us = watching->progress_us;
    enum status status = look_at_health(watching->options, &why);
    if (status == STATUS_OK || status == STATUS_NOT_READY) {
        enum status told = look_at_alarms(watching, status == STATUS_OK, &why); /* the first fault stays */
        status = status == STATUS_OK ? told : status;
    }
    if (status != STATUS_OK) {
        log_fault("service.look", &why);
    }
    watching->why = status == STATUS_OK ? STANDS_STILL : status_info(status)->code;
    return judge_silence(watching, watching->progress_us != before_us, fault);
}

/* Calling. */

static void program_object(char out[PROGRAM_OBJECT_SIZE], size_t index)
{
    (void)snprintf(out, PROGRAM_OBJECT_SIZE, "%zu", index + 1);
}

/* What came of a call. */
static enum status take_result(struct watching *watching, struct watch_entry *entry, const struct watch_call *call,
                               const char *notice, struct fault *fault)
{
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &entry->alarm.id);
    if (!call->done) {
        log_event(LOG_LEVEL_ERROR, "call.failed", "program", call->program, "why", call->why, "notice", notice, "alarm",
                  id, "code", entry->alarm.code, NULL);
        return STATUS_OK;
    }
    log_event(LOG_LEVEL_INFO, "call.done", "program", call->program, "notice", notice, "alarm", id, "code",
              entry->alarm.code, NULL);
    return watch_state_tell(&watching->state, entry, notice, call->program, fault);
}

/* People are called also when the disk is full; what cannot be written down may be told again after a restart. */
static void save(struct watching *watching)
{
    struct fault fault = {0};
    if (watch_state_save(&watching->state, &fault) != STATUS_OK) {
        log_fault("watch.state", &fault);
    }
}

/* Has each program told that was not and has not failed in this round. */
static enum status deliver(struct watching *watching, size_t index, const char *notice, struct fault *fault)
{
    struct watch_entry *entry = &watching->state.entries[index];
    struct watch_call calls[OPTION_LIST_MAX];
    size_t whose[OPTION_LIST_MAX];
    size_t count = 0;
    struct bytes document = {0};
    for (size_t i = 0; i < watching->programs->count; i++) {
        const char *program = watching->programs->texts[i];
        if (!watching->failed[i] && !watch_entry_told(entry, notice, program)) {
            whose[count] = i;
            calls[count++] = (struct watch_call){.program = program};
        }
    }
    enum status status = count == 0 ? STATUS_OK : watch_alarm_notice(&document, &entry->alarm, notice, fault);
    if (count == 0 || status != STATUS_OK) {
        return status;
    }
    watching->calls++;
    int64_t until_us = clock_monotonic_us(clock_system()) + watching->options->call_timeout_s * 1000000;
    watch_call_begin(calls, count, &document);
    bytes_free(&document);
    for (size_t i = watch_call_next(calls, count, until_us); i < count; i = watch_call_next(calls, count, until_us)) {
        char object[PROGRAM_OBJECT_SIZE];
        program_object(object, whose[i]);
        watching->failed[whose[i]] = !calls[i].done;
        if (calls[i].done) {
            end_own(watching, WATCH_CALL_FAILED, object);
        }
        enum status taken = take_result(watching, entry, &calls[i], notice, fault);
        status = status == STATUS_OK ? taken : status;
        save(watching); /* one that hangs does not keep the others from being written down */
    }
    return status;
}

static bool is_unanswered(const struct watching *watching, const struct watch_entry *entry)
{
    int64_t open_us = clock_utc_us(clock_system()) - entry->seen_at_utc_us;
    return entry->present && !entry->alarm.answered && !watch_alarm_is_own(&entry->alarm) &&
           open_us >= watching->options->answer_within_s * 1000000;
}

static bool is_told_to_all(const struct watching *watching, const struct watch_entry *entry)
{
    for (size_t i = 0; i < watching->programs->count; i++) {
        if (!watch_entry_told(entry, NEW, watching->programs->texts[i])) {
            return false;
        }
    }
    return true;
}

static void end_signals(sigset_t *out)
{
    (void)sigemptyset(out);
    (void)sigaddset(out, SIGTERM);
    (void)sigaddset(out, SIGINT);
}

static bool is_to_end(void)
{
    sigset_t pending;
    (void)sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

static enum status tell(struct watching *watching, size_t index, struct fault *fault)
{
    enum status status = deliver(watching, index, NEW, fault);
    return status == STATUS_OK && is_unanswered(watching, &watching->state.entries[index])
               ? deliver(watching, index, UNANSWERED, fault)
               : status;
}

/* What the watch says itself: a service that is silent is told before what it said last. */
static enum status tell_own(struct watching *watching, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < watching->state.count; i++) {
        if (watch_alarm_is_own(&watching->state.entries[i].alarm)) {
            status = tell(watching, i, fault);
        }
    }
    return status;
}

/*
 * However many alarms there are, the service is looked at between a few calls, and the end is not waited for. Rounds
 * begin elsewhere each time, so that no alarm with which a program fails keeps it from the others.
 */
static enum status call_people(struct watching *watching, struct fault *fault)
{
    size_t i = 0;
    save(watching); /* before anybody is called: what is seen once is told, whatever becomes of this process */
    memset(watching->failed, 0, sizeof(watching->failed));
    watching->calls = 0;
    enum status status = tell_own(watching, fault);
    for (; status == STATUS_OK && i < watching->state.count && watching->calls < CALLS_AT_ONCE && !is_to_end(); i++) {
        status = tell(watching, (watching->first + i) % watching->state.count, fault);
    }
    watching->more = i < watching->state.count;
    watching->first += watching->more ? i : i + 1;
    for (size_t at = 0; status == STATUS_OK && at < watching->programs->count; at++) {
        char object[PROGRAM_OBJECT_SIZE];
        program_object(object, at);
        status = watching->failed[at] ? raise_own(watching, WATCH_CALL_FAILED, object, "failed", fault) : STATUS_OK;
    }
    return status;
}

/* What is over and was told to everybody is forgotten. */
static void forget(struct watching *watching)
{
    for (size_t i = watching->state.count; i > 0; i--) {
        const struct watch_entry *entry = &watching->state.entries[i - 1];
        if (!entry->present && is_told_to_all(watching, entry)) {
            watch_state_drop(&watching->state, i - 1);
        }
    }
}

static void round_of(struct watching *watching)
{
    struct fault fault = {0};
    enum status status = look(watching, &fault);
    enum status called = call_people(watching, &fault); /* also when the look went wrong */
    forget(watching);
    save(watching);
    if (status != STATUS_OK || called != STATUS_OK) {
        log_fault("watch", &fault);
    }
}

/* Answers false when the program is to end. */
static bool pause_until_next(const struct watching *watching)
{
    int64_t every_s = watching->options->every_s == 0 ? EVERY_S : watching->options->every_s;
    const struct timespec pause = {.tv_sec = watching->more ? 0 : (time_t)every_s};
    sigset_t ends;
    end_signals(&ends);
    return sigtimedwait(&ends, NULL, &pause) < 0;
}

enum status command_watch(const struct command_input *input, struct fault *fault)
{
    struct watching watching = {.options = input->options,
                                .programs = &input->options->calls,
                                .progress_us = clock_monotonic_us(clock_system())};
    sigset_t ends;
    enum status status = watch_call_check(watching.programs, fault);
    if (status == STATUS_OK && input->options->state[0] == '\0') {
        status = fault_set(fault, STATUS_USAGE, "state", "name the file");
    }
    if (status == STATUS_OK) {
        status = watch_state_open(&watching.state, input->options->state, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    log_open("custody-watch", LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_INFO, "watch.start", "service", input->options->url, NULL);
    end_signals(&ends);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    do {
        round_of(&watching);
    } while (pause_until_next(&watching));
    log_event(LOG_LEVEL_INFO, "watch.stop", NULL);
    watch_state_close(&watching.state);
    return STATUS_OK;
}
