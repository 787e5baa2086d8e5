/*
 * Commands to a signer in words. What each action does to a key is said here, for people, and nowhere decided: the
 * signer knows nothing of these texts.
 */
#include "describe.h"

#include "policy/subject.h"

#define QUORUM "the governance quorum of the policy"
#define ANY_ONE "one person: administrator, approver, custodian or operator"

static const struct {
    enum command_action action;
    const char *signers;
    const char *effect;
} actions[] = {
    {COMMAND_GUARD_INITIALISE, QUORUM, "a new guard is made; the signer then follows this policy and no other"},
    {COMMAND_KEY_ADMIT, QUORUM, "the key becomes one of ours, inactive: it attests its address and signs nothing else"},
    {COMMAND_KEY_ACTIVATE, QUORUM, "the key signs for its purpose, within the box below"},
    {COMMAND_KEY_DEACTIVATE, ANY_ONE, "the key stops signing; the quorum may activate it again"},
    {COMMAND_KEY_SUSPEND, ANY_ONE, "the key stops at once; only the quorum brings it back"},
    {COMMAND_KEY_RESUME, QUORUM, "a suspended key becomes inactive; it still signs nothing before it is activated"},
    {COMMAND_KEY_RETIRE, QUORUM, "the key never signs for its purpose again; it may be swept to listed destinations"},
    {COMMAND_KEY_COMPROMISE, QUORUM,
     "the key counts as known to others, for ever; it may be swept to its emergency addresses alone"},
    {COMMAND_KEY_DESTROY, QUORUM,
     "given once: a wait of seven days begins. Given again after it: the key is gone FOR EVER, with all it holds"},
    {COMMAND_FREEZE, ANY_ONE, "nothing below is signed from now on; only the quorum thaws it"},
    {COMMAND_THAW, QUORUM, "what is below is signed again"},
    {COMMAND_POLICY_VETO, ANY_ONE,
     "the version of the policy below takes one administrator more, or it is dropped when its time comes"},
    {COMMAND_WITHDRAWAL_VETO, ANY_ONE, "the withdrawal of the intent below is never signed, if it has not been yet"},
    {COMMAND_DESTINATION_REVOKE, ANY_ONE, "nothing is signed by the entry of the allow-list below any more, for ever"},
    {COMMAND_PERSON_SUSPEND, ANY_ONE, "nothing that the person below signed or signs lets anything pass any more"},
    {COMMAND_PERSON_RESUME, QUORUM,
     "what the person below signed and signs counts again; what waits for no more than that goes on"},
    {COMMAND_PII_REVEAL, "one auditor",
     "you are shown personal data of the subject below, on this case; it is counted and told to the trail"},
    {COMMAND_PII_ERASE, QUORUM,
     "personal data of the subject below is forgotten FOR EVER: its key is destroyed, in every copy of the database"},
    {COMMAND_LOG_ROTATE, QUORUM,
     "the key below signs the audit trail, beside the one that it follows and then alone; outsiders trust it by this "
     "order"},
    {COMMAND_LOG_FORK, QUORUM,
     "the audit trail ENDS as below, for ever, and begins anew under the next origin; entries beyond are disowned"},
    {COMMAND_KEY_SWEEP, QUORUM, "a retained or compromised key signs the one transfer of this intent"},
};

static void describe_box(FILE *stream, const struct command *command)
{
    char time[TIME_TEXT_SIZE];
    time_format(time, command->until);
    describe_row(stream, "box", "until %s, at most %llu signatures", time, (unsigned long long)command->signatures);
}

static void describe_target(FILE *stream, const struct command *command)
{
    static const char *const effects[] = {
        [FREEZE_ASSET] = "every transfer of this asset",
        [FREEZE_WALLET] = "every transfer of this wallet",
        [FREEZE_EVERYTHING] = "every transfer of every wallet",
    };
    const struct freeze_target *target = &command->target;
    describe_row(stream, "what", "%s", effects[target->scope]);
    if (target->scope != FREEZE_EVERYTHING) {
        describe_row(stream, freeze_scope_text(target->scope), "%s", target->subject);
    }
    if (command->action == COMMAND_THAW) {
        describe_row(stream, "only if", "it is freeze %llu", (unsigned long long)command->on);
    }
}

static void describe_person(FILE *stream, const struct command *command)
{
    describe_row(stream, "person", "%s", command->person.text);
    if (command->action == COMMAND_PERSON_RESUME) {
        describe_row(stream, "only if", "it is suspension %llu of this person, or one before",
                     (unsigned long long)command->on);
    }
}

