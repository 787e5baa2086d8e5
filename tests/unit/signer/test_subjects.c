/*
 * Personal data through the real operations of role privacy: who may see it, how often, and what is left of it when it
 * is forgotten.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/pii.h"
#include "base/seal.h"
#include "desk.h"
#include "policy/subject.h"

static struct seal_key officer;
static struct secret officer_private;
static struct uuid subject;
static struct uuid event;

/* Of the last reveal. */
static uint64_t number;
static uint64_t left;

static void start(void)
{
    MUST(secret_heap_open(NULL));
    desk_start_active_as(ROLE_PRIVACY);
    MUST(seal_pair_generate(&officer, &officer_private, NULL));
    MUST(uuid_generate(&subject, clock_system()));
    MUST(uuid_generate(&event, clock_system()));
}

static void finish(void)
{
    secret_free(&officer_private);
    desk_finish();
}

TestSuite(subjects, .init = start, .fini = finish, .timeout = 600);

static void expect(enum status got, enum status expected, const char *where, const char *what)
{
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
}

static struct wire_subject_value value_of(const char *field, const char *text)
{
    struct wire_subject_value value = {.value = {.len = strlen(text), .data = (uint8_t *)(uintptr_t)text}};
    (void)snprintf(value.field, sizeof(value.field), "%s", field);
    return value;
}

/* Seals one value of the subject. Out: the row is the caller's. */
static enum status seal(struct wire_subject_row *out, const char *field, const char *text, int64_t erase_after)
{
    struct wire_request request = {.op = WIRE_OP_SUBJECT_SEAL,
                                   .subject_seal = {.subject = subject,
                                                    .event = event,
                                                    .erase_after = erase_after,
                                                    .count = 1,
                                                    .values = {value_of(field, text)}}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    if (status == STATUS_OK && out != NULL) {
        *out = reply.subject_seal.rows[0];
        reply.subject_seal.rows[0].sealed = (struct bytes){0}; /* transferred */
    }
    wire_reply_free(&reply);
    return status;
}

static struct command pii_command(enum command_action action)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us + desk.jumped_us;
    struct command command = order_key(&now, action, &none, (enum key_state)0, 0);
    command.data_subject = subject;
    command.fields = action == COMMAND_PII_REVEAL ? SUBJECT_NAME : 0;
    memcpy(command.to.bytes32, officer.bytes32, sizeof(command.to.bytes32));
    MUST(name_parse(&command.case_id, "case-7"));
    return command;
}

/* Hands in an order to reveal one row. Out: the text, empty when there is none. */
static enum status reveal_with(char out[256], const struct command *command, enum who first, enum who second,
                               const struct wire_subject_row *row)
{
    struct wire_request request = {.op = WIRE_OP_SUBJECT_OPEN, .subject_open = {.count = 1, .rows = {*row}}};
    struct wire_reply reply;
    struct secret plain = {0};
    order_key_sign(&request.subject_open.command, &desk.world, command, first, second);
    enum status status = desk_ask(&reply, &request);
    out[0] = '\0';
    if (status == STATUS_OK) {
        const struct bytes *box = &reply.subject_open.boxes[0].box;
        MUST(seal_open(&plain, box->data, box->len, &officer_private, NULL));
        (void)snprintf(out, 256, "%.*s", (int)(plain.len - AUDIT_PII_SALT_LEN),
                       (const char *)plain.data + AUDIT_PII_SALT_LEN);
        secret_free(&plain);
        number = reply.subject_open.on;
        left = reply.subject_open.left;
    }
    wire_reply_free(&reply);
    signed_document_free(&request.subject_open.command);
    return status;
}

static enum status reveal(char out[256], const struct wire_subject_row *row)
{
    const struct command command = pii_command(COMMAND_PII_REVEAL);
    return reveal_with(out, &command, WANDA, WHO_COUNT, row);
}

static enum status erase_with(const struct command *command, enum who first, enum who second)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, first, second);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status erase(void)
{
    const struct command command = pii_command(COMMAND_PII_ERASE);
    return erase_with(&command, ADA, ALAN);
}

/* The bytes of a file of the guard. Out: bytes_free. */
static struct bytes guard_file(const char *name)
{
    char path[TEST_PATH_SIZE * 2];
    struct stat there;
    (void)snprintf(path, sizeof(path), "%s/%s", desk.guard_path, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && fstat(fd, &there) == 0, "%s", path);
    struct bytes bytes = {.data = malloc((size_t)there.st_size + 1), .len = (size_t)there.st_size};
    cr_assert(bytes.data != NULL && read(fd, bytes.data, bytes.len) == (ssize_t)bytes.len);
    (void)close(fd);
    return bytes;
}

