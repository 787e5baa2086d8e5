/*
 * Stopping an asset, a wallet or everything, and the order that starts it again. A freeze is one person's: with --key
 * it is made, signed and handed in at once, because whoever sees something wrong has no time for three commands. A thaw
 * is only written here; the quorum signs it as any other order.
 */
#include "freeze.h"

#include "chain.h"
#include "client.h"
#include "describe.h"
#include "key_orders.h"
#include "order_draft.h"
#include "signer_call.h"

#define TRIES 20
#define AGAIN_MS 50

static enum status make_command(struct command *out, const struct command_input *input, const struct policy *policy,
                                struct fault *fault)
{
    const struct custody_options *options = input->options;
    out->role = ROLE_TRANSFER;
    out->on = (uint64_t)options->on;
    enum status status = order_draft(out, policy, options, fault);
    if (status == STATUS_OK) {
        status = freeze_target_parse(&out->target, input->words[0], input->count > 1 ? input->words[1] : "", fault);
    }
    return status == STATUS_OK ? freeze_target_check(&out->target, policy, fault) : status;
}

static enum status make(struct signed_document *out, struct command *command, const struct command_input *input,
                        struct fault *fault)
{
    struct chain chain = {0};
    enum status status = chain_open(&chain, input->options, false, fault);
    if (status == STATUS_OK) {
        status = make_command(command, input, chain_newest(&chain), fault);
    }
    if (status == STATUS_OK) {
        status = order_draft_write(&out->document, command, fault);
    }
    chain_wipe(&chain);
    return status;
}

static enum status send_to_signer(const struct signed_document *document, const struct custody_options *options,
                                  struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_state_reply reply;
    enum status status = signer_call_open(&pool, options, ROLE_TRANSFER, fault);
    if (status == STATUS_OK) {
        status = wire_key_command(pool, &reply, document, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        (void)printf("%s, freeze %llu\n", reply.state, (unsigned long long)reply.on);
    }
    wire_pool_free(pool);
    return status;
}

/*
 * A service that is flooded gives places to newcomers, and this may be who loses one. An order may be handed in again:
 * the signer takes it once, and says so.
 */
static enum status hand_in(json_t **out, bool *out_again, const struct custody_options *options,
                           const struct client_call *call, struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};
    enum status status = client_json(out, options, call, fault);
    int tries = 1;
    for (; status == STATUS_UNAVAILABLE && strcmp(fault->where, "service") == 0 && tries < TRIES; tries++) {
        fault_clear(fault);
        (void)nanosleep(&pause, NULL);
        status = client_json(out, options, call, fault);
    }
    *out_again = tries > 1;
    return status;
}

static enum status send_to_service(const struct signed_document *document, const struct custody_options *options,
                                   struct fault *fault)
{
    json_t *body = NULL;
    json_t *answer = NULL;
    bool again = false;
    char state[SERVICE_TEXT_SIZE];
    struct client_call call = {.method = "POST", .path = "/v1/freezes"};
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        call.body = body;
        status = hand_in(&answer, &again, options, &call, fault);
    }
    if (status == STATUS_REPLAY && again) {
        fault_clear(fault);
        status = STATUS_OK;
        (void)printf("handed in; the service says that it was carried out the first time that it was sent\n");
    } else if (status == STATUS_OK) {
        const json_t *freeze = json_object_get(answer, "freeze");
        (void)printf("handed in; the service says: %s, freeze %lld\n", command_service_text(state, freeze, "state"),
                     (long long)json_integer_value(json_object_get(freeze, "number")));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

enum status freeze_send(const struct signed_document *document, const struct custody_options *options,
                        struct fault *fault)
{
    return options->socket[0] != '\0' ? send_to_signer(document, options, fault)
                                      : send_to_service(document, options, fault);
}

enum status command_freeze(const struct command_input *input, struct fault *fault)
{
    struct command command = {.action = COMMAND_FREEZE};
    struct signed_document document = {0};
    enum status status = make(&document, &command, input, fault);
    status = status == STATUS_OK ? key_order_finish(&document, input->options, fault) : status;
    signed_document_free(&document);
    return status;
}

enum status command_thaw(const struct command_input *input, struct fault *fault)
{
    struct command command = {.action = COMMAND_THAW};
    struct signed_document document = {0};
    if (input->options->on == 0) {
        return fault_set(fault, STATUS_USAGE, "on", "name the freeze by its number (custody freeze list)");
    }
    enum status status = make(&document, &command, input, fault);
    if (status == STATUS_OK) {
        status = command_write_document(&document.document, input->options, fault);
    }
    signed_document_free(&document);
    return status;
}

/* Listing */

static void print_freeze(const char *target[2], const char *state, unsigned long long on, const char *why[3])
{
    (void)printf("%s%s%s %s, freeze %llu\n", target[0], target[1][0] == '\0' ? "" : " ", target[1], state, on);
    describe_row(stdout, "since", "%s (%s)", why[0], why[1]);
    describe_row(stdout, "reason", "%s", why[2]);
}

static enum status list_from_signer(const struct custody_options *options, struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_status_reply *reply = calloc(1, sizeof(*reply));
    enum status status = reply == NULL ? STATUS_NO_MEMORY : signer_call_open(&pool, options, ROLE_TRANSFER, fault);
    if (status == STATUS_OK) {
        status = wire_status(pool, reply, signer_call_timeout_ms(options), fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < reply->freeze_count; i++) {
        const struct wire_freeze *freeze = &reply->freezes[i];
        char since[TIME_TEXT_SIZE];
        time_format(since, freeze->since);
        print_freeze((const char *[]){freeze->scope, freeze->subject}, freeze->frozen ? "frozen" : "thawed", freeze->on,
                     (const char *[]){since, freeze->cause, freeze->reason.text});
    }
    wire_pool_free(pool);
    free(reply);
    return status;
}

static void print_service_freeze(const json_t *row)
{
    static const char *const members[] = {"scope", "subject", "state", "since", "cause", "reason"};
    char texts[6][SERVICE_TEXT_SIZE];
    for (size_t i = 0; i < 6; i++) {
        (void)command_service_text(texts[i], row, members[i]);
    }
    print_freeze((const char *[]){texts[0], texts[1]}, texts[2],
                 (unsigned long long)json_integer_value(json_object_get(row, "number")),
                 (const char *[]){texts[3], texts[4], texts[5]});
}

enum status command_freeze_list(const struct command_input *input, struct fault *fault)
{
    return input->options->socket[0] == '\0'
               ? client_list(input->options, "/v1/freezes", "freezes", print_service_freeze, fault)
               : list_from_signer(input->options, fault);
}
