/*
 * Speaking against a withdrawal: one person's signed command, which the signer obeys for ever. What it is against is
 * decoded here first.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "decoded.h"
#include "order_draft.h"

static enum status read_withdrawal(struct decoded *out, const struct command_input *input, const char *path,
                                   struct fault *fault)
{
    struct uuid id;
    json_t *answer = NULL;
    if (uuid_parse(&id, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "ID", "must be the id of a withdrawal");
    }
    enum status status = trust_open(&out->trust, input->options, fault);
    if (status == STATUS_OK) {
        status = answer_get(&answer, input->options, path, fault);
    }
    if (status == STATUS_OK) {
        status = decoded_read(out, json_object_get(answer, "withdrawal"), &id, fault);
    }
    json_decref(answer);
    return status;
}

static enum status make_veto(struct signed_document *out, const struct decoded *decoded,
                             const struct custody_options *options, struct fault *fault)
{
    struct command command = {.action = COMMAND_WITHDRAWAL_VETO, .role = ROLE_TRANSFER, .subject = decoded->digest};
    enum status status = order_draft(&command, decoded->trust.policy, options, fault);
    return status == STATUS_OK ? order_draft_write(&out->document, &command, fault) : status;
}

static enum status hand_in(const struct signed_document *document, const char *path,
                           const struct custody_options *options, struct fault *fault)
{
    char state[SERVICE_TEXT_SIZE];
    char now[SERVICE_TEXT_SIZE];
    json_t *body = NULL;
    json_t *answer = NULL;
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = body};
        status = client_json(&answer, options, &call, fault);
    }
    if (status == STATUS_OK) {
        (void)printf("handed in; the service says: %s, the withdrawal is %s\n",
                     command_service_text(state, answer, "state"),
                     command_service_text(now, json_object_get(answer, "withdrawal"), "state"));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

enum status command_veto(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct decoded decoded = {0};
    struct signed_document document = {0};
    char path[128];
    char veto[128];
    enum status status = answer_path(path, sizeof(path), input->words[0], "", fault);
    if (status == STATUS_OK) {
        status = answer_path(veto, sizeof(veto), input->words[0], "/veto", fault);
    }
    if (status == STATUS_OK && options->key[0] == '\0') {
        status = fault_set(fault, STATUS_USAGE, "key", "name the key file");
    }
    if (status == STATUS_OK) {
        status = read_withdrawal(&decoded, input, path, fault);
    }
    if (status == STATUS_OK) {
        decoded_print(&decoded);
        status = make_veto(&document, &decoded, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_add_signature(&document, COMMAND_KIND, options, fault);
    }
    if (status == STATUS_OK) {
        status = hand_in(&document, veto, options, fault);
    }
    signed_document_free(&document);
    decoded_wipe(&decoded);
    return status;
}
