/*
 * The tests' own tools, seen working: keys in software against the verification of the base room, SoftHSM2 and TPM
 * tokens that can be found by their label, databases that are separate.
 */
#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <sys/stat.h>

#include "test/test_key.h"
#include "test/test_place.h"

static const char DOCUMENT[] = "{\"a\":\"b\"}";

static void check_key(enum algorithm algorithm)
{
    struct test_key *key = test_key_new(algorithm);
    struct fault fault = {0};
    for (int i = 0; i < 16; i++) { /* about half of the raw ECDSA signatures have the upper s */
        struct signature signature;
        struct bytes message = {0};
        test_key_sign(&signature, key, "intent", DOCUMENT, strlen(DOCUMENT));
        cr_assert_eq(document_message(&message, "intent", DOCUMENT, strlen(DOCUMENT)), STATUS_OK);
        cr_expect_eq(signature_verify(test_key_public(key), signature.bytes64, message.data, message.len, &fault),
                     STATUS_OK);
        if (algorithm != ALGORITHM_ED25519) {
            test_key_make_high_s(signature.bytes64, algorithm);
            cr_expect_eq(signature_verify(test_key_public(key), signature.bytes64, message.data, message.len, &fault),
                         STATUS_SIGNATURE_INVALID);
        }
        bytes_free(&message);
    }
    test_key_free(key);
}

Test(test_key, p256)
{
    check_key(ALGORITHM_P256);
}

Test(test_key, secp256k1)
{
    check_key(ALGORITHM_SECP256K1);
}

Test(test_key, ed25519)
{
    check_key(ALGORITHM_ED25519);
}

Test(test_key, pem_is_private_and_readable_by_openssl)
{
    struct test_folder folder;
    char path[TEST_PATH_SIZE * 2];
    struct stat stat_of;
    struct test_key *key = test_key_new(ALGORITHM_P256);
    test_folder_make(&folder);
    snprintf(path, sizeof path, "%s/key.pem", folder.path);
    test_key_write_pem(key, path);
    cr_assert_eq(stat(path, &stat_of), 0);
    cr_expect_eq(stat_of.st_mode & 0777, 0600);
    const char *const command[] = {"openssl", "pkey", "-in", path, "-noout", "-check", NULL};
    cr_expect_eq(test_run(command), 0);
    test_folder_remove(&folder);
    cr_expect_neq(stat(path, &stat_of), 0);
    test_key_free(key);
}

static int login(const struct test_token *token, const char *pin)
{
    const char *const command[] = {"pkcs11-tool", "--module", token->module,  "--token-label",
                                   token->label,  "--login",  "--login-type", "user",
                                   "--pin",       pin,        "-O",           NULL};
    return test_run(command);
}

Test(test_token, softhsm_tokens_have_separate_pins)
{
    struct test_token first;
    struct test_token second;
    test_token_softhsm(&first, "transfer");
    test_token_softhsm_beside(&second, &first, "audit");
    cr_expect_eq(login(&first, first.pin), 0);
    cr_expect_eq(login(&second, second.pin), 0);
    cr_expect_neq(login(&second, first.pin), 0);
    test_token_remove(&first);
}

Test(test_token, tpm_makes_p256)
{
    struct test_token token;
    test_token_tpm(&token, "validator");
    cr_expect_eq(login(&token, token.pin), 0);
    const char *const command[] = {
        "pkcs11-tool", "--module", token.module, "--token-label", token.label,  "--login",      "--pin",
        token.pin,     "--id",     "01",         "--keypairgen",  "--key-type", "EC:secp256r1", NULL};
    cr_expect_eq(test_run(command), 0);
    test_token_remove(&token);
}

static void expect_tables(const struct test_database *database, const char *wanted)
{
    PGconn *connection = PQconnectdb(database->conninfo);
    PGresult *result = PQexec(connection, "SELECT count(*) FROM pg_tables WHERE tablename = 'strongroom_probe'");
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    cr_expect_str_eq(PQgetvalue(result, 0, 0), wanted);
    PQclear(result);
    PQfinish(connection);
}

Test(test_database, databases_are_separate)
{
    struct test_database first;
    struct test_database second;
    test_database_make(&first);
    test_database_make(&second);
    PGconn *connection = PQconnectdb(first.conninfo);
    PQclear(PQexec(connection, "CREATE TABLE strongroom_probe (id int)"));
    expect_tables(&first, "1");
    expect_tables(&second, "0");
    test_database_drop(&first); /* although a connection is open */
    test_database_drop(&second);
    PQfinish(connection);
}
