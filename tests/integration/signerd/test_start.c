/*
 * When signerd does not start: no guard, a broken one, another's; the wrong PIN; an initialisation that is not in
 * order. Each refusal says why, and a refused start has exit status 78.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "place.h"
#include "signer/guard.h"

static struct place place;
static struct world world;

static void make(enum signer_role role, enum algorithm algorithm)
{
    place_make(&place, role, algorithm);
    world_init(&world, role, &place.key, clock_utc_us(clock_system()));
}

static void make_initialised(void)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
}

static void finish(void)
{
    place_remove(&place);
    world_wipe(&world);
}

static void expect_no_start(const char *code, const char *text)
{
    cr_assert(!place_start(&place, NULL, NULL), "it started");
    cr_expect(place.exit_status == 78, "exit %d", place.exit_status);
    cr_expect(strstr(place.log, code) != NULL && strstr(place.log, text) != NULL, "'%s' '%s' in: %s", code, text,
              place.log);
}

static void expect_start(void)
{
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
}

/* Runs a line of shell in which $G is the guard's folder. */
static void shell(const char *line)
{
    const char *const command[] = {"sh", "-ec", line, NULL};
    cr_assert(setenv("G", place.guard, 1) == 0);
    cr_assert(test_run(command) == 0, "%s", line);
}

/* The guard */

Test(start, a_missing_guard_is_not_made_up)
{
    make_initialised();
    shell("rm $G/data.mdb");
    expect_no_start("not_found", "guard");
    shell("rmdir $G");
    expect_no_start("not_found", "initialise");
    cr_expect(access(place.guard, F_OK) != 0);
    finish();
}

Test(start, a_short_guard_is_refused)
{
    make_initialised();
    static const char *const cuts[] = {
        "truncate -s 0 $G/data.mdb",    "truncate -s 1 $G/data.mdb",     "truncate -s 4096 $G/data.mdb",
        "truncate -s 8192 $G/data.mdb", "truncate -s 12287 $G/data.mdb",
    };
    shell("cp $G/data.mdb $G.kept");
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        shell("cp $G.kept $G/data.mdb");
        shell(cuts[i]);
        expect_no_start("corrupt", "guard");
    }
    shell("cp $G.kept $G/data.mdb");
    expect_start();
    finish();
}

/* Every page, garbled as a whole; and every sixteenth byte of the file, flipped. */
static void garble(long offset, size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/data.mdb", place.guard);
    FILE *file = fopen(path, "r+");
    cr_assert(file != NULL && fseek(file, offset, SEEK_SET) == 0);
    uint8_t bytes[4096];
    size_t got = fread(bytes, 1, len, file);
    for (size_t i = 0; i < got; i++) {
        bytes[i] ^= 0xff;
    }
    cr_assert(fseek(file, offset, SEEK_SET) == 0 && fwrite(bytes, 1, got, file) == got && fclose(file) == 0);
}

static long guard_size(void)
{
    char path[512];
    struct stat file;
    (void)snprintf(path, sizeof(path), "%s/data.mdb", place.guard);
    cr_assert(stat(path, &file) == 0);
    return file.st_size;
}

/* A flipped byte is harmless or noticed, never believed: what opens is what was written. */
static void expect_guarded(const struct guard_state *written, long offset)
{
    struct guard *guard = NULL;
    struct fault fault = {0};
    enum status status = guard_open(&guard, place.guard, &fault);
    if (status == STATUS_OK) {
        struct guard_state read;
        guard_read(guard, &read);
        cr_expect(digest_equal(&read.policy, &written->policy) && read.size == written->size &&
                      read.policy_version == written->policy_version && digest_equal(&read.key, &written->key),
                  "byte %ld changed the state unseen", offset);
        guard_close(guard);
    } else {
        cr_expect(status == STATUS_CORRUPT || status == STATUS_VERSION, "byte %ld: %s", offset,
                  status_info(status)->code);
        cr_expect(fault.detail[0] != '\0');
    }
}

