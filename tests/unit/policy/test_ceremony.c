/*
 * The ceremony: every rule of the transcript broken once, and every way in which steps may be left out, moved, changed
 * or signed by somebody else. A transcript that was tampered with must not verify, whoever of the four helped.
 */
#include "policy/ceremony.h"

#include "vault.h"

#include <criterion/criterion.h>

static struct vault vault;

static void setup(void)
{
    vault_init(&vault);
}

static void teardown(void)
{
    vault_wipe(&vault);
}

TestSuite(ceremony, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct ceremony ceremony;
    enum status status = ceremony_decode(&ceremony, document, len, fault);
    if (status == STATUS_OK) {
        ceremony_free(&ceremony);
    }
    return status;
}

static enum status verify(const void *document, size_t len, struct fault *fault)
{
    struct ceremony ceremony;
    enum status status = ceremony_verify(&ceremony, document, len, &vault.world.policy, fault);
    if (status == STATUS_OK) {
        ceremony_free(&ceremony);
    }
    return status;
}

static json_t *transcript_json(void)
{
    return json_loads((const char *)vault.transcript.data, 0, NULL);
}

/* Verifies a changed transcript and expects this answer. */
static void expect_json(const json_t *transcript, enum status expected, const char *where)
{
    struct fault fault = {0};
    struct bytes bytes = json_bytes(transcript);
    enum status status = verify(bytes.data, bytes.len, &fault);
    cr_expect(status == expected, "status %s, not %s (%s)", status_info(status)->code, status_info(expected)->code,
              fault.detail);
    cr_expect(strcmp(fault.where, where) == 0, "where '%s', not '%s' (%s)", fault.where, where, fault.detail);
    bytes_free(&bytes);
}

static void expect_transcript(const struct ceremony *ceremony, enum status expected, const char *where)
{
    struct bytes bytes = {0};
    cr_assert(ceremony_encode(&bytes, ceremony, NULL) == STATUS_OK);
    struct fault fault = {0};
    enum status status = verify(bytes.data, bytes.len, &fault);
    cr_expect(status == expected, "status %s, not %s (%s)", status_info(status)->code, status_info(expected)->code,
              fault.detail);
    cr_expect(strcmp(fault.where, where) == 0, "where '%s' (%s)", fault.where, fault.detail);
    bytes_free(&bytes);
}

/* Form */

