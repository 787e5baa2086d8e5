/*
 * What the service answers, for people: amounts in units and base units, withdrawals in a line, JSON for scripts. Units
 * are those of the genesis that the trust file names; the service's word for code or decimals is never taken.
 */
#ifndef STRONGROOM_CUSTODY_ANSWER_H
#define STRONGROOM_CUSTODY_ANSWER_H

#include <jansson.h>

#include "trust.h"

#define ANSWER_AMOUNT_SIZE 256

/* "25 DEMO (2500 base units)"; without a trusted asset "2500 base units of asset ID". `trust` may be NULL. Out: `out`.
 */
const char *answer_amount(char out[ANSWER_AMOUNT_SIZE], const struct trust *trust, const struct digest *asset,
                          struct amount amount);

/* The same for texts of the service, each of which may be missing or nonsense; that is said then. */
const char *answer_amount_of(char out[ANSWER_AMOUNT_SIZE], const struct trust *trust, const json_t *object,
                             const char *member, const char *asset);

/* Trust as far as a trust file is named: without one `out` knows no asset. Statuses of trust_open. Out: answer_end. */
MUST_CHECK enum status answer_trust(struct trust *out, const struct custody_options *options, struct fault *fault);

/* Frees it, and tells why amounts were in base units, if they were. Returns `status`. */
MUST_CHECK enum status answer_end(struct trust *trust, enum status status);

/*
 * A withdrawal in one line, as the service tells it, and one more for each word that its intent has otherwise. Returns
 * whether there is none. `trust` may be NULL.
 */
bool answer_withdrawal(const struct trust *trust, const json_t *withdrawal);

/* The same after a command that has taken effect: in units as far as a trust file can be followed, and never a failure.
 */
void answer_withdrawal_done(const struct custody_options *options, const json_t *withdrawal);

/* "no_wallet: no wallet of the policy has this key": why there is no address, in words where they are known. Out:
 * `out`. */
const char *answer_address_reason(char out[ANSWER_AMOUNT_SIZE], const json_t *object);

/* What the policy says (policy_explain's JSON), for people: rule by rule, demand by demand, person by person. */
void overview_explanation(const struct trust *trust, const char *asset, const json_t *explanation);

/*
 * What an open withdrawal waits for, as the service says, in words: "waits until TIME: a limit over time has no room
 * for it yet (sign: limit_exceeded since TIME)"; "" when it does not wait. Out: `out`.
 */
#define ANSWER_STANDING_SIZE 2048
const char *answer_waiting(char out[ANSWER_STANDING_SIZE], const json_t *withdrawal);

/* How a withdrawal has ended and by whom, as the service says; "" of an open one. Out: `out`. */
const char *answer_end_words(char out[ANSWER_STANDING_SIZE], const json_t *withdrawal);

/*
 * Of one that waits: the freezes that stop its key, as far as the service can be asked, or the witnesses that do not
 * cosign (`waiting.witnesses`), one in a line.
 */
void answer_print_causes(const struct custody_options *options, const json_t *withdrawal);

/* GET of a path of the service. Out: one reference. */
MUST_CHECK enum status answer_get(json_t **out, const struct custody_options *options, const char *path,
                                  struct fault *fault);

/* The path of a withdrawal, "/v1/withdrawals/ID" and `after`. STATUS_USAGE when `id` is no id. */
MUST_CHECK enum status answer_path(char *out, size_t size, const char *id, const char *after, struct fault *fault);

/* Reads --amount, base units of `asset`. STATUS_USAGE, with how many make a unit; zero is none. */
MUST_CHECK enum status answer_amount_option(struct amount *out, const struct custody_options *options,
                                            const struct asset *asset, struct fault *fault);

/*
 * An answer for a script: the JSON with sorted members, in printable ASCII, so that it does no harm on a terminal
 * either. `flags` are jansson's, such as JSON_INDENT(2).
 */
MUST_CHECK enum status answer_print_json(const json_t *value, size_t flags, struct fault *fault);

#endif
