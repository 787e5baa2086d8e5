/*
 * `signerd backup`: wraps a key of the token under a new key-encryption key (KEK) that custodians share, k of n.
 *
 * The KEK exists in this process's secure heap and, as a session object, in the token; afterwards only its shares do,
 * each sealed for its custodian. The backup document is signed by the key that it is of, so wrapped key, shares and key
 * belong together for good. The wrapped key itself goes into a file for its holder and nowhere else: what travels, and
 * is kept by others, has its digest.
 */
#include "hsm/backup.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/share.h"
#include "custodians.h"
#include "papers.h"
#include "token.h"

struct backup_run {
    const struct options *options;
    struct hsm_uri uri;
    struct custodians custodians;
    struct secret pin;
    struct secret so_pin;
    struct secret kek;
    struct hsm_token *token;
    const struct hsm_key *key;
    struct custodian_shares shares;
    struct bytes wrapped;
    struct backup document;
};

/* The facts of the ceremony's step `backup`. */
struct backup_facts {
    char backup[DIGEST_HEX_LEN + 1];
    char check[DIGEST_HEX_LEN + 1];
    char threshold[8];
};

static const struct canon_field facts_fields[] = {
    CANON_FIELD(struct backup_facts, backup, CANON_TEXT),
    CANON_FIELD(struct backup_facts, check, CANON_TEXT),
    CANON_FIELD(struct backup_facts, threshold, CANON_TEXT),
};

/* The first keys of a ledger are made before its policy, which names them. */
static enum status custodians_check(const struct backup_run *run, struct fault *fault)
{
    if (run->options->policy[0] != '\0') {
        return custodians_verify(&run->custodians, run->options->policy, fault);
    }
    log_event(LOG_LEVEL_WARNING, "custodians.not-verified", "detail",
              "without a policy only the admission of the key sees who signed their sealing keys", NULL);
    return STATUS_OK;
}

/* What is wrong with the words must be told before anybody's PIN is used. */
static enum status words_read(struct backup_run *run, struct fault *fault)
{
    const struct options *options = run->options;
    enum status status = token_choose(&run->uri, options, fault);
    if (status == STATUS_OK && (name_parse(&run->document.holder, options->holder) != STATUS_OK ||
                                name_parse(&run->document.site, options->site) != STATUS_OK)) {
        return fault_set(fault, STATUS_USAGE, "holder", "holder and site are names");
    }
    if (status == STATUS_OK) {
        status = custodians_parse(&run->custodians, options->custodians, fault);
    }
    if (status == STATUS_OK && (size_t)options->threshold > run->custodians.count) {
        return fault_set(fault, STATUS_USAGE, "threshold", "there are %zu custodians", run->custodians.count);
    }
    for (size_t i = 0; i < run->custodians.count && status == STATUS_OK; i++) {
        const struct custodian *custodian = &run->custodians.list[i];
        if (name_equal(&custodian->id, &run->document.holder) || name_equal(&custodian->site, &run->document.site)) {
            status = fault_set(fault, STATUS_INVALID, "holder",
                               "the backup lies apart from the shares: not with %s, not at %s", custodian->id.text,
                               custodian->site.text);
        }
    }
    return status == STATUS_OK ? custodians_check(run, fault) : status;
}