static bool guard_has(const uint8_t *needle, size_t len)
{
    struct bytes keys = guard_file("subjects");
    struct bytes records = guard_file("data.mdb");
    bool has =
        memmem(keys.data, keys.len, needle, len) != NULL || memmem(records.data, records.len, needle, len) != NULL;
    bytes_free(&keys);
    bytes_free(&records);
    return has;
}

Test(subjects, a_value_comes_back_for_an_auditor_who_checks_its_commitment)
{
    char text[256];
    struct wire_subject_row row;
    expect(seal(&row, "name", "Alice Example", 0), STATUS_OK, "", "sealed");
    cr_expect_null(memmem(row.sealed.data, row.sealed.len, "Alice", 5));
    expect(reveal(text, &row), STATUS_OK, "", "revealed");
    cr_expect_str_eq(text, "Alice Example");
    bytes_free(&row.sealed);
}

Test(subjects, a_subject_has_one_key_and_another_subject_another)
{
    struct wire_subject_row first;
    struct wire_subject_row second;
    char text[256];
    expect(seal(&first, "name", "Alice", 0), STATUS_OK, "", "the first value");
    expect(seal(&second, "name", "Alice", 0), STATUS_OK, "", "the second");
    cr_expect_eq(desk.wraps, 1);
    cr_expect_not(digest_equal(&first.commitment, &second.commitment), "each value has its own salt");
    const struct uuid before = subject;
    MUST(uuid_generate(&subject, clock_system()));
    struct wire_subject_row other;
    expect(seal(&other, "name", "Alice", 0), STATUS_OK, "", "another subject");
    cr_expect_eq(desk.wraps, 2);
    expect(reveal(text, &first), STATUS_MISMATCH, "rows.sealed", "a row of another subject");
    subject = before;
    expect(reveal(text, &other), STATUS_MISMATCH, "rows.sealed", "and the other way round");
    expect(reveal(text, &first), STATUS_OK, "", "its own");
    bytes_free(&first.sealed);
    bytes_free(&second.sealed);
    bytes_free(&other.sealed);
}

Test(subjects, sealed_bytes_in_another_row_do_not_open)
{
    char text[256];
    struct wire_subject_row name;
    struct wire_subject_row email;
    struct command both = pii_command(COMMAND_PII_REVEAL);
    both.fields = SUBJECT_NAME | SUBJECT_EMAIL;
    expect(seal(&name, "name", "Alice", 0), STATUS_OK, "", "a name");
    expect(seal(&email, "email", "alice@example.org", 0), STATUS_OK, "", "an address");
    struct wire_subject_row moved = name;
    moved.sealed = email.sealed;
    expect(reveal_with(text, &both, WANDA, WHO_COUNT, &moved), STATUS_MISMATCH, "rows.sealed", "of another row");
    moved = name;
    (void)snprintf(moved.field, sizeof(moved.field), "email");
    expect(reveal_with(text, &both, WANDA, WHO_COUNT, &moved), STATUS_MISMATCH, "rows.sealed", "another field");
    moved = name;
    moved.commitment.bytes32[0] ^= 1;
    expect(reveal_with(text, &both, WANDA, WHO_COUNT, &moved), STATUS_MISMATCH, "rows.sealed", "another commitment");
    moved = name;
    moved.event.bytes16[15] ^= 1;
    expect(reveal_with(text, &both, WANDA, WHO_COUNT, &moved), STATUS_MISMATCH, "rows.sealed", "another event");
    for (size_t i = 0; i < name.sealed.len; i++) {
        name.sealed.data[i] ^= 1;
        expect(reveal_with(text, &both, WANDA, WHO_COUNT, &name), STATUS_MISMATCH, "rows.sealed", "a changed byte");
        name.sealed.data[i] ^= 1;
    }
    expect(reveal_with(text, &both, WANDA, WHO_COUNT, &name), STATUS_OK, "", "as it was");
    bytes_free(&name.sealed);
    bytes_free(&email.sealed);
}

Test(subjects, only_an_auditor_sees_and_only_what_the_order_names)
{
    char text[256];
    struct wire_subject_row row;
    struct command command = pii_command(COMMAND_PII_REVEAL);
    expect(seal(&row, "name", "Alice", 0), STATUS_OK, "", "sealed");
    expect(reveal_with(text, &command, ADA, WHO_COUNT, &row), STATUS_FORBIDDEN, "command.signatures[0]",
           "an administrator");
    expect(reveal_with(text, &command, OTTO, WHO_COUNT, &row), STATUS_FORBIDDEN, "command.signatures[0]",
           "an operator");
    expect(reveal_with(text, &command, STRANGER, WHO_COUNT, &row), STATUS_UNKNOWN_KEY, "command.signatures[0]",
           "a stranger");
    expect(reveal_with(text, &command, WHO_COUNT, WHO_COUNT, &row), STATUS_SIGNATURE_INVALID, "command.signatures",
           "nobody");
    command.fields = SUBJECT_EMAIL;
    expect(reveal_with(text, &command, WANDA, WHO_COUNT, &row), STATUS_MISMATCH, "rows.field", "another field");
    command = pii_command(COMMAND_PII_REVEAL);
    command.expires_at = command.issued_at + 1;
    desk.now_utc_us += 2;
    expect(reveal_with(text, &command, WANDA, WHO_COUNT, &row), STATUS_EXPIRED, "command.expires_at", "an old order");
    expect(reveal(text, &row), STATUS_OK, "", "an auditor with a fresh one");
    bytes_free(&row.sealed);
}

