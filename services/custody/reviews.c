/*
 * The reviews of key uses that were handed in, as the service lists them: it says of which log they are, and which of
 * them it has no more.
 */
#include <inttypes.h>

#include "answer.h"
#include "audit_question.h"
#include "client.h"
#include "commands.h"
#include "policy/review.h"

static void print_row(const json_t *row, const char *log)
{
    struct signed_document document = {0};
    struct review review;
    struct fault why = {0};
    char text[SERVICE_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
    (void)command_service_text(text, row, "digest");
    if (signed_document_decode(&document, json_object_get(row, "review"), CANON_DOCUMENT_MAX, "", &why) == STATUS_OK &&
        review_decode(&review, document.document.data, document.document.len, &why) == STATUS_OK) {
        time_format(at, review.reviewed_at);
        (void)printf("%s %s entries %" PRIu64 " to %" PRIu64 " of %s: %" PRId64 " uses, %" PRId64 " findings (%s)\n",
                     at, review.reviewer.text, review.from, review.to - 1, log, review.uses, review.findings, text);
    } else {
        (void)printf("%s is no review: %s\n", text, why.detail);
    }
    signed_document_free(&document);
}

/* Reviews that entries name and that are not there as they were handed in; "" when all are. */
static void describe_unfit(char out[SERVICE_TEXT_SIZE], const json_t *unfit)
{
    char reason[SERVICE_TEXT_SIZE];
    const json_t *first = json_array_get(unfit, 0);
    out[0] = '\0';
    if (first != NULL) {
        (void)snprintf(out, SERVICE_TEXT_SIZE,
                       "%zu reviews that were handed in are not there as they were, the newest of entry %" PRId64
                       " (%.64s): ask the auditor who signed it for the file",
                       json_array_size(unfit), (int64_t)json_integer_value(json_object_get(first, "entry")),
                       command_service_text(reason, first, "reason"));
    }
}

static enum status print_reviews(const json_t *answer, struct fault *fault)
{
    char log[SERVICE_TEXT_SIZE];
    char unfit[SERVICE_TEXT_SIZE];
    char corrupt[AUDIT_CORRUPT_SIZE];
    const json_t *rows = json_object_get(answer, "reviews");
    size_t i = 0;
    json_t *row = NULL;
    (void)command_service_text(log, answer, "log");
    if (json_array_size(rows) == 0) {
        (void)fprintf(stderr, "no reviews of %s\n", log);
    }
    json_array_foreach(rows, i, row)
    {
        print_row(row, log);
    }
    describe_unfit(unfit, json_object_get(answer, "unfit"));
    audit_corrupt_read(corrupt, answer);
    return audit_question_end(unfit, corrupt, fault);
}

enum status command_audit_reviews(const struct command_input *input, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/audit/reviews"};
    json_t *answer = NULL;
    enum status status = client_json(&answer, input->options, &call, fault);
    if (status == STATUS_OK) {
        status = input->options->json ? answer_print_json(answer, JSON_COMPACT, fault) : print_reviews(answer, fault);
    }
    json_decref(answer);
    return status;
}