Test(start, a_garbled_guard_is_refused)
{
    make_initialised();
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    struct wire_pool *pool = place_pool(&place, 1);
    for (uint64_t i = 0; i < 40; i++) {
        struct order order;
        struct wire_transfer_reply reply;
        order_init(&order, &world, 1, i);
        const struct wire_transfer_request request = order_request(&order);
        MUST(place_transfer_sign(pool, &reply, &request));
        bytes_free(&reply.transaction);
        order_wipe(&order);
    }
    wire_pool_free(pool);
    cr_assert(place_stop(&place, SIGTERM) == 0);

    struct guard *guard = NULL;
    struct guard_state written;
    MUST(guard_open(&guard, place.guard, NULL));
    guard_read(guard, &written);
    guard_close(guard);
    for (long offset = 5; offset < guard_size(); offset += 211) {
        garble(offset, 1);
        expect_guarded(&written, offset);
        garble(offset, 1);
    }
    for (long offset = 0; offset < guard_size(); offset += 4096) {
        garble(offset, 4096);
        expect_guarded(&written, offset);
        garble(offset, 4096);
    }
    /* And the program says so. */
    garble(0, 4096);
    garble(4096, 4096);
    expect_no_start("corrupt", "guard");
    garble(0, 4096);
    garble(4096, 4096);
    expect_start();
    finish();
}

static void guard_made(const struct guard_state *state, const struct public_key *founding)
{
    struct guard_policy policy;
    world_guard_policy(&policy, &world);
    MUST(guard_create(place.guard, state, founding, &policy, NULL));
    guard_policy_free(&policy);
}

Test(start, a_guard_of_another_role_or_key_is_refused)
{
    make_initialised();
    place.role = ROLE_VALIDATOR;
    expect_no_start("mismatch", "role transfer");
    place.role = ROLE_TRANSFER;
    struct guard_state state;
    world_guard_state(&state, &world);
    const struct public_key *another = test_key_public(world.keys[SOFT]);
    public_key_id(&state.key, another);
    shell("rm -r $G");
    guard_made(&state, another);
    expect_no_start("mismatch", "another key");
    finish();
}

#define DAY_US (24LL * 3600 * 1000000)

static struct guard_state state_seen(void)
{
    struct guard *guard = NULL;
    struct guard_state state;
    MUST(guard_open(&guard, place.guard, NULL));
    guard_read(guard, &state);
    guard_close(guard);
    return state;
}

/* So that no clock, however far ahead, is the first to be believed. */
Test(start, initialise_is_a_time_that_was_seen)
{
    int64_t before = clock_utc_us(clock_system());
    make_initialised();
    int64_t seen = state_seen().highest_utc_us;
    cr_expect(seen >= before && seen <= clock_utc_us(clock_system()));
    finish();
}

Test(start, a_guard_made_anew_counts_on)
{
    world_before = 37;
    make_initialised();
    cr_expect(state_seen().promises == 37);
    expect_start();
    finish();
}

Test(start, other_guards_make_no_promises)
{
    world_before = 37;
    make(ROLE_AUDIT, ALGORITHM_ED25519);
    cr_expect(place_initialise(&place, &world) == 78 && strstr(place.log, "where=promises") != NULL, "%s", place.log);
    finish();
}

static void accept_option(char out[64], int64_t utc_us)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, utc_us);
    (void)snprintf(out, 64, "--accept-clock=%.10s", text);
}

Test(start, after_a_long_stop_people_say_the_day)
{
    make_initialised();
    struct guard_state state;
    char wrong[64];
    char right[64];
    int64_t now = clock_utc_us(clock_system());
    world_guard_state(&state, &world);
    state.highest_utc_us = now - 30 * DAY_US;
    shell("rm -r $G");
    guard_made(&state, &place.key);
    cr_assert(!place_start(&place, (const char *const[]){"--accept-clock=today", NULL}, NULL));
    cr_expect(place.exit_status == 64 && strstr(place.log, "signerd: --accept-clock: a day, as 2026-01-31;") != NULL,
              "%s", place.log);
    accept_option(wrong, now - 30 * DAY_US);
    cr_assert(!place_start(&place, (const char *const[]){wrong, NULL}, NULL));
    cr_expect(place.exit_status == 78 && strstr(place.log, "another day") != NULL, "%s", place.log);
    cr_expect(state_seen().highest_utc_us == state.highest_utc_us);
    accept_option(right, now);
    cr_assert(place_start(&place, (const char *const[]){right, NULL}, NULL), "%s", place.log);
    cr_expect(place_stop(&place, SIGTERM) == 0 && strstr(place.log, "clock.accepted") != NULL, "%s", place.log);
    cr_expect(state_seen().highest_utc_us >= now);
    expect_start();
    finish();
}

