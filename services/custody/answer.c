/*
 * What the service answers, for people.
 */
#include "answer.h"

#include "base/canon.h"
#include "base/id.h"
#include "client.h"
#include "commands.h"
#include "policy/intent.h"

const char *answer_amount(char out[ANSWER_AMOUNT_SIZE], const struct trust *trust, const struct digest *asset,
                          struct amount amount)
{
    char base[AMOUNT_TEXT_SIZE];
    char units[48];
    char id[DIGEST_HEX_LEN + 1];
    amount_format(base, amount);
    for (size_t i = 0; trust != NULL && i < trust->asset_count; i++) {
        if (digest_equal(asset, &trust->asset_ids[i])) {
            amount_format_units(units, amount, trust->assets[i].decimals);
            (void)snprintf(out, ANSWER_AMOUNT_SIZE, "%s %s (%s base units)", units, trust->assets[i].code, base);
            return out;
        }
    }
    digest_format(id, asset);
    (void)snprintf(out, ANSWER_AMOUNT_SIZE, "%s base units of asset %s", base, id);
    return out;
}

const char *answer_amount_of(char out[ANSWER_AMOUNT_SIZE], const struct trust *trust, const json_t *object,
                             const char *member, const char *asset)
{
    char text[SERVICE_TEXT_SIZE];
    struct amount amount;
    struct digest id;
    if (amount_parse(&amount, command_service_text(text, object, member)) != STATUS_OK ||
        digest_parse(&id, asset) != STATUS_OK) {
        (void)snprintf(out, ANSWER_AMOUNT_SIZE, "an amount that cannot be read");
        return out;
    }
    return answer_amount(out, trust, &id, amount);
}

enum status answer_amount_option(struct amount *out, const struct custody_options *options, const struct asset *asset,
                                 struct fault *fault)
{
    struct amount amount;
    if (amount_parse(&amount, options->amount) == STATUS_OK && !amount_is_zero(amount)) {
        *out = amount;
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_USAGE, "amount",
                     "a whole number of base units above 0 and below 2^128: 1 %s is 1 and %u zeros", asset->code,
                     (unsigned)asset->decimals);
}

enum status answer_trust(struct trust *out, const struct custody_options *options, struct fault *fault)
{
    *out = (struct trust){0};
    return options->trust[0] == '\0' ? STATUS_OK : trust_open(out, options, fault);
}

enum status answer_end(struct trust *trust, enum status status)
{
    if (status == STATUS_OK && trust->asset_count == 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "without a trust file (--trust, STRONGROOM_TRUST) amounts are in base units only\n");
    }
    trust_wipe(trust);
    return status;
}

/* The columns are what is searched, reserved and listed; the intent is what people sign. */
static bool print_altered(const json_t *withdrawal)
{
    static const char *const members[] = {"amount", "asset", "destination", "requester", "wallet"};
    const json_t *text = json_object_get(withdrawal, "intent");
    json_t *intent = NULL;
    struct intent read;
    struct fault why = {0};
    bool altered = false;
    if (text == NULL) {
        return false; /* there is none yet */
    }
    const char *document = json_is_string(text) ? json_string_value(text) : "";
    size_t len = json_string_length(text);
    if (intent_decode(&read, document, len, &why) != STATUS_OK ||
        canon_parse(&intent, document, len, CANON_DOCUMENT_MAX, &why) != STATUS_OK) {
        (void)printf("   ALTERED in the database: the intent, which is what people sign, cannot be read: %s%s%s\n",
                     why.where, why.where[0] == '\0' ? "" : ": ", why.detail);
        return true;
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        char column[SERVICE_TEXT_SIZE];
        char meant[SERVICE_TEXT_SIZE];
        (void)command_service_text(column, withdrawal, members[i]);
        (void)command_service_text(meant, intent, members[i]);
        if (column[0] != '\0' && strcmp(column, meant) != 0) {
            (void)printf("   ALTERED in the database: the %s; the intent, which is what people sign, has %s\n",
                         members[i], meant);
            altered = true;
        }
    }
    json_decref(intent);
    return altered;
}

bool answer_withdrawal(const struct trust *trust, const json_t *withdrawal)
{
    static const struct {
        const char *before;
        const char *member;
    } columns[] = {{" from ", "wallet"}, {" to ", "destination"}, {"  code ", "short_code"}, {"  reason ", "reason"}};
    char text[SERVICE_TEXT_SIZE];
    char asset[SERVICE_TEXT_SIZE];
    char amount[ANSWER_AMOUNT_SIZE];
    char waiting[ANSWER_STANDING_SIZE];
    (void)printf("%s", command_service_text(text, withdrawal, "id"));
    (void)printf("  %s", command_service_text(text, withdrawal, "state"));
    if (json_object_get(withdrawal, "amount") != NULL) {
        (void)command_service_text(asset, withdrawal, "asset");
        (void)printf("  %s", answer_amount_of(amount, trust, withdrawal, "amount", asset));
    }
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (command_service_text(text, withdrawal, columns[i].member)[0] != '\0') {
            (void)printf("%s%s", columns[i].before, text);
        }
    }
    if (answer_waiting(waiting, withdrawal)[0] != '\0') {
        (void)printf("  %s", waiting);
    }
    (void)printf("\n");
    return !print_altered(withdrawal);
}

void answer_withdrawal_done(const struct custody_options *options, const json_t *withdrawal)
{
    struct trust trust;
    bool followed = answer_trust(&trust, options, NULL) == STATUS_OK;
    (void)answer_withdrawal(followed ? &trust : NULL, withdrawal);
    trust_wipe(&trust);
}

const char *answer_address_reason(char out[ANSWER_AMOUNT_SIZE], const json_t *object)
{
    static const char *const words[][2] = {
        {"not_admitted", "its papers were not handed in (custody key admit)"},
        {"not_receiving", "its key does not receive in this state"},
        {"not_attested", "its token has not attested it yet (custody key attest)"},
        {"no_wallet", "no wallet of the policy has this key: send nothing to it"},
        {"proof_overdue", "its token has not shown for long that the key is there"},
        {"cryptoperiod_over", "the time in which its key may sign is over"},
        {"unknown_state", "its signer has not said yet what the key may do"},
        {"forged", "papers of it in the database DO NOT VERIFY: tell an operator"},
    };
    char reason[SERVICE_TEXT_SIZE];
    const char *word = "";
    (void)command_service_text(reason, object, "address_reason");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        word = strcmp(reason, words[i][0]) == 0 ? words[i][1] : word;
    }
    (void)snprintf(out, ANSWER_AMOUNT_SIZE, "%.64s%s%s", reason, word[0] == '\0' ? "" : ": ", word);
    return out;
}

enum status answer_get(json_t **out, const struct custody_options *options, const char *path, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    return client_json(out, options, &call, fault);
}

enum status answer_path(char *out, size_t size, const char *id, const char *after, struct fault *fault)
{
    struct uuid uuid;
    if (uuid_parse(&uuid, id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "ID", "must be the id of a withdrawal (custody list shows them)");
    }
    (void)snprintf(out, size, "/v1/withdrawals/%s%s", id, after);
    return STATUS_OK;
}

enum status answer_print_json(const json_t *value, size_t flags, struct fault *fault)
{
    char *text = json_dumps(value, flags | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    if (text == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "answer", "%s", "");
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == 0x7f) { /* the one control character that jansson leaves as it is */
            (void)fputs("\\u007f", stdout);
        } else {
            (void)fputc(*at, stdout);
        }
    }
    (void)fputc('\n', stdout);
    free(text);
    return STATUS_OK; /* a failure to write is found at the end */
}
