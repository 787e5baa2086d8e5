/*
 * Keeping tokens alive: one thread for each starts its process, learns what it holds, looks whether it still lives
 * while nobody signs, and after a failure collects it and starts it again.
 *
 * A token that failed is never repaired: its process is killed and its sockets are shut, so nothing late can arrive,
 * and a new process begins from nothing.
 */
#include "token_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define START_TIMES 10       /* timeouts that a start may take */
#define PROBE_TIMES 2        /* timeouts between two looks at an idle token */
#define PAUSE_TIMES_MAX 30   /* timeouts between two starts, at most */
#define STEADY_US 60000000LL /* usable for so long, or used: the pauses begin anew */

void token_set_lock(struct token_set *set)
{
    INVARIANT(pthread_mutex_lock(&set->mutex) == 0);
}

void token_set_unlock(struct token_set *set)
{
    INVARIANT(pthread_mutex_unlock(&set->mutex) == 0);
}

/* With the mutex. */
static void changed(struct token_set *set)
{
    INVARIANT(pthread_cond_broadcast(&set->changed) == 0);
    for (unsigned i = 0; i < set->config.count; i++) { /* who waits for one may now want another */
        INVARIANT(pthread_cond_broadcast(&set->tokens[i].returned) == 0);
    }
}

static int times(const struct token_set *set, int64_t count)
{
    return (int)(set->config.timeout_ms * count);
}

/* Failing */

