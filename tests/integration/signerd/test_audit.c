/*
 * Role audit against a real signerd: a checkpoint is signed only if it extends the one signed last, and two histories
 * halt the signer for good.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "place.h"

static struct place place;
static struct world world;
static struct wire_pool *pool;

static void start(void)
{
    place_make(&place, ROLE_AUDIT, ALGORITHM_ED25519);
    world_init(&world, ROLE_AUDIT, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    pool = place_pool(&place, 1);
    for (int i = 0; i < 20; i++) {
        world_entry_append(&world, "custodyd");
    }
}

static void finish(void)
{
    wire_pool_free(pool);
    cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    place_remove(&place);
    world_wipe(&world);
}

static enum status sign(struct wire_checkpoint_reply *out, const struct wire_checkpoint_request *request,
                        struct fault *fault)
{
    *fault = (struct fault){0};
    return wire_checkpoint_sign(pool, out, request, PLACE_TIMEOUT_MS, fault);
}

/* Signs the extension from `old` to `size`; the signed note opens under the log key. */
static void expect_signed(uint64_t old, uint64_t size)
{
    struct wire_checkpoint_request request;
    struct wire_checkpoint_reply reply;
    struct fault fault;
    world_checkpoint(&request, &world, old, size);
    enum status status = sign(&reply, &request, &fault);
    cr_assert(status == STATUS_OK, "%llu: %s: %s", (unsigned long long)size, fault.where, fault.detail);
    struct bytes note = {0};
    struct audit_checkpoint opened;
    MUST(audit_note_assemble(&note, request.note.data, request.note.len, &world.log_key, reply.signatures[0], NULL));
    cr_expect(audit_checkpoint_open(&opened, note.data, note.len, &world.log_key, NULL) == STATUS_OK);
    cr_expect(opened.size == size);
    bytes_free(&note);
    bytes_free(&request.note);
}

static void expect_refused(const struct wire_checkpoint_request *request, enum status expected, const char *where)
{
    struct wire_checkpoint_reply reply;
    struct fault fault;
    enum status status = sign(&reply, request, &fault);
    cr_expect(status == expected, "%s instead of %s", status_info(status)->code, status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
}

static void expect_status(bool ready, uint64_t size)
{
    struct wire_status_reply status;
    struct digest root;
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    audit_tree_root(&root, world.leaf_hashes, size);
    cr_expect(status.ready == ready, "%s", status.reason);
    cr_expect(status.size == size && digest_equal(&status.root, &root));
}

static void restart(void)
{
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
}

Test(audit, signs_extensions_and_the_same_again)
{
    start();
    expect_status(true, 0);
    expect_signed(0, 1);
    expect_signed(1, 8);
    expect_signed(8, 8);
    expect_signed(8, 13);
    restart();
    expect_signed(13, 13);
    expect_signed(13, 20);
    expect_status(true, 20);
    finish();
}

Test(audit, refuses_a_rollback_and_goes_on)
{
    start();
    expect_signed(0, 13);
    struct wire_checkpoint_request request;
    world_checkpoint(&request, &world, 0, 8);
    expect_refused(&request, STATUS_ROLLBACK, "note.size");
    bytes_free(&request.note);
    restart();
    world_checkpoint(&request, &world, 0, 12);
    expect_refused(&request, STATUS_ROLLBACK, "note.size");
    bytes_free(&request.note);
    expect_signed(13, 14);
    finish();
}

Test(audit, refuses_an_extension_of_another_size_and_goes_on)
{
    start();
    expect_signed(0, 8);
    struct wire_checkpoint_request request;
    world_checkpoint(&request, &world, 4, 13);
    expect_refused(&request, STATUS_PROOF_INVALID, "old");
    bytes_free(&request.note);
    expect_signed(8, 13);
    finish();
}

/* A halt survives the restart and leaves only the status. */
static void expect_halted(uint64_t size)
{
    struct wire_checkpoint_request request;
    expect_status(false, size);
    restart();
    expect_status(false, size);
    world_checkpoint(&request, &world, size, size);
    expect_refused(&request, STATUS_HALTED, "guard");
    bytes_free(&request.note);
}

Test(audit, another_root_of_the_same_size_halts_for_good)
{
    start();
    expect_signed(0, 8);
    struct wire_checkpoint_request request;
    struct digest kept = world.leaf_hashes[7];
    world.leaf_hashes[7].bytes32[0] ^= 1;
    world_checkpoint(&request, &world, 8, 8);
    expect_refused(&request, STATUS_FORK, "note.root");
    bytes_free(&request.note);
    world.leaf_hashes[7] = kept;
    expect_halted(8);
    finish();
}

Test(audit, a_history_that_was_rewritten_halts_for_good)
{
    start();
    expect_signed(0, 8);
    struct wire_checkpoint_request request;
    struct digest kept = world.leaf_hashes[3];
    world.leaf_hashes[3].bytes32[0] ^= 1;
    world_checkpoint(&request, &world, 8, 13);
    expect_refused(&request, STATUS_PROOF_INVALID, "proof");
    bytes_free(&request.note);
    world.leaf_hashes[3] = kept;
    expect_halted(8);
    finish();
}

Test(audit, refuses_notes_that_are_not_its_own)
{
    start();
    struct wire_checkpoint_request request;
    world_checkpoint(&request, &world, 0, 8);
    struct bytes note = request.note;

    request.note = (struct bytes){0};
    struct audit_checkpoint checkpoint = {.origin = "other.example/log", .size = 8};
    MUST(audit_checkpoint_build(&request.note, &checkpoint, NULL));
    expect_refused(&request, STATUS_MISMATCH, "note.origin");
    bytes_free(&request.note);

    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, note.data, note.len);
    buffer_append_text(&buffer, "an extension line\n");
    MUST(buffer_finish(&request.note, &buffer));
    struct wire_checkpoint_reply reply;
    struct fault fault;
    cr_expect(sign(&reply, &request, &fault) == STATUS_INVALID);
    bytes_free(&request.note);
    bytes_free(&note);
    expect_signed(0, 8);
    finish();
}

Test(audit, needs_an_ed25519_key)
{
    place_make(&place, ROLE_AUDIT, ALGORITHM_P256);
    world_init(&world, ROLE_AUDIT, NULL, clock_utc_us(clock_system()));
    const struct public_key log = world.signer_key;
    world.signer_key = place.key; /* the command names the token's key, the log another */
    cr_expect(place_initialise(&place, &world) == 78);
    cr_expect(strstr(place.log, "command.log") != NULL, "%s", place.log);
    cr_expect(access(place.guard, F_OK) != 0, "no guard was made");
    world.signer_key = log;
    place_remove(&place);
    world_wipe(&world);
}
