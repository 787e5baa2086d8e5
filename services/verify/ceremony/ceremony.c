/*
 * Replaying the transcript of a ceremony (docs/formats.md section 2, ceremony).
 *
 * The script is the table below and nothing in a file; its digest is computed here. Nothing a transcript says of itself
 * is taken for true before the step that says it was checked.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "claim.h"

#define ROLES 4

/* The script that this program knows, as the document that it is. */
static const char script_text[] =
    "{\"name\":\"key\",\"steps\":["
    "{\"facts\":[\"module\",\"program\"],\"role\":\"administrator\",\"step\":\"open\"},"
    "{\"facts\":[\"serial\"],\"role\":\"witness\",\"step\":\"attend\"},"
    "{\"facts\":[\"alg\",\"approved\",\"firmware\",\"key\",\"key_id\",\"label\",\"manufacturer\",\"mechanism\","
    "\"model\",\"module\",\"program\",\"proof\",\"rng\",\"serial\"],\"role\":\"custodian-1\",\"step\":\"generate\"},"
    "{\"facts\":[\"backup\",\"check\",\"threshold\"],\"role\":\"custodian-2\",\"step\":\"backup\"},"
    "{\"facts\":[\"key_id\",\"serial\"],\"role\":\"witness\",\"step\":\"inspect\"},"
    "{\"facts\":[\"key_id\"],\"role\":\"administrator\",\"step\":\"close\"}],\"version\":1}";

static const struct {
    const char *role, *duty;
} roles[ROLES] = {{"administrator", "administrator"},
                  {"custodian-1", "custodian"},
                  {"custodian-2", "custodian"},
                  {"witness", "auditor"}};

struct replay {
    struct claim *claim;
    const json_t *backup; /* NULL: none */
    json_t *transcript;
    struct verify_transcript head;
    json_t *script; /* owned */
    json_t *facts;  /* owned: of all steps so far, by name */
    struct {
        struct name id;
        char seal[256];
        struct key key;
        const json_t *person; /* of the policy */
    } actors[ROLES];          /* by role */
    struct digest last;       /* digest of what stands before the next step */
    int64_t last_at;
};

static bool shown(struct replay *replay, bool good, const char *part, const char *what)
{
    return prove(&replay->claim->report, good, part, what);
}

static bool check_script(struct replay *replay)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    document_digest(&digest, "script", script_text);
    digest_format(hex, &digest);
    json_t *expected = json_pack("{s:s, s:s, s:i}", "digest", hex, "name", "key", "version", 1);
    bool good = json_equal(expected, replay->head.script) == 1 &&
                canon_parse(&replay->script, script_text, strlen(script_text), CANON_DOCUMENT_MAX, NULL) == STATUS_OK;
    json_decref(expected);
    if (good) {
        report_checked("script key version 1, digest %s", hex);
    }
    return shown(replay, good, "transcript", "script is not the one that this program knows: key, version 1");
}

/* The steps of the script. */
static const json_t *steps_of(const struct replay *replay)
{
    return json_object_get(replay->script, "steps");
}

/* What speaks against an actor, or NULL. Fills the place of the role. */
static const char *actor_objection(struct replay *replay, const struct verify_actor *actor)
{
    size_t role = 0;
    uint8_t seal32[32];
    struct key key;
    while (role < ROLES && strcmp(roles[role].role, actor->role) != 0) {
        role++;
    }
    if (role == ROLES || replay->actors[role].id.text[0] != '\0') {
        return "role is unknown or given twice";
    }
    bool custodian = strcmp(roles[role].duty, "custodian") == 0;
    if (actor->seal[0] != '\0' &&
        (!custodian || base64_decode_exact(seal32, sizeof(seal32), actor->seal) != STATUS_OK)) {
        return "seal is none, or not a custodian's";
    }
    for (size_t i = 0; i < ROLES && actor->seal[0] != '\0'; i++) {
        if (strcmp(replay->actors[i].seal, actor->seal) == 0) {
            return "seal is another custodian's, too";
        }
    }
    if (!key_read(&key, actor->alg, actor->key)) {
        return "key is none of its algorithm";
    }
    const json_t *person = verify_policy_holder(&replay->actors[role].key, &replay->claim->policy, &key.id);
    if (!verify_person_is(person, actor->id.text, INT64_MIN)) {
        return "key is not one that the policy gives to this person";
    }
    if (!verify_person_duty(person, roles[role].duty)) {
        return "role needs a duty that the policy does not give to this person";
    }
    replay->actors[role].id = actor->id;
    memcpy(replay->actors[role].seal, actor->seal, sizeof(actor->seal));
    replay->actors[role].person = person;
    return NULL;
}

