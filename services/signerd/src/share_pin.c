/*
 * `signerd share-pin`: splits the PIN of a token among custodians, so that attended activation needs k of them.
 *
 * The token is not touched. Who has which share is the document share_set, which the governance quorum signs.
 */
#include "base/clock.h"
#include "base/share.h"
#include "custodians.h"
#include "hsm/pin.h"
#include "papers.h"
#include "signer/policies.h"
#include "token.h"

struct share_run {
    struct custodians custodians;
    struct share_set set;
    struct secret pin;
    struct secret block;
    struct custodian_shares shares;
};

static enum status words_read(struct share_run *run, const struct options *options, struct fault *fault)
{
    if (digest_parse(&run->set.key, options->key_id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "key-id", "64 hexadecimal digits");
    }
    enum status status = custodians_parse(&run->custodians, options->custodians, fault);
    if (status == STATUS_OK && (size_t)options->threshold > run->custodians.count) {
        return fault_set(fault, STATUS_USAGE, "threshold", "there are %zu custodians", run->custodians.count);
    }
    return status == STATUS_OK ? custodians_verify(&run->custodians, options->policy, fault) : status;
}

static enum status shares_make(struct share_run *run, const struct options *options, struct fault *fault)
{
    enum status status = token_pin_read(&run->pin, options, fault);
    if (status == STATUS_OK) {
        status = hsm_pin_check(&run->pin, "", "", "user PIN", fault);
    }
    if (status == STATUS_OK) {
        status = share_pin_pack(&run->block, &run->pin, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct custodian_order order = {
        .custodians = &run->custodians,
        .secret = &run->block,
        .threshold = (unsigned)options->threshold,
        .of = SHARE_OF_PIN,
        .key = run->set.key,
    };
    return custodian_shares_make(&run->shares, &order, fault);
}

/* Version and predecessor. */
static enum status set_begin(struct share_run *run, const struct options *options, struct fault *fault)
{
    struct share_set before = {.version = 0};
    run->set.version = 1;
    if (options->previous[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = custodian_set_read(&before, &run->set.prev, options->previous, fault);
    if (status == STATUS_OK && !digest_equal(&before.key, &run->set.key)) {
        status = fault_set(fault, STATUS_MISMATCH, "previous", "is of the PIN of another guard's key");
    }
    run->set.version = before.version + 1;
    return status;
}

static enum status apart_from(const struct share_run *run, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct backup backup = {0};
    enum status status = signer_signed_read(&document, path, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = backup_verify(&backup, &document, fault);
        signed_document_free(&document);
    }
    if (status == STATUS_OK) {
        status = share_set_check_apart(&run->set, &backup, fault);
    }
    return status;
}

static enum status apart_from_all(const struct share_run *run, const char *paths, struct fault *fault)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && paths[0] != '\0') {
        char path[OPTION_PATH_SIZE];
        size_t len = strcspn(paths, ",");
        if (len >= sizeof(path)) {
            return fault_set(fault, STATUS_USAGE, "backups", "a name of a file is too long");
        }
        memcpy(path, paths, len);
        path[len] = '\0';
        status = apart_from(run, path, fault);
        paths += len + (paths[len] == ',' ? 1 : 0);
    }
    return status;
}

static enum status papers_out(struct share_run *run, const struct options *options, struct fault *fault)
{
    struct bytes document = {0};
    struct digest digest;
    run->set.shares = run->shares.table;
    run->set.made_at = clock_utc_us(clock_system());
    enum status status = share_set_encode(&document, &run->set, fault);
    if (status != STATUS_OK) {
        return status;
    }
    share_set_digest(&digest, document.data, document.len);
    status = custodian_shares_write(&run->shares, &digest, options->output, fault);
    if (status == STATUS_OK) {
        status = papers_write(options->output, "share-set.json", &document, fault);
    }
    if (status == STATUS_OK) {
        status = papers_print(&document, fault);
    }
    bytes_free(&document);
    return status;
}

int share_pin_main(const struct options *options)
{
    struct fault fault = {0};
    struct share_run run = {.set = {.version = 0}};
    enum status status = words_read(&run, options, &fault);
    status = status == STATUS_OK ? set_begin(&run, options, &fault) : status;
    custodians_table(&run.set.shares, &run.custodians);
    status = status == STATUS_OK ? apart_from_all(&run, options->backups, &fault) : status;
    status = status == STATUS_OK ? shares_make(&run, options, &fault) : status;
    status = status == STATUS_OK ? papers_out(&run, options, &fault) : status;
    secret_free(&run.pin);
    secret_free(&run.block);
    custodian_shares_free(&run.shares);
    return status == STATUS_OK ? 0 : start_refused(&fault);
}
