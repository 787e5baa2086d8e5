/*
 * Role transfer against a real signerd with a real token: the right withdrawal is signed, and each check of
 * docs/signer-protocol.md is broken once.
 */
#include <criterion/criterion.h>

#include "transfer.h"

static void happy_path(void)
{
    struct order order;
    struct digest first;
    struct digest again;
    order_init(&order, &world, 1, 0);
    order_expect_signed(&first, &order);
    order_expect_signed(&again, &order);
    cr_expect(digest_equal(&first, &again), "the same request gives the same transaction");
    order_wipe(&order);
    struct wire_status_reply status;
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    cr_expect(status.ready && status.size == 1 && status.policy_version == 1);
    cr_expect(digest_equal(&status.policy, &world.policy.digest));
    transfer_finish();
}

Test(transfer, signs_a_withdrawal_with_p256)
{
    transfer_start(ALGORITHM_P256);
    happy_path();
}

Test(transfer, signs_a_withdrawal_with_ed25519)
{
    transfer_start(ALGORITHM_ED25519);
    happy_path();
}

Test(transfer, signs_a_withdrawal_with_secp256k1)
{
    transfer_start(ALGORITHM_SECP256K1);
    happy_path();
}

/*
 * Another make of token, so that nothing here rests on how SoftHSM does it. The module speaks to its simulator by
 * sockets, which the filter would forbid.
 */
Test(transfer, signs_a_withdrawal_with_a_tpm)
{
    static const char *const further[] = {"--sandbox=no", NULL};
    place_make_tpm(&place, ROLE_TRANSFER);
    transfer_start_with(further);
    happy_path();
}

/* What is wrong with each order, and the answer that names it. */

static void other_chain(struct order *order)
{
    order->intent.chain.bytes32[0] ^= 1;
    order_rewrite(order, true);
}

static void other_environment(struct order *order)
{
    order->intent.environment = name_of("production");
    order_rewrite(order, true);
}

static void other_policy(struct order *order)
{
    order->intent.policy.bytes32[0] ^= 1;
    order_rewrite(order, true);
}

static void other_policy_version(struct order *order)
{
    order->intent.policy_version = 2;
    order_rewrite(order, true);
}

static void unknown_wallet(struct order *order)
{
    order->intent.wallet = name_of("hot-2");
    order_rewrite(order, false);
}

static void expired_intent(struct order *order)
{
    order->intent.expires_at = world.now_utc_us - 1;
    order->intent.requested_at = world.now_utc_us - 2;
    order_intent_changed(order, &world, true);
}

static void other_transaction(struct order *order)
{
    order->intent.transaction.bytes32[0] ^= 1;
    order_rewrite(order, false);
}

static void altered_amount_without_rebuild(struct order *order)
{
    order->intent.amount = amount_of("251");
    order_rewrite(order, false);
}

static void intent_not_canonical(struct order *order)
{
    struct bytes longer = {0};
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, order->document.data, order->document.len);
    buffer_append_text(&buffer, " ");
    MUST(buffer_finish(&longer, &buffer));
    bytes_free(&order->document);
    order->document = longer;
}

static void an_issue_under_the_rules_of_transfers(struct order *order)
{
    order->intent.type = TRANSACTION_ISSUE;
    order_rewrite(order, true);
}

static void a_transfer_whose_bytes_are_an_issue(struct order *order)
{
    struct intent issue = order->intent;
    struct transaction transaction;
    struct bytes document = {0};
    issue.type = TRANSACTION_ISSUE;
    MUST(transaction_from_intent(&transaction, &issue, &world.policy.wallets[0].account, NULL));
    MUST(transaction_encode(&document, &transaction, NULL));
    transaction_id(&order->intent.transaction, document.data, document.len);
    bytes_free(&document);
    order_rewrite(order, false);
}

/* The intent with one member more, whatever the encoder would say of it. */
static void add_member(struct order *order, const char *name, const char *text)
{
    json_t *object = NULL;
    MUST(canon_parse(&object, order->document.data, order->document.len, CANON_DOCUMENT_MAX, NULL));
    cr_assert(json_object_set_new(object, name, json_string(text)) == 0);
    bytes_free(&order->document);
    MUST(canon_emit(&order->document, object, CANON_DOCUMENT_MAX, NULL));
    json_decref(object);
}

static void a_change_of_policy_for_an_intent(struct order *order)
{
    add_member(order, "type", "policy");
}

