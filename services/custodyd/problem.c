/*
 * Problem documents: what a caller is told when a request fails.
 *
 * A fault about the caller's input names the field and the rule. A fault of our own (HTTP 500) is logged with its
 * particulars and answered without them; of one of the database the particulars are where it is and what it said, and
 * who asks may be anybody, since tokens stand in it.
 */
#include "problem.h"

#include "base/log.h"

static const char out_of_memory[] = "{\"code\":\"no_memory\",\"status\":503,\"title\":\"could not get "
                                    "memory\",\"type\":\"urn:strongroom:problem:no_memory\"}";

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value[0] != '\0') {
        (void)json_object_set_new(object, key, json_string(value)); /* a failure shows as a missing member below */
    }
}

/* A refusal of the method is the one that has an HTTP status of its own. */
static int http_status(const struct http_reply *reply, const struct fault *fault)
{
    return reply->allow[0] != '\0' ? 405 : status_info(fault->status)->http;
}

static json_t *problem_object(const struct fault *fault, int http, const struct uuid *correlation)
{
    const struct status_info *info = status_info(fault->status);
    char id[UUID_TEXT_SIZE];
    uuid_format(id, correlation);
    json_t *problem =
        json_pack("{s:o, s:s, s:i, s:s, s:s}", "type", json_sprintf("urn:strongroom:problem:%s", info->code), "title",
                  info->text, "status", http, "code", info->code, "correlation", id);
    if (problem != NULL && info->http != 500) {
        set_text(problem, "field", fault->where);
        set_text(problem, "detail", strcmp(fault->where, "postgresql") == 0 ? "" : fault->detail);
    }
    return problem;
}

void problem_reply(struct http_reply *reply, const struct fault *fault, const struct uuid *correlation)
{
    const struct status_info *info = status_info(fault->status);
    json_t *explanation = reply->explanation;
    reply->explanation = NULL;
    http_reply_free(reply);
    if (info->http >= 500) {
        log_fault("request.failed", fault);
    }

    int http = http_status(reply, fault);
    json_t *problem = problem_object(fault, http, correlation);
    if (problem != NULL && explanation != NULL) {
        (void)json_object_set(problem, "explanation", explanation);
    }
    json_decref(explanation);
    char *text = problem == NULL ? NULL : json_dumps(problem, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(problem);
    reply->status = http;
    reply->content_type = "application/problem+json";
    reply->cache_control = NULL;
    if (text != NULL) {
        reply->body = (struct bytes){.data = (uint8_t *)text, .len = strlen(text)}; /* transferred */
    } else if (bytes_copy(&reply->body, out_of_memory, strlen(out_of_memory)) != STATUS_OK) {
        reply->body = (struct bytes){0}; /* the status line alone must do */
    }
}
