/*
 * The withdrawal row: state, version and the documents made for it. Every change is a compare-and-set on (state, ver).
 *
 * The states and the allowed moves are those of audit-format 2.1; the schema refuses others too (table custody.move).
 */
#ifndef STRONGROOM_STORE_WITHDRAWAL_H
#define STRONGROOM_STORE_WITHDRAWAL_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

#define STORE_KEY_SIZE 129    /* idempotency key: 1..128 printable ASCII characters */
#define STORE_ADDRESS_SIZE 76 /* address, 75 characters */
#define STORE_REASON_SIZE 64  /* a status code */
#define STORE_WITHDRAWALS_MAX 500

/* Stands in the database as the text on the right. */
#define WITHDRAWAL_STATE_TABLE(X)                                                                                      \
    X(REQUESTED, "requested")                                                                                          \
    X(RESERVED, "reserved")                                                                                            \
    X(APPROVING, "approving")                                                                                          \
    X(APPROVED, "approved")                                                                                            \
    X(RECORDED, "recorded")                                                                                            \
    X(SIGNED, "signed")                                                                                                \
    X(SUBMITTED, "submitted")                                                                                          \
    X(CONFIRMED, "confirmed")                                                                                          \
    X(REJECTED, "rejected")                                                                                            \
    X(EXPIRED, "expired")                                                                                              \
    X(CANCELLED, "cancelled")                                                                                          \
    X(FAILED, "failed")                                                                                                \
    X(QUARANTINED, "quarantined")

enum withdrawal_state {
#define WITHDRAWAL_STATE_ENUM(name, text) WITHDRAWAL_##name,
    WITHDRAWAL_STATE_TABLE(WITHDRAWAL_STATE_ENUM)
#undef WITHDRAWAL_STATE_ENUM
};

/* The text of a state; static. */
const char *withdrawal_state_text(enum withdrawal_state state);

/* Reads the text of a state; STATUS_INVALID. */
MUST_CHECK enum status withdrawal_state_parse(enum withdrawal_state *out, const char *text);

/* True for confirmed, rejected, expired, cancelled, failed and quarantined, which goes on only when people want it to.
 */
bool withdrawal_state_is_end(enum withdrawal_state state);

/* True when the schema allows the move. */
bool withdrawal_move_allowed(enum withdrawal_state from, enum withdrawal_state to);

/* A row. Absent columns are zero values (empty bytes, "", zero); `placed` says whether lane and seq are set. */
struct store_withdrawal {
    struct uuid id;
    struct name tenant;
    char idempotency_key[STORE_KEY_SIZE];
    struct digest request; /* digest of the canonical request */
    struct name wallet;
    char account[STORE_ADDRESS_SIZE]; /* of the key that the wallet had when it was asked for */
    struct digest asset;
    struct amount amount;
    char destination[STORE_ADDRESS_SIZE];
    struct name requester;
    enum withdrawal_state state;
    int64_t ver;
    struct bytes intent;      /* document bytes */
    struct bytes transaction; /* document bytes, unsigned */
    struct bytes signature;   /* canonical {"alg","key","sig"} */
    bool placed;
    uint64_t lane;
    uint64_t seq;
    int64_t requested_at_utc_us;
    int64_t updated_at_utc_us;
    int64_t expires_at_utc_us;
    char reason[STORE_REASON_SIZE];
    uint64_t height; /* 0: not confirmed */
    uint64_t index;  /* in the block */
};

/* Frees what the row owns and zeroes it. */
void store_withdrawal_wipe(struct store_withdrawal *row);

/*
 * Inserts a withdrawal in state requested, ver 1 (id, tenant, idempotency_key, request, wallet, account, asset, amount,
 * destination, requester, requested_at, expires_at are read from `row`).
 * STATUS_EXISTS when (tenant, key) is bound to the same request: `*row` is then the stored row (caller wipes).
 * STATUS_IDEMPOTENCY_MISMATCH when it is bound to another request. The binding lasts for ever.
 */
MUST_CHECK enum status store_withdrawal_insert(struct store_tx *tx, struct store_withdrawal *row, struct fault *fault);

/* Reads one row; STATUS_NOT_FOUND. Out: wiped by the caller. */
MUST_CHECK enum status store_withdrawal_get(struct store_withdrawal *out, const struct store_tx *tx,
                                            const struct uuid *id, struct fault *fault);

/* Reads one row and locks it until the end of the transaction; STATUS_NOT_FOUND. */
MUST_CHECK enum status store_withdrawal_get_locked(struct store_withdrawal *out, struct store_tx *tx,
                                                   const struct uuid *id, struct fault *fault);

/* What a move writes beside state and ver; a NULL or empty member leaves its column as it is. */
struct store_withdrawal_change {
    const struct bytes *intent;
    const struct bytes *transaction;
    const struct bytes *signature;
    const uint64_t *lane; /* lane and seq together */
    const uint64_t *seq;
    const int64_t *expires_at_utc_us;
    const char *reason;
    const uint64_t *height; /* height and index together */
    const uint64_t *index;
    const uint64_t *promises; /* that the signer had made when it signed */
};

