/*
 * The tokens of a signer against processes that lie, are late, or answer in an order that no module brings about: the
 * keeper and the tokens' processes are played here, at the other ends of the real sockets.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "test/test_key.h"
#include "token_state.h"

#define PATIENT_MS 300000 /* nothing that is meant to be in time takes so long */
#define SHORT_MS 1000     /* what is not meant to be late is answered at once */
#define PAUSE_MS 2000     /* between two starts; what answers at once is in time on a busy machine, too */
#define LATE_HAVE 77      /* shares in an answer that belongs to an earlier question */
#define WAITERS 6
#define ENDS_MAX 64 /* threads that play processes, in one test */

/* How a token's process answers the n-th request (from 1) of the scene; false: it ends. */
typedef bool answer_fn(int fd, unsigned token, const void *message, size_t len, unsigned number);

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    answer_fn *answer[2];
    enum status start[2]; /* what the next process of a token says: STATUS_OK opens it */
    bool attended;
    int timeout_ms;
    unsigned requests; /* to sign, or questions of an activation */
    unsigned waiting;  /* calls of pthread_cond_wait */
    bool slow_to_fail; /* token_fail begins once there was a second request, or never will be */
    bool released[2];  /* token: a held request may be answered */
    struct test_key *keys[2];
    pid_t processes[2];
    uint8_t late64[SIGNATURE_LEN];
    pthread_t client;
    pthread_t ends[ENDS_MAX];
    size_t end_count;
} scene = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct token_set *set;

/* Waiting */

static void lock(void)
{
    cr_assert(pthread_mutex_lock(&scene.mutex) == 0);
}

static void unlock(void)
{
    cr_assert(pthread_cond_broadcast(&scene.changed) == 0 && pthread_mutex_unlock(&scene.mutex) == 0);
}

/* With the mutex: until something changes, at most so long. */
static bool change_await(int within_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + within_ms * 1000000LL;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(&scene.changed, &scene.mutex, &until) == 0;
}

static void count_await(const unsigned *count, unsigned wanted)
{
    lock();
    while (*count < wanted) {
        cr_assert(change_await(60000), "%u of %u", *count, wanted);
    }
    unlock();
}

static void release(unsigned token)
{
    lock();
    scene.released[token] = true;
    unlock();
}

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
void __real_token_fail(struct token *token, uint64_t opening, const struct fault *fault);
void __wrap_token_fail(struct token *token, uint64_t opening, const struct fault *fault);

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    lock();
    scene.waiting++;
    unlock();
    return __real_pthread_cond_wait(cond, mutex);
}

/* A thread that the kernel lets wait just here, as it may. */
void __wrap_token_fail(struct token *token, uint64_t opening, const struct fault *fault)
{
    lock();
    while (scene.slow_to_fail && scene.requests < 2 && change_await(SHORT_MS)) {
    }
    scene.slow_to_fail = false;
    unlock();
    __real_token_fail(token, opening, fault);
}

/* Processes of tokens */

static bool right(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    (void)number;
    struct token_result signature = {.status = STATUS_OK};
    test_key_sign_message(signature.bytes64, scene.keys[token], message, len);
    return send(fd, &signature, sizeof(signature), MSG_NOSIGNAL) > 0;
}

/* The first answer comes when the second is asked for. */
static bool late(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    struct token_result signature = {.status = STATUS_OK};
    if (number == 1) {
        test_key_sign_message(scene.late64, scene.keys[token], message, len);
        return true;
    }
    memcpy(signature.bytes64, scene.late64, SIGNATURE_LEN);
    return send(fd, &signature, sizeof(signature), MSG_NOSIGNAL) > 0;
}

static bool claims_no_memory(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    (void)token, (void)message, (void)len, (void)number;
    struct token_refusal refusal;
    struct fault fault = {0};
    (void)fault_set(&fault, STATUS_NO_MEMORY, "token", "a claim");
    token_refusal_fill(&refusal, STATUS_NO_MEMORY, &fault);
    return send(fd, &refusal, sizeof(refusal), MSG_NOSIGNAL) > 0;
}

static bool held(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    lock();
    while (!scene.released[token]) {
        (void)change_await(60000);
    }
    unlock();
    return right(fd, token, message, len, number);
}