/* With the mutex. */
static bool other_usable(const struct token_set *set, unsigned index, unsigned *out)
{
    for (unsigned i = 0; i < set->config.count; i++) {
        if (i != index && set->tokens[i].condition == TOKEN_USABLE) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* With the mutex. An attended token that waits for its shares again is no news after it was told down. */
static void down_tell(struct token *token)
{
    if (!token->down_told) {
        token->down_told = true;
        token->down_utc_us = clock_utc_us(clock_system());
        log_event(LOG_LEVEL_ERROR, "token.down", "token", token_label(token), "serial", token_serial(token), "status",
                  status_info(token->reason.status)->code, "where", token->reason.where, "detail", token->reason.detail,
                  NULL);
    }
}

/* With the mutex. */
static void up_tell(const struct token *token)
{
    log_event(LOG_LEVEL_INFO, "token.up", "token", token_label(token), "serial", token_serial(token), "as",
              token->set->serving == token->index ? "serving" : "standby", NULL);
}

/* With the mutex. Every call that is under way on it returns now. */
static void ends_shut(const struct token_ends *ends)
{
    if (ends->process < 0) {
        return;
    }
    (void)shutdown(ends->control, SHUT_RDWR);
    for (size_t i = 0; i < ends->session_count; i++) {
        (void)shutdown(ends->sessions[i], SHUT_RDWR);
    }
}

/*
 * With the mutex. Tried again, a PIN that was refused would lock the token. What stays down, people must hear of; so
 * must they that another process has the token, which they can end.
 */
static void down_become(struct token *token, const struct fault *fault)
{
    bool taken = fault->status == STATUS_CONFLICT && token->reason.status != STATUS_CONFLICT;
    token->condition = TOKEN_DOWN;
    token->reason = *fault;
    token->for_good = token->for_good || fault->status == STATUS_PIN_REFUSED;
    token->down_told = token->down_told && !token->for_good && !taken;
}

void token_fail(struct token *token, uint64_t opening, const struct fault *fault)
{
    struct token_set *set = token->set;
    token_set_lock(set);
    if (token->opening == opening && token->condition != TOKEN_DOWN && !set->stopping) {
        bool was_usable = token->condition == TOKEN_USABLE;
        down_become(token, fault);
        (void)pidfd_send_signal(token->ends.process, SIGKILL, NULL, 0);
        ends_shut(&token->ends);
        if (was_usable && !other_usable(set, token->index, &set->serving)) {
            set->losses++;
        }
        down_tell(token);
        changed(set);
    }
    token_set_unlock(set);
}

/* Opening */

static enum status key_take(struct token_key *out, const struct token_note_key *told, struct fault *fault)
{
    struct fault inner = {0};
    if (told->spki_len > sizeof(told->spki) || public_key_parse(&out->public_key, (enum algorithm)told->algorithm,
                                                                told->spki, told->spki_len, &inner) != STATUS_OK) {
        return fault_set(fault, STATUS_TOKEN, "token", "its process told a key that is none");
    }
    public_key_id(&out->key_id, &out->public_key);
    out->born = told->born != 0;
    out->vault = told->vault != 0;
    return STATUS_OK;
}

/* With the control mutex, which the keys under construction are guarded by. */
static enum status keys_await(struct token_key *keys, size_t *out_count, struct token_note *out, int fd,
                              int64_t until_us, struct fault *fault)
{
    for (*out_count = 0; *out_count <= HSM_KEYS_MAX;) {
        int64_t left_us = until_us - clock_monotonic_us(clock_system());
        enum status status = token_note_receive(out, fd, left_us <= 0 ? 0 : (int)(left_us / 1000) + 1);
        if (status == STATUS_TIMED_OUT) {
            return fault_set(fault, status, "token", "its process did not open it in time");
        }
        if (status != STATUS_OK) {
            return fault_set(fault, STATUS_TOKEN, "token", "its process ended while opening it");
        }
        if (out->word != TOKEN_WORD_KEY) {
            return STATUS_OK;
        }
        if (*out_count == HSM_KEYS_MAX || out->key.number != *out_count) {
            break;
        }
        status = key_take(&keys[*out_count], &out->key, fault);
        if (status != STATUS_OK) {
            return status;
        }
        (*out_count)++;
    }
    return fault_set(fault, STATUS_TOKEN, "token", "its process told keys out of order");
}

/* With the mutex. A token that comes up twice would be its own standby, and two processes would write to it. */
static bool is_other_token(const struct token *token, const struct token_note_identity *identity)
{
    for (unsigned i = 0; i < token->set->config.count; i++) {
        const struct token_note_identity *other = &token->set->tokens[i].identity;
        if (i != token->index && other->label[0] != '\0' && strcmp(other->label, identity->label) == 0 &&
            strcmp(other->serial, identity->serial) == 0) {
            return true;
        }
    }
    return false;
}

/* With the mutex. `keys` is transferred. */
static void usable_become(struct token *token, struct token_key *keys, size_t count,
                          const struct token_note_identity *identity)
{
    struct token_set *set = token->set;
    free(token->keys);
    token->keys = keys;
    token->key_count = count;
    token->identity = *identity;
    unsigned other;
    if (!other_usable(set, token->index, &other)) {
        set->serving = token->index;
    }
    token->condition = TOKEN_USABLE;
    token->usable_us = clock_monotonic_us(clock_system());
    token->used = false;
    token->reason = (struct fault){0};
    token->down_told = false;
    if (token->settled) {
        up_tell(token);
    }
    changed(set);
}

/* Takes over what was told; `keys` is transferred. A token that failed meanwhile stays down. */
static enum status keys_take_over(struct token *token, struct token_key *keys, size_t count,
                                  const struct token_note_identity *told, struct fault *fault)
{
    struct token_note_identity identity = *told;
    identity.label[sizeof(identity.label) - 1] = '\0';
    identity.serial[sizeof(identity.serial) - 1] = '\0';
    enum status status = STATUS_OK;
    token_set_lock(token->set);
    if (is_other_token(token, &identity)) {
        status = fault_set(fault, STATUS_CONFLICT, "standby", "it is the same token");
        token->for_good = true; /* it would come up beside itself */
    } else if (token->condition == TOKEN_STARTING || token->condition == TOKEN_LOCKED) {
        usable_become(token, keys, count, &identity);
        keys = NULL;
    }
    token_set_unlock(token->set);
    free(keys);
    return status;
}

static enum status opened(struct token *token, struct token_key *keys, size_t count, const struct token_note *note,
                          struct fault *fault)
{
    enum status status;
    switch ((enum token_word)note->word) {
    case TOKEN_WORD_OPEN:
        if (note->identity.key_count != count) {
            break;
        }
        status = token_anchor_settle(token, token->ends.control, fault);
        if (status == STATUS_OK) {
            return keys_take_over(token, keys, count, &note->identity, fault);
        }
        free(keys);
        return status;
    case TOKEN_WORD_LOCKED:
        free(keys);
        token_set_lock(token->set);
        if (token->condition == TOKEN_STARTING) {
            token->condition = TOKEN_LOCKED;
            log_event(LOG_LEVEL_INFO, "token.locked", "token", token_label(token), "serial", token_serial(token), NULL);
            changed(token->set);
        }
        token_set_unlock(token->set);
        return STATUS_OK;
    case TOKEN_WORD_FAILED:
        free(keys);
        return token_refusal_fault(&note->refusal, fault);
    case TOKEN_WORD_PROBE:
    case TOKEN_WORD_BEGIN:
    case TOKEN_WORD_SHARE:
    case TOKEN_WORD_READ:
    case TOKEN_WORD_REPLACE:
    case TOKEN_WORD_DONE:
    case TOKEN_WORD_HELD:
    case TOKEN_WORD_KEY:
        break;
    }
    free(keys);
    return fault_set(fault, STATUS_TOKEN, "token", "its process told something else than its keys");
}

enum status token_opening_await(struct token *token, struct fault *fault)
{
    struct token_key *keys = calloc(HSM_KEYS_MAX, sizeof(*keys));
    if (keys == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "token", "its keys");
    }
    size_t count = 0;
    struct token_note note;
    int64_t until_us = clock_monotonic_us(clock_system()) + 1000LL * times(token->set, START_TIMES);
    enum status status = keys_await(keys, &count, &note, token->ends.control, until_us, fault);
    if (status != STATUS_OK) {
        free(keys);
        return status;
    }
    return opened(token, keys, count, &note, fault);
}

/* Only we can know it: a token's process may claim any status. */
static void keeper_lost(struct token_set *set)
{
    token_set_lock(set);
    if (!set->stopping && !set->keeper_lost) {
        set->keeper_lost = true;
        log_event(LOG_LEVEL_ERROR, "keeper.ended", "detail", "no token can be started any more; signerd ends", NULL);
        (void)pthread_kill(set->master, SIGINT);
    }
    token_set_unlock(set);
}

/* Starts the process. Out: the sessions are all idle. */
static enum status launch(struct token *token, struct fault *fault)
{
    struct token_set *set = token->set;
    struct token_ends ends;
    enum status status = token_keeper_start(set->config.keeper, &ends, token->index, fault);
    if (status == STATUS_UNAVAILABLE) {
        keeper_lost(set);
    }
    if (status != STATUS_OK) {
        return status;
    }
    token_set_lock(set);
    token->ends = ends;
    token->condition = TOKEN_STARTING;
    token->opening++;
    token->idle_count = ends.session_count;
    for (unsigned i = 0; i < ends.session_count; i++) {
        token->idle[i] = (unsigned)ends.session_count - 1 - i;
    }
    if (set->stopping) {
        ends_shut(&token->ends);
    }
    token_set_unlock(set);
    return STATUS_OK;
}

static enum status start(struct token *token, struct fault *fault)
{
    enum status status = launch(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(pthread_mutex_lock(&token->control_mutex) == 0);
    status = token_opening_await(token, fault);
    INVARIANT(pthread_mutex_unlock(&token->control_mutex) == 0);
    return status;
}

/* Living */

/* The start has succeeded. Returns when the token is down. */
static void attend(struct token *token)
{
    struct token_set *set = token->set;
    token_set_lock(set);
    token->settled = true;
    changed(set);
    token_set_unlock(set);
    for (;;) {
        token_set_lock(set);
        enum token_condition condition = token->condition;
        uint64_t opening = token->opening;
        struct pollfd end = {.fd = token->ends.control};
        bool over = condition == TOKEN_DOWN || set->stopping;
        token_set_unlock(set);
        if (over) {
            return;
        }
        struct fault fault = {0};
        int ready = poll(&end, 1, times(set, PROBE_TIMES));
        if (ready > 0) { /* only that the other end is gone was asked for */
            (void)fault_set(&fault, STATUS_TOKEN, "token", "its process ended");
            token_fail(token, opening, &fault);
        } else if (condition == TOKEN_USABLE && !token_look(token, end.fd, &fault)) {
            token_fail(token, opening, &fault);
        }
    }
}

/* Nothing of the process is left afterwards. */
static void collect(struct token *token)
{
    struct token_set *set = token->set;
    token_set_lock(set);
    token->condition = TOKEN_DOWN;
    while (token->idle_count < token->ends.session_count) { /* whoever has one finds it shut */
        INVARIANT(pthread_cond_wait(&token->returned, &set->mutex) == 0);
    }
    token->idle_count = 0;
    token_set_unlock(set);
    INVARIANT(pthread_mutex_lock(&token->control_mutex) == 0); /* who gives a share finds it shut */
    token_set_lock(set);
    token_ends_close(&token->ends);
    token_set_unlock(set);
    INVARIANT(pthread_mutex_unlock(&token->control_mutex) == 0);
    token_keeper_collect(set->config.keeper, token->index);
}

/* The end of a start that did not succeed. */
static void refused(struct token *token, const struct fault *fault)
{
    struct token_set *set = token->set;
    token_set_lock(set);
    ends_shut(&token->ends);
    down_become(token, fault);
    if (token->settled) {
        down_tell(token);
    }
    token->settled = true;
    changed(set);
    token_set_unlock(set);
}

/* Waits before the next start; false when there is none. */
static bool pause_before_start(struct token *token, int64_t *pause_ms)
{
    struct token_set *set = token->set;
    token_set_lock(set);
    int64_t now_us = clock_monotonic_us(clock_system());
    bool steady = token->usable_us != 0 && (token->used || now_us - token->usable_us >= STEADY_US);
    *pause_ms = steady ? set->config.timeout_ms : *pause_ms;
    token->usable_us = 0;
    token->used = false;
    struct timespec until = {.tv_sec = (now_us / 1000 + *pause_ms) / 1000,
                             .tv_nsec = (now_us / 1000 + *pause_ms) % 1000 * 1000000};
    int waited = 0;
    while (!set->stopping && !token->for_good && waited == 0) {
        waited = pthread_cond_clockwait(&set->changed, &set->mutex, CLOCK_MONOTONIC, &until);
        INVARIANT(waited == 0 || waited == ETIMEDOUT);
    }
    bool again = !set->stopping && !token->for_good && !set->keeper_lost;
    token_set_unlock(set);
    *pause_ms = 2 * *pause_ms > times(set, PAUSE_TIMES_MAX) ? times(set, PAUSE_TIMES_MAX) : 2 * *pause_ms;
    return again;
}

/* With the mutex. */
static void settled_await(struct token_set *set, const struct token *token)
{
    while (!token->settled && !set->stopping) {
        INVARIANT(pthread_cond_wait(&set->changed, &set->mutex) == 0);
    }
}

/* One after the other at first: a standby that is the primary by mistake does not log in beside it. */
static void turn_await(struct token *token)
{
    token_set_lock(token->set);
    for (unsigned i = 0; i < token->index; i++) {
        settled_await(token->set, &token->set->tokens[i]);
    }
    token_set_unlock(token->set);
}

static void *token_run(void *argument)
{
    struct token *token = argument;
    turn_await(token);
    int64_t pause_ms = token->set->config.timeout_ms;
    do {
        struct fault fault = {0};
        if (start(token, &fault) == STATUS_OK) {
            attend(token);
        } else {
            refused(token, &fault);
        }
        collect(token);
    } while (pause_before_start(token, &pause_ms));
    return NULL;
}

/* The set */

static enum status threads_start(struct token_set *set, struct fault *fault)
{
    for (unsigned i = 0; i < set->config.count; i++) {
        struct token *token = &set->tokens[i];
        token->has_thread = pthread_create(&token->thread, NULL, token_run, token) == 0;
        if (!token->has_thread) {
            return fault_set(fault, STATUS_NO_MEMORY, "threads", "one for each token");
        }
    }
    return STATUS_OK;
}

/* What does not pass by itself needs people, and a start that is refused brings them. A token that was pulled out is
 * not found. */
static bool passes(enum status status)
{
    return status == STATUS_TOKEN || status == STATUS_TIMED_OUT || status == STATUS_NOT_FOUND;
}

/* With the mutex. The primary serves, whichever was quicker. */
static void first_tell(struct token_set *set)
{
    if (set->tokens[0].condition == TOKEN_USABLE) {
        set->serving = 0;
    }
    for (unsigned i = 0; i < set->config.count; i++) {
        if (set->tokens[i].condition == TOKEN_DOWN) {
            down_tell(&set->tokens[i]);
        } else if (set->tokens[i].condition == TOKEN_USABLE) {
            up_tell(&set->tokens[i]);
        }
    }
}

/* With the mutex. */
static enum status first_judge(struct token_set *set, struct fault *fault)
{
    size_t there = 0;
    for (unsigned i = 0; i < set->config.count; i++) {
        const struct token *token = &set->tokens[i];
        there += token->condition != TOKEN_DOWN;
        if (token->condition == TOKEN_DOWN && !passes(token->reason.status)) {
            *fault = token->reason;
            return fault->status;
        }
    }
    if (there == 0) {
        *fault = set->tokens[0].reason;
        return fault->status;
    }
    first_tell(set);
    return STATUS_OK;
}

static enum status first_await(struct token_set *set, struct fault *fault)
{
    token_set_lock(set);
    for (unsigned i = 0; i < set->config.count; i++) {
        settled_await(set, &set->tokens[i]);
    }
    enum status status = first_judge(set, fault);
    token_set_unlock(set);
    return status;
}

enum status token_set_new(struct token_set **out, const struct token_set_config *config, struct fault *fault)
{
    INVARIANT(config->count >= 1 && config->count <= SIGNER_TOKENS_MAX);
    struct token_set *set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "tokens", "starting");
    }
    set->config = *config;
    set->master = pthread_self();
    token_use_calls(&set->calls, set);
    INVARIANT(pthread_mutex_init(&set->mutex, NULL) == 0 && pthread_cond_init(&set->changed, NULL) == 0);
    for (unsigned i = 0; i < config->count; i++) {
        set->tokens[i] = (struct token){.set = set, .index = i, .ends = {.process = -1, .control = -1}};
        INVARIANT(pthread_mutex_init(&set->tokens[i].control_mutex, NULL) == 0 &&
                  pthread_cond_init(&set->tokens[i].returned, NULL) == 0);
    }
    enum status status = threads_start(set, fault);
    status = status == STATUS_OK ? first_await(set, fault) : status;
    if (status != STATUS_OK) {
        token_set_free(set);
        return status;
    }
    *out = set; /* transferred */
    return STATUS_OK;
}