Test(subjects, the_twenty_first_reveal_of_an_hour_is_refused_after_a_restart_too)
{
    char text[256];
    struct wire_subject_row row;
    expect(seal(&row, "name", "Alice", 0), STATUS_OK, "", "sealed");
    const struct command first = pii_command(COMMAND_PII_REVEAL);
    expect(reveal_with(text, &first, WANDA, WHO_COUNT, &row), STATUS_OK, "", "the first");
    expect(reveal_with(text, &first, WANDA, WHO_COUNT, &row), STATUS_OK, "", "the same order again counts once");
    for (int i = 1; i < 20; i++) {
        desk_run_on(60 * DESK_SECOND_US);
        expect(reveal(text, &row), STATUS_OK, "", "one of twenty");
    }
    expect(reveal(text, &row), STATUS_LIMIT_EXCEEDED, "command", "the twenty-first");
    cr_expect_str_empty(text);
    MUST(desk_restart(NULL));
    expect(reveal(text, &row), STATUS_LIMIT_EXCEEDED, "command", "after a restart");
    desk.jumped_us += 2 * WORLD_HOUR_US;
    expect(reveal(text, &row), STATUS_LIMIT_EXCEEDED, "command", "after the clock was set");
    desk.jumped_us -= 2 * WORLD_HOUR_US;
    desk_run_on(WORLD_HOUR_US);
    expect(reveal(text, &row), STATUS_OK, "", "when the hour has passed");
    bytes_free(&row.sealed);
}

/* Whoever lost the reply gets it again as it was: an entry of the trail names the number, and a gap is a reveal held
 * back. */
Test(subjects, the_same_order_again_has_its_first_number_after_a_restart_too)
{
    char text[256];
    struct wire_subject_row row;
    expect(seal(&row, "name", "Alice", 0), STATUS_OK, "", "sealed");
    const struct command first = pii_command(COMMAND_PII_REVEAL);
    expect(reveal_with(text, &first, WANDA, WHO_COUNT, &row), STATUS_OK, "", "the first");
    cr_expect(number == 1 && left == 19);
    expect(reveal(text, &row), STATUS_OK, "", "the second");
    expect(reveal(text, &row), STATUS_OK, "", "the third");
    cr_expect(number == 3 && left == 17);
    expect(reveal_with(text, &first, WANDA, WHO_COUNT, &row), STATUS_OK, "", "the first again");
    cr_expect(number == 1 && left == 17, "%llu, %llu left", (unsigned long long)number, (unsigned long long)left);
    MUST(desk_restart(NULL));
    expect(reveal_with(text, &first, WANDA, WHO_COUNT, &row), STATUS_OK, "", "and again");
    cr_expect(number == 1 && left == 17);
    expect(reveal(text, &row), STATUS_OK, "", "the next");
    cr_expect(number == 4 && left == 16);
    bytes_free(&row.sealed);
}

Test(subjects, one_person_erases_nothing_and_a_quorum_does)
{
    char text[256];
    struct wire_subject_row row;
    expect(seal(&row, "name", "Alice", 0), STATUS_OK, "", "sealed");
    struct command command = pii_command(COMMAND_PII_ERASE);
    expect(erase_with(&command, ADA, WHO_COUNT), STATUS_QUORUM_MISSING, "command.signatures", "one administrator");
    expect(erase_with(&command, WANDA, WHO_COUNT), STATUS_UNKNOWN_KEY, "command.signatures[0]", "an auditor");
    expect(reveal(text, &row), STATUS_OK, "", "nothing happened");
    expect(erase_with(&command, ADA, ALAN), STATUS_OK, "", "two");
    expect(reveal(text, &row), STATUS_CONFLICT, "subject", "it is gone");
    expect(seal(NULL, "name", "Alice again", 0), STATUS_CONFLICT, "subject", "and gets no new key");
    expect(erase_with(&command, ADA, ALAN), STATUS_OK, "", "the same order again is answered");
    expect(erase(), STATUS_CONFLICT, "subject", "another one is too late");
    MUST(desk_restart(NULL));
    expect(reveal(text, &row), STATUS_CONFLICT, "subject", "after a restart, too");
    bytes_free(&row.sealed);
}

