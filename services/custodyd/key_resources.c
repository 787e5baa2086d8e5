/*
 * Keys at the REST interface, for reading: what the signers said last, what the papers say, what the trail tells.
 */
#include "key_address.h"
#include "question.h"
#include "record.h"
#include "resources.h"
#include "store/trail_read.h"
#include "trail_kept.h"
#include "values.h"

#define HISTORY_MAX 500
#define DAY_US (24LL * 3600 * 1000000)
#define WARNING_US (30 * DAY_US)

static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static bool put_time(json_t *object, const char *name, int64_t at_utc_us)
{
    char text[TIME_TEXT_SIZE];
    if (at_utc_us <= 0) {
        return true; /* not set */
    }
    time_format(text, at_utc_us);
    return put(object, name, json_string(text));
}

static bool put_digest(json_t *object, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    if (digest_is_zero(digest)) {
        return true;
    }
    digest_format(hex, digest);
    return put(object, name, json_string(hex));
}

static bool put_key(json_t *object, const struct public_key *key)
{
    json_t *texts = NULL;
    bool good = account_key_encode(&texts, key, NULL) == STATUS_OK && json_object_update(object, texts) == 0;
    json_decref(texts);
    return good;
}

static const char *phase(const struct key_document *document, int64_t now)
{
    if (now < document->valid_from) {
        return "early";
    }
    if (now >= document->valid_until) {
        return "over";
    }
    return now >= document->valid_until - WARNING_US ? "ending" : "running";
}

static bool put_proof(json_t *view, const struct key_proof *proof)
{
    return put(view, "proof", json_string(key_proof_text(proof->standing))) &&
           put_time(view, "proof_due", proof->overdue_at);
}

static bool put_document(json_t *view, const struct key_address *address, const struct wire_key *key, int64_t now)
{
    const struct key_document *document = &address->document;
    json_t *period = json_object();
    bool good = put_time(period, "valid_from", document->valid_from) &&
                put_time(period, "valid_until", document->valid_until) &&
                put(period, "phase", json_string(phase(document, now))) && put(view, "cryptoperiod", period) &&
                put_key(view, &document->key) && put(view, "backup", json_string(key_backup_text(document->backup)));
    if (good && document->backup != KEY_BACKUP_NONE) {
        int64_t due = key->restored_at + document->drill_days * DAY_US;
        good = put_time(view, "drill_due", due) && put(view, "drill_overdue", json_boolean(now >= due));
    }
    return good && put(view, "activation", json_string(key_activation_text(document->activation)));
}

static bool put_address(json_t *view, const struct key_address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    if (!put_time(view, "attested_at", address->attested ? address->attested_at_utc_us : 0)) {
        return false;
    }
    if (address->reason != KEY_ADDRESS_SHOWN) {
        return put(view, "address_reason", json_string(key_address_reason_text(address->reason)));
    }
    address_format(text, &address->account);
    return put(view, "address", json_string(text));
}

static bool put_box(json_t *view, const struct wire_key *key)
{
    json_t *box = json_object();
    return put(view, "box", box) && put(box, "signatures", json_integer((json_int_t)key->box_signatures)) &&
           put_time(box, "until", key->box_until);
}

static bool put_signer(json_t *view, const struct key_board_signer *signer, enum wire_role role)
{
    return put(view, "role", json_string(wire_role_name(role))) &&
           put(view, "purpose", json_string(wire_role_name(role))) &&
           put(view, "ready", json_boolean(signer->status == STATUS_OK && signer->ready)) &&
           (signer->reason[0] == '\0' || put(view, "reason", json_string(signer->reason)));
}

