/*
 * The way to a token: C_Sign in this process against the same C_Sign through the token's process, its deadline and the
 * verification of what came out (token_set.h), without documents, guard and clients' sockets around it. On SoftHSM as
 * it is, and on one that takes some milliseconds for each signature, like a network HSM. And what a failover costs:
 * there each signature is released as the signer does it (keys_sign, r remembered in a guard), so that the guard's
 * count of releases can be held against that of the requests.
 *
 *   bench_tokens SIGNERD
 *
 * Commands: raw ALGORITHM CLIENTS MS, through ALGORITHM CLIENTS MS (1 p256, 2 ed25519, 3 secp256k1), delay MS (of each
 * C_Sign from now on), failover HOW CLIENTS MS (0: the serving token's process ends, 1: it hangs, 2: it answers that it
 * was removed, a third of the time in).
 */
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "bench.h"
#include "guard_private.h"
#include "hsm/backup.h"
#include "keys.h"
#include "raw_token.h"
#include "test/test_place.h"
#include "token_set.h"

#define SESSIONS 8
#define TIMEOUT_MS 1000
#define MESSAGE_LEN 512 /* as long as the message of a document, or so */

enum { FLOOR, PRIMARY, STANDBY, MODULES };

static const char *const names[MODULES] = {"floor", "primary", "standby"};
static const char *const labels[] = {
    [ALGORITHM_P256] = "p256", [ALGORITHM_ED25519] = "ed25519", [ALGORITHM_SECP256K1] = "secp256k1"};

static struct {
    struct test_token primary;
    struct test_token standby;
    char modules[MODULES][256];
    struct digest key_ids[4];
    struct raw_token raw;
    CK_SESSION_HANDLE sessions[SESSIONS];
    struct token_launch launches[2];
    struct token_keeper keeper;
    struct token_set *set;
    struct signer_tokens timed; /* the set's calls, each signature timed */
    atomic_llong longest_us;    /* of one that was asked for through them */
    struct signer signer;       /* as much of one as a release needs */
    unsigned delay_ms;
} bench;

/* The tokens */

static void conf_write(unsigned module, const char *rule)
{
    char path[300];
    char new_path[310];
    (void)snprintf(path, sizeof(path), "%s.conf", bench.modules[module]);
    (void)snprintf(new_path, sizeof(new_path), "%s.new", path);
    FILE *file = fopen(new_path, "w");
    BENCH_NEED(file != NULL && fputs(rule, file) >= 0 && fclose(file) == 0 && rename(new_path, path) == 0);
}

static void delay_set(unsigned ms)
{
    char rule[64] = "";
    if (ms > 0) {
        (void)snprintf(rule, sizeof(rule), "C_Sign * delay %u\n", ms);
    }
    bench.delay_ms = ms;
    for (unsigned i = 0; i < MODULES; i++) {
        conf_write(i, rule);
    }
}

static void modules_make(void)
{
    char built[TEST_PATH_SIZE * 2];
    test_build_path(built, "tests/support/p11-chaos.so");
    for (unsigned i = 0; i < MODULES; i++) {
        (void)snprintf(bench.modules[i], sizeof(bench.modules[i]), "%s/%s.so", bench.primary.folder.path, names[i]);
        const char *const copy[] = {"cp", built, bench.modules[i], NULL};
        BENCH_NEED(test_run(copy) == 0);
    }
    delay_set(0);
}

static struct hsm_token *token_open(const struct test_token *on, const struct secret *key32)
{
    struct fault fault = {0};
    struct hsm_token_config config = {
        .module_path = on->module, .session_count = 1, .use = HSM_TOKEN_GENERATE, .restored = true};
    (void)snprintf(config.selector.label, sizeof(config.selector.label), "%.32s", on->label);
    struct secret pin = {0};
    struct secret so_pin = {0};
    struct hsm_token *token = NULL;
    BENCH_MUST(secret_read_file(&pin, on->pin_path, &fault));
    BENCH_MUST(secret_read_file(&so_pin, on->so_pin_path, &fault));
    const struct hsm_kek kek = {.so_pin = &so_pin, .key32 = key32};
    BENCH_MUST(hsm_backup_open(&token, &config, &pin, &kek, &fault));
    secret_free(&pin);
    secret_free(&so_pin);
    return token;
}

static void key_make(struct hsm_token *token, enum algorithm algorithm, enum hsm_key_profile profile,
                     struct hsm_wrapped *out)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    BENCH_MUST(hsm_key_generate(token, &key, algorithm, profile, labels[algorithm], &fault));
    public_key_id(&bench.key_ids[algorithm], hsm_key_public(key));
    if (out != NULL) {
        BENCH_MUST(hsm_key_wrap(key, out, &fault));
    }
}

