/*
 * The anchor in the token of the audit signer, against a real signerd: the token finds a guard that was set back, and a
 * new guard goes on from what the token holds.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "audit/tree.h"
#include "papers.h"
#include "place.h"

#define LABEL "strongroom-anchor"
#define TOOL "pkcs11-tool --module $M --token-label $L --login --pin $P "
#define NEXT "custody.example/audit/v1/e2"
#define TEXT " --type data --label " LABEL " --private"

static struct place place;
static struct world world;
static struct wire_pool *pool;

static void make(void)
{
    place_make(&place, ROLE_AUDIT, ALGORITHM_ED25519);
    world_init(&world, ROLE_AUDIT, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    for (int i = 0; i < 20; i++) {
        world_entry_append(&world, "custodyd");
    }
}

static void finish(void)
{
    place_remove(&place);
    world_wipe(&world);
}

static void start_with(const char *const further[])
{
    cr_assert(place_start(&place, further, NULL), "%s", place.log);
    pool = place_pool(&place, 1);
}

static void start(void)
{
    start_with(NULL);
}

static void end(int signal_number)
{
    wire_pool_free(pool);
    int status = place_stop(&place, signal_number);
    cr_expect(signal_number == SIGKILL || status == 0, "%s", place.log);
}

static enum status sign(uint64_t old, uint64_t size)
{
    struct wire_checkpoint_request request;
    struct wire_checkpoint_reply reply;
    world_checkpoint(&request, &world, old, size);
    enum status status = wire_checkpoint_sign(pool, &reply, &request, PLACE_TIMEOUT_MS, NULL);
    bytes_free(&request.note);
    return status;
}

static void expect_signed(uint64_t old, uint64_t size)
{
    enum status status = sign(old, size);
    cr_expect(status == STATUS_OK, "%s", status_info(status)->code);
}

static void shell(const char *line)
{
    const char *const command[] = {"sh", "-ec", line, NULL};
    cr_assert(setenv("G", place.guard, 1) == 0 && setenv("M", place.token.module, 1) == 0 &&
              setenv("L", place.token.label, 1) == 0 && setenv("P", place.token.pin, 1) == 0);
    cr_assert(test_run(command) == 0, "%s", line);
}

/* With the signer stopped. */
static void expect_held(const char *pattern)
{
    char line[512];
    (void)snprintf(line, sizeof(line),
                   TOOL "--read-object --type data --label " LABEL " -o $G.held; grep -q '%s' $G.held", pattern);
    shell(line);
}

static void expect_no_start(const char *code, const char *text)
{
    cr_assert(!place_start(&place, NULL, NULL), "it started");
    cr_expect(place.exit_status == 78, "exit %d", place.exit_status);
    cr_expect(strstr(place.log, code) != NULL && strstr(place.log, text) != NULL, "'%s' '%s' in: %s", code, text,
              place.log);
}

static void expect_log(const char *text, bool expected)
{
    cr_expect((strstr(place.log, text) != NULL) == expected, "'%s' in: %s", text, place.log);
}

/* The disk is put back, the token is not. */
Test(anchor, a_guard_that_was_set_back_does_not_start)
{
    make();
    start();
    expect_signed(0, 8);
    end(SIGTERM);
    expect_log("token.anchored", false); /* there was nothing to anchor when it started */
    shell("cp $G/data.mdb $G.older");
    start();
    expect_signed(8, 13);
    end(SIGTERM);
    expect_log("event=token.anchored", true);
    start();
    end(SIGTERM);
    expect_held("^13$");
    shell("cp $G/data.mdb $G.newest; cat $G.older > $G/data.mdb");
    expect_no_start("rollback", "token.anchor");
    expect_no_start("rollback", "size 13 and the guard that of 8");
    shell("cat $G.newest > $G/data.mdb");
    start();
    expect_signed(13, 20);
    end(SIGTERM);
    finish();
}

/* It forgot nothing: what it never signed is signed by nobody else, and the trail goes on where the token stands. */
Test(anchor, a_new_guard_goes_on_from_the_token)
{
    make();
    start();
    expect_signed(0, 13);
    end(SIGTERM);
    start();
    end(SIGTERM);
    shell("rm -r $G");
    cr_assert(place_initialise_again(&place) == 0, "%s", place.log);
    start();
    cr_expect(sign(0, 5) == STATUS_ROLLBACK);
    cr_expect(sign(0, 20) == STATUS_PROOF_INVALID);
    expect_signed(13, 20);
    end(SIGTERM);
    expect_log("event=anchor.adopted", true);
    start();
    end(SIGTERM);
    expect_log("event=anchor.adopted", false);
    finish();
}

