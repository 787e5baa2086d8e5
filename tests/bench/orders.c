/*
 * Withdrawals by the thousand, see orders.h. The world of signerd's tests hashes its trail anew for each: right for
 * tests, too slow for this. All go to one entry of the allow-list, signed once; each has a checkpoint of its own, which
 * is the worst that a signer meets (under load custodyd proves several under one).
 */
#include "orders.h"

#include "audit/event.h"
#include "audit/proof.h"
#include "bench.h"
#include "policy/signing_entry.h"
#include "tree.h"

struct maker {
    struct world *world;
    struct bench_tree tree;
    struct digest last;
    struct signed_document destination;
};

static int digest_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* `order` gets the entry that the first one of the maker was given. */
static void approve(struct order *order, struct maker *maker)
{
    const struct world *world = maker->world;
    if (maker->destination.signature_count == 0) {
        const struct destination destination = order_destination(world);
        order_destination_sign(order, world, &destination, ALAN);
        MUST(signed_document_copy(&maker->destination, &order->destination));
    } else {
        MUST(signed_document_copy(&order->destination, &maker->destination));
    }
    order_approve(order, world, 0, "bert", BERT);
    order_approve(order, world, 1, "bob", BOB);
    order_approve(order, world, 2, "carol", CAROL);
}

static void place(struct order *order, struct maker *maker, uint64_t lane, uint64_t seq)
{
    const struct world *world = maker->world;
    *order = (struct order){.approval_count = 3};
    order->intent = (struct intent){.amount = amount_of("250"),
                                    .asset = world->asset,
                                    .chain = world->chain,
                                    .destination = world->destination,
                                    .environment = name_of("test"),
                                    .expires_at = world->now_utc_us + WORLD_HOUR_US,
                                    .lane = lane,
                                    .policy = world->policy.digest,
                                    .policy_version = 1,
                                    .requested_at = world->now_utc_us - 1000000,
                                    .requester = name_of("rita"),
                                    .seq = seq,
                                    .type = TRANSACTION_TRANSFER,
                                    .valid_from = 1,
                                    .valid_until = 100000,
                                    .wallet = name_of("hot-1")};
    MUST(uuid_generate(&order->intent.withdrawal, clock_system()));
    order_intent_changed(order, world, true);
    approve(order, maker);
}

static void entry_fill(struct audit_event *event, const struct order *order)
{
    static struct withdrawal withdrawal;
    withdrawal = (struct withdrawal){.intent = order->intent,
                                     .intent_digest = order->digest,
                                     .transaction_id = order->intent.transaction,
                                     .policy = order->intent.policy,
                                     .in_force = order->intent.policy,
                                     .approval_count = order->approval_count};
    destination_digest(&withdrawal.destination_digest, order->destination.document.data,
                       order->destination.document.len);
    for (size_t i = 0; i < order->approval_count; i++) {
        const struct bytes *document = &order->approvals[i].document;
        approval_digest(&withdrawal.approval_digests[i], document->data, document->len);
    }
    qsort(withdrawal.approval_digests, withdrawal.approval_count, sizeof(struct digest), digest_order);
    MUST(policy_signing_entry_fill(event, AUDIT_WITHDRAWAL_SIGNING, &withdrawal, 0, NULL));
}

/* Makes the signing entry, and its leaf at the end of the trail. */
static void record(struct order *order, struct maker *maker)
{
    struct bytes pending = {0};
    struct bytes stamped = {0};
    struct audit_event event = {.actor = name_of("custodyd"), .object_ordinal = 1};
    struct audit_stamp stamp = {.at_utc_us = maker->world->now_utc_us, .epoch = 1};
    event.producer_counter = maker->tree.size + 1;
    MUST(uuid_generate(&event.correlation, clock_system()));
    MUST(uuid_generate(&event.producer, clock_system()));
    MUST(uuid_generate(&stamp.boot, clock_system()));
    entry_fill(&event, order);
    MUST(audit_event_encode(&pending, &event, NULL));
    audit_event_wipe(&event);
    MUST(audit_event_stamp(&stamped, &event, pending.data, pending.len, &stamp, NULL));
    audit_event_wipe(&event);
    struct audit_leaf leaf = {
        .index = maker->tree.size, .previous = maker->last, .event = stamped.data, .event_len = stamped.len};
    (void)snprintf(leaf.origin, sizeof(leaf.origin), "%s", maker->world->log_key.name);
    MUST(audit_leaf_build(&order->leaf, &leaf, NULL));
    audit_leaf_hash(&maker->last, order->leaf.data, order->leaf.len);
    bench_tree_append(&maker->tree, &maker->last);
    bytes_free(&pending);
    bytes_free(&stamped);
}

static void note_sign(struct bytes *out, struct maker *maker)
{
    const struct audit_key *key = &maker->world->log_key;
    struct audit_checkpoint checkpoint = {.size = maker->tree.size};
    struct bytes note = {0};
    uint8_t signature64[SIGNATURE_LEN];
    (void)snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", key->name);
    bench_tree_root(&checkpoint.root, &maker->tree, maker->tree.size);
    MUST(audit_checkpoint_build(&note, &checkpoint, NULL));
    test_key_sign_message(signature64, maker->world->keys[LOG], note.data, note.len);
    MUST(audit_note_assemble(out, note.data, note.len, key, signature64, NULL));
    bytes_free(&note);
}

/* Under the trail as it is now, of which the order's entry is the last. */
static void prove(struct order *order, struct maker *maker)
{
    struct bytes note = {0};
    note_sign(&note, maker);
    struct audit_tlog_proof proof = {.index = maker->tree.size - 1, .note = note.data, .note_len = note.len};
    const struct audit_hash_reader reader = bench_tree_reader(&maker->tree);
    MUST(audit_inclusion_prove(&proof.proof, &reader, proof.index, maker->tree.size, NULL));
    MUST(audit_tlog_proof_encode(&order->proof, &proof, NULL));
    bytes_free(&note);
}

void bench_lanes_fill(struct bench_lane *lanes, size_t count, struct world *world)
{
    struct maker maker = {.world = world};
    for (size_t lane = 0; lane < count; lane++) {
        lanes[lane].orders = calloc(lanes[lane].length, sizeof(*lanes[lane].orders));
        BENCH_NEED(lanes[lane].orders != NULL);
        for (size_t seq = 0; seq < lanes[lane].length; seq++) {
            struct order *order = &lanes[lane].orders[seq];
            place(order, &maker, lane, seq);
            record(order, &maker);
            prove(order, &maker);
        }
    }
    signed_document_free(&maker.destination);
    bench_tree_wipe(&maker.tree);
}

void bench_lanes_wipe(struct bench_lane *lanes, size_t count)
{
    for (size_t lane = 0; lane < count; lane++) {
        for (size_t seq = 0; seq < lanes[lane].length; seq++) {
            order_wipe(&lanes[lane].orders[seq]);
        }
        free(lanes[lane].orders);
    }
}