Test(ceremony, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"actors", "[]", STATUS_INVALID, "actors", "4"},
        {"actors[4]", "{}", STATUS_INVALID, "actors", "4"},
        {"actors[0].alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "actors[0].alg", "register"},
        {"actors[0].key", "\"AAAA\"", STATUS_INVALID, "actors[0].key", ""},
        {"actors[0].role", "\"boss\"", STATUS_INVALID, "actors[0].role", "witness"},
        {"actors[0].role", "\"witness\"", STATUS_DUPLICATE_PERSON, "actors[1]", "role is taken"},
        {"actors[1].id", "\"ada\"", STATUS_DUPLICATE_PERSON, "actors[1]", "two roles"},
        {"actors[1].id", "\"aaron\"", STATUS_INVALID, "actors[1]", "sorted"},
        {"actors[0].seal", "\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\"", STATUS_INVALID, "actors[0]",
         "only custodians"},
        {"actors[3].seal", "\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\"", STATUS_DUPLICATE_PERSON, "actors[3]",
         "one seal"},
        {"actors[3].seal", "\"AgI=\"", STATUS_INVALID, "actors[3].seal", "32"},
        {"actors[3].seal", "\"\"", STATUS_INVALID, "actors[3].seal", "32"},
        {"environment", "\"Test\"", STATUS_INVALID, "environment", "name"},
        {"id", "\"1\"", STATUS_INVALID, "id", "UUIDv7"},
        {"purpose", "\"fun\"", STATUS_INVALID, "purpose", "validator"},
        {"script.version", "2", STATUS_VERSION, "script", "no script key of version 2"},
        {"script.name", "\"quick\"", STATUS_VERSION, "script", "no script quick"},
        {"script.digest", "\"" ZEROS "\"", STATUS_MISMATCH, "script.digest", "not the script"},
        {"script.steps", "[]", STATUS_UNKNOWN_FIELD, "script.steps", "no such field"},
        {"steps[0].step", "\"attend\"", STATUS_MISMATCH, "steps[0].step", "open comes here"},
        {"steps[0].facts.module", NULL, STATUS_MISSING_FIELD, "steps[0].facts.module", "fact"},
        {"steps[0].facts.module", "1", STATUS_INVALID, "steps[0].facts.module", "string"},
        {"steps[0].facts.weather", "\"fine\"", STATUS_UNKNOWN_FIELD, "steps[0].facts", "script"},
        {"steps[0].facts", "[]", STATUS_INVALID, "steps[0].facts", "object"},
        {"steps[0].sig", "\"AAAA\"", STATUS_INVALID, "steps[0].sig", "64 bytes"},
        {"steps[0].prev", NULL, STATUS_MISSING_FIELD, "steps[0].prev", "required"},
        {"steps[0].ceremony", "\"" CEREMONY_ID "\"", STATUS_UNKNOWN_FIELD, "steps[0].ceremony", "no such field"},
        {"steps[6]", "{}", STATUS_MISMATCH, "steps", "more than the script"},
        {"steps", "{}", STATUS_INVALID, "steps", "array"},
        {"place", "\"x\"", STATUS_UNKNOWN_FIELD, "place", "no such field"},
    };
    json_t *valid = transcript_json();
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(ceremony, a_fact_ends_after_1024_characters)
{
    char text[CEREMONY_FACT_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[CEREMONY_FACT_MAX + 1] = '\0';
    json_t *transcript = transcript_json();
    json_t *facts = json_object_get(json_array_get(json_object_get(transcript, "steps"), 0), "facts");
    cr_assert(json_object_set_new(facts, "module", json_string(text)) == 0);
    expect_json(transcript, STATUS_INVALID, "steps[0].facts.module");
    cr_assert(json_object_set_new(facts, "module", json_string(text + 1)) == 0);
    expect_json(transcript, STATUS_SIGNATURE_INVALID, "steps[0]");
    json_decref(transcript);
}

Test(ceremony, one_key_of_two_people_is_refused)
{
    json_t *transcript = transcript_json();
    json_t *actors = json_object_get(transcript, "actors");
    json_t *first = json_array_get(actors, 0);
    json_t *second = json_array_get(actors, 1);
    cr_assert(json_object_set(second, "key", json_object_get(first, "key")) == 0);
    cr_assert(json_object_set(second, "alg", json_object_get(first, "alg")) == 0);
    expect_json(transcript, STATUS_DUPLICATE_PERSON, "actors[1]");
    json_decref(transcript);
}

/* The script of the documents: its bytes are what docs/formats.md says. */
Test(ceremony, the_script_is_the_documented_one)
{
    static const char text[] =
        "{\"name\":\"key\",\"steps\":[{\"facts\":[\"module\",\"program\"],\"role\":\"administrator\",\"step\":\"open\"}"
        ","
        "{\"facts\":[\"serial\"],\"role\":\"witness\",\"step\":\"attend\"},"
        "{\"facts\":[\"alg\",\"approved\",\"firmware\",\"key\",\"key_id\",\"label\",\"manufacturer\",\"mechanism\","
        "\"model\",\"module\",\"program\",\"proof\",\"rng\",\"serial\"],\"role\":\"custodian-1\",\"step\":\"generate\"}"
        ","
        "{\"facts\":[\"backup\",\"check\",\"threshold\"],\"role\":\"custodian-2\",\"step\":\"backup\"},"
        "{\"facts\":[\"key_id\",\"serial\"],\"role\":\"witness\",\"step\":\"inspect\"},"
        "{\"facts\":[\"key_id\"],\"role\":\"administrator\",\"step\":\"close\"}],\"version\":1}";
    struct bytes document = {0};
    cr_assert(ceremony_script_encode(&document, ceremony_script_find("key", 1), NULL) == STATUS_OK);
    cr_expect_str_eq((const char *)document.data, text);
    struct digest expected;
    struct digest digest;
    digest_document(&expected, "script", text, strlen(text));
    cr_assert(ceremony_script_digest(&digest, ceremony_script_find("key", 1), NULL) == STATUS_OK);
    cr_expect(digest_equal(&digest, &expected));
    cr_expect_null(ceremony_script_find("key", 2));
    cr_expect_null(ceremony_script_find("keys", 1));
    bytes_free(&document);
}

/* The right one */

Test(ceremony, the_right_one_verifies)
{
    json_t *transcript = transcript_json();
    expect_json(transcript, STATUS_OK, "");
    json_decref(transcript);
    cr_expect(ceremony_check_key(&vault.ceremony, &vault.key, &vault.backup, NULL) == STATUS_OK);
    cr_expect_str_eq(ceremony_fact(&vault.ceremony, "threshold"), "2");
    cr_expect_null(ceremony_fact(&vault.ceremony, "weather"));
}

/* It is carried from person to person as a file. */
Test(ceremony, it_can_rest_after_each_step)
{
    struct ceremony ceremony;
    vault_start(&ceremony, &vault);
    for (size_t done = 0; done <= 6; done++) {
        cr_expect_eq(ceremony.step_count, done);
        cr_expect(ceremony_check(&ceremony, NULL) == STATUS_OK);
        expect_transcript(&ceremony, done == 6 ? STATUS_OK : STATUS_QUORUM_MISSING, done == 6 ? "" : "steps");
        struct bytes file = {0};
        cr_assert(ceremony_encode(&file, &ceremony, NULL) == STATUS_OK);
        ceremony_free(&ceremony);
        cr_assert(ceremony_decode(&ceremony, file.data, file.len, NULL) == STATUS_OK);
        bytes_free(&file);
        cr_expect_eq(ceremony_next(&ceremony) == NULL, done == 6);
        if (done < 6) {
            vault_step(&ceremony, &vault);
        }
    }
    ceremony_free(&ceremony);
}

Test(ceremony, after_the_last_step_comes_none)
{
    struct fault fault = {0};
    struct bytes body = {0};
    struct signature signature = {0};
    cr_expect(ceremony_step_body(&body, &vault.ceremony, NULL, 0, vault.world.now, &fault) == STATUS_CONFLICT);
    cr_expect(ceremony_append(&vault.ceremony, "{}", 2, &signature, NULL) == STATUS_CONFLICT);
    cr_expect_null(body.data);
}

/* Steps left out, moved, repeated */

Test(ceremony, every_skipped_step_is_seen)
{
    for (size_t i = 0; i < 6; i++) {
        json_t *transcript = transcript_json();
        cr_assert(json_array_remove(json_object_get(transcript, "steps"), i) == 0);
        char where[32];
        (void)snprintf(where, sizeof(where), "steps[%zu].step", i);
        expect_json(transcript, i == 5 ? STATUS_QUORUM_MISSING : STATUS_MISMATCH, i == 5 ? "steps" : where);
        json_decref(transcript);
    }
}

Test(ceremony, every_two_exchanged_steps_are_seen)
{
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = i + 1; j < 6; j++) {
            json_t *transcript = transcript_json();
            json_t *steps = json_object_get(transcript, "steps");
            json_t *first = json_incref(json_array_get(steps, i));
            json_t *second = json_incref(json_array_get(steps, j));
            cr_assert(json_array_set_new(steps, i, second) == 0);
            cr_assert(json_array_set_new(steps, j, first) == 0);
            char where[32];
            (void)snprintf(where, sizeof(where), "steps[%zu].step", i);
            expect_json(transcript, STATUS_MISMATCH, where);
            json_decref(transcript);
        }
    }
}

