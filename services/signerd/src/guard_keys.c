/*
 * The keys of the guard: their records, and the copy of them in memory that answers without the disk.
 *
 * A change writes at most one key. What a batch wrote is kept aside until it is synced and read back, and only then
 * becomes the copy; so nobody ever sees a state that a crash could take back.
 */
#include "base/canon.h"
#include "guard_private.h"

/* As kept: words for the enums, the key as documents have it. */
struct kept_key {
    struct guard_key key;
    struct bytes spki;
    char state[16];
    char cause[16];
};

#define KEY_ROW(text, member, kind)                                                                                    \
    {                                                                                                                  \
        text, kind, false, offsetof(struct guard_key, member), sizeof(((struct guard_key *)0)->member), 0, 0           \
    }

static const struct canon_field key_fields[] = {
    KEY_ROW("alg", public_key.algorithm, CANON_ALGORITHM),
    KEY_ROW("box_signatures", box_signatures, CANON_COUNTER),
    KEY_ROW("box_until", box_until_utc_us, CANON_TIME),
    CANON_FIELD_RANGE(struct kept_key, cause, CANON_TEXT, 1, 0),
    KEY_ROW("destroy_at", destroy_utc_us, CANON_TIME),
    KEY_ROW("document", document, CANON_HASH),
    {"key", CANON_BYTES, false, offsetof(struct kept_key, spki), PUBLIC_KEY_MAX, 0, 0},
    KEY_ROW("on", on, CANON_COUNTER),
    KEY_ROW("restored_at", restored_utc_us, CANON_TIME),
    KEY_ROW("since", since_utc_us, CANON_TIME),
    CANON_FIELD_RANGE(struct kept_key, state, CANON_TEXT, 1, 0),
    KEY_ROW("used_at", used_utc_us, CANON_TIME),
};
_Static_assert(offsetof(struct kept_key, key) == 0, "rows of a key serve for what is kept");

#define KEY_FIELDS (sizeof(key_fields) / sizeof(key_fields[0]))

enum status guard_key_encode(struct bytes *out, const struct guard_key *key, struct fault *fault)
{
    struct kept_key kept = {.key = *key};
    (void)snprintf(kept.state, sizeof(kept.state), "%s", key_state_text(key->state));
    (void)snprintf(kept.cause, sizeof(kept.cause), "%s", key_cause_text(key->cause));
    enum status status = bytes_copy(&kept.spki, key->public_key.spki, key->public_key.spki_len);
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &kept, key_fields, KEY_FIELDS, CANON_DOCUMENT_MAX, fault);
    }
    bytes_free(&kept.spki);
    return status;
}

static enum status kept_read(struct kept_key *out, const void *value, size_t len)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, value, len, CANON_DOCUMENT_MAX, NULL);
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), object, key_fields, KEY_FIELDS, "", NULL);
        json_decref(object);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const enum algorithm algorithm = out->key.public_key.algorithm;
    status = public_key_parse(&out->key.public_key, algorithm, out->spki.data, out->spki.len, NULL);
    bytes_free(&out->spki);
    status = status == STATUS_OK ? key_state_parse(&out->key.state, out->state) : status;
    return status == STATUS_OK ? key_cause_parse(&out->key.cause, out->cause) : status;
}

enum status guard_key_decode(struct guard_key *out, const void *value, size_t len, struct fault *fault)
{
    struct kept_key kept;
    if (kept_read(&kept, value, len) != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the record of a key is none");
    }
    public_key_id(&kept.key.key, &kept.key.public_key);
    *out = kept.key;
    return STATUS_OK;
}

/* Loading */

enum status guard_value_read(struct guard *guard, MDB_txn *txn, const uint8_t **out, size_t *out_len,
                             struct guard_record *record, struct fault *fault)
{
    MDB_val key = {record->key_len, record->key};
    MDB_val sealed;
    int rc = mdb_get(txn, guard->dbi, &key, &sealed);
    if (rc == MDB_NOTFOUND) {
        *out = NULL;
        *out_len = 0;
        return STATUS_OK;
    }
    return rc == 0 ? guard_unseal(out, out_len, &key, &sealed, fault)
                   : fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
}

static enum status paper_load(struct guard *guard, MDB_txn *txn, struct bytes *out, char letter, size_t index,
                              struct fault *fault)
{
    struct guard_record record;
    guard_record_paper(&record, letter, index);
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = guard_value_read(guard, txn, &value, &len, &record, fault);
    return status == STATUS_OK && value != NULL ? bytes_copy(out, value, len) : status;
}

/* Sets *out_there to false behind the last key. */
static enum status key_load(struct guard *guard, MDB_txn *txn, bool *out_there, size_t index, struct fault *fault)
{
    struct guard_record record;
    guard_record_paper(&record, 'k', index);
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = guard_value_read(guard, txn, &value, &len, &record, fault);
    *out_there = value != NULL;
    if (status != STATUS_OK || value == NULL) {
        return status;
    }
    status = guard_key_decode(&guard->keys[index], value, len, fault);
    if (status == STATUS_OK) {
        status = paper_load(guard, txn, &guard->papers[index].document, 'd', index, fault);
    }
    return status == STATUS_OK ? paper_load(guard, txn, &guard->papers[index].backup, 'b', index, fault) : status;
}

