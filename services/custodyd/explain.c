/*
 * What the policy says: of a withdrawal as it stands, and of a request that nobody has made yet. Of the latter also
 * what the signer has counted of the limits that it would meet; the signer alone judges them.
 */
#include "base/canon.h"
#include "destinations.h"
#include "key_board.h"
#include "store/document.h"
#include "usage.h"
#include "withdrawals.h"

struct explaining {
    struct service *service;
    struct uuid id;
    json_t *out;
};

static enum status explain_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct explaining *explaining = context;
    struct store_withdrawal row;
    struct withdrawal_judgement judgement = {0};
    json_decref(explaining->out);
    explaining->out = NULL;
    enum status status = store_withdrawal_get(&row, tx, &explaining->id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = withdrawal_judge(&judgement, explaining->service, tx, &row, NULL, fault);
    explaining->out = judgement.explanation; /* transferred */
    store_withdrawal_wipe(&row);
    return status;
}

void withdrawal_explain_refusal(json_t **inout, struct service *service, const struct uuid *id, enum status refusal)
{
    struct explaining explaining = {.service = service, .id = *id};
    struct fault why = {0};
    int http = status_info(refusal)->http;
    if (*inout != NULL || (http != 403 && http != 409)) {
        return;
    }
    if (store_read(service->store, explain_in, &explaining, &why) != STATUS_OK) {
        json_decref(explaining.out); /* it is refused without */
        return;
    }
    *inout = explaining.out; /* transferred */
}

enum status withdrawal_explain(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    struct explaining explaining = {.service = service};
    if (uuid_parse(&explaining.id, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
    }
    enum status status = store_read(service->store, explain_in, &explaining, fault);
    if (status != STATUS_OK) {
        json_decref(explaining.out);
        return status;
    }
    return http_reply_json(reply, 200, explaining.out, fault);
}

struct question {
    struct name wallet;
    struct digest asset;
    struct amount amount;
    char destination[STORE_ADDRESS_SIZE];
    struct digest returns;
    char type[16];
    struct service *service;
    const struct policy *policy;
    struct account_id account;
    bool listed;
    struct name group; /* of its entry, when listed */
};

static const struct canon_field question_fields[] = {
    CANON_FIELD(struct question, wallet, CANON_NAME),
    CANON_FIELD(struct question, asset, CANON_HASH),
    CANON_FIELD(struct question, amount, CANON_AMOUNT),
    CANON_FIELD(struct question, destination, CANON_TEXT),
    CANON_FIELD_OPTIONAL(struct question, returns, CANON_HASH),
    {"type", CANON_TEXT, true, offsetof(struct question, type), 16, 1, CANON_INTEGER_MAX},
};

static enum status look_up_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct question *question = context;
    struct destination_entry entry = {.verified = false};
    enum status status = destination_find(&entry, question->service, tx, &question->account, fault);
    if (status == STATUS_DESTINATION_UNLISTED) {
        fault_clear(fault);
        question->listed = false;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        question->listed = clock_utc_us(question->service->clock) < entry.destination.valid_until;
        question->group = question->listed ? entry.destination.group : question->group;
        destination_entry_wipe(&entry);
    }
    return status;
}

static enum status read_question(struct question *question, const struct http_request *request, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(question, sizeof(*question), body, question_fields,
                              sizeof(question_fields) / sizeof(question_fields[0]), "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = address_parse(&question->account, question->destination, "destination", fault);
    }
    if (status == STATUS_OK && amount_is_zero(question->amount)) {
        status = fault_set(fault, STATUS_INVALID, "amount", "must be above zero");
    }
    return status;
}

/* The intent that a proposal would become, as far as limits look at it: where, whose, how much. */
static enum status imagine_intent(struct bytes *out, const struct question *question,
                                  const struct evaluation_request *asked, struct fault *fault)
{
    struct intent intent = {
        .amount = question->amount,
        .asset = question->asset,
        .chain = *asked->chain,
        .destination = question->account,
        .environment = question->policy->environment,
        .expires_at = asked->at_utc_us + question->service->options.withdrawal_ttl_s * 1000000,
        .policy = question->policy->digest,
        .policy_version = question->policy->version,
        .requested_at = asked->at_utc_us,
        .requester = *asked->requester,
        .returns = question->returns,
        .type = asked->type,
        .wallet = question->wallet,
    };
    enum status status = uuid_generate(&intent.withdrawal, question->service->clock);
    return status == STATUS_OK ? intent_encode(out, &intent, fault) : fault_set(fault, status, "withdrawal", "%s", "");
}

static enum status ask_usage(struct wire_usage_reply *out, const struct question *question,
                             const struct evaluation_request *asked, struct fault *fault)
{
    struct service *service = question->service;
    struct bytes intent = {0};
    enum status status = imagine_intent(&intent, question, asked, fault);
    if (status == STATUS_OK) {
        status = wire_transfer_usage(service->signers[WIRE_ROLE_TRANSFER], out, &intent,
                                     service->options.signer_timeout_ms, fault);
    }
    bytes_free(&intent);
    return status;
}

