/*
 * The freezes of the guard: their records, and the copy of them in memory that answers without the disk.
 *
 * A record stays when its target is thawed, so the numbers of freezes never come again; its place is taken by another
 * target only when all are in use. The copy is changed as that of the keys is: when a batch was synced and read back.
 */
#include "base/canon.h"
#include "guard_private.h"

/* As kept: words for the enums. */
struct kept_freeze {
    struct guard_freeze freeze;
    char cause[16];
    char scope[16];
    char subject[FREEZE_SUBJECT_SIZE];
};

static const struct canon_field freeze_fields[] = {
    CANON_FIELD_OPTIONAL(struct guard_freeze, by, CANON_NAME),
    CANON_FIELD_RANGE(struct kept_freeze, cause, CANON_TEXT, 1, 0),
    CANON_FIELD(struct guard_freeze, frozen, CANON_BOOLEAN),
    CANON_FIELD(struct guard_freeze, on, CANON_COUNTER),
    CANON_FIELD(struct guard_freeze, reason, CANON_NAME),
    CANON_FIELD_RANGE(struct kept_freeze, scope, CANON_TEXT, 1, 0),
    {"since", CANON_TIME, false, offsetof(struct guard_freeze, since_utc_us), sizeof(int64_t), 0, 0},
    {"subject", CANON_TEXT, true, offsetof(struct kept_freeze, subject), FREEZE_SUBJECT_SIZE, 1, 0},
};
_Static_assert(offsetof(struct kept_freeze, freeze) == 0, "rows of a freeze serve for what is kept");

#define FREEZE_FIELDS (sizeof(freeze_fields) / sizeof(freeze_fields[0]))

static enum status freeze_encode(struct bytes *out, const struct guard_freeze *freeze)
{
    struct kept_freeze kept = {.freeze = *freeze};
    (void)snprintf(kept.cause, sizeof(kept.cause), "%s", key_cause_text(freeze->cause));
    (void)snprintf(kept.scope, sizeof(kept.scope), "%s", freeze_scope_text(freeze->target.scope));
    memcpy(kept.subject, freeze->target.subject, sizeof(kept.subject));
    return canon_encode_bytes(out, &kept, freeze_fields, FREEZE_FIELDS, CANON_DOCUMENT_MAX, NULL);
}

enum status guard_freeze_decode(struct guard_freeze *out, const void *value, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct kept_freeze kept;
    enum status status = canon_parse(&object, value, len, CANON_DOCUMENT_MAX, NULL);
    if (status == STATUS_OK) {
        status = canon_decode(&kept, sizeof(kept), object, freeze_fields, FREEZE_FIELDS, "", NULL);
        json_decref(object);
    }
    status = status == STATUS_OK ? key_cause_parse(&kept.freeze.cause, kept.cause) : status;
    if (status != STATUS_OK || freeze_target_parse(&kept.freeze.target, kept.scope, kept.subject, NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the record of a freeze is none");
    }
    *out = kept.freeze;
    return STATUS_OK;
}

enum status guard_freezes_load(struct guard *guard, MDB_txn *txn, struct fault *fault)
{
    enum status status = STATUS_OK;
    bool there = true;
    while (status == STATUS_OK && there && guard->freeze_count < GUARD_FREEZES_MAX) {
        struct guard_record record;
        const uint8_t *value = NULL;
        size_t len = 0;
        guard_record_paper(&record, 'f', guard->freeze_count);
        status = guard_value_read(guard, txn, &value, &len, &record, fault);
        there = value != NULL;
        if (status == STATUS_OK && there) {
            status = guard_freeze_decode(&guard->freezes[guard->freeze_count], value, len, fault);
            guard->freeze_count += status == STATUS_OK;
        }
    }
    return status;
}

size_t guard_freezes(struct guard *guard, struct guard_freeze out[GUARD_FREEZES_MAX])
{
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
    size_t count = guard->freeze_count;
    memcpy(out, guard->freezes, count * sizeof(*out));
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
    return count;
}

/* Changing */

static const struct guard_freeze *freeze_at(const struct guard_batch *batch, size_t index)
{
    for (size_t i = batch->freeze_change_count; i > 0; i--) {
        if (batch->freeze_changes[i - 1].index == index) {
            return &batch->freeze_changes[i - 1].freeze;
        }
    }
    return &batch->guard->freezes[index];
}

static bool freeze_find(const struct guard_batch *batch, size_t *out_index, const struct freeze_target *target)
{
    for (size_t i = 0; i < batch->freeze_count; i++) {
        if (freeze_target_equal(&freeze_at(batch, i)->target, target)) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

bool guard_txn_freeze_find(const struct guard_txn *txn, struct guard_freeze *out, const struct freeze_target *target)
{
    size_t index = 0;
    if (!freeze_find(txn->batch, &index, target)) {
        return false;
    }
    *out = *freeze_at(txn->batch, index);
    return true;
}

uint64_t guard_txn_freeze_last(const struct guard_txn *txn)
{
    uint64_t last = 0;
    for (size_t i = 0; i < txn->batch->freeze_count; i++) {
        uint64_t on = freeze_at(txn->batch, i)->on;
        last = on > last ? on : last;
    }
    return last;
}

/*
 * Its own place, a new one, or that of a target that was thawed. One place is kept for everything, so that whoever can
 * freeze a few assets cannot keep others from stopping all.
 */
static bool place_find(const struct guard_batch *batch, size_t *out, const struct freeze_target *target)
{
    size_t places = target->scope == FREEZE_EVERYTHING ? GUARD_FREEZES_MAX : GUARD_FREEZES_MAX - 1;
    if (freeze_find(batch, out, target)) {
        return true;
    }
    if (batch->freeze_count < places) {
        *out = batch->freeze_count;
        return true;
    }
    for (size_t i = 0; i < batch->freeze_count; i++) {
        const struct guard_freeze *there = freeze_at(batch, i);
        if (!there->frozen && there->target.scope != FREEZE_EVERYTHING) {
            *out = i;
            return true;
        }
    }
    return false;
}

enum status guard_txn_freeze_write(struct guard_txn *txn, const struct guard_freeze *freeze, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    struct guard_record record;
    struct bytes value = {0};
    size_t index = 0;
    INVARIANT(batch->freeze_change_count < BATCH_MAX);
    if (!place_find(batch, &index, &freeze->target)) {
        return fault_set(fault, STATUS_TOO_LARGE, "guard", "at most %d targets are frozen at a time; freeze everything",
                         GUARD_FREEZES_MAX - 1);
    }
    guard_record_paper(&record, 'f', index);
    const MDB_val key = {record.key_len, record.key};
    enum status status = freeze_encode(&value, freeze);
    if (status == STATUS_OK) {
        status = guard_store(batch, &key, value.data, value.len, 0);
    }
    bytes_free(&value);
    if (status != STATUS_OK) {
        batch->broken = true;
        return fault_set(fault, status, "guard", "could not remember the freeze");
    }
    batch->freeze_changes[batch->freeze_change_count++] = (struct freeze_change){.index = index, .freeze = *freeze};
    batch->freeze_count += index == batch->freeze_count;
    return STATUS_OK;
}

void guard_freezes_adopt(struct guard *guard, const struct guard_batch *batch)
{
    for (size_t i = 0; i < batch->freeze_change_count; i++) {
        guard->freezes[batch->freeze_changes[i].index] = batch->freeze_changes[i].freeze;
    }
    guard->freeze_count = batch->freeze_count;
}