/* The PIN of the token is with others than the parts of this backup. */
static enum status pin_apart(struct backup_run *run, struct fault *fault)
{
    struct share_set set;
    struct digest digest;
    if (run->options->pin_shares[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = custodian_set_read(&set, &digest, run->options->pin_shares, fault);
    custodians_table(&run->document.shares, &run->custodians);
    return status == STATUS_OK ? share_set_check_apart(&set, &run->document, fault) : status;
}

static struct hsm_token_config config_make(const struct backup_run *run)
{
    /* A standby that was restored is backed up like any other. */
    return (struct hsm_token_config){.module_path = run->uri.module_path,
                                     .selector = run->uri.selector,
                                     .session_count = 1,
                                     .use = HSM_TOKEN_GENERATE,
                                     .restored = true,
                                     .lock_folder = run->options->lock_folder};
}

/* Two sources, so that one of them may be bad: SHA-256 of what the kernel and what the token gave. */
static enum status kek_mix(struct backup_run *run, struct fault *fault)
{
    struct secret both = {0};
    enum status status = secret_new(&both, 2UL * HSM_KEK_LEN);
    if (status == STATUS_OK) {
        status = secret_new(&run->kek, HSM_KEK_LEN);
    }
    if (status != STATUS_OK) {
        secret_free(&both);
        return fault_set(fault, status, "kek", "the secure heap is full");
    }
    if (getrandom(both.data, HSM_KEK_LEN, 0) != HSM_KEK_LEN) {
        status = fault_set(fault, STATUS_IO, "kek", "could not read random bytes: %s", strerror(errno));
    }
    if (status == STATUS_OK) {
        status = hsm_token_random(run->token, both.data + HSM_KEK_LEN, HSM_KEK_LEN, fault);
    }
    if (status == STATUS_OK) {
        struct digest mixed;
        digest_sha256(&mixed, both.data, both.len);
        memcpy(run->kek.data, mixed.bytes32, HSM_KEK_LEN);
        secret_wipe(&mixed, sizeof(mixed));
    }
    secret_free(&both);
    return status;
}

/* Once as user: is the key there, and will it be wrapped? Then the token's randomness. */
static enum status kek_make(struct backup_run *run, struct fault *fault)
{
    const struct hsm_token_config config = config_make(run);
    enum status status = hsm_token_open(&run->token, &config, &run->pin, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(run->token, &run->key, run->options->key, NULL, fault);
    }
    if (status == STATUS_OK && hsm_key_profile(run->key) != HSM_KEY_WRAPPABLE) {
        status = fault_set(fault, STATUS_KEY_UNFIT, run->options->key, "the key was made not to leave its token");
    }
    if (status == STATUS_OK) {
        status = kek_mix(run, fault);
    }
    hsm_token_close(run->token);
    run->token = NULL;
    run->key = NULL;
    return status;
}

static enum status key_wrap(struct backup_run *run, struct fault *fault)
{
    const struct hsm_token_config config = config_make(run);
    const struct hsm_kek kek = {&run->so_pin, &run->kek};
    struct hsm_wrapped wrapped;
    enum status status = hsm_backup_open(&run->token, &config, &run->pin, &kek, fault);
    if (status == STATUS_OK) {
        status = hsm_key_open_label(run->token, &run->key, run->options->key, NULL, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_key_wrap(run->key, &wrapped, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    run->document.key = wrapped.public;
    run->document.mechanism = wrapped.wrap == HSM_WRAP_AES_KWP ? BACKUP_AES_KEY_WRAP_KWP : BACKUP_AES_KEY_WRAP_PAD;
    memcpy(run->document.label, wrapped.label, sizeof(wrapped.label));
    digest_sha256(&run->document.wrapped_sha256, wrapped.bytes, wrapped.len);
    run->document.wrapped_size = (int64_t)wrapped.len;
    return bytes_copy(&run->wrapped, wrapped.bytes, wrapped.len);
}

static enum status shares_make(struct backup_run *run, struct fault *fault)
{
    struct custodian_order order = {
        .custodians = &run->custodians,
        .secret = &run->kek,
        .threshold = (unsigned)run->options->threshold,
        .of = SHARE_OF_KEK,
    };
    public_key_id(&order.key, hsm_key_public(run->key));
    enum status status = custodian_shares_make(&run->shares, &order, fault);
    if (status == STATUS_OK) {
        share_kek_check(&run->document.check, &run->kek);
        run->document.shares = run->shares.table;
    }
    secret_free(&run->kek);
    return status;
}

/* What was signed is read back and verified, as whoever admits or restores the key will. */
static enum status document_sign(struct backup_run *run, struct signed_document *out, struct fault *fault)
{
    struct bytes document = {0};
    struct backup read_back;
    run->document.made_at = clock_utc_us(clock_system());
    enum status status = papers_token(&run->document.token, hsm_token_facts(run->token), fault);
    if (status == STATUS_OK) {
        status = backup_encode(&document, &run->document, fault);
    }
    if (status == STATUS_OK) {
        status = papers_signed(out, BACKUP_KIND, &document, run->key, fault);
    }
    bytes_free(&document);
    if (status == STATUS_OK) {
        status = backup_verify(&read_back, out, fault);
    }
    return status == STATUS_OK ? backup_check_wrapped(&read_back, &run->wrapped, fault) : status;
}

static enum status facts_print(const struct backup_run *run, const struct digest *digest, struct fault *fault)
{
    struct backup_facts facts = {.backup = ""};
    struct bytes text = {0};
    digest_format(facts.backup, digest);
    digest_format(facts.check, &run->document.check);
    (void)snprintf(facts.threshold, sizeof(facts.threshold), "%u", run->document.shares.threshold);
    enum status status = canon_encode_bytes(&text, &facts, facts_fields, sizeof(facts_fields) / sizeof(facts_fields[0]),
                                            CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = papers_print(&text, fault);
        bytes_free(&text);
    }
    return status;
}

static enum status wrapped_write(const struct backup_run *run, struct fault *fault)
{
    char name[NAME_SIZE + 16];
    (void)snprintf(name, sizeof(name), "wrapped-%s.bin", run->document.holder.text);
    return papers_write_bytes(run->options->output, name, &run->wrapped, fault);
}

/* The document last: it tells of papers that are there. */
static enum status papers_out(struct backup_run *run, struct fault *fault)
{
    struct signed_document document = {0};
    struct digest digest;
    enum status status = document_sign(run, &document, fault);
    if (status == STATUS_OK) {
        backup_digest(&digest, document.document.data, document.document.len);
        status = custodian_shares_write(&run->shares, &digest, run->options->output, fault);
    }
    if (status == STATUS_OK) {
        status = wrapped_write(run, fault);
    }
    if (status == STATUS_OK) {
        status = papers_write_signed(run->options->output, "backup.json", &document, fault);
    }
    if (status == STATUS_OK) {
        status = facts_print(run, &digest, fault);
    }
    signed_document_free(&document);
    return status;
}

static enum status backup(struct backup_run *run, struct fault *fault)
{
    enum status status = words_read(run, fault);
    status = status == STATUS_OK ? pin_apart(run, fault) : status;
    status = status == STATUS_OK ? token_pin_read(&run->pin, run->options, fault) : status;
    status = status == STATUS_OK ? token_so_pin_read(&run->so_pin, run->options, fault) : status;
    status = status == STATUS_OK ? kek_make(run, fault) : status;
    status = status == STATUS_OK ? key_wrap(run, fault) : status;
    status = status == STATUS_OK ? shares_make(run, fault) : status;
    return status == STATUS_OK ? papers_out(run, fault) : status;
}

int backup_main(const struct options *options)
{
    struct fault fault = {0};
    struct backup_run run = {.options = options};
    enum status status = backup(&run, &fault);
    hsm_token_close(run.token);
    secret_free(&run.pin);
    secret_free(&run.so_pin);
    secret_free(&run.kek);
    custodian_shares_free(&run.shares);
    bytes_free(&run.wrapped);
    return status == STATUS_OK ? 0 : start_refused(&fault);
}
