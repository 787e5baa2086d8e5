/*
 * The processes around a token: who is there, who dies with whom, what is tried again and what never, and what a wrong
 * signature brings about.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "pair.h"

#define TOKEN_TIMEOUT_MS 10000 /* no healthy token takes so long, on a busy machine either */
#define TOKEN_TIMEOUT_MAX_MS 60000
#define HANG_TIMEOUT_MS 300 /* for tokens that hang */
#define GRACE_US 1000000    /* token_keeper.c: what has not logged out by then is killed */

static struct pair pair;
static struct world world;
static struct wire_pool *pool;
static struct bytes header;

static void make(void)
{
    pair_make(&pair, ROLE_VALIDATOR, ALGORITHM_P256);
    pair.token_timeout_ms = TOKEN_TIMEOUT_MS;
    world_init(&world, ROLE_VALIDATOR, &pair.place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&pair.place, &world) == 0, "%s", pair.place.log);
    world_header(&header, &world, 1, &world.chain, "process");
}

static void make_started(bool with_standby)
{
    make();
    cr_assert(pair_start(&pair, with_standby), "%s", pair.place.log);
    pool = place_pool(&pair.place, 2);
}

static void finish(void)
{
    wire_pool_free(pool);
    pool = NULL;
    bytes_free(&header);
    pair_remove(&pair);
    world_wipe(&world);
}

static void finish_stopped(void)
{
    cr_expect(place_stop(&pair.place, SIGTERM) == 0, "%s", pair.place.log);
    finish();
}

/* Asks for the one header. */
static enum status ask(struct fault *fault)
{
    const struct wire_header_request request = {.header = header};
    struct wire_header_reply reply;
    *fault = (struct fault){0};
    return wire_header_sign(pool, &reply, &request, PLACE_TIMEOUT_MS, fault);
}

static void expect(enum status expected)
{
    struct fault fault;
    enum status status = ask(&fault);
    cr_expect(status == expected, "%s, not %s: %s", status_info(status)->code, status_info(expected)->code,
              fault.detail);
}

static void expect_refused_start(bool with_standby, const char *code, const char *text)
{
    cr_assert(!pair_start(&pair, with_standby), "it started");
    cr_expect(pair.place.exit_status == 78, "exit %d", pair.place.exit_status);
    cr_expect(pair_logged(&pair, "event=start.refused", code) == 1, "%s: %s", code, pair.place.log);
    cr_expect(strstr(pair.place.log, text) != NULL, "'%s' in: %s", text, pair.place.log);
}

struct family {
    pid_t keeper;
    pid_t primary;
    pid_t standby;
};

static struct family family_of(void)
{
    struct family family = {pair_keeper(&pair), pair_process(&pair, PRIMARY), pair_process(&pair, STANDBY)};
    cr_assert(family.keeper > 0 && family.primary > 0 && family.standby > 0, "%d %d %d", (int)family.keeper,
              (int)family.primary, (int)family.standby);
    return family;
}

static void expect_gone(const struct family *family)
{
    cr_expect(pair_gone(family->keeper), "the keeper lives on");
    cr_expect(pair_gone(family->primary) && pair_gone(family->standby), "a token's process lives on");
}

/* Who dies with whom */

Test(token_process, a_killed_signer_leaves_no_process)
{
    make_started(true);
    const struct family family = family_of();
    (void)place_stop(&pair.place, SIGKILL);
    expect_gone(&family);
    finish();
}

/* Whether it logged out. If not, the grace must have ended: it was too slow, and killed. */
static bool stop_started(void)
{
    const struct family family = family_of();
    pair_disturb(&pair, PRIMARY, "");
    int64_t from_us = clock_monotonic_us(clock_system());
    cr_expect(place_stop(&pair.place, SIGTERM) == 0, "%s", pair.place.log);
    bool grace_ended = clock_monotonic_us(clock_system()) - from_us >= GRACE_US;
    expect_gone(&family);
    bool out = pair_calls(&pair, PRIMARY, "C_Logout") == 1 && pair_calls(&pair, PRIMARY, "C_Finalize") == 1;
    cr_expect(out || grace_ended, "it does not log out, and had time");
    return out;
}

/* On a busy machine it has further chances. */
Test(token_process, a_stopped_signer_logs_out_and_leaves_no_process)
{
    make_started(true);
    bool out = stop_started();
    for (int i = 0; i < 4 && !out; i++) {
        cr_assert(pair_start(&pair, true), "%s", pair.place.log);
        out = stop_started();
    }
    cr_expect(out, "it does not log out");
    finish();
}

