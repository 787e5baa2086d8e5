/*
 * Sharing a secret among custodians. The shares in the clear live in the secure heap for as long as it takes to seal
 * them.
 */
#include "custodians.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/share.h"
#include "options.h"
#include "papers.h"
#include "signer/policies.h"

#define CUSTODIAN_TEXT_SIZE (2 * NAME_SIZE + OPTION_PATH_SIZE)
#define CUSTODIANS_MIN 2

/* The paper is of this person and of these days. */
static enum status seal_read(struct custodian *in_out, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = signer_signed_read(&document, path, CANON_DOCUMENT_MAX, &inner);
    if (status == STATUS_OK) {
        status = sealing_paper_read(&in_out->seal, &document, &inner);
        signed_document_free(&document);
    }
    if (status == STATUS_OK) {
        status = sealing_paper_check_time(&in_out->seal, clock_utc_us(clock_system()), &inner);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "custodians", "%s: %s%s%s", path, inner.where,
                         inner.where[0] == '\0' || inner.detail[0] == '\0' ? "" : ": ", inner.detail);
    }
    return name_equal(&in_out->seal.key.person, &in_out->id)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "custodians", "%s: is the sealing key of %s, not of %s", path,
                           in_out->seal.key.person.text, in_out->id.text);
}

/* One `name:site:file`, in a copy that may be cut up. */
static enum status custodian_parse(struct custodian *out, char *text, struct fault *fault)
{
    char *site = strchr(text, ':');
    char *path = site == NULL ? NULL : strchr(site + 1, ':');
    if (path == NULL) {
        return fault_set(fault, STATUS_USAGE, "custodians", "name:site:file, by commas");
    }
    *site++ = '\0';
    *path++ = '\0';
    if (name_parse(&out->id, text) != STATUS_OK || name_parse(&out->site, site) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "custodians", "'%s' and '%s' must be names", text, site);
    }
    return seal_read(out, path, fault);
}

static enum status distinct_check(const struct custodians *custodians, const struct custodian *custodian,
                                  struct fault *fault)
{
    for (size_t i = 0; i < custodians->count; i++) {
        const struct custodian *other = &custodians->list[i];
        if (name_equal(&other->id, &custodian->id)) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, "custodians", "%s is there twice", custodian->id.text);
        }
        if (name_equal(&other->site, &custodian->site)) {
            return fault_set(fault, STATUS_INVALID, "custodians", "%s and %s keep their shares at one site",
                             other->id.text, custodian->id.text);
        }
        if (seal_key_equal(&other->seal.key.seal, &custodian->seal.key.seal)) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, "custodians", "%s and %s have one key", other->id.text,
                             custodian->id.text);
        }
    }
    return STATUS_OK;
}

static enum status custodian_add(struct custodians *custodians, const char *text, size_t len, struct fault *fault)
{
    char copy[CUSTODIAN_TEXT_SIZE];
    struct custodian custodian = {.id = {""}};
    if (len >= sizeof(copy) || custodians->count == BACKUP_SHARES_MAX) {
        return fault_set(fault, STATUS_INVALID, "custodians", "at most %d, name:site:file each", BACKUP_SHARES_MAX);
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    enum status status = custodian_parse(&custodian, copy, fault);
    if (status == STATUS_OK) {
        status = distinct_check(custodians, &custodian, fault);
    }
    if (status == STATUS_OK) {
        custodians->list[custodians->count++] = custodian;
    }
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct custodian *)a)->id.text, ((const struct custodian *)b)->id.text);
}

enum status custodians_parse(struct custodians *out, const char *text, struct fault *fault)
{
    struct custodians custodians = {.count = 0};
    bool more = text[0] != '\0';
    while (more) {
        size_t len = strcspn(text, ",");
        enum status status = custodian_add(&custodians, text, len, fault);
        if (status != STATUS_OK) {
            return status;
        }
        more = text[len] == ',';
        text += len + (more ? 1 : 0);
    }
    if (custodians.count < CUSTODIANS_MIN) {
        return fault_set(fault, STATUS_USAGE, "custodians", "at least %d: name:site:file, by commas", CUSTODIANS_MIN);
    }
    qsort(custodians.list, custodians.count, sizeof(custodians.list[0]), by_name);
    *out = custodians;
    return STATUS_OK;
}

