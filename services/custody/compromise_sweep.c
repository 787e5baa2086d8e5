/*
 * Sweeps in readiness: what an account holds, as transfers to an emergency address of its key document. Nothing here is
 * signed, and no other address is ever written: a compromised key sends nowhere else, whoever asks (docs/formats.md).
 *
 * In earnest they are withdrawals of the service, proposed here. In a drill nothing is proposed, because a proposal
 * holds funds: the intents are made here, in lanes far from those of withdrawals.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "compromise.h"
#include "policy/destination.h"
#include "policy/evaluate.h"

#define SECOND_US 1000000LL
#define SWEEP_LANE 1000000000U
#define SWEEP_WINDOW 100000U /* blocks */
#define SWEEPS_MAX 64        /* of one key; a limit of the policy that needs more is a hindrance */
#define SWEEP_SECONDS 86400

struct sweeping {
    const struct sweep_order *order;
    const struct known_key *key;
    struct sweep_count *count;
    const struct trust *trust; /* the assets that people know by code; none when the service did not show them */
    const struct wallet *wallet;
    struct account_id to;
    uint64_t height;
    unsigned number; /* of the next sweep of this key */
};

static void hinder(struct sweeping *sweeping, const char *what, const char *more)
{
    (void)fprintf(sweeping->order->plan, "  HINDRANCE      %s%s\n", what, more);
    sweeping->count->hindrances++;
}

/* Whether the allow-list has the address, as the service says: only the signer knows, and it decides. */
static bool is_listed(const struct sweeping *sweeping)
{
    const struct client_call call = {.method = "GET", .path = "/v1/destinations"};
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    bool listed = false;
    struct fault none = {0};
    if (client_json(&answer, sweeping->order->options, &call, &none) != STATUS_OK) {
        return false;
    }
    json_array_foreach(json_object_get(answer, "destinations"), i, row)
    {
        const char *document = json_string_value(json_object_get(row, "document"));
        const char *state = json_string_value(json_object_get(row, "state"));
        struct destination destination;
        listed = listed || (document != NULL && state != NULL && strcmp(state, "serving") == 0 &&
                            destination_decode(&destination, document, strlen(document), NULL) == STATUS_OK &&
                            account_id_equal(&destination.account, &sweeping->to));
    }
    json_decref(answer);
    return listed;
}

/* Whether the policy could let this amount go, approvals and hours apart; `best` is raised to it. */
static void try_amount(struct amount *best, const struct policy *policy, struct evaluation_request *request,
                       struct amount amount)
{
    struct evaluation evaluation = {0};
    request->amount = amount;
    if (amount_compare(amount, *best) > 0 && policy_evaluate(&evaluation, policy, request, NULL) == STATUS_OK) {
        *best = evaluation.decision == DECISION_DENIED ? *best : amount;
        evaluation_free(&evaluation);
    }
}

/* The most of a holding that the policy could let go at once; zero when it lets nothing go. */
static struct amount largest(const struct sweeping *sweeping, const struct digest *asset, struct amount holding)
{
    const struct policy *policy = sweeping->order->policy;
    struct amount best = {0};
    struct evaluation_request request = {.type = TRANSACTION_TRANSFER,
                                         .chain = &policy->chain,
                                         .wallet = &sweeping->wallet->id,
                                         .asset = asset,
                                         .destination_listed = true,
                                         .requester = sweeping->order->by,
                                         .at_utc_us = clock_utc_us(clock_system())};
    try_amount(&best, policy, &request, holding);
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct amount steps[] = {policy->rules[i].demand.max_amount, policy->rules[i].when.above,
                                       policy->rules[i].when.up_to};
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            if (amount_compare(steps[k], holding) <= 0) {
                try_amount(&best, policy, &request, steps[k]);
            }
        }
    }
    return best;
}

