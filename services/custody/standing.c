/*
 * Where a withdrawal stands, in words: what an open one waits for, how the others have ended. The service's word, told
 * as such; what people signed is decision.c's.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"

/* `step` is NULL for all: the first row that fits is taken. */
static const struct {
    const char *code;
    const char *step;
    const char *words;
} waits[] = {
    {"not_ready", "announce",
     "the veto window of its rule, in which one person may veto it, or before that a signed checkpoint over its entry"},
    {"not_ready", "record",
     "the cooling-off of its destination's entry of the allow-list, or a signed checkpoint over its request"},
    {"not_ready", "sign",
     "a signed checkpoint over its entry, cosigned by the witnesses where its tier waits for them"},
    {"corrupt", NULL,
     "what was stored of it is altered, or entries of it are missing in the trail; no new try mends that (custody "
     "alarms, docs/incident.md)"},
    {"limit_exceeded", NULL, "a limit over time has no room for it yet"},
    {"outside_hours", NULL, "the policy allows it at other hours"},
    {"key_inactive", NULL, "its key does not sign in its state, or wallet or asset is frozen"},
    {"token", NULL, "the token of its key does not answer"},
    {"unavailable", NULL, "a part that it needs does not answer"},
    {"timed_out", NULL, "a part that it needs did not answer in time"},
};

const char *answer_waiting(char out[ANSWER_STANDING_SIZE], const json_t *withdrawal)
{
    const json_t *waiting = json_object_get(withdrawal, "waiting");
    const char *words = "the step is tried again by itself";
    char step[SERVICE_TEXT_SIZE];
    char code[SERVICE_TEXT_SIZE];
    char since[SERVICE_TEXT_SIZE];
    char until[SERVICE_TEXT_SIZE];
    out[0] = '\0';
    if (json_is_true(json_object_get(withdrawal, "unrecorded"))) {
        (void)snprintf(out, ANSWER_STANDING_SIZE,
                       "goes no further: the audit trail has no entry of its request "
                       "(unrecorded); it is cancelled or rejected, or expires");
        return out;
    }
    if (waiting == NULL) {
        return out;
    }
    (void)command_service_text(step, waiting, "step");
    (void)command_service_text(code, waiting, "for");
    (void)command_service_text(since, waiting, "since");
    (void)command_service_text(until, waiting, "until");
    for (size_t i = sizeof(waits) / sizeof(waits[0]); i > 0; i--) {
        bool fits =
            strcmp(code, waits[i - 1].code) == 0 && (waits[i - 1].step == NULL || strcmp(step, waits[i - 1].step) == 0);
        words = fits ? waits[i - 1].words : words;
    }
    (void)snprintf(out, ANSWER_STANDING_SIZE, "waits%s%s: %s (%s: %s since %s)", until[0] == '\0' ? "" : " until ",
                   until, words, step, code, since);
    return out;
}

/* Whose rejection it shows; the document is not verified here. */
static const char *find_rejecter(char out[SERVICE_TEXT_SIZE], const json_t *withdrawal)
{
    json_t *row = NULL;
    size_t i = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(withdrawal, "approvals"), i, row)
    {
        const char *text = json_string_value(json_object_get(row, "document"));
        json_t *document = text == NULL ? NULL : json_loads(text, 0, NULL);
        char decision[SERVICE_TEXT_SIZE];
        if (strcmp(command_service_text(decision, document, "decision"), "reject") == 0) {
            (void)command_service_text(out, document, "approver");
        }
        json_decref(document);
    }
    return out;
}

/* A member of the row, said after words. */
static const struct {
    const char *state;
    const char *words;
    const char *member;
} ends[] = {
    {"rejected", "rejected: ", "reason"},         {"expired", "expired at ", "expires_at"},
    {"cancelled", "cancelled", "reason"},         {"failed", "failed: ", "reason"},
    {"quarantined", "in quarantine: ", "reason"},
};

const char *answer_end_words(char out[ANSWER_STANDING_SIZE], const json_t *withdrawal)
{
    const json_t *veto = json_object_get(withdrawal, "veto");
    char state[SERVICE_TEXT_SIZE];
    char who[SERVICE_TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    out[0] = '\0';
    (void)command_service_text(state, withdrawal, "state");
    if (veto != NULL) {
        (void)snprintf(out, ANSWER_STANDING_SIZE, "vetoed by %s, reason %s", command_service_text(who, veto, "by"),
                       command_service_text(text, veto, "reason"));
    } else if (strcmp(state, "rejected") == 0 && find_rejecter(who, withdrawal)[0] != '\0') {
        (void)snprintf(out, ANSWER_STANDING_SIZE, "rejected by %s", who);
    } else if (strcmp(state, "confirmed") == 0) {
        (void)snprintf(out, ANSWER_STANDING_SIZE, "confirmed at height %lld",
                       (long long)json_integer_value(json_object_get(withdrawal, "height")));
    }
    for (size_t i = 0; out[0] == '\0' && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(state, ends[i].state) == 0) {
            (void)snprintf(out, ANSWER_STANDING_SIZE, "%s%s", ends[i].words,
                           command_service_text(text, withdrawal, ends[i].member));
        }
    }
    return out;
}

static void print_freeze(const json_t *withdrawal, const json_t *freeze)
{
    char state[SERVICE_TEXT_SIZE];
    char scope[SERVICE_TEXT_SIZE];
    char subject[SERVICE_TEXT_SIZE];
    char own[SERVICE_TEXT_SIZE];
    char reason[SERVICE_TEXT_SIZE];
    char since[SERVICE_TEXT_SIZE];
    (void)command_service_text(scope, freeze, "scope");
    (void)command_service_text(subject, freeze, "subject");
    bool all = strcmp(scope, "everything") == 0;
    bool frozen = strcmp(command_service_text(state, freeze, "state"), "frozen") == 0;
    if (frozen && (all || strcmp(command_service_text(own, withdrawal, scope), subject) == 0)) {
        (void)printf("frozen: %s%s%s, %s since %s (custody freeze list)\n", scope, all ? "" : " ", subject,
                     command_service_text(reason, freeze, "reason"), command_service_text(since, freeze, "since"));
    }
}

static void print_witnesses(const json_t *waiting)
{
    char name[SERVICE_TEXT_SIZE];
    char reason[SERVICE_TEXT_SIZE];
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(waiting, "witnesses"), i, row)
    {
        (void)printf("does not cosign: %s, %s (docs/witnesses.md)\n", command_service_text(name, row, "name"),
                     command_service_text(reason, row, "reason"));
    }
}

void answer_print_causes(const struct custody_options *options, const json_t *withdrawal)
{
    const json_t *waiting = json_object_get(withdrawal, "waiting");
    char code[SERVICE_TEXT_SIZE];
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    print_witnesses(waiting);
    if (strcmp(command_service_text(code, waiting, "for"), status_info(STATUS_KEY_INACTIVE)->code) != 0) {
        return;
    }
    if (answer_get(&answer, options, "/v1/freezes", NULL) != STATUS_OK) {
        (void)fprintf(stderr, "why it waits could not be asked (/v1/freezes)\n");
    }
    json_array_foreach(json_object_get(answer, "freezes"), i, row)
    {
        print_freeze(withdrawal, row);
    }
    json_decref(answer);
}
