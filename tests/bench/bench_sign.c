/*
 * Signing: the token alone against a real signerd of each role over its socket.
 *
 *   bench_sign CAPACITY [ALGORITHM DELAY_MS]
 *
 * CAPACITY: how many signatures of each kind and number of clients will be asked for at most. ALGORITHM: number of that
 * of the transfers (1 p256, 2 ed25519, 3 secp256k1). DELAY_MS: what every token takes for a signature on top.
 *
 * Commands: token-p256 CLIENTS MS, token-ed25519 CLIENTS MS, token-secp256k1 CLIENTS MS, verify-p256 MS, verify-ed25519
 * MS, lmdb MS (floors); status CLIENTS COUNT (the socket and the messages alone), transfer CLIENTS COUNT, header COUNT,
 * checkpoint COUNT. Every signature is a new promise of the signer's guard. The protocol lets only transfers run at the
 * same time.
 */
#include <inttypes.h>
#include <signal.h>

#include "orders.h"
#include "place.h"
#include "token.h"
#include "tree.h"

#define CONNECTIONS 8
/* What a rule of a busy hot wallet asks, none of which is reached. */
#define LIMIT(per, window) "{\"count\":1000000,\"per\":\"" per "\",\"sum\":\"1000000000000\",\"window_s\":" window "}"
#define DEMAND                                                                                                         \
    "{\"limits\":[" LIMIT("asset", "86400") "," LIMIT("destination", "86400") "," LIMIT("wallet", "3600") "," LIMIT(   \
        "wallet", "86400") "]}"
#define LANES 11         /* 1 + 2 + 8: each number of clients has lanes of its own */
#define BATCH_ENTRIES 16 /* entries that a checkpoint adds */

enum { TRANSFER, AUDIT, VALIDATOR, ROLES };

static struct signing {
    size_t capacity;
    unsigned delay_ms;
    struct place places[ROLES];
    struct world worlds[ROLES];
    struct wire_pool *pools[ROLES];

    struct bench_lane lanes[LANES];
    struct bytes *headers;
    size_t next_header;
    struct wire_checkpoint_request *checkpoints;
    size_t next_checkpoint;
} signing;

/* How many operations each thread is to do, and the first lane of this number of clients. */
struct share {
    uint64_t count;
    size_t lane;
};

static void signer_start(unsigned role, enum signer_role as, enum algorithm algorithm)
{
    static const char *const further[] = {"--sessions", "8", NULL};
    struct place *place = &signing.places[role];
    place_make(place, as, algorithm);
    world_init(&signing.worlds[role], as, &place->key, clock_utc_us(clock_system()));
    BENCH_NEED(place_initialise(place, &signing.worlds[role]) == 0);
    bench_token_slow(&place->token, signing.delay_ms);
    BENCH_NEED(place_start(place, further, NULL));
    signing.pools[role] = place_pool(place, CONNECTIONS);
}

static void orders_make(void)
{
    for (size_t lane = 0; lane < LANES; lane++) {
        signing.lanes[lane].length = signing.capacity / (lane == 0 ? 1 : lane < 3 ? 2 : 8);
    }
    bench_lanes_fill(signing.lanes, LANES, &signing.worlds[TRANSFER]);
}

static void headers_make(void)
{
    struct digest previous = signing.worlds[VALIDATOR].chain;
    signing.headers = calloc(signing.capacity, sizeof(*signing.headers));
    BENCH_NEED(signing.headers != NULL);
    for (size_t i = 0; i < signing.capacity; i++) {
        world_header(&signing.headers[i], &signing.worlds[VALIDATOR], i + 1, &previous, "bench");
        ledger_header_digest(&previous, signing.headers[i].data, signing.headers[i].len);
    }
}

