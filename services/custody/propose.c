/*
 * Commands of requesters: propose, cancel, wait; and of operators: what became of a withdrawal in quarantine.
 */
#include "answer.h"
#include "base/canon.h"
#include "base/file.h"
#include "base/id.h"
#include "client.h"
#include "commands.h"
#include "decision.h"
#include "describe.h"
#include "trust.h"

#define WAIT_STEP_MS 200

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static enum status make_key(char out37[UUID_TEXT_SIZE], struct fault *fault)
{
    struct uuid uuid;
    enum status status = uuid_generate(&uuid, clock_system());
    if (status != STATUS_OK) {
        return fault_set(fault, status, "idempotency-key", "%s", "");
    }
    uuid_format(out37, &uuid);
    return STATUS_OK;
}

/* What the service would otherwise call a field that breaks its rule. */
static enum status propose_needs(const struct custody_options *options, struct fault *fault)
{
    const struct {
        const char *option;
        const char *value;
        const char *what;
    } needed[] = {{"wallet", options->wallet, "name the wallet (custody wallets shows them)"},
                  {"asset", options->asset, "name the asset by code or id (custody wallets shows them)"},
                  {"amount", options->amount, "give the amount, in base units"},
                  {"to", options->to, "give the address that receives"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (needed[i].value[0] == '\0') {
            return fault_set(fault, STATUS_USAGE, needed[i].option, "%s", needed[i].what);
        }
    }
    return STATUS_OK;
}

/* What was asked for, decoded: the service's answer must be about it. */
struct asked {
    struct amount amount;
    struct account_id to;
    struct digest asset;
    struct digest returns;   /* zero for none */
    struct keyfile *keyfile; /* of the requester, who signs; NULL for nobody */
    enum transaction_type type;
};

/*
 * The answer is not believed: who carried the request, or made the intent of it, may have written another payment under
 * it, whose short code the requester would then tell the approvers.
 */
static enum status check_answer(const struct intent *intent, const struct custody_options *options,
                                const struct asked *asked, struct fault *fault)
{
    const struct {
        const char *where;
        bool same;
    } fields[] = {
        {"wallet", strcmp(intent->wallet.text, options->wallet) == 0},
        {"asset", digest_equal(&intent->asset, &asked->asset)},
        {"amount", amount_compare(intent->amount, asked->amount) == 0},
        {"destination", account_id_equal(&intent->destination, &asked->to)},
        {"returns", digest_equal(&intent->returns, &asked->returns)},
        {"type", intent->type == asked->type},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!fields[i].same) {
            return fault_set(
                fault, STATUS_MISMATCH, fields[i].where,
                "the service proposed something else than was asked for: tell the approvers, and cancel it");
        }
    }
    return STATUS_OK;
}

static enum status print_answer(const json_t *answer, const struct custody_options *options,
                                const struct decoded *decoded, struct fault *fault)
{
    char state[SERVICE_TEXT_SIZE];
    if (options->json) {
        return answer_print_json(answer, JSON_INDENT(2), fault);
    }
    decoded_print(decoded);
    (void)printf("the service says that it is %s\n",
                 command_service_text(state, json_object_get(answer, "withdrawal"), "state"));
    return STATUS_OK;
}

/* With --key: the requester signs what was checked to be what was asked for; once, however often it is repeated. */
static enum status sign_request(json_t *answer, const struct custody_options *options, const struct keyfile *keyfile,
                                const struct decoded *decoded, struct fault *fault)
{
    struct signed_document document = {0};
    struct decision_seen seen;
    json_t *withdrawal = NULL;
    enum status status = decision_read_seen(&seen, decoded, json_object_get(answer, "withdrawal"), fault);
    if (status != STATUS_OK || seen.requester.text[0] != '\0') {
        return status;
    }
    status = decision_make(&document, decoded, NULL, keyfile, APPROVAL_REQUEST, fault);
    if (status == STATUS_OK) {
        status = decision_hand_in(&withdrawal, options, decoded, &document, APPROVAL_REQUEST, fault);
    }
    if (status == STATUS_OK && json_object_set(answer, "withdrawal", withdrawal) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "answer", "%s", "");
    }
    json_decref(withdrawal);
    signed_document_free(&document);
    return status;
}

