/*
 * The key of the log is rotated by order of the quorum: who may, what the order must say, which keys sign and which are
 * believed before, meanwhile and afterwards.
 */
#include <criterion/criterion.h>

#include "audit/log_keys.h"
#include "desk.h"

#define ORIGIN "custody.example/audit/v1"
#define NEXT ORIGIN "/e2"

static struct hand hands[2];

static struct audit_key log_of(enum who who, const char *origin)
{
    struct audit_key key;
    size_t len = 0;
    const uint8_t *point = public_key_point(test_key_public(desk.world.keys[who]), &len);
    MUST(audit_key_make(&key, origin, AUDIT_KEY_ED25519, point, NULL));
    return key;
}

static struct digest id_of(enum who who)
{
    struct digest id;
    public_key_id(&id, test_key_public(desk.world.keys[who]));
    return id;
}

/* An order by which `next` follows `before`, of this log and from this size on. */
static struct command rotation_of(enum who before, enum who next, const char *origin, uint64_t size)
{
    const struct digest id = id_of(next);
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, COMMAND_KEY_RETIRE, &id, KEY_STATE_ACTIVE, 1);
    command.action = COMMAND_LOG_ROTATE;
    command.role = (enum signer_role)0;
    command.retires = id_of(before);
    command.size = size;
    const struct audit_key log = log_of(next, origin);
    char text[AUDIT_VKEY_SIZE];
    audit_key_format(text, &log);
    memcpy(command.log, text, sizeof(command.log));
    return command;
}

static enum status give(const struct command *command, enum who second)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, ADA, second);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status rotate(enum who before, enum who next, uint64_t size)
{
    const struct command command = rotation_of(before, next, ORIGIN, size);
    return give(&command, ALAN);
}

/* An order that ends the log with the first `size` entries of the world; that origin goes on. */
static struct command fork_of(enum who next, const char *origin, uint64_t size)
{
    struct command command = rotation_of(LOG, next, origin, size);
    command.action = COMMAND_LOG_FORK;
    command.retires = (struct digest){{0}};
    audit_tree_root(&command.root, desk.world.leaf_hashes, size);
    return command;
}

/* The log begins anew under that origin. */
static void begin(const char *origin)
{
    while (desk.world.entry_count > 0) {
        bytes_free(&desk.world.leaves[--desk.world.entry_count]);
    }
    desk.world.origin = origin;
}

/* Role audit. */

static void order_about(enum command_action action, enum who who, enum key_state from, uint64_t on)
{
    const struct digest id = id_of(who);
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    const struct command command = order_key(&now, action, &id, from, on);
    cr_assert(give(&command, action == COMMAND_KEY_SUSPEND ? WHO_COUNT : ALAN) == STATUS_OK, "%s: %s", desk_where,
              desk_detail);
}

static enum status admit(size_t place, bool replaces)
{
    struct papers papers;
    struct key_document document = papers_key(&desk.world, &hands[place]);
    document.replaces = replaces ? id_of(LOG) : document.replaces;
    papers_make(&papers, &desk.world, &hands[place], &document);
    enum status status = desk_admit(&papers);
    papers_wipe(&papers);
    return status;
}

