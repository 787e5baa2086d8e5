/*
 * The evidence bundle of a confirmed withdrawal (docs/formats.md section 4): every document, every entry of the trail
 * with its proof under one checkpoint, the transaction in its block. Made of stored bytes; whoever reads it checks it
 * alone.
 */
#include "audit/log_keys.h"
#include "base/canon.h"
#include "destinations.h"
#include "key_papers.h"
#include "policy/command.h"
#include "policy/withdrawal.h"
#include "record.h"
#include "resources.h"
#include "store/trail_read.h"
#include "trail_kept.h"
#include "trail_leaf.h"
#include "trail_signed.h"
#include "values.h"
#include "withdrawals.h"
#include "witnesses.h"

#define EVIDENCE_ENTRIES_MAX 500

struct gathering {
    struct service *service;
    struct uuid id;
    struct store_withdrawal row;
    json_t *view; /* for its approvals */
    struct store_leaf_list entries;
    json_t *destination;  /* the one that was recorded before signing */
    struct digest policy; /* in force then */
    struct digest swept;  /* the key that the order of a sweep names */
    json_t *sweep;        /* the order by which it was signed and the document of its key; NULL for none */
};

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_NO_MEMORY, "evidence", "%s", "");
}

static enum status load_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct gathering *gathering = context;
    json_decref(gathering->view);
    gathering->view = NULL;
    store_withdrawal_wipe(&gathering->row);
    enum status status = store_withdrawal_get(&gathering->row, tx, &gathering->id, fault);
    if (status == STATUS_OK && gathering->row.state != WITHDRAWAL_CONFIRMED) {
        status = fault_set(fault, STATUS_CONFLICT, "state", "is %s: evidence exists once confirmed",
                           withdrawal_state_text(gathering->row.state));
    }
    if (status == STATUS_OK) {
        status = withdrawal_view(&gathering->view, gathering->service, tx, &gathering->row, fault);
    }
    return status;
}

static bool ends(const struct store_leaf *entry)
{
    return strcmp(entry->act, audit_action_text(AUDIT_WITHDRAWAL_CONFIRMED)) == 0 &&
           strcmp(entry->outcome, audit_outcome_text(AUDIT_OUTCOME_OK)) == 0;
}

/* What came after `withdrawal.confirmed` is no part of the withdrawal. The last one: whoever writes to the database has
 * one put in before its time. */
static void end_entries(struct store_leaf_list *entries)
{
    while (entries->count > 0 && !ends(&entries->rows[entries->count - 1])) {
        bytes_free(&entries->rows[--entries->count].raw);
    }
}

/* Of a withdrawal whose entries have left the database, or whose log ended, there is the evidence that somebody took
 * before. */
static enum status check_first(const struct gathering *gathering, struct fault *fault)
{
    const struct store_leaf_list *entries = &gathering->entries;
    uint64_t first = 0;
    bool follows = audit_origin_epoch(gathering->service->options.origin) > 1;
    bool begins = entries->count > 0 && entries->rows[0].ord == 1;
    if (begins && (!follows || strcmp(entries->rows[0].act, audit_action_text(AUDIT_WITHDRAWAL_REQUEST)) == 0)) {
        return STATUS_OK;
    }
    enum status status = begins ? STATUS_OK : trail_kept_from(&first, gathering->service->reader, fault);
    if (status == STATUS_OK && first > 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "entries",
                         "entries of it left the database for the archive, which has those below %llu: the entry "
                         "retention.prune names it (checkpoint, root)",
                         (unsigned long long)first);
    }
    return status == STATUS_OK && follows
               ? fault_set(fault, STATUS_LOG_ENDED, "entries", "it began in a log that ended, a copy of which has them")
               : status;
}

/* The entries of this withdrawal, oldest first, up to and including `withdrawal.confirmed`. */
static enum status find_entries(struct gathering *gathering, struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &gathering->id);
    const struct store_leaf_filter filter = {.otype = RECORD_WITHDRAWAL, .oid = id, .limit = EVIDENCE_ENTRIES_MAX};
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, gathering->service->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_list(&gathering->entries, tx, &filter, fault);
        store_rollback(tx);
    }
    status = status == STATUS_OK ? check_first(gathering, fault) : status;
    end_entries(&gathering->entries);
    return status;
}

static bool names(const struct audit_event *event, const char *name, const struct digest *digest)
{
    struct digest named;
    return audit_event_ref(&named, event, name) == STATUS_OK && digest_equal(&named, digest);
}