void custodians_table(struct share_table *out, const struct custodians *custodians)
{
    *out = (struct share_table){.count = custodians->count};
    for (size_t i = 0; i < custodians->count; i++) {
        const struct custodian *custodian = &custodians->list[i];
        out->holders[i] =
            (struct share_holder){.custodian = custodian->id, .seal = custodian->seal, .site = custodian->site};
    }
}

enum status custodians_verify(const struct custodians *custodians, const char *policy_path, struct fault *fault)
{
    struct policy policy = {0};
    struct share_table table;
    const int64_t now = clock_utc_us(clock_system());
    enum status status = signer_policies_open(&policy, policy_path, NULL, fault);
    if (status == STATUS_OK) {
        custodians_table(&table, custodians);
        status = share_table_check_people(&table, &policy, now, now, fault);
    }
    policy_free(&policy);
    return status;
}

static enum status share_seal(struct share_document *out, struct share_holder *holder,
                              const struct custodian_order *order, const struct custodian *custodian,
                              const struct share *share, struct fault *fault)
{
    *holder = (struct share_holder){
        .custodian = custodian->id, .index = share->index, .seal = custodian->seal, .site = custodian->site};
    share_commitment(&holder->commitment, &share->value);
    *out = (struct share_document){
        .commitment = holder->commitment,
        .custodian = custodian->id,
        .index = share->index,
        .key = order->key,
        .of = order->of,
        .threshold = order->threshold,
        .to = custodian->seal.key.seal,
    };
    return seal_close(&out->sealed, &share->value, &custodian->seal.key.seal, fault);
}

static enum status shares_seal(struct custodian_shares *out, const struct custodian_order *order,
                               const struct share *shares, struct fault *fault)
{
    enum status status = STATUS_OK;
    out->table.threshold = order->threshold;
    for (size_t i = 0; i < order->custodians->count && status == STATUS_OK; i++) {
        status = share_seal(&out->documents[i], &out->table.holders[i], order, &order->custodians->list[i], &shares[i],
                            fault);
        out->table.count = i + 1;
    }
    return status;
}

enum status custodian_shares_make(struct custodian_shares *out, const struct custodian_order *order,
                                  struct fault *fault)
{
    struct share shares[BACKUP_SHARES_MAX] = {{0}};
    struct custodian_shares made = {.table = {.count = 0}};
    enum status status =
        share_split(shares, order->secret, order->threshold, (unsigned)order->custodians->count, fault);
    if (status == STATUS_OK) {
        status = shares_seal(&made, order, shares, fault);
    }
    for (size_t i = 0; i < BACKUP_SHARES_MAX; i++) {
        share_free(&shares[i]);
    }
    if (status != STATUS_OK) {
        custodian_shares_free(&made);
        return status;
    }
    *out = made; /* transferred */
    return STATUS_OK;
}

static enum status share_write(const struct share_document *document, const char *folder, struct fault *fault)
{
    char name[NAME_SIZE + 16];
    struct bytes text = {0};
    (void)snprintf(name, sizeof(name), "share-%s.json", document->custodian.text);
    enum status status = share_document_encode(&text, document, fault);
    if (status == STATUS_OK) {
        status = papers_write(folder, name, &text, fault);
        bytes_free(&text);
    }
    return status;
}

enum status custodian_shares_write(struct custodian_shares *shares, const struct digest *set, const char *folder,
                                   struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < shares->table.count && status == STATUS_OK; i++) {
        shares->documents[i].set = *set;
        status = share_write(&shares->documents[i], folder, fault);
    }
    return status;
}

void custodian_shares_free(struct custodian_shares *shares)
{
    for (size_t i = 0; i < BACKUP_SHARES_MAX; i++) {
        share_document_free(&shares->documents[i]);
    }
    *shares = (struct custodian_shares){.table = {.count = 0}};
}

enum status custodian_set_read(struct share_set *out, struct digest *out_digest, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = signer_signed_read(&document, path, CANON_DOCUMENT_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = share_set_decode(out, document.document.data, document.document.len, fault);
    share_set_digest(out_digest, document.document.data, document.document.len);
    signed_document_free(&document);
    return status;
}
