/*
 * Commands of compliance officers: fetch evidence, the trail and the ledger. Checking them is custody-verify's, which
 * needs no service.
 */
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "client.h"
#include "commands.h"

#define AGAIN_STEP_MS 100

enum status command_fetch(const struct custody_options *options, const char *path, const struct client_look *look,
                          struct fault *fault)
{
    FILE *stream = NULL;
    if (options->out[0] == '\0' && isatty(STDOUT_FILENO) == 1) { /* nobody has looked at these bytes */
        return fault_set(fault, STATUS_USAGE, "out", "name a file: what the service sends is not shown on a terminal");
    }
    enum status status = command_output(&stream, options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    return command_output_whole(stream, options, client_stream(stream, options, path, look, fault), fault);
}

enum status command_evidence(const struct command_input *input, struct fault *fault)
{
    char path[128];
    struct uuid uuid;
    if (uuid_parse(&uuid, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "ID", "must be the id of a withdrawal");
    }
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s/evidence", input->words[0]);
    /* The last entry may wait for its checkpoint when the withdrawal has just been confirmed. */
    int64_t end = clock_monotonic_us(clock_system()) + input->options->timeout_s * 1000000;
    enum status status = command_fetch(input->options, path, NULL, fault);
    while (status == STATUS_NOT_READY && clock_monotonic_us(clock_system()) < end) {
        const struct timespec step = {.tv_nsec = AGAIN_STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
        fault_clear(fault);
        status = command_fetch(input->options, path, NULL, fault);
    }
    return status;
}

enum status command_audit_checkpoint(const struct command_input *input, struct fault *fault)
{
    return command_fetch(input->options, "/v1/audit/checkpoint", NULL, fault);
}

/* One answer, one line. */
static enum status copy_line(FILE *stream, json_t **out, const struct custody_options *options, const char *path,
                             struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = path};
    json_t *answer = NULL;
    enum status status = client_json(&answer, options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (stream != NULL && (json_dumpf(answer, stream, JSON_COMPACT | JSON_SORT_KEYS) != 0 || fputc('\n', stream) < 0)) {
        json_decref(answer);
        return fault_set(fault, STATUS_IO, "out", "could not write");
    }
    if (out == NULL) {
        json_decref(answer);
    } else {
        *out = answer; /* transferred */
    }
    return STATUS_OK;
}

static enum status copy_ledger(FILE *stream, const struct custody_options *options, int64_t from, struct fault *fault)
{
    json_t *node = NULL;
    enum status status = copy_line(stream, NULL, options, "/v1/ledger/genesis", fault);
    if (status == STATUS_OK) {
        status = copy_line(NULL, &node, options, "/v1/ledger/status", fault);
    }
    json_int_t last = json_integer_value(json_object_get(node, "confirmed_height"));
    json_decref(node);
    for (json_int_t height = from; status == STATUS_OK && height <= last; height++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/ledger/blocks/%lld", (long long)height);
        status = copy_line(stream, NULL, options, path, fault);
    }
    return status;
}

enum status command_ledger_export(const struct command_input *input, struct fault *fault)
{
    FILE *stream = NULL;
    char *end = NULL;
    int64_t from = input->count > 0 ? strtoll(input->words[0], &end, 10) : 1;
    if (from < 1 || (end != NULL && *end != '\0')) {
        return fault_set(fault, STATUS_USAGE, "HEIGHT", "must be an integer from 1");
    }
    enum status status = command_output(&stream, input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = copy_ledger(stream, input->options, from, fault);
    return command_output_whole(stream, input->options, status, fault);
}
