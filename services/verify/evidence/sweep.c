/*
 * An order key.sweep, with the document of its key.
 *
 * That the key was retained or compromised is what the quorum signed; when it became so is in the trail of the key,
 * which no bundle holds.
 */
#include "sweep.h"

#include <string.h>

#define DAY_US INT64_C(86400000000)
#define AHEAD_MAX_US INT64_C(60000000) /* how far the clocks of two machines may be apart */

static bool is_of(const struct verify_policy *policy, const struct digest *chain, const struct name *environment)
{
    return policy != NULL && digest_equal(&policy->chain, chain) && name_equal(&policy->environment, environment);
}

/* The key document is of the key of the wallet, for transfers, signed by the quorum of the version that it names. */
static const char *judge_key(const struct verify_key *document, const struct signed_text *text,
                             const struct sweep_claim *claim)
{
    const struct verify_policy *policy = verify_policy_find(claim->versions, claim->version_count, &document->policy);
    struct key key;
    if (!key_read(&key, document->alg, document->key) || !digest_equal(&key.id, &claim->wallet_key->id) ||
        strcmp(document->purpose, "transfer") != 0) {
        return "holds the document of another key than that of the wallet";
    }
    return is_of(policy, &document->chain, &document->environment) &&
                   verify_policy_governed(policy, text, "key", document->issued_at)
               ? NULL
               : "holds a key document that is not signed by the governance quorum";
}

/* It could be used at some time from the entry before the signature to the confirmation. */
static const char *judge_times(const struct verify_command *order, const struct sweep_claim *claim)
{
    bool whole = order->issued_at < order->expires_at && order->expires_at - order->issued_at <= DAY_US;
    bool then = claim->asked_utc_us < order->expires_at && order->issued_at <= claim->confirmed_utc_us + AHEAD_MAX_US;
    return whole && then ? NULL : "is not of the time between withdrawal.signing and the block";
}

static const char *judge_order(const struct verify_command *order, const struct signed_text *text,
                               const struct sweep_claim *claim)
{
    const struct verify_policy *policy = &claim->versions[claim->version_count - 1];
    int64_t used_utc_us = order->issued_at > claim->asked_utc_us ? order->issued_at : claim->asked_utc_us;
    if (strcmp(order->action, "key.sweep") != 0 || strcmp(order->role, "transfer") != 0) {
        return "is another order than key.sweep";
    }
    if (!digest_equal(&order->policy, &policy->digest) || !is_of(policy, &order->chain, &order->environment)) {
        return "is for another ledger, or not under the version in force";
    }
    if (!verify_policy_governed(policy, text, "command", used_utc_us)) {
        return "is not signed by the governance quorum";
    }
    if (!digest_equal(&order->intent, claim->intent_digest)) {
        return "is for another intent";
    }
    return digest_equal(&order->key, &claim->wallet_key->id) ? judge_times(order, claim) : "is for another key";
}

/* What a key in the state that the order names may still do. */
static const char *judge_state(bool *out_compromised, const struct verify_command *order, const struct verify_key *key,
                               const struct verify_intent *intent)
{
    bool compromised = strcmp(order->from, "compromised") == 0;
    if (!compromised && strcmp(order->from, "retained") != 0) {
        return "is for a key in a state that is not swept";
    }
    if (intent->type[0] != '\0') {
        return "is for an issue";
    }
    if (compromised && !lists(key->emergency, intent->destination)) {
        return "is not to an emergency address of the compromised key";
    }
    *out_compromised = compromised;
    return NULL;
}

const char *sweep_judge(bool *out_compromised, const json_t *sweep, const struct sweep_claim *claim)
{
    struct verify_sweep parts;
    struct verify_command order;
    struct verify_key key;
    struct signed_text order_text;
    struct signed_text key_text;
    json_t *document = NULL; /* owns the lists of the key document */
    const char *why = "is not of the form";
    if (document_decode(&parts, DOCUMENT_SWEEP, sweep, NULL) == STATUS_OK &&
        signed_text_read(&order_text, parts.order, NULL) == STATUS_OK &&
        document_read(&order, DOCUMENT_COMMAND, order_text.text, NULL) == STATUS_OK &&
        signed_text_read(&key_text, parts.key, NULL) == STATUS_OK &&
        canon_parse(&document, key_text.text, strlen(key_text.text), CANON_DOCUMENT_MAX, NULL) == STATUS_OK &&
        document_decode(&key, DOCUMENT_KEY, document, NULL) == STATUS_OK) {
        why = judge_order(&order, &order_text, claim);
        why = why == NULL ? judge_key(&key, &key_text, claim) : why;
        why = why == NULL ? judge_state(out_compromised, &order, &key, claim->intent) : why;
    }
    json_decref(document);
    return why;
}
