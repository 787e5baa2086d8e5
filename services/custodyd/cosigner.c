/*
 * Asking a witness. Nothing that it says is believed but a cosignature that verifies over the very checkpoint it was
 * asked for, made now; sizes that it names only choose where the next proof begins.
 */
#include "cosigner.h"

#include <inttypes.h>

#define PAUSE_MIN_US 100000
#define PAUSE_MAX_US 2000000
#define CONFLICTS_MAX 3
#define SKEW_S 120 /* between the clocks of witness and service */
#define SIZE_DIGITS_MAX 19

static size_t take(char *data, size_t one, size_t count, void *context)
{
    struct cosigner *cosigner = context;
    size_t len = one * count;
    if (len > sizeof(cosigner->reply) - cosigner->reply_len) {
        cosigner->reply_large = true;
        return 0;
    }
    memcpy(cosigner->reply + cosigner->reply_len, data, len);
    cosigner->reply_len += len;
    return len;
}

enum status cosigner_init(struct cosigner *cosigner, struct fault *fault)
{
    char url[AUDIT_WITNESS_URL_SIZE + 32];
    cosigner->easy = curl_easy_init();
    struct curl_slist *expect = curl_slist_append(NULL, "Expect:");
    cosigner->headers = expect == NULL ? NULL : curl_slist_append(expect, "Content-Type: text/plain");
    if (cosigner->easy == NULL || cosigner->headers == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "witnesses", "%s", "");
    }
    (void)snprintf(url, sizeof(url), "%s/add-checkpoint", cosigner->witness->url);
    CURL *easy = cosigner->easy;
    bool good = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_HTTPHEADER, cosigner->headers) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)cosigner->timeout_ms) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_WRITEDATA, cosigner) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PRIVATE, cosigner) == CURLE_OK;
    return good ? STATUS_OK : fault_set(fault, STATUS_INTERNAL, "witnesses", "libcurl takes an option no more");
}

void cosigner_wipe(struct cosigner *cosigner)
{
    if (cosigner->busy) {
        (void)curl_multi_remove_handle(cosigner->multi, cosigner->easy);
    }
    curl_easy_cleanup(cosigner->easy);
    curl_slist_free_all(cosigner->headers);
    bytes_free(&cosigner->request);
    bytes_free(&cosigner->asked.note);
    bytes_free(&cosigner->largest.note);
}

enum status cosigner_join(struct bytes *out, const struct bytes *note, const struct bytes *lines)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, note->data, note->len);
    buffer_append(&buffer, lines->data, lines->len);
    return buffer_finish(out, &buffer);
}

/* Asked again later, and later still the next time. */
static void put_off(struct cosigner *cosigner)
{
    int64_t pause_us = cosigner->pause_us < PAUSE_MIN_US ? PAUSE_MIN_US : 2 * cosigner->pause_us;
    cosigner->pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    cosigner->ask_after_us = clock_monotonic_us(cosigner->clock) + cosigner->pause_us;
    cosigner->conflicts = 0;
}

/* Asking. */

static enum status make_request(struct cosigner *cosigner, struct trail *trail,
                                const struct trail_checkpoint *checkpoint, struct fault *fault)
{
    uint64_t size = checkpoint->checkpoint.size;
    struct audit_add_checkpoint request = {.note = checkpoint->note.data, .note_len = checkpoint->note.len};
    /* When it says that it has more, it is asked for the same size, and says again what it has. */
    request.old = cosigner->size < size ? cosigner->size : size;
    enum status status = STATUS_OK;
    if (request.old > 0 && request.old < size) {
        status = trail_prove_consistency(&request.proof, trail, request.old, size, fault);
    }
    bytes_free(&cosigner->request);
    bytes_free(&cosigner->asked.note);
    if (status == STATUS_OK) {
        status = audit_add_checkpoint_encode(&cosigner->request, &request);
    }
    if (status == STATUS_OK) {
        status = bytes_copy(&cosigner->asked.note, checkpoint->note.data, checkpoint->note.len);
    }
    cosigner->asked.checkpoint = checkpoint->checkpoint;
    cosigner->asked_old = request.old;
    return status == STATUS_OK ? status : fault_set(fault, status, "witnesses", "%s", "");
}

