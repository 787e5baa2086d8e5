/*
 * The floors of a signature, see token.h. The keys are made by the hsm room, so they are such as signerd would use; the
 * signatures are asked for through the module's function list alone.
 */
#include "token.h"

#include <lmdb.h>
#include <openssl/rand.h>

#include "base/digest.h"
#include "hsm/key.h"
#include "raw_token.h"
#include "test/test_key.h"

#define SESSIONS 8
#define VERIFY_MESSAGE "as long as the message of a document, or so, because SHA-256 of it is a small part"
#define RECORD_KEY_LEN 17
#define RECORD_VALUE_LEN 80

static const char *const labels[] = {
    [ALGORITHM_P256] = "floor-p256", [ALGORITHM_ED25519] = "floor-ed25519", [ALGORITHM_SECP256K1] = "floor-secp256k1"};

static struct {
    struct test_token place;
    struct raw_token raw;
    CK_SESSION_HANDLE sessions[SESSIONS];
    MDB_env *lmdb;
    MDB_dbi records;
} floor_;

static void keys_make(void)
{
    struct fault fault = {0};
    struct secret pin = {0};
    struct hsm_token *token = NULL;
    const struct hsm_key *key = NULL;
    struct hsm_token_config config = {
        .module_path = floor_.place.module, .session_count = 1, .use = HSM_TOKEN_GENERATE};
    (void)snprintf(config.selector.label, sizeof(config.selector.label), "%.32s", floor_.place.label);
    BENCH_MUST(secret_heap_open(&fault));
    BENCH_MUST(secret_read_file(&pin, floor_.place.pin_path, &fault));
    BENCH_MUST(hsm_token_open(&token, &config, &pin, &fault));
    secret_free(&pin);
    BENCH_MUST(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, labels[ALGORITHM_P256], &fault));
    BENCH_MUST(hsm_key_generate(token, &key, ALGORITHM_ED25519, HSM_KEY_FIXED, labels[ALGORITHM_ED25519], &fault));
    BENCH_MUST(hsm_key_generate(token, &key, ALGORITHM_SECP256K1, HSM_KEY_FIXED, labels[ALGORITHM_SECP256K1], &fault));
    hsm_token_close(token);
}

static void lmdb_open(void)
{
    char path[TEST_PATH_SIZE * 2];
    MDB_txn *txn = NULL;
    (void)snprintf(path, sizeof(path), "%s/lmdb", floor_.place.folder.path);
    const char *const make[] = {"mkdir", path, NULL};
    BENCH_NEED(test_run(make) == 0);
    BENCH_NEED(mdb_env_create(&floor_.lmdb) == 0 && mdb_env_set_mapsize(floor_.lmdb, 1 << 30) == 0);
    BENCH_NEED(mdb_env_open(floor_.lmdb, path, MDB_NOLOCK, 0600) == 0);
    BENCH_NEED(mdb_txn_begin(floor_.lmdb, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &floor_.records) == 0);
    BENCH_NEED(mdb_txn_commit(txn) == 0);
}

void bench_token_slow(struct test_token *token, unsigned delay_ms)
{
    char path[TEST_PATH_SIZE * 2];
    char module[TEST_PATH_SIZE * 2];
    if (delay_ms == 0) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/chaos", token->folder.path);
    test_build_path(module, "tests/support/p11-chaos.so");
    FILE *file = fopen(path, "w");
    BENCH_NEED(file != NULL && fprintf(file, "C_Sign * delay %u\n", delay_ms) > 0 && fclose(file) == 0);
    BENCH_NEED(setenv("STRONGROOM_CHAOS_CONFIG", path, 1) == 0 && strlen(module) < sizeof(token->module));
    memcpy(token->module, module, strlen(module) + 1);
}

void bench_token_open(unsigned delay_ms)
{
    test_token_softhsm(&floor_.place, "floor");
    keys_make();
    bench_token_slow(&floor_.place, delay_ms);
    raw_token_open(&floor_.raw, &floor_.place);
    for (size_t i = 0; i < SESSIONS; i++) {
        BENCH_NEED(floor_.raw.functions->C_OpenSession(floor_.raw.slot, CKF_SERIAL_SESSION, NULL, NULL,
                                                       &floor_.sessions[i]) == CKR_OK);
    }
    lmdb_open();
}

