/*
 * `signerd token`: the process of one token. It alone loads the PKCS #11 module, knows the PIN and opens sessions; it
 * decides nothing, and its master verifies every signature it gives. Started by the keeper, never by hand.
 *
 * As many threads as sessions answer requests to sign; the first thread answers for the whole: what keys there are,
 * whether the token lives, and, where the PIN is in shares, the activation.
 */
#include <pthread.h>
#include <sys/socket.h>

#include "hsm/vault.h"
#include "sandbox.h"
#include "token.h"
#include "token_link.h"
#include "token_unlock.h"

#define STACK_SIZE (1024 * 1024)

struct session {
    struct process *process;
    int fd;
    pthread_t thread;
    uint8_t *packet; /* header and message */
};

struct process {
    const struct options *options;
    struct hsm_token *token;
    const struct hsm_key *keys[HSM_KEYS_MAX];
    size_t key_count;
    struct hsm_data anchors[HSM_DATA_MAX]; /* as read last */
    size_t anchor_count;
    struct session sessions[HSM_SESSIONS_MAX];
    size_t session_count; /* threads that were started */
};

/* Sessions */

static enum status message_wrap(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], const uint8_t *message,
                                size_t len, struct fault *fault)
{
    struct token_wrap wrap;
    if (len != sizeof(wrap)) {
        return fault_set(fault, STATUS_INVALID, "request", "it is of another form");
    }
    memcpy(&wrap, message, sizeof(wrap));
    enum status status = hsm_vault_wrap(key, out64, wrap.plain32, wrap.context16, fault);
    secret_wipe(&wrap, sizeof(wrap));
    return status;
}

static enum status message_unwrap(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], const uint8_t *message,
                                  size_t len, struct fault *fault)
{
    struct token_unwrap unwrap;
    if (len != sizeof(unwrap)) {
        return fault_set(fault, STATUS_INVALID, "request", "it is of another form");
    }
    memcpy(&unwrap, message, sizeof(unwrap));
    enum status status = hsm_vault_unwrap(key, out64, unwrap.wrapped60, unwrap.context16, fault);
    secret_wipe(&unwrap, sizeof(unwrap)); /* one day it is destroyed in the guard, and opens nothing any more */
    return status;
}

static enum status request_answer(const struct process *process, uint8_t out64[SIGNATURE_LEN], const uint8_t *packet,
                                  size_t len, struct fault *fault)
{
    struct token_request request;
    if (len < sizeof(request)) {
        return fault_set(fault, STATUS_INVALID, "request", "it is short");
    }
    memcpy(&request, packet, sizeof(request));
    if (request.len != len - sizeof(request) || request.key >= process->key_count) {
        return fault_set(fault, STATUS_INVALID, "request", "it is of another form");
    }
    const struct hsm_key *key = process->keys[request.key];
    const uint8_t *message = packet + sizeof(request);
    switch ((enum token_use)request.use) {
    case TOKEN_USE_SIGN:
        return hsm_key_sign_raw(key, out64, message, request.len, fault);
    case TOKEN_USE_WRAP:
        return message_wrap(key, out64, message, request.len, fault);
    case TOKEN_USE_UNWRAP:
        return message_unwrap(key, out64, message, request.len, fault);
    }
    return fault_set(fault, STATUS_INVALID, "request", "there is no such use of a key");
}

static bool request_serve(struct session *session, size_t len)
{
    struct token_result result = {.status = STATUS_OK};
    struct fault fault = {0};
    enum status status = request_answer(session->process, result.bytes64, session->packet, len, &fault);
    secret_wipe(session->packet, len);
    if (status == STATUS_OK) {
        bool sent = send(session->fd, &result, sizeof(result), MSG_NOSIGNAL) == (ssize_t)sizeof(result);
        secret_wipe(&result, sizeof(result));
        return sent;
    }
    struct token_refusal refusal;
    token_refusal_fill(&refusal, status, &fault);
    return send(session->fd, &refusal, sizeof(refusal), MSG_NOSIGNAL) == (ssize_t)sizeof(refusal);
}

static void *session_run(void *argument)
{
    struct session *session = argument;
    for (;;) {
        ssize_t len = recv(session->fd, session->packet, TOKEN_LINK_MESSAGE_MAX, MSG_TRUNC);
        if (len <= 0 || len > TOKEN_LINK_MESSAGE_MAX || !request_serve(session, (size_t)len)) {
            break;
        }
    }
    (void)shutdown(session->fd, SHUT_RDWR);
    return NULL;
}

