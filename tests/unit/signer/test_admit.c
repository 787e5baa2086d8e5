/*
 * Admission: everything that is shown with a key is held against everything else, and one wrong paper leaves the key
 * generated.
 */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "desk.h"

static struct hand hand;
static struct key_document key;
static struct papers papers;

static void start(void)
{
    desk_start();
    hand = hand_soft(desk.keys[0]);
    key = papers_key(&desk.world, &hand);
    papers = (struct papers){.ceremony = {.len = 0}};
}

static void finish(void)
{
    papers_wipe(&papers);
    desk_finish();
}

TestSuite(admit, .init = start, .fini = finish);

static void make(void)
{
    papers_wipe(&papers);
    papers_make(&papers, &desk.world, &hand, &key);
}

static void expect(enum status expected, const char *where, const char *what)
{
    enum status got = desk_admit(&papers);
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
    cr_expect_str_eq(desk_key().state, got == STATUS_OK ? "inactive" : "generated", "%s", what);
}

/* The document anew after a change, and the command that names it. */
static void document_again(void)
{
    signed_document_free(&papers.document);
    signed_document_free(&papers.command);
    papers_document_sign(&papers.document, &desk.world, &papers.key);
    struct command command = order_key(&desk.world, COMMAND_KEY_ADMIT, &papers.key.key_id, KEY_STATE_GENERATED, 0);
    key_document_digest(&command.document, papers.document.document.data, papers.document.document.len);
    order_key_sign(&papers.command, &desk.world, &command, ADA, ALAN);
}

static void command_again(const struct command *command, enum who first, enum who second)
{
    signed_document_free(&papers.command);
    order_key_sign(&papers.command, &desk.world, command, first, second);
}

static struct command command_now(void)
{
    struct command command;
    MUST(command_decode(&command, papers.command.document.data, papers.command.document.len, NULL));
    return command;
}

Test(admit, a_clone_and_its_proof_of_restore)
{
    make();
    expect(STATUS_OK, "", "right in every respect");
    const struct wire_key shown = desk_key();
    cr_expect(shown.on == 1 && shown.restored_at == desk.now_utc_us - 60 * DESK_SECOND_US);
    cr_expect_str_eq(shown.cause, "command");
    MUST(desk_restart(NULL));
    cr_expect_str_eq(desk_key().state, "inactive");
}

Test(admit, a_wrapped_backup_and_its_proof_of_restore)
{
    key.backup = KEY_BACKUP_WRAPPED;
    make();
    expect(STATUS_OK, "", "right in every respect");
    MUST(desk_restart(NULL));
    cr_expect_str_eq(desk_key().state, "inactive");
}

Test(admit, is_ordered_by_the_quorum_for_this_key_and_document)
{
    make();
    const struct command right = command_now();
    struct command command = right;
    command_again(&command, ADA, WHO_COUNT);
    expect(STATUS_QUORUM_MISSING, "command.signatures", "one administrator");
    command_again(&command, ADA, CATO);
    expect(STATUS_UNKNOWN_KEY, "command.signatures[1]", "a custodian");
    command.document.bytes32[0] ^= 1;
    command_again(&command, ADA, ALAN);
    expect(STATUS_MISMATCH, "command.document", "another document");
    command = right;
    command.key.bytes32[0] ^= 1;
    command_again(&command, ADA, ALAN);
    expect(STATUS_MISMATCH, "command.key", "another key");
    command = right;
    command.role = ROLE_VALIDATOR;
    command_again(&command, ADA, ALAN);
    expect(STATUS_MISMATCH, "command.role", "another role");
    command = order_key(&desk.world, COMMAND_KEY_ACTIVATE, &papers.key.key_id, KEY_STATE_INACTIVE, 1);
    command_again(&command, ADA, ALAN);
    expect(STATUS_MISMATCH, "command.action", "another order");
    command_again(&right, ADA, ALAN);
    desk.now_utc_us = right.expires_at;
    expect(STATUS_EXPIRED, "command.expires_at", "a day too late");
}

