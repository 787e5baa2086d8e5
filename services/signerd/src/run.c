/*
 * `signerd run`: forks the keeper, opens the guard, has the tokens opened, then the socket, gives up what it no longer
 * needs, and serves.
 *
 * The order matters. The keeper is forked before anything is open that it must not have. The guard is looked at before
 * the tokens, so that a signer without memory does not spend a PIN attempt, and in a child process, which must be
 * forked before there are threads. The sandbox is last, when everything is running.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "hsm/uri.h"
#include "notify.h"
#include "sandbox.h"
#include "server.h"
#include "token_set.h"

struct run {
    struct token_keeper keeper;
    struct hsm_token_selector named[SIGNER_TOKENS_MAX];
    struct token_set *tokens;
    struct guard *guard;
    struct audit_witnesses witnesses;
    enum wallet_tier witness_tier; /* 0: none */
    struct signer *signer;
    struct server *server;
};

/* Which tokens, before anything is started. */

static enum status pin_source_check(const struct token_launch *launch, const char *option, struct fault *fault)
{
    bool by_name = launch->pin_credential[0] != '\0';
    if (launch->attended) {
        return by_name || launch->pin_fd >= 0 ? fault_set(fault, STATUS_USAGE, option, "with pin-shares there is none")
                                              : STATUS_OK;
    }
    if (by_name == (launch->pin_fd >= 0)) {
        return fault_set(fault, STATUS_USAGE, option, "exactly one of %s and its credential", option);
    }
    if (launch->pin_fd >= 0 && fcntl(launch->pin_fd, F_GETFD) < 0) {
        return fault_set(fault, STATUS_USAGE, option, "there is no descriptor %d", launch->pin_fd);
    }
    if (launch->pin_fd >= 0 && lseek(launch->pin_fd, 0, SEEK_CUR) < 0) {
        log_event(LOG_LEVEL_WARNING, "pin.once", "option", option, "detail",
                  "it is no file, so a token that was lost cannot be started again", NULL);
    }
    return STATUS_OK;
}

/* The URI of the standby may bring a module of its own. */
static const char *module_of(const struct options *options, bool standby)
{
    return standby && strstr(options->standby, "module-path=") != NULL ? "" : options->module;
}

static struct token_launch launch_of(const struct options *options, bool standby)
{
    return (struct token_launch){
        .token = standby ? options->standby : options->token,
        .serial = standby ? "" : options->serial,
        .module = module_of(options, standby),
        .lock_folder = options->lock_folder,
        .pin_credential = standby ? options->standby_pin_credential : options->pin_credential,
        .pin_fd = (int)(standby ? options->standby_pin_fd : options->pin_fd),
        .attended = options->pin_shares[0] != '\0',
        .sandbox = options->sandbox,
        .sessions = (unsigned)options->sessions,
        .timeout_ms = options->token_timeout_ms,
    };
}

/* signerd itself keeps no descriptor of a PIN. */
static enum status keeper_start(struct run *run, const struct options *options, struct fault *fault)
{
    const struct token_launch launches[SIGNER_TOKENS_MAX] = {launch_of(options, false), launch_of(options, true)};
    size_t count = options->standby[0] == '\0' ? 1 : 2;
    enum status status = pin_source_check(&launches[0], "pin-fd", fault);
    if (status == STATUS_OK && count == 2) {
        status = pin_source_check(&launches[1], "standby-pin-fd", fault);
    }
    if (status == STATUS_OK && count == 2 && launches[0].pin_fd >= 0 && launches[0].pin_fd == launches[1].pin_fd) {
        status = fault_set(fault, STATUS_USAGE, "standby-pin-fd", "a descriptor of its own");
    }
    status = status == STATUS_OK ? token_keeper_open(&run->keeper, launches, count, fault) : status;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (launches[i].pin_fd >= 0) {
            (void)close(launches[i].pin_fd);
        }
    }
    return status;
}

/* A URI that is none is refused by the token's process. */
static void token_named(struct hsm_token_selector *out, const char *option, const char *serial)
{
    struct hsm_uri uri;
    if (hsm_uri_parse(&uri, option, NULL) == STATUS_OK) {
        *out = uri.selector;
        return;
    }
    (void)snprintf(out->label, sizeof(out->label), "%.*s", (int)sizeof(out->label) - 1, option);
    (void)snprintf(out->serial, sizeof(out->serial), "%s", serial);
}

static enum status tokens_start(struct run *run, const struct options *options, enum signer_role role,
                                struct fault *fault)
{
    token_named(&run->named[0], options->token, options->serial);
    token_named(&run->named[1], options->standby, "");
    const struct token_set_config config = {
        .keeper = &run->keeper,
        .named = run->named,
        .count = options->standby[0] == '\0' ? 1 : 2,
        .timeout_ms = options->token_timeout_ms,
        .anchors = role == ROLE_AUDIT && options->token_anchor_s > 0 ? run->guard : NULL,
        .anchor_every_s = options->token_anchor_s,
    };
    return token_set_new(&run->tokens, &config, fault);
}

/* What an operator would try first, a copy from the backup, is the one thing that must not be done. */
static enum status guard_start(struct run *run, const struct options *options, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = guard_open_moved(&run->guard, options->guard, options->accept_guard, &inner);
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    bool corrupt = status == STATUS_CORRUPT;
    return fault_set(fault, status, inner.where, "%s%s", inner.detail,
                     corrupt ? "; never use a backup of a guard: the administrators retire the key or order a new guard"
                             : "");
}

