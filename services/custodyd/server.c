/*
 * The HTTP server on libmicrohttpd. The only file that knows that library.
 *
 * It takes a request in whole, with a cap on the body, hands it to http_dispatch, and sends the reply. It decides
 * nothing.
 */
#include "server.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <linux/tcp.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "gate.h"
#include "places.h"
#include "problem.h"
#include "service.h"

#define STREAM_BLOCK 65536
#define CERTIFICATE_MAX 1048576
#define BODY_READ_TIMES 2 /* so often its limit is read of a body that is too large, before the refusal can be said */
#define LEAVING_MAX 64    /* connections that were cut and have not ended yet */

/* What libmicrohttpd reads a request into. Above 32 KiB it has pages of its own for each connection and gives them back
 * with what is in them, also when the connection ends within a request; below, it frees them as they are. */
#define CONNECTION_MEMORY ((size_t)36864)

struct server {
    struct MHD_Daemon *daemon;
    struct places *places;
    bool only_urgent;
    uint8_t secret[16];                /* so that nobody chooses the digest of an address */
    _Atomic(struct service *) service; /* NULL until server_serve */
    struct bytes certificate;
    struct secret private_key;
};

/* One request on its way in. */
struct exchange {
    struct buffer body;
    size_t body_max;
    bool too_large;
    size_t sent_len;
    struct gate *gate; /* NULL until it was let in */
    struct gate_guest *guest;
};

static struct place *place_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

const char *http_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct query_visit {
    bool (*visit)(void *context, const char *key, const char *value);
    void *context;
};

static enum MHD_Result visit_query(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    const struct query_visit *visit = context;
    return visit->visit(visit->context, key, value) ? MHD_YES : MHD_NO;
}

void http_each_query(const struct http_request *request,
                     bool (*visit)(void *context, const char *key, const char *value), void *context)
{
    struct query_visit state = {.visit = visit, .context = context};
    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, visit_query, &state);
}

static ssize_t stream_read(void *context, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct http_stream *stream = context;
    struct fault fault = {0};
    size_t len = 0;
    if (stream->read(stream->context, out, max, &len, &fault) != STATUS_OK) {
        log_fault("stream.cut", &fault);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return len == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)len;
}

static void stream_free(void *context)
{
    struct http_stream *stream = context;
    if (stream->free != NULL) {
        stream->free(stream->context);
    }
    free(stream);
}

/* To HEAD libmicrohttpd 0.9.75 sends the end of a body in chunks, of which the next reply would begin with: not in the
 * manner of HTTP/1.0, where the connection ends. */
static struct MHD_Response *response_of_stream(struct http_reply *reply, bool only_head)
{
    struct http_stream *stream = malloc(sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    *stream = reply->stream;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream, stream_free);
    if (response == NULL) {
        free(stream);
        return NULL;
    }
    if (only_head) {
        (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    }
    reply->stream = (struct http_stream){0}; /* transferred */
    return response;
}

static struct MHD_Response *response_of_body(struct http_reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(reply->body.len, reply->body.data, secret_wiped_free);
    if (response != NULL) {
        reply->body = (struct bytes){0}; /* transferred */
    }
    return response;
}

/* Headers are advice to the client: a reply without one of them is still right. */
static void add_headers(struct MHD_Response *response, const struct http_reply *reply)
{
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                                  reply->cache_control == NULL ? "no-store" : reply->cache_control);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (reply->status == 401) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
    if (reply->status == 503 || reply->status == 429) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
    if (reply->allow[0] != '\0') {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    }
    if (reply->trail_corrupt[0] != '\0') {
        (void)MHD_add_response_header(response, "Trail-Corrupt", reply->trail_corrupt);
    }
    if (reply->trail_halted[0] != '\0') {
        (void)MHD_add_response_header(response, "Trail-Halted", reply->trail_halted);
    }
    if (reply->close) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply, bool only_head)
{
    struct MHD_Response *response =
        reply->stream.read != NULL ? response_of_stream(reply, only_head) : response_of_body(reply);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(response, reply);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, const struct fault *fault)
{
    struct uuid correlation = {0};
    struct http_reply reply = {0};
    if (uuid_generate(&correlation, clock_system()) != STATUS_OK) {
        return MHD_NO;
    }
    problem_reply(&reply, fault, &correlation);
    enum MHD_Result result = send_reply(connection, &reply, false);
    http_reply_free(&reply);
    return result;
}

static enum MHD_Result refuse_size(struct MHD_Connection *connection, size_t max)
{
    struct fault fault = {0};
    (void)fault_set(&fault, STATUS_TOO_LARGE, "body", "at most %zu bytes", max);
    return refuse(connection, &fault);
}