static enum status sessions_start(struct process *process, struct fault *fault)
{
    pthread_attr_t attributes;
    INVARIANT(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < (size_t)process->options->sessions && status == STATUS_OK; i++) {
        struct session *session = &process->sessions[i];
        *session = (struct session){
            .process = process, .fd = TOKEN_LINK_SESSION_FD + (int)i, .packet = malloc(TOKEN_LINK_MESSAGE_MAX)};
        if (session->packet == NULL || pthread_create(&session->thread, &attributes, session_run, session) != 0) {
            free(session->packet);
            status = fault_set(fault, STATUS_NO_MEMORY, "threads", "one for each session");
        } else {
            process->session_count++;
        }
    }
    INVARIANT(pthread_attr_destroy(&attributes) == 0);
    return status;
}

/* Opening */

/* Each key gives a proof: one signature that verifies, before its public key is told to anybody. */
static enum status keys_prove(struct process *process, struct fault *fault)
{
    size_t count = hsm_key_count(process->token);
    for (size_t i = 0; i < count; i++) {
        struct digest id;
        public_key_id(&id, hsm_key_public(hsm_key_at(process->token, i)));
        enum status status = hsm_key_open_id(process->token, &process->keys[i], &id, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    process->key_count = count;
    return STATUS_OK;
}

/* The token is open: nothing new is needed from here on. */
static enum status service_start(struct process *process, struct fault *fault)
{
    enum status status = keys_prove(process, fault);
    status = status == STATUS_OK ? sessions_start(process, fault) : status;
    if (status == STATUS_OK && process->options->sandbox && SANDBOX_USABLE) {
        status = sandbox_enter(SANDBOX_TOKEN, fault);
    }
    return status;
}

static void key_tell(const struct process *process, size_t number)
{
    const struct public_key *public_key = hsm_key_public(process->keys[number]);
    struct token_note note = {.word = TOKEN_WORD_KEY};
    note.key.number = (uint32_t)number;
    note.key.algorithm = (uint32_t)public_key->algorithm;
    note.key.born = hsm_key_is_born(process->keys[number]);
    note.key.vault = hsm_vault_has(process->keys[number]);
    note.key.spki_len = (uint32_t)public_key->spki_len;
    memcpy(note.key.spki, public_key->spki, public_key->spki_len);
    (void)token_note_send(TOKEN_LINK_CONTROL_FD, &note); /* the master gone: the next receive says so */
}

static void open_tell(const struct process *process)
{
    for (size_t i = 0; i < process->key_count; i++) {
        key_tell(process, i);
    }
    const struct hsm_token_selector *identity = hsm_token_identity(process->token);
    struct token_note note = {.word = TOKEN_WORD_OPEN};
    memcpy(note.identity.label, identity->label, sizeof(note.identity.label));
    memcpy(note.identity.serial, identity->serial, sizeof(note.identity.serial));
    note.identity.key_count = (uint32_t)process->key_count;
    (void)token_note_send(TOKEN_LINK_CONTROL_FD, &note);
}

static void failure_tell(enum status status, const struct fault *fault)
{
    struct token_note note = {.word = TOKEN_WORD_FAILED};
    token_refusal_fill(&note.refusal, status, fault);
    (void)token_note_send(TOKEN_LINK_CONTROL_FD, &note);
}

/*
 * One session more than threads, so that the probe never waits behind signatures. Keys that were not born on this token
 * may be on it: which key may serve is for the master to judge.
 */
static enum status open_with_pin(struct process *process, const struct secret *pin, struct fault *fault)
{
    struct hsm_uri uri;
    enum status status = token_choose(&uri, process->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct hsm_token_config config = {
        .module_path = uri.module_path,
        .selector = uri.selector,
        .session_count = (size_t)process->options->sessions + 1,
        .use = HSM_TOKEN_SIGN,
        .restored = true,
        .lock_folder = process->options->lock_folder,
    };
    status = hsm_token_open(&process->token, &config, pin, fault);
    return status == STATUS_OK ? service_start(process, fault) : status;
}

/* Attended: until the shares are there. False when the master is gone or the token did not open. */
static bool unlock_await(struct process *process)
{
    struct unlock *unlock = unlock_new();
    const struct token_note locked = {.word = TOKEN_WORD_LOCKED};
    bool going_on = unlock != NULL && token_note_send(TOKEN_LINK_CONTROL_FD, &locked);
    struct secret pin = {0};
    while (going_on && pin.data == NULL) {
        struct token_note note;
        enum status status = token_note_receive(&note, TOKEN_LINK_CONTROL_FD, unlock_remaining_ms(unlock));
        if (status == STATUS_TIMED_OUT) {
            unlock_forget(unlock);
            continue;
        }
        struct token_note answer = {.word = TOKEN_WORD_DONE};
        going_on = status == STATUS_OK;
        if (going_on) {
            unlock_answer(unlock, &answer, &note, &pin);
            going_on = token_note_send(TOKEN_LINK_CONTROL_FD, &answer);
        }
    }
    unlock_free(unlock);
    struct fault fault = {0};
    enum status status = going_on ? open_with_pin(process, &pin, &fault) : STATUS_UNAVAILABLE;
    secret_free(&pin);
    if (going_on && status != STATUS_OK) {
        failure_tell(status, &fault);
    }
    return status == STATUS_OK;
}

static bool open_now(struct process *process)
{
    struct fault fault = {0};
    struct secret pin = {0};
    enum status status = token_pin_read(&pin, process->options, &fault);
    status = status == STATUS_OK ? open_with_pin(process, &pin, &fault) : status;
    secret_free(&pin);
    if (status != STATUS_OK) {
        failure_tell(status, &fault);
    }
    return status == STATUS_OK;
}

/* Serving */

static enum status anchor_read(struct process *process, struct token_note *answer, uint32_t number, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (number == 0) {
        status = hsm_data_read(process->token, process->anchors, &process->anchor_count, TOKEN_LINK_ANCHOR, fault);
    }
    if (status == STATUS_OK) {
        answer->word = TOKEN_WORD_HELD;
        answer->anchor.number = number;
        answer->anchor.count = (uint32_t)process->anchor_count;
    }
    if (status == STATUS_OK && number < process->anchor_count) {
        answer->anchor.len = (uint32_t)process->anchors[number].len;
        memcpy(answer->anchor.value, process->anchors[number].value, process->anchors[number].len);
    }
    return status;
}

static enum status anchor_replace(struct process *process, const struct token_note_anchor *anchor, struct fault *fault)
{
    unsigned long old[HSM_DATA_MAX];
    size_t count = 0;
    struct hsm_data text = {.len = anchor->len};
    if (text.len == 0 || text.len > sizeof(text.value)) {
        return fault_set(fault, STATUS_INVALID, "request", "it is of another form");
    }
    for (size_t i = 0; i < process->anchor_count; i++) {
        if ((anchor->replaced >> i & 1) != 0) {
            old[count++] = process->anchors[i].object;
        }
    }
    process->anchor_count = 0;
    memcpy(text.value, anchor->value, text.len);
    return hsm_data_replace(process->token, TOKEN_LINK_ANCHOR, &text, old, count, fault);
}

static enum status control_answer(struct process *process, struct token_note *answer, const struct token_note *note,
                                  struct fault *fault)
{
    switch ((enum token_word)note->word) {
    case TOKEN_WORD_PROBE:
        return hsm_token_probe(process->token, fault);
    case TOKEN_WORD_READ:
        return anchor_read(process, answer, note->anchor.number, fault);
    case TOKEN_WORD_REPLACE:
        return anchor_replace(process, &note->anchor, fault);
    case TOKEN_WORD_BEGIN:
    case TOKEN_WORD_SHARE:
    case TOKEN_WORD_DONE:
    case TOKEN_WORD_HELD:
    case TOKEN_WORD_LOCKED:
    case TOKEN_WORD_KEY:
    case TOKEN_WORD_OPEN:
    case TOKEN_WORD_FAILED:
        break;
    }
    return fault_set(fault, STATUS_CONFLICT, "activation", "the token is open");
}

static void control_serve(struct process *process)
{
    struct token_note note;
    while (token_note_receive(&note, TOKEN_LINK_CONTROL_FD, -1) == STATUS_OK) {
        struct fault fault = {0};
        struct token_note answer = {.word = TOKEN_WORD_DONE};
        enum status status = control_answer(process, &answer, &note, &fault);
        token_refusal_fill(&answer.refusal, status, &fault);
        if (!token_note_send(TOKEN_LINK_CONTROL_FD, &answer)) {
            break;
        }
    }
}

static void sessions_end(struct process *process)
{
    for (size_t i = 0; i < process->session_count; i++) {
        (void)shutdown(process->sessions[i].fd, SHUT_RDWR);
        INVARIANT(pthread_join(process->sessions[i].thread, NULL) == 0);
        free(process->sessions[i].packet);
    }
}

int token_main(const struct options *options)
{
    struct process process = {.options = options};
    struct fault fault = {0};
    if (sandbox_privileges_drop(&fault) != STATUS_OK) {
        failure_tell(fault.status, &fault);
        return EXIT_REFUSED;
    }
    bool open = options->attended ? unlock_await(&process) : open_now(&process);
    if (open) {
        open_tell(&process);
        control_serve(&process);
    }
    sessions_end(&process);
    hsm_token_close(process.token);
    return open ? 0 : EXIT_REFUSED;
}
