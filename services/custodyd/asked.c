/*
 * Keys of requests against the signed entries of the requests.
 */
#include "asked.h"

#include <inttypes.h>

#include "record.h"
#include "store/trail_query.h"
#include "trail_leaf.h"
#include "trail_signed.h"

#define REF "request"
#define SAME_TERMS_MAX 64 /* requests that are looked at, the newest first */

/* The key is a text of other characters than a NUL, so no other pair has these bytes. */
static struct digest asked_digest(const struct store_withdrawal *row)
{
    struct digest digest;
    digest_sha256_two(&digest, row->idempotency_key, strlen(row->idempotency_key) + 1, row->request.bytes32,
                      sizeof(row->request.bytes32));
    return digest;
}

enum status asked_ref_add(struct audit_event *event, const struct store_withdrawal *row, struct fault *fault)
{
    const struct digest digest = asked_digest(row);
    return audit_event_ref_add(event, REF, &digest, fault);
}

/* Requests of the person with these terms, the newest first, as the database shows them. */
static enum status list_same(struct store_trail_page *out, const struct service *service,
                             const struct store_withdrawal *row, struct fault *fault)
{
    struct store_tx *tx = NULL;
    char asset[DIGEST_HEX_LEN + 1];
    digest_format(asset, &row->asset);
    const struct store_trail_query query = {.actor = row->requester.text,
                                            .act = audit_action_text(AUDIT_WITHDRAWAL_REQUEST),
                                            .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                            .wallet = row->wallet.text,
                                            .asset = asset,
                                            .destination = row->destination,
                                            .amount_min = &row->amount,
                                            .amount_max = &row->amount,
                                            .newest_first = true,
                                            .limit = SAME_TERMS_MAX};
    enum status status = store_begin(&tx, service->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_trail_page(out, tx, &query, fault);
        store_rollback(tx);
    }
    return status;
}

/* One that is not shown to be signed accuses nobody. */
static enum status check_same(const struct service *service, const struct store_leaf *entry, const struct digest *asked,
                              struct fault *fault)
{
    struct digest named;
    struct fault why = {0};
    if (!trail_leaf_ref(&named, entry, REF) || !digest_equal(&named, asked)) {
        return STATUS_OK;
    }
    enum status status = trail_signed_check(service->trail, entry, &why);
    if (status == STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "Idempotency-Key",
                         "withdrawal %s was asked for by this request (entry %" PRIu64
                         " of the trail), and the database has it under another key, or not any more",
                         entry->oid, entry->seq);
    }
    return status == STATUS_CORRUPT || status == STATUS_NOT_READY
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status asked_check_new(const struct service *service, const struct store_withdrawal *row, struct fault *fault)
{
    const struct digest asked = asked_digest(row);
    struct store_trail_page page = {0};
    enum status status = list_same(&page, service, row, fault);
    for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
        status = check_same(service, &page.rows[i], &asked, fault);
    }
    store_trail_page_free(&page);
    return status;
}

enum status asked_check_again(const struct service *service, const struct uuid *found,
                              const struct store_withdrawal *row, struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    struct digest named;
    struct store_leaf_list list = {0};
    const struct digest asked = asked_digest(row);
    uuid_format(id, found);
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_WITHDRAWAL_REQUEST),
                                             .otype = RECORD_WITHDRAWAL,
                                             .oid = id,
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK)};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    if (status == STATUS_OK && list.count > 0 && trail_leaf_ref(&named, &list.rows[0], REF) &&
        !digest_equal(&named, &asked)) {
        status = fault_set(fault, STATUS_CORRUPT, "Idempotency-Key",
                           "the database says that withdrawal %s was asked for by this request, and entry %" PRIu64
                           " of the trail names another",
                           id, list.rows[0].seq);
    }
    store_leaf_list_free(&list);
    return status;
}
