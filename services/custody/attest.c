/*
 * Attestations from a signer or through the service. Whoever carries them can only withhold them: the challenge is made
 * here, and the key's own signature is verified here before anything is written or shown.
 */
#include "attest.h"

#include <openssl/rand.h>

#include "client.h"
#include "commands.h"
#include "signer_call.h"

static enum status ask_signer(struct signed_document *out, const struct key_papers *papers,
                              const struct digest *challenge, const struct custody_options *options,
                              struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_attest_reply reply = {0};
    const struct wire_key_attest_request request = {.key = papers->key.key_id, .challenge = *challenge};
    enum status status = signer_call_open(&pool, options, papers->key.purpose, fault);
    if (status == STATUS_OK) {
        status = wire_key_attest(pool, &reply, &request, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        *out = reply.attestation; /* transferred */
    }
    wire_pool_free(pool);
    return status;
}

static enum status ask_service(struct signed_document *out, const struct key_papers *papers,
                               const struct digest *challenge, const struct custody_options *options,
                               struct fault *fault)
{
    char path[160];
    char hex[DIGEST_HEX_LEN + 1];
    json_t *answer = NULL;
    digest_format(hex, &papers->key.key_id);
    (void)snprintf(path, sizeof(path), "/v1/keys/%s/attestations", hex);
    digest_format(hex, challenge);
    json_t *body = json_pack("{s:s}", "challenge", hex);
    const struct client_call call = {.method = "POST", .path = path, .body = body};
    enum status status = body == NULL ? STATUS_NO_MEMORY : client_json(&answer, options, &call, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, json_object_get(answer, "attestation"), CANON_DOCUMENT_MAX, "attestation.",
                                        fault);
    }
    json_decref(answer);
    json_decref(body);
    return status;
}

enum status attest_fetch(struct signed_document *out, const struct key_papers *papers,
                         const struct custody_options *options, struct fault *fault)
{
    struct digest challenge;
    struct attestation attestation;
    struct signed_document document = {0};
    if (RAND_bytes(challenge.bytes32, sizeof(challenge.bytes32)) != 1) {
        return fault_set(fault, STATUS_IO, "challenge", "could not get random bytes");
    }
    enum status status = options->socket[0] == '\0' ? ask_service(&document, papers, &challenge, options, fault)
                                                    : ask_signer(&document, papers, &challenge, options, fault);
    if (status == STATUS_OK) {
        status = attestation_verify(&attestation, &document, &papers->key, &papers->digest, fault);
    }
    if (status == STATUS_OK && !digest_equal(&attestation.challenge, &challenge)) {
        status = fault_set(fault, STATUS_MISMATCH, "challenge", "the attestation answers another question");
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return status;
    }
    *out = document; /* transferred */
    return STATUS_OK;
}

enum status command_key_attest(const struct command_input *input, struct fault *fault)
{
    struct key_papers papers = {0};
    struct signed_document attestation = {0};
    enum status status = papers_read(&papers, input->options, fault);
    if (status == STATUS_OK) {
        status = attest_fetch(&attestation, &papers, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&attestation, input->options, fault);
    }
    signed_document_free(&attestation);
    papers_wipe(&papers);
    return status;
}
