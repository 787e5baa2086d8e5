/*
 * An approver that is a program (duty `automated`): for each withdrawal that waits for its vote a command of the
 * operator's is run with the intent as this tool decoded it, and the verdict that it prints is signed. What is no clear
 * verdict is no vote: the place in the rule stays empty, and the program is asked again in the next round. Nobody types
 * a short code here, for a program has no screen; hence no key of a human is taken.
 */
#include <signal.h>

#include "answer.h"
#include "client.h"
#include "commands.h"
#include "decision.h"
#include "help.h"
#include "policy/evaluate.h"
#include "watch_call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SAYS_APPROVE "approve\n"
#define SAYS_REJECT "reject\n"

struct screening {
    const struct custody_options *options;
    struct keyfile *keyfile;
    json_t *destinations;   /* of this round */
    struct decoded decoded; /* its trust is that of this round; the rest, the withdrawal that is looked at */
    struct decision_seen seen;
    size_t waited; /* in this round, for a vote of this key */
    size_t voted;  /* of them */
};

/* What the program reads: nothing of it is a word of the service, but what this tool decoded or verified. */
struct screened {
    struct amount amount;
    json_t *approved_by;
    struct digest asset;
    char asset_code[ASSET_CODE_SIZE];
    struct digest chain;
    int64_t decimals;
    char destination[ADDRESS_TEXT_SIZE];
    struct name environment;
    int64_t expires_at;
    struct digest intent;
    struct digest memo;
    struct digest policy;
    int64_t policy_version;
    int64_t requested_at;
    struct name requester;
    bool requester_signed;
    struct digest returns;
    struct digest transaction;
    char type[16];
    struct name wallet;
    char wallet_address[ADDRESS_TEXT_SIZE];
    struct uuid withdrawal;
};

static const struct canon_field screened_fields[] = {
    CANON_FIELD(struct screened, amount, CANON_AMOUNT),
    CANON_FIELD(struct screened, approved_by, CANON_ARRAY),
    CANON_FIELD(struct screened, asset, CANON_HASH),
    CANON_FIELD(struct screened, asset_code, CANON_TEXT),
    CANON_FIELD(struct screened, chain, CANON_HASH),
    CANON_FIELD(struct screened, decimals, CANON_INTEGER),
    CANON_FIELD(struct screened, destination, CANON_TEXT),
    CANON_FIELD(struct screened, environment, CANON_NAME),
    CANON_FIELD(struct screened, expires_at, CANON_TIME),
    CANON_FIELD(struct screened, intent, CANON_HASH),
    CANON_FIELD(struct screened, memo, CANON_HASH),
    CANON_FIELD(struct screened, policy, CANON_HASH),
    CANON_FIELD(struct screened, policy_version, CANON_INTEGER),
    CANON_FIELD(struct screened, requested_at, CANON_TIME),
    CANON_FIELD(struct screened, requester, CANON_NAME),
    CANON_FIELD(struct screened, requester_signed, CANON_BOOLEAN),
    CANON_FIELD_OPTIONAL(struct screened, returns, CANON_HASH),
    CANON_FIELD(struct screened, transaction, CANON_HASH),
    CANON_FIELD(struct screened, type, CANON_TEXT),
    CANON_FIELD(struct screened, wallet, CANON_NAME),
    CANON_FIELD(struct screened, wallet_address, CANON_TEXT),
    CANON_FIELD(struct screened, withdrawal, CANON_UUID),
};

/* The question. */

static enum status names_of(json_t **out, const struct decision_seen *seen, struct fault *fault)
{
    json_t *array = json_array();
    int failed = array == NULL ? -1 : 0;
    for (size_t i = 0; i < seen->count && failed == 0; i++) {
        failed = json_array_append_new(array, json_string(seen->approvers[i].text));
    }
    if (failed != 0) {
        json_decref(array);
        return fault_set(fault, STATUS_NO_MEMORY, "approved_by", "%s", "");
    }
    *out = array;
    return STATUS_OK;
}