Test(token_process, a_hanging_token_does_not_keep_the_signer_from_stopping)
{
    make_started(true);
    const struct family family = family_of();
    pair_disturb(&pair, PRIMARY, "C_Logout * hang\nC_GetTokenInfo * hang");
    cr_expect(place_stop(&pair.place, SIGTERM) == 0, "%s", pair.place.log);
    expect_gone(&family);
    finish();
}

/* It cannot be made anew behind the sandbox: the service manager starts the signer again. */
Test(token_process, without_its_keeper_the_signer_ends)
{
    make_started(true);
    const struct family family = family_of();
    cr_assert(kill(family.keeper, SIGKILL) == 0);
    cr_expect(place_await_end(&pair.place) == 1, "exit %d", pair.place.exit_status);
    cr_expect(pair_logged(&pair, "event=keeper.ended", "") == 1, "%s", pair.place.log);
    expect_gone(&family);
    finish();
}

static void *ask_in_thread(void *out)
{
    struct fault fault;
    *(enum status *)out = ask(&fault);
    return NULL;
}

/* Because its process is gone, not because it is late. */
Test(token_process, a_request_under_way_goes_to_the_standby_when_its_process_dies)
{
    make();
    pair.token_timeout_ms = TOKEN_TIMEOUT_MAX_MS;
    cr_assert(pair_start(&pair, true), "%s", pair.place.log);
    pool = place_pool(&pair.place, 1);
    pid_t process = pair_process(&pair, PRIMARY);
    pair_disturb(&pair, PRIMARY, "C_Sign * hang");
    pthread_t thread;
    enum status status = STATUS_INTERNAL;
    cr_assert(pthread_create(&thread, NULL, ask_in_thread, &status) == 0);
    while (pair_calls(&pair, PRIMARY, "C_Sign") == 0) {
        const struct timespec pause = {.tv_nsec = 5000000};
        (void)nanosleep(&pause, NULL);
    }
    cr_assert(kill(process, SIGKILL) == 0);
    cr_assert(pthread_join(thread, NULL) == 0);
    cr_expect(status == STATUS_OK, "%s", status_info(status)->code);
    cr_expect(pair_await(&pair, "event=token.down", "status=token", 1), "%s", pair.place.log);
    cr_expect(pair_logged(&pair, "event=token.down", "status=timed_out") == 0, "%s", pair.place.log);
    finish_stopped();
}

/* What is tried again */

Test(token_process, a_refused_pin_is_never_tried_again)
{
    make_started(true);
    pid_t process = pair_process(&pair, PRIMARY);
    pair_disturb(&pair, PRIMARY, "C_Login * rv 0xa0");
    cr_assert(kill(process, SIGKILL) == 0);
    cr_assert(pair_await(&pair, "event=token.down", "status=pin_refused", 1), "%s", place_log(&pair.place));
    pair_disturb(&pair, PRIMARY, ""); /* from now on it would be taken */
    /* As long as it takes to bring the other one down and up again twice, with the pauses between. */
    for (int i = 1; i <= 2; i++) {
        process = pair_process(&pair, STANDBY);
        cr_assert(process > 0 && kill(process, SIGKILL) == 0);
        cr_assert(pair_await(&pair, "event=token.up", "token=standby", 1 + i), "%s", place_log(&pair.place));
    }
    cr_expect(pair_calls(&pair, PRIMARY, "C_Login") == 0 && pair_process(&pair, PRIMARY) == 0);
    expect(STATUS_OK);
    finish_stopped();
}

Test(token_process, a_refused_pin_refuses_the_start)
{
    make();
    pair_disturb(&pair, PRIMARY, "C_Login * rv 0xa0");
    expect_refused_start(true, "status=pin_refused", "");
    cr_expect(pair_calls(&pair, PRIMARY, "C_Login") == 1);
    finish();
}

Test(token_process, a_pin_from_a_pipe_serves_once)
{
    make();
    int ends[2];
    cr_assert(pipe(ends) == 0);
    cr_assert(write(ends[1], pair.place.token.pin, strlen(pair.place.token.pin)) > 0 && close(ends[1]) == 0);
    (void)snprintf(pair.place.pin, sizeof(pair.place.pin), "/proc/self/fd/%d", ends[0]);
    cr_assert(pair_start(&pair, false), "%s", pair.place.log);
    cr_expect(pair_logged(&pair, "event=pin.once", "") == 1, "%s", pair.place.log);
    pool = place_pool(&pair.place, 1);
    expect(STATUS_OK);
    cr_assert(kill(pair_process(&pair, PRIMARY), SIGKILL) == 0);
    cr_assert(pair_await(&pair, "event=token.down", "", 1));
    expect(STATUS_TOKEN);
    cr_assert(close(ends[0]) == 0);
    finish_stopped();
}

/* The start */

