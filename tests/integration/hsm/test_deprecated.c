/*
 * An algorithm that was given up, on a real token: no new key of it is made, and the ones there sign on.
 */
#include <criterion/criterion.h>

#include "fixture.h"
#include "test/test_register.h"

Test(deprecated, a_token_makes_no_new_key_and_uses_the_old_one, .init = fixture_make, .fini = fixture_remove,
     .timeout = 600)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct signature signature;
    fixture_generate(ALGORITHM_P256, "old");
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_expect_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "new", &fault), STATUS_ALGORITHM_REFUSED);
    fault_clear(&fault);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_SECP256K1, HSM_KEY_FIXED, "other", &fault), STATUS_OK, "%s",
                 fault.detail);
    hsm_token_close(token);
    token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_count(token), 2);
    cr_assert_eq(hsm_key_open_label(token, &key, "old", NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(hsm_key_sign(key, &signature, "x", 1, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
}