static enum status write_question(struct bytes *out, const struct screening *screening, struct fault *fault)
{
    const struct decoded *decoded = &screening->decoded;
    const struct intent *intent = &decoded->intent;
    struct screened screened = {
        .amount = intent->amount,
        .asset = intent->asset,
        .chain = intent->chain,
        .decimals = decoded->asset->decimals,
        .environment = intent->environment,
        .expires_at = intent->expires_at,
        .intent = decoded->digest,
        .memo = intent->memo,
        .policy = intent->policy,
        .policy_version = intent->policy_version,
        .requested_at = intent->requested_at,
        .requester = intent->requester,
        .requester_signed = screening->seen.requester.text[0] != '\0',
        .returns = intent->returns,
        .transaction = decoded->transaction_id,
        .wallet = intent->wallet,
        .withdrawal = intent->withdrawal,
    };
    (void)snprintf(screened.asset_code, sizeof(screened.asset_code), "%s", decoded->asset->code);
    (void)snprintf(screened.type, sizeof(screened.type), "%s",
                   intent->type == TRANSACTION_ISSUE ? "issue" : "transfer");
    address_format(screened.destination, &intent->destination);
    address_format(screened.wallet_address, &decoded->wallet->account);
    enum status status = names_of(&screened.approved_by, &screening->seen, fault);
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &screened, screened_fields, COUNT(screened_fields), CANON_DOCUMENT_MAX, fault);
    }
    json_decref(screened.approved_by);
    return status;
}

/* The verdict, or a fault with what became of the program. */
static enum status ask(enum approval_decision *out, const struct screening *screening, struct fault *fault)
{
    struct watch_call call = {.program = screening->options->command, .asked = true};
    struct bytes question = {0};
    int64_t until_us = clock_monotonic_us(clock_system()) + screening->options->call_timeout_s * 1000000;
    enum status status = write_question(&question, screening, fault);
    if (status != STATUS_OK) {
        return status;
    }
    watch_call_begin(&call, 1, &question);
    (void)watch_call_next(&call, 1, until_us);
    bytes_free(&question);
    if (!call.done) {
        return fault_set(fault, STATUS_NOT_READY, "command", "%s", call.why);
    }
    bool approves = strcmp(call.answer, SAYS_APPROVE) == 0;
    if (!approves && strcmp(call.answer, SAYS_REJECT) != 0) {
        return fault_set(fault, STATUS_NOT_READY, "command",
                         "printed neither \"approve\" nor \"reject\" as its only line");
    }
    *out = approves ? APPROVAL_APPROVE : APPROVAL_REJECT;
    return STATUS_OK;
}

/* One withdrawal. */

static enum status ask_voice(bool *inout, const struct screening *screening, const struct policy *policy,
                             const struct name *person, struct fault *fault)
{
    const struct intent *intent = &screening->decoded.intent;
    struct evaluation evaluation = {0};
    struct name group;
    bool listed =
        trust_destination_group(&group, &screening->decoded.trust, screening->destinations, &intent->destination);
    const struct evaluation_request request = {.type = intent->type,
                                               .chain = &intent->chain,
                                               .wallet = &intent->wallet,
                                               .asset = &intent->asset,
                                               .amount = intent->amount,
                                               .destination_listed = true, /* or not: the signer knows */
                                               .destination_group = listed ? &group : NULL,
                                               .returns = !digest_is_zero(&intent->returns),
                                               .requester = &intent->requester,
                                               .requester_signed = screening->seen.requester.text[0] != '\0',
                                               .at_utc_us = clock_utc_us(clock_system())};
    enum status status = policy_evaluate(&evaluation, policy, &request, fault);
    if (status == STATUS_OK) {
        *inout = *inout || evaluation_has_voice(&evaluation, policy, person);
    }
    evaluation_free(&evaluation);
    return status;
}

static enum status read_early(char out240[EVALUATION_TEXT_SIZE], const struct screening *screening,
                              const struct name *person, struct fault *fault)
{
    const struct decoded *decoded = &screening->decoded;
    struct name group;
    bool listed =
        trust_destination_group(&group, &decoded->trust, screening->destinations, &decoded->intent.destination);
    return decision_read_early(out240, decoded, &screening->seen, person, listed ? &group : NULL, fault);
}

/* Whether a vote of this key is awaited: under either version, as the service asks, not given yet, and its step come.
 */
