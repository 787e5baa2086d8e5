/*
 * What the roles share: the signer they work on and how they answer.
 */
#ifndef STRONGROOM_SIGNER_ROLE_H
#define STRONGROOM_SIGNER_ROLE_H

#include <stdatomic.h>

#include "audit/checkpoint.h"
#include "budget.h"
#include "policy/backup.h"
#include "policy/key.h"
#include "signer/signer.h"
#include "versions.h"

struct signer {
    enum signer_role role;
    struct guard *guard;
    const struct signer_tokens *tokens;
    const struct clock *clock;
    struct digest instance; /* another one with each start */
    struct digest program;  /* with what it runs */
    struct digest configuration;
    struct guard_state identity; /* as at start: only the part that never changes is read here */
    struct public_key founding;
    struct versions versions;                               /* of the policy */
    struct signature_memory *memory;                        /* the policies' */
    const struct audit_witnesses *witnesses;                /* transfer; borrowed, NULL for none */
    enum wallet_tier witness_tier;                          /* this and colder waits for them; 0: none does */
    struct key_document *_Atomic documents[GUARD_KEYS_MAX]; /* owned; by place in the guard, set once each */
    atomic_uint lacks_told[GUARD_KEYS_MAX];                 /* by place: tokens that were said to lack the key */
    atomic_int_fast64_t attest_paid_us[GUARD_KEYS_MAX];     /* by place: its attestations are paid for until then */
    struct budget orders;                                   /* in changes of the guard only */
    int64_t ended_paid_us;                                  /* likewise: what ended is paid for until then */
    atomic_uint_fast64_t losses_seen;                       /* of the tokens: what came later makes keys fall */
    bool attended;                                          /* there is a share set */
    struct share_set share_set;
    struct digest share_set_digest;
    atomic_bool halt_logged;
    int64_t started_utc_us;      /* the time at the start, as far as it was believed */
    int64_t started_most_utc_us; /* what it would have been believed to be, at most */
    int64_t started_monotonic_us;
    uint64_t started_running_us; /* of the guard, then */
    atomic_bool clock_logged;
    atomic_bool older; /* transfer: the trail knew of more promises than the guard; until the next start */
};

/* Answers a request: fills the member of `reply` that belongs to the operation. */
typedef enum status role_handler(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                                 struct fault *fault);

/* A fault within a document of a request, as one of the request: `part` before its place. Returns `status`. */
enum status role_part_fault(struct fault *fault, const char *part, enum status status, const struct fault *inner);

/* Whether each copy of a key is this key. */
bool token_keys_are(const struct signer_token_key *copies, size_t count, const struct public_key *key);

/*
 * Reads the signed share set of `path` (NULL: unattended): governed, for this guard, not older than the newest one that
 * the guard has seen (STATUS_ROLLBACK, STATUS_FORK; STATUS_MISMATCH when those between are missing), and apart from the
 * backups of its keys (share_set_check_apart).
 */
MUST_CHECK enum status activation_start(struct signer *signer, const char *path, struct fault *fault);

/* STATUS_MISMATCH for an attended key when the signer has its PIN without people. */
MUST_CHECK enum status activation_check_key(const struct signer *signer, const struct key_document *document,
                                            struct fault *fault);

role_handler transfer_sign;
role_handler transfer_announce;
role_handler transfer_usage;
role_handler transfer_recall;
role_handler transfer_end;
role_handler checkpoint_sign;
role_handler header_sign;
role_handler key_list;
role_handler key_admit;
role_handler key_command;
role_handler key_attest;
role_handler key_prove;
role_handler key_alarm;
role_handler freeze_alarm;
role_handler activation_open;
role_handler activation_give;
role_handler policy_adopt;
role_handler destination_adopt;
role_handler subject_seal;
role_handler subject_open;

/* A verified command policy.veto of this digest, signed with this key. Borrowed. */
struct policy_veto_order {
    const struct command *command;
    const struct digest *digest;
    const struct digest *signer;
    int64_t at_utc_us;
};

/* Carries it out. */
MUST_CHECK enum status policy_veto(struct signer *signer, struct wire_reply *reply,
                                   const struct policy_veto_order *order, struct fault *fault);

#endif
