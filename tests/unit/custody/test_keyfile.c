/*
 * Key files in one process: what is signed verifies with the public key and nothing else, for each algorithm; texts of
 * the service are cleaned before they are printed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "commands.h"
#include "test/test_place.h"

static struct test_folder folder;
static char path[TEST_PATH_SIZE + 32];
static struct secret passphrase;

static void set_up(void)
{
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/key", folder.path);
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
    cr_assert_eq(secret_new(&passphrase, 8), STATUS_OK);
    memcpy(passphrase.data, "password", 8);
}

static void tear_down(void)
{
    secret_free(&passphrase);
    test_folder_remove(&folder);
}

TestSuite(custody_keyfile, .init = set_up, .fini = tear_down);

static void round_trip(enum algorithm algorithm)
{
    struct public_key public_key;
    struct keyfile *keyfile = NULL;
    struct signature signature;
    struct bytes message;
    struct digest id;
    cr_assert_eq(keyfile_generate(&public_key, path, algorithm, &passphrase, NULL), STATUS_OK);
    cr_assert_eq(keyfile_open(&keyfile, path, &passphrase, NULL), STATUS_OK);
    public_key_id(&id, &public_key);
    cr_assert_eq(document_message(&message, "approval", "{}", 2), STATUS_OK);
    for (int i = 0; i < 16; i++) { /* s falls into either half */
        cr_assert_eq(keyfile_sign(&signature, keyfile, "approval", "{}", 2, NULL), STATUS_OK);
        cr_assert(signature.algorithm == algorithm && digest_equal(&signature.key_id, &id));
        cr_assert_eq(signature_verify(&public_key, signature.bytes64, message.data, message.len, NULL), STATUS_OK);
        cr_assert_neq(signature_verify(&public_key, signature.bytes64, "{}", 2, NULL), STATUS_OK);
    }
    bytes_free(&message);
    keyfile_free(keyfile);
}

Test(custody_keyfile, p256)
{
    round_trip(ALGORITHM_P256);
}

Test(custody_keyfile, ed25519)
{
    round_trip(ALGORITHM_ED25519);
}

Test(custody_keyfile, secp256k1)
{
    round_trip(ALGORITHM_SECP256K1);
}

Test(custody_keyfile, what_is_refused)
{
    struct public_key public_key;
    struct keyfile *keyfile = NULL;
    struct fault fault = {0};
    passphrase.len = 7;
    cr_assert_eq(keyfile_generate(&public_key, path, ALGORITHM_P256, &passphrase, &fault), STATUS_INVALID);
    passphrase.len = 8;
    cr_assert_eq(keyfile_open(&keyfile, path, &passphrase, NULL), STATUS_IO);
    cr_assert_eq(keyfile_generate(&public_key, path, ALGORITHM_P256, &passphrase, NULL), STATUS_OK);
    cr_assert_eq(keyfile_generate(&public_key, path, ALGORITHM_P256, &passphrase, NULL), STATUS_EXISTS);
    passphrase.data[7] = 'e';
    cr_assert_eq(keyfile_open(&keyfile, path, &passphrase, NULL), STATUS_INVALID);
    cr_assert_null(keyfile);
    keyfile_free(NULL);
}

Test(custody_keyfile, sealing_keys)
{
    struct seal_key key;
    struct seal_key again;
    struct secret private_key = {0};
    struct keyfile *keyfile = NULL;
    struct public_key public_key;
    cr_assert_eq(keyfile_generate_seal(&key, path, &passphrase, NULL), STATUS_OK);
    cr_assert_eq(keyfile_generate_seal(&again, path, &passphrase, NULL), STATUS_EXISTS);
    cr_assert_eq(keyfile_open_seal(&private_key, path, &passphrase, NULL), STATUS_OK);
    cr_assert_eq(seal_public_key(&again, &private_key, NULL), STATUS_OK);
    cr_assert(seal_key_equal(&key, &again));
    secret_free(&private_key);
    cr_assert_eq(keyfile_open(&keyfile, path, &passphrase, NULL), STATUS_ALGORITHM_REFUSED);
    passphrase.data[0] ^= 1;
    cr_assert_eq(keyfile_open_seal(&private_key, path, &passphrase, NULL), STATUS_INVALID);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(keyfile_generate(&public_key, path, ALGORITHM_ED25519, &passphrase, NULL), STATUS_OK);
    cr_assert_eq(keyfile_open_seal(&private_key, path, &passphrase, NULL), STATUS_ALGORITHM_REFUSED);
    cr_assert_null(private_key.data);
    passphrase.len = 7;
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(keyfile_generate_seal(&key, path, &passphrase, NULL), STATUS_INVALID);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(custody_keyfile, texts_of_the_service)
{
    char out[SERVICE_TEXT_SIZE];
    char longer[1000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    json_t *object = json_pack("{s:s, s:s, s:i}", "a", "x\x1b[1m\xc2\x9b\n\x7fz", "b", longer, "c", 7);
    cr_assert_str_eq(command_service_text(out, object, "a"), "x?[1m????z");
    cr_assert_eq(strlen(command_service_text(out, object, "b")), SERVICE_TEXT_SIZE - 1);
    cr_assert_str_eq(command_service_text(out, object, "c"), "");
    cr_assert_str_eq(command_service_text(out, object, "d"), "");
    cr_assert_str_eq(command_service_text(out, NULL, "a"), "");
    json_decref(object);
}
