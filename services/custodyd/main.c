/*
 * custodyd: the custody service. `run` serves until SIGTERM or SIGINT; `token` grants a bearer token, `revoke` ends
 * one; `rebuild` fills an empty trail from a copy; `prune` lets old entries leave the database when an archive has
 * them; `fork` lets a log begin after one that ended in an incident.
 */
#include <errno.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "grant.h"
#include "log_fork.h"
#include "prune.h"
#include "sequencer_rebuild.h"
#include "server.h"
#include "service.h"

#define EXIT_USAGE 64   /* sysexits EX_USAGE: wrong arguments, or a wrong configuration file */
#define EXIT_REFUSED 78 /* sysexits EX_CONFIG: starting again will not help */
#define URGENT_CONNECTIONS 32

static int explain(const char *called, const char *what, const struct fault *fault)
{
    if (fault->status == STATUS_USAGE) {
        custodyd_options_print_usage(stderr, called, fault);
        return EXIT_USAGE;
    }
    const struct status_info *info = status_info(fault->status);
    (void)fprintf(stderr, "custodyd: %s: %s%s%s%s%s\n", what, info->text, fault->where[0] == '\0' ? "" : ": ",
                  fault->where, fault->detail[0] == '\0' ? "" : ": ", fault->detail);
    return info->retryable ? 1 : EXIT_REFUSED;
}

/* Where requests come in. The second takes only what may stop something. */
enum { DOOR_ALL, DOOR_URGENT, DOORS };

struct door {
    const char *option;
    const char *listen; /* empty: there is none */
    const char *port_option;
    const char *port_path;
    struct server *server;
    FILE *port_file;
};

/* Opened before anything is written, so that a bad path refuses the start. Who is refused empties nobody's file. */
static enum status open_port_file(struct door *door, struct fault *fault)
{
    const char *path = door->port_path;
    door->port_file = path[0] == '\0' ? NULL : fopen(path, "ae");
    return path[0] == '\0' || door->port_file != NULL
               ? STATUS_OK
               : fault_set(fault, STATUS_IO, door->port_option, "could not write %s: %s", path, strerror(errno));
}

static enum status write_port(FILE *file, unsigned port, struct fault *fault)
{
    bool good = file == NULL || (ftruncate(fileno(file), 0) == 0 && fprintf(file, "%u\n", port) > 0);
    good = (file == NULL || fclose(file) == 0) && good;
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "port-file", "could not write it: %s", strerror(errno));
}

static enum status open_doors(struct door doors[DOORS], const struct custodyd_options *options, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < DOORS && status == STATUS_OK; i++) {
        const struct server_options server_options = {
            .option = doors[i].option,
            .listen = doors[i].listen,
            .certificate = options->tls_certificate,
            .private_key = options->tls_key,
            .connections = i == DOOR_URGENT ? URGENT_CONNECTIONS : (unsigned)options->connections,
            .idle_s = (unsigned)options->idle_s,
            .request_ms = options->request_s * 1000,
            .only_urgent = i == DOOR_URGENT,
        };
        if (doors[i].listen[0] != '\0') {
            status = server_open(&doors[i].server, &server_options, fault);
            status = status == STATUS_OK ? open_port_file(&doors[i], fault) : status;
        }
    }
    return status;
}

static enum status serve_doors(struct door doors[DOORS], struct service *service, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < DOORS && status == STATUS_OK; i++) {
        if (doors[i].server != NULL) {
            FILE *file = doors[i].port_file;
            doors[i].port_file = NULL; /* transferred */
            server_serve(doors[i].server, service);
            status = write_port(file, server_port(doors[i].server), fault);
        }
    }
    return status;
}

static void close_doors(struct door doors[DOORS])
{
    for (int i = 0; i < DOORS; i++) {
        if (doors[i].port_file != NULL) {
            (void)fclose(doors[i].port_file);
        }
        server_stop(doors[i].server);
    }
}

static enum status serve(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    struct service *service = NULL;
    struct door doors[DOORS] = {
        [DOOR_ALL] = {.option = "listen",
                      .listen = options->listen,
                      .port_option = "port-file",
                      .port_path = options->port_file},
        [DOOR_URGENT] = {.option = "urgent-listen",
                         .listen = options->urgent_listen,
                         .port_option = "urgent-port-file",
                         .port_path = options->urgent_port_file},
    };
    enum status status = open_doors(doors, options, fault);
    if (status == STATUS_OK) {
        status = service_open(&service, options, fault);
    }
    if (status == STATUS_OK) {
        status = service_start(service, fault);
    }
    if (status == STATUS_OK) {
        status = serve_doors(doors, service, fault);
    }
    if (status == STATUS_OK) {
        int received = 0;
        log_event(LOG_LEVEL_INFO, "service.ready", "listen", options->listen, NULL);
        (void)sd_notify(0, "READY=1");
        (void)sigwait(signals, &received);
        log_event(LOG_LEVEL_INFO, "service.stopping", "signal", received == SIGTERM ? "TERM" : "INT", NULL);
        (void)sd_notify(0, "STOPPING=1");
    }
    close_doors(doors);
    service_close(service);
    return status;
}

