/*
 * Another node of the ledger, for tests: submits a transaction that was signed somewhere else and waits for its block.
 * The service must be stopped meanwhile, because the folder of a ledger belongs to one process.
 *
 *   outsider <data folder> <genesis> <validator socket> <signed transaction> <key>
 */
#include <stdio.h>

#include "base/canon.h"
#include "base/file.h"
#include "ledger/node.h"
#include "policy/account.h"
#include "policy/transaction.h"
#include "wire/client.h"

#define WAIT_MS 20000
#define FILE_MAX 65536

static enum status sign_header(void *context, struct signature *out, const struct public_key *key, const void *header,
                               size_t len, struct fault *fault)
{
    struct wire_header_request request = {0};
    struct wire_header_reply reply = {0};
    (void)key;
    enum status status = bytes_copy(&request.header, header, len);
    if (status == STATUS_OK) {
        status = wire_header_sign(context, &reply, &request, WAIT_MS, fault);
    }
    bytes_free(&request.header);
    *out = reply.signature;
    return status;
}

static enum status read_object(json_t **out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    enum status status = file_read_document(&text, path, FILE_MAX, path, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(out, text.data, text.len, FILE_MAX, fault);
    }
    bytes_free(&text);
    return status;
}

static enum status submit(struct ledger_node *node, const char *transaction, const char *key, struct fault *fault)
{
    struct signed_document document = {0};
    struct public_key public_key;
    struct ledger_transaction_status state;
    json_t *object = NULL;
    json_t *key_object = NULL;
    enum status status = read_object(&object, transaction, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "", fault);
    }
    if (status == STATUS_OK) {
        status = read_object(&key_object, key, fault);
    }
    if (status == STATUS_OK) {
        status = account_key_decode(&public_key, key_object, "", fault);
    }
    if (status == STATUS_OK) {
        status = ledger_node_submit(node, &state, &document, &public_key, fault);
    }
    if (status == STATUS_OK) {
        struct digest id = state.id;
        status = ledger_node_wait(node, &state, &id, WAIT_MS, fault);
    }
    if (status == STATUS_OK) {
        (void)printf("%s at height %llu\n", status_info(state.code)->code, (unsigned long long)state.height);
    }
    signed_document_free(&document);
    json_decref(object);
    json_decref(key_object);
    return status;
}

static enum status run(char **argv, struct fault *fault)
{
    char path[512];
    struct bytes genesis = {0};
    struct digest chain;
    struct ledger_ordering ordering = {0};
    struct ledger_node *node = NULL;
    struct wire_pool *pool = NULL;
    const struct wire_pool_config config = {.path = argv[3], .role = WIRE_ROLE_VALIDATOR, .connections = 1};
    enum status status = file_read_document(&genesis, argv[2], FILE_MAX, "genesis", fault);
    if (status == STATUS_OK) {
        status = wire_pool_new(&pool, &config, fault);
    }
    if (status == STATUS_OK) {
        ledger_genesis_chain(&chain, genesis.data, genesis.len);
        (void)snprintf(path, sizeof(path), "%s/ordering", argv[1]);
        status = ledger_ordering_local_open(&ordering, path, &chain, fault);
    }
    const struct ledger_node_host host = {.clock = clock_system(), .sign_header = sign_header, .context = pool};
    if (status == STATUS_OK) {
        (void)snprintf(path, sizeof(path), "%s/node", argv[1]);
        status = ledger_node_open(&node, path, &genesis, &ordering, &host, fault);
    }
    if (status == STATUS_OK) {
        status = ledger_node_start(node, fault);
    }
    if (status == STATUS_OK) {
        status = submit(node, argv[4], argv[5], fault);
    }
    ledger_node_close(node);
    ledger_ordering_close(&ordering);
    wire_pool_free(pool);
    bytes_free(&genesis);
    return status;
}

int main(int argc, char **argv)
{
    struct fault fault = {0};
    if (argc != 6) {
        (void)fprintf(stderr, "outsider: see the first lines of its source\n");
        return 2;
    }
    if (run(argv, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "outsider: %s: %s: %s\n", status_info(fault.status)->code, fault.where, fault.detail);
        return 1;
    }
    return 0;
}
