/*
 * kill -9 at every crash point of the sequencer, then a restart: what was committed is in the trail once, and all of it
 * is signed (crash matrix C2 to C5).
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "stage.h"

#define EVENTS 6

static struct books books;
static struct checkpoint_keeper keeper;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
}

static void teardown(void)
{
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(crash, .init = setup, .fini = teardown, .timeout = 600);

/* A service that puts some events and waits for them; ends with 0 unless it is killed. */
static void serve(void)
{
    struct stage stage;
    stage_open(&stage, &books, &keeper);
    for (int i = 0; i < EVENTS; i++) {
        stage_covered(&stage, stage_event(&stage, "object"));
        stage_covered(&stage, stage_post(&stage));
    }
    stage_close(&stage);
    _exit(0);
}

/* Runs it in a process of its own; true when it was killed. The crash points of this process are never armed. */
static bool serve_in_child(const char *crashpoint)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (crashpoint != NULL) {
            cr_assert_eq(setenv("STRONGROOM_CRASHPOINT", crashpoint, 1), 0);
        }
        serve();
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        cr_assert_eq(WTERMSIG(status), SIGKILL);
        return true;
    }
    cr_assert_eq(WEXITSTATUS(status), 0);
    return false;
}

static void check_after(const char *crashpoint)
{
    cr_assert(!serve_in_child(NULL), "%s", crashpoint);
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.covered, story.size, "%s", crashpoint);
    cr_expect_eq(story.open + story.unsettled + story.ordinal_gaps, 0, "%s", crashpoint);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 0, "%s", crashpoint);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE oid = 'object'"),
                 books_number(&books, "SELECT last FROM custody.object_ordinal WHERE oid = 'object'"), "%s",
                 crashpoint);
}

static const char *const points[] = {
    "sequencer.epoch-taken", "sequencer.taken",  "sequencer.committed",
    "sequencer.sign-asked",  "sequencer.signed", "sequencer.checkpoint-kept",
};

Test(crash, at_every_point_early_and_late)
{
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        for (int hit = 1; hit <= (i == 0 ? 1 : 4); hit += 3) {
            char crashpoint[64];
            snprintf(crashpoint, sizeof crashpoint, "%s:%d", points[i], hit);
            cr_expect(serve_in_child(crashpoint), "%s was not reached", crashpoint);
            check_after(crashpoint);
        }
    }
}

/* The same without knowing the names, so that a new point is not forgotten. */
Test(crash, at_each_of_the_first_steps)
{
    for (int hit = 1; hit <= 20; hit++) {
        char crashpoint[64];
        snprintf(crashpoint, sizeof crashpoint, "*:%d", hit);
        cr_expect(serve_in_child(crashpoint), "%s was not reached", crashpoint);
        if (hit % 5 == 0) { /* several deaths in a row before one life */
            check_after(crashpoint);
        }
    }
}
