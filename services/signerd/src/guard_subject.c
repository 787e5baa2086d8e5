/*
 * Subjects in the guard, and the file of their wrapped keys.
 */
#include "signer/guard_subject.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "guard_private.h"

#define SLOT_LEN 64
_Static_assert(SIGNER_WRAPPED_LEN <= SLOT_LEN, "a wrapped key fits into a slot");

/* Records */

void guard_record_subject(struct guard_record *out, const struct uuid *id)
{
    out->key[0] = 'e';
    memcpy(out->key + 1, id->bytes16, sizeof(id->bytes16));
    out->key_len = 1 + sizeof(id->bytes16);
}

enum { SLOT_AT = 0, AFTER_AT = 8, ERASED_AT = 16, WRAPPED_AT = 24, SUBJECT_LEN = 56 };

enum status guard_subject_decode(struct guard_subject *out, const void *value, size_t len)
{
    const uint8_t *at = value;
    if (len != SUBJECT_LEN) {
        return STATUS_CORRUPT;
    }
    out->slot = guard_number_read(at + SLOT_AT);
    out->erase_after_utc_us = (int64_t)guard_number_read(at + AFTER_AT);
    out->erased_utc_us = (int64_t)guard_number_read(at + ERASED_AT);
    memcpy(out->wrapped.bytes32, at + WRAPPED_AT, sizeof(out->wrapped.bytes32));
    return STATUS_OK;
}

static void subject_encode(struct guard_record *out, const struct guard_subject *subject)
{
    guard_number_write(out->value + SLOT_AT, subject->slot);
    guard_number_write(out->value + AFTER_AT, (uint64_t)subject->erase_after_utc_us);
    guard_number_write(out->value + ERASED_AT, (uint64_t)subject->erased_utc_us);
    memcpy(out->value + WRAPPED_AT, subject->wrapped.bytes32, sizeof(subject->wrapped.bytes32));
    out->value_len = SUBJECT_LEN;
}

enum status guard_txn_subject_get(struct guard_txn *txn, struct guard_subject *out, const struct uuid *id,
                                  struct fault *fault)
{
    struct guard_record record;
    guard_record_subject(&record, id);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_OK && guard_subject_decode(out, record.value, record.value_len) != STATUS_OK) {
        status = fault_set(fault, STATUS_CORRUPT, "guard", "the record of a subject is none");
    }
    return status;
}

