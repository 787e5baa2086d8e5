/*
 * Intents: worked example with its short code, every rule broken once.
 */
#include "policy/intent.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define BRUNO "sr1" ASSET_B "020c8f4e"

static const char valid_text[] =
    "{\"amount\":\"250\",\"asset\":\"dd03b2094ca696b0574db1ebf8ac3b7f116eded8d985a7fabbf24e4ee0751a97\",\"chain\":"
    "\"" CHAIN "\",\"destination\":\"" BRUNO
    "\",\"environment\":\"test\",\"expires_at\":\"2026-02-03T03:04:05.000000Z\","
    "\"fee_cap\":\"0\",\"lane\":\"1\",\"memo\":\"" ZEROS
    "\",\"policy\":\"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\",\"policy_version\":1,"
    "\"requested_at\":\"2026-02-02T03:04:05.000000Z\",\"requester\":\"rita\",\"seq\":\"7\",\"transaction\":"
    "\"40bd942800c4c5cbccfd97495e73e95f7c457bd88fdac1d913e28c24090cb5e9\",\"valid_from\":\"1\",\"valid_until\":"
    "\"1000\","
    "\"wallet\":\"hot-1\",\"withdrawal\":\"" WITHDRAWAL "\"}";

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct intent intent;
    return intent_decode(&intent, document, len, fault);
}

