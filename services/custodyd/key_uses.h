/*
 * Uses of copied keys, from when they are found until the signed trail says that they were dealt with: the signer
 * first, the trail right after. Stopping waits for nothing, for no other use and no entry. A use is over when the trail
 * has the entry `key.alarm` about its transaction; until then, also after a restart, the signer is asked again.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_USES_H
#define STRONGROOM_CUSTODYD_KEY_USES_H

#include "key_spending.h"

struct key_uses;

/* Out: key_uses_free. */
MUST_CHECK enum status key_uses_new(struct key_uses **out, struct service *service, struct fault *fault);

/* NULL is fine. */
void key_uses_free(struct key_uses *uses);

/* Whether the use in this block (height) was added since the start: people may have decided since. */
bool key_uses_has(const struct key_uses *uses, const struct digest *transaction, uint64_t height);

/* Adds one, for key_uses_stop. One that was added for another block is to be stopped again. */
MUST_CHECK enum status key_uses_add(struct key_uses *uses, const struct key_spending_use *use, struct fault *fault);

/* Stops what is not stopped yet: the key, its siblings among the owners and the assets that moved. */
void key_uses_stop(struct key_uses *uses, const struct key_spending_owners *owners);

/* Tells the trail of some, in turn. */
void key_uses_tell(struct key_uses *uses);

/* How many are not over. */
size_t key_uses_waiting(const struct key_uses *uses);

/* As key_spending_untold. */
bool key_uses_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_uses *uses, size_t *inout_at);

/* Whether the signed trail says that the use was dealt with. */
MUST_CHECK enum status key_uses_is_over(bool *out, const struct service *service, const struct digest *transaction,
                                        struct fault *fault);

#endif