static bool add_sum(json_t *object, const char *name, struct amount amount)
{
    char text[AMOUNT_TEXT_SIZE];
    amount_format(text, amount);
    return json_object_set_new(object, name, json_string(text)) == 0;
}

/* A limit of the tree gets what is used of it, what is left, and when the amount fits. */
static bool show_usage(json_t *limit, const struct wire_usage *usage, struct amount amount)
{
    char at[TIME_TEXT_SIZE];
    bool room = usage_has_room(usage, amount);
    const char *fits = room ? "now" : usage->free_at == 0 ? "never" : "later";
    json_t *used = json_pack("{s:I}", "count", (json_int_t)usage->used_count);
    json_t *left = json_object();
    bool good = used != NULL && left != NULL && add_sum(used, "sum", usage->used_sum) &&
                json_object_set_new(limit, "fits", json_string(fits)) == 0;
    if (good && usage->count != 0) {
        good = json_object_set_new(left, "count", json_integer((json_int_t)usage_left_count(usage))) == 0;
    }
    if (good && !amount_is_zero(usage->sum)) {
        good = add_sum(left, "sum", usage_left_sum(usage));
    }
    if (good && !room && usage->free_at != 0) {
        time_format(at, usage->free_at);
        good = json_object_set_new(limit, "fits_at", json_string(at)) == 0;
    }
    good = good && json_object_set(limit, "used", used) == 0 && json_object_set(limit, "left", left) == 0;
    json_decref(used);
    json_decref(left);
    return good;
}

static bool show_usages(json_t *tree, const struct wire_usage_reply *said, const struct question *question)
{
    bool good = true;
    json_t *rule = NULL;
    json_t *limit = NULL;
    size_t i = 0;
    size_t k = 0;
    json_array_foreach(json_object_get(tree, "rules"), i, rule)
    {
        const char *id = json_string_value(json_object_get(rule, "id"));
        json_array_foreach(json_object_get(rule, "limits"), k, limit)
        {
            const struct wire_usage *usage = usage_find(said, question->policy->version, id, k);
            good = good && (usage == NULL || show_usage(limit, usage, question->amount));
        }
    }
    return good;
}

static bool has_limits(const json_t *tree)
{
    const json_t *rule = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(tree, "rules"), i, rule)
    {
        if (json_object_get(rule, "limits") != NULL) {
            return true;
        }
    }
    return false;
}

/* What the policy says is an answer without the signer, too; then it says that the numbers are missing, and why. */
static enum status tell_usage(json_t *tree, const struct question *question, const struct evaluation_request *asked,
                              struct fault *fault)
{
    struct wire_usage_reply said = {0};
    struct fault why = {0};
    if (!has_limits(tree)) {
        return STATUS_OK;
    }
    enum status status = ask_usage(&said, question, asked, &why);
    bool good = status == STATUS_OK
                    ? show_usages(tree, &said, question)
                    : json_object_set_new(tree, "usage_unknown", json_string(status_info(status)->code)) == 0;
    return good ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "explanation", "%s", "");
}

enum status policy_explain_request(struct service *service, const struct http_request *request,
                                   struct http_reply *reply, struct fault *fault)
{
    struct question question;
    enum transaction_type type = TRANSACTION_TRANSFER;
    struct evaluation evaluation = {0};
    json_t *explanation = NULL;
    enum status status = read_question(&question, request, fault);
    if (status == STATUS_OK) {
        status = intent_type_read(&type, question.type, fault);
    }
    question.service = service;
    question.policy = service_policy(service);
    if (status == STATUS_OK) {
        status = store_read(service->store, look_up_in, &question, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct name suspended[WIRE_SUSPENDED_MAX];
    const struct evaluation_request asked = {
        .type = type,
        .chain = &question.policy->chain,
        .wallet = &question.wallet,
        .asset = &question.asset,
        .amount = question.amount,
        .destination_listed = question.listed,
        .destination_group = question.listed ? &question.group : NULL,
        .returns = !digest_is_zero(&question.returns),
        .requester = &request->caller.person,
        .suspended = suspended,
        .suspended_count = key_board_suspended_names(suspended, service->board),
        .at_utc_us = clock_utc_us(service->clock),
    };
    status = policy_evaluate(&evaluation, question.policy, &asked, fault);
    if (status == STATUS_OK) {
        status = policy_explain(&explanation, question.policy, &asked, &evaluation, fault);
        evaluation_free(&evaluation);
    }
    if (status == STATUS_OK) {
        status = tell_usage(explanation, &question, &asked, fault);
    }
    if (status != STATUS_OK) {
        json_decref(explanation);
        return status;
    }
    return http_reply_json(reply, 200, explanation, fault);
}
