/*
 * An algorithm that was given up, as people meet it: no new key file of it, and the descriptions of what exists say so.
 */
#include "commands.h"
#include "describe.h"
#include "fixture.h"
#include "keyfile.h"
#include "test/test_place.h"
#include "test/test_register.h"

#include <criterion/criterion.h>
#include <unistd.h>

static void describe(char *out, size_t size)
{
    static struct world world;
    struct bytes bytes = {0};
    world_init(&world);
    const struct key_document key = world_key_document(&world, HOT); /* p256 */
    cr_assert(key_document_encode(&bytes, &key, NULL) == STATUS_OK);
    FILE *stream = fmemopen(out, size, "w");
    cr_assert_not_null(stream);
    cr_expect(document_kind_find(KEY_KIND)->describe(stream, &bytes, NULL) == STATUS_OK);
    (void)fclose(stream);
    bytes_free(&bytes);
    world_wipe(&world);
}

Test(deprecated, existing_keys_are_flagged)
{
    static char text[8192];
    describe(text, sizeof(text));
    cr_expect(strstr(text, "p256\n") != NULL && strstr(text, "deprecated") == NULL, "%s", text);
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    describe(text, sizeof(text));
    cr_expect(strstr(text, "p256, deprecated: no new keys") != NULL, "%s", text);
}

static void describe_row_of_service(char *out, size_t size, const char *alg)
{
    json_t *row = json_pack("{s:s, s:s, s:s}", "key_id", "00", "state", "active", "alg", alg);
    FILE *stream = fmemopen(out, size, "w");
    cr_assert(row != NULL && stream != NULL);
    key_list_describe(stream, row);
    (void)fclose(stream);
    json_decref(row);
}

Test(deprecated, keys_that_the_service_lists_are_flagged)
{
    static char text[1024];
    describe_row_of_service(text, sizeof(text), "p256");
    cr_expect(strstr(text, "p256\n") != NULL && strstr(text, "deprecated") == NULL, "%s", text);
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    describe_row_of_service(text, sizeof(text), "p256");
    cr_expect(strstr(text, "p256, deprecated: no new keys") != NULL, "%s", text);
    describe_row_of_service(text, sizeof(text), "rsa512");
    cr_expect(strstr(text, "rsa512, UNKNOWN HERE") != NULL, "%s", text);
}

Test(deprecated, no_new_key_file)
{
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 32];
    struct secret passphrase;
    struct public_key key;
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/key", folder.path);
    cr_assert(secret_heap_open(NULL) == STATUS_OK && secret_new(&passphrase, 8) == STATUS_OK);
    memcpy(passphrase.data, "password", 8);
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    cr_expect(keyfile_generate(&key, path, ALGORITHM_P256, &passphrase, NULL) == STATUS_ALGORITHM_REFUSED);
    cr_expect(access(path, F_OK) != 0, "no file");
    secret_free(&passphrase);
    test_folder_remove(&folder);
}
