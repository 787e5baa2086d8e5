/*
 * The sealing key of a custodian: made in an encrypted file, and signed by the custodian's own key, so that whoever
 * makes shares cannot put in another one.
 */
#include "base/clock.h"
#include "commands.h"
#include "policy/sealing_key.h"

#define VALID_US (365LL * 24 * 3600 * 1000000)

/* Before a file is made: what the words say of the person. */
static enum status fill_words(struct sealing_key *out, const struct custody_options *options, struct fault *fault)
{
    out->issued_at = clock_utc_us(clock_system());
    out->valid_until = out->issued_at + VALID_US;
    if (name_parse(&out->person, options->person) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "person", "must be your name in the policy");
    }
    if (name_parse(&out->environment, options->environment) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "environment", "must be the environment of the ledger, as in the policy");
    }
    if (options->until[0] != '\0' && time_parse(&out->valid_until, options->until) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "until", "must be a time such as 2026-01-02T03:04:05.000000Z");
    }
    return options->key[0] != '\0'
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "key", "name your key file: it signs the other key");
}

static enum status write_paper(const struct sealing_key *key, const struct custody_options *options,
                               struct fault *fault)
{
    struct signed_document paper = {0};
    enum status status = sealing_key_encode(&paper.document, key, fault);
    if (status == STATUS_OK) {
        status = command_add_signature(&paper, SEALING_KEY_KIND, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&paper, options, fault);
    }
    signed_document_free(&paper);
    return status;
}

enum status command_seal_key_generate(const struct command_input *input, struct fault *fault)
{
    struct sealing_key key = {.issued_at = 0};
    struct custody_options printing = *input->options; /* --out is the key file, the paper is printed */
    printing.out[0] = '\0';
    enum status status = fill_words(&key, input->options, fault);
    if (status == STATUS_OK) {
        status = command_new_seal_key(&key.seal, input->options, fault);
    }
    return status == STATUS_OK ? write_paper(&key, &printing, fault) : status;
}

enum status command_seal_key_sign(const struct command_input *input, struct fault *fault)
{
    struct sealing_key key = {.issued_at = 0};
    struct secret private_key = {0};
    enum status status = fill_words(&key, input->options, fault);
    if (status == STATUS_OK) {
        status = command_open_seal_key(&private_key, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = seal_public_key(&key.seal, &private_key, fault);
    }
    secret_free(&private_key);
    return status == STATUS_OK ? write_paper(&key, input->options, fault) : status;
}
