/*
 * The shell around the signer: accepts connections and gives each a thread.
 */
#ifndef STRONGROOM_SIGNERD_SERVER_H
#define STRONGROOM_SIGNERD_SERVER_H

#include <sys/types.h>

#include "signer/signer.h"

#define SERVER_CLIENTS_MAX 64
#define SERVER_OTHERS_MAX 8 /* of custodians and of observers each, in places of their own: nobody keeps others out */
#define SERVER_CONNECTIONS_MAX (SERVER_CLIENTS_MAX + 2 * SERVER_OTHERS_MAX)
#define SERVER_USERS_MAX 32

/* Users by number. */
struct server_users {
    uid_t uids[SERVER_USERS_MAX];
    size_t count;
};

/* Everything is borrowed and must live until server_free. */
struct server_config {
    struct signer *signer;
    const char *socket_path;
    struct server_users clients;    /* may do everything */
    struct server_users custodians; /* may bring orders about keys, and shares */
    struct server_users observers;  /* may ask for the status only */
};

struct server;

/* Reads a list of user names and numbers, separated by commas. STATUS_USAGE naming `option`. */
MUST_CHECK enum status server_users_parse(struct server_users *out, const char *list, const char *option,
                                          struct fault *fault);

/* Listens and starts the threads. Out: free with server_free. The statuses of wire_listen. */
MUST_CHECK enum status server_new(struct server **out, const struct server_config *config, struct fault *fault);

/* Serves until SIGTERM or SIGINT, which the calling program has blocked in all threads. STATUS_IO. */
MUST_CHECK enum status server_run(struct server *server, struct fault *fault);

/* Lets running requests finish, ends the connections and the threads, and removes the socket. NULL is fine. */
void server_free(struct server *server);

#endif
