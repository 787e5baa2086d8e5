/*
 * Questions to the register of algorithms. The numbers of the rows go from 1 upwards without a gap.
 */
#include "base/algorithm.h"

#include <string.h>

const struct algorithm_info *algorithm_find(const char *name)
{
    const struct algorithm_info *info = NULL;
    for (int number = 1; (info = algorithm_info((enum algorithm)number)) != NULL; number++) {
        if (strcmp(info->name, name) == 0) {
            return info->standing == ALGORITHM_RETIRED ? NULL : info;
        }
    }
    return NULL;
}

const char *algorithm_standing_text(enum algorithm_standing standing)
{
    switch (standing) {
    case ALGORITHM_IN_USE:
        return "in-use";
    case ALGORITHM_DEPRECATED:
        return "deprecated";
    case ALGORITHM_RETIRED:
        break;
    }
    return "retired";
}

enum status algorithm_check_new(enum algorithm algorithm, struct fault *fault)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (info == NULL) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "algorithm", "number %d is not in the register",
                         (int)algorithm);
    }
    if (info->standing != ALGORITHM_IN_USE) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "algorithm", "%s is %s: no new keys", info->name,
                         algorithm_standing_text(info->standing));
    }
    return STATUS_OK;
}