/* The approvals of the bundle, no more and no fewer. */
static bool names_approvals(const struct audit_event *event, const json_t *approvals)
{
    struct digest named[WITHDRAWAL_APPROVALS_MAX];
    size_t count = WITHDRAWAL_APPROVALS_MAX;
    size_t found = 0;
    size_t i = 0;
    json_t *row = NULL;
    if (audit_event_refs(named, &count, event, "approvals") != STATUS_OK || count != json_array_size(approvals)) {
        return false;
    }
    json_array_foreach(approvals, i, row)
    {
        const char *text = json_string_value(json_object_get(row, "document"));
        struct digest digest;
        approval_digest(&digest, text, text == NULL ? 0 : strlen(text));
        for (size_t k = 0; k < count; k++) {
            found += digest_equal(&named[k], &digest) ? 1 : 0;
        }
    }
    return found == count;
}

/* Whether it was made for this withdrawal as it is, and not by somebody who only writes to the database. */
static bool fits(const struct gathering *gathering, const struct audit_event *event)
{
    const struct store_withdrawal *row = &gathering->row;
    const struct policy_version *version = policies_find(gathering->service->policies, &event->policy);
    struct intent asked;
    struct digest intent;
    struct digest transaction;
    intent_digest(&intent, row->intent.data, row->intent.len);
    transaction_id(&transaction, row->transaction.data, row->transaction.len);
    return event->action == AUDIT_WITHDRAWAL_SIGNING && event->outcome == AUDIT_OUTCOME_INTENT &&
           names(event, INTENT_KIND, &intent) && names(event, TRANSACTION_KIND, &transaction) &&
           names_approvals(event, json_object_get(gathering->view, "approvals")) && version != NULL &&
           intent_decode(&asked, row->intent.data, row->intent.len, NULL) == STATUS_OK &&
           version->policy.version >= asked.policy_version;
}

/* STATUS_NOT_READY when it is not the entry. */
static enum status take_signing(struct gathering *gathering, const struct store_tx *tx, const struct store_leaf *entry,
                                struct fault *fault)
{
    struct audit_event event = {0};
    struct signed_document destination = {0};
    enum status status = trail_leaf_event(&event, entry, fault);
    if (status == STATUS_OK && !fits(gathering, &event)) {
        status = STATUS_NOT_READY;
    }
    if (status == STATUS_OK) {
        status = destination_find_recorded(&destination, tx, entry, fault);
    }
    if (status == STATUS_OK) {
        gathering->policy = event.policy;
        json_decref(gathering->destination);
        gathering->destination = NULL;
        status = signed_document_encode(&gathering->destination, &destination, fault);
    }
    audit_event_wipe(&event);
    signed_document_free(&destination);
    return status;
}

static enum status signing_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct gathering *gathering = context;
    enum status status = STATUS_NOT_READY;
    for (size_t i = 0; i < gathering->entries.count && status != STATUS_OK; i++) {
        struct fault why = {0};
        status = take_signing(gathering, tx, &gathering->entries.rows[i], &why);
        if (status != STATUS_OK && status != STATUS_NOT_READY && status != STATUS_DESTINATION_UNLISTED) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
    }
    return status == STATUS_OK ? status
                               : fault_set(fault, STATUS_NOT_READY, "trail", "the signing entry is not in the trail");
}

/* Anything may be kept there by whoever writes to the database; what the quorum signed for it in time is shown. */
static bool is_sweep(void *context, int64_t *out_issued_at_utc_us, const struct signed_document *order)
{
    const struct gathering *gathering = context;
    const struct store_leaf_list *entries = &gathering->entries;
    struct command command;
    struct digest intent;
    intent_digest(&intent, gathering->row.intent.data, gathering->row.intent.len);
    bool good = key_paper_is_sweep(&command, gathering->service, order, &intent) && entries->count > 0 &&
                command.issued_at <= entries->rows[entries->count - 1].ts_utc_us &&
                digest_equal(&command.policy, &gathering->policy);
    *out_issued_at_utc_us = good ? command.issued_at : 0;
    return good;
}

static bool is_swept(void *context, int64_t *out_issued_at_utc_us, const struct signed_document *key)
{
    const struct gathering *gathering = context;
    struct key_document document;
    bool good = key_paper_is_document(&document, gathering->service, key, &gathering->swept);
    *out_issued_at_utc_us = good ? document.issued_at : 0;
    return good;
}

