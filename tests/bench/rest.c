/*
 * A small REST client, see rest.h.
 */
#include "rest.h"

#include <time.h>

#define TRIES 100
#define AGAIN_MS 20

static size_t take(const char *data, size_t size, size_t count, void *context)
{
    struct rest *rest = context;
    size_t len = size * count;
    char *grown = realloc(rest->reply, rest->reply_len + len + 1);
    BENCH_NEED(grown != NULL);
    memcpy(grown + rest->reply_len, data, len);
    rest->reply = grown;
    rest->reply_len += len;
    rest->reply[rest->reply_len] = '\0';
    return len;
}

void rest_open(struct rest *rest, const char *url, const char *ca)
{
    *rest = (struct rest){.curl = curl_easy_init(), .url = url};
    BENCH_NEED(rest->curl != NULL);
    BENCH_NEED(curl_easy_setopt(rest->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
    BENCH_NEED(curl_easy_setopt(rest->curl, CURLOPT_PROXY, "") == CURLE_OK);
    BENCH_NEED(curl_easy_setopt(rest->curl, CURLOPT_CAINFO, ca) == CURLE_OK);
    BENCH_NEED(curl_easy_setopt(rest->curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK);
    BENCH_NEED(curl_easy_setopt(rest->curl, CURLOPT_WRITEDATA, rest) == CURLE_OK);
}

void rest_close(struct rest *rest)
{
    curl_easy_cleanup(rest->curl);
    free(rest->reply);
}

static struct curl_slist *headers_make(const char *token, const char *key)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
    struct curl_slist *headers = curl_slist_append(NULL, line);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    if (key != NULL) {
        (void)snprintf(line, sizeof(line), "Idempotency-Key: %s", key);
        headers = curl_slist_append(headers, line);
    }
    BENCH_NEED(headers != NULL);
    return headers;
}

static long ask_once(struct rest *rest)
{
    long code = 0;
    free(rest->reply);
    rest->reply = NULL;
    rest->reply_len = 0;
    CURLcode performed = curl_easy_perform(rest->curl);
    if (performed != CURLE_OK) {
        (void)fprintf(stderr, "%s\n", curl_easy_strerror(performed));
    }
    BENCH_NEED(performed == CURLE_OK);
    BENCH_NEED(curl_easy_getinfo(rest->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK);
    return code;
}

json_t *rest_ask(struct rest *rest, const char *token, const char *path, const json_t *body, const char *key)
{
    char url[512];
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct curl_slist *headers = headers_make(token, key);
    (void)snprintf(url, sizeof(url), "%s%s", rest->url, path);
    (void)curl_easy_setopt(rest->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(rest->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(rest->curl, CURLOPT_FRESH_CONNECT, rest->afresh ? 1L : 0L);
    (void)curl_easy_setopt(rest->curl, CURLOPT_FORBID_REUSE, rest->afresh ? 1L : 0L);
    (void)curl_easy_setopt(rest->curl, CURLOPT_SSL_SESSIONID_CACHE, rest->afresh ? 0L : 1L);
    (void)curl_easy_setopt(rest->curl, text == NULL ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
    if (text != NULL) {
        (void)curl_easy_setopt(rest->curl, CURLOPT_POSTFIELDS, text);
    }
    const struct timespec again = {.tv_nsec = AGAIN_MS * 1000000L};
    long code = ask_once(rest);
    for (int i = 0; i < TRIES && (code == 429 || code == 503); i++) {
        (void)nanosleep(&again, NULL);
        code = ask_once(rest);
    }
    if (code / 100 != 2) {
        (void)fprintf(stderr, "%s: %ld %s\n", path, code, rest->reply == NULL ? "" : rest->reply);
    }
    BENCH_NEED(code / 100 == 2);
    curl_slist_free_all(headers);
    free(text);
    json_t *answer = json_loads(rest->reply, 0, NULL);
    BENCH_NEED(answer != NULL);
    return answer;
}
