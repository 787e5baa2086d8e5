/*
 * The copy of the trail on another host. What counts as the trail is the trust file's: the keys of its log and its
 * witnesses; the service is asked for bytes, and for nothing when a copy is only looked at. Copying and looking are the
 * mirror room's.
 */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "audit_copy.h"
#include "audit_file.h"
#include "base/clock.h"
#include "base/file.h"
#include "client.h"
#include "commands.h"
#include "help.h"
#include "mirror/copy.h"
#include "trust.h"

#define RATE_TRIES 10
#define PROGRESS_ENTRIES ((uint64_t)1 << 20)

struct copying {
    const struct custody_options *options;
    struct mirror *mirror;
    struct mirror_look look;
    struct audit_log_terms keys;
    struct audit_witnesses witnesses;
    struct audit_checkpoint end; /* of a log that the quorum ended, at rest; size 0: it goes on */
    uint64_t grown_to;           /* entries */
    int64_t grown_us;            /* monotonic: since when it has so many */
};

/* Signals that end the program wait while it makes rounds; a round may be long, and can be broken off anywhere. */
static enum status check_wanted(struct fault *fault)
{
    sigset_t waiting;
    if (sigpending(&waiting) == 0 && (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1)) {
        return fault_set(fault, STATUS_UNAVAILABLE, "copy", "it is told to end; the next one goes on from here");
    }
    return STATUS_OK;
}