/* Each role once; in ascending order, so all are different. */
static bool check_actors(struct replay *replay)
{
    struct verify_actor actor;
    struct name last = {{0}};
    bool good = shown(replay, json_array_size(replay->head.actors) == ROLES, "transcript", "actors are not four");
    for (size_t i = 0; good && i < ROLES; i++) {
        good = document_decode(&actor, DOCUMENT_ACTOR, json_array_get(replay->head.actors, i), NULL) == STATUS_OK &&
               strcmp(last.text, actor.id.text) < 0;
        if (!shown(replay, good, "transcript", "actors are not four different people in order")) {
            return false;
        }
        const char *why = actor_objection(replay, &actor);
        if (why != NULL) {
            report_tampered(&replay->claim->report, "actor %s: %s", actor.id.text, why);
            return false;
        }
        last = actor.id;
        report_checked("actor %s is %s, as the policy allows", actor.id.text, actor.role);
    }
    return good;
}

/* Exactly the facts of the script; one that was stated before has the same value. What speaks against them, or NULL. */
static const char *facts_objection(struct replay *replay, const json_t *names, const json_t *facts)
{
    json_t *name = NULL;
    size_t i = 0;
    const char *why = json_array_size(names) == json_object_size(facts) ? NULL : "facts are not those of the script";
    json_array_foreach(names, i, name)
    {
        json_t *fact = json_object_get(facts, json_string_value(name));
        const json_t *before = json_object_get(replay->facts, json_string_value(name));
        if (!json_is_string(fact) || json_string_length(fact) > 1024) {
            why = "facts are not those of the script";
        } else if (before != NULL && json_equal(before, fact) != 1) {
            why = "facts differ from those of a step before";
        }
        (void)json_object_set(replay->facts, json_string_value(name), fact);
    }
    return why;
}

/* What speaks against a step, or NULL. */
static const char *step_objection(struct replay *replay, const json_t *row, json_t *object)
{
    struct verify_step step;
    size_t role = 0;
    char id[UUID_TEXT_SIZE];
    while (strcmp(roles[role].role, text_of(row, "role")) != 0) {
        role++;
    }
    if (document_decode(&step, DOCUMENT_STEP, object, NULL) != STATUS_OK) {
        return "is not of the form of a step";
    }
    if (strcmp(step.step, text_of(row, "step")) != 0) {
        return "step is not the one that the script asks for here";
    }
    if (!name_equal(&step.actor, &replay->actors[role].id)) {
        return "actor is not the person in the role of this step";
    }
    if (step.at < replay->last_at || !verify_person_is(replay->actors[role].person, step.actor.text, step.at)) {
        return "at is before the step before, or after the person's time in the policy";
    }
    if (!digest_equal(&step.prev, &replay->last)) {
        return "prev is not the digest of what stands before";
    }
    json_t *body = json_copy(object);
    uuid_format(id, &replay->head.id);
    (void)json_object_del(body, "sig");
    (void)json_object_set_new(body, "ceremony", json_string(id));
    bool good = document_digest_json(&replay->last, "ceremony_step", body, &replay->actors[role].key, step.sig);
    json_decref(body);
    replay->last_at = step.at;
    return good ? facts_objection(replay, json_object_get(row, "facts"), step.facts)
                : "sig is not a signature of its actor over this step";
}

static bool check_steps(struct replay *replay)
{
    json_t *head = json_copy(replay->transcript);
    json_t *value = NULL;
    size_t i = 0;
    (void)json_object_del(head, "steps");
    bool good = document_digest_json(&replay->last, "ceremony_head", head, NULL, NULL);
    json_decref(head);
    json_array_foreach(replay->head.steps, i, value)
    {
        const json_t *row = json_array_get(steps_of(replay), i);
        const char *why = !good         ? "cannot be hashed"
                          : row != NULL ? step_objection(replay, row, value)
                                        : "is one too many";
        const char *step = row != NULL ? text_of(row, "step") : "";
        if (why != NULL) {
            report_tampered(&replay->claim->report, "step %zu %s: %s", i + 1, step, why);
            return false;
        }
        report_checked("step %zu %s: done by %s at %s, linked and signed", i + 1, step, text_of(value, "actor"),
                       text_of(value, "at"));
    }
    return shown(replay, i == json_array_size(steps_of(replay)), "transcript",
                 "steps are missing: the ceremony was not finished");
}

