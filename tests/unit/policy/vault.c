/*
 * The vault of the policy tests, see vault.h. Everything aborts the test when it cannot be made.
 */
#include "vault.h"

#include <criterion/criterion.h>

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)

#define MODULE_HASH "1111111111111111111111111111111111111111111111111111111111111111"
#define PROGRAM_HASH "2222222222222222222222222222222222222222222222222222222222222222"
#define MINUTE_US 60000000LL

static struct digest filled(uint8_t byte)
{
    struct digest digest;
    memset(digest.bytes32, byte, sizeof(digest.bytes32));
    return digest;
}

enum who vault_who(enum ceremony_role role)
{
    static const enum who people[] = {[CEREMONY_ADMINISTRATOR] = ADA,
                                      [CEREMONY_CUSTODIAN_1] = TESS,
                                      [CEREMONY_CUSTODIAN_2] = THEO,
                                      [CEREMONY_WITNESS] = AUDREY};
    return people[role];
}

static struct ceremony_actor actor_of(const struct vault *vault, const char *id, enum ceremony_role role)
{
    struct ceremony_actor actor = {
        .id = name_of(id), .key = *test_key_public(vault->world.keys[vault_who(role)]), .role = role};
    actor.has_seal = role == CEREMONY_CUSTODIAN_1 || role == CEREMONY_CUSTODIAN_2;
    if (actor.has_seal) {
        memset(actor.seal.bytes32, (int)role, SEAL_KEY_LEN);
    }
    return actor;
}

void vault_start(struct ceremony *out, const struct vault *vault)
{
    struct uuid id;
    struct fault fault = {0};
    MUST(uuid_parse(&id, CEREMONY_ID));
    enum status status =
        ceremony_start(out, &id, &vault->world.policy.environment, ROLE_TRANSFER, vault->actors, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
}

/* Texts of the true facts, by name. They live until the next call. */
static const char *fact_value(const struct vault *vault, const char *name)
{
    static char key_id[DIGEST_HEX_LEN + 1];
    static char backup[DIGEST_HEX_LEN + 1];
    static char check[DIGEST_HEX_LEN + 1];
    static char key[256];
    const struct public_key *public_key = test_key_public(vault->world.keys[HOT]);
    struct digest id;
    public_key_id(&id, public_key);
    digest_format(key_id, &id);
    digest_format(backup, &vault->backup_digest);
    digest_format(check, &vault->backup.check);
    struct buffer buffer;
    struct bytes text = {0};
    buffer_init(&buffer);
    buffer_append_base64(&buffer, public_key->spki, public_key->spki_len);
    MUST(buffer_finish(&text, &buffer));
    (void)snprintf(key, sizeof(key), "%s", (const char *)text.data);
    bytes_free(&text);
    const struct token_identity *token = &vault->backup.token;
    const struct ceremony_fact values[] = {
        {"alg", "p256"},
        {"approved", "false"},
        {"backup", backup},
        {"check", check},
        {"firmware", token->firmware},
        {"key", key},
        {"key_id", key_id},
        {"label", token->label},
        {"manufacturer", token->manufacturer},
        {"mechanism", "CKM_EC_KEY_PAIR_GEN"},
        {"model", token->model},
        {"module", MODULE_HASH},
        {"program", PROGRAM_HASH},
        {"proof", ""},
        {"rng", "yes"},
        {"serial", token->serial},
        {"threshold", "2"},
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strcmp(values[i].name, name) == 0) {
            return values[i].value;
        }
    }
    cr_assert(false, "no such fact: %s", name);
    return NULL;
}

void vault_prove(struct ceremony_fact facts[CEREMONY_FACTS_MAX], size_t count, const struct vault *vault, enum who who)
{
    static char proof[96];
    struct bytes document = {0};
    struct signature signature;
    MUST(ceremony_generated_encode(&document, facts, count, NULL));
    test_key_sign(&signature, vault->world.keys[who], CEREMONY_GENERATED_KIND, document.data, document.len);
    bytes_free(&document);
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, signature.bytes64, SIGNATURE_LEN);
    MUST(buffer_finish(&document, &buffer));
    (void)snprintf(proof, sizeof(proof), "%s", (const char *)document.data);
    bytes_free(&document);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(facts[i].name, "proof") == 0) {
            facts[i].value = proof;
        }
    }
}

size_t vault_facts(struct ceremony_fact out[CEREMONY_FACTS_MAX], const struct vault *vault,
                   const struct ceremony *ceremony)
{
    const struct ceremony_script_step *row = ceremony_next(ceremony);
    cr_assert(row != NULL, "all steps are done");
    for (size_t i = 0; i < row->fact_count; i++) {
        out[i] = (struct ceremony_fact){row->facts[i], fact_value(vault, row->facts[i])};
    }
    if (strcmp(row->step, "generate") == 0) {
        vault_prove(out, row->fact_count, vault, HOT);
    }
    return row->fact_count;
}