static enum status take_answer(json_t *answer, const struct custody_options *options, struct decoded *decoded,
                               const struct asked *asked, struct fault *fault)
{
    enum status status = decoded_read(decoded, json_object_get(answer, "withdrawal"), NULL, fault);
    if (status == STATUS_OK) {
        status = check_answer(&decoded->intent, options, asked, fault);
    }
    if (status == STATUS_OK && asked->keyfile != NULL) {
        status = sign_request(answer, options, asked->keyfile, decoded, fault);
    }
    return status == STATUS_OK ? print_answer(answer, options, decoded, fault) : status;
}

/* What is asked for, as the service wants it. */
static json_t *request_body(const struct custody_options *options, const struct asked *asked)
{
    char asset_id[DIGEST_HEX_LEN + 1];
    digest_format(asset_id, &asked->asset);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "wallet", options->wallet, "asset", asset_id, "amount",
                             options->amount, "destination", options->to);
    bool good = body != NULL && (options->returns[0] == '\0' ||
                                 json_object_set_new(body, "returns", json_string(options->returns)) == 0);
    good = good && (options->type[0] == '\0' || json_object_set_new(body, "type", json_string(options->type)) == 0);
    if (!good) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* What the policy would say; nothing is kept of it. */
static enum status dry_run(const struct custody_options *options, const struct trust *trust, const struct asked *asked,
                           struct fault *fault)
{
    char asset[DIGEST_HEX_LEN + 1];
    json_t *answer = NULL;
    json_t *body = request_body(options, asked);
    const struct client_call call = {.method = "POST", .path = "/v1/policy/explain", .body = body};
    enum status status = body == NULL ? fault_set(fault, STATUS_NO_MEMORY, "body", "%s", "")
                                      : client_json(&answer, options, &call, fault);
    digest_format(asset, &asked->asset);
    if (status == STATUS_OK && options->json) {
        status = answer_print_json(answer, JSON_INDENT(2), fault);
    } else if (status == STATUS_OK) {
        (void)printf("nothing is proposed; if it were, the service says:\n");
        overview_explanation(trust, asset, answer);
    }
    if (status == STATUS_OK && strcmp(text_of(answer, "decision"), "denied") == 0) {
        char text[SERVICE_TEXT_SIZE];
        status = fault_set(fault, STATUS_DENIED, "dry-run", "%s", command_service_text(text, answer, "text"));
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

/* Funds are reserved by now: whoever cannot go on must know of what. */
static void tell_reserved(const json_t *answer, const char *bound)
{
    struct uuid uuid;
    char id[SERVICE_TEXT_SIZE];
    (void)command_service_text(id, json_object_get(answer, "withdrawal"), "id");
    if (uuid_parse(&uuid, id) == STATUS_OK) {
        (void)fprintf(stderr,
                      "withdrawal %s is proposed but not signed: custody cancel %s (or repeat with --idempotency-key "
                      "%s: another key proposes another one)\n",
                      id, id, bound);
    }
}

/* It stays proposed: what the policy denies today another version may allow. */
static void tell_denial(const struct decoded *decoded, const struct custody_options *options)
{
    char id[UUID_TEXT_SIZE];
    char path[128];
    char text[SERVICE_TEXT_SIZE];
    json_t *answer = NULL;
    uuid_format(id, &decoded->intent.withdrawal);
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s/explanation", id);
    (void)fflush(stdout);
    if (answer_get(&answer, options, path, NULL) != STATUS_OK) {
        (void)fprintf(stderr, "what the policy says of it could not be asked: custody explain %s\n", id);
        return;
    }
    if (strcmp(text_of(answer, "decision"), "denied") == 0) {
        (void)fprintf(stderr, "the policy denies this: %s; custody cancel %s frees what is reserved\n",
                      command_service_text(text, answer, "text"), id);
    }
    json_decref(answer);
}

static enum status propose(const struct custody_options *options, struct decoded *decoded, const struct asked *asked,
                           struct fault *fault)
{
    char key[UUID_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *body = request_body(options, asked);
    bool good = body != NULL && (!options->sweep || json_object_set_new(body, "sweep", json_true()) == 0);
    enum status status = good ? make_key(key, fault) : fault_set(fault, STATUS_NO_MEMORY, "body", "%s", "");
    if (status == STATUS_OK) {
        const char *bound = options->id[0] == '\0' ? key : options->id;
        const struct client_call call = {
            .method = "POST", .path = "/v1/withdrawals", .body = body, .idempotency_key = bound};
        /* Before sending: whoever must repeat this knows the key. */
        (void)fprintf(stderr, "idempotency key %s\n", bound);
        status = client_json(&answer, options, &call, fault);
        /* A wallet whose key does not sign is refused before anything is reserved. */
        if (status != STATUS_OK && status != STATUS_KEY_INACTIVE && status_info(status)->retryable) {
            (void)fprintf(stderr,
                          "the withdrawal may be reserved all the same: to learn, repeat with --idempotency-key %s\n",
                          bound);
        }
    }
    if (status == STATUS_OK) {
        status = take_answer(answer, options, decoded, asked, fault);
        if (status == STATUS_OK) {
            tell_denial(decoded, options);
        } else {
            tell_reserved(answer, options->id[0] == '\0' ? key : options->id);
        }
    }
    json_decref(body);
    json_decref(answer);
    return status;
}

/* What is wrong with an amount or address is told here, in the words of the options. */
static enum status read_request(struct asked *out, const struct custody_options *options, const struct trust *trust,
                                struct fault *fault)
{
    size_t asset = 0;
    enum status status = trust_asset(&asset, trust, options->asset, fault);
    if (status == STATUS_OK) {
        out->asset = trust->asset_ids[asset];
        status = answer_amount_option(&out->amount, options, &trust->assets[asset], fault);
    }
    if (status == STATUS_OK) {
        status = intent_type_read(&out->type, options->type, fault);
    }
    if (status == STATUS_OK && options->returns[0] != '\0') {
        status =
            digest_parse(&out->returns, options->returns) == STATUS_OK
                ? STATUS_OK
                : fault_set(fault, STATUS_USAGE, "returns", "must be the id of a transaction, 64 hexadecimal digits");
    }
    return status == STATUS_OK ? address_parse(&out->to, options->to, "to", fault) : status;
}

/* Whose key it is; that this is who asks, the service's intent says. */
static enum status open_requester_key(struct keyfile **out, const struct custody_options *options,
                                      const struct policy *policy, struct fault *fault)
{
    struct digest key;
    enum status status = command_open_key(out, options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    public_key_id(&key, keyfile_public_key(*out));
    const struct person *person = policy_find_key(NULL, policy, &key);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "belongs to nobody in the policy: nothing was proposed");
    }
    return (person->duties & DUTY_REQUESTER) != 0
               ? STATUS_OK
               : fault_set(fault, STATUS_FORBIDDEN, "key",
                           "is of %s, who has not the duty requester: nothing was proposed", person->id.text);
}

enum status command_propose(const struct command_input *input, struct fault *fault)
{
    struct decoded decoded = {0};
    struct asked asked = {0};
    enum status status = propose_needs(input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = trust_open(&decoded.trust, input->options, fault);
    if (status == STATUS_OK) {
        status = read_request(&asked, input->options, &decoded.trust, fault);
    }
    if (status == STATUS_OK && input->options->dry_run) {
        status = dry_run(input->options, &decoded.trust, &asked, fault);
        decoded_wipe(&decoded);
        return status;
    }
    if (status == STATUS_OK && input->options->key[0] != '\0') { /* before anything is reserved */
        status = open_requester_key(&asked.keyfile, input->options, decoded.trust.policy, fault);
    }
    if (status == STATUS_OK) {
        status = propose(input->options, &decoded, &asked, fault);
    }
    keyfile_free(asked.keyfile);
    decoded_wipe(&decoded);
    return status;
}

enum status command_cancel(const struct command_input *input, struct fault *fault)
{
    char path[128];
    json_t *answer = NULL;
    enum status status = answer_path(path, sizeof(path), input->words[0], "/cancel", fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path};
        status = client_json(&answer, input->options, &call, fault);
    }
    if (status == STATUS_OK) {
        answer_withdrawal_done(input->options, json_object_get(answer, "withdrawal"));
        json_decref(answer);
    }
    return status;
}

/* What was recorded and what the row says, of a withdrawal in quarantine. */
enum status command_differences(const struct command_input *input, struct fault *fault)
{
    char path[128];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    char text[SERVICE_TEXT_SIZE];
    enum status status = answer_path(path, sizeof(path), input->words[0], "/differences", fault);
    const struct client_call call = {.method = "GET", .path = path};
    status = status == STATUS_OK ? client_json(&answer, input->options, &call, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    if (input->options->json) {
        status = answer_print_json(answer, JSON_INDENT(2), fault);
        json_decref(answer);
        return status;
    }
    describe_row(stdout, "state", "%s", command_service_text(text, answer, "state"));
    if (command_service_text(text, answer, "reason")[0] != '\0') {
        describe_row(stdout, "reason", "%s", text);
    }
    describe_row(stdout, "recorded", "%s",
                 json_is_true(json_object_get(answer, "recorded")) ? "yes"
                                                                   : "no: the trail shows no entry for the signer");
    json_array_foreach(json_object_get(answer, "differences"), i, row)
    {
        (void)printf("%s\n", command_service_text(text, row, "field"));
        describe_row(stdout, "recorded", "%s", command_service_text(text, row, "recorded"));
        describe_row(stdout, "row", "%s", command_service_text(text, row, "row"));
    }
    json_decref(answer);
    return status;
}

static enum status settle_body(json_t **out, const char *path, struct fault *fault)
{
    struct bytes intent = {0};
    if (path[0] == '\0') {
        *out = NULL;
        return STATUS_OK;
    }
    enum status status = file_read_document(&intent, path, CANON_DOCUMENT_MAX, "in", fault);
    if (status == STATUS_OK) {
        *out = json_pack("{s:s%}", "intent", (const char *)intent.data, intent.len);
        bytes_free(&intent);
        status = *out == NULL ? fault_set(fault, STATUS_INVALID, "in", "is no text") : STATUS_OK;
    }
    return status;
}

/* The service finds out how it ended; nothing here decides it. */
enum status command_settle(const struct command_input *input, struct fault *fault)
{
    char path[128];
    json_t *body = NULL;
    json_t *answer = NULL;
    enum status status = answer_path(path, sizeof(path), input->words[0], "/settle", fault);
    status = status == STATUS_OK ? settle_body(&body, input->options->in, fault) : status;
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = body};
        status = client_json(&answer, input->options, &call, fault);
    }
    json_decref(body);
    if (status == STATUS_OK) {
        answer_withdrawal_done(input->options, json_object_get(answer, "withdrawal"));
        json_decref(answer);
    }
    return status;
}

static bool has_ended(const char *state)
{
    static const char *const ends[] = {"confirmed", "rejected", "expired", "cancelled", "failed", "quarantined"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(state, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum status command_wait(const struct command_input *input, struct fault *fault)
{
    char path[128];
    int64_t end = clock_monotonic_us(clock_system()) + input->options->timeout_s * 1000000;
    enum status status = answer_path(path, sizeof(path), input->words[0], "", fault);
    while (status == STATUS_OK) {
        const struct client_call call = {.method = "GET", .path = path};
        const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
        json_t *answer = NULL;
        status = client_json(&answer, input->options, &call, fault);
        const json_t *withdrawal = json_object_get(answer, "withdrawal");
        if (status == STATUS_OK && has_ended(text_of(withdrawal, "state"))) {
            bool confirmed = strcmp(text_of(withdrawal, "state"), "confirmed") == 0;
            json_int_t height = json_integer_value(json_object_get(withdrawal, "height"));
            if (confirmed) {
                (void)printf("confirmed at height %lld\n", (long long)height);
            } else {
                const char *reason = text_of(withdrawal, "reason");
                status = fault_set(fault, STATUS_CONFLICT, "withdrawal", "it ended as %s%s%s",
                                   text_of(withdrawal, "state"), reason[0] == '\0' ? "" : ": ", reason);
            }
            json_decref(answer);
            return status;
        }
        char state[SERVICE_TEXT_SIZE];
        char waiting[ANSWER_STANDING_SIZE];
        (void)command_service_text(state, withdrawal, "state");
        (void)answer_waiting(waiting, withdrawal);
        json_decref(answer);
        if (status == STATUS_OK && clock_monotonic_us(clock_system()) > end) {
            return fault_set(fault, STATUS_TIMED_OUT, "wait",
                             "the withdrawal has not ended yet; it is %s%s%s (custody explain %s)", state,
                             waiting[0] == '\0' ? "" : " and ", waiting, input->words[0]);
        }
        (void)nanosleep(&step, NULL);
    }
    return status;
}
