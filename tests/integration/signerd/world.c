/*
 * The world of the signer's tests, see world.h. Documents are made with the rooms' own encoders, so a test that breaks
 * one thing breaks that thing alone.
 */
#include "world.h"

#include "audit/event.h"
#include "audit/proof.h"
#include "base/clock.h"
#include "ledger/genesis.h"
#include "policy/signing_entry.h"
#include "signer/guard.h"

#define ORIGIN "custody.example/audit/v1"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const enum algorithm algorithms[WHO_COUNT] = {
    [CATO] = ALGORITHM_P256,     [CLEO] = ALGORITHM_ED25519, [OTTO] = ALGORITHM_P256,
    [WANDA] = ALGORITHM_ED25519, [ADA] = ALGORITHM_P256,     [ALAN] = ALGORITHM_ED25519,
    [BERT] = ALGORITHM_P256,     [BOB] = ALGORITHM_ED25519,  [CAROL] = ALGORITHM_SECP256K1,
    [STRANGER] = ALGORITHM_P256, [LOG] = ALGORITHM_ED25519,  [OTHER_LOG] = ALGORITHM_ED25519,
    [SOFT] = ALGORITHM_P256,     [AMY] = ALGORITHM_P256,
};

struct name name_of(const char *text)
{
    struct name name;
    MUST(name_parse(&name, text));
    return name;
}

struct amount amount_of(const char *text)
{
    struct amount amount;
    MUST(amount_parse(&amount, text));
    return amount;
}

static const char *time_text(int64_t utc_us)
{
    static char text[4][TIME_TEXT_SIZE];
    static unsigned next;
    char *out = text[next++ % 4];
    time_format(out, utc_us);
    return out;
}

static void digest_text(char out65[65], const struct digest *digest)
{
    digest_format(out65, digest);
}

/* The ledger */

static void genesis_make(struct world *world)
{
    static struct ledger_genesis genesis;
    genesis = (struct ledger_genesis){.environment = name_of("test"), .created_at_utc_us = world->now_utc_us};
    genesis.validators.quorum = 1;
    genesis.validators.count = 1;
    genesis.validators.keys[0] =
        world->role == ROLE_VALIDATOR ? world->signer_key : *test_key_public(world->keys[STRANGER]);
    genesis.asset_count = 1;
    struct asset *asset = &genesis.assets[0];
    *asset = (struct asset){.code = "EUR", .decimals = 2};
    MUST(account_id_from_key(&asset->issuer, test_key_public(world->keys[CAROL]), NULL));
    MUST(asset_id(&world->asset, asset, NULL));
    MUST(ledger_genesis_encode(&world->genesis, &genesis, NULL));
    ledger_genesis_chain(&world->chain, world->genesis.data, world->genesis.len);
    MUST(ledger_validators_digest(&world->validators, &genesis.validators, NULL));
}

/* The policy */

static json_t *person_json(const struct world *world, const char *id, const char *duties, enum who who)
{
    json_t *keys = json_array();
    if (who != WHO_COUNT) {
        json_t *key = NULL;
        MUST(account_key_encode(&key, test_key_public(world->keys[who]), NULL));
        (void)json_array_append_new(keys, key);
    }
    return json_pack("{s:s,s:o,s:o,s:s}", "id", id, "duties", json_loads(duties, 0, NULL), "keys", keys, "valid_until",
                     time_text(world->now_utc_us + 100000 * WORLD_HOUR_US));
}

const char *world_wallet = "hot-1";

static json_t *wallet_json(const struct world *world)
{
    const struct public_key *key = &world->wallet_key;
    char asset[65];
    digest_text(asset, &world->asset);
    json_t *wallet = NULL;
    MUST(account_key_encode(&wallet, key, NULL));
    json_t *rest = json_pack("{s:s,s:[s],s:s}", "id", world_wallet, "assets", asset, "tier", "hot");
    (void)json_object_update(wallet, rest);
    json_decref(rest);
    return wallet;
}

const char *world_demand;
const char *world_when;