/* The noon of the day that people named. */
static enum status accepted_read(int64_t *out_utc_us, const char *day, struct fault *fault)
{
    char noon[64];
    *out_utc_us = 0;
    (void)snprintf(noon, sizeof(noon), "%sT12:00:00.000000Z", day);
    return day[0] == '\0' || time_parse(out_utc_us, noon) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "accept-clock", "a day, as 2026-01-31");
}

/* Both options or none: a tier that waits for nobody would wait for ever, and witnesses without a tier for nothing. */
static enum status witnesses_read(struct run *run, const struct options *options, enum signer_role role,
                                  struct fault *fault)
{
    struct bytes text = {0};
    struct fault inner = {0};
    if (options->witnesses[0] == '\0' && options->witness_tier[0] == '\0') {
        return STATUS_OK;
    }
    for (enum wallet_tier tier = TIER_HOT; tier <= TIER_COLD; tier++) {
        run->witness_tier = strcmp(options->witness_tier, policy_tier_text(tier)) == 0 ? tier : run->witness_tier;
    }
    if (role != ROLE_TRANSFER || run->witness_tier == 0) {
        return fault_set(fault, STATUS_USAGE, "witness-tier", "role transfer alone: hot, warm or cold, with witnesses");
    }
    enum status status = file_read_document(&text, options->witnesses, CANON_DOCUMENT_MAX, "witnesses", fault);
    if (status == STATUS_OK) {
        status = audit_witnesses_parse(&run->witnesses, text.data, text.len, &inner);
        bytes_free(&text);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, "witnesses", "%s: %s", inner.where, inner.detail);
}

static enum status signer_start(struct run *run, const struct options *options, enum signer_role role,
                                struct fault *fault)
{
    int64_t accepted = 0;
    struct digest program = {{0}};
    struct digest configuration = {{0}};
    enum status status = accepted_read(&accepted, options->accept_clock, fault);
    status = status == STATUS_OK ? file_program_digest(&program, fault) : status;
    status = status == STATUS_OK ? options_digest(&configuration, options, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const struct signer_config config = {
        .role = role,
        .program = program,
        .configuration = configuration,
        .guard = run->guard,
        .tokens = token_set_calls(run->tokens),
        .clock = clock_system(),
        .policy_path = options->policy,
        .share_set_path = options->pin_shares[0] == '\0' ? NULL : options->pin_shares,
        .witnesses = run->witness_tier == 0 ? NULL : &run->witnesses,
        .witness_tier = run->witness_tier,
        .accept_utc_us = accepted,
    };
    return signer_new(&run->signer, &config, fault);
}

static enum status server_start(struct run *run, const struct options *options, struct fault *fault)
{
    struct server_config config = {.signer = run->signer, .socket_path = options->socket};
    enum status status = server_users_parse(&config.clients, options->clients, "clients", fault);
    if (status == STATUS_OK) {
        status = server_users_parse(&config.custodians, options->key_users, "custodians", fault);
    }
    if (status == STATUS_OK) {
        status = server_users_parse(&config.observers, options->observers, "observers", fault);
    }
    return status == STATUS_OK ? server_new(&run->server, &config, fault) : status;
}

/* In all threads: they inherit the mask. A reader of the log that goes away must not end the signer. */
static void signals_block(void)
{
    INVARIANT(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    sigset_t ends;
    INVARIANT(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGTERM) == 0 && sigaddset(&ends, SIGINT) == 0);
    INVARIANT(pthread_sigmask(SIG_BLOCK, &ends, NULL) == 0);
}

static enum status start(struct run *run, const struct options *options, struct fault *fault)
{
    enum signer_role role;
    enum status status = options_role(&role, options, fault);
    status = status == STATUS_OK ? witnesses_read(run, options, role, fault) : status;
    status = status == STATUS_OK ? keeper_start(run, options, fault) : status;
    status = status == STATUS_OK ? guard_start(run, options, fault) : status;
    status = status == STATUS_OK ? sandbox_privileges_drop(fault) : status; /* threads inherit what is left */
    status = status == STATUS_OK ? tokens_start(run, options, role, fault) : status;
    status = status == STATUS_OK ? signer_start(run, options, role, fault) : status;
    status = status == STATUS_OK ? server_start(run, options, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    struct guard_state state;
    char id[DIGEST_HEX_LEN + 1];
    guard_read(run->guard, &state);
    digest_format(id, &state.id);
    log_event(LOG_LEVEL_INFO, "started", "role", options->role, "socket", options->socket, "guard", id, "halted",
              state.halted ? state.halted_by : "no", NULL);
    notify_ready(); /* it needs a socket of its own, which the sandbox forbids */
    return SANDBOX_USABLE ? sandbox_enter(SANDBOX_SIGNER, fault) : STATUS_OK;
}

static void stop(struct run *run)
{
    server_free(run->server);
    signer_free(run->signer);
    token_set_free(run->tokens);
    token_keeper_close(&run->keeper);
    guard_close(run->guard);
}

int run_main(const struct options *options)
{
    signals_block();
    struct run run = {0};
    struct fault fault = {0};
    if (start(&run, options, &fault) != STATUS_OK) {
        stop(&run);
        return start_refused(&fault);
    }
    enum status status = server_run(run.server, &fault);
    if (status == STATUS_OK && token_set_keeper_lost(run.tokens)) {
        status = fault_set(&fault, STATUS_UNAVAILABLE, "keeper", "no token can be started any more");
    }
    stop(&run);
    if (status != STATUS_OK) {
        log_fault("stopped", &fault);
        return 1;
    }
    log_event(LOG_LEVEL_INFO, "stopped", "role", options->role, NULL);
    return 0;
}
