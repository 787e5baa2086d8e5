/*
 * `signerd share-pin`: splits the PIN of a token among custodians, so that attended activation needs k of them.
 *
 * The token is not touched. Who has which share is the document share_set, which the governance quorum signs.
 */
#include "base/share.h"
#include "custodians.h"
#include "hsm/pin.h"
#include "papers.h"
#include "token.h"

struct share_run {
    struct custodians custodians;
    struct digest key;
    struct secret pin;
    struct secret block;
    struct custodian_shares shares;
};

static enum status words_read(struct share_run *run, const struct options *options, struct fault *fault)
{
    if (digest_parse(&run->key, options->key_id) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "key-id", "64 hexadecimal digits");
    }
    enum status status = custodians_parse(&run->custodians, options->custodians, fault);
    if (status == STATUS_OK && (size_t)options->threshold > run->custodians.count) {
        return fault_set(fault, STATUS_USAGE, "threshold", "there are %zu custodians", run->custodians.count);
    }
    return status;
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
        .key = run->key,
    };
    return custodian_shares_make(&run->shares, &order, fault);
}

static enum status papers_out(const struct share_run *run, const struct options *options, struct fault *fault)
{
    const struct share_set set = {.key = run->key, .shares = run->shares.table};
    struct bytes document = {0};
    enum status status = share_set_encode(&document, &set, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = custodian_shares_write(&run->shares, options->output, fault);
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
    struct share_run run = {.key = {{0}}};
    enum status status = words_read(&run, options, &fault);
    status = status == STATUS_OK ? shares_make(&run, options, &fault) : status;
    status = status == STATUS_OK ? papers_out(&run, options, &fault) : status;
    secret_free(&run.pin);
    secret_free(&run.block);
    custodian_shares_free(&run.shares);
    return status == STATUS_OK ? 0 : start_refused(&fault);
}
