/*
 * Entries for people. A row is found by its columns, which whoever writes to the database can edit; what is printed is
 * what its bytes say. That these bytes were signed is the service's word, and custody-verify's proof.
 */
#include "audit_entry.h"

#include <inttypes.h>

#include "answer.h"
#include "base/clock.h"
#include "commands.h"

#define COLUMNS 15

struct column {
    const char *name;
    char said[SERVICE_TEXT_SIZE]; /* by the bytes; "" for none */
};

struct columns {
    struct column columns[COLUMNS];
    size_t count;
};

static void say(struct columns *entry, const char *name, const char *text)
{
    INVARIANT(entry->count < COLUMNS);
    struct column *column = &entry->columns[entry->count++];
    column->name = name;
    (void)snprintf(column->said, sizeof(column->said), "%s", text == NULL ? "" : text);
}

static void say_number(struct columns *entry, const char *name, uint64_t number)
{
    char text[24] = "";
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    say(entry, name, text);
}

/* In the order in which they are printed, then those that are only compared. */
static void say_event(struct columns *entry, uint64_t seq, const struct audit_event *event)
{
    static const char *const facts[] = {"amount", "asset", "wallet", "destination", "version"};
    bool about_key = strcmp(event->object_type, "key") == 0;
    char text[UUID_TEXT_SIZE + TIME_TEXT_SIZE];
    say_number(entry, "seq", seq);
    time_format(text, event->at_utc_us);
    say(entry, "ts", text);
    say(entry, "actor", event->actor.text);
    say(entry, "act", audit_action_text(event->action));
    say(entry, "outcome", audit_outcome_text(event->outcome));
    say(entry, "otype", event->object_type);
    say(entry, "oid", event->object_id);
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        say(entry, facts[i], audit_event_fact(event, facts[i]));
    }
    say(entry, "key", about_key ? event->object_id : audit_event_fact(event, "key"));
    uuid_format(text, &event->correlation);
    say(entry, "corr", text);
    say_number(entry, "ord", event->object_ordinal);
}

void audit_entry_read(struct audit_entry *out, const json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "raw"));
    *out = (struct audit_entry){.readable = false};
    out->readable = text != NULL && base64_decode(&out->raw, text, strlen(text)) == STATUS_OK &&
                    audit_leaf_parse(&out->leaf, out->raw.data, out->raw.len, NULL) == STATUS_OK &&
                    audit_event_decode(&out->event, out->leaf.event, out->leaf.event_len, NULL) == STATUS_OK;
}

void audit_entry_wipe(struct audit_entry *entry)
{
    audit_event_wipe(&entry->event);
    bytes_free(&entry->raw);
    *entry = (struct audit_entry){.readable = false};
}

/* A fact of no common form has no column, so one that is absent may be right (docs/formats.md section 3). */
static bool differs(const struct column *column, const json_t *row)
{
    const json_t *value = json_object_get(row, column->name);
    char number[24] = "";
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    const char *stands = json_is_integer(value) ? number : json_string_value(value);
    return value != NULL && (stands == NULL || strcmp(stands, column->said) != 0);
}

static const char *said(const struct columns *entry, const char *name)
{
    for (size_t i = 0; i < entry->count; i++) {
        if (strcmp(entry->columns[i].name, name) == 0) {
            return entry->columns[i].said;
        }
    }
    return "";
}

static void print_funds(FILE *stream, const struct trust *trust, const struct columns *entry)
{
    static const char *const named[][2] = {
        {" from ", "wallet"}, {" to ", "destination"}, {" key ", "key"}, {" version ", "version"}};
    char shown[ANSWER_AMOUNT_SIZE];
    struct amount amount;
    struct digest asset;
    bool about_key = strcmp(said(entry, "otype"), "key") == 0;
    if (amount_parse(&amount, said(entry, "amount")) == STATUS_OK &&
        digest_parse(&asset, said(entry, "asset")) == STATUS_OK) {
        (void)fprintf(stream, "  %s", answer_amount(shown, trust, &asset, amount));
    }
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        const char *text = said(entry, named[i][1]);
        if (text[0] != '\0' && !(about_key && strcmp(named[i][1], "key") == 0)) { /* that is its object already */
            (void)fprintf(stream, "%s%s", named[i][0], text);
        }
    }
}

/* Whether print_funds has words for it. An amount takes two facts. */
static bool is_funds(const struct audit_event *event, const char *name)
{
    if (strcmp(name, "amount") == 0 || strcmp(name, "asset") == 0) {
        return audit_event_fact(event, "amount") != NULL && audit_event_fact(event, "asset") != NULL;
    }
    return audit_action_lists("wallet destination key version", name);
}