Test(token_process, a_primary_that_is_not_there_does_not_keep_the_standby_from_serving)
{
    make_started(true); /* a key is admitted while it is seen where it was born */
    wire_pool_free(pool);
    cr_assert(place_stop(&pair.place, SIGTERM) == 0, "%s", pair.place.log);
    pair_disturb(&pair, PRIMARY, "C_OpenSession * rv 0x32");
    cr_assert(pair_start(&pair, true), "%s", pair.place.log);
    pool = place_pool(&pair.place, 1);
    cr_expect(pair_logged(&pair, "event=token.down", "C_OpenSession") == 1, "%s", place_log(&pair.place));
    expect(STATUS_OK);
    pair_disturb(&pair, PRIMARY, "");
    cr_assert(pair_await(&pair, "event=token.up", "as=standby", 1), "%s", place_log(&pair.place));
    finish_stopped();
}

/* It never said its label itself. */
Test(token_process, a_standby_is_called_by_its_uri_until_it_says_its_label)
{
    make();
    pair_disturb(&pair, STANDBY, "C_OpenSession * rv 0x5");
    cr_assert(pair_start(&pair, true), "%s", pair.place.log);
    cr_expect(pair_logged(&pair, "event=token.down", " token=standby ") == 1, "%s", place_log(&pair.place));
    finish_stopped();
}

/* It would serve until the session is used that is none. */
Test(token_process, a_process_without_room_for_its_descriptors_is_none)
{
    make();
    struct rlimit before;
    cr_assert(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const struct rlimit tight = {.rlim_cur = 130, .rlim_max = before.rlim_max}; /* two copies from 128 on */
    cr_assert(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    cr_assert(setenv("CREDENTIALS_DIRECTORY", pair.place.token.folder.path, 1) == 0);
    pair.place.pin_by_credential = true;
    const char *const further[] = {"--pin-credential", strrchr(pair.place.token.pin_path, '/') + 1, NULL};
    cr_expect(!place_start(&pair.place, further, NULL), "it serves with a session that is none");
    cr_expect(setrlimit(RLIMIT_NOFILE, &before) == 0);
    finish();
}

static void expect_both_down(const char *primary_fault, const char *code)
{
    pair_disturb(&pair, PRIMARY, primary_fault);
    pair_disturb(&pair, STANDBY, "C_Initialize * rv 0x5");
    expect_refused_start(true, code, "");
}

Test(token_process, without_any_token_there_is_no_start)
{
    make();
    pair.token_timeout_ms = HANG_TIMEOUT_MS;
    expect_both_down("C_Initialize * hang", "status=timed_out");
    pair.token_timeout_ms = TOKEN_TIMEOUT_MS;
    expect_both_down("C_Initialize * exit-after", "status=token");
    finish();
}

/* Each names the call, as far as it is made by us: the first ones are libp11's. */
Test(token_process, a_start_that_is_refused_names_the_call)
{
    static const struct {
        const char *function;
        const char *text;
    } calls[] = {
        {"C_GetFunctionList", "load and initialise"},
        {"C_Initialize", "load and initialise"},
        {"C_GetSlotList", "list the slots"},
        {"C_OpenSession", "C_OpenSession"},
        {"C_Login", "C_Login"},
        {"C_FindObjectsInit", "C_FindObjectsInit"},
        {"C_FindObjects", "C_FindObjects"},
        {"C_FindObjectsFinal", "C_FindObjectsFinal"},
        {"C_GetAttributeValue", "C_GetAttributeValue"},
        {"C_SignInit", "C_SignInit"},
        {"C_Sign", "C_Sign"},
    };
    make();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        char lines[64];
        (void)snprintf(lines, sizeof(lines), "%s * rv 0x5", calls[i].function);
        pair_disturb(&pair, PRIMARY, lines);
        expect_refused_start(false, "status=token", calls[i].text);
    }
    finish();
}

/* A standby that is the same token, through the other module. */
static void standby_confuse(void)
{
    char module[sizeof(pair.modules[STANDBY])];
    memcpy(module, pair.modules[STANDBY], sizeof(module));
    (void)snprintf(pair.standby_uri, sizeof(pair.standby_uri), "pkcs11:token=signer?module-path=%s", module);
    char name[256];
    (void)snprintf(name, sizeof(name), "%s/standby.pin", pair.place.token.folder.path);
    const char *const copy[] = {"cp", pair.place.token.pin_path, name, NULL};
    cr_assert(test_run(copy) == 0);
}

Test(token_process, the_standby_is_another_token)
{
    make();
    standby_confuse();
    expect_refused_start(true, "status=conflict", "signer is in use by process");
    finish();
}

Test(token_process, the_standby_is_another_token_when_it_comes_up_later_too)
{
    make();
    standby_confuse();
    pair_disturb(&pair, STANDBY, "C_Initialize * rv 0x5");
    cr_assert(pair_start(&pair, true), "%s", pair.place.log);
    pool = place_pool(&pair.place, 1);
    pair_disturb(&pair, STANDBY, "");
    cr_assert(pair_await(&pair, "event=token.down", "status=conflict", 1), "%s", place_log(&pair.place));
    cr_expect(pair_logged(&pair, "event=token.up", "as=standby") == 0, "%s", pair.place.log);
    expect(STATUS_OK);
    finish_stopped();
}

/* Wrong signatures */

static void wrong_signature(const char *lines)
{
    make_started(true);
    pair_disturb(&pair, PRIMARY, lines);
    struct fault fault;
    enum status status = ask(&fault);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) { /* an old one is wrong from the second header on */
        struct digest digest;
        ledger_header_digest(&digest, header.data, header.len);
        bytes_free(&header);
        world_header(&header, &world, 2 + (uint64_t)i, &digest, "process");
        status = ask(&fault);
    }
    cr_expect(status == STATUS_SIGNATURE_INVALID, "%s: %s", status_info(status)->code, fault.detail);
    cr_assert(pair_await(&pair, "event=token.down", "status=signature_invalid", 1), "%s", place_log(&pair.place));
    expect(STATUS_KEY_INACTIVE); /* the standby would sign, but the key is suspended */
    pair_disturb(&pair, PRIMARY, "");
    cr_assert(pair_await(&pair, "event=token.up", "token=signer", 2), "%s", place_log(&pair.place));
    expect(STATUS_KEY_INACTIVE);
    finish_stopped();
}

