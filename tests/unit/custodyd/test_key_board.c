/*
 * The board with many askers and a signer that lets them wait: the real client, and a socket that answers nothing. Who
 * waits is seen in /proc, so no time decides.
 */
#include "key_board.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "test/test_place.h"
#include "wire/server.h"

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define LONG_MS 600000
#define ASKERS 8

struct asker {
    struct key_board *board;
    struct wire_pool *pool;
    pthread_t thread;
    atomic_int id; /* of the thread, 0 until it runs */
};

static void *ask(void *context)
{
    struct asker *asker = context;
    struct fault fault = {0};
    atomic_store(&asker->id, (int)syscall(SYS_gettid));
    cr_expect(key_board_look(asker->board, asker->pool, WIRE_ROLE_TRANSFER, LONG_MS, &fault) == STATUS_UNAVAILABLE);
    cr_expect(fault.status == STATUS_UNAVAILABLE);
    return NULL;
}

static int next_connection(int listen_fd)
{
    struct wire_peer peer;
    enum status status = STATUS_NOT_FOUND;
    while (status == STATUS_NOT_FOUND) {
        status = wire_accept(&peer, listen_fd, NULL);
        (void)sched_yield();
    }
    MUST(status);
    return peer.fd;
}

static bool waits_for_another(const struct asker *asker)
{
    char path[64];
    char waiting[24];
    char call[128] = ""; /* "running" is no number */
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", atomic_load(&asker->id));
    FILE *stream = fopen(path, "re");
    bool read = stream != NULL && fgets(call, sizeof(call), stream) != NULL;
    if (stream != NULL) {
        (void)fclose(stream);
    }
    (void)snprintf(waiting, sizeof(waiting), "%d ", SYS_futex);
    return read && strncmp(call, waiting, strlen(waiting)) == 0;
}

/* None of them is on its way there, nor kept from it by one that is. */
static bool all_wait(const struct asker *askers)
{
    for (size_t i = 0; i < ASKERS; i++) {
        if (!waits_for_another(&askers[i])) {
            return false;
        }
    }
    return true;
}

Test(key_board, a_slow_signer_is_asked_twice_however_many_wait)
{
    struct test_folder folder;
    char path[TEST_PATH_SIZE + 16];
    struct key_board *board = NULL;
    struct wire_pool *pool = NULL;
    struct asker askers[1 + ASKERS] = {0};
    int listen_fd = -1;
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/socket", folder.path);
    MUST(wire_listen(&listen_fd, path, NULL));
    MUST(wire_pool_new(
        &pool, &(struct wire_pool_config){.path = path, .role = WIRE_ROLE_TRANSFER, .connections = 1 + ASKERS}, NULL));
    MUST(key_board_new(&board, NULL));
    int first = -1;
    for (size_t i = 0; i <= ASKERS; i++) {
        askers[i].board = board;
        askers[i].pool = pool;
        cr_assert(pthread_create(&askers[i].thread, NULL, ask, &askers[i]) == 0);
        first = i == 0 ? next_connection(listen_fd) : first; /* the others come while it is asked */
    }
    for (int seen = 0; seen < 2; seen = all_wait(askers + 1) ? seen + 1 : 0) {
        (void)sched_yield();
    }
    (void)close(first);
    (void)close(next_connection(listen_fd));
    for (size_t i = 0; i <= ASKERS; i++) {
        cr_assert(pthread_join(askers[i].thread, NULL) == 0);
    }
    struct wire_peer peer;
    cr_expect(wire_accept(&peer, listen_fd, NULL) == STATUS_NOT_FOUND, "a third question");
    key_board_free(board);
    wire_pool_free(pool);
    (void)close(listen_fd);
    test_folder_remove(&folder);
}
