/*
 * The papers of a key, see papers.h: what administrators, custodians and the witness would do at the token.
 */
#include "papers.h"

#include "base/clock.h"

#define DAY_US (24 * WORLD_HOUR_US)
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

static void soft_sign(const void *context, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len)
{
    test_key_sign_message(out64, context, message, len);
}

struct hand hand_soft(const struct test_key *key)
{
    return (struct hand){
        .key = *test_key_public(key),
        .token = {.firmware = "1.0", .label = "soft", .manufacturer = "Strongroom", .model = "soft", .serial = "1"},
        .sign = soft_sign,
        .context = key};
}

static void hand_sign_bytes(uint8_t out64[SIGNATURE_LEN], const struct hand *hand, const char *kind,
                            const struct bytes *document)
{
    struct bytes message = {0};
    MUST(document_message(&message, kind, document->data, document->len));
    hand->sign(hand->context, out64, message.data, message.len);
    bytes_free(&message);
}

void hand_sign(struct signed_document *inout, const char *kind, const struct hand *hand)
{
    struct signature signature = {.algorithm = hand->key.algorithm};
    public_key_id(&signature.key_id, &hand->key);
    hand_sign_bytes(signature.bytes64, hand, kind, &inout->document);
    MUST(signed_document_add(inout, &signature));
}

struct key_document papers_key(const struct world *world, const struct hand *hand)
{
    bool transfer = world->role == ROLE_TRANSFER;
    struct key_document key = {.activation = KEY_UNATTENDED,
                               .backup = transfer ? KEY_BACKUP_CLONE : KEY_BACKUP_NONE,
                               .box_seconds = KEY_BOX_SECONDS_MAX,
                               .box_signatures = 1000000000,
                               .chain = world->chain,
                               .creator = name_of("ada"),
                               .custodians = {name_of("cato"), name_of("cleo")},
                               .custodian_count = 2,
                               .drill_days = transfer ? 90 : KEY_DRILL_DAYS_MAX,
                               .environment = name_of("test"),
                               .issued_at = world->now_utc_us,
                               .key = hand->key,
                               .location = name_of("vault-1"),
                               .owner = KEY_OWNER_OWN,
                               .policy = world->policy.digest,
                               .purpose = world->role,
                               .tier = transfer ? TIER_HOT : TIER_SYSTEM,
                               .token = hand->token,
                               .valid_from = world->now_utc_us - WORLD_HOUR_US};
    key.valid_until = key.valid_from + 1000 * DAY_US;
    key.retain_until = key.valid_until;
    public_key_id(&key.key_id, &hand->key);
    return key;
}

/* The ceremony */

/* Facts under construction, with room for what they point to. */
struct facts {
    struct ceremony_fact list[CEREMONY_FACTS_MAX];
    size_t count;
    char key[256];
    char key_id[DIGEST_HEX_LEN + 1];
    char proof[128];
    char backup[DIGEST_HEX_LEN + 1];
    char check[DIGEST_HEX_LEN + 1];
    char threshold[8];
};

static void base64_text(char *out, size_t size, const uint8_t *data, size_t len)
{
    struct buffer buffer;
    struct bytes text = {0};
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    MUST(buffer_finish(&text, &buffer));
    (void)snprintf(out, size, "%s", (const char *)text.data);
    bytes_free(&text);
}

static void fact_add(struct facts *facts, const char *name, const char *value)
{
    facts->list[facts->count++] = (struct ceremony_fact){.name = name, .value = value};
}

static void facts_generate(struct facts *facts, const struct hand *hand, const struct key_document *key)
{
    base64_text(facts->key, sizeof(facts->key), hand->key.spki, hand->key.spki_len);
    fact_add(facts, "alg", algorithm_info(hand->key.algorithm)->name);
    fact_add(facts, "approved", key->approved ? "true" : "false");
    fact_add(facts, "firmware", key->token.firmware);
    fact_add(facts, "key", facts->key);
    fact_add(facts, "key_id", facts->key_id);
    fact_add(facts, "label", key->token.label);
    fact_add(facts, "manufacturer", key->token.manufacturer);
    fact_add(facts, "mechanism", "CKM_ECDSA");
    fact_add(facts, "model", key->token.model);
    fact_add(facts, "module", ONES);
    fact_add(facts, "program", ONES);
    fact_add(facts, "rng", "true");
    fact_add(facts, "serial", key->token.serial);
    struct bytes generated = {0};
    uint8_t signature64[SIGNATURE_LEN];
    MUST(ceremony_generated_encode(&generated, facts->list, facts->count, NULL));
    hand_sign_bytes(signature64, hand, CEREMONY_GENERATED_KIND, &generated);
    base64_text(facts->proof, sizeof(facts->proof), signature64, sizeof(signature64));
    fact_add(facts, "proof", facts->proof);
    bytes_free(&generated);
}

