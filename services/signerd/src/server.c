/*
 * One thread accepts; as many threads as connections are allowed were started beforehand and wait. So the sandbox can
 * forbid new threads, and a connection that is slow or silent keeps nobody else waiting.
 */
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/secret.h"
#include "wire/server.h"

#define SEND_TIMEOUT_MS 10000
#define SILENCE_MAX_MS 10000 /* of who may not sign: their places are few */
#define STACK_SIZE (1024 * 1024)

/* A place for one connection, with its thread. */
struct place {
    struct server *server;
    pthread_t thread;
    int fd;          /* with mutex; -1: free */
    unsigned permit; /* with mutex */
    uint8_t *packet; /* WIRE_POLICY_MAX bytes, the thread's own */
};

struct server {
    struct server_config config;
    int listen_fd;
    int signal_fd;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping; /* with mutex */
    size_t count;  /* threads that were started */
    struct place places[SERVER_CONNECTIONS_MAX];
};

/* Users */

static enum status user_parse(uid_t *out, const char *word, const char *option, struct fault *fault)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(word, &end, 10);
    if (word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0 && number < UINT32_MAX) {
        *out = (uid_t)number;
        return STATUS_OK;
    }
    const struct passwd *user = getpwnam(word); /* before threads are started */
    if (user == NULL) {
        return fault_set(fault, STATUS_USAGE, option, "there is no user %s", word);
    }
    *out = user->pw_uid;
    return STATUS_OK;
}

enum status server_users_parse(struct server_users *out, const char *list, const char *option, struct fault *fault)
{
    struct server_users users = {.count = 0};
    while (*list != '\0') {
        char word[64];
        size_t len = strcspn(list, ",");
        if (len == 0 || len >= sizeof(word) || users.count == SERVER_USERS_MAX) {
            return fault_set(fault, STATUS_USAGE, option, "up to %d users, by commas", SERVER_USERS_MAX);
        }
        memcpy(word, list, len);
        word[len] = '\0';
        enum status status = user_parse(&users.uids[users.count], word, option, fault);
        if (status != STATUS_OK) {
            return status;
        }
        users.count++;
        list += list[len] == ',' ? len + 1 : len;
    }
    *out = users;
    return STATUS_OK;
}

static bool users_have(const struct server_users *users, uid_t uid)
{
    for (size_t i = 0; i < users->count; i++) {
        if (users->uids[i] == uid) {
            return true;
        }
    }
    return false;
}

/* Connections */

/* False when nothing came from who may not hold a place in silence. Packets are whole or not there. */
static bool packet_await(const struct signer_session *session, int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int rc = 1;
    if ((session->permit & SIGNER_PERMIT_SIGN) != 0) {
        return true;
    }
    do {
        rc = poll(&waiting, 1, SILENCE_MAX_MS);
    } while (rc < 0 && errno == EINTR);
    return rc > 0;
}

/* One packet and its reply; false when the connection has ended. */
static bool packet_serve(struct place *place, struct signer_session *session, int fd)
{
    size_t len = 0;
    struct fault fault = {0};
    if (!packet_await(session, fd)) {
        return false;
    }
    enum status status = wire_receive(place->packet, &len, fd, &fault);
    if (status != STATUS_OK) {
        if (status != STATUS_NOT_FOUND) {
            log_fault("connection.ended", &fault);
        }
        return false;
    }
    struct bytes reply = {0};
    bool go_on = signer_handle(place->server->config.signer, &reply, session, place->packet, len);
    secret_wipe(place->packet, len); /* until the next one it may be long, and personal data was erased meanwhile */
    if (reply.len == 0 || wire_send(fd, reply.data, reply.len, SEND_TIMEOUT_MS, &fault) != STATUS_OK) {
        go_on = false;
    }
    bytes_free(&reply);
    return go_on;
}

/* The place stays taken until the descriptor is closed, so that server_free never shuts down another file. */
static void place_serve(struct place *place, int fd, unsigned permit)
{
    struct signer_session session = {.permit = permit};
    while (packet_serve(place, &session, fd)) {
    }
    INVARIANT(pthread_mutex_lock(&place->server->mutex) == 0);
    (void)close(fd);
    place->fd = -1;
    INVARIANT(pthread_mutex_unlock(&place->server->mutex) == 0);
}

/* Waits for a connection; false when the server is stopping and there is none. */
static bool place_await(struct place *place, int *out_fd, unsigned *out_permit)
{
    struct server *server = place->server;
    INVARIANT(pthread_mutex_lock(&server->mutex) == 0);
    while (place->fd < 0 && !server->stopping) {
        INVARIANT(pthread_cond_wait(&server->changed, &server->mutex) == 0);
    }
    *out_fd = place->fd;
    *out_permit = place->permit;
    INVARIANT(pthread_mutex_unlock(&server->mutex) == 0);
    return *out_fd >= 0;
}

static void *place_run(void *argument)
{
    struct place *place = argument;
    int fd = -1;
    unsigned permit = 0;
    while (place_await(place, &fd, &permit)) {
        place_serve(place, fd, permit);
    }
    return NULL;
}

/* With the mutex. Neither clients nor observers may keep a custodian from suspending a key. */
static bool place_allowed(const struct server *server, unsigned permit)
{
    size_t alike = 0;
    for (size_t i = 0; i < server->count; i++) {
        alike += server->places[i].fd >= 0 && server->places[i].permit == permit;
    }
    return alike < ((permit & SIGNER_PERMIT_SIGN) != 0 ? SERVER_CLIENTS_MAX : SERVER_OTHERS_MAX);
}

