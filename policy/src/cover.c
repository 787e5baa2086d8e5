/*
 * Minimal sets by exhaustive search over how many of each class. Whatever is cut off cannot lead to a minimal set, so
 * the answer is complete; when the search would be too long there is no answer.
 */
#include "cover.h"

#include <stdlib.h>
#include <string.h>

static bool in(uint64_t classes, size_t class_at)
{
    return (classes >> class_at & 1) != 0;
}

static bool spend(struct effort *effort, uint64_t cost)
{
    effort->left = effort->left > cost ? effort->left - cost : 0;
    return effort->left > 0;
}

/* Covers */

static bool follows(const struct cover *cover, uint64_t from_classes, unsigned from_need)
{
    return (from_classes & ~cover->classes) == 0 && from_need >= cover->need;
}

enum status covers_add(struct covers *covers, uint64_t classes, unsigned need)
{
    const struct cover added = {classes, need};
    size_t kept = 0;
    if (need == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < covers->count; i++) {
        if (follows(&added, covers->items[i].classes, covers->items[i].need)) {
            return STATUS_OK;
        }
    }
    for (size_t i = 0; i < covers->count; i++) {
        if (!follows(&covers->items[i], classes, need)) {
            covers->items[kept++] = covers->items[i];
        }
    }
    covers->count = kept;
    if (kept == COVERS_MAX) {
        return STATUS_TOO_LARGE;
    }
    covers->items[covers->count++] = added;
    return STATUS_OK;
}

static unsigned crowd_sum(const struct crowd *crowd, uint64_t classes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < crowd->class_count; i++) {
        sum += in(classes, i) ? crowd->size[i] : 0;
    }
    return sum;
}

bool covers_possible(const struct covers *covers, const struct crowd *crowd)
{
    for (size_t i = 0; i < covers->count; i++) {
        if (crowd_sum(crowd, covers->items[i].classes) < covers->items[i].need) {
            return false;
        }
    }
    return true;
}

/* Sets */

void sets_free(struct analysis_sets *sets)
{
    free(sets->counts);
    *sets = (struct analysis_sets){0};
}

