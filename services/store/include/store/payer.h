/*
 * Who has paid into one of our wallets, each address once, with the transaction in which it did so first.
 */
#ifndef STRONGROOM_STORE_PAYER_H
#define STRONGROOM_STORE_PAYER_H

#include "base/digest.h"
#include "store/store.h"
#include "store/withdrawal.h"

struct store_payer {
    char address[STORE_ADDRESS_SIZE];
    struct digest transaction;
    uint64_t height;
};

/* Adds one. One that is there already stays as it is. */
MUST_CHECK enum status store_payer_add(struct store_tx *tx, const struct store_payer *row, struct fault *fault);

/*
 * A payer whose address looks like this one, with the same first four characters after the prefix and the same last
 * four, and is another. STATUS_NOT_FOUND.
 */
MUST_CHECK enum status store_payer_alike(struct store_payer *out, const struct store_tx *tx, const char *address,
                                         struct fault *fault);

#endif
