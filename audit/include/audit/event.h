/*
 * The event document E: what an entry of the trail says.
 *
 * A producer (custodyd) fills a struct audit_event and encodes it without `ts` and `bt` into audit.pending; the
 * sequencer stamps it with both and makes it the E of a leaf. One canonical document (base/canon.h), at most 57 344
 * bytes. Pseudonyms, digests and machine values only: no free text, no personal data (commitments in `pii` instead).
 *
 * Keys: act, actor, auth?, bt, corr, facts?, oid?, on?, otype?, outcome, pii?, pn, policy?, pr, reason?, refs?, ts,
 * void? ("?": optional). oid, on and otype stand together or not at all.
 */
#ifndef STRONGROOM_AUDIT_EVENT_H
#define STRONGROOM_AUDIT_EVENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/action.h"
#include "audit/leaf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

#define AUDIT_OBJECT_TYPE_SIZE 33
#define AUDIT_OBJECT_ID_SIZE 81
#define AUDIT_REASON_SIZE 65
#define AUDIT_FACT_MAX 256
#define AUDIT_LIST_MAX 256 /* elements of a list: digests under one reference, void, pii */
#define AUDIT_EVENT_STAMP_MAX 128
#define AUDIT_PENDING_MAX (AUDIT_EVENT_MAX - AUDIT_EVENT_STAMP_MAX) /* room is left for the stamp */

/*
 * One event. Start from zero (= { 0 }) or a decode; free with audit_event_wipe. The json_t members are owned; fill and
 * read them with the functions below.
 */
struct audit_event {
    enum audit_action action;                 /* act */
    enum audit_outcome outcome;               /* outcome */
    struct name actor;                        /* actor: pseudonym */
    struct digest auth;                       /* auth: digest of the bearer token or approval document; zero: none */
    struct digest policy;                     /* policy: digest of the policy in force; zero: none */
    struct uuid correlation;                  /* corr */
    struct uuid producer;                     /* pr: boot id of the producer */
    uint64_t producer_counter;                /* pn: 1, 2, 3 ... per boot of the producer */
    char object_type[AUDIT_OBJECT_TYPE_SIZE]; /* otype: [a-z0-9._-]+; empty: no object */
    char object_id[AUDIT_OBJECT_ID_SIZE];     /* oid: printable ASCII without space */
    uint64_t object_ordinal;                  /* on: 1.. without gaps per object; 0: no object */
    char reason[AUDIT_REASON_SIZE];           /* reason: [a-z0-9._]+, as the code of a status; empty: none */
    json_t *refs;                             /* name -> digest or list of digests; NULL: none */
    json_t *facts;                            /* name -> machine value; NULL: none */
    json_t *voided;                           /* void: abandoned producer counters; NULL: none */
    json_t *pii;                              /* commitments; NULL: none */

    int64_t at_utc_us; /* ts; from the sequencer: max(now, previous) */
    struct uuid boot;  /* bt, first half: boot id of the sequencer */
    uint64_t epoch;    /* bt, second half: its leader epoch */
};

/* What the sequencer adds. */
struct audit_stamp {
    int64_t at_utc_us;
    struct uuid boot;
    uint64_t epoch;
};

/* Releases the owned members and zeroes; a zero event is fine. */
void audit_event_wipe(struct audit_event *event);

/* Adds a reference to one digest: "intent", "transaction" ... STATUS_INVALID for a name outside [a-z0-9_]{1,32} or one
 * that is there already. */
MUST_CHECK enum status audit_event_ref_add(struct audit_event *event, const char *name, const struct digest *digest,
                                           struct fault *fault);

/* Adds a reference to a list of 1..256 digests ("approvals"), which stays a list with one element. Same errors. */
MUST_CHECK enum status audit_event_refs_add(struct audit_event *event, const char *name, const struct digest *digests,
                                            size_t count, struct fault *fault);

/* Adds a fact: a machine value of 1..256 printable ASCII characters without space. Same errors. */
MUST_CHECK enum status audit_event_fact_add(struct audit_event *event, const char *name, const char *value,
                                            struct fault *fault);

/* Adds an abandoned producer counter (ascending, below producer_counter in the end). STATUS_INVALID. */
MUST_CHECK enum status audit_event_void_add(struct audit_event *event, uint64_t producer_counter, struct fault *fault);

/* Adds a commitment to personal data (pii.h). STATUS_INVALID when there are 256 already. */
MUST_CHECK enum status audit_event_pii_add(struct audit_event *event, const struct digest *commitment,
                                           struct fault *fault);

/* The digest of a single reference; STATUS_NOT_FOUND when there is none or it is a list. */
MUST_CHECK enum status audit_event_ref(struct digest *out, const struct audit_event *event, const char *name);

/*
 * The digests of a reference, single or list. In: *in_out_count is the room in `out`; out: how many there are.
 * STATUS_NOT_FOUND, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_event_refs(struct digest *out, size_t *in_out_count, const struct audit_event *event,
                                        const char *name);

/* The value of a fact, NULL when there is none. Borrowed until the event changes. */
const char *audit_event_fact(const struct audit_event *event, const char *name);

/*
 * Producer side: the document without ts and bt, for audit.pending; at most AUDIT_PENDING_MAX bytes. Every rule of
 * the decoder is checked, and that object, outcome, references and facts are those that the action declares, none of
 * the required ones missing (action_table.h); the reader takes entries that say more or less. Out: owned by the caller.
 * STATUS_INVALID, STATUS_MISSING_FIELD, STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_event_encode(struct bytes *out, const struct audit_event *event, struct fault *fault);

/*
 * Sequencer side: reads a pending document strictly, adds ts and bt. Out: `out` is E, owned by the caller; `out_event`
 * is the stamped event for the projection, wipe it. STATUS_INVALID, STATUS_MISSING_FIELD, STATUS_UNKNOWN_FIELD,
 * STATUS_NOT_CANONICAL, STATUS_TOO_LARGE: the pending bytes were not made by audit_event_encode.
 */
MUST_CHECK enum status audit_event_stamp(struct bytes *out, struct audit_event *out_event, const void *pending,
                                         size_t len, const struct audit_stamp *stamp, struct fault *fault);

/*
 * The same for bytes that audit_event_encode is known to have made: nothing is read, ts and bt are put in their places.
 * Out: E, owned by the caller. STATUS_INVALID for a stamp that is none. Other bytes end the program.
 */
MUST_CHECK enum status audit_event_splice(struct bytes *out, const void *pending, size_t len,
                                          const struct audit_stamp *stamp, struct fault *fault);

/* Reads E of a leaf strictly: every field and rule above, ts and bt included. Out: wipe it. Same errors. */
MUST_CHECK enum status audit_event_decode(struct audit_event *out, const void *document, size_t len,
                                          struct fault *fault);

/* Reads a pending document (no ts, no bt) strictly. Out: wipe it. Same errors. */
MUST_CHECK enum status audit_event_decode_pending(struct audit_event *out, const void *pending, size_t len,
                                                  struct fault *fault);

#endif