static enum status sets_append(struct analysis_sets *sets, const uint16_t *counts)
{
    if (sets->count == ANALYSIS_SETS_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (sets->count == sets->room) {
        const size_t room = sets->room == 0 ? 64 : 2 * sets->room;
        uint16_t *grown = realloc(sets->counts, room * sets->width * sizeof(*grown));
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        sets->counts = grown;
        sets->room = room;
    }
    memcpy(sets->counts + sets->count * sets->width, counts, sets->width * sizeof(*counts));
    sets->count++;
    return STATUS_OK;
}

/* The order of sets needs the crowd, which qsort_r hands through. */
static int compare_sets(const void *a, const void *b, void *context)
{
    const uint16_t *left = a;
    const uint16_t *right = b;
    const struct crowd *crowd = context;
    int people = 0;
    int programs = 0;
    for (size_t i = 0; i < crowd->class_count; i++) {
        int *sum = in(crowd->automated, i) ? &programs : &people;
        *sum += left[i] - right[i];
    }
    if (people != 0 || programs != 0) {
        return people != 0 ? people : programs;
    }
    for (size_t i = 0; i < crowd->class_count; i++) {
        if (left[i] != right[i]) {
            return right[i] - left[i];
        }
    }
    return 0;
}

/* The question that sets are answers to: which alternatives, and whether to meet one or to keep all from being met. */
struct question {
    const struct covers *alternatives;
    size_t count;
    const struct crowd *crowd;
    bool absent; /* the set is away, and the rest must fail; else the set itself must do */
};

static bool cover_met(const struct cover *cover, const struct question *question, const uint16_t *set)
{
    unsigned sum = 0;
    for (size_t i = 0; i < question->crowd->class_count; i++) {
        if (in(cover->classes, i)) {
            sum += question->absent ? question->crowd->size[i] - set[i] : set[i];
        }
    }
    return sum >= cover->need;
}

static bool question_answered(const struct question *question, const uint16_t *set)
{
    for (size_t i = 0; i < question->count; i++) {
        const struct covers *covers = &question->alternatives[i];
        size_t met = 0;
        while (met < covers->count && cover_met(&covers->items[met], question, set)) {
            met++;
        }
        if (met == covers->count) {
            return !question->absent;
        }
    }
    return question->absent;
}

/* Nobody of the set can be missed. What the search found for one alternative alone is so already. */
static bool is_minimal(const struct question *question, uint16_t *set)
{
    bool missed = false;
    if (question->count == 1 && !question->absent) {
        return true;
    }
    for (size_t i = 0; i < question->crowd->class_count && !missed; i++) {
        if (set[i] > 0) {
            set[i]--;
            missed = question_answered(question, set);
            set[i]++;
        }
    }
    return !missed;
}

static uint64_t question_cost(const struct question *question)
{
    uint64_t cost = 1;
    for (size_t i = 0; i < question->count; i++) {
        cost += question->alternatives[i].count;
    }
    return cost * (question->crowd->class_count + 1);
}

/* Puts sets that answer the question in order, and drops those that are not minimal or are there twice. */
static enum status sets_reduce(struct analysis_sets *sets, const struct question *question, struct effort *effort)
{
    const size_t width = sets->width;
    struct crowd crowd = *question->crowd;
    size_t kept = 0;
    for (size_t i = 0; i < sets->count; i++) {
        if (!spend(effort, question_cost(question))) {
            return STATUS_TOO_LARGE;
        }
        if (is_minimal(question, sets->counts + i * width)) {
            memmove(sets->counts + kept * width, sets->counts + i * width, width * sizeof(uint16_t));
            kept++;
        }
    }
    sets->count = 0;
    if (kept > 0) {
        qsort_r(sets->counts, kept, width * sizeof(uint16_t), compare_sets, &crowd);
    }
    for (size_t i = 0; i < kept; i++) {
        const uint16_t *set = sets->counts + i * width;
        if (i == 0 || compare_sets(set - width, set, &crowd) != 0) {
            memmove(sets->counts + sets->count * width, set, width * sizeof(uint16_t));
            sets->count++;
        }
    }
    return STATUS_OK;
}

/* Search */

struct search {
    const struct covers *covers;
    const struct crowd *crowd;
    struct analysis_sets *out;
    struct effort *effort;
    uint16_t counts[ANALYSIS_CLASSES_MAX];
    uint64_t taken;          /* the classes that the set has people of */
    int missing[COVERS_MAX]; /* of each cover: what is still needed, below zero when there is more than that */
    int ahead[COVERS_MAX];   /* of each cover: how many may still come */
};

/*
 * Whether each class of the set so far is needed: it is in a cover that has not more than it asks for. A cover that has
 * more will never have less, so what is not needed now never is.
 */
static bool search_is_minimal(const struct search *search)
{
    uint64_t needed = 0;
    for (size_t k = 0; k < search->covers->count; k++) {
        needed |= search->missing[k] >= 0 ? search->covers->items[k].classes : 0;
    }
    return (search->taken & ~needed) == 0;
}

/* How many of a class can be in a minimal set, given the classes before: from what no other can fill to what serves. */
static void search_range(const struct search *search, size_t class_at, int *least, int *most)
{
    const int size = (int)search->crowd->size[class_at];
    *least = 0;
    *most = 0;
    for (size_t k = 0; k < search->covers->count; k++) {
        if (in(search->covers->items[k].classes, class_at)) {
            const int later = search->ahead[k] - size;
            *most = search->missing[k] > *most ? search->missing[k] : *most;
            *least = search->missing[k] - later > *least ? search->missing[k] - later : *least;
        }
    }
    *most = *most < size ? *most : size;
}

static void search_take(struct search *search, size_t class_at, int count, int ahead)
{
    for (size_t k = 0; k < search->covers->count; k++) {
        if (in(search->covers->items[k].classes, class_at)) {
            search->missing[k] -= count;
            search->ahead[k] -= ahead;
        }
    }
    search->counts[class_at] = (uint16_t)(search->counts[class_at] + count);
    search->taken &= ~((uint64_t)1 << class_at);
    search->taken |= (uint64_t)(search->counts[class_at] > 0) << class_at;
}

static enum status search_from(struct search *search, size_t class_at)
{
    int least;
    int most;
    if (!spend(search->effort, search->covers->count + 1)) {
        return STATUS_TOO_LARGE;
    }
    if (!search_is_minimal(search)) {
        return STATUS_OK;
    }
    if (class_at == search->crowd->class_count) {
        return sets_append(search->out, search->counts);
    }
    search_range(search, class_at, &least, &most);
    const int size = (int)search->crowd->size[class_at];
    enum status status = STATUS_OK;
    for (int count = least; count <= most && status == STATUS_OK; count++) {
        search_take(search, class_at, count, size);
        status = search_from(search, class_at + 1);
        search_take(search, class_at, -count, -size);
    }
    return status;
}

enum status covers_minimal(struct analysis_sets *out, const struct covers *covers, const struct crowd *crowd,
                           struct effort *effort)
{
    struct search search = {.covers = covers, .crowd = crowd, .out = out, .effort = effort};
    for (size_t k = 0; k < covers->count; k++) {
        search.missing[k] = (int)covers->items[k].need;
        search.ahead[k] = (int)crowd_sum(crowd, covers->items[k].classes);
    }
    return covers_possible(covers, crowd) ? search_from(&search, 0) : STATUS_OK;
}

enum status cover_moves(struct analysis_sets *out, const struct covers *alternatives, size_t count,
                        const struct crowd *crowd, struct effort *effort)
{
    const struct question question = {.alternatives = alternatives, .count = count, .crowd = crowd};
    struct analysis_sets sets = {.width = crowd->class_count};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = covers_minimal(&sets, &alternatives[i], crowd, effort);
    }
    if (status == STATUS_OK) {
        status = sets_reduce(&sets, &question, effort);
    }
    if (status != STATUS_OK) {
        sets_free(&sets);
        return status;
    }
    *out = sets; /* transferred */
    return STATUS_OK;
}

