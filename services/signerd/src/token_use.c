/*
 * Using the tokens: a session is lent to one thread, one request is on it, and its answer counts only if the signature
 * verifies here. What fails goes to the other token.
 */
#include "token_state.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"

/* A session lent. */
struct loan {
    const struct digest *key_id;
    enum token_use use;
    struct token *token;
    uint64_t opening;
    unsigned session;
    int fd;
    uint32_t key; /* number of the key in the token's process */
    struct public_key public_key;
};

static struct token_set *set_of(const void *context)
{
    return (struct token_set *)(uintptr_t)context;
}

/* With the mutex. NULL when the token does not have it. */
static const struct token_key *key_find(const struct token *token, const struct digest *key_id)
{
    for (size_t i = 0; i < token->key_count; i++) {
        if (digest_equal(&token->keys[i].key_id, key_id)) {
            return &token->keys[i];
        }
    }
    return NULL;
}

/* What is asked of a key, and which tokens failed at it. */
struct wish {
    const struct digest *key_id;
    enum token_use use;
    unsigned tried;
};

static bool key_serves(const struct token_key *key, enum token_use use)
{
    return key != NULL && (use == TOKEN_USE_SIGN || key->vault);
}

/* With the mutex: the serving token, else the other one; none that was tried. */
static struct token *token_choose(struct token_set *set, const struct wish *wish)
{
    for (unsigned i = 0; i < set->config.count; i++) {
        struct token *token = &set->tokens[(set->serving + i) % set->config.count];
        bool fit = token->condition == TOKEN_USABLE && (wish->tried & (1U << token->index)) == 0;
        if (fit && key_serves(key_find(token, wish->key_id), wish->use)) {
            return token;
        }
    }
    return NULL;
}

/* With the mutex: why there is none. */
static void none_say(const struct token_set *set, const struct wish *wish, struct fault *fault)
{
    bool known = false;
    bool any_told = false;
    for (unsigned i = 0; i < set->config.count; i++) {
        known = known || key_serves(key_find(&set->tokens[i], wish->key_id), wish->use);
        any_told = any_told || set->tokens[i].key_count > 0;
    }
    const struct token *first = &set->tokens[set->serving];
    if (!known && any_told) {
        (void)fault_set(fault, STATUS_NOT_FOUND, "key", "%s",
                        wish->use == TOKEN_USE_SIGN ? "no token has it" : "no token has a wrapping key of it");
    }
    (void)fault_set(fault, STATUS_TOKEN, "token", "none serves: %s",
                    first->condition == TOKEN_LOCKED ? "its PIN was not given yet" : first->reason.detail);
}

/* Waits while all sessions of the token are lent: each comes back within the timeout. False: the fault says why. */
static bool session_lend(struct token_set *set, struct loan *out, const struct wish *wish, struct fault *fault)
{
    token_set_lock(set);
    struct token *token = token_choose(set, wish);
    while (token != NULL && token->idle_count == 0) {
        INVARIANT(pthread_cond_wait(&token->returned, &set->mutex) == 0);
        token = token_choose(set, wish);
    }
    if (token != NULL) {
        const struct token_key *key = key_find(token, wish->key_id);
        unsigned session = token->idle[--token->idle_count];
        *out = (struct loan){.key_id = wish->key_id,
                             .use = wish->use,
                             .token = token,
                             .opening = token->opening,
                             .session = session,
                             .fd = token->ends.sessions[session],
                             .key = (uint32_t)(key - token->keys),
                             .public_key = key->public_key};
    } else {
        none_say(set, wish, fault);
    }
    token_set_unlock(set);
    return token != NULL;
}

static void session_return(const struct loan *loan, bool used)
{
    struct token *token = loan->token;
    token_set_lock(token->set);
    token->idle[token->idle_count++] = loan->session;
    token->used = token->used || used;
    bool one = token->condition == TOKEN_USABLE; /* otherwise its thread waits for all of them */
    INVARIANT((one ? pthread_cond_signal(&token->returned) : pthread_cond_broadcast(&token->returned)) == 0);
    token_set_unlock(token->set);
}

