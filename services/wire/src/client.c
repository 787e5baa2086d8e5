/*
 * The pool of connections.
 *
 * A connection is used by one thread at a time and for one request at a time. Whatever goes wrong on it ends it: a
 * connection that goes back to the pool has no reply outstanding, so no reply can be taken for another request's.
 */
#include "wire/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/secret.h"
#include "call.h"

struct connection {
    int fd; /* -1: not connected */
    bool taken;
    int64_t last_id;
    uint8_t *packet; /* WIRE_MESSAGE_MAX bytes */
};

struct wire_pool {
    struct sockaddr_un address;
    enum wire_role role;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    bool key_known;        /* with mutex */
    struct public_key key; /* with mutex */
    size_t count;
    struct connection connections[WIRE_POOL_MAX];
};

/* A deadline on the monotonic clock. */
static int64_t deadline_after(int64_t timeout_ms)
{
    return clock_monotonic_us(clock_system()) + timeout_ms * 1000;
}

static int64_t remaining_us(int64_t deadline_us)
{
    int64_t left = deadline_us - clock_monotonic_us(clock_system());
    return left > 0 ? left : 0;
}

static enum status pool_check(const struct wire_pool_config *config, struct fault *fault)
{
    size_t len = strlen(config->path);
    if (len == 0 || len >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return fault_set(fault, STATUS_INVALID, "socket", "a path of 1 to %zu characters",
                         sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    }
    if (config->connections < 1 || config->connections > WIRE_POOL_MAX) {
        return fault_set(fault, STATUS_INVALID, "connections", "1 to %d", WIRE_POOL_MAX);
    }
    return STATUS_OK;
}

static void pool_init(struct wire_pool *pool, const struct wire_pool_config *config)
{
    pool->address.sun_family = AF_UNIX;
    memcpy(pool->address.sun_path, config->path, strlen(config->path));
    pool->role = config->role;
    if (config->key != NULL) {
        pool->key = *config->key;
        pool->key_known = true;
    }
    pool->count = config->connections;
    pthread_condattr_t attributes;
    INVARIANT(pthread_condattr_init(&attributes) == 0);
    INVARIANT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    INVARIANT(pthread_cond_init(&pool->freed, &attributes) == 0);
    INVARIANT(pthread_condattr_destroy(&attributes) == 0);
    INVARIANT(pthread_mutex_init(&pool->mutex, NULL) == 0);
}

enum status wire_pool_new(struct wire_pool **out, const struct wire_pool_config *config, struct fault *fault)
{
    enum status status = pool_check(config, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct wire_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "connections", "a pool");
    }
    pool_init(pool, config);
    for (size_t i = 0; i < pool->count; i++) {
        pool->connections[i].fd = -1;
        pool->connections[i].packet = malloc(WIRE_MESSAGE_MAX);
        if (pool->connections[i].packet == NULL) {
            pool->count = i;
            wire_pool_free(pool);
            return fault_set(fault, STATUS_NO_MEMORY, "connections", "%zu packets", config->connections);
        }
    }
    *out = pool; /* transferred */
    return STATUS_OK;
}

static void connection_close(struct connection *connection)
{
    if (connection->fd >= 0) {
        (void)close(connection->fd);
        connection->fd = -1;
    }
}

void wire_pool_free(struct wire_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        INVARIANT(!pool->connections[i].taken);
        connection_close(&pool->connections[i]);
        free(pool->connections[i].packet);
    }
    (void)pthread_cond_destroy(&pool->freed);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

/* A free connection, an open one before a closed one. With the mutex. */
static struct connection *connection_find(struct wire_pool *pool)
{
    struct connection *closed = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        struct connection *connection = &pool->connections[i];
        if (connection->taken) {
            continue;
        }
        if (connection->fd >= 0) {
            return connection;
        }
        closed = closed == NULL ? connection : closed;
    }
    return closed;
}

static enum status connection_take(struct wire_pool *pool, struct connection **out, int64_t deadline_us,
                                   struct fault *fault)
{
    const struct timespec until = {.tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000};
    INVARIANT(pthread_mutex_lock(&pool->mutex) == 0);
    struct connection *connection = connection_find(pool);
    int waited = 0;
    while (connection == NULL && waited == 0) {
        waited = pthread_cond_timedwait(&pool->freed, &pool->mutex, &until);
        connection = connection_find(pool);
    }
    if (connection != NULL) {
        connection->taken = true;
    }
    INVARIANT(pthread_mutex_unlock(&pool->mutex) == 0);
    if (connection == NULL) {
        return fault_set(fault, STATUS_TIMED_OUT, "signer", "no free connection to the signer");
    }
    *out = connection;
    return STATUS_OK;
}

