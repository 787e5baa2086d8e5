/*
 * The guard: what is committed is there after opening again, what fails leaves nothing, a halt stays.
 */
#include "signer/guard.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "test/test_place.h"
#include "world.h"

static struct test_folder folder;
static char path[TEST_PATH_SIZE + 16];
static struct guard_state first;
static struct public_key founding;
static struct guard *guard;

static struct guard_policy version;

/* A version of the policy as far as the guard looks at it. */
static enum status policy_keep(struct guard_policy *out)
{
    static const char paper[] = "{\"document\":\"{}\",\"signatures\":[]}";
    *out = (struct guard_policy){.version = 1};
    return bytes_copy(&out->document, paper, sizeof(paper) - 1);
}

static void start(void)
{
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/guard", folder.path);
    first = (struct guard_state){
        .role = ROLE_TRANSFER, .environment = name_of("test"), .policy_version = 1, .log = "origin+00000000+AA=="};
    struct test_key *key = test_key_new(ALGORITHM_P256);
    founding = *test_key_public(key);
    test_key_free(key);
    public_key_id(&first.key, &founding);
    digest_document(&first.policy, "policy", "{}", 2);
    first.policy_first = first.policy;
    MUST(policy_keep(&version));
    MUST(guard_create(path, &first, &founding, &version, NULL));
    MUST(guard_open(&guard, path, NULL));
}

static void finish(void)
{
    guard_close(guard);
    guard_policy_free(&version);
    test_folder_remove(&folder);
}

static void reopen(void)
{
    guard_close(guard);
    guard = NULL;
    struct fault fault = {0};
    enum status status = guard_open(&guard, path, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
}

TestSuite(guard, .init = start, .fini = finish);

static enum status set_size(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    txn->state.size = *(const uint64_t *)context;
    return STATUS_OK;
}

static enum status set_size_and_fail(struct guard_txn *txn, void *context, struct fault *fault)
{
    txn->state.size = *(const uint64_t *)context;
    return fault_set(fault, STATUS_DENIED, "here", "no");
}

static enum status set_size_and_halt(struct guard_txn *txn, void *context, struct fault *fault)
{
    txn->state.size = *(const uint64_t *)context;
    return guard_txn_halt(txn, STATUS_FORK, "there", "two of them", fault);
}

static uint64_t size_now(void)
{
    struct guard_state state;
    guard_read(guard, &state);
    return state.size;
}

/* The linker leads the walk's own call here. */
unsigned __real_alarm(unsigned seconds);
unsigned __wrap_alarm(unsigned seconds);
static bool at_once;

unsigned __wrap_alarm(unsigned seconds)
{
    return at_once ? (unsigned)raise(SIGALRM) : __real_alarm(seconds);
}

Test(guard, a_walk_that_takes_too_long_is_not_called_garbled)
{
    struct fault fault = {0};
    guard_close(guard);
    guard = NULL;
    at_once = true;
    cr_expect(guard_open(&guard, path, &fault) == STATUS_TIMED_OUT, "%s", fault.detail);
    cr_expect(strstr(fault.detail, "too long") != NULL && strstr(fault.detail, "garbled") == NULL, "%s", fault.detail);
    at_once = false;
    reopen();
}

/* A signature leaves an r for ever: at one each second the map lasts for decades. */
Test(guard, its_map_has_room_for_decades)
{
    char line[4096];
    unsigned long long longest = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *dash = NULL;
        unsigned long long from = strtoull(line, &dash, 16);
        unsigned long long to = *dash == '-' ? strtoull(dash + 1, NULL, 16) : from;
        if (strstr(line, "/data.mdb") != NULL && to - from > longest) {
            longest = to - from;
        }
    }
    (void)fclose(maps);
    cr_expect(longest >= 1ULL << 38, "%llu bytes", longest);
}

int __real_fstatvfs(int fd, struct statvfs *out);
int __wrap_fstatvfs(int fd, struct statvfs *out);
static bool disk_is_full;

int __wrap_fstatvfs(int fd, struct statvfs *out)
{
    int rc = __real_fstatvfs(fd, out);
    out->f_bavail = disk_is_full ? 0 : out->f_bavail;
    return rc;
}

