/*
 * The pool against servers that answer late, wrongly, not at all, or as somebody else. The server side is the real one
 * of this room, in a thread that follows a script.
 */
#include "wire/client.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/socket.h>

#include "test/test_key.h"
#include "test/test_place.h"
#include "wire/server.h"

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define LONG_MS 60000

/* What the server does with the next request after hello. */
enum act {
    ANSWER,      /* with its id */
    ANSWER_LATE, /* after the client has given up: together with the next connection */
    ANSWER_OTHER_ID,
    ANSWER_GARBAGE,
    CLOSE, /* without an answer */
    REFUSE,
};

struct server {
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 16];
    struct test_key *key;
    enum wire_role role;
    const enum act *acts;
    size_t act_count;
    size_t connections; /* that were made */
    int listen_fd;
    pthread_t thread;
};

static void reply_send(int fd, const struct wire_reply *reply)
{
    struct bytes packet = {0};
    struct fault fault = {0};
    MUST(wire_reply_encode(&packet, reply, &fault));
    (void)!send(fd, packet.data, packet.len, MSG_NOSIGNAL);
    bytes_free(&packet);
}

static bool request_read(struct wire_request *out, int fd)
{
    static _Thread_local uint8_t packet[WIRE_POLICY_MAX];
    size_t len = 0;
    struct fault fault = {0};
    return wire_receive(packet, &len, fd, &fault) == STATUS_OK &&
           wire_request_decode(out, packet, len, &fault) == STATUS_OK;
}

static bool greet(struct server *server, int fd)
{
    struct wire_request request;
    if (!request_read(&request, fd)) {
        return false;
    }
    struct wire_reply reply = {.op = WIRE_OP_HELLO, .id = request.id};
    reply.hello = (struct wire_hello_reply){.protocol = 1, .role = server->role, .key = *test_key_public(server->key)};
    reply_send(fd, &reply);
    return true;
}

/* The size in a status tells the test which request was answered. */
static void act(int fd, enum act what, size_t number)
{
    struct wire_request request;
    if (!request_read(&request, fd)) {
        return;
    }
    struct wire_reply reply = {.op = WIRE_OP_STATUS, .id = request.id};
    reply.status = (struct wire_status_reply){.role = WIRE_ROLE_AUDIT, .ready = true, .size = number, .token_count = 1};
    switch (what) {
    case ANSWER:
        reply_send(fd, &reply);
        break;
    case ANSWER_LATE:
        (void)!request_read(&request, fd); /* returns when the client has closed */
        reply_send(fd, &reply);
        break;
    case ANSWER_OTHER_ID:
        reply.id++;
        reply_send(fd, &reply);
        break;
    case ANSWER_GARBAGE:
        (void)!send(fd, "{}", 2, MSG_NOSIGNAL);
        break;
    case CLOSE:
        break;
    case REFUSE:
        (void)fault_set(&reply.fault, STATUS_DENIED, "policy", "no");
        reply_send(fd, &reply);
        break;
    }
}

static bool ends_connection(enum act what)
{
    return what == CLOSE || what == ANSWER_LATE || what == ANSWER_OTHER_ID || what == ANSWER_GARBAGE;
}

static int connection_await(struct server *server)
{
    struct wire_peer peer;
    enum status status = STATUS_NOT_FOUND;
    while (status == STATUS_NOT_FOUND) {
        struct fault fault = {0};
        status = wire_accept(&peer, server->listen_fd, &fault);
        (void)sched_yield();
    }
    MUST(status);
    cr_expect(peer.uid == getuid() && peer.pid == getpid());
    server->connections++;
    return peer.fd;
}

