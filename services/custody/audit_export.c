/*
 * Exports and proofs of the trail, which the service is asked for; a copy is exported without it. They are written as
 * they come, and what the service says against rows of them is counted as they pass; custody-verify proves them.
 */
#include <inttypes.h>

#include "answer.h"
#include "audit_copy.h"
#include "audit_question.h"
#include "client.h"

/* What passed of an export. Its form is the service's; a line of it may come in any number of pieces. */
struct passing {
    bool csv;
    uint64_t lines;
    uint64_t doubted;
    char before[2];    /* the two characters that passed last */
    size_t matched;    /* of the member below */
    bool line_doubted; /* the line that passes */
    char corrupt[AUDIT_CORRUPT_SIZE];
};

/* Within a text of JSON there is no quotation mark without a backslash. */
static const char doubt_member[] = "\"doubt\":";

/* A record of CSV ends with the column of doubts, which is empty; the first one names the columns. */
static void end_line(struct passing *passing)
{
    if (passing->csv) {
        passing->line_doubted = passing->lines > 0 && passing->before[0] != ',';
    }
    passing->lines++;
    passing->doubted += passing->line_doubted ? 1 : 0;
    passing->line_doubted = false;
    passing->matched = 0;
}

static void see(void *context, const char *data, size_t len)
{
    struct passing *passing = context;
    for (size_t i = 0; i < len; i++) {
        char next = data[i];
        if (!passing->csv && passing->matched < sizeof(doubt_member) - 1) {
            bool same = next == doubt_member[passing->matched];
            passing->matched = same ? passing->matched + 1 : (next == doubt_member[0] ? 1 : 0);
            passing->line_doubted = passing->matched == sizeof(doubt_member) - 1;
        }
        if (next == '\n' && (!passing->csv || passing->before[1] == '\r')) {
            end_line(passing);
        }
        passing->before[0] = passing->before[1];
        passing->before[1] = next;
    }
}

static void hear(void *context, const char *value)
{
    struct passing *passing = context;
    audit_corrupt_read_text(passing->corrupt, value);
}

/* To standard error: what is exported may go to standard output. Answers how many entries it has. */
static uint64_t tell_extent(const struct custody_options *options, const struct passing *passing)
{
    json_t *health = NULL;
    const struct client_call call = {.method = "GET", .path = "/healthz", .unready_too = true};
    uint64_t others = passing->csv ? 1 : 2; /* head and tail */
    uint64_t rows = passing->lines < others ? 0 : passing->lines - others;
    (void)fprintf(stderr, "%" PRIu64 " entries\n", rows);
    if (client_json(&health, options, &call, NULL) == STATUS_OK) {
        const json_t *part = json_object_get(json_object_get(health, "parts"), "witnesses");
        if (client_halted()[0] != '\0') {
            (void)fprintf(stderr, "the trail has halted: it ends with the last checkpoint of the log itself, which no "
                                  "witness may have cosigned, and nothing says that these are its entries\n");
        } else if (json_is_false(json_object_get(part, "ready"))) {
            (void)fprintf(stderr, "there are later ones: an export ends with the last entry that enough witnesses have "
                                  "cosigned, and some do not (custody alarms names them)\n");
        }
    }
    json_decref(health);
    return rows;
}

static enum status export_asked(const struct command_input *input, struct fault *fault)
{
    struct audit_question question;
    struct audit_instead instead = {0};
    char doubted[96] = "";
    struct passing passing = {.csv = audit_question_word(input, "format") != NULL};
    const struct client_look look = {.see = see, .tell = hear, .header = "Trail-Corrupt", .context = &passing};
    enum status status = audit_question_asset(&instead, input, fault);
    if (status == STATUS_OK) {
        status = audit_question_write(&question, "/v1/audit/export", input, &instead, fault);
    }
    if (status == STATUS_OK) {
        status = audit_question_judged(command_fetch(input->options, question.path, &look, fault), input, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (tell_extent(input->options, &passing) == 0) {
        audit_question_tell_names(input);
    }
    if (passing.doubted > 0) {
        (void)snprintf(doubted, sizeof(doubted),
                       "%" PRIu64 " rows are not shown to be what was signed: their `doubt` says why", passing.doubted);
    }
    return audit_question_end(doubted, passing.corrupt, fault);
}

enum status command_audit_export(const struct command_input *input, struct fault *fault)
{
    if (input->options->dir[0] == '\0') {
        return export_asked(input, fault);
    }
    return input->count == 0 ? audit_copy_export(input->options, fault)
                             : fault_set(fault, STATUS_USAGE, "dir", "a copy is exported whole: without conditions");
}

/* The words, numbers all of them, in the path of a resource. */
static enum status fetch_proof(const struct command_input *input, const char *form, const char *first,
                               const char *second, struct fault *fault)
{
    char path[128];
    unsigned long long numbers[2] = {0};
    for (int i = 0; i < input->count; i++) {
        size_t len = strlen(input->words[i]);
        if (len < 1 || len > 18 || strspn(input->words[i], "0123456789") != len) {
            return fault_set(fault, STATUS_USAGE, form, "must be a number");
        }
        numbers[i] = strtoull(input->words[i], NULL, 10);
    }
    if (input->count > 1 && (numbers[0] == 0 || numbers[0] > numbers[1])) {
        return fault_set(fault, STATUS_USAGE, form, "must be numbers of entries, 1 or more, the smaller one first");
    }
    (void)snprintf(path, sizeof(path), "%s%s%s%s", first, input->words[0], second,
                   input->count > 1 ? input->words[1] : "");
    return command_fetch(input->options, path, NULL, fault);
}

enum status command_audit_proof(const struct command_input *input, struct fault *fault)
{
    return fetch_proof(input, "SEQ", "/v1/audit/proof/inclusion?seq=", "", fault);
}

enum status command_audit_consistency(const struct command_input *input, struct fault *fault)
{
    return fetch_proof(input, "FROM TO", "/v1/audit/proof/consistency?from=", "&to=", fault);
}
