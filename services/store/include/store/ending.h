/*
 * The numbers that the transfer signer gave the ends that it was told of.
 */
#ifndef STRONGROOM_STORE_ENDING_H
#define STRONGROOM_STORE_ENDING_H

#include "base/id.h"
#include "store/store.h"

/* Adds that of one withdrawal, above 0. One that is there already stays as it is. */
MUST_CHECK enum status store_ending_add(struct store_tx *tx, const struct uuid *withdrawal, uint64_t number,
                                        struct fault *fault);

/* The greatest one, 0 for none. */
MUST_CHECK enum status store_ending_newest(uint64_t *out, const struct store_tx *tx, struct fault *fault);

#endif