static bool announces_too_much(struct MHD_Connection *connection, size_t max)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length == NULL) {
        return false;
    }
    char *end = NULL;
    unsigned long long value = strtoull(length, &end, 10);
    return *end != '\0' || value > max;
}

static void take_in(struct exchange *exchange, const char *data, size_t len)
{
    exchange->sent_len += len;
    if (exchange->body.content.len + len > exchange->body_max) {
        exchange->too_large = true;
    } else {
        buffer_append(&exchange->body, data, len);
    }
}

static enum MHD_Result serve(struct server *server, struct MHD_Connection *connection, struct exchange *exchange,
                             const char *method, const char *path)
{
    struct bytes body = {0};
    struct service *service = atomic_load(&server->service);
    if (!place_arrived(place_of(connection))) {
        return MHD_NO;
    }
    if (exchange->too_large) {
        return refuse_size(connection, exchange->body_max);
    }
    if (service == NULL) {
        struct fault fault = {0};
        (void)fault_set(&fault, STATUS_NOT_READY, "service", "is starting");
        return refuse(connection, &fault);
    }
    if (buffer_finish(&body, &exchange->body) != STATUS_OK) {
        return MHD_NO;
    }
    struct http_request request = {.method = method,
                                   .path = path,
                                   .body = body.data,
                                   .body_len = body.len,
                                   .connection = connection,
                                   .place = place_of(connection),
                                   .only_urgent = server->only_urgent};
    struct http_reply reply = {0};
    http_dispatch(service, &request, &reply);
    exchange->gate = service->gate;
    exchange->guest = request.guest;
    enum MHD_Result result = send_reply(connection, &reply, strcmp(method, MHD_HTTP_METHOD_HEAD) == 0);
    http_reply_free(&reply);
    bytes_free(&body);
    return result;
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
        exchange->body_max = strcmp(url, HTTP_POLICY_PATH) == 0 ? HTTP_POLICY_MAX : HTTP_BODY_MAX;
        *state = exchange;
        place_begun(place_of(connection));
        return announces_too_much(connection, exchange->body_max) ? refuse_size(connection, exchange->body_max)
                                                                  : MHD_YES;
    }
    if (*data_len > 0) {
        take_in(exchange, data, *data_len);
        *data_len = 0;
        return exchange->sent_len <= BODY_READ_TIMES * exchange->body_max ? MHD_YES : MHD_NO;
    }
    return serve(context, connection, exchange, method, url);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)code;
    struct exchange *exchange = *state;
    place_answered(place_of(connection));
    if (exchange != NULL) {
        if (exchange->gate != NULL) {
            gate_leave(exchange->gate, exchange->guest);
        }
        buffer_free(&exchange->body);
        free(exchange);
        *state = NULL;
    }
}

/* Reading and writing end at once; libmicrohttpd closes the descriptor when its thread has seen it. */
static void cut(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}

/* From the kernel's count, so that a hello that no thread has read yet counts. */
static bool has_spoken(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_bytes_received > 0;
}

/* Of an IPv6 network all addresses are one: whoever has one of them has 2^64. */
static void digest_address(struct digest *out, const struct server *server, const struct sockaddr *address)
{
    uint8_t bytes[sizeof(server->secret) + 8] = {0};
    memcpy(bytes, server->secret, sizeof(server->secret));
    if (address->sa_family == AF_INET) {
        memcpy(bytes + sizeof(server->secret), &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(bytes + sizeof(server->secret), &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 8);
    }
    digest_sha256(out, bytes, sizeof(bytes));
}

/* The signature is libmicrohttpd's. It calls for both ends in its one thread, and closes the descriptor afterwards. */
static void on_connection(void *context, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode code)
{
    const struct server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        place_leave(*place);
        return;
    }
    struct digest address;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    digest_address(&address, server,
                   MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    *place = place_enter(server->places, fd, &address);
    if (*place == NULL) {
        cut(fd);
    }
}

/* "%00" would end a C string early, so that a path means less than it says: such a text stays as it was sent. */
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* Splits "host:port" or "[v6]:port" and resolves it without asking the network. */
static enum status resolve(struct sockaddr_storage *out, const char *option, const char *text, struct fault *fault)
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
        return fault_set(fault, STATUS_INVALID, option, "must be address:port or [address]:port");
    }
    memcpy(host, start, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    /* getaddrinfo takes 65536 for 0. */
    bool small = strlen(colon + 1) <= 5 && strtoul(colon + 1, NULL, 10) <= UINT16_MAX;
    if (!small || getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return fault_set(fault, STATUS_INVALID, option, "must be a numeric address and port, not %s", text);
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return STATUS_OK;
}

/* A PEM key has many lines, so secret_read (one line) does not fit; the same rule for the file's mode holds. */
static enum status read_private_key(struct secret *out, const char *path, struct fault *fault)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        if (file != NULL) {
            (void)fclose(file);
        }
        return fault_set(fault, STATUS_INVALID, "tls-key", "cannot open %s", path);
    }
    enum status status = STATUS_OK;
    if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0 || info.st_size < 1 || info.st_size >= SECRET_MAX) {
        status = fault_set(fault, STATUS_INVALID, "tls-key", "%s must be a file of mode 0600, 1 to %d bytes", path,
                           SECRET_MAX - 1);
    }
    if (status == STATUS_OK) {
        status = secret_new(out, (size_t)info.st_size);
    }
    if (status == STATUS_OK && fread(out->data, 1, out->len, file) != out->len) {
        secret_free(out);
        status = fault_set(fault, STATUS_IO, "tls-key", "could not read %s", path);
    }
    (void)fclose(file);
    return status;
}