/*
 * A call on a socket with a deadline is interrupted when this process was stopped and goes on: that is no answer.
 * False: the deadline, with errno as the call sets it.
 */
static bool again(int fd, short events, int64_t until_us)
{
    if (errno != EINTR) {
        return false;
    }
    struct pollfd waiting = {.fd = fd, .events = events};
    int ready;
    do {
        int64_t left_us = until_us - clock_monotonic_us(clock_system());
        ready = poll(&waiting, 1, left_us <= 0 ? 0 : (int)(left_us / 1000) + 1);
    } while (ready < 0 && errno == EINTR);
    errno = ready == 0 ? EAGAIN : errno;
    return ready > 0;
}

static ssize_t packet_send(int fd, const struct msghdr *packet, int64_t until_us)
{
    ssize_t sent;
    do {
        sent = sendmsg(fd, packet, MSG_NOSIGNAL);
    } while (sent < 0 && again(fd, POLLOUT, until_us));
    return sent;
}

static ssize_t packet_receive(int fd, void *out, size_t size, int64_t until_us)
{
    ssize_t got;
    do {
        got = recv(fd, out, size, MSG_TRUNC);
    } while (got < 0 && again(fd, POLLIN, until_us));
    return got;
}

static enum status exchange(const struct loan *loan, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len,
                            struct fault *fault)
{
    const struct token_request request = {.use = (uint32_t)loan->use, .key = loan->key, .len = (uint32_t)len};
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)&request, .iov_len = sizeof(request)},
                             {.iov_base = (void *)(uintptr_t)message, .iov_len = len}};
    const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
    union {
        struct token_result result;
        struct token_refusal refusal;
    } answer;
    int64_t timeout_ms = loan->token->set->config.timeout_ms;
    int64_t until_us = clock_monotonic_us(clock_system()) + timeout_ms * 1000;
    ssize_t got = packet_send(loan->fd, &packet, until_us);
    got = got < 0 ? got : packet_receive(loan->fd, &answer, sizeof(answer), until_us);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return fault_set(fault, STATUS_TIMED_OUT, "token", "it did not answer within %lld ms", (long long)timeout_ms);
    }
    if (got == (ssize_t)sizeof(answer.result) && answer.result.status == STATUS_OK) {
        memcpy(out64, answer.result.bytes64, SIGNATURE_LEN);
        secret_wipe(&answer, sizeof(answer));
        return STATUS_OK;
    }
    if (got != (ssize_t)sizeof(answer.refusal)) {
        return fault_set(fault, STATUS_TOKEN, "token", "its process ended while it was asked");
    }
    answer.refusal.where[sizeof(answer.refusal.where) - 1] = '\0';
    answer.refusal.detail[sizeof(answer.refusal.detail) - 1] = '\0';
    return fault_set(fault, STATUS_TOKEN, answer.refusal.where, "%s", answer.refusal.detail); /* its status: a claim */
}

/* Outside the process that loaded the module: what it gives is a claim. */
static enum status signature_take(struct signature *out, const struct loan *loan, uint8_t raw64[SIGNATURE_LEN],
                                  const void *message, size_t len, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = signature_normalize(raw64, loan->public_key.algorithm);
    status = status == STATUS_OK ? signature_verify(&loan->public_key, raw64, message, len, &inner) : status;
    if (status != STATUS_OK) {
        return fault_set(fault, status == STATUS_NO_MEMORY ? status : STATUS_SIGNATURE_INVALID, "token",
                         "its signature does not verify with the public key");
    }
    out->algorithm = loan->public_key.algorithm;
    out->key_id = *loan->key_id;
    memcpy(out->bytes64, raw64, SIGNATURE_LEN);
    return STATUS_OK;
}

/* One exchange on a session that is lent, and comes back. */
static enum status ask_with(const struct loan *loan, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len,
                            struct fault *fault)
{
    enum status status = exchange(loan, out64, message, len, fault);
    if (status != STATUS_OK) { /* shut before anybody else has the session: the answer to this may still come */
        token_fail(loan->token, loan->opening, fault);
    }
    session_return(loan, status == STATUS_OK);
    return status;
}

