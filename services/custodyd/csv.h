/*
 * Records of a CSV file (RFC 4180) that spreadsheets open without running anything.
 */
#ifndef STRONGROOM_CUSTODYD_CSV_H
#define STRONGROOM_CUSTODYD_CSV_H

#include <jansson.h>

#include "base/bytes.h"

/*
 * Appends one record: for each name the member of `row`, a text or an integer, or nothing where there is none; without
 * a row the names themselves. A text that begins like a formula (= + - @, tab, return) gets an apostrophe before it.
 */
void csv_append(struct buffer *buffer, const char *const *names, size_t count, const json_t *row);

#endif