static void *serve(void *argument)
{
    struct server *server = argument;
    int fd = -1;
    for (size_t i = 0; i < server->act_count; i++) {
        if (fd < 0) {
            fd = connection_await(server);
            (void)greet(server, fd);
        }
        act(fd, server->acts[i], i);
        if (ends_connection(server->acts[i])) {
            (void)close(fd);
            fd = -1;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

static void server_start(struct server *server, const enum act *acts, size_t count)
{
    *server = (struct server){.acts = acts, .act_count = count, .role = WIRE_ROLE_AUDIT};
    test_folder_make(&server->folder);
    (void)snprintf(server->path, sizeof(server->path), "%s/socket", server->folder.path);
    server->key = test_key_new(ALGORITHM_ED25519);
    MUST(wire_listen(&server->listen_fd, server->path, NULL));
}

static void server_serve(struct server *server)
{
    cr_assert(pthread_create(&server->thread, NULL, serve, server) == 0);
}

static void server_end(struct server *server)
{
    cr_assert(pthread_join(server->thread, NULL) == 0);
    (void)close(server->listen_fd);
    test_key_free(server->key);
    test_folder_remove(&server->folder);
}

static struct wire_pool *pool_for(const struct server *server, const struct public_key *key)
{
    const struct wire_pool_config config = {
        .path = server->path, .role = WIRE_ROLE_AUDIT, .key = key, .connections = 1};
    struct wire_pool *pool = NULL;
    MUST(wire_pool_new(&pool, &config, NULL));
    return pool;
}

static enum status ask(struct wire_pool *pool, uint64_t *out_size, int64_t timeout_ms)
{
    struct wire_status_reply status;
    struct fault fault = {0};
    enum status answer = wire_status(pool, &status, timeout_ms, &fault);
    if (answer == STATUS_OK) {
        *out_size = status.size;
    } else {
        cr_expect(fault.status == answer && fault.where[0] != '\0');
    }
    return answer;
}

Test(wire_client, one_connection_serves_many_requests)
{
    static const enum act acts[] = {ANSWER, REFUSE, ANSWER};
    struct server server;
    server_start(&server, acts, 3);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, test_key_public(server.key));
    uint64_t size = 9;
    MUST(ask(pool, &size, LONG_MS));
    cr_expect(size == 0);
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_DENIED);
    MUST(ask(pool, &size, LONG_MS));
    cr_expect(size == 2);
    wire_pool_free(pool);
    server_end(&server);
    cr_expect(server.connections == 1);
}

Test(wire_client, a_late_reply_is_nobodys)
{
    static const enum act acts[] = {ANSWER, ANSWER_LATE, ANSWER};
    struct server server;
    server_start(&server, acts, 3);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, NULL);
    uint64_t size = 9;
    MUST(ask(pool, &size, LONG_MS));
    cr_expect(ask(pool, &size, 50) == STATUS_TIMED_OUT);
    MUST(ask(pool, &size, LONG_MS));
    cr_expect(size == 2, "the answer to request %d", (int)size);
    wire_pool_free(pool);
    server_end(&server);
    cr_expect(server.connections == 2);
}

Test(wire_client, wrong_replies_end_the_connection)
{
    static const enum act acts[] = {ANSWER_OTHER_ID, ANSWER_GARBAGE, ANSWER};
    struct server server;
    server_start(&server, acts, 3);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, NULL);
    uint64_t size = 9;
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_INVALID);
    cr_expect(ask(pool, &size, LONG_MS) != STATUS_OK);
    MUST(ask(pool, &size, LONG_MS));
    cr_expect(size == 2);
    wire_pool_free(pool);
    server_end(&server);
    cr_expect(server.connections == 3);
}

Test(wire_client, a_dead_connection_is_replaced_and_a_fresh_one_that_dies_is_reported)
{
    static const enum act acts[] = {ANSWER, CLOSE, ANSWER, CLOSE, CLOSE};
    struct server server;
    server_start(&server, acts, 5);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, NULL);
    uint64_t size = 9;
    MUST(ask(pool, &size, LONG_MS));
    MUST(ask(pool, &size, LONG_MS)); /* the kept connection ends, a new one answers */
    cr_expect(size == 2);
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_UNAVAILABLE); /* and now the new one ends too */
    wire_pool_free(pool);
    server_end(&server);
}

Test(wire_client, another_key_or_role_is_not_talked_to)
{
    static const enum act acts[] = {CLOSE, CLOSE};
    struct test_key *other = test_key_new(ALGORITHM_ED25519);
    struct server server;
    server_start(&server, acts, 2);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, test_key_public(other));
    uint64_t size = 9;
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_MISMATCH);
    wire_pool_free(pool);
    const struct wire_pool_config config = {.path = server.path, .role = WIRE_ROLE_TRANSFER, .connections = 1};
    MUST(wire_pool_new(&pool, &config, NULL));
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_MISMATCH);
    wire_pool_free(pool);
    server_end(&server);
    test_key_free(other);
}

