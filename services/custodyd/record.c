/*
 * Entries of the trail as the service makes them.
 */
#include "record.h"

#include <inttypes.h>

#include "store/trail_read.h"
#include "trail_kept.h"
#include "trail_signed.h"
#include "values.h"
#include "witnesses.h"

#define RECEIPT_KEY "receipt"
#define LOOK_AGAIN_MS 20
#define RECEIPT_GRACE_MS 1000

static void start(struct audit_event *event, const struct service *service, enum audit_action action,
                  enum audit_outcome outcome)
{
    *event = (struct audit_event){.action = action, .outcome = outcome, .policy = service_policy(service)->digest};
}

void record_by_caller(struct audit_event *event, const struct service *service, const struct http_request *request,
                      enum audit_action action, enum audit_outcome outcome)
{
    start(event, service, action, outcome);
    event->actor = request->caller.person;
    event->auth = request->caller.auth;
    event->correlation = request->correlation;
}

void record_by_service(struct audit_event *event, const struct service *service, const struct uuid *correlation,
                       enum audit_action action, enum audit_outcome outcome)
{
    start(event, service, action, outcome);
    INVARIANT(name_parse(&event->actor, SERVICE_ACTOR) == STATUS_OK);
    event->correlation = *correlation;
}

void record_about(struct audit_event *event, const struct uuid *withdrawal)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_WITHDRAWAL);
    uuid_format(event->object_id, withdrawal);
}

void record_about_key(struct audit_event *event, const struct digest *key)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_KEY);
    digest_format(event->object_id, key);
}

void record_freeze_id(char out[AUDIT_OBJECT_ID_SIZE], const char *scope, const char *subject)
{
    (void)snprintf(out, AUDIT_OBJECT_ID_SIZE, "%s%s%s", scope, subject[0] == '\0' ? "" : "/", subject);
}

void record_about_freeze(struct audit_event *event, const char *scope, const char *subject)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_FREEZE);
    record_freeze_id(event->object_id, scope, subject);
}

void record_reason(struct audit_event *event, enum status reason)
{
    (void)snprintf(event->reason, sizeof(event->reason), "%s", status_info(reason)->code);
}

static enum status attach(json_t *reply_object, struct bytes *proof, struct fault *fault)
{
    bool good = json_object_set_new(reply_object, RECEIPT_KEY, value_base64(proof)) == 0;
    bytes_free(proof);
    return good ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, RECEIPT_KEY, "%s", "");
}

enum status record_covered(struct service *service, const struct trail_ticket *ticket, struct fault *fault)
{
    struct trail_receipt receipt = {0};
    enum status status = trail_wait(&receipt, service->trail, ticket, service->options.trail_timeout_ms, fault);
    bytes_free(&receipt.proof);
    return status;
}

/* With it somebody could have the witnesses cosign what the service has not offered them yet. */
static enum status prove(struct bytes *out, const struct service *service, const struct trail_ticket *ticket,
                         int64_t timeout_ms, struct fault *fault)
{
    struct trail_receipt receipt = {0};
    enum status status = trail_wait(&receipt, service->trail, ticket, timeout_ms, fault);
    if (status == STATUS_OK && witnesses_are_overtaken(service)) {
        bytes_free(&receipt.proof);
        return witnesses_prove_shown(out, service, receipt.seq, timeout_ms, fault);
    }
    *out = receipt.proof;
    return status;
}

enum status record_receipt(struct service *service, const struct trail_ticket *ticket, json_t *reply_object,
                           struct fault *fault)
{
    struct bytes proof = {0};
    struct fault why = {0};
    enum status status = prove(&proof, service, ticket, service->options.trail_timeout_ms, &why);
    return status == STATUS_OK
               ? attach(reply_object, &proof, fault)
               : fault_set(fault, status, why.where,
                           "it is recorded, but %s: repeat it with the same Idempotency-Key, or look before you repeat "
                           "what has none",
                           why.detail);
}

enum status record_receipt_if_any(struct service *service, const struct trail_ticket *ticket, json_t *reply_object,
                                  struct fault *fault)
{
    struct bytes proof = {0};
    struct fault why = {0};
    if (prove(&proof, service, ticket, RECEIPT_GRACE_MS, &why) != STATUS_OK) {
        return STATUS_OK;
    }
    return attach(reply_object, &proof, fault);
}

