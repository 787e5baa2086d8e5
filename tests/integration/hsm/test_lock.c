/*
 * One process for each token: two real processes, one real token.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "raw_token.h"

TestSuite(lock, .init = fixture_make, .fini = fixture_remove);

/* A process that has the token open until it is killed. */
static pid_t holder_start(void)
{
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        struct hsm_token *token = NULL;
        struct fault fault = {0};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool open = fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault) == STATUS_OK;
        (void)!write(ready[1], open ? "y" : "n", 1);
        for (;;) {
            pause();
        }
    }
    char answer = 0;
    cr_assert_eq(read(ready[0], &answer, 1), 1);
    cr_assert_eq(answer, 'y', "the first process could not open the token");
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void holder_kill(pid_t holder)
{
    cr_assert_eq(kill(holder, SIGKILL), 0);
    cr_assert_eq(waitpid(holder, NULL, 0), holder);
}

Test(lock, a_second_process_is_refused_and_told_the_serial_and_who_has_the_token)
{
    char serial[17];
    raw_token_serial(serial, &fixture_token);
    pid_t holder = holder_start();
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_GENERATE, 1, &fault), STATUS_CONFLICT, "%s", fault.detail);
    char process[64];
    snprintf(process, sizeof process, "in use by process %d of user %u", (int)holder, (unsigned)getuid());
    cr_expect_str_eq(fault.where, serial);
    cr_expect_not_null(strstr(fault.detail, process), "%s", fault.detail);
    cr_expect_not_null(strstr(fault.detail, fixture_token.label), "%s", fault.detail);
    holder_kill(holder);
}

Test(lock, a_process_that_was_killed_leaves_no_lock)
{
    holder_kill(holder_start());
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(lock, a_token_that_was_closed_is_free_for_others)
{
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
    holder_kill(holder_start());
}

/* The tokens of one module do not stand in each other's way. */
Test(lock, it_is_of_one_token)
{
    pid_t holder = holder_start();
    test_token_softhsm_beside(&fixture_token, &(struct test_token){.folder = fixture_token.folder}, "beside");
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
    holder_kill(holder);
}

/* A lock on a file that is not there any more would keep nobody out. */
Test(lock, the_file_being_removed_the_next_process_makes_another)
{
    const char *const remove[] = {"find", fixture_token.folder.path, "-name", "strongroom-token-*", "-delete", NULL};
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
    cr_assert_eq(test_run(remove), 0);
    pid_t holder = holder_start();
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    cr_expect_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_CONFLICT);
    holder_kill(holder);
}

static void expect_refused(const char *folder)
{
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    struct hsm_token_config config = fixture_config(HSM_TOKEN_SIGN, 1);
    config.lock_folder = folder;
    cr_assert_eq(fixture_open_config(&token, &config, &fault), STATUS_IO, "%s", folder);
    cr_expect_str_eq(fault.where, "lock-folder");
    cr_expect_not_null(strstr(fault.detail, folder), "%s", fault.detail);
}

/* Without a lock that keeps others out the token stays closed. */
Test(lock, a_folder_in_which_others_could_remove_the_file_is_refused)
{
    char folder[TEST_PATH_SIZE + 8];
    snprintf(folder, sizeof folder, "%s/locks", fixture_token.folder.path);
    expect_refused(folder);
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(chmod(folder, 0777), 0);
    expect_refused(folder);
    cr_assert_eq(chmod(folder, 0770), 0);
    expect_refused(folder);
    cr_assert_eq(chmod(folder, 01770), 0);
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    struct hsm_token_config config = fixture_config(HSM_TOKEN_SIGN, 1);
    config.lock_folder = folder;
    cr_assert_eq(fixture_open_config(&token, &config, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
    if (geteuid() == 0) { /* one of somebody who is neither root nor us */
        cr_assert_eq(chown(folder, 65534, 65534), 0);
        expect_refused(folder);
    }
}
