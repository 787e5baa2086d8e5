/*
 * Questions to the trail.
 *
 * Every column asked for has an index that ends with seq, so the rows of one condition come in order at the cost of
 * those looked at. Of several conditions the one whose next LOOK rows reach farthest is followed, and the others are
 * held against these rows alone. Where nothing is followed, the rows themselves are, in order. A statement is put
 * together from fixed pieces; every value is a parameter.
 *
 * The planner is left no choice, since it knows how common a value is and not where in the trail it stands: it would
 * walk all rows for one at the other end. A value that is followed is asked for as an element of an array and the rows
 * in order of (column, seq), which only the index over these has; OFFSET 0 keeps what is held against a row from
 * finding rows. So one plan serves all values, and what weighs conditions is planned once in a session: with ten
 * partitions planning takes longer than running. Numbers of rows are no parameters, for a plan depends on them.
 */
#include "store/trail_query.h"

#include <inttypes.h>
#include <stdarg.h>

#include "leaf_row.h"

#define LOOK 1024   /* rows held against conditions for one answer */
#define COUNT 32768 /* rows counted for one answer by an index alone */
_Static_assert(LOOK > STORE_LEAVES_MAX, "where rows are held against conditions, what ends the answer is weighed");
#define CONDITIONS_MAX 16
#define SQL_SIZE 4096

/* A condition of a question. */
struct condition {
    const char *column;
    const char *compare;
    const char *type; /* of the parameter */
    const char *text; /* the value, NULL for one of another type */
    const struct uuid *uuid;
    const struct amount *amount;
    uint64_t number;
    const char *index; /* which rows the index over (column, seq) has; NULL: it is not followed */
    const char *otype; /* of an object: stands before the column in its index; else NULL */
};