/* The id that the refusal names, as an option. */
static void accept_guard_option(char out[96])
{
    const char *found = strstr(place.log, "--accept-guard=");
    cr_assert(found != NULL, "%s", place.log);
    (void)snprintf(out, 96, "--accept-guard=%.64s", found + strlen("--accept-guard="));
}

/* A copy that was made while the signer ran does not make a second one, and a word about it serves once. */
Test(start, a_copied_guard_is_for_people_to_accept)
{
    make_initialised();
    char option[96];
    shell("cp -r $G $G.copy; mv $G $G.first; mv $G.copy $G");
    expect_no_start("conflict", "guard.place");
    accept_guard_option(option);
    option[strlen(option) - 1] ^= 1;
    cr_assert(!place_start(&place, (const char *const[]){option, NULL}, NULL), "another id was believed");
    option[strlen(option) - 1] ^= 1;
    cr_assert(place_start(&place, (const char *const[]){option, NULL}, NULL), "%s", place.log);
    cr_expect(place_stop(&place, SIGTERM) == 0 && strstr(place.log, "guard.accepted") != NULL, "%s", place.log);
    expect_start();
    shell("cp -r $G $G.copy; mv $G $G.second; mv $G.copy $G");
    cr_assert(!place_start(&place, (const char *const[]){option, NULL}, NULL), "the word served twice");
    cr_expect(place.exit_status == 78 && strstr(place.log, "guard.place") != NULL, "%s", place.log);
    shell("rm -r $G; mv $G.second $G");
    expect_start();
    finish();
}

/* What this process and its children see as the machine's id is `id` from here on; false when it may not. */
static bool machine_become(const char *id)
{
    char other[] = "/tmp/machine.XXXXXX";
    int fd = mkstemp(other);
    cr_assert(fd >= 0 && write(fd, id, strlen(id)) == (ssize_t)strlen(id) && close(fd) == 0);
    bool good = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount(other, "/etc/machine-id", NULL, MS_BIND, NULL) == 0;
    cr_assert(unlink(other) == 0);
    return good;
}

#define OTHER_MACHINE "00000000000000000000000000000001\n"

/* A whole disk that was cloned has the very same file. */
Test(start, a_guard_is_of_the_machine_where_it_was_made)
{
    make_initialised();
    if (!machine_become(OTHER_MACHINE)) {
        finish();
        cr_skip("needs root and a /etc/machine-id, to be on another machine");
    }
    expect_no_start("conflict", "guard.place");
    cr_assert(umount("/etc/machine-id") == 0);
    expect_start();
    finish();
}

/* A bare system gets its id with some package: the guard is where it was, and belongs to that machine from then on. */
Test(start, a_guard_without_a_machine_settles_on_the_first_one)
{
    if (!machine_become("")) {
        cr_skip("needs root and a /etc/machine-id, to be on a machine without an id");
    }
    make_initialised();
    expect_start();
    cr_assert(umount("/etc/machine-id") == 0);
    expect_start();
    expect_start();
    cr_assert(machine_become(OTHER_MACHINE));
    expect_no_start("conflict", "guard.place");
    cr_assert(umount("/etc/machine-id") == 0);
    expect_start();
    shell("cp -r $G $G.copy; mv $G $G.first; mv $G.copy $G");
    expect_no_start("conflict", "guard.place");
    finish();
}

