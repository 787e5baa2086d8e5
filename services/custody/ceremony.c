/*
 * The ceremony for people: start a transcript, say what comes next, do one step, show all of it.
 *
 * A transcript is verified before anything of it is shown or continued. Each call of `step` signs exactly one step,
 * after showing it, with the key of the person whom the script asks for.
 */
#include "policy/ceremony.h"
#include "policy/sealing_key.h"

#include "ceremony_facts.h"
#include "ceremony_words.h"
#include "chain.h"
#include "commands.h"
#include "describe.h"

static const enum ceremony_role roles[CEREMONY_ACTORS] = {CEREMONY_ADMINISTRATOR, CEREMONY_CUSTODIAN_1,
                                                          CEREMONY_CUSTODIAN_2, CEREMONY_WITNESS};

/* The public key that `custody key generate` printed; what else it holds is not looked at. */
static enum status read_public_key(struct public_key *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    json_t *key = NULL;
    enum status status = command_read_file(&text, path, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        key = json_pack("{s:O?, s:O?}", "alg", json_object_get(object, "alg"), "key", json_object_get(object, "key"));
        status = key == NULL ? fault_set(fault, STATUS_INVALID, path, "holds no public key")
                             : account_key_decode(out, key, "", fault);
    }
    json_decref(key);
    json_decref(object);
    bytes_free(&text);
    return status;
}

/* The sealing key that the person of this name and key has signed for this environment. */
static enum status read_seal(struct ceremony_actor *in_out, const char *path, const struct name *environment,
                             struct fault *fault)
{
    struct signed_document document = {0};
    struct sealing_paper paper;
    enum status status = command_read_signed(&document, path, CANON_DOCUMENT_MAX, "seal", fault);
    if (status == STATUS_OK) {
        status = sealing_paper_read(&paper, &document, fault);
    }
    if (status == STATUS_OK &&
        (!name_equal(&paper.key.person, &in_out->id) || !name_equal(&paper.key.environment, environment))) {
        status = fault_set(fault, STATUS_MISMATCH, path, "is the sealing key of %s in %s", paper.key.person.text,
                           paper.key.environment.text);
    }
    if (status == STATUS_OK) {
        status = sealing_paper_check_time(&paper, clock_utc_us(clock_system()), fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_verify(&document, SEALING_KEY_KIND, 0, &in_out->key, fault);
    }
    if (status == STATUS_OK) {
        in_out->has_seal = true;
        in_out->seal = paper.key.seal;
    }
    signed_document_free(&document);
    return status;
}

/* ROLE:PERSON:KEY.json[:SEAL.json], cut at the colons in place. */
static enum status parse_actor(struct ceremony_actor *out, char *word, const struct name *environment,
                               struct fault *fault)
{
    char *rest = word;
    const char *role = strsep(&rest, ":");
    const char *person = strsep(&rest, ":");
    const char *path = strsep(&rest, ":");
    if (path == NULL || ceremony_role_parse(&out->role, role) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, role,
                         "must be ROLE:PERSON:KEY.json[:SEAL.json]; ROLE administrator, custodian-1, custodian-2 or "
                         "witness");
    }
    if (name_parse(&out->id, person) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, role, "the person must be a name of [a-z0-9-]");
    }
    enum status status = read_public_key(&out->key, path, fault);
    return status == STATUS_OK && rest != NULL ? read_seal(out, rest, environment, fault) : status;
}

static enum status write_transcript(const struct ceremony *ceremony, const struct custody_options *options,
                                    struct fault *fault)
{
    struct bytes document = {0};
    enum status status = ceremony_encode(&document, ceremony, fault);
    if (status == STATUS_OK) {
        status = command_write_document(&document, options, fault);
    }
    bytes_free(&document);
    return status;
}