Test(admit, who_is_suspended_orders_nothing)
{
    const struct digest none = {{0}};
    struct signed_document order;
    struct command suspend = order_key(&desk.world, COMMAND_PERSON_SUSPEND, &none, (enum key_state)0, 0);
    MUST(name_parse(&suspend.person, "alan"));
    order_key_sign(&order, &desk.world, &suspend, ADA, WHO_COUNT);
    cr_assert(desk_command(&order) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    signed_document_free(&order);
    make();
    expect(STATUS_QUORUM_MISSING, "command.signatures", "one of two administrators is suspended");
}

Test(admit, happens_once)
{
    make();
    expect(STATUS_OK, "", "first");
    cr_expect(desk_admit(&papers) == STATUS_REPLAY);
    cr_expect_str_eq(desk_where, "command.nonce");
    const struct command again = order_key(&desk.world, COMMAND_KEY_ADMIT, &papers.key.key_id, KEY_STATE_GENERATED, 0);
    struct command command = again;
    key_document_digest(&command.document, papers.document.document.data, papers.document.document.len);
    command_again(&command, ADA, ALAN);
    cr_expect(desk_admit(&papers) == STATUS_CONFLICT);
    cr_expect_str_eq(desk_where, "command.from");
}

Test(admit, an_edited_document_is_none)
{
    make();
    char *place = strstr((char *)papers.document.document.data, "\"location\":\"vault-1\"");
    cr_assert(place != NULL);
    place[18] = '2';
    expect(STATUS_SIGNATURE_INVALID, "document.signatures[0]", "edited after it was signed");
    signed_document_free(&papers.document);
    papers_document_sign(&papers.document, &desk.world, &papers.key);
    papers.document.signature_count = 1;
    expect(STATUS_QUORUM_MISSING, "document.signatures", "signed by one");
}

Test(admit, a_document_is_for_this_signer)
{
    make();
    papers.key.chain.bytes32[0] ^= 1;
    document_again();
    expect(STATUS_MISMATCH, "document.chain", "another ledger");
    make();
    papers.key.policy.bytes32[0] ^= 1;
    document_again();
    expect(STATUS_MISMATCH, "document.policy", "another policy");
    make();
    papers.key.purpose = ROLE_AUDIT;
    papers.key.tier = TIER_SYSTEM;
    document_again();
    expect(STATUS_MISMATCH, "document.purpose", "another purpose");
    make();
    papers.key.custodians[1] = name_of("nobody");
    document_again();
    expect(STATUS_MISMATCH, "document.custodians", "nobody's custodian");
    make();
    papers.key.valid_from -= 1001 * DESK_DAY_US;
    papers.key.valid_until = desk.now_utc_us;
    document_again();
    expect(STATUS_EXPIRED, "document.valid_until", "over");
}

Test(admit, a_key_must_be_on_the_token_where_it_was_born)
{
    make();
    desk.keys[0] = desk.world.keys[STRANGER];
    cr_expect(desk_admit(&papers) != STATUS_OK && strstr(desk_detail, "started again") != NULL, "%s", desk_detail);
    expect(STATUS_NOT_FOUND, "document.key", "on no token");
    desk.keys[0] = desk.world.keys[SOFT];
    desk.origin = SIGNER_KEY_RESTORED;
    expect(STATUS_MISMATCH, "document.token", "restored here, says the token");
    desk.origin = SIGNER_KEY_BORN;
    (void)snprintf(hand.token.serial, sizeof(hand.token.serial), "2");
    key = papers_key(&desk.world, &hand);
    make();
    expect(STATUS_MISMATCH, "document.token", "born on another one");
}

Test(admit, a_key_that_was_restored_here_says_so)
{
    (void)snprintf(hand.token.serial, sizeof(hand.token.serial), "2");
    key = papers_key(&desk.world, &hand);
    make();
    struct restore restore = papers_restore(&desk.world, &papers.key);
    (void)snprintf(restore.token.serial, sizeof(restore.token.serial), "1");
    signed_document_free(&papers.restore);
    papers_restore_sign(&papers.restore, &desk.world, &hand, &restore);
    desk.origin = SIGNER_KEY_RESTORED;
    expect(STATUS_OK, "", "restored to this token");
}

/* The primary was replaced by a restored one, the drill took place elsewhere: the standby knows where it was born. */
Test(admit, a_copy_that_was_born_where_the_document_says_is_enough)
{
    (void)snprintf(hand.token.serial, sizeof(hand.token.serial), "2");
    key = papers_key(&desk.world, &hand);
    make();
    desk.origin = SIGNER_KEY_RESTORED;
    expect(STATUS_MISMATCH, "document.token", "restored by a proof that names another token");
    desk.standby_serial = "3";
    expect(STATUS_MISMATCH, "document.token", "and born on a third one");
    desk.standby_serial = "2";
    expect(STATUS_OK, "", "born on the standby");
}

/* The transcript */

Test(admit, a_transcript_is_the_one_of_the_document)
{
    make();
    struct bytes other = {0};
    papers_ceremony(&other, &desk.world, &hand, &papers.key, NULL);
    struct bytes right = papers.ceremony;
    papers.ceremony = other;
    expect(STATUS_MISMATCH, "document.ceremony", "another ceremony of the same key");
    papers.ceremony = right;
    bytes_free(&other);
}

Test(admit, a_skipped_step_leaves_the_key_generated)
{
    make();
    static struct ceremony ceremony;
    MUST(ceremony_decode(&ceremony, papers.ceremony.data, papers.ceremony.len, NULL));
    ceremony.step_count--;
    bytes_free(&papers.ceremony);
    MUST(ceremony_encode(&papers.ceremony, &ceremony, NULL));
    ceremony.step_count++;
    ceremony_free(&ceremony);
    ceremony_digest(&papers.key.ceremony, papers.ceremony.data, papers.ceremony.len);
    document_again();
    expect(STATUS_QUORUM_MISSING, "ceremony.steps", "without its last step");
}

Test(admit, a_transcript_of_another_key_is_refused)
{
    make();
    const struct hand other = hand_soft(desk.world.keys[STRANGER]);
    bytes_free(&papers.ceremony);
    papers_ceremony(&papers.ceremony, &desk.world, &other, &papers.key, NULL);
    ceremony_digest(&papers.key.ceremony, papers.ceremony.data, papers.ceremony.len);
    document_again();
    expect(STATUS_MISMATCH, "ceremony.key_id", "of another key");
}

Test(admit, the_facts_are_those_of_the_document)
{
    make();
    papers.key.approved = true;
    document_again();
    expect(STATUS_MISMATCH, "ceremony.approved", "approved, says the document alone");
}

/* Backup and proof */

Test(admit, a_backup_is_the_one_of_the_document)
{
    key.backup = KEY_BACKUP_WRAPPED;
    make();
    struct signed_document backup = papers.backup;
    papers.backup = (struct signed_document){.signatures = NULL};
    expect(STATUS_MISSING_FIELD, "backup", "without it");
    papers.backup = backup;
    papers.backup.signatures[0].bytes64[0] ^= 1;
    expect(STATUS_SIGNATURE_INVALID, "backup.signatures[0]", "not by the key");
    papers.backup.signatures[0].bytes64[0] ^= 1;
    papers.key.backup_document.bytes32[0] ^= 1;
    document_again();
    expect(STATUS_MISMATCH, "document.backup_document", "another backup");
}

Test(admit, without_a_proof_of_restore_no_key_receives)
{
    make();
    struct signed_document restore = papers.restore;
    papers.restore = (struct signed_document){.signatures = NULL};
    expect(STATUS_MISSING_FIELD, "restore", "without it");
    papers.restore = restore;
    struct restore old = papers_restore(&desk.world, &papers.key);
    old.made_at = desk.now_utc_us - DESK_DAY_US - 1;
    signed_document_free(&papers.restore);
    papers_restore_sign(&papers.restore, &desk.world, &hand, &old);
    expect(STATUS_EXPIRED, "restore.made_at", "of yesterday");
    old.made_at = desk.now_utc_us + 61 * DESK_SECOND_US;
    signed_document_free(&papers.restore);
    papers_restore_sign(&papers.restore, &desk.world, &hand, &old);
    expect(STATUS_NOT_READY, "restore.made_at", "of tomorrow");
    old = papers_restore(&desk.world, &papers.key);
    papers_restore_allow(&old, &desk.world, OTTO, ALAN);
    signed_document_free(&papers.restore);
    papers_restore_sign(&papers.restore, &desk.world, &hand, &old);
    expect(STATUS_UNKNOWN_KEY, "restore.occasion.signatures[1]", "who allowed it did not sign before");
    old = papers_restore(&desk.world, &papers.key);
    old.token = papers.key.token;
    signed_document_free(&papers.restore);
    papers_restore_sign(&papers.restore, &desk.world, &hand, &old);
    expect(STATUS_MISMATCH, "restore.token", "restored to where it was born");
}

/* Drills */

static enum status prove(const struct restore *restore)
{
    struct signed_document document;
    papers_restore_sign(&document, &desk.world, &hand, restore);
    struct wire_request request = {.op = WIRE_OP_KEY_PROVE, .key_order = {.order = document}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    signed_document_free(&document);
    return status;
}

Test(admit, a_drill_is_the_newest_proof)
{
    key.backup = KEY_BACKUP_WRAPPED;
    make();
    struct restore drill = papers_restore(&desk.world, &papers.key);
    drill.kind = RESTORE_DRILL;
    cr_expect(prove(&drill) == STATUS_CONFLICT, "a generated key has nothing to prove");
    expect(STATUS_OK, "", "right in every respect");
    cr_expect(prove(&drill) == STATUS_CONFLICT, "of the same moment");
    drill.made_at = desk.now_utc_us + DESK_SECOND_US;
    desk.now_utc_us += 2 * DESK_SECOND_US;
    const int64_t drill_at = desk.now_utc_us;
    cr_expect(prove(&drill) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    struct guard_state state;
    guard_read(desk.guard, &state);
    cr_expect(state.highest_utc_us == drill_at, "the time of the proof was seen");
    MUST(desk_restart(NULL));
    cr_expect(desk_key().restored_at == drill.made_at && desk_key().on == 1);
    drill.made_at--;
    cr_expect(prove(&drill) == STATUS_CONFLICT, "an older one");
    drill.made_at += 2 * DESK_SECOND_US;
    drill.share_count = 1;
    struct signed_document document = {.signatures = NULL};
    cr_expect(restore_encode(&document.document, &drill, NULL) != STATUS_OK, "k - 1 shares are no proof");
    drill.share_count = 2;
    drill.shares[1] = name_of("otto");
    cr_expect(prove(&drill) == STATUS_MISMATCH, "%s: %s", desk_where, desk_detail);
}

/* Whoever made the backup of a key, perhaps before there was a policy, did not put in a key of the own. */
Test(admit, the_shares_are_sealed_for_keys_that_the_custodians_signed)
{
    hand.seal_forged = true;
    key.backup = KEY_BACKUP_WRAPPED;
    make();
    expect(STATUS_UNKNOWN_KEY, "backup.shares[1].signatures", "otto signed it, not cleo");
    papers_wipe(&papers);
    hand.seal_forged = false;
    make();
    expect(STATUS_OK, "", "right in every respect");
}

/* Names in the proof are not enough: who asked and who allowed it signed that before, for this restore. */
Test(admit, requester_and_authoriser_signed_the_occasion_of_a_drill)
{
    key.backup = KEY_BACKUP_WRAPPED;
    make();
    expect(STATUS_OK, "", "right in every respect");
    struct restore drill = papers_restore(&desk.world, &papers.key);
    drill.kind = RESTORE_DRILL;
    drill.made_at = desk.now_utc_us + DESK_SECOND_US;
    desk.now_utc_us += 2 * DESK_SECOND_US;
    papers_restore_allow(&drill, &desk.world, OTTO, ALAN);
    cr_expect(prove(&drill) == STATUS_UNKNOWN_KEY, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "restore.occasion.signatures[1]");
    drill.kind = RESTORE_RESTORE;
    papers_restore_allow(&drill, &desk.world, OTTO, ADA);
    drill.kind = RESTORE_DRILL;
    cr_expect(prove(&drill) == STATUS_MISMATCH, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "restore.occasion.action");
    papers_restore_allow(&drill, &desk.world, OTTO, ADA);
    cr_expect(prove(&drill) == STATUS_OK, "%s: %s", desk_where, desk_detail);
}

/* What the walk through the guard finds */

struct kept {
    struct digest document;
    struct guard_papers papers;
};

static enum status keep_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct kept *kept = context;
    struct guard_key founding;
    guard_txn_key_read(txn, &founding, 0);
    founding.state = KEY_STATE_INACTIVE;
    founding.document = kept->document;
    return guard_txn_key_write(txn, 0, &founding, &kept->papers, fault);
}

static void paper_write(struct bytes *out, const struct signed_document *paper)
{
    json_t *object = NULL;
    MUST(signed_document_encode(&object, paper, NULL));
    MUST(canon_emit(out, object, SIGNED_TEXT_MAX, NULL));
    json_decref(object);
}

/* Writes the key's document and this backup (NULL: none) past all checks, and opens the guard again. */
static void expect_walk(const struct signed_document *backup, enum status status, const char *why)
{
    struct kept kept = {.papers = {.document = {0}}};
    struct fault fault = {0};
    key_document_digest(&kept.document, papers.document.document.data, papers.document.document.len);
    paper_write(&kept.papers.document, &papers.document);
    if (backup != NULL) {
        paper_write(&kept.papers.backup, backup);
    }
    MUST(guard_commit(desk.guard, keep_apply, &kept, NULL));
    cr_expect(desk_restart(&fault) == status, "%s: %s", fault.where, fault.detail);
    cr_expect(strstr(fault.detail, why) != NULL, "%s", fault.detail);
    bytes_free(&kept.papers.document);
    bytes_free(&kept.papers.backup);
}

static void make_wrapped(void)
{
    key.backup = KEY_BACKUP_WRAPPED;
    make();
}

Test(admit, the_walk_knows_the_backup_of_a_key)
{
    make_wrapped();
    expect_walk(&papers.backup, STATUS_OK, "");
}

Test(admit, the_walk_misses_a_backup)
{
    make_wrapped();
    expect_walk(NULL, STATUS_CORRUPT, "the backup of a key is missing");
}

Test(admit, the_walk_finds_another_backup)
{
    make_wrapped();
    expect_walk(&papers.document, STATUS_CORRUPT, "a key document and its backup differ");
}

Test(admit, the_walk_finds_a_backup_of_a_clone)
{
    make();
    expect_walk(&papers.document, STATUS_CORRUPT, "a backup of no key");
}

/* Several keys */

Test(admit, a_further_key_is_listed)
{
    make();
    expect(STATUS_OK, "", "the founding key");
    desk.keys[1] = desk.world.keys[CAROL];
    hand = hand_soft(desk.keys[1]);
    key = papers_key(&desk.world, &hand);
    key.replaces = desk_key_id();
    make();
    cr_expect(desk_admit(&papers) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    struct wire_request request = {.op = WIRE_OP_KEY_LIST};
    struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    cr_expect(reply.key_list.count == 2 && !reply.key_list.more);
    cr_expect(memcmp(&reply.key_list.keys[0].key, &reply.key_list.keys[1].key, sizeof(struct digest)) < 0);
    request.key_list.after = reply.key_list.keys[0].key;
    const struct digest second = reply.key_list.keys[1].key;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    cr_expect(reply.key_list.count == 1 && digest_equal(&reply.key_list.keys[0].key, &second));
    MUST(desk_restart(NULL));
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    cr_expect_str_eq(reply.key_list.keys[0].state, "inactive");
}

static enum status activate(const struct digest *id)
{
    const struct command command = order_key(&desk.world, COMMAND_KEY_ACTIVATE, id, KEY_STATE_INACTIVE, 1);
    struct signed_document order;
    order_key_sign(&order, &desk.world, &command, ADA, ALAN);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

Test(admit, a_wallet_moves_to_a_new_key)
{
    make();
    expect(STATUS_OK, "", "the founding key");
    cr_assert(activate(&key.key_id) == STATUS_OK);
    cr_expect(desk_sign(1, 0) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.keys[1] = desk.world.keys[OTHER_LOG];
    desk.world.wallet_key = *test_key_public(desk.keys[1]);
    desk_advance();
    cr_expect(desk_sign(1, 0) == STATUS_MISMATCH, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "wallet", "not admitted");
    hand = hand_soft(desk.keys[1]);
    key = papers_key(&desk.world, &hand);
    make();
    cr_assert(desk_admit(&papers) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_sign(1, 0) == STATUS_KEY_INACTIVE, "%s: %s", desk_where, desk_detail);
    cr_assert(activate(&key.key_id) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_sign(1, 0) == STATUS_OK, "its lanes begin anew: %s: %s", desk_where, desk_detail);
    cr_expect(digest_equal(&desk.last.key_id, &key.key_id), "signed by the new key");
    cr_expect(desk_sign(1, 0) == STATUS_REPLAY, "%s: %s", desk_where, desk_detail);
    MUST(desk_restart(NULL));
    cr_expect(desk_sign(1, 0) == STATUS_REPLAY, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_sign(1, 1) == STATUS_OK, "%s: %s", desk_where, desk_detail);
}
