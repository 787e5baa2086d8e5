/*
 * The world of the policy tests, see fixture.h. Everything aborts the test when it cannot be made.
 */
#include "fixture.h"

#include <criterion/criterion.h>

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)

static const enum algorithm algorithms[WHO_COUNT] = {
    [ADA] = ALGORITHM_P256,    [ALAN] = ALGORITHM_ED25519,    [AMY] = ALGORITHM_P256,        [BERT] = ALGORITHM_P256,
    [BOB] = ALGORITHM_ED25519, [BOB_SECOND] = ALGORITHM_P256, [CAROL] = ALGORITHM_SECP256K1, [DAVE] = ALGORITHM_P256,
    [HOT] = ALGORITHM_P256,    [COLD] = ALGORITHM_SECP256K1,  [STRANGER] = ALGORITHM_P256,   [AUDREY] = ALGORITHM_P256,
    [OLGA] = ALGORITHM_P256,   [TESS] = ALGORITHM_P256,       [THEO] = ALGORITHM_ED25519,    [TOBY] = ALGORITHM_P256,
};

struct name name_of(const char *text)
{
    struct name name;
    MUST(name_parse(&name, text));
    return name;
}

struct digest digest_of(const char *text)
{
    struct digest digest;
    MUST(digest_parse(&digest, text));
    return digest;
}

struct amount amount_of(const char *text)
{
    struct amount amount;
    MUST(amount_parse(&amount, text));
    return amount;
}

int64_t time_of(const char *text)
{
    int64_t utc_us = 0;
    MUST(time_parse(&utc_us, text));
    return utc_us;
}

struct bytes json_bytes(const json_t *value)
{
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert(text != NULL);
    struct bytes bytes = {0};
    MUST(bytes_copy(&bytes, text, strlen(text)));
    free(text);
    return bytes;
}

/* One step of a path, "name" or "[3]". Ends at '.' or '[' or the end. */
static json_t *step_into(json_t *value, const char *step, size_t len)
{
    char name[64] = {0};
    memcpy(name, step, len);
    return step[0] == '[' ? json_array_get(value, strtoul(step + 1, NULL, 10)) : json_object_get(value, name);
}

static size_t step_len(const char *step)
{
    return step[0] == '[' ? strcspn(step, "]") + 1 : strcspn(step, ".[");
}

void json_edit(json_t *root, const char *path, const char *text)
{
    const char *step = path;
    json_t *at = root;
    for (;;) {
        size_t len = step_len(step);
        const char *next = step + len + (step[len] == '.');
        if (*next == '\0') {
            break;
        }
        at = step_into(at, step, len);
        cr_assert(at != NULL, "no such path: %s", path);
        step = next;
    }
    json_t *value = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert(text == NULL || value != NULL, "not JSON: %s", text);
    if (step[0] == '[') {
        size_t index = strtoul(step + 1, NULL, 10);
        if (index == json_array_size(at)) {
            cr_assert(json_array_append_new(at, value) == 0);
        } else {
            cr_assert((text == NULL ? json_array_remove(at, index) : json_array_set_new(at, index, value)) == 0);
        }
    } else if (text == NULL) {
        cr_assert(json_object_del(at, step) == 0, "no such path: %s", path);
    } else {
        cr_assert(json_object_set_new(at, step, value) == 0);
    }
}

