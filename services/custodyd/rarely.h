/*
 * What is told at most once in a time for each name it is about, however often it happens; what comes between is
 * counted. By the monotonic clock and in this process alone, so that no row and no clock that is set decides it.
 */
#ifndef STRONGROOM_CUSTODYD_RARELY_H
#define STRONGROOM_CUSTODYD_RARELY_H

#include "base/clock.h"
#include "base/id.h"

struct rarely;

/* `clock` is borrowed. As many names are remembered as people fit in a policy. Out: rarely_free. */
MUST_CHECK enum status rarely_new(struct rarely **out, const struct clock *clock, int64_t pause_us,
                                  struct fault *fault);

/* NULL is fine. */
void rarely_free(struct rarely *rarely);

/*
 * It happened. True when it is to be told now; *out_left_out: how many were not told since the last that was. Where all
 * places are taken the name that was told longest ago is forgotten, and told again.
 */
bool rarely_tell(struct rarely *rarely, uint64_t *out_left_out, const char *about);

/* It could not be told, or need not be: the next one may be told. */
void rarely_forget(struct rarely *rarely, const char *about);

/*
 * Takes out a name of which some were left out in a time that is over, in any time when `all`: that is told now. False
 * when there is none.
 */
bool rarely_take(struct rarely *rarely, struct name *out_about, uint64_t *out_left_out, bool all);

#endif