/* The checkpoint of the first `size` entries, proven to extend the one of `old`. */
static void checkpoint_make(struct wire_checkpoint_request *out, struct bench_tree *tree, uint64_t old, uint64_t size)
{
    struct audit_checkpoint checkpoint = {.size = size};
    struct audit_proof proof = {0};
    const struct audit_hash_reader reader = bench_tree_reader(tree);
    (void)snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", signing.worlds[AUDIT].log_key.name);
    bench_tree_root(&checkpoint.root, tree, size);
    *out = (struct wire_checkpoint_request){.old = old};
    MUST(audit_checkpoint_build(&out->note, &checkpoint, NULL));
    MUST(audit_consistency_prove(&proof, &reader, old, size, NULL));
    out->proof_count = proof.count;
    memcpy(out->proof, proof.hashes, proof.count * sizeof(proof.hashes[0]));
}

static void checkpoints_make(void)
{
    struct bench_tree tree = {.size = 0};
    signing.checkpoints = calloc(signing.capacity, sizeof(*signing.checkpoints));
    BENCH_NEED(signing.checkpoints != NULL);
    for (size_t i = 0; i < signing.capacity; i++) {
        for (size_t entry = 0; entry < BATCH_ENTRIES; entry++) {
            struct digest leaf;
            digest_sha256(&leaf, &tree.size, sizeof(tree.size));
            bench_tree_append(&tree, &leaf);
        }
        checkpoint_make(&signing.checkpoints[i], &tree, tree.size - BATCH_ENTRIES, tree.size);
    }
    bench_tree_wipe(&tree);
}

static uint64_t transfer_work(void *context, unsigned thread, int64_t until_us)
{
    (void)until_us;
    const struct share *share = context;
    struct fault fault = {0};
    struct bench_lane *lane = &signing.lanes[share->lane + thread];
    struct wire_destination_adopt_reply listed;
    BENCH_NEED(share->count == 0 || lane->next < lane->length);
    if (share->count > 0) {
        BENCH_MUST(wire_destination_adopt(signing.pools[TRANSFER], &listed, &lane->orders[lane->next].destination,
                                          PLACE_TIMEOUT_MS, &fault));
    }
    for (uint64_t i = 0; i < share->count; i++) {
        BENCH_NEED(lane->next < lane->length);
        const struct wire_transfer_request request = order_request(&lane->orders[lane->next++]);
        struct wire_transfer_reply reply;
        BENCH_MUST(wire_transfer_sign(signing.pools[TRANSFER], &reply, NULL, &request, PLACE_TIMEOUT_MS, &fault));
        bytes_free(&reply.transaction);
    }
    return share->count;
}

static uint64_t status_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    (void)until_us;
    const struct share *share = context;
    struct fault fault = {0};
    for (uint64_t i = 0; i < share->count; i++) {
        struct wire_status_reply reply;
        BENCH_MUST(wire_status(signing.pools[TRANSFER], &reply, PLACE_TIMEOUT_MS, &fault));
    }
    return share->count;
}

static uint64_t header_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    (void)until_us;
    const struct share *share = context;
    struct fault fault = {0};
    for (uint64_t i = 0; i < share->count; i++) {
        BENCH_NEED(signing.next_header < signing.capacity);
        const struct wire_header_request request = {.header = signing.headers[signing.next_header++]};
        struct wire_header_reply reply;
        BENCH_MUST(wire_header_sign(signing.pools[VALIDATOR], &reply, &request, PLACE_TIMEOUT_MS, &fault));
    }
    return share->count;
}

static uint64_t checkpoint_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    (void)until_us;
    const struct share *share = context;
    struct fault fault = {0};
    for (uint64_t i = 0; i < share->count; i++) {
        BENCH_NEED(signing.next_checkpoint < signing.capacity);
        struct wire_checkpoint_reply reply;
        BENCH_MUST(wire_checkpoint_sign(signing.pools[AUDIT], &reply, &signing.checkpoints[signing.next_checkpoint++],
                                        PLACE_TIMEOUT_MS, &fault));
    }
    return share->count;
}

enum shape { TOKEN, VERIFY, LMDB, SOCKET, ALONE };

