/*
 * The numbers of one boot: a ring that knows of each recent number what became of it. It decides what stands in `void`
 * lists and in the fact `settled`, by which a verifier tells a deleted event from one that never was.
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
    case NUMBER_LOST:
    case NUMBER_CARRIED:
        return false;
    }
    return false;
}

static void numbers_advance(struct numbers *numbers)
{
    while (numbers->settled < numbers->next && state_settled(number_at(numbers, numbers->settled)->state)) {
        numbers->settled++;
    }
}

enum status numbers_take(uint64_t *out, struct numbers *numbers, struct fault *fault)
{
    if (numbers->next - numbers->settled >= TRAIL_NUMBERS - 1) {
        return fault_set(fault, STATUS_BUSY, "trail", "too many events are not settled");
    }
    uint64_t number = numbers->next++;
    numbers->ring[number % TRAIL_NUMBERS] = (struct number){.number = number, .state = NUMBER_OPEN};
    *out = number;
    return STATUS_OK;
}

size_t numbers_carry(uint64_t *out, size_t capacity, struct numbers *numbers, uint64_t below)
{
    size_t count = 0;
    for (uint64_t n = numbers->settled; n < below && count < capacity && numbers->lost > 0; n++) {
        struct number *row = number_at(numbers, n);
        if (row->state == NUMBER_LOST) {
            row->state = NUMBER_CARRIED;
            numbers->lost--;
            out[count++] = n;
        }
    }
    return count;
}

static void number_change(struct numbers *numbers, struct number *row, enum number_state state)
{
    numbers->lost -= row->state == NUMBER_LOST;
    numbers->lost += state == NUMBER_LOST;
    row->state = state;
}

void numbers_end(struct numbers *numbers, uint64_t number, enum number_state state)
{
    struct number *row = number_at(numbers, number);
    /* One that was sequenced meanwhile is settled, and may be forgotten. */
    if (row != NULL && row->state != NUMBER_SEQUENCED) {
        number_change(numbers, row, state);
    }
    numbers_advance(numbers);
}

void numbers_sequenced(struct numbers *numbers, uint64_t number, uint64_t seq)
{
    struct number *row = number_at(numbers, number);
    if (row != NULL) {
        number_change(numbers, row, NUMBER_SEQUENCED);
        row->seq = seq;
        numbers_advance(numbers);
    }
}

uint64_t numbers_settled(struct numbers *numbers, const uint64_t *carried, size_t count)
{
    numbers_advance(numbers);
    uint64_t settled = numbers->settled;
    size_t next = 0;
    while (settled < numbers->next) {
        bool mine = next < count && carried[next] == settled;
        if (!mine && !state_settled(number_at(numbers, settled)->state)) {
            break;
        }
        next += mine;
        settled++;
    }
    return settled;
}