struct plan {
    const struct store_trail_query *query;
    struct condition conditions[CONDITIONS_MAX];
    size_t count;
    size_t followed;      /* the condition that is followed; count: none */
    struct digest digest; /* of the conditions and the order */
    uint64_t bounds[2];   /* seq: of the question's times */
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

static void add_text(struct plan *plan, const char *column, const char *text, const char *index)
{
    if (text != NULL) {
        add(plan, &(struct condition){.column = column, .compare = "=", .type = "text", .text = text, .index = index});
    }
}

static void add_amount(struct plan *plan, const char *compare, const struct amount *amount)
{
    if (amount != NULL) {
        add(plan,
            &(struct condition){.column = "amount", .compare = compare, .type = "text::numeric", .amount = amount});
    }
}

/* The type alone tells little; beside an id it belongs to what is followed, and is held against the rows of others. */
static void add_object(struct plan *plan)
{
    const struct store_trail_query *query = plan->query;
    add_text(plan, "oid", query->oid, query->otype == NULL ? NULL : "oid IS NOT NULL");
    if (query->oid != NULL) {
        plan->conditions[plan->count - 1].otype = query->otype;
    }
}

/* The narrower ones first: between two that reach equally far the first is followed. */
static void list_conditions(struct plan *plan)
{
    const struct store_trail_query *query = plan->query;
    if (query->corr != NULL) {
        add(plan,
            &(struct condition){
                .column = "corr", .compare = "=", .type = "uuid", .uuid = query->corr, .index = "corr IS NOT NULL"});
    }
    add_object(plan);
    add_text(plan, "key", query->key, "key IS NOT NULL");
    add_text(plan, "destination", query->destination, "destination IS NOT NULL");
    add_text(plan, "wallet", query->wallet, "wallet IS NOT NULL");
    add_text(plan, "asset", query->asset, "asset IS NOT NULL");
    add_text(plan, "actor", query->actor, "true");
    add_text(plan, "act", query->act, "true");
    if (query->version != 0) {
        add(plan, &(struct condition){.column = "version",
                                      .compare = "=",
                                      .type = "bigint",
                                      .number = query->version,
                                      .index = "version IS NOT NULL"});
    }
    /* nearly all entries are ok, and the index has the others */
    bool ok = query->outcome != NULL && strcmp(query->outcome, "ok") == 0;
    add_text(plan, "outcome", query->outcome, ok ? NULL : "outcome <> 'ok'");
    add_text(plan, "otype", query->otype, NULL);
    add_amount(plan, ">=", query->amount_min);
    add_amount(plan, "<=", query->amount_max);
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

static void parameter_value(struct parameters *p, const struct condition *condition)
{
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

/* The rows that are followed, from where the plan begins, as `at` in the order of (`lead`, `at`). */
static void say_followed(struct text *text, const struct plan *plan, size_t followed)
{
    const char *turn = plan->query->newest_first ? " DESC" : "";
    const struct condition *condition = followed < plan->count ? &plan->conditions[followed] : NULL;
    struct parameters *p = &text->parameters;
    INVARIANT(p->count == 0);
    parameter_uint64(p, plan->from);
    parameter_uint64(p, plan->to);
    const char *lead = condition == NULL ? "0" : condition->otype != NULL ? "otype" : condition->column;
    say(text, "SELECT %s AS lead, seq AS at FROM audit.leaf WHERE seq >= $1::bigint AND seq < $2::bigint", lead);
    if (condition == NULL) {
        say(text, " ORDER BY seq%s", turn);
        return;
    }
    say(text, " AND %s", condition->index);
    if (condition->otype != NULL) {
        say(text, " AND oid = $%d::text", p->count + 1);
        parameter_text(p, condition->text);
        say(text, " AND otype = ANY (ARRAY[$%d::text])", p->count + 1);
        parameter_text(p, condition->otype);
    } else {
        say(text, " AND %s = ANY (ARRAY[$%d::%s])", lead, p->count + 1, condition->type);
        parameter_value(p, condition);
    }
    say(text, " ORDER BY %s%s, seq%s", lead, turn, turn);
}

/* Whether rows must be held against conditions, or the index that is followed tells all. */
static bool has_others(const struct plan *plan)
{
    return plan->count > 1 || (plan->count == 1 && plan->conditions[0].index == NULL);
}

/* `what` of the rows that are looked at and meet every condition. */
static void say_met(struct text *text, const struct plan *plan, const char *what)
{
    const char *word = " WHERE ";
    say(text, "SELECT %s FROM (", what);
    say_followed(text, plan, plan->followed);
    say(text,
        " LIMIT %" PRIu64 ") AS looked CROSS JOIN LATERAL (SELECT * FROM audit.leaf WHERE seq = at OFFSET 0) AS leaf",
        plan->look);
    for (size_t i = 0; i < plan->count; i++) {
        if (i != plan->followed) {
            const struct condition *condition = &plan->conditions[i];
            say(text, "%s%s %s $%d::%s", word, condition->column, condition->compare, text->parameters.count + 1,
                condition->type);
            parameter_value(&text->parameters, condition);
            word = " AND ";
        }
    }
}

struct number {
    int64_t value;
};

static const struct column number_columns[] = {COLUMN(struct number, value, "value", COLUMN_INT64)};
static const struct row_shape number_shape = ROW_SHAPE(struct number, number_columns);

static enum status ask_number(int64_t *out, const struct store_tx *tx, const struct text *text, bool made,
                              struct fault *fault)
{
    const struct statement statement = {"trail_number", text->sql, text->parameters.count, .once = !made, .made = made};
    struct number number;
    enum status status = tx_read_one(tx, &number, &number_shape, &statement, &text->parameters, fault);
    if (status == STATUS_OK) {
        *out = number.value;
    }
    return status;
}

/* Where the rows of a time begin: times do not decrease with seq, so it is looked for by halves, below `end`. */
static enum status seq_at(uint64_t *out, const struct store_tx *tx, int64_t at_utc_us, uint64_t end,
                          struct fault *fault)
{
    static const struct statement halves = {
        "trail_seq_at",
        "WITH RECURSIVE half(low, high) AS (SELECT 0::bigint, $2::bigint UNION ALL SELECT CASE WHEN early THEN middle"
        " + 1 ELSE low END, CASE WHEN early THEN high ELSE middle END FROM (SELECT low, high, (low + high) / 2 AS"
        " middle, coalesce((SELECT ts < $1::timestamptz FROM audit.leaf WHERE seq >= (low + high) / 2 ORDER BY seq"
        " LIMIT 1), false) AS early FROM half WHERE low < high) AS step) SELECT low AS value FROM half"
        " WHERE low >= high LIMIT 1",
        2,
    };
    struct parameters p = {0};
    struct number number;
    parameter_time(&p, at_utc_us);
    parameter_uint64(&p, end);
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
        buffer_append_format(&buffer, "%s %s %s%s%" PRIu64 "\n", condition->column, condition->compare,
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
static enum status find_edge(struct plan *inout_plan, const struct store_tx *tx, size_t followed, struct fault *fault)
{
    struct plan *plan = inout_plan;
    struct text text = {.len = 0};
    int64_t seq = -1;
    say(&text, "SELECT coalesce((SELECT at FROM (");
    say_followed(&text, plan, followed);
    say(&text, " OFFSET %" PRIu64 " LIMIT 1) AS looked), -1) AS value", plan->look - 1);
    enum status status = ask_number(&seq, tx, &text, true, fault);
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

/* Nothing reaches farther than a condition whose rows are all looked at. */
static bool is_settled(const struct plan *plan)
{
    return plan->followed != SIZE_MAX && !plan->cut;
}

static enum status choose(struct plan *plan, const struct store_tx *tx, struct fault *fault)
{
    static const struct statement one_plan = {
        "trail_one_plan",
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', true),"
        " set_config('max_parallel_workers_per_gather', '0', true)",
        0,
    };
    enum status status = tx_set(tx, &one_plan, fault);
    if (plan->look <= plan->query->limit) { /* no more rows are looked at than are answered: nothing is to be weighed */
        plan->followed = 0;
        return status;
    }
    plan->followed = SIZE_MAX;
    for (size_t i = 0; status == STATUS_OK && i < plan->count && !is_settled(plan); i++) {
        status = plan->conditions[i].index != NULL ? find_edge(plan, tx, i, fault) : STATUS_OK;
    }
    return status == STATUS_OK && plan->followed == SIZE_MAX ? find_edge(plan, tx, plan->count, fault) : status;
}

static enum status plan_make(struct plan *out, const struct store_tx *tx, const struct store_trail_query *query,
                             uint64_t look_alone, struct fault *fault)
{
    *out = (struct plan){.query = query, .to = INT64_MAX};
    list_conditions(out);
    out->look = has_others(out) ? LOOK : look_alone;
    enum status status = digest_query(out, fault);
    out->to = query->before_seq != 0 ? query->before_seq : out->to;
    if (status == STATUS_OK && query->from_utc_us != 0) {
        status = seq_at(&out->from, tx, query->from_utc_us, query->before_seq, fault);
    }
    if (status == STATUS_OK && query->to_utc_us != 0) {
        status = seq_at(&out->to, tx, query->to_utc_us, query->before_seq, fault);
    }
    out->bounds[0] = out->from;
    out->bounds[1] = out->to;
    out->from = query->from_seq > out->from ? query->from_seq : out->from;
    if (status == STATUS_OK) {
        status = cursor_read(out, fault);
    }
    return status == STATUS_OK ? choose(out, tx, fault) : status;
}

enum status store_trail_page(struct store_trail_page *out, const struct store_tx *tx,
                             const struct store_trail_query *query, struct fault *fault)
{
    INVARIANT(query->limit >= 1 && query->limit <= STORE_LEAVES_MAX);
    struct plan plan;
    struct text text = {.len = 0};
    struct row_array array = {0};
    enum status status = plan_make(&plan, tx, query, query->limit, fault);
    if (status != STATUS_OK) {
        return status;
    }
    say_met(&text, &plan, LEAF_COLUMNS);
    say(&text, " ORDER BY %sat%s LIMIT %u",
        plan.followed == plan.count ? ""
        : query->newest_first       ? "lead DESC, "
                                    : "lead, ",
        query->newest_first ? " DESC" : "", query->limit);
    const struct statement statement = {"trail_page", text.sql, text.parameters.count, .once = true};
    status = tx_read_all(tx, &array, &leaf_row_shape, &statement, &text.parameters, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct store_trail_page page = {
        .rows = array.rows, .count = array.count, .from_seq = plan.bounds[0], .to_seq = plan.bounds[1]};
    if (page.count == query->limit) {
        cursor_write(page.next, &plan, page.rows[page.count - 1].seq);
    } else if (plan.cut) {
        cursor_write(page.next, &plan, plan.edge);
    }
    *out = page;
    return STATUS_OK;
}

enum status store_trail_count(struct store_trail_page *out, const struct store_tx *tx,
                              const struct store_trail_query *query, struct fault *fault)
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
        status = ask_number(&count, tx, &text, false, fault);
    } else if (plan.cut) {
        count = (int64_t)plan.look;
    } else {
        say(&text, "SELECT count(*) AS value FROM (");
        say_followed(&text, &plan, plan.followed);
        say(&text, ") AS looked");
        status = ask_number(&count, tx, &text, false, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = (struct store_trail_page){.count = (size_t)count, .from_seq = plan.bounds[0], .to_seq = plan.bounds[1]};
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