Test(token_process, a_flipped_bit_is_not_released_and_suspends_the_key)
{
    wrong_signature("C_Sign * flip");
}

Test(token_process, an_old_signature_is_not_released_and_suspends_the_key)
{
    wrong_signature("C_Sign * replay");
}

/* Lost keys */

static struct wire_status_reply status_of(void)
{
    struct wire_status_reply status;
    struct fault fault = {0};
    cr_assert(wire_status(pool, &status, PLACE_TIMEOUT_MS, &fault) == STATUS_OK, "%s", fault.detail);
    return status;
}

Test(token_process, a_token_without_the_key_is_told_and_cannot_take_over)
{
    make();
    pair_empty(&pair, STANDBY);
    cr_assert(pair_start(&pair, true), "%s", pair.place.log);
    pool = place_pool(&pair.place, 1);
    expect(STATUS_OK);
    struct wire_status_reply status = status_of();
    cr_expect(status.ready && status.tokens[STANDBY].state == WIRE_TOKEN_STANDBY);
    cr_expect(status.tokens[PRIMARY].reason[0] == '\0', "%s", status.tokens[PRIMARY].reason);
    cr_expect(strstr(status.tokens[STANDBY].reason, "it lacks the key ") != NULL, "%s", status.tokens[STANDBY].reason);
    pair_disturb(&pair, PRIMARY, "C_OpenSession * rv 0x5");
    cr_assert(kill(pair_process(&pair, PRIMARY), SIGKILL) == 0);
    cr_assert(pair_await(&pair, "event=token.down", "token=signer", 1), "%s", place_log(&pair.place));
    expect(STATUS_TOKEN); /* whoever asks may ask again */
    status = status_of();
    cr_expect(!status.ready && status.tokens[STANDBY].state == WIRE_TOKEN_SERVING, "%s", status.reason);
    pair_disturb(&pair, PRIMARY, "");
    cr_assert(pair_await(&pair, "event=token.up", "token=signer", 2), "%s", place_log(&pair.place));
    expect(STATUS_OK);
    cr_expect(status_of().ready);
    cr_expect(pair_logged(&pair, "event=token.lacks_key", "token=standby") == 1, "once: %s", pair.place.log);
    cr_expect(pair_logged(&pair, "event=token.lacks_key", "key=") == 1, "%s", pair.place.log);
    finish_stopped();
}

/* Where the module is */

Test(token_process, signerd_itself_has_no_module)
{
    make_started(true);
    static const char *const words[] = {"softhsm", "signer.so", "standby.so"};
    const pid_t without[] = {pair.place.pid, pair_keeper(&pair)};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        char line[1024];
        (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)without[i]);
        FILE *maps = fopen(path, "r");
        if (maps == NULL && errno == EACCES) { /* not dumpable: only root may look */
            cr_skip_test("needs root");
        }
        cr_assert(maps != NULL);
        while (fgets(line, sizeof(line), maps) != NULL) {
            for (size_t word = 0; word < sizeof(words) / sizeof(words[0]); word++) {
                cr_expect(strstr(line, words[word]) == NULL, "%s", line);
            }
        }
        (void)fclose(maps);
    }
    finish_stopped();
}