static enum status fetch_once(struct bytes *out, const struct copying *copying, const char *path, struct fault *fault)
{
    enum status status = check_wanted(fault);
    return status == STATUS_OK ? client_bytes(out, copying->options, path, fault) : status;
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

/* The first look may take a while. */
static enum status tell_progress(void *context, uint64_t entries, uint64_t of, struct fault *fault)
{
    const struct copying *copying = context;
    if (!copying->look.whole && entries % PROGRESS_ENTRIES == 0) {
        (void)fprintf(stderr, "custody: looked at %" PRIu64 " of %" PRIu64 " entries in %s\n", entries, of,
                      mirror_path(copying->mirror));
    }
    return check_wanted(fault);
}

static void tell_found(void *context, const struct fault *what)
{
    (void)context;
    (void)printf("%s: %s\n", what->where, what->detail);
    (void)fflush(stdout);
}

static const struct audit_witnesses *witnesses_of(const struct copying *copying)
{
    return copying->witnesses.quorum > 0 ? &copying->witnesses : NULL;
}

/* The trust file as it is now: another one was put in its place, perhaps. */
static enum status read_trust(struct copying *copying, struct fault *fault)
{
    struct audit_log_terms keys;
    struct audit_witnesses witnesses;
    enum status status = trust_log_read(&keys, &witnesses, copying->options, fault);
    if (status == STATUS_OK && copying->mirror != NULL) {
        status = mirror_take_keys(copying->mirror, &keys, fault);
    }
    if (status == STATUS_OK) {
        copying->keys = keys;
        copying->witnesses = witnesses;
    }
    return status;
}

static enum status copy_once(struct copying *copying, struct fault *fault)
{
    const struct mirror_log log = {.fetch = fetch, .context = copying, .witnesses = witnesses_of(copying)};
    return mirror_copy(copying->mirror, &log, &copying->look, fault);
}

static enum status copy_known(struct copying *copying, struct fault *fault)
{
    struct fault why = {0};
    enum status status = copy_once(copying, &why);
    if (status == STATUS_UNKNOWN_KEY) {
        status = read_trust(copying, fault);
        if (status != STATUS_OK) {
            return status;
        }
        fault_clear(&why);
        status = copy_once(copying, &why);
    }
    if (status == STATUS_UNKNOWN_KEY) {
        return fault_set(fault, status, "checkpoint",
                         "no key that counts by the trust file has signed it; a later trust file may name one (%s)",
                         why.detail);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status copy_round(struct copying *copying, struct fault *fault)
{
    enum status status = copy_known(copying, fault);
    if (status == STATUS_OK) {
        (void)printf("%" PRIu64 " entries in %s\n", mirror_checkpoint(copying->mirror)->size,
                     mirror_path(copying->mirror));
        (void)fflush(stdout);
        status = tell(copying, fault);
    }
    return status;
}

/* The service was not there, could not do it now (its trail may go on when people have decided), or shows what its
 * witnesses have not seen yet. */
static bool may_pass(enum status status)
{
    return status == STATUS_OK || status == STATUS_QUORUM_MISSING || status == STATUS_HALTED ||
           status_info(status)->retryable;
}

/*
 * A service that runs makes entries, at least one a minute. Whoever owns it may answer as if it were away, or show the
 * same checkpoint for ever, and raise no alarm: so somebody is told who does not ask it.
 */
static enum status judge_growth(struct copying *copying, struct fault *fault)
{
    uint64_t size = mirror_checkpoint(copying->mirror)->size;
    int64_t now_us = clock_monotonic_us(clock_system());
    int64_t still_us = copying->options->still_s * 1000000;
    if (size > copying->grown_to || copying->grown_us == 0) {
        copying->grown_to = size;
        copying->grown_us = now_us;
    }
    return still_us == 0 || now_us - copying->grown_us < still_us
               ? STATUS_OK
               : fault_set(fault, STATUS_NOT_READY, "still",
                           "the copy has had %" PRIu64 " entries for %" PRId64
                           " s: the service is away, its trail stands still, or it keeps back what was signed since",
                           size, (now_us - copying->grown_us) / 1000000);
}

/* Until it is told to end, or something is wrong that no waiting makes right, or that has been waited for long enough.
 */
static enum status rounds(struct copying *copying, struct fault *fault)
{
    const struct timespec pause = {.tv_sec = (time_t)copying->options->every_s};
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    enum status grows = STATUS_OK;
    do {
        struct fault why = {0};
        enum status status = copy_round(copying, &why);
        if (!may_pass(status)) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
        if (status != STATUS_OK) {
            help_print_failure("", status, &why);
        }
        if (sigtimedwait(&ends, NULL, &pause) >= 0) {
            return STATUS_OK;
        }
        grows = judge_growth(copying, fault);
    } while (grows == STATUS_OK);
    return grows;
}

/* At rest. */

enum status audit_copy_open(struct mirror **out, struct audit_checkpoint *out_end,
                            const struct custody_options *options, struct fault *fault)
{
    struct fault newest = {0};
    enum status first = STATUS_MISMATCH;
    enum status status = STATUS_MISMATCH;
    for (size_t before = 0; status == STATUS_MISMATCH; before++) {
        struct audit_log_terms keys;
        struct fault why = {0};
        status = trust_log_before(&keys, out_end, options, before, &why);
        if (status == STATUS_OK) {
            status = mirror_open(out, options->dir, &keys, MIRROR_READ, &why);
        }
        if (before == 0 || (status != STATUS_MISMATCH && status != STATUS_NOT_FOUND)) {
            first = status;
            newest = why;
        }
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, first, newest.where, "%s", newest.detail);
}

/* Behind the end the key may sign what it likes: only the order says what is good. */
enum status audit_copy_check_end(struct mirror *mirror, const struct audit_checkpoint *end, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(mirror);
    struct fault why = {0};
    if (end->size == 0 || held->size < end->size) {
        return STATUS_OK;
    }
    enum status status = mirror_look_for(mirror, end, &why);
    if (status == STATUS_FORK) {
        return fault_set(fault, status, "trust.forks",
                         "the quorum ended this log at %" PRIu64 " entries, with another root than the copy has there",
                         end->size);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    return held->size == end->size
               ? STATUS_OK
               : fault_set(fault, STATUS_LOG_ENDED, "checkpoint",
                           "the quorum ended this log at %" PRIu64 " entries, which the copy has; nobody vouches for "
                           "those behind, up to its %" PRIu64,
                           end->size, held->size);
}

static enum status look_for_kept(const struct copying *copying, const struct bytes *note, struct fault *fault)
{
    struct audit_checkpoint kept;
    enum status status = audit_file_is_checkpoint((const char *)note->data, note->len, fault);
    if (status == STATUS_OK) {
        status = trust_checkpoint_open(&kept, mirror_keys(copying->mirror), note->data, note->len, fault);
    }
    if (status == STATUS_OK && copying->end.size > 0 && kept.size > copying->end.size) {
        return fault_set(fault, STATUS_LOG_ENDED, "in",
                         "is of %" PRIu64 " entries, and the quorum ended this log at %" PRIu64, kept.size,
                         copying->end.size);
    }
    return status == STATUS_OK ? mirror_look_for(copying->mirror, &kept, fault) : status;
}

static enum status check_kept(const struct copying *copying, struct fault *fault)
{
    struct bytes note = {0};
    struct fault why = {0};
    enum status status = file_read(&note, copying->options->in, AUDIT_NOTE_MAX, "in", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = look_for_kept(copying, &note, &why);
    bytes_free(&note);
    bool about = status == STATUS_ROLLBACK || status == STATUS_FORK; /* the two, and no file of the copy */
    if (status == STATUS_INVALID && strcmp(why.where, "in") != 0) {
        return fault_set(fault, status, "in", "is no checkpoint: %s", why.detail);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, about ? "in" : why.where, "%s", why.detail);
}

static enum status check_folder(struct copying *copying, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(copying->mirror);
    char root[DIGEST_HEX_LEN + 1];
    enum status status = mirror_look_through(copying->mirror, &copying->look, witnesses_of(copying), fault);
    if (status == STATUS_OK) {
        status = audit_copy_check_end(copying->mirror, &copying->end, fault);
    }
    if (status == STATUS_OK && copying->options->in[0] != '\0') {
        status = check_kept(copying, fault);
    }
    if (status == STATUS_OK) {
        digest_format(root, &held->root);
        (void)printf("whole: %" PRIu64 " entries in %s, as signed by %s%s; root %s\n", held->size,
                     mirror_path(copying->mirror), held->origin,
                     copying->end.size > 0 ? ", which the quorum ended" : "", root);
    }
    return status;
}

static enum status check_options(const struct custody_options *options, struct fault *fault)
{
    if (options->dir[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "dir", "name the folder of the copy");
    }
    if (options->check && options->every_s > 0) {
        return fault_set(fault, STATUS_USAGE, "every", "not with --check, which looks once");
    }
    return options->check || options->in[0] == '\0'
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "in", "a checkpoint, with --check only");
}

static enum status run(struct copying *copying, struct fault *fault)
{
    const struct custody_options *options = copying->options;
    enum status status = options->check
                             ? audit_copy_open(&copying->mirror, &copying->end, options, fault)
                             : mirror_open(&copying->mirror, options->dir, &copying->keys, MIRROR_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (options->check) {
        return check_folder(copying, fault);
    }
    return options->every_s == 0 ? copy_round(copying, fault) : rounds(copying, fault);
}

enum status command_audit_copy(const struct command_input *input, struct fault *fault)
{
    struct copying copying = {.options = input->options, .look = {.progress = tell_progress, .found = tell_found}};
    copying.look.context = &copying;
    enum status status = check_options(input->options, fault);
    if (status == STATUS_OK) {
        status = read_trust(&copying, fault);
    }
    if (status == STATUS_OK) {
        status = run(&copying, fault);
    }
    mirror_close(copying.mirror);
    return status;
}
