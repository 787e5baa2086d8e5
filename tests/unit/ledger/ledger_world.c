/*
 * A small ledger for tests. The validator is a key in software, but its guard is real: on disk and synced before it
 * signs, so that a killed process meets it again.
 */
#include "ledger_world.h"

#include <fcntl.h>
#include <sys/stat.h>

#define NEED(condition) INVARIANT(condition)
#define GUARD_ROW_LEN 40

struct guard_row {
    uint64_t height;
    struct digest header;
};

static int64_t world_utc_us(void *context)
{
    return ((struct world *)context)->utc_us;
}

static int64_t world_monotonic_us(void *context)
{
    return ((struct world *)context)->monotonic_us;
}

static bool guard_last(struct guard_row *out, int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    end -= end % GUARD_ROW_LEN;
    return end > 0 && pread(fd, out, GUARD_ROW_LEN, end - GUARD_ROW_LEN) == GUARD_ROW_LEN;
}

/* As docs/signer-protocol.md, role validator. */
static enum status guard_check(const struct world *world, const void *document, size_t len, struct fault *fault)
{
    struct ledger_header header;
    struct guard_row row = {0};
    struct guard_row last = {0};
    NEED(sizeof(row) == GUARD_ROW_LEN);
    enum status status = ledger_header_decode(&header, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    row.height = header.height;
    ledger_header_digest(&row.header, document, len);
    if (guard_last(&last, world->guard_fd) && last.height == row.height) {
        return digest_equal(&last.header, &row.header)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_FORK, "header", "another header was signed at this height");
    }
    if (row.height != last.height + 1 || !digest_equal(&header.prev, last.height == 0 ? &world->chain : &last.header)) {
        return fault_set(fault, STATUS_CONFLICT, "height", "not the next");
    }
    NEED(write(world->guard_fd, &row, sizeof(row)) == (ssize_t)sizeof(row) && fsync(world->guard_fd) == 0);
    return STATUS_OK;
}

static enum status world_sign_header(void *context, struct signature *out, const struct public_key *key,
                                     const void *header, size_t len, struct fault *fault)
{
    struct world *world = context;
    NEED(public_key_equal(key, test_key_public(world->validator)));
    if (world->validator_status != STATUS_OK) {
        return fault_set(fault, world->validator_status, "signer", "as the test demands");
    }
    enum status status = guard_check(world, header, len, fault);
    if (status == STATUS_OK) {
        test_key_sign(out, world->validator, LEDGER_HEADER_KIND, header, world->validator_lies ? len - 1 : len);
    }
    return status;
}

static void world_audit_head(void *context, struct digest *out)
{
    *out = ((struct world *)context)->audit_head;
}

void world_path(char out[WORLD_PATH_SIZE], const struct world *world, const char *name)
{
    NEED(snprintf(out, WORLD_PATH_SIZE, "%s/%s", world->folder.path, name) < WORLD_PATH_SIZE);
}

static void make_genesis(struct world *world)
{
    struct ledger_genesis genesis = {
        .environment = {"test"},
        .created_at_utc_us = WORLD_START_UTC_US,
        .validators = {.quorum = 1, .count = 1},
        .asset_count = 2,
        .assets = {{.code = "EUR", .decimals = 2, .issuer = world->accounts[ISSUER]},
                   {.code = "XAU", .decimals = 8, .issuer = world->accounts[BOB]}},
    };
    genesis.validators.keys[0] = *test_key_public(world->validator);
    NEED(asset_id(&world->asset, &genesis.assets[0], NULL) == STATUS_OK);
    NEED(asset_id(&world->second_asset, &genesis.assets[1], NULL) == STATUS_OK);
    NEED(ledger_genesis_encode(&world->genesis, &genesis, NULL) == STATUS_OK);
    ledger_genesis_chain(&world->chain, world->genesis.data, world->genesis.len);
}

void world_make(struct world *out)
{
    static const enum algorithm algorithms[WORLD_PEOPLE] = {ALGORITHM_P256, ALGORITHM_ED25519, ALGORITHM_SECP256K1};
    char path[WORLD_PATH_SIZE];
    *out = (struct world){.utc_us = WORLD_START_UTC_US, .monotonic_us = 1000000};
    test_folder_make(&out->folder);
    out->validator = test_key_new(ALGORITHM_P256);
    for (int i = 0; i < WORLD_PEOPLE; i++) {
        out->keys[i] = test_key_new(algorithms[i]);
        NEED(account_id_from_key(&out->accounts[i], test_key_public(out->keys[i]), NULL) == STATUS_OK);
    }
    make_genesis(out);
    world_path(path, out, "guard");
    out->guard_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    NEED(out->guard_fd >= 0);
    out->clock = (struct clock){.utc_us = world_utc_us, .monotonic_us = world_monotonic_us, .context = out};
    out->host = (struct ledger_node_host){
        .clock = &out->clock, .sign_header = world_sign_header, .audit_head = world_audit_head, .context = out};
}

void world_remove(struct world *world)
{
    world_close(world);
    for (int i = 0; i < WORLD_PEOPLE; i++) {
        test_key_free(world->keys[i]);
    }
    test_key_free(world->validator);
    bytes_free(&world->genesis);
    NEED(close(world->guard_fd) == 0);
    test_folder_remove(&world->folder);
}

enum status world_open(struct world *world, struct fault *fault)
{
    char ordering[WORLD_PATH_SIZE];
    char node[WORLD_PATH_SIZE];
    world_path(ordering, world, "ordering");
    world_path(node, world, "node");
    enum status status = ledger_ordering_local_open(&world->ordering, ordering, &world->chain, fault);
    if (status == STATUS_OK) {
        status = ledger_node_open(&world->node, node, &world->genesis, &world->ordering, &world->host, fault);
    }
    if (status != STATUS_OK) {
        world_close(world);
    }
    return status;
}

