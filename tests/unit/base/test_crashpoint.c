/*
 * Crash points kill where they are told to and nowhere else.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

#include "base/crashpoint.h"

/* Runs a child through a, b, a, b, ... with the variable set; how it ended, and how many points it passed. */
static int run(const char *value, uint8_t *passed)
{
    int ends[2];
    int result = 0;
    *passed = 0;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        cr_assert_eq(value == NULL ? unsetenv("STRONGROOM_CRASHPOINT") : setenv("STRONGROOM_CRASHPOINT", value, 1), 0);
        for (uint8_t i = 1; i <= 6; i++) {
            CRASHPOINT(i % 2 == 1 ? "test.a" : "test.b");
            if (write(ends[1], &i, 1) != 1) {
                _exit(1);
            }
        }
        _exit(0);
    }
    cr_assert_eq(close(ends[1]), 0);
    while (read(ends[0], passed, 1) == 1) {
    }
    cr_assert_eq(close(ends[0]), 0);
    cr_assert_eq(waitpid(child, &result, 0), child);
    return result;
}

static void expect_killed(const char *value, uint8_t after)
{
    uint8_t passed = 0;
    int result = run(value, &passed);
    cr_expect(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL, "%s", value);
    cr_expect_eq(passed, after, "%s: %d", value, passed);
}

static void expect_end(const char *value)
{
    uint8_t passed = 0;
    int result = run(value, &passed);
    cr_expect(WIFEXITED(result) && WEXITSTATUS(result) == 0, "%s", value == NULL ? "unset" : value);
    cr_expect_eq(passed, 6);
}

Test(base_crashpoint, the_nth_hit_of_a_name)
{
    expect_killed("test.a:1", 0);
    expect_killed("test.a:2", 2);
    expect_killed("test.b:1", 1);
    expect_killed("test.b:3", 5);
}

Test(base_crashpoint, the_nth_hit_of_any)
{
    expect_killed("*:1", 0);
    expect_killed("*:4", 3);
}

Test(base_crashpoint, otherwise_nothing)
{
    expect_end(NULL);
    expect_end("");
    expect_end("test.a:4");
    expect_end("test.c:1");
    expect_end("*:7");
}

Test(base_crashpoint, a_typing_mistake_aborts)
{
    static const char *const values[] = {"test.a", ":1", "test.a:", "test.a:0", "test.a:-1", "test.a:1x", "test.a:x"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t passed = 0;
        int result = run(values[i], &passed);
        cr_expect(WIFSIGNALED(result) && WTERMSIG(result) == SIGABRT, "%s", values[i]);
        cr_expect_eq(passed, 0);
    }
}
