/*
 * Questions of compliance officers to the trail, as words NAME=VALUE that the service judges. What it shows is not
 * proven here: custody-verify proves an export of the same question.
 */
#include <inttypes.h>

#include "answer.h"
#include "client.h"
#include "commands.h"

#define PATH_SIZE 4096
#define FOUND_ENOUGH 100

struct question {
    char path[PATH_SIZE];
    size_t len;
};

static bool append_encoded(struct question *question, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                     (text[i] >= '0' && text[i] <= '9') || text[i] == '-' || text[i] == '_' || text[i] == '.';
        if (question->len + 4 > sizeof(question->path)) {
            return false;
        }
        question->len += (size_t)snprintf(question->path + question->len, sizeof(question->path) - question->len,
                                          plain ? "%c" : "%%%02X", (unsigned char)text[i]);
    }
    return true;
}

static bool append_word(struct question *question, const char *word)
{
    size_t name = strcspn(word, "=");
    if (question->len + 2 > sizeof(question->path)) {
        return false;
    }
    question->path[question->len] = strchr(question->path, '?') == NULL ? '?' : '&';
    question->path[++question->len] = '\0';
    bool good = append_encoded(question, word, name) && question->len + 2 <= sizeof(question->path);
    if (good) {
        question->path[question->len] = '=';
        question->path[++question->len] = '\0';
    }
    return good && append_encoded(question, word + name + 1, strlen(word + name + 1));
}

/* The words as a query; `cursor` (NULL: none) stands for theirs. */
static enum status question_write(struct question *out, const char *resource, const struct command_input *input,
                                  const char *cursor, struct fault *fault)
{
    char last[SERVICE_TEXT_SIZE + 8];
    out->len = (size_t)snprintf(out->path, sizeof(out->path), "%s", resource);
    bool good = true;
    for (int i = 0; good && i < input->count; i++) {
        const char *word = input->words[i];
        if (strchr(word, '=') == NULL || word[0] == '=') {
            return fault_set(fault, STATUS_USAGE, "NAME=VALUE", "a condition is a name, = and a value");
        }
        good = (cursor != NULL && strncmp(word, "cursor=", 7) == 0) || append_word(out, word);
    }
    if (good && cursor != NULL) {
        (void)snprintf(last, sizeof(last), "cursor=%s", cursor);
        good = append_word(out, last);
    }
    return good ? STATUS_OK : fault_set(fault, STATUS_USAGE, "NAME=VALUE", "the question is too long");
}

static void print_entry(const json_t *row)
{
    static const char *const members[] = {"ts", "actor", "act", "outcome", "otype", "oid"};
    char text[SERVICE_TEXT_SIZE];
    (void)printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(row, "seq")));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_object_get(row, members[i]) != NULL) {
            (void)printf(" %s", command_service_text(text, row, members[i]));
        }
    }
    (void)printf("\n");
}

/* One answer. Out: its `next`, "" for the last one. */
static enum status ask(json_t **out, char next[SERVICE_TEXT_SIZE], const char *resource,
                       const struct command_input *input, const char *cursor, struct fault *fault)
{
    struct question question;
    enum status status = question_write(&question, resource, input, cursor, fault);
    if (status == STATUS_OK) {
        status = answer_get(out, input->options, question.path, fault);
    }
    if (status == STATUS_OK) {
        (void)command_service_text(next, *out, "next");
    }
    return status;
}

enum status command_audit_search(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    size_t found = 0;
    enum status status = STATUS_OK;
    do { /* a page may be empty and not the last */
        json_t *answer = NULL;
        json_t *row = NULL;
        size_t i = 0;
        char cursor[SERVICE_TEXT_SIZE];
        (void)snprintf(cursor, sizeof(cursor), "%s", next);
        status = ask(&answer, next, "/v1/audit/entries", input, cursor[0] == '\0' ? NULL : cursor, fault);
        const json_t *entries = json_object_get(answer, "entries");
        found += json_array_size(entries);
        if (status == STATUS_OK && input->options->json) { /* one document for each page */
            status = answer_print_json(answer, JSON_INDENT(2), fault);
        }
        json_array_foreach(input->options->json ? NULL : entries, i, row)
        {
            print_entry(row);
        }
        json_decref(answer);
    } while (status == STATUS_OK && next[0] != '\0' && found < FOUND_ENOUGH);
    if (status == STATUS_OK && next[0] != '\0' && !input->options->json) {
        (void)printf("there may be more: the same with cursor=%s\n", next);
    }
    return status;
}

enum status command_audit_count(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    json_int_t count = 0;
    enum status status = STATUS_OK;
    do {
        json_t *answer = NULL;
        char cursor[SERVICE_TEXT_SIZE];
        (void)snprintf(cursor, sizeof(cursor), "%s", next);
        status = ask(&answer, next, "/v1/audit/count", input, cursor[0] == '\0' ? NULL : cursor, fault);
        count += json_integer_value(json_object_get(answer, "count"));
        json_decref(answer);
    } while (status == STATUS_OK && next[0] != '\0');
    if (status == STATUS_OK) {
        (void)printf(input->options->json ? "{\"count\":%" JSON_INTEGER_FORMAT "}\n" : "%" JSON_INTEGER_FORMAT "\n",
                     count);
    }
    return status;
}

enum status command_audit_export(const struct command_input *input, struct fault *fault)
{
    struct question question;
    enum status status = question_write(&question, "/v1/audit/export", input, NULL, fault);
    return status == STATUS_OK ? command_fetch(input->options, question.path, fault) : status;
}
