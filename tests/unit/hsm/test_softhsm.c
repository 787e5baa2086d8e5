/*
 * SoftHSM's configuration and files, without SoftHSM.
 */
#include "hsm/softhsm.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "test/test_place.h"

static struct test_folder folder;

static void folder_make(void)
{
    test_folder_make(&folder);
}

static void folder_remove(void)
{
    test_folder_remove(&folder);
}

TestSuite(softhsm, .init = folder_make, .fini = folder_remove);

static void path_make(char out[256], const char *relative)
{
    snprintf(out, 256, "%s/%s", folder.path, relative);
}

static void file_write(const char *relative, const char *content)
{
    char path[256];
    path_make(path, relative);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
}

static void conf_write(const char *content)
{
    char path[256];
    path_make(path, "softhsm2.conf");
    file_write("softhsm2.conf", content);
    setenv("SOFTHSM2_CONF", path, 1);
}

Test(softhsm, the_token_folder_is_read_from_the_configuration)
{
    static const struct {
        const char *conf;
        const char *dir;
    } rows[] = {
        {"directories.tokendir = /a/b\n", "/a/b"},
        {"log.level=INFO\n  directories.tokendir=/a b  \r\nobjectstore.backend = file", "/a b"},
        {"# directories.tokendir = /wrong\ndirectories.tokendir\t=\t/right", "/right"},
        {"directories.tokendirectory = /wrong\ndirectories.tokendir = /one\ndirectories.tokendir = /two\n", "/two"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char dir[64];
        conf_write(rows[i].conf);
        cr_assert_eq(hsm_softhsm_token_dir(dir, sizeof dir, NULL), STATUS_OK, "%zu", i);
        cr_assert_str_eq(dir, rows[i].dir);
    }
}

Test(softhsm, a_configuration_without_a_token_folder_is_refused)
{
    char dir[8] = "before";
    conf_write("log.level = INFO\ndirectories.tokendir =\n");
    cr_assert_eq(hsm_softhsm_token_dir(dir, sizeof dir, NULL), STATUS_INVALID);
    conf_write("directories.tokendir = /longer/than/that\n");
    cr_assert_eq(hsm_softhsm_token_dir(dir, sizeof dir, NULL), STATUS_INVALID);
    setenv("SOFTHSM2_CONF", "/nonexistent/softhsm2.conf", 1);
    cr_assert_eq(hsm_softhsm_token_dir(dir, sizeof dir, NULL), STATUS_IO);
    cr_assert_str_eq(dir, "before");
}

static void token_make(void)
{
    char path[256];
    path_make(path, "token");
    cr_assert_eq(mkdir(path, 0700), 0);
    file_write("token/token.object", "something");
    file_write("token/1.object", "something");
    file_write("token/1.lock", "");
    file_write("token/generation", "");
    file_write("stray", "");
}

Test(softhsm, whole_files_pass)
{
    struct fault fault = {0};
    token_make();
    cr_assert_eq(hsm_softhsm_check(folder.path, &fault), STATUS_OK, "%s %s", fault.where, fault.detail);
}

Test(softhsm, an_empty_object_file_is_named)
{
    struct fault fault = {0};
    token_make();
    file_write("token/2.object", "");
    cr_assert_eq(hsm_softhsm_check(folder.path, &fault), STATUS_CORRUPT);
    cr_assert_str_eq(fault.where, "2.object");
    cr_assert_not_null(strstr(fault.detail, "empty"));
}

Test(softhsm, what_is_not_a_readable_file_is_named)
{
    struct fault fault = {0};
    char path[256];
    token_make();
    path_make(path, "token/3.object");
    cr_assert_eq(symlink("nowhere", path), 0);
    cr_assert_eq(hsm_softhsm_check(folder.path, &fault), STATUS_CORRUPT);
    cr_assert_str_eq(fault.where, "3.object");
    cr_assert_eq(unlink(path), 0);
    fault_clear(&fault);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(hsm_softhsm_check(folder.path, &fault), STATUS_CORRUPT);
    cr_assert_not_null(strstr(fault.detail, "not a regular file"));
}

Test(softhsm, a_missing_folder_is_not_an_empty_one)
{
    cr_assert_eq(hsm_softhsm_check("/nonexistent", NULL), STATUS_CORRUPT);
    cr_assert_eq(hsm_softhsm_sync("/nonexistent", NULL), STATUS_IO);
    cr_assert_eq(hsm_softhsm_sync(folder.path, NULL), STATUS_OK);
}