static enum status next_seq(uint64_t *out, const struct sweeping *sweeping, uint64_t lane, struct fault *fault)
{
    char path[200];
    char address[ADDRESS_TEXT_SIZE];
    json_t *answer = NULL;
    address_format(address, &sweeping->wallet->account);
    (void)snprintf(path, sizeof(path), "/v1/ledger/accounts/%s?lane=%llu", address, (unsigned long long)lane);
    const struct client_call call = {.method = "GET", .path = path};
    enum status status = client_json(&answer, sweeping->order->options, &call, fault);
    if (status == STATUS_OK) {
        *out = (uint64_t)json_integer_value(json_object_get(answer, "next_seq"));
        json_decref(answer);
    }
    return status;
}

static enum status make_intent(struct bytes *out, const struct sweeping *sweeping, const struct digest *asset,
                               struct amount amount, struct fault *fault)
{
    const struct policy *policy = sweeping->order->policy;
    struct transaction transaction;
    struct bytes unsigned_transaction = {0};
    int64_t now = clock_utc_us(clock_system());
    struct intent intent = {.amount = amount,
                            .asset = *asset,
                            .chain = policy->chain,
                            .destination = sweeping->to,
                            .environment = policy->environment,
                            .expires_at = now + SWEEP_SECONDS * SECOND_US,
                            .lane = SWEEP_LANE + sweeping->number,
                            .policy = policy->digest,
                            .policy_version = policy->version,
                            .requested_at = now,
                            .requester = *sweeping->order->by,
                            .type = TRANSACTION_TRANSFER,
                            .valid_from = sweeping->height + 1,
                            .valid_until = sweeping->height + SWEEP_WINDOW,
                            .wallet = sweeping->wallet->id};
    enum status status = next_seq(&intent.seq, sweeping, intent.lane, fault);
    if (status == STATUS_OK) {
        status = uuid_generate(&intent.withdrawal, clock_system());
    }
    if (status == STATUS_OK) {
        status = transaction_from_intent(&transaction, &intent, &sweeping->wallet->account, fault);
    }
    if (status == STATUS_OK) {
        status = transaction_encode(&unsigned_transaction, &transaction, fault);
    }
    if (status == STATUS_OK) {
        transaction_id(&intent.transaction, unsigned_transaction.data, unsigned_transaction.len);
        status = intent_encode(out, &intent, fault);
    }
    bytes_free(&unsigned_transaction);
    return status;
}

/* What the service made of it is what was asked for, or nobody is shown it. */
static enum status check_proposed(const struct sweeping *sweeping, const struct bytes *document,
                                  const struct digest *asset, struct amount amount, struct fault *fault)
{
    struct intent intent;
    enum status status = intent_decode(&intent, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool same = account_id_equal(&intent.destination, &sweeping->to) && digest_equal(&intent.asset, asset) &&
                amount_compare(intent.amount, amount) == 0 && name_equal(&intent.wallet, &sweeping->wallet->id) &&
                digest_equal(&intent.policy, &sweeping->order->policy->digest);
    return same ? STATUS_OK : fault_set(fault, STATUS_MISMATCH, "intent", "the service made another one of it");
}

/* In earnest the service makes the intent, as for any withdrawal: it knows lanes and sequences, and carries it out. */
static enum status propose(struct bytes *out, const struct sweeping *sweeping, const struct digest *asset,
                           struct amount amount, struct fault *fault)
{
    char id[DIGEST_HEX_LEN + 1];
    char text[AMOUNT_TEXT_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    char once[UUID_TEXT_SIZE];
    struct uuid uuid;
    json_t *answer = NULL;
    digest_format(id, asset);
    amount_format(text, amount);
    address_format(address, &sweeping->to);
    if (uuid_generate(&uuid, clock_system()) != STATUS_OK) {
        return fault_set(fault, STATUS_IO, "withdrawal", "could not get random bytes");
    }
    uuid_format(once, &uuid);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:b}", "amount", text, "asset", id, "destination", address, "wallet",
                             sweeping->wallet->id.text, "sweep", 1);
    const struct client_call call = {
        .method = "POST", .path = "/v1/withdrawals", .body = body, .idempotency_key = once};
    enum status status = body == NULL ? STATUS_NO_MEMORY : client_json(&answer, sweeping->order->options, &call, fault);
    if (status == STATUS_OK) {
        const char *intent = json_string_value(json_object_get(json_object_get(answer, "withdrawal"), "intent"));
        status = bytes_copy(out, intent == NULL ? "" : intent, intent == NULL ? 0 : strlen(intent));
    }
    if (status == STATUS_OK) {
        status = check_proposed(sweeping, out, asset, amount, fault);
    }
    json_decref(answer);
    json_decref(body);
    return status;
}

