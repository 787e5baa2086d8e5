/*
 * The people whom a guard holds for suspended: their records, and the copy in memory.
 *
 * A record stays when its person is resumed, so the numbers of their suspensions never come again; its place is taken
 * by another only when all are in use. The copy is changed when a batch was synced and read back.
 */
#include "base/canon.h"
#include "guard_private.h"

static const struct canon_field person_fields[] = {
    CANON_FIELD(struct guard_person, by, CANON_NAME),
    CANON_FIELD(struct guard_person, on, CANON_COUNTER),
    CANON_FIELD(struct guard_person, person, CANON_NAME),
    CANON_FIELD(struct guard_person, reason, CANON_NAME),
    {"since", CANON_TIME, false, offsetof(struct guard_person, since_utc_us), sizeof(int64_t), 0, 0},
    CANON_FIELD(struct guard_person, suspended, CANON_BOOLEAN),
};

#define PERSON_FIELDS (sizeof(person_fields) / sizeof(person_fields[0]))

enum status guard_person_decode(struct guard_person *out, const void *value, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct guard_person person;
    enum status status = canon_parse(&object, value, len, CANON_DOCUMENT_MAX, NULL);
    if (status == STATUS_OK) {
        status = canon_decode(&person, sizeof(person), object, person_fields, PERSON_FIELDS, "", NULL);
        json_decref(object);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the record of a person is none");
    }
    *out = person;
    return STATUS_OK;
}

enum status guard_people_load(struct guard *guard, MDB_txn *txn, struct fault *fault)
{
    enum status status = STATUS_OK;
    bool there = true;
    while (status == STATUS_OK && there && guard->person_count < GUARD_PEOPLE_MAX) {
        struct guard_record record;
        const uint8_t *value = NULL;
        size_t len = 0;
        guard_record_paper(&record, 'u', guard->person_count);
        status = guard_value_read(guard, txn, &value, &len, &record, fault);
        there = value != NULL;
        if (status == STATUS_OK && there) {
            status = guard_person_decode(&guard->people[guard->person_count], value, len, fault);
            guard->person_count += status == STATUS_OK;
        }
    }
    return status;
}

size_t guard_people(struct guard *guard, struct guard_suspended out[GUARD_PEOPLE_MAX], uint64_t *out_changes)
{
    size_t count = 0;
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
    for (size_t i = 0; i < guard->person_count; i++) {
        if (guard->people[i].suspended) {
            out[count++] = (struct guard_suspended){.person = guard->people[i].person, .on = guard->people[i].on};
        }
    }
    if (out_changes != NULL) {
        *out_changes = guard->state.suspensions;
    }
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
    return count;
}

/* Changing */

static const struct guard_person *person_at(const struct guard_batch *batch, size_t index)
{
    for (size_t i = batch->person_change_count; i > 0; i--) {
        if (batch->person_changes[i - 1].index == index) {
            return &batch->person_changes[i - 1].person;
        }
    }
    return &batch->guard->people[index];
}

static bool person_find(const struct guard_batch *batch, size_t *out_index, const struct name *person)
{
    for (size_t i = 0; i < batch->person_count; i++) {
        if (name_equal(&person_at(batch, i)->person, person)) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

bool guard_txn_person_find(const struct guard_txn *txn, struct guard_person *out, const struct name *person)
{
    size_t index = 0;
    if (!person_find(txn->batch, &index, person)) {
        return false;
    }
    *out = *person_at(txn->batch, index);
    return true;
}

/* Their own place, a new one, or that of somebody who was resumed. */
static bool place_find(const struct guard_batch *batch, size_t *out, const struct name *person)
{
    if (person_find(batch, out, person)) {
        return true;
    }
    if (batch->person_count < GUARD_PEOPLE_MAX) {
        *out = batch->person_count;
        return true;
    }
    for (size_t i = 0; i < batch->person_count; i++) {
        if (!person_at(batch, i)->suspended) {
            *out = i;
            return true;
        }
    }
    return false;
}

enum status guard_txn_person_write(struct guard_txn *txn, const struct guard_person *person, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    struct guard_record record;
    struct bytes value = {0};
    size_t index = 0;
    INVARIANT(batch->person_change_count < BATCH_MAX);
    if (!place_find(batch, &index, &person->person)) {
        return fault_set(fault, STATUS_TOO_LARGE, "guard", "at most %d people are suspended at a time",
                         GUARD_PEOPLE_MAX);
    }
    guard_record_paper(&record, 'u', index);
    const MDB_val key = {record.key_len, record.key};
    enum status status = canon_encode_bytes(&value, person, person_fields, PERSON_FIELDS, CANON_DOCUMENT_MAX, NULL);
    if (status == STATUS_OK) {
        status = guard_store(batch, &key, value.data, value.len, 0);
    }
    bytes_free(&value);
    if (status != STATUS_OK) {
        batch->broken = true;
        return fault_set(fault, status, "guard", "could not remember the person");
    }
    batch->person_changes[batch->person_change_count++] = (struct person_change){.index = index, .person = *person};
    batch->person_count += index == batch->person_count;
    txn->state.people = batch->person_count;
    txn->state.suspensions++;
    return STATUS_OK;
}

void guard_people_adopt(struct guard *guard, const struct guard_batch *batch)
{
    for (size_t i = 0; i < batch->person_change_count; i++) {
        guard->people[batch->person_changes[i].index] = batch->person_changes[i].person;
    }
    guard->person_count = batch->person_count;
}
