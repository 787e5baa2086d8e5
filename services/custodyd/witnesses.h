/*
 * The witnesses of the trail: one thread has each newest checkpoint cosigned by all of them at once, keeps what they
 * say, and knows how old the newest checkpoint is that enough of them have cosigned.
 *
 * Without the option `witnesses` there are none, `service->witnesses` is NULL, and every call here answers as if the
 * log's own checkpoints were enough.
 */
#ifndef STRONGROOM_CUSTODYD_WITNESSES_H
#define STRONGROOM_CUSTODYD_WITNESSES_H

#include "audit/witness.h"
#include "policy/policy.h"
#include "service.h"

struct witnesses;

/* Reads the policy of witnesses. Out: witnesses_stop. */
MUST_CHECK enum status witnesses_open(struct witnesses **out, struct service *service, struct fault *fault);

/* Starts the thread. NULL is fine. */
MUST_CHECK enum status witnesses_start(struct witnesses *witnesses, struct fault *fault);

/* Ends what is under way, joins, frees. NULL is fine. */
void witnesses_stop(struct witnesses *witnesses);

/*
 * STATUS_NOT_READY when the newest checkpoint that the quorum has cosigned is older than `witness-max-age`, also before
 * the first: effects stop.
 */
MUST_CHECK enum status witnesses_check(const struct service *service, struct fault *fault);

/* Whether they have been silent for so long, since the start of this process at least. */
bool witnesses_are_gone(const struct service *service);

/* The newest checkpoint to show to outsiders: cosigned by the quorum. Out: bytes_free(&out->note). STATUS_NOT_READY. */
MUST_CHECK enum status witnesses_newest(struct trail_checkpoint *out, const struct service *service,
                                        struct fault *fault);

/*
 * Whether somebody takes checkpoints that the log alone has signed to the witnesses, again and again before the service
 * can, so that it gets none cosigned: until it does, nobody is shown another.
 */
bool witnesses_are_overtaken(const struct service *service);

/*
 * As trail_prove, for outsiders: under the newest checkpoint that the quorum has cosigned, when that covers the entry,
 * so that the proof holds by itself for who asks for witnesses; otherwise under the log's own, but not while these are
 * overtaken: STATUS_NOT_READY.
 */
MUST_CHECK enum status witnesses_prove_shown(struct bytes *out, const struct service *service, uint64_t seq,
                                             int64_t timeout_ms, struct fault *fault);

/*
 * As trail_prove, for the signer of a wallet of this tier: where the tier waits for witnesses, under a checkpoint that
 * the quorum has cosigned; for that one it waits no longer than a second.
 */
MUST_CHECK enum status witnesses_prove(struct bytes *out, const struct service *service, uint64_t seq,
                                       enum wallet_tier tier, struct fault *fault);

/* A witness as it was seen last. */
struct witness_state {
    char name[AUDIT_ORIGIN_SIZE];
    bool up;          /* it cosigned something lately */
    enum status why;  /* why not */
    enum status last; /* what became of the newest attempt, also while it is up */
};

/* All of them. Answers how many, at most AUDIT_WITNESSES_MAX. */
size_t witnesses_states(struct witness_state out[AUDIT_WITNESSES_MAX], const struct service *service);

#endif