static enum status sign_with(const struct loan *loan, struct signature *out, const void *message, size_t len,
                             struct fault *fault)
{
    uint8_t raw64[SIGNATURE_LEN] = {0};
    enum status status = ask_with(loan, raw64, message, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = signature_take(out, loan, raw64, message, len, fault);
    if (status != STATUS_OK && status != STATUS_NO_MEMORY) {
        token_fail(loan->token, loan->opening, fault);
    }
    return status;
}

static enum status none_fault(const struct fault *last, const struct fault *none, struct fault *fault)
{
    const struct fault *said = last->status == STATUS_OK ? none : last;
    return fault_set(fault, said->status == STATUS_NOT_FOUND ? STATUS_NOT_FOUND : STATUS_TOKEN, said->where, "%s",
                     said->detail);
}

/* A wrong signature is not asked for again elsewhere: the key itself may be in somebody's hands. */
static enum status tokens_sign(const void *context, struct signature *out, const struct digest *key_id,
                               const void *message, size_t len, struct fault *fault)
{
    struct token_set *set = set_of(context);
    if (len > TOKEN_LINK_MESSAGE_MAX - sizeof(struct token_request)) {
        return fault_set(fault, STATUS_TOO_LARGE, "message", "more than a token's process takes");
    }
    struct fault last = {0};
    for (struct wish wish = {key_id, TOKEN_USE_SIGN, 0};;) {
        struct loan loan = {.fd = -1};
        struct fault none = {0};
        if (!session_lend(set, &loan, &wish, &none)) {
            return none_fault(&last, &none, fault);
        }
        last = (struct fault){0};
        enum status status = sign_with(&loan, out, message, len, &last);
        if (status == STATUS_OK) {
            return STATUS_OK;
        }
        if (status == STATUS_SIGNATURE_INVALID || status == STATUS_NO_MEMORY) {
            return fault_set(fault, status, last.where, "%s", last.detail);
        }
        wish.tried |= 1U << loan.token->index;
    }
}

/* Nothing of the answer can be verified here: what was wrapped shows itself when it opens what it closed. */
static enum status tokens_ask(const void *context, uint8_t out64[SIGNATURE_LEN], struct wish wish, const void *message,
                              size_t len, struct fault *fault)
{
    struct fault last = {0};
    for (;;) {
        struct loan loan = {.fd = -1};
        struct fault none = {0};
        if (!session_lend(set_of(context), &loan, &wish, &none)) {
            return none_fault(&last, &none, fault);
        }
        last = (struct fault){0};
        if (ask_with(&loan, out64, message, len, &last) == STATUS_OK) {
            return STATUS_OK;
        }
        wish.tried |= 1U << loan.token->index;
    }
}

static enum status tokens_wrap(const void *context, uint8_t out60[SIGNER_WRAPPED_LEN], const struct digest *key_id,
                               const uint8_t plain32[SIGNER_WRAPPING_LEN], const uint8_t context16[16],
                               struct fault *fault)
{
    struct token_wrap message;
    uint8_t result[SIGNATURE_LEN];
    memcpy(message.context16, context16, sizeof(message.context16));
    memcpy(message.plain32, plain32, sizeof(message.plain32));
    const struct wish wish = {key_id, TOKEN_USE_WRAP, 0};
    enum status status = tokens_ask(context, result, wish, &message, sizeof(message), fault);
    secret_wipe(&message, sizeof(message));
    if (status == STATUS_OK) {
        memcpy(out60, result, SIGNER_WRAPPED_LEN);
    }
    secret_wipe(result, sizeof(result));
    return status;
}

static enum status tokens_unwrap(const void *context, uint8_t out32[SIGNER_WRAPPING_LEN], const struct digest *key_id,
                                 const uint8_t wrapped60[SIGNER_WRAPPED_LEN], const uint8_t context16[16],
                                 struct fault *fault)
{
    struct token_unwrap message;
    uint8_t result[SIGNATURE_LEN];
    memcpy(message.context16, context16, sizeof(message.context16));
    memcpy(message.wrapped60, wrapped60, sizeof(message.wrapped60));
    const struct wish wish = {key_id, TOKEN_USE_UNWRAP, 0};
    enum status status = tokens_ask(context, result, wish, &message, sizeof(message), fault);
    if (status == STATUS_OK) {
        memcpy(out32, result, SIGNER_WRAPPING_LEN);
    }
    secret_wipe(&message, sizeof(message));
    secret_wipe(result, sizeof(result));
    return status;
}
_Static_assert(SIGNER_WRAPPED_LEN == HSM_VAULT_WRAPPED_LEN && SIGNER_WRAPPING_LEN == HSM_VAULT_KEY_LEN, "as the token");

const char *token_label(const struct token *token)
{
    return token->identity.label[0] != '\0' ? token->identity.label : token->set->config.named[token->index].label;
}

const char *token_serial(const struct token *token)
{
    return token->identity.serial[0] != '\0' ? token->identity.serial : token->set->config.named[token->index].serial;
}

static void text_copy(char out[SIGNER_TOKEN_TEXT_SIZE], const char *text)
{
    (void)snprintf(out, SIGNER_TOKEN_TEXT_SIZE, "%s", text);
}

static enum status tokens_find(const void *context, struct signer_token_key out[SIGNER_TOKENS_MAX], size_t *out_count,
                               const struct digest *key_id, struct fault *fault)
{
    struct token_set *set = set_of(context);
    token_set_lock(set);
    size_t count = 0;
    bool any_told = false;
    for (unsigned i = 0; i < set->config.count; i++) {
        const struct token *token = &set->tokens[i];
        const struct token_key *key = key_find(token, key_id);
        any_told = any_told || token->key_count > 0;
        if (key != NULL) {
            struct signer_token_key *copy = &out[count++];
            copy->public_key = key->public_key;
            copy->origin = key->born ? SIGNER_KEY_BORN : SIGNER_KEY_RESTORED;
            text_copy(copy->label, token->identity.label);
            text_copy(copy->serial, token->identity.serial);
        }
    }
    token_set_unlock(set);
    if (count > 0) {
        *out_count = count;
        return STATUS_OK;
    }
    return any_told ? fault_set(fault, STATUS_NOT_FOUND, "key", "no token has it")
                    : fault_set(fault, STATUS_TOKEN, "token", "none was open yet");
}

static size_t tokens_states(const void *context, struct signer_token_status out[SIGNER_TOKENS_MAX])
{
    struct token_set *set = set_of(context);
    static const enum signer_token_state states[] = {
        [TOKEN_DOWN] = SIGNER_TOKEN_DOWN,
        [TOKEN_STARTING] = SIGNER_TOKEN_DOWN,
        [TOKEN_LOCKED] = SIGNER_TOKEN_LOCKED,
        [TOKEN_USABLE] = SIGNER_TOKEN_STANDBY,
    };
    token_set_lock(set);
    for (unsigned i = 0; i < set->config.count; i++) {
        const struct token *token = &set->tokens[i];
        memset(&out[i], 0, sizeof(out[i]));
        text_copy(out[i].label, token_label(token));
        text_copy(out[i].serial, token_serial(token));
        out[i].state = states[token->condition];
        out[i].down_utc_us = token->down_utc_us;
        if (token->condition == TOKEN_USABLE && set->serving == i) {
            out[i].state = SIGNER_TOKEN_SERVING;
        }
        (void)snprintf(out[i].reason, sizeof(out[i].reason), "%.*s", (int)sizeof(out[i].reason) - 1,
                       token->reason.detail);
    }
    token_set_unlock(set);
    return set->config.count;
}

static uint64_t tokens_losses(const void *context)
{
    struct token_set *set = set_of(context);
    token_set_lock(set);
    uint64_t losses = set->losses;
    token_set_unlock(set);
    return losses;
}

static unsigned tokens_lacks(const void *context, const struct digest *key_id)
{
    struct token_set *set = set_of(context);
    unsigned lacks = 0;
    token_set_lock(set);
    for (unsigned i = 0; i < set->config.count; i++) {
        const struct token *token = &set->tokens[i];
        bool lacking = token->condition == TOKEN_USABLE && key_find(token, key_id) == NULL;
        lacks |= lacking ? 1U << i : 0;
    }
    token_set_unlock(set);
    return lacks;
}

/* Attended */

/* The first token that waits for shares; NULL when there is none. */
static struct token *locked_find(struct token_set *set, uint64_t *out_opening, struct fault *fault)
{
    struct token *found = NULL;
    token_set_lock(set);
    for (unsigned i = 0; i < set->config.count && found == NULL; i++) {
        if (set->tokens[i].condition == TOKEN_LOCKED) {
            found = &set->tokens[i];
            *out_opening = found->opening;
        }
    }
    token_set_unlock(set);
    if (found == NULL) {
        (void)fault_set(fault, STATUS_CONFLICT, "activation", "no token waits for shares");
    }
    return found;
}

/* With the control mutex: a question, its answer and, when the token opens with it, what it holds. */
static enum status activation_ask(struct token *token, struct signer_activation *out, const struct token_note *question,
                                  struct fault *fault)
{
    struct token_note answer;
    int fd = token->ends.control;
    if (!token_note_send(fd, question) ||
        token_note_receive(&answer, fd, (int)token->set->config.timeout_ms) != STATUS_OK ||
        answer.word != TOKEN_WORD_DONE) {
        return fault_set(fault, STATUS_TOKEN, "token", "its process does not answer");
    }
    if (answer.refusal.status != STATUS_OK) {
        return token_refusal_fault(&answer.refusal, fault);
    }
    out->have = answer.activation.have;
    out->open = answer.activation.open != 0;
    memcpy(out->to32, answer.activation.to32, sizeof(out->to32));
    return out->open ? token_opening_await(token, fault) : STATUS_OK;
}

static enum status activation_exchange(struct token_set *set, struct signer_activation *out,
                                       const struct token_note *question, struct fault *fault)
{
    uint64_t opening = 0;
    struct token *token = locked_find(set, &opening, fault);
    if (token == NULL) {
        return STATUS_CONFLICT;
    }
    struct signer_activation activation = {.open = false};
    INVARIANT(pthread_mutex_lock(&token->control_mutex) == 0);
    token_set_lock(set);
    bool same = token->opening == opening && token->condition == TOKEN_LOCKED;
    token_set_unlock(set);
    enum status status = same ? activation_ask(token, &activation, question, fault)
                              : fault_set(fault, STATUS_TOKEN, "token", "it is down");
    if (status == STATUS_OK) {
        *out = activation;
    } else if (activation.open || status == STATUS_TOKEN) { /* a PIN that did not open it is not given again */
        token_fail(token, opening, fault); /* before the next question: the answer to this may still come */
    }
    INVARIANT(pthread_mutex_unlock(&token->control_mutex) == 0);
    return status;
}

static enum status tokens_activation_open(const void *context, struct signer_activation *out, struct fault *fault)
{
    const struct token_note question = {.word = TOKEN_WORD_BEGIN};
    return activation_exchange(set_of(context), out, &question, fault);
}

static enum status tokens_activation_give(const void *context, struct signer_activation *out,
                                          const struct signer_pin_share *share, struct fault *fault)
{
    struct token_note question = {.word = TOKEN_WORD_SHARE};
    if (share->sealed_len > sizeof(question.share.sealed)) {
        return fault_set(fault, STATUS_MISMATCH, share->custodian.text, "no share of a PIN");
    }
    question.share.custodian = share->custodian;
    question.share.index = share->index;
    question.share.threshold = share->threshold;
    memcpy(question.share.commitment32, share->commitment.bytes32, sizeof(question.share.commitment32));
    question.share.sealed_len = (uint32_t)share->sealed_len;
    memcpy(question.share.sealed, share->sealed, share->sealed_len);
    return activation_exchange(set_of(context), out, &question, fault);
}

void token_use_calls(struct signer_tokens *out, struct token_set *set)
{
    *out = (struct signer_tokens){
        .find = tokens_find,
        .sign = tokens_sign,
        .states = tokens_states,
        .lacks = tokens_lacks,
        .losses = tokens_losses,
        .wrap = tokens_wrap,
        .unwrap = tokens_unwrap,
        .activation_open = tokens_activation_open,
        .activation_give = tokens_activation_give,
        .context = set,
    };
}
