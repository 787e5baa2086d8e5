/*
 * Random small policies in memory, without the floors, and random requests: so that evaluation alone is under test.
 */
#ifndef STRONGROOM_TEST_POLICY_TOY_H
#define STRONGROOM_TEST_POLICY_TOY_H

#include "policy/evaluate.h"

enum { PEOPLE = 6, GROUPS = 3, WALLETS = 2, ASSETS = 3, RULES = 5 };

struct toy {
    struct policy policy;
    struct person people[PEOPLE];
    struct group groups[GROUPS];
    struct wallet wallets[WALLETS];
    struct rule rules[RULES + 1]; /* one more than in use, to be added */
    size_t members[GROUPS][PEOPLE];
    struct digest assets[RULES + 1 + WALLETS][ASSETS];
    size_t rule_wallets[RULES + 1][WALLETS];
    size_t requesters[RULES + 1][GROUPS];
    size_t destinations[RULES + 1][GROUPS];
    struct hours hours[RULES + 1];
    struct name destination_groups[GROUPS];
    struct digest seen[PEOPLE][PEOPLE];
    struct evaluation_approval approvals[2 * PEOPLE];
    struct evaluation_request request;
    struct digest asset;
    struct digest ledger;
};

/* Rules of wallets, assets, an amount and one step. */
void toy_random(struct toy *toy);

/* The same with every condition and up to three steps; some approvals have seen some of those before them. */
void toy_random_whole(struct toy *toy);

/* The decision. Aborts the test when there is none. */
enum decision toy_decide(const struct toy *toy, enum status *out_reason);

bool toy_coin(void);

/* Exchanges two elements of at most sizeof(struct rule). */
void toy_swap(void *a, void *b, size_t size);

#endif
