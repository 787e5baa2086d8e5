/*
 * The numbers of one boot: a ring that knows of each recent number what became of it. It decides what stands in `void`
 * lists and in the fact `settled`, by which a verifier tells a deleted event from one that never was. A number is
 * declared void only when it is certain that it will never appear, and once (README-trail.md).
 */
#include "trail_number.h"

void numbers_init(struct numbers *numbers)
{
    memset(numbers, 0, sizeof *numbers);
    numbers->next = 1;
    numbers->settled = 1;
}

static struct number *number_at(struct numbers *numbers, uint64_t number)
{
    struct number *row = &numbers->ring[number % TRAIL_NUMBERS];
    return row->number == number && number != 0 ? row : NULL;
}

const struct number *numbers_find(const struct numbers *numbers, uint64_t number)
{
    const struct number *row = &numbers->ring[number % TRAIL_NUMBERS];
    return row->number == number && number != 0 ? row : NULL;
}

static bool state_settled(enum number_state state)
{
    switch (state) {
    case NUMBER_COMMITTED:
    case NUMBER_SEQUENCED:
    case NUMBER_VOID:
        return true;
    case NUMBER_OPEN:
    case NUMBER_UNKNOWN:
    case NUMBER_LOST:
    case NUMBER_CARRIED:
        return false;
    }
    return false;
}

static void number_change(struct numbers *numbers, struct number *row, enum number_state state)
{
    numbers->lost -= row->state == NUMBER_LOST;
    numbers->lost += state == NUMBER_LOST;
    numbers->unknown -= row->state == NUMBER_UNKNOWN;
    numbers->unknown += state == NUMBER_UNKNOWN;
    row->state = state;
}

static void numbers_advance(struct numbers *numbers)
{
    while (numbers->settled < numbers->next && state_settled(number_at(numbers, numbers->settled)->state)) {
        numbers->settled++;
    }
}

static uint64_t numbers_unsettled(const struct numbers *numbers)
{
    return numbers->next - numbers->settled;
}

bool numbers_crowd(const struct numbers *numbers)
{
    return numbers_unsettled(numbers) >= (TRAIL_UNSETTLED_MAX - TRAIL_UNSETTLED_STATE) / 2;
}

enum status numbers_take(uint64_t *out, struct numbers *numbers, bool state, struct fault *fault)
{
    if (numbers_unsettled(numbers) >= TRAIL_UNSETTLED_MAX - (state ? 0 : TRAIL_UNSETTLED_STATE)) {
        return fault_set(fault, STATUS_BUSY, "trail", "too many events are not settled");
    }
    uint64_t number = numbers->next++;
    numbers->ring[number % TRAIL_NUMBERS] = (struct number){.number = number, .state = NUMBER_OPEN};
    *out = number;
    return STATUS_OK;
}

size_t numbers_carry(uint64_t *out, size_t capacity, struct numbers *numbers, uint64_t carrier)
{
    size_t count = 0;
    for (uint64_t n = numbers->settled; n < carrier && count < capacity && numbers->lost > 0; n++) {
        struct number *row = number_at(numbers, n);
        if (row->state == NUMBER_LOST) {
            number_change(numbers, row, NUMBER_CARRIED);
            row->carrier = carrier;
            out[count++] = n;
        }
    }
    number_at(numbers, carrier)->carries = count > 0;
    return count;
}

void numbers_post(struct numbers *numbers, uint64_t number)
{
    number_at(numbers, number)->posted = true;
}

bool number_is_gone(const struct number *number)
{
    return number->state == NUMBER_LOST || number->state == NUMBER_CARRIED || number->state == NUMBER_VOID;
}

void numbers_bind(struct numbers *numbers, uint64_t number, const struct digest *event)
{
    number_at(numbers, number)->event = *event;
}

static enum status state_expects(enum number_state state)
{
    switch (state) {
    case NUMBER_OPEN:
        return STATUS_NOT_READY;
    case NUMBER_COMMITTED:
    case NUMBER_UNKNOWN:
        return STATUS_OK;
    case NUMBER_SEQUENCED:
    case NUMBER_LOST:
    case NUMBER_CARRIED:
    case NUMBER_VOID:
        return STATUS_MISMATCH;
    }
    return STATUS_MISMATCH;
}