static void a_validator_set_for_an_intent(struct order *order)
{
    add_member(order, "type", "validator_set");
}

static void an_upgrade_for_an_intent(struct order *order)
{
    add_member(order, "type", "upgrade");
}

static void a_forced_transfer_for_an_intent(struct order *order)
{
    add_member(order, "type", "forced_transfer");
}

static void a_change_of_issuer_for_an_intent(struct order *order)
{
    add_member(order, "type", "issuer");
}

static void a_field_that_there_is_not(struct order *order)
{
    add_member(order, "delegate_call", "1");
}

static void destination_of_another_account(struct order *order)
{
    struct destination destination = order_destination(&world);
    MUST(account_id_from_key(&destination.account, test_key_public(world.keys[CAROL]), NULL));
    order_destination_sign(order, &world, &destination, ALAN);
    order_prove_again(order, &world);
}

static void destination_expired(struct order *order)
{
    struct destination destination = order_destination(&world);
    destination.valid_until = world.now_utc_us - 1;
    order_destination_sign(order, &world, &destination, ALAN);
    order_prove_again(order, &world);
}

/* What does not come onto the list is none of it. */
static void destination_signed_by_a_stranger(struct order *order)
{
    struct destination destination = order_destination(&world);
    destination.issued_at += 1000000;
    order_destination_sign(order, &world, &destination, STRANGER);
    order_prove_again(order, &world);
}

static void destination_signed_by_one(struct order *order)
{
    struct destination destination = order_destination(&world);
    destination.issued_at += 1000000;
    order_destination_sign(order, &world, &destination, ALAN);
    order->destination.signature_count = 1;
    order_prove_again(order, &world);
}

static void bad_approval_signature(struct order *order)
{
    order->approvals[1].signatures[0].bytes64[40] ^= 1;
}

static void approval_by_a_stranger(struct order *order)
{
    order_approve(order, &world, 1, "bob", STRANGER);
    order_prove_again(order, &world);
}

static void approval_with_the_key_of_another(struct order *order)
{
    order_approve(order, &world, 1, "bob", CAROL);
    order_prove_again(order, &world);
}

static void approval_of_another_intent(struct order *order)
{
    struct approval approval = order_approval(order, &world, "bob", BOB);
    approval.intent.bytes32[0] ^= 1;
    order_approval_sign(order, &world, 1, &approval, BOB);
    order_prove_again(order, &world);
}

static void approval_of_another_withdrawal(struct order *order)
{
    struct approval approval = order_approval(order, &world, "bob", BOB);
    approval.withdrawal.bytes16[15] ^= 1;
    order_approval_sign(order, &world, 1, &approval, BOB);
    order_prove_again(order, &world);
}

static void approval_for_another_chain(struct order *order)
{
    struct approval approval = order_approval(order, &world, "bob", BOB);
    approval.chain.bytes32[0] ^= 1;
    order_approval_sign(order, &world, 1, &approval, BOB);
    order_prove_again(order, &world);
}

static void approval_expired(struct order *order)
{
    struct approval approval = order_approval(order, &world, "bob", BOB);
    approval.expires_at = world.now_utc_us - 1;
    approval.signed_at = world.now_utc_us - 2;
    order_approval_sign(order, &world, 1, &approval, BOB);
    order_prove_again(order, &world);
}

static void one_person_twice(struct order *order)
{
    order_approve(order, &world, 1, "bert", BERT);
    order_prove_again(order, &world);
}

static void requester_approves(struct order *order)
{
    order->intent.requester = name_of("bert");
    order_rewrite(order, true);
}

static void a_rejection(struct order *order)
{
    struct approval approval = order_approval(order, &world, "bob", BOB);
    approval.decision = APPROVAL_REJECT;
    order_approval_sign(order, &world, 1, &approval, BOB);
    order_prove_again(order, &world);
}

static void one_approval(struct order *order)
{
    order->approval_count = 1;
    order_prove_again(order, &world);
}

static void a_return_by_two(struct order *order)
{
    order->intent.returns = order->intent.asset;
    order_rewrite(order, true);
}

static void above_the_limit(struct order *order)
{
    order->intent.amount = amount_of("1001");
    order_rewrite(order, true);
}

static void unlisted_destination(struct order *order)
{
    MUST(account_id_from_key(&order->intent.destination, test_key_public(world.keys[BOB]), NULL));
    order_rewrite(order, true);
}

