/*
 * Questions of compliance officers to the trail. What is shown is what the bytes of the entries say, marked where the
 * service or the bytes themselves speak against a row; proven it is not here: custody-verify proves an export.
 */
#include <inttypes.h>

#include "answer.h"
#include "audit_entry.h"
#include "audit_question.h"

#define FOUND_ENOUGH 100
#define PAGE_MAX 500
#define LIMIT_MAX 1000000

/* One answer. Out: its `next`, "" for the last one. */
static enum status ask(json_t **out, char next[SERVICE_TEXT_SIZE], const char *resource,
                       const struct command_input *input, const struct audit_instead *instead, struct fault *fault)
{
    struct audit_question question;
    enum status status = audit_question_write(&question, resource, input, instead, fault);
    if (status == STATUS_OK) {
        status = answer_get(out, input->options, question.path, fault);
    }
    if (status == STATUS_OK) {
        (void)command_service_text(next, *out, "next");
    }
    return status;
}

struct search {
    const struct command_input *input;
    const struct trust *trust; /* NULL: none */
    size_t wanted;
    size_t found;
    size_t doubted;
};

static enum status read_limit(size_t *out, const struct command_input *input, struct fault *fault)
{
    const char *text = audit_question_word(input, "limit");
    char *end = NULL;
    unsigned long long limit = text == NULL ? FOUND_ENOUGH : strtoull(text, &end, 10);
    if (text != NULL && (text[0] < '1' || text[0] > '9' || *end != '\0' || limit > LIMIT_MAX)) {
        return fault_set(fault, STATUS_INVALID, "limit", "must be a number of entries, 1 to %d", LIMIT_MAX);
    }
    *out = (size_t)limit;
    return STATUS_OK;
}

/* One document for each page with --json. */
static enum status show_page(struct search *search, const json_t *answer, struct fault *fault)
{
    bool json = search->input->options->json;
    const json_t *entries = json_object_get(answer, "entries");
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(entries, i, row)
    {
        search->doubted += audit_entry_print(json ? NULL : stdout, search->trust, row) ? 0 : 1;
    }
    search->found += json_array_size(entries);
    return json ? answer_print_json(answer, JSON_INDENT(2), fault) : STATUS_OK;
}

static enum status search_pages(struct search *search, struct audit_instead *instead, char next[SERVICE_TEXT_SIZE],
                                struct fault *fault)
{
    enum status status = STATUS_OK;
    do { /* a page may be empty and not the last */
        char cursor[SERVICE_TEXT_SIZE];
        json_t *answer = NULL;
        size_t left = search->wanted - search->found;
        (void)snprintf(cursor, sizeof(cursor), "%s", next);
        instead->cursor = cursor[0] == '\0' ? NULL : cursor;
        instead->limit = (unsigned)(left < PAGE_MAX ? left : PAGE_MAX);
        status = ask(&answer, next, "/v1/audit/entries", search->input, instead, fault);
        instead->cursor = NULL; /* it was this page's */
        if (status == STATUS_OK) {
            status = show_page(search, answer, fault);
        }
        json_decref(answer);
    } while (status == STATUS_OK && next[0] != '\0' && search->found < search->wanted);
    return status;
}

static enum status search_end(const struct search *search, const char *next, struct fault *fault)
{
    if (search->found == 0 && !search->input->options->json) {
        (void)printf("0 entries\n");
    }
    if (next[0] != '\0' && !search->input->options->json) {
        (void)printf("there may be more: the same with cursor=%s\n", next);
    }
    return search->doubted == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_PROOF_INVALID, "entries",
                           "%zu of %zu rows are not shown to be what was signed", search->doubted, search->found);
}

enum status command_audit_search(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    struct audit_instead instead = {0};
    struct trust trust = {0};
    struct search search = {.input = input};
    enum status status = read_limit(&search.wanted, input, fault);
    if (status == STATUS_OK) {
        status = audit_question_asset(&instead, input, fault);
    }
    if (status == STATUS_OK && !input->options->json && answer_trust(&trust, input->options, NULL) == STATUS_OK) {
        search.trust = &trust;
    }
    if (status == STATUS_OK) {
        status = search_pages(&search, &instead, next, fault);
    }
    if (status == STATUS_OK) {
        status = search_end(&search, next, fault);
    }
    trust_wipe(&trust);
    return status;
}

enum status command_audit_count(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    struct audit_instead instead = {0};
    json_int_t count = 0;
    enum status status = audit_question_asset(&instead, input, fault);
    while (status == STATUS_OK) {
        json_t *answer = NULL;
        char cursor[SERVICE_TEXT_SIZE];
        (void)snprintf(cursor, sizeof(cursor), "%s", next);
        instead.cursor = cursor[0] == '\0' ? NULL : cursor;
        status = ask(&answer, next, "/v1/audit/count", input, &instead, fault);
        count += json_integer_value(json_object_get(answer, "count"));
        json_decref(answer);
        if (next[0] == '\0') {
            break;
        }
    }
    if (status == STATUS_OK) {
        (void)printf(input->options->json ? "{\"count\":%" JSON_INTEGER_FORMAT "}\n" : "%" JSON_INTEGER_FORMAT "\n",
                     count);
    }
    return status;
}
