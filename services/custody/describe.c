/*
 * Documents in words: destination, key document, attestation, backup, share set, restore proof. Policies are in
 * describe_policy.c, commands in describe_command.c.
 */
#include "describe.h"

#include <stdarg.h>

#include "policy/attestation.h"
#include "policy/backup.h"
#include "policy/ceremony_refusal.h"
#include "policy/compromise.h"
#include "policy/destination.h"
#include "policy/intent.h"
#include "policy/key.h"
#include "policy/occasion.h"
#include "policy/policy.h"
#include "policy/review.h"
#include "policy/transaction.h"

#define DAY_US (24LL * 3600 * 1000000)

void describe_row(FILE *stream, const char *name, const char *format, ...)
{
    va_list arguments;
    (void)fprintf(stream, "  %-14s ", name);
    va_start(arguments, format);
    (void)vfprintf(stream, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stream);
}

void describe_digest(FILE *stream, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    describe_row(stream, name, "%s", hex);
}

void describe_time(FILE *stream, const char *name, int64_t utc_us)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, utc_us);
    describe_row(stream, name, "%s", text);
}

void describe_token(FILE *stream, const char *name, const struct token_identity *token)
{
    describe_row(stream, name, "\"%s\", serial \"%s\" (%s %s, firmware %s)", token->label, token->serial,
                 token->manufacturer, token->model, token->firmware);
}

void describe_algorithm(FILE *stream, enum algorithm algorithm)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (info->standing == ALGORITHM_IN_USE) {
        describe_row(stream, "algorithm", "%s", info->name);
    } else {
        describe_row(stream, "algorithm", "%s, %s: no new keys, this one needs a successor", info->name,
                     algorithm_standing_text(info->standing));
    }
}

static void describe_names(FILE *stream, const char *name, const struct name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        describe_row(stream, i == 0 ? name : "", "%s", names[i].text);
    }
}

static void describe_public_key(FILE *stream, const struct public_key *key)
{
    struct digest id;
    public_key_id(&id, key);
    describe_digest(stream, "key", &id);
    describe_algorithm(stream, key->algorithm);
}

static enum status describe_destination(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct destination destination;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = destination_decode(&destination, document->data, document->len, fault);
    if (status == STATUS_OK) {
        address_format(address, &destination.account);
        (void)fprintf(stream, "destination %s: %s\n", destination.id.text, address);
        describe_row(stream, "effect", "wallets may send there, as far as a rule allows it");
        describe_row(stream, "group", "%s", destination.group.text);
        describe_time(stream, "until", destination.valid_until);
        describe_time(stream, "issued", destination.issued_at);
        describe_row(stream, "ledger", "%s", destination.environment.text);
        describe_digest(stream, "chain", &destination.chain);
        describe_digest(stream, "policy", &destination.policy);
        describe_row(stream, "to be signed", "by the governance quorum of the policy");
    }
    return status;
}

static void describe_emergency(FILE *stream, const struct key_document *key)
{
    char address[ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < key->emergency_count; i++) {
        address_format(address, &key->emergency[i]);
        describe_row(stream, i == 0 ? "emergency" : "", "%s", address);
    }
    if (key->emergency_count == 0) {
        describe_row(stream, "emergency", "none: a compromised key may send nowhere");
    }
}

static void describe_use(FILE *stream, const struct key_document *key)
{
    char time[TIME_TEXT_SIZE];
    describe_row(stream, "activation", "%s",
                 key->activation == KEY_ATTENDED ? "attended: custodians give their shares"
                                                 : "unattended: the PIN comes from a credential");
    describe_row(stream, "largest box", "%lld seconds, %llu signatures", (long long)key->box_seconds,
                 (unsigned long long)key->box_signatures);
    if (key->idle_seconds != 0) {
        describe_row(stream, "idle", "inactive after %lld seconds without a signature", (long long)key->idle_seconds);
    }
    time_format(time, key->valid_from);
    describe_row(stream, "signs from", "%s", time);
    time_format(time, key->valid_until);
    describe_row(stream, "signs until", "%s (%lld days)", time,
                 (long long)((key->valid_until - key->valid_from) / DAY_US));
    describe_time(stream, "kept until", key->retain_until);
}

