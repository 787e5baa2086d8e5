/*
 * Transactions: worked example, every context-free rule broken once, and the rebuild from an intent.
 */
#include "policy/transaction.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define ALICE "sr1" ASSET_A "0276d79d"
#define BRUNO "sr1" ASSET_B "020c8f4e"
#define EUR "dd03b2094ca696b0574db1ebf8ac3b7f116eded8d985a7fabbf24e4ee0751a97"
#define POLICY "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define MAX_AMOUNT "340282366920938463463374607431768211455"

#define LEG(account, amount, asset, side)                                                                              \
    "{\"account\":\"" account "\",\"amount\":\"" amount "\",\"asset\":\"" asset "\",\"side\":\"" side "\"}"

static const char valid_text[] = "{\"chain\":\"" CHAIN "\",\"from\":\"" ALICE "\",\"lane\":\"1\",\"legs\":[" LEG(
    ALICE, "250", EUR, "debit") "," LEG(BRUNO, "250", EUR, "credit") "],\"memo\":\"" ZEROS "\",\"policy\":\"" POLICY
                                                                     "\",\"seq\":\"7\",\"type\":\"transfer\""
                                                                     ",\"valid_from\":\"1\",\"valid_until\":\"1000\"}";

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct transaction transaction;
    return transaction_decode(&transaction, document, len, fault);
}