/* A step of another ceremony with the same people, signed by the right person. */
Test(ceremony, a_step_of_another_ceremony_does_not_fit)
{
    struct ceremony other;
    struct ceremony mine;
    vault_start(&other, &vault);
    vault_start(&mine, &vault);
    other.id.bytes16[15] ^= 1;
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    size_t count = vault_facts(facts, &vault, &other);
    struct bytes body = {0};
    struct signature signature;
    struct fault fault = {0};
    cr_assert(ceremony_step_body(&body, &other, facts, count, vault.world.now, NULL) == STATUS_OK);
    test_key_sign(&signature, vault.world.keys[ADA], CEREMONY_STEP_KIND, body.data, body.len);
    cr_expect(ceremony_append(&mine, body.data, body.len, &signature, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "ceremony");
    cr_expect_eq(mine.step_count, 0);
    bytes_free(&body);
}

/* The same person, the same words, at another place of the same ceremony. */
Test(ceremony, a_step_fits_only_behind_the_one_it_names)
{
    struct ceremony first;
    struct ceremony second;
    vault_start(&first, &vault);
    vault_start(&second, &vault);
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    size_t count = vault_facts(facts, &vault, &second);
    for (size_t i = 0; i < count; i++) {
        facts[i].value = i == 0 ? ASSET_A : facts[i].value; /* another module */
    }
    cr_assert(vault_do(&second, &vault, facts, count, ADA, NULL) == STATUS_OK);
    vault_step(&first, &vault);
    vault_step(&first, &vault);
    second.steps[1] = first.steps[1]; /* transferred */
    second.step_count = 2;
    first.step_count = 1;
    struct fault fault = {0};
    cr_expect(ceremony_check(&second, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "steps[1]");
    ceremony_free(&first);
    ceremony_free(&second);
}

/* Changes */

/* Every fact of every step, changed after it was signed. */
Test(ceremony, every_changed_fact_is_seen)
{
    for (size_t i = 0; i < 6; i++) {
        const struct ceremony_script_step *row = vault.ceremony.steps[i].row;
        for (size_t j = 0; j < row->fact_count; j++) {
            json_t *transcript = transcript_json();
            json_t *facts = json_object_get(json_array_get(json_object_get(transcript, "steps"), i), "facts");
            cr_assert(json_object_set_new(facts, row->facts[j], json_string("changed")) == 0);
            struct fault fault = {0};
            struct bytes bytes = json_bytes(transcript);
            cr_expect(verify(bytes.data, bytes.len, &fault) != STATUS_OK, "%s of %s", row->facts[j], row->step);
            cr_expect(strncmp(fault.where, "steps[", 6) == 0, "%s of %s: %s", row->facts[j], row->step, fault.where);
            bytes_free(&bytes);
            json_decref(transcript);
        }
    }
}

Test(ceremony, a_changed_head_is_seen)
{
    static const struct {
        const char *path;
        const char *text;
    } rows[] = {
        {"environment", "\"production\""},
        {"id", "\"019c1a2b-3c4d-7e5f-8a6b-0123456789ac\""},
        {"purpose", "\"audit\""},
        {"actors[2].id", "\"tessa\""},
        {"actors[2].seal", "\"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\""},
        {"actors[2].seal", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *transcript = transcript_json();
        json_edit(transcript, rows[i].path, rows[i].text);
        expect_json(transcript, STATUS_MISMATCH, "steps[0]");
        json_decref(transcript);
    }
}

Test(ceremony, changed_times_names_and_signatures_are_seen)
{
    for (size_t i = 0; i < 6; i++) {
        char path[32];
        char where[32];
        (void)snprintf(where, sizeof(where), "steps[%zu]", i);
        json_t *transcript = transcript_json();
        (void)snprintf(path, sizeof(path), "steps[%zu].at", i);
        json_edit(transcript, path, "\"2026-01-02T09:59:59.999999Z\"");
        expect_json(transcript, i == 0 ? STATUS_SIGNATURE_INVALID : STATUS_MISMATCH, where);
        json_decref(transcript);
        transcript = transcript_json();
        (void)snprintf(path, sizeof(path), "steps[%zu].actor", i);
        json_edit(transcript, path, "\"amy\"");
        expect_json(transcript, STATUS_MISMATCH, where);
        json_decref(transcript);
        struct ceremony *ceremony = &vault.ceremony;
        ceremony->steps[i].sig[40] ^= 1;
        expect_transcript(ceremony, STATUS_SIGNATURE_INVALID, where);
        ceremony->steps[i].sig[40] ^= 1;
    }
}

/* Who acts */

Test(ceremony, nobody_signs_the_step_of_another)
{
    static const enum who all[] = {ADA, ALAN, TESS, THEO, AUDREY, STRANGER};
    struct ceremony ceremony;
    vault_start(&ceremony, &vault);
    while (ceremony_next(&ceremony) != NULL) {
        const enum who right = vault_who(ceremony_next(&ceremony)->role);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            struct ceremony_fact facts[CEREMONY_FACTS_MAX];
            size_t count = vault_facts(facts, &vault, &ceremony);
            const size_t before = ceremony.step_count;
            if (all[i] != right) {
                cr_expect(vault_do(&ceremony, &vault, facts, count, all[i], NULL) == STATUS_UNKNOWN_KEY);
                cr_expect_eq(ceremony.step_count, before);
            }
        }
        vault_step(&ceremony, &vault);
    }
    ceremony_free(&ceremony);
}

Test(ceremony, one_person_has_one_role)
{
    struct uuid id;
    struct fault fault = {0};
    struct ceremony ceremony;
    const struct name environment = vault.world.policy.environment;
    cr_assert(uuid_parse(&id, CEREMONY_ID) == STATUS_OK);
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        for (size_t j = 0; j < CEREMONY_ACTORS; j++) {
            struct ceremony_actor actors[CEREMONY_ACTORS];
            memcpy(actors, vault.actors, sizeof(actors));
            actors[j].id = actors[i].id;
            enum status expected = i == j ? STATUS_OK : STATUS_DUPLICATE_PERSON;
            cr_expect(ceremony_start(&ceremony, &id, &environment, ROLE_AUDIT, actors, &fault) == expected);
            memcpy(actors, vault.actors, sizeof(actors));
            actors[j].key = actors[i].key;
            cr_expect(ceremony_start(&ceremony, &id, &environment, ROLE_AUDIT, actors, NULL) == expected);
            memcpy(actors, vault.actors, sizeof(actors));
            actors[j].role = actors[i].role;
            cr_expect(ceremony_start(&ceremony, &id, &environment, ROLE_AUDIT, actors, NULL) != STATUS_OK || i == j);
        }
    }
    cr_expect(ceremony_start(&ceremony, &id, &environment, (enum signer_role)9, vault.actors, NULL) == STATUS_INVALID);
    vault.actors[0].role = (enum ceremony_role)9;
    cr_expect(ceremony_start(&ceremony, &id, &environment, ROLE_AUDIT, vault.actors, NULL) == STATUS_INVALID);
}

/* A whole ceremony, each step well signed, with one actor changed. */
static void expect_actor(size_t at, const char *id, enum who who, enum status expected, const char *where)
{
    struct vault other = vault;
    other.actors[at].id = name_of(id);
    other.actors[at].key = *test_key_public(vault.world.keys[who]);
    struct ceremony ceremony;
    vault_start(&ceremony, &other);
    while (ceremony_next(&ceremony) != NULL) {
        struct ceremony_fact facts[CEREMONY_FACTS_MAX];
        const enum ceremony_role role = ceremony_next(&ceremony)->role;
        size_t count = vault_facts(facts, &other, &ceremony);
        const enum who signer = role == other.actors[at].role ? who : vault_who(role);
        cr_assert(vault_do(&ceremony, &other, facts, count, signer, NULL) == STATUS_OK);
    }
    expect_transcript(&ceremony, expected, where);
    ceremony_free(&ceremony);
}

Test(ceremony, the_policy_says_who_may)
{
    expect_actor(1, "alan", ALAN, STATUS_OK, "");
    expect_actor(1, "olga", OLGA, STATUS_FORBIDDEN, "open");
    expect_actor(3, "olga", OLGA, STATUS_FORBIDDEN, "attend");
    expect_actor(0, "bert", BERT, STATUS_FORBIDDEN, "generate");
    expect_actor(2, "alan", ALAN, STATUS_FORBIDDEN, "backup");
    expect_actor(0, "nobody", STRANGER, STATUS_FORBIDDEN, "generate");
    expect_actor(0, "tess", STRANGER, STATUS_UNKNOWN_KEY, "generate");
    expect_actor(3, "audrey", ALAN, STATUS_UNKNOWN_KEY, "attend");
}

static struct person *person_of(const char *id)
{
    for (size_t i = 0; i < vault.world.policy.person_count; i++) {
        if (strcmp(vault.world.policy.people[i].id.text, id) == 0) {
            return &vault.world.policy.people[i];
        }
    }
    cr_assert(false, "no such person");
    return NULL;
}

/* ada's last step is the sixth, five minutes after the first. */
Test(ceremony, who_acts_is_valid_at_every_own_step)
{
    struct person *ada = person_of("ada");
    const int64_t last = time_of(CEREMONY_AT) + 5 * 60000000LL;
    ada->valid_until = last;
    expect_transcript(&vault.ceremony, STATUS_EXPIRED, "close");
    ada->valid_until = last + 1;
    expect_transcript(&vault.ceremony, STATUS_OK, "");
    ada->valid_until = time_of(CEREMONY_AT);
    expect_transcript(&vault.ceremony, STATUS_EXPIRED, "open");
}

Test(ceremony, the_environment_is_that_of_the_policy)
{
    vault.world.policy.environment = name_of("production");
    expect_transcript(&vault.ceremony, STATUS_MISMATCH, "environment");
}

/* What is said */

static void at_step(struct ceremony *out, const char *step)
{
    vault_start(out, &vault);
    while (strcmp(ceremony_next(out)->step, step) != 0) {
        vault_step(out, &vault);
    }
}

/* Tries the step with one fact changed, honestly signed (and proven, for `generate`). */
static void expect_fact(const char *step, const char *name, const char *value, enum status expected)
{
    struct ceremony ceremony;
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    at_step(&ceremony, step);
    size_t count = vault_facts(facts, &vault, &ceremony);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(facts[i].name, name) == 0) {
            facts[i].value = value;
        }
    }
    if (strcmp(step, "generate") == 0 && strcmp(name, "proof") != 0) {
        vault_prove(facts, count, &vault, HOT);
    }
    struct fault fault = {0};
    const size_t before = ceremony.step_count;
    enum status status = vault_do(&ceremony, &vault, facts, count, vault_who(ceremony_next(&ceremony)->role), &fault);
    cr_expect(status == expected, "%s of %s: %s (%s)", name, step, status_info(status)->code, fault.detail);
    cr_expect_eq(ceremony.step_count, before + (expected == STATUS_OK));
    ceremony_free(&ceremony);
}

