/*
 * Questions to the trail.
 *
 * Every column asked for has an index that ends with seq, so the rows of one condition come in order at the cost of
 * those looked at. Of several conditions the one whose next LOOK rows reach farthest is followed, and the others are
 * held against these rows alone. Where nothing is followed, the rows themselves are, in order. A statement is put
 * together from fixed pieces; every value is a parameter.
 */
#include "store/trail_query.h"

#include <inttypes.h>
#include <stdarg.h>

#include "leaf_row.h"

#define LOOK 1024   /* rows held against conditions for one answer */
#define COUNT 65536 /* rows counted for one answer by an index alone */
#define CONDITIONS_MAX 16
#define SQL_SIZE 4096
#define SEQ_DIGITS 16

/* A condition of a question: SQL with %d where the number of its parameter stands. */
struct condition {
    const char *sql;
    const char *text; /* the value, NULL for one of another type */
    const struct uuid *uuid;
    const struct amount *amount;
    uint64_t number;
    bool follows; /* an index gives its rows in order of seq */
};

struct plan {
    const struct store_trail_query *query;
    struct condition conditions[CONDITIONS_MAX];
    size_t count;
    size_t followed;      /* the condition that is followed; count: none */
    struct digest digest; /* of the conditions and the order */
    uint64_t from;        /* seq, inclusive */
    uint64_t to;          /* seq, exclusive */
    uint64_t look;        /* rows looked at */
    bool cut;             /* there are more beyond `edge` */
    uint64_t edge;        /* the last row that is looked at */
};

/* Conditions */

static void add(struct plan *plan, const struct condition *condition)
{
    INVARIANT(plan->count < CONDITIONS_MAX);
    plan->conditions[plan->count++] = *condition;
}

static void add_text(struct plan *plan, const char *sql, const char *text, bool follows)
{
    if (text != NULL) {
        add(plan, &(struct condition){.sql = sql, .text = text, .follows = follows});
    }
}

static void add_amounts(struct plan *plan)
{
    if (plan->query->amount_min != NULL) {
        add(plan, &(struct condition){.sql = "amount >= $%d::text::numeric", .amount = plan->query->amount_min});
    }
    if (plan->query->amount_max != NULL) {
        add(plan, &(struct condition){.sql = "amount <= $%d::text::numeric", .amount = plan->query->amount_max});
    }
}

/* The narrower ones first: between two that reach equally far the first is followed. */
static void list_conditions(struct plan *plan)
{
    const struct store_trail_query *query = plan->query;
    bool object = query->oid != NULL && query->otype != NULL;
    if (query->corr != NULL) {
        add(plan, &(struct condition){.sql = "corr = $%d::uuid", .uuid = query->corr, .follows = true});
    }
    /* both or none stand in the index; the type of an object that is followed is held against its rows */
    add_text(plan, "oid = $%d::text", query->oid, object);
    add_text(plan, "key = $%d::text", query->key, true);
    add_text(plan, "destination = $%d::text", query->destination, true);
    add_text(plan, "wallet = $%d::text", query->wallet, true);
    add_text(plan, "asset = $%d::text", query->asset, true);
    add_text(plan, "actor = $%d::text", query->actor, true);
    add_text(plan, "act = $%d::text", query->act, true);
    if (query->version != 0) {
        add(plan, &(struct condition){.sql = "version = $%d::bigint", .number = query->version, .follows = true});
    }
    /* nearly all entries are ok, and the index has the others */
    add_text(plan, "outcome = $%d::text", query->outcome, query->outcome != NULL && strcmp(query->outcome, "ok") != 0);
    add_text(plan, "otype = $%d::text", query->otype, false);
    add_amounts(plan);
}

/* Statements */

struct text {
    char sql[SQL_SIZE];
    size_t len;
    struct parameters parameters;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text->sql + text->len, sizeof(text->sql) - text->len, format, arguments);
    va_end(arguments);
    INVARIANT(len >= 0 && (size_t)len < sizeof(text->sql) - text->len);
    text->len += (size_t)len;
}

