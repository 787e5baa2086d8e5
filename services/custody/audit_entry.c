/*
 * Entries for people. A row is found by its columns, which whoever writes to the database can edit; what is printed is
 * what its bytes say. That these bytes were signed is the service's word, and custody-verify's proof.
 */
#include "audit_entry.h"

#include <inttypes.h>

#include "answer.h"
#include "audit/event.h"
#include "audit/leaf.h"
#include "base/clock.h"
#include "commands.h"

#define COLUMNS 15

struct column {
    const char *name;
    char said[SERVICE_TEXT_SIZE]; /* by the bytes; "" for none */
};

struct entry {
    struct column columns[COLUMNS];
    size_t count;
};

static void say(struct entry *entry, const char *name, const char *text)
{
    INVARIANT(entry->count < COLUMNS);
    struct column *column = &entry->columns[entry->count++];
    column->name = name;
    (void)snprintf(column->said, sizeof(column->said), "%s", text == NULL ? "" : text);
}

static void say_number(struct entry *entry, const char *name, uint64_t number)
{
    char text[24] = "";
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    say(entry, name, text);
}

/* In the order in which they are printed, then those that are only compared. */
static void say_event(struct entry *entry, uint64_t seq, const struct audit_event *event)
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

static bool read_event(struct entry *out, const struct bytes *raw)
{
    struct audit_leaf leaf;
    struct audit_event event;
    if (audit_leaf_parse(&leaf, raw->data, raw->len, NULL) != STATUS_OK ||
        audit_event_decode(&event, leaf.event, leaf.event_len, NULL) != STATUS_OK) {
        return false;
    }
    say_event(out, leaf.index, &event);
    audit_event_wipe(&event);
    return true;
}

static bool read_row(struct entry *out, const json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "raw"));
    struct bytes raw = {0};
    out->count = 0;
    if (text == NULL || base64_decode(&raw, text, strlen(text)) != STATUS_OK) {
        return false;
    }
    bool good = read_event(out, &raw);
    bytes_free(&raw);
    return good;
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

static const char *said(const struct entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->count; i++) {
        if (strcmp(entry->columns[i].name, name) == 0) {
            return entry->columns[i].said;
        }
    }
    return "";
}

static void print_funds(FILE *stream, const struct trust *trust, const struct entry *entry)
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

static void print_line(FILE *stream, const struct trust *trust, const struct entry *entry)
{
    static const char *const members[] = {"seq", "ts", "actor", "act", "outcome", "otype", "oid"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *text = said(entry, members[i]);
        (void)fprintf(stream, "%s%s", i == 0 || text[0] == '\0' ? "" : " ", text);
    }
    print_funds(stream, trust, entry);
    (void)fprintf(stream, "\n");
}

/* Answers how many there are. */
static size_t print_differences(FILE *stream, const struct entry *entry, const json_t *row)
{
    size_t count = 0;
    for (size_t i = 0; i < entry->count; i++) {
        if (differs(&entry->columns[i], row)) {
            count++;
            if (stream != NULL) {
                char stands[SERVICE_TEXT_SIZE];
                (void)command_service_text(stands, row, entry->columns[i].name);
                (void)fprintf(stream,
                              "   ALTERED in the database: the column %s%s%s; the line above is what the bytes say\n",
                              entry->columns[i].name, stands[0] == '\0' ? "" : ", which has ", stands);
            }
        }
    }
    return count;
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

bool audit_entry_print(FILE *stream, const struct trust *trust, const json_t *row)
{
    struct entry entry;
    char doubt[SERVICE_TEXT_SIZE];
    bool readable = read_row(&entry, row);
    (void)command_service_text(doubt, row, "doubt");
    if (stream != NULL && readable) {
        print_line(stream, trust, &entry);
    } else if (stream != NULL) {
        (void)fprintf(stream,
                      "%" JSON_INTEGER_FORMAT "\n   ALTERED in the database: its bytes are not those of an entry\n",
                      json_integer_value(json_object_get(row, "seq")));
    }
    size_t different = readable ? print_differences(stream, &entry, row) : 1;
    bool told = strcmp(doubt, doubts[0][0]) == 0 && different > 0;
    if (stream != NULL && doubt[0] != '\0' && !told) {
        (void)fprintf(stream, "   %s\n", doubt_words(doubt));
    }
    return different == 0 && doubt[0] == '\0';
}