Test(ceremony, facts_of_one_name_agree)
{
    expect_fact("generate", "module", ASSET_A, STATUS_MISMATCH);
    expect_fact("generate", "program", ASSET_A, STATUS_MISMATCH);
    expect_fact("generate", "serial", "another", STATUS_MISMATCH);
    expect_fact("inspect", "serial", "another", STATUS_MISMATCH);
    expect_fact("inspect", "key_id", ASSET_A, STATUS_MISMATCH);
    expect_fact("close", "key_id", ASSET_A, STATUS_MISMATCH);
    expect_fact("close", "key_id", "", STATUS_MISMATCH);
}

Test(ceremony, the_new_key_vouches_for_its_making)
{
    expect_fact("generate", "firmware", "9.9", STATUS_OK);
    expect_fact("generate", "key_id", ASSET_A, STATUS_PROOF_INVALID);
    expect_fact("generate", "alg", "secp256k1", STATUS_PROOF_INVALID);
    expect_fact("generate", "alg", "rsa", STATUS_PROOF_INVALID);
    expect_fact("generate", "key", "AAAA", STATUS_PROOF_INVALID);
    expect_fact("generate", "key", "!", STATUS_PROOF_INVALID);
    expect_fact("generate", "proof", "", STATUS_PROOF_INVALID);
    expect_fact("generate", "approved", "maybe", STATUS_INVALID);
    struct ceremony ceremony;
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    at_step(&ceremony, "generate");
    size_t count = vault_facts(facts, &vault, &ceremony);
    vault_prove(facts, count, &vault, COLD); /* by another key */
    cr_expect(vault_do(&ceremony, &vault, facts, count, TESS, NULL) == STATUS_PROOF_INVALID);
    count = vault_facts(facts, &vault, &ceremony);
    for (size_t i = 0; i < count; i++) {
        facts[i].value = strcmp(facts[i].name, "rng") == 0 ? "no" : facts[i].value; /* after the proof */
    }
    cr_expect(vault_do(&ceremony, &vault, facts, count, TESS, NULL) == STATUS_PROOF_INVALID);
    ceremony_free(&ceremony);
}

