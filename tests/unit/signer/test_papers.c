/* Files that ceremonies write. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "papers.h"
#include "test/test_place.h"

static uint8_t text[] = "{\"much\":\"that does not fit\"}";
static const struct bytes paper = {.data = text, .len = sizeof(text) - 1};

static enum status write_paper(const char *folder)
{
    struct fault fault = {0};
    return papers_write(folder, "paper.json", &paper, &fault);
}

/* A full disk, made room on. */
Test(papers, what_could_not_be_written_can_be_repeated)
{
    struct test_folder folder;
    test_folder_make(&folder);
    struct rlimit before;
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
    const struct rlimit full = {.rlim_cur = 5, .rlim_max = before.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &full) == 0);
    enum status status = write_paper(folder.path);
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    cr_expect(status == STATUS_IO, "%s", status_info(status)->code);
    status = write_paper(folder.path);
    cr_expect(status == STATUS_OK, "%s", status_info(status)->code);
    cr_expect(write_paper(folder.path) == STATUS_EXISTS);
    char path[512];
    struct stat file;
    (void)snprintf(path, sizeof(path), "%s/paper.json", folder.path);
    cr_expect(stat(path, &file) == 0 && file.st_size == (off_t)paper.len + 1 && (file.st_mode & 07777) == 0600);
    test_folder_remove(&folder);
}