static void describe_subject(FILE *stream, const struct command *command)
{
    char text[SUBJECT_FIELDS_SIZE];
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &command->data_subject);
    describe_row(stream, "subject", "%s", id);
    if (command->action == COMMAND_PII_REVEAL) {
        subject_fields_format(text, command->fields);
        describe_row(stream, "fields", "%s", text);
        describe_row(stream, "case", "%s", command->case_id.text);
        describe_digest(stream, "sealed for", &command->to);
    }
}

/* What a key action has beyond the fields of all. */
static void describe_order(FILE *stream, const struct command *command)
{
    if (command->from != 0) {
        describe_row(stream, "only if", "the key is %s", key_state_text(command->from));
    }
    bool of_key = command->action != COMMAND_PERSON_RESUME && command->action != COMMAND_THAW;
    if (command->on != 0 && of_key) { /* another history of the key, another order */
        describe_row(stream, command->from == 0 ? "only if" : "",
                     "its state has changed %llu times (on, in custody key list)", (unsigned long long)command->on);
    }
    if (command->action == COMMAND_KEY_ADMIT) {
        describe_digest(stream, "key document", &command->document);
    }
    if (command->action == COMMAND_KEY_ACTIVATE) {
        describe_box(stream, command);
    }
    if (command->action == COMMAND_KEY_SWEEP) {
        describe_digest(stream, "intent", &command->intent);
    }
    describe_row(stream, "reason", "%s", command->reason.text);
    describe_time(stream, "good until", command->expires_at);
}

/* What it is about. */
static void describe_object(FILE *stream, const struct command *command)
{
    if (command->action == COMMAND_FREEZE || command->action == COMMAND_THAW) {
        describe_target(stream, command);
    } else if (command->action == COMMAND_POLICY_VETO || command->action == COMMAND_WITHDRAWAL_VETO) {
        describe_digest(stream, "against", &command->subject);
    } else if (command->action == COMMAND_DESTINATION_REVOKE) {
        describe_digest(stream, "entry", &command->subject);
    } else if (command->action == COMMAND_PERSON_SUSPEND || command->action == COMMAND_PERSON_RESUME) {
        describe_person(stream, command);
    } else if (command->action == COMMAND_PII_REVEAL || command->action == COMMAND_PII_ERASE) {
        describe_subject(stream, command);
    } else {
        describe_digest(stream, "key", &command->key);
    }
    if (command->action == COMMAND_LOG_ROTATE) {
        describe_row(stream, "trail", "%s", command->log);
        describe_digest(stream, "follows", &command->retires);
        describe_row(stream, "alone from", "%llu entries on", (unsigned long long)command->size);
    }
    if (command->action == COMMAND_LOG_FORK) {
        describe_row(stream, "trail", "%s", command->log);
        describe_row(stream, "after", "%llu entries", (unsigned long long)command->size);
        describe_digest(stream, "with root", &command->root);
    }
}

enum status describe_command(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct command command;
    size_t row = 0;
    enum status status = command_decode(&command, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    while (row < sizeof(actions) / sizeof(actions[0]) && actions[row].action != command.action) {
        row++;
    }
    if (row == sizeof(actions) / sizeof(actions[0])) {
        return fault_set(fault, STATUS_VERSION, "action", "this program has no words for it: nothing is signed");
    }
    (void)fprintf(stream, "command %s\n", command_action_text(command.action));
    describe_row(stream, "effect", "%s", actions[row].effect);
    describe_object(stream, &command);
    const char *role = command.role == 0 ? NULL : signer_role_text(command.role);
    const char *all = command.action == COMMAND_LOG_ROTATE || command.action == COMMAND_LOG_FORK
                          ? "roles audit and transfer"
                          : "every one";
    describe_row(stream, "signer", "%s%s", role == NULL ? all : "role ", role == NULL ? "" : role);
    if (command.action == COMMAND_GUARD_INITIALISE) {
        describe_row(stream, "trail", "%s", command.log[0] == '\0' ? "none" : command.log);
    } else {
        describe_order(stream, &command);
    }
    describe_time(stream, "issued", command.issued_at);
    describe_row(stream, "ledger", "%s", command.environment.text);
    describe_digest(stream, "chain", &command.chain);
    describe_digest(stream, "policy", &command.policy);
    describe_row(stream, "to be signed", "by %s", actions[row].signers);
    return STATUS_OK;
}