/* A key that its signer has named. NULL when memory ran out. */
static json_t *entry_view(struct service *service, const struct key_board_entry *entry,
                          const struct key_address *address)
{
    const struct wire_key *key = &entry->key;
    struct key_board_signer signer;
    struct digest founding;
    json_t *view = json_object();
    key_board_signer(&signer, service->board, entry->role);
    bool good = put_signer(view, &signer, entry->role) && put_digest(view, "key_id", &key->key) &&
                put(view, "alg", json_string(algorithm_info(key->alg)->name)) &&
                put(view, "state", json_string(key->state)) && put(view, "cause", json_string(key->cause)) &&
                put(view, "transitions", json_integer((json_int_t)key->on)) && put_time(view, "since", key->since) &&
                put_digest(view, "document_digest", &key->document) &&
                put_time(view, "restored_at", key->restored_at) && put_time(view, "destroy_at", key->destroy_at);
    public_key_id(&founding, &signer.founding);
    if (good && signer.founded && digest_equal(&founding, &key->key)) {
        good = put_key(view, &signer.founding);
    }
    if (good && entry->state == KEY_STATE_ACTIVE) {
        good = put_box(view, key);
    }
    if (good && entry->state != KEY_STATE_ACTIVE) {
        good = put(view, "ready", json_false());
    }
    if (good && address->documented) {
        good = put_document(view, address, key, clock_utc_us(service->clock));
    }
    if (good && address->documented && key_state_attests(entry->state)) { /* a destroyed key has nothing to prove */
        good = put_proof(view, &address->proof);
    }
    if (good && entry->role == WIRE_ROLE_TRANSFER) {
        good = put_address(view, address);
    }
    if (!good) {
        json_decref(view);
        return NULL;
    }
    return view;
}

/* A signer that has named no keys yet: what is known of it. */
static json_t *silent_view(const struct key_board_signer *signer, enum wire_role role)
{
    json_t *view = json_object();
    struct digest id;
    bool good = put_signer(view, signer, role);
    if (good && signer->founded) {
        public_key_id(&id, &signer->founding);
        good = put_digest(view, "key_id", &id) && put_key(view, &signer->founding);
    }
    if (!good) {
        json_decref(view);
        return NULL;
    }
    return view;
}

struct listing {
    struct service *service;
    struct key_board_entry *entries;
    size_t count;
    json_t *out;
};

static enum status append(json_t *array, json_t *view, struct fault *fault)
{
    return json_array_append_new(array, view) == 0 ? STATUS_OK : fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
}

static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    enum status status = STATUS_OK;
    json_decref(listing->out);
    listing->out = json_array();
    for (int role = WIRE_ROLE_TRANSFER; status == STATUS_OK && role < listing->service->role_count; role++) {
        struct key_board_signer signer;
        key_board_signer(&signer, listing->service->board, (enum wire_role)role);
        if (!signer.heard) {
            status = append(listing->out, silent_view(&signer, (enum wire_role)role), fault);
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < listing->count; i++) {
        struct key_address address;
        status = key_address_judge(&address, listing->service, tx, &listing->entries[i].key.key, fault);
        if (status == STATUS_OK) {
            status = append(listing->out, entry_view(listing->service, &listing->entries[i], &address), fault);
        }
    }
    return status;
}

enum status key_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                     struct fault *fault)
{
    (void)request;
    struct listing listing = {.service = service};
    enum status status = key_board_all(&listing.entries, &listing.count, service->board, fault);
    if (status == STATUS_OK) {
        status = store_read(service->store, list_in, &listing, fault);
    }
    free(listing.entries);
    if (status != STATUS_OK) {
        json_decref(listing.out);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "keys", listing.out), fault);
}

/* One key with everything about it. */

struct reading {
    struct service *service;
    struct key_board_entry entry;
    struct key_address address;
    json_t *out;
};

static enum status put_signed(json_t *object, const char *name, const struct signed_document *document,
                              struct fault *fault)
{
    json_t *value = NULL;
    enum status status = signed_document_encode(&value, document, fault);
    if (status == STATUS_OK && !put(object, name, value)) {
        status = fault_set(fault, STATUS_NO_MEMORY, name, "%s", "");
    }
    return status;
}