void world_close(struct world *world)
{
    ledger_node_close(world->node);
    world->node = NULL;
    ledger_ordering_close(&world->ordering);
}

void world_begin(struct world *out)
{
    struct fault fault = {0};
    world_make(out);
    NEED(world_open(out, &fault) == STATUS_OK);
}

static struct transaction two_legs(const struct world *world, enum world_person from, enum world_person to,
                                   const char *amount, uint64_t seq)
{
    struct transaction transaction = {
        .chain = world->chain,
        .type = TRANSACTION_TRANSFER,
        .from = world->accounts[from],
        .seq = seq,
        .valid_from = 1,
        .valid_until = 1000,
        .leg_count = 2,
        .legs = {{.account = world->accounts[from], .asset = world->asset, .side = LEG_DEBIT},
                 {.account = world->accounts[to], .asset = world->asset, .side = LEG_CREDIT}},
    };
    NEED(amount_parse(&transaction.legs[0].amount, amount) == STATUS_OK);
    transaction.legs[1].amount = transaction.legs[0].amount;
    return transaction;
}

struct transaction world_transfer(const struct world *world, enum world_person from, enum world_person to,
                                  const char *amount, uint64_t seq)
{
    return two_legs(world, from, to, amount, seq);
}

struct transaction world_issue(const struct world *world, enum world_person to, const char *amount, uint64_t seq)
{
    struct transaction transaction = two_legs(world, ISSUER, to, amount, seq);
    transaction.type = TRANSACTION_ISSUE;
    return transaction;
}

void world_sign(struct signed_document *out, const struct world *world, const struct transaction *transaction,
                enum world_person signer)
{
    *out = (struct signed_document){0};
    NEED(transaction_encode(&out->document, transaction, NULL) == STATUS_OK);
    test_key_sign_document(out, TRANSACTION_KIND, world->keys[signer]);
}

enum status world_submit(struct digest *out_id, struct world *world, const struct transaction *transaction,
                         enum world_person signer)
{
    struct signed_document document;
    struct ledger_transaction_status found = {0};
    world_sign(&document, world, transaction, signer);
    transaction_id(out_id, document.document.data, document.document.len);
    enum status status = ledger_node_submit(world->node, &found, &document, test_key_public(world->keys[signer]), NULL);
    NEED(status != STATUS_OK || digest_equal(&found.id, out_id));
    signed_document_free(&document);
    return status;
}

enum status world_settle(struct world *world)
{
    enum status status = STATUS_OK;
    struct ledger_node_status node = {.mempool = 1};
    int64_t wait_us = 0;
    for (int i = 0; i < 100 && status == STATUS_OK; i++) {
        status = ledger_node_step(world->node, &wait_us);
        ledger_node_status(world->node, &node);
        if (wait_us > 0 && node.mempool == 0 && node.height == node.confirmed_height) {
            break;
        }
        world->monotonic_us += wait_us;
        world->utc_us += wait_us;
    }
    return status;
}

enum status world_run(struct world *world, const struct transaction *transaction, enum world_person signer)
{
    struct digest id;
    struct ledger_transaction_status found;
    NEED(world_submit(&id, world, transaction, signer) == STATUS_OK);
    NEED(world_settle(world) == STATUS_OK);
    NEED(ledger_node_transaction(world->node, &found, &id, NULL) == STATUS_OK);
    NEED(found.state == (found.code == STATUS_OK ? LEDGER_CONFIRMED : LEDGER_REJECTED));
    return found.code;
}

struct audit_key world_log(const char *origin, const struct test_key *key)
{
    struct audit_key log;
    size_t len = 0;
    const uint8_t *point = public_key_point(test_key_public(key), &len);
    NEED(audit_key_make(&log, origin, AUDIT_KEY_ED25519, point, NULL) == STATUS_OK);
    return log;
}

struct bytes world_note(const char *origin, const struct test_key *key, uint64_t size, uint8_t root)
{
    struct audit_checkpoint checkpoint = {.size = size};
    struct audit_key log = world_log(origin, key);
    struct bytes body = {0};
    struct bytes note = {0};
    uint8_t sig64[SIGNATURE_LEN];
    (void)snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", origin);
    memset(checkpoint.root.bytes32, root, sizeof(checkpoint.root.bytes32));
    NEED(audit_checkpoint_build(&body, &checkpoint, NULL) == STATUS_OK);
    test_key_sign_message(sig64, key, body.data, body.len);
    NEED(audit_note_assemble(&note, body.data, body.len, &log, sig64, NULL) == STATUS_OK);
    bytes_free(&body);
    return note;
}

void world_order(struct world *world, const struct ledger_batch *batch)
{
    struct ledger_node_status node;
    struct ledger_proposal proposal = {.time_utc_us = world->utc_us};
    ledger_node_status(world->node, &node);
    NEED(ledger_batch_encode(&proposal.batch, batch, NULL) == STATUS_OK);
    NEED(world->ordering.calls->submit(world->ordering.self, node.height + 1, &proposal, NULL) == STATUS_OK);
    ledger_proposal_free(&proposal);
}

const char *world_balance(struct world *world, enum world_person person)
{
    static char text[AMOUNT_TEXT_SIZE + 1];
    struct ledger_balance balance;
    NEED(ledger_node_balance(world->node, &balance, &world->accounts[person], &world->asset, NULL) == STATUS_OK);
    text[0] = '-';
    amount_format(text + 1, balance.amount);
    return balance.negative ? text : text + 1;
}
