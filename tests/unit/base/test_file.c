/*
 * Reading whole files: what is read, what is dropped, what is refused.
 */
#include <criterion/criterion.h>

#include "base/file.h"
#include "test/test_place.h"

static char path[512];
static struct test_folder folder;

static void setup(void)
{
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/file", folder.path);
}

static void teardown(void)
{
    test_folder_remove(&folder);
}

TestSuite(file, .init = setup, .fini = teardown);

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(file, it_is_read_whole_and_no_more_than_allowed)
{
    struct bytes bytes = {0};
    struct fault fault = {0};
    write_file("12345\n");
    cr_assert(file_read(&bytes, path, 6, "option", &fault) == STATUS_OK);
    cr_expect(bytes.len == 6 && memcmp(bytes.data, "12345\n", 7) == 0);
    bytes_free(&bytes);
    cr_expect(file_read(&bytes, path, 5, "option", &fault) == STATUS_TOO_LARGE);
    cr_expect(bytes.data == NULL && strcmp(fault.where, "option") == 0);
}

Test(file, a_document_loses_one_final_newline)
{
    struct bytes bytes = {0};
    write_file("{}\n\n");
    cr_assert(file_read_document(&bytes, path, 3, "option", NULL) == STATUS_OK);
    cr_expect(bytes.len == 3 && strcmp((const char *)bytes.data, "{}\n") == 0);
    bytes_free(&bytes);
    write_file("");
    cr_assert(file_read_document(&bytes, path, 3, "option", NULL) == STATUS_OK);
    cr_expect(bytes.len == 0);
    bytes_free(&bytes);
}

Test(file, what_is_no_file_is_refused)
{
    struct bytes bytes = {0};
    struct fault fault = {0};
    cr_expect(file_read(&bytes, path, 10, "option", &fault) == STATUS_INVALID);
    cr_expect(strstr(fault.detail, path) != NULL, "%s", fault.detail);
    cr_expect(file_read(&bytes, folder.path, 10, "option", NULL) == STATUS_IO);
    cr_expect(file_read(&bytes, "/dev/zero", 100000, "option", NULL) == STATUS_TOO_LARGE);
}