static bool ended(int fd)
{
    return recv(fd, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void interrupt_client(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    (void)pthread_kill(scene.client, SIGUSR1);
    (void)nanosleep(&pause, NULL);
}

static bool right_after_interruptions(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    for (int i = 0; i < 100 && !ended(fd); i++) {
        interrupt_client();
    }
    return right(fd, token, message, len, number);
}

static bool interruptions_only(int fd, unsigned token, const void *message, size_t len, unsigned number)
{
    (void)token, (void)message, (void)len, (void)number;
    while (!ended(fd)) {
        interrupt_client();
    }
    return false;
}

struct end {
    int fd;
    unsigned token;
};

static void *session_run(void *argument)
{
    struct end end = *(struct end *)argument;
    free(argument);
    static _Thread_local uint8_t packet[1024];
    for (bool going_on = true; going_on;) {
        ssize_t len = recv(end.fd, packet, sizeof(packet), 0);
        if (len <= (ssize_t)sizeof(struct token_request)) {
            break;
        }
        lock();
        unsigned number = ++scene.requests;
        answer_fn *answer = scene.answer[end.token];
        unlock();
        going_on = answer(end.fd, end.token, packet + sizeof(struct token_request),
                          (size_t)len - sizeof(struct token_request), number);
    }
    (void)close(end.fd);
    return NULL;
}

static void open_tell(const struct end *end)
{
    const struct public_key *key = test_key_public(scene.keys[end->token]);
    struct token_note note = {.word = TOKEN_WORD_KEY};
    note.key.algorithm = (uint32_t)key->algorithm;
    note.key.spki_len = (uint32_t)key->spki_len;
    memcpy(note.key.spki, key->spki, key->spki_len);
    (void)token_note_send(end->fd, &note);
    note = (struct token_note){.word = TOKEN_WORD_OPEN};
    (void)snprintf(note.identity.label, sizeof(note.identity.label), "token %u", end->token);
    note.identity.key_count = 1;
    (void)token_note_send(end->fd, &note);
}

static void start_tell(const struct end *end)
{
    lock();
    enum status status = scene.start[end->token];
    unlock();
    struct token_note note = {.word = TOKEN_WORD_FAILED};
    if (status != STATUS_OK) {
        struct fault fault = {0};
        (void)fault_set(&fault, status, "token", "a claim");
        token_refusal_fill(&note.refusal, status, &fault);
        (void)token_note_send(end->fd, &note);
    } else if (scene.attended) {
        note.word = TOKEN_WORD_LOCKED;
        (void)token_note_send(end->fd, &note);
    } else {
        open_tell(end);
    }
}

/* The first question of an activation is answered when the second is asked. */
static void *control_run(void *argument)
{
    struct end end = *(struct end *)argument;
    free(argument);
    start_tell(&end);
    struct token_note note;
    unsigned unanswered = 0;
    while (token_note_receive(&note, end.fd, -1) == STATUS_OK) {
        struct token_note answer = {.word = TOKEN_WORD_DONE};
        lock();
        scene.requests += note.word != TOKEN_WORD_PROBE;
        bool first = note.word != TOKEN_WORD_PROBE && scene.requests == 1;
        unlock();
        unanswered += first;
        answer.activation.have = unanswered > 0 ? LATE_HAVE : 0;
        if (!first) {
            (void)token_note_send(end.fd, &answer);
        }
    }
    (void)close(end.fd);
    return NULL;
}

/* The keeper */

/* Out: our end. */
static int socket_make(unsigned token, void *(*run)(void *))
{
    int pair[2];
    cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    struct end *end = malloc(sizeof(*end));
    cr_assert(end != NULL);
    *end = (struct end){.fd = pair[1], .token = token};
    lock();
    cr_assert(scene.end_count < ENDS_MAX && pthread_create(&scene.ends[scene.end_count], NULL, run, end) == 0);
    scene.end_count++;
    unlock();
    return pair[0];
}

enum status token_keeper_start(struct token_keeper *keeper, struct token_ends *out, unsigned token, struct fault *fault)
{
    (void)keeper, (void)fault;
    pid_t process = fork();
    if (process == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        _exit(pause());
    }
    lock();
    scene.processes[token] = process;
    unlock();
    *out = (struct token_ends){.process = pidfd_open(process, 0), .session_count = 1};
    cr_assert(process > 0 && out->process >= 0);
    out->control = socket_make(token, control_run);
    out->sessions[0] = socket_make(token, session_run);
    const struct timeval within = {.tv_sec = scene.timeout_ms / 1000, .tv_usec = scene.timeout_ms % 1000 * 1000};
    cr_assert(setsockopt(out->sessions[0], SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within)) == 0);
    return STATUS_OK;
}

void token_keeper_collect(struct token_keeper *keeper, unsigned token)
{
    (void)keeper;
    lock();
    pid_t process = scene.processes[token];
    scene.processes[token] = 0;
    unlock();
    if (process > 0) {
        (void)kill(process, SIGKILL);
        (void)waitpid(process, NULL, 0);
    }
}

void token_ends_close(struct token_ends *ends)
{
    if (ends->process >= 0) {
        (void)close(ends->process);
        (void)close(ends->control);
        for (size_t i = 0; i < ends->session_count; i++) {
            (void)close(ends->sessions[i]);
        }
    }
    *ends = (struct token_ends){.process = -1, .control = -1};
}

/* The scene */

static void interrupted(int signal_number)
{
    (void)signal_number;
}

static void prepare(answer_fn *first, answer_fn *second, int timeout_ms)
{
    sigset_t ends;
    cr_assert(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGINT) == 0 && pthread_sigmask(SIG_BLOCK, &ends, NULL) == 0);
    log_open("test", LOG_LEVEL_ERROR);
    scene.answer[0] = first;
    scene.answer[1] = second;
    scene.timeout_ms = timeout_ms;
    scene.keys[0] = test_key_new(ALGORITHM_P256);
    scene.keys[1] = scene.keys[0];
}