static void connection_return(struct wire_pool *pool, struct connection *connection)
{
    INVARIANT(pthread_mutex_lock(&pool->mutex) == 0);
    connection->taken = false;
    INVARIANT(pthread_cond_signal(&pool->freed) == 0);
    INVARIANT(pthread_mutex_unlock(&pool->mutex) == 0);
}

/* Sends wait no longer than the deadline; the kernel applies the same limit to connect(2). */
static enum status send_limit(int fd, int64_t deadline_us, struct fault *fault)
{
    int64_t left_us = remaining_us(deadline_us);
    if (left_us == 0) {
        return fault_set(fault, STATUS_TIMED_OUT, "signer", "could not reach the signer in time");
    }
    const struct timeval limit = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
        return fault_set(fault, STATUS_INTERNAL, "signer", "setsockopt: errno %d", errno);
    }
    return STATUS_OK;
}

/* EAGAIN is how Linux says that SO_SNDTIMEO ran out. */
static enum status fault_transport(struct fault *fault, const char *what)
{
    enum status status = errno == EAGAIN ? STATUS_TIMED_OUT : STATUS_UNAVAILABLE;
    return fault_set(fault, status, "signer", "%s: %s", what, strerrordesc_np(errno));
}

/* A packet is sent whole or not at all, so the socket's buffer must have room for it. */
static enum status send_room(int fd, size_t len, struct fault *fault)
{
    const int room = WIRE_POLICY_MAX; /* the kernel takes net.core.wmem_max of it, twice */
    if (len <= WIRE_MESSAGE_MAX || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INTERNAL, "signer", "setsockopt: errno %d", errno);
}