static const struct {
    const char *word;
    enum shape shape;
    enum algorithm algorithm;
    bench_work *work;
} commands[] = {
    {"token-p256", TOKEN, ALGORITHM_P256, NULL},           {"token-ed25519", TOKEN, ALGORITHM_ED25519, NULL},
    {"token-secp256k1", TOKEN, ALGORITHM_SECP256K1, NULL}, {"verify-p256", VERIFY, ALGORITHM_P256, NULL},
    {"verify-ed25519", VERIFY, ALGORITHM_ED25519, NULL},   {"lmdb", LMDB, ALGORITHM_P256, NULL},
    {"status", SOCKET, ALGORITHM_P256, status_work},       {"transfer", SOCKET, ALGORITHM_P256, transfer_work},
    {"header", ALONE, ALGORITHM_P256, header_work},        {"checkpoint", ALONE, ALGORITHM_ED25519, checkpoint_work},
};

static void socket_run(struct bench_slice *out, bench_work *work, int64_t clients, int64_t count)
{
    BENCH_NEED(clients == 1 || clients == 2 || clients == 8);
    struct share share = {.count = (uint64_t)(count / clients), .lane = clients == 1 ? 0 : clients == 2 ? 1 : 3};
    bench_run(out, (unsigned)clients, work, &share, 0);
}

static void run(struct bench_slice *out, const struct bench_command *command)
{
    size_t i = 0;
    while (i < sizeof(commands) / sizeof(commands[0]) && strcmp(commands[i].word, command->word) != 0) {
        i++;
    }
    BENCH_NEED(i < sizeof(commands) / sizeof(commands[0]));
    const int64_t *numbers = command->numbers;
    switch (commands[i].shape) {
    case TOKEN:
        bench_token_sign(out, commands[i].algorithm, (unsigned)numbers[0], numbers[1]);
        break;
    case VERIFY:
        bench_verify(out, commands[i].algorithm, numbers[0]);
        break;
    case LMDB:
        bench_lmdb_commit(out, numbers[0]);
        break;
    case SOCKET:
        socket_run(out, commands[i].work, numbers[0], numbers[1]);
        break;
    case ALONE:
        socket_run(out, commands[i].work, 1, numbers[0]);
        break;
    }
}

static void end(void)
{
    for (unsigned i = 0; i < ROLES; i++) {
        wire_pool_free(signing.pools[i]);
        (void)place_stop(&signing.places[i], SIGTERM);
        place_remove(&signing.places[i]);
        world_wipe(&signing.worlds[i]);
    }
    for (size_t i = 0; i < signing.capacity; i++) {
        bytes_free(&signing.headers[i]);
        bytes_free(&signing.checkpoints[i].note);
    }
    free(signing.headers);
    free(signing.checkpoints);
    bench_lanes_wipe(signing.lanes, LANES);
    bench_token_close();
}

int main(int argc, char **argv)
{
    BENCH_NEED(argc == 2 || argc == 4);
    signing.capacity = strtoul(argv[1], NULL, 10);
    BENCH_NEED(signing.capacity > 0 && signing.capacity <= 100000);
    enum algorithm algorithm = argc == 4 ? (enum algorithm)strtoul(argv[2], NULL, 10) : ALGORITHM_P256;
    signing.delay_ms = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    BENCH_NEED(algorithm_info(algorithm) != NULL);
    world_demand = DEMAND;
    signer_start(TRANSFER, ROLE_TRANSFER, algorithm);
    signer_start(AUDIT, ROLE_AUDIT, ALGORITHM_ED25519);
    signer_start(VALIDATOR, ROLE_VALIDATOR, ALGORITHM_P256);
    bench_token_open(signing.delay_ms);
    orders_make();
    headers_make();
    checkpoints_make();
    char members[128];
    (void)snprintf(members, sizeof(members), ",\"transfer\":%d,\"audit\":%d,\"validator\":%d",
                   (int)signing.places[TRANSFER].pid, (int)signing.places[AUDIT].pid,
                   (int)signing.places[VALIDATOR].pid);
    bench_ready(members);
    struct bench_command command;
    while (bench_read(&command)) {
        struct bench_slice slice = {0};
        run(&slice, &command);
        bench_answer(&slice);
    }
    end();
    return 0;
}
