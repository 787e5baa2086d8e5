/*
 * Suspended people: one is suspended, resumed, and who is shown. Suspending is one person's: with --key the order is
 * made, signed and handed in at once; a resumption is written, for the quorum to sign (custody key send hands it in).
 */
#include "base/signed.h"
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "key_orders.h"
#include "order_draft.h"
#include "wire/message.h"

static void print_person(const json_t *row)
{
    const json_t *signers = json_object_get(row, "signers");
    char person[SERVICE_TEXT_SIZE];
    (void)printf("%s is suspended, number %lld (--on)", command_service_text(person, row, "person"),
                 (long long)json_integer_value(json_object_get(row, "number")));
    for (int i = WIRE_ROLE_TRANSFER; i <= WIRE_ROLE_PRIVACY; i++) {
        const char *role = wire_role_name((enum wire_role)i);
        char said[SERVICE_TEXT_SIZE];
        if (json_object_get(signers, role) != NULL &&
            strcmp(command_service_text(said, signers, role), "suspended") != 0) {
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
    enum status status = chain_open(&chain, options, false, fault);
    if (status == STATUS_OK) {
        status = order_draft(&command, chain_newest(&chain), options, fault);
    }
    status = status == STATUS_OK ? order_draft_write(&out->document, &command, fault) : status;
    chain_wipe(&chain);
    return status;
}

enum status command_person_suspend(const struct command_input *input, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = make_order(&document, input, COMMAND_PERSON_SUSPEND, fault);
    status = status == STATUS_OK ? key_order_finish(&document, input->options, fault) : status;
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
