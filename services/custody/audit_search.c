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
        status = audit_question_judged(answer_get(out, input->options, question.path, fault), input, fault);
    }
    if (status == STATUS_OK) {
        (void)command_service_text(next, *out, "next");
    }
    return status;
}

/* The entries of one object carry numbers from 1 without a gap, so where one is asked for none can be missing between,
 * and none can stand there twice.
 */
struct story {
    bool told;         /* it is one object that is asked for, and nothing else */
    bool newest_first; /* the numbers go down */
    bool begun;        /* an entry has come */
    uint64_t next;     /* that the next entry must have; newest first, any until it has begun */
    bool archived;     /* older entries are in an archive */
    size_t missing;
    size_t repeated;
};

struct search {
    const struct command_input *input;
    const struct trust *trust; /* NULL: none */
    struct story story;
    size_t wanted;
    size_t found;
    size_t doubted;
    json_int_t first; /* of the entries that were asked: older ones are in an archive */
    char corrupt[AUDIT_CORRUPT_SIZE];
};

static enum status read_limit(size_t *out, const struct command_input *input, struct fault *fault)
{
    const char *text = audit_question_word(input, "limit");
    char *end = NULL;
    unsigned long long limit = text == NULL ? FOUND_ENOUGH : strtoull(text, &end, 10);
    if (text != NULL && (text[0] < '1' || text[0] > '9' || *end != '\0' || limit > LIMIT_MAX)) {
        char word[sizeof(fault->where)];
        (void)snprintf(word, sizeof(word), "limit=%s", text);
        return fault_set(fault, STATUS_USAGE, word, "a whole number from 1 to %d: so many entries are shown",
                         LIMIT_MAX);
    }
    *out = (size_t)limit;
    return STATUS_OK;
}

static bool is_story(const struct command_input *input)
{
    size_t object = 0;
    for (int i = 0; i < input->count; i++) {
        bool about = strncmp(input->words[i], "otype=", 6) == 0 || strncmp(input->words[i], "oid=", 4) == 0;
        object += about;
        if (!about && strncmp(input->words[i], "order=", 6) != 0 && strncmp(input->words[i], "limit=", 6) != 0) {
            return false; /* also a cursor: it is unknown what was before */
        }
    }
    return object == 2 && audit_question_word(input, "otype") != NULL && audit_question_word(input, "oid") != NULL;
}

static struct story story_begin(const struct command_input *input)
{
    const char *order = audit_question_word(input, "order");
    bool newest_first = order == NULL || strcmp(order, "newest") == 0;
    return (struct story){.told = is_story(input), .newest_first = newest_first, .next = newest_first ? 0 : 1};
}

/* Entries from number `low` to `high` of the object should be here, and are not. */
static void tell_gap(struct story *story, FILE *stream, uint64_t low, uint64_t high)
{
    story->missing += (size_t)(high - low + 1);
    if (stream != NULL) {
        (void)fprintf(stream, "   MISSING: #%" PRIu64 " to #%" PRIu64 " of this object should stand here\n", low, high);
    }
}

/* What lies between the number that is due and the one that came. An archive may have those before the first to come.
 */
static void story_gap(struct story *story, FILE *stream, uint64_t ordinal)
{
    uint64_t low = story->newest_first ? ordinal + 1 : story->next;
    uint64_t high = story->newest_first ? story->next : ordinal - 1;
    if (story->next != 0 && low <= high && !(story->archived && low == 1)) {
        tell_gap(story, stream, low, high);
    }
}

/* The number of an entry that came before it, of this or of a later one: somebody has set the numbers back. */
static bool is_repeated(const struct story *story, uint64_t ordinal)
{
    return story->newest_first ? story->begun && ordinal > story->next : ordinal < story->next;
}

static void tell_repeated(struct story *story, FILE *stream, uint64_t ordinal)
{
    story->repeated++;
    if (stream != NULL) {
        (void)fprintf(stream, "   REPEATED: #%" PRIu64 " of this object was given before, and has no place here\n",
                      ordinal);
    }
}

/* Whether it is by its bytes of another object than was asked for: its column was altered. */
static bool is_foreign(const struct audit_entry *entry, const struct command_input *input)
{
    return entry->readable && (strcmp(entry->event.object_type, audit_question_word(input, "otype")) != 0 ||
                               strcmp(entry->event.object_id, audit_question_word(input, "oid")) != 0);
}

static void story_entry(struct story *story, FILE *stream, const struct audit_entry *entry,
                        const struct command_input *input)
{
    if (!story->told || is_foreign(entry, input)) {
        return;
    }
    uint64_t ordinal = entry->readable ? entry->event.object_ordinal : 0;
    if (ordinal > 0 && is_repeated(story, ordinal)) {
        tell_repeated(story, stream, ordinal);
        return;
    }
    if (ordinal > 0) {
        story->begun = true;
        story_gap(story, stream, ordinal);
    } else { /* its bytes are none of an entry, which is marked: it stands for the one that is due */
        ordinal = story->next;
    }
    story->next = ordinal == 0 ? 0 : story->newest_first ? ordinal - 1 : ordinal + 1;
}

