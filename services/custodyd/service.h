/*
 * The parts of a running custody service, as handlers and workers use them. Made and taken apart in service.c.
 */
#ifndef STRONGROOM_CUSTODYD_SERVICE_H
#define STRONGROOM_CUSTODYD_SERVICE_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/secret.h"
#include "ledger/node.h"
#include "options.h"
#include "policies.h"
#include "sequencer.h"
#include "store/store.h"
#include "trail.h"
#include "wire/client.h"

struct worker_pool;
struct key_board;
struct gate;
struct trail_owed;
struct refusals;
struct logins;
struct rarely;
struct watch;
struct witnesses;

#define SERVICE_TENANT "main"
#define SERVICE_ACTOR "custodyd" /* who acts when no person does */

/* What the REST interface serves and the generator builds on. Unchanged while the service runs, but for `ends`. */
struct service {
    const struct clock *clock;
    struct custodyd_options options;

    struct policies *policies; /* service_policy */
    struct bytes genesis;
    struct digest chain;

    struct store *store;                       /* role strongroom_app */
    struct store *urgent_store;                /* likewise, for what stops something and nothing else */
    struct store *reader;                      /* role strongroom_auditor */
    struct audit_key log_keys[TRAIL_KEYS_MAX]; /* of the trail, as many as the options name */
    struct sequencer_follows follows;          /* of a log that is not the first */
    struct trail *trail;
    struct secret token_key; /* token_code.h */
    struct sequencer *sequencer;
    struct witnesses *witnesses;         /* NULL: there are none */
    enum wallet_tier witness_tier;       /* this and colder waits for them; 0: none does */
    int role_count;                      /* how many of the following there are: 4 with role privacy, else 3 */
    struct wire_pool *signers[4];        /* by enum wire_role */
    struct wire_pool *urgent_signers[4]; /* likewise, for what stops something and nothing else */
    struct ledger_ordering ordering;
    struct ledger_node_host node_host;
    struct ledger_node *node;
    struct worker_pool *workers;
    struct key_board *board; /* what the signers said last */
    struct watch *watch;
    struct gate *gate;
    struct refusals *refusals;
    struct trail_owed *reads_owed;
    struct logins *logins;
    struct rarely *undone_told; /* of withdrawals that could not be ended, each, or why none could, once in an hour */
    struct rarely *limits_told; /* of people who wanted to see too much, each once in an hour */
    struct rarely *tokens_told; /* of tokens that the service did not grant, each sort once in a minute */
    atomic_uint_fast64_t ends;  /* the newest that the transfer signer told since the start (step_signature.h) */
};

/* The keys of the log that the options name, as many as there are: of one origin, theirs. STATUS_MISMATCH. */
MUST_CHECK enum status service_log_keys(struct audit_key out[TRAIL_KEYS_MAX], const struct custodyd_options *options,
                                        struct fault *fault);

/*
 * What the file `pending-key` holds, TRAIL_PENDING_KEY_LEN bytes. STATUS_INVALID when it is not one line of 64
 * hexadecimal digits, readable by its owner alone. Out: owned by the caller, secret_free.
 */
MUST_CHECK enum status service_pending_key(struct secret *out, const struct custodyd_options *options,
                                           struct fault *fault);

/* Opens the trail as the options say, with those keys of the log. Errors also as service_pending_key. */
MUST_CHECK enum status service_trail_open(struct trail **out, const struct custodyd_options *options,
                                          const struct clock *clock, struct store *reader,
                                          const struct audit_key *log_keys, struct fault *fault);

/*
 * Reads policy and genesis, opens the database, the trail and the signers' sockets, replays the ledger: whatever of a
 * start can be refused is refused here. Nothing is written but the folder of a ledger that is new. When it fails,
 * whatever was made is taken apart again. Out: owned by the caller, service_close.
 */
MUST_CHECK enum status service_open(struct service **out, const struct custodyd_options *options, struct fault *fault);

/*
 * Starts sequencer, node, workers and watcher, which write. Once per service; after a failure only service_close may
 * follow.
 */
MUST_CHECK enum status service_start(struct service *service, struct fault *fault);

/*
 * The policy in force, and the version that a document names (NULL when it is not known). Borrowed, valid until
 * service_close. The version in force may be another one at the next call: who needs the same one twice keeps it.
 */
const struct policy *service_policy(const struct service *service);
const struct policy *service_policy_named(const struct service *service, const struct digest *digest);

/* Stops workers, node and sequencer in this order, then frees everything. NULL is fine. */
void service_close(struct service *service);

#endif