void expect_refusals(decode_call *decode, const json_t *valid, const struct refusal *rows, size_t count)
{
    struct fault fault = {0};
    struct bytes bytes = json_bytes(valid);
    enum status status = decode(bytes.data, bytes.len, &fault);
    cr_expect(status == STATUS_OK, "valid: %s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
    for (size_t i = 0; i < count; i++) {
        json_t *edited = json_deep_copy(valid);
        json_edit(edited, rows[i].path, rows[i].text);
        bytes = json_bytes(edited);
        fault = (struct fault){0};
        status = decode(bytes.data, bytes.len, &fault);
        cr_expect(status == rows[i].status, "%s = %s: status %s", rows[i].path, rows[i].text,
                  status_info(status)->code);
        cr_expect(strcmp(fault.where, rows[i].where) == 0, "%s = %s: where '%s'", rows[i].path, rows[i].text,
                  fault.where);
        cr_expect(strstr(fault.detail, rows[i].detail) != NULL, "%s = %s: detail '%s'", rows[i].path, rows[i].text,
                  fault.detail);
        bytes_free(&bytes);
        json_decref(edited);
    }
}

static json_t *key_json(const struct world *world, enum who who)
{
    json_t *object = NULL;
    MUST(account_key_encode(&object, test_key_public(world->keys[who]), NULL));
    return object;
}

static json_t *person_json(const char *id, const char *duties, json_t *keys)
{
    json_t *list = json_loads(duties, 0, NULL);
    json_t *person = json_pack("{s:s,s:o,s:o,s:s}", "id", id, "duties", list, "keys", keys, "valid_until", VALID_UNTIL);
    cr_assert(person != NULL);
    return person;
}

static json_t *people_json(const struct world *world)
{
    return json_pack(
        "[o,o,o,o,o,o,o,o,o,o,o,o,o]",
        person_json("ada", "[\"administrator\"]", json_pack("[o]", key_json(world, ADA))),
        person_json("alan", "[\"administrator\"]", json_pack("[o]", key_json(world, ALAN))),
        person_json("amy", "[\"administrator\"]", json_pack("[o]", key_json(world, AMY))),
        person_json("audrey", "[\"auditor\"]", json_pack("[o]", key_json(world, AUDREY))),
        person_json("bert", "[\"approver\"]", json_pack("[o]", key_json(world, BERT))),
        person_json("bob", "[\"approver\"]", json_pack("[o,o]", key_json(world, BOB), key_json(world, BOB_SECOND))),
        person_json("carol", "[\"approver\"]", json_pack("[o]", key_json(world, CAROL))),
        person_json("dave", "[\"approver\",\"requester\"]", json_pack("[o]", key_json(world, DAVE))),
        person_json("olga", "[\"operator\"]", json_pack("[o]", key_json(world, OLGA))),
        person_json("rita", "[\"requester\"]", json_array()),
        person_json("tess", "[\"custodian\"]", json_pack("[o]", key_json(world, TESS))),
        person_json("theo", "[\"custodian\"]", json_pack("[o]", key_json(world, THEO))),
        person_json("toby", "[\"approver\"]", json_pack("[o]", key_json(world, TOBY))));
}

static json_t *wallet_json(const struct world *world, const char *id, enum who who, const char *assets)
{
    json_t *wallet = key_json(world, who);
    json_t *rest = json_pack("{s:s,s:o,s:s}", "id", id, "assets", json_loads(assets, 0, NULL), "tier", "hot");
    cr_assert(rest != NULL && json_object_update(wallet, rest) == 0);
    json_decref(rest);
    return wallet;
}

static const char groups_text[] = "[{\"id\":\"admins\",\"members\":[\"ada\",\"alan\",\"amy\"]},"
                                  "{\"id\":\"risk\",\"members\":[\"carol\",\"dave\"]},"
                                  "{\"id\":\"treasury\",\"members\":[\"bert\",\"bob\",\"toby\"]}]";

static const char rules_text[] =
    "[{\"demand\":{\"max_amount\":\"1000\",\"steps\":[[{\"group\":\"risk\",\"m\":1},{\"group\":\"treasury\",\"m\":1}]]}"
    ","
    "\"effect\":\"allow\",\"id\":\"daily\","
    "\"when\":{\"assets\":[\"" ASSET_A "\",\"" ASSET_B "\"],\"wallets\":[\"cold-1\",\"hot-1\"]}},"
    "{\"effect\":\"deny\",\"id\":\"frozen\",\"when\":{\"assets\":[\"" ASSET_B "\"],\"wallets\":[\"cold-1\"]}},"
    "{\"demand\":{\"max_amount\":\"500\",\"steps\":[[{\"group\":\"treasury\",\"m\":2}]]},"
    "\"effect\":\"allow\",\"id\":\"large\",\"when\":{\"assets\":[\"" ASSET_A "\"],\"wallets\":[\"cold-1\"]}}]";

static json_t *policy_json(const struct world *world)
{
    json_t *wallets = json_pack("[o,o]", wallet_json(world, "cold-1", COLD, "[\"" ASSET_A "\",\"" ASSET_B "\"]"),
                                wallet_json(world, "hot-1", HOT, "[\"" ASSET_A "\"]"));
    json_t *policy = json_pack("{s:s,s:s,s:i,s:s,s:s,s:o,s:o,s:o,s:o,s:{s:i,s:s,s:i},s:{s:i,s:[s,s]}}", "chain", CHAIN,
                               "environment", "test", "version", 1, "prev", ZEROS, "issued_at", ISSUED_AT, "people",
                               people_json(world), "groups", json_loads(groups_text, 0, NULL), "wallets", wallets,
                               "rules", json_loads(rules_text, 0, NULL), "governance", "delay_s", 2, "group", "admins",
                               "m", 2, "destinations", "cooling_s", 0, "groups", "clients", "own");
    cr_assert(policy != NULL);
    return policy;
}

struct approval world_approval(const struct world *world, const char *name, enum who key)
{
    struct approval approval = {.approver = name_of(name),
                                .chain = world->intent.chain,
                                .decision = APPROVAL_APPROVE,
                                .environment = world->intent.environment,
                                .expires_at = world->intent.expires_at,
                                .intent = world->intent_digest,
                                .policy = world->intent.policy,
                                .signed_at = time_of(SIGNED_AT),
                                .withdrawal = world->intent.withdrawal};
    public_key_id(&approval.key, test_key_public(world->keys[key]));
    return approval;
}

void world_sign_approval(struct signed_document *out, const struct world *world, const struct approval *approval,
                         enum who key)
{
    signed_document_free(out);
    MUST(approval_encode(&out->document, approval, NULL));
    test_key_sign_document(out, APPROVAL_KIND, world->keys[key]);
}

void world_approve(struct signed_document *out, const struct world *world, const char *name, enum who key)
{
    const struct approval approval = world_approval(world, name, key);
    world_sign_approval(out, world, &approval, key);
}

struct destination world_destination(const struct world *world)
{
    return (struct destination){.account = world->destination_account,
                                .chain = world->policy.chain,
                                .environment = world->policy.environment,
                                .group = name_of("clients"),
                                .id = name_of("exchange-1"),
                                .issued_at = time_of(ISSUED_AT),
                                .policy = world->policy.digest,
                                .valid_until = time_of(VALID_UNTIL)};
}

void world_sign_destination(struct signed_document *out, const struct world *world,
                            const struct destination *destination)
{
    signed_document_free(out);
    MUST(destination_encode(&out->document, destination, NULL));
    test_key_sign_document(out, DESTINATION_KIND, world->keys[ADA]);
    test_key_sign_document(out, DESTINATION_KIND, world->keys[ALAN]);
}

void world_intent_changed(struct world *world, bool rebuild)
{
    if (rebuild) {
        const struct wallet *wallet = policy_find_wallet(&world->policy, &world->intent.wallet);
        struct transaction transaction;
        struct bytes document = {0};
        MUST(transaction_from_intent(&transaction, &world->intent, &wallet->account, NULL));
        MUST(transaction_encode(&document, &transaction, NULL));
        transaction_id(&world->intent.transaction, document.data, document.len);
        bytes_free(&document);
    }
    bytes_free(&world->intent_document);
    MUST(intent_encode(&world->intent_document, &world->intent, NULL));
    intent_digest(&world->intent_digest, world->intent_document.data, world->intent_document.len);
}

struct key_document world_key_document(const struct world *world, enum who who)
{
    struct key_document key = {.activation = KEY_ATTENDED,
                               .backup = KEY_BACKUP_WRAPPED,
                               .backup_document = digest_of(ASSET_A),
                               .box_seconds = 86400,
                               .box_signatures = 1000,
                               .ceremony = digest_of(ASSET_B),
                               .chain = world->policy.chain,
                               .creator = name_of("ada"),
                               .custodians = {name_of("tess"), name_of("theo")},
                               .custodian_count = 2,
                               .drill_days = 90,
                               .emergency = {world->destination_account},
                               .emergency_count = 1,
                               .environment = world->policy.environment,
                               .idle_seconds = 3600,
                               .issued_at = time_of(ISSUED_AT),
                               .key = *test_key_public(world->keys[who]),
                               .location = name_of("vault-1"),
                               .owner = KEY_OWNER_CUSTOMER,
                               .policy = world->policy.digest,
                               .purpose = ROLE_TRANSFER,
                               .retain_until = time_of("2029-01-01T00:00:00.000000Z"),
                               .tier = TIER_HOT,
                               .token = {"2.6", "transfer", "SoftHSM project", "SoftHSM v2", "0123456789abcdef"},
                               .valid_from = time_of(ISSUED_AT),
                               .valid_until = time_of("2028-01-01T00:00:00.000000Z")};
    public_key_id(&key.key_id, &key.key);
    return key;
}

void world_sign_key_document(struct signed_document *out, const struct world *world, const struct key_document *key)
{
    signed_document_free(out);
    MUST(key_document_encode(&out->document, key, NULL));
    test_key_sign_document(out, KEY_KIND, world->keys[ADA]);
    test_key_sign_document(out, KEY_KIND, world->keys[ALAN]);
}

/* A state from which an action is possible. */
static enum key_state from_of(enum command_action action)
{
    enum key_action move;
    enum key_state next;
    if (command_key_action(&move, action) == STATUS_OK) {
        for (int state = KEY_STATE_GENERATED; state <= KEY_STATE_DESTROYED; state++) {
            if (key_state_next(&next, (enum key_state)state, move, NULL) == STATUS_OK) {
                return (enum key_state)state;
            }
        }
    }
    return KEY_STATE_RETAINED;
}

struct command world_command(const struct world *world, enum command_action action, enum who who)
{
    struct command command = {.action = action,
                              .chain = world->policy.chain,
                              .environment = world->policy.environment,
                              .issued_at = world->now,
                              .nonce = world->intent.withdrawal,
                              .policy = world->policy.digest,
                              .role = ROLE_TRANSFER,
                              .document = digest_of(ASSET_A),
                              .expires_at = world->now + 3600000000LL,
                              .from = from_of(action),
                              .intent = world->intent_digest,
                              .reason = name_of("quarterly-rotation"),
                              .signatures = 100,
                              .until = world->now + 3600000000LL};
    public_key_id(&command.key, test_key_public(world->keys[who]));
    return command;
}

void world_sign_command(struct signed_document *out, const struct world *world, const struct command *command,
                        enum who first, enum who second)
{
    signed_document_free(out);
    MUST(command_encode(&out->document, command, NULL));
    test_key_sign_document(out, COMMAND_KIND, world->keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(out, COMMAND_KIND, world->keys[second]);
    }
}

static struct intent first_intent(const struct world *world)
{
    struct intent intent = {.amount = amount_of("250"),
                            .asset = digest_of(ASSET_A),
                            .chain = world->policy.chain,
                            .destination = world->destination_account,
                            .environment = world->policy.environment,
                            .expires_at = time_of(EXPIRES_AT),
                            .lane = 1,
                            .policy = world->policy.digest,
                            .policy_version = 1,
                            .requested_at = time_of(REQUESTED_AT),
                            .requester = name_of("rita"),
                            .seq = 7,
                            .type = TRANSACTION_TRANSFER,
                            .valid_from = 1,
                            .valid_until = 1000,
                            .wallet = name_of("hot-1")};
    MUST(uuid_parse(&intent.withdrawal, WITHDRAWAL));
    return intent;
}

void world_init(struct world *world)
{
    *world = (struct world){.now = time_of(NOW)};
    for (int i = 0; i < WHO_COUNT; i++) {
        world->keys[i] = test_key_new(algorithms[i]);
    }
    world->policy_json = policy_json(world);
    world->policy_signed.document = json_bytes(world->policy_json);
    for (int i = ADA; i <= AMY; i++) {
        test_key_sign_document(&world->policy_signed, POLICY_KIND, world->keys[i]);
    }
    struct fault fault = {0};
    enum status status = policy_open_first(&world->policy, &world->policy_signed, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
    MUST(account_id_from_key(&world->destination_account, test_key_public(world->keys[STRANGER]), NULL));
    world->intent = first_intent(world);
    world_intent_changed(world, true);
    const struct destination destination = world_destination(world);
    world_sign_destination(&world->destination, world, &destination);
    world_approve(&world->approvals[0], world, "bert", BERT);
    world_approve(&world->approvals[1], world, "carol", CAROL);
    world->approval_count = 2;
    world->key_documents[0] = world_key_document(world, HOT);
    world->key_documents[1] = world_key_document(world, COLD);
    for (size_t i = 0; i < WORLD_KEYS; i++) {
        world->keys_held[i] = (struct withdrawal_key){&world->key_documents[i], KEY_STATE_ACTIVE};
    }
}

void world_wipe(struct world *world)
{
    for (int i = 0; i < WHO_COUNT; i++) {
        test_key_free(world->keys[i]);
    }
    for (size_t i = 0; i < sizeof(world->approvals) / sizeof(world->approvals[0]); i++) {
        signed_document_free(&world->approvals[i]);
    }
    json_decref(world->policy_json);
    signed_document_free(&world->policy_signed);
    signed_document_free(&world->destination);
    bytes_free(&world->intent_document);
    policy_free(&world->policy);
}

struct withdrawal_documents world_documents(const struct world *world)
{
    return (struct withdrawal_documents){.intent = world->intent_document.data,
                                         .intent_len = world->intent_document.len,
                                         .destination = &world->destination,
                                         .approvals = world->approvals,
                                         .approval_count = world->approval_count};
}

struct withdrawal_context world_context(const struct world *world)
{
    return (struct withdrawal_context){
        .policy = &world->policy, .keys = world->keys_held, .key_count = WORLD_KEYS, .at_utc_us = world->now};
}