enum status guard_txn_subject_write(struct guard_txn *txn, const struct uuid *id, const struct guard_subject *subject,
                                    struct fault *fault)
{
    struct guard_subject before;
    struct guard_record record;
    enum status status = guard_txn_subject_get(txn, &before, id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    txn->state.erased += before.erased_utc_us == 0 && subject->erased_utc_us != 0;
    guard_record_subject(&record, id);
    subject_encode(&record, subject);
    return guard_txn_replace(txn, &record, fault);
}

/* Slots */

static enum status slot_write(const struct guard *guard, uint64_t slot, const uint8_t bytes[SLOT_LEN],
                              struct fault *fault)
{
    uint8_t back[SLOT_LEN];
    off_t at = (off_t)(slot * SLOT_LEN);
    bool good = pwrite(guard->subjects_fd, bytes, SLOT_LEN, at) == SLOT_LEN && fdatasync(guard->subjects_fd) == 0 &&
                pread(guard->subjects_fd, back, SLOT_LEN, at) == SLOT_LEN && memcmp(back, bytes, SLOT_LEN) == 0;
    secret_wipe(back, sizeof(back));
    return good ? STATUS_OK
                : fault_set(fault, STATUS_IO, "guard", "the key of a subject could not be written: errno %d", errno);
}

enum status guard_txn_subject_add(struct guard_txn *txn, const struct uuid *id,
                                  const uint8_t wrapped60[SIGNER_WRAPPED_LEN], int64_t erase_after_utc_us,
                                  struct fault *fault)
{
    struct guard_subject subject = {.slot = txn->state.subjects, .erase_after_utc_us = erase_after_utc_us};
    struct guard_record record;
    uint8_t slot[SLOT_LEN] = {0};
    memcpy(slot, wrapped60, SIGNER_WRAPPED_LEN);
    digest_sha256(&subject.wrapped, wrapped60, SIGNER_WRAPPED_LEN);
    enum status status = slot_write(txn->batch->guard, subject.slot, slot, fault);
    secret_wipe(slot, sizeof(slot));
    if (status != STATUS_OK) {
        return status; /* nothing was put: this change alone fails */
    }
    guard_record_subject(&record, id);
    subject_encode(&record, &subject);
    txn->state.subjects++;
    return guard_txn_put(txn, &record, fault);
}

enum status guard_subject_key(struct guard *guard, uint8_t out60[SIGNER_WRAPPED_LEN],
                              const struct guard_subject *subject, struct fault *fault)
{
    uint8_t slot[SLOT_LEN];
    struct digest digest;
    if (pread(guard->subjects_fd, slot, SLOT_LEN, (off_t)(subject->slot * SLOT_LEN)) != SLOT_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the file of the keys of subjects is short");
    }
    digest_sha256(&digest, slot, SIGNER_WRAPPED_LEN);
    bool same = digest_equal(&digest, &subject->wrapped);
    if (same) {
        memcpy(out60, slot, SIGNER_WRAPPED_LEN);
    }
    secret_wipe(slot, sizeof(slot)); /* in no memory when it is destroyed in the file */
    return same ? STATUS_OK
                : fault_set(fault, STATUS_CORRUPT, "guard", "the key of a subject is not the one remembered");
}

enum status guard_subject_destroy(struct guard *guard, const struct guard_subject *subject, struct fault *fault)
{
    static const uint8_t nothing[SLOT_LEN];
    INVARIANT(subject->erased_utc_us != 0);
    return slot_write(guard, subject->slot, nothing, fault);
}

/* Opening */

static enum status slot_check(struct guard *guard, const struct guard_subject *subject, struct fault *fault)
{
    static const uint8_t nothing[SLOT_LEN];
    uint8_t slot[SLOT_LEN];
    if (subject->erased_utc_us == 0) {
        enum status status = guard_subject_key(guard, slot, subject, fault);
        secret_wipe(slot, sizeof(slot));
        return status;
    }
    if (pread(guard->subjects_fd, slot, SLOT_LEN, (off_t)(subject->slot * SLOT_LEN)) != SLOT_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the file of the keys of subjects is short");
    }
    if (memcmp(slot, nothing, SLOT_LEN) == 0) {
        return STATUS_OK;
    }
    log_event(LOG_LEVEL_WARNING, "subject.destroyed-late", NULL);
    return guard_subject_destroy(guard, subject, fault);
}

/* The guard was walked through before: its records are whole. */
static enum status slots_check(struct guard *guard, MDB_cursor *cursor, struct fault *fault)
{
    char letter[] = "e";
    MDB_val key = {1, letter};
    MDB_val sealed;
    enum status status = STATUS_OK;
    int rc = mdb_cursor_get(cursor, &key, &sealed, MDB_SET_RANGE);
    while (rc == 0 && status == STATUS_OK && *(const char *)key.mv_data == 'e') {
        const uint8_t *value = NULL;
        size_t len = 0;
        struct guard_subject subject = {0};
        status = guard_unseal(&value, &len, &key, &sealed, fault);
        if (status == STATUS_OK && guard_subject_decode(&subject, value, len) != STATUS_OK) {
            status = fault_set(fault, STATUS_CORRUPT, "guard", "the record of a subject is none");
        }
        status = status == STATUS_OK ? slot_check(guard, &subject, fault) : status;
        rc = mdb_cursor_get(cursor, &key, &sealed, MDB_NEXT);
    }
    return status;
}

enum status guard_subjects_open(struct guard *guard, struct fault *fault)
{
    guard->subjects_fd = -1;
    if (guard->state.role != ROLE_PRIVACY) {
        return STATUS_OK;
    }
    struct stat file;
    guard->subjects_fd = openat(guard->folder_fd, GUARD_SUBJECTS_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (guard->subjects_fd < 0 || fstat(guard->subjects_fd, &file) != 0 || !S_ISREG(file.st_mode) ||
        file.st_uid != geteuid() || (file.st_mode & 077) != 0) {
        return fault_set(fault, STATUS_CORRUPT, "guard",
                         "%s, the keys of subjects, must be there and belong to this user alone", GUARD_SUBJECTS_FILE);
    }
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    int rc = mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    rc = mdb_cursor_open(txn, guard->dbi, &cursor);
    enum status status =
        rc == 0 ? slots_check(guard, cursor, fault) : fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    if (rc == 0) {
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return status;
}

enum status guard_subjects_make(const char *folder, const struct guard_state *state, struct fault *fault)
{
    if (state->role != ROLE_PRIVACY) {
        return STATUS_OK;
    }
    char path[4096 + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, GUARD_SUBJECTS_FILE);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fault_set(fault, STATUS_IO, "guard", "could not make %s: errno %d", path, errno);
    }
    (void)close(fd);
    return STATUS_OK;
}

/* Reveals */

/* By the digest of the name: names are longer than a key may be. */
static void meter_record(struct guard_record *out, const struct name *person)
{
    struct digest digest;
    digest_sha256(&digest, person->text, strlen(person->text));
    guard_record_digest(out, 'm', &digest);
}
_Static_assert(GUARD_REVEALS_AN_HOUR * 8 <= GUARD_VALUE_MAX, "the reveals of an hour fit into a record");

static enum status meter_read(struct guard_txn *txn, struct guard_record *out, const struct name *person,
                              struct fault *fault)
{
    meter_record(out, person);
    enum status status = guard_txn_get(txn, out, fault);
    if (status == STATUS_NOT_FOUND) {
        out->value_len = 0;
        return STATUS_OK;
    }
    return status;
}

/* Those of the hour, moved to the front. */
static size_t meter_keep(struct guard_record *record, uint64_t running_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->value_len / 8; i++) {
        uint64_t at = guard_number_read(record->value + i * 8);
        if (at + GUARD_HOUR_US > running_us) {
            guard_number_write(record->value + kept * 8, at);
            kept++;
        }
    }
    return kept;
}

enum status guard_txn_reveals_left(struct guard_txn *txn, uint64_t *out_left, const struct name *person,
                                   uint64_t running_us, struct fault *fault)
{
    struct guard_record record;
    enum status status = meter_read(txn, &record, person, fault);
    if (status == STATUS_OK) {
        *out_left = GUARD_REVEALS_AN_HOUR - meter_keep(&record, running_us);
    }
    return status;
}

enum status guard_txn_reveal_count(struct guard_txn *txn, uint64_t *out_left, const struct name *person,
                                   uint64_t running_us, struct fault *fault)
{
    struct guard_record record;
    enum status status = meter_read(txn, &record, person, fault);
    if (status != STATUS_OK) {
        return status;
    }
    size_t kept = meter_keep(&record, running_us);
    if (kept >= GUARD_REVEALS_AN_HOUR) {
        uint64_t free_us = guard_number_read(record.value) + GUARD_HOUR_US - running_us;
        return fault_set(fault, STATUS_LIMIT_EXCEEDED, "command",
                         "%s has had %d reveals in an hour; the next in %llu s", person->text, GUARD_REVEALS_AN_HOUR,
                         (unsigned long long)(free_us / 1000000 + 1));
    }
    guard_number_write(record.value + kept * 8, running_us);
    record.value_len = (kept + 1) * 8;
    txn->state.reveals++;
    *out_left = GUARD_REVEALS_AN_HOUR - kept - 1;
    return guard_txn_replace(txn, &record, fault);
}