static enum status sweep_json(struct gathering *gathering, const struct signed_document *order,
                              const struct signed_document *key, struct fault *fault)
{
    json_t *order_json = NULL;
    json_t *key_json = NULL;
    enum status status = signed_document_encode(&order_json, order, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&key_json, key, fault);
    }
    if (status == STATUS_OK) {
        json_decref(gathering->sweep);
        gathering->sweep = json_pack("{s:O, s:O}", "key", key_json, "order", order_json);
        status = gathering->sweep == NULL ? no_memory(fault) : STATUS_OK;
    }
    json_decref(order_json);
    json_decref(key_json);
    return status;
}

/* What was signed by a key that was in service has none. */
static enum status sweep_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct gathering *gathering = context;
    struct signed_document order = {0};
    struct signed_document key = {0};
    struct command command;
    struct digest intent;
    struct fault why = {0};
    intent_digest(&intent, gathering->row.intent.data, gathering->row.intent.len);
    const struct key_paper_choice orders = {.fits = is_sweep, .context = gathering};
    const struct key_paper_choice keys = {.fits = is_swept, .context = gathering};
    enum status status = key_paper_find(&order, tx, KEY_PAPER_COMMAND, &intent, &orders, &why);
    if (status == STATUS_OK) {
        status = command_decode(&command, order.document.data, order.document.len, &why);
    }
    if (status == STATUS_OK) {
        gathering->swept = command.key;
        status = key_paper_find(&key, tx, KEY_PAPER_KEY, &gathering->swept, &keys, &why);
    }
    if (status == STATUS_OK) {
        status = sweep_json(gathering, &order, &key, &why);
    }
    signed_document_free(&order);
    signed_document_free(&key);
    return status_info(status)->http < 500 ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status fetch_tile(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                              struct fault *fault)
{
    return trail_tile(hashes, context, tile, fault);
}

static enum status append_entry(json_t *entries, struct audit_tile_reader *tiles, const struct store_leaf *leaf,
                                struct fault *fault)
{
    struct audit_proof proof;
    char index[24];
    const struct audit_hash_reader reader = audit_tile_reader_hashes(tiles);
    enum status status = audit_inclusion_prove(&proof, &reader, leaf->seq, tiles->size, fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(index, sizeof(index), "%llu", (unsigned long long)leaf->seq);
    json_t *entry =
        json_pack("{s:s, s:o, s:o}", "index", index, "leaf", value_base64(&leaf->raw), "proof", value_hashes(&proof));
    return json_array_append_new(entries, entry) == 0 ? STATUS_OK : no_memory(fault);
}

static enum status prove_entries(json_t *entries, struct trail *trail, uint64_t size,
                                 const struct store_leaf_list *list, struct fault *fault)
{
    const struct audit_tile_source source = {.fetch = fetch_tile, .context = trail};
    const struct store_leaf *last = list->count == 0 ? NULL : &list->rows[list->count - 1];
    if (last == NULL || !ends(last) || last->seq >= size) {
        return fault_set(fault, STATUS_NOT_READY, "trail", "the last entry is not covered by a checkpoint yet");
    }
    struct audit_tile_reader *tiles = malloc(sizeof(*tiles)); /* 64 KiB */
    if (tiles == NULL) {
        return no_memory(fault);
    }
    audit_tile_reader_init(tiles, &source, size);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++) {
        status = trail_signed_check(trail, &list->rows[i], fault);
        status = status == STATUS_OK ? append_entry(entries, tiles, &list->rows[i], fault) : status;
    }
    free(tiles);
    return status;
}

static enum status add_entries(json_t *bundle, struct gathering *gathering, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    struct trail *trail = gathering->service->trail;
    json_t *entries = json_array();
    enum status status = witnesses_newest(&newest, gathering->service, fault);
    if (status == STATUS_OK) {
        status = prove_entries(entries, trail, newest.checkpoint.size, &gathering->entries, fault);
    }
    if (status == STATUS_OK && (json_object_set(bundle, "entries", entries) != 0 ||
                                json_object_set_new(bundle, "checkpoint", value_base64(&newest.note)) != 0)) {
        status = no_memory(fault);
    }
    json_decref(entries);
    bytes_free(&newest.note);
    return status;
}

static enum status certificate_json(json_t **out, const struct ledger_certificate *certificate, struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = ledger_certificate_encode(&text, certificate, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
        bytes_free(&text);
    }
    if (status == STATUS_OK) {
        *out = json_incref(json_object_get(object, "signatures"));
        json_decref(object);
    }
    return status;
}