enum status command_ceremony_start(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct ceremony ceremony = {0};
    struct ceremony_actor actors[CEREMONY_ACTORS] = {0};
    struct name environment;
    struct uuid id;
    enum signer_role purpose = ROLE_TRANSFER;
    enum status status = STATUS_OK;
    if (signer_role_parse(&purpose, options->purpose) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "purpose", "must be transfer, audit or validator");
    }
    if (name_parse(&environment, options->environment) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "environment", "must be the environment of the ledger, as in the policy");
    }
    for (size_t i = 0; status == STATUS_OK && i < CEREMONY_ACTORS; i++) {
        status = parse_actor(&actors[i], input->words[i], &environment, fault);
    }
    if (status == STATUS_OK) {
        status = uuid_generate(&id, clock_system());
    }
    if (status == STATUS_OK) {
        status = ceremony_start(&ceremony, &id, &environment, purpose, actors, fault);
    }
    if (status == STATUS_OK) {
        status = write_transcript(&ceremony, options, fault);
    }
    ceremony_free(&ceremony);
    return status;
}

/* Reads and verifies the transcript of --in. */
static enum status read_transcript(struct ceremony *out, struct bytes *out_document,
                                   const struct custody_options *options, struct fault *fault)
{
    enum status status = command_read_file(out_document, options->in, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = ceremony_decode(out, out_document->data, out_document->len, fault);
    }
    return status == STATUS_OK ? ceremony_check(out, fault) : status;
}

static void print_done(FILE *stream, const struct bytes *document)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    ceremony_digest(&digest, document->data, document->len);
    digest_format(hex, &digest);
    (void)fprintf(stream, "all steps are done; the key document names this transcript by %s\n", hex);
}

enum status command_ceremony_next(const struct command_input *input, struct fault *fault)
{
    struct ceremony ceremony = {0};
    struct bytes document = {0};
    enum status status = read_transcript(&ceremony, &document, input->options, fault);
    if (status == STATUS_OK) {
        const struct ceremony_script_step *next = ceremony_next(&ceremony);
        if (next == NULL) {
            print_done(stdout, &document);
        } else {
            ceremony_words_print(stdout, &ceremony, next);
        }
    }
    ceremony_free(&ceremony);
    bytes_free(&document);
    return status;
}

/* The step that was asked for is the one that comes next. */
static enum status check_turn(const struct ceremony_script_step *next, const char *step, struct fault *fault)
{
    if (next == NULL) {
        return fault_set(fault, STATUS_CONFLICT, step, "this ceremony is finished");
    }
    if (strcmp(next->step, step) != 0) {
        return fault_set(fault, STATUS_CONFLICT, step, "the next step is %s; none can be skipped or repeated",
                         next->step);
    }
    return STATUS_OK;
}

/* The key that signs is that of the person in the role. */
static enum status check_actor(const struct ceremony *ceremony, const struct ceremony_actor *actor,
                               const struct public_key *key, struct fault *fault)
{
    if (public_key_equal(&actor->key, key)) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        if (public_key_equal(&ceremony->actors[i].key, key)) {
            return fault_set(fault, STATUS_MISMATCH, "key", "it is the key of %s, who is %s; this step is for %s",
                             ceremony->actors[i].id.text, ceremony_words_role(ceremony->actors[i].role),
                             actor->id.text);
        }
    }
    return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "nobody in this ceremony has it; this step is for %s",
                     actor->id.text);
}

static enum status sign_step(struct ceremony *ceremony, const struct bytes *body, const struct keyfile *keyfile,
                             struct fault *fault)
{
    struct signature signature;
    enum status status = keyfile_sign(&signature, keyfile, CEREMONY_STEP_KIND, body->data, body->len, fault);
    return status == STATUS_OK ? ceremony_append(ceremony, body->data, body->len, &signature, fault) : status;
}

/* Shows the step with its facts, opens the key, and signs. */
static enum status do_step(struct ceremony *ceremony, const struct ceremony_script_step *step,
                           const struct ceremony_facts *facts, const struct custody_options *options,
                           struct fault *fault)
{
    struct bytes body = {0};
    struct keyfile *keyfile = NULL;
    const struct ceremony_actor *actor = ceremony_actor(ceremony, step->role);
    enum status status =
        ceremony_step_body(&body, ceremony, facts->facts, facts->count, clock_utc_us(clock_system()), fault);
    if (status == STATUS_OK) {
        (void)fprintf(stderr, "%s signs, as %s, the step %s:\n", actor->id.text, ceremony_words_role(step->role),
                      step->step);
        for (size_t i = 0; i < facts->count; i++) {
            ceremony_words_fact(stderr, facts->facts[i].name, facts->facts[i].value);
        }
        status = command_open_key(&keyfile, options, fault);
    }
    if (status == STATUS_OK) {
        status = check_actor(ceremony, actor, keyfile_public_key(keyfile), fault);
    }
    if (status == STATUS_OK) {
        status = sign_step(ceremony, &body, keyfile, fault);
    }
    keyfile_free(keyfile);
    bytes_free(&body);
    return status;
}