static enum status start(size_t count, struct fault *fault)
{
    static const struct hsm_token_selector named[] = {{.label = "first"}, {.label = "second"}};
    const struct token_set_config config = {.named = named, .count = count, .timeout_ms = scene.timeout_ms};
    return token_set_new(&set, &config, fault);
}

static void make(answer_fn *first, answer_fn *second, int timeout_ms)
{
    prepare(first, second, timeout_ms);
    struct fault fault = {0};
    cr_assert(start(second == NULL ? 1 : 2, &fault) == STATUS_OK, "%s", fault.detail);
}

static void finish(void)
{
    token_set_free(set);
    set = NULL;
    for (size_t i = 0; i < scene.end_count; i++) { /* what libcrypto keeps for a thread is freed when it ends */
        cr_assert(pthread_join(scene.ends[i], NULL) == 0);
    }
    if (scene.keys[1] != scene.keys[0]) {
        test_key_free(scene.keys[1]);
    }
    test_key_free(scene.keys[0]);
}

/* One request, in a thread of its own. */
struct request {
    pthread_t thread;
    unsigned key;
    char message[32];
    enum status status;
    struct fault fault;
};

static void *request_run(void *argument)
{
    struct request *request = argument;
    const struct signer_tokens *calls = token_set_calls(set);
    struct digest key_id;
    struct signature signature;
    public_key_id(&key_id, test_key_public(scene.keys[request->key]));
    request->status =
        calls->sign(calls->context, &signature, &key_id, request->message, sizeof(request->message), &request->fault);
    if (request->status == STATUS_OK) {
        cr_expect(signature_verify(test_key_public(scene.keys[request->key]), signature.bytes64, request->message,
                                   sizeof(request->message), NULL) == STATUS_OK,
                  "a wrong signature is released");
    }
    return NULL;
}

static void request_start(struct request *request, unsigned key, const char *message)
{
    *request = (struct request){.key = key};
    (void)snprintf(request->message, sizeof(request->message), "%s", message);
    cr_assert(pthread_create(&request->thread, NULL, request_run, request) == 0);
}

static void request_end(struct request *request, enum status expected)
{
    cr_assert(pthread_join(request->thread, NULL) == 0);
    cr_expect(request->status == expected, "%s: %s, %s", request->message, status_info(request->status)->code,
              request->fault.detail);
}

static struct signer_token_status state_of(unsigned token)
{
    struct signer_token_status states[SIGNER_TOKENS_MAX];
    (void)token_set_calls(set)->states(token_set_calls(set)->context, states);
    return states[token];
}

/* Until its state is this and, unless NULL, its reason. */
static void state_await(unsigned token, enum signer_token_state wanted, const char *reason)
{
    struct signer_token_status status = state_of(token);
    for (int step = 0; step < 12000; step++) {
        if (status.state == wanted && (reason == NULL || strcmp(status.reason, reason) == 0)) {
            return;
        }
        const struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
        status = state_of(token);
    }
    cr_expect_fail("it is %d: %s", status.state, status.reason);
}

/* From now on its process says this when it is started. */
static void start_says(unsigned token, enum status status)
{
    lock();
    scene.start[token] = status;
    unlock();
}

static void process_kill(unsigned token)
{
    lock();
    pid_t process = scene.processes[token];
    unlock();
    cr_assert(process > 0 && kill(process, SIGKILL) == 0);
    token_set_lock(set); /* its ends of the sockets are in this process */
    (void)shutdown(set->tokens[token].ends.control, SHUT_RDWR);
    token_set_unlock(set);
}

/* Late answers */

/* Nobody else gets it: it would be a wrong signature, for which a key is suspended. */
Test(token_set, a_late_signature_is_nobodys)
{
    make(late, NULL, SHORT_MS);
    scene.slow_to_fail = true;
    struct request first;
    struct request second;
    request_start(&first, 0, "first");
    count_await(&scene.requests, 1);
    request_start(&second, 0, "second");
    request_end(&first, STATUS_TOKEN);
    request_end(&second, STATUS_TOKEN);
    finish();
}