static void rule_add(json_t *rule, const char *member, const char *text)
{
    json_t *more = text == NULL ? json_object() : json_loads(text, 0, NULL);
    INVARIANT(json_object_update(json_object_get(rule, member), more) == 0);
    json_decref(more);
}

static json_t *policy_json(const struct world *world, int version, const char *prev, const char *max_amount)
{
    char chain[65];
    char asset[65];
    digest_text(chain, &world->chain);
    digest_text(asset, &world->asset);
    json_t *people = json_pack(
        "[o,o,o,o,o,o,o,o,o,o,o]", person_json(world, "ada", "[\"administrator\"]", ADA),
        person_json(world, "alan", "[\"administrator\"]", ALAN), person_json(world, "amy", "[\"administrator\"]", AMY),
        person_json(world, "bert", "[\"approver\",\"requester\"]", BERT),
        person_json(world, "bob", "[\"approver\"]", BOB), person_json(world, "carol", "[\"approver\"]", CAROL),
        person_json(world, "cato", "[\"custodian\"]", CATO), person_json(world, "cleo", "[\"custodian\"]", CLEO),
        person_json(world, "otto", "[\"operator\"]", OTTO), person_json(world, "rita", "[\"requester\"]", WHO_COUNT),
        person_json(world, "wanda", "[\"auditor\"]", WANDA));
    json_t *groups = json_loads("[{\"id\":\"admins\",\"members\":[\"ada\",\"alan\",\"amy\"]},"
                                "{\"id\":\"officers\",\"members\":[\"bert\",\"bob\",\"carol\"]}]",
                                0, NULL);
    json_t *rule = json_pack("{s:{s:s,s:[[{s:s,s:i}]]},s:s,s:s,s:{s:[s],s:[s]}}", "demand", "max_amount", max_amount,
                             "steps", "group", "officers", "m", 2, "effect", "allow", "id", "daily", "when", "assets",
                             asset, "wallets", world_wallet);
    rule_add(rule, "demand", world_demand);
    rule_add(rule, "when", world_when);
    json_t *policy = json_pack("{s:s,s:s,s:i,s:s,s:s,s:o,s:o,s:[o],s:[o],s:{s:i,s:s,s:i},s:{s:i,s:[s]}}", "chain",
                               chain, "environment", "test", "version", version, "prev", prev, "issued_at",
                               time_text(world->now_utc_us - WORLD_HOUR_US + version), "people", people, "groups",
                               groups, "wallets", wallet_json(world), "rules", rule, "governance", "delay_s", 2,
                               "group", "admins", "m", 2, "destinations", "cooling_s", 0, "groups", "clients");
    INVARIANT(policy != NULL);
    return policy;
}

static void policy_sign(struct signed_document *out, const struct world *world, json_t *policy)
{
    *out = (struct signed_document){0};
    MUST(canon_emit(&out->document, policy, CANON_POLICY_MAX, NULL));
    json_decref(policy);
    test_key_sign_document(out, POLICY_KIND, world->keys[ADA]);
    test_key_sign_document(out, POLICY_KIND, world->keys[ALAN]);
}

void world_policy_limit(struct signed_document *out, const struct world *world, const char *max_amount)
{
    char prev[65];
    digest_text(prev, &world->policy.digest);
    policy_sign(out, world, policy_json(world, (int)world->policy.version + 1, prev, max_amount));
}

void world_policy_next(struct signed_document *out, const struct world *world)
{
    world_policy_limit(out, world, "2000");
}

void world_policy_advance(struct world *world, const struct signed_document *next)
{
    struct policy policy;
    MUST(policy_open_next(&policy, next, &world->policy, NULL));
    policy_free(&world->policy);
    world->policy = policy;
    world->since_utc_us = world->now_utc_us;
}

/* The world */