/* Stops: of each alternative one cover must be kept from being met, by those who are withheld. */

struct siege {
    const struct covers *alternatives;
    size_t count;
    const struct crowd *crowd;
    struct analysis_sets *out;
    struct effort *effort;
};

/* What must be withheld so that the cover is not met. */
static struct cover siege_against(const struct siege *siege, const struct cover *cover)
{
    const unsigned size = crowd_sum(siege->crowd, cover->classes);
    return (struct cover){cover->classes, size - cover->need + 1};
}

static bool siege_holds(const struct siege *siege, const struct covers *withheld, size_t alternative)
{
    const struct covers *covers = &siege->alternatives[alternative];
    for (size_t k = 0; k < covers->count; k++) {
        const struct cover against = siege_against(siege, &covers->items[k]);
        for (size_t i = 0; i < withheld->count; i++) {
            if (follows(&against, withheld->items[i].classes, withheld->items[i].need)) {
                return true;
            }
        }
    }
    return false;
}

static enum status siege_from(const struct siege *siege, const struct covers *withheld, size_t alternative)
{
    enum status status = STATUS_OK;
    if (!spend(siege->effort, 1)) {
        return STATUS_TOO_LARGE;
    }
    while (alternative < siege->count && siege_holds(siege, withheld, alternative)) {
        alternative++;
    }
    if (alternative == siege->count) {
        return covers_minimal(siege->out, withheld, siege->crowd, siege->effort);
    }
    const struct covers *covers = &siege->alternatives[alternative];
    for (size_t k = 0; k < covers->count && status == STATUS_OK; k++) {
        const struct cover against = siege_against(siege, &covers->items[k]);
        struct covers more = *withheld;
        status = covers_add(&more, against.classes, against.need);
        if (status == STATUS_OK) {
            status = siege_from(siege, &more, alternative + 1);
        }
    }
    return status;
}

enum status cover_stops(struct analysis_sets *out, const struct covers *alternatives, size_t count,
                        const struct crowd *crowd, struct effort *effort)
{
    struct analysis_sets sets = {.width = crowd->class_count};
    const struct siege siege = {alternatives, count, crowd, &sets, effort};
    const struct question question = {alternatives, count, crowd, true};
    const struct covers nothing = {0};
    enum status status = count == 0 ? STATUS_OK : siege_from(&siege, &nothing, 0);
    if (status == STATUS_OK) {
        status = sets_reduce(&sets, &question, effort);
    }
    if (status != STATUS_OK) {
        sets_free(&sets);
        return status;
    }
    *out = sets; /* transferred */
    return STATUS_OK;
}
