/*
 * `signerd generate`: makes a key pair in the token and prints what the step `generate` of a ceremony has to say of it.
 *
 * The proof is a signature of the new key over all the other facts: nobody can exchange one of them later, or present a
 * key that is not on the token.
 */
#include "base/file.h"
#include "base/log.h"
#include "hsm/vault.h"
#include "papers.h"
#include "policy/key.h"
#include "token.h"

#define FACT_SIZE 129
#define KEY_TEXT_SIZE 161 /* base64 of the longest DER key */
#define GENERATED_KIND "generated"

/* Facts are strings, all of them: so a transcript has them. */
struct generated {
    char alg[FACT_SIZE];
    char approved[FACT_SIZE];
    char firmware[FACT_SIZE];
    char key[KEY_TEXT_SIZE];
    char key_id[DIGEST_HEX_LEN + 1];
    char label[FACT_SIZE];
    char manufacturer[FACT_SIZE];
    char mechanism[FACT_SIZE];
    char model[FACT_SIZE];
    char module[DIGEST_HEX_LEN + 1];
    char program[DIGEST_HEX_LEN + 1];
    char proof[FACT_SIZE]; /* empty in what the key signs */
    char rng[FACT_SIZE];
    char serial[FACT_SIZE];
};

#define FACT(member) CANON_FIELD(struct generated, member, CANON_TEXT)

static const struct canon_field generated_fields[] = {
    FACT(alg),    FACT(approved), FACT(firmware),     FACT(key),
    FACT(key_id), FACT(label),    FACT(manufacturer), FACT(mechanism),
    FACT(model),  FACT(module),   FACT(program),      CANON_FIELD_OPTIONAL(struct generated, proof, CANON_TEXT),
    FACT(rng),    FACT(serial),
};

static enum status generated_encode(struct bytes *out, const struct generated *generated, struct fault *fault)
{
    return canon_encode_bytes(out, generated, generated_fields, sizeof(generated_fields) / sizeof(generated_fields[0]),
                              CANON_DOCUMENT_MAX, fault);
}

static enum status base64_put(char *out, size_t size, const uint8_t *data, size_t len, struct fault *fault)
{
    struct buffer buffer;
    struct bytes text = {0};
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    enum status status = buffer_finish(&text, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "generated", "no memory for the facts");
    }
    INVARIANT(text.len < size);
    memcpy(out, text.data, text.len + 1);
    bytes_free(&text);
    return STATUS_OK;
}

/* The number of PKCS #11 has a name that people know. */
static const char *mechanism_text(enum algorithm algorithm)
{
    switch (algorithm) {
    case ALGORITHM_P256:
    case ALGORITHM_SECP256K1:
        return "CKM_ECDSA";
    case ALGORITHM_ED25519:
        return "CKM_EDDSA";
    }
    return "";
}

static enum status program_hash(char out65[DIGEST_HEX_LEN + 1], struct fault *fault)
{
    struct digest digest;
    enum status status = file_program_digest(&digest, fault);
    if (status == STATUS_OK) {
        digest_format(out65, &digest);
    }
    return status;
}

static void token_facts(struct generated *out, const struct hsm_token_facts *facts)
{
    (void)snprintf(out->firmware, sizeof(out->firmware), "%s", facts->firmware);
    (void)snprintf(out->label, sizeof(out->label), "%s", facts->label);
    (void)snprintf(out->manufacturer, sizeof(out->manufacturer), "%s", facts->manufacturer);
    (void)snprintf(out->model, sizeof(out->model), "%s", facts->model);
    (void)snprintf(out->serial, sizeof(out->serial), "%s", facts->serial);
    (void)snprintf(out->rng, sizeof(out->rng), "%s", facts->rng ? "true" : "false");
    digest_format(out->module, &facts->module_sha256);
}