static enum status grant(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    (void)signals;
    return grant_token(options, fault);
}

static enum status end_token(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    (void)signals;
    return revoke_token(options, fault);
}

/* May be ended by a signal at any time: what is not whole is not there. */
static enum status rebuild(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    char conninfo[1200];
    struct audit_key keys[TRAIL_KEYS_MAX];
    uint64_t size = 0;
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=strongroom_sequencer", options->database);
    struct sequencer_rebuild_config config = {.conninfo = conninfo, .copy = options->copy};
    enum status status = service_log_keys(keys, options, fault);
    if (status == STATUS_OK) {
        config.keys = keys;
        config.key_count = options->log_keys.count;
        status = sequencer_rebuild(&size, &config, fault);
    }
    if (status == STATUS_OK) {
        (void)printf("%llu entries; the next start holds them against what the audit signer remembers\n",
                     (unsigned long long)size);
    }
    return status;
}

/* May be ended by a signal at any time, too. */
static enum status prune(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    return prune_entries(options, fault);
}

static enum status keep_fork(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault)
{
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    enum status status = log_fork_keep(options, fault);
    if (status == STATUS_OK) {
        (void)printf("%s begins with the next start, when the signers have the order, too\n", options->origin);
    }
    return status;
}

static const struct program_command {
    const char *word;
    struct option_program program;
    const char *failed;
    enum status (*run)(const struct custodyd_options *options, const sigset_t *signals, struct fault *fault);
} commands[] = {
    {"run",
     {"custodyd run", "serve: REST interface, workflow, audit trail, ledger node; holds no key", "", CUSTODYD_RUN},
     "cannot serve",
     serve},
    {"token",
     {"custodyd token", "grant a person a bearer token and print it", "", CUSTODYD_TOKEN},
     "cannot grant the token",
     grant},
    {"revoke",
     {"custodyd revoke", "end a bearer token that is lost or no longer needed", "", CUSTODYD_REVOKE},
     "cannot revoke the token",
     end_token},
    {"rebuild",
     {"custodyd rebuild", "fill the empty tables of a lost trail from a copy", "", CUSTODYD_REBUILD},
     "cannot rebuild the trail",
     rebuild},
    {"prune",
     {"custodyd prune", "let old entries of the trail leave the database for their archive, beside the service", "",
      CUSTODYD_PRUNE},
     "cannot let the entries leave",
     prune},
    {"fork",
     {"custodyd fork", "keep the order by which this log begins after one that ended in an incident", "",
      CUSTODYD_FORK},
     "cannot begin the log",
     keep_fork},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct program_command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].word, word) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* What is no command. */
static int usage(const char *word)
{
    if (strcmp(word, "--version") == 0) {
        option_print_version("custodyd");
        return option_answered("custodyd");
    }
    if (strcmp(word, "--help") != 0) {
        (void)fprintf(
            stderr,
            "custodyd: the first argument must be run, token, revoke, rebuild, prune or fork; custodyd --help\n");
        return EXIT_USAGE;
    }
    (void)printf("usage: custodyd COMMAND [options]   (custodyd COMMAND --help lists its options)\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)printf("  %-8s %s\n", commands[i].word, commands[i].program.purpose);
    }
    return option_answered("custodyd");
}

int main(int argc, char **argv)
{
    struct custodyd_options options;
    struct fault fault = {0};
    sigset_t signals;
    const char *word = argc >= 2 ? argv[1] : "";
    const struct program_command *command = find_command(word);
    if (command == NULL) {
        return usage(word);
    }
    enum status status = custodyd_options_load(&options, &command->program, argc - 1, argv + 1, &fault);
    if (status != STATUS_OK) {
        return explain(command->program.name, "options", &fault);
    }
    log_open("custodyd", options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    secret_json_open();
    status = secret_heap_open(&fault);
    if (status == STATUS_OK) {
        status = secret_harden_process(&fault);
    }
    if (status == STATUS_OK) {
        status = command->run(&options, &signals, &fault);
    }
    return status == STATUS_OK ? 0 : explain(command->program.name, command->failed, &fault);
}
