/*
 * The keys of a signer: as its guard knows them (--socket), or as the service tells.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "signer_call.h"

static void print_key(const struct wire_key *key)
{
    char hex[DIGEST_HEX_LEN + 1];
    char time[TIME_TEXT_SIZE];
    digest_format(hex, &key->key);
    (void)printf("%s %s, %s\n", hex, key->state, algorithm_info(key->alg)->name);
    if (algorithm_check_new(key->alg, NULL) != STATUS_OK) {
        describe_algorithm(stdout, key->alg);
    }
    time_format(time, key->since);
    describe_row(stdout, "since", "%s (%s)", time, key->cause);
    describe_row(stdout, "on", "%llu", (unsigned long long)key->on);
    if (key->box_until != 0) {
        time_format(time, key->box_until);
        describe_row(stdout, "box", "until %s, %llu signatures left", time, (unsigned long long)key->box_signatures);
    }
    if (!digest_is_zero(&key->document)) {
        describe_digest(stdout, "key document", &key->document);
    }
    if (key->restored_at != 0) {
        describe_time(stdout, "last restored", key->restored_at);
    }
    if (key->destroy_at != 0) {
        describe_time(stdout, "destruction", key->destroy_at);
    }
}

static enum status list_from_signer(const struct custody_options *options, struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_list_reply *reply = calloc(1, sizeof(*reply));
    struct digest after = {0};
    enum signer_role role = ROLE_TRANSFER;
    enum status status = reply == NULL ? STATUS_NO_MEMORY : signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    bool more = true;
    while (status == STATUS_OK && more) {
        status = wire_key_list(pool, reply, &after, signer_call_timeout_ms(options), fault);
        for (size_t i = 0; status == STATUS_OK && i < reply->count; i++) {
            print_key(&reply->keys[i]);
            after = reply->keys[i].key;
        }
        more = status == STATUS_OK && reply->more && reply->count > 0;
    }
    wire_pool_free(pool);
    free(reply);
    return status;
}

/* What people must do about a key that has not shown for long that it is there. */
static void describe_proof(FILE *stream, const json_t *row)
{
    char standing[SERVICE_TEXT_SIZE];
    char until[SERVICE_TEXT_SIZE];
    char activation[SERVICE_TEXT_SIZE];
    (void)command_service_text(standing, row, "proof");
    if (strcmp(standing, "due") != 0 && strcmp(standing, "overdue") != 0) {
        return;
    }
    (void)command_service_text(until, row, "proof_due");
    describe_row(stream, "proof", "%s %s", strcmp(standing, "due") == 0 ? "DUE before" : "OVERDUE since", until);
    if (strcmp(command_service_text(activation, row, "activation"), "attended") == 0) {
        describe_row(stream, "", "its custodians come: custody activate, then custody key attest --document FILE");
    } else {
        describe_row(stream, "", "custody key attest --document FILE, or a drill: custody key prove --restore FILE");
    }
}

/* How often the state changed (`on` of the next order), until when and how often it signs, and its end. */
static void describe_signing(FILE *stream, const json_t *row)
{
    const json_t *box = json_object_get(row, "box");
    const json_t *on = json_object_get(row, "transitions");
    char text[SERVICE_TEXT_SIZE];
    if (on != NULL) {
        describe_row(stream, "on", "%lld", (long long)json_integer_value(on));
    }
    if (command_service_text(text, box, "until")[0] != '\0') {
        describe_row(stream, "box", "until %s, %lld signatures left", text,
                     (long long)json_integer_value(json_object_get(box, "signatures")));
    }
    if (command_service_text(text, row, "destroy_at")[0] != '\0') {
        describe_row(stream, "destruction", "RUNNING, from %s on the key may be destroyed", text);
    }
}

/* An empty text stands for what the service does not say. */
void key_list_describe(FILE *stream, const json_t *row)
{
    static const struct {
        const char *name;
        const char *member;
    } details[] = {{"signer", "role"},
                   {"address", "address"},
                   {"attested", "attested_at"},
                   {"last restored", "restored_at"},
                   {"drill due", "drill_due"}};
    char id[SERVICE_TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    (void)command_service_text(id, row, "key_id");
    (void)fprintf(stream, "%s %s\n", id[0] == '\0' ? "(a signer that has not said which keys it has)" : id,
                  command_service_text(text, row, "state"));
    const struct algorithm_info *info = algorithm_find(command_service_text(text, row, "alg"));
    if (info != NULL) {
        describe_algorithm(stream, info->algorithm);
    } else if (text[0] != '\0') {
        describe_row(stream, "algorithm", "%s, UNKNOWN HERE", text);
    }
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
        if (command_service_text(text, row, details[i].member)[0] != '\0') {
            describe_row(stream, details[i].name, "%s", text);
        }
    }
    char reason[ANSWER_AMOUNT_SIZE];
    if (answer_address_reason(reason, row)[0] != '\0') {
        describe_row(stream, "no address", "%s", reason);
    }
    describe_signing(stream, row);
    if (json_is_true(json_object_get(row, "drill_overdue"))) {
        describe_row(stream, "drill", "OVERDUE");
    }
    describe_proof(stream, row);
}

static void print_service_key(const json_t *row)
{
    key_list_describe(stdout, row);
}

enum status command_key_list(const struct command_input *input, struct fault *fault)
{
    return input->options->socket[0] == '\0' ? client_list(input->options, "/v1/keys", "keys", print_service_key, fault)
                                             : list_from_signer(input->options, fault);
}
