/*
 * The server of a witness on libmicrohttpd: takes a request in whole, with a cap, and hands it on. One thread, so that
 * judging and remembering are one after the other. It needs no TLS: what it is sent and what it answers is signed, and
 * who could cut the line can do so with TLS, too.
 */
#include "witness/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 64
#define CONNECTIONS_OF_ONE 16 /* address */
#define LEAVING_MAX 16        /* that are cut and not closed yet */
#define IDLE_S 10
#define MEMORY_OF_ONE 16384 /* for the headers of a connection */
#define ADD_PATH "/add-checkpoint"
#define CHECKPOINT_PATH "/checkpoint"

/* A connection, and when it came or was last answered, among the others. */
struct place {
    const struct MHD_Connection *connection; /* NULL: free */
    int fd;
    uint64_t since;
};

struct witness_server {
    struct MHD_Daemon *daemon;
    struct witness *witness;
    struct place places[CONNECTIONS_MAX]; /* of the thread of the daemon */
    uint64_t ticks;
};

/* One request on its way in. */
struct exchange {
    struct buffer body;
    bool too_large;
};

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct witness_reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.len, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        bytes_free(&reply->body);
        return MHD_NO;
    }
    reply->body = (struct bytes){0}; /* transferred */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    enum MHD_Result result = MHD_queue_response(connection, reply->http, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned http, const char *text)
{
    struct witness_reply reply = {.http = http, .content_type = "text/plain; charset=utf-8"};
    return bytes_copy(&reply.body, text, strlen(text)) == STATUS_OK ? send_reply(connection, &reply) : MHD_NO;
}

static enum MHD_Result serve_add(const struct witness_server *server, struct MHD_Connection *connection,
                                 struct exchange *exchange)
{
    struct witness_reply reply = {0};
    struct bytes body = {0};
    if (exchange->too_large) {
        return refuse(connection, 413, "body: is too large\n");
    }
    if (buffer_finish(&body, &exchange->body) != STATUS_OK) {
        return MHD_NO;
    }
    witness_add_checkpoint(server->witness, &reply, body.data, body.len);
    bytes_free(&body);
    return send_reply(connection, &reply);
}

static enum MHD_Result serve_newest(const struct witness_server *server, struct MHD_Connection *connection,
                                    const char *path)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct witness_reply reply = {0};
    if (strlen(path) != 1 + DIGEST_HEX_LEN + strlen(CHECKPOINT_PATH) ||
        strcmp(path + 1 + DIGEST_HEX_LEN, CHECKPOINT_PATH) != 0) {
        return refuse(connection, 404, "path: no such resource\n");
    }
    memcpy(hex, path + 1, DIGEST_HEX_LEN);
    hex[DIGEST_HEX_LEN] = '\0';
    witness_newest(server->witness, &reply, hex);
    return send_reply(connection, &reply);
}

static enum MHD_Result serve(const struct witness_server *server, struct MHD_Connection *connection,
                             struct exchange *exchange, const char *method, const char *path)
{
    bool adds = strcmp(path, ADD_PATH) == 0;
    if (strcmp(method, adds ? MHD_HTTP_METHOD_POST : MHD_HTTP_METHOD_GET) != 0) {
        return refuse(connection, 405, "method: not one of this resource\n");
    }
    return adds ? serve_add(server, connection, exchange) : serve_newest(server, connection, path);
}

/* The signature is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **state)
{
    (void)version;
    struct exchange *exchange = *state;
    if (exchange == NULL) {
        exchange = calloc(1, sizeof(*exchange));
        if (exchange == NULL) {
            return MHD_NO;
        }
        buffer_init(&exchange->body);
        *state = exchange;
        return MHD_YES;
    }
    if (*data_len > 0) {
        if (exchange->too_large) {
            return MHD_NO; /* it was told by nobody to go on */
        }
        exchange->too_large = exchange->body.content.len + *data_len > AUDIT_ADD_CHECKPOINT_MAX;
        if (!exchange->too_large) {
            buffer_append(&exchange->body, data, *data_len);
        }
        *data_len = 0;
        return MHD_YES;
    }
    return serve(context, connection, exchange, method, url);
}

static struct place *place_of(struct witness_server *server, const struct MHD_Connection *connection)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (server->places[i].connection == connection) {
            return &server->places[i];
        }
    }
    return NULL;
}

/* Cuts whoever has gone without a whole request for longest: who sends a byte at a time keeps nobody out. */
static struct place *place_make(struct witness_server *server)
{
    struct place *oldest = &server->places[0];
    for (size_t i = 1; i < CONNECTIONS_MAX; i++) {
        oldest = server->places[i].since < oldest->since ? &server->places[i] : oldest;
    }
    (void)shutdown(oldest->fd, SHUT_RDWR);
    return oldest;
}

/* The signature is libmicrohttpd's. It closes the descriptor afterwards. */
static void on_connection(void *context, struct MHD_Connection *connection, void **unused,
                          enum MHD_ConnectionNotificationCode code)
{
    struct witness_server *server = context;
    struct place *place = place_of(server, code == MHD_CONNECTION_NOTIFY_CLOSED ? connection : NULL);
    (void)unused;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (place != NULL) { /* it was not cut */
            place->connection = NULL;
        }
        return;
    }
    place = place == NULL ? place_make(server) : place;
    *place = (struct place){.connection = connection,
                            .fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                            .since = ++server->ticks};
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct witness_server *server = context;
    struct place *place = place_of(server, connection);
    (void)code;
    if (place != NULL) {
        place->since = ++server->ticks;
    }
    struct exchange *exchange = *state;
    if (exchange != NULL) {
        buffer_free(&exchange->body);
        free(exchange);
        *state = NULL;
    }
}

/* Splits "address:port" or "[address]:port" and resolves it without asking the network. */
static enum status resolve(struct sockaddr_storage *out, const char *text, struct fault *fault)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    const char *start = text;
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        start = text + 1;
        len -= 2;
    }
    if (colon == NULL || len == 0 || len >= sizeof(host)) {
        return fault_set(fault, STATUS_INVALID, "listen", "must be address:port or [address]:port");
    }
    memcpy(host, start, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool small = strlen(colon + 1) <= 5 && strtoul(colon + 1, NULL, 10) <= UINT16_MAX;
    if (!small || getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return fault_set(fault, STATUS_INVALID, "listen", "must be a numeric address and port, not %s", text);
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return STATUS_OK;
}

enum status witness_server_start(struct witness_server **out, struct witness *witness, const char *listen,
                                 struct fault *fault)
{
    struct sockaddr_storage address = {0};
    struct witness_server *server = calloc(1, sizeof(*server));
    enum status status =
        server == NULL ? fault_set(fault, STATUS_NO_MEMORY, "listen", "%s", "") : resolve(&address, listen, fault);
    if (status != STATUS_OK) {
        free(server);
        return status;
    }
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    flags |= address.ss_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0U;
    server->witness = witness;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)(const void *)&address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(CONNECTIONS_MAX + LEAVING_MAX), MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_OF_ONE, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_OF_ONE,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (server->daemon == NULL) {
        free(server);
        return fault_set(fault, STATUS_UNAVAILABLE, "listen", "could not listen on %s", listen);
    }
    *out = server;
    return STATUS_OK;
}

uint16_t witness_server_port(const struct witness_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void witness_server_stop(struct witness_server *server)
{
    if (server != NULL) {
        MHD_stop_daemon(server->daemon);
        free(server);
    }
}
