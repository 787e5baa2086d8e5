/*
 * Questions to the trail as they stand in a query string, for answers and for exports.
 */
#ifndef STRONGROOM_CUSTODYD_QUESTION_H
#define STRONGROOM_CUSTODYD_QUESTION_H

#include <jansson.h>

#include "http.h"
#include "store/trail_query.h"
#include "trail_doubt.h"

#define TRAIL_FILTERS                                                                                                  \
    "actor act otype oid outcome corr key wallet asset amount_min amount_max destination version from to order"
#define TRAIL_TEXTS 9

/* A question. `query` points into the others, so it is not copied. */
struct trail_question {
    struct store_trail_query query;
    char texts[TRAIL_TEXTS][STORE_TEXT_SIZE];
    struct uuid corr;
    struct amount amount_min;
    struct amount amount_max;
    char cursor[STORE_CURSOR_SIZE + 1]; /* one that is too long stays so */
};

/* Reads the filters, cursor and limit of a request. STATUS_INVALID or STATUS_MISSING_FIELD names the parameter. */
MUST_CHECK enum status trail_question_read(struct trail_question *out, const struct http_request *request,
                                           struct fault *fault);

/*
 * Up to where the trail goes now: the newest checkpoint, and the size that the head row had when the rows were read.
 * Asked for after these, so it covers at least what was covered then.
 */
MUST_CHECK enum status trail_extent_read(struct trail_extent *out, struct service *service, uint64_t head_size,
                                         struct fault *fault);

/*
 * A row as value_leaf has it, with its `doubt` when something speaks against it (trail_doubt.h): that is an alarm, too,
 * when a checkpoint is known. Out: one reference.
 */
MUST_CHECK enum status trail_row_view(json_t **out, struct service *service, const struct trail_extent *extent,
                                      const struct store_leaf *row, struct fault *fault);

/*
 * Which rows of the trail are known not to be what was signed, or to be gone, as a list of numbers as they are told
 * (trail_signed.h); NULL: none is. Whatever was asked, one of them may be what was not found. Asked for after the rows
 * of an answer were looked at. Out: one reference or NULL.
 */
MUST_CHECK enum status trail_corrupt_view(json_t **out, struct service *service, struct fault *fault);

/*
 * The same as texts with ", " between them, "" for none: the header Trail-Corrupt of an export, which has no room for
 * it. It leaves before the rows are looked at: what is found in them their `doubt` says, and later replies.
 */
void trail_corrupt_format(char out[HTTP_TRAIL_CORRUPT_SIZE], struct service *service);

/* The export of the rows that meet a question, each with its proof; the reply is a stream. */
MUST_CHECK enum status trail_extract_open(struct service *service, const struct http_request *request,
                                          struct http_reply *reply, struct fault *fault);

#endif