static enum status make_command(struct bytes *out, const struct sweeping *sweeping, const struct bytes *intent,
                                struct fault *fault)
{
    const struct policy *policy = sweeping->order->policy;
    struct command command = {.action = COMMAND_KEY_SWEEP,
                              .chain = policy->chain,
                              .environment = policy->environment,
                              .from = KEY_STATE_COMPROMISED,
                              .issued_at = clock_utc_us(clock_system()),
                              .key = sweeping->key->papers.key.key_id,
                              .policy = policy->digest,
                              .role = ROLE_TRANSFER};
    command.expires_at = command.issued_at + SWEEP_SECONDS * SECOND_US;
    intent_digest(&command.intent, intent->data, intent->len);
    enum status status = name_parse(&command.reason, sweeping->order->options->reason);
    if (status == STATUS_OK) {
        status = uuid_generate(&command.nonce, clock_system());
    }
    return status == STATUS_OK ? command_encode(out, &command, fault) : fault_set(fault, status, "reason", "%s", "");
}

/* One sweep: the intent, which approvers approve, and the order, which the quorum signs. */
static enum status write_sweep(struct sweeping *sweeping, const struct digest *asset, struct amount amount,
                               struct fault *fault)
{
    struct bytes intent = {0};
    struct bytes command = {0};
    char id[DIGEST_HEX_LEN + 1];
    char name[64];
    char text[ANSWER_AMOUNT_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    digest_format(id, &sweeping->key->papers.key.key_id);
    enum status status = sweeping->order->options->drill ? make_intent(&intent, sweeping, asset, amount, fault)
                                                         : propose(&intent, sweeping, asset, amount, fault);
    if (status == STATUS_OK) {
        status = make_command(&command, sweeping, &intent, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(name, sizeof(name), "sweep-%.8s-%u.intent", id, sweeping->number);
        status = compromise_write(sweeping->order->folder, name, intent.data, intent.len, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(name, sizeof(name), "sweep-%.8s-%u.document", id, sweeping->number);
        status = compromise_write(sweeping->order->folder, name, command.data, command.len, fault);
    }
    if (status == STATUS_OK) {
        (void)answer_amount(text, sweeping->trust, asset, amount);
        address_format(address, &sweeping->to);
        (void)fprintf(sweeping->order->plan, "  sweep          %s to %s: %s\n", text, address, name);
        sweeping->count->sweeps++;
        sweeping->number++;
    }
    bytes_free(&intent);
    bytes_free(&command);
    return status;
}

static enum status sweep_holding(struct sweeping *sweeping, const struct digest *asset, struct amount holding,
                                 struct fault *fault)
{
    char text[ANSWER_AMOUNT_SIZE];
    struct amount part = largest(sweeping, asset, holding);
    enum status status = STATUS_OK;
    if (amount_is_zero(part)) {
        hinder(sweeping, "no rule of the policy lets the wallet send what it holds: ",
               answer_amount(text, sweeping->trust, asset, holding));
        return STATUS_OK;
    }
    while (status == STATUS_OK && !amount_is_zero(part) && sweeping->number < SWEEPS_MAX) {
        status = write_sweep(sweeping, asset, part, fault);
        if (status == STATUS_OK) {
            status = amount_subtract(&holding, holding, part);
            part = largest(sweeping, asset, holding);
        }
    }
    if (status == STATUS_OK && !amount_is_zero(holding)) {
        hinder(
            sweeping,
            "so many sweeps are needed under the limits of the policy that not all were prepared, and this is left: ",
            answer_amount(text, sweeping->trust, asset, holding));
    }
    return status;
}

static enum status sweep_holdings(struct sweeping *sweeping, struct fault *fault)
{
    char path[160];
    char address[ADDRESS_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    address_format(address, &sweeping->wallet->account);
    (void)snprintf(path, sizeof(path), "/v1/ledger/accounts/%s", address);
    const struct client_call call = {.method = "GET", .path = path};
    enum status status = client_json(&answer, sweeping->order->options, &call, fault);
    json_array_foreach(json_object_get(answer, "balances"), i, row)
    {
        char text[SERVICE_TEXT_SIZE];
        struct digest asset;
        struct amount holding;
        bool good = digest_parse(&asset, command_service_text(text, row, "asset")) == STATUS_OK &&
                    amount_parse(&holding, command_service_text(text, row, "posted")) == STATUS_OK;
        if (status == STATUS_OK && good && !amount_is_zero(holding)) {
            status = sweep_holding(sweeping, &asset, holding, fault);
        } else if (!good) {
            hinder(sweeping, "a balance that cannot be read: ", text);
        }
    }
    json_decref(answer);
    return status;
}

static enum status read_height(struct sweeping *sweeping, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/ledger/status"};
    json_t *answer = NULL;
    enum status status = client_json(&answer, sweeping->order->options, &call, fault);
    if (status == STATUS_OK) {
        sweeping->height = (uint64_t)json_integer_value(json_object_get(answer, "confirmed_height"));
        json_decref(answer);
    }
    return status;
}

/* The wallet of the key in the newest policy, and the first emergency address; false when there is nothing to sweep. */
static bool begin(struct sweeping *sweeping)
{
    const struct key_document *key = &sweeping->key->papers.key;
    const struct policy *policy = sweeping->order->policy;
    for (size_t i = 0; i < policy->wallet_count; i++) {
        if (digest_equal(&policy->wallets[i].key_id, &key->key_id)) {
            sweeping->wallet = &policy->wallets[i];
        }
    }
    if (key->purpose != ROLE_TRANSFER) {
        return false;
    }
    if (sweeping->wallet == NULL) {
        hinder(sweeping, "no wallet of the policy has this key: nothing it holds can be moved", "");
        return false;
    }
    if (key->emergency_count == 0) {
        hinder(sweeping, "the key document names no emergency address", "");
        return false;
    }
    sweeping->to = key->emergency[0];
    for (size_t i = 0; i < key->emergency_count && !is_listed(sweeping); i++) {
        sweeping->to = key->emergency[i];
    }
    if (!is_listed(sweeping)) {
        hinder(sweeping, "no emergency address is on the allow-list", "");
    }
    return true;
}

void compromise_sweep(struct sweep_count *inout, const struct known_key *key, const struct sweep_order *order)
{
    struct sweeping sweeping = {.order = order, .key = key, .count = inout};
    struct fault why = {0};
    if (!begin(&sweeping)) {
        return;
    }
    struct trust trust;
    struct fault unknown = {0};
    if (trust_open(&trust, order->options, &unknown) != STATUS_OK && trust.asset_count == 0) {
        (void)fprintf(order->plan, "  amounts        in base units only: %s %s\n", unknown.where, unknown.detail);
    }
    sweeping.trust = &trust;
    enum status status = read_height(&sweeping, &why);
    if (status == STATUS_OK) {
        status = sweep_holdings(&sweeping, &why);
    }
    trust_wipe(&trust);
    if (status != STATUS_OK) {
        hinder(&sweeping, "what the key holds could not be laid out: ",
               why.detail[0] == '\0' ? status_info(status)->text : why.detail);
    }
}
