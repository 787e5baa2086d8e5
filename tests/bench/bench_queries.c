/*
 * Questions of officers to a long trail, as the REST interface puts them to the store: every combination of filters
 * with values of rows that are there or of two rows that have nothing in common, both orders, pages and counts, from
 * the first row or from a cursor anywhere. Each takes turns with a read of one row by its primary key. The rows are
 * made by long_trail.sql.
 *
 *   bench_queries CONNINFO
 *
 * Commands: ask COUNT SEED (answers with the latencies of questions and of reads, and the longest question).
 */
#include <inttypes.h>

#include "bench.h"
#include "store/trail_query.h"

#define ASKED_MAX 100000
#define LIMIT 100
#define FILTERS 15
#define LIMIT_MS 60000

struct latencies {
    int64_t us[ASKED_MAX];
    size_t count;
};

static struct {
    struct store *store;
    uint64_t size;
    uint64_t dice;
    struct latencies asked;
    struct latencies floor;
    int64_t longest_us;
    unsigned longest_filters;
} stage;

/* splitmix64 (S. Vigna): the same questions for the same seed. */
static uint64_t random_below(uint64_t limit)
{
    stage.dice += 0x9e3779b97f4a7c15;
    uint64_t z = stage.dice;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % limit;
}

static void row_read(struct store_leaf *out, uint64_t seq)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    BENCH_MUST(store_begin(&tx, stage.store, STORE_SNAPSHOT, &fault));
    BENCH_MUST(store_leaf_get(out, tx, seq, &fault));
    store_rollback(tx);
}

static const char *text(const char *value)
{
    return value[0] == '\0' ? "none" : value;
}

static void range_fill(struct store_trail_query *query, unsigned filters, const struct store_leaf *row,
                       struct amount *amount)
{
    struct fault fault = {0};
    BENCH_MUST(amount_parse(amount, row->amount[0] == '\0' ? "1" : row->amount));
    query->amount_min = filters & 256 ? amount : NULL;
    query->amount_max = filters & 512 ? amount : NULL;
    query->from_utc_us = filters & 8192 ? row->ts_utc_us - 86400000000 : 0;
    query->to_utc_us = filters & 16384 ? row->ts_utc_us + 86400000000 * 7 : 0;
    query->before_seq = stage.size;
}

/* What is asked for: the bits of `filters`, each with the value that one of the two rows has. */
static void query_fill(struct store_trail_query *query, unsigned filters, const struct store_leaf rows[2],
                       struct amount *amount)
{
    const struct store_leaf *row = rows;
    const struct store_leaf *other = &rows[random_below(8) == 0];
    const struct store_trail_query whole = {.actor = row->actor,
                                            .act = other->act,
                                            .outcome = row->outcome,
                                            .otype = text(row->otype),
                                            .oid = text(other->oid),
                                            .key = text(other->key),
                                            .wallet = text(row->wallet),
                                            .asset = text(row->asset),
                                            .destination = text(other->destination),
                                            .corr = &row->corr,
                                            .version = other->version == 0 ? 1 : other->version};
    query->actor = filters & 1 ? whole.actor : NULL;
    query->act = filters & 2 ? whole.act : NULL;
    query->outcome = filters & 4 ? whole.outcome : NULL;
    query->otype = filters & 8 ? whole.otype : NULL;
    query->oid = filters & 16 ? whole.oid : NULL;
    query->key = filters & 32 ? whole.key : NULL;
    query->wallet = filters & 64 ? whole.wallet : NULL;
    query->asset = filters & (128 | 256 | 512) ? whole.asset : NULL;
    query->destination = filters & 1024 ? whole.destination : NULL;
    query->corr = filters & 2048 ? whole.corr : NULL;
    query->version = filters & 4096 ? whole.version : 0;
    range_fill(query, filters, row, amount);
}

/* Out: the cursor of the next page, for one question. */
static int64_t ask_once(char next[STORE_CURSOR_SIZE], const struct store_trail_query *query, bool count)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    struct store_trail_page page = {0};
    int64_t start_us = bench_now_us();
    BENCH_MUST(store_begin(&tx, stage.store, STORE_SNAPSHOT, &fault));
    BENCH_MUST((count ? store_trail_count : store_trail_page)(&page, tx, query, &fault));
    store_rollback(tx);
    int64_t us = bench_now_us() - start_us;
    memcpy(next, page.next, STORE_CURSOR_SIZE);
    if (!count) {
        store_trail_page_free(&page);
    }
    return us;
}