void bench_token_close(void)
{
    mdb_env_close(floor_.lmdb);
    raw_token_close(&floor_.raw);
    test_token_remove(&floor_.place);
}

struct signing {
    enum algorithm algorithm;
    CK_OBJECT_HANDLE key;
};

static CK_OBJECT_HANDLE key_find(enum algorithm algorithm)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE what[] = {{CKA_CLASS, &class, sizeof(class)},
                           {CKA_LABEL, (void *)(uintptr_t)labels[algorithm], strlen(labels[algorithm])}};
    CK_OBJECT_HANDLE handle = 0;
    CK_ULONG count = 0;
    const CK_FUNCTION_LIST *functions = floor_.raw.functions;
    BENCH_NEED(functions->C_FindObjectsInit(floor_.raw.session, what, 2) == CKR_OK);
    BENCH_NEED(functions->C_FindObjects(floor_.raw.session, &handle, 1, &count) == CKR_OK && count == 1);
    BENCH_NEED(functions->C_FindObjectsFinal(floor_.raw.session) == CKR_OK);
    return handle;
}

static uint64_t token_work(void *context, unsigned thread, int64_t until_us)
{
    const struct signing *signing = context;
    CK_MECHANISM mechanism = {signing->algorithm == ALGORITHM_ED25519 ? CKM_EDDSA : CKM_ECDSA, NULL, 0};
    uint8_t digest32[32];
    uint64_t done = 0;
    BENCH_NEED(RAND_bytes(digest32, sizeof(digest32)) == 1);
    do {
        uint8_t signature[SIGNATURE_LEN];
        CK_ULONG len = sizeof(signature);
        CK_SESSION_HANDLE session = floor_.sessions[thread];
        BENCH_NEED(floor_.raw.functions->C_SignInit(session, &mechanism, signing->key) == CKR_OK);
        BENCH_NEED(floor_.raw.functions->C_Sign(session, digest32, sizeof(digest32), signature, &len) == CKR_OK);
        digest32[0] ^= signature[0];
        done++;
    } while (bench_now_us() < until_us);
    return done;
}

void bench_token_sign(struct bench_slice *out, enum algorithm algorithm, unsigned threads, int64_t for_ms)
{
    struct signing signing = {.algorithm = algorithm, .key = key_find(algorithm)};
    BENCH_NEED(threads <= SESSIONS);
    bench_run(out, threads, token_work, &signing, for_ms);
}

struct verifying {
    const struct public_key *key;
    uint8_t signature64[SIGNATURE_LEN];
};

static uint64_t verify_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    const struct verifying *verifying = context;
    struct fault fault = {0};
    uint64_t done = 0;
    do {
        BENCH_MUST(
            signature_verify(verifying->key, verifying->signature64, VERIFY_MESSAGE, strlen(VERIFY_MESSAGE), &fault));
        done++;
    } while (bench_now_us() < until_us);
    return done;
}

void bench_verify(struct bench_slice *out, enum algorithm algorithm, int64_t for_ms)
{
    struct test_key *key = test_key_new(algorithm);
    struct verifying verifying = {.key = test_key_public(key)};
    test_key_sign_message(verifying.signature64, key, VERIFY_MESSAGE, strlen(VERIFY_MESSAGE));
    bench_run(out, 1, verify_work, &verifying, for_ms);
    test_key_free(key);
}

static uint64_t lmdb_work(void *context, unsigned thread, int64_t until_us)
{
    (void)context;
    (void)thread;
    uint64_t done = 0;
    do {
        uint8_t key[RECORD_KEY_LEN];
        uint8_t value[RECORD_VALUE_LEN];
        MDB_val name = {sizeof(key), key};
        MDB_val kept = {sizeof(value), value};
        MDB_txn *txn = NULL;
        BENCH_NEED(RAND_bytes(key, sizeof(key)) == 1 && RAND_bytes(value, sizeof(value)) == 1);
        BENCH_NEED(mdb_txn_begin(floor_.lmdb, NULL, 0, &txn) == 0);
        BENCH_NEED(mdb_put(txn, floor_.records, &name, &kept, 0) == 0 && mdb_txn_commit(txn) == 0);
        done++;
    } while (bench_now_us() < until_us);
    return done;
}

void bench_lmdb_commit(struct bench_slice *out, int64_t for_ms)
{
    bench_run(out, 1, lmdb_work, NULL, for_ms);
}