void world_init(struct world *world, enum signer_role role, const struct public_key *signer_key, int64_t now_utc_us)
{
    memset(world, 0, sizeof(*world));
    world->role = role;
    world->now_utc_us = now_utc_us;
    world->since_utc_us = now_utc_us;
    for (int i = 0; i < WHO_COUNT; i++) {
        world->keys[i] = test_key_new(algorithms[i]);
    }
    world->signer_key =
        signer_key == NULL ? *test_key_public(world->keys[role == ROLE_AUDIT ? LOG : SOFT]) : *signer_key;
    world->wallet_key = role == ROLE_TRANSFER ? world->signer_key : *test_key_public(world->keys[SOFT]);
    genesis_make(world);
    policy_sign(&world->policy_signed, world, policy_json(world, 1, ZEROS, "1000"));
    test_key_sign_document(&world->policy_signed, POLICY_KIND, world->keys[AMY]);
    struct fault fault = {0};
    if (policy_open_first(&world->policy, &world->policy_signed, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "policy: %s: %s\n", fault.where, fault.detail);
        abort();
    }
    const struct public_key *log = role == ROLE_AUDIT ? &world->signer_key : test_key_public(world->keys[LOG]);
    size_t len = 0;
    world->origin = ORIGIN;
    MUST(audit_key_make(&world->log_key, ORIGIN, AUDIT_KEY_ED25519, public_key_point(log, &len), NULL));
    MUST(account_id_from_key(&world->destination, test_key_public(world->keys[STRANGER]), NULL));
}

void world_wipe(struct world *world)
{
    for (int i = 0; i < WHO_COUNT; i++) {
        test_key_free(world->keys[i]);
    }
    for (size_t i = 0; i < world->entry_count; i++) {
        bytes_free(&world->leaves[i]);
    }
    bytes_free(&world->genesis);
    signed_document_free(&world->policy_signed);
    policy_free(&world->policy);
}

struct command world_command(const struct world *world)
{
    struct command command = {.action = COMMAND_GUARD_INITIALISE,
                              .chain = world->chain,
                              .environment = name_of("test"),
                              .issued_at = world->now_utc_us,
                              .policy = world->policy.digest,
                              .role = world->role};
    public_key_id(&command.key, &world->signer_key);
    MUST(uuid_generate(&command.nonce, clock_system()));
    if (world->role == ROLE_TRANSFER || world->role == ROLE_AUDIT) {
        char vkey[AUDIT_VKEY_SIZE];
        audit_key_format(vkey, &world->log_key);
        memcpy(command.log, vkey, strlen(vkey) + 1);
    }
    return command;
}

void world_command_sign(struct signed_document *out, const struct command *command, const struct test_key *first,
                        const struct test_key *second)
{
    *out = (struct signed_document){0};
    MUST(command_encode(&out->document, command, NULL));
    test_key_sign_document(out, COMMAND_KIND, first);
    test_key_sign_document(out, COMMAND_KIND, second);
}

uint64_t world_before;
int64_t world_made_utc_us;

void world_guard_state(struct guard_state *out, const struct world *world)
{
    const struct command command = world_command(world);
    *out = (struct guard_state){.role = world->role,
                                .key = command.key,
                                .chain = world->chain,
                                .environment = command.environment,
                                .policy_first = world->policy.digest,
                                .policy = world->policy.digest,
                                .policy_version = 1,
                                .made_utc_us = world_made_utc_us,
                                .promises = world_before,
                                .before = world_before,
                                .forgotten = world_before};
    memcpy(out->log, command.log, sizeof(out->log));
    if (world->role == ROLE_VALIDATOR) {
        out->validators = world->validators;
        out->header = world->chain;
    }
    if (world->role == ROLE_AUDIT) {
        audit_tree_root(&out->root, NULL, 0);
    }
}

void world_guard_policy(struct guard_policy *out, const struct world *world)
{
    json_t *object = NULL;
    *out = (struct guard_policy){.version = 1, .signers = 2};
    MUST(signed_document_encode(&object, &world->policy_signed, NULL));
    MUST(canon_emit(&out->document, object, 2 * CANON_POLICY_MAX, NULL));
    json_decref(object);
}