enum status vault_do(struct ceremony *ceremony, const struct vault *vault, const struct ceremony_fact *facts,
                     size_t count, enum who who, struct fault *fault)
{
    struct bytes body = {0};
    const int64_t at = time_of(CEREMONY_AT) + (int64_t)ceremony->step_count * MINUTE_US;
    enum status status = ceremony_step_body(&body, ceremony, facts, count, at, fault);
    if (status == STATUS_OK) {
        struct signature signature;
        test_key_sign(&signature, vault->world.keys[who], CEREMONY_STEP_KIND, body.data, body.len);
        status = ceremony_append(ceremony, body.data, body.len, &signature, fault);
    }
    bytes_free(&body);
    return status;
}

void vault_step(struct ceremony *ceremony, const struct vault *vault)
{
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    struct fault fault = {0};
    const enum who who = vault_who(ceremony_next(ceremony)->role);
    size_t count = vault_facts(facts, vault, ceremony);
    enum status status = vault_do(ceremony, vault, facts, count, who, &fault);
    cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
}

void vault_finish(struct ceremony *ceremony, const struct vault *vault)
{
    while (ceremony_next(ceremony) != NULL) {
        vault_step(ceremony, vault);
    }
}

struct sealing_paper vault_seal(const struct vault *vault, const char *person, enum who signer)
{
    struct signed_document document = {0};
    struct sealing_paper paper;
    struct sealing_key key = {.environment = vault->world.policy.environment,
                              .issued_at = time_of(CEREMONY_AT) - MINUTE_US,
                              .person = name_of(person),
                              .valid_until = time_of(CEREMONY_AT) + MINUTE_US};
    memcpy(key.seal.bytes32, person, strlen(person));
    MUST(sealing_key_encode(&document.document, &key, NULL));
    test_key_sign_document(&document, SEALING_KEY_KIND, vault->world.keys[signer]);
    MUST(sealing_paper_read(&paper, &document, NULL));
    signed_document_free(&document);
    return paper;
}

static struct share_table two_shares(const struct vault *vault)
{
    return (struct share_table){.holders = {{.commitment = filled(0x51),
                                             .custodian = name_of("tess"),
                                             .index = 2,
                                             .seal = vault_seal(vault, "tess", TESS),
                                             .site = name_of("bank-1")},
                                            {.commitment = filled(0x52),
                                             .custodian = name_of("theo"),
                                             .index = 1,
                                             .seal = vault_seal(vault, "theo", THEO),
                                             .site = name_of("bank-2")}},
                                .count = 2,
                                .threshold = 2};
}

static void make_backup(struct vault *vault)
{
    const struct key_document key = world_key_document(&vault->world, HOT);
    vault->backup = (struct backup){.check = filled(0x50),
                                    .holder = name_of("olga"),
                                    .key = *test_key_public(vault->world.keys[HOT]),
                                    .label = "transfer key 1",
                                    .made_at = time_of(CEREMONY_AT),
                                    .mechanism = BACKUP_AES_KEY_WRAP_PAD,
                                    .shares = two_shares(vault),
                                    .site = name_of("office-1"),
                                    .token = key.token,
                                    .wrapped_sha256 = filled(0x77),
                                    .wrapped_size = 80};
    struct bytes *document = &vault->backup_signed.document;
    MUST(backup_encode(document, &vault->backup, NULL));
    backup_digest(&vault->backup_digest, document->data, document->len);
    test_key_sign_document(&vault->backup_signed, BACKUP_KIND, vault->world.keys[HOT]);
}

static void make_key_document(struct vault *vault)
{
    vault->key = world_key_document(&vault->world, HOT);
    vault->key.backup_document = vault->backup_digest;
    ceremony_digest(&vault->key.ceremony, vault->transcript.data, vault->transcript.len);
}

static void make_restore(struct vault *vault)
{
    static const enum who signers[] = {HOT, OLGA, ALAN, THEO, WHO_COUNT};
    vault->restore = (struct restore){.authoriser = name_of("alan"),
                                      .backup = vault->backup_digest,
                                      .chain = vault->world.policy.chain,
                                      .challenge = filled(0x60),
                                      .environment = vault->world.policy.environment,
                                      .executor = name_of("theo"),
                                      .kind = RESTORE_DRILL,
                                      .made_at = vault->world.now,
                                      .policy = vault->world.policy.digest,
                                      .requester = name_of("olga"),
                                      .shares = {name_of("tess"), name_of("theo")},
                                      .share_count = 2,
                                      .token = vault->backup.token};
    public_key_id(&vault->restore.key, &vault->backup.key);
    (void)snprintf(vault->restore.token.serial, TOKEN_TEXT_SIZE, "fedcba9876543210");
    vault_allow(&vault->restore, vault, OLGA, ALAN);
    vault_sign_restore(&vault->restore_signed, vault, &vault->restore, signers);
}

static void make_gift(struct vault *vault)
{
    vault->share_set = (struct share_set){.made_at = time_of(CEREMONY_AT), .shares = two_shares(vault), .version = 1};
    public_key_id(&vault->share_set.key, &vault->backup.key);
    memset(vault->receiver.bytes32, 0x61, SEAL_KEY_LEN);
    memset(vault->sealed, 0x62, sizeof(vault->sealed));
    vault->gift = (struct gift){.commitment = filled(0x51),
                                .custodian = name_of("tess"),
                                .given_at = vault->world.now,
                                .index = 2,
                                .sealed = {vault->sealed, sizeof(vault->sealed)}};
}