enum status numbers_expect(const struct numbers *numbers, uint64_t number, const struct digest *event)
{
    const struct number *row = numbers_find(numbers, number);
    if (row == NULL) {
        return number != 0 && number < numbers->next ? STATUS_OK : STATUS_MISMATCH;
    }
    return digest_equal(&row->event, event) ? state_expects(row->state) : STATUS_MISMATCH;
}

/* What an event carried shares its fate. */
static void carried_end(struct numbers *numbers, const struct number *carrier, enum number_state state)
{
    for (uint64_t n = numbers->settled; carrier->carries && n < carrier->number; n++) {
        struct number *row = number_at(numbers, n);
        if (row->state == NUMBER_CARRIED && row->carrier == carrier->number) {
            number_change(numbers, row, state);
        }
    }
}

void numbers_end(struct numbers *numbers, uint64_t number, enum number_state state, const struct store_backend *backend)
{
    struct number *row = number_at(numbers, number);
    if (row == NULL || row->state != NUMBER_OPEN) {
        return; /* the sequencer was sooner */
    }
    number_change(numbers, row, state);
    if (state == NUMBER_UNKNOWN) {
        row->backend = *backend;
    } else {
        carried_end(numbers, row, state == NUMBER_COMMITTED ? NUMBER_VOID : NUMBER_LOST);
    }
    numbers_advance(numbers);
}

/* Entries are told in order, so an unknown number that would have come before `by` will not come any more. */
static void unknown_end(struct numbers *numbers, uint64_t by)
{
    for (uint64_t n = numbers->settled; number_at(numbers, by)->proves && numbers->unknown > 0 && n < by; n++) {
        struct number *row = number_at(numbers, n);
        if (row->state == NUMBER_UNKNOWN && row->proof == by) {
            number_change(numbers, row, NUMBER_LOST);
            carried_end(numbers, row, NUMBER_LOST);
        }
    }
}

void numbers_sequenced(struct numbers *numbers, uint64_t number, uint64_t seq)
{
    struct number *row = number_at(numbers, number);
    if (row == NULL) {
        return;
    }
    row->seq = seq;
    number_change(numbers, row, NUMBER_SEQUENCED);
    carried_end(numbers, row, NUMBER_VOID);
    unknown_end(numbers, number);
    numbers_advance(numbers);
}

uint64_t numbers_unknown_after(const struct numbers *numbers, uint64_t after)
{
    uint64_t n = after + 1 > numbers->settled ? after + 1 : numbers->settled;
    for (; numbers->unknown > 0 && n < numbers->next; n++) {
        if (numbers_find(numbers, n)->state == NUMBER_UNKNOWN) {
            return n;
        }
    }
    return 0;
}

void numbers_prove(struct numbers *numbers, uint64_t number, uint64_t by)
{
    struct number *row = number_at(numbers, number);
    if (row != NULL && row->state == NUMBER_UNKNOWN) {
        row->proof = by;
        number_at(numbers, by)->proves = true;
    }
}

void numbers_posts_lost(struct numbers *numbers)
{
    for (uint64_t n = numbers->settled; numbers->unknown > 0 && n < numbers->next; n++) {
        struct number *row = number_at(numbers, n);
        if (row->state == NUMBER_UNKNOWN && row->posted) {
            number_change(numbers, row, NUMBER_LOST);
            carried_end(numbers, row, NUMBER_LOST);
        }
    }
}

uint64_t numbers_settled(struct numbers *numbers, uint64_t carrier)
{
    numbers_advance(numbers);
    uint64_t settled = numbers->settled;
    while (settled < numbers->next) {
        const struct number *row = number_at(numbers, settled);
        bool mine = row->state == NUMBER_CARRIED && row->carrier == carrier;
        if (!mine && !state_settled(row->state)) {
            break;
        }
        settled++;
    }
    return settled;
}