static bool says_filling(void)
{
    char text[4096] = "";
    FILE *log = tmpfile();
    int kept = dup(STDERR_FILENO);
    cr_assert(log != NULL && kept >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    reopen();
    cr_assert(dup2(kept, STDERR_FILENO) >= 0);
    rewind(log);
    cr_assert(fread(text, 1, sizeof(text) - 1, log) < sizeof(text));
    (void)fclose(log);
    (void)close(kept);
    return strstr(text, "guard.filling") != NULL;
}

Test(guard, says_that_its_disk_fills)
{
    cr_expect(!says_filling());
    disk_is_full = true;
    cr_expect(says_filling());
}

Test(guard, starts_as_it_was_made)
{
    struct guard_state state;
    guard_read(guard, &state);
    cr_expect(state.role == ROLE_TRANSFER && state.policy_version == 1 && !state.halted && state.size == 0);
    cr_expect_str_eq(state.log, first.log);
    cr_expect_str_eq(state.environment.text, "test");
}

Test(guard, a_change_is_there_after_opening_again)
{
    uint64_t size = 42;
    MUST(guard_commit(guard, set_size, &size, NULL));
    cr_expect(size_now() == 42);
    reopen();
    cr_expect(size_now() == 42);
}

Test(guard, a_refused_change_leaves_nothing)
{
    uint64_t size = 42;
    struct fault fault = {0};
    cr_expect(guard_commit(guard, set_size_and_fail, &size, &fault) == STATUS_DENIED);
    cr_expect_str_eq(fault.where, "here");
    cr_expect(size_now() == 0);
    reopen();
    cr_expect(size_now() == 0);
}

Test(guard, a_halt_stays_and_nothing_else_of_the_change)
{
    uint64_t size = 42;
    cr_expect(guard_commit(guard, set_size_and_halt, &size, NULL) == STATUS_FORK);
    for (int i = 0; i < 2; i++) {
        struct guard_state state;
        guard_read(guard, &state);
        cr_expect(state.halted && state.size == 0);
        cr_expect_str_eq(state.halted_by, "fork: there");
        cr_expect(guard_commit(guard, set_size, &size, NULL) == STATUS_HALTED);
        reopen();
    }
}

/* Records */

static enum status put_twice(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct guard_record *record = context;
    enum status status = guard_txn_put(txn, record, fault);
    return status == STATUS_OK ? guard_txn_put(txn, record, fault) : status;
}

static enum status put_once(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_put(txn, context, fault);
}

static enum status get_back(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_get(txn, context, fault);
}

static struct guard_record checkpoint_record(uint8_t last)
{
    struct guard_record record = {.key = {'c', 0, 0, 0, 0, 0, 0, 0, last}, .key_len = 9, .value_len = 32};
    memset(record.value, last, 32);
    return record;
}

Test(guard, records_are_kept)
{
    struct guard_record record = checkpoint_record(3);
    MUST(guard_commit(guard, put_once, &record, NULL));
    reopen();
    struct guard_record back = {.key_len = 9};
    memcpy(back.key, record.key, sizeof(back.key));
    MUST(guard_commit(guard, get_back, &back, NULL));
    cr_expect(back.value_len == 32 && memcmp(back.value, record.value, 32) == 0);
    back.key[8] = 4;
    cr_expect(guard_commit(guard, get_back, &back, NULL) == STATUS_NOT_FOUND);
}

Test(guard, a_write_that_fails_takes_everything_with_it)
{
    struct guard_record record = checkpoint_record(3);
    cr_expect(guard_commit(guard, put_twice, &record, NULL) == STATUS_IO);
    cr_expect(guard_commit(guard, get_back, &record, NULL) == STATUS_NOT_FOUND);
    reopen();
    cr_expect(guard_commit(guard, get_back, &record, NULL) == STATUS_NOT_FOUND);
}

static void data_digest(struct digest *out)
{
    static uint8_t data[1 << 20];
    char data_path[TEST_PATH_SIZE + 32];
    (void)snprintf(data_path, sizeof(data_path), "%s/data.mdb", path);
    FILE *file = fopen(data_path, "r");
    cr_assert(file != NULL);
    size_t len = fread(data, 1, sizeof(data), file);
    cr_assert(len > 0 && len < sizeof(data) && fclose(file) == 0);
    digest_sha256(out, data, len);
}

Test(guard, a_look_writes_nothing)
{
    struct digest before;
    struct digest after;
    struct guard_record record = checkpoint_record(3);
    MUST(guard_commit(guard, put_once, &record, NULL));
    data_digest(&before);
    MUST(guard_commit(guard, get_back, &record, NULL));
    data_digest(&after);
    cr_expect(digest_equal(&before, &after));
}

/* Records until the file may not grow any more; how many there are then. */
static uint8_t fill(enum status *out_status)
{
    uint8_t count = 0;
    *out_status = STATUS_OK;
    while (*out_status == STATUS_OK && count < 255) {
        struct guard_record record = checkpoint_record(count);
        *out_status = guard_commit(guard, put_once, &record, NULL);
        count += *out_status == STATUS_OK;
    }
    return count;
}

Test(guard, a_full_disk_loses_nothing_and_promises_nothing)
{
    struct stat file;
    char data[TEST_PATH_SIZE + 32];
    (void)snprintf(data, sizeof(data), "%s/data.mdb", path);
    cr_assert(stat(data, &file) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const struct rlimit full = {(rlim_t)file.st_size + 4096, limit.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &full) == 0);
    enum status status;
    uint8_t count = fill(&status);
    cr_expect(status == STATUS_IO && count < 255, "%s after %d", status_info(status)->code, count);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);

    reopen();
    for (uint8_t i = 0; i <= count; i++) {
        struct guard_record record = checkpoint_record(i);
        enum status there = guard_commit(guard, get_back, &record, NULL);
        cr_expect(there == (i < count ? STATUS_OK : STATUS_NOT_FOUND), "record %d: %s", i, status_info(there)->code);
    }
    struct guard_record next = checkpoint_record(count);
    cr_expect(guard_commit(guard, put_once, &next, NULL) == STATUS_OK);
}