void world_write(const char *path, const struct bytes *bytes)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(bytes->data, 1, bytes->len, file) != bytes->len || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

void world_write_signed(const char *path, const struct signed_document *document)
{
    json_t *object = NULL;
    struct bytes bytes = {0};
    MUST(signed_document_encode(&object, document, NULL));
    MUST(canon_emit(&bytes, object, 2 * CANON_POLICY_MAX, NULL));
    world_write(path, &bytes);
    bytes_free(&bytes);
    json_decref(object);
}

/* The trail */

static void leaf_append(struct world *world, const struct bytes *pending)
{
    struct audit_stamp stamp = {.at_utc_us = world->now_utc_us, .epoch = 1};
    MUST(uuid_generate(&stamp.boot, clock_system()));
    struct audit_event stamped = {0};
    struct bytes event = {0};
    MUST(audit_event_stamp(&event, &stamped, pending->data, pending->len, &stamp, NULL));
    size_t index = world->entry_count;
    INVARIANT(index < WORLD_ENTRIES_MAX);
    struct audit_leaf leaf = {.index = index, .event = event.data, .event_len = event.len};
    (void)snprintf(leaf.origin, sizeof(leaf.origin), "%s", world->origin);
    if (index > 0) {
        leaf.previous = world->leaf_hashes[index - 1];
    }
    MUST(audit_leaf_build(&world->leaves[index], &leaf, NULL));
    audit_leaf_hash(&world->leaf_hashes[index], world->leaves[index].data, world->leaves[index].len);
    world->entry_count++;
    audit_event_wipe(&stamped);
    bytes_free(&event);
}

static void event_start(struct audit_event *event, const struct world *world, const char *actor)
{
    *event = (struct audit_event){.action = AUDIT_LOGIN_OK, .outcome = AUDIT_OUTCOME_OK, .actor = name_of(actor)};
    event->producer_counter = world->entry_count + 1;
    MUST(uuid_generate(&event->correlation, clock_system()));
    MUST(uuid_generate(&event->producer, clock_system()));
}

static void event_append(struct world *world, struct audit_event *event)
{
    struct bytes pending = {0};
    MUST(audit_event_encode(&pending, event, NULL));
    leaf_append(world, &pending);
    bytes_free(&pending);
    audit_event_wipe(event);
}

void world_entry_append(struct world *world, const char *actor)
{
    struct audit_event event;
    event_start(&event, world, actor);
    event_append(world, &event);
}

/* Complete subtrees straight from the leaf hashes. */
static enum status subtree_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    (void)fault;
    const struct world *world = context;
    uint64_t width = (uint64_t)1 << level;
    audit_tree_root(out, world->leaf_hashes + index * width, width);
    return STATUS_OK;
}

static struct audit_hash_reader world_hashes(const struct world *world)
{
    return (struct audit_hash_reader){.read = subtree_read, .context = (void *)(uintptr_t)world};
}

static void note_make(struct bytes *out, const struct world *world, uint64_t size)
{
    struct audit_checkpoint checkpoint = {.size = size};
    (void)snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", world->origin);
    audit_tree_root(&checkpoint.root, world->leaf_hashes, size);
    MUST(audit_checkpoint_build(out, &checkpoint, NULL));
}

void world_checkpoint(struct wire_checkpoint_request *out, const struct world *world, uint64_t old, uint64_t size)
{
    *out = (struct wire_checkpoint_request){.old = old};
    note_make(&out->note, world, size);
    struct audit_proof proof = {.count = 0};
    const struct audit_hash_reader reader = world_hashes(world);
    MUST(audit_consistency_prove(&proof, &reader, old, size, NULL));
    out->proof_count = proof.count;
    memcpy(out->proof, proof.hashes, proof.count * sizeof(proof.hashes[0]));
}