enum status command_ceremony_step(const struct command_input *input, struct fault *fault)
{
    struct ceremony ceremony = {0};
    struct bytes document = {0};
    struct ceremony_facts facts = {0};
    const struct ceremony_script_step *next = NULL;
    enum status status = read_transcript(&ceremony, &document, input->options, fault);
    if (status == STATUS_OK) {
        next = ceremony_next(&ceremony);
        status = check_turn(next, input->words[0], fault);
    }
    if (status == STATUS_OK) {
        status = ceremony_facts_collect(&facts, &ceremony, next, input, fault);
        if (status == STATUS_MISMATCH && strcmp(next->step, "open") == 0) {
            ceremony_refusal_write(&ceremony, input->options);
        }
    }
    if (status == STATUS_OK) {
        status = do_step(&ceremony, next, &facts, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = write_transcript(&ceremony, input->options, fault);
    }
    ceremony_facts_free(&facts);
    ceremony_free(&ceremony);
    bytes_free(&document);
    return status;
}

static void print_people(const struct ceremony *ceremony)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct digest id;
    for (size_t i = 0; i < CEREMONY_ACTORS; i++) {
        const struct ceremony_actor *actor = ceremony_actor(ceremony, roles[i]);
        public_key_id(&id, &actor->key);
        digest_format(hex, &id);
        (void)printf("  %-20s %s, key %s\n", ceremony_words_role(roles[i]), actor->id.text, hex);
    }
}

static void print_steps(const struct ceremony *ceremony)
{
    char time[TIME_TEXT_SIZE];
    for (size_t i = 0; i < ceremony->step_count; i++) {
        const struct ceremony_step *step = &ceremony->steps[i];
        time_format(time, step->at);
        (void)printf("step %zu of %zu: %s, signed by %s at %s\n", i + 1, ceremony->script->step_count, step->row->step,
                     step->actor.text, time);
        for (size_t j = 0; j < step->row->fact_count; j++) {
            ceremony_words_fact(stdout, step->row->facts[j], (const char *)step->values[j].data);
        }
    }
}

static void print_transcript(const struct ceremony *ceremony, const struct bytes *document)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &ceremony->id);
    (void)printf("ceremony %s: a key for %s, environment %s, script %s version %lld\n", id,
                 signer_role_text(ceremony->purpose), ceremony->environment.text, ceremony->script->name,
                 (long long)ceremony->script->version);
    print_people(ceremony);
    print_steps(ceremony);
    const struct ceremony_script_step *next = ceremony_next(ceremony);
    if (next == NULL) {
        print_done(stdout, document);
    } else {
        (void)printf("not finished: the next step is %s, by %s\n", next->step,
                     ceremony_actor(ceremony, next->role)->id.text);
    }
}

/* With a policy: the people are its people, with the duties that the script asks for. */
static enum status check_people(const struct bytes *document, const struct custody_options *options,
                                struct fault *fault)
{
    struct chain chain = {0};
    struct ceremony verified = {0};
    enum status status = chain_open(&chain, options, false, fault);
    if (status == STATUS_OK) {
        status = ceremony_verify(&verified, document->data, document->len, chain_newest(&chain), fault);
    }
    ceremony_free(&verified);
    chain_wipe(&chain);
    return status;
}

enum status command_ceremony_show(const struct command_input *input, struct fault *fault)
{
    struct ceremony ceremony = {0};
    struct bytes document = {0};
    bool judged = input->options->policy[0] != '\0';
    enum status status = read_transcript(&ceremony, &document, input->options, fault);
    if (status == STATUS_OK && judged) {
        status = check_people(&document, input->options, fault);
    }
    if (status == STATUS_OK) {
        print_transcript(&ceremony, &document);
        (void)printf("verified: every step is signed by its actor%s\n",
                     judged ? ", who has the duty and this key in the policy" : "");
    }
    ceremony_free(&ceremony);
    bytes_free(&document);
    return status;
}