/*
 * Moves `row` from its state and ver to `to`: UPDATE ... WHERE id AND state AND ver. On success row->state and row->ver
 * are the new ones (the changed columns are not copied into `row`). STATUS_CONFLICT when another session was first
 * (read the row again, never force) or when the move is not allowed. `change` may be NULL.
 */
MUST_CHECK enum status store_withdrawal_move(struct store_tx *tx, struct store_withdrawal *row,
                                             enum withdrawal_state to, const struct store_withdrawal_change *change,
                                             struct fault *fault);

/* The greatest number of promises that the transfer signer was seen to have made, 0 for none. */
MUST_CHECK enum status store_withdrawal_promises(uint64_t *out, const struct store_tx *tx, struct fault *fault);

struct store_withdrawal_filter {
    const enum withdrawal_state *state; /* NULL: all */
    const struct name *wallet;
    const struct name *requester;
    const struct uuid *before; /* NULL: from the newest; otherwise ids below it (ids are ordered by time) */
    unsigned limit;            /* 1..STORE_WITHDRAWALS_MAX */
};

struct store_withdrawal_list {
    struct store_withdrawal *rows;
    size_t count;
};

/* Lists rows, newest first. Out: freed with store_withdrawal_list_free. */
MUST_CHECK enum status store_withdrawal_list(struct store_withdrawal_list *out, const struct store_tx *tx,
                                             const struct store_withdrawal_filter *filter, struct fault *fault);

#define STORE_NAMES_MAX 100

struct store_withdrawal_names {
    struct uuid ids[STORE_NAMES_MAX];
    size_t count;
};

/*
 * Those that may expire and whose expiry, by the column or by the intent, lies before `now_utc_us`, of the ids above
 * `after`, in their order: as many as fit.
 */
MUST_CHECK enum status store_withdrawal_expired(struct store_withdrawal_names *out, const struct store_tx *tx,
                                                int64_t now_utc_us, const struct uuid *after, struct fault *fault);

/* A withdrawal in quarantine. */
struct store_withdrawal_quarantined {
    struct uuid id;
    char reason[STORE_REASON_SIZE]; /* status code */
    int64_t since_utc_us;
    uint64_t number; /* of all there are */
};

/* Lists those in quarantine, the oldest first: as many as fit. */
MUST_CHECK enum status store_withdrawal_quarantined_list(struct store_withdrawal_quarantined *out, size_t *out_count,
                                                         size_t capacity, const struct store_tx *tx,
                                                         struct fault *fault);

/* A transaction that a signer was asked for, at least. */
struct store_withdrawal_place {
    uint64_t lane;
    uint64_t seq;
    struct bytes transaction; /* document bytes, borrowed */
};

/*
 * Lists the rows that ask for it: of each only id and intent, so that nothing else in a row keeps it, or one beside it,
 * from being read; none without an id, or with an intent that is no document. No more than STORE_PLACED_MAX.
 */
MUST_CHECK enum status store_withdrawal_list_placed(struct store_withdrawal_list *out, const struct store_tx *tx,
                                                    const struct store_withdrawal_place *place, struct fault *fault);
#define STORE_PLACED_MAX 16

/* Frees and empties. */
void store_withdrawal_list_free(struct store_withdrawal_list *list);

/*
 * Reserves the row's amount for it. Reservations of one (account, asset) are taken one after the other (lock until the
 * end of the transaction); the sum of all of them must not exceed `balance`, what the ledger says it holds:
 * STATUS_INSUFFICIENT_FUNDS. STATUS_EXISTS when the withdrawal has one already.
 */
MUST_CHECK enum status store_reservation_add(struct store_tx *tx, const struct store_withdrawal *row,
                                             struct amount balance, struct fault *fault);

/* The same for an issue, which is paid out of nothing: bounded by what an amount can be. */
MUST_CHECK enum status store_reservation_add_issue(struct store_tx *tx, const struct store_withdrawal *row,
                                                   struct fault *fault);

/*
 * Drops the reservation (rejected, expired, cancelled, failed), and a receipt that it was to return is in suspense
 * again; STATUS_NOT_FOUND when there is none.
 */
MUST_CHECK enum status store_reservation_drop(struct store_tx *tx, const struct uuid *withdrawal, struct fault *fault);

/* The sum of all reservations of (account, asset), for showing. */
MUST_CHECK enum status store_reservation_sum(struct amount *out, const struct store_tx *tx, const char *account,
                                             const struct digest *asset, struct fault *fault);

/*
 * Turns the reservation into a posting at (height, index) of the ledger: once per withdrawal, STATUS_EXISTS afterwards,
 * STATUS_NOT_FOUND without a reservation.
 */
MUST_CHECK enum status store_posting_add(struct store_tx *tx, const struct uuid *withdrawal, uint64_t height,
                                         uint64_t index, struct fault *fault);

/* What left a wallet. */
struct store_posting {
    struct uuid withdrawal;
    struct name wallet;
    struct digest asset;
    struct amount amount;
    uint64_t height;
    uint64_t index;
};

/*
 * Posts what the ledger took, whatever the reservation says, and ends the reservation, if there is one. Fine when
 * exactly this is posted already; STATUS_MISMATCH when something else is.
 */
MUST_CHECK enum status store_posting_settle(struct store_tx *tx, const struct store_posting *posting,
                                            struct fault *fault);

#endif