enum status guard_keys_load(struct guard *guard, struct fault *fault)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    enum status status = STATUS_OK;
    bool there = true;
    while (status == STATUS_OK && there && guard->key_count < GUARD_KEYS_MAX) {
        status = key_load(guard, txn, &there, guard->key_count, fault);
        guard->key_count += status == STATUS_OK && there;
    }
    status = status == STATUS_OK ? guard_freezes_load(guard, txn, fault) : status;
    status = status == STATUS_OK ? guard_people_load(guard, txn, fault) : status;
    mdb_txn_abort(txn);
    if (status == STATUS_OK && guard->key_count == 0) {
        status = fault_set(fault, STATUS_CORRUPT, "guard", "it has no key");
    }
    return status;
}

/* Reading */

size_t guard_key_count(struct guard *guard)
{
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
    size_t count = guard->key_count;
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
    return count;
}

void guard_key_read(struct guard *guard, struct guard_key *out, size_t index)
{
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
    INVARIANT(index < guard->key_count);
    *out = guard->keys[index];
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
}

enum status guard_key_find(struct guard *guard, size_t *out_index, struct guard_key *out, const struct digest *key_id)
{
    enum status status = STATUS_NOT_FOUND;
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
    for (size_t i = 0; i < guard->key_count && status != STATUS_OK; i++) {
        if (digest_equal(&guard->keys[i].key, key_id)) {
            *out_index = i;
            *out = guard->keys[i];
            status = STATUS_OK;
        }
    }
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
    return status;
}

const struct guard_papers *guard_key_papers(struct guard *guard, size_t index)
{
    INVARIANT(index < guard_key_count(guard)); /* the lock orders this look after the writing */
    return &guard->papers[index];
}

/* Changing */

size_t guard_txn_key_count(const struct guard_txn *txn)
{
    return txn->batch->key_count;
}

void guard_txn_key_read(struct guard_txn *txn, struct guard_key *out, size_t index)
{
    const struct guard_batch *batch = txn->batch;
    INVARIANT(index < batch->key_count);
    for (size_t i = batch->change_count; i > 0; i--) {
        if (batch->changes[i - 1].index == index) {
            *out = batch->changes[i - 1].key;
            return;
        }
    }
    *out = batch->guard->keys[index];
}

enum status guard_txn_key_find(struct guard_txn *txn, size_t *out_index, struct guard_key *out,
                               const struct digest *key_id)
{
    for (size_t i = 0; i < txn->batch->key_count; i++) {
        struct guard_key key;
        guard_txn_key_read(txn, &key, i);
        if (digest_equal(&key.key, key_id)) {
            *out_index = i;
            *out = key;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static enum status record_keep(struct guard_batch *batch, struct guard_record *record, const struct bytes *value)
{
    const MDB_val key = {record->key_len, record->key};
    return guard_store(batch, &key, value->data, value->len, 0);
}

enum status guard_store_key(struct guard_batch *batch, size_t index, const struct guard_key *key)
{
    struct bytes value = {0};
    struct guard_record record;
    guard_record_paper(&record, 'k', index);
    enum status status = guard_key_encode(&value, key, NULL);
    if (status == STATUS_OK) {
        status = record_keep(batch, &record, &value);
    }
    bytes_free(&value);
    batch->broken = batch->broken || status != STATUS_OK;
    return status;
}

static enum status paper_store(struct guard_batch *batch, struct bytes *out, char letter, size_t index,
                               const struct bytes *paper)
{
    if (paper->len == 0) {
        return STATUS_OK;
    }
    struct guard_record record;
    guard_record_paper(&record, letter, index);
    enum status status = bytes_copy(out, paper->data, paper->len);
    return status == STATUS_OK ? record_keep(batch, &record, paper) : status;
}

enum status guard_txn_key_write(struct guard_txn *txn, size_t index, const struct guard_key *key,
                                const struct guard_papers *papers, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    INVARIANT(index <= batch->key_count && batch->change_count < BATCH_MAX);
    if (index == GUARD_KEYS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "guard", "at most %d keys", GUARD_KEYS_MAX);
    }
    struct key_change *change = &batch->changes[batch->change_count++];
    *change = (struct key_change){.index = index, .key = *key};
    enum status status = guard_store_key(batch, index, key);
    if (status == STATUS_OK && papers != NULL) {
        status = paper_store(batch, &change->papers.document, 'd', index, &papers->document);
        status = status == STATUS_OK ? paper_store(batch, &change->papers.backup, 'b', index, &papers->backup) : status;
    }
    if (status != STATUS_OK) {
        batch->broken = true;
        return fault_set(fault, status, "guard", "could not remember the key");
    }
    batch->key_count += index == batch->key_count;
    return STATUS_OK;
}

static void papers_adopt(struct guard_papers *kept, struct guard_papers *shown)
{
    if (shown->document.data == NULL) {
        return;
    }
    INVARIANT(kept->document.data == NULL);
    *kept = *shown; /* transferred */
    *shown = (struct guard_papers){.document = {0}};
}

void guard_keys_adopt(struct guard *guard, struct guard_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        struct key_change *change = &batch->changes[i];
        guard->keys[change->index] = change->key;
        papers_adopt(&guard->papers[change->index], &change->papers);
    }
    guard->key_count = batch->key_count;
    guard_freezes_adopt(guard, batch);
    guard_people_adopt(guard, batch);
}

static void papers_free(struct guard_papers *papers)
{
    bytes_free(&papers->document);
    bytes_free(&papers->backup);
}

void guard_keys_drop(struct guard_batch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++) {
        papers_free(&batch->changes[i].papers);
    }
    batch->change_count = 0;
}

void guard_keys_free(struct guard *guard)
{
    for (size_t i = 0; i < GUARD_KEYS_MAX; i++) {
        papers_free(&guard->papers[i]);
    }
}