static void say_condition(struct text *text, const struct condition *condition)
{
    const char *number = strstr(condition->sql, "%d");
    struct parameters *p = &text->parameters;
    say(text, "%.*s%d%s", (int)(number - condition->sql), condition->sql, p->count + 1, number + 2);
    if (condition->text != NULL) {
        parameter_text(p, condition->text);
    } else if (condition->uuid != NULL) {
        parameter_uuid(p, condition->uuid);
    } else if (condition->amount != NULL) {
        parameter_amount(p, *condition->amount);
    } else {
        parameter_uint64(p, condition->number);
    }
}

/* The rows that are followed, from where the plan begins. */
static void say_followed(struct text *text, const struct plan *plan, size_t followed)
{
    say(text, " FROM audit.leaf WHERE seq >= $%d::bigint AND seq < $%d::bigint", text->parameters.count + 1,
        text->parameters.count + 2);
    parameter_uint64(&text->parameters, plan->from);
    parameter_uint64(&text->parameters, plan->to);
    if (followed < plan->count) {
        say(text, " AND ");
        say_condition(text, &plan->conditions[followed]);
        if (strncmp(plan->conditions[followed].sql, "oid", 3) == 0) {
            say(text, " AND otype = $%d::text", text->parameters.count + 1);
            parameter_text(&text->parameters, plan->query->otype);
        }
    }
    say(text, " ORDER BY seq%s", plan->query->newest_first ? " DESC" : "");
}

static bool has_others(const struct plan *plan)
{
    return plan->count > (plan->followed < plan->count ? 1U : 0U);
}

/* `what` of the rows that are looked at and meet every condition. */
static void say_met(struct text *text, const struct plan *plan, const char *what)
{
    const char *word = " WHERE ";
    /* by an index alone, or the rows would be walked in order where many are thought to meet the condition */
    say(text, "SELECT %s FROM (SELECT seq AS at", what);
    say_followed(text, plan, plan->followed);
    say(text, " LIMIT $%d::bigint) AS looked JOIN audit.leaf ON seq = at", text->parameters.count + 1);
    parameter_uint64(&text->parameters, plan->look);
    for (size_t i = 0; i < plan->count; i++) {
        if (i != plan->followed) {
            say(text, "%s", word);
            say_condition(text, &plan->conditions[i]);
            word = " AND ";
        }
    }
}

struct number {
    int64_t value;
};

static const struct column number_columns[] = {COLUMN(struct number, value, "value", COLUMN_INT64)};
static const struct row_shape number_shape = ROW_SHAPE(struct number, number_columns);

static enum status ask_number(int64_t *out, struct store_tx *tx, const struct text *text, struct fault *fault)
{
    const struct statement statement = {"trail_number", text->sql, text->parameters.count, .once = true};
    struct number number;
    enum status status = tx_read_one(tx, &number, &number_shape, &statement, &text->parameters, fault);
    if (status == STATUS_OK) {
        *out = number.value;
    }
    return status;
}

/* Where the rows of a time begin: times do not decrease with seq, so it is looked for by halves. */
static enum status seq_at(uint64_t *out, struct store_tx *tx, int64_t at_utc_us, struct fault *fault)
{
    static const struct statement halves = {
        "trail_seq_at",
        "WITH RECURSIVE half(low, high) AS (SELECT 0::bigint, coalesce((SELECT seq + 1 FROM audit.leaf ORDER BY seq "
        "DESC"
        " LIMIT 1), 0) UNION ALL SELECT CASE WHEN early THEN middle + 1 ELSE low END, CASE WHEN early THEN high ELSE"
        " middle END FROM (SELECT low, high, (low + high) / 2 AS middle, coalesce((SELECT ts < $1::timestamptz"
        " FROM audit.leaf WHERE seq >= (low + high) / 2 ORDER BY seq LIMIT 1), false) AS early FROM half"
        " WHERE low < high) AS step) SELECT low AS value FROM half WHERE low >= high LIMIT 1",
        1,
    };
    struct parameters p = {0};
    struct number number;
    parameter_time(&p, at_utc_us);
    enum status status = tx_read_one(tx, &number, &number_shape, &halves, &p, fault);
    if (status == STATUS_OK) {
        *out = (uint64_t)number.value;
    }
    return status;
}