/* Out: the number of the newest signed entry that the filter meets; STATUS_NOT_READY when there is none yet. */
static enum status find_entry(uint64_t *out_seq, const struct service *service, const struct store_leaf_filter *filter,
                              struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct fault why = {0};
    enum status status = trail_signed_newest(&list, service->trail, filter, &why);
    if (status == STATUS_OK && list.count > 0) {
        *out_seq = list.rows[0].seq;
    } else if (status == STATUS_OK) {
        status = STATUS_NOT_READY;
    }
    store_leaf_list_free(&list);
    return status == STATUS_OK || status == STATUS_NOT_READY ? status
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

/*
 * Whether entries of that time have left: those of a withdrawal leave when it has ended, the oldest first. Head row and
 * oldest row say so only together with what was signed.
 */
static enum status find_left(uint64_t *out_first, const struct service *service, int64_t at_utc_us, struct fault *fault)
{
    struct store_leaf_list oldest = {0};
    uint64_t first = 0;
    size_t left_out = 0;
    enum status status = trail_kept_from(&first, service->reader, fault);
    *out_first = 0;
    if (status != STATUS_OK || first == 0) {
        return status;
    }
    const struct store_leaf_filter filter = {.from_seq = first, .to_seq = first + 1, .limit = 1};
    status = trail_left_check(service->trail, first, fault);
    status = status == STATUS_OK ? trail_signed_list(&oldest, &left_out, service->trail, &filter, fault) : status;
    bool found = status == STATUS_OK && oldest.count > 0;
    *out_first = found && at_utc_us < oldest.rows[0].ts_utc_us ? first : 0;
    store_leaf_list_free(&oldest);
    return status == STATUS_OK && !found ? trail_corrupt_row(service->trail, first, NULL, fault) : status;
}

/* Nobody is promised again what no proof can be given for; who retries is told that it is there. */
static enum status refuse_unproven(const struct service *service, const struct store_withdrawal *withdrawal,
                                   struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uint64_t first = 0;
    enum status status = find_left(&first, service, withdrawal->requested_at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (first == 0) {
        return fault_set(fault, STATUS_NOT_READY, "trail", "no entry of the first request is under a checkpoint yet");
    }
    uuid_format(id, &withdrawal->id);
    return fault_set(fault, STATUS_EXISTS, "receipt",
                     "withdrawal %s is %s; the entry of the first request is in the archive, below %" PRIu64, id,
                     withdrawal_state_text(withdrawal->state), first);
}

enum status record_receipt_of(struct service *service, uint64_t seq, json_t *reply_object, struct fault *fault)
{
    struct bytes proof = {0};
    enum status status = witnesses_prove_shown(&proof, service, seq, service->options.trail_timeout_ms, fault);
    return status == STATUS_OK ? attach(reply_object, &proof, fault) : status;
}

enum status record_receipt_again(struct service *service, const struct http_request *request,
                                 const struct store_withdrawal *withdrawal, enum audit_action action,
                                 json_t *reply_object, struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &withdrawal->id);
    const struct store_leaf_filter filter = {.actor = request->caller.person.text,
                                             .act = audit_action_text(action),
                                             .otype = RECORD_WITHDRAWAL,
                                             .oid = id,
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK)};
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    int64_t end_us = clock_monotonic_us(service->clock) + service->options.trail_timeout_ms * 1000;
    struct bytes proof = {0};
    uint64_t seq = 0;
    enum status status = find_entry(&seq, service, &filter, fault);
    while (status == STATUS_NOT_READY && clock_monotonic_us(service->clock) < end_us) {
        (void)nanosleep(&pause, NULL);
        status = find_entry(&seq, service, &filter, fault);
    }
    if (status == STATUS_NOT_READY) {
        return refuse_unproven(service, withdrawal, fault);
    }
    if (status == STATUS_OK) {
        status = witnesses_prove_shown(&proof, service, seq, service->options.trail_timeout_ms, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "trail", "no entry of the first request is under a checkpoint yet");
    }
    return attach(reply_object, &proof, fault);
}

/* Terms. */

static enum status tell_version(struct audit_event *event, const struct service *service, struct fault *fault)
{
    char version[24];
    if (audit_event_fact(event, "version") != NULL) {
        return STATUS_OK;
    }
    (void)snprintf(version, sizeof(version), "%lld", (long long)service_policy(service)->version);
    return audit_event_fact_add(event, "version", version, fault);
}

bool record_row_agrees(const struct store_withdrawal *row, const struct intent *intent)
{
    char destination[ADDRESS_TEXT_SIZE];
    address_format(destination, &intent->destination);
    return amount_compare(row->amount, intent->amount) == 0 && digest_equal(&row->asset, &intent->asset) &&
           name_equal(&row->wallet, &intent->wallet) && name_equal(&row->requester, &intent->requester) &&
           strcmp(row->destination, destination) == 0 && row->expires_at_utc_us == intent->expires_at;
}

enum status record_terms_read(struct record_terms *out, const struct store_withdrawal *row, struct fault *fault)
{
    struct intent intent = {.amount = row->amount, .asset = row->asset, .wallet = row->wallet};
    struct record_terms terms;
    (void)snprintf(terms.destination, sizeof(terms.destination), "%s", row->destination);
    if (row->intent.len > 0) { /* what people sign, whatever the columns say */
        enum status status = intent_decode(&intent, row->intent.data, row->intent.len, fault);
        if (status != STATUS_OK) {
            return status;
        }
        address_format(terms.destination, &intent.destination);
    }
    amount_format(terms.amount, intent.amount);
    digest_format(terms.asset, &intent.asset);
    terms.wallet = intent.wallet;
    *out = terms;
    return STATUS_OK;
}

