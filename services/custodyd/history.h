/*
 * What the signed trail tells of a withdrawal. A row that the trail does not tell of from the request on, or tells of
 * with another intent, goes no further: nobody could prove afterwards how its asset was moved.
 */
#ifndef STRONGROOM_CUSTODYD_HISTORY_H
#define STRONGROOM_CUSTODYD_HISTORY_H

#include "audit/action.h"
#include "service.h"
#include "store/outbox.h"
#include "store/trail_read.h"
#include "store/withdrawal.h"

/* Its entries under the newest checkpoint, each as it was signed, in the order of the trail. */
struct history {
    struct store_leaf_list entries;
    bool whole; /* they are numbered 1, 2, 3 ...: none was edited, none before another is missing or there twice */
};

/*
 * Reads it, by one query; no transaction of the service's reader is open. Rows that are not what was signed are left
 * out, and told (trail_signed_list). Out: history_wipe. STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status history_read(struct history *out, struct service *service, const struct uuid *withdrawal,
                                    struct fault *fault);

/*
 * Whether none of its entries was there, although some were numbered, and a decision about it is awaited: the request
 * was answered by another process, or is about to be, and the checkpoint over its entry is on its way here.
 */
bool history_may_come(const struct history *history, struct service *service, const struct uuid *withdrawal);

/* Reads it again while it may come, until trail-timeout is over; that somebody waits is logged. */
MUST_CHECK enum status history_await(struct history *inout, struct service *service, const struct uuid *withdrawal,
                                     struct fault *fault);

void history_wipe(struct history *history);

/* Whether the entry of its request is there. Out: the intent that it names, which nothing of it is ever signed but. */
bool history_asked(struct digest *out, const struct history *history);

/*
 * Whether a row goes on from its entry `withdrawal.request`. STATUS_UNRECORDED: there is none, nor will there be
 * (docs/rebuild.md); STATUS_NOT_READY: it is on its way; STATUS_MISMATCH: it names another intent; STATUS_CONFLICT: it
 * was rejected, cancelled or expired since; STATUS_CORRUPT: the history is not whole.
 */
MUST_CHECK enum status history_check(const struct history *history, const struct store_tx *tx,
                                     const struct store_withdrawal *row, struct fault *fault);

/* The same with a transaction of its own, and the statuses of history_read. */
MUST_CHECK enum status history_goes_on(struct service *service, const struct store_withdrawal *row,
                                       struct fault *fault);

/*
 * Whether the time of an intent (document bytes) is over for so long that nothing new is signed for it, whatever clock
 * the signer goes by. Then it may be asked also by a history that is not whole: what it promised before, it says.
 */
bool history_is_over(const struct service *service, const struct bytes *intent);

/*
 * The same, and the trail has a signed entry of that late a time: what was entered while the intent was open stands
 * before it then, or never will. A clock alone does not tell that to a process whose trail has yet to catch up; nor
 * does the trail alone, whose times stay ahead when a clock was.
 */
bool history_is_closed(struct service *service, const struct bytes *intent);

/*
 * The entry of this action that the item was put with, of a history that is whole, begins with the request and has no
 * end (STATUS_CONFLICT). (The newest of the action, where migration 15 found an item without an entry.) That it is what
 * was signed the signer judges again, who gets its proof. STATUS_NOT_READY while it is on its way; STATUS_UNRECORDED
 * when it never was, another has its number, or the history begins with something else; STATUS_CORRUPT when it is not
 * whole: then *out has the entry if it is there. Out: store_leaf_wipe, in every case.
 */
MUST_CHECK enum status history_entry(struct store_leaf *out, struct service *service,
                                     const struct store_outbox_item *item, enum audit_action action,
                                     struct fault *fault);

/*
 * Whether the transaction of a row is the one that was recorded to be signed (`withdrawal.signing`): what became of
 * another says nothing of this withdrawal. STATUS_MISMATCH; STATUS_NOT_READY while no such entry is shown, and
 * STATUS_UNRECORDED when none will be; otherwise as history_read.
 */
MUST_CHECK enum status history_check_signed(struct service *service, const struct store_withdrawal *row,
                                            struct fault *fault);

#endif
