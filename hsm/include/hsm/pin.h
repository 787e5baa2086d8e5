/*
 * PINs that nobody may use, on test tokens neither: what vendors ship, what documentation shows, and what is tried
 * first.
 *
 * hsm_token_open and hsm_backup_open ask this by themselves, before a token sees the PIN.
 */
#ifndef STRONGROOM_HSM_PIN_H
#define STRONGROOM_HSM_PIN_H

#include "base/secret.h"

/*
 * STATUS_PIN_REFUSED when the PIN is a well-known one, one character or one short group repeated, a run of neighbours
 * (`1234`, `fedcba`), shorter than four characters, or the label or serial of the token (case does not count). Either
 * name may be "". `who` ("user PIN", "SO PIN") is the fault's `where`; the fault never tells the PIN.
 */
MUST_CHECK enum status hsm_pin_check(const struct secret *pin, const char *label, const char *serial, const char *who,
                                     struct fault *fault);

#endif