/* The key of the failover is on both. */
static void keys_make(void)
{
    struct fault fault = {0};
    struct secret key32 = {0};
    struct hsm_wrapped wrapped;
    const struct hsm_key *key = NULL;
    BENCH_MUST(secret_new(&key32, HSM_KEK_LEN));
    BENCH_NEED(RAND_bytes(key32.data, HSM_KEK_LEN) == 1);
    struct hsm_token *token = token_open(&bench.primary, &key32);
    key_make(token, ALGORITHM_P256, HSM_KEY_WRAPPABLE, &wrapped);
    key_make(token, ALGORITHM_ED25519, HSM_KEY_FIXED, NULL);
    key_make(token, ALGORITHM_SECP256K1, HSM_KEY_FIXED, NULL);
    hsm_token_close(token);
    token = token_open(&bench.standby, &key32);
    BENCH_MUST(hsm_key_unwrap(token, &key, &wrapped, HSM_KEY_WRAPPABLE, &fault));
    hsm_token_close(token);
    secret_free(&key32);
}

static struct token_launch launch_of(const struct test_token *token, unsigned module)
{
    static char credentials[2][96];
    char *credential = credentials[module - PRIMARY];
    (void)snprintf(credential, sizeof(credentials[0]), "%s.pin", token->label);
    return (struct token_launch){.token = token->label,
                                 .lock_folder = "",
                                 .serial = "",
                                 .module = bench.modules[module],
                                 .pin_credential = credential,
                                 .pin_fd = -1,
                                 .sandbox = true,
                                 .sessions = SESSIONS,
                                 .timeout_ms = TIMEOUT_MS};
}

static enum status timed_sign(const void *context, struct signature *out, const struct digest *key_id,
                              const void *message, size_t len, struct fault *fault)
{
    const struct signer_tokens *tokens = token_set_calls(bench.set);
    int64_t from_us = bench_now_us();
    enum status status = tokens->sign(context, out, key_id, message, len, fault);
    int64_t took_us = bench_now_us() - from_us;
    if (took_us > atomic_load(&bench.longest_us)) {
        atomic_store(&bench.longest_us, took_us); /* near enough: two threads seldom meet here */
    }
    return status;
}

/* A guard whose founding key is the one that is on both tokens. */
static void signer_open(void)
{
    char path[TEST_PATH_SIZE * 2];
    struct fault fault = {0};
    size_t count = 0;
    struct signer_token_key copies[SIGNER_TOKENS_MAX];
    const struct signer_tokens *tokens = token_set_calls(bench.set);
    const struct digest *key_id = &bench.key_ids[ALGORITHM_P256];
    struct guard_state state = {.role = ROLE_VALIDATOR, .key = *key_id};
    BENCH_MUST(name_parse(&state.environment, "bench"));
    BENCH_MUST(tokens->find(tokens->context, copies, &count, key_id, &fault));
    (void)snprintf(path, sizeof(path), "%s/guard", bench.primary.folder.path);
    BENCH_MUST(guard_create(path, &state, &copies[0].public_key, NULL, &fault));
    BENCH_MUST(guard_open(&bench.signer.guard, path, &fault));
    bench.timed = *tokens;
    bench.timed.sign = timed_sign;
    bench.signer.tokens = &bench.timed;
    bench.signer.clock = clock_system();
}

static void open_all(void)
{
    struct fault fault = {0};
    BENCH_MUST(secret_heap_open(&fault));
    test_token_softhsm(&bench.primary, names[PRIMARY]);
    test_token_softhsm_beside(&bench.standby, &bench.primary, names[STANDBY]);
    modules_make();
    keys_make();
    BENCH_NEED(setenv("CREDENTIALS_DIRECTORY", bench.primary.folder.path, 1) == 0);
    bench.launches[0] = launch_of(&bench.primary, PRIMARY);
    bench.launches[1] = launch_of(&bench.standby, STANDBY);
    BENCH_MUST(token_keeper_open(&bench.keeper, bench.launches, 2, &fault));
    struct hsm_token_selector named[SIGNER_TOKENS_MAX] = {0};
    (void)snprintf(named[0].label, sizeof(named[0].label), "%s", names[PRIMARY]);
    (void)snprintf(named[1].label, sizeof(named[1].label), "%s", names[STANDBY]);
    const struct token_set_config config = {
        .keeper = &bench.keeper, .named = named, .count = 2, .timeout_ms = TIMEOUT_MS};
    BENCH_MUST(token_set_new(&bench.set, &config, &fault));
    signer_open();
    struct test_token floor = bench.primary;
    memcpy(floor.module, bench.modules[FLOOR], strlen(bench.modules[FLOOR]) + 1);
    raw_token_open(&bench.raw, &floor);
    for (size_t i = 0; i < SESSIONS; i++) {
        BENCH_NEED(bench.raw.functions->C_OpenSession(bench.raw.slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                      &bench.sessions[i]) == CKR_OK);
    }
}

