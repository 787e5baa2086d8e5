/*
 * Attended activation inside the token's process: the receiving key, the shares, and the PIN put together of them. None
 * of these leaves the process, and nothing of it outlives its use.
 */
#ifndef STRONGROOM_SIGNERD_TOKEN_UNLOCK_H
#define STRONGROOM_SIGNERD_TOKEN_UNLOCK_H

#include "base/secret.h"
#include "token_link.h"

#define UNLOCK_MINUTES 60 /* two people sign, k people come */

struct unlock;

/* An activation that has not begun. NULL without memory. Owner frees with unlock_free. */
struct unlock *unlock_new(void);

/* Wipes key and shares, and frees; NULL is fine. */
void unlock_free(struct unlock *unlock);

/* Wipes key and shares: the next word begins anew. */
void unlock_forget(struct unlock *unlock);

/* How long the activation in progress is still kept, in milliseconds; -1 when there is none. */
int unlock_remaining_ms(const struct unlock *unlock);

/*
 * Answers TOKEN_WORD_BEGIN (makes the receiving key unless there is one) and TOKEN_WORD_SHARE; anything else is
 * STATUS_CONFLICT. With the last share that was missing, `out_pin` becomes the PIN (owned by the caller), which is
 * empty otherwise, and the answer says so.
 */
void unlock_answer(struct unlock *unlock, struct token_note *out, const struct token_note *note,
                   struct secret *out_pin);

#endif
