/*
 * A real signerd for tests, see place.h. Readiness is what the program itself says to its service manager.
 */
#include "place.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "hsm/key.h"

#define PIN_FD 9
#define ARGUMENTS_MAX 48

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void path_in(char out[256], const struct place *place, const char *name)
{
    (void)snprintf(out, 256, "%s/%s", place->token.folder.path, name);
}

/* A list of arguments under construction. */
struct arguments {
    const char *list[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *arguments, const char *first, const char *second)
{
    NEED(arguments->count + 3 < ARGUMENTS_MAX);
    arguments->list[arguments->count++] = first;
    if (second != NULL) {
        arguments->list[arguments->count++] = second;
    }
}

static void add_token(struct arguments *arguments, const struct place *place)
{
    add(arguments, "--module", place->token.module);
    add(arguments, "--token", place->token.label);
    add(arguments, "--key", "signer");
    add(arguments, "--lock-folder", place->token.folder.path);
    if (!place->pin_by_credential) {
        add(arguments, "--pin-fd", "9");
    }
}

/* In the child: the PIN at its descriptor, both streams to the log, then the program. */
static _Noreturn void become(const struct place *place, struct arguments *arguments)
{
    NEED(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* a test that aborts leaves no signer behind */
    int pin = open(place->pin, O_RDONLY);
    int log = open(place->log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    NEED(pin >= 0 && log >= 0);
    NEED(dup2(pin, PIN_FD) == PIN_FD && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0);
    /* The leak sanitizer traces its process, which signerd forbids. */
    NEED(setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1", 1) == 0);
    arguments->list[arguments->count] = NULL;
    (void)execv(arguments->list[0], (char *const *)(uintptr_t)arguments->list);
    _exit(127);
}

static pid_t launch(struct place *place, struct arguments *arguments)
{
    pid_t child = fork();
    NEED(child >= 0);
    if (child == 0) {
        become(place, arguments);
    }
    return child;
}

const char *place_log(struct place *place)
{
    FILE *file = fopen(place->log_path, "r");
    size_t len = 0;
    if (file != NULL) {
        len = fread(place->log, 1, sizeof(place->log) - 1, file);
        (void)fclose(file);
    }
    place->log[len] = '\0';
    return place->log;
}

static int reap(struct place *place, pid_t child)
{
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0) {
        NEED(errno == EINTR);
    }
    place->pid = 0;
    place->exit_status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    (void)place_log(place);
    return place->exit_status;
}

/* STRONGROOM_SIGNERD names another build of the program, such as that of the thread sanitizer. */
static void program(char out[TEST_PATH_SIZE * 2])
{
    const char *other = getenv("STRONGROOM_SIGNERD");
    if (other == NULL) {
        test_build_path(out, "services/signerd/signerd");
        return;
    }
    NEED(strlen(other) < TEST_PATH_SIZE * 2);
    memcpy(out, other, strlen(other) + 1);
}

static void key_read(struct place *place)
{
    json_t *printed = json_loads(place->log, JSON_DISABLE_EOF_CHECK, NULL);
    const char *key = json_string_value(json_object_get(printed, "key"));
    const char *alg = json_string_value(json_object_get(printed, "alg"));
    NEED(key != NULL && alg != NULL);
    struct bytes spki = {0};
    MUST(base64_decode(&spki, key, strlen(key)));
    MUST(public_key_parse(&place->key, algorithm_find(alg)->algorithm, spki.data, spki.len, NULL));
    bytes_free(&spki);
    json_decref(printed);
}

static void paths_fill(struct place *place)
{
    path_in(place->guard, place, "guard");
    path_in(place->socket, place, "socket");
    path_in(place->policy, place, "policy.json");
    path_in(place->command, place, "command.json");
    path_in(place->genesis, place, "genesis.json");
    path_in(place->log_path, place, "log");
    (void)snprintf(place->pin, sizeof(place->pin), "%s", place->token.pin_path);
}

static void place_fill(struct place *place, enum algorithm algorithm)
{
    paths_fill(place);
    char path[TEST_PATH_SIZE * 2];
    program(path);
    struct arguments arguments = {.count = 0};
    add(&arguments, path, "generate");
    add_token(&arguments, place);
    add(&arguments, "--algorithm", algorithm_info(algorithm)->name);
    if (place->role == ROLE_PRIVACY) {
        add(&arguments, "--wrapping=yes", NULL);
    }
    if (reap(place, launch(place, &arguments)) != 0) {
        (void)fprintf(stderr, "signerd generate: %s\n", place->log);
        abort();
    }
    key_read(place);
}

void place_make(struct place *place, enum signer_role role, enum algorithm algorithm)
{
    memset(place, 0, sizeof(*place));
    place->role = role;
    test_token_softhsm(&place->token, "signer");
    place_fill(place, algorithm);
}

void place_make_without_key(struct place *place, enum signer_role role)
{
    memset(place, 0, sizeof(*place));
    place->role = role;
    test_token_softhsm(&place->token, "signer");
    paths_fill(place);
}

void place_make_tpm(struct place *place, enum signer_role role)
{
    memset(place, 0, sizeof(*place));
    place->role = role;
    test_token_tpm(&place->token, "signer");
    place_fill(place, ALGORITHM_P256);
}

void place_remove(struct place *place)
{
    if (place->pid > 0) {
        (void)place_stop(place, SIGKILL);
    }
    papers_wipe(&place->papers);
    signed_document_free(&place->activation);
    test_token_remove(&place->token);
}

int place_initialise_again(struct place *place)
{
    char path[TEST_PATH_SIZE * 2];
    program(path);
    struct arguments arguments = {.count = 0};
    add(&arguments, path, "initialise");
    add_token(&arguments, place);
    add(&arguments, "--role", signer_role_text(place->role));
    add(&arguments, "--guard", place->guard);
    add(&arguments, "--policy", place->policy);
    add(&arguments, "--command", place->command);
    if (place->role == ROLE_VALIDATOR) {
        add(&arguments, "--genesis", place->genesis);
    }
    char promises[24];
    (void)snprintf(promises, sizeof(promises), "%llu", (unsigned long long)world_before);
    if (world_before > 0) {
        add(&arguments, "--promises", promises);
    }
    return reap(place, launch(place, &arguments));
}

/* The papers, signed by the key where it is: as a custodian's program would at the token. */

static void token_sign(const void *context, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len)
{
    struct signature signature;
    MUST(hsm_key_sign(context, &signature, message, len, NULL));
    memcpy(out64, signature.bytes64, SIGNATURE_LEN);
}

static void token_identity_fill(struct token_identity *out, const struct hsm_token_facts *facts)
{
    (void)snprintf(out->firmware, sizeof(out->firmware), "%s", facts->firmware);
    (void)snprintf(out->label, sizeof(out->label), "%s", facts->label);
    (void)snprintf(out->manufacturer, sizeof(out->manufacturer), "%s", facts->manufacturer);
    (void)snprintf(out->model, sizeof(out->model), "%s", facts->model);
    (void)snprintf(out->serial, sizeof(out->serial), "%s", facts->serial);
}

static struct hsm_token *token_enter(const struct place *place)
{
    struct hsm_token_config config = {.module_path = place->token.module,
                                      .session_count = 1,
                                      .use = HSM_TOKEN_SIGN,
                                      .lock_folder = place->token.folder.path};
    struct secret pin = {0};
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    NEED(strlen(place->token.label) < sizeof(config.selector.label));
    memcpy(config.selector.label, place->token.label, strlen(place->token.label));
    NEED(dlopen(place->token.module, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) != NULL); /* see lsan.supp */
    MUST(secret_heap_open(NULL));
    MUST(secret_read_file(&pin, place->token.pin_path, NULL));
    if (hsm_token_open(&token, &config, &pin, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "token: %s: %s\n", fault.where, fault.detail);
        abort();
    }
    secret_free(&pin);
    return token;
}

static void papers_fill(struct place *place, const struct world *world)
{
    struct hsm_token *token = token_enter(place);
    const struct hsm_key *key = NULL;
    MUST(hsm_key_open_label(token, &key, "signer", NULL, NULL));
    struct hand hand = {.key = *hsm_key_public(key), .sign = token_sign, .context = key};
    token_identity_fill(&hand.token, hsm_token_facts(token));
    const struct key_document document = papers_key(world, &hand);
    papers_wipe(&place->papers);
    papers_make(&place->papers, world, &hand, &document);
    hsm_token_close(token);
    signed_document_free(&place->activation);
    struct command activate = order_key(world, COMMAND_KEY_ACTIVATE, &document.key_id, KEY_STATE_INACTIVE, 1);
    activate.until = world->now_utc_us + 300 * 24 * WORLD_HOUR_US;
    order_key_sign(&place->activation, world, &activate, ADA, ALAN);
}

/* Nothing to do for a user who may not, or for a key that was admitted before. */
static void admit(const struct place *place)
{
    if (place->papers.command.document.len == 0) {
        return;
    }
    struct wire_pool *pool = place_pool(place, 1);
    struct wire_key_list_reply list;
    struct wire_key_state_reply state;
    const struct digest first = {{0}};
    bool may = wire_key_list(pool, &list, &first, PLACE_TIMEOUT_MS, NULL) == STATUS_OK;
    if (may && strcmp(list.keys[0].state, "generated") == 0) {
        struct fault fault = {0};
        const struct wire_key_admit_request request = papers_request(&place->papers);
        enum status status = wire_key_admit(pool, &state, &request, PLACE_TIMEOUT_MS, &fault);
        if (status == STATUS_OK) {
            status = wire_key_command(pool, &state, &place->activation, PLACE_TIMEOUT_MS, &fault);
        }
        if (status != STATUS_OK && status != STATUS_NOT_PERMITTED && status != STATUS_HALTED) {
            (void)fprintf(stderr, "admission: %s: %s\n", fault.where, fault.detail);
            abort();
        }
    }
    wire_pool_free(pool);
}

int place_initialise(struct place *place, const struct world *world)
{
    const struct command command = world_command(world);
    struct signed_document document;
    world_command_sign(&document, &command, world->keys[ADA], world->keys[ALAN]);
    world_write_signed(place->command, &document);
    signed_document_free(&document);
    world_write_signed(place->policy, &world->policy_signed);
    world_write(place->genesis, &world->genesis);
    if (public_key_equal(&place->key, &world->signer_key)) {
        papers_fill(place, world);
    }
    return place_initialise_again(place);
}

/* A datagram socket that stands for the service manager. */
static int manager_open(char out_path[256], const struct place *place)
{
    path_in(out_path, place, "notify");
    (void)unlink(out_path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    NEED(strlen(out_path) < sizeof(address.sun_path));
    memcpy(address.sun_path, out_path, strlen(out_path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    NEED(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* True when it said READY=1, false when it ended. */
static bool ready_await(pid_t child, int manager_fd)
{
    int child_fd = pidfd_open(child, 0);
    NEED(child_fd >= 0);
    struct pollfd waiting[2] = {{.fd = manager_fd, .events = POLLIN}, {.fd = child_fd, .events = POLLIN}};
    NEED(poll(waiting, 2, PLACE_TIMEOUT_MS) > 0);
    (void)close(child_fd);
    return (waiting[0].revents & POLLIN) != 0;
}

static void add_run(struct arguments *arguments, const struct place *place, const char *own_uid)
{
    add(arguments, "run", NULL);
    add_token(arguments, place);
    add(arguments, "--role", signer_role_text(place->role));
    add(arguments, "--guard", place->guard);
    add(arguments, "--socket", place->socket);
    add(arguments, "--clients", place->clients[0] == '\0' ? own_uid : place->clients);
    add(arguments, "--policy", place->policy);
}

/* A token is not down because the machine is busy, unless the test is about such times. */
static void add_further(struct arguments *arguments, const char *const further[])
{
    bool timed = false;
    for (size_t i = 0; further != NULL && further[i] != NULL; i++) {
        timed = timed || strcmp(further[i], "--token-timeout-ms") == 0;
        add(arguments, further[i], NULL);
    }
    if (!timed) {
        add(arguments, "--token-timeout-ms", "30000");
    }
}

bool place_start(struct place *place, const char *const further[], const char *crashpoint)
{
    char path[TEST_PATH_SIZE * 2];
    char own_uid[16];
    char manager[256];
    program(path);
    (void)snprintf(own_uid, sizeof(own_uid), "%u", (unsigned)getuid());
    struct arguments arguments = {.count = 0};
    add(&arguments, path, NULL);
    add_run(&arguments, place, own_uid);
    add_further(&arguments, further);
    int manager_fd = manager_open(manager, place);
    NEED(setenv("NOTIFY_SOCKET", manager, 1) == 0);
    NEED(crashpoint == NULL || setenv("STRONGROOM_CRASHPOINT", crashpoint, 1) == 0);
    place->pid = launch(place, &arguments);
    NEED(unsetenv("STRONGROOM_CRASHPOINT") == 0 && unsetenv("NOTIFY_SOCKET") == 0);
    bool ready = ready_await(place->pid, manager_fd);
    (void)close(manager_fd);
    if (ready) {
        admit(place);
    } else {
        (void)reap(place, place->pid);
    }
    return ready;
}

int place_await_end(struct place *place)
{
    NEED(place->pid > 0);
    return reap(place, place->pid);
}

int place_stop(struct place *place, int signal_number)
{
    NEED(place->pid > 0 && kill(place->pid, signal_number) == 0);
    return place_await_end(place);
}

struct wire_pool *place_pool(const struct place *place, size_t connections)
{
    const struct wire_pool_config config = {.path = place->socket,
                                            .role = wire_role_named(signer_role_text(place->role)),
                                            .key = &place->key,
                                            .connections = connections};
    struct wire_pool *pool = NULL;
    MUST(wire_pool_new(&pool, &config, NULL));
    return pool;
}

enum status place_transfer_sign(struct wire_pool *pool, struct wire_transfer_reply *out,
                                const struct wire_transfer_request *request)
{
    struct wire_destination_adopt_reply listed;
    (void)!wire_destination_adopt(pool, &listed, &request->destination, PLACE_TIMEOUT_MS, NULL);
    return wire_transfer_sign(pool, out, NULL, request, PLACE_TIMEOUT_MS, NULL);
}
