/*
 * What the policy says: of a withdrawal as it stands, and of a request that nobody has made yet.
 */
#include "base/canon.h"
#include "store/document.h"
#include "withdrawals.h"

struct explaining {
    struct service *service;
    struct uuid id;
    json_t *out;
};

static enum status explain_in(struct store_tx *tx, void *context, struct fault *fault)
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
    if (store_transact(service->store, explain_in, &explaining, &why) != STATUS_OK) {
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
    enum status status = store_transact(service->store, explain_in, &explaining, fault);
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

static enum status look_up_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct question *question = context;
    struct signed_document document = {0};
    struct destination destination;
    enum status status = destination_find(&document, tx, &question->account, fault);
    if (status == STATUS_DESTINATION_UNLISTED) {
        fault_clear(fault);
        question->listed = false;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        question->listed = destination_judge(&destination, &document, question->service, NULL) == STATUS_OK;
        question->group = question->listed ? destination.group : question->group;
        signed_document_free(&document);
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
    return status;
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
        status = store_transact(service->store, look_up_in, &question, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
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
        .at_utc_us = clock_utc_us(service->clock),
    };
    status = policy_evaluate(&evaluation, question.policy, &asked, fault);
    if (status == STATUS_OK) {
        status = policy_explain(&explanation, question.policy, &asked, &evaluation, fault);
        evaluation_free(&evaluation);
    }
    return status == STATUS_OK ? http_reply_json(reply, 200, explanation, fault) : status;
}