/* The shape of the Bybit theft: people approved one thing, the machine asks for another. */
static void altered_amount_after_approval(struct order *order)
{
    order->intent.amount = amount_of("999");
    order_intent_changed(order, &world, true);
    order_prove_again(order, &world);
}

static void altered_destination_after_approval(struct order *order)
{
    MUST(account_id_from_key(&order->intent.destination, test_key_public(world.keys[BOB]), NULL));
    order_intent_changed(order, &world, true);
    struct destination destination = order_destination(&world);
    destination.account = order->intent.destination;
    order_destination_sign(order, &world, &destination, ALAN);
    order_prove_again(order, &world);
}

static void altered_lane_after_approval(struct order *order)
{
    order->intent.lane ^= 1;
    order_intent_changed(order, &world, true);
    order_prove_again(order, &world);
}

static void leaf_of_another_withdrawal(struct order *order)
{
    struct order other;
    order_init(&other, &world, 50, 0);
    struct bytes leaf = order->leaf;
    struct bytes proof = order->proof;
    order->leaf = other.leaf;
    order->proof = other.proof;
    other.leaf = leaf;
    other.proof = proof;
    order_wipe(&other);
}

static void leaf_before_a_changed_approval(struct order *order)
{
    order_approve(order, &world, 1, "carol", CAROL);
}

static void leaf_altered(struct order *order)
{
    order->leaf.data[order->leaf.len - 3] ^= 1;
}

static void proof_of_another_entry(struct order *order)
{
    struct order other;
    order_init(&other, &world, 51, 0);
    struct bytes proof = order->proof;
    order->proof = other.proof;
    other.proof = proof;
    order_wipe(&other);
}

static void proof_under_another_log(struct order *order)
{
    order_prove(order, &world, OTHER_LOG);
}

static void checkpoint_signature_altered(struct order *order)
{
    /* the last characters of the note: "...w=\n" */
    char *end = (char *)order->proof.data + order->proof.len - 12;
    *end = *end == 'A' ? 'B' : 'A';
}

static void no_proof(struct order *order)
{
    bytes_free(&order->proof);
    MUST(bytes_copy(&order->proof, "nothing", 7));
}

#define BREAKAGE(name, status, where)                                                                                  \
    {                                                                                                                  \
        name, #name, status, where                                                                                     \
    }

