/*
 * What is in alarm at the service, for people: show it, and say that one has seen it. Ending an alarm is ending its
 * cause; nothing here does.
 */
#include "alarm_words.h"
#include "answer.h"
#include "base/digest.h"
#include "client.h"
#include "commands.h"
#include "describe.h"

/* A text of the service that stands alone, fit for a terminal. */
static void print_text(const char *name, json_t *text)
{
    char shown[SERVICE_TEXT_SIZE];
    json_t *holder = json_pack("{s:O}", "text", text);
    describe_row(stdout, name, "%s", command_service_text(shown, holder, "text"));
    json_decref(holder);
}

static void print_facts(json_t *facts)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(facts, name, value)
    {
        char shown[SERVICE_TEXT_SIZE];
        json_t *holder = json_pack("{s:s}", "name", name);
        print_text(command_service_text(shown, holder, "name"), value);
        json_decref(holder);
    }
}

/* What ends a refusal of a witness, which waiting does not; NULL for all else. */
static const char *first_of_reason(const json_t *row, const char *code)
{
    char reason[SERVICE_TEXT_SIZE];
    (void)command_service_text(reason, json_object_get(row, "facts"), "reason");
    if (strcmp(code, "witness.down") != 0) {
        return NULL;
    }
    if (strcmp(reason, status_info(STATUS_UNKNOWN_KEY)->code) == 0) {
        return "at the witness: custody witness rotate (docs/witnesses.md)";
    }
    return strcmp(reason, status_info(STATUS_NOT_FOUND)->code) == 0 ? "a new witness, for this log (docs/witnesses.md)"
                                                                    : NULL;
}

static void print_words(const json_t *row, const char *code)
{
    const struct alarm_words *words = alarm_words_find(code);
    const char *first = first_of_reason(row, code);
    if (words == NULL) {
        describe_row(stdout, "means", "this program does not know; docs/keys.md of the service's version does");
        return;
    }
    describe_row(stdout, "means", "%s", words->means);
    describe_row(stdout, "to do", "%s", first == NULL ? words->first : first);
}

/* To say so would be an entry, and there are none. */
static const char *unanswered(const char *code)
{
    return strcmp(code, "trail.halted") == 0
               ? "NO, and nobody can say so before the trail goes on (docs/keys.md, docs/incident.md)"
               : "NO, two people say so: custody alarms --acknowledge ID";
}

static void print_people(const json_t *row, const char *code)
{
    const json_t *people = json_object_get(row, "acknowledged");
    const json_t *duties = json_object_get(row, "concerns");
    for (size_t i = 0; i < json_array_size(duties); i++) {
        print_text(i == 0 ? "concerns" : "", json_array_get(duties, i));
    }
    for (size_t i = 0; i < json_array_size(people); i++) {
        print_text(i == 0 ? "seen by" : "", json_object_get(json_array_get(people, i), "person"));
    }
    if (!json_is_true(json_object_get(row, "answered"))) {
        describe_row(stdout, "answered", "%s", unanswered(code));
    }
}

static void print_alarm(const json_t *row)
{
    char code[SERVICE_TEXT_SIZE];
    char type[SERVICE_TEXT_SIZE];
    char object[SERVICE_TEXT_SIZE];
    char text[SERVICE_TEXT_SIZE];
    (void)printf("%s %s %s\n", command_service_text(code, row, "code"), command_service_text(type, row, "object_type"),
                 command_service_text(object, row, "object_id"));
    print_words(row, code);
    describe_row(stdout, "id", "%s", command_service_text(text, row, "id"));
    describe_row(stdout, "since", "%s", command_service_text(text, row, "since"));
    describe_row(stdout, "first seen", "%s", command_service_text(text, row, "first_seen"));
    print_facts(json_object_get(row, "facts"));
    print_people(row, code);
}

static enum status acknowledge(const struct custody_options *options, struct fault *fault)
{
    char path[128];
    struct digest id;
    json_t *answer = NULL;
    if (digest_parse(&id, options->acknowledge) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "acknowledge", "must be the id that custody alarms shows");
    }
    (void)snprintf(path, sizeof(path), "/v1/alarms/%s/acknowledge", options->acknowledge);
    const struct client_call call = {.method = "POST", .path = path};
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK && options->json) {
        status = answer_print_json(answer, JSON_COMPACT, fault);
    } else if (status == STATUS_OK) {
        print_alarm(json_object_get(answer, "alarm"));
    }
    json_decref(answer);
    return status;
}

enum status command_alarms(const struct command_input *input, struct fault *fault)
{
    return input->options->acknowledge[0] == '\0'
               ? client_list(input->options, "/v1/alarms", "alarms", print_alarm, fault)
               : acknowledge(input->options, fault);
}