/* Keys */

static void expect_corrupt(const char *what)
{
    guard_close(guard);
    guard = NULL;
    struct fault fault = {0};
    cr_expect(guard_open(&guard, path, &fault) == STATUS_CORRUPT, "%s", what);
    cr_expect(strstr(fault.detail, what) != NULL, "%s", fault.detail);
}

/* A change that writes a key. */
struct key_change {
    size_t index;
    struct guard_key key;
    struct guard_papers papers;
};

static enum status write_key(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct key_change *change = context;
    return guard_txn_key_write(txn, change->index, &change->key, &change->papers, fault);
}

Test(guard, begins_with_the_founding_key)
{
    struct guard_key key;
    cr_assert(guard_key_count(guard) == 1);
    guard_key_read(guard, &key, 0);
    cr_expect(digest_equal(&key.key, &first.key) && key.state == KEY_STATE_GENERATED && key.on == 0);
    cr_expect(key.cause == KEY_CAUSE_FOUNDING && guard_key_papers(guard, 0)->document.len == 0);
}

Test(guard, keys_are_kept_whole)
{
    struct guard_key key;
    struct test_key *fresh = test_key_new(ALGORITHM_ED25519);
    struct key_change change = {.index = 1,
                                .key = {.public_key = *test_key_public(fresh),
                                        .state = KEY_STATE_ACTIVE,
                                        .cause = KEY_CAUSE_COMMAND,
                                        .on = 2,
                                        .since_utc_us = 3,
                                        .box_signatures = 4,
                                        .box_until_utc_us = 5,
                                        .used_utc_us = 6,
                                        .restored_utc_us = 7,
                                        .destroy_utc_us = 8}};
    public_key_id(&change.key.key, &change.key.public_key);
    MUST(guard_commit(guard, write_key, &change, NULL));
    for (int i = 0; i < 2; i++) {
        size_t index = 0;
        cr_assert(guard_key_find(guard, &index, &key, &change.key.key) == STATUS_OK && index == 1);
        cr_expect(public_key_equal(&key.public_key, &change.key.public_key) && key.state == KEY_STATE_ACTIVE);
        cr_expect(key.cause == KEY_CAUSE_COMMAND && key.on == 2 && key.since_utc_us == 3 && key.box_signatures == 4);
        cr_expect(key.box_until_utc_us == 5 && key.used_utc_us == 6 && key.restored_utc_us == 7);
        cr_expect(key.destroy_utc_us == 8);
        reopen();
    }
    cr_expect(guard_key_find(guard, &(size_t){0}, &key, &(struct digest){{1}}) == STATUS_NOT_FOUND);
    test_key_free(fresh);
}

