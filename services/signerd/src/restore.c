/*
 * `signerd restore`: brings a key from its backup onto another token: the wrapped key from its holder, the shares of
 * the key that opens it from k custodians.
 *
 * The key that the shares are sealed for is made here and dies with the process. Who asks and who allows it read it
 * here and sign the occasion, without which no share is taken. Each share is held against its commitment when it comes,
 * so that a corrupted one names its custodian while the others are still in the room. At the end stands the restore
 * proof, signed by the restored key; people sign it afterwards. A drill is the same and removes the key again. Of a key
 * that tokens clone among themselves only the proof is made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "gifts.h"
#include "hsm/backup.h"
#include "papers.h"
#include "signer/policies.h"
#include "token.h"

struct restore_run {
    const struct options *options;
    struct hsm_uri uri;
    struct policy policy;
    struct backup backup;
    struct hsm_wrapped wrapped; /* bytes as the holder brought them */
    struct restore proof;
    struct secret pin;
    struct secret so_pin;
    struct secret kek;
    struct hsm_token *token;
    const struct hsm_key *key;
};

static enum status backup_read(struct restore_run *run, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = signer_signed_read(&document, run->options->backup, CANON_DOCUMENT_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = backup_verify(&run->backup, &document, fault);
    public_key_id(&run->proof.key, &run->backup.key);
    backup_digest(&run->proof.backup, document.document.data, document.document.len);
    signed_document_free(&document);
    return status;
}

/* Held against the document before anybody is asked for a share. */
static enum status wrapped_read(struct restore_run *run, struct fault *fault)
{
    struct bytes content = {0};
    enum status status = file_read(&content, run->options->wrapped, BACKUP_WRAPPED_MAX, "wrapped", fault);
    if (status == STATUS_OK) {
        status = backup_check_wrapped(&run->backup, &content, fault);
    }
    if (status == STATUS_OK && content.len > sizeof(run->wrapped.bytes)) {
        status = fault_set(fault, STATUS_TOO_LARGE, "wrapped_size", "longer than any wrapped key of ours");
    }
    if (status == STATUS_OK) {
        memcpy(run->wrapped.bytes, content.data, content.len);
        run->wrapped.len = content.len;
    }
    bytes_free(&content);
    return status;
}

/* Restored from a backup, or cloned by the token's own means, where there is no backup and the key is there already. */
static bool is_clone(const struct restore_run *run)
{
    return run->options->backup[0] == '\0';
}

static enum status words_check(struct restore_run *run, struct fault *fault)
{
    const struct options *options = run->options;
    if (is_clone(run) == (options->key[0] == '\0')) {
        return fault_set(fault, STATUS_USAGE, "backup", "a backup to restore from, or the key that was cloned");
    }
    if (is_clone(run) != (options->wrapped[0] == '\0')) {
        return fault_set(fault, STATUS_USAGE, "wrapped", "the wrapped key comes with its backup, and only with it");
    }
    if (!is_clone(run) && options->so_pin_fd < 0) {
        return fault_set(fault, STATUS_USAGE, "so-pin-fd", "the security officer brings the key-encryption key in");
    }
    return token_choose(&run->uri, options, fault);
}

/* What is wrong with words and papers must be told before shares are asked for. */
static enum status papers_read(struct restore_run *run, struct fault *fault)
{
    const struct options *options = run->options;
    enum status status = words_check(run, fault);
    status = status == STATUS_OK ? signer_policies_open(&run->policy, options->policy, NULL, fault) : status;
    status = status == STATUS_OK && !is_clone(run) ? backup_read(run, fault) : status;
    status = status == STATUS_OK && !is_clone(run) ? wrapped_read(run, fault) : status;
    if (status == STATUS_OK && access(options->output, F_OK) == 0) {
        return fault_set(fault, STATUS_EXISTS, "output", "%s is there already", options->output);
    }
    run->proof.kind = options->drill ? RESTORE_DRILL : RESTORE_RESTORE;
    run->proof.chain = run->policy.chain;
    run->proof.environment = run->policy.environment;
    run->proof.policy = run->policy.digest;
    return status;
}

static struct hsm_token_config config_make(const struct restore_run *run)
{
    return (struct hsm_token_config){.module_path = run->uri.module_path,
                                     .selector = run->uri.selector,
                                     .session_count = 1,
                                     .use = HSM_TOKEN_GENERATE,
                                     .restored = true,
                                     .lock_folder = run->options->lock_folder};
}

static enum status absence_check(const struct restore_run *run, struct fault *fault)
{
    for (size_t i = 0; i < hsm_key_count(run->token); i++) {
        const struct hsm_key *key = hsm_key_at(run->token, i);
        if (public_key_equal(hsm_key_public(key), &run->backup.key)) {
            return fault_set(fault, STATUS_EXISTS, hsm_key_label(key), "the token has this key already");
        }
    }
    return STATUS_OK;
}

/* The token is opened once before people bring their shares: whether it is the right one shows here. */
static enum status token_look(struct restore_run *run, struct fault *fault)
{
    const struct hsm_token_config config = config_make(run);
    enum status status = hsm_token_open(&run->token, &config, &run->pin, fault);
    if (status == STATUS_OK) {
        status = papers_token(&run->proof.token, hsm_token_facts(run->token), fault);
    }
    if (status == STATUS_OK && token_identity_same_device(&run->proof.token, &run->backup.token)) {
        status = fault_set(fault, STATUS_CONFLICT, "token", "this is the token that the backup was made from");
    }
    if (status == STATUS_OK) {
        status = absence_check(run, fault);
    }
    hsm_token_close(run->token);
    run->token = NULL;
    return status;
}

/* Who answers for it is what they signed. */
static void occasion_note(struct restore_run *run, const struct gifts *gifts)
{
    run->proof.requester = gifts->occasion.occasion.requester;
    run->proof.authoriser = gifts->occasion.occasion.authoriser;
    run->proof.executor = gifts->occasion.occasion.executor;
    run->proof.occasion = gifts->occasion;
}

/* A clone needs no shares: the receiving key serves to tell this occasion from every other. */
static enum status gifts_collect(struct restore_run *run, struct fault *fault)
{
    struct gifts gifts;
    const struct gifts_order order = {.action = run->options->drill ? OCCASION_DRILL : OCCASION_RESTORE,
                                      .key = &run->proof.key,
                                      .set = &run->proof.backup,
                                      .serial = run->proof.token.serial,
                                      .shares = &run->backup.shares,
                                      .check = &run->backup.check,
                                      .policy = &run->policy};
    enum status status = gifts_begin(&gifts, &order, fault);
    status = status == STATUS_OK ? gifts_read_occasion(&gifts, stdin, fault) : status;
    if (status == STATUS_OK) {
        occasion_note(run, &gifts);
    }
    if (status == STATUS_OK && !is_clone(run)) {
        status = gifts_read(&gifts, stdin, fault);
        status = status == STATUS_OK ? gifts_join(&run->kek, &gifts, fault) : status;
    }
    run->proof.share_count = gifts_givers(run->proof.shares, &gifts);
    gifts_end(&gifts);
    return status;
}

static enum status key_unwrap(struct restore_run *run, struct fault *fault)
{
    const struct backup *backup = &run->backup;
    const struct hsm_token_config config = config_make(run);
    const struct hsm_kek kek = {&run->so_pin, &run->kek};
    enum hsm_key_profile profile = run->options->wrappable ? HSM_KEY_WRAPPABLE : HSM_KEY_FIXED;
    struct hsm_wrapped *wrapped = &run->wrapped;
    if (strlen(backup->label) >= sizeof(wrapped->label)) {
        return fault_set(fault, STATUS_TOO_LARGE, "backup", "the label is longer than any of ours");
    }
    wrapped->public = backup->key;
    wrapped->wrap = backup->mechanism == BACKUP_AES_KEY_WRAP_KWP ? HSM_WRAP_AES_KWP : HSM_WRAP_AES_PAD;
    memcpy(wrapped->label, backup->label, strlen(backup->label) + 1);
    enum status status = hsm_backup_open(&run->token, &config, &run->pin, &kek, fault);
    secret_free(&run->kek);
    secret_free(&run->so_pin);
    return status == STATUS_OK ? hsm_key_unwrap(run->token, &run->key, wrapped, profile, fault) : status;
}

static enum status proof_sign(struct restore_run *run, struct signed_document *out, struct fault *fault)
{
    struct bytes document = {0};
    if (getrandom(run->proof.challenge.bytes32, sizeof(run->proof.challenge.bytes32), 0) !=
        (ssize_t)sizeof(run->proof.challenge.bytes32)) {
        return fault_set(fault, STATUS_IO, "challenge", "could not read random bytes: %s", strerror(errno));
    }
    run->proof.made_at = clock_utc_us(clock_system());
    enum status status = restore_encode(&document, &run->proof, fault);
    if (status == STATUS_OK) {
        status = papers_signed(out, RESTORE_KIND, &document, run->key, fault);
        bytes_free(&document);
    }
    return status;
}

/* Through a fresh login: the token may have been lost. */
static enum status key_remove(struct restore_run *run, struct fault *fault)
{
    const struct hsm_token_config config = config_make(run);
    hsm_token_close(run->token);
    run->token = NULL;
    enum status status = hsm_token_open(&run->token, &config, &run->pin, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(run->token, &run->key, run->backup.label, &run->backup.key, fault);
    }
    return status == STATUS_OK ? hsm_key_destroy(run->token, run->key, fault) : status;
}

/* A drill leaves no key; nor does a restore whose proof is not on the disk, so that it can be done again. */
static enum status proof_out(struct restore_run *run, struct fault *fault)
{
    struct signed_document proof = {0};
    enum status status = proof_sign(run, &proof, fault);
    bool gone = false;
    if (status == STATUS_OK && run->options->drill) {
        status = hsm_key_destroy(run->token, run->key, fault);
        gone = status == STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = papers_write_signed("", run->options->output, &proof, fault);
    }
    signed_document_free(&proof);
    struct fault inner = {0};
    if (status != STATUS_OK && !gone && key_remove(run, &inner) != STATUS_OK) {
        log_fault("restore.key-left-on-token", &inner);
    }
    return status;
}

/* That the token is another than the one of birth is seen when the proof is held against the key document. */
static enum status clone_prove(struct restore_run *run, struct fault *fault)
{
    struct signed_document proof = {0};
    enum status status = token_open_restored(&run->token, run->options, HSM_TOKEN_SIGN, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(run->token, &run->key, run->options->key, NULL, fault);
    }
    if (status == STATUS_OK) {
        public_key_id(&run->proof.key, hsm_key_public(run->key));
        status = papers_token(&run->proof.token, hsm_token_facts(run->token), fault);
    }
    if (status == STATUS_OK) {
        status = gifts_collect(run, fault);
    }
    if (status == STATUS_OK) {
        status = proof_sign(run, &proof, fault);
    }
    if (status == STATUS_OK) {
        status = papers_write_signed("", run->options->output, &proof, fault);
    }
    signed_document_free(&proof);
    return status;
}

static enum status restore(struct restore_run *run, struct fault *fault)
{
    enum status status = papers_read(run, fault);
    if (status == STATUS_OK && is_clone(run)) {
        return clone_prove(run, fault);
    }
    status = status == STATUS_OK ? token_pin_read(&run->pin, run->options, fault) : status;
    status = status == STATUS_OK ? token_so_pin_read(&run->so_pin, run->options, fault) : status;
    status = status == STATUS_OK ? token_look(run, fault) : status;
    status = status == STATUS_OK ? gifts_collect(run, fault) : status;
    status = status == STATUS_OK ? key_unwrap(run, fault) : status;
    return status == STATUS_OK ? proof_out(run, fault) : status;
}

int restore_main(const struct options *options)
{
    struct fault fault = {0};
    struct restore_run run = {.options = options};
    enum status status = restore(&run, &fault);
    hsm_token_close(run.token);
    secret_free(&run.pin);
    secret_free(&run.so_pin);
    secret_free(&run.kek);
    policy_free(&run.policy);
    if (status != STATUS_OK) {
        return start_refused(&fault);
    }
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &run.proof.key);
    log_event(LOG_LEVEL_INFO, "key.restored", "key", id, "token", run.proof.token.label, "serial",
              run.proof.token.serial, "kind", restore_kind_text(run.proof.kind), "proof", options->output, NULL);
    return 0;
}