static enum status put_papers(struct reading *reading, const struct store_tx *tx, struct fault *fault)
{
    struct signed_document document = {0};
    struct signed_document attestation = {0};
    struct bytes ceremony = {0};
    struct digest bytes;
    struct key_document key;
    struct attestation attested;
    struct fault none = {0};
    enum status status = key_paper_document(&key, &document, reading->service, tx, &reading->entry.key, fault);
    if (status == STATUS_OK) {
        status = put_signed(reading->out, "document", &document, fault);
    }
    if (status == STATUS_OK && key_paper_attestation(&attested, &attestation, &bytes, tx, &key, &none) == STATUS_OK) {
        status = put_signed(reading->out, "attestation", &attestation, fault);
    }
    if (status == STATUS_OK && key_paper_ceremony(&ceremony, tx, &key, &none) == STATUS_OK &&
        !put(reading->out, "ceremony", json_stringn((const char *)ceremony.data, ceremony.len))) {
        status = fault_set(fault, STATUS_NO_MEMORY, "ceremony", "%s", "");
    }
    if (status == STATUS_OK && !put_digest(reading->out, "backup_document", &key.backup_document)) {
        status = fault_set(fault, STATUS_NO_MEMORY, "backup_document", "%s", "");
    }
    bytes_free(&ceremony);
    signed_document_free(&attestation);
    signed_document_free(&document);
    return status;
}

static enum status read_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    json_decref(reading->out);
    reading->out = NULL;
    enum status status = key_address_judge(&reading->address, reading->service, tx, &reading->entry.key.key, fault);
    if (status == STATUS_OK) {
        reading->out = entry_view(reading->service, &reading->entry, &reading->address);
        status = reading->out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "key", "%s", "") : STATUS_OK;
    }
    if (status == STATUS_OK && reading->address.documented && reading->address.reason != KEY_ADDRESS_FORGED) {
        status = put_papers(reading, tx, fault);
    }
    return status;
}

/* The newest entries about it, and the size that the head row has in their snapshot. */
static enum status list_history(struct store_leaf_list *out, uint64_t *out_head_size, const struct reading *reading,
                                struct fault *fault)
{
    char id[DIGEST_HEX_LEN + 1];
    struct store_tx *tx = NULL;
    digest_format(id, &reading->entry.key.key);
    const struct store_leaf_filter filter = {
        .otype = RECORD_KEY, .oid = id, .newest_first = true, .limit = HISTORY_MAX};
    enum status status = trail_extent_begin(&tx, out_head_size, reading->service->trail, fault);
    if (status == STATUS_OK) {
        status = store_leaf_list(out, tx, &filter, fault);
        store_rollback(tx);
    }
    return status;
}

static enum status put_history(struct reading *reading, struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct trail_extent extent = {.head_size = 0};
    json_t *array = json_array();
    json_t *corrupt = NULL;
    uint64_t first = 0;
    enum status status = put(reading->out, "history", array) ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = list_history(&list, &extent.head_size, reading, fault);
    }
    if (status == STATUS_OK) {
        status = trail_extent_read(&extent, reading->service, extent.head_size, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        json_t *view = NULL;
        status = trail_row_view(&view, reading->service, &extent, &list.rows[i], fault);
        status = status == STATUS_OK ? append(array, view, fault) : status;
    }
    if (status == STATUS_OK) {
        status = trail_kept_from(&first, reading->service->reader, fault);
    }
    if (status == STATUS_OK && !put(reading->out, "history_first", json_integer((json_int_t)first))) {
        status = STATUS_NO_MEMORY;
    }
    status = status == STATUS_OK ? trail_corrupt_view(&corrupt, reading->service, fault) : status;
    if (corrupt != NULL && !put(reading->out, "history_corrupt", corrupt)) {
        status = STATUS_NO_MEMORY;
    }
    store_leaf_list_free(&list);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "history", "%s", "");
}

enum status key_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                     struct fault *fault)
{
    struct reading reading = {.service = service};
    struct digest key;
    if (digest_parse(&key, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "key_id", "must be 64 hexadecimal digits");
    }
    if (key_board_find(&reading.entry, service->board, &key) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, "key_id", "no signer has said that it has this key");
    }
    enum status status = store_read(service->store, read_in, &reading, fault);
    if (status == STATUS_OK && reading.address.reason == KEY_ADDRESS_FORGED) {
        status = key_address_refuse(service, &key, &reading.address, "key_id", fault);
    }
    if (status == STATUS_OK) {
        status = put_history(&reading, fault);
    }
    if (status != STATUS_OK) {
        json_decref(reading.out);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "key", reading.out), fault);
}