static void checkpoint_sign_soft(struct bytes *out, const struct world *world, enum who log)
{
    struct bytes note = {0};
    note_make(&note, world, world->entry_count);
    uint8_t signature64[SIGNATURE_LEN];
    test_key_sign_message(signature64, world->keys[log], note.data, note.len);
    struct audit_key key;
    size_t len = 0;
    const uint8_t *point = public_key_point(test_key_public(world->keys[log]), &len);
    MUST(audit_key_make(&key, world->origin, AUDIT_KEY_ED25519, point, NULL));
    MUST(audit_note_assemble(out, note.data, note.len, &key, signature64, NULL));
    bytes_free(&note);
}

/* Orders */

void order_intent_changed(struct order *order, const struct world *world, bool rebuild)
{
    if (rebuild) {
        const struct wallet *wallet = policy_find_wallet(&world->policy, &order->intent.wallet);
        struct transaction transaction;
        struct bytes document = {0};
        MUST(transaction_from_intent(&transaction, &order->intent, &wallet->account, NULL));
        MUST(transaction_encode(&document, &transaction, NULL));
        transaction_id(&order->intent.transaction, document.data, document.len);
        bytes_free(&document);
    }
    bytes_free(&order->document);
    MUST(intent_encode(&order->document, &order->intent, NULL));
    intent_digest(&order->digest, order->document.data, order->document.len);
}

struct approval order_approval(const struct order *order, const struct world *world, const char *name, enum who key)
{
    struct approval approval = {.approver = name_of(name),
                                .chain = order->intent.chain,
                                .decision = APPROVAL_APPROVE,
                                .environment = order->intent.environment,
                                .expires_at = order->intent.expires_at,
                                .intent = order->digest,
                                .policy = order->intent.policy,
                                .signed_at = order->intent.requested_at,
                                .withdrawal = order->intent.withdrawal};
    public_key_id(&approval.key, test_key_public(world->keys[key]));
    return approval;
}

void order_approval_sign(struct order *order, const struct world *world, size_t index, const struct approval *approval,
                         enum who key)
{
    struct signed_document *out = &order->approvals[index];
    signed_document_free(out);
    MUST(approval_encode(&out->document, approval, NULL));
    test_key_sign_document(out, APPROVAL_KIND, world->keys[key]);
}

void order_approve(struct order *order, const struct world *world, size_t index, const char *name, enum who key)
{
    const struct approval approval = order_approval(order, world, name, key);
    order_approval_sign(order, world, index, &approval, key);
}

struct destination order_destination(const struct world *world)
{
    return (struct destination){.account = world->destination,
                                .chain = world->chain,
                                .environment = name_of("test"),
                                .group = name_of("clients"),
                                .id = name_of("exchange-1"),
                                /* A later version has not been in force for an hour. */
                                .issued_at = world->since_utc_us - (world->policy.version == 1 ? WORLD_HOUR_US : 0),
                                .policy = world->policy.digest,
                                .valid_until = world->since_utc_us + 10000 * WORLD_HOUR_US};
}

void order_destination_sign(struct order *order, const struct world *world, const struct destination *destination,
                            enum who second)
{
    signed_document_free(&order->destination);
    MUST(destination_encode(&order->destination.document, destination, NULL));
    test_key_sign_document(&order->destination, DESTINATION_KIND, world->keys[ADA]);
    test_key_sign_document(&order->destination, DESTINATION_KIND, world->keys[second]);
}

static int digest_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static void withdrawal_fill(struct withdrawal *out, const struct world *world, const struct order *order)
{
    *out = (struct withdrawal){.intent = order->intent,
                               .intent_digest = order->digest,
                               .transaction_id = order->intent.transaction,
                               .policy = order->intent.policy,
                               .in_force = world->policy.digest,
                               .approval_count = order->approval_count};
    destination_digest(&out->destination_digest, order->destination.document.data, order->destination.document.len);
    for (size_t i = 0; i < order->approval_count; i++) {
        const struct bytes *document = &order->approvals[i].document;
        approval_digest(&out->approval_digests[i], document->data, document->len);
    }
    qsort(out->approval_digests, out->approval_count, sizeof(struct digest), digest_order);
}