Test(guard, a_key_without_its_document_is_found)
{
    struct key_change change = {.index = 0};
    guard_key_read(guard, &change.key, 0);
    change.key.document.bytes32[0] = 1;
    MUST(guard_commit(guard, write_key, &change, NULL));
    expect_corrupt("papers of a key are missing");
}

Test(guard, a_document_of_another_key_is_found)
{
    struct key_change change = {.index = 0};
    guard_key_read(guard, &change.key, 0);
    change.key.document.bytes32[0] = 1;
    MUST(bytes_copy(&change.papers.document, "{\"document\":\"{}\",\"signatures\":[]}", 33));
    MUST(guard_commit(guard, write_key, &change, NULL));
    bytes_free(&change.papers.document);
    expect_corrupt("a key and its document differ");
}

Test(guard, another_founding_key_is_found)
{
    struct test_key *fresh = test_key_new(ALGORITHM_P256);
    struct key_change change = {.index = 0};
    guard_key_read(guard, &change.key, 0);
    change.key.public_key = *test_key_public(fresh);
    MUST(guard_commit(guard, write_key, &change, NULL));
    expect_corrupt("the founding key");
    test_key_free(fresh);
}

Test(guard, a_gap_among_the_keys_is_found)
{
    struct guard_record record = {.key = {'k', 0, 0, 0, 0, 0, 0, 0, 2}, .key_len = 9, .value_len = 1};
    MUST(guard_commit(guard, put_once, &record, NULL));
    expect_corrupt("a key is missing");
}

Test(guard, an_r_of_no_key_is_found)
{
    struct guard_record record = {.key = {'r', 0, 0, 0, 0, 0, 0, 0, 1}, .key_len = 41, .value_len = 32};
    MUST(guard_commit(guard, put_once, &record, NULL));
    expect_corrupt("an r of no key");
}

static enum status write_form_1(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    (void)snprintf(txn->state.halted_by, sizeof(txn->state.halted_by), "%s", (const char *)context);
    return STATUS_OK;
}

/*
 * A guard as a version before wrote it: the state says form 1, and has a member that form 7 does not know in the place
 * of one that it asks for. Its checksum is made anew.
 */
Test(guard, an_older_form_is_named)
{
    char mark[] = "MARK";
    MUST(guard_commit(guard, write_form_1, mark, NULL));
    guard_close(guard);
    guard = NULL;
    char data_path[TEST_PATH_SIZE + 32];
    (void)snprintf(data_path, sizeof(data_path), "%s/data.mdb", path);
    FILE *file = fopen(data_path, "r+");
    cr_assert(file != NULL);
    static uint8_t data[1 << 20];
    size_t len = fread(data, 1, sizeof(data), file);
    static const char end[] = "}"; /* the state ends its value */
    for (size_t i = 0; i + 10 < len; i++) {
        uint8_t *state = data + i;
        if (memcmp(state, "{\"before\":", 10) != 0) {
            continue;
        }
        uint8_t *form = memmem(state, 600, "\"form\":7", 8);
        uint8_t *last = form == NULL ? NULL : memmem(form, 2000, "\"validators\":\"", 14);
        if (last == NULL) {
            continue;
        }
        size_t value_len = (size_t)(last - state) + 14 + 64 + 1 + sizeof(end) - 1;
        form[7] = '1';
        memcpy(state, "{\"behind\":", 10);
        const uint8_t key[] = {1, 'g'};
        struct digest digest;
        digest_sha256_two(&digest, key, sizeof(key), state, value_len);
        memcpy(state - 32, digest.bytes32, 32);
    }
    cr_assert(fseek(file, 0, SEEK_SET) == 0 && fwrite(data, 1, len, file) == len && fclose(file) == 0);
    struct fault fault = {0};
    cr_expect(guard_open(&guard, path, &fault) == STATUS_VERSION, "%s", fault.detail);
    cr_expect(strstr(fault.detail, "form 1") != NULL, "%s", fault.detail);
}