/* Cursors: the row to go on from, and the question that it belongs to. */

static enum status digest_query(struct plan *plan, struct fault *fault)
{
    const struct store_trail_query *query = plan->query;
    struct buffer buffer;
    struct bytes bytes = {0};
    buffer_init(&buffer);
    for (size_t i = 0; i < plan->count; i++) {
        const struct condition *condition = &plan->conditions[i];
        char value[AMOUNT_TEXT_SIZE] = "";
        if (condition->uuid != NULL) {
            uuid_format(value, condition->uuid);
        } else if (condition->amount != NULL) {
            amount_format(value, *condition->amount);
        }
        buffer_append_format(&buffer, "%s %s%s%" PRIu64 "\n", condition->sql,
                             condition->text == NULL ? "" : condition->text, value, condition->number);
    }
    buffer_append_format(&buffer, "%" PRId64 " %" PRId64 " %d\n", query->from_utc_us, query->to_utc_us,
                         query->newest_first);
    enum status status = buffer_finish(&bytes, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "entries", "%s", "");
    }
    digest_sha256(&plan->digest, bytes.data, bytes.len);
    bytes_free(&bytes);
    return STATUS_OK;
}

static void cursor_write(char out[STORE_CURSOR_SIZE], const struct plan *plan, uint64_t seq)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &plan->digest);
    (void)snprintf(out, STORE_CURSOR_SIZE, "%016" PRIx64 "%.32s", seq, hex);
}

static enum status cursor_read(struct plan *plan, struct fault *fault)
{
    const char *cursor = plan->query->cursor;
    char expected[STORE_CURSOR_SIZE];
    uint64_t seq = 0;
    if (cursor == NULL) {
        return STATUS_OK;
    }
    if (strlen(cursor) != STORE_CURSOR_SIZE - 1 || strspn(cursor, "0123456789abcdef") != STORE_CURSOR_SIZE - 1) {
        return fault_set(fault, STATUS_INVALID, "cursor", "is not the next of an answer");
    }
    (void)snprintf(expected, sizeof(expected), "%.16s", cursor);
    seq = strtoull(expected, NULL, 16);
    cursor_write(expected, plan, seq);
    if (seq >= INT64_MAX || strcmp(expected, cursor) != 0) {
        return fault_set(fault, STATUS_INVALID, "cursor", "is the next of an answer to another question");
    }
    if (plan->query->newest_first) {
        plan->to = seq < plan->to ? seq : plan->to;
    } else {
        plan->from = seq + 1 > plan->from ? seq + 1 : plan->from;
    }
    return STATUS_OK;
}

/* Plans */

