/*
 * Problem documents (RFC 9457) from faults.
 */
#ifndef STRONGROOM_CUSTODYD_PROBLEM_H
#define STRONGROOM_CUSTODYD_PROBLEM_H

#include "http.h"

/*
 * Replaces the content of the reply by the problem document of `fault`; the explanation that the reply holds goes
 * along. Faults of our own side are logged and keep their particulars to themselves.
 */
void problem_reply(struct http_reply *reply, const struct fault *fault, const struct uuid *correlation);

#endif