/* Sound records that do not agree with each other. */
Test(guard, a_sequence_without_its_withdrawal_is_found)
{
    struct guard_record lane = {
        .key = {'l', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, .key_len = 17, .value_len = 8};
    lane.value[7] = 1; /* the next is 1, so sequence 0 was used */
    MUST(guard_commit(guard, put_once, &lane, NULL));
    guard_close(guard);
    guard = NULL;
    struct fault fault = {0};
    cr_expect(guard_open(&guard, path, &fault) == STATUS_CORRUPT);
    cr_expect(strstr(fault.detail, "missing") != NULL, "%s", fault.detail);
}

Test(guard, a_record_of_no_kind_is_found)
{
    struct guard_record record = {.key = {'z'}, .key_len = 1, .value_len = 1};
    MUST(guard_commit(guard, put_once, &record, NULL));
    guard_close(guard);
    guard = NULL;
    cr_expect(guard_open(&guard, path, NULL) == STATUS_CORRUPT);
}

/* Threads share writes; each change is still applied alone. */

static enum status add_one(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)context;
    (void)fault;
    txn->state.size++;
    return STATUS_OK;
}

static void *add_many(void *argument)
{
    for (int i = 0; i < 25; i++) {
        MUST(guard_commit(guard, add_one, NULL, NULL));
    }
    return argument;
}