static bool place_give(struct server *server, int fd, unsigned permit)
{
    bool given = false;
    INVARIANT(pthread_mutex_lock(&server->mutex) == 0);
    bool allowed = place_allowed(server, permit);
    for (size_t i = 0; i < server->count && allowed && !given; i++) {
        if (server->places[i].fd < 0) {
            server->places[i].fd = fd;
            server->places[i].permit = permit;
            given = true;
        }
    }
    INVARIANT(pthread_cond_broadcast(&server->changed) == 0);
    INVARIANT(pthread_mutex_unlock(&server->mutex) == 0);
    return given;
}

static void refuse_busy(int fd)
{
    struct wire_reply reply = {0};
    (void)fault_set(&reply.fault, STATUS_BUSY, "connection",
                    "at most %d connections of clients, %d of custodians and %d of observers", SERVER_CLIENTS_MAX,
                    SERVER_OTHERS_MAX, SERVER_OTHERS_MAX);
    struct bytes packet = {0};
    if (wire_reply_encode(&packet, &reply, NULL) == STATUS_OK) {
        (void)!send(fd, packet.data, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT); /* it is being refused anyway */
    }
    bytes_free(&packet);
}

/* Everything that the lists with this user give. */
static unsigned permit_of(const struct server_config *config, uid_t uid)
{
    const struct {
        const struct server_users *users;
        unsigned permit;
    } rows[] = {
        {&config->clients, SIGNER_PERMIT_STATUS | SIGNER_PERMIT_SIGN | SIGNER_PERMIT_KEYS},
        {&config->custodians, SIGNER_PERMIT_STATUS | SIGNER_PERMIT_KEYS},
        {&config->observers, SIGNER_PERMIT_STATUS},
    };
    unsigned permit = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        permit |= users_have(rows[i].users, uid) ? rows[i].permit : 0;
    }
    return permit;
}

static void peer_admit(struct server *server, const struct wire_peer *peer)
{
    unsigned permit = permit_of(&server->config, peer->uid);
    if (permit == 0) {
        char uid[16];
        (void)snprintf(uid, sizeof(uid), "%u", (unsigned)peer->uid);
        log_event(LOG_LEVEL_WARNING, "connection.refused", "uid", uid, NULL);
        (void)close(peer->fd);
    } else if (!place_give(server, peer->fd, permit)) {
        refuse_busy(peer->fd);
        (void)close(peer->fd);
    }
}

/* Starting and stopping */

static enum status threads_start(struct server *server, struct fault *fault)
{
    pthread_attr_t attributes;
    INVARIANT(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX && status == STATUS_OK; i++) {
        struct place *place = &server->places[i];
        *place = (struct place){.server = server, .fd = -1, .packet = malloc(WIRE_POLICY_MAX)};
        if (place->packet == NULL || pthread_create(&place->thread, &attributes, place_run, place) != 0) {
            free(place->packet);
            status = fault_set(fault, STATUS_NO_MEMORY, "threads", "could not start %d", SERVER_CONNECTIONS_MAX);
        } else {
            server->count++; /* nobody looks at it before the first connection */
        }
    }
    INVARIANT(pthread_attr_destroy(&attributes) == 0);
    return status;
}

enum status server_new(struct server **out, const struct server_config *config, struct fault *fault)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "server", "starting");
    }
    server->config = *config;
    server->listen_fd = -1;
    INVARIANT(pthread_mutex_init(&server->mutex, NULL) == 0 && pthread_cond_init(&server->changed, NULL) == 0);
    sigset_t ends;
    INVARIANT(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGTERM) == 0 && sigaddset(&ends, SIGINT) == 0);
    server->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    enum status status = STATUS_OK;
    if (server->signal_fd < 0) {
        status = fault_set(fault, STATUS_IO, "server", "signalfd: errno %d", errno);
    }
    if (status == STATUS_OK) {
        status = wire_listen(&server->listen_fd, config->socket_path, fault);
    }
    if (status == STATUS_OK) {
        status = threads_start(server, fault);
    }
    if (status != STATUS_OK) {
        server_free(server);
        return status;
    }
    *out = server; /* transferred */
    return STATUS_OK;
}

enum status server_run(struct server *server, struct fault *fault)
{
    for (;;) {
        struct pollfd waiting[2] = {
            {.fd = server->signal_fd, .events = POLLIN},
            {.fd = server->listen_fd, .events = POLLIN},
        };
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) {
            return fault_set(fault, STATUS_IO, "server", "poll: errno %d", errno);
        }
        if (waiting[0].revents != 0) {
            return STATUS_OK;
        }
        struct wire_peer peer;
        if (waiting[1].revents == 0) {
            continue;
        }
        enum status status = wire_accept(&peer, server->listen_fd, fault);
        if (status == STATUS_OK) {
            peer_admit(server, &peer);
        } else if (status != STATUS_NOT_FOUND) {
            return status;
        }
        fault_clear(fault);
    }
}

/* Reading ends at once, writing the reply of a running request does not. */
static void connections_end(struct server *server)
{
    INVARIANT(pthread_mutex_lock(&server->mutex) == 0);
    server->stopping = true;
    for (size_t i = 0; i < server->count; i++) {
        if (server->places[i].fd >= 0) {
            (void)shutdown(server->places[i].fd, SHUT_RD);
        }
    }
    INVARIANT(pthread_cond_broadcast(&server->changed) == 0);
    INVARIANT(pthread_mutex_unlock(&server->mutex) == 0);
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->listen_fd >= 0) {
        (void)close(server->listen_fd);
        (void)unlink(server->config.socket_path);
    }
    connections_end(server);
    for (size_t i = 0; i < server->count; i++) {
        INVARIANT(pthread_join(server->places[i].thread, NULL) == 0);
        free(server->places[i].packet);
    }
    if (server->signal_fd >= 0) {
        (void)close(server->signal_fd);
    }
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}