static void close_all(void)
{
    guard_close(bench.signer.guard);
    token_set_free(bench.set);
    token_keeper_close(&bench.keeper);
    raw_token_close(&bench.raw);
    test_token_remove(&bench.primary);
}

/* Signing */

struct signing {
    enum algorithm algorithm;
    CK_OBJECT_HANDLE key;
    atomic_uint lost;
};

static CK_OBJECT_HANDLE key_find(enum algorithm algorithm)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE what[] = {{CKA_CLASS, &class, sizeof(class)},
                           {CKA_LABEL, (void *)(uintptr_t)labels[algorithm], strlen(labels[algorithm])}};
    CK_OBJECT_HANDLE handle = 0;
    CK_ULONG count = 0;
    const CK_FUNCTION_LIST *functions = bench.raw.functions;
    BENCH_NEED(functions->C_FindObjectsInit(bench.raw.session, what, 2) == CKR_OK);
    BENCH_NEED(functions->C_FindObjects(bench.raw.session, &handle, 1, &count) == CKR_OK && count == 1);
    BENCH_NEED(functions->C_FindObjectsFinal(bench.raw.session) == CKR_OK);
    return handle;
}

/* The same input as the token gets through signerd: a digest for ECDSA, the message for Ed25519. */
static uint64_t raw_work(void *context, unsigned thread, int64_t until_us)
{
    const struct signing *signing = context;
    bool whole = signing->algorithm == ALGORITHM_ED25519;
    CK_MECHANISM mechanism = {whole ? CKM_EDDSA : CKM_ECDSA, NULL, 0};
    uint8_t message[MESSAGE_LEN] = {(uint8_t)thread};
    uint64_t done = 0;
    do {
        uint8_t signature[SIGNATURE_LEN];
        CK_ULONG len = sizeof(signature);
        CK_SESSION_HANDLE session = bench.sessions[thread];
        BENCH_NEED(bench.raw.functions->C_SignInit(session, &mechanism, signing->key) == CKR_OK);
        BENCH_NEED(bench.raw.functions->C_Sign(session, message, whole ? MESSAGE_LEN : 32, signature, &len) == CKR_OK);
        message[1] ^= signature[0];
        done++;
    } while (bench_now_us() < until_us);
    return done;
}

static uint64_t through_work(void *context, unsigned thread, int64_t until_us)
{
    struct signing *signing = context;
    const struct signer_tokens *tokens = token_set_calls(bench.set);
    uint8_t message[MESSAGE_LEN] = {(uint8_t)thread};
    uint64_t done = 0;
    do {
        struct signature signature = {.algorithm = ALGORITHM_P256};
        struct fault fault = {0};
        enum status status =
            tokens->sign(tokens->context, &signature, &bench.key_ids[signing->algorithm], message, MESSAGE_LEN, &fault);
        message[1] ^= signature.bytes64[0];
        if (status == STATUS_OK) {
            done++;
        } else {
            atomic_fetch_add(&signing->lost, 1);
        }
    } while (bench_now_us() < until_us);
    return done;
}

/* Requests of a failover: of each thread and number one, so that no two are the same. */
static uint64_t release_work(void *context, unsigned thread, int64_t until_us)
{
    struct signing *signing = context;
    uint64_t number = 0;
    uint64_t done = 0;
    do {
        struct signature signature;
        struct fault fault = {0};
        uint8_t message[MESSAGE_LEN] = {(uint8_t)thread};
        memcpy(message + 8, &number, sizeof(number));
        memcpy(message + 16, &until_us, sizeof(until_us));
        number++;
        if (keys_sign(&bench.signer, &signature, KEY_FOUNDING, message, MESSAGE_LEN, &fault) == STATUS_OK) {
            done++;
        } else {
            atomic_fetch_add(&signing->lost, 1);
        }
    } while (bench_now_us() < until_us);
    return done;
}

/* How many signatures the guard has seen released: each left an r. */
static uint64_t releases_count(void)
{
    struct guard *guard = bench.signer.guard;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    uint8_t letter = 'r';
    MDB_val key = {sizeof(letter), &letter};
    MDB_val value;
    uint64_t count = 0;
    BENCH_NEED(mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn) == 0);
    BENCH_NEED(mdb_cursor_open(txn, guard->dbi, &cursor) == 0);
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && *(const uint8_t *)key.mv_data == letter) {
        count++;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    BENCH_NEED(rc == 0 || rc == MDB_NOTFOUND);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return count;
}