static void facts_backup(struct facts *facts, const struct key_document *key, const struct backup *backup)
{
    (void)snprintf(facts->backup, sizeof(facts->backup), "%s", key_backup_text(key->backup));
    if (backup != NULL) {
        digest_format(facts->backup, &key->backup_document);
        digest_format(facts->check, &backup->check);
        (void)snprintf(facts->threshold, sizeof(facts->threshold), "%u", backup->shares.threshold);
    }
    fact_add(facts, "backup", facts->backup);
    fact_add(facts, "check", facts->check);
    fact_add(facts, "threshold", facts->threshold);
}

/* What the step of this name states. */
static void facts_of(struct facts *facts, const char *step, const struct hand *hand, const struct key_document *key,
                     const struct backup *backup)
{
    *facts = (struct facts){.count = 0};
    struct digest id;
    public_key_id(&id, &hand->key);
    digest_format(facts->key_id, &id);
    if (strcmp(step, "generate") == 0) {
        facts_generate(facts, hand, key);
    } else if (strcmp(step, "backup") == 0) {
        facts_backup(facts, key, backup);
    } else if (strcmp(step, "open") == 0) {
        fact_add(facts, "module", ONES);
        fact_add(facts, "program", ONES);
    } else {
        if (strcmp(step, "attend") != 0) {
            fact_add(facts, "key_id", facts->key_id);
        }
        if (strcmp(step, "close") != 0) {
            fact_add(facts, "serial", key->token.serial);
        }
    }
}

static const struct {
    enum ceremony_role role;
    const char *id;
    enum who who;
} cast[CEREMONY_ACTORS] = {
    {CEREMONY_ADMINISTRATOR, "ada", ADA},
    {CEREMONY_CUSTODIAN_1, "cato", CATO},
    {CEREMONY_CUSTODIAN_2, "cleo", CLEO},
    {CEREMONY_WITNESS, "wanda", WANDA},
};

static const struct test_key *cast_key(const struct world *world, enum ceremony_role role)
{
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        if (cast[i].role == role) {
            return world->keys[cast[i].who];
        }
    }
    abort();
}

void papers_ceremony(struct bytes *out, const struct world *world, const struct hand *hand,
                     const struct key_document *key, const struct backup *backup)
{
    struct ceremony_actor actors[CEREMONY_ACTORS] = {{.has_seal = false}};
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        actors[i].id = name_of(cast[i].id);
        actors[i].key = *test_key_public(world->keys[cast[i].who]);
        actors[i].role = cast[i].role;
    }
    struct uuid id;
    MUST(uuid_generate(&id, clock_system()));
    static struct ceremony ceremony;
    MUST(ceremony_start(&ceremony, &id, &world->policy.environment, key->purpose, actors, NULL));
    const struct ceremony_script_step *row = NULL;
    int64_t at_utc_us = world->now_utc_us - WORLD_HOUR_US;
    while ((row = ceremony_next(&ceremony)) != NULL) {
        static struct facts facts;
        struct bytes body = {0};
        struct signature signature;
        facts_of(&facts, row->step, hand, key, backup);
        MUST(ceremony_step_body(&body, &ceremony, facts.list, facts.count, at_utc_us, NULL));
        test_key_sign(&signature, cast_key(world, row->role), CEREMONY_STEP_KIND, body.data, body.len);
        MUST(ceremony_append(&ceremony, body.data, body.len, &signature, NULL));
        bytes_free(&body);
        at_utc_us += 60 * 1000000LL;
    }
    MUST(ceremony_encode(out, &ceremony, NULL));
    ceremony_free(&ceremony);
}

/* Backup and restore */

