/*
 * Whole files: what is read, what is dropped, what is refused, and that a file is replaced whole or not at all.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void replace(const char *text, enum status expected)
{
    struct bytes content = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    struct fault fault = {0};
    cr_assert(file_replace(path, &content, "state", &fault) == expected, "%s: %s", fault.where, fault.detail);
    cr_expect(expected == STATUS_OK || (strcmp(fault.where, "state") == 0 && strstr(fault.detail, path) != NULL));
}

static void expect_content(const char *text)
{
    struct bytes bytes = {0};
    cr_assert(file_read(&bytes, path, 100, "state", NULL) == STATUS_OK);
    cr_expect(strcmp((const char *)bytes.data, text) == 0, "%s", (const char *)bytes.data);
    bytes_free(&bytes);
}

Test(file, it_is_replaced_by_another_that_only_its_owner_reads)
{
    struct stat before;
    struct stat after;
    char fresh[sizeof(path) + 4];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    replace("first, and longer", STATUS_OK);
    expect_content("first, and longer");
    FILE *held = fopen(path, "r");
    cr_assert(held != NULL && stat(path, &before) == 0);
    cr_expect((before.st_mode & 07777) == 0600);
    replace("second", STATUS_OK);
    expect_content("second");
    cr_assert(stat(path, &after) == 0);
    cr_expect(before.st_ino != after.st_ino, "who has the old file open reads the old one to its end");
    cr_expect(access(fresh, F_OK) != 0);
    (void)fclose(held);
}

Test(file, one_that_could_not_be_written_whole_leaves_the_old_one)
{
    struct rlimit few_bytes = {.rlim_cur = 5, .rlim_max = RLIM_INFINITY};
    struct rlimit before;
    char fresh[sizeof(path) + 4];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    replace("old", STATUS_OK);
    cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    few_bytes.rlim_max = before.rlim_max;
    cr_assert(setrlimit(RLIMIT_FSIZE, &few_bytes) == 0);
    replace("longer than that", STATUS_IO);
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    expect_content("old");
    cr_expect(access(fresh, F_OK) != 0);
}

static void create(const char *text, enum status expected)
{
    struct bytes content = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    struct fault fault = {0};
    cr_expect_eq(file_create(path, &content, "state", &fault), expected, "%s: %s", fault.where, fault.detail);
    cr_expect(expected == STATUS_OK || strstr(fault.detail, path) != NULL);
}

static size_t files(void)
{
    size_t count = 0;
    DIR *stream = opendir(folder.path);
    cr_assert_not_null(stream);
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(stream);
    return count;
}

Test(file, a_new_one_is_made_once)
{
    create("first", STATUS_OK);
    expect_content("first");
    create("second", STATUS_EXISTS);
    expect_content("first");
    cr_expect_eq(files(), 1);
}

Test(file, a_new_one_that_could_not_be_written_whole_is_not_there)
{
    struct rlimit few_bytes;
    struct rlimit before;
    cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    few_bytes = (struct rlimit){.rlim_cur = 5, .rlim_max = before.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &few_bytes) == 0);
    create("longer than that", STATUS_IO);
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    cr_expect_eq(files(), 0);
    create("whole", STATUS_OK);
    expect_content("whole");
}

Test(file, what_lies_in_the_place_of_the_new_one_is_overwritten_but_no_link_is_followed)
{
    char fresh[sizeof(path) + 4];
    char other[sizeof(path) + 4];
    struct stat info;
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)snprintf(other, sizeof(other), "%s.xyz", path);
    FILE *left = fopen(fresh, "w");
    cr_assert(left != NULL && fputs("the rest of one that was cut off, and longer", left) >= 0 && fclose(left) == 0);
    replace("whole", STATUS_OK);
    expect_content("whole");
    cr_assert(symlink(other, fresh) == 0);
    replace("elsewhere", STATUS_IO);
    expect_content("whole");
    cr_expect(stat(other, &info) != 0);
}