static void entry_prove(struct order *order, struct world *world, enum who log, enum audit_action action)
{
    static struct withdrawal withdrawal;
    withdrawal_fill(&withdrawal, world, order);
    struct audit_event event;
    event_start(&event, world, "custodyd");
    MUST(policy_signing_entry_fill(&event, action, &withdrawal, world->promises, NULL));
    event.object_ordinal = 5;
    uint64_t index = world->entry_count;
    event_append(world, &event);

    struct audit_tlog_proof proof = {.index = index};
    const struct audit_hash_reader reader = world_hashes(world);
    MUST(audit_inclusion_prove(&proof.proof, &reader, index, world->entry_count, NULL));
    struct bytes note = {0};
    checkpoint_sign_soft(&note, world, log);
    proof.note = note.data;
    proof.note_len = note.len;
    bytes_free(&order->leaf);
    bytes_free(&order->proof);
    MUST(bytes_copy(&order->leaf, world->leaves[index].data, world->leaves[index].len));
    MUST(audit_tlog_proof_encode(&order->proof, &proof, NULL));
    bytes_free(&note);
}

void order_prove(struct order *order, struct world *world, enum who log)
{
    entry_prove(order, world, log, AUDIT_WITHDRAWAL_SIGNING);
}

void order_announce(struct order *order, struct world *world)
{
    entry_prove(order, world, LOG, AUDIT_WITHDRAWAL_ANNOUNCED);
}

void order_prove_again(struct order *order, struct world *world)
{
    order_prove(order, world, LOG);
}

void order_init(struct order *order, struct world *world, uint64_t lane, uint64_t seq)
{
    *order = (struct order){.approval_count = 2};
    order->intent = (struct intent){.amount = amount_of("250"),
                                    .asset = world->asset,
                                    .chain = world->chain,
                                    .destination = world->destination,
                                    .environment = name_of("test"),
                                    .expires_at = world->now_utc_us + WORLD_HOUR_US,
                                    .lane = lane,
                                    .policy = world->policy.digest,
                                    .policy_version = world->policy.version,
                                    .requested_at = world->now_utc_us - 1000000,
                                    .requester = name_of("rita"),
                                    .seq = seq,
                                    .type = TRANSACTION_TRANSFER,
                                    .valid_from = 1,
                                    .valid_until = 100000,
                                    .wallet = name_of(world_wallet)};
    MUST(uuid_generate(&order->intent.withdrawal, clock_system()));
    order_intent_changed(order, world, true);
    const struct destination destination = order_destination(world);
    order_destination_sign(order, world, &destination, ALAN);
    order_approve(order, world, 0, "bert", BERT);
    order_approve(order, world, 1, "bob", BOB);
    order_prove(order, world, LOG);
}

void order_wipe(struct order *order)
{
    bytes_free(&order->document);
    bytes_free(&order->leaf);
    bytes_free(&order->proof);
    signed_document_free(&order->destination);
    for (size_t i = 0; i < WORLD_APPROVALS_MAX; i++) {
        signed_document_free(&order->approvals[i]);
    }
}

struct wire_transfer_request order_request(struct order *order)
{
    return (struct wire_transfer_request){.approvals = order->approvals,
                                          .approval_count = order->approval_count,
                                          .destination = order->destination,
                                          .intent = order->document,
                                          .leaf = order->leaf,
                                          .proof = order->proof};
}

/* Headers */

void world_header(struct bytes *out, const struct world *world, uint64_t height, const struct digest *prev,
                  const char *salt)
{
    struct ledger_header header = {.chain = world->chain,
                                   .count = 1,
                                   .height = height,
                                   .prev = *prev,
                                   .rules = LEDGER_RULES,
                                   .time_utc_us = world->now_utc_us + (int64_t)height * 1000,
                                   .validators = world->validators};
    digest_sha256(&header.batch, salt, strlen(salt));
    digest_sha256(&header.tx_root, salt, strlen(salt));
    if (height > 1) {
        digest_sha256(&header.last_certificate, "certificate", 11);
    }
    MUST(ledger_header_encode(out, &header, NULL));
}