Test(start, a_guard_into_which_others_may_write_is_refused)
{
    make_initialised();
    shell("chmod 0770 $G");
    expect_no_start("invalid", "this user alone");
    shell("chmod 0700 $G");
    expect_start();
    finish();
}

Test(start, a_guard_has_one_process)
{
    make_initialised();
    struct guard *guard = NULL;
    MUST(guard_open(&guard, place.guard, NULL));
    expect_no_start("conflict", "another process");
    guard_close(guard);
    expect_start();
    finish();
}

/* The PIN */

Test(start, a_wrong_pin_is_tried_once)
{
    make_initialised();
    char wrong[256];
    (void)snprintf(wrong, sizeof(wrong), "%s/wrong.pin", place.token.folder.path);
    const struct bytes text = {.data = (uint8_t *)(uintptr_t) "not-the-pin\n", .len = 12};
    world_write(wrong, &text);
    (void)snprintf(place.pin, sizeof(place.pin), "%s", wrong);
    expect_no_start("pin_refused", "");
    const char *first = strstr(place.log, "pin_refused");
    cr_expect(first != NULL && strstr(first + 1, "pin_refused") == NULL, "one attempt, one line: %s", place.log);
    (void)snprintf(place.pin, sizeof(place.pin), "%s", place.token.pin_path);
    expect_start();
    finish();
}

Test(start, a_broken_guard_costs_no_pin_attempt)
{
    make_initialised();
    shell("rm -r $G");
    char wrong[256];
    (void)snprintf(wrong, sizeof(wrong), "%s/none.pin", place.token.folder.path);
    const struct bytes text = {.data = (uint8_t *)(uintptr_t) "not-the-pin\n", .len = 12};
    world_write(wrong, &text);
    (void)snprintf(place.pin, sizeof(place.pin), "%s", wrong);
    expect_no_start("not_found", "guard");
    cr_expect(strstr(place.log, "pin_refused") == NULL);
    finish();
}

Test(start, the_pin_needs_a_private_credential)
{
    make_initialised();
    cr_assert(setenv("CREDENTIALS_DIRECTORY", place.token.folder.path, 1) == 0);
    char name[96];
    (void)snprintf(name, sizeof(name), "%s.pin", place.token.label);
    /* Both sources at once are refused. */
    const char *const both[] = {"--pin-credential", name, NULL};
    cr_expect(!place_start(&place, both, NULL) && strstr(place.log, "pin-fd") != NULL, "%s", place.log);
    const char *const credential[] = {"--pin-credential", name, NULL};
    place.pin_by_credential = true;
    cr_assert(place_start(&place, credential, NULL), "%s", place.log);
    cr_expect(place_stop(&place, SIGTERM) == 0);
    cr_assert(chmod(place.token.pin_path, 0644) == 0);
    cr_expect(!place_start(&place, credential, NULL) && strstr(place.log, "pin-credential") != NULL, "%s", place.log);
    finish();
}

/* The ceremony */

Test(start, initialise_refuses_while_a_guard_is_there)
{
    make_initialised();
    cr_expect(place_initialise_again(&place) == 78);
    cr_expect(strstr(place.log, "exists") != NULL, "%s", place.log);
    expect_start();
    finish();
}

static void expect_no_guard(const char *code, const char *where, const char *what)
{
    int status = place_initialise_again(&place);
    cr_expect(status == 78, "%s: exit %d", what, status);
    cr_expect(strstr(place.log, code) != NULL && strstr(place.log, where) != NULL, "%s: %s", what, place.log);
    cr_expect(access(place.guard, F_OK) != 0, "%s: a guard was made", what);
}

static void write_command(const struct command *command, enum who first, enum who second)
{
    struct signed_document document;
    world_command_sign(&document, command, world.keys[first], world.keys[second]);
    world_write_signed(place.command, &document);
    signed_document_free(&document);
}

