/*
 * The operations log: one line of key=value pairs per event on standard error. It is not the audit trail.
 *
 * State changes are logged exactly once, where they happen. No secret and no personal data goes here.
 */
#ifndef STRONGROOM_BASE_LOG_H
#define STRONGROOM_BASE_LOG_H

#include "base/status.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* Names the program in every line and sets the highest level printed. Once, before threads start. */
void log_open(const char *program, enum log_level highest);

/*
 * Prints `time= level= program= event=` and then the pairs: key, value, key, value, ..., NULL; all strings. Values with
 * spaces, quotes or bytes outside printable ASCII are quoted and escaped. Thread-safe, one write(2) per line.
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* Logs a fault: the code, where and detail, as an error unless the fault is that of a caller's bad input (a warning).
 */
void log_fault(const char *event, const struct fault *fault);

#endif