struct sealing_paper papers_seal(const struct world *world, const char *person, enum who signer, int64_t made_at)
{
    struct signed_document document = {.signatures = NULL};
    struct sealing_paper paper;
    struct sealing_key key = {.environment = name_of("test"),
                              .issued_at = made_at - WORLD_HOUR_US,
                              .person = name_of(person),
                              .valid_until = made_at + WORLD_HOUR_US};
    memcpy(key.seal.bytes32, person, strlen(person));
    MUST(sealing_key_encode(&document.document, &key, NULL));
    test_key_sign_document(&document, SEALING_KEY_KIND, world->keys[signer]);
    MUST(sealing_paper_read(&paper, &document, NULL));
    signed_document_free(&document);
    return paper;
}

static void backup_fill(struct backup *out, const struct world *world, const struct hand *hand,
                        const struct key_document *key)
{
    *out = (struct backup){.holder = name_of("otto"),
                           .key = key->key,
                           .label = "signer",
                           .made_at = world->now_utc_us - WORLD_HOUR_US,
                           .mechanism = BACKUP_AES_KEY_WRAP_PAD,
                           .site = name_of("bank-1"),
                           .token = key->token,
                           .shares = {.count = 2, .threshold = 2}};
    const char *const custodians[] = {"cato", "cleo"};
    const char *const sites[] = {"site-1", "site-2"};
    const enum who custodian_keys[] = {CATO, hand->seal_forged ? OTTO : CLEO};
    for (unsigned i = 0; i < 2; i++) {
        struct share_holder *holder = &out->shares.holders[i];
        *holder = (struct share_holder){.custodian = name_of(custodians[i]), .index = i + 1, .site = name_of(sites[i])};
        digest_sha256(&holder->commitment, sites[i], strlen(sites[i]));
        holder->seal = papers_seal(world, custodians[i], custodian_keys[i], out->made_at);
    }
    digest_sha256(&out->check, "kek", 3);
    digest_sha256(&out->wrapped_sha256, "eighty bytes or so", 18);
    out->wrapped_size = 18;
}

struct restore papers_restore(const struct world *world, const struct key_document *key)
{
    struct restore restore = {.authoriser = name_of("ada"),
                              .backup = key->backup_document,
                              .chain = world->chain,
                              .environment = name_of("test"),
                              .executor = name_of("cleo"),
                              .key = key->key_id,
                              .kind = RESTORE_RESTORE,
                              .made_at = world->now_utc_us - 60 * 1000000LL,
                              .policy = world->policy.digest,
                              .requester = name_of("otto"),
                              .token = key->token};
    if (key->backup == KEY_BACKUP_WRAPPED) {
        restore.shares[0] = name_of("cato");
        restore.shares[1] = name_of("cleo");
        restore.share_count = 2;
    }
    (void)snprintf(restore.token.serial, sizeof(restore.token.serial), "%s", "another");
    digest_sha256(&restore.challenge, "challenge", 9);
    return restore;
}

void papers_restore_allow(struct restore *in_out, const struct world *world, enum who requester, enum who authoriser)
{
    struct signed_document document = {.signatures = NULL};
    const struct occasion occasion = {
        .action = in_out->kind == RESTORE_DRILL ? OCCASION_DRILL : OCCASION_RESTORE,
        .authoriser = in_out->authoriser,
        .chain = in_out->chain,
        .environment = in_out->environment,
        .executor = in_out->executor,
        .expires_at = in_out->made_at + 60 * 1000000LL,
        .issued_at = in_out->made_at - 60 * 1000000LL,
        .key = in_out->key,
        .policy = in_out->policy,
        .requester = in_out->requester,
        .set = in_out->backup,
        .to = {.bytes32 = {9}},
    };
    in_out->occasion.occasion = occasion;
    memcpy(in_out->occasion.occasion.serial, in_out->token.serial, sizeof(occasion.serial));
    MUST(occasion_encode(&document.document, &in_out->occasion.occasion, NULL));
    test_key_sign_document(&document, OCCASION_KIND, world->keys[requester]);
    test_key_sign_document(&document, OCCASION_KIND, world->keys[authoriser]);
    MUST(occasion_paper_read(&in_out->occasion, &document, NULL));
    signed_document_free(&document);
}

void papers_restore_sign(struct signed_document *out, const struct world *world, const struct hand *hand,
                         const struct restore *restore)
{
    struct restore allowed = *restore;
    *out = (struct signed_document){.signatures = NULL};
    if (allowed.occasion.occasion.issued_at == 0) {
        papers_restore_allow(&allowed, world, OTTO, ADA);
    }
    MUST(restore_encode(&out->document, &allowed, NULL));
    hand_sign(out, RESTORE_KIND, hand);
    test_key_sign_document(out, RESTORE_KIND, world->keys[OTTO]);
    test_key_sign_document(out, RESTORE_KIND, world->keys[ADA]);
    test_key_sign_document(out, RESTORE_KIND, world->keys[CLEO]);
}