Test(start, initialise_needs_an_order_for_exactly_this)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    world_write_signed(place.policy, &world.policy_signed);
    const struct command right = world_command(&world);
    struct command command = right;

    write_command(&command, ADA, STRANGER);
    expect_no_guard("unknown_key", "", "signed by a stranger");

    command = right;
    command.role = ROLE_VALIDATOR;
    command.log[0] = '\0';
    write_command(&command, ADA, ALAN);
    expect_no_guard("mismatch", "command.role", "another role");

    command = right;
    command.key.bytes32[0] ^= 1;
    write_command(&command, ADA, ALAN);
    expect_no_guard("mismatch", "command.key", "another key");

    command = right;
    command.policy.bytes32[0] ^= 1;
    write_command(&command, ADA, ALAN);
    expect_no_guard("mismatch", "policy", "another policy");

    command = right;
    command.chain.bytes32[0] ^= 1;
    write_command(&command, ADA, ALAN);
    expect_no_guard("mismatch", "chain", "another chain");

    command = right;
    command.issued_at -= 25 * WORLD_HOUR_US;
    write_command(&command, ADA, ALAN);
    expect_no_guard("expired", "command.issued_at", "an old order");

    command = right;
    command.issued_at += WORLD_HOUR_US;
    write_command(&command, ADA, ALAN);
    expect_no_guard("expired", "command.issued_at", "an order of the future");

    write_command(&right, ADA, ALAN);
    world.policy_signed.signature_count = 1;
    world_write_signed(place.policy, &world.policy_signed);
    expect_no_guard("quorum_missing", "", "a policy that one administrator signed");

    world.policy_signed.signature_count = 3;
    world_write_signed(place.policy, &world.policy_signed);
    cr_expect(place_initialise_again(&place) == 0, "%s", place.log);
    expect_start();
    finish();
}

Test(start, a_validator_must_be_one_of_the_genesis)
{
    make(ROLE_VALIDATOR, ALGORITHM_P256);
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    shell("rm -r $G");
    struct world other;
    struct public_key key = place.key;
    world_init(&other, ROLE_VALIDATOR, NULL, world.now_utc_us); /* the key SOFT is its validator */
    other.signer_key = key;
    cr_expect(place_initialise(&place, &other) == 78);
    cr_expect(strstr(place.log, "no validator") != NULL, "%s", place.log);
    world_write(place.genesis, &world.genesis);
    expect_no_guard("mismatch", "genesis", "the genesis of another chain");
    world_wipe(&other);
    finish();
}

/* A guard made anew after the policy has changed: the quorum of the newest version has signed the order for it. */
Test(start, initialise_takes_all_versions_of_a_folder)
{
    make(ROLE_TRANSFER, ALGORITHM_P256);
    char first[sizeof(place.policy)];
    char path[sizeof(place.policy) + 16];
    struct signed_document second;
    struct wire_status_reply status;
    memcpy(first, place.policy, sizeof(first));
    world_write_signed(first, &world.policy_signed);
    world_policy_next(&second, &world);
    (void)snprintf(place.policy, sizeof(place.policy), "%s/versions", place.token.folder.path);
    cr_assert(test_run((const char *const[]){"mkdir", place.policy, NULL}) == 0);
    (void)snprintf(path, sizeof(path), "%s/1.json", place.policy);
    world_write_signed(path, &world.policy_signed);
    struct command command = world_command(&world);
    (void)snprintf(path, sizeof(path), "%s/2.json", place.policy);
    world_write_signed(path, &second);
    write_command(&command, ADA, ALAN);
    expect_no_guard("mismatch", "policy", "an order under the first version");
    world_policy_advance(&world, &second);
    command = world_command(&world);
    write_command(&command, ADA, ALAN);
    cr_assert(place_initialise_again(&place) == 0, "%s", place.log);
    cr_expect(!place_start(&place, NULL, NULL) && place.exit_status == 78, "started with a folder");
    memcpy(place.policy, first, sizeof(first));
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    struct wire_pool *pool = place_pool(&place, 1);
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    cr_expect(status.policy_version == 2 && digest_equal(&status.policy, &world.policy.digest) && !status.has_next);
    cr_expect(status.policy_in_force_at > world.policy.issued_at);
    wire_pool_free(pool);
    cr_assert(place_stop(&place, SIGTERM) == 0);
    signed_document_free(&second);
    finish();
}
