/*
 * Addresses that may be given to somebody who pays: printed only when a key document signed by the governance quorum,
 * a wallet of the newest policy and an attestation of the token's own key all lead to it.
 */
#include "attest.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "trust.h"

#define DAY_US (24LL * 3600 * 1000000)
#define AHEAD_MAX_US 60000000LL

/* The wallet of the newest policy that this key is. */
static enum status find_wallet(const struct wallet **out, const struct key_document *key, const struct policy *newest,
                               struct fault *fault)
{
    struct account_id account;
    if (key->purpose != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_DENIED, "purpose", "a key for %s receives nothing",
                         signer_role_text(key->purpose));
    }
    enum status status = account_id_from_key(&account, &key->key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = policy_find_wallet_by_account(newest, &account);
    if (*out == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "key", "is no wallet of policy version %lld",
                         (long long)newest->version);
    }
    return (*out)->tier == key->tier
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "tier", "the wallet %s is %s, its key document says %s",
                           (*out)->id.text, policy_tier_text((*out)->tier), policy_tier_text(key->tier));
}

/* The key may receive: it is in service, and what says so is fresh. */
static enum status check_standing(const struct attestation *attestation, const struct key_document *key,
                                  const struct custody_options *options, struct fault *fault)
{
    int64_t now = clock_utc_us(clock_system());
    if (attestation->issued_at > now + AHEAD_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "attestation", "is from the future");
    }
    if (now - attestation->issued_at > options->max_age_days * DAY_US) {
        return fault_set(fault, STATUS_EXPIRED, "attestation", "is older than %lld days",
                         (long long)options->max_age_days);
    }
    if (attestation->state != KEY_STATE_ACTIVE && attestation->state != KEY_STATE_INACTIVE) {
        return fault_set(fault, STATUS_CONFLICT, "state", "the key is %s: nothing is sent to it",
                         key_state_text(attestation->state));
    }
    return now < key->valid_until ? STATUS_OK
                                  : fault_set(fault, STATUS_EXPIRED, "valid_until", "the cryptoperiod is over");
}

/* What is known of the address goes to standard error, the address alone to standard output. */
static void print_address(const struct attestation *attestation, const struct wallet *wallet,
                          const struct key_papers *papers)
{
    char address[ADDRESS_TEXT_SIZE];
    (void)fprintf(stderr, "verified: the token's own key computes this address\n");
    describe_row(stderr, "wallet", "%s, %s", wallet->id.text, policy_tier_text(wallet->tier));
    describe_row(stderr, "state", "%s", key_state_text(attestation->state));
    describe_time(stderr, "as of", attestation->issued_at);
    describe_time(stderr, "signs until", papers->key.valid_until);
    describe_digest(stderr, "key", &papers->key.key_id);
    describe_digest(stderr, "key document", &papers->digest);
    address_format(address, &attestation->address);
    (void)printf("%s\n", address);
}

static enum status show_address(const struct key_papers *papers, const struct signed_document *document,
                                const struct policy *newest, const struct custody_options *options, struct fault *fault)
{
    struct attestation attestation;
    const struct wallet *wallet = NULL;
    enum status status = find_wallet(&wallet, &papers->key, newest, fault);
    if (status == STATUS_OK) {
        status = attestation_verify(&attestation, document, &papers->key, &papers->digest, fault);
    }
    if (status == STATUS_OK) {
        status = check_standing(&attestation, &papers->key, options, fault);
    }
    if (status == STATUS_OK) {
        print_address(&attestation, wallet, papers);
    }
    return status;
}

enum status command_address_verify(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct key_papers papers = {0};
    struct chain chain = {0};
    struct signed_document attestation = {0};
    enum status status = chain_open(&chain, options, true, fault);
    if (status == STATUS_OK) {
        status = papers_read(&papers, options, fault);
    }
    if (status == STATUS_OK) {
        status = papers_verify(&papers, &chain, fault);
    }
    if (status == STATUS_OK) {
        status = command_read_signed(&attestation, options->attestation, CANON_DOCUMENT_MAX, "attestation", fault);
    }
    if (status == STATUS_OK) {
        status = show_address(&papers, &attestation, chain_newest(&chain), options, fault);
    }
    signed_document_free(&attestation);
    papers_wipe(&papers);
    chain_wipe(&chain);
    return status;
}

/* The key document of a wallet, as the service has it. */
static enum status fetch_papers(struct key_papers *out, const struct wallet *wallet,
                                const struct custody_options *options, struct fault *fault)
{
    char path[160];
    char hex[DIGEST_HEX_LEN + 1];
    json_t *answer = NULL;
    digest_format(hex, &wallet->key_id);
    (void)snprintf(path, sizeof(path), "/v1/keys/%s", hex);
    const struct client_call call = {.method = "GET", .path = path};
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK) {
        status = papers_decode(out, json_object_get(json_object_get(answer, "key"), "document"), fault);
    }
    json_decref(answer);
    if (status == STATUS_OK && !digest_equal(&out->key.key_id, &wallet->key_id)) {
        status = fault_set(fault, STATUS_MISMATCH, "key", "the service shows the document of another key");
    }
    return status;
}

enum status command_address(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct trust trust;
    struct name name;
    struct key_papers papers = {0};
    struct signed_document attestation = {0};
    const struct wallet *wallet = NULL;
    if (name_parse(&name, options->wallet) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "wallet", "must be the name of a wallet");
    }
    enum status status = trust_open(&trust, options, fault);
    if (status == STATUS_OK) {
        wallet = policy_find_wallet(trust.policy, &name);
        status = wallet == NULL ? fault_set(fault, STATUS_NOT_FOUND, "wallet", "no such wallet in the policy")
                                : fetch_papers(&papers, wallet, options, fault);
    }
    if (status == STATUS_OK) {
        status = papers_verify(&papers, &trust.policies, fault);
    }
    if (status == STATUS_OK) {
        status = attest_fetch(&attestation, &papers, options, fault);
    }
    if (status == STATUS_OK) {
        status = show_address(&papers, &attestation, trust.policy, options, fault);
    }
    signed_document_free(&attestation);
    papers_wipe(&papers);
    trust_wipe(&trust);
    return status;
}