/* The guard signed another history than the token knows, while the token was not asked. */
Test(anchor, another_root_of_the_same_size_does_not_start)
{
    static const char *const unanchored[] = {"--token-anchor-s", "0", NULL};
    make();
    start();
    expect_signed(0, 8);
    end(SIGTERM);
    shell("cp $G/data.mdb $G.older");
    start();
    expect_signed(8, 13);
    end(SIGTERM);
    start();
    end(SIGTERM);
    shell("cat $G.older > $G/data.mdb");
    world.leaf_hashes[12].bytes32[0] ^= 1;
    start_with(unanchored);
    expect_signed(8, 13);
    end(SIGTERM);
    expect_no_start("fork", "token.anchor");
    finish();
}

/* The quorum ends the log with its first 8 entries; the next one has the same key. */
static enum status fork_log(void)
{
    struct wire_key_state_reply reply;
    struct signed_document order;
    struct audit_key next;
    size_t len = 0;
    struct digest key;
    char vkey[AUDIT_VKEY_SIZE];
    public_key_id(&key, &world.signer_key);
    struct command command = order_key(&world, COMMAND_KEY_RETIRE, &key, KEY_STATE_ACTIVE, 1);
    command.action = COMMAND_LOG_FORK;
    command.role = (enum signer_role)0;
    command.size = 8;
    audit_tree_root(&command.root, world.leaf_hashes, 8);
    cr_assert(audit_key_make(&next, NEXT, AUDIT_KEY_ED25519, public_key_point(&world.signer_key, &len), NULL) ==
              STATUS_OK);
    audit_key_format(vkey, &next);
    memcpy(command.log, vkey, sizeof(command.log));
    order_key_sign(&order, &world, &command, ADA, ALAN);
    enum status status = wire_key_command(pool, &reply, &order, PLACE_TIMEOUT_MS, NULL);
    signed_document_free(&order);
    return status;
}

/* It would sign the ended log again. */
Test(anchor, a_guard_from_before_the_log_ended_does_not_start)
{
    make();
    start();
    expect_signed(0, 13);
    end(SIGTERM);
    shell("cp $G/data.mdb $G.older");
    start();
    cr_assert(fork_log() == STATUS_OK, "%s", place_log(&place));
    world.origin = NEXT;
    expect_signed(0, 3);
    end(SIGTERM);
    start();
    end(SIGTERM);
    expect_log("event=token.anchored", true);
    shell("cp $G/data.mdb $G.newest; cat $G.older > $G/data.mdb");
    expect_no_start("rollback", "token.anchor");
    expect_no_start("rollback", NEXT ", which follows the guard's log");
    shell("cat $G.newest > $G/data.mdb");
    start();
    expect_signed(3, 5);
    end(SIGTERM);
    finish();
}

/* What is there besides stays; the ruin of a write goes, and hides nothing. */
Test(anchor, ruins_and_anchors_of_other_logs_refuse_nothing)
{
    make();
    start();
    expect_signed(0, 8);
    end(SIGTERM);
    shell("printf '%s\\n' other.example/log 99 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= > $G.other;"
          "printf garbage > $G.garbage;" TOOL "--write-object $G.other" TEXT "; " TOOL
          "--write-object $G.garbage" TEXT);
    start();
    end(SIGTERM);
    expect_log("event=anchor.garbled", true);
    expect_log("event=token.anchored", true);
    start();
    end(SIGTERM);
    expect_log("event=anchor.garbled", false);
    expect_log("event=token.anchored", false); /* it is there already */
    shell(TOOL "--write-object $G.garbage" TEXT);
    start();
    end(SIGTERM);
    expect_log("event=token.anchored", true);
    shell("test $(" TOOL "-O --type data | grep -c " LABEL ") = 2");
    finish();
}

/* A token that is set up anew, and one that is never restarted. */
Test(anchor, it_is_written_as_time_goes_by)
{
    static const char *const often[] = {"--token-anchor-s", "1", NULL};
    make();
    start();
    expect_signed(0, 8);
    end(SIGTERM);
    shell("cp $G/data.mdb $G.older");
    start_with(often);
    expect_signed(8, 13);
    while (strstr(place_log(&place), "size=13") == NULL) {
        (void)usleep(100000);
    }
    end(SIGKILL);
    shell("cat $G.older > $G/data.mdb");
    expect_no_start("rollback", "token.anchor");
    shell(TOOL "--delete-object --type data --label " LABEL);
    start();
    end(SIGTERM);
    expect_held("^8$");
    finish();
}
