/*
 * Accounts and addresses: a worked example made with Python's hashlib from docs/formats.md, and every wrong address.
 */
#include "fixture.h"

#include <criterion/criterion.h>

static const char generator_key[] =
    "{\"alg\":\"p256\",\"key\":\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8"
    "ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\"}";
static const char generator_address[] = "sr18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea0";

static struct public_key generator(void)
{
    json_t *object = json_loads(generator_key, 0, NULL);
    struct public_key key;
    cr_assert(account_key_decode(&key, object, "", NULL) == STATUS_OK);
    json_decref(object);
    return key;
}

Test(account, worked_example)
{
    const struct public_key key = generator();
    struct account_id account;
    char address[ADDRESS_TEXT_SIZE];
    cr_assert(account_id_from_key(&account, &key, NULL) == STATUS_OK);
    address_format(address, &account);
    cr_assert_str_eq(address, generator_address);
}

Test(account, address_round_trip)
{
    struct account_id account;
    char address[ADDRESS_TEXT_SIZE];
    cr_assert(address_parse(&account, generator_address, "from", NULL) == STATUS_OK);
    address_format(address, &account);
    cr_assert_str_eq(address, generator_address);
}

Test(account, every_changed_character_is_refused)
{
    for (size_t i = 0; i < ADDRESS_TEXT_SIZE - 1; i++) {
        char address[ADDRESS_TEXT_SIZE];
        memcpy(address, generator_address, sizeof(address));
        address[i] = address[i] == '0' ? '1' : '0';
        struct account_id account;
        struct fault fault = {0};
        cr_expect(address_parse(&account, address, "to", &fault) == STATUS_INVALID, "character %zu", i);
        cr_expect_str_eq(fault.where, "to");
    }
}

Test(account, other_shapes_are_refused)
{
    static const char *const wrong[] = {
        "",
        "sr1",
        "sr18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea",
        "sr18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea00",
        "SR18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea0",
        "sr18F72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139d1f3ea0",
        "sr18f72f0bdf5bbb302f53cf0b215a1277edad591b6707eb8c6ce66ff608dea7f139D1F3EA0",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct account_id account;
        cr_expect(address_parse(&account, wrong[i], "to", NULL) == STATUS_INVALID, "%s", wrong[i]);
    }
}

Test(account, algorithm_is_part_of_the_account)
{
    struct public_key key = generator();
    struct account_id p256;
    struct account_id other;
    cr_assert(account_id_from_key(&p256, &key, NULL) == STATUS_OK);
    key.algorithm = ALGORITHM_SECP256K1;
    cr_assert(account_id_from_key(&other, &key, NULL) == STATUS_OK);
    cr_assert(!account_id_equal(&p256, &other));
}

static enum status decode_key(const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    struct public_key key;
    if (status == STATUS_OK) {
        status = account_key_decode(&key, object, "keys[0]", fault);
    }
    json_decref(object);
    return status;
}

Test(account, key_objects_are_strict)
{
    static const struct refusal rows[] = {
        {"alg", NULL, STATUS_MISSING_FIELD, "keys[0].alg", "required"},
        {"alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "keys[0].alg", "register"},
        {"alg", "\"ed25519\"", STATUS_INVALID, "keys[0].key", ""},
        {"key", "\"AAAA\"", STATUS_INVALID, "keys[0].key", ""},
        {"key",
         "\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W"
         "K84zV2sxXs7LtkBoN79R9A==\"",
         STATUS_INVALID, "keys[0].key", ""},
        {"name", "\"mine\"", STATUS_UNKNOWN_FIELD, "keys[0].name", "no such field"},
    };
    json_t *valid = json_loads(generator_key, 0, NULL);
    expect_refusals(decode_key, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}