Test(intent, worked_example)
{
    struct intent intent;
    struct digest digest;
    struct bytes again = {0};
    char code[SHORT_CODE_SIZE];
    cr_assert(intent_decode(&intent, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    intent_digest(&digest, valid_text, strlen(valid_text));
    const struct digest expected = digest_of("0ab40a6bed2126f15832cdd9285b907d62d2a0056ede9fb921029e87d611aef9");
    cr_assert(digest_equal(&digest, &expected));
    intent_short_code(code, &digest);
    cr_assert_str_eq(code, "BK2A-U27N");
    cr_assert(intent_encode(&again, &intent, NULL) == STATUS_OK);
    cr_assert_str_eq((const char *)again.data, valid_text);
    bytes_free(&again);
}

Test(intent, a_return_names_the_transaction_whose_receipt_it_sends_back)
{
    struct intent intent;
    struct bytes document = {0};
    cr_assert(intent_decode(&intent, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    cr_assert(digest_is_zero(&intent.returns));
    intent.returns = digest_of(ASSET_A);
    cr_assert(intent_encode(&document, &intent, NULL) == STATUS_OK);
    cr_assert(strstr((const char *)document.data, "\"requester\":\"rita\",\"returns\":\"" ASSET_A "\",\"seq\"") !=
              NULL);
    intent.returns = (struct digest){{0}};
    cr_assert(intent_decode(&intent, document.data, document.len, NULL) == STATUS_OK);
    const struct digest expected = digest_of(ASSET_A);
    cr_assert(digest_equal(&intent.returns, &expected));
    bytes_free(&document);
}

/* An intent of the worked example with another type. Out: owned. */
static void issue_of(struct intent *out, struct bytes *out_document)
{
    cr_assert(intent_decode(out, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    cr_assert(out->type == TRANSACTION_TRANSFER);
    out->type = TRANSACTION_ISSUE;
    cr_assert(intent_encode(out_document, out, NULL) == STATUS_OK);
}

Test(intent, an_issue_says_so_and_a_transfer_says_nothing)
{
    struct intent intent;
    struct bytes document = {0};
    issue_of(&intent, &document);
    cr_assert(strstr((const char *)document.data, "\",\"type\":\"issue\",\"valid_from\"") != NULL);
    intent.type = 0;
    cr_assert(intent_decode(&intent, document.data, document.len, NULL) == STATUS_OK);
    cr_assert(intent.type == TRANSACTION_ISSUE);
    intent.returns = digest_of(ASSET_A);
    struct fault fault = {0};
    struct bytes none = {0};
    cr_assert(intent_encode(&none, &intent, &fault) == STATUS_INVALID);
    cr_assert_str_eq(fault.where, "returns");
    intent.type = 0;
    cr_assert(intent_encode(&none, &intent, NULL) == STATUS_INVALID);
    bytes_free(&document);
}

Test(intent, the_transaction_of_an_issue_is_an_issue)
{
    struct intent intent;
    struct bytes document = {0};
    struct account_id wallet;
    struct transaction transaction;
    issue_of(&intent, &document);
    cr_assert(address_parse(&wallet, "sr1" ASSET_A "0276d79d", "wallet", NULL) == STATUS_OK);
    cr_assert(transaction_from_intent(&transaction, &intent, &wallet, NULL) == STATUS_OK);
    cr_assert(transaction.type == TRANSACTION_ISSUE && transaction.leg_count == 2);
    cr_assert(account_id_equal(&transaction.from, &wallet) && transaction.legs[0].side == LEG_DEBIT);
    cr_assert(digest_equal(&transaction.policy, &intent.policy));
    bytes_free(&document);
}

Test(intent, its_transaction_is_the_one_of_the_worked_example)
{
    struct intent intent;
    struct account_id wallet;
    struct transaction transaction;
    struct bytes document = {0};
    struct digest id;
    cr_assert(intent_decode(&intent, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    cr_assert(address_parse(&wallet, "sr1" ASSET_A "0276d79d", "wallet", NULL) == STATUS_OK);
    cr_assert(transaction_from_intent(&transaction, &intent, &wallet, NULL) == STATUS_OK);
    cr_assert(transaction_encode(&document, &transaction, NULL) == STATUS_OK);
    transaction_id(&id, document.data, document.len);
    cr_assert(digest_equal(&id, &intent.transaction));
    bytes_free(&document);
}

Test(intent, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"amount", NULL, STATUS_MISSING_FIELD, "amount", "required"},
        {"amount", "\"0\"", STATUS_INVALID, "amount", "above zero"},
        {"amount", "\"-1\"", STATUS_INVALID, "amount", "amount"},
        {"amount", "\"1e3\"", STATUS_INVALID, "amount", "amount"},
        {"amount", "\"0250\"", STATUS_INVALID, "amount", "amount"},
        {"amount", "250", STATUS_INVALID, "amount", "amount"},
        {"amount", "\"340282366920938463463374607431768211456\"", STATUS_OVERFLOW, "amount", "amount"},
        {"asset", "\"EUR\"", STATUS_INVALID, "asset", "hexadecimal"},
        {"chain", "\"\"", STATUS_INVALID, "chain", "hexadecimal"},
        {"destination", "\"sr1" ASSET_B "020c8f4f\"", STATUS_INVALID, "destination", "checksum"},
        {"destination", NULL, STATUS_MISSING_FIELD, "destination", "required"},
        {"environment", "\"Test\"", STATUS_INVALID, "environment", "name"},
        {"expires_at", "\"2026-02-02T03:04:05.000000Z\"", STATUS_INVALID, "expires_at", "after requested_at"},
        {"expires_at", "\"2026-02-03T03:04:05Z\"", STATUS_INVALID, "expires_at", "time"},
        {"fee_cap", "\"1\"", STATUS_INVALID, "fee_cap", "no fees"},
        {"lane", "1", STATUS_INVALID, "lane", "decimal digits"},
        {"memo", "\"thanks\"", STATUS_INVALID, "memo", "hexadecimal"},
        {"policy", NULL, STATUS_MISSING_FIELD, "policy", "required"},
        {"policy_version", "0", STATUS_INVALID, "policy_version", "integer"},
        {"policy_version", "\"1\"", STATUS_INVALID, "policy_version", "integer"},
        {"requested_at", "\"2026-02-30T03:04:05.000000Z\"", STATUS_INVALID, "requested_at", "time"},
        {"requester", "\"\"", STATUS_INVALID, "requester", "name"},
        {"returns", "\"yes\"", STATUS_INVALID, "returns", "hexadecimal"},
        {"seq", "\"-1\"", STATUS_INVALID, "seq", "decimal digits"},
        {"transaction", NULL, STATUS_MISSING_FIELD, "transaction", "required"},
        {"type", "\"transfer\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"\"", STATUS_INVALID, "type", "a string of 1"},
        {"type", "\"Issue\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"policy\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"validator_set\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"upgrade\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"forced_transfer\"", STATUS_INVALID, "type", "no other transactions"},
        {"type", "\"issuer\"", STATUS_INVALID, "type", "no other transactions"},
        {"valid_from", "\"1001\"", STATUS_INVALID, "valid_until", "valid_from"},
        {"wallet", "\"hot_1\"", STATUS_INVALID, "wallet", "name"},
        {"withdrawal", "\"019c1a2b-3c4d-4e5f-8a6b-7c8d9e0f1a2b\"", STATUS_INVALID, "withdrawal", "UUIDv7"},
        {"note", "\"please\"", STATUS_UNKNOWN_FIELD, "note", "no such field"},
    };
    json_t *valid = json_loads(valid_text, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(intent, bytes_that_are_not_canonical_are_refused)
{
    char spaced[sizeof(valid_text) + 1];
    (void)snprintf(spaced, sizeof(spaced), "%s ", valid_text);
    cr_assert(decode(spaced, strlen(spaced), NULL) == STATUS_NOT_CANONICAL);
    cr_assert(decode(valid_text, strlen(valid_text) - 1, NULL) == STATUS_NOT_CANONICAL);
    cr_assert(decode("", 0, NULL) != STATUS_OK);
}

Test(intent, encoder_refuses_what_the_decoder_refuses)
{
    struct intent intent;
    struct bytes document = {0};
    cr_assert(intent_decode(&intent, valid_text, strlen(valid_text), NULL) == STATUS_OK);
    intent.amount = amount_of("0");
    cr_assert(intent_encode(&document, &intent, NULL) == STATUS_INVALID);
    intent.amount = amount_of("1");
    intent.policy_version = 0;
    cr_assert(intent_encode(&document, &intent, NULL) == STATUS_INVALID);
    cr_assert(document.data == NULL);
}
