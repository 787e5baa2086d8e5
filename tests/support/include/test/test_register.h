/*
 * Another standing for an algorithm, in tests only: what the day looks like on which one of them is given up.
 *
 * The library test_register is put between a program and its register by the linker; no program of ours is linked so,
 * and no option or environment changes a register.
 */
#ifndef STRONGROOM_TEST_TEST_REGISTER_H
#define STRONGROOM_TEST_TEST_REGISTER_H

#include "base/algorithm.h"

/* From now on the algorithm has this standing, all others the one that the register gives. */
void test_register_set(enum algorithm algorithm, enum algorithm_standing standing);

/* Back to the register as it is. */
void test_register_reset(void);

#endif