static void *activation_run(void *out)
{
    const struct signer_tokens *calls = token_set_calls(set);
    struct signer_activation activation = {.open = false};
    struct fault fault = {0};
    enum status status = calls->activation_open(calls->context, &activation, &fault);
    *(unsigned *)out = status == STATUS_OK ? activation.have : 0;
    return NULL;
}

Test(token_set, a_late_answer_of_an_activation_is_nobodys)
{
    scene.attended = true;
    make(right, NULL, SHORT_MS);
    scene.slow_to_fail = true;
    pthread_t threads[2];
    unsigned have[2];
    cr_assert(pthread_create(&threads[0], NULL, activation_run, &have[0]) == 0);
    count_await(&scene.requests, 1);
    cr_assert(pthread_create(&threads[1], NULL, activation_run, &have[1]) == 0);
    for (int i = 0; i < 2; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
        cr_expect(have[i] != LATE_HAVE, "question %d got the answer to another", i);
    }
    finish();
}

/* Claims */

Test(token_set, a_token_cannot_say_that_the_keeper_is_gone)
{
    make(right, right, PAUSE_MS);
    start_says(1, STATUS_UNAVAILABLE);
    process_kill(1);
    state_await(1, SIGNER_TOKEN_DOWN, "a claim");
    sigset_t pending;
    cr_assert(sigpending(&pending) == 0);
    cr_expect(!token_set_keeper_lost(set) && sigismember(&pending, SIGINT) == 0, "the signer was told to end");
    start_says(1, STATUS_OK);
    state_await(1, SIGNER_TOKEN_STANDBY, NULL);
    finish();
}

Test(token_set, a_conflict_on_the_way_up_passes)
{
    make(right, right, PAUSE_MS);
    start_says(1, STATUS_CONFLICT); /* for a while two tokens had the label */
    process_kill(1);
    state_await(1, SIGNER_TOKEN_DOWN, "a claim");
    start_says(1, STATUS_OK);
    state_await(1, SIGNER_TOKEN_STANDBY, NULL);
    finish();
}

Test(token_set, a_conflict_refuses_the_first_start)
{
    prepare(right, right, PATIENT_MS);
    start_says(1, STATUS_CONFLICT);
    struct fault fault = {0};
    cr_expect(start(2, &fault) == STATUS_CONFLICT, "%s", fault.detail);
    finish();
}

Test(token_set, a_token_without_memory_has_failed)
{
    make(claims_no_memory, right, PATIENT_MS);
    struct request request;
    request_start(&request, 0, "the standby answers");
    request_end(&request, STATUS_OK);
    cr_expect(state_of(1).state == SIGNER_TOKEN_SERVING, "the other one serves still");
    finish();
}

/* Interruptions */

static void interruptible(answer_fn *answer, int timeout_ms)
{
    make(answer, NULL, timeout_ms);
    const struct sigaction action = {.sa_handler = interrupted}; /* as being stopped and continued does */
    cr_assert(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void interrupted_request(enum status expected)
{
    struct request request = {.message = "interrupted"};
    scene.client = pthread_self();
    (void)request_run(&request);
    cr_expect(request.status == expected, "%s, %s", status_info(request.status)->code, request.fault.detail);
}

Test(token_set, an_interruption_is_no_failure)
{
    interruptible(right_after_interruptions, PATIENT_MS);
    interrupted_request(STATUS_OK);
    finish();
}

/* It would never end. */
Test(token_set, interruptions_do_not_move_the_deadline)
{
    interruptible(interruptions_only, SHORT_MS);
    interrupted_request(STATUS_TOKEN);
    finish();
}

/* Waiting for a session */

/* The first token's session is free long before the second's. */
Test(token_set, who_waits_for_one_token_does_not_take_the_word_of_another)
{
    prepare(held, held, PATIENT_MS);
    scene.keys[1] = test_key_new(ALGORITHM_P256);
    struct fault fault = {0};
    cr_assert(start(2, &fault) == STATUS_OK, "%s", fault.detail);
    struct request holders[2];
    request_start(&holders[0], 0, "holds the first");
    request_start(&holders[1], 1, "holds the second");
    count_await(&scene.requests, 2);
    lock();
    scene.waiting = 0;
    unlock();
    struct request waiters[WAITERS];
    struct request last;
    for (unsigned i = 0; i < WAITERS; i++) {
        request_start(&waiters[i], 1, "waits for the second");
    }
    count_await(&scene.waiting, WAITERS);
    request_start(&last, 0, "waits for the first");
    count_await(&scene.waiting, WAITERS + 1);
    release(0);
    request_end(&holders[0], STATUS_OK);
    request_end(&last, STATUS_OK);
    release(1);
    request_end(&holders[1], STATUS_OK); /* in time */
    for (unsigned i = 0; i < WAITERS; i++) {
        request_end(&waiters[i], STATUS_OK);
    }
    finish();
}
