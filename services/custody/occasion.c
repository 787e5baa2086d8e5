/*
 * The occasion on which shares are given: drafting it, putting it into words, and what a custodian demands of it.
 *
 * The receiving key comes to a custodian over a way that anybody may stand on. What makes it the signer's are the two
 * people who read it at the machine and signed; so nothing here believes a socket or an option.
 */
#include "occasion.h"

#include "commands.h"
#include "describe.h"
#include "signer_call.h"

#define SECOND_US 1000000LL

static enum status read_name(struct name *out, const char *text, const char *option, struct fault *fault)
{
    return name_parse(out, text) == STATUS_OK ? STATUS_OK : fault_set(fault, STATUS_USAGE, option, "name the person");
}

/* Asking a signer opens an activation, and it tells its own console the key; what is signed is compared with that. */
static enum status fill_receiver(struct occasion *occasion, const struct custody_options *options, struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_activation_reply reply = {0};
    enum signer_role role = ROLE_TRANSFER;
    if (options->to[0] != '\0' || occasion->action != OCCASION_ACTIVATE) {
        return seal_key_parse(&occasion->to, options->to) == STATUS_OK
                   ? STATUS_OK
                   : fault_set(fault, STATUS_USAGE, "to", "must be the receiver's X25519 key, as its console shows it");
    }
    enum status status = signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = wire_activation_open(pool, &reply, signer_call_timeout_ms(options), fault);
    }
    wire_pool_free(pool);
    memcpy(occasion->to.bytes32, reply.to32, sizeof(reply.to32));
    return status;
}

static enum status fill_subject(struct occasion *occasion, const struct custody_options *options, struct fault *fault)
{
    if (digest_parse(&occasion->key, options->key_id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "key-id", "must be the id of the key");
    }
    if (digest_parse(&occasion->set, options->set) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "set", "must be the digest of the backup or of the share set");
    }
    if (strlen(options->serial) >= sizeof(occasion->serial)) {
        return fault_set(fault, STATUS_USAGE, "serial", "is longer than any");
    }
    memcpy(occasion->serial, options->serial, strlen(options->serial) + 1);
    return STATUS_OK;
}

static enum status fill_people(struct occasion *occasion, const struct custody_options *options, struct fault *fault)
{
    enum status status = read_name(&occasion->requester, options->requester, "requester", fault);
    if (status == STATUS_OK) {
        status = read_name(&occasion->authoriser, options->authoriser, "authoriser", fault);
    }
    if (status == STATUS_OK && occasion->action != OCCASION_ACTIVATE) {
        status = read_name(&occasion->executor, options->executor, "executor", fault);
    }
    return status;
}

static enum status make_occasion(struct occasion *out, const struct custody_options *options,
                                 const struct policy *policy, struct fault *fault)
{
    out->chain = policy->chain;
    out->environment = policy->environment;
    out->policy = policy->digest;
    out->issued_at = clock_utc_us(clock_system());
    out->expires_at = out->issued_at + options->expires_in_s * SECOND_US;
    enum status status = fill_subject(out, options, fault);
    if (status == STATUS_OK) {
        status = fill_people(out, options, fault);
    }
    return status == STATUS_OK ? fill_receiver(out, options, fault) : status;
}

enum status command_occasion(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct occasion occasion = {.action = OCCASION_RESTORE};
    struct chain chain = {0};
    struct bytes document = {0};
    if (occasion_action_parse(&occasion.action, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, input->words[0], "must be activate, restore or drill");
    }
    enum status status = chain_open(&chain, options, false, fault);
    if (status == STATUS_OK) {
        status = make_occasion(&occasion, options, chain_newest(&chain), fault);
    }
    if (status == STATUS_OK) {
        status = occasion_encode(&document, &occasion, fault);
    }
    if (status == STATUS_OK) {
        status = describe_occasion(stderr, &document, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_document(&document, options, fault);
    }
    bytes_free(&document);
    chain_wipe(&chain);
    return status;
}

enum status describe_occasion(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct occasion occasion;
    char text[SEAL_KEY_TEXT_SIZE];
    enum status status = occasion_decode(&occasion, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "occasion: shares are asked for, to %s\n", occasion_action_text(occasion.action));
    describe_digest(stream, "key", &occasion.key);
    seal_key_format(text, &occasion.to);
    describe_row(stream, "given to", "%s", text);
    describe_row(stream, "requester", "%s", occasion.requester.text);
    describe_row(stream, "authoriser", "%s", occasion.authoriser.text);
    if (occasion.action != OCCASION_ACTIVATE) {
        describe_row(stream, "executor", "%s", occasion.executor.text);
        describe_row(stream, "token", "serial %s", occasion.serial);
    }
    describe_digest(stream, occasion.action == OCCASION_ACTIVATE ? "share set" : "backup", &occasion.set);
    describe_time(stream, "issued", occasion.issued_at);
    describe_time(stream, "expires", occasion.expires_at);
    describe_row(stream, "ledger", "%s", occasion.environment.text);
    describe_digest(stream, "chain", &occasion.chain);
    describe_digest(stream, "policy", &occasion.policy);
    describe_row(stream, "to be signed",
                 "by requester and authoriser, who read \"given to\" off the console of the "
                 "machine where signerd runs, and nowhere else");
    return STATUS_OK;
}

enum status occasion_open(struct held_occasion *out, const struct custody_options *options, struct fault *fault)
{
    struct held_occasion held = {.document = {.signatures = NULL}};
    if (options->occasion[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "occasion", "name the file that requester and authoriser have signed");
    }
    held.at_utc_us = clock_utc_us(clock_system());
    enum status status = chain_open(&held.chain, options, true, fault);
    if (status == STATUS_OK) {
        status = command_read_signed(&held.document, options->occasion, CANON_DOCUMENT_MAX, "occasion", fault);
    }
    if (status == STATUS_OK) {
        status = describe_occasion(stderr, &held.document.document, fault);
    }
    if (status == STATUS_OK) {
        status = occasion_verify(&held.occasion, &held.document, chain_newest(&held.chain), held.at_utc_us, fault);
    }
    if (status != STATUS_OK) {
        occasion_wipe(&held);
        return status;
    }
    (void)fprintf(stderr, "  verified: %s asks and %s allows it\n", held.occasion.requester.text,
                  held.occasion.authoriser.text);
    occasion_digest(&held.digest, held.document.document.data, held.document.document.len);
    *out = held; /* transferred */
    return STATUS_OK;
}

void occasion_wipe(struct held_occasion *held)
{
    signed_document_free(&held->document);
    chain_wipe(&held->chain);
    *held = (struct held_occasion){.document = {.signatures = NULL}};
}