/* Everything */

void papers_document_sign(struct signed_document *out, const struct world *world, const struct key_document *key)
{
    *out = (struct signed_document){.signatures = NULL};
    struct fault fault = {0};
    if (key_document_encode(&out->document, key, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "key document: %s: %s\n", fault.where, fault.detail);
        abort();
    }
    test_key_sign_document(out, KEY_KIND, world->keys[ADA]);
    test_key_sign_document(out, KEY_KIND, world->keys[ALAN]);
}

void papers_make(struct papers *out, const struct world *world, const struct hand *hand, const struct key_document *key)
{
    *out = (struct papers){.key = *key};
    struct backup backup = {.label = ""};
    bool wrapped = key->backup == KEY_BACKUP_WRAPPED;
    if (wrapped) {
        backup_fill(&backup, world, hand, key);
        MUST(backup_encode(&out->backup.document, &backup, NULL));
        hand_sign(&out->backup, BACKUP_KIND, hand);
        backup_digest(&out->key.backup_document, out->backup.document.data, out->backup.document.len);
    }
    papers_ceremony(&out->ceremony, world, hand, &out->key, wrapped ? &backup : NULL);
    ceremony_digest(&out->key.ceremony, out->ceremony.data, out->ceremony.len);
    papers_document_sign(&out->document, world, &out->key);
    if (key->backup != KEY_BACKUP_NONE) {
        const struct restore restore = papers_restore(world, &out->key);
        papers_restore_sign(&out->restore, world, hand, &restore);
    }
    struct command command = order_key(world, COMMAND_KEY_ADMIT, &key->key_id, KEY_STATE_GENERATED, 0);
    key_document_digest(&command.document, out->document.document.data, out->document.document.len);
    order_key_sign(&out->command, world, &command, ADA, ALAN);
}

void papers_wipe(struct papers *papers)
{
    signed_document_free(&papers->document);
    signed_document_free(&papers->backup);
    signed_document_free(&papers->restore);
    signed_document_free(&papers->command);
    bytes_free(&papers->ceremony);
}

struct wire_key_admit_request papers_request(const struct papers *papers)
{
    return (struct wire_key_admit_request){.command = papers->command,
                                           .document = papers->document,
                                           .ceremony = papers->ceremony,
                                           .backup = papers->backup,
                                           .restore = papers->restore};
}

/* Orders */

struct command order_key(const struct world *world, enum command_action action, const struct digest *key,
                         enum key_state from, uint64_t on)
{
    struct command command = {.action = action,
                              .chain = world->chain,
                              .environment = name_of("test"),
                              .issued_at = world->now_utc_us,
                              .key = *key,
                              .policy = world->policy.digest,
                              .role = world->role,
                              .expires_at = world->now_utc_us + WORLD_HOUR_US,
                              .reason = name_of("test")};
    MUST(uuid_generate(&command.nonce, clock_system()));
    if (action != COMMAND_KEY_DEACTIVATE && action != COMMAND_KEY_SUSPEND && action != COMMAND_FREEZE &&
        action != COMMAND_THAW) {
        command.from = from;
        command.on = action == COMMAND_KEY_ADMIT || action == COMMAND_KEY_SWEEP ? 0 : on;
    }
    if (action == COMMAND_KEY_ACTIVATE) {
        command.signatures = 1000000;
        command.until = world->now_utc_us + DAY_US;
    }
    return command;
}

void order_key_sign(struct signed_document *out, const struct world *world, const struct command *command,
                    enum who first, enum who second)
{
    *out = (struct signed_document){.signatures = NULL};
    struct fault fault = {0};
    if (command_encode(&out->document, command, &fault) != STATUS_OK) {
        (void)fprintf(stderr, "command: %s: %s\n", fault.where, fault.detail);
        abort();
    }
    if (first != WHO_COUNT) {
        test_key_sign_document(out, COMMAND_KIND, world->keys[first]);
    }
    if (second != WHO_COUNT) {
        test_key_sign_document(out, COMMAND_KIND, world->keys[second]);
    }
}