/* Nobody is asked for the passphrase of an encrypted key. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

/* GnuTLS would refuse a pair that does not fit, too, but could not say what is wrong. */
static enum status check_pair(const struct server *server, const struct server_options *options, struct fault *fault)
{
    BIO *certificate_pem = BIO_new_mem_buf(server->certificate.data, (int)server->certificate.len);
    BIO *key_pem = BIO_new_mem_buf(server->private_key.data, (int)server->private_key.len);
    X509 *certificate = PEM_read_bio_X509(certificate_pem, NULL, no_passphrase, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, no_passphrase, NULL);
    enum status status = STATUS_OK;
    if (certificate == NULL) {
        status = fault_set(fault, STATUS_INVALID, "tls-certificate", "%s is no PEM certificate", options->certificate);
    } else if (key == NULL) {
        status =
            fault_set(fault, STATUS_INVALID, "tls-key", "%s is no PEM key without a passphrase", options->private_key);
    } else if (X509_check_private_key(certificate, key) != 1) {
        status = fault_set(fault, STATUS_INVALID, "tls-key", "%s is not the key of the certificate %s",
                           options->private_key, options->certificate);
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    BIO_free(key_pem);
    BIO_free(certificate_pem);
    return status;
}

static enum status load_tls(struct server *server, const struct server_options *options, struct fault *fault)
{
    enum status status =
        file_read(&server->certificate, options->certificate, CERTIFICATE_MAX, "tls-certificate", fault);
    if (status == STATUS_OK) {
        status = read_private_key(&server->private_key, options->private_key, fault);
    }
    return status == STATUS_OK ? check_pair(server, options, fault) : status;
}

static enum status listen_on(struct server *server, const struct server_options *options,
                             const struct sockaddr_storage *address, struct fault *fault)
{
    bool tls = options->certificate[0] != '\0';
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    flags |= address->ss_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0U;
    flags |= tls ? (unsigned)MHD_USE_TLS : 0U;
    struct MHD_OptionItem tls_items[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->private_key.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (gnutls_free != secret_wiped_free) { /* once, before there are its threads */
        gnutls_free = secret_wiped_free;    /* of every record that was decrypted */
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)(const void *)address,
        MHD_OPTION_CONNECTION_LIMIT, options->connections + LEAVING_MAX, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY,
        tls ? tls_items : none, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return fault_set(fault, STATUS_IO, options->option, "could not listen on %s", options->listen);
    }
    return STATUS_OK;
}

enum status server_open(struct server **out, const struct server_options *options, struct fault *fault)
{
    struct sockaddr_storage address = {0};
    enum status status = resolve(&address, options->option, options->listen, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (options->certificate[0] == '\0' && !is_loopback((const struct sockaddr *)(const void *)&address)) {
        return fault_set(fault, STATUS_INVALID, options->option,
                         "without a TLS certificate only loopback addresses are served");
    }
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "server", "%s", "");
    }
    server->only_urgent = options->only_urgent;
    const struct places_config places = {.clock = clock_system(),
                                         .count = options->connections,
                                         .request_ms = options->request_ms,
                                         .cut = cut,
                                         .has_spoken = has_spoken};
    if (getrandom(server->secret, sizeof(server->secret), 0) != (ssize_t)sizeof(server->secret)) {
        status = fault_set(fault, STATUS_IO, "server", "no random bytes");
    }
    if (status == STATUS_OK) {
        status = places_new(&server->places, &places, fault);
    }
    if (status == STATUS_OK && options->certificate[0] != '\0') {
        status = load_tls(server, options, fault);
    }
    if (status == STATUS_OK) {
        status = listen_on(server, options, &address, fault);
    }
    if (status != STATUS_OK) {
        server_stop(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

void server_serve(struct server *server, struct service *service)
{
    atomic_store(&server->service, service);
}

unsigned server_port(const struct server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void server_stop(struct server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    places_free(server->places);
    bytes_free(&server->certificate);
    secret_free(&server->private_key);
    free(server);
}
