/*
 * An array in order of arrival. Searching it is linear: with its bound that is some microseconds, far below the cost of
 * the signature check that every submission has paid before.
 */
#include "mempool.h"

#define ROW_OVERHEAD 640 /* keys, braces, one signature, the sender's key */

void mempool_entry_free(struct mempool_entry *entry)
{
    if (entry != NULL) {
        signed_document_free(&entry->row.transaction);
        free(entry);
    }
}

void mempool_wipe(struct mempool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        mempool_entry_free(pool->entries[i]);
    }
    *pool = (struct mempool){0};
}

/* The document travels as a string: each quote in it costs a backslash. */
static size_t row_size(const struct bytes *document)
{
    size_t size = document->len + ROW_OVERHEAD;
    for (size_t i = 0; i < document->len; i++) {
        size += document->data[i] == '"' || document->data[i] == '\\';
    }
    return size;
}

enum status mempool_entry_new(struct mempool_entry **out, const struct ledger_batch_row *row,
                              const struct transaction *transaction)
{
    struct mempool_entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL || signed_document_copy(&entry->row.transaction, &row->transaction) != STATUS_OK) {
        free(entry);
        return STATUS_NO_MEMORY;
    }
    const struct bytes *document = &entry->row.transaction.document;
    transaction_id(&entry->id, document->data, document->len);
    entry->row.key = row->key;
    entry->from = transaction->from;
    entry->lane = transaction->lane;
    entry->seq = transaction->seq;
    entry->size = row_size(document);
    *out = entry; /* transferred */
    return STATUS_OK;
}

static size_t index_of(const struct mempool *pool, const struct digest *id)
{
    size_t i = 0;
    while (i < pool->count && !digest_equal(&pool->entries[i]->id, id)) {
        i++;
    }
    return i;
}

const struct mempool_entry *mempool_find(const struct mempool *pool, const struct digest *id)
{
    size_t i = index_of(pool, id);
    return i < pool->count ? pool->entries[i] : NULL;
}

uint64_t mempool_lane_next(const struct mempool *pool, const struct account_id *from, uint64_t lane, uint64_t next)
{
    for (size_t i = 0; i < pool->count; i++) {
        const struct mempool_entry *entry = pool->entries[i];
        if (entry->lane == lane && entry->seq >= next && account_id_equal(&entry->from, from)) {
            next = entry->seq + 1;
        }
    }
    return next;
}

enum status mempool_add(struct mempool *pool, struct mempool_entry *entry)
{
    if (pool->count == MEMPOOL_ENTRIES_MAX || pool->bytes + entry->size > MEMPOOL_BYTES_MAX) {
        return STATUS_BUSY;
    }
    pool->entries[pool->count++] = entry; /* transferred */
    pool->bytes += entry->size;
    return STATUS_OK;
}

void mempool_remove(struct mempool *pool, const struct digest *id)
{
    size_t i = index_of(pool, id);
    if (i == pool->count) {
        return;
    }
    pool->bytes -= pool->entries[i]->size;
    mempool_entry_free(pool->entries[i]);
    pool->count--;
    memmove(&pool->entries[i], &pool->entries[i + 1], (pool->count - i) * sizeof(pool->entries[0]));
}

int64_t mempool_due_us(const struct mempool *pool, int64_t now_us)
{
    if (pool->count == 0) {
        return -1;
    }
    int64_t age = now_us - pool->entries[0]->arrived_us;
    if (pool->bytes >= MEMPOOL_CUT_BYTES || age >= MEMPOOL_CUT_AGE_US) {
        return 0;
    }
    return MEMPOOL_CUT_AGE_US - age;
}

size_t mempool_cut(const struct mempool *pool)
{
    size_t bytes = 0;
    size_t count = 0;
    while (count < pool->count && bytes < MEMPOOL_CUT_BYTES) {
        bytes += pool->entries[count++]->size;
    }
    return count;
}
