/* Which keys must be stopped together with one that somebody else has. */
#include <criterion/criterion.h>

#include "policy/key.h"

static struct key_document make(const char *serial, const char *first, const char *second)
{
    struct key_document key = {.purpose = ROLE_TRANSFER, .custodian_count = 2};
    (void)snprintf(key.token.serial, sizeof(key.token.serial), "%s", serial);
    cr_assert_eq(name_parse(&key.custodians[0], first), STATUS_OK);
    cr_assert_eq(name_parse(&key.custodians[1], second), STATUS_OK);
    return key;
}

Test(key_siblings, one_device_or_two_people)
{
    const struct key_document key = make("s1", "anna", "bert");
    const struct {
        struct key_document other;
        bool siblings;
    } cases[] = {
        {make("s1", "carl", "dora"), true},  {make("s2", "anna", "bert"), true}, {make("s2", "anna", "dora"), false},
        {make("s2", "carl", "bert"), false}, {make("", "carl", "dora"), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(key_document_siblings(&key, &cases[i].other), cases[i].siblings, "case %zu", i);
        cr_expect_eq(key_document_siblings(&cases[i].other, &key), cases[i].siblings, "case %zu, turned", i);
    }
}

Test(key_siblings, keys_without_a_serial_are_not_of_one_device)
{
    const struct key_document one = make("", "anna", "bert");
    const struct key_document other = make("", "carl", "dora");
    cr_expect_not(key_document_siblings(&one, &other));
}

Test(key_siblings, only_keys_of_wallets)
{
    const struct key_document key = make("s1", "anna", "bert");
    struct key_document other = key;
    other.purpose = ROLE_AUDIT;
    cr_expect_not(key_document_siblings(&key, &other));
    cr_expect_not(key_document_siblings(&other, &key));
}