enum status record_terms_refused(struct audit_event *event, const struct service *service,
                                 const struct store_withdrawal *row, struct fault *fault)
{
    struct intent intent;
    bool agrees =
        intent_decode(&intent, row->intent.data, row->intent.len, NULL) == STATUS_OK && record_row_agrees(row, &intent);
    return agrees ? record_terms(event, service, row, fault) : tell_version(event, service, fault);
}

enum status record_terms(struct audit_event *event, const struct service *service, const struct store_withdrawal *row,
                         struct fault *fault)
{
    struct record_terms terms;
    enum status status = record_terms_read(&terms, row, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const char *const facts[][2] = {{"amount", terms.amount},
                                    {"asset", terms.asset},
                                    {"destination", terms.destination},
                                    {"wallet", terms.wallet.text}};
    for (size_t i = 0; status == STATUS_OK && i < sizeof(facts) / sizeof(facts[0]); i++) {
        status = audit_event_fact_add(event, facts[i][0], facts[i][1], fault);
    }
    return status == STATUS_OK ? tell_version(event, service, fault) : status;
}

static bool is_amount(const char *text)
{
    struct amount amount;
    return amount_parse(&amount, text) == STATUS_OK;
}

static bool is_asset(const char *text)
{
    struct digest digest;
    return digest_parse(&digest, text) == STATUS_OK;
}

static bool is_address(const char *text)
{
    struct account_id account;
    return address_parse(&account, text, "", NULL) == STATUS_OK;
}

static bool is_name(const char *text)
{
    struct name name;
    return name_parse(&name, text) == STATUS_OK;
}

enum status record_terms_asked(struct audit_event *event, const struct service *service,
                               const struct http_request *request, struct fault *fault)
{
    static const struct {
        const char *name;
        bool (*fits)(const char *text);
    } terms[] = {{"amount", is_amount}, {"asset", is_asset}, {"destination", is_address}, {"wallet", is_name}};
    json_t *body = NULL;
    enum status status = STATUS_OK;
    if (http_body_object(&body, request, NULL) != STATUS_OK) {
        return tell_version(event, service, fault); /* that it is no proposal is what it was refused for */
    }
    for (size_t i = 0; status == STATUS_OK && i < sizeof(terms) / sizeof(terms[0]); i++) {
        const char *text = json_string_value(json_object_get(body, terms[i].name));
        if (text != NULL && terms[i].fits(text)) {
            status = audit_event_fact_add(event, terms[i].name, text, fault);
        }
    }
    json_decref(body);
    return status == STATUS_OK ? tell_version(event, service, fault) : status;
}

/* Evaluations. */

#define RULES_TOLD 16

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

/* Cut when it is too long: the whole tree is shown to who asks, this says what it came to. */
static void put(char *out, size_t size, const char *sign, const char *text)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, size - used, "%s%s", sign, text);
}

static void tell_demand(char *out, size_t size, const char *sign, const json_t *demand)
{
    char numbers[48];
    const char *group = text_of(demand, "group");
    const json_t *need = json_object_get(demand, "need");
    put(out, size, sign, group[0] == '\0' ? text_of(demand, "kind") : group);
    if (need != NULL) {
        (void)snprintf(numbers, sizeof(numbers), "%lld/%lld",
                       (long long)json_integer_value(json_object_get(demand, "have")),
                       (long long)json_integer_value(need));
    } else {
        (void)snprintf(numbers, sizeof(numbers), "%s", json_is_true(json_object_get(demand, "met")) ? "met" : "unmet");
    }
    put(out, size, "=", numbers);
}

static enum status tell_rule(struct audit_event *event, size_t index, const json_t *rule, struct fault *fault)
{
    char name[16];
    char value[AUDIT_FACT_MAX] = "";
    json_t *demand = NULL;
    size_t i = 0;
    (void)snprintf(name, sizeof(name), "rule_%zu", index + 1);
    put(value, sizeof(value), "", text_of(rule, "id"));
    put(value, sizeof(value), ":", text_of(rule, "effect"));
    json_array_foreach(json_object_get(rule, "demands"), i, demand)
    {
        tell_demand(value, sizeof(value), i == 0 ? ":" : "+", demand);
    }
    return audit_event_fact_add(event, name, value, fault);
}

enum status record_evaluation(struct audit_event *event, const json_t *explanation, struct fault *fault)
{
    struct digest policy;
    char version[24];
    const json_t *rules = json_object_get(explanation, "rules");
    if (explanation == NULL) {
        return STATUS_OK;
    }
    (void)snprintf(version, sizeof(version), "%lld",
                   (long long)json_integer_value(json_object_get(explanation, "version")));
    enum status status = audit_event_fact_add(event, "decision", text_of(explanation, "decision"), fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "because", text_of(explanation, "reason"), fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "version", version, fault);
    }
    if (status == STATUS_OK && digest_parse(&policy, text_of(explanation, "policy")) == STATUS_OK) {
        status = audit_event_ref_add(event, "evaluated", &policy, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(rules) && i < RULES_TOLD; i++) {
        status = tell_rule(event, i, json_array_get(rules, i), fault);
    }
    return status;
}