Test(ceremony, a_backup_says_all_or_nothing)
{
    expect_fact("backup", "backup", "none", STATUS_INVALID);
    expect_fact("backup", "backup", "clone", STATUS_INVALID);
    expect_fact("backup", "backup", "later", STATUS_INVALID);
    expect_fact("backup", "check", "", STATUS_INVALID);
    expect_fact("backup", "threshold", "1", STATUS_INVALID);
    expect_fact("backup", "threshold", "17", STATUS_INVALID);
    expect_fact("backup", "threshold", "02", STATUS_INVALID);
    expect_fact("backup", "threshold", "16", STATUS_OK);
    struct ceremony ceremony;
    at_step(&ceremony, "backup");
    const struct ceremony_fact half[][3] = {{{"backup", "none"}, {"check", ASSET_A}, {"threshold", ""}},
                                            {{"backup", "none"}, {"check", ""}, {"threshold", "2"}}};
    const struct ceremony_fact none[][3] = {{{"backup", "none"}, {"check", ""}, {"threshold", ""}},
                                            {{"backup", "clone"}, {"check", ""}, {"threshold", ""}}};
    for (size_t i = 0; i < 2; i++) {
        cr_expect(vault_do(&ceremony, &vault, half[i], 3, THEO, NULL) == STATUS_INVALID);
    }
    for (size_t i = 0; i < 2; i++) {
        cr_expect(vault_do(&ceremony, &vault, none[i], 3, THEO, NULL) == STATUS_OK);
        ceremony_free(&ceremony);
        at_step(&ceremony, "backup");
    }
    ceremony_free(&ceremony);
}