static void describe_keeping(FILE *stream, const struct key_document *key)
{
    describe_token(stream, "token", &key->token);
    describe_row(stream, "at", "%s, made by %s, owner %s", key->location.text, key->creator.text,
                 key->owner == KEY_OWNER_OWN ? "ourselves" : "a customer");
    describe_row(stream, "approved mode", "%s", key->approved ? "yes" : "no");
    describe_row(stream, "backup", "%s, to be proven every %lld days", key_backup_text(key->backup),
                 (long long)key->drill_days);
    if (key->backup == KEY_BACKUP_WRAPPED) {
        describe_digest(stream, "backup digest", &key->backup_document);
    }
    describe_names(stream, "custodians", key->custodians, key->custodian_count);
    describe_digest(stream, "ceremony", &key->ceremony);
    if (!digest_is_zero(&key->replaces)) {
        describe_digest(stream, "replaces", &key->replaces);
    }
}

static enum status describe_key(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct key_document key;
    struct account_id account;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = key_document_decode(&key, document->data, document->len, fault);
    if (status == STATUS_OK) {
        status = account_id_from_key(&account, &key.key, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "key document: a key for %s, tier %s\n", signer_role_text(key.purpose),
                  policy_tier_text(key.tier));
    describe_public_key(stream, &key.key);
    address_format(address, &account);
    describe_row(stream, "address", "%s", address);
    describe_use(stream, &key);
    describe_emergency(stream, &key);
    describe_keeping(stream, &key);
    describe_time(stream, "issued", key.issued_at);
    describe_row(stream, "ledger", "%s", key.environment.text);
    describe_digest(stream, "chain", &key.chain);
    describe_digest(stream, "policy", &key.policy);
    describe_row(stream, "to be signed", "by the governance quorum of the policy");
    return STATUS_OK;
}

static enum status describe_attestation(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct attestation attestation;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = attestation_decode(&attestation, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "attestation: a token key says which address it computes\n");
    describe_public_key(stream, &attestation.key);
    address_format(address, &attestation.address);
    describe_row(stream, "address", "%s", address);
    describe_row(stream, "state", "%s", key_state_text(attestation.state));
    describe_time(stream, "as of", attestation.issued_at);
    describe_digest(stream, "challenge", &attestation.challenge);
    describe_digest(stream, "key document", &attestation.document);
    describe_row(stream, "signed", "by that key alone");
    return STATUS_OK;
}

static void describe_shares(FILE *stream, const struct share_table *shares)
{
    char hex[DIGEST_HEX_LEN + 1];
    char seal[SEAL_KEY_TEXT_SIZE];
    describe_row(stream, "shares", "any %u of these %zu bring it back", shares->threshold, shares->count);
    for (size_t i = 0; i < shares->count; i++) {
        const struct share_holder *holder = &shares->holders[i];
        digest_format(hex, &holder->commitment);
        describe_row(stream, "", "share %u: %s, at %s, commitment %.16s...", holder->index, holder->custodian.text,
                     holder->site.text, hex);
        seal_key_format(seal, &holder->seal.key.seal);
        describe_row(stream, "", "         sealed for %s", seal);
    }
}

static enum status describe_backup(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct backup backup;
    enum status status = backup_decode(&backup, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "backup: a key, wrapped under a key-encryption key that is shared\n");
    describe_public_key(stream, &backup.key);
    describe_row(stream, "label", "%s", backup.label);
    describe_token(stream, "token", &backup.token);
    describe_row(stream, "mechanism", "%s", backup_mechanism_text(backup.mechanism));
    describe_row(stream, "wrapped key", "%lld bytes, kept by %s, at %s", (long long)backup.wrapped_size,
                 backup.holder.text, backup.site.text);
    describe_digest(stream, "", &backup.wrapped_sha256);
    describe_shares(stream, &backup.shares);
    describe_digest(stream, "check", &backup.check);
    describe_time(stream, "made", backup.made_at);
    describe_row(stream, "signed", "by that key itself");
    return STATUS_OK;
}

static enum status describe_sealing_key(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct sealing_key key;
    char seal[SEAL_KEY_TEXT_SIZE];
    enum status status = sealing_key_decode(&key, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "sealing key: what shares of %s are sealed for\n", key.person.text);
    seal_key_format(seal, &key.seal);
    describe_row(stream, "key", "%s", seal);
    describe_row(stream, "ledger", "%s", key.environment.text);
    describe_time(stream, "from", key.issued_at);
    describe_time(stream, "until", key.valid_until);
    return STATUS_OK;
}

static enum status describe_share_set(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct share_set set;
    enum status status = share_set_decode(&set, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "share set: who has the shares of a PIN\n");
    describe_digest(stream, "key", &set.key);
    describe_row(stream, "version", "%lld", (long long)set.version);
    if (set.version > 1) {
        describe_digest(stream, "follows", &set.prev);
    }
    describe_time(stream, "made", set.made_at);
    describe_shares(stream, &set.shares);
    describe_row(stream, "to be signed", "by the governance quorum of the policy");
    return STATUS_OK;
}

static enum status describe_compromise(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct compromise report;
    enum status status = compromise_decode(&report, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "report of a compromise%s: %s %s\n", report.drill ? ", a DRILL" : "",
                  compromise_what_text(report.what), report.lost);
    describe_row(stream, "by", "%s", report.by.text);
    describe_time(stream, "began", report.started_at);
    for (size_t i = 0; i < report.step_count; i++) {
        describe_row(stream, report.steps[i].step.text, "after %lld ms",
                     (long long)((report.steps[i].at - report.started_at) / 1000));
    }
    describe_row(stream, "keys", "%lld reached, %lld suspended, %lld failed", (long long)report.keys,
                 (long long)report.suspended, (long long)report.failed);
    describe_row(stream, "sweeps", "%lld prepared, %lld hindrances", (long long)report.sweeps,
                 (long long)report.hindrances);
    describe_digest(stream, "plan", &report.plan);
    describe_digest(stream, "policy", &report.policy);
    return STATUS_OK;
}

static enum status describe_review(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct review review;
    enum status status = review_decode(&review, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "review of key uses: %lld uses, %lld findings\n", (long long)review.uses,
                  (long long)review.findings);
    describe_row(stream, "entries", "%llu to %llu", (unsigned long long)review.from, (unsigned long long)review.to - 1);
    describe_row(stream, "of a trail", "of %llu entries", (unsigned long long)review.size);
    describe_digest(stream, "root", &review.root);
    describe_row(stream, "by", "%s", review.reviewer.text);
    describe_time(stream, "at", review.reviewed_at);
    describe_digest(stream, "report", &review.report);
    return STATUS_OK;
}

static void describe_hashes(FILE *stream, const char *file, const struct digest *found, const struct digest *pinned)
{
    char label[32];
    describe_digest(stream, file, found);
    (void)snprintf(label, sizeof(label), "%s, pinned", file);
    describe_digest(stream, label, pinned);
}

static enum status describe_refusal(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct ceremony_refusal refusal;
    char id[UUID_TEXT_SIZE];
    enum status status = ceremony_refusal_decode(&refusal, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    uuid_format(id, &refusal.ceremony);
    (void)fprintf(stream, "the ceremony %s was not opened: a file is not the pinned one\n", id);
    describe_row(stream, "by", "%s", refusal.actor.text);
    describe_time(stream, "at", refusal.at);
    describe_hashes(stream, "module", &refusal.hashes.module, &refusal.hashes.module_pinned);
    describe_hashes(stream, "program", &refusal.hashes.program, &refusal.hashes.program_pinned);
    return STATUS_OK;
}

static enum status describe_intent(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct intent intent;
    struct digest digest;
    char text[ADDRESS_TEXT_SIZE];
    char code[SHORT_CODE_SIZE];
    enum status status = intent_decode(&intent, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    intent_digest(&digest, document->data, document->len);
    (void)fprintf(stream, "intent: what is to be sent\n");
    describe_row(stream, "wallet", "%s", intent.wallet.text);
    amount_format(text, intent.amount);
    describe_row(stream, "amount", "%s base units", text);
    describe_digest(stream, "asset", &intent.asset);
    address_format(text, &intent.destination);
    describe_row(stream, "to", "%s", text);
    amount_format(text, intent.fee_cap);
    describe_row(stream, "fee at most", "%s base units", text);
    describe_row(stream, "effect", "%s",
                 intent.type == TRANSACTION_ISSUE
                     ? "an ISSUE: MAKES that many new units of the asset, which the wallet owes from then on"
                     : "one transfer: so much less in the wallet, so much more at that address");
    describe_row(stream, "requester", "%s", intent.requester.text);
    if (!digest_is_zero(&intent.returns)) {
        describe_digest(stream, "returns", &intent.returns);
        describe_row(stream, "", "a return: one approver more than the rule asks for");
    }
    describe_time(stream, "expires", intent.expires_at);
    describe_row(stream, "policy", "version %lld", (long long)intent.policy_version);
    describe_digest(stream, "", &intent.policy);
    describe_digest(stream, "transaction", &intent.transaction);
    describe_row(stream, "", "as the intent names it; custody show ID rebuilds it from the wallet of the policy");
    describe_digest(stream, "digest", &digest);
    intent_short_code(code, &digest);
    describe_row(stream, "short code", "%s", code);
    return STATUS_OK;
}

static void describe_leg(FILE *stream, const struct leg *leg)
{
    char address[ADDRESS_TEXT_SIZE];
    char amount[AMOUNT_TEXT_SIZE];
    address_format(address, &leg->account);
    amount_format(amount, leg->amount);
    describe_row(stream, leg->side == LEG_DEBIT ? "takes from" : "gives to", "%s", address);
    describe_row(stream, "", "%s base units", amount);
    describe_digest(stream, "", &leg->asset);
}

/* A transaction by itself: what its bytes do, whoever says what about it. */
static enum status describe_transaction(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct transaction transaction;
    struct digest id;
    char address[ADDRESS_TEXT_SIZE];
    enum status status = transaction_decode(&transaction, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool issues = transaction.type == TRANSACTION_ISSUE;
    (void)fprintf(stream, "transaction: %s\n", issues ? "an ISSUE of an asset" : "a transfer");
    describe_row(stream, "effect", "%s",
                 issues ? "MAKES new units of the asset, which its issuer owes from then on"
                        : "moves what is there, and makes nothing new");
    for (size_t i = 0; i < transaction.leg_count; i++) {
        describe_leg(stream, &transaction.legs[i]);
    }
    describe_row(stream, "fee", "0: this ledger has no fees");
    address_format(address, &transaction.from);
    describe_row(stream, "signed by", "the key of %s", address);
    describe_row(stream, "sequence", "lane %llu, seq %llu, heights %llu to %llu", (unsigned long long)transaction.lane,
                 (unsigned long long)transaction.seq, (unsigned long long)transaction.valid_from,
                 (unsigned long long)transaction.valid_until);
    if (!digest_is_zero(&transaction.memo)) {
        describe_digest(stream, "memo", &transaction.memo);
    }
    describe_digest(stream, "chain", &transaction.chain);
    describe_digest(stream, "policy", &transaction.policy);
    transaction_id(&id, document->data, document->len);
    describe_digest(stream, "id", &id);
    return STATUS_OK;
}

static enum status describe_restore(FILE *stream, const struct bytes *document, struct fault *fault)
{
    struct restore restore;
    enum status status = restore_decode(&restore, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)fprintf(stream, "restore proof: a key came back to life on another token (%s)\n",
                  restore_kind_text(restore.kind));
    describe_digest(stream, "key", &restore.key);
    describe_token(stream, "token", &restore.token);
    if (digest_is_zero(&restore.backup)) {
        describe_row(stream, "backup", "none: cloned by the token's own means");
    } else {
        describe_digest(stream, "backup", &restore.backup);
    }
    describe_names(stream, "shares of", restore.shares, restore.share_count);
    describe_row(stream, "requester", "%s", restore.requester.text);
    describe_row(stream, "authoriser", "%s", restore.authoriser.text);
    describe_row(stream, "executor", "%s", restore.executor.text);
    describe_time(stream, "asked", restore.occasion.occasion.issued_at);
    describe_time(stream, "made", restore.made_at);
    describe_digest(stream, "challenge", &restore.challenge);
    describe_row(stream, "ledger", "%s", restore.environment.text);
    describe_digest(stream, "chain", &restore.chain);
    describe_digest(stream, "policy", &restore.policy);
    describe_row(stream, "to be signed", "by requester, authoriser and executor; the restored key has signed first");
    return STATUS_OK;
}

static const struct document_kind kinds[] = {
    {POLICY_KIND, CANON_POLICY_MAX, true, describe_policy},
    {DESTINATION_KIND, CANON_DOCUMENT_MAX, true, describe_destination},
    {COMMAND_KIND, CANON_DOCUMENT_MAX, true, describe_command},
    {KEY_KIND, CANON_DOCUMENT_MAX, true, describe_key},
    {OCCASION_KIND, CANON_DOCUMENT_MAX, true, describe_occasion},
    {RESTORE_KIND, CANON_DOCUMENT_MAX, true, describe_restore},
    {SHARE_SET_KIND, CANON_DOCUMENT_MAX, true, describe_share_set},
    {INTENT_KIND, CANON_DOCUMENT_MAX, false, describe_intent},
    {TRANSACTION_KIND, CANON_DOCUMENT_MAX, false, describe_transaction},
    {COMPROMISE_KIND, CANON_DOCUMENT_MAX, false, describe_compromise},
    {REVIEW_KIND, CANON_DOCUMENT_MAX, false, describe_review}, /* audit review signs */
    {CEREMONY_REFUSAL_KIND, CANON_DOCUMENT_MAX, false, describe_refusal},
    {BACKUP_KIND, CANON_DOCUMENT_MAX, false, describe_backup},           /* its own key signs */
    {SEALING_KEY_KIND, CANON_DOCUMENT_MAX, false, describe_sealing_key}, /* seal-key signs */
    {ATTESTATION_KIND, CANON_DOCUMENT_MAX, false, describe_attestation}, /* its own key signs */
};

const struct document_kind *document_kind_find(const char *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}
