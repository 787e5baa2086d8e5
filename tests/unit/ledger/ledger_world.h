/*
 * A small ledger for tests: one validator with a guard, an issuer of one asset, two holders, and a clock that stands
 * still until it is moved. No Criterion inside: what fails here aborts the program.
 */
#ifndef STRONGROOM_TEST_LEDGER_WORLD_H
#define STRONGROOM_TEST_LEDGER_WORLD_H

#include "ledger/node.h"
#include "policy/transaction.h"
#include "test/test_key.h"
#include "test/test_place.h"

#define WORLD_START_UTC_US 1767323045000000 /* 2026-01-02T03:04:05Z */
#define WORLD_PATH_SIZE (TEST_PATH_SIZE + 32)

enum world_person { ISSUER, ALICE, BOB, WORLD_PEOPLE };

struct world {
    struct test_folder folder;
    struct test_key *validator;
    struct test_key *keys[WORLD_PEOPLE];
    struct account_id accounts[WORLD_PEOPLE];
    struct bytes genesis;
    struct digest chain;
    struct digest asset;
    struct digest second_asset; /* of BOB */

    int64_t utc_us;
    int64_t monotonic_us;
    struct clock clock;
    struct ledger_ordering ordering;
    struct ledger_node_host host;
    struct ledger_node *node; /* NULL while closed */

    /* the validator */
    enum status validator_status; /* what it answers; STATUS_OK: it signs */
    bool validator_lies;          /* it signs something else */
    struct digest audit_head;
    int guard_fd; /* height and digest of every header signed, synced before signing */
};

/* Makes folder, keys and genesis; opens nothing. Released with world_remove. */
void world_make(struct world *out);
void world_remove(struct world *world);

/* Opens ordering engine and node. */
MUST_CHECK enum status world_open(struct world *world, struct fault *fault);
void world_close(struct world *world);

/* world_make and world_open. */
void world_begin(struct world *out);

/* The path of the node's or the ordering engine's folder. */
void world_path(char out[WORLD_PATH_SIZE], const struct world *world, const char *name);

/* A transaction of two legs with the defaults of the world: lane 0, valid from height 1 to 1000. */
struct transaction world_transfer(const struct world *world, enum world_person from, enum world_person to,
                                  const char *amount, uint64_t seq);
struct transaction world_issue(const struct world *world, enum world_person to, const char *amount, uint64_t seq);

/* The document of a transaction with the sender's signature. Out: free with signed_document_free. */
void world_sign(struct signed_document *out, const struct world *world, const struct transaction *transaction,
                enum world_person signer);

/* Signs, submits, and gives the id. */
MUST_CHECK enum status world_submit(struct digest *out_id, struct world *world, const struct transaction *transaction,
                                    enum world_person signer);

/* Steps, moving the clock on, until nothing is left to do. The last status of a step. */
enum status world_settle(struct world *world);

/* Submits, settles, and gives the code of the receipt; aborts when it is not settled. */
enum status world_run(struct world *world, const struct transaction *transaction, enum world_person signer);

/* The log of an origin and an ed25519 key, and a signed checkpoint of it, whose root is one byte over and over. */
struct audit_key world_log(const char *origin, const struct test_key *key);
struct bytes world_note(const char *origin, const struct test_key *key, uint64_t size, uint8_t root);

/* Puts a batch of rows as they are at the next height, past the node's door, as a hostile orderer would. */
void world_order(struct world *world, const struct ledger_batch *batch);

/* The balance as text, with "-" when below zero. */
const char *world_balance(struct world *world, enum world_person person);

#endif
