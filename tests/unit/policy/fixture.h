/*
 * A small world for the tests of the policy room: people with keys, a policy that they signed, a withdrawal that is
 * right in every respect. Tests break one thing at a time.
 */
#ifndef STRONGROOM_TEST_POLICY_FIXTURE_H
#define STRONGROOM_TEST_POLICY_FIXTURE_H

#include "policy/withdrawal.h"
#include "test/test_key.h"

#define ASSET_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ASSET_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CHAIN "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ISSUED_AT "2026-01-02T03:04:05.000000Z"
#define REQUESTED_AT "2026-02-02T03:04:05.000000Z"
#define SIGNED_AT "2026-02-02T03:05:00.000000Z"
#define NOW "2026-02-02T04:00:00.000000Z"
#define EXPIRES_AT "2026-02-03T03:04:05.000000Z"
#define VALID_UNTIL "2027-01-01T00:00:00.000000Z"
#define WITHDRAWAL "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"

/* Whose keys there are. BOB_SECOND is the second key of one person. */
enum who {
    ADA,
    ALAN,
    AMY,
    BERT,
    BOB,
    BOB_SECOND,
    CAROL,
    DAVE,
    HOT,
    COLD,
    STRANGER,
    AUDREY,
    OLGA,
    TESS, /* custodian */
    THEO, /* custodian */
    TOBY, /* approver, in treasury */
    WHO_COUNT
};

#define WORLD_KEYS 2 /* of the signer: hot and cold wallet */

struct world {
    struct test_key *keys[WHO_COUNT];
    json_t *policy_json; /* editable */
    struct signed_document policy_signed;
    struct policy policy;
    struct account_id destination_account;
    struct intent intent;
    struct bytes intent_document;
    struct digest intent_digest;
    struct signed_document destination;
    struct signed_document approvals[4]; /* bert, carol; two free places */
    size_t approval_count;
    struct key_document key_documents[WORLD_KEYS];
    struct withdrawal_key keys_held[WORLD_KEYS]; /* the hot one is the first; both active */
    int64_t now;
};

/* Builds the world: keys, the policy signed by all administrators and opened, a complete withdrawal. */
void world_init(struct world *world);
void world_wipe(struct world *world);

/* Documents and context for policy_check_withdrawal (borrowed from the world). */
struct withdrawal_documents world_documents(const struct world *world);
struct withdrawal_context world_context(const struct world *world);

/* Encodes the intent anew after a change of world->intent; `rebuild` brings its transaction digest up to date. */
void world_intent_changed(struct world *world, bool rebuild);

/* A fresh approval of the world's intent signed with the key of `key`; `name` is the approver it names. */
void world_approve(struct signed_document *out, const struct world *world, const char *name, enum who key);

/* The approval before it is signed, for tests that change it. */
struct approval world_approval(const struct world *world, const char *name, enum who key);
void world_sign_approval(struct signed_document *out, const struct world *world, const struct approval *approval,
                         enum who key);

/* The destination entry before it is signed; signing by ada and alan. */
struct destination world_destination(const struct world *world);
void world_sign_destination(struct signed_document *out, const struct world *world,
                            const struct destination *destination);

/* The key document of a wallet's key (HOT or COLD) before it is signed; signing by ada and alan. */
struct key_document world_key_document(const struct world *world, enum who who);
void world_sign_key_document(struct signed_document *out, const struct world *world, const struct key_document *key);

/* A command about the key of `who` as of now, right for the action; `from` is a state in which it is possible. */
struct command world_command(const struct world *world, enum command_action action, enum who who);
void world_sign_command(struct signed_document *out, const struct world *world, const struct command *command,
                        enum who first, enum who second);

/* The bytes of a JSON value with sorted keys, canonical when the value is. */
struct bytes json_bytes(const json_t *value);

/* Sets the value at a path such as "rules[0].quorum[1].m" to the JSON `text`; NULL deletes it. */
void json_edit(json_t *root, const char *path, const char *text);

/* Parsed values for tests. They abort on bad text. */
struct name name_of(const char *text);
struct digest digest_of(const char *text);
struct amount amount_of(const char *text);
int64_t time_of(const char *text);

/* One broken rule: the edit and the answer that names it. */
struct refusal {
    const char *path;
    const char *text; /* JSON; NULL deletes */
    enum status status;
    const char *where;  /* exact */
    const char *detail; /* contained */
};

typedef enum status decode_call(const void *document, size_t len, struct fault *fault);

/* Applies each edit to a copy of `valid`, which itself must decode, and expects exactly that refusal. */
void expect_refusals(decode_call *decode, const json_t *valid, const struct refusal *rows, size_t count);

#endif