static void note_asked(int64_t us, unsigned filters)
{
    BENCH_NEED(stage.asked.count < ASKED_MAX);
    stage.asked.us[stage.asked.count++] = us;
    if (us > stage.longest_us) {
        stage.longest_us = us;
        stage.longest_filters = filters;
    }
}

/* One filter, a few, or any; then the same question from a cursor somewhere else. */
static void ask(void)
{
    static const unsigned kinds[] = {1, 2, 4, FILTERS};
    struct store_leaf rows[2];
    struct store_trail_query query = {.newest_first = random_below(2) == 0, .limit = LIMIT};
    struct amount amount;
    char next[STORE_CURSOR_SIZE];
    char cursor[STORE_CURSOR_SIZE];
    unsigned filters = 0;
    for (unsigned left = kinds[random_below(4)]; left > 0; left--) {
        filters |= random_below(8) == 0 ? 0 : 1U << random_below(FILTERS);
    }
    row_read(&rows[0], random_below(stage.size));
    row_read(&rows[1], random_below(stage.size));
    query_fill(&query, filters, rows, &amount);
    bool count = random_below(4) == 0;
    note_asked(ask_once(next, &query, count), filters);
    if (next[0] != '\0') { /* a cursor of the same question, anywhere in the trail */
        (void)snprintf(cursor, sizeof(cursor), "%016" PRIx64 "%s", random_below(stage.size), next + 16);
        query.cursor = cursor;
        note_asked(ask_once(next, &query, count), filters);
    }
    store_leaf_wipe(&rows[0]);
    store_leaf_wipe(&rows[1]);
}

static void read_floor(void)
{
    struct store_leaf row;
    int64_t start_us = bench_now_us();
    row_read(&row, random_below(stage.size));
    stage.floor.us[stage.floor.count++] = bench_now_us() - start_us;
    store_leaf_wipe(&row);
}

static int order(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return (*left > *right) - (*left < *right);
}

static void print(const char *name, struct latencies *latencies)
{
    qsort(latencies->us, latencies->count, sizeof(latencies->us[0]), order);
    (void)printf("\"%s_p50_us\":%" PRId64 ",\"%s_p99_us\":%" PRId64 ",\"%s_max_us\":%" PRId64 ",", name,
                 latencies->us[latencies->count / 2], name, latencies->us[latencies->count * 99 / 100], name,
                 latencies->us[latencies->count - 1]);
}

static void ask_all(const struct bench_command *command)
{
    stage.asked.count = stage.floor.count = 0;
    stage.longest_us = 0;
    stage.dice = (uint64_t)command->numbers[1];
    BENCH_NEED(command->numbers[0] >= 1 && command->numbers[0] <= ASKED_MAX - 1);
    while (stage.asked.count < (size_t)command->numbers[0]) {
        ask();
        read_floor();
    }
    (void)printf("{");
    print("asked", &stage.asked);
    print("floor", &stage.floor);
    (void)printf("\"longest_filters\":%u,\"count\":%zu}\n", stage.longest_filters, stage.asked.count);
    (void)fflush(stdout);
}

static void measure_size(void)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    struct store_leaf_list list = {0};
    const struct store_leaf_filter newest = {.newest_first = true, .limit = 1};
    BENCH_MUST(store_begin(&tx, stage.store, STORE_SNAPSHOT, &fault));
    BENCH_MUST(store_leaf_list(&list, tx, &newest, &fault));
    store_rollback(tx);
    BENCH_NEED(list.count == 1);
    stage.size = list.rows[0].seq + 1;
    store_leaf_list_free(&list);
}

int main(int argc, char **argv)
{
    struct fault fault = {0};
    struct bench_command command;
    BENCH_NEED(argc == 2);
    const struct store_config config = {.conninfo = argv[1],
                                        .role = "strongroom_auditor",
                                        .connections = 1,
                                        .acquire_timeout_ms = LIMIT_MS,
                                        .statement_timeout_ms = LIMIT_MS};
    BENCH_MUST(store_open(&stage.store, &config, &fault));
    measure_size();
    bench_ready("");
    while (bench_read(&command)) {
        BENCH_NEED(strcmp(command.word, "ask") == 0);
        ask_all(&command);
    }
    store_close(stage.store);
    return 0;
}
