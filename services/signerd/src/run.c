/*
 * `signerd run`: opens the guard, then the token, then the socket, gives up what it no longer needs, and serves.
 *
 * The order matters. The guard is looked at first, so that a signer without memory does not spend a PIN attempt, and in
 * a child process, which must be forked before the token is open. The sandbox is last, when everything is running.
 */
#include <signal.h>

#include "base/log.h"
#include "notify.h"
#include "sandbox.h"
#include "server.h"
#include "token.h"

struct run {
    struct guard *guard;
    struct hsm_token *token;
    const struct hsm_key *hsm_key;
    struct signer_key key;
    struct signer *signer;
    struct server *server;
};

static bool token_lost(const void *context)
{
    return hsm_token_is_lost(((const struct run *)context)->token);
}

static enum status token_sign(const void *context, struct signature *out, const void *message, size_t len,
                              struct fault *fault)
{
    return hsm_key_sign(((const struct run *)context)->hsm_key, out, message, len, fault);
}

/* What an operator would try first, a copy from the backup, is the one thing that must not be done. */
static enum status guard_start(struct run *run, const struct options *options, struct fault *fault)
{
    struct fault inner = {0};
    enum status status = guard_open(&run->guard, options->guard, &inner);
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    bool corrupt = status == STATUS_CORRUPT;
    return fault_set(fault, status, inner.where, "%s%s", inner.detail,
                     corrupt ? "; never use a backup of a guard: the administrators retire the key or order a new guard"
                             : "");
}

static enum status key_start(struct run *run, const struct options *options, enum signer_role role, struct fault *fault)
{
    enum status status = token_open(&run->token, options, HSM_TOKEN_SIGN, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(run->token, &run->hsm_key, options->key, NULL, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    run->key.public_key = *hsm_key_public(run->hsm_key);
    run->key.sign = token_sign;
    run->key.lost = token_lost;
    run->key.context = run;
    if (role == ROLE_AUDIT && run->key.public_key.algorithm != ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "key", "role audit needs an ed25519 key");
    }
    return STATUS_OK;
}

static enum status signer_start(struct run *run, const struct options *options, enum signer_role role,
                                struct fault *fault)
{
    if (role == ROLE_TRANSFER && options->policy[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "policy", "role transfer needs it");
    }
    const struct signer_config config = {
        .role = role,
        .guard = run->guard,
        .key = &run->key,
        .clock = clock_system(),
        .policy_path = options->policy,
    };
    return signer_new(&run->signer, &config, fault);
}

static enum status server_start(struct run *run, const struct options *options, struct fault *fault)
{
    struct server_config config = {.signer = run->signer, .socket_path = options->socket};
    enum status status = server_users_parse(&config.clients, options->clients, "clients", fault);
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
    status = status == STATUS_OK ? guard_start(run, options, fault) : status;
    status = status == STATUS_OK ? key_start(run, options, role, fault) : status;
    status = status == STATUS_OK ? signer_start(run, options, role, fault) : status;
    status = status == STATUS_OK ? sandbox_privileges_drop(fault) : status;
    status = status == STATUS_OK ? server_start(run, options, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    struct guard_state state;
    guard_read(run->guard, &state);
    log_event(LOG_LEVEL_INFO, "started", "role", options->role, "socket", options->socket, "halted",
              state.halted ? state.halted_by : "no", NULL);
    notify_ready(); /* it needs a socket of its own, which the sandbox forbids */
    return options->sandbox && SANDBOX_USABLE ? sandbox_enter(fault) : STATUS_OK;
}

static void stop(struct run *run)
{
    server_free(run->server);
    signer_free(run->signer);
    hsm_token_close(run->token);
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
    stop(&run);
    if (status != STATUS_OK) {
        log_fault("stopped", &fault);
        return 1;
    }
    log_event(LOG_LEVEL_INFO, "stopped", "role", options->role, NULL);
    return 0;
}