static enum status is_awaited(bool *out, const struct screening *screening, struct fault *fault)
{
    const struct decoded *decoded = &screening->decoded;
    const struct person *person = NULL;
    char early[EVALUATION_TEXT_SIZE] = "";
    bool voice = false;
    if (decision_person(&person, decoded, screening->keyfile, NULL) != STATUS_OK) {
        *out = false; /* nobody yet in the version of that intent */
        return STATUS_OK;
    }
    for (size_t i = 0; i < screening->seen.count; i++) {
        if (name_equal(&screening->seen.approvers[i], &person->id)) {
            *out = false;
            return STATUS_OK;
        }
    }
    enum status status = ask_voice(&voice, screening, decoded->policy, &person->id, fault);
    if (status == STATUS_OK) {
        status = ask_voice(&voice, screening, decoded->trust.policy, &person->id, fault);
    }
    if (status == STATUS_OK && voice) {
        status = read_early(early, screening, &person->id, fault);
    }
    *out = status != STATUS_OK || (voice && early[0] == '\0');
    return status;
}

/* Out: the withdrawal as it stands now, with the approvals that are there now; one reference, also when it is refused.
 */
static enum status fetch(json_t **out, struct screening *screening, const struct uuid *id, struct fault *fault)
{
    char text[UUID_TEXT_SIZE];
    char path[128];
    json_t *answer = NULL;
    uuid_format(text, id);
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s", text);
    enum status status = answer_get(&answer, screening->options, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = json_incref(json_object_get(answer, "withdrawal"));
    json_decref(answer);
    bytes_free(&screening->decoded.document);
    decision_seen_wipe(&screening->seen);
    status = decoded_read(&screening->decoded, *out, id, fault);
    return status == STATUS_OK ? decision_read_seen(&screening->seen, &screening->decoded, *out, fault) : status;
}

static enum status vote(const struct screening *screening, struct fault *fault)
{
    enum approval_decision decision = APPROVAL_REJECT;
    struct signed_document document = {0};
    json_t *withdrawal = NULL;
    char id[UUID_TEXT_SIZE];
    enum status status = ask(&decision, screening, fault);
    if (status == STATUS_OK) {
        status = decision_make(&document, &screening->decoded, &screening->seen, screening->keyfile, decision, fault);
    }
    if (status == STATUS_OK) {
        status = decision_hand_in(&withdrawal, screening->options, &screening->decoded, &document, decision, fault);
    }
    if (status == STATUS_OK) {
        uuid_format(id, &screening->decoded.intent.withdrawal);
        (void)printf("withdrawal %s: %s, handed in\n", id, approval_decision_text(decision));
        (void)fflush(stdout);
    }
    json_decref(withdrawal);
    signed_document_free(&document);
    return status;
}

static void screen_one(struct screening *screening, const struct uuid *id)
{
    struct fault fault = {0};
    char text[UUID_TEXT_SIZE];
    char about[UUID_TEXT_SIZE + 32];
    json_t *withdrawal = NULL;
    bool awaited = true; /* also one that cannot be read: nobody knows that it is not for us */
    enum status status = fetch(&withdrawal, screening, id, &fault);
    if (status == STATUS_OK) {
        status = is_awaited(&awaited, screening, &fault);
    }
    json_decref(withdrawal);
    if (!awaited) {
        return;
    }
    screening->waited++;
    status = status == STATUS_OK ? vote(screening, &fault) : status;
    if (status == STATUS_OK) {
        screening->voted++;
        return;
    }
    uuid_format(text, id);
    (void)snprintf(about, sizeof(about), "withdrawal %s: no vote: ", text);
    help_print_failure(about, status, &fault);
}

/* Rounds. */

static void end_signals(sigset_t *out)
{
    (void)sigemptyset(out);
    (void)sigaddset(out, SIGTERM);
    (void)sigaddset(out, SIGINT);
}

static bool is_to_end(void)
{
    sigset_t pending;
    (void)sigpending(&pending);
    return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

static enum status screen_page(char *next, size_t size, struct screening *screening, const char *state,
                               struct fault *fault)
{
    char path[TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    (void)snprintf(path, sizeof(path), "/v1/withdrawals?state=%s%s%s", state, next[0] == '\0' ? "" : "&cursor=", next);
    enum status status = answer_get(&answer, screening->options, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_array_foreach(json_object_get(answer, "withdrawals"), i, row)
    {
        struct uuid id;
        if (!is_to_end() && uuid_parse(&id, command_service_text(text, row, "id")) == STATUS_OK) {
            screen_one(screening, &id);
        }
    }
    (void)snprintf(next, size, "%s", is_to_end() ? "" : command_service_text(text, answer, "next"));
    json_decref(answer);
    return STATUS_OK;
}

/* Who holds the key, by the policy in force: a program whose vote counts, since nobody looks at what is signed here. */
static enum status check_person(const struct screening *screening, struct fault *fault)
{
    struct digest key;
    public_key_id(&key, keyfile_public_key(screening->keyfile));
    const struct person *person = policy_find_key(NULL, screening->decoded.trust.policy, &key);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "belongs to nobody in the policy in force");
    }
    if (person->duties != DUTY_AUTOMATED) {
        return fault_set(fault, STATUS_FORBIDDEN, "key", "is of %s, who has not the duty automated: decides by eye",
                         person->id.text);
    }
    return policy_person_valid(person, clock_utc_us(clock_system()))
               ? STATUS_OK
               : fault_set(fault, STATUS_EXPIRED, "key", "is of %s, whose time is over", person->id.text);
}

static enum status screen_all(struct screening *screening, struct fault *fault)
{
    static const char *const states[] = {"approving", "reserved"}; /* a vote moves one from the second to the first */
    enum status status = STATUS_OK;
    for (size_t i = 0; i < COUNT(states) && status == STATUS_OK; i++) {
        char next[SERVICE_TEXT_SIZE] = "";
        do {
            status = screen_page(next, sizeof(next), screening, states[i], fault);
        } while (status == STATUS_OK && next[0] != '\0');
    }
    if (status == STATUS_OK && screening->voted < screening->waited) {
        status = fault_set(fault, STATUS_NOT_READY, "screen", "%zu of %zu that waited got no vote",
                           screening->waited - screening->voted, screening->waited);
    }
    return status;
}

static enum status round_of(struct screening *screening, struct fault *fault)
{
    json_t *answer = NULL;
    screening->waited = 0;
    screening->voted = 0;
    enum status status = trust_open(&screening->decoded.trust, screening->options, fault);
    if (status == STATUS_OK) {
        status = check_person(screening, fault);
    }
    if (status == STATUS_OK) {
        status = answer_get(&answer, screening->options, "/v1/destinations", fault);
    }
    screening->destinations = json_object_get(answer, "destinations");
    if (status == STATUS_OK) {
        status = screen_all(screening, fault);
    }
    json_decref(answer);
    decision_seen_wipe(&screening->seen);
    decoded_wipe(&screening->decoded);
    screening->decoded = (struct decoded){0};
    return status;
}

/* Until it is told to end, which waits for the program that runs. What a round lacked is told, and the next is tried.
 */
static enum status rounds(struct screening *screening)
{
    const struct timespec pause = {.tv_sec = (time_t)screening->options->every_s};
    sigset_t ends;
    end_signals(&ends);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    do {
        struct fault fault = {0};
        enum status status = round_of(screening, &fault);
        if (status != STATUS_OK) {
            help_print_failure("", status, &fault);
        }
    } while (sigtimedwait(&ends, NULL, &pause) < 0);
    return STATUS_OK;
}

enum status command_screen(const struct command_input *input, struct fault *fault)
{
    struct screening screening = {.options = input->options};
    if (input->options->command[0] != '/') {
        return fault_set(fault, STATUS_USAGE, "command", "name the program by its absolute path");
    }
    if (input->options->passphrase_file[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "passphrase-file", "name the file: nobody is there to be asked");
    }
    enum status status = command_open_key(&screening.keyfile, input->options, fault);
    if (status == STATUS_OK) {
        status = input->options->every_s == 0 ? round_of(&screening, fault) : rounds(&screening);
    }
    keyfile_free(screening.keyfile);
    return status;
}
