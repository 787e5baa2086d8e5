/*
 * How one version of the policy differs from the one before, and whether a difference makes it weaker.
 */
#ifndef STRONGROOM_CUSTODY_POLICY_CHANGE_H
#define STRONGROOM_CUSTODY_POLICY_CHANGE_H

#include <jansson.h>
#include <stdio.h>

#include "base/status.h"

/*
 * Prints a line `WEAKER|CHANGED|STRONGER <path>: <before> -> <now>` for everything that differs in two documents but
 * version, prev and issued_at; "none" stands for what one of the two does not have. CHANGED is also what this does not
 * know. In: the documents, decoded before by policy_decode.
 */
void policy_change_print(FILE *stream, const json_t *before, const json_t *now);

#endif
