/*
 * The command that makes an order about a key from options, so that nobody writes JSON. It signs nothing.
 */
#include "commands.h"
#include "order_draft.h"
#include "papers.h"

#define SECOND_US 1000000LL

/* Which key, and what its document allows; without a document the key is named by id and role. */
static enum status fill_key(struct command *command, const struct custody_options *options,
                            const struct key_papers *papers, struct fault *fault)
{
    if (options->document[0] != '\0') {
        command->key = papers->key.key_id;
        command->role = papers->key.purpose;
        return STATUS_OK;
    }
    if (digest_parse(&command->key, options->key_id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "key-id", "name the key document, or the id and role of the key");
    }
    return signer_role_parse(&command->role, options->role) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "role", "must be transfer, audit or validator");
}

static enum status fill_from(struct command *command, const struct custody_options *options, struct fault *fault)
{
    bool has_from = command->action != COMMAND_KEY_DEACTIVATE && command->action != COMMAND_KEY_SUSPEND;
    if (!has_from) {
        return options->from[0] == '\0' ? STATUS_OK
                                        : fault_set(fault, STATUS_USAGE, "from",
                                                    "this order stops a key in whatever state it is: leave --from out");
    }
    if (key_state_parse(&command->from, options->from) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "from", "must be the state that the key is in (custody key list)");
    }
    bool has_on = command->action != COMMAND_KEY_ADMIT && command->action != COMMAND_KEY_SWEEP;
    if (has_on == (options->on == 0)) {
        return fault_set(fault, STATUS_USAGE, "on", "%s",
                         has_on
                             ? "must be the number that the key has in custody key list: the order serves for no other"
                             : "this order has none");
    }
    command->on = (uint64_t)options->on;
    return STATUS_OK;
}

/* The box: as asked for, otherwise the largest one that the key document allows. */
static enum status fill_box(struct command *command, const struct custody_options *options,
                            const struct key_papers *papers, struct fault *fault)
{
    const struct key_document *key = &papers->key;
    if (options->document[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "document", "the box stands against the key document: name it");
    }
    int64_t longest = command->issued_at + key->box_seconds * SECOND_US;
    command->signatures = options->signatures == 0 ? key->box_signatures : (uint64_t)options->signatures;
    command->until = longest < key->valid_until ? longest : key->valid_until;
    if (options->until[0] != '\0' && time_parse(&command->until, options->until) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "until", "must be a time such as 2026-01-02T03:04:05.000000Z");
    }
    return key_document_check_box(key, command, command->issued_at, fault);
}

static enum status fill_particulars(struct command *command, const struct custody_options *options,
                                    const struct key_papers *papers, struct fault *fault)
{
    if (command->action == COMMAND_KEY_ADMIT) {
        if (options->document[0] == '\0') {
            return fault_set(fault, STATUS_USAGE, "document", "name the key document that is admitted");
        }
        command->document = papers->digest;
    }
    if (command->action == COMMAND_KEY_SWEEP && digest_parse(&command->intent, options->intent) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "intent", "must be the digest of the intent (custody show ID)");
    }
    return command->action == COMMAND_KEY_ACTIVATE ? fill_box(command, options, papers, fault) : STATUS_OK;
}

static enum status make_command(struct command *out, const struct custody_options *options, const struct policy *policy,
                                const struct key_papers *papers, struct fault *fault)
{
    enum status status = order_draft(out, policy, options, fault);
    if (status == STATUS_OK) {
        status = fill_key(out, options, papers, fault);
    }
    if (status == STATUS_OK) {
        status = fill_from(out, options, fault);
    }
    return status == STATUS_OK ? fill_particulars(out, options, papers, fault) : status;
}

static enum status parse_action(enum command_action *out, const char *word, struct fault *fault)
{
    return command_action_parse(out, word) == STATUS_OK && strncmp(word, "key.", strlen("key.")) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, word, "must be an action on a key: key.activate, key.suspend ...");
}

enum status command_key_command(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct command command = {0};
    struct key_papers papers = {0};
    struct chain chain = {0};
    struct bytes document = {0};
    enum status status = parse_action(&command.action, input->words[0], fault);
    if (status == STATUS_OK) {
        status = chain_open(&chain, options, false, fault);
    }
    if (status == STATUS_OK && options->document[0] != '\0') {
        status = papers_read(&papers, options, fault);
    }
    if (status == STATUS_OK && options->document[0] != '\0') {
        status = papers_verify(&papers, &chain, fault);
    }
    if (status == STATUS_OK) {
        status = make_command(&command, options, chain_newest(&chain), &papers, fault);
    }
    if (status == STATUS_OK) {
        status = order_draft_write(&document, &command, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_document(&document, options, fault);
    }
    bytes_free(&document);
    papers_wipe(&papers);
    chain_wipe(&chain);
    return status;
}
