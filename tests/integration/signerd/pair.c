/*
 * Two tokens for one signer, see pair.h. The key goes to the standby as it would in earnest: wrapped and unwrapped
 * under a key-encryption key.
 */
#include "pair.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/random.h>

#include "hsm/backup.h"

#define WAIT_STEP_MS 20
#define WAIT_STEPS 15000 /* five minutes */

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void pause_shortly(void)
{
    const struct timespec pause = {.tv_nsec = WAIT_STEP_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static const char *const names[] = {[PRIMARY] = "signer", [STANDBY] = "standby"};

/* The key */

static struct hsm_token *token_with_kek(const struct test_token *on, const struct secret *key32)
{
    struct hsm_token_config config = {
        .module_path = on->module, .session_count = 1, .use = HSM_TOKEN_GENERATE, .restored = true};
    (void)snprintf(config.selector.label, sizeof(config.selector.label), "%.32s", on->label);
    struct secret pin = {0};
    struct secret so_pin = {0};
    struct hsm_token *token = NULL;
    MUST(secret_read_file(&pin, on->pin_path, NULL));
    MUST(secret_read_file(&so_pin, on->so_pin_path, NULL));
    const struct hsm_kek kek = {.so_pin = &so_pin, .key32 = key32};
    MUST(hsm_backup_open(&token, &config, &pin, &kek, NULL));
    secret_free(&pin);
    secret_free(&so_pin);
    return token;
}

static void key_make(struct pair *pair, enum algorithm algorithm)
{
    struct secret key32 = {0};
    struct hsm_wrapped wrapped;
    const struct hsm_key *key = NULL;
    MUST(secret_heap_open(NULL));
    MUST(secret_new(&key32, HSM_KEK_LEN));
    NEED(getrandom(key32.data, HSM_KEK_LEN, 0) == HSM_KEK_LEN);
    struct hsm_token *token = token_with_kek(&pair->place.token, &key32);
    MUST(hsm_key_generate(token, &key, algorithm, HSM_KEY_WRAPPABLE, "signer", NULL));
    MUST(hsm_key_wrap(key, &wrapped, NULL));
    pair->place.key = *hsm_key_public(key);
    hsm_token_close(token);
    token = token_with_kek(&pair->standby, &key32);
    MUST(hsm_key_unwrap(token, &key, &wrapped, HSM_KEY_WRAPPABLE, NULL));
    hsm_token_close(token);
    secret_free(&key32);
}

void pair_empty(const struct pair *pair, int token)
{
    const struct test_token *on = token == PRIMARY ? &pair->place.token : &pair->standby;
    struct hsm_token_config config = {
        .module_path = on->module, .session_count = 1, .use = HSM_TOKEN_GENERATE, .restored = true};
    (void)snprintf(config.selector.label, sizeof(config.selector.label), "%.32s", on->label);
    struct secret pin = {0};
    struct hsm_token *open = NULL;
    const struct hsm_key *key = NULL;
    struct digest id;
    MUST(secret_read_file(&pin, on->pin_path, NULL));
    MUST(hsm_token_open(&open, &config, &pin, NULL));
    public_key_id(&id, &pair->place.key);
    MUST(hsm_key_open_id(open, &key, &id, NULL));
    MUST(hsm_key_destroy(open, key, NULL));
    hsm_token_close(open);
    secret_free(&pin);
}

/* The place */

static void module_copy(struct pair *pair, int token)
{
    char built[TEST_PATH_SIZE * 2];
    const struct test_folder folder = pair->place.token.folder;
    (void)snprintf(pair->modules[token], sizeof(pair->modules[token]), "%s/%s.so", folder.path, names[token]);
    (void)snprintf(pair->logs[token], sizeof(pair->logs[token]), "%s/%s.calls", folder.path, names[token]);
    test_build_path(built, "tests/support/p11-chaos.so");
    const char *const copy[] = {"cp", built, pair->modules[token], NULL};
    NEED(test_run(copy) == 0);
    pair_disturb(pair, token, "");
}

void pair_make(struct pair *pair, enum signer_role role, enum algorithm algorithm)
{
    memset(pair, 0, sizeof(*pair));
    place_make_without_key(&pair->place, role);
    test_token_softhsm_beside(&pair->standby, &pair->place.token, names[STANDBY]);
    key_make(pair, algorithm);
    module_copy(pair, PRIMARY);
    module_copy(pair, STANDBY);
    char module[sizeof(pair->modules[STANDBY])];
    memcpy(module, pair->modules[STANDBY], sizeof(module));
    (void)snprintf(pair->standby_uri, sizeof(pair->standby_uri), "pkcs11:token=%s?module-path=%s", names[STANDBY],
                   module);
    memcpy(pair->place.token.module, pair->modules[PRIMARY], strlen(pair->modules[PRIMARY]) + 1);
    NEED(setenv("CREDENTIALS_DIRECTORY", pair->place.token.folder.path, 1) == 0);
}

void pair_remove(struct pair *pair)
{
    place_remove(&pair->place);
}

bool pair_start(struct pair *pair, bool with_standby)
{
    char timeout[24];
    (void)snprintf(timeout, sizeof(timeout), "%lld", (long long)pair->token_timeout_ms);
    const char *const alone[] = {"--token-timeout-ms", timeout, NULL};
    const char *const both[] = {"--token-timeout-ms",       timeout,       "--standby", pair->standby_uri,
                                "--standby-pin-credential", "standby.pin", NULL};
    return place_start(&pair->place, with_standby ? both : alone, NULL);
}

/* By rename: the module never reads half a file. */
void pair_disturb(const struct pair *pair, int token, const char *lines)
{
    char path[300];
    char new_path[310];
    char text[1024];
    (void)snprintf(path, sizeof(path), "%s.conf", pair->modules[token]);
    (void)snprintf(new_path, sizeof(new_path), "%s.new", path);
    int len = snprintf(text, sizeof(text), "log %s\n%s\n", pair->logs[token], lines);
    const struct bytes content = {.data = (uint8_t *)text, .len = (size_t)len};
    world_write(new_path, &content);
    (void)unlink(pair->logs[token]);
    NEED(rename(new_path, path) == 0);
}

int pair_calls(const struct pair *pair, int token, const char *function)
{
    char line[128];
    int calls = 0;
    FILE *file = fopen(pair->logs[token], "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        calls += strcmp(line, function) == 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return calls;
}

/* Processes */

/* The parent of a process; 0 when it is gone or only waits to be reaped. proc(5): "pid (name) state parent ...". */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    char line[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const char *read = fgets(line, sizeof(line), file);
    (void)fclose(file);
    const char *state = read == NULL ? NULL : strrchr(line, ')');
    return state == NULL || state[2] == 'Z' ? 0 : (pid_t)strtol(state + 4, NULL, 10);
}

/* True when `word` is one of its arguments. */
static bool has_argument(pid_t pid, const char *word)
{
    char path[64];
    char line[8192];
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "r");
    size_t len = file == NULL ? 0 : fread(line, 1, sizeof(line) - 1, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    line[len] = '\0';
    for (size_t at = 0; at < len; at += strlen(line + at) + 1) {
        if (strcmp(line + at, word) == 0) {
            return true;
        }
    }
    return false;
}

/* A child of `parent` that has these arguments. */
static pid_t child_find(pid_t parent, const char *first, const char *second)
{
    pid_t found = 0;
    DIR *processes = opendir("/proc");
    NEED(processes != NULL);
    for (const struct dirent *entry = readdir(processes); entry != NULL && found == 0; entry = readdir(processes)) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && parent_of(pid) == parent && has_argument(pid, first) && has_argument(pid, second)) {
            found = pid;
        }
    }
    (void)closedir(processes);
    return found;
}

bool pair_gone(pid_t pid)
{
    for (int step = 0; step < WAIT_STEPS; step++) {
        if (parent_of(pid) == 0) {
            return true;
        }
        pause_shortly();
    }
    return false;
}

/* The keeper is signerd, forked. */
pid_t pair_keeper(const struct pair *pair)
{
    return child_find(pair->place.pid, "run", "--socket");
}

pid_t pair_process(const struct pair *pair, int token)
{
    pid_t keeper = pair_keeper(pair);
    return keeper == 0 ? 0 : child_find(keeper, "token", token == PRIMARY ? names[PRIMARY] : pair->standby_uri);
}

/* The log */

int pair_logged(struct pair *pair, const char *first, const char *second)
{
    int count = 0;
    char *rest = NULL;
    (void)place_log(&pair->place);
    char *text = strdup(pair->place.log); /* strtok cuts it up */
    NEED(text != NULL);
    for (const char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        count += strstr(line, first) != NULL && strstr(line, second) != NULL;
    }
    free(text);
    return count;
}

bool pair_await(struct pair *pair, const char *first, const char *second, int count)
{
    for (int step = 0; step < WAIT_STEPS; step++) {
        if (pair_logged(pair, first, second) >= count) {
            return true;
        }
        pause_shortly();
    }
    return false;
}