/* The newest one was shown first, so the last one is number 1. */
static void story_end(struct story *story, FILE *stream)
{
    if (story->told && story->newest_first) {
        story_gap(story, stream, 0);
    }
}

/* One document for each page with --json. */
static enum status show_page(struct search *search, const json_t *answer, struct fault *fault)
{
    bool json = search->input->options->json;
    FILE *stream = json ? NULL : stdout;
    search->first = json_integer_value(json_object_get(answer, "first"));
    search->story.archived = search->first > 0;
    const json_t *entries = json_object_get(answer, "entries");
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(entries, i, row)
    {
        struct audit_entry entry;
        audit_entry_read(&entry, row);
        story_entry(&search->story, stream, &entry, search->input);
        search->doubted += audit_entry_print(stream, search->trust, &entry, row) ? 0 : 1;
        audit_entry_wipe(&entry);
    }
    search->found += json_array_size(entries);
    audit_corrupt_read(search->corrupt, answer);
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

/* To standard error: scripts read the answer alone. */
static void tell_archive(json_int_t first)
{
    (void)fflush(stdout);
    if (first > 0) {
        (void)fprintf(stderr, "entries before %" JSON_INTEGER_FORMAT " are in an archive and were not asked\n", first);
    }
}

static void add_doubt(char *inout, size_t size, size_t count, const char *what)
{
    size_t len = strlen(inout);
    if (count > 0) {
        (void)snprintf(inout + len, size - len, "%s%zu %s", len == 0 ? "" : "; ", count, what);
    }
}

static enum status search_end(struct search *search, const char *next, struct fault *fault)
{
    char doubted[192] = "";
    if (next[0] == '\0') {
        story_end(&search->story, search->input->options->json ? NULL : stdout);
    }
    if (search->found == 0 && !search->input->options->json) {
        (void)printf("0 entries\n");
    }
    if (search->found == 0 && next[0] == '\0') {
        audit_question_tell_names(search->input);
    }
    tell_archive(search->first);
    if (next[0] != '\0' && !search->input->options->json) {
        (void)fprintf(stderr, "there may be more: the same with cursor=%s\n", next);
    }
    if (search->doubted > 0) {
        (void)snprintf(doubted, sizeof(doubted), "%zu of %zu rows are not shown to be what was signed", search->doubted,
                       search->found);
    }
    add_doubt(doubted, sizeof(doubted), search->story.missing, "of the object are missing");
    add_doubt(doubted, sizeof(doubted), search->story.repeated, "of the object have a number that was given before");
    return audit_question_end(doubted, search->corrupt, fault);
}

enum status command_audit_search(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    struct audit_instead instead = {0};
    struct trust trust = {0};
    struct search search = {.input = input, .story = story_begin(input)};
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

static enum status print_count(const struct command_input *input, json_int_t count, json_t *rows, struct fault *fault)
{
    if (!input->options->json) {
        (void)printf("%" JSON_INTEGER_FORMAT "\n", count);
        return STATUS_OK;
    }
    json_t *answer = json_pack("{s:I, s:O*}", "count", count, "corrupt", rows);
    enum status status = answer == NULL ? fault_set(fault, STATUS_NO_MEMORY, "count", "%s", "")
                                        : answer_print_json(answer, JSON_COMPACT, fault);
    json_decref(answer);
    return status;
}

enum status command_audit_count(const struct command_input *input, struct fault *fault)
{
    char next[SERVICE_TEXT_SIZE] = "";
    char corrupt[AUDIT_CORRUPT_SIZE] = "";
    struct audit_instead instead = {0};
    json_int_t first = 0;
    json_t *rows = NULL; /* that are known to be altered or gone */
    json_int_t count = 0;
    enum status status = audit_question_asset(&instead, input, fault);
    while (status == STATUS_OK) {
        json_t *answer = NULL;
        char cursor[SERVICE_TEXT_SIZE];
        (void)snprintf(cursor, sizeof(cursor), "%s", next);
        instead.cursor = cursor[0] == '\0' ? NULL : cursor;
        status = ask(&answer, next, "/v1/audit/count", input, &instead, fault);
        count += json_integer_value(json_object_get(answer, "count"));
        first = json_integer_value(json_object_get(answer, "first"));
        audit_corrupt_read(corrupt, answer);
        json_decref(rows);
        rows = json_incref(json_object_get(answer, "corrupt"));
        json_decref(answer);
        if (next[0] == '\0') {
            break;
        }
    }
    if (status == STATUS_OK) {
        status = print_count(input, count, rows, fault);
        if (count == 0) {
            audit_question_tell_names(input);
        }
        tell_archive(first);
    }
    json_decref(rows);
    return status == STATUS_OK ? audit_question_end("", corrupt, fault) : status;
}
