/*
 * A case for both evaluations of the rules, one line of JSON each, from test_rules.py:
 * {"amount","announced"?,"asset","at","chain","group"?,"policy":"<document>","requester","returns":bool,"signed":bool,
 *  "type","votes":[{"digest","person","seen":[digests]}],"wallet"}; times in microseconds. Each driver answers one
 * line: `allowed LIMITS DELAY_S`, `refused WHY` (the request), or `unread WHY` (the policy).
 */
#ifndef STRONGROOM_TESTS_RULES_CASE_H
#define STRONGROOM_TESTS_RULES_CASE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/amount.h"
#include "base/canon.h"
#include "base/digest.h"
#include "base/id.h"

static inline const char *case_text(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static inline struct digest case_digest(const char *text)
{
    struct digest digest = {0};
    INVARIANT(text != NULL && digest_parse(&digest, text) == STATUS_OK);
    return digest;
}

static inline struct name case_name(const char *text)
{
    struct name name = {0};
    INVARIANT(text != NULL && name_parse(&name, text) == STATUS_OK);
    return name;
}

static inline struct amount case_amount(const json_t *object)
{
    struct amount amount;
    INVARIANT(amount_parse(&amount, case_text(object, "amount")) == STATUS_OK);
    return amount;
}

/* Answers every line of standard input. */
static inline int case_each(void (*answer)(const json_t *object))
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        INVARIANT(object != NULL);
        answer(object);
        json_decref(object);
    }
    free(line);
    return 0;
}

#endif