static enum status packet_send(int fd, const struct bytes *packet, int64_t deadline_us, struct fault *fault)
{
    enum status status = send_limit(fd, deadline_us, fault);
    status = status == STATUS_OK ? send_room(fd, packet->len, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    ssize_t sent;
    do {
        sent = send(fd, packet->data, packet->len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EMSGSIZE) {
        return fault_set(fault, STATUS_TOO_LARGE, "signer", "net.core.wmem_max is too small for %zu bytes",
                         packet->len);
    }
    return sent == (ssize_t)packet->len ? STATUS_OK : fault_transport(fault, "could not send to the signer");
}

static enum status packet_wait(int fd, int64_t deadline_us, struct fault *fault)
{
    for (;;) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        int64_t left_us = remaining_us(deadline_us);
        const struct timespec limit = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
        int ready = ppoll(&waiting, 1, &limit, NULL);
        if (ready > 0) {
            return STATUS_OK;
        }
        if (ready == 0) {
            return fault_set(fault, STATUS_TIMED_OUT, "signer", "no answer in time");
        }
        if (errno != EINTR) {
            return fault_set(fault, STATUS_UNAVAILABLE, "signer", "could not wait: errno %d", errno);
        }
    }
}

static enum status packet_receive(struct connection *connection, size_t *out_len, int64_t deadline_us,
                                  struct fault *fault)
{
    enum status status = packet_wait(connection->fd, deadline_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct iovec part = {.iov_base = connection->packet, .iov_len = WIRE_MESSAGE_MAX};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t len = recvmsg(connection->fd, &header, MSG_DONTWAIT);
    if (len <= 0) {
        return fault_set(fault, STATUS_UNAVAILABLE, "signer", "the signer closed the connection");
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) {
        return fault_set(fault, STATUS_INVALID, "signer", "a reply of more than %d bytes", WIRE_MESSAGE_MAX);
    }
    *out_len = (size_t)len;
    return STATUS_OK;
}

/* One request and its reply on a connected descriptor. */
static enum status exchange(struct connection *connection, struct wire_reply *out, struct wire_request *request,
                            int64_t deadline_us, struct fault *fault)
{
    request->id = ++connection->last_id;
    struct bytes packet = {0};
    enum status status = wire_request_encode(&packet, request, fault);
    if (status == STATUS_OK) {
        status = packet_send(connection->fd, &packet, deadline_us, fault);
    }
    bytes_free(&packet);
    size_t len = 0;
    if (status == STATUS_OK) {
        status = packet_receive(connection, &len, deadline_us, fault);
    }
    struct wire_reply reply;
    if (status == STATUS_OK) {
        status = wire_reply_decode(&reply, request->op, connection->packet, len, fault);
        secret_wipe(connection->packet, len); /* as in the server: what was revealed is erased one day */
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool unaddressed = reply.id == 0 && reply.fault.status != STATUS_OK; /* a refusal of the connection itself */
    if (reply.id != request->id && !unaddressed) {
        wire_reply_free(&reply);
        return fault_set(fault, STATUS_INVALID, "signer", "a reply to another request");
    }
    *out = reply; /* transferred */
    return STATUS_OK;
}

/* Role and key must be those expected; the first key seen is the one expected from then on. */
static enum status identity_check(struct wire_pool *pool, const struct wire_hello_reply *hello, struct fault *fault)
{
    if (hello->protocol != WIRE_PROTOCOL) {
        return fault_set(fault, STATUS_VERSION, "signer", "protocol %lld", (long long)hello->protocol);
    }
    if (hello->role != pool->role) {
        return fault_set(fault, STATUS_MISMATCH, "signer", "its role is %s", wire_role_name(hello->role));
    }
    INVARIANT(pthread_mutex_lock(&pool->mutex) == 0);
    if (!pool->key_known) {
        pool->key = hello->key;
        pool->key_known = true;
    }
    bool same = public_key_equal(&pool->key, &hello->key);
    INVARIANT(pthread_mutex_unlock(&pool->mutex) == 0);
    return same ? STATUS_OK : fault_set(fault, STATUS_MISMATCH, "signer", "it holds another key");
}

static enum status connection_open(struct wire_pool *pool, struct connection *connection, int64_t deadline_us,
                                   struct fault *fault)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fault_set(fault, STATUS_UNAVAILABLE, "signer", "could not make a socket: errno %d", errno);
    }
    connection->fd = fd;
    connection->last_id = 0;
    enum status status = send_limit(fd, deadline_us, fault);
    if (status == STATUS_OK && connect(fd, (struct sockaddr *)&pool->address, sizeof(pool->address)) != 0) {
        status = fault_transport(fault, "could not connect to the signer");
    }
    struct wire_request request = {.op = WIRE_OP_HELLO, .hello = {.protocol = WIRE_PROTOCOL}};
    struct wire_reply reply = {0};
    if (status == STATUS_OK) {
        status = exchange(connection, &reply, &request, deadline_us, fault);
    }
    if (status == STATUS_OK) {
        status = reply.fault.status;
        *fault = reply.fault;
    }
    if (status == STATUS_OK) {
        status = identity_check(pool, &reply.hello, fault);
    }
    if (status != STATUS_OK) {
        connection_close(connection);
    }
    return status;
}

/* Opens the connection when needed and asks. Every failure but a refusal by the signer ends the connection. */
static enum status ask(struct wire_pool *pool, struct connection *connection, struct wire_reply *out,
                       struct wire_request *request, int64_t deadline_us, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (connection->fd < 0) {
        status = connection_open(pool, connection, deadline_us, fault);
    }
    if (status == STATUS_OK) {
        status = exchange(connection, out, request, deadline_us, fault);
    }
    if (status != STATUS_OK) {
        connection_close(connection);
    }
    return status;
}

/*
 * A pooled connection may have ended unseen (the signer was restarted): then one more try on a new one. Asking twice is
 * harmless, since the signer answers the same request with the same transaction.
 */
enum status wire_call(struct wire_pool *pool, struct wire_reply *out, struct wire_request *request, int64_t timeout_ms,
                      struct fault *fault)
{
    int64_t deadline_us = deadline_after(timeout_ms);
    struct connection *connection = NULL;
    enum status status = connection_take(pool, &connection, deadline_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool reused = connection->fd >= 0;
    struct fault first = {0};
    status = ask(pool, connection, out, request, deadline_us, &first);
    if (status == STATUS_UNAVAILABLE && reused) {
        fault_clear(&first);
        status = ask(pool, connection, out, request, deadline_us, &first);
    }
    if (status == STATUS_OK) {
        status = out->fault.status;
        first = out->fault;
    }
    connection_return(pool, connection);
    return status == STATUS_OK ? status : fault_set(fault, status, first.where, "%s", first.detail);
}

enum status wire_hello(struct wire_pool *pool, struct wire_hello_reply *out, int64_t timeout_ms, struct fault *fault)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply = {0};
    enum status status = wire_call(pool, &reply, &request, timeout_ms, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(pthread_mutex_lock(&pool->mutex) == 0);
    *out = (struct wire_hello_reply){.protocol = WIRE_PROTOCOL, .role = pool->role, .key = pool->key};
    INVARIANT(pthread_mutex_unlock(&pool->mutex) == 0);
    return STATUS_OK;
}