static enum status facts_fill(struct generated *out, const struct hsm_key *key, const struct options *options,
                              struct fault *fault)
{
    const struct public_key *public_key = hsm_key_public(key);
    struct digest id;
    public_key_id(&id, public_key);
    digest_format(out->key_id, &id);
    (void)snprintf(out->alg, sizeof(out->alg), "%s", algorithm_info(public_key->algorithm)->name);
    (void)snprintf(out->mechanism, sizeof(out->mechanism), "%s", mechanism_text(public_key->algorithm));
    (void)snprintf(out->approved, sizeof(out->approved), "%s", options->approved ? "true" : "false");
    enum status status = base64_put(out->key, sizeof(out->key), public_key->spki, public_key->spki_len, fault);
    return status == STATUS_OK ? program_hash(out->program, fault) : status;
}

static enum status proof_make(struct generated *in_out, const struct hsm_key *key, struct fault *fault)
{
    struct bytes document = {0};
    struct signature signature;
    enum status status = generated_encode(&document, in_out, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = papers_sign(&signature, GENERATED_KIND, &document, key, fault);
    bytes_free(&document);
    return status == STATUS_OK
               ? base64_put(in_out->proof, sizeof(in_out->proof), signature.bytes64, sizeof(signature.bytes64), fault)
               : status;
}

static enum status facts_print(const struct hsm_token *token, const struct hsm_key *key, const struct options *options,
                               struct fault *fault)
{
    struct generated generated = {.proof = ""};
    struct bytes text = {0};
    token_facts(&generated, hsm_token_facts(token));
    enum status status = facts_fill(&generated, key, options, fault);
    status = status == STATUS_OK ? proof_make(&generated, key, fault) : status;
    status = status == STATUS_OK ? generated_encode(&text, &generated, fault) : status;
    status = status == STATUS_OK ? papers_print(&text, fault) : status;
    bytes_free(&text);
    return status;
}

/* No people decide that an evaluation token is in approved mode. */
static enum status approved_check(const struct hsm_token *token, const struct options *options, struct fault *fault)
{
    if (options->approved &&
        strncmp(hsm_token_facts(token)->manufacturer, KEY_TOKEN_UNAPPROVED, strlen(KEY_TOKEN_UNAPPROVED)) == 0) {
        return fault_set(fault, STATUS_USAGE, "approved", "SoftHSM has no approved mode");
    }
    return STATUS_OK;
}

/* A key whose facts nobody has seen is nobody's: it would only stand in the way of the next attempt. */
static void key_keep_or_remove(struct hsm_token *token, const struct hsm_key *key, enum status status)
{
    struct fault inner = {0};
    if (status != STATUS_OK && hsm_key_destroy(token, key, &inner) != STATUS_OK) {
        log_fault("generate.key-left-on-token", &inner);
    }
}

static enum status generate(const struct options *options, struct fault *fault)
{
    enum hsm_key_profile profile;
    const struct algorithm_info *info = algorithm_find(options->algorithm);
    if (info == NULL) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "algorithm", "p256, ed25519 or secp256k1");
    }
    enum status status = options_profile(&profile, options, fault);
    struct hsm_token *token = NULL;
    const struct hsm_key *key = NULL;
    status = status == STATUS_OK ? token_open(&token, options, HSM_TOKEN_GENERATE, fault) : status;
    status = status == STATUS_OK ? approved_check(token, options, fault) : status;
    status =
        status == STATUS_OK ? hsm_key_generate(token, &key, info->algorithm, profile, options->key, fault) : status;
    if (status == STATUS_OK) {
        status = options->wrapping ? hsm_vault_generate(token, key, fault) : STATUS_OK;
        status = status == STATUS_OK ? facts_print(token, key, options, fault) : status;
        key_keep_or_remove(token, key, status);
    }
    hsm_token_close(token);
    return status;
}

int generate_main(const struct options *options)
{
    struct fault fault = {0};
    return generate(options, &fault) == STATUS_OK ? 0 : start_refused(&fault);
}