Test(wire_client, the_first_key_is_the_one_expected_from_then_on)
{
    static const enum act acts[] = {ANSWER, CLOSE, CLOSE};
    struct server server;
    server_start(&server, acts, 1);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, NULL);
    struct wire_hello_reply hello;
    MUST(wire_hello(pool, &hello, LONG_MS, NULL));
    cr_expect(public_key_equal(&hello.key, test_key_public(server.key)) && hello.role == WIRE_ROLE_AUDIT);
    cr_assert(pthread_join(server.thread, NULL) == 0);
    test_key_free(server.key);
    server.key = test_key_new(ALGORITHM_ED25519); /* somebody else listens there now */
    server.acts = acts + 1;
    server_serve(&server);
    uint64_t size = 9;
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_MISMATCH);
    wire_pool_free(pool);
    server_end(&server);
}

Test(wire_client, nobody_there_is_unavailable)
{
    struct server server;
    server_start(&server, NULL, 0);
    (void)close(server.listen_fd);
    struct wire_pool *pool = pool_for(&server, NULL);
    uint64_t size = 9;
    cr_expect(ask(pool, &size, LONG_MS) == STATUS_UNAVAILABLE);
    wire_pool_free(pool);
    test_key_free(server.key);
    test_folder_remove(&server.folder);
}

/* Nobody accepts: the connection is made by the kernel, the hello stays unanswered. */
Test(wire_client, a_server_that_hangs_costs_no_more_than_the_deadline)
{
    struct server server;
    server_start(&server, NULL, 0);
    struct wire_pool *pool = pool_for(&server, NULL);
    uint64_t size = 9;
    cr_expect(ask(pool, &size, 20) == STATUS_TIMED_OUT);
    cr_expect(ask(pool, &size, 0) == STATUS_TIMED_OUT);
    wire_pool_free(pool);
    (void)close(server.listen_fd);
    test_key_free(server.key);
    test_folder_remove(&server.folder);
}

static void *ask_in_thread(void *argument)
{
    uint64_t size = 0;
    return ask(argument, &size, LONG_MS) == STATUS_OK ? NULL : argument;
}

Test(wire_client, threads_wait_for_a_free_connection)
{
    static const enum act acts[] = {ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER};
    struct server server;
    server_start(&server, acts, 8);
    server_serve(&server);
    struct wire_pool *pool = pool_for(&server, NULL);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        cr_assert(pthread_create(&threads[i], NULL, ask_in_thread, pool) == 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *failed = NULL;
        cr_assert(pthread_join(threads[i], &failed) == 0);
        cr_expect(failed == NULL);
    }
    wire_pool_free(pool);
    server_end(&server);
    cr_expect(server.connections == 1);
}

Test(wire_client, a_pool_that_cannot_be_is_refused)
{
    char path[200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    struct wire_pool *pool = NULL;
    struct wire_pool_config config = {.path = path, .role = WIRE_ROLE_AUDIT, .connections = 1};
    cr_expect(wire_pool_new(&pool, &config, NULL) == STATUS_INVALID);
    config.path = "/tmp/socket";
    config.connections = 0;
    cr_expect(wire_pool_new(&pool, &config, NULL) == STATUS_INVALID);
    config.connections = WIRE_POOL_MAX + 1;
    cr_expect(wire_pool_new(&pool, &config, NULL) == STATUS_INVALID);
    wire_pool_free(NULL);
}

Test(wire_server, only_a_dead_socket_is_replaced)
{
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 16];
    int first = -1;
    int second = -1;
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/socket", folder.path);
    MUST(wire_listen(&first, path, NULL));
    cr_expect(wire_listen(&second, path, NULL) == STATUS_EXISTS);
    (void)close(first);
    MUST(wire_listen(&first, path, NULL));
    (void)close(first);
    (void)unlink(path);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fclose(file) == 0);
    cr_expect(wire_listen(&second, path, NULL) == STATUS_EXISTS);
    test_folder_remove(&folder);
}
