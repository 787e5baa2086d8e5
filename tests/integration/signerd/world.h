/*
 * Everything around a signer: people with keys, a policy that they signed, a ledger's genesis, a trail with its log
 * key, and withdrawals that are right in every respect. Tests break one thing at a time.
 *
 * No Criterion inside: the driver of the thread sanitizer uses it too. What cannot be made aborts.
 */
#ifndef STRONGROOM_TEST_SIGNER_WORLD_H
#define STRONGROOM_TEST_SIGNER_WORLD_H

#include "audit/checkpoint.h"
#include "audit/tree.h"
#include "ledger/header.h"
#include "policy/command.h"
#include "policy/withdrawal.h"
#include "test/test_key.h"
#include "wire/message.h"

#define WORLD_ENTRIES_MAX 512
#define WORLD_APPROVALS_MAX 4
#define WORLD_HOUR_US (3600LL * 1000000)

/*
 * Whose keys there are. ADA, ALAN and AMY are the administrators (two decide), BERT, BOB and CAROL approvers, CATO and
 * CLEO custodians, OTTO an operator, WANDA an auditor.
 */
enum who { ADA, ALAN, BERT, BOB, CAROL, CATO, CLEO, OTTO, WANDA, STRANGER, LOG, OTHER_LOG, SOFT, AMY, WHO_COUNT };

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        enum status must_status = (call);                                                                              \
        if (must_status != STATUS_OK) {                                                                                \
            (void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, status_info(must_status)->code);       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

struct world {
    enum signer_role role;
    int64_t now_utc_us;
    int64_t since_utc_us; /* of the policy: the entry of the allow-list is issued then, and stays the same */
    struct test_key *keys[WHO_COUNT];
    struct public_key signer_key; /* the wallet, the log or the validator, as the role is */
    struct public_key wallet_key; /* of the policy's wallet; a test may change it before world_policy_next */
    struct bytes genesis;
    struct digest chain;
    struct digest asset;
    struct digest validators;
    struct signed_document policy_signed;
    struct policy policy;
    struct audit_key log_key;
    struct account_id destination;
    uint64_t promises; /* of the signer, as the next signing entry knows it */
    size_t entry_count;
    const char *origin; /* of the log; not owned */
    struct bytes leaves[WORLD_ENTRIES_MAX];
    struct digest leaf_hashes[WORLD_ENTRIES_MAX];
};

/* A withdrawal and what is handed over for it. */
struct order {
    struct intent intent;
    struct bytes document;
    struct digest digest;
    struct signed_document destination;
    struct signed_document approvals[WORLD_APPROVALS_MAX];
    size_t approval_count;
    struct bytes leaf;
    struct bytes proof;
};

/* What the rule of the policy demands beyond people and max_amount, a JSON object; NULL: nothing. Before world_init. */
extern const char *world_demand;

/* On what further conditions, likewise. */
extern const char *world_when;

/* What the wallet is called, in policies and withdrawals that are made from here on. */
extern const char *world_wallet;

/* A world for a signer of this role with this key, whose documents are made at `now_utc_us`. */
void world_init(struct world *world, enum signer_role role, const struct public_key *signer_key, int64_t now_utc_us);
void world_wipe(struct world *world);

/* The successor of the policy (another max_amount), signed by ADA and ALAN. Out: owned. */
void world_policy_next(struct signed_document *out, const struct world *world);

/* The same with this max_amount. */
void world_policy_limit(struct signed_document *out, const struct world *world, const char *max_amount);

/* From here on everything is made under the successor. */
void world_policy_advance(struct world *world, const struct signed_document *next);

/* The command that makes the guard of the signer, before and after it is signed. */
struct command world_command(const struct world *world);
void world_command_sign(struct signed_document *out, const struct command *command, const struct test_key *first,
                        const struct test_key *second);

/* Promises of guards before the one that is made. */
extern uint64_t world_before;

/* When it is made; 0: unknown, as of one from before this was kept. */
extern int64_t world_made_utc_us;

/* The state that signerd initialise would write. */
struct guard_state;
void world_guard_state(struct guard_state *out, const struct world *world);

/* The first version as a guard keeps it. Out: guard_policy_free. */
struct guard_policy;
void world_guard_policy(struct guard_policy *out, const struct world *world);

/* Writes a signed document, or any bytes, to a file. */
void world_write_signed(const char *path, const struct signed_document *document);
void world_write(const char *path, const struct bytes *bytes);

/* A withdrawal of 250 units approved by bert and bob and proven. */
void order_init(struct order *order, struct world *world, uint64_t lane, uint64_t seq);
void order_wipe(struct order *order);

/* Encodes the intent anew after a change; `rebuild` brings its transaction digest up to date. */
void order_intent_changed(struct order *order, const struct world *world, bool rebuild);

/* Replaces approval number `index` by one of `name` signed with `key`. */
struct approval order_approval(const struct order *order, const struct world *world, const char *name, enum who key);
void order_approval_sign(struct order *order, const struct world *world, size_t index, const struct approval *approval,
                         enum who key);
void order_approve(struct order *order, const struct world *world, size_t index, const char *name, enum who key);

/* Replaces the destination entry. */
struct destination order_destination(const struct world *world);
void order_destination_sign(struct order *order, const struct world *world, const struct destination *destination,
                            enum who second);

/* Writes the signing entry to the trail and hands over leaf and proof. The log key of `log` signs. */
void order_prove(struct order *order, struct world *world, enum who log);

/* The same with the entry of an announcement. */
void order_announce(struct order *order, struct world *world);

/* The same with documents as they are now, and `log` the world's. After any change above. */
void order_prove_again(struct order *order, struct world *world);

/* The request, borrowed from the order. */
struct wire_transfer_request order_request(struct order *order);

/* Appends an entry that has nothing to do with withdrawals. */
void world_entry_append(struct world *world, const char *actor);

/* The unsigned checkpoint of the first `size` entries, and the consistency proof from `old`. Out: note is owned. */
void world_checkpoint(struct wire_checkpoint_request *out, const struct world *world, uint64_t old, uint64_t size);

/* A header of this height on `prev`, whose `batch` is the digest of `salt`. Out: owned. */
void world_header(struct bytes *out, const struct world *world, uint64_t height, const struct digest *prev,
                  const char *salt);

/* Parsed values. */
struct name name_of(const char *text);
struct amount amount_of(const char *text);

#endif