Test(subjects, what_must_be_kept_is_kept_and_the_date_only_moves_on)
{
    const int64_t later = DESK_START_UTC_US + DESK_DAY_US;
    expect(seal(NULL, "name", "Alice", later), STATUS_OK, "", "kept for a day");
    expect(seal(NULL, "email", "alice@example.org", 0), STATUS_OK, "", "an earlier date");
    expect(erase(), STATUS_DENIED, "command.subject", "too early");
    desk.jumped_us = DESK_DAY_US - 1000;
    expect(erase(), STATUS_DENIED, "command.subject", "just before");
    desk.now_utc_us += 3600 * DESK_SECOND_US;
    expect(erase(), STATUS_OK, "", "when the time has come");
}

Test(subjects, nothing_of_the_wrapped_key_is_left_in_the_guard)
{
    expect(seal(NULL, "name", "Alice", 0), STATUS_OK, "", "one that is erased");
    const struct uuid first = subject;
    MUST(uuid_generate(&subject, clock_system()));
    expect(seal(NULL, "name", "Bob", 0), STATUS_OK, "", "one that stays");
    struct bytes slots = guard_file("subjects");
    cr_assert_eq(slots.len, 128);
    cr_assert(guard_has(slots.data, 60) && guard_has(slots.data + 64, 60));
    subject = first;
    expect(erase(), STATUS_OK, "", "erased");
    cr_expect_not(guard_has(slots.data + 12, 16), "the key of the erased one");
    cr_expect(guard_has(slots.data + 64, 60), "that of the other");
    bytes_free(&slots);
}

static void slots_write(const struct bytes *slots)
{
    char path[TEST_PATH_SIZE * 2];
    (void)snprintf(path, sizeof(path), "%s/subjects", desk.guard_path);
    world_write(path, slots);
}

/* A crash between the write that remembers and the one that destroys; or somebody who puts the file back. */
Test(subjects, a_key_that_should_be_gone_is_destroyed_at_the_next_start)
{
    expect(seal(NULL, "name", "Alice", 0), STATUS_OK, "", "sealed");
    struct bytes slots = guard_file("subjects");
    expect(erase(), STATUS_OK, "", "erased");
    desk_stop();
    slots_write(&slots);
    cr_assert(guard_has(slots.data + 12, 16));
    MUST(desk_restart(NULL));
    cr_expect_not(guard_has(slots.data + 12, 16));
    bytes_free(&slots);
}

Test(subjects, a_guard_whose_keys_are_short_or_others_is_not_opened)
{
    struct fault fault = {0};
    expect(seal(NULL, "name", "Alice", 0), STATUS_OK, "", "sealed");
    struct bytes slots = guard_file("subjects");
    desk_stop();
    slots.data[20] ^= 1;
    slots_write(&slots);
    cr_expect_eq(desk_restart(&fault), STATUS_CORRUPT, "%s", fault.detail);
    slots.data[20] ^= 1;
    slots.len = 10;
    slots_write(&slots);
    cr_expect_eq(desk_restart(NULL), STATUS_CORRUPT);
    slots.len = 64;
    slots_write(&slots);
    MUST(desk_restart(NULL));
    bytes_free(&slots);
}

Test(subjects, a_suspended_key_seals_and_reveals_nothing)
{
    char text[256];
    struct wire_subject_row row;
    expect(seal(&row, "name", "Alice", 0), STATUS_OK, "", "sealed");
    MUST(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE));
    expect(reveal(text, &row), STATUS_KEY_INACTIVE, "key", "one person stops it all");
    expect(seal(NULL, "name", "Bob", 0), STATUS_KEY_INACTIVE, "key", "likewise");
    bytes_free(&row.sealed);
}

Test(subjects, values_obey_their_rules)
{
    char long_text[WIRE_SUBJECT_VALUE_MAX + 1];
    struct wire_subject_row row;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    expect(seal(NULL, "surname", "Alice", 0), STATUS_INVALID, "values.field", "no field of the list");
    expect(seal(NULL, "name", "", 0), STATUS_INVALID, "values.value", "an empty value");
    expect(seal(NULL, "name", "Alice", DESK_START_UTC_US + 12 * 365 * DESK_DAY_US), STATUS_INVALID, "erase_after",
           "twelve years");
    expect(seal(NULL, "name", "Alice", DESK_START_UTC_US + 11 * 365 * DESK_DAY_US), STATUS_OK, "", "eleven years");
    expect(seal(NULL, "name", "Alice", DESK_START_UTC_US + 12 * 365 * DESK_DAY_US), STATUS_INVALID, "erase_after",
           "and one more, of a subject that is known");
    expect(seal(&row, "name", long_text, 0), STATUS_OK, "", "the longest value");
    cr_expect_eq(row.sealed.len, WIRE_SUBJECT_SEALED_MAX);
    bytes_free(&row.sealed);
}
