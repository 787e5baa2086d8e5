/*
 * Commands of approvers: show, approve, reject.
 *
 * What they see is decoded.c's. Text that the service supplies is never shown as fact. The approver confirms by the
 * short code.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "decision.h"
#include "describe.h"

/* What the service says beside the intent. */
struct said {
    char state[SERVICE_TEXT_SIZE];
    char waiting[ANSWER_STANDING_SIZE];
    char end[ANSWER_STANDING_SIZE];
    struct decision_seen seen; /* of the approvals it shows, those that verify */
};

static enum status fetch(struct decoded *out, struct said *out_said, const struct command_input *input,
                         struct fault *fault)
{
    char path[128];
    struct uuid uuid;
    json_t *answer = NULL;
    if (uuid_parse(&uuid, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "ID", "must be the id of a withdrawal");
    }
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s", input->words[0]);
    const struct client_call call = {.method = "GET", .path = path};
    enum status status = client_json(&answer, input->options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const json_t *row = json_object_get(answer, "withdrawal");
    (void)command_service_text(out_said->state, row, "state");
    (void)answer_waiting(out_said->waiting, row);
    (void)answer_end_words(out_said->end, row);
    status = decoded_read(out, row, &uuid, fault);
    if (status == STATUS_OK) {
        status = decision_read_seen(&out_said->seen, out, row, fault);
    }
    json_decref(answer);
    return status;
}

static enum status decode(struct decoded *out, struct said *out_said, const struct command_input *input,
                          struct fault *fault)
{
    *out = (struct decoded){0};
    enum status status = trust_open(&out->trust, input->options, fault);
    return status == STATUS_OK ? fetch(out, out_said, input, fault) : status;
}

static enum status show_withdrawal(const struct command_input *input, struct fault *fault)
{
    struct decoded decoded;
    struct said said = {0};
    enum status status = decode(&decoded, &said, input, fault);
    if (status == STATUS_OK) {
        decoded_print(&decoded);
        decision_print_seen(&said.seen);
        (void)printf("the service says that it is %s%s%s%s%s\n", said.state, said.waiting[0] == '\0' ? "" : " and ",
                     said.waiting, said.end[0] == '\0' ? "" : "; it ended: ", said.end);
    }
    decision_seen_wipe(&said.seen);
    decoded_wipe(&decoded);
    return status;
}

enum status command_show(const struct command_input *input, struct fault *fault)
{
    if (document_kind_find(input->words[0]) != NULL) {
        return command_show_document(input, fault);
    }
    return input->options->in[0] == '\0'
               ? show_withdrawal(input, fault)
               : fault_set(fault, STATUS_USAGE, "KIND", "there is no kind of document %s", input->words[0]);
}

/* The person says that this is what is meant, by the short code. */
static enum status confirm(const struct decoded *decoded, const struct custody_options *options, const char *verb,
                           struct fault *fault)
{
    char line[32] = "";
    if (options->code[0] != '\0') {
        (void)snprintf(line, sizeof(line), "%s", options->code);
    } else {
        (void)printf("to %s, type the short code as you know it: ", verb);
        (void)fflush(stdout);
        if (fgets(line, sizeof(line), stdin) == NULL) {
            return fault_set(fault, STATUS_USAGE, "code", "nothing was typed");
        }
        line[strcspn(line, "\n")] = '\0';
    }
    return strcmp(line, decoded->short_code) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "code", "is not the short code of this intent: nothing was signed");
}

/* The service's word for where it is now. */
static void print_state(const json_t *withdrawal)
{
    char state[SERVICE_TEXT_SIZE];
    (void)printf("handed in; the service says that the withdrawal is %s\n",
                 command_service_text(state, withdrawal, "state"));
}

static enum status decide(const struct command_input *input, enum approval_decision decision, struct fault *fault)
{
    struct decoded decoded;
    struct said said = {0};
    struct keyfile *keyfile = NULL;
    struct signed_document document = {0};
    json_t *withdrawal = NULL;
    if (input->options->key[0] == '\0') { /* known before anybody types a code */
        return fault_set(fault, STATUS_USAGE, "key", "name the key file");
    }
    enum status status = decode(&decoded, &said, input, fault);
    if (status == STATUS_OK) {
        decoded_print(&decoded);
        decision_print_seen(&said.seen);
        status = confirm(&decoded, input->options, approval_decision_text(decision), fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, input->options, fault);
    }
    if (status == STATUS_OK) {
        status = decision_make(&document, &decoded, &said.seen, keyfile, decision, fault);
    }
    if (status == STATUS_OK) {
        status = decision_hand_in(&withdrawal, input->options, &decoded, &document, decision, fault);
    }
    if (status == STATUS_OK) {
        print_state(withdrawal);
    }
    json_decref(withdrawal);
    keyfile_free(keyfile);
    signed_document_free(&document);
    decision_seen_wipe(&said.seen);
    decoded_wipe(&decoded);
    return status;
}

enum status command_approve(const struct command_input *input, struct fault *fault)
{
    return decide(input, APPROVAL_APPROVE, fault);
}

enum status command_reject(const struct command_input *input, struct fault *fault)
{
    return decide(input, APPROVAL_REJECT, fault);
}