/* Whether a condition has more rows than are looked at, and where these end. */
static enum status find_edge(struct plan *inout_plan, struct store_tx *tx, size_t followed, struct fault *fault)
{
    struct plan *plan = inout_plan;
    struct text text = {.len = 0};
    int64_t seq = -1;
    say(&text, "SELECT coalesce((SELECT seq");
    say_followed(&text, plan, followed);
    say(&text, " OFFSET $%d::bigint LIMIT 1), -1) AS value", text.parameters.count + 1);
    parameter_uint64(&text.parameters, plan->look - 1);
    enum status status = ask_number(&seq, tx, &text, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool farther = plan->query->newest_first ? (uint64_t)seq < plan->edge : (uint64_t)seq > plan->edge;
    if (plan->followed == SIZE_MAX || (plan->cut && (seq < 0 || farther))) {
        plan->followed = followed;
        plan->cut = seq >= 0;
        plan->edge = seq < 0 ? 0 : (uint64_t)seq;
    }
    return STATUS_OK;
}

static enum status choose(struct plan *plan, struct store_tx *tx, struct fault *fault)
{
    enum status status = STATUS_OK;
    plan->followed = SIZE_MAX;
    for (size_t i = 0; status == STATUS_OK && i < plan->count; i++) {
        status = plan->conditions[i].follows ? find_edge(plan, tx, i, fault) : STATUS_OK;
    }
    return status == STATUS_OK && plan->followed == SIZE_MAX ? find_edge(plan, tx, plan->count, fault) : status;
}

static enum status plan_make(struct plan *out, struct store_tx *tx, const struct store_trail_query *query,
                             uint64_t look_alone, struct fault *fault)
{
    *out = (struct plan){.query = query, .to = INT64_MAX};
    list_conditions(out);
    out->look = out->count <= 1 ? look_alone : LOOK;
    enum status status = digest_query(out, fault);
    if (status == STATUS_OK && query->from_utc_us != 0) {
        status = seq_at(&out->from, tx, query->from_utc_us, fault);
    }
    if (status == STATUS_OK && query->to_utc_us != 0) {
        status = seq_at(&out->to, tx, query->to_utc_us, fault);
    }
    if (query->before_seq != 0 && query->before_seq < out->to) {
        out->to = query->before_seq;
    }
    if (status == STATUS_OK) {
        status = cursor_read(out, fault);
    }
    return status == STATUS_OK ? choose(out, tx, fault) : status;
}

enum status store_trail_page(struct store_trail_page *out, struct store_tx *tx, const struct store_trail_query *query,
                             struct fault *fault)
{
    INVARIANT(query->limit >= 1 && query->limit <= STORE_LEAVES_MAX);
    struct plan plan;
    struct text text = {.len = 0};
    struct row_array array = {0};
    enum status status = plan_make(&plan, tx, query, LOOK, fault);
    if (status != STATUS_OK) {
        return status;
    }
    say_met(&text, &plan, LEAF_COLUMNS);
    say(&text, " ORDER BY seq%s LIMIT $%d::bigint", query->newest_first ? " DESC" : "", text.parameters.count + 1);
    parameter_uint64(&text.parameters, query->limit);
    const struct statement statement = {"trail_page", text.sql, text.parameters.count, .once = true};
    status = tx_read_all(tx, &array, &leaf_row_shape, &statement, &text.parameters, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct store_trail_page page = {.rows = array.rows, .count = array.count};
    if (page.count == query->limit) {
        cursor_write(page.next, &plan, page.rows[page.count - 1].seq);
    } else if (plan.cut) {
        cursor_write(page.next, &plan, plan.edge);
    }
    *out = page;
    return STATUS_OK;
}

enum status store_trail_count(struct store_trail_page *out, struct store_tx *tx, const struct store_trail_query *query,
                              struct fault *fault)
{
    struct plan plan;
    struct text text = {.len = 0};
    int64_t count = 0;
    enum status status = plan_make(&plan, tx, query, COUNT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (has_others(&plan)) {
        say_met(&text, &plan, "count(*) AS value");
    } else {
        say(&text, "SELECT count(*) AS value FROM (SELECT seq");
        say_followed(&text, &plan, plan.followed);
        say(&text, " LIMIT $%d::bigint) AS looked", text.parameters.count + 1);
        parameter_uint64(&text.parameters, plan.look);
    }
    status = ask_number(&count, tx, &text, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct store_trail_page){.count = (size_t)count};
    if (plan.cut) {
        cursor_write(out->next, &plan, plan.edge);
    }
    return STATUS_OK;
}

void store_trail_page_free(struct store_trail_page *page)
{
    struct row_array array = {.rows = page->rows, .count = page->rows == NULL ? 0 : page->count};
    row_array_free(&array, &leaf_row_shape);
    *page = (struct store_trail_page){0};
}