Test(transaction, worked_example)
{
    struct transaction transaction;
    struct bytes again = {0};
    struct digest id;
    cr_assert(transaction_decode(&transaction, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    cr_assert(transaction.type == TRANSACTION_TRANSFER && transaction.leg_count == 2);
    cr_assert(transaction.lane == 1 && transaction.seq == 7 && transaction.valid_until == 1000);
    cr_assert(transaction.legs[0].side == LEG_DEBIT && transaction.legs[1].side == LEG_CREDIT);
    transaction_id(&id, valid_text, strlen(valid_text));
    const struct digest expected = digest_of("40bd942800c4c5cbccfd97495e73e95f7c457bd88fdac1d913e28c24090cb5e9");
    cr_assert(digest_equal(&id, &expected));
    cr_assert(transaction_encode(&again, &transaction, NULL) == STATUS_OK);
    cr_assert_str_eq((const char *)again.data, valid_text);
    bytes_free(&again);
}

Test(transaction, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"chain", NULL, STATUS_MISSING_FIELD, "chain", "required"},
        {"chain", "\"cc\"", STATUS_INVALID, "chain", "hexadecimal"},
        {"from", "\"" BRUNO "\"", STATUS_INVALID, "legs[0]", "every debit"},
        {"from", "\"alice\"", STATUS_INVALID, "from", "address"},
        {"lane", "1", STATUS_INVALID, "lane", "decimal digits"},
        {"lane", "\"01\"", STATUS_INVALID, "lane", "decimal digits"},
        {"seq", "\"9223372036854775808\"", STATUS_INVALID, "seq", "2^63"},
        {"type", "\"mint\"", STATUS_INVALID, "type", "transfer or issue"},
        {"valid_from", "\"1001\"", STATUS_INVALID, "valid_until", "valid_from"},
        {"memo", "null", STATUS_NOT_CANONICAL, "memo", ""},
        {"policy", NULL, STATUS_MISSING_FIELD, "policy", "required"},
        {"fee", "\"0\"", STATUS_UNKNOWN_FIELD, "fee", "no such field"},
        {"legs", "[]", STATUS_INVALID, "legs", "2 to 16"},
        {"legs[1]", NULL, STATUS_INVALID, "legs", "2 to 16"},
        {"legs[0].side", "\"left\"", STATUS_INVALID, "legs[0].side", "debit or credit"},
        {"legs[0].side", "\"credit\"", STATUS_INVALID, "legs[0]", "equal"},
        {"legs[1].side", "\"debit\"", STATUS_INVALID, "legs[0]", "equal"},
        {"legs[0].amount", "\"0\"", STATUS_INVALID, "legs[0]", "above zero"},
        {"legs[0].amount", "\"-250\"", STATUS_INVALID, "legs[0].amount", "amount"},
        {"legs[0].amount", "\"251\"", STATUS_INVALID, "legs[0]", "equal"},
        {"legs[1].amount", "\"249\"", STATUS_INVALID, "legs[0]", "equal"},
        {"legs[1].asset", "\"" POLICY "\"", STATUS_INVALID, "legs[0]", "equal"},
        {"legs[1].account", "\"" ALICE "\"", STATUS_INVALID, "legs[1]", "twice"},
        {"legs[1].account", "\"sr1\"", STATUS_INVALID, "legs[1].account", "address"},
        {"legs[1].note", "\"x\"", STATUS_UNKNOWN_FIELD, "legs[1].note", "no such field"},
        {"legs[2]", LEG(BRUNO, "1", POLICY, "credit"), STATUS_INVALID, "legs[2]", "equal"},
    };
    json_t *valid = json_loads(valid_text, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(transaction, sums_cannot_wrap_around)
{
    /* Without a check of the carry the credits would add up to 250 again. */
    static const struct refusal rows[] = {
        {"legs",
         "[" LEG(ALICE, "250", EUR, "debit") "," LEG(BRUNO, MAX_AMOUNT, EUR, "credit") "," LEG(
             "sr18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea0", "251", EUR, "credit") "]",
         STATUS_OVERFLOW, "legs[0]", "128-bit"},
    };
    json_t *valid = json_loads(valid_text, 0, NULL);
    expect_refusals(decode, valid, rows, 1);
    json_decref(valid);
}

Test(transaction, several_assets_and_sixteen_legs)
{
    struct transaction transaction;
    cr_assert(transaction_decode(&transaction, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    transaction.leg_count = TRANSACTION_LEGS_MAX;
    for (size_t i = 0; i < TRANSACTION_LEGS_MAX; i++) {
        struct leg *leg = &transaction.legs[i];
        *leg = transaction.legs[i % 2];
        leg->asset.bytes32[0] = (uint8_t)(i / 2);
    }
    cr_assert(transaction_check(&transaction, NULL) == STATUS_OK);
    struct bytes document = {0};
    struct transaction again;
    cr_assert(transaction_encode(&document, &transaction, NULL) == STATUS_OK);
    cr_assert(transaction_decode(&again, document.data, document.len, NULL) == STATUS_OK);
    cr_assert(again.leg_count == TRANSACTION_LEGS_MAX);
    bytes_free(&document);
    transaction.legs[15].amount = amount_of("249");
    struct fault fault = {0};
    cr_assert(transaction_check(&transaction, &fault) == STATUS_INVALID);
    cr_assert_str_eq(fault.where, "legs[14]");
}

Test(transaction, encoder_refuses_what_the_decoder_refuses)
{
    struct transaction transaction;
    struct bytes document = {0};
    cr_assert(transaction_decode(&transaction, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    transaction.legs[1].amount = amount_of("251");
    cr_assert(transaction_encode(&document, &transaction, NULL) == STATUS_INVALID);
    cr_assert(document.data == NULL);
}

Test(transaction, rebuilt_from_an_intent)
{
    struct world world;
    world_init(&world);
    const struct wallet *wallet = policy_find_wallet(&world.policy, &world.intent.wallet);
    struct transaction transaction;
    cr_assert(transaction_from_intent(&transaction, &world.intent, &wallet->account, NULL) == STATUS_OK);
    cr_expect(transaction.type == TRANSACTION_TRANSFER);
    cr_expect(transaction.leg_count == 2);
    cr_expect(transaction.legs[0].side == LEG_DEBIT);
    cr_expect(account_id_equal(&transaction.legs[0].account, &wallet->account));
    cr_expect(account_id_equal(&transaction.from, &wallet->account));
    cr_expect(transaction.legs[1].side == LEG_CREDIT);
    cr_expect(account_id_equal(&transaction.legs[1].account, &world.destination_account));
    cr_expect(transaction.lane == 1 && transaction.seq == 7);
    cr_expect(digest_equal(&transaction.policy, &world.policy.digest));
    world_wipe(&world);
}

Test(transaction, a_wallet_cannot_pay_itself)
{
    struct world world;
    world_init(&world);
    struct transaction transaction;
    cr_assert(transaction_from_intent(&transaction, &world.intent, &world.intent.destination, NULL) == STATUS_INVALID);
    world_wipe(&world);
}
