/*
 * Dispatch: from a request to its route, through authentication, roles and known query parameters, to the handler; and
 * from a failure to its problem document. What a route permits stands in the table (routes.c), not here.
 */
#include "base/canon.h"
#include "base/secret.h"
#include "gate.h"
#include "places.h"
#include "problem.h"
#include "routes.h"
#include "service.h"
#include "witnesses.h"

#define TOKEN_PREFIX "Bearer sr_"
#define TOKEN_LEN 43

/* Compares one pattern with the path; parameters are copied out as they stand. */
static bool match(const char *pattern, const char *path, char parameters[][HTTP_PARAMETER_SIZE])
{
    size_t found = 0;
    while (*pattern != '\0') {
        if (pattern[0] == '{') {
            bool rest = pattern[1] == '*';
            size_t len = rest ? strlen(path) : strcspn(path, "/");
            if (len == 0 || len >= HTTP_PARAMETER_SIZE || found == HTTP_PARAMETERS_MAX) {
                return false;
            }
            memcpy(parameters[found], path, len);
            parameters[found][len] = '\0';
            found++;
            path += len;
            pattern += rest ? 3 : 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

/* One more method; HEAD comes with GET. */
static void allow_add(char allow[HTTP_ALLOW_SIZE], const char *method)
{
    size_t len = strlen(allow);
    if (strstr(allow, method) == NULL) {
        (void)snprintf(allow + len, HTTP_ALLOW_SIZE - len, "%s%s%s", len == 0 ? "" : ", ", method,
                       strcmp(method, "GET") == 0 ? ", HEAD" : "");
    }
}

/* Out: the route, or NULL with the methods for which there would be one, "" when the path is of no resource. What is
 * asked by HEAD is answered as by GET; the server sends no body then. */
static const struct http_route *find_route(struct http_request *request, char out_allow[HTTP_ALLOW_SIZE])
{
    size_t count = 0;
    const struct http_route *routes = routes_all(&count);
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    out_allow[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if ((routes[i].urgent || !request->only_urgent) &&
            match(routes[i].pattern, request->path, request->parameters)) {
            if (strcmp(routes[i].method, method) == 0) {
                return &routes[i];
            }
            allow_add(out_allow, routes[i].method);
        }
    }
    return NULL;
}

/* Whether there is something of the form of a token; its digest. */
static bool read_token(struct http_request *request)
{
    const char *header = http_header(request, "Authorization");
    size_t prefix = strlen(TOKEN_PREFIX);
    if (header == NULL || strncmp(header, TOKEN_PREFIX, prefix) != 0 || strlen(header + prefix) != TOKEN_LEN) {
        return false;
    }
    const char *token = header + strlen("Bearer ");
    digest_sha256(&request->caller.auth, token, strlen(token));
    return true;
}

static enum status authenticate(struct service *service, struct http_request *request, const struct http_route *route,
                                struct fault *fault)
{
    if (route->roles == ROLE_NONE) {
        return STATUS_OK;
    }
    if (digest_is_zero(&request->caller.auth)) {
        return fault_set(fault, STATUS_UNAUTHENTICATED, "authorization", "must be a bearer token of this service");
    }
    enum status status = service_authenticate(service, request, fault);
    if (status == STATUS_UNAUTHENTICATED) {
        service_log_login_refusal(service, request, status);
    }
    if (status != STATUS_OK) {
        return status;
    }
    service_log_login(service, request);
    gate_know(service->gate, &request->caller.auth);
    place_known(request->place, &request->caller.auth);
    if ((request->caller.roles & route->roles) == 0) {
        char names[ROLE_NAMES_SIZE];
        return fault_set(fault, STATUS_FORBIDDEN, "authorization", "it takes a token with the role %s",
                         service_role_names(names, route->roles, " or "));
    }
    return STATUS_OK;
}

/* A word of the space-separated list. */
static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == len && len > 0 && strncmp(at, word, len) == 0) {
            return true;
        }
    }
    return false;
}

struct query_check {
    const char *allowed;
    char seen[HTTP_QUERY_MAX][32];
    size_t count;
    struct fault *fault;
    enum status status;
};