static void print_facts(FILE *stream, const struct audit_event *event)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(event->facts, name, value)
    {
        if (!is_funds(event, name)) {
            (void)fprintf(stream, " %s=%s", name, json_string_value(value));
        }
    }
}

static void print_line(FILE *stream, const struct trust *trust, const struct columns *entry,
                       const struct audit_event *event)
{
    static const char *const members[] = {"seq", "ts", "actor", "act", "outcome", "otype", "oid"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *text = said(entry, members[i]);
        (void)fprintf(stream, "%s%s", i == 0 || text[0] == '\0' ? "" : " ", text);
    }
    if (event->object_ordinal > 0) {
        (void)fprintf(stream, " #%" PRIu64, event->object_ordinal);
    }
    if (event->reason[0] != '\0') {
        (void)fprintf(stream, " because %s", event->reason);
    }
    print_funds(stream, trust, entry);
    print_facts(stream, event);
    (void)fprintf(stream, "\n");
}

/* A column that differs, in words. */
static void say_difference(char out[AUDIT_ALTERED_SIZE], const struct column *column, const json_t *row)
{
    char stands[SERVICE_TEXT_SIZE];
    (void)command_service_text(stands, row, column->name);
    (void)snprintf(out, AUDIT_ALTERED_SIZE, "the column %s%s%.96s", column->name,
                   stands[0] == '\0' ? "" : ", which has ", stands);
}

/* Answers how many there are. */
static size_t print_differences(FILE *stream, const struct columns *entry, const json_t *row)
{
    size_t count = 0;
    for (size_t i = 0; i < entry->count; i++) {
        char words[AUDIT_ALTERED_SIZE];
        if (differs(&entry->columns[i], row)) {
            count++;
            say_difference(words, &entry->columns[i], row);
            if (stream != NULL) {
                (void)fprintf(stream, "   ALTERED in the database: %s; the line above is what the bytes say\n", words);
            }
        }
    }
    return count;
}

void audit_entry_altered(char out[AUDIT_ALTERED_SIZE], const struct audit_entry *entry, const json_t *row)
{
    struct columns columns = {.count = 0};
    size_t len = 0;
    out[0] = '\0';
    if (entry->readable) {
        say_event(&columns, entry->leaf.index, &entry->event);
    }
    for (size_t i = 0; i < columns.count && len < AUDIT_ALTERED_SIZE; i++) {
        char words[AUDIT_ALTERED_SIZE];
        if (differs(&columns.columns[i], row)) {
            say_difference(words, &columns.columns[i], row);
            len += (size_t)snprintf(out + len, AUDIT_ALTERED_SIZE - len, "%s%s", len == 0 ? "" : "; ", words);
        }
    }
}

/* What the service says against a row (`doubt`). */
static const char *const doubts[][2] = {
    {"columns", "ALTERED in the database: a column, or the hash beside the bytes"},
    {"bytes", "ALTERED in the database: these bytes are not those of the entry that was signed"},
    {"proof", "NOT PROVEN: what is stored near it does not lead to the signed checkpoint"},
};

static const char *doubt_words(const char *doubt)
{
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        if (strcmp(doubt, doubts[i][0]) == 0) {
            return doubts[i][1];
        }
    }
    return "NOT PROVEN, as the service says";
}

bool audit_entry_print(FILE *stream, const struct trust *trust, const struct audit_entry *entry, const json_t *row)
{
    struct columns columns = {.count = 0};
    char doubt[SERVICE_TEXT_SIZE];
    (void)command_service_text(doubt, row, "doubt");
    if (entry->readable) {
        say_event(&columns, entry->leaf.index, &entry->event);
    }
    if (stream != NULL && entry->readable) {
        print_line(stream, trust, &columns, &entry->event);
    } else if (stream != NULL) {
        (void)fprintf(stream,
                      "%" JSON_INTEGER_FORMAT "\n   ALTERED in the database: its bytes are not those of an entry\n",
                      json_integer_value(json_object_get(row, "seq")));
    }
    size_t different = entry->readable ? print_differences(stream, &columns, row) : 1;
    bool told = strcmp(doubt, doubts[0][0]) == 0 && different > 0;
    if (stream != NULL && doubt[0] != '\0' && !told) {
        (void)fprintf(stream, "   %s\n", doubt_words(doubt));
    }
    return different == 0 && doubt[0] == '\0';
}
