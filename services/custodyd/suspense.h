/*
 * The suspense account (C-20): what arrived while a key was neither active nor inactive is not available, whatever
 * becomes of the key, until a withdrawal of its own has sent it back to its sender. The node keeps watching
 * (key_spending.h); here it is booked, counted, shown and returned.
 */
#ifndef STRONGROOM_CUSTODYD_SUSPENSE_H
#define STRONGROOM_CUSTODYD_SUSPENSE_H

#include "alarms.h"
#include "key_board.h"
#include "news.h"
#include "policy/transaction.h"
#include "store/suspense.h"

/* What arrived. All borrowed. */
struct suspense_receipt {
    const struct leg *leg;
    const struct digest *transaction;
    const struct account_id *sender;
    const struct key_board_entry *key;
    uint64_t height;
};

/* Tells the trail of a receipt and books it, in one transaction; both once. */
MUST_CHECK enum status suspense_receive(struct service *service, const struct suspense_receipt *receipt,
                                        struct fault *fault);

/* Takes what the wallet has in suspense, which is `out_held`, off its balance; zero is left when that is more. */
MUST_CHECK enum status suspense_take_off(struct amount *out_held, struct amount *inout_balance,
                                         const struct store_tx *tx, const struct wallet *wallet,
                                         const struct digest *asset, struct fault *fault);

/* The receipts of a wallet as JSON (docs/openapi.yaml). Out: one reference. */
MUST_CHECK enum status suspense_view(json_t **out, const struct store_tx *tx, const struct wallet *wallet,
                                     struct fault *fault);

/* Adds an alarm for each key with receipts that no withdrawal returns. */
MUST_CHECK enum status suspense_alarms(struct alarm_list *list, struct service *service, struct fault *fault);

#endif