static const struct {
    void (*apply)(struct order *order);
    const char *name;
    enum status status;
    const char *where; /* how `where` begins */
} breakages[] = {
    BREAKAGE(other_chain, STATUS_MISMATCH, "intent.chain"),
    BREAKAGE(other_environment, STATUS_MISMATCH, "intent.environment"),
    BREAKAGE(other_policy, STATUS_MISMATCH, "intent.policy"),
    BREAKAGE(other_policy_version, STATUS_MISMATCH, "intent.policy_version"),
    BREAKAGE(intent_not_canonical, STATUS_NOT_CANONICAL, "intent"),
    BREAKAGE(unknown_wallet, STATUS_DENIED, "wallet"),
    BREAKAGE(expired_intent, STATUS_EXPIRED, "intent.expires_at"),
    BREAKAGE(other_transaction, STATUS_MISMATCH, "transaction"),
    BREAKAGE(altered_amount_without_rebuild, STATUS_MISMATCH, "transaction"),
    BREAKAGE(an_issue_under_the_rules_of_transfers, STATUS_DENIED, "policy"),
    BREAKAGE(a_transfer_whose_bytes_are_an_issue, STATUS_MISMATCH, "transaction"),
    BREAKAGE(a_change_of_policy_for_an_intent, STATUS_INVALID, "intent.type"),
    BREAKAGE(a_validator_set_for_an_intent, STATUS_INVALID, "intent.type"),
    BREAKAGE(an_upgrade_for_an_intent, STATUS_INVALID, "intent.type"),
    BREAKAGE(a_forced_transfer_for_an_intent, STATUS_INVALID, "intent.type"),
    BREAKAGE(a_change_of_issuer_for_an_intent, STATUS_INVALID, "intent.type"),
    BREAKAGE(a_field_that_there_is_not, STATUS_UNKNOWN_FIELD, "intent.delegate_call"),
    BREAKAGE(destination_of_another_account, STATUS_MISMATCH, "destination.account"),
    BREAKAGE(destination_expired, STATUS_EXPIRED, "destination"),
    BREAKAGE(destination_signed_by_a_stranger, STATUS_MISMATCH, "destination"),
    BREAKAGE(destination_signed_by_one, STATUS_MISMATCH, "destination"),
    BREAKAGE(bad_approval_signature, STATUS_SIGNATURE_INVALID, "approvals[1]"),
    BREAKAGE(approval_by_a_stranger, STATUS_UNKNOWN_KEY, "approvals[1]"),
    BREAKAGE(approval_with_the_key_of_another, STATUS_UNKNOWN_KEY, "approvals[1]"),
    BREAKAGE(approval_of_another_intent, STATUS_MISMATCH, "approvals[1].intent"),
    BREAKAGE(approval_of_another_withdrawal, STATUS_MISMATCH, "approvals[1].withdrawal"),
    BREAKAGE(approval_for_another_chain, STATUS_MISMATCH, "approvals[1].chain"),
    BREAKAGE(approval_expired, STATUS_EXPIRED, "approvals[1]"),
    BREAKAGE(one_person_twice, STATUS_DUPLICATE_PERSON, "approvals[1]"),
    BREAKAGE(requester_approves, STATUS_SELF_APPROVAL, "approvals[0]"),
    BREAKAGE(a_rejection, STATUS_DENIED, "approvals[1]"),
    BREAKAGE(one_approval, STATUS_QUORUM_MISSING, "policy"),
    BREAKAGE(a_return_by_two, STATUS_QUORUM_MISSING, "policy"),
    BREAKAGE(above_the_limit, STATUS_LIMIT_EXCEEDED, "policy"),
    BREAKAGE(unlisted_destination, STATUS_MISMATCH, "destination.account"),
    BREAKAGE(altered_amount_after_approval, STATUS_MISMATCH, "approvals[0].intent"),
    BREAKAGE(altered_destination_after_approval, STATUS_MISMATCH, "approvals[0].intent"),
    BREAKAGE(altered_lane_after_approval, STATUS_MISMATCH, "approvals[0].intent"),
    BREAKAGE(leaf_of_another_withdrawal, STATUS_MISMATCH, "leaf"),
    BREAKAGE(leaf_before_a_changed_approval, STATUS_MISMATCH, "leaf.refs.approvals"),
    BREAKAGE(leaf_altered, STATUS_PROOF_INVALID, ""),
    BREAKAGE(proof_of_another_entry, STATUS_MISMATCH, ""),
    BREAKAGE(proof_under_another_log, STATUS_UNKNOWN_KEY, ""),
    BREAKAGE(checkpoint_signature_altered, STATUS_SIGNATURE_INVALID, ""),
    BREAKAGE(no_proof, STATUS_INVALID, ""),
};

Test(transfer, refuses_whatever_is_broken)
{
    transfer_start(ALGORITHM_P256);
    for (size_t i = 0; i < sizeof(breakages) / sizeof(breakages[0]); i++) {
        struct order order;
        order_init(&order, &world, 100 + 2 * i, 0);
        breakages[i].apply(&order);
        order_expect_refused(&order, breakages[i].status, breakages[i].where, breakages[i].name);
        order_wipe(&order);
    }
    /* None of it left a trace: the sequences are still free. */
    struct digest id;
    struct order order;
    order_init(&order, &world, 100, 0);
    order_expect_signed(&id, &order);
    order_wipe(&order);
    transfer_finish();
}

Test(transfer, a_return_is_signed_with_one_more)
{
    transfer_start(ALGORITHM_P256);
    struct digest id;
    struct order order;
    order_init(&order, &world, 100, 0);
    a_return_by_two(&order);
    order_approve(&order, &world, order.approval_count, "carol", CAROL);
    order.approval_count++;
    order_prove_again(&order, &world);
    order_expect_signed(&id, &order);
    order_wipe(&order);
    transfer_finish();
}

Test(transfer, a_wallet_of_another_key_is_not_signed_for)
{
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    /* The policy's wallet has the key SOFT; the guard is for the token's key. */
    world_init(&world, ROLE_TRANSFER, NULL, clock_utc_us(clock_system()));
    struct public_key soft = world.signer_key;
    world.signer_key = place.key;
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    world.signer_key = soft;
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    pool = place_pool(&place, 1);
    struct order order;
    order_init(&order, &world, 1, 0);
    order_expect_refused(&order, STATUS_MISMATCH, "wallet", "another key");
    order_wipe(&order);
    transfer_finish();
}
