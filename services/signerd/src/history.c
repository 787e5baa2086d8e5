/*
 * The windows over promises, see history.h.
 *
 * All promises stand in one queue in the order they were made, each with its five series; so the oldest of the queue is
 * the oldest in each of its series, and forgetting it costs nothing. A series is found by the digest of what it is of.
 */
#include "history.h"

#include <search.h>

#include "base/digest.h"

/* A sum of amounts that does not overflow. */
struct total {
    amount_raw low;
    uint64_t high;
};

struct point {
    uint64_t at_us;
    struct total after; /* of the series from its beginning, this one included */
};

/* Promises of one asset with one subject. */
struct series {
    struct digest subject; /* first: what the tree compares */
    struct point *points;  /* owned */
    size_t start;          /* those before it are forgotten */
    size_t end;
    size_t room;
    struct total before; /* of all that is forgotten */
};

struct promised {
    uint64_t at_us;
    struct series *series[HISTORY_PER_COUNT];
};

struct history {
    void *tree;               /* of struct series, owned */
    struct promised *entries; /* owned */
    size_t start;
    size_t end;
    size_t room;
};

static struct total total_add(struct total a, struct total b)
{
    struct total out = {.low = a.low + b.low};
    out.high = a.high + b.high + (out.low < a.low);
    return out;
}

/* a is not below b. */
static struct total total_subtract(struct total a, struct total b)
{
    return (struct total){.low = a.low - b.low, .high = a.high - b.high - (a.low < b.low)};
}

