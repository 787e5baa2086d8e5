/*
 * Suspended people: one is suspended, resumed, and who is shown. Suspending is one person's: with --key the order is
 * made, signed and handed in at once; a resumption is written, for the quorum to sign (custody key send hands it in).
 */
#include "base/signed.h"
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "key_orders.h"
#include "policy/command.h"
#include "wire/message.h"

#define SECOND_US 1000000LL

static void print_person(const json_t *row)
{
    const json_t *signers = json_object_get(row, "signers");
    char person[SERVICE_TEXT_SIZE];
    (void)printf("%s is suspended, %lld", command_service_text(person, row, "person"),
                 (long long)json_integer_value(json_object_get(row, "number")));
    for (int i = WIRE_ROLE_TRANSFER; i <= WIRE_ROLE_VALIDATOR; i++) {
        const char *role = wire_role_name((enum wire_role)i);
        char said[SERVICE_TEXT_SIZE];
        if (strcmp(command_service_text(said, signers, role), "suspended") != 0) {
            (void)printf("; %s at the signer of role %s", said, role);
        }
    }
    (void)printf("\n");
}

enum status command_person_list(const struct command_input *input, struct fault *fault)
{
    return client_list(input->options, "/v1/people/suspended", "suspended", print_person, fault);
}

static enum status make_order(struct signed_document *out, const struct command_input *input,
                              enum command_action action, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct chain chain = {0};
    struct command command = {.action = action, .on = (uint64_t)options->on};
    if (name_parse(&command.person, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "NAME", "of a person of the policy");
    }
    if (name_parse(&command.reason, options->reason) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "reason", "must be one word of [a-z0-9-]");
    }
    enum status status = chain_open(&chain, options, false, fault);
    if (status == STATUS_OK) {
        const struct policy *policy = chain_newest(&chain);
        command.chain = policy->chain;
        command.environment = policy->environment;
        command.policy = policy->digest;
        command.issued_at = clock_utc_us(clock_system());
        command.expires_at = command.issued_at + options->expires_in_s * SECOND_US;
        status = uuid_generate(&command.nonce, clock_system());
    }
    status = status == STATUS_OK ? command_encode(&out->document, &command, fault) : status;
    status = status == STATUS_OK ? describe_command(stderr, &out->document, fault) : status;
    chain_wipe(&chain);
    return status;
}

enum status command_person_suspend(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    enum status status = make_order(&document, input, COMMAND_PERSON_SUSPEND, fault);
    if (status == STATUS_OK && options->key[0] == '\0') {
        status = command_write_document(&document.document, options, fault);
    } else if (status == STATUS_OK) {
        status = command_add_signature(&document, COMMAND_KIND, options, fault);
        status = status == STATUS_OK ? key_order_send(&document, options, fault) : status;
    }
    signed_document_free(&document);
    return status;
}

enum status command_person_resume(const struct command_input *input, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = make_order(&document, input, COMMAND_PERSON_RESUME, fault);
    if (status == STATUS_OK) {
        status = command_write_document(&document.document, input->options, fault);
    }
    signed_document_free(&document);
    return status;
}