static bool query_seen(const struct query_check *check, const char *key)
{
    for (size_t i = 0; i < check->count; i++) {
        if (strcmp(check->seen[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_query(void *context, const char *key, const char *value)
{
    struct query_check *check = context;
    if (!listed(check->allowed, key) || value == NULL || check->count == HTTP_QUERY_MAX || strlen(key) >= 32) {
        check->status = fault_set(check->fault, STATUS_UNKNOWN_FIELD, key, "not a query parameter of this operation");
        return false;
    }
    if (query_seen(check, key)) {
        check->status = fault_set(check->fault, STATUS_INVALID, key, "given twice");
        return false;
    }
    memcpy(check->seen[check->count++], key, strlen(key) + 1);
    return true;
}

static enum status check_form(const struct http_request *request, const struct http_route *route, struct fault *fault)
{
    struct query_check check = {.allowed = route->query, .fault = fault, .status = STATUS_OK};
    http_each_query(request, check_query, &check);
    return check.status;
}

static enum gate_kind kind_of(const struct http_route *route)
{
    if (route == NULL) {
        return GATE_ORDINARY;
    }
    return route->urgent ? GATE_URGENT : route->told ? GATE_TOLD : GATE_ORDINARY;
}

/* What has halted the trail, since when, and where; "" when it goes on. */
static const char *halt_words(char out[HTTP_TRAIL_HALTED_SIZE], struct service *service)
{
    struct trail_trouble halt = {.at_utc_us = 0};
    char since[TIME_TEXT_SIZE];
    out[0] = '\0';
    if (trail_halt_read(&halt, service->trail)) {
        time_format(since, halt.at_utc_us);
        (void)snprintf(out, HTTP_TRAIL_HALTED_SIZE, "%s since %s: %.60s: %.120s", status_info(halt.why.status)->code,
                       since, halt.why.where, halt.why.detail);
    }
    return out;
}

/* There is no proof any more, so there are no effects; the witnesses are not to blame that they have nothing new. */
static enum status check_goes_on(struct service *service, struct fault *fault)
{
    char halted[HTTP_TRAIL_HALTED_SIZE];
    return halt_words(halted, service)[0] != '\0' ? fault_set(fault, STATUS_HALTED, "trail", "%s", halted)
                                                  : witnesses_check(service, fault);
}

/* Who waits for a checkpoint of a trail that has halted waits for people. */
static void blame_halt(struct fault *fault, struct service *service)
{
    char halted[HTTP_TRAIL_HALTED_SIZE];
    bool for_trail = fault->status == STATUS_NOT_READY && listed("trail witnesses checkpoint", fault->where);
    if (for_trail && halt_words(halted, service)[0] != '\0') {
        fault_clear(fault);
        (void)fault_set(fault, STATUS_HALTED, "trail", "%s", halted);
    }
}

static enum status run(struct service *service, struct http_request *request, const struct http_route **out_route,
                       struct http_reply *reply, struct fault *fault)
{
    char allow[HTTP_ALLOW_SIZE];
    const struct http_route *route = find_route(request, allow);
    *out_route = route;
    request->urgent = route != NULL && route->urgent;
    enum status status = gate_enter(service->gate, &request->guest, read_token(request) ? &request->caller.auth : NULL,
                                    place_address(request->place), kind_of(route), fault);
    if (status != STATUS_OK) {
        reply->close = true;
        return status;
    }
    if (route == NULL && allow[0] != '\0') {
        memcpy(reply->allow, allow, sizeof(allow));
        return fault_set(fault, STATUS_USAGE, "method", "not a method of this resource, which has %s", allow);
    }
    if (route == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "path", "no such resource%s",
                         request->only_urgent ? " where only orders that stop something are taken" : "");
    }
    status = authenticate(service, request, route, fault);
    if (status == STATUS_OK) {
        status = check_form(request, route, fault);
    }
    bool waits = route->action != AUDIT_ACTION_NONE && !route->told && !route->urgent && !route->without_them;
    if (status == STATUS_OK && waits) {
        status = check_goes_on(service, fault);
    }
    if (status == STATUS_OK) {
        status = route->handler(service, request, reply, fault);
    }
    if (status == STATUS_OK && route->told) {
        status = service_log_read(service, request, route->action, reply->results, fault);
    }
    return status;
}

/* What was not done for a known caller belongs in the trail: a refusal, for which the caller waits, or, of an effect, a
 * fault of our own. That a key sleeps is a refusal. */
static enum status tell_failure(struct service *service, const struct http_request *request,
                                const struct http_route *route, enum status why, const json_t *explanation,
                                struct fault *fault)
{
    if (route == NULL || route->action == AUDIT_ACTION_NONE || request->caller.roles == 0) {
        return STATUS_OK;
    }
    if (status_info(why)->http < 500 || why == STATUS_KEY_INACTIVE) {
        return service_log_refusal(service, request, route->action, why, explanation, fault);
    }
    if (!route->told) {
        service_log_error(service, request, route->action, why);
    }
    return STATUS_OK;
}

void http_dispatch(struct service *service, struct http_request *request, struct http_reply *reply)
{
    struct fault fault = {0};
    const struct http_route *route = NULL;
    *reply = (struct http_reply){.status = 200, .content_type = "application/json"};
    enum status status = uuid_generate(&request->correlation, clock_system());
    if (status == STATUS_OK) {
        status = run(service, request, &route, reply, &fault);
        gate_worked(service->gate, request->guest);
    }
    if (request->caller.roles != 0) { /* who shows no token has the cause from /healthz */
        (void)halt_words(reply->trail_halted, service);
    }
    if (status == STATUS_OK) {
        return;
    }
    bool close = reply->close;
    (void)fault_set(&fault, status, "", "%s", ""); /* for a handler that set none */
    struct fault second = {0};
    if (tell_failure(service, request, route, fault.status, reply->explanation, &second) != STATUS_OK) {
        fault = second;
    }
    blame_halt(&fault, service);
    problem_reply(reply, &fault, &request->correlation);
    reply->close = close;
    secret_wipe(&fault, sizeof(fault)); /* it names the field, and a caller may have put a person's name there */
}

enum status http_body_object(json_t **out, const struct http_request *request, struct fault *fault)
{
    if (request->body_len == 0) {
        return fault_set(fault, STATUS_INVALID, "body", "must be a JSON object");
    }
    return canon_parse_relaxed(out, request->body, request->body_len, HTTP_POLICY_MAX, fault);
}

enum status http_body_signed(struct signed_document *out, const struct http_request *request, size_t max,
                             struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, body, max, "", fault);
        json_decref(body);
    }
    return status;
}

enum status http_reply_json(struct http_reply *reply, int status, json_t *value, struct fault *fault)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(value);
    if (text == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    reply->body = (struct bytes){.data = (uint8_t *)text, .len = strlen(text)};
    reply->status = status;
    reply->content_type = "application/json";
    return STATUS_OK;
}

enum status http_reply_text(struct http_reply *reply, const char *content_type, const void *text, size_t len)
{
    reply->content_type = content_type;
    return bytes_copy(&reply->body, text, len);
}

void http_reply_free(struct http_reply *reply)
{
    bytes_free(&reply->body);
    if (reply->stream.read != NULL && reply->stream.free != NULL) {
        reply->stream.free(reply->stream.context);
    }
    reply->stream = (struct http_stream){0};
    json_decref(reply->explanation);
    reply->explanation = NULL;
}

enum status http_query_integer(int64_t *inout, const struct http_request *request, const char *name, int64_t min,
                               int64_t max, struct fault *fault)
{
    const char *text = http_query(request, name);
    if (text == NULL) {
        return STATUS_OK;
    }
    size_t len = strspn(text, "0123456789");
    long long value = len >= 1 && len <= 18 && text[len] == '\0' ? strtoll(text, NULL, 10) : -1;
    if (value < min || value > max || (len > 1 && text[0] == '0')) {
        return fault_set(fault, STATUS_INVALID, name, "must be an integer from %lld to %lld", (long long)min,
                         (long long)max);
    }
    *inout = value;
    return STATUS_OK;
}