void token_set_free(struct token_set *set)
{
    if (set == NULL) {
        return;
    }
    token_set_lock(set);
    set->stopping = true;
    for (unsigned i = 0; i < set->config.count; i++) {
        ends_shut(&set->tokens[i].ends);
    }
    changed(set);
    token_set_unlock(set);
    for (unsigned i = 0; i < set->config.count; i++) {
        struct token *token = &set->tokens[i];
        INVARIANT(!token->has_thread || pthread_join(token->thread, NULL) == 0);
    }
    for (unsigned i = 0; i < set->config.count; i++) { /* a thread that ends tells the other token's waiters, too */
        INVARIANT(pthread_mutex_destroy(&set->tokens[i].control_mutex) == 0 &&
                  pthread_cond_destroy(&set->tokens[i].returned) == 0);
        free(set->tokens[i].keys);
    }
    INVARIANT(pthread_cond_destroy(&set->changed) == 0 && pthread_mutex_destroy(&set->mutex) == 0);
    free(set);
}

const struct signer_tokens *token_set_calls(const struct token_set *set)
{
    return &set->calls;
}

bool token_set_keeper_lost(struct token_set *set)
{
    token_set_lock(set);
    bool lost = set->keeper_lost;
    token_set_unlock(set);
    return lost;
}
