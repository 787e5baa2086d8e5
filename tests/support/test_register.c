/*
 * Stands in for algorithm_info (linker option --wrap): the register's own row, with the standing of the test's choice.
 */
#include "test/test_register.h"

#include <stddef.h>

const struct algorithm_info *__real_algorithm_info(enum algorithm algorithm); /* NOLINT: the linker's name */
const struct algorithm_info *__wrap_algorithm_info(enum algorithm algorithm); /* NOLINT: the linker's name */

static struct algorithm_info changed;
static bool is_changed;

void test_register_set(enum algorithm algorithm, enum algorithm_standing standing)
{
    const struct algorithm_info *info = __real_algorithm_info(algorithm);
    INVARIANT(info != NULL);
    changed = *info;
    changed.standing = standing;
    is_changed = true;
}

void test_register_reset(void)
{
    is_changed = false;
}

const struct algorithm_info *__wrap_algorithm_info(enum algorithm algorithm)
{
    return is_changed && algorithm == changed.algorithm ? &changed : __real_algorithm_info(algorithm);
}
