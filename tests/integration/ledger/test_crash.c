/*
 * kill -9 at every step. A child runs a fixed set of transactions; it is killed at the n-th crash point, for every n
 * until none is left; what a second child then finds and finishes must be the same ledger: every transaction once, no
 * header signed twice, balances as if nothing had happened.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "ledger_world.h"

#define POINTS_MOST 200
#define BLOCKS 3

static struct world world;

static void setup(void)
{
    world_make(&world);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_crash, .init = setup, .fini = teardown, .timeout = 600);

/* Submits what is not there yet, as a client does that persists its bytes and asks again. */
static void submit_all(void)
{
    struct transaction transactions[] = {
        world_issue(&world, ALICE, "100", 0),         world_transfer(&world, ALICE, BOB, "30", 0),
        world_transfer(&world, ALICE, BOB, "500", 1), world_transfer(&world, BOB, ALICE, "1", 0),
        world_transfer(&world, ALICE, BOB, "70", 2),
    };
    static const enum world_person signers[] = {ISSUER, ALICE, ALICE, BOB, ALICE};
    for (size_t i = 0; i < sizeof(transactions) / sizeof(transactions[0]); i++) {
        struct digest id;
        INVARIANT(world_submit(&id, &world, &transactions[i], signers[i]) == STATUS_OK);
        if (i % 2 == 0) {
            INVARIANT(world_settle(&world) == STATUS_OK);
        }
    }
}

/* The whole life of a process that is not killed. */
static void live(void)
{
    struct ledger_node_status node;
    struct fault fault = {0};
    enum status status = world_open(&world, &fault);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s: %s\n", status_info(status)->code, fault.where, fault.detail);
        _exit(1);
    }
    world.utc_us = clock_utc_us(clock_system()); /* never the same time again */
    submit_all();
    ledger_node_status(world.node, &node);
    INVARIANT(!node.halted && node.height == node.confirmed_height && node.height == BLOCKS);
    INVARIANT(strcmp(world_balance(&world, ISSUER), "-100") == 0);
    INVARIANT(strcmp(world_balance(&world, ALICE), "1") == 0);
    INVARIANT(strcmp(world_balance(&world, BOB), "99") == 0);
    world_close(&world);
    _exit(0);
}

/* Runs a life that is killed at hit `hit` of any point; 0: at none. True when it was killed. */
static bool killed_at(int hit)
{
    char target[32];
    (void)snprintf(target, sizeof(target), "*:%d", hit);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        INVARIANT(hit == 0 ? unsetenv("STRONGROOM_CRASHPOINT") == 0 : setenv("STRONGROOM_CRASHPOINT", target, 1) == 0);
        live();
    }
    int result = 0;
    cr_assert_eq(waitpid(child, &result, 0), child);
    bool killed = WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL;
    cr_assert(killed || (WIFEXITED(result) && WEXITSTATUS(result) == 0), "hit %d: status %d", hit, result);
    return killed;
}

Test(ledger_crash, killed_once_at_every_point)
{
    int hit = 1;
    while (hit < POINTS_MOST && killed_at(hit)) {
        cr_assert_not(killed_at(0));
        teardown();
        setup();
        hit++;
    }
    cr_expect_gt(hit, 5 * BLOCKS, "only %d points were hit", hit - 1);
    cr_expect_lt(hit, POINTS_MOST);
}

/* Each life gets one step further than the one before; what is left over by many deaths is no worse than by one. */
Test(ledger_crash, killed_again_and_again)
{
    for (int first = 1; first <= 6; first++) {
        int deaths = 0;
        for (int hit = first; killed_at(hit); hit++) {
            deaths++;
            cr_assert_lt(deaths, POINTS_MOST);
        }
        cr_expect_gt(deaths, 0);
        teardown();
        setup();
    }
}