/* The new key signed what was said of it. */
static bool check_birth(struct replay *replay)
{
    json_t *generated = json_object();
    const json_t *names = json_object_get(json_array_get(steps_of(replay), 2), "facts");
    json_t *name = NULL;
    size_t i = 0;
    uint8_t signature64[64];
    struct digest digest;
    char id[DIGEST_HEX_LEN + 1];
    const struct key *key = &replay->claim->key;
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        (void)json_object_set(generated, text, json_object_get(replay->facts, text));
    }
    (void)json_object_del(generated, "proof");
    const char *proof = text_of(replay->facts, "proof");
    bool good = base64_decode_exact(signature64, sizeof(signature64), proof) == STATUS_OK &&
                document_digest_json(&digest, "generated", generated, key, signature64);
    json_decref(generated);
    digest_format(id, &key->id);
    good = shown(replay, good && strcmp(text_of(replay->facts, "key_id"), id) == 0, "step 3 generate",
                 "proof or key_id is not of the key of the key document");
    if (good) {
        report_checked("the new key %s signed what was said at its generation", id);
    }
    return good;
}

/* The key document says of the key what the transcript says. */
static bool check_agreement(struct replay *replay)
{
    struct claim *claim = replay->claim;
    const struct verify_key *document = &claim->document;
    struct digest digest;
    const json_t *key = claim->key_text.object;
    char named[DIGEST_HEX_LEN + 1];
    bool wrapped = strcmp(document->backup, "wrapped") == 0;
    digest_format(named, &document->backup_document);
    bool backed = strcmp(text_of(replay->facts, "backup"), wrapped ? named : document->backup) == 0;
    bool shared = text_of(replay->facts, "check")[0] != '\0' || text_of(replay->facts, "threshold")[0] != '\0';
    bool hashed = document_digest_json(&digest, "ceremony", replay->transcript, NULL, NULL);
    return shown(replay, hashed && digest_equal(&digest, &document->ceremony), "key",
                 "ceremony is not the digest of this transcript") &&
           shown(replay, backed && (wrapped || !shared), "key", "backup is not that of step 4 of the transcript") &&
           shown(replay, object_named(replay->head.actors, document->creator.text) != NULL, "key",
                 "creator had no part in the ceremony") &&
           shown(replay,
                 lists(document->custodians, replay->actors[1].id.text) &&
                     lists(document->custodians, replay->actors[2].id.text),
                 "key", "custodians are not those of the ceremony") &&
           claim_agrees(claim, "key", key, "the transcript", replay->transcript, "environment purpose") &&
           claim_agrees(claim, "key", key, "the transcript", replay->facts, "alg approved key") &&
           claim_agrees(claim, "key", document->token, "the transcript", replay->facts,
                        "firmware label manufacturer model serial") &&
           (!wrapped || replay->backup == NULL ||
            claim_agrees(claim, "backup", replay->backup, "the transcript", replay->facts, "check threshold"));
}

static bool replay_all(struct replay *replay, const char *path)
{
    struct claim *claim = replay->claim;
    struct fault fault = {0};
    replay->transcript = claim_json(claim, "transcript", path);
    if (replay->transcript == NULL) {
        return false;
    }
    if (document_decode(&replay->head, DOCUMENT_TRANSCRIPT, replay->transcript, &fault) != STATUS_OK) {
        return report_fault(&claim->report, "transcript", &fault);
    }
    return check_script(replay) && check_actors(replay) && check_steps(replay) && check_birth(replay) &&
           check_agreement(replay);
}

bool ceremony_replay(struct claim *claim, char out_id[UUID_TEXT_SIZE], const char *path, const json_t *backup)
{
    struct replay replay = {.claim = claim, .backup = backup, .facts = json_object()};
    bool good = replay_all(&replay, path);
    uuid_format(out_id, &replay.head.id);
    json_decref(replay.script);
    json_decref(replay.facts);
    return good;
}