Test(guard, changes_of_many_threads_are_all_applied)
{
    pthread_t threads[16];
    for (size_t i = 0; i < 16; i++) {
        cr_assert(pthread_create(&threads[i], NULL, add_many, NULL) == 0);
    }
    for (size_t i = 0; i < 16; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
    cr_expect(size_now() == 400);
    reopen();
    cr_expect(size_now() == 400);
}

/* More threads than a batch takes: who is left in the queue is called to lead. */
Test(guard, nobody_is_left_waiting)
{
    static pthread_t threads[150];
    for (size_t i = 0; i < 150; i++) {
        cr_assert(pthread_create(&threads[i], NULL, add_many, NULL) == 0);
    }
    for (size_t i = 0; i < 150; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
    cr_expect(size_now() == 3750);
}

Test(guard, is_not_made_over_another)
{
    cr_expect(guard_create(path, &first, &founding, &version, NULL) == STATUS_EXISTS);
    reopen();
}

/* Freezes */

static enum status write_freeze(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_freeze_write(txn, context, fault);
}

static struct guard_freeze freeze_of(unsigned number)
{
    struct guard_freeze freeze = {.target = {.scope = FREEZE_WALLET},
                                  .frozen = true,
                                  .cause = KEY_CAUSE_ALARM,
                                  .reason = name_of("test"),
                                  .on = number};
    (void)snprintf(freeze.target.subject, sizeof(freeze.target.subject), "wallet-%u", number);
    return freeze;
}

static enum status freeze_write(const struct guard_freeze *freeze)
{
    struct guard_freeze copy = *freeze;
    return guard_commit(guard, write_freeze, &copy, NULL);
}

static size_t freezes_now(struct guard_freeze out[GUARD_FREEZES_MAX])
{
    return guard_freezes(guard, out);
}

Test(guard, everything_has_room_when_nothing_else_has)
{
    struct guard_freeze all[GUARD_FREEZES_MAX];
    struct guard_freeze everything = {.target = {.scope = FREEZE_EVERYTHING},
                                      .frozen = true,
                                      .cause = KEY_CAUSE_COMMAND,
                                      .reason = name_of("test"),
                                      .on = 100};
    for (unsigned i = 1; i < GUARD_FREEZES_MAX; i++) {
        const struct guard_freeze freeze = freeze_of(i);
        cr_assert(freeze_write(&freeze) == STATUS_OK);
    }
    const struct guard_freeze beyond = freeze_of(101);
    cr_expect(freeze_write(&beyond) == STATUS_TOO_LARGE);
    cr_expect(freeze_write(&everything) == STATUS_OK);
    cr_expect(freeze_write(&beyond) == STATUS_TOO_LARGE);
    everything.frozen = false; /* its place stays its own */
    cr_expect(freeze_write(&everything) == STATUS_OK);
    cr_expect(freeze_write(&beyond) == STATUS_TOO_LARGE);
    struct guard_freeze thawed = freeze_of(5);
    thawed.frozen = false;
    cr_expect(freeze_write(&thawed) == STATUS_OK);
    cr_expect(freeze_write(&beyond) == STATUS_OK);
    reopen();
    cr_expect(freezes_now(all) == GUARD_FREEZES_MAX);
    cr_expect_str_eq(all[4].target.subject, "wallet-101");
    cr_expect(all[4].frozen && all[4].on == 101 && all[4].cause == KEY_CAUSE_ALARM);
    cr_expect(all[GUARD_FREEZES_MAX - 1].target.scope == FREEZE_EVERYTHING && !all[GUARD_FREEZES_MAX - 1].frozen);
}

/* Versions of the policy: each is there, and the first and the one in force are those of the state. */
static enum status write_version(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_policy_write(txn, context, fault);
}

static enum status raise_version(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    txn->state.policy_version = *(const int64_t *)context;
    return STATUS_OK;
}

static void expect_version_found(const char *what)
{
    struct fault fault = {0};
    guard_close(guard);
    guard = NULL;
    cr_expect(guard_open(&guard, path, &fault) == STATUS_CORRUPT && strstr(fault.detail, what) != NULL, "%s",
              fault.detail);
}

static void version_commit(int64_t number, const char *paper)
{
    struct guard_policy next = {.version = number};
    MUST(bytes_copy(&next.document, paper, strlen(paper)));
    MUST(guard_commit(guard, write_version, &next, NULL));
    guard_policy_free(&next);
}

Test(guard, a_waiting_version_comes_back_as_it_was)
{
    struct guard_policy next = {
        .version = 2, .received_utc_us = 5, .in_force_utc_us = 7, .signers = 3, .dropped = true};
    struct guard_policy read;
    MUST(bytes_copy(&next.document, version.document.data, version.document.len));
    for (size_t i = 0; i < GUARD_VETOES_MAX; i++) {
        (void)snprintf(next.vetoes[i].text, sizeof(next.vetoes[i].text), "person-%zu", i);
    }
    next.veto_count = GUARD_VETOES_MAX;
    MUST(guard_commit(guard, write_version, &next, NULL));
    guard_close(guard);
    MUST(guard_open(&guard, path, NULL));
    MUST(guard_policy_read(guard, &read, 2, NULL));
    cr_expect(read.version == 2 && read.received_utc_us == 5 && read.in_force_utc_us == 7 && read.signers == 3);
    cr_expect(read.dropped && read.veto_count == GUARD_VETOES_MAX);
    cr_expect_str_eq(read.vetoes[63].text, "person-63");
    cr_expect(read.document.len == next.document.len &&
              memcmp(read.document.data, next.document.data, next.document.len) == 0);
    guard_policy_free(&read);
    guard_policy_free(&next);
    cr_expect(guard_policy_read(guard, &read, 3, NULL) == STATUS_NOT_FOUND);
}

Test(guard, another_first_version_is_found)
{
    version_commit(1, "{\"document\":\"{\\\"a\\\":1}\",\"signatures\":[]}");
    expect_version_found("is another");
}

Test(guard, a_version_beyond_the_one_that_waits_is_found)
{
    version_commit(3, "{\"document\":\"{}\",\"signatures\":[]}");
    expect_version_found("is missing");
}

Test(guard, a_version_in_force_that_is_not_there_is_found)
{
    int64_t number = 2;
    MUST(guard_commit(guard, raise_version, &number, NULL));
    expect_version_found("");
}