static bool total_above(struct total a, struct total b)
{
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

static struct total total_of(struct amount amount)
{
    return (struct total){.low = amount.raw}; /* Raw: sums of amounts may leave their range */
}

static struct amount total_amount(struct total total)
{
    return (struct amount){total.high == 0 ? total.low : ~(amount_raw)0}; /* Raw: back from a sum */
}

/* Makes room for one more at the end: moves what is left to the front where that is cheap, or takes more. */
static enum status room_make(void **items, size_t size, size_t *start, size_t *end, size_t *room)
{
    if (*end < *room) {
        return STATUS_OK;
    }
    if (*start > *room / 2) {
        memmove(*items, (uint8_t *)*items + *start * size, (*end - *start) * size);
        *end -= *start;
        *start = 0;
        return STATUS_OK;
    }
    size_t more = *room == 0 ? 8 : 2 * *room;
    void *grown = reallocarray(*items, more, size);
    if (grown == NULL) {
        return STATUS_NO_MEMORY;
    }
    *items = grown;
    *room = more;
    return STATUS_OK;
}

static void subject_digest(struct digest *out, enum history_per per, const struct guard_promise *promise)
{
    const uint64_t key = promise->key;
    const struct {
        const void *data;
        size_t len;
    } subjects[HISTORY_PER_COUNT] = {
        [HISTORY_ASSET] = {"", 0},
        [HISTORY_DESTINATION] = {promise->destination.digest.bytes32, sizeof(promise->destination.digest.bytes32)},
        [HISTORY_REQUESTER] = {promise->requester.text, strlen(promise->requester.text)},
        [HISTORY_WALLET] = {promise->wallet.text, strlen(promise->wallet.text)},
        [HISTORY_KEY] = {&key, sizeof(key)},
    };
    uint8_t prefixed[1 + sizeof(promise->asset.bytes32)];
    prefixed[0] = (uint8_t)per;
    memcpy(prefixed + 1, promise->asset.bytes32, sizeof(promise->asset.bytes32));
    digest_sha256_two(out, prefixed, sizeof(prefixed), subjects[per].data, subjects[per].len);
}

static int series_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static struct series *series_find(const struct history *history, const struct digest *subject)
{
    struct series *const *found = tfind(subject, &history->tree, series_compare);
    return found == NULL ? NULL : *found;
}

static void series_free(void *series)
{
    free(((struct series *)series)->points);
    free(series);
}

static void series_drop_empty(struct history *history, struct series *series)
{
    if (series->start == series->end) {
        INVARIANT(tdelete(series, &history->tree, series_compare) != NULL);
        series_free(series);
    }
}

/* The series of a subject, with room for one more point. */
static enum status series_open(struct history *history, struct series **out, const struct digest *subject)
{
    struct series *series = series_find(history, subject);
    if (series == NULL) {
        series = calloc(1, sizeof(*series));
        if (series == NULL) {
            return STATUS_NO_MEMORY;
        }
        series->subject = *subject;
        if (tsearch(series, &history->tree, series_compare) == NULL) {
            series_free(series);
            return STATUS_NO_MEMORY;
        }
    }
    void *points = series->points;
    enum status status = room_make(&points, sizeof(*series->points), &series->start, &series->end, &series->room);
    series->points = points;
    if (status != STATUS_OK) {
        series_drop_empty(history, series);
        return status;
    }
    *out = series;
    return STATUS_OK;
}

/* The sum up to the point before this one. */
static struct total total_before(const struct series *series, size_t index)
{
    return index == series->start ? series->before : series->points[index - 1].after;
}

enum status history_new(struct history **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void history_free(struct history *history)
{
    if (history != NULL) {
        tdestroy(history->tree, series_free);
        free(history->entries);
        free(history);
    }
}

enum status history_add(struct history *history, const struct guard_promise *promise)
{
    void *entries = history->entries;
    enum status status = room_make(&entries, sizeof(*history->entries), &history->start, &history->end, &history->room);
    history->entries = entries;
    struct promised entry = {.at_us = promise->running_us};
    INVARIANT(history->start == history->end || history->entries[history->end - 1].at_us <= entry.at_us);
    for (int per = 0; per < HISTORY_PER_COUNT && status == STATUS_OK; per++) {
        struct digest subject;
        subject_digest(&subject, (enum history_per)per, promise);
        status = series_open(history, &entry.series[per], &subject);
    }
    for (int per = 0; per < HISTORY_PER_COUNT; per++) {
        struct series *series = entry.series[per];
        if (status == STATUS_OK) {
            const struct total after = total_add(total_before(series, series->end), total_of(promise->amount));
            series->points[series->end++] = (struct point){entry.at_us, after};
        } else if (series != NULL) {
            series_drop_empty(history, series);
        }
    }
    if (status == STATUS_OK) {
        history->entries[history->end++] = entry;
    }
    return status;
}

size_t history_count(const struct history *history)
{
    return history->end - history->start;
}

uint64_t history_at_us(const struct history *history, size_t index)
{
    INVARIANT(index < history_count(history));
    return history->entries[history->start + index].at_us;
}

void history_forget(struct history *history, size_t count)
{
    INVARIANT(count <= history_count(history));
    for (; count > 0; count--) {
        const struct promised *entry = &history->entries[history->start++];
        for (int per = 0; per < HISTORY_PER_COUNT; per++) {
            struct series *series = entry->series[per];
            series->before = series->points[series->start++].after;
            series_drop_empty(history, series);
        }
    }
}

void history_take_back(struct history *history, size_t count)
{
    INVARIANT(count <= history_count(history));
    for (; count > 0; count--) {
        const struct promised *entry = &history->entries[--history->end];
        for (int per = 0; per < HISTORY_PER_COUNT; per++) {
            entry->series[per]->end--;
            series_drop_empty(history, entry->series[per]);
        }
    }
}

/* The first point that still counts. */
static size_t window_start(const struct series *series, const struct history_question *question)
{
    size_t low = series->start;
    size_t high = series->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->points[middle].at_us + question->window_us > question->now_us) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Whether the promise fits when those before `index` count no more. */
static bool fits_from(const struct series *series, size_t index, const struct history_question *question)
{
    const struct total sum = total_subtract(total_before(series, series->end), total_before(series, index));
    bool sum_fits = amount_is_zero(question->max_sum) ||
                    !total_above(total_add(sum, total_of(question->promise->amount)), total_of(question->max_sum));
    return sum_fits && (question->max_count == 0 || series->end - index < question->max_count);
}

struct history_answer history_ask(const struct history *history, const struct history_question *question)
{
    static const struct series none;
    struct digest subject;
    subject_digest(&subject, question->per, question->promise);
    const struct series *series = series_find(history, &subject);
    series = series == NULL ? &none : series;
    size_t from = window_start(series, question);
    const struct total sum = total_subtract(total_before(series, series->end), total_before(series, from));
    struct history_answer answer = {
        .count = series->end - from, .sum = total_amount(sum), .fits = fits_from(series, from, question)};
    size_t low = from;
    size_t high = series->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fits_from(series, middle, question)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    answer.ever = fits_from(series, low, question);
    answer.fits_at_us = low == from ? question->now_us : series->points[low - 1].at_us + question->window_us;
    return answer;
}
