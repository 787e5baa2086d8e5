/*
 * The media ledger for people: what is kept where, telling what happened to it, and confirming what somebody else told.
 * It decides nothing: who may confirm an entry, the service knows by the login.
 */
#include "answer.h"
#include "client.h"
#include "commands.h"
#include "describe.h"

/* A member of a request and the option that gives it; one that is not given is left out. */
struct given {
    const char *member;
    const char *value;
};

static enum status check_word(const char *text, const char *where, struct fault *fault)
{
    struct name name;
    return name_parse(&name, text) == STATUS_OK ? STATUS_OK
                                                : fault_set(fault, STATUS_USAGE, where, "must be a word of [a-z0-9-]");
}

static enum status media_path(char *out, size_t size, const struct command_input *input, const char *answer,
                              struct fault *fault)
{
    struct uuid entry;
    enum status status = check_word(input->words[0], "serial", fault);
    if (status == STATUS_OK && answer != NULL && uuid_parse(&entry, input->words[1]) != STATUS_OK) {
        status = fault_set(fault, STATUS_USAGE, "entry", "must be the id that custody media list shows");
    }
    if (status == STATUS_OK) {
        (void)snprintf(out, size, "/v1/media/%s/entries%s%s%s%s", input->words[0], answer == NULL ? "" : "/",
                       answer == NULL ? "" : input->words[1], answer == NULL ? "" : "/", answer == NULL ? "" : answer);
    }
    return status;
}

static enum status make_body(json_t **out, const struct given *given, size_t count, struct fault *fault)
{
    json_t *body = json_object();
    bool good = body != NULL;
    for (size_t i = 0; good && i < count; i++) {
        good =
            given[i].value[0] == '\0' || json_object_set_new(body, given[i].member, json_string(given[i].value)) == 0;
    }
    if (!good) {
        json_decref(body);
        return fault_set(fault, STATUS_NO_MEMORY, "body", "%s", "");
    }
    *out = body;
    return STATUS_OK;
}

static enum status send(const struct custody_options *options, const char *path, const json_t *body,
                        struct fault *fault)
{
    const struct client_call call = {.method = "POST", .path = path, .body = body};
    json_t *answer = NULL;
    char texts[3][SERVICE_TEXT_SIZE];
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK && options->json) {
        status = answer_print_json(answer, JSON_COMPACT, fault);
    } else if (status == STATUS_OK) {
        const char *entry = command_service_text(texts[0], answer, "entry");
        const char *serial = command_service_text(texts[1], answer, "serial");
        const char *state = command_service_text(texts[2], answer, "state");
        (void)printf("entry %s of %s is %s\n", entry, serial, state);
        if (strcmp(state, "open") == 0) {
            (void)printf("it counts when %s has run: custody media confirm %s %s\n", options->second, serial, entry);
        }
    }
    json_decref(answer);
    return status;
}

static enum status tell(const struct custody_options *options, const char *path, const struct given *given,
                        size_t count, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = options->second[0] == '\0'
                             ? fault_set(fault, STATUS_USAGE, "second", "name the other person who was there")
                             : make_body(&body, given, count, fault);
    if (status == STATUS_OK) {
        status = send(options, path, body, fault);
    }
    json_decref(body);
    return status;
}

enum status command_media_add(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    const struct given given[] = {{"serial", input->words[0]},      {"kind", input->words[1]},
                                  {"place", options->place},        {"custodian", options->custodian},
                                  {"inspection_due", options->due}, {"second", options->second}};
    return tell(options, "/v1/media", given, sizeof(given) / sizeof(given[0]), fault);
}

enum status command_media_tell(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    char path[256];
    const struct given given[] = {{"act", input->words[1]},          {"reason", options->reason},
                                  {"second", options->second},       {"place", options->place},
                                  {"custodian", options->custodian}, {"inspection_due", options->due},
                                  {"tool", options->tool},           {"method", options->method}};
    enum status status = media_path(path, sizeof(path), input, NULL, fault);
    return status == STATUS_OK ? tell(options, path, given, sizeof(given) / sizeof(given[0]), fault) : status;
}

static enum status answer(const struct command_input *input, const char *word, struct fault *fault)
{
    char path[256];
    enum status status = media_path(path, sizeof(path), input, word, fault);
    return status == STATUS_OK ? send(input->options, path, NULL, fault) : status;
}

enum status command_media_confirm(const struct command_input *input, struct fault *fault)
{
    return answer(input, "confirm", fault);
}

enum status command_media_refuse(const struct command_input *input, struct fault *fault)
{
    return answer(input, "refuse", fault);
}

/* Listing */

static void print_members(const json_t *row, const char *const (*members)[2], size_t count)
{
    char text[SERVICE_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        if (command_service_text(text, row, members[i][1])[0] != '\0') {
            describe_row(stdout, members[i][0], "%s", text);
        }
    }
}

static void print_medium(const json_t *row)
{
    static const char *const members[][2] = {
        {"place", "place"}, {"custodian", "custodian"}, {"inspection due", "inspection_due"}};
    static const char *const claims[][2] = {
        {"told by", "told_by"}, {"told at", "told_at"},        {"reason", "reason"},
        {"to place", "place"},  {"to custodian", "custodian"}, {"next inspection", "inspection_due"},
        {"tool", "tool"},       {"method", "method"}};
    char texts[3][SERVICE_TEXT_SIZE];
    const json_t *open = json_object_get(row, "open");
    (void)printf("%s %s, %s\n", command_service_text(texts[0], row, "serial"),
                 command_service_text(texts[1], row, "kind"), command_service_text(texts[2], row, "state"));
    print_members(row, members, sizeof(members) / sizeof(members[0]));
    if (open != NULL) {
        describe_row(stdout, "UNCONFIRMED", "%s, entry %s waits for %s", command_service_text(texts[0], open, "act"),
                     command_service_text(texts[1], open, "id"), command_service_text(texts[2], open, "second"));
        print_members(open, claims, sizeof(claims) / sizeof(claims[0]));
    }
}

enum status command_media_list(const struct command_input *input, struct fault *fault)
{
    return client_list(input->options, "/v1/media", "media", print_medium, fault);
}
