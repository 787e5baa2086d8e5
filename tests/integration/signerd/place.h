/*
 * A real signerd: its token, its guard, its socket, its process.
 *
 * No Criterion inside. What cannot be made aborts; what the test is about (a start that is refused) is answered.
 */
#ifndef STRONGROOM_TEST_SIGNER_PLACE_H
#define STRONGROOM_TEST_SIGNER_PLACE_H

#include <sys/types.h>

#include "papers.h"
#include "test/test_place.h"
#include "wire/client.h"

#define PLACE_LOG_MAX (1 << 20)
#define PLACE_TIMEOUT_MS 300000 /* so that a hang ends; no test is decided by it */

struct place {
    struct test_token token;
    enum signer_role role;
    char guard[256];
    char socket[256];
    char policy[256];
    char command[256];
    char genesis[256];
    char pin[256];          /* file of the PIN that is handed over */
    char clients[64];       /* who may connect; empty: this user */
    bool pin_by_credential; /* no PIN at a descriptor: the test gives the arguments */
    char log_path[256];
    char log[PLACE_LOG_MAX];           /* what the last process printed, both streams */
    struct public_key key;             /* made in the token by signerd generate */
    struct papers papers;              /* of that key; empty: it is not admitted */
    struct signed_document activation; /* its key.activate */
    pid_t pid;                         /* 0: not running */
    int exit_status;                   /* of the last process that ended: 128 + signal when killed */
};

/* A token with a fresh key of this algorithm, made by `signerd generate`. */
void place_make(struct place *place, enum signer_role role, enum algorithm algorithm);

/* A token alone: the test makes the key "signer" on it and says so in place->key. */
void place_make_without_key(struct place *place, enum signer_role role);

/* The same on a TPM 2.0, with a p256 key. */
void place_make_tpm(struct place *place, enum signer_role role);

/* Kills the process if there is one and removes everything. */
void place_remove(struct place *place);

/*
 * Writes policy, command and genesis of the world, makes the papers of the key (signed by the key in its token), runs
 * `signerd initialise`; its exit status.
 */
int place_initialise(struct place *place, const struct world *world);

/* The same with files that are there already. */
int place_initialise_again(struct place *place);

/*
 * Starts `signerd run` with further arguments (NULL: none). True when it says that it is ready, false when it ended:
 * see exit_status and log. A key that is generated is then admitted and activated, when this user may and the papers
 * are there. `crashpoint` is for STRONGROOM_CRASHPOINT, NULL for none.
 */
bool place_start(struct place *place, const char *const further[], const char *crashpoint);

/* Sends the signal, waits for the end, reads the log; the exit status. */
int place_stop(struct place *place, int signal_number);

/* Waits for the end of a process that is expected to end by itself; the exit status. */
int place_await_end(struct place *place);

/* Reads the log of the running process. */
const char *place_log(struct place *place);

/* A pool of connections to the signer. Aborts when it cannot be made. */
struct wire_pool *place_pool(const struct place *place, size_t connections);

/* Asks for a signature, after the entry of the allow-list was handed over: what is refused of it is refused then. */
enum status place_transfer_sign(struct wire_pool *pool, struct wire_transfer_reply *out,
                                const struct wire_transfer_request *request);

#endif
