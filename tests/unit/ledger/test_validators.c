/*
 * The validator set: more than half is needed, nobody stands in it twice.
 */
#include <criterion/criterion.h>

#include "ledger/header.h"
#include "test/test_key.h"

static void make_set(struct ledger_validators *out, size_t count, int64_t quorum)
{
    *out = (struct ledger_validators){.quorum = quorum, .count = count};
    for (size_t i = 0; i < count; i++) {
        struct test_key *key = test_key_new(i % 2 == 0 ? ALGORITHM_P256 : ALGORITHM_ED25519);
        out->keys[i] = *test_key_public(key);
        test_key_free(key);
    }
}

Test(ledger_validators, quorum_is_more_than_half)
{
    static const struct {
        size_t count;
        int64_t quorum;
        bool fine;
    } rows[] = {{1, 1, true},   {1, 0, false},   {1, 2, false}, {2, 1, false}, {2, 2, true},
                {3, 2, true},   {4, 2, false},   {4, 3, true},  {5, 3, true},  {16, 9, true},
                {16, 8, false}, {16, 17, false}, {3, -2, false}};
    struct ledger_validators set;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_set(&set, rows[i].count, rows[i].quorum);
        cr_expect_eq(ledger_validators_check(&set, NULL) == STATUS_OK, rows[i].fine, "row %zu", i);
    }
    set.count = 0;
    set.quorum = 0;
    cr_expect_eq(ledger_validators_check(&set, NULL), STATUS_INVALID);
    set.count = LEDGER_VALIDATORS_MAX + 1;
    set.quorum = LEDGER_VALIDATORS_MAX;
    cr_expect_eq(ledger_validators_check(&set, NULL), STATUS_INVALID);
}

Test(ledger_validators, one_key_twice_is_refused)
{
    struct ledger_validators set;
    make_set(&set, 3, 2);
    set.keys[2] = set.keys[0];
    cr_expect_eq(ledger_validators_check(&set, NULL), STATUS_INVALID);
}

Test(ledger_validators, keys_round_trip_and_order_matters)
{
    struct ledger_validators set;
    struct ledger_validators back;
    struct digest first;
    struct digest second;
    json_t *keys = NULL;
    make_set(&set, 3, 2);
    cr_assert_eq(ledger_validators_encode_keys(&keys, &set, NULL), STATUS_OK);
    cr_assert_eq(ledger_validators_decode(&back, keys, 2, NULL), STATUS_OK);
    json_decref(keys);
    cr_assert_eq(ledger_validators_digest(&first, &set, NULL), STATUS_OK);
    cr_assert_eq(ledger_validators_digest(&second, &back, NULL), STATUS_OK);
    cr_expect(digest_equal(&first, &second));
    back.keys[0] = set.keys[1];
    back.keys[1] = set.keys[0];
    cr_assert_eq(ledger_validators_digest(&second, &back, NULL), STATUS_OK);
    cr_expect_not(digest_equal(&first, &second));
    back = set;
    back.quorum = 3;
    cr_assert_eq(ledger_validators_digest(&second, &back, NULL), STATUS_OK);
    cr_expect_not(digest_equal(&first, &second));
}