Test(ceremony, exactly_the_facts_of_the_script)
{
    const struct ceremony_fact facts[] = {
        {"program", ASSET_A}, {"module", ASSET_B}, {"weather", "fine"}, {"module", ASSET_B}};
    struct ceremony ceremony;
    vault_start(&ceremony, &vault);
    cr_expect(vault_do(&ceremony, &vault, facts, 1, ADA, NULL) == STATUS_MISSING_FIELD);
    cr_expect(vault_do(&ceremony, &vault, facts, 3, ADA, NULL) == STATUS_UNKNOWN_FIELD);
    cr_expect(vault_do(&ceremony, &vault, facts, 0, ADA, NULL) == STATUS_MISSING_FIELD);
    const struct ceremony_fact tab[] = {{"program", "a\tb"}, {"module", ""}};
    cr_expect(vault_do(&ceremony, &vault, tab, 2, ADA, NULL) != STATUS_OK);
    char text[CEREMONY_FACT_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[CEREMONY_FACT_MAX + 1] = '\0';
    const struct ceremony_fact large[] = {{"program", text}, {"module", ""}};
    cr_expect(vault_do(&ceremony, &vault, large, 2, ADA, NULL) == STATUS_INVALID);
    cr_expect(vault_do(&ceremony, &vault, facts, 2, ADA, NULL) == STATUS_OK, "in any order");
    ceremony_free(&ceremony);
}

Test(ceremony, time_does_not_go_back)
{
    struct ceremony ceremony;
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    struct bytes body = {0};
    vault_start(&ceremony, &vault);
    vault_step(&ceremony, &vault);
    size_t count = vault_facts(facts, &vault, &ceremony);
    const int64_t at = time_of(CEREMONY_AT);
    cr_expect(ceremony_step_body(&body, &ceremony, facts, count, at - 1, NULL) == STATUS_MISMATCH);
    cr_expect(ceremony_step_body(&body, &ceremony, facts, count, at, NULL) == STATUS_OK);
    bytes_free(&body);
    ceremony_free(&ceremony);
}

Test(ceremony, what_a_new_key_signs_is_the_statement)
{
    struct ceremony ceremony;
    struct ceremony_fact facts[CEREMONY_FACTS_MAX];
    struct bytes document = {0};
    at_step(&ceremony, "generate");
    size_t count = vault_facts(facts, &vault, &ceremony);
    cr_assert(ceremony_generated_encode(&document, facts, count, NULL) == STATUS_OK);
    cr_expect_null(strstr((const char *)document.data, "proof"));
    cr_expect_not_null(strstr((const char *)document.data, "\"mechanism\":\"CKM_EC_KEY_PAIR_GEN\""));
    bytes_free(&document);
    cr_expect(ceremony_generated_encode(&document, facts + 1, count - 1, NULL) == STATUS_MISSING_FIELD);
    facts[0].name = "weather";
    cr_expect(ceremony_generated_encode(&document, facts, count, NULL) == STATUS_UNKNOWN_FIELD);
    ceremony_free(&ceremony);
}

/* The key document */

static void expect_key(const struct key_document *key, const char *where)
{
    struct fault fault = {0};
    cr_expect(ceremony_check_key(&vault.ceremony, key, &vault.backup, &fault) == STATUS_MISMATCH, "%s", where);
    cr_expect(strcmp(fault.where, where) == 0, "where '%s', not '%s'", fault.where, where);
}

Test(ceremony, unfinished_it_is_about_no_key)
{
    struct ceremony ceremony;
    vault_start(&ceremony, &vault);
    struct fault fault = {0};
    cr_expect(ceremony_check_key(&ceremony, &vault.key, &vault.backup, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "alg");
    ceremony_free(&ceremony);
}

Test(ceremony, it_is_about_the_key_of_the_document)
{
    struct key_document key = vault.key;
    key.purpose = ROLE_AUDIT;
    expect_key(&key, "purpose");
    key = vault.key;
    key.key = *test_key_public(vault.world.keys[STRANGER]);
    expect_key(&key, "key_id");
    key.key = *test_key_public(vault.world.keys[COLD]);
    expect_key(&key, "alg");
    key = vault.key;
    key.approved = true;
    expect_key(&key, "approved");
    key = vault.key;
    key.token.serial[0] ^= 1;
    expect_key(&key, "serial");
    key = vault.key;
    key.token.firmware[0] ^= 1;
    expect_key(&key, "firmware");
    key = vault.key;
    key.token.label[0] ^= 1;
    expect_key(&key, "label");
    key = vault.key;
    key.token.model[0] ^= 1;
    expect_key(&key, "model");
    key = vault.key;
    key.token.manufacturer[0] ^= 1;
    expect_key(&key, "manufacturer");
    key = vault.key;
    key.backup_document.bytes32[0] ^= 1;
    expect_key(&key, "backup");
    key = vault.key;
    key.backup = KEY_BACKUP_CLONE;
    expect_key(&key, "backup");
    key = vault.key;
    key.custodians[0] = name_of("tabea");
    expect_key(&key, "custodians");
    key = vault.key;
    key.creator = name_of("amy");
    expect_key(&key, "creator");
    vault.backup.check.bytes32[0] ^= 1;
    expect_key(&vault.key, "check");
    vault.backup.check.bytes32[0] ^= 1;
    vault.backup.shares.threshold = 3;
    expect_key(&vault.key, "threshold");
}
