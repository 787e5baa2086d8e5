/*
 * Commands of compliance officers: fetch evidence and the trail. Checking them is custody-verify's, which needs no
 * service.
 */
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "client.h"
#include "commands.h"

#define AGAIN_STEP_MS 100

static enum status fetch(const struct custody_options *options, const char *path, struct fault *fault)
{
    FILE *stream = NULL;
    if (options->out[0] == '\0' && isatty(STDOUT_FILENO) == 1) { /* nobody has looked at these bytes */
        return fault_set(fault, STATUS_USAGE, "out", "name a file: what the service sends is not shown on a terminal");
    }
    enum status status = command_output(&stream, options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = client_stream(stream, options, path, fault);
    if (status == STATUS_OK) {
        return command_output_end(stream, fault);
    }
    if (stream != stdout) { /* half a file is no export */
        (void)fclose(stream);
        (void)unlink(options->out);
    }
    return status;
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
    enum status status = fetch(input->options, path, fault);
    while (status == STATUS_NOT_READY && clock_monotonic_us(clock_system()) < end) {
        const struct timespec step = {.tv_nsec = AGAIN_STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
        fault_clear(fault);
        status = fetch(input->options, path, fault);
    }
    return status;
}

enum status command_audit_export(const struct command_input *input, struct fault *fault)
{
    return fetch(input->options, "/v1/audit/export", fault);
}