void cosigner_ask(struct cosigner *cosigner, struct trail *trail, const struct trail_checkpoint *checkpoint)
{
    struct fault fault = {0};
    bool shows = cosigner->set_back && cosigner->largest.checkpoint.size > cosigner->size;
    cosigner->asked_at_us = clock_monotonic_us(cosigner->clock);
    cosigner->reply_len = 0;
    cosigner->reply_large = false;
    enum status status = make_request(cosigner, trail, shows ? &cosigner->largest : checkpoint, &fault);
    CURL *easy = cosigner->easy;
    bool added = status == STATUS_OK &&
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)cosigner->request.len) == CURLE_OK &&
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)cosigner->request.data) == CURLE_OK &&
                 curl_multi_add_handle(cosigner->multi, easy) == CURLM_OK;
    cosigner->busy = added;
    if (!added) {
        (void)fault_set(&fault, STATUS_INTERNAL, "witnesses", "could not ask");
        cosigner->why = fault;
        put_off(cosigner);
    }
}

/* Judging. */

static enum status refuse(struct cosigner *cosigner, enum status status, const char *text)
{
    cosigner->why = (struct fault){0};
    (void)fault_set(&cosigner->why, status, "witness", "%s", text);
    put_off(cosigner);
    return status;
}

/* One line is what a cosignature takes: more of them would crowd those of others out of the note. */
static enum status take_line(struct bytes *out, const struct audit_note *note, const struct audit_key *key,
                             struct fault *fault)
{
    struct bytes lines = {0};
    enum status status = audit_note_lines(&lines, note, key);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "witness", "%s", "");
    }
    if (memchr(lines.data, '\n', lines.len) != lines.data + lines.len - 1) {
        bytes_free(&lines);
        return fault_set(fault, STATUS_INVALID, "witness", "it has more than one cosignature of its own");
    }
    *out = lines; /* transferred */
    return STATUS_OK;
}

static enum status check_time(const struct cosigner *cosigner, uint64_t time_s, struct fault *fault)
{
    int64_t now_s = clock_utc_us(cosigner->clock) / 1000000;
    int64_t off_s = (int64_t)time_s - now_s;
    return off_s >= -SKEW_S && off_s <= SKEW_S
               ? STATUS_OK
               : fault_set(fault, STATUS_EXPIRED, "witness", "its time is %" PRId64 " s from ours", off_s);
}

/* What came back, as signatures of the body that was asked about; the last blank line must be the one behind it. */
static enum status check_note(struct bytes *out_line, const struct cosigner *cosigner, const struct bytes *joined,
                              size_t body_len, struct fault *fault)
{
    struct audit_note note;
    uint64_t time_s = 0;
    const struct audit_key *key = &cosigner->witness->key;
    enum status status = audit_note_parse(&note, joined->data, joined->len, fault);
    if (status == STATUS_OK && note.body_len != body_len) {
        status = fault_set(fault, STATUS_INVALID, "witness", "a blank line stands among its signatures");
    }
    status = status == STATUS_OK ? audit_note_verify(&time_s, &note, key, fault) : status;
    status = status == STATUS_OK ? check_time(cosigner, time_s, fault) : status;
    return status == STATUS_OK ? take_line(out_line, &note, key, fault) : status;
}

/* Only the line of its own key is kept. */
static enum status check_lines(struct bytes *out_line, struct cosigner *cosigner, struct fault *fault)
{
    struct audit_note asked;
    struct bytes joined = {0};
    const struct bytes *note = &cosigner->asked.note;
    const struct bytes lines = {.data = (uint8_t *)cosigner->reply, .len = cosigner->reply_len};
    enum status status = audit_note_parse(&asked, note->data, note->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct bytes body = {.data = note->data, .len = asked.body_len + 1}; /* with the blank line */
    status = cosigner_join(&joined, &body, &lines);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "witness", "%s", "");
    }
    status = check_note(out_line, cosigner, &joined, asked.body_len, fault);
    bytes_free(&joined);
    return status;
}

static void remember_largest(struct cosigner *cosigner, const struct bytes *line)
{
    struct bytes note = {0};
    if (cosigner->asked.checkpoint.size >= cosigner->largest.checkpoint.size &&
        cosigner_join(&note, &cosigner->asked.note, line) == STATUS_OK) {
        bytes_free(&cosigner->largest.note);
        cosigner->largest = (struct trail_checkpoint){.checkpoint = cosigner->asked.checkpoint, .note = note};
    }
}