static enum algorithm algorithm_of(int64_t number)
{
    BENCH_NEED(algorithm_info((enum algorithm)number) != NULL);
    return (enum algorithm)number;
}

static void sign_run(bench_work *work, const int64_t numbers[4])
{
    struct signing signing = {.algorithm = algorithm_of(numbers[0])};
    struct bench_slice slice;
    BENCH_NEED(numbers[1] >= 1 && numbers[1] <= SESSIONS);
    signing.key = key_find(signing.algorithm);
    bench_run(&slice, (unsigned)numbers[1], work, &signing, numbers[2]);
    BENCH_NEED(atomic_load(&signing.lost) == 0);
    bench_answer(&slice);
}

/* Failover */

static unsigned serving_find(void)
{
    const struct signer_tokens *tokens = token_set_calls(bench.set);
    struct signer_token_status states[SIGNER_TOKENS_MAX];
    BENCH_NEED(tokens->states(tokens->context, states) == 2);
    return states[0].state == SIGNER_TOKEN_SERVING ? 0 : 1;
}

static void both_up_await(void)
{
    const struct signer_tokens *tokens = token_set_calls(bench.set);
    struct signer_token_status states[SIGNER_TOKENS_MAX];
    for (int i = 0; i < 6000; i++) {
        (void)tokens->states(tokens->context, states);
        if (states[0].state != SIGNER_TOKEN_DOWN && states[1].state != SIGNER_TOKEN_DOWN) {
            return;
        }
        (void)usleep(10000);
    }
    BENCH_NEED(!"the token comes back");
}

struct trigger {
    int64_t how;
    int64_t after_ms;
    unsigned token;
};

static void *trigger_run(void *argument)
{
    static const char *const rules[] = {"C_Sign * exit-before\n", "C_Sign * hang\n", "C_Sign * rv 0x32\n"};
    const struct trigger *trigger = argument;
    (void)usleep((useconds_t)(trigger->after_ms * 1000));
    conf_write(PRIMARY + trigger->token, rules[trigger->how]);
    return NULL;
}

static void failover_run(const int64_t numbers[4])
{
    BENCH_NEED(numbers[0] >= 0 && numbers[0] <= 2 && numbers[1] <= SESSIONS);
    both_up_await();
    struct signing signing = {.algorithm = ALGORITHM_P256};
    struct trigger trigger = {.how = numbers[0], .after_ms = numbers[2] / 3, .token = serving_find()};
    pthread_t thread;
    struct bench_slice slice;
    uint64_t before = releases_count();
    atomic_store(&bench.longest_us, 0);
    BENCH_NEED(pthread_create(&thread, NULL, trigger_run, &trigger) == 0);
    bench_run(&slice, (unsigned)numbers[1], release_work, &signing, numbers[2]);
    BENCH_NEED(pthread_join(thread, NULL) == 0);
    BENCH_NEED(serving_find() != trigger.token);
    delay_set(bench.delay_ms);
    both_up_await();
    long long released = (long long)(releases_count() - before);
    (void)printf("{\"count\":%llu,\"wall_us\":%lld,\"longest_us\":%lld,\"lost\":%u,\"doubled\":%lld}\n",
                 (unsigned long long)slice.count, (long long)slice.wall_us, (long long)atomic_load(&bench.longest_us),
                 atomic_load(&signing.lost), released - (long long)slice.count);
    (void)fflush(stdout);
}

static void command_run(const struct bench_command *command)
{
    if (strcmp(command->word, "raw") == 0) {
        sign_run(raw_work, command->numbers);
    } else if (strcmp(command->word, "through") == 0) {
        sign_run(through_work, command->numbers);
    } else if (strcmp(command->word, "failover") == 0) {
        failover_run(command->numbers);
    } else {
        BENCH_NEED(strcmp(command->word, "delay") == 0);
        delay_set((unsigned)command->numbers[0]);
        const struct bench_slice nothing = {.wall_us = 1};
        bench_answer(&nothing);
    }
}

/* The keeper starts this program again; what it wants is signerd's token process. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "token") == 0) {
        (void)execv(getenv("BENCH_SIGNERD"), argv);
        return 1;
    }
    BENCH_NEED(argc == 2 && setenv("BENCH_SIGNERD", argv[1], 1) == 0);
    open_all();
    bench_ready("");
    struct bench_command command;
    while (bench_read(&command)) {
        command_run(&command);
    }
    close_all();
    return 0;
}
