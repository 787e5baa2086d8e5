/*
 * The copy of the trail on another host. What counts as the trail is the trust file's: the keys of its log and its
 * witnesses; the service is asked for bytes. The copying is the mirror room's.
 */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "client.h"
#include "commands.h"
#include "help.h"
#include "mirror/copy.h"
#include "trust.h"

#define RATE_TRIES 10

struct copying {
    const struct custody_options *options;
    struct mirror *mirror;
    struct audit_witnesses witnesses;
};

/* Signals that end the program wait while it makes rounds; a round may be long, and can be broken off anywhere. */
static enum status fetch_once(struct bytes *out, const struct copying *copying, const char *path, struct fault *fault)
{
    sigset_t waiting;
    if (sigpending(&waiting) == 0 && (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1)) {
        return fault_set(fault, STATUS_UNAVAILABLE, "copy", "it is told to end; the next one goes on from here");
    }
    return client_bytes(out, copying->options, path, fault);
}

static enum status fetch(void *context, struct bytes *out, const char *name, struct fault *fault)
{
    const struct copying *copying = context;
    char path[AUDIT_TILE_PATH_SIZE + 16];
    (void)snprintf(path, sizeof(path), "/audit/%s", name);
    enum status status = fetch_once(out, copying, path, fault);
    for (int tries = 0; status == STATUS_BUSY && tries < RATE_TRIES; tries++) { /* each read is an entry, so rationed */
        const struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
        fault_clear(fault);
        status = fetch_once(out, copying, path, fault);
    }
    return status;
}

/* So that the service can raise an alarm when there is no copy of what is in the trail. */
static enum status tell(const struct copying *copying, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(copying->mirror);
    char root[DIGEST_HEX_LEN + 1];
    json_t *answer = NULL;
    digest_format(root, &held->root);
    json_t *body = json_pack("{s:s, s:I}", "root", root, "size", (json_int_t)held->size);
    const struct client_call call = {.method = "POST", .path = "/v1/audit/copies", .body = body};
    enum status status = body == NULL ? fault_set(fault, STATUS_NO_MEMORY, "copy", "%s", "")
                                      : client_json(&answer, copying->options, &call, fault);
    json_decref(answer);
    json_decref(body);
    return status;
}

static enum status copy_round(struct copying *copying, struct fault *fault)
{
    const struct mirror_log log = {
        .fetch = fetch, .context = copying, .witnesses = copying->witnesses.quorum > 0 ? &copying->witnesses : NULL};
    enum status status = mirror_copy(copying->mirror, &log, fault);
    if (status == STATUS_OK) {
        (void)printf("%" PRIu64 " entries in %s\n", mirror_checkpoint(copying->mirror)->size,
                     mirror_path(copying->mirror));
        (void)fflush(stdout);
        status = tell(copying, fault);
    }
    return status;
}

/* The service was not there, could not do it now, or shows what its witnesses have not seen yet. */
static bool may_pass(enum status status)
{
    return status == STATUS_OK || status == STATUS_QUORUM_MISSING || status_info(status)->retryable;
}

/* Until it is told to end, or something is wrong that no waiting makes right. */
static enum status rounds(struct copying *copying, struct fault *fault)
{
    const struct timespec pause = {.tv_sec = (time_t)copying->options->every_s};
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    do {
        struct fault why = {0};
        enum status status = copy_round(copying, &why);
        if (!may_pass(status)) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
        if (status != STATUS_OK) {
            help_print_failure("", status, &why);
        }
    } while (sigtimedwait(&ends, NULL, &pause) < 0);
    return STATUS_OK;
}

enum status command_audit_copy(const struct command_input *input, struct fault *fault)
{
    struct copying copying = {.options = input->options};
    struct audit_log_terms keys;
    if (input->options->dir[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "dir", "name the folder of the copy");
    }
    enum status status = trust_log_read(&keys, &copying.witnesses, input->options, fault);
    if (status == STATUS_OK) {
        status = mirror_open(&copying.mirror, input->options->dir, &keys, MIRROR_WRITE, fault);
    }
    if (status == STATUS_OK) {
        status = input->options->every_s == 0 ? copy_round(&copying, fault) : rounds(&copying, fault);
    }
    mirror_close(copying.mirror);
    return status;
}
