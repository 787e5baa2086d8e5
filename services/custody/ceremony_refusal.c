/*
 * What the step `open` refused, signed by who tried: a paper beside the transcript that goes into the trail when
 * somebody hands it in. It is asked for at the moment of the refusal, before the witness; nothing can make a person who
 * is alone with the machine keep it.
 */
#include "ceremony_facts.h"

#include "base/clock.h"
#include "policy/ceremony_refusal.h"

static enum status encode_refusal(struct bytes *out, const struct ceremony *ceremony,
                                  const struct custody_options *options, struct fault *fault)
{
    struct ceremony_refusal refusal = {
        .actor = ceremony_actor(ceremony, CEREMONY_ADMINISTRATOR)->id,
        .at = clock_utc_us(clock_system()),
        .ceremony = ceremony->id,
        .environment = ceremony->environment,
    };
    enum status status = ceremony_facts_hashes(&refusal.hashes, options, fault);
    return status == STATUS_OK ? ceremony_refusal_encode(out, &refusal, fault) : status;
}

static enum status sign_refusal(struct signed_document *out, const struct ceremony *ceremony,
                                const struct custody_options *options, struct fault *fault)
{
    struct keyfile *keyfile = NULL;
    struct signature signature;
    const struct ceremony_actor *actor = ceremony_actor(ceremony, CEREMONY_ADMINISTRATOR);
    enum status status = encode_refusal(&out->document, ceremony, options, fault);
    if (status == STATUS_OK) {
        (void)fprintf(stderr, "%s signs, as %s, that the step open was refused\n", actor->id.text,
                      ceremony_words_role(CEREMONY_ADMINISTRATOR));
        status = command_open_key(&keyfile, options, fault);
    }
    if (status == STATUS_OK && !public_key_equal(&actor->key, keyfile_public_key(keyfile))) {
        status = fault_set(fault, STATUS_MISMATCH, "key", "it is not the key of %s", actor->id.text);
    }
    if (status == STATUS_OK) {
        status = keyfile_sign(&signature, keyfile, CEREMONY_REFUSAL_KIND, out->document.data, out->document.len, fault);
    }
    keyfile_free(keyfile);
    return status == STATUS_OK ? signed_document_add(out, &signature) : status;
}

void ceremony_refusal_write(const struct ceremony *ceremony, const struct custody_options *options)
{
    struct custody_options beside = *options;
    struct signed_document document = {0};
    struct fault why = {0};
    enum status status = STATUS_OK;
    if (options->out[0] != '\0' &&
        snprintf(beside.out, sizeof(beside.out), "%s.refused", options->out) >= (int)sizeof(beside.out)) {
        status = fault_set(&why, STATUS_TOO_LARGE, "out", "%s", "");
    }
    if (status == STATUS_OK) {
        status = sign_refusal(&document, ceremony, options, &why);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&document, &beside, &why);
    }
    signed_document_free(&document);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "there is no paper of this refusal: %s: %s\n", why.where, why.detail);
        return;
    }
    (void)fprintf(stderr,
                  "%s says so: the witness takes a copy along, and it is handed in with custody ceremony report\n",
                  beside.out);
}

enum status command_ceremony_report(const struct command_input *input, struct fault *fault)
{
    return command_hand_in(input->options, "/v1/ceremonies/refusals", fault);
}
