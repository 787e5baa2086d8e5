/*
 * The commands about a key: how it was made, with its papers; and whose an address is.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "papers.h"

/* The wallet of the last policy that the key is; NULL: none. */
static const json_t *wallet_of(const struct claim *claim)
{
    const json_t *key = claim->key_text.object;
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(claim->newest.wallets, i, row)
    {
        if (claim_same(json_object_get(row, "alg"), json_object_get(key, "alg")) &&
            claim_same(json_object_get(row, "key"), json_object_get(key, "key"))) {
            return row;
        }
    }
    return NULL;
}

/* Stale is not forged: it only proves nothing about today. */
static bool is_fresh(struct claim *claim, const struct verify_attestation *attestation, int64_t max_age_days)
{
    int64_t now = clock_utc_us(clock_system());
    if (attestation->issued_at > now + AHEAD_MAX_US) {
        report_incomplete(&claim->report, "attestation: issued_at is in the future");
    } else if (now - attestation->issued_at > max_age_days * DAY_US) {
        report_incomplete(&claim->report, "attestation: issued_at is more than %lld days ago (--max-age-days)",
                          (long long)max_age_days);
    } else if (now >= claim->document.valid_until) {
        report_incomplete(&claim->report, "key: valid_until is over");
    }
    return report_clean(&claim->report);
}

/* An address is told in order that somebody pays to it: it is a key's that may hold money today. */
static bool may_receive(struct claim *claim, const struct verify_attestation *attestation, int64_t max_age_days)
{
    const json_t *wallet = wallet_of(claim);
    struct report *report = &claim->report;
    return prove(report, strcmp(claim->document.purpose, "transfer") == 0, "key",
                 "purpose is not transfer: such a key receives nothing") &&
           prove(report, wallet != NULL, "key", "key is no wallet of the policy given last") &&
           prove(report, is_word(attestation->state, " active inactive "), "attestation",
                 "state is neither active nor inactive: nothing is sent to such a key") &&
           claim_agrees(claim, "key", claim->key_text.object, "the wallet", wallet, "tier") &&
           is_fresh(claim, attestation, max_age_days);
}

static bool check_attestation(struct claim *claim, const char *path, int64_t max_age_days)
{
    struct signed_text text;
    struct verify_attestation attestation;
    struct report *report = &claim->report;
    char address[ADDRESS_SIZE];
    char time[TIME_TEXT_SIZE];
    bool good = claim_read_file(claim, &text, &attestation, DOCUMENT_ATTESTATION, path) &&
                prove(report, digest_equal(&attestation.document, &claim->key_text.digest), "attestation",
                      "document is not the key document") &&
                prove(report, text.count == 1 && signed_text_by(&text, 0, "attestation", &claim->key), "attestation",
                      "is not signed by the key alone") &&
                prove(report, document_address(address, text.object) && strcmp(address, attestation.address) == 0,
                      "attestation", "address is not that of the key") &&
                claim_agrees(claim, "attestation", text.object, "the key document", claim->key_text.object,
                             "alg chain environment key") &&
                may_receive(claim, &attestation, max_age_days);
    if (good) {
        time_format(time, attestation.issued_at);
        (void)printf("proven: address %s is of the wallet %s of the policy, as its token attested at %s (%s)\n",
                     address, text_of(wallet_of(claim), "id"), time, attestation.state);
    }
    return good;
}

static bool check_ceremony(struct claim *claim, const struct trust *trust, const struct verify_request *request)
{
    char id[UUID_TEXT_SIZE];
    const json_t *backup = NULL;
    bool good = claim_read(claim, trust, request) && claim_backup(claim, &backup, request) &&
                ceremony_replay(claim, id, request->transcript, backup) &&
                claim_restore(claim, backup, request->restore);
    if (good) {
        (void)printf("proven: the %s key of the key document was made in ceremony %s%s%s\n", claim->document.purpose,
                     id, request->backup[0] == '\0' ? "; no backup document was looked at" : ", with its backup",
                     request->restore[0] == '\0' ? "; no restore proof was looked at" : ", and restored elsewhere");
    }
    return good;
}

enum verdict verify_ceremony(const struct trust *trust, const struct verify_request *request)
{
    struct claim claim;
    return claim_conclude(&claim, check_ceremony(&claim, trust, request));
}

enum verdict verify_address(const struct trust *trust, const struct verify_request *request)
{
    struct claim claim;
    return claim_conclude(&claim, claim_read(&claim, trust, request) &&
                                      check_attestation(&claim, request->attestation, request->max_age_days));
}