static enum status take_cosignature(struct bytes *out_line, struct cosigner *cosigner)
{
    struct fault fault = {0};
    enum status status = check_lines(out_line, cosigner, &fault);
    if (status != STATUS_OK) {
        return refuse(cosigner, status, fault.detail);
    }
    cosigner->size = cosigner->asked.checkpoint.size;
    cosigner->set_back = false;
    cosigner->conflicts = 0;
    cosigner->pause_us = 0;
    cosigner->ask_after_us = 0;
    cosigner->cosigned_at_us = cosigner->asked_at_us;
    cosigner->why = (struct fault){0};
    remember_largest(cosigner, out_line);
    return STATUS_OK;
}

/* One line with a size, as it must be; false for anything else. */
static bool read_size(uint64_t *out, const struct cosigner *cosigner)
{
    uint64_t size = 0;
    size_t len = cosigner->reply_len;
    if (len < 2 || len > SIZE_DIGITS_MAX || cosigner->reply[len - 1] != '\n' ||
        (len > 2 && cosigner->reply[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < len - 1; i++) {
        if (cosigner->reply[i] < '0' || cosigner->reply[i] > '9') {
            return false;
        }
        size = 10 * size + (uint64_t)(cosigner->reply[i] - '0');
    }
    *out = size;
    return true;
}

/* Somebody else had it cosign a later checkpoint of this trail: that is no failure of its own, so the newest is offered
 * as soon as may be. */
static enum status take_overtaking(struct cosigner *cosigner)
{
    cosigner->overtaken = true;
    cosigner->pause_us = 0;
    return refuse(cosigner, STATUS_CONFLICT, "somebody else has it cosign later checkpoints");
}

/* It begins elsewhere. Asked again at once a few times: several services may be asking it. */
static enum status take_conflict(struct cosigner *cosigner, uint64_t signed_size)
{
    uint64_t said = 0;
    if (!read_size(&said, cosigner)) {
        return refuse(cosigner, STATUS_INVALID, "409 without a size");
    }
    if (said == cosigner->asked.checkpoint.size && cosigner->asked_old == said) {
        return refuse(cosigner, STATUS_FORK, "it has cosigned another root of this size");
    }
    cosigner->size = said;
    if (said > cosigner->asked.checkpoint.size && said <= signed_size && !cosigner->set_back) {
        return take_overtaking(cosigner);
    }
    if (said > cosigner->asked.checkpoint.size && !cosigner->set_back) {
        return refuse(cosigner, STATUS_ROLLBACK, "it has cosigned more than this trail has");
    }
    cosigner->set_back = said < cosigner->largest.checkpoint.size;
    if (cosigner->set_back || ++cosigner->conflicts >= CONFLICTS_MAX) {
        return refuse(cosigner, cosigner->set_back ? STATUS_ROLLBACK : STATUS_CONFLICT,
                      cosigner->set_back ? "it remembers less than it has cosigned"
                                         : "it names one size after the other");
    }
    return STATUS_CONFLICT;
}

enum status cosigner_finish(struct bytes *out_line, struct cosigner *cosigner, CURLcode code, uint64_t signed_size)
{
    long http = 0;
    char text[64];
    (void)curl_easy_getinfo(cosigner->easy, CURLINFO_RESPONSE_CODE, &http);
    (void)curl_multi_remove_handle(cosigner->multi, cosigner->easy);
    cosigner->busy = false;
    cosigner->overtaken = false;
    if (code != CURLE_OK) {
        return refuse(cosigner, code == CURLE_OPERATION_TIMEDOUT ? STATUS_TIMED_OUT : STATUS_UNAVAILABLE,
                      cosigner->reply_large ? "its answer is too long" : curl_easy_strerror(code));
    }
    if (http == 200) {
        return take_cosignature(out_line, cosigner);
    }
    if (http == 409) {
        return take_conflict(cosigner, signed_size);
    }
    if (http == 422) {
        return refuse(cosigner, STATUS_PROOF_INVALID, "this trail does not extend what it has cosigned");
    }
    if (http == 403) {
        return refuse(cosigner, STATUS_UNKNOWN_KEY, "it knows none of the keys that signed: custody witness rotate");
    }
    if (http == 404) {
        return refuse(cosigner, STATUS_NOT_FOUND, "it knows no log of this origin: a new witness is made for it");
    }
    (void)snprintf(text, sizeof(text), "it answers %ld", http);
    return refuse(cosigner, STATUS_UNAVAILABLE, text);
}
