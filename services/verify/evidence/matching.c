/*
 * The largest matching by augmenting paths: for each place in turn, the shortest chain of people who move on to another
 * place so that it is filled. A place that cannot be filled now cannot be filled later either.
 */
#include "matching.h"

#define NOBODY (-1)

struct board {
    const struct matching *matching;
    int holder[MATCHING_PLACES_MAX]; /* the person who fills a place */
    int held[MATCHING_PEOPLE_MAX];   /* the place that a person fills */
};

/* Moves everybody along the chain that ends with `person`, whom nobody holds. */
static void move_along(struct board *board, const int reached_from[MATCHING_PEOPLE_MAX], int person)
{
    while (person != NOBODY) {
        int place = reached_from[person];
        int before = board->holder[place];
        board->holder[place] = person;
        board->held[person] = place;
        person = before;
    }
}

/* Looks at who fits a place and was not looked at. True when one of them is free; those who are not leave their place
 * to the queue. */
static bool look(struct board *board, int place, int reached_from[MATCHING_PEOPLE_MAX], int *queue, size_t *queued)
{
    for (size_t p = 0; p < board->matching->people; p++) {
        if (!board->matching->fits[place][p] || reached_from[p] != NOBODY) {
            continue;
        }
        reached_from[p] = place;
        if (board->held[p] == NOBODY) {
            move_along(board, reached_from, (int)p);
            return true;
        }
        queue[(*queued)++] = board->held[p];
    }
    return false;
}

static bool fill(struct board *board, int place)
{
    int queue[MATCHING_PLACES_MAX + MATCHING_PEOPLE_MAX];
    int reached_from[MATCHING_PEOPLE_MAX];
    size_t queued = 1;
    queue[0] = place;
    for (size_t p = 0; p < MATCHING_PEOPLE_MAX; p++) {
        reached_from[p] = NOBODY;
    }
    for (size_t i = 0; i < queued; i++) {
        if (look(board, queue[i], reached_from, queue, &queued)) {
            return true;
        }
    }
    return false;
}

size_t matching_size(const struct matching *matching)
{
    struct board board = {.matching = matching};
    size_t filled = 0;
    for (size_t i = 0; i < MATCHING_PLACES_MAX; i++) {
        board.holder[i] = NOBODY;
    }
    for (size_t p = 0; p < MATCHING_PEOPLE_MAX; p++) {
        board.held[p] = NOBODY;
    }
    for (size_t i = 0; i < matching->places; i++) {
        filled += fill(&board, (int)i) ? 1 : 0;
    }
    return filled;
}