static enum status block_json(json_t **out, const struct ledger_evidence *evidence, struct fault *fault)
{
    json_t *certificate = NULL;
    enum status status = certificate_json(&certificate, &evidence->certificate, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = json_pack("{s:o, s:s, s:I, s:s, s:o, s:o}", "certificate", certificate, "header",
                     (const char *)evidence->header.data, "index", (json_int_t)evidence->index, "receipt",
                     (const char *)evidence->receipt.data, "receipt_proof", value_hashes(&evidence->receipt_proof),
                     "tx_proof", value_hashes(&evidence->tx_proof));
    return *out == NULL ? no_memory(fault) : STATUS_OK;
}

static enum status add_block(json_t *bundle, struct gathering *gathering, struct fault *fault)
{
    struct digest id;
    struct ledger_evidence evidence = {0};
    json_t *transaction = NULL;
    json_t *block = NULL;
    transaction_id(&id, gathering->row.transaction.data, gathering->row.transaction.len);
    enum status status = ledger_node_evidence(gathering->service->node, &evidence, &id, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&transaction, &evidence.transaction, fault);
    }
    if (status == STATUS_OK) {
        status = block_json(&block, &evidence, fault);
    }
    if (status == STATUS_OK &&
        (json_object_set(bundle, "transaction", transaction) != 0 || json_object_set(bundle, "block", block) != 0)) {
        status = no_memory(fault);
    }
    json_decref(transaction);
    json_decref(block);
    ledger_evidence_free(&evidence);
    return status;
}

/* The chain from the first version to the one that was in force at the signature. */
static enum status policies_json(json_t **out, const struct gathering *gathering, struct fault *fault)
{
    const struct policy_version *last = policies_find(gathering->service->policies, &gathering->policy);
    json_t *array = json_array();
    enum status status = last != NULL ? STATUS_OK
                                      : fault_set(fault, STATUS_NOT_READY, "policy",
                                                  "the version that was in force at the signature is not known here");
    for (const struct policy_version *at = last; at != NULL && status == STATUS_OK; at = at->prev) {
        json_t *document = NULL;
        status = signed_document_encode(&document, &at->document, fault);
        if (status == STATUS_OK && json_array_insert_new(array, 0, document) != 0) {
            status = no_memory(fault);
        }
    }
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

static enum status add_documents(json_t **out, struct gathering *gathering, struct fault *fault)
{
    const struct service *service = gathering->service;
    char id[UUID_TEXT_SIZE];
    json_t *policies = NULL;
    uuid_format(id, &gathering->id);
    enum status status = policies_json(&policies, gathering, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = json_pack("{s:s, s:s, s:s, s:o, s:O, s:s, s:O}", "format", "strongroom-evidence/v1", "withdrawal", id,
                     "genesis", (const char *)service->genesis.data, "policies", policies, "destination",
                     gathering->destination, "intent", (const char *)gathering->row.intent.data, "approvals",
                     json_object_get(gathering->view, "approvals"));
    if (*out == NULL || (gathering->sweep != NULL && json_object_set(*out, "sweep", gathering->sweep) != 0)) {
        return no_memory(fault);
    }
    return STATUS_OK;
}

enum status evidence_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct gathering gathering = {.service = service};
    json_t *bundle = NULL;
    if (uuid_parse(&gathering.id, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
    }
    enum status status = store_read(service->store, load_in, &gathering, fault);
    if (status == STATUS_OK) {
        status = find_entries(&gathering, fault);
    }
    if (status == STATUS_OK) {
        status = store_read(service->store, signing_in, &gathering, fault);
    }
    if (status == STATUS_OK) {
        status = store_read(service->store, sweep_in, &gathering, fault);
    }
    if (status == STATUS_OK) {
        status = add_documents(&bundle, &gathering, fault);
    }
    if (status == STATUS_OK) {
        status = add_block(bundle, &gathering, fault);
    }
    if (status == STATUS_OK) {
        status = add_entries(bundle, &gathering, fault);
    }
    json_decref(gathering.view);
    json_decref(gathering.destination);
    json_decref(gathering.sweep);
    store_leaf_list_free(&gathering.entries);
    store_withdrawal_wipe(&gathering.row);
    if (status != STATUS_OK) {
        json_decref(bundle);
        return status;
    }
    reply->results = json_array_size(json_object_get(bundle, "entries"));
    return http_reply_json(reply, 200, bundle, fault);
}