/* Its founding key is active, the one that is to follow on the token. */
static void start_audit(void)
{
    desk_start_as(ROLE_AUDIT);
    desk.keys[1] = desk.world.keys[OTHER_LOG];
    hands[0] = hand_soft(desk.keys[0]);
    hands[1] = hand_soft(desk.keys[1]);
    cr_assert(admit(0, false) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    order_about(COMMAND_KEY_ACTIVATE, LOG, KEY_STATE_INACTIVE, 1);
}

static void successor(void)
{
    cr_assert(admit(1, true) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    order_about(COMMAND_KEY_ACTIVATE, OTHER_LOG, KEY_STATE_INACTIVE, 1);
}

TestSuite(log_audit, .init = start_audit, .fini = desk_finish);

/* Grows the log by one and has it signed. Out: whose signatures there are, as letters. */
static enum status sign_next(char out[3])
{
    struct wire_request request = {.op = WIRE_OP_CHECKPOINT_SIGN};
    struct wire_reply reply;
    const enum who whose[] = {LOG, OTHER_LOG};
    world_entry_append(&desk.world, "custodyd");
    world_checkpoint(&request.checkpoint, &desk.world, desk.world.entry_count - 1, desk.world.entry_count);
    enum status status = desk_ask(&reply, &request);
    memset(out, 0, 3);
    for (size_t i = 0; status == STATUS_OK && i < reply.checkpoint.count; i++) {
        for (size_t k = 0; k < 2; k++) {
            bool his = signature_verify(test_key_public(desk.world.keys[whose[k]]), reply.checkpoint.signatures[i],
                                        request.checkpoint.note.data, request.checkpoint.note.len, NULL) == STATUS_OK;
            out[i] = his ? "on"[k] : out[i];
        }
    }
    if (status != STATUS_OK) {
        desk.world.entry_count--;
        bytes_free(&desk.world.leaves[desk.world.entry_count]);
    }
    bytes_free(&request.checkpoint.note);
    return status;
}

static void expect_signed(const char *whose)
{
    char got[3];
    enum status status = sign_next(got);
    cr_expect(status == STATUS_OK && strcmp(got, whose) == 0, "size %zu: %s, not %s (%s: %s)", desk.world.entry_count,
              got, whose, desk_where, desk_detail);
}

Test(log_audit, both_keys_sign_and_then_the_new_one_alone)
{
    expect_signed("o");
    successor();
    expect_signed("o");
    cr_assert(rotate(LOG, OTHER_LOG, 5) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_signed("on");
    MUST(desk_restart(NULL));
    expect_signed("on");
    expect_signed("n");
    order_about(COMMAND_KEY_RETIRE, LOG, KEY_STATE_ACTIVE, 2);
    MUST(desk_restart(NULL));
    expect_signed("n");
    cr_expect(rotate(LOG, OTHER_LOG, 50) == STATUS_CONFLICT, "it has no old key any more: %s", desk_where);
    expect_signed("n");
}

/* A key is not the log's because it is on the token, admitted and active. */
Test(log_audit, takes_no_order_but_the_right_one)
{
    struct command command = rotation_of(LOG, OTHER_LOG, ORIGIN, 5);
    expect_signed("o");
    cr_expect(give(&command, ALAN) == STATUS_NOT_FOUND, "a key that it does not have: %s", desk_detail);
    cr_assert(admit(1, true) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(&command, ALAN) == STATUS_KEY_INACTIVE, "%s", desk_detail);
    order_about(COMMAND_KEY_ACTIVATE, OTHER_LOG, KEY_STATE_INACTIVE, 1);
    expect_signed("o");
    cr_expect(give(&command, WHO_COUNT) == STATUS_QUORUM_MISSING, "one person: %s", desk_detail);
    cr_expect(give(&command, STRANGER) == STATUS_UNKNOWN_KEY, "%s", desk_detail);
    command = rotation_of(LOG, OTHER_LOG, "custody.example/other", 5);
    cr_expect(give(&command, ALAN) == STATUS_MISMATCH && strcmp(desk_where, "command.log") == 0, "%s", desk_where);
    cr_expect(rotate(STRANGER, OTHER_LOG, 5) == STATUS_CONFLICT && strcmp(desk_where, "command.retires") == 0);
    cr_expect(rotate(LOG, OTHER_LOG, 2) == STATUS_CONFLICT && strcmp(desk_where, "command.size") == 0, "%s",
              desk_detail);
    expect_signed("o");
}

Test(log_audit, takes_an_order_once)
{
    successor();
    const struct command first = rotation_of(LOG, OTHER_LOG, ORIGIN, 3);
    const struct command second = rotation_of(LOG, OTHER_LOG, ORIGIN, 4);
    cr_expect(give(&first, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(&first, ALAN) == STATUS_OK, "another signer did not have it: %s", desk_detail);
    expect_signed("on");
    cr_expect(give(&second, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(&first, ALAN) == STATUS_REPLAY, "%s", desk_detail);
    expect_signed("on");
    expect_signed("on");
    expect_signed("n");
}

/* The old key is lost while both are in force: another order ends that at once. */
Test(log_audit, goes_on_when_the_old_key_is_lost)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    char got[3];
    successor();
    cr_assert(rotate(LOG, OTHER_LOG, 100) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_signed("on");
    order_about(COMMAND_KEY_SUSPEND, LOG, (enum key_state)0, 0);
    cr_expect(sign_next(got) == STATUS_KEY_INACTIVE, "half a checkpoint is none");
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && !reply.status.ready);
    cr_expect_str_eq(reply.status.reason, "the key is suspended (command)");
    cr_assert(rotate(LOG, OTHER_LOG, 2) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_ask(&reply, &request) == STATUS_OK && reply.status.ready, "%s", reply.status.reason);
    expect_signed("n");
}

/* It has signed three entries more than anybody has: their log ends, and whoever has them is not believed again. */
Test(log_audit, ends_a_log_and_signs_the_next_one_alone)
{
    char got[3];
    for (int i = 0; i < 5; i++) {
        expect_signed("o");
    }
    const struct command command = fork_of(LOG, NEXT, 2);
    begin(ORIGIN);
    cr_expect(sign_next(got) == STATUS_ROLLBACK, "nobody has what it has signed: %s", desk_detail);
    begin(NEXT);
    cr_expect(sign_next(got) == STATUS_MISMATCH && strcmp(desk_where, "note.origin") == 0, "no order yet: %s",
              desk_where);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_signed("o");
    MUST(desk_restart(NULL));
    expect_signed("o");
    cr_expect(give(&command, ALAN) == STATUS_OK, "another signer did not have it: %s", desk_detail);
    expect_signed("o");
    begin(ORIGIN);
    cr_expect(sign_next(got) == STATUS_MISMATCH && strcmp(desk_where, "note.origin") == 0, "the log that was ended: %s",
              desk_where);
}

Test(log_audit, ends_no_log_but_by_the_right_order)
{
    char got[3];
    for (int i = 0; i < 4; i++) {
        expect_signed("o");
    }
    struct command command = fork_of(LOG, NEXT, 4);
    cr_expect(give(&command, WHO_COUNT) == STATUS_QUORUM_MISSING, "one person: %s", desk_detail);
    cr_expect(give(&command, STRANGER) == STATUS_UNKNOWN_KEY, "%s", desk_detail);
    command = fork_of(LOG, ORIGIN "/e3", 4);
    cr_expect(give(&command, ALAN) == STATUS_MISMATCH && strcmp(desk_where, "command.log") == 0, "%s", desk_where);
    command = fork_of(LOG, "custody.example/other/e2", 4);
    cr_expect(give(&command, ALAN) == STATUS_MISMATCH && strcmp(desk_where, "command.log") == 0, "%s", desk_where);
    command = fork_of(OTHER_LOG, NEXT, 4);
    cr_expect(give(&command, ALAN) == STATUS_NOT_FOUND, "a key that it does not have: %s", desk_where);
    command = fork_of(LOG, NEXT, 4);
    command.size = 5;
    cr_expect(give(&command, ALAN) == STATUS_CONFLICT && strcmp(desk_where, "command.size") == 0, "%s", desk_where);
    command = fork_of(LOG, NEXT, 4);
    command.root = command.chain;
    cr_expect(give(&command, ALAN) == STATUS_MISMATCH && strcmp(desk_where, "command.root") == 0, "%s", desk_where);
    expect_signed("o");
    command = fork_of(LOG, NEXT, 4);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    begin(NEXT);
    expect_signed("o");
    const struct command second = fork_of(LOG, ORIGIN "/e3", 1);
    cr_assert(give(&second, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(&command, ALAN) == STATUS_REPLAY, "%s", desk_detail);
    begin(NEXT);
    cr_expect(sign_next(got) == STATUS_MISMATCH, "it was ended, too: %s", desk_detail);
}

/* The key that was to sign alone from 50 entries on is that of the next log, at once. */
Test(log_audit, ends_a_log_while_its_key_is_rotated)
{
    successor();
    const struct command rotation = rotation_of(LOG, OTHER_LOG, ORIGIN, 50);
    cr_assert(give(&rotation, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_signed("on");
    expect_signed("on");
    const struct command command = fork_of(OTHER_LOG, NEXT, 2);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    begin(NEXT);
    expect_signed("n");
    MUST(desk_restart(NULL));
    expect_signed("n");
    cr_expect(give(&rotation, ALAN) == STATUS_REPLAY, "it was about the log that ended: %s", desk_detail);
    struct command back = rotation_of(OTHER_LOG, LOG, NEXT, 4);
    cr_assert(give(&back, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_signed("no");
}

/* Two histories were shown to it. Only people end the halt, and only with the log. */
Test(log_audit, goes_on_after_two_histories_in_the_next_log)
{
    char got[3];
    for (int i = 0; i < 3; i++) {
        expect_signed("o");
    }
    const struct command command = fork_of(LOG, NEXT, 3);
    begin(ORIGIN);
    world_entry_append(&desk.world, "somebody");
    world_entry_append(&desk.world, "somebody");
    cr_expect(sign_next(got) == STATUS_FORK, "%s", desk_detail);
    cr_expect(sign_next(got) == STATUS_HALTED, "%s", desk_detail);
    cr_expect(rotate(LOG, OTHER_LOG, 50) == STATUS_HALTED, "%s", desk_detail);
    cr_expect(give(&command, WHO_COUNT) == STATUS_QUORUM_MISSING, "%s", desk_detail);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    begin(NEXT);
    expect_signed("o");
    MUST(desk_restart(NULL));
    expect_signed("o");
}

Test(log_audit, admits_only_who_replaces_its_key)
{
    cr_expect(admit(1, false) == STATUS_MISMATCH);
    cr_expect_str_eq(desk_where, "document.replaces");
}

static void start_validator(void)
{
    desk_start_active_as(ROLE_VALIDATOR);
}

TestSuite(log_validator, .init = start_validator, .fini = desk_finish);

Test(log_validator, has_no_log)
{
    cr_expect(rotate(LOG, OTHER_LOG, 5) == STATUS_MISMATCH && strcmp(desk_where, "command.action") == 0, "%s",
              desk_where);
}

/* Role transfer. */

static uint64_t next_seq;

static void start_transfer(void)
{
    next_seq = 0;
    desk_start_active_as(ROLE_TRANSFER);
}

TestSuite(log_transfer, .init = start_transfer, .fini = desk_finish);

/* One more line for the note at the end of a receipt: `whose`, over the body or over another text. */
static void add_line(struct order *order, enum who whose, bool bad)
{
    struct audit_tlog_proof proof;
    struct audit_note note;
    struct bytes line = {0};
    struct buffer buffer;
    uint8_t signature64[SIGNATURE_LEN];
    const struct audit_key key = log_of(whose, ORIGIN);
    MUST(audit_tlog_proof_parse(&proof, order->proof.data, order->proof.len, NULL));
    MUST(audit_note_parse(&note, proof.note, proof.note_len, NULL));
    test_key_sign_message(signature64, desk.world.keys[whose], note.body, note.body_len - (bad ? 1 : 0));
    MUST(audit_note_line(&line, &key, signature64, NULL));
    buffer_init(&buffer);
    buffer_append(&buffer, order->proof.data, order->proof.len);
    buffer_append(&buffer, line.data, line.len);
    bytes_free(&order->proof);
    MUST(buffer_finish(&order->proof, &buffer));
    bytes_free(&line);
    audit_tlog_proof_wipe(&proof);
}

/* A withdrawal under a checkpoint of `first` and, unless it is WHO_COUNT, `second`. */
static enum status transfer(enum who first, enum who second, bool bad)
{
    struct order order;
    desk_withdrawal(&order, 0, next_seq);
    desk.world.entry_count--; /* the entry that it was made with, by the log's first key */
    bytes_free(&desk.world.leaves[desk.world.entry_count]);
    order_prove(&order, &desk.world, first);
    if (second != WHO_COUNT) {
        add_line(&order, second, bad);
    }
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    desk.world.promises = status == STATUS_OK ? reply.transfer.promises : desk.world.promises;
    next_seq += status == STATUS_OK ? 1 : 0;
    wire_reply_free(&reply);
    order_wipe(&order);
    return status;
}

#define EXPECT_TRANSFER(expected, first, second, bad)                                                                  \
    do {                                                                                                               \
        enum status transfer_status = transfer(first, second, bad);                                                    \
        cr_expect(transfer_status == (expected), "size %zu: %s, %s: %s", desk.world.entry_count,                       \
                  status_info(transfer_status)->code, desk_where, desk_detail);                                        \
    } while (0)

/* Whoever owns the service offers a key of the own, with and without the log's. */
Test(log_transfer, believes_no_key_without_an_order)
{
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    EXPECT_TRANSFER(STATUS_UNKNOWN_KEY, OTHER_LOG, WHO_COUNT, false);
    const struct command command = rotation_of(LOG, OTHER_LOG, ORIGIN, 50);
    cr_expect(give(&command, WHO_COUNT) == STATUS_QUORUM_MISSING, "one person: %s", desk_detail);
    const struct command other = rotation_of(LOG, OTHER_LOG, "custody.example/other", 50);
    cr_expect(give(&other, ALAN) == STATUS_MISMATCH, "another log: %s", desk_where);
    EXPECT_TRANSFER(STATUS_UNKNOWN_KEY, OTHER_LOG, WHO_COUNT, false);
    EXPECT_TRANSFER(STATUS_OK, LOG, OTHER_LOG, true);
}

Test(log_transfer, believes_the_old_key_and_then_the_new_one_alone)
{
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    uint64_t from = desk.world.entry_count + 8;
    const struct command command = rotation_of(LOG, OTHER_LOG, ORIGIN, from);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(&command, ALAN) == STATUS_OK, "the same again: %s", desk_detail);
    MUST(desk_restart(NULL));
    EXPECT_TRANSFER(STATUS_OK, LOG, OTHER_LOG, false);
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    EXPECT_TRANSFER(STATUS_SIGNATURE_INVALID, LOG, OTHER_LOG, true);
    EXPECT_TRANSFER(STATUS_NOT_READY, OTHER_LOG, WHO_COUNT, false);
    while (desk.world.entry_count < from - 1) {
        world_entry_append(&desk.world, "custodyd");
    }
    EXPECT_TRANSFER(STATUS_NOT_READY, LOG, WHO_COUNT, false);
    EXPECT_TRANSFER(STATUS_NOT_READY, OTHER_LOG, LOG, false);
    EXPECT_TRANSFER(STATUS_SIGNATURE_INVALID, OTHER_LOG, LOG, true);
    EXPECT_TRANSFER(STATUS_OK, OTHER_LOG, WHO_COUNT, false);
    MUST(desk_restart(NULL));
    EXPECT_TRANSFER(STATUS_NOT_READY, LOG, WHO_COUNT, false);
    cr_expect(give(&command, ALAN) == STATUS_OK, "it changes nothing: %s", desk_detail);
    cr_expect(rotate(LOG, OTHER_LOG, from + 50) == STATUS_CONFLICT, "it has no old key any more: %s", desk_where);
}

/* Somebody who has the old key by now makes a short log of the own: this signer has seen the new key's. */
Test(log_transfer, does_not_believe_the_old_key_about_the_past)
{
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    uint64_t from = desk.world.entry_count + 2;
    cr_assert(rotate(LOG, OTHER_LOG, from) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    world_entry_append(&desk.world, "custodyd");
    EXPECT_TRANSFER(STATUS_OK, OTHER_LOG, WHO_COUNT, false);
    while (desk.world.entry_count > 0) {
        bytes_free(&desk.world.leaves[--desk.world.entry_count]);
    }
    EXPECT_TRANSFER(STATUS_NOT_READY, LOG, WHO_COUNT, false);
    cr_expect_eq(desk.world.entry_count, 1, "its log was shorter than the size that the old key ends at");
}

/* What it has seen of the log that was ended counts for nothing, and what it has signed stays signed. */
Test(log_transfer, believes_the_next_log_by_order_alone)
{
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    uint64_t size = desk.world.entry_count;
    const struct command command = fork_of(LOG, NEXT, size);
    struct command other = command;
    other.root = command.chain;
    begin(NEXT);
    EXPECT_TRANSFER(STATUS_UNKNOWN_KEY, LOG, WHO_COUNT, false);
    cr_expect(give(&command, WHO_COUNT) == STATUS_QUORUM_MISSING, "one person: %s", desk_detail);
    cr_expect(give(&other, ALAN) == STATUS_MISMATCH && strcmp(desk_where, "command.root") == 0, "%s", desk_where);
    cr_assert(give(&command, ALAN) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    MUST(desk_restart(NULL));
    begin(ORIGIN);
    EXPECT_TRANSFER(STATUS_UNKNOWN_KEY, LOG, WHO_COUNT, false);
    begin(NEXT);
    for (uint64_t i = 0; i < size + 1; i++) { /* the same sizes with other roots */
        EXPECT_TRANSFER(STATUS_OK, LOG, WHO_COUNT, false);
    }
    next_seq--;
    EXPECT_TRANSFER(STATUS_REPLAY, LOG, WHO_COUNT, false);
}
