/*
 * The REST client on libcurl.
 */
#include "client.h"

#include "answer.h"
#include "commands.h"
#include "receipts.h"

#include <curl/curl.h>

#include "base/bytes.h"
#include "base/secret.h"

#define ANSWER_MAX (64 * 1024 * 1024)

/* Where an answer goes: into memory, or through to a stream once the status line said 200. */
struct sink {
    CURL *curl;
    struct buffer buffer;
    FILE *stream;
    const struct client_look *look; /* NULL: nobody looks */
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct sink *sink = context;
    size_t len = size * count;
    long http = 0;
    (void)curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &http);
    if (sink->stream != NULL && http == 200) {
        if (sink->look != NULL) {
            sink->look->see(sink->look->context, data, len);
        }
        return fwrite(data, 1, len, sink->stream);
    }
    if (sink->buffer.content.len + len > ANSWER_MAX) {
        return 0;
    }
    buffer_append(&sink->buffer, data, len);
    return len;
}

static void copy_text(char *out, size_t size, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* The fault that a problem document tells. */
static enum status problem_fault(const struct bytes *answer, long http, struct fault *fault)
{
    char code[64];
    char field[64];
    char detail[200];
    json_t *problem = json_loadb((const char *)answer->data, answer->len, 0, NULL);
    copy_text(code, sizeof(code), problem, "code");
    copy_text(field, sizeof(field), problem, "field");
    copy_text(detail, sizeof(detail), problem, "detail");
    json_decref(problem);
    if (code[0] == '\0') {
        return fault_set(fault, STATUS_UNAVAILABLE, "service", "answered HTTP %ld without a problem document", http);
    }
    enum status status = status_from_code(code);
    if (status == STATUS_USAGE) { /* that is what this program says of its own arguments, before anything is sent */
        status = STATUS_INVALID;
    }
    return fault_set(fault, status == STATUS_OK ? STATUS_UNAVAILABLE : status, field, "%s", detail);
}

static enum status load_token(struct secret *out, const struct custody_options *options, struct fault *fault)
{
    if (options->token[0] != '\0') {
        return secret_read_file(out, options->token, fault);
    }
    const char *token = getenv("STRONGROOM_TOKEN");
    if (token == NULL || token[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "token-file", "give it, or set STRONGROOM_TOKEN");
    }
    enum status status = secret_new(out, strlen(token));
    if (status == STATUS_OK) {
        memcpy(out->data, token, strlen(token));
    }
    return status;
}

static struct curl_slist *headers_of(const struct client_call *call, const struct secret *token)
{
    char line[1024];
    (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", (const char *)token->data);
    struct curl_slist *headers = curl_slist_append(NULL, line);
    secret_wipe(line, sizeof(line));
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    if (call->idempotency_key != NULL) {
        (void)snprintf(line, sizeof(line), "Idempotency-Key: %s", call->idempotency_key);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

/* A bearer token goes over TLS, or stays on this machine. "http://localhost:x@elsewhere/" does not. */
static bool is_private(const char *url)
{
    if (strchr(url, '@') != NULL) {
        return false;
    }
    static const char *const prefixes[] = {"https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static enum status check_url(const struct custody_options *options, struct fault *fault)
{
    if (options->url[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "url", "give it, or set STRONGROOM_URL");
    }
    return is_private(options->url)
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "url", "must be https://, or http:// to this machine");
}

static void set_up(CURL *curl, const struct custody_options *options, const struct client_call *call, const char *url,
                   const char *body)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    if (options->ca[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (strcmp(call->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body == NULL ? "" : body);
    }
}

static char halted[SERVICE_TEXT_SIZE];

const char *client_halted(void)
{
    return halted;
}

/* With whatever comes, also what fails; but not with health, which is for everybody. */
static void hear_halt(CURL *curl)
{
    struct curl_header *header = NULL;
    bool told = curl_easy_header(curl, "Trail-Halted", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    (void)snprintf(halted, sizeof(halted), "%s", told ? header->value : "");
    for (char *at = halted; *at != '\0'; at++) {
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
}

/* Not that of a service that says what it lacks: nobody is there yet. */
static bool is_problem(CURL *curl)
{
    const char *type = NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL && strcmp(type, "application/problem+json") == 0;
}

static enum status perform(CURL *curl, struct sink *sink, const struct client_call *call, struct fault *fault)
{
    struct bytes answer = {0};
    long http = 0;
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (code != CURLE_OK) {
        const char *url = "";
        (void)curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
        if (sink->stream != NULL && ferror(sink->stream) != 0) {
            return fault_set(fault, STATUS_IO, "out", "could not write");
        }
        return fault_set(
            fault, STATUS_UNAVAILABLE, "service", "%s%s (%s)", curl_easy_strerror(code),
            code == CURLE_PEER_FAILED_VERIFICATION ? "; the certificate is the one of --ca, or STRONGROOM_CA" : "",
            url);
    }
    if (!call->unready_too) {
        hear_halt(curl);
    }
    struct curl_header *header = NULL;
    if (http == 200 && sink->look != NULL && sink->look->tell != NULL &&
        curl_easy_header(curl, sink->look->header, 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        sink->look->tell(sink->look->context, header->value);
    }
    if (http == 200 || (sink->stream == NULL && http > 200 && http < 300) ||
        (call->unready_too && http == 503 && !is_problem(curl))) {
        return STATUS_OK;
    }
    enum status status = buffer_finish(&answer, &sink->buffer);
    if (status == STATUS_OK) {
        status = problem_fault(&answer, http, fault);
        bytes_free(&answer);
    }
    return status;
}

static enum status request(struct sink *sink, const struct custody_options *options, const struct client_call *call,
                           struct fault *fault)
{
    char url[2 * TEXT_SIZE];
    struct secret token = {0};
    enum status status = check_url(options, fault);
    if (status == STATUS_OK) {
        status = receipts_ready(options, fault);
    }
    if (status == STATUS_OK) {
        status = load_token(&token, options, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(url, sizeof(url), "%s%s", options->url, call->path);
    char *body = call->body == NULL ? NULL : json_dumps(call->body, JSON_COMPACT);
    struct curl_slist *headers = headers_of(call, &token);
    sink->curl = curl_easy_init();
    if (sink->curl == NULL || headers == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "client", "%s", "");
    } else {
        set_up(sink->curl, options, call, url, body);
        (void)curl_easy_setopt(sink->curl, CURLOPT_WRITEDATA, sink);
        (void)curl_easy_setopt(sink->curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(sink->curl, CURLOPT_TIMEOUT, sink->stream == NULL ? (long)options->timeout_s : 0L);
        status = perform(sink->curl, sink, call, fault);
    }
    curl_easy_cleanup(sink->curl);
    curl_slist_free_all(headers);
    free(body);
    secret_free(&token);
    return status;
}

enum status client_bytes(struct bytes *out, const struct custody_options *options, const char *path,
                         struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    struct sink sink = {0};
    buffer_init(&sink.buffer);
    enum status status = request(&sink, options, &call, fault);
    if (status != STATUS_OK) {
        buffer_free(&sink.buffer);
        return status;
    }
    return buffer_finish(out, &sink.buffer);
}

enum status client_json(json_t **out, const struct custody_options *options, const struct client_call *call,
                        struct fault *fault)
{
    struct sink sink = {0};
    struct bytes answer = {0};
    buffer_init(&sink.buffer);
    enum status status = request(&sink, options, call, fault);
    if (status != STATUS_OK) {
        buffer_free(&sink.buffer);
        return status;
    }
    status = buffer_finish(&answer, &sink.buffer);
    if (status == STATUS_OK) {
        *out = json_loadb((const char *)answer.data, answer.len, JSON_REJECT_DUPLICATES, NULL);
        bytes_free(&answer);
        status = *out == NULL ? fault_set(fault, STATUS_INVALID, "service", "did not answer JSON")
                              : receipts_keep(options, *out, fault);
    }
    if (status != STATUS_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

enum status client_list(const struct custody_options *options, const char *path, const char *member,
                        void (*print)(const json_t *row), struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    json_t *answer = NULL;
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK && options->json) {
        status = answer_print_json(answer, JSON_COMPACT, fault);
    } else if (status == STATUS_OK) {
        const json_t *rows = json_object_get(answer, member);
        if (json_array_size(rows) == 0) {
            (void)fprintf(stderr, "no %s\n", member);
        }
        for (size_t i = 0; i < json_array_size(rows); i++) {
            print(json_array_get(rows, i));
        }
    }
    json_decref(answer);
    return status;
}

enum status client_stream(FILE *stream, const struct custody_options *options, const char *path,
                          const struct client_look *look, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    struct sink sink = {.stream = stream, .look = look};
    buffer_init(&sink.buffer);
    enum status status = request(&sink, options, &call, fault);
    buffer_free(&sink.buffer);
    return status;
}
