/*
 * Which tokens are in use: the first use of a token is a login and becomes an entry of the trail, and so is one after a
 * pause; what comes between is not told again.
 */
#ifndef STRONGROOM_CUSTODYD_LOGINS_H
#define STRONGROOM_CUSTODYD_LOGINS_H

#include "base/clock.h"
#include "base/digest.h"

#define LOGINS_PAUSE_US (15LL * 60 * 1000000)
#define LOGINS_REMEMBERED                                                                                              \
    1024 /* tokens; beyond, the one that was not used for longest is forgotten, and told again                         \
          */

struct logins;

/* `clock` is borrowed. Out: logins_free. */
MUST_CHECK enum status logins_new(struct logins **out, const struct clock *clock, struct fault *fault);

/* NULL is fine. */
void logins_free(struct logins *logins);

/* A valid token is used. True when that is a login. */
bool logins_begin(struct logins *logins, const struct digest *token);

/* The login could not be told: the next use is one. */
void logins_forget(struct logins *logins, const struct digest *token);

#endif
