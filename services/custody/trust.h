/*
 * What this tool believes: the trust file, and what can be checked against it. The service hands over genesis and
 * policies; they count only when they lead to the digests of the trust file: each version is verified with the one
 * before, from the first one on. Which of them is in force, and whether one waits, is what the service says.
 */
#ifndef STRONGROOM_CUSTODY_TRUST_H
#define STRONGROOM_CUSTODY_TRUST_H

#include <jansson.h>

#include "audit/log_keys.h"
#include "audit/witness.h"
#include "base/clock.h"
#include "chain.h"
#include "options.h"
#include "policy/asset.h"
#include "policy/policy.h"

#define TRUST_ASSETS_MAX 64

#define TRUST_LOG_SIZE 512

/* The trust file as it stands. */
struct trust_file {
    struct digest chain;
    char log[TRUST_LOG_SIZE]; /* vkey of the audit trail */
    struct digest policy;     /* of the first version */
    json_t *forks;            /* logs that followed (trust_log_read): NULL after reading */
    json_t *rotations;        /* later keys (trust_log_read): NULL after reading */
    json_t *witnesses;        /* by whom checkpoints are judged (trust_log_read): NULL after reading */
};

/* Reads the trust file of --trust; STATUS_USAGE when none is named. */
MUST_CHECK enum status trust_file_read(struct trust_file *out, const struct custody_options *options,
                                       struct fault *fault);

/*
 * The keys of the newest log by the trust file, and the witnesses by whom its checkpoints are judged (quorum 0: by
 * nobody). STATUS_USAGE when no file is named; STATUS_INVALID.
 */
MUST_CHECK enum status trust_log_read(struct audit_log_terms *out, struct audit_witnesses *out_witnesses,
                                      const struct custody_options *options, struct fault *fault);

/*
 * audit_log_terms_open by the keys that the trust file names; when none of them counts (STATUS_UNKNOWN_KEY), the fault
 * says that it is the trust file which lacks one.
 */
MUST_CHECK enum status trust_checkpoint_open(struct audit_checkpoint *out, const struct audit_log_terms *log,
                                             const void *note, size_t len, struct fault *fault);

/*
 * The keys of the log that stands `before` logs before the newest one by the trust file, and where the quorum ended it:
 * `out_end` has the size and the root up to which its entries are good (size 0: it is the newest, and goes on).
 * STATUS_NOT_FOUND: there are not so many; STATUS_USAGE, STATUS_INVALID as above.
 */
MUST_CHECK enum status trust_log_before(struct audit_log_terms *out, struct audit_checkpoint *out_end,
                                        const struct custody_options *options, size_t before, struct fault *fault);

struct trust {
    struct digest chain;
    struct digest first_policy;
    struct chain policies;       /* first to in force, verified */
    const struct policy *policy; /* in force; borrowed from `policies` */
    bool waits;                  /* a successor was handed in and is not in force yet */
    struct policy waiting;       /* then: this one, verified */
    char waiting_until[TIME_TEXT_SIZE];
    size_t asset_count;
    struct asset assets[TRUST_ASSETS_MAX];
    struct digest asset_ids[TRUST_ASSETS_MAX];
};

/*
 * Reads the trust file of --trust, fetches genesis and policies and verifies them. STATUS_MISMATCH when the service
 * shows others. Out: trust_wipe.
 */
MUST_CHECK enum status trust_open(struct trust *out, const struct custody_options *options, struct fault *fault);

/* Frees what it owns. */
void trust_wipe(struct trust *trust);

/*
 * Whether a text of `rotations` is about the log of that origin. Those of logs that were ended stand before those of
 * the newest one. NULL is about none.
 */
bool trust_rotation_is_of(const char *row, const char *origin);

/*
 * Finds the group of an account in the allow-list (`destinations` of GET /v1/destinations), by an entry that its
 * governance quorum signed. False, and nothing written, when there is none that verifies.
 */
bool trust_destination_group(struct name *out, const struct trust *trust, const json_t *destinations,
                             const struct account_id *account);

/* Finds an asset by code or id; STATUS_INVALID when there is none or the code is that of two. Out: position. */
MUST_CHECK enum status trust_asset(size_t *out, const struct trust *trust, const char *text, struct fault *fault);

#endif