static void make_occasion(struct vault *vault)
{
    static const enum who signers[] = {OLGA, ALAN, WHO_COUNT};
    const struct policy *policy = &vault->world.policy;
    vault->occasion = (struct occasion){.action = OCCASION_ACTIVATE,
                                        .authoriser = name_of("alan"),
                                        .chain = policy->chain,
                                        .environment = policy->environment,
                                        .expires_at = vault->world.now + 3600 * 1000000LL,
                                        .issued_at = vault->world.now - 60 * 1000000LL,
                                        .key = vault->share_set.key,
                                        .policy = policy->digest,
                                        .requester = name_of("olga"),
                                        .set = filled(0x63),
                                        .to = vault->receiver};
    vault_sign_occasion(&vault->occasion_signed, vault, &vault->occasion, signers);
    const struct bytes *document = &vault->occasion_signed.document;
    occasion_digest(&vault->occasion_digest, document->data, document->len);
    vault->gift.occasion = vault->occasion_digest;
}

void vault_init(struct vault *vault)
{
    *vault = (struct vault){0};
    world_init(&vault->world);
    vault->actors[0] = actor_of(vault, "tess", CEREMONY_CUSTODIAN_1);
    vault->actors[1] = actor_of(vault, "ada", CEREMONY_ADMINISTRATOR);
    vault->actors[2] = actor_of(vault, "theo", CEREMONY_CUSTODIAN_2);
    vault->actors[3] = actor_of(vault, "audrey", CEREMONY_WITNESS);
    make_backup(vault);
    vault_start(&vault->ceremony, vault);
    vault_finish(&vault->ceremony, vault);
    MUST(ceremony_encode(&vault->transcript, &vault->ceremony, NULL));
    make_key_document(vault);
    make_restore(vault);
    make_gift(vault);
    make_occasion(vault);
}

void vault_wipe(struct vault *vault)
{
    signed_document_free(&vault->backup_signed);
    signed_document_free(&vault->restore_signed);
    signed_document_free(&vault->occasion_signed);
    ceremony_free(&vault->ceremony);
    bytes_free(&vault->transcript);
    world_wipe(&vault->world);
}

void vault_sign_restore(struct signed_document *out, const struct vault *vault, const struct restore *restore,
                        const enum who *signers)
{
    signed_document_free(out);
    MUST(restore_encode(&out->document, restore, NULL));
    for (; *signers != WHO_COUNT; signers++) {
        test_key_sign_document(out, RESTORE_KIND, vault->world.keys[*signers]);
    }
}

void vault_allow(struct restore *in_out, const struct vault *vault, enum who requester, enum who authoriser)
{
    const enum who signers[] = {requester, authoriser, WHO_COUNT};
    struct signed_document document = {0};
    struct occasion occasion = {.action = in_out->kind == RESTORE_DRILL ? OCCASION_DRILL : OCCASION_RESTORE,
                                .authoriser = in_out->authoriser,
                                .chain = in_out->chain,
                                .environment = in_out->environment,
                                .executor = in_out->executor,
                                .expires_at = in_out->made_at + 1,
                                .issued_at = in_out->made_at - MINUTE_US,
                                .key = in_out->key,
                                .policy = in_out->policy,
                                .requester = in_out->requester,
                                .set = in_out->backup};
    memset(occasion.to.bytes32, 0x65, SEAL_KEY_LEN);
    memcpy(occasion.serial, in_out->token.serial, sizeof(occasion.serial));
    vault_sign_occasion(&document, vault, &occasion, signers);
    MUST(occasion_paper_read(&in_out->occasion, &document, NULL));
    signed_document_free(&document);
}

void vault_sign_occasion(struct signed_document *out, const struct vault *vault, const struct occasion *occasion,
                         const enum who *signers)
{
    signed_document_free(out);
    MUST(occasion_encode(&out->document, occasion, NULL));
    for (; *signers != WHO_COUNT; signers++) {
        test_key_sign_document(out, OCCASION_KIND, vault->world.keys[*signers]);
    }
}

struct restore_context vault_restore_context(const struct vault *vault)
{
    return (struct restore_context){.policy = &vault->world.policy,
                                    .key = &vault->backup.key,
                                    .token = &vault->key.token,
                                    .backup = &vault->backup,
                                    .backup_digest = &vault->backup_digest};
}

struct gift_context vault_gift_context(const struct vault *vault)
{
    return (struct gift_context){.occasion = &vault->occasion,
                                 .occasion_digest = &vault->occasion_digest,
                                 .shares = &vault->share_set.shares,
                                 .policy = &vault->world.policy,
                                 .at_utc_us = vault->world.now};
}

void vault_sign_gift(struct signed_document *out, const struct vault *vault, const struct gift *gift, enum who who)
{
    signed_document_free(out);
    MUST(gift_encode(&out->document, gift, NULL));
    test_key_sign_document(out, GIFT_KIND, vault->world.keys[who]);
}
