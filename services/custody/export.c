/*
 * Commands of compliance officers: fetch evidence and the trail. Checking them is custody-verify's, which needs no
 * service.
 */
#include "base/id.h"
#include "client.h"
#include "commands.h"

static enum status fetch(const struct custody_options *options, const char *path, struct fault *fault)
{
    FILE *stream = NULL;
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
    return fetch(input->options, path, fault);
}

enum status command_audit_export(const struct command_input *input, struct fault *fault)
{
    return fetch(input->options, "/v1/audit/export", fault);
}
