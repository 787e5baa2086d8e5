/*
 * The allow-list as the service knows it: the documents, and what the signer that holds the list said of each. Nothing
 * here lists anything. Rows are frozen but not exclusive, so no row is believed for standing there: of an account the
 * entry counts that a quorum signed last, whoever put which row where and when. What the signer has said nothing of
 * counts after what it has spoken of: it asks the quorum of the version in force, too, at the time when it is handed
 * one.
 */
#ifndef STRONGROOM_CUSTODYD_DESTINATIONS_H
#define STRONGROOM_CUSTODYD_DESTINATIONS_H

#include "policy/destination.h"
#include "service.h"
#include "store/mark.h"
#include "store/trail_read.h"

#define DESTINATIONS_PAGE 500 /* accounts */

enum destination_word {
    DESTINATION_WAITING, /* the signer has said nothing of it */
    DESTINATION_HELD,
    DESTINATION_REVOKED,
    DESTINATION_REFUSED,
};

/* What the signer said of an entry. */
struct destination_standing {
    enum destination_word word;
    int64_t serving_at_utc_us; /* held: since when or from when on it serves */
};

/* The subject of the mark of an entry, and its value. */
void destination_mark_subject(char out[STORE_MARK_SUBJECT_SIZE], const struct digest *digest);
void destination_mark_value(char out[STORE_MARK_VALUE_SIZE], const struct destination_standing *standing);

/* The value of one that was revoked, which is for ever: no older look takes it back. */
void destination_mark_lasting(char out[STORE_MARK_VALUE_SIZE]);

/* What stands in the mark of an entry. */
MUST_CHECK enum status destination_standing_read(struct destination_standing *out, const struct store_tx *tx,
                                                 const struct digest *digest, struct fault *fault);

/* What counts of an account. */
struct destination_entry {
    struct destination destination;
    struct signed_document document; /* owned */
    struct digest digest;
    struct destination_standing standing;
    bool verified; /* the quorum of the version that it names signed it when that was in force; otherwise none did */
};

/* Frees what it owns and empties; an empty one is fine. */
void destination_entry_wipe(struct destination_entry *entry);

/*
 * Rows that were passed over: the digest or the id is not of what they hold, or beside what counts nobody signed it, or
 * it is newer and the signer was never asked (STATUS_DESTINATION_UNLISTED).
 */
struct destination_unfit {
    unsigned long long rows;
    unsigned long long unsigned_accounts; /* none of whose entries verifies; they are in the pages */
    struct name id;                       /* of the first */
    struct digest digest;                 /* that it claims */
    enum status reason;
};

/* Some accounts in the order of their ids. */
struct destination_page {
    struct destination_entry *entries; /* the caller's, `max`; destination_page_wipe */
    size_t max;
    size_t count;
    const char *front;               /* of the ids that are wanted; "" for all */
    struct name after;               /* the page begins behind this account, all zeros for the first */
    struct name last;                /* where it ends: `after` of the next */
    struct destination_unfit unfit;  /* in this page and those before */
    struct destination_unfit before; /* those before; empty for the first */
};

/* In all pages of one question: rows that are passed over, and accounts of which nobody signed an entry. */
#define DESTINATION_UNFIT_MAX 4096

/*
 * The next accounts that have an entry, with what counts of each: of those that verify, revoked and expired ones too,
 * the one issued last, of those that the signer has spoken of if there are any; where none verifies, the one that says
 * so of itself. Fewer than `max` are the last ones. Rows that are passed over are in `unfit`; of an account with more
 * than 256 so is one of those that are not looked at, and what the signer took last counts by its mark. STATUS_CORRUPT
 * when there are more than DESTINATION_UNFIT_MAX; `unfit` is told then, too.
 */
MUST_CHECK enum status destination_page_read(struct destination_page *page, const struct service *service,
                                             const struct store_tx *tx, struct fault *fault);

/* Turns to the next page, to be read. Answers false when this was the last. */
bool destination_page_turn(struct destination_page *page);

/* Wipes the entries of a page. */
void destination_page_wipe(struct destination_page *page);

/* The key under which the entries of an account are stored (kind "destination"). */
void destination_store_key(struct name *out, const struct account_id *account);

/*
 * The entry that counts of an account; STATUS_DESTINATION_UNLISTED when none verifies, also when the one that counts
 * was revoked. It may have expired. Out: destination_entry_wipe.
 */
MUST_CHECK enum status destination_find(struct destination_entry *out, const struct service *service,
                                        const struct store_tx *tx, const struct account_id *account,
                                        struct fault *fault);

/*
 * The entry with a digest, whether or not another one counts by now, from the row where it was kept or, without that,
 * from any row that holds it. No signature is looked at. STATUS_DESTINATION_UNLISTED; STATUS_CORRUPT when more than
 * 1,024 rows claim the digest and none of those that were looked at holds it. Out: destination_entry_wipe;
 * without standing.
 */
MUST_CHECK enum status destination_get(struct destination_entry *out, const struct store_tx *tx,
                                       const struct digest *digest, struct fault *fault);

/*
 * The entry that the entry `withdrawal.signing` of the trail names. A newer one may have come since; the signer and the
 * evidence go by what was recorded. STATUS_DESTINATION_UNLISTED. Out: signed_document_free.
 */
MUST_CHECK enum status destination_find_recorded(struct signed_document *out, const struct store_tx *tx,
                                                 const struct store_leaf *signing, struct fault *fault);

/* Whether a signed entry of the trail says so of it: without one that it is handed over no row reaches the signer. */
MUST_CHECK enum status destination_told(bool *out, const struct service *service, const struct digest *digest,
                                        enum audit_action action, enum audit_outcome outcome, struct fault *fault);

/*
 * Whether this entry stands where it is kept, with signatures that verify, maybe other ones. STATUS_CONFLICT
 * (`document`) when a row stands there that holds another document, or none that verifies: it could not be kept, and
 * nobody would find it.
 */
MUST_CHECK enum status destination_check_room(bool *out_kept, const struct service *service, const struct store_tx *tx,
                                              const struct destination_entry *entry, struct fault *fault);

/*
 * STATUS_LOOK_ALIKE (`where`) when the address looks like another one that is known: an entry of the list that is not
 * revoked, a wallet of ours, or somebody who has sent anything on the ledger, as who pays in has.
 */
MUST_CHECK enum status destination_check_alike(const struct service *service, const struct store_tx *tx,
                                               const struct account_id *account, const char *where,
                                               struct fault *fault);

#endif
